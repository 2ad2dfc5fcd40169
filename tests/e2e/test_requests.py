# SPDX-License-Identifier: BSD-2-Clause
"""Requests in flight, as weirctl shows them; abort and throttle; slow requests with their
phases. Slow disks are [fault] rules, slow clients are sockets that nobody reads. Of time only
one thing is asserted: that what is throttled takes at least as long as it must."""

import json
import re
import socket
import time
import unittest

from harness import Weir, Wire, get, main, wait_until

BIG = 24 << 20


class Requests(unittest.TestCase):
    def serve(self, faults=None, log="", limits="", workers=2):
        weir = Weir(workers=workers, server="allow_faults = yes" if faults else "")
        weir.more_ini = log + "\n" + limits
        for folder, lines in (faults or {}).items():
            weir.more_ini += f"\n[fault {weir.root}/{folder}]\n{lines}\n"
        weir.write_ini()
        weir.put("hot", b"hot")
        with open(weir.put("big"), "wb") as f:
            f.truncate(BIG)
        self.addCleanup(weir.stop, check=False)
        return weir.start()

    def shown(self, weir):
        return json.loads(weir.ctl("requests", "--json").stdout)

    def one(self, weir, phase, seconds=15):
        """The one request in flight, once it is in this phase."""
        def look():
            rows = self.shown(weir)["requests"]
            return rows[0] if len(rows) == 1 and rows[0]["phase"] == phase else None

        return wait_until(look, seconds, lambda: f"a request in phase {phase}: {self.shown(weir)}")

    def none(self, weir):
        wait_until(lambda: self.shown(weir)["requests_in_flight"] == 0 and not self.shown(weir)["requests"],
                   10, lambda: f"no request in flight: {self.shown(weir)}")

    def counts(self, weir, name, count):
        wait_until(lambda: weir.status()["totals"]["counters"][name] == count, 10, f"{count} {name}")

    def reset_by_server(self, wire):
        """Reads to the end, which must be a reset; what came before it."""
        got = 0
        with self.assertRaises(ConnectionResetError):
            while True:
                data = wire.socket.recv(1 << 20)
                self.assertTrue(data, "an orderly end")
                got += len(data)
        return got

    def slow_reader(self, weir):
        wire = Wire(weir.port, rcvbuf=8192, timeout=60)
        self.addCleanup(wire.close)
        wire.request("/big?q=1")
        return wire


class Shown(Requests):
    def test_a_reader_that_stops(self):
        weir = self.serve()
        wire = self.slow_reader(weir)
        row = self.one(weir, "send")
        self.assertRegex(row["id"], r"^[12]-[1-9]\d*$")
        self.assertEqual(row["id"].split("-")[0], str(row["worker"]))
        self.assertEqual(row["request"], "GET /big?")
        self.assertEqual((row["status"], row["content_bytes"]), (200, BIG))
        self.assertEqual(row["client"].rpartition(":")[0] or row["client"], "127.0.0.1")
        self.assertTrue(0 < row["sent_bytes"] < BIG)
        self.assertGreaterEqual(row["age_ms"], 100)
        table = weir.ctl("requests").stdout
        self.assertRegex(table, rf"(?m)^ID +AGE +PHASE.*\n{row['id']} .* send .*24\.0M .*GET /big\?$")
        self.assertEqual(weir.status()["requests_in_flight"], 1)
        self.assertNotIn("requests", weir.status(), "not asked for")
        stalled = self.one(weir, "STALLED", 30)
        self.assertEqual(stalled["id"], row["id"])
        self.assertGreaterEqual(stalled["idle_ms"], 5000)
        self.assertEqual(len(wire.response().body), BIG)
        self.none(weir)
        self.assertIn("no request is in flight", weir.ctl("requests").stdout)

    def test_a_hung_open_and_a_slow_read(self):
        weir = self.serve({"hung": "operations = open\nhang = yes", "slow": "operations = read\ndelay = 3s"},
                          workers=1)
        weir.put("hung/f", b"x")
        weir.put("slow/f", b"y" * 300_000)
        with Wire(weir.port, timeout=60) as wire:
            wire.request("/slow/f")
            self.one(weir, "read")
            self.assertEqual(wire.response().body, b"y" * 300_000)
        self.none(weir)
        wire = Wire(weir.port, timeout=60)
        wire.request("/hung/f")
        row = self.one(weir, "open")
        self.assertTrue(row["cold"])
        self.assertIsNone(row["status"])
        self.assertIsNone(row["content_bytes"])
        wire.reset()
        self.none(weir)
        weir.ctl("kill", "1")  # its thread hangs for good

    def test_a_head_and_a_body_that_dawdle(self):
        weir = self.serve(workers=1)
        with Wire(weir.port, timeout=60) as wire:
            wire.send("POST /hot HTTP/1.1\r\nHost:")
            self.one(weir, "head")
            wire.send(" test\r\nContent-Length: 10\r\n\r\n12345")
            self.assertEqual(self.one(weir, "body")["request"], "POST /hot HTTP/1.1")
            wire.send("67890")
            self.assertEqual(wire.response().status, 405)
            self.none(weir)

    def test_more_than_fit(self):
        weir = self.serve({"slow": "operations = open\nhang = yes"}, workers=1)
        for i in range(70):
            weir.put(f"slow/{i}", b"x")
        wires = [Wire(weir.port) for _ in range(70)]
        for i, wire in enumerate(wires):
            wire.request(f"/slow/{i}")
        wait_until(lambda: self.shown(weir)["requests_in_flight"] == 70, 10, "70 in flight")
        rows = wait_until(lambda: len(self.shown(weir)["requests"]) == 64 and self.shown(weir)["requests"],
                          10, "64 rows")
        ages = [r["age_ms"] for r in rows]
        self.assertEqual(ages, sorted(ages, reverse=True))
        self.assertEqual(len({r["id"] for r in rows}), 64)
        self.assertIn("and 6 more", weir.ctl("requests").stdout)
        for wire in wires:
            wire.reset()
        self.none(weir)
        weir.ctl("kill", "1")
        weir.wait_workers(1)
        self.assertEqual(self.shown(weir)["requests"], [])

    def test_a_hostile_request_line(self):
        weir = self.serve({"slow": "operations = open\nhang = yes"}, workers=1)
        weir.put("slow/f", b"x")
        with Wire(weir.port) as wire:
            wire.send(b"GET /slow/f?\xc2\x9b2J\xe2\x80\xae HTTP/1.1\r\nHost: x\r\n\r\n")
            if self.answered_at_once(wire):
                return  # refused: then nothing of it is shown
            row = self.one(weir, "open")
            self.assertTrue(row["request"].isprintable(), row)
            self.assertTrue(weir.ctl("requests").stdout.replace("\n", "").isprintable())
        weir.ctl("kill", "1")

    def answered_at_once(self, wire):
        wire.socket.settimeout(0.5)
        try:
            return bool(wire.socket.recv(1, socket.MSG_PEEK))
        except TimeoutError:
            return False


