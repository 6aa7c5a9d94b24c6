# SPDX-License-Identifier: Apache-2.0
"""Search: what is found, in which order, whatever is typed; the same on both stores, and as the catalogue is now."""
import functools
import re
import secrets
import unicodedata
import urllib.parse

import sutler
from sutler import new_email, only

PRODUCTS, SEARCH = "/api/catalog/products/", "/api/catalog/products/search/"
GOODS, CATEGORIES = "/api/v1/products/", "/api/v1/categories/"
WORDS_OF_A_SEARCH, LETTERS_OF_A_WORD = 8, 32


@functools.lru_cache(maxsize=4096)
def words(text):
    """The folded words of a text, each once: NFKD without marks, lower case."""
    folded = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()
    found = [word[:LETTERS_OF_A_WORD] for word in re.findall(r"[^\W_]+", folded)]
    return tuple(dict.fromkeys(found))


def has_all(asked, text):
    return all(any(word.startswith(one) for word in words(text)) for one in asked)


def model(rows, text):
    """The ids that a search must show, in its order."""
    asked = words(text)[:WORDS_OF_A_SEARCH]
    if not asked:
        return [] if text.strip() else None
    rows = sorted(rows, key=lambda row: -row["id"])
    match = [row for row in rows if has_all(asked, row["name"] + " " + row["description"])]
    named = [row for row in match if has_all(asked, row["name"])]
    return [row["id"] for row in named] + [row["id"] for row in match if row not in named]


def everything(client):
    rows, target = [], PRODUCTS + "?page_size=100"
    while target:
        page = client.get(target).json
        rows += page["results"]
        target = page["next"] and page["next"].partition("/api/")[2]
        target = target and "/api/" + target
    return rows


def search(client, text, **more):
    """(count, ids) of all pages."""
    ids, page = [], 1
    while True:
        answer = client.get(PRODUCTS + "?" + urllib.parse.urlencode(
            {"search": text, "page_size": 100, "page": page, **more}))
        assert answer.status == 200, (text, answer)
        ids += [row["id"] for row in answer.json["results"]]
        if answer.json["next"] is None:
            return answer.json["count"], ids
        page += 1


