/* SPDX-License-Identifier: Apache-2.0 */
#include "media/s3.h"

#include <poll.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "ipc/courier.h"
#include "log/log.h"

enum {
    TRIES = 3,
    PAUSE_MS = 200, /* between them, and longer each time */
    TRY_MS = 10 * 1000,
    SMALL_MAX = 64 * 1024, /* an answer that is no file */
};

struct s3 {
    struct sut_courier *courier;
    atomic_bool has_looked; /* at the bucket's ACL */
};

/* One that may be gone by itself in a moment. */
static bool is_passing(sut_err e, int status)
{
    if (sut_failed(e))
        return e.code == SUT_E_UNAVAILABLE || e.code == SUT_E_BUSY;
    return status == 429 || status >= 500;
}

static SUT_ERR ask(struct sut_courier *c, const struct sut_errand *e, struct sut_buf *body,
                   int *ret_status)
{
    struct sut_errand_answer a = { 0 };
    sut_err got = SUT_OK;
    for (int i = 0; i < TRIES; i++) {
        if (i > 0)
            (void) poll(NULL, 0, PAUSE_MS * i);
        sut_buf_reset(body);
        a.status = 0;
        got = sut_courier_fetch(c, e, body, &a);
        if (!is_passing(got, a.status))
            break;
    }
    /* A store that the settings don't name was not meant to be asked. */
    if (sut_failed(got) && got.code != SUT_E_NOMEM)
        FAIL(UNAVAILABLE);
    TRY(got);
    *ret_status = a.status;
    return SUT_OK;
}

/* Whatever else it says is no answer; the log has the status, which names nobody. */
static SUT_ERR refused(const struct sut_errand *e, int status)
{
    const char *const what = sut_errand_word(e->purpose);
    sut_log(SUT_LOG_ERROR, "object_store_refused", LOG_NAME("for", what),
            LOG_INT("status", status));
    FAIL(UNAVAILABLE);
}

static SUT_ERR ask_small(struct sut_courier *c, const struct sut_errand *e, int *ret_status)
{
    struct sut_buf body;
    sut_buf_init(&body, SMALL_MAX);
    const sut_err got = ask(c, e, &body, ret_status);
    sut_buf_done(&body);
    return got;
}

SUT_ERR sut_media_s3_acl(struct sut_courier *courier, enum sut_media_s3_acl *ret)
{
    /* Groups of AWS that stand for more than named people. */
    static const char *const strangers[] = { "/groups/global/AllUsers",
                                             "/groups/global/AuthenticatedUsers" };
    const struct sut_errand e = { .purpose = SUT_ERRAND_S3_ACL, .timeout_ms = TRY_MS };
    struct sut_buf body;
    int status = 0;
    sut_buf_init(&body, SMALL_MAX);
    const sut_err got = ask(courier, &e, &body, &status);
    *ret = status == 200 ? SUT_MEDIA_S3_CLOSED : SUT_MEDIA_S3_UNKNOWN;
    for (size_t i = 0; status == 200 && body.n > 0 && i < 2; i++)
        if (memmem(body.p, body.n, strangers[i], strlen(strangers[i])) != NULL)
            *ret = SUT_MEDIA_S3_OPEN;
    sut_buf_done(&body);
    return got;
}

/* Once, with the first file: what is sealed may be read by anyone, but nobody meant it to be. */
static void look_at_bucket(struct s3 *s)
{
    enum sut_media_s3_acl acl = SUT_MEDIA_S3_UNKNOWN;
    if (atomic_exchange(&s->has_looked, true))
        return;
    const sut_err e = sut_media_s3_acl(s->courier, &acl);
    if (sut_failed(e))
        atomic_store(&s->has_looked, false);
    else if (acl == SUT_MEDIA_S3_OPEN)
        sut_log(SUT_LOG_ERROR, "bucket_is_open",
                LOG_Z("to", "strangers: its own access list says so"));
}

static SUT_ERR put(void *ctx, sut_str file, sut_str type, sut_str bytes)
{
    const struct sut_errand e = { .purpose = SUT_ERRAND_S3_PUT,
                                  .path = file,
                                  .type = type,
                                  .text = bytes,
                                  .timeout_ms = TRY_MS };
    int status = 0;
    struct s3 *s = ctx;
    TRY(ask_small(s->courier, &e, &status));
    if (status != 200)
        return refused(&e, status);
    look_at_bucket(s);
    return SUT_OK;
}

static SUT_ERR get(void *ctx, sut_str file, struct sut_buf *ret)
{
    const struct sut_errand e = { .purpose = SUT_ERRAND_S3_GET,
                                  .path = file,
                                  .timeout_ms = TRY_MS };
    struct sut_buf body;
    int status = 0;
    sut_buf_init(&body, SUT_ERRAND_OBJECT_MAX);
    sut_err got = ask(((struct s3 *) ctx)->courier, &e, &body, &status);
    if (!sut_failed(got) && status == 200) {
        sut_buf_str_add(ret, sut_buf_str(&body));
        got = sut_buf_check(ret);
    }
    sut_buf_done(&body);
    TRY(got);
    ENSURE(status != 404, NOT_FOUND);
    return status == 200 ? SUT_OK : refused(&e, status);
}

static SUT_ERR remove_file(void *ctx, sut_str file)
{
    const struct sut_errand e = { .purpose = SUT_ERRAND_S3_DELETE,
                                  .path = file,
                                  .timeout_ms = TRY_MS };
    int status = 0;
    TRY(ask_small(((struct s3 *) ctx)->courier, &e, &status));
    return status == 204 || status == 200 || status == 404 ? SUT_OK : refused(&e, status);
}

static void close_place(void *ctx)
{
    sut_mem_free(ctx);
}

SUT_ERR sut_media_s3_open(struct sut_courier *courier, struct sut_media_place *ret)
{
    ENSURE(courier != NULL, INVALID);
    struct s3 *s = sut_mem_zalloc(1, sizeof(*s));
    ENSURE(s != NULL, NOMEM);
    s->courier = courier;
    *ret = (struct sut_media_place){
        .ctx = s, .put = put, .get = get, .remove = remove_file, .close = close_place
    };
    return SUT_OK;
}
