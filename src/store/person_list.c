/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/email.h"
#include "codec/utf8.h"
#include "db/db.h"
#include "store/person_int.h"

enum { LIST_MAX = 1000, PHONE_DIGITS_MIN = 3, LIST_KEY = SUT_PERSON_N_COLUMNS };

/* The data key comes with each row: a page whose keys are not open costs one statement too. */
#define ROWS                                                                                       \
    "SELECT " SUT_PERSON_COLUMNS ", k.kek_version, k.wrapped FROM users u"                         \
    " LEFT JOIN data_keys k ON k.person_id = u.id AND k.version = u.key_version "

static const struct sut_sql person_page = {
    .name = "person_page",
    .text = ROWS "ORDER BY u.id LIMIT $1 OFFSET $2",
};

static const struct sut_sql person_count = {
    .name = "person_count",
    .text = "SELECT COUNT(*) FROM users",
};

static const struct sut_sql person_some = {
    .name = "person_some",
    .text = ROWS "WHERE u.id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
                 " $16, $17, $18, $19, $20) ORDER BY u.id",
};

/*
 * Each part has an index of its own; UNION takes the doubles out.  $1 … $4: the
 * address, under each index key, $5 … the user name, $9 … the phone number,
 * $13 … $44 eight words; $45: how many of them a person must have.  Each of a
 * person's words stands there once.
 */
#define FOUND                                                                                      \
    "(SELECT id FROM users WHERE email_index IN ($1, $2, $3, $4)"                                  \
    " UNION SELECT id FROM users WHERE username_index IN ($5, $6, $7, $8)"                         \
    " UNION SELECT id FROM users WHERE phone_index IN ($9, $10, $11, $12)"                         \
    " UNION SELECT person_id FROM person_words WHERE word IN ($13, $14, $15, $16, $17, $18, $19,"  \
    " $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37,"   \
    " $38, $39, $40, $41, $42, $43, $44) GROUP BY person_id HAVING COUNT(*) = $45)"

static const struct sut_sql person_found = {
    .name = "person_found",
    .text = ROWS "WHERE u.id IN " FOUND " ORDER BY u.id LIMIT $46 OFFSET $47",
};

static const struct sut_sql person_found_count = {
    .name = "person_found_count",
    .text = "SELECT COUNT(*) FROM users u WHERE u.id IN " FOUND,
};

/* What is searched for, in each form that is indexed. */
struct wanted {
    struct sut_index email;
    struct sut_index username;
    struct sut_index phone; /* n 0: it is no phone number */
    struct sut_index words[SUT_PERSON_SEARCH_WORDS];
    size_t n_words; /* 0: nobody is found by name */
};

/* Digits, and what people put between them. */
static bool is_phone_like(sut_str s)
{
    size_t digits = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= '0' && s.p[i] <= '9')
            digits++;
        else if (s.p[i] == '\0' || strchr(" +-.()/", s.p[i]) == NULL)
            return false;
    }
    return digits >= PHONE_DIGITS_MIN;
}

static SUT_ERR index_words(struct sut_db_conn *c, struct sut_arena *a, sut_str search,
                           struct wanted *w)
{
    sut_str *words = NULL;
    size_t n = 0;
    TRY(sut_utf8_terms(a, search, SUT_PERSON_SEARCH_WORDS + 1, &words, &n));
    if (n > SUT_PERSON_SEARCH_WORDS)
        return SUT_OK;
    for (size_t i = 0; i < n; i++)
        TRY(sut_personal_index(c, &sut_personal_words, words[i], &w->words[i]));
    w->n_words = n;
    return SUT_OK;
}

static SUT_ERR index_search(struct sut_db_conn *c, struct sut_arena *a, sut_str search,
                            struct wanted *ret)
{
    sut_str key = { 0 };
    *ret = (struct wanted){ .n_words = 0 };
    TRY(sut_email_key(a, search, &key));
    TRY(sut_personal_index(c, sut_personal_field(SUT_PERSONAL_USERS_EMAIL), key, &ret->email));
    TRY(sut_utf8_lower(a, sut_utf8_trim(search), &key));
    TRY(sut_personal_index(c, sut_personal_field(SUT_PERSONAL_USERS_USERNAME), key,
                           &ret->username));
    if (is_phone_like(search)) {
        TRY(sut_personal_phone_key(a, search, &key));
        TRY(sut_personal_index(c, sut_personal_field(SUT_PERSONAL_USERS_PHONE), key, &ret->phone));
    }
    return index_words(c, a, search, ret);
}

