# SPDX-License-Identifier: BSD-2-Clause
"""Files over HTTP: names and the wall around the root, types, validators, ranges, listings,
redirects, error pages, sites, and a file that shrinks while it is sent."""

import email.utils
import json
import os
import re
import time
import unittest
import urllib.parse
from html.parser import HTMLParser

from harness import Weir, Wire, get, main, wait_until

PAST = 1_000_000_000
BIG = 5 * (1 << 30)


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.links.append(dict(attrs).get("href", ""))


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        w = cls.weir = Weir(
            location="listing = auto\nindex = index.html\ncache_control = public, max-age=60",
            ini="[cache]\nvalid = 50ms\n")
        w.write_ini()
        with open(w.ini_path, "a") as f:
            f.write(f"""
[types]
weird = application/x-weird

[location /dots/]
files = {w.folder}/dots
dot_files = yes

[location /old/]
redirect = 301 /new/

[location /gone]
redirect = 302 https://elsewhere.example/x

[site errors.example]
error_pages = 404={w.folder}/404.html

[site one.example *.wild.example]
[location /]
files = {w.folder}/one
""")
        os.makedirs(w.folder + "/dots")
        os.makedirs(w.folder + "/one")
        with open(w.folder + "/404.html", "w") as f:
            f.write("<h1>mine</h1>")
        with open(w.folder + "/dots/.hidden", "w") as f:
            f.write("dot")
        with open(w.folder + "/one/page", "w") as f:
            f.write("site one")
        cls.data = bytes(range(256)) * 40
        w.put("data.bin", cls.data, mtime=PAST)
        w.put("a b/c#d?.txt", "odd name")
        w.put("page.html", "<p>x")
        w.put("x.weird", "w")
        w.put("archive.tar.gz", "z")
        w.put("noext", "n")
        w.put(".secret", "s")
        w.put("sub/index.html", "<p>sub")
        w.put("nolist/file", "f")
        w.put("epoch", "e", mtime=0)
        w.put("script.js", "1")
        os.symlink("data.bin", w.root + "/inside")
        os.symlink("../404.html", w.root + "/outside")
        os.symlink("/etc/passwd", w.root + "/absolute")
        os.symlink("loop", w.root + "/loop")
        os.mkfifo(w.root + "/fifo")
        with open(w.root + "/sparse", "wb") as f:
            f.truncate(BIG)
            f.seek(BIG - 4)
            f.write(b"tail")
        w.put("unreadable", "u", mode=0)
        w.start()

    @classmethod
    def tearDownClass(cls):
        cls.weir.stop()

    def get(self, path, method="GET", fields=(), **more):
        return get(self.weir.port, path, method, fields, **more)

    def test_types(self):
        for path, want in {"/page.html": "text/html", "/x.weird": "application/x-weird",
                           "/noext": "application/octet-stream"}.items():
            self.assertEqual(self.get(path)["Content-Type"], want, path)
        self.assertIn("javascript", self.get("/script.js")["Content-Type"])
        self.assertRegex(self.get("/archive.tar.gz")["Content-Type"], "gzip|tar")

    def test_names(self):
        self.assertEqual(self.get("/a%20b/c%23d%3F.txt").body, b"odd name")
        self.assertEqual(self.get("/a%20b/../page.html").status, 200)
        self.assertEqual(self.get("/./page.html").status, 200)
        self.assertEqual(self.get("/%70age.html").status, 200)
        self.assertEqual(self.get("//page.html").status, 200)
        # An encoded slash is a slash, for the location too.
        self.assertEqual(self.get("/a%20b%2fc%23d%3F.txt").body, b"odd name")
        self.assertEqual(self.get("/sub%2F..%2Fpage.html").status, 200)
        self.assertEqual(self.get("/old%2fx")["Location"], self.get("/old/x")["Location"])
        self.assertEqual(self.get("/dots%2f.hidden").status, 200)
        for path, want in {"/%2570age.html": 404, "/missing": 404, "/page.html/": 404, "/page.html/x": 404,
                           "/%00": 400, "/a%2fb": 404, "/page.html%2f": 404, "/%": 400, "/%zz": 400, "/..": 400,
                           "/../etc/passwd": 400, "/%2e%2e/etc/passwd": 400, "/sub/../../etc/passwd": 400,
                           "/..%2fetc%2fpasswd": 400, "/sub%2f..%2f..%2fetc%2fpasswd": 400, "/sub%2f.secret": 404,
                           "/..\\..\\etc": 404, "/" + "a" * 300: (404, 414),
                           "/.secret": (403, 404), "/dots/.hidden": 200}.items():
            r = self.get(path)
            self.assertIn(r.status, want if isinstance(want, tuple) else (want,), path)
            self.assertNotIn(b"root:", r.body)

    def test_wall(self):
        self.assertEqual(self.get("/inside").body, self.data)
        for path in ("/outside", "/absolute", "/loop"):
            self.assertIn(self.get(path).status, (403, 404), path)
        start = time.monotonic()
        self.assertIn(self.get("/fifo").status, (403, 404))
        del start
        if os.geteuid() == 0:
            self.assertEqual(self.get("/unreadable").status, 403)

    def test_validators(self):
        r = self.get("/data.bin")
        etag, modified = r["ETag"], r["Last-Modified"]
        self.assertRegex(etag, r'^"[!#-~]+"$')
        self.assertEqual(email.utils.parsedate_to_datetime(modified).timestamp(), PAST)
        self.assertIsNone(self.get("/epoch")["Last-Modified"])
        self.assertEqual(r["Cache-Control"], "public, max-age=60")
        path = self.weir.put("changing", "1")
        first = self.get("/changing")["ETag"]
        ns = os.stat(path).st_mtime_ns
        os.utime(path, ns=(ns, ns + 1))
        wait_until(lambda: self.get("/changing")["ETag"] != first, 5, "the ETag to follow one nanosecond")

    def test_conditionals(self):
        r = self.get("/data.bin")
        etag, modified = r["ETag"], r["Last-Modified"]
        asctime = time.asctime(time.gmtime(PAST))
        rfc850 = time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(PAST))
        later = email.utils.formatdate(PAST + 10, usegmt=True)
        before = email.utils.formatdate(PAST - 10, usegmt=True)
        for fields, want in [
            ([("If-None-Match", etag)], 304),
            ([("If-None-Match", f'"x", W/{etag}')], 304),
            ([("If-None-Match", "*")], 304),
            ([("If-None-Match", '"x"')], 200),
            ([("If-Modified-Since", modified)], 304),
            ([("If-Modified-Since", asctime)], 304),
            ([("If-Modified-Since", rfc850)], 304),
            ([("If-Modified-Since", later)], 304),
            ([("If-Modified-Since", before)], 200),
            ([("If-Modified-Since", "yesterday")], 200),
            ([("If-None-Match", '"x"'), ("If-Modified-Since", modified)], 200),
            ([("If-Match", etag)], 200),
            ([("If-Match", "*")], 200),
            ([("If-Match", '"x"')], 412),
            ([("If-Match", "W/" + etag)], 412),
            ([("If-Unmodified-Since", modified)], 200),
            ([("If-Unmodified-Since", before)], 412),
            ([("If-Match", etag), ("If-Unmodified-Since", before)], 200),
            ([("If-Match", etag), ("If-None-Match", etag)], 304),
        ]:
            r = self.get("/data.bin", fields=fields)
            self.assertEqual(r.status, want, fields)
            if want == 304:
                self.assertEqual(r["ETag"], etag)
                self.assertEqual(r["Cache-Control"], "public, max-age=60")
                self.assertIsNotNone(r["Date"])
                self.assertIsNone(r["Content-Type"])

    def test_ranges(self):
        n = len(self.data)
        etag = self.get("/data.bin")["ETag"]
        for value, want in [
            ("bytes=0-0", [(0, 1)]), ("bytes=0-99", [(0, 100)]), ("bytes=100-", [(100, n)]),
            ("bytes=-5", [(n - 5, n)]), (f"bytes=-{n * 2}", [(0, n)]), ("bytes=0-99999999", [(0, n)]),
            ("bytes=99999999-", None), ("bytes=-0", None), ("bytes=5-2", "all"), ("bytes=a-b", "all"),
            ("lines=0-5", "all"), ("bytes=", "all"), ("bytes=0-5,", [(0, 6)]),
            ("bytes=" + ",".join(f"{i * 10}-{i * 10 + 1}" for i in range(33)), "all"),
            ("bytes=" + "0-," * 40, "all"),
        ]:
            with self.subTest(value):
                r = self.get("/data.bin", fields=[("Range", value)])
                if want == "all":
                    self.assertEqual((r.status, r.body), (200, self.data))
                elif want is None:
                    self.assertEqual(r.status, 416)
                    self.assertEqual(r["Content-Range"], f"bytes */{n}")
                else:
                    [(a, b)] = want
                    self.assertEqual((r.status, r.body), (206, self.data[a:b]))
                    self.assertEqual(r["Content-Range"], f"bytes {a}-{b - 1}/{n}")
        self.assertEqual(self.get("/data.bin", fields=[("Range", "bytes=0-1"), ("If-Range", etag)]).status, 206)
        self.assertEqual(self.get("/data.bin", fields=[("Range", "bytes=0-1"), ("If-Range", '"x"')]).status, 200)

    def test_multiple_ranges(self):
        n = len(self.data)
        r = self.get("/data.bin", fields=[("Range", "bytes=0-9,100-199,-3")])
        self.assertEqual(r.status, 206)
        boundary = re.fullmatch(r'multipart/byteranges; boundary="?([^"]+)"?', r["Content-Type"]).group(1)
        self.assertTrue(r.body.startswith(b"\r\n--" + boundary.encode()))
        parts = r.body.split(b"\r\n--" + boundary.encode())
        self.assertEqual(parts[0], b"")
        self.assertEqual(parts[-1].strip(), b"--")
        want = [(0, 10), (100, 200), (n - 3, n)]
        self.assertEqual(len(parts) - 2, len(want))
        for part, (a, b) in zip(parts[1:-1], want):
            head, body = part.split(b"\r\n\r\n", 1)
            self.assertIn(f"content-range: bytes {a}-{b - 1}/{n}".encode(), head.lower())
            self.assertIn(b"content-type: application/octet-stream", head.lower())
            self.assertEqual(body, self.data[a:b])

    def test_beyond_four_gib(self):
        r = self.get("/sparse", "HEAD")
        self.assertEqual(r["Content-Length"], str(BIG))
        r = self.get("/sparse", fields=[("Range", "bytes=-4")])
        self.assertEqual((r.status, r.body, r["Content-Range"]),
                         (206, b"tail", f"bytes {BIG - 4}-{BIG - 1}/{BIG}"))
        r = self.get("/sparse", fields=[("Range", f"bytes={(1 << 32) - 5}-{(1 << 32) + 4}")])
        self.assertEqual(r.body, b"\0" * 10)

    def test_directories(self):
        r = self.get("/sub?a=b&c")
        self.assertEqual((r.status, r["Location"]), (301, "/sub/?a=b&c"))
        self.assertEqual(self.get("/sub/").body, b"<p>sub")
        r = self.get("//sub")
        self.assertEqual(r.status, 301)
        self.assertEqual(r["Location"], "/sub/")
        r = self.get("/old/x/y?q=1")
        self.assertEqual((r.status, r["Location"]), (301, "/new/x/y?q=1"))
        r = self.get("/gone")
        self.assertEqual((r.status, r["Location"]), (302, "https://elsewhere.example/x"))

    def test_listing(self):
        hostile = ['<img src=x onerror=alert(1)>.txt', "quote\"'&.txt", "new\nline", "100%", "q?x#y",
                   "-dash", "a:b", "ü€😀", " space "]
        for name in hostile:
            self.weir.put("list/" + name, name)
        bad = b"\xff\xfe bad"
        self.weir.put(b"list/" + bad, "bad")
        self.weir.put("list/dir/x", "x")
        self.weir.put("list/.dot", "x")
        r = self.get("/list/", fields=[("Accept", "text/html,*/*;q=0.8")])
        self.assertEqual(r.status, 200)
        self.assertTrue(r["Content-Type"].startswith("text/html"))
        text = r.body.decode("utf-8")
        self.assertNotIn("<img src=x", text)
        self.assertIn("viewport", text)
        reached = set()
        for link in Links(text).links:
            url = urllib.parse.urljoin("/list/", link)
            path = url.split("?")[0]
            if path.startswith("/list/") and path != "/list/":
                answer = self.get(path)
                self.assertIn(answer.status, (200, 301), link)
                if answer.status == 200 and not path.endswith("/"):
                    reached.add(answer.body)
        self.assertEqual(reached, {n.encode() for n in hostile} | {b"bad"})
        self.assertNotIn(".dot", text)

        r = self.get("/list/?format=json")
        self.assertTrue(r["Content-Type"].startswith("application/json"))
        entries = json.loads(r.body)["entries"]
        names = [e["name"] for e in entries]
        for name in hostile:
            self.assertIn(name, names)
        self.assertEqual({e["type"] for e in entries if e["name"].strip("/") == "dir"}, {"directory"})
        by_accept = self.get("/list/", fields=[("Accept", "application/json")])
        self.assertTrue(by_accept["Content-Type"].startswith("application/json"))

        self.weir.put("sorted/a", "333")
        self.weir.put("sorted/b", "1")
        self.weir.put("sorted/c", "22")
        by_size = [e["name"] for e in json.loads(self.get("/sorted/?format=json&sort=size").body)["entries"]]
        self.assertEqual(by_size, ["b", "c", "a"])
        down = [e["name"] for e in json.loads(self.get("/sorted/?format=json&sort=size&order=desc").body)["entries"]]
        self.assertEqual(down, ["a", "c", "b"])

    def test_a_big_listing(self):
        folder = self.weir.root + "/many"
        os.makedirs(folder)
        for i in range(5000):
            open(f"{folder}/f{i:05}", "w").close()
        with Wire(self.weir.port) as w:
            r = w.ask("/many/?format=json")
            self.assertEqual(len(json.loads(r.body)["entries"]), 5000)
            self.assertEqual(w.ask("/page.html").body, b"<p>x")
            w.send("GET /many/ HTTP/1.0\r\n\r\n")
            r = w.response()
            self.assertIn(b"f04999", r.body)

    def test_sites_and_error_pages(self):
        self.assertEqual(self.get("/page", host="one.example").body, b"site one")
        self.assertEqual(self.get("/page", host="ONE.example:80").body, b"site one")
        self.assertEqual(self.get("/page", host="x.wild.example").body, b"site one")
        self.assertEqual(self.get("/page", host="unknown.example").status, 404)
        r = self.get("/missing", host="errors.example")
        self.assertEqual((r.status, r.body), (404, b"<h1>mine</h1>"))
        plain = self.get("/missing")
        self.assertLess(len(plain.body), 600)
        self.assertIn(b"404", plain.body)

    def test_a_file_that_shrinks_ends_the_connection(self):
        size = 64 << 20
        path = self.weir.put("shrinks", b"x" * size)
        w = Wire(self.weir.port, rcvbuf=65536)
        self.addCleanup(w.close)
        w.request("/shrinks")
        w.request("/page.html")
        head = w._head()
        self.assertEqual(head[1], 200)
        os.truncate(path, 1 << 20)
        rest = w.rest()
        self.assertLess(len(rest), size)
        self.assertNotIn(b"HTTP/1.1", rest, "the next answer stood inside the first body")

    def test_replaced_file_is_seen(self):
        path = self.weir.put("swap", "old")
        self.assertEqual(self.get("/swap").body, b"old")
        with open(path + ".new", "w") as f:
            f.write("brand new")
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)
        wait_until(lambda: self.get("/swap").body == b"brand new", 5, "the new file")
        os.unlink(path)
        wait_until(lambda: self.get("/swap").status == 404, 5, "the file to be gone")


class RootThatMoves(unittest.TestCase):
    def test_a_symlinked_root_can_be_switched(self):
        w = Weir(ini="[cache]\nvalid = 50ms\n")
        for name in ("one", "two"):
            os.makedirs(f"{w.folder}/{name}")
            with open(f"{w.folder}/{name}/f", "w") as f:
                f.write(name)
        os.rmdir(w.root)
        os.symlink("one", w.root)
        with w:
            self.assertEqual(get(w.port, "/f").body, b"one")
            os.symlink("two", w.root + ".new")
            os.rename(w.root + ".new", w.root)
            wait_until(lambda: get(w.port, "/f").body == b"two", 5, "the new root")


if __name__ == "__main__":
    main()
