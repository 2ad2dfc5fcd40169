# SPDX-License-Identifier: BSD-2-Clause
"""A program on a pseudo terminal of its own, for what a screen cannot show: the very bytes it
sends and when, the modes it leaves behind, hangups, signals, and input in pieces. It does not
interpret the bytes; screen.py (tmux) does."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

from .server import PATIENCE, asan_options, wait_until

ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()][0-9A-B]|[=>78cM])|[\x0e\x0f]|\$<\d+[*/]*>")


class Terminal:
    def __init__(self, command, columns=80, rows=24, term="xterm-256color", env=None, stdin=None,
                 drop=()):
        self.master, self.slave = pty.openpty()
        self._size(columns, rows)
        self.modes = self.modes_now()
        environment = {k: v for k, v in os.environ.items()
                       if k not in ("NO_COLOR", "TMUX", "SSH_CONNECTION", "ESCDELAY", *drop)}
        environment.update({"LC_ALL": "C.UTF-8", **(env or {})})
        environment["ASAN_OPTIONS"] = asan_options()
        environment.pop("TERM", None)
        if term is not None:
            environment["TERM"] = term
        self.wake = os.pipe()
        self.chunks = []  # (time, bytes)
        self.reads = threading.Event()
        self.reads.set()
        self.process = subprocess.Popen(
            command, stdin=self.slave if stdin is None else stdin, stdout=self.slave,
            stderr=self.slave, env=environment, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0))
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            if self.wake[0] in select.select([self.master, self.wake[0]], [], [])[0]:
                return
            self.reads.wait()
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            if not data:
                return
            self.chunks.append((time.monotonic(), data))

    def _size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        self._size(columns, rows)  # the kernel tells the process

    def hold(self):
        """It reads no more, as a terminal after Ctrl-S or a line that broke silently, until go_on."""
        self.reads.clear()

    def go_on(self):
        self.reads.set()

    def is_full(self):
        """It is held, and what was sent to it fills all there is between it and the program."""
        return not self.takes_bytes(self.slave)

    @staticmethod
    def takes_bytes(tty):
        return bool(select.select([], [tty], [], 0)[1])

    def modes_now(self):
        return termios.tcgetattr(self.slave)

    def bytes(self, since=0):
        """What came after the mark."""
        return b"".join(data for _, data in self.chunks[since:])

    def text(self, since=0):
        """The same without escape sequences: of a first frame it holds every word."""
        return ESCAPES.sub(b" ", self.bytes(since)).decode("utf-8", "replace")

    def mark(self):
        return len(self.chunks)

    def write(self, data):
        os.write(self.master, data)

    def wait(self, fact, seconds=10, since=0):
        """Waits until the bytes since the mark hold these, or fact(bytes) is true."""
        test = (lambda b: fact in b) if isinstance(fact, bytes) else fact
        try:
            wait_until(lambda: test(self.bytes(since)), seconds, f"{fact!r}")
        except AssertionError as e:
            raise AssertionError(f"{e}; it sent {self.bytes(since)[-2000:]!r}") from None

    def wait_text(self, text, seconds=10, since=0):
        try:
            wait_until(lambda: text in self.text(since), seconds, repr(text))
        except AssertionError as e:
            raise AssertionError(f"{e}; it sent {self.bytes(since)[-2000:]!r}") from None

    def quiet(self, seconds=0.15, within=5):
        """Waits until nothing came for a while."""
        def still():
            last = self.chunks[-1][0] if self.chunks else 0
            return time.monotonic() - last >= seconds
        wait_until(still, within, "the terminal to be quiet")

    def frames(self, since=0, gap=0.03):
        """What came, split where nothing came for a while."""
        frames, last = [], 0
        for at, data in self.chunks[since:]:
            if frames and at - last < gap:
                frames[-1] += data
            else:
                frames.append(data)
            last = at
        return frames

    def end(self, seconds=10):
        """Waits for the end of the process; returns its status as subprocess does."""
        try:
            status = self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it still runs; it sent {self.bytes()[-2000:]!r}") from None
        # What it wrote last is still on its way through the terminal.
        if self.slave >= 0:
            os.close(self.slave)
            self.slave = -1
            self.reader.join(5)
        return status

    def hang_up(self):
        """The other end goes away, as a closed window or a dropped line does."""
        self.go_on()
        os.write(self.wake[1], b".")
        self.reader.join(5)
        os.close(self.master)
        self.master = -1

    def close(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
            self.process.kill()
        self.process.wait(10)
        if self.master >= 0:
            self.hang_up()
        for fd in (self.slave, *self.wake):
            if fd >= 0:
                os.close(fd)
        self.slave = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
