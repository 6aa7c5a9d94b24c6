/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/certificate.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config.h"
#include "crypto/cert.h"
#include "os/dir.h"
#include "prog/words.h"

enum { DEMO_DAYS = 365 };

static SUT_ERR join(const char *folder, const char *name, char to[SUT_CERTIFICATE_PATH_MAX])
{
    const int n =
        snprintf(to, SUT_CERTIFICATE_PATH_MAX, "%s%s%s", folder, name[0] == '\0' ? "" : "/", name);
    ENSURE(n > 0 && n < SUT_CERTIFICATE_PATH_MAX, INVALID);
    return SUT_OK;
}

SUT_ERR sut_certificate_find(const struct sut_config *c, struct sut_certificate_files *ret,
                             struct sut_diag *reterr_diag)
{
    *ret = (struct sut_certificate_files){ .is_own = c->tls.cert.n == 0 };
    if (!ret->is_own) {
        TRY(join(c->tls.cert.p, "", ret->cert));
        return join(c->tls.key.p, "", ret->key);
    }
    if (!c->demo && !c->insecure_dev) {
        sut_diag_set(reterr_diag, "there is no certificate to listen with HTTPS");
        sut_diag_hint(reterr_diag, "set tls.cert and tls.key");
        FAIL(INVALID);
    }
    TRY(join(c->server.keys.p, "", ret->folder));
    TRY(join(ret->folder, "demo.crt", ret->cert));
    return join(ret->folder, "demo.key", ret->key);
}

static SUT_ERR make_own(const struct sut_certificate_files *f, struct sut_buf *cert,
                        struct sut_buf *key, struct sut_diag *reterr_diag)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "::1" };
    TRY(sut_cert_make(names, 3, sut_clock_now(&sut_clock_system), DEMO_DAYS, cert, key));
    /* With the master key in the environment nothing else has made the folder. */
    TRY(sut_dir_make_private(f->folder, NULL, reterr_diag));
    TRY(sut_dir_replace(f->key, sut_buf_str(key)));
    return sut_dir_replace(f->cert, sut_buf_str(cert));
}

SUT_ERR sut_certificate_read(const struct sut_certificate_files *f, struct sut_buf *out_cert,
                             struct sut_buf *out_key, struct sut_diag *reterr_diag)
{
    if (f->is_own && (access(f->cert, R_OK) != 0 || access(f->key, R_OK) != 0))
        return make_own(f, out_cert, out_key, reterr_diag);
    sut_err e = sut_dir_read_file(f->cert, SUT_WORD_PEM_MAX, out_cert);
    if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "%s can't be read", f->cert);
        return e;
    }
    e = sut_dir_read_private(f->key, SUT_WORD_PEM_MAX, out_key, reterr_diag);
    if (sut_failed(e) && reterr_diag->text[0] == '\0')
        sut_diag_set(reterr_diag, "%s can't be read", f->key);
    return e;
}
