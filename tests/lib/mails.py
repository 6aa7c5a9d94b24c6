# SPDX-License-Identifier: Apache-2.0
"""mails - reads the mails of a server in development: the maildir under its data folder."""
import email
import email.policy
import json
import re
import time
import urllib.parse

LINK = re.compile(r"https?://\S+")


class Mail:
    def __init__(self, path):
        self.path = path
        self.message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        self.to = self.message["To"].addresses[0].addr_spec
        self.subject = self.message["Subject"]
        self.text = self.message.get_body(("plain",)).get_content()
        self.html = self.message.get_body(("html",)).get_content()

    def __repr__(self):
        return f"<{self.subject!r} to {self.to}>\n{self.text}"

    @property
    def link(self):
        """The link with a token; both parts have it, and one of them alone."""
        links = [url for url in LINK.findall(self.text) if "token=" in url]
        assert len(links) == 1, self
        assert links[0].replace("&", "&amp;") in self.html, (links, self.html)
        return links[0]

    @property
    def token(self):
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.link).query)["token"][0]


def wait_sent(server, seconds=60):
    """Until no mail waits: the postman has nothing more to open."""
    end = time.monotonic() + seconds
    while True:
        done = server.cli("mail", "list", "--json", *(["--insecure-dev"] if server.insecure_dev else []))
        assert done.returncode == 0, done
        if not any(row["state"] == "due" for row in json.loads(done.stdout)):
            return
        assert time.monotonic() < end, done.stdout
        time.sleep(0.05)


class Mailbox:
    """All mails of a server; those that were taken are not given again."""

    def __init__(self, server):
        self.folder, self.taken = server.data / "mail", set()

    def all(self):
        """In the order in which they were queued; what is being written is none yet."""
        paths = [p for sub in ("new", "cur") for p in (self.folder / sub).glob("*.sutler")]
        return [Mail(p) for p in sorted(paths, key=lambda p: int(p.name.split(".")[1].lstrip("M")))]

    def to(self, address):
        return [m for m in self.all() if m.to.lower() == address.lower()]

    def take(self, address, path="", n=1, seconds=60, subject=""):
        """The next n mails to an address, in order: whose link has this path, whose subject has these words."""
        end = time.monotonic() + seconds
        while True:
            found = [m for m in self.to(address) if m.path.name not in self.taken and
                     subject.lower() in m.subject.lower() and
                     (path == "" or any(urllib.parse.urlsplit(u).path.endswith(path) and "token=" in u
                                        for u in LINK.findall(m.text)))]
            if len(found) >= n:
                self.taken.update(m.path.name for m in found[:n])
                return found[:n] if n > 1 else found[0]
            if time.monotonic() > end:
                raise AssertionError(f"{len(found)} of {n} mails to {address} ({path}) after {seconds} s: {self.all()}")
            time.sleep(0.02)

    def saying(self, address, words, seconds=60):
        """All mails to an address that have these words, once there is one."""
        end = time.monotonic() + seconds
        while True:
            found = [m for m in self.to(address) if words in m.text]
            if found:
                return found
            assert time.monotonic() < end, f"no mail to {address} says {words!r} after {seconds} s: {self.all()}"
            time.sleep(0.05)

    def token(self, address, path):
        return self.take(address, path).token

    def nothing_to(self, address, seconds=1.0):
        """No mail that was not taken comes to the address."""
        time.sleep(seconds)
        left = [m for m in self.to(address) if m.path.name not in self.taken]
        assert not left, left
