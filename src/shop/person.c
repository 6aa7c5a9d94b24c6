/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/person.h"

#include "audit/audit.h"
#include "base/buf.h"
#include "codec/utf8.h"
#include "store/device.h"
#include "store/media_row.h"
#include "store/store.h"

enum { SUFFIX_MAX = 12, NUMBERS_ONE_BY_ONE = 8, FAR_TRIES = 16 };
static const uint64_t number_max = 1000000000;
#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)

void sut_person_split_name(sut_str full, sut_str *ret_first, sut_str *ret_last)
{
    const sut_str s = sut_utf8_trim(full);
    size_t at = 0;
    size_t end = 0;
    for (uint32_t cp = 0; sut_utf8_next(s, &at, &cp) && !sut_utf8_is_space(cp);)
        end = at;
    *ret_first = sut_str_sub(s, 0, end);
    *ret_last = sut_utf8_trim(sut_str_sub(s, end, s.n));
}

/* What may stand in a user name; an address may hold more, in quotes. */
static bool is_username_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(".!#$%&'*+/=?^_`{|}~-", c) != NULL);
}

SUT_ERR sut_person_username_of(struct sut_arena *a, sut_str email, sut_str *ret)
{
    const char *sign = email.n == 0 ? NULL : memrchr(email.p, '@', email.n);
    ENSURE(sign != NULL, INVALID);
    struct sut_buf b;
    sut_buf_init_arena(&b, a, SUT_PERSON_USERNAME_MAX);
    for (const char *p = email.p; p < sign && b.n < SUT_PERSON_USERNAME_MAX; p++) {
        const char c = sut_ascii_lower(*p);
        if (is_username_char(c))
            sut_buf_char(&b, c);
    }
    if (b.n == 0)
        sut_buf_lit(&b, "user");
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

/* "sarah-2", the base cut so that it fits. */
static sut_str numbered(struct sut_arena *a, sut_str base, uint64_t number)
{
    if (number < 2)
        return base;
    struct sut_buf suffix;
    struct sut_buf b;
    sut_buf_init_arena(&suffix, a, SUFFIX_MAX);
    sut_buf_init_arena(&b, a, SUT_PERSON_USERNAME_MAX);
    sut_buf_char(&suffix, '-');
    sut_buf_u64(&suffix, number);
    sut_buf_str_add(&b, sut_str_sub(base, 0, SUT_PERSON_USERNAME_MAX - suffix.n));
    sut_buf_str_add(&b, sut_buf_str(&suffix));
    return sut_buf_str(&b);
}

static SUT_ERR is_taken(struct sut_db_conn *c, struct sut_arena *a, sut_str base, uint64_t number,
                        bool *ret)
{
    const sut_str name = numbered(a, base, number);
    ENSURE(name.p != NULL, NOMEM);
    return sut_person_username_taken(c, name, ret);
}

/*
 * A free number, when somebody has taken each that the leaps below come to:
 * one that nobody can foresee and take too, made out of the new hash's salt.
 */
static SUT_ERR far_number(struct sut_db_conn *c, struct sut_arena *a, sut_str base, sut_str chance,
                          uint64_t *ret)
{
    uint64_t h = FNV_OFFSET;
    for (size_t i = 0; i < chance.n; i++)
        h = (h ^ (unsigned char) chance.p[i]) * FNV_PRIME;
    for (unsigned i = 0; i < FAR_TRIES; i++) {
        bool taken = false;
        h = (h ^ h >> 32) * FNV_PRIME;
        *ret = number_max / 10 + h % (number_max - number_max / 10);
        TRY(is_taken(c, a, base, *ret, &taken));
        if (!taken)
            return SUT_OK;
    }
    FAIL(EXISTS);
}

/*
 * A free number.  The first few are tried one by one; after them in leaps,
 * then halving, so that the ten thousandth "info" costs 30 looks and not
 * 10,000.
 */
static SUT_ERR free_number(struct sut_db_conn *c, struct sut_arena *a, sut_str base, sut_str chance,
                           uint64_t *ret)
{
    bool taken = false;
    uint64_t number = 1;
    for (; number <= NUMBERS_ONE_BY_ONE; number++) {
        TRY(is_taken(c, a, base, number, &taken));
        if (!taken) {
            *ret = number;
            return SUT_OK;
        }
    }
    uint64_t low = NUMBERS_ONE_BY_ONE; /* taken */
    uint64_t high = low * 2;
    for (;; low = high, high *= 2) {
        if (high > number_max)
            return far_number(c, a, base, chance, ret);
        TRY(is_taken(c, a, base, high, &taken));
        if (!taken)
            break;
    }
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        TRY(is_taken(c, a, base, middle, &taken));
        low = taken ? middle : low;
        high = taken ? high : middle;
    }
    *ret = high;
    return SUT_OK;
}

