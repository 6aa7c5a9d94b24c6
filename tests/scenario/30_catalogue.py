# SPDX-License-Identifier: Apache-2.0
"""The catalogue by contract A: filters, orders, pages, search, errors, ETags; held against a model in Python."""
import urllib.parse

from sutler import also_tls, only

PRODUCTS = "/api/catalog/products/"
PRODUCT = {"id", "name", "slug", "description", "base_price", "category", "coverage_level", "is_featured",
           "date_added", "images", "variants"}
COVERAGE = {"Full Coverage": "Long sleeves, floor length, high neck", "Moderate": "Three-quarter sleeve, midi",
            "Light": "Short sleeve, knee"}


def everything(client):
    """Every product, page by page, as the lists give them."""
    rows, target = [], PRODUCTS + "?page_size=100"
    while target:
        page = client.get(target).json
        rows += page["results"]
        target = page["next"] and local(page["next"])
    assert len(rows) == page["count"] >= 200, len(rows)
    return rows


def local(url):
    parts = urllib.parse.urlsplit(url)
    assert parts.scheme in ("http", "https") and parts.netloc, url
    return parts.path + "?" + parts.query


def ids(answer):
    assert answer.status == 200, answer
    return [row["id"] for row in answer.json["results"]]


def query(client, **more):
    return client.get(PRODUCTS + "?" + urllib.parse.urlencode({"page_size": 100, **more}))


def cents(row):
    whole, _, part = row["base_price"].partition(".")
    assert len(part) == 2 and whole.isdigit(), row["base_price"]
    return int(whole) * 100 + int(part)


@also_tls
def test_the_shape_of_a_list(ctx):
    client = ctx.client()
    page = client.get(PRODUCTS)
    assert set(page.json) == {"count", "next", "previous", "results"}
    assert len(page.json["results"]) == 20 and page.json["previous"] is None
    for row in page.json["results"]:
        assert set(row) == PRODUCT, row
        assert set(row["category"]) == {"id", "name", "slug"}
        assert row["coverage_level"] is None or set(row["coverage_level"]) == {"id", "name", "description"}
        assert row["variants"]
        for variant in row["variants"]:
            assert set(variant) == {"id", "sku", "size", "color", "stock_available", "is_active"}, variant
        for image in row["images"]:
            assert set(image) == {"id", "image", "thumbnail", "is_feature"}
    assert len({v["sku"] for r in everything(client) for v in r["variants"]}) == sum(
        len(r["variants"]) for r in everything(client))


@also_tls
def test_pages_cover_everything_once(ctx):
    client = ctx.client()
    rows = everything(client)
    assert len({r["id"] for r in rows}) == len(rows)
    seen, target, previous = [], PRODUCTS + "?page_size=7&ordering=price", None
    while target:
        page = client.get(target).json
        assert (page["previous"] is None) is (previous is None)
        if previous:
            assert client.get(local(page["previous"])).json["results"] == previous
        seen += [r["id"] for r in page["results"]]
        previous = page["results"]
        target = page["next"] and local(page["next"])
    assert sorted(seen) == sorted(r["id"] for r in rows)


@also_tls
def test_orders(ctx):
    client = ctx.client()
    rows = everything(client)
    for ordering, key, reverse in (("price", cents, False), ("-price", cents, True),
                                   ("date_added", lambda r: r["date_added"], False),
                                   ("-date_added", lambda r: r["date_added"], True)):
        got, page = [], 1
        while True:
            answer = query(client, ordering=ordering, page=page).json
            got += answer["results"]
            if not answer["next"]:
                break
            page += 1
        assert [key(r) for r in got] == sorted(map(key, rows), reverse=reverse), ordering
    for bad in ("name", "id", "-id", "price,id", "--price", "PRICE", "price;", "stock", "1", "(select 1)"):
        answer = client.get(PRODUCTS + "?ordering=" + urllib.parse.quote(bad))
        assert answer.status == 400, (bad, answer)


