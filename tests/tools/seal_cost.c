/* SPDX-License-Identifier: Apache-2.0
 *
 * seal_cost - what sealing costs, a line each: name, value, unit.
 *
 * The work on one field and on one key that is open, median of rounds; then keys
 * that are not, opened one by one and in batches by a keeper in a process of its
 * own, median and 99th percentile.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/secret.h"
#include "crypto/aead_int.h"
#include "keeper/permits.h"
#include "os/fd.h"
#include "seal/seal.h"
#include "seal/seal_int.h"

enum { ROUNDS = 15, TURNS = 20000, PERSONS = 1000, KEYS_MAX = 4096, PEERS = 4, COLD = 2048 };

static const struct sut_seal_field field = { .table = "users", .column = "email" };
static const char text[] = "ada.byron@example.com";

struct bench {
    struct sut_seal *seal;
    struct sut_data_key key;
    struct sut_aead_key evp;
    struct sut_buf sealed; /* by put */
    struct sut_buf bare;   /* by the AEAD alone */
    struct sut_buf out;
    uint64_t turn;
};

static void must(sut_err e)
{
    if (sut_failed(e))
        sut_bug(__FILE__, e.at->line, e.at->func);
}

static void put(struct bench *b)
{
    sut_buf_reset(&b->out);
    must(sut_seal_put(b->seal, &b->key, &field, 7, sut_str_from(text), &b->out));
}

static void get(struct bench *b)
{
    sut_buf_reset(&b->out);
    must(sut_seal_get(&b->key, &field, 7, sut_buf_str(&b->sealed), &b->out));
}

static void cached_key(struct bench *b)
{
    must(sut_seal_key(b->seal, (int64_t) (b->turn++ * 7919 % PERSONS), 1, &b->key));
}

static void blind_index(struct bench *b)
{
    struct sut_index i;
    must(sut_seal_index(b->seal, &field, sut_str_from(text), &i));
}

static void aead_open_one(struct bench *b)
{
    sut_buf_reset(&b->out);
    must(sut_aead_key_open(&b->key.aead, sut_str_from("users email 7"), sut_buf_str(&b->bare),
                           &b->out));
}

static void aead_open_evp(struct bench *b)
{
    sut_buf_reset(&b->out);
    must(sut_aead_key_open(&b->evp, sut_str_from("users email 7"), sut_buf_str(&b->bare), &b->out));
}

static void aead_seal_one(struct bench *b)
{
    sut_buf_reset(&b->out);
    must(sut_aead_key_seal(&sut_random_system, &b->key.aead, sut_str_from("users email 7"),
                           sut_str_from(text), &b->out));
}

static void aead_seal_evp(struct bench *b)
{
    sut_buf_reset(&b->out);
    must(sut_aead_key_seal(&sut_random_system, &b->evp, sut_str_from("users email 7"),
                           sut_str_from(text), &b->out));
}

static void nonce(struct bench *b)
{
    sut_buf_reset(&b->out);
    must(
        sut_random_fill(&sut_random_system, sut_buf_room(&b->out, SUT_AEAD_NONCE), SUT_AEAD_NONCE));
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *) a;
    const double y = *(const double *) b;
    return (x > y) - (x < y);
}

static void measure(const char *name, struct bench *b, void (*work)(struct bench *))
{
    double took[ROUNDS];
    for (size_t r = 0; r < ROUNDS; r++) {
        const uint64_t began = sut_monotonic_ns();
        for (int i = 0; i < TURNS; i++)
            work(b);
        took[r] = (double) (sut_monotonic_ns() - began) / TURNS;
    }
    qsort(took, ROUNDS, sizeof(took[0]), by_value);
    (void) printf("%s %.0f ns\n", name, took[ROUNDS / 2]);
}

static void fill(struct bench *b)
{
    const struct sut_seal_options o = { .random = &sut_random_system, .keys_max = KEYS_MAX };
    struct sut_secret *index_key = NULL;
    unsigned char raw[SUT_KEY_SIZE] = { 9 };
    const sut_str as_key = sut_str_of((const char *) raw, sizeof(raw));
    must(sut_seal_create(&o, &b->seal));
    for (int64_t p = 0; p < PERSONS; p++) {
        raw[1] = (unsigned char) p;
        sut_keycache_put(b->seal->cache, p, 1, 0, raw, sut_keycache_now(b->seal->cache, p));
    }
    must(sut_secret_dup(as_key, &index_key));
    const struct sut_index_key index = { .version = 1, .key = index_key };
    must(sut_seal_set_index_keys(b->seal, &index, 1));
    sut_secret_free(&index_key);

    must(sut_seal_key(b->seal, 1, 1, &b->key));
    raw[1] = 1;
    must(sut_aead_key_init_as(&b->evp, SUT_AEAD_WAY_EVP, as_key));
    sut_buf_init(&b->out, 256);
    sut_buf_init(&b->sealed, 256);
    sut_buf_init(&b->bare, 256);
    must(sut_seal_put(b->seal, &b->key, &field, 7, sut_str_from(text), &b->sealed));
    must(sut_aead_key_seal(&sut_random_system, &b->evp, sut_str_from("users email 7"),
                           sut_str_from(text), &b->bare));
}

