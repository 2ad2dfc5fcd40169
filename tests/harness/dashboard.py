# SPDX-License-Identifier: BSD-2-Clause
"""What tests of the dashboard share: a fake server, a real one with faults, weirtop in tmux, and
how to find a worker's row on the screen."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from .screen import Screen
from .server import PATIENCE, Weir, program, wait_until
from .tap import skip_without
from .terminal import Terminal

OK = r"(?m)^ *ok: "
DEAF = 0.4  # a dialog ignores keys for its first 300 ms: what is pressed later counts
HANG = "operations = open\nhang = yes"


def took(what, since):
    print(f"# {what} after {(time.monotonic() - since) * 1000:.0f} ms", flush=True)


def title(text):
    return text.split("\n")[0]


def row(text, number):
    """The line of this worker in the table, without its marker; '' when it is not shown."""
    m = re.search(rf"(?m)^[!~:>* ] *{number} +(\d+ .*)$", text)
    return m.group(1) if m else ""


def since(text, number):
    """How long this worker is in its state, as its row says; '' when it is not shown."""
    return (row(text, number).split() + [""] * 3)[2]


def marker(text, number):
    m = re.search(rf"(?m)^(.) *{number} +\d+ ", text)
    return m.group(1) if m else None


def rows_in_order(text):
    return [int(n) for n in re.findall(r"(?m)^[!~:>* ] {1,3}(\d+) +\d+ +\w+ ", text)]


class Fake:
    """A server that is not there (tests/tui/fake_server.c): its numbers never rest."""

    def __init__(self, scenario="healthy"):
        self.folder = tempfile.mkdtemp(prefix="weir-fake-", dir="/tmp")
        self.process = subprocess.Popen([program("tests/tui/fake_server"), self.folder, scenario],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        shutil.rmtree(self.folder)

    def top(self, *args):
        return [program("weirtop"), "-r", self.folder, *args]

    def plain(self, *args, **more):
        return subprocess.run(self.top(*args), capture_output=True, timeout=60 * PATIENCE, **more)

    def wanted(self):
        """The number of workers in force: whether something was changed."""
        return json.loads(self.plain("--json", "-n", "1", "-d", "0.1").stdout)["workers_wanted"]


class FakeCase(unittest.TestCase):
    """weirtop before a server that is not there, on a terminal of its own or in tmux."""

    scenario = "healthy"

    def setUp(self):
        self.fake = Fake(self.scenario)
        self.addCleanup(self.fake.stop)

    def terminal(self, *args, **more):
        t = Terminal(self.fake.top(*args), **more)
        self.addCleanup(t.close)
        return t

    def shown(self, *args, **more):
        """On a terminal, with the server on the screen."""
        t = self.terminal(*args, **more)
        t.wait_text("8/8")
        return t

    def screen(self, *args, **more):
        s = Screen(" ".join(self.fake.top(*args)), **more)
        self.addCleanup(s.close)
        return s


@skip_without("tmux")
class Case(unittest.TestCase):
    def serve(self, workers=4, faults=None, server="", ini="", log=""):
        """log: lines of [log]; ini: whole sections; faults: a folder of the root to its rule."""
        lines = "workers_max = 8\nname = accept\n" + (server or "drain_timeout = 1s")
        weir = Weir(workers=workers, server=lines + ("\nallow_faults = yes" if faults else ""))
        weir.more_ini = log + "\n" + ini
        for folder, fault in (faults or {}).items():
            weir.more_ini += f"\n[fault {weir.root}/{folder}]\n{fault}\n"
            weir.put(f"{folder}/f", b"slow")
        weir.write_ini()
        weir.put("f", b"x")
        self.stopped = []
        self.addCleanup(self.end, weir)
        weir.start()
        return weir

    def end(self, weir):
        self.resume()
        weir.stop(check=False)

    def halt(self, *pids):
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            self.stopped.append(pid)

    def resume(self):
        while self.stopped:
            try:
                os.kill(self.stopped.pop(), signal.SIGCONT)
            except ProcessLookupError:
                pass

    def screen(self, weir, *args, **more):
        more.setdefault("columns", 120)
        more.setdefault("rows", 40)
        env = {"WEIRTOP_CONFIG": os.path.join(weir.folder, "weirtop-config"), **more.pop("env", {})}
        s = Screen(f"{program('weirtop')} -r {weir.runtime} " + " ".join(args), env=env, **more)
        self.addCleanup(s.close)
        s.wait(lambda t: "LIVE" in title(t))
        return s

    def kinds(self, weir, kind):
        return [e["text"] for e in weir.status()["events"] if e["kind"] == kind]

    def answer(self, s, key, text):
        """Presses a key once the dialog with this text listens."""
        s.wait(text)
        self.deaf()
        s.keys(key)

    def deaf(self):
        end = time.monotonic() + DEAF
        wait_until(lambda: time.monotonic() > end, 5)

    def command(self, s, words):
        """Types a command line as fingers would: a burst of keys neither opens the prompt nor ends it."""
        s.keys(":")
        s.wait(lambda t: t.rstrip().split("\n")[-1].startswith(":"))
        s.keys(words)
        s.wait(":" + words)
        s.keys("Enter")
