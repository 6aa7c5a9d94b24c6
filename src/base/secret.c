/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

enum { SECRET_MAX = 64 * 1024, MAGIC = 0x5ec4e7 };

struct sut_secret {
    unsigned magic;
    size_t n;
    size_t mapped; /* with both guard pages */
    unsigned char *map;
    unsigned char *bytes;
};

SUT_ERR sut_secret_create(size_t n, struct sut_secret **ret)
{
    ENSURE(n > 0 && n <= SECRET_MAX, INVALID);
    struct sut_secret *s = sut_mem_zalloc(1, sizeof(*s));
    ENSURE(s != NULL, NOMEM);
    s->magic = MAGIC;

    const size_t page = (size_t) sysconf(_SC_PAGESIZE);
    const size_t body = (n + page - 1) / page * page;
    s->n = n;
    s->mapped = body + 2 * page;
    s->map = mmap(NULL, s->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s->map == MAP_FAILED) {
        sut_mem_free(s);
        FAIL_SYS(NOMEM);
    }
    s->bytes = s->map + page;
    /* All of it counts against the limit now; a page costs memory from its first use on. */
    if (mprotect(s->bytes, body, PROT_READ | PROT_WRITE) != 0 ||
        mlock2(s->bytes, body, MLOCK_ONFAULT) != 0 || madvise(s->bytes, body, MADV_DONTDUMP) != 0) {
        const int sys = errno;
        (void) munmap(s->map, s->mapped);
        sut_mem_free(s);
        errno = sys;
        FAIL_SYS(SYSTEM);
    }
    /* A forked child gets zeroes; where the kernel can't, exec follows fork anyway. */
    (void) madvise(s->bytes, body, MADV_WIPEONFORK);
    *ret = s;
    return SUT_OK;
}

SUT_ERR sut_secret_dup(sut_str s, struct sut_secret **ret)
{
    struct sut_secret *made = NULL;
    TRY(sut_secret_create(s.n, &made));
    memcpy(made->bytes, s.p, s.n);
    *ret = made;
    return SUT_OK;
}

void sut_secret_free(struct sut_secret **s)
{
    if (*s == NULL)
        return;
    SUT_BUG_IF((*s)->magic != MAGIC);
    sut_wipe((*s)->bytes, (*s)->n);
    (void) munmap((*s)->map, (*s)->mapped);
    sut_mem_free(*s);
    *s = NULL;
}

void *sut_secret_bytes(struct sut_secret *s)
{
    return s->bytes;
}

sut_str sut_secret_str(const struct sut_secret *s)
{
    return sut_str_of((const char *) s->bytes, s->n);
}

bool sut_secret_eq(sut_str a, sut_str b)
{
    if (a.n != b.n)
        return false;
    volatile unsigned char diff = 0;
    for (size_t i = 0; i < a.n; i++)
        diff = (unsigned char) (diff | ((unsigned char) a.p[i] ^ (unsigned char) b.p[i]));
    return diff == 0;
}

void sut_wipe(void *p, size_t n)
{
    if (n > 0)
        explicit_bzero(p, n);
}
