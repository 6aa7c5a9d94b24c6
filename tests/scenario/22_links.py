# SPDX-License-Identifier: Apache-2.0
"""Links in mails: verification (A11), reset (A12), change of password and of address (own.md, A15)."""
import base64
import concurrent.futures
import json
import re
import secrets
import subprocess
import time
import urllib.parse

import django_here
import sutler
from mails import Mailbox
from sutler import PASSWORD, Skip, new_email, only

OTHER = "another-Horse7-battery"
DEV = {"insecure_dev": True}
TEXT = "If an account exists with this email, a password reset link will be sent"
BAD_RESET = {"success": False, "error": "Invalid or expired reset token", "code": "invalid"}
BAD_LINK = {"success": False, "error": "Invalid or expired link", "code": "invalid"}
BAD_VERIFY = {"success": False, "error": "Invalid verification token", "code": "invalid"}
PAGES = ("/verify-email", "/reset-password", "/email-change/confirm", "/email-change/revert")


def sql(server, statement):
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", server.env["DATABASE_URL"], "-c", statement],
                          check=True, capture_output=True, text=True).stdout.strip().splitlines()


def verify(client, token, path="/api/users/verify-email/", **more):
    return client.post(path, {"token": token}, token=None, **more)


def ask_reset(client, email, path="/api/users/password-reset/", **more):
    return client.post(path, {"email": email}, token=None, **more)


def reset(client, token, password=OTHER, path="/api/users/password-reset-confirm/", **more):
    return client.post(path, {"token": token, "new_password": password}, token=None, **more)


def sign_in(client, email, password=PASSWORD):
    return client.post("/api/users/login/", {"email": email, "password": password}, token=None).status


def is_in(client, tokens):
    return client.get("/api/users/profile/", token=tokens["access_token"]).status == 200


def django_token(key, data, at=None, salt="django.core.signing"):
    """As the Django shop before this one made it."""
    django_here.set_up()
    from django.core import signing

    class Signer(signing.TimestampSigner):
        def timestamp(self):
            from django.utils import baseconv
            return baseconv.base62.encode(int(time.time() if at is None else at))

    text = Signer(key, salt=salt).sign_object(data)
    return base64.urlsafe_b64encode(text.encode()).decode()


# -- verification


