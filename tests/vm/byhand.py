# SPDX-License-Identifier: GPL-2.0-or-later
"""What an administrator does without vfiod, and the VM that uses the device.

Every helper takes a Guest. The helpers raise GuestError when the guest's kernel refuses.
"""

import json
import re

import systems

OVERRIDE = "/sys/bus/pci/devices/{address}/driver_override"


def take(guest, address, driver="vfio-pci"):
    """Bind one PCI function to `driver` by writing to sysfs, as many scripts do."""
    path = OVERRIDE.format(address=address)
    guest.check_run(f"modprobe {driver}")
    guest.check_run(f"echo {driver} > {path}")
    guest.check_run(f"cd /sys/bus/pci/devices/{address}; if [ -e driver ]; then echo {address} > driver/unbind; fi")
    guest.check_run(f"echo {address} > /sys/bus/pci/drivers_probe")


def reattach(guest, address):
    """Clear driver_override and let the kernel choose the driver."""
    path = OVERRIDE.format(address=address)
    guest.check_run(f"echo > {path}")
    guest.check_run(f"cd /sys/bus/pci/devices/{address}; if [ -e driver ]; then echo {address} > driver/unbind; fi")
    guest.check_run(f"echo {address} > /sys/bus/pci/drivers_probe")
    guest.check_run("udevadm settle")


def device_arguments(guest, *addresses, way=None):
    """The QEMU arguments that assign these devices to a VM, in a way of systems.py. The default is the guest's first."""
    if (way or guest.facts.ways[0]) is systems.GROUP:
        return " ".join(f"-device vfio-pci,host={address}" for address in addresses)
    return " ".join(["-object iommufd,id=iommufd0",
                     *(f"-device vfio-pci,host={address},iommufd=iommufd0" for address in addresses)])


def says_not_viable(output, group, way):
    """Tell whether QEMU says that it cannot have a device because a member of its group is on a host driver."""
    return re.search(way.not_viable.format(group=group), output) is not None


def machine_command(arguments, memory=128):
    """The shell command that starts a small VM with these additional arguments."""
    return f"qemu-system-x86_64 -accel tcg -m {memory} -display none -nodefaults {arguments}"


def start_machine(guest, arguments, timeout=120, before="", user=None):
    """Start that VM, with other words before its command, as this user. Returns (True, Program) when the VM has all its devices, or (False, Program) when QEMU ended;
    Program.output then says why. Call stop_machine() to end it."""
    program = guest.start(f"exec {before} {machine_command(arguments)} -qmp stdio", user)
    # QEMU's main loop answers this, and it runs only after all devices exist.
    program.write('{"execute": "qmp_capabilities"} {"execute": "query-status"}\n')
    program.connection.wait(lambda: '"status"' in program.output or program.status is not None, timeout,
                            lambda: f"the VM neither starts nor ends:\n{program.output}")
    return program.status is None, program


def machine_devices(program, timeout=60):
    """The PCI ids ("8086:100e") of the devices that a running VM has, sorted."""
    program.write('{"execute": "query-pci"}\n')
    while True:
        line = program.read_line(timeout)
        reply = json.loads(line).get("return") if line.startswith("{") else None
        if isinstance(reply, list):
            return sorted(f"{device['id']['vendor']:04x}:{device['id']['device']:04x}"
                          for bus in reply for device in bus["devices"])


def machine_pid(guest):
    """The process id of the only VM that runs in the guest."""
    return int(guest.check_run("pgrep --exact qemu-system-x86"))


def stop_machine(program, timeout=60):
    """End a running VM and return its exit status."""
    program.write('{"execute": "quit"}\n')
    return program.wait(timeout)
