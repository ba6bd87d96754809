# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows lists and groups: what reading costs."""

import os
import statistics

import timing
from lab import MANAGER, PEER, program

LARGE = 10000
ROUNDS = {10: 25, 100: 25, 1000: 15, LARGE: 5}
CALLS = 15
BLOCK = 50  # calls that follow each other while processor time is measured


def shown(times):
    return f"{statistics.median(times):.2f} ms"


def lists(lab, report):
    for functions, rounds in ROUNDS.items():
        with lab.session(functions) as session:
            session.start_vfiod()
            report.attempt(f"lspci-{functions}", against_lspci, lab, rounds)
            if functions == LARGE:
                session.start_peer()
                report.attempt("json", against_client, lab, rounds)
                report.attempt_all(("same-rows", "same-bytes"), against_service, session, report)


def against_lspci(lab, rounds):
    ours, peers = timing.commands_in_turn([[lab.vfioctl, "devices", "--json"], [program("lspci"), "-nn"]], rounds)
    return timing.ratio(peers, ours), shown(ours), shown(peers)


def against_client(lab, rounds):
    """A client that receives the same rows from the minimal service, and ends."""
    client = lab.tool("client-peer")
    ours, peers, same_service, walks = timing.commands_in_turn([
        [lab.vfioctl, "devices", "--json"], [client, *PEER, "Devices"], [client, *MANAGER, "ListDevices"],
        [client, *MANAGER, "ListDevices", "walk"]], rounds)
    peer = f"{shown(peers)}; of vfiod's rows {shown(same_service)}, reading each field {shown(walks)}"
    return timing.ratio(ours, peers), shown(ours), peer


def against_service(session, report):
    """Calls, without a client: of vfiod, of the minimal service with the same rows, and of as many bytes."""
    targets = [*MANAGER, "ListDevices", "--", *PEER, "Devices", "--", *PEER, "Bytes"]
    ours, rows, many = session.call_times("-n", CALLS, *targets)
    for case, peer in (("same-rows", rows), ("same-bytes", many)):
        report.value(case, timing.ratio(ours["wall"], peer["wall"]), shown_us(ours["wall"]), shown_us(peer["wall"]))


def groups(lab, report):
    with lab.session(LARGE) as session:
        session.start_vfiod()
        report.attempt("groups", against_busctl, lab)
        report.attempt("status", time_status, lab)
        report.attempt("by-name", by_name, session)


def against_busctl(lab):
    ours, peers = timing.commands_in_turn([[lab.vfioctl, "groups"], [program("busctl"), "call", *MANAGER, "ListGroups"]],
                                          ROUNDS[LARGE])
    return timing.ratio(peers, ours), shown(ours), shown(peers)


def time_status(lab):
    ours, peers = timing.commands_in_turn([[lab.vfioctl, "status"], [lab.vfioctl, "--version"]], ROUNDS[100])
    return statistics.median(ours), shown(ours), f"vfioctl --version {shown(peers)}"


def by_name(session):
    """The last interface of the last SR-IOV card, and its address."""
    device = next(path for path in reversed(session.paths()) if os.path.isdir(f"/sys{path}/net"))
    name = os.listdir(f"/sys{device}/net")[0]
    arguments = ["-n", 40 * BLOCK, "-b", BLOCK, "-p", session.vfiod]
    for key in (name, os.path.basename(device)):
        arguments += ["-s", key, *MANAGER, "GetDevice", "--"]
    ours, peer = session.call_times(*arguments)
    return timing.ratio(ours["cpu"], peer["cpu"]), *(f"{statistics.median(one['cpu']):.1f} us" for one in (ours, peer))


def shown_us(times):
    return shown([time / 1000 for time in times])
