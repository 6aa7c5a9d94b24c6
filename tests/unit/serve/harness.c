/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/scan.h"
#include "net/listen.h"
#include "os/fd.h"

static bool on_head(void *ptr, struct sut_exchange *x, size_t *ret_body_max)
{
    struct app *a = ptr;
    *ret_body_max = 1024;
    x->holds_body = atomic_load(&a->word) == SUT_BODY_HOLD;
    if (!sut_str_is(x->req->path, "/forbidden"))
        return true;
    x->res.status = 403;
    sut_buf_z(&x->res.body, "no");
    return false;
}

static enum sut_body_word on_body(void *ptr, struct sut_exchange *x, size_t got)
{
    struct app *a = ptr;
    assert_non_null(x->req);
    atomic_store(&a->got, (int) got);
    return (enum sut_body_word) atomic_load(&a->word);
}

static void on_pool(struct sut_exchange *x)
{
    assert_null(x->loop_ctx);
    x->res.status = 200;
    sut_buf_z(&x->res.body, "from the pool");
}

/* Whether this thread has the lowest rank. */
static void on_lower(struct sut_exchange *x)
{
    x->res.status = 200;
    sut_buf_z(&x->res.body, getpriority(PRIO_PROCESS, 0) == 19 ? "lower" : "as all");
}

static void on_pool_slow(struct sut_exchange *x)
{
    struct app *a = x->app_data;
    atomic_fetch_add(&a->in_slow, 1);
    while (atomic_load(&a->gate) == 0)
        pause_ms(2);
    x->res.status = 200;
    /* The arena must still be there, whether the client is or not. */
    sut_buf_str_add(&x->res.body, sut_str_dup(x->arena, x->req->path));
    atomic_fetch_sub(&a->in_slow, 1);
}

static void count_cleanup(void *arg)
{
    atomic_fetch_add((atomic_int *) arg, 1);
}

static void offload(struct sut_exchange *x, void (*fn)(struct sut_exchange *x))
{
    if (sut_failed(sut_exchange_offload(x, fn)))
        x->res.status = 503;
}

static void on_request(void *ptr, struct sut_exchange *x)
{
    struct app *a = ptr;
    const sut_str path = x->req->path;
    x->app_data = a;
    atomic_fetch_add(&a->handled, 1);
    assert_ptr_equal(x->loop_ctx, a);
    if (sut_failed(sut_arena_defer(x->arena, count_cleanup, &a->cleanups)))
        return;
    if (sut_str_is(path, "/pool")) {
        offload(x, on_pool);
        return;
    }
    if (sut_str_is(path, "/lower")) {
        if (sut_failed(sut_exchange_offload_slow(x, on_lower)))
            x->res.status = 503;
        return;
    }
    if (sut_str_is(path, "/slow")) {
        offload(x, on_pool_slow);
        return;
    }
    if (sut_str_is(path, "/none"))
        return;
    x->res.status = 200;
    if (sut_str_is(path, "/echo"))
        sut_buf_str_add(&x->res.body, x->req->body);
    else if (sut_str_is(path, "/id"))
        sut_buf_z(&x->res.body, x->request_id);
    else if (sut_str_is(path, "/big"))
        for (int i = 0; i < BIG_BYTES / 16; i++)
            sut_buf_lit(&x->res.body, "0123456789abcdef");
    else
        sut_buf_z(&x->res.body, "hello");
    x->res.close = sut_str_is(path, "/close");
}

static void on_refused(void *ptr, struct sut_exchange *x, int status, const char *why)
{
    struct app *a = ptr;
    assert_non_null(why);
    atomic_store(&a->last_refusal, status);
    x->res.status = status;
    sut_buf_z(&x->res.body, "refused");
}

static void on_done(void *ptr, struct sut_exchange *x)
{
    struct app *a = ptr;
    (void) x;
    atomic_fetch_add(&a->done, 1);
}

static SUT_ERR loop_start(void *ptr, unsigned loop, void **ret_ctx)
{
    struct app *a = ptr;
    (void) loop;
    atomic_fetch_add(&a->loops_started, 1);
    *ret_ctx = a;
    return SUT_OK;
}

static void loop_stop(void *ptr, void *ctx)
{
    struct app *a = ptr;
    assert_ptr_equal(ctx, a);
    atomic_fetch_sub(&a->loops_started, 1);
}

void app_init(struct app *a)
{
    memset(a, 0, sizeof(*a));
    a->listen_fd = -1;
    a->service = (struct sut_service){ .app = a,
                                       .loop_start = loop_start,
                                       .loop_stop = loop_stop,
                                       .on_head = on_head,
                                       .on_body = on_body,
                                       .on_request = on_request,
                                       .on_refused = on_refused,
                                       .on_done = on_done };
    sut_server_defaults(&a->options);
    a->options.pool.threads_max = 4;
    a->options.pool.queue_max = 2;
}

