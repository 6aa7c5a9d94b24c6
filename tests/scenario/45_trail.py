# SPDX-License-Identifier: Apache-2.0
"""What is left behind: the audit (G2), events (G5), crashes and errors (G6), and no secret anywhere (E7)."""
import contextlib
import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import time
import urllib.parse

import sutler
from sutler import PASSWORD, new_email, only
from wire import Conn, WireError
import jwts as jwt


SEALED = 33  # bytes of a sealed value beyond its own


def sql(server, statement):
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", server.env["DATABASE_URL"], "-c", statement],
                          check=True, capture_output=True, text=True).stdout.strip().splitlines()


# -- the audit


class Trail:
    """The rows of the audit that were added since the last look."""

    def __init__(self, server):
        self.server, self.last = server, 0
        self.new()

    def new(self):
        rows = sql(self.server, "SELECT id, action, resource, coalesce(user_id::text, '-'),"
                                f" coalesce(octet_length(ip) - {SEALED}, 0), at FROM audit "
                                f"WHERE id > {self.last} ORDER BY id")
        rows = [row.split("|") for row in rows]
        if rows:
            self.last = int(rows[-1][0])
        for _, action, resource, _, _, at in rows:
            assert len(action) <= 50 and len(resource) <= 100, (action, resource)
            assert abs(int(at) / 1000 - time.time()) < 300, at
        # The address is sealed: what can be seen of it is how long it is.
        return [(action, resource, user, int(ip)) for _, action, resource, user, ip, _ in rows]


@only("postgres")
def test_each_action_leaves_exactly_one_row(ctx):
    server = ctx.own_server()
    client = server.client(source="127.0.0.31")
    trail = Trail(server)
    email = new_email("trail")
    data = client.register(email)
    me, ip = str(data["user"]["id"]), len("127.0.0.31")
    mine = (f"user:{me}", me, ip)
    assert trail.new() == [("user.register", *mine)]
    tokens = client.login(email)["tokens"]
    assert trail.new() == [("user.login", *mine)]
    wrong = {"email": email, "password": "wrong-Horse7-battery"}
    assert client.post("/api/users/login/", wrong).status == 401
    assert trail.new() == [("user.login_failed", *mine)]
    assert client.post("/api/users/login/", {**wrong, "email": new_email("nobody")}).status == 401
    assert trail.new() == [("user.login_failed", "user", "-", ip)]
    for method, path, body in (("PATCH", "/api/users/profile/", {"first_name": "Grace"}),
                               ("PUT", "/api/users/profile/", {"first_name": "G", "last_name": "H"}),
                               ("PATCH", "/api/v1/users/me/", {"last_name": "Hopper"})):
        assert client.request(method, path, json=body).status == 200
        assert trail.new() == [("user.update", *mine)], (method, path)
    body = {"refresh_token": tokens["refresh_token"]}
    assert client.post("/api/users/token/refresh/", body).status == 200
    assert trail.new() == [], "a refresh is no action of the list"
    assert client.post("/api/users/token/refresh/", body).status == 401
    assert trail.new() == [("user.token_replayed", *mine)]
    assert client.post("/api/users/logout/", {}).status == 200
    assert trail.new() == [("user.logout", *mine)]
    # By contract B the same.
    other = new_email("trail")
    answer = client.post("/api/v1/auth/register/", {
        "email": other, "password": PASSWORD, "first_name": "A", "last_name": "B"}, token=None)
    theirs = (f"user:{answer.json['id']}", str(answer.json["id"]), ip)
    assert trail.new() == [("user.register", *theirs)]
    pair = client.post("/api/v1/auth/login/", {"email": other, "password": PASSWORD}, token=None).json
    assert trail.new() == [("user.login", *theirs)]
    assert client.post("/api/v1/auth/logout/", {"refresh": pair["refresh"]}, token=pair["access"]).status == 204
    assert trail.new() == [("user.logout", *theirs)]
    # A weaker hash is renewed: a change of its own.
    from_older = "pbkdf2_sha256$1000$abcdefghijklmnopqrstuv$"
    import base64
    import hashlib
    digest = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"abcdefghijklmnopqrstuv", 1000)
    sql(server, f"UPDATE users SET password = '{from_older}{base64.b64encode(digest).decode()}' WHERE id = {me}")
    client.login(email)
    assert sorted(trail.new()) == [("user.login", *mine), ("user.password_rehash", *mine)]
    # What an operator does.
    third = server.make_user(new_email("third"))
    rows = trail.new()
    assert [row[0] for row in rows] == ["admin.user_add"], rows
    for words, action in ((("role", third, "staff"), "admin.user_role"), (("disable", third), "admin.user_disable"),
                          (("enable", third), "admin.user_enable"), (("revoke", third), "admin.user_revoke")):
        assert server.cli("user", *words).returncode == 0, words
        got = trail.new()
        assert [row[:2] for row in got] == [(action, rows[0][1])], (words, got)
    # And what it was before, and after.
    changes = [json.loads(row) for row in sql(
        server, "SELECT change FROM audit WHERE change IS NOT NULL ORDER BY id")]
    assert [(c["before"]["role"], c["after"]["role"]) for c in changes[:2]] == [
        ("customer", "staff"), ("staff", "staff")], changes
    assert [(c["before"]["is_active"], c["after"]["is_active"]) for c in changes] == [
        (True, True), (True, False), (False, True), (True, True)], changes


