# SPDX-License-Identifier: Apache-2.0
"""A thousand buyers at once for ten of a thing: never sold twice, whatever dies in the middle (H4)."""
import random
import time

import ordering
import sutler
from wire import Conn, WireError

BUYERS = 1000
STOCK = 10
SETTINGS = {
    # A hash is not what is looked at here; all are one address, and all come at once.
    "SUTLER_PASSWORD_HASH": "pbkdf2_sha256", "SUTLER_PASSWORD_ITERATIONS": "1", "SUTLER_HASHING_QUEUE": "5000",
    "SUTLER_LIMITS_CONNECTIONS_PER_ADDRESS": "3000",
    # Each is asked again only when all have been answered.
    "SUTLER_LIMITS_IDLE_TIMEOUT": "30m",
}
BUSY = 503


class Crowd:
    """Buyers with a connection each; what they ask for is sent before the first answer is read."""

    def __init__(self, server, n):
        self.server, self.client = server, server.client(check=False)
        self.conns = [None] * n
        words = [{"email": f"crowd{i}@example.com", "password": sutler.PASSWORD, "full_name": "Ada Byron"} for i in range(n)]
        made = self.all("POST", "/api/users/register/", words, tokens=False)
        self.tokens = [a.json["data"]["tokens"]["access_token"] for a in made]
        made = self.all("POST", "/api/v1/users/me/addresses/", [{
            "label": "home", "name": "Ada", "line1": "1 Long Street", "city": "Cape Town", "postal_code": "8001",
            "country": "ZA"}] * n)
        self.addresses = [a.json["id"] for a in made]

    def close(self):
        for conn in self.conns:
            if conn is not None:
                conn.close()
        self.conns = [None] * len(self.conns)

    def send(self, who, method, path, bodies, tokens=True):
        for i in who:
            if self.conns[i] is None:
                self.conns[i] = Conn("127.0.0.1", self.server.port, timeout=120)
        for i in who:
            self.conns[i].send(self.client.bytes_of(method, path, bodies[i], token=self.tokens[i] if tokens else None))

    def read(self, i):
        """The answer to one of them; None when the server is gone."""
        try:
            answer = self.conns[i].read()
        except (OSError, WireError):
            answer = None
        if answer is None or answer.closed:
            self.conns[i].close()
            self.conns[i] = None
        return answer

    def all(self, method, path, bodies, tokens=True):
        """Every one's answer; who is told that the server is busy comes again."""
        answers, left = [None] * len(self.conns), list(range(len(self.conns)))
        while left:
            self.send(left, method, path, bodies, tokens)
            for i in left:
                answers[i] = self.read(i)
                assert answers[i] is not None, self.server.log_text()[-2000:]
            left = [i for i in left if answers[i].status == BUSY]
        bad = [a for a in answers if a.status >= 400 and a.status != 400]
        assert not bad, bad[:3]
        return answers

    def wants(self, items):
        """Bodies of contract B's orders of the same items."""
        return [{"items": items, "address": address} for address in self.addresses]


def manager_of(server):
    # The command line is no development server: it asks for more rounds.
    server.env["SUTLER_PASSWORD_ITERATIONS"] = "100000"
    boss = ordering.manager(server)
    server.env["SUTLER_PASSWORD_ITERATIONS"] = SETTINGS["SUTLER_PASSWORD_ITERATIONS"]
    return boss


def crowd_of(ctx):
    """One for the file: their names are made once."""
    if not hasattr(ctx, "crowd"):
        server = ctx.server(env=SETTINGS, insecure_dev=True)
        ctx.crowd, ctx.boss = Crowd(server, BUYERS), manager_of(server)
        ctx.goods = [v for v in ordering.catalogue(ctx.boss) if v["is_active"]]
        random.Random(35).shuffle(ctx.goods)
    return ctx.crowd, ctx.boss


def variant_with(ctx, stock):
    variant = ctx.goods.pop()
    ordering.set_stock(ctx.boss, variant, stock)
    return variant


def counted(answers):
    """How many have got it; all others were told that none is left."""
    made = [a for a in answers if a.status == 201]
    for answer in answers:
        if answer.status != 201:
            assert answer.status == 400 and answer.json["error"]["reason"] == "out_of_stock", answer
    assert len({a.json["id"] for a in made}) == len(made)
    return len(made)


def test_a_thousand_buyers_for_ten_ten_times_over(ctx):
    crowd, boss = crowd_of(ctx)
    for _ in range(10):
        variant = variant_with(ctx, STOCK)
        made = counted(crowd.all("POST", "/api/v1/orders/", crowd.wants([{"variant": variant["id"], "quantity": 1}])))
        assert made == STOCK, made
        assert ordering.available(boss, variant) == 0


