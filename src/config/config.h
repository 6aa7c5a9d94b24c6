/* SPDX-License-Identifier: Apache-2.0
 *
 * config - every setting of the program, checked, as plain fields.
 *
 * Read once at start out of the command line, the environment, the file and the
 * preset (settings.def is the table of all of them); nothing changes after that,
 * so any thread may read.  The struct owns all it points to.  A text is an
 * sut_str whose bytes are followed by a NUL; an unset one is empty (n 0).  A
 * secret that is not set is NULL.
 *
 * Precedence: command line, SUTLER_<SECTION>_<KEY>, the names of a Django shop
 * (SECRET_KEY, DATABASE_URL …), the file, the preset, the table's default.
 */
#ifndef SUT_CONFIG_CONFIG_H
#define SUT_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

enum sut_config_preset { SUT_PRESET_MODESTWEAR, SUT_PRESET_NSGG, SUT_PRESET_DEFAULT };
enum sut_config_hash { SUT_HASH_PBKDF2_SHA256, SUT_HASH_ARGON2ID };
/* redirect: 308 for GET and HEAD, else 403; pages: 308 for pages, 403 for the API. */
enum sut_config_plain { SUT_PLAIN_REDIRECT, SUT_PLAIN_PAGES };
enum sut_config_proxy { SUT_PROXY_NONE, SUT_PROXY_V2 };
/* tls12: ECDHE with AEAD; tls12_aes128: the two ECDHE suites with AES128-GCM-SHA256 alone. */
enum sut_config_tls_policy { SUT_TLS_POLICY_2026, SUT_TLS_POLICY_2026_AES128 };
enum sut_config_store_kind { SUT_STORE_EMBEDDED, SUT_STORE_POSTGRES };
enum sut_config_cipher { SUT_CIPHER_AEGIS256, SUT_CIPHER_SQLCIPHER };
/* The numbers are those of enum sut_log_level. */
enum sut_config_log_level { SUT_LEVEL_DEBUG, SUT_LEVEL_INFO, SUT_LEVEL_WARN, SUT_LEVEL_ERROR };
/* The numbers are those of enum sut_log_format. */
enum sut_config_log_format { SUT_FORMAT_LOGFMT, SUT_FORMAT_JSON };
/* not_negative: >= 0, "Price cannot be negative"; positive: > 0, "Price must be greater than zero".
 */
enum sut_config_price { SUT_PRICE_NOT_NEGATIVE, SUT_PRICE_POSITIVE };
/* What an account whose address is not verified may not do. */
enum sut_config_verified { SUT_VERIFIED_NOTHING, SUT_VERIFIED_ORDERS, SUT_VERIFIED_ALL };
/* SameSite of the cookie that holds a refresh token. */
enum sut_config_same_site { SUT_CONFIG_SITE_STRICT, SUT_CONFIG_SITE_LAX, SUT_CONFIG_SITE_NONE };
enum sut_config_uploads { SUT_UPLOADS_LOCAL, SUT_UPLOADS_S3 };
enum sut_config_s3_sse { SUT_S3_AES256, SUT_S3_PLAIN };
enum sut_config_s3_acl { SUT_S3_PRIVATE, SUT_S3_NO_ACL };
enum sut_config_scan { SUT_SCAN_REQUIRED, SUT_SCAN_CONFIGURED };
enum sut_config_erasure { SUT_ERASURE_ACCOUNT, SUT_ERASURE_TOMBSTONE };

struct sut_config_list {
    const sut_str *items;
    size_t n;
};

/* count 0: not limited. */
struct sut_config_rate {
    uint32_t count;
    uint32_t window_ms;
};

/* Where to listen. */
struct sut_config_addr {
    sut_str text;  /* "127.0.0.1:8000", "[::1]:8000" */
    sut_str host;  /* numeric, no brackets */
    uint16_t port; /* 0: any free one */
    bool is_v6;
};

