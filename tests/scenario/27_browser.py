# SPDX-License-Identifier: Apache-2.0
"""Browser mode and its cookies, CSRF (C8), the list of sessions (A5, A15), mails about new devices."""
import base64
import concurrent.futures
import hashlib
import hmac
import http.server
import json
import re
import shutil
import struct
import threading
import time

import sutler
from browser import Browser
from mails import Mailbox
from steps import in_one_step
from sutler import PASSWORD, Skip, also_tls, new_email, only
from tab import BROWSER, Tab, set_cookie

REFRESH = "/api/users/token/refresh/"
LOGOUT = "/api/users/logout/"
CSRF = "/api/users/csrf/"
ORIGIN = {"detail": "CSRF check failed: this origin is not allowed.", "code": "permission_denied"}
TOKEN = {"detail": "CSRF check failed: X-CSRFToken is missing or not this session's.", "code": "permission_denied"}
DOUBLE = {"detail": "CSRF check failed: which of two cookies is ours can't be told.", "code": "permission_denied"}


def is_in(tab):
    return tab.ask("GET", "/api/users/profile/").status == 200


# -- where the refresh token lives


@also_tls
def test_the_refresh_token_lives_in_a_cookie(ctx):
    server = ctx.server()
    tab = Tab(ctx, server)
    email = new_email()
    answers = [tab.register(email), tab.login(email), tab.refresh(), tab.refresh(path="/api/auth/token/refresh/")]
    for answer in answers:
        assert answer.status == 200 or answer.status == 201, answer
        field = set_cookie(answer, tab.name("refresh"))
        assert field and len(field[0].split("=")[1]) > 100, field
        want = {"Path=/", "HttpOnly", "SameSite=Strict"} | ({"Secure"} if ctx.tls else set())
        age = [int(part.split("=")[1]) for part in field[1:] if part.startswith("Max-Age=")]
        assert set(field[1:]) - {f"Max-Age={age[0]}"} == want, field
        assert abs(age[0] - 14 * 86400) <= 2, field
        token = field[0].split("=")[1]
        assert token not in answer.text and '"refresh_token":null' in answer.text, answer
        assert answer.get("Cache-Control") == "no-store"
    # Of the alias the answer was not taken: the access token of before is good all the same.
    assert is_in(tab)
    # Without the header nothing is as it was not before.
    plain = tab.client.post("/api/users/login/", {"email": email, "password": PASSWORD}, token=None)
    assert set_cookie(plain, tab.name("refresh")) is None
    assert plain.json["data"]["tokens"]["refresh_token"] and "csrf_token" not in plain.json["data"]["tokens"]
    for value in ("Browser", "browser ", "app", ""):
        other = tab.client.post("/api/users/login/", {"email": email, "password": PASSWORD}, token=None,
                                headers={"X-Sutler-Client": value})
        assert (set_cookie(other, tab.name("refresh")) is None) == (value.strip() != "browser"), value


@also_tls
def test_what_the_cookie_needs_beside_it(ctx):
    server = ctx.server()
    tab, other = Tab(ctx, server), Tab(ctx, server)
    tab.register(new_email())
    other.register(new_email())
    cookie, csrf = tab.cookie, tab.csrf
    for path in (REFRESH, "/api/auth/token/refresh/", LOGOUT):
        for headers in ({"X-CSRFToken": None}, {"X-CSRFToken": ""}, {"X-CSRFToken": "x" * 43},
                        {"X-CSRFToken": other.csrf}, {"X-CSRFToken": csrf[:-1]}, {"X-CSRFToken": csrf + "="},
                        {"X-CSRFToken": csrf.swapcase()}):
            answer = tab.post(path, {}, headers=headers)
            assert answer.status == 403 and answer.json == TOKEN, (path, headers, answer)
            assert not answer.all("Set-Cookie")
    # The body is no place for it, and neither is the address.
    assert tab.post(REFRESH + f"?csrf_token={csrf}", {}, headers={"X-CSRFToken": None}).status == 403
    # A header of browser mode is no token.
    assert tab.post(REFRESH, {}, headers={**BROWSER, "X-CSRFToken": None}).json == TOKEN
    twice = tab.client.bytes_of("POST", REFRESH, json={}, headers=tab.fields(), token=None)
    twice = twice.replace(b"X-CSRFToken: ", b"X-CSRFToken: " + csrf.encode() + b"\r\nX-CSRFToken: ")
    with server.conn(ctx.tls) as conn:
        conn.send(twice)
        assert conn.read("POST").json == TOKEN
    # Each is an event; of very many alike the log has some.
    assert re.search(r"type=permission_denied route=token_refresh addr=127", server.log_text())
    # Nothing happened to the session by all that.
    assert tab.cookie == cookie and is_in(tab)
    assert tab.refresh().status == 200 and tab.cookie != cookie


