# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of how different people use the page: by keyboard, on small screens, with a screen reader, in the dark."""

from looks import look, press
from place import WIDE
from suite import NIC, PORT_1, PORT_2, SCREEN, enabled, test

VIEWS = {"devices": (), "topology": ("topology",), "overview": ("overview",), "jobs": ("jobs",), "device": ("device", PORT_1)}
LOADED = {"devices": "document.querySelector('[data-address]')", "overview": "document.querySelector('#diagnosis .pf-v6-c-alert')",
          "jobs": "document.querySelector('h2')", "topology": "document.querySelectorAll('[data-reason]').length === 3",
          "device": "document.querySelector('#plan [data-step]') && document.querySelector('#holders').innerText.includes('None.')"}


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


def until_guard(page):
    page.click("#detach")
    page.until("document.querySelector('#change-dialog [data-finding=display]')")


@test
def widths_and_accessibility(tap, here):
    for name, path in VIEWS.items():
        look(tap, here, name, path, lambda page, name=name: page.until(LOADED[name]))
    look(tap, here, "guard", ("device", SCREEN), until_guard)


@test
def keyboard_companion_and_trial(tap, here):
    page = here.open("device", PORT_1)
    press(page, "#detach")
    press(page, f"[id='companion-{PORT_2}']", " ")
    press(page, "#trial", " ")
    page.until("document.querySelector('#trial').checked && " + enabled("#change-submit"))
    here.sim.kernel("stall 3")
    press(page, "#change-submit")
    here.sim.kernel("wait-pending 1")
    press(page, "#change-dialog [data-job] button")
    page.until("document.querySelector('#change-dialog [data-job] button').disabled")
    here.sim.kernel("resume")
    page.until("document.querySelector('#change-dialog [data-error=Cancelled]')")
    tap.equal("a companion and a cancel need no mouse", [here.state(PORT_1), here.state(PORT_2)], [("host", "e1000")] * 2)
    press(page, "#change-submit")
    page.until("document.querySelector('[data-trial=\"10\"]')")
    tap.equal("a trial needs no mouse", here.reverts(), 1)
    press(page, "[data-trial] button")
    page.until("!document.querySelector('[data-trial]')")
    tap.equal("its confirmation neither", (here.reverts(), here.state(PORT_2)[0]), (0, "detached"))
    here.sim.run("reattach", PORT_1)


@test
def keyboard_override(tap, here):
    page = here.open("device", SCREEN)
    press(page, "#detach")
    press(page, "#overrides button")
    press(page, "#override-display", " ")
    page.until("document.querySelector('[data-finding=display][data-overridden=true]')")
    press(page, "#change-submit")
    page.until("document.querySelector('#reattach')")
    tap.equal("an override needs no mouse", here.state(SCREEN)[0], "detached")
    here.sim.run("reattach", SCREEN)


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
