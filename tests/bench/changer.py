#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the guest: detaches and reattaches a device, in turn by bare writes to sysfs, by a bus call and by vfioctl.

    changer.py ADDRESS ROUNDS      prints a line of JSON a round: microseconds by way and direction
"""

import ctypes
import json
import os
import subprocess
import sys
import time

bus_library = ctypes.CDLL("libsystemd.so.0")
DEVICES, PROBE = "/sys/bus/pci/devices/", "/sys/bus/pci/drivers_probe"


def write(path, text):
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, text.encode())
    os.close(fd)


def bare(address, override):
    """The writes that every script makes, and no more."""
    write(f"{DEVICES}{address}/driver_override", override)
    write(f"{DEVICES}{address}/driver/unbind", address)
    write(PROBE, address)


def call(bus, method, address):
    result = bus_library.sd_bus_call_method(bus, b"org.vfiod1", b"/org/vfiod1", b"org.vfiod1.Manager", method, None, None,
                                            b"sa{sv}", address.encode(), 0)
    if result < 0:
        sys.exit(f"{method}: {os.strerror(-result)}")


def client(verb, *arguments):
    subprocess.run(["vfioctl", "--quiet", verb, *arguments], check=True, stdin=subprocess.DEVNULL)


def timed(callback, *arguments):
    before = time.monotonic_ns()
    callback(*arguments)
    return (time.monotonic_ns() - before) // 1000


def main(address, rounds):
    bus = ctypes.c_void_p()
    if bus_library.sd_bus_open_system(ctypes.byref(bus)) < 0:
        sys.exit("no system bus")
    for _ in range(rounds):
        took = {}
        for way, detach, reattach in (("bare", (bare, address, "vfio-pci"), (bare, address, "\n")),
                                      ("bus", (call, bus, b"Detach", address), (call, bus, b"Reattach", address)),
                                      ("vfioctl", (client, "detach", address), (client, "reattach", address))):
            for direction, todo in (("detach", detach), ("reattach", reattach)):
                subprocess.run(["udevadm", "settle"], check=True)
                took[f"{direction} {way}"] = timed(*todo)
        took["start"] = timed(subprocess.run, ["vfioctl", "--version"], -1, None, subprocess.DEVNULL, subprocess.DEVNULL)
        print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
