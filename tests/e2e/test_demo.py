# SPDX-License-Identifier: BSD-2-Clause
"""etc/demo, without a screen: what a newcomer is to see is there, and nothing is left behind."""

import glob
import os
import signal
import subprocess
import sys
import tempfile
import unittest

from harness import main, wait_until
from harness.disk import cannot_say
from harness.server import BUILD, PATIENCE, SRC


class Demo(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory(prefix="weir-test-", dir="/tmp")
        os.chmod(self.tmp.name, 0o755)
        self.addCleanup(self.tmp.cleanup)

    def start(self, *args):
        env = dict(os.environ, WEIR_BUILD=BUILD, TMPDIR=self.tmp.name)
        process = subprocess.Popen([sys.executable, os.path.join(SRC, "etc/demo"), *args], env=env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def servers(self):
        """Processes whose command line names a folder of this test."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as f:
                    if self.tmp.name.encode() in f.read():
                        found.append(path)
            except OSError:
                pass
        return found

    def elsewhere(self, process):
        """Its folders on another mount."""
        return glob.glob(f"/dev/shm/weir-demo-{process.pid}-*")

    def expect_nothing_left(self, process):
        wait_until(lambda: not self.servers(), 10, "the server to end")
        self.assertEqual(os.listdir(self.tmp.name), [])
        self.assertEqual(self.elsewhere(process), [])

    def test_what_there_is_to_see(self):
        process = self.start("--headless", "3")
        text, _ = process.communicate(timeout=120 * PATIENCE)
        self.assertEqual(process.returncode, 0, text)
        self.assertIn("workers 4/4", text)
        self.assertIn("FAULT rules in force", text)
        self.assertRegex(text, r"100% .*/cold/photo-\d+\.jpg")
        if not cannot_say():
            self.assertRegex(text, r" 0% .*/pub/page-\d+\.html")
        self.assertRegex(text, r"\d+ x 200, \d+ x 404")
        if os.stat("/dev/shm").st_dev != os.stat("/tmp").st_dev:
            self.assertRegex(text, r"(?i)sick .*/dev/shm")
        self.expect_nothing_left(process)

    def test_it_cleans_up_when_told_to_end(self):
        process = self.start("--headless", "60")
        wait_until(self.servers, 20, "the server to start")
        if os.stat("/dev/shm").st_dev != os.stat("/tmp").st_dev:
            self.assertEqual(len(self.elsewhere(process)), 1)
        process.send_signal(signal.SIGTERM)
        process.wait(60 * PATIENCE)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.expect_nothing_left(process)


if __name__ == "__main__":
    main()
