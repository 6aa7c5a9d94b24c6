/* SPDX-License-Identifier: Apache-2.0 */
#include "store/social_picture.h"

#include "base/buf.h"
#include "db/db.h"
#include "store/personal.h"

static const struct sut_sql picture_claim = {
    .name = "social_picture_claim",
    .text = "UPDATE social_links SET picture_due_at = $2, picture_tries = picture_tries + 1"
            " WHERE id = (SELECT id FROM social_links WHERE picture IS NOT NULL"
            " AND picture_due_at <= $1 ORDER BY picture_due_at, id LIMIT 1)"
            " AND picture IS NOT NULL AND picture_due_at <= $1"
            " RETURNING id, person_id, picture_tries, key_version, picture",
};

static const struct sut_sql picture_forget = {
    .name = "social_picture_forget",
    .text = "UPDATE social_links SET picture = NULL WHERE id = $1",
};

static const struct sut_sql picture_later = {
    .name = "social_picture_later",
    .text = "UPDATE social_links SET picture_due_at = $2 WHERE id = $1",
};

SUT_ERR sut_social_picture_claim(struct sut_db_conn *c, struct sut_arena *a, sut_ms now,
                                 sut_ms until, struct sut_social_picture *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &picture_claim, &s));
    sut_db_bind_i64(s, 1, now.v);
    sut_db_bind_i64(s, 2, until.v);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = (struct sut_social_picture){
        .link = sut_db_col_i64(s, 0),
        .person = sut_db_col_i64(s, 1),
        .tries = sut_db_col_i64(s, 2),
        .key_version = (uint32_t) sut_db_col_i64(s, 3),
        .sealed = sut_str_dup(a, sut_db_col_blob(s, 4)),
    };
    ENSURE(ret->sealed.p != NULL, NOMEM);
    return SUT_OK;
}

SUT_ERR sut_social_picture_url(struct sut_db_conn *c, struct sut_arena *a,
                               const struct sut_social_picture *p, sut_str *ret)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    struct sut_buf out = { .p = sut_arena_bytes(a, p->sealed.n + 1),
                           .cap = p->sealed.n,
                           .max = p->sealed.n };
    ENSURE(out.p != NULL, NOMEM);
    TRY(sut_personal_key_for_reading(c, p->person, p->key_version, &k));
    TRY(sut_seal_get(&k, sut_personal_field(SUT_PERSONAL_SOCIAL_PICTURE), p->link, p->sealed,
                     &out));
    *ret = sut_buf_str(&out);
    return SUT_OK;
}

SUT_ERR sut_social_picture_forget(struct sut_db_conn *c, int64_t link)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &picture_forget, &s));
    sut_db_bind_i64(s, 1, link);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_social_picture_later(struct sut_db_conn *c, int64_t link, sut_ms due)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &picture_later, &s));
    sut_db_bind_i64(s, 1, link);
    sut_db_bind_i64(s, 2, due.v);
    return sut_db_step(s, &has_row);
}
