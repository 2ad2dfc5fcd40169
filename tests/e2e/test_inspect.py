# SPDX-License-Identifier: BSD-2-Clause
"""weirctl inspect: what the kernel says of a worker, asked of the real master; and weirctl
files: what the workers were asked for most."""

import json
import os
import re
import signal
import unittest

from harness import Weir, get, main, wait_until
from harness.wire import Wire

NAMES = ("state", "system call", "wchan", "stack", "thread", "threads", "rss", "pss", "major faults",
         "cpu time", "context switches", "read calls", "write calls", "read from disk",
         "written to disk", "descriptors")


def lines_of(text):
    """Names to lists of their values; a line without a name belongs to the one above."""
    found, name = {}, None
    for line in text.splitlines():
        if not line.strip():
            continue
        if line[:17].strip():
            name = line[:17].strip()
        found.setdefault(name, []).append(line[18:].strip())
    return found


class Inspect(unittest.TestCase):
    def serve(self, **more):
        weir = Weir(workers=2, **more)
        weir.put("f", b"x")
        weir.start()
        self.addCleanup(weir.stop)
        return weir

    def inspect(self, weir, number):
        lines = lines_of(weir.ctl("inspect", str(number)).stdout)
        for name in NAMES:
            self.assertIn(name, lines)
            self.assertTrue(all(lines[name]), f"{name} is empty: {lines}")
        return lines

    def test_a_worker_that_waits(self):
        weir = self.serve()
        pids = {w["number"]: w["pid"] for w in weir.status()["workers"] if w["state"] == "running"}
        for number, pid in pids.items():
            lines = wait_until(lambda: (lambda l: l if "epoll" in l["system call"][0] and
                                        "sleeping (S)" in l["state"][0] else None)(
                self.inspect(weir, number)), 10, "the worker to wait")
            self.assertIn("eventpoll", lines["descriptor"][0])
            self.assertTrue(lines["thread"][0].startswith(f"{pid} weir"), lines["thread"])
            self.assertRegex(lines["descriptors"][0], r"^\d+ of \d+: .*socket \d+")
            self.assertRegex(lines["rss"][0], r"^[\d.]+ [KMG]iB$")
            if os.geteuid() == 0:
                self.assertTrue(re.match(r"\w+$", lines["stack"][0]), lines["stack"])
            else:
                self.assertEqual(lines["stack"], ["needs root"])

    def test_a_stopped_worker(self):
        weir = self.serve()
        pid = weir.worker_pids()[1]
        os.kill(pid, signal.SIGSTOP)
        try:
            lines = wait_until(lambda: (lambda l: l if "stopped" in l["state"][0] else None)(
                self.inspect(weir, 2)), 10, "it to be stopped")
            self.assertIn("SIGCONT", lines["state"][0])
            self.assertEqual(get(weir.port, "/f").body, b"x")
        finally:
            os.kill(pid, signal.SIGCONT)

    def test_its_offload_threads_are_told(self):
        weir = Weir(workers=1, server="allow_faults = yes\ndrain_timeout = 1s")
        weir.more_ini += f"[fault {weir.root}/slow]\noperations = open\nhang = yes"
        weir.write_ini()
        weir.put("slow/f", b"x")
        weir.start()
        self.addCleanup(weir.stop)
        with Wire(weir.port) as w:
            w.request("/slow/f")
            wait_until(lambda: int(self.inspect(weir, 1)["threads"][0].split(",")[0]) >= 2, 10,
                       "a second thread")

    def test_who_is_not_there(self):
        weir = self.serve()
        for what in ("77", "0", "x", "-1"):
            done = weir.ctl("inspect", what, check=False)
            self.assertNotEqual(done.returncode, 0, what)
            self.assertTrue(done.stderr.strip() or done.stdout.strip())


class Files(unittest.TestCase):
    def rows(self, weir):
        """The files of all workers: path to its figures added up."""
        status = json.loads(weir.ctl("files", "--json").stdout)
        rows = status if isinstance(status, list) else status["files"]
        total = {}
        for row in rows:
            t = total.setdefault(row["path"], dict.fromkeys(("requests", "bytes", "cold", "errors"), 0))
            for key in t:
                t[key] += row[key]
        return total

    def test_exact_figures_by_decoded_path(self):
        weir = Weir(workers=2)
        weir.put("a b", b"hello")
        weir.put("d/index.html", b"index")
        with weir:
            for _ in range(5):
                self.assertEqual(get(weir.port, "/a%20b").status, 200)
            self.assertEqual(get(weir.port, "/./x/..//a%20b?query=1").status, 200)
            self.assertEqual(get(weir.port, "/d/").status, 200)
            for _ in range(3):
                self.assertEqual(get(weir.port, "/none").status, 404)
            self.assertEqual(get(weir.port, "/%zz").status, 400)
            self.assertEqual(get(weir.port, "/..").status, 400)
            count = lambda rows: {path: row["requests"] for path, row in rows.items()}
            wait_until(lambda: count(self.rows(weir)) == {"/a b": 6, "/d/": 1, "/none": 3}, 5,
                       lambda: f"the rows: {self.rows(weir)}")
            rows = self.rows(weir)
            self.assertEqual(rows["/a b"]["bytes"], 6 * 5)
            self.assertEqual(rows["/a b"]["errors"], 0)
            self.assertEqual(rows["/none"]["errors"], 3)

    def test_rows_end_with_their_worker(self):
        with Weir(workers=1) as weir:
            weir.put("f", b"x")
            get(weir.port, "/f")
            wait_until(lambda: "/f" in self.rows(weir), 5, "the row")
            pid = weir.worker_pids()[0]
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: weir.worker_pids() not in ([], [pid]), 10, "another worker")
            self.assertEqual(self.rows(weir), {})
            get(weir.port, "/f")
            wait_until(lambda: self.rows(weir).get("/f", {}).get("requests") == 1, 5, "its own row")


if __name__ == "__main__":
    main()
