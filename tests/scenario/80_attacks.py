# SPDX-License-Identifier: Apache-2.0
"""Attacks that once came through, end to end; what a unit test can show stands there."""
import os
import signal
import time

from sutler import StartFailed, is_alive, new_email, only, run


@only("sqlite")
def test_a_hangup_between_two_starts_of_the_worker_ends_nothing(ctx):
    server = ctx.own_server()
    for _ in range(4):  # the supervisor waits longer each time
        server.kill_worker()
        server.wait_well()
    for _ in range(4):  # on a busy machine the next may be there before we look
        gone, = server.kill_worker()
        while is_alive(gone):
            time.sleep(0.001)
        is_alone = all(pid == server.role("keeper") for pid in server.roles() if is_alive(pid))
        os.kill(server.process.pid, signal.SIGHUP)
        server.wait_well()
        if is_alone:
            break
    assert is_alone, "the supervisor did not wait"  # there was the keeper alone
    assert server.process.poll() is None


@only("sqlite")
def test_the_keys_folder_is_not_inside_the_data_folder_by_any_path(ctx):
    server = ctx.own_server(start=False)
    server.folder.mkdir(exist_ok=True)
    data = server.folder / "shop"
    (server.folder / "link").symlink_to(data)
    here = os.path.relpath(server.folder)
    for keys in (data / "keys", f"{here}/shop/keys", server.folder / "x/../shop/keys",
                 server.folder / "link/keys", server.folder / "link"):
        (server.folder / "x").mkdir(exist_ok=True)
        done = run("init", "--data", data, "--keys", keys, "--preset", "modestwear")
        assert done.returncode == 1 and "inside" in done.stderr, (keys, done)
        assert not (data / "keys").exists(), keys
    done = run("init", "--data", data, "--keys", server.folder / "x", "--preset", "modestwear")
    assert done.returncode in (0, 1) and "inside" not in done.stderr, done


@only("sqlite")
def test_lost_keys_are_not_replaced_by_new_ones(ctx):
    """A new key opens nothing that is there; it would only stand in the old one's way."""
    server = ctx.own_server()
    server.stop()
    for folder, name in ((server.data, "store.key"), (server.keys, "master.key")):
        key = (folder / name).read_bytes()
        (folder / name).unlink()
        try:
            server.start()
            raise AssertionError(f"started without {name}")
        except StartFailed as failed:
            assert failed.code == 1 and "key" in failed.stderr, failed
        assert not (folder / name).exists(), f"a new {name}"
        (folder / name).write_bytes(key)
        (folder / name).chmod(0o600)
    server.start()


@only("sqlite")
def test_a_body_of_thousands_of_members_is_the_clients_fault(ctx):
    """Never 5xx, and no answer as long as the attack."""
    client = ctx.client(ctx.own_server())
    for n in (200, 2000, 6000):
        body = "{" + ",".join(f'"{i:04x}":1' for i in range(n)) + "}"
        answer = client.request("PATCH", "/api/users/profile/", body=body,
                                token=client.register(new_email())["tokens"]["access_token"])
        assert answer.status in (400, 413) and len(answer.body) < 10000, answer
        answer = client.request("POST", "/api/v1/auth/login/", body=body)
        assert answer.status in (400, 413) and len(answer.body) < 10000, answer
    for body in ("[" + "1," * 32000 + "1]", '{"email":[' + '"",' * 21000 + '""]}'):
        answer = client.request("POST", "/api/users/login/", body=body)
        assert answer.status in (400, 413) and len(answer.body) < 10000, answer
    assert client.get("/healthz").status == 200
