/* SPDX-License-Identifier: Apache-2.0 */
#include "http/message.h"

static const char *const methods[] = {
    [SUT_GET] = "GET",         [SUT_HEAD] = "HEAD",          [SUT_POST] = "POST",
    [SUT_PUT] = "PUT",         [SUT_PATCH] = "PATCH",        [SUT_DELETE] = "DELETE",
    [SUT_OPTIONS] = "OPTIONS", [SUT_METHOD_OTHER] = "OTHER",
};

const char *sut_method_name(enum sut_method m)
{
    return methods[m];
}

void sut_response_header(struct sut_http_response *r, sut_str name, sut_str value)
{
    SUT_BUG_IF(r->n_headers >= SUT_RESPONSE_HEADERS_MAX);
    r->headers[r->n_headers++] = (struct sut_header){ .name = name, .value = value };
}

struct status {
    int code;
    const char *text;
};

/* RFC 9110 section 15 and RFC 6585, those that we send. */
static const struct status statuses[] = {
    { 100, "Continue" },
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 402, "Payment Required" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
};

const char *sut_status_text(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (statuses[i].code == status)
            return statuses[i].text;
    return "";
}
