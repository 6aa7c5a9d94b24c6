# SPDX-License-Identifier: Apache-2.0
"""Passkeys by own.md (A15): added, listed, taken away; a sign-in of their own, a second factor, a fresh proof.

Most with an authenticator in software (tests/lib/authenticator.py); at the end with Chromium's own.
"""
import concurrent.futures
import hashlib
import json
import shutil
import subprocess
import time

from authenticator import (BACKED_UP, EDDSA, ELIGIBLE, ES256, RS256, Authenticator, b64, cbor, cose, new_key, unb64)
from browser import Browser
from sutler import PASSWORD, Skip, also_tls, new_email, only

MEMBERS = {"id", "name", "created_at", "last_used_at"}
BAD = {"success": False, "error": "The passkey could not be verified.", "code": "invalid"}
WRONG = {"success": False, "error": "Invalid passkey", "code": "invalid"}
NOT_FOUND = 404
MANY_TRIES = {"SUTLER_LOCKOUT_FAILURES": "1000"}


def origin(client):
    return ("https" if client.tls else "http") + "://" + client.host


def begin(client, token):
    answer = client.post("/api/users/passkeys/register/begin/", token=token)
    assert answer.status == 200, answer
    return answer.json


def finish(client, token, credential, name=None):
    body = {"credential": credential} if name is None else {"credential": credential, "name": name}
    return client.post("/api/users/passkeys/register/finish/", body, token=token)


def add(client, token, key=None, name=None, **bent):
    """(authenticator, the answer's body) of a new passkey."""
    key = key or Authenticator()
    answer = finish(client, token, key.create(begin(client, token), origin(client), **bent), name)
    assert answer.status == 201, answer
    return key, answer.json


def ask(client):
    answer = client.post("/api/users/passkeys/login/begin/", token=None)
    assert answer.status == 200, answer
    return answer.json


def enter(client, assertion, **more):
    return client.post("/api/users/passkeys/login/finish/", {"assertion": assertion, **more}, token=None)


def sign_in(client, key, **bent):
    return enter(client, key.get(ask(client), origin(client), **bent))


def person(client):
    email = new_email("key")
    return email, client.register(email)["tokens"]["access_token"]


def due(client, email):
    answer = client.post("/api/users/login/", {"email": email, "password": PASSWORD}, token=None)
    assert answer.status == 401 and answer.json["code"] == "second_factor_required", answer
    return answer.json


def redeem(client, ticket, assertion):
    return client.post("/api/users/login/second-factor/", {"ticket": ticket, "assertion": assertion}, token=None)


def sql(server, statement):
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", server.env["DATABASE_URL"], "-c", statement],
                          check=True, capture_output=True, text=True).stdout


# -- one's own

@also_tls
def test_a_passkey_is_added_listed_renamed_and_taken_away(ctx):
    client = ctx.client()
    email, token = person(client)
    options = begin(client, token)
    assert options["rp"]["id"] == "localhost" and options["user"]["name"] == email, options
    assert options["user"]["displayName"] == "Ada Byron" and len(unb64(options["user"]["id"])) == 32
    assert len(unb64(options["challenge"])) == 32 and options["excludeCredentials"] == []
    assert [p["alg"] for p in options["pubKeyCredParams"]] == [ES256, EDDSA, RS256]
    assert options["attestation"] == "none"
    key = Authenticator()
    answer = finish(client, token, key.create(options, origin(client)), "My key ✓")
    assert answer.status == 201, answer
    made = answer.json
    assert len(made.pop("recovery_codes")) == 10, "the first factor brings recovery codes"
    assert set(made) == MEMBERS and made["name"] == "My key ✓" and made["last_used_at"] is None, made
    other, second = add(client, token, Authenticator(EDDSA))
    assert set(second) == MEMBERS and second["name"] == "Passkey", "the codes come once, with the first"
    options = begin(client, token)
    assert [c["id"] for c in options["excludeCredentials"]] == [b64(key.id), b64(other.id)]
    assert options["user"]["id"] == key.handle == other.handle, "one handle a person"

    listed = client.get("/api/users/passkeys/", token=token)
    assert listed.status == 200 and listed.json == [made, second], listed
    path = f"/api/users/passkeys/{made['id']}/"
    answer = client.patch(path, {"name": " Blue one "}, token=token)
    assert answer.status == 200 and answer.json == {**made, "name": "Blue one"}, answer
    for bad in ({}, {"name": ""}, {"name": "x" * 65}, {"name": None}, {"name": "x", "sign_count": 0}):
        assert client.patch(path, bad, token=token).status == 400, bad
    assert sign_in(client, key).status == 200
    used = client.get("/api/auth/passkeys/", token=token).json
    assert used[0]["name"] == "Blue one" and used[0]["last_used_at"] is not None and used[1]["last_used_at"] is None

    assert client.delete(path, token=token).status == 204
    assert client.delete(path, token=token).status == NOT_FOUND
    assert client.patch(path, {"name": "x"}, token=token).status == NOT_FOUND
    assert enter(client, key.get(ask(client), origin(client))).status == 401
    assert due(client, email)["methods"] == ["passkey", "recovery_code"]
    assert client.delete(f"/api/users/passkeys/{second['id']}/", token=token).status == 204
    assert client.get("/api/users/passkeys/", token=token).json == []
    client.login(email)


