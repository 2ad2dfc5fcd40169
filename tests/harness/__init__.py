# SPDX-License-Identifier: BSD-2-Clause
"""What the end-to-end tests stand on: a spawn guard for the real server (server.py), bytes
on a socket (wire.py), a keep-alive load that notices every lost answer (load.py), terminals as
screens (screen.py) and as bytes (terminal.py), the dashboard on them (dashboard.py), rehearsed
slow disks (disk.py) and real ones (slowfs.py), and the TAP reporter (tap.py). Python's standard
library alone."""

from .server import Weir, run_weir, free_port, program, deadline, wait_until
from .wire import Wire, Response, get
from .tap import main, skip_without

__all__ = ["Weir", "run_weir", "free_port", "program", "deadline", "wait_until", "Wire",
           "Response", "get", "main", "skip_without"]
