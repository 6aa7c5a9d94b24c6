/* SPDX-License-Identifier: Apache-2.0 */
#include "api/upload.h"

#include "audit/events.h"
#include "config/config.h"
#include "guard/guard.h"
#include "guard/reply.h"
#include "ipc/courier.h"
#include "media/sweeper.h"

enum { SCAN_MS = 20 * 1000 };

const char *api_picture_text(enum api_picture what)
{
    switch (what) {
    case API_PICTURE_TOO_LARGE:
        return "File too large";
    case API_PICTURE_WRONG_TYPE:
        return "Invalid file type";
    case API_PICTURE_CORRUPT:
        return "Corrupted image";
    case API_PICTURE_MALWARE:
        return "Rejected by the malware scan";
    case API_PICTURE_KEPT:
        break;
    }
    return NULL;
}

/* For the log. */
static const char *word_of(enum api_picture what)
{
    switch (what) {
    case API_PICTURE_TOO_LARGE:
        return "too_large";
    case API_PICTURE_WRONG_TYPE:
        return "wrong_type";
    case API_PICTURE_CORRUPT:
        return "corrupt";
    case API_PICTURE_MALWARE:
        return "malware";
    case API_PICTURE_KEPT:
        break;
    }
    return NULL;
}

/* Fail closed: a scanner that is named and does not answer lets nothing through. */
static SUT_ERR scan(const struct sut_app *app, sut_str bytes, bool *ret_is_clean)
{
    const struct sut_config *c = app->config;
    struct sut_malware_answer answer = { .is_found = true };
    *ret_is_clean = true;
    if (c->uploads.clamd.n == 0) {
        ENSURE(c->uploads.scan != SUT_SCAN_REQUIRED, UNAVAILABLE);
        return SUT_OK;
    }
    ENSURE(app->courier != NULL, UNAVAILABLE);
    const sut_err e = sut_courier_scan(app->courier, bytes, SCAN_MS, &answer);
    ENSURE(e.code != SUT_E_NOT_FOUND, UNAVAILABLE);
    TRY(e);
    *ret_is_clean = !answer.is_found;
    return SUT_OK;
}

SUT_ERR api_picture_keep(const struct sut_app *app, sut_str bytes, int64_t person, sut_ms now,
                         enum api_picture *ret_what, struct sut_media_kept *ret)
{
    bool is_clean = false;
    *ret_what = bytes.n == 0 ? API_PICTURE_WRONG_TYPE : API_PICTURE_TOO_LARGE;
    if (bytes.n == 0 || bytes.n > SUT_PICTURE_BYTES_MAX)
        return SUT_OK;
    TRY(scan(app, bytes, &is_clean));
    *ret_what = API_PICTURE_MALWARE;
    if (!is_clean)
        return SUT_OK;

    ENSURE(app->darkroom != NULL && app->pictures != NULL, UNAVAILABLE);
    DEFER(sut_picture_done) struct sut_picture p = { .width = 0 };
    const sut_err e = sut_darkroom_develop(app->darkroom, bytes, &p);
    *ret_what = e.code == SUT_E_INVALID
                    ? API_PICTURE_WRONG_TYPE
                    : (e.code == SUT_E_PARSE ? API_PICTURE_CORRUPT : API_PICTURE_TOO_LARGE);
    if (e.code == SUT_E_INVALID || e.code == SUT_E_PARSE || e.code == SUT_E_TOO_LARGE)
        return SUT_OK;
    TRY(e);
    *ret_what = API_PICTURE_KEPT;
    return sut_media_keep(app->pictures, &p, person, now, ret);
}

SUT_ERR api_upload_keep(struct sut_req *r, int64_t person, struct sut_media_kept *ret,
                        bool *ret_is_kept)
{
    enum api_picture what = API_PICTURE_KEPT;
    *ret_is_kept = false;
    /* A lease is for who needs it: this takes a while. */
    sut_req_conn_end(r);
    TRY(api_picture_keep(r->app, r->upload.bytes, person, r->now, &what, ret));
    *ret_is_kept = what == API_PICTURE_KEPT;
    if (*ret_is_kept)
        return SUT_OK;
    sut_event_raise(r->app->events, SUT_EVENT_UPLOAD_REJECTED, r->now,
                    &(struct sut_event_detail){
                        .route = r->route->name,
                        .reason = word_of(what),
                        .request_id = r->x->request_id,
                        .addr = r->client->text,
                        .user_id = r->auth.user_id,
                    });
    const sut_str text = sut_str_from(api_picture_text(what));
    const struct sut_fault fault = {
        .field = sut_str_from(r->route->upload->field),
        .message = text,
    };
    sut_reply_faults_as(r, text, &fault);
    return SUT_OK;
}

void api_upload_discard(struct sut_req *r, const struct sut_media_kept *kept)
{
    sut_media_discard(r->app->pictures, kept, r->now);
}

void api_upload_sweep(const struct sut_req *r)
{
    sut_sweeper_wake(r->app->sweeper);
}

SUT_ERR api_upload_file(struct sut_req *r, const struct sut_media_kept *kept,
                        enum sut_picture_file which, sut_str *ret)
{
    return sut_media_file(r->arena, sut_str_of(kept->name, SUT_MEDIA_NAME), kept->kind, which, ret);
}
