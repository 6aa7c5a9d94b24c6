#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""snapshot - security defaults are kept in the tree, so that a change of them shows in a diff.

    tests/snapshot/snapshot.py PROGRAM [--write]

routes.txt          `sutler routes`: method, path, policy, limits, place
settings-*.txt      what each conf/*.conf leads to, and whether the file or the default says so
tls.txt             versions, suites and groups that a server of each TLS policy shakes hands with
The OpenAPI document is not kept but checked: structure, references, names.
(headers.json beside them belongs to tests/scenario/40_limits.py.)
"""
import difflib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAM = os.path.abspath(sys.argv[1])
WRITE = "--write" in sys.argv[2:]
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "lib"))

PRESETS = ("default", "modestwear", "nsgg")
GROUPS = ("X25519", "P-256", "P-384", "P-521", "X448", "ffdhe2048", "brainpoolP256r1")
SUITES_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
             "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256")


class Skip(Exception):
    pass


def run(*words):
    # Nothing of the caller's environment is a setting here.
    env = {"PATH": os.environ["PATH"], **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
    return subprocess.run([PROGRAM, *words], cwd=ROOT, env=env, check=True, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL).stdout


def same(name, text):
    path = HERE / name
    if WRITE:
        path.write_text(text)
    diff = list(difflib.unified_diff(path.read_text().splitlines(), text.splitlines(), name, "now", lineterm=""))
    assert not diff, "\n".join(diff)


def test_routes():
    same("routes.txt", run("routes"))


def test_every_route_has_a_policy_and_a_place():
    for row in json.loads(run("routes", "--json")):
        assert row["policy"] in ("anyone", "user", "staff", "superuser", "managers", "managers/staff"), row
        assert row["place"] in ("memory", "read", "pool"), row
        assert row["limits"], row
        # What changes something is counted, and what is not counted tells nothing of anybody.
        # A provider's webhook is its sender's by signature: whoever sends much of it can't be sent away.
        uncounted = row["policy"] == "anyone" and (row["method"] == "GET" or row["path"].endswith("/webhook/"))
        assert row["limits"] != "none" or uncounted, row


def settings(preset):
    lines = []
    for line in run("config", "show", "--config", f"conf/{preset}.conf").splitlines():
        setting, origin = re.fullmatch(r"(.*?)\s+# (.*)", line).groups()
        lines.append(f"{setting}  # {'the file' if origin.startswith('conf/') else origin}")
    return "\n".join(lines) + "\n"


def test_settings_of_modestwear():
    same("settings-modestwear.txt", settings("modestwear"))


def test_settings_of_nsgg():
    same("settings-nsgg.txt", settings("nsgg"))


def test_settings_of_default():
    same("settings-default.txt", settings("default"))


def test_a_presets_file_says_what_the_preset_says():
    def values(text):
        return dict(re.match(r"(\S+) =\s*(.*?)\s*#", line).groups() for line in text.splitlines())
    for preset in PRESETS:
        by_name, by_file = values(run("config", "show", "--preset", preset)), values(settings(preset))
        assert by_name == by_file, [k for k in by_name if by_name[k] != by_file[k]]


def hand_shakes(port, *options):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost",
                           "-brief", *options], capture_output=True, text=True, timeout=30, input="")
    return "CONNECTION ESTABLISHED" in done.stderr


def test_tls():
    if not shutil.which("openssl"):
        raise Skip("no openssl to ask with")
    import sutler
    sutler.PROGRAM = PROGRAM
    known = subprocess.run(["openssl", "ciphers", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
                           check=True, capture_output=True, text=True).stdout.strip().split(":")
    known = [c for c in known if not c.startswith("TLS_") and "PSK" not in c and "SRP" not in c]
    text = ""
    for preset in ("modestwear", "nsgg"):  # one for each policy; which preset has which, the settings tell
        server = sutler.Server(store="sqlite", preset=preset)
        try:
            server.start()
            port = server.port_tls
            low = ["-cipher", "ALL:@SECLEVEL=0"]
            takes = {"versions": [v for v in ("tls1", "tls1_1", "tls1_2", "tls1_3")
                                  if hand_shakes(port, "-" + v, *(low if v < "tls1_2" else []))],
                     "suites of 1.3": [s for s in SUITES_13 if hand_shakes(port, "-tls1_3", "-ciphersuites", s)],
                     "suites of 1.2": [s for s in known
                                       if hand_shakes(port, "-tls1_2", "-cipher", s + ":@SECLEVEL=0")],
                     "groups of 1.3": [g for g in GROUPS if hand_shakes(port, "-tls1_3", "-groups", g)]}
        finally:
            server.done()
        text += f"{preset}\n" + "".join(f"  {what}: {' '.join(names)}\n" for what, names in takes.items())
    same("tls.txt", text)


def no_twice(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key twice in {keys}"
    return dict(pairs)


def document():
    return json.loads(run("openapi"), object_pairs_hook=no_twice)


def walk(node, where=""):
    yield where, node
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from walk(value, f"{where}/{key}")


def operations(doc):
    for path, item in doc["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


SHAPE = {
    "type": "object", "required": ["openapi", "info", "paths", "components"], "additionalProperties": False,
    "properties": {
        "openapi": {"const": "3.1.0"},
        "info": {"type": "object", "required": ["title", "version", "license"]},
        "servers": {"type": "array", "items": {"type": "object", "required": ["url"]}},
        "paths": {"type": "object", "propertyNames": {"pattern": "^/"}, "additionalProperties": {
            "type": "object", "minProperties": 1,
            "propertyNames": {"enum": ["get", "head", "post", "put", "patch", "delete", "options"]},
            "additionalProperties": {"$ref": "#/$defs/operation"}}},
        "components": {"type": "object", "required": ["schemas", "securitySchemes"], "properties": {
            "schemas": {"type": "object", "propertyNames": {"pattern": "^[A-Za-z0-9._-]+$"}}}}},
    "$defs": {
        "operation": {
            "type": "object", "required": ["operationId", "summary", "tags", "parameters", "responses", "x-policy"],
            "additionalProperties": False,
            "properties": {
                "operationId": {"type": "string", "pattern": "^[a-z0-9_]+$"},
                "summary": {"type": "string", "minLength": 1},
                "tags": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
                "x-policy": {"enum": ["anyone", "user", "staff", "superuser", "managers", "managers/staff"]},
                "security": {"type": "array", "items": {"type": "object"}},
                "parameters": {"type": "array", "items": {
                    "type": "object", "required": ["name", "in", "schema"], "properties": {
                        "in": {"enum": ["path", "query", "header"]}}}},
                "requestBody": {"type": "object", "required": ["content"], "properties": {
                    "content": {"$ref": "#/$defs/content"}}},
                "responses": {"type": "object", "minProperties": 1,
                              "propertyNames": {"pattern": "^[1-5][0-9][0-9]$"},
                              "additionalProperties": {
                                  "type": "object", "required": ["description"], "additionalProperties": False,
                                  "properties": {"description": {"type": "string", "minLength": 1},
                                                 "headers": {"type": "object"},
                                                 "content": {"$ref": "#/$defs/content"}}}}}},
        "content": {"type": "object", "minProperties": 1, "additionalProperties": {
            "type": "object", "required": ["schema"], "properties": {"schema": {"type": "object"}}}}},
}


def test_openapi_has_the_shape_of_3_1():
    jsonschema.Draft202012Validator(SHAPE).validate(document())


def test_openapi_every_schema_is_a_schema():
    doc = document()
    schemas = list(doc["components"]["schemas"].values())
    schemas += [node["schema"] for _, node in walk(doc["paths"]) if isinstance(node, dict) and
                isinstance(node.get("schema"), dict)]
    assert len(schemas) > 50
    # Without the check of formats: a pattern is ECMA 262's with the flag u, which knows \p{L}; Python's does not.
    of_schemas = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
    for schema in schemas:
        of_schemas.validate(schema)
        for _, node in walk(schema):
            if isinstance(node, dict) and isinstance(node.get("pattern"), str):
                re.compile(re.sub(r"\\p\{[LN]\}", r"\\w", node["pattern"]))


def test_openapi_every_reference_leads_somewhere_and_nothing_is_left_over():
    doc = document()
    meant = set()
    for where, node in walk(doc):
        if isinstance(node, dict) and "$ref" in node:
            target = doc
            for step in node["$ref"].removeprefix("#/").split("/"):
                assert step in target, f"{where}: {node['$ref']}"
                target = target[step]
            meant.add(node["$ref"])
    unused = [n for n in doc["components"]["schemas"] if f"#/components/schemas/{n}" not in meant]
    assert not unused, unused


def test_openapi_operation_ids_are_unique():
    ids = [operation["operationId"] for _, _, operation in operations(document())]
    assert len(ids) == len(set(ids)), sorted(i for i in ids if ids.count(i) > 1)


def test_openapi_path_parameters_are_those_of_the_path():
    for path, method, operation in operations(document()):
        said = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
        assert said == re.findall(r"\{(\w+)\}", path), (method, path)
        assert all(p.get("required") for p in operation["parameters"] if p["in"] == "path"), (method, path)
        names = [(p["in"], p["name"]) for p in operation["parameters"]]
        assert len(names) == len(set(names)), (method, path)


def test_openapi_and_routes_tell_the_same():
    rows = {(row["method"].lower(), row["path"]): row for row in json.loads(run("routes", "--json"))}
    for path, method, operation in operations(document()):
        row = rows.pop((method, path))
        assert operation["x-policy"] == row["policy"], (method, path)
        # A token; one that may be left out, or none, where anyone may come.
        allowed = ([], [{}, {"bearer": []}]) if row["policy"] == "anyone" else ([{"bearer": []}],)
        assert operation["security"] in allowed, (method, path)
        assert ("429" in operation["responses"]) == (row["limits"] != "none"), (method, path)
    # What is left are pages.
    assert not [key for key in rows if key[1].startswith("/api/") and not key[1].startswith("/api/docs")], rows.keys()


def test_the_manual_names_every_command_and_option():
    def bare(page):
        return page.replace("\\-", "-")
    manual = bare((ROOT / "doc/man/sutler.1").read_text())
    commands = re.findall(r"^  (\w+) +", run("--help"), re.M)
    assert len(commands) > 5
    for command in commands:
        assert re.search(rf"^\.It Cm {command}\b", manual, re.M), command
        usage = run(command, "--help")
        for option in set(re.findall(r"--([a-z-]+)", usage)):
            assert f"Fl -{option}" in manual, (command, option)
        for verb in re.findall(rf"sutler {command} ([a-z]+)", usage):
            assert re.search(rf"^\.It Cm {command} Cm {verb}\b", manual, re.M), (command, verb)


def main():
    tests = [(name, value) for name, value in globals().items() if name.startswith("test_")]
    print(f"1..{len(tests)}")
    failed = False
    for number, (name, test) in enumerate(tests, 1):
        label = f"{number} - {name[5:].replace('_', ' ')}"
        try:
            test()
            print(f"ok {label}", flush=True)
        except Skip as why:
            print(f"ok {label} # SKIP {why}", flush=True)
        except Exception as error:
            failed = True
            shown = str(error) or type(error).__name__
            if isinstance(error, subprocess.CalledProcessError):
                shown += "\n" + error.stderr
            print(f"not ok {label}\n# {type(error).__name__}: " + shown[:4000].replace("\n", "\n# "), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
