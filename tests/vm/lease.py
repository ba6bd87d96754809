#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Leases: alice, an ordinary user whom polkit permits one card, runs a VM with it.

The card has two ports in one IOMMU group. It is with the host again, with its interface names, after each end that a VM can
have: it ends by itself, it is killed, alice's session ends, and vfiod is restarted or killed in between. While alice has the
card, nobody else gets it. If the kernel has no nodes of groups, the VM gets descriptors that vfiod has opened.
"""

import json
import shlex
import sys

import byhand
import systems
from machine import ERROR, Machine, play
from view import NOT_AUTHORIZED, NO_SUCH, REFUSED, UNIT, eventually

RULE_FILE = "/etc/polkit-1/rules.d/50-lease.rules"
RULE = """
polkit.addRule(function(action, subject) {
    var card = %s;
    var addresses = (action.lookup("addresses") || "").split(" ");

    if (action.id != "org.vfiod1.lease" || subject.user != "alice")
        return polkit.Result.NOT_HANDLED;
    for (var i = 0; i < addresses.length; i++)
        if (card.indexOf(addresses[i]) < 0)
            return polkit.Result.NOT_HANDLED;
    return polkit.Result.YES;
});
"""

# Debian 12 lets a user lock an eighth of the memory, Debian 13 only 8 MiB. The VM needs 192.
LIMITS = "/etc/security/limits.d/vfiod.conf"
MEMLOCK_LINE = "alice - memlock {}"

IDS = "8086:10d3"  # of both ports

# A command that opens a node of its lease, then closes the connection that keeps the lease alive, and waits.
HOLD = """
import os
node = [path for path in os.environ["VFIOD_NODES"].split() if path.startswith("/dev/vfio/")][0]
kept = os.open(node, os.O_RDWR | os.O_CLOEXEC)
os.closerange(3, kept)
os.closerange(kept + 1, 1000)
print("open", flush=True)
input()
"""


class Lessor(Machine):
    """The guest, and its card that alice may lease."""

    def __init__(self, tap, guest):
        super().__init__(tap, guest)
        self.group = guest.group(self.card[0])
        self.before = self.snapshot(*self.card)
        self.permit_memlock(256 << 10)
        self.uid = guest.check_run("id --user alice")
        self.has_groups = systems.GROUP in guest.facts.ways
        # How a VM gets the card here.
        self.usual = "" if self.has_groups else "--descriptors"

    def permit_memlock(self, kib):
        """Write the line that vfioctl recommends. It is valid from the next session on, so at once for runuser and su."""
        self.guest.check_run(f"echo '{MEMLOCK_LINE.format(kib)}' > {LIMITS}")

    def lease_command(self, options=""):
        """vfioctl lease of the card, up to the command."""
        return f"vfioctl lease {self.card[0]} --group {options} --"

    def start(self, options=None, before="", user="alice"):
        """Start a VM with a lease, with other words before vfioctl. Returns as byhand.start_machine()."""
        words = f"{before} {self.lease_command(self.usual if options is None else options)}"
        return byhand.start_machine(self.guest, "@qemu@", before=words, user=user)

    def running(self, *arguments, **properties):
        """The same for a VM that must start. Returns its Program."""
        started, program = self.start(*arguments, **properties)
        self.tap.check("the VM starts with the card", started, program.output)
        self.tap.equal("it has both ports", byhand.machine_devices(program).count(IDS), 2)
        return program

    def leases(self):
        return json.loads(self.guest.check_run("vfioctl --json leases"))["leases"]

    def states(self):
        return [lease["state"] for lease in self.leases()]

    def check_home(self, what):
        """The card is with the host as before, and there is no lease any more."""
        self.tap.equal(f"{what}: the lease has ended", eventually(self.states, []), [])
        self.tap.equal(f"{what}: the card is with the host, with its names", eventually(lambda: self.snapshot(*self.card), self.before), self.before)
        self.tap.equal(f"{what}: vfiod says so", self.view.groups()[self.group]["state"], "host")
        self.tap.equal(f"{what}: no state file is left", eventually(self.view.records, []), [])

    def check_leased(self, what):
        """Nobody else can have the card, and root cannot take it away."""
        tap, view = self.tap, self.view
        status, output = view.vfioctl(f"lease {self.card[0]} --group --no-ask-password -- true", user="alice")
        tap.equal(f"{what}: a second lease is refused", status, REFUSED)
        owner = f"user {self.uid} (lease {self.leases()[0]['number']},"
        tap.contains(f"{what}: the message names the owner and the lease", output, owner)
        for member in ("Lease", "Detach", "Reattach"):
            tap.equal(f"{what}: {member} by root: the error is Leased", view.error(member, self.card[1]), ERROR + "Leased")
        status, output = view.vfioctl(f"reattach {self.card[0]}")
        tap.check(f"{what}: vfioctl reattach is refused, too", status == REFUSED and owner in output, output)


def may_open(machine, user, node):
    """Whether the permissions of the node let the user open it. It is not opened: a VM has it open."""
    return machine.guest.run(f"test -r {node} && test -w {node}", user=user)[0] == 0


def check_denied(machine):
    """Without permission, nobody but root gets anything"""
    tap, view = machine.tap, machine.view
    for user in ("alice", "bob"):
        status, output = view.vfioctl(f"lease {machine.card[0]} --group -- true", user=user)
        tap.equal(f"{user} may not lease the card", status, NOT_AUTHORIZED)
        tap.contains(f"{user} learns which authorization is missing", output, "org.vfiod1.lease")
    tap.equal("nothing was changed", machine.snapshot(*machine.card), machine.before)
    tap.equal("there is no lease", machine.leases(), [])
    machine.guest.check_run(f"cat > {RULE_FILE} <<'END'\n{RULE % json.dumps(machine.card)}\nEND\nsystemctl restart polkit")
    for user, words in (("bob", machine.card[0]), ("alice", machine.nic), ("alice", f"{machine.card[0]} --override=network")):
        status, output = view.vfioctl(f"lease {words} --group -- true", user=user)
        tap.check(f"with a rule for alice and the card, {user} may not: lease {words}", status == NOT_AUTHORIZED, output)
    tap.equal("nothing was changed by that", machine.snapshot(*machine.card), machine.before)


def check_command(machine):
    """A command knows its lease, and its end is the end of the lease"""
    tap, guest = machine.tap, machine.guest
    status, output = guest.run(machine.lease_command() + " bash -c 'echo $VFIOD_LEASE,$VFIOD_NODES; exit 42'", user="alice")
    tap.equal("the exit status is that of the command", status, 42)
    number, _, nodes = output.splitlines()[-1].partition(",")
    tap.check("the command has the number of its lease", number.isdigit(), output)
    expected = {f"/dev/vfio/{machine.group}"} if machine.has_groups else set()
    tap.check("the command has its nodes", nodes and expected <= set(nodes.split()), output)
    machine.check_home("the command has ended")


def check_machine(machine):
    """alice's VM has the card, and nobody else gets it"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    program = machine.running()
    leases = machine.leases()
    tap.equal("there is one lease", len(leases), 1)
    lease = leases[0]
    tap.equal("the lease has user, state and group", (lease["user"], lease["state"], lease["group"]),
              ("alice", "active", machine.group))
    tap.equal("the lease has both ports", sorted(lease["devices"]), sorted(machine.card))
    tap.equal("the state of the group is leased", view.groups()[machine.group]["state"], "leased")
    tap.equal("the state of its devices, too", {view.state(address) for address in machine.card}, {"leased"})
    tap.contains("vfioctl show names the user", view.vfioctl(f"show {machine.card[0]}")[1],
                 f"Lease: {lease['number']} of user alice, active")
    tap.contains("vfioctl leases does, too", view.vfioctl("leases", user="bob")[1], "alice")
    for node in lease["nodes"]:
        if not lease["descriptors"]:
            tap.check(f"alice may open {node}", may_open(machine, "alice", node))
        if node != "/dev/vfio/vfio":
            tap.check(f"bob may not open {node}", not may_open(machine, "bob", node))
    for folder in ("devices", "leases", "reverts", "transactions"):
        tap.check(f"bob may not open /run/vfiod/{folder}, and so not lock it or a file in it",
                  guest.run(f"exec 3< /run/vfiod/{folder}", user="bob")[0] != 0 and
                  guest.run(f"exec 3< /run/vfiod/{folder}")[0] == 0)
    machine.check_leased("while the VM runs")
    tap.equal("bob may not release the lease", view.vfioctl(f"release {lease['number']}", user="bob")[0], NOT_AUTHORIZED)
    tap.equal("no lease has another number", view.vfioctl(f"release {lease['number'] + 1}")[0], NO_SUCH)
    tap.equal("the VM still has the card", byhand.machine_devices(program).count(IDS), 2)
    tap.equal("the VM ends", byhand.stop_machine(program), 0)
    machine.check_home("the VM has ended by itself")
    tap.check("the nodes are gone", guest.run(" || ".join(f"test -e {node}" for node in lease["nodes"] if node[-1].isdigit()))[0] != 0)