@only("postgres")
def test_what_fails_leaves_no_row_and_no_change(ctx):
    server = ctx.own_server()
    client = server.client()
    email = new_email("trail")
    tokens = client.register(email)["tokens"]
    trail = Trail(server)
    # Nothing happened, so nothing is told.
    for path, body, status in (
            ("/api/users/register/", {"email": email, "password": PASSWORD, "full_name": "A B"}, 409),
            ("/api/users/register/", {"email": new_email(), "password": "12345678", "full_name": "A B"}, 400),
            ("/api/users/register/", {"email": "x", "password": PASSWORD, "full_name": "A B"}, 400),
            ("/api/users/login/", {}, 400), ("/api/users/token/refresh/", {"refresh_token": "a.b.c"}, 401)):
        assert client.post(path, body).status == status, path
    assert client.patch("/api/users/profile/", {"first_name": "x"}).status == 401
    assert client.patch("/api/users/profile/", {"email": "x"}, token=tokens["access_token"]).status == 400
    for path in ("/api/users/profile/", "/api/catalog/products/", "/api/users/"):
        client.get(path, token=tokens["access_token"])
    assert trail.new() == []
    # A transaction that breaks at its last statement leaves neither the change nor the row.
    counts = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM sessions), (SELECT count(*) FROM audit)"
    sql(server, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$BEGIN RAISE EXCEPTION 'canary-inner-detail'; END$$; "
                "CREATE TRIGGER refuse BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION refuse()")
    before = sql(server, counts)
    for method, path, body in (
            ("POST", "/api/users/register/", {"email": new_email(), "password": PASSWORD, "full_name": "A B"}),
            ("POST", "/api/users/login/", {"email": email, "password": PASSWORD}),
            ("PATCH", "/api/users/profile/", {"first_name": "Changed"}),
            ("POST", "/api/users/logout/", {}),
            ("POST", "/api/v1/auth/register/", {"email": new_email(), "password": PASSWORD, "first_name": "A",
                                                "last_name": "B"})):
        answer = client.request(method, path, json=body, token=tokens["access_token"])
        assert answer.status in (500, 503), (path, answer)
        assert b"canary" not in answer.body and b"audit" not in answer.body, answer
    assert sql(server, counts) == before
    sql(server, "DROP TRIGGER refuse ON audit")
    profile = client.get("/api/users/profile/", token=tokens["access_token"])
    assert profile.status == 200 and profile.json["first_name"] == "Ada", "the session or the name went all the same"


# -- security events


def events(server, kind):
    """The lines of this event, after its door had time to tell what it held back."""
    return [line for line in server.log_text().splitlines()
            if re.search(rf"event=security_event type={kind}( |$)", line)]


