# SPDX-License-Identifier: BSD-2-Clause
"""A bounded keep-alive load that notices every lost answer: connections that each send a
request, read the whole answer and compare it, and go on on the same connection until an
answer says Connection: close. A connection that ends after a request was sent and before its
answer was complete is a failure, and so is one that ends without an announcement."""

import threading
import time

from .server import deadline
from .wire import Closed, Wire


class Load:
    def __init__(self, port, path, want, connections=16, pause=0.0, seconds_max=60):
        self.port, self.path, self.want = port, path, want
        self.pause = pause
        self.end = deadline(seconds_max)
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.done = 0
        self.closes = 0
        self.failures = []
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(connections)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join(30)

    def progress(self, more, seconds=20):
        """Waits until so many further answers came."""
        target = self.done + more
        end = deadline(seconds)
        while self.done < target:
            if time.monotonic() > end:
                raise AssertionError(f"the load stands still: {self.done} of {target}; {self.failures[:3]}")
            time.sleep(0.01)

    def _fail(self, what):
        with self.lock:
            self.failures.append(what)

    def _run(self):
        while not self.stopping.is_set() and time.monotonic() < self.end:
            try:
                with Wire(self.port) as w:
                    self._one_connection(w)
            except OSError as e:
                self._fail(f"connect: {e!r}")
                time.sleep(0.05)

    def _one_connection(self, w):
        served = 0
        while not self.stopping.is_set() and time.monotonic() < self.end:
            try:
                answer = w.ask(self.path)
            except (Closed, OSError) as e:
                self._fail(f"request {served + 1} of a connection: {e!r}")
                return
            if answer.status != 200 or answer.body != self.want:
                self._fail(f"status {answer.status}, {len(answer.body)} bytes")
                return
            served += 1
            with self.lock:
                self.done += 1
                self.closes += answer.closes
            if answer.closes:
                return
            if self.pause:
                time.sleep(self.pause)
