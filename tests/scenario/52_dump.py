# SPDX-License-Identifier: Apache-2.0
"""What a stolen database tells of people (E2): every table of either store, the files and the log, looked through."""
import base64
import contextlib
import pathlib
import re
import secrets
import subprocess
import urllib.parse

import sutler
from sutler import PASSWORD, only

TOOL = pathlib.Path(sutler.PROGRAM).parent / "tests" / "tools" / "dump_store"
# Anybody's: also of the people of the demo.
ADDRESS = re.compile(rb"[A-Za-z0-9._-]{2,}@[A-Za-z0-9-]{2,}(?:\.[A-Za-z]{2,})+")


class Marked:
    """A person whose every text is found nowhere else."""

    def __init__(self):
        self.word = "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(10))
        self.email = f"Box.{self.word}@Mail-{self.word}.example"
        self.first, self.last = f"Fname{self.word}", f"Lname{self.word}-Second{self.word}"
        self.phone = "+4930" + "".join(secrets.choice("0123456789") for _ in range(9))
        self.phone_later = "+4940" + "".join(secrets.choice("0123456789") for _ in range(9))
        self.tax = "DE" + "".join(secrets.choice("0123456789") for _ in range(11))
        self.agent = f"Agent{self.word}/7.1"
        self.needles = [self.word, self.phone[3:], self.phone_later[3:], self.tax]


SETTINGS = "[log]\nlevel = debug\n" + sutler.DEAF_MAIL_SERVER


