# SPDX-License-Identifier: BSD-2-Clause
"""What a request costs, counted and not timed: system calls of a worker (strace attached to it) and
instructions (callgrind: a run of N requests, and one of 3 N; what is the same in both cancels out).
The bounds leave room; they are there for the change that doubles a cost, not for one that adds a
percent. What depends on the machine (no tracing allowed, a tool missing, a build that is not
optimised) skips with its reason."""

import os
import re
import shutil
import signal
import subprocess
import unittest

from harness import Weir, Wire, main, program, skip_without, wait_until
from harness.disk import cannot_say
from harness.server import BUILD, PATIENCE, is_sanitized

# At most so many system calls for each request, of all threads of the worker together. What it does
# besides (its timers, the access log) is in it: a few calls in all.
CALLS = {
    "keep-alive 4 KiB": 3.5,
    "pipelined 4 KiB": 1.5,  # 16 deep
    "file of 1 MiB": 8.0,    # the client reads at once, in large pieces
    "file of 10 MiB": 80.0,   # as large as the client's pieces are small; few of them ask what is in memory
    "range of 1 KiB": 5.5,   # epoll_wait, recv, statx, preadv2, send: a file that is not copied into the cache as
                             # a whole is looked at before each head, so that no answer joins it as it was and as it
                             # is after a change in place; a short piece is read and sent with its head
    "30 ranges of 1 byte": 40.0,  # one for each that lies alone
    "404": 3.5,
    "304": 3.5,
    "new connection": 6.5,  # accept4, recv, send, epoll_ctl, recv of the end, close; getsockopt of one in eight
    "new connection, in vain": 5.5,  # a request that comes apart from its connection: epoll_wait 3, accept4 1, recv 1
    "not cached 4 KiB": 9.2,  # a file known to be one, its attributes, contents, attributes; closed
}
# At most so many instructions for each request of an optimised build, all of user space.
INSTRUCTIONS = {
    "keep-alive 4 KiB": 7250,
}

REQUESTS = 200
DEPTH = 16
COUNTED = 400  # requests of the short run under callgrind; the long one has three times as many
CALL = re.compile(r"^\d+ +([a-z_0-9]+)\(")


def not_optimised():
    """Why instructions of this build say nothing; None when they do."""
    if is_sanitized("weir"):
        return "a build with sanitizers"
    with open(os.path.join(BUILD, "Makefile")) as f:
        flags = re.search(r"^CFLAGS = (.*)$", f.read(), re.M)
    return None if flags and re.search(r"-O[23]", flags.group(1)) else "a build without -O2"


