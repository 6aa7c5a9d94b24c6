# SPDX-License-Identifier: Apache-2.0
"""Orders of both contracts: made, listed, shown, cancelled, moved on; every refusal; what the store keeps of them."""
import json
import re
import threading
import time

import mails
import ordering
import sutler
from ordering import ADDRESS
from shopping import Manager, word
from sutler import also_tls

CARD = "4111 1111 1111 1111"
ROW = {"id", "order_number", "status", "total_price", "address", "created_at", "updated_at", "items_count", "items_preview"}
WHOLE = {"id", "order_number", "status", "total_price", "address", "notes", "created_at", "updated_at", "items",
         "status_history"}
B_ORDER = {"id", "order_number", "status", "total_price", "currency", "address", "notes", "items", "payment_status",
           "created_by", "modified_by", "created_at", "modified_at"}
DENIED = {"detail": "You do not have permission to perform this action.", "code": "permission_denied"}


def cents(text):
    assert re.fullmatch(r"\d+\.\d\d", text), text
    return int(text.replace(".", ""))


def refused(answer, status, error, code, **more):
    assert answer.status == status, answer
    assert answer.json == {"success": False, "error": error, "code": code, **more}, answer.json


def refused_b(answer, status, reason):
    assert answer.status == status, answer
    assert answer.json["error"]["code"] == status and answer.json["error"]["reason"] == reason, answer.json
    return answer.json["error"]


@also_tls
def test_from_cart_to_order(ctx):
    client = ordering.buyer(ctx)
    one, two = ordering.pick(client, 3), ordering.pick(client, 2)
    before = ordering.available(client, one)
    ordering.put(client, one, 2)
    ordering.put(client, two, 1)
    made = ordering.create(client, notes="Ring twice")
    assert made.status == 201 and made.json["success"] and made.json["message"] == "Order created successfully", made.json
    data = made.json["data"]
    assert set(data) == {"order_id", "order_number", "status", "total_price", "items_count", "created_at", "payment_url"}
    total = 2 * cents(one["price"]) + cents(two["price"])
    year = time.gmtime().tm_year
    assert data["order_number"] in {f"MW-{y}-{data['order_id']:05d}" for y in (year - 1, year)}
    assert data["status"] == "pending" and data["items_count"] == 3 and data["payment_url"] is None
    assert cents(data["total_price"]) == total
    assert ordering.cart(client) == {}
    assert ordering.available(client, one) == before - 2, "what is held can't be bought by others"
    whole = client.get(f"/api/orders/{data['order_id']}/")
    assert whole.status == 200 and set(whole.json) == WHOLE, whole.json
    assert whole.json["address"] == ADDRESS and whole.json["notes"] == "Ring twice"
    assert whole.json["status_history"] == [{"status": "pending", "timestamp": data["created_at"]}]
    for key in ("order_number", "status", "total_price", "created_at"):
        assert whole.json[key] == data[key], key
    lines = {i["variant"]["id"]: i for i in whole.json["items"]}
    assert set(lines) == {one["id"], two["id"]}
    line = lines[one["id"]]
    assert set(line) == {"id", "variant", "quantity", "price_at_purchase", "subtotal"} and line["quantity"] == 2
    assert line["price_at_purchase"] == one["price"] and cents(line["subtotal"]) == 2 * cents(one["price"])
    assert set(line["variant"]) == {"id", "sku", "size", "color", "stock_available", "product"}
    assert set(line["variant"]["product"]) == {"id", "name", "slug", "base_price", "images"}
    assert line["variant"]["stock_available"] == before - 2


def test_lists(ctx):
    server = ctx.server()
    client, boss = ordering.buyer(ctx), ordering.staff(server)
    variant = ordering.pick(client, 10)
    ids = [ordering.order(client, (variant, 1))["order_id"] for _ in range(4)]
    ordering.move(boss, ids[1], "paid")
    page = client.get("/api/orders/").json
    assert set(page) == {"count", "next", "previous", "results"} and page["count"] == 4
    assert [r["id"] for r in page["results"]] == ids[::-1], "the newest first"
    assert all(set(r) == ROW for r in page["results"])
    preview = page["results"][0]["items_preview"]
    assert preview == [{"product_name": variant["name"], "quantity": 1, "thumbnail": None}], preview
    assert all(r["items_count"] == 1 and r["address"] == ADDRESS and r["total_price"] == variant["price"]
               for r in page["results"])
    assert [r["id"] for r in client.get("/api/orders/?ordering=created_at").json["results"]] == ids
    assert [r["id"] for r in client.get("/api/orders/?ordering=-created_at").json["results"]] == ids[::-1]
    assert [r["id"] for r in client.get("/api/orders/?status=paid").json["results"]] == [ids[1]]
    assert client.get("/api/orders/?status=shipped").json["results"] == []
    for status, at in (("shipped", 1), ("delivered", 1), ("cancelled", 0)):
        ordering.move(boss, ids[at], status)
        for path in ("/api/orders/", "/api/v1/orders/"):
            assert [r["id"] for r in client.get(f"{path}?status={status}").json["results"]] == [ids[at]], (path, status)
    assert [r["id"] for r in client.get("/api/orders/?status=pending&ordering=created_at").json["results"]] == ids[2:]
    part = client.get("/api/orders/?page_size=3&page=2&ordering=created_at").json
    assert [r["id"] for r in part["results"]] == ids[3:] and part["next"] is None and "page_size=3" in part["previous"]
    assert client.get("/api/orders/?page_size=1000").status == 200
    for query in ("status=gone", "ordering=total", "page=0", "page_size=x", "status=paid&status=paid"):
        assert client.get(f"/api/orders/?{query}").status == 400, query
    beyond = client.get("/api/orders/?page=9")
    assert beyond.status == 404 and beyond.json["detail"] == "Invalid page."
    assert ctx.client().get("/api/orders/").status == 401
    # Nobody sees another's in the list, staff neither.
    assert ordering.buyer(ctx).get("/api/orders/").json["count"] == 0
    assert boss.get("/api/orders/").json["count"] == 0


