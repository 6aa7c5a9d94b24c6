/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_out.h"
#include "codec/utf8.h"
#include "mail/goods.h"
#include "mail/mail.h"
#include "store/outbox.h"

/* Characters; a link and an address are never cut. */
enum { DEVICE_MAX = 120, WHAT_MAX = 80, ADDR_MAX = 64 };
static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

static const char *const words_of[SUT_MAIL_KINDS] = {
#define X(name, word, has_link) [SUT_MAIL_##name] = word,
#include "mail/mail.def"
#undef X
};

static const bool has_link[SUT_MAIL_KINDS] = {
#define X(name, word, has_link) [SUT_MAIL_##name] = has_link,
#include "mail/mail.def"
#undef X
};

const char *sut_mail_word(enum sut_mail_kind k)
{
    return (unsigned) k < SUT_MAIL_KINDS ? words_of[k] : "";
}

static void put(struct sut_jw *w, const char *key, sut_str v)
{
    if (v.n == 0)
        return;
    sut_jw_key(w, key);
    sut_jw_str(w, v);
}

/* Whether the person was told of this often enough for a day. */
static SUT_ERR is_flood(struct sut_db_conn *c, enum sut_mail_kind kind, int64_t person, sut_ms now,
                        bool *ret)
{
    uint64_t n = 0;
    *ret = false;
    if (has_link[kind] || person == 0)
        return SUT_OK;
    TRY(sut_outbox_count(c, person, sut_str_from(words_of[kind]), (sut_ms){ now.v - day_ms }, &n));
    *ret = n >= SUT_MAIL_NOTICES_A_DAY;
    return SUT_OK;
}

SUT_ERR sut_mail_queue(struct sut_db_conn *c, struct sut_arena *scratch, enum sut_mail_kind kind,
                       int64_t person, const struct sut_mail_words *words, sut_str name, sut_ms now)
{
    bool ignored = false;
    return sut_mail_queue_once(c, scratch, kind, person, words, name, now, &ignored);
}

SUT_ERR sut_mail_queue_once(struct sut_db_conn *c, struct sut_arena *scratch,
                            enum sut_mail_kind kind, int64_t person,
                            const struct sut_mail_words *words, sut_str name, sut_ms now,
                            bool *ret_added)
{
    *ret_added = false;
    ENSURE((unsigned) kind < SUT_MAIL_KINDS, INVALID);
    struct sut_buf b;
    bool is_too_many = false;
    if (words->goods == NULL)
        TRY(is_flood(c, kind, person, now, &is_too_many));
    if (is_too_many)
        return SUT_OK;
    sut_buf_init_arena(&b, scratch, SUT_OUTBOX_PAYLOAD_MAX);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_obj(&w);
    put(&w, "to", words->to);
    put(&w, "link", words->link);
    put(&w, "device", sut_utf8_head(words->device, DEVICE_MAX));
    put(&w, "what", sut_utf8_head(words->what, WHAT_MAX));
    put(&w, "addr", sut_utf8_head(words->addr, ADDR_MAX));
    if (words->goods != NULL)
        sut_mail_goods_put(&w, words->goods);
    sut_jw_key(&w, "at");
    sut_jw_i64(&w, words->at.v == 0 ? now.v : words->at.v);
    sut_jw_obj_end(&w);
    TRY(sut_buf_check(&b));
    const struct sut_outbox_new o = {
        .kind = SUT_OUTBOX_MAIL,
        .what = sut_str_from(words_of[kind]),
        .name = name,
        .person = person,
        .payload = sut_buf_str(&b),
    };
    return sut_outbox_add(c, &o, now, ret_added);
}
