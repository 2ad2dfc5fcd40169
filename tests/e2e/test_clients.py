# SPDX-License-Identifier: BSD-2-Clause
"""Real clients against the real server: curl, wget, aria2c, git over dumb HTTP, apt-get from a
repository it serves, ab."""

import filecmp
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import Weir, main
from harness.tap import skip_without

CLEAN = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
CLEAN.update(LC_ALL="C", HOME="/nonexistent", no_proxy="*", GIT_CONFIG_NOSYSTEM="1")


def run(*args, cwd=None, check=True, timeout=100):
    done = subprocess.run(args, capture_output=True, cwd=cwd, env=CLEAN, timeout=timeout)
    if check and done.returncode != 0:
        raise AssertionError(f"{args}: {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}")
    return done


def same_tree(a, b):
    c = filecmp.dircmp(a, b, ignore=[])
    bad = c.left_only + c.right_only + filecmp.cmpfiles(a, b, c.common_files, shallow=False)[1]
    for name in c.common_dirs:
        bad += same_tree(os.path.join(a, name), os.path.join(b, name))
    return bad


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.weir = Weir(workers=2, location="listing = html")
        cls.data = os.urandom(10_000_000)
        cls.weir.put("big.bin", cls.data)
        cls.weir.put("tree/a.txt", "a")
        cls.weir.put("tree/deep/er/b c#?.txt", "b")
        cls.weir.put("tree/deep/ü.txt", "c")
        cls.weir.start()

    @classmethod
    def tearDownClass(cls):
        cls.weir.stop()

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder)

    @skip_without("curl")
    def test_curl(self):
        url, out = self.weir.url("/big.bin"), self.folder + "/out"
        got = run("curl", "-sSf", "-r", "100-199,500-", url).stdout
        self.assertIn(self.data[100:200], got)
        with open(out, "wb") as f:
            f.write(self.data[:3_333_333])
        run("curl", "-sSf", "-C", "-", "-o", out, url)
        self.assertEqual(open(out, "rb").read(), self.data)
        run("curl", "-sSf", "--parallel", "--parallel-max", "8",
            *[w for i in range(8) for w in ("-o", f"{self.folder}/p{i}", url)])
        for i in range(8):
            self.assertEqual(open(f"{self.folder}/p{i}", "rb").read(), self.data)
        run("curl", "-sSf", "-z", out, "-o", self.folder + "/none", url)
        run("curl", "-sSf", "--path-as-is", "-o", self.folder + "/x", self.weir.url("/tree/../big.bin"))

    @skip_without("wget")
    def test_wget_mirror(self):
        run("wget", "-q", "--mirror", "-np", "-nH", "-R", "index.html*", "--restrict-file-names=nocontrol",
            "--local-encoding=UTF-8", self.weir.url("/tree/"), cwd=self.folder)
        self.assertEqual(same_tree(self.weir.root + "/tree", self.folder + "/tree"), [])

    @skip_without("aria2c")
    def test_aria2c(self):
        run("aria2c", "-q", "-x", "8", "-s", "8", "-k", "1M", "--no-conf", "-d", self.folder, "-o", "out",
            self.weir.url("/big.bin"))
        self.assertEqual(open(self.folder + "/out", "rb").read(), self.data)

    @skip_without("git")
    def test_git_clone_over_dumb_http(self):
        work, bare = self.folder + "/work", self.weir.root + "/repo.git"
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main",
               "-c", "safe.directory=*"]
        run(*git, "init", "-q", work)
        for i in range(30):
            with open(f"{work}/f{i}", "w") as f:
                f.write(str(i) * 1000)
            run(*git, "-C", work, "add", ".")
            run(*git, "-C", work, "commit", "-qm", f"c{i}")
        run(*git, "clone", "-q", "--bare", work, bare)
        run(*git, "-C", bare, "update-server-info")
        run(*git, "clone", "-q", self.weir.url("/repo.git"), self.folder + "/clone")
        head = lambda d: run(*git, "-C", d, "rev-parse", "HEAD").stdout
        self.assertEqual(head(work), head(self.folder + "/clone"))

    @skip_without("apt-get", "dpkg-deb", "apt-ftparchive")
    def test_apt_get(self):
        repo, pkg = self.weir.root + "/apt", self.folder + "/pkg"
        os.makedirs(repo)
        os.makedirs(pkg + "/DEBIAN")
        os.makedirs(pkg + "/usr/share/weir-test")
        with open(pkg + "/DEBIAN/control", "w") as f:
            f.write("Package: weir-test\nVersion: 1.0\nArchitecture: all\nMaintainer: t <t@example.org>\n"
                    "Description: a package for the test\n")
        with open(pkg + "/usr/share/weir-test/data", "wb") as f:
            f.write(os.urandom(2_000_000))
        run("dpkg-deb", "--root-owner-group", "-b", pkg, repo + "/weir-test_1.0_all.deb")
        packages = run("apt-ftparchive", "packages", ".", cwd=repo).stdout
        with open(repo + "/Packages.gz", "wb") as f:
            f.write(gzip.compress(packages))
        with open(repo + "/Packages", "wb") as f:
            f.write(packages)
        with open(repo + "/Release", "wb") as f:
            f.write(run("apt-ftparchive", "release", ".", cwd=repo).stdout)
        state = self.folder + "/apt"
        for name in ("lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/apt.conf.d"):
            os.makedirs(f"{state}/{name}")
        with open(state + "/sources.list", "w") as f:
            f.write(f"deb [trusted=yes] {self.weir.url('/apt')} ./\n")
        open(state + "/status", "w").close()
        with open(state + "/apt.conf", "w") as f:
            f.write("".join(f'{k} "{v}";\n' for k, v in {
                "Dir::Etc::sourcelist": state + "/sources.list", "Dir::Etc::sourceparts": "-",
                "Dir::Etc::parts": state + "/etc/apt.conf.d", "Dir::Etc::main": "-",
                "Dir::State::lists": state + "/lists", "Dir::Cache": state + "/cache",
                "Dir::State::status": state + "/status", "APT::Sandbox::User": "root",
                "Acquire::Languages": "none", "Acquire::http::Proxy": "DIRECT",
                "APT::Get::List-Cleanup": "0"}.items()))
        CLEAN["APT_CONFIG"] = state + "/apt.conf"
        for _ in range(2):
            run("apt-get", "update")
        run("apt-get", "download", "weir-test", cwd=self.folder)
        digest = lambda p: hashlib.sha256(open(p, "rb").read()).hexdigest()
        self.assertEqual(digest(self.folder + "/weir-test_1.0_all.deb"), digest(repo + "/weir-test_1.0_all.deb"))

    @skip_without("ab")
    def test_ab(self):
        for extra in ([], ["-k"]):
            out = run("ab", "-q", "-n", "1000", "-c", "100", *extra, self.weir.url("/big.bin"), timeout=150).stdout.decode()
            self.assertRegex(out, r"Complete requests: +1000\n")
            self.assertRegex(out, r"Failed requests: +0\n")
            self.assertNotIn("Non-2xx", out)
            self.assertEqual(int(re.search(r"HTML transferred: +(\d+)", out).group(1)), 1000 * len(self.data))


if __name__ == "__main__":
    main()
