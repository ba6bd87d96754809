#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vfioctl doctor on machines where something is wrong, and on one where nothing is.

Each row is a boot with its own hardware, kernel parameters or files. --row chooses some of them. With another IOMMU than VT-d
(--iommu), or with a kernel that has cdevs only (--kernel iommufd-cdev), only the row "good" is played.
"""

import json
import sys

import options
import systems
from guest import Guest
from tap import Tap
from view import View

UNSOUND = 8
GRUB = "/etc/default/grub"
GRUB_TEXT = 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet{}"\nGRUB_CMDLINE_LINUX=""\n'
BLACKLIST = "/etc/modprobe.d/no-vfio.conf"
IDS = "/etc/modprobe.d/ids.conf"


class Host:
    """A guest, and what doctor says in it."""

    def __init__(self, tap, guest, name):
        self.tap, self.guest, self.name = tap, guest, name
        self.view = View(guest)

    def doctor(self, words="", user=None):
        """Run doctor; return (status, {code: check}). Checks of one code are the same for this program."""
        status, output = self.view.vfioctl(f"doctor {words} --json", user)
        result = json.loads(output)
        return status, {check["code"]: check for check in result["checks"]}

    def expect(self, checks, code, severity, says="", cure=""):
        """There is this check."""
        check = checks.get(code)
        found = check and (check["severity"], says in check["finding"], cure in (check["cure"] or ""))
        return self.tap.check(f"{self.name}: {code} is {severity}", found == (severity, True, True), check)

    def expect_status(self, status, expected):
        return self.tap.equal(f"{self.name}: exit status", status, expected)

    def severities(self, checks, severity):
        return sorted(code for code, check in checks.items() if check["severity"] == severity)


def has_nothing_wrong(host):
    """No check is an error. What the worker and the census tell is in it, too."""
    tap, guest = host.tap, host.guest
    iommu = systems.chosen_iommu()
    status, checks = host.doctor()
    host.expect_status(status, 0)
    tap.equal(f"{host.name}: no errors", host.severities(checks, "error"), [])
    host.expect(checks, "iommu", "ok")
    host.expect(checks, "firmware-tables", "ok")
    host.expect(checks, "vfio-module", "ok")
    safe = iommu.parameters != systems.UNSAFE
    tap.note(f"interrupt-remapping: {checks.get('interrupt-remapping')}")
    if safe:
        host.expect(checks, "interrupt-remapping", "ok")
    tap.check(f"{host.name}: no check of a device", not [code for code in checks if code.startswith("device-")])
    tap.check(f"{host.name}: all checks were made", "diagnosis-incomplete" not in checks)
    tap.contains(f"{host.name}: doctor on the terminal", host.view.vfioctl("doctor")[1], "\nBoot\n  ok      The IOMMU is on.")

    nic = guest.address("nic")
    status, checks = host.doctor(nic)
    host.expect_status(status, 0)
    host.expect(checks, "device-state", "ok", f"{nic} is with the host")
    host.expect(checks, "device-group", "ok")
    host.expect(checks, "device-reset", "ok")


def knows_nodes_and_limits(host):
    """After a detach: the interface of vfio, and the modes of the nodes, which only the worker sees."""
    guest, nic = host.guest, host.guest.address("nic")
    cdevs_only = host.guest.facts.ways == (systems.CDEV,)
    guest.check_run(f"vfioctl detach {nic}")
    _, checks = host.doctor()
    host.expect(checks, "vfio-interface", "info" if cdevs_only else "ok", "iommufd" if cdevs_only else "nodes of groups")
    host.tap.check("nobody else may open the nodes", "vfio-node" not in checks)
    node = guest.check_run("find /dev/vfio -type c ! -name vfio | head -n 1").strip()
    guest.check_run(f"chmod 0666 {node}")
    _, checks = host.doctor()
    host.expect(checks, "vfio-node", "warning", node)
    guest.check_run(f"chmod 0600 {node}")

    status, checks = host.doctor(user="alice")
    host.expect_status(status, 0)
    host.expect(checks, "node-access", "info")
    host.expect(checks, "memlock", "warning", "Your limit of locked memory is")
    _, checks = host.doctor(nic)
    host.expect(checks, "device-state", "ok", "is detached")
    guest.check_run(f"vfioctl reattach {nic}")


def knows_other_means(host):
    """Ids in modprobe.d, driverctl, and a device that somebody else has bound."""
    guest, nic = host.guest, host.guest.address("nic")
    guest.check_run(f"mkdir -p /etc/driverctl.d && echo vfio-pci > /etc/driverctl.d/pci-{nic}")
    guest.check_run(f"echo 'options vfio-pci ids=1234:11e8' > {IDS}")
    _, checks = host.doctor()
    host.expect(checks, "driverctl", "warning", nic, f"sudo driverctl unset-override {nic}")
    host.expect(checks, "captured-ids", "info", "no device has them", f"sudo sed -i '1s/^/#/' {IDS}")
    guest.check_run(checks["captured-ids"]["cure"].replace("sudo ", ""))
    _, checks = host.doctor()
    host.tap.check("the cure of captured-ids works", "captured-ids" not in checks, checks.get("captured-ids"))
    guest.check_run("rm -r /etc/driverctl.d")

    guest.check_run("modprobe vfio-pci")
    ids = guest.check_run(f"cat /sys/bus/pci/devices/{nic}/vendor /sys/bus/pci/devices/{nic}/device").replace("0x", "").split()
    guest.check_run(f"echo {nic} > /sys/bus/pci/devices/{nic}/driver/unbind")
    guest.check_run(f"echo {ids[0]} {ids[1]} > /sys/bus/pci/drivers/vfio-pci/new_id")
    _, checks = host.doctor(nic)
    host.expect(checks, "device-state", "info", "new_id", "reattach --adopt")
    _, checks = host.doctor()
    host.expect(checks, "foreign-devices", "info", nic)


def finds_no_iommu(host):
    """The machine has no IOMMU."""
    status, checks = host.doctor()
    host.expect_status(status, UNSOUND)
    host.expect(checks, "firmware-tables", "error", "no table DMAR", "virtual IOMMU")
    host.expect(checks, "iommu", "error", "absent")
    _, checks = host.doctor(host.guest.address("nic"))
    host.expect(checks, "device-group", "error", "has no IOMMU group")
    host.expect(checks, "iommu", "error", "absent")


def finds_off_switch(host):
    """The kernel was started with intel_iommu=off, which is in the settings of GRUB. The cure removes it there."""
    guest = host.guest
    status, checks = host.doctor(user="alice")
    host.expect_status(status, UNSOUND)
    host.expect(checks, "firmware-tables", "ok", "DMAR")
    if host.expect(checks, "iommu", "error", "started with intel_iommu=off", "sudo sed -i") and \
            host.tap.equal("the cure names the file", checks["iommu"]["details"].get("file"), GRUB):
        guest.check_run(checks["iommu"]["cure"].replace("sudo ", ""))
        host.tap.equal("the cure changes the file", guest.check_run(f"cat {GRUB}"), GRUB_TEXT.format("").strip())
        host.tap.equal("and makes the configuration of GRUB again", guest.check_run("cat /run/updated"), "yes")
    _, checks = host.doctor()
    host.expect(checks, "iommu", "error", "started with intel_iommu=off",
                f"{GRUB} is right already. Run 'sudo update-grub'")
    host.tap.check("the second cure changes no file", "sed" not in checks["iommu"]["cure"], checks["iommu"]["cure"])


def finds_passthrough(host):
    """iommu=pt is no error."""
    status, checks = host.doctor()
    host.expect_status(status, 0)
    host.expect(checks, "iommu-passthrough", "info", "iommu=pt")
    host.expect(checks, "iommu", "ok")


def finds_interrupts(host):
    """Interrupts are not remapped, so QEMU would fail with EPERM."""
    status, checks = host.doctor()
    host.expect_status(status, UNSOUND)
    host.expect(checks, "interrupt-remapping", "error", "EPERM", "intremap=off")


def finds_blacklist(host):
    """The administrator forbids vfio-pci. The cure permits it again."""
    guest, nic = host.guest, host.guest.address("nic")
    status, checks = host.doctor()
    host.expect_status(status, UNSOUND)
    host.expect(checks, "vfio-module", "error", f"line 2 of {BLACKLIST}", f"sudo sed -i '2s/^/#/' {BLACKLIST}")
    host.tap.check("the detach is refused indeed", host.view.vfioctl(f"detach {nic}")[0] != 0)
    guest.check_run(checks["vfio-module"]["cure"].replace("sudo ", ""))
    status, checks = host.doctor()
    host.expect_status(status, 0)
    host.expect(checks, "vfio-module", "ok", "is not loaded")
    guest.check_run(f"vfioctl detach {nic}")
    _, checks = host.doctor()
    host.expect(checks, "vfio-module", "ok", "is available")


GRUB_FILES = {GRUB: GRUB_TEXT.format(" intel_iommu=off"),
              "/usr/sbin/update-grub": "#!/bin/sh\necho yes > /run/updated\n"}

# {row: (checks, arguments of Guest)}
ROWS = {
    "good": ((has_nothing_wrong, knows_nodes_and_limits, knows_other_means), {}),
    "no-iommu": ((finds_no_iommu,), {"iommu": False}),
    "off": ((finds_off_switch,), {"kernel_arguments": "intel_iommu=off", "files": GRUB_FILES}),
    "passthrough": ((finds_passthrough,), {"kernel_arguments": "iommu=pt"}),
    "interrupts": ((finds_interrupts,), {"kernel_arguments": "intremap=off"}),
    "blacklist": ((finds_blacklist,), {"files": {BLACKLIST: "# No virtual machines here.\nblacklist vfio-pci\n"}}),
}


def play_row(tap, destdir, name):
    checks, properties = ROWS[name]
    topology = "full" if systems.chosen_iommu() is systems.IOMMUS["intel"] else "e1000e"
    with Guest(topology, destdir=destdir, **properties) as guest:
        tap.watch(guest)
        guest.boot()
        tap.note(f"{name}: booted in {guest.boot_seconds:.1f} s")
        if "/usr/sbin/update-grub" in properties.get("files", {}):
            guest.check_run("chmod 0755 /usr/sbin/update-grub")
        # The start of the helpers may take longer than a diagnosis waits. For the next ones, they run already.
        guest.run("vfioctl doctor")
        host = Host(tap, guest, name)
        for check in checks:
            tap.note(check.__doc__)
            tap.run(f"{name}: {check.__name__}", check, host)


def main():
    parser = options.parser(__doc__)
    parser.add_argument("--row", dest="rows", action="append", choices=ROWS, help="play only this row; may be repeated")
    choice = parser.parse_args()
    tap = Tap()
    is_usual = systems.chosen_iommu() is systems.IOMMUS["intel"] and choice.kernel != "iommufd-cdev"
    with options.installed(choice) as destdir:
        for name in choice.rows or (ROWS if is_usual else ["good"]):
            tap.run(name, play_row, tap, destdir, name)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
