# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the view of the virtual functions."""

import contextlib
import pathlib
import signal

from cockpit import USER_PORT
from looks import fill, look, press, text_of
from place import WIDE
from sim import DEVICES, ROOT
from suite import enabled, mark, marked, test

PF, VF = "0000:07:00.0", "0000:07:10.0"
READY = enabled("#vf-submit")


@contextlib.contextmanager
def functions(here, count=0, *options):
    """So many virtual functions, during a with block. Afterwards there are none."""
    try:
        if count:
            here.sim.run("vfs", PF, str(count), *options)
        yield
    finally:
        here.restore()
        here.sim.run("vfs", PF, "0", "--override=virtual-functions", check=False)


def write(path, text):
    pathlib.Path(path).write_text(text)


def bind_by_hand(here, address):
    """What another program does: the host's driver is replaced by vfio-pci."""
    here.sim.kernel("modprobe vfio-pci")
    write(f"{DEVICES}/{address}/driver_override", "vfio-pci")
    write(f"{DEVICES}/{address}/driver/unbind", address)
    write(f"{ROOT}/sys/bus/pci/drivers_probe", address)


def number(count):
    """A condition: the page shows so many virtual functions."""
    return f"document.querySelector(`[data-pf='{PF}'][data-count='{count}']`)"


def open_functions(here, **choice):
    page = here.open("virtual-functions", **choice)
    page.until(f"document.querySelector(`[data-pf='{PF}']`)")
    return page


def open_set(here, **choice):
    page = open_functions(here, **choice)
    page.click(f"[data-set='{PF}']")
    page.until("document.querySelector('#vf-count')")
    return page


def set_count(page, count):
    fill(page, "#vf-count", str(count))
    page.until(f"document.querySelector('#vf-steps [data-new=\"{count}\"]')")


@test
def vfs_list(tap, here):
    with functions(here, 2):
        page = open_functions(here)
        mark(page)
        page.until(number(2))
        tap.equal("only devices with SR-IOV are there", page.evaluate("[...document.querySelectorAll('[data-pf]')].map(e => e.dataset.pf)"), [PF])
        card = text_of(page, f"[data-pf='{PF}']")
        for part in ("82576 Gigabit Network Connection", "2 of 7", "0000:07:10.0", "0000:07:10.1", "Driver igbvf", "Available", "ens4"):
            tap.contains(f"the view has {part}", card, part)
        here.sim.run("detach", VF)
        page.until_text("Ready for a virtual machine", f"[data-vf='{VF}']")
        here.sim.run("vfs", PF, "5", "--override=virtual-functions")
        page.until(number(5))
        tap.check("signals change the number, and the page was not loaded again", marked(page))
        page.click(f"[data-vf='{VF}'] a")
        page.until("document.querySelector('#detach')")
        tap.check("a virtual function leads to its page", True)


@test
def vfs_set(tap, here):
    with functions(here):
        page = open_set(here)
        page.until("document.querySelector('#vf-nothing')")
        tap.check("the number that is there cannot be set", not page.evaluate(READY))
        page.click("button[aria-label='One more']")
        page.click("button[aria-label='One more']")
        page.until("document.querySelector('#vf-steps [data-new=\"2\"]') && " + READY)
        tap.contains("the plan is shown", text_of(page, "#vf-steps"), "vfiod creates 2 virtual functions.")
        page.until(READY)
        here.picture(page, f"vf-set-{WIDE}")
        tap.equal("the plan changes nothing", here.state(VF), None)
        page.click("#vf-submit")
        page.until_text(f"{PF} has 2 virtual functions now", "#news")
        page.until(number(2))
        tap.equal("the functions are with the host", here.state(VF), ("host", "igbvf"))
        page.click(f"[data-set='{PF}']")
        page.until("document.querySelector('#vf-nothing')")
        fill(page, "#vf-count", "100")
        page.until("document.querySelector('#vf-steps [data-new=\"7\"]')")
        # The list begins with the functions that are not available. Wait until all are available.
        page.until("[...document.querySelectorAll('#vf-steps [data-gone]')].every(e => e.innerText.endsWith('Available'))")
        tap.equal("what disappears is listed",
                  page.evaluate("[...document.querySelectorAll('#vf-steps [data-gone]')].map(e => e.dataset.gone)"), [VF, "0000:07:10.1"])
        tap.equal("the number is at most that of the card", page.evaluate("document.querySelector('#vf-count').value"), "7")
        set_count(page, 0)
        page.until(READY)
        page.click("#vf-submit")
        page.until("document.querySelector('#news')")
        page.until(number(0))
        page.until("!document.querySelector('#vf-dialog')")
        tap.equal("all are removed", here.state(VF), None)


