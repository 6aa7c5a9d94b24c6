# SPDX-License-Identifier: Apache-2.0
"""openapi - holds every answer against the document that the server itself serves.

Strict: the path, method and status must be described, the content type must be the described
one, and no object, however deep, may carry a field that its schema does not name.  Answers to
what never reached a route (no such path or method, no well-formed request) must have the
contract's error shape, which stands here.
"""
import copy
import re

import jsonschema

DETAIL = {
    "type": "object", "required": ["detail"], "additionalProperties": False,
    "properties": {
        "detail": {"type": "string"}, "code": {"type": "string", "pattern": "^[a-z0-9_]+$"},
        "retry_after": {"type": "integer", "minimum": 0},
        "messages": {"type": "array", "items": {
            "type": "object", "additionalProperties": False,
            "required": ["token_class", "token_type", "message"],
            "properties": {k: {"type": "string"} for k in ("token_class", "token_type", "message")}}},
    },
}
ENVELOPE = {
    "type": "object", "required": ["error"], "additionalProperties": False,
    "properties": {"error": {
        "type": "object", "required": ["code", "message"], "additionalProperties": False,
        "properties": {
            "code": {"type": "integer", "minimum": 400, "maximum": 599},
            "message": {"type": "string"}, "reason": {"type": "string", "pattern": "^[a-z0-9_]+$"},
            "retry_after": {"type": "integer"}, "lockout": {"type": "boolean"},
            "fields": {"type": "object", "additionalProperties": {
                "type": "array", "items": {"type": "string"}}}}}},
}
# Contract A's list of codes is closed: front ends decide by them.
CODES = {"not_authenticated", "token_not_valid", "permission_denied", "not_found", "method_not_allowed", "parse_error",
         "unsupported_media_type", "too_large", "throttled", "invalid", "duplicate", "out_of_stock", "empty_cart", "locked",
         "disabled", "payment_failed", "reauthentication_required", "second_factor_required", "unavailable"}
# What can happen before a route is known, or instead of one.
UNROUTED = {400, 403, 404, 405, 408, 413, 414, 417, 421, 429, 431, 500, 501, 503, 505}


class Undescribed(AssertionError):
    """An answer that the document does not describe."""


def strict(schema, where):
    """The schema with every object closed; a schema that says nothing is an error of the document."""
    if isinstance(schema, bool):
        if schema:
            raise Undescribed(f"{where}: a schema that takes anything")
        return schema
    if not schema:
        raise Undescribed(f"{where}: an empty schema")
    schema = dict(schema)
    if "$ref" in schema:
        return schema
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            schema[key] = [strict(s, f"{where}/{key}/{i}") for i, s in enumerate(schema[key])]
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "object" in kinds or "properties" in schema:
        schema["properties"] = {
            name: strict(s, f"{where}/{name}") for name, s in schema.get("properties", {}).items()}
        extra = schema.get("additionalProperties", False)
        if extra is True or extra == {}:
            raise Undescribed(f"{where}: any field at all is allowed")
        schema["additionalProperties"] = strict(extra, where + "/*") if isinstance(extra, dict) else False
    if "array" in kinds:
        if "items" not in schema:
            raise Undescribed(f"{where}: an array of anything")
        schema["items"] = strict(schema["items"], where + "/items")
    return schema


def hold_code(where, path, answer):
    """Contract A's code is one of the list; contract B's is the status, and a reason stands beside it."""
    body = answer.json
    if path.startswith("/api/v1/"):
        if body["error"]["code"] != answer.status or not body["error"].get("reason"):
            raise Undescribed(f"{where}: {answer.body[:300]!r}")
    elif isinstance(body, dict) and isinstance(body.get("code"), str) and body["code"] not in CODES:
        raise Undescribed(f"{where}: the code {body['code']!r} is none of the contract's")


