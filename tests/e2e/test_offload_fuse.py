# SPDX-License-Identifier: BSD-2-Clause
"""Slow, hung and failing disks that really are: a FUSE file system (harness/slowfs.c) beneath the
root, without a word in the configuration. The same with rehearsed faults: test_offload.py."""

import os
import shutil
import signal
import tempfile
import time
import unittest

from harness import Wire, get, main, wait_until
from harness.disk import HOT, Disk, answered, kinds, mount_state, wait_counter
from harness.server import PATIENCE
from harness.slowfs import SlowFS, content, why_not


@unittest.skipIf(why_not(), why_not())
class Fuse(Disk):
    def mounted(self, *commands, **more):
        # Not in the server's own folder: that is deleted while the mount may still hang.
        root = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        os.chmod(root, 0o755)
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        weir = self.serve({}, more.pop("server", ""), more.pop("offload", ""), root=root, **more)
        fs = SlowFS("delay read 0", *commands, at=weir.root + "/slow")
        fs.start()
        self.addCleanup(fs.stop)
        return weir, fs

    def held_one(self, weir, fs, operation, path, check=None):
        get(weir.port, "/hot")
        fs.tell("hang", operation)
        with Wire(weir.port, timeout=30) as slow:
            slow.request(path)
            fs.wait_held()
            with Wire(weir.port) as w:
                for _ in range(50):
                    self.assertEqual(w.ask("/hot").body, HOT)
            self.assertFalse(answered(slow))
            worker = next(w for w in weir.status()["workers"] if w["counters"]["requests_waiting"])
            self.assertIsNone(worker["stuck"])
            fs.tell("release")
            answer = slow.response()
            self.assertEqual(answer.status, 200)
            if check:
                check(answer)

    def hung_crowd(self, weir, fs):
        """The file system stops answering; clients who wait for it, of whom it holds some by now."""
        fs.tell("hang", "all")
        wires = [Wire(weir.port, timeout=30) for _ in range(10)]
        for i, w in enumerate(wires):
            w.request(f"/slow/f{i}-1000")
        fs.wait_held()
        return wires

    def test_each_call_held(self):
        """A request that waits in any call of the file system holds nobody up."""
        for operation in ("lookup", "getattr", "open", "read"):
            with self.subTest(operation):
                weir, fs = self.mounted("set entry_ms 0", "set attr_ms 0")
                with weir:
                    self.held_one(weir, fs, operation, "/slow/f7-300000",
                                  lambda a: self.assertEqual(a.body, content(7, 300000)))
                fs.stop()

    def test_open_with_names_cached(self):
        day = 86400 * 1000
        weir, fs = self.mounted(f"set entry_ms {day}", f"set attr_ms {day}")
        with weir:
            os.stat(fs.path + "/f7-1000")
            self.held_one(weir, fs, "open", "/slow/f7-1000", lambda a: self.assertEqual(a.body, content(7, 1000)))

    def test_listing_held(self):
        weir, fs = self.mounted("set files 3", location="listing = auto")
        with weir:
            self.held_one(weir, fs, "readdir", "/slow/?format=json",
                          lambda a: self.assertIn(b"f2", a.body))

    def test_bytes(self):
        weir, fs = self.mounted("delay read 30", workers=2)
        with weir, Wire(weir.port, timeout=60) as w:
            self.assertEqual(w.ask("/slow/f1-2500001").body, content(1, 2500001))
            answer = w.ask("/slow/f2-2500001", fields=[("Range", "bytes=131071-1200000")])
            self.assertEqual(answer.body, content(2, 2500001, 131071, 1200000 - 131070))
            self.assertEqual(w.ask("/slow/none").status, 404)
            self.assertEqual(w.ask("/hot").body, HOT)

    def test_read_error(self):
        weir, fs = self.mounted("error read 5")
        with weir:
            with Wire(weir.port) as w:
                w.request("/slow/f1-3000000")
                got = w.socket.recv(65536)
                if b" 200 " in got.split(b"\r\n")[0]:
                    self.assertLess(len(got + w.rest()), 1000)
                else:
                    self.assertRegex(got, rb"^HTTP/1.1 50[03] ")
            self.assertEqual(get(weir.port, "/hot").body, HOT)
            fs.tell("error", "read", 0)
            self.assertEqual(get(weir.port, "/slow/f2-3000000", timeout=30).body, content(2, 3000000))

    def test_sick_and_healed(self):
        # Of slow requests there would be more events than are kept.
        weir, fs = self.mounted(workers=2, offload="deadline = 1s\nprobe = 200ms", log="slow_request = 1m")
        with weir:
            self.assertEqual(get(weir.port, "/slow/f1-1000").body, content(1, 1000))
            fs.tell("hang", "all")
            crowd = [Wire(weir.port, timeout=30) for _ in range(40)]
            for i, w in enumerate(crowd):
                w.request(f"/slow/f{100 + i}-1000")
            wait_until(lambda: mount_state(weir, fs.path) == "sick", 10, "the mount to be sick")
            # each worker finds out for itself
            wait_until(lambda: all(get(weir.port, f"/slow/f{200 + i}-1000", timeout=30).status == 503 for i in range(8)),
                       10, "503 from all workers")
            with Wire(weir.port) as w:
                for _ in range(50):
                    self.assertEqual(w.ask("/hot").body, HOT)
            self.assertIn("SICK", kinds(weir))
            fs.tell("release")
            wait_until(lambda: "HEALED" in kinds(weir) and mount_state(weir, fs.path) == "ok", 10, "the mount to heal")
            wait_until(lambda: all(get(weir.port, f"/slow/f{300 + i}-1000", timeout=30).status == 200 for i in range(8)),
                       10, "200 from all workers")
            for w in crowd:
                self.assertIn(w.response().status, (200, 503))
                w.close()
            wait_counter(weir, "offload_stuck", lambda n: n == 0)

    def test_a_mount_younger_than_the_last_look_at_the_table(self):
        """It is not taken for the one its mount point is on, which would be called sick for it."""
        root = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        os.chmod(root, 0o755)
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        weir = self.serve({}, "", "deadline = 1s", root=root, more="[cache]\nvalid = 1h\n")
        fs = SlowFS("delay read 0", at=root + "/slow")
        with weir, Wire(weir.port, timeout=30) as w:
            self.assertEqual(w.ask("/hot").body, HOT)  # the table is looked at now, and in a second
            fs.start()
            self.addCleanup(fs.stop)
            self.assertEqual(w.ask("/slow/f1-3000000", method="HEAD").status, 200)
            fs.tell("hang", "read")
            self.assertEqual(w.ask("/slow/f1-3000000").status, 503)
            self.assertEqual({m["mount"] for m in weir.status()["mounts"] if m["state"] == "sick"}, {fs.path})

    def test_stop_with_a_hung_mount(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            weir, fs = self.mounted(server="drain_timeout = 1s", workers=2, offload="deadline = 1s")
            weir.start()
            wires = self.hung_crowd(weir, fs)
            begun = time.monotonic()
            weir.stop(how)
            self.assertLess(time.monotonic() - begun, 10 * PATIENCE)
            for w in wires:
                w.close()
            fs.stop()

    def test_stop_with_a_mount_that_not_even_a_kill_ends(self):
        for end in (lambda weir: weir.kill(signal.SIGTERM), lambda weir: weir.ctl("stop")):
            weir, fs = self.mounted("set deaf 1", server="drain_timeout = 1s", workers=2, offload="deadline = 1s")
            weir.start()
            wires = self.hung_crowd(weir, fs)
            held = wait_until(lambda: [w["number"] for w in weir.status()["workers"]
                                       if w["counters"]["offload_busy"]], 10, "a worker with a held thread")[0]
            weir.ctl("kill", str(held))
            wait_until(lambda: "given up" in weir.ctl("events").stdout, 20, f"worker {held} to be given up")
            weir.wait_workers(2)
            self.assertEqual(get(weir.port, "/hot").body, HOT)
            end(weir)
            self.assertEqual(weir.process.wait(20 * PATIENCE), 0)
            self.assertRegex(weir.log(), r"worker \d+ \(pid \d+\) is dead but cannot be ended.*/slow/f\d-1000")
            for w in wires:
                w.close()
            weir.stop()
            fs.stop()

    def test_workers_change_with_a_hung_mount(self):
        weir, fs = self.mounted(server="drain_timeout = 1s", workers=2, offload="deadline = 1s")
        with weir:
            wires = self.hung_crowd(weir, fs)
            weir.ctl("reload")
            weir.wait_workers(2)
            weir.ctl("workers", "1")
            weir.wait_workers(1)
            self.assertEqual(get(weir.port, "/hot").body, HOT)
            for w in wires:
                w.close()
            fs.tell("release")
            wait_until(lambda: get(weir.port, "/slow/f500-1000", timeout=30).status == 200, 10, "the mount to heal")


if __name__ == "__main__":
    main()
