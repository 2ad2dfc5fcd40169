# SPDX-License-Identifier: BSD-2-Clause
"""Mounts that come and go while a fence is around one of them, and mounts that are taken out."""

import os
import shutil
import subprocess
import tempfile
import unittest

from harness import Weir, get, main, wait_until
from harness.slowfs import SlowFS, content, why_not


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


class TakenOut(unittest.TestCase):
    """A fence lets its mount be unmounted, although files of it were just sent."""

    def setUp(self):
        self.weir = Weir(workers=2, location="listing = json")
        self.addCleanup(self.weir.stop)

    def mount(self, point, content):
        if not mount(point):
            self.skipTest("nothing can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", point], capture_output=True)
        os.chmod(point, 0o755)
        for name, data in (("f", content), ("big", content * 50_000)):
            with open(os.path.join(point, name), "wb") as f:
                f.write(data)

    def use(self, prefix):
        """Until every worker has files of it open."""
        def open_everywhere():
            for name in ("f", "big", "none", ""):
                get(self.weir.port, prefix + name)
            return all(self.holds(pid) for pid in self.weir.worker_pids())
        wait_until(open_everywhere, 20, "every worker to have a file of it open")

    def holds(self, pid):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(f"/proc/{pid}/fd/{fd}").endswith("/big"):
                    return True
            except FileNotFoundError:
                pass
        return False

    def status_of(self, path):
        return get(self.weir.port, path).status

    def test_beneath_the_root(self):
        point = os.path.join(self.weir.root, "one")
        self.mount(point, b"here")
        self.weir.start()
        self.use("/one/")
        os.symlink("one/big", os.path.join(self.weir.root, "link"))
        self.weir.ctl("fence", point)
        self.assertEqual(self.status_of("/one/f"), 503)
        self.assertEqual(self.status_of("/link"), 503)
        wait_until(lambda: umount(point), 20, "the mount to be free")

    def test_under_a_root(self):
        """The root is the mount point. Until unfence there is nothing else that clients ask for."""
        self.mount(self.weir.root, b"here")
        self.weir.start()
        self.use("/")
        self.weir.ctl("fence", self.weir.root)
        wait_until(lambda: self.status_of("/f") == 503, 20, "the fence")
        answer = get(self.weir.port, "/f")
        self.assertTrue(int(answer["Retry-After"]) > 0)
        self.assertEqual(self.status_of("/"), 503)
        wait_until(lambda: umount(self.weir.root), 20, "the mount to be free")
        wait_until(lambda: "get 503 until it is unfenced" in self.weir.log(), 20, "the master to know")
        self.weir.ctl("restart", "1")  # a worker that has never seen the mount
        self.weir.wait_workers(2)
        self.weir.ctl("reload")  # nor has the new generation
        self.weir.wait_workers(2)
        for _ in range(5):
            self.assertEqual(self.status_of("/f"), 503)
        self.mount(self.weir.root, b"new!")
        for _ in range(5):
            self.assertEqual(self.status_of("/f"), 503)
        self.assertIn("is no longer fenced", self.weir.ctl("unfence", self.weir.root).stdout)
        wait_until(lambda: self.status_of("/f") == 200, 20, "the new file system")
        for _ in range(5):
            self.assertEqual(get(self.weir.port, "/f").body, b"new!")
        self.weir.ctl("fence", self.weir.root)  # and once more
        wait_until(lambda: umount(self.weir.root), 20, "the new mount to be free")

    def test_under_a_root_that_nobody_asked_for(self):
        self.mount(self.weir.root, b"here")
        self.weir.start()
        self.weir.ctl("fence", self.weir.root)
        wait_until(lambda: umount(self.weir.root), 20, "the mount to be free")

    def test_unfenced_again_without_a_change(self):
        self.mount(self.weir.root, b"here")
        self.weir.start()
        self.use("/")
        self.weir.ctl("fence", self.weir.root)
        self.weir.ctl("reload")  # which looks at every root
        self.weir.wait_workers(2)
        self.assertEqual(self.status_of("/f"), 503)
        self.weir.ctl("unfence", self.weir.root)
        wait_until(lambda: get(self.weir.port, "/f").body == b"here", 20, "the file")
        self.weir.ctl("fence", self.weir.root)
        wait_until(lambda: umount(self.weir.root), 20, "the mount to be free")

    def test_a_root_by_a_link(self):
        point = os.path.join(self.weir.folder, "disk")
        self.mount(point, b"here")
        os.rmdir(self.weir.root)
        os.symlink(point, self.weir.root)
        self.weir.start()
        self.use("/")
        self.weir.ctl("fence", point)
        self.weir.ctl("fence", point)  # once more changes nothing
        wait_until(lambda: self.status_of("/f") == 503, 20, "the fence")
        wait_until(lambda: umount(point), 20, "the mount to be free")
        wait_until(lambda: "get 503 until it is unfenced" in self.weir.log(), 20, "the master to know")
        self.mount(point, b"new!")
        self.weir.ctl("unfence", point)
        wait_until(lambda: get(self.weir.port, "/f").body == b"new!", 20, "the new file system")

    @unittest.skipIf(why_not(), why_not())
    def test_a_network_file_system(self):
        root = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        os.chmod(root, 0o755)
        self.weir.root = root
        self.weir.write_ini()
        slow = SlowFS(at=os.path.join(root, "slow")).start()
        self.addCleanup(slow.stop)
        self.weir.start()
        for _ in range(8):
            self.assertEqual(get(self.weir.port, "/slow/f7-300000").body, content(7, 300000))
        self.weir.ctl("fence", slow.path)
        wait_until(lambda: umount(slow.path), 20, "the mount to be free")


if __name__ == "__main__":
    main()
