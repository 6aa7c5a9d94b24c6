# SPDX-License-Identifier: Apache-2.0
"""Wishlists and outfits by contract A: every row and alias, every error, whose they are, and who sees what."""
import concurrent.futures
import secrets
import time
import urllib.parse

from shopping import CART, Manager, shopper, word
from sutler import also_tls, new_email

WISHES, OUTFITS = "/api/orders/wishlist/", "/api/outfits/"
ABSENT = {"success": False, "error": "Product variant not found", "code": "not_found"}
DOUBLE = {"success": False, "error": "Item already in wishlist", "code": "duplicate"}
NO_WISH = {"success": False, "error": "Wishlist item not found", "code": "not_found"}
NO_OUTFIT = {"success": False, "error": "Outfit not found", "code": "not_found"}
LISTED = {"id", "name", "description", "is_public", "created_by", "items_count", "total_price", "preview_images",
          "created_at", "updated_at"}
ALONE = LISTED | {"views_count", "likes_count", "items"}


def person(ctx, server=None):
    client = ctx.client(server)
    client.email, client.user_id = shopper(client)
    return client


def data(answer, status):
    assert answer.status == status and answer.json["success"] is True, answer
    return answer.json["data"]


# -- wishlist

@also_tls
def test_a_wishlist_from_first_to_last(ctx):
    m = Manager.of(ctx.server())
    v, p = m.variant(stock=3, price="12.50")
    w, _ = m.variant(stock=0)
    client = person(ctx)
    assert client.get(WISHES).json == {"items": [], "total_items": 0}
    one = data(client.post(WISHES + "add/", {"variant_id": v}), 201)
    assert set(one) == {"wishlist_item_id", "variant_id"} and one["variant_id"] == v
    two = data(client.post(WISHES, {"variant": w}), 201)
    for path, name in ((WISHES + "add/", "variant_id"), (WISHES, "variant")):
        answer = client.post(path, {name: v})
        assert answer.status == 409 and answer.json == DOUBLE
    seen = client.get(WISHES).json
    assert seen["total_items"] == 2 and [row["variant"]["id"] for row in seen["items"]] == [w, v], "the newest first"
    row = seen["items"][1]
    assert set(row) == {"id", "variant", "added_at"} and row["id"] == one["wishlist_item_id"]
    assert set(row["variant"]) == {"id", "sku", "size", "color", "stock_available", "product"}
    assert row["variant"]["product"] == {"id": p, "name": row["variant"]["product"]["name"],
                                         "slug": row["variant"]["product"]["slug"], "base_price": "12.50", "images": []}
    # Into the cart with it, one transaction: it is there, and gone from here.
    answer = client.post(f"{WISHES}move-to-cart/{one['wishlist_item_id']}/")
    assert answer.status == 200 and answer.json["message"] == "Item moved to cart", answer
    assert [(r["variant"]["id"], r["quantity"]) for r in client.get(CART).json["items"]] == [(v, 1)]
    assert client.post(f"{WISHES}move-to-cart/{one['wishlist_item_id']}/").json == NO_WISH
    # What can't be had stays a wish.
    answer = client.post(f"{WISHES}move-to-cart/{two['wishlist_item_id']}/")
    assert answer.status == 400 and answer.json["code"] == "out_of_stock", answer
    assert client.get(WISHES).json["total_items"] == 1
    answer = client.delete(f"{WISHES}remove/{two['wishlist_item_id']}/")
    assert answer.status == 200 and answer.json["success"] is True
    assert client.delete(f"{WISHES}remove/{two['wishlist_item_id']}/").json == NO_WISH


