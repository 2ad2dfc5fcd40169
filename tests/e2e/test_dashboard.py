# SPDX-License-Identifier: BSD-2-Clause
"""weirtop in a real terminal (tmux) against the real server, and its plain output for
scripts."""

import json
import os
import re
import shutil
import signal
import subprocess
import unittest

from harness import Weir, free_port, get, main, wait_until
from harness.screen import Screen
from harness.server import program
from harness.tap import skip_without


class Dashboard(unittest.TestCase):
    def setUp(self):
        self.weir = Weir(workers=2, server="workers_max = 8\nname = dash")
        self.weir.put("f", b"x")
        self.weir.start()
        self.addCleanup(self.weir.stop)

    def screen(self, *args, **more):
        s = Screen(f"{program('weirtop')} -r {self.weir.runtime} " + " ".join(args), **more)
        self.addCleanup(s.close)
        return s

    @skip_without("tmux")
    def test_it_shows_the_server(self):
        s = self.screen()
        s.shows("2/2", "dash", rf"127\.0\.0\.1:{self.weir.port}", *map(str, self.weir.worker_pids()))
        s.keys("?")
        s.wait("weirtop help")
        s.keys("Escape")
        s.wait(lambda t: "weirtop help" not in t)
        s.keys("q")
        s.wait("EXIT=0")

    @skip_without("tmux")
    def test_resize_strip(self):
        s = self.screen()
        s.wait("2/2")
        s.keys("+", "+")
        s.wait(lambda t: re.search(r"2 -> 4", t))
        self.assertEqual(self.weir.status()["workers_wanted"], 2)
        s.keys("Escape")
        s.wait(lambda t: "->" not in t)
        self.assertEqual(self.weir.status()["workers_wanted"], 2)
        s.keys("+", "Enter")
        self.weir.wait_workers(3)
        s.wait("3/3")
        s.keys("w")
        s.keys("99")
        s.keys("Enter")
        s.wait(lambda t: re.search(r"(?i)refused|workers_max|1\.\.8|above|exceeds|at most", t))
        self.weir.wait_workers(3)

    @skip_without("tmux")
    def test_sizes(self):
        s = self.screen()
        s.wait("2/2")
        for columns, rows in ((20, 5), (200, 60), (1, 1), (40, 12), (3, 40), (120, 40), (80, 24)):
            s.resize(columns, rows)
        s.wait(lambda t: "2/2" in t and str(self.weir.port) in t)
        s.keys("q")
        s.wait("EXIT=0")

    @skip_without("tmux")
    def test_stopped_worker_is_named(self):
        s = self.screen()
        s.wait("2/2")
        pid = self.weir.worker_pids()[1]
        os.kill(pid, signal.SIGSTOP)
        try:
            s.wait(lambda t: re.search(r"(?i)stopped", t))
            self.assertEqual(get(self.weir.port, "/f").body, b"x")
        finally:
            os.kill(pid, signal.SIGCONT)
        s.wait(lambda t: re.search(r"(?m)^ *ok", t))

    @skip_without("tmux")
    def test_help_is_searched_and_has_topics(self):
        for columns, rows in ((40, 12), (120, 40)):
            s = self.screen(columns=columns, rows=rows)
            s.wait("2/2")
            s.keys("?")
            s.wait("weirtop help")
            s.keys("/")
            s.wait(lambda t: t.rstrip("\n").split("\n")[-1].startswith("/"))
            s.keys("pasted")  # not there
            s.wait("not in the help")
            s.keys("C-u", "BSpace")
            s.wait("/:find")
            s.keys("/")
            s.wait(lambda t: t.rstrip("\n").split("\n")[-1].startswith("/"))
            s.keys("tagged")
            s.wait(lambda t: re.match(r" +D +drain the worker", t.split("\n")[1]))
            s.keys("Enter")
            s.wait("/:find")
            s.keys("n")
            s.wait(lambda t: re.match(r" +R +restart the worker", t.split("\n")[1]))
            s.keys("N")
            s.wait(lambda t: re.match(r" +D +drain the worker", t.split("\n")[1]))
            s.keys("Escape")
            s.wait(lambda t: "help" not in t.split("\n")[0] and "2/2" in t)
            s.keys(":")
            s.wait(lambda t: t.rstrip("\n").split("\n")[-1].startswith(":"))
            s.keys("help verdict")
            s.wait(":help verdict")
            s.keys("Enter")
            s.shows("weirtop help", " Verdict: the first rule", "100ms")  # [log] blocked

    @skip_without("tmux")
    def test_long_texts_are_shifted(self):
        path = "/".join(f"folder{i:02}" for i in range(20)) + "/file"
        self.weir.put(path, b"x")
        for columns, rows in ((40, 12), (120, 40)):
            s = self.screen(columns=columns, rows=rows)
            s.wait("2/2")
            s.keys("4")
            get(self.weir.port, "/" + path)
            s.shows("FILES", r"/folder00/\.\.", without=["folder09"])
            for shifted in range(8, 81, 8):
                s.keys("Right")
                s.wait(f"shifted {shifted}")
            s.wait("/folder09/")
            s.keys("Escape")
            s.wait(lambda t: "shifted" not in t and "FILES" in t and "/folder00/" in t)

    @skip_without("tmux")
    def test_what_cannot_be_saved_is_named(self):
        s = self.screen(columns=120)
        s.wait("2/2")
        there = os.path.join(self.weir.folder, "there")
        with open(there, "w", encoding="utf-8") as f:
            f.write("mine")
        for what, file, why in (("screen", "/nonexistent/a b", "No such file or directory"),
                                ("events", "/nonexistent/c", "No such file or directory"),
                                ("events", there, "File exists")):
            s.keys(":")
            s.wait(lambda t: t.rstrip("\n").split("\n")[-1].startswith(":"))
            s.keys(f"save {what} {file}")
            s.wait(file)
            s.keys("Enter")
            s.wait(f"not saved: {file}: {why}")
        with open(there, encoding="utf-8") as f:
            self.assertEqual(f.read(), "mine")
        s.keys("6")
        s.wait("not saved: /nonexistent/a b: No such")

    @skip_without("tmux")
    def test_server_restart(self):
        s = self.screen()
        s.wait("2/2")
        self.weir.process.terminate()
        self.weir.process.wait(20)
        s.wait("NO SERVER")
        self.weir.start()
        s.wait(lambda t: "NO SERVER" not in t and "2/2" in t and str(self.weir.worker_pids()[0]) in t)
        s.keys("q")
        s.wait("EXIT=0")

    def test_plain_output(self):
        done = subprocess.run([program("weirtop"), "-r", self.weir.runtime, "-b", "-n", "3", "-d", "0.1"],
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b"\x1b", done.stdout)
        self.assertGreaterEqual(done.stdout.count(str(self.weir.worker_pids()[0]).encode()), 3)
        done = subprocess.run([program("weirtop"), "-r", self.weir.runtime, "--json", "-n", "2", "-d", "0.1"],
                              capture_output=True, timeout=60)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(lines), 2)
        self.assertEqual(len(lines[0]["workers"]), 2)
        done = subprocess.run([program("weirtop"), "-r", self.weir.runtime], capture_output=True, timeout=60)
        self.assertNotIn(b"\x1b", done.stdout)

    def test_check(self):
        check = lambda run: subprocess.run([program("weirtop"), "-r", run, "--check"], capture_output=True,
                                           timeout=60).returncode
        # A worker that waits for its CPU may be called blocked for a moment.
        wait_until(lambda: check(self.weir.runtime) == 0, 10, "a server that is well")
        self.assertEqual(check("/nonexistent"), 3)