@also_tls
def test_the_matrix_of_origins(ctx):
    server = ctx.server()
    tab = Tab(ctx, server)
    tab.register(new_email())
    cookie, scheme = tab.cookie, "https" if ctx.tls else "http"
    port = int(tab.base.rsplit(":", 1)[1])
    other = "http" if ctx.tls else "https"
    listed = "https://modestwear.onrender.com"
    bad = [None, "null", "", "*", f"{other}://localhost:{port}", f"{scheme}://localhost", f"{scheme}://localhost:{port + 1}",
           f"{scheme}://localhost:{port}/", f"{scheme}://localhost:{port}.evil.example", f"{scheme}://localhost.:{port}",
           f"{scheme}://localhost:{port}@evil.example", f"{scheme}://evil.example:{port}", f"{scheme}://xlocalhost:{port}",
           f"{scheme}://a.localhost:{port}", f"{scheme.upper()}://LOCALHOST:{port}", f"localhost:{port}", f"//localhost:{port}",
           f"{tab.base} https://evil.example", f"https://evil.example {tab.base}", f"{tab.base},{tab.base}",
           "http://modestwear.onrender.com", listed + ":443", listed + "/", listed + ".evil.example", listed.upper(),
           "https://evil.modestwear.onrender.com", "https://modestwear.onrender.com:8443", "https://onrender.com", "file://",
           f"{scheme}://[::1]:{port}"]
    for origin in bad:
        for method, path in (("POST", REFRESH), ("POST", LOGOUT)):
            answer = tab.ask(method, path, {}, headers={"Origin": origin})
            assert answer.status == 403 and answer.json == ORIGIN, (origin, path, answer)
            assert not answer.all("Set-Cookie"), origin
            # Referer stands in for nothing.
            answer = tab.ask(method, path, {}, headers={"Origin": origin, "Referer": tab.base + "/"})
            assert answer.status == 403, (origin, path)
        if origin is not None:
            # Who may not act for a session is given no token either, and opens none.
            answer = tab.ask("GET", CSRF, headers={"Origin": origin})
            assert answer.status == 403 and "csrf_token" not in answer.text, origin
            answer = tab.post("/api/users/login/", {"email": new_email(), "password": PASSWORD}, token=None,
                              headers={**BROWSER, "Origin": origin})
            assert answer.json == ORIGIN, (origin, answer)
    twice = tab.client.bytes_of("POST", REFRESH, json={}, headers=tab.fields(), token=None)
    twice = twice.replace(b"Origin: ", b"Origin: https://evil.example\r\nOrigin: ")
    with server.conn(ctx.tls) as conn:
        conn.send(twice)
        assert conn.read("POST").status == 403
    assert tab.cookie == cookie and is_in(tab)
    # Our own, the public URL's (of this demonstration: the first listener's), and one of the CORS list.
    for origin in (tab.base, f"http://127.0.0.1:{server.port}", listed):
        answer = tab.refresh(headers={"Origin": origin})
        assert answer.status == 200, (origin, answer)
        assert answer.get("Access-Control-Allow-Origin") == (listed if origin == listed else None)
        answer = tab.ask("GET", CSRF, headers={"Origin": origin})
        assert answer.status == 200 and answer.json == {"csrf_token": tab.csrf}, answer


@also_tls
def test_cookies_that_were_tossed_in(ctx):
    server = ctx.server()
    tab, evil = Tab(ctx, server), Tab(ctx, server)
    tab.register(new_email())
    evil.register(new_email())
    name, good, foreign = tab.name("refresh"), tab.cookie, evil.cookie
    for field in (f"{name}={good}; {name}={foreign}", f"{name}={foreign}; {name}={good}", f"{name}={good}; {name}={good}",
                  f"{name}={good}; x=y; {name}="):
        answer = tab.post(REFRESH, {}, headers={"Cookie": field})
        assert answer.status == 403 and answer.json == DOUBLE, (field, answer)
        answer = tab.post(LOGOUT, {}, headers={"Cookie": field})
        assert answer.json == DOUBLE, (field, answer)
    raw = tab.client.bytes_of("POST", REFRESH, json={}, headers=tab.fields(), token=None)
    raw = raw.replace(b"Cookie: ", f"Cookie: {name}={foreign}\r\nCookie: ".encode())
    with server.conn(ctx.tls) as conn:
        conn.send(raw)
        assert conn.read("POST").json == DOUBLE
    # A name without what its prefix promises is not ours; nor is one in other letters.
    wrong = "sutler_refresh" if ctx.tls else "__Host-sutler_refresh"
    for other in (wrong, name.upper(), "__Secure-sutler_refresh", name + "2", " " + name[:-1]):
        answer = tab.post(REFRESH, {}, headers={"Cookie": f"{other}={good}"}, token=None)
        assert answer.status == 400 and "Refresh token is required." in answer.text, (other, answer)
    # The other's cookie with one's own token.
    assert tab.post(REFRESH, {}, headers={"Cookie": f"{name}={foreign}"}).json == TOKEN
    # What is no token of ours opens nothing, and is taken away.
    for value in ("x", good[:-3], good[:-1] + ("A" if good[-1] != "A" else "B"), tab.client.token):
        answer = tab.post(REFRESH, {}, headers={"Cookie": f"{name}={value}"}, token=None)
        assert answer.status == 401 and answer.json["detail"] == "Token is invalid or expired", (value, answer)
        assert "Max-Age=0" in set_cookie(answer, name), answer
    tab.jar[name] = good
    assert tab.refresh().status == 200 and evil.refresh().status == 200


