# SPDX-License-Identifier: Apache-2.0
"""Addresses by contract B: every row, every error, one default, whose they are, and that nothing of them lies open."""
import concurrent.futures
import re
import secrets
import subprocess

from sutler import PASSWORD, also_tls, new_email, only

ADDRESSES = "/api/v1/users/me/addresses/"
FIELDS = {"id", "label", "name", "line1", "line2", "city", "region", "postal_code", "country", "phone", "is_default",
          "created_at", "modified_at"}
LEAST = {"name": "Ada Byron", "line1": "1 Main Road", "city": "Cape Town", "country": "ZA"}
WHOLE = {**LEAST, "label": "Home", "line2": "Flat 3 <b>", "region": "Western Cape", "postal_code": "8001",
         "phone": "+27 21 555 0199", "is_default": True}
NOT_FOUND = {"error": {"code": 404, "message": "Not found.", "reason": "not_found"}}


def person(ctx, server=None, words="resident"):
    client = ctx.client(server)
    email = new_email(words)
    answer = client.post("/api/v1/auth/register/", {"email": email, "password": PASSWORD, "first_name": "Ada",
                                                    "last_name": "Byron"})
    assert answer.status == 201, answer
    client.token = client.post("/api/v1/auth/login/", {"email": email, "password": PASSWORD}).json["access"]
    return client


def made(client, status=201, **more):
    answer = client.post(ADDRESSES, {**LEAST, **more})
    assert answer.status == status, answer
    return answer.json


def faults(answer):
    assert answer.status == 400 and answer.json["error"]["code"] == 400, answer
    return set(answer.json["error"].get("fields", {}))


@also_tls
def test_an_address_from_first_to_last(ctx):
    client = person(ctx)
    assert client.get(ADDRESSES).json == {"count": 0, "next": None, "previous": None, "results": []}
    bare = made(client)
    assert set(bare) == FIELDS
    assert {k: bare[k] for k in LEAST} == LEAST
    assert all(bare[k] is None for k in ("label", "line2", "region", "postal_code", "phone")) and bare["is_default"] is False
    answer = client.post(ADDRESSES, WHOLE)
    assert answer.status == 201
    whole = answer.json
    assert {k: whole[k] for k in WHOLE} == WHOLE
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", whole["created_at"])
    assert client.get(ADDRESSES).json["results"] == [bare, whole], "the oldest first"
    path = f"{ADDRESSES}{whole['id']}/"
    assert client.get(path).json == whole
    changed = client.patch(path, {"line2": None, "label": "", "city": " Paarl ", "country": "na"}).json
    assert (changed["line2"], changed["label"], changed["city"], changed["country"]) == (None, None, "Paarl", "NA")
    assert changed["phone"] == WHOLE["phone"] and changed["is_default"] is True and changed["created_at"] == whole["created_at"]
    changed = client.put(path, LEAST).json
    assert {k: changed[k] for k in LEAST} == LEAST
    assert changed["phone"] is None and changed["is_default"] is False and changed["id"] == whole["id"]
    assert client.patch(path, {}).json["name"] == LEAST["name"]
    answer = client.delete(path)
    assert answer.status == 204 and answer.body == b""
    assert client.get(path).json == NOT_FOUND and client.delete(path).json == NOT_FOUND
    assert client.get(ADDRESSES).json["count"] == 1


def test_one_is_the_default(ctx):
    client = person(ctx)
    ids = [made(client, is_default=True)["id"] for _ in range(3)] + [made(client)["id"]]

    def default():
        return [row["id"] for row in client.get(ADDRESSES).json["results"] if row["is_default"]]

    assert default() == [ids[2]]
    assert client.patch(f"{ADDRESSES}{ids[0]}/", {"is_default": True}).json["is_default"] is True
    assert default() == [ids[0]]
    client.patch(f"{ADDRESSES}{ids[1]}/", {"label": "x"})
    assert default() == [ids[0]]
    client.put(f"{ADDRESSES}{ids[3]}/", {**LEAST, "is_default": True})
    assert default() == [ids[3]]
    client.delete(f"{ADDRESSES}{ids[3]}/")
    assert default() == []
    # Another's stays what it is.
    other = person(ctx)
    theirs = made(other, is_default=True)
    made(client, is_default=True)
    assert other.get(f"{ADDRESSES}{theirs['id']}/").json["is_default"] is True
    # And of many at once one is left.
    tabs = [ctx.client(token=client.token) for _ in range(3)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda pair: [pair[0].patch(f"{ADDRESSES}{pair[1]}/", {"is_default": True}) for _ in range(5)],
                                zip(tabs, ids[:3])))
    assert all(a.status == 200 for row in answers for a in row), answers
    assert len(default()) == 1


