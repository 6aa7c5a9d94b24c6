/* SPDX-License-Identifier: Apache-2.0
 *
 * provider_fetch - the questions to providers of identity, by way of the courier.
 */
#include "authn/facebook.h"
#include "authn/google.h"
#include "ipc/courier.h"

/* The longest that somebody who signs in waits for one answer. */
enum { TIMEOUT_MS = 5000 };

sut_err sut_google_fetch_keys(void *courier, struct sut_buf *body, uint32_t *ret_max_age_s)
{
    const struct sut_errand e = { .purpose = SUT_ERRAND_GOOGLE_KEYS, .timeout_ms = TIMEOUT_MS };
    struct sut_errand_answer answer;
    ENSURE(courier != NULL, UNAVAILABLE);
    TRY(sut_courier_fetch(courier, &e, body, &answer));
    ENSURE(answer.status == 200, UNAVAILABLE);
    *ret_max_age_s = answer.max_age_s;
    return SUT_OK;
}

sut_err sut_facebook_fetch_answer(void *courier, enum sut_facebook_question q, sut_str token,
                                  struct sut_buf *body, int *ret_status)
{
    const struct sut_errand e = {
        .purpose = q == SUT_FACEBOOK_DEBUG ? SUT_ERRAND_FACEBOOK_DEBUG : SUT_ERRAND_FACEBOOK_ME,
        .text = token,
        .timeout_ms = TIMEOUT_MS,
    };
    struct sut_errand_answer answer;
    ENSURE(courier != NULL, UNAVAILABLE);
    TRY(sut_courier_fetch(courier, &e, body, &answer));
    *ret_status = answer.status;
    return SUT_OK;
}
