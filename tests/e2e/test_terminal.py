# SPDX-License-Identifier: BSD-2-Clause
"""weirtop and terminals: what it sends and leaves behind, on pseudo terminals of its own and in
tmux, before a fake server whose numbers never rest (tests/tui/fake_server.c)."""

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

from harness import Weir, main, wait_until
from harness.dashboard import Fake, FakeCase
from harness.screen import Screen
from harness.server import PATIENCE, is_sanitized, program
from harness.tap import skip_without
from harness.terminal import Terminal

RMCUP, CNORM = b"\x1b[?1049l", b"\x1b[?25h"  # of the xterm family
PASTE_ON, PASTE_OFF = b"\x1b[?2004h", b"\x1b[?2004l"
MOUSE = (b"\x1b[?1000", b"\x1b[?1002", b"\x1b[?1003", b"\x1b[?1006", b"\x1b[?9h")
CLEAR = re.compile(rb"\x1b\[[0-3]?[JK]")
COLOR = re.compile(rb"\x1b\[(?:[0-9]*;)*(?:3[0-79]|4[0-79]|[34]8;|9[0-7]|10[0-7])[0-9;]*m")


class Case(FakeCase):
    def ends_sanely(self, t, status=0):
        """It ends, and the terminal is as it was before."""
        wait_until(lambda: t.process.poll() is not None, 10, "it to end")
        modes = t.modes_now()
        self.assertEqual(t.end(), status)
        self.assertEqual(modes, t.modes)
        tail = t.bytes()[-200:]
        for what in (RMCUP, CNORM, PASTE_OFF):
            self.assertIn(what, tail)
        for what in MOUSE:
            self.assertNotIn(what + b"h", tail)


class Sizes(Case):
    def test_q_at_any_size(self):
        for columns, rows in ((1, 1), (2, 1), (1, 100), (250, 1), (20, 5), (13, 3), (250, 100), (80, 24)):
            with self.subTest(size=(columns, rows)), Terminal(self.fake.top(), columns, rows) as t:
                t.wait(b"\x1b[?1049h")
                t.quiet()
                t.write(b"q")
                self.ends_sanely(t)

    def test_random_sizes_on_a_pty(self):
        """Faster than it can draw, and at once one after another."""
        r = random.Random(26)
        t = self.shown()
        for i in range(400):
            t.resize(r.choice((1, 2, 3, 20, 40, 80, r.randint(1, 250))),
                     r.choice((1, 2, 5, 12, 24, r.randint(1, 100))))
            if i % 4 == 0:
                t.write(r.choice((b"j", b"?", b"5", b"1", b"\x0c", b"G", b"w")))
            time.sleep(0.004)
            self.assertIsNone(t.process.poll(), t.bytes()[-300:])
        t.resize(1, 1)
        for key in (b"\x1b", b"\x1b"):
            time.sleep(0.1)  # longer than an Esc stays undecided
            t.write(key)

        def ended():
            """Again and again, for a q that it reads together with an Esc before is no q."""
            t.write(b"q")
            time.sleep(0.1)
            return t.process.poll() is not None

        wait_until(ended, 10, "q to end it")
        self.ends_sanely(t)

    @skip_without("tmux")
    def test_back_to_80x24_without_garbage(self):
        r = random.Random(31)
        s = self.screen("-d", "60")
        s.wait("8/8")
        sizes = [(1, 1), (250, 100), (1, 100), (250, 1), (40, 12), (20, 5), (79, 23), (81, 25)]
        sizes += [(r.randint(1, 250), r.randint(1, 100)) for _ in range(30)]
        r.shuffle(sizes)
        for columns, rows in sizes:
            s.resize(columns, rows)
        s.resize(80, 24)
        s.wait(lambda t: "8/8" in t and "q:quit" in t)

        def same():
            """A repaint changes nothing: whatever were left over would go with it."""
            before = re.sub(r"[0-9.]+", "0", s.text())
            s.raw(b"\x0c")
            after = re.sub(r"[0-9.]+", "0", s.text())
            return [l.split() for l in before.split("\n")] == [l.split() for l in after.split("\n")]

        wait_until(same, 10, "a screen that a repaint leaves as it is")
        s.keys("q")
        s.wait("EXIT=0")


