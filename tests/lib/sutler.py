# SPDX-License-Identifier: Apache-2.0
"""sutler - starts, stops and kills a real server for the tests, and speaks to it.

Every answer that a Client reads is held against the served OpenAPI document (openapi.py) and
against the headers that every answer carries (headers.py).  Servers listen on loopback ports of
their own (ports.py); they are ended by the process ids that we hold.
"""
import contextlib
import json as json_module
import os
import pathlib
import re
import secrets
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

import headers as header_rules
import openapi
from ports import give_back, lasting_port
from wire import Conn, WireError

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("SUTLER_PROGRAM", str(ROOT / "build" / "sutler"))
# Settings of a mail server that never answers: what is to go out stays in the store, sealed, and not in
# the folder where a developer finds it.
DEAF_MAIL_SERVER = """[email]
host = 127.0.0.1
port = 1
use_tls = no
from = Shop <shop@shop.example>
"""
CORPORA = pathlib.Path(os.environ.get("SUTLER_CORPORA", ROOT.parent / "shared" / "corpora"))
START_SECONDS = float(os.environ.get("SUTLER_START_SECONDS", "90"))

# Rates so high that a test of something else never meets them; decided on every request still.
HIGH_RATES = {f"SUTLER_LIMITS_{name}": "1000000/second"
              for name in ("ANON", "USER", "LOGIN", "RESET", "REFRESH")}
PASSWORD = "correct-Horse7-battery"


def found_in_memory(pid, needles):
    """Which of these byte strings the process has in readable memory; only root may look."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            place, rights = line.split()[:2]
            if "r" not in rights or "[v" in line:
                continue
            start, end = (int(n, 16) for n in place.split("-"))
            try:
                memory.seek(start)
                piece = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            found |= {needle for needle in needles if needle in piece}
    return found


class Skip(Exception):
    """What the test needs is not on this machine."""


def only(*stores):
    """The test runs on these stores alone."""
    def mark(function):
        function.stores = stores
        return function
    return mark


def also_tls(function):
    """The test runs a second time over HTTPS."""
    function.also_tls = True
    return function


def children_of(pid):
    """Process ids of the children of pid, from /proc."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return found


def is_alive(pid):
    """Whether any thread of it is left: the first may be gone while another still holds the files."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" or len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def is_running(pid):
    """Whether it is neither stopped nor ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "TtZX"
    except OSError:
        return False


