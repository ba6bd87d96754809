#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the guest: calls ListGroups over the system bus, one call after another.

    caller.py COUNT      prints for each answered call how many microseconds it took, one line per call
"""

import ctypes
import os
import sys
import time

bus_library = ctypes.CDLL("libsystemd.so.0")


def call(bus):
    """Make one call. Returns 0 if the service replied with a result, or a negative errno."""
    reply = ctypes.c_void_p()
    result = bus_library.sd_bus_call_method(bus, b"org.vfiod1", b"/org/vfiod1", b"org.vfiod1.Manager", b"ListGroups",
                                            None, ctypes.byref(reply), None)
    if result >= 0:
        bus_library.sd_bus_message_unref(reply)
    return min(result, 0)


def main(count):
    bus = ctypes.c_void_p()
    result = bus_library.sd_bus_open_system(ctypes.byref(bus))
    if result < 0:
        sys.exit(f"no system bus: {os.strerror(-result)}")
    result = call(bus)
    if result < 0:
        sys.exit(f"vfiod does not answer: {os.strerror(-result)}")
    durations = []
    for _ in range(count):
        before = time.monotonic_ns()
        if call(bus) == 0:
            durations.append((time.monotonic_ns() - before) // 1000)
    print("\n".join(map(str, durations)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
