# SPDX-License-Identifier: Apache-2.0
"""The courier: where it goes, where nothing brings it, and what becomes of who asks it wrongly."""
import os
import pathlib
import re
import signal
import socket
import struct
import threading
import time

import outworld
import sutler
from sutler import Skip, only

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


MAIL, KEYS, DEBUG, ME, PICTURE, WEBHOOK = range(1, 7)
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
def test_a_worker_that_breaks_the_table_is_dropped(ctx):
    url = b"https://pictures.example/ok"
    hook = message(WEBHOOK, 3000, url, b"a=b", b"")
    bad = {
        "no such purpose": message(7, 3000, url, b"", b""),
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
        "noise": os.urandom(64).replace(b"\x00", b"\x01"),
        "two at once": hook + hook,
    }
    half = {"half a header": hook[:5], "half a message": hook[:-3]}
    commands = [f"raw {text.hex()} 3000" for text in bad.values()]
    got = outworld.run(commands + [f"raw {text.hex()} 8000" for text in half.values()] + [fetch(f"{PUBLIC}/ok")])
    answers = dict(zip([*bad, *half], got["answers"]))
    wrong = {name: answer for name, answer in answers.items() if answer != "dropped"}
    # Of two at once the first may have been on its way: it gets no answer either.
    assert not wrong, wrong
    # The others are served all the same.
    assert got["answers"][-1].startswith("OK 200"), got["answers"][-1]
    assert not got["heard"], got["heard"]
