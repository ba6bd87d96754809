# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows virsh, change and exit: a real kernel, and other tools for the same task, in a guest."""

import contextlib
import json
import pathlib
import shlex
import shutil
import statistics
import sys
import time
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "vm"))

import neighbours  # noqa: E402
import options  # noqa: E402
import timing  # noqa: E402
from guest import Guest  # noqa: E402

ROUNDS = 10
TOOL_ROUNDS = 3
VIRSH = ["virsh", "-q", "-c", "qemu:///system"]
# It must exit after 30 seconds.
EXIT_DEADLINE_S = 45

# The minimal service, which the bus starts by a unit with the same sandbox as vfiod's.
PEER_SETUP = """
sed -e '/^Sockets=/d; /^Wants=/d; /^After=/d; /^Before=/d; /^WatchdogSec=/d' -e 's|^ExecStart=.*|ExecStart=/usr/libexec/bus-peer org.vfiod1.Peer|' \\
    -e 's|^BusName=.*|BusName=org.vfiod1.Peer|' /usr/lib/systemd/system/vfiod.service > /run/systemd/system/bus-peer.service
cd /usr/share/dbus-1
printf '[D-BUS Service]\\nName=org.vfiod1.Peer\\nExec=/bin/false\\nUser=root\\nSystemdService=bus-peer.service\\n' > system-services/org.vfiod1.Peer.service
printf '<busconfig><policy context="default"><allow own="org.vfiod1.Peer"/><allow send_destination="org.vfiod1.Peer"/></policy></busconfig>' \\
    > system.d/org.vfiod1.Peer.conf
systemctl daemon-reload
busctl --quiet call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig
"""


@contextlib.contextmanager
def booted(build):
    """A guest with vfiod, during a with block."""
    with options.installed(types.SimpleNamespace(build_dir=build, destdir=None)) as destdir:
        shutil.copy(pathlib.Path(build) / "tests/bench/bus-peer", pathlib.Path(destdir) / "usr/libexec")
        with Guest("full", destdir=destdir) as guest:
            yield guest.boot()


def run_program(guest, name, *arguments, timeout=600):
    """Run a program of this folder in the guest. Return its lines, as JSON."""
    guest.check_run(f"cat > /run/{name} <<'END'\n{(HERE / name).read_text()}END")
    output = guest.check_run(shlex.join(["python3", "-IS", f"/run/{name}", *map(str, arguments)]), timeout=timeout)
    return [json.loads(line) for line in output.splitlines()]


def time_commands(guest, rounds, *ways):
    """Each way is a list of commands. Return a list of microseconds for each."""
    return list(zip(*run_program(guest, "commands.py", rounds, *map(json.dumps, ways))))


def milliseconds(times):
    return f"{statistics.median(times) / 1000:.0f} ms"


def virsh(guest, report):
    report.attempt("virsh", against_virsh, guest)


def against_virsh(guest):
    guest.check_run("systemctl start libvirtd.service", timeout=120)
    nodes = guest.check_run(f"{shlex.join(VIRSH)} nodedev-list --cap pci", timeout=120).split()
    theirs = [[*VIRSH, "nodedev-list", "--cap", "pci"], [*VIRSH, "; ".join(f"nodedev-dumpxml {node}" for node in nodes)]]
    ours, peers = time_commands(guest, ROUNDS, [["vfioctl", "devices", "--json"]], theirs)
    guest.check_run(f"systemctl stop {neighbours.LIBVIRT_UNITS}")
    return timing.ratio(peers, ours), milliseconds(ours), f"{milliseconds(peers)} for {len(nodes)} devices"


def change(guest, report):
    guest.check_run("modprobe vfio-pci")
    nic = guest.address("nic")
    report.attempt_all([f"{way}-{direction}" for way in ("vfioctl", "bus") for direction in ("detach", "reattach")],
                       against_writes, guest, report, nic)
    report.attempt_all(["tool-detach", "tool-reattach"], against_tools, guest, report, nic)


def against_writes(guest, report, nic):
    rounds = run_program(guest, "changer.py", nic, ROUNDS, timeout=1200)
    hop = [took["hop"] for took in rounds]
    for direction in ("detach", "reattach"):
        bare, bus, client = ([took[f"{direction} {way}"] for took in rounds] for way in ("bare", "bus", "vfioctl"))
        report.value(f"vfioctl-{direction}", timing.ratio(client, bare), milliseconds(client), milliseconds(bare))
        less = [time_ - one_hop for time_, one_hop in zip(bus, hop)]
        report.value(f"bus-{direction}", timing.ratio(less, bare), f"{milliseconds(bus)}, a hop {milliseconds(hop)}",
                     milliseconds(bare))


def against_tools(guest, report, nic):
    """A detach and a reattach each, so that each tool begins with the same device."""
    guest.check_run("systemctl start libvirtd.service", timeout=120)
    node = "pci_" + nic.replace(":", "_").replace(".", "_")
    pairs = {
        "vfioctl": (["vfioctl", "--quiet", "detach", nic], ["vfioctl", "--quiet", "reattach", nic]),
        "virsh": ([*VIRSH, "nodedev-detach", node], [*VIRSH, "nodedev-reattach", node]),
        "driverctl": (["driverctl", "--nosave", "set-override", nic, "vfio-pci"], ["driverctl", "--nosave", "unset-override", nic]),
    }
    ways = [[command] for pair in pairs.values() for command in pair]
    times = time_commands(guest, TOOL_ROUNDS, *ways)
    guest.check_run(f"systemctl stop {neighbours.LIBVIRT_UNITS}")
    for place, direction in enumerate(("detach", "reattach")):
        ours, *others = times[place::2]
        peer = ", ".join(f"{name} {milliseconds(took)}" for name, took in zip(list(pairs)[1:], others))
        report.value(f"tool-{direction}", min(timing.ratio(took, ours) for took in others), milliseconds(ours), peer)


def exit_(guest, report):
    report.attempt_all(["exit"], time_exit, guest, report)
    report.attempt_all(["answer", "answer-peer"], time_answer, guest, report)


def time_exit(guest, report):
    # vfiod stays for those who ask for jobs that have ended.
    guest.check_run("systemctl restart vfiod.service && vfioctl status")
    started = time.monotonic()
    while time.monotonic() - started < EXIT_DEADLINE_S:
        if guest.run("systemctl is-active vfiod.service")[1].strip() == "inactive":
            report.value("exit", time.monotonic() - started, "exits", "")
            return
        time.sleep(1)
    report.never("exit", f"stays for {EXIT_DEADLINE_S} s")


def time_answer(guest, report):
    """vfiod is stopped: this also works if it does not exit by itself."""
    guest.check_run(PEER_SETUP)
    first, second, peer = zip(*run_program(guest, "waker.py", ROUNDS))
    report.value("answer", statistics.median(first) / 1000, milliseconds(first), f"while it runs {milliseconds(second)}")
    report.value("answer-peer", timing.ratio(first, peer), milliseconds(first), f"service {milliseconds(peer)}")


ROWS = {"virsh": virsh, "change": change, "exit": exit_}
