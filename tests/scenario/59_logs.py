# SPDX-License-Identifier: Apache-2.0
"""No person in the log (E6), no secret either (E7): canaries through every door, at log.level = debug."""
import base64
import json
import re
import secrets
import subprocess
import time
import urllib.parse

from sutler import PASSWORD, new_email, only
from wire import Conn, WireError

FORMATS = ("logfmt", "json")
PERSON = re.compile(r"p[0-9a-f]{16}")
# One line of logfmt: key=word or key="text with escapes".
LOGFMT = re.compile(r'([a-z][a-z0-9_]*)=("(?:\\(?:["\\nrt]|x[0-9a-f]{2}|u[0-9a-f]{4})|[^"\\\x00-\x1f\x7f])*"'
                    r'|[^\s"=\\]+)(?: |$)')
# Numbers that count or measure; a person's id may happen to be the same.
COUNTS = {"us", "statements", "status", "line", "code", "count", "held_back", "suppressed", "after_ms", "n", "verb", "times",
          "limited", "landlock"}


def parse(text, form):
    """Each line of the log as a dictionary; one that is not of its format fails the test."""
    out = []
    for line in text.splitlines():
        if form == "json":
            fields = json.loads(line, object_pairs_hook=list)
            assert isinstance(fields, list) and all(len(pair) == 2 for pair in fields), line
        else:
            fields, at = [], 0
            while at < len(line):
                found = LOGFMT.match(line, at)
                assert found, (line, at)
                fields.append(found.groups())
                at = found.end()
        names = [name for name, _ in fields]
        assert len(set(names)) == len(names), line
        assert names[:4] == ["ts", "level", "role", "event"], line
        out.append(dict(fields))
    return out


class Person:
    """Canaries: each word is found nowhere else."""

    def __init__(self):
        mark = "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(8))
        self.mark = mark
        self.email = f"canary.{mark}@quux-{mark}.example"
        self.first, self.last = f"Zanzi{mark}", f"Quuxworth{mark}"
        self.phone = "+4917" + "".join(secrets.choice("0123456789") for _ in range(9))
        self.tax = "TX" + mark.upper()
        self.password = "Tr0mbone-" + secrets.token_hex(6)
        self.words = [mark, self.phone, self.phone[1:], self.phone[3:], self.tax, self.password]


def raw(server, data):
    """Bytes as they are; whatever comes back."""
    with server.conn() as conn:
        try:
            conn.send(data)
            conn.read()
        except (OSError, WireError):
            pass


