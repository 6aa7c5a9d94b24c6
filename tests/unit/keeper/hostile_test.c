/* SPDX-License-Identifier: Apache-2.0
 *
 * Raw bytes, as a worker that somebody else has taken over would send them,
 * against the keeper's own table of permits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/cert.h"
#include "ipc/channel.h"
#include "ipc/keeper_wire.h"
#include "ipc/peer.h"
#include "os/core.h"
#include "os/fd.h"
#include "test_keeper.h"

enum { PATIENCE_MS = 1000, REPLY_WAIT_MS = 30000, ROUNDS = 4000 };

static struct sut_keeper *client; /* an honest one, to make what is asked about */
static struct sut_keyholder *holder;
static struct sut_ipc_table table;
static unsigned char tls_id[SUT_TLS_KEY_ID];
static struct sut_kek kek;
static struct sut_data_key_row row = { .person = 7, .version = 1 };
static char token[SUT_WRAPPED_MAX]; /* a wrapped key of purpose TOKEN, version 1 */
static size_t token_n;
static char audit[SUT_WRAPPED_MAX];
static size_t audit_n;

static void say_spent(uint32_t wait_ms, struct sut_buf *reply)
{
    sut_ipc_put_u64(reply, SUT_KEEPER_BUSY);
    sut_ipc_put_u64(reply, wait_ms);
}

static size_t make_wrapped(enum sut_key_purpose purpose, char to[SUT_WRAPPED_MAX])
{
    struct sut_buf out = { .p = to, .cap = SUT_WRAPPED_MAX, .max = SUT_WRAPPED_MAX };
    assert_false(sut_failed(sut_keeper_make(client, purpose, 1, &out, NULL)));
    return out.n;
}

static void make_tls_key(void)
{
    static const char *const names[] = { "localhost" };
    struct sut_buf cert;
    struct sut_buf key;
    sut_buf_init(&cert, 65536);
    sut_buf_init(&key, 65536);
    assert_false(
        sut_failed(sut_cert_make(names, 1, sut_clock_now(&sut_clock_system), 10, &cert, &key)));
    assert_false(sut_failed(sut_keyholder_take_tls_key(holder, sut_buf_str(&key), tls_id)));
    sut_buf_done(&cert);
    sut_buf_done(&key);
}

static int setup(void **state)
{
    (void) state;
    unsigned char keys[1][SUT_KEY_SIZE];
    client = test_keeper_start();
    holder = test_keeper_holder(client);
    kek = test_keeper_kek(client, 1);
    if (sut_failed(sut_ipc_table_init(&table, sut_keyholder_permits, holder)))
        return -1;
    table.spent = say_spent;
    token_n = make_wrapped(SUT_KEY_TOKEN, token);
    audit_n = make_wrapped(SUT_KEY_AUDIT, audit);
    make_tls_key();
    return sut_failed(sut_keeper_make_data(client, &kek, &row, 1, keys)) ? -1 : 0;
}

static int teardown(void **state)
{
    (void) state;
    sut_ipc_table_done(&table);
    test_keeper_stop(&client);
    return 0;
}

/* --- one connection --- */

struct link {
    int fd;     /* ours */
    int served; /* theirs */
    pthread_t thread;
    sut_err end; /* how their side saw it */
};

static void *serve(void *arg)
{
    struct link *const l = arg;
    l->end = sut_ipc_peer_serve(l->served, &table, PATIENCE_MS);
    (void) shutdown(l->served, SHUT_RDWR);
    return NULL;
}

static void dial(struct link *l)
{
    int pair[2];
    assert_false(sut_failed(sut_fd_socketpair(pair)));
    *l = (struct link){ .fd = pair[0], .served = pair[1] };
    assert_int_equal(pthread_create(&l->thread, NULL, serve, l), 0);
}

static sut_err hang_up(struct link *l)
{
    (void) shutdown(l->fd, SHUT_RDWR);
    (void) pthread_join(l->thread, NULL);
    sut_fd_close(&l->fd);
    sut_fd_close(&l->served);
    return l->end;
}

static void throw_at(struct link *l, const void *p, size_t n)
{
    /* The other side may have hung up already. */
    const ssize_t sent = send(l->fd, p, n, MSG_NOSIGNAL);
    (void) sent;
}

