# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the page on a host without an IOMMU, where nothing was done yet."""

from looks import look, text_of
from place import card

NIC = "0000:00:03.0"
FINDING = "#diagnosis [data-code=iommu]"


def no_iommu(tap, here):
    look(tap, here, "no-iommu", ("overview",), lambda page: page.until(f"document.querySelector('{FINDING}')"))
    page = here.open("overview")
    tap.equal("the IOMMU is off", page.evaluate("document.querySelector('[data-iommu]').dataset.iommu"), "off")
    tap.contains("the page says why", text_of(page, "#iommu"), "intel_iommu=on")
    page.until(f"document.querySelector('{FINDING} p')")
    rows = " ".join(here.sim.run("doctor", check=False).split())
    tap.contains("the cure is that of vfioctl doctor", rows, " ".join(text_of(page, f"{FINDING} p").split()))
    page = here.open()
    page.until(card(NIC, "no-group"))
    tap.check("a device has no group", True)


def empty_views(tap, here):
    for name in ("rules", "virtual-functions", "leases", "jobs"):
        look(tap, here, f"empty-{name}", (name,), lambda page: page.until("document.querySelector('.pf-v6-c-empty-state')"))
