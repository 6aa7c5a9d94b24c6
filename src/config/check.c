/* SPDX-License-Identifier: Apache-2.0 */
#include "config/check.h"

#include <string.h>

#include "base/arena.h"
#include "config/own.h"
#include "config/problems.h"
#include "config/setting.h"
#include "config/weak.h"

enum {
    LEAST_ITERATIONS = 100000,
    LEAST_MEMORY = 7 << 20, /* OWASP's smallest set of argon2id has 7 MiB */
};

/* A problem at the setting's origin; gives the diag for a hint. */
static struct sut_diag *problem(const struct sut_config *c, struct sut_config_report *r,
                                const char *section, const char *key, const char *sentence)
{
    struct sut_diag *d = sut_problems__add(r);
    const struct sut_setting *s = sut_setting__find(sut_str_from(section), sut_str_from(key));
    SUT_BUG_IF(s == NULL);
    const sut_str origin = c->own->values[sut_setting__index(s)].origin;
    sut_diag_set(d, "%s.%s: %s", section, key, sentence);
    sut_diag_place(d, "%.*s", SUT_STR_ARG(origin));
    return d;
}

static bool is_explicit(const struct sut_config *c, const char *section, const char *key)
{
    const struct sut_setting *s = sut_setting__find(sut_str_from(section), sut_str_from(key));
    return s != NULL && c->own->values[sut_setting__index(s)].is_explicit;
}

static void check_secrets(struct sut_config *c, struct sut_config_report *r)
{
    size_t n = 0;
    const struct sut_setting *all = sut_setting__all(&n);
    for (size_t i = 0; i < n && !c->insecure_dev; i++) {
        struct sut_secret **secret = sut_setting__secret(&all[i], c);
        if ((all[i].flags & SUT_SETTING_STRONG) == 0 || *secret == NULL)
            continue;
        const char *why = sut_weak__reason(sut_secret_str(*secret));
        if (why == NULL)
            continue;
        char sentence[200];
        struct sut_buf b = { .p = sentence,
                             .cap = sizeof(sentence) - 1,
                             .max = sizeof(sentence) - 1 };
        sut_buf_z(&b, "the secret ");
        sut_buf_z(&b, why);
        sut_buf_z(&b, ": whoever guesses it signs in as anybody");
        sentence[b.n] = '\0';
        sut_diag_hint(problem(c, r, all[i].section, all[i].key, sentence),
                      "`openssl rand -base64 48` makes a good one; --insecure-dev lets this pass");
    }
}

static void check_master(const struct sut_config *c, struct sut_config_report *r)
{
    if (c->security.master_key_previous != NULL && c->security.master_key == NULL)
        sut_diag_hint(problem(c, r, "security", "master_key_previous",
                              "there is one before security.master_key alone"),
                      "a master key in the keys folder is changed by `sutler key rotate master`");
    if (c->security.passphrase != NULL && c->security.master_key != NULL)
        sut_diag_hint(problem(c, r, "security", "passphrase",
                              "it opens the keys folder's master key, and another one is given"),
                      "give security.master_key or security.passphrase");
}

static void check_hosts(const struct sut_config *c, struct sut_config_report *r)
{
    for (size_t i = 0; i < c->hosts.allowed.n && !c->insecure_dev; i++) {
        if (sut_str_is(c->hosts.allowed.items[i], "*"))
            sut_diag_hint(problem(c, r, "hosts", "allowed", "`*` lets every Host in"),
                          "name the shop's hosts: shop.example, .example.com");
    }
}

/* Drop slashes at the end and "./" at the beginning, so that prefixes compare. */
static sut_str plain_path(sut_str p)
{
    while (p.n > 2 && p.p[0] == '.' && p.p[1] == '/')
        p = sut_str_sub(p, 2, p.n);
    while (p.n > 1 && p.p[p.n - 1] == '/')
        p.n--;
    return p;
}

static SUT_ERR default_keys(struct sut_config *c)
{
    const sut_str data = plain_path(c->server.data);
    struct sut_buf b;
    sut_buf_init_arena(&b, c->own->arena, data.n + 8);
    sut_buf_str_add(&b, data);
    sut_buf_lit(&b, ".keys");
    sut_buf_char(&b, '\0');
    TRY(sut_buf_check(&b));
    c->server.keys = sut_str_of(b.p, b.n - 1);
    return SUT_OK;
}

