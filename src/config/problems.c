/* SPDX-License-Identifier: Apache-2.0 */
#include "config/problems.h"

#include "base/mem.h"

SUT_ERR sut_problems__init(struct sut_config_report *r)
{
    *r = (struct sut_config_report){ .n = 0 };
    r->problems = sut_mem_zalloc(SUT_PROBLEMS_MAX, sizeof(*r->problems));
    r->warnings = sut_mem_zalloc(SUT_PROBLEMS_MAX, sizeof(*r->warnings));
    if (r->problems == NULL || r->warnings == NULL) {
        sut_config_report_done(r);
        FAIL(NOMEM);
    }
    return SUT_OK;
}

static struct sut_diag *add(struct sut_diag *list, size_t *n)
{
    if (*n < SUT_PROBLEMS_MAX)
        ++*n;
    struct sut_diag *d = &list[*n - 1];
    *d = (struct sut_diag){ .text = "" };
    return d;
}

struct sut_diag *sut_problems__add(struct sut_config_report *r)
{
    return add(r->problems, &r->n);
}

struct sut_diag *sut_problems__warn(struct sut_config_report *r)
{
    return add(r->warnings, &r->n_warnings);
}

void sut_config_report_done(struct sut_config_report *r)
{
    sut_mem_freep(&r->problems);
    sut_mem_freep(&r->warnings);
    *r = (struct sut_config_report){ .n = 0 };
}
