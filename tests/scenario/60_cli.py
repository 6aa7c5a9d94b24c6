# SPDX-License-Identifier: Apache-2.0
"""The command line: what a person types, its exit codes, and what it never prints."""
import json
import re
import secrets
import subprocess

import sutler
from sutler import PASSWORD, new_email, only, run


def test_help_version_and_usage_errors(ctx):
    done = run("--help")
    assert done.returncode == 0 and "serve" in done.stdout and not done.stderr
    assert run("--version").returncode == 0
    assert run().returncode == 2
    done = run("sevre")
    assert done.returncode == 2 and "sevre" in done.stderr and not done.stdout, done
    for command in ("serve", "init", "migrate", "config", "routes", "openapi", "user"):
        done = run(command, "--help")
        assert done.returncode == 0 and "usage" in done.stdout.lower(), (command, done)
        done = run(command, "--no-such-option")
        assert done.returncode == 2 and "no-such-option" in done.stderr, (command, done)
        assert len(done.stderr.splitlines()) <= 3, done.stderr
    assert run("user").returncode == 2
    assert run("user", "fly").returncode == 2
    assert run("serve", "--listen").returncode == 2


def test_words_that_nobody_expects_are_told(ctx):
    for words in (("serve", "now"), ("init", "now"), ("migrate", "now"), ("config", "check", "now"), ("routes", "now"),
                  ("openapi", "now"), ("key", "list", "now"), ("user", "list", "a", "now"), ("mail", "list", "now"),
                  ("order", "list", "now"), ("payments", "reconcile", "now"), ("product", "export", "a", "now")):
        done = run(*words)
        assert done.returncode == 2 and not done.stdout and f"sutler {words[0]}:" in done.stderr, (words, done)


