#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules over real reboots: a card that a rule has detached is on vfio-pci before any host driver has it.

The guests are the boots of one host: they share a copy of the root file system. In the first boot, the rules detach a
network card, and a sound card that an early unit had open. The next boots have no host driver of these cards in the
initramfs; then an initramfs that the tools of the host built with vfiod's hook, which has the driver of the network card and
not that of the sound card; then this initramfs with vfiod.early=0. In the last boot, a port that must be online has no cable.

The tools are initramfs-tools, or dracut with --system dracut.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

import host
import options
import prepare
import rules
import systems
from guest import Guest
from machine import Host
from tap import Tap
from tracing import Trace, processes
from view import UNIT, eventually

BOOT = "/etc/udev/rules.d/10-vfiod.rules"
TOPOLOGY = "used"
TRACED = "openat,open,openat2,write,readlink,readlinkat,access,faccessat2,newfstatat,statx"

# An early unit that opens the sound card as soon as its node exists.
OPENER = """[Unit]
DefaultDependencies=no
Before=shutdown.target
Conflicts=shutdown.target
[Service]
ExecStart=sh -c 'until [ -e /dev/snd/controlC0 ]; do sleep 0.2; done; exec 3</dev/snd/controlC0; touch /run/sound-opened; exec sleep infinity'
"""
# With vfiod.early=0, vfiod starts after that.
OPENED = """[Unit]
DefaultDependencies=no
ConditionKernelCommandLine=vfiod.early=0
Before=vfiod.service
[Service]
Type=oneshot
ExecStart=sh -c 'until [ -e /run/sound-opened ]; do sleep 0.2; done'
"""

FILES = {
    "/etc/systemd/system/sound-opener.service": OPENER,
    "/etc/systemd/system/sound-opened.service": OPENED,
    "/etc/systemd/system/vfiod-guest.target.d/boot.conf":
        "[Unit]\nWants=vfiod.service sound-opener.service sound-opened.service\n",
    # The network of the last boot, in which a unit wants network-online.target.
    "/etc/systemd/network/10-port.network": "[Match]\nName=ens1f0\n[Link]\nRequiredForOnline=yes\n"
                                            "[Network]\nAddress=192.0.2.2/24\nLinkLocalAddressing=no\n",
    # The smallest initramfs with the root file system and the driver of the network cards, which udev loads.
    "/etc/initramfs-tools/conf.d/test": "MODULES=list\nCOMPRESS=gzip\nCOMPRESSLEVEL=1\nFSTYPE=ext4\n",
    "/etc/initramfs-tools/modules": "virtio_pci\nvirtio_blk\nvirtio_console\next4\n",
    # What dracut chooses for any host, and this driver.
    "/etc/dracut.conf.d/test.conf": 'hostonly="no"\nadd_drivers+=" e1000e "\ncompress="gzip -1"\n',
}
# The hook of this test for initramfs-tools: a driver that only udev loads.
DRIVER_HOOK = """#!/bin/sh
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules e1000e
"""

# {whether the host has dracut: commands that build an initramfs and list what is in it}
TOOLS = {False: "chroot . mkinitramfs -o /initrd {version}; chroot . lsinitramfs /initrd",
         True: "chroot . dracut --quiet /initrd {version}; chroot . lsinitrd /initrd"}


class Booted(Host):
    """One boot of the host."""

    def __init__(self, tap, guest, number):
        super().__init__(tap, guest)
        self.number = number
        self.nic, self.sound, self.root = (guest.address(name) for name in ("nic", "sound", "root"))
        self.others = [guest.address("dual-0"), guest.address("dual-1")]

    def driver(self, address):
        return host.drivers(self.guest, address)[0]

    def log(self, driver, address):
        """The lines of the kernel's log that this driver wrote about this device."""
        lines = self.guest.check_run("dmesg").splitlines()
        return [line for line in lines if re.search(rf"\] {driver} {re.escape(address)}[ :]", line)]

    def lines(self):
        """The addresses in the boot file."""
        text = self.guest.run(f"cat {BOOT}")[1]
        return sorted(re.findall(r"^# device (\S+) ", text, re.MULTILINE))

    def wait_lines(self, addresses):
        return eventually(self.lines, sorted(addresses))

    def rule(self, name, address, **sections):
        """Write a rule for one device."""
        vendor, device = (self.guest.read(f"/sys/bus/pci/devices/{address}/{key}") for key in ("vendor", "device"))
        match = {"Address": address, "Vendor": vendor, "Device": device}
        text = rules.text({"Match": match, **sections})
        self.guest.check_run(f"mkdir -p {rules.FOLDER} && printf '{text}' > {rules.FOLDER}/{name}.conf")


