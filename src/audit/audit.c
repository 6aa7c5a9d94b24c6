/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/audit.h"

#include "base/buf.h"
#include "store/audit_row.h"

enum { ACTION_MAX = 50 };

#define X(name, text) _Static_assert(sizeof(text) - 1 <= ACTION_MAX, text " is too long");
#include "audit/actions.def"
#undef X

static const char *const names[] = {
#define X(name, text) [SUT_ACTION_##name] = (text),
#include "audit/actions.def"
#undef X
};

const char *sut_action_name(enum sut_action action)
{
    return names[action];
}

SUT_ERR sut_audit_write(struct sut_db_conn *c, enum sut_action action, int64_t user_id,
                        sut_str resource, sut_str addr, sut_ms now)
{
    ENSURE(resource.n <= SUT_AUDIT_RESOURCE_MAX && addr.n <= SUT_AUDIT_ADDR_MAX, INVALID);
    const struct sut_audit_row row = {
        .user_id = user_id,
        .action = sut_str_from(names[action]),
        .resource = resource,
        .ip = addr,
        .at = now,
    };
    return sut_audit_row_insert(c, &row);
}

/* Append text to the array, as far as it has room. */
static size_t put(char *to, size_t cap, size_t at, const char *text)
{
    for (; *text != '\0' && at < cap; text++)
        to[at++] = *text;
    return at;
}

SUT_ERR sut_audit_write_id(struct sut_db_conn *c, enum sut_action action, int64_t user_id,
                           const char *kind, int64_t id, sut_str addr, sut_ms now)
{
    char text[SUT_AUDIT_RESOURCE_MAX];
    char digits[24];
    size_t n = sizeof(digits);
    digits[--n] = '\0';
    for (uint64_t v = (uint64_t) id; v > 0 || digits[n] == '\0'; v /= 10)
        digits[--n] = (char) ('0' + v % 10);
    size_t used = put(text, sizeof(text), 0, kind);
    used = put(text, sizeof(text), used, ":");
    used = put(text, sizeof(text), used, digits + n);
    return sut_audit_write(c, action, user_id, sut_str_of(text, used), addr, now);
}
