/* SPDX-License-Identifier: Apache-2.0
 *
 * clamd - what is said to the malware scanner, and what its answer means.
 *
 * zINSTREAM of clamd(8): the command and a NUL; chunks, each behind its length (32 bit,
 * big-endian); a chunk of length 0; then the answer, ended by a NUL: "stream: OK", "stream: NAME
 * FOUND", anything else an error.  No I/O; any thread.
 */
#ifndef SUT_COURIER_CLAMD_H
#define SUT_COURIER_CLAMD_H

#include "base/err.h"
#include "base/str.h"
#include "ipc/courier.h"

enum { SUT_CLAMD_HEAD = 14, SUT_CLAMD_TAIL = 4, SUT_CLAMD_ANSWER_MAX = 1024 };

/* What stands before n bytes that are sent as one chunk (n above 0), and what behind. */
void sut_clamd_head(uint32_t n, unsigned char ret[SUT_CLAMD_HEAD]);
extern const unsigned char sut_clamd_tail[SUT_CLAMD_TAIL];

/* The answer without its NUL: PARSE when it is no verdict. */
SUT_ERR sut_clamd_read(sut_str said, struct sut_malware_answer *ret);

#endif