def test_what_can_not_be_ordered(ctx):
    client = ordering.buyer(ctx)
    refused(ordering.create(client), 400, "Cart is empty", "empty_cart")
    variant = ordering.pick(client, 2)
    ordering.put(client, variant)
    for address in ("", "   ", None):
        refused(client.post("/api/orders/create/", {"address": address, "payment_method": "offline"}), 400,
                "Delivery address is required", "invalid")
    refused(client.post("/api/orders/create/", {"payment_method": "offline"}), 400, "Delivery address is required", "invalid")
    bad = client.post("/api/orders/create/", {"address": ADDRESS, "payment_method": "gold"})
    assert bad.status == 400 and set(bad.json) == {"payment_method"}, bad.json
    bad = client.post("/api/orders/create/", {"address": ADDRESS})
    assert bad.json == {"payment_method": ["This field is required."]}
    for field, text in (("address", "x" * 1001), ("notes", "x" * 1001), ("address", f"1 Road {CARD}"), ("notes", CARD),
                        ("notes", "4111-1111-1111-1111"), ("address", "a\0b"), ("notes", 5), ("address", ["x"])):
        bad = client.post("/api/orders/create/", {"address": ADDRESS, "payment_method": "offline", field: text})
        assert bad.status == 400 and (set(bad.json) == {field} or "\0" in str(text)), (field, bad.json)
    for field in ("total_price", "status", "person_id", "id", "items", "held_until", "refund_status"):
        bad = client.post("/api/orders/create/", {"address": ADDRESS, "payment_method": "offline", field: 1})
        assert bad.status == 400 and set(bad.json) == {field}, bad.json
    for method in ("stripe", "paystack"):
        bad = ordering.create(client, method)
        refused(bad, 402, "Payment processing failed", "payment_failed", payment_error=bad.json["payment_error"])
        assert isinstance(bad.json["payment_error"], str) and bad.json["payment_error"], bad.json
    assert ctx.client().post("/api/orders/create/", {"address": ADDRESS, "payment_method": "offline"}).status == 401
    assert client.get("/api/orders/").json["count"] == 0 and ordering.cart(client) == {variant["id"]: 1}, "nothing is lost"
    assert CARD not in ctx.server().log_text()


def test_checkout_is_an_offline_order(ctx):
    client = ordering.buyer(ctx)
    ordering.put(client, ordering.pick(client))
    made = client.post("/api/orders/checkout/", {"address": ADDRESS})
    assert made.status == 201 and made.json["data"]["payment_url"] is None, made.json
    refused(client.post("/api/orders/checkout/", {"address": ADDRESS}), 400, "Cart is empty", "empty_cart")
    refused(client.post("/api/orders/checkout/", {}), 400, "Delivery address is required", "invalid")


def test_changed_between_cart_and_order(ctx):
    """Priced anew, renamed, sold out, taken from sale: clear words, and nothing is lost."""
    server = ctx.server()
    client, other, boss = ordering.buyer(ctx), ordering.buyer(ctx), ordering.manager(server)
    variant = ordering.pick(client, 4)
    path = f"/api/v1/products/{variant['product']}/"
    ordering.put(client, variant, 2)
    # Another price and another name: those of the moment in which it is ordered.
    changed = boss.patch(path, {"price": "77.70", "name": "Renamed Dress"})
    assert changed.status == 200, changed
    data = ordering.create(client).json["data"]
    own = boss.get(f"{path}variants/{variant['id']}/").json["price"]
    price = own or "77.70"
    assert cents(data["total_price"]) == 2 * cents(price)
    # What was bought stays what it was.
    assert boss.patch(path, {"price": "5.00", "name": "Renamed Again"}).status == 200
    item = client.get(f"/api/orders/{data['order_id']}/").json["items"][0]
    assert item["price_at_purchase"] == price and item["variant"]["product"]["name"] == "Renamed Dress"
    assert client.get(f"/api/orders/{data['order_id']}/").json["total_price"] == data["total_price"]
    # Sold out.
    left = ordering.available(client, variant)
    ordering.put(client, variant, 2)
    ordering.order(other, (variant, left - 1))
    short = ordering.create(client)
    sort = f"{variant['size']}, {variant['color']}" if variant["size"] else variant["color"]
    refused(short, 400, f"Insufficient stock for: Renamed Again ({sort}). Only 1 available.", "out_of_stock",
            out_of_stock_items=[{"product": "Renamed Again", "variant": sort, "requested": 2, "available": 1}])
    assert ordering.cart(client) == {variant["id"]: 2} and ordering.available(client, variant) == 1
    # Taken from sale: told once; then the rest can be ordered.
    keeps = next(v for v in ordering.catalogue(client) if v["product"] != variant["product"] and v["stock_available"] > 0)
    ordering.put(client, keeps)
    assert boss.patch(path, {"is_active": False}).status == 200
    gone = ordering.create(client)
    assert gone.status == 400 and gone.json["code"] == "out_of_stock", gone.json
    assert gone.json["out_of_stock_items"] == [
        {"product": "Renamed Again", "variant": sort, "requested": 2, "available": 0}], gone.json
    data = ordering.create(client).json["data"]
    assert [i["variant"]["id"] for i in client.get(f"/api/orders/{data['order_id']}/").json["items"]] == [keeps["id"]]
    # An order of what is not sold any more is shown all the same.
    assert client.get("/api/orders/").json["count"] == 2