def test_wishes_that_are_none(ctx):
    m = Manager.of(ctx.server())
    v, p = m.variant()
    client = person(ctx)
    for n in (0, -1, 10**12, 2**63 - 1):
        for path, name in ((WISHES + "add/", "variant_id"), (WISHES, "variant")):
            answer = client.post(path, {name: n})
            assert answer.status == 404 and answer.json == ABSENT, (n, answer)
    for body in ({}, {"variant_id": None}, {"variant_id": "1"}, {"variant_id": 1.5}, {"variant": v}, {"variant_id": v, "x": 1},
                 {"variant_id": v, "person_id": 1}):
        answer = client.post(WISHES + "add/", body)
        assert answer.status == 400 and all(isinstance(x, list) for x in answer.json.values()), (body, answer)
    wish = data(client.post(WISHES + "add/", {"variant_id": v}), 201)["wishlist_item_id"]
    m.hide(p)
    assert client.get(WISHES).json == {"items": [], "total_items": 0}, "hidden with its product"
    answer = client.post(f"{WISHES}move-to-cart/{wish}/")
    assert answer.status == 404 and answer.json["error"] == "Product variant not found or inactive"
    assert client.post(WISHES + "add/", {"variant_id": v}).json == ABSENT
    m.set(p, is_active=True)
    assert client.get(WISHES).json["total_items"] == 1
    m.delete(p)
    assert client.get(WISHES).json["total_items"] == 0


def test_a_wish_goes_by_the_carts_rules(ctx):
    m = Manager.of(ctx.server())
    plenty, few = m.variant(stock=1000)[0], m.variant(stock=2)[0]
    client = person(ctx)
    for variant, there, status, body in (
            (plenty, 99, 200, None),
            (plenty, 0, 400, {"success": False, "error": "Quantity must be between 1 and 100", "code": "invalid"}),
            (few, 2, 400, {"success": False, "error": "Insufficient stock. Only 2 items available.", "code": "out_of_stock",
                           "available_stock": 2, "requested_quantity": 3})):
        if there:
            data(client.post(CART + "add/", {"variant_id": variant, "quantity": there}), 201)
        wish = data(client.post(WISHES + "add/", {"variant_id": variant}), 201)["wishlist_item_id"]
        answer = client.post(f"{WISHES}move-to-cart/{wish}/")
        assert answer.status == status and (body is None or answer.json == body), answer
        assert (wish in [row["id"] for row in client.get(WISHES).json["items"]]) is (status != 200), "what can't be had stays"
    # It adds up with what lies there.
    assert {r["variant"]["id"]: r["quantity"] for r in client.get(CART).json["items"]} == {plenty: 100, few: 2}


def test_a_wishlist_is_ones_own(ctx):
    m = Manager.of(ctx.server())
    v, _ = m.variant()
    mine, theirs, nobody = person(ctx), person(ctx), ctx.client()
    wish = data(mine.post(WISHES + "add/", {"variant_id": v}), 201)["wishlist_item_id"]
    data(theirs.post(WISHES + "add/", {"variant_id": v}), 201)
    for who, status in ((theirs, 404), (nobody, 401)):
        for method, path in (("DELETE", f"{WISHES}remove/{wish}/"), ("POST", f"{WISHES}move-to-cart/{wish}/")):
            assert who.request(method, path).status == status, (method, path)
    for method, path, body in (("GET", WISHES, None), ("POST", WISHES, {"variant": v}), ("POST", WISHES + "add/", {"variant_id": v})):
        answer = nobody.request(method, path, json=body)
        assert answer.status == 401 and answer.json["code"] == "not_authenticated", (method, path, answer)
    assert mine.get(WISHES).json["total_items"] == 1 and mine.get(CART).json["items"] == []
    for bad in ("0", "x", "-1", str(2**63), "9" * 30):
        assert mine.delete(f"{WISHES}remove/{bad}/").status == 404


def test_of_many_at_once_one_wish_is_made(ctx):
    m = Manager.of(ctx.server())
    v, _ = m.variant(stock=50)
    client = person(ctx)
    tabs = [ctx.client(token=client.token) for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda tab: tab.post(WISHES + "add/", {"variant_id": v}), tabs))
    assert sorted(a.status for a in answers) == [201] + [409] * 7, answers
    wish = client.get(WISHES).json["items"][0]["id"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda tab: tab.post(f"{WISHES}move-to-cart/{wish}/"), tabs))
    assert sorted(a.status for a in answers) == [200] + [404] * 7, answers
    assert [row["quantity"] for row in client.get(CART).json["items"]] == [1]


def test_a_wish_with_a_key_is_made_once(ctx):
    m = Manager.of(ctx.server())
    v, _ = m.variant()
    client = person(ctx)
    key = {"Idempotency-Key": secrets.token_hex(8)}
    first = client.post(WISHES + "add/", {"variant_id": v}, headers=key)
    again = client.post(WISHES + "add/", {"variant_id": v}, headers=key)
    assert first.status == again.status == 201 and first.body == again.body
    assert client.post(WISHES + "add/", {"variant_id": v}).status == 409


