#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""rpmlint accepts the spec file and the packages. rpmbuild builds them from the tarball without a network, and they have exactly what
meson installs. test-rpm.py --build-dir BUILD

The macros of Fedora that Debian does not have are in rpm-macros, and the settings of its rpmlint in rpmlint.toml.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from shared import ROOT, Failed, Tap, build_folder, has_libraries, installed, make_tarball, run

FOLDER = ROOT / "packaging/rpm"
SPEC, FILTERS = FOLDER / "vfiod.spec", FOLDER / "vfiod.rpmlintrc"
MACROS, SETTINGS = (pathlib.Path(__file__).with_name(name) for name in ("rpm-macros", "rpmlint.toml"))
# Fedora has no initramfs-tools.
LEFT_OUT = {"/usr/share/initramfs-tools/hooks/vfiod*"}
# What rpm adds, in each package, and the file that vfiod writes.
ADDED = r"/usr/share/licenses/|/usr/share/doc/vfiod-doc/|/usr/lib/\.build-id/|/etc/udev/rules\.d/10-vfiod\.rules$"
PAGE_FILES = ("/usr/share/cockpit/", "/usr/share/metainfo/org.vfiod1.cockpit.metainfo.xml")
PAGE = {"cockpit-vfiod": {"/usr/share/cockpit/vfiod/index.js", "/usr/share/metainfo/org.vfiod1.cockpit.metainfo.xml"}}
CONTENTS = {
    "vfiod": {"/usr/libexec/vfiod-worker*", "/usr/lib/systemd/system/vfiod.service", "/usr/share/man/man8/vfiod.8"},
    "vfioctl": {"/usr/bin/vfioctl*", "/usr/share/man/man1/vfioctl.1", "/usr/share/metainfo/org.vfiod1.vfioctl.metainfo.xml"},
    "vfiod-doc": {"/usr/share/doc/vfiod/examples/detach.py*"},
} | (PAGE if has_libraries() else {})


