# SPDX-License-Identifier: Apache-2.0
"""`sutler product import|export`: files in and out, at a running server and without one; nothing lost, nothing half."""
import csv
import io
import json
import os
import pathlib
import secrets
import signal
import subprocess
import threading
import time

import sutler
from sutler import new_email, only

PRODUCTS, CATEGORIES = "/api/v1/products/", "/api/v1/categories/"


def word(prefix="I"):
    return prefix + secrets.token_hex(4).upper()


def product(server, *args, stdin="", code=0):
    done = server.cli("product", *args, stdin=stdin)
    assert done.returncode == code, (args, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


def counts(done):
    return json.loads(done.stdout.strip().splitlines()[-1])


def manager(server):
    client = server.client()
    client.login(server.make_user(new_email("manager"), "--group", "Product Managers"))
    return client


def file_of(server, name, text):
    path = server.folder / name
    path.write_text(text, newline="")
    return str(path)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def everything(client):
    rows, target = {}, PRODUCTS + "?page_size=100&ordering=created_at"
    while target:
        page = client.get(target).json
        rows.update({row["id"]: row for row in page["results"]})
        target = page["next"] and "/" + page["next"].split("/", 3)[3]
    return rows


def test_what_was_exported_changes_nothing_when_imported(ctx):
    server = ctx.own_server()
    client = manager(server)
    before = everything(client)
    assert len(before) >= 200
    for kind in ("csv", "json"):
        path = str(server.folder / f"all.{kind}")
        product(server, "export", path)
        got = counts(product(server, "import", path, "--json"))
        assert got == {"added": 0, "changed": 0, "unchanged": len(before), "failed": 0, "kept": True}, got
        assert product(server, "export", "--format", kind).stdout == open(path).read()
    assert everything(client) == before
    # Without a server: the store itself, under its lock.
    server.stop()
    for kind in ("csv", "json"):
        got = counts(product(server, "import", str(server.folder / f"all.{kind}"), "--json"))
        assert got["unchanged"] == len(before) and got["added"] == got["changed"] == got["failed"] == 0, got


def test_an_export_fills_an_empty_shop(ctx):
    server = ctx.own_server()
    wanted = {}
    for kind in ("csv", "json"):
        wanted[kind] = product(server, "export", "--format", kind).stdout
        file_of(server, f"all.{kind}", wanted[kind])
    for kind in ("csv", "json"):
        empty = ctx.own_server(demo=False)
        path = str(server.folder / f"all.{kind}")
        done = product(empty, "import", path, "--json", code=1)
        assert counts(done)["kept"] is False and "There is no such category." in done.stderr
        got = counts(product(empty, "import", path, "--json", "--create-categories"))
        assert got["added"] >= 200 and got["failed"] == 0, got
        assert product(empty, "export", "--format", kind).stdout == wanted[kind]


def test_rows_are_matched_by_sku_and_what_is_not_said_stays(ctx):
    server = ctx.own_server()
    client = manager(server)
    category = client.post(CATEGORIES, {"name": word("Files ")}).json
    a, b = word(), word()
    text = ("name,sku,price,category,stock,description\n"
            f"\"A \"\"good\"\" one, long\",{a},10.00,{category['slug']},5,\"two\nlines\"\n"
            f"Second,{b},20,{category['name']},,\n")
    assert counts(product(server, "import", file_of(server, "a.csv", text), "--json"))["added"] == 2
    rows = {row["sku"]: row for row in everything(client).values()}
    assert (rows[a]["name"], rows[a]["description"], rows[a]["stock"]) == ('A "good" one, long', "two\nlines", 5)
    assert (rows[b]["price"], rows[b]["stock"], rows[b]["category"]) == ("20.00", 0, category["id"])
    assert rows[a]["created_by"] is None
    got = counts(product(server, "import", file_of(server, "b.csv", f"sku,stock\n{a},7\n{b},0\n"), "--json"))
    assert (got["changed"], got["unchanged"]) == (1, 1), got
    # Variants behind their product, or of one that stands elsewhere; empty lines, a byte-order mark, CRLF, any order.
    text = ("\ufeffstock,parent_sku,sku,variant_name,variant_price\r\n\r\n"
            f"1,{a},{a}-M,M / Sand,12.50\r\n2,{a},{a}-L,L / Sand,\r\n")
    assert counts(product(server, "import", file_of(server, "c.csv", text), "--json"))["changed"] == 1
    row = next(r for r in everything(client).values() if r["sku"] == a)
    assert [(v["name"], v["price"], v["stock"]) for v in row["variants"]] == [
        (row["name"], None, 7), ("M / Sand", "12.50", 1), ("L / Sand", None, 2)], row
    # JSON: an array, lines, or anything between.
    one = {"sku": word(), "name": "J", "category": category["slug"], "price": 3}
    two = {"sku": word(), "name": "K", "category": category["slug"], "price": "4.5", "variants": [
        {"sku": word(), "name": "S / Red", "stock": 1}]}
    for name, text in (("d.json", json.dumps([one, two], indent=2)), ("e.jsonl", json.dumps(one) + "\n" + json.dumps(two))):
        got = counts(product(server, "import", file_of(server, name, text), "--json"))
        assert got["failed"] == 0 and got["added"] + got["unchanged"] == 2, got
    assert counts(product(server, "import", "-", "--format", "json", "--json", stdin=json.dumps(one)))["unchanged"] == 1
    # The public sees it at once.
    assert client.get(f"/api/catalog/products/{row['id']}/").json["name"] == row["name"]


BAD = [("price", "-1", "Price"), ("price", "10000", "9999.99"), ("price", "1e2", "valid number"), ("price", "NaN", "valid number"),
       ("price", "1.005", "2 decimal"), ("stock", "-1", "greater than or equal"), ("stock", "x", "integer"),
       ("stock", "9223372036854775808", "integer"), ("category", "no such", "no such category"), ("name", "x" * 256, "255"),
       ("is_active", "perhaps", "boolean"), ("coverage_level", "odd", "coverage"), ("sku", "x" * 65, "64"),
       ("name", "4111 1111 1111 1111", "Card")]


def test_what_is_wrong_is_told_by_its_line_and_nothing_is_kept(ctx):
    server = ctx.own_server()
    client = manager(server)
    category = client.post(CATEGORIES, {"name": word("Bad ")}).json
    columns = ["sku", "name", "category", "price", "stock", "is_active", "coverage_level"]
    total = len(everything(client))
    out = io.StringIO(newline="")
    w = csv.DictWriter(out, columns)
    w.writeheader()
    good = lambda **more: {"sku": word(), "name": "Good", "category": category["slug"], "price": "1.00", "stock": "1",
                           "is_active": "true", "coverage_level": "", **more}
    w.writerow(good())
    for field, value, _ in BAD:
        w.writerow(good(**{field: value}))
    w.writerow(good())
    path = file_of(server, "bad.csv", out.getvalue())
    for options, kept in (([], False), (["--dry-run"], False), (["--dry-run", "--partial"], False), (["--partial"], True)):
        done = product(server, "import", path, "--json", *options, code=1)
        got = counts(done)
        assert (got["added"], got["failed"], got["kept"]) == (2, len(BAD), kept), (options, got)
        told = done.stderr.splitlines()
        assert len(told) == len(BAD), told
        for n, (field, _, words) in enumerate(BAD):
            assert told[n].startswith(f"line {n + 3}: {field}: ") and words in told[n], (told[n], words)
        assert len(everything(client)) == total + (2 if kept else 0)
    # A variant's fault is on its own line, in JSON on its product's.
    sku = word()
    text = (f"sku,parent_sku,name,category,price,variant_name,variant_price\n{sku},,V,{category['slug']},1,,\n"
            f"{sku}-1,{sku},,,,S,2\n{sku}-2,{sku},,,,M,-2\n")
    done = product(server, "import", file_of(server, "v.csv", text), code=1)
    assert done.stderr.startswith("line 4: variants.2.price: Price"), done.stderr
    done = product(server, "import", file_of(server, "v.json", '[{"sku":"a",\n"x":1},\n{"sku":"b"}]'), code=1)
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["line 1", "line 3"], done.stderr


def test_a_file_that_is_none(ctx):
    server = ctx.own_server()
    total = len(everything(manager(server)))
    for name, text, words in (("a.csv", "sku,odd\n", "line 1: the header has a column that is not known"),
                              ("b.csv", "name\nx\n", "no column sku"), ("c.csv", "", "no header"),
                              ("d.csv", 'sku,name\nx,"open', "line 2: this is no CSV"),
                              ("e.csv", "sku,name\nx\n", "line 2: the row has not as many cells"),
                              ("f.csv", "sku,sku\n", "twice"), ("g.csv", 'sku,name\nx,a"b\n', "no CSV"),
                              ("h.json", "[{]", "line 1: this is no JSON"), ("i.json", '[{"sku":"a"}', "no JSON"),
                              ("j.json", "x", "no JSON"), ("k.json", '[{"sku":"a"} {"sku":"b"}]', "no JSON"),
                              ("l.csv", "sku,name\n" + "x" * (300 * 1024), "line 2: a product is too long"),
                              ("m.json", '{"sku":"' + "x" * (2 << 20), "too long")):
        done = product(server, "import", file_of(server, name, text), code=1)
        assert words in done.stderr, (name, done.stderr)
    done = product(server, "import", file_of(server, "n.json", '{"sku":"a","sku":"b"}\n{"sku":5}\n[1]'), code=1)
    assert "line 1: this is no JSON" not in done.stdout
    for args in (["import"], ["import", "a", "b"], ["import", "a.csv", "--format", "xml"], ["export", "--partial"], [],
                 ["remove", "x"], ["import", "a.csv", "--odd"]):
        product(server, *args, code=2)
    product(server, "import", str(server.folder / "not-there.csv"), code=1)
    # Another encoding is not taken for what it is not.
    for coding, words in (("latin-1", "line 3: the row is not UTF-8"), ("utf-16", "line 1: the row is not UTF-8")):
        path = server.folder / (coding + ".csv")
        path.write_bytes("sku,name,price,category\na,b,1,c\nd,caf\xe9,1,c\n".encode(coding))
        done = product(server, "import", str(path), code=1)
        assert words in done.stderr, (coding, done.stderr)
    pipe = server.folder / "pipe.csv"
    os.mkfifo(pipe)
    both = os.open(pipe, os.O_RDWR)
    assert "can't be read from its beginning" in product(server, "import", str(pipe), code=1).stderr
    os.close(both)
    product(server, "export", "/no/such/folder/x.csv", code=1)
    assert server.cli("product", "--help").returncode == 0
    assert len(everything(manager(server))) == total


def corpus():
    root = pathlib.Path(os.environ.get("SUTLER_CORPORA", sutler.ROOT.parent / "shared/corpora"))
    found = sorted(root.glob("**/blns*.json"))
    return json.loads(found[0].read_text()) if found else []


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "'=1", "''=1", "'quoted", "'", "- a dash", "=\"x\",y", "@"]


