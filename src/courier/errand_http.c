/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/scan.h"
#include "codec/url.h"
#include "courier/errand.h"
#include "crypto/hmac.h"

enum { HEAD_MAX = 32 * 1024 };

/* --- where to --- */

/* What a provider's token is asked about: the app's own secret goes along, so the URL is one. */
static SUT_ERR put_facebook(struct sut_errand_run *r)
{
    const struct sut_carrier_settings *const s = r->all->settings;
    ENSURE(s->facebook_app_id.n > 0 && s->facebook_app_secret != NULL, NOT_FOUND);
    const sut_str secret = sut_secret_str(s->facebook_app_secret);
    bool is_first = true;
    /* At once, so that it never moves and leaves a copy behind. */
    r->out.max = SUT_ERRAND_URL_MAX + 3 * (size_t) r->row->out_max;
    (void) sut_buf_room(&r->out, r->out.max);
    sut_buf_str_add(&r->out, s->facebook_graph_url);
    if (r->request.purpose == SUT_ERRAND_FACEBOOK_DEBUG) {
        char pair[512];
        struct sut_buf b = { .p = pair, .cap = sizeof(pair), .max = sizeof(pair) };
        sut_buf_str_add(&b, s->facebook_app_id);
        sut_buf_char(&b, '|');
        sut_buf_str_add(&b, secret);
        TRY(sut_buf_check(&b));
        sut_buf_lit(&r->out, "/debug_token");
        sut_url_add_query(&r->out, &is_first, SUT_STR("input_token"), r->request.text);
        sut_url_add_query(&r->out, &is_first, SUT_STR("access_token"), sut_buf_str(&b));
        sut_wipe(pair, sizeof(pair));
    } else {
        unsigned char mac[SUT_SHA256_SIZE];
        char proof[2 * SUT_SHA256_SIZE];
        struct sut_buf b = { .p = proof, .cap = sizeof(proof), .max = sizeof(proof) };
        sut_hmac_once(secret, r->request.text, mac);
        sut_buf_hex(&b, mac, sizeof(mac));
        sut_buf_lit(&r->out, "/me");
        sut_url_add_query(&r->out, &is_first, SUT_STR("fields"),
                          SUT_STR("id,name,first_name,last_name,email,picture.width(400)"));
        sut_url_add_query(&r->out, &is_first, SUT_STR("access_token"), r->request.text);
        sut_url_add_query(&r->out, &is_first, SUT_STR("appsecret_proof"), sut_buf_str(&b));
    }
    return sut_buf_check(&r->out);
}

static SUT_ERR find_url(struct sut_errand_run *r, sut_str *ret)
{
    const struct sut_carrier_settings *const s = r->all->settings;
    switch (r->request.purpose) {
    case SUT_ERRAND_GOOGLE_KEYS:
        ENSURE(s->google_keys_url.n > 0, NOT_FOUND);
        *ret = s->google_keys_url;
        return SUT_OK;
    case SUT_ERRAND_FACEBOOK_DEBUG:
    case SUT_ERRAND_FACEBOOK_ME:
        TRY(put_facebook(r));
        *ret = sut_buf_str(&r->out);
        return SUT_OK;
    case SUT_ERRAND_PICTURE:
    case SUT_ERRAND_WEBHOOK:
        *ret = r->request.url;
        return SUT_OK;
    case SUT_ERRAND_STRIPE:
    case SUT_ERRAND_PAYSTACK:
        return sut_errand__call_url(r, ret);
    case SUT_ERRAND_S3_PUT:
    case SUT_ERRAND_S3_GET:
    case SUT_ERRAND_S3_DELETE:
    case SUT_ERRAND_S3_ACL:
        return sut_errand__object_url(r, ret);
    case SUT_ERRAND_PAYSTACK_VERIFY:
    case SUT_ERRAND_SCAN:
    case SUT_ERRAND_MAIL:
    case SUT_ERRANDS:
        break;
    }
    FAIL(INVALID);
}

