# SPDX-License-Identifier: BSD-2-Clause
"""What a server keeps hold of, and for how long: descriptors of files that nobody asks for any more,
and what is known of a root that now leads elsewhere."""

import os
import shutil
import tempfile
import time
import unittest

from harness import Weir, get, main, wait_until
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


if __name__ == "__main__":
    main()
