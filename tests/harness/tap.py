# SPDX-License-Identifier: BSD-2-Clause
"""Runs the unittest cases of the calling script and reports in TAP, which make check counts
one by one. A script that runs out of its time ends with a traceback of every thread."""

import faulthandler
import shutil
import sys
import time
import traceback
import unittest

SCRIPT_SECONDS = 170


def skip_without(*programs):
    """Skips a test when a program it drives is not installed."""
    missing = [p for p in programs if shutil.which(p) is None]
    return unittest.skipIf(missing, "not installed: " + ", ".join(missing))


def _quote(text):
    return "\n".join("# " + line for line in text.rstrip().split("\n"))


class _TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0
        self.failed = False

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def _line(self, good, test, extra=""):
        self.number += 1
        name = str(test).split(" ")[0]
        seconds = time.monotonic() - getattr(self, "started", time.monotonic())
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}{extra}")
        print(f"# {seconds:.2f} s", flush=True)

    def addSuccess(self, test):
        self._line(True, test)

    def addSkip(self, test, reason):
        self._line(True, test, f" # SKIP {reason}")

    def _bad(self, test, err):
        self.failed = True
        self._line(False, test)
        print(_quote("".join(traceback.format_exception(*err))), flush=True)

    addError = addFailure = _bad

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._bad(subtest, err)


def main():
    faulthandler.dump_traceback_later(SCRIPT_SECONDS, exit=True)
    loader = unittest.defaultTestLoader
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    module = sys.modules["__main__"]
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    if suite.countTestCases() == 0:
        print("not ok 1 - no test found")
        print("1..1")
        sys.exit(1)
    result = _TapResult()
    suite.run(result)
    print(f"1..{result.number}")
    sys.exit(1 if result.failed else 0)
