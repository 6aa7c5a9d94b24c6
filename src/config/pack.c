/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/arena.h"
#include "base/scan.h"
#include "config/config.h"
#include "config/own.h"
#include "config/setting.h"

/*
 * Between two processes of one program: a heading, then for each setting its
 * name, value and origin, each as `length:bytes`, and 1 when somebody gave it, 2 when it is a
 * secret that is set and for another role.
 */
static const char heading[] = "sutler settings 1\n";

static void put(struct sut_buf *out, sut_str s)
{
    sut_buf_u64(out, s.n);
    sut_buf_char(out, ':');
    sut_buf_str_add(out, s);
}

static SUT_ERR take(struct sut_scan *c, sut_str *ret)
{
    uint64_t n = 0;
    TRY(sut_scan_u64(c, SUT_CONFIG_ARENA_MAX, &n));
    ENSURE(sut_scan_char(c, ':') && (size_t) (c->end - c->p) >= n, PARSE);
    *ret = sut_str_of(c->p, (size_t) n);
    c->p += n;
    return SUT_OK;
}

/* The secret itself, in the form in which it was given. */
static void put_secret(struct sut_buf *out, const struct sut_setting *s,
                       const struct sut_secret *secret)
{
    const sut_str bytes = sut_secret_str(secret);
    if (s->kind != SUT_KIND_KEY) {
        put(out, bytes);
        return;
    }
    sut_buf_u64(out, bytes.n * 2);
    sut_buf_char(out, ':');
    sut_buf_hex(out, bytes.p, bytes.n);
}

static bool is_for(const struct sut_setting *s, enum sut_config_for whom)
{
    switch (whom) {
    case SUT_CONFIG_FOR_WORKER:
        return (s->flags & SUT_SETTING_NO_WORKER) == 0;
    case SUT_CONFIG_FOR_KEEPER:
        return (s->flags & SUT_SETTING_KEEPER) != 0;
    case SUT_CONFIG_FOR_COURIER:
        return (s->flags & SUT_SETTING_COURIER) != 0;
    case SUT_CONFIG_FOR_ALL:
        break;
    }
    return true;
}

SUT_ERR sut_config_pack(const struct sut_config *c, enum sut_config_for whom, struct sut_buf *out)
{
    size_t n = 0;
    const struct sut_setting *all = sut_setting__all(&n);
    /* Looking up a secret changes nothing. */
    struct sut_config shallow = *c;
    sut_buf_z(out, heading);
    sut_buf_z(out, c->demo ? "1" : "0");
    sut_buf_z(out, c->insecure_dev ? "1" : "0");
    put(out, c->server.keys); /* may follow from server.data */
    for (size_t i = 0; i < n; i++) {
        const struct sut_config_value *v = &c->own->values[i];
        struct sut_secret **secret = sut_setting__secret(&all[i], &shallow);
        put(out, sut_str_from(all[i].section));
        put(out, sut_str_from(all[i].key));
        if (!is_for(&all[i], whom)) {
            put(out, sut_str_from(all[i].fallback));
            put(out, SUT_STR("not for this role"));
            sut_buf_char(out, secret != NULL && *secret != NULL ? '2' : '0');
            continue;
        }
        if (secret != NULL && *secret != NULL)
            put_secret(out, &all[i], *secret);
        else
            put(out, v->raw);
        put(out, v->origin);
        sut_buf_z(out, v->is_explicit ? "1" : "0");
    }
    return sut_buf_check(out);
}

static bool take_flag(struct sut_scan *c, bool *ret)
{
    *ret = sut_scan_char(c, '1');
    return *ret || sut_scan_char(c, '0');
}

static SUT_ERR take_setting(struct sut_scan *scan, struct sut_config *c)
{
    sut_str section;
    sut_str key;
    sut_str raw;
    sut_str origin;
    bool is_explicit = false;
    TRY(take(scan, &section));
    TRY(take(scan, &key));
    TRY(take(scan, &raw));
    TRY(take(scan, &origin));
    const bool is_elsewhere = sut_scan_char(scan, '2');
    ENSURE(is_elsewhere || take_flag(scan, &is_explicit), PARSE);
    const struct sut_setting *s = sut_setting__find(section, key);
    ENSURE(s != NULL, PARSE);
    struct sut_diag d;
    const sut_err e = sut_setting__apply(s, raw, c->own->arena, c, &d);
    ENSURE(e.code != SUT_E_INVALID, PARSE);
    TRY(e);
    struct sut_secret **secret = sut_setting__secret(s, c);
    c->own->values[sut_setting__index(s)] = (struct sut_config_value){
        .raw = secret != NULL && *secret != NULL ? SUT_STR("") : sut_str_dup(c->own->arena, raw),
        .origin = sut_str_dup(c->own->arena, origin),
        .is_explicit = is_explicit,
        .is_elsewhere = is_elsewhere,
    };
    return SUT_OK;
}

SUT_ERR sut_config_unpack(sut_str packed, struct sut_config **ret)
{
    struct sut_config *c DEFER(sut_config_free) = NULL;
    TRY(sut_config__create(&c));
    struct sut_scan scan = sut_scan_of(packed);
    ENSURE(sut_scan_lit(&scan, sut_str_from(heading)), PARSE);
    ENSURE(take_flag(&scan, &c->demo) && take_flag(&scan, &c->insecure_dev), PARSE);
    sut_str keys;
    TRY(take(&scan, &keys));
    size_t n = 0;
    (void) sut_setting__all(&n);
    for (size_t i = 0; i < n; i++)
        TRY(take_setting(&scan, c));
    ENSURE(sut_scan_at_end(&scan), PARSE);
    const char *z = sut_str_z(c->own->arena, keys);
    ENSURE(z != NULL && !sut_arena_overflowed(c->own->arena), NOMEM);
    c->server.keys = sut_str_of(z, keys.n);
    if (c->email.use_ssl)
        c->email.use_tls = false;
    *ret = STEAL(c);
    return SUT_OK;
}
