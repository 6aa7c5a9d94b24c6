/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a request to the keeper: the first is the type, the rest its
 * fields.  Each is refused or answered within its cap, a key that stays is never in
 * an answer, and what is answered twice is answered the same way.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/keeper_wire.h"
#include "keeper/permits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int is_so)
{
    if (!is_so)
        abort();
}

/* Each random byte is the same, so that an answer can be looked through for keys. */
static SUT_ERR fill_same(void *ctx, void *p, size_t n)
{
    memset(p, *(const int *) ctx, n);
    return SUT_OK;
}

static struct sut_keyholder *start(void)
{
    static int byte = 0x5c;
    static const struct sut_random same = { .fill = fill_same, .ctx = &byte };
    struct sut_master m = { .may_rotate = true };
    struct sut_keyholder *h = NULL;
    must(!sut_failed(sut_secret_dup(SUT_STR("a master key for the tests alone"), &m.key)));
    must(!sut_failed(sut_secret_dup(SUT_STR("and the one that comes after it."), &m.next)));
    must(!sut_failed(sut_keyholder_create(&m, &same, &h)));
    sut_master_done(&m);
    return h;
}

static const struct sut_ipc_permit *permit_of(uint16_t type)
{
    for (const struct sut_ipc_permit *p = sut_keyholder_permits; p->handle != NULL; p++)
        if (p->type == type)
            return p;
    return NULL;
}

/* Whether it was answered, and with which status. */
static bool ask(struct sut_keyholder *h, const struct sut_ipc_permit *p, sut_str fields,
                struct sut_buf *reply, uint64_t *ret_status)
{
    struct sut_ipc_reader in = sut_ipc_reader_of(fields);
    if (sut_failed(p->handle(h, &in, reply)) || sut_failed(sut_ipc_get_end(&in)))
        return false;
    must(!sut_failed(sut_buf_check(reply)) && reply->n <= p->reply_max);
    struct sut_ipc_reader out = sut_ipc_reader_of(sut_buf_str(reply));
    must(!sut_failed(sut_ipc_get_u64(&out, SUT_KEEPER_ANSWERS - 1, ret_status)));
    must(*ret_status == SUT_KEEPER_OK || out.n == 0);
    return true;
}

/* Which purpose a request speaks of, when it begins with one. */
static uint64_t purpose_of(sut_str fields)
{
    struct sut_ipc_reader in = sut_ipc_reader_of(fields);
    uint64_t purpose = 0;
    return sut_failed(sut_ipc_get_u64(&in, SUT_KEY_PURPOSES, &purpose)) ? SUT_KEY_PURPOSES
                                                                        : purpose;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sut_keyholder *h;
    static char replies[2][SUT_KEEPER_REPLY_MAX];
    uint64_t status[2] = { 0, 0 };
    if (h == NULL)
        h = start();
    if (size == 0)
        return 0;
    const struct sut_ipc_permit *const p = permit_of(data[0]);
    const sut_str fields = sut_str_of((const char *) data + 1, size - 1);
    if (p == NULL || fields.n > p->max)
        return 0;
    struct sut_buf a = { .p = replies[0], .cap = p->reply_max, .max = p->reply_max };
    struct sut_buf b = { .p = replies[1], .cap = p->reply_max, .max = p->reply_max };
    const bool is_answered = ask(h, p, fields, &a, &status[0]);
    must(ask(h, p, fields, &b, &status[1]) == is_answered);
    must(!is_answered || sut_str_eq(sut_buf_str(&a), sut_buf_str(&b)));
    const uint64_t purpose = purpose_of(fields);
    if (is_answered && p->type == SUT_KEEPER_UNWRAP)
        must(purpose != SUT_KEY_DATA && purpose != SUT_KEY_AUDIT);
    if (is_answered && p->type == SUT_KEEPER_MAKE &&
        (purpose == SUT_KEY_DATA || purpose == SUT_KEY_AUDIT)) {
        static const char key[] =
            "\x5c\x5c\x5c\x5c\x5c\x5c\x5c\x5c\x5c\x5c\x5c\x5c\x5c\x5c\x5c\x5c";
        must(memmem(a.p, a.n, key, sizeof(key) - 1) == NULL);
    }
    return 0;
}
