# SPDX-License-Identifier: Apache-2.0
"""Keys change while the shop is used: every kind under load, killed in the middle, two at once, over and over."""
import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time

import sutler
from sutler import PASSWORD, new_email, only
from wire import WireError

KINDS = ("token", "link", "media", "log", "audit", "index", "data", "file", "master", "tls")
# Keys of tokens come out of the store, and a hash costs nothing.
ENV = {"SECRET_KEY": None, "SUTLER_PASSWORD_HASH": "pbkdf2_sha256", "SUTLER_PASSWORD_ITERATIONS": "1"}
CLIENTS = 64
STAFF = "rotation.staff@example.com"


def keys_of(server):
    done = server.cli("key", "list", "--json", "--insecure-dev")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def versions(server, purpose):
    """State by version."""
    return {row["version"]: row["state"] for row in keys_of(server)["keys"] if row["purpose"] == purpose}


def rotate(server, kind, code=0, timeout=240):
    words = ["key", "rotate", kind, "--data", server.data, "--keys", server.keys,
             "--config", server.folder / "sutler.conf", "--insecure-dev"]
    done = sutler.run(*words, env=server.env, timeout=timeout)
    assert done.returncode == code, (kind, done.stdout, done.stderr, server.log_text()[-2000:])
    return done


def start_rotation(server, kind):
    """The command, left running."""
    return subprocess.Popen(
        [sutler.PROGRAM, "key", "rotate", kind, "--data", str(server.data), "--keys", str(server.keys),
         "--config", str(server.folder / "sutler.conf"), "--insecure-dev"],
        env=sutler.clean_env(server.env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Person:
    """One who shops: signs in, looks around, changes their name, stays signed in."""

    def __init__(self, server, number):
        self.server, self.number, self.client = server, number, server.client(check=False)
        self.email, self.name, self.refresh = new_email(f"rot{number}"), "Ada", None
        self.random, self.is_careful = random.Random(number), False

    def ask(self, want, method, target, body=None, token=...):
        answer = self.client.request(method, target, json=body, token=token)
        if answer.status not in want:
            raise AssertionError(f"{method} {target} -> {answer.status} {answer.body[:300]!r}")
        return answer

    def register(self):
        answer = self.ask((201,), "POST", "/api/users/register/",
                          {"email": self.email, "password": PASSWORD, "full_name": "Ada Byron"}, token=None)
        self.take(answer.json["data"]["tokens"])

    def take(self, tokens):
        self.client.token, self.refresh = tokens["access_token"], tokens["refresh_token"]

    def sign_in(self):
        answer = self.ask((200,), "POST", "/api/users/login/", {"email": self.email, "password": PASSWORD}, token=None)
        self.take(answer.json["data"]["tokens"])

    def look_at_profile(self):
        answer = self.ask((200,), "GET", self.random.choice(("/api/users/profile/", "/api/v1/users/me/")))
        assert self.email in answer.body.decode(), answer.body
        assert self.name in answer.body.decode(), (self.name, answer.body)

    def change_name(self):
        name = f"Ada{self.random.randrange(10 ** 6)}"
        self.ask((200,), "PATCH", "/api/users/profile/", {"first_name": name})
        self.name = name

    def renew(self):
        answer = self.ask((200,), "POST", "/api/users/token/refresh/", {"refresh_token": self.refresh}, token=None)
        self.take(answer.json["data"])

    def sign_out(self):
        self.ask((200, 204, 205), "POST", "/api/users/logout/", {"refresh_token": self.refresh})
        self.client.token = None
        self.sign_in()

    def look_around(self):
        page = self.random.randrange(1, 4)
        answer = self.ask((200,), "GET", f"/api/catalog/products/?page={page}&page_size=5")
        self.ask((200,), "GET", f"/api/catalog/products/{answer.json['results'][0]['id']}/")
        self.ask((200,), "GET", "/api/catalog/categories/")
        self.ask((200,), "GET", "/api/catalog/filters/")
        self.ask((200,), "POST", "/api/catalog/products/search/", {"query": "dress"})

    def look_at_the_rest(self):
        self.ask((200,), "GET", "/api/users/token/validate/")
        for target in ("/healthz", "/health", "/api/schema/", "/docs/", "/"):
            self.ask((200, 301, 302), "GET", target)

    def turn(self):
        roll = self.random.random()
        if roll < 0.35:
            self.look_at_profile()
        elif roll < 0.55:
            self.change_name()
        elif roll < 0.65:
            # Sent twice, as it may be around a kill, a refresh token is a replay.
            self.look_around() if self.is_careful else self.renew()
        elif roll < 0.72:
            self.sign_in()
        elif roll < 0.76:
            self.sign_in() if self.is_careful else self.sign_out()
        elif roll < 0.95:
            self.look_around()
        else:
            self.look_at_the_rest()


class Seller(Person):
    """One of the staff: looks for people."""

    def turn(self):
        if self.client.token is None:
            self.email = STAFF
            self.sign_in()
        answer = self.ask((200,), "GET", f"/api/users/?search={STAFF}")
        assert STAFF in answer.body.decode(), answer.body
        answer = self.ask((200,), "GET", "/api/users/?search=Quimby")
        assert STAFF in answer.body.decode(), answer.body


class Load:
    """Everybody at once, until told; `failures` has what went wrong."""

    def __init__(self, server, clients=CLIENTS, may_break=False):
        self.failures, self.turns, self.may_break = [], 0, may_break
        self.stop_now = threading.Event()
        people = [Seller(server, n) if n < 3 else Person(server, n) for n in range(clients)]
        self.people = people
        for person in people:
            person.is_careful = may_break
        self.threads = [threading.Thread(target=self._run, args=(person,), daemon=True) for person in people]

    def _run(self, person):
        try:
            self._join(person)
            while not self.stop_now.is_set():
                try:
                    person.turn()
                except (OSError, WireError):
                    if not self.may_break:
                        raise
                    person.client.close()
                    time.sleep(0.05)
                    self._come_back(person)
                self.turns += 1
        except Exception as error:  # whatever it was, the test tells
            self.failures.append(f"{type(error).__name__}: {error}")

    def _join(self, person):
        if isinstance(person, Seller):
            return
        try:
            person.register()
        except (OSError, WireError):
            if not self.may_break:
                raise
            # Killed in the middle of it: nobody knows whether there is such a person now.
            person.client.close()
            while not self.stop_now.is_set():
                try:
                    answer = person.ask((201, 400, 409), "POST", "/api/users/register/",
                                        {"email": person.email, "password": PASSWORD, "full_name": "Ada Byron"},
                                        token=None)
                    person.sign_in() if answer.status != 201 else person.take(answer.json["data"]["tokens"])
                    return
                except (OSError, WireError):
                    person.client.close()
                    time.sleep(0.1)

    def _come_back(self, person):
        """The server was killed: nobody knows whether the last change was kept."""
        while not self.stop_now.is_set():
            try:
                person.sign_in()
                answer = person.ask((200,), "GET", "/api/users/profile/")
                data = answer.json.get("data", answer.json)
                person.name = data.get("first_name") or data["user"]["first_name"]
                return
            except (OSError, WireError, AssertionError):
                person.client.close()
                time.sleep(0.1)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        end = time.monotonic() + 120
        while time.monotonic() < end and self.turns < len(self.threads) and not self.failures:
            time.sleep(0.05)
        return self

    def check(self):
        assert not self.failures, self.failures[:5]

    def __exit__(self, *error):
        self.stop_now.set()
        for thread in self.threads:
            thread.join(60)
        if error[0] is None:
            self.check()
            assert self.turns > 2 * len(self.threads), self.turns


def shop(ctx, **more):
    env = dict(ENV)
    env.update(more.pop("env", {}))
    server = ctx.own_server(env=env, insecure_dev=True, port=sutler.lasting_port(), **more)
    server.make_user(STAFF, "--insecure-dev", "--role", "staff", first="Quimby", last="Quint")
    return server


def kinds_here(ctx):
    return [kind for kind in KINDS if kind != "file" or ctx.store == "sqlite"]


def all_is_fresh(server, ctx):
    """One version of what everything is sealed under, and no row that names another."""
    for purpose in ("data-keys", "blind-index"):
        have = versions(server, purpose)
        assert list(have.values()) == ["current"], have
    assert keys_of(server)["unfinished"] == [], keys_of(server)
    if ctx.store != "postgres":
        return
    name = server.env["DATABASE_URL"].rpartition("/")[2]
    postgres = ctx.cluster.postgres

    def ask(text):
        done = postgres._run("psql", "-h", "127.0.0.1", "-p", str(postgres.port), "-U", "sutler", "-d", name,
                             "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text)
        assert done.returncode == 0, done.stderr
        return int(done.stdout.strip())

    for table, owner in (("users", "t.id"), ("sessions", "t.user_id"), ("audit", "coalesce(t.user_id, 0)")):
        assert ask(f"SELECT count(*) FROM {table} t WHERE key_version <> 0 AND key_version <> "
                   f"(SELECT max(version) FROM data_keys WHERE person_id = {owner})") == 0, table
    assert ask("SELECT count(*) FROM (SELECT person_id FROM data_keys GROUP BY person_id HAVING count(*) > 1) d") == 0
    assert ask("SELECT count(DISTINCT index_version) FROM users") == 1
    assert ask("SELECT count(DISTINCT index_version) FROM person_words") == 1


def test_every_kind_under_load(ctx):
    """64 clients on every route while each kind is rotated: no request fails, all is fresh at the end."""
    server = shop(ctx)
    before = keys_of(server)
    with Load(server) as load:
        for kind in kinds_here(ctx):
            rotate(server, kind)
            load.check()
    all_is_fresh(server, ctx)
    after = keys_of(server)
    assert after["master"] != before["master"]
    newest = {}
    for row in after["keys"]:
        if row["state"] == "current":
            newest[row["purpose"]] = row["version"]
    for purpose in ("token-signing", "link-signing", "media", "pseudonym", "audit-signing", "blind-index", "data-keys"):
        assert newest[purpose] == 2, (purpose, newest)
    # And once more after a restart, from what is on the disk.
    server.restart()
    for person in load.people[3:8]:
        person.client = server.client(check=False)
        person.sign_in()
        person.look_at_profile()
    for kind in ("data", "index", "master"):
        rotate(server, kind)
    all_is_fresh(server, ctx)


def test_killed_in_the_middle(ctx):
    """kill -9 of the worker, then of all, while rows are sealed anew; the same command goes on."""
    server = shop(ctx)
    # On PostgreSQL a rotation waits for other servers after each step.
    kinds = ("data", "index", "master", "token") if ctx.store == "sqlite" else ("data", "index")
    ends = ("worker", "all", "keeper") if ctx.store == "sqlite" else ("worker", "all")
    with Load(server, clients=12 if ctx.store == "sqlite" else 6, may_break=True) as load:
        for round_n, (kind, who) in enumerate([(kind, who) for kind in kinds for who in ends]):
            command = start_rotation(server, kind)
            time.sleep(0.05 + 0.04 * round_n % 0.3)
            if who == "all":
                server.kill()
                server.start()
            else:
                for pid in server.roles_named(who):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                server.wait_well()
            out, _ = command.communicate(timeout=240)
            assert command.returncode in (0, 1), (command.returncode, out)
            assert "Sanitizer" not in out, out
            load.check()
            rotate(server, kind)
            load.check()
    all_is_fresh(server, ctx)
    for person in load.people[3:]:
        person.client = server.client(check=False)
        person.sign_in()
    server.restart()
    for person in load.people[3:]:
        person.client = server.client(check=False)
        person.sign_in()


def test_two_at_once(ctx):
    """The second is refused with a clear sentence, and the first does not notice."""
    server = shop(ctx)
    with Load(server, clients=8) as load:
        seen = 0
        # More often where the one was over each time before the other had begun.
        for n in range(100):
            if seen > 0 and n >= (12 if ctx.store == "sqlite" else 2):
                break
            first = start_rotation(server, "data")
            second = start_rotation(server, "index")
            outs = [p.communicate(timeout=240)[0] for p in (first, second)]
            codes = sorted((first.returncode, second.returncode))
            assert codes in ([0, 0], [0, 1]), (codes, outs)
            if codes == [0, 1]:
                refused = outs[0] if first.returncode == 1 else outs[1]
                assert "is under way" in refused, refused
                seen += 1
            load.check()
        assert seen > 0
    all_is_fresh(server, ctx)


def test_tokens_of_an_older_key(ctx):
    """They work until they expire; then the key is forgotten."""
    server = shop(ctx, env={"SUTLER_TOKENS_ACCESS_LIFE": "55s" if ctx.store == "sqlite" else "10m",
                             "SUTLER_TOKENS_REFRESH_LIFE": "60s" if ctx.store == "sqlite" else "20m"})
    client = server.client()
    client.register(new_email())
    data = client.register(new_email())
    old = data["tokens"]
    for _ in range(3):
        rotate(server, "token")
        assert client.get("/api/users/profile/", token=old["access_token"]).status == 200
    answer = client.post("/api/users/token/refresh/", {"refresh_token": old["refresh_token"]})
    assert answer.status == 200, answer
    assert sorted(versions(server, "token-signing")) == [1, 2, 3, 4]
    server.restart()
    client = server.client()
    assert client.get("/api/users/profile/", token=old["access_token"]).status == 200
    if ctx.store == "postgres":
        return
    # Other servers there may be none; what the older keys signed has expired after the life of a refresh token.
    end = time.monotonic() + 60 + 180
    while len(versions(server, "token-signing")) > 1:
        assert time.monotonic() < end, versions(server, "token-signing")
        time.sleep(1)
    assert versions(server, "token-signing") == {4: "current"}
    assert client.get("/api/users/profile/", token=old["access_token"]).status == 401


def test_refusals_and_the_list(ctx):
    server = ctx.own_server(env={"SUTLER_PASSWORD_HASH": "pbkdf2_sha256", "SUTLER_PASSWORD_ITERATIONS": "1"},
                            insecure_dev=True)
    done = rotate(server, "token", code=1)
    assert "security.secret_key" in done.stderr, done.stderr
    if ctx.store == "postgres":
        assert "PostgreSQL" in rotate(server, "file", code=1).stderr
    done = rotate(server, "counters", code=2)
    assert "no kind of key" in done.stderr and "master" in done.stderr, done.stderr
    listed = server.cli("key", "list", "--insecure-dev")
    assert listed.returncode == 0 and "data-keys" in listed.stdout, listed
    assert "older than it should be" not in listed.stdout
    known = keys_of(server)
    assert len(known["master"]) == 16 and known["unfinished"] == []
    for row in known["keys"]:
        assert set(row) == {"purpose", "version", "state", "made", "age_days", "greatest_age_days", "is_over_age",
                            "kind"}, row
    # No server: the command opens the store itself.
    server.stop()
    rotate(server, "data")
    rotate(server, "master")
    assert versions(server, "data-keys") == {2: "current"}
    assert keys_of(server)["master"] != known["master"]
    done = rotate(server, "tls", code=1)
    assert "no server" in done.stderr, done.stderr
    server.start()
    assert server.client().get("/api/catalog/products/").status == 200


def test_a_master_key_from_the_environment(ctx):
    """Refused with what to do; with the key of before beside it everything goes over."""
    one, two = os.urandom(32).hex(), os.urandom(32).hex()
    env = dict(ENV, SUTLER_MASTER_KEY=one)
    server = ctx.own_server(env=env, insecure_dev=True, demo=False, tls=False)
    email = server.make_user(new_email(), "--insecure-dev", "--verified")
    done = rotate(server, "master", code=1)
    assert "security.master_key_previous" in done.stderr, done.stderr
    server.stop()
    server.env.update(SUTLER_MASTER_KEY=two, SUTLER_SECURITY_MASTER_KEY_PREVIOUS=one)
    server.start()
    rotate(server, "master")
    server.stop()
    del server.env["SUTLER_SECURITY_MASTER_KEY_PREVIOUS"]
    server.start()
    shown = server.cli("user", "show", email, "--insecure-dev")
    assert shown.returncode == 0 and email in shown.stdout, (shown.stdout, shown.stderr)
    server.stop()
    server.env["SUTLER_MASTER_KEY"] = one
    try:
        server.start()
        raise AssertionError("it started under the old master key")
    except sutler.StartFailed as failed:
        assert "belongs to other keys" in failed.stderr or "master" in failed.stderr, failed.stderr


@only("postgres")
def test_two_servers_over_one_store(ctx):
    """While one rotates, the other signs, finds and changes; a rotation on both at once is refused."""
    env = dict(ENV, SUTLER_MASTER_KEY=os.urandom(32).hex())
    first = shop(ctx, env=env)
    second = ctx.own_server(env=env, insecure_dev=True, dsn=first.env["DATABASE_URL"], port=sutler.lasting_port())
    with Load(first, clients=10) as here, Load(second, clients=10) as there:
        for kind in ("token", "index", "data"):
            commands = [start_rotation(server, kind) for server in (first, second)]
            told = [command.communicate(timeout=240)[0] for command in commands]
            # Whichever came first; the other is refused, as both run for longer than a start takes.
            assert sorted(command.returncode for command in commands) == [0, 1], told
            refused = next(out for out, command in zip(told, commands) if command.returncode == 1)
            assert "another server" in refused, told
            here.check()
            there.check()
        # A token of one is good at the other.
        # (Of nobody who is signing out just now.)
        token = first.client(check=False).login(here.people[5].email)["tokens"]["access_token"]
        assert second.client(check=False).get("/api/users/token/validate/", token=token).status == 200
    all_is_fresh(first, ctx)
