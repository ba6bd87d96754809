# SPDX-License-Identifier: GPL-2.0-or-later
"""strace in the guest, attached to running programs."""

import re

from programs import GuestError

OUTPUT = "/run/trace"
# What strace says about a process that it traces now, and about one that it cannot trace.
ATTACHED = re.compile(r"Process (\d+) attached")
FAILED = re.compile(r"PTRACE_SEIZE, (\d+)\)")


class Trace:
    """strace that follows these processes and the processes that they start later. When the constructor returns, it
    has attached to each of them, except those that had already ended. `options` are more options of strace."""

    def __init__(self, guest, pids, options):
        self.guest = guest
        self.program = guest.start(f"exec strace --follow-forks --output={OUTPUT} {options} "
                                   + " ".join(f"--attach={pid}" for pid in pids))
        missing = set(pids)
        while missing:
            line = self.program.read_line()
            failed = FAILED.search(line)
            if failed and not has_ended(guest, failed[1]):
                self.program.stop()
                raise GuestError(line)
            missing -= {found[1] for found in (failed, ATTACHED.search(line)) if found}

    def stop(self):
        """End strace, and return the lines that it has written."""
        self.program.stop()
        return self.guest.check_run(f"cat {OUTPUT}").splitlines()


def has_ended(guest, pid):
    """Whether a process has ended. The kernel says "Operation not permitted" if its parent has not noticed that yet."""
    return guest.run(f"ps -o stat= -p {pid}")[1].strip()[:1] in ("", "Z", "X")


def processes(guest, unit):
    """The processes of a unit. Call this only while the unit starts and ends no process."""
    group = guest.check_run(f"systemctl show --value --property=ControlGroup {unit}")
    if not group:
        raise GuestError(f"{unit} has no processes")
    return guest.check_run(f"cat $(find /sys/fs/cgroup{group} -name cgroup.procs)").split()
