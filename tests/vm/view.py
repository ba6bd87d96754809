# SPDX-License-Identifier: GPL-2.0-or-later
"""vfiod as its clients in the guest see it: through vfioctl, and directly through busctl.

    view = View(guest)
    view.device("ens3")["state"]
    view.groups()[14]["viable"]
    status, output = view.vfioctl("detach ens3")
    view.error("Detach", "ens3")            # "org.vfiod1.Error.AlreadyDetached"
"""

import json
import re
import shlex
import time

from programs import GuestError, GuestTimeout

SERVICE = "org.vfiod1"
ROOT = "/org/vfiod1"
MANAGER = f"{SERVICE} {ROOT} org.vfiod1.Manager"
UNIT = "vfiod.service"
WORKER = "vfiod-worker.service"
FAILED, USAGE, NO_SUCH, NOT_AUTHORIZED, REFUSED, TIMED_OUT = range(1, 7)  # vfioctl's exit statuses
ERROR_REPLY = re.compile(r"^Got message type=error .*? error-name=(\S+) ", re.MULTILINE)
GROUP_KEYS = ["path", "state", "viable", "members", "node", "details"]


class View:
    def __init__(self, guest):
        self.guest = guest

    # vfioctl

    def vfioctl(self, words, user=None):
        """Run vfioctl without a terminal; return (status, output)."""
        return self.guest.run(f"vfioctl {words}", user=user)

    def show(self, selector):
        """(device, group) from `vfioctl show --json`; either may be None."""
        shown = json.loads(self.guest.check_run(f"vfioctl --json show {shlex.quote(selector)} 2>/dev/null"))
        return shown["device"], shown["group"]

    def device(self, selector):
        return self.show(selector)[0]

    def group(self, selector):
        return self.show(selector)[1]

    def state(self, selector):
        """The state of a device, or None if no device has this name."""
        status, output = self.vfioctl(f"--json show {shlex.quote(selector)} 2>/dev/null")
        return json.loads(output)["device"]["state"] if status == 0 else None

    # The bus

    def call(self, member, *arguments, timeout=120):
        """Call a method of the Manager that takes only strings. Returns the data of its results."""
        signature = ["s" * len(arguments), *map(shlex.quote, arguments)] if arguments else []
        return json.loads(self.guest.check_run(" ".join(
            ["busctl --json=short call", MANAGER, member, *signature]), timeout))["data"]

    def groups(self):
        """{number: details} from ListGroups."""
        (rows,) = self.call("ListGroups")
        return {row[0]: dict(zip(GROUP_KEYS, row[1:])) for row in rows}

    def members(self):
        """{(number, address)} from ListGroups."""
        return {(number, address) for number, group in self.groups().items() for address in group["members"]}

    def properties(self, kind, selector):
        """All properties of the Device or Group object that a selector names, as {name: value}."""
        (path,) = self.call(f"Get{kind}", selector)
        reply = json.loads(self.guest.check_run(
            f"busctl --json=short call {SERVICE} {path} org.freedesktop.DBus.Properties GetAll s {SERVICE}.{kind}"))
        return {name: variant["data"] for name, variant in reply["data"][0].items()}

    def error(self, member, selector, options="0", user=None):
        """Call Detach or Reattach. Returns the name of the error that it replies with, or None."""
        output = self.guest.run(f"SYSTEMD_LOG_LEVEL=debug busctl call {MANAGER} {member} 'sa{{sv}}' "
                                f"{shlex.quote(selector)} {options}", user=user)[1]
        found = ERROR_REPLY.search(output)
        return found.group(1) if found else None

    # The service

    def unit(self, name, unit=UNIT):
        """A property of the unit."""
        return self.guest.check_run(f"systemctl show --property={name} --value {unit}")

    def await_unit(self, state, timeout=60):
        """Wait until ActiveState is `state`. Returns True if it was reached."""
        return self.guest.wait_for(f"[ $(systemctl show --property=ActiveState --value {UNIT}) = {state} ]", timeout)

    def kill(self):
        """SIGKILL. Returns when the daemon has ended, so that the next call on the bus reaches another one."""
        self.guest.check_run(f"pid=$(systemctl show --property=MainPID --value {UNIT}); kill -KILL $pid; tail --pid=$pid --follow /dev/null")

    def journal(self, words):
        """What vfiod, and systemd about it, have logged until now."""
        return self.guest.check_run(f"journalctl --sync && journalctl --unit={UNIT} {words}")

    def records(self):
        """The files in the daemon's state folder: "devices/ADDRESS" and "transactions/N"."""
        return self.guest.run("find /run/vfiod -mindepth 2 -type f ! -name .vfiod.lock -printf '%P\\n' | sort")[1].split()


def eventually(probe, expected, timeout=60):
    """Call probe() until it returns `expected` or the time is over. Returns its last result. Each round runs a command
    in the guest, so there is no sleep. What the probe asks for may not be there yet."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            found = probe()
        except GuestTimeout:
            raise
        except (GuestError, LookupError, ValueError):
            if time.monotonic() > deadline:
                raise
            continue
        if found == expected or time.monotonic() > deadline:
            return found


def timed(guest, command, timeout=120, user=None):
    """Run a command. Returns (status, output, seconds by the guest's clock)."""
    output = guest.run(f"begin=$EPOCHREALTIME; {{ {command}\n}}; status=$?; echo; echo $status $begin $EPOCHREALTIME",
                       timeout, user)[1]
    *lines, last = output.splitlines()
    try:
        status, begin, end = last.split()
        return int(status), "\n".join(lines).strip(), float(end) - float(begin)
    except ValueError as error:
        raise GuestError(f"unexpected end of the output of {command}:\n{output}") from error
