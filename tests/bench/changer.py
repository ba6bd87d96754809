#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the guest: detaches and reattaches a device, in turn by bare writes to sysfs, by a bus call and by vfioctl.

    changer.py ADDRESS ROUNDS      prints a line of JSON a round: microseconds by way and direction

"cold" is by the bus while no helper of vfiod runs, "start" is a vfioctl that does nothing, and "hop" is a call that
vfiod-worker only refuses: the connection, a new process for it, and the answer. An edition without helpers has no hop.
"""

import ctypes
import json
import os
import subprocess
import sys
import time

bus_library = ctypes.CDLL("libsystemd.so.0")
WORKER = "/run/vfiod/worker"
HELPERS = ("vfiod-worker", "vfiod-census", "vfiod-modules")
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


def hop():
    peer = ctypes.c_void_p()
    if (bus_library.sd_bus_new(ctypes.byref(peer)) < 0
            or bus_library.sd_bus_set_address(peer, f"unix:path={WORKER}".encode()) < 0
            or bus_library.sd_bus_start(peer) < 0):
        sys.exit("no connection to the worker")
    if bus_library.sd_bus_call_method(peer, None, b"/org/vfiod1", b"org.vfiod1.Worker3", b"Nothing", None, None, None) >= 0:
        sys.exit("the worker knows a method Nothing")
    bus_library.sd_bus_flush_close_unref(peer)


def stop_helpers():
    # It warns that the sockets start them again.
    subprocess.run(["systemctl", "stop", *(f"{name}.service" for name in HELPERS)], check=True, stderr=subprocess.DEVNULL)


def client(verb, *arguments):
    subprocess.run(["vfioctl", "--quiet", verb, *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def timed(callback, *arguments):
    before = time.monotonic_ns()
    callback(*arguments)
    return (time.monotonic_ns() - before) // 1000


def main(address, rounds):
    bus = ctypes.c_void_p()
    if bus_library.sd_bus_open_system(ctypes.byref(bus)) < 0:
        sys.exit("no system bus")
    client("status")  # starts vfiod
    has_helpers = os.path.exists(WORKER)
    by_bus = (call, bus, b"Detach", address), (call, bus, b"Reattach", address)
    ways = [("bare", (bare, address, "vfio-pci"), (bare, address, "\n")), ("bus", *by_bus),
            ("vfioctl", (client, "detach", address), (client, "reattach", address))]
    if has_helpers:
        ways.append(("cold", *by_bus))
    for _ in range(rounds):
        for todo in by_bus:  # starts all helpers that it needs
            todo[0](*todo[1:])
        took = {}
        for way, detach, reattach in ways:
            for direction, todo in (("detach", detach), ("reattach", reattach)):
                if way == "cold":
                    stop_helpers()
                subprocess.run(["udevadm", "settle"], check=True)
                took[f"{direction} {way}"] = timed(*todo)
        took["start"] = timed(subprocess.run, ["vfioctl", "--version"], -1, None, subprocess.DEVNULL, subprocess.DEVNULL)
        if has_helpers:
            took["hop"] = timed(hop)
        print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
