# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the view of the leases."""

import contextlib
import json
import os
import signal
import subprocess

from cockpit import NOBODY, USER_PORT
from looks import look, press, text_of
from place import WIDE, ask_bus
from sim import ROOT, STATE
from suite import NIC, NVME, mark, marked, test

NODE = f"{ROOT}/dev/vfio/12"


@contextlib.contextmanager
def holder():
    """A process of the user, to which leases can be bound, during a with block."""
    with subprocess.Popen(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "sleep", "infinity"]) as process:
        try:
            yield process
        finally:
            process.kill()


def start_lease(selector, process):
    """Start a lease that lasts until the process ends. Return its number."""
    done = subprocess.run(["busctl", "--json=short", "call", "org.vfiod1", "/org/vfiod1", "org.vfiod1.Manager", "Lease", "sa{sv}", selector,
                           "1", "pid", "u", str(process.pid)], stdout=subprocess.PIPE, check=True)
    return int(json.loads(done.stdout)["data"][0].rsplit("/", 1)[1])


@contextlib.contextmanager
def lease(here, selector=NIC):
    """A lease, during a with block. Gives its number and the process."""
    with holder() as process:
        number = start_lease(selector, process)
        yield number, process
    # The end of a lease is a signal to everybody.
    here.open("leases").until(f"!{shown(number)}")


def shown(number, state=None):
    return f"document.querySelector(`[data-lease='{number}']" + (f"[data-state='{state}']" if state else "") + "`)"


@test
def leases_list(tap, here):
    page = here.open("leases")
    page.until_text("There are no leases", "#leases")
    mark(page)
    with lease(here) as (number, process):
        page.until(shown(number, "active"))
        tap.check("a new lease appears", True)
        # The names of the users come later than the lease.
        page.until_text("root (user 0)", f"[data-lease='{number}']")
        card = text_of(page, f"[data-lease='{number}']")
        for part in (f"Lease {number}", "Active", "root (user 0)", f"Until process {process.pid} ends", NIC, "82574L", "/dev/vfio/12"):
            tap.contains(f"the view has {part}", card, part)
        since = ask_bus("call", "ListLeases")[0][0][4]
        tap.contains("it has the time of the start", card, page.evaluate(f"new Date({since} / 1000).toLocaleString()"))
        page.click(f"[data-lease='{number}'] a")
        page.until_text("A user has a lease of the device.")
        page.evaluate("history.back()")
        page.until(shown(number, "active"))
        process.kill()
        page.until(f"!{shown(number)}")
        tap.check("a lease disappears when its process ends, and the page was not loaded again", marked(page))


@test
def leases_release(tap, here):
    with lease(here) as (number, _):
        page = here.open("leases")
        page.click(f"[data-release='{number}']")
        page.until_text("No process has the devices open.", "#release-dialog")
        here.picture(page, f"release-{WIDE}")
        page.click_text("Cancel")
        page.until("!document.querySelector('#release-dialog')")
        tap.check("Cancel releases nothing", page.evaluate(f"Boolean({shown(number, 'active')})"))
        page.click(f"[data-release='{number}']")
        page.click("#release-submit")
        page.until_text(f"Lease {number} is ending", "#news")
        page.until(f"!{shown(number)}")
        page.until_text("There are no leases", "#leases")
        tap.equal("the device is with the host", here.state(NIC), ("host", "e1000e"))


@test
def leases_lingering(tap, here):
    with lease(here) as (number, _):
        page = here.open("leases")
        page.until(shown(number, "active"))
        with open(NODE, "rb"):
            page.click(f"[data-release='{number}']")
            page.until(f"document.querySelector('#lease-holders [data-holder=\"{os.getpid()}\"]')")
            tap.contains("the dialog names who has the devices open", text_of(page, "#lease-holders"), "python3")
            page.click("#release-submit")
            page.until(shown(number, "lingering"))
            page.until_text("The lease waits for", f"[data-lease='{number}']")
            page.until_text("python3", f"[data-lease='{number}']")
            here.picture(page, f"lingering-{WIDE}")
            tap.check("a process that has the device open keeps the lease", here.state(NIC)[1] == "vfio-pci")
        page.until(f"!{shown(number)}")
        tap.equal("when it closes the device, the device goes back", here.state(NIC), ("host", "e1000e"))


