# SPDX-License-Identifier: BSD-2-Clause
"""Slow, hung and failing disks: what is in memory is served on while they are waited for, and
what waits for what can be seen. Through [fault] rules, which work everywhere (a file system that
really is slow: test_offload_fuse.py). What is checked is order and counts, never speed; a delay
is only how long something else has to go first."""

import json
import os
import re
import resource
import subprocess
import time
import unittest

from harness import Wire, get, main, run_weir, wait_until
from harness.disk import HOT, Disk, answered, busy_threads, cannot_say, counter, kinds, mount_state, wait_counter
from harness.server import PATIENCE, program

ON_SHM = os.path.isdir("/dev/shm") and os.stat("/dev/shm").st_dev != os.stat("/tmp").st_dev


class Rules(Disk):
    def test_refused_without_allow_faults(self):
        weir = self.serve({"x": "delay = 1s"})
        with open(weir.ini_path) as f:
            text = f.read()
        weir.write_ini(text.replace("allow_faults = yes", "allow_faults = no"))
        done = run_weir("-t", "-c", weir.ini_path)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("allow_faults", done.stderr)
        self.assertIn(f"{weir.ini_path}:", done.stderr)
        weir.write_ini(text)
        self.assertEqual(run_weir("-t", "-c", weir.ini_path).returncode, 0)

    def test_said_loudly_when_on(self):
        weir = self.serve({"x": "delay = 1s"})
        with weir:
            wait_until(lambda: "FAULT" in kinds(weir), 5, "the event FAULT")
            self.assertEqual(kinds(weir).count("FAULT"), 1)
            self.assertEqual(weir.status()["faults"], 1)
            self.assertIn("FAULTS", weir.ctl("status").stdout)
            self.assertRegex(weir.log(), r"(?i)warn.*fault|fault.*warn|fault rule")
            self.assertIn(weir.root + "/x", weir.log())
            get(weir.port, "/hot")
            self.assertEqual(counter(weir, "offload_faulted"), 0)


class NeverBlocked(Disk):
    def slow_one(self, operation, path="/slow/f", location="", check=None, data=b"slow bytes"):
        weir = self.serve({"slow": f"operations = {operation}\ndelay = 2s"}, location=location, log="blocked = 1s")
        weir.put("slow/f", data)
        with weir, Wire(weir.port) as slow:
            get(weir.port, "/hot")
            slow.request(path)
            self.hot_while(weir, slow)
            answer = slow.response()
            self.assertEqual(answer.status, 200)
            (check or (lambda a: self.assertEqual(a.body, data)))(answer)
            self.assertGreaterEqual(counter(weir, "offload_faulted"), 1)
            worker = weir.status()["workers"][0]
            self.assertIsNone(worker["stuck"])
            self.assertEqual(worker["blocked_count"], 0)
            self.assertNotIn("BLOCKED", kinds(weir))
            self.assertEqual(slow.ask("/hot").body, HOT)

    def test_slow_open(self):
        self.slow_one("open")

    def test_slow_read(self):
        self.slow_one("read", data=b"0123456789" * 10_000)

    def test_slow_read_of_a_small_file(self):
        """Small files are held whole in memory; the first time they come from the disk too."""
        self.slow_one("read")

    def test_slow_listing(self):
        def check(answer):
            self.assertIn(b"f", answer.body)
            self.assertIn("f", json.dumps(json.loads(answer.body)))

        self.slow_one("readdir", path="/slow/?format=json", location="listing = auto", check=check)

    def test_many_waiting_few_threads(self):
        """More slow clients than threads: all are answered, in their turn, and hot ones before."""
        if cannot_say():
            self.skipTest(cannot_say() + ": the hot file takes a thread too")
        weir = self.serve({"slow": "operations = read\ndelay = 300ms"}, "offload_threads = 4", "mount_share = 100")
        for i in range(24):
            weir.put(f"slow/{i}", b"%d" % i * 50_000)
        with weir:
            slow = [Wire(weir.port, timeout=30) for _ in range(24)]
            for i, w in enumerate(slow):
                w.request(f"/slow/{i}")
            wait_counter(weir, "requests_waiting", lambda n: n >= 1)
            done = 0
            with Wire(weir.port) as w:
                while not answered(slow[-1]):
                    self.assertEqual(w.ask("/hot").body, HOT)
                    done += 1
            self.assertGreaterEqual(done, 20)
            self.assertLessEqual(counter(weir, "offload_threads"), 4)
            for i, w in enumerate(slow):
                self.assertEqual(w.response().body, b"%d" % i * 50_000)
                w.close()
            for name in ("offload_busy", "offload_queued", "requests_waiting"):
                wait_counter(weir, name, lambda n: n == 0)


