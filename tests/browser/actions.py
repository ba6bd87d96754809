# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of what a user does to devices."""

from cockpit import USER_PORT
from place import WIDE
from suite import NIC, NVME, PORT_1, PORT_2, SCREEN, enabled, open_dialog, submit, test


@test
def detach_and_reattach(tap, here):
    page = open_dialog(here, PORT_1)
    page.until_text("What vfiod will do", "#change-dialog")
    page.until_text("share the IOMMU group", "#change-dialog")
    tap.check("without consent, nothing can be started", not page.evaluate(enabled("#change-submit")))
    here.picture(page, f"detach-{WIDE}")
    page.click(f"[id='companion-{PORT_2}']")
    submit(page)
    page.until_text("Detached:", "#news")
    tap.equal("both ports are detached", [here.state(PORT_1), here.state(PORT_2)], [("detached", "vfio-pci")] * 2)
    page.click("#format-qemu")
    page.until_text("vfio-pci,host", "#fragment-text")
    # The cards above have their final height.
    page.until("document.querySelector('#plan [data-step=forget]')")
    page.until_text("None.", "#holders")
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
    # A picture and axe-core could take longer than the trial.
    page.click_text("Keep them detached")
    page.until("!document.querySelector('[data-trial]')")
    tap.equal("after the confirmation, it will not", here.reverts(), 0)
    tap.equal("the device stays detached", here.state(NIC)[0], "detached")
    here.sim.run("reattach", NIC)
    here.sim.run("detach", NIC, "--revert-after", "60s")
    # The trial cannot end before somebody has seen it.
    with open(f"{here.root}/dev/vfio/12", "rb"):
        page.until_text("vfiod waits for a process", "[data-trial]")
        here.picture(page, f"trial-{WIDE}")
        tap.equal("axe-core finds nothing serious: trial", here.serious(page), [])
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
    error = page.evaluate("document.querySelector('#change-dialog [data-error]').dataset.error")
    tap.equal("the error has its name", error, "RolledBack")
    tap.contains("the error has its reason", page.evaluate("document.querySelector('#change-dialog [data-error]').innerText"), "Input/output error")
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
    tap.equal("an ordinary user may not detach", page.evaluate("document.querySelector('#change-dialog [data-error]').dataset.error"), "AccessDenied")
    tap.equal("nothing has changed", here.state(NIC), ("host", "e1000e"))


@test
def progress_and_cancel(tap, here):
    jobs = here.open("jobs")
    page = open_dialog(here, NIC)
    here.sim.kernel("stall 3")
    submit(page)
    here.sim.kernel("wait-pending 1")
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
