# SPDX-License-Identifier: BSD-2-Clause
"""Why a request got 403 or 404: the error log says it, with the file and the rule, and never more
than a few lines a second; symbolic links that stay inside the root are followed."""

import os
import re
import shutil
import subprocess
import unittest

from harness import Weir, get, main, wait_until


def may_read_everything():
    return os.geteuid() == 0


def fs_of(path):
    return subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True).stdout.strip().split("/")[0]


class Reasons(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        w = cls.weir = Weir(location="listing = off\nindex = index.html")
        w.put("releases/f", b"v1")
        w.put("secret", b"s", mode=0o600 if may_read_everything() else 0)
        w.put("locked/f", b"s")
        os.chmod(w.root + "/locked", 0o700 if may_read_everything() else 0)
        w.put("plain/x", b"")
        w.put("sealed/index.html", b"", mode=0o600 if may_read_everything() else 0)
        w.put(".hidden", b"")
        with open(w.folder + "/outside", "w") as f:
            f.write("never")
        os.mkfifo(w.root + "/pipe")
        os.symlink("releases", w.root + "/relative")
        os.symlink(w.root + "/releases", w.root + "/absolute")
        os.symlink(w.root + "/absolute/f", w.root + "/twice")
        os.symlink("/etc/passwd", w.root + "/out")
        os.symlink("../outside", w.root + "/up")
        os.symlink(w.folder + "/outside", w.root + "/beside")
        os.symlink(w.root + "/../outside", w.root + "/dots")
        os.symlink("me", w.root + "/me")
        w.start()

    @classmethod
    def tearDownClass(cls):
        os.chmod(cls.weir.root + "/locked", 0o700)
        cls.weir.stop()

    def told(self, path, status, *words, file=None):
        self.assertEqual(get(self.weir.port, path).status, status, path)

        def line():
            lines = [l for l in self.weir.log().splitlines() if f"{status} for {path}: " in l]
            return lines[-1] if lines else None
        text = wait_until(line, 5, f"a reason for {path}")
        for word in words:
            self.assertIn(word, text)
        self.assertIn(f"{self.weir.root}{file or path}: ", text)
        return text

    def test_links_out(self):
        for path in ("/out", "/up", "/beside", "/dots"):
            self.told(path, 403, "symbolic link", "out of")

    def test_links_inside_are_followed(self):
        for path in ("/relative/f", "/absolute/f", "/twice"):
            self.assertEqual(get(self.weir.port, path).body, b"v1", path)

    def test_a_link_to_itself(self):
        self.told("/me", 403, "symbolic links")

    def test_permission(self):
        self.told("/secret", 403, "may not read it", "Permission denied")
        # Which folder it is the kernel's cache tells, on a file system that is known to be local.
        local = re.search("may not enter", self.told("/locked/f", 403, "Permission denied"))
        if local:
            self.told("/locked/f/g/h", 403, "may not enter the folder locked (")
        else:
            self.assertNotIn(fs_of(self.weir.root), ("ext4", "xfs", "btrfs", "tmpfs"))
        self.told("/sealed/", 403, "Permission denied", file="/sealed/index.html")

    def test_not_a_file(self):
        self.told("/pipe", 403, "FIFO", "no regular file")

    def test_a_folder(self):
        self.told("/plain/", 403, "without an index file", "listing = off")

    def test_absent(self):
        self.told("/none", 404, "does not exist")
        self.told("/releases/f/g", 404, "no folder")

    def test_hidden(self):
        self.told("/.hidden", 404, "dot_files")

    def test_nothing_can_be_written_between(self):
        self.assertEqual(get(self.weir.port, "/a%0Ab%1B[31m").status, 404)
        wait_until(lambda: "/a\\" in self.weir.log(), 5, "the line")
        self.assertNotIn("\x1b", self.weir.log())


class NoLocation(unittest.TestCase):
    def test_it_is_told(self):
        weir = Weir(workers=1)
        with open(weir.ini_path) as f:
            text = f.read()
        weir.write_ini(text.replace("[location /]", "[location /in/]"))
        with weir:
            self.assertEqual(get(weir.port, "/elsewhere").status, 404)
            wait_until(lambda: "404 for /elsewhere: no location" in weir.log(), 5, "the reason")


class Bounded(unittest.TestCase):
    def test_many_that_are_absent(self):
        weir = Weir(workers=1)
        weir.put("f", b"x", mode=0o600 if may_read_everything() else 0)
        with weir:
            for i in range(500):
                self.assertEqual(get(weir.port, f"/none/{i}").status, 404)
            for _ in range(100):
                self.assertEqual(get(weir.port, "/f").status, 403)
            lines = [l for l in weir.log().splitlines() if "404 for " in l]
            self.assertGreaterEqual(len(lines), 20)
            self.assertLess(len(lines), 100)
            self.assertEqual(len([l for l in weir.log().splitlines() if "403 for /f:" in l]), 1)
            wait_until(lambda: re.search(r"[34]\d\d more requests with status 404 were left out", weir.log()),
                       30, "the count of what was left out")

    def test_not_below_info(self):
        weir = Weir(workers=1, ini="level = warn\n")
        with weir:
            self.assertEqual(get(weir.port, "/none").status, 404)
        self.assertNotIn("404 for", weir.log())


@unittest.skipUnless(shutil.which("setpriv") or os.geteuid() != 0, "no setpriv to be an ordinary user with")
class OrdinaryUser(unittest.TestCase):
    def test_a_root_that_may_not_be_entered(self):
        nobody = os.geteuid() == 0
        weir = Weir(workers=1, wrapper=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
                    if nobody else ())
        weir.put("f", b"x")
        os.chmod(weir.root, 0o700 if nobody else 0)
        if nobody:
            os.chown(weir.folder, 65534, 65534)
        try:
            weir.start()
            self.assertEqual(get(weir.port, "/f").status, 403)
            self.assertRegex(weir.log(), f"{weir.root}: .*may not enter this folder")
            wait_until(lambda: "403 for /f: " in weir.log(), 5, "the reason")
        finally:
            os.chmod(weir.root, 0o755)
            weir.stop(check=False)


if __name__ == "__main__":
    main()