def signal_all(pids, number):
    """To those that are there still."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def stand_still(pids, seconds=10):
    """SIGSTOP, and until it has reached them."""
    signal_all(pids, signal.SIGSTOP)
    end = time.monotonic() + seconds
    while any(is_running(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.001)


def wait_traced(tracer, *pids, seconds=60):
    """Until this strace holds every thread of these processes; one that may not skips the test."""
    def is_held(pid):
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended
                if f"\nTracerPid:\t{tracer.pid}\n" not in (task / "status").read_text():
                    return False
        return True

    end = time.monotonic() + seconds
    while not all(is_held(pid) for pid in pids):
        if tracer.poll() is not None:
            raise Skip("strace may not attach here")
        assert time.monotonic() < end, "strace does not attach"
        time.sleep(0.01)


def clean_env(extra=None):
    """The environment without anything that the program would understand as a setting."""
    known = {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS", "GOOGLE_CLIENT_ID",
             "STRIPE_SECRET_KEY", "FRONTEND_URL", "PORT"}
    env = {k: v for k, v in os.environ.items()
           if k not in known and not k.startswith(("SUTLER_", "EMAIL_"))}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    env.update(extra or {})
    return env


def run(*args, env=None, stdin="", timeout=60, cwd=None):
    """Run the program once: a finished process with text output."""
    return subprocess.run([PROGRAM, *map(str, args)], env=clean_env(env), input=stdin, text=True,
                          capture_output=True, timeout=timeout, cwd=cwd)


def rows_of(text):
    """What a command prints with --json: an array, an object that holds one, or a row a line."""
    try:
        value = json_module.loads(text)
    except ValueError:
        return [json_module.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(value, dict):
        lists = [v for v in value.values() if isinstance(v, list) and "email" not in value]
        return lists[0] if len(lists) == 1 else [value]
    return value


class StartFailed(AssertionError):
    def __init__(self, server):
        self.code = server.process.returncode
        self.stderr = server.log_text()
        super().__init__(f"the server did not start (exit {self.code}):\n{self.stderr[-3000:]}")


class Server:
    """A running `sutler serve`.  Its folder, and with it the store, outlives a kill or a restart."""

    own_dsn = None  # of a database that goes with it

    def __init__(self, store="sqlite", preset="modestwear", demo=True, insecure_dev=False, env=None,
                 settings="", args=(), rates="high", dsn=None, folder=None, tls=True, port=0, drops_unsynced=False,
                 own_session=True, probes=False):
        self.store, self.preset, self.demo, self.insecure_dev = store, preset, demo, insecure_dev
        # The same program over a disk that forgets what was not synced.
        self.program = PROGRAM + "-drop" if drops_unsynced else PROGRAM
        # And the one whose roles do, on a signal, what they may not (tests/lib/probe.c).
        if probes:
            self.program = PROGRAM + "-probe"
        self.own_folder, self.own_session = folder is None, own_session
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="sutler-test-"))
        self.data, self.keys = self.folder / "data", self.folder / "data.keys"
        self.secret_key = secrets.token_urlsafe(48)
        self.settings, self.args, self.want_tls = settings, list(args), tls
        # After a restart it is where it was.
        self.own_port = 0 if port else lasting_port()
        self.want_port = port or self.own_port
        # Pictures of the sample catalogue would change it for some seconds after each start; and without an
        # address of its own the shop is told of nothing: mails are those of the test.
        self.env = {"SECRET_KEY": self.secret_key, "SUTLER_SHOP_DEMO_PICTURES": "no",
                    "SUTLER_SHOP_CONTACT": "https://shop.example/contact"}
        if rates == "high":
            self.env.update(HIGH_RATES)
        if store == "postgres":
            self.env["DATABASE_URL"] = dsn
        self.env.update(env or {})
        # None takes a name out again.
        self.env = {name: value for name, value in self.env.items() if value is not None}
        self.secret_key = self.env.get("SECRET_KEY", self.secret_key)
        self.process = self.document = None
        self.port = self.port_tls = None
        self.starts = 0

    # -- life

    def command(self):
        config = self.folder / "sutler.conf"
        preset = ROOT / "conf" / f"{self.preset}.conf"
        text = preset.read_text() if preset.exists() else f"[server]\npreset = {self.preset}\n"
        config.write_text(merge_settings(text, self.settings))
        words = [self.program, "serve", "--data", str(self.data), "--keys", str(self.keys),
                 "--config", str(config), "--listen", f"127.0.0.1:{self.want_port}"]
        if self.want_tls and self.demo:
            words += ["--listen-tls", "127.0.0.1:0"]
        if self.demo:
            words.append("--demo")
        if self.insecure_dev:
            words.append("--insecure-dev")
        return words + self.args

    def start(self, wait=True):
        self.starts += 1
        self.log_path = self.folder / f"log.{self.starts}"
        log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            env=clean_env(self.env), start_new_session=self.own_session, cwd=self.folder)
        log.close()
        self.lines = []
        # What the start before this one said last is not among this one's lines, however late it is read.
        self.out = threading.Thread(target=self._read_out, args=(self.process, self.lines), daemon=True)
        self.out.start()
        return self.wait() if wait else self

    @staticmethod
    def _read_out(process, lines):
        for line in process.stdout:
            lines.append(line.decode(errors="replace").rstrip("\n"))
        process.stdout.close()

    def wait(self):
        """Until the ready lines stand and /healthz answers."""
        want = 2 if self.want_tls and self.demo else 1
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            ready = [urllib.parse.urlsplit(m.group(1)) for m in
                     (re.match(r"ready (https?://\S+)", line) for line in list(self.lines)) if m]
            if len(ready) >= want:
                self.port = next(u.port for u in ready if u.scheme == "http")
                self.port_tls = next((u.port for u in ready if u.scheme == "https"), None)
                return self
            if self.process.poll() is not None:
                self.out.join(5)
                raise StartFailed(self)
            time.sleep(0.01)
        self.kill()
        raise AssertionError(f"not ready in {START_SECONDS} s:\n{self.log_text()[-3000:]}")

    def wait_well(self, seconds=60):
        """Until /healthz answers again (after the worker was killed)."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                with Conn("127.0.0.1", self.port, timeout=5) as conn:
                    conn.send(f"GET /healthz HTTP/1.1\r\nHost: localhost:{self.port}\r\n\r\n".encode())
                    if conn.read().status == 200:
                        return
            except (OSError, WireError):
                time.sleep(0.02)
        raise AssertionError("the server did not come back:\n" + self.log_text()[-3000:])

    def roles(self):
        return children_of(self.process.pid)

    def role(self, name, seconds=60):
        """Process id of the role ("keeper", "worker"); waits for one that is just being started."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for pid in self.roles():
                try:
                    comm = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
                    if comm == f"sutler-{name}" and is_alive(pid):
                        return pid
                except OSError:
                    pass
            time.sleep(0.005)
        raise AssertionError(f"there is no {name}")

    def roles_named(self, name):
        """Process ids of all that run as this role now: two, while one takes the other's place."""
        found = []
        for pid in self.roles():
            with contextlib.suppress(OSError):  # it ended meanwhile
                words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if f"--role={name}".encode() in words:
                    found.append(pid)
        return found

    def kill_role(self, name):
        """kill -9 of one role; the supervisor starts another."""
        pid = self.role(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_worker(self):
        """kill -9 of the worker alone; gives the process ids that are gone."""
        return [self.kill_role("worker")]

    def kill(self):
        """kill -9 of the supervisor and of all its roles: as a power cut to the processes."""
        if self.process is None or self.process.poll() is not None:
            return
        # A power cut lets nobody see another's end and act on it (the worker that of the courier, say): all
        # stand still before the first one dies, the supervisor first, so that no new one comes.
        stand_still([self.process.pid])
        pids = [self.process.pid] + self.roles()
        stand_still(pids)
        signal_all(pids, signal.SIGKILL)
        self.process.wait(60)
        end = time.monotonic() + 60
        while any(is_alive(pid) for pid in pids) and time.monotonic() < end:
            time.sleep(0.005)

    def stop(self):
        """The orderly end: SIGTERM, exit code 0, no role left."""
        if self.process is None or self.process.poll() is not None:
            return
        pids = self.roles()
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("SIGTERM did not end the server in 40 s:\n" + self.log_text()[-2000:])
        left = [pid for pid in pids if is_alive(pid)]
        signal_all(left, signal.SIGKILL)
        assert not left, f"roles outlived their supervisor: {left}"
        assert self.process.returncode == 0, (self.process.returncode, self.log_text()[-2000:])

    def restart(self):
        self.stop()
        return self.start()

    def done(self):
        self.kill()
        give_back(self.own_port)
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *_):
        self.done()

    # -- facts

    def log_text(self):
        """What all starts wrote to standard error."""
        logs = (self.folder / f"log.{n}" for n in range(1, self.starts + 1))
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())

    def log_faults(self):
        """Lines of the log that hold a person's value or a secret, as all tests make them (E6, E7)."""
        words = re.compile("|".join(("@", "%40", r"[a-z]\.[0-9a-f]{10}", "Byron", re.escape(PASSWORD),
                                     re.escape(self.secret_key or "@"), r"eyJ[\w-]{8}")))
        return [line for line in self.log_text().splitlines() if words.search(line)]

    def cli(self, *args, stdin="", env=None):
        """A command of the program on this server's store."""
        both = dict(self.env)
        both.update(env or {})
        words = list(args) + ["--data", self.data, "--keys", self.keys,
                              "--config", self.folder / "sutler.conf"]
        return run(*words, env=both, stdin=stdin)

    def make_user(self, email, *flags, password=PASSWORD, first="Ada", last="Byron"):
        done = self.cli("user", "add", email, "--first-name", first, "--last-name", last, *flags,
                        stdin=password + "\n")
        assert done.returncode == 0, (done.stdout, done.stderr)
        return email

    def address(self, tls=False):
        return f"127.0.0.1:{self.port_tls if tls else self.port}"

    def client(self, tls=False, **more):
        return Client(self, tls=tls, **more)

    def schema(self):
        if self.document is None:
            client = Client(self, check=False)
            answer = client.get("/api/schema/")
            assert answer.status == 200, answer
            self.document = openapi.Document(answer.json)
        return self.document

    def conn(self, tls=False, **more):
        return Conn("127.0.0.1", self.port_tls if tls else self.port, tls=tls, **more)

    def cpu_ns(self):
        """What all threads of all roles have computed so far: not disturbed by what else the machine does."""
        total = 0
        for pid in self.roles():
            # A role or a thread of it may have ended since the list was read.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                        total += int((task / "schedstat").read_text().split()[0])
        return total

    def memory_bytes(self, fields=("Pss:",)):
        """
        PSS of the supervisor and its roles.  Of files (the program, its libraries) it is a share: it grows when
        another process that has them ends.  ("Pss_Anon:", "Pss_Shmem:") is what is their own.
        """
        total = 0
        for pid in [self.process.pid] + self.roles():
            # One that does a picture and ends may have ended since the list was read.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith(tuple(fields)):
                        total += int(line.split()[1]) * 1024
        return total


