# SPDX-License-Identifier: Apache-2.0
"""TLS: versions, suites, tickets, and what happens to broken handshakes (control D1 as far as it is here)."""
import socket
import ssl

from sutler import only
from wire import Conn, WireError, insecure_context

STORES = ("sqlite",)


def hand_shake(ctx, context, **options):
    server = ctx.server(**options)
    with Conn("127.0.0.1", server.port_tls, tls=True, context=context) as conn:
        conn.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert conn.read().status == 200
        return conn.sock.version(), conn.sock.cipher()[0], conn.sock.selected_alpn_protocol()


def fails(ctx, context, **options):
    try:
        return hand_shake(ctx, context, **options)
    except (ssl.SSLError, ConnectionError, WireError, OSError):
        return None


def test_tls_1_2_and_1_3_alone(ctx):
    v = ssl.TLSVersion
    assert hand_shake(ctx, insecure_context(v.TLSv1_3, v.TLSv1_3))[0] == "TLSv1.3"
    assert hand_shake(ctx, insecure_context(v.TLSv1_2, v.TLSv1_2))[0] == "TLSv1.2"
    for old in (v.TLSv1, v.TLSv1_1):
        context = insecure_context(old, old)
        context.set_ciphers("ALL:@SECLEVEL=0")
        assert fails(ctx, context) is None, old


def test_tls_1_2_suites_are_forward_secret_and_aead(ctx):
    v = ssl.TLSVersion
    for cipher in ("AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256",
                   "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-SHA384", "NULL-SHA256", "ADH-AES128-SHA"):
        context = insecure_context(v.TLSv1_2, v.TLSv1_2)
        try:
            context.set_ciphers(cipher + ":@SECLEVEL=0")
        except ssl.SSLError:
            continue
        assert fails(ctx, context) is None, cipher
    taken = hand_shake(ctx, insecure_context(v.TLSv1_2, v.TLSv1_2))[1]
    assert taken.startswith("ECDHE-") and ("GCM" in taken or "CHACHA20" in taken), taken


def test_the_preset_nsgg_takes_two_suites_of_tls_1_2(ctx):
    v = ssl.TLSVersion
    context = insecure_context(v.TLSv1_2, v.TLSv1_2)
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    assert hand_shake(ctx, context, preset="nsgg")[1] in (
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256")
    context = insecure_context(v.TLSv1_2, v.TLSv1_2)
    context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                        "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305")
    assert fails(ctx, context, preset="nsgg") is None


def test_alpn_gives_http_1_1(ctx):
    assert hand_shake(ctx, insecure_context(alpn=["http/1.1"]))[2] == "http/1.1"


def test_sessions_are_resumed(ctx):
    server = ctx.server()
    context = insecure_context(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    with Conn("127.0.0.1", server.port_tls, tls=True, context=context) as conn:
        conn.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        conn.read()
        session = conn.sock.session
    raw = socket.create_connection(("127.0.0.1", server.port_tls), 10)
    with context.wrap_socket(raw, server_hostname="localhost", session=session) as sock:
        assert sock.session_reused


def test_plain_http_on_the_tls_port_does_no_harm(ctx):
    server = ctx.server()
    for data in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 600, b"\x00" * 5000,
                 b"\x16\x03\x03\x40\x00" + b"a" * 20000):
        with Conn("127.0.0.1", server.port_tls) as conn:
            try:
                conn.send(data)
            except OSError:
                pass
            conn.sock.settimeout(15)
            while conn._more():
                pass
    assert ctx.client().get("/healthz").status == 200


@only("sqlite")
def test_half_open_hand_shakes_end_in_time(ctx):
    server = ctx.own_server(env={"SUTLER_LIMITS_HEADER_TIMEOUT": "2s"})
    conns = [Conn("127.0.0.1", server.port_tls) for _ in range(20)]
    try:
        for conn in conns:
            conn.send(b"\x16\x03\x01")
        assert all(conn.is_ended(15) for conn in conns)
    finally:
        for conn in conns:
            conn.close()
    assert server.client(tls=True).get("/healthz").status == 200
