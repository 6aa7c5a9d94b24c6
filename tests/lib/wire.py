# SPDX-License-Identifier: Apache-2.0
"""wire - a client that sends exactly the bytes it is told and reads answers by RFC 9112.

Nothing here is lenient: an answer that is no well-formed HTTP/1.1 message raises.
"""
import json as json_module
import socket
import ssl


class WireError(Exception):
    """The server's bytes are not an HTTP/1.1 answer, or none came."""


class Answer:
    """One answer: status, headers in their order, body."""

    def __init__(self, status, reason, headers, body, closed):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body
        self.closed = closed

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def all(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json_module.loads(self.body.decode())

    def __repr__(self):
        return f"<{self.status} {self.get('content-type')} {self.body[:300]!r}>"


class Conn:
    """One connection, plain or TLS.  `source` binds another loopback address (127.0.0.N)."""

    def __init__(self, host, port, tls=False, timeout=60, source=None, context=None,
                 server_hostname="localhost"):
        self.sock = socket.create_connection(
            (host, port), timeout, source_address=(source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = context or insecure_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=server_hostname)
        self.buffer = b""
        self.eof = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def _more(self):
        if self.eof:
            return False
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            data = b""
        if not data:
            self.eof = True
            return False
        self.buffer += data
        return True

    def _line(self):
        while b"\r\n" not in self.buffer:
            if len(self.buffer) > 65536:
                raise WireError("a header line without an end")
            if not self._more():
                raise WireError(f"the connection ended in a head: {self.buffer[:200]!r}")
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        if b"\n" in line or b"\r" in line or b"\0" in line:
            raise WireError(f"a bare control character in {line!r}")
        return line.decode("latin-1")

    def _exactly(self, n):
        while len(self.buffer) < n:
            if not self._more():
                raise WireError(f"the body ended after {len(self.buffer)} of {n} bytes")
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def read(self, method="GET"):
        """The next final answer; 100 Continue is passed over and noted in .continued."""
        self.continued = False
        while True:
            line = self._line()
            parts = line.split(" ", 2)
            if len(parts) != 3 or parts[0] != "HTTP/1.1" or not (len(parts[1]) == 3 and parts[1].isdigit()):
                raise WireError(f"no status line: {line!r}")
            status = int(parts[1])
            headers = []
            while True:
                line = self._line()
                if not line:
                    break
                name, colon, value = line.partition(":")
                if not colon or not name or name != name.strip():
                    raise WireError(f"no header: {line!r}")
                headers.append((name, value.strip(" \t")))
            if status == 100:
                self.continued = True
                continue
            break
        answer = Answer(status, parts[2], headers, b"", False)
        lengths, codings = answer.all("content-length"), answer.all("transfer-encoding")
        if len(lengths) > 1 or (lengths and codings):
            raise WireError("an answer with two lengths")
        if method == "HEAD" or status in (204, 304):
            if status == 204 and (lengths or codings):
                raise WireError("204 with a length")
        elif codings:
            if codings != ["chunked"]:
                raise WireError(f"transfer coding {codings}")
            body = b""
            while True:
                size = int(self._line().split(";")[0], 16)
                if size == 0:
                    while self._line():
                        pass
                    break
                body += self._exactly(size)
                if self._exactly(2) != b"\r\n":
                    raise WireError("a chunk without its end")
            answer.body = body
        elif lengths:
            answer.body = self._exactly(int(lengths[0]))
        else:
            while self._more():
                pass
            answer.body, self.buffer = self.buffer, b""
        answer.closed = "close" in [v.lower() for v in answer.all("connection")]
        return answer

    def is_ended(self, timeout=20):
        """Whether the server ends the connection in time, sending nothing more."""
        self.sock.settimeout(timeout)
        if self.buffer:
            return False
        try:
            return not self._more()
        except (TimeoutError, socket.timeout):
            return False


def insecure_context(minimum=None, maximum=None, alpn=None):
    """TLS without a check of the certificate: the tests' servers make their own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if minimum:
        context.minimum_version = minimum
    if maximum:
        context.maximum_version = maximum
    if alpn:
        context.set_alpn_protocols(alpn)
    return context
