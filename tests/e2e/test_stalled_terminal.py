# SPDX-License-Identifier: BSD-2-Clause
"""weirtop on a terminal that stops reading in the middle of a frame: it samples on, obeys signals
at once, and what is there when the terminal reads again is whole."""

import os
import re
import signal
import subprocess
import time

from harness import main, wait_until
from harness.dashboard import FakeCase
from harness.tap import skip_without
from harness.terminal import Terminal

RMCUP, CNORM, PASTE_OFF = b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?2004l"


class Stalled(FakeCase):
    def setUp(self):
        super().setUp()
        self.tape = os.path.join(self.fake.folder, "tape")

    def stalled(self, *args):
        """A terminal that reads no more, with a frame of which only a part fits."""
        t = self.shown("-d", "0.2", *args, columns=250, rows=100)
        t.hold()

        def fill():
            if not t.is_full():
                t.write(b"\x0c")  # a whole frame each
                return False
            return True

        wait_until(fill, 20, "the terminal to be full")
        return t

    def grows(self, path):
        size = os.path.getsize(path)
        wait_until(lambda: os.path.getsize(path) > size, 10, "another record")

    def test_it_goes_on_sampling_and_shows_all_again(self):
        t = self.stalled("--record", self.tape)
        for _ in range(2):
            self.grows(self.tape)
        self.assertTrue(t.is_full())
        mark = t.mark()
        t.go_on()
        wait_until(lambda: not t.is_full(), 10, "the terminal to take bytes")
        t.write(b"?")
        t.wait_text("help", since=mark)
        t.write(b"q")
        self.assertEqual(t.end(), 0)
        # It was cut nowhere: every sequence that begins is whole.
        self.assertEqual(re.findall(rb"\x1b\[[0-9;?]*(?:[^0-9;?A-Za-z]|$)", t.bytes()), [])

    def test_signals_are_obeyed_at_once(self):
        for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with self.subTest(sig=sig.name):
                t = self.stalled()
                t.process.send_signal(sig)
                wait_until(lambda: t.process.poll() is not None, 10, "it to end")
                modes = t.modes_now()
                t.go_on()
                self.assertEqual(t.end(), 0)
                self.assertEqual(modes, t.modes)
                for what in (RMCUP, CNORM, PASTE_OFF):
                    self.assertIn(what, t.bytes()[-200:])

    def test_a_hangup_ends_it(self):
        t = self.stalled()
        t.hang_up()
        self.assertEqual(t.end(), 0)

    @skip_without("tmux", "pgrep")
    def test_the_picture_is_whole(self):
        """tmux itself stands still for a while; nothing of the frame that was cut is left over."""
        s = self.screen("-d", "0.2", "--record", self.tape, columns=200, rows=50)
        s.wait("8/8")
        pid = int(subprocess.run(["pgrep", "-P", s.fact("pane_pid")], capture_output=True, text=True,
                                 check=True).stdout)
        server, tty = int(s.fact("pid")), os.open(s.fact("pane_tty"), os.O_WRONLY | os.O_NOCTTY)
        self.addCleanup(os.close, tty)
        os.kill(server, signal.SIGSTOP)
        self.addCleanup(os.kill, server, signal.SIGCONT)

        def fill():
            os.kill(pid, signal.SIGWINCH)  # a whole frame each
            time.sleep(0.005)
            return not Terminal.takes_bytes(tty)

        wait_until(fill, 20, "the terminal to be full")
        self.grows(self.tape)
        os.kill(server, signal.SIGCONT)
        s.keys("d")
        s.wait("Enter:set")
        s.keys("60")
        s.wait(": 60_")
        s.keys("Enter")  # from here on the numbers rest
        s.wait(lambda t: "8/8" in t and "q:quit" in t and "Enter:set" not in t)

        def same():
            before = s.text()
            s.raw(b"\x0c")
            words = [[l.split() for l in re.sub(r"[0-9.]+", "0", x).split("\n")] for x in (before, s.text())]
            return words[0] == words[1]

        wait_until(same, 10, "a screen that a repaint leaves as it is")
        s.keys("q")
        s.wait("EXIT=0")


if __name__ == "__main__":
    main()
