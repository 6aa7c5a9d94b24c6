/* SPDX-License-Identifier: Apache-2.0
 *
 * fill_store - persons and sessions straight into an embedded store, without a
 * hash each: what a rotation has to do.
 *
 * usage: fill_store DATA-FOLDER KEYS-FOLDER PERSONS SESSIONS-OF-EACH
 *
 * No server may have the store open.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/scan.h"
#include "crypto/random.h"
#include "keeper/master.h"
#include "prog/file_key.h"
#include "store/person.h"
#include "store/session.h"
#include "store/store.h"
#include "test_keeper.h"

enum { ARENA_MAX = 16 << 20, PATH_BYTES = 4096, BATCH = 100, FIRST_SESSION = 1000000 };

static void check(sut_err e, const char *what)
{
    if (!sut_failed(e))
        return;
    (void) fprintf(stderr, "fill_store: %s: %s\n", what, sut_err_info(e.code)->name);
    exit(1);
}

struct fill {
    struct sut_arena *arena;
    uint64_t from;
    uint64_t upto;
    uint64_t sessions;
    sut_ms now;
};

static SUT_ERR add_one(struct sut_db_conn *c, const struct fill *f, uint64_t n)
{
    char email[64];
    char username[64];
    char phone[64];
    int64_t id = 0;
    const sut_str texts[] = {
        sut_str_of(email, (size_t) snprintf(email, sizeof(email), "fill%llu@example.com",
                                            (unsigned long long) n)),
        sut_str_of(username, (size_t) snprintf(username, sizeof(username), "fill%llu",
                                               (unsigned long long) n)),
        sut_str_of(phone,
                   (size_t) snprintf(phone, sizeof(phone), "+1555%07llu", (unsigned long long) n)),
    };
    const struct sut_person_new p = { .email = texts[0],
                                      .username = texts[1],
                                      .first_name = SUT_STR("Augusta"),
                                      .last_name = SUT_STR("Byron"),
                                      .phone = texts[2],
                                      .password = SUT_STR("x"),
                                      .is_active = true };
    TRY(sut_person_insert(c, f->arena, &p, f->now, &id));
    for (uint64_t i = 0; i < f->sessions; i++) {
        const struct sut_session_new s = {
            .id = (int64_t) (FIRST_SESSION + n * f->sessions + i),
            .user_id = id,
            .refresh_hash = SUT_STR("0123456789abcdef"),
            .expires_at = { f->now.v + INT64_C(1000000000) },
            .device_type = SUT_STR("Mobile"),
            .os = SUT_STR("Android 15"),
            .user_agent = SUT_STR("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36"),
            .ip = SUT_STR("192.0.2.77"),
        };
        TRY(sut_session_insert(c, &s, f->now));
    }
    return SUT_OK;
}

static SUT_ERR add_batch(struct sut_db_conn *c, void *arg)
{
    const struct fill *const f = arg;
    for (uint64_t n = f->from; n < f->upto; n++) {
        sut_arena_reset(f->arena);
        TRY(add_one(c, f, n));
    }
    return SUT_OK;
}

static void fill(struct sut_store *store, uint64_t persons, uint64_t sessions)
{
    struct fill f = { .sessions = sessions, .now = sut_clock_now(&sut_clock_system) };
    check(sut_arena_create(ARENA_MAX, &f.arena), "memory");
    for (f.from = 0; f.from < persons; f.from = f.upto) {
        f.upto = f.from + BATCH < persons ? f.from + BATCH : persons;
        check(sut_store_write(store, add_batch, &f), "rows");
    }
    sut_arena_free(&f.arena);
}

int main(int argc, char **argv)
{
    uint64_t persons = 0;
    uint64_t sessions = 0;
    if (argc != 5 || sut_failed(sut_parse_u64(sut_str_from(argv[3]), 1000000, &persons)) ||
        sut_failed(sut_parse_u64(sut_str_from(argv[4]), 100, &sessions))) {
        (void) fprintf(stderr, "usage: fill_store DATA-FOLDER KEYS-FOLDER PERSONS SESSIONS\n");
        return 2;
    }
    struct sut_diag diag = { 0 };
    struct sut_master master = { 0 };
    const struct sut_master_options o = { .keys_dir = argv[2], .random = &sut_random_system };
    check(sut_master_open(&o, &master, &diag), diag.text);
    struct sut_keeper *keeper = test_keeper_start_with(&master);
    struct sut_file_keys keys = { 0 };
    check(sut_file_keys_open(argv[1], keeper, false, &keys, &diag), diag.text);
    char path[PATH_BYTES];
    (void) snprintf(path, sizeof(path), "%s/sutler.db", argv[1]);
    const struct sut_store_options options = {
        .db = { .kind = SUT_DB_SQLITE, .path = path, .key = keys.key },
        .readers = 2,
        .queue_max = 16,
        .keeper = keeper,
        .random = &sut_random_system,
    };
    struct sut_store *store = NULL;
    check(sut_store_open(&options, &store, &diag), diag.text);
    fill(store, persons, sessions);
    sut_store_close(&store);
    sut_file_keys_done(&keys);
    test_keeper_stop(&keeper);
    sut_master_done(&master);
    return 0;
}