def test_each_event_is_told_once_and_of_nobody(ctx):
    server = ctx.own_server(rates="preset", env={"SUTLER_LIMITS_ANON": "500/hour", "SUTLER_LIMITS_LOGIN": "100/minute"})
    client = server.client(source="127.0.0.32")
    email = new_email("canary")
    data = client.register(email, name="Zanzibarina Quuxworth")
    tokens = data["tokens"]

    def wrong_password():
        assert client.post("/api/users/login/", {"email": email, "password": "wrong-Horse7"}).status == 401

    def ended_token():
        out = client.login(email)["tokens"]["access_token"]
        assert client.post("/api/users/logout/", {}, token=out).status == 200
        client.token = None
        assert client.get("/api/users/profile/", token=out).status == 401

    def replay():
        body = {"refresh_token": tokens["refresh_token"]}
        assert client.post("/api/users/token/refresh/", body).status == 200
        assert client.post("/api/users/token/refresh/", body).status == 401

    def not_allowed():
        assert client.get("/api/users/", token=tokens["access_token"]).status == 403

    def injection():
        assert client.get("/api/users/?search=" + urllib.parse.quote("'; DROP TABLE users; --")).status == 400

    def smuggling():
        with server.conn(source="127.0.0.32") as conn:
            conn.send(b"POST /api/users/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            assert conn.read().status == 400

    def flood():
        statuses = [client.get("/api/catalog/filters/").status for _ in range(510)]
        assert statuses[-3:] == [429] * 3, statuses[-3:]

    for act, kind in ((wrong_password, "login_failed"), (ended_token, "token_blacklisted"),
                      (replay, "token_replayed"), (not_allowed, "permission_denied"),
                      (injection, "input_suspicious"), (smuggling, "input_suspicious"), (flood, "rate_limited")):
        before = len(events(server, kind))
        act()
        end = time.monotonic() + 20
        while len(events(server, kind)) == before and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.05)
        told = events(server, kind)[before:]
        assert len(told) == 1, (kind, told)
        assert "addr=127.0.0.32" in told[0] and "request_id=" in told[0], told
    before = len(events(server, "role_crashed"))
    server.kill_worker()
    server.wait_well()
    assert len(events(server, "role_crashed")) == before + 1
    for canary in (email, email.split("@")[0], "Zanzibarina", "Quuxworth", PASSWORD, "DROP TABLE"):
        assert canary not in server.log_text(), canary


# -- crashes


