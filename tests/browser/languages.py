# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the page in other languages than English."""

import json
import pathlib
import re
import subprocess
import sys

from cockpit import PORT, USER_PORT
from framed import Framed
from journal import Journal
from place import WIDE
from suite import NIC, NVME, PORT_1, enabled, submit, test

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "po"))

import page as texts  # noqa: E402

# Every text that a person or a screen reader gets, but not what is marked as English, and no text of a program.
TEXTS = """(() => {
    const found = new Set();
    const add = text => text && text.trim() && found.add(text.trim());
    const isOurs = element => !element.closest("[lang=en], script, style, code, pre, [data-test-ignore]");
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode())
        if (isOurs(walker.currentNode.parentElement))
            add(walker.currentNode.data);
    for (const element of document.body.querySelectorAll("*"))
        for (const name of ["aria-label", "aria-valuetext", "aria-roledescription", "title", "placeholder", "alt"])
            if (isOurs(element))
                add(element.getAttribute(name));
    add(document.title);
    return [...found];
})()"""
# Words that no language translates; commands and messages of programs are in quotes.
NAMES = re.compile(r"'[^']*'|\"[^\"]*\"|table DMAR|PCIe?|IOMMU|QEMU|libvirt|podman \(CDI\)|NUMA|ACS|USB|vfiod|Cockpit|GT/s|“[^”]*”|\b(?:flr|bus|pm)\b")
TWO_WORDS = re.compile(r"[A-Za-z]{2,}[,:]? [A-Za-z]{2,}")


def english(page, names):
    """The texts of the page that are English: one of the texts of the page itself, or two words in a row that are no names."""
    known = {msgid for msgid, _, translations in texts.read_catalog((ROOT / "cockpit/po/zh_CN.po").read_text()) if msgid not in translations}
    return [one for one in page.evaluate(TEXTS) if one in known or TWO_WORDS.search(without(one, names))]


def without(text, names):
    for name in names:
        text = text.replace(name, "#")
    return NAMES.sub("#", text)


def sentence(language, msgid):
    """The format of a sentence of vfiod in another language."""
    return next(translations[0] for one, _, translations in texts.read_catalog((ROOT / f"po/{language}.po").read_text()) if one == msgid)


def hardware_names():
    """The names of the hardware database, the longest first."""
    command = ["busctl", "--json=short", "call", "org.vfiod1", "/org/vfiod1", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"]
    objects = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)["data"][0]
    devices = [one["org.vfiod1.Device"] for one in objects.values() if "org.vfiod1.Device" in one]
    names = {device[key]["data"] for device in devices for key in ("VendorName", "DeviceName", "SubsystemName", "ClassName")}
    return sorted(names - {""}, key=len, reverse=True)


@test
def chinese(tap, here):
    names = hardware_names()
    here.sim.run("detach", NIC)
    here.sim.run("reattach", NIC)

    def check(page, what, picture=False):
        if picture:
            here.picture(page, f"chinese-{what}-{WIDE}")
        tap.equal(f"no text is English: {what}", english(page, names), [])

    page = here.open(language="zh-CN")
    tap.equal("the document says its language", page.evaluate("document.documentElement.lang"), "zh-CN")
    page.until_text("设备")
    check(page, "devices", True)
    page = here.open("overview", language="zh-CN")
    page.until("document.querySelector('#diagnosis .pf-v6-c-alert')")
    check(page, "overview", True)
    page = here.open("topology", language="zh-CN")
    page.until("document.querySelectorAll('[data-reason]').length === 3")
    check(page, "topology", True)
    page = here.open("jobs", language="zh-CN")
    page.until("document.querySelector('[data-ended]')")
    check(page, "jobs")
    with Journal() as journal:
        journal.write("01", MESSAGE="0000:05:00.0: e1000e to vfio-pci", VFIOD_DEVICE=NIC, VFIOD_CALLER_UID="0", VFIOD_CALLER_PID="1",
                      VFIOD_CALLER_COMMAND="vfioctl")
        page = here.open("device", NIC, language="zh-CN")
        page.until("document.querySelector('#history [data-entry]')")
        check(page, "history")
        page = here.open("device", NIC, port=USER_PORT, language="zh-CN")
        page.until("document.querySelector('#journal-refused')")
        check(page, "without rights")
    here.sim.kernel("use nvme0n1")
    page = here.open("device", NVME, language="zh-CN")
    page.until("document.querySelector('#plan [data-step]')")
    page.until("document.querySelector('#holders').innerText.includes('无。')")
    page.until("document.querySelector('#diagnosis .pf-v6-c-alert')")
    check(page, "device", True)
    page.click("#detach")
    page.until("document.querySelector('#change-dialog [data-finding=storage]')")
    tap.contains("vfiod's sentence is translated as vfioctl does it", page.evaluate("document.querySelector('[data-finding=storage]').innerText"),
                 "nvme0n1 " + sentence("zh_CN", "is open exclusively, and vfiod cannot find out by whom (ZFS, iSCSI, a virtual machine%s") % ")")
    page.click("#overrides button")
    page.until("document.querySelector('#override-storage')")
    check(page, "dialog", True)
    here.sim.kernel("unuse nvme0n1")
    page = here.open("device", PORT_1, language="zh-CN")
    page.click("#detach")
    page.until_text("一同分离", "#change-dialog")
    check(page, "companions")
    page = here.open("device", NIC, language="zh-CN")
    page.click("#detach")
    page.until(enabled("#change-submit"))
    submit(page)
    page.until("document.querySelector('#news')")
    check(page, "after a detach")
    here.sim.run("reattach", NIC)


@test
def german(tap, here):
    page = here.open(language="de")
    page.until_text("13 von 21 Funktionen")
    tap.equal("the title is German", page.evaluate("document.title"), "PCI-Durchreichung")
    page = here.open("device", PORT_1, language="de")
    page.until("document.querySelector('#plan [data-step]')")
    tap.contains("a reason is German", page.evaluate("document.querySelector('#plan').innerText"),
                 sentence("de", "a virtual machine can use group %d") % 10)
    shell = here.chromium.open(f"http://127.0.0.1:{PORT}/vfiod", WIDE, 900, language="de")
    shell.until_text("PCI-Durchreichung")
    Framed(shell).until_text("13 von 21 Funktionen")
    tap.check("the menu of Cockpit is German", True)
    here.picture(shell, f"german-cockpit-{WIDE}")
    # It is not in the list of pages: what Cockpit's own pages write to the console is not tested.
    shell.close()
    page = here.open(language="fr")
    page.until_text("13 of 21 functions")
    tap.equal("a language without a catalog is English", page.evaluate("document.documentElement.lang"), "en")
