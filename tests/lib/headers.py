# SPDX-License-Identifier: Apache-2.0
"""headers - what every answer carries (control D3), by preset; held against each answer."""
import re

CSP_JSON = {
    "modestwear": "default-src 'none'; frame-ancestors 'none'",
    "nsgg": "default-src 'self'",
    "default": "default-src 'none'; frame-ancestors 'none'",
}
XSS = {"modestwear": "1; mode=block", "nsgg": "1; mode=block", "default": "0"}
HSTS = re.compile(r"^max-age=31536000; ?includeSubDomains; ?preload$", re.I)
REQUEST_ID = re.compile(r"^[0-9a-f]{32}$")


def faults(answer, preset, tls):
    """A sentence for each header that is missing or wrong."""
    wrong = []

    def one(name, want):
        values = answer.all(name)
        if len(values) != 1:
            wrong.append(f"{name} stands {len(values)} times")
        elif callable(want):
            if not want(values[0]):
                wrong.append(f"{name}: {values[0]}")
        elif values[0] != want:
            wrong.append(f"{name}: {values[0]}, want {want}")

    one("X-Request-Id", REQUEST_ID.match)
    one("X-Content-Type-Options", "nosniff")
    one("X-Frame-Options", "DENY")
    one("Referrer-Policy", lambda v: v in ("no-referrer", "same-origin", "strict-origin-when-cross-origin",
                                           "strict-origin"))
    one("Permissions-Policy", lambda v: "camera=()" in v and "geolocation=()" in v)
    one("Cross-Origin-Opener-Policy", "same-origin")
    one("Cross-Origin-Resource-Policy", lambda v: v in ("same-origin", "same-site", "cross-origin"))
    one("X-XSS-Protection", XSS[preset])
    one("Date", lambda v: v.endswith(" GMT"))
    is_page = (answer.get("content-type") or "").split(";")[0] in (
        "text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml",
        "image/png", "text/plain")
    if is_page:
        one("Content-Security-Policy",
            lambda v: "unsafe-" not in v and "*" not in v and "default-src" in v)
    else:
        one("Content-Security-Policy", CSP_JSON[preset])
    if tls:
        one("Strict-Transport-Security", HSTS.match)
    elif answer.all("Strict-Transport-Security"):
        wrong.append("Strict-Transport-Security on plain HTTP")
    server = answer.get("Server")
    if server is not None and re.search(r"\d", server):
        wrong.append(f"Server: {server}")
    if answer.get("X-Powered-By"):
        wrong.append("X-Powered-By")
    for name, value in answer.headers:
        if not re.match(r"^[\x20-\x7e\t]*$", value) or not re.match(r"^[A-Za-z0-9-]+$", name):
            wrong.append(f"a header that is not printable: {name!r}: {value!r}")
    return wrong
