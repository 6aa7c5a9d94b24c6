# SPDX-License-Identifier: Apache-2.0
"""Attacks on tokens over HTTP (A2): each is 401, none is 500, and the right one passes before and after."""
import base64
import json
import re
import secrets
import time

from sutler import PASSWORD, also_tls, new_email
import jwts as jwt


def person(ctx, server=None):
    client = ctx.client(server)
    data = client.register(new_email())
    return client, data["user"]["id"], data["tokens"]


def refused(client, token, path="/api/users/profile/"):
    answer = client.get(path, token=token)
    assert answer.status == 401, (token[:80], answer)
    assert answer.json["code"] == "token_not_valid", answer


def test_a_token_of_an_older_shop_is_taken(ctx):
    """The same key, an unknown jti, no kid: accepted under M until it expires."""
    server = ctx.server()
    client, user_id, _ = person(ctx)
    assert client.get("/api/users/profile/", token=jwt.mint(server.secret_key, user_id)).status == 200
    # The same refused under the default preset.
    other = ctx.server(preset="default")
    client, user_id, tokens = person(ctx, other)
    assert client.get("/api/users/profile/", token=tokens["access_token"]).status == 200
    refused(client, jwt.mint(other.secret_key, user_id))


@also_tls
def test_algorithms_other_than_hs256(ctx):
    server = ctx.server()
    client, user_id, tokens = person(ctx)
    good = jwt.mint(server.secret_key, user_id)
    payload = good.split(".")[1]
    for alg in ("none", "None", "NONE", "nOnE", "", None, "HS384", "HS512", "RS256", "ES256", "PS256", "hs256",
                "HS256 ", 256, ["HS256"], {"a": "HS256"}, True):
        header = jwt.b64(json.dumps({"alg": alg, "typ": "JWT"}).encode())
        refused(client, f"{header}.{payload}.")
        refused(client, f"{header}.{payload}.{good.split('.')[2]}")
        # Signed with HMAC-SHA256 although it says otherwise.
        refused(client, jwt.sign(server.secret_key, {"alg": alg, "typ": "JWT"}, jwt.parts(good)[1]))
    refused(client, jwt.sign(server.secret_key, {"typ": "JWT"}, jwt.parts(good)[1]))
    assert client.get("/api/users/profile/", token=good).status == 200


