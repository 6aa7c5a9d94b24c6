# SPDX-License-Identifier: Apache-2.0
"""Whose is it (B2): every route with a number in it, asked by a person with the number of another's thing.

A route that is added later must be named here: as somebody's, or as nobody's.
"""
import json

from sutler import new_email, rows_of

SECRETS = {"name": "Wilhelmina Quackenbush", "line1": "17 Thistledown Crescent", "city": "Zwartkoppies",
           "label": "Hideaway", "phone": "+27821239999"}
NOTES = "Leave it with the beekeeper"
OUTFIT = "Moonlit marmalade"
# What belongs to nobody, or is the managers' alone: the sweep of levels has those.
NOBODYS = ("/api/catalog/", "/api/v1/categories/", "/api/v1/products/", "/media/", "/docs/")


def variant_of(client, least=3):
    """One that can be had so often."""
    for page in range(1, 20):
        for product in client.get(f"/api/catalog/products/?page={page}").json["results"]:
            for variant in product["variants"]:
                if variant["stock_available"] >= least:
                    return product, variant
    raise AssertionError("nothing is left")


class Owner:
    """A person with one of everything that has a number."""

    def __init__(self, server):
        self.client = server.client()
        self.email = new_email("owner")
        self.person = self.client.register(self.email, name=SECRETS["name"])
        self.client.token = self.person["tokens"]["access_token"]
        _, variant = variant_of(self.client)
        products = [p["id"] for p in self.client.get("/api/catalog/products/?page_size=3").json["results"]]
        self.address = self._made("/api/v1/users/me/addresses/", {
            **SECRETS, "line2": "", "region": "", "postal_code": "0001", "country": "ZA", "is_default": True})["id"]
        self._made("/api/orders/cart/add/", {"variant_id": variant["id"]})
        self.order = self._made("/api/orders/create/", {
            "address": f"{SECRETS['name']}, {SECRETS['line1']}, {SECRETS['city']}", "payment_method": "offline",
            "notes": NOTES})["data"]["order_id"]
        self.line = self._made("/api/orders/cart/add/", {"variant_id": variant["id"]})["data"]["cart_item_id"]
        self.wish = self._made("/api/orders/wishlist/add/", {"variant_id": variant["id"]})["data"]["wishlist_item_id"]
        self.outfit = self._made("/api/outfits/", {"name": OUTFIT, "description": NOTES, "products": products})["id"]
        self.session = self.client.get("/api/users/sessions/").json["data"]["sessions"][0]["id"]

    def _made(self, path, body):
        answer = self.client.post(path, body)
        assert answer.status == 201, (path, answer)
        return answer.json

    def theirs(self):
        """Which thing a route with a number speaks of, by how it begins."""
        return {
            "/api/orders/cart/": self.line, "/api/orders/wishlist/": self.wish, "/api/orders/": self.order,
            "/api/v1/orders/": self.order, "/api/v1/users/me/addresses/": self.address, "/api/outfits/": self.outfit,
            "/api/users/sessions/": self.session, "/api/auth/sessions/": self.session,
            # Of these there is none: it is another's number all the same.
            "/api/users/passkeys/": 1, "/api/auth/passkeys/": 1,
        }

    def seen(self):
        """All that a stranger could have changed, as its owner sees it."""
        return [self.client.get(path).json for path in (
            "/api/orders/cart/", "/api/orders/wishlist/", f"/api/orders/{self.order}/", f"/api/v1/orders/{self.order}/",
            f"/api/v1/users/me/addresses/{self.address}/", f"/api/outfits/{self.outfit}/", "/api/users/profile/")]


def routes_with_a_number(server):
    done = server.cli("routes", "--json")
    assert done.returncode == 0, done
    for row in rows_of(done.stdout):
        for path in [row["path"]] + [p for p in row.get("aliases", []) if p]:
            if "{" in path and not path.startswith(NOBODYS):
                yield row, path


def filled(path, theirs):
    begins = max((head for head in theirs if path.startswith(head)), key=len, default=None)
    assert begins is not None, f"{path}: whose is it? Say it in this file"
    head, _, rest = path.partition("{")
    return head + str(theirs[begins]) + rest.partition("}")[2]


