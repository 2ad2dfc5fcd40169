# SPDX-License-Identifier: BSD-2-Clause
"""Workers that are dead and cannot be reaped, because a thread of theirs waits for a file system that
not even SIGKILL gets it out of (the deaf mode of harness/slowfs.c): they are seen, told, replaced and
not counted, their slot is free when the mount answers, and after a stop they keep no port."""

import os
import shutil
import signal
import socket
import tempfile
import time
import unittest

from harness import Weir, Wire, free_port, get, main, wait_until
from harness.server import PATIENCE
from harness.slowfs import SlowFS, why_not

HOT = b"hot" * 100


def state_of(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()[0]


@unittest.skipIf(why_not(), why_not())
class Dead(unittest.TestCase):
    def serve(self, workers, operation, port=0):
        """A server one of whose workers is held by a mount that is deaf to signals: (weir, fs, pid)."""
        # Not in the server's own folder: that is deleted while the mount may still hang.
        root = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        os.chmod(root, 0o755)
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        weir = Weir(workers=workers, server="drain_timeout = 2s")
        weir.root = root
        weir.listen = f"127.0.0.1:{port}"
        weir.write_ini()
        weir.put("hot", HOT)
        self.addCleanup(shutil.rmtree, weir.folder, ignore_errors=True)
        self.addCleanup(weir.stop, check=False)
        fs = SlowFS("set deaf 1", "set flush 1", "delay read 0", at=root + "/slow")
        fs.start()
        self.addCleanup(fs.stop)
        weir.start()
        return weir, fs, self.hold(weir, fs, operation)

    def hold(self, weir, fs, operation):
        """Lets a worker get into the mount's hands; its pid."""
        self.assertEqual(get(weir.port, "/slow/f1-100000", timeout=30).status, 200)
        fs.tell("hang", operation)
        if operation == "flush":  # only its death closes the file it has open
            return weir.status()["workers"][0]["pid"]
        wire = Wire(weir.port, timeout=30)
        self.addCleanup(wire.close)
        wire.request("/slow/f2-1000")
        fs.wait_held()
        return wait_until(lambda: next((w["pid"] for w in weir.status()["workers"]
                                        if w["counters"]["offload_busy"]), None), 10, "a worker with a held thread")

    def dead(self, weir):
        return [w for w in weir.status()["workers"] if w["state"] == "dead"]

    def check_replaced(self, weir, pid, workers):
        """From the kill on: told and replaced within about two seconds, and served."""
        begun = time.monotonic()
        found = wait_until(lambda: self.dead(weir), 5, "the dead worker to be seen")
        self.assertEqual([w["pid"] for w in found], [pid])
        self.assertEqual(found[0]["stuck"], "dead")
        self.assertEqual(found[0]["counters"]["connections"], 0)
        wait_until(lambda: weir.status()["workers_running"] == workers, 5, "another worker in its place")
        print(f"# seen and replaced after {time.monotonic() - begun:.1f} s", flush=True)
        with Wire(weir.port) as w:
            self.assertEqual(w.ask("/hot").body, HOT)
        text = weir.ctl("status").stdout
        self.assertRegex(text, rf"{workers} running of {workers} wanted .*, 1 stuck, 1 restarts")
        self.assertRegex(text, rf"(?m)^ +\d+ +{pid} DEAD ")
        self.assertRegex(weir.log(), rf"worker \d+ \(pid {pid}\) is dead but cannot be ended")
        self.assertIn("is dead but cannot be ended", weir.ctl("events").stdout)

    def test_a_thread_that_nothing_ends(self):
        """kill -9 from outside, as the OOM killer does it: the leader is a zombie, a thread waits on."""
        weir, fs, pid = self.serve(1, "open")
        os.kill(pid, signal.SIGKILL)
        self.check_replaced(weir, pid, 1)
        number = self.dead(weir)[0]["number"]
        refused = weir.ctl("kill", str(number), check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("is dead already", refused.stdout + refused.stderr)
        self.assertEqual(weir.status()["totals"]["counters"]["connections_lost"], 1)
        self.assertRegex(weir.log(), r"its 1 connection is lost.*offload thread 1 is in open of .*/slow/f2-1000")
        fs.tell("release")
        wait_until(lambda: not self.dead(weir), 10, "the dead worker to be reaped")
        self.assertRegex(weir.log(), rf"worker {number} \(pid {pid}\), dead for [\d.]+ \w+, could be ended at last")
        self.assertEqual(len(weir.status()["workers"]), 1)
        weir.stop()

    def test_an_exit_that_hangs(self):
        """Closing its files at the end waits for the mount (FLUSH); a crash this time."""
        weir, fs, pid = self.serve(1, "flush")
        os.kill(pid, signal.SIGSEGV)
        self.check_replaced(weir, pid, 1)
        fs.tell("release")
        wait_until(lambda: not self.dead(weir), 10, "the dead worker to be reaped")
        weir.stop(check=False)

    def test_the_others_do_not_stand_back_for_it(self):
        """With two workers: new connections are taken at once, however many the living one holds."""
        weir, fs, pid = self.serve(2, "open")
        os.kill(pid, signal.SIGSTOP)  # the forty all go to the other one
        held = [Wire(weir.port) for _ in range(40)]
        for w in held:
            self.addCleanup(w.close)
            self.assertEqual(w.ask("/hot").status, 200)
        os.kill(pid, signal.SIGKILL)
        self.check_replaced(weir, pid, 2)
        fs.tell("release")
        wait_until(lambda: not self.dead(weir), 10, "the dead worker to be reaped")
        weir.stop()

    def test_a_stopped_worker_is_not_dead(self):
        weir, fs, pid = self.serve(2, "open")
        os.kill(pid, signal.SIGSTOP)
        try:
            end = time.monotonic() + 3
            while time.monotonic() < end:
                self.assertEqual(self.dead(weir), [])
                time.sleep(0.1)
            self.assertEqual(state_of(pid), "T")
        finally:
            os.kill(pid, signal.SIGCONT)
        fs.tell("release")
        weir.stop()

    def test_the_port_is_free_after_a_stop(self):
        port = free_port()
        for how in (signal.SIGTERM, signal.SIGINT):
            weir, fs, pid = self.serve(2, "open", port)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: self.dead(weir), 4, "the dead worker to be seen")
            weir.kill(how)
            self.assertEqual(weir.process.wait(10 * PATIENCE), 0)
            self.assertIn(state_of(pid), "ZD", "the dead process is still there")
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), 5)
            again = Weir(workers=1)
            again.listen = f"127.0.0.1:{port}"
            again.write_ini()
            again.put("hot", HOT)
            with again:
                self.assertEqual(get(port, "/hot").body, HOT)
            fs.stop()
            weir.stop(check=False)


if __name__ == "__main__":
    main()