struct sut_config_addrs {
    const struct sut_config_addr *items;
    size_t n;
};

/* A network: the first `bits` of addr (4 or 16 bytes, network order). */
struct sut_config_net {
    sut_str text;
    bool is_v6;
    uint8_t bits;
    unsigned char addr[16];
};

struct sut_config_nets {
    const struct sut_config_net *items;
    size_t n;
};

struct sut_config {
    bool demo;         /* --demo */
    bool insecure_dev; /* --insecure-dev */

    struct {
        enum sut_config_preset preset;
        struct sut_config_addrs listen;
        struct sut_config_addrs listen_tls;
        sut_str public_url; /* "https://shop.example", no slash at the end; may be empty */
        sut_str data;       /* folder */
        sut_str keys;       /* folder; never inside data */
        sut_str user;       /* whom root becomes; empty: nobody else */
        uint32_t loops;     /* loop threads; 0: one a core */
        uint32_t pool;      /* threads for work that blocks */
    } server;

    struct {
        sut_str cert; /* PEM files */
        sut_str key;
        enum sut_config_tls_policy policy;
        uint32_t session_life_s;
    } tls;

    struct {
        /* Lower case, without port; ".example.com" is the domain and all below it; "*" (all) only
         * under --insecure-dev.  Empty: loopback names alone, which prog decides. */
        struct sut_config_list allowed;
    } hosts;

    struct {
        struct sut_config_nets trusted; /* proxies whose X-Forwarded-* is believed */
        enum sut_config_proxy protocol;
    } proxy;

    struct {
        struct sut_secret *secret_key;          /* Django's SECRET_KEY: signs tokens; NULL: made */
        struct sut_secret *secret_key_previous; /* still accepted, never signs */
        struct sut_secret *master_key;          /* 32 bytes; NULL: the keys folder has it */
        struct sut_secret *master_key_previous; /* 32 bytes; unwraps too */
        struct sut_secret *passphrase;          /* of the file in the keys folder; NULL: none */
        uint32_t hsts_max_age_s;
        bool hsts_subdomains;
        bool hsts_preload;
    } security;

    struct {
        uint32_t access_life_s;
        uint32_t refresh_life_s;
        sut_str issuer;      /* empty: no iss */
        sut_str audience;    /* empty: no aud */
        bool accept_foreign; /* tokens of an older Django shop: unknown jti, no kid, right key */
        uint32_t duplicate_window_s; /* A4: 0 refuses every replay */
        bool replay_ends_family;
    } tokens;

    struct {
        enum sut_config_hash hash;
        uint32_t iterations;   /* pbkdf2 */
        uint64_t memory_bytes; /* argon2id, a hash; whole KiB */
        uint32_t time;         /* argon2id passes */
        uint32_t parallelism;  /* argon2id lanes */
        uint32_t min_length;
        bool nfkc;
        bool zxcvbn_lists;
    } password;

    struct {
        uint64_t memory_bytes; /* budget of all hashes that run */
        uint32_t threads;      /* 0: one a core */
        uint32_t queue;
    } hashing;

    struct {
        uint32_t failures;
        uint32_t forget_s; /* the counter's life after the last failure */
        uint32_t lock_s;
    } lockout;

    struct {
        struct sut_config_rate anon;
        struct sut_config_rate user;
        struct sut_config_rate login;
        struct sut_config_rate reset;
        struct sut_config_rate refresh;
        uint32_t request_line_bytes;
        uint32_t headers_bytes;
        uint32_t headers_count;
        uint32_t body_bytes;
        uint64_t request_memory_bytes; /* the request arena's limit */
        uint32_t connections;
        uint32_t connections_per_address;
        uint32_t header_timeout_ms;
        uint32_t body_timeout_ms;
        uint32_t write_timeout_ms;
        uint32_t idle_timeout_ms;
    } limits;

    struct {
        uint64_t memory_bytes; /* of all rate counters */
        uint32_t checkpoint_ms;
    } counters;

