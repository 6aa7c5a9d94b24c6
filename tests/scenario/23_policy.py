# SPDX-License-Identifier: Apache-2.0
"""Sweeps generated from the program's own tables: who may call what (B1), and what a body may say (B3).

A route that is added later is swept without a line here.
"""
import re
import time

import sutler
from sutler import PASSWORD, new_email
import jwts as jwt

LEVELS = ("anonymous", "user", "manager", "staff", "superuser")
EVERYBODY = set(LEVELS[1:])
# Managers are who is in the group, and nobody else: staff and superusers are not by what they are.
MAY = {"anyone": EVERYBODY | {"anonymous"}, "user": EVERYBODY, "staff": {"staff", "superuser"},
       "superuser": {"superuser"}, "managers": {"manager"}, "managers/staff": {"manager", "staff", "superuser"}}
ROLES = {"user": [], "manager": ["--group", "Product Managers"]}


def columns():
    """Every column of the schema, as the migrations say it."""
    names = set()
    for path in sorted((sutler.ROOT / "src/store/schema").glob("*.sql")):
        text = re.sub(r"--[^\n]*", "", path.read_text())
        for table in re.findall(r"CREATE TABLE \w+ \((.*?)\n\);", text, re.S):
            for line in table.splitlines():
                word = re.match(r"\s+([a-z_]+)\s", line)
                if word:
                    names.add(word.group(1))
        names |= set(re.findall(r"ADD COLUMN (\w+)", text))
    assert {"is_superuser", "password", "email_key", "stock"} <= names, names
    return sorted(names)


def routes(server):
    done = server.cli("routes", "--json")
    assert done.returncode == 0, done
    rows = sutler.rows_of(done.stdout)
    assert len(rows) >= 20 and all(row["policy"] in MAY for row in rows), rows
    return rows


def people(ctx, server):
    """A minted token a call: signing out of one ends nothing of another.  What wants a fresh proof gets a session."""
    client = server.client()
    ids, emails = {}, {}
    for level in LEVELS[1:]:
        emails[level] = server.make_user(new_email(level), *ROLES.get(level, ["--role", level]))
        ids[level] = client.login(emails[level])["user"]["id"]

    def token_for(level, fresh=False):
        if level not in ids:
            return None
        if fresh:
            return client.login(emails[level])["tokens"]["access_token"]
        return jwt.mint(server.secret_key, ids[level])

    return token_for


def fresh_paths(server):
    """Where a minted token, which has no session, is not enough."""
    return {re.sub(r"\{[^}]*\}", "{}", row["path"]) for row in routes(server) if row["fresh"]}


def fill(path):
    return re.sub(r"\{[^}]*\}", "1", path)


def value_of(schema, document):
    """A value that the schema takes."""
    schema = document.resolve(schema)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") == "email":
        return new_email("sweep")
    if schema.get("format") == "password":
        return PASSWORD
    if kind == "object":
        return {name: value_of(s, document) for name, s in schema.get("properties", {}).items()}
    if kind == "array":
        return []
    if kind == "integer":
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return False
    if kind == "string":
        return "5551234" if "phone" in str(schema) else "x" * max(5, schema.get("minLength", 0))
    return None


def valid_body(schema, document):
    body = {}
    for name, field in schema.get("properties", {}).items():
        if name in schema.get("required", []) or name in ("email", "password", "full_name"):
            body[name] = "5551234" if "phone" in name else value_of(field, document)
    return body


def bodies(server):
    """(method, path, schema, around) of every route that reads a JSON body; around(body) is what is sent."""
    document = server.schema()
    for method, path, operation in document.operations():
        schema = document.body_schema(operation)
        if path.endswith("/webhook/"):
            continue  # signed by a provider: whoever else writes it is refused before it is read
        if schema is not None and schema.get("type") == "array":
            yield method, path, document.resolve(schema["items"]), lambda body: [body]
        elif schema is not None:
            yield method, path, schema, lambda body: body


def faults_of(path, answer):
    """What is wrong, by field."""
    error = answer.json.get("error", {}) if path.startswith("/api/v1/") else answer.json
    if "rows" in error:
        return error["rows"][0]["fields"]
    return error.get("fields") if path.startswith("/api/v1/") else error


def whom_nothing_stops(server):
    """A minted token and one of a session, of a person whom every policy lets in."""
    client = server.client()
    person = client.login(server.make_user(new_email("sweep"), "--role", "superuser", "--group", "Product Managers"))
    return jwt.mint(server.secret_key, person["user"]["id"]), person["tokens"]["access_token"]


def test_every_route_and_every_level(ctx):
    server = ctx.server()
    token_for = people(ctx, server)
    client = server.client()
    swept = 0
    for row in routes(server):
        paths = [row["path"]] + [p for p in row.get("aliases", []) if p]
        for path in paths:
            for name in LEVELS:
                body = {} if row["method"] in ("POST", "PUT", "PATCH") else None
                answer = client.request(row["method"], fill(path), json=body, token=token_for(name, row["fresh"]))
                where = (row["method"], path, row["policy"], name, answer)
                if path.startswith("/media/"):
                    assert answer.status == 403, where
                elif name in MAY[row["policy"]]:
                    assert answer.status not in (401, 403), where
                elif name == "anonymous":
                    assert answer.status == 401, where
                else:
                    assert answer.status == 403, where
                    assert b"results" not in answer.body, where
                assert answer.status < 500, where
                swept += 1
                if path.endswith("/logout-all/") and answer.status < 300:
                    time.sleep(1.1)  # what was minted in that second ended, too
    assert swept >= 80, swept


