/* SPDX-License-Identifier: Apache-2.0 */
#include "store/payment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/keys.h"
#include "store/reseal.h"
#include "store/webhook.h"
#include "store_fixture.h"
#include "store_order.h"
#include "store_person.h"

/* What a job does: one of these. */
struct doing {
    struct sut_arena *a;
    struct sut_payment_new new;
    struct sut_payment p;
    bool is_new;
    sut_ms at;
    int64_t ids[SUT_PAYMENT_CLAIM_MAX];
    size_t n;
    int64_t count;
    sut_str ref;
};

static SUT_ERR begin_job(struct sut_db_conn *c, void *arg)
{
    struct doing *d = arg;
    return sut_payment_begin(c, d->a, &d->new, d->at, &d->p, &d->is_new);
}

static SUT_ERR save_job(struct sut_db_conn *c, void *arg)
{
    struct doing *d = arg;
    return sut_payment_save(c, d->a, &d->p, d->at);
}

static SUT_ERR owe_job(struct sut_db_conn *c, void *arg)
{
    struct doing *d = arg;
    return sut_payment_owe_refund(c, d->new.order, "order_cancelled", d->at, &d->count);
}

static SUT_ERR claim_job(struct sut_db_conn *c, void *arg)
{
    struct doing *d = arg;
    return sut_payment_claim(c, SUT_PAYMENT_CLAIM_MAX, 1000, d->at, d->ids, &d->n);
}

static SUT_ERR stray_job(struct sut_db_conn *c, void *arg)
{
    struct doing *d = arg;
    return sut_payment_stray(c, d->a, &d->new, d->ref, d->at, &d->count);
}

static struct doing of(struct fixture *f, int64_t order, int64_t who, enum sut_payment_kind kind)
{
    return (struct doing){
        .a = f->arena,
        .new = { .order = order,
                 .person = who,
                 .provider = kind == SUT_PAYMENT_TRANSACTION ? SUT_PAY_PAYSTACK : SUT_PAY_STRIPE,
                 .kind = kind,
                 .amount_cents = 1099,
                 .currency = SUT_STR("ZAR") },
        .at = now,
    };
}

/* A row that is open under this name. */
static struct sut_payment open_one(struct fixture *f, int64_t order, int64_t who,
                                   enum sut_payment_kind kind, const char *ref)
{
    struct doing d = of(f, order, who, kind);
    OK(sut_store_write(f->store, begin_job, &d));
    d.p.state = SUT_PAYMENT_OPEN;
    d.p.ref = sut_str_from(ref);
    d.p.url = SUT_STR("https://checkout.stripe.com/c/pay");
    OK(sut_store_write(f->store, save_job, &d));
    return d.p;
}

static void asked_twice_it_is_one_row(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    const int64_t order = bare_order(f, ana, 1099);
    struct doing d = of(f, order, ana, SUT_PAYMENT_CHECKOUT);
    OK(sut_store_write(f->store, begin_job, &d));
    assert_true(d.is_new && d.p.state == SUT_PAYMENT_BEGUN && d.p.ref.p == NULL);
    const int64_t first = d.p.id;
    OK(sut_store_write(f->store, begin_job, &d));
    assert_true(!d.is_new && d.p.id == first && d.p.amount_cents == 1099);
    assert_true(sut_str_is(d.p.currency, "ZAR"));
    /* Another kind is another row; after an end there may be a next. */
    struct doing intent = of(f, order, ana, SUT_PAYMENT_INTENT);
    OK(sut_store_write(f->store, begin_job, &intent));
    assert_true(intent.is_new && intent.p.id != first);
    d.p.state = SUT_PAYMENT_LOST;
    OK(sut_store_write(f->store, save_job, &d));
    OK(sut_store_write(f->store, begin_job, &d));
    assert_true(d.is_new && d.p.id != first);
    struct sut_payment *all = NULL;
    size_t n = 0;
    OK(sut_payment_of_order(f->reader, f->arena, order, &all, &n));
    assert_int_equal(n, 3);
}

static const struct sut_sql look_raw = {
    .name = "test_payment_raw",
    .text = "SELECT ref_index, ref, url FROM payments WHERE id = $1",
};

