/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/user_state.h"

#include "audit/audit.h"
#include "base/buf.h"
#include "codec/json_out.h"
#include "prog/user_admin.h"
#include "store/factor.h"
#include "store/person.h"

static const char *role_of(const struct sut_person_account *p)
{
    return sut_user_role_name(p->is_superuser ? SUT_USER_SUPERUSER
                              : p->is_staff   ? SUT_USER_STAFF
                                              : SUT_USER_CUSTOMER);
}

static void time_or_null(struct sut_jw *w, sut_ms at)
{
    if (at.v == 0)
        sut_jw_null(w);
    else
        sut_jw_time(w, at);
}

SUT_ERR sut_user_state(struct sut_db_conn *c, struct sut_arena *a, int64_t id, sut_str *ret)
{
    struct sut_person_account p;
    sut_str *groups = NULL;
    size_t n = 0;
    struct sut_buf b;
    TRY(sut_person_account(c, a, id, &p));
    TRY(sut_person_groups(c, a, id, &groups, &n));
    sut_buf_init_arena(&b, a, SUT_AUDIT_STATE_MAX);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_obj(&w);
    sut_jw_key(&w, "role");
    sut_jw_z(&w, role_of(&p));
    sut_jw_key(&w, "is_active");
    sut_jw_bool(&w, p.is_active);
    sut_jw_key(&w, "locked_until");
    time_or_null(&w, p.locked_until);
    sut_jw_key(&w, "tokens_revoked_at");
    time_or_null(&w, p.tokens_revoked_at);
    sut_jw_key(&w, "second_factors");
    sut_jw_i64(&w, __builtin_popcountll((uint64_t) p.factors));
    sut_jw_key(&w, "groups");
    sut_jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        sut_audit_text(&w, groups[i]);
    sut_jw_arr_end(&w);
    sut_jw_obj_end(&w);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}
