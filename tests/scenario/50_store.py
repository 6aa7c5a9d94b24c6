# SPDX-License-Identifier: Apache-2.0
"""What is kept, and what happens to it: kills under load (E8), the shut folder (E1), broken starts, outages."""
import concurrent.futures
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time

import sutler
from sutler import PASSWORD, Server, Skip, new_email, only
from wire import WireError


def starts_not(server, *words, code=1):
    """The start fails with this exit code and one clear sentence."""
    try:
        server.start()
    except sutler.StartFailed as failed:
        assert failed.code == code, (failed.code, failed.stderr)
        text = failed.stderr
        assert any(word.lower() in text.lower() for word in words), (words, text)
        assert "Sanitizer" not in text and "Aborted" not in text, text
        return text
    raise AssertionError("it started")


def test_no_acknowledged_registration_is_lost_by_twenty_kills(ctx):
    """1,000 registrations in all, killed 20 times in between: worker and supervisor in turn."""
    cheap = {"SUTLER_PASSWORD_HASH": "pbkdf2_sha256", "SUTLER_PASSWORD_ITERATIONS": "1"}
    # On the embedded store the disk drops what was not synced: a kill is a power loss.
    server = ctx.own_server(env=cheap, insecure_dev=True, drops_unsynced=ctx.store == "sqlite",
                            port=sutler.lasting_port())
    server.schema()
    acknowledged, lock, stop = [], threading.Lock(), threading.Event()

    def register_until_told(worker):
        n = 0
        while not stop.is_set():
            n += 1
            email = f"load.{worker}.{n}.{random.randrange(10 ** 9)}@example.com"
            try:
                with server.client(check=False) as client:
                    answer = client.post("/api/users/register/", {
                        "email": email, "password": PASSWORD, "full_name": "L O"})
            except (OSError, WireError):
                time.sleep(0.01)
                continue
            if answer.status == 201:
                with lock:
                    acknowledged.append((email, answer.json["data"]["tokens"]["refresh_token"]))
            else:
                assert answer.status in (503, 500), answer
                time.sleep(0.01)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(register_until_told, n) for n in range(8)]
        try:
            for kill in range(20):
                until = (kill + 1) * 50
                end = time.monotonic() + 120
                while len(acknowledged) < until and time.monotonic() < end:
                    assert not any(job.done() for job in jobs), [j.exception() for j in jobs if j.done()]
                    time.sleep(0.005)
                assert len(acknowledged) >= until, f"only {len(acknowledged)} after kill {kill}"
                if kill % 2:
                    server.kill_worker()
                    server.wait_well()
                else:
                    server.kill()
                    server.start()
        finally:
            stop.set()
    for job in jobs:
        job.result()
    server.restart()
    assert len(acknowledged) >= 1000
    client = server.client(check=False)
    for email, refresh in acknowledged:
        answer = client.post("/api/users/register/", {"email": email, "password": PASSWORD, "full_name": "L O"})
        assert answer.status == 409, (email, answer, "an acknowledged registration is gone")
    for email, refresh in acknowledged[::10]:
        answer = client.post("/api/users/token/refresh/", {"refresh_token": refresh})
        assert answer.status == 200, (email, answer, "its session is gone")


