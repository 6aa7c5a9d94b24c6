/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_child.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper/permits.h"
#include "os/fd.h"

struct peer {
    struct sut_keyholder *holder;
    int fd;
};

static void *serve(void *arg)
{
    struct peer *p = arg;
    sut_ignore(sut_keyholder_serve(p->holder, p->fd), "it ends with the other side");
    return NULL;
}

static SUT_ERR child(const int *fds, sut_str key_pem)
{
    DEFER(sut_secret_free) struct sut_secret *master_key = NULL;
    struct sut_keyholder *holder = NULL;
    unsigned char id[SUT_TLS_KEY_ID];
    TRY(sut_secret_create(SUT_MASTER_SIZE, &master_key));
    const struct sut_master master = { .key = master_key };
    TRY(sut_keyholder_create(&master, &sut_random_system, &holder));
    TRY(sut_keyholder_take_tls_key(holder, key_pem, id));
    struct peer peers[KEEPER_CHILD_PEERS];
    pthread_t threads[KEEPER_CHILD_PEERS];
    for (int i = 0; i < KEEPER_CHILD_PEERS; i++) {
        peers[i] = (struct peer){ .holder = holder, .fd = fds[i] };
        ENSURE(pthread_create(&threads[i], NULL, serve, &peers[i]) == 0, NOMEM);
    }
    for (int i = 0; i < KEEPER_CHILD_PEERS; i++)
        (void) pthread_join(threads[i], NULL);
    sut_keyholder_free(&holder);
    return SUT_OK;
}

SUT_ERR keeper_child_start(sut_str key_pem, struct sut_keeper **ret)
{
    int ours[KEEPER_CHILD_PEERS];
    int theirs[KEEPER_CHILD_PEERS];
    for (int i = 0; i < KEEPER_CHILD_PEERS; i++) {
        int pair[2];
        TRY(sut_fd_socketpair(pair));
        ours[i] = pair[0];
        theirs[i] = pair[1];
    }
    const pid_t pid = fork();
    if (pid < 0)
        FAIL_SYS(SYSTEM);
    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int i = 0; i < KEEPER_CHILD_PEERS; i++)
            (void) close(ours[i]);
        _exit(sut_failed(child(theirs, key_pem)) ? 1 : 0);
    }
    for (int i = 0; i < KEEPER_CHILD_PEERS; i++)
        (void) close(theirs[i]);
    return sut_keeper_create(ours, KEEPER_CHILD_PEERS, ret);
}

SUT_ERR keeper_child_sign(void *ctx, const unsigned char key_id[SUT_REMOTE_KEY_ID],
                          enum sut_remote_scheme scheme, sut_str digest,
                          unsigned char ret[SUT_REMOTE_SIGNATURE_MAX], size_t *ret_n)
{
    return sut_keeper_tls_sign(ctx, key_id, (enum sut_tls_scheme) scheme, digest, ret, ret_n);
}