/* --- the keeper's process --- */

struct peer {
    struct sut_keyholder *keys;
    int fd;
};

static void *serve(void *arg)
{
    struct peer *const p = arg;
    sut_ignore(sut_keyholder_serve(p->keys, p->fd), "the other side is done");
    return NULL;
}

static _Noreturn void run_keeper(const int fds[PEERS])
{
    struct peer peers[PEERS];
    pthread_t threads[PEERS];
    struct sut_master master = { 0 };
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    must(sut_secret_create(SUT_MASTER_SIZE, &master.key));
    must(sut_random_fill(&sut_random_system, sut_secret_bytes(master.key), SUT_MASTER_SIZE));
    must(sut_keyholder_create(&master, &sut_random_system, &peers[0].keys));
    for (size_t i = 0; i < PEERS; i++) {
        peers[i] = (struct peer){ .keys = peers[0].keys, .fd = fds[i] };
        if (pthread_create(&threads[i], NULL, serve, &peers[i]) != 0)
            abort();
    }
    for (size_t i = 0; i < PEERS; i++)
        (void) pthread_join(threads[i], NULL);
    _exit(0);
}

/* Called while this process has one thread. */
static struct sut_keeper *start_keeper(pid_t *ret_pid)
{
    int ours[PEERS];
    int theirs[PEERS];
    struct sut_keeper *k = NULL;
    for (size_t i = 0; i < PEERS; i++) {
        int pair[2];
        must(sut_fd_socketpair(pair));
        ours[i] = pair[0];
        theirs[i] = pair[1];
    }
    *ret_pid = fork();
    if (*ret_pid < 0)
        abort();
    if (*ret_pid == 0) {
        for (size_t i = 0; i < PEERS; i++)
            (void) close(ours[i]);
        run_keeper(theirs);
    }
    for (size_t i = 0; i < PEERS; i++)
        (void) close(theirs[i]);
    must(sut_keeper_create(ours, PEERS, &k));
    return k;
}

/* Microseconds of opening `list` keys at once, over and over. */
static void measure_cold(const char *name, struct sut_seal *s,
                         const struct sut_data_key_row rows[COLD], size_t list)
{
    static double took[COLD];
    size_t n = 0;
    sut_seal_sweep(s, 0);
    for (size_t at = 0; at + list <= COLD; at += list) {
        size_t bad = 0;
        const uint64_t began = sut_monotonic_ns();
        must(sut_seal_open_keys(s, &rows[at], list, &bad));
        took[n++] = (double) (sut_monotonic_ns() - began) / 1000;
        if (bad != 0)
            abort();
    }
    qsort(took, n, sizeof(took[0]), by_value);
    (void) printf("%s %.1f us\n", name, took[n / 2]);
    (void) printf("%s_p99 %.1f us\n", name, took[n * 99 / 100]);
}

static void measure_keeper(void)
{
    static struct sut_data_key_row rows[COLD];
    struct sut_kek kek = { .version = 1 };
    struct sut_buf wrapped = { .p = kek.wrapped, .cap = SUT_WRAPPED_MAX, .max = SUT_WRAPPED_MAX };
    struct sut_seal *s = NULL;
    pid_t pid = 0;
    struct sut_keeper *k = start_keeper(&pid);
    const struct sut_seal_options o = { .keeper = k,
                                        .random = &sut_random_system,
                                        .keys_max = 2 * COLD };
    must(sut_keeper_make(k, SUT_KEY_DATA, kek.version, &wrapped, NULL));
    kek.wrapped_n = wrapped.n;
    must(sut_seal_create(&o, &s));
    must(sut_seal_set_keks(s, &kek, 1));
    for (size_t i = 0; i < COLD; i++)
        rows[i] = (struct sut_data_key_row){ .person = (int64_t) i + 1, .version = 1 };
    must(sut_seal_make_keys(s, rows, COLD));
    measure_cold("cold_key", s, rows, 1);
    measure_cold("cold_20_keys", s, rows, 20);
    measure_cold("cold_256_keys", s, rows, SUT_DATA_KEYS_MAX);
    sut_seal_free(&s);
    sut_keeper_free(&k);
    (void) waitpid(pid, NULL, 0);
}

int main(void)
{
    static struct bench b;
    measure_keeper();
    fill(&b);
    (void) printf("way %s -\n",
                  sut_aead_best_way() == SUT_AEAD_WAY_SODIUM ? "libsodium" : "openssl");
    measure("put", &b, put);
    measure("get", &b, get);
    measure("index", &b, blind_index);
    measure("aead_seal", &b, aead_seal_one);
    measure("aead_seal_openssl", &b, aead_seal_evp);
    measure("aead_open", &b, aead_open_one);
    measure("aead_open_openssl", &b, aead_open_evp);
    measure("nonce", &b, nonce);
    measure("cached_key", &b, cached_key);
    sut_buf_done(&b.out);
    sut_buf_done(&b.sealed);
    sut_buf_done(&b.bare);
    sut_data_key_done(&b.key);
    sut_seal_free(&b.seal);
    return 0;
}
