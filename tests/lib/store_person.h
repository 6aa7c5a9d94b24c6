/* SPDX-License-Identifier: Apache-2.0
 *
 * store_person - somebody in a fixture's store, for tests of what belongs to people.
 */
#ifndef SUT_TESTS_STORE_PERSON_H
#define SUT_TESTS_STORE_PERSON_H

#include "store/person.h"
#include "store_fixture.h"

struct making {
    struct sut_arena *a;
    sut_str email;
    int64_t id;
};

static inline SUT_ERR make_person(struct sut_db_conn *c, void *arg)
{
    struct making *m = arg;
    const struct sut_person_new p = { .email = m->email,
                                      .username = m->email,
                                      .first_name = SUT_STR("Sarah"),
                                      .last_name = SUT_STR("B"),
                                      .password = SUT_STR("!"),
                                      .is_active = true };
    return sut_person_insert(c, m->a, &p, now, &m->id);
}

/* Their number. */
static inline int64_t person(struct fixture *f, const char *email)
{
    struct making m = { .a = f->arena, .email = sut_str_from(email) };
    OK(sut_store_write(f->store, make_person, &m));
    return m.id;
}

#endif
