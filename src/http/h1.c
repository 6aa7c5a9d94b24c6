/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1.h"

#include <llhttp.h>

#include "base/mem.h"
#include "base/secret.h"
#include "http/head.h"

const struct sut_h1_limits sut_h1_limits_default = {
    .line_max = 8 * 1024,
    .fields_max = 16 * 1024,
    .fields_n_max = 100,
    .chunk_ext_max = 4 * 1024,
    .trailers_max = 4 * 1024,
};

enum {
    CHUNK_DIGITS_MAX = 16,
    FIRST_HEAD_ROOM = 1024, /* most heads fit, so that their bytes never move */
    BODY_FIRST = 4096,
};

enum state {
    AT_LINE,
    AT_FIELDS,
    AT_HEAD_END, /* HEAD was told; the caller sets body_max */
    AT_BODY,
    AT_CHUNK_SIZE,
    AT_CHUNK_EXT,
    AT_CHUNK_DATA,
    AT_CHUNK_END,
    AT_TRAILERS,
    AT_COMPLETE,
    AT_REFUSED,
};

struct sut_h1 {
    llhttp_t ll;
    struct sut_h1_limits limits;
    struct sut_arena *arena;
    struct sut_http_request *req;
    enum state state;
    struct sut_refusal refusal;

    /* The gate over lines: what is refused before llhttp sees it. */
    bool has_cr;         /* the last byte was CR: LF must follow */
    bool is_new;         /* at the first byte of a line */
    size_t line_n;       /* bytes of the request line */
    size_t fields_n;     /* field lines (of the head, or of the trailers) */
    size_t fields;       /* their bytes */
    struct sut_buf text; /* the head or the trailers, gathered in the arena */
    struct sut_header *headers;

    struct sut_buf body;
    struct sut_buf *apart; /* on the heap, of the arena; NULL: the body is in the arena itself */
    bool keeps_apart;
    size_t body_max;
    uint64_t left;   /* bytes of body or chunk to come */
    unsigned digits; /* of the chunk size */
    size_t ext_n;    /* bytes of chunk extensions so far */
    bool is_in_trailers;
    bool is_whole; /* llhttp says so */
};

static bool is_field_byte(unsigned char c)
{
    return (c >= ' ' && c != 0x7f) || c == '\t';
}

/* Of a request line or a field: how many bytes from p on are no control byte. */
static size_t count_plain(const char *p, size_t n)
{
    const uint64_t ones = UINT64_MAX / 255;
    size_t i = 0;
    for (uint64_t w = 0; n - i >= sizeof(w); i += sizeof(w)) {
        memcpy(&w, p + i, sizeof(w));
        const uint64_t del = w ^ ones * 0x7f;
        /* A byte below 0x20, or DEL, borrows into its top bit. */
        if ((((w - ones * ' ') & ~w) | ((del - ones) & ~del)) & ones * 0x80)
            break;
    }
    while (i < n && (unsigned char) p[i] >= ' ' && p[i] != 0x7f)
        i++;
    return i;
}

static enum sut_h1_event refuse(struct sut_h1 *h, int status, const char *why)
{
    h->state = AT_REFUSED;
    h->refusal = sut_refuse(status, why);
    return SUT_H1_REFUSED;
}

/* --- what llhttp tells --- */

static struct sut_h1 *self(llhttp_t *ll)
{
    return ll->data;
}

static bool is_length_name(sut_str name)
{
    return sut_str_eq_nocase(name, SUT_STR("content-length")) ||
           sut_str_eq_nocase(name, SUT_STR("transfer-encoding")) ||
           sut_str_eq_nocase(name, SUT_STR("host"));
}

/* The text is ours, so the name is made lower-case where it lies. */
static int on_field(llhttp_t *ll, const char *at, size_t n)
{
    struct sut_h1 *h = self(ll);
    if (h->is_in_trailers)
        return is_length_name(sut_str_of(at, n)) ? -1 : 0;
    if (n == 0 || h->req->n_headers >= h->fields_n)
        return -1;

    char *name = h->text.p + (at - h->text.p);
    for (size_t i = 0; i < n; i++) {
        const unsigned char low = sut_head_token[(unsigned char) name[i]];
        if (low == 0)
            return -1;
        name[i] = (char) low;
    }
    h->headers[h->req->n_headers++] = (struct sut_header){
        .name = sut_str_of(name, n),
        .value = sut_str_of(name + n, 0),
        .known = sut_head_known(sut_str_of(name, n)),
    };
    return 0;
}

