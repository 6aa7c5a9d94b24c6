/* SPDX-License-Identifier: Apache-2.0
 *
 * account_json - contract A's answers about accounts, as several routes give them.
 */
#ifndef SUT_API_MODESTWEAR_ACCOUNT_JSON_H
#define SUT_API_MODESTWEAR_ACCOUNT_JSON_H

#include "api/entry.h"
#include "api/totp.h"
#include "guard/reply.h"

/* {"success":true,"data":{ — end both with api_a_data_close(). */
struct sut_jw api_a_data_open(struct sut_req *r, int status);
void api_a_data_close(struct sut_jw *w);

/* The person, as one object. */
void api_a_write_user(struct sut_req *r, struct sut_jw *w, const struct sut_person_row *p);
/* The same without its braces. */
void api_a_write_user_members(struct sut_req *r, struct sut_jw *w, const struct sut_person_row *p);
/* Members of a pair of tokens. */
void api_a_write_pair(struct sut_jw *w, const struct api_pair *t);
/* The member `tokens`. */
void api_a_write_tokens(struct sut_jw *w, const struct api_pair *t);
/* The member `recovery_codes`. */
void api_a_write_recovery_codes(struct sut_jw *w, const struct api_recovery_codes *codes);

/* What a sign-in's body says in `device_info` (api_a_device_info); borrowed of the body. */
struct api_device api_a_device(const struct sut_req *r);

/*
 * The answer to a sign-in, whatever proof it began with: 200, or why not.  `wrong` is what
 * is said of a proof that was wrong.
 */
void api_a_answer_sign_in(struct sut_req *r, const struct api_account *a, const char *wrong);

#endif
