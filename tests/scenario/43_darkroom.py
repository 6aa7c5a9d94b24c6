# SPDX-License-Identifier: Apache-2.0
"""The darkroom: what comes through, what is refused, what it costs, and what it can't do."""
import contextlib
import os
import pathlib
import re
import signal
import struct
import subprocess
import tempfile
import threading
import time

import darkroom
import picture_files
import pictures
import sutler
from darkroom import Process, develop
from sutler import Skip, only

SANITIZED = any(name in pathlib.Path(sutler.PROGRAM).read_bytes() for name in (b"__asan_init", b"__tsan_init"))
PROBE = str(pathlib.Path(sutler.PROGRAM).with_name("sutler-probe"))
# What tests/lib/probe.c does on which signal.
PROBES = [signal.SIGRTMIN + 1 + n for n in range(12)]
CALLS = {"read", "write", "mmap", "munmap", "mremap", "brk", "rt_sigreturn", "exit", "exit_group"}
SUITE = sutler.CORPORA / "pngsuite" / "tests"


def outcome(data):
    answer = develop(data)
    assert answer.code == 0, answer
    return answer.outcome


# -- through it


@only("sqlite")
def test_pngsuite_comes_through_and_what_is_broken_does_not(ctx):
    if not SUITE.exists():
        raise Skip("no corpora")
    files = sorted(SUITE.glob("images/*.png"))
    # Every kind of damage, and of what is whole a share: the units have each.
    broken = [f for f in files if f.name.startswith("x")] + sorted(SUITE.glob("crashers/*.png"))
    whole = [f for f in files if not f.name.startswith("x")][::6]
    assert len(broken) == 41 and len(whole) > 25, (len(broken), len(whole))
    for file in broken:
        assert outcome(file.read_bytes()) == "PARSE", file.name
    for file in whole:
        answer = develop(file.read_bytes())
        assert (answer.outcome, answer.kind, answer.code) == ("DONE", "png", 0), (file.name, answer)
        width, height, _, rows = picture_files.png_to_rows(answer.files["full"])
        assert (width, height) == (answer.width, answer.height), file.name


@only("sqlite")
def test_each_kind_stays_what_it_is_without_what_stood_beside(ctx):
    jpeg = picture_files.with_segment(picture_files.jpeg(), 0xe1, picture_files.exif(6))
    jpeg = picture_files.with_segment(jpeg, 0xfe, b"a comment of somebody")
    answer = develop(jpeg)
    assert (answer.kind, answer.width, answer.height) == ("jpeg", 240, 320), answer
    for name, file in answer.files.items():
        assert set(picture_files.markers_of(file)) <= {0xe0, 0xdb, 0xc0, 0xc4}, name
        assert b"GPS" not in file and b"comment" not in file and b"Exif" not in file, name
    text = b"tEXtComment\0secret"
    beside = picture_files.png_chunk(text[:4], text[4:]) + picture_files.png_chunk(b"eXIf", picture_files.exif()[6:])
    answer = develop(picture_files.png(400, 300, extra=beside))
    assert answer.kind == "png"
    for file in answer.files.values():
        assert set(picture_files.chunks_of(file)) == {"IHDR", "IDAT", "IEND"}
    answer = develop(picture_files.gif(31, 17))
    assert (answer.kind, answer.width, answer.height) == ("png", 31, 17)
    answer = develop(picture_files.webp(33, 44))
    assert (answer.kind, answer.width, answer.height) == ("webp", 33, 44)
    assert answer.files["full"][12:16] == b"VP8L", "without loss it stays"


@only("sqlite")
def test_pixels_are_what_they_were(ctx):
    rows = b"".join(b"\0" + picture_files.rgb(64, 48)[y * 192:(y + 1) * 192] for y in range(48))
    answer = develop(picture_files.png(64, 48, rows=rows))
    width, height, channels, got = picture_files.png_to_rows(answer.files["full"])
    assert (width, height, channels) == (64, 48, 3)
    again = develop(answer.files["full"])
    assert again.files["full"] == answer.files["full"], "what was written anew comes through as it is"


