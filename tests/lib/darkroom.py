# SPDX-License-Identifier: Apache-2.0
"""darkroom - the role itself, started as the supervisor starts it, with one picture a process."""
import os
import signal
import socket
import struct
import subprocess
import sys
import time

import sutler

FD = 5  # SUT_ROLE_FD_PICTURE
DEVELOP, PRINT = 1, 2
OUTCOMES = {1: "DONE", 2: "INVALID", 3: "PARSE", 4: "TOO_LARGE"}
KINDS = {1: "jpeg", 2: "png", 3: "webp"}
RESTED = 3


class Answer:
    """What came back, and what it took: files by name, megabytes, seconds; `outcome` None: nothing came."""

    def __init__(self, outcome=None, kind=None, width=0, height=0, files=()):
        self.outcome, self.kind, self.width, self.height = outcome, kind, width, height
        self.files = dict(zip(("full", "thumbnail", "larger"), files))
        self.code = self.megabytes = self.seconds = None

    def __repr__(self):
        return f"{self.outcome} {self.kind} {self.width}x{self.height} code={self.code}"


def inherited():
    """What a child would keep beside its standard three."""
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            if fd > 2 and os.get_inheritable(fd):
                yield fd
        except OSError:
            pass  # the list's own


class Process:
    def __init__(self, program=None, rest_ms=30000, prefix=()):
        ours, theirs = socket.socketpair()
        self.line = ours
        self.line.settimeout(60)

        argv = [*prefix, str(program or sutler.PROGRAM), "--role=darkroom", f"--rest={rest_ms}"]
        argv = [*prefix, str(program or sutler.PROGRAM), "--role=darkroom", f"--rest={rest_ms}"]
        # Not subprocess: it asks that a number it passes on is open here, too.
        self.pid = os.posix_spawnp(
            argv[0], argv, {},
            file_actions=[*((os.POSIX_SPAWN_CLOSE, fd) for fd in inherited()),
                          (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                          (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                          (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                          (os.POSIX_SPAWN_DUP2, theirs.fileno(), FD)],
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])
        theirs.close()

    def wait_shut_in(self, seconds=20):
        """Until its own walls stand."""
        end = time.monotonic() + seconds
        while True:
            with open(f"/proc/{self.pid}/status") as f:
                if "\nSeccomp:\t2\n" in f.read():
                    return self
            assert time.monotonic() < end, "no walls"
            time.sleep(0.005)

    def send(self, data, what=DEVELOP, width=0, height=0):
        try:
            self.line.sendall(struct.pack("<IIII", what, len(data), width, height) + data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it died meanwhile: what is received says so

    def _read(self, n):
        out = bytearray()
        while len(out) < n:
            try:
                some = self.line.recv(min(n - len(out), 1 << 20))
            except ConnectionResetError:
                some = b""
            if not some:
                raise EOFError
            out += some
        return bytes(out)

    def receive(self):
        try:
            outcome, kind, width, height, *lengths = struct.unpack("<7I", self._read(28))
            files = [self._read(n) for n in lengths] if outcome == 1 else []
            answer = Answer(OUTCOMES[outcome], KINDS.get(kind), width, height, files)
            assert not self.line.recv(1), "bytes after the answer"
        except EOFError:
            answer = Answer()
        return answer

    def reap(self, answer):
        _, status, used = os.wait4(self.pid, 0)
        answer.code = os.waitstatus_to_exitcode(status)
        self.line.close()
        answer.megabytes = used.ru_maxrss / 1024
        answer.seconds = used.ru_utime + used.ru_stime
        return answer

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.reap(Answer())


def develop(data, program=None, **ask):
    """One picture through one process."""
    p = Process(program)
    p.send(data, **ask)
    return p.reap(p.receive())


def cost(data):
    """The same from a small process: what a fork of a large one had counts as the child's."""
    done = subprocess.run([sys.executable, "-B", __file__], input=data, capture_output=True, check=True,
                          env={**os.environ, "SUTLER_PROGRAM": sutler.PROGRAM})
    outcome, code, megabytes, seconds = done.stdout.decode().split()
    answer = Answer(outcome)
    answer.code, answer.megabytes, answer.seconds = int(code), float(megabytes), float(seconds)
    return answer


if __name__ == "__main__":
    one = develop(sys.stdin.buffer.read())
    print(one.outcome, one.code, one.megabytes, one.seconds)
