/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1.h"

const sut_str sut_h1_continue = SUT_STR_INIT("HTTP/1.1 100 Continue\r\n\r\n");

/* Eight bytes at once: true when one of them may be below a blank. */
static bool may_have_control(const char *p)
{
    uint64_t w = 0;
    memcpy(&w, p, sizeof(w));
    return ((w - UINT64_C(0x2020202020202020)) & ~w & UINT64_C(0x8080808080808080)) != 0;
}

static bool has_line_break(sut_str s)
{
    size_t i = 0;
    while (s.n - i >= sizeof(uint64_t) && !may_have_control(s.p + i))
        i += sizeof(uint64_t);
    for (; i < s.n; i++)
        if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
            return true;
    return false;
}

static void add_field(struct sut_buf *b, sut_str name, sut_str value)
{
    /* Whoever lets input into a field has to have judged it. */
    SUT_BUG_IF(name.n == 0 || has_line_break(name) || has_line_break(value));
    sut_buf_str_add(b, name);
    sut_buf_lit(b, ": ");
    sut_buf_str_add(b, value);
    sut_buf_lit(b, "\r\n");
}

static void add_status_line(struct sut_buf *b, int status)
{
    const char *text = sut_status_text(status);
    SUT_BUG_IF(text[0] == '\0');
    sut_buf_lit(b, "HTTP/1.1 ");
    sut_buf_u64(b, (uint64_t) status);
    sut_buf_char(b, ' ');
    sut_buf_z(b, text);
    sut_buf_lit(b, "\r\n");
}

/* RFC 9110 8.6: no length where there can be no content. */
static bool has_length(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

void sut_h1_render_head(struct sut_buf *b, const struct sut_http_response *res,
                        const struct sut_h1_answer *answer)
{
    add_status_line(b, res->status);
    if (res->fixed != NULL)
        sut_buf_str_add(b, res->fixed->h1_text);
    for (size_t i = 0; i < res->n_headers; i++)
        add_field(b, res->headers[i].name, res->headers[i].value);
    if (has_length(res->status)) {
        sut_buf_lit(b, "Content-Length: ");
        sut_buf_u64(b, res->shared != NULL ? sut_bytes_str(res->shared).n : res->body.n);
        sut_buf_lit(b, "\r\n");
    }
    if (answer->date.n > 0)
        add_field(b, SUT_STR("Date"), answer->date);
    if (!answer->keep_alive || res->close)
        sut_buf_lit(b, "Connection: close\r\n");
    sut_buf_lit(b, "\r\n");
}
