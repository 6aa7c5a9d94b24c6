# SPDX-License-Identifier: Apache-2.0
"""The roles: shut in, killed one by one under load, and what a role may not do, tried by a role."""
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import traceback

import sutler
from sutler import PASSWORD, Skip, new_email, only
from wire import Conn, WireError, insecure_context

CHEAP = {"SUTLER_PASSWORD_HASH": "pbkdf2_sha256", "SUTLER_PASSWORD_ITERATIONS": "1"}
ROLES = ("keeper", "worker")
# What tests/lib/probe.c does on which signal.
OPEN, SOCKET, EXEC, FORK, CODE, WRITE, SIGNAL, OWNER, FAST_OPEN = (signal.SIGRTMIN + 1 + n for n in range(9))
# Which runtime is in the program under test; the environment has options for all of them.
SANITIZED = any(name in pathlib.Path(sutler.PROGRAM).read_bytes() for name in (b"__asan_init", b"__tsan_init"))


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def has_landlock():
    return "landlock" in pathlib.Path("/sys/kernel/security/lsm").read_text() \
        if os.path.exists("/sys/kernel/security/lsm") else True


def wait_gone(pid, seconds=60):
    end = time.monotonic() + seconds
    while sutler.is_alive(pid):
        assert time.monotonic() < end, f"{pid} still lives"
        time.sleep(0.01)


# -- shut in


def test_every_role_is_shut_in(ctx):
    server = ctx.server()
    for name, pid in [("supervisor", server.process.pid)] + [(name, server.role(name)) for name in ROLES]:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            status = status_of(f"{pid}/task/{task.name}")
            assert status["Seccomp"] == "2", (name, task.name, status["Seccomp"])
            assert status["NoNewPrivs"] == "1", (name, task.name)
            for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                assert int(status[which], 16) == 0, (name, which, status[which])
            if os.geteuid() == 0:
                assert int(status["CapBnd"], 16) == 0, (name, status["CapBnd"])
        assert "sutler" in pathlib.Path(f"/proc/{pid}/comm").read_text()
    # One filter of its own beside the supervisor's.
    filters = {name: int(status_of(server.role(name))["Seccomp_filters"]) for name in ROLES}
    assert all(n >= 2 for n in filters.values()), filters


def test_a_role_has_no_descriptors_but_its_own(ctx):
    server = ctx.server()
    keeper = server.role("keeper")
    kinds = [os.readlink(f"/proc/{keeper}/fd/{fd}") for fd in os.listdir(f"/proc/{keeper}/fd")]
    files = [kind for kind in kinds if kind.startswith("/") and not kind.startswith("/dev/null")]
    # Standard error alone may be a file.
    assert all(file == str(server.log_path) for file in files), kinds


def test_what_is_closed_at_the_start_is_no_other_file_later(ctx):
    """Without standard output or error a role would get what has their number: another role's settings."""
    server = ctx.own_server(start=False, port=sutler.lasting_port())
    words = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *server.command()]
    server.process = subprocess.Popen(words, env=sutler.clean_env(server.env), cwd=server.folder)
    for name in ROLES:
        pid = server.role(name)
        assert [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)] == ["/dev/null"] * 3, name
    assert [os.readlink(f"/proc/{server.process.pid}/fd/{fd}") for fd in range(3)] == ["/dev/null"] * 3
    server.stop()


def test_all_roles_together_are_small(ctx):
    if SANITIZED:
        raise Skip("a sanitizer's memory")
    server = ctx.server()
    total = server.memory_bytes() / 1e6
    assert total <= 20, f"{total:.1f} MB"


def test_the_environment_and_the_arguments_tell_nothing(ctx):
    server = ctx.server()
    for pid in (server.process.pid, *map(server.role, ROLES)):
        assert server.secret_key.encode() not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        assert server.secret_key.encode() not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()


# -- a role that does what it may not


def dies_or_is_refused(server, name, sig):
    """'died', or what the probe says; the role is back afterwards in each case."""
    pid, before = server.role(name), len(server.log_text())
    server.wait_well()
    # One that has just been started is within the supervisor's walls still.
    while status_of(pid)["Seccomp_filters"] != "2":
        time.sleep(0.01)
    os.kill(pid, sig)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        said = re.search(r"probe: (\w+)", server.log_text()[before:])
        if said:
            return said.group(1)
        if not sutler.is_alive(pid):
            server.role(name)
            server.wait_well()
            log = server.log_text()[before:]
            assert re.search(rf"event=role_ended which={name} by=sandbox code=31", log), log[-1500:]
            return "died"
        time.sleep(0.01)
    raise AssertionError("nothing happened:\n" + server.log_text()[before:][-1500:])


