#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the guest: waker.py ROUNDS. How long the first call to a service takes while it does not run, and while it runs.

It prints a line of JSON a round: [microseconds of the first call to vfiod, of the second, of the first call to the minimal service].
"""

import ctypes
import json
import os
import subprocess
import sys
import time

bus_library = ctypes.CDLL("libsystemd.so.0")
VFIOD = (b"org.vfiod1", b"/org/vfiod1", b"org.vfiod1.Manager", b"ListGroups")
PEER = (b"org.vfiod1.Peer", b"/", b"org.vfiod1.Peer", b"Devices")


def stop(unit):
    subprocess.run(["systemctl", "stop", unit], check=True, stderr=subprocess.DEVNULL)


def timed(bus, call):
    started = time.monotonic_ns()
    result = bus_library.sd_bus_call_method(bus, *call, None, None, None)
    if result < 0:
        sys.exit(f"{call[-1].decode()}: {os.strerror(-result)}")
    return (time.monotonic_ns() - started) // 1000


def first_calls(bus, *calls):
    """The microseconds of these calls, one after another, if none of the services runs before."""
    stop("vfiod.service")
    stop("bus-peer.service")
    return [timed(bus, call) for call in calls]


if __name__ == "__main__":
    connection = ctypes.c_void_p()
    if bus_library.sd_bus_open_system(ctypes.byref(connection)) < 0:
        sys.exit("no system bus")
    for number in range(int(sys.argv[1])):
        # Each of the two comes first in every other round.
        peer = first_calls(connection, PEER) if number % 2 else []
        vfiod = first_calls(connection, VFIOD, VFIOD)
        print(json.dumps(vfiod + (peer or first_calls(connection, PEER))), flush=True)