static int bind_search(struct sut_db_stmt *s, const struct wanted *w)
{
    /* No index is 22 zeros, so what is not searched for is not found. */
    static const struct sut_index none = { .n = 0, .at[0].text = "0000000000000000000000" };
    int n = 1;
    sut_personal_bind_index(s, n, &w->email);
    sut_personal_bind_index(s, n += SUT_INDEX_VERSIONS_MAX, &w->username);
    sut_personal_bind_index(s, n += SUT_INDEX_VERSIONS_MAX, w->phone.n > 0 ? &w->phone : &none);
    for (size_t i = 0; i < SUT_PERSON_SEARCH_WORDS; i++)
        sut_personal_bind_index(s, n += SUT_INDEX_VERSIONS_MAX,
                                i < w->n_words ? &w->words[i] : &none);
    n += SUT_INDEX_VERSIONS_MAX;
    sut_db_bind_i64(s, n, w->n_words > 0 ? (int64_t) w->n_words : -1);
    return n;
}

static SUT_ERR prepare_list(struct sut_db_conn *c, const struct sut_person_query *q,
                            const struct wanted *w, bool paged, struct sut_db_stmt **ret)
{
    const bool searches = q->search.n > 0;
    const struct sut_sql *page = searches ? &person_found : &person_page;
    const struct sut_sql *count = searches ? &person_found_count : &person_count;
    TRY(sut_db_prepare(c, paged ? page : count, ret));
    int n = searches ? bind_search(*ret, w) : 0;
    if (paged) {
        sut_db_bind_i64(*ret, ++n, (int64_t) q->limit);
        sut_db_bind_i64(*ret, ++n, (int64_t) q->offset);
    }
    return SUT_OK;
}

static SUT_ERR count_list(struct sut_db_conn *c, const struct sut_person_query *q,
                          const struct wanted *w, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(prepare_list(c, q, w, false, &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

/* A page as it lies there, and the keys that it needs. */
struct page {
    struct sut_person_sealed *rows;
    struct sut_data_key_row *keys; /* of each row; one that is lost is zero and opens nothing */
    size_t n;
};

static SUT_ERR keep_sealed(struct sut_arena *a, struct sut_person_sealed *row)
{
    for (int i = 0; i < SUT_PERSON_SEALED; i++) {
        if (row->fields[i].p == NULL || row->fields[i].n == 0)
            continue;
        row->fields[i] = sut_str_dup(a, row->fields[i]);
        ENSURE(row->fields[i].p != NULL, NOMEM);
    }
    return SUT_OK;
}

static SUT_ERR read_page(struct sut_db_stmt *s, struct sut_arena *a, size_t limit, struct page *ret)
{
    struct page p = { .rows = ARENA_ARRAY(a, struct sut_person_sealed, limit + 1),
                      .keys = ARENA_ARRAY(a, struct sut_data_key_row, limit + 1) };
    ENSURE(p.rows != NULL && p.keys != NULL, NOMEM);
    while (p.n < limit) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        struct sut_person_sealed *row = &p.rows[p.n++];
        TRY(sut_person__read(s, a, row));
        TRY(keep_sealed(a, row));
        const sut_str wrapped = sut_db_col_blob(s, LIST_KEY + 1);
        struct sut_data_key_row *key = &p.keys[p.n - 1];
        key->person = row->plain.id;
        key->version = row->key_version;
        key->kek_version = (uint32_t) sut_db_col_i64(s, LIST_KEY);
        if (wrapped.n == SUT_DATA_WRAPPED)
            memcpy(key->wrapped, wrapped.p, SUT_DATA_WRAPPED);
    }
    *ret = p;
    return SUT_OK;
}

/* One whose fields are lost is shown without them: a list is no reason to stop at it. */
static SUT_ERR open_row(struct sut_seal *seal, struct sut_arena *a,
                        const struct sut_person_sealed *from, const struct sut_data_key_row *key,
                        struct sut_person_row *ret)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    sut_err e = sut_seal_key_of(seal, key, &k);
    if (!sut_failed(e))
        e = sut_person__open(&k, a, from, ret);
    if (e.code != SUT_E_NOT_FOUND && e.code != SUT_E_CORRUPT)
        return e;
    *ret = from->plain;
    ret->is_lost = true;
    ret->email = ret->username = ret->first_name = ret->last_name = SUT_STR("");
    return SUT_OK;
}

static SUT_ERR open_page(struct sut_db_conn *c, struct sut_arena *a, const struct page *p,
                         struct sut_person_row **ret)
{
    struct sut_seal *seal = NULL;
    struct sut_person_row *rows = ARENA_ARRAY(a, struct sut_person_row, p->n + 1);
    ENSURE(rows != NULL, NOMEM);
    TRY(sut_personal_seal(c, &seal));
    if (p->n > 0)
        TRY(sut_personal_open_keys(c, p->keys, p->n));
    for (size_t i = 0; i < p->n; i++)
        TRY(open_row(seal, a, &p->rows[i], &p->keys[i], &rows[i]));
    *ret = rows;
    return SUT_OK;
}

static SUT_ERR count_and_read(struct sut_db_conn *c, struct sut_arena *a,
                              const struct sut_person_query *q, const struct wanted *w,
                              struct page *ret, int64_t *ret_count)
{
    TRY(count_list(c, q, w, ret_count));
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(prepare_list(c, q, w, true, &s));
    return read_page(s, a, q->limit, ret);
}

/* Of one moment: between two, a rotation may have moved the rows to an index that is new here. */
static SUT_ERR list(struct sut_db_conn *c, struct sut_arena *a, const struct sut_person_query *q,
                    struct page *ret, int64_t *ret_count)
{
    struct wanted w = { .n_words = 0 };
    if (q->search.n > 0)
        TRY(index_search(c, a, q->search, &w));
    TRY(sut_db_tx_begin(c));
    const sut_err e = count_and_read(c, a, q, &w, ret, ret_count);
    if (sut_failed(e)) {
        sut_db_tx_rollback(c);
        return e;
    }
    return sut_db_tx_commit(c);
}

static bool has_lost(const struct sut_person_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].is_lost)
            return true;
    return false;
}