SUT_ERR sut_errand__http_target(struct sut_errand_run *r)
{
    sut_str url = { 0 };
    TRY(find_url(r, &url));
    return sut_target_parse(&r->all->curl, url, r->row->where, &r->target);
}

/* --- what comes --- */

static size_t take_body(char *p, size_t one, size_t n, void *arg)
{
    struct sut_errand_run *const r = arg;
    sut_buf_add(&r->body, p, one * n);
    /* Less than came ends the transfer. */
    return r->body.overflowed ? 0 : one * n;
}

static uint32_t seconds_of(sut_str s)
{
    struct sut_scan c = sut_scan_of(s);
    uint64_t v = 0;
    return sut_failed(sut_scan_u64(&c, UINT32_MAX, &v)) ? 0 : (uint32_t) v;
}

/* "public, max-age=3600"; what must not be kept has no age. */
static uint32_t max_age_of(sut_str value)
{
    struct sut_scan c = sut_scan_of(value);
    uint32_t age = 0;
    while (!sut_scan_at_end(&c)) {
        const sut_str word = sut_str_trim(sut_scan_until(&c, ','));
        (void) sut_scan_char(&c, ',');
        if (sut_str_eq_nocase(word, SUT_STR("no-store")) ||
            sut_str_eq_nocase(word, SUT_STR("no-cache")))
            return 0;
        if (sut_str_eq_nocase(sut_str_sub(word, 0, 8), SUT_STR("max-age=")))
            age = seconds_of(sut_str_sub(word, 8, word.n));
    }
    return age;
}

