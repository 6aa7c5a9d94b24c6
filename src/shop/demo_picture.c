/* SPDX-License-Identifier: Apache-2.0
 *
 * Garments are drawn from their right half, which is mirrored: shoulders, waist, hip, hem.
 */
#include "shop/demo_picture.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "shop/demo_canvas.h"
#include "shop/demo_text.h"

enum { MIDDLE = SUT_DEMO_PICTURE_W / 2, SHOULDER = 150, OPAQUE = 255 };

enum shape { GARMENT, SKIRT, TROUSERS, HIJAB, SHAWL, TURBAN, CAP };
enum trim { OPEN = 1, BUTTONS = 2, BELT = 4, COLLAR = 8, RIBS = 16, LACE = 32 };

/* As wide and as low as the fullest of a kind is; in the order of sut_demo_kinds. */
struct cut {
    enum shape shape;
    int waist;
    int hip;
    int hem;
    int hem_y;
    int sleeve; /* how wide */
    unsigned trims;
};
static const struct cut cuts[SUT_DEMO_KINDS] = {
    { GARMENT, 66, 100, 158, 672, 34, BELT },
    { GARMENT, 64, 98, 140, 585, 32, BUTTONS },
    { GARMENT, 58, 96, 222, 690, 30, LACE | BELT },
    { GARMENT, 104, 122, 158, 690, 54, OPEN },
    { GARMENT, 82, 98, 112, 480, 36, LACE },
    { GARMENT, 76, 86, 92, 410, 38, COLLAR },
    { GARMENT, 82, 92, 96, 475, 34, COLLAR | BUTTONS },
    { GARMENT, 92, 98, 92, 420, 42, RIBS },
    { SKIRT, 62, 112, 176, 668, 0, BELT },
    { TROUSERS, 62, 104, 74, 680, 0, BELT },
    { TROUSERS, 62, 108, 92, 560, 0, BUTTONS },
    { GARMENT, 96, 106, 118, 560, 62, OPEN | LACE },
    { GARMENT, 86, 104, 132, 620, 42, OPEN | COLLAR | BUTTONS },
    { GARMENT, 88, 98, 106, 540, 40, OPEN | RIBS },
    { HIJAB, 0, 0, 0, 0, 0, 0 },
    { SHAWL, 0, 0, 0, 0, 0, LACE },
    { TURBAN, 0, 0, 0, 0, 0, 0 },
    { CAP, 0, 0, 0, 0, 0, RIBS },
};

/* In the order of sut_demo_colors. */
static const struct sut_colour colours[SUT_DEMO_COLORS] = {
    { 38, 37, 40 },    { 34, 48, 92 },    { 240, 233, 214 }, { 106, 112, 62 },  { 116, 28, 52 },
    { 208, 184, 146 }, { 20, 122, 86 },   { 206, 148, 150 }, { 72, 76, 82 },    { 210, 160, 44 },
    { 18, 120, 128 },  { 184, 162, 212 }, { 192, 96, 66 },   { 140, 188, 222 },
};
static const struct sut_colour wood = { 176, 138, 98 };
static const struct sut_colour skin = { 226, 208, 188 };
static const struct sut_colour shade = { 60, 50, 50 };

/* How cloth looks: its colour, how far from it to go, and the fabric's pattern. */
struct cloth {
    struct sut_colour colour;
    int light; /* added to each pixel */
    size_t fabric;
    const signed char *wave; /* of WAVE places, -100 .. 100 */
};
enum { WAVE = 256 };

static int at_wave(const struct cloth *c, int place)
{
    return c->wave[place & (WAVE - 1)];
}

static uint32_t grain(int x, int y)
{
    uint32_t v = (uint32_t) x * 374761393U + (uint32_t) y * 668265263U;
    v = (v ^ (v >> 13)) * 1274126177U;
    return (v ^ (v >> 16)) & 0xff;
}