@also_tls
def test_the_body_comes_first(ctx):
    """A client that names its token needs neither header: nothing was sent by itself."""
    server = ctx.server()
    tab = Tab(ctx, server)
    email = new_email()
    tab.register(email)
    cookie = tab.cookie
    mine = tab.client.post("/api/users/login/", {"email": email, "password": PASSWORD}, token=None).json["data"]["tokens"]
    bare = {"Origin": "https://evil.example", "X-CSRFToken": None}
    answer = tab.post(REFRESH, {"refresh_token": mine["refresh_token"]}, headers=bare, token=None)
    assert answer.status == 200 and answer.json["data"]["refresh_token"], answer
    assert not answer.all("Set-Cookie") and tab.cookie == cookie
    # With the header the session moves into the browser.
    answer = tab.post(REFRESH, {"refresh": answer.json["data"]["refresh_token"]}, headers=BROWSER, token=None)
    assert answer.status == 200 and answer.json["data"]["refresh_token"] is None
    assert tab.cookie != cookie
    # A refresh token that came by cookie never comes out of it, whatever the client says it is.
    tab.csrf = answer.json["data"]["csrf_token"]
    for headers in ({}, {"X-Sutler-Client": "app"}):
        answer = tab.refresh(headers=headers)
        assert answer.status == 200 and answer.json["data"]["refresh_token"] is None
    # An empty field is none.
    for body in ({"refresh_token": ""}, {"refresh_token": None}, {"refresh": ""}):
        assert tab.refresh(json=body).status == 200, body
    assert Tab(ctx, server).refresh().json["error"] == "Refresh token is required."


@also_tls
def test_signing_out(ctx):
    server = ctx.server()
    tab = Tab(ctx, server)
    email = new_email()
    tab.register(email)
    name, cookie, access = tab.name("refresh"), tab.cookie, tab.client.token
    assert tab.post(LOGOUT, {}, token=None).status == 401 and tab.cookie == cookie
    answer = tab.post(LOGOUT, {})
    assert answer.status == 200 and "Max-Age=0" in set_cookie(answer, name), answer
    assert tab.cookie is None and not is_in(tab)
    # The cookie, if somebody kept it, is dead, and is taken away again.
    tab.jar[name] = cookie
    answer = tab.refresh()
    assert answer.status == 401 and answer.json["detail"] == "Token is blacklisted", answer
    assert tab.cookie is None
    # Without a cookie and a body it ends the session of the access token, as ever.
    tab.login(email)
    assert tab.post(LOGOUT, {}, headers={"Cookie": None, "X-CSRFToken": None, "Origin": None}).status == 200
    assert not is_in(tab)
    assert tab.client.get("/api/users/profile/", token=access).status == 401
    # The token of the session before this one is not this one's.
    old = tab.csrf
    tab.login(email)
    assert tab.csrf != old
    assert tab.post(REFRESH, {}, headers={"X-CSRFToken": old}, token=None).json == TOKEN
    assert tab.refresh().status == 200


@also_tls
def test_the_token_of_the_browser_session(ctx):
    server = ctx.server()
    tab = Tab(ctx, server)
    email = new_email()
    first = tab.ask("GET", CSRF)
    assert first.status == 200 and re.fullmatch(r"[\w-]{43}", first.json["csrf_token"])
    assert first.get("Cache-Control") == "no-store" and not first.all("Set-Cookie")
    tab.register(email)
    for path in (CSRF, "/api/auth/csrf/"):
        for headers in ({}, {"Origin": None}, {"X-CSRFToken": None}, {"Authorization": "Bearer nonsense"}):
            answer = tab.ask("GET", path, headers=headers)
            assert answer.json == {"csrf_token": tab.csrf}, (path, headers, answer)
    tab.refresh()
    assert tab.ask("GET", CSRF).json["csrf_token"] == tab.csrf
    # Bound to the session, else to the guest's cart, else to the device, else to nobody: five tokens.
    device = tab.jar[tab.name("device")]
    cookies = {"session": dict(tab.jar), "cart": {tab.name("cart"): "abc", tab.name("device"): device},
               "another cart": {tab.name("cart"): "abd"}, "device": {tab.name("device"): device}, "none": {}}
    tokens = set()
    for jar in cookies.values():
        field = "; ".join(f"{k}={v}" for k, v in jar.items()) or None
        tokens.add(tab.ask("GET", CSRF, headers={"Cookie": field}).json["csrf_token"])
    assert len(tokens) == 5 and first.json["csrf_token"] in tokens
    # None of the others goes for the session.
    for token in tokens - {tab.csrf}:
        assert tab.post(REFRESH, {}, headers={"X-CSRFToken": token}, token=None).json == TOKEN


def test_it_outlives_a_rotation_of_the_signing_key(ctx):
    server = ctx.own_server()
    tab = Tab(ctx, server)
    tab.register(new_email())
    old_key = server.env["SECRET_KEY"]
    server.stop()
    server.env.update(SECRET_KEY="another-key-of-the-shop-" + old_key, SUTLER_SECURITY_SECRET_KEY_PREVIOUS=old_key)
    server.start()
    again = Tab(ctx, server, tab.jar)
    again.csrf = tab.csrf
    answer = again.refresh()
    assert answer.status == 200, answer
    assert again.csrf != tab.csrf and again.ask("GET", CSRF).json == {"csrf_token": again.csrf}
    # Both are the session's while the former key is accepted.
    again.csrf = tab.csrf
    assert again.refresh().status == 200
    server.stop()
    del server.env["SUTLER_SECURITY_SECRET_KEY_PREVIOUS"]
    server.start()
    third = Tab(ctx, server, again.jar)
    third.csrf = tab.csrf
    assert third.post(REFRESH, {}).json == TOKEN
    third.csrf = third.ask("GET", CSRF).json["csrf_token"]
    assert third.refresh().status == 200