class Tracer:
    """strace on a process and its threads; use as a context manager."""

    def __init__(self, pid, folder):
        self.pid, self.path = pid, os.path.join(folder, "calls")

    def __enter__(self):
        self.process = subprocess.Popen(["strace", "-f", "-o", self.path, "-p", str(self.pid)], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        first = self.process.stderr.readline()
        if "attached" not in first:
            self.process.kill()
            self.process.wait()
            self.process.stderr.close()
            raise unittest.SkipTest(f"strace: {first.strip()}")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)  # it lets go of the process
        try:
            self.process.communicate(timeout=20 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise

    def calls(self):
        """How often each was made, as {name: count}."""
        counts = {}
        with open(self.path, errors="replace") as f:
            for line in f:
                m = CALL.match(line)
                if m:
                    counts[m.group(1)] = counts.get(m.group(1), 0) + 1
        return counts

    def in_vain(self):
        """How many calls waited or found nothing: it depends on how client and server are scheduled."""
        with open(self.path, errors="replace") as f:
            return sum("= -1 EAGAIN" in line or CALL.match(line) is not None and "epoll_wait(" in line for line in f)


@skip_without("strace")
class SystemCalls(unittest.TestCase):
    def setUp(self):
        self.weir = Weir(workers=1)
        self.weir.put("4k", os.urandom(4096))
        self.weir.put("1m", os.urandom(1 << 20))
        self.weir.start()
        self.addCleanup(shutil.rmtree, self.weir.folder, ignore_errors=True)
        self.addCleanup(self.weir.stop)

    def count(self, name, script, requests=REQUESTS, vain_apart=False):
        """Runs script(requests) once before, so that what is asked is cached, and once counted."""
        script(2 * DEPTH)
        with Tracer(self.weir.worker_pids()[0], self.weir.folder) as tracer:
            script(requests)
        calls = tracer.calls()
        text = ", ".join(f"{k} {v / requests:.2f}" for k, v in sorted(calls.items(), key=lambda i: -i[1])[:8])
        total = sum(calls.values()) / requests
        vain = tracer.in_vain() / requests if vain_apart else 0
        print(f"# {name}: {total:.2f} system calls a request: {text}")
        # Each takes one at least, or nothing has been counted.
        self.assertGreaterEqual(sum(calls.values()), requests / DEPTH)
        if vain_apart:
            print(f"# {name}: {vain:.2f} of them in vain")
            self.assertLessEqual(vain, CALLS[name + ", in vain"], f"system calls a request: {text}")
        self.assertLessEqual(total - vain, CALLS[name], f"system calls a request: {text}")
        return calls

    def keep_alive(self, path, status=200, fields=()):
        def script(requests):
            with Wire(self.weir.port) as w:
                for _ in range(requests):
                    self.assertEqual(w.ask(path, fields=fields).status, status)
        return script

    def test_keep_alive(self):
        self.count("keep-alive 4 KiB", self.keep_alive("/4k"))

    def test_file(self):
        self.count("file of 1 MiB", self.keep_alive("/1m"), 50)

    def test_large_file(self):
        if cannot_say():
            self.skipTest(cannot_say())
        self.weir.put("10m", os.urandom(10 << 20))
        calls = self.count("file of 10 MiB", self.keep_alive("/10m"), 40)
        # Twenty windows, each asked about once a second at most, whoever downloads it.
        self.assertLessEqual(calls.get("preadv2", 0) / 40, 20)

    def test_range(self):
        self.count("range of 1 KiB", self.keep_alive("/1m", 206, [("Range", "bytes=500000-501023")]))

    def test_tiny_ranges(self):
        parts = ",".join(f"{i * 30000}-{i * 30000}" for i in range(30))
        self.count("30 ranges of 1 byte", self.keep_alive("/1m", 206, [("Range", "bytes=" + parts)]))

    def test_not_found(self):
        calls = self.count("404", self.keep_alive("/none", 404))
        self.assertLess(calls.get("sendmsg", 0), REQUESTS / 10, "head and body are one piece")

    def test_not_modified(self):
        with Wire(self.weir.port) as w:
            etag = w.ask("/4k")["ETag"]
        self.count("304", self.keep_alive("/4k", 304, [("If-None-Match", etag)]))

    def test_pipelined(self):
        def script(requests):
            one = b"GET /4k HTTP/1.1\r\nHost: test\r\n\r\n"
            with Wire(self.weir.port) as w:
                for _ in range(requests // DEPTH):
                    w.send(one * DEPTH)
                    for _ in range(DEPTH):
                        self.assertEqual(w.response().status, 200)

        self.count("pipelined 4 KiB", script, REQUESTS // DEPTH * DEPTH)

    def test_not_cached(self):
        """More files than the cache has room for, in memory all of them."""
        if cannot_say():
            self.skipTest(cannot_say())
        names = [self.weir.put(f"many/{i}", os.urandom(4096)) and f"/many/{i}" for i in range(50)]
        self.weir.more_ini += "\n[cache]\nentries = 10\n"
        self.weir.write_ini()
        self.weir.ctl("reload")

        def script(requests):
            with Wire(self.weir.port) as w:
                for i in range(requests):
                    self.assertEqual(w.ask(names[i % len(names)]).status, 200)

        script(len(names))
        self.count("not cached 4 KiB", script)

    def test_new_connection(self):
        def script(requests):
            for _ in range(requests):
                with Wire(self.weir.port) as w:
                    self.assertEqual(w.ask("/4k").status, 200)

        self.count("new connection", script, vain_apart=True)


@skip_without("valgrind")
class Instructions(unittest.TestCase):
    def setUp(self):
        why = not_optimised()
        if why:
            self.skipTest(why)

    def start(self):
        weir = Weir(workers=1, allow="valgrind|==")
        weir.wrapper = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={weir.folder}/out.%p"]
        weir.put("4k", os.urandom(4096))
        # A worker run as somebody else writes its counts there at its end.
        os.chmod(weir.folder, 0o777)
        self.addCleanup(shutil.rmtree, weir.folder, ignore_errors=True)
        self.addCleanup(weir.stop, check=False)
        return weir.start()

    def total(self, weir, requests):
        """Instructions of the worker, from its start to its end."""
        pid = weir.worker_pids()[0]
        with Wire(weir.port) as w:
            for _ in range(requests):
                self.assertEqual(w.ask("/4k").status, 200)
        path = os.path.join(weir.folder, f"out.{pid}")
        os.kill(weir.process.pid, signal.SIGTERM)
        weir.process.wait(20 * PATIENCE)
        wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 0, 5, "the counts of callgrind")
        with open(path) as f:
            found = re.findall(r"^(?:summary|totals): (\d+)", f.read(), re.M)
        self.assertTrue(found, "no counts in callgrind's file")
        return int(found[-1])

    def test_keep_alive(self):
        name = "keep-alive 4 KiB"
        short, long = self.total(self.start(), COUNTED), self.total(self.start(), 3 * COUNTED)
        each = (long - short) / (2 * COUNTED)
        print(f"# {name}: {each:.0f} instructions a request")
        self.assertGreater(each, 500, "fewer than any request can take: nothing was counted")
        self.assertLessEqual(each, INSTRUCTIONS[name])


if __name__ == "__main__":
    main()