# -- outfits

def three(m, **more):
    return [m.variant(price=price, **more)[1] for price in ("10.00", "20.50", "0.99")]


def make(client, products, status=201, **more):
    answer = client.post(OUTFITS, {"name": word("Look "), "products": products, **more})
    assert answer.status == status, answer
    return answer.json


@also_tls
def test_an_outfit_from_first_to_last(ctx):
    m = Manager.of(ctx.server())
    a, b, c = three(m)
    client = person(ctx)
    made = make(client, [c, a, b], name="Été à la mer", description="Für <b>alle</b> & 'mehr'")
    assert set(made) == ALONE, made
    assert (made["name"], made["description"], made["is_public"]) == ("Été à la mer", "Für <b>alle</b> & 'mehr'", False)
    assert made["created_by"]["id"] == client.user_id and made["created_by"]["profile_picture_url"] is None
    assert made["created_by"]["username"] == client.email.split("@")[0].lower()
    assert (made["items_count"], made["total_price"], made["views_count"], made["likes_count"]) == (3, "31.49", 0, 0)
    assert [(i["position"], i["product"]["id"]) for i in made["items"]] == [(0, c), (1, a), (2, b)]
    assert set(made["items"][0]["product"]) == {"id", "name", "slug", "base_price", "images"}
    path = f"{OUTFITS}{made['id']}/"
    assert client.get(path).json == made
    # Some of it; then all of it.
    changed = client.patch(path, {"is_public": True}).json
    assert changed["is_public"] is True and changed["name"] == made["name"] and changed["items"] == made["items"]
    changed = client.patch(path, {"products": [a, b]}).json
    assert [i["product"]["id"] for i in changed["items"]] == [a, b] and changed["total_price"] == "30.50"
    changed = client.put(path, {"name": "Anew", "products": [b, a]}).json
    assert (changed["name"], changed["description"], changed["is_public"]) == ("Anew", "", False)
    assert [i["product"]["id"] for i in changed["items"]] == [b, a]
    own = client.get(OUTFITS + "my-outfits/").json
    assert own["count"] == 1 and set(own) == {"count", "results"} and set(own["results"][0]) == LISTED
    assert client.delete(path).status == 204
    assert client.get(path).json == NO_OUTFIT and client.delete(path).json == NO_OUTFIT
    assert client.get(OUTFITS + "my-outfits/").json == {"count": 0, "results": []}
    answer = client.post(OUTFITS + "create/", {"name": "By its other name", "products": [a, b]})
    assert answer.status == 201 and set(answer.json) == ALONE


def test_products_that_are_no_outfit(ctx):
    m = Manager.of(ctx.server())
    ids = [m.variant()[1] for _ in range(11)]
    hidden = m.variant()[1]
    m.hide(hidden)
    client = person(ctx)
    kept = make(client, ids[:2])
    cases = [([], "Outfit must contain at least 2 products"), (ids[:1], "Outfit must contain at least 2 products"),
             (ids, "Outfit cannot contain more than 10 products"), (list(range(1, 3000)), "Outfit cannot contain more than 10 products"),
             ([ids[0], ids[0]], "Outfit contains duplicate products"), (ids[:3] + ids[2:4], "Outfit contains duplicate products"),
             ([10**9 + 99, ids[0], 10**9 + 100], f"Invalid product IDs: [{10**9 + 99}, {10**9 + 100}]"),
             ([hidden, ids[0]], f"Invalid product IDs: [{hidden}]"), ([0, -1], "Invalid product IDs: [0, -1]"),
             ([2**63 - 1, -2**63], f"Invalid product IDs: [{2**63 - 1}, {-2**63}]")]
    for products, message in cases:
        body = {"success": False, "error": message, "code": "invalid"}
        answer = client.post(OUTFITS, {"name": "x", "products": products})
        assert answer.status == 400 and answer.json == body, (products[:4], answer)
        for answer in (client.patch(f"{OUTFITS}{kept['id']}/", {"name": "y", "products": products}),
                       client.put(f"{OUTFITS}{kept['id']}/", {"name": "y", "products": products})):
            assert answer.status == 400 and answer.json == body, (products[:4], answer)
    assert client.get(f"{OUTFITS}{kept['id']}/").json == kept, "nothing of it is changed"
    make(client, ids[:10])