static int on_value(llhttp_t *ll, const char *at, size_t n)
{
    struct sut_h1 *h = self(ll);
    if (h->is_in_trailers)
        return 0;
    /* A value in two pieces would be a folded one, and the gate lets none through. */
    if (h->req->n_headers == 0 || h->headers[h->req->n_headers - 1].value.n != 0)
        return -1;
    while (n > 0 && (at[n - 1] == ' ' || at[n - 1] == '\t'))
        n--;
    h->headers[h->req->n_headers - 1].value = sut_str_of(at, n);
    return 0;
}

static int on_head(llhttp_t *ll)
{
    (void) ll;
    return HPE_PAUSED;
}

static struct sut_buf *body_of(struct sut_h1 *h)
{
    return h->apart != NULL ? h->apart : &h->body;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
    sut_buf_add(body_of(self(ll)), at, n);
    return 0;
}

static int on_chunk(llhttp_t *ll)
{
    /* The gate has read the same size; when the two differ, neither is believed. */
    return self(ll)->left == ll->content_length ? 0 : -1;
}

static int on_whole(llhttp_t *ll)
{
    self(ll)->is_whole = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_chunk_header = on_chunk,
    .on_message_complete = on_whole,
};

/* --- the gate over lines --- */

/*
 * Read one line up to its LF; *ret_used bytes were taken.  True when the LF is
 * among them; false when more must come, or the line is refused.
 */
static bool gate_line(struct sut_h1 *h, const char *p, size_t n, size_t *ret_used)
{
    size_t i = h->has_cr ? 0 : count_plain(p, n);
    h->line_n += i;
    *ret_used = i;
    if (h->line_n > h->limits.line_max) {
        refuse(h, 414, "request line too long");
        return false;
    }
    if (i < n && !h->has_cr && p[i] == '\r') {
        h->has_cr = true;
        i++;
    }
    *ret_used = i;
    if (i == n)
        return false;
    if (!h->has_cr || p[i] != '\n') {
        refuse(h, 400, h->has_cr ? "bare CR" : "control byte or bare LF in the request line");
        return false;
    }
    h->has_cr = false;
    *ret_used = i + 1;
    return true;
}

/* The first byte of a field line. */
static bool gate_first(struct sut_h1 *h, char c)
{
    if (c == ' ' || c == '\t') {
        refuse(h, 400, "folded line, or blanks before a field");
        return false;
    }
    h->is_new = c == '\r';
    if (c != '\r' && ++h->fields_n > h->limits.fields_n_max) {
        refuse(h, 431, "too many fields");
        return false;
    }
    return true;
}