def test_all_that_falls_short_is_told_at_once(ctx):
    client, m = ordering.buyer(ctx), Manager.of(ctx.server())
    products = [m.product(name=f"Short {n}", variants=[{"name": "M / Sand", "sku": word(), "stock": 5}]) for n in range(3)]
    rows = [(p["id"], next(v["id"] for v in p["variants"] if v["name"] == "M / Sand")) for p in products]
    for _, variant in rows:
        ordering.put(client, {"id": variant}, 4)
    for n in (0, 2):
        m.set_variant(*rows[n], stock=n)
    short = ordering.create(client)
    refused(short, 400, "Insufficient stock for: Short 0 (M, Sand). Only 0 available.", "out_of_stock", out_of_stock_items=[
        {"product": f"Short {n}", "variant": "M, Sand", "requested": 4, "available": n} for n in (0, 2)])
    items = [{"variant": v, "quantity": 4} for _, v in rows]
    answer = client.post("/api/v1/orders/", {"items": items, "address": ordering.address_of(client)})
    error = refused_b(answer, 400, "out_of_stock")
    assert error["out_of_stock_items"] == short.json["out_of_stock_items"] and error["message"] == short.json["error"]
    assert ordering.cart(client) == {v: 4 for _, v in rows} and client.get("/api/orders/").json["count"] == 0


def test_a_variants_own_price_is_what_is_paid(ctx):
    """In both contracts; a variant without one costs what its product does."""
    client, m = ordering.buyer(ctx), Manager.of(ctx.server())
    p = m.product(price="10.00", variants=[{"name": "M / Blue", "sku": word(), "price": "7.25", "stock": 9},
                                           {"name": "Plain", "sku": word(), "stock": 9}])
    own, plain = (next(v for v in p["variants"] if v["name"] == name) for name in ("M / Blue", "Plain"))
    made = ordering.order(client, (own, 2), (plain, 1))
    assert (made["total_price"], made["items_count"]) == ("24.50", 3)
    items = client.get(f"/api/orders/{made['order_id']}/").json["items"]
    assert [(i["price_at_purchase"], i["subtotal"], i["variant"]["sku"], i["variant"]["size"], i["variant"]["color"],
             i["variant"]["product"]["base_price"]) for i in items] == [
        ("7.25", "14.50", own["sku"], "M", "Blue", "10.00"), ("10.00", "10.00", plain["sku"], None, "Plain", "10.00")], items
    order = client.get(f"/api/v1/orders/{made['order_id']}/").json
    assert [(i["price"], i["subtotal"]) for i in order["items"]] == [("7.25", "14.50"), ("10.00", "10.00")]
    assert order["total_price"] == "24.50" and order["notes"] is None


def test_what_an_order_does_to_the_stock_of_both_contracts(ctx):
    """Held: still on the shelf, though nobody else's.  Paid: off it.  Cancelled: on it again."""
    server = ctx.server()
    client, boss, m = ordering.buyer(ctx), ordering.staff(server), Manager.of(server)
    variant, product = m.variant(stock=9)

    def stocks():
        """As contract B counts and as contract A sells."""
        return (m.client.get(f"/api/v1/products/{product}/").json["stock"],
                ordering.available(client, {"id": variant, "product": product}))

    order = ordering.order(client, ({"id": variant}, 2))["order_id"]
    assert stocks() == (9, 7)
    ordering.move(boss, order, "paid")
    assert stocks() == (7, 7)
    assert client.post(f"/api/orders/{order}/cancel/", {}).status == 200
    assert stocks() == (9, 9)
    order = ordering.order(client, ({"id": variant}, 3))["order_id"]
    assert stocks() == (9, 6)
    assert client.post(f"/api/orders/{order}/cancel/", {}).status == 200
    assert stocks() == (9, 9)


def test_deleted_between_cart_and_order(ctx):
    client, m = ordering.buyer(ctx), Manager.of(ctx.server())
    (one, first), (two, second) = m.variant(), m.variant(name="Sold before")
    ordering.order(client, ({"id": two}, 1))
    ordering.put(client, {"id": one})
    ordering.put(client, {"id": two})
    m.delete(first)
    assert ordering.cart(client) == {two: 1}, "what nobody ordered is gone, with its line"
    m.delete(second)
    # What was ordered once is known still: its buyer is told, once.
    gone = ordering.create(client)
    assert gone.status == 400 and gone.json["code"] == "out_of_stock", gone.json
    assert gone.json["out_of_stock_items"] == [
        {"product": "Sold before", "variant": "Sold before", "requested": 1, "available": 0}], gone.json
    refused(ordering.create(client), 400, "Cart is empty", "empty_cart")
    assert client.get("/api/orders/").json["count"] == 1


