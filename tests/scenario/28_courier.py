# SPDX-License-Identifier: Apache-2.0
"""The courier: where it goes, where nothing brings it, and what becomes of who asks it wrongly."""
import hmac
import http.server
import os
import pathlib
import signal
import socket
import struct
import subprocess
import threading
import time

import outworld
import sutler
from sutler import Skip, only

# Which runtime is in the program under test.
SANITIZED = any(name in pathlib.Path(sutler.PROGRAM).read_bytes() for name in (b"__asan_init", b"__tsan_init"))
PUBLIC = "https://pictures.example"
# Ways to write a place that is not public; of most of them something listens there, and must hear nothing.
INWARD = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0X7F000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1",
    "017700000001", "0177.1", "127.000.000.001", "127.255.255.254", "127.0.0.1.", "localhost", "LOCALHOST",
    "localhost.", "ip6-localhost", "0", "0.0.0.0", "00000000", "0x0", "[::1]", "[0:0:0:0:0:0:0:1]", "[::0001]", "[::]",
    "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]", "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:7f00:1::1]", "[2001:0:7f00:1::]",
    "[2600::5efe:127.0.0.1]", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]",
    "[2001:db8::1]", "[3fff::1]", "[100::1]", "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
    "169.254.43518", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "100.100.100.200", "168.63.129.16", "10.0.0.1",
    "012.0.0.1", "167772161", "172.16.0.1", "192.168.0.1", "3232235521", "0xc0a80001", "100.64.0.1", "198.18.0.1",
    "192.0.0.8", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "4294967295",
]
# And what is no plain https URL, or hides where it leads.
TRICKS = [
    "http://127.0.0.1/", "http://pictures.example/", "http://93.184.216.34/", "ftp://127.0.0.1/", "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL", "dict://127.0.0.1:6379/x", "smtp://127.0.0.1/", "//127.0.0.1/", "https:///127.0.0.1/",
    "https:127.0.0.1", "https://127.0.0.1:80/", "https://127.0.0.1:8443/", "https://pictures.example:8443/",
    "https://pictures.example:80/", "https://pictures.example@127.0.0.1/", "https://pictures.example:x@127.0.0.1/",
    "https://127.0.0.1@pictures.example/", "https://127.0.0.1%2f@pictures.example/", "https://%31%32%37.0.0.1/",
    "https://127.0.0.1%00.pictures.example/", "https://127.0.0.1%20.pictures.example/", "https://[::1%25lo]/",
]
NAMES = {
    "loop.example": ["127.0.0.1"], "loop6.example": ["::1"], "both.example": ["127.0.0.1", "::1"],
    "mixed.example": ["93.184.216.34", "10.0.0.1"], "last.example": ["93.184.216.34", "2606:2800:220:1::1", "fc00::1"],
    "mapped.example": ["::ffff:127.0.0.1"], "compatible.example": ["::127.0.0.1"], "nat64.example": ["64:ff9b::7f00:1"],
    "sixtofour.example": ["2002:7f00:1::1"], "metadata.example": ["169.254.169.254"], "zero.example": ["0.0.0.0"],
    "127.0.0.1.nip.example": ["127.0.0.1"], "many.example": [f"93.184.216.{n}" for n in range(200)][:80],
    "nobody.example": [],
    # One address for who judges, another for who connects.
    "fickle.example": [["93.184.216.34"], ["127.0.0.1"]],
    "fickle6.example": [["2606:2800:220:1::1"], ["::1"]],
    "wrong.example": ["93.184.216.34"],
}


def fetch(url, purpose="picture", text="-", ms=4000):
    return f"fetch {purpose} {url} {text} {ms}"


def one_by_one(urls):
    """Below the rate of pictures, ten a second: one that waits for its rate is not refused for its URL."""
    commands = []
    for n, url in enumerate(urls):
        commands.append(fetch(url))
        if n % 9 == 8:
            commands.append("wait 1000")
    return commands


def field(value):
    if isinstance(value, int):
        return b"u" + struct.pack("<Q", value)
    return b"b" + struct.pack("<I", len(value)) + value


def message(kind, *values, number=1, length=None):
    body = b"".join(field(value) for value in values)
    return struct.pack("<HII", kind, len(body) if length is None else length, number) + body


