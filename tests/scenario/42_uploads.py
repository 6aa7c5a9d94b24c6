# SPDX-License-Identifier: Apache-2.0
"""Places for uploads (C1, C5): whoever only half sends a picture keeps nobody out, and what comes well or is there stays."""
import contextlib
import threading
import time

from clamd import Liar
from pictures import PROFILE, form, noise, picture, send_picture
from sutler import also_tls, new_email

PLACES = 8
NO_SCANNER = "[uploads]\nscan = configured\n"
PICTURE = picture("PNG", 300, 200)
# Who would wait until a half-sent body is given up for its time waits for 30 s.
SOON = 15
# So much is above what any buffer on the way holds.
LARGE = noise(3 * 1024 * 1024)


def shop(ctx, settings=NO_SCANNER):
    return ctx.own_server(settings=settings)


def person(ctx, server):
    client = ctx.client(server)
    client.token = client.register(new_email("place"))["tokens"]["access_token"]
    return client


def head_of(server, client, kind, n, *more):
    fields = "".join(f"{line}\r\n" for line in more)
    return (f"PATCH {PROFILE} HTTP/1.1\r\nHost: {client.host}\r\nContent-Type: {kind}\r\n"
            f"Authorization: Bearer {client.token}\r\nContent-Length: {n}\r\n{fields}\r\n").encode()


def half_send(ctx, server, client, data=PICTURE, n=1000):
    """A connection on which a picture's first n bytes have come, and no more do."""
    body, kind = form([("profile_picture", "p.png", data)])
    conn = server.conn(tls=ctx.tls)
    conn.send(head_of(server, client, kind, len(body)) + body[:n])
    return conn


def close(conns):
    for conn in conns:
        conn.close()


@contextlib.contextmanager
def half_sent(ctx, server, people, each, **more):
    conns = [half_send(ctx, server, p, **more) for p in people for _ in range(each)]
    try:
        # All have their places: the server answers in order of what it reads.
        time.sleep(0.6)
        yield conns
    finally:
        close(conns)


def busy(answer):
    """The answer of who is told to come again."""
    assert answer.status == 503 and int(answer.get("retry-after")) >= 1, answer
    assert answer.json == {"detail": "The server is busy. Try again shortly.", "code": "unavailable"}, answer


def answered(conns, wait=1.0):
    """Those that have an answer by now."""
    out = []
    for conn in conns:
        conn.sock.settimeout(wait)
        try:
            out.append(conn.read("PATCH"))
        except TimeoutError:
            pass
    return out


