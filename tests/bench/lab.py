# SPDX-License-Identifier: GPL-2.0-or-later
"""A private machine with a constructed /sys: the place of all rows that need no real kernel.

    with lab.session(1000) as session:
        session.start_vfiod()
        session.call_times("-n", "100", *LIST_DEVICES)

The process must be in mount, PID and network namespaces of its own, see bench.py: here it mounts a tmpfs over /run and a
tree over /sys, and sends events that only this network namespace gets. The bus is a private one with the policy of this project.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from report import NotMeasured
from tree import Tree

SOURCE = pathlib.Path(__file__).resolve().parents[2]
REAL_SYS, TREES = "/run/real-sys", "/run/trees"
BUS_ADDRESS = "unix:path=/run/bus/socket"
HELPERS = ("worker", "census", "modules", "reaper")
NETLINK_KOBJECT_UEVENT = 15
MANAGER = ("org.vfiod1", "/org/vfiod1", "org.vfiod1.Manager")
PEER = ("org.vfiod1.Peer", "/", "org.vfiod1.Peer")


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


# What systemd does for a socket: it starts the program at a connection, and again when the program has ended.
START_HELPER = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); " \
               "os.execv(sys.argv[2], sys.argv[2:])"


def serve_helper(listener, path):
    """Start a helper of vfiod whenever somebody connects to its socket. Does not return."""
    while True:
        select.select([listener], [], [])
        with open("/run/log", "ab") as log:
            subprocess.run([sys.executable, "-IS", "-c", START_HELPER, str(listener.fileno()), path], stdin=subprocess.DEVNULL,
                           stdout=log, stderr=log, pass_fds=[listener.fileno()], check=False)


def start_helpers(build):
    """Make the sockets of the helpers, in a new folder."""
    os.mkdir("/run/vfiod")
    for name in HELPERS:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(f"/run/vfiod/{name}")
        listener.listen()
        threading.Thread(target=serve_helper, args=(listener, str(build / f"daemon/vfiod-{name}")), daemon=True).start()


def program(name):
    """The path of a program that need not be installed."""
    path = shutil.which(name)
    if path is None:
        raise NotMeasured(f"{name} is not installed")
    return path


class Lab:
    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        mount("-t", "tmpfs", "-o", "size=75%,nr_inodes=0", "tmpfs", "/run")
        for folder in (REAL_SYS, TREES, "/run/bus", "/run/udev"):
            os.mkdir(folder)
        mount("--bind", "/sys", REAL_SYS)
        # Helpers may write rules for udev.
        mount("--bind", "-o", "ro", "/etc", "/etc")
        config = (SOURCE / "tests/sim-daemon/system-bus.conf.in").read_text()
        policy = SOURCE / "dbus/org.vfiod1.conf"
        pathlib.Path("/run/bus/conf").write_text(config.replace("@SOCKET@", "/run/bus/socket").replace("@POLICY@", str(policy)))
        # The trees are no sysfs.
        os.environ.update(DBUS_SYSTEM_BUS_ADDRESS=BUS_ADDRESS, SYSTEMD_DEVICE_VERIFY_SYSFS="0")
        self.vfioctl = str(self.build / "client/vfioctl")

    def tool(self, name):
        return str(self.build / "tests/bench" / name)

    @contextlib.contextmanager
    def session(self, functions, helpers=True):
        """A machine with so many functions, and its bus, during a with block. Without `helpers`, vfiod cannot find out what the
        host uses."""
        folder = f"{TREES}/{functions}"
        if not os.path.exists(folder):
            os.mkdir(folder)
            if Tree(folder).build(functions) != functions:
                raise RuntimeError("the tree has another number of functions")
        mount("--bind", folder, "/sys")
        mount("--bind", "-o", "ro", f"{REAL_SYS}/devices/system", "/sys/devices/system")
        try:
            with start_bus() as bus, contextlib.ExitStack() as processes:
                if helpers:
                    start_helpers(self.build)
                yield Session(self, functions, bus, processes)
        finally:
            shutil.rmtree("/run/vfiod", ignore_errors=True)
            # Helpers may be there for some seconds.
            subprocess.run(["umount", "--lazy", "/sys/devices/system", "/sys"], check=True)


@contextlib.contextmanager
def start_bus():
    with subprocess.Popen(["dbus-daemon", "--config-file=/run/bus/conf", "--nofork", "--print-address=1"],
                          stdout=subprocess.PIPE) as bus:
        try:
            if not bus.stdout.readline():
                raise RuntimeError("dbus-daemon did not start")
            yield bus
        finally:
            bus.kill()


@contextlib.contextmanager
def running(command):
    """A process that has notified READY=1, during a with block."""
    path = "/run/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open("/run/log", "ab") as log:
        notify.bind(path)
        with subprocess.Popen(command, env={**os.environ, "NOTIFY_SOCKET": path}, stdin=subprocess.DEVNULL, stdout=log,
                              stderr=log) as process:
            try:
                await_ready(process, notify)
                os.unlink(path)
                yield process
            finally:
                process.send_signal(signal.SIGTERM)


def await_ready(process, notify):
    ended = os.pidfd_open(process.pid)
    try:
        while True:
            readable, _, _ = select.select([notify, ended], [], [], 120)
            if notify in readable and b"READY=1" in notify.recv(4096):
                return
            if not readable or ended in readable:
                raise RuntimeError(f"{process.args[0]} is not ready:\n{pathlib.Path('/run/log').read_text()}")
    finally:
        os.close(ended)


class Session:
    def __init__(self, lab, functions, bus, processes):
        self.lab, self.functions, self.bus, self.processes = lab, functions, bus, processes
        self.vfiod = None

    def start(self, *command):
        """Start a service that ends with the session. Return its pid."""
        return self.processes.enter_context(running(command)).pid

    def start_vfiod(self, *prefix):
        """The prefix is a program that runs another one with the same pid."""
        self.vfiod = self.start(*prefix, str(self.lab.build / "daemon/vfiod"))

    def start_peer(self):
        """Start a minimal service that has the same rows as vfiod."""
        return self.start(self.lab.tool("bus-peer"), PEER[0], "copy")

    def call_times(self, *arguments):
        """Run call-times. Return a list of {"name", "wall", "cpu"}, in microseconds, one for each target."""
        return self.tool_lines("call-times", *arguments)

    def tool_lines(self, name, *arguments):
        output = subprocess.run([self.lab.tool(name), *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True,
                                timeout=120).stdout
        return [json.loads(line) for line in output.splitlines()]

    def paths(self):
        """The folders of all devices, without /sys."""
        folder = "/sys/bus/pci/devices"
        return [os.path.realpath(f"{folder}/{name}").removeprefix("/sys") for name in sorted(os.listdir(folder))]


def cpu_ms(pid):
    """Processor time of a process so far."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e6