@test
def vfs_detached(tap, here):
    with functions(here):
        page = open_set(here)
        set_count(page, 3)
        page.click("#vf-use-detach")
        page.until("document.querySelector('#vf-driver')")
        page.click("#vf-driver")
        page.write("e1000")
        page.until("document.querySelector('#vf-plan [data-error=InvalidArgs]')")
        tap.check("a driver of the host is refused before it is tried", not page.evaluate(READY))
        fill(page, "#vf-driver", "vfio-pci")
        page.until(f"!document.querySelector('#vf-plan [data-error]') && {READY}")
        page.click("#vf-submit")
        page.until("document.querySelector('#news')")
        page.until(number(3))
        page.until_text("Ready for a virtual machine", f"[data-vf='{VF}']")
        tap.equal("the functions are detached", here.state(VF), ("detached", "vfio-pci"))


@test
def vfs_driverless(tap, here):
    with functions(here):
        page = open_set(here)
        set_count(page, 1)
        page.click("#vf-use-driverless")
        page.until(READY)
        page.click("#vf-submit")
        page.until("document.querySelector('#news')")
        page.until(number(1))
        page.until_text("No driver", f"[data-vf='{VF}']")
        tap.equal("the function has no driver", here.state(VF)[1], "")


@test
def vfs_override(tap, here):
    with functions(here, 1):
        bind_by_hand(here, VF)
        page = open_functions(here)
        page.until_text("Bound by another program", f"[data-vf='{VF}']")
        page.click(f"[data-set='{PF}']")
        fill(page, "#vf-count", "2")
        page.until("document.querySelector('#vf-plan [data-finding=virtual-functions]')")
        tap.contains("the guard names its evidence", text_of(page, "#vf-plan [data-finding]"), VF)
        tap.check("the guard refuses", not page.evaluate(READY))
        tap.check("the override is not offered at once", not page.evaluate("document.querySelector('#override-virtual-functions')"))
        page.click("#overrides button")
        page.click("#override-virtual-functions")
        page.until(f"!document.querySelector('#vf-plan [data-finding]') && {READY}")
        here.picture(page, f"vf-override-{WIDE}")
        tap.equal("the button says so", text_of(page, "#vf-submit"), "Override and set")
        page.click("#vf-submit")
        page.until("document.querySelector('#news')")
        page.until(number(2))
        page.until("!document.querySelector('#vf-dialog')")
        tap.equal("the functions are new", here.state(VF), ("host", "igbvf"))


# Newer bridges of Cockpit drop the details of an error.
DROP_DETAILS = """const parse = JSON.parse; JSON.parse = (...all) => {
    const value = parse(...all);
    if (value && Array.isArray(value.error) && Array.isArray(value.error[1])) value.error[1].splice(1);
    return value;
};"""


@test
def vfs_override_without_details(tap, here):
    with functions(here, 1):
        bind_by_hand(here, VF)
        page = open_functions(here, first=DROP_DETAILS)
        page.until_text("Bound by another program", f"[data-vf='{VF}']")
        page.click(f"[data-set='{PF}']")
        fill(page, "#vf-count", "2")
        page.until("document.querySelector('#vf-plan [data-error=VirtualFunctionsInUse]')")
        tap.check("there are no findings, but the sentence is there", page.evaluate("!document.querySelector('[data-finding]')"))
        tap.contains("it names the function", text_of(page, "#vf-plan [data-error]"), VF)
        page.click("#overrides button")
        page.click("#override-virtual-functions")
        page.until(READY)
        page.click("#vf-submit")
        page.until("document.querySelector('#news')")
        page.until(number(2))
        page.until("!document.querySelector('#vf-dialog')")
        tap.equal("the functions are new", here.state(VF), ("host", "igbvf"))


@test
def vfs_held(tap, here):
    with functions(here, 1, "--detach"):
        with open(f"{ROOT}/dev/vfio/{here.group(VF)}", "rb"):
            page = open_set(here)
            fill(page, "#vf-count", "2")
            page.until("document.querySelector('#vf-plan [data-error=Held]')")
            tap.contains("the finding names the process", text_of(page, "#vf-plan [data-finding]"), "python3")
            tap.check("no override is offered", not page.evaluate("document.querySelector('#overrides')"))
            tap.check("it cannot be started", not page.evaluate(READY))
        page.click_text("Close")
        tap.equal("nothing has changed", here.state(VF)[0], "detached")