MAIL, KEYS, DEBUG, ME, PICTURE, WEBHOOK, STRIPE, PAYSTACK, PAYSTACK_VERIFY = range(1, 10)
GET, POST = range(2)
DENIED = 3


@only("sqlite")
def test_no_spelling_of_an_address_that_is_not_public_is_heard_there(ctx):
    urls = [f"https://{host}/latest/meta-data/" for host in INWARD] + TRICKS
    assert len(INWARD) >= 60
    got = outworld.run(one_by_one(urls))
    answers = [answer for answer in got["answers"] if answer != "waited"]
    wrong = [(url, answer) for url, answer in zip(urls, answers) if answer not in ("DENIED", "UNAVAILABLE")]
    assert not wrong, wrong
    # A name that DNS does not know is the only way not to be refused outright.
    other = [url for url, answer in zip(urls, answers) if answer == "UNAVAILABLE"]
    assert not other, other
    assert not got["heard"], got["heard"]
    assert not got["requests"], got["requests"]


@only("sqlite")
def test_a_hostile_worker_s_urls_lead_nowhere_either(ctx):
    """The same in messages that no worker of ours writes: nobody looked at the URL before."""
    urls = [f"https://{host}/" for host in INWARD] + TRICKS
    urls += ["https://127。0。0。1/", "https://①②⑦.⓪.⓪.①/", "https://pictures.example\\@127.0.0.1/",
             "https://pictures.example\t@127.0.0.1/", "https://127.0.0.1/\r\nX: y", " https://127.0.0.1/", ""]
    commands = []
    for n, url in enumerate(urls):
        commands.append(f"raw {message(PICTURE, 3000, url.encode(), b'', b'').hex()} 5000")
        if n % 9 == 8:
            commands.append("wait 1000")
    got = outworld.run(commands)
    answers = [answer for answer in got["answers"] if answer != "waited"]
    denied = struct.pack("<HII", PICTURE | 0x8000, 9, 1) + field(DENIED)
    wrong = [(url, answer) for url, answer in zip(urls, answers) if answer not in ("dropped", denied.hex())]
    assert not wrong, wrong
    assert answers[-7:] == ["dropped"] * 7, answers[-7:]
    assert not got["heard"] and not got["requests"], got


@only("sqlite")
def test_a_name_that_leads_inward_is_refused_and_one_that_changes_its_mind_is_pinned(ctx):
    inward = [name for name in NAMES if not name.startswith(("fickle", "wrong", "nobody", "many"))]
    first = one_by_one([f"https://{name}/" for name in inward]) + ["wait 1100"]
    got = outworld.run(first + [fetch("https://many.example/"), fetch("https://nobody.example/"), fetch("https://unknown.example/"),
                          fetch("https://fickle.example/ok"), fetch("https://fickle6.example/ok"),
                          fetch("https://wrong.example/ok"), fetch("https://93.184.216.34/ok")], names=NAMES)
    answers = got["answers"]
    wrong = [pair for pair in zip(first, answers) if pair[1] not in ("DENIED", "waited")]
    assert not wrong, wrong
    many, nobody, unknown, fickle, fickle6, wrong, numeric = answers[len(first):]
    assert many == "DENIED", many
    assert nobody == unknown == "UNAVAILABLE", (nobody, unknown)
    assert fickle.startswith("OK 200 60 image/png 9 ") and fickle6.startswith("OK 200"), (fickle, fickle6)
    # Its certificate names others.
    assert wrong == "UNAVAILABLE", wrong
    assert numeric.startswith("OK 200"), numeric
    assert not got["heard"], got["heard"]


