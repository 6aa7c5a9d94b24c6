/* SPDX-License-Identifier: Apache-2.0
 *
 * postman_round - what is due, claimed, written out, handed over and noted.
 */
#include <string.h>
#include <time.h>

#include "ipc/courier.h"
#include "mail/letter.h"
#include "mail/maildir.h"
#include "mail/postman_int.h"
#include "store/outbox.h"
#include "store/store.h"

enum {
    BATCH = 8,
    TROUBLE_MS = 5000, /* until the store or the keeper is asked again */
    REST_MS = 15000,   /* a mail server that can't be had is left in peace */
    BUSY_MS = 1000,
    COURIER_MS = 2000,
    DELAY_MIN_MS = 15 * 1000,
    DELAY_MAX_MS = 3600 * 1000,
    CLAIM_SLACK_MS = 15000, /* for the store and the keeper, around the courier's time */
    NOTE_TRIES = 5,
    NOTE_PAUSE_MS = 200,
};

static const int64_t life_ms = INT64_C(3) * 24 * 3600 * 1000;

int64_t sut_postman_delay_ms(uint32_t tries)
{
    int64_t ms = DELAY_MIN_MS;
    for (uint32_t i = 0; i < tries && ms < DELAY_MAX_MS; i++)
        ms *= 2;
    return ms > DELAY_MAX_MS ? DELAY_MAX_MS : ms;
}

static sut_ms now_of(const struct sut_postman *p)
{
    return sut_clock_now(p->o.clock);
}

static sut_ms after(sut_ms t, int64_t ms)
{
    return (sut_ms){ t.v + ms };
}

static void tell(const struct sut_postman *p, const struct sut_postman_note *n)
{
    if (p->o.tell != NULL)
        p->o.tell(p->o.tell_ctx, n);
}

static void tell_trouble(const struct sut_postman *p, sut_err e)
{
    const struct sut_postman_note n = {
        .event = SUT_POSTMAN_TROUBLE, .what = "", .why = "store_unavailable", .err = e
    };
    tell(p, &n);
}

/* --- what the store hears --- */

enum outcome { OUTCOME_SENT, OUTCOME_FAILED, OUTCOME_RELEASED };

struct noting {
    enum outcome outcome;
    int64_t id;
    const char *why;
    sut_ms due_at; /* FAILED: 0: given up */
    sut_ms now;
};

static SUT_ERR note_job(struct sut_db_conn *c, void *arg)
{
    const struct noting *n = arg;
    switch (n->outcome) {
    case OUTCOME_SENT:
        return sut_outbox_sent(c, n->id, n->now);
    case OUTCOME_FAILED:
        return sut_outbox_failed(c, n->id, n->why, n->due_at, n->now);
    case OUTCOME_RELEASED:
        return sut_outbox_release(c, n->id, n->due_at);
    }
    FAIL(INVALID);
}

/* Patiently: who sent a mail and forgets it sends it twice. */
static SUT_ERR note(struct sut_postman *p, struct noting *n)
{
    sut_err e = SUT_OK;
    for (int i = 0; i < NOTE_TRIES; i++) {
        n->now = now_of(p);
        e = sut_store_write(p->o.store, note_job, n);
        if (!sut_failed(e))
            return e;
        const struct timespec pause = { .tv_nsec = NOTE_PAUSE_MS * 1000000L };
        (void) nanosleep(&pause, NULL);
    }
    tell_trouble(p, e);
    return e;
}

static void release(struct sut_postman *p, int64_t id, sut_ms due_at)
{
    struct noting n = { .outcome = OUTCOME_RELEASED, .id = id, .due_at = due_at };
    sut_ignore(note(p, &n), "the claim ends by itself");
}

static bool take_unnoted(struct sut_postman *p, int64_t id)
{
    for (size_t i = 0; i < p->n_unnoted; i++)
        if (p->unnoted[i] == id) {
            p->unnoted[i] = p->unnoted[--p->n_unnoted];
            return true;
        }
    return false;
}

static void note_sent(struct sut_postman *p, int64_t id)
{
    struct noting n = { .outcome = OUTCOME_SENT, .id = id };
    if (sut_failed(note(p, &n)) && p->n_unnoted < SUT_POSTMAN_UNNOTED_MAX)
        p->unnoted[p->n_unnoted++] = id;
}

/* --- one mail --- */

struct fate {
    bool is_sent;
    bool is_final;   /* never again */
    bool is_no_try;  /* it was not the mail's doing, nor the mail server's */
    bool is_resting; /* whoever should take it can't be had: all others wait, too */
    int64_t wait_ms; /* is_no_try: until the next */
    const char *why;
    int code;
};

/* The mail server turns us away, not this mail: an operator can mend that. */
static bool is_about_us(int code)
{
    return code == 530 || code == 534 || code == 535 || code == 538;
}

