# SPDX-License-Identifier: Apache-2.0
"""A catalogue of 100,000 products on either store: searches, reads beside them, lists and details against nginx."""
import contextlib
import pathlib
import random
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

import pg
import sutler

PRODUCTS = 100000
LIST = "/api/catalog/products/"
# What a quarter to a third of all products have each (tests/tools/fill_products.c).
COMMON = ("modest", "dress", "navy", "linen", "wool", "abaya", "evening", "cotton", "long", "black")


def tool(name):
    return pathlib.Path(sutler.PROGRAM).parent / "tests/tools" / name


def questions(client):
    """The fixed mix: common and rare words, how they begin, two together; each as often as the others."""
    chance = random.Random(47)
    rare = set()
    for page in range(1, 6):
        for row in client.get(f"{LIST}?page_size=100&page={page}&ordering=date_added").json["results"]:
            rare |= {word for word in row["name"].split() + row["description"].split() if word not in COMMON}
    rare = sorted(rare)
    few = chance.sample(rare, 40)
    asked = list(COMMON)                                                    # common words
    asked += few[:10]                                                       # rare ones
    asked += [word[:3] for word in COMMON[:5]] + [word[:4] for word in few[10:15]]  # how they begin
    asked += [f"{a} {b}" for a, b in zip(COMMON[:5], COMMON[5:])]           # two common ones
    asked += [f"{a} {b}" for a, b in zip(COMMON[5:], few[15:20])]           # one of each
    return list(dict.fromkeys(asked))


def target(text, **more):
    return LIST + "?" + urllib.parse.urlencode({"search": text, **more})


def latencies(client, targets):
    """ms of each, one after the other; every answer is 200."""
    took = []
    for one in targets:
        began = time.perf_counter()
        answer = client.get(one)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status == 200, (one, answer)
    return took


def percentile(took, share):
    return sorted(took)[min(len(took) - 1, int(len(took) * share))]


@contextlib.contextmanager
def filled(bench, store):
    """A server over a store of that many products, and what filling it took."""
    with contextlib.ExitStack() as stack:
        more = {}
        if store == "postgres":
            # As it comes: what it keeps in memory is what a shop's would.
            more["dsn"] = stack.enter_context(pg.Server(shared_buffers="128MB")).dsn
        server = stack.enter_context(bench.server(store=store, **more))
        server.stop()
        words = [tool("fill_products")]
        words += ["postgres", more["dsn"], "-"] if store == "postgres" else ["sqlite", server.data, server.keys]
        began = time.monotonic()
        subprocess.run([*map(str, words), str(PRODUCTS)], check=True, stdin=subprocess.DEVNULL)
        took = time.monotonic() - began
        server.start()
        yield server, took


def beside(bench, load, server, paths):
    """p99 of catalogue reads: quiet, and beside four connections that ask these in turn without a pause."""
    quiet, loaded = [], []
    for _ in range(min(5, bench.options.rounds)):
        seconds = bench.options.seconds
        quiet.append(percentile(bench.paced(server, seconds), 0.99))
        work = threading.Thread(target=load, args=(server, seconds + 2, paths))
        work.start()
        time.sleep(1)
        loaded.append(percentile(bench.paced(server, seconds), 0.99))
        work.join()
    ratio = statistics.median(b / a for a, b in zip(quiet, loaded))
    return ratio, statistics.median(quiet), statistics.median(loaded)


def searches(bench, row, load, server, store):
    client = server.client(check=False)
    asked = questions(client)
    # Each page size makes it a question that nobody has asked; what an answer costs again is told beside it.
    cold, counted = [], []
    for n in range(bench.options.rounds):
        took = latencies(client, [target(text, page_size=10 + n) for text in asked])
        (counted if n else cold).extend(took)
    value = (f"p50 {percentile(cold, 0.5):.1f} ms, p99 {percentile(cold, 0.99):.1f} ms ({len(asked)} searches, none asked "
             f"before; other pages of them {percentile(counted, 0.5):.1f} and {percentile(counted, 0.99):.1f} ms)")
    row(f"search in {PRODUCTS:,} products, {store}", value, "p50 <= 10 ms", percentile(cold, 0.5) <= 10)

    paths = bench.folder / "paths.search"
    # Far more than are kept in memory.
    paths.write_text("".join(target(text, page_size=n) + "\n" for n in range(20, 80) for text in asked))
    ratio, quiet, loaded = beside(bench, load, server, paths)
    row(f"p99 of catalogue reads beside searches, {store}", f"{ratio:.2f} x the quiet value ({loaded:.2f} ms and "
        f"{quiet:.2f} ms, 4 connections that search without a pause)", "< 3 x", ratio < 3)


def run(bench, row, load):
    for store in ("sqlite", "postgres"):
        if store == "postgres" and pg.find_bin() is None:
            row(f"search in {PRODUCTS:,} products, {store}", "no PostgreSQL here", "told", True)
            continue
        with filled(bench, store) as (server, took):
            row(f"{PRODUCTS:,} products with their words, {store}", f"{PRODUCTS / took:,.0f}/s", "told", True)
            searches(bench, row, load, server, store)
            if store == "sqlite":
                catalogue(bench, server)


def catalogue(bench, server):
    client = server.client(check=False)
    email = "bench@example.com"
    client.register(email)
    token = client.login(email)["tokens"]["access_token"]
    paths = [f"{LIST}?ordering={ordering}&page={page}" for ordering in ("price", "-price", "date_added", "-date_added")
             for page in range(1, 61)]
    bench.against_nginx(f"product list of 20 rows, {PRODUCTS:,} products", 0.7, server, token, paths)
    rows = client.get(f"{LIST}?page_size=100").json["results"]
    details = [f"{LIST}{row['id']}/" for row in rows]
    bench.against_nginx(f"product detail, {PRODUCTS:,} products", 0.7, server, token, details)


if __name__ == "__main__":
    sys.exit("bench/run --only large")
