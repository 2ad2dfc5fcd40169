# SPDX-License-Identifier: BSD-2-Clause
"""Files on a file system that cannot say what is in memory (overlayfs, as in containers): they are
served without waiting on the loop, what a thread read a moment ago is sent by sendfile(2), and the log
and `weirctl mounts` say why threads are at work. Where the temporary folder is not on such a file
system one is mounted, which takes root."""

import os
import shutil
import subprocess
import tempfile
import unittest

from harness import Weir, Wire, get, main
from harness.disk import cannot_say, counter

MESSAGE = "cannot say what is in memory"
FILE_BYTES = 3 << 20
REQUESTS = 60


class Overlay(unittest.TestCase):
    def folder(self):
        base = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        os.chmod(base, 0o755)
        if cannot_say(base):
            return base
        if os.geteuid() != 0:
            self.skipTest("mounting an overlayfs takes root")
        for name in ("lower", "upper", "work", "merged"):
            os.mkdir(f"{base}/{name}", 0o755)
        done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                               f"lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work", f"{base}/merged"],
                              capture_output=True, text=True, timeout=20)
        if done.returncode != 0:
            self.skipTest(f"no overlayfs: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", f"{base}/merged"], timeout=20)
        if not cannot_say(f"{base}/merged"):
            self.skipTest("this kernel's overlayfs can say what is in memory")
        return f"{base}/merged"

    def serve(self, workers=1):
        weir = Weir(workers=workers)
        weir.root = self.folder()
        weir.write_ini()
        self.addCleanup(shutil.rmtree, weir.folder, ignore_errors=True)
        self.addCleanup(weir.stop)
        return weir.start()

    def test_hot_files_are_not_read_again_and_again(self):
        weir = self.serve()
        data = os.urandom(FILE_BYTES)
        weir.put("large", data)
        with Wire(weir.port) as w:
            for _ in range(REQUESTS):
                self.assertEqual(w.ask("/large").body, data)
                self.assertEqual(w.ask("/large", fields=[("Range", "bytes=1000000-1000099")]).body,
                                 data[1000000:1000100])
        by_threads, hot = counter(weir, "windows_cold"), counter(weir, "windows_hot")
        # Once a second each window, whoever asks; all of them each time is what it was.
        self.assertGreater(hot, 4 * by_threads)
        self.assertGreater(counter(weir, "sendfile_bytes"), REQUESTS * FILE_BYTES // 2)

    def test_it_is_told_once(self):
        weir = self.serve(workers=2)
        for i in range(3):
            weir.put(f"small{i}", b"s" * 3000)
            weir.put(f"large{i}", b"l" * 100_000)
        for _ in range(10):
            for i in range(3):
                self.assertEqual(get(weir.port, f"/small{i}").body, b"s" * 3000)
                self.assertEqual(get(weir.port, f"/large{i}").body, b"l" * 100_000)
        told = [line for line in weir.log().splitlines() if MESSAGE in line]
        self.assertEqual(len(told), 1, told)
        self.assertIn(MESSAGE, weir.ctl("mounts").stdout)


if __name__ == "__main__":
    main()
