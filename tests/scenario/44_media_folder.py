# SPDX-License-Identifier: Apache-2.0
"""The store of pictures (E4): sealed on the disk, shown by signed addresses alone, nothing left behind by a crash."""
import contextlib
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import threading
import time
import urllib.parse

from PIL import Image

from pictures import PROFILE, encode, files_of, local, noise, opened, picture, send_picture
from sutler import Skip, new_email, only

OPTIONS = {"settings": "[uploads]\nscan = configured\n", "demo": False, "insecure_dev": True}


def person(ctx, server):
    client = ctx.client(server)
    client.token = client.register(new_email())["tokens"]["access_token"]
    return client


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_no_picture_can_be_read_from_the_disk(ctx):
    server = ctx.own_server(**OPTIONS)
    client = person(ctx, server)
    for kind in ("JPEG", "PNG", "WEBP"):
        url = send_picture(client, picture(kind, seed=len(kind))).json["profile_picture_url"]
        shown = client.get(local(url), token=None).body
        until(lambda: len(files_of(server)) == 3)
        for path in files_of(server):
            data = path.read_bytes()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, oct(path.stat().st_mode)
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert path.parent.name == path.name[:2]
            for magic in (b"\xff\xd8\xff\xe0", b"JFIF", b"\x89PNG", b"IHDR", b"WEBP"):
                assert magic not in data[:4096], (path.name, magic)
            assert shown[64:96] not in data


def test_an_altered_file_is_an_error_and_no_picture(ctx):
    server = ctx.own_server(**OPTIONS)
    client, other = person(ctx, server), person(ctx, server)
    mine = send_picture(client, picture()).json
    theirs = send_picture(other, picture(seed=2)).json
    path = next(p for p in files_of(server) if p.name == mine["profile_picture"])
    whole = path.read_bytes()
    second = next(p for p in files_of(server) if p.name == theirs["profile_picture"]).read_bytes()
    wrong = [whole[:-1], whole + b"x", b"", whole[:40], second,
             whole[:len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1:]]
    for data in wrong:
        path.write_bytes(data)
        answer = client.get(local(mine["profile_picture_url"]), token=None)
        assert answer.status == 500 and answer.json["code"] == "unavailable", answer
        assert answer.get("cache-control") == "no-store"
        assert client.get(local(theirs["profile_picture_url"]), token=None).status == 200
    path.write_bytes(whole)
    assert client.get(local(mine["profile_picture_url"]), token=None).status == 200
    path.unlink()
    assert client.get(local(mine["profile_picture_url"]), token=None).status == 404


def test_an_address_is_good_to_the_letter(ctx):
    server = ctx.server(**OPTIONS)
    client = person(ctx, server)
    answer = send_picture(client, picture()).json
    target = local(answer["profile_picture_url"], server)
    path, _, query = target.partition("?")
    fields = dict(urllib.parse.parse_qsl(query))
    stranger = ctx.client(server)

    def status(path=path, **more):
        return stranger.get(path + "?" + urllib.parse.urlencode({**fields, **more})).status

    assert status() == 200
    sig, exp = fields["sig"], int(fields["exp"])
    for at in range(len(sig)):
        assert status(sig=sig[:at] + ("A" if sig[at] != "A" else "B") + sig[at + 1:]) == 403
    assert status(sig="") == 403 and status(sig=sig[:-1]) == 403 and status(sig=sig + "A") == 403
    for other in (exp + 1, exp - 1, exp + 86400, 0, -1, 1 << 62, "x", ""):
        assert status(exp=other) == 403, other
    for other in ("-s", "-l"):
        assert status(path=path.replace(".jpg", f"{other}.jpg")) == 403
    assert status(path=path.replace(".jpg", ".png")) == 403
    assert stranger.get(path).status == 403
    assert stranger.get(f"{path}?exp={exp}").status == 403
    assert stranger.get(f"{target}&sig={sig}").status == 400
    # Of files that never were nothing is told.
    assert stranger.get("/media/AAAAAAAAAAAAAAAAAAAAAA.jpg?" + query).status == 403
    for odd in ("/media/../media/x.jpg", "/media/%2e%2e/x.jpg", "/media/x/y.jpg", "/media/"):
        assert stranger.get(odd + "?" + query).status in (403, 404)
    # A person's token opens no picture.
    assert client.get(path).status == 403


def test_files_of_a_picture_that_was_replaced_go(ctx):
    server = ctx.own_server(**OPTIONS)
    client = person(ctx, server)
    urls = [send_picture(client, picture(seed=i)).json["profile_picture_url"] for i in range(4)]
    until(lambda: len(files_of(server)) == 3)
    assert [client.get(local(u), token=None).status for u in urls] == [404, 404, 404, 200]
    assert client.patch(PROFILE, {"profile_picture": None}).status == 200
    until(lambda: not files_of(server))


