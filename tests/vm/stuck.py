#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An unbind waits in the kernel because a process holds the device: vfiod and other devices do not wait.

vfiod continues to answer, can be restarted and stopped, and finishes the reattach when the process releases the
device. For comparison: libvirt in the same situation.
"""

import json
import statistics
import sys

import host
import systems
from machine import ERROR, Host, play
from overlay import CALLER
from view import REFUSED, TIMED_OUT, UNIT, eventually, timed

CALLS = 1000
SOUND = "/dev/snd/controlC0"
HELPERS = ("vfiod-worker.service", "vfiod-census.service", "vfiod-modules.service", "vfiod-reaper.service")


class Machine(Host):
    def __init__(self, tap, guest):
        super().__init__(tap, guest)
        self.nic, self.disk, self.other, self.sound = (guest.address(name) for name in ("nic", "disk", "sriov", "sound"))
        self.card = [guest.address("dual-0"), guest.address("dual-1")]

    def jobs(self):
        return json.loads(self.view.vfioctl("--json jobs")[1])["jobs"]

    def workers(self):
        """Process ids of the workers, and where each of them waits in the kernel."""
        return self.guest.run("ps -eo pid=,wchan:40=,comm= | grep -w vfiod-job")[1].split()

    def stuck_worker(self):
        """The same for the only worker, which is stuck. Those of earlier jobs may still end, and this one wakes up for a moment now and then."""
        found = []

        def places():
            found[:] = self.workers()
            return found[1::3]

        eventually(places, ["vfio_unregister_group_dev"])
        return found


def latencies(guest, calls=CALLS):
    """How many microseconds each call of ListGroups took, sorted. Calls without an answer are missing."""
    return sorted(map(int, guest.check_run(f"python3 -IS /{CALLER} {calls}", timeout=300).split()))


def in_words(durations):
    return (f"median {statistics.median(durations) / 1000:.2f} ms, p99 {percentile(durations, 99) / 1000:.2f} ms,"
            f" longest {durations[-1] / 1000:.2f} ms")


def percentile(durations, percent):
    return durations[len(durations) * percent // 100 - 1]


def hold(machine, *devices, way=None):
    """Detach the devices and hold them as a VM does, in a way of systems.py. Returns the holder and its pid."""
    machine.guest.check_run(f"vfioctl --quiet detach {devices[0]} --group")
    holder = machine.guest.hold(*devices, way=way)
    return holder, machine.guest.check_run("pgrep --oldest --full holder.py")


def force(machine, devices, last, pid):
    """Reattach the devices with --force. The answer names the process, and the devices and their job are stuck at the
    unbind of `last`. Returns the number of the job."""
    tap, view = machine.tap, machine.view
    status, output = view.vfioctl(f"reattach {devices[0]} --force")
    tap.equal("with --force, vfioctl says that the job takes longer", status, TIMED_OUT)
    tap.contains("vfioctl says what the job waits for", output, f"process {pid} (python3)")
    tap.equal("the devices have the state stuck", {view.state(device) for device in devices}, {"stuck"})
    (job,) = machine.jobs()
    tap.equal("the job is stuck at the unbind", (job["kind"], job["state"], job["action"], job["address"]),
              ("reattach", "stuck", "unbind", last))
    tap.contains("the job names the process", job["waits_for"], f"process {pid} (python3)")
    return job["number"]


def check_others(machine):
    """Jobs for other groups still work."""
    # udev has the disk open for a moment after the former time.
    machine.guest.check_run("udevadm settle")
    tap, view, before = machine.tap, machine.view, machine.bindings(machine.disk)
    status, output = view.vfioctl(f"detach {machine.disk}")
    tap.check("another group is detached meanwhile", status == 0, output)
    status, output = view.vfioctl(f"reattach {machine.disk}")
    tap.check("it is reattached", status == 0, output)
    tap.equal("it is bound as before", machine.bindings(machine.disk), before)


def check_stuck(machine):
    """A VM holds the network card while it is reattached with --force."""
    tap, view, guest, nic = machine.tap, machine.view, machine.guest, machine.nic
    before = machine.snapshot(nic)
    quiet = latencies(guest)
    holder, pid = hold(machine, nic)
    status, output = view.vfioctl(f"reattach {nic}")
    tap.equal("without --force the reattach is refused", status, REFUSED)
    tap.contains("the refusal names the process", output, f"process {pid} (python3)")
    force(machine, [nic], nic, pid)
    stuck = latencies(guest)
    tap.equal(f"vfiod answers {CALLS} calls of ListGroups before and during the stuck unbind", (len(quiet), len(stuck)),
              (CALLS, CALLS))
    tap.note(f"before:    {in_words(quiet)}\nmeanwhile: {in_words(stuck)}")
    tap.contains("vfioctl show names the process that holds it", view.vfioctl(f"show {nic}")[1],
                 f"process {pid} (python3) of vfiod-guest-agent.service: /dev/vfio/")
    for verb in ("Detach", "Reattach"):
        tap.equal(f"{verb} of the stuck device: the error is Stuck", view.error(verb, nic), ERROR + "Stuck")
    check_others(machine)
    check_helpers_killed(machine)
    check_restart(machine, pid)
    tap.equal("the process releases the device", end(holder), 0)
    tap.equal("the reattach finishes", eventually(lambda: view.state(nic), "host"), "host")
    tap.equal("the device is bound as before", eventually(lambda: machine.snapshot(nic), before), before)
    tap.equal("no state file, job or worker is left", eventually(
        lambda: (view.records(), machine.jobs(), machine.workers()), ([], [], [])), ([], [], []))


def check_helpers_killed(machine):
    """The main process of a helper can be killed at any time. systemd starts it again when it is needed."""
    tap, worker = machine.tap, machine.stuck_worker()
    tap.check("only one worker runs, and it waits in the kernel", worker[1::3] == ["vfio_unregister_group_dev"], worker)
    for helper in HELPERS:
        machine.guest.check_run(f"systemctl start {helper} && systemctl kill --kill-whom=main --signal=KILL {helper}")
        # The workers of earlier jobs may still end.
        tap.equal(f"{helper} is killed: the same worker still runs", eventually(machine.workers, worker), worker)
        tap.equal(f"{helper} is killed: the device is still stuck", machine.view.state(machine.nic), "stuck")
        check_others(machine)


def check_idle(machine):
    """Helpers end when they have nothing to do, and start again when they are needed."""
    tap, guest = machine.tap, machine.guest
    guest.check_run(f"systemctl start {' '.join(HELPERS)}")
    tap.note(guest.run(f"systemctl --no-pager status vfiod.service {' '.join(HELPERS)} | grep -E 'Active:|Tasks:|Memory:|vfiod'")[1])
    for helper in HELPERS:
        tap.check(f"{helper} ends when it is idle",
                  guest.wait_for(f"[ $(systemctl show --property=ActiveState --value {helper}) = inactive ]", 120))
        tap.equal(f"{helper} ends without error", machine.view.unit("Result", helper), "success")
    check_others(machine)


def check_restart(machine, pid):
    """A restarted daemon finds the stuck device and leaves it to the worker that still runs."""
    tap, view, guest, nic = machine.tap, machine.view, machine.guest, machine.nic
    worker, main = machine.stuck_worker(), view.unit("MainPID")
    tap.check("one worker waits in the kernel", worker[1::3] == ["vfio_unregister_group_dev"], worker)
    status, _, seconds = timed(guest, f"systemctl restart {UNIT}")
    tap.equal("the daemon can be restarted meanwhile", status, 0)
    tap.note(f"restarted in {seconds:.2f} s")
    tap.check("the restarted daemon is another process", view.unit("MainPID") not in ("0", main))
    tap.equal("the new daemon knows that the device is stuck", eventually(lambda: view.state(nic), "stuck"), "stuck")
    tap.equal("the new daemon knows its original driver", view.properties("Device", nic)["OriginalDriver"], "e1000e")
    tap.contains("vfioctl show names the process", view.vfioctl(f"show {nic}")[1], f"process {pid} (python3)")
    tap.equal("Detach: the error is Stuck", view.error("Detach", nic), ERROR + "Stuck")
    tap.equal("the same worker still runs, and no other", eventually(machine.workers, worker), worker)
    check_others(machine)
    for signal in ("TERM", "INT"):
        guest.check_run(f"kill -{signal} {view.unit('MainPID')}")
        tap.check(f"SIG{signal} ends the daemon", view.await_unit("inactive"))
        tap.equal(f"SIG{signal}: the daemon ends without error", view.unit("Result"), "success")
        guest.check_run(f"systemctl start {UNIT}")


def check_cancel(machine):
    """A stuck reattach of two PCI functions is cancelled. They are detached afterwards, as before. The process has them in
    the last way that the kernel has."""
    tap, view, card = machine.tap, machine.view, machine.card
    before = machine.snapshot(*card)
    holder, pid = hold(machine, *card, way=machine.guest.facts.ways[-1])
    number = force(machine, card, card[0], pid)
    status, output = view.vfioctl(f"cancel {number}")
    tap.check("the job is cancelled", status == 0, output)
    end(holder)
    tap.equal("the job ends", eventually(machine.jobs, []), [])
    tap.equal("the card is still detached", [view.state(port) for port in card], ["detached", "detached"])
    tap.equal("the card is on vfio-pci", host.drivers(machine.guest, *card), ["vfio-pci", "vfio-pci"])
    status, output = view.vfioctl(f"reattach {card[0]}")
    tap.check("the card is reattached", status == 0, output)
    tap.equal("it is bound as before", eventually(lambda: machine.snapshot(*card), before), before)


def check_stopped(machine):
    """No daemon runs when the unbind returns from the kernel."""
    tap, view, guest, card = machine.tap, machine.view, machine.guest, machine.card
    before = machine.snapshot(*card)
    holder, pid = hold(machine, *card)
    force(machine, card, card[0], pid)
    guest.check_run(f"systemctl stop {UNIT}")
    end(holder)
    tap.check("the worker ends by itself", guest.wait_for("! pgrep vfiod-job"))
    tap.equal("the card is bound as before", eventually(lambda: machine.snapshot(*card), before), before)
    tap.equal("the next daemon reports the state host", [view.state(port) for port in card], ["host", "host"])
    tap.equal("no state file is left", eventually(view.records, []), [])


def check_host_driver(machine):
    """The host's own driver waits for a process: the sound card is detached with an override of the guard."""
    tap, view, guest, sound = machine.tap, machine.view, machine.guest, machine.sound
    player = guest.start(f"echo $$; exec sleep infinity < {SOUND}")
    pid = player.read_line()
    tap.check("a process has the sound card open", guest.wait_for(f"grep -qx sleep /proc/{pid}/comm"), player.output)
    detach = guest.start(f"vfioctl detach {sound} --override=process")
    at_unbind = [("detach", "unbind", sound)]
    tap.equal("the job is at the unbind", eventually(
        lambda: [(job["kind"], job["action"], job["address"]) for job in machine.jobs()], at_unbind), at_unbind)
    tap.contains("the job names the process", str(machine.jobs()[0]["waits_for"]), f"process {pid} (sleep)")
    check_others(machine)
    tap.equal("the detach has not returned", detach.status, None)
    player.stop()
    tap.check("the detach finishes when the process ends", detach.wait() == 0, detach.output)
    tap.equal("the sound card is detached", eventually(lambda: view.state(sound), "detached"), "detached")
    tap.equal("it can be reattached", view.vfioctl(f"reattach {sound}")[0], 0)


