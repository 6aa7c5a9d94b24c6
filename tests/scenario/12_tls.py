# SPDX-License-Identifier: Apache-2.0
"""TLS: versions, suites, tickets, and what happens to broken handshakes (control D1 as far as it is here)."""
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from sutler import Skip, found_in_memory, only
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
            conn.sock.settimeout(60)
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
        assert all(conn.is_ended(60) for conn in conns)
    finally:
        for conn in conns:
            conn.close()
    assert server.client(tls=True).get("/healthz").status == 200


# --- certificates and their keys


def make_pair(folder, kind, name="shop"):
    """A certificate signed by itself, and its key: their paths and the certificate's bytes."""
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    words = {"ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
             "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
             "rsa": ["-newkey", "rsa:2048"]}[kind]
    new_cert, new_key = folder / "new.crt", folder / "new.key"
    subprocess.run(["openssl", "req", "-x509", *words, "-nodes", "-days", "30", "-subj", "/CN=localhost",
                    "-keyout", new_key, "-out", new_cert], check=True, capture_output=True)
    new_key.chmod(0o600)
    new_key.rename(key)
    new_cert.rename(cert)
    return cert, key, ssl.PEM_cert_to_DER_cert(cert.read_text())


def server_with(ctx, folder, cert, key, **more):
    return ctx.own_server(folder=folder, settings=f"[tls]\ncert = {cert}\nkey = {key}\n", **more)


def certificate_of(server, version=None):
    """The certificate of a new connection that is asked something."""
    with Conn("127.0.0.1", server.port_tls, tls=True, context=insecure_context(version, version)) as conn:
        conn.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert conn.read().status == 200
        return conn.sock.getpeercert(binary_form=True)


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it does not come to pass"
        time.sleep(0.02)


class Crowd:
    """Clients that make full handshakes, one after the other, and count what went wrong."""

    def __init__(self, server, n=16):
        self.server, self.stop = server, threading.Event()
        self.seen, self.wrong = {}, []
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(n)]

    def run(self, n):
        turn = n
        while not self.stop.is_set():
            turn += 1
            version = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)[turn % 2]
            try:
                der = certificate_of(self.server, version)
                self.seen[der] = self.seen.get(der, 0) + 1
            except Exception as error:
                self.wrong.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
        assert not self.wrong, (len(self.wrong), self.wrong[:3])


@only("sqlite")
def test_rsa_and_ecdsa_certificates_are_served(ctx):
    v = ssl.TLSVersion
    for kind, suites in (("rsa", "ECDHE-RSA"), ("ecdsa", "ECDHE-ECDSA"), ("p384", "ECDHE-ECDSA")):
        with tempfile.TemporaryDirectory(prefix="sutler-test-") as name:
            folder = pathlib.Path(name)
            cert, key, der = make_pair(folder, kind)
            server = server_with(ctx, folder, cert, key)
            for version in (v.TLSv1_2, v.TLSv1_3):
                assert certificate_of(server, version) == der, kind
            with Conn("127.0.0.1", server.port_tls, tls=True, context=insecure_context(v.TLSv1_2, v.TLSv1_2)) as conn:
                assert conn.sock.cipher()[0].startswith(suites), conn.sock.cipher()
            server.stop()


@only("sqlite")
def test_a_certificate_is_changed_while_clients_come(ctx):
    with tempfile.TemporaryDirectory(prefix="sutler-test-") as name:
        folder = pathlib.Path(name)
        cert, key, first = make_pair(folder, "ecdsa")
        # One connection is silent from the first change to the last, however long they take.
        server = server_with(ctx, folder, cert, key, env={"SUTLER_LIMITS_HEADER_TIMEOUT": "5m"})
        with server.conn(tls=True) as old, Crowd(server) as crowd:
            until(lambda: crowd.seen.get(first, 0) > 20)
            second = make_pair(folder, "rsa")[2]
            os.kill(server.process.pid, signal.SIGHUP)
            until(lambda: crowd.seen.get(second, 0) > 20)
            third = make_pair(folder, "ecdsa")[2]
            done = server.cli("key", "rotate", "tls")
            assert done.returncode == 0, (done.stdout, done.stderr)
            assert certificate_of(server) == third  # when the command has ended, not some time later
            listed = json.loads(server.cli("key", "list", "--json").stdout)["keys"]
            row = next(row for row in listed if row["purpose"] == "tls")
            assert row["kind"] == "tls" and row["greatest_age_days"] > 0 and not row["is_over_age"], row
            old.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert old.read().status == 200
            until(lambda: crowd.seen.get(third, 0) > 0)
        assert set(crowd.seen) == {first, second, third}
        server.stop()


