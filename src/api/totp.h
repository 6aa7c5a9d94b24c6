/* SPDX-License-Identifier: Apache-2.0
 *
 * totp - an authenticator app of one's own: added, confirmed, taken away; and the
 * recovery codes beside it.
 *
 * The secret leaves the server once, when the enrolment begins: as text, as a URI, and as a
 * picture at a signed address that is good for ten minutes, as long as nobody has
 * confirmed or begun again.  It blocks: on the pool, except for the picture.  Results live in the
 * request's arena.
 */
#ifndef SUT_API_TOTP_H
#define SUT_API_TOTP_H

#include "authn/recovery.h"
#include "guard/req.h"

struct sut_db_conn;

enum { API_TOTP_QR_LIFE_S = 600 };

struct api_totp_secret {
    sut_str secret; /* base32 */
    sut_str uri;
    sut_str qr; /* absolute */
};
/* Begin, in place of what was begun before; EXISTS: one is confirmed. */
SUT_ERR api_totp_enrol(struct sut_req *r, struct api_totp_secret *ret);

struct api_recovery_codes {
    sut_str text[SUT_RECOVERY_CODES];
};
SUT_ERR api_recovery_make(struct sut_req *r, struct api_recovery_codes *ret);
/* In a write job: the asker's, in place of all before. */
SUT_ERR api_recovery_put(struct sut_db_conn *c, struct sut_req *r,
                         const struct api_recovery_codes *codes);
/* The first code of the app; DENIED: it is wrong; NOT_FOUND: nothing was begun, or it is done. */
SUT_ERR api_totp_confirm(struct sut_req *r, sut_str otp, struct api_recovery_codes *ret);
/* NOT_FOUND: there is none. */
SUT_ERR api_totp_remove(struct sut_req *r);
/* New ones in place of all before; NOT_FOUND: there is no factor that they could stand in for. */
SUT_ERR api_recovery_renew(struct sut_req *r, struct api_recovery_codes *ret);

/* The picture of the enrolment that waits, appended; NOT_FOUND: none does, or not that of `mark`.
 */
SUT_ERR api_totp_picture(struct sut_req *r, int64_t person, sut_str mark, struct sut_buf *out);

#endif
