/* SPDX-License-Identifier: Apache-2.0 */
#include "os/private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

enum { SIZE = 64 };

static char folder[64];
static char path[128];

static int set_up(void **state)
{
    (void) state;
    (void) snprintf(folder, sizeof(folder), "/tmp/sutler-private-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    (void) snprintf(path, sizeof(path), "%s/key", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    char other[128];
    (void) snprintf(other, sizeof(other), "%s/other", folder);
    (void) rmdir(other);
    (void) unlink(other);
    (void) unlink(path);
    return rmdir(folder);
}

static void put(const char *text, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

/* What is read of it; room for SIZE bytes. */
static sut_err get(struct sut_buf *b, struct sut_diag *d)
{
    static char room[SIZE];
    *b = (struct sut_buf){ .p = room, .cap = SIZE, .max = SIZE };
    *d = (struct sut_diag){ .text = "" };
    return sut_private_read(path, b, NULL, d);
}

static void a_file_is_read_up_to_its_maximum_and_not_a_byte_more(void **state)
{
    (void) state;
    struct sut_buf b;
    struct sut_diag d;
    char text[SIZE + 1];
    memset(text, 'k', sizeof(text));
    for (size_t n = 0; n <= SIZE; n += SIZE / 2) {
        put(text, n);
        OK(get(&b, &d));
        assert_int_equal(b.n, n);
    }
    put(text, SIZE + 1);
    assert_int_equal(get(&b, &d).code, SUT_E_TOO_LARGE);
    assert_string_equal(d.text, "");
}

static void what_is_missing_is_no_fault_and_no_word(void **state)
{
    (void) state;
    struct sut_buf b;
    struct sut_diag d;
    assert_int_equal(get(&b, &d).code, SUT_E_NOT_FOUND);
    assert_string_equal(d.text, "");
}

static void open_to_others_a_link_or_no_file_is_refused(void **state)
{
    (void) state;
    struct sut_buf b;
    struct sut_diag d;
    char other[128];
    static const mode_t modes[] = { 0640, 0620, 0610, 0604, 0602, 0601 };
    put("k", 1);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(get(&b, &d).code, SUT_E_INVALID);
        assert_non_null(strstr(d.text, "open to other users"));
        assert_non_null(strstr(d.hint, "chmod 600"));
    }
    assert_int_equal(chmod(path, 0600), 0);
    (void) snprintf(other, sizeof(other), "%s/other", folder);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(get(&b, &d).code, SUT_E_SYSTEM);
    assert_non_null(strstr(d.text, "symbolic link"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(get(&b, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.text, "not a plain file"));
}

static void of_two_that_make_it_both_find_the_first(void **state)
{
    (void) state;
    struct sut_buf b;
    struct sut_diag d;
    struct stat st;
    OK(sut_private_make(path, SUT_STR("first"), &d));
    OK(sut_private_make(path, SUT_STR("second"), &d));
    OK(get(&b, &d));
    assert_true(sut_str_is(sut_buf_str(&b), "first"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_folder_is_made_closed_and_refused_when_it_is_not(void **state)
{
    (void) state;
    struct sut_diag d = { .text = "" };
    struct stat st;
    char other[128];
    (void) snprintf(other, sizeof(other), "%s/other", folder);
    assert_int_equal(sut_private_folder(other, false, &d).code, SUT_E_NOT_FOUND);
    assert_string_equal(d.text, "");
    OK(sut_private_folder(other, true, &d));
    OK(sut_private_folder(other, true, &d));
    assert_int_equal(stat(other, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(chmod(other, 0750), 0);
    assert_int_equal(sut_private_folder(other, true, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.hint, "chmod 700"));
}

static void a_path_that_is_too_long_is_told(void **state)
{
    (void) state;
    struct sut_diag d = { .text = "" };
    static char to[SUT_PRIVATE_PATH_MAX];
    static char name[SUT_PRIVATE_PATH_MAX];
    memset(name, 'n', sizeof(name) - 1);
    name[SUT_PRIVATE_PATH_MAX - 3] = '\0';
    /* Folder, slash, name and NUL: one byte too many, then as many as fit. */
    assert_int_equal(sut_private_path("dd", name, "keys", to, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.text, "keys"));
    OK(sut_private_path("d", name, "keys", to, &d));
    assert_int_equal(strlen(to), SUT_PRIVATE_PATH_MAX - 1);
}

int main(void)
{
#define EACH(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(a_file_is_read_up_to_its_maximum_and_not_a_byte_more),
        EACH(what_is_missing_is_no_fault_and_no_word),
        EACH(open_to_others_a_link_or_no_file_is_refused),
        EACH(of_two_that_make_it_both_find_the_first),
        EACH(a_folder_is_made_closed_and_refused_when_it_is_not),
        cmocka_unit_test(a_path_that_is_too_long_is_told),
    };
    return cmocka_run_group_tests_name("private", tests, NULL, NULL);
}
