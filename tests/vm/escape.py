#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process could do that took over vfiod or a helper: a shell in the sandbox of each unit tries to get out.

For each unit there is a copy with the same settings, which runs ATTEMPTS instead of the program. Each attempt must fail,
but for the one thing that the unit is for. The same attempts succeed outside of the sandboxes, so they are right.
"""

import json
import re
import shlex
import sys

import options
from guest import Guest
from tap import Tap

UNITS = ("vfiod", "vfiod-worker", "vfiod-census", "vfiod-modules", "vfiod-reaper")

# At most, see systemd-analyze security.
SCORES = {"vfiod": 1.0, "vfiod-worker": 1.5, "vfiod-census": 1.5, "vfiod-modules": 1.5, "vfiod-reaper": 1.5}

# What the unit is for. A process that may examine all processes may read all files.
ALLOWED = {"vfiod-worker": {"pci-driver", "state-file", "rule"}, "vfiod-census": {"processes", "shadow"},
           "vfiod-modules": {"module"}, "vfiod-reaper": {"signal"}}

# Prints a JSON dictionary: for each attempt true if it succeeds, or the error.
ATTEMPTS = r"""
import ctypes, json, os, socket, subprocess, sys

libc = ctypes.CDLL(None, use_errno=True)

def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def opens(path, flags=os.O_WRONLY):
    os.close(os.open(path, flags))

