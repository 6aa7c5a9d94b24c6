# SPDX-License-Identifier: Apache-2.0
"""authenticator - an authenticator and its browser in software (Web Authentication level 2), for tests.

Made from the standard alone, with nothing of the program's: CBOR is written by hand here, keys and
signatures are python3-cryptography's.  Each part of what it says can be bent with a keyword, so
that a test says just what is wrong.
"""
import base64
import datetime
import hashlib
import json
import secrets
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

ES256, EDDSA, RS256 = -7, -8, -257
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, CREDENTIAL, EXTENSIONS = 1, 4, 8, 16, 64, 128
AAGUID_OID = ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Raw:
    """CBOR that is written already."""

    def __init__(self, data):
        self.data = data


def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for info, form in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        if n < 1 << 8 * struct.calcsize(form):
            return bytes([major << 5 | info]) + struct.pack(form, n)
    raise ValueError(n)


def cbor(value):
    """Canonical CBOR; a dict keeps its order, and may be a list of pairs to hold a key twice."""
    if isinstance(value, Raw):
        return value.data
    if value is None or isinstance(value, bool):
        return bytes([0xf6 if value is None else 0xf5 if value else 0xf4])
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(cbor(v) for v in value)
    raise TypeError(value)


def new_key(alg, bits=2048):
    if alg == ES256:
        return ec.generate_private_key(ec.SECP256R1())
    if alg == EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, bits)


def cose(key):
    public = key.public_key()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        n = public.public_numbers()
        return {1: 2, 3: ES256, -1: 1, -2: n.x.to_bytes(32, "big"), -3: n.y.to_bytes(32, "big")}
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {1: 1, 3: EDDSA, -1: 6, -2: raw}
    n = public.public_numbers()
    return {1: 3, 3: RS256, -1: n.n.to_bytes((n.n.bit_length() + 7) // 8, "big"), -2: n.e.to_bytes(3, "big")}


def sign(key, message):
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def certificate(key, aaguid=None, unit="Authenticator Attestation", country="SE", organization="Testers",
                name="Authenticator of tests", ca=False, critical=False, version=3, constraints=True):
    """DER of a certificate as WebAuthn 8.2.1 wants it, signed by itself."""
    parts = [(NameOID.COUNTRY_NAME, country), (NameOID.ORGANIZATION_NAME, organization),
             (NameOID.ORGANIZATIONAL_UNIT_NAME, unit), (NameOID.COMMON_NAME, name)]
    subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in parts if text is not None])
    now = datetime.datetime(2026, 1, 1)
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=3650)))
    if constraints:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if aaguid is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(AAGUID_OID, b"\x04\x10" + aaguid), critical)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(serialization.Encoding.DER)


class Authenticator:
    """One credential.  `verifies`: it knows its user (a PIN, a finger)."""

    def __init__(self, alg=ES256, verifies=True, counts=True, backup=0, bits=2048):
        self.alg, self.verifies, self.backup = alg, verifies, backup
        self.key = new_key(alg, bits)
        self.id = secrets.token_bytes(32)
        self.aaguid = secrets.token_bytes(16)
        self.count = 1 if counts else 0
        self.counts = counts
        self.rp_id = self.handle = None

    # -- parts

    def client_data(self, kind, challenge, origin, bent):
        data = {"type": bent.get("type", kind), "challenge": bent.get("challenge", challenge),
                "origin": origin, "crossOrigin": bent.get("cross_origin", False)}
        data.update(bent.get("more_client_data", {}))
        data = {name: value for name, value in data.items() if value is not ...}
        return bent.get("client_data", json.dumps(data).encode())

    def auth_data(self, rp_id, flags, credential, bent):
        flags = bent.get("flags", flags | PRESENT | (VERIFIED if self.verifies else 0) | self.backup)
        extensions = bent.get("extensions")
        if extensions is not None:
            flags |= EXTENSIONS
        return (hashlib.sha256(bent.get("rp_id", rp_id).encode()).digest() + bytes([flags])
                + struct.pack(">I", bent.get("count", self.count)) + credential
                + (b"" if extensions is None else cbor(extensions)) + bent.get("after_auth_data", b""))

    def attested(self, bent):
        cid = bent.get("credential_id", self.id)
        return (bent.get("aaguid", self.aaguid) + struct.pack(">H", bent.get("credential_length", len(cid))) + cid
                + cbor(bent.get("cose_key", cose(self.key))))

    def statement(self, format, message, bent):
        """fmt and attStmt."""
        if format == "none":
            return "none", {}
        signature = sign(bent.get("signer", self.key), message)
        if format == "packed":
            return "packed", {"alg": self.alg, "sig": signature}
        if format == "x5c":
            other = bent.get("certified_key") or new_key(bent.get("certified_alg", ES256))
            der = bent.get("der") or certificate(other, aaguid=self.aaguid, **bent.get("certificate", {}))
            return "packed", {"alg": bent.get("certified_alg", ES256),
                              "sig": sign(bent.get("signer", other), message), "x5c": [der]}
        return format, {}

    # -- what a browser hands on

    def create(self, options, origin, format="none", **bent):
        """RegistrationResponseJSON for PublicKeyCredentialCreationOptionsJSON."""
        self.rp_id, self.handle = options["rp"]["id"], options["user"]["id"]
        assert any(p["alg"] == self.alg for p in options["pubKeyCredParams"])
        client = self.client_data("webauthn.create", options["challenge"], origin, bent)
        auth = self.auth_data(self.rp_id, CREDENTIAL, self.attested(bent), bent)
        fmt, statement = self.statement(format, auth + hashlib.sha256(client).digest(), bent)
        statement = bent.get("statement", lambda s: s)(statement)
        parts = bent.get("object", lambda o: o)({"fmt": fmt, "attStmt": statement,
                                                 "authData": bent.get("auth_data", auth)})
        whole = cbor(parts) + bent.get("after_object", b"")
        whole = bent.get("bytes", lambda b: b)(whole)
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key",
                "authenticatorAttachment": "cross-platform", "clientExtensionResults": {"credProps": {"rk": True}},
                "response": {"clientDataJSON": b64(client), "attestationObject": b64(whole),
                             "transports": ["usb", "internal"], "authenticatorData": b64(auth),
                             "publicKeyAlgorithm": self.alg}}

    def get(self, options, origin, with_handle=True, **bent):
        """AuthenticationResponseJSON for PublicKeyCredentialRequestOptionsJSON."""
        if self.counts and "count" not in bent:
            self.count += 1
        client = self.client_data("webauthn.get", options["challenge"], origin, bent)
        auth = self.auth_data(options["rpId"], 0, bent.get("credential", b""), bent)
        auth = bent.get("auth_data", auth)
        signature = sign(bent.get("signer", self.key),
                         bent.get("signed", auth + hashlib.sha256(client).digest()))
        handle = bent.get("handle", self.handle if with_handle else None)
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key",
                "authenticatorAttachment": "platform", "clientExtensionResults": {},
                "response": {"clientDataJSON": b64(client), "authenticatorData": b64(auth),
                             "signature": b64(bent.get("signature", lambda s: s)(signature)),
                             "userHandle": handle}}