def test_bodies_that_are_none(ctx):
    client = person(ctx)
    path = f"{ADDRESSES}{made(client)['id']}/"
    before = client.get(path).json
    for change, field in (({"name": ...}, "name"), ({"line1": ...}, "line1"), ({"city": ...}, "city"), ({"country": ...}, "country"),
                          ({"name": ""}, "name"), ({"name": None}, "name"), ({"name": "x" * 151}, "name"), ({"line1": "x" * 256}, "line1"),
                          ({"line2": "x" * 256}, "line2"), ({"city": 5}, "city"), ({"label": ["x"]}, "label"),
                          ({"postal_code": "1" * 21}, "postal_code"), ({"region": "x" * 101}, "region"), ({"is_default": "yes"}, "is_default"),
                          ({"is_default": None}, "is_default"), ({"line1": "a\x07b"}, "line1"), ({"line1": "card 4111111111111111"}, "line1"),
                          ({"id": 5}, "id"), ({"person": 5}, "person"), ({"person_id": 5}, "person_id"), ({"key_version": 1}, "key_version"),
                          ({"created_at": "2020-01-01T00:00:00Z"}, "created_at")):
        body = {k: v for k, v in {**LEAST, **change}.items() if v is not ...}
        assert faults(client.post(ADDRESSES, body)) == {field}, change
        assert faults(client.put(path, body)) == {field}, change
        if list(change.values()) != [...]:
            assert faults(client.patch(path, change)) == {field}, change
    for bad in ("X", "XX", "ZAF", "zz", "12", "Z ", "Z\u0391", "ÄÖ", "EU", "AN", "ZR", "", None, 27):
        assert faults(client.post(ADDRESSES, {**LEAST, "country": bad})) == {"country"}, bad
        assert faults(client.patch(path, {"country": bad})) == {"country"}, bad
    for bad in ("call me", "12", "+27-21-555-0199-12", "0" * 16, "+27;DROP", 27215550199, "٠١٢٣٤٥٦"):
        assert faults(client.post(ADDRESSES, {**LEAST, "phone": bad})) == {"phone"}, bad
    for body in ("[]", "5", '"x"', "null"):
        assert client.request("POST", ADDRESSES, body=body).status == 400
    assert client.request("POST", ADDRESSES, body="{").json["error"]["reason"] == "parse_error"
    assert client.get(path).json == before
    for code in ("GB", "us", "De", "zw", "AD", "AX", "BQ", "SS", "XK".replace("XK", "RS")):
        assert made(client, country=code)["country"] == code.upper()
    longest = {"label": "ü" * 100, "name": "ñ" * 150, "line1": "ß" * 255, "line2": "東" * 255, "city": "ö" * 100,
               "region": "é" * 100, "postal_code": "1" * 20, "phone": "+27 21 555 0199"}
    kept = made(client, **longest)
    assert {k: client.get(f"{ADDRESSES}{kept['id']}/").json[k] for k in longest} == longest
    texts = "Ωμέγα 東京 <script>alert(1)</script> & \"q\" 'p' \\ %s ${x} \u202e"
    kept = made(client, line1=texts, name="O'Brien-Ñandú")
    assert client.get(f"{ADDRESSES}{kept['id']}/").json["line1"] == texts.strip()


