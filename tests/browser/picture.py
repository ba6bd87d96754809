# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the picture of the topology."""

import pathlib
import struct
import time

from cockpit import USER_PORT
from place import NARROW, WIDE
from suite import GPU, NIC, NVME, PORT_1, PORT_2, test

PF = "0000:07:00.0"
BRIDGE, ROOT_PORT = "0000:02:00.0", "0000:00:02.0"
SPACES = pathlib.Path("/sys/bus/pci/devices")
LABELS = "Object.fromEntries([...document.querySelectorAll('#topology [data-id]')].map(e => [e.dataset.id, e.getAttribute('aria-label')]))"
ACTIVE = "document.activeElement.dataset.id"
# Keeps the levels in which a row has been.
LEVELS = """window.levels = [];
new MutationObserver(() => {
    const level = %s?.getAttribute("aria-level");
    if (level && !window.levels.includes(level))
        window.levels.push(level);
}).observe(document, { subtree: true, childList: true, attributes: true }); true"""


def item(identity):
    return f"document.querySelector(\"#topology [data-id='{identity}']\")"


def attribute(page, identity, name):
    return page.evaluate(f"{item(identity)}.getAttribute('{name}')")


def configuration_space(port, control):
    """Of a PCI Express port of this type, with these bits of ACS on."""
    space = bytearray(4096)
    struct.pack_into("<H", space, 0x06, 0x10)
    space[0x34] = 0x40
    struct.pack_into("<BBH", space, 0x40, 0x10, 0, port << 4)
    struct.pack_into("<HHHH", space, 0x100, 0x0D, 1, 0x1F, control)
    return space


@test
def topology(tap, here):
    page = here.open("topology")
    page.until("document.querySelectorAll('[data-reason]').length === 3")
    here.picture(page, f"topology-{WIDE}")
    labels = page.evaluate(LABELS)
    tap.equal("all functions have a row, and two buses", len(labels), 23)
    order = list(labels)
    tap.check("devices are below their bridges", order.index(ROOT_PORT) + 1 == order.index(BRIDGE) == order.index(PORT_1) - 1, order)
    tap.equal("the rows tell their level", [attribute(page, one, "aria-level") for one in ("bus-0000:00", ROOT_PORT, BRIDGE, PORT_1)], list("1234"))
    for part in ("82540EM Gigabit Ethernet Controller", PORT_1, "ens1", "Available", "Group 10: 2 devices"):
        tap.contains(f"the row of a port says {part}", labels[PORT_1], part)
    tap.contains("a root port is named", labels[ROOT_PORT], "Root port")
    tap.contains("what makes the group large is marked, and said", labels[BRIDGE], "conventional PCI")
    tap.equal("functions of one card are marked", attribute(page, GPU, "data-break"), "isolation-functions")
    frame = page.evaluate("(([bridge, port, nic, frame]) => [[bridge, port].every(e => e.top >= frame.top && e.bottom <= frame.bottom), nic.top >= frame.bottom])"
                          f"([{item(BRIDGE)}, {item(PORT_2)}, {item(NIC)}, document.querySelector('[data-frame=\"10\"] rect')].map(e => e.getBoundingClientRect()))")
    tap.equal("a frame is around the devices of a group, and no others", frame, [True, True])
    reasons = page.evaluate("document.querySelector('[data-shared=\"10\"]').innerText")
    for part in (PORT_1, PORT_2, "bridge to conventional PCI", "Nothing separates"):
        tap.contains(f"the reason as a text has {part}", reasons, part)
    here.sim.run("detach", NIC)
    page.until(f"{item(NIC)}.getAttribute('aria-label').includes('Ready for a virtual machine')")
    tap.check("a detach is shown in the picture", True)
    here.sim.run("reattach", NIC)
    here.sim.kernel(f"unplug {NVME}")
    page.until(f"!{item(NVME)}")
    tap.check("a device that is unplugged disappears", True)
    page.evaluate(LEVELS % item(NVME))
    here.sim.kernel(f"plug {NVME} vendor=1b36 device=0010 class=010802 revision=02 subsystem=1af4:1100 group=11 parent=0000:00:03.0 numa=0 "
                    "link=8.0x4 reset=flr,bus block=nvme0n1 driver=nvme")
    page.until(f"{item(NVME)}?.getAttribute('aria-level') === '3'")
    tap.equal("a device that is plugged in appears below its port, and nowhere else before", page.evaluate("window.levels"), ["3"])
    page.click(f"#topology [data-id='{NIC}'] .name")
    page.until("document.querySelector('#detach')")
    tap.check("a row leads to the page of its device", page.evaluate("location.hash").endswith("05%3A00.0"))
    page.click("#show-in-topology")
    page.until(f"document.activeElement === {item(NIC)}")
    tap.check("the page of a device leads to its row", True)