@also_tls
def test_another_persons_passkey_is_not_there(ctx):
    client = ctx.client()
    _, token = person(client)
    _, thief = person(client)
    _, made = add(client, token)
    path = f"/api/users/passkeys/{made['id']}/"
    for answer in (client.patch(path, {"name": "mine"}, token=thief), client.delete(path, token=thief)):
        assert answer.status == NOT_FOUND and str(made["name"]) not in answer.text, answer
    assert client.get("/api/users/passkeys/", token=thief).json == []
    assert client.get("/api/users/passkeys/", token=token).json[0]["name"] == made["name"]


def test_all_of_it_needs_an_account_and_changes_a_fresh_proof(ctx):
    server = ctx.server(env={"SUTLER_ACCOUNTS_FRESH_LIFE": "5s"})
    client = server.client()
    _, token = person(client)
    key, made = add(client, token)
    path = f"/api/users/passkeys/{made['id']}/"
    calls = [("POST", "/api/users/passkeys/register/begin/", None),
             ("POST", "/api/users/passkeys/register/finish/", {"credential": key.create(begin(client, token), "x")}),
             ("PATCH", path, {"name": "x"}), ("DELETE", path, None)]
    for method, target, body in calls + [("GET", "/api/users/passkeys/", None),
                                         ("POST", "/api/users/reauthenticate/begin/", None)]:
        assert client.request(method, target, json=body, token=None).status == 401, target
    time.sleep(5.5)
    for method, target, body in calls:
        answer = client.request(method, target, json=body, token=token)
        assert answer.status == 403 and answer.json["code"] == "reauthentication_required", (target, answer)
    assert client.get("/api/users/passkeys/", token=token).status == 200
    # By the passkey itself.
    answer = client.post("/api/users/reauthenticate/begin/", token=token)
    assert answer.status == 200 and answer.json["userVerification"] == "preferred", answer
    assert [c["id"] for c in answer.json["allowCredentials"]] == [b64(key.id)]
    answer = client.post("/api/users/reauthenticate/", {"assertion": key.get(answer.json, origin(client))}, token=token)
    assert answer.status == 200 and set(answer.json) == {"fresh_until"}, answer
    assert client.patch(path, {"name": "y"}, token=token).status == 200


@also_tls
def test_kinds_of_keys_and_of_attestation(ctx):
    client = ctx.client()
    email, token = person(client)
    keys = []
    for alg in (ES256, EDDSA, RS256):
        for format in ("none", "packed", "x5c"):
            key, made = add(client, token, Authenticator(alg), f"{alg} {format}", format=format)
            keys.append(key)
            assert sign_in(client, key).status == 200, (alg, format)
            assert sign_in(client, key).status == 200, (alg, format)
    assert len(client.get("/api/users/passkeys/", token=token).json) == 9
    # Of those that know a user and those that count nothing, or are synchronised.
    for key in (Authenticator(counts=False), Authenticator(backup=ELIGIBLE), Authenticator(backup=ELIGIBLE | BACKED_UP)):
        add(client, token, key)
        assert sign_in(client, key).status == 200 and sign_in(client, key).status == 200
    # 3 + 9: there is room for 8 more.
    for _ in range(8):
        add(client, token, Authenticator(EDDSA))
    answer = client.post("/api/users/passkeys/register/begin/", token=token)
    assert answer.status == 400 and answer.json["error"] == "There are 20 passkeys already.", answer
    assert due(client, email)["methods"] == ["passkey", "recovery_code"]


def test_of_two_that_finish_at_once_twenty_are_the_most(ctx):
    server = ctx.server()
    client = server.client()
    _, token = person(client)
    for _ in range(18):
        add(client, token, Authenticator(EDDSA))
    asked = [(Authenticator(EDDSA), begin(client, token)) for _ in range(6)]

    def one(pair):
        with server.client() as own:
            return finish(own, token, pair[0].create(pair[1], origin(client))).status

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(one, asked))
    assert statuses == [201, 201, 400, 400, 400, 400], statuses
    assert len(client.get("/api/users/passkeys/", token=token).json) == 20


