#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's disk: made once for each system, kept in the cache folder, used read-only.

`prepared_image(system)` returns an Image of a system of systems.py. Its folder holds

    root.img   an ext4 file system: Debian with the packages below
    kernels/   a folder for each of the system's kernels:
        vmlinux    the kernel, unpacked (saves four seconds of emulated xz)
        modules/   the modules that the initramfs loads, unpacked, in loading order
    busybox    the only program of the initramfs
    qemu/      the system's own QEMU with its libraries and ROMs, if the guest needs a newer one than this machine has

Package sources, proxies and keys are those of this machine's apt; the sources of another release are at the same
places. Needs root, mmdebstrap, mke2fs and zstd.

Run as a program, it makes the image of the system that --system names, and prints the folder.
"""

import argparse
import contextlib
import dataclasses
import lzma
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import zlib

import cache
import systems

KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")

PACKAGES = """
    linux-image-amd64 kmod busybox-static
    systemd systemd-sysv udev dbus dbus-broker polkitd
    iproute2 pciutils pci.ids procps strace python3 gdisk dosfstools e2fsprogs acl
    libsystemd0 libudev1 libpci3 libsmartcols1 libjansson4 libkmod2 libmnl0 zlib1g libacl1
    qemu-system-x86 libvirt-daemon-system libvirt-clients driverctl
    lvm2 cryptsetup-bin mdadm dpdk
""".split()

# More packages of one system.
MORE_PACKAGES = {
    "bookworm": ["cockpit-ws", "cockpit-bridge", "cockpit-system", "sudo"],
    "dracut": ["dracut"],
    "autopkgtest": ["autopkgtest", "apt-utils", "dpkg-dev", "man-db"],
}
# More of their services.
MORE_DISABLED = {"bookworm": "cockpit.socket"}

# No test needs these, and they are a third of the image.
EXCLUDED = ["/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*"]

# The initramfs must load these before it can mount the root file system and start the agent.
EARLY_MODULES = ["virtio_pci", "virtio_blk", "virtio_console", "nvme", "ext4"]

# Services that would make the guest depend on the time of day, or that a test starts itself when it needs them.
DISABLED = """
    libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket
    libvirtd-tls.socket libvirtd-tcp.socket libvirt-guests.service
    virtlogd.service virtlogd.socket virtlogd-admin.socket
    virtlockd.service virtlockd.socket virtlockd-admin.socket
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
    e2scrub_reap.service fstrim.timer mdcheck_start.timer mdcheck_continue.timer
    lvm2-monitor.service blk-availability.service dm-event.socket lvm2-lvmpolld.socket
    mdmonitor-oneshot.timer systemd-timesyncd.service getty@tty1.service
""".split()

# Run inside the new root, as root.
CUSTOMIZE = f"""
echo vfiod-guest > /etc/hostname
echo '127.0.0.1 localhost vfiod-guest' > /etc/hosts
passwd --delete root
useradd --create-home --shell /bin/bash alice
useradd --create-home --shell /bin/bash bob
for unit in {" ".join(DISABLED)}; do systemctl disable --quiet "$unit" 2>/dev/null || true; done
systemctl disable --quiet dbus-broker.service  # it is also dbus.service, if a test wants it
touch /etc/.updated /var/.updated
journalctl --update-catalog
rm -rf /var/cache/apt /var/lib/apt/lists /boot/initrd.img-*
"""

# Run before that, if the system has a kernel from backports. Debian's own kernel stays.
BACKPORTS = """
DEBIAN_FRONTEND=noninteractive apt-get install --yes --target-release={release}-backports linux-image-amd64
"""

FREE_SPACE = 1 << 30  # bytes that tests may write; the file is sparse

# The parts of a system's QEMU. The libraries are found by its own loader.
LOADER = "lib64/ld-linux-x86-64.so.2"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
QEMU = "usr/bin/qemu-system-x86_64"
QEMU_DATA = ["usr/share/qemu", "usr/share/seabios"]


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel that QEMU starts directly, and the files that the initramfs loads. `tree`, if not None, is a folder with
    modules that the root file system does not have."""

    kernel: pathlib.Path
    modules: tuple = ()
    tree: pathlib.Path = None


