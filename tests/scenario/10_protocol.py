# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 on the wire: its limits, and every shape by which requests are smuggled (control D4)."""
import json
import re
import resource
import select
import socket
import time

from sutler import also_tls, lasting_port, new_email, only
import headers as header_rules
import openapi
import pictures
from wire import WireError

HOST = b"Host: localhost\r\n"


def exchange(ctx, data, method="GET", server=None):
    """Send raw bytes on a fresh connection: (its first answer, the connection)."""
    server = server or ctx.server()
    conn = server.conn(ctx.tls)
    conn.send(data)
    return conn.read(method), conn


def refused(ctx, data, *statuses, closes=True, **more):
    """The bytes are refused with one of the statuses, in the contract's shape, and the end follows."""
    server = ctx.server()
    answer, conn = exchange(ctx, data, **more)
    with conn:
        assert answer.status in statuses, (statuses, answer, data[:200])
        # Whether the path was known by then is not the point here: the shape and headers are.
        openapi.Document(server.schema().raw).check("GET", "/nowhere", answer, refused=True)
        wrong = header_rules.faults(answer, server.preset, ctx.tls)
        assert not wrong, (wrong, data[:200])
        if closes:
            assert conn.is_ended(), f"the connection stays open after {data[:200]!r}"
            assert answer.closed, f"no 'Connection: close' after {data[:200]!r}"
    return answer


@also_tls
def test_answers_a_plain_request_and_keeps_the_connection(ctx):
    with ctx.client() as client:
        for _ in range(3):
            assert client.get("/healthz").json == {"status": "ok"}
        first = client.conn
        health = client.get("/health")
        assert health.status == 200 and health.json == {"status": "ok", "checks": {"store": "ok", "counters": "ok"}}, health
        assert client.conn is first


def test_http_1_0_is_answered_and_closed(ctx):
    answer, conn = exchange(ctx, b"GET /healthz HTTP/1.0\r\n" + HOST + b"\r\n")
    with conn:
        assert answer.status == 200 and conn.is_ended()


