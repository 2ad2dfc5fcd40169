# SPDX-License-Identifier: BSD-2-Clause
"""A program in a real terminal (tmux): keys in, text at row and column out. Each screen has a
tmux server of its own, so that tests running side by side do not meet."""

import os
import re
import shutil
import subprocess
import tempfile
import time

from .server import asan_options, deadline, wait_until

STANDS_SECONDS = 0.03  # a frame comes in one go, or in two when the terminal is full


class Screen:
    def __init__(self, command, columns=80, rows=24, env=None):
        self.folder = tempfile.mkdtemp(prefix="weir-tmux-", dir="/tmp")
        self.socket = os.path.join(self.folder, "s")
        words = ["env", "-u", "TMUX", "-u", "NO_COLOR", "LC_ALL=C.UTF-8", f"ASAN_OPTIONS={asan_options()}"]
        words += [f"{k}={v}" for k, v in (env or {}).items()]
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                   " ".join(words) + " " + command + "; echo EXIT=$?; exec cat")

    def _tmux(self, *args):
        done = subprocess.run(["tmux", "-S", self.socket, *args], capture_output=True, text=True,
                              timeout=20)
        if done.returncode != 0:
            raise AssertionError(f"tmux {args}: {done.stderr}")
        return done.stdout

    def _now(self, colors=False):
        return self._tmux("capture-pane", "-p", *(["-e"] if colors else []))

    def text(self, colors=False):
        """The screen once it stands: this tmux shows a frame while it is still being drawn."""
        text, end = self._now(colors), deadline(2)
        while time.monotonic() < end:
            time.sleep(STANDS_SECONDS)
            before, text = text, self._now(colors)
            if text == before:
                break
        return text

    def lines(self):
        return self.text().split("\n")

    def keys(self, *keys):
        self._tmux("send-keys", *keys)

    def raw(self, data):
        """Bytes as a terminal would send them, in one piece."""
        self._tmux("send-keys", "-H", *(f"{b:02x}" for b in data))

    def fact(self, name):
        """A variable of tmux, such as pane_title or alternate_on."""
        return self._tmux("display-message", "-p", "#{" + name + "}").rstrip("\n")

    def resize(self, columns, rows):
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def wait(self, fact, seconds=10):
        """Waits until the text holds a string, or fact(text) is true; returns the text."""
        test = (lambda t: fact in t) if isinstance(fact, str) else fact
        last = [""]

        def look():
            last[0] = self._now()
            if test(last[0]):
                last[0] = self.text()
                return last[0] if test(last[0]) else None
            return None

        try:
            return wait_until(look, seconds, "the screen")
        except AssertionError as e:
            raise AssertionError(f"{e}: {fact!r} not on the screen:\n{last[0]}") from None

    def shows(self, *patterns, without=(), seconds=10):
        """Waits for one screen on which all these are found, and none of `without`; returns it."""
        wrong = []

        def look(text):
            wrong[:] = [p for p in patterns if not re.search(p, text)] + [p for p in without if re.search(p, text)]
            return not wrong

        try:
            return self.wait(look, seconds)
        except AssertionError as e:
            raise AssertionError(f"missing, or there against the wish: {wrong}\n{e}") from None

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)  # tmux may still be taking its own files away

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
