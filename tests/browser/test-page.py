#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the page in Cockpit: in a headless Chromium, with cockpit-ws, cockpit-bridge and vfiod on the fake kernel.

It runs itself again in private namespaces, and changes nothing on this machine. The screenshots are in tests/browser/pictures of the
build folder.
"""

import argparse
import gzip
import pathlib
import signal
import subprocess
import sys
import time

from chromium import BrowserError
from cockpit import USER_PORT
from place import NARROW, WIDE, card, cards, place, story
from tap import Tap

PORT_1, PORT_2 = "0000:03:01.0", "0000:03:02.0"
NIC, NVME, SCREEN, GPU = "0000:05:00.0", "0000:04:00.0", "0000:00:01.0", "0000:06:00.0"
INTERRUPTS = "interrupt-remapping"
FUNCTIONS = 1000
BYTES_MAX = 600000
FIRST_PAINT_S, UPDATE_S = 5, 2
TESTS = []


def test(function):
    TESTS.append(function)
    return function


# Helpers


def open_dialog(here, address, verb="detach", **choice):
    page = here.open("device", address, **choice)
    page.click(f"#{verb}")
    page.until("document.querySelector('#change-dialog #change-submit')")
    return page


def enabled(selector):
    return f"document.querySelector('{selector}') && !document.querySelector('{selector}').disabled"


def submit(page):
    page.until(enabled("#change-submit"))
    page.click("#change-submit")


def mark(page):
    """Note in the page that it was not loaded again."""
    page.evaluate("window.marked = true")


def marked(page):
    return page.evaluate("window.marked === true")


# Views


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
    page.until_text("1 of 21 functions")
    tap.equal("a search finds an interface", list(cards(page)), [NIC])
    page.click("button[aria-label='Reset']")
    page.until_text("13 of 21 functions")
    page.choose("select[aria-label='Kind']", "storage")
    page.until_text("3 of 21 functions")
    tap.check("the filter shows one kind", NVME in cards(page) and NIC not in cards(page), cards(page))
    page.choose("select[aria-label='Availability']", "detached")
    page.until_text("No device is like that")
    page.click_text("Clear the filters")
    page.until_text("13 of 21 functions")
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


# Changes of the host


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


# Actions


@test
def detach_and_reattach(tap, here):
    page = open_dialog(here, PORT_1)
    page.until_text("What vfiod will do", "#change-dialog")
    page.until_text("go along", "#change-dialog")
    tap.check("without consent, nothing can be started", not page.evaluate(enabled("#change-submit")))
    here.picture(page, f"detach-{WIDE}")
    page.click(f"[id='companion-{PORT_2}']")
    submit(page)
    page.until_text("Detached:", "#news")
    tap.equal("both ports are detached", [here.state(PORT_1), here.state(PORT_2)], [("detached", "vfio-pci")] * 2)
    page.click("#format-qemu")
    page.until_text("vfio-pci,host", "#fragment-text")
    page.click("#copy-fragment")
    page.until_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    tap.check("the arguments for QEMU are copied", f"host={PORT_1}" in copied and f"host={PORT_2}" in copied, copied)
    page.click("#reattach")
    submit(page)
    page.until_text("Reattached:", "#news")
    tap.equal("both ports are with the host", [here.state(PORT_1), here.state(PORT_2)], [("host", "e1000")] * 2)
    page.until("document.querySelector('#detach')")


@test
def guard_and_override(tap, here):
    page = open_dialog(here, SCREEN)
    page.until("document.querySelector('#change-dialog [data-finding=display]')")
    evidence = page.evaluate("document.querySelector('[data-finding=display]').innerText")
    tap.contains("the guard names its evidence", evidence, "0000:00:01.0")
    tap.check("the guard refuses", not page.evaluate(enabled("#change-submit")))
    tap.check("the override is not offered at once", not page.evaluate(
        "(e => e && e.checkVisibility())(document.querySelector('#override-display'))"))
    page.click("#overrides button")
    page.click("#override-display")
    page.until("document.querySelector('[data-finding=display][data-overridden=true]')")
    here.picture(page, f"override-{WIDE}")
    tap.equal("the button says so", page.evaluate("document.querySelector('#change-submit').innerText"), "Override and detach")
    submit(page)
    page.until_text("Detached:", "#news")
    tap.equal("the screen is detached", here.state(SCREEN)[0], "detached")
    here.sim.run("reattach", SCREEN)


@test
def trial(tap, here):
    page = open_dialog(here, NIC)
    page.click("#trial")
    submit(page)
    page.until("document.querySelector('[data-trial=\"12\"]')")
    tap.equal("vfiod will reattach the group", here.reverts(), 1)
    here.picture(page, f"trial-{WIDE}")
    tap.equal("axe-core finds nothing serious: trial", here.serious(page), [])
    page.click_text("Keep them detached")
    page.until("!document.querySelector('[data-trial]')")
    tap.equal("after the confirmation, it will not", here.reverts(), 0)
    tap.equal("the device stays detached", here.state(NIC)[0], "detached")
    here.sim.run("reattach", NIC)
    here.sim.run("detach", NIC, "--revert-after", "1s")
    page.until("document.querySelector('[data-trial=\"12\"]')")
    page.until("!document.querySelector('[data-trial]')")
    page.until("document.querySelector('#detach')")
    tap.check("a trial of another program is shown until the device is with the host again", True)


@test
def storage_in_use(tap, here):
    here.sim.kernel("use nvme0n1")
    page = open_dialog(here, NVME)
    page.until("document.querySelector('#change-dialog [data-finding=storage]')")
    tap.contains("the guard names the disk", page.evaluate("document.querySelector('[data-finding=storage]').innerText"), "nvme0n1")
    tap.check("the guard refuses", not page.evaluate(enabled("#change-submit")))
    page.click_text("Close")
    page.until("!document.querySelector('#change-dialog')")
    tap.equal("nothing has changed", here.state(NVME), ("host", "nvme"))
    here.sim.kernel("unuse nvme0n1")


@test
def held_by_a_process(tap, here):
    here.sim.run("detach", NIC)
    with open(f"{here.root}/dev/vfio/12", "rb"):
        page = here.open("device", NIC)
        page.until_text("process", "#holders")
        tap.contains("the holder is named", page.evaluate("document.querySelector('#holders').innerText"), "python3")
        page.click("#reattach")
        page.until("document.querySelector('#change-dialog [data-finding=held]')")
        tap.check("a reattach is refused", not page.evaluate(enabled("#change-submit")))
    page.click_text("Close")
    here.sim.run("reattach", NIC)


@test
def plan_follows_the_host(tap, here):
    page = open_dialog(here, NIC)
    page.until(enabled("#change-submit"))
    here.sim.run("detach", NIC)
    page.until("document.querySelector('#change-dialog [data-finding=already-detached]')")
    tap.check("the plan is made again when the device changes", not page.evaluate(enabled("#change-submit")))
    here.sim.run("reattach", NIC)
    page.until(enabled("#change-submit"))


@test
def failed_step(tap, here):
    page = open_dialog(here, NIC)
    here.sim.kernel("fail 3 EIO")
    submit(page)
    page.until("document.querySelector('#change-dialog [data-error]')")
    error = page.evaluate("document.querySelector('[data-error]').dataset.error")
    tap.equal("the error has its name", error, "RolledBack")
    tap.contains("the error has its reason", page.evaluate("document.querySelector('[data-error]').innerText"), "Input/output error")
    here.sim.kernel("clear")
    tap.equal("the device is with the host", here.state(NIC), ("host", "e1000e"))
    submit(page)
    page.until_text("Detached:", "#news")
    tap.check("a second try succeeds", True)
    here.sim.run("reattach", NIC)


@test
def without_rights(tap, here):
    page = open_dialog(here, NIC, port=USER_PORT)
    tap.check("everybody may see the plan", page.until("document.querySelector('#change-dialog').innerText.includes('What vfiod will do')"))
    submit(page)
    page.until("document.querySelector('#change-dialog [data-error]')")
    tap.equal("an ordinary user may not detach", page.evaluate("document.querySelector('[data-error]').dataset.error"), "AccessDenied")
    tap.equal("nothing has changed", here.state(NIC), ("host", "e1000e"))


@test
def progress_and_cancel(tap, here):
    jobs = here.open("jobs")
    page = open_dialog(here, NIC)
    here.sim.kernel("stall 3")
    submit(page)
    page.until("document.querySelector('#change-dialog [data-job]')")
    page.until("/Step [1-9][0-9]* of [1-9]/.test(document.querySelector('#change-dialog').innerText)")
    tap.check("the dialog shows the step", True)
    jobs.until("document.querySelector('[data-job][data-state=running]')")
    tap.check("the list of jobs shows it", True)
    here.picture(jobs, f"job-{WIDE}")
    jobs.click_text("Cancel the job")
    jobs.until("[...document.querySelectorAll('button')].some(e => e.innerText.trim() === 'Cancelling' && e.disabled)")
    here.sim.kernel("resume")
    page.until("document.querySelector('#change-dialog [data-error=Cancelled]')")
    tap.check("the dialog says that the job was cancelled", True)
    jobs.until("!document.querySelector('[data-job]') && document.querySelector('[data-ended][data-state=failed]')")
    tap.check("the list of jobs shows its end", True)
    tap.equal("the device is with the host", here.state(NIC), ("host", "e1000e"))


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


# People


@test
def keyboard(tap, here):
    page = here.open()
    page.tab_to("input[aria-label='Search for devices']")
    page.write("ens3")
    page.until_text("1 of 21 functions")
    page.tab_to(f"[data-address='{NIC}'] a")
    page.key("Enter")
    page.until("document.querySelector('#detach')")
    page.tab_to("#detach")
    page.key("Enter")
    page.until(enabled("#change-submit"))
    page.tab_to("#change-submit")
    page.key("Enter")
    page.until_text("Detached:", "#news")
    tap.equal("a detach needs no mouse", here.state(NIC), ("detached", "vfio-pci"))
    page.tab_to("#reattach")
    page.key("Enter")
    page.until(enabled("#change-submit"))
    page.key("Escape")
    page.until("!document.querySelector('#change-dialog')")
    page.until("document.activeElement && document.activeElement.id === 'reattach'")
    tap.check("Escape closes the dialog, and the focus returns to the button", True)
    here.sim.run("reattach", NIC)


VIEWS = {"devices": (), "overview": ("overview",), "jobs": ("jobs",), "device": ("device", PORT_1)}
LOADED = {"devices": "document.querySelector('[data-address]')", "overview": "document.querySelector('#diagnosis [data-code]')",
          "jobs": "document.querySelector('h2')",
          "device": "document.querySelector('#plan [data-step]') && document.querySelector('#holders').innerText.includes('None.')"}


@test
def widths_and_accessibility(tap, here):
    for width in (NARROW, WIDE):
        for name, path in VIEWS.items():
            page = here.open(*path, width=width, height=800)
            page.until(LOADED[name])
            here.picture(page, f"{name}-{width}")
            tap.check(f"{name} fits into {width} pixels", page.evaluate(
                "[document.documentElement, ...document.querySelectorAll('.pf-v6-c-page__main')].every(e => e.scrollWidth <= e.clientWidth)"))
            tap.equal(f"axe-core finds nothing serious: {name}, {width} pixels", here.serious(page), [])
            page.close()
            here.pages.remove(page)
    for width in (NARROW, WIDE):
        page = here.open("device", SCREEN, width=width, height=800)
        page.click("#detach")
        page.until("document.querySelector('#change-dialog [data-finding=display]')")
        here.picture(page, f"guard-{width}")
        tap.equal(f"axe-core finds nothing serious: dialog, {width} pixels", here.serious(page), [])


@test
def dark(tap, here):
    page = here.open(prefers_color_scheme="dark")
    tap.check("the page is dark", page.evaluate("document.documentElement.classList.contains('pf-v6-theme-dark')"))
    here.picture(page, f"dark-{WIDE}")
    tap.equal("axe-core finds nothing serious: dark", here.serious(page), [])
    page.evaluate("localStorage.setItem('shell:style', 'light');"
                  "window.dispatchEvent(new StorageEvent('storage', {key: 'shell:style', newValue: 'light'}))")
    tap.check("Cockpit's style counts more", not page.evaluate("document.documentElement.classList.contains('pf-v6-theme-dark')"))
    page.evaluate("localStorage.removeItem('shell:style')")


def many_functions(tap, here):
    paints = []
    # The shortest of several, because other load on the machine can only make them longer.
    for _ in range(3):
        page = here.open_raw()
        page.until("document.querySelectorAll('[data-address]').length > 0")
        paints.append(page.evaluate("performance.now()") / 1000)
    paint = min(paints)
    tap.note(f"{FUNCTIONS} functions: the first cards are there after {paint:.2f} s; {[round(one, 2) for one in paints]}")
    tap.check(f"the first cards are there within {FIRST_PAINT_S} s", paint < FIRST_PAINT_S, paints)
    page.until("document.querySelector('[data-phase=ready]')")
    page.until_text(f"{FUNCTIONS} of {FUNCTIONS} functions")
    page.click_text(f"Show all {FUNCTIONS} devices")
    page.until(f"document.querySelectorAll('[data-address]').length === {FUNCTIONS}")
    last = f"0001:{(FUNCTIONS - 1) // 32:02x}:{(FUNCTIONS - 1) % 32:02x}.0"
    started = time.monotonic()
    here.sim.kernel(f"unplug {last}")
    page.until("!" + card(last))
    update = time.monotonic() - started
    tap.note(f"{FUNCTIONS} cards: an unplugged card is gone after {update:.2f} s")
    tap.check(f"a change is shown within {UPDATE_S} s", update < UPDATE_S, update)


def size(tap, build):
    compressed = sum(len(gzip.compress(path.read_bytes(), 9)) for path in (build / "cockpit").glob("index.*"))
    tap.note(f"the page has {compressed} bytes, compressed")
    tap.check(f"the page has at most {BYTES_MAX} bytes, compressed", 0 < compressed < BYTES_MAX, compressed)


def run_test(tap, here, function):
    before = time.monotonic()
    failures = tap.failures
    tap.run(function.__name__, function, tap, here)
    if tap.failures > failures and here.pages:
        for number, page in enumerate(here.pages):
            try:
                here.picture(page, f"failed-{function.__name__}-{number}")
            except BrowserError as error:
                tap.note(error)
    complaints = here.close_pages()
    tap.equal(f"{function.__name__}: the console is empty", complaints, [])
    tap.note(f"{function.__name__}: {time.monotonic() - before:.1f} s")


def run_inside(choice):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    tap = Tap()
    build = pathlib.Path(choice.build_dir).resolve()
    size(tap, build)
    chosen = [one for one in TESTS if not choice.tests or one.__name__ in choice.tests]
    if chosen:
        with place(build, story()) as here:
            for function in chosen:
                run_test(tap, here, function)
    if not choice.tests or "many_functions" in choice.tests:
        topology = ["driver e1000e module=e1000e ids=8086:10d3", "driver vfio-pci module=vfio_pci ids= loaded=0"]
        topology += [f"device 0001:{number // 32:02x}:{number % 32:02x}.0 vendor=8086 device=10d3 class=020000 subsystem=8086:0000 "
                     f"group={100 + number} reset=flr,pm driver=e1000e" for number in range(FUNCTIONS)]
        with place(build, "\n".join([*topology, ""])) as here:
            run_test(tap, here, many_functions)
    return tap.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build-dir", default="build", help="a build folder of meson")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("tests", nargs="*", help="names of tests; all if there are none")
    choice = parser.parse_args()
    if choice.inside:
        return run_inside(choice)
    build = pathlib.Path(choice.build_dir).resolve()
    return subprocess.run([build / "tests/unit/private-processes", "/usr/bin/unshare", "--net", sys.executable, "-B", __file__, "--inside",
                           "--build-dir", build, *choice.tests], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