static struct fate fate_of_error(sut_err e)
{
    switch ((int) e.code) {
    case SUT_E_INVALID:
        return (struct fate){ .is_final = true, .why = "bad_address" };
    case SUT_E_TOO_LARGE:
        return (struct fate){ .is_final = true, .why = "too_large" };
    case SUT_E_BUSY:
        return (struct fate){
            .is_no_try = true, .is_resting = true, .wait_ms = BUSY_MS, .why = "courier_busy"
        };
    case SUT_E_NOT_FOUND:
        return (struct fate){ .is_resting = true, .why = "no_mail_server" };
    case SUT_E_DENIED:
        return (struct fate){ .is_resting = true, .why = "courier_refused" };
    default:
        /* Another one is there in a moment. */
        return (
            struct fate){ .is_resting = true, .wait_ms = COURIER_MS, .why = "courier_unavailable" };
    }
}

static SUT_ERR carry(struct sut_postman *p, const struct sut_letter *l, struct sut_mail_answer *ret)
{
    sut_background_set_out(p->thread, true);
    const sut_err e =
        p->o.carry != NULL
            ? p->o.carry(p->o.carry_ctx, l->from, l->to, l->message, p->o.timeout_ms, ret)
            : sut_courier_mail(p->o.courier, l->from, l->to, l->message, p->o.timeout_ms, ret);
    sut_background_set_out(p->thread, false);
    return e;
}

static struct fate send_out(struct sut_postman *p, const struct sut_letter *l)
{
    struct sut_mail_answer answer = { .fate = SUT_MAIL_LATER };
    const sut_err e = carry(p, l, &answer);
    if (sut_failed(e))
        return fate_of_error(e);
    switch (answer.fate) {
    case SUT_MAIL_SENT:
        return (struct fate){ .is_sent = true };
    case SUT_MAIL_REFUSED:
        if (!is_about_us(answer.code))
            return (struct fate){ .is_final = true, .why = "server_refused", .code = answer.code };
        return (struct fate){ .why = "server_turns_us_away", .code = answer.code };
    case SUT_MAIL_LATER:
        break;
    }
    if (answer.code == 0)
        return (struct fate){ .is_resting = true, .why = "server_unreachable" };
    /* It was fine until then: its certificate was not, or the connection ended. */
    if (answer.code < 400)
        return (struct fate){ .is_resting = true, .why = "connection_failed", .code = answer.code };
    return (struct fate){ .why = "server_said_later", .code = answer.code };
}

static struct fate deliver(struct sut_postman *p, const struct sut_outbox_row *row,
                           const struct sut_letter *l)
{
    char name[SUT_LETTER_FILE_MAX];
    if (l->why != NULL)
        return (struct fate){ .is_final = true, .why = l->why };
    if (p->o.courier != NULL || p->o.carry != NULL)
        return send_out(p, l);
    if (!sut_failed(sut_maildir_put(p->o.maildir, sut_letter_file(row, name), l->message)))
        return (struct fate){ .is_sent = true };
    return (struct fate){ .is_resting = true, .why = "maildir_failed" };
}

/* Write the row out and hand it over. */
static struct fate try_row(struct sut_postman *p, const struct sut_outbox_row *row)
{
    struct sut_db_conn *c = NULL;
    struct sut_letter letter;
    sut_err e = sut_store_lease(p->o.store, &c);
    if (!sut_failed(e)) {
        e = sut_letter_write(c, p->arena, &p->o.sender, row, &letter);
        sut_store_return(p->o.store, &c);
    }
    if (!sut_failed(e))
        return deliver(p, row, &letter);
    tell_trouble(p, e);
    return (struct fate){
        .is_no_try = true, .is_resting = true, .wait_ms = TROUBLE_MS, .why = "store_unavailable"
    };
}

/* Note what became of a row, and say it. */
static void settle(struct sut_postman *p, const struct sut_outbox_row *row, const struct fate *f)
{
    const sut_ms now = now_of(p);
    const sut_ms due = after(now, sut_postman_delay_ms(row->tries));
    const bool is_over = f->is_final || due.v - row->created_at.v > life_ms;
    const struct sut_postman_note said = {
        .event =
            f->is_sent ? SUT_POSTMAN_SENT : (is_over ? SUT_POSTMAN_GIVEN_UP : SUT_POSTMAN_LATER),
        .what = sut_mail_word(sut_letter_kind(row->what)),
        .why = f->why,
        .person = row->person,
        .tries = row->tries + 1,
        .code = f->code,
    };
    struct noting n = { .outcome = OUTCOME_FAILED, .id = row->id, .why = f->why };
    if (f->is_no_try) {
        release(p, row->id, after(now, f->wait_ms));
        return;
    }
    if (f->is_sent) {
        note_sent(p, row->id);
    } else {
        n.due_at = is_over ? (sut_ms){ 0 } : due;
        sut_ignore(note(p, &n), "the claim ends by itself, and it is tried again");
    }
    /* Queued for an address without an account, so that asking costs the same: no news. */
    if (f->why != sut_letter_to_nobody)
        tell(p, &said);
}