@test
def leases_force(tap, here):
    with lease(here) as (number, _):
        page = here.open("leases")
        page.until(shown(number, "active"))
        with open(NODE, "rb"):
            page.click(f"[data-release='{number}']")
            page.until("document.querySelector('#lease-holders [data-holder]')")
            tap.check("force is not offered at once", not page.evaluate("document.querySelector('#force-check')"))
            tap.equal("the button is that of the first step", text_of(page, "#release-submit"), "Release")
            page.click("#force button")
            page.until_text("stuck", "#force")
            page.click("#force-check")
            page.until("document.querySelector('#release-submit').innerText === 'Release by force'")
            here.picture(page, f"force-{WIDE}")
            page.click("#release-submit")
            page.until_text(f"Lease {number} is ending", "#news")
            page.until(f"!{shown(number)}")
            tap.equal("the device goes back although a process has it open", here.state(NIC), ("host", "e1000e"))


@test
def leases_ended_meanwhile(tap, here):
    with lease(here) as (number, process):
        page = here.open("leases")
        page.click(f"[data-release='{number}']")
        page.until("document.querySelector('#release-submit')")
        process.kill()
        page.until("document.querySelector('#release-ended')")
        tap.check("the dialog says that the lease has ended", not page.evaluate("document.querySelector('#release-submit')"))
        page.click_text("Close")
        page.until("!document.querySelector('#release-dialog')")


@test
def leases_without_rights(tap, here):
    with lease(here) as (number, _):
        page = here.open("leases", port=USER_PORT)
        page.until_text("You have limited access")
        page.until(shown(number, "active"))
        tap.contains("the buttons say what they need", page.evaluate(
            f"document.getElementById(document.querySelector(`[data-release='{number}']`).getAttribute('aria-describedby')).innerText"),
            "administrative access")
        page.click(f"[data-release='{number}']")
        page.click("#release-submit")
        page.until("document.querySelector('#release-dialog [data-error=AccessDenied]')")
        tap.contains("the refusal says what helps", text_of(page, "#release-dialog [data-error]"), "administrative access")
        tap.check("the lease is as before", page.evaluate(f"Boolean({shown(number, 'active')})"))


@test
def leases_restart(tap, here):
    with lease(here) as (number, _):
        page = here.open("leases")
        mark(page)
        page.until(shown(number, "active"))
        here.sim.end_vfiod(signal.SIGKILL)
        page.until("document.querySelector('#lost')")
        tap.check("the lease is still there", page.evaluate(f"Boolean({shown(number)})"))
        # Then vfiod sends no signal about its end.
        os.unlink(f"{STATE}/leases/{number}")
        here.sim.start_vfiod()
        page.until(f"!document.querySelector('#lost') && !{shown(number)}")
        tap.check("after a restart, the page shows the leases that there are", marked(page))
        here.restore()
    with lease(here, NVME) as (number, _):
        page.until(shown(number, "active"))
        tap.check("signals arrive as before", marked(page))


@test
def leases_keyboard(tap, here):
    with lease(here) as (number, _):
        page = here.open("leases")
        page.until(shown(number, "active"))
        press(page, f"[data-release='{number}']")
        page.until_text("No process has the devices open.", "#release-dialog")
        page.key("Escape")
        page.until(f"!document.querySelector('#release-dialog') && document.activeElement.dataset.release === '{number}'")
        tap.check("Escape closes the dialog, and the focus returns to the button", True)
        page.key("Enter")
        page.until("document.querySelector('#release-dialog')")
        press(page, "#force button")
        press(page, "#force-check", " ")
        page.until("document.querySelector('#release-submit').innerText === 'Release by force'")
        press(page, "#force-check", " ")
        press(page, "#release-submit")
        page.until(f"!{shown(number)}")
        tap.equal("a release needs no mouse", here.state(NIC), ("host", "e1000e"))


@test
def leases_looks(tap, here):
    with lease(here, NVME) as (other, _), lease(here) as (number, _):
        def view(page):
            page.until(f"{shown(number, 'active')} && {shown(other, 'active')}")

        def dialog(page):
            view(page)
            page.click(f"[data-release='{number}']")
            page.until("document.querySelector('#lease-holders p')")
            page.click("#force button")
            page.until("document.querySelector('#force-check')")

        look(tap, here, "leases", ("leases",), view)
        look(tap, here, "release-dialog", ("leases",), dialog)
