#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel does not come back from an unbind, since a process holds the device: nobody else is held up.

vfiod goes on, can be restarted and stopped, and brings the device home when the process lets go. Beside
it: libvirt in the same state.
"""

import json
import statistics
import sys

import host
from machine import ERROR, Host, play
from overlay import CALLER
from view import REFUSED, TIMED_OUT, UNIT, eventually, timed

CALLS = 1000
SOUND = "/dev/snd/controlC0"


class Machine(Host):
    def __init__(self, tap, guest):
        super().__init__(tap, guest)
        self.nic, self.disk, self.other, self.sound = (guest.address(name) for name in ("nic", "disk", "sriov", "sound"))
        self.card = [guest.address("dual-0"), guest.address("dual-1")]

    def jobs(self):
        return json.loads(self.view.vfioctl("--json jobs")[1])["jobs"]

    def workers(self):
        """Process numbers of the workers, and what each waits for in the kernel."""
        return self.guest.run("ps -eo pid=,wchan:40=,comm= | grep -w vfiod-worker")[1].split()


def latencies(guest, calls=CALLS):
    """Microseconds that each of so many calls of ListGroups took, sorted; those not answered are missing."""
    return sorted(map(int, guest.check_run(f"python3 -IS /{CALLER} {calls}", timeout=300).split()))


def in_words(durations):
    return (f"median {statistics.median(durations) / 1000:.2f} ms, p99 {percentile(durations, 99) / 1000:.2f} ms,"
            f" longest {durations[-1] / 1000:.2f} ms")


def percentile(durations, percent):
    return durations[len(durations) * percent // 100 - 1]


def hold(machine, *devices):
    """Detach the devices and have them held as by a virtual machine; returns the holder and its number."""
    machine.guest.check_run(f"vfioctl --quiet detach {devices[0]} --group")
    holder = machine.guest.hold(*devices)
    return holder, machine.guest.check_run("pgrep --oldest --full holder.py")


def force(machine, devices, last, pid):
    """Reattach the devices by force: the answer names the process; the devices and their job are stuck at the
    unbind of `last`. Returns the job's number."""
    tap, view = machine.tap, machine.view
    status, output = view.vfioctl(f"reattach {devices[0]} --force")
    tap.equal("with force, the client says that it takes longer", status, TIMED_OUT)
    tap.contains("and what it waits for", output, f"process {pid} (python3)")
    tap.equal("the devices are stuck", {view.state(device) for device in devices}, {"stuck"})
    (job,) = machine.jobs()
    tap.equal("their job is stuck at the unbind", (job["kind"], job["state"], job["action"], job["address"]),
              ("reattach", "stuck", "unbind", last))
    tap.contains("and names the process", job["waits_for"], f"process {pid} (python3)")
    return job["number"]


def check_others(machine):
    """Other groups go on."""
    tap, view, before = machine.tap, machine.view, machine.bindings(machine.disk)
    status, output = view.vfioctl(f"detach {machine.disk}")
    tap.check("another group is detached meanwhile", status == 0, output)
    status, output = view.vfioctl(f"reattach {machine.disk}")
    tap.check("and reattached", status == 0, output)
    tap.equal("and is as it was", machine.bindings(machine.disk), before)


