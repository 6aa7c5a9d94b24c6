/* SPDX-License-Identifier: Apache-2.0 */
#include "api/endings.h"

#include "authn/sessions.h"
#include "store/link_token.h"

SUT_ERR api_endings_write(struct sut_db_conn *c, struct sut_arena *a, struct api_endings *e,
                          sut_ms now)
{
    TRY(sut_person_set_tokens_revoked(c, e->person, now));
    return sut_session_revoke_all(c, a, e->person, e->but, e->why, now, &e->ended);
}

void api_endings_tell(struct sut_req *r, const struct api_endings *e)
{
    for (size_t i = 0; i < e->ended.n; i++)
        sut_sessions_revoke(r->app->sessions, e->ended.v[i], r->now);
    sut_sessions_revoke_user(r->app->sessions, e->person, r->now);
}

SUT_ERR api_endings_links(struct sut_db_conn *c, int64_t person)
{
    TRY(sut_link_token_forget(c, person, SUT_LINK_RESET));
    TRY(sut_link_token_forget(c, person, SUT_LINK_EMAIL_CONFIRM));
    return sut_link_token_forget(c, person, SUT_LINK_TICKET);
}