static void check_folders(struct sut_config *c, struct sut_config_report *r)
{
    if (c->server.keys.n == 0 && sut_failed(default_keys(c))) {
        (void) problem(c, r, "server", "keys", "there is no memory for its name");
        return;
    }
    const sut_str data = plain_path(c->server.data);
    const sut_str keys = plain_path(c->server.keys);
    if (sut_str_starts(keys, data) && (keys.n == data.n || keys.p[data.n] == '/'))
        sut_diag_hint(problem(c, r, "server", "keys", "the keys lie inside the data folder"),
                      "a stolen data folder must stay shut: keep the keys beside it");
}

/*
 * Customers come by https, and nothing here speaks TLS: somebody in front does, whose address would
 * stand for all of theirs.
 */
static void warn_of_shared_address(const struct sut_config *c, struct sut_config_report *r)
{
    if (c->proxy.trusted.n > 0 || c->server.listen_tls.n > 0 || c->demo || c->insecure_dev ||
        !sut_str_starts(c->server.public_url, SUT_STR("https://")))
        return;
    struct sut_diag *d = sut_problems__warn(r);
    sut_diag_set(d, "proxy.trusted: the shop is reached by https, which no listener of its own "
                    "speaks, and no proxy is trusted: all customers would count as one address");
    sut_diag_hint(d, "name the proxy's address, as 127.0.0.1");
}

static void check_proxy(const struct sut_config *c, struct sut_config_report *r)
{
    warn_of_shared_address(c, r);
    if (c->proxy.protocol == SUT_PROXY_V2 && c->proxy.trusted.n == 0)
        sut_diag_hint(problem(c, r, "proxy", "protocol", "no proxy is trusted to send the header"),
                      "name the proxies in proxy.trusted");
}

static void check_tls(const struct sut_config *c, struct sut_config_report *r)
{
    if ((c->tls.cert.n == 0) != (c->tls.key.n == 0))
        (void) problem(c, r, "tls", c->tls.cert.n == 0 ? "cert" : "key",
                       "the certificate and its key go together, one is missing");
    if (c->server.listen_tls.n > 0 && c->tls.cert.n == 0 && !c->demo && !c->insecure_dev)
        sut_diag_hint(problem(c, r, "server", "listen_tls", "HTTPS needs a certificate"),
                      "set tls.cert and tls.key; --demo makes one of its own");
    if (c->server.listen.n == 0 && c->server.listen_tls.n == 0)
        (void) problem(c, r, "server", "listen", "there is no address to listen on");
}

static void check_passwords(const struct sut_config *c, struct sut_config_report *r)
{
    if (c->hashing.memory_bytes < c->password.memory_bytes)
        (void) problem(c, r, "hashing", "memory", "one hash (password.memory) does not fit");
    if (c->password.memory_bytes % 1024 != 0)
        (void) problem(c, r, "password", "memory", "it must be whole KiB");
    if (c->password.memory_bytes < (uint64_t) 8 * 1024 * c->password.parallelism)
        (void) problem(c, r, "password", "parallelism", "each lane needs 8K of password.memory");
    if (c->insecure_dev)
        return;
    if (c->password.iterations < LEAST_ITERATIONS)
        sut_diag_hint(problem(c, r, "password", "iterations", "too few rounds to protect anybody"),
                      "100000 is the least outside --insecure-dev");
    if (c->password.memory_bytes < LEAST_MEMORY)
        sut_diag_hint(problem(c, r, "password", "memory", "too little to protect anybody"),
                      "7M is the least outside --insecure-dev");
}

static bool is_here(sut_str host)
{
    return sut_str_is(host, "localhost") || sut_str_is(host, "::1") ||
           sut_str_starts(host, SUT_STR("127."));
}

static void check_email(struct sut_config *c, struct sut_config_report *r)
{
    const bool is_dev = c->demo || c->insecure_dev;
    if (c->email.use_ssl && c->email.use_tls) {
        if (is_explicit(c, "email", "use_tls"))
            (void) problem(c, r, "email", "use_ssl", "use_tls is yes too, only one can be");
        else
            c->email.use_tls = false;
    }
    if (c->email.host.n == 0 || is_dev)
        return;
    if (c->email.from.n == 0)
        sut_diag_hint(problem(c, r, "email", "from", "with email.host mails need a sender"),
                      "write `Shop <shop@example.com>` (DEFAULT_FROM_EMAIL)");
    if (!c->email.use_tls && !c->email.use_ssl && !is_here(c->email.host))
        sut_diag_hint(problem(c, r, "email", "use_tls", "mails would cross the network in clear"),
                      "set use_tls (STARTTLS) or use_ssl");
}

