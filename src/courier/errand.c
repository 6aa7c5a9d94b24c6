/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/errand.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
    NS_PER_MS = 1000000,
    FETCH_MS = 30 * 1000, /* the longest that anything but a mail takes */
    CONNECT_MS = 10 * 1000,
    SLOW_BYTES = 64, /* a second, for SLOW_S: given up */
    SLOW_S = 10,
    BUFFER_BYTES = 16 * 1024,
    IDLE_CONN_S = 30, /* a connection that can be used again */
    AUTHORITIES_S = 24 * 3600,
};

static bool is_mail(const struct sut_errand_run *r)
{
    return r->row->what == SUT_ERRAND_BY_MAIL;
}

void sut_errand_stop(struct sut_errand_run *r, enum sut_courier_reply reply)
{
    r->reply = reply;
    /* That a mail server can't be had is an answer. */
    if (is_mail(r) && reply == SUT_COURIER_UNAVAILABLE) {
        r->reply = SUT_COURIER_OK;
        r->fate = SUT_MAIL_LATER;
    }
    r->is_over = true;
}

static enum sut_courier_reply reply_to(sut_err e)
{
    if (e.code == SUT_E_NOT_FOUND)
        return SUT_COURIER_NOT_FOUND;
    if (e.code == SUT_E_DENIED || e.code == SUT_E_INVALID)
        return SUT_COURIER_DENIED;
    return SUT_COURIER_UNAVAILABLE;
}

/* --- where to --- */

/* The socket is made here, so that what is connected to is what was judged. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct sut_errand_run *const r = arg;
    struct sut_address a;
    bool is_pinned = false;
    if (purpose == CURLSOCKTYPE_IPCXN && !sut_failed(sut_address_of(&to->addr, &a)))
        for (size_t i = 0; i < r->n_pinned; i++)
            is_pinned |= sut_address_eq(&a, &r->pinned[i]);
    if (!is_pinned || !sut_target_may_connect(&r->target, r->row->where, &a)) {
        r->is_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* "host:port:address,[address]", which libcurl takes for what DNS said. */
static SUT_ERR put_pins(const struct sut_errand_run *r, struct sut_buf *b)
{
    sut_buf_printf(b, "%s%s%s:%u:", r->target.address.is_v6 ? "[" : "", r->target.host,
                   r->target.address.is_v6 ? "]" : "", r->target.port);
    for (size_t i = 0; i < r->n_pinned; i++) {
        char text[SUT_ADDRESS_TEXT_MAX];
        sut_address_text(&r->pinned[i], text);
        sut_buf_printf(b, r->pinned[i].is_v6 ? "%s[%s]" : "%s%s", i == 0 ? "" : ",", text);
    }
    sut_buf_char(b, '\0');
    return sut_buf_check(b);
}

static SUT_ERR pin(struct sut_errand_run *r)
{
    char text[SUT_LOOKUP_NAME_MAX + 16 + SUT_ERRAND_PINNED_MAX * (SUT_ADDRESS_TEXT_MAX + 3)];
    struct sut_buf b = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    TRY(put_pins(r, &b));
    r->resolve = r->all->curl.curl_slist_append(NULL, text);
    ENSURE(r->resolve != NULL, NOMEM);
    SUT_ERRAND_SET(r, CURLOPT_RESOLVE, r->resolve);
    return SUT_OK;
}

/* --- how --- */

static long left_ms(const struct sut_errand_run *r)
{
    const uint64_t now = sut_monotonic_ns();
    return now >= r->deadline_ns ? 1 : (long) ((r->deadline_ns - now) / NS_PER_MS) + 1;
}

