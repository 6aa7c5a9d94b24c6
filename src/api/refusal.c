/* SPDX-License-Identifier: Apache-2.0 */
#include "api/refusal.h"

#include "guard/reply.h"
#include "store/factor.h"

static void write_methods(struct sut_jw *w, const struct api_account *a)
{
    sut_jw_key(w, "methods");
    sut_jw_arr(w);
    if ((a->factors & SUT_FACTOR_TOTP) != 0)
        sut_jw_z(w, "totp");
    if ((a->factors & SUT_FACTOR_PASSKEY) != 0)
        sut_jw_z(w, "passkey");
    if (a->has_recovery)
        sut_jw_z(w, "recovery_code");
    sut_jw_arr_end(w);
}

static void answer_factor_due(struct sut_req *r, const struct api_account *a)
{
    struct sut_jw w =
        sut_reply_refuse_open(r, 401, "second_factor_required", "Second factor required.");
    sut_jw_key(&w, "ticket");
    sut_jw_str(&w, a->ticket);
    write_methods(&w, a);
    if (a->passkey_options.n > 0) {
        sut_jw_key(&w, "passkey_options");
        sut_jw_raw(&w, a->passkey_options);
    }
    sut_reply_refuse_close(r, &w, 401);
}

/* Contract A's words; contract B's envelope has them too. */
static void answer_locked(struct sut_req *r, const struct api_account *a)
{
    struct sut_jw w = sut_reply_domain_open(
        r, 403, "locked",
        SUT_STR("Account temporarily locked due to multiple failed attempts. Try again later."));
    sut_jw_key(&w, "lockout");
    sut_jw_bool(&w, true);
    sut_jw_key(&w, "retry_after");
    sut_jw_i64(&w, a->retry_after_s);
    sut_reply_domain_close(r, &w, 403);
}

bool api_refusal_answer(struct sut_req *r, const struct api_account *a)
{
    if (a->outcome == API_LOCKED) {
        answer_locked(r, a);
        return true;
    }
    if (a->outcome != API_FACTOR_DUE)
        return false;
    answer_factor_due(r, a);
    return true;
}