/* What a registration's job works on; everything it makes, it makes anew when it runs again. */
struct joining {
    struct sut_arena *a;
    const struct sut_person_register *p;
    sut_ms now;
    sut_str base;
    int64_t id;
    struct sut_person_row row;
};

static SUT_ERR insert_person(struct sut_db_conn *c, struct joining *j)
{
    bool taken = false;
    uint64_t number = 0;
    TRY(sut_person_email_taken(c, j->a, j->p->email, &taken));
    ENSURE(!taken, EXISTS);
    TRY(free_number(c, j->a, j->base, j->p->password, &number));
    const struct sut_person_new row = {
        .email = j->p->email,
        .username = numbered(j->a, j->base, number),
        .first_name = j->p->first_name,
        .last_name = j->p->last_name,
        .phone = j->p->phone,
        .password = j->p->password,
        .is_active = true,
        .is_staff = j->p->is_staff,
        .is_superuser = j->p->is_superuser,
        .email_verified = j->p->email_verified,
        .by = j->p->by,
    };
    ENSURE(row.username.p != NULL, NOMEM);
    return sut_person_insert(c, j->a, &row, j->now, &j->id);
}

static SUT_ERR insert_session(struct sut_db_conn *c, const struct joining *j)
{
    if (j->p->session == NULL)
        return SUT_OK;
    struct sut_session_new s = *j->p->session;
    s.user_id = j->id;
    TRY(sut_session_insert(c, &s, j->now));
    bool is_new = false;
    bool is_first = false;
    if (j->p->device.n > 0)
        TRY(sut_device_see(c, j->id, j->p->device, j->now, &is_new, &is_first));
    return sut_person_set_last_login(c, j->id, j->now);
}

static SUT_ERR join(struct sut_db_conn *c, void *arg)
{
    struct joining *j = arg;
    const struct sut_mark m = sut_arena_mark(j->a);
    const bool by_staff = j->p->by != 0 || j->p->by_command;
    TRY(insert_person(c, j));
    TRY(insert_session(c, j));
    if (j->p->group.n > 0)
        TRY(sut_person_set_group(c, j->id, j->p->group, true));
    TRY(sut_audit_write_id(c, by_staff ? SUT_ACTION_ADMIN_USER_ADD : SUT_ACTION_USER_REGISTER,
                           by_staff ? j->p->by : j->id, "user", j->id, j->p->addr, j->now));
    if (j->p->joined != NULL)
        TRY(j->p->joined(j->p->joined_ctx, c, j->a, j->id));
    sut_arena_rewind(j->a, m);
    return sut_person_by_id(c, j->a, j->id, &j->row);
}

SUT_ERR sut_person_register(struct sut_store *store, struct sut_arena *a,
                            const struct sut_person_register *p, sut_ms now,
                            struct sut_person_row *ret)
{
    struct joining j = { .a = a, .p = p, .now = now };
    TRY(sut_person_username_of(a, p->email, &j.base));
    TRY(sut_store_write(store, join, &j));
    *ret = j.row;
    return SUT_OK;
}

struct updating {
    struct sut_arena *a;
    int64_t id;
    const struct sut_person_change *change;
    sut_str addr;
    sut_ms now;
    struct sut_person_row row;
};

/* The new one is used from here on, the old one's files go. */
static SUT_ERR change_picture(struct sut_db_conn *c, const struct updating *u)
{
    const sut_str old = sut_str_sub(u->row.picture, 0, SUT_MEDIA_NAME);
    if (!u->change->has_picture)
        return SUT_OK;
    if (u->change->picture.n > 0)
        TRY(sut_media_row_use(c, u->change->picture_id, u->now));
    return old.n == 0 ? SUT_OK : sut_media_row_drop_name(c, old, u->now);
}

static SUT_ERR update(struct sut_db_conn *c, void *arg)
{
    struct updating *u = arg;
    TRY(sut_person_by_id(c, u->a, u->id, &u->row));
    ENSURE(u->row.is_active, NOT_FOUND);
    TRY(change_picture(c, u));
    TRY(sut_person_set_profile(c, u->a, u->id, u->change, u->id, u->now));
    TRY(sut_audit_write_id(c, SUT_ACTION_USER_UPDATE, u->id, "user", u->id, u->addr, u->now));
    return sut_person_by_id(c, u->a, u->id, &u->row);
}

SUT_ERR sut_person_update(struct sut_store *store, struct sut_arena *a, int64_t id,
                          const struct sut_person_change *change, sut_str addr, sut_ms now,
                          struct sut_person_row *ret)
{
    struct updating u = { .a = a, .id = id, .change = change, .addr = addr, .now = now };
    TRY(sut_store_write(store, update, &u));
    *ret = u.row;
    return SUT_OK;
}
