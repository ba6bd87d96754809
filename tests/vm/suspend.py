#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The host sleeps (suspend to RAM, S3) and resumes: vfiod's states are true afterwards, and its rules are applied again.

`systemctl suspend` lets the guest sleep, and QEMU wakes it up. What was detached stays detached, also for a virtual machine that
runs. While the host sleeps, a card is moved to another slot, another card is plugged in, and a script of systemd-sleep writes a
rule. Afterwards everything can be reattached.
"""

import sys

import options
import rules
import topology
import wake
from beside import check_view
from guest import Guest
from machine import Machine
from tap import Tap
from view import UNIT, eventually

RESUMED = "The host resumed from sleep"
SCRIPT = "/usr/lib/systemd/system-sleep/test"
PULLED_SLOT = 8  # of hot-0
KNOWN, OTHER = 0x1234, 0x4321  # subsystem ids


def card(vendor, device, **more):
    return {"Match": {"Vendor": vendor, "Device": device, **more}, "Detach": {}}


def plug(machine, identifier, port, subsystem):
    machine.guest.plug("e1000e", identifier, port, subsys=subsystem, mac=f"52:54:00:00:09:{port[-1]}{port[-1]}", romfile="")


def sleep(machine, number, asleep=lambda: None):
    """Let the host sleep, call asleep(), and let it resume. Returns when vfiod has noticed it."""
    tap, guest = machine.tap, machine.guest
    program = guest.start("systemctl suspend")
    guest.qmp.await_event("SUSPEND", 120)
    tap.equal(f"sleep {number}: the host sleeps", guest.qmp.execute("query-status")["status"], "suspended")
    asleep()
    guest.qmp.execute("system_wakeup")
    guest.qmp.await_event("WAKEUP")
    tap.equal(f"sleep {number}: systemctl ends", program.wait(120), 0)
    tap.check(f"sleep {number}: vfiod notices the resume",
              guest.wait_for(f"[ $(journalctl --unit={UNIT} --boot | grep -cF '{RESUMED}') = {number} ]", 120))
    tap.equal(f"sleep {number}: it was a sleep of the firmware",
              guest.check_run("dmesg | grep -c 'Waking up from system sleep state S3'"), str(number))


def check_unchanged(machine):
    """Nothing happens to the devices while the host sleeps"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    guest.check_run("systemctl start systemd-logind")
    machine.before = machine.snapshot(*machine.everything)
    with rules.Rules(machine, nic=card("8086", "10d3", Address=machine.nic)):
        tap.equal("a rule detaches a card", eventually(lambda: view.state(machine.nic), "detached"), "detached")
        tap.equal("a call detaches a disk", view.vfioctl(f"detach {machine.disk}")[0], 0)
        tap.equal("a call detaches a card with two ports", view.vfioctl(f"detach {machine.card[0]} --group")[0], 0)
        holder = guest.hold(*machine.card)
        detached = machine.snapshot(*machine.everything)
        records = view.records()
        sleep(machine, 1)
        tap.equal("all devices are bound as before", eventually(lambda: machine.snapshot(*machine.everything), detached), detached)
        tap.equal("the states are true", [view.state(place) for place in (machine.nic, machine.disk, *machine.card)],
                  ["detached"] * 4)
        tap.equal("the rule still holds", rules.await_status(machine, "nic", machine.nic, "applied"), ("applied", None))
        tap.equal("the state files are the same", view.records(), records)
        tap.equal("the virtual machine still runs", holder.status, None)
        tap.equal("its card cannot be reattached", view.error("Reattach", machine.card[0]), "org.vfiod1.Error.Held")
        holder.stop()
        check_view(machine, "after the resume")
    for place in (machine.nic, machine.disk, machine.card[0]):
        code, output = view.vfioctl(f"reattach {place}")
        tap.check(f"{place} is reattached", code == 0, output)
    tap.equal("everything is as at the beginning", eventually(lambda: machine.snapshot(*machine.everything), machine.before), machine.before)
    tap.equal("no state file is left", eventually(view.records, []), [])


def check_changed(machine):
    """While the host sleeps, a card moves to another slot, another card is plugged in, and a rule is written"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    late = rules.text(card("1b36", "0010", Address=machine.controller))
    guest.check_run(f"""mkdir -p $(dirname {SCRIPT}) {rules.FOLDER} && cat > {SCRIPT} << 'END' && chmod +x {SCRIPT}
#!/bin/sh
case $1 in
pre) echo 0 > /sys/bus/pci/slots/{PULLED_SLOT}/power ;;
post) printf '{late}' > {rules.FOLDER}/late.conf ;;
esac
END""")
    with rules.Rules(machine, known=card("8086", "10d3", Subsystem=f"8086:{KNOWN:x}")):
        plug(machine, "first", "hot-0", KNOWN)
        first = guest.address("first")
        tap.equal("a rule detaches a card", eventually(lambda: view.state(first), "detached"), "detached")

        def asleep():
            tap.equal("the card is out of its slot", guest.qmp.await_event("DEVICE_DELETED", device="first")["device"], "first")
            plug(machine, "second", "bare-0", KNOWN)
            plug(machine, "other", "bare-1", OTHER)

        sleep(machine, 2, asleep)
        second, other = guest.address("second"), guest.address("other")
        tap.equal("the rule detaches the card in its new slot", eventually(lambda: view.state(second), "detached"), "detached")
        tap.equal("nothing is in its first slot", view.state(first), "absent")
        tap.equal("the other card goes to the host driver",
                  eventually(lambda: (view.state(other), machine.driver(other)), ("host", "e1000e")), ("host", "e1000e"))
        tap.equal("the rule that was written is applied", eventually(lambda: rules.status(machine, "late"),
                  {machine.controller: ("applied", None)}), {machine.controller: ("applied", None)})
        tap.equal("its device is detached", view.state(machine.controller), "detached")
        guest.check_run(f"rm {SCRIPT}")
        plug(machine, "third", "hot-0", KNOWN)
        tap.equal("a card in the first slot is detached", eventually(lambda: view.state(first), "detached"), "detached")
        machine.everything = guest.check_run("ls /sys/bus/pci/devices").split()
        check_view(machine, "after the changes")
    for place in (first, second, machine.controller):
        code, output = view.vfioctl(f"reattach {place}")
        tap.check(f"{place} is reattached", code == 0, output)
    tap.equal("the devices from the beginning are as then", eventually(lambda: machine.snapshot(*machine.before), machine.before), machine.before)
    tap.equal("no state file is left", eventually(view.records, []), [])


def bare_ports():
    """Root ports without power control. The kernel writes the registers of a port at a resume, and QEMU takes this for an
    order to eject a card that was plugged in meanwhile, if the port has power control."""
    return [argument for number in (0, 1)
            for argument in topology.root_port(f"bare-{number}", 11 + number, power_controller_present="off")]


def run(tap, destdir, parts=(check_unchanged, check_changed)):
    with Guest("full", destdir=destdir, packed=True, tables=[wake.table()], qemu_arguments=bare_ports(),
               kernel_arguments="no_console_suspend loglevel=7") as guest:
        tap.watch(guest)
        guest.boot()
        machine = Machine(tap, guest)
        for part in parts:
            tap.note(part.__doc__)
            tap.run(part.__name__, part, machine)


def main():
    choice = options.parser(__doc__).parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("suspend", run, tap, destdir)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
