# SPDX-License-Identifier: Apache-2.0
"""objectstore - a stand-in for an S3-compatible store: one bucket, in memory, that checks every request's
signature with botocore's own signer, and does on demand what such stores do on bad days."""
import hashlib
import http.server
import threading
import time
import urllib.parse

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCESS, SECRET, REGION, BUCKET = "AKIDTESTSHOP", "s3-secret-5f21c0/+9a", "eu-test-1", "shop-pictures"
PRIVATE = ('<?xml version="1.0" encoding="UTF-8"?><AccessControlPolicy><Owner><ID>1</ID></Owner><AccessControlList><Grant>'
           '<Grantee xsi:type="CanonicalUser"><ID>1</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>'
           '</AccessControlList></AccessControlPolicy>')
OPEN = PRIVATE.replace("</AccessControlList>", '<Grant><Grantee xsi:type="Group"><URI>http://acs.amazonaws.com/groups/global/AllUsers'
                       "</URI></Grantee><Permission>READ</Permission></Grant></AccessControlList>")


def signature_fault(method, target, headers, body, region=REGION, secret=SECRET):
    """What is wrong with a request's signature, or None.  `headers`: a mapping of lower-case names."""
    said = headers.get("authorization", "")
    if not said.startswith("AWS4-HMAC-SHA256 "):
        return "MissingSecurityHeader"
    parts = dict(part.strip().split("=", 1) for part in said[17:].split(","))
    access, day, where, service, end = parts["Credential"].split("/")
    when = headers.get("x-amz-date", "")
    if access != ACCESS:
        return "InvalidAccessKeyId"
    if where != region:
        return "AuthorizationHeaderMalformed"
    if (service, end) != ("s3", "aws4_request") or not when.startswith(day):
        return "AuthorizationHeaderMalformed"
    if abs(time.time() - time.mktime(time.strptime(when, "%Y%m%dT%H%M%SZ")) + time.timezone) > 900:
        return "RequestTimeTooSkewed"
    if headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
        return "XAmzContentSHA256Mismatch"
    names = parts["SignedHeaders"].split(";")
    if names != sorted(names) or "host" not in names:
        return "SignatureDoesNotMatch"
    # All that means something to the store is signed.
    if [name for name in headers if (name.startswith("x-amz-") or name == "content-type") and name not in names]:
        return "SignatureDoesNotMatch"
    signer = S3SigV4Auth(Credentials(ACCESS, secret), "s3", region)
    request = AWSRequest(method=method, url=f"http://{headers['host']}{target}", data=body,
                         headers={name: headers[name] for name in names})
    request.context["timestamp"] = when
    signed = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return None if signed == parts["Signature"] else "SignatureDoesNotMatch"


class ObjectStore(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            store = self.server
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            fault = signature_fault(self.command, self.path, headers, body, store.region)
            with store.lock:
                store.asked.append((self.command, self.path, headers, len(body), fault))
                bad = store.bad.pop(0) if store.bad else None
            if store.slow:
                time.sleep(store.slow)
            if bad is not None:
                return self.answer(bad, b"<Error><Code>SlowDown</Code></Error>")
            if fault is not None:
                return self.answer(403, f"<Error><Code>{fault}</Code></Error>".encode())
            path, _, query = self.path.partition("?")
            _, bucket, *key = urllib.parse.unquote(path).split("/")
            if bucket != BUCKET:
                return self.answer(404 if self.command == "GET" else 403, b"<Error><Code>NoSuchBucket</Code></Error>")
            return self.serve("/".join(key), query, headers, body)

        def serve(self, key, query, headers, body):
            store = self.server
            if not key:
                return self.answer(200, store.acl.encode()) if query == "acl=" else self.answer(400)
            if self.command == "PUT":
                if (store.needs_sse and headers.get("x-amz-server-side-encryption") != "AES256"
                        or headers.get("x-amz-acl", "private") != "private"):
                    return self.answer(400, b"<Error><Code>InvalidArgument</Code></Error>")
                with store.lock:
                    store.objects[key] = (headers.get("content-type"), body)
                return self.answer(200)
            if self.command == "DELETE":
                with store.lock:
                    store.objects.pop(key, None)
                return self.answer(204)
            found = store.objects.get(key)
            return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>") if found is None else self.answer(200, found[1], found[0])

        def answer(self, status, body=b"", kind="application/xml"):
            try:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body if status != 204 else b"")
            except OSError:
                self.close_connection = True

        do_GET = do_PUT = do_DELETE = handle_any

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.lock, self.objects, self.asked, self.bad = threading.Lock(), {}, [], []
        self.slow, self.region, self.needs_sse, self.acl = 0, REGION, True, PRIVATE
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def port(self):
        return self.server_address[1]

    def settings(self, path=""):
        return (f"[uploads]\nscan = configured\nstore = s3\n[s3]\nendpoint = http://127.0.0.1:{self.port}{path}\n"
                f"region = {REGION}\nbucket = {BUCKET}\naccess_key = {ACCESS}\n")
