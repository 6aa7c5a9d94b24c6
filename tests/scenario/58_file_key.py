# SPDX-License-Identifier: Apache-2.0
"""Another key for the embedded store's file: under load, killed in the middle, twice at once, without a server."""
import contextlib
import os
import random
import signal
import stat
import subprocess
import threading
import time

import sutler
from sutler import PASSWORD, new_email, only
from wire import WireError

CHEAP = {"SUTLER_PASSWORD_HASH": "pbkdf2_sha256", "SUTLER_PASSWORD_ITERATIONS": "1"}
# The command hashes nothing, and would refuse so few rounds.
ENOUGH = {"SUTLER_PASSWORD_ITERATIONS": "100000"}
CLIENTS = 32
ROUTES = ("/api/catalog/products/", "/api/catalog/products/?page=2&ordering=price", "/api/users/profile/", "/healthz")


def version_of(server):
    """The number in store.key; 1 for a file of before there were numbers."""
    content = (server.data / "store.key").read_bytes()
    return 1 if content[0] == 1 else int(content.split()[1])


def ask(server):
    return server.cli("key", "rotate", "file", env=ENOUGH)


def rotate(server):
    done = ask(server)
    assert done.returncode == 0, (done.stdout, done.stderr, server.log_text()[-2000:])
    return done


def assert_tidy(server):
    names = {p.name for p in server.data.iterdir()}
    assert not [n for n in names if ".next" in n], names
    for name in ("sutler.db", "store.key"):
        assert stat.S_IMODE((server.data / name).stat().st_mode) == 0o600, name
    assert b"SQLite format 3" not in (server.data / "sutler.db").read_bytes()[:64]