def through_every_door(server, who, secret_words):
    client = server.client(check=False)

    def ask(method, path, **more):
        return client.request(method, path, **more)

    def form(**more):
        return {"email": who.email, "password": who.password, **more}

    # Registration by both contracts: right, twice, and wrong in each field.
    answer = ask("POST", "/api/users/register/", json=form(full_name=f"{who.first} {who.last}"))
    assert answer.status == 201, answer
    user, tokens = answer.json["data"]["user"], answer.json["data"]["tokens"]
    ask("POST", "/api/users/register/", json=form(full_name=f"{who.first} {who.last}"))
    ask("POST", "/api/v1/auth/register/", json=form(first_name=who.first, last_name=who.last))
    ask("POST", "/api/v1/auth/register/", json=form(first_name=who.first, last_name=who.last, phone=who.phone,
                                                    tax_number=who.tax, **{who.mark: who.email}))
    for body in ({"email": who.first, "password": who.password, "full_name": who.last},
                 {"email": who.email, "password": who.mark, "full_name": who.email},
                 {"email": [who.email], "password": {who.mark: 1}, "full_name": 5}, {who.email: who.phone},
                 f'{{"email":"{who.email}","email":"{who.phone}"', f'"{who.email}"', who.email * 3000):
        more = {"json": body} if isinstance(body, dict) else {"body": body}
        ask("POST", "/api/users/register/", **more)
        ask("POST", "/api/v1/auth/register/", **more)
        ask("POST", "/api/users/login/", **more)
        ask("POST", "/api/v1/auth/login/", **more)
    # Signing in: right, wrong, unknown; what looks like a token and is none.
    for path in ("/api/users/login/", "/api/v1/auth/login/"):
        assert ask("POST", path, json=form()).status == 200
        ask("POST", path, json=form(password=who.password + "x"))
        ask("POST", path, json={"email": "nobody." + who.email, "password": who.password})
    for token in (who.mark, f"a.{who.mark}.b", tokens["refresh_token"], base64.b64encode(who.email.encode()).decode()):
        ask("GET", "/api/users/profile/", token=token)
        ask("POST", "/api/users/token/refresh/", json={"refresh_token": token})
        ask("POST", "/api/v1/auth/refresh/", json={"refresh": token})
    access = client.login(who.email, who.password)["tokens"]
    secret_words += [access["access_token"], access["refresh_token"], tokens["access_token"], tokens["refresh_token"]]
    client.token = access["access_token"]
    # The profile.
    for method, path, body in (
            ("GET", "/api/users/profile/", None), ("GET", "/api/v1/users/me/", None),
            ("PATCH", "/api/users/profile/", {"first_name": who.first + "a"}),
            ("PUT", "/api/users/profile/", {"first_name": who.first, "last_name": who.last}),
            ("PATCH", "/api/v1/users/me/", {"phone": who.phone, "tax_number": who.tax}),
            ("PATCH", "/api/v1/users/me/", {"phone": who.email}), ("PATCH", "/api/users/profile/", {who.mark: 1})):
        ask(method, path, **({"json": body} if body is not None else {}))
    # Paths, queries, headers, cookies.
    for word in (who.email, who.first, who.phone, who.password):
        quoted = urllib.parse.quote(word)
        for path in (f"/api/users/?search={quoted}", f"/api/v1/users/?search={quoted}", f"/api/users/{quoted}/",
                     f"/{quoted}", f"/api/catalog/products/{quoted}/", f"/api/catalog/products/a/{quoted}/",
                     f"/api/catalog/products/?search={quoted}", f"/api/catalog/products/?page={quoted}",
                     f"/api/catalog/products/?{quoted}=1", f"/docs/{quoted}", f"/health?{quoted}",
                     f"/api/users/?search={quoted}%27%3B%20DROP%20TABLE%20users", f"/api/users/profile/?x=%00{quoted}"):
            ask("GET", path)
            ask("DELETE", path)
        ask("POST", "/api/catalog/products/search/", json={"search": word, word: word})
        for name in ("User-Agent", "Cookie", "Referer", "Origin", "X-Forwarded-For", "X-Request-Id", "Authorization",
                     "Accept-Language", "Content-Type", "If-None-Match", "Expect", "X-Forwarded-Host", "Host"):
            ask("GET", "/api/users/profile/", headers={name: word})
            ask("POST", "/api/users/login/", body="{}", headers={name: f'sid="{word}"; n={word}'})
    mail = who.email.encode()
    for head in (b"GET /" + mail + b" HTTP/1.1\r\nHost: " + mail + b"\r\n\r\n",
                 mail + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 b"GET / " + mail + b"\r\nHost: localhost\r\n\r\n",
                 b"GET http://" + mail + b"/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: localhost\r\n" + mail + b": x\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: localhost\r\n" + mail + b"\x00\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + mail + b"\xff\x1b[31m\nlevel=error event=forged\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: " + mail + b"\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + mail + b"\r\n\r\n",
                 b"POST /api/users/login/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + mail,
                 mail, b"\x16\x03\x01" + mail):
        raw(server, head)
    # The operator's commands, at the running server.
    other = f"staff.{who.mark}@example.com"
    assert server.cli("user", "add", other, "--first-name", who.first, "--last-name", who.last, "--phone",
                      who.phone, "--role", "staff", stdin=who.password + "\n").returncode == 0
    staff = client.login(other, who.password)["tokens"]
    secret_words += [staff["access_token"], staff["refresh_token"]]
    for word in (who.email, who.last, who.phone):
        assert ask("GET", "/api/v1/users/?search=" + urllib.parse.quote(word), token=staff["access_token"]).status == 200
    for words in (("show", who.email), ("list", who.email), ("role", who.email, "staff"), ("role", who.email,
                  "customer"), ("show", "nobody." + who.email), ("disable", other), ("enable", other)):
        server.cli("user", *words)
    ask("POST", "/api/users/logout/", json={})
    ask("GET", "/api/users/profile/")
    return user


def test_no_person_and_no_secret_in_a_line_of_any_format(ctx):
    for form in FORMATS:
        server = ctx.own_server(env={"SUTLER_LOG_LEVEL": "debug", "SUTLER_LOG_FORMAT": form,
                                     "SUTLER_LIMITS_HEADER_TIMEOUT": "1s", "SUTLER_LIMITS_BODY_TIMEOUT": "1s"})
        who, secret_words = Person(), []
        user = through_every_door(server, who, secret_words)
        server.kill_worker()
        server.wait_well()
        server.stop()
        log = server.log_text()
        lines = parse(log, form)
        told = {line["event"] for line in lines}
        assert len(lines) > 200 and told >= {"request", "request_refused", "security_event"}, (len(lines), told)
        keys = [path for path in server.keys.rglob("*") if path.is_file()]
        secret_words += [server.secret_key, PASSWORD] + [p.read_text().strip() for p in keys if p.suffix == ".key"]
        for word in who.words + secret_words:
            forms = {word, word.lower(), word.upper(), urllib.parse.quote(word), word.encode().hex(),
                     base64.b64encode(word.encode()).decode().rstrip("=")}
            for shape in forms:
                assert shape not in log, (form, shape, next(x for x in log.splitlines() if shape in x))
        assert "forged" not in log and "DROP" not in log and "example" not in log
        for line in lines:
            assert "user_id" not in line, line
            same = [name for name, value in line.items() if str(value) == str(user["id"]) and name not in COUNTS]
            assert not same, (same, line)
            assert PERSON.fullmatch(line.get("person", "p" + "0" * 16)), line


def people_of(server, form, kind):
    lines = parse(server.log_text(), form)
    return [line["person"] for line in lines
            if line["event"] == "security_event" and line["type"] == kind and "person" in line]


def fail_login(server, email):
    assert server.client().post("/api/users/login/", {"email": email, "password": "wrong-Horse7"}).status == 401
    time.sleep(0.05)


def test_a_pseudonym_stands_for_a_person_until_its_key_is_rotated(ctx):
    for form in FORMATS:
        server = ctx.own_server(env={"SUTLER_LOG_FORMAT": form, "SUTLER_LOCKOUT_FAILURES": "100"})
        client, ada, bob = server.client(), new_email("canary"), new_email("canary")
        ids = {email: str(client.register(email)["user"]["id"]) for email in (ada, bob)}
        for email in (ada, bob, ada):
            fail_login(server, email)
        assert client.get("/api/users/", token=client.login(ada) and client.token).status == 403
        time.sleep(0.05)
        first, second, third = people_of(server, form, "login_failed")
        assert first == third != second and PERSON.fullmatch(first) and PERSON.fullmatch(second)
        assert people_of(server, form, "permission_denied") == [first]
        # Not to be made from the number alone, and the same after a restart.
        server.kill_worker()
        server.wait_well()
        fail_login(server, ada)
        assert people_of(server, form, "login_failed")[-1] == first
        # Who may ask finds the person; the question is in the audit.
        for words, want in (((first,), ada), ((second,), bob), ((ada,), ada), ((ids[bob],), bob)):
            done = server.cli("user", "show", *words, "--json")
            assert done.returncode == 0, done
            shown = json.loads(done.stdout)
            assert (shown["email"], shown["pseudonym"]) == (want, first if want == ada else second), shown
        assert f"in the log: {first}" in server.cli("user", "show", ada).stdout
        assert "pseudonym" not in server.cli("user", "list", "--json").stdout
        done = server.cli("user", "show", "p0123456789abcdef")
        assert done.returncode == 1 and "pseudonym" in done.stderr and not done.stdout, done
        # Another key, another name for the same person.
        done = server.cli("key", "rotate", "log")
        assert done.returncode == 0, done
        for email in (ada, bob, ada):
            fail_login(server, email)
        fourth, fifth, sixth = people_of(server, form, "login_failed")[-3:]
        assert fourth == sixth != fifth and len({first, second, fourth, fifth}) == 4
        assert json.loads(server.cli("user", "show", fourth, "--json").stdout)["email"] == ada
        server.restart()
        fail_login(server, ada)
        assert people_of(server, form, "login_failed")[-1] == fourth
        for number in ids.values():
            assert not any(value == number for line in parse(server.log_text(), form)
                           for name, value in line.items() if name not in COUNTS), number


def test_two_shops_give_one_number_two_names(ctx):
    """The number is no secret: what stands for it must hang on the shop's own key."""
    seen = set()
    for _ in range(2):
        server = ctx.own_server()
        server.client().register("canary@example.com")
        fail_login(server, "canary@example.com")
        seen.update(people_of(server, "logfmt", "login_failed"))
    assert len(seen) == 2, seen


@only("postgres")
def test_what_the_database_says_of_a_row_is_not_logged(ctx):
    """Its messages repeat values: Key (email)=(…) already exists."""
    for form in FORMATS:
        server = ctx.own_server(env={"SUTLER_LOG_LEVEL": "debug", "SUTLER_LOG_FORMAT": form})
        who, client = Person(), server.client(check=False)
        assert client.post("/api/users/register/", {"email": who.email, "password": who.password,
                                                    "full_name": f"{who.first} {who.last}"}).status == 201
        token = client.login(who.email, who.password) and client.token
        subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", server.env["DATABASE_URL"], "-c",
                        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION "
                        "'canary % %', NEW, OLD; END$$; CREATE TRIGGER refuse BEFORE UPDATE ON users FOR EACH ROW "
                        "EXECUTE FUNCTION refuse()"], check=True, capture_output=True)
        answer = client.patch("/api/users/profile/", {"first_name": who.first + "b"}, token=token)
        assert answer.status in (500, 503), answer
        time.sleep(0.05)
        log = server.log_text()
        assert any(line["event"] == "request_failed" for line in parse(log, form))
        for word in who.words + ["canary"]:
            assert word not in log, word
