# SPDX-License-Identifier: Apache-2.0
"""payworld - stand-ins for Stripe and Paystack on loopback, for scenarios: the vendors can't be had.

Stripe's answers are shaped from its published fixtures (fixtures3.json) and what it is asked is held against
its published description (spec3.json); Paystack's are those of its documents.  Money in them moves when a
test says so: `pay()`, `refund_ends()`; what comes of it is an event, signed and delivered by the test.
"""
import copy
import hashlib
import hmac
import http.server
import json
import secrets
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

from sutler import CORPORA, ROOT, Skip

STRIPE_KEY, STRIPE_SECRET, PAYSTACK_KEY = "sk_test_" + "9f" * 12, "whsec_" + "ab12" * 8, "sk_test_paystack" + "7c" * 8


def nested(pairs):
    """a[b][0][c]=1 as Stripe reads it."""
    tree = {}
    for key, value in pairs:
        parts = [p.rstrip("]") for p in key.split("[")]
        here = tree
        for part in parts[:-1]:
            here = here.setdefault(part, {})
        assert parts[-1] not in here, f"{key} twice"
        here[parts[-1]] = value
    return tree


class Spec:
    """What a form may hold, by Stripe's own description."""

    def __init__(self, spec):
        self.paths, self.schemas = spec["paths"], spec["components"]["schemas"]

    def form_of(self, path):
        return self.paths[path]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]

    def faults(self, schema, value, where=""):
        if "anyOf" in schema:
            tries = [self.faults(s, value, where) for s in schema["anyOf"]]
            return [] if any(not t for t in tries) else min(tries, key=len)
        if "$ref" in schema:
            return self.faults(self.schemas[schema["$ref"].rsplit("/", 1)[1]], value, where)
        kind = schema.get("type")
        if kind == "object":
            if not isinstance(value, dict):
                return [f"{where} is no object"]
            known, more = schema.get("properties", {}), schema.get("additionalProperties")
            found = [f"{where}[{k}] is unknown" for k in value if k not in known and not more]
            found += [f"{where}[{k}] is missing" for k in schema.get("required", []) if k not in value]
            for k, v in value.items():
                if k in known:
                    found += self.faults(known[k], v, f"{where}[{k}]")
                elif isinstance(more, dict):
                    found += self.faults(more, v, f"{where}[{k}]")
            return found
        if kind == "array":
            if not isinstance(value, dict) or sorted(value) != [str(i) for i in range(len(value))]:
                return [f"{where} is no array"]
            return [f for v in value.values() for f in self.faults(schema["items"], v, where + "[]")]
        if isinstance(value, dict):
            return [f"{where} is an object"]
        if kind == "integer" and not value.lstrip("-").isdigit():
            return [f"{where} is no integer"]
        if kind == "boolean" and value not in ("true", "false"):
            return [f"{where} is no boolean"]
        if "enum" in schema and value not in schema["enum"]:
            return [f"{where} is none of the choices"]
        if "maxLength" in schema and len(value) > schema["maxLength"]:
            return [f"{where} is too long"]
        return []


def pause(how):
    """So many seconds, or until the test says so."""
    if isinstance(how, threading.Event):
        how.wait(120)
    else:
        time.sleep(how)


