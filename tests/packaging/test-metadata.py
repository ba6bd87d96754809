#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Other programs find the manual pages (man -k) and understand the AppStream metadata. test-metadata.py --build-dir BUILD"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from shared import ROOT, Failed, Tap, build_folder, run, version

METADATA = ROOT / "packaging/org.vfiod1.vfioctl.metainfo.xml"
PAGE_METADATA = ROOT / "cockpit/org.vfiod1.cockpit.metainfo.xml"
# What somebody looks for who does not know the name.
WORDS = {"pci": ["vfioctl", "vfiod"], "passthrough": ["vfiod"], "d-bus": ["org.vfiod1"], "virtual machines": ["vfioctl"]}


def found_pages(manual, word):
    """The pages that man -k finds: {"vfiod(8)": what it is}."""
    text = run("man", "-k", "-M", manual, word, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "MANWIDTH": "200"})
    lines = re.findall(r"^(\S+) \((\d)\)\s+- (.*)$", text, re.MULTILINE)
    return {f"{name}({section})": what for name, section, what in lines}


def groff_warnings(page):
    return [line for line in run("groff", "-ww", "-k", "-man", "-Tutf8", "-z", page).splitlines() if line.strip()]


def check_manual(tap, build, folder):
    manual = pathlib.Path(folder, "man")
    pages = sorted(path for path in (build / "docs").iterdir() if re.fullmatch(r".*\.[1-8]", path.name))
    sources = {path.stem for path in (ROOT / "docs").glob("*.scd")}
    tap.equal("each manual page is built", {path.name for path in pages}, sources)
    for page in pages:
        target = manual / f"man{page.suffix[1:]}"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(page, target)
        line = tap.run(f"{page.name}: lexgrog", run, "lexgrog", "--whatis", page) or ""
        tap.check(f"{page.name}: lexgrog reads the name and what it is", f': "{page.stem} - ' in line, line)
        tap.equal(f"{page.name}: groff has no warnings", groff_warnings(page), [])
    sample = pathlib.Path(folder, "sample.1")
    sample.write_text(".TH X 1\n.SH NAME\nx \\- y\n.nosuchmacro\n", encoding="utf-8")
    tap.check("groff warns of an unknown macro", groff_warnings(sample))
    # mandb becomes the user "man", if root runs it.
    for path in [pathlib.Path(folder), manual, *manual.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o644)
    run("mandb", "--create", "--quiet", manual)
    names = {f"{page.stem}({page.suffix[1:]})" for page in pages}
    tap.equal("man -k vfio finds all pages", set(found_pages(manual, "vfio")), names)
    for word, expected in WORDS.items():
        found = tap.run(f"man -k {word}", found_pages, manual, word) or {}
        tap.check(f"man -k '{word}' finds {', '.join(expected)}", {name.split("(")[0] for name in found} >= set(expected), found)
    bad = {name: what for name, what in found_pages(manual, "vfio").items() if what[0].isupper() or what.endswith(".")}
    tap.equal("each of them says in a phrase what it is", bad, {})


def validate(path):
    """What appstreamcli says against a file."""
    done = subprocess.run(["appstreamcli", "validate", "--pedantic", "--no-net", "--no-color", path], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return [] if done.returncode == 0 and not re.search(r"^[EWIP]:", done.stdout, re.MULTILINE) else done.stdout.splitlines()


def check_page_metadata(tap):
    """Cockpit's list of applications reads it."""
    tap.equal("appstreamcli accepts the metadata of the page", validate(PAGE_METADATA), [])
    root = xml.etree.ElementTree.fromstring(PAGE_METADATA.read_text(encoding="utf-8"))
    tap.equal("the name of the file is its id", PAGE_METADATA.name, root.findtext("id") + ".metainfo.xml")
    tap.equal("it extends Cockpit", root.findtext("extends"), "org.cockpit_project.cockpit")
    launchable = root.find("launchable")
    tap.equal("it names the folder of the page", (launchable.get("type"), launchable.text), ("cockpit-manifest", "vfiod"))


def check_appstream(tap, build, folder):
    tap.equal("appstreamcli accepts the metadata", validate(METADATA), [])
    text = METADATA.read_text(encoding="utf-8")
    for name, bad in {"a bad license": text.replace("<metadata_license>FSFAP", "<metadata_license>Own"),
                      "no summary": re.sub("<summary>.*</summary>", "", text)}.items():
        sample = pathlib.Path(folder, "org.vfiod1.vfioctl.metainfo.xml")
        sample.write_text(bad, encoding="utf-8")
        tap.check(f"appstreamcli refuses {name}", bad != text and validate(sample))
    check_page_metadata(tap)
    root = xml.etree.ElementTree.fromstring(text)
    tap.equal("its name is its id", METADATA.name, root.findtext("id") + ".metainfo.xml")
    tap.equal("its program is installed", (build / "client" / root.findtext("provides/binary")).is_file(), True)
    tap.equal("the newest release is this version", root.find("releases/release").get("version"), version())
    for name, pattern in {"rpm/vfiod.spec": r"^Version: +(\S+)$", "arch/PKGBUILD": r"^pkgver=(\S+)$"}.items():
        found = re.findall(pattern, (ROOT / "packaging" / name).read_text(encoding="utf-8"), re.MULTILINE)
        tap.equal(f"{name} has this version", found, [version()])
    tap.equal("the license is that of the project", root.findtext("project_license"), "GPL-2.0-or-later")


def main():
    build, tap = build_folder(), Tap()
    with tempfile.TemporaryDirectory() as folder:
        try:
            check_manual(tap, build, folder)
        except Failed as error:
            tap.check("the manual pages can be examined", False, error)
        check_appstream(tap, build, folder)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
