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
            # Of so many operations the page makes those alone that are in sight.
            described = sum(1 for _ in server.schema().operations())
            assert chromium.wait_for(f"window.ui.specSelectors.operations().size === {described}", 60)
            assert chromium.wait_for("document.querySelectorAll('.opblock').length > 0", 60), \
                chromium.evaluate("document.body.innerText")[:500]
            first = chromium.evaluate("document.querySelector('.opblock').id")
            chromium.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
            assert chromium.wait_for("document.querySelectorAll('.opblock').length > 0 && "
                                     f"document.querySelector('.opblock').id !== {first!r}", 60)
            for url in chromium.requested:
                host = urllib.parse.urlsplit(url)
                assert host.scheme in ("data", "blob") or host.hostname == "localhost", url
                assert host.scheme != "data", f"the strict policy blocks {url[:80]}"


def test_the_front_page_shows_what_is_sold(ctx):
    server = ctx.own_server(env={"SUTLER_SHOP_DEMO_PICTURES": "yes"})
    with browser() as chromium:
        # By another name than the addresses of the pictures have.
        for base in (f"http://localhost:{server.port}", f"http://127.0.0.1:{server.port}"):
            chromium.visit(base + "/")
            assert chromium.wait_for("document.querySelectorAll('#shelf img').length >= 12", 60)
            assert chromium.wait_for("[...document.querySelectorAll('#shelf img')].slice(0, 4)"
                                     ".every(i => i.complete && i.naturalWidth > 0)", 60)
            assert chromium.evaluate("getComputedStyle(document.getElementById('shop')).display") != "none"


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
