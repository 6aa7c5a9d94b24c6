/* SPDX-License-Identifier: Apache-2.0
 *
 * social_int - how a link's subject is indexed and opened; for files of this folder
 * alone.
 */
#ifndef SUT_STORE_SOCIAL_INT_H
#define SUT_STORE_SOCIAL_INT_H

#include "store/personal.h"
#include "store/social.h"

SUT_ERR sut_social__index(struct sut_db_conn *c, struct sut_arena *scratch, int64_t provider,
                          sut_str subject, struct sut_index *ret);
/* The subject of the row `id`, in the arena; CORRUPT when it is lost. */
SUT_ERR sut_social__open(const struct sut_data_key *k, struct sut_arena *a, int64_t id,
                         sut_str sealed, sut_str *ret);

#endif