def test_an_export_that_fails_leaves_the_one_of_before(ctx):
    server = ctx.own_server(start=False)
    folder = server.folder / "exports"
    folder.mkdir()
    kept, link, new = folder / "kept.csv", folder / "link.csv", folder / "new.csv"
    kept.write_text("all that there was\n")
    kept.chmod(0o640)
    link.symlink_to("kept.csv")
    for path in (kept, link, new):
        done = sutler.run("product", "export", path, "--data", server.folder / "nowhere")
        assert done.returncode == 1 and "no data folder" in done.stderr, done
        assert kept.read_text() == "all that there was\n"
    assert sorted(p.name for p in folder.iterdir()) == ["kept.csv", "link.csv"]
    server.start()
    for path in (link, new):
        product(server, "export", str(path))
        assert path.read_text().startswith("sku,"), path
    assert link.is_symlink() and kept.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in folder.iterdir()) == ["kept.csv", "link.csv", "new.csv"]
    # What is no file is written as it comes.
    done = product(server, "export", "/dev/full", code=1)
    assert "/dev/full can't be written" in done.stderr, done
    assert product(server, "export", "/dev/stdout").stdout.startswith("sku,")


def test_no_cell_of_an_export_is_a_formula(ctx):
    server = ctx.own_server()
    client = manager(server)
    category = client.post(CATEGORIES, {"name": word("Formulas ")}).json["id"]
    kept = {}
    for text in FORMULAS + corpus():
        name = text[:250]
        answer = client.post(PRODUCTS, {"name": name, "description": text, "category": category, "price": "1.00", "sku": word(),
                                        "variants": [{"name": name, "sku": "=" + word()}]})
        if answer.status == 201:
            kept[answer.json["sku"]] = answer.json
    assert len(kept) > (400 if corpus() else 5)
    text = product(server, "export").stdout
    rows = rows_of(text)
    for row in rows:
        for key, cell in row.items():
            assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r"), (key, cell)
    by_sku = {row["sku"]: row for row in rows}
    for sku, p in kept.items():
        got = by_sku[sku]["name"]
        assert got in (p["name"], "'" + p["name"]), (got, p["name"])
    before = everything(client)
    for kind in ("csv", "json"):
        path = str(server.folder / f"naughty.{kind}")
        product(server, "export", path)
        got = counts(product(server, "import", path, "--json"))
        assert got["changed"] == got["failed"] == got["added"] == 0 and got["unchanged"] == len(before), (kind, got)
    assert everything(client) == before
    # And what a spreadsheet's file says is taken as it was meant.
    sku = word()
    product(server, "import", file_of(server, "f.csv", f"sku,name,category,price\n{sku},'=1+1,{category},1\n"), code=1)
    slug = client.get(f"{CATEGORIES}{category}/").json["slug"]
    product(server, "import", file_of(server, "f.csv", f"sku,name,category,price\n{sku},'=1+1,{slug},1\n"))
    assert next(r for r in everything(client).values() if r["sku"] == sku)["name"] == "=1+1"


