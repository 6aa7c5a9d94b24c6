# SPDX-License-Identifier: Apache-2.0
"""Roads to another's account that go around a check: what a thief leaves behind, and what half a proof is good for."""
import os
import re
import sys
import time
import urllib.parse
from importlib import import_module

from authenticator import Authenticator
from mails import Mailbox
from providers import Providers
from sutler import PASSWORD, new_email

sys.path.insert(0, os.path.dirname(__file__))
factors, keys, links = (import_module(name) for name in ("25_factors", "26_passkeys", "22_links"))
code, enrol, mid_step, wrong = factors.code, factors.enrol, factors.mid_step, factors.wrong
DEV, OTHER = links.DEV, links.OTHER
MANY = {"SUTLER_LOCKOUT_FAILURES": "1000"}


def try_login(client, email, password=PASSWORD):
    return client.post("/api/users/login/", {"email": email, "password": password}, token=None)


def reauthenticate(client, token, **proof):
    return client.post("/api/users/reauthenticate/", proof, token=token)


# -- half a proof

def test_a_session_from_before_the_factor_cannot_take_it_away(ctx):
    """Its thief knows the password at most; the factor was added to keep them out."""
    client = ctx.client(ctx.server(env=MANY))
    mid_step()
    email = new_email("old")
    old = client.register(email)["tokens"]["access_token"]
    mine = client.login(email)["tokens"]["access_token"]
    secret, _ = enrol(client, mine)
    assert reauthenticate(client, old, password=PASSWORD).status == 200
    for method, path, body in (("DELETE", "/api/users/totp/", None), ("POST", "/api/users/recovery-codes/", None),
                               ("POST", "/api/users/passkeys/register/begin/", None),
                               ("POST", "/api/users/email-change/", {"new_email": new_email("thief")})):
        answer = client.request(method, path, json=body, token=old)
        assert answer.status == 403 and answer.json["code"] == "second_factor_required", (path, answer)
    # It shows the factor, and may.
    assert reauthenticate(client, old, otp=code(secret)).status == 200
    assert client.post("/api/users/recovery-codes/", token=old).status == 200
    # The one that added it has shown it.
    assert client.delete("/api/users/totp/", token=mine).status == 204
    assert try_login(client, email).status == 200


def test_a_password_alone_clears_no_count_of_wrong_factors(ctx):
    """Else whoever knows it and has an old session could guess codes for ever."""
    client = ctx.client()
    for clear in (lambda token: reauthenticate(client, token, password=PASSWORD),
                  lambda token: client.post("/api/users/password-change/",
                                            {"current_password": PASSWORD, "new_password": "12345678"}, token=token)):
        email, token, secret, _ = factors.person(client)
        for _ in range(4):
            assert factors.redeem(client, factors.due(client, email), otp=wrong(secret)).status == 401
        assert clear(token).status in (200, 400)
        assert factors.redeem(client, factors.due(client, email), otp=wrong(secret)).status == 401
        answer = try_login(client, email)
        assert answer.status == 403 and answer.json["code"] == "locked", answer


def test_a_reset_clears_no_count_of_wrong_factors(ctx):
    """Else whoever reads the mail could guess codes for ever."""
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    email, _, secret, _ = factors.person(client)
    assert links.verify(client, box.token(email, "/verify-email")).status == 200
    for _ in range(4):
        assert factors.redeem(client, factors.due(client, email), otp=wrong(secret)).status == 401
    assert links.ask_reset(client, email).status == 200
    assert links.reset(client, box.token(email, "/reset-password")).status == 200
    ticket = factors.due(client, email, OTHER)
    assert factors.redeem(client, ticket, otp=wrong(secret)).status == 401
    answer = try_login(client, email, OTHER)
    assert answer.status == 403 and answer.json["code"] == "locked", answer


# -- what a thief leaves behind