def check_stuck(machine):
    """A virtual machine holds the network card while it is reattached by force."""
    tap, view, guest, nic = machine.tap, machine.view, machine.guest, machine.nic
    before = machine.snapshot(nic)
    quiet = latencies(guest)
    holder, pid = hold(machine, nic)
    status, output = view.vfioctl(f"reattach {nic}")
    tap.equal("without force it is refused", status, REFUSED)
    tap.contains("naming the process", output, f"process {pid} (python3)")
    force(machine, [nic], nic, pid)
    stuck = latencies(guest)
    tap.equal(f"{CALLS} calls of ListGroups are answered, before and meanwhile", (len(quiet), len(stuck)),
              (CALLS, CALLS))
    tap.note(f"before:    {in_words(quiet)}\nmeanwhile: {in_words(stuck)}")
    tap.contains("show names what holds it", view.vfioctl(f"show {nic}")[1],
                 f"process {pid} (python3) of vfiod-guest-agent.service: /dev/vfio/")
    for verb in ("Detach", "Reattach"):
        tap.equal(f"{verb} of the stuck device: the error is Stuck", view.error(verb, nic), ERROR + "Stuck")
    check_others(machine)
    check_restart(machine, pid)
    tap.equal("the process lets go", end(holder), 0)
    tap.equal("the device comes home", eventually(lambda: view.state(nic), "host", 30), "host")
    tap.equal("as it was", eventually(lambda: machine.snapshot(nic), before), before)
    tap.equal("no record, job or worker is left", (eventually(view.records, []), machine.jobs(), machine.workers()),
              ([], [], []))


def check_restart(machine, pid):
    """Another daemon finds the device, and leaves it to the worker that is at it."""
    tap, view, guest, nic = machine.tap, machine.view, machine.guest, machine.nic
    worker, main = machine.workers(), view.unit("MainPID")
    tap.check("one worker waits in the kernel", "vfio_unregister_group_dev" in worker, worker)
    status, _, seconds = timed(guest, f"systemctl restart {UNIT}")
    tap.equal("the daemon is restarted meanwhile", status, 0)
    tap.note(f"restarted in {seconds:.2f} s")
    tap.check("it is another process", view.unit("MainPID") not in ("0", main))
    tap.equal("the new daemon knows that the device is stuck", eventually(lambda: view.state(nic), "stuck"), "stuck")
    tap.equal("and from where it was detached", view.properties("Device", nic)["OriginalDriver"], "e1000e")
    tap.contains("show names the process", view.vfioctl(f"show {nic}")[1], f"process {pid} (python3)")
    tap.equal("Detach: the error is Stuck", view.error("Detach", nic), ERROR + "Stuck")
    tap.equal("the same worker is at it, and no other", machine.workers(), worker)
    check_others(machine)
    for signal in ("TERM", "INT"):
        guest.check_run(f"kill -{signal} {view.unit('MainPID')}")
        tap.check(f"SIG{signal} ends it", view.await_unit("inactive", 20))
        tap.equal(f"SIG{signal}: it has ended well", view.unit("Result"), "success")
        guest.check_run(f"systemctl start {UNIT}")


def check_cancel(machine):
    """A stuck reattach of two functions is cancelled; they end detached, as they were."""
    tap, view, card = machine.tap, machine.view, machine.card
    before = machine.snapshot(*card)
    holder, pid = hold(machine, *card)
    number = force(machine, card, card[0], pid)
    status, output = view.vfioctl(f"cancel {number}")
    tap.check("the job is cancelled", status == 0, output)
    end(holder)
    tap.equal("the job ends", eventually(machine.jobs, []), [])
    tap.equal("the card is detached again", [view.state(port) for port in card], ["detached", "detached"])
    tap.equal("and on its driver", host.drivers(machine.guest, *card), ["vfio-pci", "vfio-pci"])
    status, output = view.vfioctl(f"reattach {card[0]}")
    tap.check("it is reattached", status == 0, output)
    tap.equal("and is as it was", machine.snapshot(*card), before)


def check_stopped(machine):
    """No daemon runs when the kernel comes back."""
    tap, view, guest, card = machine.tap, machine.view, machine.guest, machine.card
    before = machine.snapshot(*card)
    holder, pid = hold(machine, *card)
    force(machine, card, card[0], pid)
    guest.check_run(f"systemctl stop {UNIT}")
    end(holder)
    tap.check("the worker ends by itself", guest.wait_for("! pgrep vfiod-worker"))
    tap.equal("the card is as it was", eventually(lambda: machine.snapshot(*card), before), before)
    tap.equal("the next daemon knows it as the host's", [view.state(port) for port in card], ["host", "host"])
    tap.equal("no record is left", view.records(), [])


