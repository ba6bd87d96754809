#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""makepkg builds the package of Arch Linux from the tarball, without a network. It has exactly what meson installs, and depends on each
library that the programs need. test-arch.py --build-dir BUILD
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

from shared import ROOT, Failed, Tap, build_folder, installed, make_tarball, run, version

FOLDER = ROOT / "packaging/arch"
# As the one of Arch Linux, but without optimization at link time.
ARCH_MESON = """#!/bin/sh
exec meson setup --prefix /usr --libexecdir lib --sbindir bin --buildtype plain --auto-features enabled --wrap-mode nodownload "$@"
"""
# Optimization takes most of the time of the build.
SETTINGS = ". /etc/makepkg.conf\nCFLAGS='-O0 -g'\nPKGEXT=.pkg.tar\n"
# Arch Linux has no initramfs-tools.
LEFT_OUT = {"/usr/share/initramfs-tools/hooks/vfiod*"}
# The package does not have the page for Cockpit.
PAGE_FILES = ("/usr/share/cockpit/", "/usr/share/metainfo/org.vfiod1.cockpit.metainfo.xml")
DOCUMENTS = [*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")]
ADDED = {f"/usr/share/doc/vfiod/{path.name}" for path in DOCUMENTS} | {
    f"/usr/share/doc/vfiod/guides/{path.name}" for path in (ROOT / "docs/guides").glob("*.md")}
LIBRARIES = {
    "libacl.so.1": "acl",
    "libc.so.6": "glibc",
    "libjansson.so.4": "jansson",
    "libkmod.so.2": "kmod",
    "libmnl.so.0": "libmnl",
    "libsmartcols.so.1": "util-linux-libs",
    "libsystemd.so.0": "systemd-libs",
    "libudev.so.1": "systemd-libs",
    "libz.so.1": "zlib",
}


def build_package(folder):
    """Build it as a user who has no rights, with a loopback interface only. Returns its path."""
    work = pathlib.Path(folder, "work")
    work.mkdir()
    for path in [make_tarball(folder), FOLDER / "PKGBUILD", FOLDER / "vfiod.install"]:
        shutil.copy(path, work)
    programs = pathlib.Path(folder, "bin")
    programs.mkdir()
    # makepkg asks pacman which packages are installed.
    for name, text in {"arch-meson": ARCH_MESON, "pacman": "#!/bin/sh\n"}.items():
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    (work / "settings").write_text(SETTINGS, encoding="utf-8")
    pathlib.Path(folder).chmod(0o755)
    for path in [work, *work.iterdir()]:
        os.chown(path, 65534, 65534)
    run("unshare", "--net", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "makepkg", "--nodeps", "--config", "settings",
        cwd=work, env={"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(work), "LC_ALL": "C.UTF-8", "TERM": "dumb"})
    return work / f"vfiod-{version()}-1-x86_64.pkg.tar"


def package_files(archive):
    """What the package installs, in the form of shared.listing(), where meson installs it by default. Manual pages are compressed."""
    found, folders = set(), set()
    for member in archive.getmembers():
        name = re.sub(r"^/usr/lib/vfiod/(?=vfiod)", "/usr/libexec/", "/" + member.name)
        if name.startswith("/."):
            continue
        if member.isdir():
            folders.add(name)
        elif member.issym():
            found.add(f"{name} -> {member.linkname}")
        else:
            found.add(re.sub(r"(/man/man\d/.*)\.gz$", r"\1", name) + ("*" if member.mode & 0o100 else ""))
    everything = found | folders
    return found | {name + "/" for name in folders if not any(other.startswith(name + "/") for other in everything)}


def check_package(tap, path, build, folder):
    with tarfile.open(path) as archive:
        packed = package_files(archive)
        owners = {(member.uid, member.gid) for member in archive.getmembers()}
        facts = archive.extractfile(".PKGINFO").read().decode()
        has_scripts = ".INSTALL" in archive.getnames()
    unpacked = pathlib.Path(folder, "unpacked")
    unpacked.mkdir()
    run("tar", "-xf", path, "-C", unpacked)
    expected = {name for name in installed(build, pathlib.Path(folder, "installed")) - LEFT_OUT if not name.startswith(PAGE_FILES)} | ADDED
    tap.equal("no file that meson installs is missing", expected - packed, set())
    tap.equal("there is no other file", packed - expected, set())
    tap.equal("all files belong to root", owners, {(0, 0)})
    tap.check("it has the scripts of vfiod.install", has_scripts)
    depends = set(re.findall(r"^depend = (.*)$", facts, re.MULTILINE))
    programs = [file for file in (unpacked / "usr").rglob("vfio*") if file.is_file() and file.read_bytes()[:4] == b"\x7fELF"]
    tap.equal("it has six programs", len(programs), 6)
    needed = {name for file in programs for name in re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-dW", file))}
    tap.equal("it depends on each library", {LIBRARIES.get(name, name) for name in needed} - depends, set())
    tap.equal("it depends on no other library", (depends & set(LIBRARIES.values())) - {LIBRARIES.get(name) for name in needed}, set())
    units = "".join(file.read_text(encoding="utf-8") for file in (unpacked / "usr/lib/systemd/system").glob("*.service"))
    started = set(re.findall(r"^ExecStart=(/\S*vfiod\S*)", units, re.MULTILINE))
    missing = [name for name in started if not (unpacked / name[1:]).is_file()]
    tap.check("the units start programs that exist", len(started) == 5 and not missing, f"{started}, missing: {missing}")


def check_scripts(tap, folder):
    """The script before the removal lists detached devices."""
    state = pathlib.Path(folder, "run")
    text = (FOLDER / "vfiod.install").read_text(encoding="utf-8").replace("/run/vfiod", str(state))
    remove = ["bash", "-euc", text + "\npre_remove"]
    tap.equal("without detached devices, the removal says nothing", run(*remove), "")
    (state / "devices").mkdir(parents=True)
    (state / "devices/0000:05:00.0").touch()
    tap.contains("the removal lists detached devices", run(*remove), "    0000:05:00.0\n")


def main():
    build, tap = build_folder(), Tap()
    for name in ("PKGBUILD", "vfiod.install"):
        done = subprocess.run(["shellcheck", FOLDER / name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        tap.check(f"shellcheck accepts {name}", done.returncode == 0, done.stdout)
    with tempfile.TemporaryDirectory() as folder:
        try:
            check_scripts(tap, folder)
            check_package(tap, build_package(folder), build, folder)
        except Failed as error:
            tap.check("the package can be built", False, error)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
