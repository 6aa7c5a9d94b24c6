/* SPDX-License-Identifier: Apache-2.0
 *
 * schema - what a body, a query or an answer may hold: const tables that check
 * input and make the OpenAPI document.
 *
 * Tables are static constants.  Checking collects every fault, one a field,
 * under the field's name, in Django's words.  Text is judged without the blanks
 * at its ends, as DRF does; read it with sut_schema_str() so that what is used
 * is what was judged.  A range whose min and max are both 0 is no range; a text
 * whose max is 0 has no greatest length of its own.
 */
#ifndef SUT_CODEC_SCHEMA_H
#define SUT_CODEC_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "codec/json.h"

enum sut_ftype {
    SUT_F_STRING,   /* min..max code points; no controls but tab and newline, no card numbers */
    SUT_F_EMAIL,    /* as Django's EmailValidator; max code points */
    SUT_F_PHONE,    /* digits, space, + - ( ) ., at least 5 digits; max code points */
    SUT_F_PASSWORD, /* any text; 1..max code points; never trimmed, never echoed */
    SUT_F_INT,      /* min..max */
    SUT_F_PRICE,    /* decimal string with <= 2 places or a whole number of cents; min..max cents */
    SUT_F_BOOL,
    SUT_F_CHOICE, /* one of `choices` */
    SUT_F_TIME,   /* answers: ISO 8601 */
    SUT_F_URL,    /* answers */
    SUT_F_NUMBER, /* answers: a JSON number */
    SUT_F_OBJECT, /* `of` */
    SUT_F_ARRAY,  /* of objects `of`, or of `items` */
    SUT_F_NULL,   /* answers: always null */
};

enum sut_fflag {
    SUT_F_REQUIRED = 1,
    SUT_F_NULLABLE = 2,
    SUT_F_UNUSED = 4,    /* a harmless extra that deployed front ends send: taken, not read */
    SUT_F_SECRET = 8,    /* writeOnly; the request's arena is wiped */
    SUT_F_BLANK = 16,    /* an empty string is allowed */
    SUT_F_OPTIONAL = 32, /* answers: the field may be absent */
    SUT_F_SIGNED = 64,   /* PRICE: may be below zero here; the domain has words of its own for it */
};

struct sut_schema;

struct sut_field {
    const char *name;
    enum sut_ftype type;
    unsigned flags;
    int64_t min;
    int64_t max;
    const char *const *choices;  /* NULL-terminated */
    const struct sut_schema *of; /* OBJECT, ARRAY */
    enum sut_ftype items;        /* ARRAY without `of` */
    const char *doc;
};

struct sut_schema {
    const char *name; /* "Product": the component's name in the OpenAPI document */
    const struct sut_field *fields;
    size_t n;
};

#define SUT_SCHEMA(name_, fields_)                                                                 \
    {                                                                                              \
        .name = (name_), .fields = (fields_), .n = sizeof(fields_) / sizeof((fields_)[0])          \
    }

struct sut_fault {
    sut_str field;
    sut_str message;
    struct sut_fault *next;
};

/*
 * Hold a parsed body (or one object of it) against the schema; NULL counts as
 * an empty object.  Unknown members are faults under their own name
 * ("Unknown field.").  INVALID with *reterr_faults in field order, in the arena.
 */
SUT_ERR sut_schema_check(struct sut_arena *a, const struct sut_schema *schema,
                         const struct sut_json *body, const struct sut_fault **reterr_faults);

/*
 * The fields of a body that passed.  str: trimmed, p is NULL when the field is
 * absent or null.  raw: as it was sent (passwords).  The others give `absent`
 * when the field is absent or null.
 */
sut_str sut_schema_str(const struct sut_json *body, const char *name);
sut_str sut_schema_raw(const struct sut_json *body, const char *name);
int64_t sut_schema_i64(const struct sut_json *body, const char *name, int64_t absent);
int64_t sut_schema_cents(const struct sut_json *body, const char *name, int64_t absent);
bool sut_schema_bool(const struct sut_json *body, const char *name, bool absent);

/* Whether a run of 13 to 19 digits, blanks and dashes between them allowed, passes Luhn. */
bool sut_has_card_number(sut_str text);
/* Digits (5 at least), space, + - ( ) and . alone. */
bool sut_is_phone(sut_str text);
/* Whether text is an address by Django's EmailValidator rules (letters before the @: ASCII alone).
 */
bool sut_is_email(sut_str text);
/* A price's cents: "12", "12.5", "12.50"; INVALID for all else (sign, exponent, 3 places, blanks).
 */
SUT_ERR sut_parse_cents(sut_str text, int64_t max, int64_t *ret);

#endif
