# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows that bench.py measures, and the table that it prints.

A row is what `--row` names: a program part that measures one or more cases. A case is a line of the table, with one value. The first
edition's value was measured earlier, on another machine: it is a constant here.
"""

import dataclasses

AT_MOST, AT_LEAST = "at most", "at least"


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    what: str
    first: str  # the first edition
    bound: str
    goal: float
    unit: str = "x"
    digits: int = 2

    def is_met(self, value):
        return value <= self.goal if self.bound == AT_MOST else value >= self.goal

    def show(self, value):
        return f"{value:,.{self.digits}f}{'' if self.unit == 'x' else ' '}{self.unit}"

    def goal_text(self):
        return f"{self.bound} {self.goal:g}{'' if self.unit == 'x' else ' '}{self.unit}"


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    place: str  # "lab": constructed trees, "sim": the fake kernel, "guest": a real kernel in a guest
    cases: list


def below(name, what, first, goal, unit="x", digits=2):
    return Case(name, what, first, AT_MOST, goal, unit, digits)


def above(name, what, first, goal):
    return Case(name, what, first, AT_LEAST, goal)


ROWS = [
    Row("lists", "lab", [
        above("lspci-10", "lspci -nn / devices --json, 10 functions", "4.0x", 1),
        above("lspci-100", "the same, 100", "3.5x", 1),
        above("lspci-1000", "the same, 1,000", "2.2x", 1),
        above("lspci-10000", "the same, 10,000", "2.0x", 1),
        below("json", "devices --json / client of the same rows, 10,000", "5.5x", 1.5),
        below("same-rows", "ListDevices / service with the same rows, 10,000", "1.38x", 1.2),
        below("same-bytes", "ListDevices / service with as many bytes, 10,000", "6.5x", 2),
    ]),
    Row("groups", "lab", [
        above("groups", "busctl ListGroups / vfioctl groups, 10,000", "0.2x", 1),
        below("status", "vfioctl status, 10,000", "18 ms", 5, "ms", 1),
        below("by-name", "GetDevice by name / by address, CPU, 10,000", "11.8x (instructions)", 1.5),
    ]),
    Row("ready", "lab", [
        below("ready-10", "exec to READY / minimal service, 10", "(3.1x of the scan)", 1.3),
        below("ready-100", "exec to READY / raw scan, 100", "1.48x", 1.5),
        below("ready-1000", "the same, 1,000", "1.12x", 1.5),
        below("ready-10000", "the same, 10,000", "1.01x", 1.5),
    ]),
    Row("memory", "lab", [
        below("resident-100", "resident at READY, 100", "5.6 MB", 4, "MB", 1),
        below("resident-10000", "resident at READY, 10,000", "7.9 MB", 6.5, "MB", 1),
        below("resident-list", "resident after a full list, 10,000", "12.7 MB", 7, "MB", 1),
        below("resident-objects", "resident after GetManagedObjects, 10,000", "29.4 MB", 8, "MB", 1),
        below("function", "memory of a function and its group", "243 B", 190, "B", 0),
    ]),
    Row("events", "lab", [
        below("events-same", "10,000 events, nothing changed, CPU", "0.54-0.82 s", 0.2, "s"),
        below("events-changed", "10,000 events, real changes, CPU", "0.89-1.12 s", 0.5, "s"),
        below("event-size", "CPU of a changed event, 10,000 / 10 functions", "1.8x", 1.1),
        below("signal", "event to signal, median / libudev and a signal", "1.6-2.3x", 1.5),
    ]),
    Row("storm", "lab", [
        below("storm-groups", "ListGroups of 100 clients, p99, in a storm / quiet, 100", "2.5x", 1.5),
        below("storm-device", "GetDevice in a storm, p99, 100", "5.5 ms", 2, "ms", 1),
    ]),
    Row("idle", "lab", [
        below("idle", "wake-ups at 1,000 events of other subsystems", "(one for each)", 0, "", 0),
    ]),
    Row("survey", "lab", [
        below("survey", "plan with 16 disks, 10,000 processes, 50,000 mounts / a walk of /proc", "40-90 s", 2),
    ]),
    Row("lookups", "sim", [
        below("lookups-1", "look-ups in /sys and /dev for a detach, one device", "194", 60, "", 0),
        below("lookups-64", "the same per device, 64 devices", "141", 30, "", 0),
        below("detach-64", "detach of 64 by the bus / C program with the writes, fake kernel", "-", 1.1),
        below("reattach-64", "reattach of 64 by the bus / the same", "-", 1.1),
    ]),
    Row("virsh", "guest", [
        above("virsh", "virsh list and dumpxml / devices --json, in the guest", "24-59x", 10),
    ]),
    Row("change", "guest", [
        below("vfioctl-detach", "vfioctl detach / the bare writes", "4.2x", 1.5),
        below("vfioctl-reattach", "vfioctl reattach / the bare writes", "2.4x", 1.2),
        below("bus-detach", "detach by the bus, less a hop to the worker / the same", "2.3x", 1.1),
        below("bus-reattach", "reattach by the bus, less a hop / the same", "1.6x", 1.1),
        above("tool-detach", "detach by the faster of virsh and driverctl / by vfioctl", "-", 1),
        above("tool-reattach", "reattach by the faster of them / by vfioctl", "-", 1),
    ]),
    Row("exit", "guest", [
        below("exit", "seconds until vfiod exits with nothing to do", "stays", 35, "s", 0),
        below("answer", "first answer after that", "-", 50, "ms", 0),
        below("answer-peer", "the same / minimal service in the same sandbox, which the bus starts, too", "-", 1.5),
    ]),
]

HEAD = ("row", "what", "first edition*", "goal", "now", "goal met", "ours", "peer")


def find(name):
    return next((row for row in ROWS if row.name == name), None)


def is_met(case, results):
    """Whether the goal is met. None if the case was not measured."""
    result = results.get(case.name, {})
    if "value" in result:
        return case.is_met(result["value"])
    return False if "never" in result else None


def cells(row, results):
    """The lines of a row. `results` is a dictionary {case: result}, see report.py."""
    for case in row.cases:
        result = results.get(case.name, {"reason": "the row ended before it"})
        if "value" in result:
            now = case.show(result["value"])
        else:
            now = result.get("never") or f"not measured: {result['reason']}"
        met = {True: "yes", False: "no", None: "-"}[is_met(case, results)]
        yield (row.name, case.what, case.first, case.goal_text(), now, met, result.get("ours", ""), result.get("peer", ""))


def text(rows, results):
    """The table as Markdown, with columns of equal width."""
    lines = [HEAD, *(line for row in rows for line in cells(row, results))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines)
