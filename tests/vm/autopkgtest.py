#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's autopkgtest installs the packages in the guest, and runs their test, debian/tests. Needs --system autopkgtest."""

import pathlib
import shutil
import sys
import tempfile

import buildroot
import options
import systems
from guest import Guest
from tap import Tap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "package"))
import debian  # noqa: E402

# The image leaves manual pages out.
SETUP = "mkdir -p /etc/dpkg/dpkg.cfg.d && echo 'path-include=/usr/share/man/*' > /etc/dpkg/dpkg.cfg.d/zz-man"
COMMAND = "cd /root && autopkgtest --output-dir=/tmp/autopkgtest --no-built-binaries debs/*.deb source/ -- null"


def run(tap, work):
    tree = work / "tree"
    (tree / "root/debs").mkdir(parents=True)
    shutil.copytree(debian.ROOT / "debian", tree / "root/source/debian")
    for path in debian.packages(buildroot.build(systems.chosen()[0], work / "work")).values():
        shutil.copy2(path, tree / "root/debs" / path.name)
    with Guest("story", destdir=str(tree)) as guest:
        tap.watch(guest)
        guest.boot()
        tap.note(f"booted in {guest.boot_seconds:.1f} s")
        guest.check_run(SETUP)
        status, output = guest.run(COMMAND, 900)
        tap.check("autopkgtest passes", status == 0, output)
        tap.check("the test has run", any(line.split()[:2] == ["smoke", "PASS"] for line in output.splitlines()), output)
        guest.check_run("systemctl mask --runtime --now vfiod.service")
        status, output = guest.run(COMMAND, 900)
        tap.equal("autopkgtest fails if the service cannot start", status & 4, 4)


def main():
    options.parser(__doc__).parse_args()
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="vfiod-package-") as work:
        tap.run("autopkgtest", run, tap, pathlib.Path(work))
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
