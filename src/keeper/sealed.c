/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sealed.h"

#include "base/scan.h"
#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "keeper/master.h"

enum {
    MEMORY_KIB = 64 * 1024,
    PASSES = 3,
    LANES = 1,
    MEMORY_KIB_MAX = 1024 * 1024,
    PASSES_MAX = 16,
    LANES_MAX = 16,
    BOX_SIZE = SUT_MASTER_SIZE + SUT_AEAD_OVERHEAD,
};

#define MAGIC "sutler-master-1 "

bool sut_sealed_is(sut_str text)
{
    return sut_str_starts(text, SUT_STR(MAGIC));
}

static void put_head(const struct sut_kdf *p, struct sut_buf *out)
{
    sut_buf_lit(out, MAGIC "argon2id m=");
    sut_buf_u64(out, p->memory_kib);
    sut_buf_lit(out, " t=");
    sut_buf_u64(out, p->passes);
    sut_buf_lit(out, " p=");
    sut_buf_u64(out, p->lanes);
    sut_buf_lit(out, " salt=");
    sut_buf_hex(out, p->salt, sizeof(p->salt));
}

SUT_ERR sut_sealed_write(const struct sut_random *rnd, sut_str passphrase, sut_str key,
                         struct sut_buf *out)
{
    struct sut_kdf p = { .memory_kib = MEMORY_KIB, .passes = PASSES, .lanes = LANES };
    unsigned char under[SUT_KDF_KEY];
    char box[BOX_SIZE];
    struct sut_buf sealed = { .p = box, .cap = sizeof(box), .max = sizeof(box) };
    ENSURE(key.n == SUT_MASTER_SIZE, INVALID);
    TRY(sut_random_fill(rnd, p.salt, sizeof(p.salt)));
    TRY(sut_kdf_argon2id(&p, passphrase, under));
    const size_t start = out->n;
    put_head(&p, out);
    sut_err e = sut_buf_check(out);
    if (!sut_failed(e))
        e = sut_aead_seal(rnd, sut_str_of((const char *) under, sizeof(under)),
                          sut_str_sub(sut_buf_str(out), start, out->n), key, &sealed);
    sut_wipe(under, sizeof(under));
    TRY(e);
    sut_buf_lit(out, " key=");
    sut_buf_hex(out, box, sealed.n);
    sut_buf_char(out, '\n');
    return sut_buf_check(out);
}

static SUT_ERR scan_number(struct sut_scan *c, sut_str name, uint64_t max, uint32_t *ret)
{
    uint64_t v = 0;
    ENSURE(sut_scan_lit(c, name), PARSE);
    ENSURE(!sut_failed(sut_scan_u64(c, max, &v)) && v > 0, PARSE);
    *ret = (uint32_t) v;
    return SUT_OK;
}

static SUT_ERR scan_hex(struct sut_scan *c, sut_str name, void *ret, size_t n)
{
    ENSURE(sut_scan_lit(c, name), PARSE);
    return sut_parse_hex(sut_scan_until(c, ' '), ret, n);
}

/* *ret_head: what is bound to the key. */
static SUT_ERR parse(sut_str line, struct sut_kdf *ret, char box[BOX_SIZE], sut_str *ret_head)
{
    struct sut_scan c = sut_scan_of(line);
    ENSURE(sut_scan_lit(&c, SUT_STR(MAGIC "argon2id")), PARSE);
    TRY(scan_number(&c, SUT_STR(" m="), MEMORY_KIB_MAX, &ret->memory_kib));
    TRY(scan_number(&c, SUT_STR(" t="), PASSES_MAX, &ret->passes));
    TRY(scan_number(&c, SUT_STR(" p="), LANES_MAX, &ret->lanes));
    TRY(scan_hex(&c, SUT_STR(" salt="), ret->salt, sizeof(ret->salt)));
    *ret_head = sut_str_sub(line, 0, (size_t) (c.p - line.p));
    TRY(scan_hex(&c, SUT_STR(" key="), box, BOX_SIZE));
    ENSURE(sut_scan_at_end(&c), PARSE);
    return SUT_OK;
}

SUT_ERR sut_sealed_read(sut_str passphrase, sut_str text, struct sut_secret **ret)
{
    struct sut_kdf p;
    sut_str head = { 0 };
    char box[BOX_SIZE];
    char plain[SUT_MASTER_SIZE + 1];
    unsigned char under[SUT_KDF_KEY];
    struct sut_buf out = { .p = plain, .cap = sizeof(plain), .max = sizeof(plain) };
    TRY(parse(sut_str_trim(text), &p, box, &head));
    TRY(sut_kdf_argon2id(&p, passphrase, under));
    sut_err e = sut_aead_open(sut_str_of((const char *) under, sizeof(under)), head,
                              sut_str_of(box, sizeof(box)), &out);
    sut_wipe(under, sizeof(under));
    if (!sut_failed(e))
        e = sut_secret_dup(sut_str_of(plain, SUT_MASTER_SIZE), ret);
    sut_wipe(plain, sizeof(plain));
    return e;
}