def test_more_than_one_of_it_and_things_in_any_order(ctx):
    """Three each of ten; and two things, of which every second buyer names the other first."""
    crowd, boss = crowd_of(ctx)
    variant = variant_with(ctx, STOCK)
    assert counted(crowd.all("POST", "/api/v1/orders/", crowd.wants([{"variant": variant["id"], "quantity": 3}]))) == 3
    assert ordering.available(boss, variant) == 1
    one, two = variant_with(ctx, STOCK), variant_with(ctx, STOCK)
    items = [{"variant": one["id"], "quantity": 1}, {"variant": two["id"], "quantity": 1}]
    bodies = [{"items": items[::1 if i % 2 else -1], "address": a} for i, a in enumerate(crowd.addresses)]
    assert counted(crowd.all("POST", "/api/v1/orders/", bodies)) == STOCK
    assert ordering.available(boss, one) == ordering.available(boss, two) == 0


def test_carts_at_once(ctx):
    """By contract A: all have it in their carts; who gets none keeps it there."""
    crowd, boss = crowd_of(ctx)
    variant = variant_with(ctx, STOCK)
    crowd.all("POST", "/api/orders/cart/add/", [{"variant_id": variant["id"], "quantity": 1}] * BUYERS)
    answers = crowd.all("POST", "/api/orders/create/", [{"address": "1 Long Street", "payment_method": "offline"}] * BUYERS)
    made = [i for i, a in enumerate(answers) if a.status == 201]
    assert len(made) == STOCK and ordering.available(boss, variant) == 0, len(made)
    assert all(a.json["code"] == "out_of_stock" for a in answers if a.status != 201)
    carts = crowd.all("GET", "/api/orders/cart/", [None] * BUYERS)
    assert [i for i, a in enumerate(carts) if not a.json["items"]] == made


def test_cancel_against_the_next_buyer(ctx):
    """All ten are given back while hundreds ask for them: what is free again is sold once."""
    crowd, boss = crowd_of(ctx)
    variant = variant_with(ctx, STOCK)
    wants = crowd.wants([{"variant": variant["id"], "quantity": 1}])
    first = crowd.all("POST", "/api/v1/orders/", wants)
    orders = {i: a.json["id"] for i, a in enumerate(first) if a.status == 201}
    others = [i for i in range(BUYERS) if i not in orders]
    def cancel(i):
        crowd.send([i], "POST", f"/api/v1/orders/{orders[i]}/cancel/", [None] * BUYERS)

    for i in orders:
        cancel(i)
    crowd.send(others, "POST", "/api/v1/orders/", wants)
    for i in orders:
        # Who is told that the server is busy comes again.
        while (answer := crowd.read(i)).status == BUSY:
            cancel(i)
        assert answer.status == 200, answer
    made = sum(crowd.read(i).status == 201 for i in others)
    assert made + ordering.available(boss, variant) == STOCK, made


def test_the_ledger_adds_up(ctx):
    crowd, _ = crowd_of(ctx)
    crowd.close()
    ordering.sound(crowd.server)


def test_a_kill_in_the_middle(ctx):
    """kill -9 of all while a thousand orders are under way: who was told has it, and ten are sold in the end."""
    server = ctx.own_server(env=SETTINGS, insecure_dev=True, port=sutler.lasting_port())
    crowd, boss = Crowd(server, BUYERS), manager_of(server)
    goods = [v for v in ordering.catalogue(boss) if v["is_active"]]
    for acknowledged in (0, 1, 4, 9):
        variant = goods.pop()
        ordering.set_stock(boss, variant, STOCK)
        wants = crowd.wants([{"variant": variant["id"], "quantity": 1}])
        crowd.send(range(BUYERS), "POST", "/api/v1/orders/", wants)
        # The first comers are among the first to be served, though not surely in their order.
        told, i = set(), 0
        end = time.monotonic() + 60
        while len(told) < acknowledged and i < BUYERS and time.monotonic() < end:
            answer = crowd.read(i)
            if answer is not None and answer.status == 201:
                told.add(answer.json["id"])
            i += 1
        server.kill()
        # What had been sent before the kill was told, too.
        for k in range(i, BUYERS):
            answer = crowd.read(k)
            if answer is not None and answer.status == 201:
                told.add(answer.json["id"])
        crowd.close()
        server.start()
        ids = ordering.rows(server, "SELECT CAST(order_id AS TEXT) FROM order_lines"
                                    f" WHERE variant_id = {variant['id']} ORDER BY order_id")
        assert told <= set(map(int, ids)) and len(ids) <= STOCK, (told, ids)
        boss.close()
        assert ordering.available(boss, variant) == STOCK - len(ids)
        made = counted(crowd.all("POST", "/api/v1/orders/", wants))
        assert made == STOCK - len(ids), (made, len(ids))
    crowd.close()
    ordering.sound(server)
