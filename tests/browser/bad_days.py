# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the page when things go wrong: a step is stuck, a job runs or fails, vfiod is away."""

import signal
import subprocess

from looks import look
from place import card
from suite import NIC, SCREEN, open_dialog, submit, test

JOBS = ("jobs",)


@test
def stuck(tap, here):
    """A reattach with force waits in the kernel for the process that has the device open."""
    here.sim.run("detach", NIC)
    jobs, devices = here.open(*JOBS), here.open()
    with open(f"{here.root}/dev/vfio/12", "rb"):
        here.sim.kernel("claim 12")
        page = open_dialog(here, NIC, "reattach")
        page.until("document.querySelector('#change-dialog [data-finding=held]')")
        page.click("#overrides button")
        page.click("#override-force")
        submit(page)
        page.until("document.querySelector('#change-dialog [data-error=Stuck]')")
        tap.check("the dialog says that the job is stuck", True)
        jobs.until("document.querySelector('[data-job][data-state=stuck]')")
        jobs.until_text("a process", "[data-job] .pf-v6-c-alert")
        tap.check("the list of jobs says what it waits for", True)
        devices.until(card(NIC, "stuck"))
        tap.check("the device is stuck", True)
        look(tap, here, "stuck-job", JOBS, lambda view: view.until_text("a process", "[data-job] .pf-v6-c-alert"))
        page = here.open("device", NIC)
        page.until("document.querySelector('[data-job][data-state=stuck]')")
        tap.check("its page shows the job, and nothing else can be started", page.evaluate("document.querySelector('#detach, #reattach').disabled"))
    devices.until(card(NIC, "available"))
    jobs.until("!document.querySelector('[data-job]')")
    tap.equal("the job ends when the process releases the device", here.state(NIC), ("host", "e1000e"))


@test
def running_job(tap, here):
    here.sim.kernel("stall 3")
    with subprocess.Popen([here.sim.lab.vfioctl, "detach", NIC], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as client:
        here.sim.kernel("wait-pending 1")
        look(tap, here, "job", JOBS, lambda page: page.until("document.querySelector('[data-job][data-state=running]')"))
        here.sim.kernel("resume")
        tap.equal("the job ends", client.wait(120), 0)
    here.sim.run("reattach", NIC)


@test
def failure(tap, here):
    def view(page):
        page.click("#detach")
        here.sim.kernel("fail 3 EIO")
        submit(page)
        page.until("document.querySelector('#change-dialog [data-error=RolledBack]')")
        here.sim.kernel("clear")

    look(tap, here, "failure", ("device", NIC), view)
    look(tap, here, "failed-job", JOBS, lambda page: page.until("document.querySelector('[data-ended][data-state=failed]')"))


@test
def disconnected(tap, here):
    def is_away(page):
        page.until("document.querySelector('h1') && document.querySelector('button')")

    def is_lost(page):
        is_away(page)
        here.sim.start_vfiod()
        page.until("document.querySelector('[data-phase=ready]')")
        here.sim.end_vfiod(signal.SIGKILL)
        page.until("document.querySelector('#lost')")

    here.sim.end_vfiod(signal.SIGKILL)
    try:
        look(tap, here, "no-connection", (), is_away, is_connected=False)
        look(tap, here, "lost", (), is_lost, is_connected=False)
    finally:
        if here.sim.vfiod.poll() is not None:
            here.sim.start_vfiod()


# The display is the network: only a real host uses a network interface.
NETWORK = """(() => {
    const Real = window.WebSocket;
    window.WebSocket = class extends Real {
        set onmessage(receive) {
            super.onmessage = event => receive(typeof event.data !== "string" ? event
                : new MessageEvent("message", { data: event.data.replaceAll('["display"', '["network"') }));
        }
    };
})();"""
RECOMMENDED = "(document.querySelector('.pf-v6-c-check:has(#trial) .pf-v6-c-check__description')?.innerText ?? '')"


@test
def recommended_trial(tap, here):
    page = open_dialog(here, NIC)
    page.until("document.querySelector('#trial')")
    tap.equal("a trial is offered, but not recommended", page.evaluate(RECOMMENDED), "")
    page = open_dialog(here, SCREEN, first=NETWORK)
    page.until("document.querySelector('#change-dialog [data-finding=network]') && document.querySelector('#trial')")
    tap.contains("it is recommended if the own connection may need the device", page.evaluate(RECOMMENDED), "Recommended")
    here.picture(page, "recommended")
