/* SPDX-License-Identifier: Apache-2.0
 *
 * supervisor_int - what the supervisor's two files share: its state, and the talk
 * with the roles.  For them alone.
 */
#ifndef SUT_PROG_SUPERVISOR_INT_H
#define SUT_PROG_SUPERVISOR_INT_H

#include <stdint.h>

#include "base/buf.h"
#include "ipc/line.h"
#include "os/role.h"
#include "prog/supervisor.h"
#include "prog/words.h"

enum {
    SUT_SUPERVISOR_ASKS = 6,
    SUT_SUPERVISOR_ASKS_WITHIN_S = 60,
    SUT_SUPERVISOR_ERRANDS = 8, /* connections between worker and courier */
    SUT_SUPERVISOR_DARKROOMS = 2,
    SUT_SUPERVISOR_POLLS_DARKROOM = 2, /* descriptors that are polled for each */
};

struct pollfd;
struct sut_supervisor;

/* A role as the supervisor sees it. */
struct sut_supervised {
    const char *name;
    SUT_ERR (*spawn)(struct sut_supervisor *s, struct sut_supervised *r);
    const struct sut_line_permit *permits;
    /* A message that the table allows; an error means that the role broke the rules. */
    SUT_ERR (*heard)(struct sut_supervisor *s, struct sut_ipc_reader *in, uint16_t type);
    struct sut_role process;
    int line;             /* -1: none */
    bool is_ready;        /* this one has said so */
    bool was_ready;       /* one has, so it can be */
    uint64_t started_ns;  /* of this one */
    uint64_t again_ns;    /* none runs: start one then */
    uint64_t deadline_ns; /* for its next word; 0: it has all the time */
    uint64_t ping_ns;     /* when to ask the next time whether it is there */
    uint64_t here_by_ns;  /* by when it must answer that; 0: it was not asked */
    unsigned backoff_ms;
    unsigned backoff_max_ms;
};

/* A place for a picture at a time; supervisor_darkroom.c alone knows what it means. */
struct sut_supervised_darkroom {
    struct sut_role process; /* SUT_ROLE_NONE: nobody has asked */
    int fd;                  /* our copy of its end of the connection */
    bool is_due;             /* the next may start before anybody asks */
    bool is_given_up;        /* it was killed: its end is no crash */
    uint64_t again_ns;       /* none runs: not before this */
    uint64_t end_by_ns;      /* the worker has hung up: it is killed then; 0: it has not */
    unsigned backoff_ms;
};

struct sut_supervisor {
    const struct sut_supervisor_options *o;
    struct sut_supervised keeper;
    struct sut_supervised worker;
    struct sut_supervised courier; /* not in use when there is none */
    struct sut_supervised_darkroom darkrooms[SUT_SUPERVISOR_DARKROOMS];
    size_t n_darkrooms;
    /* The courier's ends while no courier has them; -1: none. */
    int errand_fds[SUT_SUPERVISOR_ERRANDS];
    bool is_courier_due;     /* somebody asked on one of them */
    bool is_courier_resting; /* it has said that it could end, and nobody has asked since */
    bool is_courier_ending;  /* it was told to end, and hears nobody any more */
    uint64_t few_courier_ns;
    uint64_t clamd_ns; /* the second in which it was asked for clamd */
    unsigned clamd_n;  /* and how often */
    bool keeper_may_rotate;
    bool keeper_has_key; /* the TLS key, when there is one to have */
    bool is_key_due;     /* the files are to be read again when the keeper has answered */
    const char *next;    /* how the next keeper treats the next master key: none, make, adopt */
    struct sut_buf cert; /* the chain whose key the keeper has */
    struct sut_buf cert_next;              /* the chain whose key was sent to it */
    uint16_t ask;                          /* the worker's, open; 0: none */
    uint64_t asks_ns[SUT_SUPERVISOR_ASKS]; /* when the last ones were made */
    size_t asks_at;
    uint64_t few_ns; /* before this the worker's word that few connections are left is not heeded */
    int exit_code;   /* with is_over */
    bool is_over;
};

/* Whether the keeper can be given connections. */
static inline bool sut_supervisor__keeper_serves(const struct sut_supervisor *s)
{
    return s->keeper.is_ready && (s->o->n_tls == 0 || s->keeper_has_key);
}

static inline bool sut_supervisor__has_courier(const struct sut_supervisor *s)
{
    return s->o->courier_settings_fd >= 0;
}

/* What the roles may say, and what is done then. */
extern const struct sut_line_permit sut_supervisor__keeper_permits[];
extern const struct sut_line_permit sut_supervisor__courier_permits[];
extern const struct sut_line_permit sut_supervisor__worker_permits[];
SUT_ERR sut_supervisor__keeper_heard(struct sut_supervisor *s, struct sut_ipc_reader *in,
                                     uint16_t type);
SUT_ERR sut_supervisor__courier_heard(struct sut_supervisor *s, struct sut_ipc_reader *in,
                                      uint16_t type);
SUT_ERR sut_supervisor__worker_heard(struct sut_supervisor *s, struct sut_ipc_reader *in,
                                     uint16_t type);

/* Make sockets between the two and give each its ends; the certificate behind them. */
void sut_supervisor__connect(struct sut_supervisor *s);
/* Make sockets between worker and courier, and keep the courier's ends. */
void sut_supervisor__connect_courier(struct sut_supervisor *s);
/* Give the courier that runs its ends. */
void sut_supervisor__hand_over(struct sut_supervisor *s);
void sut_supervisor__darkrooms_init(struct sut_supervisor *s);
/* Give a worker that is new connections to them. */
void sut_supervisor__connect_darkrooms(struct sut_supervisor *s);
/* Start what is due, fill SUT_SUPERVISOR_POLLS_DARKROOM of `p` for each; when there is more to do.
 */
uint64_t sut_supervisor__poll_darkrooms(struct sut_supervisor *s, struct pollfd *p);
void sut_supervisor__heed_darkrooms(struct sut_supervisor *s, const struct pollfd *p);
void sut_supervisor__stop_darkrooms(struct sut_supervisor *s);
/* Read certificate and key, send the key to the keeper; its answer brings the rest. */
void sut_supervisor__load_key(struct sut_supervisor *s);
/* Ask a role whether it is there, when it is time to. */
void sut_supervisor__ping(struct sut_supervised *r);
/* Tell the worker that its ask is done (why is NULL) or refused. */
void sut_supervisor__answer(struct sut_supervisor *s, const char *why);

/* Kill a role; the loop sees its end and starts another. */
void sut_supervisor__kill(struct sut_supervised *r);
/* End the keeper so that another is started with s->next. */
void sut_supervisor__renew_keeper(struct sut_supervisor *s);
/* End all with this code. */
void sut_supervisor__give_up(struct sut_supervisor *s, int code);

#endif
