/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "crypto/random.h"
#include "folder.h"
#include "media/local.h"
#include "media/media.h"
#include "media/sweeper.h"
#include "store_fixture.h"
#include "store_person.h"

static const int64_t hour = INT64_C(3600000);

/* A folder, keys and a place that fails when it is told to. */
static struct world {
    struct folder folder;
    struct sut_media_place local;
    struct sut_media *media;
    char current; /* its key is 32 times this */
    bool has_forgotten;
    int fails_at; /* the n-th put from now, counted down */
    useconds_t remove_us;
    atomic_int removed; /* so many times it was asked to */
} world;

static sut_err world_key(void *ctx, sut_str kid, struct sut_media_key *ret)
{
    const struct world *w = ctx;
    const char wanted = kid.n == 0 ? w->current : kid.p[0];
    ENSURE(kid.n == 0 || !w->has_forgotten, NOT_FOUND);
    ret->kid[0] = wanted;
    ret->kid_n = 1;
    memset(ret->key, wanted, sizeof(ret->key));
    return SUT_OK;
}

static sut_err world_put(void *ctx, sut_str file, sut_str type, sut_str bytes)
{
    struct world *w = ctx;
    if (w->fails_at > 0 && --w->fails_at == 0)
        FAIL(FULL);
    return w->local.put(w->local.ctx, file, type, bytes);
}

static sut_err world_get(void *ctx, sut_str file, struct sut_buf *ret)
{
    struct world *w = ctx;
    return w->local.get(w->local.ctx, file, ret);
}

static sut_err world_remove(void *ctx, sut_str file)
{
    struct world *w = ctx;
    atomic_fetch_add(&w->removed, 1);
    (void) usleep(w->remove_us);
    return w->local.remove(w->local.ctx, file);
}

static void world_close(void *ctx)
{
    struct world *w = ctx;
    w->local.close(w->local.ctx);
}

static struct fixture *begin(void **state)
{
    struct fixture *f = fixture_of(state);
    sut_media_free(&world.media);
    if (world.folder.dir[0] == '\0')
        assert_true(folder_init(&world.folder));
    world.current = 'a';
    world.has_forgotten = false;
    world.fails_at = 0;
    world.remove_us = 0;
    OK(sut_media_local_open(sut_str_from(folder_path(&world.folder, "media")), &world.local));
    const struct sut_media_options o = {
        .store = f->store,
        .random = &sut_random_system,
        .place = { .ctx = &world,
                   .put = world_put,
                   .get = world_get,
                   .remove = world_remove,
                   .close = world_close },
        .keys = { .ctx = &world, .find = world_key },
    };
    OK(sut_media_create(&o, &world.media));
    return f;
}

static struct sut_picture picture(enum sut_picture_kind kind)
{
    struct sut_picture p = { .kind = kind, .width = 30, .height = 20 };
    for (size_t i = 0; i < SUT_PICTURE_FILES; i++) {
        sut_buf_init(&p.files[i], 1024);
        sut_buf_printf(&p.files[i], "the bytes of file %zu", i);
    }
    return p;
}

static struct sut_media_kept keep(enum sut_picture_kind kind, int64_t whose)
{
    struct sut_media_kept kept;
    struct sut_picture p = picture(kind);
    OK(sut_media_keep(world.media, &p, whose, now, &kept));
    sut_picture_done(&p);
    return kept;
}

static sut_str file_of(struct fixture *f, const struct sut_media_kept *kept,
                       enum sut_picture_file file)
{
    sut_str name = { 0 };
    OK(sut_media_file(f->arena, sut_str_from(kept->name), kept->kind, file, &name));
    return name;
}

/* The path of a file, and with ".new". */
static const char *path_with(sut_str file, const char *ending)
{
    static char path[256];
    struct sut_buf b = { .p = path, .cap = sizeof(path), .max = sizeof(path) };
    sut_buf_z(&b, world.folder.dir);
    sut_buf_z(&b, "/media/");
    sut_buf_str_add(&b, sut_str_sub(file, 0, 2));
    sut_buf_char(&b, '/');
    sut_buf_str_add(&b, file);
    sut_buf_z(&b, ending);
    sut_buf_char(&b, '\0');
    OK(sut_buf_check(&b));
    return path;
}