void app_start(struct app *a, unsigned flags)
{
    struct sut_addr addr;
    assert_false(sut_failed(sut_listen_open(SUT_STR("127.0.0.1"), 0, &a->listen_fd, NULL)));
    assert_false(sut_failed(sut_listen_addr(a->listen_fd, &addr)));
    a->port = addr.port;
    const struct sut_server_listener l = { .fd = a->listen_fd,
                                           .flags = flags | SUT_LISTENER_LOOPBACK };
    assert_false(sut_failed(sut_server_start(&a->options, &a->service, &l, 1, &a->server, NULL)));
    assert_int_equal(atomic_load(&a->loops_started), a->options.loops);
}

void app_stop(struct app *a)
{
    sut_server_stop(&a->server);
    sut_fd_close(&a->listen_fd);
    assert_int_equal(atomic_load(&a->loops_started), 0);
    assert_int_equal(atomic_load(&a->in_slow), 0);
    assert_int_equal(atomic_load(&a->cleanups), atomic_load(&a->handled));
    assert_true(atomic_load(&a->done) >= atomic_load(&a->handled));
}

int client_open(const struct app *a)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(a->port) };
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (const struct sockaddr *) &in, sizeof(in)), 0);
    return fd;
}

void client_send(int fd, const char *z)
{
    size_t n = strlen(z);
    while (n > 0) {
        const ssize_t r = send(fd, z, n, MSG_NOSIGNAL);
        assert_true(r > 0);
        z += r;
        n -= (size_t) r;
    }
}

static bool wait_readable(int fd, int ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, ms) == 1;
}

char *client_read_all(int fd, int ms, size_t *ret_n)
{
    size_t cap = 64 * 1024;
    size_t n = 0;
    char *all = sut_mem_alloc(cap);
    while (wait_readable(fd, ms)) {
        if (n + 1 == cap)
            all = sut_mem_realloc(all, cap *= 2);
        assert_non_null(all);
        const ssize_t r = recv(fd, all + n, cap - n - 1, 0);
        if (r <= 0)
            break;
        n += (size_t) r;
    }
    all[n] = '\0';
    if (ret_n != NULL)
        *ret_n = n;
    return all;
}

/* The length of the first whole answer in z, or 0. */
static size_t answer_length(const char *z, size_t n)
{
    const char *end = strstr(z, "\r\n\r\n");
    const char *field = strstr(z, "Content-Length: ");
    if (end == NULL || field == NULL || field > end)
        return 0;
    struct sut_scan c = sut_scan_of(sut_str_from(field + 16));
    uint64_t length = 0;
    assert_false(sut_failed(sut_scan_u64(&c, 1U << 30, &length)));
    const size_t whole = (size_t) (end - z) + 4 + length;
    return whole <= n ? whole : 0;
}

char *client_read_answers(int fd, unsigned wanted)
{
    const size_t cap = 1024 * 1024;
    char *all = sut_mem_zalloc(1, cap);
    size_t n = 0;
    size_t at = 0;
    assert_non_null(all);
    while (wanted > 0) {
        const size_t one = answer_length(all + at, n - at);
        if (one > 0) {
            at += one;
            wanted--;
            continue;
        }
        assert_true(wait_readable(fd, PATIENCE_MS));
        assert_true(n + 1 < cap);
        const ssize_t r = recv(fd, all + n, cap - n - 1, 0);
        assert_true(r > 0);
        n += (size_t) r;
    }
    return all;
}

char *ask(const struct app *a, const char *request)
{
    const int fd = client_open(a);
    client_send(fd, request);
    char *all = client_read_all(fd, PATIENCE_MS, NULL);
    close(fd);
    return all;
}

unsigned count_of(const char *z, const char *needle)
{
    unsigned n = 0;
    for (const char *p = strstr(z, needle); p != NULL; p = strstr(p + 1, needle))
        n++;
    return n;
}

void pause_ms(unsigned ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long) (ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}

void wait_for(atomic_int *value, int wanted)
{
    for (int i = 0; i < PATIENCE_MS / 2 && atomic_load(value) != wanted; i++)
        pause_ms(2);
    assert_int_equal(atomic_load(value), wanted);
}

static uint64_t count_now(const struct app *a, size_t count)
{
    const struct sut_server_counts counts = sut_server_count(a->server);
    uint64_t n;
    memcpy(&n, (const char *) &counts + count, sizeof(n));
    return n;
}

void wait_for_count(const struct app *a, size_t count, uint64_t wanted)
{
    for (int i = 0; i < PATIENCE_MS / 2 && count_now(a, count) != wanted; i++)
        pause_ms(2);
    assert_int_equal(count_now(a, count), wanted);
}