class Bytes(Disk):
    """What comes through cold windows is what is in the file."""

    @classmethod
    def setUpClass(cls):
        cls.data = os.urandom(3_300_001)

    def setUp(self):
        self.weir = self.serve({"slow": "operations = read\ndelay = 20ms"}, offload="window = 256k", workers=2)
        for name in ("slow/f", "fast/f"):
            self.weir.put(name, self.data, mtime=1_600_000_000)
        self.weir.start()
        self.addCleanup(self.weir.stop)

    def parts(self, answer):
        boundary = re.search(r"boundary=(\S+)", answer["Content-Type"]).group(1).strip('"').encode()
        pieces = answer.body.split(b"\r\n--" + boundary)
        self.assertEqual(pieces[-1].strip(), b"--")
        self.assertEqual(pieces[0], b"")
        return [tuple(p.split(b"\r\n\r\n", 1)) for p in pieces[1:-1]]

    def test_whole_and_ranges(self):
        with Wire(self.weir.port, timeout=30) as w:
            self.assertEqual(w.ask("/slow/f").body, self.data)
            self.assertEqual(w.ask("/slow/f", "HEAD")["Content-Length"], str(len(self.data)))
            for first, last in ((0, 0), (1, 262144), (262143, 262145), (1_000_001, 2_222_222), (3_300_000, 3_300_000)):
                answer = w.ask("/slow/f", fields=[("Range", f"bytes={first}-{last}")])
                self.assertEqual(answer.status, 206)
                self.assertEqual(answer.body, self.data[first:last + 1])
            self.assertEqual(w.ask("/slow/f", fields=[("Range", "bytes=-777")]).body, self.data[-777:])
            self.assertEqual(w.ask("/hot").body, HOT)

    def test_multipart(self):
        ranges = [("Range", "bytes=0-9, 262140-600000, 3000000-")]
        with Wire(self.weir.port, timeout=30) as w:
            slow, fast = self.parts(w.ask("/slow/f", fields=ranges)), self.parts(w.ask("/fast/f", fields=ranges))
            self.assertEqual([b for _, b in slow], [self.data[:10], self.data[262140:600001], self.data[3000000:]])
            self.assertEqual(slow, fast)
            self.assertEqual(w.ask("/hot").body, HOT)

    def test_pipelined(self):
        with Wire(self.weir.port, timeout=30) as w:
            for path in ("/slow/f", "/hot", "/slow/f", "/hot"):
                w.request(path)
            for want in (self.data, HOT, self.data, HOT):
                self.assertEqual(w.response().body, want)

    def test_a_slow_reader(self):
        """Windows wait for the client as well as for the disk."""
        with Wire(self.weir.port, rcvbuf=4096, timeout=30) as w:
            w.request("/slow/f")
            wait_counter(self.weir, "windows_cold", lambda n: n >= 1)
            self.assertEqual(get(self.weir.port, "/hot").body, HOT)
            self.assertEqual(w.response().body, self.data)


class Sharing(Disk):
    def test_one_read_for_all_who_wait(self):
        weir = self.serve({"slow": "operations = read\ndelay = 1s"}, offload="window = 1m")
        data = os.urandom(200_000)
        weir.put("slow/f", data)
        with weir:
            wires = [Wire(weir.port, timeout=30) for _ in range(8)]
            for w in wires:
                w.request("/slow/f")
            for w in wires:
                self.assertEqual(w.response().body, data)
                w.close()
            self.assertGreaterEqual(counter(weir, "windows_shared"), 1)
            self.assertLess(counter(weir, "windows_cold"), 8)

    def test_one_of_them_leaves(self):
        weir = self.serve({"slow": "operations = read\ndelay = 2s"})
        data = os.urandom(200_000)
        weir.put("slow/f", data)
        with weir, Wire(weir.port, timeout=30) as stays:
            leaves = Wire(weir.port)
            leaves.request("/slow/f")
            wait_counter(weir, "offload_busy", lambda n: n >= 1)
            stays.request("/slow/f")
            wait_counter(weir, "requests_active", lambda n: n >= 2)
            leaves.reset()
            wait_counter(weir, "requests_active", lambda n: n == 1)
            self.assertEqual(stays.response().body, data)
            self.assertEqual(stays.ask("/hot").body, HOT)