static const char *path_of(sut_str file)
{
    return path_with(file, "");
}

static enum sut_ecode read_file(sut_str file, const char *expected)
{
    const char *type = NULL;
    struct sut_buf b;
    sut_buf_init(&b, 4096);
    const sut_err e = sut_media_read(world.media, file, &b, &type);
    if (!sut_failed(e))
        assert_true(sut_str_is(sut_buf_str(&b), expected));
    else
        assert_int_equal(b.n, 0);
    sut_buf_done(&b);
    return e.code;
}

enum what { USE, DROP, DROP_PERSON };
struct change {
    enum what what;
    int64_t id;
    sut_err e;
};

static SUT_ERR change_job(struct sut_db_conn *c, void *arg)
{
    const struct change *g = arg;
    if (g->what == USE)
        return sut_media_row_use(c, g->id, now);
    return g->what == DROP ? sut_media_row_drop(c, g->id, now)
                           : sut_media_row_drop_person(c, g->id, now);
}

static enum sut_ecode change(struct fixture *f, enum what what, int64_t id)
{
    struct change g = { .what = what, .id = id };
    return sut_store_write(f->store, change_job, &g).code;
}

static size_t count_rows(struct fixture *f)
{
    static const struct sut_sql count = { .name = "test_media_count",
                                          .text = "SELECT COUNT(*) FROM media" };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, &count, &s));
    OK(sut_db_step(s, &has_row));
    return (size_t) sut_db_col_i64(s, 0);
}

static void a_picture_is_kept_sealed_and_read_again(void **state)
{
    struct fixture *f = begin(state);
    const struct sut_media_kept kept = keep(SUT_PICTURE_WEBP, 0);
    assert_int_equal(strlen(kept.name), SUT_MEDIA_NAME);
    assert_int_equal(read_file(file_of(f, &kept, SUT_PICTURE_FULL), "the bytes of file 0"),
                     SUT_E_OK);
    assert_int_equal(read_file(file_of(f, &kept, SUT_PICTURE_THUMBNAIL), "the bytes of file 1"),
                     SUT_E_OK);
    assert_int_equal(read_file(file_of(f, &kept, SUT_PICTURE_LARGER), "the bytes of file 2"),
                     SUT_E_OK);
    for (enum sut_picture_file i = SUT_PICTURE_FULL; i < SUT_PICTURE_FILES; i++) {
        const char *path = path_of(file_of(f, &kept, i));
        assert_int_equal(access(path, R_OK), 0);
        assert_false(folder_has(path, "bytes"));
    }
    sut_media_discard(world.media, &kept, now);
}

