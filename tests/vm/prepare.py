#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's disk: made once, kept in a cache folder, used read-only.

`prepared_image()` returns an Image whose folder holds

    root.img   an ext4 file system: Debian bookworm with the PACKAGES below
    vmlinux    its kernel, unpacked (saves four seconds of emulated xz)
    modules/   the modules that the initramfs loads, in loading order
    busybox    the only program of the initramfs

The folder is built under a temporary name and renamed when it is complete, under a lock, so parallel tests build it
only once. Its name contains a hash of the recipe: another package list makes another image. Package sources, proxies
and keys are those of this machine's apt. Needs root, mmdebstrap and mke2fs.

Run as a program, it makes the image and prints the folder.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import lzma
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import zlib

RELEASE = "bookworm"
KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")

PACKAGES = """
    linux-image-amd64 kmod busybox-static
    systemd systemd-sysv udev dbus dbus-broker polkitd
    iproute2 pciutils pci.ids procps strace python3 gdisk dosfstools acl
    libsystemd0 libudev1 libpci3 libsmartcols1 libjansson4 libkmod2 zlib1g libacl1
    qemu-system-x86 libvirt-daemon-system libvirt-clients driverctl
    lvm2 cryptsetup-bin mdadm dpdk
""".split()

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
set -e
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

FREE_SPACE = 1 << 30  # bytes that tests may write; the file is sparse


@dataclasses.dataclass(frozen=True)
class Image:
    """A complete image folder. Nobody writes to its files."""

    folder: pathlib.Path

    @property
    def root(self):
        return self.folder / "root.img"

    @property
    def kernel(self):
        return self.folder / "vmlinux"

    @property
    def busybox(self):
        return self.folder / "busybox"

    @property
    def modules(self):
        """Module files in their loading order."""
        return sorted((self.folder / "modules").iterdir())


def cache_folder():
    """The cache folder: $VFIOD_CACHE or ~/.cache/vfiod. It is made if it does not exist."""
    folder = pathlib.Path(os.environ.get("VFIOD_CACHE") or pathlib.Path.home() / ".cache" / "vfiod")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def recipe_hash():
    """A hash that changes when a new image would have different contents."""
    recipe = [RELEASE, PACKAGES, EXCLUDED, EARLY_MODULES, CUSTOMIZE, FREE_SPACE]
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]


def prepared_image(report=lambda text: print(text, file=sys.stderr, flush=True)):
    """Return the Image. Builds it first if it does not exist. Raises on failure."""
    cache = cache_folder()
    folder = cache / f"guest-{recipe_hash()}"
    with open(cache / "guest.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            report(f"making the guest's disk in {folder} (two minutes, once)")
            build(folder)
    return Image(folder)


def build(folder):
    """Build the image folder. Afterwards it is either complete or does not exist."""
    for leftover in folder.parent.glob(".guest-*"):
        shutil.rmtree(leftover)
    work = pathlib.Path(tempfile.mkdtemp(prefix=".guest-", dir=folder.parent))
    try:
        work.chmod(0o755)
        root = work / "root"
        make_root(root, work)
        shutil.copy2(root / "bin/busybox", work / "busybox")
        version = kernel_version(root)
        (work / "vmlinux").write_bytes(unpacked_kernel((root / f"boot/vmlinuz-{version}").read_bytes()))
        copy_modules(root / "lib/modules" / version, work / "modules")
        make_file_system(root, work / "root.img")
        shutil.rmtree(root)
        work.rename(folder)
    finally:
        if work.exists():
            shutil.rmtree(work)


def apt_sources():
    """The Debian bookworm lines of this machine's apt, as one-line sources."""
    fields = ["REPO_URI", "RELEASE", "COMPONENT", "ORIGIN", "CODENAME"]
    output = subprocess.run(
        ["apt-get", "indextargets", "--format", "|".join(f"$({field})" for field in fields),
         "Created-By: Packages"], check=True, stdout=subprocess.PIPE, text=True).stdout
    option = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    lines = []
    for row in output.splitlines():
        uri, release, component, origin, codename = row.split("|")
        if origin == "Debian" and codename.split("-")[0] == RELEASE:
            lines.append(f"deb {option}{uri} {release} {component}\n")
    if not lines:
        raise RuntimeError(f"apt knows no Debian {RELEASE} packages here; run 'apt-get update' first")
    return list(dict.fromkeys(lines))


def apt_proxies():
    """This machine's proxy settings as apt.conf lines."""
    output = subprocess.run(["apt-config", "dump"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [line for line in output.splitlines()
            if line.startswith("Acquire::") and "proxy" in line.lower() and not line.endswith('"";')]


def make_root(root, work):
    """Install PACKAGES into the folder `root` and customize it."""
    sources = work / "sources.list"
    sources.write_text("".join(apt_sources()))
    script = work / "customize"
    script.write_text(CUSTOMIZE)
    log = work / "mmdebstrap.log"
    command = ["mmdebstrap", "--mode=root", "--variant=minbase",
               "--include=" + ",".join(PACKAGES),
               "--aptopt=APT::Install-Recommends \"false\"",
               *(f"--aptopt={line}" for line in apt_proxies()),
               *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
               f"--customize-hook=chroot \"$1\" sh < {shlex.quote(str(script))}",
               RELEASE, str(root), str(sources)]
    with open(log, "w") as output:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT).returncode
    if status != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise RuntimeError(f"mmdebstrap failed ({status}):\n{tail}")


def kernel_version(root):
    """The only kernel version that is installed in `root`."""
    (version,) = (path.name for path in (root / "lib/modules").iterdir())
    return version


def unpacked_kernel(image):
    """The ELF kernel inside a bzImage, which QEMU starts directly (PVH). Returns the bzImage itself if its compression
    is unknown."""
    unpackers = [(b"\xfd7zXZ\x00", lambda data: lzma.LZMADecompressor().decompress(data)),
                 (b"\x1f\x8b\x08", lambda data: zlib.decompressobj(31).decompress(data))]
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
        shutil.copy2(source / path, target / f"{number:02}-{pathlib.PurePath(path).name}")


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
    print(prepared_image().folder)