@only("sqlite")
def test_two_files_in_one_are_refused(ctx):
    zip_file = b"PK\x03\x04\x14\0\0\0\0\0" + b"a" * 30 + b"PK\x05\x06" + b"\0" * 18
    html = b"<html><script>alert(document.domain)</script>"
    script = b"*/=1;alert(document.domain)//"
    for name, data in (("JPEG and ZIP", picture_files.jpeg() + zip_file), ("PNG and HTML", picture_files.png(9, 9) + html),
                       ("GIF and JavaScript", picture_files.gif() + script), ("WebP and HTML", picture_files.webp() + html),
                       ("JPEG and JPEG", picture_files.jpeg() * 2), ("JPEG and PHP", picture_files.jpeg() + b"<?php system($_GET[0]);"),
                       ("PNG and NUL", picture_files.png(9, 9) + b"\0"), ("GIF and GIF", picture_files.gif() * 2)):
        assert outcome(data) == "PARSE", name


@only("sqlite")
def test_what_hides_within_is_gone(ctx):
    """Where a picture may hold anything: it comes through, and that does not."""
    evil = b"<script>alert(1)</script><?php system('id');?>PK\x03\x04"
    gif = picture_files.gif()
    at = gif.index(b"\x2c", 13)
    for name, data in (("JPEG", picture_files.with_segment(picture_files.jpeg(), 0xfe, evil)),
                       ("PNG", picture_files.png(9, 9, extra=picture_files.png_chunk(b"tEXt", b"a\0" + evil))),
                       ("GIF", gif[:at] + b"!\xfe" + bytes((len(evil),)) + evil + b"\0" + gif[at:]),
                       ("WebP", picture_files.riff((b"VP8X", b"\x08\0\0\0" + b"\0" * 6), (b"VP8L", picture_files.webp()[20:]),
                                              (b"EXIF", evil)))):
        answer = develop(data)
        assert answer.outcome == "DONE", (name, answer)
        assert not any(b"script" in file or b"php" in file for file in answer.files.values()), name


@only("sqlite")
def test_what_is_no_picture_is_told_so(ctx):
    for data in (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", b"%PDF-1.7", b"BM" + b"\0" * 60,
                 b"II*\0" + b"\0" * 60, b"\0\0\0\x1cftypavif", b"MZ", b"\0" * 100, b"GIF90a", b"push graphic-context"):
        assert outcome(data) == "INVALID", data


@only("sqlite")
def test_what_is_cut_short_or_damaged_is_refused_or_harmless(ctx):
    files = {"jpeg": picture_files.jpeg(), "gif": picture_files.gif(30, 20), "webp": picture_files.webp(20, 30), "png": picture_files.png(20, 30)}
    for kind, file in files.items():
        for share in (0.3, 0.7, 0.97):
            assert outcome(file[:max(13, int(len(file) * share))]) == "PARSE", (kind, share)
        for n in range(12):
            at = (n * 7919 + 11) % len(file)
            bad = file[:at] + bytes((file[at] ^ 1 << n % 8,)) + file[at + 1:]
            assert outcome(bad) in (("PARSE", "INVALID") if kind == "png" else ("PARSE", "INVALID", "TOO_LARGE", "DONE"))


# -- what it costs