@dataclasses.dataclass(frozen=True)
class Image:
    """A complete image folder. Nobody writes to its files."""

    folder: pathlib.Path

    @property
    def root(self):
        return self.folder / "root.img"

    @property
    def busybox(self):
        return self.folder / "busybox"

    def kernel(self, name):
        """A Kernel of the system. Its module files are in their loading order."""
        folder = self.folder / "kernels" / name
        return Kernel(folder / "vmlinux", tuple(sorted((folder / "modules").iterdir())))

    def qemu(self):
        """The first words of the command line of the system's QEMU; this machine's QEMU if the system has none."""
        tree = self.folder / "qemu"
        if not tree.is_dir():
            return ["qemu-system-x86_64"]
        return [str(tree / LOADER), "--library-path", str(tree / LIBRARIES), str(tree / QEMU),
                *(word for folder in QEMU_DATA for word in ("-L", str(tree / folder)))]


def prepared_image(system):
    """Return the Image of a System. Builds it first if it does not exist. Raises on failure."""
    recipe = [dataclasses.astuple(system), packages(system), EXCLUDED, EARLY_MODULES, customization(system), BACKPORTS, FREE_SPACE, QEMU_DATA]
    return Image(cache.made(system.name, recipe, lambda work: build(system, work),
                            f"the disk of the guest with Debian {system.name} (a few minutes)"))


def packages(system):
    return PACKAGES + MORE_PACKAGES.get(system.name, [])


def customization(system):
    disabled = MORE_DISABLED.get(system.name)
    return CUSTOMIZE + (f"systemctl disable --quiet {disabled}\n" if disabled else "")


def build(system, work):
    """Fill the new image folder `work`."""
    root = work / "root"
    make_root(system, root, work)
    shutil.copy2(root / "bin/busybox", work / "busybox")
    for name, version in zip(system.debian_kernels, kernel_versions(root, len(system.debian_kernels))):
        folder = work / "kernels" / name
        folder.mkdir(parents=True)
        (folder / "vmlinux").write_bytes(unpacked_kernel((root / f"boot/vmlinuz-{version}").read_bytes()))
        copy_modules(root / "lib/modules" / version, folder / "modules")
    if system.own_qemu:
        copy_qemu(root, work / "qemu")
    make_file_system(root, work / "root.img")
    shutil.rmtree(root)


def apt_sources(system):
    """The lines of this machine's apt for Debian, as one-line sources for the release of `system`."""
    fields = ["REPO_URI", "RELEASE", "COMPONENT", "ORIGIN", "CODENAME"]
    output = subprocess.run(
        ["apt-get", "indextargets", "--format", "|".join(f"$({field})" for field in fields),
         "Created-By: Packages"], check=True, stdout=subprocess.PIPE, text=True).stdout
    option = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    lines = []
    for row in output.splitlines():
        uri, release, component, origin, codename = row.split("|")
        own, _, suffix = codename.partition("-")
        if origin != "Debian" or suffix not in ("", "updates", "security"):
            continue
        release = release.replace(own, system.release)
        lines.append(f"deb {option}{uri} {release} {component}\n")
        if not suffix and "backports" in system.debian_kernels:
            lines.append(f"deb {option}{uri} {release}-backports {component}\n")
    if not lines:
        raise RuntimeError("apt knows no Debian packages here; run 'apt-get update' first")
    return list(dict.fromkeys(lines))


