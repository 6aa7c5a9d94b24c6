# SPDX-License-Identifier: Apache-2.0
"""Tokens and password hashes cross to and from Django's own packages, run from Debian's (A1, A6)."""
import secrets
import subprocess

import django_here
from sutler import PASSWORD, new_email, only
import jwts as jwt


def sql(server, statement):
    """On PostgreSQL the rows can be reached from outside the program; the embedded store is shut."""
    return subprocess.run(["psql", "-XAtq", server.env["DATABASE_URL"], "-c", statement], check=True,
                          capture_output=True, text=True).stdout.strip()


def test_a_token_of_simple_jwt_is_taken_here(ctx):
    django_here.set_up()
    from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
    server = ctx.server(env={"SECRET_KEY": django_here.SECRET})
    client = ctx.client(server)
    data = client.register(new_email())
    token = AccessToken()
    token["user_id"] = data["user"]["id"]
    answer = client.get("/api/users/profile/", token=str(token))
    assert answer.status == 200 and answer.json["id"] == data["user"]["id"], answer
    refresh = RefreshToken()
    refresh["user_id"] = data["user"]["id"]
    answer = client.post("/api/users/token/refresh/", {"refresh_token": str(refresh)})
    assert answer.status == 200, answer
    answer = client.post("/api/users/token/refresh/", {"refresh_token": str(refresh)})
    assert answer.status == 401, "the older shop's refresh token was taken twice"
    # An access token of that shop is ended by signing out with it.
    assert client.post("/api/users/logout/", {}, token=str(token)).status == 200
    assert client.get("/api/users/profile/", token=str(token)).status == 401


def test_our_tokens_verify_with_simple_jwt(ctx):
    django_here.set_up()
    from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
    server = ctx.server(env={"SECRET_KEY": django_here.SECRET})
    client = ctx.client(server)
    data = client.register(new_email())
    tokens = data["tokens"]
    access = AccessToken(tokens["access_token"])
    assert str(access["user_id"]) == str(data["user"]["id"])
    refresh = RefreshToken(tokens["refresh_token"])
    assert refresh["token_type"] == "refresh"
    v1 = client.post("/api/v1/auth/login/", {"email": data["user"]["email"], "password": PASSWORD})
    assert AccessToken(v1.json["access"])["token_type"] == "access"


@only("postgres")
def test_hashes_of_django_log_in_here(ctx):
    django_here.set_up()
    from django.contrib.auth.hashers import make_password
    server = ctx.server(env={"SECRET_KEY": django_here.SECRET})
    client = ctx.client(server)
    for algorithm in ("pbkdf2_sha256", "argon2"):
        email = new_email(algorithm.replace("_", ""))
        me = client.register(email)["user"]["id"]
        password = "Pässwörd " + secrets.token_hex(6)
        made = make_password(password, hasher=algorithm)
        sql(server, f"UPDATE users SET password = '{made}' WHERE id = {me}")
        assert client.post("/api/users/login/", {"email": email, "password": password + "x"}).status == 401
        client.login(email, password)
        client.login(email, password)  # and again, after what was weaker has been renewed


@only("postgres")
def test_our_hashes_log_in_at_django(ctx):
    """On PostgreSQL the row can be read from outside the program."""
    django_here.set_up()
    from django.contrib.auth.hashers import check_password
    for preset, prefix in (("modestwear", "pbkdf2_sha256$390000$"), ("nsgg", "argon2$argon2id$")):
        server = ctx.own_server(preset=preset, env={"SECRET_KEY": django_here.SECRET})
        email = new_email()
        me = server.client().register(email)["user"]["id"]
        stored = sql(server, f"SELECT password FROM users WHERE id = {me}")
        assert stored.startswith(prefix), stored[:40]
        assert check_password(PASSWORD, stored)
        assert not check_password(PASSWORD + "x", stored)
        assert PASSWORD not in stored and jwt.b64(PASSWORD.encode()) not in stored


@only("postgres")
def test_a_weaker_hash_is_renewed_and_a_stronger_kept(ctx):
    django_here.set_up()
    from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password
    server = ctx.own_server(env={"SECRET_KEY": django_here.SECRET})
    client = server.client()
    hasher = PBKDF2PasswordHasher()
    for rounds, renewed in ((1000, True), (390000, False), (500000, False)):
        email = new_email()
        me = client.register(email)["user"]["id"]
        made = hasher.encode(PASSWORD, "abcdefghijklmnopqrstuv", rounds)
        sql(server, f"UPDATE users SET password = '{made}' WHERE id = {me}")
        client.login(email)
        now = sql(server, f"SELECT password FROM users WHERE id = {me}")
        assert (now != made) is renewed, (rounds, now[:30])
        assert check_password(PASSWORD, now)
        client.login(email)
    # One that asks for more than the budget is refused, and is an event.
    email = new_email()
    me = client.register(email)["user"]["id"]
    for bad in (made.replace("$500000$", "$2000000000$"),
                "argon2$argon2id$v=19$m=8388608,t=50,p=64$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43,
                "md5$x$y", "", "!unusable", "pbkdf2_sha256$x$y$z", "pbkdf2_sha256$0$salt$AAAA"):
        sql(server, f"UPDATE users SET password = '{bad}' WHERE id = {me}")
        answer = client.post("/api/users/login/", {"email": email, "password": PASSWORD})
        assert answer.status in (401, 403), (bad, answer)
    assert 'type=config_weak reason=stored_hash_over_budget' in server.log_text()
