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
from harness.disk import HOT, Disk, answered, counter, kinds, mount_state, wait_counter
from harness.server import PATIENCE
from harness.slowfs import SlowFS, content, why_not
from harness.wire import Closed


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
            fs.tell("hang", "all")
            self.assertEqual(w.ask("/slow/f1-3000000").status, 503)
            self.assertEqual({m["mount"] for m in weir.status()["mounts"] if m["state"] == "sick"}, {fs.path})

    def test_one_bad_file_is_refused_alone(self):
        """One file never answers a read: it gets 503 within the deadline, all others are served."""
        weir, fs = self.mounted("set only 7", "hang read", offload="deadline = 1s\nprobe = 200ms", log="slow_request = 1m")
        with weir, Wire(weir.port, timeout=30) as bad, Wire(weir.port, timeout=30) as good:
            bad.request("/slow/f7-100000")
            fs.wait_held()
            for i in range(1000):
                self.assertEqual(good.ask(f"/slow/f{100 + i}-5000").status, 200)
                if answered(bad):
                    break
            self.assertEqual(bad.response().status, 503)
            for i in range(300):
                self.assertEqual(good.ask(f"/slow/f{2000 + i}-5000").status, 200)
            self.assertEqual(good.ask("/slow/f8-3000000").body, content(8, 3000000))
            # asked for again, by many: the same, and the mount is well all the time
            for _ in range(3):
                self.assertEqual(bad.ask("/slow/f7-100000").status, 503)
                self.assertEqual(good.ask("/slow/f9-3000000").status, 200)
            self.assertEqual(mount_state(weir, fs.path), "ok")
            self.assertNotIn("SICK", kinds(weir))
            fs.tell("release")
            wait_until(lambda: get(weir.port, "/slow/f7-100000", timeout=30).status == 200, 10, "the bad file to be well")

    def test_a_bad_file_alone_on_an_idle_mount(self):
        """Nothing else is asked for: the mount itself is tried, and is not taken for dead."""
        weir, fs = self.mounted("set only 7", "hang read", offload="deadline = 1s\nprobe = 200ms")
        with weir:
            for _ in range(3):
                self.assertEqual(get(weir.port, "/slow/f7-100000", timeout=30).status, 503)
                self.assertEqual(mount_state(weir, fs.path), "ok")
            self.assertEqual(get(weir.port, "/slow/f8-100000", timeout=30).body, content(8, 100000))
            self.assertNotIn("SICK", kinds(weir))
            fs.tell("release")

    def test_a_lost_call_is_asked_again(self):
        """The first open is never answered, all after it are: nobody waits for the first."""
        for operation in ("open", "getattr"):  # for the same lookup the kernel itself waits
            with self.subTest(operation):
                weir, fs = self.mounted("set only 7", "set entry_ms 0", "set attr_ms 0", f"hang {operation}",
                                        offload="deadline = 1s\nprobe = 200ms")
                with weir:
                    with Wire(weir.port, timeout=30) as w:
                        w.request("/slow/f7-100000")
                        fs.wait_held()
                        fs.tell("lose")
                        self.assertEqual(w.response().status, 503)
                    wait_until(lambda: get(weir.port, "/slow/f7-100000", timeout=30).body == content(7, 100000), 10,
                               "the file")
                    wait_counter(weir, "connections", lambda n: n <= 1)
                    wait_counter(weir, "requests_waiting", lambda n: n == 0)
                    fs.tell("release")
                fs.stop()

    def test_a_mount_that_still_hangs_after_unfence(self):
        weir, fs = self.mounted(offload="deadline = 1s\nprobe = 60s", log="slow_request = 1m")
        with weir:
            self.assertEqual(get(weir.port, "/slow/f1-1000").status, 200)
            fs.tell("hang", "all")
            self.assertEqual(get(weir.port, "/slow/f1-100000", timeout=30).status, 503)
            self.assertEqual(mount_state(weir, fs.path), "sick")
            for words in (["unfence"], ["fence", "unfence"]):
                for word in words:
                    weir.ctl(word, fs.path)
                wait_until(lambda: mount_state(weir, fs.path) == "ok", 5, "unfence")
                self.assertEqual(get(weir.port, "/slow/f1-100000", timeout=30).status, 503)
                wait_until(lambda: mount_state(weir, fs.path) == "sick", 10, "the mount to be sick again")
            weir.ctl("unfence", fs.path)  # nobody asks: a probe does
            wait_until(lambda: kinds(weir).count("SICK") >= 4, 10, "the mount to be sick again")
            wait_counter(weir, "requests_waiting", lambda n: n == 0)
            wait_counter(weir, "connections", lambda n: n <= 1)
            fs.tell("release")
            weir.ctl("unfence", fs.path)
            wait_until(lambda: get(weir.port, "/slow/f1-100000", timeout=30).status == 200, 10, "the file")

    def test_a_saturated_share_gives_all_their_files(self):
        """Sixty clients share 4 MB/s: each waits longer than the deadline, and each gets its file. The line of
        one worker may be served before that of the other."""
        weir, fs = self.mounted("set rate 4000000", workers=2, offload="deadline = 500ms\nprobe = 200ms", log="slow_request = 5m")
        with weir:
            wires = [Wire(weir.port, timeout=120) for _ in range(60)]
            for i, w in enumerate(wires):
                w.request(f"/slow/f{i}-250000")
            for i, w in enumerate(wires):
                answer = w.response()
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.body, content(i, 250000))
                w.close()
            self.assertNotIn("SICK", kinds(weir))
            self.assertEqual(counter(weir, "offload_stuck"), 0)

    def test_a_body_waits_no_longer_than_that(self):
        """Half sent, it can only be ended."""
        weir, fs = self.mounted("set only 7", offload="deadline = 1h\nwait = 1s\nwindow = 64k")
        with weir:
            with Wire(weir.port, timeout=30, rcvbuf=4096) as w:
                w.request("/slow/f7-50000000")
                w.held += w.socket.recv(1000)
                fs.tell("hang", "read")
                with self.assertRaises((ConnectionError, Closed)):
                    w.response()
            wait_counter(weir, "requests_waiting", lambda n: n == 0)
            wait_counter(weir, "connections", lambda n: n == 0)
            fs.tell("release")

    def test_a_long_listing_arrives(self):
        """Each name takes its time, all of them many deadlines; nobody is refused for it."""
        weir, fs = self.mounted("set files 300", "set entry_ms 0", "set attr_ms 0", "delay lookup 10",
                                location="listing = auto", offload="deadline = 500ms\nprobe = 200ms")
        with weir, Wire(weir.port, timeout=60) as lists, Wire(weir.port, timeout=30) as w:
            lists.request("/slow/?format=json")
            n = 0
            while not answered(lists) and n < 2000:
                self.assertEqual(w.ask(f"/slow/f{1000 + n}-1000").status, 200)
                n += 1
            self.assertIn(b"f299", lists.response().body)
            self.assertGreater(n, 3)
            self.assertNotIn("SICK", kinds(weir))

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