@also_tls
def test_contract_b_in_browser_mode(ctx):
    server = ctx.server()
    tab = Tab(ctx, server)
    email = new_email()
    answer = tab.post("/api/v1/auth/register/", {"email": email, "password": PASSWORD, "first_name": "Ada",
                                                 "last_name": "Byron"}, headers=BROWSER)
    assert answer.status == 201 and tab.cookie is None
    answer = tab.post("/api/v1/auth/login/", {"email": email, "password": PASSWORD}, headers=BROWSER)
    assert answer.status == 200 and set(answer.json) == {"access", "refresh", "csrf_token"}, answer
    assert answer.json["refresh"] is None and tab.cookie
    tab.csrf = answer.json["csrf_token"]
    refused = tab.post("/api/v1/auth/refresh/", {}, headers={"X-CSRFToken": None})
    assert refused.status == 403 and refused.json["error"]["reason"] == "permission_denied", refused
    assert refused.json["error"]["message"] == TOKEN["detail"]
    for body in ({}, None):
        answer = tab.post("/api/v1/auth/refresh/", body)
        assert answer.status == 200 and answer.json["refresh"] is None and tab.csrf == answer.json["csrf_token"], answer
    tab.client.token = answer.json["access"]
    assert tab.ask("GET", "/api/v1/users/me/").status == 200
    assert tab.post("/api/v1/auth/logout/", {}, headers={"Origin": "https://evil.example"}).status == 403
    answer = tab.post("/api/v1/auth/logout/", {})
    assert answer.status == 204 and tab.cookie is None
    assert tab.ask("GET", "/api/v1/users/me/").status == 401
    # Without both it is what the contract says.
    answer = tab.post("/api/v1/auth/refresh/", {})
    assert answer.status == 400 and answer.json["error"]["fields"] == {"refresh": ["This field is required."]}, answer


def code_of(secret, off=0):
    """RFC 6238, our own reckoning."""
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30 + off), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


@also_tls
def test_a_second_factor_in_browser_mode(ctx):
    server = ctx.server()
    tab, email = Tab(ctx, server), new_email()
    tab.register(email)
    secret = tab.post("/api/users/totp/enrol/").json["secret"]
    in_one_step()
    answer = tab.post("/api/users/totp/confirm/", {"otp": code_of(secret, -1)})
    assert answer.status == 200, answer
    codes, cookie = answer.json["recovery_codes"], tab.cookie
    # The ticket is no session: no cookie, no token.
    for path, ticket_of in (("/api/users/login/", lambda a: a.json["ticket"]),
                            ("/api/v1/auth/login/", lambda a: a.json["error"]["ticket"])):
        answer = tab.post(path, {"email": email, "password": PASSWORD}, headers=BROWSER, token=None)
        assert answer.status == 401 and tab.cookie == cookie and "csrf_token" not in answer.text, answer
        body = {"ticket": ticket_of(answer), "recovery_code": codes.pop()}
        answer = tab.post("/api/users/login/second-factor/", body, headers=BROWSER, token=None)
        assert answer.status == 200 and tab.cookie != cookie, answer
        tab.take(answer.json["data"]["tokens"])
        assert tab.refresh().status == 200
        cookie = tab.cookie


# -- two tabs


def race(ctx, server, tab, n):
    """n tabs of one browser refresh at once with the cookie and token that they have."""
    fields = tab.fields()
    gate = threading.Barrier(n)

    def one(_):
        with ctx.client(server) as client:
            client.get("/healthz")
            gate.wait()
            return client.post(REFRESH, {}, headers=fields)
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(one, range(n)))


def test_two_tabs_both_stay(ctx):
    """Under D the same pair, and so the same cookie, goes to each."""
    server = ctx.server(preset="default")
    tab = Tab(ctx, server)
    tab.register(new_email())
    for _ in range(5):
        answers = race(ctx, server, tab, 10)
        assert [a.status for a in answers] == [200] * 10, answers
        cookies = {set_cookie(a, tab.name("refresh"))[0].split("=", 1)[1] for a in answers}
        assert len(cookies) == 1 and len({a.json["data"]["access_token"] for a in answers}) == 1
        assert {a.json["data"]["csrf_token"] for a in answers} == {tab.csrf}
        tab.jar[tab.name("refresh")] = cookies.pop()
        tab.client.token = answers[0].json["data"]["access_token"]
        assert is_in(tab)
    # A cookie that was stolen and used later ends that session, and goes.
    stolen = tab.cookie
    assert tab.refresh().status == 200 and tab.refresh().status == 200
    thief = Tab(ctx, server, {tab.name("refresh"): stolen}, agent="Thief/1")
    thief.csrf = tab.csrf
    answer = thief.refresh()
    assert answer.status == 401 and "Max-Age=0" in set_cookie(answer, tab.name("refresh")), answer
    assert not is_in(tab)


def test_two_tabs_where_a_replay_is_refused(ctx):
    """Under M one of them wins; who lost does not take the winner's cookie away."""
    server = ctx.server(preset="modestwear")
    tab = Tab(ctx, server)
    tab.register(new_email())
    answers = race(ctx, server, tab, 10)
    won = [a for a in answers if a.status == 200]
    assert len(won) == 1 and {a.status for a in answers} == {200, 401}, answers
    assert not any(a.all("Set-Cookie") for a in answers if a.status == 401), answers
    tab.jar[tab.name("refresh")] = set_cookie(won[0], tab.name("refresh"))[0].split("=", 1)[1]
    assert tab.refresh().status == 200


