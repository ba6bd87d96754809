# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules in the guest's /etc/vfiod/rules.d, and their status.

    with Rules(machine, net={"Match": {"Vendor": "8086", ...}, "Detach": {"Companions": "all"}}):
        ...                                     # the rules are active here, and no rule is active afterwards

udev is told to reload its rules at once, because by itself it checks them only every three seconds.
"""

import json
import shlex

from programs import GuestError
from view import eventually

FOLDER = "/etc/vfiod/rules.d"
EARLY = "/run/udev/rules.d/05-vfiod.rules"


class Rules:
    def __init__(self, machine, **rules):
        self.guest = machine.guest
        self.rules = rules

    def __enter__(self):
        self.guest.check_run(f"mkdir -p {FOLDER}")
        for name, sections in self.rules.items():
            self.guest.check_run(f"printf %s {shlex.quote(text(sections))} > {FOLDER}/{name}.conf")
        self.guest.check_run("vfioctl --quiet rescan")
        self.guest.wait_for(f"test -e {EARLY}")  # vfiod writes it after vfio-pci is loaded
        self.guest.check_run("udevadm control --reload")
        return self

    def __exit__(self, *exception):
        self.guest.check_run(f"rm -f {FOLDER}/*.conf")
        self.guest.check_run("vfioctl --quiet rescan")
        # A worker removes it a moment later. The next rules wait for a file of their own.
        if not self.guest.wait_for(f"! test -e {EARLY}"):
            raise GuestError(f"{EARLY} exists without rules")
        self.guest.check_run("udevadm control --reload")


def text(sections):
    return "\n".join(f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items())
                     for section, keys in sections.items())


def await_status(machine, name, address, word):
    """Wait until the rule has this status for the device. Returns (status, message)."""
    found = None

    def read():
        nonlocal found
        found = status(machine, name)[address]
        return found[0]

    eventually(read, word)
    return found


def status(machine, name):
    """{address: (status, message)} of the devices that match a rule."""
    rules = json.loads(machine.guest.check_run("vfioctl --json rule list"))["rules"]
    (rule,) = [rule for rule in rules if rule["name"] == name]
    # While its job runs, the status is only what it will be.
    return {device["address"]: ("changing" if device["changing"] else device["status"], device["message"]) for device in rule["devices"]}
