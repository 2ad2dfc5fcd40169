# SPDX-License-Identifier: BSD-2-Clause
"""What a user of the dashboard would notice, by the real weirtop in tmux on the real server:
trouble is named, and soon; each change is asked once, sent once and followed to its end. Times
are reported, never asserted."""

import os
import re
import signal
import subprocess
import time

from harness import Wire, get, main, wait_until
from harness.dashboard import HANG, OK, Case, marker, row, rows_in_order, since, title, took
from harness.disk import cannot_say
from harness.load import Load
from harness.screen import Screen
from harness.server import program


class Stuck(Case):
    def test_a_worker_that_stands_still(self):
        """Named within moments; + + Enter has two more that serve; the screen goes on."""
        weir = self.serve()
        s = self.screen(weir, columns=80, rows=24)
        s.wait(lambda t: re.search(OK, t) and "4/4" in t)
        pids = {w["number"]: w["pid"] for w in weir.status()["workers"]}
        begun = time.monotonic()
        self.halt(pids[3])
        s.wait(lambda t: "STOPPED" in row(t, 3) and marker(t, 3) == "!" and
               rows_in_order(t)[0] == 3 and  # the worst stands first
               re.search(r"1 of 4 workers stopped: w3 stopped \d.*kill -CONT", t) and
               re.search(r"workers 4/4 \[[^\]]*!", t))
        took("a stopped worker is marked", begun)
        ages = set()
        s.wait(lambda t: ages.add(since(t, 3)) or len(ages - {""}) > 2)
        begun = time.monotonic()
        s.keys("+", "+", "Enter")
        s.wait("6/6")
        took("two more workers", begun)
        self.assertEqual(sum(w["state"] == "running" for w in weir.status()["workers"]), 6)
        for _ in range(20):
            self.assertEqual(get(weir.port, "/f").body, b"x")
        s.shows("done", "1 of 6 workers stopped: w3")
        self.resume()
        s.wait(lambda t: re.search(OK, t))
        s.wait(lambda t: "STOPPED" not in row(t, 3))

    def test_a_held_open_is_named(self):
        """No loop is held by it, and yet worker, call, age, mount and path are told."""
        weir = self.serve(faults={"hung": HANG}, ini="[offload]\ndeadline = 60s")
        s = self.screen(weir)
        s.wait(lambda t: re.search(OK, t))
        wire = Wire(weir.port, timeout=60)
        self.addCleanup(wire.close)
        begun = time.monotonic()
        wire.request("/hung/f")
        s.wait(lambda t: re.search(r"(?m)^.{1,4}[1-4] .* offload .* offl \S*/hung/f|offl .*\bf$", t))
        took("a held open() is in its worker's row", begun)
        s.wait(lambda t: re.search(r"now +\d\S* +w[1-4] open .*/hung/f", t))
        took("its request is listed", begun)
        text = s.shows(r"w[1-4] open held for \d\S* on /",
                       r"open held .*\(\w+\).*/hung/f|open held[^\n]*\n[^\n]*/hung/f")
        took("the verdict names it", begun)
        number = re.search(r"w([1-4]) open held", text).group(1)
        s.wait(lambda t: marker(t, number) == ":")
        for _ in range(20):
            self.assertEqual(get(weir.port, "/f").body, b"x")
        s.keys("3")
        s.wait(lambda t: re.search(r"\d+\.\ds +" + number + r"-\d+ open .*/hung/f", t))
        s.keys("5")
        s.wait(lambda t: re.search(rf"(?m)^.* {number} +\d+ +\d+\.\ds open .*/hung/f", t))
        done = subprocess.run([program("weirtop"), "-r", weir.runtime, "--check"], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stdout, r"^warning: w\d open held for ")
        s.keys("1", "+", "+", "Enter")
        s.wait("6/6")
        weir.ctl("kill", number)  # the thread hangs for good
        s.wait(lambda t: re.search(OK, t))

    def test_all_workers_stand_still(self):
        weir = self.serve(workers=2)
        s = self.screen(weir, columns=80, rows=24)
        s.wait(lambda t: re.search(OK, t))
        self.halt(*weir.worker_pids())
        s.wait(lambda t: re.search(r"ALL 2 (workers )?stopped", t))
        clocks = set()
        s.wait(lambda t: clocks.add(title(t)[-8:]) or len(clocks) > 2)
        s.keys("+", "Enter")
        s.wait("3/3")
        s.wait(lambda t: re.search(r"2 of 3 workers stopped: w[12] w[12] ", t))
        self.assertEqual(get(weir.port, "/f").body, b"x")
        self.resume()
        s.wait(lambda t: re.search(OK, t))

    def test_a_full_pool_is_named(self):
        if cannot_say():
            self.skipTest(cannot_say() + ": the healthy file takes a thread too")
        weir = self.serve(workers=1, faults={"hung": HANG}, server="offload_threads = 2\ndrain_timeout = 1s",
                          ini="[offload]\ndeadline = 60s\nmount_share = 100")
        for i in range(6):
            weir.put(f"hung/{i}", b"x")
        s = self.screen(weir, columns=80, rows=24)
        s.wait(lambda t: re.search(OK, t))
        wires = [Wire(weir.port, timeout=60) for _ in range(6)]
        for i, w in enumerate(wires):
            self.addCleanup(w.close)
            w.request(f"/hung/{i}")
        s.shows(r"offload 2/2 busy, \d queued, oldest open \d", without=[OK], seconds=20)
        s.wait(lambda t: "offload" in row(t, 1))
        self.assertEqual(get(weir.port, "/f").body, b"x")  # the loop is free
        weir.ctl("kill", "1")

    def test_idle_workers_are_idle(self):
        """However long they wait for a next request, with a threshold far below that."""
        weir = self.serve(workers=2, log="blocked = 500ms")
        wires = [Wire(weir.port, timeout=60) for _ in range(8)]
        for w in wires:
            self.addCleanup(w.close)
            self.assertEqual(w.ask("/f").body, b"x")
        s = self.screen(weir, columns=80, rows=24)
        seen = set()

        def look(text):
            self.assertNotRegex(text, r"BLOCKED|STOPPED|blocked|\[[^\]]*!")
            seen.add(title(text)[-8:])
            return len(seen) > 4

        s.wait(look, 20)
        s.shows(OK)
        self.assertEqual(self.kinds(weir, "BLOCK"), [])

    def test_a_healthy_server_is_calm(self):
        weir = self.serve()
        s = self.screen(weir, columns=80, rows=24, env={"TERM": "tmux-256color"})
        with Load(weir.port, "/f", b"x", connections=4, pause=0.01) as load:
            load.progress(20)
            s.wait(lambda t: re.search(r"req +\d+", t) and re.search(OK, t))

            def calm():
                """One line that says so, and nothing yellow or red. A worker whom the machine makes wait
                for its CPU is late for a moment, and shown so."""
                text = s.text(colors=True)
                lines = [x for x in text.split("\n") if "ok: queue" in x]
                return len(lines) == 1 and "\x1b[7m" not in lines[0] and not re.search(
                    r"\x1b\[(?:\d+;)*(?:31|33|41|43|91|93|101|103)[;m]", text)

            wait_until(calm, 20, lambda: "a calm screen; it is:\n" + s.text(colors=True))
        s.wait(lambda t: len(re.findall(OK, t)) == 1)

    def test_phases_of_a_slow_request(self):
        weir = self.serve(workers=1, faults={"slow": "operations = open\ndelay = 700ms"},
                          log="slow_request = 500ms")
        begun = time.monotonic()
        self.assertEqual(get(weir.port, "/slow/f", timeout=30).body, b"slow")
        most_ms = (time.monotonic() - begun) * 1000
        s = self.screen(weir)
        s.wait(lambda t: re.search(r"\d\d:\d\d:\d\d +\d\S+ +w1 200 +4 /slow/f", t))
        s.keys("3")
        text = s.wait(lambda t: re.search(r"\d\d:\d\d:\d\d +\S+ +1 200 .* /slow/f", t))
        head = next(x for x in text.split("\n") if "TOOK" in x and "WAIT" in x)
        line = next(x for x in text.split("\n") if re.search(r"1 200 .* /slow/f", x))
        end = head.index("OPEN") + 4
        m = re.search(r" (\d+(?:\.\d)?)(ms|s)$", line[:end])
        self.assertTrue(m, f"{head}\n{line}")
        took_ms = float(m.group(1)) * (1000 if m.group(2) == "s" else 1)
        self.assertTrue(700 <= took_ms <= most_ms + 50, f"not 700 to {most_ms:.0f} ms:\n{head}\n{line}")