    struct {
        struct sut_config_list origins; /* "https://shop.example", as a browser sends it */
        bool credentials;
        uint32_t max_age_s;
    } cors;

    struct {
        enum sut_config_same_site same_site;
    } cookies;

    struct {
        sut_str csp;            /* Content-Security-Policy of JSON answers */
        sut_str xss_protection; /* X-XSS-Protection */
    } headers;

    struct {
        enum sut_config_plain plain;
    } http;

    struct {
        enum sut_config_store_kind kind; /* out of url */
        struct sut_secret *url;          /* postgres: the URI with its password; else NULL */
        sut_str path; /* embedded: the file; empty: in the data folder under its usual name */
        enum sut_config_cipher cipher;
        uint32_t readers;
        uint32_t queue;
        uint32_t connect_timeout_s;
        uint32_t statement_timeout_ms;
    } store;

    struct {
        enum sut_config_log_level level;
        enum sut_config_log_format format;
    } log;

    struct {
        bool requests; /* a row for each request */
    } audit;

    struct {
        enum sut_config_scan scan;
        enum sut_config_uploads store;
        sut_str clamd;    /* "unix:/path" or "host:port" */
        uint32_t at_once; /* forms with a file: 2 .. 64 */
    } uploads;

    struct {
        sut_str endpoint; /* no slash at the end */
        sut_str region;
        sut_str bucket;
        sut_str access_key; /* the courier's alone, as the next */
        struct sut_secret *secret_key;
        enum sut_config_s3_sse sse;
        enum sut_config_s3_acl acl;
    } s3; /* with uploads.store = s3 */

    struct {
        enum sut_config_erasure erasure;
    } privacy;

    struct {
        sut_str name;
        sut_str currency; /* "ZAR" */
        sut_str order_prefix;
        uint32_t hold_s; /* of an order that is not paid */
        sut_str contact; /* of security.txt: an address or https URL */
        sut_str mail;    /* where mails to the shop go; may be empty */
        uint32_t low_stock;
        enum sut_config_price price_rule;
        bool demo_pictures;
    } shop;

    struct {
        struct sut_secret *url;
    } redis;

    struct {
        sut_str host;
        uint32_t port;
        sut_str user;
        struct sut_secret *password;
        bool use_tls; /* STARTTLS */
        bool use_ssl; /* TLS from the first byte */
        uint32_t timeout_s;
        sut_str from;
    } email;

    struct {
        sut_str client_id; /* one to 16, separated by commas; issuers too */
        sut_str issuers;
        sut_str keys_url;
    } google;

    struct {
        sut_str app_id;
        struct sut_secret *app_secret;
        sut_str graph_url; /* no slash at the end */
    } facebook;

    struct {
        sut_str ca_file; /* PEM, beside the system's authorities; may be empty */
    } courier;

    struct {
        struct sut_secret *secret_key; /* the courier's alone: sut_config_has_stripe() */
        struct sut_secret *webhook_secret;
        struct sut_secret *webhook_secret_previous;
        sut_str api_url; /* no slash at the end */
    } stripe;

    struct {
        struct sut_secret *secret_key; /* the courier's alone: sut_config_has_paystack() */
        sut_str api_url;
    } paystack;

    struct {
        enum sut_config_verified require_verified;
        bool staff_factor;     /* sessions of staff need a second factor */
        bool new_device_mail;  /* told by mail of a sign-in on a device that was not known */
        uint32_t fresh_life_s; /* how long a proof of who somebody is counts as fresh */
        sut_str rp_id;         /* of passkeys; empty: the host of server.public_url */
    } accounts;

    struct {
        sut_str url; /* of the shop's front end, for links in mails; no slash at the end */
    } frontend;

    struct sut_config_own *own; /* what frees it, and where each value comes from */
};

/* A word of the command line: `--listen :8000` is { "server.listen", ":8000" }.  Not for secrets.
 */
