# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows ready and memory: what the service costs while nobody asks it."""

import statistics
import time

import timing
from lab import MANAGER, PEER, memory_kb

SIZES = {10: 25, 100: 25, 1000: 15, 10000: 7}
OBJECTS = ("org.vfiod1", "/org/vfiod1", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
LARGE, SMALL = 10000, 100
REST_S = 1  # until buffers are trimmed


def ready(lab, report):
    for functions, rounds in SIZES.items():
        with lab.session(functions):
            report.attempt(f"ready-{functions}", time_ready, lab, functions, rounds)


def time_ready(lab, functions, rounds):
    """At 10 functions against the minimal service, else against reading the same files."""
    vfiod, service, scan = timing.in_turn([
        lambda: timing.run_to_ready([str(lab.build / "daemon/vfiod")]),
        lambda: timing.run_to_ready([lab.tool("bus-peer"), PEER[0]]),
        lambda: timing.run_to_ready([lab.tool("scan-peer")])], rounds)
    peer = service if functions == 10 else scan
    shown = [f"{statistics.median(times):.2f} ms" for times in (vfiod, service, scan)]
    return timing.ratio(vfiod, peer), shown[0], f"service {shown[1]}, scan {shown[2]}"


def memory(lab, report):
    with lab.session(SMALL) as session:
        plain = memory_kb(session.start(lab.tool("bus-peer"), PEER[0]))
        session.start_vfiod()
        at_small = sample(session)
    with lab.session(LARGE) as session:
        session.start_vfiod()
        at_large = sample(session)
        session.call_times("-n", "3", *MANAGER, "ListDevices")
        after_list = sample(session)
        session.call_times("-n", "3", *OBJECTS)
        after_objects = sample(session)
    peer = f"service {plain / 1000:.1f} MB"
    for case, found in (("resident-100", at_small), ("resident-10000", at_large), ("resident-list", after_list),
                        ("resident-objects", after_objects)):
        report.value(case, found["Rss"] / 1000, f"{found['Anonymous']} kB of it anonymous", peer)
    more = (at_large["Anonymous"] - at_small["Anonymous"]) * 1024 / (LARGE - SMALL)
    report.value("function", more, "anonymous memory at 10,000 less that at 100", "")


def sample(session):
    time.sleep(REST_S)
    return {field: memory_kb(session.vfiod, field) for field in ("Rss", "Anonymous")}