def test_bodies_that_are_none(ctx):
    m = Manager.of(ctx.server())
    a, b, _ = three(m)
    client = person(ctx)
    good = {"name": "x", "products": [a, b]}
    for change, field in (({"name": ...}, "name"), ({"name": ""}, "name"), ({"name": "x" * 256}, "name"), ({"name": 5}, "name"),
                          ({"name": None}, "name"), ({"name": "a\x07b"}, "name"), ({"name": "4111 1111 1111 1111"}, "name"),
                          ({"products": ...}, "products"), ({"products": "1,2"}, "products"), ({"products": None}, "products"),
                          ({"products": {"0": a}}, "products"), ({"description": "x" * 10001}, "description"),
                          ({"description": None}, "description"), ({"is_public": "yes"}, "is_public"), ({"is_public": 1}, "is_public"),
                          ({"views": 5}, "views"), ({"views_count": 5}, "views_count"), ({"person_id": 1}, "person_id"),
                          ({"likes": 1}, "likes"), ({"id": 1}, "id"), ({"created_by": 1}, "created_by"), ({"folded": "x"}, "folded")):
        body = {k: v for k, v in {**good, **change}.items() if v is not ...}
        answer = client.post(OUTFITS, body)
        assert answer.status == 400 and set(answer.json) == {field}, (change, answer)
    # PUT asks for what POST asks for.
    path = f"{OUTFITS}{make(client, [a, b])['id']}/"
    for method in ("POST", "PUT"):
        for left in ({"name": "x"}, {"products": [a, b]}, {}):
            answer = client.request(method, path if method == "PUT" else OUTFITS, json=left)
            assert answer.status == 400 and answer.json == {
                name: ["This field is required."] for name in good if name not in left}, (method, left, answer)
    for item in ("1", 1.5, None, [a], {"id": a}, True):
        answer = client.post(OUTFITS, {"name": "x", "products": [a, item]})
        assert answer.status == 400 and set(answer.json) == {"products.1"}, (item, answer)
    long = make(client, [a, b], name="ü" * 255, description="ö" * 10000)
    assert (len(long["name"]), len(long["description"])) == (255, 10000)


def test_who_sees_and_changes_an_outfit(ctx):
    server = ctx.server()
    m = Manager.of(server)
    a, b, _ = three(m)
    mine, theirs, nobody, staff = person(ctx), person(ctx), ctx.client(), ctx.client()
    staff.login(server.make_user(new_email("staff"), "--role", "superuser"))
    private = make(mine, [a, b])
    public = make(mine, [a, b], is_public=True)
    hidden, shown = f"{OUTFITS}{private['id']}/", f"{OUTFITS}{public['id']}/"
    change = {"name": "Mine now", "products": [b, a]}
    calls = [("PATCH", {"name": "Mine now"}), ("PUT", change), ("DELETE", None)]
    for who in (theirs, staff):
        assert who.get(hidden).status == 404 and who.get(hidden).json == NO_OUTFIT
        assert who.get(shown).status == 200
        for method, body in calls:
            answer = who.request(method, hidden, json=body)
            assert answer.status == 404 and answer.json == NO_OUTFIT, (method, answer)
            answer = who.request(method, shown, json=body)
            assert answer.status == 403 and set(answer.json) == {"detail", "code"}, (method, answer)
    assert nobody.get(hidden).json == NO_OUTFIT and nobody.get(shown).status == 200
    for method, body in calls:
        for path in (hidden, shown):
            assert nobody.request(method, path, json=body).status == 401
    assert nobody.post(OUTFITS, change).status == 401 and nobody.get(OUTFITS + "my-outfits/").status == 401
    assert mine.get(hidden).json == private
    assert mine.get(shown).json["name"] == public["name"]
    for bad in ("0", "x", "-1", str(2**63), "9" * 30):
        assert mine.get(f"{OUTFITS}{bad}/").status == 404