def test_two_tabs_order_the_same_cart(ctx):
    server = ctx.server()
    client = ordering.buyer(ctx)
    for _ in range(3):
        ordering.put(client, ordering.pick(client), 1)
        answers, gate = [], threading.Barrier(6)

        def tab():
            mine = server.client(token=client.token)
            mine.get("/api/orders/cart/")
            gate.wait()
            answers.append(ordering.create(mine))
        tabs = [threading.Thread(target=tab) for _ in range(6)]
        for t in tabs:
            t.start()
        for t in tabs:
            t.join()
        made = [a for a in answers if a.status == 201]
        assert len(made) == 1, [a.status for a in answers]
        for other in answers:
            if other.status != 201:
                refused(other, 400, "Cart is empty", "empty_cart")
    assert client.get("/api/orders/").json["count"] == 3


def test_other_peoples_orders(ctx):
    server = ctx.server()
    client, stranger, boss = ordering.buyer(ctx), ordering.buyer(ctx), ordering.staff(server)
    order = ordering.order(client, (ordering.pick(client), 1))["order_id"]
    for who, verb, path in ((stranger, "GET", f"/api/orders/{order}/"), (stranger, "POST", f"/api/orders/{order}/cancel/"),
                            (boss, "POST", f"/api/orders/{order}/cancel/"), (stranger, "GET", f"/api/v1/orders/{order}/"),
                            (stranger, "POST", f"/api/v1/orders/{order}/cancel/")):
        answer = who.request(verb, path, json={} if verb == "POST" and "v1" not in path else None)
        assert answer.status == 403, (path, answer)
        assert "Cape Town" not in answer.body.decode() and "MW-" not in answer.body.decode()
    denied = stranger.post(f"/api/orders/{order}/status/", {"status": "paid"})
    assert denied.status == 403 and denied.json == DENIED, denied
    assert stranger.get(f"/api/orders/{order}/").json == DENIED
    refused_b(stranger.get(f"/api/v1/orders/{order}/"), 403, "permission_denied")
    assert boss.get(f"/api/orders/{order}/").json["address"] == ADDRESS
    assert boss.get(f"/api/v1/orders/{order}/").json["address"] == ADDRESS
    path = "/api/orders/99999999/"
    refused(client.get(path), 404, "Order not found", "not_found")
    refused(client.post(path + "cancel/", {}), 404, "Order not found", "not_found")
    refused(boss.post(path + "status/", {"status": "paid"}), 404, "Order not found", "not_found")
    assert client.get("/api/orders/9223372036854775807/").status == 404
    assert client.get("/api/orders/0/").status == 404 and client.get("/api/orders/x/").status == 404
    refused_b(client.get("/api/v1/orders/99999999/"), 404, "not_found")
    refused_b(client.post("/api/v1/orders/99999999/cancel/"), 404, "not_found")
    assert client.get(f"/api/orders/{order}/").json["status"] == "pending"


def test_cancel(ctx):
    server = ctx.server()
    client, boss = ordering.buyer(ctx), ordering.staff(server)
    variant = ordering.pick(client, 9)
    before = ordering.available(client, variant)
    order = ordering.order(client, (variant, 2))["order_id"]
    bad = client.post(f"/api/orders/{order}/cancel/", {"reason": CARD})
    assert bad.status == 400 and set(bad.json) == {"reason"}
    done = client.post(f"/api/orders/{order}/cancel/", {"reason": "Too slow"})
    assert done.status == 200 and done.json["data"] == {"order_id": order, "status": "cancelled", "refund_status": None}
    assert ordering.available(client, variant) == before
    refused(client.post(f"/api/orders/{order}/cancel/", {}), 400, "Order cannot be cancelled. Status: cancelled", "invalid",
            current_status="cancelled", cancellable_statuses=["pending", "paid"])
    # A paid one gives its goods back, and money is owed.
    order = ordering.order(client, (variant, 3))["order_id"]
    ordering.move(boss, order, "paid")
    assert ordering.available(client, variant) == before - 3
    done = client.post(f"/api/orders/{order}/cancel/")
    assert done.status == 200 and done.json["data"]["refund_status"] == "pending", done.json
    assert ordering.available(client, variant) == before
    history = client.get(f"/api/orders/{order}/").json["status_history"]
    assert [h["status"] for h in history] == ["pending", "paid", "cancelled"]
    # What has left can't be.
    order = ordering.order(client, (variant, 1))["order_id"]
    for status in ("paid", "shipped", "delivered"):
        ordering.move(boss, order, status)
        if status != "paid":
            refused(client.post(f"/api/orders/{order}/cancel/", {}), 400, f"Order cannot be cancelled. Status: {status}",
                    "invalid", current_status=status, cancellable_statuses=["pending", "paid"])
    assert ordering.available(client, variant) == before - 1


def test_a_paid_order_can_be_cancelled_for_a_day(ctx):
    server = ctx.own_server()
    client, boss = ordering.buyer(ctx, server), ordering.staff(server)
    variant = ordering.pick(client, 4)
    late, timely = (ordering.order(client, (variant, 1))["order_id"] for _ in range(2))
    ordering.move(boss, late, "paid")
    ordering.move(boss, timely, "paid")
    hour = 3600 * 1000
    ordering.rows(server, f"UPDATE orders SET paid_at = paid_at - {24 * hour + 60000} WHERE id = {late}",
                  f"UPDATE orders SET paid_at = paid_at - {23 * hour} WHERE id = {timely}")
    refused(client.post(f"/api/orders/{late}/cancel/", {}), 400, "Order cannot be cancelled. Status: paid", "invalid",
            current_status="paid", cancellable_statuses=["pending", "paid"])
    refused(boss.post(f"/api/orders/{late}/status/", {"status": "cancelled"}), 400,
            "Cannot transition from 'paid' to 'cancelled'", "invalid", current_status="paid", requested_status="cancelled")
    assert client.post(f"/api/orders/{timely}/cancel/", {}).status == 200
    ordering.sound(server)