# -- other origins


def preflight(client, origin, headers):
    answer = client.request("OPTIONS", "/api/users/login/", check=False, headers={
        "Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": headers})
    allowed = answer.get("Access-Control-Allow-Headers") or ""
    return {h.strip() for h in allowed.split(",") if h}


def test_who_may_ask_for_browser_mode(ctx):
    usual = {"authorization", "content-type", "x-csrftoken", "idempotency-key"}
    listed = "https://modestwear.onrender.com"
    client = ctx.client(ctx.server())
    assert preflight(client, listed, "content-type") == usual
    assert preflight(client, listed, "x-sutler-clients,my-x-sutler-client") == usual
    for asked in ("x-sutler-client", "content-type,x-sutler-client", "Content-Type, X-Sutler-Client , x-csrftoken"):
        assert preflight(client, listed, asked) == usual | {"x-sutler-client"}, asked
    assert preflight(client, "https://evil.example", "x-sutler-client") == set()
    without = ctx.client(ctx.server(settings=f"[cors]\norigins = {listed}\ncredentials = no\n"))
    assert preflight(without, listed, "content-type,x-sutler-client") == usual


@also_tls
def test_cookies_for_other_sites(ctx):
    listed = "https://modestwear.onrender.com"
    server = ctx.server(settings="[cookies]\nsamesite = none\n")
    tab = Tab(ctx, server)
    answer = tab.register(new_email())
    field = set_cookie(answer, tab.name("refresh"))
    assert ("SameSite=None" if ctx.tls else "SameSite=Lax") in field and ("Secure" in field) == ctx.tls, field
    assert ("SameSite=None" if ctx.tls else "SameSite=Lax") in set_cookie(answer, tab.name("device"))
    assert tab.refresh(headers={"Origin": listed}).status == 200
    assert tab.post(REFRESH, {}, headers={"Origin": listed, "X-CSRFToken": None}).json == TOKEN
    assert tab.post(REFRESH, {}, headers={"Origin": "https://evil.example"}).json == ORIGIN
    lax = Tab(ctx, ctx.server(settings="[cookies]\nsamesite = lax\n"))
    assert "SameSite=Lax" in set_cookie(lax.register(new_email()), lax.name("refresh"))


@only("sqlite")
def test_settings_that_do_not_fit(ctx):
    server = ctx.own_server(start=False)

    def check(text):
        path = server.folder / "try.conf"
        path.write_text(text)
        done = sutler.run("config", "check", "--config", path)
        return done.returncode, done.stdout + done.stderr
    good = ("[server]\npublic_url = https://shop.example\n[cors]\norigins = https://www.shop.example\ncredentials = yes\n"
            "[cookies]\nsamesite = none\n")
    assert check(good)[0] == 0, check(good)
    for bad in (good.replace("credentials = yes", "credentials = no"),
                good.replace("origins = https://www.shop.example\n", ""),
                good.replace("public_url = https", "public_url = http"),
                good.replace("origins = https", "origins = http")):
        code, text = check(bad)
        assert code == 1 and "cookies.samesite" in text, (bad, code, text)
    assert "not one of" in check("[cookies]\nsamesite = maybe\n")[1] or check("[cookies]\nsamesite = maybe\n")[0] == 1


# -- sessions


def sessions(tab):
    answer = tab.ask("GET", "/api/users/sessions/")
    assert answer.status == 200, answer
    return answer.json["data"]["sessions"]


@also_tls
def test_the_list_of_sessions(ctx):
    server = ctx.server()
    email = new_email()
    tab = Tab(ctx, server, agent="Mozilla/5.0 (X11) <b>Ada's</b>")
    tab.register(email)
    app = tab.client.post("/api/users/login/", token=None, headers={"User-Agent": "ShopApp/2"}, json={
        "email": email, "password": PASSWORD,
        "device_info": {"device_type": "phone", "os": "Android 14", "app_version": "2.1"}}).json["data"]["tokens"]
    mine = sessions(tab)
    assert [s["current"] for s in mine] == [False, True] or [s["current"] for s in mine] == [True, False], mine
    here = next(s for s in mine if s["current"])
    there = next(s for s in mine if not s["current"])
    assert here["user_agent"] == "Mozilla/5.0 (X11) <b>Ada's</b>" and here["device_type"] is None
    assert (there["user_agent"], there["device_type"], there["os"], there["app_version"]) == (
        "ShopApp/2", "phone", "Android 14", "2.1")
    assert {s["address"] for s in mine} == {"127.0.0.0/24"}
    assert all(re.fullmatch(r"\d{1,19}", s["id"]) for s in mine)
    # The last used comes first; a refresh is a use.
    time.sleep(1.1)
    assert tab.client.post(REFRESH, {"refresh_token": app["refresh_token"]}, token=None).status == 200
    again = sessions(tab)
    assert [s["id"] for s in again] == [there["id"], here["id"]] and again[0]["last_used_at"] > there["last_used_at"]
    assert again[0]["created_at"] == there["created_at"]
    # Seen from the other one, that is the present one.
    theirs = tab.client.get("/api/auth/sessions/", token=app["access_token"]).json["data"]["sessions"]
    assert {s["id"]: s["current"] for s in theirs} == {there["id"]: True, here["id"]: False}
    assert tab.client.get("/api/users/sessions/", token=None).status == 401
    # Nothing of a stranger's, and no token or whole address in it.
    stranger = Tab(ctx, server)
    stranger.register(new_email())
    assert len(sessions(stranger)) == 1
    assert "eyJ" not in json.dumps(again) and "127.0.0.1" not in json.dumps(again)