def test_a_keeper_that_leaves_its_table_dies(ctx):
    if SANITIZED:
        raise Skip("a sanitizer's own calls are allowed")
    server = ctx.own_server(probes=True)
    for sig in (OPEN, SOCKET, EXEC, FORK, CODE, WRITE, SIGNAL, OWNER, FAST_OPEN):
        assert dies_or_is_refused(server, "keeper", sig) == "died", sig
    # And the shop goes on: the worker was not asked to leave.
    with ctx.client(server) as client:
        assert client.get("/api/catalog/products/").status == 200


def test_a_worker_that_leaves_its_table_dies_or_is_refused(ctx):
    if SANITIZED:
        raise Skip("a sanitizer's own calls are allowed")
    server = ctx.own_server(probes=True, port=sutler.lasting_port())
    for sig in (EXEC, FORK, CODE, SIGNAL, OWNER, FAST_OPEN, SOCKET):
        assert dies_or_is_refused(server, "worker", sig) == "died", sig
    if not has_landlock():
        raise Skip("a kernel without Landlock")
    for sig in (OPEN, WRITE):
        assert dies_or_is_refused(server, "worker", sig) == "refused", sig


def test_the_supervisor_stays_with_what_its_children_need(ctx):
    if SANITIZED or not has_landlock():
        raise Skip("a sanitizer's own calls, or a kernel without Landlock")
    server = ctx.own_server(probes=True)
    for sig in (OPEN, WRITE):
        before = len(server.log_text())
        os.kill(server.process.pid, sig)
        end = time.monotonic() + 60
        while "probe: refused" not in server.log_text()[before:]:
            assert time.monotonic() < end, server.log_text()[before:]
            time.sleep(0.01)
    # A datagram socket: on the embedded store nobody has a name to look up.
    if ctx.store == "sqlite":
        os.kill(server.process.pid, SOCKET)
        assert server.process.wait(60) == -signal.SIGSYS
        for pid in server.roles():
            wait_gone(pid)


# -- killed


class Load:
    """Clients that sign in, read their profile and shake hands, until told; any failure is kept."""

    def __init__(self, server, clients):
        self.server, self.stop = server, threading.Event()
        self.failures, self.done = [], {"login": 0, "profile": 0, "handshake": 0, "register": 0}
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)

    def _count(self, kind):
        with self.lock:
            self.done[kind] += 1

    def _run(self, n):
        email = new_email("load")
        try:
            with self.server.client(check=False) as first:
                first.register(email)
            while not self.stop.is_set():
                with self.server.client(check=False) as client:
                    client.login(email)
                    self._count("login")
                    for _ in range(5):
                        answer = client.get("/api/users/profile/")
                        assert answer.status == 200, answer
                        assert answer.json["email"] == email, answer.json
                        self._count("profile")
                if self.server.port_tls:
                    with self.server.conn(tls=True, context=insecure_context(), timeout=20) as conn:
                        conn.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                        assert conn.read().status == 200
                    self._count("handshake")
                with self.server.client(check=False) as client:
                    client.register(new_email("new"))
                    self._count("register")
        except Exception as error:  # whatever it is, it is a request that failed
            with self.lock:
                self.failures.append(f"after {self.done}: {type(error).__name__}: {error} "
                                     f"{traceback.format_exc().splitlines()[-4:]}")


def test_a_keeper_killed_under_load_fails_no_request(ctx):
    server = ctx.own_server(env=CHEAP, insecure_dev=True)
    server.schema()
    with Load(server, 32) as load:
        for _ in range(6):
            time.sleep(0.7)
            assert not load.failures, load.failures[:3]
            worker = server.role("worker")
            gone = server.kill_role("keeper")
            wait_gone(gone)
            assert server.role("worker") == worker
        before = dict(load.done)
        end = time.monotonic() + 60
        # All kinds of work go on after the last one.
        while any(load.done[kind] == before[kind] for kind in before):
            assert time.monotonic() < end, (before, load.done)
            assert not load.failures, load.failures[:3]
            time.sleep(0.05)
    assert not load.failures, load.failures[:3]
    assert server.log_text().count("which=keeper by=signal code=9") == 6, server.log_text()[-2000:]
    assert server.log_text().count("type=role_crashed") == 6


def test_a_worker_killed_comes_back_with_the_same_keeper(ctx):
    server = ctx.own_server(port=sutler.lasting_port())
    keeper = server.role("keeper")
    with ctx.client(server) as client:
        email = new_email()
        client.register(email)
    gone = server.kill_role("worker")
    wait_gone(gone)
    server.wait_well()
    assert server.role("keeper") == keeper
    with ctx.client(server) as client:
        client.login(email)
        assert client.get("/api/users/profile/").json["email"] == email
    with server.conn(tls=True) as conn:
        conn.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert conn.read().status == 200