class Suspend(Case):
    def shell(self):
        s = Screen("bash --norc --noprofile", env={"PS1": "ready:"})
        self.addCleanup(s.close)
        s.wait("ready:")
        s.keys("clear; B=$(stty -g)", "Enter")
        s.keys(" ".join(self.fake.top()), "Enter")
        s.wait("8/8")
        self.assertEqual((s.fact("alternate_on"), s.fact("cursor_flag")), ("1", "0"))
        return s

    def still_sane(self, s):
        s.keys("q")
        s.wait(lambda t: "8/8" not in t and "ready:" in t)
        s.keys("clear; [ \"$B\" = \"$(stty -g)\" ] && echo same=$((6*7))", "Enter")
        s.wait("same=42")
        self.assertEqual((s.fact("alternate_on"), s.fact("cursor_flag")), ("0", "1"))

    @skip_without("tmux", "bash")
    def test_ctrl_z(self):
        s = self.shell()
        for size in ((100, 30), (60, 20)):
            s.keys("C-z")
            s.wait("Stopped")
            self.assertEqual((s.fact("alternate_on"), s.fact("cursor_flag")), ("0", "1"))
            s.keys("clear", "Enter")
            s.keys("echo seen=$((6*7))", "Enter")
            s.wait(lambda t: "seen=42" in t and "echo seen=" in t)  # it echoes, too
            s.resize(*size)
            s.keys("fg", "Enter")
            s.wait(lambda t: "8/8" in t and "q:quit" in t and "seen=42" not in t and
                   len(t.rstrip("\n").split("\n")) >= size[1] - 1)
        self.still_sane(s)

    @skip_without("tmux", "bash")
    def test_stop_and_cont(self):
        s = self.shell()
        pid = int(subprocess.run(["pgrep", "-f", "weirtop -r " + self.fake.folder], capture_output=True,
                                 text=True, check=True).stdout.split()[0])
        os.kill(pid, signal.SIGSTOP)
        s.wait("Stopped")
        s.keys("clear; echo seen=$((6*7))", "Enter")
        s.wait("seen=42")
        s.keys("fg", "Enter")
        s.wait(lambda t: "8/8" in t and "seen=42" not in t and "q:quit" in t)
        # Continued without having been stopped by a shell: it repaints.
        os.kill(pid, signal.SIGCONT)
        s.keys("?")
        s.wait("weirtop help")
        s.keys("?")
        s.shows("8/8", without=["weirtop help"])
        self.still_sane(s)