@also_tls
def test_one_session_is_ended(ctx):
    server = ctx.server()
    email, stranger = new_email(), Tab(ctx, server)
    tab, other = Tab(ctx, server), Tab(ctx, server)
    tab.register(email)
    other.login(email)
    stranger.register(new_email())
    ids = {s["current"]: s["id"] for s in sessions(tab)}
    # A stranger's, one that is not there, what is no number: all the same.
    foreign = sessions(stranger)[0]["id"]
    for id_ in (foreign, "1", "9223372036854775807", "9223372036854775808", "0", "-1", "01", "x", "1" * 40,
                f"{ids[False]}x", f"%3{ids[False]}"):
        answer = tab.ask("DELETE", f"/api/users/sessions/{id_}/")
        assert answer.status == 404, (id_, answer)
    assert is_in(stranger) and is_in(other)
    answer = tab.ask("DELETE", f"/api/users/sessions/{ids[False]}/")
    assert answer.status == 204 and not answer.body
    # At once, for every kind of token; and twice is once.
    assert other.ask("GET", "/api/users/profile/").json["messages"][0]["message"] == "Token is blacklisted"
    assert other.ask("GET", "/api/v1/users/me/").status == 401
    answer = other.refresh()
    assert answer.status == 401 and other.cookie is None, answer
    assert tab.ask("DELETE", f"/api/users/sessions/{ids[False]}/").status == 404
    assert [s["id"] for s in sessions(tab)] == [ids[True]]
    # The present one: the cookie goes with it.
    answer = tab.ask("DELETE", f"/api/auth/sessions/{ids[True]}/", headers=BROWSER)
    assert answer.status == 204 and tab.cookie is None and not is_in(tab)
    assert tab.client.delete(f"/api/users/sessions/{ids[True]}/", token=None).status == 401


@also_tls
def test_all_sessions_are_ended(ctx):
    server = ctx.server()
    email, stranger = new_email(), Tab(ctx, server)
    tabs = [Tab(ctx, server) for _ in range(4)]
    tabs[0].register(email)
    stranger.register(new_email())
    for tab in tabs[1:]:
        tab.login(email)
    assert len(sessions(tabs[0])) == 4
    assert tabs[0].client.post("/api/users/logout-all/", token=None).status == 401
    answer = tabs[0].post("/api/users/logout-all/", headers=BROWSER)
    assert answer.status == 200 and answer.json["success"] is True and tabs[0].cookie is None, answer
    for tab in tabs:
        assert tab.ask("GET", "/api/users/profile/").status == 401
    for tab in tabs[1:]:
        assert tab.refresh().status == 401 and tab.cookie is None
    assert is_in(stranger)
    tabs[0].login(email)
    assert len(sessions(tabs[0])) == 1
    assert tabs[0].post("/api/auth/logout-all/").status == 200 and not is_in(tabs[0])


def test_what_ended_stays_ended_over_a_restart(ctx):
    server = ctx.own_server()
    email = new_email()
    tab, other = Tab(ctx, server), Tab(ctx, server)
    tab.register(email)
    other.login(email)
    ids = {s["current"]: s["id"] for s in sessions(tab)}
    assert tab.ask("DELETE", f"/api/users/sessions/{ids[False]}/").status == 204
    server.kill()
    server.start()
    again, ended = Tab(ctx, server, tab.jar), Tab(ctx, server, other.jar)
    again.client.token, ended.client.token = tab.client.token, other.client.token
    assert is_in(again) and not is_in(ended)


def test_an_operator_ends_them(ctx):
    server = ctx.own_server()
    box = Mailbox(server)
    email = new_email()
    tab = Tab(ctx, server)
    tab.register(email)
    other = Tab(ctx, server)
    other.login(email)
    box.take(email, subject="new sign-in")
    done = server.cli("user", "revoke", email)
    assert done.returncode == 0, done
    for each in (tab, other):
        assert not is_in(each)
        assert each.refresh().status == 401 and each.cookie is None
    # No device is taken for the owner's any more: the next sign-in is told of, from wherever it comes.
    assert tab.jar[tab.name("device")]
    tab.login(email)
    assert "Tab/1.0" in box.take(email, subject="new sign-in").text
    tab.login(email)
    assert len([m for m in box.to(email) if "sign-in" in m.subject]) == 2


# -- new devices