def check_first(machine):
    """The first boot: only what a rule really detached gets into the boot file."""
    tap, guest, view = machine.tap, machine.guest, machine.view
    tap.equal("no rule: there is no boot file", guest.run(f"test -e {BOOT}")[0], 1)
    tap.check("the early unit has the sound card open", guest.wait_for("fuser /dev/snd/controlC0 || "
              "ls -l /proc/$(systemctl show --value -P MainPID sound-opener)/fd | grep -q controlC0"))
    for name, address in (("nic", machine.nic), ("sound", machine.sound), ("root", machine.root)):
        machine.rule(name, address)
    guest.check_run("vfioctl rescan")
    tap.equal("the rule detaches the network card", eventually(lambda: view.state(machine.nic), "detached"), "detached")
    found, message = rules.await_status(machine, "root", machine.root, "refused")
    tap.equal("the rule for the boot disk is refused", found, "refused")
    tap.contains("the rule says why", message, "vda is mounted")
    tap.equal("the rule for the sound card is refused, after a few attempts",
              eventually(lambda: rules.status(machine, "sound")[machine.sound][0], "refused"), "refused")
    tap.equal("only the detached card is in the boot file", machine.wait_lines([machine.nic]), [machine.nic])
    guest.check_run("systemctl stop sound-opener && vfioctl rescan")
    both = sorted([machine.nic, machine.sound])
    tap.equal("nobody has the sound card open: it is detached, and in the boot file", machine.wait_lines(both), both)
    tap.equal("the boot disk is not in it", machine.root in guest.read(BOOT), False)
    tap.equal("the sound card is reattached: its line is gone", (view.vfioctl(f"reattach {machine.sound}")[0],
              machine.wait_lines([machine.nic])), (0, [machine.nic]))
    tap.equal("detached again: it is back", (view.vfioctl(f"detach {machine.sound}")[0], machine.wait_lines(both)), (0, both))
    check_syntax(machine)
    check_reads(machine)
    check_order(machine)


def check_syntax(machine):
    """udev and systemd find no fault in what vfiod writes and installs."""
    tap, guest = machine.tap, machine.guest
    for path in (BOOT, rules.EARLY):
        name = pathlib.PurePath(path).name
        said = guest.run(f"udevadm test --action=add /sys/bus/pci/devices/{machine.nic} 2>&1 | grep -F {name}:")[1]
        faults = [line for line in said.splitlines() if re.search("nvalid|gnor|nknown|rror", line)]
        tap.equal(f"udev understands {name}", faults, [])


def check_order(machine):
    tap, guest = machine.tap, machine.guest
    output = guest.run("systemd-analyze verify vfiod.service libvirtd.service vfiod-guest.target 2>&1", 120)[1]
    tap.lacks("the units have no ordering cycle", output, "cycle")
    tap.equal("systemd-analyze finds no fault in vfiod's units", [line for line in output.splitlines() if "vfiod" in line and "man " not in line], [])
    after = guest.check_run("systemctl show --property=After --value libvirtd.service").split()
    tap.check("libvirtd starts after vfiod", UNIT in after, after)
    tap.equal("vfiod is active", machine.view.unit("ActiveState"), "active")


