/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/peer.h"

#include <poll.h>

#include "base/clock.h"

enum { NS_PER_MS = 1000000 };

/*
 * Wait for a message, by poll(2): a thread that sleeps in recv(2) is also woken when the other side
 * has read the last answer, for nothing.
 */
static SUT_ERR wait_next(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    if (poll(&p, 1, -1) < 0 && errno != EINTR)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

/* Wait for the rest of a message. */
static SUT_ERR wait_rest(int fd, uint64_t deadline_ns)
{
    const uint64_t now_ns = sut_monotonic_ns();
    ENSURE(now_ns < deadline_ns, BUSY);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    if (poll(&p, 1, (int) ((deadline_ns - now_ns) / NS_PER_MS) + 1) < 0 && errno != EINTR)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

/* One message from its first byte to the end of its answer. */
static SUT_ERR serve_one(struct sut_ipc_inbox *in, int fd, struct sut_ipc_table *t,
                         unsigned patience_ms)
{
    uint64_t deadline_ns = 0;
    for (;;) {
        bool is_whole = false;
        bool more = false;
        const bool has_begun = sut_ipc_inbox_is_half(in);
        if (!has_begun)
            TRY(wait_next(fd));
        const sut_err e = sut_ipc_inbox_read(in, t, fd, false, &is_whole, &more);
        if (sut_failed(e) && e.code == SUT_E_UNAVAILABLE)
            ENSURE(!has_begun, PARSE);
        TRY(e);
        if (is_whole)
            return sut_ipc_inbox_answer(in, t, fd, patience_ms);
        if (deadline_ns == 0)
            deadline_ns = sut_monotonic_ns() + (uint64_t) patience_ms * NS_PER_MS;
        if (!more && sut_ipc_inbox_is_half(in))
            TRY(wait_rest(fd, deadline_ns));
    }
}

SUT_ERR sut_ipc_peer_serve(int fd, struct sut_ipc_table *t, unsigned patience_ms)
{
    DEFER(sut_ipc_inbox_done) struct sut_ipc_inbox in;
    TRY(sut_ipc_inbox_init_locked(&in, t));
    for (;;)
        TRY(serve_one(&in, fd, t, patience_ms));
}