def test_statuses(ctx):
    """All 25 pairs: the five steps that may be, and the sentence of each other."""
    server = ctx.server()
    client, boss = ordering.buyer(ctx), ordering.staff(server)
    variant = ordering.pick(client, 8)
    ways = {"pending": (), "paid": ("paid",), "shipped": ("paid", "shipped"), "delivered": ("paid", "shipped", "delivered"),
            "cancelled": ("cancelled",)}
    may = {("pending", "paid"), ("pending", "cancelled"), ("paid", "shipped"), ("paid", "cancelled"), ("shipped", "delivered")}
    for origin, way in ways.items():
        order = ordering.order(client, (variant, 1))["order_id"]
        ordering.move(boss, order, *way)
        for to in ways:
            if (origin, to) in may:
                continue
            answer = boss.post(f"/api/orders/{order}/status/", {"status": to})
            refused(answer, 400, f"Cannot transition from '{origin}' to '{to}'", "invalid", current_status=origin,
                    requested_status=to)
        assert client.get(f"/api/orders/{order}/").json["status"] == origin
    order = ordering.order(client, (variant, 1))["order_id"]
    done = boss.post(f"/api/orders/{order}/status/", {"status": "cancelled"})
    assert done.status == 200 and done.json["data"]["status"] == "cancelled", done.json
    for body in ({}, {"status": "gone"}, {"status": None}, {"status": 1}):
        assert set(boss.post(f"/api/orders/{order}/status/", body).json) == {"status"}, body
    assert boss.post(f"/api/orders/{order}/status/", {}).json == {"status": ["This field is required."]}
    assert ctx.client().post(f"/api/orders/{order}/status/", {"status": "paid"}).status == 401


def test_staff_changes_are_audited(ctx):
    server = ctx.own_server()
    client, boss = ordering.buyer(ctx, server), ordering.staff(server)
    order = ordering.order(client, (ordering.pick(client), 1))["order_id"]
    ordering.move(boss, order, "paid", "shipped")
    boss.post(f"/api/orders/{order}/status/", {"status": "paid"})
    trail = ordering.rows(server, "SELECT action || ' ' || CAST(user_id AS TEXT) || ' ' || COALESCE(change, '') FROM audit"
                                  f" WHERE resource = 'order:{order}' ORDER BY id")
    assert trail == [
        f"order.create {client.id} ",
        f'admin.order_status {boss.id} {{"before":{{"status":"pending"}},"after":{{"status":"paid"}}}}',
        f'admin.order_status {boss.id} {{"before":{{"status":"paid"}},"after":{{"status":"shipped"}}}}'], trail
    ordering.sound(server)


def test_mails_of_an_order(ctx):
    server = ctx.server()
    client, boss = ordering.buyer(ctx), ordering.staff(server)
    box = mails.Mailbox(server)
    variant = ordering.pick(client, 16)
    data = ordering.order(client, (variant, 2))
    ordering.move(boss, data["order_id"], "paid", "shipped", "delivered")
    for words in ("Your order {} at", "{} at .* is paid", "is on its way", "has arrived"):
        mail = box.take(client.email, subject=data["order_number"])
        assert re.search(words.format(data["order_number"]), mail.subject), (words, mail.subject)
        assert f"2 x {variant['name']}" in mail.text and f"Total: {data['total_price']} ZAR" in mail.text, mail.text
        assert "Cape Town" not in mail.text
    cancelled = ordering.order(client, (variant, 1))
    assert client.post(f"/api/orders/{cancelled['order_id']}/cancel/", {}).status == 200
    assert "was cancelled" in [box.take(client.email, subject=cancelled["order_number"]) for _ in range(2)][1].subject
    # They are no notices, of which a day has ten.
    numbers = [ordering.order(client, (variant, 1))["order_number"] for _ in range(12)]
    for number in numbers:
        box.take(client.email, subject=number)


def test_a_hold_ends(ctx):
    server = ctx.own_server()
    client, boss = ordering.buyer(ctx, server), ordering.staff(server)
    variant = ordering.pick(client, 5)
    before = ordering.available(client, variant)
    first = ordering.order(client, (variant, 2))["order_id"]
    # Made as one that must be paid beforehand; no provider is set up here.
    ordering.rows(server, f"UPDATE orders SET payment_method = 1, held_until = 1 WHERE id = {first}")
    end = time.monotonic() + 60
    while client.get(f"/api/orders/{first}/").json["status"] != "cancelled":
        assert time.monotonic() < end, "the hold does not end"
        time.sleep(0.05)
    while ordering.available(client, variant) != before:
        assert time.monotonic() < end, "the pages show the stock of before"
        time.sleep(0.05)
    # One that is paid at the door does not end; and what has ended can't be paid any more.
    second = ordering.order(client, (variant, 1))["order_id"]
    refused(boss.post(f"/api/orders/{first}/status/", {"status": "paid"}), 400, "Cannot transition from 'cancelled' to 'paid'",
            "invalid", current_status="cancelled", requested_status="paid")
    assert client.get(f"/api/orders/{second}/").json["status"] == "pending"
    trail = ordering.rows(server, "SELECT action || ' ' || COALESCE(change, '') FROM audit WHERE user_id IS NULL"
                                  f" AND resource = 'order:{first}'")
    assert trail == ['order.cancel {"before":{"status":"pending"},"after":{"status":"cancelled","why":"expired"}}'], trail
    ordering.sound(server)


