# SPDX-License-Identifier: Apache-2.0
"""clamd - a real clamd of the test's own, whose whole database is one signature of its own."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from sutler import Skip

# Put together here, so that no scanner on the way takes this file for one.
EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS" + "-TEST-FILE!$H+H*").encode()


class Clamd:
    def __init__(self, port=None):
        program = shutil.which("clamd", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            raise Skip("no clamd")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="clamd-"))
        (self.folder / "db").mkdir()
        (self.folder / "db/test.ndb").write_text(f"Test.Eicar:0:*:{EICAR.hex()}\n")
        self.socket = self.folder / "clamd.sock"
        lines = ["Foreground yes", f"DatabaseDirectory {self.folder}/db", "StreamMaxLength 25M", f"TemporaryDirectory {self.folder}",
                 f"LocalSocket {self.socket}", "LocalSocketMode 600", "MaxThreads 4"]
        if os.geteuid() == 0:
            lines.append("User root")
        self.port = port
        if port:
            lines += [f"TCPSocket {port}", "TCPAddr 127.0.0.1"]
        (self.folder / "clamd.conf").write_text("\n".join(lines) + "\n")
        self.program = program
        self.start()

    @property
    def place(self):
        return f"localhost:{self.port}" if self.port else f"unix:{self.socket}"

    def start(self):
        self.log = open(self.folder / "out", "ab")
        self.process = subprocess.Popen([self.program, "-c", str(self.folder / "clamd.conf")], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        end = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < end, (self.folder / "out").read_text()
            time.sleep(0.05)

    def _answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                s.connect(str(self.socket))
                s.sendall(b"zPING\0")
                return s.recv(100) == b"PONG\0"
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Liar:
    """What listens where clamd should and is none: it reads all of it, waits (so many seconds, or for an event),
    says this, hangs up."""

    def __init__(self, says, after=0.0, reads=True):
        self.says, self.after, self.reads, self.heard = says, after, reads, 0
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="clamd-"))
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(self.folder / "clamd.sock"))
        self.server.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def place(self):
        return f"unix:{self.folder}/clamd.sock"

    def _accept(self):
        while True:
            try:
                conn, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        try:
            with conn:
                self.heard += 1
                text = b""
                while self.reads and not text.endswith(b"\0\0\0\0"):
                    piece = conn.recv(65536)
                    if not piece:
                        return
                    text = (text + piece)[-64:]
                if isinstance(self.after, threading.Event):
                    self.after.wait(60)
                else:
                    time.sleep(self.after)
                conn.sendall(self.says)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()
        shutil.rmtree(self.folder, ignore_errors=True)
