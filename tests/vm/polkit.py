#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The real polkitd: who may detach what by default, with the shipped example of a rule, with a password, and without
polkit.

vfiod runs as its own user here, so polkitd takes details from it only because the shipped actions name this user as their
owner.
"""

import re
import shlex
import sys

from machine import play
from view import NOT_AUTHORIZED

EXAMPLE = "/usr/share/doc/vfiod/examples/50-vfiod.rules"
RULE = "/etc/polkit-1/rules.d/50-vfiod.rules"
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
CHALLENGED = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"


PASSWORD = "Kb7-quay-Ostrich"

# Runs a program in a terminal of its own, and types the password when the program asks for it. Ends it if it shows nothing
# for a while.
TERMINAL = f"""
import os, pty, re, select, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown, chosen, asked = b"", False, False
while select.select([terminal], [], [], 45)[0]:
    try:
        text = os.read(terminal, 1000)
    except OSError:
        break
    if not text:
        break
    shown += text
    choice = re.search(rb"(\\d+)[.] +[^\\n]*alice", shown)
    if choice and not chosen and b"Choose identity" in shown:
        chosen = True
        os.write(terminal, choice[1] + b"\\n")
    if not asked and b"assword" in shown:
        asked = True
        os.write(terminal, b"{PASSWORD}\\n")
else:
    os.kill(pid, 15)
print(shown.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def check_default(machine):
    """By default, an administrator must authenticate"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    before = machine.snapshot(machine.nic)
    actions = guest.check_run("pkaction | grep '^org.vfiod1[.]'").split()
    tap.equal("polkit knows all actions", len(actions), 9)
    shown = guest.check_run("pkaction --verbose --action-id org.vfiod1.detach")
    tap.contains("the user of vfiod is the owner of the actions", shown, "org.freedesktop.policykit.owner -> unix-user:vfiod")
    status, output = view.vfioctl(f"detach {machine.nic}", user="alice")
    tap.equal("alice may not detach", status, NOT_AUTHORIZED)
    tap.contains("alice learns that she would have to authenticate", output, "must authenticate to detach devices (org.vfiod1.detach)")
    tap.equal("the error says so, too", view.error("Detach", machine.nic, user="alice"), CHALLENGED)
    tap.equal("nothing was changed", machine.snapshot(machine.nic), before)


def check_rule(machine):
    """The shipped rule permits the group kvm one card"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    before = machine.snapshot(machine.nic, *machine.card)
    text = guest.read(EXAMPLE)
    rule = re.sub(r"var card = \[.*\];", f'var card = ["{machine.card[0]}", "{machine.card[1]}"];', text)
    tap.check("the example names a card", rule != text, text)
    guest.check_run(f"cat > {RULE}.new <<'END'\n{rule}\nEND\nchmod 644 {RULE}.new && mv {RULE}.new {RULE}")
    guest.check_run("groupadd --force kvm && usermod --append --groups kvm alice && systemctl restart polkit")
    for verb in ("detach", "reattach"):
        status, output = view.vfioctl(f"{verb} {machine.card[0]}{' --group' if verb == 'detach' else ''}", user="alice")
        tap.check(f"alice may {verb} the card", status == 0, output)
    tap.equal("the card is back", machine.snapshot(machine.nic, *machine.card), before)
    tap.equal("bob, who is not in the group, may not",
              view.vfioctl(f"detach {machine.card[0]} --group", user="bob")[0], NOT_AUTHORIZED)
    for words in (f"detach {machine.nic}", f"detach {machine.card[0]} --group --override network",
                  f"rule add {machine.card[0]} --group", "rescan"):
        status, output = view.vfioctl(words, user="alice")
        tap.check(f"alice may not: {words}", status == NOT_AUTHORIZED, output)
    tap.equal("nothing was changed", machine.snapshot(machine.nic, *machine.card), before)


def check_prompt(machine):
    """In a terminal, an administrator types a password"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    before = machine.snapshot(machine.nic)
    guest.check_run(f"rm -f {RULE} && usermod --append --groups sudo alice && echo alice:{PASSWORD} | chpasswd && systemctl restart polkit")
    for verb, words in (("detach", "to detach {} (".format(machine.nic)), ("reattach", "to return {} (".format(machine.nic))):
        status, shown = guest.run(f"python3 -c {shlex.quote(TERMINAL)} vfioctl {verb} {machine.nic}", user="alice")
        tap.check(f"alice may {verb} the card with a password", status == 0, shown)
        tap.contains(f"{verb}: the prompt names the device", shown, f"Authentication is required {words}")
    tap.equal("the card is back", machine.snapshot(machine.nic), before)
    status, shown = guest.run(f"python3 -c {shlex.quote(TERMINAL)} vfioctl --no-ask-password detach {machine.nic}", user="alice")
    tap.check("--no-ask-password asks nobody", status == NOT_AUTHORIZED and "Password" not in shown, shown)


def check_absent(machine):
    """Without polkit, only root may change something"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    guest.check_run("systemctl mask --runtime --now polkit")
    status, output = view.vfioctl(f"detach {machine.card[0]} --group", user="alice")
    tap.check("alice may not detach the card any more", status == NOT_AUTHORIZED, output)
    tap.contains("the message names the reason", output, "polkit, which could permit it to others, does not run")
    tap.equal("the error is AccessDenied", view.error("Detach", machine.nic, user="alice"), DENIED)
    for verb in ("detach", "reattach"):
        status, output = view.vfioctl(f"{verb} {machine.nic}")
        tap.check(f"root may {verb}", status == 0, output)
    guest.check_run("systemctl unmask --runtime polkit")


PARTS = [check_default, check_rule, check_prompt, check_absent]


if __name__ == "__main__":
    sys.exit(play("polkit", __doc__, "full", PARTS))