def test_lists_and_their_filters(ctx):
    server = ctx.own_server()
    m = Manager.of(server)
    a, b, c = three(m)
    ana, ben, nobody, staff = (ctx.client(server) for _ in range(4))
    ana.user_id, ben.user_id = shopper(ana)[1], shopper(ben)[1]
    staff.login(server.make_user(new_email("staff"), "--role", "staff"))
    rows = {}
    for who, name, public, text in ((ana, "Sommer am Meer", True, "100% Leinen"), (ana, "Geheim", False, "für Oma"),
                                    (ben, "ÉTÉ à Paris", True, "under_score"), (ben, "Winter", False, "Wolle"),
                                    (ben, "Herbst", True, "Sommer ist vorbei")):
        rows[name] = make(who, [a, b, c][:2 + (name == "Winter")], name=name, is_public=public, description=text)

    def names(client, path=OUTFITS, **query):
        answer = client.get(path + "?" + urllib.parse.urlencode(query))
        assert answer.status == 200, answer
        assert answer.json["count"] == len(answer.json["results"]) or "page_size" in query, answer
        assert all(set(row) == LISTED for row in answer.json["results"])
        return [row["name"] for row in answer.json["results"]]

    public = ["Herbst", "ÉTÉ à Paris", "Sommer am Meer"]
    assert names(nobody) == names(nobody, OUTFITS + "public/") == public
    assert names(ana) == ["Herbst", "ÉTÉ à Paris", "Geheim", "Sommer am Meer"], "and one's own"
    assert names(ben) == ["Herbst", "Winter", "ÉTÉ à Paris", "Sommer am Meer"]
    for yes in ("true", "True", "1"):
        assert names(ana, is_public=yes) == public
    for no in ("false", "False", "0"):
        assert names(ana, is_public=no) == ["Geheim"] and names(nobody, is_public=no) == []
    for search, want in (("SOMMER", ["Herbst", "Sommer am Meer"]), ("ete", ["ÉTÉ à Paris"]), ("meer", ["Sommer am Meer"]),
                         ("ommer am", ["Sommer am Meer"]), ("%", ["Sommer am Meer"]), ("_", ["ÉTÉ à Paris"]), ("0% L", ["Sommer am Meer"]),
                         ("geheim", []), ("nowhere", []), ("\\", []), ("'; DROP TABLE outfits; --", []), ("*", [])):
        assert names(nobody, search=search) == names(nobody, OUTFITS + "public/", search=search) == want, search
    assert names(ana, search="oma") == ["Geheim"] and names(ben, search="oma") == []
    # Whose, for staff alone; private ones of others not even for them.
    assert names(staff, user_id=ben.user_id) == ["Herbst", "ÉTÉ à Paris"]
    assert names(staff, user_id=ana.user_id, search="sommer") == ["Sommer am Meer"]
    assert names(staff, user_id=10**9) == []
    assert ana.get(f"{OUTFITS}?user_id={ana.user_id}").status == 403
    assert nobody.get(f"{OUTFITS}?user_id={ana.user_id}").status == 401
    # Orders and pages.
    path = OUTFITS + "public/"
    assert names(nobody, path, ordering="created_at") == public[::-1] and names(nobody, path, ordering="-created_at") == public
    for _ in range(3):
        nobody.get(f"{OUTFITS}{rows['ÉTÉ à Paris']['id']}/")
    nobody.get(f"{OUTFITS}{rows['Sommer am Meer']['id']}/")
    want = ["ÉTÉ à Paris", "Sommer am Meer", "Herbst"]
    end = time.monotonic() + 30
    while names(nobody, path, ordering="-views") != want:
        assert time.monotonic() < end, "looks are written now and then"
        time.sleep(0.1)
    assert names(nobody, path, ordering="views") == want[::-1]
    page = nobody.get(f"{path}?page_size=2&search=e").json
    assert page["count"] == 3 and len(page["results"]) == 2 and page["previous"] is None and "page=2" in page["next"]
    assert "search=e" in page["next"]
    last = nobody.get(f"{path}?page_size=2&page=2").json
    assert len(last["results"]) == 1 and last["next"] is None and last["previous"]
    assert nobody.get(f"{path}?page=3&page_size=2").json["detail"] == "Invalid page."
    assert len(nobody.get(f"{path}?page_size=1000").json["results"]) == 3
    for query in ("ordering=name", "ordering=id;", "is_public=maybe", "page=0", "page=x", "page_size=-1", "search=a&search=b",
                  "user_id=x", "user_id=0", "ordering=-", "search=" + "x" * 201, "search=%00"):
        target = OUTFITS + ("public/" if "ordering" in query else "") + "?" + query
        assert nobody.get(target).status == 400, query
    assert nobody.get(OUTFITS + "?nonsense=1").status == 200