def lint(*arguments):
    """What rpmlint finds."""
    done = subprocess.run(["rpmlint", "--config", SETTINGS, "--rpmlintrc", FILTERS, "--ignore-unused-rpmlintrc", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, env=os.environ | {"LC_ALL": "C.UTF-8"})
    return [line for line in done.stdout.splitlines() if re.search(r": [EW]: ", line)] or ([] if done.returncode == 0 else done.stdout.splitlines())


def package_files(package):
    """What a package installs, in the form of shared.listing(). Manual pages are compressed."""
    found, folders = set(), set()
    text = run("rpm", "-qp", "--nosignature", "--queryformat", "[%{FILEMODES:perms} %{FILENAMES}\\t%{FILELINKTOS}\\n]", package)
    for line in text.splitlines():
        mode, rest = line.split(" ", 1)
        name, target = rest.split("\t")
        if mode[0] == "d":
            folders.add(name)
        elif mode[0] == "l":
            found.add(f"{name} -> {target}")
        else:
            found.add(re.sub(r"(/man/man\d/.*)\.gz$", r"\1", name) + ("*" if mode[3] == "x" else ""))
    everything = found | folders
    return found | {name + "/" for name in folders if not any(other.startswith(name + "/") for other in everything)}


def build_packages(top):
    """Build them with a loopback interface only. Returns {name: path}."""
    sources = pathlib.Path(top, "SOURCES")
    sources.mkdir()
    tarball = make_tarball(top)
    tarball.rename(sources / tarball.name)
    page = [] if has_libraries() else ["--without=cockpit"]
    command = ["rpmbuild", "-bb", "--nodeps", *page, "--load", MACROS, "--define", f"_topdir {top}", SPEC]
    output = run("unshare", "--net", *command)
    pathlib.Path(top, "log").write_text(output, encoding="utf-8")
    packages = sorted(pathlib.Path(top, "RPMS").rglob("*.rpm"))
    return {path.name.rsplit("-", 2)[0]: path for path in packages}


def check_contents(tap, packages, build, folder):
    files = {name: package_files(path) for name, path in packages.items()}
    expected = {name for name in installed(build, pathlib.Path(folder, "installed")) - LEFT_OUT if not name.startswith(PAGE_FILES)}
    own = {name: {file for file in found if not re.match(ADDED, file)} for name, found in files.items()}
    packed = set().union(*(found for name, found in own.items() if name not in PAGE))
    tap.equal("no file that meson installs is missing", expected - packed, set())
    tap.equal("there is no other file", packed - expected, set())
    tap.equal("no file is in two packages", sum(map(len, own.values())), len(set().union(*own.values())))
    page = own.get("cockpit-vfiod", set())
    tap.equal("cockpit-vfiod has only the page", [name for name in page if not name.startswith(PAGE_FILES)], [])
    for name, part in CONTENTS.items():
        tap.equal(f"{name} has its own files", part - own[name], set())
        licensed = any("/usr/share/licenses/" in file and file.endswith("/COPYING") for file in files[name])
        tap.check(f"{name} has the license", licensed, files[name])
    tap.check("vfiod owns the file for the boot", "/etc/udev/rules.d/10-vfiod.rules" in files["vfiod"], files["vfiod"])
    tap.check("vfiod-doc has the documents", "/usr/share/doc/vfiod-doc/ARCHITECTURE.md" in files["vfiod-doc"], files["vfiod-doc"])


def check_units(tap, packages):
    """The scripts of the package name each unit that it has, except for the one that only an event starts."""
    units = {os.path.basename(file) for file in package_files(packages["vfiod"]) if re.search(r"/system/vfiod[^/]*\.(service|socket)$", file)}
    sources = [path for path in (ROOT / "systemd").iterdir() if "[Install]" in path.read_text(encoding="utf-8")]
    scripts = run("rpm", "-qp", "--nosignature", "--scripts", packages["vfiod"])
    for verb, expected in {"preset": {path.name.removesuffix(".in") for path in sources},
                           "disable --now": units - {"vfiod-online.service"},
                           "try-restart": units - {"vfiod-online.service"}}.items():
        line = next((line for line in scripts.splitlines() if verb in line), "")
        named = set(re.findall(r"[\w-]+\.(?:service|socket)", line))
        tap.equal(f"systemctl {verb} is called for the right units", named, expected)


def check_spec(tap, folder):
    tap.equal("rpmlint accepts the spec file", lint(SPEC), [])
    text = SPEC.read_text(encoding="utf-8")
    for finding, right, wrong in [("mixed-use-of-spaces-and-tabs", "Name:      ", "Name:\t"),
                                  ("hardcoded-library-path", "%{_bindir}/vfioctl", "/usr/lib/vfioctl"),
                                  ("no-%prep-section", "%prep", "")]:
        sample = pathlib.Path(folder, "vfiod.spec")
        sample.write_text(text.replace(right, wrong), encoding="utf-8")
        found = lint(sample)
        tap.check(f"rpmlint finds: {finding}", any(finding in line for line in found), found)
    lines = FILTERS.read_text(encoding="utf-8").splitlines()
    bare = [line for before, line in zip(["", *lines], lines) if line.startswith("addFilter") and not before.startswith("# ")]
    tap.equal("each filter has a reason", bare, [])


def main():
    build, tap = build_folder(), Tap()
    with tempfile.TemporaryDirectory() as folder:
        check_spec(tap, folder)
        try:
            packages = build_packages(folder)
            tap.equal("rpmbuild builds the packages", {name for name in packages if "debug" not in name}, set(CONTENTS))
            packages = {name: path for name, path in packages.items() if name in CONTENTS}
            tap.equal("rpmlint accepts the packages", lint(*packages.values()), [])
            check_contents(tap, packages, build, folder)
            check_units(tap, packages)
        except Failed as error:
            tap.check("the packages can be built", False, error)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
