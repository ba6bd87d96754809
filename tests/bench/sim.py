# SPDX-License-Identifier: GPL-2.0-or-later
"""vfiod on the fake kernel of tests/sim, in the namespaces that lab.py needs.

    with Simulation(lab, topology_text) as sim:
        sim.run("detach", "ens3")
        sim.kernel("unplug 0000:01:00.0")
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import lab as lab_module  # noqa: E402

ROOT, CONTROL, STATE, TOPOLOGY = "/run/root", "/run/control", "/run/state", "/run/topology.conf"
DEVICES = f"{ROOT}/sys/bus/pci/devices"
STORY = lab_module.SOURCE / "tests/sim/topologies/story.conf"


def wide_group(count, group=100):
    """So many network cards in one group, in PCI domain 1."""
    return [f"device 0001:{1 + number // 32:02x}:{number % 32:02x}.0 vendor=8086 device=10d3 class=020000 subsystem=8086:0000 "
            f"group={group} reset=flr,pm driver=e1000e" for number in range(count)]


class Simulation:
    def __init__(self, lab, topology, prefix=(), deadlines=()):
        """The prefix is a program that runs vfiod with the same pid. `deadlines` has those of a step and of the names in the host, in
        milliseconds; without them, they are those of a real host."""
        self.lab, self.topology, self.prefix, self.deadlines = lab, topology, prefix, [str(deadline) for deadline in deadlines]
        self.stack = contextlib.ExitStack()
        self.vfiod = None

    def __enter__(self):
        pathlib.Path(TOPOLOGY).write_text(self.topology)
        for folder in (ROOT, STATE):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
        try:
            self.bus = self.stack.enter_context(lab_module.start_bus())
            kernel = self.start([str(self.lab.build / "tests/sim/fake-kernel"), "--die-with-parent", ROOT, CONTROL, TOPOLOGY])
            self.stack.callback(end_kernel, kernel)
            self.start_vfiod()
            self.control = self.stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            self.control.connect(CONTROL)
            # An answer takes that long only if a test waits for what never comes.
            self.control.settimeout(300)
            self.control_file = self.control.makefile("r")
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *error):
        self.stack.close()

    def start(self, command):
        """Start a program that prints "ready"."""
        with open("/run/log", "ab") as log:
            process = self.stack.enter_context(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                                                stderr=log))
        if process.stdout.readline().strip() != b"ready":
            raise RuntimeError(f"{command[0]} did not start:\n{pathlib.Path('/run/log').read_text()[-2000:]}")
        return process

    def start_vfiod(self):
        if self.vfiod:
            await_no_vfiod()
        self.vfiod = self.start([*self.prefix, str(self.lab.build / "tests/sim-daemon/vfiod-sim"), ROOT, CONTROL, STATE, *self.deadlines])
        self.stack.callback(self.end_vfiod)

    def end_vfiod(self, number=signal.SIGTERM):
        self.vfiod.send_signal(number)
        self.vfiod.wait(60)

    def kernel(self, command):
        """Send a command to the fake kernel. Return the lines of its answer, without the last."""
        self.control.sendall(command.encode() + b"\n")
        lines = []
        while True:
            line = self.control_file.readline().rstrip("\n")
            if line == "ok" or line.startswith("ok "):
                return lines
            if not line or line.startswith("error"):
                raise RuntimeError(f"fake kernel: {command}: {line}")
            lines.append(line)

    def run(self, *words, check=True):
        """Run vfioctl. Return its output."""
        done = subprocess.run([self.lab.vfioctl, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, timeout=300)
        if check and done.returncode != 0:
            raise RuntimeError(f"vfioctl {' '.join(words)}: {done.stdout}")
        return done.stdout

    def call_times(self, *arguments):
        return lab_module.Session.tool_lines(self, "call-times", *arguments)


def await_no_vfiod():
    """The bus may learn the end of a vfiod later than the first words of the next one, which could not get the name."""
    question = ["busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", "s", "org.vfiod1"]
    deadline = time.monotonic() + 60
    while "true" in subprocess.run(question, stdout=subprocess.PIPE, text=True, check=True).stdout:
        if time.monotonic() > deadline:
            raise RuntimeError("the bus does not learn the end of vfiod")


def end_kernel(process):
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    # In case that something still uses it.
    subprocess.run(["umount", "--quiet", "--lazy", ROOT], check=False)
