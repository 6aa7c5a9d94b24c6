# SPDX-License-Identifier: Apache-2.0
"""Pictures in an object store (E4): signed, sealed before they go, and what becomes of them on its bad days."""
import threading
import time

import objectstore
from objectstore import BUCKET, SECRET, ObjectStore
from pictures import PROFILE, local, opened, picture, send_picture
from sutler import found_in_memory, new_email, only

ENV = {"SUTLER_S3_SECRET_KEY": SECRET}


def shop(ctx, store, settings="", env=None, **more):
    return ctx.own_server(settings=store.settings() + settings, env={**ENV, **(env or {})}, **more)


def person(ctx, server):
    client = ctx.client(server)
    client.token = client.register(new_email("store"))["tokens"]["access_token"]
    return client


def show(client, answer):
    return client.get(local(answer.json["profile_picture_url"]), token=None)


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_picture_lies_sealed_in_the_bucket_and_is_shown_from_there(ctx):
    with ObjectStore() as store:
        server = shop(ctx, store)
        client = person(ctx, server)
        data = picture("PNG")
        answer = send_picture(client, data, name="p.png")
        assert answer.status == 200, (answer, server.log_text()[-2000:])
        name = answer.json["profile_picture"]
        stem = name.removesuffix(".png")
        assert sorted(store.objects) == sorted([name, f"{stem}-s.png", f"{stem}-l.png"]), list(store.objects)
        for kind, sealed in store.objects.values():
            # Nothing of a picture can be seen in it.
            assert kind == "image/png" and b"PNG" not in sealed[:64] and b"IHDR" not in sealed and b"IEND" not in sealed
        puts = [headers for method, _, headers, _, _ in store.asked if method == "PUT"]
        for headers in puts:
            assert headers["x-amz-server-side-encryption"] == "AES256" and headers["x-amz-acl"] == "private", headers
        assert all(fault is None for *_, fault in store.asked), store.asked
        assert all(path.startswith(f"/{BUCKET}/") for method, path, *_ in store.asked if "?acl" not in path)
        shown = show(client, answer)
        assert shown.status == 200 and shown.get("content-type") == "image/png" and opened(shown.body).size == (640, 400)
        # Another takes its place, and the first goes from the store.
        second = send_picture(client, picture("JPEG", seed=2))
        assert second.status == 200 and show(client, second).status == 200
        until(lambda: not [key for key in store.objects if key.startswith(stem)])
        assert show(client, answer).status == 404
        assert not list(server.data.joinpath("media").rglob("*.png")) if server.data.joinpath("media").exists() else True


@only("sqlite")
def test_the_worker_never_has_the_key_of_the_store(ctx):
    with ObjectStore() as store:
        server = shop(ctx, store)
        assert send_picture(person(ctx, server), picture()).status == 200
        try:
            for role in ("worker", "keeper"):
                assert not found_in_memory(server.role(role), {SECRET.encode()}), role
            assert found_in_memory(server.role("courier"), {SECRET.encode()})
        except PermissionError:
            pass
        assert SECRET not in server.log_text()


@only("sqlite")
def test_what_passes_by_itself_is_asked_again_and_what_does_not_is_told(ctx):
    with ObjectStore() as store:
        server = shop(ctx, store)
        client = person(ctx, server)
        # Twice a 503 for a file: the third time it is there.
        store.bad = [503, 500]
        kept = send_picture(client, picture())
        assert kept.status == 200, server.log_text()[-1500:]
        # And on the way back.
        store.bad = [500, 503]
        assert show(client, kept).status == 200
        # It stays down: nothing is taken, nothing is lost, and it comes back.
        store.bad = [503] * 12
        answer = send_picture(client, picture(seed=2))
        assert answer.status == 503, answer
        store.bad = []
        assert client.get(PROFILE).json["profile_picture"] == kept.json["profile_picture"]
        assert show(client, kept).status == 200
        store.bad = [503] * 3
        assert show(client, kept).status == 503
        # A file that is gone is gone.
        name = kept.json["profile_picture"]
        with store.lock:
            store.objects.pop(name)
        assert show(client, kept).status == 404
        assert "event=object_store_refused" in server.log_text()


