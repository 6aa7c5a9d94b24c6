/* SPDX-License-Identifier: Apache-2.0
 *
 * courier - how the worker has something carried outward: a mail, a question to a
 * provider of identity, a call to one of payments.
 *
 * The courier is the process that may open connections to the world; it holds
 * the secrets of the services that it speaks to, and the worker doesn't.  What
 * it goes out for is typed (ipc/errands.def): a request names its purpose, and
 * the courier finds the destination in its own settings; only where the table says
 * DATA does a message bring a URL, and then one that leads to a loopback,
 * private, link-local or otherwise special address is refused.
 *
 * struct sut_courier is a pool of connections, for any thread; whole files have half of them at
 * most, so that they hold up nothing else.  A call blocks
 * until its answer is there, for `timeout_ms` at most: never on a loop thread.
 * In place of a courier NULL may be given where the settings name nowhere to go: NOT_FOUND.
 * An errand is not made twice by itself: who lost the answer (UNAVAILABLE)
 * decides (the outbox tries again; a sign-in answers 502).
 *
 * Errors: UNAVAILABLE: it can't be reached, took too long, or the courier is being replaced;
 * DENIED: a destination that is refused, or no such permit; TOO_LARGE: the answer; BUSY: the
 * purpose's rate, or too many at once; NOT_FOUND: the settings name no such destination; PARSE: an
 * answer that is none.
 */
#ifndef SUT_IPC_COURIER_H
#define SUT_IPC_COURIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct sut_courier;

enum {
    SUT_COURIER_PEERS_MAX = 32, /* connections of one worker */
    SUT_ERRAND_URL_MAX = 2048,
    SUT_ERRAND_ADDRESS_MAX = 320, /* of a mail's sender or receiver */
    SUT_ERRAND_TEXT_MAX = 200,    /* of what a far side said */
    SUT_ERRAND_PATH_MAX = 1024,   /* of a call, with its query */
    SUT_ERRAND_KEY_MAX = 255,     /* of an Idempotency-Key */
    SUT_ERRAND_NAME_MAX = 64,     /* of a file in the object store */
    SUT_ERRAND_OBJECT_MAX = 16 * 1024 * 1024 + 256,
    SUT_ERRAND_TIMEOUT_MAX_MS = 600000,
};

enum sut_errand_purpose {
#define X(name, word, where, what, out_max, in_max, per_second, redirects) SUT_ERRAND_##name,
#include "ipc/errands.def"
#undef X
    SUT_ERRANDS
};

/* "google-keys"; "" for what is none. */
const char *sut_errand_word(enum sut_errand_purpose p);

/*
 * Take n connected sockets (at most SUT_COURIER_PEERS_MAX), then owned; with 0 calls wait for
 * sut_courier_reconnect(), as they do while it is being replaced.
 */
SUT_ERR sut_courier_create(const int *fds, size_t n, struct sut_courier **ret);
/* Nobody may be in a call. */
void sut_courier_free(struct sut_courier **c);
/*
 * Put new connections in place of all old ones.  Calls in flight stay on theirs, and fail with
 * UNAVAILABLE when the courier behind those has ended.  FULL: too many are.
 */
SUT_ERR sut_courier_reconnect(struct sut_courier *c, const int *fds, size_t n);
/* How many connections are left. */
size_t sut_courier_connections(struct sut_courier *c);

enum sut_errand_method { SUT_ERRAND_GET, SUT_ERRAND_POST, SUT_ERRAND_METHODS };

/* What is asked over HTTP. */
struct sut_errand {
    enum sut_errand_purpose purpose;
    sut_str url; /* DATA alone; else empty */
    /*
     * STRIPE, PAYSTACK: what is called, "/v1/refunds/re_1", a row of ipc/calls.def (INVALID
     * otherwise), with a POST's body as `text`: a form for Stripe, JSON for Paystack.  The shop's
     * key and the API's version are the courier's to add.
     */
    enum sut_errand_method method;
    sut_str path;
    sut_str key; /* a POST to STRIPE: its Idempotency-Key, visible ASCII; empty: none */
    /*
     * S3_PUT, S3_GET, S3_DELETE: the name of a file in the bucket (letters, digits, _-.) is the
     * path, without a slash; S3_ACL has none.  Of S3_PUT `text` are the bytes, at most
     * SUT_ERRAND_OBJECT_MAX, of this type.
     */
    sut_str type;
    sut_str text; /* what the purpose sends: a provider's token, a body; at most its out_max */
    /* WEBHOOK: the value of its Sutler-Signature header; else empty. */
    sut_str signature;
    unsigned timeout_ms;
};
struct sut_errand_answer {
    int status;             /* of HTTP; any */
    uint32_t max_age_s;     /* of Cache-Control; 0: none told */
    char content_type[128]; /* without parameters, lower case; "" when none is told */
};
/*
 * Do it; the answer's body is put into `body` (the caller's; its max is at least
 * the purpose's in_max, else INVALID).  A status of any kind is an answer.
 */
SUT_ERR sut_courier_fetch(struct sut_courier *c, const struct sut_errand *e, struct sut_buf *body,
                          struct sut_errand_answer *ret);

/*
 * Whether `signature` (hexadecimal) is the provider's over a webhook's raw body, by the key that
 * the courier alone has (HMAC-SHA512).  PAYSTACK_VERIFY is the one purpose of this kind; INVALID
 * for a body above its out_max, NOT_FOUND without such a key in the settings.
 */
SUT_ERR sut_courier_verify(struct sut_courier *c, enum sut_errand_purpose purpose, sut_str body,
                           sut_str signature, unsigned timeout_ms, bool *ret_is_theirs);

/* What the malware scanner of the settings (clamd) says. */
struct sut_malware_answer {
    bool is_found;
    char name[SUT_ERRAND_TEXT_MAX + 1]; /* of what it found, printable ASCII */
};
/*
 * Have a file's bytes scanned (INVALID for none, and above 5 MiB).  Only an answer is SUT_OK:
 * whatever keeps the scanner from answering (it is down, slow, refuses the length) is UNAVAILABLE,
 * and who asked lets nothing pass then; NOT_FOUND: the settings name none.
 */
SUT_ERR sut_courier_scan(struct sut_courier *c, sut_str bytes, unsigned timeout_ms,
                         struct sut_malware_answer *ret);

/* What became of a mail. */
enum sut_mail_fate {
    SUT_MAIL_SENT,   /* the mail server took it over */
    SUT_MAIL_LATER,  /* it can't be had, or asked to be tried again (4xx) */
    SUT_MAIL_REFUSED /* for good (5xx) */
};
struct sut_mail_answer {
    enum sut_mail_fate fate;
    int code;                           /* of SMTP; 0: it was not reached */
    char text[SUT_ERRAND_TEXT_MAX + 1]; /* printable ASCII; may name addresses: not for the log */
};
/*
 * Hand a whole message (RFC 5322, CRLF) to the mail server of the settings, to
 * one receiver.  Both addresses are of ASCII (A-labels); INVALID otherwise, or
 * for one with a control character or a bracket in it.
 */
SUT_ERR sut_courier_mail(struct sut_courier *c, sut_str from, sut_str to, sut_str message,
                         unsigned timeout_ms, struct sut_mail_answer *ret);

#endif
