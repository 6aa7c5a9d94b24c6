/* SPDX-License-Identifier: Apache-2.0
 *
 * outfit_json - outfits in contract A's shape: with who made them, what they come to, and what
 * they hold.
 */
#ifndef SUT_API_MODESTWEAR_OUTFIT_JSON_H
#define SUT_API_MODESTWEAR_OUTFIT_JSON_H

#include "guard/reply.h"
#include "store/outfit.h"

struct sut_db_conn;
struct sut_person_row;

/* Outfits with what is told of them. */
struct api_outfits {
    const struct sut_outfit *rows;
    size_t n;
    const struct sut_outfit_item *items; /* of each together */
    size_t n_items;
    const struct sut_person_row *people;
    size_t n_people;
};

/* Read what goes with `n` outfits.  STALE on a loop's connection (store/personal.h). */
SUT_ERR api_outfits_load(struct sut_req *r, struct sut_db_conn *c, const struct sut_outfit *rows,
                         size_t n, struct api_outfits *ret);
/* One of a list. */
void api_outfit_write(struct sut_req *r, struct sut_jw *w, const struct api_outfits *o, size_t i);
/*
 * Answer with one alone, or 404 when it is not there or not the asker's to see.  counts: somebody
 * looks at it; a look of its owner's is no view, nor is one of a private outfit.
 */
SUT_ERR api_outfit_send(struct sut_req *r, int status, int64_t id, bool counts);

extern const struct sut_schema api_a_outfit_page;
extern const struct sut_schema api_a_outfit_list;
extern const struct sut_schema api_a_outfit;

#endif
