/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl signs requests too: what it sends to a listener of the test's own is signed again here,
 * and both must come to the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/scan.h"
#include "courier/curl.h"
#include "courier/sigv4.h"
#include "os/fd.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static const char access_key[] = "AKIDSECONDOPINION";
static const char secret_key[] = "secret/with+signs=";

struct listener {
    int fd;
    uint16_t port;
    pthread_t thread;
    char text[65536]; /* the request */
    size_t n;
};

/* All of its head; the body is not looked at, its digest is told. */
static void *listen_once(void *arg)
{
    struct listener *l = arg;
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    int fd = accept(l->fd, NULL, NULL);
    while (fd >= 0 && l->n < sizeof(l->text) && memmem(l->text, l->n, "\r\n\r\n", 4) == NULL) {
        const ssize_t got = recv(fd, l->text + l->n, sizeof(l->text) - l->n, 0);
        if (got <= 0)
            break;
        l->n += (size_t) got;
    }
    if (fd >= 0)
        (void) send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
    if (fd >= 0) {
        (void) shutdown(fd, SHUT_WR);
        while (recv(fd, l->text + sizeof(l->text) - 64, 64, 0) > 0)
            ;
    }
    sut_fd_close(&fd);
    return NULL;
}

static void begin(struct listener *l)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t n = sizeof(at);
    *l = (struct listener){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    assert_int_equal(bind(l->fd, (const struct sockaddr *) &at, sizeof(at)), 0);
    assert_int_equal(listen(l->fd, 1), 0);
    assert_int_equal(getsockname(l->fd, (struct sockaddr *) &at, &n), 0);
    l->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&l->thread, NULL, listen_once, l), 0);
}

static void finish(struct listener *l)
{
    (void) pthread_join(l->thread, NULL);
    sut_fd_close(&l->fd);
}

static size_t ignore_body(char *p, size_t one, size_t n, void *arg)
{
    (void) p;
    (void) arg;
    return one * n;
}

static struct sut_curl curl;

/* What it asks for. */
struct asked {
    const char *method;
    const char *path; /* with its query */
    const char *body; /* NULL: none */
    const char *type;
};

static void send_signed(const struct listener *l, const struct asked *q)
{
    char url[512];
    char userpwd[256];
    int running = 0;
    struct curl_slist *headers = NULL;
    CURL *const easy = curl.curl_easy_init();
    CURLM *const multi = curl.curl_multi_init();
    (void) snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", l->port, q->path);
    (void) snprintf(userpwd, sizeof(userpwd), "%s:%s", access_key, secret_key);
    assert_non_null(easy);
    (void) curl.curl_easy_setopt(easy, CURLOPT_URL, url);
    (void) curl.curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void) curl.curl_easy_setopt(easy, CURLOPT_USERPWD, userpwd);
    (void) curl.curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_body);
    (void) curl.curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, q->method);
    if (q->type != NULL)
        headers = curl.curl_slist_append(headers, q->type);
    headers = curl.curl_slist_append(headers, "Expect:");
    (void) curl.curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (q->body != NULL)
        (void) curl.curl_easy_setopt(easy, CURLOPT_POSTFIELDS, q->body);
    assert_int_equal(curl.curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, "aws:amz:eu-central-1:s3"),
                     CURLE_OK);
    (void) curl.curl_multi_add_handle(multi, easy);
    do {
        assert_int_equal(curl.curl_multi_perform(multi, &running), CURLM_OK);
        (void) curl.curl_multi_poll(multi, NULL, 0, 100, NULL);
    } while (running > 0);
    (void) curl.curl_multi_remove_handle(multi, easy);
    curl.curl_easy_cleanup(easy);
    (void) curl.curl_multi_cleanup(multi);
    curl.curl_slist_free_all(headers);
}

/* The value of a header of the request; empty: it has none. */
static sut_str header_of(const struct listener *l, sut_str name)
{
    struct sut_scan c = sut_scan_of(sut_str_of(l->text, l->n));
    while (!sut_scan_at_end(&c)) {
        const sut_str line = sut_str_trim(sut_scan_until(&c, '\n'));
        (void) sut_scan_char(&c, '\n');
        const size_t colon = sut_str_find(line, 0, ':');
        if (colon < line.n && sut_str_eq_nocase(sut_str_sub(line, 0, colon), name))
            return sut_str_trim(sut_str_sub(line, colon + 1, line.n));
    }
    return SUT_STR("");
}

