# SPDX-License-Identifier: Apache-2.0
"""The pages in a real browser: no console error, no blocked request, nothing from elsewhere."""
import shutil
import urllib.parse

from browser import Browser
from sutler import Skip

STORES = ("sqlite",)


def browser():
    if not shutil.which("chromium"):
        raise Skip("no chromium")
    return Browser()


def test_the_front_page_and_the_documents(ctx):
    server = ctx.server()
    with browser() as chromium:
        for base in (f"http://localhost:{server.port}", f"https://localhost:{server.port_tls}"):
            faults = chromium.visit(base + "/")
            assert not faults, (base, faults)
            assert len(chromium.evaluate("document.body.innerText")) > 50
            links = chromium.evaluate("[...document.querySelectorAll('a')].map(a => a.href)")
            assert base + "/docs/" in links, links
            faults = chromium.visit(base + "/docs/", settle=3)
            assert not faults, (base, faults)
            assert chromium.wait_for("document.querySelectorAll('.opblock').length >= 20"), \
                chromium.evaluate("document.body.innerText")[:500]
            for url in chromium.requested:
                host = urllib.parse.urlsplit(url)
                assert host.scheme in ("data", "blob") or host.hostname == "localhost", url
                assert host.scheme != "data", f"the strict policy blocks {url[:80]}"


def test_an_operation_can_be_tried_from_the_page(ctx):
    server = ctx.server()
    with browser() as chromium:
        base = f"http://localhost:{server.port}"
        chromium.visit(base + "/docs/", settle=2)
        status = chromium.evaluate("fetch('/api/catalog/products/?page_size=1').then(r => r.status)")
        assert status == 200


def test_injected_script_does_not_run(ctx):
    server = ctx.server()
    with browser() as chromium:
        base = f"http://localhost:{server.port}"
        chromium.visit(base + "/")
        chromium.evaluate("(() => { const s = document.createElement('script'); s.textContent = 'window.owned = 1';"
                          "document.body.appendChild(s); })()")
        assert chromium.evaluate("window.owned === undefined")
        for path in ("/?x=<script>window.owned=1</script>", "/nowhere/<script>window.owned=1</script>/",
                     "/docs/?url=https://evil.example/x.json", "/docs/?configUrl=data:text/json,{}"):
            chromium.visit(base + path, settle=1)
            assert chromium.evaluate("window.owned === undefined"), path
            assert all(urllib.parse.urlsplit(url).hostname in ("localhost", None) for url in chromium.requested), \
                chromium.requested