def test_a_hold_of_many_things_ends(ctx):
    """However many things it held, the pages of each show them again."""
    server = ctx.own_server()
    client, boss = ordering.buyer(ctx, server), ordering.manager(server)
    category = boss.get("/api/v1/categories/").json["results"][0]["id"]
    some = []
    for n in range(70):
        made = boss.post("/api/v1/products/", {"name": f"Thing {n}", "price": "1.00", "category": category, "sku": f"HOLD-{n}",
                                               "stock": 3, "is_active": True, "description": "x"})
        assert made.status == 201, made
        some.append({"product": made.json["id"], "id": made.json["variants"][0]["id"]})
    first = ordering.order(client, *((v, 2) for v in some))["order_id"]
    ordering.rows(server, f"UPDATE orders SET payment_method = 1, held_until = 1 WHERE id = {first}")
    end = time.monotonic() + 60
    while any(ordering.available(client, v) != 3 for v in some):
        assert time.monotonic() < end, "the pages show the stock of before"
        time.sleep(0.2)


def test_repeated_requests_make_one_order(ctx):
    client = ordering.buyer(ctx)
    variant = ordering.pick(client, 5)
    ordering.put(client, variant)
    headers = {"Idempotency-Key": "order-1"}
    body = {"address": ADDRESS, "payment_method": "offline"}
    first = client.post("/api/orders/create/", body, headers=headers)
    assert first.status == 201, first
    ordering.put(client, variant)
    again = client.post("/api/orders/create/", body, headers=headers)
    assert again.status == 201 and again.json == first.json and again.get("Idempotency-Replayed") == "true"
    assert client.post("/api/orders/create/", {**body, "notes": "x"}, headers=headers).status == 422
    assert client.get("/api/orders/").json["count"] == 1 and ordering.cart(client) == {variant["id"]: 1}
    # What was refused made nothing: the key is free.
    client.post("/api/orders/cart/clear/")
    refused(client.post("/api/orders/create/", body, headers={"Idempotency-Key": "order-2"}), 400, "Cart is empty", "empty_cart")
    ordering.put(client, variant)
    assert client.post("/api/orders/create/", body, headers={"Idempotency-Key": "order-2"}).status == 201
    # By the deployed front end's spelling.
    ordering.put(client, variant)
    first = client.post("/api/orders/checkout/", {"address": ADDRESS}, headers=headers)
    ordering.put(client, variant)
    again = client.post("/api/orders/checkout/", {"address": ADDRESS}, headers=headers)
    assert first.status == again.status == 201 and again.json == first.json and again.get("Idempotency-Replayed") == "true"
    assert client.get("/api/orders/").json["count"] == 3 and ordering.cart(client) == {variant["id"]: 1}
    address = ordering.address_of(client)
    body = {"items": [{"variant": variant["id"], "quantity": 1}], "address": address}
    first = client.post("/api/v1/orders/", body, headers=headers)
    again = client.post("/api/v1/orders/", body, headers=headers)
    assert first.status == again.status == 201 and again.json["id"] == first.json["id"]


def test_contract_b(ctx):
    server = ctx.server()
    client, boss = ordering.buyer(ctx), ordering.staff(server)
    one, two = ordering.pick(client, 9), ordering.pick(client, 3)
    address = ordering.address_of(client)
    wanted = [{"variant": one["id"], "quantity": 1}, {"variant": two["id"], "quantity": 2}, {"variant": one["id"], "quantity": 3}]
    made = client.post("/api/v1/orders/", {"items": wanted, "address": address, "notes": "Blue bell"})
    assert made.status == 201 and set(made.json) == B_ORDER, made.json
    order = made.json
    assert order["created_by"] == order["modified_by"] == client.id and order["currency"] == "ZAR"
    assert order["status"] == "pending" and order["payment_status"] == "unpaid" and order["notes"] == "Blue bell"
    assert order["address"] == "Ada Byron\n1 Long Street\nCape Town, 8001\nZA\n+27215550100", order["address"]
    assert [(i["variant"], i["quantity"]) for i in order["items"]] == [(one["id"], 4), (two["id"], 2)], "summed"
    for item, variant in zip(order["items"], (one, two)):
        assert set(item) == {"id", "variant", "product_name", "sku", "quantity", "price", "subtotal"}
        assert item["sku"] == variant["sku"] and item["price"] == variant["price"] and item["product_name"] == variant["name"]
        assert cents(item["subtotal"]) == item["quantity"] * cents(item["price"])
    assert cents(order["total_price"]) == sum(cents(i["subtotal"]) for i in order["items"])
    # Made through one, seen through the other; the address was copied.
    changed = client.patch(f"/api/v1/users/me/addresses/{address}/", {"line1": "2 Short Street"})
    assert changed.status == 200, changed
    assert client.get(f"/api/v1/orders/{order['id']}/").json == order
    seen = client.get(f"/api/orders/{order['id']}/").json
    assert seen["order_number"] == order["order_number"] and seen["total_price"] == order["total_price"]
    assert seen["address"] == order["address"] and len(seen["items"]) == 2
    other = ordering.order(client, (one, 1))
    mine = client.get("/api/v1/orders/").json
    assert mine["count"] == 2 and [o["id"] for o in mine["results"]] == [other["order_id"], order["id"]]
    assert all(set(o) == B_ORDER for o in mine["results"])
    assert [o["id"] for o in client.get("/api/v1/orders/?ordering=created_at&page_size=1").json["results"]] == [order["id"]]
    assert boss.get("/api/v1/orders/?page_size=1").json["count"] >= 2, "staff see everybody's"
    ordering.move(boss, order["id"], "paid")
    paid = client.get(f"/api/v1/orders/{order['id']}/").json
    assert (paid["status"], paid["payment_status"], paid["modified_by"]) == ("paid", "paid", boss.id)
    cancelled = client.post(f"/api/v1/orders/{order['id']}/cancel/")
    assert cancelled.status == 200 and set(cancelled.json) == B_ORDER and cancelled.json["status"] == "cancelled"
    assert cancelled.json["modified_by"] == client.id
    error = refused_b(client.post(f"/api/v1/orders/{order['id']}/cancel/"), 400, "invalid")
    assert error["message"] == "Order cannot be cancelled. Status: cancelled"
    # Nobody is set up here who could take the money.
    error = refused_b(client.post(f"/api/v1/orders/{other['order_id']}/payment-intent/"), 402, "payment_failed")
    assert error["message"] == "Payment processing failed"
    assert boss.post(f"/api/v1/orders/{other['order_id']}/cancel/").json["status"] == "cancelled", "staff may"