def forms(text):
    """A text as it may stand in a dump: as it is, in hexadecimal, in base64 at each offset."""
    plain = text.encode()
    out = {plain.lower(), plain.hex().encode()}
    for word in (plain, plain.lower(), plain.upper(), plain.capitalize()):
        out.add(word.hex().encode())
        for shift in range(3):
            whole = base64.b64encode(b"x" * shift + word)
            out.add(whole[-(-shift * 4 // 3) if shift else 0:].rstrip(b"=")[1:-2].lower())
    return {form for form in out if len(form) >= 8}


def assert_none(data, people, where):
    low = data.lower()
    for person in people:
        for needle in person.needles:
            for form in forms(needle):
                at = low.find(form)
                assert at < 0, (where, needle, data[max(0, at - 60):at + 60])


def drive(server, client):
    """Through every door that takes a person's text in."""
    people = [Marked() for _ in range(4)]
    one, two, three, stranger = people
    head = {"User-Agent": one.agent}
    answer = client.post("/api/users/register/", {"email": one.email, "password": PASSWORD, "phone_number": one.phone,
                                                  "full_name": f"{one.first} {one.last}"}, headers=head)
    assert answer.status == 201, answer
    device = {"device_type": "mobile", "os": f"Os{one.word}", "app_version": f"v{one.word}"}
    token = client.post("/api/users/login/", {"email": one.email, "password": PASSWORD, "device_info": device},
                        headers=head).json["data"]["tokens"]["access_token"]
    profile = client.get("/api/users/profile/", token=token).json
    profile = profile.get("data", profile)
    assert profile["email"].lower() == one.email.lower() and profile["last_name"] == one.last, profile
    assert client.patch("/api/users/profile/", {"phone_number": one.phone_later}, token=token).status == 200
    for body in ({"tax_number": one.tax}, {"last_name": one.last + "x"}, {"last_name": one.last}):
        assert client.patch("/api/v1/users/me/", body, token=token).status == 200
    mine = client.get("/api/v1/users/me/", token=token).json
    assert (mine["tax_number"], mine["phone"]) == (one.tax, one.phone_later), mine

    # Links that are on their way: to the address, and to the one that is to be.
    assert client.post("/api/users/password-reset/", {"email": one.email}).status == 200
    answer = client.post("/api/users/email-change/", {"new_email": f"Next.{one.word}@mail-{one.word}.example"}, token=token)
    assert answer.status == 200, answer

    # Contract B, with a device that says who it is.
    answer = client.post("/api/v1/auth/register/", {"email": two.email, "password": PASSWORD,
                                                    "first_name": two.first, "last_name": two.last})
    assert answer.status == 201, answer
    client.post("/api/v1/auth/login/", {"email": two.email, "password": PASSWORD},
                headers={"User-Agent": two.agent})

    # By the command line, and wrong tries.
    server.make_user(three.email, "--role", "staff", first=three.first, last=three.last)
    assert client.post("/api/users/login/", {"email": one.email, "password": "Wr0ng-" + one.word}).status == 401
    assert client.post("/api/users/login/", {"email": stranger.email, "password": PASSWORD},
                       headers={"User-Agent": stranger.agent}).status == 401
    return people


def search(server, client, people):
    one, two, three = people[:3]
    staff = client.post("/api/users/login/", {"email": three.email, "password": PASSWORD}).json
    token = staff["data"]["tokens"]["access_token"]
    for text, person in ((one.email, one), (one.email.upper(), one), (one.phone_later, one), (one.first, one),
                         (one.first.upper(), one), (f"Second{one.word} {one.first}", one), (two.last, two),
                         (three.first + " " + three.last, three), (f"box.{two.word}", two)):
        for path in ("/api/v1/users/", "/api/users/"):
            answer = client.get(f"{path}?search={urllib.parse.quote(text)}", token=token)
            assert answer.status == 200, (text, answer)
            found = [row["email"].lower() for row in answer.json["results"]]
            assert found == [person.email.lower()], (text, found)
        listed = sutler.rows_of(server.cli("user", "list", text, "--json").stdout)
        assert [row["email"].lower() for row in listed] == [person.email.lower()], (text, listed)
    for text in (one.phone, one.first[:-1], f"{one.first} {two.last}", one.word):
        answer = client.get(f"/api/users/?search={urllib.parse.quote(text)}", token=token)
        assert answer.json["count"] == 0, (text, answer)


def files_of(folder):
    return [path for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file()]


@only("sqlite")
def test_nothing_of_a_person_in_the_embedded_store(ctx):
    server = ctx.own_server(settings=SETTINGS)
    client = server.client(source="127.0.0.97")
    people = drive(server, client)
    search(server, client, people)
    # Also what lies there while the server runs: the log of writes.
    for path in files_of(server.data):
        assert_none(path.read_bytes(), people, path.name)
    server.stop()
    done = subprocess.run([TOOL, server.data, server.keys], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    dump = done.stdout
    assert dump.count(b"\nusers\t") >= 4 and b"\nsessions\t" in dump and b"\naudit\t" in dump, dump[:400]
    assert_none(dump, people, "dump")
    assert b"127.0.0.97" not in dump, "an address of a client"
    assert not ADDRESS.findall(dump), ADDRESS.findall(dump)
    for path in files_of(server.folder):
        if path.name != "sutler.conf":
            assert_none(path.read_bytes(), people, path.name)


@only("postgres")
def test_nothing_of_a_person_in_postgresql(ctx):
    server = ctx.own_server(settings=SETTINGS)
    client = server.client(source="127.0.0.98")
    people = drive(server, client)
    search(server, client, people)
    for _ in range(2):
        done = subprocess.run(["pg_dump", "--inserts", server.env["DATABASE_URL"]], capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr
        dump = done.stdout
        assert dump.count(b"INSERT INTO public.users") >= 4 and b"INSERT INTO public.audit" in dump, dump[:400]
        assert_none(dump, people, "dump")
        assert not ADDRESS.findall(dump), ADDRESS.findall(dump)
        assert b"127.0.0.98" not in dump and b"127.0.0.98".hex().encode() not in dump, "an address of a client"
        server.restart()
    # What the server of the database writes before it writes anything else.
    logs = files_of(pathlib.Path(ctx.cluster.postgres.folder) / "data" / "pg_wal")
    assert logs
    for path in logs:
        # It gives its oldest file another name now and then, to write it anew.
        with contextlib.suppress(FileNotFoundError):
            assert_none(path.read_bytes(), people, path.name)
    assert_none(server.log_text().encode(), people, "log")
    assert client.post("/api/users/login/", {"email": people[0].email, "password": PASSWORD}).status == 200


@only("postgres")
def test_a_row_that_was_moved_opens_for_nobody(ctx):
    """Who can write to the database can't give one person's fields, or key, to another."""
    server = ctx.own_server()
    client = server.client()
    thief, victim = Marked(), Marked()
    for person in (thief, victim):
        client.register(person.email, name=f"{person.first} {person.last}")
    data = client.login(thief.email)
    token, mine = data["tokens"]["access_token"], data["user"]["id"]
    other = client.login(victim.email)["user"]["id"]

    def sql(statement):
        subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", server.env["DATABASE_URL"], "-c", statement],
                       check=True, capture_output=True)

    def profile():
        return client.get("/api/users/profile/", token=token)

    assert profile().status == 200
    sql(f"CREATE TABLE kept AS SELECT * FROM users WHERE id = {mine}")
    sql(f"CREATE TABLE kept_victim AS SELECT * FROM users WHERE id = {other}")
    for column in ("email", "first_name", "last_name"):
        sql(f"UPDATE users SET {column} = (SELECT {column} FROM users WHERE id = {other}) WHERE id = {mine}")
        answer = profile()
        assert answer.status == 500 and victim.word.encode() not in answer.body, answer
        sql(f"UPDATE users SET {column} = (SELECT {column} FROM kept) WHERE id = {mine}")
        assert profile().status == 200
    assert "sealed_field_lost" in server.log_text()
    # The victim's address leads to the thief's account, whose password the thief knows: it is not theirs.
    sql(f"UPDATE users SET email_index = 'away' WHERE id = {other}")
    sql(f"UPDATE users SET email_index = (SELECT email_index FROM kept_victim) WHERE id = {mine}")
    answer = client.post("/api/users/login/", {"email": victim.email, "password": PASSWORD})
    assert answer.status == 401 and thief.word.encode() not in answer.body, answer
    assert "index_of_another" in server.log_text()
    sql(f"UPDATE users SET email_index = (SELECT email_index FROM kept) WHERE id = {mine}")
    sql(f"UPDATE users SET email_index = (SELECT email_index FROM kept_victim) WHERE id = {other}")
    # With the victim's key in the place of one's own it is no better; signing in still works.
    sql("UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE person_id = "
        f"{other}) WHERE person_id = {mine}")
    server.restart()
    answer = profile()
    assert answer.status == 500 and victim.word.encode() not in answer.body, answer
    alone = client.post("/api/users/login/", {"email": thief.email, "password": PASSWORD})
    assert alone.status == 200 and b'"created_at":"1970' not in alone.body, alone
    assert client.login(victim.email)["user"]["first_name"] == victim.first
