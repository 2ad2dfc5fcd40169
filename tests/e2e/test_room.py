# SPDX-License-Identifier: BSD-2-Clause
"""Room for new clients: when connections or descriptors run out, those that have nothing under
way make room, and nobody waits for their timeouts. What a client has asked for is not lost."""

import os
import random
import selectors
import socket
import subprocess
import time
import unittest

from harness import Weir, Wire, main, program, wait_until
from harness.wire import Closed

SOON = 8  # far below idle_timeout and header_timeout here, which are minutes


def counter(weir, name):
    return weir.status()["totals"]["counters"].get(name, 0)


class Limit(unittest.TestCase):
    LIMIT = 20
    INI = f"[limits]\nconnections = {LIMIT}\nidle_timeout = 10m\nheader_timeout = 10m\n"

    @classmethod
    def setUpClass(cls):
        cls.weir = Weir(workers=1, ini=cls.INI)
        cls.weir.put("f", b"hello")
        cls.weir.put("big", b"x" * (64 << 20))
        cls.weir.start()

    @classmethod
    def tearDownClass(cls):
        cls.weir.stop()

    def setUp(self):
        wait_until(lambda: counter(self.weir, "connections") == 0, 20, "the connections of another test to end")

    def hold(self, count, sends=b"", answered=True):
        held = []
        for _ in range(count):
            w = Wire(self.weir.port)
            self.addCleanup(w.close)
            if sends:
                w.send(sends)
            held.append(w)
        return held

    def full(self):
        wait_until(lambda: counter(self.weir, "connections") >= self.LIMIT - 1, 10, "the limit")

    def served(self, count=5):
        """New clients get their answer long before any timeout is over."""
        for _ in range(count):
            with Wire(self.weir.port, timeout=SOON) as w:
                self.assertEqual(w.ask("/f").body, b"hello")

    def test_idle_ones_make_room(self):
        before = counter(self.weir, "connections_evicted")
        for w in self.hold(self.LIMIT):
            self.assertEqual(w.ask("/f").status, 200)
        self.full()
        self.served()
        self.assertGreater(counter(self.weir, "connections_evicted"), before)

    def test_silent_ones_make_room(self):
        self.hold(self.LIMIT)
        self.full()
        self.served()

    def test_slow_heads_make_room(self):
        self.hold(self.LIMIT, b"GET /f HTTP/1.1\r\nHo")
        self.full()
        self.served()

    def test_silent_ones_go_before_idle_ones(self):
        kept = self.hold(5)
        for w in kept:
            self.assertEqual(w.ask("/f").status, 200)
        silent = self.hold(self.LIMIT - 5)
        self.full()
        some_time = time.monotonic() + 0.5  # until the silent ones do not count as just come
        wait_until(lambda: time.monotonic() > some_time)
        self.served(len(silent) - 1)
        for w in kept:
            self.assertEqual(w.ask("/f").status, 200)

    def test_answers_keep_their_connections_afterwards(self):
        """While others wait and nobody is idle answers end their connections, and then no more."""
        held = self.hold(self.LIMIT, b"GET /f HTTP/1.1\r\nHo")
        self.full()
        late = self.hold(4)
        for w in held:
            w.close()
        for w in late:
            w.close()
        wait_until(lambda: counter(self.weir, "connections") == 0, 20)
        w = self.hold(1)[0]
        for _ in range(3):
            self.assertFalse(w.ask("/f").closes)

    def test_the_longest_idle_one_goes_first(self):
        held = self.hold(self.LIMIT)
        for w in held:
            self.assertEqual(w.ask("/f").status, 200)
        self.assertEqual(held[0].ask("/f").status, 200)  # now the youngest
        self.full()
        late = self.hold(1)[0]
        self.assertEqual(late.ask("/f").status, 200)
        self.assertEqual(held[0].ask("/f").status, 200)
        with self.assertRaises((Closed, OSError)):
            held[1].ask("/f")

    def test_who_is_served_keeps_its_place(self):
        busy = []
        for _ in range(self.LIMIT):
            w = Wire(self.weir.port, timeout=60, rcvbuf=4096)
            self.addCleanup(w.close)
            w.request("/big")
            busy.append(w)
        self.full()
        late = Wire(self.weir.port, timeout=60)
        self.addCleanup(late.close)
        late.request("/f")
        wait_until(lambda: counter(self.weir, "accepting") == 0, 10, "accepting to pause")
        self.assertEqual(counter(self.weir, "connections"), self.LIMIT)
        wait_until(lambda: any(l["queue_depth"] for l in self.weir.status()["listeners"]), 10, "a queue")
        if os.path.exists(program("weirtop")):
            check = subprocess.run([program("weirtop"), "-r", self.weir.runtime, "--check"],
                                   capture_output=True, text=True)
            self.assertEqual(check.returncode, 2, check.stdout)
            self.assertIn("new clients wait", check.stdout)
        busy.pop().reset()
        self.assertEqual(late.response().status, 200)
        self.assertEqual(busy[0].response().body, b"x" * (64 << 20))

    def test_many_that_are_never_idle(self):
        """Three times as many clients as places, each asking without a pause: all get on, and requests
        do not meet closed connections (but where this machine held a client up for long)."""
        results = run_clients(self.weir.port, 3 * self.LIMIT, ["/f"], 2)
        self.assertEqual(results["statuses"], {200: sum(results["statuses"].values())}, results)
        self.assertLessEqual(results["lost"], sum(results["statuses"].values()) / 50, results)
        self.assertEqual(results["starved"], 0, results)


