/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/mail_admin.h"

#include "audit/audit.h"
#include "base/buf.h"
#include "mail/letter.h"
#include "mail/maildir.h"
#include "prog/pseudonym.h"
#include "store/outbox.h"
#include "store/store.h"

enum { SENTENCE_MAX = 512 };

static SUT_ERR refuse(struct sut_arena *a, struct sut_mail_shown *ret, int64_t id, const char *what,
                      sut_str why, const char *rest)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, SENTENCE_MAX);
    sut_buf_lit(&b, "mail ");
    sut_buf_i64(&b, id);
    sut_buf_z(&b, what);
    if (why.n > 0) {
        sut_buf_lit(&b, " (");
        sut_buf_str_add(&b, why);
        sut_buf_lit(&b, ")");
    }
    sut_buf_z(&b, rest);
    *ret = (struct sut_mail_shown){ .refused = sut_buf_str(&b) };
    return sut_buf_check(&b);
}

static sut_str state_of(enum sut_outbox_state s)
{
    switch (s) {
    case SUT_OUTBOX_DUE:
        return SUT_STR("due");
    case SUT_OUTBOX_SENT:
        return SUT_STR("sent");
    case SUT_OUTBOX_GIVEN_UP:
        return SUT_STR("given up");
    }
    return SUT_STR("?");
}

static SUT_ERR fill_row(const struct sut_mail_admin *ma, struct sut_arena *a,
                        const struct sut_outbox_row *o, struct sut_mail_row *ret)
{
    char p[SUT_PSEUDONYM_TEXT];
    *ret = (struct sut_mail_row){
        .id = o->id,
        .what = o->what,
        .state = state_of(o->state),
        .person = o->person,
        .pseudonym = SUT_STR(""),
        .tries = o->tries,
        .created_at = o->created_at,
        .due_at = o->due_at,
        .done_at = o->done_at,
        .why = o->why.p == NULL ? SUT_STR("") : o->why,
    };
    if (o->person == 0 || ma->pseudonyms == NULL ||
        !sut_pseudonyms_of(ma->pseudonyms, o->person, p))
        return SUT_OK;
    ret->pseudonym = sut_str_dup(a, sut_str_of(p, sizeof(p)));
    ENSURE(ret->pseudonym.p != NULL, NOMEM);
    return SUT_OK;
}

static SUT_ERR list(const struct sut_mail_admin *ma, struct sut_db_conn *c, struct sut_arena *a,
                    uint64_t offset, struct sut_mail_shown *ret)
{
    struct sut_outbox_row *rows = NULL;
    size_t n = 0;
    TRY(sut_outbox_list(c, a, false, offset, SUT_MAIL_PAGE_MAX + 1, &rows, &n));
    ret->has_more = n > SUT_MAIL_PAGE_MAX;
    ret->n_rows = ret->has_more ? SUT_MAIL_PAGE_MAX : n;
    ret->rows = ARENA_ARRAY(a, struct sut_mail_row, ret->n_rows + 1);
    ENSURE(ret->rows != NULL, NOMEM);
    for (size_t i = 0; i < ret->n_rows; i++)
        TRY(fill_row(ma, a, &rows[i], &ret->rows[i]));
    return SUT_OK;
}

/* One that waits, as it would go. */
static SUT_ERR show_due(const struct sut_mail_admin *ma, struct sut_db_conn *c, struct sut_arena *a,
                        const struct sut_outbox_row *row, struct sut_mail_shown *ret)
{
    struct sut_letter letter;
    TRY(sut_letter_write(c, a, &ma->sender, row, &letter));
    if (letter.why != NULL)
        return refuse(a, ret, row->id, " can't be written", sut_str_from(letter.why), "");
    ret->message = letter.message;
    return SUT_OK;
}

/* One that is over: in development it lies there still. */
static SUT_ERR show_done(const struct sut_mail_admin *ma, struct sut_arena *a,
                         const struct sut_outbox_row *row, struct sut_mail_shown *ret)
{
    char name[SUT_LETTER_FILE_MAX];
    struct sut_buf b;
    sut_buf_init_arena(&b, a, SUT_MAIL_MESSAGE_MAX);
    if (row->state == SUT_OUTBOX_SENT && ma->maildir.n > 0) {
        const sut_err e = sut_maildir_get(ma->maildir, sut_letter_file(row, name), &b);
        if (e.code != SUT_E_NOT_FOUND) {
            TRY(e);
            ret->message = sut_buf_str(&b);
            return SUT_OK;
        }
    }
    return refuse(a, ret, row->id, row->state == SUT_OUTBOX_SENT ? " was sent" : " was given up",
                  row->why.p == NULL ? SUT_STR("") : row->why, ": what it said is not kept");
}

struct looking {
    int64_t id;
    sut_ms now;
};

static SUT_ERR audit_job(struct sut_db_conn *c, void *arg)
{
    const struct looking *l = arg;
    return sut_audit_write_id(c, SUT_ACTION_ADMIN_MAIL_SHOW, 0, "mail", l->id, SUT_STR(""), l->now);
}

static SUT_ERR show(const struct sut_mail_admin *ma, struct sut_db_conn *c, struct sut_arena *a,
                    int64_t id, struct sut_mail_shown *ret)
{
    struct sut_outbox_row row;
    const sut_err e = sut_outbox_by_id(c, a, id, &row);
    if (e.code == SUT_E_NOT_FOUND || (!sut_failed(e) && row.kind != SUT_OUTBOX_MAIL))
        return refuse(a, ret, id, " is not there", SUT_STR(""), "");
    TRY(e);
    ret->rows = ARENA_NEW(a, struct sut_mail_row);
    ENSURE(ret->rows != NULL, NOMEM);
    TRY(fill_row(ma, a, &row, ret->rows));
    ret->n_rows = 1;
    if (row.state == SUT_OUTBOX_DUE)
        return show_due(ma, c, a, &row, ret);
    return show_done(ma, a, &row, ret);
}

SUT_ERR sut_mail_admin_do(const struct sut_mail_admin *ma, struct sut_arena *a,
                          const struct sut_mail_ask *ask, struct sut_mail_shown *ret)
{
    struct sut_db_conn *c = NULL;
    *ret = (struct sut_mail_shown){ .refused = SUT_STR(""), .message = SUT_STR("") };
    TRY(sut_store_lease(ma->store, &c));
    const sut_err e = ask->verb == SUT_MAIL_LIST ? list(ma, c, a, ask->offset, ret)
                                                 : show(ma, c, a, ask->id, ret);
    sut_store_return(ma->store, &c);
    TRY(e);
    if (ret->message.n == 0)
        return SUT_OK;
    struct looking l = { .id = ask->id, .now = sut_clock_now(ma->clock) };
    return sut_store_write(ma->store, audit_job, &l);
}
