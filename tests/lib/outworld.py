# SPDX-License-Identifier: Apache-2.0
"""outworld - an Internet in a box: a network and mount namespace of its own, for a courier in it.

    outworld.run(commands, names=…, env=…)
    outworld.enter(file, order)

runs this very file within the box, which gives the loopback device public addresses, answers DNS, and
listens on all ports that matter: what is public is a web server with a certificate of the box's own
authority, what is not is a trap.  It drives a courier (tests/tools/errand.c) with the commands, and gives
{"answers": a line each, "heard": what connected to a trap, "requests": what the web server was asked}.
enter() runs another file of tests/lib there, which builds a Box of its own and prints what it has to say.
"""
import json
import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

PUBLIC = {"93.184.216.34", "2606:2800:220:1::1"}
# Of each kind that is refused one is really there: a courier that went would be heard.
TRAPPED = ("169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "198.18.0.1", "192.0.0.8",
           "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "100.100.100.200", "168.63.129.16",
           "240.0.0.1", "fc00::1", "fd00:ec2::254", "fec0::1", "2002:7f00:1::1", "2002:7f00:1::",
           "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2001:0:7f00:1::", "2001:db8::1", "3fff::1", "100::1",
           "::7f00:1", "::ffff:0:7f00:1", "2600::5efe:7f00:1")
PORTS = (443, 80, 22, 25, 53, 6379, 8080, 8443)


def run(commands, names=None, env=None, timeout=240, trusts_box=False):
    return enter(__file__, {"commands": commands, "names": names or {}, "env": env or {}, "trusts_box": trusts_box},
                 timeout)


def enter(file, order, timeout=240):
    from sutler import PROGRAM, Skip, clean_env
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        raise Skip("no namespaces for who is not root")
    order = {**order, "program": PROGRAM}
    done = subprocess.run(["unshare", "-n", "-m", "--propagation", "private", sys.executable, file],
                          input=json.dumps(order), capture_output=True, text=True, timeout=timeout, env=clean_env())
    if done.returncode == 77:
        raise Skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout)


# -- within the box