def check_reads(machine):
    """udev's rules as they run before vfiod has started: no event of a device reads its driver_override."""
    tap, guest = machine.tap, machine.guest
    guest.check_run("systemctl stop vfiod.service vfiod-worker.service vfiod-worker.socket vfiod-root.socket vfiod.socket")
    before = machine.bindings(*guest.check_run("ls /sys/bus/pci/devices").split())
    # udev keeps a worker that has nothing to do for some seconds, and gives it the next events.
    guest.check_run("udevadm settle", 120)
    trace = Trace(guest, processes(guest, "systemd-udevd"), f"--trace={TRACED} --string-limit=200")
    guest.check_run("udevadm trigger --action=add --subsystem-match=pci --subsystem-match=net && udevadm settle", 120)
    calls = trace.stop()
    tap.check("strace saw udev's events", sum("modalias" in call or "/vendor" in call for call in calls) > 3, calls[-20:])
    tap.equal("no event reads or writes driver_override", [call for call in calls if "driver_override" in call], [])
    tap.equal("no device is changed", machine.bindings(*guest.check_run("ls /sys/bus/pci/devices").split()), before)
    guest.check_run("systemctl start vfiod.service", 120)


def check_taken(machine, what):
    """Both cards are on vfio-pci, and no host driver had them."""
    tap, view, guest = machine.tap, machine.view, machine.guest
    for name, address, driver in (("network", machine.nic, "e1000e"), ("sound", machine.sound, "snd_hda_intel")):
        tap.equal(f"{what}: the {name} card is on vfio-pci", machine.driver(address), "vfio-pci")
        tap.equal(f"{what}: the kernel's log has no line of {driver} for it", machine.log(driver, address), [])
        tap.equal(f"{what}: vfiod has detached it", eventually(lambda address=address: view.state(address), "detached"),
                  "detached")
    both = sorted([machine.nic, machine.sound])
    tap.equal(f"{what}: both stay in the boot file", machine.wait_lines(both), both)
    tap.check(f"{what}: e1000e has the cards without a rule", all(machine.driver(other) == "e1000e" for other in machine.others))
    tap.equal(f"{what}: the early unit finds no sound card", guest.run("ls /dev/snd/controlC0 2>/dev/null")[1], "")
    tap.equal(f"{what}: the rule for the boot disk is refused", rules.await_status(machine, "root", machine.root, "refused")[0], "refused")


def check_second(machine):
    """The host driver is not in the initramfs."""
    check_taken(machine, "without the driver in the initramfs")