def test_an_address_is_verified_by_the_link_of_registration(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    email = new_email("verify")
    data = client.register(email)
    access = data["tokens"]["access_token"]
    mail = box.take(email, "/verify-email")
    assert mail.link.startswith(f"http://127.0.0.1:{server.port}/verify-email?token="), mail.link
    answer = client.get("/api/users/verification-status/", token=access)
    assert (answer.status, answer.json) == (200, {"success": True, "data": {"is_verified": False}})
    assert client.get("/api/auth/verification-status/").status == 401
    answer = verify(client, mail.token)
    assert answer.status == 200, answer
    assert answer.json == {"success": True, "message": "Email verified successfully",
                           "data": {"email": email, "is_verified": True}}
    answer = verify(client, mail.token)
    assert answer.status == 400, answer
    assert answer.json == {"success": False, "error": "Email already verified", "code": "invalid"}
    assert client.get("/api/users/verification-status/", token=access).json["data"] == {"is_verified": True}
    login = client.login(email)
    assert login["email_verified"] is True and login["verification_needed"] is False
    answer = client.post("/api/users/send-verification/", token=access)
    assert answer.status == 200 and answer.json["message"] == "Email already verified", answer


def test_the_older_front_ends_paths(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    for path in ("/api/auth/email-verify/", "/api/auth/verify-email/"):
        email = new_email("alias")
        client.register(email)
        assert verify(client, box.token(email, "/verify-email"), path).status == 200, path


def test_a_scanner_that_opens_the_link_changes_nothing(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    email = new_email("scanner")
    client.register(email)
    link = box.take(email, "/verify-email").link
    path = link[link.index("/verify-email"):]
    for _ in range(3):
        page = client.get(path)
        assert page.status == 200 and page.get("content-type").startswith("text/html"), page
        assert "script-src 'self'" in page.get("content-security-policy")
        assert page.get("referrer-policy") == "no-referrer"
    assert client.request("HEAD", path).status == 200
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["token"][0]
    for method in ("GET", "HEAD"):
        answer = client.request(method, "/api/users/verify-email/?token=" + urllib.parse.quote(token))
        assert answer.status == 405, answer
    assert ask_reset(client, email).status == 200
    secret = box.take(email, "/reset-password")
    for _ in range(2):
        assert client.get(secret.link[secret.link.index("/reset-password"):]).status == 200
    assert verify(client, token).status == 200
    assert reset(client, secret.token).status == 200


def test_pages_carry_no_script_of_their_own(ctx):
    client = ctx.server(**DEV).client()
    for path in PAGES + tuple(p + "/" for p in PAGES):
        body = client.get(path + "?token=abc").body.decode()
        scripts = re.findall(r"<script([^>]*)>(.*?)</script>", body, re.S)
        assert scripts == [(' src="/docs/link.js"', "")], (path, scripts)
        assert "abc" not in body
    assert client.get("/docs/link.js").status == 200


def test_what_is_no_link_of_ours_is_refused(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    email = new_email("tamper")
    data = client.register(email)
    me = data["user"]["id"]
    token = box.token(email, "/verify-email")
    key = server.secret_key
    now = time.time()
    claim = {"user_id": me, "email": email, "timestamp": "2026-01-01T00:00:00+00:00"}
    assert len(token) % 4 == 0
    bad = [token[:i] + ("A" if token[i] != "A" else "B") + token[i + 1:] for i in range(0, len(token) - 2, 7)]
    bad += [token[:-8], token + token, "x", ".", "=", "a.b.c", base64.urlsafe_b64encode(b"a:b:c").decode(),
            django_token(key[:-1] + "!", claim), django_token(key, claim, salt="password-reset"),
            django_token(key, {**claim, "email": new_email()}), django_token(key, {**claim, "user_id": 999999999}),
            django_token(key, {**claim, "user_id": str(me)}), django_token(key, [me, email]),
            base64.urlsafe_b64decode(token).decode(), data["tokens"]["access_token"]]
    for text in bad:
        answer = verify(client, text)
        assert (answer.status, answer.json) == (400, BAD_VERIFY), (text, answer)
    old = verify(client, django_token(key, claim, at=now - 72 * 3600 - 5))
    assert old.status == 400, old
    assert old.json == {"success": False, "error": "Verification token has expired", "code": "invalid"}
    for body in ({}, {"token": ""}, {"token": None}, {"token": 5}, {"token": token, "x": 1}, {"token": "a" * 9000}):
        assert client.post("/api/users/verify-email/", body).status == 400, body
    # Another person's link does nothing for this one.
    other = new_email("tamper")
    client.register(other)
    assert verify(client, box.token(other, "/verify-email")).json["data"]["email"] == other
    status = client.get("/api/users/verification-status/", token=data["tokens"]["access_token"])
    assert status.json["data"]["is_verified"] is False
    # One of the Django shop's, close to its end, is good: with a clock that is ahead, too.
    assert verify(client, django_token(key, claim, at=now - 72 * 3600 + 60).rstrip("=")).status == 200
    third = new_email("tamper")
    claim = {"user_id": client.register(third)["user"]["id"], "email": third.upper(), "timestamp": 0}
    assert verify(client, django_token(key, claim, at=now + 3600)).status == 200


def test_a_disabled_persons_link_is_void(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    email = new_email("gone")
    client.register(email)
    token = box.token(email, "/verify-email")
    assert ask_reset(client, email).status == 200
    secret = box.token(email, "/reset-password")
    assert server.cli("user", "disable", email).returncode == 0
    assert verify(client, token).json == BAD_VERIFY
    assert reset(client, secret).json == BAD_RESET
    assert server.cli("user", "enable", email).returncode == 0
    assert reset(client, secret).json == BAD_RESET, "a link lives through being disabled"
    assert verify(client, token).status == 200


def test_the_mail_is_sent_again_with_a_pause(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    email = new_email("again")
    access = client.register(email)["tokens"]["access_token"]
    box.take(email)
    assert client.post("/api/users/send-verification/").status == 401
    began = time.monotonic()
    answer = client.post("/api/users/send-verification/", token=access)
    assert answer.status == 200 and answer.json["message"] == "Verification email sent", answer
    mail = box.take(email, "/verify-email")
    for path in ("/api/users/send-verification/", "/api/auth/send-verification/"):
        answer = client.post(path, token=access)
        assert answer.status == 429, answer
        assert 298 - (time.monotonic() - began) <= answer.json["retry_after"] <= 300, answer.json
        assert answer.json["code"] == "throttled" and answer.get("retry-after") == str(answer.json["retry_after"])
    box.nothing_to(email)
    # The pause is kept over a kill: it was written down within a second.
    time.sleep(3)
    server.kill_worker()
    server.wait_well()
    assert client.post("/api/users/send-verification/", token=access).status == 429
    assert verify(client, mail.token).status == 200


# -- reset


def test_a_password_is_reset_by_the_link(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    email = new_email("reset")
    one = client.register(email)["tokens"]
    two = client.login(email)["tokens"]
    answer = ask_reset(client, email.upper())
    assert (answer.status, answer.json) == (200, {"success": True, "message": TEXT}), answer
    mail = box.take(email, "/reset-password")
    assert mail.link.startswith(f"http://127.0.0.1:{server.port}/reset-password?token=")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", mail.token), mail.token
    # One mail in the pause; nothing tells.
    assert ask_reset(client, email).json == {"success": True, "message": TEXT}
    # A weak one leaves the link good.
    for weak in ("12345678", email, "short"):
        answer = reset(client, mail.token, weak)
        assert answer.status == 400 and answer.json["code"] == "invalid", answer
        assert "password_strength" in answer.json and "password" in answer.json["error"], answer.json
    for body in ({}, {"token": mail.token}, {"new_password": OTHER}, {"token": mail.token, "new_password": ""}):
        assert client.post("/api/users/password-reset-confirm/", body, token=None).status == 400, body
    assert is_in(client, one) and is_in(client, two)
    answer = client.post("/api/users/password-reset-confirm/",
                         {"token": mail.token, "new_password": OTHER, "uid": "MTU"}, token=None)
    assert answer.status == 200 and answer.json == {"success": True, "message": "Password reset successfully"}, answer
    assert not is_in(client, one) and not is_in(client, two), "a session lives on"
    for tokens in (one, two):
        answer = client.post("/api/users/token/refresh/", {"refresh_token": tokens["refresh_token"]}, token=None)
        assert answer.status == 401, answer
    assert sign_in(client, email) == 401 and sign_in(client, email, OTHER) == 200
    assert reset(client, mail.token, PASSWORD).json == BAD_RESET
    told = box.take(email, subject="was changed")
    assert "token=" not in told.text, told
    assert len([m for m in box.to(email) if "was changed" in m.subject]) == 1
    # The address is not verified by it.
    assert client.login(email, OTHER)["email_verified"] is False


def test_a_reset_by_contract_b(ctx):
    server = ctx.server(preset="nsgg", **DEV)
    client, box = server.client(), Mailbox(server)
    email = new_email("resetb")
    answer = client.post("/api/v1/auth/register/", {"email": email, "password": PASSWORD, "first_name": "A",
                                                    "last_name": "B"})
    assert answer.status == 201, answer
    asked = ask_reset(client, email, "/api/v1/auth/password/reset/")
    unknown = ask_reset(client, new_email("nobody"), "/api/v1/auth/password/reset/")
    assert asked.status == unknown.status == 200 and asked.json == unknown.json == {"detail": TEXT}
    token = box.token(email, "/reset-password")
    path = "/api/v1/auth/password/reset/confirm/"
    answer = client.post(path, {"token": token, "password": "12345678"})
    assert answer.status == 400 and "password" in answer.json["error"]["fields"], answer
    answer = client.post(path, {"token": secrets.token_urlsafe(32), "password": OTHER})
    assert answer.status == 400, answer
    assert answer.json["error"] == {"code": 400, "message": "Invalid or expired reset token", "reason": "invalid"}
    assert client.post(path, {"token": token}).json["error"]["fields"] == {"password": ["This field is required."]}
    assert client.post(path, {"token": token, "password": OTHER}).status == 200
    assert client.post(path, {"token": token, "password": PASSWORD}).status == 400
    login = "/api/v1/auth/login/"
    assert client.post(login, {"email": email, "password": OTHER}).status == 200
    assert client.post(login, {"email": email, "password": PASSWORD}).status == 401
    assert client.post("/api/v1/auth/password/reset/", {}).status == 400


def test_nothing_tells_whether_an_address_has_an_account(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    email, nobody = new_email("known"), new_email("nobody")
    client.register(email)
    answers = [ask_reset(client, who) for who in (email, nobody, email, nobody)]
    assert len({(a.status, a.body) for a in answers}) == 1, answers
    names = {tuple(sorted(k.lower() for k, _ in a.headers)) for a in answers}
    assert len(names) == 1, names
    for shape in ("x", "no at sign", "a@b", "é@example.com", "\"quoted\"@example.com", "x" * 254):
        answer = ask_reset(client, shape)
        assert (answer.status, answer.json["message"]) == (200, TEXT), (shape, answer)
    for body, why in (({}, "Email is required"), ({"email": ""}, None), ({"email": None}, None), ({"email": 5}, None)):
        answer = client.post("/api/users/password-reset/", body)
        assert answer.status == 400, (body, answer)
        assert why is None or answer.json["error"] == why, answer.json
    box.take(email, "/reset-password")
    box.nothing_to(nobody)
    assert server.log_text().count("SUT_BUG") == 0


def test_of_many_at_once_one_sets_the_password(ctx):
    server = ctx.server(**DEV)
    box = Mailbox(server)
    email = new_email("race")
    with server.client() as client:
        client.register(email)
        assert ask_reset(client, email).status == 200
    token = box.token(email, "/reset-password")
    tried = [f"{OTHER}-{i}" for i in range(8)]

    def one(password):
        with server.client() as client:
            return reset(client, token, password).status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(one, tried))
    assert sorted(statuses) == [200] + [400] * 7, statuses
    with server.client() as client:
        for password, status in zip(tried, statuses):
            assert (sign_in(client, email, password) == 200) == (status == 200), (password, status)


def test_a_reset_link_dies_with_what_it_was_for(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)

    def begun(word):
        email = new_email(word)
        tokens = client.register(email)["tokens"]
        assert ask_reset(client, email).status == 200
        return email, tokens, box.token(email, "/reset-password")

    # The password was changed meanwhile.
    email, tokens, secret = begun("changed")
    answer = client.post("/api/users/password-change/", {"current_password": PASSWORD, "new_password": OTHER},
                         token=tokens["access_token"])
    assert answer.status == 200, answer
    assert reset(client, secret, PASSWORD).json == BAD_RESET
    assert sign_in(client, email, OTHER) == 200
    # The address was changed meanwhile.
    email, tokens, secret = begun("moved")
    to = new_email("new")
    assert client.post("/api/users/email-change/", {"new_email": to}, token=tokens["access_token"]).status == 200
    answer = client.post("/api/users/email-change/confirm/", {"token": box.token(to, "/email-change/confirm")})
    assert answer.status == 200, answer
    assert reset(client, secret).json == BAD_RESET
    assert sign_in(client, to) == 200
    for text in ("", "x", secret[:-1], secret + "A", secret.upper(), "A" * 43, "A" * 300):
        answer = reset(client, text)
        assert answer.status == 400, (text, answer)


def test_a_reset_opens_an_account_that_is_locked(ctx):
    server = ctx.own_server(insecure_dev=True, settings="[lockout]\nfailures = 3\n")
    client, box = server.client(), Mailbox(server)
    email = new_email("locked")
    client.register(email)
    for _ in range(3):
        sign_in(client, email, "wrong-Horse7-battery")
    assert sign_in(client, email) == 403
    assert ask_reset(client, email).status == 200
    assert reset(client, box.token(email, "/reset-password")).status == 200
    assert sign_in(client, email, OTHER) == 200


def test_a_reset_takes_a_strangers_factors_and_leaves_the_owners(ctx):
    """Who registers another's address first must not keep a way in when its owner comes."""
    import hashlib
    import hmac
    import struct

    def code(secret):
        mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
        at = mac[-1] & 15
        return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"

    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    for is_owner in (False, True):
        email = new_email("factor")
        access = client.register(email)["tokens"]["access_token"]
        if is_owner:
            assert verify(client, box.token(email, "/verify-email")).status == 200
        secret = client.post("/api/users/totp/enrol/", token=access).json["secret"]
        assert client.post("/api/users/totp/confirm/", {"otp": code(secret)}, token=access).status == 200
        assert ask_reset(client, email).status == 200
        assert reset(client, box.token(email, "/reset-password")).status == 200
        answer = client.post("/api/users/login/", {"email": email, "password": OTHER}, token=None)
        assert answer.status == (401 if is_owner else 200), answer
        assert (answer.json.get("code") == "second_factor_required") == is_owner, answer
        box.take(email, subject="password")
        if not is_owner:
            box.take(email, subject="one lock less")


@only("postgres")
def test_links_expire_and_are_kept_as_digests(ctx):
    server = ctx.own_server(insecure_dev=True)
    client, box = server.client(), Mailbox(server)
    email, to = new_email("expire"), new_email("expired")
    tokens = client.register(email)["tokens"]
    assert ask_reset(client, email).status == 200
    assert client.post("/api/users/email-change/", {"new_email": to}, token=tokens["access_token"]).status == 200
    secret, confirm = box.token(email, "/reset-password"), box.token(to, "/email-change/confirm")
    revert = box.token(email, "/email-change/revert")
    lives = sql(server, "SELECT purpose, expires_at - created_at FROM link_tokens ORDER BY purpose")
    assert lives == ["1|3600000", "2|86400000", "3|259200000"], lives
    dump = subprocess.run(["pg_dump", "--data-only", server.env["DATABASE_URL"]], check=True, capture_output=True).stdout
    for text in (secret, confirm, revert, to, email):
        assert text.encode() not in dump, text
        raw = base64.urlsafe_b64decode(text + "=") if "@" not in text else b"nothing"
        assert raw.hex().encode() not in dump, text
    sql(server, "UPDATE link_tokens SET expires_at = 1000 * extract(epoch FROM now())::bigint - 1000")
    assert reset(client, secret).json == BAD_RESET
    for path, token in (("confirm", confirm), ("revert", revert)):
        assert client.post(f"/api/users/email-change/{path}/", {"token": token}).json == BAD_LINK, path
    assert client.get("/api/users/profile/", token=tokens["access_token"]).json["email"] == email


def test_no_link_is_built_on_what_a_request_says_of_its_host(ctx):
    server = ctx.own_server(insecure_dev=True, settings="[hosts]\nallowed = *\n")
    client, box = server.client(), Mailbox(server)
    base = f"http://127.0.0.1:{server.port}/"
    forged = ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
              {"Forwarded": "host=evil.example;proto=https"}, {"Host": "evil.example:443", "X-Original-Host": "evil.example"})
    for headers in forged:
        email = new_email("forged")
        answer = client.post("/api/users/register/", {"email": email, "password": PASSWORD, "full_name": "A B"},
                             headers=headers)
        assert answer.status == 201, answer
        assert ask_reset(client, email, headers=headers).status == 200
        for mail in (box.take(email, "/verify-email"), box.take(email, "/reset-password")):
            assert mail.link.startswith(base), mail
            assert "evil" not in mail.text + mail.html + str(mail.message), headers


def test_links_lead_to_the_front_end_that_is_named(ctx):
    server = ctx.own_server(insecure_dev=True, settings="[frontend]\nurl = https://front.example/shop\n")
    client, box = server.client(), Mailbox(server)
    email = new_email("front")
    client.register(email)
    assert box.take(email).link.startswith("https://front.example/shop/verify-email?token=")


# -- password


def test_changing_the_password_ends_every_other_session(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    email = new_email("change")
    mine, other = client.register(email)["tokens"], client.login(email)["tokens"]
    box.take(email)
    path = "/api/users/password-change/"

    def change(present, new, token=mine["access_token"]):
        return client.post(path, {"current_password": present, "new_password": new}, token=token)

    assert change(PASSWORD, OTHER, token=None).status == 401
    answer = change("wrong-Horse7-battery", OTHER)
    assert answer.status == 400, answer
    assert answer.json == {"success": False, "error": "Current password is incorrect", "code": "invalid"}
    answer = change(PASSWORD, "12345678")
    assert answer.status == 400 and "password_strength" in answer.json, answer
    assert is_in(client, mine) and is_in(client, other)
    answer = change(PASSWORD, OTHER)
    assert answer.json == {"success": True, "message": "Password changed successfully"}, answer
    assert is_in(client, mine) and not is_in(client, other)
    answer = client.post("/api/users/token/refresh/", {"refresh_token": mine["refresh_token"]}, token=None)
    assert answer.status == 200, answer
    assert sign_in(client, email) == 401 and sign_in(client, email, OTHER) == 200
    assert "token=" not in box.take(email, subject="password").text


def test_wrong_present_passwords_lock_as_sign_ins_do(ctx):
    server = ctx.own_server(insecure_dev=True, settings="[lockout]\nfailures = 3\n")
    client = server.client()
    email = new_email("guess")
    access = client.register(email)["tokens"]["access_token"]
    body = {"current_password": "wrong-Horse7-battery", "new_password": OTHER}
    for _ in range(3):
        assert client.post("/api/users/password-change/", body, token=access).status == 400
    answer = client.post("/api/users/password-change/", {**body, "current_password": PASSWORD}, token=access)
    assert answer.status == 403 and answer.json["code"] == "locked" and answer.json["lockout"] is True, answer
    assert server.log_text().count("login_failed") >= 3 and "account_locked" in server.log_text()


def test_a_busy_hasher_is_told(ctx):
    server = ctx.own_server(insecure_dev=True, preset="default", settings="[hashing]\nthreads = 1\nqueue = 1\n")
    body = {"current_password": "wrong-Horse7", "new_password": PASSWORD + "1"}

    # They have to come while two others are being judged: some more crowds where the machine lets them come apart.
    for _ in range(10):
        with server.client() as client:
            access = client.register(new_email("busy"))["tokens"]["access_token"]

        def one(_, access=access):
            with server.client() as client:
                return client.post("/api/users/password-change/", body, token=access)

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(one, range(24)))
        assert {a.status for a in answers} <= {400, 403, 503}, answers
        busy = [a for a in answers if a.status == 503]
        if busy:
            break
    assert busy and all(a.get("retry-after") for a in busy), {a.status for a in answers}


# -- address


def change_email(client, to, tokens):
    return client.post("/api/users/email-change/", {"new_email": to}, token=tokens["access_token"])


def joined(client, box, email):
    """Tokens of somebody new whose address is verified."""
    tokens = client.register(email)["tokens"]
    assert verify(client, box.token(email, "/verify-email")).status == 200
    return tokens


def link(client, which, token):
    return client.post(f"/api/users/email-change/{which}/", {"token": token}, token=None)


def test_an_address_is_changed_and_taken_back(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    old, new = new_email("old"), new_email("new")
    tokens = joined(client, box, old)
    assert client.post("/api/users/email-change/", {"new_email": new}).status == 401
    answer = change_email(client, old.upper(), tokens)
    assert (answer.status, answer.json) == (400, {"new_email": ["This is your email address already."]}), answer
    for bad in ("x", "", None, "a@b c.example"):
        assert change_email(client, bad, tokens).status == 400, bad
    taken = new_email("taken")
    client.register(taken)
    assert change_email(client, taken, tokens).status == 409
    assert change_email(client, new, tokens).status == 200
    confirm, stop = box.take(new), box.take(old)
    assert "/email-change/confirm?token=" in confirm.link and "/email-change/revert?token=" in stop.link
    assert confirm.token not in stop.text and stop.token not in confirm.text
    # Nothing has happened yet.
    assert client.get("/api/users/profile/", token=tokens["access_token"]).json["email"] == old
    # A token is good for its own purpose alone.
    assert link(client, "revert", confirm.token).json == BAD_LINK
    assert link(client, "confirm", stop.token).json == BAD_LINK
    assert reset(client, confirm.token).json == BAD_RESET
    answer = link(client, "confirm", confirm.token)
    assert answer.status == 200, answer
    assert answer.json["data"] == {"email": new, "is_verified": True}
    assert link(client, "confirm", confirm.token).json == BAD_LINK
    profile = client.get("/api/users/profile/", token=tokens["access_token"]).json
    assert profile["email"] == new
    assert sign_in(client, old) == 401 and sign_in(client, new) == 200
    assert client.login(new)["email_verified"] is True
    told = box.take(new)
    back = box.take(old, "/email-change/revert")
    assert "token=" not in told.text, told
    # The former address is free, and the present one taken.
    assert client.post("/api/users/register/", {"email": new, "password": PASSWORD, "full_name": "A B"}).status == 409
    answer = link(client, "revert", back.token)
    assert answer.status == 200 and answer.json["data"] == {"email": old, "is_verified": True}, answer
    assert not is_in(client, tokens), "a session lives on"
    assert sign_in(client, new) == 401 and sign_in(client, old) == 200
    assert link(client, "revert", back.token).json == BAD_LINK
    # The older stop link leads to the same address; it ends sessions, and no more.
    again = client.login(old)["tokens"]
    assert link(client, "revert", stop.token).status == 200
    assert not is_in(client, again) and sign_in(client, old) == 200


def test_a_change_that_the_owner_did_not_want_is_stopped(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    old, new = new_email("victim"), new_email("thief")
    tokens = joined(client, box, old)
    assert ask_reset(client, old).status == 200
    secret = box.token(old, "/reset-password")
    assert change_email(client, new, tokens).status == 200
    confirm, stop = box.token(new, "/email-change/confirm"), box.token(old, "/email-change/revert")
    assert link(client, "revert", stop).status == 200
    assert not is_in(client, tokens)
    assert link(client, "confirm", confirm).json == BAD_LINK
    assert reset(client, secret).json == BAD_RESET
    assert sign_in(client, old) == 200


def test_a_thief_has_no_way_back_to_where_the_address_was_in_between(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    a, b, c = new_email("owner"), new_email("thief"), new_email("thief2")
    tokens = joined(client, box, a)
    assert change_email(client, b, tokens).status == 200
    assert link(client, "confirm", box.token(b, "/email-change/confirm")).status == 200
    box.take(a, "/email-change/revert")
    mine = box.token(a, "/email-change/revert")
    assert change_email(client, c, tokens).status == 200
    assert link(client, "confirm", box.token(c, "/email-change/confirm")).status == 200
    theirs = [m.token for m in box.take(b, "/email-change/revert", n=2)]
    # Theirs leads back to b, and leaves the owner's alone; the owner's ends them all.
    assert link(client, "revert", theirs[0]).status == 200
    assert link(client, "revert", mine).json["data"]["email"] == a
    assert link(client, "revert", theirs[1]).json == BAD_LINK
    assert sign_in(client, a) == 200 and sign_in(client, b) == 401 and sign_in(client, c) == 401


def test_an_address_that_was_taken_meanwhile(ctx):
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    old, new = new_email("slow"), new_email("wanted")
    tokens = joined(client, box, old)
    assert change_email(client, new, tokens).status == 200
    confirm = box.token(new, "/email-change/confirm")
    client.register(new)
    answer = link(client, "confirm", confirm)
    assert answer.status == 409 and answer.json["code"] == "duplicate", answer
    assert client.get("/api/users/profile/", token=tokens["access_token"]).json["email"] == old
    # Whoever takes the former address without ever showing that it is theirs is in nobody's way.
    free = new_email("free")
    assert change_email(client, free, tokens).status == 200
    assert link(client, "confirm", box.token(free, "/email-change/confirm")).status == 200
    back = box.take(old, "/email-change/revert", n=3)[2].token
    squatter = client.register(old)["tokens"]
    box.take(old, "/verify-email")
    assert link(client, "revert", back).json["data"]["email"] == old
    assert not is_in(client, squatter) and client.login(old)["user"]["id"] != 0
    assert client.get("/api/users/profile/").json["email"] == old
    # One who has shown it keeps it.
    tokens = client.login(old)["tokens"]
    away = new_email("away")
    assert change_email(client, away, tokens).status == 200
    assert link(client, "confirm", box.token(away, "/email-change/confirm")).status == 200
    backs = box.take(old, "/email-change/revert", n=2)
    holder = client.register(old)
    assert verify(client, box.token(old, "/verify-email")).status == 200
    assert link(client, "revert", backs[-1].token).status == 409
    assert is_in(client, holder["tokens"])


def test_asking_for_another_address_needs_a_fresh_proof_and_has_its_limits(ctx):
    server = ctx.own_server(insecure_dev=True, settings="[accounts]\nfresh_life = 1m\n",
                            env={"SUTLER_LIMITS_RESET": "3/hour"})
    client, box = server.client(), Mailbox(server)
    tokens = client.register(new_email("cannon"))["tokens"]
    for i in range(3):
        assert change_email(client, new_email("target"), tokens).status == 200, i
    answer = change_email(client, new_email("target"), tokens)
    assert answer.status == 429 and answer.json["retry_after"] > 3000, answer
    # Another person can't send to the same stranger within the pause.
    target = new_email("target")
    one, two = client.register(new_email("c1"))["tokens"], client.register(new_email("c2"))["tokens"]
    assert change_email(client, target, one).status == 200
    assert change_email(client, target.upper(), two).status == 429
    box.take(target)
    box.nothing_to(target)
    if ctx.store == "postgres":
        sql(server, "UPDATE sessions SET fresh_at = fresh_at - 120000")
        answer = change_email(client, new_email(), two)
        assert answer.status == 403 and answer.json["code"] == "reauthentication_required", answer
        # The present password in the body is a proof itself.
        answer = client.post("/api/users/password-change/", {"current_password": PASSWORD, "new_password": OTHER},
                             token=two["access_token"])
        assert answer.status == 200, answer


def test_the_reset_rate_is_counted_by_account_and_address(ctx):
    """Who shares an address, or is a stranger's target, keeps their own three."""
    server = ctx.own_server(insecure_dev=True, env={"SUTLER_LIMITS_RESET": "3/hour"})
    known, unknown = server.make_user(new_email("rate")), new_email("rate")
    with server.client(source="127.0.0.77") as client:
        for email in (known, unknown):
            answers = [ask_reset(client, spelt) for spelt in (email, email.upper(), email, email)]
            assert [a.status for a in answers] == [200, 200, 200, 429], answers
            assert answers[3].json["code"] == "throttled" and answers[3].json["retry_after"] > 3000
            assert ask_reset(client, email, "/api/v1/auth/password/reset/").status == 429
        # Thirty in all: nobody goes through a list of addresses.
        answers = [ask_reset(client, new_email("list")).status for _ in range(25)]
        assert answers == [200] * 24 + [429], answers
    with server.client(source="127.0.0.78") as client:
        assert ask_reset(client, known).status == 200


# -- what an unverified account may not do


def test_accounts_may_be_made_to_verify_first(ctx):
    server = ctx.own_server(insecure_dev=True, settings="[accounts]\nrequire_verified = all\n")
    client, box = server.client(), Mailbox(server)
    email = server.make_user(new_email("must"), "--role", "staff")
    access = client.login(email)["tokens"]["access_token"]
    refused = {"detail": "Verify your email address first.", "code": "permission_denied"}
    for path in ("/api/users/", "/api/v1/users/"):
        answer = client.get(path, token=access)
        assert answer.status == 403, answer
        body = answer.json.get("error", answer.json)
        assert {"detail": body.get("detail", body.get("message")), "code": body.get("reason", body["code"])} == refused
    for path in ("/api/users/profile/", "/api/users/token/validate/", "/api/users/verification-status/",
                 "/api/users/sessions/", "/api/v1/users/me/"):
        assert client.get(path, token=access).status == 200, path
    assert client.get("/api/catalog/products/", token=access).status == 200
    assert client.post("/api/users/send-verification/", token=access).status == 200
    assert verify(client, box.take(email, "/verify-email").token).status == 200
    assert client.get("/api/users/", token=access).status == 200
    other = client.register(new_email("must"))["tokens"]
    assert client.post("/api/users/logout/", {}, token=other["access_token"]).status == 200


# -- traces


@only("postgres")
def test_each_step_leaves_its_row(ctx):
    server = ctx.own_server(insecure_dev=True)
    client, box = server.client(), Mailbox(server)
    old, new = new_email("trail"), new_email("trail")
    data = client.register(old)
    tokens, me = data["tokens"], str(data["user"]["id"])
    last = sql(server, "SELECT coalesce(max(id), 0) FROM audit")[0]

    def trail():
        nonlocal last
        rows = [row.split("|") for row in
                sql(server, "SELECT id, action, resource, coalesce(user_id::text, '-') FROM audit "
                            f"WHERE id > {last} ORDER BY id")]
        last = rows[-1][0] if rows else last
        return [tuple(row[1:]) for row in rows]

    mine = (f"user:{me}", me)
    assert verify(client, box.token(old, "/verify-email")).status == 200
    assert trail() == [("user.email_verify", *mine)]
    assert ask_reset(client, old).status == ask_reset(client, new_email("nobody")).status == 200
    assert trail() == [("user.password_reset_ask", f"user:{me}", "-"), ("user.password_reset_ask", "user", "-")]
    assert reset(client, box.token(old, "/reset-password")).status == 200
    assert trail() == [("user.password_reset", *mine)]
    tokens = client.login(old, OTHER)["tokens"]
    trail()
    body = {"current_password": OTHER, "new_password": PASSWORD}
    assert client.post("/api/users/password-change/", {**body, "current_password": "wrong-Horse7"}).status == 400
    assert client.post("/api/users/password-change/", body).status == 200
    assert trail() == [("user.login_failed", *mine), ("user.password_change", *mine)]
    assert change_email(client, new, tokens).status == 200
    assert link(client, "confirm", box.token(new, "/email-change/confirm")).status == 200
    back = box.take(old, "/email-change/revert", n=2)[1].token
    assert link(client, "revert", back).status == 200
    assert trail() == [("user.email_ask", *mine), ("user.email_change", *mine), ("user.email_revert", *mine)]
    for bad in ("x", secrets.token_urlsafe(32)):
        assert reset(client, bad).status == 400
    assert trail() == []


@only("postgres")  # whose trigger makes the transaction fail
def test_no_mail_and_no_secret_when_the_store_refuses(ctx):
    """A mail is queued in the transaction that caused it: without the one there is not the other."""
    server = ctx.own_server(insecure_dev=True)
    client = server.client()
    email = new_email("torn")
    client.register(email)
    sql(server, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END$$;"
                "CREATE TRIGGER refuse BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION refuse()")
    counts = "SELECT (SELECT count(*) FROM link_tokens), (SELECT count(*) FROM outbox)"
    before = sql(server, counts)
    for who in (email, new_email("nobody")):
        assert ask_reset(client, who, check=False).status == 500
    assert sql(server, counts) == before


# -- the pages, in a browser


@only("sqlite")
def test_the_pages_of_links_send_the_token_when_the_button_is_pressed(ctx):
    import shutil
    from browser import Browser
    if not shutil.which("chromium"):
        raise Skip("no chromium")
    server = ctx.server(**DEV)
    client, box = server.client(), Mailbox(server)
    email, to = new_email("page"), new_email("page2")
    tokens = client.register(email)["tokens"]
    mails = {"verify": box.take(email, "/verify-email")}
    assert ask_reset(client, email).status == 200
    mails["reset"] = box.take(email, "/reset-password")
    posts = ("performance.getEntriesByType('resource').filter(e => e.initiatorType === 'fetch')"
             ".map(e => new URL(e.name).pathname)")
    text = "document.getElementById('answer').textContent"
    with Browser() as chromium:
        def opened(mail, path):
            faults = chromium.visit(mail.link)
            assert not faults, faults
            assert chromium.evaluate("location.href") == f"http://127.0.0.1:{server.port}{path}", "the token stays there"
            assert chromium.evaluate("history.length") <= 20 and chromium.evaluate(posts) == []
            assert chromium.evaluate("document.referrer") == ""

        def press():
            chromium.evaluate("document.getElementById('go').click()")
            assert chromium.wait_for(text + " !== ''"), chromium.evaluate("document.body.innerText")
            return chromium.evaluate(text)

        opened(mails["verify"], "/verify-email")
        status = client.get("/api/users/verification-status/", token=tokens["access_token"])
        assert status.json["data"]["is_verified"] is False
        assert press() == "Your address is verified."
        opened(mails["verify"], "/verify-email")
        assert press() == "Email already verified"
        opened(mails["reset"], "/reset-password")
        fill = "document.getElementById('password').value = {0}; document.getElementById('again').value = {1}"
        chromium.evaluate(fill.format(json.dumps(OTHER), json.dumps(PASSWORD)))
        assert press() == "The two passwords are not the same."
        chromium.evaluate(fill.format('"12345678"', '"12345678"'))
        assert press() and chromium.wait_for(text + ".includes('too common')"), chromium.evaluate(text)
        chromium.evaluate(fill.format(json.dumps(OTHER), json.dumps(OTHER)))
        chromium.evaluate("document.getElementById('go').click()")
        assert chromium.wait_for(text + ".startsWith('Your password is changed')"), chromium.evaluate(text)
        tokens = client.login(email, OTHER)["tokens"]
        assert change_email(client, to, tokens).status == 200
        opened(box.take(to, "/email-change/confirm"), "/email-change/confirm")
        assert press() == "This is your account's address now."
        opened(box.take(email, "/email-change/revert", n=2)[1], "/email-change/revert")
        assert press() == "Your account has its address. Choose a new password now."
        assert sign_in(client, email, OTHER) == 200
        for path in PAGES:
            assert not chromium.visit(f"http://127.0.0.1:{server.port}{path}")
            assert "not whole" in chromium.evaluate(text)
            # What stands in the address is text, not markup.
            chromium.visit(f"http://127.0.0.1:{server.port}{path}?token=%3Cscript%3Ewindow.owned%3D1%3C/script%3E")
            assert chromium.evaluate("window.owned === undefined")


# -- time


def welch(a, b):
    """Welch's t of two samples."""
    def parts(v):
        mean = sum(v) / len(v)
        return mean, sum((x - mean) ** 2 for x in v) / (len(v) - 1) / len(v)
    (ma, va), (mb, vb) = parts(a), parts(b)
    return (ma - mb) / (va + vb) ** 0.5


def asked_in(server, client, tries, shuffle):
    """Seconds of the answers: to addresses with an account, and without.  Each is asked once: within the
    pause a second request of the same address does nothing, for either."""
    order = [True] * tries + [False] * tries
    shuffle(order)
    known = iter(server.timing_people)
    took = {True: [], False: []}
    answers = set()
    for has_account in order:
        address = next(known) if has_account else new_email("pace")
        data = client.bytes_of("POST", "/api/users/password-reset/", {"email": address}, token=None)
        if client.conn is None:
            client.conn = server.conn()
        began = time.perf_counter_ns()
        client.conn.send(data)
        answer = client.conn.read("POST")
        took[has_account].append((time.perf_counter_ns() - began) / 1e9)
        answers.add((answer.status, answer.body, tuple(sorted(k.lower() for k, _ in answer.headers))))
        if answer.closed:
            client.close()
    assert len(answers) == 1, answers
    return took[True], took[False]


def test_a_known_address_takes_the_same_time_as_an_unknown_one(ctx):
    """SUTLER_TIMING_TRIES=1000 and more for the whole measurement: so many of each, interleaved by chance.

    Chance alone exceeds the limit in one of a hundred thousand measurements: what is found is judged again by twice as
    many tries, half of them with new people.  What is true shows more clearly then.
    """
    import os
    import random
    tries = int(os.environ.get("SUTLER_TIMING_TRIES", "250"))
    server = ctx.own_server(insecure_dev=True, settings="[password]\nhash = pbkdf2_sha256\niterations = 1\n")
    shuffle = random.Random(7).shuffle
    known, unknown = [], []

    def measure():
        with server.client(check=False) as client:
            server.timing_people = [new_email("pace") for _ in range(tries + 20)]
            for email in server.timing_people:
                client.register(email)
            # All of them idle: their keys are not open any more when the measurement begins.
            server.kill_worker()
            server.wait_well()
            warm = [server.timing_people.pop() for _ in range(20)]
            for email in warm + [new_email("pace") for _ in warm]:
                ask_reset(client, email)
            for took, more in zip((known, unknown), asked_in(server, client, tries, shuffle)):
                took += more
        # What the machine did meanwhile is cut off, from both alike.
        limit = sorted(known + unknown)[int(len(known + unknown) * 0.95)]
        cut = [[min(x, limit) for x in v] for v in (known, unknown)]
        t = welch(*cut)
        means = [sum(v) / len(v) * 1e6 for v in cut]
        print(f"# reset, {ctx.store}: {len(known)} tries of each, known {means[0]:.0f} us, unknown {means[1]:.0f} us, t = {t:.2f}, "
              f"uncut t = {welch(known, unknown):.2f}", flush=True)
        return t

    t = measure()
    if abs(t) >= 4.5:
        t = measure()
    assert abs(t) < 4.5, t
