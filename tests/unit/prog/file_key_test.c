/* SPDX-License-Identifier: Apache-2.0
 *
 * store.key: who opens it, what stands in it, and how it follows the file whose key is changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/wrap.h"
#include "folder.h"
#include "prog/file_key.h"
#include "prog/file_rotate.h"
#include "test_keeper.h"

#define OLD_KEY "the key of a file of long before"

enum { POINTS = 8 };

#define OK(expr_)                                                                                  \
    do {                                                                                           \
        const sut_err ok_ = (expr_);                                                               \
        if (sut_failed(ok_))                                                                       \
            fail_msg("%s at %s:%d (%s:%d, %d)", sut_err_info(ok_.code)->name, __FILE__, __LINE__,  \
                     ok_.at->file, ok_.at->line, ok_.sys);                                         \
    } while (0)

struct place {
    struct folder folder;
    struct sut_keeper *keeper;
    struct sut_config config;
    char db[128];
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    assert_true(folder_init(&p->folder));
    p->keeper = test_keeper_start();
    p->config.server.data = sut_str_from(p->folder.dir);
    (void) snprintf(p->db, sizeof(p->db), "%s", folder_path(&p->folder, "sutler.db"));
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    test_keeper_stop(&p->keeper);
    folder_done(&p->folder);
    free(p);
    return 0;
}

static char *text_of(struct place *p, const char *name)
{
    size_t n = 0;
    char *text = folder_read(folder_path(&p->folder, name), &n);
    if (text != NULL)
        text[n] = '\0';
    return text;
}

static bool is_there(struct place *p, const char *name)
{
    return access(folder_path(&p->folder, name), F_OK) == 0;
}

static void put(struct place *p, const char *name, const char *bytes, size_t n, mode_t mode)
{
    const int fd =
        open(folder_path(&p->folder, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t) n);
    (void) close(fd);
}

static sut_err open_keys(struct place *p, bool may_make, struct sut_file_keys *k,
                         struct sut_diag *diag)
{
    *diag = (struct sut_diag){ .text = "" };
    return sut_file_keys_open(p->folder.dir, p->keeper, may_make, k, diag);
}

static bool is_same(const struct sut_secret *a, const struct sut_secret *b)
{
    return sut_secret_eq(sut_secret_str(a), sut_secret_str(b));
}

static void a_key_is_made_once_and_opens_again(void **state)
{
    struct place *p = *state;
    struct sut_file_keys a DEFER(sut_file_keys_done) = { .key = NULL };
    struct sut_file_keys b DEFER(sut_file_keys_done) = { .key = NULL };
    struct sut_diag diag;
    OK(open_keys(p, true, &a, &diag));
    OK(open_keys(p, false, &b, &diag));
    assert_true(is_same(a.key, b.key));
    assert_int_equal(sut_secret_str(a.key).n, SUT_KEY_SIZE);
    assert_int_equal(b.version, 1);
    assert_null(b.next);
    struct stat st;
    assert_int_equal(stat(folder_path(&p->folder, "store.key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    size_t n = 0;
    char *bytes = folder_read(folder_path(&p->folder, "store.key"), &n);
    assert_non_null(bytes);
    assert_null(memmem(bytes, n, sut_secret_str(a.key).p, SUT_KEY_SIZE));
    assert_memory_equal(bytes, "store-file 1 ", 13);
    free(bytes);
}

static void a_file_of_before_there_were_versions_is_the_first(void **state)
{
    struct place *p = *state;
    struct sut_buf b DEFER(sut_buf_done);
    sut_buf_init(&b, SUT_WRAPPED_MAX);
    OK(sut_wrap(&sut_random_system, sut_str_of(test_master_key, 32), SUT_STR("store-file"),
                SUT_STR(OLD_KEY), &b));
    put(p, "store.key", b.p, b.n, 0600);
    struct sut_file_keys k DEFER(sut_file_keys_done) = { .key = NULL };
    struct sut_diag diag;
    OK(open_keys(p, false, &k, &diag));
    assert_int_equal(k.version, 1);
    assert_true(sut_str_is(sut_secret_str(k.key), OLD_KEY));
    OK(sut_file_keys_make_next(p->folder.dir, p->keeper, &k, &diag));
    assert_int_equal(k.next_version, 2);
}

static void what_holds_no_wrapped_key_is_refused(void **state)
{
    static const char *const bad[] = {
        "store-file",
        "store-file ",
        "store-file 1",
        "store-file 1 ",
        "store-file 0 AAAA",
        "store-file 01 !!!!",
        "store-file 4294967296 AAAA",
        "store-file -1 AAAA",
        "Store-file 1 AAAA",
        "\x02 a wrapped key without its line",
        "x",
    };
    struct place *p = *state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sut_file_keys k = { .key = NULL };
        struct sut_diag diag;
        put(p, "store.key", bad[i], strlen(bad[i]), 0600);
        const sut_err e = open_keys(p, true, &k, &diag);
        if (e.code != SUT_E_INVALID && e.code != SUT_E_CORRUPT)
            fail_msg("\"%s\": %s", bad[i], sut_err_info(e.code)->name);
        assert_non_null(strstr(diag.text, "store.key"));
        assert_true(diag.hint[0] != '\0');
        assert_null(k.key);
    }
    struct sut_file_keys k = { .key = NULL };
    struct sut_diag diag;
    put(p, "store.key", "", 0, 0600);
    assert_true(sut_failed(open_keys(p, true, &k, &diag)));
    char *left = text_of(p, "store.key");
    assert_non_null(left);
    assert_int_equal(left[0], 0); /* left as it was */
    free(left);
}

