/* SPDX-License-Identifier: Apache-2.0
 *
 * master - the key that wraps all others, and where it comes from.
 *
 * 32 random bytes.  Given as text (SUTLER_MASTER_KEY), or read from
 * <keys>/master.key: 0600, in a folder of 0700, both of the user who runs the
 * program; 64 hexadecimal characters, 32 raw bytes or, with a passphrase, a line
 * that is sealed by it (keeper/sealed.h).  The folder of keys is never inside the
 * folder of data.  A file is made whole or not at all; of two that start together
 * both use the file of the first.
 *
 * The key is changed in steps that may end anywhere: beside master.key a
 * master.key.next is made, both are loaded while it is there and the next one
 * wraps, then it takes the first one's place.
 *
 * The caller owns struct sut_master; one thread makes it, any may read.
 */
#ifndef SUT_KEEPER_MASTER_H
#define SUT_KEEPER_MASTER_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/secret.h"
#include "crypto/random.h"

enum { SUT_MASTER_SIZE = 32 };

struct sut_master {
    struct sut_secret *key;      /* the one of before while `next` is there, else the only one */
    struct sut_secret *next;     /* NULL: none */
    struct sut_secret *previous; /* of security.master_key_previous; NULL: none */
    bool may_rotate;             /* it lies in a file */
    bool is_passphrase;          /* that is sealed */
    bool should_seal;            /* a passphrase is set and the file is plain: worth a warning */
    sut_ms made_at;              /* of the file; 0: not known */
};

enum sut_master_step {
    SUT_MASTER_AS_IS,
    SUT_MASTER_MAKE_NEXT, /* make master.key.next unless it is there */
    SUT_MASTER_ADOPT,     /* put it in the place of master.key, if it is there */
};

/* All of it is borrowed. */
struct sut_master_options {
    const char *keys_dir;
    const struct sut_secret *key;        /* of the settings; NULL: the folder has it */
    const struct sut_secret *previous;   /* beside `key`, from before; NULL: none */
    const struct sut_secret *passphrase; /* NULL: none */
    bool may_create;                     /* make the folder and the file when they are missing */
    enum sut_master_step step;
    const struct sut_random *random;
};

/*
 * INVALID: the text, or a file that is short, not plain, another user's or open
 * to others, or a passphrase that does not fit.  NOT_FOUND: missing, and
 * may_create is not set.  SYSTEM.  *reterr_diag always says which and what to do.
 */
SUT_ERR sut_master_open(const struct sut_master_options *o, struct sut_master *ret,
                        struct sut_diag *reterr_diag);
/* Wipes; fits DEFER. */
void sut_master_done(struct sut_master *m);

#endif
