/* SPDX-License-Identifier: Apache-2.0 */
#include "api/social_take.h"

#include "api/links.h"
#include "api/social.h"
#include "audit/audit.h"
#include "codec/b64url.h"
#include "crypto/random.h"
#include "mail/mail.h"
#include "store/device.h"
#include "store/factor.h"
#include "store/link_token.h"
#include "store/media_row.h"

enum { CHANCE = 30, NO_PASSWORD_MAX = 48 };

/* As Django writes it: '!' and 40 characters of chance, so that no two are alike. */
SUT_ERR api_social_no_password(struct sut_req *r, sut_str *ret)
{
    char chance[CHANCE];
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, NO_PASSWORD_MAX);
    TRY(sut_random_fill(r->app->random, chance, sizeof(chance)));
    sut_buf_char(&b, '!');
    sut_b64url_encode(&b, sut_str_of(chance, sizeof(chance)));
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

static SUT_ERR audit(struct sut_db_conn *c, const struct api_social_taking *t,
                     enum sut_action action)
{
    const int64_t id = t->account->id;
    return sut_audit_write_id(c, action, id, "user", id, api_entry_addr(t->r), t->r->now);
}

static SUT_ERR link_account(struct sut_db_conn *c, const struct api_social_taking *t)
{
    return sut_social_put(c, t->r->arena, t->account->id, t->provider, t->who->subject,
                          t->who->picture, t->r->now);
}

/* Whoever has the account hears of it. */
static SUT_ERR tell(struct sut_db_conn *c, struct api_social_taking *t)
{
    struct sut_mail_words words = {
        .what = t->provider == SUT_PROVIDER_GOOGLE ? SUT_STR("Google") : SUT_STR("Facebook"),
        .at = t->r->now,
    };
    TRY(api_entry_coarse_addr(t->r, &words.addr));
    TRY(sut_mail_queue(c, t->r->arena, SUT_MAIL_SOCIAL_LINKED, t->account->id, &words,
                       (sut_str){ 0 }, t->r->now));
    t->has_mailed = true;
    return SUT_OK;
}

/* All by which whoever made the account could come back. */
static SUT_ERR drop_all(struct sut_db_conn *c, struct api_social_taking *t)
{
    static const enum sut_link_purpose waiting[] = { SUT_LINK_EMAIL_REVERT,
                                                     SUT_LINK_PASSKEY_REGISTER,
                                                     SUT_LINK_PASSKEY_PROOF };
    const int64_t id = t->account->id;
    const sut_ms now = t->r->now;
    sut_str password = { 0 };
    TRY(api_social_no_password(t->r, &password));
    TRY(sut_person_set_password(c, id, t->account->password, password, 0, now));
    t->endings = (struct api_endings){ .person = id, .why = "taken_over" };
    TRY(api_endings_write(c, t->r->arena, &t->endings, now));
    TRY(api_endings_links(c, id));
    for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
        TRY(sut_link_token_forget(c, id, waiting[i]));
    TRY(sut_factors_clear(c, id, now));
    TRY(sut_device_forget(c, id));
    TRY(sut_social_remove(c, id, SUT_PROVIDER_GOOGLE));
    return sut_social_remove(c, id, SUT_PROVIDER_FACEBOOK);
}

/* What a stranger has written about the owner goes; what the provider knows takes its place. */
static SUT_ERR put_profile(struct sut_db_conn *c, const struct api_social_taking *t)
{
    const struct sut_identity *who = t->who;
    const struct sut_person_change change = {
        .has_first_name = true,
        .has_last_name = true,
        .has_phone = true,
        .has_tax_number = true,
        .has_picture = true,
        .first_name = who->first_name.n + who->last_name.n > 0 ? who->first_name : who->name,
        .last_name = who->last_name,
    };
    TRY(sut_media_row_drop_person(c, t->account->id, t->r->now));
    return sut_person_set_profile(c, t->r->arena, t->account->id, &change, t->account->id,
                                  t->r->now);
}

static SUT_ERR take_over(struct sut_db_conn *c, struct api_social_taking *t)
{
    TRY(drop_all(c, t));
    TRY(sut_person_set_email_verified(c, t->account->id, t->r->now));
    TRY(put_profile(c, t));
    TRY(link_account(c, t));
    TRY(audit(c, t, SUT_ACTION_USER_TAKEN_OVER));
    return tell(c, t);
}

/* Between the reading and now the account may have got another address, or been verified. */
static SUT_ERR check_is_theirs(struct sut_db_conn *c, const struct api_social_taking *t)
{
    struct sut_person_row p;
    bool is_theirs = false;
    bool has_link = false;
    TRY(sut_person_by_id(c, t->r->arena, t->account->id, &p));
    TRY(api_is_address_of(t->r->arena, p.email, t->who->email, &is_theirs));
    ENSURE(is_theirs && p.email_verified == t->account->email_verified, DENIED);
    TRY(sut_social_has(c, p.id, t->provider, &has_link));
    /* Of several first sign-ins at once one links it; the others find it linked. */
    ENSURE(!has_link || t->take == API_SOCIAL_TAKE_OVER, DENIED);
    return SUT_OK;
}

sut_err api_social_take_job(struct sut_db_conn *c, void *taking)
{
    struct api_social_taking *t = taking;
    t->endings = (struct api_endings){ 0 };
    t->has_mailed = false;
    if (t->take == API_SOCIAL_USE)
        return link_account(c, t);
    TRY(check_is_theirs(c, t));
    if (t->take == API_SOCIAL_TAKE_OVER)
        return take_over(c, t);
    /* Who has a second factor has not shown it yet: an address alone links nothing to theirs, and
     * the ticket knows what is to be linked then. */
    if (t->account->factors != 0 && !t->has_factor)
        return SUT_OK;
    TRY(link_account(c, t));
    TRY(audit(c, t, SUT_ACTION_USER_SOCIAL_LINK));
    return tell(c, t);
}

void api_social_taken(const struct api_social_taking *t)
{
    if (t->endings.person != 0)
        api_endings_tell(t->r, &t->endings);
    if (t->has_mailed)
        api_mail_wake(t->r);
}
