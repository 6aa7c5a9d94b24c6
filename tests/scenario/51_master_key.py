# SPDX-License-Identifier: Apache-2.0
"""The master key: from file, passphrase or environment; what is wrong with it is one clear sentence."""
import contextlib
import os
import pathlib
import re
import secrets
import threading
import time

import sutler
from sutler import StartFailed, only

PHRASE = "ein langer Satz, den niemand errät 7431"


def refused(server, *words, env=None):
    """It does not start, says why in one sentence of its own, and shows no secret."""
    server.env.update(env or {})
    try:
        server.start()
    except StartFailed as failed:
        assert failed.code == 1, failed
        text = server.log_path.read_text()
        told = [line for line in text.splitlines() if line.startswith("sutler: ")]
        assert 1 <= len(told) <= 2 and (len(told) == 1 or told[1].startswith("sutler: hint: ")), text
        for word in words:
            assert word in text, (word, text)
        assert PHRASE not in text, text
        return
    raise AssertionError(f"it started although: {words}")


def works(server):
    client = server.client()
    email = sutler.new_email("master")
    client.register(email, name="Mara Keyes")
    client.login(email)
    assert client.get("/api/users/profile/").status == 200


def test_what_is_wrong_with_the_file_is_said(ctx):
    server = ctx.own_server()
    server.stop()
    path = server.keys / "master.key"
    good = path.read_bytes()
    path.chmod(0o644)
    refused(server, "open to other users", "chmod 600")
    path.chmod(0o600)
    path.write_bytes(good[:40])
    refused(server, "is not a master key")
    path.write_bytes(b"")
    refused(server, "is not a master key")
    path.unlink()
    if server.store == "sqlite":
        refused(server, "master.key is missing")
        assert not path.exists()
    path.symlink_to("elsewhere")
    refused(server, "symbolic link")
    path.unlink()
    path.write_bytes(secrets.token_hex(32).encode() + b"\n")
    path.chmod(0o600)
    refused(server, "other keys")
    path.write_bytes(good)
    server.start()
    works(server)


@only("sqlite")
def test_commands_say_the_same(ctx):
    server = ctx.own_server()
    server.stop()
    path = server.keys / "master.key"
    good = path.read_bytes()
    path.unlink()
    for words in (("user", "list"), ("migrate",), ("init",)):
        done = server.cli(*words)
        assert done.returncode == 1 and "master.key is missing" in done.stderr, done
        assert len(done.stderr.splitlines()) <= 2, done.stderr
        assert not path.exists()
    path.write_bytes(good)
    path.chmod(0o600)
    assert server.cli("user", "list").returncode == 0


@only("sqlite")
def test_a_passphrase_seals_the_file(ctx):
    server = ctx.own_server(start=False, env={"SUTLER_SECURITY_PASSPHRASE": PHRASE})
    server.start()
    works(server)
    text = (server.keys / "master.key").read_text()
    assert re.fullmatch(r"sutler-master-1 argon2id m=65536 t=3 p=1 salt=[0-9a-f]{32} key=[0-9a-f]{120}\n", text), text
    server.restart()
    works(server)
    server.stop()
    refused(server, "the passphrase does not open", env={"SUTLER_SECURITY_PASSPHRASE": PHRASE + "x"})
    del server.env["SUTLER_SECURITY_PASSPHRASE"]
    refused(server, "is sealed by a passphrase, and none is given", "SUTLER_SECURITY_PASSPHRASE")
    given = server.folder / "phrase"
    given.write_text(PHRASE + "\n")
    given.chmod(0o600)
    server.env["SUTLER_SECURITY_PASSPHRASE_FILE"] = str(given)
    server.start()
    works(server)


@only("sqlite")
def test_an_end_in_the_middle_of_its_rotation_is_an_orderly_one(ctx):
    server = ctx.own_server(env={"SUTLER_SECURITY_PASSPHRASE": PHRASE})
    box = []
    command = threading.Thread(target=lambda: box.append(server.cli("key", "rotate", "master")))
    command.start()
    until = time.monotonic() + 30
    while not (server.keys / "master.key.next").exists():
        assert time.monotonic() < until, box
        time.sleep(0.002)
    # The keeper that brings the next key takes a while with its passphrase: nobody waits for it now.
    server.stop()
    command.join()
    assert "role_killed" not in server.log_text(), server.log_text()[-2000:]
    assert box[0].returncode == 1 and "key rotate master` goes on with it" in box[0].stderr, box
    server.start()
    works(server)
    done = server.cli("key", "rotate", "master")
    assert done.returncode == 0, done
    assert not (server.keys / "master.key.next").exists()
    works(server)


@only("sqlite")
def test_a_plain_file_with_a_passphrase_is_taken_with_a_word(ctx):
    server = ctx.own_server()
    server.stop()
    server.env["SUTLER_SECURITY_PASSPHRASE"] = PHRASE
    server.start()
    works(server)
    log = server.log_text()
    assert "master_key_not_sealed" in log and "sutler key rotate master" in log, log
    assert not (server.keys / "master.key").read_text().startswith("sutler-master")


def test_a_master_key_of_the_environment(ctx):
    first, second = secrets.token_hex(32), secrets.token_hex(32)
    server = ctx.own_server(start=False, env={"SUTLER_MASTER_KEY": first})
    server.start()
    works(server)
    assert not (server.keys / "master.key").exists()
    server.stop()
    # Another one opens nothing, unless the one before is given beside it.
    refused(server, "other keys", env={"SUTLER_MASTER_KEY": second})
    server.env["SUTLER_SECURITY_MASTER_KEY_PREVIOUS"] = first
    server.start()
    works(server)
    server.stop()
    refused(server, "one before security.master_key alone", env={"SUTLER_MASTER_KEY": ""})


@only("sqlite")
def test_no_role_but_the_keeper_is_told(ctx):
    """What the packed settings of the worker hold, looked for in its memory while it runs."""
    key = secrets.token_hex(32)
    server = ctx.own_server(start=False, env={"SUTLER_MASTER_KEY": key})
    server.start()
    works(server)
    if os.geteuid() != 0:
        return
    staying = {server.role(name): f"sutler-{name}" for name in ("keeper", "worker")}
    for pid in staying.keys() | set(server.roles()):
        # What was started for a mail alone may end at any moment.
        with contextlib.nullcontext() if pid in staying else contextlib.suppress(FileNotFoundError, ProcessLookupError):
            name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            assert staying.get(pid, name) == name, (name, staying)
            found = sutler.found_in_memory(pid, {bytes.fromhex(key), key.encode()})
            assert bool(found) == (name == "sutler-keeper"), (name, len(found))