def test_a_sign_in_on_a_new_device_is_told_of(ctx):
    server = ctx.server()
    box = Mailbox(server)
    email = new_email()
    first = Tab(ctx, server, agent="Mozilla/5.0 (first)")
    first.register(email)
    box.take(email, "/verify-email")
    first.login(email)
    first.login(email)
    evil = "<script>x</script> & " + "y" * 300
    second = Tab(ctx, server, agent=evil)
    second.login(email)
    mail = box.take(email, subject="new sign-in")
    assert "<script>x</script> & yyy" in mail.text and "y" * 200 not in mail.text, mail
    assert "<script>" not in mail.html and "&lt;script&gt;" in mail.html
    assert "127.0.0.*" in mail.text
    # Once a device.
    second.login(email)
    first.login(email)
    box.nothing_to(email)
    # An app's own words are better than its agent's.
    answer = first.client.post("/api/users/login/", token=None, headers={"User-Agent": "okhttp"}, json={
        "email": email, "password": PASSWORD, "device_info": {"device_type": "Pixel 8", "os": "Android 14"}})
    assert answer.status == 200
    mail = box.take(email, subject="new sign-in")
    assert "Pixel 8, Android 14" in mail.text and "okhttp" not in mail.text
    # A wrong password is none, on whatever device.
    assert first.client.post("/api/users/login/", {"email": email, "password": "wrong-Horse7"}, token=None).status == 401
    box.nothing_to(email)


def test_the_first_device_of_all_is_no_news(ctx):
    server = ctx.server()
    box = Mailbox(server)
    email = server.make_user(new_email())
    Tab(ctx, server).login(email)
    box.nothing_to(email)
    Tab(ctx, server).login(email)
    box.take(email, subject="new sign-in")
    silent = ctx.server(settings="[accounts]\nnew_device_mail = no\n")
    box = Mailbox(silent)
    email = silent.make_user(new_email())
    Tab(ctx, silent).login(email)
    Tab(ctx, silent).login(email)
    box.nothing_to(email)


# -- a real browser