def body_of(document, method, path):
    """One that the route takes, so that it is not refused for that."""
    bodies = {"quantity": 1, "status": "shipped", "reason": "mine", "name": "Mine", "description": "", "is_public": False,
              "label": "Mine", "line1": "Mine 1", "line2": "", "city": "Mine", "region": "", "postal_code": "1",
              "country": "ZA", "phone": "+27821230000", "is_default": False}
    for m, p, operation in document.operations():
        if m != method or p != path:
            continue
        schema = document.body_schema(operation)
        if schema is None:
            return None
        body = {k: v for k, v in bodies.items() if k in schema["properties"]}
        if "products" in schema["properties"]:
            body["products"] = [1, 2]
        return body
    raise AssertionError(f"{method} {path} is not in the document")


def hold(where, answer, allowed=(403, 404)):
    assert answer.status in allowed, (*where, answer)
    for secret in [*SECRETS.values(), NOTES, OUTFIT]:
        assert secret.lower() not in answer.text.lower(), (*where, secret)


def test_another_s_number_opens_nothing(ctx):
    server = ctx.server()
    owner = Owner(server)
    before = owner.seen()
    document = server.schema()
    stranger = server.client()
    stranger.register(new_email("stranger"))
    signed = server.client()
    signed.token = stranger.register(new_email("stranger"))["tokens"]["access_token"]
    manager = server.client()
    manager.login(server.make_user(new_email("manager"), "--group", "Product Managers"))
    swept = 0
    for row, path in routes_with_a_number(server):
        target = filled(path, owner.theirs())
        body = body_of(document, row["method"], path)
        where = (row["method"], target)
        for client in (signed, manager):
            hold(where, client.request(row["method"], target, json=body))
        hold(where, server.client().request(row["method"], target, json=body), (401, 403, 404))
        swept += 1
    assert swept >= 20, swept
    assert json.dumps(owner.seen()) == json.dumps(before), "a stranger changed something"


def test_staff_see_what_they_must_and_no_more(ctx):
    """An order is theirs to handle; a cart, an address book, a wishlist, a private outfit, a session is not."""
    server = ctx.server()
    owner = Owner(server)
    before = owner.seen()
    staff = server.client()
    staff.login(server.make_user(new_email("staff"), "--role", "staff"))
    assert staff.get(f"/api/orders/{owner.order}/").status == 200
    assert staff.get(f"/api/v1/orders/{owner.order}/").status == 200
    document = server.schema()
    for row, path in routes_with_a_number(server):
        if path.startswith(("/api/orders/{", "/api/v1/orders/")):
            continue
        target = filled(path, owner.theirs())
        hold((row["method"], target), staff.request(row["method"], target, json=body_of(document, row["method"], path)))
    assert json.dumps(owner.seen()) == json.dumps(before)


def test_a_guest_s_cart_is_who_has_its_cookie_s(ctx):
    server = ctx.server()
    guest = server.client()
    _, variant = variant_of(guest)
    added = guest.post("/api/orders/cart/add/", {"variant_id": variant["id"]})
    assert added.status == 201, added
    line = added.json["data"]["cart_item_id"]
    signed = server.client()
    signed.token = signed.register(new_email("stranger"))["tokens"]["access_token"]
    for client in (server.client(), signed):
        for method, target, body in (("PATCH", f"/api/orders/cart/update/{line}/", {"quantity": 2}),
                                     ("DELETE", f"/api/orders/cart/remove/{line}/", None)):
            hold((method, target), client.request(method, target, json=body), (401, 403, 404))
        assert client.get("/api/orders/cart/").json["items"] == []


def test_a_list_is_of_one_s_own(ctx):
    server = ctx.server()
    owner = Owner(server)
    stranger = server.client()
    stranger.token = stranger.register(new_email("stranger"))["tokens"]["access_token"]
    for path in ("/api/orders/", "/api/v1/orders/", "/api/orders/wishlist/", "/api/orders/cart/", "/api/outfits/",
                 "/api/outfits/my-outfits/", "/api/outfits/public/", "/api/v1/users/me/addresses/", "/api/users/sessions/",
                 f"/api/outfits/?search={OUTFIT.split()[0]}", "/api/outfits/?is_public=false"):
        answer = stranger.get(path)
        assert answer.status == 200, (path, answer)
        hold(("GET", path), answer, (200,))
    assert stranger.get(f"/api/outfits/?user_id={owner.person['user']['id']}").status in (400, 403)
