# SPDX-License-Identifier: GPL-2.0-or-later
"""Cockpit hands over an answer some time after it has come: signals that vfiod has sent after the answer can be handled before it."""

import subprocess

from place import card
from suite import NIC, test

CARD = "0000:08:00.0"

# Holds back the answer with all objects until release() is called, and notes that it has come, and that an object was added.
HOLD = """(() => {
    const Real = window.WebSocket;
    window.WebSocket = class extends Real {
        set onmessage(receive) {
            super.onmessage = event => {
                if (typeof event.data === "string" && event.data.includes('"InterfacesAdded"'))
                    document.documentElement.dataset.added = "";
                if (!window.release && typeof event.data === "string" && event.data.includes('"reply"') && event.data.includes("org.vfiod1.%s")) {
                    window.release = () => receive(event);
                    document.documentElement.dataset.held = "";
                } else {
                    receive(event);
                }
            };
        }
    };
})();"""
# An answer of vfiod that comes after all that it has sent before.
ASK = """new Promise(resolve => {
    const ended = () => resolve(true);
    cockpit.dbus("org.vfiod1", { bus: "system" }).call("/org/vfiod1", "org.freedesktop.DBus.Peer", "Ping", []).then(ended, ended);
})"""


@test
def late_answer(tap, here):
    here.sim.kernel("stall 3")
    with subprocess.Popen([here.sim.lab.vfioctl, "detach", NIC], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as client:
        here.sim.kernel("wait-pending 1")
        page = here.open_raw("jobs", first=HOLD % "Job")
        page.until("document.documentElement.dataset.held === ''")
        here.sim.kernel("resume")
        tap.equal("the job ends", client.wait(120), 0)
    page.evaluate(ASK)
    page.evaluate("window.release(); true")
    page.until("document.querySelector('[data-ended]')")
    tap.equal("a job that has ended before the answer was handed over is not shown",
              page.evaluate("document.querySelectorAll('[data-job]').length"), 0)
    here.sim.run("reattach", NIC)


@test
def signal_before_the_answer(tap, here):
    page = here.open_raw(first=HOLD % "Device")
    page.until("document.documentElement.dataset.held === ''")
    here.sim.kernel(f"plug {CARD} vendor=8086 device=10d3 class=020000 subsystem=8086:0000 group=40 reset=flr net=ens9 driver=e1000e")
    try:
        page.until("document.documentElement.dataset.added === ''")
        page.evaluate(ASK)
        tap.check("a host is not shown before all of it is known", not page.evaluate("Boolean(document.querySelector('[data-phase]'))"))
        page.evaluate("window.release(); true")
        page.until(card(CARD))
        page.until("document.querySelector('[data-phase=ready]')")
    finally:
        here.sim.kernel(f"unplug {CARD}")
    page.until("!" + card(CARD))