class Load:
    """Clients that register and read without a pause; what was acknowledged is kept."""

    def __init__(self, server, clients=CLIENTS, may_fail=False):
        self.server, self.may_fail = server, may_fail
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.people, self.failed, self.slowest, self.requests = [], [], 0.0, 0
        self.threads = [threading.Thread(target=self.work, args=(n,)) for n in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert self.may_fail or not self.failed, self.failed[:5]

    def one(self, client, n, turn):
        before = time.monotonic()
        if turn % 8 == 0:
            email = new_email(f"load{n}")
            answer = client.post("/api/users/register/", {"email": email, "password": PASSWORD, "full_name": "Ada Byron"},
                                 token=None)
            good = answer.status == 201
            if good:
                client.token = answer.json["data"]["tokens"]["access_token"]
                with self.lock:
                    self.people.append(email)
        else:
            answer = client.get(ROUTES[turn % len(ROUTES)])
            good = answer.status == 200
        took = time.monotonic() - before
        with self.lock:
            self.requests += 1
            self.slowest = max(self.slowest, took)
            if not good:
                self.failed.append((answer.status, answer.body[:300]))

    def work(self, n):
        turn = 0
        client = self.server.client(check=False)
        while not self.stop.is_set():
            try:
                self.one(client, n, turn)
                turn += 1
            except (OSError, WireError) as error:
                with self.lock:
                    self.failed.append(repr(error))
                if self.may_fail:
                    time.sleep(0.02)
                client.close()
                turn = 0
        client.close()


def assert_all_there(server, people):
    client = server.client(check=False)
    for email in people:
        answer = client.post("/api/users/login/", {"email": email, "password": PASSWORD})
        assert answer.status == 200, (email, answer)
    client.close()


@only("sqlite")
def test_no_request_fails_and_no_write_is_lost_while_the_key_is_changed(ctx):
    server = ctx.own_server(env=CHEAP, insecure_dev=True)
    assert version_of(server) == 1
    before = (server.data / "sutler.db").stat().st_ino
    with Load(server) as load:
        time.sleep(0.3)
        for version in range(2, 6):
            print("#", rotate(server).stdout.strip().splitlines()[-1])
            assert version_of(server) == version
            time.sleep(0.1)
    assert load.people and load.requests > 10 * CLIENTS, load.requests
    print(f"# {load.requests} requests, {len(load.people)} people; the slowest took {load.slowest * 1000:.0f} ms")
    assert load.slowest < 15, load.slowest
    assert (server.data / "sutler.db").stat().st_ino != before
    assert_tidy(server)
    assert_all_there(server, load.people)
    server.restart()
    assert_tidy(server)
    assert_all_there(server, load.people)


@only("sqlite")
def test_a_kill_at_any_moment_leaves_a_store_that_opens(ctx):
    """On a disk that drops what was not synced: each kill is a power cut."""
    server = ctx.own_server(env=CHEAP, insecure_dev=True, drops_unsynced=True, port=sutler.lasting_port())
    server.schema()
    people, hit = [], 0
    for _ in range(8):
        version, next_key = version_of(server), str(server.data / "store.key.next")
        with Load(server, clients=4, may_fail=True) as load:
            time.sleep(0.1)
            words = [sutler.PROGRAM, "key", "rotate", "file", "--data", str(server.data), "--keys", str(server.keys),
                     "--config", str(server.folder / "sutler.conf")]
            asked = subprocess.Popen(words, env=sutler.clean_env({**server.env, **ENOUGH}), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            pids = [server.process.pid, *server.roles()]
            end = time.monotonic() + 20
            while not os.path.exists(next_key) and time.monotonic() < end:
                time.sleep(0.0002)
            time.sleep(random.random() * 0.04)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):  # one that rested has gone
                    os.kill(pid, signal.SIGKILL)
            server.kill()
            load.stop.set()
        asked.wait(60)
        hit += os.path.exists(next_key)
        people += load.people
        server.start()
        assert version_of(server) in (version, version + 1)
        assert_tidy(server)
        assert_all_there(server, load.people[-50:])
        rotate(server)
        assert_tidy(server)
    assert people, "nobody registered"
    print(f"# {hit} of 8 kills met a change half-way; {len(people)} people registered meanwhile")
    assert_all_there(server, random.sample(people, min(len(people), 100)))


@only("sqlite")
def test_a_worker_that_dies_in_a_change_comes_back(ctx):
    server = ctx.own_server(env=CHEAP, insecure_dev=True, port=sutler.lasting_port())
    people = []
    for _ in range(4):
        with Load(server, clients=4, may_fail=True) as load:
            time.sleep(0.1)
            asked = threading.Thread(target=ask, args=(server,))
            asked.start()
            time.sleep(random.random() * 0.2)
            server.kill_role("worker")
            asked.join()
            server.wait_well()
        people += load.people
        rotate(server)
        assert_tidy(server)
    assert_all_there(server, people)


@only("sqlite")
def test_two_changes_at_once_are_one_after_the_other_or_refused(ctx):
    server = ctx.own_server(env=CHEAP, insecure_dev=True)
    version = version_of(server)
    done = []
    threads = [threading.Thread(target=lambda: done.append(ask(server))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [d for d in done if d.returncode == 0]
    assert good and all(d.returncode in (0, 1) for d in done), done
    for refused in (d for d in done if d.returncode == 1):
        assert len(refused.stderr.strip().splitlines()) <= 2 and "under way" in refused.stderr, refused
    assert version_of(server) == version + len(good)
    assert_tidy(server)
    rotate(server)


@only("sqlite")
def test_without_a_server(ctx):
    server = ctx.own_server(env=CHEAP, insecure_dev=True)
    email = new_email()
    server.client().register(email)
    server.stop()
    version = version_of(server)
    rotate(server)
    assert version_of(server) == version + 1
    assert_tidy(server)
    server.start()
    assert_all_there(server, [email])


@only("sqlite")
def test_an_older_file_under_the_new_key_is_refused(ctx):
    """The key's file of one state and the store of another fit only together."""
    server = ctx.own_server(env=CHEAP, insecure_dev=True)
    server.stop()
    old = (server.data / "sutler.db").read_bytes()
    rotate(server)
    new = (server.data / "sutler.db").read_bytes()
    (server.data / "sutler.db").write_bytes(old)
    try:
        server.start()
        raise AssertionError("it started with a key that does not fit")
    except sutler.StartFailed as failed:
        assert failed.code == 1 and "key" in failed.stderr, failed.stderr
    assert (server.data / "sutler.db").read_bytes() == old, "a wrong key has changed the file"
    (server.data / "sutler.db").write_bytes(new)
    server.start()


@only("postgres")
def test_a_remote_store_has_no_file(ctx):
    done = ask(ctx.server())
    assert done.returncode == 1 and "PostgreSQL" in done.stderr, done
