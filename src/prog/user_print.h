/* SPDX-License-Identifier: Apache-2.0
 *
 * user_print - rows of people on standard output: a table, or JSON.
 *
 * What a person typed is shown without what could steer a terminal.  One
 * thread; the caller's storage.
 */
#ifndef SUT_PROG_USER_PRINT_H
#define SUT_PROG_USER_PRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "prog/user_admin.h"

struct sut_user_printer {
    bool is_json;
    bool is_list; /* JSON: an array; else one object */
    size_t n;     /* rows printed */
};

void sut_user_printer_init(struct sut_user_printer *p, bool is_json, bool is_list);
/* Print these rows behind the ones before.  NOMEM. */
SUT_ERR sut_user_printer_rows(struct sut_user_printer *p, const struct sut_user_row *rows,
                              size_t n);
/* End the array or the table; false when standard output did not take all. */
bool sut_user_printer_end(struct sut_user_printer *p);

#endif