@also_tls
def test_registrations_that_are_refused(ctx):
    client = ctx.client()
    _, token = person(client)
    here = origin(client)
    key = Authenticator()
    bent = [
        dict(type="webauthn.get"), dict(challenge=b64(bytes(32))), dict(challenge=""), dict(cross_origin=True),
        dict(rp_id="evil.test"), dict(rp_id="localhost."), dict(flags=4 | 64), dict(flags=5),
        dict(cose_key={**cose(new_key(ES256)), 3: -37}), dict(credential_id=b"another"), dict(after_object=b"\0"),
        dict(bytes=lambda b: b[:-1]), dict(bytes=lambda b: b"\xbf" + b[1:] + b"\xff"), dict(client_data=b"{}"),
        dict(format="fido-u2f"), dict(format="packed", signer=new_key(ES256)),
        dict(format="packed", statement=lambda s: {**s, "alg": EDDSA}),
        dict(format="x5c", certificate={"unit": "x"}), dict(format="x5c", signer=new_key(ES256)),
    ]
    for change in bent:
        answer = finish(client, token, key.create(begin(client, token), here, **change))
        assert answer.status == 400 and answer.json == BAD, (change, answer)
    for elsewhere in ("https://evil.test", here.replace("localhost", "localhost.evil.test"), "null", here + "/"):
        answer = finish(client, token, key.create(begin(client, token), elsewhere))
        assert answer.status == 400 and answer.json == BAD, (elsewhere, answer)
    # A challenge that somebody else was given, one of a sign-in, and one that was used up by a try.
    _, other = person(client)
    answer = finish(client, token, key.create(begin(client, other), here))
    assert answer.status == 400 and answer.json == BAD, answer
    answer = finish(client, token, key.create({**begin(client, token), "challenge": ask(client)["challenge"]}, here))
    assert answer.status == 400 and answer.json == BAD, answer
    options = begin(client, token)
    assert finish(client, token, key.create(options, here, rp_id="evil.test")).status == 400
    assert finish(client, token, key.create(options, here)).json == BAD
    # Forms that are none.
    good = key.create(begin(client, token), here)
    for spoil in (lambda c: c.pop("id"), lambda c: c.pop("response"), lambda c: c.update(type="password"),
                  lambda c: c.update(more=1), lambda c: c["response"].pop("attestationObject"),
                  lambda c: c["response"].update(attestationObject=7), lambda c: c["response"].update(clientDataJSON=None),
                  lambda c: c["response"].update(attestationObject="x" * 30000), lambda c: c.update(response=[])):
        body = json.loads(json.dumps(good))
        spoil(body)
        answer = finish(client, token, body)
        assert answer.status == 400, (body, answer)
    for spoil in (lambda c: c.update(id="****"), lambda c: c.update(rawId="AAAA"),
                  lambda c: c["response"].update(clientDataJSON="é"),
                  lambda c: c["response"].update(attestationObject=good["response"]["attestationObject"] + "=")):
        body = json.loads(json.dumps(good))
        spoil(body)
        answer = finish(client, token, body)
        assert answer.status == 400 and answer.json == BAD, answer
    assert finish(client, token, good).status == 201, "what was no form used nothing up"
    assert len(client.get("/api/users/passkeys/", token=token).json) == 1


@also_tls
def test_a_credential_is_one_persons_once(ctx):
    client = ctx.client()
    _, token = person(client)
    _, other = person(client)
    key, _ = add(client, token)
    for whose in (token, other):
        answer = finish(client, whose, key.create(begin(client, whose), origin(client)))
        assert answer.status == 409 and answer.json["code"] == "duplicate", answer
    assert client.get("/api/users/passkeys/", token=other).json == []


# -- signing in

@also_tls
def test_a_passkey_signs_in_without_password_and_second_factor(ctx):
    client = ctx.client()
    email, token = person(client)
    key, _ = add(client, token)
    options = ask(client)
    assert options["userVerification"] == "required" and options["allowCredentials"] == [], options
    assert options["rpId"] == "localhost"
    answer = enter(client, key.get(options, origin(client)),
                   device_info={"device_type": "phone", "os": "x", "app_version": "1"})
    assert answer.status == 200, answer
    data = answer.json["data"]
    assert set(data) == {"user", "tokens", "email_verified", "verification_needed"} and data["user"]["email"] == email
    access = data["tokens"]["access_token"]
    assert client.get("/api/users/profile/", token=access).json == data["user"]
    # It was a factor, too: fresh, and enough for whatever asks for one.
    assert client.post("/api/users/passkeys/register/begin/", token=access).status == 200
    answer = client.post("/api/auth/passkeys/login/begin/", token=None)
    answer = client.post("/api/auth/passkeys/login/finish/", {"assertion": key.get(answer.json, origin(client))},
                         token=None)
    assert answer.status == 200, answer