class Cancelling(Disk):
    def test_a_client_that_leaves_drops_its_job(self):
        weir = self.serve({"slow": "operations = open\ndelay = 2s"}, "offload_threads = 1", "mount_share = 100")
        for name in ("a", "b", "c"):
            weir.put("slow/" + name, name)
        with weir, Wire(weir.port, timeout=30) as first:
            first.request("/slow/a")
            wait_counter(weir, "offload_busy", lambda n: n == 1)
            leavers = [Wire(weir.port) for _ in range(2)]
            for w, name in zip(leavers, "bc"):
                w.request("/slow/" + name)
            wait_counter(weir, "offload_queued", lambda n: n >= 2)
            for w in leavers:
                w.reset()
            wait_counter(weir, "offload_cancelled", lambda n: n >= 2)
            self.assertFalse(answered(first), "the first still waits")
            self.assertEqual(first.response().body, b"a")
            wait_counter(weir, "offload_busy", lambda n: n == 0)
            wait_counter(weir, "requests_waiting", lambda n: n == 0)
            self.assertEqual(get(weir.port, "/hot").body, HOT)
            wait_counter(weir, "connections", lambda n: n <= 1)

    def test_a_client_that_leaves_while_its_job_runs(self):
        weir = self.serve({"slow": "operations = open\ndelay = 1s"})
        weir.put("slow/a", "a")
        with weir:
            w = Wire(weir.port)
            w.request("/slow/a")
            wait_counter(weir, "offload_busy", lambda n: n == 1)
            w.reset()
            self.assertEqual(get(weir.port, "/hot").body, HOT)
            wait_counter(weir, "offload_busy", lambda n: n == 0)
            self.assertEqual(get(weir.port, "/slow/a", timeout=20).body, b"a")


class Errors(Disk):
    def test_open_that_fails(self):
        weir = self.serve({"bad": "operations = open\nerror = EIO"})
        weir.put("bad/f", b"x")
        with weir, Wire(weir.port) as w:
            for _ in range(3):
                self.assertIn(w.ask("/bad/f").status, (500, 503))
            self.assertEqual(w.ask("/hot").body, HOT)

    def test_open_that_says_no_such_file(self):
        weir = self.serve({"bad": "operations = open\nerror = ENOENT", "shut": "operations = open\nerror = EACCES"})
        weir.put("bad/f", b"x")
        weir.put("shut/f", b"x")
        with weir, Wire(weir.port) as w:
            self.assertEqual(w.ask("/bad/f").status, 404)
            self.assertEqual(w.ask("/shut/f").status, 403)

    def test_read_that_fails(self):
        """Either an error instead of the answer, or a connection that ends short of its length;
        never a whole answer, and never the next answer within this one's body."""
        for name, size in (("small", 1000), ("big", 3_000_000)):
            with self.subTest(name):
                weir = self.serve({"bad": "operations = read\nerror = EIO"})
                weir.put("bad/f", b"x" * size)
                with weir:
                    with Wire(weir.port) as w:
                        w.request("/bad/f")
                        w.request("/hot")
                        head, _, rest = self.until_end(w).partition(b"\r\n\r\n")
                    self.assertFalse(b"x" * 1000 in rest, "the file was sent")
                    if b" 200 " in head.split(b"\r\n")[0]:
                        self.assertFalse(HOT in rest, "another answer within the body")
                    else:
                        self.assertRegex(head.split(b"\r\n")[0], rb"HTTP/1.1 50[03] ")
                    self.assertEqual(get(weir.port, "/hot").body, HOT)

    @staticmethod
    def until_end(w):
        """What comes until the connection ends or the hot answer is there whole."""
        while HOT not in w.held:
            try:
                data = w.socket.recv(1 << 20)
            except ConnectionResetError:
                break
            if not data:
                break
            w.held += data
        return w.held