class StandIn(http.server.ThreadingHTTPServer):
    """Takes a request, keeps it, and gives what answer() says; or does what `faults` wants first."""
    daemon_threads = True
    request_queue_size = 128

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            world = self.server
            path, _, query = self.path.partition("?")
            with world.lock:
                world.asked.append({"method": self.command, "path": path, "query": query, "body": body,
                                    "headers": {k.lower(): v for k, v in self.headers.items()}})
                fault = world.faults.pop(0) if world.faults and world.faults[0][0] in (None, path) else None
            if fault and fault[1] == "hang":
                pause(fault[2])
                self.close_connection = True
                return
            if fault and fault[1] == "slow":
                pause(fault[2])
            if fault and fault[1] == "status":
                return self.reply(fault[2], {"error": {"type": "api_error", "message": "An unknown error occurred"}})
            with world.lock:
                status, answer = world.answer(self.command, path, query, body, self.headers)
            if fault and fault[1] in ("lose", "stall"):
                pause(fault[2] or 0)
                self.close_connection = True
                return
            self.reply(status, answer)

        def reply(self, status, answer):
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do

        def log_message(self, *_):
            pass

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), self.Handler)
        self.lock = threading.RLock()
        self.asked, self.faults, self.wrong = [], [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def end(self):
        self.shutdown()
        self.server_close()

    def fail_next(self, how, value=None, path=None, times=1):
        """how: "status" (an answer of this status), "hang" (none for so many seconds), "lose" (done, and
        the answer lost), "stall" (likewise, after so many seconds), "slow" (done and answered after so many).
        In the place of seconds there may be a threading.Event, which is waited for."""
        with self.lock:
            self.faults += [(path, how, value)] * times

    def count(self, method, path):
        with self.lock:
            return sum(1 for a in self.asked if a["method"] == method and a["path"].startswith(path))


class Stripe(StandIn):
    def __init__(self, port=0, is_bare=False):
        """Bare: without Stripe's fixtures and description, for a look around."""
        folder = CORPORA / "stripe"
        if not is_bare and not folder.exists():
            raise Skip(f"no fixtures of Stripe at {folder}")
        self.fixtures, self.spec = {}, None
        if not is_bare:
            self.fixtures = json.loads((folder / "fixtures3.json").read_text())["resources"]
            self.spec = Spec(json.loads((folder / "spec3.json").read_text()))
        self.sessions, self.intents, self.refunds, self.by_key = {}, {}, {}, {}
        self.refund_status = "succeeded"
        self.made = 0
        super().__init__(port)

    def settings(self):
        return {"STRIPE_SECRET_KEY": STRIPE_KEY, "SUTLER_STRIPE_WEBHOOK_SECRET": STRIPE_SECRET,
                "SUTLER_STRIPE_API_URL": self.url}

    def _id(self, prefix):
        self.made += 1
        return f"{prefix}_test_{self.made:04}{secrets.token_hex(8)}"

    def _of(self, name, **values):
        made = copy.deepcopy(self.fixtures.get(name, {"object": name}))
        made.update(created=int(time.time()), **values)
        return made

    @staticmethod
    def error(status, code, message="No.", kind="invalid_request_error"):
        return status, {"error": {"type": kind, "code": code, "message": message}}

    # -- what it answers

    def answer(self, method, path, query, body, headers):
        if self.spec and headers.get("Authorization") != f"Bearer {STRIPE_KEY}":
            return self.error(401, "secret_key_required")
        if method == "GET":
            return self._get(path, dict(urllib.parse.parse_qsl(query)))
        key = headers.get("Idempotency-Key")
        if key in self.by_key:
            before, answer = self.by_key[key]
            return answer if before == (path, body) else self.error(400, "idempotency_error")
        shape = "/".join("{id}" if "_test_" in p else p for p in path.split("/"))
        known = {"/v1/checkout/sessions": self._session, "/v1/payment_intents": self._intent,
                 "/v1/refunds": self._refund}
        form = nested(urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body)))
        if shape in known:
            faults = self.spec.faults(self.spec.form_of(shape), form) if self.spec else []
            self.wrong += faults
            answer = self.error(400, "parameter_unknown", "; ".join(faults)) if faults else known[shape](form)
        elif shape == "/v1/checkout/sessions/{id}/expire":
            answer = self._expire(path.split("/")[4])
        elif shape == "/v1/payment_intents/{id}/cancel":
            answer = self._cancel(path.split("/")[3])
        else:
            answer = self.error(404, "resource_missing")
        if key:
            self.by_key[key] = ((path, body), answer)
        return answer

    def _get(self, path, query):
        parts = path.split("/")
        shelf = {"payment_intents": self.intents, "refunds": self.refunds}.get(parts[2], self.sessions)
        if parts[-1] in ("payment_intents", "refunds", "sessions"):
            rows = [r for r in reversed(list(shelf.values())) if r["created"] >= int(query.get("created[gte]", 0))]
            if "payment_intent" in query:
                rows = [r for r in rows if r["payment_intent"] == query["payment_intent"]]
            if "starting_after" in query:
                at = next(i for i, r in enumerate(rows) if r["id"] == query["starting_after"])
                rows = rows[at + 1:]
            limit = int(query.get("limit", 10))
            return 200, {"object": "list", "url": path, "has_more": len(rows) > limit, "data": rows[:limit]}
        return (200, shelf[parts[-1]]) if parts[-1] in shelf else self.error(404, "resource_missing")

    def _session(self, form):
        total = sum(int(i["price_data"]["unit_amount"]) * int(i["quantity"]) for i in form["line_items"].values())
        currency = form["line_items"]["0"]["price_data"]["currency"]
        expires = int(form.get("expires_at", time.time() + 24 * 3600))
        if not 1800 <= expires - int(time.time()) <= 24 * 3600:
            return self.error(400, "parameter_invalid", "expires_at")
        intent = self._make_intent(total, currency, form.get("payment_intent_data", {}).get("metadata", {}))
        made = self._of("checkout.session", id=self._id("cs"), amount_total=total, amount_subtotal=total,
                        currency=currency, metadata=form.get("metadata", {}), mode=form["mode"],
                        client_reference_id=form.get("client_reference_id"), expires_at=expires,
                        customer_email=form.get("customer_email"), payment_intent=intent["id"], status="open",
                        payment_status="unpaid", success_url=form["success_url"], cancel_url=form.get("cancel_url"))
        made["url"] = f"https://checkout.stripe.com/pay/c/{made['id']}"
        self.sessions[made["id"]] = made
        return 200, made

    def _make_intent(self, amount, currency, metadata):
        made = self._of("payment_intent", id=self._id("pi"), amount=amount, currency=currency, metadata=metadata,
                        status="requires_payment_method", amount_received=0)
        made["client_secret"] = f"{made['id']}_secret_{secrets.token_hex(8)}"
        self.intents[made["id"]] = made
        return made

    def _intent(self, form):
        return 200, self._make_intent(int(form["amount"]), form["currency"], form.get("metadata", {}))

    def _refund(self, form):
        intent = self.intents.get(form.get("payment_intent"))
        if intent is None:
            return self.error(404, "resource_missing")
        if intent["status"] != "succeeded":
            return self.error(400, "payment_intent_unexpected_state")
        if any(r["payment_intent"] == intent["id"] and r["status"] != "failed" for r in self.refunds.values()):
            return self.error(400, "charge_already_refunded")
        made = self._of("refund", id=self._id("re"), amount=intent["amount_received"], currency=intent["currency"],
                        payment_intent=intent["id"], metadata=form.get("metadata", {}), status=self.refund_status)
        self.refunds[made["id"]] = made
        return 200, made

    def _expire(self, name):
        session = self.sessions.get(name)
        if session is None or session["status"] != "open":
            return self.error(400, "resource_missing" if session is None else "session_not_open")
        session.update(status="expired", url=None)
        return 200, session

    def _cancel(self, name):
        intent = self.intents.get(name)
        if intent is None or intent["status"] == "succeeded":
            return self.error(400, "payment_intent_unexpected_state")
        intent["status"] = "canceled"
        return 200, intent

    # -- what a test makes happen

    def pay(self, order, amount=None, currency=None):
        """Somebody pays the order's newest session or intent: its events, the newest object in each."""
        with self.lock:
            wanted = str(order)
            sessions = [s for s in self.sessions.values() if s["metadata"].get("order_id") == wanted]
            intents = [i for i in self.intents.values() if i["metadata"].get("order_id") == wanted]
            session = sessions[-1] if sessions else None
            intent = self.intents[session["payment_intent"]] if session else intents[-1]
            intent.update(status="succeeded", amount_received=intent["amount"] if amount is None else amount)
            if currency:
                intent["currency"] = currency
            events = [self.event("payment_intent.succeeded", intent)]
            if session:
                session.update(status="complete", payment_status="paid", amount_total=intent["amount_received"],
                               currency=intent["currency"], url=None)
                events.append(self.event("checkout.session.completed", session))
            return events

    def event(self, kind, thing):
        with self.lock:
            made = self._of("event", id=self._id("evt"), type=kind, api_version="2020-08-27")
        made["data"] = {"object": copy.deepcopy(thing)}
        return made

    def charge_of(self, intent, refunded):
        return self._of("charge", id=self._id("ch"), amount=intent["amount"], payment_intent=intent["id"],
                        currency=intent["currency"], amount_refunded=refunded, metadata=intent["metadata"],
                        refunded=refunded == intent["amount"])

    def intent_of(self, order):
        return [i for i in self.intents.values() if i["metadata"].get("order_id") == str(order)][-1]