@also_tls
def test_sign_ins_that_are_refused(ctx):
    server = ctx.server(env=MANY_TRIES)
    client = server.client(tls=ctx.tls)
    here = origin(client)
    _, token = person(client)
    key, _ = add(client, token)
    bent = [
        dict(type="webauthn.create"), dict(challenge=b64(bytes(32))), dict(challenge=""), dict(cross_origin=True),
        dict(rp_id="evil.test"), dict(flags=4), dict(flags=1), dict(after_auth_data=b"\0"), dict(auth_data=b"\0"),
        dict(signature=lambda s: s[:-1]), dict(signature=lambda s: s[:-1] + bytes([s[-1] ^ 1])), dict(signed=b"x"),
        dict(signer=new_key(ES256)), dict(handle=b64(bytes(32))), dict(handle=None), dict(handle=""),
        dict(flags=64 | 5, credential=bytes(16) + b"\0\1x" + cbor(cose(new_key(ES256)))), dict(flags=5 | 8),
        dict(client_data=b"[]"),
    ]
    for change in bent:
        answer = sign_in(client, key, **change)
        assert answer.status == 401 and answer.json == WRONG, (change, answer)
    for elsewhere in ("https://evil.test", "http://localhost.evil.test", here + "/"):
        answer = enter(client, key.get(ask(client), elsewhere))
        assert answer.status == 401 and answer.json == WRONG, (elsewhere, answer)
    # Challenges of other kinds and of nobody's.
    for challenge in (begin(client, token)["challenge"],
                      client.post("/api/users/reauthenticate/begin/", token=token).json["challenge"]):
        answer = enter(client, key.get({**ask(client), "challenge": challenge}, here))
        assert answer.status == 401 and answer.json == WRONG, answer
    stranger = Authenticator()
    stranger.handle = key.handle
    assert enter(client, stranger.get(ask(client), here)).json == WRONG
    # An authenticator that does not know its user is a second factor, but no sign-in.
    touch, _ = add(client, token, Authenticator(verifies=False))
    assert sign_in(client, touch).json == WRONG
    good = key.get(ask(client), here)
    for spoil in (lambda c: c.pop("response"), lambda c: c["response"].pop("signature"), lambda c: c.update(more=1)):
        body = json.loads(json.dumps(good))
        spoil(body)
        assert enter(client, body).status == 400
    assert enter(client, good).status == 200
    # Each leaves an event that says why; no more than some a second are told one by one.
    time.sleep(1.1)
    for change in (dict(signed=b"x"), dict(challenge=b64(bytes(32))), dict(rp_id="x"), dict(flags=1), dict(handle="")):
        assert sign_in(client, key, **change).status == 401
    assert enter(client, stranger.get(ask(client), here)).json == WRONG
    text = server.log_text()
    for word in ("signature", "challenge", "rp_id", "user_not_verified", "user_handle", "unknown"):
        assert f"type=login_failed reason=passkey_{word} route=passkey_login_finish" in text, word


@also_tls
def test_an_assertion_is_good_once(ctx):
    server = ctx.server(env=MANY_TRIES)
    client = server.client(tls=ctx.tls)
    _, token = person(client)
    key, _ = add(client, token)
    assertion = key.get(ask(client), origin(client))
    assert enter(client, assertion).status == 200
    answer = enter(client, assertion)
    assert answer.status == 401 and answer.json == WRONG, answer
    # Nor does one without a counter come twice, also not at once.
    key, _ = add(client, token, Authenticator(counts=False))
    assertion = key.get(ask(client), origin(client))

    def one(_):
        with server.client(tls=ctx.tls) as own:
            return enter(own, assertion).status

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(one, range(20)))
    assert sorted(set(statuses)) == [200, 401] and statuses.count(200) == 1, statuses
    # A try that fails uses the challenge up as well.
    options = ask(client)
    assert enter(client, key.get(options, origin(client), rp_id="evil.test")).status == 401
    assert enter(client, key.get(options, origin(client))).status == 401


