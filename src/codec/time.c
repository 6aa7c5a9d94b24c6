/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/time.h"

#include <time.h>

#include "base/scan.h"

static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static const int64_t first_s = -62135596800; /* 0001-01-01T00:00:00Z */
static const int64_t last_s = 253402300799;  /* 9999-12-31T23:59:59Z */

/* The broken-down time, each part within its range whatever t is. */
static struct tm civil(sut_ms t)
{
    int64_t s = t.v / 1000 - (t.v % 1000 < 0 ? 1 : 0);
    s = s < first_s ? first_s : s > last_s ? last_s : s;

    const time_t at = (time_t) s;
    struct tm tm = { 0 };
    (void) gmtime_r(&at, &tm);
    return tm;
}

static void clock_of_day(struct sut_buf *out, const struct tm *tm)
{
    sut_buf_pad(out, (uint64_t) tm->tm_hour, 2);
    sut_buf_char(out, ':');
    sut_buf_pad(out, (uint64_t) tm->tm_min, 2);
    sut_buf_char(out, ':');
    sut_buf_pad(out, (uint64_t) tm->tm_sec, 2);
}

void sut_time_iso(struct sut_buf *out, sut_ms t)
{
    const struct tm tm = civil(t);
    sut_buf_pad(out, (uint64_t) (tm.tm_year + 1900), 4);
    sut_buf_char(out, '-');
    sut_buf_pad(out, (uint64_t) (tm.tm_mon + 1), 2);
    sut_buf_char(out, '-');
    sut_buf_pad(out, (uint64_t) tm.tm_mday, 2);
    sut_buf_char(out, 'T');
    clock_of_day(out, &tm);
    sut_buf_char(out, 'Z');
}

/* Take a separator and then two digits of at most `max`. */
static SUT_ERR part(struct sut_scan *c, char before, uint64_t max, int *ret)
{
    uint64_t v = 0;
    ENSURE(sut_scan_char(c, before), PARSE);
    TRY(sut_scan_fixed(c, 2, &v));
    ENSURE(v <= max, PARSE);
    *ret = (int) v;
    return SUT_OK;
}

SUT_ERR sut_time_parse_iso(sut_str text, sut_ms *ret)
{
    struct sut_scan c = sut_scan_of(text);
    struct tm tm = { 0 };
    uint64_t year = 0;
    TRY(sut_scan_fixed(&c, 4, &year));
    TRY(part(&c, '-', 12, &tm.tm_mon));
    TRY(part(&c, '-', 31, &tm.tm_mday));
    TRY(part(&c, 'T', 23, &tm.tm_hour));
    TRY(part(&c, ':', 59, &tm.tm_min));
    TRY(part(&c, ':', 59, &tm.tm_sec));
    ENSURE(sut_scan_char(&c, 'Z') && sut_scan_at_end(&c), PARSE);
    ENSURE(year > 0 && tm.tm_mon > 0 && tm.tm_mday > 0, PARSE);

    tm.tm_year = (int) year - 1900;
    tm.tm_mon -= 1;
    const struct tm asked = tm;
    const time_t at = timegm(&tm);
    /* timegm carries 30 February over into March: then it is another day than the text says. */
    ENSURE(tm.tm_mday == asked.tm_mday && tm.tm_mon == asked.tm_mon, PARSE);
    ret->v = (int64_t) at * 1000;
    return SUT_OK;
}

void sut_time_http(struct sut_buf *out, sut_ms t)
{
    const struct tm tm = civil(t);
    sut_buf_z(out, days[tm.tm_wday]);
    sut_buf_lit(out, ", ");
    sut_buf_pad(out, (uint64_t) tm.tm_mday, 2);
    sut_buf_char(out, ' ');
    sut_buf_z(out, months[tm.tm_mon]);
    sut_buf_char(out, ' ');
    sut_buf_pad(out, (uint64_t) (tm.tm_year + 1900), 4);
    sut_buf_char(out, ' ');
    clock_of_day(out, &tm);
    sut_buf_lit(out, " GMT");
}