def test_pictures_outlive_a_restart_and_a_rotation_of_their_key(ctx):
    server = ctx.own_server(**OPTIONS)
    client, other = person(ctx, server), person(ctx, server)
    before = send_picture(client, picture()).json["profile_picture_url"]
    for _ in range(2):
        done = server.cli("key", "rotate", "media")
        assert done.returncode == 0, (done.stdout, done.stderr)
    # The file that an older key sealed, and the address that it signed.
    assert client.get(local(before), token=None).status == 200
    after = client.get(PROFILE).json["profile_picture_url"]
    assert after != before and client.get(local(after), token=None).status == 200
    new = send_picture(other, picture()).json["profile_picture_url"]
    server.want_port = server.port
    server.restart()
    for url in (before, after, new):
        assert opened(ctx.client(server).get(local(url)).body).size == (640, 400)


@only("sqlite")
def test_a_kill_in_the_middle_leaves_nothing_after_the_sweep(ctx):
    """Over PostgreSQL the same rows go after an hour: another server may be writing their files."""
    server = ctx.own_server(**OPTIONS)
    emails = [new_email() for _ in range(4)]
    for email in emails:
        ctx.client(server).register(email)
    data = picture("JPEG", 900, 700)
    for turn in range(4):
        clients = []
        for email in emails:
            client = ctx.client(server)
            client.login(email)
            clients.append(client)

        def flood(client):
            try:
                for _ in range(50):
                    send_picture(client, data, check=False)
            except Exception:  # noqa: BLE001 - the server is killed meanwhile
                pass

        threads = [threading.Thread(target=flood, args=(c,)) for c in clients]
        for thread in threads:
            thread.start()
        time.sleep(0.3 + 0.2 * turn)
        server.kill()
        for thread in threads:
            thread.join(60)
        server.start()
        shown = []
        for email in emails:
            client = ctx.client(server)
            client.login(email)
            profile = client.get(PROFILE).json
            if profile["profile_picture"]:
                shown.append(profile["profile_picture"])
                assert client.get(local(profile["profile_picture_url"]), token=None).status == 200
        wanted = {name[:22] for name in shown}
        until(lambda: {p.name[:22] for p in files_of(server)} == wanted)
        assert len(files_of(server)) == 3 * len(wanted)


@contextlib.contextmanager
def small_disk(limits):
    """A folder on a file system of its own, with such limits."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        raise Skip("only root can mount a small file system")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sutler-full-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"{limits},mode=700", "tmpfs", folder],
                             capture_output=True).returncode == 0
    if not mounted:
        folder.rmdir()
        raise Skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@only("sqlite")
def test_a_full_disk_takes_no_picture_and_damages_none(ctx):
    with small_disk("size=24m") as folder:
        server = ctx.own_server(folder=folder, **OPTIONS)
        people = [person(ctx, server) for _ in range(12)]
        large = encode(Image.frombytes("RGB", (900, 900), noise(900 * 900 * 3)), "PNG")
        urls, told = [], None
        for client in people:
            answer = send_picture(client, large)
            if answer.status != 200:
                told = answer
                break
            urls.append(answer.json["profile_picture_url"])
        assert told is not None and told.status == 503, told
        for url in urls:
            assert opened(people[0].get(local(url), token=None).body).size == (900, 900)
        until(lambda: len(files_of(server)) == 3 * len(urls))
        # With room again it goes on.
        assert people[0].patch(PROFILE, {"profile_picture": None}).status == 200
        until(lambda: len(files_of(server)) == 3 * (len(urls) - 1))
        assert send_picture(people[-1], large).status == 200
        server.done()


@only("sqlite")
def test_a_disk_without_room_for_a_folder_is_full_too(ctx):
    """Most pictures are the first whose name begins so, and need a folder of their own."""
    with small_disk("size=64m,nr_inodes=600") as folder:
        server = ctx.own_server(folder=folder, **OPTIONS)
        client = person(ctx, server)
        first = send_picture(client, picture())
        assert first.status == 200, first
        fillers = folder / "fillers"
        fillers.mkdir()
        with contextlib.suppress(OSError):
            for i in range(1000):
                (fillers / str(i)).touch()
        assert i < 999, "it takes more files than it should"
        answer = send_picture(client, picture())
        assert answer.status == 503, answer
        assert client.get(local(first.json["profile_picture_url"]), token=None).status == 200
        shutil.rmtree(fillers)
        assert send_picture(client, picture()).status == 200
        server.done()