static void a_name_is_sealed_and_found(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    const struct sut_payment p =
        open_one(f, bare_order(f, ana, 1), ana, SUT_PAYMENT_CHECKOUT, "cs_test_a1");
    struct sut_payment got;
    OK(sut_payment_by_ref(f->reader, f->arena, SUT_PAY_STRIPE, SUT_STR("cs_test_a1"), &got));
    assert_true(got.id == p.id && sut_str_is(got.ref, "cs_test_a1"));
    assert_true(sut_str_is(got.url, "https://checkout.stripe.com/c/pay"));
    /* A name is one of a provider. */
    assert_int_equal(
        sut_payment_by_ref(f->reader, f->arena, SUT_PAY_PAYSTACK, SUT_STR("cs_test_a1"), &got).code,
        SUT_E_NOT_FOUND);
    assert_int_equal(
        sut_payment_by_ref(f->reader, f->arena, SUT_PAY_STRIPE, SUT_STR(""), &got).code,
        SUT_E_NOT_FOUND);
    struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, &look_raw, &s));
    sut_db_bind_i64(s, 1, p.id);
    OK(sut_db_step(s, &has_row));
    for (int i = 0; i < 3; i++) {
        const sut_str v = i == 0 ? sut_db_col_text(s, i) : sut_db_col_blob(s, i);
        assert_null(memmem(v.p, v.n, "cs_test", 7));
        assert_null(memmem(v.p, v.n, "stripe", 6));
    }
    sut_db_end(&s);
    /* Two rows never have one name. */
    struct doing d = of(f, bare_order(f, ana, 2), ana, SUT_PAYMENT_CHECKOUT);
    OK(sut_store_write(f->store, begin_job, &d));
    d.p.ref = SUT_STR("cs_test_a1");
    assert_int_equal(sut_store_write(f->store, save_job, &d).code, SUT_E_EXISTS);
}

static void a_name_is_found_under_a_new_index_key(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    struct sut_keeper *const keeper = temp_store_keeper(f->temp);
    struct sut_reseal r = { .store = f->store, .keeper = keeper, .clock = &sut_clock_system };
    struct sut_payment got;
    uint32_t version = 0;
    uint64_t n = 0;
    (void) open_one(f, bare_order(f, ana, 1), ana, SUT_PAYMENT_CHECKOUT, "cs_1");
    (void) open_one(f, bare_order(f, ana, 1), ana, SUT_PAYMENT_TRANSACTION, "sut-1-2");
    struct doing unnamed = of(f, bare_order(f, ana, 1), ana, SUT_PAYMENT_CHECKOUT);
    OK(sut_store_write(f->store, begin_job, &unnamed));
    OK(sut_keys_add_next(f->store, keeper, SUT_KEY_INDEX, now, &version));
    OK(sut_store_reload_keys(f->store));
    OK(sut_keys_activate(f->store, SUT_KEY_INDEX, version, now));
    OK(sut_store_reload_keys(f->store));
    OK(sut_payment_by_ref(f->reader, f->arena, SUT_PAY_STRIPE, SUT_STR("cs_1"), &got));
    assert_int_equal(sut_reseal_forget_index(&r, 1).code, SUT_E_BUSY);
    OK(sut_reseal_index(&r, &n));
    assert_int_equal(r.lost, 0);
    /* The person, and two names. */
    assert_int_equal(n, 3);
    OK(sut_reseal_forget_index(&r, 1));
    OK(sut_store_reload_keys(f->store));
    OK(sut_payment_by_ref(f->reader, f->arena, SUT_PAY_STRIPE, SUT_STR("cs_1"), &got));
    OK(sut_payment_by_ref(f->reader, f->arena, SUT_PAY_PAYSTACK, SUT_STR("sut-1-2"), &got));
    OK(sut_reseal_index(&r, &n));
    assert_int_equal(n, 0);
}

