#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vfioctl explain: the path to the root with the ACS of each bridge, as setpci and lspci read it, and the reasons of groups.

The card of the story is behind a bridge to conventional PCI, the ports of another card are functions without ACS, and a third card
is alone.
"""

import json
import re
import sys

import host
from machine import play

BITS = {0: "SV", 2: "RR", 3: "CR", 4: "UF"}
KINDS = {"Root Port": "root port", "Upstream Port": "upstream port", "Downstream Port": "downstream port",
         "PCI-Express to PCI/PCI-X Bridge": "bridge to conventional PCI", "Endpoint": "endpoint", "Legacy Endpoint": "endpoint",
         "Root Complex Integrated Endpoint": "root complex endpoint"}


def explain(machine, selector, user=None):
    """{path: ..., checks: {code: check}, ...}"""
    status, output = machine.view.vfioctl(f"explain {selector} --json", user)
    machine.tap.equal(f"explain {selector}: exit status", status, 0)
    result = json.loads(output)
    result["checks"] = {check["code"]: check for check in result["checks"]}
    return result


def acs_of(guest, address):
    """The bits that are on, as setpci reads them."""
    status, output = guest.run(f"setpci -s {address} ECAP_ACS+6.w")
    if status != 0 or not re.fullmatch("[0-9a-f]{4}", output.strip()):
        return "no ACS"
    return " ".join(name for bit, name in BITS.items() if int(output, 16) & 1 << bit) or "none"


def kind_of(guest, address):
    """The kind of port, as lspci reads it."""
    output = guest.check_run(f"lspci -vv -s {address}")
    found = re.search(r"Express \(v\d\) ([^,(]*?)(?: \(|,|$)", output, re.MULTILINE)
    return KINDS.get(found[1].strip(), found[1]) if found else "conventional PCI"


def compare_paths(machine):
    """Each row is what setpci and lspci say."""
    tap, guest = machine.tap, machine.guest
    rows = {}
    for selector in (guest.address("story-left"), machine.card[0], machine.nic, machine.disk):
        for row in explain(machine, selector)["path"]:
            rows[row["device"]] = row
    tap.check("several bridges are compared", sum(bool(row["kind"].endswith("port")) for row in rows.values()) >= 3, rows)
    for address, row in sorted(rows.items()):
        tap.equal(f"{address}: kind", row["kind"], kind_of(guest, address))
        tap.equal(f"{address}: ACS", row["acs"], acs_of(guest, address))


def conventional_card(machine):
    """The two-port card behind a bridge to conventional PCI."""
    tap, guest = machine.tap, machine.guest
    left, right = guest.address("story-left"), guest.address("story-right")
    result = explain(machine, left)
    bridge = guest.check_run(f"basename $(dirname $(readlink -f /sys/bus/pci/devices/{left}))").strip()
    tap.contains("the bridge to conventional PCI is the reason", result["checks"]["isolation-conventional"]["finding"], bridge)
    tap.equal("the members are those of the group", {row["device"] for row in result["path"] if row["member"] != "no"},
              set(guest.check_run(f"ls /sys/bus/pci/devices/{left}/iommu_group/devices").split()))
    tap.equal("the path begins at the root port", [row["depth"] for row in result["path"]], ["0", "1", "2", "2"])
    output = machine.view.vfioctl(f"explain {left}")[1]
    tap.contains("the tree", output, f"{right}  conventional PCI  e1000")
    tap.contains("the selected device", output, "<- this device")
    # Without root: no ACS, but the same reason.
    plain = explain(machine, left, "alice")
    tap.check("an ordinary user sees no ACS", not [row for row in plain["path"] if "acs" in row], plain["path"])
    tap.equal("an ordinary user sees the same reason", plain["checks"]["isolation-conventional"]["finding"],
              result["checks"]["isolation-conventional"]["finding"])


def functions_of_a_card(machine):
    """The functions of one card, which have no ACS."""
    tap, guest = machine.tap, machine.guest
    first, second = machine.card
    result = explain(machine, first)
    in_one_group = second in guest.check_run(f"ls /sys/bus/pci/devices/{first}/iommu_group/devices").split()
    tap.equal("the functions are the reason, if they share a group", "isolation-functions" in result["checks"], in_one_group)
    tap.note(result["checks"])
    result = explain(machine, machine.nic)
    tap.equal("a card alone", sorted(code for code in result["checks"] if code.startswith("isolation-")), ["isolation-alone"])


def what_the_host_loses(machine):
    """An address of the host, through which an SSH session comes."""
    tap, guest = machine.tap, machine.guest
    name = host.interface(guest, machine.nic)
    guest.check_run(f"ip link set {name} up && ip address add 192.0.2.7/24 dev {name}")
    result = explain(machine, machine.nic)
    tap.check("the address is a finding", [row for row in result["findings"] if "192.0.2.7" in row["evidence"]],
              result["findings"])
    tap.equal("no SSH session", result["ssh_interface"], None)
    output = guest.check_run(f"SSH_CONNECTION='192.0.2.1 40000 192.0.2.7 22' vfioctl explain {machine.nic}")
    tap.contains("the SSH session", output, f"Your SSH session comes through {name}.")
    guest.check_run(f"ip link add br-explain type bridge && ip address flush dev {name} && ip link set {name} master br-explain"
                    " && ip link set br-explain up && ip address add 192.0.2.7/24 dev br-explain")
    output = guest.check_run(f"SSH_CONNECTION='192.0.2.1 40000 192.0.2.7 22' vfioctl explain {machine.nic}")
    tap.contains("the SSH session over a bridge", output, f"Your SSH session comes through {name}.")
    guest.check_run("ip link delete br-explain")


PARTS = [compare_paths, conventional_card, functions_of_a_card, what_the_host_loses]

if __name__ == "__main__":
    sys.exit(play("explain", __doc__, "full", PARTS))
