# SPDX-License-Identifier: Apache-2.0
"""Second factors and fresh proofs, by own.md: one-time codes, recovery codes, tickets, reauthentication (A15, A2)."""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import re
import struct
import subprocess
import time
import urllib.parse

from steps import in_one_step
from sutler import PASSWORD, Skip, also_tls, new_email, only
import jwts as jwt

DUE = {"detail": "Second factor required.", "code": "second_factor_required"}
GONE = {"detail": "Token is invalid or expired", "code": "token_not_valid"}
MANY_TRIES = {"SUTLER_LOCKOUT_FAILURES": "1000"}


# -- an authenticator app

def code(secret, off=0):
    """RFC 6238, our own reckoning: the code of the step that is `off` away from now."""
    key = base64.b32decode(secret)
    mac = hmac.new(key, struct.pack(">Q", int(time.time()) // 30 + off), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


def near(secret):
    """The codes around now."""
    return {code(secret, off) for off in range(-3, 4)}


def wrong(secret, *these):
    """Six digits that are no code around now: the first of these that is none, or others."""
    return next(text for text in these + ("000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777")
                if text not in near(secret))


def is_plain(secret):
    """Whether no two of the codes that are asked for are the same by chance."""
    offs = (-120, *range(-4, 7), 120, 2880)
    return len({code(secret, off) for off in offs}) == len(offs)


def mid_step():
    """Not at a step's edge: what is asked within the next few seconds falls into one step."""
    while not 3 <= time.time() % 30 <= 22:
        time.sleep(0.2)


def enrol(client, token):
    """An app for the person of this session: (secret, recovery codes).  Its first code is of the step before now."""
    secret = None
    while secret is None or not is_plain(secret):
        answer = client.post("/api/users/totp/enrol/", token=token)
        assert answer.status == 200, answer
        secret = answer.json["secret"]
    in_one_step()
    answer = client.post("/api/users/totp/confirm/", {"otp": code(secret, -1)}, token=token)
    assert answer.status == 200, answer
    return secret, answer.json["recovery_codes"]


def person(client):
    """(email, access token, secret, recovery codes) of somebody with an app."""
    email = new_email("factor")
    token = client.register(email)["tokens"]["access_token"]
    return (email, token) + enrol(client, token)


def due(client, email, password=PASSWORD):
    answer = client.post("/api/users/login/", {"email": email, "password": password})
    assert answer.status == 401 and answer.json["code"] == "second_factor_required", answer
    return answer.json["ticket"]


def redeem(client, ticket, **factor):
    return client.post("/api/users/login/second-factor/", {"ticket": ticket, **factor}, token=None)


def good(answer):
    assert answer.status == 200, answer
    return answer.json["data"]["tokens"]["access_token"]


def mails(server, want=None, seconds=60):
    """Words of the mails that the outbox knows of, once `want` of them are there."""
    end = time.monotonic() + seconds
    while True:
        done = server.cli("mail", "list", "--json")
        assert done.returncode == 0, done
        words = [row["template"] for row in json.loads(done.stdout or "[]")]
        if want is None or all(word in words for word in want) or time.monotonic() > end:
            return words
        time.sleep(0.1)


# -- the life of an app

@also_tls
def test_the_life_of_an_authenticator_app(ctx):
    server = ctx.server()
    client = ctx.client()
    mid_step()
    email = new_email("factor")
    token = client.register(email)["tokens"]["access_token"]
    answer = client.post("/api/users/totp/confirm/", {"otp": "123456"}, token=token)
    assert answer.status == 400 and answer.json["code"] == "invalid", answer
    assert client.delete("/api/users/totp/", token=token).status == 404
    answer = client.post("/api/users/recovery-codes/", token=token)
    assert answer.status == 400, answer

    answer = client.post("/api/users/totp/enrol/", token=token)
    assert answer.status == 200 and set(answer.json) == {"secret", "otpauth_uri", "qr"}, answer
    first = answer.json["secret"]
    assert re.fullmatch(r"[A-Z2-7]{32}", first), first
    uri = urllib.parse.urlsplit(answer.json["otpauth_uri"])
    query = dict(urllib.parse.parse_qsl(uri.query))
    assert uri.scheme == "otpauth" and uri.netloc == "totp"
    assert urllib.parse.unquote(uri.path) == f"/Sutler:{email}", uri
    assert query == {"secret": first, "issuer": "Sutler", "algorithm": "SHA1", "digits": "6", "period": "30"}

    # Begun again: the first secret is worth nothing.  Nothing is asked for at a sign-in yet.
    secret = first
    while secret == first or not is_plain(secret):
        secret = client.post("/api/auth/totp/enrol/", token=token).json["secret"]
        assert secret != first
    assert client.post("/api/users/login/", {"email": email, "password": PASSWORD}).status == 200
    for bad in (wrong(secret, code(first)), wrong(secret), "12345", "x" * 16):
        answer = client.post("/api/users/totp/confirm/", {"otp": bad}, token=token)
        assert answer.status == 400 and answer.json == {"otp": ["Invalid code."]}, answer
    in_one_step()
    answer = client.post("/api/users/totp/confirm/", {"otp": code(secret, -1)}, token=token)
    assert answer.status == 200 and set(answer.json) == {"recovery_codes"}, answer
    codes = answer.json["recovery_codes"]
    assert len(set(codes)) == 10 and all(re.fullmatch(r"([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}", c)
                                         for c in codes), codes
    assert client.post("/api/users/totp/enrol/", token=token).status == 400
    assert client.post("/api/users/totp/confirm/", {"otp": code(secret)}, token=token).status == 400

    # From now on the password alone opens nothing, by either contract.
    answer = client.post("/api/auth/login/", {"email": email, "password": PASSWORD})
    assert answer.status == 401 and {**answer.json, "ticket": ""} == {**DUE, "ticket": "",
                                                                       "methods": ["totp", "recovery_code"]}, answer
    assert answer.get("WWW-Authenticate"), answer
    ticket = answer.json["ticket"]
    answer = client.post("/api/v1/auth/login/", {"email": email, "password": PASSWORD})
    assert answer.status == 401, answer
    error = answer.json["error"]
    assert (error["reason"], error["message"]) == ("second_factor_required", "Second factor required."), answer
    assert error["methods"] == ["totp", "recovery_code"] and error["ticket"] != ticket
    other = error["ticket"]

    answer = redeem(client, ticket, otp=wrong(secret))
    assert answer.status == 401 and answer.json == {"success": False, "error": "Invalid code", "code": "invalid"}, answer
    now = code(secret)
    answer = redeem(client, ticket, otp=f" {now[:3]} {now[3:]}")
    token = good(answer)
    assert set(answer.json["data"]) == {"user", "tokens", "email_verified", "verification_needed"}
    assert answer.json["data"]["user"]["email"] == email
    assert client.get("/api/users/profile/", token=token).status == 200

    # A recovery code, however it is typed, once.
    typed = codes[0].upper().replace("-", " ").replace("0", "O")
    token = good(client.post("/api/auth/login/second-factor/", {"ticket": other, "recovery_code": typed}))
    for again in (codes[0], typed):
        answer = redeem(client, due(client, email), recovery_code=again)
        assert answer.status == 401 and answer.json["error"] == "Invalid code", answer
    assert redeem(client, due(client, email), recovery_code="not a code").status == 401

    # New codes in place of the old.
    answer = client.post("/api/users/recovery-codes/", token=token)
    assert answer.status == 200, answer
    new = answer.json["recovery_codes"]
    assert len(set(new)) == 10 and not set(new) & set(codes)
    assert redeem(client, due(client, email), recovery_code=codes[1]).status == 401
    token = good(redeem(client, due(client, email), recovery_code=new[1]))

    assert client.delete("/api/users/totp/", token=token).status == 204
    assert client.delete("/api/users/totp/", token=token).status == 404
    client.login(email)
    assert client.post("/api/users/recovery-codes/", token=token).status == 400
    # And from the beginning, with another secret.
    enrol(client, token)
    due(client, email)
    assert server.log_text().count(secret) == 0


def test_the_last_recovery_code_is_the_last(ctx):
    client = ctx.client(ctx.server(env=MANY_TRIES))
    email, _, secret, codes = person(client)
    for text in codes:
        answer = client.post("/api/users/login/", {"email": email, "password": PASSWORD})
        assert answer.json["methods"] == ["totp", "recovery_code"], answer
        good(redeem(client, answer.json["ticket"], recovery_code=text))
    answer = client.post("/api/users/login/", {"email": email, "password": PASSWORD})
    assert answer.json["methods"] == ["totp"], answer
    mid_step()
    good(redeem(client, answer.json["ticket"], otp=code(secret, 1)))


def test_mails_tell_of_each_change_and_hold_no_secret(ctx):
    server = ctx.own_server()
    client = server.client()
    email, token, secret, codes = person(client)
    assert client.delete("/api/users/totp/", token=token).status == 204
    words = mails(server, want=["factor-added", "factor-removed"])
    assert words.count("factor-added") == 1 and words.count("factor-removed") == 1, words
    for row in json.loads(server.cli("mail", "list", "--json").stdout):
        text = server.cli("mail", "show", str(row["id"])).stdout
        assert secret not in text and not any(c in text for c in codes), text
    sent = [path.read_text() for path in (server.data / "mail").rglob("*") if path.is_file()]
    assert len(sent) >= 2 and not any(word in text for text in sent for word in (secret, *codes))


# -- the picture

def modules(svg):
    """The SVG as a square of booleans."""
    side = int(re.search(r'viewBox="0 0 (\d+) \1"', svg).group(1))
    grid = [[False] * side for _ in range(side)]
    strokes = re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", svg)
    assert "".join(f"M{x} {y}h{n}v1h-{n}z" for x, y, n in strokes) in svg
    for x, y, n in strokes:
        for i in range(int(n)):
            grid[int(y)][int(x) + i] = True
    return grid


def read_picture(svg):
    """What a camera would read (zbar)."""
    try:
        from pyzbar import pyzbar
    except ImportError:
        raise Skip("no python3-pyzbar") from None
    scale, grid = 4, modules(svg)
    rows = [bytes(0 if grid[y // scale][x // scale] else 255 for x in range(len(grid) * scale))
            for y in range(len(grid) * scale)]
    found = pyzbar.decode((b"".join(rows), len(grid) * scale, len(grid) * scale))
    assert len(found) == 1, found
    return found[0].data.decode()


def test_the_picture_is_for_who_has_its_address_and_until_it_is_confirmed(ctx):
    client = ctx.client()
    token = client.register(new_email("factor"))["tokens"]["access_token"]
    enrolled = client.post("/api/users/totp/enrol/", token=token).json
    url = urllib.parse.urlsplit(enrolled["qr"])
    query = dict(urllib.parse.parse_qsl(url.query))
    assert url.path.startswith("/media/totp/") and set(query) == {"exp", "sig"}, enrolled["qr"]
    assert 590 <= int(query["exp"]) - time.time() <= 601

    def get(path=url.path, **change):
        both = {k: v for k, v in {**query, **change}.items() if v is not None}
        return client.get(f"{path}?{urllib.parse.urlencode(both)}")

    answer = get()
    assert answer.status == 200 and answer.get("Content-Type") == "image/svg+xml", answer
    assert answer.get("Cache-Control") == "no-store" and answer.get("X-RateLimit-Limit") is None
    assert read_picture(answer.text) == enrolled["otpauth_uri"]

    number, mark = re.search(r"(\d+)-([0-9a-f]{32})\.svg", url.path).groups()
    number = int(number)
    flipped = ("B" if query["sig"][0] != "B" else "C") + query["sig"][1:]
    for bad in (get(sig=flipped), get(sig=query["sig"][:-1]), get(sig=None), get(sig=""), get(exp=None), get(exp="0"),
                get(exp=str(int(query["exp"]) + 1)), get(exp=str(int(query["exp"]) + 10 ** 9)), get(exp="x"),
                get(f"/media/totp/{number + 1}-{mark}.svg"), get(f"/media/totp/0{number}-{mark}.svg"),
                get(f"/media/totp/{number}-{mark[::-1]}.svg"), get("/media/totp/x.svg"),
                get(f"/media/totp/{number}.svg"), get(f"/media/totp/{number}-{mark}.png")):
        assert bad.status == 403 and bad.json["code"] == "permission_denied", bad
    assert get().status == 200
    # Confirmed: nothing any more.
    secret = enrolled["secret"]
    assert client.post("/api/users/totp/confirm/", {"otp": code(secret)}, token=token).status == 200
    assert get().status == 404


def test_a_picture_outlives_another_key_of_its_addresses(ctx):
    server = ctx.own_server()
    client = server.client()
    token = client.register(new_email("factor"))["tokens"]["access_token"]

    def path():
        url = urllib.parse.urlsplit(client.post("/api/users/totp/enrol/", token=token).json["qr"])
        return f"{url.path}?{url.query}"

    before = path()
    done = server.cli("key", "rotate", "media")
    assert done.returncode == 0, done
    assert client.get(before).status == 200
    server.restart()
    client = server.client()
    assert client.get(before).status == 200
    after = path()
    assert client.get(after).status == 200 and client.get(before).status == 404


# -- each code once

def test_a_code_is_good_once_whatever_it_was_used_for(ctx):
    server = ctx.server(env=MANY_TRIES)
    client = server.client()
    mid_step()
    email, token, secret, _ = person(client)
    # The enrolment's own code.
    assert redeem(client, due(client, email), otp=code(secret, -1)).status == 401
    used = code(secret)
    good(redeem(client, due(client, email), otp=used))
    assert redeem(client, due(client, email), otp=used).status == 401
    answer = client.post("/api/users/reauthenticate/", {"otp": used}, token=token)
    assert answer.status == 401, answer
    # The step after it is good, and then neither it nor what comes before.
    after = code(secret, 1)
    answer = client.post("/api/users/reauthenticate/", {"otp": after}, token=token)
    assert answer.status == 200, answer
    for old in (after, used):
        assert redeem(client, due(client, email), otp=old).status == 401


def test_of_twenty_at_once_one_gets_in_by_a_code(ctx):
    server = ctx.server(env=MANY_TRIES)
    client = server.client()
    email, _, secret, codes = person(client)
    mid_step()
    for factor in ({"otp": code(secret, 1)}, {"recovery_code": codes[3]}):
        tickets = [due(client, email) for _ in range(20)]

        def one(ticket, factor=factor):
            with server.client(check=False) as mine:
                return redeem(mine, ticket, **factor)

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(one, tickets))
        assert sorted(a.status for a in answers) == [200] + [401] * 19, sorted(a.status for a in answers)
        mid_step()


def test_steps_further_away_are_refused(ctx):
    client = ctx.client(ctx.server(env=MANY_TRIES))
    email, _, secret, _ = person(client)
    mid_step()
    for off in (-120, -2, 2, 3, 120, 2880):
        ticket = due(client, email)
        in_one_step()
        answer = redeem(client, ticket, otp=code(secret, off))
        assert answer.status == 401, (off, answer)
    good(redeem(client, due(client, email), otp=code(secret, 1)))


# -- tickets

def test_a_ticket_is_good_once_and_for_five_tries(ctx):
    client = ctx.client(ctx.server(env=MANY_TRIES))
    email, _, secret, codes = person(client)
    mid_step()
    ticket = due(client, email)
    good(redeem(client, ticket, recovery_code=codes[0]))
    answer = redeem(client, ticket, recovery_code=codes[1])
    assert answer.status == 401 and answer.json == GONE, answer

    ticket = due(client, email)
    for _ in range(4):
        assert redeem(client, ticket, otp=wrong(secret)).json["code"] == "invalid"
    good(redeem(client, ticket, recovery_code=codes[1]))

    ticket = due(client, email)
    for _ in range(5):
        assert redeem(client, ticket, otp=wrong(secret)).json["code"] == "invalid"
    answer = redeem(client, ticket, recovery_code=codes[2])
    assert answer.status == 401 and answer.json == GONE, answer
    # The code was not used up by that.
    good(redeem(client, due(client, email), recovery_code=codes[2]))


def test_of_many_wrong_tries_at_once_five_are_judged(ctx):
    server = ctx.server(env=MANY_TRIES)
    client = server.client()
    email, _, secret, codes = person(client)
    ticket = due(client, email)
    mid_step()

    def one(_):
        with server.client(check=False) as mine:
            return redeem(mine, ticket, otp=wrong(secret))

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(one, range(20)))
    judged = [a for a in answers if a.json["code"] == "invalid"]
    assert len(judged) == 5 and all(a.status == 401 for a in answers), [a.text for a in answers]
    assert redeem(client, ticket, recovery_code=codes[0]).json == GONE


def test_of_two_that_redeem_one_ticket_one_gets_in_and_the_others_code_is_kept(ctx):
    server = ctx.server(env=MANY_TRIES)
    client = server.client()
    email, _, _, codes = person(client)
    for turn in range(3):
        ticket, pair = due(client, email), codes[2 * turn:2 * turn + 2]

        def one(text, ticket=ticket):
            with server.client(check=False) as mine:
                return redeem(mine, ticket, recovery_code=text)

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(one, pair))
        assert sorted(a.status for a in answers) == [200, 401], answers
        lost = next(text for text, answer in zip(pair, answers) if answer.status == 401)
        good(redeem(client, due(client, email), recovery_code=lost))


def test_a_ticket_opens_its_own_account_alone(ctx):
    client = ctx.client(ctx.server(env=MANY_TRIES))
    mine, _, my_secret, my_codes = person(client)
    theirs, _, their_secret, their_codes = person(client)
    while near(their_secret) & near(my_secret):
        theirs, _, their_secret, their_codes = person(client)
    mid_step()
    assert redeem(client, due(client, mine), recovery_code=their_codes[0]).status == 401
    assert redeem(client, due(client, mine), otp=code(their_secret, 1)).status == 401
    # Nothing of theirs was used up.
    good(redeem(client, due(client, theirs), recovery_code=their_codes[0]))
    good(redeem(client, due(client, theirs), otp=code(their_secret, 1)))
    good(redeem(client, due(client, mine), otp=code(my_secret, 1)))
    assert my_codes


def test_what_is_no_ticket(ctx):
    client = ctx.client(ctx.server(env=MANY_TRIES))
    email, token, secret, codes = person(client)
    real = due(client, email)
    raw = base64.urlsafe_b64decode(real + "=")
    assert len(raw) == 32
    for bad in ("x", "A" * 43, real[:-1], real + "A", real + "=", base64.b64encode(raw).decode(), token[:128],
                raw.hex(), " " + real[1:], "é" * 43):
        answer = redeem(client, bad, recovery_code=codes[0])
        assert answer.status == 401 and answer.json == GONE, (bad, answer)
    for body in ({}, {"ticket": real}, {"ticket": real, "otp": None}, {"ticket": "", "otp": "123456"},
                 {"ticket": real, "otp": "1", "recovery_code": "2"}, {"otp": code(secret)}, {"ticket": 5, "otp": "1"},
                 {"ticket": real, "otp": 123456}, {"ticket": real, "otp": "123456", "password": PASSWORD}):
        answer = client.post("/api/users/login/second-factor/", body)
        assert answer.status == 400, (body, answer)
    # None of those was a try.
    good(redeem(client, real, recovery_code=codes[0]))


def test_a_ticket_ends_with_what_it_was_given_for(ctx):
    server = ctx.server(env=MANY_TRIES)
    client = server.client()

    def is_over(act):
        email, token, _, codes = person(client)
        ticket = due(client, email)
        act(email, token)
        answer = redeem(client, ticket, recovery_code=codes[0])
        assert answer.status == 401 and answer.json == GONE, answer

    def change_password(_, token):
        answer = client.post("/api/users/password-change/", {"current_password": PASSWORD,
                                                             "new_password": PASSWORD + "-other"}, token=token)
        assert answer.status == 200, answer

    def revoke(email, _):
        assert server.cli("user", "revoke", email).returncode == 0

    def disable(email, _):
        assert server.cli("user", "disable", email).returncode == 0

    def reset(email, _):
        assert server.cli("user", "mfa-reset", email).returncode == 0

    is_over(revoke)
    is_over(disable)
    is_over(change_password)
    is_over(reset)


def test_a_ticket_outlives_a_restart_and_is_its_own_shops(ctx):
    server = ctx.own_server()
    client = server.client()
    email, _, secret, codes = person(client)
    ticket = due(client, email)
    server.restart()
    client = server.client()
    assert redeem(ctx.client(), ticket, recovery_code=codes[0]).json == GONE
    good(redeem(client, ticket, recovery_code=codes[0]))
    assert redeem(client, due(client, email), recovery_code=codes[0]).status == 401
    for word in (secret, ticket, *codes):
        assert word not in server.log_text()


def sql(server, statement):
    done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", server.env["DATABASE_URL"], "-c", statement],
                          check=True, capture_output=True, text=True)
    return done.stdout.strip()