static void send_raw(struct link *l, uint16_t type, uint32_t length, sut_str fields)
{
    unsigned char raw[SUT_IPC_HEADER];
    const struct sut_ipc_header h = { .type = type, .length = length, .id = 77 };
    sut_ipc_header_write(&h, raw);
    throw_at(l, raw, sizeof(raw));
    if (fields.n > 0)
        throw_at(l, fields.p, fields.n);
}

/* How many bytes come before the end or until nothing comes for a while. */
static size_t take(struct link *l, char *to, size_t cap, bool *ret_ended)
{
    size_t n = 0;
    *ret_ended = false;
    for (;;) {
        struct pollfd p = { .fd = l->fd, .events = POLLIN };
        if (poll(&p, 1, REPLY_WAIT_MS) <= 0)
            return n;
        const ssize_t got = recv(l->fd, to + n, cap - n, 0);
        *ret_ended = got <= 0;
        if (got <= 0)
            return n;
        n += (size_t) got;
        if (n >= SUT_IPC_HEADER) {
            const struct sut_ipc_header h = sut_ipc_header_read((unsigned char *) to);
            if (n >= SUT_IPC_HEADER + h.length)
                return n;
        }
    }
}

/* Rates are looked at by tests of their own. */
static void refill(void)
{
    (void) pthread_mutex_lock(&table.mutex);
    for (size_t i = 0; i < table.n; i++)
        table.meters[i].left = table.permits[i].burst;
    (void) pthread_mutex_unlock(&table.mutex);
}

/* From `from_ns` on it fills again: in the future, and what is there now is all there is. */
static void fill_again(uint16_t type, uint64_t from_ns)
{
    (void) pthread_mutex_lock(&table.mutex);
    for (size_t i = 0; i < table.n; i++)
        if (table.permits[i].type == type)
            table.meters[i].at_ns = from_ns;
    (void) pthread_mutex_unlock(&table.mutex);
}

/* What was asked ends the connection, and not a byte comes back. */
static void assert_refused(uint16_t type, uint32_t length, sut_str fields)
{
    struct link l;
    char reply[256];
    bool has_ended = false;
    refill();
    dial(&l);
    send_raw(&l, type, length, fields);
    const size_t n = take(&l, reply, sizeof(reply), &has_ended);
    (void) hang_up(&l);
    assert_int_equal(n, 0);
    assert_true(has_ended);
}

static uint64_t status_of(const char *reply, size_t n, uint16_t type)
{
    assert_true(n > SUT_IPC_HEADER);
    const struct sut_ipc_header h = sut_ipc_header_read((const unsigned char *) reply);
    assert_int_equal(h.type, type | SUT_IPC_REPLY);
    assert_int_equal(h.id, 77);
    assert_int_equal(h.length, n - SUT_IPC_HEADER);
    struct sut_ipc_reader r = { .p = reply + SUT_IPC_HEADER, .n = n - SUT_IPC_HEADER };
    uint64_t status = 0;
    assert_false(sut_failed(sut_ipc_get_u64(&r, SUT_KEEPER_ANSWERS - 1, &status)));
    return status;
}

/* The status of the answer, which must come. */
static uint64_t ask(uint16_t type, const struct sut_buf *fields)
{
    static char reply[65536];
    struct link l;
    bool has_ended = false;
    refill();
    dial(&l);
    send_raw(&l, type, (uint32_t) fields->n, sut_buf_str(fields));
    const size_t n = take(&l, reply, sizeof(reply), &has_ended);
    (void) hang_up(&l);
    return status_of(reply, n, type);
}

/* --- messages --- */

