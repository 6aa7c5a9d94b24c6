/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_canvas - a picture that outlines are filled on, with smooth edges.  For the sample
 * catalogue's pictures alone.
 *
 * Lengths are of pixels, from the upper left corner.
 */
#ifndef SUT_SHOP_DEMO_CANVAS_H
#define SUT_SHOP_DEMO_CANVAS_H

#include <stddef.h>

struct sut_point {
    double x;
    double y;
};

struct sut_colour {
    int r;
    int g;
    int b;
};

enum { SUT_OUTLINE_POINTS = 512 };
/* A closed one.  What does not fit is left out. */
struct sut_outline {
    struct sut_point at[SUT_OUTLINE_POINTS];
    size_t n;
};

struct sut_canvas {
    unsigned char *rgb; /* w * h * 3 bytes, the caller's */
    int w;
    int h;
};

/* One point more; what is beyond its room is left out. */
void sut_outline_add(struct sut_outline *o, double x, double y);
/* The points of `by` joined by a smooth line that goes through each (Catmull and Rom's). */
void sut_outline_curve(struct sut_outline *o, const struct sut_point *by, size_t n);
void sut_outline_ellipse(struct sut_outline *o, double x, double y, double rx, double ry);
/* The same on the other side of the upright line at x, walked the other way. */
void sut_outline_mirror(struct sut_outline *o, double x);

/* The colour of a pixel of what is filled. */
typedef struct sut_colour (*sut_paint)(const void *ctx, int x, int y);
/* Fill it; opacity: 0 .. 255. */
void sut_canvas_fill(struct sut_canvas *c, const struct sut_outline *o, sut_paint paint,
                     const void *ctx, int opacity);
/* The whole of it. */
void sut_canvas_flood(struct sut_canvas *c, sut_paint paint, const void *ctx);

#endif
