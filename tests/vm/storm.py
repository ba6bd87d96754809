#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""More events than the kernel's queue for vfiod takes, while virtual functions come and go; and then none.

Once with a queue that overruns, without CAP_NET_ADMIN, and once with the unit that is shipped: each time vfiod answers meanwhile,
knows in the end what /sys says, and has told those who only listen all of it. Then an idle vfiod makes no system call.
"""

import json
import shlex
import sys

import sysfacts
from listener import Listener
from machine import Machine, play
from overlay import CALLER
from view import ROOT, SERVICE, UNIT, eventually

DROP_IN = "/run/systemd/system/vfiod.service.d/storm.conf"
SMALL_UNIT = "[Service]\\nCapabilityBoundingSet=~CAP_NET_ADMIN\\n"
SMALL_QUEUE = 16384
FULL = 200  # so many events are too many for it
ROUNDS, WRITERS, EVENTS = 8, 12, 1000
UDEV = "systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udevd.service"

# Everybody writes at once, for what was there before, and on until the functions have come for the last time; of that nothing is heard by a vfiod whose
# queue overran while it was stopped. Until the end of it all /run/storm is there; a caller makes calls as long as that is so, and counts them.
STORM = """
touch /run/storm /run/functions
cd /sys/bus/pci/devices
set -- */uevent
for writer in $(seq {writers}); do
    while [ $((count)) -lt {events} ] || [ -e /run/functions ]; do
        for device; do
            echo change > $device
            : $((++count))
        done
    done &
done
for round in $(seq {rounds}); do
    echo 4 > {controller}/sriov_numvfs
    echo 0 > {controller}/sriov_numvfs
