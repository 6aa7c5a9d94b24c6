# SPDX-License-Identifier: Apache-2.0
"""Accounts by contract B under preset N: /api/v1/, its envelope, Argon2id, the staff's search."""
import urllib.parse

from sutler import PASSWORD, also_tls, new_email
import jwts as jwt

PERSON = {"id", "email", "username", "first_name", "last_name", "phone", "is_active", "is_staff", "groups",
          "date_joined", "last_login"}


def register(client, email):
    answer = client.post("/api/v1/auth/register/", {
        "email": email, "password": PASSWORD, "first_name": "Ada", "last_name": "Byron"})
    assert answer.status == 201, answer
    return answer.json


def login(client, email):
    answer = client.post("/api/v1/auth/login/", {"email": email, "password": PASSWORD})
    assert answer.status == 200, answer
    return answer.json


@also_tls
def test_register_login_me_refresh_logout(ctx):
    server = ctx.server(preset="nsgg")
    client = ctx.client(server)
    email = new_email()
    person = register(client, email)
    assert set(person) == {"id", "email", "first_name", "last_name"}
    tokens = login(client, email)
    assert set(tokens) == {"access", "refresh"}
    claims = jwt.parts(tokens["access"])[1]
    assert claims["exp"] - claims["iat"] == 3600
    assert set(claims) == {"token_type", "exp", "iat", "jti", "user_id"}
    claims = jwt.parts(tokens["refresh"])[1]
    assert claims["exp"] - claims["iat"] == 86400

    me = client.get("/api/v1/users/me/", token=tokens["access"])
    assert me.status == 200 and set(me.json) == PERSON | {"tax_number"}, me
    assert me.json["groups"] == [] and me.json["is_staff"] is False and me.json["email"] == email
    answer = client.patch("/api/v1/users/me/", {"phone": "+1 555-0100", "tax_number": "X-1"},
                          token=tokens["access"])
    assert answer.status == 200 and answer.json["tax_number"] == "X-1", answer

    fresh = client.post("/api/v1/auth/refresh/", {"refresh": tokens["refresh"]})
    assert fresh.status == 200 and set(fresh.json) == {"access", "refresh"}, fresh
    again = client.post("/api/v1/auth/refresh/", {"refresh": tokens["refresh"]})
    assert again.status == 401, again
    assert again.json == {"error": {"code": 401, "message": "Token is invalid or expired",
                                    "reason": "token_not_valid"}}, again
    out = client.post("/api/v1/auth/logout/", {"refresh": fresh.json["refresh"]}, token=fresh.json["access"])
    assert out.status == 204 and out.body == b"", out
    answer = client.get("/api/v1/users/me/", token=fresh.json["access"])
    assert answer.status == 401 and answer.json["error"]["reason"] == "token_not_valid", answer


def test_revoked_stays_revoked_after_kills(ctx):
    server = ctx.own_server(preset="nsgg")
    client = server.client()
    email = new_email()
    register(client, email)
    tokens = login(client, email)
    used = login(client, email)["refresh"]
    assert client.post("/api/v1/auth/refresh/", {"refresh": used}).status == 200
    assert client.post("/api/v1/auth/logout/", {"refresh": tokens["refresh"]},
                       token=tokens["access"]).status == 204
    for how in ("worker", "all"):
        if how == "worker":
            server.kill_worker()
            server.wait_well()
        else:
            server.kill()
            server.start()
        client = server.client()
        assert client.get("/api/v1/users/me/", token=tokens["access"]).status == 401, how
        assert client.post("/api/v1/auth/refresh/", {"refresh": tokens["refresh"]}).status == 401, how
        assert client.post("/api/v1/auth/refresh/", {"refresh": used}).status == 401, how
        assert login(client, email)["access"]


@also_tls
def test_errors_stand_in_the_envelope(ctx):
    server = ctx.server(preset="nsgg")
    client = ctx.client(server)
    answer = client.post("/api/v1/auth/login/", {"email": new_email(), "password": PASSWORD})
    assert answer.status == 401
    assert answer.json == {"error": {
        "code": 401, "message": "No active account found with the given credentials",
        "reason": "invalid_credentials"}}, answer
    answer = client.post("/api/v1/auth/register/", {"email": "x", "password": PASSWORD})
    assert answer.status == 400 and answer.json["error"]["fields"]["first_name"] == ["This field is required."]
    assert answer.json["error"]["fields"]["email"] == ["Enter a valid email address."], answer
    email = new_email()
    register(client, email)
    answer = client.post("/api/v1/auth/register/", {
        "email": email, "password": PASSWORD, "first_name": "A", "last_name": "B"})
    assert answer.status == 409 and answer.json["error"]["code"] == 409, answer
    answer = client.post("/api/v1/auth/register/", {
        "email": new_email(), "password": "password123", "first_name": "A", "last_name": "B"})
    assert answer.status == 400, answer
    answer = client.get("/api/v1/users/me/")
    assert answer.status == 401 and answer.json["error"]["code"] == 401, answer
    answer = client.post("/api/v1/auth/login/", body="{", headers={})
    assert answer.status == 400 and answer.json["error"]["code"] == 400, answer
    assert client.get("/api/v1/nowhere/").json["error"]["code"] == 404
    assert client.delete("/api/v1/users/me/x/").status == 404