def test_a_counter_that_goes_back_is_refused_with_an_event(ctx):
    server = ctx.server(env=MANY_TRIES)
    client = server.client()
    email, token = person(client)
    key, made = add(client, token)
    assert sign_in(client, key, count=10).status == 200
    time.sleep(1.1)  # no more than some events a second are told one by one
    for count in (10, 9, 1, 0):
        answer = sign_in(client, key, count=count)
        assert answer.status == 401 and answer.json == WRONG, (count, answer)
    text = server.log_text()
    assert "type=input_suspicious reason=passkey_counter_went_back" in text
    assert "type=login_failed reason=passkey_counter_went_back" in text
    # As a second factor and as a fresh proof no more than so.
    asked = due(client, email)
    answer = redeem(client, asked["ticket"], key.get(asked["passkey_options"], origin(client), count=10))
    assert answer.status == 401, answer
    answer = client.post("/api/users/reauthenticate/begin/", token=token)
    answer = client.post("/api/users/reauthenticate/", {"assertion": key.get(answer.json, origin(client), count=3)},
                         token=token)
    assert answer.status == 401, answer
    assert sign_in(client, key, count=11).status == 200
    # With one count, twenty at once are one.
    asked = [key.get(ask(client), origin(client), count=50) for _ in range(20)]

    def one(assertion):
        with server.client() as own:
            return enter(own, assertion).status

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(one, asked))
    assert statuses.count(200) == 1 and statuses.count(401) == 19, statuses


@only("postgres")
def test_a_challenge_is_good_for_five_minutes(ctx):
    server = ctx.own_server()
    client = server.client()
    email, token = person(client)
    key, _ = add(client, token)
    options, created, asked = ask(client), begin(client, token), due(client, email)
    proof = client.post("/api/users/reauthenticate/begin/", token=token).json
    # As if they had been asked five minutes ago.
    sql(server, "UPDATE link_tokens SET expires_at = expires_at - 300000 WHERE purpose <> 4")
    assert enter(client, key.get(options, origin(client))).json == WRONG
    assert finish(client, token, Authenticator().create(created, origin(client))).json == BAD
    assert redeem(client, asked["ticket"], key.get(asked["passkey_options"], origin(client))).status == 401
    answer = client.post("/api/users/reauthenticate/", {"assertion": key.get(proof, origin(client))}, token=token)
    assert answer.status == 401, answer
    # What is kept of a challenge is its digest.
    text = sql(server, "SELECT encode(hash, 'hex') FROM link_tokens")
    for challenge in (options["challenge"], created["challenge"]):
        raw = unb64(challenge)
        assert hashlib.sha256(raw).hexdigest() in text and raw.hex() not in text


def test_passkeys_outlive_another_key_for_the_data(ctx):
    server = ctx.own_server()
    client = server.client()
    email, token = person(client)
    key, made = add(client, token, name="Old name")
    options = begin(client, token)
    done = server.cli("key", "rotate", "data")
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert client.get("/api/users/passkeys/", token=token).json[0]["name"] == "Old name"
    answer = client.patch(f"/api/users/passkeys/{made['id']}/", {"name": "New name"}, token=token)
    assert answer.status == 200 and answer.json["name"] == "New name", answer
    assert sign_in(client, key).status == 200
    # One that was asked before is taken after.
    assert finish(client, token, Authenticator().create(options, origin(client))).status == 201
    assert [p["name"] for p in client.get("/api/users/passkeys/", token=token).json] == ["New name", "Passkey"]


def test_a_challenge_outlives_a_restart(ctx):
    server = ctx.own_server()
    client = server.client()
    _, token = person(client)
    key, _ = add(client, token)
    options = ask(client)
    server.restart()
    client = server.client()
    # The port may be another one: the origin is the one of now.
    assert enter(client, key.get(options, origin(client))).status == 200
    assert options["timeout"] == 300000


@also_tls
def test_who_is_locked_or_disabled_does_not_get_in_with_a_passkey(ctx):
    server = ctx.own_server()
    client = server.client(tls=ctx.tls)
    email, token = person(client)
    key, _ = add(client, token)
    assert server.cli("user", "lock", email).returncode == 0
    answer = sign_in(client, key)
    assert answer.status == 403 and answer.json["code"] == "locked", answer
    assert server.cli("user", "unlock", email).returncode == 0
    assert sign_in(client, key).status == 200
    assert server.cli("user", "disable", email).returncode == 0
    answer = sign_in(client, key)
    assert answer.status == 403 and answer.json["code"] == "disabled", answer


def test_wrong_assertions_lock_as_wrong_passwords_do(ctx):
    server = ctx.own_server(env={"SUTLER_LOCKOUT_FAILURES": "3"})
    client = server.client()
    _, token = person(client)
    key, _ = add(client, token)
    for _ in range(3):
        assert sign_in(client, key, signed=b"x").status == 401
    answer = sign_in(client, key)
    assert answer.status == 403 and answer.json["lockout"] is True, answer