def test_the_supervisor_killed_takes_its_roles_with_it(ctx):
    server = ctx.own_server()
    pids = server.roles()
    assert len(pids) == len(ROLES)
    server.process.kill()
    server.process.wait(10)
    for pid in pids:
        wait_gone(pid)
    # Its folder is free again.
    server.start()
    with ctx.client(server) as client:
        assert client.get("/api/catalog/products/").status == 200


# -- certificates


def make_cert(folder, name, key_type="ec", bits=None):
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    how = ["-newkey", "rsa:2048"] if key_type == "rsa" else \
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    made = subprocess.run(["openssl", "req", "-x509", *how, "-nodes", "-subj", f"/CN={name}", "-days", "30",
                           "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
                          capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    key.chmod(0o600)
    return cert, key


def served_name(server):
    with socket.create_connection(("127.0.0.1", server.port_tls), timeout=20) as raw:
        with insecure_context().wrap_socket(raw, server_hostname="localhost") as tls:
            der = tls.getpeercert(binary_form=True)
    text = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-subject"], input=der,
                          capture_output=True).stdout.decode()
    return text.rpartition("=")[2].strip()


def wait_name(server, name, seconds=60):
    end = time.monotonic() + seconds
    while served_name(server) != name:
        assert time.monotonic() < end, (served_name(server), server.log_text()[-1500:])
        time.sleep(0.05)


@only("sqlite")
def test_certificates_reload_by_hup(ctx):
    server = ctx.own_server(start=False)
    tls = server.folder / "tls"
    tls.mkdir(mode=0o700)
    cert, key = tls / "live.crt", tls / "live.key"

    def put(pair):
        for source, target in zip(pair, (cert, key)):
            fresh = target.with_suffix(target.suffix + ".new")
            fresh.write_bytes(source.read_bytes())
            fresh.chmod(0o600)
            os.replace(fresh, target)

    put(make_cert(tls, "first"))
    server.settings = f"[tls]\ncert = {cert}\nkey = {key}\n"
    server.start()
    assert served_name(server) == "first"
    # A connection that lives goes on.
    old = server.conn(tls=True)
    put(make_cert(tls, "second", "rsa"))
    server.process.send_signal(signal.SIGHUP)
    wait_name(server, "second")
    old.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert old.read().status == 200
    old.close()
    # A keeper that is started anew has the key that is in use.
    server.kill_role("keeper")
    server.role("keeper")
    assert served_name(server) == "second"
    # What does not belong together, is no key, or can be read by others changes nothing.
    third, fourth = make_cert(tls, "third"), make_cert(tls, "fourth")
    for spoil in (lambda: key.write_bytes(fourth[1].read_bytes()), lambda: key.write_bytes(b"no key"),
                  lambda: key.chmod(0o644)):
        put(third)
        spoil()
        before = server.log_text().count("tls_key_refused")
        server.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 60
        while server.log_text().count("tls_key_refused") == before:
            assert time.monotonic() < end, server.log_text()[-1500:]
            time.sleep(0.02)
        assert served_name(server) == "second"
    put(third)
    server.process.send_signal(signal.SIGHUP)
    wait_name(server, "third")


@only("sqlite")
def test_a_start_without_a_good_key_says_so(ctx):
    server = ctx.own_server(start=False)
    tls = server.folder / "tls"
    tls.mkdir(mode=0o700)
    cert, key = make_cert(tls, "one")
    server.settings = f"[tls]\ncert = {cert}\nkey = {key}\n"
    key.chmod(0o640)
    for words in ("open to other users", "TLS key"):
        try:
            server.start()
        except sutler.StartFailed as failed:
            assert words in failed.stderr, failed.stderr
            assert failed.code == 1, failed.code
        else:
            raise AssertionError("it started")
        key.chmod(0o600)
        key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")


# -- another user


@only("sqlite")
def test_root_becomes_another_user(ctx):
    if os.geteuid() != 0:
        raise Skip("only root can")
    import pwd
    who = pwd.getpwnam("nobody")
    server = ctx.own_server(start=False, settings="[server]\nuser = nobody\n", tls=False)
    server.folder.chmod(0o711)
    for folder in (server.data, server.keys):
        folder.mkdir(mode=0o700)
        os.chown(folder, who.pw_uid, who.pw_gid)
    server.start()
    for pid in [server.process.pid] + server.roles():
        status = status_of(pid)
        assert set(status["Uid"].split()) == {str(who.pw_uid)}, status["Uid"]
        assert set(status["Gid"].split()) == {str(who.pw_gid)}, status["Gid"]
        assert status["Groups"] == "", status["Groups"]
    assert (server.data / "sutler.db").stat().st_uid == who.pw_uid
    server.stop()
    # A folder of somebody else's is refused.
    os.chown(server.data, 0, 0)
    try:
        server.start()
    except sutler.StartFailed as failed:
        assert failed.code == 1
    else:
        raise AssertionError("it started")