@test
def vfs_progress(tap, here):
    with functions(here):
        page, other = open_set(here), open_functions(here)
        set_count(page, 2)
        page.until(READY)
        here.sim.kernel("stall 1")
        page.click("#vf-submit")
        here.sim.kernel("wait-pending 1")
        page.until("document.querySelector('#vf-dialog [data-job]')")
        tap.check("the dialog shows the job", True)
        other.until(f"document.querySelector(`[data-pf='{PF}'] [data-job]`)")
        tap.check("the view shows the job, and no second one can be started",
                  other.evaluate(f"document.querySelector(`[data-set='{PF}']`).disabled"))
        page.click_text("Cancel the job", "#vf-dialog button")
        page.until("[...document.querySelectorAll('#vf-dialog button')].some(e => e.innerText.trim() === 'Cancelling' && e.disabled)")
        here.sim.kernel("resume")
        page.until("document.querySelector('#vf-dialog [data-error=Cancelled]')")
        other.until(f"!document.querySelector(`[data-pf='{PF}'] [data-job]`)")
        tap.equal("a cancel undoes it", here.state(VF), None)


@test
def vfs_failed(tap, here):
    with functions(here):
        page = open_set(here)
        set_count(page, 2)
        page.until(READY)
        here.sim.kernel("fail 1 EIO")
        page.click("#vf-submit")
        page.until("document.querySelector('#vf-dialog [data-error=RolledBack]')")
        tap.contains("the error has its reason", text_of(page, "#vf-dialog [data-error]"), "Input/output error")
        here.sim.kernel("clear")
        page.click("#vf-submit")
        page.until("document.querySelector('#news')")
        page.until(number(2))
        tap.check("a second try succeeds", True)


@test
def vfs_without_rights(tap, here):
    with functions(here):
        page = open_set(here, port=USER_PORT)
        page.until_text("You have limited access")
        tap.contains("the buttons say what they need", page.evaluate(
            f"document.getElementById(document.querySelector(`[data-set='{PF}']`).getAttribute('aria-describedby')).innerText"),
            "administrative access")
        set_count(page, 1)
        page.until(READY)
        page.click("#vf-submit")
        page.until("document.querySelector('#vf-dialog [data-error=AccessDenied]')")
        tap.contains("the refusal says what helps", text_of(page, "#vf-dialog [data-error]"), "administrative access")
        tap.equal("nothing has changed", here.state(VF), None)


@test
def vfs_restart(tap, here):
    with functions(here, 1):
        page = open_functions(here)
        mark(page)
        page.until(number(1))
        here.sim.end_vfiod(signal.SIGKILL)
        page.until("document.querySelector('#lost')")
        tap.check("the functions are still there", page.evaluate(f"Boolean({number(1)})"))
        write(f"{DEVICES}/{PF}/sriov_numvfs", "0")
        here.sim.start_vfiod()
        page.until(f"!document.querySelector('#lost') && {number(0)}")
        page.click(f"[data-set='{PF}']")
        set_count(page, 2)
        page.until(READY)
        page.click("#vf-submit")
        page.until("document.querySelector('#news')")
        page.until(number(2))
        tap.check("after a restart, the page has the new number, and changes it", marked(page))


@test
def vfs_keyboard(tap, here):
    with functions(here):
        page = open_functions(here)
        press(page, f"[data-set='{PF}']")
        page.until("document.querySelector('#vf-count')")
        press(page, "button[aria-label='One more']")
        page.until(READY)
        press(page, "#vf-use-host", "ArrowDown")
        page.until("document.querySelector('#vf-use-detach').checked && " + READY)
        press(page, "#vf-submit")
        page.until("document.querySelector('#news')")
        page.until(number(1))
        page.until("!document.querySelector('#vf-dialog')")
        tap.equal("a number needs no mouse", here.state(VF), ("detached", "vfio-pci"))
        press(page, f"[data-set='{PF}']")
        page.until("document.querySelector('#vf-count')")
        page.key("Escape")
        page.until(f"!document.querySelector('#vf-dialog') && document.activeElement.dataset.set === '{PF}'")
        tap.check("Escape closes the dialog, and the focus returns to the button", True)


@test
def vfs_looks(tap, here):
    def view(page):
        page.until(number(7))

    def dialog(page):
        view(page)
        page.click(f"[data-set='{PF}']")
        fill(page, "#vf-count", "2")
        page.until("document.querySelector('#vf-plan [data-finding]')")

    with functions(here, 7):
        bind_by_hand(here, VF)
        look(tap, here, "virtual-functions", ("virtual-functions",), view)
        look(tap, here, "vf-dialog", ("virtual-functions",), dialog)