def test_looks_are_counted_and_kept(ctx):
    server = ctx.own_server()
    m = Manager.of(server)
    a, b, _ = three(m)
    mine, theirs, nobody = (ctx.client(server) for _ in range(3))
    shopper(mine), shopper(theirs)
    public, private = make(mine, [a, b], is_public=True), make(mine, [a, b])
    path = f"{OUTFITS}{public['id']}/"
    assert [nobody.get(path).json["views_count"] for _ in range(5)] == [1, 2, 3, 4, 5]
    assert theirs.get(path).json["views_count"] == 6
    assert mine.get(path).json["views_count"] == 6, "one's own look is none"
    assert mine.patch(path, {"name": "Renamed"}).json["views_count"] == 6
    assert [mine.get(f"{OUTFITS}{private['id']}/").json["views_count"] for _ in range(3)] == [0, 0, 0]
    # A crowd; what it saw is written while it looks, and none is lost or counted twice.
    crowd = [ctx.client(server) for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        seen = list(pool.map(lambda client: [client.get(path).json["views_count"] for _ in range(50)], crowd))
    assert sorted(n for row in seen for n in row) == list(range(7, 307))
    time.sleep(3)
    assert nobody.get(path).json["views_count"] == 307
    server.stop()
    server.start()
    assert ctx.client(server).get(path).json["views_count"] == 308, "an orderly end writes what was seen"


def test_what_is_hidden_leaves_an_outfit(ctx):
    m = Manager.of(ctx.server())
    a, b, c = three(m)
    client = person(ctx)
    made = make(client, [a, b, c], is_public=True)
    path = f"{OUTFITS}{made['id']}/"
    m.hide(b)
    seen = client.get(path).json
    assert [(i["position"], i["product"]["id"]) for i in seen["items"]] == [(0, a), (2, c)]
    assert (seen["items_count"], seen["total_price"]) == (2, "10.99")
    m.set(b, is_active=True, price="1.01")
    assert client.get(path).json["total_price"] == "12.00"
    m.delete(c)
    assert client.get(path).json["items_count"] == 2
    listed = client.get(OUTFITS + "my-outfits/").json["results"][0]
    assert (listed["items_count"], listed["total_price"]) == (2, "11.01")


def test_an_outfit_with_a_key_is_made_once(ctx):
    m = Manager.of(ctx.server())
    a, b, _ = three(m)
    client = person(ctx)
    for path in (OUTFITS, OUTFITS + "create/"):
        key = {"Idempotency-Key": secrets.token_hex(8)}
        first = client.post(path, {"name": "Once", "products": [a, b]}, headers=key)
        again = client.post(path, {"name": "Once", "products": [a, b]}, headers=key)
        assert first.status == again.status == 201 and first.body == again.body
        bad = {"Idempotency-Key": secrets.token_hex(8)}
        assert client.post(path, {"name": "Once", "products": [a]}, headers=bad).status == 400
    assert client.get(OUTFITS + "my-outfits/").json["count"] == 2


def test_changes_at_once_leave_a_whole_outfit(ctx):
    m = Manager.of(ctx.server())
    ids = [m.variant()[1] for _ in range(6)]
    client = person(ctx)
    path = f"{OUTFITS}{make(client, ids[:2])['id']}/"
    sets = [ids[i:i + 3] for i in range(4)]
    tabs = [ctx.client(token=client.token) for _ in sets]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda pair: [pair[0].patch(path, {"products": pair[1]}) for _ in range(5)], zip(tabs, sets)))
    assert all(a.status == 200 for row in answers for a in row), answers
    seen = client.get(path).json
    assert [i["product"]["id"] for i in seen["items"]] in sets and [i["position"] for i in seen["items"]] == [0, 1, 2]
