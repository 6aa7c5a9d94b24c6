/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/keys.h"
#include "test_keeper.h"

static const sut_ms march = { .v = 1772366400000 };
static char folder[256];
static struct sut_secret *file_key;
static struct sut_keeper *mine;
static struct sut_keeper *other;

static struct sut_store *open_store(void)
{
    struct sut_store *s = NULL;
    struct sut_diag d = { .text = "" };
    char path[512];
    (void) snprintf(path, sizeof(path), "%s/shop.db", folder);
    const struct sut_store_options o = {
        .db = { .kind = SUT_DB_SQLITE, .path = path, .key = file_key },
        .readers = 2,
        .queue_max = 16,
        .migrate = true,
        .keeper = mine,
        .random = &sut_random_system,
    };
    if (sut_failed(sut_store_open(&o, &s, &d)))
        fail_msg("%s", d.text);
    return s;
}

static int set_up(void **state)
{
    (void) state;
    (void) snprintf(folder, sizeof(folder), "%s/sutler-keyring-XXXXXX",
                    getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    assert_non_null(mkdtemp(folder));
    assert_false(
        sut_failed(sut_secret_dup(SUT_STR("0123456789abcdef0123456789abcdef"), &file_key)));
    struct sut_master master = { .key = NULL };
    assert_false(
        sut_failed(sut_secret_dup(SUT_STR("other-other-other-other-other-00"), &master.key)));
    mine = test_keeper_start();
    other = test_keeper_start_with(&master);
    sut_master_done(&master);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    static const char *const names[] = { "shop.db", "shop.db-wal", "shop.db-shm", "lock" };
    char path[512];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void) snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void) unlink(path);
    }
    sut_secret_free(&file_key);
    test_keeper_stop(&mine);
    test_keeper_stop(&other);
    return rmdir(folder);
}

static sut_str kid_of(const struct sut_signing_key *k)
{
    return sut_str_of(k->kid, k->kid_n);
}

static void a_key_s_id_follows_from_it(void **state)
{
    (void) state;
    struct sut_keyring *a = NULL;
    struct sut_keyring *b = NULL;
    const struct sut_key_text one = { .secret = SUT_STR("0123456789abcdef0123456789abcdef") };
    const struct sut_key_text two = { .secret = SUT_STR("0123456789abcdef0123456789abcdeF") };
    assert_false(sut_failed(sut_keyring_create(&one, NULL, false, &a)));
    assert_false(sut_failed(sut_keyring_create(&two, &one, false, &b)));
    const struct sut_signing_keys *const ka = sut_keyring_look(a);
    const struct sut_signing_keys *const kb = sut_keyring_look(b);
    assert_int_equal(ka->current.kid_n, 8);
    assert_int_equal(ka->n_others, 0);
    assert_int_equal(kb->n_others, 1);
    assert_true(sut_str_eq(kid_of(&ka->current), kid_of(&kb->others[0])));
    assert_false(sut_str_eq(kid_of(&kb->current), kid_of(&kb->others[0])));
    assert_false(sut_failed(sut_keyring_forget_expired(a, march, 0)));
    sut_keyring_miss(a);
    assert_false(sut_keyring_is_due(a));
    assert_false(sut_failed(sut_keyring_reload(a)));
    assert_int_equal(sut_keyring_made_at(a).v, 0);
    sut_keyring_free(&a);
    sut_keyring_free(&b);
}