def merge_settings(text, extra):
    """The preset's text with keys replaced or added; a duplicate key would be refused."""
    sections, order, here = {}, [], None
    for source in (text, extra):
        for line in source.splitlines():
            bare = line.strip()
            if not bare or bare[0] in "#;":
                continue
            if bare.startswith("["):
                here = bare.strip("[]")
                if here not in sections:
                    sections[here] = {}
                    order.append(here)
                continue
            key, _, value = bare.partition("=")
            sections[here][key.strip()] = value.strip()
    return "".join(f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in sections[name].items()) + "\n"
                   for name in order)


class Client:
    """Speaks HTTP/1.1 over one kept connection; opens another when the server closed it."""

    def __init__(self, server, tls=False, check=True, source=None, host=None, token=None,
                 headers=None):
        self.server, self.tls, self.check, self.source = server, tls, check, source
        self.host = host or f"localhost:{server.port_tls if tls else server.port}"
        self.token, self.headers = token, dict(headers or {})
        self.conn = None

    def close(self):
        if self.conn:
            self.conn.close()
        self.conn = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def bytes_of(self, method, target, json=None, body=None, headers=None, token=...):
        fields = {"Host": self.host}
        token = self.token if token is ... else token
        if token:
            fields["Authorization"] = f"Bearer {token}"
        if json is not None:
            body = json_module.dumps(json).encode()
            fields["Content-Type"] = "application/json"
        if body is not None:
            body = body.encode() if isinstance(body, str) else body
            fields.setdefault("Content-Type", "application/json")
            fields["Content-Length"] = str(len(body))
        for name, value in {**self.headers, **(headers or {})}.items():
            fields.pop(next((k for k in fields if k.lower() == name.lower()), None), None)
            if value is not None:
                fields[name] = value
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items())
        return head.encode("utf-8") + b"\r\n" + (body or b"")

    def _send(self, data):
        try:
            self.conn.send(data)
        except OSError as error:
            # Refused before all was sent: why is to be read.
            if not isinstance(error, (ssl.SSLEOFError, BrokenPipeError, ConnectionResetError)):
                raise

    def request(self, method, target, json=None, body=None, headers=None, token=..., check=None):
        data = self.bytes_of(method, target, json, body, headers, token)
        for attempt in (1, 2):
            fresh = self.conn is None
            if fresh:
                self.conn = self.server.conn(self.tls, source=self.source)
            try:
                self._send(data)
                answer = self.conn.read(method)
                break
            except (WireError, ConnectionError, BrokenPipeError) as error:
                ended = self.conn.eof and not self.conn.buffer
                self.close()
                # A kept connection may have been closed by the server meanwhile, that is all.
                if fresh or attempt == 2 or not (ended or isinstance(error, ConnectionError)):
                    raise
        if answer.closed:
            self.close()
        if self.check if check is None else check:
            self.hold(method, target, answer)
        return answer

    def hold(self, method, target, answer):
        self.server.schema().check(method, target, answer)
        faults = header_rules.faults(answer, self.server.preset, self.tls)
        assert not faults, f"{method} {target} -> {answer.status}: {'; '.join(faults)}"

    def get(self, target, **more):
        return self.request("GET", target, **more)

    def post(self, target, json=None, **more):
        return self.request("POST", target, json=json, **more)

    def patch(self, target, json=None, **more):
        return self.request("PATCH", target, json=json, **more)

    def put(self, target, json=None, **more):
        return self.request("PUT", target, json=json, **more)

    def delete(self, target, **more):
        return self.request("DELETE", target, **more)

    # -- what most tests begin with

    def register(self, email, password=PASSWORD, name="Ada Byron"):
        answer = self.post("/api/users/register/",
                           {"email": email, "password": password, "full_name": name})
        assert answer.status == 201, answer
        return answer.json["data"]

    def login(self, email, password=PASSWORD):
        answer = self.post("/api/users/login/", {"email": email, "password": password})
        assert answer.status == 200, answer
        self.token = answer.json["data"]["tokens"]["access_token"]
        return answer.json["data"]


def new_email(word="ada"):
    return f"{word}.{secrets.token_hex(5)}@example.com"