static void names_of_files_are_read_to_the_letter(void **state)
{
    struct fixture *f = begin(state);
    static const char *const wrong[] = {
        "",
        ".jpg",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAA.jpg",
        "AAAAAAAAAAAAAAAAAAAAAAA.jpg",
        "AAAAAAAAAAAAAAAAAAAAAB.jpg", /* spare bits that are not 0 */
        "AAAAAAAAAAAAAAAAAAAAAA.jpeg",
        "AAAAAAAAAAAAAAAAAAAAAA.gif",
        "AAAAAAAAAAAAAAAAAAAAAA-x.jpg",
        "AAAAAAAAAAAAAAAAAAAAAA-s-s.jpg",
        "AAAAAAAAAAAAAAAAAAAAAA-s.jpg.new",
        "AAAAAAAAAAAAAAAAAAAAAA.jpg/",
        "../AAAAAAAAAAAAAAAAAAA.jpg",
        "A/AAAAAAAAAAAAAAAAAAAA.jpg",
    };
    sut_str name = { 0 };
    enum sut_picture_kind kind = SUT_PICTURE_JPEG;
    enum sut_picture_file file = SUT_PICTURE_FULL;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(sut_media_file_read(sut_str_from(wrong[i]), &name, &kind, &file));
        assert_int_equal(read_file(sut_str_from(wrong[i]), ""), SUT_E_NOT_FOUND);
    }
    /* A name may itself end as a mark does. */
    const sut_str odd = SUT_STR("AAAAAAAAAAAAAAAAAAA--g");
    sut_str text = { 0 };
    OK(sut_media_file(f->arena, odd, SUT_PICTURE_PNG, SUT_PICTURE_LARGER, &text));
    assert_true(sut_str_is(text, "AAAAAAAAAAAAAAAAAAA--g-l.png"));
    assert_true(sut_media_file_read(text, &name, &kind, &file));
    assert_true(sut_str_eq(name, odd));
    assert_int_equal(kind, SUT_PICTURE_PNG);
    assert_int_equal(file, SUT_PICTURE_LARGER);
    assert_int_equal(read_file(text, ""), SUT_E_NOT_FOUND);
}

static void an_altered_or_swapped_file_does_not_open(void **state)
{
    struct fixture *f = begin(state);
    const struct sut_media_kept kept = keep(SUT_PICTURE_JPEG, 0);
    const sut_str full = file_of(f, &kept, SUT_PICTURE_FULL);
    const sut_str small = file_of(f, &kept, SUT_PICTURE_THUMBNAIL);
    size_t n = 0;
    char *bytes = folder_read(path_of(full), &n);
    assert_non_null(bytes);
    for (size_t at = 0; at < n; at++) {
        assert_true(folder_flip(path_of(full), (off_t) at, (int) (at % 8)));
        assert_int_equal(read_file(full, ""), SUT_E_CORRUPT);
        assert_true(folder_flip(path_of(full), (off_t) at, (int) (at % 8)));
    }
    for (size_t cut = 0; cut < n; cut++) {
        assert_true(folder_write(path_of(full), bytes, cut));
        assert_int_equal(read_file(full, ""), SUT_E_CORRUPT);
    }
    assert_true(folder_write(path_of(small), bytes, n));
    assert_int_equal(read_file(small, ""), SUT_E_CORRUPT);
    assert_true(folder_write(path_of(full), bytes, n));
    assert_int_equal(read_file(full, "the bytes of file 0"), SUT_E_OK);
    free(bytes);
    sut_media_discard(world.media, &kept, now);
}

static void files_of_a_former_key_stay_readable(void **state)
{
    struct fixture *f = begin(state);
    const struct sut_media_kept old = keep(SUT_PICTURE_JPEG, 0);
    world.current = 'b';
    const struct sut_media_kept new = keep(SUT_PICTURE_JPEG, 0);
    assert_int_equal(read_file(file_of(f, &old, SUT_PICTURE_FULL), "the bytes of file 0"),
                     SUT_E_OK);
    assert_int_equal(read_file(file_of(f, &new, SUT_PICTURE_FULL), "the bytes of file 0"),
                     SUT_E_OK);
    world.has_forgotten = true;
    assert_int_equal(read_file(file_of(f, &old, SUT_PICTURE_FULL), ""), SUT_E_CORRUPT);
    sut_media_discard(world.media, &old, now);
    sut_media_discard(world.media, &new, now);
    assert_int_equal(count_rows(f), 0);
}

static void what_can_not_be_written_leaves_nothing_behind(void **state)
{
    struct fixture *f = begin(state);
    for (int at = 1; at <= SUT_PICTURE_FILES; at++) {
        struct sut_media_kept kept;
        struct sut_picture p = picture(SUT_PICTURE_PNG);
        world.fails_at = at;
        assert_int_equal(sut_media_keep(world.media, &p, 0, now, &kept).code, SUT_E_FULL);
        assert_int_equal(count_rows(f), 0);
        sut_picture_done(&p);
    }
}

