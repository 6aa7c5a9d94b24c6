/* SPDX-License-Identifier: Apache-2.0
 *
 * courier_wire - the messages between the courier's client (ipc/courier.h) and the
 * courier (courier/carrier.h): what both must agree on, and nothing else.
 *
 * A request's type is its purpose (ipc/errands.def) and one.  Fields in their
 * order; every reply begins with a u64, enum sut_courier_reply, and holds more only
 * when that is OK.
 *
 *   mail    (u ms, b from, b to, b message)          (u fate, u code, b text)
 *   others  (u ms, b url, b text, b signature)       (u status, u max age s, b content type, b
 * body)
 *   call    (u ms, u method, b path, b text, b key)  (the same)
 *   verify  (u ms, b text, b signature)              (u is theirs)
 *   scan    (u ms, b bytes)                          (u is found, b name)
 *   object  (u ms, b name, b bytes, b type)          (as others)
 *
 * ms is how long the answer may take.  A url stands in those of DATA alone, a text and
 * a signature where something goes out.
 */
#ifndef SUT_IPC_COURIER_WIRE_H
#define SUT_IPC_COURIER_WIRE_H

#include "ipc/courier.h"
#include "ipc/message.h"

enum sut_courier_reply {
    SUT_COURIER_OK,
    SUT_COURIER_BUSY,        /* the purpose's rate is spent */
    SUT_COURIER_UNAVAILABLE, /* not reached, or not in time */
    SUT_COURIER_DENIED,      /* no place to go to */
    SUT_COURIER_TOO_LARGE,
    SUT_COURIER_NOT_FOUND, /* the settings name none */
    SUT_COURIER_PARSE,     /* what the other side said is no answer */
    SUT_COURIER_REPLIES
};

enum sut_errand_where { SUT_ERRAND_SETTINGS, SUT_ERRAND_DATA };
enum sut_errand_what {
    SUT_ERRAND_BY_MAIL,
    SUT_ERRAND_BY_GET,
    SUT_ERRAND_BY_FORM,
    SUT_ERRAND_BY_CALL,
    SUT_ERRAND_BY_VERIFY,
    SUT_ERRAND_BY_SCAN,
    SUT_ERRAND_BY_OBJECT,
};

/* A row of the table. */
struct sut_errand_row {
    enum sut_errand_where where;
    enum sut_errand_what what;
    uint32_t out_max;
    uint32_t in_max;
    uint32_t per_second;
    unsigned redirects;
};

/* The row of a purpose that is one. */
const struct sut_errand_row *sut_errand_row(enum sut_errand_purpose p);

enum {
    SUT_COURIER_U = 9, /* bytes of a number on the wire */
    SUT_COURIER_B = 5, /* bytes around a field of bytes */
    SUT_ERRAND_SIGNATURE_MAX = 200,
    SUT_ERRAND_TYPE_MAX = 127, /* of content */
    SUT_ERRAND_DOMAIN_MAX = 255,
};

static inline uint16_t sut_errand_type(enum sut_errand_purpose p)
{
    return (uint16_t) (p + 1);
}
/* Whether whole files go over it. */
static inline bool sut_errand_is_of_files(enum sut_errand_purpose p)
{
    const enum sut_errand_what w = sut_errand_row(p)->what;
    return w == SUT_ERRAND_BY_SCAN || w == SUT_ERRAND_BY_OBJECT;
}
/* The longest request and reply of a purpose. */
uint32_t sut_errand_ask_max(enum sut_errand_purpose p);
uint32_t sut_errand_reply_max(enum sut_errand_purpose p);

/*
 * What may stand on the wire, asked by both sides: visible ASCII without what
 * would end an argument.  A url that is none passes here and is judged later.
 */
bool sut_errand_is_url_text(sut_str s);
/* One mailbox, local@domain, as an envelope has it; quoted local parts are none. */
bool sut_errand_is_address(sut_str s);
/* A message as SMTP can carry it: no NUL, lines of at most 998 bytes, each CR before a LF and each
 * LF behind a CR, since a bare one ends a line, or all of it, for some servers. */
bool sut_errand_is_message(sut_str s);
/* The value of a header. */
bool sut_errand_is_signature(sut_str s);
/* A provider's token or the like: visible ASCII. */
bool sut_errand_is_token(sut_str s);
/* Whether the purpose may call this: a row of ipc/calls.def. */
bool sut_errand_is_call(enum sut_errand_purpose p, enum sut_errand_method m, sut_str path);
/* Whether a file of the object store can have this name, and this type (empty but for S3_PUT). */
bool sut_errand_is_object(enum sut_errand_purpose p, sut_str name, sut_str type);
/* Whether such a call can have this body and this Idempotency-Key. */
bool sut_errand_is_call_body(enum sut_errand_purpose p, enum sut_errand_method m, sut_str text,
                             sut_str key);

#endif
