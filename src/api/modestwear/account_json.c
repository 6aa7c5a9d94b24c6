/* SPDX-License-Identifier: Apache-2.0 */
#include "api/modestwear/account_json.h"

#include "api/picture_url.h"
#include "api/refusal.h"
#include "codec/utf8.h"

void api_a_write_user(struct sut_req *r, struct sut_jw *w, const struct sut_person_row *p)
{
    sut_jw_obj(w);
    api_a_write_user_members(r, w, p);
    sut_jw_obj_end(w);
}

void api_a_write_user_members(struct sut_req *r, struct sut_jw *w, const struct sut_person_row *p)
{
    const struct api_picture_urls urls = api_picture_urls_of(r);
    sut_jw_key(w, "id");
    sut_jw_i64(w, p->id);
    sut_jw_key(w, "email");
    sut_jw_str(w, p->email);
    sut_jw_key(w, "username");
    sut_jw_str(w, p->username);
    sut_jw_key(w, "first_name");
    sut_jw_str(w, p->first_name);
    sut_jw_key(w, "last_name");
    sut_jw_str(w, p->last_name);
    sut_jw_key(w, "phone_number");
    sut_jw_str_or_null(w, p->phone);
    sut_jw_key(w, "profile_picture");
    sut_jw_str_or_null(w, p->picture);
    sut_jw_key(w, "profile_picture_url");
    sut_jw_str_or_null(w, api_picture_url(&urls, r->arena, p->picture));
    sut_jw_key(w, "created_at");
    sut_jw_time(w, p->created_at);
}

void api_a_write_pair(struct sut_jw *w, const struct api_pair *t)
{
    sut_jw_key(w, "access_token");
    sut_jw_str(w, t->access);
    sut_jw_key(w, "refresh_token");
    sut_jw_str_or_null(w, t->refresh);
    if (t->csrf.n > 0) {
        sut_jw_key(w, "csrf_token");
        sut_jw_str(w, t->csrf);
    }
    sut_jw_key(w, "token_type");
    sut_jw_z(w, "Bearer");
    sut_jw_key(w, "expires_in");
    sut_jw_i64(w, t->access_life_s);
}

void api_a_write_tokens(struct sut_jw *w, const struct api_pair *t)
{
    sut_jw_key(w, "tokens");
    sut_jw_obj(w);
    api_a_write_pair(w, t);
    sut_jw_key(w, "refresh_expires_in");
    sut_jw_i64(w, t->refresh_life_s);
    sut_jw_obj_end(w);
}

void api_a_write_recovery_codes(struct sut_jw *w, const struct api_recovery_codes *codes)
{
    sut_jw_key(w, "recovery_codes");
    sut_jw_arr(w);
    for (size_t i = 0; i < SUT_RECOVERY_CODES; i++)
        sut_jw_str(w, codes->text[i]);
    sut_jw_arr_end(w);
}

static sut_str member(const struct sut_json *o, const char *name)
{
    const struct sut_json *v = sut_json_get(o, name);
    return v == NULL || v->type != SUT_JSON_STRING ? (sut_str){ 0 } : sut_utf8_trim(v->s);
}

struct api_device api_a_device(const struct sut_req *r)
{
    const struct sut_json *info = sut_json_get(r->body, "device_info");
    return (struct api_device){
        .type = member(info, "device_type"),
        .os = member(info, "os"),
        .app_version = member(info, "app_version"),
    };
}

struct sut_jw api_a_data_open(struct sut_req *r, int status)
{
    struct sut_jw w = sut_reply_json(r, status);
    sut_jw_obj(&w);
    sut_jw_key(&w, "success");
    sut_jw_bool(&w, true);
    sut_jw_key(&w, "data");
    sut_jw_obj(&w);
    return w;
}

void api_a_data_close(struct sut_jw *w)
{
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
}

void api_a_answer_sign_in(struct sut_req *r, const struct api_account *a, const char *wrong)
{
    if (api_refusal_answer(r, a))
        return;
    if (a->outcome == API_DISABLED) {
        sut_reply_domain(r, 403, "disabled",
                         SUT_STR("Account is disabled. Please contact support."));
        return;
    }
    if (a->outcome != API_DONE) {
        sut_reply_domain(r, 401, "invalid", sut_str_from(wrong));
        return;
    }
    struct sut_jw w = api_a_data_open(r, 200);
    sut_jw_key(&w, "user");
    api_a_write_user(r, &w, &a->person);
    api_a_write_tokens(&w, &a->pair);
    sut_jw_key(&w, "email_verified");
    sut_jw_bool(&w, a->person.email_verified);
    sut_jw_key(&w, "verification_needed");
    sut_jw_bool(&w, !a->person.email_verified);
    api_a_data_close(&w);
}
