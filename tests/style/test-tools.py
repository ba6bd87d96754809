#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs clang-format, shellcheck and clang-tidy on the tree, and on a sample that they must refuse.

test-tools.py format|shell|tidy ROOT BUILD

clang-tidy needs minutes. A file that passed is not checked again while everything that clang-tidy reads is the same: see
Passed. The samples are always checked.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

import rules

BAD_FORMAT = "int  main( void ){return 0 ;}\n"
# A null pointer dereference that the analyzer finds, and comparisons that make no sense.
BAD_CODE = """#include <string.h>
int main(int argc, char **argv) {
        char *p = argc > 1 ? argv[1] : 0;
        if (!p)
                return p[0];
        return strcmp(argv[0], "x") == 2 || argc == argc;
}
"""


def run(command, **options):
    """The output of a program, or nothing if it succeeded."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    return done.stdout.strip().splitlines() or [f"exit code {done.returncode}"] if done.returncode else []


def format_findings(root, paths):
    lines = run(["clang-format", "--dry-run", "-Werror", f"--style=file:{root}/.clang-format", *paths], cwd=root)
    return [line for line in lines if "error:" in line] or lines


class Passed:
    """The files that passed clang-tidy, in the cache folder: one empty file for each, named by a hash of the version and the
    settings of clang-tidy, and of the preprocessed source with its comments."""

    AGE_MAX = 30 * 24 * 3600

    def __init__(self, root, build):
        self.root = root.resolve()
        self.folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "vfiod", "tidy")
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.iterdir():
            if old.stat().st_mtime < time.time() - self.AGE_MAX:
                old.unlink(missing_ok=True)
        self.settings = subprocess.check_output(["clang-tidy", "--version"]) + (root / ".clang-tidy").read_bytes()
        entries = json.loads(pathlib.Path(build, "compile_commands.json").read_text(encoding="utf-8"))
        self.commands = {os.path.normpath(os.path.join(entry["directory"], entry["file"])): entry for entry in entries}

    def stamp(self, path):
        """The file that exists if this source passed; None if the source cannot be preprocessed."""
        entry = self.commands[path]
        words = shlex.split(entry["command"])
        outputs = ("-o", "-MF", "-MQ")
        words = [word for word, before in zip(words, [""] + words) if word not in (*outputs, "-MD") and before not in outputs][1:]
        if words[0].endswith("cc"):  # after ccache
            words = words[1:]
        done = subprocess.run(["clang", "-E", "-C", "-Wno-everything", *words], cwd=entry["directory"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            return None
        text = done.stdout.replace(str(self.root).encode(), b"")
        return self.folder / hashlib.sha256(self.settings + entry["command"].encode() + text).hexdigest()


def tidy_if_new(root, build, passed, path):
    stamp = passed.stamp(path)
    if stamp and stamp.exists():
        stamp.touch()
        return []
    found = tidy_findings(root, build, path)
    if stamp and not found:
        stamp.touch()
    return found


def tidy_findings(root, build, path):
    lines = run(["clang-tidy", "--quiet", f"--config-file={root}/.clang-tidy", "-p", build, path])
    return [line for line in lines if ": error:" in line or ": warning:" in line] or lines[:20]


def compiled(root, build):
    """The files of daemon/ and client/ that are compiled, as the compilation database names them."""
    names = set()
    for entry in json.loads(pathlib.Path(build, "compile_commands.json").read_text(encoding="utf-8")):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if any(path.is_relative_to(pathlib.Path(root, folder).resolve()) for folder in ("daemon", "client")):
            names.add(os.path.normpath(os.path.join(entry["directory"], entry["file"])))
    return sorted(names)


def check_format(root, _build):
    tree = rules.Tree(root)
    paths = [str(path) for path in tree.files(["daemon", "client", "tests"], (".c", ".h"))]
    yield "every file is formatted", format_findings(root, paths) if paths else ["no files"]
    with tempfile.TemporaryDirectory() as folder:
        sample = pathlib.Path(folder, "sample.c")
        sample.write_text(BAD_FORMAT, encoding="utf-8")
        found = format_findings(root, [str(sample)])
        yield "clang-format refuses a badly formatted sample", [] if found else ["it does not"]


# The shell scripts that are installed, or run when packages are.
SCRIPTS = ["initramfs/initramfs-tools-hook", "initramfs/dracut/module-setup.sh", "debian/vfiod.postinst", "debian/vfiod.prerm",
           "debian/vfiod.postrm", "debian/tests/smoke"]


def check_shell(root, _build):
    for script in SCRIPTS:
        yield script, run(["shellcheck", str(root / script)])
    with tempfile.TemporaryDirectory() as folder:
        sample = pathlib.Path(folder, "sample.sh")
        sample.write_text("#!/bin/sh\necho $1\n", encoding="utf-8")
        yield "shellcheck refuses a sample", [] if run(["shellcheck", str(sample)]) else ["it does not"]


def check_tidy(root, build):
    paths = compiled(root, build)
    yield "there are files to check", [] if len(paths) > 40 else [f"only {len(paths)} files"]
    passed = Passed(root, build)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, found in zip(paths, pool.map(lambda path: tidy_if_new(root, build, passed, path), paths)):
            yield os.path.relpath(path, root), found
    with tempfile.TemporaryDirectory() as folder:
        sample = pathlib.Path(folder, "sample.c")
        sample.write_text(BAD_CODE, encoding="utf-8")
        command = {"directory": folder, "file": "sample.c", "command": "cc -c sample.c"}
        pathlib.Path(folder, "compile_commands.json").write_text(json.dumps([command]), encoding="utf-8")
        found = tidy_findings(root, folder, str(sample))
        for name in ("core.NullDereference", "suspicious-string-compare", "redundant-expression"):
            yield f"clang-tidy refuses a sample for {name}", [] if any(name in line for line in found) else found


def main(tool, root, build):
    check = {"format": check_format, "shell": check_shell, "tidy": check_tidy}[tool]
    failed = number = 0
    for number, (name, findings) in enumerate(check(pathlib.Path(root), build), 1):
        print(f"{'not ok' if findings else 'ok'} {number} - {name}", flush=True)
        for finding in findings:
            print(f"# {finding}")
        failed += bool(findings)
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