def test_what_contract_b_refuses(ctx):
    client, stranger = ordering.buyer(ctx), ordering.buyer(ctx)
    variant = ordering.pick(client, 2)
    address, foreign = ordering.address_of(client), ordering.address_of(stranger)
    good = [{"variant": variant["id"], "quantity": 1}]

    def ask(**more):
        return client.post("/api/v1/orders/", {"items": good, "address": address, **more})
    refused_b(ask(address=foreign), 404, "not_found")
    refused_b(ask(address=99999999), 404, "not_found")
    for items in ([], None, [{}], [{"variant": variant["id"]}], [{"quantity": 1}], good * 201, "x", [1],
                  [{"variant": variant["id"], "quantity": 0}], [{"variant": variant["id"], "quantity": 101}],
                  [{"variant": variant["id"], "quantity": -1}], [{"variant": variant["id"], "quantity": 2**62}],
                  [{"variant": variant["id"], "quantity": 1.5}], [{"variant": variant["id"], "quantity": "1e2"}],
                  [{"variant": 0, "quantity": 1}], [{"variant": 99999999, "quantity": 1}],
                  [{"variant": 2**63 - 1, "quantity": 1}], [{"variant": variant["id"], "quantity": 1, "price": "0.01"}],
                  [{"variant": variant["id"], "quantity": 60}, {"variant": variant["id"], "quantity": 41}]):
        error = refused_b(ask(items=items), 400, "invalid")
        assert any(name.startswith("items") for name in error["fields"]), (items, error)
    for more in ({"notes": "x" * 1001}, {"notes": CARD}, {"total": 1}, {"address": "x"}, {"address": None}):
        error = refused_b(ask(**more), 400, "invalid")
        assert set(error["fields"]) == set(more), error
    left = ordering.available(client, variant)
    error = refused_b(ask(items=[{"variant": variant["id"], "quantity": min(left + 1, 100)}]), 400, "out_of_stock")
    assert error["out_of_stock_items"][0]["available"] == left and f"Only {left} available." in error["message"]
    assert client.get("/api/v1/orders/").json["count"] == 0 and ordering.available(client, variant) == left
    assert ctx.client().get("/api/v1/orders/").status == 401
    assert ctx.client().post("/api/v1/orders/", {"items": good, "address": address}).status == 401


def test_who_must_verify_first(ctx):
    server = ctx.own_server(env={"SUTLER_ACCOUNTS_REQUIRE_VERIFIED": "orders"})
    client = ordering.buyer(ctx, server)
    ordering.put(client, ordering.pick(client))
    address = ordering.address_of(client)
    for answer in (ordering.create(client), client.post("/api/orders/checkout/", {"address": ADDRESS}),
                   client.post("/api/v1/orders/", {"items": [{"variant": 1, "quantity": 1}], "address": address})):
        assert answer.status == 403, answer
    assert client.get("/api/orders/").json["count"] == 0
    token = mails.Mailbox(server).token(client.email, "/verify-email")
    assert client.post("/api/users/verify-email/", {"token": token}).status == 200
    assert ordering.create(client).status == 201


def test_stock_is_never_less_than_what_is_held(ctx):
    server = ctx.server()
    client, boss = ordering.buyer(ctx), ordering.manager(server)
    variant = ordering.pick(client, 6)
    ordering.order(client, (variant, 4))
    path = f"/api/v1/products/{variant['product']}/variants/{variant['id']}/"
    error = refused_b(boss.patch(path, {"stock": 3}), 400, "invalid")
    assert set(error["fields"]) == {"stock"}, error
    ordering.set_stock(boss, variant, 4)
    assert ordering.available(client, variant) == 0
    ordering.set_stock(boss, variant, 10)
    assert ordering.available(client, variant) == 6


