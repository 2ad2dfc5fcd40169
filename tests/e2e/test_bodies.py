# SPDX-License-Identifier: BSD-2-Clause
"""Request bodies that nobody wants, and answers that come before their end: what the client gets,
however it writes, and how long it may take."""

import http.client
import os
import subprocess
import shutil
import time
import unittest

from harness import Weir, Wire, main, wait_until
from harness.server import PATIENCE
from harness.wire import Closed

from test_http import REFUSED


class Bodies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.weir = Weir(ini="[limits]\nbody_size = 1m\n")
        cls.weir.put("f", b"hello")
        cls.weir.start()

    @classmethod
    def tearDownClass(cls):
        cls.weir.stop()

    def python(self, method, path, body, chunked=False):
        """The standard library's client: it writes all of the body, then reads."""
        c = http.client.HTTPConnection("127.0.0.1", self.weir.port, timeout=30 * PATIENCE)
        self.addCleanup(c.close)
        c.request(method, path, body, {"Transfer-Encoding": "chunked"} if chunked else {},
                  encode_chunked=chunked)
        return c.getresponse().status

    def test_too_large_a_body_gets_its_answer(self):
        for size in (2 << 20, 8 << 20, 64 << 20):
            self.assertEqual(self.python("POST", "/f", bytes(size)), 413)

    def test_so_does_a_chunked_one(self):
        self.assertEqual(self.python("GET", "/f", iter([bytes(1 << 20)] * 8), chunked=True), 413)
        self.assertEqual(self.python("PUT", "/f", iter([bytes(1 << 16)] * 8), chunked=True), 405)

    def test_a_body_that_is_refused_by_its_method(self):
        self.assertEqual(self.python("POST", "/f", bytes(1000 << 10)), 405)
        self.assertEqual(self.python("GET", "/f", bytes(1000 << 10)), 200)

    def test_what_the_head_decides_is_answered_at_once(self):
        for method, path, status in (("POST", "/f", 405), ("PUT", "/none", 405), ("DELETE", "/f", 405)):
            with Wire(self.weir.port) as w:
                w.send(f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n1")
                r = w.response()
                self.assertEqual(r.status, status)
                self.assertTrue(r.closes)
                w.send(b"2")  # and nobody minds

    def test_a_short_body_keeps_the_connection(self):
        with Wire(self.weir.port) as w:
            w.send("POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
            w.send("56789")
            self.assertEqual(w.response().status, 405)
            self.assertEqual(w.ask("/f").body, b"hello")

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_curl_stops_early(self):
        path = os.path.join(self.weir.folder, "large")
        with open(path, "wb") as f:
            f.truncate(1000 << 10)
        done = subprocess.run(["curl", "-sS", "-o", os.devnull, "-w", "%{http_code}", "-H", "Expect:",
                               "--data-binary", f"@{path}", self.weir.url("/f")],
                              capture_output=True, text=True)
        self.assertEqual(done.stdout, "405", done.stderr)


class Slow(unittest.TestCase):
    def test_a_trickling_body_has_an_end(self):
        weir = Weir(workers=1, ini="[limits]\nbody_timeout = 500ms\n")
        weir.put("f", b"hello")
        with weir, Wire(weir.port) as w:
            w.send("GET /f HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            end = time.monotonic() + 20 * PATIENCE
            w.socket.settimeout(0.1)
            while True:
                self.assertLess(time.monotonic(), end, "it goes on for ever")
                try:
                    w.send(b"x")
                    w._more()
                    break
                except TimeoutError:
                    pass
            w.socket.settimeout(10 * PATIENCE)
            self.assertEqual(w.response().status, 408)

    def test_a_steady_one_takes_its_time(self):
        weir = Weir(workers=1, ini="[limits]\nbody_timeout = 500ms\n")
        weir.put("f", b"hello")
        with weir, Wire(weir.port) as w:
            w.send("GET /f HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n")
            for _ in range(10):
                w.send(bytes(3000))
                some_time = time.monotonic() + 0.1
                wait_until(lambda: time.monotonic() > some_time)
            self.assertEqual(w.response().body, b"hello")


class Head(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.weir = Weir(workers=1, ini="[limits]\nheader_timeout = 400ms\n")
        cls.weir.put("f", b"hello")
        cls.weir.start()

    @classmethod
    def tearDownClass(cls):
        cls.weir.stop()

    def check(self, what, sent, status):
        with Wire(self.weir.port) as w:
            w.send(sent)
            try:
                r = w.response("HEAD")
                self.assertEqual(r.status, status, what)
                self.assertEqual(w.rest(), b"", what)
            except (Closed, OSError) as e:
                self.fail(f"{what}: {e}")

    def test_no_body_when_it_is_refused(self):
        count = 0
        for what, (status, sent) in REFUSED.items():
            if sent.startswith(b"GET "):
                self.check(what, b"HEAD" + sent[3:], status)
                count += 1
        self.assertGreater(count, 20)

    def test_nor_when_it_is_late(self):
        self.check("no end", b"HEAD /f HTTP/1.1\r\nHost: a\r\n", 408)
        self.check("no line's end", b"HEAD /f", 408)

    def test_nor_otherwise(self):
        for path, status in (("/f", 200), ("/none", 404), ("/%zz", 400), ("/../x", 400)):
            self.check(path, f"HEAD {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", status)
        self.check("option", b"HEAD * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400)


if __name__ == "__main__":
    main()
