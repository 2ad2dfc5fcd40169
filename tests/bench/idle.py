#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What an idle keep-alive connection costs: opens N connections to one worker, has each
answered once, and prints the worker's proportional set size before and after, per connection.
Kernel memory of the sockets is not in it. Loads 127.0.0.1 only."""

import os
import resource
import sys

sys.path.insert(0, os.path.join(os.environ.get("WEIR_SRC", "."), "tests"))
from harness import Weir, Wire  # noqa: E402


def pss_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    raise SystemExit("no Pss in smaps_rollup")


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 1000), hard))
    weir = Weir(workers=1, ini=f"[limits]\nconnections = {count + 100}\nidle_timeout = 10m\n")
    weir.put("f", b"x" * 100)
    with weir:
        pid = weir.worker_pids()[0]
        for _ in range(10):
            with Wire(weir.port) as w:
                w.ask("/f")
        before = pss_bytes(pid)
        held = []
        for _ in range(count):
            w = Wire(weir.port)
            w.ask("/f")
            held.append(w)
        after = pss_bytes(pid)
        idle = weir.status()["totals"]["counters"]["connections_idle"]
        print(f"{idle} idle connections: PSS {before // 1024} KiB -> {after // 1024} KiB, "
              f"{(after - before) / count:.0f} bytes each")
        for w in held:
            w.close()


if __name__ == "__main__":
    main()
