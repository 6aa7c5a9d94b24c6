/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/master.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/wrap.h"

static char folder[256];
static const char hex[] = "000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f";

static const char *path_of(const char *name)
{
    static char path[512];
    (void) snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const char *text, size_t n, mode_t mode)
{
    (void) unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), (ssize_t) n);
    assert_int_equal(fchmod(fd, mode), 0);
    (void) close(fd);
}

static int set_up(void **state)
{
    (void) state;
    (void) snprintf(folder, sizeof(folder), "%s/sutler-master-XXXXXX",
                    getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void) state;
    static const char *const names[] = { "keys/master.key", "keys/master.key.next", "keys/linked" };
    for (size_t i = 0; i < 3; i++)
        (void) unlink(path_of(names[i]));
    DIR *const d = opendir(path_of("keys"));
    for (const struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d))
        if (strncmp(e->d_name, "master.key.was-", 15) == 0)
            (void) unlinkat(dirfd(d), e->d_name, 0);
    if (d != NULL)
        (void) closedir(d);
    (void) rmdir(path_of("keys"));
    return rmdir(folder);
}

/* Open with these; *m is empty on failure. */
static sut_err open_with(struct sut_master_options *o, struct sut_master *m, struct sut_diag *diag)
{
    char keys[512];
    (void) snprintf(keys, sizeof(keys), "%s", path_of("keys"));
    o->keys_dir = keys;
    o->random = &sut_random_system;
    *m = (struct sut_master){ .key = NULL };
    *diag = (struct sut_diag){ .text = "" };
    return sut_master_open(o, m, diag);
}

static sut_err master(bool may_create, struct sut_secret **ret, struct sut_diag *diag)
{
    struct sut_master m;
    struct sut_master_options o = { .may_create = may_create };
    const sut_err e = open_with(&o, &m, diag);
    assert_null(m.next);
    if (sut_failed(e)) {
        assert_null(m.key);
    } else {
        assert_true(m.may_rotate);
        assert_true(m.made_at.v > 1600000000000);
        *ret = STEAL(m.key);
    }
    return e;
}