def many(n, slug, prefix):
    out = io.StringIO(newline="")
    w = csv.writer(out)
    w.writerow(["sku", "name", "description", "category", "price", "stock"])
    for i in range(n):
        w.writerow([f"{prefix}-{i}", f"{prefix} item {i}", "A usual text of a product, with some words in it. " * 3, slug,
                    f"{i % 900 + 1}.99", i % 50])
    return out.getvalue()


def test_reads_go_on_while_much_is_imported(ctx):
    server = ctx.own_server()
    client = manager(server)
    slug = client.post(CATEGORIES, {"name": word("Much ")}).json["slug"]
    for options in (["--partial"], []):
        path = file_of(server, "much.csv", many(3000, slug, word("M")))
        box = []
        worker = threading.Thread(target=lambda: box.append(product(server, "import", path, "--json", *options)))
        began = time.monotonic()
        worker.start()
        slowest, reads = 0.0, 0
        while worker.is_alive():
            at = time.monotonic()
            assert client.get("/api/catalog/products/?page_size=5").status == 200
            slowest, reads = max(slowest, time.monotonic() - at), reads + 1
            time.sleep(0.01)
        worker.join()
        took = time.monotonic() - began
        print(f"    {3000 / took:.0f} products/s {' '.join(options) or 'at once'} on {ctx.store}; slowest of {reads} reads {slowest * 1000:.0f} ms")
        assert counts(box[0])["added"] == 3000, box
        assert slowest < 15, slowest


