#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel with iommufd for the guest, which no kernel of Debian is: built once, kept in the cache folder.

`prepared_kernel(name)` returns a prepare.Kernel. The names, and how these kernels offer a device to a VM:

    iommufd       by the node of its group, and by its own node (cdev)
    iommufd-cdev  by its own node only

The sources are Debian's. A new machine needs twenty minutes for the first kernel. The second is built in the same
folder and needs a minute more, so both are always built together. Like the guest's disk, the result is built under a
temporary name, under a lock, and its name contains a hash of the recipe.

Run as a program, it builds the kernels and prints their folder.
"""

import os
import pathlib
import shutil
import subprocess

import cache
import prepare

SOURCE = "linux-source-6.12"
CONFIG = pathlib.Path(__file__).resolve().with_name("iommufd.config")
BASE = ["x86_64_defconfig", "kvm_guest.config"]
# Each is built on top of the one before it, so that few objects are built again.
VARIANTS = {"iommufd": "", "iommufd-cdev": "CONFIG_VFIO_GROUP=n\nCONFIG_VFIO_CONTAINER=n\n"}
TARGETS = ["vmlinux", "modules"]
REQUIRED = ["CONFIG_IOMMUFD=y", "CONFIG_VFIO_DEVICE_CDEV=y", "CONFIG_VFIO_PCI=m", "CONFIG_VIRTIO_VFIO_PCI=m", "CONFIG_PVH=y",
            "CONFIG_USER_NS=y"]


def prepared():
    """The folder of all kernels. Builds them if they do not exist. Raises on failure."""
    recipe = [SOURCE, CONFIG.read_text(), BASE, VARIANTS, TARGETS]
    return cache.made("kernel", recipe, build, "the kernels with iommufd (25 minutes)")


def prepared_kernel(name):
    """The prepare.Kernel with this name."""
    folder = prepared() / name
    return prepare.Kernel(folder / "vmlinux", tree=folder / "tree")  # the initramfs needs no modules


def build(work):
    """Build all kernels, each into a folder of `work`."""
    sources = unpack_sources(work)
    for name, settings in VARIANTS.items():
        configure(sources, settings)
        run(sources, "make", f"-j{len(os.sched_getaffinity(0))}", *compiler(), *TARGETS)
        install(sources, work / name)
    shutil.rmtree(work / "sources")


def run(folder, *command):
    """Run a command. Its output is shown only if it fails. Programs that wait for the guest's processor are more urgent."""
    result = subprocess.run(["nice", "-n", "15", *command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace")
    if result.returncode != 0:
        tail = "\n".join(result.stdout.splitlines()[-40:])
        raise RuntimeError(f"{' '.join(command)} failed ({result.returncode}):\n{tail}")
    return result.stdout


def unpack_sources(work):
    """Download Debian's package of the sources, and unpack it. Returns the folder of the sources."""
    sources = work / "sources"
    sources.mkdir()
    run(sources, "apt-get", "download", "--quiet", "--option=APT::Sandbox::User=root", SOURCE)
    (package,) = sources.glob("*.deb")
    run(sources, "dpkg-deb", "--extract", package.name, ".")
    package.unlink()
    (archive,) = (sources / "usr/src").glob(f"{SOURCE}.tar.*")
    run(sources, "tar", "--extract", f"--file={archive}")
    archive.unlink()
    return sources / SOURCE


def compiler():
    """With ccache, kernels of another recipe take less time."""
    return ["CC=ccache gcc", "HOSTCC=ccache gcc"] if shutil.which("ccache") else []


def configure(sources, settings):
    """Write the .config. Raises if it lacks a setting that tests need."""
    (sources / "variant.config").write_text(CONFIG.read_text() + settings)
    run(sources, "make", *compiler(), *BASE)
    run(sources, "scripts/kconfig/merge_config.sh", "-m", ".config", "variant.config")
    run(sources, "make", *compiler(), "olddefconfig")
    found = (sources / ".config").read_text().splitlines()
    missing = [line for line in REQUIRED if line not in found]
    if missing:
        raise RuntimeError(f"the kernel's configuration lacks {', '.join(missing)}")


def install(sources, target):
    """Put the kernel and its modules into the folder `target`."""
    tree = target / "tree"
    tree.mkdir(parents=True)
    run(sources, "strip", "--strip-all", "-o", str(target / "vmlinux"), "vmlinux")
    run(sources, "make", *compiler(), "modules_install", f"INSTALL_MOD_PATH={tree}/usr", "INSTALL_MOD_STRIP=1")
    for link in tree.glob("usr/lib/modules/*/build"):
        link.unlink()


if __name__ == "__main__":
    print(prepared())
