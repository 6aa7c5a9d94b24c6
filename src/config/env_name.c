/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "config/setting.h"

enum {
    NAME_MAX_BYTES = 128,
    PREFIX = sizeof("SUTLER_") - 1,
    SLIP = 3, /* so many wrong letters are a slip, more are another name */
};

/* Whether `name` is this one, or this one with _FILE for a secret. */
static bool is_name_of(const struct sut_setting *s, sut_str name, sut_str of)
{
    const bool can_be_file =
        (s->flags & (SUT_SETTING_SECRET | SUT_SETTING_SECRET_IF_PASSWORD)) != 0;
    return sut_str_eq(name, of) || (can_be_file && sut_str_starts(name, of) &&
                                    sut_str_is(sut_str_sub(name, of.n, name.n), "_FILE"));
}

/* How far SUTLER_… is from what a setting is called; its key alone is a likely slip. */
static size_t name_distance(const struct sut_setting *s, sut_str name, sut_str of)
{
    const sut_str tail = sut_str_sub(name, PREFIX, name.n);
    /* Kubernetes sets SUTLER_PORT for a service named sutler: that one is nobody's slip. */
    if (sut_str_eq_nocase(tail, sut_str_from(s->key)) && !sut_str_is(tail, "PORT"))
        return 1;
    return sut_setting__distance(tail, sut_str_sub(of, PREFIX, of.n));
}

const struct sut_setting *sut_setting__by_env_name(sut_str name, bool *ret_exact)
{
    size_t n = 0;
    const struct sut_setting *all = sut_setting__all(&n);
    const struct sut_setting *best = NULL;
    size_t best_distance = SLIP + 1;
    *ret_exact = false;
    for (size_t i = 0; i < n; i++) {
        char text[NAME_MAX_BYTES];
        struct sut_buf b = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
        sut_setting__env_name(&all[i], &b);
        *ret_exact =
            is_name_of(&all[i], name, sut_buf_str(&b)) ||
            (all[i].django != NULL && is_name_of(&all[i], name, sut_str_from(all[i].django)));
        if (*ret_exact)
            return &all[i];
        const size_t distance = name_distance(&all[i], name, sut_buf_str(&b));
        if (distance < best_distance) {
            best = &all[i];
            best_distance = distance;
        }
    }
    return best;
}

bool sut_config_env_is_secret(sut_str name)
{
    size_t n = 0;
    const struct sut_setting *all = sut_setting__all(&n);
    for (size_t i = 0; i < n; i++) {
        if ((all[i].flags & (SUT_SETTING_SECRET | SUT_SETTING_SECRET_IF_PASSWORD)) == 0)
            continue;
        char text[NAME_MAX_BYTES];
        struct sut_buf b = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
        sut_setting__env_name(&all[i], &b);
        if (sut_str_eq(name, sut_buf_str(&b)) ||
            (all[i].django != NULL && sut_str_is(name, all[i].django)))
            return true;
    }
    return false;
}
