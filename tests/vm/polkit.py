#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The real polkitd: who may detach what by default, with the shipped example of a rule, with a password, and without
polkit. The real journal: what vfiod logs about all this, and what vfioctl log reads back.

vfiod runs as its own user here, so polkitd takes details from it only because the shipped actions name this user as their
owner.
"""

import json
import re
import shlex
import sys

from machine import play
from view import NOT_AUTHORIZED, eventually

EXAMPLE = "/usr/share/doc/vfiod/examples/50-vfiod.rules"
RULE = "/etc/polkit-1/rules.d/50-vfiod.rules"
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
CHALLENGED = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"


PASSWORD = "Kb7-quay-Ostrich"

# Runs a program in a terminal of its own, and types the password when the program asks for it. Ends it if it shows nothing
# for so long.
SILENCE_S = 100
TERMINAL = f"""
import os, pty, re, select, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown, chosen, asked = b"", False, False
while select.select([terminal], [], [], {SILENCE_S})[0]:
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
        # The agent turns the echo off after it has asked, and drops what was typed before.
        while termios.tcgetattr(terminal)[3] & termios.ECHO:
            select.select([], [], [], 0.02)
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
    tap.equal("the card is back", eventually(lambda: machine.snapshot(machine.nic, *machine.card), before), before)
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
        status, shown = guest.run(f"python3 -c {shlex.quote(TERMINAL)} vfioctl {verb} {machine.nic}", 3 * SILENCE_S, user="alice")
        tap.check(f"alice may {verb} the card with a password", status == 0, shown)
        tap.contains(f"{verb}: the prompt names the device", shown, f"Authentication is required {words}")
    tap.equal("the card is back", eventually(lambda: machine.snapshot(machine.nic), before), before)
    status, shown = guest.run(f"python3 -c {shlex.quote(TERMINAL)} vfioctl --no-ask-password detach {machine.nic}", 3 * SILENCE_S, user="alice")
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


def read_log(machine, words=""):
    return json.loads(machine.guest.check_run(f"journalctl --sync && vfioctl --json log {words}"))["entries"]


def find(entries, **wanted):
    """The first entry with these values; an empty one if there is none."""
    return next((entry for entry in entries if all(entry[key] == value for key, value in wanted.items())), {})


def check_entries(machine):
    """The journal tells who did what"""
    tap, guest = machine.tap, machine.guest
    entries = read_log(machine)
    alice = int(guest.check_run("id -u alice"))
    refused = find(entries, uid=alice, verb="detach", devices=[machine.nic], result="InteractiveAuthorizationRequired")
    tap.equal("the refusal of alice: polkit's answer", refused.get("polkit"), "authentication needed")
    tap.equal("the refusal of alice: her program", refused.get("command"), "vfioctl")
    tap.check("the refusal of alice: unit and reason", refused.get("unit") and "must authenticate" in refused["reason"], str(refused))
    done = find(entries, uid=alice, verb="detach", result="done", polkit="authorized")
    tap.equal("the detach by alice: the changes", [(change["address"], change["driver_after"]) for change in done.get("changes", [])],
              [(address, "vfio-pci") for address in machine.card])
    tap.check("the detach by root", find(entries, uid=0, verb="detach", devices=[machine.nic], result="done", polkit="not asked"))
    tap.check("without polkit", find(entries, uid=alice, result="AccessDenied", polkit="absent"))
    times = [entry["time_usec"] for entry in entries]
    tap.equal("the entries are in the order of their times", times, sorted(times))

    guest.run("su -l alice -c 'vfioctl --no-ask-password rescan'")
    (rescan,) = read_log(machine, "-n 1")
    tap.check("a login session", rescan["session"] and rescan["unit"] == f"session-{rescan['session']}.scope", str(rescan))

    # the same by the tools of systemd
    raw = [json.loads(line) for line in guest.check_run(f"journalctl --sync && journalctl --output=json VFIOD_DEVICE={machine.card[1]}").splitlines()]
    of_card = [entry for entry in raw if entry.get("VFIOD_RESULT") == "done"]
    tap.check("journalctl finds the second device of a card", of_card and of_card[0]["VFIOD_DEVICE"] == machine.card, str(of_card)[:500])
    shown = guest.check_run(f"journalctl --sync && journalctl --catalog VFIOD_VERB=detach VFIOD_CALLER_UID={alice}")
    tap.contains("the catalog explains a refusal", shown, "The answer of polkit was: authentication needed.")
    tap.contains("the catalog explains a change", shown, f"PCI device {machine.card[0]} was detached from the host")


def check_selection(machine):
    """vfioctl log: which entries"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    entries = read_log(machine)
    tap.equal("of a device", read_log(machine, machine.nic), [entry for entry in entries if machine.nic in entry["devices"]])
    tap.equal("of an interface", read_log(machine, machine.name), read_log(machine, machine.nic))
    group = view.device(machine.card[0])["group"]
    tap.equal("of a group", read_log(machine, f"group:{group}"),
              [entry for entry in entries if set(machine.card) & set(entry["devices"])])
    tap.equal("of an address without a device", read_log(machine, "0000:ff:1f.7"), [])
    tap.equal("the last two", read_log(machine, "-n 2"), entries[-2:])
    second = (entries[2]["time_usec"] // 1000000) + 1
    tap.equal("since a time", read_log(machine, f"--since @{second}"),
              [entry for entry in entries if entry["time_usec"] >= second * 1000000])
    tap.equal("of the last hour", read_log(machine, "--since=-1h"), entries)
    table = guest.check_run(f"vfioctl log {machine.nic} -n 1000").splitlines()
    tap.equal("the table has the same entries", len(table) - 1, len(read_log(machine, machine.nic)))
    tap.contains("the table names user and change", "\n".join(table), "alice")


FORGERY = """MESSAGE_ID=6fd1a2c9a1c84a4fa1a0a9a2e7bd3c01
MESSAGE=forged
SYSLOG_IDENTIFIER=vfiod
VFIOD_VERB=detach
VFIOD_DEVICE={}
VFIOD_RESULT=done
VFIOD_CALLER_UID=0
VFIOD_SELECTOR=forged"""


def check_journal_access(machine):
    """Who may read the log, and who may write it"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    before = read_log(machine)
    guest.check_run(f"logger --journald <<'END'\n{FORGERY.format(machine.nic)}\nEND", user="nobody")
    tap.check("a forged entry is in the journal", guest.wait_for("journalctl VFIOD_SELECTOR=forged | grep -q forged"))
    tap.equal("vfioctl log does not show it", read_log(machine), before)
    status, output = view.vfioctl("log", user="bob")
    tap.equal("bob may not read the journal", status, NOT_AUTHORIZED)
    tap.contains("bob learns who may", output, "members of the groups adm and systemd-journal")
    guest.check_run("usermod --append --groups systemd-journal bob")
    status, output = view.vfioctl("log --json", user="bob")
    tap.check("a member of systemd-journal may", status == 0 and json.loads(output)["entries"] == before, output[:500])
    guest.check_run("systemctl stop vfiod vfiod.socket")
    tap.equal("vfiod need not run", read_log(machine, machine.nic), [entry for entry in before if machine.nic in entry["devices"]])
    guest.check_run("systemctl start vfiod")


PARTS = [check_default, check_rule, check_prompt, check_absent, check_entries, check_selection, check_journal_access]


if __name__ == "__main__":
    sys.exit(play("polkit", __doc__, "full", PARTS))