static void what_was_taken_is_owed_once(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    const int64_t order = bare_order(f, ana, 1099);
    struct doing taken = of(f, order, ana, SUT_PAYMENT_CHECKOUT);
    taken.p = open_one(f, order, ana, SUT_PAYMENT_CHECKOUT, "cs_1");
    const struct sut_payment open = open_one(f, order, ana, SUT_PAYMENT_INTENT, "pi_2");
    taken.p.state = SUT_PAYMENT_TAKEN;
    OK(sut_store_write(f->store, save_job, &taken));
    OK(sut_store_write(f->store, owe_job, &taken));
    assert_int_equal(taken.count, 1);
    OK(sut_store_write(f->store, owe_job, &taken));
    assert_int_equal(taken.count, 0);
    struct sut_payment got;
    OK(sut_payment_by_id(f->reader, f->arena, taken.p.id, &got));
    assert_true(got.refund == SUT_REFUND_PENDING && got.due_at.v == now.v);
    assert_true(sut_str_is(got.refund_why, "order_cancelled"));
    /* And what could still be paid is to be closed. */
    OK(sut_payment_by_id(f->reader, f->arena, open.id, &got));
    assert_true(got.due_at.v == now.v && got.refund == SUT_REFUND_NONE);
    /* Of two who come one gets a row, until the claim has ended. */
    OK(sut_store_write(f->store, claim_job, &taken));
    assert_int_equal(taken.n, 2);
    OK(sut_store_write(f->store, claim_job, &taken));
    assert_int_equal(taken.n, 0);
    taken.at.v += 1000;
    OK(sut_store_write(f->store, claim_job, &taken));
    assert_int_equal(taken.n, 2);
    sut_ms due = { 0 };
    OK(sut_payment_next_due(f->reader, &due));
    assert_int_equal(due.v, now.v + 2000);
}

static void money_without_a_row_gets_one(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    const int64_t order = bare_order(f, ana, 1099);
    (void) open_one(f, order, ana, SUT_PAYMENT_CHECKOUT, "pi_1");
    struct doing d = of(f, order, ana, SUT_PAYMENT_CHECKOUT);
    d.ref = SUT_STR("pi_2");
    OK(sut_store_write(f->store, stray_job, &d));
    assert_int_equal(sut_store_write(f->store, stray_job, &d).code, SUT_E_EXISTS);
    d.ref = SUT_STR("pi_1");
    assert_int_equal(sut_store_write(f->store, stray_job, &d).code, SUT_E_EXISTS);
    struct sut_payment got;
    OK(sut_payment_by_ref(f->reader, f->arena, SUT_PAY_STRIPE, SUT_STR("pi_2"), &got));
    assert_true(got.kind == SUT_PAYMENT_STRAY && got.state == SUT_PAYMENT_TAKEN);
}

/* --- the inbox --- */

struct posting {
    struct sut_arena *a;
    struct sut_webhook_new new;
    sut_ms at;
    bool flag;
    int64_t ids[SUT_WEBHOOK_CLAIM_MAX];
    size_t n;
    sut_ms due;
};

static SUT_ERR post_job(struct sut_db_conn *c, void *arg)
{
    struct posting *p = arg;
    return sut_webhook_add(c, &p->new, p->at, &p->flag);
}

static SUT_ERR take_job(struct sut_db_conn *c, void *arg)
{
    struct posting *p = arg;
    return sut_webhook_claim(c, 8, 1000, p->at, p->ids, &p->n);
}

static SUT_ERR done_job(struct sut_db_conn *c, void *arg)
{
    struct posting *p = arg;
    return sut_webhook_done(c, p->ids[0], "paid", p->at, &p->flag);
}

static SUT_ERR fail_job(struct sut_db_conn *c, void *arg)
{
    struct posting *p = arg;
    return sut_webhook_failed(c, p->ids[0], "unreadable", p->due, p->at);
}