class Seen(Disk):
    """What waits for what can be read off while it waits."""

    def test_a_hang_names_file_call_and_duration(self):
        weir = self.serve({"hang": "operations = open\nhang = yes"}, "drain_timeout = 1s")
        weir.put("hang/me", b"x")
        with weir, Wire(weir.port) as w:
            w.request("/hang/me")
            wait_counter(weir, "offload_busy", lambda n: n == 1)
            thread = wait_until(lambda: next(iter(busy_threads(weir)), None), 5, "a thread at work")
            self.assertIn("hang/me", thread["path"])
            self.assertEqual(thread["doing"], "open")
            self.assertTrue(weir.root.startswith(thread["mount"]), thread["mount"])
            since = thread["since_ms"]
            wait_until(lambda: busy_threads(weir)[0]["since_ms"] > since, 5, "its age to grow")
            wait_counter(weir, "requests_waiting", lambda n: n == 1)
            stall = wait_until(lambda: next((s for s in weir.status()["stalls"] if "hang/me" in (s["path"] or "")), None),
                               10, "the stall to be listed")
            self.assertEqual(stall["thread"], "offload")
            self.assertEqual(stall["doing"], "open")
            self.assertFalse(stall["over"])
            self.assertGreater(stall["lasted_ms"], 0)
            text = weir.ctl("stalls").stdout
            self.assertRegex(text, r"open")
            self.assertIn("hang/me", text)
            self.assertNotIn("\x1b", text)
            row = next(m for m in weir.status()["mounts"] if m["running"] == 1)
            self.assertEqual(row["mount"], thread["mount"])
            self.assertIn(row["mount"], weir.ctl("mounts").stdout)
            self.assertIn(row["type"], weir.ctl("mounts").stdout)
            worker = weir.status()["workers"][0]
            self.assertIsNone(worker["stuck"], "the loop is not blocked: a thread is")
            self.assertEqual(get(weir.port, "/hot").body, HOT)

    def test_phases_in_the_json_log(self):
        weir = self.serve({"slow": "operations = open\ndelay = 700ms", "slowread": "operations = read\ndelay = 700ms"})
        weir.write_ini(open(weir.ini_path).read().replace("[log]\n", "[log]\nformat = json\nslow_request = 500ms\n"))
        weir.put("slow/f", b"x")
        weir.put("slowread/f", b"y" * 100_000)
        with weir:
            for path in ("/slow/f", "/slowread/f", "/hot", "/hot"):
                get(weir.port, path, timeout=20)
            lines = {}
            for line in weir.access_lines(4):
                one = json.loads(line)
                lines[one["target"]] = one
            cold, read, hot = lines["/slow/f"], lines["/slowread/f"], lines["/hot"]
            for one in (cold, read):
                self.assertTrue(one["cold"])
                self.assertGreaterEqual(one["duration_ms"], 650)
            self.assertFalse(hot["cold"])
            self.assertGreaterEqual(cold["offload_run_ms"], 650)
            self.assertGreaterEqual(cold["open_ms"], 650)
            self.assertGreaterEqual(cold["first_byte_ms"], 650)
            self.assertEqual(hot["offload_run_ms"], 0)
            wait_until(lambda: "SLOW" in kinds(weir), 5, "the event SLOW")
            wait_until(lambda: re.search(r"slow request.*/slow/f", weir.log()), 5, "the slow request in the log")

    def test_histograms_of_jobs(self):
        weir = self.serve({"slow": "operations = open\ndelay = 300ms"})
        weir.put("slow/f", b"x")
        with weir:
            get(weir.port, "/slow/f", timeout=20)
            times = wait_until(lambda: (lambda t: t if t["offload_run"]["count"] and t["offload_wait"]["count"] else None)(
                weir.status()["totals"]["times"]), 5, "a job in the histograms")
            self.assertGreaterEqual(times["offload_run"]["p99_ns"], 250_000_000)
            wait_counter(weir, "offload_jobs", lambda n: n >= 1)