static void every_cut_and_every_changed_byte_is_refused(void **state)
{
    struct place *p = *state;
    struct sut_file_keys k = { .key = NULL };
    struct sut_diag diag;
    OK(open_keys(p, true, &k, &diag));
    sut_file_keys_done(&k);
    char *good = text_of(p, "store.key");
    assert_non_null(good);
    const size_t n = strlen(good) - 1; /* the line's end may go */
    for (size_t i = 1; i < n; i++) {
        put(p, "store.key", good, i, 0600);
        assert_true(sut_failed(open_keys(p, false, &k, &diag)));
        char c = good[i];
        good[i] = c == 'A' ? 'B' : 'A';
        put(p, "store.key", good, n, 0600);
        if (!sut_failed(open_keys(p, false, &k, &diag)))
            fail_msg("byte %zu may be another", i);
        good[i] = c;
    }
    /* The version is bound to what is wrapped. */
    good[11] = '2';
    put(p, "store.key", good, n, 0600);
    assert_int_equal(open_keys(p, false, &k, &diag).code, SUT_E_CORRUPT);
    free(good);
}

static void a_missing_key_is_named_and_not_replaced(void **state)
{
    struct place *p = *state;
    struct sut_file_keys k = { .key = NULL };
    struct sut_diag diag;
    assert_int_equal(open_keys(p, false, &k, &diag).code, SUT_E_NOT_FOUND);
    assert_non_null(strstr(diag.text, "store.key is missing"));
    assert_false(is_there(p, "store.key"));
}

static void a_key_that_others_can_read_is_refused(void **state)
{
    struct place *p = *state;
    struct sut_file_keys k = { .key = NULL };
    struct sut_diag diag;
    OK(open_keys(p, true, &k, &diag));
    sut_file_keys_done(&k);
    assert_int_equal(chmod(folder_path(&p->folder, "store.key"), 0644), 0);
    assert_int_equal(open_keys(p, false, &k, &diag).code, SUT_E_INVALID);
    assert_non_null(strstr(diag.text, "store.key"));
}

static void another_master_key_opens_nothing(void **state)
{
    struct place *p = *state;
    struct sut_file_keys k = { .key = NULL };
    struct sut_diag diag;
    OK(open_keys(p, true, &k, &diag));
    sut_file_keys_done(&k);
    struct sut_master other = { .key = NULL };
    OK(sut_secret_dup(SUT_STR("another master key, of 32 bytes."), &other.key));
    struct sut_keeper *keeper = test_keeper_start_with(&other);
    diag = (struct sut_diag){ .text = "" };
    assert_int_equal(sut_file_keys_open(p->folder.dir, keeper, false, &k, &diag).code,
                     SUT_E_CORRUPT);
    assert_non_null(strstr(diag.text, "does not open with this master key"));
    test_keeper_stop(&keeper);
    sut_secret_free(&other.key);
}