@only("sqlite")
def test_a_redirect_is_followed_twice_and_never_inward(ctx):
    inward = ["https://127.0.0.1/", "https://loop.example/", "https://[::1]/", "https://169.254.169.254/latest/",
              "http://pictures.example/", "http://127.0.0.1/", "//127.0.0.1/", "//localhost/", "ftp://pictures.example/",
              "file:///etc/passwd", "https://pictures.example:8443/", "https://x@pictures.example/", "https://2130706433/",
              "https://mixed.example/", "https://[::ffff:127.0.0.1]/"]
    commands = []
    for code in ("301", "302", "303", "307", "308"):
        commands += [fetch(f"{PUBLIC}/to{code}?{url}") for url in inward[:9]] + ["wait 1000"]
    commands += [fetch(f"{PUBLIC}/to302?{url}") for url in inward[9:]] + ["wait 1000"]
    n_inward = len(commands)
    commands += [fetch(f"{PUBLIC}/to302?/ok"), fetch(f"{PUBLIC}/to302?/to307?/ok"),
                 fetch(f"{PUBLIC}/to302?/to302?/to302?/ok"), fetch(f"{PUBLIC}/to302?/to302?https://127.0.0.1/"),
                 fetch(f"{PUBLIC}/to302?https://93.184.216.34/ok"), fetch(f"{PUBLIC}/to302?"),
                 "wait 1000", fetch("-", "google-keys"), fetch(f"{PUBLIC}/to302?https://127.0.0.1/", "webhook", "a=b")]
    got = outworld.run(commands, names=NAMES, env={"SUTLER_GOOGLE_KEYS_URL": f"{PUBLIC}/to302"})
    wrong = [(c, a) for c, a in zip(commands[:n_inward], got["answers"]) if a not in ("DENIED", "waited")]
    assert not wrong, wrong
    once, twice, thrice, last_inward, other, nowhere, _, keys, hook = got["answers"][n_inward:]
    assert once.startswith("OK 200") and twice.startswith("OK 200") and other.startswith("OK 200"), (once, twice, other)
    assert thrice == last_inward == "DENIED", (thrice, last_inward)
    assert nowhere == "DENIED" or nowhere.startswith("OK 302"), nowhere
    # Where the table allows none it is an answer like any other.
    assert keys.startswith("OK 302") and hook.startswith("OK 302"), (keys, hook)
    assert not got["heard"], got["heard"]


@only("sqlite")
def test_what_comes_back_is_bounded(ctx):
    got = outworld.run([
        fetch(f"{PUBLIC}/ok"), fetch(f"{PUBLIC}/missing"), fetch(f"{PUBLIC}/big?5242880", ms=20000),
        fetch(f"{PUBLIC}/big?5242881", ms=20000), fetch(f"{PUBLIC}/endless", ms=20000), fetch(f"{PUBLIC}/heads", ms=20000),
        fetch(f"{PUBLIC}/noise"), "wait 1000", fetch(f"{PUBLIC}/zip"), fetch(f"{PUBLIC}/silent", ms=1500),
        fetch(f"{PUBLIC}/drip", ms=30000), fetch(f"{PUBLIC}/hook", "webhook", "a=b&c=d"), fetch("-", "google-keys"),
    ])
    ok, missing, most, more, endless, heads, noise, _, zipped, silent, drip, hook, keys = got["answers"]
    assert ok == "OK 200 60 image/png 9 a picture", ok
    assert missing.startswith("OK 404"), missing
    assert most.startswith("OK 200 60 image/png 5242880 xxx"), most[:60]
    assert more == endless == "TOO_LARGE", (more, endless)
    assert heads == "PARSE" and noise in ("PARSE", "UNAVAILABLE"), (heads, noise)
    # Nothing is unpacked: what says that it is small is.
    assert zipped.startswith("OK 200 60 image/png 19 "), zipped
    assert silent == drip == "UNAVAILABLE", (silent, drip)
    assert hook.startswith("OK 200") and keys.startswith("OK 200"), (hook, keys)
    for request in got["requests"]:
        names = [line.split(":")[0].lower() for line in request["head"][1:]]
        assert set(names) <= {"host", "user-agent", "accept", "content-type", "content-length"}, request
    posted = [request for request in got["requests"] if request["head"][0].startswith("POST")]
    assert len(posted) == 1 and posted[0]["body"] == "a=b&c=d", posted


@only("sqlite")
def test_nothing_is_unpacked_however_it_is_said(ctx):
    """libcurl undoes a transfer's codings unasked, one within the other: a few bytes that become all there is to do."""
    packed = ("gzip,chunked", "chunked,gzip", "gzip,gzip,gzip,gzip,chunked", "deflate,chunked", "x-gzip,chunked", "gzip")
    got = outworld.run([fetch(f"{PUBLIC}/packed?{codings}") for codings in packed]
                       + [fetch(f"{PUBLIC}/packed?{plain}") for plain in ("chunked", "Chunked")])
    assert got["answers"][:len(packed)] == ["PARSE"] * len(packed), [answer[:60] for answer in got["answers"]]
    # As it came: a thousand bytes, not a million.
    for answer in got["answers"][len(packed):]:
        assert answer.startswith("OK 200 0 - 10"), answer[:60]


