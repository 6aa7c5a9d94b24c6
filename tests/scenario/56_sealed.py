# SPDX-License-Identifier: Apache-2.0
"""Sealed fields: what a read asks the keeper for, and what happens without it."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

from mails import wait_sent
from sutler import PASSWORD, Skip, is_alive, new_email, wait_traced


def to_the_keeper(worker):
    """The numbers of the worker's sockets that lead to the keeper: connected local streams without a name."""
    own = set()
    for fd in pathlib.Path(f"/proc/{worker}/fd").iterdir():
        found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(fd))
        if found:
            own.add(found.group(1))
    found = set()
    for line in pathlib.Path(f"/proc/{worker}/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[6] in own and fields[4] == "0001" and fields[5] == "03" and len(fields) == 7:
            found.add(fields[6])
    assert found, "the worker is not connected to the keeper"
    return found


class Messages:
    """What the worker sends to the keeper while the block runs, by strace."""

    def __init__(self, server):
        self.worker = server.role("worker")
        self.sockets = to_the_keeper(self.worker)
        self.path = server.folder / f"trace.{time.monotonic_ns()}"
        self.sent = None
        self.seen = None

    def __enter__(self):
        if not shutil.which("strace"):
            raise Skip("no strace")
        self.tracer = subprocess.Popen(
            ["strace", "-f", "-qq", "-y", "-s", "16", "-e", "trace=write,writev,sendto,sendmsg,sendmmsg",
             "-o", str(self.path), "-p", str(self.worker)], stderr=subprocess.DEVNULL)
        wait_traced(self.tracer, self.worker)
        return self

    def __exit__(self, *_):
        time.sleep(0.3)
        self.tracer.send_signal(signal.SIGINT)
        self.tracer.wait(60)
        lines = self.path.read_text(errors="replace").splitlines()
        self.seen = len(lines)
        self.sent = [line for line in lines if self.sockets & set(re.findall(r"\[(\d+)(?:->\d+)?\]>", line))]


def person_of(server):
    client = server.client()
    email = new_email()
    client.register(email, name="Ada Augusta Byron")
    client.login(email)
    return client, email


def read(server, client, email, times=1):
    """The profile; over connections of their own."""
    for _ in range(times):
        answer = server.client().get("/api/users/profile/", token=client.token)
        assert answer.status == 200, answer
        assert email in answer.body.decode(), answer


def test_a_hot_profile_sends_nothing_to_the_keeper_and_a_cold_one_does(ctx):
    server = ctx.own_server()
    client, email = person_of(server)
    # A mail that still waits is sent after the restart, and opens the person's key for it.
    wait_sent(server)
    server.restart()
    server.client().get("/healthz")
    with Messages(server) as cold:
        read(server, client, email)
    assert cold.sent, "a key was opened without the keeper, or this test does not see it"
    for _ in range(5):
        with Messages(server) as hot:
            read(server, client, email, times=40)
        assert hot.seen >= 40, hot.seen
        # Over PostgreSQL the worker looks at its own keys, too, soon after the start: what reads send comes every time.
        if not hot.sent:
            break
    assert not hot.sent, hot.sent


def test_a_cold_profile_waits_for_a_keeper_that_was_killed(ctx):
    server = ctx.own_server()
    people = [person_of(server) for _ in range(4)]
    # A mail that still waits is sent after the restart, and opens the person's key for it.
    wait_sent(server)
    server.restart()
    for client, email in people:
        before = server.role("keeper")
        os.kill(before, signal.SIGKILL)
        read(server, client, email)
        assert server.role("keeper") != before


def test_people_come_and_are_read_while_the_keeper_is_killed_over_and_over(ctx):
    server = ctx.own_server(env={"SUTLER_PASSWORD_HASH": "pbkdf2_sha256", "SUTLER_PASSWORD_ITERATIONS": "1"},
                            insecure_dev=True)
    server.schema()
    stop, failed, done = threading.Event(), [], []

    def people():
        try:
            while not stop.is_set():
                client, email = person_of(server)
                read(server, client, email)
                changed = client.patch("/api/users/profile/", {"phone_number": "+36301234567"}, token=client.token)
                assert changed.status == 200, changed
                again = server.client().post("/api/users/login/", {"email": email, "password": PASSWORD})
                assert again.status == 200, again
                done.append(email)
        except Exception as error:  # any at all: it is told below
            failed.append(error)

    threads = [threading.Thread(target=people) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(12):
        time.sleep(0.25)
        # None, while it is on its way back.
        for pid in server.roles_named("keeper"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    # On a busy machine the last of them need a while.
    end = time.monotonic() + 60
    while len(done) < 8 and not failed and time.monotonic() < end:
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed, failed[0]
    assert len(done) >= 8, len(done)


def test_a_keeper_that_stands_still_stops_nobody_who_does_not_need_it(ctx):
    """Stopped, it is replaced; profiles that wait for it are answered, and the catalogue does not wait at all."""
    server = ctx.own_server(env={"SUTLER_PASSWORD_HASH": "pbkdf2_sha256", "SUTLER_PASSWORD_ITERATIONS": "1"},
                            insecure_dev=True)
    people = [person_of(server) for _ in range(12)]
    wait_sent(server)
    server.restart()
    server.schema()
    server.client().get("/api/catalog/products/")
    before = server.role("keeper")
    os.kill(before, signal.SIGSTOP)
    failed = []

    def profile(client, email):
        try:
            read(server, client, email)
        except Exception as error:  # any at all: it is told below
            failed.append(error)

    threads = [threading.Thread(target=profile, args=person) for person in people]
    for thread in threads:
        thread.start()
    # Who waited for it would be answered when another has its place, not before.
    end, answered = time.monotonic() + 60, 0
    while is_alive(before):
        assert time.monotonic() < end, "it stands still for ever"
        assert server.client().get("/api/catalog/filters/").status == 200
        answered += is_alive(before)
    for thread in threads:
        thread.join()
    assert not failed, failed[0]
    assert server.role("keeper") != before
    if ctx.store == "sqlite":
        assert answered >= 3, answered
