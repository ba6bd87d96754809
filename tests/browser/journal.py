# SPDX-License-Identifier: GPL-2.0-or-later
"""A journal with constructed entries, which journalctl reads instead of the one of this machine.

    with Journal() as journal:
        journal.write(MESSAGE="text", VFIOD_DEVICE=["0000:01:00.0"])
"""

import pathlib
import subprocess
import time

from cockpit import end

PROGRAM = "/lib/systemd/systemd-journal-remote"
MACHINE, BOOT = "5c2c6f6a0d5f4a55b0a3a0c1f34a1d2e", "0f1e2d3c4b5a49788796a5b4c3d2e1f0"
FAMILY = "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c"
LOG = "/var/log"


class Journal:
    """Of root: other users may not read it. It must be in namespaces of its own, see place.py."""

    def __enter__(self):
        self.number = 0
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", LOG], check=True)
        folder = pathlib.Path(LOG, "journal", MACHINE)
        folder.mkdir(parents=True)
        machine = pathlib.Path("/run/machine-id")
        machine.write_text(MACHINE + "\n")
        subprocess.run(["mount", "--bind", machine, "/etc/machine-id"], check=True)
        self.process = subprocess.Popen([PROGRAM, "--output", folder / "system.journal", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        folder.chmod(0o750)
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        end(self.process)
        for path in ("/etc/machine-id", LOG):
            subprocess.run(["umount", "--lazy", path], check=True)

    def write(self, message_id, **fields):
        """Write an entry as vfiod does. A list is a field that is there several times."""
        self.number += 1
        fields = {"_SYSTEMD_UNIT": "vfiod.service", "_MACHINE_ID": MACHINE, "PRIORITY": "5", "MESSAGE_ID": FAMILY + message_id, **fields}
        lines = [f"__REALTIME_TIMESTAMP={int(time.time() * 1e6)}", f"__MONOTONIC_TIMESTAMP={1000000 + self.number}", f"_BOOT_ID={BOOT}"]
        for name, value in fields.items():
            lines += [f"{name}={one}" for one in (value if isinstance(value, list) else [value])]
        self.process.stdin.write("\n".join([*lines, "", ""]).encode())
        self.process.stdin.flush()