static void a_keeper_that_is_gone_is_told(void **state)
{
    struct place *p = *state;
    struct sut_file_keys k = { .key = NULL };
    struct sut_diag diag;
    OK(open_keys(p, true, &k, &diag));
    sut_file_keys_done(&k);
    test_keeper_kill(p->keeper);
    assert_int_equal(open_keys(p, false, &k, &diag).code, SUT_E_UNAVAILABLE);
    assert_non_null(strstr(diag.text, "keeper"));
    test_keeper_revive(p->keeper);
    OK(open_keys(p, false, &k, &diag));
    sut_file_keys_done(&k);
}

static void the_next_key_stands_beside_until_it_is_settled(void **state)
{
    struct place *p = *state;
    struct sut_file_keys k DEFER(sut_file_keys_done) = { .key = NULL };
    struct sut_diag diag;
    OK(open_keys(p, true, &k, &diag));
    OK(sut_file_keys_make_next(p->folder.dir, p->keeper, &k, &diag));
    struct stat st;
    assert_int_equal(stat(folder_path(&p->folder, "store.key.next"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    for (int is_next = 0; is_next < 2; is_next++) {
        struct sut_file_keys seen DEFER(sut_file_keys_done) = { .key = NULL };
        OK(open_keys(p, false, &seen, &diag));
        assert_true(is_same(seen.key, k.key));
        assert_non_null(seen.next);
        assert_true(is_same(seen.next, k.next));
        assert_int_equal(seen.next_version, 2);
        OK(sut_file_keys_settle(p->folder.dir, &seen, is_next, &diag));
        assert_null(seen.next);
        assert_false(is_there(p, "store.key.next"));
        assert_true(is_same(seen.key, is_next ? k.next : k.key));
        assert_int_equal(seen.version, is_next ? 2 : 1);
        struct sut_file_keys after DEFER(sut_file_keys_done) = { .key = NULL };
        OK(open_keys(p, false, &after, &diag));
        assert_true(is_same(after.key, seen.key));
        if (!is_next)
            OK(sut_file_keys_make_next(p->folder.dir, p->keeper, &k, &diag));
    }
}

static void a_next_key_of_no_use_counts_as_none(void **state)
{
    struct place *p = *state;
    struct sut_file_keys k = { .key = NULL };
    struct sut_diag diag;
    OK(open_keys(p, true, &k, &diag));
    sut_file_keys_done(&k);
    put(p, "store.key.next", "store-file 2 AAAAAAAAAAAAAAAA", 29, 0600);
    OK(open_keys(p, false, &k, &diag));
    assert_null(k.next);
    assert_int_equal(diag.text[0], '\0');
    OK(sut_file_keys_make_next(p->folder.dir, p->keeper, &k, &diag));
    sut_file_keys_done(&k);
    OK(open_keys(p, false, &k, &diag));
    assert_non_null(k.next);
    sut_file_keys_done(&k);
}

static void both_files_follow_the_master_key(void **state)
{
    struct place *p = *state;
    struct sut_file_keys k DEFER(sut_file_keys_done) = { .key = NULL };
    struct sut_diag diag;
    OK(open_keys(p, true, &k, &diag));
    OK(sut_file_keys_make_next(p->folder.dir, p->keeper, &k, &diag));
    bool changed = true;
    OK(sut_file_keys_rewrap(p->folder.dir, p->keeper, &changed, &diag));
    assert_false(changed);

    struct sut_master both = { .key = NULL };
    OK(sut_secret_dup(sut_str_of(test_master_key, 32), &both.key));
    OK(sut_secret_dup(SUT_STR("the next master key, of 32 bytes"), &both.next));
    struct sut_keeper *keeper = test_keeper_start_with(&both);
    OK(sut_file_keys_rewrap(p->folder.dir, keeper, &changed, &diag));
    assert_true(changed);
    OK(sut_file_keys_rewrap(p->folder.dir, keeper, &changed, &diag));
    assert_false(changed);
    test_keeper_stop(&keeper);

    const struct sut_master next = { .key = both.next };
    keeper = test_keeper_start_with(&next);
    struct sut_file_keys seen DEFER(sut_file_keys_done) = { .key = NULL };
    OK(sut_file_keys_open(p->folder.dir, keeper, false, &seen, &diag));
    assert_true(is_same(seen.key, k.key));
    assert_non_null(seen.next);
    assert_true(is_same(seen.next, k.next));
    assert_int_equal(seen.next_version, 2);
    test_keeper_stop(&keeper);
    sut_secret_free(&both.key);
    sut_secret_free(&both.next);
}

/* A boot of the file and its store, and nothing else. */
static void boot_done(struct sut_boot *b)
{
    sut_store_close(&b->store);
    sut_file_keys_done(&b->file);
}

static void boot_open(struct place *p, struct sut_keeper *keeper, struct sut_boot *b)
{
    struct sut_diag diag = { .text = "" };
    *b = (struct sut_boot){ .config = &p->config, .keeper = keeper };
    if (sut_failed(sut_file_keys_open(p->folder.dir, keeper, true, &b->file, &diag)))
        fail_msg("%s", diag.text);
    const struct sut_store_options opt = {
        .db = { .kind = SUT_DB_SQLITE, .path = p->db, .key = b->file.key },
        .next_key = b->file.next,
        .readers = 2,
        .queue_max = 16,
        .migrate = true,
        .keeper = keeper,
        .random = &sut_random_system,
    };
    if (sut_failed(sut_store_open(&opt, &b->store, &diag)))
        fail_msg("%s", diag.text);
    OK(sut_file_keys_settle(p->folder.dir, &b->file, sut_store_has_next_key(b->store), &diag));
}

/* What a rotation is watched with. */
struct watch {
    struct place *place;
    struct sut_boot *boot;
    enum sut_file_key_point at;
    bool ends;
    bool spoils; /* store.key can't be replaced */
    bool nests;
    sut_err nested;
    unsigned steps;
};

static void watch(void *arg, enum sut_file_key_point at)
{
    struct watch *w = arg;
    if (w->ends && at == w->at)
        _exit(77);
    if (w->spoils && at == SUT_FILE_KEY_SYNCED) {
        const char *path = folder_path(&w->place->folder, "store.key");
        if (unlink(path) != 0 || mkdir(path, 0700) != 0)
            w->spoils = false;
    }
}

static bool step(void *arg, uint64_t done, uint64_t total)
{
    struct watch *w = arg;
    (void) done;
    (void) total;
    w->steps++;
    if (w->nests) {
        struct sut_file_key_outcome out;
        struct sut_diag diag = { .text = "" };
        w->nested = sut_file_key_rotate(w->boot, NULL, NULL, &out, &diag);
    }
    return true;
}

static void a_rotation_changes_file_and_key_together(void **state)
{
    struct place *p = *state;
    struct sut_boot b DEFER(boot_done) = { .config = NULL };
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    boot_open(p, p->keeper, &b);
    for (uint32_t version = 2; version < 5; version++) {
        struct watch w = { .place = p, .boot = &b };
        OK(sut_file_key_rotate(&b, step, &w, &out, &diag));
        assert_true(out.is_changed);
        assert_true(out.pages > 1);
        assert_true(w.steps > 0);
        assert_int_equal(b.file.version, version);
        assert_null(b.file.next);
        assert_false(is_there(p, "store.key.next"));
        assert_false(is_there(p, "sutler.db.next"));
        OK(sut_store_ping(b.store));
    }
    boot_done(&b);
    boot_open(p, p->keeper, &b);
    assert_int_equal(b.file.version, 4);
    OK(sut_store_ping(b.store));
}

static void a_second_rotation_meanwhile_is_refused(void **state)
{
    struct place *p = *state;
    struct sut_boot b DEFER(boot_done) = { .config = NULL };
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    boot_open(p, p->keeper, &b);
    struct watch w = { .place = p, .boot = &b, .nests = true };
    OK(sut_file_key_rotate(&b, step, &w, &out, &diag));
    assert_int_equal(w.nested.code, SUT_E_BUSY);
    assert_int_equal(b.file.version, 2);
    OK(sut_file_key_rotate(&b, NULL, NULL, &out, &diag));
    assert_int_equal(b.file.version, 3);
}

static void a_key_that_could_not_follow_does_so_before_the_next_change(void **state)
{
    struct place *p = *state;
    struct sut_boot b DEFER(boot_done) = { .config = NULL };
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    boot_open(p, p->keeper, &b);
    struct watch w = { .place = p, .boot = &b, .spoils = true };
    assert_int_equal(sut_file_key_rotate_watched(&b, NULL, watch, &w, &out, &diag).code,
                     SUT_E_SYSTEM);
    assert_true(w.spoils && out.is_changed);
    assert_true(is_there(p, "store.key.next"));
    assert_non_null(strstr(diag.text, "store.key"));
    OK(sut_store_ping(b.store));
    /* The file's key is in store.key.next alone: another change must not take its place. */
    assert_int_equal(sut_file_key_rotate(&b, NULL, NULL, &out, &diag).code, SUT_E_SYSTEM);
    assert_false(out.is_changed);
    assert_true(is_there(p, "store.key.next"));
    assert_int_equal(rmdir(folder_path(&p->folder, "store.key")), 0);
    OK(sut_file_key_rotate(&b, NULL, NULL, &out, &diag));
    assert_int_equal(b.file.version, 3);
    boot_done(&b);
    boot_open(p, p->keeper, &b);
    assert_int_equal(b.file.version, 3);
}

static void without_a_keeper_nothing_is_changed(void **state)
{
    struct place *p = *state;
    struct sut_boot b DEFER(boot_done) = { .config = NULL };
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    boot_open(p, p->keeper, &b);
    test_keeper_kill(p->keeper);
    assert_int_equal(sut_file_key_rotate(&b, NULL, NULL, &out, &diag).code, SUT_E_UNAVAILABLE);
    assert_false(out.is_changed);
    assert_false(is_there(p, "store.key.next"));
    assert_true(diag.text[0] != '\0');
    OK(sut_store_ping(b.store));
    test_keeper_revive(p->keeper);
}

static _Noreturn void rotate_and_end(struct place *p, enum sut_file_key_point at)
{
    struct sut_boot b;
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    struct watch w = { .place = p, .boot = &b, .ends = true, .at = at };
    boot_open(p, test_keeper_start(), &b); /* threads do not come through a fork */
    (void) sut_failed(sut_file_key_rotate_watched(&b, step, watch, &w, &out, &diag));
    _exit(5);
}

static void wherever_it_ends_the_next_start_has_a_key_that_fits(void **state)
{
    struct place *p = *state;
    uint32_t version = 1;
    struct sut_boot b = { .config = NULL };
    boot_open(p, p->keeper, &b);
    boot_done(&b);
    for (int at = 0; at < POINTS; at++) {
        (void) fflush(NULL);
        const pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            rotate_and_end(p, (enum sut_file_key_point) at);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 77)
            fail_msg("at %d: the child's status is %x", at, (unsigned) status);
        version += at >= SUT_FILE_KEY_RENAMED;
        boot_open(p, p->keeper, &b);
        assert_int_equal(b.file.version, version);
        assert_false(is_there(p, "store.key.next"));
        assert_false(is_there(p, "sutler.db.next"));
        OK(sut_store_ping(b.store));
        boot_done(&b);
    }
}

int main(void)
{
#define T(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_key_is_made_once_and_opens_again),
        T(a_file_of_before_there_were_versions_is_the_first),
        T(what_holds_no_wrapped_key_is_refused),
        T(every_cut_and_every_changed_byte_is_refused),
        T(a_missing_key_is_named_and_not_replaced),
        T(a_key_that_others_can_read_is_refused),
        T(another_master_key_opens_nothing),
        T(a_keeper_that_is_gone_is_told),
        T(the_next_key_stands_beside_until_it_is_settled),
        T(a_next_key_of_no_use_counts_as_none),
        T(both_files_follow_the_master_key),
        T(a_rotation_changes_file_and_key_together),
        T(a_second_rotation_meanwhile_is_refused),
        T(a_key_that_could_not_follow_does_so_before_the_next_change),
        T(without_a_keeper_nothing_is_changed),
        T(wherever_it_ends_the_next_start_has_a_key_that_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
