# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the views, and of how they follow changes of the host."""

import signal

from place import card, cards
from suite import GPU, INTERRUPTS, NIC, NVME, PORT_1, PORT_2, SCREEN, mark, marked, test


def count(text):
    """A condition: the page says that it shows so many functions. "13 of 21" contains "3 of 21"."""
    return f"document.querySelector('#count').innerText === '{text}'"


@test
def list_of_devices(tap, here):
    page = here.open()
    shown = cards(page)
    tap.equal("the list has the endpoints", sorted(shown), sorted(
        [SCREEN, "0000:00:07.0", "0000:00:1f.0", "0000:00:1f.2", "0000:00:1f.3", PORT_1, PORT_2, NVME, NIC, GPU, "0000:06:00.1",
         "0000:07:00.0", "10000:01:00.0"]))
    tap.equal("all are available", set(shown.values()), {"available"})
    kinds = page.evaluate("[...document.querySelectorAll('h2')].map(e => e.innerText)")
    tap.equal("the cards are sorted by kind", kinds, ["Graphics (2)", "Network (4)", "Storage (3)", "Other devices (4)"])
    text = page.evaluate(f"{card(PORT_1)}.innerText")
    for part in ("82540EM Gigabit Ethernet Controller", "Intel Corporation", "group 10", "ens1", "e1000"):
        tap.contains(f"the card of a port has {part}", text, part)
    page.click("#show-all")
    page.until_text("21 of 21 functions")
    tap.check("the bridges are there, too", "0000:02:00.0" in cards(page))


@test
def search_and_filter(tap, here):
    page = here.open()
    page.click("input[aria-label='Search for devices']")
    page.write("ens3")
    page.until(count("1 of 21 functions"))
    tap.equal("a search finds an interface", list(cards(page)), [NIC])
    page.click("button[aria-label='Clear the search']")
    page.until(count("13 of 21 functions"))
    page.choose("select[aria-label='Kind']", "storage")
    page.until(count("3 of 21 functions"))
    tap.check("the filter shows one kind", NVME in cards(page) and NIC not in cards(page), cards(page))
    page.choose("select[aria-label='Availability']", "detached")
    page.until_text("No device is like that")
    page.click_text("Clear the filters")
    page.until(count("13 of 21 functions"))
    tap.equal("without filters, all are there", len(cards(page)), 13)


@test
def overview(tap, here):
    page = here.open("overview")
    page.until("document.querySelector('#diagnosis [data-code]') || document.querySelector('#diagnosis').innerText.includes('Nothing keeps')")
    tap.equal("the IOMMU is on", page.evaluate("document.querySelector('[data-iommu]').dataset.iommu"), "on")
    page.until_text("21 functions in 16 groups", "#iommu")
    here.sim.kernel("interrupts plain")
    page.click_text("Diagnose again")
    page.until(f"document.querySelector('#diagnosis [data-code={INTERRUPTS}]')")
    finding = page.evaluate(f"document.querySelector('#diagnosis [data-code={INTERRUPTS}]').innerText")
    tap.contains("a diagnosis finds that interrupts are not remapped", finding, "interrupt")
    rows = " ".join(here.sim.run("doctor", check=False).split())
    for line in finding.splitlines()[1:]:
        tap.contains("vfioctl doctor says the same", rows, " ".join(line.split()))
    here.sim.kernel("interrupts remapped")
    page.click_text("Diagnose again")
    page.until(f"!document.querySelector('#diagnosis [data-code={INTERRUPTS}]')")
    tap.check("the finding disappears with its cause", True)


@test
def device_page(tap, here):
    page = here.open("device", PORT_1)
    page.until("document.querySelector('#plan [data-step]')")
    facts = page.evaluate("document.querySelector('#facts').innerText")
    for part in (PORT_1, "Intel Corporation", "8086:100e", "e1000", "ens1"):
        tap.contains(f"the facts have {part}", facts, part)
    group = page.evaluate("document.querySelector('#group').innerText")
    for part in ("IOMMU group 10", "0000:02:00.0", PORT_1, PORT_2, "stays with the host"):
        tap.contains(f"the group has {part}", group, part)
    steps = page.evaluate("[...document.querySelectorAll('#plan [data-step]')].map(e => e.dataset.step)")
    tap.equal("the plan unbinds both ports", steps.count("unbind"), 2)
    page.until_text("None.", "#holders")
    page.click("#group a[href*='0000%3A03%3A02.0']")
    page.until(f"document.querySelector('#facts').innerText.includes('{PORT_2}')")
    tap.check("a link leads to the other port", True)
    page.go(page.evaluate("location.href").replace("03%3A02.0", "03%3A09.0"))
    page.until_text("There is no such device")
    tap.check("a device that is not there has a page that says so", True)


@test
def hotplug(tap, here):
    page = here.open()
    mark(page)
    here.sim.kernel("plug 0000:08:00.0 vendor=8086 device=10d3 class=020000 subsystem=8086:0000 group=40 reset=flr net=ens9 driver=e1000e")
    page.until(card("0000:08:00.0", "available"))
    tap.check("a new card appears", True)
    here.sim.kernel("unplug 0000:08:00.0")
    page.until("!" + card("0000:08:00.0"))
    tap.check("it disappears", True)
    here.sim.run("detach", "ens3")
    page.until(card(NIC, "detached"))
    tap.check("a detach by another program is shown", True)
    here.sim.run("reattach", NIC)
    page.until(card(NIC, "available"))
    tap.check("the page was not loaded again", marked(page))


@test
def restart_of_vfiod(tap, here):
    page = here.open()
    mark(page)
    here.sim.end_vfiod(signal.SIGKILL)
    page.until("document.querySelector('#lost')")
    tap.check("the page says that vfiod is away", True)
    tap.equal("the devices are still there", len(cards(page)), 13)
    other = here.open_raw()
    other.until_text("There is no connection to vfiod")
    tap.check("a new page says that there is no vfiod", True)
    here.sim.kernel(f"unplug {NIC}")
    here.sim.start_vfiod()
    page.until(f"!document.querySelector('#lost') && !{card(NIC)}")
    tap.check("after the start, the page shows what has changed meanwhile", marked(page))
    other.until(card(PORT_1))
    here.sim.kernel(f"plug {NIC} vendor=8086 device=10d3 class=020000 subsystem=8086:0000 group=12 parent=0000:00:04.0 numa=0 link=2.5x1 "
                    "reset=flr,pm net=ens3 mac=52:54:00:00:00:03 driver=e1000e")
    page.until(card(NIC))
    tap.check("signals arrive as before", True)
