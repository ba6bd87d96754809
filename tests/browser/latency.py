# SPDX-License-Identifier: GPL-2.0-or-later
"""How long the page takes to show a host with 1,000 functions, and a change of it, beside a page that does the least that Cockpit needs:
bare/. The figures are notes: other programs on the machine make them longer, so no test depends on them."""

import statistics
import time

from place import card

FUNCTIONS = 1000
OPENED, CHANGES = 3, 5
# So many are not there any more at the end.
REMOVED = 2 * CHANGES

# Keeps in window.changed when a condition became true, in milliseconds since 1970.
WATCH = """window.changed = new Promise(resolve => {
    const check = () => { if (%s) { watcher.disconnect(); resolve(Date.now()); } };
    const watcher = new MutationObserver(check);
    watcher.observe(document, { subtree: true, childList: true, attributes: true });
    check();
}); true"""


def topology():
    """A host whose functions are single devices of their groups."""
    lines = ["driver e1000e module=e1000e ids=8086:10d3", "driver vfio-pci module=vfio_pci ids= loaded=0"]
    return "\n".join([*lines, *(plugged(number) for number in range(FUNCTIONS)), ""])


def address(number):
    return f"0001:{number // 32:02x}:{number % 32:02x}.0"


def plugged(number):
    return (f"device {address(number)} vendor=8086 device=10d3 class=020000 subsystem=8086:0000 group={100 + number} reset=flr,pm "
            "driver=e1000e")


def path_of(number):
    """The path of the object of a device, as systemd encodes the address."""
    return "/org/vfiod1/devices/_30" + address(number)[1:].replace(":", "_3a").replace(".", "_2e")


def opening(here):
    """The median times in milliseconds until a bare page is connected and has all objects, and until the page shows its first cards."""
    connected, loaded, painted = [], [], []
    for _ in range(OPENED):
        bare = here.open_raw(package="bare")
        bare.until("document.body && document.body.dataset.loaded")
        connected.append(bare.evaluate("Number(document.body.dataset.connected)"))
        loaded.append(bare.evaluate("Number(document.body.dataset.loaded)"))
        page = here.open_raw()
        page.until("document.querySelector('[data-address]')")
        painted.append(page.evaluate("performance.now()"))
    return [statistics.median(times) for times in (connected, loaded, painted)]


def change(here, page, condition, number):
    """The time in milliseconds from the removal of a device until the condition is true in the page."""
    page.send("Page.bringToFront")
    page.evaluate(WATCH % condition)
    started = time.time()
    here.sim.kernel(f"unplug {address(number)}")
    return page.evaluate("window.changed") - 1000 * started


def changes(here, page, bare):
    """The median times in milliseconds until a bare page has the signal of a removal, and until the page has removed the card."""
    told, shown = [], []
    for number in range(FUNCTIONS - 1, FUNCTIONS - 1 - REMOVED, -2):
        told.append(change(here, bare, f"document.body.dataset.removed?.split(' ').includes('{path_of(number)}')", number))
        page.until("!" + card(address(number)))
        shown.append(change(here, page, "!" + card(address(number - 1)), number - 1))
    return [statistics.median(times) for times in (told, shown)]


def many_functions(tap, here):
    connected, loaded, painted = opening(here)
    tap.note(f"{FUNCTIONS} functions: a bare page is connected after {connected:.0f} ms, and has all objects after {loaded:.0f} ms; "
             f"the page shows its first cards after {painted:.0f} ms, {painted / loaded:.1f} times that")
    tap.equal("no page complains", here.close_pages(), [])
    page = here.open()
    page.until_text(f"{FUNCTIONS} of {FUNCTIONS} functions")
    page.click_text(f"Show all {FUNCTIONS} devices")
    page.until(f"document.querySelectorAll('[data-address]').length === {FUNCTIONS}")
    tap.check(f"the page can show all {FUNCTIONS} functions at once", True)
    bare = here.open_raw(package="bare")
    bare.until("document.body && document.body.dataset.loaded")
    told, shown = changes(here, page, bare)
    tap.note(f"{FUNCTIONS} cards: a bare page has the signal of a removal after {told:.0f} ms; the card is gone after {shown:.0f} ms, "
             f"{shown / told:.1f} times that")
    tap.equal("the page counts what is left", page.evaluate("document.querySelectorAll('[data-address]').length"), FUNCTIONS - REMOVED)