def creates(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
    os.unlink(path)

def loads_module():
    fd = os.open(sys.argv[1], os.O_RDONLY)
    check(libc.syscall(313, fd, b"", 0))  # finit_module
    libc.syscall(176, b"dummy", os.O_NONBLOCK)  # delete_module, which is forbidden in the sandboxes

def connects(path):
    socket.socket(socket.AF_UNIX).connect(path)

def seizes(pid):
    # Unlike PTRACE_ATTACH, this does not stop the process. The end of the child releases it.
    child = os.fork()
    if child == 0:
        os._exit(0 if libc.ptrace(0x4206, pid, 0, 0) == 0 else ctypes.get_errno() or 1)
    error = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if error:
        raise OSError(error, os.strerror(error))

def runs(*command):
    subprocess.run(command, check=True, timeout=30, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def becomes_root():
    if os.getuid() == 0:
        raise PermissionError("it is root already, so this is no way out")
    os.setuid(0)

attempts = {
    "core-pattern": lambda: opens("/proc/sys/kernel/core_pattern"),
    "modprobe-path": lambda: opens("/proc/sys/kernel/modprobe"),
    "sysrq": lambda: opens("/proc/sysrq-trigger"),
    "module-parameter": lambda: opens("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"),
    "raw-disk": lambda: opens("/dev/vda"),
    "kernel-memory": lambda: opens("/dev/mem", os.O_RDONLY),
    "init-memory": lambda: opens("/proc/1/mem", os.O_RDWR),
    "ptrace": lambda: seizes(1),
    "signal": lambda: os.kill(int(sys.argv[2]), 0),
    "shadow": lambda: opens("/etc/shadow", os.O_RDONLY),
    "etc": lambda: creates("/etc/escape"),
    "unit-file": lambda: creates("/run/systemd/system/escape.service"),
    "usr": lambda: creates("/usr/escape"),
    "root-home": lambda: creates("/root/escape"),
    "systemd-socket": lambda: connects("/run/systemd/private"),
    "root-unit": lambda: runs("busctl", "--no-pager", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                              "org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))",
                              f"escape-{os.getpid()}.service", "replace", "1", "ExecStart", "a(sasb)", "1", "/bin/true",
                              "1", "/bin/true", "false", "0"),
    "service-of-root": lambda: connects("/run/escape.sock"),
    "mount": lambda: check(libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None)),
    "become-root": becomes_root,
    "network": lambda: socket.socket(socket.AF_INET),
    "module": loads_module,
    "processes": lambda: os.readlink("/proc/1/fd/0"),
    "pci-driver": lambda: opens("/sys/bus/pci/drivers_probe"),
    "state-file": lambda: creates("/run/vfiod/devices/escape"),
    "rule": lambda: creates("/etc/vfiod/escape"),
    "namespace": lambda: check(libc.unshare(0x10000000)),  # the last: in its own user namespace, root may do less
}
results = {}
for name, attempt in attempts.items():
    try:
        attempt()
        results[name] = True
    except Exception as error:
        results[name] = str(error) or repr(error)
print(json.dumps(results))
"""

SCRIPT = "/usr/lib/vfiod-guest/escape-attempts.py"


def arguments(guest):
    """A module that nobody uses, and a process of root."""
    return guest.check_run("modinfo -n dummy").strip() + " " + guest.check_run("pidof -s systemd-journald").strip()


def copy_of_unit(guest, unit):
    """The text of the unit with another program, and without what only the program needs."""
    text = guest.check_run(f"cat /usr/lib/systemd/system/{unit}.service")
    dropped = ("Type=", "BusName=", "Sockets=", "ExecStart=", "ExecReload=", "Restart=", "WatchdogSec=", "Requires=",
               "WantedBy=", "[Install]", "MemoryDenyWriteExecute=")
    lines = [line for line in text.splitlines() if not line.startswith(dropped)]
    lines.insert(lines.index("[Service]") + 1,
                 f"Type=oneshot\nExecStart=/usr/bin/python3 -IS {SCRIPT} {arguments(guest)}\n"
                 f"StandardOutput=truncate:/var/tmp/escape-{unit}\nStandardError=journal")
    return "\n".join(lines) + "\n"


def attempts_in(guest, unit):
    name = f"escape-{unit}.service"
    guest.check_run(f"cat > /run/systemd/system/{name} <<'END'\n{copy_of_unit(guest, unit)}END\n"
                    f"systemctl daemon-reload && systemctl start {name}", timeout=120)
    return json.loads(guest.check_run(f"cat /var/tmp/escape-{unit}"))


def check_unit(tap, guest, unit):
    results = attempts_in(guest, unit)
    succeeded = {name for name, result in results.items() if result is True}
    tap.equal(f"{unit}: only what it is for succeeds", succeeded, ALLOWED.get(unit, set()))
    for name, result in sorted(results.items()):
        tap.note(f"{unit}: {name}: {'possible' if result is True else result}")
    output = guest.check_run(f"systemd-analyze --no-pager security {unit}.service | tail -n 1", timeout=120)
    score = float(re.search(r": (\d+\.\d+) ", output)[1])
    tap.note(f"{unit}: exposure {score}")
    tap.check(f"{unit}: its exposure is at most {SCORES[unit]}", score <= SCORES[unit], output)


def main():
    choice = options.parser(__doc__).parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        files = {SCRIPT: ATTEMPTS}
        with Guest("full", destdir=destdir, files=files) as guest:
            tap.watch(guest)
            guest.boot()
            guest.check_run("vfioctl status; modprobe vfio-pci; mkdir -p /etc/vfiod; "
                            "systemd-run --quiet --unit=escape-socket python3 -IS -c "
                            + shlex.quote("import os, socket, time; os.umask(0o177); s = socket.socket(socket.AF_UNIX); "
                                          "s.bind('/run/escape.sock'); s.listen(); time.sleep(100000)"))
            guest.wait_for("test -S /run/escape.sock")
            outside = json.loads(guest.check_run(f"python3 -IS {SCRIPT} {arguments(guest)} 2>/dev/null", timeout=120))
            possible = {name for name, result in outside.items() if result is True}
            tap.check("outside of the sandboxes, root can do all of it", set(outside) - possible == {"become-root"},
                      {name: result for name, result in outside.items() if result is not True})
            for unit in UNITS:
                tap.run(f"{unit}: its sandbox", check_unit, tap, guest, unit)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
