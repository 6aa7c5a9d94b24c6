# SPDX-License-Identifier: Apache-2.0
"""Attacks that once came through, end to end; what a unit test can show stands there."""
import os
import signal
import time

from sutler import only, run


@only("sqlite")
def test_a_hangup_between_two_starts_of_the_worker_ends_nothing(ctx):
    server = ctx.own_server()
    for _ in range(4):  # the supervisor waits longer each time
        server.kill_worker()
        server.wait_well()
    server.kill_worker()
    time.sleep(0.1)
    assert not server.roles(), "the supervisor did not wait"
    os.kill(server.process.pid, signal.SIGHUP)
    server.wait_well()
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
