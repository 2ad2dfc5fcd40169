# SPDX-License-Identifier: BSD-2-Clause
"""Changes made from the dashboard, by the real weirtop in tmux on the real server: each is asked
once, does what its question says and nothing else, and its end is told when the server's own
figures agree."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

from harness import Wire, get, main, wait_until
from harness.dashboard import HANG, OK, Case, row, rows_in_order, title, took
from harness.screen import Screen
from harness.server import program

NOBODY = ("import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534); "
          "os.execv(sys.argv[1], sys.argv[1:])")


class Count(Case):
    def test_one_command_for_two(self):
        weir = self.serve(workers=2)
        s = self.screen(weir, columns=80, rows=24)
        s.keys("+", "+")
        s.wait("2 -> 4")
        s.keys("Escape")
        s.wait(lambda t: "->" not in t)
        self.assertEqual(weir.status()["workers_wanted"], 2)
        s.keys("+", "+", "Enter")
        s.wait(lambda t: "4/4" in t and "done" in t)
        weir.wait_workers(4)
        self.assertEqual(len(self.kinds(weir, "RESIZE")), 1, self.kinds(weir, "RESIZE"))
        self.assertEqual(weir.status()["workers_wanted"], 4)

    def test_a_limit_is_refused_in_the_servers_words(self):
        weir = self.serve(workers=2)
        words = weir.ctl("workers", "99", check=False)
        words = (words.stderr + words.stdout).strip().split(": ", 1)[-1]
        s = self.screen(weir)
        s.keys("w", "9", "9", "Enter")
        s.wait(lambda t: words[:40] in t)
        seen = set()
        text = s.wait(lambda t: seen.add(title(t)[-8:]) or len(seen) > 3)
        self.assertIn(words[:40], text, "stays until Esc")
        s.keys("Escape")
        s.wait(lambda t: "Esc:close" not in t)
        s.keys("6")
        s.wait(lambda t: "EVENTS" in title(t) and
               re.search(r"ANSWER +refused: " + re.escape(words[:30]), t))
        # The command is named once, also where somebody else reads of it.
        text = s.wait(lambda t: re.search(r"REFUSED +workers 99: must be", t))
        self.assertNotIn("workers: workers", text)
        self.assertIn(words, self.kinds(weir, "REFUSED")[-1])
        self.assertNotIn("workers: workers", weir.log())
        weir.wait_workers(2)

    def test_actual_and_target(self):
        """Of three workers two drain, as long as their downloads last: done is not said before."""
        weir = self.serve(workers=3, server="drain_timeout = 20s")
        s = self.screen(weir, columns=80, rows=24)
        s.wait("3/3")
        with open(weir.put("big"), "wb") as f:
            f.truncate(64 << 20)
        wires = []

        def everybody_is_busy():
            """The kernel chooses who accepts: one more download, until each worker has one."""
            if all(w["counters"]["requests_active"] for w in weir.status()["workers"]):
                return True
            wires.append(Wire(weir.port, rcvbuf=8192, timeout=60))
            wires[-1].request("/big")
            self.addCleanup(wires[-1].close)
            return False

        wait_until(everybody_is_busy, 20, "a download on each worker")
        s.keys("w", "1", "Enter")
        s.wait(lambda t: re.search(r"workers +1/1 +\[[DBo.]{3}\] +op #1 for ([2-9]|\d\d)(\.\d)?s: workers 3 -> 1", t) and
               "done" not in t and
               len(re.findall(r"(?m)^~ +\d+ +\d+ DRAIN .* retiring, \d+ left", t)) == 2)
        for w in wires:
            w.close()
        s.wait(lambda t: "1/1" in t and "done" in t, 30)
        weir.wait_workers(1)

    def test_two_dashboards(self):
        weir = self.serve(workers=2)
        one, two = self.screen(weir), self.screen(weir, columns=80, rows=24)
        since = time.monotonic()
        one.keys("+", "Enter")
        two.wait("3/3")
        took("another's change is seen", since)
        two.wait(lambda t: "someone else" in t or "RESIZE" in t)
        two.keys("-", "Enter")
        one.wait("2/2")
        weir.wait_workers(2)

    def test_a_master_that_does_not_answer(self):
        """It is asked, it is told that no answer came, and the late answer is shown."""
        weir = self.serve(workers=2)
        s = self.screen(weir, columns=80, rows=24)
        s.wait("2/2")
        self.halt(weir.process.pid)
        s.keys("+", "Enter")
        s.wait(lambda t: re.search(r"sent \d|waiting for the master|no answer", t))
        s.wait(lambda t: re.search(r"no answer for \d", t), 20)
        self.assertEqual(get(weir.port, "/f").body, b"x")
        s.wait(lambda t: "STALE" in title(t) or "NO NEWS" in t)
        self.resume()
        s.wait("3/3")
        s.wait(lambda t: "LIVE" in title(t) and re.search(OK, t))


class Workers(Case):
    def test_enter_alone_changes_nothing(self):
        weir = self.serve(workers=2)
        pids = weir.worker_pids()
        s = self.screen(weir)
        for key, text in (("D", "Drain worker 1"), ("R", "Restart worker 1"), ("X", "Kill worker 1")):
            s.keys(key)
            self.answer(s, "Enter", text)
            s.wait(lambda t: text not in t)
        s.keys("M")
        s.wait("- the server -")
        s.keys("G", "Enter")
        self.answer(s, "Enter", "Type")
        s.wait(lambda t: "Type" not in t)
        self.assertEqual(weir.worker_pids(), pids)
        self.assertEqual(self.kinds(weir, "CONTROL"), [])

    def test_y_does_what_the_title_says(self):
        weir = self.serve(workers=2)
        pids = {w["number"]: w["pid"] for w in weir.status()["workers"]}
        s = self.screen(weir)
        s.wait(lambda t: len(rows_in_order(t)) == 2)
        s.keys("X")
        self.answer(s, "y", "Kill worker 1")
        s.wait(lambda t: row(t, 1) and str(pids[1]) not in row(t, 1) and "idle" in row(t, 1))
        now = {w["number"]: w["pid"] for w in weir.wait_workers(2)}
        self.assertNotEqual(now[1], pids[1])
        self.assertEqual(now[2], pids[2])
        s.wait(lambda t: re.search(r"EXIT +worker 1 was killed by SIGKILL", t))
        s.wait(lambda t: "done" in t or "kill 1" in t)

    def test_the_one_that_was_chosen(self):
        """The order turns, the question is about w3 still; w3 is replaced, and y is refused."""
        weir = self.serve(workers=4)
        s = self.screen(weir)
        s.wait(lambda t: rows_in_order(t) == [1, 2, 3, 4])
        s.keys("j", "j", "j")  # the first brings the cursor
        s.wait(lambda t: re.search(r"(?m)^ w3> ", t))
        pids = {w["number"]: w["pid"] for w in weir.status()["workers"]}
        self.halt(pids[4])
        s.wait(lambda t: rows_in_order(t) == [4, 1, 2, 3])
        s.keys("R")
        s.wait(f"Restart worker 3 (pid {pids[3]})")
        weir.ctl("kill", "3")
        weir.wait_workers(4)
        now = lambda: {w["number"]: w["pid"] for w in weir.status()["workers"] if w["state"] == "running"}
        wait_until(lambda: now().get(3) not in (None, pids[3]), 10, "another worker 3")
        after = now()
        self.answer(s, "y", "worker 3")
        s.wait(lambda t: re.search(r"w(orker )?3 .*(replaced|another|is gone|not there)", t))
        self.assertEqual(now(), after)
        self.resume()

    def test_stop_needs_the_name(self):
        weir = self.serve(workers=2)
        s = self.screen(weir)
        self.command(s, "stop")
        self.answer(s, "y", "Type")
        s.keys("Enter")  # "y" is not the name
        s.wait(lambda t: "LIVE" in title(t))
        self.assertIsNone(weir.process.poll())
        self.assertEqual(get(weir.port, "/f").body, b"x")
        s.wait(lambda t: "Type" not in t)
        self.command(s, "stop")
        s.wait("Type")
        self.deaf()
        s.keys("accept")
        s.wait("confirm: accept_")
        s.keys("Enter")
        s.wait("NO SERVER", 20)
        self.assertEqual(weir.process.wait(20), 0)
        s.keys("q")
        s.wait("EXIT=0")

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_a_user_without_rights(self):
        weir = self.serve(workers=2, server="drain_timeout = 1s\nwatch = everybody")
        probe = subprocess.run([sys.executable, "-c", NOBODY, program("weirtop"), "--version"],
                               capture_output=True)
        if probe.returncode != 0:
            self.skipTest("the build folder is closed to other users")
        s = Screen(f"{sys.executable} -c '{NOBODY}' {program('weirtop')} -r {weir.runtime}",
                   columns=120, rows=40)
        self.addCleanup(s.close)
        text = s.wait(lambda t: "2/2" in t and len(rows_in_order(t)) == 2)
        self.assertIn(str(weir.port), text)
        get(weir.port, "/f")
        for view in "23456":
            s.keys(view)
            s.wait(lambda t: f"view {view}/6" in t)
        s.keys("1")
        s.keys("+", "Enter")
        s.wait(lambda t: re.search(r"(?i)root|may change|permission|read-only", t.split("\n", 1)[1]))
        s.keys("Escape")
        s.wait(lambda t: "Esc:close" not in t)
        s.keys("R")
        s.shows(r"(?i)may change|permission|read-only", without=["y = Restart"])
        self.assertEqual(weir.status()["workers_wanted"], 2)

    def test_read_only_says_why(self):
        weir = self.serve(workers=2)
        s = self.screen(weir, "--read-only")
        said = "read-only: started with --read-only"
        for key in "+DRXA":
            s.keys(key)
            s.wait(said)
            s.keys("u")  # the next key is to be told it anew
            s.shows("(bits|bytes) per second", without=[said])
        self.assertEqual(self.kinds(weir, "CONTROL"), [])
        self.assertEqual(weir.status()["workers_wanted"], 2)


class Transfers(Case):
    def test_a_stalled_transfer_is_marked_and_aborted(self):
        weir = self.serve(workers=1)
        with open(weir.put("big"), "wb") as f:
            f.truncate(64 << 20)
        wire = Wire(weir.port, rcvbuf=8192, timeout=60)
        self.addCleanup(wire.close)
        wire.request("/big")
        s = self.screen(weir)
        s.keys("3")
        s.wait(lambda t: re.search(r"(?m)^! .*STALLED .*/big", t), 20)
        s.keys("a")
        s.wait("abort")
        s.keys("Enter")
        self.answer(s, "y", "y = ")
        s.wait(lambda t: not re.search(r"STALLED .*/big", t))
        wait_until(lambda: weir.status()["totals"]["counters"]["aborted"] == 1, 10, "the abort to be counted")

    def test_a_mount_is_fenced_from_its_view(self):
        weir = self.serve(workers=1)
        get(weir.port, "/f")
        s = self.screen(weir)
        self.command(s, f"fence {weir.root}")
        self.answer(s, "y", "y = Fence")
        s.wait(lambda t: "fenced" in t)
        wait_until(lambda: get(weir.port, "/f").status == 503, 10, "the fence")
        s.keys("5")
        s.wait(lambda t: re.search(r"(?i)fenced +/", t))
        self.command(s, f"unfence {weir.root}")
        self.answer(s, "y", "y = Unfence")
        wait_until(lambda: get(weir.port, "/f").status == 200, 10, "its end")


class Comfort(Case):
    def test_settings_survive(self):
        """What Setup keeps is there after kill -9; comments stay; NO_COLOR and options are not kept."""
        weir = self.serve(workers=2)
        config = os.path.join(weir.folder, "weirtop-config")
        with open(config, "w") as f:
            f.write("# mine\nunknown.key = 1\nbits = no\n")
        s = self.screen(weir, "--charset", "ascii", "-d", "2", env={"NO_COLOR": "1"})
        s.keys("u")
        s.keys("S")
        s.wait("weirtop setup")
        s.keys("Tab")
        s.keys("7", "7", "0")
        s.wait("[ 770 ms ]")
        s.keys("Enter")
        s.wait(lambda t: "weirtop setup" not in t)
        wait_until(lambda: "slow = 770" in open(config).read(), 5, "the file to be written")
        pane = int(s.fact("pane_pid"))
        pids = subprocess.run(["pgrep", "-P", str(pane), "weirtop"], capture_output=True, text=True).stdout.split()
        for pid in pids:
            os.kill(int(pid), signal.SIGKILL)
        text = open(config).read()
        self.assertTrue(text.startswith("# mine\nunknown.key = 1\n"), text)
        self.assertNotRegex(text, r"(?m)^(color|charset) = |interval = 2000|^#.*2000")
        t = self.screen(weir)
        t.keys("S")
        t.wait("[ 770 ms ]")
        t.keys("Escape")

    def test_finding_and_filtering(self):
        """At once, with an interval of a minute."""
        weir = self.serve(workers=4)
        s = self.screen(weir, "-d", "60")
        s.wait(lambda t: len(rows_in_order(t)) == 4)
        pid = weir.worker_pids()[2]
        s.keys("/")
        s.keys(str(pid), "Enter")
        s.wait(lambda t: re.search(r"(?m)^ w3> ", t))
        s.keys("\\")
        s.keys(str(pid), "Enter")
        s.wait(lambda t: rows_in_order(t) == [3])
        s.keys("Escape")
        s.wait(lambda t: len(rows_in_order(t)) == 4)
        s.keys("s")
        s.wait("order of the rows")
        s.keys("j", "Enter")
        s.keys("I")
        s.wait(lambda t: rows_in_order(t) in ([4, 3, 2, 1], [1, 2, 3, 4]))
        s.keys("j")
        s.wait("held")
        s.keys("o")
        s.wait(lambda t: "held" not in t and rows_in_order(t) == [1, 2, 3, 4])

    def test_a_recording_has_what_was_not_looked_at(self):
        weir = self.serve(workers=1, faults={"hung": HANG}, ini="[offload]\ndeadline = 60s")
        tape = os.path.join(weir.folder, "tape")
        s = self.screen(weir, "--record", tape)
        s.keys("6")
        get(weir.port, "/f")
        wire = Wire(weir.port, timeout=60)
        self.addCleanup(wire.close)
        wire.request("/hung/f")
        s.wait("EVENTS")
        s.keys("1")
        s.shows(r"w1 open held for ([2-9]|\d\d)(\.\d)?s", r"(?m)^ w1> a thread in open .*/hung/f +\(1 request waits\)")
        s.keys("q")
        s.wait("EXIT=0")
        moved = os.path.join(weir.folder, "elsewhere")
        shutil.move(tape, moved)
        with Screen(f"{program('weirtop')} -r /nonexistent --replay {moved}", columns=120, rows=40) as r:
            r.wait(lambda t: "REPLAY" in t)
            r.wait(lambda t: re.search(r"w1 open held for ([1-9]|\d\d)(\.\d)?s", t))
            r.keys("3")
            r.wait(lambda t: re.search(r"open .*/hung/f", t))
            r.keys("4")
            r.wait(lambda t: re.search(r"(?m) /f *$", t))
            r.keys("+")
            r.wait(lambda t: re.search(r"(?i)recording", t))
            r.keys("q")
            r.wait("EXIT=0")
        weir.ctl("kill", "1")

    def test_help_is_complete(self):
        """From the first line to the last, and it knows what is set."""
        weir = self.serve(workers=1)
        s = self.screen(weir)
        s.keys("?")
        place = lambda t: (re.search(r"(\d+)-(\d+) of (\d+)", title(t)) or [""])[0]
        text = seen = s.wait(lambda t: "help" in title(t) and place(t))
        while not re.search(r"-(\d+) of \1\b", title(text)):
            before = place(text)
            s.keys("PgDn")
            text = s.wait(lambda t: place(t) not in ("", before))
            seen += text
        for words in ("number of workers", "drain", "restart", "kill", "automatic", "command line", "letters in"):
            self.assertRegex(seen, rf"(?i){words}")
        s.keys("Escape")
        s.wait(lambda t: "help" not in title(t))


if __name__ == "__main__":
    main()