class Document:
    def __init__(self, document):
        assert document["openapi"].startswith("3.1"), document["openapi"]
        self.raw = document
        doc = copy.deepcopy(document)
        schemas = doc.setdefault("components", {}).setdefault("schemas", {})
        for name, schema in schemas.items():
            schemas[name] = strict(schema, f"components/schemas/{name}")
        self.doc = doc
        # A literal path is tried before a template.
        self.paths = sorted(doc["paths"], key=lambda p: (p.count("{"), -len(p)))
        self.patterns = [
            (p, re.compile("^" + re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(p)) + "$"))
            for p in self.paths]
        self.used, self.validators = set(), {}

    def find(self, path):
        for template, pattern in self.patterns:
            if pattern.match(path):
                return template
        return None

    def resolve(self, node):
        while "$ref" in node:
            target = self.doc
            for step in node["$ref"].lstrip("#/").split("/"):
                target = target[step.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def operations(self):
        """(method, path template, operation) of every row."""
        for path in self.doc["paths"]:
            for method, operation in self.doc["paths"][path].items():
                if method in ("get", "post", "put", "patch", "delete"):
                    yield method.upper(), path, operation

    def body_schema(self, operation):
        body = self.resolve(operation.get("requestBody", {}))
        media = body.get("content", {}).get("application/json")
        return self.resolve(media["schema"]) if media else None

    def _validate(self, body, schema, where):
        validator = self.validators.get(where)
        if validator is None:
            # The document goes with the schema, so that its references find their target.
            whole = {**strict(schema, where), "components": self.doc["components"]}
            validator = self.validators[where] = jsonschema.Draft202012Validator(whole)
        faults = list(validator.iter_errors(body))
        if faults:
            deep = jsonschema.exceptions.best_match(iter(faults))
            raise Undescribed(f"{where}: at {'/'.join(map(str, deep.path)) or 'the top'}: "
                              f"{deep.message[:400]}")

    def check(self, method, target, answer, refused=False):
        """Raise unless the document describes this answer to this request."""
        path = target.split("?")[0]
        where = f"{method} {path} -> {answer.status}"
        template = None if refused else self.find(path)
        item = self.doc["paths"].get(template, {}) if template else {}
        operation = item.get("get" if method == "HEAD" else method.lower())
        kind = (answer.get("content-type") or "").split(";")[0].strip()
        if method == "OPTIONS" and answer.status in (200, 204):
            return
        if answer.status >= 400 and kind == "application/json" and answer.body:
            hold_code(where, path, answer)
        if operation is None:
            self._unrouted(where, path, answer, kind, template)
            return
        self.used.add((method, template, answer.status))
        responses = operation["responses"]
        response = responses.get(str(answer.status)) or responses.get(f"{answer.status // 100}XX")
        if response is None:
            raise Undescribed(f"{where}: described are {', '.join(responses)}: {answer.body[:300]!r}")
        response = self.resolve(response)
        content = response.get("content")
        if method == "HEAD" or answer.status == 304:
            if answer.body:
                raise Undescribed(f"{where}: with a body")
            return
        if not content:
            if answer.body:
                raise Undescribed(f"{where}: a body where none is described: {answer.body[:200]!r}")
            return
        if kind not in content and not ("*/*" in content and "/" in kind) and (
                kind.split("/")[0] + "/*" not in content):
            raise Undescribed(f"{where}: content type {kind!r}, described are {', '.join(content)}")
        if kind == "application/json":
            if kind not in content:
                raise Undescribed(f"{where}: JSON where none is described")
            schema = content[kind].get("schema")
            if template != "/api/schema/":
                if schema is None:
                    raise Undescribed(f"{where}: JSON without a schema")
                self._validate(answer.json, schema, f"{method} {template} -> {answer.status}")

    def _unrouted(self, where, path, answer, kind, template):
        if answer.status == 308:
            if answer.body and kind == "application/json":
                self._validate(answer.json, DETAIL, "a redirection")
            return
        if answer.status not in UNROUTED:
            raise Undescribed(f"{where}: no row of the document: {answer.body[:200]!r}")
        if answer.status == 405 and not answer.get("allow"):
            raise Undescribed(f"{where}: without Allow")
        if not answer.body and where.startswith("HEAD "):
            return
        if kind != "application/json":
            raise Undescribed(f"{where}: an error as {kind!r}")
        if path.startswith("/api/v1/"):
            self._validate(answer.json, ENVELOPE, "contract B's refusals")
        else:
            self._validate(answer.json, DETAIL, "contract A's refusals")