class Aborted(Requests):
    def test_a_download(self):
        weir = self.serve()
        wire = self.slow_reader(weir)
        row = self.one(weir, "send")
        done = weir.ctl("abort", row["id"])
        self.assertIn(f"request {row['id']} (GET /big?) is aborted", done.stdout)
        self.assertLess(self.reset_by_server(wire), BIG)
        self.none(weir)
        self.counts(weir, "aborted", 1)
        events = [e for e in weir.status()["events"] if e["kind"] == "CONTROL"]
        self.assertIn(row["id"], events[-1]["text"])
        wait_until(lambda: re.search(rf"request {row['id']} from 127\.0\.0\.1\S*: ended by an operator", weir.log()),
                   5, "the abort in the log")
        again = weir.ctl("abort", row["id"], check=False)
        self.assertEqual(again.returncode, 1)
        self.assertIn(f"there is no request {row['id']} in flight (those younger than 100 ms are not listed)",
                      again.stderr)
        self.assertEqual(get(weir.port, "/hot").body, b"hot")

    def test_one_that_hangs(self):
        weir = self.serve({"hung": "operations = open\nhang = yes"}, workers=1)
        weir.put("hung/f", b"x")
        with Wire(weir.port, timeout=30) as wire:
            wire.request("/hung/f")
            weir.ctl("abort", self.one(weir, "open")["id"])
            self.assertEqual(self.reset_by_server(wire), 0)
        self.none(weir)
        self.counts(weir, "aborted", 1)
        self.assertEqual(get(weir.port, "/hot").body, b"hot")
        weir.ctl("kill", "1")

    def test_what_makes_no_sense(self):
        weir = self.serve()
        for words, status, text in ((("abort", "9-1"), 1, "there is no worker 9"),
                                    (("abort", "1-1"), 1, "there is no request 1-1 in flight"),
                                    (("abort", "x"), 2, "like 3-1842"),
                                    (("abort",), 2, "one argument"),
                                    (("throttle", "1-1", "1m"), 1, "there is no request 1-1 in flight"),
                                    (("throttle", "1-1"), 2, "two arguments"),
                                    (("throttle", "1-1", "fast"), 2, "not a rate")):
            done = weir.ctl(*words, check=False)
            self.assertEqual(done.returncode, status, words)
            self.assertIn(text, done.stderr)


