/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_text - the words that the sample catalogue is made of.
 *
 * Constants alone; shared by demo.c and nobody else.
 */
#ifndef SUT_SHOP_DEMO_TEXT_H
#define SUT_SHOP_DEMO_TEXT_H

#include <stdint.h>

/* How a garment's coverage is told, full, moderate and light. */
enum sut_demo_cut { SUT_DEMO_BODY, SUT_DEMO_LEGS, SUT_DEMO_HEAD, SUT_DEMO_CUTS };

struct sut_demo_kind {
    const char *root;  /* name of the root category */
    const char *child; /* name of the category */
    const char *noun;  /* what a product of it is called */
    const char *about; /* the category's description */
    int64_t from_cents;
    int64_t step_cents;
    enum sut_demo_cut cut;
};

struct sut_demo_color {
    const char *name;
    const char *code;
};

enum {
    SUT_DEMO_KINDS = 18,
    SUT_DEMO_LINES = 40,
    SUT_DEMO_FABRICS = 12,
    SUT_DEMO_DETAILS = 10,
    SUT_DEMO_CARES = 5,
    SUT_DEMO_COLORS = 14,
};

extern const struct sut_demo_kind sut_demo_kinds[SUT_DEMO_KINDS];
extern const char *const sut_demo_lines[SUT_DEMO_LINES];
/* The fabric's name, and what is said of it. */
extern const char *const sut_demo_fabrics[SUT_DEMO_FABRICS][2];
extern const char *const sut_demo_covers[SUT_DEMO_CUTS][3];
extern const char *const sut_demo_details[SUT_DEMO_DETAILS];
extern const char *const sut_demo_cares[SUT_DEMO_CARES];
extern const struct sut_demo_color sut_demo_colors[SUT_DEMO_COLORS];

#endif