/* In the order of sut_demo_fabrics; how much lighter a pixel is. */
static int pattern(const struct cloth *c, int x, int y)
{
    const int dx = x % 28 - 14;
    const int dy = (y + x / 28 % 2 * 14) % 28 - 14;
    switch (c->fabric) {
    case 0: /* linen: threads both ways */
        return (x % 4 == 0 ? -7 : 0) + (y % 4 == 0 ? 7 : 0) + (int) grain(x, y) / 32 - 4;
    case 1:
        return (int) grain(x / 2, y / 2) / 40 - 3;
    case 3: /* chiffon: dots */
        return dx * dx + dy * dy < 20 ? 34 : 0;
    case 4: /* cotton: stripes */
        return x % 26 < 4 ? 36 : 0;
    case 5: /* satin: a sheen */
        return at_wave(c, x / 2 + y / 3) * 3 / 10;
    case 6: /* viscose: flowers of four leaves */
        return dx * dx + dy * dy < 64 && (dx * dy > 4 || dx * dy < -4 || dx * dx + dy * dy < 6) ? 40
                                                                                                : 0;
    case 7: /* denim: twill */
        return ((x + y) % 6 < 2 ? 16 : 0) + (int) grain(x, y) / 24 - 5;
    case 8: /* wool: stitches */
        return (x / 6 % 2 == 0 ? x + y : y - x + 600) % 8 < 3 ? -18 : 6;
    case 9:
        return at_wave(c, y * 2 + at_wave(c, x) / 4) / 9;
    case 10: /* herringbone */
        return (x / 14 % 2 == 0 ? x + y : y - x + 1400) % 14 < 4 ? 22 : 0;
    case 11:
        return y % 18 < 3 ? 26 : 0;
    default:
        return 0;
    }
}

