#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Uses vfiod for a long time, with 1,000 functions on the fake kernel, and checks that it stays as it was.

It plugs, unplugs, detaches, reattaches and lists devices at random, and kills vfiod, its workers and its clients. After the first tenth
of the time, vfiod itself lives on, so that its memory, descriptors and latency can be compared: those of the last third with those of
the first. Now and then, all devices of vfiod must be those of the kernel. It runs itself again in private namespaces, and changes
nothing on this machine. --seed repeats the same choices.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "vm"))

from lab import MANAGER, Lab, await_rest, memory_kb, program  # noqa: E402
from sim import DEVICES, Simulation  # noqa: E402
from tap import Tap  # noqa: E402

FUNCTIONS = 1000
PAIRED = 200  # so many functions share their group with one other
DRIVERS = ["driver testcard module=testcard ids=8086:10d3", "driver vfio-pci module=vfio_pci ids= loaded=0"]
SAMPLE_S = 4
CALM_SHARE = 0.9  # of the time, in which vfiod itself is not killed
KILLS_S = 5  # between the kills of vfiod before
RSS_MAX, LATENCY_MAX = 1.2, 2
COMPARED = 5  # samples from a comparison with the kernel to the next
CALLS = 20
PING = ("org.freedesktop.DBus", "/", "org.freedesktop.DBus.Peer", "Ping")
# How often each happens, in relation to the others.
WEIGHTS = {"detach": 6, "reattach": 6, "unplug": 3, "plug": 3, "list": 2, "show": 2, "rescan": 0.3, "survey": 0.05, "kill_worker": 0.7,
           "kill_client": 0.7}


def address(number):
    return f"0001:{number // 32:02x}:{number % 32:02x}.0"