static void what_is_dropped_or_waits_too_long_is_swept(void **state)
{
    struct fixture *f = begin(state);
    const struct sut_media_kept used = keep(SUT_PICTURE_JPEG, 0);
    const struct sut_media_kept dropped = keep(SUT_PICTURE_JPEG, 0);
    const struct sut_media_kept waits = keep(SUT_PICTURE_JPEG, 0);
    assert_int_equal(change(f, USE, used.id), SUT_E_OK);
    assert_int_equal(change(f, USE, dropped.id), SUT_E_OK);
    assert_int_equal(change(f, USE, dropped.id), SUT_E_NOT_FOUND);
    assert_int_equal(change(f, DROP, dropped.id), SUT_E_OK);
    assert_int_equal(change(f, DROP, dropped.id), SUT_E_OK);
    /* As if a crash had left it half-written. */
    const sut_str full = file_of(f, &dropped, SUT_PICTURE_FULL);
    assert_true(folder_write(path_with(full, ".new"), "x", 1));

    OK(sut_media_sweep(world.media, NULL, (sut_ms){ now.v + hour - 1 }));
    assert_int_equal(count_rows(f), 2);
    assert_int_not_equal(access(path_with(full, ".new"), F_OK), 0);
    assert_int_not_equal(access(path_of(full), F_OK), 0);
    assert_int_equal(read_file(full, ""), SUT_E_NOT_FOUND);
    assert_int_equal(read_file(file_of(f, &waits, SUT_PICTURE_FULL), "the bytes of file 0"),
                     SUT_E_OK);

    OK(sut_media_sweep(world.media, NULL, (sut_ms){ now.v + hour + 1 }));
    assert_int_equal(count_rows(f), 1);
    assert_int_equal(change(f, USE, waits.id), SUT_E_NOT_FOUND);
    assert_int_equal(read_file(file_of(f, &waits, SUT_PICTURE_FULL), ""), SUT_E_NOT_FOUND);
    assert_int_equal(read_file(file_of(f, &used, SUT_PICTURE_FULL), "the bytes of file 0"),
                     SUT_E_OK);
    assert_int_equal(change(f, DROP, used.id), SUT_E_OK);
    OK(sut_media_sweep(world.media, NULL, now));
    assert_int_equal(count_rows(f), 0);
}

static void a_start_finds_what_a_crash_left_and_many_go_at_once(void **state)
{
    struct fixture *f = begin(state);
    for (int i = 0; i < 40; i++)
        (void) keep(SUT_PICTURE_JPEG, 0);
    const struct sut_media_kept used = keep(SUT_PICTURE_JPEG, 0);
    assert_int_equal(change(f, USE, used.id), SUT_E_OK);
    OK(sut_media_recover(world.media, NULL, now));
    assert_int_equal(count_rows(f), 1);
    assert_int_equal(read_file(file_of(f, &used, SUT_PICTURE_FULL), "the bytes of file 0"),
                     SUT_E_OK);
    sut_media_discard(world.media, &used, now);
}

static void a_persons_pictures_go_with_one_call(void **state)
{
    struct fixture *f = begin(state);
    const int64_t ann = person(f, "ann@x.org");
    const struct sut_media_kept hers = keep(SUT_PICTURE_JPEG, ann);
    const struct sut_media_kept other = keep(SUT_PICTURE_JPEG, 0);
    assert_int_equal(change(f, USE, hers.id), SUT_E_OK);
    assert_int_equal(change(f, USE, other.id), SUT_E_OK);
    assert_int_equal(change(f, DROP_PERSON, ann), SUT_E_OK);
    OK(sut_media_sweep(world.media, NULL, now));
    assert_int_equal(count_rows(f), 1);
    sut_media_discard(world.media, &other, now);
}

