/* SPDX-License-Identifier: Apache-2.0
 *
 * How many durable writes a second the embedded store takes: THREADS threads,
 * each one small UPDATE … RETURNING by primary key at a time.
 *
 * usage: store_bench FOLDER THREADS SECONDS
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scan.h"
#include "store/store.h"

enum { ROWS = 10000, THREADS_MAX = 256 };

static atomic_bool stop;
static atomic_ulong written;
static struct sut_store *store;

static sut_err fill(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql put = { "bench_put",
                                        "INSERT INTO bench (id, v, t) VALUES ($1, 0, $2)" };
    (void) arg;
    TRY(sut_db_script(c, "CREATE TABLE bench (id INTEGER PRIMARY KEY, v BIGINT, t TEXT)"));
    for (int64_t i = 1; i <= ROWS; i++) {
        struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
        TRY(sut_db_prepare(c, &put, &s));
        sut_db_bind_i64(s, 1, i);
        sut_db_bind_text(s, 2,
                         SUT_STR("some text that a session's row might hold, 64 bytes or so"));
        bool row = false;
        TRY(sut_db_step(s, &row));
    }
    return SUT_OK;
}

static sut_err touch(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql sql = { "bench_touch",
                                        "UPDATE bench SET v = v + 1 WHERE id = $1 RETURNING v" };
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, &sql, &s));
    sut_db_bind_i64(s, 1, *(const int64_t *) arg);
    bool row = false;
    TRY(sut_db_step(s, &row));
    ENSURE(row && sut_db_col_i64(s, 0) > 0, SYSTEM);
    return SUT_OK;
}

static void *client(void *arg)
{
    uint64_t x = (uint64_t) (uintptr_t) arg * UINT64_C(0x9E3779B97F4A7C15);
    while (!atomic_load(&stop)) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407U;
        int64_t id = (int64_t) ((x >> 33) % ROWS) + 1;
        if (!sut_failed(sut_store_write(store, touch, &id)))
            atomic_fetch_add(&written, 1);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    uint64_t threads = 0;
    uint64_t seconds = 0;
    if (argc != 4 || sut_failed(sut_parse_u64(sut_str_from(argv[2]), THREADS_MAX, &threads)) ||
        sut_failed(sut_parse_u64(sut_str_from(argv[3]), 3600, &seconds))) {
        (void) fprintf(stderr, "usage: store_bench FOLDER THREADS SECONDS\n");
        return 2;
    }
    char path[512];
    (void) snprintf(path, sizeof(path), "%s/bench.db", argv[1]);
    (void) unlink(path);
    struct sut_secret *key = NULL;
    struct sut_diag diag;
    const struct sut_store_options base = { .db = { .kind = SUT_DB_SQLITE, .path = path },
                                            .readers = 4,
                                            .queue_max = 1024,
                                            .migrate = true };
    struct sut_store_options opt = base;
    if (sut_failed(sut_secret_dup(SUT_STR("0123456789abcdef0123456789abcdef"), &key)))
        return 1;
    opt.db.key = key;
    if (sut_failed(sut_store_open(&opt, &store, &diag))) {
        (void) fprintf(stderr, "%s\n", diag.text);
        return 1;
    }
    if (sut_failed(sut_store_write_alone(store, fill, NULL)))
        return 1;

    uint64_t t0 = sut_monotonic_ns();
    struct sut_db_conn *c = NULL;
    if (sut_failed(sut_store_lease(store, &c)))
        return 1;
    printf("connection: %.2f ms\n", (double) (sut_monotonic_ns() - t0) / 1e6);
    sut_store_return(store, &c);

    pthread_t t[THREADS_MAX];
    t0 = sut_monotonic_ns();
    for (uint64_t i = 0; i < threads; i++)
        (void) pthread_create(&t[i], NULL, client, (void *) (uintptr_t) (i + 1));
    (void) sleep((unsigned) seconds);
    atomic_store(&stop, true);
    for (uint64_t i = 0; i < threads; i++)
        (void) pthread_join(t[i], NULL);
    const double took = (double) (sut_monotonic_ns() - t0) / 1e9;
    printf("durable writes: %.0f/s\n", (double) atomic_load(&written) / took);
    sut_store_close(&store);
    sut_secret_free(&key);
    return 0;
}
