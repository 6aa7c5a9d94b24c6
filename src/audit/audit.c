/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/audit.h"

#include "base/buf.h"
#include "codec/json_out.h"
#include "store/audit_row.h"

enum { ACTION_MAX = 50, CHANGE_MAX = 2 * SUT_AUDIT_STATE_MAX + 64 };

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

/* "user:12"; `to` is SUT_AUDIT_RESOURCE_MAX long. */
static sut_str resource_of(const char *kind, int64_t id, char *to)
{
    char digits[24];
    size_t n = sizeof(digits);
    digits[--n] = '\0';
    for (uint64_t v = (uint64_t) id; v > 0 || digits[n] == '\0'; v /= 10)
        digits[--n] = (char) ('0' + v % 10);
    size_t used = put(to, SUT_AUDIT_RESOURCE_MAX, 0, kind);
    used = put(to, SUT_AUDIT_RESOURCE_MAX, used, ":");
    used = put(to, SUT_AUDIT_RESOURCE_MAX, used, digits + n);
    return sut_str_of(to, used);
}

SUT_ERR sut_audit_write_id(struct sut_db_conn *c, enum sut_action action, int64_t user_id,
                           const char *kind, int64_t id, sut_str addr, sut_ms now)
{
    char text[SUT_AUDIT_RESOURCE_MAX];
    return sut_audit_write(c, action, user_id, resource_of(kind, id, text), addr, now);
}

static SUT_ERR add_state(struct sut_buf *b, sut_str state)
{
    if (state.n == 0) {
        sut_buf_lit(b, "null");
        return SUT_OK;
    }
    ENSURE(state.n >= 2 && state.p[0] == '{' && state.p[state.n - 1] == '}', INVALID);
    if (state.n > SUT_AUDIT_STATE_MAX) {
        sut_buf_lit(b, "{\"cut\":");
        sut_buf_u64(b, state.n);
        sut_buf_char(b, '}');
    } else {
        sut_buf_str_add(b, state);
    }
    return SUT_OK;
}

SUT_ERR sut_audit_write_change(struct sut_db_conn *c, enum sut_action action, int64_t user_id,
                               const char *kind, int64_t id, sut_str before, sut_str after,
                               sut_str addr, sut_ms now)
{
    char resource[SUT_AUDIT_RESOURCE_MAX];
    char bytes[CHANGE_MAX];
    struct sut_buf b = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
    ENSURE(addr.n <= SUT_AUDIT_ADDR_MAX, INVALID);
    sut_buf_lit(&b, "{\"before\":");
    TRY(add_state(&b, before));
    sut_buf_lit(&b, ",\"after\":");
    TRY(add_state(&b, after));
    sut_buf_char(&b, '}');
    TRY(sut_buf_check(&b));
    const struct sut_audit_row row = {
        .user_id = user_id,
        .action = sut_str_from(names[action]),
        .resource = resource_of(kind, id, resource),
        .change = sut_buf_str(&b),
        .ip = addr,
        .at = now,
    };
    return sut_audit_row_insert(c, &row);
}

void sut_audit_text(struct sut_jw *w, sut_str text)
{
    static const char more[] = "\xE2\x80\xA6";
    char bytes[SUT_AUDIT_TEXT_MAX];
    if (text.n <= sizeof(bytes)) {
        sut_jw_str(w, text.p == NULL ? SUT_STR("") : text);
        return;
    }
    size_t n = sizeof(bytes) - (sizeof(more) - 1);
    /* not within a character */
    while (n > 0 && ((unsigned char) text.p[n] & 0xC0) == 0x80)
        n--;
    memcpy(bytes, text.p, n);
    memcpy(bytes + n, more, sizeof(more) - 1);
    sut_jw_str(w, sut_str_of(bytes, n + sizeof(more) - 1));
}
