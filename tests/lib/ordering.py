# SPDX-License-Identifier: Apache-2.0
"""ordering - buyers, carts and orders for scenarios, and what the store holds of them.

    rows(server, "SELECT …")   the first column of each row, on either store
"""
import itertools
import pathlib
import subprocess

import sutler

ADDRESS = "1 Long Street\nCape Town\n8001"
_sold = itertools.count()

# What must never be found: the ledger of stock does not add up, or something belongs to no order.
FAULTS = (
    ("stock below zero", "id", "variants WHERE stock < 0 OR reserved < 0 OR reserved > stock"),
    ("held and reserved differ", "v.id", "variants v WHERE v.reserved <> COALESCE((SELECT SUM(r.quantity)"
     " FROM reservations r WHERE r.variant_id = v.id AND r.state = 1), 0)"),
    ("a line of no order", "l.id", "order_lines l WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = l.order_id)"),
    ("a reservation of no order", "r.order_id", "reservations r WHERE NOT EXISTS"
     " (SELECT 1 FROM orders o WHERE o.id = r.order_id)"),
    ("a history of no order", "c.order_id", "order_changes c WHERE NOT EXISTS"
     " (SELECT 1 FROM orders o WHERE o.id = c.order_id)"),
    ("an order without lines", "o.id", "orders o WHERE NOT EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id)"),
    ("an order whose history ends elsewhere", "o.id", "orders o WHERE o.status <> COALESCE((SELECT c.status FROM"
     " order_changes c WHERE c.order_id = o.id ORDER BY c.id DESC LIMIT 1), 0)"),
    ("a sum that is not that of its lines", "o.id", "orders o WHERE o.total <> (SELECT SUM(l.price * l.quantity)"
     " FROM order_lines l WHERE l.order_id = o.id)"),
    ("a count that is not that of its lines", "o.id", "orders o WHERE o.items_count <> (SELECT SUM(l.quantity)"
     " FROM order_lines l WHERE l.order_id = o.id)"),
    ("lines and ledger differ", "l.order_id", "order_lines l LEFT JOIN reservations r ON r.order_id = l.order_id"
     " AND r.variant_id = l.variant_id WHERE r.quantity IS NULL OR r.quantity <> l.quantity"),
    ("a ledger that does not fit the status", "r.order_id", "reservations r JOIN orders o ON o.id = r.order_id WHERE"
     " r.state <> CASE o.status WHEN 1 THEN 1 WHEN 5 THEN 3 ELSE 2 END"),
    ("an order that is not audited once", "o.id", "orders o WHERE (SELECT COUNT(*) FROM audit a WHERE"
     " a.action = 'order.create' AND a.resource = 'order:' || CAST(o.id AS TEXT)) <> 1"),
    ("orders and mails about them", "o.n", "(SELECT COUNT(*) AS n FROM orders) o, (SELECT COUNT(*) AS n FROM outbox"
     " WHERE what = 'order-placed') m WHERE o.n <> m.n"),
)


def psql(server, *statements):
    words = [w for s in statements for w in ("-c", s)]
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", server.env["DATABASE_URL"], *words],
                          check=True, capture_output=True, text=True).stdout.strip().splitlines()


def rows(server, *statements):
    """Of all statements, run in a row.  An embedded store is asked while its server rests."""
    if server.store == "postgres":
        return psql(server, *statements)
    runs = server.process is not None and server.process.poll() is None
    if runs:
        server.stop()
    tool = pathlib.Path(sutler.PROGRAM).parent / "tests/tools/query_store"
    done = subprocess.run([tool, server.data, server.keys, *statements], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if runs:
        # Its address stays: who speaks with it goes on.
        server.want_port = server.port
        server.start()
    return done.stdout.splitlines()


def faults(server):
    """What must not be, by name."""
    return rows(server, *(f"SELECT '{name}: ' || CAST({what} AS TEXT) FROM {where}" for name, what, where in FAULTS))


def sound(server):
    found = faults(server)
    assert not found, found[:20]


def catalogue(client):
    """Every variant on sale, each with its product's id, name and price."""
    found, target = [], "/api/catalog/products/?page_size=100"
    while target:
        page = client.get(target).json
        for row in page["results"]:
            found += [{**v, "product": row["id"], "name": row["name"], "price": row["base_price"]} for v in row["variants"]]
        target = page["next"] and "/api/catalog/products/?" + page["next"].partition("?")[2]
    return found


def pick(client, wanted=1):
    """A variant with so many to be had; each call another one."""
    fit = [v for v in catalogue(client) if v["is_active"] and v["stock_available"] >= wanted]
    return fit[next(_sold) % len(fit)]


def available(client, variant):
    row = client.get(f"/api/catalog/products/{variant['product']}/").json
    return next(v["stock_available"] for v in row["variants"] if v["id"] == variant["id"])


def buyer(ctx, server=None, word="buyer"):
    client = ctx.client(server)
    client.email = sutler.new_email(word)
    data = client.register(client.email)
    client.token, client.id = data["tokens"]["access_token"], data["user"]["id"]
    return client


def staff(server, *flags):
    client = server.client()
    client.email = server.make_user(sutler.new_email("staff"), *(flags or ("--role", "staff")))
    client.id = client.login(client.email)["user"]["id"]
    return client


def manager(server):
    return staff(server, "--group", "Product Managers")


def set_stock(boss, variant, stock):
    done = boss.patch(f"/api/v1/products/{variant['product']}/variants/{variant['id']}/", {"stock": stock})
    assert done.status == 200, done


def put(client, variant, quantity=1):
    done = client.post("/api/orders/cart/add/", {"variant_id": variant["id"], "quantity": quantity})
    assert done.status == 201, done


def create(client, method="offline", **more):
    return client.post("/api/orders/create/", {"address": ADDRESS, "payment_method": method, **more})


def order(client, *wanted, method="offline"):
    """An order of (variant, quantity) …; what was answered."""
    for variant, quantity in wanted:
        put(client, variant, quantity)
    done = create(client, method)
    assert done.status == 201, done
    return done.json["data"]


def cart(client):
    return {i["variant"]["id"]: i["quantity"] for i in client.get("/api/orders/cart/").json["items"]}


def move(boss, order_id, *statuses):
    for status in statuses:
        done = boss.post(f"/api/orders/{order_id}/status/", {"status": status})
        assert done.status == 200, done


def address_of(client, **more):
    """The id of an address of one's own, as contract B has them."""
    done = client.post("/api/v1/users/me/addresses/", {
        "label": "home", "name": "Ada Byron", "line1": "1 Long Street", "line2": "", "city": "Cape Town", "region": "",
        "postal_code": "8001", "country": "ZA", "phone": "+27215550100", "is_default": True, **more})
    assert done.status == 201, done
    return done.json["id"]