def questions(rows):
    """Words of the catalogue, how they begin, and some together; the same for the same catalogue."""
    vocabulary = sorted({word for row in rows for word in words(row["name"] + " " + row["description"])})
    picked = vocabulary[::max(1, len(vocabulary) // 25)]
    asked = list(picked)
    asked += [word[:n] for word in picked[::3] for n in (1, 2, 3) if len(word) > n]
    asked += [f"{a} {b}" for a, b in zip(picked, reversed(picked))]
    asked += [" ".join(words(row["name"])) for row in rows[::20]]
    return list(dict.fromkeys(asked))


def test_it_finds_what_a_plain_loop_finds_in_the_same_order(ctx):
    client = ctx.server().client()
    rows = everything(client)
    assert len(rows) >= 200
    found = 0
    for text in questions(rows):
        want = model(rows, text)
        count, ids = search(client, text)
        assert (count, ids) == (len(want), want), (text, count, len(want))
        found += count
    assert found > 1000


def test_what_means_something_to_a_database_means_nothing(ctx):
    client = ctx.server().client()
    rows = everything(client)
    one, two = words(rows[0]["name"])[0], words(rows[-1]["name"])[0]
    hostile = ['"', "'", "*", "-", "^", ":", "(", ")", "&", "|", "!", "\\", "%", "_", "<->", "{}", "++", "\u202e",
               f'"{one}"', f"{one}*", f"*{one}", f"-{one}", f"^{one}", f"{one}:*", f"words:{one}", f"!{one}",
               f"{one} OR {two}", f"{one} AND {two}", f"{one} NOT {two}", f"NEAR({one} {two})", f"NEAR({one}, 2)",
               f"{one} & {two}", f"{one} | {two}", f"{one} <-> {two}", f"({one}", f"{one})", f"{{name}}: {one}",
               f"{one}'; DROP TABLE products; --", f"{one}' OR '1'='1", f"product_words MATCH '{one}'",
               f"a{one}", f"n{one}", "h", "c1", "l1", "c1 OR c2", "1", "'h'", '"c1" *', "\ufeff" + one,
               "\U0001f457", "e\u0301lan", "\u0130", "\u00df", "\ufb01", "a" * 200, ("x " * 100).strip()]
    for text in hostile:
        want = model(rows, text)
        count, ids = search(client, text)
        assert (count, ids) == (len(want), want), (text, count, want)
    for bad in ("\x00", "a\x07", "\x1b[2J"):
        answer = client.get(PRODUCTS + "?" + urllib.parse.urlencode({"search": bad}))
        assert answer.status == 400, (bad, answer)
    assert client.get(PRODUCTS + "?search=%ff%fe").status == 400
    assert client.get(PRODUCTS + "?" + urllib.parse.urlencode({"search": "a" * 201})).status == 400


def test_blank_wordless_and_long_searches(ctx):
    client = ctx.server().client()
    rows = everything(client)
    for blank in ("", " ", "\u00a0"):
        assert search(client, blank)[0] == len(rows), repr(blank)
    for wordless in ("...", "-", "\u2014 \u2026"):
        assert search(client, wordless) == (0, []), wordless
    # What is beyond the eighth word does not count.
    some = list(words(rows[0]["name"] + " " + rows[0]["description"]))
    assert len(some) >= WORDS_OF_A_SEARCH, some
    text = " ".join(some[:WORDS_OF_A_SEARCH])
    assert search(client, text + " zzqqxx") == search(client, text)
    assert rows[0]["id"] in search(client, text)[1]


def test_a_search_can_be_ordered_and_filtered(ctx):
    client = ctx.server().client()
    rows = everything(client)
    by_id = {row["id"]: row for row in rows}
    word = max(questions(rows), key=lambda text: len(model(rows, text)) if " " not in text else 0)
    want = model(rows, word)
    assert len(want) > 20, (word, want)
    for ordering, key in (("price", lambda i: (float(by_id[i]["base_price"]), i)),
                          ("-price", lambda i: (-float(by_id[i]["base_price"]), -i))):
        assert search(client, word, ordering=ordering)[1] == sorted(want, key=key), ordering
    newest = search(client, word, ordering="-date_added")[1]
    dates = [by_id[i]["date_added"] for i in newest]
    assert sorted(newest) == sorted(want) and dates == sorted(dates, reverse=True)
    # Filters leave the order as it is.
    prices = sorted(float(by_id[i]["base_price"]) for i in want)
    low = f"{prices[len(prices) // 2]:.2f}"
    assert search(client, word, min_price=low)[1] == [i for i in want if float(by_id[i]["base_price"]) >= float(low)]
    slug = by_id[want[0]]["category"]["slug"]
    within = {r["id"] for r in rows if r["category"]["slug"] == slug}
    got = search(client, word, category=slug)[1]
    assert got == [i for i in want if i in set(got)] and within & set(want) <= set(got)
    for level in ("full", "moderate", "light"):
        have = {row["id"] for row in everything_of(client, coverage_level=level)}
        assert search(client, word, coverage_level=level)[1] == [i for i in want if i in have], level
    assert search(client, word, category="no-such-category") == (0, [])
    # Pages meet without gap or repeat, across the border between names and the rest.
    paged = []
    for page in range(1, len(want) // 7 + 2):
        answer = client.get(PRODUCTS + f"?search={word}&page_size=7&page={page}")
        assert answer.status == 200 and answer.json["count"] == len(want), answer
        paged += [row["id"] for row in answer.json["results"]]
    assert paged == want
    assert client.get(PRODUCTS + f"?search={word}&page=9999").status == 404
    # By a body: the same first page.
    posted = client.post(SEARCH, {"query": word}).json
    assert [row["id"] for row in posted["results"]] == want[:20] and posted["count"] == len(want)


def test_the_deployed_front_ends_spelling(ctx):
    client = ctx.server().client()
    rows = everything(client)
    word = max(questions(rows), key=lambda text: len(model(rows, text)) if " " not in text else 0)
    page = client.post(SEARCH, {"query": word})
    assert page.status == 200 and set(page.json) == {"count", "next", "previous", "results"}, page
    # On from there by the list's own pages.
    target = "/api/" + page.json["next"].partition("/api/")[2]
    assert [row["id"] for row in client.get(target).json["results"]] == model(rows, word)[20:40]
    blank = client.post(SEARCH, {"query": ""}).json
    assert blank["count"] == len(rows) and blank["results"] == client.get(PRODUCTS).json["results"]
    assert client.post(SEARCH, {"query": "zzqqxx"}).json == {"count": 0, "next": None, "previous": None, "results": []}
    assert client.post(SEARCH, {}).json == {"query": ["This field is required."]}
    for body, field in (({"query": 5}, "query"), ({"query": None}, "query"), ({"query": ["x"]}, "query"),
                        ({"query": "x" * 201}, "query"), ({"query": "a\x07"}, "query"), ({"query": "x", "page": 2}, "page"),
                        ({"query": "x", "search": "y"}, "search")):
        answer = client.post(SEARCH, body)
        assert answer.status == 400 and set(answer.json) == {field}, (body, answer)


def everything_of(client, **query):
    rows, page = [], 1
    while True:
        answer = client.get(PRODUCTS + "?" + urllib.parse.urlencode({**query, "page_size": 100, "page": page})).json
        rows += answer["results"]
        if answer["next"] is None:
            return rows
        page += 1


def manager_of(server):
    client = server.client()
    client.login(server.make_user(new_email("manager"), "--group", "Product Managers"))
    return client


def test_what_changes_is_found_as_it_is_now(ctx):
    server = ctx.server()
    client, manager = server.client(), manager_of(server)
    mark = "q" + secrets.token_hex(6)
    category = manager.post(CATEGORIES, {"name": "K " + mark})
    assert category.status == 201, category
    number = category.json["id"]

    def found(text):
        return search(client, text)[1]

    made = manager.post(GOODS, {"name": f"Gr\u00fcner \u00c9lan {mark}x", "description": f"Stra\u00dfe {mark}y \ufb01n",
                                "category": number, "price": "10.00", "sku": f"S-{mark}", "stock": 1})
    assert made.status == 201, made
    product = made.json["id"]
    for text in (mark, mark.upper(), mark[:5] + mark[5:], f"{mark}x {mark}y", f"elan {mark}x", f"GRU {mark}",
                 f"\u00e9lan {mark}", f"fin {mark}y"):
        assert product in found(text), text
    assert found(f"{mark}x {mark}z") == [] and found(mark[1:]) == []

    def change(**body):
        answer = manager.patch(f"{GOODS}{product}/", body)
        assert answer.status == 200, answer

    change(name=f"Roter {mark}r")
    assert found(f"{mark}r") == [product] and found(f"{mark}x") == [] and found(f"{mark}y") == [product]
    change(description="")
    assert found(f"{mark}y") == []
    change(is_active=False)
    assert found(mark) == []
    change(is_active=True)
    assert found(mark) == [product]
    # A new one with the word in its description alone stands behind the older one with it in the name.
    second = manager.post(GOODS, {"name": "Other", "description": f"like {mark}r", "category": number,
                                  "price": "11.00", "sku": f"T-{mark}", "stock": 1}).json["id"]
    assert found(mark) == [product, second]
    assert manager.delete(f"{GOODS}{product}/").status == 204
    assert found(mark) == [second]


@only("postgres")
def test_both_stores_answer_the_same(ctx):
    """The same catalogue on an embedded store: the same rows by the same numbers, byte by byte, for each question."""
    there = ctx.server().client()
    with sutler.Server(store="sqlite") as server:
        here = server.client()
        # Only what was there from the start: other tests have added to the shared one.
        rows = everything(here)
        highest = max(row["id"] for row in rows)
        same = [row for row in everything(there) if row["id"] <= highest]
        assert [(r["id"], r["name"], r["description"]) for r in same] == [
            (r["id"], r["name"], r["description"]) for r in rows]
        for text in questions(rows) + ['"', "NEAR(a b)", "a*", "e\u0301", "1"]:
            count, ids = search(here, text)
            assert ids == [i for i in search(there, text)[1] if i <= highest], text
            assert count == len(ids)
