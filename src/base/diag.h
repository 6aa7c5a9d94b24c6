/* SPDX-License-Identifier: Apache-2.0
 *
 * diag - what an operator needs to know about a failure: place, sentence, hint.
 *
 * The caller's storage; filled on failure beside the error value.  Never shown
 * to a client of the API and never holds a secret.
 */
#ifndef SUT_BASE_DIAG_H
#define SUT_BASE_DIAG_H

struct sut_diag {
    char place[256]; /* "sutler.conf:12", or empty */
    char text[512];  /* one sentence */
    char hint[256];  /* what to do, or empty */
};

/* Fill d (NULL is allowed) with a formatted sentence. */
void sut_diag_set(struct sut_diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sut_diag_place(struct sut_diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sut_diag_hint(struct sut_diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