def check_kill(machine):
    """The VM is killed"""
    program = machine.running()
    machine.guest.check_run(f"kill -KILL {byhand.machine_pid(machine.guest)}")
    machine.tap.equal("it ended by SIGKILL", program.wait(), 137)
    machine.check_home("killed")


def check_session(machine):
    """alice's session ends, with everything in it"""
    tap, guest = machine.tap, machine.guest
    # su opens a session by PAM, and this is where the VM runs.
    command = f"{machine.lease_command(machine.usual)} {byhand.machine_command('@qemu@')} -qmp stdio"
    program = guest.start(f"exec su - alice -c {shlex.quote(command)}")
    tap.equal("the VM runs", eventually(machine.states, ["active"], 120), ["active"])
    tap.contains("alice has a session", guest.check_run("loginctl --no-legend list-sessions"), "alice")
    guest.check_run("loginctl terminate-user alice")
    tap.check("the VM has ended", program.wait() != 0, program.output)
    machine.check_home("the session has ended")


def check_restarts(machine):
    """vfiod is restarted and killed while the VM runs, and while it ends"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    program = machine.running()
    number = machine.leases()[0]["number"]
    for what, end in (("restarted", lambda: guest.check_run(f"systemctl restart {UNIT}")), ("killed", view.kill)):
        pid = view.unit("MainPID")
        end()
        tap.equal(f"vfiod {what}: the lease is still there",
                  eventually(lambda: [(lease["number"], lease["state"]) for lease in machine.leases()], [(number, "active")]),
                  [(number, "active")])
        tap.check(f"vfiod {what}: it is another process", view.unit("MainPID") not in ("0", pid))
        machine.check_leased(f"vfiod {what}")
    tap.equal("the VM still has the card", byhand.machine_devices(program).count(IDS), 2)
    byhand.stop_machine(program)
    machine.check_home("the VM has ended after the restarts")

    program = machine.running()
    guest.check_run(f"systemctl kill --signal=KILL {UNIT}; kill -KILL {byhand.machine_pid(guest)}")
    program.wait()
    machine.check_home("vfiod and the VM were killed together")


def check_process(machine):
    """A lease for a process that already runs"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    program = guest.start("echo $$; exec sleep infinity", user="alice")
    pid = int(program.read_line())
    status, output = view.vfioctl(f"lease {machine.card[0]} --group --pid={pid} --json 2>/dev/null", user="alice")
    tap.check("vfioctl returns at once", status == 0, output)
    lease = json.loads(output)
    tap.equal("the lease is for the process", lease["pid"], pid)
    tap.check("alice may open the nodes", all(may_open(machine, "alice", node) for node in lease["nodes"]), lease)
    tap.equal("the lease shows it", [(row["number"], row["pid"]) for row in machine.leases()], [(lease["lease"], pid)])
    view.kill()
    tap.equal("vfiod is killed: the lease is still there", [row["number"] for row in machine.leases()], [lease["lease"]])
    program.signal(9)
    program.wait()
    machine.check_home("the process has ended")
    status, output = view.vfioctl(f"lease {machine.card[0]} --group --pid={pid}", user="alice")
    tap.check("there is no lease for a process that has ended", status != 0, output)
    machine.check_home("refused")