class Waiting(Disk):
    """A wait that the pool calls well has an end all the same, and a burst of them is no reason to refuse."""

    def test_a_request_waits_no_longer_than_that(self):
        for operation in ("open", "read", "readdir"):
            with self.subTest(operation):
                weir = self.serve({"hang": f"operations = {operation}\nhang = yes"}, "drain_timeout = 1s",
                                  "deadline = 1h\nwait = 1s", location="listing = auto")
                weir.put("hang/f", b"x" * 100_000)
                path = "/hang/" if operation == "readdir" else "/hang/f"
                with weir, Wire(weir.port, timeout=30) as w:
                    left = Wire(weir.port)
                    left.request(path)
                    w.request(path)
                    wait_counter(weir, "requests_waiting", lambda n: n == 2)
                    left.close()  # by a FIN, which a client sends too that still waits
                    answer = w.response()
                    self.assertEqual(answer.status, 503)
                    self.assertIsNotNone(answer["Retry-After"])
                    self.assertEqual(w.ask("/hot").body, HOT)
                    wait_counter(weir, "requests_waiting", lambda n: n == 0)
                    wait_counter(weir, "connections", lambda n: n <= 1)
                    self.assertGreaterEqual(counter(weir, "timeouts"), 1)

    def test_a_burst_of_cold_requests_waits(self):
        """As after a reboot or a deploy: nobody is refused by a disk that is well."""
        weir = self.serve({"cold": "operations = open\ndelay = 1ms"}, "offload_threads = 8")
        for i in range(1500):
            weir.put(f"cold/{i}", b"%d" % i)
        with weir:
            wires = [Wire(weir.port, timeout=60) for _ in range(1500)]
            for i, w in enumerate(wires):
                w.request(f"/cold/{i}")
            for i, w in enumerate(wires):
                answer = w.response()
                self.assertEqual((answer.status, answer.body), (200, b"%d" % i))
                w.close()
            self.assertEqual(counter(weir, "offload_refused"), 0)


class NoThread(Disk):
    @staticmethod
    def ids(pid):
        with open(f"/proc/{pid}/status") as f:
            return [int(line.split()[1]) for line in f if line.startswith(("Uid:", "Gid:"))]

    def limit_tasks(self, pid, count):
        """How many tasks its user may have, for this process; what it was. Its own user may change that."""
        uid, gid = self.ids(pid)
        before = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setresgid(gid, gid, gid)
                    os.setresuid(uid, uid, uid)
                soft, hard = resource.prlimit(pid, resource.RLIMIT_NPROC)
                resource.prlimit(pid, resource.RLIMIT_NPROC, (count, hard))
                os.write(before[1], str(soft).encode())
            finally:
                os._exit(0)
        os.close(before[1])
        with os.fdopen(before[0]) as f:
            was = f.read()
        os.waitpid(child, 0)
        self.assertNotEqual(was, "", "the worker's limit could not be changed")
        return int(was)

    def test_it_is_said_and_tried_again(self):
        """A limit on tasks is used up: no thread can be started, and whoever looks is told so."""
        weir = self.serve({"cold": "operations = open\ndelay = 1ms"})
        weir.put("cold/f", b"cold")
        with weir:
            worker = weir.status()["workers"][0]["pid"]
            if self.ids(worker)[0] == 0:
                self.skipTest("the worker is root's, whom no limit on tasks holds")
            before = self.limit_tasks(worker, 0)
            for _ in range(3):
                self.assertEqual(get(weir.port, "/cold/f").status, 503)
            self.assertEqual(get(weir.port, "/hot").body, HOT)
            wait_counter(weir, "offload_refusing", lambda n: n == 1)
            checked = wait_until(lambda: (lambda c: c if c.returncode else None)(subprocess.run(
                [program("weirtop"), "-r", weir.runtime, "--check"], capture_output=True, text=True, timeout=60)),
                10, "a verdict that is not ok")
            self.assertEqual(checked.returncode, 2, checked.stdout)
            self.assertRegex(checked.stdout, r"cannot start offload threads")
            self.assertGreaterEqual(max(m["refused"] for m in weir.status()["mounts"]), 3)
            self.assertIn("LIMIT", kinds(weir))
            self.assertRegex(weir.log(), r"error .*cannot start an offload thread: .*there is none, so requests .* 503")
            self.assertNotIn("jobs wait for the 0", weir.log())
            self.limit_tasks(worker, before)
            wait_counter(weir, "offload_refusing", lambda n: n == 0)  # though nobody asks
            self.assertEqual(get(weir.port, "/cold/f").body, b"cold")
            self.assertRegex(weir.log(), r"offload threads can be started again")


