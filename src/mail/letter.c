/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/letter.h"

#include "base/buf.h"
#include "codec/email.h"
#include "crypto/sha256.h"
#include "store/outbox.h"
#include "store/person.h"

enum { MESSAGE_MAX = 256 * 1024, ID_BYTES = 16 };

const char sut_letter_to_nobody[] = "to_nobody";

enum sut_mail_kind sut_letter_kind(sut_str what)
{
    for (int k = 0; k < SUT_MAIL_KINDS; k++)
        if (sut_str_is(what, sut_mail_word((enum sut_mail_kind) k)))
            return (enum sut_mail_kind) k;
    return SUT_MAIL_KINDS;
}

sut_str sut_letter_file(const struct sut_outbox_row *row, char to[SUT_LETTER_FILE_MAX])
{
    struct sut_buf b = { .p = to, .cap = SUT_LETTER_FILE_MAX, .max = SUT_LETTER_FILE_MAX };
    sut_buf_i64(&b, row->created_at.v);
    sut_buf_lit(&b, ".M");
    sut_buf_i64(&b, row->id);
    sut_buf_lit(&b, ".sutler");
    return sut_buf_str(&b);
}

/* What a digest of the row and the shop makes unique tells nobody how many mails there are. */
static SUT_ERR message_id(struct sut_arena *a, const struct sut_mail_sender *sender,
                          const struct sut_outbox_row *row, sut_str from, sut_str *ret)
{
    unsigned char digest[SUT_SHA256_SIZE];
    const sut_str parts[] = {
        sut_str_of((const char *) &row->id, sizeof(row->id)),
        sut_str_of((const char *) &row->created_at.v, sizeof(row->created_at.v)),
        sender->shop,
    };
    const size_t at = sut_str_find(from, 0, '@');
    struct sut_buf b;
    sut_sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), digest);
    sut_buf_init_arena(&b, a, 512);
    sut_buf_char(&b, '<');
    sut_buf_hex(&b, digest, ID_BYTES);
    sut_buf_str_add(&b, sut_str_sub(from, at, from.n));
    sut_buf_char(&b, '>');
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

/* The person's present address and name; *ret_why when there is none for good. */
static SUT_ERR open_person(struct sut_db_conn *c, struct sut_arena *a, int64_t person,
                           struct sut_person_row *ret, const char **ret_why)
{
    *ret = (struct sut_person_row){ .email = SUT_STR(""), .first_name = SUT_STR("") };
    if (person == 0)
        return SUT_OK;
    const sut_err e = sut_person_by_id(c, a, person, ret);
    if (e.code == SUT_E_CORRUPT)
        *ret_why = "key_lost";
    else if (e.code == SUT_E_NOT_FOUND)
        *ret_why = "no_person";
    else
        return e;
    return SUT_OK;
}

SUT_ERR sut_letter_write(struct sut_db_conn *c, struct sut_arena *a,
                         const struct sut_mail_sender *sender, const struct sut_outbox_row *row,
                         struct sut_letter *ret)
{
    struct sut_person_row person;
    sut_str name = { 0 };
    sut_str from = { 0 };
    sut_str id = { 0 };
    struct sut_buf out;
    *ret = (struct sut_letter){ .why = NULL };
    if (row->is_lost || row->payload.p == NULL) {
        ret->why = row->is_lost ? "key_lost" : "emptied";
        return SUT_OK;
    }
    TRY(open_person(c, a, row->person, &person, &ret->why));
    if (ret->why != NULL)
        return SUT_OK;
    if (sut_failed(sut_email_mailbox(sender->from, &name, &from)) ||
        sut_failed(sut_email_wire(a, from, &ret->from))) {
        ret->why = "bad_sender";
        return SUT_OK;
    }
    TRY(message_id(a, sender, row, ret->from, &id));
    sut_buf_init_arena(&out, a, MESSAGE_MAX);
    const sut_err e =
        sut_mail_render(a, sender, sut_letter_kind(row->what), row->payload, person.email,
                        person.first_name, id, row->created_at, &out, &ret->to);
    if (e.code == SUT_E_PARSE)
        ret->why = "bad_payload";
    else if (e.code == SUT_E_INVALID)
        ret->why = row->person == 0 ? sut_letter_to_nobody : "bad_address";
    else if (e.code == SUT_E_TOO_LARGE)
        ret->why = "too_large";
    else
        TRY(e);
    ret->message = sut_buf_str(&out);
    return SUT_OK;
}