def node_name(address):
    """libvirt's name for a PCI address."""
    return "pci_" + address.replace(":", "_").replace(".", "_")


def check_libvirt(machine):
    """libvirt makes an unbind that waits: other calls of libvirt hang, but calls of vfiod do not"""
    tap, view, guest, nic = machine.tap, machine.view, machine.guest, machine.nic
    before = machine.snapshot(nic, machine.other)
    guest.check_run("systemctl start libvirtd", timeout=120)
    if systems.GROUP not in guest.facts.ways:
        status, output = guest.run(f"virsh nodedev-detach {node_name(nic)} 2>&1")
        tap.check("libvirt detaches nothing on a kernel without nodes of groups",
                  status != 0 and "not supported" in output, output)
        return
    guest.check_run(f"virsh nodedev-detach {node_name(nic)}")
    holder = guest.hold(nic)
    reattach = guest.start(f"virsh nodedev-reattach {node_name(nic)}")
    tap.check("virsh nodedev-reattach waits in the kernel", guest.wait_for(
        "grep -q vfio_unregister_group_dev /proc/$(pgrep -x libvirtd)/task/*/wchan"))
    detach = guest.start(f"virsh nodedev-detach {node_name(machine.other)}")
    check_others(machine)
    tap.equal("vfiod reports the state of the device", view.state(nic), "foreign")
    override = guest.start(f"exec cat /sys/bus/pci/devices/{nic}/driver_override")
    adopt = guest.start(f"vfioctl reattach {nic} --adopt")
    if not guest.facts.override_waits:
        tap.equal("this kernel tells driver_override meanwhile", override.wait(), 0)
        tap.equal("so vfiod refuses to adopt the device", adopt.wait(), REFUSED)
    else:
        tap.equal("vfiod accepts a request to adopt the device",
                  eventually(lambda: [job["state"] for job in machine.jobs()], ["running"]), ["running"])
        check_others(machine)
        tap.equal("this kernel does not tell driver_override meanwhile", override.status, None)
        tap.equal("vfiod's call has not returned", adopt.status, None)
    unbinds = count_unbinds(machine)
    tap.equal("no call to libvirt has returned", (reattach.status, detach.status), (None, None))
    end(holder)
    tap.equal("the virsh calls finish when the process releases the device", (reattach.wait(), detach.wait()), (0, 0))
    adopt.wait()
    tap.note(adopt.output)
    guest.check_run(f"virsh nodedev-reattach {node_name(machine.other)}")
    tap.equal("the devices are bound as libvirt left them",
              eventually(lambda: machine.snapshot(nic, machine.other), before), before)
    tap.equal("vfiod did not unbind a device whose state had changed meanwhile", count_unbinds(machine), unbinds)
    tap.equal("vfiod has no job and no state file left", eventually(lambda: (machine.jobs(), view.records()), ([], [])), ([], []))


def count_unbinds(machine):
    """How often the network card was unbound from the host's driver since the boot."""
    return machine.guest.run(f"dmesg | grep -c 'e1000e {machine.nic} .*removed PHC'")[1]


def end(holder):
    """End the process that plays the VM. Returns its exit status."""
    holder.close_input()
    return holder.wait()


PARTS = [check_stuck, check_cancel, check_stopped, check_host_driver, check_idle, check_libvirt]


if __name__ == "__main__":
    sys.exit(play("stuck", __doc__, "used", PARTS, Machine))
