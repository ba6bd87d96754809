# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows events, storm and idle: what events of the kernel cost, in processor time and in latency."""

import os
import statistics
import threading
import time

import timing
from lab import MANAGER, await_rest, cpu_ms, event, memory_kb, send_events

SMALL, LARGE = 10, 10000
# With more functions, the replies to all clients would be more than vfiod lets a user leave unread.
FOR_CLIENTS = 100
EVENTS = 10000
ROUNDS = 3
LINKS_MAX = 5000
PEER, QUIET_PEER = "org.vfiod1.UdevPeer", "org.vfiod1.QuietPeer"
SIGNAL_ROUNDS = 200
CLIENTS, CALLS = 100, 20
OTHERS = 1000


def events(lab, report):
    sizes = {}
    for functions in (SMALL, LARGE):
        with lab.session(functions) as session:
            session.start_vfiod()
            await_rest(session.vfiod)
            report.attempt_all(["event-size", "signal"], lambda: sizes.update({functions: signal_times(lab, session)}))
            if functions == LARGE:
                report.attempt("events-same", same_events, lab, session)
                report.attempt("events-changed", changed_events, session)
    if len(sizes) == 2:
        report_signals(report, sizes[SMALL], sizes[LARGE])


def start_udev_peer(lab, session, name, *arguments):
    """In a network namespace of its own: it gets only its own events."""
    return session.start("/usr/bin/unshare", "--net", lab.tool("udev-peer"), name, *arguments)


def bound_devices(session):
    """The folders of all devices that have a driver."""
    return [path for path in session.paths() if os.path.islink(f"/sys{path}/driver")]


def signal_times(lab, session):
    """({"wall", "cpu"} of vfiod, the same of the peer): a driver comes and goes."""
    device = bound_devices(session)[-1]
    peer = start_udev_peer(lab, session, PEER)
    return session.tool_lines("signal-times", SIGNAL_ROUNDS, f"/sys{device}", session.vfiod, "org.vfiod1", peer, PEER)


def report_signals(report, small, large):
    ours, peer = small
    medians = [f"{statistics.median(one['wall']):.0f} us" for one in (ours, peer)]
    report.value("signal", timing.ratio(ours["wall"], peer["wall"]), *medians)
    few, many = (statistics.median(found[0]["cpu"]) for found in (small, large))
    report.value("event-size", many / few, f"{many:.0f} us at 10,000", f"{few:.0f} us at 10")


def used_ms(pid, messages, network_of=None):
    """The processor time that the process needs for these events."""
    before = cpu_ms(pid)
    send_events(messages, network_of)
    await_rest(pid)
    return cpu_ms(pid) - before


def same_events(lab, session):
    paths = session.paths()
    messages = [event("change", paths[number % len(paths)]) for number in range(EVENTS)]
    peer = start_udev_peer(lab, session, QUIET_PEER, "quiet")
    ours, peers = timing.in_turn([lambda: used_ms(session.vfiod, messages), lambda: used_ms(peer, messages, peer)], ROUNDS)
    return statistics.median(ours) / 1000, f"{statistics.median(ours):.0f} ms", f"libudev receive {statistics.median(peers):.0f} ms"


def changed_events(session):
    """Half of the events tell that a driver went, half that it is back."""
    links = {path: os.readlink(f"/sys{path}/driver") for path in bound_devices(session)[:LINKS_MAX]}
    times = max(1, EVENTS // 2 // len(links))
    bus = session.bus.pid

    def flap():
        before = cpu_ms(session.vfiod), cpu_ms(bus)
        for _ in range(times):
            for path in links:
                os.unlink(f"/sys{path}/driver")
            used_ms(session.vfiod, [event("unbind", path) for path in links])
            for path, target in links.items():
                os.symlink(target, f"/sys{path}/driver")
            used_ms(session.vfiod, [event("bind", path) for path in links])
        await_rest(bus)
        return cpu_ms(session.vfiod) - before[0], cpu_ms(bus) - before[1]

    found, = timing.in_turn([flap], ROUNDS)
    ours, of_bus = (statistics.median(values) * EVENTS / (2 * len(links) * times) for values in zip(*found))
    return ours / 1000, f"{ours:.0f} ms, resident {memory_kb(session.vfiod) / 1000:.1f} MB", f"the bus {of_bus:.0f} ms"


class Storm:
    """Events as fast as vfiod takes them, in a thread, during a with block."""

    def __init__(self, session):
        paths = session.paths()
        self.session = session
        self.messages = [event("change", paths[number % len(paths)]) for number in range(EVENTS)]
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ended.is_set():
            send_events(self.messages)
            self.await_progress()

    def await_progress(self):
        """Wait until vfiod has handled most of them."""
        before = cpu_ms(self.session.vfiod)
        while not self.ended.wait(0.05):
            after = cpu_ms(self.session.vfiod)
            if after - before < 20:
                return
            before = after

    def __enter__(self):
        self.thread.start()
        time.sleep(0.2)

    def __exit__(self, *error):
        self.ended.set()
        self.thread.join()
        await_rest(self.session.vfiod)


def storm(lab, report):
    with lab.session(FOR_CLIENTS) as session:
        session.start_vfiod()
        await_rest(session.vfiod)
        report.attempt("storm-groups", storm_groups, session)
        report.attempt("storm-device", storm_device, session)


def p99(session, *arguments):
    return timing.percentile(session.call_times(*arguments)[0]["wall"], 99)


def in_storm(session, *arguments):
    with Storm(session):
        return p99(session, *arguments)


def storm_groups(session):
    arguments = ["-c", CLIENTS, "-n", CALLS, *MANAGER, "ListGroups"]
    quiet, stormy = timing.in_turn([lambda: p99(session, *arguments), lambda: in_storm(session, *arguments)], ROUNDS)
    return (timing.ratio(stormy, quiet), f"storm {statistics.median(stormy) / 1000:.0f} ms",
            f"quiet {statistics.median(quiet) / 1000:.0f} ms")


def storm_device(session):
    arguments = ["-n", 500, "-s", os.path.basename(session.paths()[0]), *MANAGER, "GetDevice"]
    quiet, stormy = timing.in_turn([lambda: p99(session, *arguments), lambda: in_storm(session, *arguments)], ROUNDS)
    return (statistics.median(stormy) / 1000, f"storm {statistics.median(stormy) / 1000:.2f} ms",
            f"quiet {statistics.median(quiet) / 1000:.2f} ms")


def idle(lab, report):
    with lab.session(SMALL) as session:
        session.start_vfiod()
        await_rest(session.vfiod)
        report.attempt("idle", count_wakeups, session)


def wakeups(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))


def count_wakeups(session):
    """First without any event, for as long as the events take."""
    before = wakeups(session.vfiod)
    time.sleep(OTHERS * 0.003)
    quiet = wakeups(session.vfiod) - before
    before = wakeups(session.vfiod)
    send_events([event("change", "/devices/platform/other", "platform")] * OTHERS, pause=0.002)
    await_rest(session.vfiod)
    found = wakeups(session.vfiod) - before
    return found, f"{found} for {OTHERS} events", f"{quiet} without events"