class Endings(Case):
    def test_signals(self):
        for sig, status in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGQUIT, 0),
                            (signal.SIGSEGV, -signal.SIGSEGV), (signal.SIGABRT, -signal.SIGABRT),
                            (signal.SIGBUS, -signal.SIGBUS)):
            with self.subTest(sig=sig.name), Terminal(self.fake.top()) as t:
                t.wait_text("8/8")
                self.assertNotEqual(t.modes_now(), t.modes)
                t.process.send_signal(sig)
                self.ends_sanely(t, status)

    def test_a_core_is_left_where_the_system_leaves_one(self):
        """The handler does not eat the dump: the wait status says so as without a handler."""
        if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
            self.skipTest("no core files here")
        if is_sanitized("weirtop"):
            self.skipTest("a sanitizer takes the crash over")
        with open("/proc/sys/kernel/core_pattern") as f:
            if f.read().startswith("|"):
                self.skipTest("core files go to a program")
        folder = tempfile.mkdtemp(prefix="weir-core-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        command = ["sh", "-c", 'ulimit -c unlimited; cd "$0" && exec "$@"', folder]
        with Terminal(command + self.fake.top()) as t:
            t.wait_text("8/8")
            t.process.send_signal(signal.SIGSEGV)
            status = os.waitpid(t.process.pid, 0)[1]
            t.process.returncode = -signal.SIGSEGV  # it was waited for here
            self.assertEqual(os.WTERMSIG(status), signal.SIGSEGV)
            plain = subprocess.Popen(command + ["sleep", "60"])
            while os.readlink(f"/proc/{plain.pid}/exe").endswith("sh"):
                time.sleep(0.01)
            plain.send_signal(signal.SIGSEGV)
            other = os.waitpid(plain.pid, 0)[1]
            plain.returncode = -signal.SIGSEGV
            self.assertEqual(os.WCOREDUMP(status), os.WCOREDUMP(other))

    def cpu_seconds(self, pid):
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def outlives_its_terminal(self, stdin):
        """For how many seconds; at an end without fail, and with little work."""
        t = Terminal(self.fake.top(), stdin=stdin)
        self.addCleanup(t.close)
        t.wait_text("8/8")
        before = self.cpu_seconds(t.process.pid)
        t.hang_up()
        begun = time.monotonic()
        pid, status, usage = wait_until(lambda: (lambda ended: ended if ended[0] else None)(
            os.wait4(t.process.pid, os.WNOHANG)), 10, "the end of what has no terminal")
        seconds = time.monotonic() - begun
        t.process.returncode = os.waitstatus_to_exitcode(status)
        self.assertLess(usage.ru_utime + usage.ru_stime - before, 0.25 * PATIENCE)
        if stdin:
            t.process.stdin.close()
        return seconds

    def test_hangup(self):
        """It ends within a second, in the best of some tries: the rest is the machine's."""
        for stdin in (None, subprocess.PIPE):
            with self.subTest(stdin=stdin):
                for attempt in range(5):
                    seconds = self.outlives_its_terminal(stdin)
                    if seconds < 1 * PATIENCE:
                        break
                self.assertLess(seconds, 1 * PATIENCE)


class Bytes(Case):
    def frames(self, columns, rows, count):
        """Sizes of the first frame (until the server is on it) and of so many that follow, less the last."""
        t = self.shown("-d", "1", columns=columns, rows=rows)
        t.quiet(0.03)
        first = sum(len(f) for f in t.frames())
        t.quiet(0.03)
        mark = t.mark()
        wait_until(lambda: len(t.frames(mark)) >= count, 4 * count, f"{count} frames")
        t.write(b"q")
        frames = t.frames(mark)
        self.assertEqual(t.end(), 0)
        return first, [len(f) for f in frames[:-1]]

    def test_budget(self):
        for columns, rows, most_first, most in ((80, 24, 4000, 1500), (120, 40, 8000, 2500)):
            with self.subTest(size=(columns, rows)):
                for attempt in range(5):  # two frames read as one are the machine's, not its
                    first, frames = self.frames(columns, rows, 5)
                    frames = frames[1:]  # columns that had no figure before are all new
                    if first <= most_first and max(frames) <= most:
                        break
                self.assertGreaterEqual(len(frames), 3)
                self.assertLessEqual(first, most_first)
                self.assertLessEqual(max(frames), most, frames)

    def test_idle(self):
        """A server without a request: the clock is all that must move, however many workers."""
        with Weir(workers=8) as weir:
            weir.wait_workers(8)
            tops = [Terminal([program("weirtop"), "-r", weir.runtime], *size)
                    for size in ((80, 24), (120, 40))]
            for t in tops:
                self.addCleanup(t.close)
                t.wait_text("8/8")
            time.sleep(2)  # until the columns have figures
            for attempt in range(8):  # what else the machine does makes loops late, which is shown
                marks, start = [t.mark() for t in tops], time.monotonic()
                time.sleep(4)
                seconds = time.monotonic() - start
                rates = [len(t.bytes(mark)) / seconds for t, mark in zip(tops, marks)]
                if 10 < min(rates) and max(rates) < 150:
                    break
            self.assertLess(max(rates), 150, rates)
            self.assertGreater(min(rates), 10, rates)
            for t in tops:
                t.write(b"q")
                self.assertEqual(t.end(), 0)

    def test_nothing_is_cleared(self):
        t = self.shown("-d", "0.1", columns=100, rows=30)
        t.quiet(0.03)
        mark = t.mark()
        for key in (b"?", b"\x1b", b"5", b"j", b"\t", b"1", b"G", b"w", b"9", b"\x1b", b"g"):
            t.write(key)
            time.sleep(0.12)
        t.wait(lambda b: len(b) > 1000, since=mark)
        t.quiet(0.05)
        self.assertEqual(CLEAR.findall(t.bytes(mark)), [])
        mark = t.mark()
        t.write(b"\x0c")
        t.wait(lambda b: len(CLEAR.findall(b)) == 1, since=mark)
        mark = t.mark()
        t.resize(90, 28)
        t.wait(CLEAR.search, since=mark)

    def test_ascii_in_the_c_locale(self):
        for variant in ("healthy", "hostile"):
            fake = Fake(variant)
            try:
                with Terminal(fake.top("-d", "0.2"), 120, 40, env={"LC_ALL": "C"}) as t:
                    t.wait_text("8/8")
                    t.write(b"5")
                    t.quiet(0.05)
                    t.write(b"?")
                    t.quiet(0.05)
                    t.write(b"q")
                    self.assertEqual(t.end(), 0)
                    self.assertTrue(t.bytes().isascii(), [b for b in t.bytes() if b > 127])
            finally:
                fake.stop()


class Kinds(Case):
    scenario = "blocked"

    def test_kinds_of_terminals(self):
        for term in ("linux", "vt100", "screen", "tmux", "xterm", "xterm-256color", "screen-256color"):
            if subprocess.run(["infocmp", term], capture_output=True).returncode != 0:
                continue
            with self.subTest(term=term), Terminal(self.fake.top(), term=term) as t:
                t.wait_text("8/8")
                t.wait_text("BLOCKED")
                t.quiet(0.05)
                mark = t.mark()
                t.write(b"?")
                t.wait_text("help", since=mark)
                t.write(b"q")
                self.assertEqual(t.end(), 0)
                sent = t.bytes()
                if term in ("linux", "vt100"):
                    self.assertNotIn(PASTE_ON, sent)
                if term == "linux":
                    braille = [c for c in sent.decode("utf-8", "replace") if "⠀" <= c <= "⣿"]
                    self.assertEqual(braille, [])
                if term in ("vt100", "linux"):
                    self.assertNotIn(b"38;5", sent)

    @skip_without("tmux", "infocmp")
    def test_pictures_are_the_same(self):
        """What each kind of terminal is sent gives the same picture where it is understood."""
        pictures = {}
        for term in ("screen", "tmux", "xterm", "vt100", "screen-256color"):
            if subprocess.run(["infocmp", term], capture_output=True).returncode != 0:
                continue
            with Screen(" ".join(self.fake.top("-d", "60")), env={"TERM": term}) as s:
                text = s.shows("8/8", "BLOCKED", "q:quit", "LIVE")
                # The graph and the ages move on; words and columns do not.
                lines = [l for l in text.split("\n") if re.search(r"weirtop|listen|PID|q:quit", l)]
                pictures[term] = [re.sub(r"\[.{8}\]|(?:[0-9.:]+[a-z]*)+", "0", l) for l in lines]  # 998ms, 1.2s, 1m02s
        self.assertGreaterEqual(len(pictures), 2)
        one = pictures["screen"]
        self.assertGreaterEqual(len(one), 4)
        for term, lines in pictures.items():
            self.assertEqual([l.split() for l in lines], [l.split() for l in one], term)

    def test_no_cursor_no_screen(self):
        for term, why in (("dumb", b"cannot place its cursor"), ("no-such-terminal", b"is not known"),
                          (None, b"TERM is not set")):
            with self.subTest(term=term), Terminal(self.fake.top(), term=term) as t:
                self.assertNotIn(t.end(60), (0, None))
                self.assertIn(why, t.bytes())
                self.assertIn(b"8/8", t.bytes())
                self.assertNotIn(b"\x1b", t.bytes())

    def test_without_colour(self):
        cases = ((("--color", "never"), {}, "xterm-256color"), ((), {"NO_COLOR": "1"}, "xterm-256color"),
                 ((), {}, "vt100"), ((), {}, "xterm-mono"))
        for args, env, term in cases:
            with self.subTest(args=args, env=env, term=term):
                if subprocess.run(["infocmp", term], capture_output=True).returncode != 0:
                    continue
                t = self.shown(*args, env=env, term=term)
                t.wait_text("BLOCKED")
                t.quiet(0.05)
                t.write(b"q")
                self.assertEqual(t.end(), 0)
                self.assertIsNone(COLOR.search(t.bytes()), COLOR.search(t.bytes()))
        # The detector detects.
        t = self.shown(term="xterm-256color")
        t.wait(COLOR.search)
        for args, env, colors in ((("--color", "8"), {}, False), (("--color", "256"), {"NO_COLOR": "1"}, True),
                                  ((), {"NO_COLOR": ""}, True)):
            with self.subTest(args=args, env=env):
                t = self.shown(*args, env=env)
                t.wait_text("BLOCKED")
                t.wait(COLOR.search)
                if colors:
                    t.wait(b"38;5;")
                t.quiet(0.05)
                self.assertEqual(b"38;5;" in t.bytes(), colors)

    @skip_without("tmux")
    def test_blocked_rows_without_colour(self):
        s = self.screen("--color", "never")
        s.wait(lambda t: len(re.findall(r"(?m)^!! ?.*(w3|w6)", t)) >= 1 and
               len(re.findall(r"(?m)^! +[36] .*BLOCKED", t)) == 2)


class Hostile(Case):
    scenario = "hostile"

    @skip_without("tmux")
    def test_paths_only_an_attacker_asks_for(self):
        with Screen(" ".join(self.fake.top("--color", "never")), columns=120, rows=40) as s:
            title = s.fact("pane_title")
            s.shows(r"(?m)^! +3 .*BLOCKED", r"\\x1B")
            for view in "1234561":
                s.keys(view)
                s.wait(f"view {view}/6")
            text = s.wait(lambda t: re.search(r"(?m)^! +3 .*BLOCKED", t))
            self.assertEqual(s.fact("pane_title"), title)
            self.assertNotEqual(title, "owned")
            self.assertNotEqual(subprocess.run(["tmux", "-S", s.socket, "show-buffer"],
                                               capture_output=True).returncode, 0)
            # The columns hold: STATE begins where its title does, in every row.
            lines = text.split("\n")
            head = next(l for l in lines if "STATE" in l)
            at = head.index("STATE")
            rows = lines[lines.index(head) + 1:][:8]
            self.assertEqual([l[at - 1] for l in rows], [" "] * 8)
            self.assertTrue(all(l[at] != " " for l in rows), text)
            s.keys("q")
            s.wait("EXIT=0")

    def test_plain_outputs(self):
        for args in (("--once",), ("--json", "-n", "2", "-d", "0.1"), ("--check",), ("-b", "-n", "2", "-d", "0.1")):
            out = self.fake.plain(*args).stdout
            for bad in (b"\x1b", b"\x07", b"\xff", "‮".encode(), b"\xc2\x9b"):
                self.assertNotIn(bad, out, args)
            if "--json" in args:
                for line in out.splitlines():
                    self.assertIn("\\x1B", json.dumps(json.loads(line)))


class Around(Case):
    @skip_without("tmux")
    def test_a_wall_message_goes_at_ctrl_l(self):
        s = self.screen("-d", "60")
        s.wait("8/8")

        def broadcast():
            """Again when a frame goes right through it."""
            with open(s.fact("pane_tty"), "w") as tty:
                tty.write("\r\nBroadcast message: wall hello\r\n")
            return "wall hello" in s.text()

        wait_until(broadcast, 10, "the message on the screen")
        s.keys("C-l")
        s.wait(lambda t: "wall hello" not in t and "8/8" in t)

    def test_no_escapes_into_pipes_and_files(self):
        bare = {k: v for k, v in os.environ.items() if k not in ("TERM", "LANG", "LC_ALL", "HOME")}
        for args in ((), ("--once",), ("-b", "-n", "3"), ("--check",), ("--json", "-n", "2")):
            for more in ({}, {"stdin": subprocess.DEVNULL, "env": bare}, {"start_new_session": True}):
                with self.subTest(args=args, more=sorted(more)):
                    done = self.fake.plain("-d", "0.1", *args, **more)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertNotIn(b"\x1b", done.stdout + done.stderr)
                    self.assertNotEqual(done.stdout, b"")
        # On a terminal, but into a file.
        path = os.path.join(self.fake.folder, "out")
        with Terminal(["sh", "-c", '"$@" > "$0"', path, *self.fake.top()]) as t:
            self.assertEqual(t.end(60), 0)
            self.assertEqual(t.bytes(), b"")
        with open(path, "rb") as f:
            self.assertIn(b"8/8", f.read())

    def test_batches(self):
        out = self.fake.plain("-b", "-n", "3", "-d", "0.1").stdout.decode()
        self.assertEqual(len(re.findall(r"(?m)^ *# +PID", out)), 3, out)
        out = self.fake.plain("--json", "-n", "4", "-d", "0.1").stdout.decode()
        objects = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(objects), 4)

    def test_check_has_its_statuses(self):
        wait_until(lambda: self.fake.plain("--check", "-d", "0.1").returncode == 0, 10, "healthy: 0")
        for scenario, status in (("sick", 1), ("stopped", 2), ("all", 2)):
            fake = Fake(scenario)
            try:
                wait_until(lambda: fake.plain("--check", "-d", "0.1").returncode == status, 10, f"{scenario}: {status}")
            finally:
                fake.stop()
        done = subprocess.run([program("weirtop"), "-r", "/nonexistent", "--check"], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 3)

    def test_stdin_from_a_pipe(self):
        t = self.terminal(stdin=subprocess.PIPE)
        t.process.stdin.write(b"qqq+\r")
        t.process.stdin.close()
        t.wait_text("8/8")
        mark = t.mark()
        t.write(b"?")
        t.wait_text("help", since=mark)
        t.write(b"q")
        self.ends_sanely(t)
        self.assertEqual(self.fake.wanted(), 8)

    def test_no_mouse_bytes_by_default(self):
        t = self.shown()
        t.write(b"?")
        t.quiet(0.05)
        t.write(b"q")
        self.assertEqual(t.end(), 0)
        for what in MOUSE:
            self.assertNotIn(what, t.bytes())
        self.assertNotIn(b"\x1b]52", t.bytes())
        self.assertNotIn(b"\x1b[?2026", t.bytes())