@also_tls
def test_two_accounts_with_four_half_sent_bodies_each_keep_nobody_out(ctx):
    server = shop(ctx)
    foes = [person(ctx, server) for _ in range(2)]
    honest = [person(ctx, server) for _ in range(3)]
    with half_sent(ctx, server, foes, PLACES // 2) as conns:
        for client in honest:
            started = time.monotonic()
            answer = send_picture(client, PICTURE)
            took = time.monotonic() - started
            assert answer.status == 200 and answer.json["profile_picture"], answer
            assert took < SOON, took
        told = answered(conns, 0.2)
        assert told, "somebody gave way"
        for answer in told:
            busy(answer)
            assert answer.closed


def test_who_comes_again_at_once_keeps_nobody_out_either(ctx):
    server = shop(ctx)
    foes = [person(ctx, server) for _ in range(2)]
    honest, stop = person(ctx, server), threading.Event()

    def fill(client):
        """Hold a place for ever, again as soon as it is lost."""
        while not stop.is_set():
            with half_send(ctx, server, client) as conn:
                conn.sock.settimeout(0.2)
                while not stop.is_set():
                    with contextlib.suppress(TimeoutError):
                        conn.read("PATCH")
                        break

    threads = [threading.Thread(target=fill, args=(foe,)) for foe in foes for _ in range(PLACES // 2)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    try:
        for _ in range(5):
            started = time.monotonic()
            answer = send_picture(honest, PICTURE)
            took = time.monotonic() - started
            assert answer.status == 200 and took < SOON, (answer, took)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def test_eight_accounts_with_a_half_sent_body_each_keep_nobody_out(ctx):
    server = shop(ctx)
    foes = [person(ctx, server) for _ in range(PLACES)]
    honest = person(ctx, server)
    with half_sent(ctx, server, foes, 1) as conns:
        started = time.monotonic()
        # Of bodies that have just begun nobody knows yet how they come.
        while (answer := send_picture(honest, PICTURE)).status == 503:
            busy(answer)
            assert time.monotonic() - started < SOON
            time.sleep(int(answer.get("retry-after")))
        assert answer.status == 200, answer
        for answer in answered(conns, 0.2):
            busy(answer)


def test_much_that_came_once_does_not_hold_a_place(ctx):
    server = shop(ctx)
    foes = [person(ctx, server) for _ in range(PLACES)]
    honest = person(ctx, server)
    with half_sent(ctx, server, foes, 1, data=LARGE, n=len(LARGE) // 2):
        time.sleep(3)
        started = time.monotonic()
        answer = send_picture(honest, PICTURE)
        assert answer.status == 200 and time.monotonic() - started < SOON, answer


def test_ones_own_half_sent_bodies_give_way_to_ones_next(ctx):
    """A phone that lost its network sends again while the server still waits for the rest."""
    server = shop(ctx)
    client = person(ctx, server)
    with half_sent(ctx, server, [client], PLACES // 2):
        time.sleep(2)
        started = time.monotonic()
        answer = send_picture(client, PICTURE)
        assert answer.status == 200 and time.monotonic() - started < SOON, answer


def send_slowly(ctx, server, client, rate, seconds, step=0.125, late=None):
    """A picture at `rate` bytes a second; the answer, or None when the server ended it in the middle.  `late` is told
    by how much each piece went out too late: a machine that stands still keeps no rate."""
    data = PICTURE[:-12] + b"\0" * (rate * seconds - len(PICTURE)) if rate * seconds > len(PICTURE) else PICTURE
    body, kind = form([("profile_picture", "p.png", data)])
    piece = int(rate * step)
    with server.conn(tls=ctx.tls) as conn:
        conn.send(head_of(server, client, kind, len(body)))
        begun = time.monotonic()
        for i, at in enumerate(range(0, len(body), piece)):
            time.sleep(max(0.0, begun + i * step - time.monotonic()))
            if late is not None:
                late.append(time.monotonic() - begun - i * step)
            try:
                conn.send(body[at:at + piece])
            except OSError:
                break
        return conn.read("PATCH")


# What a slow sender's picture is answered with once it is whole: it is padded, so it is none.
WHOLE = 400


@also_tls
def test_a_slow_upload_is_waited_for_when_nobody_else_waits(ctx):
    server = shop(ctx)
    slow, slower, other = (person(ctx, server) for _ in range(3))
    answers = {}

    def send(name, client, rate):
        answers[name] = send_slowly(ctx, server, client, rate, 6)

    threads = [threading.Thread(target=send, args=("64K", slow, 64 * 1024)),
               threading.Thread(target=send, args=("8K", slower, 8 * 1024))]
    for thread in threads:
        thread.start()
    # Others come and go meanwhile: there are places for all.
    for _ in range(3):
        assert send_picture(other, PICTURE).status == 200
    for thread in threads:
        thread.join(60)
    assert {name: a.status for name, a in answers.items()} == {"64K": WHOLE, "8K": WHOLE}, answers
    assert all(a.json == {"profile_picture": ["Corrupted image"]} for a in answers.values()), answers


def beside_half_sent_bodies(ctx):
    """(what the slow upload was answered with, by how much its slowest piece was late)"""
    server = shop(ctx)
    slow, honest = person(ctx, server), person(ctx, server)
    foes = [person(ctx, server) for _ in range(PLACES - 1)]
    answers, late = [], []
    thread = threading.Thread(target=lambda: answers.append(send_slowly(ctx, server, slow, 64 * 1024, 7, late=late)))
    thread.start()
    time.sleep(0.3)
    with half_sent(ctx, server, foes, 1) as conns:
        time.sleep(2.2)
        for _ in range(3):
            assert send_picture(honest, PICTURE).status == 200
        while len(conns) < 3 * PLACES and thread.is_alive():
            conns.append(half_send(ctx, server, foes[len(conns) % len(foes)]))
            send_picture(honest, PICTURE)
        thread.join(60)
    server.done()
    return [a.status for a in answers], max(late)


def test_a_slow_upload_of_a_mobile_stays_also_when_all_places_are_taken(ctx):
    for _ in range(5):
        statuses, late = beside_half_sent_bodies(ctx)
        # One that did not keep its rate, because the machine did not, shows nothing.
        if statuses == [WHOLE] or late < 0.5:
            break
    assert statuses == [WHOLE], (statuses, late)


def test_a_body_that_is_there_is_never_given_up(ctx):
    """However long what comes after it takes: here the scan of a picture."""
    is_over = threading.Event()
    with Liar(b"stream: OK\0", after=is_over) as clamd:
        server = shop(ctx, NO_SCANNER + f"clamd = {clamd.place}\n")
        people, late = [person(ctx, server) for _ in range(2)], person(ctx, server)
        answers = []

        def send(client):
            with ctx.client(server) as own:
                own.token = client.token
                answers.append(send_picture(own, PICTURE).status)

        threads = [threading.Thread(target=send, args=(p,)) for p in people for _ in range(PLACES // 2)]
        for thread in threads:
            thread.start()
        try:
            end = time.monotonic() + 10
            # Fewer are scanned at a time than there are places: the others are there and wait for it.
            while clamd.heard < PLACES // 2:
                assert time.monotonic() < end, clamd.heard
                time.sleep(0.05)
            time.sleep(1.5)
            for _ in range(3):
                busy(send_picture(late, PICTURE))
                time.sleep(0.8)
        finally:
            is_over.set()
        for thread in threads:
            thread.join(60)
        assert answers == [200] * PLACES, answers


def test_who_waits_for_a_place_sends_as_any_other(ctx):
    """At once and much, or not before leave: nothing of the body is lost while the place is not there yet."""
    server = shop(ctx)
    foes, honest = [person(ctx, server) for _ in range(2)], person(ctx, server)
    with half_sent(ctx, server, foes, PLACES // 2):
        answer = send_picture(honest, LARGE)
        assert answer.status == 400 and answer.json == {"profile_picture": ["Invalid file type"]}, answer
        body, kind = form([("profile_picture", "p.png", PICTURE)])
        with half_sent(ctx, server, foes, 1), server.conn() as conn:
            conn.send(head_of(server, honest, kind, len(body), "Expect: 100-continue"))
            conn.sock.settimeout(20)
            assert conn._line() == "HTTP/1.1 100 Continue" and conn._line() == ""
            conn.send(body)
            assert conn.read("PATCH").status == 200
        # Two of them behind one another on one connection, each in its turn.
        with half_sent(ctx, server, foes, 1), server.conn() as conn:
            conn.send(2 * (head_of(server, honest, kind, len(body)) + body))
            assert [conn.read("PATCH").status for _ in range(2)] == [200, 200]
        # Who goes while waiting leaves nothing behind.
        with half_sent(ctx, server, foes, 2):
            for _ in range(20):
                half_send(ctx, server, honest).close()
            time.sleep(1)
            assert send_picture(honest, PICTURE).status == 200
