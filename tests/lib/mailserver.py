# SPDX-License-Identifier: Apache-2.0
"""mailserver - mail servers for the tests: a real one (Exim), and one that misbehaves as it is told.

Exim runs from a folder of its own, on loopback ports, as a user without rights; what it takes over
lies in a maildir.  Both are ended by the process or thread that we hold.
"""
import contextlib
import email
import email.policy
import os
import pathlib
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from ports import give_back, lasting_port
from sutler import Skip

USER, PASSWORD = "shop", "fk2-Mailbox-secret"


class Authority:
    """A certificate authority of the test's own, and certificates of it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ca, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", "/CN=Test CA", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign", "-keyout", self.key, "-out", self.ca)

    def issue(self, name, hosts="DNS:localhost,IP:127.0.0.1", days="30"):
        cert, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={hosts}\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/CN=mail.test", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.key, "-CAcreateserial",
                "-days", days, "-extfile", extensions, "-out", cert)
        return cert, key


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def parse(data):
    return email.message_from_bytes(data, policy=email.policy.default)


CONFIG = """
primary_hostname = mail.test
exim_path = {program}
exim_user = {user}
exim_group = {group}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port} : {port_tls}
tls_on_connect_ports = {port_tls}
tls_advertise_hosts = *
tls_certificate = {cert}
tls_privatekey = {key}
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
acl_smtp_rcpt = acl_rcpt
deliver_drop_privilege = true
never_users =
keep_environment =
host_lookup =
rfc1413_hosts =
smtp_accept_max = 20
qualify_domain = mail.test

begin acl
acl_rcpt:
  deny message = 5.1.1 nobody here by that name
       condition = ${{if match{{$local_part}}{{^unknown}}}}
  accept authenticated = *
  deny message = 5.7.0 sign in first

begin routers
all:
  driver = accept
  transport = box