@only("sqlite")
def test_a_wrong_key_region_or_bucket_keeps_nothing(ctx):
    with ObjectStore() as store:
        for settings, env in (("", {"SUTLER_S3_SECRET_KEY": "another"}), ("", {"SUTLER_S3_REGION": "eu-test-2"}),
                              ("", {"SUTLER_S3_ACCESS_KEY": "AKIDOTHER"}), ("", {"SUTLER_S3_BUCKET": "another-bucket"})):
            server = shop(ctx, store, settings, env)
            client = person(ctx, server)
            answer = send_picture(client, picture())
            assert answer.status == 503, (env, answer)
            log = server.log_text()
            assert "event=object_store_refused" in log and "status=403" in log, log[-1500:]
            assert client.get(PROFILE).json["profile_picture"] is None and not store.objects
            server.done()
        # One that can't encrypt by itself, or has no ACLs, is told nothing of it.
        store.needs_sse, before = False, len(store.asked)
        server = shop(ctx, store, env={"SUTLER_S3_SSE": "none", "SUTLER_S3_ACL": "none"})
        assert send_picture(person(ctx, server), picture()).status == 200
        for method, _, headers, _, fault in store.asked[before:]:
            assert fault is None and not {"x-amz-server-side-encryption", "x-amz-acl"} & set(headers), headers


@only("sqlite")
def test_a_bucket_that_lets_strangers_in_is_told_of(ctx):
    for acl, is_told in ((objectstore.PRIVATE, False), (objectstore.OPEN, True), ("", False)):
        with ObjectStore() as store:
            store.acl = acl
            server = shop(ctx, store)
            client = person(ctx, server)
            assert send_picture(client, picture()).status == 200
            assert send_picture(client, picture(seed=2)).status == 200
            looked = [path for _, path, *_ in store.asked if "acl" in path]
            assert looked == [f"/{BUCKET}?acl="], looked
            assert ("event=bucket_is_open" in server.log_text()) == is_told, acl
            server.done()


@only("sqlite")
def test_a_slow_store_holds_up_nothing_else(ctx):
    with ObjectStore() as store:
        server = shop(ctx, store)
        client, other = person(ctx, server), person(ctx, server)
        kept = send_picture(client, picture())
        assert kept.status == 200
        store.slow = 4
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(show(person(ctx, server), kept))) for _ in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        begun = time.monotonic()
        assert other.get("/api/catalog/products/").status == 200
        # Before the first of those, or in less time than they take, on a machine that is busy.
        assert not answers or time.monotonic() - begun < 3
        for thread in threads:
            thread.join(90)
        assert [answer.status for answer in answers] == [200] * 6, answers


@only("sqlite")
def test_a_slow_store_does_not_keep_a_server_that_is_to_end(ctx):
    with ObjectStore() as store:
        server = shop(ctx, store)
        client = person(ctx, server)
        assert send_picture(client, picture()).status == 200
        store.slow = 30
        assert client.patch(PROFILE, {"profile_picture": None}).status == 200
        until(lambda: any(method == "DELETE" for method, *_ in store.asked))
        server.stop()
        assert "role_killed" not in server.log_text(), server.log_text()[-1000:]
        # It goes with the next start.
        store.slow = 0
        server.start()
        until(lambda: not store.objects)


@only("sqlite")
def test_signatures_are_those_of_another_signer_for_every_kind_of_request(ctx):
    """What the stand-in accepts, altered in one place, it would not have: so what it says means something."""
    with ObjectStore() as store:
        server = shop(ctx, store)
        client = person(ctx, server)
        kept = send_picture(client, picture("WEBP"), name="p.webp")
        assert show(client, kept).status == 200
        client.patch(PROFILE, {"profile_picture": None})
        until(lambda: [1 for method, *_ in store.asked if method == "DELETE"])
        methods = {method for method, *_ in store.asked}
        assert {"PUT", "GET", "DELETE"} <= methods and all(fault is None for *_, fault in store.asked), store.asked
        method, path, headers, size, _ = next(entry for entry in store.asked if entry[0] == "GET" and "acl" not in entry[1])
        assert size == 0 and objectstore.signature_fault(method, path, headers, b"") is None
        said = headers["authorization"]
        wrong = [("PUT", path, headers, b""), (method, path + "x", headers, b""), (method, path, headers, b"x"),
                 (method, path, {**headers, "host": "elsewhere"}, b""), (method, path, {**headers, "x-amz-acl": "public-read"}, b""),
                 (method, path, {**headers, "authorization": said[:-1] + ("0" if said[-1] != "0" else "1")}, b"")]
        for request in wrong:
            assert objectstore.signature_fault(*request) is not None, request