static void the_thread_sweeps_when_it_is_woken(void **state)
{
    struct fixture *f = begin(state);
    const struct sut_media_kept kept = keep(SUT_PICTURE_JPEG, 0);
    struct sut_sweeper *s = NULL;
    const struct sut_sweeper_options o = { .media = world.media, .clock = &sut_clock_system };
    assert_int_equal(change(f, USE, kept.id), SUT_E_OK);
    OK(sut_sweeper_start(&o, &s));
    assert_int_equal(change(f, DROP, kept.id), SUT_E_OK);
    sut_sweeper_wake(s);
    for (int i = 0; i < 3000 && count_rows(f) > 0; i++)
        (void) usleep(10000);
    assert_int_equal(count_rows(f), 0);
    sut_sweeper_stop(&s);
    sut_sweeper_stop(&s);
    sut_sweeper_wake(NULL);
}

/* A store of files that takes its time must not keep a process that is to end. */
static void a_sweep_of_many_leaves_off_between_two(void **state)
{
    struct fixture *f = begin(state);
    struct sut_sweeper *s = NULL;
    const struct sut_sweeper_options o = { .media = world.media, .clock = &sut_clock_system };
    for (int i = 0; i < 30; i++) {
        const struct sut_media_kept kept = keep(SUT_PICTURE_JPEG, 0);
        assert_int_equal(change(f, DROP, kept.id), SUT_E_OK);
    }
    world.remove_us = 30000;
    OK(sut_sweeper_start(&o, &s));
    for (int i = 0; i < 3000 && count_rows(f) == 30; i++)
        (void) usleep(10000);
    sut_sweeper_stop(&s);
    const size_t left = count_rows(f);
    assert_true(left > 0 && left < 30);
    world.remove_us = 0;
    OK(sut_media_sweep(world.media, NULL, now));
    assert_int_equal(count_rows(f), 0);
}

/* The last one: its thread stays where it is, as in a process that ends. */
static void one_that_waits_for_its_place_is_left_there(void **state)
{
    struct fixture *f = begin(state);
    struct sut_sweeper *s = NULL;
    const struct sut_sweeper_options o = { .media = world.media, .clock = &sut_clock_system };
    const struct sut_media_kept kept = keep(SUT_PICTURE_JPEG, 0);
    assert_int_equal(change(f, DROP, kept.id), SUT_E_OK);
    world.removed = 0;
    world.remove_us = 300000;
    OK(sut_sweeper_start(&o, &s));
    for (int i = 0; i < 3000 && atomic_load(&world.removed) == 0; i++)
        (void) usleep(10000);
    assert_false(sut_sweeper_stop_within(&s, 10));
    assert_null(s);
    for (int i = 0; i < 3000 && atomic_load(&world.removed) < SUT_PICTURE_FILES; i++)
        (void) usleep(10000);
    (void) usleep(600000);
    /* The store may be closed: the row stays, and the next start sweeps it. */
    assert_int_equal(count_rows(f), 1);
    world.media = NULL;
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_picture_is_kept_sealed_and_read_again, &f),
        cmocka_unit_test_prestate(names_of_files_are_read_to_the_letter, &f),
        cmocka_unit_test_prestate(an_altered_or_swapped_file_does_not_open, &f),
        cmocka_unit_test_prestate(files_of_a_former_key_stay_readable, &f),
        cmocka_unit_test_prestate(what_can_not_be_written_leaves_nothing_behind, &f),
        cmocka_unit_test_prestate(what_is_dropped_or_waits_too_long_is_swept, &f),
        cmocka_unit_test_prestate(a_start_finds_what_a_crash_left_and_many_go_at_once, &f),
        cmocka_unit_test_prestate(a_persons_pictures_go_with_one_call, &f),
        cmocka_unit_test_prestate(the_thread_sweeps_when_it_is_woken, &f),
        cmocka_unit_test_prestate(a_sweep_of_many_leaves_off_between_two, &f),
        cmocka_unit_test_prestate(one_that_waits_for_its_place_is_left_there, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sut_media_free(&world.media);
    if (world.folder.dir[0] != '\0')
        folder_done(&world.folder);
    (void) close_store(&state);
    return failed;
}