/* --- a batch --- */

struct claiming {
    struct sut_postman *p;
    int64_t claim_ms;
    sut_ms now;
    struct sut_outbox_row rows[BATCH];
    size_t n;
};

static SUT_ERR claim_job(struct sut_db_conn *c, void *arg)
{
    struct claiming *k = arg;
    sut_arena_reset(k->p->arena);
    sut_arena_set_flags(k->p->arena, SUT_ARENA_SECRET);
    return sut_outbox_claim(c, k->p->arena, SUT_OUTBOX_MAIL, BATCH, k->claim_ms, k->now, k->rows,
                            &k->n);
}

/* Whether all were handled, so that there may be more. */
static bool handle(struct sut_postman *p, const struct claiming *k)
{
    const sut_ms end = after(k->now, k->claim_ms - CLAIM_SLACK_MS / 2);
    bool goes_on = true;
    for (size_t i = 0; i < k->n; i++) {
        const struct sut_outbox_row *const row = &k->rows[i];
        const sut_ms now = now_of(p);
        /* Another may take it while the courier is under way, and send it too. */
        const bool is_late = now.v + (int64_t) p->o.timeout_ms > end.v || now.v < k->now.v;
        if (take_unnoted(p, row->id)) {
            note_sent(p, row->id);
            continue;
        }
        if (!goes_on || (i > 0 && is_late) || sut_background_is_stopping(p->thread)) {
            release(p, row->id, p->rest_until.v > now.v ? p->rest_until : now);
            continue;
        }
        const struct sut_mark mark = sut_arena_mark(p->arena);
        const struct fate f = try_row(p, row);
        if (f.is_resting) {
            p->rest_until = after(now_of(p), f.wait_ms > 0 ? f.wait_ms : REST_MS);
            goes_on = false;
        }
        settle(p, row, &f);
        sut_arena_rewind(p->arena, mark);
    }
    return goes_on && k->n == BATCH;
}

static SUT_ERR next_due(struct sut_postman *p, sut_ms *ret)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(p->o.store, &c));
    const sut_err e = sut_outbox_next_due(c, SUT_OUTBOX_MAIL, ret);
    sut_store_return(p->o.store, &c);
    return e;
}

/* Whether there is anybody to give mails to. */
static bool has_way(struct sut_postman *p)
{
    if (p->o.courier != NULL || p->o.carry != NULL || p->o.maildir.n > 0)
        return true;
    if (!p->has_warned) {
        const struct sut_postman_note n = { .event = SUT_POSTMAN_NO_WAY,
                                            .what = "",
                                            .why = "no_mail_server" };
        tell(p, &n);
    }
    p->has_warned = true;
    return false;
}

/* One batch of what is due; *ret_next: when to come again. */
static SUT_ERR turn(struct sut_postman *p, sut_ms now, sut_ms *ret_next)
{
    sut_ms due = { 0 };
    *ret_next = after(now, SUT_POSTMAN_POLL_MS);
    if (p->rest_until.v > now.v && p->rest_until.v <= now.v + REST_MS) {
        *ret_next = p->rest_until;
        return SUT_OK;
    }
    TRY(next_due(p, &due));
    if (due.v == 0)
        return SUT_OK;
    if (due.v > now.v) {
        *ret_next = due;
        return SUT_OK;
    }
    if (!has_way(p))
        return SUT_OK;
    struct claiming k = { .p = p,
                          .claim_ms = (int64_t) p->o.timeout_ms + CLAIM_SLACK_MS,
                          .now = now };
    TRY(sut_store_write(p->o.store, claim_job, &k));
    const bool has_more = handle(p, &k);
    if (has_more)
        *ret_next = now;
    else if (p->rest_until.v > now.v)
        *ret_next = p->rest_until;
    else
        TRY(next_due(p, ret_next));
    if (ret_next->v == 0)
        *ret_next = after(now, SUT_POSTMAN_POLL_MS);
    return SUT_OK;
}

void sut_postman_turn(struct sut_postman *p, sut_ms *ret_next)
{
    const sut_ms now = now_of(p);
    const sut_err e = turn(p, now, ret_next);
    sut_arena_reset(p->arena);
    sut_arena_set_flags(p->arena, SUT_ARENA_SECRET);
    if (!sut_failed(e))
        return;
    tell_trouble(p, e);
    *ret_next = after(now, TROUBLE_MS);
}
