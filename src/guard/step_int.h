/* SPDX-License-Identifier: Apache-2.0
 *
 * step_int - the guard's steps, for its own table alone.
 *
 * A step looks at the request and lets it go on, or answers it.  None but
 * policy and what comes after it asks the store.
 */
#ifndef SUT_GUARD_STEP_INT_H
#define SUT_GUARD_STEP_INT_H

#include "audit/events.h"
#include "guard/req.h"

enum sut_verdict { SUT_NEXT, SUT_ANSWERED };

/* The Host field (D5), the scheme (D2), CORS (C9), a path or method that no row has. */
enum sut_verdict sut_guard__host(struct sut_req *r);
enum sut_verdict sut_guard__transport(struct sut_req *r);
enum sut_verdict sut_guard__cors(struct sut_req *r);
enum sut_verdict sut_guard__route(struct sut_req *r);
/* The grammar of declared query keys (C3). */
enum sut_verdict sut_guard__query(struct sut_req *r);
/* Who asks (A1, A2, A5), how often (C6), and whether they may (B1). */
enum sut_verdict sut_guard__authenticate(struct sut_req *r);
enum sut_verdict sut_guard__limits(struct sut_req *r);
enum sut_verdict sut_guard__policy(struct sut_req *r);
/* A part of policy: whether the person's address must be verified for this, and is. */
enum sut_verdict sut_guard__verified(struct sut_req *r);
/* Likewise: whether a session of staff has a second factor behind it, where the setting wants one.
 */
struct sut_person_account;
enum sut_verdict sut_guard__staff_factor(struct sut_req *r, const struct sut_person_account *who);
/*
 * Likewise: whether the person proved who they are of late, on rows that ask for it (A15), and has
 * shown a second factor in this session when the account has one.
 */
enum sut_verdict sut_guard__fresh(struct sut_req *r);
/* The body's type, syntax and schema (C1, B3). */
enum sut_verdict sut_guard__body(struct sut_req *r);
/* Parts of it: whether it is a form for a row that takes one; its texts into r->body and its file
 * into r->upload; the file, where there must be one. */
bool sut_guard__is_form(const struct sut_req *r);
enum sut_verdict sut_guard__form(struct sut_req *r);
enum sut_verdict sut_guard__file_is_there(struct sut_req *r);
/*
 * Before it is read: a place for it in memory, until the request's own is given back
 * (guard/uploads.h); or the body is held back until there is one.
 */
enum sut_verdict sut_guard__upload_enter(struct sut_req *r);
/* While it comes, and when it has. */
enum sut_body_word sut_guard__upload_comes(struct sut_req *r, size_t got);
void sut_guard__upload_whole(struct sut_req *r);

/* What a cookie must come with to be acted on (C8): it knows the body. */
enum sut_verdict sut_guard__csrf(struct sut_req *r);

/* Whether an Idempotency-Key says that this was asked before (H5): then the answer of then. */
enum sut_verdict sut_guard__idempotency(struct sut_req *r);
/* The answer is made: keep it for the next one with this key, or make that of who holds the key. */
void sut_guard__settle_claim(struct sut_req *r);

/* Who really asks, when the peer is a proxy that the settings trust (D2, C7). */
void sut_guard__forwarded(struct sut_req *r);

/* Put the cookie of the device that somebody signed in on (guard/visitor.h) into a good answer. */
void sut_guard__keep_device(struct sut_req *r);

/* Put the refresh cookie (guard/browser.h) into the answer, or take it away. */
void sut_guard__keep_refresh(struct sut_req *r);

/* Put the cookie of a guest's cart (guard/guest.h) into a good answer, or take it away. */
void sut_guard__keep_guest(struct sut_req *r);

/* Raise a security event about this request (G5). */
void sut_guard__event(struct sut_req *r, enum sut_event_type type);

#endif