def check_lingering(machine):
    """A process keeps a node open after its lease has ended"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    program = guest.start(f"exec {machine.lease_command()} python3 -c {shlex.quote(HOLD)}", user="alice")
    program.read_until("open\n", 120)
    tap.equal("the lease lingers", eventually(machine.states, ["lingering"]), ["lingering"])
    lease = machine.leases()[0]
    tap.check("alice may not open the nodes any more",
              not any(may_open(machine, "alice", node) for node in lease["nodes"] if node[-1].isdigit()), lease)
    tap.equal("root sees which process holds the device",
              eventually(lambda: "python3" in (machine.leases()[0]["holder"] or ""), True), True)
    machine.check_leased("while it lingers")
    program.write("\n")
    tap.equal("the process ends", program.wait(), 0)
    machine.check_home("the holder has ended")


def check_holder_killed(machine):
    """With --kill, a process of alice that keeps a node open is ended"""
    tap, guest = machine.tap, machine.guest
    program = guest.start(f"exec {machine.lease_command('--kill')} python3 -c {shlex.quote(HOLD)}", user="alice")
    program.read_until("open\n", 120)
    tap.equal("the lease lingers", eventually(machine.states, ["lingering"]), ["lingering"])
    tap.equal("the process is ended by SIGTERM", program.wait(), 128 + 15)
    machine.check_home("the holder was ended")


def check_release(machine):
    """alice ends her lease while her VM runs"""
    tap, view = machine.tap, machine.view
    program = machine.running()
    status, output = view.vfioctl(f"release {machine.card[1]}", user="alice")
    tap.check("alice may release her lease", status == 0, output)
    tap.equal("the lease lingers: the VM has the card", eventually(machine.states, ["lingering"]), ["lingering"])
    byhand.stop_machine(program)
    machine.check_home("the VM has ended after the release")


def check_detached(machine):
    """A card that was detached before stays detached"""
    tap, view = machine.tap, machine.view
    view.vfioctl(f"detach {machine.card[0]} --group")
    status, output = view.vfioctl(f"lease {machine.card[0]} --group -- true", user="alice")
    tap.check("alice leases a detached card", status == 0, output)
    tap.equal("the lease has ended", eventually(machine.states, []), [])
    tap.equal("the group is still detached", eventually(lambda: view.groups()[machine.group]["state"], "detached"), "detached")
    status, output = view.vfioctl(f"reattach {machine.card[0]}")
    tap.check("root may reattach it", status == 0, output)
    machine.check_home("reattached")


def check_descriptors(machine):
    """A VM gets open descriptors, where the kernel has an iommufd"""
    tap = machine.tap
    if systems.CDEV not in machine.guest.facts.ways:
        status, output = machine.view.vfioctl(f"lease {machine.card[0]} --group --descriptors -- true", user="alice")
        tap.check("without an iommufd, --descriptors is refused", status != 0, output)
        machine.check_home("refused")
        return
    program = machine.running("--descriptors")
    lease = machine.leases()[0]
    tap.equal("the lease says so", lease["descriptors"], True)
    tap.check("alice may open no node", not any(may_open(machine, "alice", node) for node in lease["nodes"]), lease)
    arguments = machine.guest.read(f"/proc/{byhand.machine_pid(machine.guest)}/cmdline").split("\0")
    tap.check("QEMU's arguments name descriptors and no device",
              any(word.startswith("iommufd,id=iommufd0,fd=") for word in arguments)
              and not any("host=" in word for word in arguments), arguments)
    machine.check_leased("with descriptors")
    byhand.stop_machine(program)
    machine.check_home("the VM with descriptors has ended")


def check_memlock(machine):
    """The limit of locked memory is checked before anything is changed"""
    tap, guest = machine.tap, machine.guest
    low = "prlimit --memlock=8388608:67108864"
    started, program = machine.start(before=low)
    tap.check("with a limit that is too low, the VM does not start", not started, program.output)
    tap.equal("the exit status is that of a refusal", program.wait(), REFUSED)
    for words in ("needs 192 MiB of locked memory, but the limit of user alice is 64 MiB", "LimitMEMLOCK=192M",
                  MEMLOCK_LINE.format(192 << 10), LIMITS):
        tap.contains(f"the explanation has: {words}", program.output, words)
    tap.equal("there was no lease", machine.leases(), [])
    tap.equal("nothing was changed", machine.snapshot(*machine.card), machine.before)
    started, program = machine.start(f"{machine.usual} --force-memlock", before=low)
    tap.check("with --force-memlock, QEMU runs and fails", not started, program.output)
    tap.contains("its message is that of the kernel", program.output, "Cannot allocate memory")
    machine.check_home("QEMU has failed")
    machine.permit_memlock(192 << 10)
    byhand.stop_machine(machine.running())
    machine.check_home("the VM has run with the limit of the explanation")
    program = machine.running(before="prlimit --memlock=8388608:201326592")
    tap.equal("the soft limit is raised as far as it may", guest.check_run(
        f"prlimit --noheadings --raw --output=SOFT --memlock --pid {byhand.machine_pid(guest)}").strip(), "201326592")
    byhand.stop_machine(program)
    machine.check_home("the VM has ended with its raised limit")


PARTS = [check_denied, check_command, check_machine, check_kill, check_session, check_restarts, check_process, check_lingering,
         check_holder_killed,
         check_release, check_detached, check_descriptors, check_memlock]


if __name__ == "__main__":
    sys.exit(play("lease", __doc__, "full", PARTS, Lessor))