class Told(Case):
    def test_a_killed_worker(self):
        """Its row keeps its place, its figures begin anew, and an event tells of the signal."""
        weir = self.serve()
        s = self.screen(weir)
        text = s.wait(lambda t: len(rows_in_order(t)) == 4)
        pid = weir.worker_pids()[1]
        self.assertIn(str(pid), row(text, 2))
        begun = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        s.wait(lambda t: row(t, 2) and str(pid) not in row(t, 2) and "idle" in row(t, 2) and
               rows_in_order(t) == [1, 2, 3, 4])
        took("a killed worker's successor is shown", begun)
        s.wait(lambda t: re.search(r"EXIT +worker 2 was killed by SIGKILL", t) and
               re.search(r"idle +(<1s|\d+(\.\d+)?s) ", row(t, 2)))

    def test_the_first_frame_and_the_first_rates(self):
        weir = self.serve(workers=2)
        with Load(weir.port, "/f", b"x", connections=2, pause=0.02) as load:
            load.progress(20)
            before, begun = load.done, time.monotonic()
            # The first rates do not wait for the end of an interval, however long that is.
            s = Screen(f"{program('weirtop')} -r {weir.runtime} -d 60")
            self.addCleanup(s.close)
            s.wait(lambda t: "LIVE" in title(t))
            took("the first frame", begun)
            seen = []
            text = s.wait(lambda t: seen.append(re.search(r"req +(\S+?)/s", t)) or
                          (seen[-1] and re.match(r"\d", seen[-1].group(1))))
            took("the first rates", begun)
            rate = float(re.search(r"req +([\d.]+)", text).group(1))
            most = (load.done - before) / (time.monotonic() - begun)
            # All there ever was, in one second, is the spike that must not be.
            total = weir.status()["totals"]["counters"]["requests"]
            self.assertGreater(rate, 0)
            self.assertLess(rate, max(10 * most, total), f"{seen}")

    def test_what_the_kernel_says(self):
        weir = self.serve(workers=2)
        s = self.screen(weir)
        s.wait(lambda t: len(rows_in_order(t)) == 2)
        s.keys("j", "Enter")
        text = s.shows(r"^.*WORKER \d", "epoll_wait",
                       *(rf"(?m)^ {name} +\S" for name in ("state", "system call", "wchan", "stack")))
        if os.geteuid() != 0:
            self.assertIn("needs root", text)
        first = re.search(r"WORKER (\d)", title(text)).group(1)
        s.keys("Right")
        s.wait(lambda t: re.search(r"WORKER (\d)", title(t)) and
               re.search(r"WORKER (\d)", title(t)).group(1) != first)
        s.keys("Escape")
        s.wait(lambda t: "WORKER" not in title(t))

    def test_a_killed_server(self):
        """NO SERVER soon, dimmed and without rates; started again: no key, the same place."""
        weir = self.serve(workers=4)
        s = self.screen(weir)
        s.wait(lambda t: len(rows_in_order(t)) == 4)
        s.keys("j", "j", "s")  # a selection and an order
        s.wait("order of the rows")
        s.keys("G", "Enter")
        text = s.wait(lambda t: "order of the rows" not in t and re.search(r"(?m)^ w[1-4]> ", t))
        selected = re.search(r"(?m)^ (w[1-4])> ", text).group(1)
        self.assertNotEqual(selected, "w1")
        pids = weir.worker_pids()
        begun = time.monotonic()
        os.kill(weir.process.pid, signal.SIGKILL)
        weir.process.wait(20)
        s.shows("NO SERVER", r"req +-/s", rf"(?m)^ {selected}> |{pids[0]}")  # the last picture stays
        took("NO SERVER", begun)
        for pid in pids:
            wait_until(lambda: not os.path.exists(f"/proc/{pid}/fd/0"), 20, "the workers to end with it")
        begun = time.monotonic()
        weir.start()
        s.wait(lambda t: "NO SERVER" not in t and "4/4" in t and str(weir.worker_pids()[0]) in t)
        took("reattached, with the server's start,", begun)
        s.shows(rf"(?m)^ {selected}> ")
        s.keys("s")
        s.wait(lambda t: re.search(r"REQUEST +\(now", t))
        s.keys("Escape")
        s.wait(lambda t: "order of the rows" not in t)
        s.wait("another instance")
        s.keys("6")
        s.wait(lambda t: "EVENTS" in title(t) and "GONE" in t and "ATTACH" in t)
        weir.process.send_signal(signal.SIGKILL)
        weir.process.wait(20)
        s.wait("NO SERVER")
        weir.start()
        s.wait(lambda t: "NO SERVER" not in t and "EVENTS" in title(t))  # the same view

    def test_a_small_screen_shows_what_matters(self):
        weir = self.serve(workers=8)
        s = self.screen(weir, columns=40, rows=12)
        s.wait("8/8")
        pids = {w["number"]: w["pid"] for w in weir.status()["workers"]}
        self.halt(pids[8])
        s.shows(r"(?m)^! +8 STOPPED", "w8 stopped", r"(?m)^ Q +\d+/\d+", r"W 8/8 \S*!")

    def test_stepping_back(self):
        """The picture stands while sampling goes on; the moment of the stop is there, then live."""
        weir = self.serve(workers=2)
        s = self.screen(weir)
        s.wait(lambda t: re.search(OK, t))
        s.keys("p")
        still = s.wait(lambda t: "PAUSED" in t)
        self.halt(weir.worker_pids()[0])
        wait_until(lambda: "STOPPED" in weir.ctl("status").stdout or
                   any(w.get("stuck") for w in weir.status()["workers"]), 10, "the server to see it")
        text = s.text()
        self.assertNotIn("STOPPED", row(text, 1))
        self.assertEqual(rows_in_order(text), rows_in_order(still))
        s.keys("$")
        s.wait(lambda t: "PAUSED" not in t and "STOPPED" in row(t, 1))
        self.resume()
        s.wait(lambda t: re.search(OK, t))


if __name__ == "__main__":
    main()