class Resize(Disk):
    def test_offload_grows_and_shrinks_live(self):
        weir = self.serve({"slow": "operations = open\ndelay = 1s"}, "offload_threads = 1", "mount_share = 100",
                          workers=1)
        for i in range(12):
            weir.put(f"slow/{i}", b"%d" % i)
        with weir:
            self.assertEqual(counter(weir, "offload_threads_max"), 1)
            wires = [Wire(weir.port, timeout=60) for _ in range(12)]
            for i, w in enumerate(wires):
                w.request(f"/slow/{i}")
            wait_counter(weir, "offload_queued", lambda n: n >= 8)
            wait_counter(weir, "offload_busy", lambda n: n == 1)
            weir.ctl("offload", "6")
            wait_counter(weir, "offload_busy", lambda n: n >= 4)
            self.assertEqual(counter(weir, "offload_threads_max"), 6)
            self.assertEqual(weir.status()["offload_threads"], 6)
            self.assertTrue(weir.status()["offload_by_hand"])
            weir.ctl("offload", "2")
            wait_counter(weir, "offload_threads", lambda n: n <= 2)
            for i, w in enumerate(wires):
                self.assertEqual(w.response().body, b"%d" % i)
                w.close()
            self.assertIn("OFFLOAD", kinds(weir))
            for words in (["offload", "0"], ["offload", "x"], ["offload", "100000"], ["offload"]):
                self.assertNotEqual(weir.ctl(*words, check=False).returncode, 0, words)
            self.assertEqual(counter(weir, "offload_threads_max"), 2)

    def test_a_new_worker_has_the_number_set(self):
        weir = self.serve({}, workers=1)
        with weir:
            weir.ctl("offload", "5")
            wait_counter(weir, "offload_threads_max", lambda n: n == 5)
            weir.ctl("workers", "2")
            weir.wait_workers(2)
            wait_counter(weir, "offload_threads_max", lambda n: n == 10)


