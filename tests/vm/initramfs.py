# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's initramfs: it loads a few modules, mounts the root file system, and unpacks the build into it.

It is a newc cpio archive with busybox, the modules and the script below. The kernel's command line names two disks,
and the kernel passes these names as environment variables: root_disk, and overlay_disk, a tar of files to unpack
into the root file system before systemd starts. The script also runs the steps that a distribution package runs
after its installation (system users, message catalog), if the tar contains something for them.
"""

INIT = """#!/busybox sh
export PATH=/
/busybox mount -t devtmpfs devtmpfs /dev
/busybox mount -t proc proc /proc
/busybox mount -t sysfs sysfs /sys
for module in /modules/*; do [ ! -e "$module" ] || /busybox insmod "$module"; done
tries=0
until [ -b "$root_disk" ] && [ -b "$overlay_disk" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ]; then echo 'initramfs: no disks'; /busybox poweroff -f; fi
    /busybox usleep 50000
done
/busybox mount -t ext4 -o noatime,nobarrier "$root_disk" /root || exec /busybox poweroff -f
/busybox tar -x -f "$overlay_disk" -C /root || exec /busybox poweroff -f
/busybox mount --move /dev /root/dev
/busybox mount --move /proc /root/proc
/busybox mount --move /sys /root/sys
if [ -e /root/run/.guest/sysusers ]; then /busybox chroot /root /usr/bin/systemd-sysusers; fi
if [ -e /root/run/.guest/catalog ]; then /busybox chroot /root /usr/bin/journalctl --update-catalog; fi
/busybox rm -rf /root/run/.guest
exec /busybox switch_root /root /sbin/init
"""


def build_initramfs(busybox, modules, target, tables=()):
    """Write the initramfs to the path `target`. `busybox` and `modules` are files, the modules in their loading order.
    `tables` are ACPI tables as bytes; the kernel uses a table of them instead of the machine's own table if its revision is higher."""
    with open(target, "wb") as file:
        number = 0
        for name in ["dev", "proc", "sys", "root", "modules", "kernel", "kernel/firmware", "kernel/firmware/acpi"]:
            number += 1
            write_entry(file, number, name, 0o040755, b"")
        contents = [("init", INIT.encode()), ("busybox", busybox.read_bytes())]
        contents += [(f"modules/{module.name}", module.read_bytes()) for module in modules]
        contents += [(f"kernel/firmware/acpi/{i}.aml", table) for i, table in enumerate(tables)]
        for name, data in contents:
            number += 1
            write_entry(file, number, name, 0o100755, data)
        write_entry(file, 0, "TRAILER!!!", 0, b"")


def write_entry(file, number, name, mode, data):
    """Append one newc cpio entry."""
    encoded = name.encode() + b"\0"
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    file.write(header + b"\0" * (-len(header) % 4))
    file.write(data + b"\0" * (-len(data) % 4))
