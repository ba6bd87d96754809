# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line that all programs here share, and the build that it names.

--build-dir is a meson build folder, configured with --prefix=/usr. The program installs it into its own folder, so
it always tests what was built last. --system and --kernel choose the guest, see systems.py. --destdir is a folder that `DESTDIR=... meson install` filled before.
$VFIOD_DESTDIR is its default.
"""

import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

import systems
import topology

CLIENT = "usr/bin/vfioctl"


def parser(description):
    """An argument parser that knows --build-dir and --destdir."""
    result = argparse.ArgumentParser(description=description.partition("\n")[0])
    build = result.add_mutually_exclusive_group()
    build.add_argument("--build-dir", metavar="FOLDER", help="build folder to install from")
    build.add_argument("--destdir", metavar="FOLDER", help="installed tree to copy into the guest's root file system")
    return systems.add_choice(result)


def add_guest(result):
    """Add the options that choose a guest."""
    result.add_argument("--topology", default="full", choices=sorted(topology.TOPOLOGIES))
    result.add_argument("--no-iommu", dest="has_iommu", action="store_false", help="a machine without an IOMMU")
    result.add_argument("--append", default="", help="more kernel arguments")
    return result


@contextlib.contextmanager
def installed(choice, needed=True):
    """The installed tree that the command line names, during a with block. None if the command line names no tree and
    none is `needed`."""
    tree = choice.destdir or (None if choice.build_dir else os.environ.get("VFIOD_DESTDIR"))
    with tempfile.TemporaryDirectory(prefix="vfiod-destdir-") as folder:
        if choice.build_dir:
            install(choice.build_dir, folder)
            tree = folder
        if needed and tree is None:
            sys.exit("which build? Give --build-dir or --destdir")
        if tree is not None and not pathlib.Path(tree, CLIENT).exists():
            sys.exit(f"no {CLIENT} in {tree}: is the build configured with --prefix=/usr?")
        yield tree


def install(build, folder):
    """Install what is built in `build` below `folder`."""
    result = subprocess.run(["meson", "install", "--no-rebuild", "--quiet", "-C", build, "--destdir", folder],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"cannot install {build}:\n{result.stdout}")
