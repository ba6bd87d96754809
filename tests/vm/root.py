#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A host with its root file system on an NVMe disk and its default route on the only network card.

vfiod refuses to detach them and the boot display, by a call or by a rule. Everybody may ask for a plan; a plan says
why the detach would be refused and writes nothing. vfiod does not execute a plan after the host has changed.
"""

import json
import re
import sys

import dmar
import options
import topology
from guards import check_refused
from guest import Guest
from machine import ERROR, Host
from programs import GuestError
from rules import Rules, status
from tap import Tap
from tracing import Trace
from view import REFUSED, UNIT, WORKER, eventually

ROUTE = ("ip link set {name} up; ip address add 192.0.2.2/24 dev {name}; ip route add default via 192.0.2.1")
# System calls that change something, or could.
CALLS = ("openat,open,creat,write,writev,pwrite64,pwritev,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,"
         "rmdir,link,linkat,symlink,symlinkat,chmod,fchmod,fchmodat,chown,fchown,fchownat,truncate,ftruncate,mknod,"
         "mknodat,setxattr,fsetxattr,finit_module,init_module,delete_module,mount,umount2,ioctl")
# What the daemon may do anyway: use sockets, pipes and its event descriptors, and read.
HARMLESS = re.compile(r"O_RDONLY|O_PATH|write[v]?\(\d+<(socket|pipe|anon_inode|UNIX|NETLINK)|ioctl\(.*(TCGETS|FIOCLEX)"
                      r"|^\S*\s*(---|\+\+\+|strace:)|resumed|ENOENT|/dev/null")


class Machine(Host):
    def __init__(self, tap, guest):
        super().__init__(tap, guest)
        self.root, self.nic = guest.address("root"), guest.address("nic")
        self.name = guest.check_run(f"ls /sys/bus/pci/devices/{self.nic}/net")


def check_root(machine):
    """The root disk, selected by each of its names."""
    tap, guest = machine.tap, machine.guest
    before = machine.snapshot(machine.root)
    tap.contains("the root file system is on the NVMe disk", guest.check_run("findmnt --output SOURCE /"), "nvme0n1")
    for selector in (machine.root, "nvme0n1", f"group:{guest.group(machine.root)}"):
        check_refused(machine, f"the root disk as {selector}", selector, "storage", ["nvme0n1 is mounted on /"])
    tap.equal("vfiod did not change the root disk",
              (machine.snapshot(machine.root), machine.view.records()), (before, []))
    guest.check_run("echo 3 > /proc/sys/vm/drop_caches; ls -R /usr/lib/python3 > /dev/null")


def check_route(machine):
    """The network card with the default route."""
    tap, guest = machine.tap, machine.guest
    guest.check_run(ROUTE.format(name=machine.name))
    before, route = machine.snapshot(machine.nic), guest.check_run("ip route get 198.51.100.1")
    check_refused(machine, "the default route's card", machine.name, "network",
                  [f"{machine.name} has the address 192.0.2.2", "default route"])
    tap.equal("vfiod did not change it", (machine.snapshot(machine.nic), machine.view.records()), (before, []))
    tap.equal("the route still exists", guest.check_run("ip route get 198.51.100.1"), route)


def check_rules(machine):
    """Rules for devices that the host needs: at the start, and when vfiod reads the rules again."""
    tap, guest = machine.tap, machine.guest
    display = guest.address("display")
    # Everybody may read the state of a rule, so it does not tell where a disk is mounted.
    kept = {"disks": (machine.root, "nvme0n1 is mounted."), "network": (machine.nic, "192.0.2.2"),
            "display": (display, "the display that the host was started with")}
    before = machine.bindings(machine.root, machine.nic, display)
    with Rules(machine, disks={"Match": {"Vendor": "1b36", "Class": "0108"}}, network={"Match": {"Class": "02"}},
               display={"Match": {"Class": "03"}, "Detach": {"Companions": "all"}}):
        for what, restart in (("rules read again", "vfioctl rescan"), ("at the start", f"systemctl restart {UNIT}")):
            guest.check_run(restart)
            for name, (address, evidence) in kept.items():
                found = eventually(lambda name=name, address=address: status(machine, name).get(address, (None,))[0], "refused")
                tap.equal(f"{what}: the rule for the {name} is refused", found, "refused")
                tap.contains(f"{what}: the rule says why", status(machine, name)[address][1], evidence)
                tap.check(f"{what}: the journal says why", guest.wait_for(
                    f"journalctl --unit={UNIT} --boot | grep -F 'Rule {name}: {address} is not detached' | grep -qF '{evidence}'"))
            tap.equal(f"{what}: no device was changed", machine.bindings(machine.root, machine.nic, display), before)
            tap.equal(f"{what}: no state file is left", eventually(machine.view.records, []), [])
    with Rules(machine, network={"Match": {"Class": "02"}, "Detach": {"Override": "network"}}):
        tap.equal("a rule with the override detaches the network card",
                  eventually(lambda: machine.view.state(machine.nic), "detached"), "detached")
    tap.equal("the card is reattached", machine.view.vfioctl(f"reattach {machine.nic}")[0], 0)
    guest.check_run("udevadm settle")
    guest.check_run(ROUTE.format(name=machine.name))


def traced(machine, words, user):
    """Run `vfioctl` while strace traces every process of the daemon. Returns the status, the output, and the system
    calls that could have written."""
    guest = machine.guest
    guest.check_run(f"systemctl restart {UNIT}; systemctl start {WORKER}")
    trace = Trace(guest, [machine.view.unit("MainPID"), machine.view.unit("MainPID", WORKER)],
                  f"--decode-fds=path --trace={CALLS}")
    status, output = machine.view.vfioctl(words, user)
    calls = trace.stop()
    machine.tap.check("strace traced the daemon and its worker",
                      len({line.split()[0] for line in calls}) > 1, calls[-20:])
    return status, output, [line for line in calls if not HARMLESS.search(line)]


def check_plan(machine):
    """Everybody may ask for a plan, and a plan writes nothing."""
    tap = machine.tap
    for selector, user, evidence in (("nvme0n1", None, "nvme0n1 is mounted on /"), ("nvme0n1", "alice", "nvme0n1 is mounted"),
                                     (machine.name, "alice", "192.0.2.2")):
        status, output, writes = traced(machine, f"plan {selector}", user)
        tap.equal(f"plan of {selector}: the detach would be refused", status, REFUSED)
        tap.contains(f"plan of {selector}: it says why", output, evidence)
        for step in ("load-driver", "override", "unbind", "probe", "wait-node"):
            tap.contains(f"plan of {selector}: it has the step {step}", output, step)
        tap.contains(f"plan of {selector}: it has a fingerprint", output, "Fingerprint: ")
        tap.equal(f"plan of {selector}: root alone reads where a disk is mounted", "mounted on /" in output, user is None and
                  selector == "nvme0n1")
        tap.equal(f"plan of {selector}: nothing was written", writes, [])


def plan(machine):
    """(status, fingerprint) of the plan for the network card."""
    status, output = machine.view.vfioctl(f"--json plan {machine.nic}", user="alice")
    return status, json.loads(output)["fingerprint"]


def check_stale(machine):
    """vfiod executes a plan only while the host is as it was when the plan was made."""
    tap, view, guest = machine.tap, machine.view, machine.guest
    _, in_use = plan(machine)
    guest.check_run(f"ip address flush dev {machine.name}; ip link set {machine.name} down")
    before = machine.snapshot(machine.nic)
    status, free = plan(machine)
    tap.equal("without the address the plan is not refused", status, 0)
    check_stale_refused(machine, "made while the card was in use", in_use, before)

    guest.check_run(f"ip address add 192.0.2.3/24 dev {machine.name}")
    check_stale_refused(machine, "made before the card was in use", free, before)
    guest.check_run(f"ip address flush dev {machine.name}")
    tap.equal("the same host gets the same plan", plan(machine), (0, free))

    guest.check_run(f"echo {machine.nic} > /sys/bus/pci/drivers/e1000e/unbind")
    eventually(lambda: view.state(machine.nic), "driverless")
    check_stale_refused(machine, "made before the card lost its driver", free, machine.snapshot(machine.nic))
    guest.check_run(f"echo {machine.nic} > /sys/bus/pci/drivers/e1000e/bind; udevadm settle")
    eventually(lambda: view.state(machine.nic), "host")
    status, output, writes = traced(machine, f"detach {machine.nic} --plan={free}", None)
    tap.check("vfiod executes the plan that fits", status == 0, output)
    for file in ("/run/vfiod/transactions", "/run/vfiod/devices", "driver_override", "unbind", "drivers_probe"):
        tap.check(f"the trace shows a write to {file}", any(f"{file}" in call for call in writes), writes)
    check_stale_refused(machine, "that was executed already", free, machine.snapshot(machine.nic), "AlreadyDetached")
    tap.equal("the card is reattached", view.vfioctl(f"reattach {machine.nic}")[0], 0)
    tap.equal("it is bound as before", eventually(lambda: machine.snapshot(machine.nic), before), before)


def check_stale_refused(machine, what, fingerprint, before, error="PlanStale"):
    tap, view = machine.tap, machine.view
    tap.equal(f"a plan {what} is refused", view.vfioctl(f"detach {machine.nic} --plan={fingerprint}")[0], REFUSED)
    tap.equal(f"a plan {what}: the error is {error}", view.error("Detach", machine.nic, f"1 plan s {fingerprint}"),
              ERROR + error)
    tap.equal(f"a plan {what}: nothing was changed", machine.snapshot(machine.nic), before)


def check_firmware(machine):
    """The firmware reserves memory for the network card, so the kernel assigns the card to no guest."""
    tap, guest, nic = machine.tap, machine.guest, machine.nic
    regions = guest.read(f"/sys/bus/pci/devices/{nic}/iommu_group/reserved_regions")
    tap.contains("the kernel has a direct mapping for the card", regions, " direct\n")
    before = machine.snapshot(nic)
    command = check_refused(machine, "a card with a firmware mapping", nic, "firmware", ["firmware"])
    tap.equal("vfiod did not change it", (machine.snapshot(nic), machine.view.records()), (before, []))
    tap.equal("the command with the override succeeds", guest.run(command)[0], 0)
    try:
        guest.hold(nic).stop()
        tap.check("the guard was right: no guest gets the card", False)
    except GuestError as error:
        tap.contains("the guard was right: no guest gets the card", str(error), "cannot hold")
    tap.contains("the kernel says why", guest.check_run("dmesg"), "platform RMRR requirement")
    tap.equal("the card is reattached", machine.view.vfioctl(f"reattach {nic}")[0], 0)
    tap.equal("it is bound as before", eventually(lambda: machine.snapshot(nic), before), before)


def run_parts(tap, destdir):
    with Guest("e1000e", destdir=destdir, root_on_nvme=True, qemu_arguments=topology.display(None)) as guest:
        tap.watch(guest)
        guest.boot()
        tap.note(f"booted in {guest.boot_seconds:.1f} s")
        machine = Machine(tap, guest)
        for part in (check_root, check_route, check_rules, check_plan, check_stale):
            tap.run(part.__name__, part, machine)
        port = guest.address("nic-port")
        table = dmar.with_reserved_memory(dmar.read(guest), (int(port[8:10], 16), 0), (0, 0))
    with Guest("e1000e", destdir=destdir, root_on_nvme=True, tables=[table]) as guest:
        tap.watch(guest)
        guest.boot()
        tap.run("firmware", check_firmware, Machine(tap, guest))


def main():
    choice = options.parser(__doc__).parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("root", run_parts, tap, destdir)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
