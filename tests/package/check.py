#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian packages of the tree: they build, lintian has nothing to say, no file is in two of them, and a second build makes the same.

check.py BUILD-DIR

If the build folder has the page for Cockpit, it is in the packages. Otherwise there is no package cockpit-vfiod.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

import debian
import reproducible

sys.path.insert(0, str(debian.ROOT / "tests" / "vm"))
from tap import Tap  # noqa: E402

PACKAGES = {"vfiod", "vfioctl", "vfiod-doc"}
PAGE_PACKAGE = "cockpit-vfiod"
# Exceptions for the page, in a source without a page.
UNUSED = re.compile(r"unused-override .*\[cockpit/dist/")
LINTIAN = ["lintian", "--pedantic", "--display-experimental", "--display-info", "--allow-root", "--tag-display-limit=0"]
# What the packages add to the files of `meson install`.
ADDED = re.compile(r"/usr/share/(doc/[^/]+/(changelog\.gz|copyright|(docs/(guides/)?)?[A-Za-z_-]+(\.zh_CN)?\.md)|lintian/overrides/[a-z-]+)"
                   r"|/usr/share/man/man8/vfiod-[a-z]+\.8\.gz")


def lintian(path):
    """The lines that lintian prints about a .changes or .deb file."""
    done = subprocess.run([*LINTIAN, str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.splitlines()


def check_lintian(tap, files, work):
    (changes,) = (path for path in files if path.suffix == ".changes")
    found = lintian(changes)
    if PAGE_PACKAGE not in debian.packages(files):
        found = [line for line in found if not UNUSED.search(line)]
    tap.equal("lintian has nothing to say, not even with --pedantic", found, [])
    tree, sample = work / "sample", work / "sample.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", str(debian.packages(files)["vfiod-doc"]), str(tree)], check=True)
    (tree / "usr/share/doc/vfiod-doc/copyright").unlink()
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(tree), str(sample)], check=True, stdout=subprocess.DEVNULL)
    tap.contains("lintian refuses a sample without a copyright", "\n".join(lintian(sample)), "no-copyright-file")


def contents(path):
    """The files and links of a package."""
    listing = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(path)], check=True, stdout=subprocess.PIPE).stdout
    names = subprocess.run(["tar", "--list"], input=listing, check=True, stdout=subprocess.PIPE).stdout.decode()
    return [name[1:] for name in names.splitlines() if not name.endswith("/")]


def installed(build, folder):
    """The files and links that meson installs, as a package has them."""
    subprocess.run(["meson", "install", "--no-rebuild", "--quiet", "-C", build, "--destdir", str(folder)], check=True,
                   stdout=subprocess.DEVNULL)
    names = ["/" + str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return {name + ".gz" if "/man/" in name else name for name in names}


def check_contents(tap, files, build, work):
    packages = {name: contents(path) for name, path in debian.packages(files).items()}
    tap.equal("the build makes these packages", set(packages), PACKAGES | ({PAGE_PACKAGE} if page_of(build) else set()))
    everything = sorted(name for names in packages.values() for name in names)
    tap.equal("no file is in two packages", [name for name in set(everything) if everything.count(name) > 1], [])
    expected = installed(build, work / "installed")
    tap.equal("each file that meson installs is in a package", sorted(expected - set(everything)), [])
    tap.equal("the packages have nothing else, but what packages add",
              [name for name in everything if name not in expected and not ADDED.fullmatch(name)], [])
    shared = ("/usr/share/locale/", "/usr/share/metainfo/")  # named after the project
    tap.equal("the client has no file of the service",
              [name for name in packages["vfioctl"] if "vfiod" in name and not name.startswith(shared)], [])


def page_of(build):
    """The folder with the page that the build has made, or None."""
    page = pathlib.Path(build, "cockpit")
    return page if (page / "index.js").exists() else None


def check_page(tap, path, build):
    """The package has the page as it was built, and needs no build of it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "--extract", str(path), folder], check=True)
        packed = {file.name: file.read_bytes() for file in pathlib.Path(folder, "usr/share/cockpit/vfiod").iterdir()}
    made = {file.name: file.read_bytes() for file in page_of(build).iterdir()}
    tap.equal("cockpit-vfiod has the files of the page", set(packed), set(made))
    tap.equal("they are as they were built", [name for name in made if packed.get(name) != made[name]], [])
    fields = subprocess.run(["dpkg-deb", "--field", str(path), "Architecture", "Depends"], check=True, stdout=subprocess.PIPE, text=True).stdout
    tap.equal("it is for all architectures, and depends on Cockpit and this vfiod", fields,
              f"Architecture: all\nDepends: cockpit-bridge (>= 266), vfiod (>= {package_version()})\n")


def package_version():
    changelog = (debian.ROOT / "debian/changelog").read_text(encoding="utf-8")
    return re.match(r"vfiod \(([^)]*)\)", changelog).group(1)


def check_version(tap):
    project = (debian.ROOT / "meson.build").read_text(encoding="utf-8")
    tap.equal("debian/changelog has the version of meson.build", package_version(),
              re.search(r"version: '([^']*)'", project).group(1))


def run(tap, build, work):
    check_version(tap)
    tree = work / "tree"
    page = page_of(build)
    debian.copy_tree(tree, page)
    first = reproducible.build_first(tree, work / "first")
    check_contents(tap, first, build, work)
    if page:
        check_page(tap, debian.packages(first)[PAGE_PACKAGE], build)
    tap.run("lintian", check_lintian, tap, first, work)
    second = reproducible.build_second(tree, work / "second")
    tap.equal("a build elsewhere, later, by another user makes the same files", reproducible.digests(second),
              reproducible.digests(first))


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="vfiod-package-", dir="/tmp") as folder:
        tap.run("package", run, tap, sys.argv[1], pathlib.Path(folder))
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
