# SPDX-License-Identifier: BSD-2-Clause
"""Change under load: resizing by command, by signal and from the dashboard, reloading, and
losing a worker. Under a continuous keep-alive load no request may fail and no connection may
be closed under its client's next request."""

import os
import signal
import unittest

from harness import Weir, Wire, free_port, get, main, wait_until
from harness.load import Load
from harness.screen import Screen
from harness.server import program
from harness.tap import skip_without

BODY = b"0123456789abcdef" * 256


class Resize(unittest.TestCase):
    def setUp(self):
        self.weir = Weir(workers=2, server="drain_timeout = 20s\nworkers_max = 16")
        self.weir.put("f", BODY)
        self.weir.start()
        self.addCleanup(self.weir.stop)

    def load(self, **more):
        return Load(self.weir.port, "/f", BODY, **more)

    def assert_no_loss(self, load):
        load.stop()
        self.assertEqual(load.failures[:5], [])
        self.assertGreater(load.done, 100)

    def test_by_command(self):
        with self.load() as load:
            load.progress(200)
            for count in (8, 1, 4):
                self.weir.ctl("workers", str(count))
                load.progress(200)
                self.weir.wait_workers(count)
            self.weir.ctl("workers", "+1")
            self.weir.wait_workers(5)
            self.weir.ctl("workers", "-2")
            self.weir.wait_workers(3)
            self.weir.ctl("workers", "auto")
            self.assert_no_loss(load)

    def test_by_signal(self):
        with self.load() as load:
            load.progress(100)
            for count, signum in [(n, signal.SIGTTIN) for n in range(3, 9)] + \
                                 [(n, signal.SIGTTOU) for n in range(7, 0, -1)] + \
                                 [(n, signal.SIGTTIN) for n in range(2, 5)]:
                self.weir.kill(signum)
                wait_until(lambda: self.weir.status()["workers_wanted"] == count, 5, f"{count} wanted")
                load.progress(30)
            self.weir.wait_workers(4)
            self.assert_no_loss(load)

    @skip_without("tmux")
    def test_from_the_dashboard(self):
        with self.load() as load, Screen(f"{program('weirtop')} -r {self.weir.runtime}") as screen:
            screen.wait("2/2")
            load.progress(100)
            screen.keys(*"++++++")
            screen.keys("Enter")
            self.weir.wait_workers(8)
            screen.wait("8/8")
            for count in (1, 4):
                screen.keys("w")
                screen.keys(str(count))
                screen.keys("Enter")
                self.weir.wait_workers(count)
                load.progress(100)
                screen.wait(f"{count}/{count}")
            self.assert_no_loss(load)
            screen.keys("q")
            screen.wait("EXIT=0")

    def test_idle_connections_get_their_next_answer(self):
        self.weir.ctl("workers", "4")
        self.weir.wait_workers(4)
        wires = [Wire(self.weir.port) for _ in range(40)]
        for w in wires:
            self.assertFalse(w.ask("/f").closes)
        self.weir.ctl("workers", "1", "--no-wait")
        wait_until(lambda: sum(w["state"] == "draining" for w in self.weir.status()["workers"]) >= 1,
                   5, "workers to drain")
        closes = 0
        for w in wires:
            r = w.ask("/f")
            self.assertEqual((r.status, r.body), (200, BODY))
            closes += r.closes
            if r.closes:
                self.assertTrue(w.ended())
            w.close()
        self.assertGreater(closes, 0)
        self.weir.wait_workers(1)

    def test_limits_are_refused_with_a_reason(self):
        for words in (["workers", "0"], ["workers", "999"], ["workers", "many"], ["drain", "99"],
                      ["restart", "0"], ["loglevel", "loud"]):
            done = self.weir.ctl(*words, check=False)
            self.assertIn(done.returncode, (1, 2), words)
            self.assertTrue((done.stderr + done.stdout).strip(), words)
        self.weir.wait_workers(2)

    def test_restart_and_drain_of_one(self):
        with self.load() as load:
            before = self.weir.wait_workers(2)
            victim = before[0]
            self.weir.ctl("restart", str(victim["number"]))
            after = self.weir.wait_workers(2)
            self.assertNotIn(victim["pid"], [w["pid"] for w in after])
            load.progress(100)
            self.weir.ctl("drain", str(after[0]["number"]))
            left = self.weir.wait_workers(1)
            self.assertEqual(left[0]["pid"], after[1]["pid"])
            load.progress(100)
            self.assert_no_loss(load)

    def test_a_killed_worker_is_back(self):
        for number in (signal.SIGKILL, signal.SIGABRT):
            pids = self.weir.worker_pids()
            os.kill(pids[0], number)
            back = wait_until(lambda: [p for p in self.weir.worker_pids() if p not in pids], 5, "a new worker")
            self.assertEqual(len(back), 1)
            self.weir.wait_workers(2)
        self.assertRegex(self.weir.log(), r"SIGKILL|signal 9|Killed")
        self.assertRegex(self.weir.log(), r"SIGABRT|signal 6|Abort")

    def test_a_killed_worker_fails_only_its_own(self):
        with self.load(connections=8) as load:
            load.progress(100)
            pids = self.weir.worker_pids()
            os.kill(pids[0], signal.SIGKILL)
            self.weir.wait_workers(2)
            load.progress(200)
            load.stop()
            self.assertLessEqual(len(load.failures), 8, load.failures)

    def test_last_words_name_what_was_served(self):
        self.weir.put("big", b"x" * (64 << 20))
        w = Wire(self.weir.port, rcvbuf=65536)
        self.addCleanup(w.close)
        w.request("/big")
        w._head()
        pid = wait_until(lambda: [x["pid"] for x in self.weir.status()["workers"]
                                  if x["counters"]["requests_active"] > 0], 5, "the download")[0]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: "/big" in self.weir.log(), 5, "the last words")

    def test_reload(self):
        with self.load() as load:
            load.progress(100)
            self.weir.more_ini = "[limits]\nranges = 5\n"
            self.weir.write_ini()
            old = set(self.weir.worker_pids())
            self.weir.ctl("reload")
            new = {w["pid"] for w in self.weir.wait_workers(2)}
            self.assertFalse(old & new)
            load.progress(200)

            good = open(self.weir.ini_path).read()
            self.weir.write_ini(good + "\n[nonsense]\nx = 1\n[limits]\n")
            done = self.weir.ctl("reload", check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr + done.stdout, r"weir\.ini:\d+: .*nonsense")
            event = [e["text"] for e in self.weir.status()["events"] if e["kind"] == "REFUSED"][-1]
            self.assertRegex(event, r"^reload: .*weir\.ini:\d+: .*nonsense")
            self.assertEqual({w["pid"] for w in self.weir.wait_workers(2)}, new)
            said = self.weir.log().count("nonsense")
            self.weir.kill(signal.SIGHUP)
            wait_until(lambda: self.weir.log().count("nonsense") > said, 5, "the refusal in the log")
            self.assertEqual({w["pid"] for w in self.weir.wait_workers(2)}, new)

            self.weir.write_ini(good)
            self.weir.kill(signal.SIGHUP)
            wait_until(lambda: not set(self.weir.worker_pids()) & new, 20, "new workers after HUP")
            load.progress(100)
            self.assert_no_loss(load)

    def test_reload_opens_and_closes_addresses(self):
        second = free_port()
        for listen in (f"127.0.0.1:0 127.0.0.1:{second}", f"127.0.0.1:{second}"):
            self.weir.listen = listen
            self.weir.write_ini()
            self.weir.ctl("reload")
            self.weir.wait_workers(2)
            ports = [int(l["address"].rsplit(":", 1)[1]) for l in self.weir.status()["listeners"]]
            self.assertEqual(len(ports), len(listen.split()), ports)
            for port in ports:
                self.assertEqual(get(port, "/f").status, 200)
        with self.assertRaises(ConnectionRefusedError):
            Wire(self.weir.port)


if __name__ == "__main__":
    main()