static int channel(int v, int by)
{
    v += by;
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

static struct sut_colour lighter(struct sut_colour c, int by)
{
    return (struct sut_colour){ channel(c.r, by), channel(c.g, by), channel(c.b, by) };
}

/* Folds fall from the waist and spread. */
static struct sut_colour paint_cloth(const void *ctx, int x, int y)
{
    const struct cloth *const c = ctx;
    const int spread = y < 300 ? 8 : 8 - (y - 300) / 90;
    const int fold = at_wave(c, (x - MIDDLE) * (spread < 3 ? 3 : spread) / 2 + y / 6) / 7;
    return lighter(c->colour, c->light + fold + pattern(c, x, y));
}

static struct sut_colour paint_plain(const void *ctx, int x, int y)
{
    (void) x;
    (void) y;
    return *(const struct sut_colour *) ctx;
}

/* A wall and a floor. */
static struct sut_colour paint_room(const void *ctx, int x, int y)
{
    const struct sut_colour *const wall = ctx;
    const int dx = (x - MIDDLE) / 12;
    const int dy = (y - 330) / 12;
    return lighter(*wall, -(dx * dx + dy * dy) / 90 - (y > 655 ? 14 : 0));
}

struct drawing {
    struct sut_canvas canvas;
    struct cloth cloth;
    const struct cut *cut;
    size_t coverage; /* 0: full, 1: moderate, 2: light */
    signed char wave[WAVE];
    struct sut_outline outline;
};

static struct sut_outline *begin(struct drawing *d)
{
    d->outline.n = 0;
    return &d->outline;
}

static void fill_cloth(struct drawing *d, int light)
{
    d->cloth.light = light;
    sut_canvas_fill(&d->canvas, &d->outline, paint_cloth, &d->cloth, OPAQUE);
}

static void fill_plain(struct drawing *d, struct sut_colour c, int opacity)
{
    sut_canvas_fill(&d->canvas, &d->outline, paint_plain, &c, opacity);
}

static void box(struct drawing *d, double x, double y, double w, double h)
{
    struct sut_outline *const o = begin(d);
    sut_outline_add(o, x, y);
    sut_outline_add(o, x + w, y);
    sut_outline_add(o, x + w, y + h);
    sut_outline_add(o, x, y + h);
}

static void dot(struct drawing *d, double x, double y, double r)
{
    sut_outline_ellipse(begin(d), x, y, r, r);
}

/* On both sides: the outline that stands is filled, then its mirror. */
static void fill_both(struct drawing *d, int light)
{
    fill_cloth(d, light);
    for (size_t i = 0; i < d->outline.n; i++)
        d->outline.at[i].x = 2 * MIDDLE - d->outline.at[i].x;
    fill_cloth(d, light);
}

static void draw_hanger(struct drawing *d)
{
    struct sut_outline *const o = begin(d);
    const struct sut_point arm[] = { { MIDDLE, 108 },      { MIDDLE + 40, 126 },
                                     { MIDDLE + 96, 152 }, { MIDDLE + 98, 162 },
                                     { MIDDLE + 40, 140 }, { MIDDLE, 122 } };
    sut_outline_curve(o, arm, sizeof(arm) / sizeof(arm[0]));
    sut_outline_mirror(o, MIDDLE);
    fill_plain(d, wood, OPAQUE);
    box(d, MIDDLE - 2, 74, 4, 40);
    fill_plain(d, shade, 200);
    dot(d, MIDDLE + 7, 70, 10);
    fill_plain(d, shade, 200);
    dot(d, MIDDLE + 7, 71, 6);
    fill_plain(d, lighter(colours[2], 4), OPAQUE);
}

/* --- trims --- */

static void draw_trims(struct drawing *d, int top, int hem_y)
{
    const struct cut *const c = d->cut;
    const int waist_y = top + 150;
    if ((c->trims & BELT) != 0) {
        const int y = c->shape == GARMENT ? waist_y - 8 : top - 2;
        box(d, MIDDLE - c->waist - 3, y, 2 * c->waist + 6, 18);
        fill_cloth(d, -34);
    }
    if ((c->trims & OPEN) != 0) {
        box(d, MIDDLE - 5, top + 20, 10, hem_y - top - 24);
        fill_plain(d, lighter(d->cloth.colour, -52), 220);
    }
    if ((c->trims & BUTTONS) != 0) {
        for (int y = top + 50; y < hem_y - 40 && y < top + 260; y += 38) {
            dot(d, MIDDLE + ((c->trims & OPEN) != 0 ? 18 : 0), y, 5);
            fill_plain(d, lighter(d->cloth.colour, d->cloth.colour.g > 128 ? -84 : 96), OPAQUE);
        }
    }
    if ((c->trims & (RIBS | LACE)) != 0 && c->shape == GARMENT) {
        for (int x = -c->hem + 6; x < c->hem - 4; x += 12) {
            if ((c->trims & LACE) != 0)
                dot(d, MIDDLE + x + 3, hem_y - 16, 4);
            else
                box(d, MIDDLE + x, hem_y - 26, 4, 22);
            fill_plain(d, lighter(d->cloth.colour, (c->trims & LACE) != 0 ? 46 : -30), 190);
        }
    }
}

/* --- what hangs --- */

static void draw_sleeves(struct drawing *d)
{
    static const struct {
        int x;
        int y;
    } ends[] = { { 168, 430 }, { 158, 352 }, { 140, 258 } };
    const double w = d->cut->sleeve;
    const double x = MIDDLE + ends[d->coverage].x;
    const double y = ends[d->coverage].y;
    const struct sut_point by[] = {
        { MIDDLE + 70, SHOULDER + 4 },
        { MIDDLE + 100, SHOULDER + 18 },
        { (MIDDLE + 104 + x + w) / 2, (SHOULDER + 40 + y) / 2 },
        { x + w * 0.6, y - 8 },
        { x - w * 0.7, y + 6 },
        { (MIDDLE + 60 + x - w) / 2, (SHOULDER + 130 + y) / 2 },
        { MIDDLE + 62, SHOULDER + 110 },
    };
    sut_outline_curve(begin(d), by, sizeof(by) / sizeof(by[0]));
    fill_both(d, -16);
}

static void draw_garment(struct drawing *d)
{
    static const int shorter[] = { 0, 28, 62 };
    const struct cut *const c = d->cut;
    const int hem_y = c->hem_y - shorter[d->coverage] * (c->hem_y > 450 ? 1 : 0);
    const double m = MIDDLE;
    const double neck = d->coverage == 0 ? 30 : 40;
    const double neck_y = d->coverage == 0 ? SHOULDER - 22 : SHOULDER - 14;
    const struct sut_point side[] = {
        { m + neck, neck_y },
        { m + 86, SHOULDER + 6 },
        { m + 78, SHOULDER + 70 },
        { m + c->waist, SHOULDER + 150 },
        { m + c->hip, SHOULDER + 235 > hem_y ? hem_y - 12 : SHOULDER + 235 },
        { m + (c->hip + c->hem * 2) / 3.0, (SHOULDER + 235 + hem_y * 2) / 3.0 },
        { m + c->hem, hem_y },
        { m + c->hem / 2.0, hem_y + 10 },
        { m, hem_y + 13 },
    };
    draw_hanger(d);
    draw_sleeves(d);
    struct sut_outline *const o = begin(d);
    sut_outline_add(o, m, neck_y + (d->coverage == 0 ? 6 : 26));
    sut_outline_curve(o, side, sizeof(side) / sizeof(side[0]));
    sut_outline_mirror(o, m);
    fill_cloth(d, 0);
    if ((c->trims & COLLAR) != 0) {
        const struct sut_point by[] = { { m + 2, SHOULDER + 4 },
                                        { m + neck, neck_y - 6 },
                                        { m + neck + 12, neck_y + 12 },
                                        { m + 34, SHOULDER + 52 } };
        sut_outline_curve(begin(d), by, sizeof(by) / sizeof(by[0]));
        fill_both(d, 18);
    }
    draw_trims(d, SHOULDER, hem_y);
}

static void draw_skirt(struct drawing *d)
{
    static const int shorter[] = { 0, 60, 130 };
    const struct cut *const c = d->cut;
    const double m = MIDDLE;
    const int top = 160;
    const int hem_y = c->hem_y - shorter[d->coverage];
    const struct sut_point side[] = {
        { m + c->waist, top },
        { m + c->hip, top + 110 },
        { m + (c->hip + c->hem) / 2.0, (top + 110 + hem_y) / 2.0 },
        { m + c->hem, hem_y },
        { m + c->hem / 2.0, hem_y + 12 },
        { m, hem_y + 16 },
    };
    draw_hanger(d);
    struct sut_outline *const o = begin(d);
    sut_outline_add(o, m, top);
    sut_outline_curve(o, side, sizeof(side) / sizeof(side[0]));
    sut_outline_mirror(o, m);
    fill_cloth(d, 0);
    draw_trims(d, top, hem_y);
}

static void draw_trousers(struct drawing *d)
{
    static const int shorter[] = { 0, 50, 110 };
    const struct cut *const c = d->cut;
    const double m = MIDDLE;
    const int top = 160;
    const int hem_y = c->hem_y - shorter[d->coverage];
    const struct sut_point leg[] = {
        { m, top },
        { m + c->waist, top },
        { m + c->hip * 0.92, top + 120 },
        { m + c->hip, (top + hem_y) / 2.0 + 40 },
        { m + 30 + c->hem, hem_y },
        { m + 22 + c->hem / 4.0, hem_y + 8 },
        { m + 16, hem_y },
        { m + 9, (top + hem_y) / 2.0 + 60 },
        { m, top + 165 },
    };
    draw_hanger(d);
    sut_outline_curve(begin(d), leg, sizeof(leg) / sizeof(leg[0]));
    fill_both(d, 0);
    draw_trims(d, top, hem_y);
}

/* --- what is worn on the head --- */

static void draw_bust(struct drawing *d)
{
    const double m = MIDDLE;
    const struct sut_point side[] = { { m + 40, 380 },  { m + 44, 440 },  { m + 120, 490 },
                                      { m + 168, 540 }, { m + 176, 640 }, { m + 60, 662 },
                                      { m, 664 } };
    struct sut_outline *const o = begin(d);
    sut_outline_add(o, m, 380);
    sut_outline_curve(o, side, sizeof(side) / sizeof(side[0]));
    sut_outline_mirror(o, m);
    fill_plain(d, lighter(skin, -10), OPAQUE);
    sut_outline_ellipse(begin(d), m, 300, 92, 118);
    fill_plain(d, skin, OPAQUE);
}

static void draw_drape(struct drawing *d, double wide, double low)
{
    const double m = MIDDLE;
    const struct sut_point side[] = { { m + 40, 150 },         { m + 112, 210 },
                                      { m + 124, 320 },        { m + 118, 410 },
                                      { m + wide * 0.8, 480 }, { m + wide, low - 60 },
                                      { m + wide * 0.6, low }, { m, low + 18 } };
    struct sut_outline *const o = begin(d);
    sut_outline_add(o, m, 142);
    sut_outline_curve(o, side, sizeof(side) / sizeof(side[0]));
    sut_outline_mirror(o, m);
    fill_cloth(d, 0);
    /* The face, and a fold below the chin. */
    sut_outline_ellipse(begin(d), m, 308, 74, 96);
    fill_plain(d, lighter(skin, -22), OPAQUE);
    sut_outline_ellipse(begin(d), m, 312, 70, 90);
    fill_plain(d, skin, OPAQUE);
    const struct sut_point fold[] = { { m - 104, 372 }, { m - 20, 428 }, { m + 108, 388 },
                                      { m + 124, 430 }, { m - 10, 476 }, { m - 112, 420 } };
    sut_outline_curve(begin(d), fold, sizeof(fold) / sizeof(fold[0]));
    fill_cloth(d, 16);
}

static void draw_head(struct drawing *d)
{
    const double m = MIDDLE;
    draw_bust(d);
    if (d->cut->shape == HIJAB) {
        static const int lows[] = { 600, 560, 520 };
        draw_drape(d, 176, lows[d->coverage]);
        return;
    }
    if (d->cut->shape == SHAWL) {
        draw_drape(d, 214, 640);
        for (int x = -190; x <= 190; x += 14) {
            box(d, m + x, 636 - x * x / 900.0, 4, 34);
            fill_cloth(d, -20);
        }
        return;
    }
    const bool is_cap = d->cut->shape == CAP;
    const double top = is_cap ? 176 : 150;
    const struct sut_point side[] = { { m + 60, top + 8 }, { m + 108, top + 60 }, { m + 104, 262 },
                                      { m + 92, 292 },     { m + 60, 262 },       { m, 246 } };
    struct sut_outline *const o = begin(d);
    sut_outline_add(o, m, top);
    sut_outline_curve(o, side, sizeof(side) / sizeof(side[0]));
    sut_outline_mirror(o, m);
    fill_cloth(d, 0);
    for (int i = 0; !is_cap && i < 3; i++) {
        const double y = top + 34 + i * 30;
        const struct sut_point band[] = {
            { m - 104, y + 40 - i * 6 }, { m, y - 12 }, { m + 106, y + 24 },
            { m + 104, y + 38 },         { m, y + 10 }, { m - 100, y + 56 - i * 6 }
        };
        sut_outline_curve(begin(d), band, sizeof(band) / sizeof(band[0]));
        fill_cloth(d, i % 2 == 0 ? 20 : -22);
    }
    if (!is_cap) {
        sut_outline_ellipse(begin(d), m, top + 62, 20, 26);
        fill_cloth(d, 30);
    }
}

/* --- all of it --- */

/* Of a colour that the garment stands out from. */
static struct sut_colour wall_for(size_t i, struct sut_colour garment)
{
    static const struct sut_colour walls[] = {
        { 238, 232, 224 }, { 228, 234, 232 }, { 236, 228, 232 }, { 230, 232, 240 }
    };
    const bool is_light = garment.r + garment.g + garment.b > 560;
    return lighter(walls[i % (sizeof(walls) / sizeof(walls[0]))], is_light ? -52 : 0);
}

void sut_demo_picture_draw(size_t i, unsigned char to[SUT_DEMO_PICTURE_BYTES])
{
    const size_t kind = i % SUT_DEMO_KINDS;
    const size_t round = i / SUT_DEMO_KINDS;
    /* As demo.c chooses them. */
    struct drawing d = {
        .canvas = { .rgb = to, .w = SUT_DEMO_PICTURE_W, .h = SUT_DEMO_PICTURE_H },
        .cloth = { .colour = colours[i * 3 % SUT_DEMO_COLORS],
                   .fabric = (i * 5 + round) % SUT_DEMO_FABRICS },
        .cut = &cuts[kind],
        .coverage = (i + round) % 3,
    };
    for (int k = 0; k < WAVE; k++)
        d.wave[k] = (signed char) lround(100 * sin(2 * M_PI * k / WAVE));
    d.cloth.wave = d.wave;
    const struct sut_colour wall = wall_for(i, d.cloth.colour);
    sut_canvas_flood(&d.canvas, paint_room, &wall);
    sut_outline_ellipse(begin(&d), MIDDLE, 702, 190, 14);
    fill_plain(&d, shade, 46);
    switch (d.cut->shape) {
    case GARMENT:
        draw_garment(&d);
        break;
    case SKIRT:
        draw_skirt(&d);
        break;
    case TROUSERS:
        draw_trousers(&d);
        break;
    case HIJAB:
    case SHAWL:
    case TURBAN:
    case CAP:
        draw_head(&d);
        break;
    }
}