static void refuses_weak_keys_and_odd_names(void **state)
{
    (void) state;
    static char large[SUT_SIGNING_KEY_MAX + 1];
    const struct sut_key_text good = { .secret = SUT_STR("0123456789abcdef0123456789abcdef") };
    const struct sut_key_text bad[] = {
        { .secret = SUT_STR("") },
        { .secret = SUT_STR("0123456789abcdef0123456789abcde") },
        { .secret = sut_str_of(large, sizeof(large)) },
        { .kid = SUT_STR("a\"b"), .secret = good.secret },
        { .kid = SUT_STR("a b"), .secret = good.secret },
        { .kid = sut_str_of(large, SUT_KID_MAX + 1), .secret = good.secret },
    };
    struct sut_keyring *k = NULL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(sut_keyring_create(&bad[i], NULL, false, &k).code, SUT_E_INVALID);
        assert_int_equal(sut_keyring_create(&good, &bad[i], false, &k).code, SUT_E_INVALID);
    }
    assert_int_equal(sut_keyring_create(&good, &good, false, &k).code, SUT_E_INVALID);
    assert_int_equal(sut_keyring_create(&bad[0], NULL, true, &k).code, SUT_E_INVALID);
    assert_null(k);
    assert_false(sut_failed(sut_keyring_create(&bad[1], NULL, true, &k)));
    sut_keyring_free(&k);
}

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static struct sut_keyring *open_ring(struct sut_store *s, enum sut_key_purpose purpose)
{
    struct sut_keyring *k = NULL;
    struct sut_diag d = { .text = "" };
    if (sut_failed(sut_keyring_open(s, mine, purpose, march, &k, &d)))
        fail_msg("%s", d.text);
    return k;
}

static uint32_t announce(struct sut_store *s)
{
    uint32_t version = 0;
    OK(sut_keys_add_next(s, mine, SUT_KEY_TOKEN, march, &version));
    return version;
}

static void the_store_keeps_the_keys_and_a_rotation(void **state)
{
    (void) state;
    struct sut_store *s = open_store();
    struct sut_keyring *a = open_ring(s, SUT_KEY_TOKEN);
    struct sut_keyring *b = open_ring(s, SUT_KEY_TOKEN);
    const struct sut_signing_keys *const first = sut_keyring_look(a);
    assert_true(sut_str_eq(kid_of(&first->current), kid_of(&sut_keyring_look(b)->current)));
    assert_int_equal(first->n_others, 0);
    assert_int_equal(sut_keyring_made_at(a).v, march.v);

    /* A next key is accepted before anybody signs with it. */
    const uint32_t second_version = announce(s);
    assert_int_equal(second_version, 2);
    assert_int_equal(announce(s), 2);
    OK(sut_keyring_reload(b));
    const struct sut_signing_keys *const ready = sut_keyring_look(b);
    assert_true(sut_str_eq(kid_of(&ready->current), kid_of(&first->current)));
    assert_int_equal(ready->n_others, 1);

    const sut_ms later = { march.v + 1000 };
    OK(sut_keys_activate(s, SUT_KEY_TOKEN, 2, later));
    OK(sut_keys_activate(s, SUT_KEY_TOKEN, 2, later));
    OK(sut_keyring_reload(a));
    const struct sut_signing_keys *const second = sut_keyring_look(a);
    assert_int_equal(sut_keyring_made_at(a).v, later.v);
    assert_true(sut_str_eq(kid_of(&second->others[0]), kid_of(&first->current)));
    assert_true(sut_str_eq(kid_of(&second->current), kid_of(&ready->others[0])));
    /* The other server goes on with what it has until it looks. */
    assert_true(sut_str_eq(kid_of(&sut_keyring_look(b)->current), kid_of(&first->current)));
    OK(sut_keyring_reload(b));
    assert_true(sut_str_eq(kid_of(&sut_keyring_look(b)->current), kid_of(&second->current)));
    /* Nothing has changed since: nothing is made anew. */
    const struct sut_signing_keys *const same = sut_keyring_look(b);
    OK(sut_keyring_reload(b));
    assert_ptr_equal(sut_keyring_look(b), same);

    OK(sut_keys_activate(s, SUT_KEY_TOKEN, announce(s), later));
    OK(sut_keyring_reload(a));
    assert_int_equal(sut_keyring_look(a)->n_others, 2);
    assert_true(sut_str_eq(kid_of(&sut_keyring_look(a)->others[0]), kid_of(&second->current)));
    sut_keyring_free(&a);
    sut_keyring_free(&b);
    sut_store_close(&s);

    s = open_store();
    a = open_ring(s, SUT_KEY_TOKEN);
    assert_int_equal(sut_keyring_look(a)->n_others, 2);
    sut_keyring_free(&a);
    struct sut_diag d = { .text = "" };
    assert_int_equal(sut_keyring_open(s, other, SUT_KEY_TOKEN, march, &a, &d).code, SUT_E_CORRUPT);
    assert_non_null(strstr(d.text, "belongs to other keys"));
    assert_null(a);
    sut_store_close(&s);
}