def run_clients(port, count, paths, seconds):
    """Keep-alive clients in one thread. Counts answers by status, requests that met a closed
    connection, and clients that got nothing at all."""
    selector = selectors.DefaultSelector()
    statuses, lost, answers = {}, 0, [0] * count
    choose = random.Random(1).choice
    state = [None] * count

    def connect(i):
        s = socket.socket()
        s.setblocking(False)
        try:
            s.connect(("127.0.0.1", port))
        except BlockingIOError:
            pass
        state[i] = {"s": s, "in": b"", "need": None}
        selector.register(s, selectors.EVENT_WRITE, i)

    def ask(i):
        s = state[i]["s"]
        state[i].update({"in": b"", "need": None})
        s.send(f"GET {choose(paths)} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        selector.modify(s, selectors.EVENT_READ, i)

    def again(i):
        selector.unregister(state[i]["s"])
        state[i]["s"].close()
        connect(i)

    def readable(i):
        nonlocal lost
        st = state[i]
        data = st["s"].recv(262144)
        if not data:
            raise ConnectionError
        st["in"] += data
        if st["need"] is None and b"\r\n\r\n" in st["in"]:
            head = st["in"].split(b"\r\n\r\n", 1)[0]
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            st["need"] = len(head) + 4 + length
            st["status"], st["close"] = int(head.split()[1]), b"connection: close" in head.lower()
        if st["need"] is not None and len(st["in"]) >= st["need"]:
            statuses[st["status"]] = statuses.get(st["status"], 0) + 1
            answers[i] += 1
            if st["close"]:
                again(i)
            else:
                ask(i)

    for i in range(count):
        connect(i)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for key, events in selector.select(0.1):
            i = key.data
            try:
                if events & selectors.EVENT_WRITE:
                    ask(i)
                else:
                    readable(i)
            except (ConnectionError, OSError):
                lost += 1
                again(i)
    for st in state:
        st["s"].close()
    return {"statuses": statuses, "lost": lost, "starved": sum(n == 0 for n in answers)}


class Descriptors(unittest.TestCase):
    def test_some_are_kept_for_files(self):
        weir = Weir(workers=1, wrapper=["prlimit", "--nofile=100:100"])
        paths = ["/" + weir.put(f"{i}", random.Random(i).randbytes(50_000)).rsplit("/", 1)[1]
                 for i in range(300)]
        with weir:
            results = run_clients(weir.port, 90, paths, 3)
            total = sum(results["statuses"].values())
            self.assertGreater(total, 300)
            self.assertLess(results["statuses"].get(503, 0), total / 200, results)
            self.assertLessEqual(results["lost"], total / 50, results)
            self.assertEqual(results["starved"], 0, results)

    def test_a_limit_for_everything(self):
        """Idle clients beyond all descriptors: others are served."""
        weir = Weir(workers=1, ini="[limits]\nidle_timeout = 10m\n", wrapper=["prlimit", "--nofile=60:60"])
        weir.put("f", b"hello")
        with weir:
            held = []
            for _ in range(80):
                w = Wire(weir.port, timeout=SOON)
                held.append(w)
                self.assertEqual(w.ask("/f").status, 200)
            self.assertGreater(counter(weir, "connections_evicted"), 0)
            for w in held:
                w.close()


if __name__ == "__main__":
    main()
