# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the Debian packages for the system of a guest.

Packages for Debian 12 are built on this machine. Packages for Debian 13 are built in a root file system with the packages that building
needs, which is made once and kept in the cache folder.
"""

import pathlib
import re
import subprocess
import sys

import cache
import prepare
import systems

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "package"))
import debian  # noqa: E402

OWN = "bookworm"


def build_depends():
    """What debian/control needs to build. Of alternatives the first one, which a newer release than OWN has."""
    text = (debian.ROOT / "debian/control").read_text(encoding="utf-8")
    words = re.search(r"^Build-Depends:((?:.|\n(?= ))*)", text, re.MULTILINE).group(1)
    names = [word.partition("|")[0].partition("(")[0].strip() for word in words.split(",")]
    return sorted(["build-essential", "debhelper", *(name for name in names if not name.startswith(("debhelper", "dh-sequence")))])


def prepared_root(system):
    """The root file system with the build dependencies of a System. Nobody writes into it."""
    needed = build_depends()

    def make(work):
        sources = work / "sources.list"
        sources.write_text("".join(line for line in prepare.apt_sources(system) if "-backports" not in line), encoding="utf-8")
        log = work / "mmdebstrap.log"
        with open(log, "w", encoding="utf-8") as output:
            subprocess.run(["mmdebstrap", "--mode=root", "--variant=minbase", "--include=" + ",".join(needed),
                            "--aptopt=APT::Install-Recommends \"false\"", *(f"--aptopt={line}" for line in prepare.apt_proxies()),
                            system.release, str(work / "root"), str(sources)], check=True, stdin=subprocess.DEVNULL,
                           stdout=output, stderr=subprocess.STDOUT)

    return cache.made(f"build-{system.release}", [system.release, needed], make,
                      f"a root file system that builds packages for Debian {system.release} (two minutes)") / "root"


def build(name, work):
    """Build the packages for the system of this name in the new folder `work`. Returns the files that were made."""
    system = systems.SYSTEMS[name]
    if system.release == OWN:
        return debian.build(work)
    root = prepared_root(system)
    source = work / "vfiod"
    debian.copy_tree(source)
    # The mounts end with their namespace. A layer takes what the build writes elsewhere.
    layer, merged = work / "layer", work / "merged"
    layer.mkdir()
    merged.mkdir()
    script = f"""set -e
mount -t tmpfs tmpfs {layer}; mkdir {layer}/upper {layer}/work
mount -t overlay -o lowerdir={root},upperdir={layer}/upper,workdir={layer}/work overlay {merged}
mkdir {merged}/build; mount --bind {work} {merged}/build; mount --bind /dev {merged}/dev; mount -t proc proc {merged}/proc
exec chroot {merged} sh -c 'cd /build/vfiod && exec "$@"' build "$@"
"""
    try:
        return debian.build_copy(source, ["unshare", "--mount", "--pid", "--fork", "sh", "-c", script, "sh"])
    finally:
        layer.rmdir()
        merged.rmdir()