def facts(number):
    """What the fake kernel is told of a function."""
    group = 100 + (number // 2 if number < PAIRED else number)
    return f"{address(number)} vendor=8086 device=10d3 class=00ff00 subsystem=8086:0000 group={group} reset=flr,pm driver=testcard"


def kernel_view():
    """{address: driver or ""} of the fake kernel."""
    return {name: os.path.basename(os.readlink(f"{DEVICES}/{name}/driver")) if os.path.islink(f"{DEVICES}/{name}/driver") else ""
            for name in os.listdir(DEVICES)}


class Soak:
    def __init__(self, tap, sim, seed, seconds):
        self.tap, self.sim, self.random = tap, sim, random.Random(seed)
        self.began = time.monotonic()
        self.calm = self.began + seconds * (1 - CALM_SHARE)
        self.end = self.began + seconds
        self.plugged = set(range(FUNCTIONS))
        self.detached = []  # perhaps
        self.samples = []
        self.different = []  # between vfiod and the kernel
        self.counts = dict.fromkeys([*WEIGHTS, "kill_vfiod", "refused", "done_detach", "done_reattach"], 0)

    # Operations

    def step(self):
        name = self.random.choices(list(WEIGHTS), WEIGHTS.values())[0]
        getattr(self, name)()
        self.counts[name] += 1

    def any(self):
        return address(self.random.choice(sorted(self.plugged)))

    def change(self, *words):
        """Some are refused: the other device of the group is not there, or is not as it should be."""
        refused = "vfioctl:" in self.sim.run("--quiet", *words, check=False)
        self.counts["refused" if refused else f"done_{words[0]}"] += 1

    def detach(self):
        device = self.any()
        self.change("detach", device, "--group")
        self.detached.append(device)

    def reattach(self):
        device = self.detached.pop(self.random.randrange(len(self.detached))) if self.detached else self.any()
        self.change("reattach", device)

    def unplug(self):
        number = self.random.choice(sorted(self.plugged))
        self.sim.kernel(f"unplug {address(number)}")
        self.plugged.discard(number)

    def plug(self):
        absent = sorted(set(range(FUNCTIONS)) - self.plugged)
        if absent:
            number = self.random.choice(absent)
            self.sim.kernel(f"plug {facts(number)}")
            self.plugged.add(number)

    def list(self):
        self.sim.run("--quiet", "devices")

    def survey(self):
        json.loads(self.sim.run("--quiet", "list", "--all", "--json"))

    def show(self):
        self.sim.run("show", self.any(), check=False)

    def rescan(self):
        self.sim.run("rescan")

    def kill_worker(self):
        """During a detach."""
        with self.start_client("detach", self.any(), "--group") as client:
            time.sleep(self.random.uniform(0.005, 0.06))
            for pid in find_processes("vfiod-job"):
                kill(pid)
            client.wait(60)

    def kill_client(self):
        with self.start_client(*self.random.choice([("list", "--all", "--json"), ("detach", self.any(), "--group"), ("monitor",)])) as client:
            time.sleep(self.random.uniform(0.005, 0.06))
            client.kill()

    def kill_vfiod(self):
        with self.start_client("detach", self.any(), "--group") as client:
            time.sleep(self.random.uniform(0.005, 0.06))
            self.sim.end_vfiod(signal.SIGKILL)
            client.wait(60)
        self.sim.start_vfiod()
        self.counts["kill_vfiod"] += 1

    def start_client(self, *words):
        return subprocess.Popen([self.sim.lab.vfioctl, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    # Checks

    def rest(self):
        """Wait until no device is changing, and vfiod has nothing to do."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if not any(state == "changing" for state, _ in self.devices().values()):
                await_rest(self.sim.vfiod.pid)
                return
            time.sleep(0.1)
        raise RuntimeError("devices are changing for a minute")

    def devices(self):
        """{address: (state, driver)} of what vfiod lists, without what is not there."""
        output = subprocess.run([program("busctl"), "--json=short", "call", *MANAGER, "ListDevices"], stdout=subprocess.PIPE,
                                check=True).stdout
        return {name: (state, driver) for name, _, _, state, driver, *_ in json.loads(output)["data"][0] if state != "absent"}

    def compare(self):
        """Return what differs between vfiod and the kernel."""
        found, expected = self.devices(), kernel_view()
        different = [f"{name}: vfiod {found.get(name)}, kernel {expected.get(name)}" for name in sorted({*found, *expected})
                     if found.get(name, ("", None))[1] != expected.get(name)]
        different += [f"{name}: {state} with driver {driver}" for name, (state, driver) in found.items()
                      if (state == "detached") != (driver == "vfio-pci")]
        if set(expected) != {address(number) for number in self.plugged}:
            different.append("the kernel has lost devices")
        return different

    def sample(self):
        """At rest: memory and descriptors; then latencies."""
        self.rest()
        if len(self.samples) % COMPARED == 0:
            self.different += self.compare()
        time.sleep(1)
        pid = self.sim.vfiod.pid
        memory, descriptors = memory_kb(pid), len(os.listdir(f"/proc/{pid}/fd"))
        # The shortest of several calls, because other load on the machine can only make them longer.
        times = self.sim.call_times("-n", CALLS, "-w", 1, *MANAGER, "ListDevices", "--", "-s", self.any(), *MANAGER, "GetDevice",
                                    "--", *PING)
        self.samples.append({"rss": memory, "fds": descriptors, **{target["name"]: min(target["wall"]) for target in times}})

    # The whole

    def run(self):
        last = 0
        while time.monotonic() < self.calm:
            self.step()
            if time.monotonic() - last > KILLS_S:
                self.kill_vfiod()
                last = time.monotonic()
        self.check("vfiod was killed")
        last = 0
        while time.monotonic() < self.end:
            self.step()
            if time.monotonic() - last > SAMPLE_S:
                self.sample()
                last = time.monotonic()
        self.report()

    def check(self, when):
        self.rest()
        self.different += self.compare()
        self.tap.check(f"{when}: no device is lost", not self.different, "\n".join(self.different[:20]))
        self.different = []

    def report(self):
        self.check("until the end")
        self.tap.check("the same vfiod runs", self.sim.vfiod.poll() is None)
        self.tap.note(f"{len(self.samples)} samples; " + ", ".join(f"{name} {count}" for name, count in self.counts.items()))
        for verb in ("detach", "reattach"):
            self.tap.check(f"a third of the calls of {verb}, at least, was not refused", 3 * self.counts[f"done_{verb}"] >= self.counts[verb],
                           dict(self.counts))
        third = len(self.samples) // 3
        if not self.tap.check("there are enough samples", third >= 3, len(self.samples)):
            return
        first, last = self.samples[:third], self.samples[-third:]

        def medians(name):
            return [statistics.median(one[name] for one in part) for part in (first, last)]

        rss, fds = medians("rss"), [min(one["fds"] for one in part) for part in (first, last)]
        self.tap.check(f"memory is at most {RSS_MAX} times as much", rss[1] <= RSS_MAX * rss[0], f"{rss} kB")
        self.tap.check("as many descriptors are open", fds[1] == fds[0], fds)
        # If calls to the bus daemon itself take longer, this is no fault of vfiod.
        slower = max(1, medians("Ping")[1] / medians("Ping")[0])
        self.tap.note(f"first and last third: resident {rss} kB, descriptors {fds}; Ping takes {slower:.2f} times as long")
        for name in ("ListDevices", "GetDevice"):
            before, after = medians(name)
            self.tap.note(f"{name}: {before:.0f} us, {after:.0f} us")
            self.tap.check(f"{name} takes at most {LATENCY_MAX} times as long", after <= LATENCY_MAX * slower * before, (before, after))


def find_processes(name):
    """The pids of all processes of this name. Only those of this program are in its PID namespace."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if pathlib.Path(f"/proc/{entry}/comm").read_text(encoding="ascii").strip() == name:
                    yield int(entry)
            except OSError:
                pass


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run_inside(choice):
    tap = Tap()
    tap.note(f"seed {choice.seed}, {choice.minutes} minutes")
    topology = "\n".join([*DRIVERS, *(f"device {facts(number)}" for number in range(FUNCTIONS)), ""])
    with Simulation(Lab(choice.build_dir), topology) as sim:
        sim.kernel("modprobe vfio-pci")
        tap.run("soak", Soak(tap, sim, choice.seed, choice.minutes * 60).run)
    return tap.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build-dir", default="build", help="a build folder of meson")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    choice = parser.parse_args()
    if choice.inside:
        return run_inside(choice)
    build = pathlib.Path(choice.build_dir).resolve()
    return subprocess.run([build / "tests/unit/private-processes", "/usr/bin/unshare", "--net", sys.executable, "-B", __file__, "--inside",
                           "--build-dir", build, "--minutes", str(choice.minutes), "--seed", str(choice.seed)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