def test_connection_close_is_honoured(ctx):
    answer, conn = exchange(ctx, b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    with conn:
        assert answer.status == 200 and answer.closed and conn.is_ended()


@also_tls
def test_both_lengths_are_refused(ctx):
    body = b"0\r\n\r\nGET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    for head in (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    ):
        refused(ctx, b"POST /api/users/login/ HTTP/1.1\r\n" + HOST + head + b"\r\n" + body, 400)


def test_lengths_that_are_no_number_or_two_are_refused(ctx):
    for length in (b"5\r\nContent-Length: 6", b"5\r\nContent-Length: 5", b"5, 5", b"+5", b"-1", b"0x5",
                   b"5 ", b"5a", b"", b"1 2", b"18446744073709551616", b"99999999999999999999999"):
        answer, conn = exchange(
            ctx, b"POST /api/users/login/ HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
            b"Content-Length: " + length + b"\r\n\r\n{}abc")
        with conn:
            if length == b"5 ":  # trailing blanks around a value are allowed: 5 bytes are read
                assert answer.status in (400, 401), (length, answer)
                continue
            assert answer.status in (400, 413), (length, answer)
            assert conn.is_ended(), length


@also_tls
def test_transfer_codings_other_than_chunked_are_refused(ctx):
    for coding in (b"gzip", b"gzip, chunked", b"chunked, chunked", b"chunked, gzip", b"identity",
                   b"xchunked", b"chunked\r\nTransfer-Encoding: identity", b"\x0bchunked", b"chunked;q=1",
                   b"\"chunked\"", b"chunked,", b",chunked", b""):
        refused(ctx, b"POST /api/users/login/ HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: " + coding +
                b"\r\n\r\n0\r\n\r\n", 400, 501)


def test_transfer_encoding_in_http_1_0_is_refused(ctx):
    refused(ctx, b"POST /api/users/login/ HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\n", 400)


@also_tls
def test_bad_chunks_are_refused(ctx):
    head = (b"POST /api/users/login/ HTTP/1.1\r\n" + HOST +
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    for body in (b"g\r\nx\r\n0\r\n\r\n", b"-1\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n", b"\r\n\r\n", b"2\r\n{}0\r\n\r\n",
                 b"2\n{}\r\n0\r\n\r\n", b"1\r\n{}\r\n0\r\n\r\n", b"fffffffffffffffff\r\n", b"2 \r\n{}\r\n0\r\n\r\n",
                 b"2\r\n{}\n0\r\n\r\n", b" 2\r\n{}\r\n0\r\n\r\n"):
        refused(ctx, head + body, 400, 413)


def test_a_length_in_a_trailer_is_refused(ctx):
    for name in (b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: evil.example"):
        refused(ctx, b"POST /api/users/login/ HTTP/1.1\r\n" + HOST +
                b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"2\r\n{}\r\n0\r\n" + name + b"\r\n\r\n", 400)


@also_tls
def test_chunks_are_put_together(ctx):
    answer, conn = exchange(
        ctx, b"POST /api/users/login/ HTTP/1.1\r\n" + HOST +
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n")
    with conn:
        assert answer.status == 400 and b"Email and password are required" in answer.body, answer


def test_obsolete_folding_is_refused(ctx):
    for blank in (b" ", b"\t"):
        refused(ctx, b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" + blank + b"c\r\n\r\n", 400)
        refused(ctx, b"GET /healthz HTTP/1.1\r\n" + blank + b"X: y\r\n" + HOST + b"\r\n", 400)


def test_bare_carriage_return_or_line_feed_is_refused(ctx):
    for data in (b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
                 b"GET /healthz HTTP/1.1\r\nHost: localhost\n\r\n",
                 b"GET /healthz HTTP/1.1\rHost: localhost\r\r",
                 b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: b\rc\r\n\r\n",
                 b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: b\nX-B: c\r\n\r\n",
                 b"GET /healthz HTTP/1.1\r\r\n" + HOST + b"\r\n"):
        refused(ctx, data, 400)


def test_a_space_before_the_colon_is_refused(ctx):
    for line in (b"Content-Length : 5", b"Content-Length\t: 5", b"X-A : b", b" X-A: b", b": b", b"X A: b",
                 b"X-A", b"X\x00A: b", b"X-A: b\x00c", b"X-\xe9: b", b"X(A: b", b"Host : localhost"):
        refused(ctx, b"GET /healthz HTTP/1.1\r\n" + HOST + line + b"\r\n\r\n", 400)


@also_tls
def test_request_lines_that_are_none_are_refused(ctx):
    for line in (b"GET /healthz", b"GET  /healthz HTTP/1.1", b"GET /healthz  HTTP/1.1", b" GET /healthz HTTP/1.1",
                 b"GET /healthz HTTP/1.1 ", b"GET\t/healthz\tHTTP/1.1", b"GET /healthz HTTP/2.0",
                 b"GET /healthz HTTP/1.2", b"GET /healthz HTTP/0.9", b"GET /healthz HTTP/3.0",
                 b"GET /healthz http/1.1", b"GET /healthz HTTP/1.", b"GET /healthz HTTP/11",
                 b"GET /healthz ICE/1.0", b"GET /healthz RTSP/1.0", b"SOURCE /healthz ICE/1.0",
                 b"GET /hea\x00lthz HTTP/1.1", b"GET /hea\x7flthz HTTP/1.1", b"GET healthz HTTP/1.1",
                 b"\x16\x03\x01\x02\x00\x01\x00", b"PRI * HTTP/2.0", b"", b"\r\n"):
        refused(ctx, line + b"\r\n" + HOST + b"\r\n", 400, 405, 501, 505)


def test_leading_blank_lines_are_refused(ctx):
    for lead in (b"\r\n", b"\r\n\r\n", b"\n", b" \r\n"):
        refused(ctx, lead + b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400)


@also_tls
def test_exactly_one_host(ctx):
    refused(ctx, b"GET /healthz HTTP/1.1\r\n\r\n", 400)
    refused(ctx, b"GET /healthz HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400)
    refused(ctx, b"GET /healthz HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n\r\n", 400)
    refused(ctx, b"GET /healthz HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n", 400)
    refused(ctx, b"GET http://evil.example/healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400)
    refused(ctx, b"GET http://localhost@evil.example/healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400)


def test_hosts_that_are_not_ours_are_400_on_every_kind_of_route(ctx):
    client = ctx.client()
    for host in ("evil.example", "localhost.evil.example", "xlocalhost", "localhost:99999", "localhost:x",
                 "localhost/", "user@localhost", "localhost#", "", "[::1", "127.0.0.1.evil.example",
                 "local\u00adhost", "localhost evil"):
        for path in ("/healthz", "/", "/docs/", "/api/schema/", "/api/catalog/products/", "/nowhere/",
                     "/api/users/profile/", "/api/v1/users/me/"):
            answer = client.get(path, headers={"Host": host}, check=False)
            assert answer.status == 400, (host, path, answer)
            openapi.Document(ctx.server().schema().raw).check("GET", path, answer, refused=True)


def test_our_host_in_any_case_and_with_its_port(ctx):
    client = ctx.client()
    port = ctx.server().port
    for host in ("LOCALHOST", f"localhost:{port}", f"127.0.0.1:{port}", "127.0.0.1", "localhost."):
        answer = client.get("/healthz", headers={"Host": host}, check=False)
        assert answer.status == (200 if host != "localhost." else answer.status), (host, answer)


def test_forwarded_headers_change_nothing(ctx):
    client = ctx.client()
    forged = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example;proto=https",
              "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "X-Original-URL": "/api/v1/users/",
              "X-Rewrite-URL": "/api/v1/users/", "X-HTTP-Method-Override": "DELETE"}
    answer = client.get("/api/catalog/products/?page_size=1", headers=forged)
    assert answer.status == 200
    assert b"evil.example" not in answer.body and answer.get("Strict-Transport-Security") is None


def test_the_request_line_is_bounded(ctx):
    path = b"/api/catalog/products/?search=" + b"a" * 7000
    answer, conn = exchange(ctx, b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    conn.close()
    assert answer.status != 414, answer
    refused(ctx, b"GET /" + b"a" * 8300 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414)
    # Without an end it is refused as soon as it is too long.
    refused(ctx, b"GET /" + b"a" * 30000, 414)


@also_tls
def test_headers_are_bounded_in_size_and_number(ctx):
    def get(extra):
        return b"GET /healthz HTTP/1.1\r\n" + HOST + extra + b"\r\n"
    answer, conn = exchange(ctx, get(b"X-A: " + b"a" * 15000 + b"\r\n"))
    conn.close()
    assert answer.status == 200
    refused(ctx, get(b"X-A: " + b"a" * 17000 + b"\r\n"), 431)
    answer, conn = exchange(ctx, get(b"X-A: b\r\n" * 98))
    conn.close()
    assert answer.status == 200
    refused(ctx, get(b"X-A: b\r\n" * 101), 431)
    refused(ctx, get(b"A" * 17000 + b": b\r\n"), 431)
    refused(ctx, b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 40000, 431)


@also_tls
def test_the_body_is_bounded_by_its_announcement_and_by_its_bytes(ctx):
    head = b"POST /api/users/login/ HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    refused(ctx, head + b"Content-Length: 65537\r\n\r\n", 413)
    refused(ctx, head + b"Content-Length: 99999999999\r\n\r\n", 413)
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    refused(ctx, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 5, 413)
    refused(ctx, head + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", 413)
    fits = b"{}" + b" " * 65534
    answer, conn = exchange(ctx, head + b"Content-Length: 65536\r\n\r\n" + fits)
    conn.close()
    assert answer.status == 400 and b"required" in answer.body, answer


@also_tls
def test_unknown_paths_and_methods(ctx):
    client = ctx.client()
    answer = client.get("/nowhere/")
    assert answer.status == 404 and answer.json["code"] == "not_found", answer
    answer = client.get("/api/v1/nowhere/")
    assert answer.status == 404 and answer.json["error"]["code"] == 404, answer
    answer = client.post("/api/catalog/products/", {})
    assert answer.status == 405 and answer.json["code"] == "method_not_allowed", answer
    assert "GET" in answer.get("Allow"), answer
    answer = client.delete("/api/users/login/")
    assert answer.status == 405 and "POST" in answer.get("Allow"), answer
    for method in ("BREW", "TRACE", "CONNECT", "PROPFIND", "get", "FOO"):
        answer = client.request(method, "/healthz", check=False)
        assert answer.status in (400, 405, 501), (method, answer)
        client.close()


VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def paths_of(server):
    """(it, a target of it, its methods) of every path of the document."""
    for path, item in server.schema().raw["paths"].items():
        yield path, re.sub(r"\{[^}]*\}", "1", path), {m.upper() for m in item if m.upper() in VERBS}


def test_every_path_names_the_methods_that_it_has(ctx):
    client = ctx.client()
    swept = 0
    for _, target, has in paths_of(ctx.server()):
        want = has | {"OPTIONS"} | ({"HEAD"} if "GET" in has else set())
        for method in set(VERBS) - has:
            answer = client.request(method, target, json={} if method in ("POST", "PUT", "PATCH") else None)
            assert answer.status == 405, (method, target, answer)
            assert {m.strip() for m in answer.get("Allow").split(",")} == want, (method, target, answer.headers)
            if target.startswith("/api/v1/"):
                assert answer.json["error"]["reason"] == "method_not_allowed", (method, target, answer)
            else:
                assert answer.json["code"] == "method_not_allowed", (method, target, answer)
            swept += 1
    assert swept > 200, swept


def test_every_path_without_its_slash(ctx):
    """308 for GET, 404 for all else; /healthz and /health have none."""
    client, server = ctx.client(), ctx.server()
    known = {target for _, target, _ in paths_of(server)}
    swept = 0
    for _, target, _ in paths_of(server):
        bare = target[:-1]
        if not target.endswith("/") or target == "/" or bare in known:
            continue
        for method in VERBS:
            answer = client.request(method, bare, json={} if method in ("POST", "PUT", "PATCH") else None, check=False)
            if method == "GET":
                assert answer.status == 308 and answer.get("Location").endswith(target), (method, bare, answer.headers)
            else:
                assert answer.status == 404, (method, bare, answer)
            swept += 1
    assert swept > 200, swept


def test_a_missing_slash_is_redirected_for_get_alone(ctx):
    client = ctx.client()
    answer = client.get("/api/catalog/products?page=2", check=False)
    assert answer.status == 308, answer
    location = answer.get("Location")
    assert location.endswith("/api/catalog/products/?page=2"), location
    assert "evil" not in location
    assert client.get("/healthz").status == 200
    assert client.get("/healthz/").status == 404
    assert client.post("/api/users/login", {"email": "a@example.com", "password": "x"}).status == 404
    # What looks like a host in a path does not become one.
    for path in ("//evil.example", "//evil.example/..", "/\\evil.example", "/%2f%2fevil.example", "/.//evil.example"):
        answer = client.get(path, check=False)
        location = answer.get("Location") or "/"
        assert answer.status in (400, 404) or not location.startswith(("//", "/\\", "http")), (path, answer)


@also_tls
def test_paths_are_taken_as_they_are(ctx):
    client = ctx.client()
    for path in ("/api/../api/catalog/products/", "/api/./catalog/products/", "/api//catalog/products/",
                 "/API/catalog/products/", "/api/catalog/products/%00/", "/api/catalog/products/..%2f",
                 "/api/catalog/products/1;x/", "/docs/../../etc/passwd", "/docs/%2e%2e/%2e%2e/etc/passwd",
                 "/docs/..%5c..%5cetc", "/api/catalog/products/%ff/", "/api/catalog/products/%zz/",
                 "/api/catalog/products/9223372036854775808/", "/api/catalog/products/-1/",
                 "/api/catalog/products/1e3/", "/api/catalog/products/0x1/", "/api/catalog/products/%31/x/"):
        answer = client.get(path, check=False)
        assert answer.status in (400, 404), (path, answer)
        assert b"root:" not in answer.body


@also_tls
def test_head_is_get_without_its_body(ctx):
    client = ctx.client()
    for path in ("/healthz", "/api/catalog/products/", "/", "/api/schema/", "/docs/"):
        got, head = client.get(path), client.request("HEAD", path)
        assert head.status == got.status == 200
        assert head.body == b"" and head.get("Content-Length") == got.get("Content-Length"), (path, head)
        assert client.get("/healthz").status == 200


@also_tls
def test_expect_continue(ctx):
    server = ctx.server()
    head = b"POST /api/users/login/ HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    with server.conn(ctx.tls) as conn:
        conn.send(head + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        line = conn._line()
        assert line.startswith("HTTP/1.1 100 "), line
        while conn._line():
            pass
        conn.send(b"{}")
        assert conn.read().status == 400
    # A body that will be refused is not asked for.
    answer = refused(ctx, head + b"Content-Length: 70000\r\nExpect: 100-continue\r\n\r\n", 413)
    assert answer.status == 413
    refused(ctx, head + b"Content-Length: 2\r\nExpect: 200-ok\r\n\r\n{}", 417)


@also_tls
def test_pipelined_requests_are_answered_in_order(ctx):
    with ctx.server().conn(ctx.tls) as conn:
        paths = ["/healthz", "/nowhere/", "/api/catalog/products/?page_size=1", "/healthz"] * 8
        conn.send(b"".join(b"GET " + p.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n" for p in paths))
        for path in paths:
            answer = conn.read()
            assert answer.status == (404 if path == "/nowhere/" else 200), (path, answer)
            if path == "/healthz":
                assert answer.json == {"status": "ok"}


@also_tls
def test_after_a_refusal_nothing_that_follows_is_read(ctx):
    """The classic: what a front server took for a body must not become a request."""
    with ctx.server().conn(ctx.tls) as conn:
        conn.send(b"POST /api/users/login/ HTTP/1.1\r\n" + HOST + b"Content-Length: 44\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                  b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert conn.read().status == 400
        assert conn.is_ended()


def test_a_body_left_unread_does_not_become_a_request(ctx):
    inner = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for method, path in ((b"GET", b"/healthz"), (b"POST", b"/nowhere/"), (b"POST", b"/api/catalog/products/")):
        with ctx.server().conn(ctx.tls) as conn:
            conn.send(method + b" " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Length: " +
                      str(len(inner)).encode() + b"\r\n\r\n" + inner)
            first = conn.read()
            assert first.status in (200, 400, 404, 405, 415), first
            assert conn.is_ended(0.7) or not conn.buffer, "the body was answered as a request"


@also_tls
def test_one_byte_at_a_time(ctx):
    data = b"POST /api/users/login/ HTTP/1.1\r\n" + HOST + \
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    with ctx.server().conn(ctx.tls) as conn:
        for i in range(len(data)):
            conn.send(data[i:i + 1])
        answer = conn.read()
        assert answer.status == 400 and b"Email and password are required" in answer.body, answer


def test_a_slow_head_and_a_slow_body_are_ended_in_time(ctx):
    server = ctx.server(env={"SUTLER_LIMITS_HEADER_TIMEOUT": "2s", "SUTLER_LIMITS_BODY_TIMEOUT": "2s",
                             "SUTLER_LIMITS_IDLE_TIMEOUT": "3s"})
    starts = (b"GET /healthz HTTP/1.1\r\nHost: loc", b"G",
              b"POST /api/users/login/ HTTP/1.1\r\n" + HOST +
              b"Content-Type: application/json\r\nContent-Length: 200\r\n\r\n{")
    conns = [server.conn(ctx.tls) for _ in starts]
    for conn, start in zip(conns, starts):
        conn.send(start)
    # A byte now and then does not buy more time: else it would take all that we have.
    patient, end = list(conns), time.monotonic() + 45
    while patient and time.monotonic() < end:
        time.sleep(0.5)
        for conn in list(patient):
            try:
                if select.select([conn.sock], [], [], 0)[0]:
                    patient.remove(conn)
                else:
                    conn.send(b"a")
            except OSError:
                patient.remove(conn)
    assert not patient, [starts[conns.index(conn)] for conn in patient]
    for conn, start in zip(conns, starts):
        try:
            if conn._more() or conn.buffer:
                answer = conn.read()
                assert answer.status == 408, answer
        except WireError as error:
            # What we sent behind the refusal may have cost us the sight of it.
            assert "in a head" in str(error), error
        assert conn.is_ended(), start
        conn.close()
    with server.conn(ctx.tls) as conn:
        conn.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert conn.read().status == 200
        assert conn.is_ended(30), "an idle connection stays"


def test_a_reader_that_takes_nothing_is_ended_in_time(ctx):
    server = ctx.server(env={"SUTLER_LIMITS_WRITE_TIMEOUT": "2s"})
    conn = server.conn(ctx.tls)
    ask = b"GET /api/catalog/products/?page_size=100 HTTP/1.1\r\n" + HOST + b"\r\n"
    conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    conn.sock.settimeout(0.5)
    began, ended = time.monotonic(), False
    while not ended and time.monotonic() - began < 60:
        try:
            conn.send(ask * 20)
        except TimeoutError:
            pass
        except OSError:
            ended = True
    conn.close()
    assert ended, "it waits for a reader that reads nothing"
    assert server.client().get("/healthz").status == 200


@only("sqlite")
def test_connections_in_all_are_bounded(ctx):
    server = ctx.own_server(env={"SUTLER_LIMITS_CONNECTIONS": "16"})
    held = []
    try:
        for n in range(40):
            conn = server.conn(source=f"127.0.0.{40 + n}", timeout=20)
            held.append(conn)
            conn.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        served = 0
        for conn in held:
            try:
                served += conn.read().status == 200
            except (OSError, WireError):
                pass
        assert 8 <= served <= 16, served
    finally:
        for conn in held:
            conn.close()
    server.wait_well()


@only("sqlite")
def test_where_descriptors_are_few_connections_leave_some(ctx):
    """Without any no file opens, and what the supervisor brings would not arrive: the worker would end."""
    server = ctx.own_server(settings="[uploads]\nscan = configured\n", port=lasting_port())
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (300, 300))
    server.kill_worker()
    server.wait_well()
    worker = server.role("worker")
    client = ctx.client(server)
    client.token = client.register(new_email())["tokens"]["access_token"]
    held = []
    try:
        for n in range(400):
            held.append(server.conn(source=f"127.0.0.{40 + n % 8}"))
        for n in range(4):
            assert pictures.send_picture(client, pictures.picture(seed=n)).status == 200, n
        assert server.role("worker") == worker
    finally:
        for conn in held:
            conn.close()
    server.wait_well()
    assert "event=connections_fewer at_most=150 descriptors=300" in server.log_text()


@only("sqlite")
def test_connections_per_address_are_bounded(ctx):
    server = ctx.own_server(env={"SUTLER_LIMITS_CONNECTIONS_PER_ADDRESS": "8"})
    held = [server.conn(source="127.0.0.7") for _ in range(8)]
    try:
        for conn in held:
            conn.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            assert conn.read().status == 200
        ninth = server.conn(source="127.0.0.7")
        try:
            ninth.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            if ninth._more():
                assert ninth.read().status == 503
        except OSError:
            pass
        assert ninth.is_ended()
        ninth.close()
        with server.conn(source="127.0.0.8") as other:
            other.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            assert other.read().status == 200
    finally:
        for conn in held:
            conn.close()


@also_tls
def test_content_types_other_than_json_are_415(ctx):
    client = ctx.client()
    # Of somebody new: four wrong passwords don't lock.
    body = json.dumps({"email": new_email("kind"), "password": "x"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonx",
                 "application/json-patch+json", "json", "text/json"):
        answer = client.post("/api/users/login/", body=body, headers={"Content-Type": kind})
        assert answer.status == 415 and answer.json["code"] == "unsupported_media_type", (kind, answer)
    answer = client.post("/api/users/login/", body=body, headers={"Content-Type": None})
    assert answer.status == 415, answer
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON",
                 'application/json; charset="UTF-8"'):
        answer = client.post("/api/users/login/", body=body, headers={"Content-Type": kind})
        assert answer.status == 401, (kind, answer)
    answer = client.post("/api/users/login/", body=body,
                         headers={"Content-Type": "application/json; charset=utf-16"})
    assert answer.status == 415, answer
    answer = client.post("/api/users/login/", body=body, headers={"Content-Encoding": "gzip"}, check=False)
    assert answer.status in (400, 415), answer


def test_query_keys_given_twice_are_400_and_unknown_ones_ignored(ctx):
    client = ctx.client()
    assert client.get("/api/catalog/products/?page=1&page=2").status == 400
    assert client.get("/api/catalog/products/?p%61ge=1&page=1").status == 400
    assert client.get("/api/catalog/products/?utm_source=x&utm_source=y&page_size=1").status == 200
    for query in ("page=%zz", "search=%ff", "search=%00", "search=a%0ab"):
        answer = client.get("/api/catalog/products/?" + query)
        assert answer.status == 400, (query, answer)
