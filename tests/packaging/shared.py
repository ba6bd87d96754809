# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of packaging share: programs, the tarball, and the list of what meson installs."""

import argparse
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "vm"))

from tap import Tap  # noqa: E402

__all__ = ["ROOT", "Failed", "Tap", "build_folder", "has_libraries", "installed", "listing", "make_tarball", "run", "version"]

TIMEOUT = 900
# The tree may belong to another user than the one who runs the tests.
GIT = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(ROOT)}


class Failed(Exception):
    """A program failed."""


def run(*command, env=None, **options):
    """The output of a program, with its error messages. Raises Failed if it fails."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=TIMEOUT, env={**(env or os.environ), **GIT}, **options)
    if done.returncode != 0:
        raise Failed(f"status {done.returncode} from {' '.join(map(str, command))}:\n{done.stdout}")
    return done.stdout


def build_folder():
    """The folder that --build-dir names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--build-dir", required=True)
    return pathlib.Path(parser.parse_args().build_dir).resolve()


def has_libraries():
    """Whether the libraries of the page for Cockpit are here, so that a tarball has the page."""
    return (ROOT / "cockpit/node_modules/esbuild").is_dir()


def version():
    """The version of the project."""
    words = (ROOT / "meson.build").read_text(encoding="utf-8").split("version: '", 1)[1]
    return words.split("'", 1)[0]


def make_tarball(folder):
    """Let meson make the tarball of the last commit, in `folder`. Returns its path. Raises Failed if there are other changes."""
    changes = run("git", "-C", ROOT, "status", "--porcelain")
    if changes:
        raise Failed(f"The tarball has the last commit. Commit these changes first:\n{changes}")
    build = pathlib.Path(folder, "for-dist")
    run("meson", "setup", build, ROOT, "--prefix=/usr", "-Dtests=false")
    run("meson", "dist", "-C", build, "--no-tests", "--formats=xztar")
    return build / "meson-dist" / f"vfiod-{version()}.tar.xz"


def listing(folder):
    """The files and links below a folder, and its empty folders, with the mode of a program shown as "*"."""
    found = set()
    for path in pathlib.Path(folder).rglob("*"):
        name = "/" + str(path.relative_to(folder))
        if path.is_symlink():
            found.add(f"{name} -> {os.readlink(path)}")
        elif path.is_file():
            found.add(name + ("*" if path.stat().st_mode & 0o100 else ""))
        elif not any(path.iterdir()):
            found.add(name + "/")
    return found


def installed(build, folder):
    """What meson installs from a build folder that is configured with --prefix=/usr, as listing() shows it; units below /usr."""
    run("meson", "install", "-C", build, "--no-rebuild", "--destdir", folder)
    return {name.replace("/lib/systemd/", "/usr/lib/systemd/", 1) if name.startswith("/lib/") else name for name in listing(folder)}