@only("sqlite")
def test_a_bomb_costs_little(ctx):
    if SANITIZED:
        raise Skip("a sanitizer's memory")
    jpeg = bytearray(picture_files.jpeg())
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5:frame + 9] = b"\xff\xff\xff\xff"
    bombs = {
        "PNG of 50,000 x 50,000": picture_files.png(50000, 50000, colour=0, depth=1),
        "PNG of the greatest numbers": picture_files.png(1, 1).replace(
            picture_files.png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
            picture_files.png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 16, 6, 0, 0, 1))),
        "GIF of 65,535 x 65,535": picture_files.gif(canvas=(65535, 65535)),
        "GIF with an image beyond its canvas": picture_files.gif().replace(
            b"\x2c\0\0\0\0\x04\0\x02\0", b"\x2c\xff\xff\xff\xff\xff\xff\xff\xff"),
        "WebP of 16,384 x 16,384": picture_files.webp(16384, 16384),
        "animated WebP of 2^24 x 2^8": picture_files.riff(
            (b"VP8X", b"\x02\0\0\0\xff\xff\xff\xff\0\0"), (b"ANIM", b"\0" * 6)),
        "JPEG of 65,535 x 65,535": bytes(jpeg),
    }
    for name, data in bombs.items():
        assert len(data) <= 5 << 20, name
        answer = darkroom.cost(data)
        assert answer.outcome in ("TOO_LARGE", "PARSE") and answer.code == 0, (name, answer)
        assert "animated" in name or answer.outcome == "TOO_LARGE", (name, answer)
        # Of the processor's time: the machine may be busy.
        assert answer.seconds < 0.2, f"{name}: {answer.seconds:.3f} s"
        assert answer.megabytes < 64, f"{name}: {answer.megabytes:.1f} MB"
        print(f"# {name}: {len(data)} bytes, {answer.seconds * 1000:.0f} ms, {answer.megabytes:.0f} MB")


@only("sqlite")
def test_the_greatest_picture_that_may_be_is_bounded(ctx):
    if SANITIZED:
        raise Skip("a sanitizer's memory")
    for name, data in (("PNG", picture_files.png(8000, 5000, colour=6)), ("WebP", picture_files.webp(8000, 5000))):
        answer = darkroom.cost(data)
        assert answer.outcome in ("DONE", "TOO_LARGE") and answer.code == 0, (name, answer)
        assert answer.megabytes < 512 and answer.seconds < 12, (name, answer.megabytes, answer.seconds)
        print(f"# {name} of 40 megapixels: {answer.outcome}, {answer.seconds:.1f} s, {answer.megabytes:.0f} MB")


@only("sqlite")
def test_its_time_is_over(ctx):
    p = Process().wait_shut_in()
    os.kill(p.pid, signal.SIGXCPU)
    answer = p.reap(p.receive())
    assert (answer.outcome, answer.code) == ("TOO_LARGE", 0), answer


# -- what it can't do


@only("sqlite")
def test_only_its_listed_calls_are_made(ctx):
    if SANITIZED:
        raise Skip("a sanitizer's own calls")
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("jpeg", picture_files.jpeg(1300, 100)), ("png", picture_files.png(1300, 900)), ("gif", picture_files.gif(60, 60)),
                           ("webp", picture_files.webp(1300, 700)), ("broken", picture_files.jpeg()[:-9])):
            out = pathlib.Path(folder) / name
            try:
                p = Process(prefix=["strace", "-f", "-o", str(out)])
            except FileNotFoundError:
                raise Skip("no strace") from None
            p.send(data)
            answer = p.reap(p.receive())
            assert answer.outcome == ("PARSE" if name == "broken" else "DONE"), (name, answer)
            lines = out.read_text().splitlines()
            walls = [i for i, line in enumerate(lines) if " seccomp(SECCOMP_SET_MODE_FILTER" in line]
            first = [i for i, line in enumerate(lines) if re.search(rf" read\({darkroom.FD},", line)]
            assert walls and walls[-1] < first[0], "the walls stand before the first byte"
            made = {m.group(1) for line in lines[walls[-1] + 1:] if (m := re.match(r"\d+ +(\w+)\(", line))}
            assert made <= CALLS and {"read", "write", "exit_group"} <= made, (name, made - CALLS)


@only("sqlite")
def test_a_decoder_that_leaves_its_table_dies(ctx):
    if SANITIZED:
        raise Skip("a sanitizer's own calls")
    if not os.path.exists(PROBE):
        raise Skip("no sutler-probe")
    for sig in PROBES:
        # While it waits, and (as far as time allows) while it decodes: the walls are the same.
        p = Process(PROBE).wait_shut_in()
        os.kill(p.pid, sig)
        answer = p.reap(p.receive())
        assert (answer.outcome, answer.code) == (None, -signal.SIGSYS), (sig, answer)
    big = picture_files.png(3000, 3000, colour=6)
    for sig in PROBES[:2]:
        p = Process(PROBE).wait_shut_in()
        p.send(big)
        os.kill(p.pid, sig)
        answer = p.reap(p.receive())
        assert (answer.outcome, answer.code) == (None, -signal.SIGSYS), (sig, answer)


