# SPDX-License-Identifier: BSD-2-Clause
"""HTTP as bytes: a client that sends exactly what a test says and reads answers strictly, so
that a wrong length, a stray byte or a lost answer is seen and not repaired."""

import socket
import struct

from .server import PATIENCE


class Closed(Exception):
    """The connection ended where an answer was due."""


class Response:
    def __init__(self, version, status, reason, fields, body, interim):
        self.version, self.status, self.reason = version, status, reason
        self.fields, self.body, self.interim = fields, body, interim

    def __getitem__(self, name):
        """The one value of a field; None without it; an error when it is there twice."""
        values = [v for n, v in self.fields if n.lower() == name.lower()]
        if len(values) > 1:
            raise AssertionError(f"{name} came {len(values)} times")
        return values[0] if values else None

    @property
    def closes(self):
        connection = (self["Connection"] or "").lower()
        return "close" in connection or (self.version == "HTTP/1.0" and "keep-alive" not in connection)


class Wire:
    """One connection."""

    def __init__(self, port=None, address="127.0.0.1", path=None, timeout=10, rcvbuf=None):
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
        else:
            self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        if rcvbuf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.socket.settimeout(timeout * PATIENCE)
        self.socket.connect(path or (address, port))
        self.held = b""

    def close(self):
        self.socket.close()

    def reset(self):
        """Leaves so that the server is told: with a RST. After a mere FIN the client might still read."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def request(self, path="/", method="GET", fields=(), body=b"", host="test"):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{n}: {v}" for n, v in fields]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

    def _more(self):
        data = self.socket.recv(262144)
        if not data:
            raise Closed(f"closed after {self.held[:200]!r}")
        self.held += data

    def _line(self):
        while b"\r\n" not in self.held:
            self._more()
        line, self.held = self.held.split(b"\r\n", 1)
        return line.decode("latin-1")

    def _bytes(self, count):
        if count > 1 << 20:
            parts, have = [self.held], len(self.held)
            while have < count:
                data = self.socket.recv(1 << 20)
                if not data:
                    raise Closed(f"closed after {have} of {count} bytes")
                parts.append(data)
                have += len(data)
            self.held = b"".join(parts)
        while len(self.held) < count:
            self._more()
        data, self.held = self.held[:count], self.held[count:]
        return data

    def _head(self):
        version, status, reason = (self._line() + "  ").split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0"), f"not a status line: {version!r}"
        fields = []
        while True:
            line = self._line()
            if line == "":
                return version, int(status), reason.strip(), fields
            name, colon, value = line.partition(":")
            assert colon and name and name.strip() == name, f"bad field line {line!r}"
            fields.append((name, value.strip()))

    def _chunked(self):
        body = b""
        while True:
            size = int(self._line().split(";")[0], 16)
            if size == 0:
                assert self._line() == ""
                return body
            body += self._bytes(size)
            assert self._bytes(2) == b"\r\n"

    def response(self, method="GET"):
        interim = []
        while True:
            version, status, reason, fields = self._head()
            if status >= 200:
                break
            interim.append(status)
        answer = Response(version, status, reason, fields, b"", interim)
        length, coding = answer["Content-Length"], answer["Transfer-Encoding"]
        assert not (length and coding), "both Content-Length and Transfer-Encoding"
        if method == "HEAD" or status in (204, 304):
            return answer
        if coding:
            assert coding.lower() == "chunked"
            answer.body = self._chunked()
        elif length is not None:
            answer.body = self._bytes(int(length))
        else:
            answer.body = self.rest()
        return answer

    def ask(self, path="/", method="GET", fields=(), body=b"", host="test"):
        self.request(path, method, fields, body, host)
        return self.response(method)

    def rest(self):
        """All that comes until the end of the connection."""
        parts = [self.held]
        self.held = b""
        while True:
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionResetError:
                parts.append(b"<RESET>")
                break
            if not data:
                break
            parts.append(data)
        return b"".join(parts)

    def ended(self):
        """True when the server has closed and nothing more came."""
        return self.rest() == b""


def get(port, path="/", method="GET", fields=(), host="test", **more):
    """One request on a connection of its own."""
    with Wire(port, **more) as w:
        return w.ask(path, method, fields, host=host)
