# SPDX-License-Identifier: BSD-2-Clause
"""weirtop for scripts and for the past: CSV, events, the list of servers, the question which one,
recordings and their replay."""

import csv
import io
import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from harness import Weir, deadline, get, main, wait_until
from harness.screen import Screen
from harness.server import program
from harness.tap import skip_without


def weirtop(*args, **more):
    return subprocess.run([program("weirtop"), *args], capture_output=True, timeout=60, **more)


class Lines(unittest.TestCase):
    def setUp(self):
        # A machine that makes a worker wait for its CPU makes it late: not so late as to be called blocked here.
        self.weir = Weir(workers=2, server="workers_max = 8\nname = lines", ini="blocked = 5s")
        self.weir.put("f", b"x")
        self.weir.start()
        self.addCleanup(self.weir.stop)

    def run_top(self, *args, **more):
        return weirtop("-r", self.weir.runtime, *args, **more)

    def follow(self, *args):
        """weirtop in the background, its lines as they come."""
        p = subprocess.Popen([program("weirtop"), "-r", self.weir.runtime, *args], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)

        def end():
            if p.poll() is None:
                p.kill()
            p.communicate()

        self.addCleanup(end)
        return p

    def line(self, p, pattern, seconds=30):
        """The first line that matches, and all before it."""
        seen, end = "", deadline(seconds)
        os.set_blocking(p.stdout.fileno(), False)
        while time.monotonic() < end:
            select.select([p.stdout], [], [], 0.5)
            seen += os.read(p.stdout.fileno(), 65536).decode() if select.select([p.stdout], [], [], 0)[0] else ""
            if re.search(pattern, seen):
                return seen
            self.assertIsNone(p.poll(), seen)
        self.fail(f"no line with {pattern}: {seen}")

    def test_csv(self):
        done = self.run_top("--csv", "-n", "3", "-d", "0.2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b"\x1b", done.stdout)
        rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
        self.assertEqual(len(rows), 3)
        for row in rows:
            self.assertNotIn(None, row)
            self.assertEqual(row["instance"], "lines")
            self.assertEqual(row["level"], "ok")
            self.assertEqual(row["workers_running"], "2")
            self.assertRegex(row["requests_per_s"], r"^\d+\.\d$")
            self.assertRegex(row["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$")
        self.assertEqual(weirtop("-r", "/nonexistent", "--csv", "-n", "1", "-d", "0.1").returncode, 3)

    def test_one_thing_is_printed(self):
        """Two that exclude each other are a mistake, not the last of them."""
        modes = ("-b", "--json", "--csv", "--events", "--check", "--list")
        pairs = [(a, b) for a in modes for b in modes if a != b]
        pairs += [("--replay", "/dev/null", m) for m in modes] + [("--replay", "/dev/null", "--once")]
        pairs += [("--list", "--record", "/nonexistent/tape"), ("--once", "-n", "2"), ("-n", "2", "--json", "--once")]
        for args in pairs:
            done = weirtop("-r", "/nonexistent", "-d", "0.1", *args)
            self.assertEqual((done.returncode, done.stdout), (2, b""), args)
            self.assertRegex(done.stderr, rb"^weirtop: .*(does not go with|goes with a screen|both say|nothing to).*\n$")
        for args in (("--json", "--json"), ("--once", "--json"), ("-b", "--once"), ("--check", "--once")):
            done = self.run_top("-d", "0.1", *args, *(() if "--once" in args else ("-n", "1")))
            self.assertTrue(done.stdout and not done.stderr, (args, done))
        self.assertEqual(len(self.run_top("--once", "--json", "-d", "0.1").stdout.splitlines()), 1)

    def test_csv_of_a_server_that_answers_late(self):
        """The names of the columns come first whenever the first row comes, and rates are known."""
        for late in (0.1, 0.6):  # within the interval before the first row, and in the one after
            master = self.weir.process.pid
            os.kill(master, signal.SIGSTOP)
            try:
                p = self.follow("--csv", "-n", "2", "-d", "0.4")
                time.sleep(late)
            finally:
                os.kill(master, signal.SIGCONT)
            out, err = p.communicate(timeout=30)
            self.assertEqual(p.returncode, 0, err)
            rows = list(csv.DictReader(io.StringIO(out)))
            self.assertEqual([row.get("instance") for row in rows], ["lines"] * 2, out)
            self.assertRegex(rows[-1]["requests_per_s"], r"^\d+\.\d$")

    def test_events(self):
        p = self.follow("--events", "-d", "0.2")
        self.line(p, r"VERDICT +ok: ")
        pid = self.weir.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            self.line(p, r"VERDICT +critical: .*stopped")
        finally:
            os.kill(pid, signal.SIGCONT)
        text = self.line(p, r"VERDICT +ok: ")
        self.assertNotIn("\x1b", text)
        self.weir.ctl("workers", "3")
        self.line(p, r"RESIZE .*2 -> 3")
        self.weir.process.terminate()
        # Its last words as well, which come and go faster than samples are taken.
        self.line(p, r"EXIT .*\(fine\)(.|\n)*GONE +the server was stopped\n.*VERDICT +no server: .* was stopped;")

    def test_events_count_lines(self):
        done = self.run_top("--events", "-n", "1", "-d", "0.1")
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 1), done.stderr)

    def test_list(self):
        environment = dict(os.environ, WEIR_RUNTIME_DIR=self.weir.runtime)
        done = weirtop("--list", env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        line = [x for x in done.stdout.decode().splitlines() if os.path.realpath(self.weir.runtime) in x]
        self.assertEqual(len(line), 1, done.stdout)
        self.assertRegex(line[0], r"^lines .*workers 2/2")
        done = self.run_top("--list")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout.decode(), r"^lines .*workers 2/2.*\n$")
        done = weirtop("-r", "/nonexistent", "--list", env=environment)
        self.assertEqual((done.returncode, done.stdout), (3, b""))
        self.assertEqual(done.stderr, b"weirtop: no server in /nonexistent\n")

    def test_record_is_appended_to_and_torn_ends_are_cut(self):
        file = os.path.join(self.weir.folder, "tape")
        self.assertEqual(self.run_top("-b", "-n", "3", "-d", "1", "--record", file).returncode, 0)
        size = os.path.getsize(file)
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        with open(file, "ab") as f:
            f.write(b"half a rec")
        self.assertEqual(self.run_top("-b", "-n", "3", "-d", "1", "--record", file).returncode, 0)
        self.assertGreater(os.path.getsize(file), size)
        with open(file, "rb") as f:
            self.assertNotIn(b"half a rec", f.read())
        with open(file, "r+b") as f:
            f.seek(8)  # the length of the first record
            f.write(b"\xff\x00")
        done = self.run_top("-b", "-n", "1", "--record", file)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"damaged at byte 8", done.stderr)
        with open(file, "wb") as f:
            f.write(b"my own notes")
        done = self.run_top("-b", "-n", "1", "--record", file)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"not a recording", done.stderr)
        with open(file, "rb") as f:
            self.assertEqual(f.read(), b"my own notes")

    @skip_without("tmux")
    def test_replay(self):
        file = os.path.join(self.weir.folder, "tape")
        p = self.follow("--events", "-d", "0.2", "--record", file)
        self.line(p, r"VERDICT +ok: ")
        pid = self.weir.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            self.line(p, r"VERDICT +critical: .*stopped")
            size = os.path.getsize(file)
            wait_until(lambda: os.path.getsize(file) >= size + 300, 30, "more of the recording")
        finally:
            os.kill(pid, signal.SIGCONT)
        self.line(p, r"VERDICT +ok: ")
        p.terminate()
        p.wait(20)
        with Screen(f"{program('weirtop')} -r {self.weir.runtime} --replay {file}") as s:
            s.wait(lambda t: "REPLAY" in t and "lines" in t and "NO SERVER" not in t)
            s.wait("STOPPED")  # it plays
            s.keys("0")
            s.wait(lambda t: "STOPPED" not in t.split("events")[0])
            s.keys("+")
            s.wait(lambda t: re.search(r"(?i)recording|replay", t.split("\n", 1)[1]))
            s.keys("q")
            s.wait("EXIT=0")

    @skip_without("tmux")
    def test_replay_of_a_damaged_one(self):
        """A wrong bit costs the record it is in; the others play, and it is said."""
        file = os.path.join(self.weir.folder, "tape")
        self.assertEqual(self.run_top("-b", "-n", "4", "-d", "1", "--record", file).returncode, 0)
        with open(file, "r+b") as f:
            size = os.path.getsize(file)
            f.seek(size // 2)
            byte = f.read(1)[0]
            f.seek(size // 2)
            f.write(bytes([byte ^ 1]))
        with Screen(f"{program('weirtop')} -r {self.weir.runtime} --replay {file}") as s:
            s.wait(lambda t: "REPLAY" in t and "lines" in t and "damaged at byte" in t)
            s.keys("q")
            s.wait(lambda t: "EXIT=0" in t and re.search(
                r"damaged at byte \d+: \d+ bytes are left out, \d+ records are whole", t.replace("\n", "")))

    def test_replay_of_what_is_none(self):
        file = os.path.join(self.weir.folder, "tape")
        with open(file, "wb") as f:
            f.write(b"no tape")
        leader, follower = pty.openpty()
        done = subprocess.run([program("weirtop"), "--replay", file], stdin=follower, stdout=follower,
                              stderr=subprocess.PIPE, timeout=60)
        os.close(follower)
        os.close(leader)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"not a recording", done.stderr)
        self.assertEqual(weirtop("--replay", file, "-b").returncode, 2)
        self.assertEqual(weirtop("--replay", file).returncode, 2)  # no terminal

    @skip_without("tmux")
    def test_stepping_back(self):
        with Screen(f"{program('weirtop')} -r {self.weir.runtime}") as s:
            s.wait("2/2")
            get(self.weir.port, "/f")
            pid = self.weir.worker_pids()[1]
            os.kill(pid, signal.SIGSTOP)
            try:
                s.wait(lambda t: re.search(r"STOPPED +([2-9]|\d\d)\.\ds", t))
            finally:
                os.kill(pid, signal.SIGCONT)
            s.wait(lambda t: re.search(r"(?m)^ *ok", t))
            s.keys("[")
            text = s.wait("PAUSED")
            for i in range(60):
                if re.search(r"2 +\d+ +STOPPED", text):
                    break
                # Each step has to be seen, else one steps over the moment: the other key tells that it was taken.
                s.keys("[", "u")
                text = s.shows("PAUSED", ("bytes" if i % 2 else "bits") + " per second")
            self.assertRegex(text, r"2 +\d+ +STOPPED")
            s.keys("$")
            s.wait(lambda t: "PAUSED" not in t and not re.search(r"2 +\d+ +STOPPED", t))
            s.keys("q")
            s.wait("EXIT=0")


class Several(unittest.TestCase):
    @skip_without("tmux")
    def test_the_question_which_one(self):
        """Two servers beside each other in $XDG_RUNTIME_DIR/weir."""
        weirs = [Weir(workers=1, server=f"name = {name}") for name in ("first", "second")]
        home = weirs[0].folder + "/session/weir"
        os.makedirs(home)
        for i, weir in enumerate(weirs):
            weir.put("f", b"x")
            weir.start()
            self.addCleanup(weir.stop)
            os.symlink(weir.runtime, f"{home}/{i}")
        environment = "env -u WEIR_RUNTIME_DIR XDG_RUNTIME_DIR=" + weirs[0].folder + "/session "
        with Screen(environment + program("weirtop")) as s:
            text = s.wait("Which one")
            number = re.search(r"(?m)^ *(\d+) +second ", text).group(1)
            s.keys("x", "Enter")
            s.wait(lambda t: t.count("Which one") == 2)
            s.keys(number, "Enter")
            s.wait(lambda t: "1/1" in t and "second" in t.split("\n")[0])
            s.keys("q")
            s.wait("EXIT=0")


if __name__ == "__main__":
    main()
