#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""meson runs this before it packs the tarball of "meson dist". Each file gets the time of the commit (or SOURCE_DATE_EPOCH), so
that the same commit always makes the same tarball."""

import os
import pathlib
import subprocess


def commit_time(source):
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch:
        return int(epoch)
    return int(subprocess.check_output(["git", "-C", source, "log", "-1", "--format=%ct"], text=True))


def main():
    root = pathlib.Path(os.environ["MESON_DIST_ROOT"])
    seconds = commit_time(os.environ["MESON_SOURCE_ROOT"])
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
        os.utime(path, (seconds, seconds), follow_symlinks=False)


if __name__ == "__main__":
    main()