def stripe_header(body, secret=STRIPE_SECRET, at=None, scheme="v1"):
    at = int(time.time()) if at is None else at
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},{scheme}={mac}"


def deliver_stripe(client, event, header=None, body=None, check=True):
    body = json.dumps(event).encode() if body is None else body
    return client.post("/api/payments/stripe/webhook/", body=body, token=None, check=check,
                       headers={"Stripe-Signature": header or stripe_header(body), "Content-Type": "application/json; charset=utf-8"})


class Paystack(StandIn):
    def __init__(self):
        self.transactions, self.refunds = {}, {}
        self.refund_status = "pending"
        self.made = 4099260516
        super().__init__()

    def settings(self):
        return {"PAYSTACK_SECRET_KEY": PAYSTACK_KEY, "SUTLER_PAYSTACK_API_URL": self.url}

    @staticmethod
    def refuse(status, message, code):
        return status, {"status": False, "message": message, "type": "validation_error", "code": code,
                        "meta": {"nextStep": "Try again"}}

    def answer(self, method, path, query, body, headers):
        if headers.get("Authorization") != f"Bearer {PAYSTACK_KEY}":
            return self.refuse(401, "Invalid key", "invalid_Key")
        if (method, path) == ("POST", "/transaction/initialize"):
            return self._initialize(json.loads(body))
        if method == "GET" and path.startswith("/transaction/verify/"):
            found = self.transactions.get(path.rsplit("/", 1)[1])
            if found is None:
                return self.refuse(404, "Transaction reference not found.", "transaction_not_found")
            return 200, {"status": True, "message": "Verification successful", "data": found}
        if (method, path) == ("GET", "/transaction"):
            asked = dict(urllib.parse.parse_qsl(query))
            rows = [t for t in self.transactions.values() if t["status"] == asked.get("status", t["status"])]
            size, page = int(asked.get("perPage", 50)), int(asked.get("page", 1))
            return 200, {"status": True, "message": "Transactions retrieved", "data": rows[(page - 1) * size:page * size],
                         "meta": {"total": len(rows), "page": page, "perPage": size}}
        if (method, path) == ("POST", "/refund"):
            return self._refund(json.loads(body))
        if (method, path) == ("GET", "/refund"):
            asked = dict(urllib.parse.parse_qsl(query))
            rows = [r for r in self.refunds.values() if r["transaction"]["reference"] == asked.get("transaction")]
            return 200, {"status": True, "message": "Refunds retrieved", "data": rows}
        if method == "GET" and path.startswith("/refund/"):
            return 200, {"status": True, "message": "Refund retrieved", "data": self.refunds[path.rsplit("/", 1)[1]]}
        return self.refuse(404, "Not found", "not_found")

    def _initialize(self, body):
        if set(body) != {"email", "amount", "currency", "reference", "callback_url", "metadata"}:
            self.wrong.append(sorted(body))
        if body["reference"] in self.transactions:
            return self.refuse(400, "Duplicate Transaction Reference", "duplicate_reference")
        code = secrets.token_hex(7)
        self.made += 1
        self.transactions[body["reference"]] = {
            "id": self.made, "domain": "test", "status": "abandoned", "reference": body["reference"],
            "receipt_number": None, "amount": body["amount"], "message": None, "gateway_response": "", "paid_at": None,
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), "channel": "card",
            "currency": body["currency"], "ip_address": "197.210.54.33", "metadata": body["metadata"], "fees": 10283,
            "requested_amount": body["amount"], "customer": {"id": 181873746, "email": body["email"]}}
        return 200, {"status": True, "message": "Authorization URL created",
                     "data": {"authorization_url": f"https://checkout.paystack.com/{code}", "access_code": code,
                              "reference": body["reference"]}}

    def _refund(self, body):
        found = self.transactions.get(body["transaction"])
        if found is None or found["status"] != "success":
            return self.refuse(400, "Transaction not found", "transaction_not_found")
        if any(r["transaction"]["reference"] == body["transaction"] for r in self.refunds.values()):
            return self.refuse(400, "Transaction has been fully reversed", "transaction_reversed")
        self.made += 1
        made = {"transaction": {"id": found["id"], "reference": found["reference"], "amount": found["amount"],
                                "currency": found["currency"]},
                "integration": 412829, "deducted_amount": 0, "channel": None, "merchant_note": "Refund",
                "customer_note": "Refund", "status": self.refund_status, "refunded_by": "shop@example.com",
                "currency": found["currency"], "domain": "test", "amount": found["amount"], "fully_deducted": False,
                "id": self.made}
        self.refunds[str(self.made)] = made
        return 200, {"status": True, "message": "Refund has been queued for processing", "data": made}

    # -- what a test makes happen

    def pay(self, order, amount=None, currency=None):
        with self.lock:
            found = [t for t in self.transactions.values() if t["metadata"]["order_id"] == str(order)][-1]
            found.update(status="success", gateway_response="Successful",
                         paid_at=time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()))
            if amount is not None:
                found["amount"] = amount
            if currency:
                found["currency"] = currency
            return {"event": "charge.success", "data": copy.deepcopy(found)}

    def refund_ends(self, order, how="processed"):
        with self.lock:
            found = [t for t in self.transactions.values() if t["metadata"]["order_id"] == str(order)][-1]
            made = [r for r in self.refunds.values() if r["transaction"]["reference"] == found["reference"]][-1]
            made["status"] = how
            return {"event": f"refund.{how}",
                    "data": {"status": how, "transaction_reference": found["reference"], "refund_reference": None,
                             "amount": made["amount"], "currency": made["currency"], "processor": "instant-transfer",
                             "customer": {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com"},
                             "integration": 412829, "domain": "test"}}


def paystack_header(body, key=PAYSTACK_KEY):
    return hmac.new(key.encode(), body, hashlib.sha512).hexdigest()


def deliver_paystack(client, event, header=None, body=None, check=True):
    body = json.dumps(event).encode() if body is None else body
    return client.post("/api/payments/paystack/webhook/", body=body, token=None, check=check,
                       headers={"X-Paystack-Signature": header or paystack_header(body), "Content-Type": "application/json"})


def official(tasks):
    """What Stripe's own package answers to these tasks (tests/providers/stripe_calls.mjs)."""
    from providers import FOLDER, NODE
    if not NODE.exists() or not (FOLDER / "node_modules" / "stripe").exists():
        raise Skip("tools/setup test fetches Stripe's package")
    done = subprocess.run([NODE, "--input-type=module", "--eval", (ROOT / "tests" / "providers" / "stripe_calls.mjs").read_text()],
                          cwd=FOLDER, input="".join(json.dumps(t) + "\n" for t in tasks), capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    # tests/lib/payworld.py PORT: Stripe's stand-in alone, until it is ended.
    world = Stripe(int(sys.argv[1]), is_bare=True)
    print("answers as Stripe at", world.url, flush=True)
    threading.Event().wait()
