# SPDX-License-Identifier: BSD-2-Clause
"""HTTP/1.1 as bytes on a socket: framing, keep-alive, pipelining, methods, and everything
that is refused because two parsers could read it differently (RFC 9110, RFC 9112)."""

import time
import unittest

from harness import Weir, Wire, get, main, wait_until

HELLO = b"hello, world\n"

# What must be answered with this status, after which the connection must end.
REFUSED = {
    "content-length and transfer-encoding":
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "two different content-lengths":
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    "content-length list": (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\nhello"),
    "negative content-length": (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
    "signed content-length": (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello"),
    "content-length overflow":
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"),
    "bad chunk size":
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"),
    "chunk size overflow":
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
    "chunk without its CRLF":
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n"),
    "chunked, then another coding":
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    "chunked twice":
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    "a coding nobody knows":
        (501, b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: odd, chunked\r\n\r\n0\r\n\r\n"),
    "a last coding that is not chunked":
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "transfer-encoding in 1.0":
        (400, b"GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "bare LF": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "bare LF in a field": (400, b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    "bare CR in a value": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
    "space before the colon": (400, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    "obs-fold": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
    "NUL in a value": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
    "NUL in the target": (400, b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "empty field name": (400, b"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    "host with a slash": (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "host with a space": (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    "two spaces": (400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "tab for a space": (400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "target without a slash": (400, b"GET index.html HTTP/1.1\r\nHost: a\r\n\r\n"),
    "method with a bad character": (400, b"GE(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "bad version": (400, b"GET / HTTQ/1.1\r\nHost: a\r\n\r\n"),
    "version 2": (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    "version 1.10": (400, b"GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
    "asterisk for GET": (400, b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a long target": (414, b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a long field": (431, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20000 + b"\r\n\r\n"),
    "too many fields": (431, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
    "TLS on the plain port": (400, bytes.fromhex("160301020001000 1fc0303".replace(" ", "")) + b"\0" * 64),
}


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.weir = Weir(location="listing = off", server="")
        cls.weir.put("hello.txt", HELLO)
        cls.weir.put("index.html", "<p>index")
        cls.weir.put("empty", b"")
        cls.weir.start()

    @classmethod
    def tearDownClass(cls):
        cls.weir.stop()

    def wire(self, **more):
        w = Wire(self.weir.port, **more)
        self.addCleanup(w.close)
        return w

    def test_one_request(self):
        r = get(self.weir.port, "/hello.txt")
        self.assertEqual((r.version, r.status, r.body), ("HTTP/1.1", 200, HELLO))
        self.assertEqual(r["Content-Length"], str(len(HELLO)))
        self.assertRegex(r["Date"], r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$")
        self.assertTrue(r["Content-Type"].startswith("text/plain"))
        self.assertEqual(r["Accept-Ranges"], "bytes")

    def test_keep_alive(self):
        w = self.wire()
        for _ in range(50):
            self.assertEqual(w.ask("/hello.txt").body, HELLO)

    def test_connection_close(self):
        w = self.wire()
        r = w.ask("/hello.txt", fields=[("Connection", "close")])
        self.assertTrue(r.closes)
        self.assertTrue(w.ended())

    def test_http_10(self):
        w = self.wire()
        w.send("GET /hello.txt HTTP/1.0\r\n\r\n")
        r = w.response()
        self.assertEqual((r.status, r.body), (200, HELLO))
        self.assertTrue(w.ended())
        w = self.wire()
        for _ in range(3):
            w.send("GET /hello.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            r = w.response()
            self.assertEqual(r.body, HELLO)
            self.assertEqual((r["Connection"] or "").lower(), "keep-alive")

    def test_pipelining_in_order(self):
        w = self.wire()
        paths = ["/hello.txt", "/missing", "/empty", "/"] * 25
        w.send("".join(f"GET {p} HTTP/1.1\r\nHost: a\r\n\r\n" for p in paths))
        want = {"/hello.txt": (200, HELLO), "/empty": (200, b""), "/": (200, b"<p>index")}
        for p in paths:
            r = w.response()
            if p == "/missing":
                self.assertEqual(r.status, 404)
            else:
                self.assertEqual((r.status, r.body), want[p])

    def test_byte_by_byte(self):
        w = self.wire()
        for byte in b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nX-Y:  z \r\n\r\n":
            w.send(bytes([byte]))
        self.assertEqual(w.response().body, HELLO)

    def test_empty_line_before_request(self):
        w = self.wire()
        w.send("\r\nGET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(w.response().body, HELLO)

    def test_head_equals_get(self):
        for path in ("/hello.txt", "/", "/missing", "/empty"):
            w = self.wire()
            g, h = w.ask(path), w.ask(path, "HEAD")
            strip = lambda r: sorted((n.lower(), v) for n, v in r.fields
                                     if n.lower() not in ("date", "x-request-id"))
            self.assertEqual((g.status, strip(g)), (h.status, strip(h)), path)
            self.assertEqual(w.ask("/hello.txt").body, HELLO)

    def test_body_on_get_is_discarded(self):
        body = b"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n" * 50
        w = self.wire()
        w.request("/hello.txt", fields=[("Content-Length", len(body))], body=body)
        w.request("/empty")
        self.assertEqual(w.response().body, HELLO)
        self.assertEqual(w.response().body, b"")
        chunked = b"%x\r\n" % len(body) + body + b"\r\n0\r\nTrailer: x\r\n\r\n"
        w.request("/hello.txt", fields=[("Transfer-Encoding", "chunked")], body=chunked)
        w.request("/empty")
        self.assertEqual(w.response().body, HELLO)
        self.assertEqual(w.response().body, b"")

    def test_body_in_pieces(self):
        w = self.wire()
        body = b"x" * 300000
        w.send(f"GET /hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n")
        for i in range(0, len(body), 50000):
            w.send(body[i:i + 50000])
        w.request("/empty")
        self.assertEqual(w.response().body, HELLO)
        self.assertEqual(w.response().body, b"")

    def test_expect_continue(self):
        w = self.wire()
        w.send("GET /hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        r = w.response()
        self.assertEqual((r.status, r.body), (200, HELLO))
        if not r.closes:
            w.send("body")
            self.assertEqual(w.ask("/empty").body, b"")
        w = self.wire()
        w.send("GET /hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 200-maybe\r\n\r\nbody")
        self.assertIn(w.response().status, (200, 417))

    def test_methods(self):
        w = self.wire()
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            r = w.ask("/hello.txt", method, fields=[("Content-Length", "0")])
            self.assertEqual(r.status, 405, method)
            self.assertEqual({m.strip() for m in r["Allow"].split(",")}, {"GET", "HEAD", "OPTIONS"})
        r = w.ask("/hello.txt", "OPTIONS")
        self.assertIn(r.status, (200, 204))
        self.assertIn("GET", r["Allow"])
        w.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        r = w.response()
        self.assertIn(r.status, (200, 204))
        self.assertIn(w.ask("/hello.txt", "TRACE").status, (405, 501))
        self.assertEqual(get(self.weir.port, "/hello.txt", "BREW").status, 501)

    def test_connect(self):
        w = self.wire()
        w.send("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n")
        self.assertIn(w.response().status, (400, 405, 501))

    def test_absolute_form(self):
        w = self.wire()
        w.send("GET http://other.example/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(w.response().body, HELLO)

    def test_refused(self):
        for name, (status, data) in REFUSED.items():
            with self.subTest(name):
                w = self.wire()
                w.send(data)
                r = w.response()
                if "chunk" in name and r.status == 200:
                    # the answer may go out before the body is read; the connection must end after it
                    status = 200
                self.assertEqual(r.status, status, r.body)
                self.assertTrue(r.closes or r.status == 200)
                self.assertNotIn(b"HTTP/1.", w.rest(), "a second answer came")

    def test_smuggled_request_is_never_answered(self):
        w = self.wire()
        w.send("GET /hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
               "0\r\n\r\nGET /empty HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(w.response().status, 400)
        self.assertNotIn(b"HTTP/1.1", w.rest())

    def test_error_reaches_a_client_that_is_still_sending(self):
        w = self.wire()
        try:
            w.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100000)
        except OSError:
            pass
        self.assertEqual(w.response().status, 431)

    def test_half_closed_client_gets_its_answer(self):
        w = self.wire()
        w.request("/hello.txt")
        w.socket.shutdown(1)
        self.assertEqual(w.response().body, HELLO)

    def test_request_counters(self):
        total = lambda: self.weir.status()["totals"]["counters"]["requests"]
        before = total()
        w = self.wire()
        for _ in range(7):
            w.ask("/hello.txt")
        wait_until(lambda: total() >= before + 7, 5, "the requests on the board")


class HeldBack(unittest.TestCase):
    """A response that is followed by another goes out with MSG_MORE; the kernel lets go of it after
    200 ms at the latest. It must not come to that when the one that follows has to wait."""

    def check(self, second):
        self.weir = Weir(workers=1, server="allow_faults = yes\ndrain_timeout = 1s")
        self.weir.more_ini = f"\n[fault {self.weir.root}/slow]\noperations = open\ndelay = 1s\n"
        self.weir.write_ini()
        self.weir.put("f", HELLO)
        for i in range(5):
            self.weir.put(f"slow/{i}", HELLO)
        with self.weir:
            first = "GET /f HTTP/1.1\r\nHost: a\r\n\r\n"
            waited = []
            for i in range(5):  # a busy machine may be late now and then, the kernel's 200 ms are never early
                with Wire(self.weir.port) as w:
                    w.ask("/f")
                    begun = time.monotonic()
                    w.send(first + second.format(i))
                    self.assertEqual(w.response().body, HELLO)
                    waited.append(time.monotonic() - begun)
            self.assertLess(min(waited), 0.15, waited)

    def test_before_one_that_waits_for_its_body(self):
        self.check("GET /f?{} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")

    def test_before_one_that_waits_for_a_disk(self):
        self.check("GET /slow/{} HTTP/1.1\r\nHost: a\r\n\r\n")


if __name__ == "__main__":
    main()