def test_sign_ins_with_passkeys_are_counted_as_logins(ctx):
    server = ctx.own_server(rates="preset")
    client = server.client()
    statuses = [client.post("/api/users/passkeys/login/finish/", {}, token=None).status for _ in range(8)]
    assert statuses[:3] == [400] * 3 and statuses[-1] == 429, statuses


# -- beside a password

@also_tls
def test_a_passkey_is_a_second_factor(ctx):
    server = ctx.server(env=MANY_TRIES)
    client = server.client(tls=ctx.tls)
    here = origin(client)
    email, token = person(client)
    key, made = add(client, token, Authenticator(verifies=False))
    asked = due(client, email)
    assert asked["methods"] == ["passkey", "recovery_code"]
    options = asked["passkey_options"]
    assert [c["id"] for c in options["allowCredentials"]] == [b64(key.id)] and options["userVerification"] == "preferred"
    answer = redeem(client, asked["ticket"], key.get(options, here, with_handle=False))
    assert answer.status == 200 and answer.json["data"]["user"]["email"] == email, answer
    # The same again: the ticket is gone, and so is the challenge.
    answer = redeem(client, asked["ticket"], key.get(options, here))
    assert answer.status == 401, answer
    again = due(client, email)
    assert redeem(client, again["ticket"], key.get(options, here)).status == 401
    assert redeem(client, again["ticket"], key.get(again["passkey_options"], here)).status == 200
    # By contract B as well.
    answer = client.post("/api/v1/auth/login/", {"email": email, "password": PASSWORD}, token=None)
    assert answer.status == 401 and answer.json["error"]["reason"] == "second_factor_required", answer
    assert answer.json["error"]["passkey_options"]["allowCredentials"] == options["allowCredentials"]
    ticket, options = answer.json["error"]["ticket"], answer.json["error"]["passkey_options"]
    assert redeem(client, ticket, key.get(options, here)).status == 200
    # Two factors at once are none.
    asked = due(client, email)
    answer = client.post("/api/users/login/second-factor/", {
        "ticket": asked["ticket"], "otp": "000000", "assertion": key.get(asked["passkey_options"], here)}, token=None)
    assert answer.status == 400, answer


@also_tls
def test_a_ticket_with_somebody_elses_passkey(ctx):
    server = ctx.server(env=MANY_TRIES)
    client = server.client(tls=ctx.tls)
    here = origin(client)
    email, token = person(client)
    key, _ = add(client, token)
    thief_email, thief_token = person(client)
    thief, _ = add(client, thief_token)
    # The thief knows the password, and has a good passkey of their own.
    asked = due(client, email)
    for options in (asked["passkey_options"], due(client, thief_email)["passkey_options"], ask(client),
                    client.post("/api/users/reauthenticate/begin/", token=thief_token).json):
        answer = redeem(client, asked["ticket"], thief.get(options, here))
        assert answer.status == 401 and "tokens" not in answer.text, answer
    # What the owner signed for another purpose, or with another's handle, does not help.
    answer = redeem(client, asked["ticket"], key.get({**begin(client, token), "rpId": "localhost"}, here))
    assert answer.status == 401, answer
    # Five wrong ones: the ticket is used up, also for the owner.
    asked = due(client, email)
    for _ in range(5):
        assert redeem(client, asked["ticket"], thief.get(asked["passkey_options"], here)).status == 401
    answer = redeem(client, asked["ticket"], key.get(ask(client), here))
    assert answer.status == 401 and answer.json["code"] == "token_not_valid", answer
    # A session of one's own proves nothing with another's passkey.
    answer = client.post("/api/users/reauthenticate/begin/", token=thief_token)
    answer = client.post("/api/users/reauthenticate/", {"assertion": key.get(answer.json, here)}, token=thief_token)
    assert answer.status == 401, answer
    asked = client.post("/api/users/reauthenticate/begin/", token=token)
    answer = client.post("/api/users/reauthenticate/", {"assertion": thief.get(asked.json, here)}, token=token)
    assert answer.status == 401, answer


def test_recovery_codes_come_with_the_first_passkey(ctx):
    client = ctx.client()
    email, token = person(client)
    _, made = add(client, token)
    codes = made["recovery_codes"]
    asked = due(client, email)
    answer = client.post("/api/users/login/second-factor/", {"ticket": asked["ticket"], "recovery_code": codes[3]},
                         token=None)
    assert answer.status == 200, answer


