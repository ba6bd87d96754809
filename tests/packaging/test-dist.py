#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The tarball of "meson dist" has exactly the files of the last commit, and the built page for Cockpit if its libraries are here. It is the
same each time. (test-rpm.py builds it, without a network.)"""

import os
import pathlib
import sys
import tarfile
import tempfile
import time

from shared import ROOT, Tap, has_libraries, make_tarball, run, version

def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        first = make_tarball(pathlib.Path(folder, "first"))
        # The times in the archive have seconds.
        started = int(time.time())
        while int(time.time()) == started:
            time.sleep(0.05)
        os.umask(0o077)
        second = make_tarball(pathlib.Path(folder, "second"))
        os.umask(0o022)
        tap.check("two tarballs of the same commit are equal, also with another umask", first.read_bytes() == second.read_bytes())
        with tarfile.open(first) as archive:
            members = archive.getmembers()
        top = f"vfiod-{version()}"
        names = {member.name.removeprefix(top + "/") for member in members if not member.isdir()}
        committed = set(run("git", "-C", ROOT, "ls-tree", "-r", "-z", "--name-only", "HEAD").strip("\0").split("\0"))
        page = {name for name in names if name.startswith("cockpit/dist/")}
        tap.equal("it has no file that is not in the commit, such as a build result, but the page", names - committed - page, set())
        tap.equal("it has the page if its libraries are here", "cockpit/dist/index.js" in page, has_libraries())
        tap.equal("it has each file of the commit", committed - names, set())
        tap.equal("all of it is in one folder", {member.name.split("/")[0] for member in members}, {top})
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
