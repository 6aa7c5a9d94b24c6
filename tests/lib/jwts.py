# SPDX-License-Identifier: Apache-2.0
"""jwts - makes and opens HS256 tokens for the tests, and makes every kind of wrong one."""
import base64
import hashlib
import hmac
import json
import time
import uuid


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sign(key, header, payload):
    """header and payload: dicts, or bytes taken as they are (duplicate claims, bad UTF-8)."""
    parts = []
    for part in (header, payload):
        if not isinstance(part, bytes):
            part = json.dumps(part, separators=(",", ":")).encode()
        parts.append(b64(part))
    signed = ".".join(parts).encode()
    return signed.decode() + "." + b64(hmac.new(key.encode(), signed, hashlib.sha256).digest())


def mint(key, user_id, kind="access", life=900, header=None, **claims):
    now = int(time.time())
    payload = {"token_type": kind, "exp": now + life, "iat": now, "jti": uuid.uuid4().hex,
               "user_id": user_id}
    payload.update(claims)
    payload = {k: v for k, v in payload.items() if v is not ...}
    return sign(key, header or {"alg": "HS256", "typ": "JWT"}, payload)


def parts(token):
    """(header, claims) without a check."""
    header, payload, _ = token.split(".")
    return json.loads(unb64(header)), json.loads(unb64(payload))


def verify(key, token):
    """The claims when the signature is right, else None."""
    signed, _, signature = token.rpartition(".")
    want = b64(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())
    return parts(token)[1] if hmac.compare_digest(want, signature) else None
