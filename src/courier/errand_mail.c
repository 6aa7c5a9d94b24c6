/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "courier/errand.h"

SUT_ERR sut_errand__mail_target(struct sut_errand_run *r)
{
    const struct sut_mail_place *const place = &r->all->settings->mail;
    const sut_str from = r->request.from;
    ENSURE(place->host.n > 0, NOT_FOUND);
    /* We introduce ourselves as the sender's domain: the machine's own name is nobody's business.
     */
    const sut_str domain = sut_str_sub(from, sut_str_find(from, 0, '@') + 1, from.n);
    return sut_target_mail(&r->all->curl, place, domain, &r->target);
}

static size_t give_message(char *to, size_t one, size_t n, void *arg)
{
    struct sut_errand_run *const r = arg;
    const sut_str left = sut_str_sub(r->request.message, r->sent, r->request.message.n);
    const size_t take = left.n < one * n ? left.n : one * n;
    if (take > 0)
        memcpy(to, left.p, take);
    r->sent += take;
    return take;
}

static size_t ignore_body(char *p, size_t one, size_t n, void *arg)
{
    (void) p;
    (void) arg;
    return one * n;
}

/* The server's lines; the last one before we part says what became of the mail. */
static size_t take_line(char *p, size_t one, size_t n, void *arg)
{
    struct sut_errand_run *const r = arg;
    const sut_str line = sut_str_trim(sut_str_of(p, one * n));
    size_t at = 0;
    if (r->stage == SUT_MAIL_OVER)
        return one * n;
    for (size_t i = 0; i < line.n && at < SUT_ERRAND_TEXT_MAX; i++)
        r->line[at++] = line.p[i] >= ' ' && line.p[i] <= '~' ? line.p[i] : '?';
    r->line[at] = '\0';
    return one * n;
}

/* What we say: a refusal of the mail is one that comes after its sender was named. */
static int watch(CURL *easy, curl_infotype type, char *p, size_t n, void *arg)
{
    struct sut_errand_run *const r = arg;
    (void) easy;
    const sut_str said = sut_str_of(p, n);
    if (type != CURLINFO_HEADER_OUT)
        return 0;
    if (sut_str_starts(said, SUT_STR("MAIL FROM:")))
        r->stage = SUT_MAIL_ENVELOPE;
    else if (sut_str_starts(said, SUT_STR("QUIT")))
        r->stage = r->stage == SUT_MAIL_ENVELOPE ? SUT_MAIL_OVER : SUT_MAIL_GREETING;
    return 0;
}

static SUT_ERR set_user(struct sut_errand_run *r)
{
    const struct sut_carrier_settings *const s = r->all->settings;
    if (s->mail_user.n == 0)
        return SUT_OK;
    SUT_ERRAND_SET(r, CURLOPT_USERNAME, s->mail_user.p);
    /* What others there are would load code, or send less over a connection that is sealed anyway.
     */
    SUT_ERRAND_SET(r, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN");
    SUT_ERRAND_SET(r, CURLOPT_SASL_IR, 1L);
    char password[1024] = "";
    const sut_str secret =
        s->mail_password == NULL ? SUT_STR("") : sut_secret_str(s->mail_password);
    ENSURE(secret.n < sizeof(password), INVALID);
    if (secret.n > 0)
        memcpy(password, secret.p, secret.n);
    const CURLcode code = r->all->curl.curl_easy_setopt(r->easy, CURLOPT_PASSWORD, password);
    sut_wipe(password, sizeof(password));
    ENSURE(code == CURLE_OK, NOMEM);
    return SUT_OK;
}

static SUT_ERR set_envelope(struct sut_errand_run *r)
{
    char text[SUT_ERRAND_ADDRESS_MAX + 3];
    (void) snprintf(text, sizeof(text), "<%.*s>", SUT_STR_ARG(r->request.from));
    SUT_ERRAND_SET(r, CURLOPT_MAIL_FROM, text);
    (void) snprintf(text, sizeof(text), "<%.*s>", SUT_STR_ARG(r->request.to));
    r->list = r->all->curl.curl_slist_append(NULL, text);
    ENSURE(r->list != NULL, NOMEM);
    SUT_ERRAND_SET(r, CURLOPT_MAIL_RCPT, r->list);
    return SUT_OK;
}

SUT_ERR sut_errand__mail_options(struct sut_errand_run *r)
{
    const struct sut_mail_place *const place = &r->all->settings->mail;
    SUT_ERRAND_SET(r, CURLOPT_PROTOCOLS_STR, place->use_ssl ? "smtps" : "smtp");
    SUT_ERRAND_SET(r, CURLOPT_USE_SSL, (long) (place->use_tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    TRY(set_user(r));
    TRY(set_envelope(r));
    SUT_ERRAND_SET(r, CURLOPT_UPLOAD, 1L);
    SUT_ERRAND_SET(r, CURLOPT_INFILESIZE_LARGE, (curl_off_t) r->request.message.n);
    SUT_ERRAND_SET(r, CURLOPT_READFUNCTION, give_message);
    SUT_ERRAND_SET(r, CURLOPT_READDATA, r);
    SUT_ERRAND_SET(r, CURLOPT_WRITEFUNCTION, ignore_body);
    SUT_ERRAND_SET(r, CURLOPT_HEADERFUNCTION, take_line);
    SUT_ERRAND_SET(r, CURLOPT_HEADERDATA, r);
    SUT_ERRAND_SET(r, CURLOPT_VERBOSE, 1L);
    SUT_ERRAND_SET(r, CURLOPT_DEBUGFUNCTION, watch);
    SUT_ERRAND_SET(r, CURLOPT_DEBUGDATA, r);
    return SUT_OK;
}

enum sut_courier_reply sut_errand__mail_outcome(struct sut_errand_run *r, CURLcode code)
{
    long status = 0;
    (void) r->all->curl.curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    r->status = status >= 200 && status <= 999 ? (int) status : 0;
    r->fate = SUT_MAIL_LATER;
    if (code == CURLE_OK)
        r->fate = SUT_MAIL_SENT;
    else if (r->status >= 500 && r->stage != SUT_MAIL_GREETING)
        r->fate = SUT_MAIL_REFUSED;
    return SUT_COURIER_OK;
}
