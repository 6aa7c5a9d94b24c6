# SPDX-License-Identifier: Apache-2.0
"""shopping - somebody who manages the catalogue of a test's server, and guests with the cookie of their cart."""
import secrets

from sutler import new_email

MANAGERS = "Product Managers"
CART = "/api/orders/cart/"


def word(prefix="W"):
    return prefix + secrets.token_hex(4).upper()


def shopper(client, **more):
    """(email, id): registered, and signed in with this client."""
    email = new_email("shopper")
    client.register(email, **more)
    return email, client.login(email)["user"]["id"]


class Manager:
    """Makes products for a test, hides them, sets their stock and price; one a server."""

    def __init__(self, server):
        self.client = server.client()
        self.client.login(server.make_user(new_email("manager"), "--group", MANAGERS))
        self.category = self._post("/api/v1/categories/", {"name": word("Things ")})["id"]

    @classmethod
    def of(cls, server):
        if not hasattr(server, "manager"):
            server.manager = cls(server)
        return server.manager

    def _post(self, path, body):
        answer = self.client.post(path, body)
        assert answer.status == 201, answer
        return answer.json

    def product(self, stock=100, price="10.00", name=None, **more):
        """The product as contract B shows it: its one variant is the default."""
        return self._post("/api/v1/products/", {
            "name": name or word("Dress "), "category": self.category, "price": price, "sku": word("SKU-"),
            "stock": stock, **more})

    def variant(self, *args, **more):
        """(variant id, product id) of a product with one variant."""
        product = self.product(*args, **more)
        variants = self.client.get(f"/api/v1/products/{product['id']}/variants/").json
        rows = variants["results"] if isinstance(variants, dict) else variants
        return rows[0]["id"], product["id"]

    def set(self, product, **fields):
        answer = self.client.patch(f"/api/v1/products/{product}/", fields)
        assert answer.status == 200, answer

    def set_variant(self, product, variant, **fields):
        answer = self.client.patch(f"/api/v1/products/{product}/variants/{variant}/", fields)
        assert answer.status == 200, answer

    def hide(self, product):
        self.set(product, is_active=False)

    def delete(self, product):
        assert self.client.delete(f"/api/v1/products/{product}/").status == 204


def origin(client):
    return ("https" if client.tls else "http") + "://" + client.host


class Guest:
    """A browser before anybody signed in: it keeps the cart's cookie and sends its own Origin."""

    def __init__(self, client):
        self.client, self.cookie, self.origin = client, None, origin(client)
        self.name = ("__Host-" if client.tls else "") + "sutler_cart"

    def headers(self, **more):
        fields = {"Origin": self.origin}
        if self.cookie is not None:
            fields["Cookie"] = f"{self.name}={self.cookie}"
        fields.update(more)
        return {k: v for k, v in fields.items() if v is not None}

    def request(self, method, path, json=None, **more):
        headers = self.headers(**more.pop("headers", {}))
        answer = self.client.request(method, path, json=json, headers=headers, **more)
        for value in answer.all("Set-Cookie"):
            head, *rest = value.split(";")
            name, _, text = head.partition("=")
            if name.strip() == self.name:
                self.set_cookie = value
                self.cookie = text if text else None
        return answer

    def get(self, path=CART, **more):
        return self.request("GET", path, **more)

    def post(self, path, json=None, **more):
        return self.request("POST", path, json, **more)

    def add(self, variant, quantity=None):
        body = {"variant_id": variant} if quantity is None else {"variant_id": variant, "quantity": quantity}
        return self.post(CART + "add/", body)

    def lines(self):
        """{variant id: quantity} of what is shown."""
        return {row["variant"]["id"]: row["quantity"] for row in self.get().json["items"]}
