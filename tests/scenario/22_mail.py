# SPDX-License-Identifier: Apache-2.0
"""Mails: from the outbox to a real mail server, over TLS alone, at least once; and `sutler mail`."""
import json
import os
import pathlib
import re
import tempfile
import time

import sutler
from mailserver import PASSWORD as MAIL_PASSWORD
from mailserver import Authority, Exim, Fake, parse
from sutler import only


def register(server, word="mail", name="Ada Byron"):
    address = sutler.new_email(word)
    server.client().register(address, name=name)
    return address


def rows(server):
    done = server.cli("mail", "list", "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def wait_row(server, seconds=60, failed=False, **want):
    """Until the newest row is like this; failed: and what became of its last try is known."""
    end = time.monotonic() + seconds
    while True:
        row = rows(server)[0]
        if all(row[key] == value for key, value in want.items()) and (row["why"] is not None or not failed):
            return row
        assert time.monotonic() < end, (row, want, server.log_text()[-1500:])
        time.sleep(0.1)


def link_of(message):
    text = message.get_body(("plain",)).get_content()
    return re.search(r"https?://\S+token=\S+", text).group(0)


def check_message(m, address, shop="Sutler"):
    """What every mail of ours is."""
    assert m["To"].addresses[0].addr_spec == address, m["To"]
    assert m["From"].addresses[0].addr_spec == "shop@shop.example", m["From"]
    assert re.fullmatch(r"<[0-9a-f]{32}@shop\.example>", m["Message-ID"]), m["Message-ID"]
    assert m["Auto-Submitted"] == "auto-generated"
    assert m["MIME-Version"] == "1.0" and m.get_content_type() == "multipart/alternative"
    assert abs(m["Date"].datetime.timestamp() - time.time()) < 120
    assert [p.get_content_type() for p in m.iter_parts()] == ["text/plain", "text/html"]
    assert shop in m["Subject"]
    assert not m.defects and not any(p.defects for p in m.walk()), m.defects


def test_a_registration_mails_once_over_starttls(ctx):
    with Exim() as exim:
        server = ctx.own_server(env=exim.settings())
        address = register(server)
        found, = exim.wait_mails(1, address)
        check_message(found, address)
        assert found["Return-path"] == "<shop@shop.example>"
        assert re.search(r"with esmtpsa\s+\(TLS1\.[23]\)", found["Received"]), found["Received"]
        assert found["From"].addresses[0].display_name == "The Shop"
        assert "/verify-email?token=" in link_of(found)
        assert link_of(found) in found.get_body(("html",)).get_content().replace("&amp;", "&")
        row = wait_row(server, state="sent")
        assert row["template"] == "verify" and row["tries"] == 1 and row["why"] is None
        assert row["person"] > 0 and re.fullmatch(r"p[0-9a-f]{16}", row["pseudonym"])
        # Nothing more comes, and what it said is gone.
        time.sleep(1)
        assert len(exim.mails()) == 1
        shown = server.cli("mail", "show", row["id"])
        assert shown.returncode == 1 and "was sent: what it said is not kept" in shown.stderr, shown
        for line in exim.mails()[0].splitlines():
            assert len(line) <= 998
        assert f"user={row['pseudonym']}" in server.log_text()
        assert not server.log_faults(), server.log_faults()


def test_tls_from_the_first_byte(ctx):
    with Exim() as exim:
        server = ctx.own_server(env=exim.settings(implicit=True))
        address = register(server)
        found, = exim.wait_mails(1, address)
        check_message(found, address)
        assert "esmtpsa" in found["Received"]


def test_names_as_people_write_them(ctx):
    with Exim() as exim:
        server = ctx.own_server(env=exim.settings(SUTLER_SHOP_NAME="Tom & Käthe <Shop>"))
        address = register(server, name="Zoë🎉<script>alert(1)<script> Byron")
        found, = exim.wait_mails(1, address)
        check_message(found, address, "Tom & Käthe <Shop>")
        assert found["To"].addresses[0].display_name == "Zoë🎉<script>alert(1)<script>"
        html = found.get_body(("html",)).get_content()
        assert "<script" not in html and "&lt;script&gt;" in html and "Tom &amp; Käthe &lt;Shop&gt;" in html
        assert "Hello Zoë🎉<script>" in found.get_body(("plain",)).get_content()
        # Line ends in a name: refused, or harmless.
        evil = sutler.new_email("evil")
        with server.client() as client:
            answer = client.post("/api/users/register/", {"email": evil, "password": sutler.PASSWORD,
                                                          "full_name": "Ada\r\nBcc: all@example.org\r\n\r\nx"})
            assert answer.status in (201, 400), answer
        if answer.status == 201:
            found, = exim.wait_mails(1, evil)
            assert found["Bcc"] is None and "Bcc" not in found["To"].addresses[0].addr_spec
        # A name that is an advertisement goes to nobody.
        lure = register(server, name="evil.example wins")
        found, = exim.wait_mails(1, lure)
        assert "evil.example" not in found.as_string(), found.as_string()


def test_a_server_without_starttls_hears_nothing(ctx):
    with tempfile.TemporaryDirectory() as folder, Fake() as fake:
        server = ctx.own_server(env=fake.settings(Authority(folder)))
        register(server)
        wait_row(server, tries=1, state="due", failed=True)
        assert fake.connections > 0
        for line in fake.heard:
            assert line.split(" ")[0].upper() in ("EHLO", "HELO", "STARTTLS", "QUIT"), fake.heard
        assert not fake.mails


def test_a_wrong_certificate_is_refused(ctx):
    with tempfile.TemporaryDirectory() as folder:
        other = Authority(folder)
        with Exim() as stranger, Exim(hosts="DNS:mail.elsewhere.example") as elsewhere:
            for exim, env in ((stranger, {"SUTLER_COURIER_CA_FILE": str(other.ca)}), (elsewhere, {})):
                for implicit in (False, True):
                    server = ctx.own_server(env=exim.settings(implicit=implicit) | env)
                    register(server)
                    wait_row(server, tries=1, state="due", failed=True)
                    server.stop()
                assert not exim.mails()
                assert "A=" not in exim.told() and MAIL_PASSWORD not in exim.told()


def test_a_wrong_password_is_no_reason_to_give_up(ctx):
    with Exim() as exim:
        server = ctx.own_server(env=exim.settings(EMAIL_HOST_PASSWORD="another-Secret-44"))
        address = register(server)
        wait_row(server, tries=1, state="due", failed=True)
        server.stop()
        server.env["EMAIL_HOST_PASSWORD"] = MAIL_PASSWORD
        server.start()
        exim.wait_mails(1, address)


def test_a_server_that_is_down_gets_it_later(ctx):
    with Exim() as exim:
        exim.stop()
        server = ctx.own_server(env=exim.settings())
        address = register(server)
        row = wait_row(server, tries=1, state="due", failed=True)
        assert row["why"] == "server_unreachable" and row["done"] is None
        server.kill_worker()
        server.wait_well()
        assert rows(server)[0]["state"] == "due"
        exim.start()
        found, = exim.wait_mails(1, address)
        check_message(found, address)
        wait_row(server, state="sent")


def test_put_off_then_taken_and_refused_for_good(ctx):
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(folder)
        with Fake(authority.issue("fake"), implicit=True, answers={"RCPT": "451 later"}) as fake:
            server = ctx.own_server(env=fake.settings(authority))
            register(server)
            row = wait_row(server, tries=1, state="due", failed=True)
            assert row["why"] == "server_said_later", (row, fake.heard)
            fake.answers.clear()
            first, = fake.wait_mails(1)
            wait_row(server, state="sent", tries=2)
            fake.answers["RCPT"] = "550 5.1.1 nobody here"
            register(server)
            row = wait_row(server, state="given up")
            assert row["tries"] == 1 and row["why"] == "server_refused"
            shown = server.cli("mail", "show", row["id"])
            assert shown.returncode == 1 and "was given up" in shown.stderr, shown
            fake.answers = {"END": "554 5.7.1 no"}
            register(server)
            row = wait_row(server, state="given up")
            # The second, when the connection of before was found closed.
            assert row["tries"] <= 2, (row, fake.heard, server.log_text()[-1500:])
            # Others go on.
            fake.answers.clear()
            register(server)
            second = fake.wait_mails(2)[1]
            assert first["Message-ID"] != second["Message-ID"]


def test_a_killed_worker_sends_it_again_under_the_same_id(ctx):
    """Killed when the mail server has the whole mail and nobody has heard its yes."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(folder)
        seen = []

        def kill_first(_, data):
            seen.append(data)
            if len(seen) == 1:
                server.kill_worker()

        with Fake(authority.issue("fake"), implicit=True, on_message=kill_first) as fake:
            server = ctx.own_server(env=fake.settings(authority, EMAIL_TIMEOUT="5"), start=False)
            server.start()
            address = register(server)
            end = time.monotonic() + 90
            while len(seen) < 2 and time.monotonic() < end:
                time.sleep(0.1)
            assert len(seen) == 2, (len(seen), server.log_text()[-1500:])
            assert seen[0] == seen[1]
            assert parse(seen[1])["To"].addresses[0].addr_spec == address
            server.wait_well()
            wait_row(server, state="sent")
            time.sleep(1)
            assert len(seen) == 2


@only("postgres")
def test_two_servers_send_each_mail_once(ctx):
    with Exim() as exim:
        env = exim.settings() | {"SECRET_KEY": "two-servers-" + os.urandom(24).hex(),
                                 "SUTLER_MASTER_KEY": os.urandom(32).hex()}
        first = ctx.own_server(env=env, insecure_dev=True)
        second = ctx.own_server(env=env, insecure_dev=True, dsn=first.env["DATABASE_URL"])
        addresses = []
        with first.client() as one, second.client() as two:
            for i in range(30):
                address = sutler.new_email(f"both{i}")
                (two if i % 2 else one).register(address)
                addresses.append(address)
        exim.wait_mails(len(addresses), seconds=120)
        end = time.monotonic() + 60
        while any(row["state"] != "sent" for row in rows(first)) and time.monotonic() < end:
            time.sleep(0.2)
        time.sleep(1)
        got = sorted(m["To"].addresses[0].addr_spec for m in map(parse, exim.mails()))
        assert got == sorted(addresses), (len(got), len(set(got)))
        assert len({m["Message-ID"] for m in map(parse, exim.mails())}) == len(addresses)
        # One of them dies: the other sends what it queued.
        exim.stop()
        last = register(second, "last")
        wait_row(first, tries=1, state="due", failed=True)
        second.kill()
        exim.start()
        exim.wait_mails(1, last, seconds=180)


def test_a_lost_courier_or_keeper_loses_no_mail(ctx):
    with Exim() as exim:
        server = ctx.own_server(env=exim.settings())
        addresses = []
        with server.client() as client:
            for i in range(12):
                address = sutler.new_email(f"role{i}")
                client.register(address)
                addresses.append(address)
                if i in (3, 8):
                    server.kill_role("courier")
                if i == 6:
                    server.kill_role("keeper")
        end = time.monotonic() + 180
        while any(row["state"] != "sent" for row in rows(server)):
            assert time.monotonic() < end, (rows(server), server.log_text()[-2000:])
            time.sleep(0.5)
        # The last that it took may still be on its way into the box.
        for address in addresses:
            exim.wait_mails(1, address)
        found = exim.wait_mails(len(addresses))
        # At least once; who got two got the same one.
        assert len({m["Message-ID"] for m in found}) == len(addresses)


def test_development_has_a_maildir(ctx):
    server = ctx.own_server()
    done = server.cli("mail", "list")
    assert done.returncode == 0 and done.stdout == "no mails\n", done
    assert server.cli("mail", "list", "--json").stdout == "[]\n"
    address = register(server, name="Käthe Byron")
    row = wait_row(server, state="sent")
    files = list((server.data / "mail" / "new").iterdir())
    assert len(files) == 1 and files[0].stat().st_mode & 0o777 == 0o600, files
    assert (server.data / "mail").stat().st_mode & 0o777 == 0o700
    raw = files[0].read_bytes()
    message = parse(raw)
    assert message["To"].addresses[0].addr_spec == address
    listed = server.cli("mail", "list").stdout.splitlines()
    assert listed[0].startswith("ID ") and len(listed) == 2
    assert f" {row['person']} " in listed[1] and row["pseudonym"] in listed[1] and "verify" in listed[1]
    assert address not in "".join(listed)
    for running in (True, False):
        shown = server.cli("mail", "show", row["id"])
        assert shown.returncode == 0 and "Hello Käthe,\n" in shown.stdout, shown
        assert link_of(message) + "\n" in shown.stdout
        assert server.cli("mail", "show", row["id"], "--raw").stdout.encode() == raw.replace(b"\r\n", b"\n")
        assert json.loads(server.cli("mail", "show", row["id"], "--json").stdout)["message"].encode() == raw
        missing = server.cli("mail", "show", "4711")
        assert missing.returncode == 1 and missing.stderr == "sutler: mail 4711 is not there\n", missing
        if running:
            server.stop()
    for words in (("mail",), ("mail", "show"), ("mail", "show", "x"), ("mail", "show", "0"), ("mail", "list", "x"),
                  ("mail", "send"), ("mail", "list", "--raw"), ("mail", "show", "1", "--raw", "--json")):
        done = server.cli(*words)
        assert done.returncode == 2 and "sutler mail: " in done.stderr and not done.stdout, done
    assert server.cli("mail", "--help").stdout.startswith("usage: sutler mail list\n")


def test_without_a_mail_server_mails_wait(ctx):
    server = ctx.own_server(start=False, demo=False, env={"ALLOWED_HOSTS": "localhost,127.0.0.1"},
                            args=["--listen-tls", "127.0.0.1:0"])
    cert, key = Authority(server.folder).issue("shop")
    server.settings = f"[tls]\ncert = {cert}\nkey = {key}\n"
    server.start()
    end = time.monotonic() + 30
    while not (ready := [line for line in server.lines if line.startswith("ready https")]):
        assert time.monotonic() < end
        time.sleep(0.05)
    server.port_tls = int(ready[0].rpartition(":")[2])
    with server.client(tls=True, check=False) as client:
        client.register(sutler.new_email("wait"))
    end = time.monotonic() + 30
    while "event=mails_wait" not in server.log_text():
        assert time.monotonic() < end, server.log_text()[-1500:]
        time.sleep(0.05)
    time.sleep(1)
    row = rows(server)[0]
    assert row["state"] == "due" and row["tries"] == 0 and row["why"] is None, row
    told = [line for line in server.log_text().splitlines() if "event=mails_wait" in line]
    assert len(told) == 1 and "email.host is not set" in told[0], told
    assert not (server.data / "mail").exists()
    shown = server.cli("mail", "show", row["id"])
    assert shown.returncode == 0 and "Hello Ada,\n" in shown.stdout, shown


def test_the_settings_say_what_is_missing(ctx):
    server = ctx.own_server(start=False)

    def check(**env):
        return server_check(server.folder, env)

    done = check(EMAIL_HOST="smtp.example")
    assert done.returncode == 1 and "email.from" in done.stderr, done
    done = check(EMAIL_HOST="smtp.example", DEFAULT_FROM_EMAIL="Shop")
    assert done.returncode == 1 and "is no sender" in done.stderr, done
    done = check(EMAIL_HOST="smtp.example", DEFAULT_FROM_EMAIL="a@b.example", EMAIL_USE_TLS="False")
    assert done.returncode == 1 and "in clear" in done.stderr, done
    done = check(EMAIL_HOST="smtp.example", DEFAULT_FROM_EMAIL="Shop <a@b.example>")
    assert done.returncode == 0, done


def server_check(folder, env):
    folder = pathlib.Path(folder)
    return sutler.run("config", "check", "--data", folder / "data", "--keys", folder / "data.keys",
                      env={"SECRET_KEY": os.urandom(32).hex(), "ALLOWED_HOSTS": "shop.example"} | env)