SUT_ERR sut_person_list(struct sut_db_conn *c, struct sut_arena *a,
                        const struct sut_person_query *q, struct sut_person_row **ret,
                        size_t *ret_n, int64_t *ret_count)
{
    ENSURE(q->limit <= LIST_MAX && q->offset <= INT64_MAX, INVALID);
    struct page p;
    bool changed = false;
    TRY(list(c, a, q, &p, ret_count));
    if (*ret_count == 0 && q->search.n > 0)
        TRY(sut_personal_look_for_keys(c, &changed));
    if (changed)
        TRY(list(c, a, q, &p, ret_count));
    TRY(open_page(c, a, &p, ret));
    /* Between the rows and their opening a rotation may have forgotten their key: look again. */
    if (has_lost(*ret, p.n)) {
        TRY(list(c, a, q, &p, ret_count));
        TRY(open_page(c, a, &p, ret));
    }
    *ret_n = p.n;
    return SUT_OK;
}

static SUT_ERR read_some(struct sut_db_conn *c, struct sut_arena *a, const int64_t *ids, size_t n,
                         struct page *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_some, &s));
    for (size_t i = 0; i < SUT_PERSON_SOME; i++)
        sut_db_bind_i64(s, (int) i + 1, i < n ? ids[i] : 0);
    return read_page(s, a, n, ret);
}

SUT_ERR sut_person_some(struct sut_db_conn *c, struct sut_arena *a, const int64_t *ids, size_t n,
                        struct sut_person_row **ret, size_t *ret_n)
{
    struct page p;
    ENSURE(n <= SUT_PERSON_SOME, INVALID);
    TRY(read_some(c, a, ids, n, &p));
    TRY(open_page(c, a, &p, ret));
    if (has_lost(*ret, p.n)) {
        TRY(read_some(c, a, ids, n, &p));
        TRY(open_page(c, a, &p, ret));
    }
    *ret_n = p.n;
    return SUT_OK;
}

SUT_ERR sut_person_count(struct sut_db_conn *c, int64_t *ret)
{
    const struct sut_person_query q = { .limit = 0 };
    return count_list(c, &q, NULL, ret);
}