@only("sqlite")
def test_a_worker_that_breaks_the_table_is_dropped(ctx):
    url = b"https://pictures.example/ok"
    hook = message(WEBHOOK, 3000, url, b"a=b", b"")
    bad = {
        "no such purpose": message(99, 3000, url, b"", b""),
        "no purpose": message(0, 3000, url, b"", b""),
        "an answer": message(PICTURE | 0x8000, 3000, url, b"", b""),
        "a URL for a destination of the settings": message(KEYS, 3000, url, b"", b""),
        "a URL for a provider": message(ME, 3000, url, b"token", b""),
        "a URL that is too long": message(PICTURE, 3000, b"https://pictures.example/" + b"a" * 2048, b"", b""),
        "control characters": message(PICTURE, 3000, url + b"\r\nX: y", b"", b""),
        "a text that picture has none of": message(PICTURE, 3000, url, b"a", b""),
        "a signature that is a header": message(WEBHOOK, 3000, url, b"a", b"b\r\nX: y"),
        "a length beyond the cap": message(PICTURE, length=1 << 20),
        "a length of everything": message(MAIL, length=0xffffffff),
        "a field less": message(PICTURE, 3000, url, b""),
        "a field more": message(PICTURE, 3000, url, b"", b"", b""),
        "no time": message(PICTURE, 0, url, b"", b""),
        "all the time": message(PICTURE, 1 << 40, url, b"", b""),
        "a wrong tag": message(PICTURE, b"3000", url, b"", b""),
        "a second receiver": message(MAIL, 3000, b"a@b.example", b"c@d.example>\r\nRCPT TO:<e@f.example", b"x\r\n"),
        "a smuggled mail": message(MAIL, 3000, b"a@b.example", b"c@d.example", b"x\n.\r\nMAIL FROM:<e@f.example>\r\n"),
        "a call that is on no list": message(STRIPE, 3000, POST, b"/v1/payouts", b"amount=1", b""),
        "a call that climbs": message(STRIPE, 3000, GET, b"/v1/refunds/../payouts", b"", b""),
        "a call to another's list": message(PAYSTACK, 3000, POST, b"/v1/refunds", b"{}", b""),
        "a call to another host": message(STRIPE, 3000, GET, b"@evil.example/v1/refunds", b"", b""),
        "a call with a header in its key": message(STRIPE, 3000, POST, b"/v1/refunds", b"a=b", b"k\r\nX: y"),
        "a method that is none": message(STRIPE, 3000, 2, b"/v1/refunds", b"a=b", b""),
        "nothing to verify": message(PAYSTACK_VERIFY, 3000, b"{}", b""),
        "noise": os.urandom(64).replace(b"\x00", b"\x01"),
        "two at once": hook + hook,
    }
    half = {"half a header": hook[:5], "half a message": hook[:-3]}
    # At once, not after the five seconds in which the rest of half a message may come.
    commands = [f"raw {text.hex()} 4500" for text in bad.values()] + [f"raw {text.hex()} 30000" for text in half.values()]
    got = outworld.run(commands + [fetch(f"{PUBLIC}/ok")])
    answers = dict(zip([*bad, *half], got["answers"]))
    wrong = {name: answer for name, answer in answers.items() if answer != "dropped"}
    # Of two at once the first may have been on its way: it gets no answer either.
    assert not wrong, wrong
    # The others are served all the same.
    assert got["answers"][-1].startswith("OK 200"), got["answers"][-1]
    assert not got["heard"], got["heard"]