def apt_proxies():
    """This machine's proxy settings as apt.conf lines."""
    output = subprocess.run(["apt-config", "dump"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [line for line in output.splitlines()
            if line.startswith("Acquire::") and "proxy" in line.lower() and not line.endswith('"";')]


def make_root(system, root, work):
    """Install the packages into the folder `root` and customize it."""
    sources = work / "sources.list"
    sources.write_text("".join(apt_sources(system)))
    script = work / "customize"
    backports = BACKPORTS.format(release=system.release) if "backports" in system.debian_kernels else ""
    script.write_text("set -e\n" + backports + customization(system))
    log = work / "mmdebstrap.log"
    command = ["mmdebstrap", "--mode=root", "--variant=minbase",
               "--include=" + ",".join(packages(system)),
               "--aptopt=APT::Install-Recommends \"false\"",
               *(f"--aptopt={line}" for line in apt_proxies()),
               *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
               f"--customize-hook=chroot \"$1\" sh < {shlex.quote(str(script))}",
               system.release, str(root), str(sources)]
    environment = os.environ | {"INITRD": "No"}  # nobody needs the initrd of the package
    with open(log, "w") as output:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT, env=environment).returncode
    if status != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise RuntimeError(f"mmdebstrap failed ({status}):\n{tail}")


def kernel_versions(root, expected):
    """The versions of the kernels in `root`, from old to new."""
    found = sorted((path.name for path in (root / "lib/modules").iterdir()), key=by_version)
    if len(found) != expected:
        raise RuntimeError(f"{expected} kernels expected, found: {', '.join(found)}")
    return found


def by_version(name):
    """The key to sort names of kernels from old to new."""
    return [int(number) for number in re.findall("[0-9]+", name)]


def copy_packed_kernel(image, number, target):
    """Copy a kernel from the root file system of an Image, as Debian packs it, to the path `target`. The system's kernels
    have numbers from old to new."""
    def ask(request):
        return subprocess.run(["debugfs", "-R", request, str(image.root)], check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True).stdout
    names = sorted((name for name in ask("ls -p /boot").split("/") if name.startswith("vmlinuz-")), key=by_version)
    ask(f"dump /boot/{names[number]} {target}")


def unpacked_zstd(data):
    """What is packed at the beginning of `data`, whatever follows."""
    return subprocess.run(["zstd", "--decompress", "--stdout", "--quiet"], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def unpacked_kernel(image):
    """The ELF kernel inside a bzImage, which QEMU starts directly (PVH). Returns the bzImage itself if its compression
    is unknown."""
    unpackers = [(b"\xfd7zXZ\x00", lambda data: lzma.LZMADecompressor().decompress(data)),
                 (b"\x1f\x8b\x08", lambda data: zlib.decompressobj(31).decompress(data)),
                 (b"\x28\xb5\x2f\xfd", unpacked_zstd)]
    for magic, unpack in unpackers:
        position = image.find(magic)
        while position >= 0:
            with contextlib.suppress(lzma.LZMAError, zlib.error):
                kernel = unpack(image[position:])
                if kernel.startswith(b"\x7fELF"):
                    return kernel
            position = image.find(magic, position + 1)
    return image


def copy_modules(source, target):
    """Copy EARLY_MODULES and their dependencies, numbered in loading order."""
    needs = {}
    for line in (source / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    by_name = {pathlib.PurePath(path).name.split(".")[0].replace("-", "_"): path for path in needs}
    ordered = []

    def add(path):
        for dependency in needs[path]:
            if dependency not in ordered:
                add(dependency)
        if path not in ordered:
            ordered.append(path)

    wanted = list(EARLY_MODULES)
    if "crc32c_generic" in by_name:  # a soft dependency of ext4, not in modules.dep
        wanted.insert(0, "crc32c_generic")
    built_in = (source / "modules.builtin").read_text().replace("-", "_")
    for name in wanted:
        if name in by_name:
            add(by_name[name])
        elif f"/{name}.ko" not in built_in:
            raise RuntimeError(f"the guest's kernel has no module {name}")
    target.mkdir()
    for number, path in enumerate(ordered):
        data = (source / path).read_bytes()
        if path.endswith(".xz"):
            data = lzma.decompress(data)
        (target / f"{number:02}-{pathlib.PurePath(path).name.removesuffix('.xz')}").write_bytes(data)


def copy_qemu(root, target):
    """Copy the QEMU of the system in `root` with all that it needs to run on this machine."""
    for name in [QEMU, *QEMU_DATA]:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "--archive", str(root / name), str(target / name)], check=True)
    loader = root / LOADER
    # Links that lead out of the tree would name files of this machine.
    (target / LOADER).parent.mkdir(parents=True)
    shutil.copy2(loader, target / LOADER)
    listing = subprocess.run([str(loader), "--library-path", str(root / LIBRARIES), "--list", str(root / QEMU)],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
    for path in re.findall(r"=> (\S+) ", listing):
        copy = target / LIBRARIES / pathlib.PurePath(path).name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)


def make_file_system(root, image):
    """Write the folder `root` into a new ext4 file system."""
    used = int(subprocess.run(["du", "--summarize", "--block-size=1", str(root)], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.split()[0])
    with open(image, "wb") as file:
        file.truncate(used + used // 5 + FREE_SPACE)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-L", "vfiod-root",
                    "-O", "^has_journal,^metadata_csum", "-E", "lazy_itable_init=1,nodiscard",
                    "-d", str(root), str(image)], check=True)


if __name__ == "__main__":
    choice = systems.add_choice(argparse.ArgumentParser(description=__doc__.partition("\n")[0])).parse_args()
    print(prepared_image(systems.SYSTEMS[choice.system]).folder)