@only("sqlite")
def test_strings_over_the_data_folder_find_nobody(ctx):
    server = ctx.own_server(settings=sutler.DEAF_MAIL_SERVER)
    client = server.client()
    product = client.get("/api/catalog/products/?page_size=1").json["results"][0]
    canaries = []
    for n in range(20):
        email = new_email(f"canary{n}")
        client.register(email, name="Zanzibarina Quuxworth")
        canaries += [email, email.split("@")[0]]
    client.login(email)
    client.patch("/api/users/profile/", {"phone_number": "+27825550199"})
    canaries += ["Zanzibarina", "Quuxworth", "+27825550199", "pbkdf2_sha256$", product["name"], product["slug"],
                 product["variants"][0]["sku"], "CREATE TABLE", "SQLite format 3", PASSWORD, server.secret_key]

    def look(when):
        files = [p for p in server.data.rglob("*") if p.is_file()]
        assert files and sum(p.stat().st_size for p in files) > 100000, files
        for path in files:
            data = path.read_bytes()
            for canary in canaries:
                assert canary.encode() not in data, (when, path, canary)
                assert canary.encode("utf-16-le") not in data, (when, path, canary)
            # Encrypted bytes do not shrink; text and rows do.
            if len(data) > 65536 and path.suffix not in (".log",) and "shm" not in path.name:
                import zlib
                assert len(zlib.compress(data)) > 0.9 * len(data), (when, path, "not random enough")
        return files

    look("while it runs, with its WAL")
    server.kill()
    look("after kill -9")
    server.start()
    server.stop()
    files = look("after an orderly stop")
    for path in [server.data, server.keys] + files + list(server.keys.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, (path, oct(path.stat().st_mode))
    # No key lies in the open beside what it opens: store.key is wrapped by the one in the other folder.
    secrets_ = [p.read_bytes().strip() for p in server.keys.rglob("*") if p.is_file()]
    assert secrets_
    for path in files:
        for secret in secrets_:
            assert secret not in path.read_bytes(), path
    # A stolen folder stays shut: the keys are elsewhere.
    shutil.move(server.keys, str(server.keys) + ".away")
    starts_not(server, "key")


@only("sqlite")
def test_no_temporary_file_is_made_and_the_sync_comes_before_the_answer(ctx):
    if not shutil.which("strace"):
        raise Skip("no strace")
    server = ctx.own_server(insecure_dev=True)
    client = server.client()
    client.register(new_email())
    trace = server.folder / "trace"
    # Those that stay; the others come and go.
    pids = [str(server.role(name)) for name in ("keeper", "worker")]
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=openat,open,creat,unlink,fsync,fdatasync,pwrite64,write,"
                               "sendto,sendmsg,writev", "-y", "-s", "24", "-o", str(trace),
                               *[w for pid in pids for w in ("-p", pid)]], stderr=subprocess.PIPE)
    try:
        sutler.wait_traced(tracer, *map(int, pids))
        client.register(new_email())
        for query in ("search=dress&ordering=-price", "category=dresses&ordering=date_added"):
            client.get("/api/catalog/products/?" + query)
        time.sleep(0.3)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(60)
    lines = trace.read_text(errors="replace").splitlines()
    for line in lines:
        assert "etilqs" not in line and "/tmp/.sut" not in line and "-journal" not in line, line
    answers = [i for i, line in enumerate(lines) if "HTTP/1.1 201" in line]
    syncs = [i for i, line in enumerate(lines) if "sync(" in line]
    assert answers, "the answer was not seen"
    assert syncs and min(syncs) < answers[0], "the answer came before the sync"