/* The secret is in the courier's settings, and in those of whoever reads them first. */
static void check_facebook(const struct sut_config *c, struct sut_config_report *r)
{
    if (c->facebook.app_id.n > 0 && c->facebook.app_secret == NULL)
        sut_diag_hint(problem(c, r, "facebook", "app_id", "the app's secret is missing"),
                      "set SUTLER_FACEBOOK_APP_SECRET in the environment");
}

/* What the object store needs to be reached at all. */
static void check_s3(const struct sut_config *c, struct sut_config_report *r)
{
    if (c->uploads.store != SUT_UPLOADS_S3)
        return;
    if (c->s3.endpoint.n == 0)
        (void) problem(c, r, "s3", "endpoint", "uploads.store = s3 needs it");
    if (c->s3.bucket.n == 0)
        (void) problem(c, r, "s3", "bucket", "uploads.store = s3 needs it");
    if (c->s3.access_key.n == 0)
        (void) problem(c, r, "s3", "access_key", "uploads.store = s3 needs it");
    if (c->s3.secret_key == NULL)
        sut_diag_hint(problem(c, r, "s3", "secret_key", "uploads.store = s3 needs it"),
                      "set SUTLER_S3_SECRET_KEY in the environment");
}

static bool is_plain_url(sut_str url)
{
    return sut_str_starts(url, SUT_STR("http://"));
}

/* A cookie for other sites needs sites that are named, and TLS on both ends. */
static void check_cookies(const struct sut_config *c, struct sut_config_report *r)
{
    if (c->cookies.same_site != SUT_CONFIG_SITE_NONE)
        return;
    if (c->cors.origins.n == 0 || !c->cors.credentials)
        sut_diag_hint(problem(c, r, "cookies", "samesite", "no other origin may send the cookie"),
                      "name them in cors.origins, with cors.credentials = yes; or leave it strict");
    bool is_plain = is_plain_url(c->server.public_url);
    for (size_t i = 0; i < c->cors.origins.n; i++)
        is_plain = is_plain || is_plain_url(c->cors.origins.items[i]);
    if (is_plain && !c->insecure_dev)
        sut_diag_hint(problem(c, r, "cookies", "samesite", "none needs HTTPS on both ends"),
                      "server.public_url and cors.origins must begin with https://");
}

/* Whether a URL or an origin is of this domain, or of one below it. */
static bool is_within(sut_str url, sut_str domain)
{
    const char *sep = url.n == 0 ? NULL : memmem(url.p, url.n, "://", 3);
    if (sep == NULL)
        return false;
    const sut_str rest = sut_str_sub(url, (size_t) (sep - url.p) + 3, url.n);
    sut_str host = sut_str_sub(rest, 0, sut_str_find(rest, 0, '/'));
    host = sut_str_sub(host, 0, sut_str_find(host, 0, ':'));
    if (host.n < domain.n)
        return false;
    const size_t more = host.n - domain.n;
    return sut_str_eq_nocase(sut_str_sub(host, more, host.n), domain) &&
           (more == 0 || host.p[more - 1] == '.');
}

/* Browsers sign for a domain on its own pages alone. */
static void check_passkeys(const struct sut_config *c, struct sut_config_report *r)
{
    const sut_str domain = c->accounts.rp_id;
    bool has_place = c->server.public_url.n == 0 || is_within(c->server.public_url, domain);
    for (size_t i = 0; i < c->cors.origins.n; i++)
        has_place = has_place || is_within(c->cors.origins.items[i], domain);
    if (domain.n > 0 && !has_place)
        sut_diag_hint(problem(c, r, "accounts", "rp_id", "no page of the shop lies within it"),
                      "it is the domain of server.public_url or of an origin in cors.origins, or "
                      "one above it");
}

void sut_config__check(struct sut_config *c, struct sut_config_report *r)
{
    check_secrets(c, r);
    check_master(c, r);
    check_hosts(c, r);
    check_folders(c, r);
    check_tls(c, r);
    check_proxy(c, r);
    check_passwords(c, r);
    check_email(c, r);
    check_facebook(c, r);
    check_s3(c, r);
    check_cookies(c, r);
    check_passkeys(c, r);
    if (c->tokens.refresh_life_s <= c->tokens.access_life_s)
        (void) problem(c, r, "tokens", "refresh_life", "it must be longer than access_life");
    if (c->limits.body_bytes > c->limits.request_memory_bytes)
        (void) problem(c, r, "limits", "request_memory", "limits.body does not fit in it");
}