/* Without parameters, in lower case; what is no type is none. */
static void keep_type(struct sut_errand_run *r, sut_str value)
{
    const sut_str type = sut_str_trim(sut_str_sub(value, 0, sut_str_find(value, 0, ';')));
    r->type[0] = '\0';
    if (type.n > SUT_ERRAND_TYPE_MAX)
        return;
    for (size_t i = 0; i < type.n; i++) {
        const char c = type.p[i];
        if (c <= ' ' || c > '~') {
            r->type[0] = '\0';
            return;
        }
        r->type[i] = (char) (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    r->type[type.n] = '\0';
}

static size_t take_head(char *p, size_t one, size_t n, void *arg)
{
    struct sut_errand_run *const r = arg;
    const sut_str line = sut_str_of(p, one * n);
    r->head_n += line.n;
    if (r->head_n > HEAD_MAX)
        return 0;
    if (sut_str_starts(line, SUT_STR("HTTP/"))) {
        /* After a 100 another head comes. */
        r->max_age_s = r->age_s = 0;
        r->type[0] = '\0';
        return line.n;
    }
    const size_t colon = sut_str_find(line, 0, ':');
    const sut_str name = sut_str_sub(line, 0, colon);
    const sut_str value = sut_str_trim(sut_str_sub(line, colon + 1, line.n));
    if (sut_str_eq_nocase(name, SUT_STR("cache-control")))
        r->max_age_s = max_age_of(value);
    else if (sut_str_eq_nocase(name, SUT_STR("age")))
        r->age_s = seconds_of(value);
    else if (sut_str_eq_nocase(name, SUT_STR("content-type")))
        keep_type(r, value);
    else if (sut_str_eq_nocase(name, SUT_STR("transfer-encoding")) &&
             !sut_str_eq_nocase(value, SUT_STR("chunked")))
        /* libcurl would unpack it unasked, one coding within the other. */
        return 0;
    return line.n;
}

/* --- how --- */

SUT_ERR sut_errand__add_header(struct sut_errand_run *r, const char *text)
{
    struct curl_slist *const more = r->all->curl.curl_slist_append(r->list, text);
    ENSURE(more != NULL, NOMEM);
    r->list = more;
    return SUT_OK;
}

SUT_ERR sut_errand__add_value(struct sut_errand_run *r, const char *name, sut_str value)
{
    char line[1024];
    struct sut_buf b = { .p = line, .cap = sizeof(line), .max = sizeof(line) };
    sut_buf_z(&b, name);
    sut_buf_str_add(&b, value);
    sut_buf_char(&b, '\0');
    sut_err e = sut_buf_check(&b);
    if (!sut_failed(e))
        e = sut_errand__add_header(r, line);
    sut_wipe(line, sizeof(line));
    return e;
}

SUT_ERR sut_errand__set_body(struct sut_errand_run *r, sut_str body)
{
    SUT_ERRAND_SET(r, CURLOPT_POST, 1L);
    SUT_ERRAND_SET(r, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) body.n);
    SUT_ERRAND_SET(r, CURLOPT_POSTFIELDS, body.n > 0 ? body.p : "");
    /* No question whether a body is welcome first. */
    return sut_errand__add_header(r, "Expect:");
}

static SUT_ERR set_form(struct sut_errand_run *r)
{
    char line[SUT_ERRAND_SIGNATURE_MAX + 32];
    TRY(sut_errand__set_body(r, r->request.text));
    if (r->request.signature.n > 0) {
        struct sut_buf b = { .p = line, .cap = sizeof(line), .max = sizeof(line) };
        sut_buf_lit(&b, "Sutler-Signature: ");
        sut_buf_str_add(&b, r->request.signature);
        sut_buf_char(&b, '\0');
        TRY(sut_buf_check(&b));
        TRY(sut_errand__add_header(r, line));
    }
    return SUT_OK;
}

SUT_ERR sut_errand__http_options(struct sut_errand_run *r)
{
    const char *const schemes = r->target.is_https ? "https" : "http";
    SUT_ERRAND_SET(r, CURLOPT_PROTOCOLS_STR, schemes);
    SUT_ERRAND_SET(r, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
    SUT_ERRAND_SET(r, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    SUT_ERRAND_SET(r, CURLOPT_USERAGENT, "Sutler");
    SUT_ERRAND_SET(r, CURLOPT_WRITEFUNCTION, take_body);
    SUT_ERRAND_SET(r, CURLOPT_WRITEDATA, r);
    SUT_ERRAND_SET(r, CURLOPT_HEADERFUNCTION, take_head);
    SUT_ERRAND_SET(r, CURLOPT_HEADERDATA, r);
    SUT_ERRAND_SET(r, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) r->row->in_max);
    if (r->row->what == SUT_ERRAND_BY_FORM)
        TRY(set_form(r));
    else if (r->row->what == SUT_ERRAND_BY_CALL)
        TRY(sut_errand__call_options(r));
    else if (r->row->what == SUT_ERRAND_BY_OBJECT)
        TRY(sut_errand__object_options(r));
    else
        SUT_ERRAND_SET(r, CURLOPT_HTTPGET, 1L);
    if (r->list != NULL)
        SUT_ERRAND_SET(r, CURLOPT_HTTPHEADER, r->list);
    return SUT_OK;
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

enum sut_courier_reply sut_errand__http_outcome(struct sut_errand_run *r, CURLcode code,
                                                bool *ret_next)
{
    long status = 0;
    if ((r->body.overflowed && !r->body.starved) || code == CURLE_FILESIZE_EXCEEDED)
        return SUT_COURIER_TOO_LARGE;
    /* Among them a head without end. */
    if (code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL ||
        code == CURLE_BAD_CONTENT_ENCODING || code == CURLE_WRITE_ERROR)
        return SUT_COURIER_PARSE;
    if (code != CURLE_OK)
        return SUT_COURIER_UNAVAILABLE;
    if (r->all->curl.curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
        status < 100 || status > 999)
        return SUT_COURIER_PARSE;
    r->status = (int) status;
    *ret_next = r->row->redirects > 0 && is_redirect(status);
    return SUT_COURIER_OK;
}
