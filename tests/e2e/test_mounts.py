# SPDX-License-Identifier: BSD-2-Clause
"""Mounts that come and go while a fence is around one of them."""

import os
import subprocess
import unittest

from harness import Weir, get, main, wait_until


def mount(point):
    os.makedirs(point, exist_ok=True)
    return subprocess.run(["mount", "-t", "tmpfs", "weir-test", point],
                          capture_output=True).returncode == 0


def umount(point):
    return subprocess.run(["umount", point], capture_output=True).returncode == 0


class Fences(unittest.TestCase):
    def setUp(self):
        self.weir = Weir(workers=2)
        self.one, self.two = (os.path.join(self.weir.root, n) for n in ("one", "two"))
        self.addCleanup(self.weir.stop)
        self.mount(self.one)
        self.weir.start()

    def mount(self, point):
        if not mount(point):
            self.skipTest("nothing can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", point], capture_output=True)
        with open(os.path.join(point, "f"), "w") as f:
            f.write("here")

    def events(self, kind):
        return [e["text"] for e in self.weir.status()["events"] if e["kind"] == kind]

    def states(self):
        return {m["mount"]: m["state"] for m in self.weir.status()["mounts"]}

    def fence(self):
        self.weir.ctl("fence", self.one)
        wait_until(lambda: "fenced" in self.states().values(), 20, "the fence")
        self.assertEqual(get(self.weir.port, "/one/f").status, 503)

    def gone(self):
        told = wait_until(lambda: self.events("HEALED"), 20, "the fence to go")
        self.assertEqual(len(told), 1)
        self.assertRegex(told[0], rf"^mount {self.one} \(tmpfs, .* is gone, and with it the fence")
        wait_until(lambda: "fenced" not in self.states().values(), 20, "the workers to know")

    def test_it_ends_with_its_mount(self):
        """The next mount is given the device number of the last one."""
        device = os.stat(self.one).st_dev
        self.fence()
        wait_until(lambda: umount(self.one), 20, "the mount to be free")
        self.mount(self.two)
        same = os.stat(self.two).st_dev == device
        self.gone()
        self.assertEqual(get(self.weir.port, "/two/f").body, b"here")
        if same:
            wait_until(lambda: get(self.weir.port, "/two/f").status == 200 and self.two in self.states(),
                       20, "the row to have the name of the mount that is there")

    def test_it_stays_while_others_come_and_go(self):
        self.fence()
        self.mount(self.two)
        self.assertEqual(get(self.weir.port, "/two/f").status, 200)
        # The master was told of the mount before it could tell of this.
        self.weir.ctl("workers", "3")
        self.weir.wait_workers(3)
        self.assertEqual(get(self.weir.port, "/one/f").status, 503)
        self.assertEqual(self.events("HEALED"), [])

    def test_one_that_was_mounted_over_can_be_unfenced(self):
        self.fence()
        self.mount(self.one)
        wait_until(lambda: get(self.weir.port, "/one/f").status == 200, 20, "what is on top")
        self.assertIn("is no longer fenced", self.weir.ctl("unfence", self.one + "/").stdout)
        wait_until(lambda: "fenced" not in self.states().values(), 20, "the workers to know")

    def test_a_new_worker_knows_nothing_of_one_that_ended(self):
        self.fence()
        wait_until(lambda: umount(self.one), 20, "the mount to be free")
        self.gone()
        self.mount(self.one)
        self.weir.ctl("restart", "1")
        self.weir.wait_workers(2)
        for _ in range(5):
            self.assertEqual(get(self.weir.port, "/one/f").body, b"here")
        self.assertIn("was not fenced", self.weir.ctl("unfence", self.one).stdout)


if __name__ == "__main__":
    main()