def test_the_picture_of_one_enrolment_is_not_that_of_the_next(ctx):
    """A thief's address of theirs must not show the secret that the owner gets a moment later."""
    client = ctx.client()
    token = client.register(new_email("picture"))["tokens"]["access_token"]
    theirs = client.post("/api/users/totp/enrol/", token=token).json
    mine = client.post("/api/users/totp/enrol/", token=token).json

    def get(enrolled):
        url = urllib.parse.urlsplit(enrolled["qr"])
        return client.get(f"{url.path}?{url.query}")

    assert get(mine).status == 200 and factors.read_picture(get(mine).text) == mine["otpauth_uri"]
    assert get(theirs).status == 404, get(theirs)
    # Nor does its address tell of the secret.
    path = urllib.parse.urlsplit(mine["qr"]).path
    assert re.fullmatch(r"/media/totp/\d+-[0-9a-f]{32}\.svg", path) and mine["secret"] not in mine["qr"], path


def test_who_ends_all_sessions_ends_their_change_of_address(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    for end in (lambda email, token: client.post("/api/users/logout-all/", token=token).status == 200,
                lambda email, token: server.cli("user", "revoke", email).returncode == 0):
        owner, thief = new_email("owner"), new_email("thief")
        tokens = client.register(owner)["tokens"]
        assert links.change_email(client, thief, tokens).status == 200
        confirm = box.token(thief, "/email-change/confirm")
        assert end(owner, client.login(owner)["tokens"]["access_token"])
        answer = links.link(client, "confirm", confirm)
        assert answer.status == 400 and answer.json == links.BAD_LINK, answer
        assert try_login(client, owner).status == 200


def add_key(client, token):
    return keys.add(client, token, Authenticator())[0]


def test_the_way_back_takes_what_a_thief_has_added_meanwhile(ctx):
    providers = Providers.get()
    providers.mode("ok")
    server = ctx.server(env=providers.env("mock"), **DEV)
    client, box = server.client(), Mailbox(server)
    mid_step()
    owner, thief = new_email("owner"), new_email("thief")
    tokens = client.register(owner)["tokens"]
    assert links.verify(client, box.token(owner, "/verify-email")).status == 200
    before = add_key(client, tokens["access_token"])
    time.sleep(0.01)
    assert links.change_email(client, thief, tokens).status == 200
    assert links.link(client, "confirm", box.token(thief, "/email-change/confirm")).status == 200
    after = add_key(client, tokens["access_token"])
    secret, codes = enrol(client, tokens["access_token"])
    claims = providers.claims(nbf=None, email=thief)
    google = client.post("/api/users/social/google/", {"token": providers.build(claims)}, token=None)
    assert google.status == 401 and google.json["code"] == "second_factor_required", google
    assert factors.redeem(client, google.json["ticket"], recovery_code=codes[0]).status == 200

    back = box.take(owner, "/email-change/revert", n=2)[1].token
    assert links.link(client, "revert", back).status == 200
    # What the owner had is theirs as before; all that came since is gone.
    assert keys.sign_in(client, before).status == 200
    assert keys.sign_in(client, after).status == 401
    answer = try_login(client, owner)
    assert answer.status == 401 and answer.json["methods"] == ["passkey"], answer
    for factor in ({"otp": code(secret, 1)}, {"recovery_code": codes[1]}):
        assert factors.redeem(client, answer.json["ticket"], **factor).status == 401
    again = client.post("/api/users/social/google/", {"token": providers.build(claims)}, token=None)
    assert again.status == 200 and again.json["data"]["is_new_user"] is True, again
    box.saying(owner, "added since")


def test_the_way_back_to_an_address_that_was_never_verified_leaves_nobody_in(ctx):
    """Whoever registered it first must not be in when its owner comes by the mail."""
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    victim, thief = new_email("victim"), new_email("thief")
    tokens = client.register(victim)["tokens"]
    planted = add_key(client, tokens["access_token"])
    time.sleep(0.01)
    assert links.change_email(client, thief, tokens).status == 200
    assert links.link(client, "confirm", box.token(thief, "/email-change/confirm")).status == 200
    back = box.take(victim, "/email-change/revert", n=2)[1].token
    assert links.link(client, "revert", back).status == 200
    assert links.ask_reset(client, victim).status == 200
    assert links.reset(client, box.token(victim, "/reset-password")).status == 200
    assert keys.sign_in(client, planted).status == 401
    assert try_login(client, victim, OTHER).status == 200