static void a_key_goes_when_all_that_it_signed_has_expired(void **state)
{
    (void) state;
    struct sut_store *s = open_store();
    struct sut_keyring *k = open_ring(s, SUT_KEY_TOKEN);
    const int64_t life = 1000;
    OK(sut_keys_activate(s, SUT_KEY_TOKEN, announce(s), (sut_ms){ march.v + 100 }));
    OK(sut_keys_activate(s, SUT_KEY_TOKEN, announce(s), (sut_ms){ march.v + 600 }));
    OK(sut_keyring_reload(k));
    assert_int_equal(sut_keyring_look(k)->n_others, 2);
    /* The first was followed at 100, the second at 600. */
    OK(sut_keyring_forget_expired(k, (sut_ms){ march.v + 1100 }, life));
    assert_int_equal(sut_keyring_look(k)->n_others, 2);
    OK(sut_keyring_forget_expired(k, (sut_ms){ march.v + 1101 }, life));
    assert_int_equal(sut_keyring_look(k)->n_others, 1);
    OK(sut_keyring_forget_expired(k, (sut_ms){ march.v + 1600 }, life));
    assert_int_equal(sut_keyring_look(k)->n_others, 1);
    OK(sut_keyring_forget_expired(k, (sut_ms){ march.v + 1601 }, life));
    assert_int_equal(sut_keyring_look(k)->n_others, 0);
    /* A next one is never in the way, and never goes. */
    (void) announce(s);
    OK(sut_keyring_forget_expired(k, (sut_ms){ march.v + 100000 }, life));
    OK(sut_keyring_reload(k));
    assert_int_equal(sut_keyring_look(k)->n_others, 1);
    sut_keyring_free(&k);
    sut_store_close(&s);
}

static void links_have_a_ring_of_their_own(void **state)
{
    (void) state;
    struct sut_store *s = open_store();
    struct sut_keyring *tokens = open_ring(s, SUT_KEY_TOKEN);
    struct sut_keyring *links = open_ring(s, SUT_KEY_LINK);
    assert_false(sut_str_eq(kid_of(&sut_keyring_look(tokens)->current),
                            kid_of(&sut_keyring_look(links)->current)));
    OK(sut_keys_activate(s, SUT_KEY_TOKEN, announce(s), march));
    OK(sut_keyring_reload(links));
    assert_int_equal(sut_keyring_look(links)->n_others, 0);
    sut_keyring_free(&tokens);
    sut_keyring_free(&links);
    sut_store_close(&s);
}

static void without_memory_nothing_is_made_and_nothing_lost(void **state)
{
    (void) state;
    const struct sut_key_text key = { .secret = SUT_STR("0123456789abcdef0123456789abcdef") };
    for (unsigned long n = 1;; n++) {
        struct sut_keyring *k = NULL;
        sut_mem_fault_nth(n);
        const sut_err e = sut_keyring_create(
            &key, &(struct sut_key_text){ .secret = SUT_STR("0123456789abcdef0123456789abcdeF") },
            false, &k);
        const bool was_hit = sut_mem_fault_hit();
        sut_mem_fault_nth(0);
        assert_int_equal(e.code, was_hit ? SUT_E_NOMEM : SUT_E_OK);
        assert_int_equal(k == NULL, was_hit);
        sut_keyring_free(&k);
        if (!was_hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_s_id_follows_from_it),
        cmocka_unit_test(refuses_weak_keys_and_odd_names),
        cmocka_unit_test(without_memory_nothing_is_made_and_nothing_lost),
        cmocka_unit_test_setup_teardown(the_store_keeps_the_keys_and_a_rotation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_goes_when_all_that_it_signed_has_expired, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(links_have_a_ring_of_their_own, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("keyring", tests, NULL, NULL);
}
