# SPDX-License-Identifier: Apache-2.0
"""Webhooks: whose they are, each acts once, in any order, through a crash; held against Stripe's own package (H1, H3)."""
import json
import random
import threading
import time
import urllib.parse

import ordering
import payworld
import paying
import sutler
from sutler import only

OLD_SECRET = "whsec_" + "cd34" * 8
FLIPS = random.Random(20260101)


def worlds(ctx):
    if not hasattr(ctx, "worlds"):
        ctx.worlds = payworld.Stripe(), payworld.Paystack()
    stripe, paystack = ctx.worlds
    server = ctx.server(env={**stripe.settings(), **paystack.settings(), "SUTLER_STRIPE_WEBHOOK_SECRET_PREVIOUS": OLD_SECRET})
    return server, stripe, paystack


def history(client, order):
    return [s["status"] for s in client.get(f"/api/orders/{order}/").json["status_history"]]


def mails(server, word):
    return [m for m in json.loads(server.cli("mail", "list", "--json").stdout) if m["template"] == word]


def test_an_event_acts_once_in_a_hundred_parallel_deliveries(ctx):
    server, stripe, paystack = worlds(ctx)
    client = paying.buyer(ctx, server)
    for method, world, send in (("stripe", stripe, payworld.deliver_stripe), ("paystack", paystack, payworld.deliver_paystack)):
        variant = paying.pick(client, 3)
        made = paying.order(client, method, variant, 2)
        before = len(mails(server, "order-paid"))
        events = world.pay(made["order_id"])
        event = events[-1] if isinstance(events, list) else events
        gate, answers = threading.Barrier(100), []

        def deliver():
            with server.client(check=False) as own:
                gate.wait()
                end = time.monotonic() + 60
                # Too many at once: the provider comes again.
                while (status := send(own, event).status) == 503 and time.monotonic() < end:
                    time.sleep(0.2)
                answers.append(status)

        threads = [threading.Thread(target=deliver) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [200] * 100, answers
        paying.wait_state(client, made["order_id"], "paid")
        assert send(client, event).status == 200
        time.sleep(0.5)
        assert history(client, made["order_id"]) == ["pending", "paid"]
        assert len(mails(server, "order-paid")) == before + 1


def test_in_any_order_and_twice(ctx):
    server, stripe, _ = worlds(ctx)
    client = paying.buyer(ctx, server)
    for turn in range(4):
        made = paying.order(client)
        intent = stripe.intent_of(made["order_id"])
        failed = stripe.event("payment_intent.payment_failed", {**intent, "status": "requires_payment_method"})
        created = stripe.event("payment_intent.created", intent)
        events = stripe.pay(made["order_id"]) + [failed, created]
        events += events[:2]
        FLIPS.shuffle(events)
        for event in events:
            assert payworld.deliver_stripe(client, event).status == 200
        paying.wait_state(client, made["order_id"], "paid")
        # It expired, says older news that comes late.
        session = next(s for s in stripe.sessions.values() if s["metadata"]["order_id"] == str(made["order_id"]))
        late = stripe.event("checkout.session.expired", {**session, "status": "expired", "payment_status": "unpaid"})
        assert payworld.deliver_stripe(client, late).status == 200
        time.sleep(0.3)
        assert history(client, made["order_id"]) == ["pending", "paid"]
    assert not [r for r in stripe.refunds.values() if r["status"]]


def test_a_session_that_expires_frees_the_stock(ctx):
    server, stripe, _ = worlds(ctx)
    client = paying.buyer(ctx, server)
    variant = ordering.pick(client, 3)
    before = ordering.available(client, variant)
    made = paying.order(client, "stripe", variant, 3)
    assert ordering.available(client, variant) == before - 3
    session = next(s for s in stripe.sessions.values() if s["metadata"]["order_id"] == str(made["order_id"]))
    session["status"] = "expired"
    assert payworld.deliver_stripe(client, stripe.event("checkout.session.expired", session)).status == 200
    paying.wait_state(client, made["order_id"], "cancelled")
    paying.wait_until(lambda: ordering.available(client, variant) == before)


def test_a_payment_that_fails_for_good_frees_the_stock(ctx):
    """A slow way to pay that comes to nothing; a card that is refused can be tried again."""
    server, stripe, _ = worlds(ctx)
    client = paying.buyer(ctx, server)
    variant = ordering.pick(client, 3)
    before = ordering.available(client, variant)
    made = paying.order(client, "stripe", variant, 3)
    session = next(s for s in stripe.sessions.values() if s["metadata"]["order_id"] == str(made["order_id"]))
    intent = stripe.intent_of(made["order_id"])
    refused = stripe.event("payment_intent.payment_failed", {**intent, "status": "requires_payment_method"})
    assert payworld.deliver_stripe(client, refused).status == 200
    time.sleep(0.5)
    assert paying.state(client, made["order_id"]) == "pending" and ordering.available(client, variant) == before - 3
    session.update(status="complete", payment_status="unpaid", url=None)
    assert payworld.deliver_stripe(client, stripe.event("checkout.session.async_payment_failed", session)).status == 200
    paying.wait_state(client, made["order_id"], "cancelled")
    assert client.get(f"/api/v1/orders/{made['order_id']}/").json["payment_status"] == "failed"
    paying.wait_until(lambda: ordering.available(client, variant) == before)


def test_money_from_elsewhere_is_not_ours(ctx):
    """An account may sell by other ways, too: what names no order of ours changes nothing and is given back by nobody."""
    server, stripe, _ = worlds(ctx)
    client = paying.buyer(ctx, server)
    made = paying.order(client)
    alien = {**stripe.intent_of(made["order_id"]), "id": "pi_test_alien", "metadata": {}, "status": "succeeded"}
    asked = len(stripe.asked)
    for event in (stripe.event("payment_intent.succeeded", alien), stripe.event("charge.dispute.created", {"object": "dispute", "id": "dp_1"}),
                  stripe.event("customer.created", {"object": "customer", "id": "cus_1"})):
        assert payworld.deliver_stripe(client, event).status == 200
    time.sleep(0.5)
    # Of another order something may be asked at any time: of these things nothing is.
    texts = [a["path"] + a["query"] + a["body"] for a in stripe.asked[asked:]]
    assert not [text for text in texts if any(name in text for name in ("pi_test_alien", "dp_1", "cus_1"))], texts
    assert paying.state(client, made["order_id"]) == "pending"
    # Another charge for the same order, and that one paid: given back.
    for event in stripe.pay(made["order_id"]):
        payworld.deliver_stripe(client, event)
    paying.wait_state(client, made["order_id"], "paid")
    own = stripe.intent_of(made["order_id"])
    twin = stripe._make_intent(own["amount"], own["currency"], own["metadata"])
    twin.update(status="succeeded", amount_received=own["amount"])
    for _ in range(2):
        assert payworld.deliver_stripe(client, stripe.event("payment_intent.succeeded", twin)).status == 200
    paying.wait_until(lambda: any(r["payment_intent"] == twin["id"] for r in stripe.refunds.values()))
    assert paying.state(client, made["order_id"]) == "paid"
    assert not any(r["payment_intent"] == own["id"] for r in stripe.refunds.values())


def test_forged_and_stale(ctx):
    server, stripe, paystack = worlds(ctx)
    client = ctx.client(server)
    event = stripe.event("payment_intent.created", {"object": "payment_intent", "id": "pi_test_forged"})
    body, now = json.dumps(event).encode(), int(time.time())
    good = payworld.stripe_header(body)
    mac = good.partition("v1=")[2]
    before = server.log_text().count("type=webhook_forged")
    bad = ["", "t=1", f"v1={mac}", f"t={now}", f"t={now},v1=", f"t={now},v1={mac[:-2]}", f"t={now},v0={mac}",
           f"t=x,v1={mac}", f"t={now},t={now},v1={mac}", f"t={now + 1},v1={mac}", "t=,v1=", "," * 500,
           payworld.stripe_header(body, secret="whsec_other"), payworld.stripe_header(body, secret=""),
           payworld.stripe_header(body, at=now - 301), payworld.stripe_header(body, at=now + 330),
           payworld.stripe_header(body, at=0), payworld.stripe_header(body, at=-now), payworld.stripe_header(body + b" "),
           f"t={now}," + ",".join(["v1=" + "0" * 64] * 9)]
    for header in bad:
        refused = payworld.deliver_stripe(client, event, header=header or "none", body=body)
        assert refused.status == 400 and refused.json["code"] == "invalid", (header, refused)
    none = client.post("/api/payments/stripe/webhook/", body=body, token=None)
    assert none.status == 400, none
    assert server.log_text().count("type=webhook_forged") > before
    other = "0" * 64
    now = int(time.time())
    for header in (good, payworld.stripe_header(body, at=now - 280), payworld.stripe_header(body, at=now + 290),
                   payworld.stripe_header(body, secret=OLD_SECRET), f"t={now},v1={other},v1=zz,v0=1," + payworld.stripe_header(body, at=now).partition(",")[2]):
        assert payworld.deliver_stripe(client, event, header=header, body=body).status == 200, header
    # Paystack's.
    body = json.dumps({"event": "transfer.success", "data": {"id": 1}}).encode()
    right = payworld.paystack_header(body)
    for header in ("", "0" * 128, right[:-1], right[:-2] + "00", payworld.paystack_header(body, "sk_other"), payworld.paystack_header(body + b"\n")):
        assert payworld.deliver_paystack(client, None, header=header or "none", body=body).status == 400, header
    assert payworld.deliver_paystack(client, None, body=body).status == 200
    # Signed, and no event.
    for text in (b"", b"{", b"[]", b"{}", b'{"id":"evt_1"}', b'{"id":7,"type":"x"}', b'{"id":"","type":""}', b"\xff\xfe"):
        assert payworld.deliver_stripe(client, None, body=text).status == 400, text
    for text in (b"", b"{", b"[]", b"{}", b'{"event":7,"data":{}}'):
        assert payworld.deliver_paystack(client, None, body=text).status == 400, text
    large = json.dumps({**event, "id": "evt_test_large", "more": "x" * (256 * 1024)}).encode()
    assert payworld.deliver_stripe(client, None, body=large, check=False).status == 413
    fits = json.dumps({**event, "id": "evt_test_fits", "more": "x" * (256 * 1024 - len(body) - 600)}).encode()
    assert payworld.deliver_stripe(client, None, body=fits).status == 200


def test_a_crash_between_answer_and_work_loses_nothing(ctx):
    stripe = payworld.Stripe()
    server = ctx.own_server(env=stripe.settings())
    client = paying.buyer(ctx, server)
    for turn in range(3):
        made = paying.order(client)
        for event in stripe.pay(made["order_id"]):
            assert payworld.deliver_stripe(client, event).status == 200
        server.kill()
        server.start()
        client = server.client(token=client.token)
        paying.wait_state(client, made["order_id"], "paid", 90)
        assert history(client, made["order_id"]) == ["pending", "paid"]
    # And between the refund that was asked for and the note of it.
    stripe.fail_next("hang", 4, "/v1/refunds")
    assert client.post(f"/api/orders/{made['order_id']}/cancel/", {}).status == 200
    paying.wait_until(lambda: stripe.count("POST", "/v1/refunds") > 0)
    server.kill()
    server.start()
    client = server.client(token=client.token)
    intent = stripe.intent_of(made["order_id"])
    paying.wait_until(lambda: any(r["payment_intent"] == intent["id"] for r in stripe.refunds.values()), 120)
    keys = {a["headers"]["idempotency-key"] for a in stripe.asked if a["path"] == "/v1/refunds" and a["method"] == "POST"}
    assert len(keys) == 1 and len(stripe.refunds) == 1, keys
    stripe.end()


def test_a_provider_that_never_answers_is_given_up_and_its_money_goes_back(ctx):
    """No answer: 402, the order is over.  The session stood there all the same, and somebody pays it."""
    stripe = payworld.Stripe()
    server = ctx.own_server(env=stripe.settings())
    client = paying.buyer(ctx, server)
    stripe.fail_next("lose", None, "/v1/checkout/sessions", times=3)
    paying.order(client, check_status=402)
    order = client.get("/api/orders/").json["results"][0]
    assert order["status"] == "cancelled" and len(stripe.sessions) == 1, order
    for event in stripe.pay(order["id"]):
        assert payworld.deliver_stripe(client, event).status == 200
    paying.wait_until(lambda: len(stripe.refunds) == 1)
    assert paying.state(client, order["id"]) == "cancelled"
    # One that hangs for longer than anybody waits.
    stripe.faults.clear()
    stripe.fail_next("hang", 150, "/v1/checkout/sessions")
    assert client.post("/api/orders/cart/clear/").status == 200
    began = time.monotonic()
    paying.order(client, check_status=402)
    assert time.monotonic() - began < 120
    stripe.end()


# --- Stripe's own package

def fields(asked):
    text = asked["body"] if asked["method"] == "POST" else asked["query"]
    return sorted(urllib.parse.parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))