/* "SignedHeaders=a;b" of the Authorization header, as pairs. */
static size_t signed_headers(const struct listener *l, sut_str said, struct sut_sigv4_pair *ret)
{
    static const char mark[] = "SignedHeaders=";
    const char *const at = memmem(said.p, said.n, mark, sizeof(mark) - 1);
    size_t n = 0;
    assert_non_null(at);
    sut_str names = sut_str_sub(said, (size_t) (at - said.p) + sizeof(mark) - 1, said.n);
    names = sut_str_sub(names, 0, sut_str_find(names, 0, ','));
    struct sut_scan c = sut_scan_of(names);
    while (!sut_scan_at_end(&c)) {
        const sut_str name = sut_scan_until(&c, ';');
        (void) sut_scan_char(&c, ';');
        ret[n++] = (struct sut_sigv4_pair){ name, header_of(l, name) };
    }
    return n;
}

static void compare(const struct asked *q)
{
    static struct listener l;
    struct sut_sigv4_pair headers[SUT_SIGV4_PAIRS_MAX];
    unsigned char digest[SUT_SHA256_SIZE];
    char hex[2 * SUT_SHA256_SIZE];
    struct sut_buf b = { .p = hex, .cap = sizeof(hex), .max = sizeof(hex) };
    struct sut_buf made;
    begin(&l);
    send_signed(&l, q);
    finish(&l);
    const sut_str said = header_of(&l, SUT_STR("authorization"));
    const sut_str when = header_of(&l, SUT_STR("x-amz-date"));
    assert_true(sut_str_starts(said, SUT_STR("AWS4-HMAC-SHA256 ")));
    assert_int_equal(when.n, SUT_SIGV4_TIME);
    sut_sha256(sut_str_from(q->body == NULL ? "" : q->body), digest);
    sut_buf_hex(&b, digest, sizeof(digest));
    const sut_str path = sut_str_from(q->path);
    struct sut_sigv4 s = {
        .access_key = sut_str_from(access_key),
        .secret_key = sut_str_from(secret_key),
        .region = SUT_STR("eu-central-1"),
        .service = SUT_STR("s3"),
        .method = sut_str_from(q->method),
        .path = sut_str_sub(path, 0, sut_str_find(path, 0, '?')),
        .headers = headers,
        .n_headers = signed_headers(&l, said, headers),
        .body_digest = sut_buf_str(&b),
    };
    const struct sut_sigv4_pair query = { SUT_STR("acl"), SUT_STR("") };
    s.query = &query;
    s.n_query = sut_str_find(path, 0, '?') < path.n ? 1 : 0;
    memcpy(s.time, when.p, when.n);
    sut_buf_init(&made, SUT_SIGV4_TEXT_MAX);
    OK(sut_sigv4_authorization(&s, &made));
    if (!sut_str_eq(sut_buf_str(&made), said))
        fail_msg("%s %s\nit says: %.*s\nwe say:  %.*s", q->method, q->path, SUT_STR_ARG(said),
                 SUT_STR_ARG(sut_buf_str(&made)));
    sut_buf_done(&made);
}

static void libcurl_signs_the_same(void **state)
{
    (void) state;
    struct sut_diag diag;
    OK(sut_curl_load(&curl, &diag));
    static const struct asked asked[] = {
        { "GET", "/", NULL, NULL },
        { "GET", "/shop-pictures/AAAAAAAAAAAAAAAAAAAAAA-s.jpg", NULL, NULL },
        { "GET", "/storage/v1/s3/shop/_-.~aZ09", NULL, NULL },
        { "GET", "/shop-pictures?acl=", NULL, NULL },
        { "DELETE", "/shop-pictures/AAAAAAAAAAAAAAAAAAAAAA.webp", NULL, NULL },
        { "PUT", "/shop-pictures/name.png", "the bytes of a picture", "Content-Type: image/png" },
        { "PUT", "/shop-pictures/name.png", "", "Content-Type: image/png" },
    };
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
        compare(&asked[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(libcurl_signs_the_same) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
