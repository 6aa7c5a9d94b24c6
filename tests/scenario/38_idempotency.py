# SPDX-License-Identifier: Apache-2.0
"""Idempotency-Key: a request that is sent twice acts once and gets the same answer, at once, after a crash, or later."""
import contextlib
import secrets
import threading
import time

from sutler import new_email

CART, ORDER, ORDERS = "/api/orders/cart/add/", "/api/orders/create/", "/api/orders/"
PRODUCTS = "/api/v1/products/"
MANAGERS = "Product Managers"


def key(value=None):
    return {"Idempotency-Key": value or secrets.token_hex(16)}


def person(server, word="idem", *flags):
    email = server.make_user(new_email(word), *flags)
    client = server.client()
    client.login(email)
    return client


def variants(client):
    """Ids of variants of which there is plenty, the cheapest first."""
    rows = client.get("/api/catalog/products/?page_size=100&ordering=price").json["results"]
    return [v["id"] for row in rows for v in row["variants"] if v["is_active"] and v["stock_available"] >= 10]


def quantity(client):
    return client.get("/api/orders/cart/").json["summary"]["total_items"]


def is_replayed(answer):
    return answer.get("Idempotency-Replayed") == "true"


def at_once(n, ask):
    """What n askers get, let go together; ask(i) makes its own connection."""
    answers, gate = [None] * n, threading.Barrier(n)

    def one(i):
        gate.wait(60)
        answers[i] = ask(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert all(answers), "somebody got no answer"
    return answers


def test_it_acts_once_and_says_the_same(ctx):
    server = ctx.server()
    client = person(server)
    body, k = {"variant_id": variants(client)[0], "quantity": 2}, key()
    first = client.post(CART, body, headers=k)
    assert first.status in (200, 201) and not is_replayed(first), first
    for _ in range(3):
        again = client.post(CART, body, headers=k)
        assert is_replayed(again) and (again.status, again.body) == (first.status, first.body), again
        assert again.get("Content-Type") == first.get("Content-Type")
        assert again.get("X-Request-Id") != first.get("X-Request-Id")
    assert quantity(client) == 2
    # Another key, and none, are other requests.
    assert not is_replayed(client.post(CART, body, headers=key()))
    assert not is_replayed(client.post(CART, body))
    assert quantity(client) == 6


def test_a_hundred_at_once_act_once(ctx):
    server = ctx.server()
    client = person(server)
    body, k = {"variant_id": variants(client)[1], "quantity": 1}, key()

    def ask(_):
        with server.client(token=client.token) as other:
            return other.post(CART, body, headers=k)

    answers = at_once(100, ask)
    firsts = [a for a in answers if a.status < 300 and not is_replayed(a)]
    assert len(firsts) == 1, [a.status for a in answers]
    for answer in answers:
        if answer.status == 409:
            assert answer.get("Retry-After") == "1" and answer.json["code"] == "duplicate", answer
        else:
            assert (answer.status, answer.body) == (firsts[0].status, firsts[0].body), answer
    assert quantity(client) == 1


def test_another_request_under_the_key_is_refused(ctx):
    server = ctx.server()
    client = person(server)
    one, two = variants(client)[:2]
    k = key()
    assert client.post(CART, {"variant_id": one, "quantity": 1}, headers=k).status < 300
    for body in ({"variant_id": one, "quantity": 2}, {"variant_id": two, "quantity": 1}):
        answer = client.post(CART, body, headers=k)
        assert answer.status == 422 and answer.json["code"] == "invalid", answer
    # By its bytes: the same in another spelling is another.
    answer = client.request("POST", CART, body='{ "quantity": 1, "variant_id": %d }' % one, headers=k)
    assert answer.status == 422, answer
    assert quantity(client) == 1
    # The same key on another route is another key.
    assert client.post(ORDER, {"address": "1 Long Road", "payment_method": "offline"}, headers=k).status == 201


def test_a_key_is_its_persons_own(ctx):
    server = ctx.server()
    ada, bob = person(server), person(server, "bob")
    body, k = {"variant_id": variants(ada)[0], "quantity": 1}, key()
    assert ada.post(CART, body, headers=k).status < 300
    answer = bob.post(CART, {**body, "quantity": 3}, headers=k)
    assert answer.status < 300 and not is_replayed(answer), answer
    assert (quantity(ada), quantity(bob)) == (1, 3)


def test_a_guests_key_is_its_carts(ctx):
    server = ctx.server()
    guests = []
    for _ in range(2):
        client = server.client(headers={"Origin": f"http://localhost:{server.port}"})
        body = {"variant_id": variants(client)[0], "quantity": 1}
        # Nobody can be told from anybody yet: the key does not count.
        first = client.post(CART, body, headers=key("of-all-guests"))
        assert first.status < 300, first
        cookie = first.get("Set-Cookie").partition(";")[0]
        guests.append((client, {"Cookie": cookie}))
    for client, cookie in guests:
        for n in range(3):
            answer = client.post(CART, body, headers={**cookie, **key("of-all-guests")})
            assert answer.status < 300 and is_replayed(answer) is (n > 0), answer
            assert not is_replayed(answer) or answer.get("Set-Cookie") is None, answer
        held = client.get("/api/orders/cart/", headers=cookie).json["summary"]["total_items"]
        assert held == 2, held


def test_a_cookie_without_a_cart_is_nobodys(ctx):
    """Its cart is gone, or there was none: sent again, a line must be the asker's to see."""
    server = ctx.server()
    origin = {"Origin": f"http://localhost:{server.port}"}
    client = server.client(headers=origin)
    body = {"variant_id": variants(client)[0], "quantity": 1}
    first = client.post(CART, body)
    stale = first.get("Set-Cookie").partition(";")[0]
    name = stale.partition("=")[0]
    # Who signs in takes the cart along.
    owner = server.make_user(new_email("merged"))
    server.client(headers={**origin, "Cookie": stale}).login(owner)
    for cookie in (stale, f"{name}={'A' * 43}", f"{name}=x"):
        k = key()
        for _ in range(2):
            answer = client.post(CART, body, headers={"Cookie": cookie, **k})
            assert answer.status == 201, answer
            given = (answer.get("Set-Cookie") or "").partition(";")[0]
            assert given and given != cookie, "a line that nobody can see"
            assert client.get("/api/orders/cart/", headers={"Cookie": given}).json["summary"]["total_items"] == 1


def test_malformed_keys_are_refused_in_both_shapes(ctx):
    server = ctx.server()
    client = person(server, "manager", "--group", MANAGERS)
    body = {"variant_id": variants(client)[0], "quantity": 1}
    assert client.post(CART, body, headers=key("k" * 255)).status < 300
    for bad in ("", "k" * 256, "a b", "k\u00e9"):
        answer = client.post(CART, body, headers={"Idempotency-Key": bad})
        assert answer.status == 400, (bad, answer)
    answer = client.post(PRODUCTS, {"name": "x"}, headers={"Idempotency-Key": "a b"})
    assert answer.status == 400 and set(answer.json) == {"error"}, answer
    # Twice, even when they agree.
    data = client.bytes_of("POST", CART, body, headers=key("twice"))
    with contextlib.closing(server.conn()) as conn:
        conn.send(data.replace(b"\r\n\r\n", b"\r\nIdempotency-Key: twice\r\n\r\n", 1))
        assert conn.read("POST").status == 400
    assert quantity(client) == 1
    # Where nothing is created it means nothing.
    assert client.get("/api/orders/cart/", headers={"Idempotency-Key": "a b"}).status == 200


def test_contract_b_speaks_its_own_shape(ctx):
    server = ctx.server()
    manager = person(server, "manager", "--group", MANAGERS)
    category = manager.post("/api/v1/categories/", {"name": "K" + secrets.token_hex(4)}, headers=key())
    assert category.status == 201, category
    body = {"name": "Key dress", "category": category.json["id"], "price": "10.00",
            "sku": "K-" + secrets.token_hex(4), "stock": 1}
    k = key()
    first = manager.post(PRODUCTS, body, headers=k)
    assert first.status == 201, first
    again = manager.post(PRODUCTS, body, headers=k)
    assert is_replayed(again) and again.json == first.json, again
    other = manager.post(PRODUCTS, {**body, "price": "11.00"}, headers=k)
    assert other.status == 422 and other.json["error"]["reason"] == "invalid", other
    assert other.json["error"]["code"] == 422
    # What failed was not done: the key may be used to do it right.
    k = key()
    taken = manager.post(PRODUCTS, body, headers=k)
    assert taken.status == 409 and not is_replayed(taken), taken
    right = manager.post(PRODUCTS, {**body, "sku": "K-" + secrets.token_hex(4)}, headers=k)
    assert right.status == 201 and not is_replayed(right), right
    # The names in the path are part of what is asked for.
    k, variant = key(), {"name": "M", "stock": 1}
    made = manager.post(f"{PRODUCTS}{first.json['id']}/variants/", {**variant, "sku": "V-" + secrets.token_hex(4)},
                        headers=k)
    assert made.status == 201, made
    elsewhere = manager.post(f"{PRODUCTS}{right.json['id']}/variants/", {**variant, "sku": made.json["sku"]}, headers=k)
    assert elsewhere.status == 422, elsewhere


def test_an_order_survives_a_crash_and_is_one(ctx):
    """The program is killed somewhere between the first byte and the answer; the buyer asks until there is one."""
    server = ctx.own_server()
    client = person(server)
    email_token = client.token
    some = variants(client)
    orders = 0
    for n in range(6 if ctx.store == "sqlite" else 3):
        k = key()
        assert client.post(CART, {"variant_id": some[n], "quantity": 1}, headers=key()).status < 300
        body = {"address": "1 Long Road", "payment_method": "offline"}

        def send():
            with contextlib.suppress(Exception):
                with server.client(token=email_token, check=False) as other:
                    other.post(ORDER, body, headers=k)

        thread = threading.Thread(target=send)
        thread.start()
        time.sleep(0.002 * n)  # where it strikes is chance; what must hold does not depend on it
        server.kill()
        thread.join(60)
        server.start()
        client = server.client(token=email_token)
        end = time.monotonic() + 90
        while True:
            answer = client.post(ORDER, body, headers=k)
            if answer.status == 201:
                break
            assert answer.status == 409 and answer.get("Retry-After") == "1", answer
            assert time.monotonic() < end, answer
            time.sleep(0.5)
        orders += 1
        again = client.post(ORDER, body, headers=k)
        assert is_replayed(again) and again.json == answer.json, again
        listed = client.get(ORDERS).json
        assert listed["count"] == orders, (listed["count"], orders)
        assert quantity(client) == 0