static struct sut_buf *fresh(void)
{
    static char bytes[65536];
    static struct sut_buf b;
    b = (struct sut_buf){ .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
    return &b;
}

static struct sut_buf *wrapped_ask(uint64_t purpose, uint64_t version, sut_str wrapped)
{
    struct sut_buf *const b = fresh();
    sut_ipc_put_u64(b, purpose);
    sut_ipc_put_u64(b, version);
    sut_ipc_put_bytes(b, wrapped);
    return b;
}

static void put_row(struct sut_buf *b)
{
    sut_ipc_put_i64(b, row.person);
    sut_ipc_put_u64(b, row.version);
    sut_ipc_put_bytes(b, sut_str_of(row.wrapped, SUT_DATA_WRAPPED));
}

static struct sut_buf *open_ask(uint64_t says, size_t brings)
{
    struct sut_buf *const b = fresh();
    sut_ipc_put_u64(b, kek.version);
    sut_ipc_put_bytes(b, sut_str_of(kek.wrapped, kek.wrapped_n));
    sut_ipc_put_u64(b, says);
    for (size_t i = 0; i < brings; i++)
        put_row(b);
    return b;
}

static struct sut_buf *sign_ask_from(const unsigned char *id, size_t id_n, uint64_t scheme,
                                     size_t digest, uint64_t core)
{
    static const char zeros[128];
    struct sut_buf *const b = fresh();
    sut_ipc_put_bytes(b, sut_str_of((const char *) id, id_n));
    sut_ipc_put_u64(b, scheme);
    sut_ipc_put_bytes(b, sut_str_of(zeros, digest));
    sut_ipc_put_u64(b, core);
    return b;
}

static struct sut_buf *sign_ask(const unsigned char *id, size_t id_n, uint64_t scheme,
                                size_t digest)
{
    return sign_ask_from(id, id_n, scheme, digest, SUT_CORES_MAX);
}

/* A good request of each type. */
static struct sut_buf *good(uint16_t type)
{
    struct sut_buf *b = NULL;
    switch ((enum sut_keeper_ask) type) {
    case SUT_KEEPER_ABOUT:
        return fresh();
    case SUT_KEEPER_UNWRAP:
    case SUT_KEEPER_REWRAP:
        return wrapped_ask(SUT_KEY_TOKEN, 1, sut_str_of(token, token_n));
    case SUT_KEEPER_MAKE:
        b = fresh();
        sut_ipc_put_u64(b, SUT_KEY_LINK);
        sut_ipc_put_u64(b, 3);
        sut_ipc_put_u64(b, 1);
        return b;
    case SUT_KEEPER_OPEN_DATA:
        return open_ask(2, 2);
    case SUT_KEEPER_MAKE_DATA:
        b = open_ask(2, 0);
        for (int i = 0; i < 2; i++) {
            sut_ipc_put_i64(b, i);
            sut_ipc_put_u64(b, 1);
        }
        return b;
    case SUT_KEEPER_TLS_SIGN:
        return sign_ask(tls_id, SUT_TLS_KEY_ID, SUT_TLS_ECDSA_SHA256, 32);
    case SUT_KEEPER_CHECKPOINT:
        b = fresh();
        sut_ipc_put_u64(b, 1);
        sut_ipc_put_bytes(b, sut_str_of(audit, audit_n));
        sut_ipc_put_u64(b, 9);
        sut_ipc_put_i64(b, 1700000000000);
        sut_ipc_put_bytes(b, sut_str_of(token, SUT_CHECKPOINT_HEAD));
        return b;
    }
    fail();
    return b;
}

/* --- tests --- */

static void good_requests_are_answered(void **state)
{
    (void) state;
    for (const struct sut_ipc_permit *p = sut_keyholder_permits; p->handle != NULL; p++)
        assert_int_equal(ask(p->type, good(p->type)), SUT_KEEPER_OK);
}

static void a_type_that_is_not_in_the_table_ends_the_connection(void **state)
{
    (void) state;
    static const uint16_t types[] = {
        0, SUT_KEEPER_CHECKPOINT + 1, 99, SUT_IPC_REPLY, SUT_IPC_REPLY | SUT_KEEPER_UNWRAP, 0xffff
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_refused(types[i], 0, SUT_STR(""));
}

static void what_is_over_its_cap_is_not_even_read(void **state)
{
    (void) state;
    for (const struct sut_ipc_permit *p = sut_keyholder_permits; p->handle != NULL; p++) {
        assert_refused(p->type, p->max + 1, SUT_STR(""));
        assert_refused(p->type, UINT32_MAX, SUT_STR(""));
    }
}

static void a_request_that_is_cut_or_goes_on_is_not_answered(void **state)
{
    (void) state;
    for (const struct sut_ipc_permit *p = sut_keyholder_permits; p->handle != NULL; p++) {
        struct sut_buf *const b = good(p->type);
        const size_t whole = b->n;
        /* All fields of the short ones, a sample of the long ones. */
        for (size_t n = 0; n<whole; n += whole> 160 ? 7 : 1)
            assert_refused(p->type, (uint32_t) n, sut_str_of(b->p, n));
        sut_buf_char(b, 'u');
        assert_refused(p->type, (uint32_t) b->n, sut_buf_str(b));
    }
}

static void a_dawdler_loses_its_connection_and_a_silent_one_does_not(void **state)
{
    (void) state;
    struct link l;
    char reply[64];
    bool has_ended = false;
    struct sut_buf *const b = good(SUT_KEEPER_UNWRAP);
    for (size_t n = 1; n < SUT_IPC_HEADER + b->n; n += 40) {
        unsigned char raw[SUT_IPC_HEADER + 512];
        const struct sut_ipc_header h = { .type = SUT_KEEPER_UNWRAP, .length = (uint32_t) b->n };
        sut_ipc_header_write(&h, raw);
        memcpy(raw + SUT_IPC_HEADER, b->p, b->n);
        dial(&l);
        throw_at(&l, raw, n);
        assert_int_equal(take(&l, reply, sizeof(reply), &has_ended), 0);
        assert_true(has_ended);
        assert_int_equal(hang_up(&l).code, SUT_E_BUSY);
    }
    dial(&l);
    usleep(2 * PATIENCE_MS * 1000);
    send_raw(&l, SUT_KEEPER_UNWRAP, (uint32_t) b->n, sut_buf_str(b));
    char answer[256];
    const size_t n = take(&l, answer, sizeof(answer), &has_ended);
    assert_int_equal(status_of(answer, n, SUT_KEEPER_UNWRAP), SUT_KEEPER_OK);
    /* Hanging up between two messages is no fault, within one it is. */
    assert_int_equal(hang_up(&l).code, SUT_E_UNAVAILABLE);
    dial(&l);
    throw_at(&l, "\x02", 1);
    usleep(20000);
    assert_int_equal(hang_up(&l).code, SUT_E_PARSE);
}

static void keys_that_stay_are_not_given_out(void **state)
{
    (void) state;
    static const enum sut_key_purpose stay[] = { SUT_KEY_DATA, SUT_KEY_AUDIT };
    for (size_t i = 0; i < 2; i++) {
        struct sut_buf *b = wrapped_ask(stay[i], 1, sut_str_of(audit, audit_n));
        assert_refused(SUT_KEEPER_UNWRAP, (uint32_t) b->n, sut_buf_str(b));
        b = fresh();
        sut_ipc_put_u64(b, stay[i]);
        sut_ipc_put_u64(b, 1);
        sut_ipc_put_u64(b, 1);
        assert_refused(SUT_KEEPER_MAKE, (uint32_t) b->n, sut_buf_str(b));
    }
    /* Nor under another name: as a key that leaves, they do not open. */
    assert_int_equal(
        ask(SUT_KEEPER_UNWRAP, wrapped_ask(SUT_KEY_TOKEN, 1, sut_str_of(audit, audit_n))),
        SUT_KEEPER_CORRUPT);
    assert_int_equal(ask(SUT_KEEPER_UNWRAP,
                         wrapped_ask(SUT_KEY_MEDIA, 1, sut_str_of(kek.wrapped, kek.wrapped_n))),
                     SUT_KEEPER_CORRUPT);
    assert_int_equal(
        ask(SUT_KEEPER_REWRAP, wrapped_ask(SUT_KEY_TOKEN, 1, sut_str_of(audit, audit_n))),
        SUT_KEEPER_CORRUPT);
}

static void purposes_and_versions_out_of_their_range_are_refused(void **state)
{
    (void) state;
    static const uint64_t purposes[] = { SUT_KEY_PURPOSES, UINT32_MAX, UINT64_MAX };
    for (size_t i = 0; i < 3; i++) {
        struct sut_buf *b = wrapped_ask(purposes[i], 1, sut_str_of(token, token_n));
        assert_refused(SUT_KEEPER_UNWRAP, (uint32_t) b->n, sut_buf_str(b));
        assert_refused(SUT_KEEPER_REWRAP, (uint32_t) b->n, sut_buf_str(b));
    }
    struct sut_buf *const b =
        wrapped_ask(SUT_KEY_TOKEN, (uint64_t) UINT32_MAX + 1, sut_str_of(token, token_n));
    assert_refused(SUT_KEEPER_UNWRAP, (uint32_t) b->n, sut_buf_str(b));
}

static void the_number_of_data_keys_is_what_it_says_and_bounded(void **state)
{
    (void) state;
    assert_int_equal(ask(SUT_KEEPER_OPEN_DATA, open_ask(SUT_DATA_KEYS_MAX, SUT_DATA_KEYS_MAX)),
                     SUT_KEEPER_OK);
    const struct {
        uint64_t says;
        size_t brings;
    } bad[] = { { 0, 0 }, { 257, 2 }, { UINT64_MAX, 2 }, { 2, 1 }, { 2, 3 }, { 0, 1 } };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sut_buf *const b = open_ask(bad[i].says, bad[i].brings);
        assert_refused(SUT_KEEPER_OPEN_DATA, (uint32_t) b->n, sut_buf_str(b));
    }
    /* Also when the key above them does not open. */
    kek.wrapped[20] ^= 1;
    struct sut_buf *b = open_ask(2, 3);
    assert_refused(SUT_KEEPER_OPEN_DATA, (uint32_t) b->n, sut_buf_str(b));
    assert_int_equal(ask(SUT_KEEPER_OPEN_DATA, open_ask(2, 2)), SUT_KEEPER_CORRUPT);
    kek.wrapped[20] ^= 1;
    /* A key of another purpose is none of DATA. */
    b = fresh();
    sut_ipc_put_u64(b, 1);
    sut_ipc_put_bytes(b, sut_str_of(token, token_n));
    sut_ipc_put_u64(b, 1);
    put_row(b);
    assert_int_equal(ask(SUT_KEEPER_OPEN_DATA, b), SUT_KEEPER_CORRUPT);
}

static void tls_signs_digests_of_their_scheme_with_keys_that_it_has(void **state)
{
    (void) state;
    unsigned char other[SUT_TLS_KEY_ID];
    memcpy(other, tls_id, sizeof(other));
    other[3] ^= 1;
    assert_int_equal(
        ask(SUT_KEEPER_TLS_SIGN, sign_ask(other, sizeof(other), SUT_TLS_ECDSA_SHA256, 32)),
        SUT_KEEPER_NOT_FOUND);
    /* The key is of ECDSA. */
    assert_int_equal(
        ask(SUT_KEEPER_TLS_SIGN, sign_ask(tls_id, sizeof(tls_id), SUT_TLS_RSA_PSS_SHA256, 32)),
        SUT_KEEPER_INVALID);
    const struct {
        size_t id;
        uint64_t scheme;
        size_t digest;
    } bad[] = {
        { SUT_TLS_KEY_ID - 1, SUT_TLS_ECDSA_SHA256, 32 },
        { 0, SUT_TLS_ECDSA_SHA256, 32 },
        { SUT_TLS_KEY_ID, SUT_TLS_ECDSA_SHA256, 31 },
        { SUT_TLS_KEY_ID, SUT_TLS_ECDSA_SHA256, 48 },
        { SUT_TLS_KEY_ID, SUT_TLS_ECDSA_SHA512, 32 },
        { SUT_TLS_KEY_ID, SUT_TLS_ECDSA_SHA512, 65 },
        { SUT_TLS_KEY_ID, SUT_TLS_ECDSA_SHA256, 0 },
        { SUT_TLS_KEY_ID, 0, 0 },
        { SUT_TLS_KEY_ID, 0, 32 },
        { SUT_TLS_KEY_ID, SUT_TLS_ECDSA_SHA512 + 1, 64 },
        { SUT_TLS_KEY_ID, UINT64_MAX, 32 },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sut_buf *const b = sign_ask(tls_id, bad[i].id, bad[i].scheme, bad[i].digest);
        assert_refused(SUT_KEEPER_TLS_SIGN, (uint32_t) b->n, sut_buf_str(b));
    }
}

static void the_askers_core_moves_no_thread_to_where_it_may_not_be(void **state)
{
    (void) state;
    const uint64_t cores[] = { sut_core_here(), SUT_CORES_MAX - 1, SUT_CORES_MAX };
    for (size_t i = 0; i < sizeof(cores) / sizeof(cores[0]); i++)
        assert_int_equal(
            ask(SUT_KEEPER_TLS_SIGN,
                sign_ask_from(tls_id, SUT_TLS_KEY_ID, SUT_TLS_ECDSA_SHA256, 32, cores[i])),
            SUT_KEEPER_OK);
    const uint64_t none[] = { SUT_CORES_MAX + 1, UINT32_MAX, (uint64_t) UINT32_MAX + 1,
                              UINT64_MAX };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        struct sut_buf *const b =
            sign_ask_from(tls_id, SUT_TLS_KEY_ID, SUT_TLS_ECDSA_SHA256, 32, none[i]);
        assert_refused(SUT_KEEPER_TLS_SIGN, (uint32_t) b->n, sut_buf_str(b));
    }
}