class Elsewhere(http.server.ThreadingHTTPServer):
    """Pages of somebody else, on another port: of another origin, and, by another name, of another site."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page = self.server.pages.get(self.path, "<!doctype html><title>elsewhere</title>").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


SIGN_UP = """(async () => {
  const answer = await fetch('/api/users/register/', {method: 'POST', headers: {'Content-Type': 'application/json',
    'X-Sutler-Client': 'browser'}, body: JSON.stringify({email: %s, password: %s, full_name: 'Ada Byron'})});
  const data = (await answer.json()).data;
  window.access = data.tokens.access_token; window.csrf = data.tokens.csrf_token;
  return [answer.status, data.tokens.refresh_token]; })()"""
RENEW = """(async () => {
  const csrf = (await (await fetch('/api/users/csrf/')).json()).csrf_token;
  const answer = await fetch('/api/users/token/refresh/', {method: 'POST', headers: {'X-CSRFToken': csrf}});
  const body = await answer.json();
  if (answer.ok) window.access = body.data.access_token;
  return [answer.status, body.data ? body.data.refresh_token : body.detail]; })()"""
WHO = "fetch('/api/users/profile/', {headers: {Authorization: 'Bearer ' + window.access}}).then(r => r.status)"
LEAVE = """(async () => {
  const csrf = (await (await fetch('/api/users/csrf/')).json()).csrf_token;
  const answer = await fetch('/api/users/logout/', {method: 'POST', headers: {'X-CSRFToken': csrf,
    'X-Sutler-Client': 'browser', Authorization: 'Bearer ' + window.access}});
  return answer.status; })()"""


def chromium():
    if not shutil.which("chromium"):
        raise Skip("no chromium")
    return Browser()


def cookie_of(browser, base, word="refresh"):
    found = [c for c in browser.call("Network.getCookies", {"urls": [base]})["cookies"]
             if c["name"].endswith("sutler_" + word)]
    assert len(found) <= 1, found
    return found[0] if found else None


def seen(browser, part):
    """(method, status, whether the refresh cookie went along) of each request to a path."""
    with browser.news:
        events = list(browser.events)
    asked = {e["params"]["requestId"]: e["params"]["request"]["method"] for e in events
             if e["method"] == "Network.requestWillBeSent" and part in e["params"]["request"]["url"]}
    sent = {e["params"]["requestId"]: [c for c in e["params"]["associatedCookies"]
                                       if c["cookie"]["name"].endswith("sutler_refresh")]
            for e in events if e["method"] == "Network.requestWillBeSentExtraInfo"}
    # What a script may not read: the raw status is in the extra event alone.
    status = {e["params"]["requestId"]: e["params"]["statusCode"] for e in events
              if e["method"] == "Network.responseReceivedExtraInfo"}
    return [(method, status.get(id_), any(not c["blockedReasons"] for c in sent.get(id_, [])))
            for id_, method in asked.items()]


def posts_of(browser, part, more_than=0, seconds=30):
    """What was posted to a path, once it was more than so often and each has its answer."""
    end = time.monotonic() + seconds
    while True:
        posts = [s for s in seen(browser, part) if s[0] == "POST"]
        if (len(posts) > more_than and all(status is not None for _, status, _ in posts)) or time.monotonic() > end:
            return posts
        time.sleep(0.05)


@only("sqlite")
def test_a_browser_signs_in_and_stays(ctx):
    server = ctx.server()
    with chromium() as browser:
        for base in (f"http://localhost:{server.port}", f"https://localhost:{server.port_tls}"):
            browser.visit(base + "/", settle=0.2)
            email = new_email()
            assert browser.evaluate(SIGN_UP % (json.dumps(email), json.dumps(PASSWORD))) == [201, None]
            assert browser.evaluate(WHO) == 200
            cookie = cookie_of(browser, base)
            is_tls = base.startswith("https")
            assert cookie["httpOnly"] and cookie["secure"] == is_tls and cookie["sameSite"] == "Strict", cookie
            assert cookie["name"].startswith("__Host-") == is_tls and cookie["path"] == "/"
            # No script sees it, or any other cookie of ours.
            assert browser.evaluate("document.cookie") == ""
            # A page that was loaded anew has nothing but the cookie, and needs nothing else.
            browser.visit(base + "/docs/", settle=0.2)
            assert browser.evaluate("window.access === undefined")
            assert browser.evaluate(RENEW) == [200, None]
            assert browser.evaluate(WHO) == 200
            assert cookie_of(browser, base)["value"] != cookie["value"]
            # A script that leaves the token out, or makes one up, gets nowhere.
            for headers in ("{}", "{'X-CSRFToken': 'x'.repeat(43)}"):
                assert browser.evaluate("fetch('/api/users/token/refresh/', {method: 'POST', headers: %s})"
                                        ".then(r => r.status)" % headers) == 403
            assert browser.evaluate(LEAVE) == 200
            assert cookie_of(browser, base) is None and browser.evaluate(WHO) == 401
            assert browser.evaluate(RENEW)[0] == 400


@only("sqlite")
def test_pages_of_others_can_do_nothing(ctx):
    server = ctx.server()
    base = f"http://localhost:{server.port}"
    elsewhere = Elsewhere()
    target = base + REFRESH
    for number, (kind, path) in enumerate((kind, path) for kind in (
            "application/x-www-form-urlencoded", "text/plain", "multipart/form-data") for path in (REFRESH, LOGOUT)):
        elsewhere.pages[f"/form{number}"] = (
            f"<!doctype html><form id=f method=post enctype='{kind}' action='{base}{path}'>"
            "<input name='{\"refresh_token\":\"\",\"x' value='\":1}'></form><script>f.submit()</script>")
    fetch = ("fetch(%s, {method: %s, mode: %s, credentials: 'include', headers: %s%s})"
             ".then(r => r.type + ' ' + r.status, e => e.name)")
    with chromium() as browser:
        browser.visit(base + "/", settle=0.2)
        assert browser.evaluate(SIGN_UP % (json.dumps(new_email()), json.dumps(PASSWORD))) == [201, None]
        cookie = cookie_of(browser, base)
        # Another site: its requests come without the cookie.  Another port of the same site: they come
        # with it (SameSite looks at no port), and the origin tells.
        for name, comes_along in (("127.0.0.1", False), ("localhost", True)):
            origin = f"http://{name}:{elsewhere.port}"
            for number in range(6):
                browser.visit(f"{origin}/form{number}", settle=0.5)
                posts = posts_of(browser, "/api/users/")
                assert posts and all(status in (401, 403, 415) for _, status, _ in posts), (name, number, posts)
                assert all(along == comes_along for _, _, along in posts), (name, number, posts)
            browser.visit(origin + "/", settle=0.2)
            # It arrives; the answer is kept from the page (Cross-Origin-Resource-Policy).
            simple = browser.evaluate(fetch % (json.dumps(target), "'POST'", "'no-cors'", "{}", ""))
            assert simple == "TypeError", simple
            posts = posts_of(browser, REFRESH)
            assert posts and posts[-1][1] == (403 if comes_along else 400) and posts[-1][2] == comes_along, (name, posts)
            # What needs a preflight does not get through it.
            for method, mode, headers, more in (
                    ("POST", "cors", {"X-Sutler-Client": "browser", "Content-Type": "application/json"}, ", body: '{}'"),
                    ("POST", "cors", {"X-CSRFToken": "x" * 43}, ""), ("POST", "cors", {"Content-Type": "application/json"},
                                                                       ", body: '{}'"),
                    ("DELETE", "cors", {}, ""), ("POST", "cors", {}, "")):
                said = browser.evaluate(fetch % (json.dumps(target), json.dumps(method), json.dumps(mode),
                                                 json.dumps(headers), more))
                assert said == "TypeError", (name, method, headers, said)
            # The token can't be read from there, in any way.
            assert browser.evaluate(fetch % (json.dumps(base + CSRF), "'GET'", "'cors'", "{}", "")) == "TypeError"
            assert browser.evaluate(
                "new Promise(done => { const f = document.createElement('iframe'); f.src = %s; f.onload = () => {"
                " try { done(f.contentDocument === null ? 'closed' : f.contentDocument.body.innerText); }"
                " catch (e) { done('closed'); } }; document.body.append(f); })" % json.dumps(base + CSRF)) in ("closed", "")
            assert browser.evaluate(
                "new Promise(done => { const s = document.createElement('script'); s.src = %s;"
                " s.onload = () => done('ran'); s.onerror = () => done('blocked'); document.body.append(s); })"
                % json.dumps(base + CSRF)) == "blocked"
            # A sign-in that somebody else's page began does not stick.
            assert browser.evaluate(fetch % (json.dumps(base + "/api/users/login/"), "'POST'", "'no-cors'",
                                             "{'Content-Type': 'text/plain'}", ", body: '{}'")) == "TypeError"
            assert cookie_of(browser, base)["value"] == cookie["value"], name
        # Nothing has changed: the owner refreshes with the cookie of the beginning.
        browser.visit(base + "/", settle=0.2)
        assert cookie_of(browser, base)["value"] == cookie["value"]
        assert browser.evaluate(RENEW) == [200, None] and browser.evaluate(WHO) == 200
    elsewhere.shutdown()
    elsewhere.server_close()