@only("sqlite")
def test_certificates_are_checked_against_the_authorities_that_are_trusted(ctx):
    names = {name: ["93.184.216.34"] for name in ("expired.example", "stranger.example", "wrong.example")}
    got = outworld.run([fetch(f"https://{name}/ok") for name in names] + [fetch(f"{PUBLIC}/ok")], names=names)
    assert got["answers"][:3] == ["UNAVAILABLE"] * 3 and got["answers"][3].startswith("OK 200"), got["answers"]
    assert len(got["requests"]) == 1, got["requests"]
    # Of the system's authorities none has signed it.
    got = outworld.run([fetch(f"{PUBLIC}/ok")], env={"SUTLER_COURIER_CA_FILE": None})
    assert got["answers"] == ["UNAVAILABLE"] and not got["requests"], got
    # Were it one of them, it would be.
    got = outworld.run([fetch(f"{PUBLIC}/ok"), fetch(f"{PUBLIC}/ok"), fetch("https://stranger.example/ok")], names=names,
                       env={"SUTLER_COURIER_CA_FILE": None}, trusts_box=True)
    assert [answer[:6] for answer in got["answers"]] == ["OK 200", "OK 200", "UNAVAI"], got


@only("sqlite")
def test_a_destination_of_the_settings_is_taken_as_named(ctx):
    def keys(url, names=None, **env):
        got = outworld.run([fetch("-", "google-keys")], names=names, env={"SUTLER_GOOGLE_KEYS_URL": url, **env})
        return got["answers"][0], got["heard"]
    # The trap hears who goes there: that it is silent elsewhere means something.
    assert keys("https://127.0.0.1/certs") == ("UNAVAILABLE", ["127.0.0.1 443"])
    assert keys("https://inside.example:8443/", {"inside.example": ["10.0.0.1"]}) == ("UNAVAILABLE", ["10.0.0.1 8443"])
    # In clear on this machine alone, whatever DNS says.
    answer, heard = keys("http://localhost:8080/certs")
    assert answer == "UNAVAILABLE" and set(heard) <= {"127.0.0.1 8080", "::1 8080"} and heard, (answer, heard)
    assert keys("http://inside.example:8080/", {"inside.example": ["10.0.0.1"]}) == ("DENIED", [])
    assert keys("http://10.0.0.1:8080/") == ("DENIED", [])
    # The environment has no say in it.
    proxies = {name: "http://127.0.0.1:8080" for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")}
    answer, heard = keys(f"{PUBLIC}/keys", **proxies, SSLKEYLOGFILE="/tmp/keys.log")
    assert answer.startswith("OK 200") and not heard, (answer, heard)


@only("sqlite")
def test_who_dies_or_stops_in_the_middle_of_a_call_is_noticed(ctx):
    start = time.monotonic()
    got = outworld.run(["@9 0.5", fetch(f"{PUBLIC}/silent", ms=29000), fetch(f"{PUBLIC}/ok", ms=29000), "end"])
    assert got["answers"] == ["UNAVAILABLE", "UNAVAILABLE", "signal 9"], got["answers"]
    # Who did not notice would wait for both in vain.
    assert time.monotonic() - start < 29
    got = outworld.run(["@19 0.5", fetch(f"{PUBLIC}/silent", ms=2000), "@18 0", "wait 300", fetch(f"{PUBLIC}/ok")])
    assert got["answers"][0] == "UNAVAILABLE" and got["answers"][2].startswith("OK 200"), got["answers"]
    # It says that it could rest, and that nobody is there any more; TERM ends it.
    got = outworld.run(["rest", "hang up", "rest", "@15 0", "end"])
    assert got["answers"] == ["REST", "done", "EMPTY", "exit 0"], got["answers"]


# What tests/lib/probe.c does on which signal.
OPEN, SOCKET, EXEC, FORK, CODE, WRITE, SIGNAL, OWNER, FAST_OPEN, BIND, CONNECT, RAW = (
    signal.SIGRTMIN + 1 + n for n in range(12))


class Courier:
    """One of its own with what it may not do at hand; the environment is its settings."""

    def __init__(self, env=None, program="-probe"):
        tool = pathlib.Path(sutler.PROGRAM).parent / "tests/tools/errand"
        self.process = subprocess.Popen([tool, sutler.PROGRAM + program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=sutler.clean_env({"GOOGLE_CLIENT_ID": "box", **(env or {})}))
        assert self.process.stdout.readline() == "ready\n", self.process.stderr.read()
        self.pid = int(self.ask("pid"))

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.said = self.process.stderr.read()
        self.process.wait(60)


@only("sqlite")
def test_a_courier_that_leaves_its_table_dies_or_is_refused(ctx):
    if SANITIZED:
        raise Skip("a sanitizer's own calls are allowed")
    for sig in (EXEC, FORK, CODE, WRITE, SIGNAL, OWNER, FAST_OPEN, BIND, RAW):
        with Courier() as courier:
            os.kill(courier.pid, sig)
            assert courier.ask("end") == "signal 31", sig
        assert "probe:" not in courier.said, (sig, courier.said)
    for sig in (OPEN, CONNECT):
        with Courier() as courier:
            os.kill(courier.pid, sig)
            time.sleep(0.3)
            assert courier.ask(fetch("-", "facebook-me", "token")) == "NOT_FOUND"
        assert "probe: refused" in courier.said, (sig, courier.said)


class Provider(http.server.ThreadingHTTPServer):
    """A provider of payments in clear, on this machine; keeps what it was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.server.asked.append((self.command, self.path, dict(self.headers), body.decode()))
            status, answer = self.server.answers.pop(0) if self.server.answers else (200, b"{}")
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.asked, self.answers = [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


@only("sqlite")
def test_a_call_to_a_provider_of_payments_carries_the_shop_s_key(ctx):
    with Provider() as provider:
        keys = {"STRIPE_SECRET_KEY": "sk_test_7c1d", "SUTLER_STRIPE_API_URL": provider.url,
                "PAYSTACK_SECRET_KEY": "sk_pay_93ab", "SUTLER_PAYSTACK_API_URL": provider.url + "/base/"}
        with Courier(env=keys, program="") as courier:
            provider.answers = [(200, b'{"id":"pi_1"}'), (402, b'{"error":{}}'), (500, b"")]
            form = "amount=1099&currency=usd&automatic_payment_methods%5Benabled%5D=true"
            assert courier.ask(f"call stripe POST /v1/payment_intents order-7 {form} 4000") == 'OK 200 0 application/json 13 {"id":"pi_1"}'
            # Any status is an answer.
            assert courier.ask("call stripe GET /v1/payment_intents?limit=2&created%5Bgte%5D=1 - - 4000").startswith("OK 402 0")
            assert courier.ask("call paystack POST /transaction/initialize - {\"amount\":1} 4000").startswith("OK 500 0")
            assert courier.ask("call paystack GET /transaction/verify/SU-2026-00001 - - 4000").startswith("OK 200")
            for wrong in ("call stripe POST /v1/payouts - a=b 4000", "call stripe GET /v1/refunds/.. - - 4000",
                          "call paystack POST /refund key {} 4000", "call stripe GET /v1/refunds key - 4000"):
                assert courier.ask(wrong) == "INVALID", wrong
            made, listed, started, verified = provider.asked
            assert made[:2] == ("POST", "/v1/payment_intents") and made[3] == form, made
            common = {"Host": provider.url[7:], "User-Agent": "Sutler", "Accept": "application/json"}
            assert made[2] == {**common, "Authorization": "Bearer sk_test_7c1d", "Stripe-Version": "2020-08-27", "Idempotency-Key": "order-7",
                               "Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(form))}, made[2]
            assert listed[:2] == ("GET", "/v1/payment_intents?limit=2&created%5Bgte%5D=1"), listed
            assert listed[2] == {**common, "Authorization": "Bearer sk_test_7c1d", "Stripe-Version": "2020-08-27"}, listed[2]
            assert started[:2] == ("POST", "/base/transaction/initialize") and started[3] == '{"amount":1}', started
            assert started[2] == {**common, "Authorization": "Bearer sk_pay_93ab", "Content-Type": "application/json", "Content-Length": "12"}, started[2]
            assert verified[:2] == ("GET", "/base/transaction/verify/SU-2026-00001"), verified
        with Courier(program="") as courier:
            assert courier.ask("call stripe GET /v1/refunds - - 4000") == "NOT_FOUND"
            assert courier.ask("verify 00 {} 4000") == "NOT_FOUND"
        provider.shutdown()
        provider.server_close()
        with Courier(env=keys, program="") as courier:
            assert courier.ask("call stripe GET /v1/refunds - - 4000") == "UNAVAILABLE"


@only("sqlite")
def test_a_webhook_is_verified_by_who_has_the_key(ctx):
    body = '{"event":"charge.success"}'
    right = hmac.new(b"sk_pay_93ab", body.encode(), "sha512").hexdigest()
    with Courier(env={"PAYSTACK_SECRET_KEY": "sk_pay_93ab"}, program="") as courier:
        assert courier.ask(f"verify {right} {body} 4000") == "OK theirs"
        assert courier.ask(f"verify {right.upper()} {body} 4000") == "OK theirs"
        other = hmac.new(b"sk_pay_93ac", body.encode(), "sha512").hexdigest()
        flipped = f"{int(right[0], 16) ^ 1:x}" + right[1:]
        for wrong in (other, flipped, right[:-2], right[:-1], right + "00", "0" * 128, "x" * 128, "00", "a"):
            assert courier.ask(f"verify {wrong} {body} 4000") == "OK forged", wrong
        assert courier.ask(f"verify {right} {body}x 4000") == "OK forged"


@only("sqlite")
def test_the_courier_of_a_shop(ctx):
    """Started by the supervisor, shut in as the others, the only one with what it signs in there with; back when it dies."""
    password, secret = "mail-password-8c1f0e", "facebook-secret-77ab10"
    with socket.create_server(("127.0.0.1", 0)) as mail_server:
        server = ctx.own_server(env={"EMAIL_HOST": "localhost", "EMAIL_PORT": str(mail_server.getsockname()[1]), "EMAIL_HOST_USER": "shop",
                                     "EMAIL_HOST_PASSWORD": password, "DEFAULT_FROM_EMAIL": "shop@shop.example",
                                     "SUTLER_FACEBOOK_APP_ID": "1234", "SUTLER_FACEBOOK_APP_SECRET": secret})
        pid = server.role("courier")
        # It has its name before its walls stand, and reads its authorities until then.
        end = time.monotonic() + 60
        while "\nSeccomp:\t2\n" not in pathlib.Path(f"/proc/{pid}/status").read_text():
            assert time.monotonic() < end, "no walls"
            time.sleep(0.01)
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
            assert status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1", status
            assert int(status["Seccomp_filters"]) >= 2, status["Seccomp_filters"]
            assert all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")), status
        assert pathlib.Path(f"/proc/{pid}/environ").read_bytes().strip(b"\0") == b""
        assert b"=" not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"--role=courier", b"").replace(b"--rest=", b"")
        kinds = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        assert all(not kind.startswith("/") or kind.startswith("/dev/null") or kind == str(server.log_path) for kind in kinds), kinds
        if os.geteuid() == 0 and not SANITIZED:
            needles = {password.encode(), secret.encode()}
            assert sutler.found_in_memory(pid, needles) == needles
            for role in ("worker", "keeper"):
                assert not sutler.found_in_memory(server.role(role), needles), role
        # A mail is on its way: the server of the settings is called, and hangs.
        server.client().register(sutler.new_email("courier"))
        mail_server.settimeout(60)
        first, _ = mail_server.accept()
        os.kill(pid, signal.SIGKILL)
        assert first.recv(1) == b""
        # The next try brings another one, through the same door.
        second, _ = mail_server.accept()
        assert server.role("courier") != pid
        # One that stops is found out, and replaced.
        stopped = server.role("courier")
        os.kill(stopped, signal.SIGSTOP)
        end = time.monotonic() + 60
        while sutler.is_alive(stopped):
            assert time.monotonic() < end, server.log_text()[-1500:]
            time.sleep(0.05)
        assert "event=role_silent which=courier" in server.log_text()
        server.client().register(sutler.new_email("courier"))
        third, _ = mail_server.accept()
        for connection in (first, second, third):
            connection.close()
        assert server.client().get("/api/catalog/products/").status == 200


@only("sqlite")
def test_a_shop_without_destinations_has_no_courier(ctx):
    server = ctx.server()
    names = {pathlib.Path(f"/proc/{pid}/comm").read_text().strip() for pid in server.roles()}
    assert names == {"sutler-keeper", "sutler-worker"}, names


@only("sqlite")
def test_a_courier_is_small(ctx):
    if SANITIZED:
        raise Skip("a sanitizer's memory")
    with Courier(program="") as courier:
        lines = pathlib.Path(f"/proc/{courier.pid}/smaps_rollup").read_text().splitlines()
        own = sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty:", "Private_Clean:")))
        pss = next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))
    assert pss <= 3 * 1024, f"{pss} KiB of its own, {own} KiB with what it alone maps"