def test_anothers_address_is_not_there(ctx):
    server = ctx.server()
    mine, theirs, nobody, staff = person(ctx), person(ctx), ctx.client(), ctx.client()
    staff.login(server.make_user(new_email("staff"), "--role", "superuser"))
    path = f"{ADDRESSES}{made(mine, **WHOLE)['id']}/"
    before = mine.get(path).json
    for who, status in ((theirs, 404), (staff, 404), (nobody, 401)):
        for method, body in (("GET", None), ("PUT", LEAST), ("PATCH", {"city": "x"}), ("DELETE", None)):
            answer = who.request(method, path, json=body)
            assert answer.status == status, (method, answer)
            assert status == 401 or answer.json == NOT_FOUND
    assert nobody.get(ADDRESSES).status == 401 and nobody.post(ADDRESSES, LEAST).status == 401
    assert theirs.get(ADDRESSES).json["count"] == 0
    assert mine.get(path).json == before
    for bad in ("0", "x", "-1", "01", str(2**63), "9" * 30, "%31"):
        assert mine.get(f"{ADDRESSES}{bad}/").status == 404, bad
    assert mine.post(path, LEAST).status == 405 and mine.put(ADDRESSES, LEAST).status == 405


def test_pages_and_how_many(ctx):
    client = person(ctx)
    ids = [made(client, label=str(i))["id"] for i in range(50)]
    answer = client.post(ADDRESSES, LEAST)
    assert answer.status == 400 and answer.json["error"]["message"] == "There are too many addresses", answer
    page = client.get(ADDRESSES).json
    assert page["count"] == 50 and len(page["results"]) == 20 and page["previous"] is None and "page=2" in page["next"]
    seen = [row["id"] for n in (1, 2, 3) for row in client.get(f"{ADDRESSES}?page={n}").json["results"]]
    assert seen == ids
    assert len(client.get(f"{ADDRESSES}?page_size=1000").json["results"]) == 50
    assert client.get(f"{ADDRESSES}?page=4").status == 404
    for query in ("page=0", "page=x", "page_size=0", "page=1&page=2"):
        assert client.get(f"{ADDRESSES}?{query}").status == 400, query
    assert client.delete(f"{ADDRESSES}{ids[0]}/").status == 204
    made(client)
    # Of many at once, no more than there may be.
    client.delete(f"{ADDRESSES}{ids[1]}/")
    tabs = [ctx.client(token=client.token) for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda tab: tab.post(ADDRESSES, LEAST), tabs))
    assert sorted(a.status for a in answers) == [201, 400, 400, 400], answers


def test_an_address_with_a_key_is_made_once(ctx):
    client = person(ctx)
    key = {"Idempotency-Key": secrets.token_hex(8)}
    first = client.post(ADDRESSES, WHOLE, headers=key)
    again = client.post(ADDRESSES, WHOLE, headers=key)
    assert first.status == again.status == 201 and first.body == again.body
    assert again.get("Idempotency-Replayed") == "true"
    assert client.post(ADDRESSES, LEAST, headers=key).status == 422
    assert client.get(ADDRESSES).json["count"] == 1


@only("postgres")
def test_nothing_of_an_address_lies_open(ctx):
    server = ctx.server()
    client = person(ctx, words="sealed")
    words = {k: f"Zq{secrets.token_hex(5)}" for k in ("label", "name", "line1", "line2", "city", "region", "postal_code")}
    row = made(client, **words, phone="+27 21 5550 142")
    dump = subprocess.run(["pg_dump", server.env["DATABASE_URL"]], check=True, capture_output=True, text=True).stdout
    found = [w for w in words.values() if w in dump or w.encode().hex() in dump]
    assert not found and "5550 142" not in dump
    assert client.get(f"{ADDRESSES}{row['id']}/").json["line1"] == words["line1"]
    # Another row's value does not open in this one.
    other = made(client)
    subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", server.env["DATABASE_URL"], "-c",
                    f"UPDATE addresses SET line1 = (SELECT line1 FROM addresses WHERE id = {row['id']}) WHERE id = {other['id']}"],
                   check=True, capture_output=True)
    answer = client.get(f"{ADDRESSES}{other['id']}/", check=False)
    assert answer.status == 500 and words["line1"] not in answer.text, answer