@only("sqlite")
def test_an_answer_that_can_not_be_written_is_told(ctx):
    """A script that reads a file must not take what is missing for nothing."""
    server = ctx.own_server(start=False)
    server.command()
    assert server.cli("init").returncode == 0
    goods = server.folder / "goods.csv"
    goods.write_text("sku,name,category,price\nX-1,Thing,things,1.00\n")
    ends = ["--data", server.data, "--keys", server.keys, "--config", server.folder / "sutler.conf"]
    for words in (("init",), ("migrate",), ("config", "show"), ("routes",), ("routes", "--json"), ("openapi",), ("key", "list"),
                  ("key", "rotate", "link"), ("user", "list"), ("mail", "list"), ("order", "list"), ("product", "export"),
                  ("product", "import", goods, "--create-categories", "--json")):
        with open("/dev/full", "w") as full:
            done = subprocess.run([sutler.PROGRAM, *map(str, words), *map(str, ends)], env=sutler.clean_env(server.env),
                                  stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 1 and re.search("can't (be )?(print|writ)", done.stderr), (words, done)


@only("sqlite")
def test_openapi_is_what_the_server_serves(ctx):
    server = ctx.server()
    done = server.cli("openapi")
    assert done.returncode == 0, done
    printed, served = json.loads(done.stdout), server.schema().raw
    assert printed["paths"] == served["paths"] and printed["components"] == served["components"]


def test_config_show_masks_every_secret(ctx):
    canaries = {"SECRET_KEY": "canary-" + secrets.token_urlsafe(48),
                "SUTLER_SECURITY_SECRET_KEY_PREVIOUS": "canary-" + secrets.token_urlsafe(48),
                "DATABASE_URL": "postgresql://shop:canary-dbpass@db.example/shop",
                "REDIS_URL": "redis://:canary-redis@redis.example/0",
                "EMAIL_HOST_PASSWORD": "canary-mailpass-0123456789",
                "STRIPE_SECRET_KEY": "sk_test_canary0123456789abcdef",
                "SUTLER_SECURITY_MASTER_KEY": "cafe" * 16}
    for words in (("config", "show"), ("config", "show", "--json")):
        done = run(*words, "--config", sutler.ROOT / "conf/modestwear.conf", env=canaries)
        assert done.returncode == 0, done
        text = done.stdout + done.stderr
        for value in ("canary", "cafecafe"):
            assert value not in text, text
        assert "db.example" in text and "390000" in text, text
    done = run("config", "show", "--config", sutler.ROOT / "conf/modestwear.conf",
               env={"ALLOWED_HOSTS": "shop.example,www.shop.example", "FRONTEND_URL": "https://front.example",
                    "GOOGLE_CLIENT_ID": "abc.apps.example", "EMAIL_HOST": "mail.example", "EMAIL_PORT": "2525",
                    "DEFAULT_FROM_EMAIL": "shop@shop.example",
                    "SUTLER_LIMITS_ANON": "7/minute"})
    for want in ("shop.example", "https://front.example", "abc.apps.example", "mail.example", "2525", "7/minute"):
        assert want in done.stdout, (want, done)


def test_config_check(ctx):
    for preset in ("modestwear", "nsgg", "default"):
        done = run("config", "show", "--config", sutler.ROOT / f"conf/{preset}.conf")
        assert done.returncode == 0, done


@only("sqlite")
def test_init_migrate_and_people_without_a_server(ctx):
    server = ctx.own_server(start=False)
    server.command()
    done = server.cli("init")
    assert done.returncode == 0, done
    assert server.data.is_dir() and server.keys.is_dir()
    assert server.cli("migrate").returncode == 0
    done = server.cli("init")
    assert done.returncode in (0, 1), done
    email = server.make_user(new_email("chief"), "--role", "superuser")
    listed = sutler.rows_of(server.cli("user", "list", "--json").stdout)
    assert [row["email"] for row in listed] == [email], listed
    shown = sutler.rows_of(server.cli("user", "show", email, "--json").stdout)[0]
    assert shown["email"] == email and shown["role"] == "superuser", shown
    assert "password" not in json.dumps(shown).replace("password_strength", "")
    assert server.cli("user", "show", "nobody@example.com").returncode == 1
    done = server.cli("user", "add", email, "--first-name", "A", "--last-name", "B", stdin=PASSWORD + "\n")
    assert done.returncode == 1 and "already" in done.stderr.lower(), done
    done = server.cli("user", "add", new_email(), "--first-name", "A", "--last-name", "B", stdin="12345678\n")
    assert done.returncode == 1 and "too common" in done.stderr, done
    done = server.cli("user", "add", "no-address", "--first-name", "A", "--last-name", "B", stdin=PASSWORD + "\n")
    assert done.returncode in (1, 2), done
    assert server.cli("user", "disable", email).returncode == 0
    assert sutler.rows_of(server.cli("user", "show", email, "--json").stdout)[0]["is_active"] is False


def test_changes_bite_a_running_server_at_once(ctx):
    server = ctx.server()
    client = server.client()
    email = new_email()
    client.register(email)
    token = client.login(email)["tokens"]["access_token"]
    assert client.get("/api/users/").status == 403
    assert server.cli("user", "role", email, "staff").returncode == 0
    client.login(email)
    assert client.get("/api/users/").status == 200
    assert server.cli("user", "role", email, "customer").returncode == 0
    assert client.get("/api/users/").status in (401, 403)
    assert server.cli("user", "disable", email).returncode == 0
    assert client.get("/api/users/profile/", token=token).status == 401
    assert server.cli("user", "revoke", "nobody@example.com").returncode == 1


@only("sqlite")
def test_the_demo_says_how_to_sign_in(ctx):
    """What serve --demo prints is true."""
    server = ctx.own_server()
    end = 600
    while end and not any("@" in line for line in server.lines):
        sutler.time.sleep(0.1)
        end -= 1
    text = "\n".join(server.lines)
    pairs = re.findall(r"(\S+@\S+?)[\s,]+(?:password[: ]+)?(\S+)", text)
    assert pairs, text
    client = server.client()
    good = 0
    for email, password in pairs:
        answer = client.post("/api/users/login/", {"email": email, "password": password})
        good += answer.status == 200
    assert good >= 1, (pairs, text)