@only("sqlite")
def test_a_certificate_that_does_not_fit_changes_nothing(ctx):
    with tempfile.TemporaryDirectory(prefix="sutler-test-") as name:
        folder = pathlib.Path(name)
        cert, key, der = make_pair(folder, "ecdsa")
        server = server_with(ctx, folder, cert, key)
        other_cert, other_key, _ = make_pair(folder, "ecdsa", "other")
        good_cert, good_key = cert.read_text(), key.read_text()
        cases = ((good_cert, other_key.read_text(), "belong"), (other_cert.read_text(), good_key, "belong"),
                 ("no certificate", good_key, "certificate"), (good_cert, "no key", "key"), ("", "", "certificate"),
                 (good_cert, good_key[:100], "key"))
        for a_cert, a_key, word in cases:
            cert.write_text(a_cert)
            key.write_text(a_key)
            before = server.log_text().count("tls_key_refused")
            os.kill(server.process.pid, signal.SIGHUP)
            until(lambda: server.log_text().count("tls_key_refused") > before)
            line = [line for line in server.log_text().splitlines() if "tls_key_refused" in line][-1]
            assert word in line, line
            assert certificate_of(server) == der
        done = server.cli("key", "rotate", "tls")
        assert done.returncode != 0 and "TLS key" in done.stdout + done.stderr, (done.stdout, done.stderr)
        assert certificate_of(server) == der
        # And the way back: what fits is taken again.
        cert.write_text(other_cert.read_text())
        key.write_text(other_key.read_text())
        os.kill(server.process.pid, signal.SIGHUP)
        until(lambda: certificate_of(server) != der)
        server.stop()


@only("sqlite")
def test_a_keeper_that_dies_delays_handshakes_and_breaks_none(ctx):
    server = ctx.own_server()
    with Crowd(server) as crowd:
        until(lambda: sum(crowd.seen.values()) > 20)
        for _ in range(2):
            keeper = server.kill_role("keeper")
            until(lambda: server.role("keeper") != keeper)
            count = sum(crowd.seen.values())
            until(lambda: sum(crowd.seen.values()) > count + 50)


@only("sqlite")
def test_a_keeper_that_hangs_is_replaced_and_handshakes_go_on(ctx):
    server = ctx.own_server()
    for _ in range(2):
        keeper = server.role("keeper")
        os.kill(keeper, signal.SIGSTOP)
        until(lambda: all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T"
                          for task in pathlib.Path(f"/proc/{keeper}/task").iterdir()))
        began = time.monotonic()
        for _ in range(8):  # one may have waited in vain, others behind it less long
            fails_now(server)
        assert time.monotonic() - began < 30
        until(lambda: not fails_now(server))
        assert server.role("keeper") != keeper
        assert ctx.client(server).get("/healthz").status == 200
        assert server.log_text().count("role_silent which=keeper") >= 1


def fails_now(server):
    try:
        certificate_of(server)
        return False
    except (ssl.SSLError, OSError, WireError):
        return True


def secret_numbers(key):
    """What makes a private key, as bytes in both orders (OpenSSL keeps numbers in little-endian words)."""
    text = subprocess.run(["openssl", "pkey", "-in", key, "-noout", "-text"], check=True, capture_output=True,
                          text=True).stdout
    numbers = set()
    for name in ("priv", "privateExponent", "prime1", "prime2"):
        for digits in re.findall(rf"^{name}:\n((?:    [0-9a-f:]+\n)+)", text, re.M):
            number = bytes.fromhex(re.sub(r"[^0-9a-f]", "", digits)).lstrip(b"\0")
            numbers |= {number, number[::-1]}
    assert numbers and all(len(number) >= 31 for number in numbers)
    return numbers | {line.encode() for line in key.read_text().splitlines()[1:-1] if len(line) == 64}


def is_core(head):
    """An ELF file of type ET_CORE."""
    return head[:4] == b"\x7fELF" and int.from_bytes(head[16:18], "little") == 4


@only("sqlite")
def test_no_tls_key_in_the_workers_memory_nor_a_core_of_it(ctx):
    if os.geteuid() != 0:
        raise Skip("only root may read another process's memory")
    with tempfile.TemporaryDirectory(prefix="sutler-test-") as name:
        folder = pathlib.Path(name)
        cert, key, _ = make_pair(folder, "ecdsa")
        server = server_with(ctx, folder, cert, key)
        needles = secret_numbers(key)
        for turn in ("at the start", "after a reload", "after the keeper's end", "after the worker's"):
            if turn == "after a reload":
                make_pair(folder, "rsa")
                needles |= secret_numbers(key)
                assert server.cli("key", "rotate", "tls").returncode == 0
            elif turn == "after the keeper's end":
                server.kill_role("keeper")
            elif turn == "after the worker's":
                server.kill_role("worker")
                server.wait_well()
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                certificate_of(server, version)
            assert found_in_memory(server.role("keeper"), needles), turn  # else nothing was looked for
            assert not found_in_memory(server.role("worker"), needles), turn
            assert not found_in_memory(server.process.pid, needles), turn
        os.kill(server.role("worker"), signal.SIGABRT)
        server.wait_well()
        cores = [path for place in (folder, server.folder, pathlib.Path.cwd()) for path in place.rglob("core*")
                 if path.is_file() and is_core(path.read_bytes()[:18])]
        assert not cores, cores
        server.stop()