def test_mails_tell_of_it_and_the_trail_has_it(ctx):
    server = ctx.own_server()
    client = server.client()
    email, token = person(client)
    _, made = add(client, token)
    assert client.patch(f"/api/users/passkeys/{made['id']}/", {"name": "x"}, token=token).status == 200
    assert client.delete(f"/api/users/passkeys/{made['id']}/", token=token).status == 204
    end = time.monotonic() + 60
    while True:
        text = server.log_text()
        if "template=factor-added" in text and "template=factor-removed" in text:
            break
        assert time.monotonic() < end, text[-2000:]
        time.sleep(0.1)
    if ctx.store == "postgres":
        rows = sql(server, "SELECT action FROM audit WHERE action LIKE 'user.factor%' ORDER BY id").split()
        assert rows == ["user.factor_add", "user.factor_rename", "user.factor_remove"], rows


@only("postgres")
def test_who_writes_to_the_database_cannot_make_a_passkey_lead_to_another_account(ctx):
    server = ctx.server(env=MANY_TRIES)
    client = server.client()
    _, token = person(client)
    _, made = add(client, token)
    _, thief_token = person(client)
    thief, _ = add(client, thief_token)
    mine = client.get("/api/users/passkeys/", token=thief_token).json[0]["id"]
    sql(server, f"DELETE FROM passkeys WHERE id = {mine}")
    sql(server, f"UPDATE passkeys SET credential_hash = decode('{hashlib.sha256(thief.id).hexdigest()}', 'hex'), "
                f"public_key = decode('{cbor(cose(thief.key)).hex()}', 'hex'), "
                f"user_handle = decode('{unb64(thief.handle).hex()}', 'hex'), sign_count = 0 WHERE id = {made['id']}")
    assert sign_in(client, thief).json == WRONG
    assert "index_of_another" in server.log_text()


@also_tls
def test_in_browser_mode_the_refresh_token_comes_in_a_cookie(ctx):
    client = ctx.client()
    _, token = person(client)
    key, _ = add(client, token)
    answer = client.post("/api/users/passkeys/login/finish/", {"assertion": key.get(ask(client), origin(client))},
                         headers={"X-Sutler-Client": "browser", "Origin": origin(client)}, token=None)
    assert answer.status == 200, answer
    tokens = answer.json["data"]["tokens"]
    assert tokens["refresh_token"] is None and "sutler_refresh=" in str(answer.all("Set-Cookie")), answer


def test_after_mfa_reset_no_passkey_is_left(ctx):
    server = ctx.own_server()
    client = server.client()
    email, token = person(client)
    key, made = add(client, token)
    done = server.cli("user", "mfa-reset", email)
    assert done.returncode == 0, done
    client.login(email)
    assert client.get("/api/users/passkeys/").json == []
    assert enter(client, key.get(ask(client), origin(client))).json == WRONG
    # It can be added again, by its owner.
    assert len(add(client, client.token, key)[1]["recovery_codes"]) == 10
    assert sign_in(client, key).status == 200


# -- a name of one's own

def test_the_rp_id_is_a_setting_and_never_what_a_request_says(ctx):
    server = ctx.own_server(env={"SUTLER_SERVER_PUBLIC_URL": "https://api.shop.example",
                                 "SUTLER_ACCOUNTS_RP_ID": "shop.example",
                                 "SUTLER_HOSTS_ALLOWED": "api.shop.example,localhost,evil.test",
                                 "SUTLER_CORS_ORIGINS": "https://www.shop.example,https://partner.test"})
    client = server.client()
    _, token = person(client)
    for host in ("api.shop.example", "evil.test"):
        answer = client.post("/api/users/passkeys/login/begin/", headers={"Host": host}, token=None)
        assert answer.status == 200 and answer.json["rpId"] == "shop.example", answer
    good = ("https://api.shop.example", "https://www.shop.example")
    for here in good:
        key = Authenticator()
        answer = finish(client, token, key.create(begin(client, token), here))
        assert answer.status == 201, answer
        assert enter(client, key.get(ask(client), good[0])).status == 200
    for here in ("https://partner.test", "https://shop.example", "https://evil.test", "http://api.shop.example",
                 "https://api.shop.example:443", "https://notshop.example"):
        answer = finish(client, token, Authenticator().create(begin(client, token), here))
        assert answer.status == 400 and answer.json == BAD, (here, answer)


@only("sqlite")
def test_an_rp_id_that_is_no_domain_is_refused_at_the_start(ctx):
    for bad in ("https://shop.example", "127.0.0.1", "shop..example", "-shop.example", "shop.example.", "a b"):
        server = ctx.own_server(start=False, env={"SUTLER_ACCOUNTS_RP_ID": bad})
        try:
            server.start()
            raise RuntimeError(f"started with {bad}")
        except AssertionError as error:
            assert "accounts.rp_id" in str(error), error


