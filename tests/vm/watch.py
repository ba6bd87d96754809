# SPDX-License-Identifier: GPL-2.0-or-later
"""Records what happens in the guest since the object was made: events of the kernel and of udev, and vfiod's signals.

    events = Events(guest)
    signals = Signals(guest)
    guest.plug(...)
    signals.state(address, "detached")          # waits; True if the state was signalled
    events.end().drivers(address)               # ["e1000e", "vfio-pci"]: in the order in which they bound
"""

import json
import re
import uuid

from programs import GuestTimeout

HEADER = re.compile(r"^(KERNEL|UDEV) *\[([0-9.]+)\] (\w+) +(\S+) \((\w+)\)$")


class Events:
    """Events of the kernel, and of udev after its rules have run, from udevadm."""

    def __init__(self, guest):
        self.guest = guest
        self.program = guest.start("exec udevadm monitor --kernel --udev --property")
        self.program.read_until("KERNEL - the kernel uevent\n\n")
        self.found = []

    def end(self):
        """Stop listening. The events are in `found`: dictionaries of the properties, with "source" and "time"."""
        await_events(self.guest, self.program, "/sys/devices/virtual/mem/null", ("KERNEL", "UDEV"))
        self.program.stop()
        for block in self.program.output.split("\n\n"):
            header, *lines = block.strip().split("\n")
            match = HEADER.match(header)
            if match:
                properties = dict(line.partition("=")[::2] for line in lines)
                self.found.append({**properties, "source": match[1], "time": float(match[2])})
        return self

    def of(self, source, address, subsystem):
        """The events of a PCI device ("pci"), or of another subsystem's devices below it."""
        return [event for event in self.found if event["source"] == source and event["SUBSYSTEM"] == subsystem
                and address in event["DEVPATH"].split("/")]

    def drivers(self, address):
        """The drivers that bound the device, in their order."""
        return [event["DRIVER"] for event in self.of("KERNEL", address, "pci") if event["ACTION"] == "bind"]

    def seconds(self, address, action, driver=None):
        """Seconds from the kernel's add event of the device until its first event with this action; None if there is
        none."""
        kernel = self.of("KERNEL", address, "pci")
        came = [event["time"] for event in kernel if event["ACTION"] == "add"]
        did = [event["time"] for event in kernel if event["ACTION"] == action and driver in (None, event.get("DRIVER"))]
        return did[0] - came[0] if came and did else None


def await_events(guest, monitor, device, sources):
    """Wait until `udevadm monitor --property` has printed all events until now: it prints an event of this device last, once for each
    source."""
    if "UDEV" in sources:
        guest.check_run("udevadm settle")  # udev handles the events of several devices at the same time
    mark = uuid.uuid4()
    guest.check_run(f"echo 'change {mark}' > {device}/uevent")
    for _ in sources:
        monitor.read_until(f"SYNTH_UUID={mark}")
        monitor.read_until("\n\n")


class Signals:
    """Signals of vfiod, from `vfioctl monitor`."""

    def __init__(self, guest):
        self.program = guest.start("exec vfioctl --json monitor")
        self.program.read_until('"connected"')

    def lines(self):
        """All signals until now."""
        return [json.loads(line) for line in self.program.output.split("\n")[:-1]]

    def wait(self, wanted, timeout=60):
        """Wait for the first line for which wanted() is true and return it; None if there is none."""
        def found():
            return next(filter(wanted, self.lines()), None)
        try:
            self.program.connection.wait(found, timeout, lambda: "")
        except GuestTimeout:
            pass
        return found()

    def wait_property(self, path, name, value, timeout=60):
        """Whether a signal says that the object's property has this value."""
        return self.wait(lambda line: line["object"] == path and line["properties"].get(name) == value,
                         timeout) is not None

    def state(self, address, state, timeout=60):
        """Whether a signal says that the device has this state."""
        return self.wait_property(device_path(address), "state", state, timeout)

    def end(self):
        self.program.stop()


def device_path(address):
    """The object path of a device, encoded as sd_bus_path_encode() does it."""
    label = "".join(c if c.isalnum() and (i > 0 or not c.isdigit()) else f"_{ord(c):02x}" for i, c in enumerate(address))
    return f"/org/vfiod1/devices/{label}"
