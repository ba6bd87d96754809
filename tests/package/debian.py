#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the Debian packages from a copy of the tree, so that nothing is written into the tree.

debian.py FOLDER [PAGE] writes the .deb files into FOLDER. PAGE is a folder with the built page for Cockpit: without it, there is no package
cockpit-vfiod.
"""

import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = ["dpkg-buildpackage", "--unsigned-source", "--unsigned-changes"]
OPTIONS = "noautodbgsym"  # ./*.deb are the packages that a host needs
PAGE = "cockpit/dist"  # the built page, in the source package
NO_PAGE = "pkg.vfiod.nocockpit"  # the build profile without it


def copy_tree(target, page=None):
    """Copy the files of the tree into the new folder `target`, with changes that are not committed: what git knows, or everything but
    the folders of builds if git does not know the tree. `page`, if not None, is a folder with the built page for Cockpit."""
    copy_files(target)
    if page is not None:
        shutil.rmtree(target / PAGE, ignore_errors=True)
        shutil.copytree(page, target / PAGE)


def copy_files(target):
    listed = shutil.which("git") and subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if not listed or listed.returncode != 0 or not listed.stdout:
        shutil.copytree(ROOT, target, symlinks=True, ignore=results)
        return
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_symlink() or source.exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)


def results(folder, names):
    """Those `names` in a folder of the tree that are made by builds and programs."""
    patterns = ["__pycache__", "node_modules", *(["build*", ".git", "obj-*"] if pathlib.Path(folder) == ROOT else [])]
    return shutil.ignore_patterns(*patterns)(folder, names)


def build(work, page=None):
    """Build the packages in the new folder `work`. Returns the files that were made. Raises RuntimeError with the end of the output
    if the build fails. `page` as in copy_tree()."""
    copy_tree(work / "vfiod", page)
    return build_copy(work / "vfiod")


def build_copy(source, prefix=(), environment=None):
    """The same in a folder that has the copy of the tree, with the words `prefix` before the command and this `environment`. The files
    that are made are beside the folder."""
    log = source.parent / "build.log"
    environment = environment or os.environ | {"DEB_BUILD_OPTIONS": OPTIONS}
    environment = environment | {"DEB_BUILD_PROFILES": "" if (source / PAGE).is_dir() else NO_PAGE}
    with open(log, "w", encoding="utf-8") as output:
        status = subprocess.run([*prefix, *COMMAND], cwd=source, env=environment, stdin=subprocess.DEVNULL,
                                stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    if status != 0:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])
        raise RuntimeError(f"{shlex.join([*prefix, *COMMAND])} failed ({status}):\n{tail}")
    return sorted(path for path in source.parent.iterdir() if path.is_file() and path != log)


def packages(files):
    """{name: path} of the .deb files among `files`."""
    return {path.name.partition("_")[0]: path for path in files if path.suffix == ".deb"}


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    target, *page = map(pathlib.Path, sys.argv[1:])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vfiod-package-") as folder:
        try:
            built = packages(build(pathlib.Path(folder, "work"), *page))
        except RuntimeError as error:
            sys.exit(str(error))
        for old in [*target.glob("vfio*_*.deb"), *target.glob("cockpit-vfiod_*.deb")]:
            old.unlink()
        for path in built.values():
            shutil.copy2(path, target / path.name)
            print(target / path.name)


if __name__ == "__main__":
    main()
