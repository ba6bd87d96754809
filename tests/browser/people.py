# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of how different people use the page: by keyboard, on small screens, with a screen reader, in the dark."""

from place import NARROW, WIDE
from suite import NIC, PORT_1, SCREEN, enabled, test

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
            here.close(page)
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