done
kill -STOP {pid}
end=$(($(</sys/kernel/uevent_seqnum) + {full}))
until [ $(</sys/kernel/uevent_seqnum) -gt $end ]; do :; done
echo 4 > {controller}/sriov_numvfs
kill -CONT {pid}
rm /run/functions
wait
rm /run/storm
"""
CALLS = "while [ -e /run/storm ]; do python3 -IS /{caller} 20 || exit 1; done"


def events_lost(machine):
    reply = machine.guest.check_run(f"busctl --json=short get-property {SERVICE} {ROOT} {SERVICE}.Manager EventsLost")
    return json.loads(reply)["data"]


def sequence(machine):
    """How many events the kernel has sent to anybody."""
    return int(machine.guest.read("/sys/kernel/uevent_seqnum"))


def blow(machine, what):
    """The storm, with somebody who calls and somebody who listens. udevd would need most of the time, and is not wanted."""
    tap, guest = machine.tap, machine.guest
    listener = Listener(guest)
    before, known = sequence(machine), sysfacts.known(machine.view)
    guest.check_run(f"systemctl stop {UDEV}; echo 0 > /sys/bus/pci/devices/{machine.controller}/sriov_drivers_autoprobe")
    guest.check_run("touch /run/storm")
    caller = guest.start(CALLS.format(caller=CALLER))
    guest.check_run(STORM.format(writers=WRITERS, events=EVENTS, rounds=ROUNDS, controller=machine.controller, full=FULL,
                                 pid=machine.view.unit("MainPID")), 600)
    tap.equal(f"{what}: all calls were answered", caller.wait(300), 0)
    answered = len(caller.output.split())
    tap.check(f"{what}: {answered} calls were answered meanwhile", answered >= 20)
    sent = sequence(machine) - before
    tap.check(f"{what}: there were more than 10,000 events", sent > 10000, sent)

    fresh = sysfacts.fresh(guest)
    tap.equal(f"{what}: in the end vfiod knows what /sys says", eventually(lambda: sysfacts.known(machine.view), fresh, 120),
              fresh)
    tap.check(f"{what}: which is not what it was", fresh != known)
    tap.equal(f"{what}: the virtual functions are the controller's",
              sorted(machine.view.device(machine.controller)["virtual_functions"]), sysfacts.functions(guest, machine.controller))
    tap.equal(f"{what}: who only listened knows it too", eventually(listener.differences, [], 60), [])
    counts = listener.counts()
    tap.note(f"{what}: {sent} events, lost {events_lost(machine)} times, {answered} calls, signals: {counts}")
    tap.check(f"{what}: what did not change was not signalled", listener.silent(machine.nic, machine.disk), counts)
    listener.stop()
    guest.check_run(f"echo 0 > /sys/bus/pci/devices/{machine.controller}/sriov_numvfs; systemctl start {UDEV};"
                    " udevadm settle")


def check_overrun(machine):
    """a queue that is far too small, and no privilege to make it larger"""
    tap, guest = machine.tap, machine.guest
    sizes = guest.check_run("cd /proc/sys/net/core && echo $(<rmem_default) $(<rmem_max)").split()
    guest.check_run(f"cd /proc/sys/net/core && echo {SMALL_QUEUE} > rmem_default && echo {SMALL_QUEUE} > rmem_max")
    guest.check_run(f"mkdir -p {DROP_IN.rpartition('/')[0]} && printf {shlex.quote(SMALL_UNIT)} > {DROP_IN}")
    guest.check_run(f"systemctl daemon-reload && systemctl restart {UNIT}")
    tap.equal("at the start nothing was lost", events_lost(machine), 0)
    blow(machine, "overrun")
    lost = events_lost(machine)
    tap.check("events were lost", lost > 0, lost)
    tap.contains("the log tells", guest.check_run(f"journalctl --unit={UNIT}"), "Events of the kernel were lost")
    guest.check_run(f"rm {DROP_IN}; cd /proc/sys/net/core && echo {sizes[0]} > rmem_default && echo {sizes[1]} > rmem_max")


def check_shipped(machine):
    """the unit that is shipped"""
    machine.guest.check_run(f"systemctl daemon-reload && systemctl restart {UNIT}")
    blow(machine, "shipped")
    machine.tap.equal("nothing was lost", events_lost(machine), 0)


def check_reload(machine):
    """systemctl reload"""
    pid = machine.view.unit("MainPID")
    machine.guest.check_run(f"systemctl reload {UNIT}")
    machine.tap.equal("reloaded, it is the same process", machine.view.unit("MainPID"), pid)
    fresh = sysfacts.fresh(machine.guest)
    machine.tap.equal("and knows what there is", sysfacts.known(machine.view), fresh)


def trace(guest, pid, seconds):
    """The system calls that the process makes in that time: when, and what."""
    guest.run(f"timeout {seconds} strace -f -ttt -o /run/idle -p {pid}", seconds + 30)
    return [line.split(maxsplit=2)[1:] for line in guest.check_run("cat /run/idle").splitlines()]


def check_idle(machine):
    """nothing happens, with three rules"""
    tap, guest = machine.tap, machine.guest
    guest.check_run("mkdir -p /etc/vfiod/rules.d && cd /etc/vfiod/rules.d && for rule in 1 2 3; do"
                    " printf '[Match]\\nAddress=0000:7f:0%s.0\\nVendor=8086\\nDevice=10d3\\n' $rule > $rule.conf; done")
    # The watchdog's next message is due after a minute and a half at the earliest.
    guest.check_run(f"udevadm settle; systemctl restart {UNIT}")
    rules = machine.view.call("ListRules")[0]
    tap.equal("three rules are loaded", [(rule[0], rule[2]) for rule in rules],
              [("1", "active"), ("2", "active"), ("3", "active")])
    pid = machine.view.unit("MainPID")
    # No event confirms the drivers that a start finds. vfiod reads each link again, the last time after 12.5 s.
    tap.check("it reads the drivers again, and then it is done", any(len(trace(guest, pid, 15)) <= 3 for _ in range(4)))
    calls = trace(guest, pid, 61)
    # When strace comes, the call that it waits in ends, and it makes that once more.
    tap.check("in a minute it makes no system call but the one that it waits in",
              calls and calls[-1][1].startswith("epoll_wait(") and float(calls[-1][0]) < float(calls[0][0]) + 1, calls)
    tap.check("and waits without end in sight", len(calls) <= 3, calls)
    tap.equal("it is the same process still", machine.view.unit("MainPID"), pid)
    guest.check_run("rm -r /etc/vfiod/rules.d")


PARTS = [check_overrun, check_shipped, check_reload, check_idle]


if __name__ == "__main__":
    sys.exit(play("storm", __doc__, "full", PARTS, Machine))
