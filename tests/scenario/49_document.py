# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document, before two judges of its kind: one that reads every reference, one with rules of style."""
import json
import pathlib
import subprocess
import tempfile

from providers import FOLDER, NODE
from sutler import PROGRAM, Skip, only

# Contract A's paths end in a slash: that is what deployed front ends call.
RULES = """extends: [recommended]
rules:
  no-path-trailing-slash: off
"""
PARSER = """import parser from '@apidevtools/swagger-parser';
const api = await parser.validate(process.env.DOCUMENT);
console.log(JSON.stringify(Object.keys(api.paths).length));
"""


def node(*args, **env):
    if not NODE.exists():
        raise Skip("tools/setup test fetches the judges of the document")
    return subprocess.run([NODE, *args], cwd=FOLDER, capture_output=True, text=True, timeout=600, env=env)


def written(folder):
    path = pathlib.Path(folder) / "openapi.json"
    path.write_bytes(subprocess.run([PROGRAM, "openapi"], check=True, capture_output=True, timeout=60).stdout)
    return path


@only("sqlite")
def test_every_reference_resolves_and_every_schema_is_one(ctx):
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder)
        done = node("--input-type=module", "--eval", PARSER, DOCUMENT=str(path), PATH="/usr/bin:/bin")
        assert done.returncode == 0, done.stderr[-2000:]
        assert json.loads(done.stdout) == len(json.loads(path.read_text())["paths"])


@only("sqlite")
def test_the_rules_of_style_find_no_error(ctx):
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder)
        rules = pathlib.Path(folder) / "redocly.yaml"
        rules.write_text(RULES)
        # It asks its maker for news and tells of its use, unless it is told not to.
        done = node("node_modules/@redocly/cli/bin/cli.js", "lint", str(path), f"--config={rules}", "--format=json",
                    "--max-problems=10000", HOME=folder, PATH="/usr/bin:/bin", REDOCLY_TELEMETRY="off",
                    REDOCLY_SUPPRESS_UPDATE_NOTICE="true")
        assert done.stdout.strip(), done.stderr[-2000:]
        found = json.loads(done.stdout[done.stdout.index("{"):])
        errors = [(p["ruleId"], p["message"], p["location"][0].get("pointer")) for p in found["problems"]
                  if p["severity"] == "error"]
        assert errors == [], errors[:20]
        assert done.returncode == 0, done.stderr[-2000:]


@only("sqlite")
def test_a_document_with_a_fault_is_found_faulty(ctx):
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder)
        document = json.loads(path.read_text())
        document["paths"]["/healthz"]["get"]["responses"]["200"]["content"] = {
            "application/json": {"schema": {"$ref": "#/components/schemas/Nowhere"}}}
        path.write_text(json.dumps(document))
        done = node("--input-type=module", "--eval", PARSER, DOCUMENT=str(path), PATH="/usr/bin:/bin")
        assert done.returncode != 0
