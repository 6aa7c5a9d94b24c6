# SPDX-License-Identifier: Apache-2.0
"""The malware scan (C5): a real clamd with a signature of the test's own, and what becomes of pictures without one."""
import threading
import time

from PIL import Image

from clamd import EICAR, Clamd, Liar
from pictures import PROFILE, draw, encode, files_of, noise, picture, send, send_picture
from shopping import Manager
from sutler import lasting_port, new_email, only

# Above what any socket holds: nearly five megabytes that can't be packed.
LARGE = encode(Image.frombytes("RGB", (1280, 1280), noise(3 * 1280 * 1280)), "PNG")
REJECTED = {"profile_picture": ["Rejected by the malware scan"]}


def shop(ctx, place, scan="configured", **more):
    return ctx.own_server(settings=f"[uploads]\nscan = {scan}\n" + (f"clamd = {place}\n" if place else ""), **more)


def person(ctx, server):
    client = ctx.client(server)
    client.token = client.register(new_email("scan"))["tokens"]["access_token"]
    return client


def closed(answer):
    assert answer.status == 503 and answer.get("retry-after"), answer


@only("sqlite")
def test_what_is_found_is_rejected_wherever_in_the_file_it_hides(ctx):
    hiding = {
        "a JPEG's comment": encode(draw(), "JPEG", comment=b"a picture of " + EICAR),
        "behind a JPEG": picture() + EICAR,
        "before a JPEG": EICAR + picture(),
        "in the middle of 5 MiB": picture()[:-2] + b"\xff\xfe\x00\x50" + EICAR + b" " * 10 + b"\xff\xd9",
        "no picture at all": EICAR,
    }
    with Clamd() as clamd:
        for scan in ("required", "configured"):
            server = shop(ctx, clamd.place, scan)
            client = person(ctx, server)
            for what, data in hiding.items():
                answer = send_picture(client, data)
                assert answer.status == 400 and answer.json == REJECTED, (what, answer)
            assert client.get(PROFILE).json["profile_picture"] is None and not files_of(server)
            assert send_picture(client, picture()).status == 200
            log = server.log_text()
            assert log.count("type=upload_rejected") == len(hiding) and "reason=malware" in log, log[-2000:]
            assert "EICAR" not in log


def test_clamd_at_a_port_is_asked_too(ctx):
    """And each contract says what it found in its own shape."""
    with Clamd(port=lasting_port()) as clamd:
        server = shop(ctx, clamd.place)
        client = person(ctx, server)
        infected = encode(draw(), "JPEG", comment=EICAR)
        assert send_picture(client, infected).json == REJECTED
        assert send_picture(client, LARGE, name="p.png").status == 200
        manager = Manager.of(server)
        target = f"/api/v1/products/{manager.product()['id']}/images/"
        answer = send(manager.client, [("image", "p.jpg", infected)], target, "POST")
        words = "Rejected by the malware scan"
        assert answer.status == 400 and answer.json == {
            "error": {"code": 400, "message": words, "reason": "invalid", "fields": {"image": [words]}}}, answer


@only("sqlite")
def test_without_clamd_nothing_is_taken_and_with_it_again_everything(ctx):
    with Clamd() as clamd:
        server = shop(ctx, clamd.place)
        client = person(ctx, server)
        kept = send_picture(client, picture()).json["profile_picture"]
        clamd.kill()
        for data in (picture(seed=2), encode(draw(), "JPEG", comment=EICAR)):
            closed(send_picture(client, data))
        # Neither kept nor taken away, and all else goes on.
        assert client.get(PROFILE).json["profile_picture"] == kept
        assert client.patch(PROFILE, {"first_name": "Grace"}).status == 200
        clamd.start()
        assert send_picture(client, picture(seed=2)).status == 200
        assert send_picture(client, encode(draw(), "JPEG", comment=EICAR)).json == REJECTED


@only("sqlite")
def test_required_and_not_named_is_refused_configured_and_not_named_is_not(ctx):
    closed(send_picture(person(ctx, shop(ctx, None, "required")), picture()))
    assert send_picture(person(ctx, shop(ctx, None)), picture()).status == 200


@only("sqlite")
def test_what_is_no_verdict_lets_nothing_pass(ctx):
    """A scanner that lies, hangs up, refuses the length, or never answers."""
    answers = {b"stream: OKAY\0": 0, b"OK\0": 0, b"INSTREAM size limit exceeded. ERROR\0": 0, b"": 0, b"stream: OK": 0,
               b"stream: Nothing ERROR\0": 0, b"\0": 0, b"x" * 5000: 0}
    for says in answers:
        with Liar(says) as liar:
            server = shop(ctx, liar.place)
            closed(send_picture(person(ctx, server), picture()))
            assert liar.heard == 1 and not files_of(server), says
            server.done()
    # One that says so before it has all of it is about something else.
    with Liar(b"stream: OK\0", reads=False) as liar:
        server = shop(ctx, liar.place)
        closed(send_picture(person(ctx, server), LARGE, name="p.png"))


@only("sqlite")
def test_one_that_takes_its_time_is_waited_for_and_one_that_takes_all_of_it_is_not(ctx):
    with Liar(b"stream: OK\0", after=3.0) as slow, Liar(b"", after=120.0) as silent:
        assert send_picture(person(ctx, shop(ctx, slow.place)), picture()).status == 200
        server = shop(ctx, silent.place)
        clients, other = [person(ctx, server) for _ in range(3)], person(ctx, server)
        answers, start = [], time.monotonic()
        threads = [threading.Thread(target=lambda c=c: answers.append(send_picture(c, picture()))) for c in clients]
        for thread in threads:
            thread.start()
        time.sleep(1)
        # Meanwhile nothing else waits.
        begun = time.monotonic()
        assert other.get("/api/catalog/products/").status == 200 and time.monotonic() - begun < 5
        for thread in threads:
            thread.join(100)
        assert len(answers) == 3 and time.monotonic() - start < 60
        for answer in answers:
            closed(answer)
        assert not files_of(server)