struct sut_config_arg {
    const char *name;
    const char *value;
};

/* What to read.  All of it is borrowed during the load alone. */
struct sut_config_source {
    const char *file;   /* the settings file, or NULL */
    const char *dotenv; /* ".env": read only with demo or insecure_dev, and only when it is there */
    const char *const *env; /* environ, or NULL */
    const struct sut_config_arg *args;
    size_t n_args;
    bool demo;
    bool insecure_dev;
};

/* All that is wrong, in the order found; the first is what a start reports. */
struct sut_config_report {
    struct sut_diag *problems;
    size_t n;
    struct sut_diag *warnings; /* odd, but no reason to refuse */
    size_t n_warnings;
};

/*
 * Read, check, and fill.  INVALID with at least one problem in *ret_report
 * when anything is wrong (nothing is loaded then); NOMEM, SYSTEM.  The report
 * (may be NULL) ends with sut_config_report_done() in each case.
 */
SUT_ERR sut_config_load(const struct sut_config_source *src, struct sut_config **ret,
                        struct sut_config_report *ret_report);
/* Wipes the secrets. */
void sut_config_free(struct sut_config **c);
void sut_config_report_done(struct sut_config_report *r);

/* Whom settings are packed for. */
enum sut_config_for {
    SUT_CONFIG_FOR_ALL,
    SUT_CONFIG_FOR_WORKER,  /* all but the master key and what opens it, and the TLS key's place */
    SUT_CONFIG_FOR_KEEPER,  /* the master key, what opens it, how to log */
    SUT_CONFIG_FOR_COURIER, /* where it may go, what it signs in there with, how to log */
};

/*
 * The effective settings as bytes, secrets with them, so that a role started by
 * exec gets them over a private descriptor instead of the environment.  One that
 * is not for this role has its default there.  The buffer holds secrets
 * afterwards: wipe it.
 */
SUT_ERR sut_config_pack(const struct sut_config *c, enum sut_config_for whom, struct sut_buf *out);
/* The other side; PARSE when the bytes are not of this program. */
SUT_ERR sut_config_unpack(sut_str packed, struct sut_config **ret);

/* Whether such a key is set, also in a role that does not have it. */
bool sut_config_has_stripe(const struct sut_config *c);
bool sut_config_has_paystack(const struct sut_config *c);

enum { SUT_CONFIG_CLAMD_PATH_MAX = 107 };
/* uploads.clamd, taken apart: a unix path, or a host (an IPv6 address in brackets) and a port; both
 * are empty when it is not set. */
struct sut_config_clamd {
    sut_str path;
    sut_str host;
    uint16_t port;
};
void sut_config_clamd(const struct sut_config *c, struct sut_config_clamd *ret);

enum { SUT_CONFIG_PORTS_OUT_MAX = 8 };
/* Whether the settings name a place to go out to: a mail server, a provider of identity or of
 * payments. */
bool sut_config_goes_out(const struct sut_config *c);
/* The ports of those places, each once; returns how many. */
size_t sut_config_ports_out(const struct sut_config *c, uint16_t ret[SUT_CONFIG_PORTS_OUT_MAX]);

/* Whether the environment's NAME (what stands before '=') carries a secret. */
bool sut_config_env_is_secret(sut_str name);

/* `section.key = value` with the origin of each; secrets masked, passwords in URLs too. */
SUT_ERR sut_config_show(const struct sut_config *c, struct sut_buf *out);
/* The same as one JSON object: {"settings":[{"name","value","origin","secret"}…]}. */
SUT_ERR sut_config_show_json(const struct sut_config *c, struct sut_buf *out);
/* A settings file with every key, its default and what it is for. */
SUT_ERR sut_config_sample(struct sut_buf *out);
/* sutler.conf(5), in mdoc. */
SUT_ERR sut_config_manual(struct sut_buf *out);

#endif