def check_host_driver(machine):
    """The host's own driver waits for a process: the sound card is detached against the guard's advice."""
    tap, view, guest, sound = machine.tap, machine.view, machine.guest, machine.sound
    player = guest.start(f"echo $$; exec sleep infinity < {SOUND}")
    pid = player.read_line()
    detach = guest.start(f"vfioctl detach {sound} --override=process")
    at_unbind = [("detach", "unbind", sound)]
    tap.equal("the job is at the unbind", eventually(
        lambda: [(job["kind"], job["action"], job["address"]) for job in machine.jobs()], at_unbind), at_unbind)
    tap.contains("it names the process", str(machine.jobs()[0]["waits_for"]), f"process {pid} (sleep)")
    check_others(machine)
    tap.equal("the detach has not returned", detach.status, None)
    player.stop()
    tap.check("the process ends, and so does the detach", detach.wait() == 0, detach.output)
    tap.equal("the sound card is detached", eventually(lambda: view.state(sound), "detached"), "detached")
    tap.equal("it can be reattached", view.vfioctl(f"reattach {sound}")[0], 0)


def node_name(address):
    """libvirt's name for a PCI address."""
    return "pci_" + address.replace(":", "_").replace(".", "_")


def check_libvirt(machine):
    """libvirt in the same state: its other calls hang, and vfiod's do not, though the stuck unbind is not its own."""
    tap, view, guest, nic = machine.tap, machine.view, machine.guest, machine.nic
    before = machine.snapshot(nic, machine.other)
    guest.check_run("systemctl start libvirtd", timeout=120)
    guest.check_run(f"virsh nodedev-detach {node_name(nic)}")
    holder = guest.hold(nic)
    reattach = guest.start(f"virsh nodedev-reattach {node_name(nic)}")
    tap.check("virsh nodedev-reattach waits in the kernel", guest.wait_for(
        "grep -q vfio_unregister_group_dev /proc/$(pgrep -x libvirtd)/task/*/wchan"))
    detach = guest.start(f"virsh nodedev-detach {node_name(machine.other)}")
    check_others(machine)
    tap.equal("vfiod answers for the device", view.state(nic), "foreign")
    adopt = guest.start(f"vfioctl reattach {nic} --adopt")
    tap.equal("it may be asked for it", eventually(lambda: [job["state"] for job in machine.jobs()], ["running"]),
              ["running"])
    check_others(machine)
    unbinds = count_unbinds(machine)
    tap.equal("no call for the device has returned, and none to libvirt",
              (adopt.status, reattach.status, detach.status), (None, None, None))
    end(holder)
    tap.equal("virsh goes on when the process lets go", (reattach.wait(), detach.wait()), (0, 0))
    adopt.wait()
    tap.note(adopt.output)
    guest.check_run(f"virsh nodedev-reattach {node_name(machine.other)}")
    tap.equal("the devices are where libvirt put them",
              eventually(lambda: machine.snapshot(nic, machine.other), before), before)
    tap.equal("vfiod did nothing to what it saw too late", count_unbinds(machine), unbinds)
    tap.equal("and has nothing left to do", (machine.jobs(), view.records()), ([], []))


def count_unbinds(machine):
    """How often the network card was taken from the host's driver since the boot."""
    return machine.guest.run(f"dmesg | grep -c 'e1000e {machine.nic} .*removed PHC'")[1]


def end(holder):
    """The process that plays the virtual machine ends; returns its status."""
    holder.close_input()
    return holder.wait()


PARTS = [check_stuck, check_cancel, check_stopped, check_host_driver, check_libvirt]


if __name__ == "__main__":
    sys.exit(play("stuck", __doc__, "used", PARTS, Machine))