@only("postgres")
def test_a_ticket_ends_after_five_minutes(ctx):
    server = ctx.own_server(env=MANY_TRIES)
    client = server.client()
    email, _, _, codes = person(client)
    ticket = due(client, email)
    left = int(sql(server, "SELECT max(expires_at) - max(created_at) FROM link_tokens WHERE purpose = 4"))
    assert left == 300000, left
    # A minute before its end, and at it.
    sql(server, "UPDATE link_tokens SET expires_at = (extract(epoch FROM now()) * 1000)::bigint + 60000 WHERE purpose = 4")
    assert redeem(client, ticket, recovery_code="0" * 16).json["code"] == "invalid"
    sql(server, "UPDATE link_tokens SET expires_at = (extract(epoch FROM now()) * 1000)::bigint WHERE purpose = 4")
    assert redeem(client, ticket, recovery_code=codes[0]).json == GONE
    good(redeem(client, due(client, email), recovery_code=codes[0]))


@only("postgres")
def test_what_the_store_keeps_opens_nothing(ctx):
    """Who reads the database finds no code, secret or ticket in it; who moves rows gets nowhere."""
    server = ctx.own_server(env=MANY_TRIES)
    client = server.client()
    email, _, secret, codes = person(client)
    other = person(client)
    ticket = due(client, email)
    raw = base64.b32decode(secret)
    dump = subprocess.run(["pg_dump", "--inserts", server.env["DATABASE_URL"]], check=True, capture_output=True,
                          text=True).stdout
    for word in (secret, raw.hex(), codes[0], codes[0].replace("-", ""), ticket,
                 base64.urlsafe_b64decode(ticket + "=").hex(), email):
        assert word not in dump, word
    # The other's secret in place of one's own: it does not open, and nobody gets in by it.
    sql(server, f"UPDATE totp SET secret = t.secret FROM totp t, users a, users b WHERE totp.id = a.id AND t.id = b.id"
                f" AND a.id < b.id AND totp.id = (SELECT min(id) FROM totp) AND t.id = (SELECT max(id) FROM totp)")
    mid_step()
    answer = redeem(client, ticket, otp=code(other[2], 1))
    assert answer.status == 401 and answer.json["code"] == "invalid", answer
    assert "sealed_field_lost" in server.log_text()
    good(redeem(client, due(client, email), recovery_code=codes[1]))


