/* SPDX-License-Identifier: Apache-2.0
 *
 * request - the request line, the fields and the body of HTTP/1.1: no input
 * crashes the reader, and how the bytes are cut changes nothing.
 */
#include "../unit/http/h1_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(bool ok)
{
    SUT_BUG_IF(!ok);
}

static void check_request(const struct sut_http_request *q)
{
    require(q->n_headers >= 1 && q->n_headers <= sut_h1_limits_default.fields_n_max);
    require(q->known_n[SUT_H_HOST] == 1 && q->authority.n > 0);
    require(q->path.n > 0 && q->minor <= 1);
    require(q->body.n <= READER_BODY_MAX && (!q->has_length || q->body.n == q->length));
    for (size_t i = 0; i < q->n_headers; i++) {
        const struct sut_header *h = &q->headers[i];
        require(h->name.n > 0);
        for (size_t k = 0; k < h->value.n; k++)
            require(h->value.p[k] != '\r' && h->value.p[k] != '\n' && h->value.p[k] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct reader whole, cut;
    reader_init(&whole);
    reader_init(&cut);
    const size_t piece = n == 0 ? 1 : 1U + (size_t) data[n - 1] % 16;
    reader_run(&whole, (const char *) data, n, 0, READER_BODY_MAX);
    reader_run(&cut, (const char *) data, n, piece, READER_BODY_MAX);
    require(whole.last == cut.last && whole.status == cut.status);
    require(whole.saw_head == cut.saw_head);
    if (whole.last == SUT_H1_COMPLETE) {
        require(whole.used == cut.used);
        require(sut_str_eq(whole.req->body, cut.req->body));
        check_request(whole.req);
        check_request(cut.req);
    }
    reader_done(&cut);
    reader_done(&whole);
    return 0;
}