@skip_without("tmux")
class OneTerminal(unittest.TestCase):
    """weir -T: server and dashboard in one terminal."""

    def setUp(self):
        self.weir = Weir(workers=2)
        self.weir.put("f", b"x")
        self.port = free_port()
        self.addCleanup(shutil.rmtree, self.weir.folder, True)

    def open(self, *options, **more):
        words = [f"listen=127.0.0.1:{self.port}", f"runtime_dir={self.weir.runtime}", "workers=2", *options]
        s = Screen(f"{program('weir')} -T " + " ".join(f"-o {w}" for w in words) + f" {self.weir.root}", **more)
        self.addCleanup(s.close)
        s.wait("2/2")
        self.assertEqual(get(self.port, "/f").body, b"x")
        return s

    def gone(self):
        wait_until(lambda: not os.path.exists(self.weir.runtime + "/control.sock"), 10, "the socket to be gone")

    def test_enter_stops_the_server(self):
        s = self.open()
        s.keys("q")
        s.wait("Stop the server too?")
        self.assertEqual(get(self.port, "/f").body, b"x")  # not before it is answered
        s.keys("what", "Enter")
        s.wait("y stops it")
        s.keys("Enter")
        s.wait("EXIT=0", 20)
        self.gone()

    def test_no_leaves_it_running(self):
        s = self.open(columns=160)
        pid = self.weir.status()["master_pid"]
        s.keys("q")
        s.wait("Stop the server too?")
        s.keys("n", "Enter")
        text = s.wait("EXIT=0", 20)
        self.assertIn(f"pid {pid}", text)
        self.assertIn(f"weirtop -r {self.weir.runtime}", text)
        self.assertIn(f"weirctl -r {self.weir.runtime} stop", text)
        # The terminal goes away too, with SIGHUP to whoever belongs to it.
        s._tmux("kill-server")
        self.addCleanup(self.kill_if_there, pid)
        self.assertEqual(get(self.port, "/f").body, b"x")
        self.weir.wait_workers(2)
        self.weir.ctl("stop")
        self.gone()
        wait_until(lambda: not os.path.exists(f"/proc/{pid}") or
                   open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z", 10, "the master to end")

    @staticmethod
    def kill_if_there(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass

    def test_a_server_that_ended_is_not_asked_about(self):
        s = self.open()
        self.weir.ctl("stop")
        s.wait("NO SERVER", 20)
        s.keys("q")
        text = s.wait("EXIT=0", 20)
        self.assertNotIn("Stop the server", text)

    def test_its_messages_are_events(self):
        s = self.open(columns=160, rows=50)
        text = s.wait(lambda t: "INFO" in t and f"serving {self.weir.root}" in t)
        self.assertNotIn("EXIT=", text)
        # One that no event of the board tells: the pid of this line is not shown.
        os.kill(self.weir.status()["master_pid"], signal.SIGHUP)
        s.wait(lambda t: re.search(r"(WARN|INFO|ERROR) .*(reload|configuration)", t), 20)
        s.keys("q")
        s.wait("Stop the server too?")
        s.keys("y", "Enter")
        s.wait("EXIT=0", 20)
        self.gone()

    def test_killed_dashboard_takes_the_server_along(self):
        s = self.open()
        pid = self.weir.status()["master_pid"]
        with open(f"/proc/{pid}/stat") as f:
            parent = int(f.read().rsplit(")", 1)[1].split()[1])
        os.kill(parent, signal.SIGKILL)
        self.gone()


if __name__ == "__main__":
    main()
