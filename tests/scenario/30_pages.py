# SPDX-License-Identifier: Apache-2.0
"""Every list of both contracts by its page: how many, how many at most, what no page is, where the links lead."""
import itertools
import urllib.parse

import ordering
from shopping import Manager
from sutler import new_email

ENVELOPE = {"count", "next", "previous", "results"}
OF_A = ("/api/catalog/products/", "/api/orders/", "/api/outfits/", "/api/outfits/public/", "/api/users/")
OF_B = ("/api/v1/users/", "/api/v1/users/me/addresses/", "/api/v1/categories/", "/api/v1/products/", "/api/v1/orders/")
MAX = {"/api/outfits/": 50, "/api/outfits/public/": 50}


def somebody(server):
    """A client that may look at every list."""
    if not hasattr(server, "looker"):
        server.looker = ordering.staff(server, "--role", "staff", "--group", "Product Managers")
    return server.looker


def fill(server):
    """More than a page of each that a person can have more of than the greatest page holds, once a server."""
    client = somebody(server)
    if hasattr(server, "is_filled"):
        return client
    address, shop = ordering.address_of(client), Manager.of(server)
    variant, product = shop.variant(stock=1000)
    other = shop.product()["id"]
    for n in range(101):
        made = [client.post("/api/v1/orders/", {"items": [{"variant": variant, "quantity": 1}], "address": address}),
                client.post("/api/v1/categories/", {"name": f"Category {n}"})]
        if n < 51:
            made.append(client.post("/api/outfits/", {"name": f"Outfit {n}", "products": [product, other], "is_public": True}))
        assert all(answer.status == 201 for answer in made), made
    server.is_filled = True
    return client


def of_every_list(server):
    variants = f"/api/v1/products/{Manager.of(server).product()['id']}/variants/"
    return [*OF_A, *OF_B, variants]


def said(answer):
    """The sentence of a refusal, in the shape of whose route it was."""
    return answer.json["error"]["message"] if "error" in answer.json else answer.json["detail"]


def test_the_document_knows_no_other_list(ctx):
    """A list that comes anew is asked here, too."""
    paths = {path for path, verbs in ctx.server().schema().doc["paths"].items()
             if any(p.get("name") == "page" for p in verbs.get("get", {}).get("parameters", []))}
    assert paths == {*OF_A, *OF_B, "/api/v1/products/{id}/variants/"}, paths


def test_what_is_no_page(ctx):
    server = ctx.server()
    client = somebody(server)
    for path in of_every_list(server):
        page = client.get(path)
        assert page.status == 200 and set(page.json) == ENVELOPE and page.json["previous"] is None, (path, page)
        for key, bad in itertools.product(("page", "page_size"), ("0", "-1", "x", "1.5", "1e1", "%20")):
            answer = client.get(f"{path}?{key}={bad}")
            assert answer.status == 400, (path, key, bad, answer)
        for query in ("page=1&page=1", "page_size=2&page_size=2", "page=1&p%61ge=1"):
            assert client.get(f"{path}?{query}").status == 400, (path, query)
        for number in ("9999", "9" * 30):
            answer = client.get(f"{path}?page={number}")
            assert answer.status == 404 and said(answer) == "Invalid page.", (path, answer)
        assert client.get(f"{path}?page_size={'9' * 30}").status == 200, path
        assert client.get(path + "?utm_source=x&utm_source=y").json["count"] == page.json["count"], path


def test_other_keys_of_a_list_are_given_once(ctx):
    server = ctx.server()
    client = somebody(server)
    paths = server.schema().doc["paths"]
    n = 0
    for path in (*OF_A, *OF_B):
        for key in [p["name"] for p in paths[path]["get"]["parameters"] if p["in"] == "query"]:
            answer = client.get(f"{path}?{key}=1&{key}=1")
            assert answer.status == 400, (path, key, answer)
            n += 1
    assert n >= 40, n


def test_how_many_stand_on_a_page(ctx):
    server = ctx.server()
    client = fill(server)
    for path in (*OF_A, *OF_B):
        page = client.get(path).json
        assert len(page["results"]) == min(page["count"], 20), path
        assert (page["next"] is None) is (page["count"] <= 20), path
        most = MAX.get(path, 100)
        page = client.get(path + "?page_size=1000").json
        assert len(page["results"]) == min(page["count"], most), (path, len(page["results"]))
        if path not in ("/api/users/", "/api/v1/users/", "/api/v1/users/me/addresses/"):
            assert page["count"] > most and page["next"], (path, page["count"])
            rest = client.get(f"{path}?page_size={most + 1}&page=2").json
            assert rest["results"][0] not in page["results"] and len(rest["results"]) == min(most, page["count"] - most), path


def test_links_lead_to_the_public_url(ctx):
    """Whatever name the request came under."""
    server = ctx.own_server(env={"SUTLER_SERVER_PUBLIC_URL": "https://api.shop.example"})
    client = server.client()
    page = client.get("/api/catalog/products/?page_size=2&page=2&ordering=price&nonsense=1").json
    for key, number in (("next", "3"), ("previous", None)):
        link = urllib.parse.urlsplit(page[key])
        assert (link.scheme, link.netloc, link.path) == ("https", "api.shop.example", "/api/catalog/products/"), page[key]
        query = urllib.parse.parse_qs(link.query)
        assert query.get("page", [None]) == [number] and query["page_size"] == ["2"] and query["ordering"] == ["price"]
        assert "nonsense" not in query