static void the_last_two_tls_keys_are_kept(void **state)
{
    (void) state;
    unsigned char first[SUT_TLS_KEY_ID];
    memcpy(first, tls_id, sizeof(first));
    make_tls_key();
    assert_int_equal(
        ask(SUT_KEEPER_TLS_SIGN, sign_ask(first, sizeof(first), SUT_TLS_ECDSA_SHA256, 32)),
        SUT_KEEPER_OK);
    make_tls_key();
    assert_int_equal(
        ask(SUT_KEEPER_TLS_SIGN, sign_ask(first, sizeof(first), SUT_TLS_ECDSA_SHA256, 32)),
        SUT_KEEPER_NOT_FOUND);
    assert_int_equal(
        ask(SUT_KEEPER_TLS_SIGN, sign_ask(tls_id, sizeof(tls_id), SUT_TLS_ECDSA_SHA256, 32)),
        SUT_KEEPER_OK);
    unsigned char id[SUT_TLS_KEY_ID];
    assert_int_equal(sut_keyholder_take_tls_key(holder, SUT_STR("no key at all"), id).code,
                     SUT_E_INVALID);
}

/* Back to the one of before: then the one between is the older of two. */
static void a_tls_key_that_comes_again_is_the_newest(void **state)
{
    (void) state;
    static const char *const names[] = { "localhost" };
    struct sut_buf cert;
    struct sut_buf key;
    unsigned char first[SUT_TLS_KEY_ID];
    unsigned char between[SUT_TLS_KEY_ID];
    sut_buf_init(&cert, 65536);
    sut_buf_init(&key, 65536);
    assert_false(
        sut_failed(sut_cert_make(names, 1, sut_clock_now(&sut_clock_system), 10, &cert, &key)));
    assert_false(sut_failed(sut_keyholder_take_tls_key(holder, sut_buf_str(&key), first)));
    make_tls_key();
    memcpy(between, tls_id, sizeof(between));
    for (int i = 0; i < 2; i++)
        assert_false(sut_failed(sut_keyholder_take_tls_key(holder, sut_buf_str(&key), first)));
    make_tls_key();
    assert_int_equal(
        ask(SUT_KEEPER_TLS_SIGN, sign_ask(first, sizeof(first), SUT_TLS_ECDSA_SHA256, 32)),
        SUT_KEEPER_OK);
    assert_int_equal(
        ask(SUT_KEEPER_TLS_SIGN, sign_ask(tls_id, sizeof(tls_id), SUT_TLS_ECDSA_SHA256, 32)),
        SUT_KEEPER_OK);
    assert_int_equal(
        ask(SUT_KEEPER_TLS_SIGN, sign_ask(between, sizeof(between), SUT_TLS_ECDSA_SHA256, 32)),
        SUT_KEEPER_NOT_FOUND);
    sut_buf_done(&cert);
    sut_buf_done(&key);
}