class Asked(Case):
    """What is sent only when it was asked for."""

    scenario = "blocked"

    def setUp(self):
        super().setUp()
        self.config = os.path.join(self.fake.folder, "config")

    def asked(self, text="", *args, **more):
        with open(self.config, "w") as f:
            f.write(text)
        return self.shown(*args, env={"WEIRTOP_CONFIG": self.config, **more.pop("env", {})}, **more)

    def test_mouse(self):
        on, off = b"\x1b[?1000h\x1b[?1006h", b"\x1b[?1006l\x1b[?1000l"
        t = self.asked()
        t.write(b"\x1b[<0;10;14M")
        self.assertNotIn(b"\x1b[?1000", t.bytes())
        mark = t.mark()
        t.write(b"m")
        t.wait(on, since=mark)
        for click in (b"\x1b[<0;10;14M\x1b[<0;10;14m", b"\x1b[<65;10;14M", b"\x1b[<64;1;1M"):
            t.write(click)
        mark = t.mark()
        t.write(b"m")
        t.wait(off, since=mark)
        mark = t.mark()
        t.write(b"q")
        self.assertEqual(t.end(), 0)
        self.assertFalse(any(what in t.bytes(mark) for what in MOUSE))
        # Left on: it goes off at the end, at a stop and in a crash.
        for sig, status in ((signal.SIGTERM, 0), (signal.SIGSEGV, -signal.SIGSEGV)):
            t = self.asked("mouse = 1\n")
            t.wait(on)
            t.process.send_signal(sig)
            self.assertEqual(t.end(), status)
            self.assertLess(t.bytes().rindex(b"\x1b[?1000h"), t.bytes().rindex(off))

    @skip_without("tmux")
    def test_a_click_selects(self):
        s = self.screen("--color", "never", env={"WEIRTOP_CONFIG": self.config})
        text = s.shows("8/8", r"(?m)^! +3 .*BLOCKED", r"(?m)^! +6 .*BLOCKED")  # now the rows stay where they are
        s.keys("m")
        s.wait("mouse on")
        row = next(i for i, l in enumerate(text.split("\n")) if re.match(r"..? *\d+ +400\d\d ", l))
        s.raw(f"\x1b[<0;10;{row + 4}M".encode())
        s.wait(lambda t: ">" in t.split("\n")[row + 3][:4])
        s.raw(f"\x1b[<65;10;{row + 4}M".encode())
        s.wait(lambda t: ">" not in t.split("\n")[row + 3][:4] and re.search(r"(?m)^.{0,3}>.*400\d\d ", t))

    def test_clipboard(self):
        t = self.asked("clipboard = 1\n")
        t.write(b"j")
        t.write(b"y")
        t.wait(lambda b: re.search(rb"\x1b\]52;c;[A-Za-z0-9+/]+=*\x07", b))
        t = self.asked("")
        t.write(b"j")
        mark = t.mark()
        t.write(b"y")
        t.wait(lambda b: len(b) > 20, since=mark)
        t.quiet(0.1)
        self.assertNotIn(b"\x1b]52", t.bytes())

    def test_a_paste_into_a_prompt(self):
        """Text goes into an open prompt, but the line end in it is not Enter."""
        t = self.asked()
        t.write(b":")
        t.quiet(0.05)
        mark = t.mark()
        t.write(b"\x1b[200~workers\x1b[1m 9\r\x1b[201~")
        t.wait_text("workers 9", since=mark)
        time.sleep(0.2)
        self.assertEqual(self.fake.wanted(), 8)

    def test_braille(self):
        braille = re.compile("[\u2801-\u28ff]")
        t = self.asked("", "--charset", "braille", "-d", "0.2")
        t.wait(lambda b: braille.search(b.decode("utf-8", "replace")))
        for term in ("linux", "xterm"):
            t = self.asked("charset = braille\n", "-d", "0.2", term=term)
            if term == "xterm":
                t.wait(lambda b: braille.search(b.decode("utf-8", "replace")))
                continue
            time.sleep(1)
            self.assertIsNone(braille.search(t.text()))


if __name__ == "__main__":
    main()
