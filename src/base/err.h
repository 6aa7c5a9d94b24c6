/* SPDX-License-Identifier: Apache-2.0
 *
 * err - the outcome of a function: a code from one table, and where it was born.
 *
 * A value of 16 bytes, returned in two registers, never allocated; it survives
 * a trip through the event loop.  Ignoring one does not compile.  `sys` and
 * `at` are for logs alone and never reach a client.  Only the four macros
 * FAIL, FAIL_SYS, ENSURE and TRY hide a return.
 */
#ifndef SUT_BASE_ERR_H
#define SUT_BASE_ERR_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

enum sut_ecode {
    SUT_E_OK = 0,
#define X(name, kind, http, slug, text) SUT_E_##name,
#include "base/err.def"
#undef X
};

/* Whose doing an error is; decides how the edge logs it (style: CLIENT info, SERVER error). */
enum sut_ekind { SUT_EKIND_NONE, SUT_EKIND_CLIENT, SUT_EKIND_AUTH, SUT_EKIND_SERVER };

/* Where an error was born.  Always a static constant, never freed. */
struct sut_esite {
    const char *file;
    const char *func;
    int line;
};

typedef struct {
    const struct sut_esite *at; /* NULL when ok */
    int sys;                    /* errno, or 0 */
    enum sut_ecode code;
} sut_err;

_Static_assert(sizeof(sut_err) <= 2 * sizeof(void *), "must fit in two registers");

#define SUT_OK  ((sut_err){ .at = 0, .sys = 0, .code = SUT_E_OK })
#define SUT_ERR __attribute__((warn_unused_result)) sut_err

static inline bool sut_failed(sut_err e)
{
    return e.code != SUT_E_OK;
}

/* State in the source why an outcome does not matter. */
static inline void sut_ignore(sut_err e, const char *because)
{
    (void) e;
    (void) because;
}

/* The row of err.def; all are constants of the program. */
struct sut_einfo {
    const char *name; /* "NOT_FOUND" */
    enum sut_ekind kind;
    int http;         /* status of the reply */
    const char *slug; /* "not_found": the contract's code */
    const char *text; /* safe for a client */
};
const struct sut_einfo *sut_err_info(enum sut_ecode code);

#define SUT_FAIL_(code_, sys_)                                                                     \
    do {                                                                                           \
        static const struct sut_esite site_ = { __FILE__, __func__, __LINE__ };                    \
        return (sut_err){ .at = &site_, .sys = (sys_), .code = SUT_E_##code_ };                    \
    } while (0)

#define FAIL(code_)     SUT_FAIL_(code_, 0)
#define FAIL_SYS(code_) SUT_FAIL_(code_, errno)

#define ENSURE(cond_, code_)                                                                       \
    do {                                                                                           \
        if (__builtin_expect(!(cond_), 0))                                                         \
            FAIL(code_);                                                                           \
    } while (0)

#define TRY(expr_)                                                                                 \
    do {                                                                                           \
        const sut_err try_ = (expr_);                                                              \
        if (__builtin_expect(sut_failed(try_), 0))                                                 \
            return try_;                                                                           \
    } while (0)

/* Run fn(&var) when var leaves scope; fn must accept an empty var. */
#define DEFER(fn_) __attribute__((cleanup(fn_)))

/* Hand an owned pointer over and disarm its DEFER. */
#define STEAL(ptr_)                                                                                \
    __extension__({                                                                                \
        __typeof__(ptr_) steal_ = (ptr_);                                                          \
        (ptr_) = NULL;                                                                             \
        steal_;                                                                                    \
    })

/* A bug of ours, not an error: prints the site and aborts this role. */
_Noreturn void sut_bug(const char *file, int line, const char *what);
#define SUT_BUG_IF(cond_)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!!(cond_), 0))                                                        \
            sut_bug(__FILE__, __LINE__, #cond_);                                                   \
    } while (0)

#endif