# -- failures count

def locked(answer):
    return answer.status == 403 and answer.json.get("code") == "locked" and answer.json.get("lockout") is True \
        and 1 <= answer.json["retry_after"] <= 900


def test_wrong_factors_lock_the_account_and_a_right_password_between_clears_nothing(ctx):
    client = ctx.client()
    email, token, secret, codes = person(client)
    for _ in range(5):
        answer = redeem(client, due(client, email), otp=wrong(secret))
        assert answer.status == 401 and answer.json["code"] == "invalid", answer
    answer = client.post("/api/users/login/", {"email": email, "password": PASSWORD})
    assert locked(answer), answer
    # Who is signed in stays so; but proves nothing while it lasts.
    assert client.get("/api/users/profile/", token=token).status == 200
    assert locked(client.post("/api/users/reauthenticate/", {"password": PASSWORD}, token=token))
    assert "account_locked" in ctx.server().log_text()
    assert codes


def test_a_ticket_from_before_the_lock_does_not_pass_it(ctx):
    client = ctx.client()
    email, _, secret, codes = person(client)
    ticket = due(client, email)
    for _ in range(5):
        answer = client.post("/api/users/login/", {"email": email, "password": "wrong-" + PASSWORD})
        assert answer.status == 401, answer
    assert locked(redeem(client, ticket, recovery_code=codes[0]))
    assert secret


