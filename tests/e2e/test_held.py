# SPDX-License-Identifier: BSD-2-Clause
"""What a server keeps hold of, and for how long: descriptors of files that nobody asks for any more,
what is known of a root that now leads elsewhere, and directories that were read for listings."""

import os
import shutil
import socket
import tempfile
import time
import unittest

from harness import Weir, Wire, get, main, wait_until
from harness.slowfs import SlowFS, content, why_not


def open_paths(pids):
    """What these processes have open, as the kernel names it."""
    paths = []
    for pid in pids:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                paths.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
            except FileNotFoundError:
                pass  # closed meanwhile
    return paths


class Idle(unittest.TestCase):
    def start(self, **more):
        self.weir = Weir(ini="\n[cache]\nidle = 1s\n", workers=2, **more)
        self.addCleanup(self.weir.stop)
        return self.weir

    def held(self, beneath, marked=""):
        try:
            paths = open_paths(self.weir.worker_pids())
        except PermissionError:
            self.skipTest("descriptors of the workers cannot be seen")
        return [p for p in paths if p.startswith(beneath) and marked in p]

    def test_files_that_are_gone_are_closed(self):
        """Although other requests go on, and nobody asks for these again."""
        weir = self.start()
        weir.put("small", b"here")
        for i in range(20):
            weir.put(f"gone/{i}", os.urandom(100_000))
        replaced = weir.put("replaced", os.urandom(100_000))
        weir.start()
        for i in range(20):
            self.assertEqual(get(weir.port, f"/gone/{i}").status, 200)
        self.assertEqual(get(weir.port, "/replaced").status, 200)
        for i in range(20):
            os.unlink(os.path.join(weir.root, f"gone/{i}"))
        os.rename(weir.put("new", os.urandom(100_000)), replaced)

        def let_go():
            self.assertEqual(get(weir.port, "/small").body, b"here")
            return not self.held(weir.root, "(deleted)")

        wait_until(let_go, 20, lambda: f"the space of {self.held(weir.root, '(deleted)')}")

    def test_files_in_use_stay_open(self):
        weir = self.start()
        weir.put("used", os.urandom(100_000))
        weir.put("unused", os.urandom(100_000))
        weir.start()
        self.assertEqual(get(weir.port, "/unused").status, 200)

        def unused_is_closed():
            self.assertEqual(get(weir.port, "/used").status, 200)
            return not self.held(os.path.join(weir.root, "unused"))

        wait_until(unused_is_closed, 20, "the unused file to be closed")
        self.assertTrue(self.held(os.path.join(weir.root, "used")))

    @unittest.skipIf(why_not(), why_not())
    def test_a_network_file_system_is_let_go(self):
        root = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        os.chmod(root, 0o755)
        weir = self.start()
        weir.root = root
        weir.write_ini()
        slow = SlowFS(at=os.path.join(root, "slow")).start()
        self.addCleanup(slow.stop)
        weir.start()
        self.assertEqual(get(weir.port, "/slow/f7-300000").body, content(7, 300000))
        wait_until(lambda: not self.held(slow.path), 20, "the mount to be let go")


class SwitchedRoot(unittest.TestCase):
    def test_it_is_seen_whole(self):
        """Once one file of the new release was given out, none of the old one is."""
        weir = Weir(ini="\n[cache]\nvalid = 3s\n", workers=1)
        self.addCleanup(weir.stop)
        for release in ("v1", "v2"):
            for name in ("x", "y"):
                path = os.path.join(weir.folder, release, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as f:
                    f.write(release)
        os.rmdir(weir.root)
        os.symlink("v1", weir.root)
        weir.start()
        self.assertEqual(get(weir.port, "/y").body, b"v1")  # the root is looked up, and y
        time.sleep(1.5)
        self.assertEqual(get(weir.port, "/x").body, b"v1")  # x alone
        os.symlink("v2", weir.root + ".next")
        os.rename(weir.root + ".next", weir.root)
        wait_until(lambda: get(weir.port, "/y").body == b"v2", 20, "the new release")
        self.assertEqual(get(weir.port, "/x").body, b"v2")


class Listings(unittest.TestCase):
    def ask(self, path):
        """A client that reads no more than the status of its answer."""
        w = Wire(self.weir.port, timeout=30, rcvbuf=4096)
        self.addCleanup(w.close)
        w.request(path)
        return w, w.socket.recv(12, socket.MSG_WAITALL)

    def test_they_share_what_was_read_and_have_a_bound(self):
        """Clients that stall in the middle of a page hold one reading, whatever order they asked for."""
        self.weir = weir = Weir(ini="\n[limits]\nlisting_bytes = 1500k\n[cache]\nvalid = 1h\n", workers=1,
                                location="listing = html\n")
        self.addCleanup(weir.stop)
        for folder in ("a", "b"):
            os.makedirs(os.path.join(weir.root, folder))
            for i in range(3000):  # some 0.8 MB in memory, and a page of some 6: more than a socket takes
                weir.put(f"{folder}/{i:04}" + "&" * 240)
        os.makedirs(os.path.join(weir.root, "small"))
        weir.start()

        def jobs():
            return weir.status()["workers"][0]["counters"]["offload_jobs"]

        before = jobs()
        wires = []
        for i in range(24):
            w, status = self.ask(f"/a/?sort={('name', 'size', 'mtime')[i % 3]}&order={('asc', 'desc')[i % 2]}")
            self.assertEqual(status, b"HTTP/1.1 200")
            wires.append(w)
        self.assertLessEqual(jobs() - before, 4, "the directory was read again and again")
        refused = get(weir.port, "/b/")
        self.assertEqual(refused.status, 503)
        self.assertTrue(int(refused["Retry-After"]) > 0)
        self.assertIn("listing_bytes", weir.log())
        w, status = self.ask("/a/")
        self.assertEqual(status, b"HTTP/1.1 200")
        self.assertEqual(get(weir.port, "/small/").status, 200)
        for w in [w, *wires]:
            w.reset()
        wait_until(lambda: self.ask("/b/")[1] == b"HTTP/1.1 200", 20, "room for the other")

    def test_a_new_name_is_seen(self):
        weir = Weir(ini="\n[cache]\nvalid = 100ms\n", workers=1, location="listing = json\n")
        self.addCleanup(weir.stop)
        weir.put("one")
        weir.start()
        self.assertIn(b"one", get(weir.port, "/").body)
        for name in ("two", "three"):
            weir.put(name)
            wait_until(lambda: name.encode() in get(weir.port, "/").body, 20, "the new name")
        os.unlink(os.path.join(weir.root, "one"))
        wait_until(lambda: b"one" not in get(weir.port, "/").body, 20, "the name to go")


if __name__ == "__main__":
    main()