@only("sqlite")
def test_a_shop_without_a_name_has_no_passkeys(ctx):
    server = ctx.own_server(demo=False, env={"SUTLER_PROXY_TRUSTED": "127.0.0.1", "SUTLER_HOSTS_ALLOWED": "localhost",
                                             "SUTLER_SERVER_PUBLIC_URL": "https://203.0.113.7"})
    client = server.client(check=False, headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"})
    email, token = person(client)
    for path in ("/api/users/passkeys/login/begin/", "/api/users/passkeys/register/begin/"):
        answer = client.post(path, token=token)
        assert answer.status == 503 and answer.json["code"] == "unavailable", (path, answer)
    client.login(email)


# -- Chromium's own authenticator

CREATE = """(async (token, name, attestation) => {
  const call = (path, body) => fetch(path, {method: 'POST', body: body && JSON.stringify(body),
    headers: {'Authorization': 'Bearer ' + token, ...(body && {'Content-Type': 'application/json'})}});
  const options = await (await call('/api/users/passkeys/register/begin/')).json();
  if (attestation) options.attestation = attestation;
  const made = await navigator.credentials.create(
    {publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)});
  const answer = await call('/api/users/passkeys/register/finish/', {credential: made.toJSON(), name});
  return {status: answer.status, body: await answer.json()};
})"""

GET = """(async (path, options, body) => {
  const call = (path, body) => fetch(path, {method: 'POST', body: body && JSON.stringify(body),
    headers: body && {'Content-Type': 'application/json'}});
  if (!options) options = await (await call('/api/users/passkeys/login/begin/')).json();
  const got = await navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)});
  const answer = await call(path, {...body, assertion: got.toJSON()});
  return {status: answer.status, body: await answer.json(), sent: got.toJSON()};
})"""


class VirtualAuthenticator:
    def __init__(self, chromium, **options):
        self.chromium = chromium
        self.chromium.call("WebAuthn.enable")
        self.id = self.chromium.call("WebAuthn.addVirtualAuthenticator", {"options": {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True, **options}})["authenticatorId"]

    def credentials(self):
        return self.chromium.call("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]

    def remove(self):
        self.chromium.call("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.id})


def call(chromium, script, *words):
    return chromium.evaluate(script + "(" + ",".join(json.dumps(w) for w in words) + ")")


def test_chromium_registers_signs_in_and_stands_in_as_a_second_factor(ctx):
    if not shutil.which("chromium"):
        raise Skip("no chromium")
    server = ctx.server(env=MANY_TRIES)
    client = server.client()
    with Browser() as chromium:
        for base in (f"http://localhost:{server.port}", f"https://localhost:{server.port_tls}"):
            email, token = person(client)
            chromium.visit(base + "/")
            device = VirtualAuthenticator(chromium)
            made = call(chromium, CREATE, token, "Chromium", None)
            assert made["status"] == 201 and made["body"]["name"] == "Chromium", made
            assert [c["rpId"] for c in device.credentials()] == ["localhost"]
            # As a sign-in of its own.
            got = call(chromium, GET, "/api/users/passkeys/login/finish/", None, {})
            assert got["status"] == 200 and got["body"]["data"]["user"]["email"] == email, got
            # What was sent once is nothing any more.
            assert enter(client, got["sent"]).status == 401
            # As the second factor after a password.
            asked = due(client, email)
            got = call(chromium, GET, "/api/users/login/second-factor/", asked["passkey_options"],
                       {"ticket": asked["ticket"]})
            assert got["status"] == 200 and got["body"]["data"]["user"]["email"] == email, got
            # And it does not make a second one for the same person.
            refused = chromium.evaluate(CREATE + f"({json.dumps(token)}, 'again', null).catch(e => e.name)")
            assert refused == "InvalidStateError", refused
            device.remove()
            # A security key with an attestation of its own, which knows no user.
            device = VirtualAuthenticator(chromium, transport="usb", hasResidentKey=False, hasUserVerification=False,
                                          isUserVerified=False)
            made = call(chromium, CREATE, token, "Security key", "direct")
            assert made["status"] == 201, made
            asked = due(client, email)
            assert len(asked["passkey_options"]["allowCredentials"]) == 2
            got = call(chromium, GET, "/api/users/login/second-factor/", asked["passkey_options"],
                       {"ticket": asked["ticket"]})
            assert got["status"] == 200, got
            device.remove()