def started_import(server, path, **more):
    return subprocess.Popen(
        [sutler.PROGRAM, "product", "import", path, "--data", str(server.data), "--keys", str(server.keys), "--config",
         str(server.folder / "sutler.conf")], env=sutler.clean_env(server.env), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, **more)


def test_a_kill_in_the_middle_leaves_all_or_nothing(ctx):
    server = ctx.own_server()
    client = manager(server)
    slug = client.post(CATEGORIES, {"name": word("Killed ")}).json["slug"]
    total = len(everything(client))
    path = file_of(server, "killed.csv", many(12000, slug, word("K")))
    process = started_import(server, path)
    time.sleep(0.4)
    server.kill()
    process.communicate(timeout=120)
    server.start()
    assert len(everything(manager(server))) in (total, total + 12000)
    # The command itself may die, too: what nobody goes on with is given up.
    process = started_import(server, path)
    time.sleep(0.3)
    process.kill()
    process.communicate()
    done = server.cli("user", "list")  # an operator's command does not wait for it
    assert done.returncode == 0, done
    left = len(everything(manager(server)))
    assert left in (total, total + 12000), left


def importing(server, path, how):
    """An import under way: it heeds this signal from then on."""
    # Who started the tests may have it ignored, as nohup and a shell's & do.
    process = started_import(server, path, preexec_fn=lambda: signal.signal(how, signal.SIG_DFL))
    until = time.monotonic() + 30
    while True:
        caught = pathlib.Path(f"/proc/{process.pid}/status").read_text().split("SigCgt:")[1].split()[0]
        if int(caught, 16) >> (how - 1) & 1:
            return process
        assert time.monotonic() < until and process.poll() is None, process.communicate()
        time.sleep(0.01)


def test_an_import_that_is_interrupted_holds_nobody_up(ctx):
    server = ctx.own_server()
    client = manager(server)
    slug = client.post(CATEGORIES, {"name": word("Ended ")}).json["slug"]
    total = len(everything(client))
    path = file_of(server, "ended.csv", many(60000, slug, word("E")))
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process = importing(server, path, how)
        time.sleep(0.5)
        assert process.poll() is None, "too quick to be interrupted"
        process.send_signal(how)
        began = time.monotonic()
        assert client.post(CATEGORIES, {"name": word("Meanwhile ")}).status == 201
        waited = time.monotonic() - began
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 1 and "given up: nothing was kept" in said, (process.returncode, said)
        assert waited < 20, waited
    assert len(everything(client)) == total


def test_two_imports_do_not_mix(ctx):
    server = ctx.own_server()
    slug = manager(server).post(CATEGORIES, {"name": word("Two ")}).json["slug"]
    paths = [file_of(server, f"two{n}.csv", many(1500, slug, word(f"T{n}"))) for n in range(2)]
    box = []
    threads = [threading.Thread(target=lambda p=p: box.append(server.cli("product", "import", p, "--json"))) for p in paths]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    codes = sorted(done.returncode for done in box)
    assert codes in ([0, 0], [0, 1]), box
    for done in box:
        assert done.returncode == 0 and counts(done)["added"] == 1500 or "another import goes on" in done.stderr, done