@only("sqlite")
def test_a_flipped_bit_is_refused_and_never_served(ctx):
    server = ctx.own_server()
    server.client().register(new_email())
    server.stop()
    files = sorted((p for p in server.data.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    database = files[-1]
    good = database.read_bytes()
    for at in (40, 4096 + 100, len(good) // 2):
        bad = bytearray(good)
        bad[at] ^= 1
        database.write_bytes(bad)
        try:
            server.start()
        except sutler.StartFailed as failed:
            assert failed.code == 1 and "Sanitizer" not in failed.stderr
            continue
        # The page may be one that the start does not read: then nothing of it is ever answered.
        client = server.client(check=False)
        for path in ("/api/catalog/products/?page_size=100", "/api/catalog/products/1/", "/health"):
            assert client.get(path).status in (200, 500, 503)
        server.kill()
    database.write_bytes(good)
    server.start()


@only("sqlite")
def test_another_key(ctx):
    server, other = ctx.own_server(), ctx.own_server()
    server.stop()
    other.stop()
    keep = str(server.keys) + ".own"
    shutil.move(server.keys, keep)
    shutil.copytree(other.keys, server.keys)
    starts_not(server, "key")
    shutil.rmtree(server.keys)
    shutil.move(keep, server.keys)
    server.start()


@only("postgres")
def test_a_store_of_a_newer_version(ctx):
    server = ctx.own_server()
    server.stop()
    if ctx.store == "postgres":
        subprocess.run(["psql", "-XAtq", server.env["DATABASE_URL"], "-c",
                        "UPDATE store_migration SET number = number + 1000"], check=True, capture_output=True)
        starts_not(server, "newer")
    else:
        raise Skip("the embedded store is shut from outside; its unit tests show the refusal")


@only("sqlite")
def test_a_folder_that_can_not_be_written(ctx):
    server = ctx.own_server()
    server.stop()
    if os.geteuid() == 0:
        # Root writes everywhere: a file in the folder's place is as good a refusal.
        shutil.move(server.data, str(server.data) + ".own")
        server.data.write_text("not a folder")
        starts_not(server, str(server.data.name), "folder", "directory")
        server.data.unlink()
        shutil.move(str(server.data) + ".own", server.data)
    else:
        server.data.chmod(0o500)
        starts_not(server, "writ", "permission")
        server.data.chmod(0o700)
    server.start()


def fill(folder):
    """All that is left of the disk, in one file."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass
    return filler


@only("sqlite")
def test_a_full_disk_answers_503_and_damages_nothing(ctx):
    """The limit on a file's size stands for a full disk: SQLite gets EFBIG where it would get ENOSPC."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        raise Skip("a small file system needs root")
    folder = pathlib.Path(sutler.tempfile.mkdtemp(prefix="sutler-full-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs", folder],
                             capture_output=True).returncode == 0
    if not mounted:
        folder.rmdir()
        raise Skip("no file system can be mounted here")
    try:
        cheap = {"SUTLER_PASSWORD_HASH": "pbkdf2_sha256", "SUTLER_PASSWORD_ITERATIONS": "1"}
        server = Server(folder=folder, env=cheap, insecure_dev=True, store="sqlite")
        ctx.own.append(server)
        server.start()
        client = server.client()
        first = new_email()
        client.register(first)
        filler = fill(folder)
        seen = set()
        for _ in range(200):
            answer = client.post("/api/users/register/", {
                "email": new_email(), "password": PASSWORD, "full_name": "F D"})
            seen.add(answer.status)
            if answer.status == 503:
                break
        assert 503 in seen and seen <= {201, 503}, seen
        assert client.get("/api/catalog/products/").status == 200, "reads go on"
        filler.unlink()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            answer = client.post("/api/users/register/", {
                "email": new_email(), "password": PASSWORD, "full_name": "F D"})
            if answer.status == 201:
                break
            time.sleep(0.2)
        assert answer.status == 201, "it does not recover"
        server.restart()
        assert server.client().post("/api/users/register/", {
            "email": first, "password": PASSWORD, "full_name": "F D"}).status == 409
        server.stop()
        # What has no room to open the store says so.
        for name in cheap:
            del server.env[name]
        filler = fill(folder)
        done = server.cli("user", "list")
        assert done.returncode == 1 and "no space is left on its disk" in done.stderr, done
        filler.unlink()
        done = server.cli("user", "list")
        assert done.returncode == 0 and first in done.stdout, done
    finally:
        for server in ctx.own:
            server.kill()
        subprocess.run(["umount", folder], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@only("sqlite")
def test_two_servers_on_one_folder(ctx):
    server = ctx.own_server()
    second = Server(store="sqlite", folder=server.folder)
    second.starts = 50
    second.secret_key = second.env["SECRET_KEY"] = server.secret_key
    try:
        starts_not(second, "another", "in use", "lock", "running")
    finally:
        second.kill()
    assert server.client().get("/healthz").status == 200


def test_a_port_in_use(ctx):
    server = ctx.own_server()
    second = ctx.own_server(start=False)
    second.want_port = server.port
    starts_not(second, "in use", str(server.port))


def test_a_misspelt_settings_key(ctx):
    server = ctx.own_server(start=False, settings="[limits]\nannon = 5/hour\n")
    text = starts_not(server, "anon", "did you mean")
    assert "sutler.conf:" in text, text
    for settings, word in (("[limits]\nanon = many\n", "anon"), ("[limts]\nanon = 5/hour\n", "limits"),
                           ("[password]\nmin_length = 3\n", "min_length"), ("[tls]\npolicy = 1999\n", "policy"),
                           ("[limits]\nbody = 99999999999999999999\n", "body"),
                           ("[security]\nsecret_key = abc\n", "secret_key")):
        starts_not(ctx.own_server(start=False, settings=settings), word)
    starts_not(ctx.own_server(start=False, env={"SUTLER_LIMITS_ANNON": "5/hour"}), "ANNON")
    starts_not(ctx.own_server(start=False, env={"SECRET_KEY": "changeme"}), "secret")
    twice = ctx.own_server(start=False)
    twice.command()
    config = twice.folder / "twice.conf"
    config.write_text("[limits]\nanon = 5/hour\nanon = 6/hour\n")
    done = sutler.run("config", "check", "--config", config)
    assert done.returncode == 1 and "twice.conf:3" in done.stderr + done.stdout, done


@only("postgres")
def test_postgres_is_not_there_at_the_start(ctx):
    server = ctx.own_server(start=False, env={
        "DATABASE_URL": "postgresql://sutler:canary-password@127.0.0.1:9/sutler"})
    text = starts_not(server, "postgres", "database", "store", "connect")
    assert "canary-password" not in text


@only("postgres")
def test_postgres_goes_and_comes_back(ctx):
    import pg
    with pg.Server() as postgres:
        server = ctx.own_server(dsn=postgres.dsn, env={"SUTLER_STORE_CONNECT_TIMEOUT": "2s"})
        client = server.client()
        email = new_email()
        tokens = client.register(email)["tokens"]
        postgres.stop()
        answer = client.get("/health")
        assert answer.status == 503 and answer.json == {
            "status": "unavailable", "checks": {"store": "unavailable", "counters": "ok"}}, answer
        assert client.get("/healthz").status == 200
        for method, path, body, token in (
                ("POST", "/api/users/login/", {"email": email, "password": PASSWORD}, None),
                ("POST", "/api/users/token/refresh/", {"refresh_token": tokens["refresh_token"]}, None),
                ("GET", "/api/users/profile/", None, tokens["access_token"]),
                ("GET", "/api/catalog/products/", None, None)):
            answer = client.request(method, path, json=body, token=token)
            # What memory still knows of the catalogue may be served.
            assert answer.status == 503 or (path.startswith("/api/catalog") and answer.status == 200), (path, answer)
        postgres.start()
        end = time.monotonic() + 60
        while client.get("/health").status != 200 and time.monotonic() < end:
            time.sleep(0.1)
        assert client.get("/health").status == 200
        assert client.get("/api/users/profile/", token=tokens["access_token"]).json["email"] == email
        assert client.post("/api/users/token/refresh/",
                           {"refresh_token": tokens["refresh_token"]}).status == 200
        client.register(new_email())
        assert "canary-password" not in server.log_text()
        server.done()


def test_a_killed_role_is_started_again_and_reported(ctx):
    server = ctx.own_server()
    token = server.client().register(new_email())["tokens"]["access_token"]
    for _ in range(3):
        before = set(server.kill_worker())
        server.wait_well()
        assert not before & set(server.roles())
        assert server.client().get("/api/users/profile/", token=token).status == 200
    assert server.log_text().count("role_crashed") >= 3, server.log_text()[-800:]


def test_secrets_are_not_in_proc(ctx):
    server = ctx.own_server()
    for pid in (server.process.pid, server.role("keeper"), server.role("worker")):
        for name in ("cmdline", "environ"):
            data = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
            for canary in (server.secret_key, server.env.get("DATABASE_URL", "canary-password")):
                assert canary.encode() not in data, (pid, name)
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert core.split()[4] == "0", core
        if pid != server.process.pid:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            assert "NoNewPrivs:\t1" in status, status
