#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the Debian packages twice, and compares what was made.

The second build differs from the first one in all that a build must not depend on: the folder, the time (400 days later), the time
zone, the locale, the umask, the user, the name of the host, the environment and the number of processors.

As a program, it prints what differs, and its exit status is 1 if something does.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import debian

NOBODY = "65534"
# A file that says when and where it was built.
OWN = (".buildinfo", ".changes")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "LC_ALL": "C", "TZ": "UTC-14", "USER": "nobody",
               "CAPTURE": "nothing", "DEB_BUILD_OPTIONS": f"{debian.OPTIONS} parallel=1"}
PREFIX = ["unshare", "--uts", "sh", "-ec", 'hostname other-host; umask 0002; exec "$@"', "sh",
          "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "taskset", "1", "faketime", "-f", "+400d"]


def build_first(tree, work):
    """The usual build of a copy of the tree, in the new folder `work`. Returns the files that were made."""
    source = work / "vfiod"
    shutil.copytree(tree, source, symlinks=True)
    environment = os.environ | {"LC_ALL": "C.UTF-8", "TZ": "UTC+11", "DEB_BUILD_OPTIONS": debian.OPTIONS}
    return debian.build_copy(source, ["sh", "-c", 'umask 0022; exec "$@"', "sh"], environment)


def build_second(tree, work):
    """The build that differs from it, in the new folder `work`. Needs root."""
    # The last folder has the same name: the source package contains it.
    source = work / "another" / "folder" / "vfiod"
    shutil.copytree(tree, source, symlinks=True)
    subprocess.run(["chown", "--recursive", NOBODY, str(work)], check=True)
    for folder in (work, *work.parents):
        if folder.is_relative_to("/tmp") and folder != pathlib.Path("/tmp"):
            folder.chmod(0o755)
    return debian.build_copy(source, PREFIX, ENVIRONMENT)


def digests(files):
    """{name: hash} of what must be equal."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.suffix not in OWN}


def main():
    with tempfile.TemporaryDirectory(prefix="vfiod-package-", dir="/tmp") as folder:
        tree = pathlib.Path(folder, "tree")
        debian.copy_tree(tree)
        first = digests(build_first(tree, pathlib.Path(folder, "first")))
        second = digests(build_second(tree, pathlib.Path(folder, "second")))
    different = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    for name in different:
        print(f"{name} differs")
    return 1 if different or not first else 0


if __name__ == "__main__":
    sys.exit(main())
