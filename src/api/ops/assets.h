/* SPDX-License-Identifier: Apache-2.0
 *
 * assets - the pages' files, put into the program at build by tools/embed-docs.
 */
#ifndef SUT_API_OPS_ASSETS_H
#define SUT_API_OPS_ASSETS_H

#include <stddef.h>

struct api_asset {
    const char *name; /* "swagger-ui.css" */
    const char *type;
    const char *etag; /* quoted */
    const char *p;
    size_t n;
};

extern const struct api_asset api_assets[];
extern const size_t api_assets_n;

#endif