begin transports
box:
  driver = appendfile
  directory = {folder}/box
  maildir_format
  envelope_to_add
  return_path_add
  user = {user}
  group = {group}
  mode = 0644

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{name}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${{if and{{{{eq{{$auth1}}{{{name}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
"""


class Exim:
    """A mail server that wants TLS and a name: port for STARTTLS, port_tls for TLS from the first byte."""

    def __init__(self, authority=None, hosts="DNS:localhost,IP:127.0.0.1"):
        self.program = shutil.which("exim4", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if self.program is None:
            raise Skip("no exim4 (tools/setup test)")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sutler-exim-"))
        self.authority = authority or Authority(self.folder)
        cert, key = self.authority.issue(f"mail{id(self)}", hosts)
        entry = pwd.getpwnam("Debian-exim") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self.uid, self.gid = entry.pw_uid, entry.pw_gid
        for name in ("spool", "log", "box"):
            (self.folder / name).mkdir()
        self.port, self.port_tls = lasting_port(), lasting_port()
        own_cert, own_key = self.folder / "cert.pem", self.folder / "key.pem"
        own_cert.write_bytes(cert.read_bytes())
        own_key.write_bytes(key.read_bytes())
        self.config = self.folder / "exim.conf"
        self.config.write_text(CONFIG.format(program=self.program, user=entry.pw_name, group=entry.pw_gid,
                                             folder=self.folder, port=self.port, port_tls=self.port_tls,
                                             cert=own_cert, key=own_key, name=USER, password=PASSWORD))
        if os.getuid() == 0:
            for path in [self.folder, *self.folder.iterdir()]:
                os.chown(path, self.uid, self.gid)
        # The shop reads the authority's certificate.
        self.folder.chmod(0o755)
        self.process = None

    def start(self):
        who = {"user": self.uid, "group": self.gid, "extra_groups": []} if os.getuid() == 0 else {}
        self.process = subprocess.Popen([self.program, "-C", self.config, "-bdf", "-q10s"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=(self.folder / "err").open("ab"),
                                        cwd=self.folder, env={"PATH": "/usr/bin:/bin"}, start_new_session=True,
                                        **who)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            # It listens before it has a process for who calls: the greeting may take a while.
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.settimeout(20)
                probe.connect(("127.0.0.1", self.port))
                if probe.recv(16).startswith(b"220"):
                    probe.sendall(b"QUIT\r\n")
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError("exim does not start: " + self.told())

    def told(self):
        files = [self.folder / "err", *sorted((self.folder / "log").glob("*"))]
        return "".join(f.read_text(errors="replace") for f in files if f.exists())

    def stop(self):
        """With its connections: each is a process of the session that we began."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(30)
        self.process = None

    def done(self):
        self.stop()
        give_back(self.port)
        give_back(self.port_tls)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *_):
        self.done()

    def settings(self, implicit=False, **more):
        """The environment of a shop that sends by it."""
        env = {"EMAIL_HOST": "localhost", "EMAIL_PORT": str(self.port_tls if implicit else self.port),
               "EMAIL_HOST_USER": USER, "EMAIL_HOST_PASSWORD": PASSWORD,
               "EMAIL_USE_SSL": "True" if implicit else "False", "EMAIL_USE_TLS": "False" if implicit else "True",
               "DEFAULT_FROM_EMAIL": "The Shop <shop@shop.example>", "EMAIL_TIMEOUT": "10",
               "SUTLER_COURIER_CA_FILE": str(self.authority.ca)}
        return env | more

    def mails(self):
        """All that were taken over, in the order of their arrival, as bytes."""
        files = [f for name in ("new", "cur") for f in (self.folder / "box" / name).glob("*")]
        return [f.read_bytes() for f in sorted(files, key=lambda f: f.stat().st_mtime_ns)]

    def wait_mails(self, n, to=None, seconds=90):
        """Until there are n (to this address)."""
        end = time.monotonic() + seconds
        while True:
            found = [parse(m) for m in self.mails()]
            found = [m for m in found if to is None or m["Envelope-to"] == to]
            if len(found) >= n:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"{len(found)} mails, not {n}:\n{self.told()[-3000:]}")
            time.sleep(0.05)


class Fake:
    """
    A mail server that answers as `answers` says ({"DATA": "451 later"}); a callable gets each
    whole message before the answer to it.  Keeps the lines that it hears and the mails that it took.
    """

    def __init__(self, pair=None, implicit=False, starttls=False, answers=None, on_message=None):
        self.pair, self.implicit, self.starttls = pair, implicit, starttls
        self.answers, self.on_message = answers or {}, on_message
        self.heard, self.mails, self.connections = [], [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_over = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.is_over:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _wrap(self, connection):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.pair)
        return context.wrap_socket(connection, server_side=True)

    def _talk(self, connection):
        try:
            connection.settimeout(30)
            if self.implicit:
                connection = self._wrap(connection)
            stream = connection.makefile("rb")
            connection.sendall(b"220 fake.test ESMTP\r\n")
            while line := stream.readline(4096):
                text = line.decode("latin-1").rstrip("\r\n")
                self.heard.append(text)
                word = text.split(" ")[0].upper()
                answer = self.answers.get(word)
                if word == "EHLO" and answer is None:
                    lines = ["fake.test"] + (["STARTTLS"] if self.starttls else []) + ["8BITMIME"]
                    answer = "\r\n".join(f"250{'-' if i + 1 < len(lines) else ' '}{x}" for i, x in enumerate(lines))
                if word == "STARTTLS" and self.starttls:
                    connection.sendall(b"220 go\r\n")
                    connection = self._wrap(connection)
                    stream = connection.makefile("rb")
                    continue
                if word == "DATA" and answer is None:
                    connection.sendall(b"354 go on\r\n")
                    data = b""
                    while (piece := stream.readline(65536)) not in (b".\r\n", b""):
                        data += piece[1:] if piece.startswith(b"..") else piece
                    if self.on_message is not None:
                        self.on_message(self, data)
                    answer = self.answers.get("END", "250 taken")
                    if answer.startswith("250"):
                        self.mails.append(data)
                if word == "QUIT":
                    connection.sendall(b"221 bye\r\n")
                    return
                connection.sendall((answer or "250 fine").encode() + b"\r\n")
        except (OSError, ssl.SSLError):
            pass
        finally:
            connection.close()

    def settings(self, authority, **more):
        """The environment of a shop that sends by it, without a name."""
        return {"EMAIL_HOST": "localhost", "EMAIL_PORT": str(self.port),
                "EMAIL_USE_SSL": "True" if self.implicit else "False",
                "EMAIL_USE_TLS": "False" if self.implicit else "True",
                "DEFAULT_FROM_EMAIL": "shop@shop.example", "EMAIL_TIMEOUT": "10",
                "SUTLER_COURIER_CA_FILE": str(authority.ca)} | more

    def wait_mails(self, n, seconds=90):
        end = time.monotonic() + seconds
        while len(self.mails) < n:
            if time.monotonic() > end:
                raise AssertionError(f"{len(self.mails)} mails, not {n}; heard {self.heard[-20:]}")
            time.sleep(0.05)
        return [parse(m) for m in self.mails]

    def done(self):
        self.is_over = True
        # Without it the thread that waits in accept() would take one more.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.done()
