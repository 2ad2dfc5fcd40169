# SPDX-License-Identifier: BSD-2-Clause
"""The access log in both formats, hostile bytes in it, reopening, and slow requests."""

import json
import os
import re
import signal
import time
import unittest

from harness import Weir, Wire, get, main, wait_until


class Logs(unittest.TestCase):
    def test_combined(self):
        weir = Weir(workers=1)
        weir.put("f", b"12345")
        with weir:
            get(weir.port, "/f?x=1", fields=[("User-Agent", 'my "agent"\xe9\\'), ("Referer", "http://r/")])
            get(weir.port, "/missing")
            with Wire(weir.port) as w:
                w.send(b"GET /\x01 HTTP/1.1\r\n\r\n")
                w.response()
            lines = weir.access_lines(3)
            pattern = (r'^127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
                       r'"(.*?)" (\d{3}) (\d+|-) "(.*?)" "(.*?)"$')
            m = re.match(pattern, lines[0])
            self.assertTrue(m, lines[0])
            self.assertEqual(m.group(1, 2, 3, 4), ("GET /f?x=1 HTTP/1.1", "200", "5", "http://r/"))
            self.assertEqual(m.group(5), r'my \x22agent\x22\xE9\x5C')
            self.assertEqual(re.match(pattern, lines[1]).group(2), "404")
            self.assertIn(r"\x01", lines[2])

    def test_json(self):
        weir = Weir(workers=1)
        weir.write_ini()
        text = open(weir.ini_path).read().replace("[log]\n", "[log]\nformat = json\n")
        weir.write_ini(text)
        weir.put("f", b"12345")
        with weir:
            get(weir.port, "/f?x=%22", fields=[("User-Agent", '"\\\x01\xff'[0:2] + "é"), ("X-Request-Id", "abc-123")])
            get(weir.port, "/f", "HEAD")
            first, second = (json.loads(line) for line in weir.access_lines(2))
            # A terminal that shows the file obeys none of these; who parses it gets them back.
            odd = "x\x9b31m\u202e\u200b\ufeff\U000e0001é"
            get(weir.port, "/f", fields=[("User-Agent", odd.encode().decode("latin-1"))])
            line = weir.access_lines(3)[2]
            self.assertIn(r'"x\u009b31m\u202e\u200b\ufeff\udb40\udc01é"', line)
            self.assertEqual(json.loads(line)["user_agent"], odd)
            self.assertEqual((first["method"], first["target"], first["status"], first["bytes"]),
                             ("GET", "/f?x=%22", 200, 5))
            self.assertEqual(first["request_id"], "abc-123")
            self.assertRegex(second["request_id"], r"^[0-9a-f]{32}$")
            self.assertEqual(second["bytes"], 0)

    def test_reopen(self):
        weir = Weir(workers=2)
        weir.put("f", b"x")
        with weir:
            get(weir.port, "/f")
            weir.access_lines(1)
            for words in (None, ["reopen"]):
                os.rename(weir.access_path, weir.access_path + ".1")
                os.rename(weir.log_path, weir.log_path + ".1")
                if words:
                    weir.ctl(*words)
                else:
                    weir.kill(signal.SIGUSR1)
                wait_until(lambda: os.path.exists(weir.access_path) and os.path.exists(weir.log_path), 5,
                           "new log files")

                def lands():
                    get(weir.port, "/f")
                    return os.path.getsize(weir.access_path) > 0
                wait_until(lands, 5, "a line in the new file")

    def test_no_line_is_lost_or_mixed(self):
        weir = Weir(workers=4)
        weir.put("f", b"x")
        with weir:
            for i in range(400):
                get(weir.port, f"/f?n={i}")
            lines = weir.access_lines(400)
            seen = sorted(int(re.search(r"n=(\d+) ", line).group(1)) for line in lines)
            self.assertEqual(seen, list(range(400)))

    def test_a_reload_changes_the_level_of_workers_too(self):
        weir = Weir("level = warn", workers=2)
        with weir:
            for level, threads, told in (("info", 7, 2), ("warn", 8, 0)):
                weir.more_ini = f"level = {level}"
                weir.write_ini()
                serial = weir.status()["reload"]["serial"]
                weir.ctl("reload")
                wait_until(lambda: weir.status()["reload"]["serial"] > serial, 10, "the reload")
                weir.wait_workers(2)
                weir.ctl("offload", str(threads))
                wait_until(lambda: all(w["counters"]["offload_threads_max"] == threads for w in weir.status()["workers"]),
                           10, "all workers to have heard it")
                line = f"this worker may have {threads} offload threads now"
                if told:
                    wait_until(lambda: weir.log().count(line) == told, 10, "both workers to say so")
                self.assertEqual(weir.log().count(line), told)

    def slow(self, fault="", more=""):
        weir = Weir(workers=1, server="allow_faults = yes\n" + more)
        weir.more_ini = f"slow_request = 300ms\n[fault {weir.root}/slow]\noperations = open\n{fault}\n"
        weir.write_ini()
        return weir

    def slow_events(self, weir):
        return [e["text"] for e in weir.status()["events"] if e["kind"] == "SLOW"]

    def test_slow_requests_are_noted(self):
        weir = self.slow("delay = 500ms")
        weir.put("slow/f", b"x")
        with weir:
            get(weir.port, "/slow/f")
            line = wait_until(lambda: re.search(r"slow request.*/slow/f.*server (\d+)", weir.log()), 5, "the line")
            self.assertGreaterEqual(int(line.group(1)), 300)
            wait_until(lambda: self.slow_events(weir), 5, "the event")
            self.assertEqual(weir.status()["totals"]["counters"]["slow_requests"], 1)

    def test_slow_clients_make_no_slow_requests(self):
        """One that reads slowly, one whose head takes its time, one that never sends all of it, and
        one that leaves before its answer."""
        weir = self.slow("delay = 500ms")
        weir.more_ini = weir.more_ini.replace("[fault", "[limits]\nheader_timeout = 600ms\nbody_timeout = 600ms\n[fault", 1)
        weir.write_ini()
        weir.put("big", b"x" * (32 << 20))
        weir.put("slow/f", b"x")
        with weir:
            with Wire(weir.port, rcvbuf=65536) as reader, Wire(weir.port) as head, Wire(weir.port) as body, \
                    Wire(weir.port) as leaver:
                reader.request("/big")
                reader._head()
                head.send(b"GET /big HTTP/1.1\r\n")
                body.send(b"POST /big HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
                leaver.request("/slow/f")
                wait_until(lambda: weir.status()["totals"]["counters"]["requests_waiting"] == 1, 5, "it to wait")
                end = time.monotonic() + 0.45
                wait_until(lambda: time.monotonic() > end, 5)
                leaver.reset()
                self.assertEqual(head.response().status, 408)
                self.assertEqual(body.response().status, 408)
                reader._bytes(32 << 20)
            get(weir.port, "/none")
            weir.access_lines(5)
            self.assertEqual(self.slow_events(weir), [])
            self.assertEqual(weir.status()["totals"]["counters"]["slow_requests"], 0)
            self.assertNotIn("slow request", weir.log())

    def test_slow_requests_have_a_bound(self):
        """Of lines and events; how many were left out is told, and all are counted."""
        weir = self.slow("delay = 500ms")
        weir.put("slow/f", b"x")
        for i in range(60):
            weir.put(f"slow/{i}", b"x")
        with weir:
            wires = [Wire(weir.port) for _ in range(60)]
            for i, w in enumerate(wires):
                w.request(f"/slow/{i}")
            for w in wires:
                self.assertEqual(w.response().status, 200)
                w.close()
            wait_until(lambda: "lines about slow requests were left out" in weir.log(), 5, "what was left out")
            wait_until(lambda: sum(int(n) for n in re.findall(r"(\d+) more lines about slow requests", weir.log()))
                       + weir.log().count("slow request from") == 60, 5, "all of them to be accounted for")
            self.assertLessEqual(weir.log().count("slow request from"), 30)
            self.assertIn(len(self.slow_events(weir)), range(1, weir.log().count("slow request from") + 1))
            self.assertEqual(weir.status()["totals"]["counters"]["slow_requests"], 60)


if __name__ == "__main__":
    main()