@only("sqlite")
def test_it_has_one_descriptor_and_three_walls(ctx):
    if os.geteuid() != 0:
        raise Skip("only root may look")
    p = Process().wait_shut_in()
    status = pathlib.Path(f"/proc/{p.pid}/status").read_text()
    assert re.search(r"NoNewPrivs:\s+1", status) and re.search(r"Threads:\s+1\n", status)
    fds = {int(fd): os.readlink(f"/proc/{p.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{p.pid}/fd")}
    assert set(fds) == {0, 1, 2, darkroom.FD}, fds
    limits = pathlib.Path(f"/proc/{p.pid}/limits").read_text()
    if not SANITIZED:
        assert re.search(r"Max address space\s+536870912\s+536870912", limits), limits
    assert re.search(r"Max cpu time\s+10\s+11", limits) and re.search(r"Max core file size\s+0\s+0", limits), limits
    p.kill()


@only("sqlite")
def test_nobody_else_has_the_libraries(ctx):
    server = ctx.server()
    for pid in [server.process.pid] + [server.role("worker"), server.role("keeper")]:
        maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
        assert not re.search(r"lib(jpeg|spng|webp|gif|z\.so)", maps), maps


@only("sqlite")
def test_one_that_nobody_asks_rests(ctx):
    p = Process(rest_ms=50)
    answer = p.reap(p.receive())
    assert (answer.outcome, answer.code) == (None, darkroom.RESTED), answer


@only("sqlite")
def test_who_asks_wrongly_gets_nothing(ctx):
    for what, n, tail in ((0, 5, b"12345"), (3, 5, b"12345"), (1, 6 << 20, b""), (1, 2**32 - 1, b""), (2, 17 << 20, b"")):
        p = Process().wait_shut_in()
        p.line.sendall(struct.pack("<IIII", what, n, 0, 0) + tail)
        answer = p.reap(p.receive())
        assert answer.outcome is None and answer.code == 1, (what, n, answer)
    # One that hangs up in the middle.
    p = Process().wait_shut_in()
    p.line.sendall(struct.pack("<IIII", 1, 100, 0, 0) + b"12345")
    p.line.shutdown(1)
    assert p.reap(p.receive()).code == 1


# -- with the shop around it


def shop(ctx):
    return ctx.own_server(settings="[uploads]\nscan = configured\n", port=sutler.lasting_port())


def person(ctx, server):
    client = ctx.client(server)
    client.token = client.register(sutler.new_email("ada"))["tokens"]["access_token"]
    return client


def darkrooms(server):
    """Process ids of those that run; one that has just ended is none."""
    found = []
    for pid in server.roles():
        try:
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "sutler-darkroom" and sutler.is_alive(pid):
                found.append(pid)
        except OSError:
            pass
    return found


def upload(client, data):
    return pictures.send_picture(client, data)


@only("sqlite")
def test_it_runs_while_there_are_pictures(ctx):
    server = shop(ctx)
    with person(ctx, server) as client:
        assert not darkrooms(server), "nobody has asked"
        assert upload(client, picture_files.jpeg()).status == 200
        # Another waits for the picture that may follow, and is as small and as shut in.
        end = time.monotonic() + 20
        while not (pids := darkrooms(server)):
            assert time.monotonic() < end, "none waits"
            time.sleep(0.01)
        assert len(pids) <= 2, pids
        for _ in range(6):
            assert upload(client, picture_files.jpeg()).status == 200
        assert len(darkrooms(server)) <= 2
        if not SANITIZED:
            total = server.memory_bytes() / 1e6
            print(f"# all roles with {len(darkrooms(server))} darkrooms that wait: {total:.1f} MB")
            assert total <= 30, f"{total:.1f} MB"
    assert "role_ended" not in server.log_text()