/* Nothing of the environment, of files, of earlier errands. */
static SUT_ERR set_common(struct sut_errand_run *r)
{
    SUT_ERRAND_SET(r, CURLOPT_CURLU, r->target.url);
    SUT_ERRAND_SET(r, CURLOPT_PRIVATE, r);
    SUT_ERRAND_SET(r, CURLOPT_SHARE, r->share);
    SUT_ERRAND_SET(r, CURLOPT_NOSIGNAL, 1L);
    SUT_ERRAND_SET(r, CURLOPT_PROXY, "");
    SUT_ERRAND_SET(r, CURLOPT_NOPROXY, "*");
    SUT_ERRAND_SET(r, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
    SUT_ERRAND_SET(r, CURLOPT_FOLLOWLOCATION, 0L);
    SUT_ERRAND_SET(r, CURLOPT_BUFFERSIZE, (long) BUFFER_BYTES);
    SUT_ERRAND_SET(r, CURLOPT_UPLOAD_BUFFERSIZE, (long) BUFFER_BYTES);
    SUT_ERRAND_SET(r, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SUT_ERRAND_SET(r, CURLOPT_OPENSOCKETDATA, r);
    /* One that was opened for another errand was judged by other rules. */
    if (r->row->where == SUT_ERRAND_DATA) {
        SUT_ERRAND_SET(r, CURLOPT_FRESH_CONNECT, 1L);
        SUT_ERRAND_SET(r, CURLOPT_FORBID_REUSE, 1L);
    } else {
        SUT_ERRAND_SET(r, CURLOPT_MAXAGE_CONN, (long) IDLE_CONN_S);
    }
    return SUT_OK;
}

static SUT_ERR set_limits(struct sut_errand_run *r)
{
    const long connect_ms =
        is_mail(r) ? (long) r->all->settings->mail_timeout_ms : (long) CONNECT_MS;
    SUT_ERRAND_SET(r, CURLOPT_TIMEOUT_MS, left_ms(r));
    SUT_ERRAND_SET(r, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    /* A mail server thinks for a while when it has all of a mail. */
    if (is_mail(r))
        SUT_ERRAND_SET(r, CURLOPT_SERVER_RESPONSE_TIMEOUT, (connect_ms + 999) / 1000);
    else
        SUT_ERRAND_SET(r, CURLOPT_LOW_SPEED_TIME, (long) SLOW_S);
    SUT_ERRAND_SET(r, CURLOPT_LOW_SPEED_LIMIT, is_mail(r) ? 0L : (long) SLOW_BYTES);
    return SUT_OK;
}

/* Of a file libcurl keeps what it has read, of a text it doesn't: 25 ms of work, each time. */
static SUT_ERR set_authorities(struct sut_errand_run *r)
{
    if (r->all->authorities_file != NULL) {
        SUT_ERRAND_SET(r, CURLOPT_CAINFO, r->all->authorities_file);
        SUT_ERRAND_SET(r, CURLOPT_CA_CACHE_TIMEOUT, (long) AUTHORITIES_S);
        return SUT_OK;
    }
    struct curl_blob blob = { .len = r->all->authorities.n, .flags = CURL_BLOB_NOCOPY };
    /* It is read alone. */
    union {
        const char *in;
        void *out;
    } pem = { .in = r->all->authorities.p };
    blob.data = pem.out;
    SUT_ERRAND_SET(r, CURLOPT_CAINFO_BLOB, &blob);
    return SUT_OK;
}

static SUT_ERR set_tls(struct sut_errand_run *r)
{
    TRY(set_authorities(r));
    SUT_ERRAND_SET(r, CURLOPT_CAPATH, NULL);
    SUT_ERRAND_SET(r, CURLOPT_SSL_VERIFYPEER, 1L);
    SUT_ERRAND_SET(r, CURLOPT_SSL_VERIFYHOST, 2L);
    SUT_ERRAND_SET(r, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    return SUT_OK;
}

static SUT_ERR set_up(struct sut_errand_run *r)
{
    const struct sut_curl *const curl = &r->all->curl;
    r->easy = curl->curl_easy_init();
    r->share = curl->curl_share_init();
    ENSURE(r->easy != NULL && r->share != NULL, NOMEM);
    ENSURE(curl->curl_share_setopt(r->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK,
           INVALID);
    TRY(set_common(r));
    TRY(set_limits(r));
    TRY(set_tls(r));
    TRY(pin(r));
    TRY(is_mail(r) ? sut_errand__mail_options(r) : sut_errand__http_options(r));
    ENSURE(curl->curl_multi_add_handle(r->all->multi, r->easy) == CURLM_OK, NOMEM);
    return SUT_OK;
}

/* libcurl's part, so that it can be begun again. */
static void take_down(struct sut_errand_run *r)
{
    const struct sut_curl *const curl = &r->all->curl;
    if (r->easy != NULL) {
        (void) curl->curl_multi_remove_handle(r->all->multi, r->easy);
        curl->curl_easy_cleanup(r->easy);
    }
    if (r->share != NULL)
        (void) curl->curl_share_cleanup(r->share);
    curl->curl_slist_free_all(r->resolve);
    /* One of them may hold a key. */
    for (struct curl_slist *i = r->list; i != NULL; i = i->next)
        sut_wipe(i->data, strlen(i->data));
    curl->curl_slist_free_all(r->list);
    sut_target_done(curl, &r->target);
    r->easy = NULL;
    r->share = NULL;
    r->resolve = r->list = NULL;
}

/* --- its way --- */

static bool is_scan(const struct sut_errand_run *r)
{
    return r->row->what == SUT_ERRAND_BY_SCAN;
}

static SUT_ERR go(struct sut_errand_run *r)
{
    ENSURE(r->n_pinned > 0, DENIED);
    /* Where a scanner is the settings say, and nothing that speaks to one is encrypted. */
    if (is_scan(r))
        return sut_errand__scan_go(r);
    for (size_t i = 0; i < r->n_pinned; i++)
        ENSURE(sut_target_may_connect(&r->target, r->row->where, &r->pinned[i]), DENIED);
    return set_up(r);
}

static SUT_ERR find_way(struct sut_errand_run *r)
{
    r->is_refused = false;
    if (r->target.is_numeric) {
        r->pinned[0] = r->target.address;
        r->n_pinned = 1;
        return go(r);
    }
    return sut_resolver_ask(r->all->resolver,
                            r->row->where == SUT_ERRAND_DATA ? SUT_LANE_DATA : SUT_LANE_SETTINGS,
                            sut_str_from(r->target.host), r->owner, &r->lookup);
}

static SUT_ERR begin(struct sut_errand_run *r)
{
    if (r->row->what == SUT_ERRAND_BY_VERIFY) {
        TRY(sut_errand__verify(r));
        sut_errand_stop(r, SUT_COURIER_OK);
        return SUT_OK;
    }
    if (is_scan(r)) {
        TRY(sut_errand__scan_begin(r));
        return r->scan.is_waiting ? SUT_OK : find_way(r);
    }
    TRY(is_mail(r) ? sut_errand__mail_target(r) : sut_errand__http_target(r));
    return find_way(r);
}

void sut_errand_begin(struct sut_errand_run *r, struct sut_errands *all,
                      const struct sut_request *request, void *owner)
{
    *r = (struct sut_errand_run){
        .all = all, .request = *request, .owner = owner, .scan = { .fd = -1 }
    };
    r->row = sut_errand_row(request->purpose);
    sut_buf_init(&r->body, r->row->in_max);
    sut_buf_init(&r->out, SUT_ERRAND_URL_MAX + 8192);
    unsigned ms = request->timeout_ms;
    if (!is_mail(r) && ms > FETCH_MS)
        ms = FETCH_MS;
    r->deadline_ns = sut_monotonic_ns() + (uint64_t) ms * NS_PER_MS;
    const sut_err e = begin(r);
    if (sut_failed(e))
        sut_errand_stop(r, reply_to(e));
}

void sut_errand_found(struct sut_errand_run *r, struct sut_lookup *l)
{
    sut_err e = l->err;
    r->lookup = NULL;
    if (!sut_failed(e)) {
        memcpy(r->pinned, l->addresses, l->n * sizeof(l->addresses[0]));
        r->n_pinned = l->n;
        e = go(r);
    }
    sut_mem_free(l);
    if (sut_failed(e))
        sut_errand_stop(r, reply_to(e));
}

/* The URL that an answer leads to is a URL out of data, or one of the settings' host. */
static SUT_ERR follow(struct sut_errand_run *r)
{
    char *url = NULL;
    struct sut_target next;
    ENSURE(r->hops < r->row->redirects, DENIED);
    r->hops++;
    ENSURE(r->all->curl.curl_easy_getinfo(r->easy, CURLINFO_REDIRECT_URL, &url) == CURLE_OK &&
               url != NULL,
           DENIED);
    TRY(sut_target_parse(&r->all->curl, sut_str_from(url), r->row->where, &next));
    take_down(r);
    sut_buf_reset(&r->body);
    r->head_n = 0;
    r->target = next;
    return find_way(r);
}

void sut_errand_done(struct sut_errand_run *r, CURLcode code)
{
    bool has_next = false;
    if (r->is_refused) {
        sut_errand_stop(r, SUT_COURIER_DENIED);
        return;
    }
    const enum sut_courier_reply reply = is_mail(r) ? sut_errand__mail_outcome(r, code)
                                                    : sut_errand__http_outcome(r, code, &has_next);
    if (!has_next) {
        sut_errand_stop(r, reply);
        return;
    }
    const sut_err e = follow(r);
    if (sut_failed(e))
        sut_errand_stop(r, reply_to(e));
}

void sut_errand_put(const struct sut_errand_run *r, struct sut_buf *b)
{
    sut_ipc_put_u64(b, r->reply);
    if (r->reply != SUT_COURIER_OK)
        return;
    if (is_mail(r)) {
        sut_ipc_put_u64(b, r->fate);
        sut_ipc_put_u64(b, (uint64_t) r->status);
        sut_ipc_put_bytes(b, sut_str_from(r->line));
        return;
    }
    if (r->row->what == SUT_ERRAND_BY_VERIFY) {
        sut_ipc_put_u64(b, r->is_theirs ? 1 : 0);
        return;
    }
    if (is_scan(r)) {
        sut_ipc_put_u64(b, r->malware.is_found ? 1 : 0);
        sut_ipc_put_bytes(b, sut_str_from(r->malware.name));
        return;
    }
    sut_ipc_put_u64(b, (uint64_t) r->status);
    sut_ipc_put_u64(b, r->max_age_s > r->age_s ? r->max_age_s - r->age_s : 0);
    sut_ipc_put_bytes(b, sut_str_from(r->type));
    sut_ipc_put_bytes(b, sut_buf_str(&r->body));
}

void sut_errand_end(struct sut_errand_run *r)
{
    if (r->all == NULL)
        return;
    if (r->lookup != NULL)
        sut_resolver_abandon(r->all->resolver, r->lookup);
    r->lookup = NULL;
    sut_errand__scan_end(r);
    take_down(r);
    if (r->body.p != NULL)
        sut_wipe(r->body.p, r->body.cap);
    sut_buf_done(&r->body);
    if (r->out.p != NULL)
        sut_wipe(r->out.p, r->out.cap);
    sut_buf_done(&r->out);
    r->all = NULL;
}
