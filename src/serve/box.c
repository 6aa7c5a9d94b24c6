/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "serve/serve_int.h"

enum {
    FREE_MAX = 128,
    BODY_KEEP = 64 * 1024, /* a larger answer's buffer is not kept */
    ID_BYTES = 16,
};

struct sut_box *sut_box__of(struct sut_exchange *x)
{
    return SUT_SERVE_OF(x, struct sut_box, x);
}

static void box_free(struct sut_box **pb)
{
    struct sut_box *b = *pb;
    if (b == NULL)
        return;
    sut_arena_free(&b->x.arena);
    sut_buf_done(&b->x.res.body);
    sut_h1_free(&b->h1);
    sut_mem_freep(pb);
}

static SUT_ERR box_create(struct sut_serve_loop *l, struct sut_box **ret)
{
    const struct sut_server_limits *limits = &l->server->o.limits;
    DEFER(box_free) struct sut_box *b = sut_mem_zalloc(1, sizeof(*b));
    ENSURE(b != NULL, NOMEM);
    b->loop = l;
    sut_buf_init(&b->x.res.body, limits->response_bytes);
    TRY(sut_arena_create(limits->arena_bytes, &b->x.arena));
    TRY(sut_h1_create(&limits->h1, &b->h1));
    *ret = STEAL(b);
    return SUT_OK;
}

/* Spread a counter over 64 bits (splitmix64): unique, and no call of the kernel. */
static uint64_t spread(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

static void put_hex(char *to, uint64_t v)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 15; i >= 0; i--) {
        to[i] = digits[v & 15];
        v >>= 4;
    }
}

static void make_id(struct sut_serve_loop *l, char ret[2 * ID_BYTES + 1])
{
    const uint64_t n = l->id_count++;
    put_hex(ret, spread(l->id_seed[0] + n * 0x9e3779b97f4a7c15ULL));
    put_hex(ret + ID_BYTES, spread(l->id_seed[1] ^ (n << 16 | l->index)));
    ret[2 * ID_BYTES] = '\0';
}

void sut_box__clear_answer(struct sut_box *b)
{
    struct sut_http_response *r = &b->x.res;
    sut_bytes_unref(&r->shared);
    sut_buf_reset(&r->body);
    if (r->body.cap > BODY_KEEP)
        sut_buf_done(&r->body);
    r->status = 0;
    r->fixed = NULL;
    r->n_headers = 0;
    r->close = false;
}

static struct sut_box *pop(struct sut_serve_loop *l)
{
    struct sut_box *b = l->free_boxes;
    if (b == NULL)
        return sut_failed(box_create(l, &b)) ? NULL : b;
    l->free_boxes = b->next_free;
    if (--l->n_free < l->n_low)
        l->n_low = l->n_free;
    return b;
}

struct sut_box *sut_box__take(struct sut_serve_loop *l, struct sut_conn *c)
{
    struct sut_box *b = pop(l);
    if (b == NULL)
        return NULL;
    b->conn = c;
    b->peer = c->peer;
    if (c->is_proxied)
        b->via = c->via;
    b->is_working = false;
    b->has_begun = false;
    b->is_late = false;
    b->x.peer = &b->peer;
    b->x.via = c->is_proxied ? &b->via : &b->peer;
    b->x.listener = c->listener;
    b->x.started_ns = sut_monotonic_ns();
    b->x.loop_ctx = l->app_ctx;
    b->x.app_data = NULL;
    b->x.keeps_body_apart = false;
    b->x.holds_body = false;
    make_id(l, b->x.request_id);
    if (sut_failed(sut_h1_start(b->h1, b->x.arena, &b->x.req))) {
        sut_box__give_back(b);
        return NULL;
    }
    return b;
}

void sut_box__give_back(struct sut_box *b)
{
    struct sut_serve_loop *l = b->loop;
    if (b->has_begun)
        l->server->service->on_done(l->server->service->app, &b->x);
    b->conn = NULL;
    sut_box__clear_answer(b);
    sut_arena_reset(b->x.arena);
    if (l->n_free >= FREE_MAX) {
        box_free(&b);
        return;
    }
    sut_arena_set_limit(b->x.arena, l->server->o.limits.arena_bytes);
    b->next_free = l->free_boxes;
    l->free_boxes = b;
    l->n_free++;
}

void sut_box__trim(struct sut_serve_loop *l, bool all)
{
    unsigned n = all ? l->n_free : l->n_low;
    for (; n > 0 && l->free_boxes != NULL; n--) {
        struct sut_box *b = l->free_boxes;
        l->free_boxes = b->next_free;
        l->n_free--;
        box_free(&b);
    }
    l->n_low = l->n_free;
}