@only("sqlite")
def test_one_that_falls_costs_its_picture_alone(ctx):
    server = shop(ctx)
    over = threading.Event()

    def kill_all():
        while not over.is_set():
            for pid in darkrooms(server):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)

    with person(ctx, server) as client:
        killer = threading.Thread(target=kill_all)
        killer.start()
        try:
            answer = upload(client, picture_files.png(4000, 3000))
        finally:
            over.set()
            killer.join()
        assert answer.status == 503 and int(answer.get("retry-after")) > 0, answer
        log = server.log_text()
        assert re.search(r"event=role_ended which=darkroom by=signal code=9", log), log[-2000:]
        assert re.search(r"role_crashed.*darkroom", log), log[-2000:]
        # No storm: a second at most between two, and none that nobody asks for.
        assert len(re.findall("which=darkroom", log)) <= 12, log[-2000:]
        assert upload(client, picture_files.jpeg()).status == 200
        assert client.get("/api/users/profile/").status == 200


@only("sqlite")
def test_those_that_wait_and_fall_cost_nothing_but_themselves(ctx):
    """Each is followed by another connection, of which the worker takes so many at a time."""
    server = shop(ctx)
    worker = server.role("worker")
    with person(ctx, server) as client:
        for fallen in range(8):
            assert upload(client, picture_files.jpeg()).status == 200, fallen
            end = time.monotonic() + 20
            while not (pids := darkrooms(server)):
                assert time.monotonic() < end, "none waits"
                time.sleep(0.01)
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            while server.log_text().count("event=role_ended which=darkroom") <= fallen:
                assert time.monotonic() < end, "nobody saw it fall"
                time.sleep(0.01)
    assert server.role("worker") == worker
    assert "line_broken" not in server.log_text()


@only("sqlite")
def test_a_worker_that_falls_takes_its_pictures_with_it(ctx):
    server = shop(ctx)
    with person(ctx, server) as client:
        assert upload(client, picture_files.jpeg()).status == 200
    before = set(darkrooms(server))
    server.kill_worker()
    server.wait_well()
    with person(ctx, server) as client:
        assert upload(client, picture_files.jpeg()).status == 200
    end = time.monotonic() + 20
    while before & set(darkrooms(server)):
        assert time.monotonic() < end, "one waits for a worker that is gone"
        time.sleep(0.05)


# -- the sample catalogue's pictures


def pictured(client):
    """{number: images} of all products."""
    found, page = {}, 1
    while True:
        answer = client.get(f"/api/catalog/products/?page_size=100&page={page}")
        assert answer.status == 200, answer
        found.update({row["id"]: row["images"] for row in answer.json["results"]})
        if not answer.json["next"]:
            return found
        page += 1


def test_the_sample_catalogue_gets_its_pictures(ctx):
    """While it serves, over a kill in between, one each, and they are shown."""
    server = ctx.own_server(env={"SUTLER_SHOP_DEMO_PICTURES": "yes"}, port=sutler.lasting_port())
    with ctx.client(server) as client:
        end = time.monotonic() + 240
        while not any(pictured(client).values()):
            assert time.monotonic() < end, "none comes"
            time.sleep(0.05)
    server.kill_worker()
    server.wait_well()
    with ctx.client(server) as client:
        while not all((found := pictured(client)).values()):
            assert time.monotonic() < end, f"{sum(map(bool, found.values()))} of {len(found)}"
            time.sleep(0.2)
        assert len(found) == 240 and all(len(images) == 1 for images in found.values())
        names = {images[0]["image"].partition("?")[0] for images in found.values()}
        assert len(names) == 240
        for images in list(found.values())[::40]:
            for size, which in (((600, 750), "image"), ((160, 200), "thumbnail")):
                shown = client.get(pictures.local(images[0][which]), token=None)
                assert shown.status == 200 and shown.get("content-type") == "image/jpeg", shown
                assert pictures.opened(shown.body).size == size
    # And a start that finds all of them draws none.
    before = server.log_text()
    server.restart()
    with ctx.client(server) as client:
        assert {n: len(images) for n, images in pictured(client).items()} == {n: 1 for n in found}
    assert "which=darkroom" not in before, before[-2000:]
