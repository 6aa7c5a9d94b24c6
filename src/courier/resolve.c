/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/resolve.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <pthread.h>
#include <resolv.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "os/fd.h"

enum { THREADS = 2, STACK_BYTES = 256 * 1024 };

struct lane {
    struct sut_resolver *resolver;
    struct sut_lookup *first;
    struct sut_lookup **end;
    pthread_cond_t change;
};

struct sut_resolver {
    pthread_mutex_t mutex;
    struct lane lanes[SUT_LANES];
    struct sut_lookup *done;
    int done_fd;
    bool is_over;
    pthread_t threads[SUT_LANES * THREADS];
    size_t n_threads;
};

SUT_ERR sut_resolver_create(struct sut_resolver **ret)
{
    struct sut_resolver *r = sut_mem_zalloc(1, sizeof(*r));
    ENSURE(r != NULL, NOMEM);
    /* Modules of other sources would be loaded at the first name; these two are libc's own. */
    (void) __nss_configure_lookup("hosts", "files dns");
    (void) pthread_mutex_init(&r->mutex, NULL);
    for (size_t i = 0; i < SUT_LANES; i++) {
        r->lanes[i].resolver = r;
        r->lanes[i].end = &r->lanes[i].first;
        (void) pthread_cond_init(&r->lanes[i].change, NULL);
    }
    r->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->done_fd < 0) {
        sut_resolver_free(&r);
        FAIL_SYS(SYSTEM);
    }
    *ret = r;
    return SUT_OK;
}

static void free_list(struct sut_lookup *l)
{
    while (l != NULL) {
        struct sut_lookup *next = l->next;
        sut_mem_free(l);
        l = next;
    }
}

void sut_resolver_free(struct sut_resolver **r)
{
    struct sut_resolver *const x = *r;
    if (x == NULL)
        return;
    (void) pthread_mutex_lock(&x->mutex);
    x->is_over = true;
    for (size_t i = 0; i < SUT_LANES; i++)
        (void) pthread_cond_broadcast(&x->lanes[i].change);
    (void) pthread_mutex_unlock(&x->mutex);
    for (size_t i = 0; i < x->n_threads; i++)
        (void) pthread_join(x->threads[i], NULL);
    for (size_t i = 0; i < SUT_LANES; i++) {
        free_list(x->lanes[i].first);
        (void) pthread_cond_destroy(&x->lanes[i].change);
    }
    free_list(x->done);
    sut_fd_close(&x->done_fd);
    (void) pthread_mutex_destroy(&x->mutex);
    sut_mem_freep(r);
}

/* Every address counts: one that is left out would not be judged. */
static SUT_ERR take_addresses(struct sut_lookup *l, const struct addrinfo *list)
{
    for (const struct addrinfo *i = list; i != NULL; i = i->ai_next) {
        struct sut_address a;
        const sut_err e = sut_address_of(i->ai_addr, &a);
        ENSURE(!sut_failed(e) && l->n < SUT_LOOKUP_ADDRESSES_MAX, DENIED);
        l->addresses[l->n++] = a;
    }
    ENSURE(l->n > 0, UNAVAILABLE);
    return SUT_OK;
}

static SUT_ERR look_up(struct sut_lookup *l)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    const int code = getaddrinfo(l->name, NULL, &hints, &list);
    ENSURE(code == 0 && list != NULL, UNAVAILABLE);
    const sut_err e = take_addresses(l, list);
    freeaddrinfo(list);
    return e;
}

/*
 * The name servers are read anew when their file has changed.  Where its folder is behind
 * the wall a new file in the old one's place is not to be had: then the servers of
 * before are asked on.
 */
static void keep_servers(void)
{
    DEFER(sut_fd_close) int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        _res.options &= ~(unsigned long) RES_NORELOAD;
    else
        _res.options |= RES_NORELOAD;
}

static void *run(void *arg)
{
    struct lane *const lane = arg;
    struct sut_resolver *const r = lane->resolver;
    const uint64_t one = 1;
    (void) res_init();
    (void) pthread_mutex_lock(&r->mutex);
    while (!r->is_over) {
        struct sut_lookup *const l = lane->first;
        if (l == NULL) {
            (void) pthread_cond_wait(&lane->change, &r->mutex);
            continue;
        }
        lane->first = l->next;
        if (lane->first == NULL)
            lane->end = &lane->first;
        l->next = NULL;
        const bool is_wanted = l->owner != NULL;
        (void) pthread_mutex_unlock(&r->mutex);
        keep_servers();
        l->err = is_wanted ? look_up(l) : SUT_OK;
        (void) pthread_mutex_lock(&r->mutex);
        l->next = r->done;
        r->done = l;
        sut_ignore(sut_fd_write_full(r->done_fd, sut_str_of((const char *) &one, sizeof(one))),
                   "it is awake when the counter is full");
    }
    (void) pthread_mutex_unlock(&r->mutex);
    return NULL;
}

SUT_ERR sut_resolver_start(struct sut_resolver *r)
{
    for (size_t i = 0; i < SUT_LANES * THREADS; i++) {
        TRY(sut_thread_start(STACK_BYTES, run, &r->lanes[i / THREADS], &r->threads[i]));
        r->n_threads++;
    }
    return SUT_OK;
}

int sut_resolver_fd(const struct sut_resolver *r)
{
    return r->done_fd;
}

SUT_ERR sut_resolver_ask(struct sut_resolver *r, enum sut_lane lane, sut_str name, void *owner,
                         struct sut_lookup **ret)
{
    ENSURE(name.n > 0 && name.n <= SUT_LOOKUP_NAME_MAX, INVALID);
    struct sut_lookup *const l = sut_mem_zalloc(1, sizeof(*l));
    ENSURE(l != NULL, NOMEM);
    memcpy(l->name, name.p, name.n);
    l->owner = owner;
    struct lane *const to = &r->lanes[lane];
    (void) pthread_mutex_lock(&r->mutex);
    *to->end = l;
    to->end = &l->next;
    (void) pthread_cond_signal(&to->change);
    (void) pthread_mutex_unlock(&r->mutex);
    *ret = l;
    return SUT_OK;
}

struct sut_lookup *sut_resolver_next(struct sut_resolver *r)
{
    uint64_t n = 0;
    struct sut_lookup *found = NULL;
    (void) pthread_mutex_lock(&r->mutex);
    while (found == NULL && r->done != NULL) {
        struct sut_lookup *l = r->done;
        r->done = l->next;
        l->next = NULL;
        if (l->owner != NULL)
            found = l;
        else
            sut_mem_free(l);
    }
    /* More than one may have been counted, so it is emptied with the list. */
    if (r->done == NULL && read(r->done_fd, &n, sizeof(n)) < 0)
        n = 0;
    (void) pthread_mutex_unlock(&r->mutex);
    return found;
}

void sut_resolver_abandon(struct sut_resolver *r, struct sut_lookup *l)
{
    (void) pthread_mutex_lock(&r->mutex);
    l->owner = NULL;
    (void) pthread_mutex_unlock(&r->mutex);
}