static void what_comes_too_fast_is_told_to_wait(void **state)
{
    (void) state;
    struct link l;
    char reply[512];
    bool has_ended = false;
    unsigned busy = 0;
    const struct sut_ipc_meter before = sut_ipc_table_count(&table, SUT_KEEPER_ABOUT);
    /* On a slow machine it would fill as fast as we ask. */
    fill_again(SUT_KEEPER_ABOUT, UINT64_MAX);
    dial(&l);
    for (int i = 0; i < 400; i++) {
        send_raw(&l, SUT_KEEPER_ABOUT, 0, SUT_STR(""));
        const size_t n = take(&l, reply, sizeof(reply), &has_ended);
        if (status_of(reply, n, SUT_KEEPER_ABOUT) == SUT_KEEPER_BUSY)
            busy++;
    }
    (void) hang_up(&l);
    fill_again(SUT_KEEPER_ABOUT, sut_monotonic_ns());
    const struct sut_ipc_meter after = sut_ipc_table_count(&table, SUT_KEEPER_ABOUT);
    assert_true(busy > 50);
    assert_int_equal(after.spent - before.spent, busy);
    assert_int_equal(after.asked - before.asked, 400 - busy);
    /* Other types have rates of their own. */
    assert_int_equal(ask(SUT_KEEPER_UNWRAP, good(SUT_KEEPER_UNWRAP)), SUT_KEEPER_OK);
}