/* Read field lines up to the blank one, in all at most `max` bytes; as gate_line(). */
static bool gate_fields(struct sut_h1 *h, size_t max, const char *p, size_t n, size_t *ret_used)
{
    size_t i = 0;
    while (i < n) {
        if (h->has_cr) {
            if (p[i] != '\n') {
                refuse(h, 400, "bare CR");
                return false;
            }
            i++;
            h->fields += 2;
            h->has_cr = false;
            if (h->is_new) {
                *ret_used = i;
                return true;
            }
            h->is_new = true;
            continue;
        }
        if (h->is_new && !gate_first(h, p[i]))
            return false;
        const size_t from = i;
        i += count_plain(p + i, n - i);
        while (i < n && p[i] == '\t')
            i += 1 + count_plain(p + i + 1, n - i - 1);
        h->fields += i - from;
        if (h->fields > max) {
            refuse(h, 431, "fields too long");
            return false;
        }
        if (i == n)
            break;
        if (p[i] != '\r') {
            refuse(h, 400, "control byte or bare LF in a field");
            return false;
        }
        h->has_cr = true;
        i++;
    }
    *ret_used = n;
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const char low = sut_ascii_lower(c);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* One byte of a chunk's size line, its LF apart. */
static void gate_chunk_byte(struct sut_h1 *h, char c)
{
    const int digit = hex_digit(c);
    if (h->state == AT_CHUNK_SIZE && digit >= 0) {
        if (++h->digits > CHUNK_DIGITS_MAX)
            refuse(h, 400, "chunk size overflows");
        h->left = h->left << 4 | (unsigned) digit;
    } else if (h->digits == 0) {
        refuse(h, 400, "no chunk size");
    } else if (c == '\r') {
        h->has_cr = true;
    } else if (h->state == AT_CHUNK_SIZE) {
        h->state = AT_CHUNK_EXT;
        if (c != ';')
            refuse(h, 400, "bad chunk size");
    } else if (!is_field_byte((unsigned char) c)) {
        refuse(h, 400, "control byte or bare LF in a chunk extension");
    }
    if (h->state == AT_CHUNK_EXT && c != '\r' && ++h->ext_n > h->limits.chunk_ext_max)
        refuse(h, 413, "chunk extensions too long");
}

/* Read the line of a chunk's size; as gate_line(). */
static bool gate_chunk_size(struct sut_h1 *h, const char *p, size_t n, size_t *ret_used)
{
    size_t i = 0;
    for (; i < n; i++) {
        if (h->has_cr && p[i] == '\n') {
            h->has_cr = false;
            *ret_used = i + 1;
            return true;
        }
        if (h->has_cr)
            refuse(h, 400, "bare CR");
        else
            gate_chunk_byte(h, p[i]);
        if (h->state == AT_REFUSED)
            break;
    }
    *ret_used = i;
    return false;
}

/* --- the request, step by step --- */

/* Give llhttp bytes that the gate has passed. */
static bool run_llhttp(struct sut_h1 *h, const char *p, size_t n)
{
    const llhttp_errno_t e = llhttp_execute(&h->ll, p, n);
    if (e == HPE_OK || (e == HPE_PAUSED && llhttp_get_error_pos(&h->ll) == p + n))
        return true;
    const char *why = llhttp_get_error_reason(&h->ll);
    refuse(h, 400, why == NULL || why[0] == '\0' ? "malformed message" : why);
    return false;
}

static bool gather(struct sut_h1 *h, const char *p, size_t n, size_t expected)
{
    if (h->text.cap == 0 && expected > n)
        (void) sut_buf_room(&h->text, expected < FIRST_HEAD_ROOM ? expected : FIRST_HEAD_ROOM);
    sut_buf_add(&h->text, p, n);
    if (h->text.overflowed)
        refuse(h, 503, "no memory for the head");
    return !h->text.overflowed;
}

static void step_line(struct sut_h1 *h, const char *p, size_t n, size_t *ret_used)
{
    const bool is_end = gate_line(h, p, n, ret_used);
    if (h->state == AT_REFUSED || !gather(h, p, *ret_used, n) || !is_end)
        return;
    const struct sut_refusal r = sut_head_line(sut_str_of(h->text.p, h->text.n - 2), h->req);
    if (r.status != 0) {
        refuse(h, r.status, r.why);
        return;
    }
    h->state = AT_FIELDS;
    h->is_new = true;
}

/* The head is whole and passed the gate: let llhttp find the fields, then judge them. */
static enum sut_h1_event end_head(struct sut_h1 *h)
{
    struct sut_http_request *req = h->req;
    h->headers = ARENA_ARRAY(h->arena, struct sut_header, h->fields_n + 1);
    if (h->headers == NULL)
        return refuse(h, 503, "no memory for the fields");
    req->headers = h->headers;

    llhttp_init(&h->ll, HTTP_REQUEST, &settings);
    h->ll.data = h;
    if (!run_llhttp(h, h->text.p, h->text.n))
        return SUT_H1_REFUSED;
    if (llhttp_get_errno(&h->ll) != HPE_PAUSED || req->n_headers != h->fields_n)
        return refuse(h, 400, "malformed head");

    for (size_t i = 0; i < req->n_headers; i++) {
        const struct sut_header *f = &req->headers[i];
        if (f->known != SUT_H_OTHER && req->known_n[f->known]++ == 0)
            req->known[f->known] = f->value;
    }
    const struct sut_refusal r = sut_head_fields(req);
    if (r.status != 0)
        return refuse(h, r.status, r.why);
    h->state = AT_HEAD_END;
    return SUT_H1_HEAD;
}

static enum sut_h1_event step_fields(struct sut_h1 *h, const char *p, size_t n, size_t *ret_used)
{
    const bool is_end = gate_fields(h, h->limits.fields_max, p, n, ret_used);
    if (h->state == AT_REFUSED || !gather(h, p, *ret_used, n))
        return SUT_H1_REFUSED;
    return is_end ? end_head(h) : SUT_H1_NEED_MORE;
}

static enum sut_h1_event end_request(struct sut_h1 *h)
{
    h->req->body = sut_buf_str(body_of(h));
    h->state = AT_COMPLETE;
    return SUT_H1_COMPLETE;
}

static void begin_chunk_size(struct sut_h1 *h)
{
    h->state = AT_CHUNK_SIZE;
    h->left = 0;
    h->digits = 0;
}

static void drop_apart(void *arg)
{
    struct sut_buf *b = arg;
    if (b->n > 0)
        sut_wipe(b->p, b->n);
    sut_buf_done(b);
}

/*
 * The body as it is announced, at once: the system gives memory as it is written to, and
 * nothing is copied.  Of one in chunks the length is not known.
 */
static bool begin_apart(struct sut_h1 *h)
{
    h->apart = ARENA_NEW(h->arena, struct sut_buf);
    if (h->apart == NULL)
        return false;
    sut_buf_init(h->apart, h->req->has_length ? h->req->length : h->body_max);
    if (sut_failed(sut_arena_defer(h->arena, drop_apart, h->apart))) {
        h->apart = NULL;
        return false;
    }
    return !h->req->has_length || sut_buf_room(h->apart, h->req->length) != NULL;
}

/* After HEAD: the first feed goes on here, with or without bytes. */
static enum sut_h1_event begin_body(struct sut_h1 *h)
{
    if (!h->req->has_body)
        return end_request(h);
    if (h->req->has_length && h->req->length > h->body_max)
        return refuse(h, 413, "body too large");

    llhttp_resume(&h->ll);
    sut_buf_init_arena(&h->body, h->arena, h->body_max);
    if (h->keeps_apart && !begin_apart(h))
        return refuse(h, 503, "no memory for the body");
    if (!h->req->has_length) {
        begin_chunk_size(h);
        return SUT_H1_NEED_MORE;
    }
    h->left = h->req->length;
    h->state = AT_BODY;
    if (h->apart != NULL)
        return SUT_H1_NEED_MORE;
    h->body.max = h->req->length;
    /* Exact for what is usual; beyond, a length is a promise and room comes with its bytes. */
    const size_t first = h->req->length < BODY_FIRST ? h->req->length : BODY_FIRST;
    h->body.p = sut_arena_bytes(h->arena, first);
    if (h->body.p == NULL)
        return refuse(h, 503, "no memory for the body");
    h->body.cap = first;
    return SUT_H1_NEED_MORE;
}

/* Bytes of a body with a length, or of one chunk. */
static enum sut_h1_event step_data(struct sut_h1 *h, const char *p, size_t n, size_t *ret_used)
{
    const size_t take = n < h->left ? n : (size_t) h->left;
    *ret_used = take;
    if (!run_llhttp(h, p, take))
        return SUT_H1_REFUSED;
    if (body_of(h)->overflowed)
        return refuse(h, 503, "no memory for the body");
    h->left -= take;
    if (h->left > 0)
        return SUT_H1_NEED_MORE;
    if (h->state == AT_CHUNK_DATA) {
        h->state = AT_CHUNK_END;
        return SUT_H1_NEED_MORE;
    }
    return h->is_whole ? end_request(h) : refuse(h, 400, "body ends in doubt");
}

static enum sut_h1_event step_chunk_size(struct sut_h1 *h, const char *p, size_t n,
                                         size_t *ret_used)
{
    const bool is_end = gate_chunk_size(h, p, n, ret_used);
    /* llhttp first: the bytes before the one that the gate refused may be wrong already. */
    if (!run_llhttp(h, p, *ret_used) || h->state == AT_REFUSED)
        return SUT_H1_REFUSED;
    if (!is_end)
        return SUT_H1_NEED_MORE;
    if (h->left > h->body_max - body_of(h)->n)
        return refuse(h, 413, "body too large");
    if (h->left > 0) {
        h->state = AT_CHUNK_DATA;
        return SUT_H1_NEED_MORE;
    }
    h->state = AT_TRAILERS;
    h->is_new = true;
    h->is_in_trailers = true;
    h->fields_n = 0;
    h->fields = 0;
    sut_buf_init_arena(&h->text, h->arena, h->limits.trailers_max + 4);
    return SUT_H1_NEED_MORE;
}

/* The CRLF behind a chunk's bytes. */
static enum sut_h1_event step_chunk_end(struct sut_h1 *h, const char *p, size_t *ret_used)
{
    if (p[0] != (h->has_cr ? '\n' : '\r'))
        return refuse(h, 400, "chunk longer than its size");
    *ret_used = 1;
    if (!run_llhttp(h, p, 1))
        return SUT_H1_REFUSED;
    if (h->has_cr)
        begin_chunk_size(h);
    h->has_cr = !h->has_cr;
    return SUT_H1_NEED_MORE;
}

static enum sut_h1_event step_trailers(struct sut_h1 *h, const char *p, size_t n, size_t *ret_used)
{
    const bool is_end = gate_fields(h, h->limits.trailers_max, p, n, ret_used);
    if (h->state == AT_REFUSED || !gather(h, p, *ret_used, n))
        return SUT_H1_REFUSED;
    if (!is_end)
        return SUT_H1_NEED_MORE;
    if (!run_llhttp(h, h->text.p, h->text.n))
        return SUT_H1_REFUSED;
    return h->is_whole ? end_request(h) : refuse(h, 400, "trailers end in doubt");
}

static enum sut_h1_event step(struct sut_h1 *h, const char *p, size_t n, size_t *ret_used)
{
    switch (h->state) {
    case AT_LINE:
        step_line(h, p, n, ret_used);
        return h->state == AT_REFUSED ? SUT_H1_REFUSED : SUT_H1_NEED_MORE;
    case AT_FIELDS:
        return step_fields(h, p, n, ret_used);
    case AT_BODY:
    case AT_CHUNK_DATA:
        return step_data(h, p, n, ret_used);
    case AT_CHUNK_SIZE:
    case AT_CHUNK_EXT:
        return step_chunk_size(h, p, n, ret_used);
    case AT_CHUNK_END:
        return step_chunk_end(h, p, ret_used);
    case AT_TRAILERS:
        return step_trailers(h, p, n, ret_used);
    case AT_HEAD_END:
    case AT_COMPLETE:
    case AT_REFUSED:
        break;
    }
    sut_bug(__FILE__, __LINE__, "fed in a state that takes no bytes");
}

/* --- the connection's side --- */

SUT_ERR sut_h1_create(const struct sut_h1_limits *limits, struct sut_h1 **ret)
{
    struct sut_h1 *h = sut_mem_zalloc(1, sizeof(*h));
    ENSURE(h != NULL, NOMEM);
    h->limits = *limits;
    h->state = AT_COMPLETE;
    *ret = h;
    return SUT_OK;
}

void sut_h1_free(struct sut_h1 **h)
{
    sut_mem_freep(h);
}

SUT_ERR sut_h1_start(struct sut_h1 *h, struct sut_arena *a, struct sut_http_request **ret_req)
{
    struct sut_http_request *req = ARENA_NEW(a, struct sut_http_request);
    ENSURE(req != NULL, NOMEM);
    *h = (struct sut_h1){ .limits = h->limits, .arena = a, .req = req, .state = AT_LINE };
    sut_buf_init_arena(&h->text, a, h->limits.line_max + h->limits.fields_max + 8);
    *ret_req = req;
    return SUT_OK;
}

enum sut_h1_event sut_h1_feed(struct sut_h1 *h, const char *p, size_t n, size_t *ret_used)
{
    *ret_used = 0;
    SUT_BUG_IF(h->state == AT_COMPLETE);
    enum sut_h1_event e = SUT_H1_NEED_MORE;
    if (h->state == AT_REFUSED)
        return SUT_H1_REFUSED;
    if (h->state == AT_HEAD_END)
        e = begin_body(h);
    while (e == SUT_H1_NEED_MORE && *ret_used < n) {
        size_t used = 0;
        e = step(h, p + *ret_used, n - *ret_used, &used);
        *ret_used += used;
    }
    return e;
}

void sut_h1_set_body_max(struct sut_h1 *h, size_t max)
{
    SUT_BUG_IF(h->state != AT_HEAD_END);
    h->body_max = max;
}

void sut_h1_keep_body_apart(struct sut_h1 *h)
{
    SUT_BUG_IF(h->state != AT_HEAD_END);
    h->keeps_apart = true;
}

bool sut_h1_is_idle(const struct sut_h1 *h)
{
    return h->state == AT_COMPLETE || (h->state == AT_LINE && h->line_n == 0 && !h->has_cr);
}

int sut_h1_refusal(const struct sut_h1 *h, const char **ret_why)
{
    *ret_why = h->refusal.why;
    return h->refusal.status;
}
