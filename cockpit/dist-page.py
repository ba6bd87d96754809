#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""meson runs this before it packs the tarball of "meson dist". It adds the built page, cockpit/dist, so that a build from the tarball needs
neither node nor a network. Without the libraries of the page (npm ci), the tarball has no page."""

import json
import os
import pathlib
import subprocess
import sys


def wrong_versions(source):
    """The libraries that node_modules has in another version than package-lock.json."""
    lock = json.loads((source / "package-lock.json").read_text(encoding="utf-8"))
    wrong = []
    for name, wanted in lock["packages"].items():
        if not name or wanted.get("dev"):
            continue
        facts = source / name / "package.json"
        if not facts.is_file() or json.loads(facts.read_text(encoding="utf-8"))["version"] != wanted["version"]:
            wrong.append(name.removeprefix("node_modules/"))
    return wrong


def main():
    source = pathlib.Path(os.environ["MESON_SOURCE_ROOT"], "cockpit")
    if not (source / "node_modules/esbuild").is_dir():
        print("cockpit/node_modules does not exist, so the tarball has no page for Cockpit.")
        return 0
    wrong = wrong_versions(source)
    if wrong:
        print(f"Run 'npm ci --ignore-scripts' in cockpit/: {', '.join(wrong)}", file=sys.stderr)
        return 1
    # meson has refused changes that are not committed, so this builds what the tarball has.
    return subprocess.run(["node", source / "build.js", pathlib.Path(os.environ["MESON_DIST_ROOT"], "cockpit/dist")], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