@only("sqlite")
def test_the_same_calls_by_the_official_package(ctx):
    stripe = payworld.Stripe()
    server = ctx.own_server(env=stripe.settings())
    client = paying.buyer(ctx, server)
    made = paying.order(client)
    for event in stripe.pay(made["order_id"]):
        payworld.deliver_stripe(client, event)
    paying.wait_state(client, made["order_id"], "paid")
    over = paying.order(client)
    client.post(f"/api/orders/{over['order_id']}/cancel/", {})
    client.post(f"/api/orders/{made['order_id']}/cancel/", {})
    paying.wait_until(lambda: stripe.refunds and any(s["status"] == "expired" for s in stripe.sessions.values()))
    open_one = paying.order(client)
    assert client.post(f"/api/v1/orders/{open_one['order_id']}/payment-intent/").status == 200
    # The stand-in has given the money back before we have heard so.
    paying.wait_until(lambda: server.cli("payments", "reconcile").returncode == 0)
    ours = {}
    for asked in stripe.asked:
        shape = "/".join("{id}" if "_test_" in p else p for p in asked["path"].split("/"))
        ours.setdefault((asked["method"], shape), asked)
    assert not stripe.wrong, stripe.wrong
    kinds = {("POST", "/v1/checkout/sessions"): "session", ("POST", "/v1/payment_intents"): "intent", ("POST", "/v1/refunds"): "refund",
             ("POST", "/v1/checkout/sessions/{id}/expire"): "expire", ("GET", "/v1/checkout/sessions/{id}"): "sessionOf",
             ("GET", "/v1/payment_intents/{id}"): "intentOf", ("GET", "/v1/refunds/{id}"): "refundOf", ("GET", "/v1/payment_intents"): "intents"}
    assert set(ours) <= set(kinds) and {"session", "intent", "refund", "expire", "intents"} <= {kinds[k] for k in ours}, sorted(ours)
    calls = []
    for key, asked in ours.items():
        values = dict(fields(asked))
        what = kinds[key]
        params = None
        if what == "session":
            meta = {"order_id": values["metadata[order_id]"], "payment_id": values["metadata[payment_id]"]}
            params = {"mode": "payment", "success_url": values["success_url"], "cancel_url": values["cancel_url"],
                      "line_items": [{"quantity": 1, "price_data": {
                          "currency": values["line_items[0][price_data][currency]"],
                          "unit_amount": int(values["line_items[0][price_data][unit_amount]"]),
                          "product_data": {"name": f"Order {made['order_number']}"}}}],
                      "client_reference_id": str(made["order_id"]), "metadata": meta, "payment_intent_data": {"metadata": meta},
                      "expires_at": int(values["expires_at"]), "customer_email": client.email}
        elif what == "intent":
            params = {"amount": int(open_one["total_price"].replace(".", "")), "currency": values["currency"],
                      "automatic_payment_methods": {"enabled": True},
                      "metadata": {"order_id": str(open_one["order_id"]), "payment_id": values["metadata[payment_id]"]}}
        elif what == "refund":
            params = {"payment_intent": stripe.intent_of(made["order_id"])["id"],
                      "metadata": {"order_id": str(made["order_id"]), "payment_id": values["metadata[payment_id]"]}}
        elif what == "intents":
            params = {"limit": 10, "created": {"gte": int(values["created[gte]"])}}
        elif what == "refunds":
            params = {"limit": 1, "payment_intent": values["payment_intent"]}
        calls.append({"what": what, "params": params, "id": next((p for p in asked["path"].split("/") if "_test_" in p), None),
                      "idempotencyKey": asked["headers"].get("idempotency-key", "") + "-again" if "idempotency-key" in asked["headers"] else None})
    n = len(stripe.asked)
    payworld.official([{"do": "calls", "key": payworld.STRIPE_KEY, "url": stripe.url, "version": "2020-08-27", "calls": calls}])
    theirs = stripe.asked[n:]
    assert len(theirs) == len(calls), (len(theirs), len(calls))
    for (key, own), other in zip(ours.items(), theirs):
        assert (own["method"], own["path"]) == (other["method"], other["path"]), key
        assert fields(own) == fields(other), (key, fields(own), fields(other))
        for name in ("authorization", "stripe-version", "accept"):
            assert own["headers"][name] == other["headers"][name], (key, name)
        if own["method"] == "POST" and own["body"]:
            assert own["headers"]["content-type"] == other["headers"]["content-type"] == "application/x-www-form-urlencoded", key
        if kinds[key] in ("session", "intent", "refund"):
            assert other["headers"]["idempotency-key"] == own["headers"]["idempotency-key"] + "-again", key
    stripe.end()