def test_the_document_and_the_routes_say_the_same(ctx):
    server = ctx.server()
    listed = set()
    for row in routes(server):
        for path in [row["path"]] + [p for p in row.get("aliases", []) if p]:
            listed.add((row["method"], re.sub(r"\{[^}]*\}", "{}", path)))
    described = {(method, re.sub(r"\{[^}]*\}", "{}", path))
                 for method, path, _ in server.schema().operations()}
    assert listed == described, (listed - described, described - listed)


def test_no_column_can_be_assigned_that_the_schema_does_not_name(ctx):
    server = ctx.server()
    client = server.client()
    document = server.schema()
    token, session = whom_nothing_stops(server)
    fresh = fresh_paths(server)
    before = client.get("/api/users/profile/", token=token).json
    me = client.get("/api/v1/users/me/", token=token).json
    names = columns() + ["is_verified", "groups", "user_permissions", "role", "roles", "admin", "__proto__",
                         "constructor", "user", "user[is_staff]", "is_staff ", "IS_STAFF", ""]
    swept = 0
    for method, path, schema, around in bodies(server):
        valid = valid_body(schema, document)
        for name in names:
            if name in schema.get("properties", {}):
                continue
            answer = client.request(method, fill(path), json=around({**valid, name: 1}),
                                    token=session if re.sub(r"\{[^}]*\}", "{}", path) in fresh else token)
            where = (method, path, name, answer)
            assert answer.status == 400, where
            fields = faults_of(path, answer)
            assert isinstance(fields, dict) and name in fields, where
            swept += 1
    assert swept > 500, swept
    assert client.get("/api/users/profile/", token=token).json == before
    assert client.get("/api/v1/users/me/", token=token).json == me


def test_values_of_the_wrong_type_are_400_by_name(ctx):
    server = ctx.server()
    client = server.client()
    document = server.schema()
    minted, session = whom_nothing_stops(server)
    fresh = fresh_paths(server)
    for method, path, schema, around in bodies(server):
        token = session if re.sub(r"\{[^}]*\}", "{}", path) in fresh else minted
        valid = valid_body(schema, document)
        for name, field in schema["properties"].items():
            field = document.resolve(field)
            kinds = field.get("type")
            kinds = kinds if isinstance(kinds, list) else [kinds]
            wrong = {"string": [[], {}, True, 1.5], "integer": ["x", 1.5, [], True, 2 ** 70], "boolean": ["yes", 2, []],
                     "object": ["x", 1, []], "array": ["x", {}]}
            for value in [v for kind in kinds if kind in wrong for v in wrong[kind]]:
                if value == 1.5 and "1,4" in field.get("pattern", ""):
                    continue  # a price may be a number
                answer = client.request(method, fill(path), json=around({**valid, name: value}), token=token)
                where = (method, path, name, value, answer)
                assert answer.status == 400, where
            if "maxLength" in field and kinds[0] == "string":
                text = "5" * (field["maxLength"] + 1)
                answer = client.request(method, fill(path), json=around({**valid, name: text}), token=token)
                assert answer.status in (400, 401, 413), (method, path, name, answer)
                if answer.status == 400:
                    assert name in answer.text or "error" in answer.json, (method, path, name, answer)


def test_bodies_that_are_no_object(ctx):
    server = ctx.server()
    client = server.client()
    minted, session = whom_nothing_stops(server)
    fresh = fresh_paths(server)
    for method, path, _, _ in bodies(server):
        token = session if re.sub(r"\{[^}]*\}", "{}", path) in fresh else minted
        for body in ("[]", "null", "1", '"x"', "true", "[{}]", '{"a":1,"a":2}', '{"a":NaN}', "{'a':1}", "\ufeff{}",
                     '{"email":"\\ud800"}', '{"\\u0000":1}', "[" * 33 + "]" * 33, '{"a":' * 40 + "1" + "}" * 40,
                     '{"a":1e400}', "{} {}", "{},"):
            answer = client.request(method, fill(path), body=body, token=token)
            assert answer.status == 400, (method, path, body[:40], answer)


def test_nobody_becomes_a_superuser_over_http(ctx):
    server = ctx.server()
    client = server.client()
    for extra in ({"is_superuser": True}, {"is_staff": True}, {"groups": ["Product Managers"]}, {"is_active": False},
                  {"is_superuser": 1, "is_staff": 1}):
        email = new_email("road")
        answer = client.post("/api/users/register/", {
            "email": email, "password": PASSWORD, "full_name": "R", **extra})
        assert answer.status == 400, (extra, answer)
        answer = client.post("/api/v1/auth/register/", {
            "email": email, "password": PASSWORD, "first_name": "R", "last_name": "R", **extra})
        assert answer.status == 400, (extra, answer)
    email = new_email("road")
    client.register(email)
    client.login(email)
    for method, path in (("PATCH", "/api/users/profile/"), ("PUT", "/api/users/profile/"),
                         ("PATCH", "/api/v1/users/me/")):
        answer = client.request(method, path, json={"first_name": "R", "last_name": "R", "is_superuser": True})
        assert answer.status == 400, (path, answer)
    me = client.get("/api/v1/users/me/").json
    assert me["is_staff"] is False and me["groups"] == [], me
    assert client.get("/api/users/").status == 403
