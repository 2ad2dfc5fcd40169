# SPDX-License-Identifier: BSD-2-Clause
"""The loads that bench.py puts on a server: wrk for keep-alive connections where it is installed,
closedloop (closedloop.c) for what wrk cannot do and in its place where it is not, ab (Apache) for
the row that is named after it. Each gives a Result, is bounded in time and runs on one CPU."""

import collections
import http.client
import json
import os
import re
import shutil
import subprocess

import peers

Result = collections.namedtuple("Result", "answers bytes seconds")

WRK_DONE = """
done = function(summary)
  local e = summary.errors
  io.write(string.format('\\nJSON {"answers": %d, "bytes": %d, "seconds": %.6f, "status": %d, "lost": %d}\\n',
    summary.requests, summary.bytes, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout))
end
"""
WRK_PIPELINE = """
init = function()
  local r = {}
  for i = 1, DEPTH do r[i] = wrk.format() end
  all = table.concat(r)
end
request = function() return all end
"""


class Failed(Exception):
    """This server cannot do this row; the text says why."""


def _run(words, cpu, seconds):
    try:
        done = subprocess.run(["taskset", "-c", str(cpu), *map(str, words)], capture_output=True, text=True,
                              timeout=seconds + 30)
    except subprocess.TimeoutExpired:
        raise Failed(f"{words[0]} takes more than {seconds + 30:.0f} s") from None
    if done.returncode != 0:
        raise Failed(f"{words[0]}: {(done.stderr or done.stdout).strip()[-200:]}")
    return done.stdout


def wrk(port, path, folder, cpu, seconds, connections=64, depth=1, status=200, fields=()):
    script = os.path.join(folder, f"wrk-{depth}.lua")
    with open(script, "w") as f:
        f.write(WRK_DONE + (WRK_PIPELINE.replace("DEPTH", str(depth)) if depth > 1 else ""))
    words = ["wrk", "-t1", "-c", connections, "-d", f"{seconds}s", "--timeout", "600s", "-s", script]
    for field in fields:
        words += ["-H", field]
    out = _run([*words, f"http://127.0.0.1:{port}{path}"], cpu, seconds)
    got = json.loads(out[out.index("JSON ") + 5:])
    if got["lost"] or got["status"] != (got["answers"] if status >= 400 else 0):
        raise Failed(f"wrk: {got['lost']} errors, {got['status']} bad answers")
    return Result(got["answers"], got["bytes"], got["seconds"])


def closedloop(port, path, cpu, seconds, connections=64, depth=1, status=200, fields=(), mode="keep", files=0, requests=0):
    words = [os.path.join(peers.BUILD, "tests/bench/closedloop"), "-m", mode, "-c", connections, "-s", seconds, "-p", depth,
             "-f", files, "-n", requests, "-e", status]
    for field in fields:
        words += ["-H", field]
    got = json.loads(_run([*words, port, path], cpu, seconds))
    if got["lost"] or got["other_status"]:
        raise Failed(f"{got['lost']} answers lost, {got['other_status']} of another status")
    return Result(got["answers"], got["bytes"], got["seconds"])


def ab(port, path, cpu, requests, connections=100, seconds=150):
    out = _run(["ab", "-q", "-s", seconds, "-n", requests, "-c", connections, f"http://127.0.0.1:{port}{path}"], cpu, seconds)

    def number(what):
        m = re.search(rf"{what}: +([\d.]+)", out)
        return float(m.group(1)) if m else 0

    if number("Failed requests") or number("Non-2xx responses") or number("Complete requests") != requests:
        raise Failed(f"ab: {number('Failed requests'):.0f} failed, {number('Complete requests'):.0f} complete")
    return Result(requests, number("Total transferred"), number("Time taken for tests"))


def missing():
    """What of it is not installed, with the package."""
    packages = {"wrk": "wrk", "ab": "apache2-utils", "taskset": "util-linux"}
    return {name: package for name, package in packages.items() if not shutil.which(name)}


def get(port, path, fields=()):
    """One answer: status, fields, body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=dict(f.split(": ", 1) for f in fields))
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    except (OSError, http.client.HTTPException) as e:
        raise Failed(repr(e)) from None
    finally:
        connection.close()
