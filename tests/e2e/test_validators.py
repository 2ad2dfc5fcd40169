# SPDX-License-Identifier: BSD-2-Clause
"""Validators: that a tag or a date never stands for two contents, and that it stands for the same one
wherever the file is. The rule is in src/http/etag.c."""

import email.utils
import os
import shutil
import unittest

from harness import Weir, Wire, get, main, wait_until

BIG = 100_000  # more than [cache] content_file: served from an open descriptor


class Times(unittest.TestCase):
    def test_those_that_mean_nothing(self):
        """A file of a reproducible build is replaced by one with the same time and size."""
        weir = Weir(ini="\n[cache]\nvalid = 10ms\n", workers=1)
        self.addCleanup(weir.stop)
        weir.put("real", b"content A", mtime=1_700_000_000)
        times = (0, 1, 315532800, 315532801, 499162500)
        for t in times:
            weir.put(f"{t}.js", b"content A", mtime=t)
        weir.start()
        self.assertEqual(get(weir.port, "/real")["Last-Modified"], "Tue, 14 Nov 2023 22:13:20 GMT")
        for t in times:
            with self.subTest(t):
                path = f"/{t}.js"
                before = get(weir.port, path)
                self.assertIsNone(before["Last-Modified"])
                self.assertEqual(get(weir.port, path, fields=[("If-None-Match", before["ETag"])]).status, 304)
                os.rename(weir.put("next", b"content B", mtime=t), os.path.join(weir.root, f"{t}.js"))
                wait_until(lambda: get(weir.port, path).body == b"content B", 10, "the new file")
                date = email.utils.formatdate(t, usegmt=True)
                for fields in ([("If-Modified-Since", date)], [("If-None-Match", before["ETag"])],
                               [("If-Unmodified-Since", date)]):
                    self.assertEqual(get(weir.port, path, fields=fields).status, 200, fields)
                part = get(weir.port, path, fields=[("Range", "bytes=0-1"), ("If-Range", before["ETag"])])
                self.assertEqual((part.status, part.body), (200, b"content B"))

    def test_two_copies_of_a_tree_agree(self):
        """Behind a balancer, or after the disk got another number."""
        one, two = Weir(workers=1), Weir(workers=1)
        for weir in (one, two):
            self.addCleanup(weir.stop)
        one.put("big", os.urandom(BIG), mtime=1_700_000_000)
        one.put("small", b"here", mtime=1_700_000_000)
        for name in ("big", "small"):
            shutil.copy2(os.path.join(one.root, name), os.path.join(two.root, name))
        one.start()
        two.start()
        for path in ("/big", "/small"):
            tag = get(one.port, path)["ETag"]
            self.assertEqual(get(two.port, path, fields=[("If-None-Match", tag)]).status, 304)
            rest = get(two.port, path, fields=[("Range", "bytes=2-"), ("If-Range", tag)])
            self.assertEqual(rest.status, 206)


class InPlace(unittest.TestCase):
    """A file is written to in place while its entry is believed: what is answered is of one file."""

    def setUp(self):
        # So long that nothing but the open file itself can tell.
        self.weir = Weir(ini="\n[cache]\nvalid = 1h\n", workers=1)
        self.addCleanup(self.weir.stop)

    def rewritten(self, bytes_after):
        weir = self.weir
        path = weir.put("f", b"A" * BIG, mtime=1_700_000_000)
        weir.start()
        with Wire(weir.port) as w:
            before = w.ask("/f")
            self.assertEqual((before.status, len(before.body)), (200, BIG))
            with open(path, "r+b") as f:
                f.write(b"B" * bytes_after)
                f.truncate(bytes_after)
            tag = before["ETag"]
            after = w.ask("/f")
            self.assertEqual(after.status, 200)
            self.assertEqual(after.body, b"B" * bytes_after)
            self.assertNotEqual(after["ETag"], tag)
            self.assertEqual(w.ask("/f", fields=[("If-None-Match", tag)]).status, 200)
            self.assertEqual(w.ask("/f", "HEAD")["Content-Length"], str(bytes_after))
            part = w.ask("/f", fields=[("Range", "bytes=50000-"), ("If-Range", tag)])
            self.assertEqual((part.status, len(part.body)), (200, bytes_after))
            many = w.ask("/f", fields=[("Range", "bytes=0-9,50000-50009")])
            self.assertEqual((many.status, many.body.count(b"BBBBBBBBBB\r\n")), (206, 2))

    def test_grown(self):
        self.rewritten(150_000)

    def test_of_the_same_size(self):
        self.rewritten(BIG)

    def test_shrunk(self):
        self.rewritten(60_000)

    def test_deleted(self):
        path = self.weir.put("f", b"A" * BIG)
        self.weir.start()
        self.assertEqual(get(self.weir.port, "/f").status, 200)
        os.unlink(path)
        self.assertEqual(get(self.weir.port, "/f").status, 404)


if __name__ == "__main__":
    main()