@also_tls
def test_each_filter_and_their_combinations(ctx):
    client = ctx.client()
    rows = everything(client)
    by_id = {r["id"]: r for r in rows}
    low, high = sorted(map(cents, rows))[len(rows) // 4], sorted(map(cents, rows))[3 * len(rows) // 4]
    money = lambda c: f"{c // 100}.{c % 100:02d}"
    roots = client.get("/api/catalog/categories/").json
    leaves = sorted({r["category"]["slug"] for r in rows})

    def below(nodes, inside=False):
        for node in nodes:
            here = inside or node["slug"] == slug
            if here:
                yield node["slug"]
            yield from below(node["children"], here)

    levels = {"full": "Full Coverage", "moderate": "Moderate", "light": "Light"}
    for code, name in levels.items():
        got = query(client, coverage_level=code)
        want = [r["id"] for r in rows if r["coverage_level"] and r["coverage_level"]["name"] == name]
        assert all(r["coverage_level"]["description"] == COVERAGE[name] for r in rows if r["id"] in want)
        assert got.json["count"] == len(want) > 0, (code, got.json["count"], len(want))
        assert set(ids(got)) <= set(want)
    for slug in leaves[:6] + [root["slug"] for root in roots]:
        inside = set(below(roots))
        got = query(client, category=slug)
        tree = [r["id"] for r in rows if r["category"]["slug"] in inside]
        assert got.json["count"] == len(tree), (slug, got.json["count"], len(tree))
        assert set(ids(got)) <= set(tree)
    got = query(client, min_price=money(low), max_price=money(high))
    want = [r["id"] for r in rows if low <= cents(r) <= high]
    assert got.json["count"] == len(want)
    assert all(low <= cents(by_id[i]) <= high for i in ids(got))
    assert query(client, min_price=money(low)).json["count"] == sum(cents(r) >= low for r in rows)
    assert query(client, max_price=money(high)).json["count"] == sum(cents(r) <= high for r in rows)
    for code, name in levels.items():
        for ordering in ("price", "-price", "date_added", "-date_added"):
            got = query(client, coverage_level=code, min_price=money(low), ordering=ordering)
            want = [r["id"] for r in rows if r["coverage_level"] and r["coverage_level"]["name"] == name
                    and cents(r) >= low]
            assert got.json["count"] == len(want), (code, ordering)
    assert query(client, category="no-such-category").json["count"] == 0
    assert query(client, min_price="9999.99").json["count"] == 0


@also_tls
def test_search(ctx):
    client = ctx.client()
    rows = everything(client)
    word = max((w for r in rows for w in r["name"].lower().split() if w.isalpha()), key=len)
    got = query(client, search=word)
    assert got.json["count"] > 0
    for row in got.json["results"]:
        assert word in (row["name"] + " " + row["description"]).lower(), (word, row["name"])
    want = {r["id"] for r in rows if word in r["name"].lower().split()}
    assert want <= set(ids(got)) or got.json["count"] > 100
    assert query(client, search=word.upper()).json["count"] == got.json["count"]
    assert query(client, search="zzqqxx").json["count"] == 0
    both = query(client, search=f"{word} zzqqxx")
    assert both.json["count"] == 0, both
    for text in ("'", "''", '"', "%", "_", "*", "a*", "NEAR", "NEAR(a b)", "a OR b", "a AND", "-a", "^a", "{a}",
                 "a:b", "(", ")", "\\", "'; DROP TABLE products; --", "$1", "?1", ":a", "@a", "NOT", "\u00e9",
                 "a" * 100, "🦊", "name:x", "+", "&", "|", "!", "<->"):
        answer = query(client, search=text)
        assert answer.status in (200, 400), (text, answer)
    assert len(everything(client)) == len(rows)
    answer = client.get(PRODUCTS + "?search=" + "a" * 5000)
    assert answer.status == 400, answer


@also_tls
def test_errors(ctx):
    client = ctx.client()
    answer = client.get(PRODUCTS + "?coverage_level=sheer")
    assert answer.status == 400
    assert answer.json == {"error": "Invalid coverage_level. Must be one of: full, moderate, light"}, answer
    for key in ("min_price", "max_price"):
        for bad in ("x", "-1", "1e2", "NaN", "Infinity", "1.234", "1,5", "0x10", "٣", " 1", "1 ", "10000",
                    "9223372036854775808", "1'"):
            answer = client.get(f"{PRODUCTS}?{key}=" + urllib.parse.quote(bad))
            assert answer.status == 400, (key, bad, answer)
    for keys, words in ((("min_price", "max_price"), "A valid number is required."),
                        (("page", "page_size"), "A valid integer is required.")):
        for key in keys:
            assert client.get(f"{PRODUCTS}?{key}=x").json == {key: [words]}, key
    assert set(client.get(PRODUCTS + "?ordering=name").json) == {"ordering"}
    # A form sends a field that nobody filled: no filter.
    whole = client.get(PRODUCTS).json["results"]
    for key in ("min_price", "max_price", "ordering", "search", "category", "coverage_level"):
        assert client.get(f"{PRODUCTS}?{key}=").json["results"] == whole, key
    for bad in ("0", "-1", "x", "1.5", "99999999999999999999", "1e1"):
        for key in ("page", "page_size"):
            answer = client.get(f"{PRODUCTS}?{key}=" + bad)
            # Above the maximum is the maximum, and a page beyond the end is not there.
            want = 400 if len(bad) < 20 else 404 if key == "page" else 200
            assert answer.status == want, (key, bad, answer)
    answer = client.get(PRODUCTS + "?page=9999")
    assert answer.status == 404 and answer.json["detail"] == "Invalid page.", answer
    assert len(client.get(PRODUCTS + "?page_size=1000").json["results"]) == 100
    for bad in ("a b", "a'b", "../x", "a;b", "ä"):
        answer = client.get(PRODUCTS + "?category=" + urllib.parse.quote(bad))
        assert answer.status in (200, 400), (bad, answer)
        assert answer.status == 400 or answer.json["count"] == 0


@also_tls
def test_a_product(ctx):
    client = ctx.client()
    parents = {}

    def walk(nodes):
        for node in nodes:
            parents[node["id"]] = node["parent"]
            walk(node["children"])

    walk(client.get("/api/catalog/categories/").json)
    for row in everything(client)[::25]:
        answer = client.get(f"{PRODUCTS}{row['id']}/")
        assert answer.status == 200, answer
        product = answer.json
        assert set(product["category"]) == {"id", "name", "slug", "parent"}, product["category"]
        assert product["category"].pop("parent") == parents[row["category"]["id"]], product["category"]
        assert product == row
        answer = client.get(f"{PRODUCTS}{row['category']['slug']}/{row['slug']}/")
        assert answer.status == 200 and answer.json == client.get(f"{PRODUCTS}{row['id']}/").json, answer
        for one, two in ((row["category"]["slug"], "no-such"), ("no-such", row["slug"])):
            answer = client.get(f"{PRODUCTS}{one}/{two}/")
            assert answer.status == 404 and answer.json["detail"] == "Not found.", answer
    answer = client.get(PRODUCTS + "99999999/")
    assert answer.status == 404 and answer.json["detail"] == "Not found.", answer


@also_tls
def test_categories_are_a_tree(ctx):
    client = ctx.client()
    roots = client.get("/api/catalog/categories/").json
    assert roots and any(root["children"] for root in roots)
    seen = set()

    def walk(nodes, parent):
        for node in nodes:
            assert set(node) == {"id", "name", "slug", "parent", "is_active", "children"}, node
            assert node["parent"] == parent, node
            assert node["slug"] not in seen and node["is_active"] is True
            seen.add(node["slug"])
            walk(node["children"], {key: node[key] for key in ("id", "name", "slug")})

    walk(roots, None)
    assert {r["category"]["slug"] for r in everything(client)} <= seen


@also_tls
def test_filters_say_what_is_there(ctx):
    client = ctx.client()
    rows = everything(client)
    answer = client.get("/api/catalog/filters/").json
    assert set(answer) == {"categories", "coverage_levels", "sizes", "colors", "price_range"}
    assert {level["name"]: level["description"] for level in answer["coverage_levels"]} == COVERAGE
    assert all(set(level) == {"id", "name", "description"} for level in answer["coverage_levels"])
    assert answer["categories"] == client.get("/api/catalog/categories/").json
    assert set(answer["price_range"]) == {"min", "max"}
    assert all(type(n) in (int, float) for n in answer["price_range"].values()), answer["price_range"]
    prices = [cents(r) for r in rows]
    assert round(answer["price_range"]["min"] * 100) == min(prices)
    assert round(answer["price_range"]["max"] * 100) == max(prices)
    assert answer["sizes"] == ["XS", "S", "M", "L", "XL", "XXL"], answer["sizes"]
    assert set(answer["colors"]) == {v["color"] for r in rows for v in r["variants"] if v["is_active"]}


@also_tls
def test_etags(ctx):
    client = ctx.client()
    for target in (PRODUCTS, PRODUCTS + "?page=2&ordering=price", PRODUCTS + "1/"):
        first = client.get(target)
        etag = first.get("ETag")
        assert etag and etag.strip("W/").startswith('"'), first.headers
        again = client.get(target, headers={"If-None-Match": etag})
        assert again.status == 304 and again.body == b"" and again.get("ETag") == etag, again
        for match in (f'"x", {etag}', "*", f"W/{etag}" if not etag.startswith("W/") else etag):
            assert client.get(target, headers={"If-None-Match": match}).status == 304, match
        for other in ('"x"', "x", "", etag[:-2] + '"', "W/"):
            assert client.get(target, headers={"If-None-Match": other}).status == 200, other
        assert client.get(target).get("ETag") == etag
    assert client.get(PRODUCTS).get("ETag") != client.get(PRODUCTS + "?page=2").get("ETag")
    # The cache of a signed-in person's answer is nobody else's.
    assert "no-store" not in (client.get(PRODUCTS).get("Cache-Control") or "")


def test_the_demo_is_the_same_each_time(ctx):
    one, two = ctx.server(), ctx.own_server()
    rows = everything(one.client()), everything(two.client())
    for row in rows[0] + rows[1]:
        row.pop("date_added")
    assert rows[0] == rows[1]


@only("sqlite")
def test_a_second_start_does_not_fill_again(ctx):
    server = ctx.own_server()
    count = server.client().get(PRODUCTS).json["count"]
    server.restart()
    assert server.client().get(PRODUCTS).json["count"] == count