class Throttled(Requests):
    def test_it_takes_its_time(self):
        """So many bytes at so many a second take at least so long; a rate below the minimum rate
        is the operator's wish and no reason to end it."""
        weir = self.serve(limits="[limits]\nminimum_rate = 100m")
        wire = self.slow_reader(weir)
        row = self.one(weir, "send")
        rate = 4 << 20
        done = weir.ctl("throttle", row["id"], "4m")
        self.assertIn(f"is sent at most {rate} bytes a second", done.stdout)
        row = wait_until(lambda: self.shown(weir)["requests"][0]["throttle_bytes_per_s"] == rate
                         and self.shown(weir)["requests"][0], 10, "the throttle on the board")
        left, began = BIG - row["sent_bytes"], time.monotonic()
        self.assertGreater(left, 2 * rate)
        self.assertEqual(len(wire.response().body), BIG)
        # A bucket holds a quarter of a second; the rest cannot have come faster.
        self.assertGreaterEqual(time.monotonic() - began, (left - rate / 4) / rate - 0.5)
        self.none(weir)
        self.counts(weir, "timeouts", 0)
        with Wire(weir.port, timeout=60) as other:
            self.assertEqual(len(other.ask("/big").body), BIG)

    def test_off_again(self):
        weir = self.serve()
        wire = self.slow_reader(weir)
        row = self.one(weir, "send")
        weir.ctl("throttle", row["id"], "1k")
        wait_until(lambda: re.search(r" 1\.00k ", weir.ctl("requests").stdout), 10, "the throttle in the table")
        done = weir.ctl("throttle", row["id"], "off")
        self.assertIn("as fast as its client takes it", done.stdout)
        self.assertEqual(len(wire.response().body), BIG)

    def test_a_throttled_download_does_not_hold_a_stop_up(self):
        weir = self.serve()
        weir.server_lines += "drain_timeout = 1s"
        weir.write_ini()
        weir.ctl("reload")
        wire = self.slow_reader(weir)
        weir.ctl("throttle", self.one(weir, "send")["id"], "1k")
        weir.stop()
        wire.close()


class Files(Requests):
    def test_those_asked_for_most(self):
        weir = self.serve()
        weir.put("other", b"x" * 1000)
        self.assertEqual(json.loads(weir.ctl("files", "--json").stdout), [])
        self.assertIn("no file was asked for yet", weir.ctl("files").stdout)
        for _ in range(12):
            get(weir.port, "/hot?q")
        for _ in range(3):
            get(weir.port, "/other")
        listed = lambda: json.loads(weir.ctl("files", "--json").stdout)
        files = wait_until(lambda: (lambda files: files if [(f["path"], f["requests"], f["bytes"]) for f in files] ==
                                    [("/hot", 12, 36), ("/other", 3, 3000)] else None)(listed()),
                           5, lambda: f"two files with what was asked of them: {listed()}")
        self.assertTrue(1 <= files[0]["workers"] <= 2)
        self.assertRegex(weir.ctl("files").stdout, r"(?m)^ +12 .* /hot$")


class Slow(Requests):
    def test_entries_have_phases(self):
        weir = self.serve({"slow": "operations = open\ndelay = 400ms"}, log="slow_request = 300ms", workers=1)
        weir.put("slow/f", b"slow")
        self.assertEqual(get(weir.port, "/hot").body, b"hot")
        self.assertEqual(get(weir.port, "/slow/f", timeout=30).body, b"slow")
        slow = wait_until(lambda: self.shown(weir)["slow"], 10, "an entry")
        self.assertEqual(len(slow), 1, slow)
        f = slow[0]
        self.assertEqual((f["request"], f["status"], f["worker"]), ("GET /slow/f", 200, 1))
        self.assertEqual((f["bytes"], f["aborted"], f["cold"]), (4, False, True))
        self.assertGreaterEqual(f["total_ms"], f["open_ms"])
        self.assertGreaterEqual(f["open_ms"], 400)
        self.assertGreaterEqual(f["offload_run_ms"], 400)
        self.assertGreaterEqual(f["total_ms"], f["first_byte_ms"])
        self.assertGreaterEqual(f["first_byte_ms"], 400)
        self.assertAlmostEqual(f["unix_time"], time.time(), delta=600)
        self.assertIn("127.0.0.1", f["client"])
        self.assertIn("GET /slow/f", weir.ctl("requests").stdout)

    def test_an_abort_is_marked(self):
        """In the middle of a response that a disk makes slow: a slow client makes none."""
        weir = self.serve({"slow": "operations = read\ndelay = 400ms"}, log="slow_request = 100ms", workers=1)
        weir.put("slow/f", b"y" * (16 << 20))
        with Wire(weir.port, timeout=60) as wire:
            wire.request("/slow/f")
            wait_until(lambda: self.one(weir, "read")["status"] == 200, 20, "the middle of it")
            weir.ctl("abort", self.one(weir, "read")["id"])
            self.reset_by_server(wire)
        f = wait_until(lambda: self.shown(weir)["slow"], 10, "an entry")[0]
        self.assertTrue(f["aborted"])
        self.assertIn(" 200! ", weir.ctl("requests").stdout)


if __name__ == "__main__":
    main()