@test
def topology_virtual_functions(tap, here):
    here.sim.run("vfs", PF, "7")
    page = here.open("topology")
    page.until(item(PF))
    tap.equal("seven virtual functions are closed at first", attribute(page, PF, "aria-expanded"), "false")
    tap.contains("the physical function says how many", attribute(page, PF, "aria-label"), "7 functions below")
    page.click(f"#topology [data-toggle='{PF}']")
    page.until("document.querySelectorAll('#topology [data-kind=virtual]').length === 7")
    tap.check("a click on the arrow opens them", page.evaluate("location.hash").endswith("topology"))
    function = page.evaluate("document.querySelector('#topology [data-kind=virtual]').dataset.id")
    tap.equal("they are below it", [attribute(page, one, "aria-level") for one in (PF, function)], list("34"))
    page = here.open("topology", function)
    page.until(f"document.activeElement === {item(function)}")
    tap.check("a link to a virtual function opens what is above it", True)
    here.sim.run("vfs", PF, "0")
    page.until("document.querySelectorAll('#topology [data-kind=virtual]').length === 0")
    tap.check("they disappear", True)


@test
def topology_keyboard(tap, here):
    page = here.open("topology")
    page.until(item(NIC))
    page.tab_to("#topology [role=treeitem]")
    tap.equal("Tab reaches the first row", page.evaluate(ACTIVE), "bus-0000:00")
    tap.equal("only one row can be reached by Tab", page.evaluate("document.querySelectorAll('#topology [tabindex=\"0\"]').length"), 1)
    for _ in range(3):
        page.key("ArrowDown")
    tap.equal("the arrow goes down", page.evaluate(ACTIVE), ROOT_PORT)
    page.key("ArrowRight")
    tap.equal("to the right is the first device below", page.evaluate(ACTIVE), BRIDGE)
    page.key("ArrowLeft")
    page.until(f"!{item(PORT_1)}")
    tap.equal("to the left closes", attribute(page, BRIDGE, "aria-expanded"), "false")
    page.key("ArrowLeft")
    tap.equal("to the left again is the bridge above", page.evaluate(ACTIVE), ROOT_PORT)
    page.key("ArrowDown")
    page.key("ArrowRight")
    page.until(item(PORT_1))
    tap.equal("to the right opens", attribute(page, BRIDGE, "aria-expanded"), "true")
    page.key("End")
    tap.equal("End is the last row", page.evaluate(ACTIVE), "10000:01:00.0")
    page.key("ArrowUp")
    tap.equal("the arrow goes up", page.evaluate(ACTIVE), "10000:00:00.0")
    page.key("Home")
    page.key("Enter")
    page.until(f"!{item(NIC)}")
    tap.check("Enter closes a bus", True)
    page.key("Enter")
    page.until(item(NIC))
    page.key("Tab", modifiers=8)
    page.key("Tab")
    tap.equal("Tab comes back to the row of before", page.evaluate(ACTIVE), "bus-0000:00")
    page.key("ArrowDown")
    page.key("ArrowDown")
    page.key("Enter")
    page.until("document.querySelector('#facts')")
    tap.contains("Enter opens the page of a device", page.evaluate("location.hash"), "00%3A01.0")


