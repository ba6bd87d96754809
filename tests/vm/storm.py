#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""VFs appear and disappear with more events than the kernel's queue for vfiod can hold. Afterwards there are no events.

The test runs once without CAP_NET_ADMIN, so that the queue overruns, and once with the shipped unit. Each time vfiod
answers calls meanwhile, agrees with /sys at the end, and its signals have told every change. Then an idle vfiod
makes no system call.
"""

import json
import shlex
import sys

import sysfacts
from listener import Listener
from machine import Machine, play
from overlay import CALLER
from view import ROOT, SERVICE, UNIT, eventually

DROP_IN = "/run/systemd/system/vfiod.socket.d/storm.conf"
SMALL_UNIT = "[Socket]\\nReceiveBuffer=16K\\n"
SOCKET = "vfiod.socket"
FULL = 200  # so many events are too many for the small queue
ROUNDS, WRITERS, EVENTS = 8, 12, 1000
UDEV = "systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udevd.service"

# All writers trigger events for the devices that existed at the start, until the VFs have appeared for the last time.
# That happens while vfiod is stopped and its queue overruns, so vfiod gets no event of it. /run/storm exists until all
# writers have ended; a caller makes calls while it exists, and counts them.
STORM = """
touch /run/storm /run/vfs-change
cd /sys/bus/pci/devices
set -- */uevent
for writer in $(seq {writers}); do
    while [ $((count)) -lt {events} ] || [ -e /run/vfs-change ]; do
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
rm /run/vfs-change
wait
rm /run/storm
"""
CALLS = "while [ -e /run/storm ]; do python3 -IS /{caller} 20 || exit 1; done"


def events_lost(machine):
    reply = machine.guest.check_run(f"busctl --json=short get-property {SERVICE} {ROOT} {SERVICE}.Manager EventsLost")
    return json.loads(reply)["data"]


def sequence(machine):
    """How many events the kernel has sent in total."""
    return int(machine.guest.read("/sys/kernel/uevent_seqnum"))


def run_storm(machine, what):
    """Make the storm, with a client that calls and a client that listens. udevd is stopped because it would need most
    of the time."""
    tap, guest = machine.tap, machine.guest
    listener = Listener(guest)
    before, known = sequence(machine), sysfacts.known(machine.view)
    guest.check_run(f"systemctl stop {UDEV}; echo 0 > /sys/bus/pci/devices/{machine.controller}/sriov_drivers_autoprobe")
    guest.check_run("touch /run/storm")
    caller = guest.start(CALLS.format(caller=CALLER))
    guest.check_run(STORM.format(writers=WRITERS, events=EVENTS, rounds=ROUNDS, controller=machine.controller, full=FULL,
                                 pid=machine.view.unit("MainPID")), 600)
    tap.equal(f"{what}: vfiod answered all calls", caller.wait(300), 0)
    answered = len(caller.output.split())
    tap.check(f"{what}: vfiod answered {answered} calls during the storm", answered >= 20)
    sent = sequence(machine) - before
    tap.check(f"{what}: there were more than 10,000 events", sent > 10000, sent)

    fresh = sysfacts.fresh(guest)
    tap.equal(f"{what}: at the end vfiod agrees with /sys",
              eventually(lambda: sysfacts.known(machine.view), fresh, 120),
              fresh)
    tap.check(f"{what}: this differs from the state before", fresh != known)
    tap.equal(f"{what}: vfiod lists the VFs of the controller",
              sorted(machine.view.device(machine.controller)["virtual_functions"]),
              sysfacts.vf_addresses(guest, machine.controller))
    tap.equal(f"{what}: a client that only listened to signals agrees too",
              eventually(listener.differences, []), [])
    counts = listener.counts()
    tap.note(f"{what}: {sent} events, lost {events_lost(machine)} times, {answered} calls, signals: {counts}")
    tap.check(f"{what}: there is no signal for a device that did not change",
              listener.silent(machine.nic, machine.disk), counts)
    listener.stop()
    guest.check_run(f"echo 0 > /sys/bus/pci/devices/{machine.controller}/sriov_numvfs; systemctl start {UDEV};"
                    " udevadm settle")


def restart_with_socket(guest):
    """The socket keeps its buffer as long as it is open."""
    guest.check_run(f"systemctl daemon-reload && systemctl stop {UNIT} {SOCKET} && systemctl start {SOCKET} {UNIT}")


def check_overrun(machine):
    """the queue is far too small"""
    tap, guest = machine.tap, machine.guest
    guest.check_run(f"mkdir -p {DROP_IN.rpartition('/')[0]} && printf {shlex.quote(SMALL_UNIT)} > {DROP_IN}")
    restart_with_socket(guest)
    tap.equal("no event is lost at the start", events_lost(machine), 0)
    run_storm(machine, "overrun")
    lost = events_lost(machine)
    tap.check("events were lost", lost > 0, lost)
    tap.contains("the journal says so", machine.view.journal(""), "Kernel events were lost")
    guest.check_run(f"rm {DROP_IN}")


def check_shipped(machine):
    """the shipped unit"""
    restart_with_socket(machine.guest)
    run_storm(machine, "shipped")
    machine.tap.equal("no event was lost", events_lost(machine), 0)


def check_reload(machine):
    """systemctl reload"""
    pid = machine.view.unit("MainPID")
    machine.guest.check_run(f"systemctl reload {UNIT}")
    machine.tap.equal("after a reload it is the same process", machine.view.unit("MainPID"), pid)
    fresh = sysfacts.fresh(machine.guest)
    machine.tap.equal("vfiod agrees with /sys", sysfacts.known(machine.view), fresh)


def trace(guest, pid, seconds):
    """The system calls that the process makes in this time: [time, call]."""
    guest.run(f"timeout {seconds} strace -f -ttt -o /run/idle -p {pid}", seconds + 30)
    return [line.split(maxsplit=2)[1:] for line in guest.check_run("cat /run/idle").splitlines()]


def check_idle(machine):
    """vfiod is idle, with three rules"""
    tap, guest = machine.tap, machine.guest
    guest.check_run("mkdir -p /etc/vfiod/rules.d && cd /etc/vfiod/rules.d && for rule in 1 2 3; do"
                    " printf '[Match]\\nAddress=0000:7f:0%s.0\\nVendor=8086\\nDevice=10d3\\n' $rule > $rule.conf; done")
    # The next watchdog message is due after a minute and a half at the earliest.
    guest.check_run(f"udevadm settle; systemctl restart {UNIT}")
    rules = machine.view.call("ListRules")[0]
    tap.equal("three rules are loaded", [(rule[0], rule[2]) for rule in rules],
              [("1", "active"), ("2", "active"), ("3", "active")])
    pid = machine.view.unit("MainPID")
    # No event confirms the drivers that vfiod finds at its start. It reads each link again, the last time after 12.5 s.
    tap.check("vfiod reads the drivers again and then stops", any(len(trace(guest, pid, 15)) <= 3 for _ in range(4)))
    # There are at least 90 seconds between two watchdog messages, so one of these minutes is without.
    for _ in range(4):
        calls = trace(guest, pid, 61)
        if not any("WATCHDOG=1" in call for _, call in calls):
            break
    # When strace attaches, the system call that vfiod waits in ends, and vfiod makes it once more.
    tap.check("in a minute vfiod makes no system call except the one that it waits in",
              calls and calls[-1][1].startswith("epoll_wait(") and float(calls[-1][0]) < float(calls[0][0]) + 5, calls)
    tap.check("it waits without a timeout", len(calls) <= 3, calls)
    tap.equal("it is still the same process", machine.view.unit("MainPID"), pid)
    guest.check_run("rm -r /etc/vfiod/rules.d")


PARTS = [check_overrun, check_shipped, check_reload, check_idle]


if __name__ == "__main__":
    sys.exit(play("storm", __doc__, "full", PARTS, Machine))