@unittest.skipUnless(ON_SHM, "/dev/shm is no other mount than /tmp")
class Mounts(Disk):
    """Two mounts: one that hangs, and the one that must not feel it."""

    def two(self, lines, **more):
        shm = self.shm()
        weir = self.serve({shm: lines} if lines else {}, "drain_timeout = 1s", more.pop("offload", "deadline = 1s\nprobe = 60s"),
                          more=f"[location /shm/]\nfiles = {shm}\n", **more)
        return weir, shm

    def test_sick_by_its_deadline(self):
        weir, shm = self.two("operations = open\nhang = yes")
        with weir:
            waits = Wire(weir.port, timeout=30)
            waits.request("/shm/f")
            wait_until(lambda: mount_state(weir, "/dev/shm") == "sick", 10, "the mount to be sick")
            for _ in range(20):
                answer = get(weir.port, "/shm/f")
                self.assertEqual(answer.status, 503)
                self.assertRegex(answer["Retry-After"], r"^[1-9][0-9]*$")
                self.assertEqual(get(weir.port, "/hot").body, HOT)
            wait_counter(weir, "offload_refused", lambda n: n >= 20)
            event = next(e for e in weir.status()["events"] if e["kind"] == "SICK")
            self.assertIn("/dev/shm", event["text"])
            self.assertRegex(weir.ctl("mounts").stdout, r"(?i)/dev/shm.*sick|sick.*/dev/shm")
            wait_counter(weir, "offload_stuck", lambda n: n >= 1)
            states = {m["mount"]: m["state"] for m in weir.status()["mounts"]}
            self.assertEqual([n for n, s in states.items() if s != "ok"], ["/dev/shm"])
            waits.close()
            begun = time.monotonic()
            weir.stop()
            self.assertLess(time.monotonic() - begun, 15 * PATIENCE)

    def test_unfenced_while_it_hangs(self):
        """An operator's word takes no protection away: 503 within the deadline, and sick again."""
        weir, shm = self.two("operations = open\nhang = yes")
        with weir:
            self.assertEqual(get(weir.port, "/shm/f", timeout=20).status, 503)
            for words in (["unfence"], ["fence", "unfence"]):
                for word in words:
                    weir.ctl(word, "/dev/shm")
                wait_until(lambda: mount_state(weir, "/dev/shm") == "ok", 5, "unfence")
                self.assertEqual(get(weir.port, "/shm/f", timeout=20).status, 503)
                wait_until(lambda: mount_state(weir, "/dev/shm") == "sick", 10, "the mount to be sick again")
            wait_counter(weir, "connections", lambda n: n == 0)
            row = next(m for m in weir.status()["mounts"] if m["mount"] == "/dev/shm")
            self.assertEqual(row["late"], row["running"])
            self.assertGreaterEqual(row["refused"], 3)

    def test_stuck_threads_do_not_count(self):
        """With every thread stuck in the sick mount, a cold file of another is still served."""
        weir, shm = self.two("operations = open\nhang = yes", offload="deadline = 1s\nprobe = 60s\nmount_share = 100")
        weir.server_lines += "\noffload_threads = 2"
        weir.more_ini += f"[fault {weir.root}/slow]\noperations = open\ndelay = 50ms\n"
        weir.write_ini()
        for i in range(4):
            weir.put(f"slow/{i}", b"cold")
            with open(f"{shm}/{i}", "wb") as f:
                f.write(b"shm")
        with weir:
            waits = [Wire(weir.port, timeout=30) for _ in range(4)]
            for i, w in enumerate(waits):
                w.request(f"/shm/{i}")
            wait_until(lambda: mount_state(weir, "/dev/shm") == "sick", 10, "the mount to be sick")
            for i in range(4):
                self.assertEqual(get(weir.port, f"/slow/{i}").body, b"cold")
            for w in waits:
                w.close()

    def test_buffers_are_shared_out_to_mounts(self):
        """A mount that does not answer holds its share of the buffers, never all of them: a cold file of
        another mount is read meanwhile."""
        weir, shm = self.two("operations = read\nhang = yes", offload="deadline = 60s\nbuffers = 4m")
        weir.more_ini += f"[fault {weir.root}/slow]\noperations = read\ndelay = 1ms\n"
        weir.write_ini()
        data = os.urandom(2_000_000)
        weir.put("slow/f", data)
        for i in range(20):
            with open(f"{shm}/{i}", "wb") as f:
                f.write(data)
        with weir:
            waits = [Wire(weir.port, timeout=30) for _ in range(20)]
            for i, w in enumerate(waits):
                w.request(f"/shm/{i}")
            wait_counter(weir, "requests_waiting", lambda n: n >= 20)
            self.assertEqual(get(weir.port, "/slow/f").body, data)
            for w in waits:
                w.close()

    def test_fence_and_unfence(self):
        weir, shm = self.two("")
        with weir:
            self.assertEqual(get(weir.port, "/shm/f").body, b"shm")
            weir.ctl("fence", shm)
            wait_until(lambda: get(weir.port, "/shm/f").status == 503, 5, "the fence")
            self.assertEqual(kinds(weir).count("FENCED"), 1)
            self.assertIsNotNone(get(weir.port, "/shm/f")["Retry-After"])
            self.assertEqual(mount_state(weir, "/dev/shm"), "fenced")
            self.assertEqual(get(weir.port, "/hot").body, HOT)
            self.assertIn("FENCED", kinds(weir))
            weir.ctl("unfence", shm)
            wait_until(lambda: get(weir.port, "/shm/f").status == 200, 5, "the fence to go")
            self.assertEqual(mount_state(weir, "/dev/shm"), "ok")
            self.assertEqual(kinds(weir).count("HEALED"), 1)
            done = weir.ctl("fence", "/no/such/path", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("/no/such/path", done.stderr + done.stdout)

    def test_a_fence_holds_in_a_new_worker(self):
        weir, shm = self.two("")
        with weir:
            get(weir.port, "/shm/f")
            weir.ctl("fence", shm)
            wait_until(lambda: get(weir.port, "/shm/f").status == 503, 5, "the fence")
            weir.ctl("restart", "1")
            weir.wait_workers(1)
            for _ in range(5):
                self.assertEqual(get(weir.port, "/shm/f").status, 503)
            weir.ctl("unfence", shm)
            wait_until(lambda: get(weir.port, "/shm/f").status == 200, 5, "the fence to go")

    def test_a_full_queue_is_refused(self):
        weir, shm = self.two("operations = open\ndelay = 2s", offload="deadline = 60s\nqueue = 2\nmount_share = 100")
        weir.server_lines += "\noffload_threads = 1"
        weir.write_ini()
        for i in range(8):
            with open(f"{shm}/{i}", "wb") as f:
                f.write(b"shm")
        with weir:
            wires = [Wire(weir.port, timeout=30) for _ in range(8)]
            for i, w in enumerate(wires):
                w.request(f"/shm/{i}")
            wait_counter(weir, "offload_refused", lambda n: n >= 1)
            answers = [w.response() for w in wires]
            for w in wires:
                w.close()
            self.assertEqual({a.status for a in answers}, {200, 503})
            for a in answers:
                if a.status == 503:
                    self.assertIsNotNone(a["Retry-After"])


if __name__ == "__main__":
    main()