def shell(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    return done.returncode == 0


class Box:
    def __init__(self, order):
        self.order, self.heard, self.requests, self.asked = order, [], [], {}
        self.lock = threading.Lock()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="outworld-"))

    def build(self):
        if not shell("ip", "link", "set", "lo", "up"):
            sys.stderr.write("no network of our own\n")
            sys.exit(77)
        for address in [*PUBLIC, *TRAPPED]:
            shell("ip", "addr", "add", address + ("/128" if ":" in address else "/32"), "dev", "lo",
                  *(["nodad"] if ":" in address else []))
        for name, text in (("hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"),
                           ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:3 attempts:2\n")):
            path = self.folder / name
            path.write_text(text)
            path.chmod(0o644)
            assert shell("mount", "--bind", str(path), str(pathlib.Path("/etc", name).resolve())), name
        self.make_certificates()
        if self.order.get("trusts_box"):  # as if it were one of the system's authorities
            bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
            if not bundle.exists() or not shell("mount", "--bind", str(self.folder / "ca.pem"), str(bundle.resolve())):
                sys.stderr.write("the system keeps its authorities elsewhere\n")
                sys.exit(77)
        for port in PORTS:
            self.listen(port)
        threading.Thread(target=self.answer_names, daemon=True).start()

    def make_certificates(self):
        def openssl(*words):
            subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=self.folder)
        ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *ec, "-days", "30", "-subj", "/CN=Box", "-keyout", "ca.key", "-out", "ca.pem")
        hosts = ",".join([f"DNS:{name}" for name in self.order["names"] if not name.startswith("wrong")]
                         + [f"IP:{address}" for address in PUBLIC] + ["DNS:pictures.example"])
        (self.folder / "ext").write_text(f"subjectAltName={hosts}\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-new", *ec, "-subj", "/CN=box", "-keyout", "box.key", "-out", "box.csr")
        openssl("x509", "-req", "-in", "box.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "30", "-extfile", "ext", "-out", "box.pem")
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.folder / "box.pem", self.folder / "box.key")
        # Others, for who calls them by name.
        openssl("req", "-new", *ec, "-subj", "/CN=box", "-addext", "subjectAltName=DNS:expired.example",
                "-keyout", "expired.key", "-out", "expired.csr")
        (self.folder / "expired.ext").write_text("subjectAltName=DNS:expired.example\nbasicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-in", "expired.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "-1", "-extfile", "expired.ext", "-out", "expired.pem")
        openssl("req", "-x509", *ec, "-days", "30", "-subj", "/CN=stranger.example", "-addext",
                "subjectAltName=DNS:stranger.example", "-keyout", "stranger.key", "-out", "stranger.pem")
        self.others = {}
        for name in ("expired", "stranger"):
            context = self.others[f"{name}.example"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        def choose(connection, name, _):
            connection.context = self.others.get(name, self.tls)
        self.tls.sni_callback = choose

    # names

    def answer_names(self):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 53))
        while True:
            query, client = server.recvfrom(2048)
            try:
                server.sendto(self.answer_to(query), client)
            except (IndexError, struct.error):
                continue

    def answer_to(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        name, kind = ".".join(labels).lower(), struct.unpack(">H", query[at + 1:at + 3])[0]
        question = query[12:at + 5]
        with self.lock:
            turn = self.asked[name, kind] = self.asked.get((name, kind), -1) + 1
        answers = self.order["names"].get(name)
        if name == "pictures.example":
            answers = sorted(PUBLIC)
        if answers is None:
            return query[:2] + struct.pack(">HHHHH", 0x8183, 1, 0, 0, 0) + question
        if answers and isinstance(answers[0], list):  # another answer each time
            answers = answers[min(turn, len(answers) - 1)]
        records = b""
        count = 0
        for answer in answers:
            family = socket.AF_INET6 if ":" in answer else socket.AF_INET
            if kind == (28 if ":" in answer else 1):
                raw = socket.inet_pton(family, answer)
                records += struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(raw)) + raw
                count += 1
        return query[:2] + struct.pack(">HHHHH", 0x8180, 1, count, 0, 0) + question + records

    # listeners

    def listen(self, port):
        server = socket.socket(socket.AF_INET6)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("::", port))
        server.listen(64)
        threading.Thread(target=self.accept, args=(server, port), daemon=True).start()

    def accept(self, server, port):
        while True:
            conn, _ = server.accept()
            here = conn.getsockname()[0].removeprefix("::ffff:")
            if here in PUBLIC and port == 443:
                threading.Thread(target=self.serve, args=(conn,), daemon=True).start()
                continue
            with self.lock:
                self.heard.append(f"{here} {port}")
            conn.close()

    def serve(self, conn):
        try:
            with self.tls.wrap_socket(conn, server_side=True) as tls:
                tls.settimeout(60)
                text = b""
                while b"\r\n\r\n" not in text:
                    piece = tls.recv(65536)
                    if not piece:
                        return
                    text += piece
                head, _, body = text.partition(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")
                length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
                while len(body) < length:
                    piece = tls.recv(65536)
                    if not piece:
                        return
                    body += piece
                with self.lock:
                    self.requests.append({"head": lines, "body": body.decode("latin-1")})
                self.reply(tls, lines[0].split(" ")[1])
        except OSError:
            pass

    def reply(self, tls, target):
        path, _, query = target.partition("?")
        body, head = b"a picture", ["Content-Type: image/png", "Set-Cookie: who=you", "Cache-Control: max-age=60"]
        status = "200 OK"
        if path.startswith("/to"):
            status, body = f"{path[3:] or '302'} Found", b""
            head.append(f"Location: {query}")
        elif path == "/missing":
            status = "404 Not Found"
        elif path == "/big":
            body = b"x" * (int(query) if query else 5242881)
        elif path == "/endless":
            tls.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                tls.sendall(b"x" * 65536)
        elif path == "/heads":
            tls.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                tls.sendall(b"X-Y: " + b"z" * 1000 + b"\r\n")
        elif path == "/drip":
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while True:
                tls.sendall(b"x")
                time.sleep(0.5)
        elif path == "/silent":
            time.sleep(60)
        elif path == "/noise":
            tls.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 10)
            return
        elif path == "/packed":  # by the transfer, not the content
            body = zlib.compress(b"x" * 1_000_000, wbits=31)
            tls.sendall(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {query}\r\n\r\n{len(body):x}\r\n".encode()
                        + body + b"\r\n0\r\n\r\n")
            return
        elif path == "/zip":
            head.append("Content-Encoding: gzip")
            body = b"\x1f\x8b\x08\x00 no gzip at all"
        tls.sendall("\r\n".join([f"HTTP/1.1 {status}", *head, f"Content-Length: {len(body)}", "", ""]).encode() + body)

    # the courier

    def drive(self):
        env = {"PATH": os.environ["PATH"], "SUTLER_COURIER_CA_FILE": str(self.folder / "ca.pem"),
               "GOOGLE_CLIENT_ID": "box", "SUTLER_GOOGLE_KEYS_URL": "https://pictures.example/keys",
               "HOME": str(self.folder),
               **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **self.order["env"]}
        env = {name: value for name, value in env.items() if value is not None}
        tool = pathlib.Path(self.order["program"]).parent / "tests/tools/errand"
        process = subprocess.Popen([tool, self.order["program"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True, errors="replace", env=env, cwd=self.folder)
        first = process.stdout.readline()
        assert first == "ready\n", first
        process.stdin.write("pid\n")
        process.stdin.flush()
        pid = int(process.stdout.readline())
        answers = []
        for command in self.order["commands"]:
            if command.startswith("@"):  # "@SIGNAL SECONDS": to the courier, a while later
                number, seconds = command[1:].split()
                threading.Timer(float(seconds), os.kill, (pid, int(number))).start()
                continue
            process.stdin.write(command + "\n")
            process.stdin.flush()
            answers.append(process.stdout.readline().rstrip("\n"))
        process.stdin.close()
        assert process.wait(60) == 0, process.returncode
        return answers


def main():
    box = Box(json.load(sys.stdin))
    try:
        box.build()
        answers = box.drive()
        time.sleep(0.2)
        print(json.dumps({"answers": answers, "heard": box.heard, "requests": box.requests}))
    finally:
        shutil.rmtree(box.folder, ignore_errors=True)
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
