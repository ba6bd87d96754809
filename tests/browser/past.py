# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the history of a device."""

import contextlib
import os
import pathlib
import select

from chromium import PATIENCE_S
from cockpit import USER_PORT
from journal import Journal
from place import NARROW, WIDE
from suite import NIC, NVME, PORT_1, PORT_2, test

ENTRIES = "[...document.querySelectorAll('#history [data-entry]')].map(e => e.dataset.entry)"
USER = {"VFIOD_CALLER": "uid 1000, process 4711 (vfioctl)", "VFIOD_CALLER_UID": "1000", "VFIOD_CALLER_PID": "4711",
        "VFIOD_CALLER_COMMAND": "vfioctl"}


def followers(address):
    """Descriptors of all journalctl in this namespace that follow what is said about a device."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if words[0] == b"journalctl" and f"VFIOD_DEVICE={address}".encode() in words:
                found.append(os.pidfd_open(int(folder.name)))
    return found


@test
def history(tap, here):
    with Journal() as journal:
        journal.write("01", MESSAGE=f"{PORT_1}: e1000 to vfio-pci", VFIOD_DEVICE=[PORT_1, PORT_2], VFIOD_GROUP="10", **USER)
        journal.write("05", MESSAGE=f"{PORT_1}: the rule was refused", VFIOD_DEVICE=PORT_1, VFIOD_RULE="50-ports", VFIOD_CALLER="rule 50-ports", PRIORITY="4")
        journal.write("01", MESSAGE="another device", VFIOD_DEVICE=NIC, **USER)
        journal.write("02", MESSAGE="a forged entry", VFIOD_DEVICE=PORT_1, _SYSTEMD_UNIT="evil.service", _UID="1000")
        journal.write("02", MESSAGE="a forged entry of another machine", VFIOD_DEVICE=PORT_1, _MACHINE_ID="0" * 32)
        journal.write("02", MESSAGE=f"{PORT_1}: vfio-pci to e1000", VFIOD_DEVICE=[PORT_2, PORT_1], VFIOD_GROUP="10", VFIOD_CALLER="recovery")
        page = here.open("device", PORT_1)
        page.until(f"{ENTRIES}.length >= 3")
        tap.equal("the entries of the device are there, the newest first", page.evaluate(ENTRIES), ["02", "05", "01"])
        text = page.evaluate("document.querySelector('#history').innerText")
        for part in ("Detached", "Reattached", "A rule was not applied", f"{PORT_1}: e1000 to vfio-pci", "User 1000, process 4711 (vfioctl)",
                     "Rule 50-ports", "recovery"):
            tap.contains(f"the history has {part}", text, part)
        tap.check("what other programs write is not there", "forged" not in text, text)
        tap.check("each entry has its time", page.evaluate(
            "[...document.querySelectorAll('#history time')].every(e => Math.abs(Date.now() - new Date(e.dateTime)) < 600000)"))
        journal.write("07", MESSAGE="detach for uid 1000 was refused", VFIOD_DEVICE=PORT_1, PRIORITY="4", **USER)
        page.until(f"{ENTRIES}[0] === '07'")
        tap.check("a new entry appears at the top", True)
        page.evaluate("document.querySelector('#history').scrollIntoView()")
        here.picture(page, f"history-{WIDE}")
        tap.equal("axe-core finds nothing serious: history", here.serious(page), [])
        for number in range(120):
            journal.write("01", MESSAGE=f"entry {number}", VFIOD_DEVICE=PORT_1, **USER)
        page.until_text("Show all 100 entries", "#history")
        tap.equal("not all are shown at first", len(page.evaluate(ENTRIES)), 8)
        page.tab_to("#history-all", 120)
        page.key("Enter")
        page.until(f"{ENTRIES}.length === 100")
        page.until_text("entry 119", "#history li")
        tap.check("the newest are there", True)
        for choice in ({"width": NARROW, "height": 800}, {"prefers_color_scheme": "dark"}):
            page = here.open("device", NIC, **choice)
            page.until("document.querySelector('#history [data-entry]')")
            page.evaluate("document.querySelector('#history').scrollIntoView()")
            here.picture(page, "history-" + ("narrow" if "width" in choice else "dark"))
            tap.equal(f"axe-core finds nothing serious: history, {choice}", here.serious(page), [])
            tap.check("it is no wider than the window", page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
        page = here.open("device", NVME)
        page.until_text("The journal has no entry about the device", "#history")
        tap.check("a device without entries has a history that says so", True)
        page = here.open("device", PORT_2)
        page.until("document.querySelector('#history [data-entry]')")
        following = followers(PORT_2)
        tap.check("a page follows the journal", len(following) >= 1)
        page.evaluate("location.hash = '#/'")
        tap.check("it ends that when it shows no history any more",
                  all(select.select([follower], [], [], PATIENCE_S)[0] for follower in following))
        for follower in following:
            os.close(follower)
        page = here.open("device", PORT_1, port=USER_PORT)
        page.until("document.querySelector('#journal-refused')")
        tap.contains("without rights, the page says so", page.evaluate("document.querySelector('#history').innerText"), "administrative access")
        tap.equal("then it shows no entries", page.evaluate(ENTRIES), [])