def test_a_worker_killed_in_each_phase_of_a_request(ctx):
    """The supervisor lives on and holds the doors: a client that comes meanwhile waits, and is served."""
    server = ctx.own_server()
    supervisor, acknowledged = server.process.pid, []
    head = b"POST /api/users/register/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

    def registration(email):
        body = f'{{"email":"{email}","password":"{PASSWORD}","full_name":"A B"}}'.encode()
        return head + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body

    def in_the_head(conn):
        conn.send(b"GET /healthz HTTP/1.1\r\nHost: loc")

    def in_the_body(conn):
        conn.send(head + b"Content-Length: 200\r\n\r\n{\"email\":")

    def idle_after_an_answer(conn):
        conn.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert conn.read().status == 200

    def while_many_answers_flow(conn):
        conn.send(b"GET /api/catalog/products/?page_size=100 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)

    def while_it_hashes_and_writes(conn):
        conn.email = new_email("phase")
        conn.send(registration(conn.email))

    phases = [in_the_head, in_the_body, idle_after_an_answer, while_many_answers_flow]
    for n, delay in enumerate((0.0, 0.03, 0.06, 0.12)):
        conns = [server.conn() for _ in range(len(phases) + 4)]
        for conn, phase in zip(conns, phases + [while_it_hashes_and_writes] * 4):
            phase(conn)
        time.sleep(delay)
        gone = set(server.kill_worker())
        # At once, while nobody answers: the connection is not refused.
        late = Conn("127.0.0.1", server.port, timeout=20)
        late.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert late.read().status == 200, delay
        late.close()
        for conn in conns:
            try:
                while True:
                    if conn.read().status == 201:
                        acknowledged.append(conn.email)
            except (OSError, WireError):
                pass
            conn.close()
        assert server.process.poll() is None and server.process.pid == supervisor
        assert not gone & set(server.roles())
        assert len(events(server, "role_crashed")) == n + 1, delay
    client = server.client()
    for email in acknowledged:
        assert client.login(email)["user"]["email"] == email


def test_a_worker_does_not_outlive_its_supervisor(ctx):
    server = ctx.own_server()
    pids = server.roles()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10)
    end = time.monotonic() + 30
    while any(sutler.is_alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
    left = [pid for pid in pids if sutler.is_alive(pid)]
    sutler.signal_all(left, signal.SIGKILL)
    assert not left, "a worker serves on without its supervisor"
    server.start()
    assert server.client().get("/healthz").status == 200


@only("postgres")
def test_errors_tell_nothing_from_inside(ctx):
    server = ctx.own_server()
    client = server.client()
    token = client.register(new_email())["tokens"]["access_token"]
    sql(server, "ALTER TABLE users RENAME TO elsewhere")
    for path, more in (("/api/users/profile/", {"token": token}), ("/api/v1/users/me/", {"token": token})):
        answer = client.get(path, **more)
        assert answer.status in (500, 503), answer
        for word in (b"relation", b"SELECT", b"users\"", b"src/", b".c:", b"PG", b"sql"):
            assert word not in answer.body, (word, answer)
        # The log tells it, under the same request's id.
        assert answer.get("X-Request-Id") in server.log_text(), server.log_text()[-500:]
    answer = client.post("/api/users/login/", {"email": new_email(), "password": PASSWORD})
    assert answer.status in (500, 503), answer
    sql(server, "ALTER TABLE elsewhere RENAME TO users")
    assert client.get("/api/users/profile/", token=token).status == 200


# -- secrets


def test_no_secret_in_logs_proc_answers_or_files(ctx):
    canaries = {name: "canary-" + secrets.token_urlsafe(40) for name in (
        "SECRET_KEY", "SUTLER_SECURITY_SECRET_KEY_PREVIOUS", "EMAIL_HOST_PASSWORD", "STRIPE_SECRET_KEY")}
    master = secrets.token_hex(32)
    server = ctx.own_server(env={**canaries, "SUTLER_MASTER_KEY": master, "SUTLER_LOG_LEVEL": "debug",
                                 "REDIS_URL": "redis://:canary-redis-pass@127.0.0.1:1/0"})
    words = list(canaries.values()) + [master, "canary-redis-pass", "canary-password", PASSWORD]
    keys = [p.read_bytes() for p in server.keys.rglob("*") if p.is_file()]
    client, answers = server.client(), []

    def ask(method, path, **more):
        answers.append(client.request(method, path, **more))

    email = new_email("canary")
    answers.append(client.post("/api/users/register/", {"email": email, "password": PASSWORD, "full_name": "A B"}))
    tokens = answers[0].json["data"]["tokens"]
    for path in ("/", "/docs/", "/api/schema/", "/health", "/healthz", "/nowhere/", "/api/users/profile/",
                 "/api/v1/users/me/", "/api/users/"):
        ask("GET", path, token=None)
        ask("GET", path, token=tokens["access_token"])
    for body in ("{", "[]", '{"email":1}', f'{{"email":"{email}","password":"{PASSWORD}x"}}'):
        ask("POST", "/api/users/login/", body=body)
        ask("POST", "/api/v1/auth/login/", body=body)
    ask("POST", "/api/users/token/refresh/", json={"refresh_token": jwt.mint(canaries["SECRET_KEY"], 1, "verify")})
    for answer in answers:
        text = answer.body + repr(answer.headers).encode()
        for word in words:
            assert word.encode() not in text, (word, answer)
    staying = {server.process.pid, server.role("keeper"), server.role("worker")}
    for pid in staying | set(server.roles()):
        # What was started for a mail or a picture alone may end at any moment.
        with contextlib.nullcontext() if pid in staying else contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for name in ("environ", "cmdline", "comm", "status", "maps"):
                data = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
                for word in words:
                    assert word.encode() not in data, (pid, name, word)
            core = next(line for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()
                        if line.startswith("Max core file size"))
            assert core.split()[4:6] == ["0", "0"], core
    shown = server.cli("config", "show")
    assert shown.returncode == 0, shown
    for word in words[:-1]:
        assert word not in shown.stdout + shown.stderr, word
    client.post("/api/users/logout/", {}, token=tokens["access_token"])
    server.kill_worker()
    server.wait_well()
    server.stop()
    log = server.log_text()
    for word in words + [tokens["access_token"], tokens["refresh_token"]]:
        assert word not in log, word
    if server.data.exists():
        for path in server.data.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                for word in [word.encode() for word in words] + keys:
                    assert word not in data, path
    assert not list(pathlib.Path(server.folder).rglob("core*")), "a core file"
