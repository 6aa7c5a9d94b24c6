/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/demo_people.h"

#include <stdio.h>

#include "authn/hasher.h"
#include "guard/app.h"
#include "shop/demo.h"
#include "shop/person.h"
#include "store/store.h"

enum { SCRATCH_MAX = 64 * 1024 };

static SUT_ERR is_there(const struct sut_app *app, struct sut_arena *a, sut_str email, bool *ret)
{
    struct sut_db_conn *conn = NULL;
    TRY(sut_store_lease(app->store, &conn));
    const sut_err e = sut_person_email_taken(conn, a, email, ret);
    sut_store_return(app->store, &conn);
    return e;
}

static SUT_ERR add_one(const struct sut_app *app, struct sut_arena *a,
                       const struct sut_demo_person *p)
{
    bool exists = false;
    TRY(is_there(app, a, sut_str_from(p->email), &exists));
    if (exists)
        return SUT_OK;
    struct sut_pwhash_text hash;
    unsigned retry_s = 0;
    TRY(sut_hasher_hash(app->hasher, sut_str_from(p->password), &hash, &retry_s));
    const struct sut_person_register reg = {
        .email = sut_str_from(p->email),
        .first_name = sut_str_from(p->first_name),
        .last_name = sut_str_from(p->last_name),
        .phone = sut_str_from(p->phone),
        .password = sut_pwhash_str(&hash),
        .is_staff = p->is_staff,
        .is_superuser = p->is_superuser,
        .email_verified = true,
        .group = sut_str_from(p->group),
        .by_command = true,
        .addr = SUT_STR(""),
    };
    struct sut_person_row row;
    return sut_person_register(app->store, a, &reg, sut_clock_now(app->clock), &row);
}

SUT_ERR sut_demo_people_add(const struct sut_app *app)
{
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    TRY(sut_arena_create(SCRATCH_MAX, &a));
    for (const struct sut_demo_person *p = sut_demo_people; p->email != NULL; p++) {
        TRY(add_one(app, a, p));
        sut_arena_reset(a);
    }
    return SUT_OK;
}

void sut_demo_people_print(const char *url)
{
    (void) printf("\nThe demo shop is open.  Look at %s/ and %s/docs/\n\nSign in as:\n", url, url);
    for (const struct sut_demo_person *p = sut_demo_people; p->email != NULL; p++)
        (void) printf("  %-28s %-24s %s\n", p->email, p->password, p->what);
    (void) printf("\nTry:\n"
                  "  curl %s/api/catalog/products/?page_size=2\n"
                  "  curl -H 'Content-Type: application/json' \\\n"
                  "    -d '{\"email\":\"%s\",\"password\":\"%s\"}' %s/api/users/login/\n\n"
                  "Ctrl-C ends it.\n",
                  url, sut_demo_people[0].email, sut_demo_people[0].password, url);
}