@test
def topology_acs(tap, here):
    port, cards = "0000:00:08.0", ("0000:20:00.0", "0000:20:01.0")
    here.sim.kernel(f"plug {port} vendor=1b36 device=000c class=060400 group=50 link=16.0x32 curlink=2.5x1 secondary=20 driver=pcieport")
    for card in cards:
        here.sim.kernel(f"plug {card} vendor=8086 device=10d3 class=020000 subsystem=8086:0000 group=50 parent={port} link=2.5x1 reset=flr driver=e1000e")
    folder = SPACES / port
    folder.mkdir()

    def explained(control, **choice):
        config = folder / "config"
        config.write_bytes(configuration_space(4, control))
        config.chmod(0o600)
        page = here.open("topology", **choice)
        page.until("document.querySelector('[data-shared=\"50\"] [data-reason]')")
        return page.evaluate("document.querySelector('[data-shared=\"50\"]').innerText"), page

    text, page = explained(0)
    tap.contains("a bridge without ACS is the reason", text, f"do not have, or do not use, all of ACS: {port}")
    tap.equal("it is marked", attribute(page, port, "data-break"), "isolation-bridge")
    tap.contains("the mark is said", attribute(page, port, "aria-label"), "no complete ACS")
    tap.check("the lines below it are dashed", page.evaluate("document.querySelectorAll('#topology .line.open').length") >= 2)
    page.evaluate(f"{item(port)}.scrollIntoView({{block: 'center'}})")
    here.picture(page, f"topology-acs-{WIDE}")
    text, page = explained(0x1F)
    tap.contains("with all of ACS, it is not named", text, "does not isolate them")
    text, page = explained(0, port=USER_PORT)
    tap.contains("without rights, the page says who can read ACS", text, "Only root can read")
    (folder / "config").unlink()
    folder.rmdir()
    for address in (*cards, port):
        here.sim.kernel(f"unplug {address}")


@test
def topology_looks(tap, here):
    for choice in ({"width": NARROW, "height": 800}, {"prefers_color_scheme": "dark"}):
        page = here.open("topology", **choice)
        page.until("document.querySelectorAll('[data-reason]').length === 3")
        name = "dark" if "width" not in choice else "narrow"
        here.picture(page, f"topology-{name}")
        tap.equal(f"axe-core finds nothing serious: topology, {name}", here.serious(page), [])
        if name == "dark":
            # The screenshot had no scroll bar: the picture becomes as narrow again as the window.
            page.until("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('#topology-frame'))")
        frame = page.evaluate("(e => { e.scrollLeft = 50; return [e.scrollLeft > 0, e.getBoundingClientRect().right <= innerWidth]; })"
                              "(document.querySelector('#topology-frame'))")
        tap.equal(f"the picture scrolls inside its own frame: {name}", frame, [name == "narrow", True])
        if name == "narrow":
            page.tab_to("#topology [role=treeitem]")
            page.key("End")
            page.until(f"(box => box.top >= 0 && box.bottom <= innerHeight)({item('10000:01:00.0')}.getBoundingClientRect())")
            tap.check("the row with the focus is in sight", True)
        else:
            colour = page.evaluate("getComputedStyle(document.querySelector('#topology .box')).fill")
            tap.check("the boxes are dark", max(int(part) for part in colour[4:-1].split(", ")[:3]) < 100, colour)


def many_rows(tap, here, functions):
    """At 1,000 functions: called by test-page.py."""
    started = time.monotonic()
    page = here.open("topology")
    page.until(item("bus-0001:00"))
    tap.note(f"{functions} functions: the first rows are there after {time.monotonic() - started:.2f} s")
    rows = page.evaluate("document.querySelectorAll('#topology [data-id]').length")
    tap.check("not all rows are open", 32 < rows <= 160, rows)
    started = time.monotonic()
    page.click("#open-all")
    page.until(f"document.querySelectorAll('#topology a[data-id]').length >= {functions - 1}")
    took = time.monotonic() - started
    tap.note(f"{functions} functions: all rows are open after {took:.2f} s")
    here.picture(page, "topology-many")
    last = "0001:00:05.0"
    started = time.monotonic()
    here.sim.kernel(f"unplug {last}")
    page.until(f"!{item(last)}")
    took = time.monotonic() - started
    tap.note(f"{functions} rows: an unplugged row is gone after {took:.2f} s")
    tap.check("a change of the picture is shown", True)
    page.click("#close-all")
    page.until("document.querySelectorAll('#topology a[data-id]').length === 0")
    tap.check("all can be closed", True)