def await_rest(pid):
    """Wait until a process uses no more processor time; it may be late by 0.3 seconds."""
    deadline = time.monotonic() + 120
    before = cpu_ms(pid)
    while time.monotonic() < deadline:
        time.sleep(0.15)
        after = cpu_ms(pid)
        time.sleep(0.15)
        if cpu_ms(pid) - before < 0.3:
            return
        before = after
    raise RuntimeError(f"process {pid} does not come to rest")


def memory_kb(pid, field="Rss"):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{field}:"))


def event(action, path, subsystem="pci"):
    parts = [f"{action}@{path}", f"ACTION={action}", f"DEVPATH={path}", f"SUBSYSTEM={subsystem}", "PCI_CLASS=20000",
             f"PCI_SLOT_NAME={os.path.basename(path)}", "PCI_ID=8086:1889", "PCI_SUBSYS_ID=1AF4:1100"]
    text = "\0".join(parts).encode() + b"\0"
    # The header of a netlink message: its length, type 16 and flag 1, a request.
    return (len(text) + 16).to_bytes(4, "little") + (16).to_bytes(2, "little") + (1).to_bytes(2, "little") + bytes(8) + text


def send_events(messages, network_of=None, pause=0.0):
    """Send events as the kernel does, into this network namespace, or into that of a process."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        if network_of is not None:
            set_network(network_of)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as kernel:
            for message in messages:
                kernel.sendto(message, (0, 0))
                if pause:
                    time.sleep(pause)
    finally:
        if network_of is not None:
            enter(own)
        os.close(own)


def set_network(pid):
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        enter(namespace)
    finally:
        os.close(namespace)


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0) < 0:
        raise OSError(ctypes.get_errno(), "setns")
