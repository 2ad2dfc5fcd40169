# SPDX-License-Identifier: BSD-2-Clause
"""Media types, charsets and encodings: what a client is told of a file, by its name and its
location, the same on every machine."""

import gzip
import re
import subprocess
import unittest

from harness import Weir, get, main, program

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="7" height="9"/>'
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Types(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        w = cls.weir = Weir(workers=1)
        odd_types = w.folder + "/mime.types"
        with open(odd_types, "w") as f:  # a machine's table that is old or odd
            f.write("text/vnd.trolltech.linguist ts\napplication/x-own own\napplication/javascript js mjs\n")
        w.server_lines = f"mime_types = {odd_types}"
        w.more_ini = "[types]\nmjs = text/x-mine\nutf = text/html;charset=utf-8\n"
        for name in ("README", "SHA256SUMS", "noext", "a.ts", "a.js", "a.mjs", "a.own", "a.avif", "a.wasm", "a.css",
                     "a.md", "a.csv", "a.utf", "a.json", "a.yaml"):
            w.put(name, b"x")
        w.put("a.html", b"<meta charset=iso-8859-1>Gr\xf6\xdfe")
        w.put("a.xml", b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xf6</a>')
        w.put("a.rss", b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xf6</a>')
        w.put("x.svgz", gzip.compress(SVG))
        w.put("x.svg", SVG)
        w.put("x.tar.gz", gzip.compress(b"tar"))
        w.put("x.gz", gzip.compress(b"tar"))
        w.put("v2/app/manifests/latest", b"{}")
        w.put("v2/app/manifests/README", b"{}")
        w.put("v2/app/manifests/a.json", b"{}")
        w.put("bare/a.txt", b"x")
        w.write_ini()
        with open(w.ini_path, "a") as f:
            f.write(f"[location /v2/app/manifests/]\nfiles = {w.root}/v2/app/manifests\n"
                    f"default_type = {MANIFEST}\n[location /bare/]\nfiles = {w.root}/bare\ncharset =\n")
        w.start()

    @classmethod
    def tearDownClass(cls):
        cls.weir.stop()

    def types(self, wanted):
        got = {path: get(self.weir.port, path)["Content-Type"] for path in wanted}
        self.assertEqual(got, wanted)

    def test_by_name(self):
        self.types({"/README": "text/plain; charset=utf-8", "/SHA256SUMS": "text/plain; charset=utf-8",
                    "/noext": "application/octet-stream"})

    def test_by_location(self):
        self.types({"/v2/app/manifests/latest": MANIFEST, "/v2/app/manifests/README": MANIFEST,
                    "/v2/app/manifests/a.json": "application/json"})

    def test_whatever_the_machine_says(self):
        self.types({"/a.ts": "video/mp2t", "/a.js": "text/javascript; charset=utf-8",
                    "/a.avif": "image/avif", "/a.wasm": "application/wasm",
                    "/a.own": "application/x-own", "/a.mjs": "text/x-mine; charset=utf-8"})

    def test_no_charset_over_that_of_the_file(self):
        self.types({"/a.html": "text/html", "/a.xml": "text/xml", "/a.rss": "application/rss+xml",
                    "/x.svg": "image/svg+xml", "/a.json": "application/json", "/a.yaml": "application/yaml"})
        self.types({f"/a.{e}": f"text/{t}; charset=utf-8"
                    for e, t in (("css", "css"), ("md", "markdown"), ("csv", "csv"))})
        self.types({"/a.utf": "text/html;charset=utf-8", "/bare/a.txt": "text/plain"})

    def test_svgz(self):
        r = get(self.weir.port, "/x.svgz")
        self.assertEqual((r["Content-Type"], r["Content-Encoding"]), ("image/svg+xml", "gzip"))
        self.assertEqual(gzip.decompress(r.body), SVG)
        part = get(self.weir.port, "/x.svgz", fields=[("Range", "bytes=0-3")])
        self.assertEqual((part.status, part["Content-Encoding"], part.body), (206, "gzip", r.body[:4]))
        self.assertEqual(get(self.weir.port, "/x.svgz", "HEAD")["Content-Encoding"], "gzip")
        unchanged = get(self.weir.port, "/x.svgz", fields=[("If-None-Match", r["ETag"])])
        self.assertEqual((unchanged.status, unchanged["Content-Encoding"]), (304, None))
        several = get(self.weir.port, "/x.svgz", fields=[("Range", "bytes=0-0,5-6")])
        self.assertEqual((several.status, several["Content-Encoding"]), (206, None))

    def test_archives_stay_what_they_are(self):
        for path in ("/x.tar.gz", "/x.gz", "/x.svg"):
            self.assertIsNone(get(self.weir.port, path)["Content-Encoding"], path)


class WithoutAFile(unittest.TestCase):
    def test_a_charset_can_be_switched_off(self):
        for option, want in (("charset=", "text/plain"), ("location.charset=latin1", "text/plain; charset=latin1")):
            weir = Weir()
            weir.put("a.txt", b"x")
            p = subprocess.Popen([program("weir"), "-o", "listen=127.0.0.1:0", "-o", "workers=1", "-o",
                                  f"runtime_dir={weir.runtime}", "-o", "access=off", "-o", option, weir.root],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                port = None
                for line in p.stdout:
                    m = re.search(r"127\.0\.0\.1:(\d+)", line)
                    if m:
                        port = int(m.group(1))
                        break
                self.assertIsNotNone(port)
                self.assertEqual(get(port, "/a.txt")["Content-Type"], want)
            finally:
                p.terminate()
                p.communicate(timeout=30)
            subprocess.run(["rm", "-rf", weir.folder], check=True)

    def test_what_the_folder_says_cannot_be_set(self):
        for option in ("files=/etc", "location.redirect=/x"):
            done = subprocess.run([program("weir"), "-t", "-o", option, "/tmp"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, option)
            self.assertIn("can be set here", done.stdout + done.stderr)


if __name__ == "__main__":
    main()