def test_wrong_proofs_of_who_is_signed_in_count_as_failed_sign_ins(ctx):
    client = ctx.client()
    email = new_email("factor")
    token = client.register(email)["tokens"]["access_token"]
    for _ in range(5):
        answer = client.post("/api/users/reauthenticate/", {"password": "wrong-" + PASSWORD}, token=token)
        assert answer.status == 401 and answer.json == {"success": False, "error": "Invalid password or code",
                                                        "code": "invalid"}, answer
    assert locked(client.post("/api/users/reauthenticate/", {"password": PASSWORD}, token=token))
    assert locked(client.post("/api/users/login/", {"email": email, "password": PASSWORD}))


# -- fresh proofs

def test_what_wants_a_fresh_proof_says_so_when_it_is_old(ctx):
    server = ctx.server(env={"SUTLER_ACCOUNTS_FRESH_LIFE": "5s", **MANY_TRIES})
    client = server.client()
    email = new_email("factor")
    token = client.register(email)["tokens"]["access_token"]
    asks = [("POST", "/api/users/totp/enrol/", None), ("POST", "/api/users/totp/confirm/", {"otp": "123456"}),
            ("DELETE", "/api/users/totp/", None), ("POST", "/api/users/recovery-codes/", None),
            ("POST", "/api/users/email-change/", {"new_email": new_email()})]
    assert client.post("/api/users/totp/enrol/", token=token).status == 200
    time.sleep(5.2)
    for method, path, body in asks:
        answer = client.request(method, path, json=body, token=token)
        assert answer.status == 403 and answer.json["code"] == "reauthentication_required", answer
        assert set(answer.json) == {"detail", "code"}
    # The guard asks for it before it reads the body.
    answer = client.request("POST", "/api/users/totp/confirm/", body="{", token=token)
    assert answer.status == 403, answer
    # A refresh proves nothing.
    tokens = client.login(email)["tokens"]
    time.sleep(5.2)
    answer = client.post("/api/users/token/refresh/", {"refresh_token": tokens["refresh_token"]}, token=None)
    renewed = answer.json["data"]["access_token"]
    assert client.post("/api/users/totp/enrol/", token=renewed).status == 403
    # The password does, for this session alone, and tells until when.
    before = time.time()
    answer = client.post("/api/auth/reauthenticate/", {"password": PASSWORD}, token=renewed)
    assert answer.status == 200 and set(answer.json) == {"fresh_until"}, answer
    until = time.mktime(time.strptime(answer.json["fresh_until"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert before <= until <= time.time() + 5.1, (before, until)
    assert client.post("/api/users/totp/enrol/", token=renewed).status == 200
    assert client.post("/api/users/totp/enrol/", token=token).status == 403
    time.sleep(5.2)
    assert client.post("/api/users/totp/enrol/", token=renewed).status == 403


def test_a_code_proves_it_too_and_a_recovery_code_does_not(ctx):
    server = ctx.server(env={"SUTLER_ACCOUNTS_FRESH_LIFE": "5s", **MANY_TRIES})
    client = server.client()
    email, token, secret, codes = person(client)
    time.sleep(5.2)
    mid_step()
    assert client.post("/api/users/recovery-codes/", token=token).status == 403
    answer = client.post("/api/users/reauthenticate/", {"otp": code(secret)}, token=token)
    assert answer.status == 200, answer
    answer = client.post("/api/users/recovery-codes/", token=token)
    assert answer.status == 200, answer
    for body in ({}, {"password": None}, {"otp": None, "password": None}, {"password": PASSWORD, "otp": "123456"},
                 {"recovery_code": codes[0]}, {"password": ""}, {"password": 5}, {"ticket": "x"}):
        assert client.post("/api/users/reauthenticate/", body, token=token).status == 400, body
    for bad in ({"otp": code(secret)}, {"otp": wrong(secret)}, {"otp": ""}, {"password": "x"}):
        assert client.post("/api/users/reauthenticate/", bad, token=token).status in (400, 401), bad
    assert client.post("/api/users/reauthenticate/", {"password": PASSWORD}, token=None).status == 401


def test_a_token_of_an_older_shop_is_never_fresh(ctx):
    server = ctx.server()
    client = server.client()
    user_id = client.register(new_email("factor"))["user"]["id"]
    token = jwt.mint(server.secret_key, user_id)
    assert client.get("/api/users/profile/", token=token).status == 200
    for path, body in (("/api/users/totp/enrol/", None), ("/api/users/reauthenticate/", {"password": PASSWORD})):
        answer = client.post(path, body, token=token)
        assert answer.status == 403 and answer.json["code"] == "reauthentication_required", answer


def test_nobody_else_proves_it(ctx):
    client = ctx.client(ctx.server(env=MANY_TRIES))
    email, token, secret, codes = person(client)
    other = client.register(new_email("factor"), password="another-Horse8-battery")["tokens"]["access_token"]
    mid_step()
    for body in ({"password": PASSWORD}, {"otp": code(secret, 1)}):
        assert client.post("/api/users/reauthenticate/", body, token=other).status == 401, body
    assert client.post("/api/users/reauthenticate/", {"otp": code(secret, 1)}, token=token).status == 200
    assert email and codes


# -- staff

def test_staff_can_be_made_to_have_a_factor(ctx):
    server = ctx.server(env={"SUTLER_ACCOUNTS_STAFF_FACTOR": "yes"})
    client = server.client()
    mid_step()
    for role in ("staff", "superuser"):
        email = server.make_user(new_email(role), "--role", role)
        token = client.login(email)["tokens"]["access_token"]
        answer = client.get("/api/users/", token=token)
        assert answer.status == 403 and answer.json["code"] == "second_factor_required", answer
        answer = client.get("/api/v1/users/", token=token)
        assert answer.status == 403 and answer.json["error"]["reason"] == "second_factor_required", answer
        # Their own affairs go on, and the way out is among them.
        assert client.get("/api/users/profile/", token=token).status == 200
        secret, codes = enrol(client, token)
        assert client.get("/api/users/", token=token).status == 200
        assert client.get("/api/v1/users/", token=token).status == 200
        # A recovery code is a factor, too.
        by_code = good(redeem(client, due(client, email), recovery_code=codes[0]))
        assert client.get("/api/users/", token=by_code).status == 200
        # A token of an older shop shows none.
        minted = jwt.mint(server.secret_key, client.get("/api/users/profile/", token=token).json["id"])
        assert client.get("/api/users/", token=minted).status == 403
        # What was taken away counts no more, in any session.
        assert client.delete("/api/users/totp/", token=token).status == 204
        for gone in (token, by_code):
            assert client.get("/api/users/", token=gone).status == 403
        assert secret
    # Customers are asked for nothing.
    customer = client.register(new_email("factor"))["tokens"]["access_token"]
    assert client.get("/api/users/", token=customer).json["code"] == "permission_denied"


def test_staff_without_the_setting_need_none(ctx):
    server = ctx.server()
    client = server.client()
    email = server.make_user(new_email("staff"), "--role", "staff")
    token = client.login(email)["tokens"]["access_token"]
    assert client.get("/api/users/", token=token).status == 200


# -- the operator

def test_mfa_reset_lets_in_who_has_lost_all(ctx):
    server = ctx.own_server()
    client = server.client()
    email, token, secret, codes = person(client)
    other = person(client)
    row = json.loads(server.cli("user", "show", email, "--json").stdout)
    assert row["factors"] == ["totp"], row
    assert "totp" in server.cli("user", "show", email).stdout
    ticket = due(client, email)
    done = server.cli("user", "mfa-reset", email)
    assert done.returncode == 0 and "totp" not in done.stdout, done
    assert json.loads(server.cli("user", "show", email, "--json").stdout)["factors"] == []
    # Every session ended; the password is enough again, and nothing of before is worth anything.
    assert client.get("/api/users/profile/", token=token).status == 401
    assert redeem(client, ticket, recovery_code=codes[0]).json == GONE
    token = client.login(email)["tokens"]["access_token"]
    assert client.post("/api/users/totp/confirm/", {"otp": code(secret)}, token=token).status == 400
    # Nobody else's.
    due(client, other[0])
    assert client.get("/api/users/profile/", token=other[1]).status == 200
    assert mails(server, want=["factor-removed"]).count("factor-removed") == 1
    assert server.cli("user", "mfa-reset", new_email("nobody")).returncode != 0
    # Of somebody without any: no mail, no harm.
    assert server.cli("user", "mfa-reset", email).returncode == 0
    assert mails(server).count("factor-removed") == 1
    # And with no server running.
    server.stop()
    assert server.cli("user", "mfa-reset", other[0]).returncode == 0
    server.start()
    server.client().login(other[0])


# -- secrets of one kind are none of another (A2: 5 x 5)

def secrets_of_each_kind(server, client):
    """One good secret of each of the five kinds, of one person; and that person's app."""
    email = new_email("kinds")
    data = client.register(email)
    access, refresh = data["tokens"]["access_token"], data["tokens"]["refresh_token"]
    assert client.post("/api/users/password-reset/", {"email": email}).status == 200
    kinds = {"access": access, "refresh": refresh}
    end = time.monotonic() + 60
    while len(kinds) < 4:
        done = server.cli("mail", "list", "--json")
        assert done.returncode == 0, done
        for row in json.loads(done.stdout):
            link = re.search(r"token=([\w.~=%:-]+)", server.cli("mail", "show", str(row["id"])).stdout.replace("=\n", ""))
            if link and row["template"] in ("verify", "reset"):
                kinds[row["template"]] = urllib.parse.unquote(link.group(1))
        assert time.monotonic() < end, kinds.keys()
        time.sleep(0.1)
    _, codes = enrol(client, access)
    kinds["ticket"] = due(client, email)
    return kinds, codes


def test_no_secret_passes_for_one_of_another_kind(ctx):
    server = ctx.own_server(env=MANY_TRIES)
    client = server.client()
    kinds, codes = secrets_of_each_kind(server, client)

    def show(kind, secret):
        if kind == "access":
            return client.get("/api/users/profile/", token=secret)
        if kind == "refresh":
            return client.post("/api/users/token/refresh/", {"refresh_token": secret}, token=None)
        if kind == "verify":
            return client.post("/api/users/verify-email/", {"token": secret}, token=None)
        if kind == "reset":
            return client.post("/api/users/password-reset-confirm/",
                               {"token": secret, "new_password": PASSWORD + "-new"}, token=None)
        return redeem(client, secret, recovery_code=codes[0])

    for place in kinds:
        for kind, secret in kinds.items():
            if kind == place:
                continue
            answer = show(place, secret)
            assert answer.status in (400, 401), (kind, "at", place, answer)
    # Each is good in its own place still, the one that ends sessions last.
    for place in ("access", "verify", "ticket", "refresh", "reset"):
        answer = show(place, kinds[place])
        assert answer.status == 200, (place, answer)
