/* SPDX-License-Identifier: Apache-2.0
 *
 * A row is looked at on SUBROWS lines; on each the spans between the outline's crossings are added
 * to how much of each pixel is covered.
 */
#include "shop/demo_canvas.h"

#include <math.h>
#include <string.h>

enum {
    SUBROWS = 4,
    CROSSINGS_MAX = 64,
    WIDTH_MAX = 2048,
    STEPS = 8, /* of a curve between two points */
    ROUND = 48 /* points of an ellipse */
};

void sut_outline_add(struct sut_outline *o, double x, double y)
{
    if (o->n < SUT_OUTLINE_POINTS)
        o->at[o->n++] = (struct sut_point){ x, y };
}

static double between(double a, double b, double c, double d, double t)
{
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t +
                  (3 * b - a - 3 * c + d) * t * t * t);
}

void sut_outline_curve(struct sut_outline *o, const struct sut_point *by, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        const struct sut_point a = by[i > 0 ? i - 1 : i];
        const struct sut_point b = by[i];
        const struct sut_point c = by[i + 1];
        const struct sut_point d = by[i + 2 < n ? i + 2 : i + 1];
        for (int k = 0; k < STEPS; k++) {
            const double t = (double) k / STEPS;
            sut_outline_add(o, between(a.x, b.x, c.x, d.x, t), between(a.y, b.y, c.y, d.y, t));
        }
    }
    if (n > 0)
        sut_outline_add(o, by[n - 1].x, by[n - 1].y);
}

void sut_outline_ellipse(struct sut_outline *o, double x, double y, double rx, double ry)
{
    for (int i = 0; i < ROUND; i++) {
        const double turn = 2 * M_PI * i / ROUND;
        sut_outline_add(o, x + rx * cos(turn), y + ry * sin(turn));
    }
}

void sut_outline_mirror(struct sut_outline *o, double x)
{
    for (size_t i = o->n; i-- > 0;)
        sut_outline_add(o, 2 * x - o->at[i].x, o->at[i].y);
}

/* Where the line at height y crosses it, from left to right. */
static size_t find_crossings(const struct sut_outline *o, double y, double ret[CROSSINGS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < o->n && n < CROSSINGS_MAX; i++) {
        const struct sut_point a = o->at[i];
        const struct sut_point b = o->at[(i + 1) % o->n];
        if ((a.y <= y) == (b.y <= y))
            continue;
        const double x = a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x);
        size_t k = n++;
        for (; k > 0 && ret[k - 1] > x; k--)
            ret[k] = ret[k - 1];
        ret[k] = x;
    }
    return n & ~(size_t) 1;
}

static double clamp(double v, double most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

static void add_span(float *cover, double from, double to)
{
    const int first = (int) from;
    const int last = (int) to;
    if (first == last) {
        cover[first] += (float) (to - from);
        return;
    }
    cover[first] += (float) (first + 1 - from);
    for (int x = first + 1; x < last; x++)
        cover[x] += 1;
    cover[last] += (float) (to - last);
}

static unsigned char mix(unsigned char under, int over, float share)
{
    const float v = (float) under + ((float) over - (float) under) * share + 0.5F;
    return v <= 0 ? 0 : v >= 255 ? 255 : (unsigned char) v;
}

static void put(struct sut_canvas *c, int x, int y, struct sut_colour colour, float share)
{
    unsigned char *const p = c->rgb + ((size_t) y * (size_t) c->w + (size_t) x) * 3;
    p[0] = mix(p[0], colour.r, share);
    p[1] = mix(p[1], colour.g, share);
    p[2] = mix(p[2], colour.b, share);
}

void sut_canvas_fill(struct sut_canvas *c, const struct sut_outline *o, sut_paint paint,
                     const void *ctx, int opacity)
{
    float cover[WIDTH_MAX + 1];
    double top = c->h;
    double bottom = 0;
    if (c->w > WIDTH_MAX)
        return;
    for (size_t i = 0; i < o->n; i++) {
        top = o->at[i].y < top ? o->at[i].y : top;
        bottom = o->at[i].y > bottom ? o->at[i].y : bottom;
    }
    for (int y = (int) clamp(top, c->h - 1); y <= (int) clamp(bottom, c->h - 1); y++) {
        double x[CROSSINGS_MAX];
        memset(cover, 0, sizeof(cover));
        for (int k = 0; k < SUBROWS; k++) {
            const size_t n = find_crossings(o, y + (k + 0.5) / SUBROWS, x);
            for (size_t i = 0; i < n; i += 2)
                add_span(cover, clamp(x[i], c->w), clamp(x[i + 1], c->w));
        }
        for (int i = 0; i < c->w; i++)
            if (cover[i] > 0)
                put(c, i, y, paint(ctx, i, y), cover[i] / SUBROWS * (float) opacity / 255);
    }
}

void sut_canvas_flood(struct sut_canvas *c, sut_paint paint, const void *ctx)
{
    for (int y = 0; y < c->h; y++)
        for (int x = 0; x < c->w; x++)
            put(c, x, y, paint(ctx, x, y), 1);
}