static void data_keys_count_one_by_one(void **state)
{
    (void) state;
    struct sut_ipc_table t;
    uint32_t wait_ms = 0;
    size_t at = 0;
    assert_false(sut_failed(sut_ipc_table_init(&t, sut_keyholder_permits, holder)));
    while (sut_keyholder_permits[at].type != SUT_KEEPER_OPEN_DATA)
        at++;
    const struct sut_ipc_permit *const p = &sut_keyholder_permits[at];
    const uint64_t now = t.meters[at].at_ns;
    unsigned taken = 0;
    while (sut_ipc_table_take(&t, at, p->max, now, &wait_ms))
        taken++;
    /* The one more is what stands before the rows. */
    assert_in_range(taken, p->burst / (SUT_DATA_KEYS_MAX + 3), p->burst / SUT_DATA_KEYS_MAX);
    assert_in_range(wait_ms, 1, 1000);
    assert_true(sut_ipc_table_take(&t, at, p->max, now + (uint64_t) wait_ms * 1000000, &wait_ms));
    sut_ipc_table_done(&t);
}

static uint32_t rnd(void)
{
    static uint32_t x = 0x2545f491;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

static void changed_messages_never_harm_it(void **state)
{
    (void) state;
    static char reply[65536];
    for (int i = 0; i < ROUNDS; i++) {
        const uint16_t type = (uint16_t) (1 + rnd() % SUT_KEEPER_CHECKPOINT);
        struct sut_buf *const b = good(type);
        struct link l;
        bool has_ended = false;
        for (uint32_t n = rnd() % 4; b->n > 0 && n > 0; n--)
            b->p[rnd() % b->n] = (char) rnd();
        dial(&l);
        send_raw(&l, type, (uint32_t) b->n, sut_buf_str(b));
        const size_t n = take(&l, reply, sizeof(reply), &has_ended);
        assert_true(n > 0 || has_ended);
        if (n > 0)
            (void) status_of(reply, n, type);
        (void) hang_up(&l);
    }
    assert_int_equal(ask(SUT_KEEPER_UNWRAP, good(SUT_KEEPER_UNWRAP)), SUT_KEEPER_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests_are_answered),
        cmocka_unit_test(a_type_that_is_not_in_the_table_ends_the_connection),
        cmocka_unit_test(what_is_over_its_cap_is_not_even_read),
        cmocka_unit_test(a_request_that_is_cut_or_goes_on_is_not_answered),
        cmocka_unit_test(a_dawdler_loses_its_connection_and_a_silent_one_does_not),
        cmocka_unit_test(keys_that_stay_are_not_given_out),
        cmocka_unit_test(purposes_and_versions_out_of_their_range_are_refused),
        cmocka_unit_test(the_number_of_data_keys_is_what_it_says_and_bounded),
        cmocka_unit_test(tls_signs_digests_of_their_scheme_with_keys_that_it_has),
        cmocka_unit_test(the_askers_core_moves_no_thread_to_where_it_may_not_be),
        cmocka_unit_test(the_last_two_tls_keys_are_kept),
        cmocka_unit_test(a_tls_key_that_comes_again_is_the_newest),
        cmocka_unit_test(what_comes_too_fast_is_told_to_wait),
        cmocka_unit_test(data_keys_count_one_by_one),
        cmocka_unit_test(changed_messages_never_harm_it),
    };
    return cmocka_run_group_tests_name("hostile", tests, setup, teardown);
}