def test_headers_that_point_elsewhere(ctx):
    server = ctx.server()
    client, user_id, _ = person(ctx)
    for extra in ({"kid": "../../../../dev/null"}, {"kid": "unknown"}, {"kid": 5}, {"kid": None}, {"kid": ""},
                  {"kid": "' UNION SELECT 'x"}, {"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}):
        header = {"alg": "HS256", "typ": "JWT", **extra}
        answer = client.get("/api/users/profile/", token=jwt.mint(server.secret_key, user_id, header=header))
        assert answer.status == 401, (extra, answer)
    # The empty key, and keys that a header brings along.
    refused(client, jwt.mint("", user_id))
    refused(client, jwt.sign("", {"alg": "HS256", "jwk": {"kty": "oct", "k": ""}}, {"user_id": user_id}))


def test_every_bit_flip_of_a_valid_token(ctx):
    client, _, tokens = person(ctx)
    client.check = False
    good = tokens["access_token"]
    bad = 0
    for i in range(len(good)):
        # All bits that leave a printable character without a blank: the rest is no header value.
        for bit in range(7):
            c = chr(ord(good[i]) ^ (1 << bit))
            if not 0x21 <= ord(c) <= 0x7e:
                continue
            answer = client.get("/api/users/profile/", token=good[:i] + c + good[i + 1:])
            assert answer.status == 401, (i, bit, answer)
            bad += 1
    assert bad > 1000
    assert client.get("/api/users/profile/", token=good).status == 200


def test_every_truncation_and_extension(ctx):
    client, _, tokens = person(ctx)
    client.check = False
    good = tokens["access_token"]
    for i in range(1, len(good)):
        assert client.get("/api/users/profile/", token=good[:i]).status == 401, i
    for more in ("A", "=", "==", ".", ".x", "\u00e9", "%00"):
        assert client.get("/api/users/profile/", token=good + more).status in (400, 401), more


def test_base64url_is_taken_in_its_one_form(ctx):
    server = ctx.server()
    client, user_id, _ = person(ctx)
    good = jwt.mint(server.secret_key, user_id)
    header, payload, signature = good.split(".")
    refused(client, f"{header}=.{payload}.{signature}")
    refused(client, f"{header}.{payload}.{signature}=")
    standard = base64.b64encode(jwt.unb64(signature)).decode()
    if standard.rstrip("=") != signature:
        refused(client, f"{header}.{payload}.{standard}")
    # The spare bits of the last character.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(signature[-1])
    refused(client, good[:-1] + alphabet[last ^ 1])


@also_tls
def test_claims_of_the_wrong_type_or_value(ctx):
    server = ctx.server()
    client, user_id, _ = person(ctx)
    now = int(time.time())
    cases = [
        {"exp": now - 1}, {"exp": str(now + 900)}, {"exp": None}, {"exp": ...}, {"exp": True}, {"exp": [now + 900]},
        {"exp": -1}, {"exp": 0}, {"exp": 10 ** 30}, {"exp": {}},
        {"iat": now + 3600}, {"iat": str(now)}, {"iat": None}, {"iat": []},
        {"nbf": now + 3600},
        {"user_id": None}, {"user_id": ...}, {"user_id": -1}, {"user_id": 0}, {"user_id": True}, {"user_id": [1]},
        {"user_id": {}}, {"user_id": "1 OR 1=1"}, {"user_id": 1.5}, {"user_id": 2 ** 63}, {"user_id": 999999999},
        {"user_id": ""},
        {"token_type": "refresh"}, {"token_type": "verify"}, {"token_type": "reset"}, {"token_type": None},
        {"token_type": ...}, {"token_type": ["access"]}, {"token_type": "ACCESS"}, {"token_type": "access\0"},
        {"jti": ...}, {"jti": None}, {"jti": 5}, {"jti": ""}, {"jti": "x" * 5000},
    ]
    for claims in cases:
        token = jwt.mint(server.secret_key, claims.get("user_id", user_id),
                         **{k: v for k, v in claims.items() if k != "user_id"})
        if "user_id" in claims and claims["user_id"] is ...:
            token = jwt.mint(server.secret_key, ...)
        answer = client.get("/api/users/profile/", token=token)
        assert answer.status == 401, (claims, answer)


def test_payloads_that_are_no_object_or_say_a_claim_twice(ctx):
    server = ctx.server()
    client, user_id, _ = person(ctx)
    now = int(time.time())
    base = f'"token_type":"access","exp":{now + 900},"iat":{now},"jti":"0123456789abcdef0123456789abcdef"'
    key = server.secret_key
    head = {"alg": "HS256", "typ": "JWT"}
    for payload in (b"", b"[]", b"null", b"1", b'"x"', b"{", b"{}", b"\xff\xfe", b"{}{}",
                    f'{{{base},"user_id":{user_id},"user_id":1}}'.encode(),
                    f'{{{base},"exp":{now + 9},"user_id":{user_id}}}'.encode(),
                    f'{{{base},"user_id":{user_id}}} x'.encode(),
                    b"[" * 3000):
        refused(client, jwt.sign(key, head, payload))
    good = f'{{{base},"user_id":{user_id}}}'.encode()
    assert client.get("/api/users/profile/", token=jwt.sign(key, head, good)).status == 200
    for header in (b"", b"[]", b"null", b"{}", b'{"alg":"HS256","alg":"none"}', b'{"alg":"none","alg":"HS256"}',
                   b"\xff", b'{"alg":"HS256"'):
        refused(client, jwt.sign(key, header, good))


@also_tls
def test_a_kind_never_passes_for_another(ctx):
    server = ctx.server()
    client, user_id, tokens = person(ctx)
    refused(client, tokens["refresh_token"])
    answer = client.post("/api/users/token/refresh/", {"refresh_token": tokens["access_token"]})
    assert answer.status == 401, answer
    for kind in ("verify", "reset", "second_factor", "access", ""):
        token = jwt.mint(server.secret_key, user_id, kind=kind)
        answer = client.post("/api/users/token/refresh/", {"refresh_token": token})
        assert answer.status == 401, (kind, answer)
    assert client.post("/api/users/token/refresh/", {"refresh_token": tokens["refresh_token"]}).status == 200


def test_a_token_of_another_server_is_refused(ctx):
    server, other = ctx.server(), ctx.server(preset="modestwear", env={"SECRET_KEY": secrets.token_urlsafe(48)})
    _, _, theirs = person(ctx, other)
    client, _, _ = person(ctx)
    refused(client, theirs["access_token"])
    answer = client.post("/api/users/token/refresh/", {"refresh_token": theirs["refresh_token"]})
    assert answer.status == 401 and server.secret_key != other.secret_key, answer


def test_an_expired_token_says_so(ctx):
    server = ctx.server()
    client, user_id, _ = person(ctx)
    answer = client.get("/api/users/profile/", token=jwt.mint(server.secret_key, user_id, life=-5))
    assert answer.status == 401
    assert answer.json["messages"] == [{"token_class": "AccessToken", "token_type": "access",
                                        "message": "Token is expired"}], answer


@also_tls
def test_tokens_elsewhere_than_in_the_header_are_not_read(ctx):
    client, _, tokens = person(ctx)
    access = tokens["access_token"]
    for target, headers in ((f"/api/users/profile/?token={access}", {}),
                            (f"/api/users/profile/?access_token={access}", {}),
                            ("/api/users/profile/", {"Cookie": f"access_token={access}; sessionid={access}"}),
                            ("/api/users/profile/", {"X-Authorization": f"Bearer {access}"})):
        assert client.get(target, headers=headers, token=None).status == 401, target


def statements(server, answer):
    """How many statements the request of this answer cost, as the log tells at level debug."""
    wanted = "request_id=" + answer.get("X-Request-Id")
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for line in server.log_text().splitlines():
            found = re.search(r" event=request .*\bstatements=(\d+)", line)
            if found and wanted in line:
                return int(found.group(1))
        time.sleep(0.02)
    raise AssertionError(f"no log line of {wanted}")


def test_the_check_of_a_token_costs_no_statement(ctx):
    """A5: the next request with an ended token is 401, and nothing is asked of the store for it."""
    server = ctx.own_server(env={"SUTLER_LOG_LEVEL": "debug"})
    client, _, tokens = person(ctx, server)
    access = tokens["access_token"]
    target = "/api/catalog/products/?page_size=3"
    client.get(target, token=None)
    plain = statements(server, client.get(target, token=None))
    assert statements(server, client.get(target, token=access)) == plain
    profile = statements(server, client.get("/api/users/profile/", token=access))
    assert profile >= 1
    # With more that is revoked the count does not rise.
    for _ in range(5):
        other = client.register(new_email())["tokens"]["access_token"]
        assert client.post("/api/users/logout/", {}, token=other).status == 200
        refused(client, other)
    assert statements(server, client.get("/api/users/profile/", token=access)) == profile
    assert statements(server, client.get(target, token=access)) == plain
    assert client.post("/api/users/logout/", {}, token=access).status == 200
    for path in ("/api/users/profile/", "/api/users/token/validate/", target, "/api/v1/users/me/"):
        answer = client.get(path, token=access)
        assert answer.status == 401, (path, answer)
        assert statements(server, answer) == 0, path


def test_the_default_presets_tokens_name_who_made_them_and_for_whom(ctx):
    server = ctx.server(preset="default")
    _, _, tokens = person(ctx, server)
    for token in tokens["refresh_token"], tokens["access_token"]:
        header, claims = jwt.parts(token)
        assert set(claims) == {"token_type", "exp", "iat", "jti", "user_id", "iss", "aud"}, claims
        assert claims["iss"] and claims["aud"]
    # Ours by key and kid, but for another shop: refused.
    client = ctx.client(server)
    again = jwt.sign(server.secret_key, header, dict(claims))
    assert client.get("/api/users/profile/", token=again).status == 200
    for claim in "iss", "aud":
        for value in ("https://evil.example", None, ..., "", ["https://evil.example"]):
            changed = {k: v for k, v in {**claims, claim: value}.items() if v is not ...}
            refused(client, jwt.sign(server.secret_key, header, changed))


@also_tls
def test_a_bad_token_on_a_public_route(ctx):
    """Simple JWT refuses a bad token wherever it is sent; sign-in does not look at it."""
    client, _, tokens = person(ctx)
    email = new_email()
    client.register(email)
    answer = client.post("/api/users/login/", {"email": email, "password": PASSWORD}, token="a.b.c")
    assert answer.status == 200, answer
    answer = client.get("/api/catalog/products/?page_size=1", token="a.b.c")
    assert answer.status == 401, answer


def test_the_previous_signing_key_still_opens(ctx):
    server = ctx.own_server()
    client, user_id, tokens = person(ctx, server)
    old = server.env["SECRET_KEY"]
    server.stop()
    server.env["SUTLER_SECURITY_SECRET_KEY_PREVIOUS"] = old
    server.env["SECRET_KEY"] = secrets.token_urlsafe(48)
    server.start()
    client = server.client()
    assert client.get("/api/users/profile/", token=tokens["access_token"]).status == 200
    fresh = client.post("/api/users/token/refresh/", {"refresh_token": tokens["refresh_token"]})
    assert fresh.status == 200 and jwt.verify(server.env["SECRET_KEY"], fresh.json["data"]["access_token"])
