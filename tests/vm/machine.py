# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests with many parts share: a guest that plays the host, its devices, and a view of vfiod in it."""

import host
import options
import systems
from guest import Guest
from tap import Tap
from view import View

ERROR = "org.vfiod1.Error."
INVALID_ARGUMENTS = "org.freedesktop.DBus.Error.InvalidArgs"


BINDINGS = """for address in {}; do
    cd /sys/bus/pci/devices/$address && driver=$(readlink driver); echo "${{driver##*/}}|$(<driver_override)"
done"""


class Host:
    """The guest, and the Tap that reports."""

    def __init__(self, tap, guest):
        self.tap = tap
        self.guest = guest
        self.view = View(guest)
        self.named = set()  # guards whose error on the bus was checked

    def snapshot(self, *addresses):
        return host.snapshot(self.guest, *addresses)

    def bindings(self, *addresses):
        """[[driver, override]] of these devices. It reads less than snapshot() and is much faster."""
        return [line.split("|") for line in self.guest.check_run(BINDINGS.format(" ".join(addresses))).splitlines()]


class Machine(Host):
    """A guest with the topology "full", and the addresses of its devices."""

    def __init__(self, tap, guest):
        super().__init__(tap, guest)
        self.nic, self.disk = guest.address("nic"), guest.address("disk")
        self.card = [guest.address("dual-0"), guest.address("dual-1")]
        self.controller = guest.address("sriov")
        self.name = host.interface(guest, self.nic)
        self.everything = guest.check_run("ls /sys/bus/pci/devices").split()

    def driver(self, address):
        return host.drivers(self.guest, address)[0]

    def write(self, text, path):
        """Write to an attribute below /sys/bus/pci."""
        self.guest.check_run(f"echo {text} > /sys/bus/pci/{path}")


def play(name, description, topology, parts, make=Machine, **properties):
    """Run a whole program: each part in turn, in a guest with this topology. Returns the exit status. `topology` may be a
    dictionary {system: topology}. `properties` are more arguments of Guest."""
    choice = options.parser(description).parse_args()
    tap = Tap()
    if isinstance(topology, dict):
        topology = topology[systems.chosen()[0]]
    with options.installed(choice) as destdir:
        tap.run(name, run_parts, tap, Guest(topology, destdir=destdir, **properties), parts, make)
    return tap.finish()


def run_parts(tap, guest, parts, make):
    with guest:
        tap.watch(guest)
        guest.boot()
        tap.note(f"booted in {guest.boot_seconds:.1f} s")
        machine = make(tap, guest)
        for part in parts:
            tap.note(part.__doc__)
            tap.run(part.__name__, part, machine)


def refused(machine, what, verb, selector, code, error):
    """Check that vfiod refuses a call: vfioctl's exit status and the error on the bus. Returns the output."""
    status, output = machine.view.vfioctl(f"{verb} {selector}")
    machine.tap.equal(f"{verb} of {what}: exit status {code}", status, code)
    machine.tap.equal(f"{verb} of {what}: {error.rpartition('.')[2]}",
                      machine.view.error(verb.capitalize(), selector), error)
    return output