def cli(server, *words, code=0):
    done = server.cli("order", *words)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def test_orders_from_the_command_line(ctx):
    """At the running server, and in the store itself when none runs."""
    server = ctx.own_server()
    assert cli(server, "list") == "no orders\n" and json.loads(cli(server, "list", "--json")) == []
    client, other = ordering.buyer(ctx, server), ordering.buyer(ctx, server)
    one, two = ordering.pick(client, 9), ordering.pick(client, 3)
    first = ordering.order(client, (one, 2), (two, 1))["order_id"]
    second = ordering.order(other, (one, 1))["order_id"]
    before = ordering.available(client, one)
    for runs in (True, False):
        if not runs:
            server.stop()
        rows = json.loads(cli(server, "list", "--json"))
        assert [r["id"] for r in rows] == [second, first] and rows[0]["person"] == other.id, rows
        assert [r["id"] for r in json.loads(cli(server, "list", "--json", "--oldest", "--limit", "1"))] == [first]
        assert [r["id"] for r in json.loads(cli(server, "list", "--json", f"--person={client.id}"))] == [first]
        assert json.loads(cli(server, "list", "--json", "--status", "delivered")) == []
        table = cli(server, "list")
        assert table.count("\n") == 3 and "Cape Town" not in table and client.email not in table
        whole = json.loads(cli(server, "show", str(first), "--json"))
        assert whole["address"] == ADDRESS and len(whole["items"]) == 2 and whole["total_price"] == rows[1]["total_price"]
        assert "    Cape Town\n" in cli(server, "show", str(first))
        # One step here, one there.
        cli(server, "status", str(first), "paid" if runs else "shipped")
        assert "can't become pending" in cli(server, "status", str(first), "pending", code=1)
        assert "is not there" in cli(server, "show", "999", code=1)
        assert "is not there" in cli(server, "status", "999", "paid", code=1)
    for words in ((), ("gone",), ("show",), ("show", "x"), ("show", "0"), ("show", "1", "2"), ("status", "1"),
                  ("status", "1", "gone"), ("list", "1"), ("list", "--status", "gone"), ("list", "--person", "x"),
                  ("list", "--limit", "0"), ("show", "1", "--oldest"), ("list", "--gold")):
        assert "Try: sutler order --help" in cli(server, *words, code=2), words
    server.start()
    client.close()
    client.host = f"localhost:{server.port}"
    assert client.get(f"/api/orders/{first}/").json["status"] == "shipped"
    # What a command frees can be bought at once.
    cli(server, "status", str(second), "cancelled")
    assert ordering.available(client, one) == before + 1
    trail = ordering.rows(server, "SELECT action FROM audit WHERE action LIKE 'admin.order%' ORDER BY id")
    assert sorted(trail) == ["admin.order_show"] * 4 + ["admin.order_status"] * 3, trail
    ordering.sound(server)


def test_nothing_of_a_buyer_lies_in_the_clear(ctx):
    """And at the end of the file: all that its tests did adds up."""
    server = ctx.server()
    client = ordering.buyer(ctx)
    ordering.put(client, ordering.pick(client))
    made = ordering.create(client, notes="Beware of the canary-dog").json["data"]
    assert client.post(f"/api/orders/{made['order_id']}/cancel/", {"reason": "The canary-cat too"}).status == 200
    assert not server.log_faults(), server.log_faults()[:5]
    ordering.sound(server)
    if server.store == "postgres":
        sealed = ordering.rows(server, "SELECT encode(address, 'hex') || encode(notes, 'hex') || encode(reason, 'hex')"
                                       f" FROM orders WHERE id = {made['order_id']}")
        assert len(sealed) == 1 and b"canary".hex() not in sealed[0] and b"Cape Town".hex() not in sealed[0]


def test_lists_of_the_largest_orders(ctx):
    """One buyer's many lines are no reason that a page of orders can't be shown."""
    server = ctx.server(env={"SUTLER_SHOP_ORDER_PREFIX": "BIG"})
    client = ordering.buyer(ctx, server)
    ordering.put(client, ordering.pick(client, 1), 1)
    made = ordering.create(client, address="\U0001f3e0" * 1000, notes="\U0001f3e0" * 1000).json["data"]
    line = "product_id, variant_id, product_name, variant_name, sku, size, color, quantity, price"
    order = ("person_id, prefix, status, payment_method, payment_status, total, currency, items_count, created_by, modified_by,"
             " created_at, modified_at, key_version")
    count = "WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {})"
    ordering.rows(server, f"{count.format(199)} INSERT INTO order_lines (order_id, {line}) SELECT order_id, {line}"
                  f" FROM order_lines, g WHERE order_id = {made['order_id']}",
                  f"{count.format(99)} INSERT INTO orders ({order}) SELECT {order} FROM orders, g WHERE id = {made['order_id']}",
                  f"INSERT INTO order_lines (order_id, {line}) SELECT o.id, {', '.join('l.' + w for w in line.split(', '))}"
                  f" FROM order_lines l, orders o WHERE l.order_id = {made['order_id']} AND o.id > {made['order_id']}")
    assert len(client.get("/api/orders/?page_size=100").json["results"]) == 100
    whole = client.get("/api/v1/orders/?page_size=100")
    assert whole.status == 200 and [len(o["items"]) for o in whole.json["results"]] == [200] * 100
