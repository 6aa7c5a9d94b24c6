/* SPDX-License-Identifier: Apache-2.0
 *
 * The one tag of EXIF (CIPA DC-008) that changes how a picture looks.
 */
#include <stdint.h>
#include <string.h>

#include "darkroom/formats.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY = 12, ENTRIES_MAX = 512 };

struct tiff {
    const unsigned char *p;
    size_t n;
    bool is_big_endian;
};

static bool has(const struct tiff *t, uint64_t at, size_t n)
{
    return at <= t->n && n <= t->n - at;
}

static uint32_t u16_at(const struct tiff *t, uint64_t at)
{
    const unsigned char *const b = t->p + at;
    return t->is_big_endian ? (uint32_t) b[0] << 8 | b[1] : (uint32_t) b[1] << 8 | b[0];
}

static uint32_t u32_at(const struct tiff *t, uint64_t at)
{
    return t->is_big_endian ? u16_at(t, at) << 16 | u16_at(t, at + 2)
                            : u16_at(t, at + 2) << 16 | u16_at(t, at);
}

static unsigned find(const struct tiff *t)
{
    const uint64_t folder = u32_at(t, 4);
    if (!has(t, folder, 2))
        return 1;
    const uint32_t n = u16_at(t, folder);
    for (uint32_t i = 0; i < n && i < ENTRIES_MAX; i++) {
        const uint64_t entry = folder + 2 + (uint64_t) i * ENTRY;
        if (!has(t, entry, ENTRY))
            return 1;
        if (u16_at(t, entry) != TAG_ORIENTATION)
            continue;
        const uint32_t v = u16_at(t, entry + 8);
        return u16_at(t, entry + 2) == TYPE_SHORT && v >= 1 && v <= 8 ? v : 1;
    }
    return 1;
}

unsigned sut_exif_orientation(sut_str segment)
{
    static const char mark[] = { 'E', 'x', 'i', 'f', 0, 0 };
    if (segment.n < sizeof(mark) + 8 || memcmp(segment.p, mark, sizeof(mark)) != 0)
        return 1;
    struct tiff t = { .p = (const unsigned char *) segment.p + sizeof(mark),
                      .n = segment.n - sizeof(mark) };
    t.is_big_endian = t.p[0] == 'M';
    if ((memcmp(t.p, "MM", 2) != 0 && memcmp(t.p, "II", 2) != 0) || u16_at(&t, 2) != 42)
        return 1;
    return find(&t);
}
