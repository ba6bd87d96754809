# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of tests, and what many of them do."""

PORT_1, PORT_2 = "0000:03:01.0", "0000:03:02.0"
NIC, NVME, SCREEN, GPU = "0000:05:00.0", "0000:04:00.0", "0000:00:01.0", "0000:06:00.0"
INTERRUPTS = "interrupt-remapping"
TESTS = []


def test(function):
    """A decorator: a test is called with a Tap and a Place."""
    TESTS.append(function)
    return function


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
