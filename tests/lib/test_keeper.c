/* SPDX-License-Identifier: Apache-2.0 */
#include "test_keeper.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/random.h"
#include "os/fd.h"

enum { PEERS = 4 };

const char test_master_key[] = "a master key for the tests alone";

/* One keeper; they hang together so that a client finds its own. */
struct holder {
    struct sut_keeper *client;
    struct sut_keyholder *keys;
    int fds[PEERS]; /* our ends */
    pthread_t threads[PEERS];
    struct holder *next;
};

static struct holder *all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "test_keeper: %s\n", what);
        abort();
    }
}

struct peer {
    struct sut_keyholder *keys;
    int fd;
};

static void *serve(void *arg)
{
    struct peer *const p = arg;
    sut_ignore(sut_keyholder_serve(p->keys, p->fd), "a test sees it by what it gets");
    /* The other side must see that nobody is there any more. */
    (void) shutdown(p->fd, SHUT_RDWR);
    free(p);
    return NULL;
}

static void connect_all(struct holder *h, int theirs[PEERS])
{
    for (int i = 0; i < PEERS; i++) {
        int pair[2];
        struct peer *p = malloc(sizeof(*p));
        check(p != NULL && !sut_failed(sut_fd_socketpair(pair)), "no sockets");
        theirs[i] = pair[0];
        h->fds[i] = pair[1];
        *p = (struct peer){ .keys = h->keys, .fd = pair[1] };
        check(pthread_create(&h->threads[i], NULL, serve, p) == 0, "no thread");
    }
}

static void disconnect_all(struct holder *h)
{
    for (int i = 0; i < PEERS; i++) {
        if (h->fds[i] < 0)
            continue;
        (void) shutdown(h->fds[i], SHUT_RDWR);
        (void) pthread_join(h->threads[i], NULL);
        (void) close(h->fds[i]);
        h->fds[i] = -1;
    }
}

struct sut_keeper *test_keeper_start_with(const struct sut_master *master)
{
    struct holder *h = calloc(1, sizeof(*h));
    int theirs[PEERS];
    check(h != NULL, "no memory");
    check(!sut_failed(sut_keyholder_create(master, &sut_random_system, &h->keys)), "no keys");
    connect_all(h, theirs);
    check(!sut_failed(sut_keeper_create(theirs, PEERS, &h->client)), "no client");
    (void) pthread_mutex_lock(&lock);
    h->next = all;
    all = h;
    (void) pthread_mutex_unlock(&lock);
    return h->client;
}

struct sut_keeper *test_keeper_start(void)
{
    struct sut_master master = { .may_rotate = true };
    check(!sut_failed(sut_secret_dup(sut_str_of(test_master_key, SUT_MASTER_SIZE), &master.key)),
          "no locked memory");
    struct sut_keeper *const k = test_keeper_start_with(&master);
    sut_secret_free(&master.key);
    return k;
}

static struct holder *find(const struct sut_keeper *k, bool take)
{
    (void) pthread_mutex_lock(&lock);
    struct holder **at = &all;
    while (*at != NULL && (*at)->client != k)
        at = &(*at)->next;
    struct holder *const h = *at;
    if (h != NULL && take)
        *at = h->next;
    (void) pthread_mutex_unlock(&lock);
    check(h != NULL, "no such keeper");
    return h;
}

struct sut_keyholder *test_keeper_holder(const struct sut_keeper *k)
{
    return find(k, false)->keys;
}

void test_keeper_kill(struct sut_keeper *k)
{
    disconnect_all(find(k, false));
}

void test_keeper_revive(struct sut_keeper *k)
{
    struct holder *const h = find(k, false);
    int theirs[PEERS];
    disconnect_all(h);
    connect_all(h, theirs);
    check(!sut_failed(sut_keeper_reconnect(k, theirs, PEERS)), "no new connections");
}

void test_keeper_stop(struct sut_keeper **k)
{
    if (*k == NULL)
        return;
    struct holder *h = find(*k, true);
    disconnect_all(h);
    sut_keeper_free(k);
    sut_keyholder_free(&h->keys);
    free(h);
}

struct sut_kek test_keeper_kek(struct sut_keeper *k, uint32_t version)
{
    struct sut_kek kek = { .version = version };
    struct sut_buf out = { .p = kek.wrapped,
                           .cap = sizeof(kek.wrapped),
                           .max = sizeof(kek.wrapped) };
    check(!sut_failed(sut_keeper_make(k, SUT_KEY_DATA, version, &out, NULL)), "no KEK");
    kek.wrapped_n = out.n;
    return kek;
}