static void is_made_once_in_a_closed_folder_and_read_again(void **state)
{
    (void) state;
    struct sut_secret *a = NULL;
    struct sut_secret *b = NULL;
    struct sut_diag d;
    struct stat st;
    assert_false(sut_failed(master(true, &a, &d)));
    assert_false(sut_failed(master(true, &b, &d)));
    assert_true(sut_str_eq(sut_secret_str(a), sut_secret_str(b)));
    assert_int_equal(sut_secret_str(a).n, SUT_MASTER_SIZE);
    assert_int_equal(stat(path_of("keys"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(path_of("keys/master.key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 65);
    assert_int_equal(st.st_nlink, 1);
    sut_secret_free(&a);
    sut_secret_free(&b);
}

static void a_missing_key_is_not_made_where_there_is_data(void **state)
{
    (void) state;
    struct sut_secret *key = NULL;
    struct sut_diag d;
    assert_int_equal(master(false, &key, &d).code, SUT_E_NOT_FOUND);
    assert_non_null(strstr(d.text, "master.key is missing"));
    assert_int_equal(access(path_of("keys"), F_OK), -1);
    assert_false(sut_failed(master(true, &key, &d)));
    sut_secret_free(&key);
    assert_int_equal(unlink(path_of("keys/master.key")), 0);
    assert_int_equal(master(false, &key, &d).code, SUT_E_NOT_FOUND);
    assert_null(key);
}

static void refuses_what_others_can_read_or_what_is_no_key(void **state)
{
    (void) state;
    struct sut_secret *key = NULL;
    struct sut_diag d;
    char file[512];
    char raw[33] = { 1 };
    assert_false(sut_failed(master(true, &key, &d)));
    sut_secret_free(&key);
    (void) snprintf(file, sizeof(file), "%s", path_of("keys/master.key"));

    const mode_t modes[] = { 0640, 0604, 0660, 0644 };
    for (size_t i = 0; i < 4; i++) {
        write_file(file, hex, 64, modes[i]);
        assert_int_equal(master(true, &key, &d).code, SUT_E_INVALID);
        assert_non_null(strstr(d.text, "open to other users"));
        assert_non_null(strstr(d.hint, "chmod 600"));
    }
    const struct {
        const char *text;
        size_t n;
    } bad[] = { { "", 0 },
                { hex, 63 },
                { hex, 31 },
                { raw, 33 },
                { "zz0102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f", 64 } };
    for (size_t i = 0; i < 5; i++) {
        write_file(file, bad[i].text, bad[i].n, 0600);
        assert_int_equal(master(true, &key, &d).code, SUT_E_INVALID);
        assert_non_null(strstr(d.text, "not a master key"));
        /* What is wrong with a key never says what the key is. */
        assert_null(strstr(d.text, "0102030405"));
    }
    write_file(file, raw, 32, 0600);
    assert_false(sut_failed(master(true, &key, &d)));
    sut_secret_free(&key);

    assert_int_equal(chmod(path_of("keys"), 0755), 0);
    assert_int_equal(master(true, &key, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.hint, "chmod 700"));
    assert_int_equal(chmod(path_of("keys"), 0700), 0);

    (void) unlink(file);
    write_file(path_of("keys/linked"), hex, 64, 0600);
    assert_int_equal(symlink("linked", file), 0);
    assert_int_equal(master(true, &key, &d).code, SUT_E_SYSTEM);
    assert_non_null(strstr(d.text, "symbolic link"));
    (void) unlink(file);
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(master(true, &key, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.text, "not a plain file"));
    if (geteuid() == 0) {
        write_file(file, hex, 64, 0600);
        assert_int_equal(chown(file, 12345, 12345), 0);
        assert_int_equal(master(true, &key, &d).code, SUT_E_INVALID);
        assert_non_null(strstr(d.text, "another user"));
    }
    assert_null(key);
}

static struct sut_secret *secret_of(const char *z)
{
    struct sut_secret *s = NULL;
    assert_false(sut_failed(sut_secret_dup(sut_str_from(z), &s)));
    return s;
}

static void a_key_of_the_settings_comes_first_and_touches_no_file(void **state)
{
    (void) state;
    struct sut_diag d;
    struct sut_master m;
    struct sut_secret *key = secret_of("0123456789abcdef0123456789abcdef");
    struct sut_secret *before = secret_of("fedcba9876543210fedcba9876543210");
    struct sut_master_options o = { .key = key, .previous = before, .may_create = true };
    assert_false(sut_failed(open_with(&o, &m, &d)));
    assert_true(sut_secret_eq(sut_secret_str(m.key), sut_secret_str(key)));
    assert_true(sut_secret_eq(sut_secret_str(m.previous), sut_secret_str(before)));
    assert_false(m.may_rotate);
    assert_int_equal(m.made_at.v, 0);
    assert_int_equal(access(path_of("keys"), F_OK), -1);
    sut_master_done(&m);
    /* The same one twice is one. */
    o.previous = key;
    assert_false(sut_failed(open_with(&o, &m, &d)));
    assert_null(m.previous);
    sut_master_done(&m);
    o.step = SUT_MASTER_MAKE_NEXT;
    assert_int_equal(open_with(&o, &m, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.hint, "master_key_previous"));
    sut_secret_free(&key);
    sut_secret_free(&before);
}

static void the_next_key_stands_beside_the_first_until_it_is_adopted(void **state)
{
    (void) state;
    struct sut_diag d;
    struct sut_master first;
    struct sut_master both;
    struct sut_master again;
    struct stat st;
    struct sut_master_options o = { .may_create = true };
    assert_false(sut_failed(open_with(&o, &first, &d)));
    o.may_create = false;
    o.step = SUT_MASTER_MAKE_NEXT;
    assert_false(sut_failed(open_with(&o, &both, &d)));
    assert_true(sut_secret_eq(sut_secret_str(first.key), sut_secret_str(both.key)));
    assert_non_null(both.next);
    assert_false(sut_secret_eq(sut_secret_str(both.key), sut_secret_str(both.next)));
    assert_int_equal(stat(path_of("keys/master.key.next"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);

    /* A second time, and a start in between, find the same. */
    assert_false(sut_failed(open_with(&o, &again, &d)));
    assert_true(sut_secret_eq(sut_secret_str(both.next), sut_secret_str(again.next)));
    sut_master_done(&again);
    o.step = SUT_MASTER_AS_IS;
    assert_false(sut_failed(open_with(&o, &again, &d)));
    assert_true(sut_secret_eq(sut_secret_str(both.next), sut_secret_str(again.next)));
    sut_master_done(&again);

    o.step = SUT_MASTER_ADOPT;
    for (int i = 0; i < 2; i++) {
        assert_false(sut_failed(open_with(&o, &again, &d)));
        assert_true(sut_secret_eq(sut_secret_str(both.next), sut_secret_str(again.key)));
        assert_null(again.next);
        assert_int_equal(access(path_of("keys/master.key.next"), F_OK), -1);
        sut_master_done(&again);
    }
    sut_master_done(&first);
    sut_master_done(&both);
}

/* Whoever asks for it too early, or twice, has destroyed nothing. */
static void the_keys_of_before_stay_beside_an_adopted_one(void **state)
{
    (void) state;
    struct sut_diag d;
    struct sut_master m;
    struct sut_wrap_key k;
    struct stat st;
    char names[2][64];
    char was[2][512];
    struct sut_secret *keys[2];
    struct sut_master_options o = { .may_create = true };
    assert_false(sut_failed(open_with(&o, &m, &d)));
    o.may_create = false;
    for (int i = 0; i < 2; i++) {
        assert_false(sut_failed(sut_secret_dup(sut_secret_str(m.key), &keys[i])));
        assert_false(sut_failed(sut_wrap_key_init(&k, sut_secret_str(m.key))));
        struct sut_buf b = { .p = names[i], .cap = sizeof(names[i]), .max = sizeof(names[i]) };
        sut_buf_lit(&b, "keys/master.key.was-");
        sut_buf_hex(&b, k.id, sizeof(k.id));
        sut_buf_char(&b, '\0');
        sut_wrap_key_done(&k);
        sut_master_done(&m);
        o.step = SUT_MASTER_MAKE_NEXT;
        assert_false(sut_failed(open_with(&o, &m, &d)));
        sut_master_done(&m);
        o.step = SUT_MASTER_ADOPT;
        assert_false(sut_failed(open_with(&o, &m, &d)));
    }
    sut_master_done(&m);
    for (int i = 0; i < 2; i++) {
        (void) snprintf(was[i], sizeof(was[i]), "%s", path_of(names[i]));
        assert_int_equal(stat(was[i], &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        /* In its old place it is what it was. */
        assert_int_equal(rename(was[i], path_of("keys/master.key")), 0);
        o.step = SUT_MASTER_AS_IS;
        assert_false(sut_failed(open_with(&o, &m, &d)));
        assert_true(sut_secret_eq(sut_secret_str(m.key), sut_secret_str(keys[i])));
        sut_master_done(&m);
        sut_secret_free(&keys[i]);
    }
}

static void a_next_key_that_is_none_is_told_and_nothing_is_replaced(void **state)
{
    (void) state;
    struct sut_diag d;
    struct sut_master m;
    struct sut_master_options o = { .may_create = true };
    assert_false(sut_failed(open_with(&o, &m, &d)));
    sut_master_done(&m);
    write_file(path_of("keys/master.key.next"), hex, 63, 0600);
    assert_int_equal(open_with(&o, &m, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.text, "master.key.next is not a master key"));
    o.step = SUT_MASTER_ADOPT;
    assert_int_equal(open_with(&o, &m, &d).code, SUT_E_INVALID);
    assert_int_equal(access(path_of("keys/master.key.next"), F_OK), 0);
    o.step = SUT_MASTER_AS_IS;
    write_file(path_of("keys/master.key.next"), hex, 64, 0644);
    assert_int_equal(open_with(&o, &m, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.text, "open to other users"));
    /* A first key that is gone is not made anew beside a next one. */
    assert_int_equal(unlink(path_of("keys/master.key")), 0);
    o.may_create = false;
    o.step = SUT_MASTER_MAKE_NEXT;
    assert_int_equal(open_with(&o, &m, &d).code, SUT_E_NOT_FOUND);
}

static void a_passphrase_seals_the_file(void **state)
{
    (void) state;
    struct sut_diag d;
    struct sut_master made;
    struct sut_master m;
    struct sut_secret *phrase = secret_of("correct horse battery staple");
    struct sut_secret *wrong = secret_of("correct horse battery stapler");
    struct sut_master_options o = { .may_create = true, .passphrase = phrase };
    char text[512] = { 0 };
    assert_false(sut_failed(open_with(&o, &made, &d)));
    assert_true(made.is_passphrase && made.may_rotate && !made.should_seal);
    const int fd = open(path_of("keys/master.key"), O_RDONLY | O_CLOEXEC);
    const ssize_t n = read(fd, text, sizeof(text) - 1);
    (void) close(fd);
    assert_true(n > 0);
    assert_ptr_equal(strstr(text, "sutler-master-1 argon2id m=65536 t=3 p=1 salt="), text);

    assert_false(sut_failed(open_with(&o, &m, &d)));
    assert_true(sut_secret_eq(sut_secret_str(made.key), sut_secret_str(m.key)));
    sut_master_done(&m);
    o.passphrase = wrong;
    assert_int_equal(open_with(&o, &m, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.text, "the passphrase does not open"));
    assert_null(strstr(d.text, "stapler"));
    o.passphrase = NULL;
    assert_int_equal(open_with(&o, &m, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.text, "is sealed by a passphrase, and none is given"));
    assert_non_null(strstr(d.hint, "SUTLER_SECURITY_PASSPHRASE"));

    /* Each part of the line is needed: cut, changed, with other parameters. */
    o.passphrase = phrase;
    static const char *const bad[] = {
        "sutler-master-1 ",
        "sutler-master-1 argon2id m=65536 t=3 p=1 salt=00 key=00\n",
        "sutler-master-1 argon2id m=99999999 t=3 p=1 salt=000102030405060708090a0b0c0d0e0f key=00",
        "sutler-master-1 argon2i m=65536 t=3 p=1 salt=000102030405060708090a0b0c0d0e0f key=00",
        "sutler-master-1 argon2id m=0 t=3 p=1 salt=000102030405060708090a0b0c0d0e0f key=00",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_file(path_of("keys/master.key"), bad[i], strlen(bad[i]), 0600);
        assert_int_equal(open_with(&o, &m, &d).code, SUT_E_INVALID);
        assert_non_null(strstr(d.text, "is not a master key"));
    }
    char *const digit = strstr(text, " t=3") + 3;
    *digit = '2';
    write_file(path_of("keys/master.key"), text, (size_t) n, 0600);
    assert_int_equal(open_with(&o, &m, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.text, "the passphrase does not open"));
    *digit = '3';
    text[n - 2] = text[n - 2] == '0' ? '1' : '0';
    write_file(path_of("keys/master.key"), text, (size_t) n, 0600);
    assert_int_equal(open_with(&o, &m, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.text, "the passphrase does not open"));
    sut_master_done(&made);
    sut_secret_free(&phrase);
    sut_secret_free(&wrong);
}

static void a_plain_file_is_taken_with_a_passphrase_and_sealed_by_the_next_key(void **state)
{
    (void) state;
    struct sut_diag d;
    struct sut_master m;
    struct sut_secret *phrase = secret_of("correct horse battery staple");
    struct sut_master_options o = { .may_create = true };
    assert_false(sut_failed(open_with(&o, &m, &d)));
    sut_master_done(&m);
    o.passphrase = phrase;
    assert_false(sut_failed(open_with(&o, &m, &d)));
    assert_true(m.should_seal && !m.is_passphrase);
    sut_master_done(&m);
    o.step = SUT_MASTER_MAKE_NEXT;
    assert_false(sut_failed(open_with(&o, &m, &d)));
    sut_master_done(&m);
    o.step = SUT_MASTER_ADOPT;
    assert_false(sut_failed(open_with(&o, &m, &d)));
    assert_true(m.is_passphrase && !m.should_seal);
    sut_master_done(&m);
    sut_secret_free(&phrase);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_made_once_in_a_closed_folder_and_read_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_missing_key_is_not_made_where_there_is_data, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_others_can_read_or_what_is_no_key, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_key_of_the_settings_comes_first_and_touches_no_file,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_keys_of_before_stay_beside_an_adopted_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_next_key_stands_beside_the_first_until_it_is_adopted,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_next_key_that_is_none_is_told_and_nothing_is_replaced,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_passphrase_seals_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_plain_file_is_taken_with_a_passphrase_and_sealed_by_the_next_key, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("master", tests, NULL, NULL);
}
