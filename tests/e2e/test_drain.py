# SPDX-License-Identifier: BSD-2-Clause
"""What a change does to downloads: one that its client goes on reading is never cut, however long it
takes; one that stands still ends after drain_timeout, and at a stop all do. Old workers that finish
long downloads are not waited for without end, and when they have all the slots a reload says so."""

import os
import signal
import threading
import time
import unittest

from harness import Weir, Wire, get, main, wait_until
from harness.server import PATIENCE

MIB = 1 << 20


class Download(threading.Thread):
    """Reads a file in small bites, so that it lasts; `body` counts what came of it."""

    def __init__(self, port, path, size, bytes_per_s):
        super().__init__(daemon=True)
        self.wire = Wire(port, rcvbuf=64 * 1024, timeout=30 * PATIENCE)
        self.wire.request(path)
        self.size, self.rate = size, bytes_per_s
        self.body = 0
        self.end = None
        self.ended = None
        self.start()

    def run(self):
        head, begun = b"", time.monotonic()
        try:
            while self.body < self.size:
                data = self.wire.socket.recv(65536)
                if not data:
                    self.end = "closed"
                    break
                if b"\r\n\r\n" not in head:
                    head += data
                    data = head.partition(b"\r\n\r\n")[2]
                self.body += len(data)
                ahead = self.body / self.rate - (time.monotonic() - begun)
                if ahead > 0:
                    time.sleep(ahead)
        except OSError as e:
            self.end = repr(e)
        self.ended = time.monotonic()
        self.wire.close()


class Drain(unittest.TestCase):
    def serve(self, workers=2, server="drain_timeout = 1s", size=6 * MIB):
        weir = Weir(workers=workers, server=server)
        with open(weir.put("iso"), "wb") as f:
            f.write(os.urandom(size))
        weir.put("f", b"x")
        self.addCleanup(weir.stop, check=False)
        return weir.start()

    def busy(self, weir):
        """The number of the worker that has the download."""
        return wait_until(lambda: next((w["number"] for w in weir.status()["workers"]
                                        if w["counters"]["requests_active"]), None), 10, "a download to begin")

    def test_a_change_cuts_no_download(self):
        """Six megabytes in four seconds, a drain_timeout of one: whole, whatever changes."""
        changes = (lambda weir, n: weir.ctl("reload"), lambda weir, n: weir.ctl("restart", str(n)),
                   lambda weir, n: weir.ctl("drain", str(n)), lambda weir, n: weir.ctl("workers", "1"),
                   lambda weir, n: weir.kill(signal.SIGHUP))
        servers = [self.serve() for _ in changes]
        downloads = [Download(weir.port, "/iso", 6 * MIB, 1.5 * MIB) for weir in servers]
        numbers = [self.busy(weir) for weir in servers]
        threads = []
        for change, weir, number in zip(changes, servers, numbers):
            threads.append(threading.Thread(target=change, args=(weir, number)))
            threads[-1].start()
        for t in threads:  # a command returns although the old worker still sends
            t.join(15 * PATIENCE)
            self.assertFalse(t.is_alive())
        for d in downloads:
            d.join(60 * PATIENCE)
        self.assertEqual([d.body for d in downloads], [6 * MIB] * len(changes))
        for weir in servers:
            self.assertNotIn("cut off", weir.log())
            wait_until(lambda: all(w["state"] == "running" for w in weir.status()["workers"]), 10,
                       "the old worker to be gone")
            self.assertEqual(get(weir.port, "/f").body, b"x")
            weir.stop()

    def test_what_stands_still_ends(self):
        """A client that reads nothing, and one that asks nothing: both end after drain_timeout."""
        weir = self.serve(workers=1, size=16 * MIB)
        with Wire(weir.port, rcvbuf=8192) as still, Wire(weir.port) as idle:
            still.request("/iso")
            self.assertEqual(idle.ask("/f").status, 200)
            self.busy(weir)
            begun = time.monotonic()
            weir.ctl("reload")
            self.assertLess(time.monotonic() - begun, 10 * PATIENCE)
            self.assertGreater(time.monotonic() - begun, 0.9)
            weir.wait_workers(1)
            self.assertTrue(idle.ended())
            self.assertIn("cut off in the middle of a response of which their clients took nothing", weir.log())
        weir.stop()

    def test_a_stop_has_an_end(self):
        """Also for a worker that has been retiring for a change since before."""
        weir = self.serve(workers=1, size=60 * MIB)
        old = Download(weir.port, "/iso", 60 * MIB, 2 * MIB)
        self.busy(weir)
        weir.ctl("reload")
        self.assertIsNone(old.end)
        new = Download(weir.port, "/iso", 60 * MIB, 2 * MIB)
        wait_until(lambda: sum(w["counters"]["requests_active"] for w in weir.status()["workers"]) == 2, 10,
                   "both downloads")
        begun = time.monotonic()
        weir.stop()
        self.assertLess(time.monotonic() - begun, 6 * PATIENCE)
        for d in (old, new):
            d.join(10 * PATIENCE)
            self.assertLess(d.body, 60 * MIB)

    def test_a_reload_without_room_says_who_has_it(self):
        """There are ten slots for one worker: nine old ones with a download each are too many."""
        weir = self.serve(workers=1, server="workers_max = 1\ndrain_timeout = 500ms", size=60 * MIB)
        downloads = []
        for i in range(9):
            downloads.append(Download(weir.port, "/iso", 60 * MIB, MIB))
            wait_until(lambda: weir.status()["totals"]["counters"]["requests_active"] == i + 1, 10, "a download")
            weir.ctl("reload", "--no-wait")
            wait_until(lambda: weir.status()["generation"] == i + 2, 10, "the reload")
        refused = weir.ctl("reload", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stdout + refused.stderr,
                         r"9 old workers still finish downloads, worker 1 for the longest time \([\d.]+ m?s\); "
                         r"weirctl kill 1 ends it")
        self.assertIn("still finish downloads", weir.ctl("events").stdout)
        self.assertEqual([d.end for d in downloads], [None] * 9)
        weir.ctl("kill", "1")
        wait_until(lambda: len(weir.status()["workers"]) == 9, 10, "the old worker to be gone")
        weir.ctl("reload", "--no-wait")
        wait_until(lambda: weir.status()["generation"] == 11, 10, "the reload")
        self.assertEqual(get(weir.port, "/f").body, b"x")
        weir.stop(signal.SIGINT)


if __name__ == "__main__":
    main()
