# SPDX-License-Identifier: BSD-2-Clause
"""Timeouts, limits, and what happens when something runs out: clients that say nothing, read
nothing or come in numbers; a process without descriptors. Nothing may spin."""

import os
import select
import time
import unittest

from harness import Weir, Wire, get, main, wait_until
from harness.wire import Closed


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


class Timeouts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.weir = Weir(workers=1, ini="[limits]\nheader_timeout = 300ms\nbody_timeout = 300ms\n"
                        "idle_timeout = 400ms\nsend_timeout = 400ms\n")
        cls.weir.put("f", b"x")
        cls.weir.put("big", b"x" * (64 << 20))
        cls.weir.start()

    @classmethod
    def tearDownClass(cls):
        cls.weir.stop()

    def timeouts(self):
        return self.weir.status()["totals"]["counters"]["timeouts"]

    def test_header(self):
        with Wire(self.weir.port) as w:
            w.send("GET /f HTTP/1.1\r\nHo")
            r = w.response()
            self.assertEqual(r.status, 408)
            self.assertTrue(w.ended())

    def test_silence(self):
        with Wire(self.weir.port) as w:
            self.assertEqual(w.rest(), b"")

    def test_idle(self):
        with Wire(self.weir.port) as w:
            w.ask("/f")
            self.assertEqual(w.rest(), b"")

    def test_slow_but_steady_header_is_cut_off(self):
        with Wire(self.weir.port) as w:
            with self.assertRaises((Closed, OSError, AssertionError)):
                for _ in range(200):
                    w.send("GET /f HTTP/1.1\r\n"[:1] if _ == 0 else "E" if _ == 1 else "T")
                    w.socket.settimeout(0.02)
                    try:
                        data = w.socket.recv(4096)
                        raise AssertionError(f"answered {data[:20]!r}")
                    except TimeoutError:
                        pass

    def test_body(self):
        with Wire(self.weir.port) as w:
            w.send("GET /f HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
            self.assertIn(w.response().status, (200, 408))
            w.rest()

    def test_a_client_that_reads_nothing(self):
        before = self.timeouts()
        with Wire(self.weir.port, rcvbuf=4096) as w:
            w.request("/big")
            wait_until(lambda: self.timeouts() > before, 10, "the send timeout")

    def test_body_over_the_limit(self):
        with Wire(self.weir.port) as w:
            w.send("GET /f HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
            r = w.response()
            self.assertEqual(r.status, 413)
            self.assertTrue(r.closes)


class ColdBuffers(unittest.TestCase):
    """Clients of cold files that read nothing, in numbers that all buffers would not be enough for."""

    CLIENTS, BYTES = 40, 6 << 20  # much more than a socket takes

    def test_who_reads_nothing_holds_nothing(self):
        weir = Weir(workers=1, server="allow_faults = yes", ini="[offload]\nbuffers = 4m\n")
        for i in range(self.CLIENTS + 1):  # each its own, or they would share buffers
            os.truncate(weir.put(f"cold/{i}", b"begin"), self.BYTES)
        weir.more_ini += f"[fault {weir.root}/cold]\noperations = read\ndelay = 20ms\n"
        weir.write_ini()
        self.addCleanup(weir.stop, check=False)
        weir.start()
        silent = [Wire(weir.port, timeout=60, rcvbuf=4096) for _ in range(self.CLIENTS)]
        for i, w in enumerate(silent):
            self.addCleanup(w.close)
            w.request(f"/cold/{i}")
        for w in silent:  # all have begun to get their answer
            self.assertTrue(select.select([w.socket], [], [], 60)[0])
        whole = b"begin".ljust(self.BYTES, b"\0")
        with Wire(weir.port, timeout=60) as w:
            self.assertEqual(w.ask(f"/cold/{self.CLIENTS}").body, whole)
        # And who begins to read after all gets all of it, unharmed.
        for i in (0, 3, self.CLIENTS - 1):
            self.assertEqual(silent[i].response().body, whole)


class MinimumRate(unittest.TestCase):
    def test_a_trickling_client_is_ended(self):
        weir = Weir(workers=1, ini="[limits]\nminimum_rate = 10m\nsend_timeout = 60s\n")
        weir.put("big", b"x" * (256 << 20))
        with weir:
            with Wire(weir.port, rcvbuf=4096) as w:
                w.request("/big")

                def trickle():
                    try:
                        w.socket.recv(1024)
                    except OSError:
                        return True
                    return weir.status()["totals"]["counters"]["timeouts"] > 0
                wait_until(trickle, 40, "the minimum rate to act")


class Numbers(unittest.TestCase):
    def test_per_address(self):
        weir = Weir(workers=2, ini="[limits]\nconnections_per_address = 5\n")
        weir.put("f", b"x")
        with weir:
            held = []
            for _ in range(5):
                w = Wire(weir.port)
                self.assertEqual(w.ask("/f").status, 200)
                held.append(w)

            def refused():
                try:
                    with Wire(weir.port) as w:
                        w.ask("/f")
                    return False
                except (Closed, OSError):
                    return True
            self.assertTrue(refused())
            held.pop().close()
            wait_until(lambda: not refused(), 5, "room for one more")
            for w in held:
                w.close()

    def test_per_worker(self):
        """As many as may be are being served: the next one waits, and nothing spins."""
        weir = Weir(workers=1, ini="[limits]\nconnections = 8\n")
        weir.put("f", b"x")
        weir.put("big", b"x" * (64 << 20))
        with weir:
            held = [Wire(weir.port, rcvbuf=4096) for _ in range(8)]
            for w in held:
                w.request("/big")
            wait_until(lambda: weir.status()["totals"]["counters"]["requests_active"] == 8, 10, "8 responses")
            late = Wire(weir.port)
            late.request("/f")
            late.socket.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                late.socket.recv(1)
            before = cpu_seconds(weir.worker_pids())
            end = time.monotonic() + 0.5
            wait_until(lambda: time.monotonic() > end, 5)
            self.assertLess(cpu_seconds(weir.worker_pids()) - before, 0.2, "it spins")
            held.pop().reset()
            late.socket.settimeout(10)
            self.assertEqual(late.response().status, 200)
            late.close()
            for w in held:
                w.reset()

    def test_descriptors_run_out(self):
        weir = Weir(workers=1, ini="[limits]\nconnections = 5000\n", wrapper=["prlimit", "--nofile=36:36"])
        weir.put("f", b"x")
        with weir:
            pid = weir.worker_pids()[0]
            held = [Wire(weir.port) for _ in range(40)]
            wait_until(lambda: weir.status()["totals"]["counters"]["accept_pauses"] > 0, 5, "a pause")
            before = cpu_seconds([pid])
            end = time.monotonic() + 0.5
            wait_until(lambda: time.monotonic() > end, 5)
            self.assertLess(cpu_seconds([pid]) - before, 0.2, "it spins")
            for w in held:
                w.close()
            wait_until(lambda: get(weir.port, "/f").status == 200, 10, "an answer again")
            self.assertEqual(weir.worker_pids(), [pid])


if __name__ == "__main__":
    main()
