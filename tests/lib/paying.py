# SPDX-License-Identifier: Apache-2.0
"""paying - a buyer with an order to pay, for scenarios of money."""
import itertools
import time

import sutler

_sold = itertools.count()


def pick(client, wanted=1):
    """A variant with so many to be had; each call another one."""
    rows = []
    for page in (1, 2):
        rows += client.get(f"/api/catalog/products/?page_size=100&page={page}").json["results"]
    fit = [v for row in rows for v in row["variants"] if v["is_active"] and v["stock_available"] >= wanted]
    return fit[next(_sold) % len(fit)]


def buyer(ctx, server=None, word="buyer"):
    client = ctx.client(server)
    email = sutler.new_email(word)
    client.token = client.register(email)["tokens"]["access_token"]
    client.email = email
    return client


def order(client, method="stripe", variant=None, quantity=1, check_status=201):
    variant = variant or pick(client, quantity)
    added = client.post("/api/orders/cart/add/", {"variant_id": variant["id"], "quantity": quantity})
    assert added.status == 201, added
    made = client.post("/api/orders/create/", {"address": "1 Main Road, Cape Town", "payment_method": method})
    assert made.status == check_status, made
    return made.json["data"] if check_status == 201 else made


def state(client, order_id):
    """status and refund_status of one's order."""
    got = client.get(f"/api/orders/{order_id}/")
    assert got.status == 200, got
    return got.json["status"]


def wait_until(what, seconds=60, step=0.05):
    """What what() gives, once that is something."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(step)


def wait_state(client, order_id, wanted, seconds=60):
    return wait_until(lambda: state(client, order_id) == wanted, seconds)