def test_what_one_may_say_of_oneself(ctx):
    server = ctx.server(preset="nsgg")
    client = ctx.client(server)
    email = new_email()
    register(client, email)
    token, path = login(client, email)["access"], "/api/v1/users/me/"
    longest = {"first_name": "ñ" * 150, "last_name": "ö" * 150, "phone": "+27 21 555 0199", "tax_number": "7" * 50}
    for field, text in longest.items():
        answer = client.patch(path, {field: text}, token=token)
        assert answer.status == 200 and answer.json[field] == text, (field, answer)
        answer = client.patch(path, {field: text + text[-1]}, token=token)
        assert answer.status == 400 and set(answer.json["error"]["fields"]) == {field}, (field, answer)
    for field in ("phone", "tax_number"):
        assert client.patch(path, {field: None}, token=token).json[field] is None
    empty = client.patch(path, {"last_name": "", "phone": "", "tax_number": ""}, token=token).json
    assert empty["last_name"] is empty["phone"] is empty["tax_number"] is None, empty
    client.patch(path, {"last_name": longest["last_name"]}, token=token)
    mine = client.get(path, token=token).json
    assert (mine["first_name"], mine["last_name"]) == (longest["first_name"], longest["last_name"])
    for field in PERSON - {"first_name", "last_name", "phone"}:
        answer = client.patch(path, {field: mine[field]}, token=token)
        assert answer.status == 400 and set(answer.json["error"]["fields"]) == {field}, (field, answer)


@also_tls
def test_both_contracts_know_the_same_person(ctx):
    server = ctx.server(preset="nsgg")
    client = ctx.client(server)
    email = new_email()
    register(client, email)
    data = client.login(email)
    assert client.get("/api/v1/users/me/").json["id"] == data["user"]["id"]
    assert data["tokens"]["expires_in"] == 3600


@also_tls
def test_the_staffs_search(ctx):
    server = ctx.server(preset="nsgg")
    client = ctx.client(server)
    staff = server.make_user(new_email("staff"), "--role", "staff")
    token = login(client, staff)["access"]
    word = new_email("zq").split("@")[0]
    for n in range(3):
        register(client, f"{word}.{n}@example.com")
    exact = urllib.parse.quote(f"{word}.1@example.com")
    for path in ("/api/v1/users/", "/api/users/"):
        answer = client.get(f"{path}?search={exact}", token=token)
        assert answer.status == 200 and answer.json["count"] == 1, answer
        row = answer.json["results"][0]
        assert set(row) == PERSON and row["email"] == f"{word}.1@example.com", row
        page = client.get(path + "?page_size=2", token=token)
        assert page.status == 200 and len(page.json["results"]) == 2 and page.json["next"], page
        assert client.get(path + "?page=9999", token=token).status == 404
        assert client.get(path + "?page_size=0", token=token).status == 400
        assert len(client.get(path + "?page_size=5000", token=token).json["results"]) <= 100
    email = new_email()
    register(client, email)
    mine = login(client, email)["access"]
    assert client.get("/api/v1/users/", token=mine).status == 403
    assert client.get("/api/users/", token=mine).status == 403
    assert client.get("/api/users/", token=None).status == 401


def test_the_search_grammar_is_asked_before_who_asks(ctx):
    """C3: an anonymous injection gets 400, and leaves an event."""
    server = ctx.server(preset="nsgg")
    client = ctx.client(server)
    for bad in ("'; DROP TABLE users; --", "a%", "a;b", 'a"b', "a*b", "a(b", "a\\b", "a=b", "a<b", "a\x00b",
                "a\nb", "a/*b", "a#b", "$1", "a|b", "{x}"):
        before = server.log_text().count("input_suspicious")
        for path in ("/api/users/", "/api/v1/users/"):
            answer = client.get(f"{path}?search={urllib.parse.quote(bad)}")
            assert answer.status == 400, (bad, answer)
        if bad.startswith("';"):
            words = ["Letters, digits, spaces and ' - . , & @ + _ are allowed here."]
            target = "users/?search=" + urllib.parse.quote(bad)
            assert client.get("/api/" + target).json == {"search": words}
            told = client.get("/api/v1/" + target).json["error"]
            assert (told["code"], told["reason"], told["fields"]) == (400, "invalid", {"search": words}), told
            assert server.log_text().count("input_suspicious") > before, "no event"
    for good in ("O'Brien", "a.b", "a,b", "a & b", "a@b.c", "a+b", "a_b-c", "Zoë", "Łódź 1"):
        answer = client.get(f"/api/users/?search={urllib.parse.quote(good)}")
        assert answer.status == 401, (good, answer)