def build_initramfs(tap, disk, folder, version):
    """Let the tools of the host build an initramfs with vfiod's hook. They run in a copy of the root file system, because they take
    ten minutes in the guest. Returns the path of the initramfs."""
    tree = folder / "tree"
    for name in ("proc", "dev", "tmp", "run", "var/tmp"):
        (tree / name).mkdir(parents=True)
    subprocess.run(["debugfs", "-R", f"rdump /usr /etc /boot {tree}", str(disk)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    for name in ("bin", "sbin", "lib", "lib64"):
        (tree / name).symlink_to(f"usr/{name}")
    has_dracut = (tree / "usr/bin/dracut").exists()
    if not has_dracut:
        hook = tree / "etc/initramfs-tools/hooks/test-driver"
        hook.write_text(DRIVER_HOOK)
        hook.chmod(0o755)
    # The mounts end with their namespace.
    script = f"""set -e
cd {tree}; mount --bind /dev dev; mount -t proc proc proc
{TOOLS[has_dracut].format(version=version)}"""
    done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "sh", "-c", script], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    tap.equal("the host has the tool of its system", has_dracut, systems.chosen()[0] == "dracut")
    tap.check("it builds an initramfs", done.returncode == 0, done.stdout)
    for part in ("etc/udev/rules.d/10-vfiod.rules", "/vfio-pci.ko", "/vfio-pci-core.ko", "/e1000e.ko"):
        tap.contains(f"the initramfs contains {part}", done.stdout, part)
    tap.lacks("the initramfs does not contain the driver of the sound card", done.stdout, "/snd-hda-intel.ko")
    return tree / "initrd"


def seconds(lines):
    return float(re.match(r"\[ *([0-9.]+)\]", lines[0])[1])


def check_initramfs(machine):
    """The host driver is in the initramfs."""
    tap = machine.tap
    mounted = [line for line in machine.guest.check_run("dmesg").splitlines() if "EXT4-fs" in line and "mounted" in line]
    bound = machine.log("e1000e", machine.others[0])
    tap.check("udev loaded e1000e in the initramfs", seconds(bound) < seconds(mounted), bound + mounted)
    check_taken(machine, "with the driver in the initramfs")
    # Nothing loads vfio_iommu_type1 for a vfio that the initramfs has loaded without it.
    tap.equal("a virtual machine can use the network card", machine.guest.hold(machine.nic).stop(), 143)


def check_escape(machine):
    """vfiod.early=0: the host drivers get the cards first."""
    tap, view = machine.tap, machine.view
    tap.check("vfiod.early=0: e1000e had the network card", machine.log("e1000e", machine.nic))
    tap.equal("vfiod.early=0: then its rule detaches it", eventually(lambda: view.state(machine.nic), "detached"), "detached")
    tap.check("vfiod.early=0: the early unit has the sound card open", machine.guest.wait_for(
        "ls -l /proc/$(systemctl show --value -P MainPID sound-opener)/fd | grep -q controlC0"))
    tap.equal("vfiod.early=0: so the rule for the sound card is refused",
              eventually(lambda: rules.status(machine, "sound")[machine.sound][0], "refused"), "refused")
    tap.equal("vfiod.early=0: a card whose rule is refused has no line", machine.wait_lines([machine.nic]), [machine.nic])
    # For the next boot.
    machine.guest.check_run("systemctl enable systemd-networkd; "
                            "systemctl add-wants vfiod-guest.target network-online.target systemd-networkd.service; "
                            f"systemctl stop vfiod; rm {BOOT}", 200)


def check_network(machine):
    """A port that must be online has no cable: only the rule of the network card waits."""
    tap, guest, view = machine.tap, machine.guest, machine.view
    tap.check("vfiod is ready before the network is online", guest.wait_for(f"systemctl is-active {UNIT}", 200))
    tap.equal("the sound card is detached", view.state(machine.sound), "detached")
    tap.equal("the network is not online", view.unit("ActiveState", "network-online.target"), "inactive")
    tap.equal("the rule of the network card waits", rules.status(machine, "nic")[machine.nic],
              ("waiting", "vfiod waits until the network of the host is online"))
    tap.equal("the network card is with the host", eventually(lambda: view.state(machine.nic), "host"), "host")
    guest.qmp.execute("set_link", name="dual-0", up=True)
    tap.equal("the cable is plugged in: the rule detaches the network card",
              eventually(lambda: view.state(machine.nic), "detached", 120), "detached")
    tap.equal("the network is online", view.unit("ActiveState", "network-online.target"), "active")
    tap.equal("the port that is online is with the host", view.state(machine.others[0]), "host")


BOOTS = [
    # (part, with the initramfs that was built in the guest, more properties of the Guest, whether the boot ends)
    (check_first, False, {}, True),
    (check_second, False, {}, True),
    (check_initramfs, True, {}, True),
    (check_escape, True, {"kernel_arguments": "vfiod.early=0"}, True),
    (check_network, False, {"unplugged": ("dual-0",), "kernel_arguments": "systemd.mask=sound-opener.service"}, False),
]


def run_boots(tap, destdir, work):
    folder = pathlib.Path(tempfile.mkdtemp(dir=work))
    image = prepare.prepared_image(systems.SYSTEMS[systems.chosen()[0]])
    disk = folder / "root.img"
    subprocess.run(["cp", "--sparse=always", str(image.root), str(disk)], check=True)
    initrd = version = None
    for number, (part, built, properties, finished) in enumerate(BOOTS, 1):
        properties = dict(properties)
        if built:
            initrd = initrd or build_initramfs(tap, disk, folder, version)
            properties["initrd"] = initrd
            properties["kernel_arguments"] = "root=/dev/vda rw " + properties.get("kernel_arguments", "")
        with Guest(TOPOLOGY, destdir=destdir, files=FILES, disk=disk, **properties) as guest:
            tap.watch(guest)
            guest.boot(finished=finished)
            version = guest.check_run("uname -r")
            tap.note(f"boot {number}: {part.__doc__}")
            tap.run(part.__name__, part, Booted(tap, guest, number))
            guest.shutdown()


def main():
    choice = options.parser(__doc__).parse_args()
    tap = Tap()
    with options.installed(choice) as destdir, tempfile.TemporaryDirectory(prefix="vfiod-boot-") as folder:
        tap.run("boot", run_boots, tap, destdir, pathlib.Path(folder))
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
