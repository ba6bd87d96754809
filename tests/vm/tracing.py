# SPDX-License-Identifier: GPL-2.0-or-later
"""strace in the guest, attached to running programs."""

import re

OUTPUT = "/run/trace"


class Trace:
    """strace that follows these processes and the processes that they start later. When the constructor returns, it
    has attached to each of them, except those that had already ended. `options` are more options of strace."""

    def __init__(self, guest, pids, options):
        self.guest = guest
        self.program = guest.start(f"exec strace --follow-forks --output={OUTPUT} {options} "
                                   + " ".join(f"--attach={pid}" for pid in pids))
        missing = set(pids)
        while missing:
            missing -= {found[1] for found in re.finditer(r"(?:Process |PTRACE_SEIZE, )(\d+)", self.program.read_line())}

    def stop(self):
        """End strace, and return the lines that it has written."""
        self.program.stop()
        return self.guest.check_run(f"cat {OUTPUT}").splitlines()


def processes(guest, unit):
    """The processes of a unit. Call this only while the unit starts and ends no process."""
    group = guest.check_run(f"systemctl show --value --property=ControlGroup {unit}")
    return guest.check_run(f"cat $(find /sys/fs/cgroup{group} -name cgroup.procs)").split()