static void an_event_is_kept_once_and_sealed(void **state)
{
    struct fixture *f = fixture_of(state);
    struct posting p = { .a = f->arena,
                         .new = { .provider = SUT_PAY_STRIPE,
                                  .event = SUT_STR("evt_1"),
                                  .type = SUT_STR("charge.refunded"),
                                  .body = SUT_STR("{\"email\":\"ana@example.com\"}") },
                         .at = now };
    struct sut_webhook w;
    OK(sut_store_write(f->store, post_job, &p));
    assert_true(p.flag);
    OK(sut_store_write(f->store, post_job, &p));
    assert_false(p.flag);
    p.new.provider = SUT_PAY_PAYSTACK;
    OK(sut_store_write(f->store, post_job, &p));
    assert_true(p.flag);
    OK(sut_store_write(f->store, take_job, &p));
    assert_int_equal(p.n, 2);
    const int64_t first = p.ids[0];
    OK(sut_webhook_by_id(f->reader, f->arena, first, &w));
    assert_true(sut_str_is(w.body, "{\"email\":\"ana@example.com\"}") && w.tries == 1);
    OK(sut_store_write(f->store, take_job, &p));
    assert_int_equal(p.n, 0);
    p.ids[0] = first;
    OK(sut_store_write(f->store, done_job, &p));
    assert_true(p.flag);
    OK(sut_store_write(f->store, done_job, &p));
    assert_false(p.flag);
    OK(sut_webhook_by_id(f->reader, f->arena, first, &w));
    assert_true(w.state == SUT_WEBHOOK_DONE && w.body.p == NULL);
}

static void what_fails_comes_again_or_is_given_up(void **state)
{
    struct fixture *f = fixture_of(state);
    struct posting p = { .a = f->arena,
                         .new = { .provider = SUT_PAY_STRIPE,
                                  .event = SUT_STR("evt_1"),
                                  .type = SUT_STR("x"),
                                  .body = SUT_STR("{}") },
                         .at = now,
                         .due = { now.v + 5000 } };
    struct sut_webhook w;
    sut_ms due = { 0 };
    OK(sut_store_write(f->store, post_job, &p));
    OK(sut_store_write(f->store, take_job, &p));
    OK(sut_store_write(f->store, fail_job, &p));
    OK(sut_webhook_next_due(f->reader, &due));
    assert_int_equal(due.v, now.v + 5000);
    p.due.v = 0;
    OK(sut_store_write(f->store, fail_job, &p));
    OK(sut_webhook_next_due(f->reader, &due));
    assert_int_equal(due.v, 0);
    OK(sut_webhook_by_id(f->reader, f->arena, p.ids[0], &w));
    assert_true(w.state == SUT_WEBHOOK_GIVEN_UP && sut_str_is(w.body, "{}"));
    OK(sut_webhook_prune(f->store, now));
    OK(sut_webhook_by_id(f->reader, f->arena, p.ids[0], &w));
    OK(sut_webhook_prune(f->store, (sut_ms){ now.v + INT64_C(91) * 24 * 3600 * 1000 }));
    assert_int_equal(sut_webhook_by_id(f->reader, f->arena, p.ids[0], &w).code, SUT_E_NOT_FOUND);
}

static void the_longest_body_fits(void **state)
{
    struct fixture *f = fixture_of(state);
    char *const long_one = sut_arena_bytes(f->arena, SUT_WEBHOOK_BODY_MAX + 1);
    assert_non_null(long_one);
    memset(long_one, 'x', SUT_WEBHOOK_BODY_MAX + 1);
    struct posting p = { .a = f->arena,
                         .new = { .provider = SUT_PAY_STRIPE,
                                  .event = SUT_STR("evt_1"),
                                  .type = SUT_STR("x"),
                                  .body = { long_one, SUT_WEBHOOK_BODY_MAX + 1 } },
                         .at = now };
    assert_int_equal(sut_store_write(f->store, post_job, &p).code, SUT_E_INVALID);
    p.new.body.n--;
    OK(sut_store_write(f->store, post_job, &p));
    struct sut_webhook w;
    OK(sut_store_write(f->store, take_job, &p));
    OK(sut_webhook_by_id(f->reader, f->arena, p.ids[0], &w));
    assert_int_equal(w.body.n, SUT_WEBHOOK_BODY_MAX);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
#define T(name_) cmocka_unit_test_prestate_setup_teardown(name_, open_store, close_store, &f)
    const struct CMUnitTest tests[] = {
        T(asked_twice_it_is_one_row),
        T(a_name_is_sealed_and_found),
        T(a_name_is_found_under_a_new_index_key),
        T(what_was_taken_is_owed_once),
        T(money_without_a_row_gets_one),
        T(an_event_is_kept_once_and_sealed),
        T(what_fails_comes_again_or_is_given_up),
        T(the_longest_body_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