@only("sqlite")
def test_a_thousand_webhooks_signed_by_the_official_package(ctx):
    """Every one passes; with a bit of the body, of the time or of the signature changed, or another secret, none does."""
    server, _, _ = worlds(ctx)
    client = ctx.client(server)
    now = int(time.time())
    letters = "abz09 é漢🎁\\\"\u2028<&>\n"
    bodies = [json.dumps({"id": f"evt_rnd_{i}_{FLIPS.randrange(10**9)}", "type": "customer.updated",
                          "data": {"object": {"object": "customer", "id": "cus_1", "name": "".join(FLIPS.choices(letters, k=FLIPS.randrange(60)))}}},
                         ensure_ascii=FLIPS.random() < 0.5, indent=FLIPS.choice((None, 2))) for i in range(1000)]
    # The oldest are good for long enough still that the last of them is sent.
    times = [now + FLIPS.randrange(-100, 280) for _ in bodies]
    headers, others = payworld.official([
        {"do": "sign", "secret": secret, "bodies": bodies, "timestamps": times} for secret in (payworld.STRIPE_SECRET, "whsec_wrong")])
    for text, header, other, at in zip(bodies, headers, others, times):
        body = text.encode()
        assert payworld.deliver_stripe(client, None, header=header, body=body, check=False).status == 200, header
        i = FLIPS.randrange(len(body))
        flipped = body[:i] + bytes([body[i] ^ 1 << FLIPS.randrange(8)]) + body[i + 1:]
        k = header.index("v1=") + 3 + FLIPS.randrange(64)
        digit = f"{int(header[k], 16) ^ 1 << FLIPS.randrange(4):x}"
        altered = ((flipped, header), (body, header.replace(f"t={at}", f"t={at + FLIPS.choice((-1, 1))}")),
                   (body, header[:k] + digit + header[k + 1:]), (body, other))
        for payload, line in altered:
            refused = payworld.deliver_stripe(client, None, header=line, body=payload, check=False)
            assert refused.status == 400 and refused.json["code"] == "invalid", (line, refused)
