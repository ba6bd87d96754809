# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the view of the rules."""

import contextlib
import os
import pathlib
import signal

from cockpit import USER_PORT
from looks import fill, look, press, text_of
from place import WIDE
from sim import STATE
from suite import GPU, NIC, SCREEN, enabled, mark, marked, test

OWN, SHIPPED = pathlib.Path(f"{STATE}.rules"), pathlib.Path(f"{STATE}.rules.lib")
NIC_RULE = "# The card of the lab.\n[Match]\nAddress=0000:05:00.0\nVendor=8086\nDevice=10d3\n\n[Detach]\nCompanions=none\n"
SCREEN_RULE = "[Match]\nAddress=0000:00:01.0\nVendor=1234\nDevice=1111\n"
WRONG_RULE = "[Match]\nVendor=10de\nModel=3080\n"
NONE_RULE = "[Match]\nVendor=10de\nDevice=ffff\n"


@contextlib.contextmanager
def rules(here, own=(), shipped=()):
    """Rule files of these texts, during a with block. Afterwards there are no rules."""
    try:
        for folder, files in ((OWN, dict(own)), (SHIPPED, dict(shipped))):
            folder.mkdir(exist_ok=True)
            for name, text in files.items():
                (folder / f"{name}.conf").write_text(text)
        here.sim.run("rescan")
        yield
    finally:
        for path in [*OWN.glob("*.conf"), *SHIPPED.glob("*.conf")]:
            path.unlink()
        here.sim.run("rescan")
        here.restore()


def rule(name, state=None):
    """A condition: the page shows this rule in this state."""
    return f"document.querySelector(`[data-rule='{name}']" + (f"[data-state='{state}']" if state else "") + "`)"


def match(name, address, status):
    return f"document.querySelector(`[data-rule='{name}'] [data-match='{address}'][data-status='{status}'][data-changing=false]`)"


def open_rules(here, **choice):
    page = here.open("rules", **choice)
    page.until("document.querySelector('[data-rule]') || document.querySelector('#rules').innerText.includes('There are no rules')")
    return page


def open_edit(here, name, **choice):
    page = open_rules(here, **choice)
    page.click(f"[data-edit='{name}']")
    page.until("document.querySelector('#rule-dialog')")
    return page


def text_in_form(page):
    page.click("#mode-text")
    page.until("document.querySelector('#rule-text')")
    return page.evaluate("document.querySelector('#rule-text').value")


FINE = "document.querySelector('#rule-fine') && " + enabled("#rule-submit")


@test
def rules_list(tap, here):
    with rules(here, {"10-nic": NIC_RULE, "20-screen": SCREEN_RULE, "30-wrong": WRONG_RULE, "40-none": NONE_RULE}, {"50-gpu": NONE_RULE}):
        page = open_rules(here)
        mark(page)
        page.until(match("10-nic", NIC, "applied"))
        tap.equal("the rules are in the order of precedence",
                  page.evaluate("[...document.querySelectorAll('[data-rule]')].map(e => e.dataset.place + e.dataset.rule)"),
                  ["110-nic", "220-screen", "330-wrong", "440-none", "550-gpu"])
        for part in ("0000:05:00.0", "8086", "10d3", str(OWN / "10-nic.conf"), "82574L Gigabit Network Connection", "Applied"):
            tap.contains(f"a rule shows {part}", text_of(page, "[data-rule='10-nic']"), part)
        page.until(match("20-screen", SCREEN, "refused"))
        tap.contains("a refused device has the reason", text_of(page, "[data-rule='20-screen'] [data-match]"), "display")
        fault = text_of(page, "[data-rule='30-wrong'] [data-fault='3']")
        tap.contains("a rule with an error shows the line", fault, "Line 3: [Match] has no key 'Model'")
        tap.equal("and the command that edits it", page.evaluate("document.querySelector(`[data-rule='30-wrong'] [data-fault] input`).value"),
                  "vfioctl rule edit 30-wrong")
        tap.contains("a rule without devices says so", text_of(page, "[data-rule='40-none']"), "No device")
        tap.contains("a rule of a package says that it cannot be edited", text_of(page, "[data-rule='50-gpu'] [data-origin]"),
                     "comes with the system or a package. Its file cannot be edited or removed.")
        tap.check("it cannot be removed", not page.evaluate("document.querySelector(`[data-remove='50-gpu']`)"))
        here.sim.run("reattach", NIC)
        page.until(match("10-nic", NIC, "released"))
        (OWN / "05-new.conf").write_text(NONE_RULE)
        (OWN / "30-wrong.conf").unlink()
        here.sim.run("rescan")
        page.until(f"{rule('05-new', 'active')} && !{rule('30-wrong')}")
        tap.equal("signals add and remove rules", page.evaluate("document.querySelector('[data-rule]').dataset.rule"), "05-new")
        (OWN / "05-new.conf").write_text(NONE_RULE + "[Detach]\nEnabled=no\n")
        here.sim.run("rescan")
        page.until(rule("05-new", "disabled"))
        tap.check("signals change rules, and the page was not loaded again", marked(page))


@test
def rules_add(tap, here):
    with rules(here):
        page = open_rules(here)
        page.click("#add-rule")
        page.until("document.querySelector('#rule-fault')")
        tap.check("an empty rule cannot be written", not page.evaluate(enabled("#rule-submit")))
        page.choose("#rule-template", NIC)
        page.until(FINE)
        tap.equal("the name is that of the address", page.evaluate("document.querySelector('#rule-name').value"), "0000-05-00.0")
        tap.equal("the ids are those of the card", page.evaluate(
            "['vendor', 'device', 'address'].map(key => document.querySelector(`#rule-${key}`).value)"), ["8086", "10d3", NIC])
        tap.equal("the dry run has checked all", text_of(page, "#rule-fine").split("\n")[-1], "vfiod would accept this rule.")
        tap.equal("a check writes nothing", list(OWN.glob("*.conf")), [])
        here.picture(page, f"rule-add-{WIDE}")
        page.click("#rule-submit")
        page.until_text("Rule 0000-05-00.0 was added", "#news")
        page.until(match("0000-05-00.0", NIC, "applied"))
        tap.equal("the device is detached", here.state(NIC)[0], "detached")
        tap.equal("the file is as the fields say", (OWN / "0000-05-00.0.conf").read_text(),
                  "[Match]\nAddress=0000:05:00.0\nVendor=8086\nDevice=10d3\nSubsystem=8086:0000\n\n[Detach]\n")
        page.click("#add-rule")
        page.until("document.querySelector('#rule-name')")
        fill(page, "#rule-name", "0000-05-00.0")
        page.until_text("There is a rule of this name already.", "#rule-dialog")
        tap.check("a name cannot be used twice", not page.evaluate(enabled("#rule-submit")))


@test
def rules_add_waits(tap, here):
    with rules(here):
        page = open_rules(here)
        page.click("#add-rule")
        page.choose("#rule-template", NIC)
        page.until(FINE)
        fill(page, "#rule-name", "70-later")
        page.choose("#rule-companions", "some")
        fill(page, "#rule-companion-list", "0000:06:00.1")
        fill(page, "#rule-driver", "vfio-pci")
        page.click("#rule-waits")
        page.until(FINE)
        page.click("#rule-submit")
        page.until(match("70-later", NIC, "released"))
        tap.equal("a rule that waits detaches nothing", here.state(NIC)[0], "host")
        text = (OWN / "70-later.conf").read_text()
        tap.contains("all fields are in the file", text, "[Detach]\nCompanions=0000:06:00.1\nDriver=vfio-pci\n")
        tap.contains("the view shows them", text_of(page, "[data-rule='70-later']"), "0000:06:00.1")


@test
def rules_edit(tap, here):
    with rules(here, {"10-nic": NIC_RULE}):
        page = open_edit(here, "10-nic")
        page.until(FINE)
        tap.check("the name of a rule cannot be changed", page.evaluate("document.querySelector('#rule-name').disabled"))
        page.choose("#rule-companions", "all")
        page.click("#rule-enabled")
        text = text_in_form(page)
        expected = NIC_RULE.replace("Companions=none\n", "Companions=all\nEnabled=no\n")
        tap.equal("the form keeps all other lines", text, expected)
        fill(page, "#rule-text", expected.replace("10d3", "10dx"))
        page.until("document.querySelector('#rule-fault[data-line=\"5\"]')")
        tap.contains("an error has its line", text_of(page, "#rule-fault"), "Line 5")
        tap.contains("and the text of this line", text_of(page, "#rule-fault code"), "Device=10dx")
        tap.check("a rule with an error cannot be written", not page.evaluate(enabled("#rule-submit")))
        here.picture(page, f"rule-fault-{WIDE}")
        fill(page, "#rule-text", expected)
        page.until(FINE)
        page.click("#rule-submit")
        page.until_text("Rule 10-nic was changed", "#news")
        page.until(rule("10-nic", "disabled"))
        tap.equal("the file has the new text", (OWN / "10-nic.conf").read_text(), expected)


@test
def rules_blanks(tap, here):
    text = "[Match] \nVendor = 10de\nDevice =ffff \n\n[Detach]\nOverride = storage\nEnabled = no\n"
    with rules(here, {"10-blanks": text}):
        page = open_edit(here, "10-blanks")
        page.until(FINE)
        tap.equal("blanks around the = do not count", page.evaluate(
            "['vendor', 'device'].map(key => document.querySelector(`#rule-${key}`).value)"), ["10de", "ffff"])
        tap.check("the rule is shown as disabled", not page.evaluate("document.querySelector('#rule-enabled').checked"))
        tap.equal("its override is known", text_of(page, "#rule-submit"), "Save with overrides")
        fill(page, "#rule-vendor", "10df")
        tap.equal("a field changes its line", text_in_form(page), text.replace("Vendor = 10de", "Vendor=10df"))


@test
def rules_edit_wrong(tap, here):
    with rules(here, {"30-wrong": WRONG_RULE}):
        page = open_edit(here, "30-wrong")
        page.until("document.querySelector('#rule-text') && document.querySelector('#rule-fault[data-line=\"3\"]')")
        tap.check("a rule with an error is edited as text", True)
        fill(page, "#rule-text", NONE_RULE)
        page.until(FINE)
        page.click("#rule-submit")
        page.until(rule("30-wrong", "active"))
        tap.check("the cure works", not page.evaluate("document.querySelector('[data-fault]')"))


@test
def rules_changed_meanwhile(tap, here):
    with rules(here, {"40-none": NONE_RULE}):
        page = open_edit(here, "40-none")
        page.until(FINE)
        fill(page, "#rule-class", "03")
        page.until(FINE)
        (OWN / "40-none.conf").write_text(NONE_RULE.replace("ffff", "fffe"))
        here.sim.run("rescan")
        page.until("document.querySelector('#rule-old')")
        tap.check("what somebody else has written is not replaced", not page.evaluate(enabled("#rule-submit")))
        page.click("#rule-reload")
        page.until(FINE)
        tap.equal("the new text is shown", page.evaluate("document.querySelector('#rule-device').value"), "fffe")
        tap.equal("the own change is dropped", page.evaluate("document.querySelector('#rule-class').value"), "")


@test
def rules_enable(tap, here):
    with rules(here, {"10-nic": NIC_RULE}, {"50-gpu": NONE_RULE}):
        page = open_rules(here)
        page.until(match("10-nic", NIC, "applied"))
        page.click("label[for='enabled-10-nic']")
        page.until(rule("10-nic", "disabled"))
        tap.contains("the file says so", (OWN / "10-nic.conf").read_text(), "Enabled=no\n")
        tap.equal("the device stays detached", here.state(NIC)[0], "detached")
        page.click("label[for='enabled-10-nic']")
        page.until(rule("10-nic", "active"))
        tap.equal("enabled again, the file is as before", (OWN / "10-nic.conf").read_text(), NIC_RULE)
        page.click("label[for='enabled-50-gpu']")
        page.until(rule("50-gpu", "masked"))
        tap.equal("a rule of a package gets a mask", os.readlink(OWN / "50-gpu.conf"), "/dev/null")
        page.click("label[for='enabled-50-gpu']")
        page.until(rule("50-gpu", "active"))
        tap.check("enabled again, the mask is gone", not os.path.lexists(OWN / "50-gpu.conf"))
        (OWN / "10-nic.conf").write_text(WRONG_RULE)
        here.sim.run("rescan")
        page.until(rule("10-nic", "off"))
        tap.check("a rule with an error cannot be enabled", page.evaluate("document.querySelector(`[id='enabled-10-nic']`).disabled"))


@test
def rules_copy(tap, here):
    with rules(here, shipped={"50-gpu": NONE_RULE}):
        page = open_edit(here, "50-gpu")
        page.until("document.querySelector('#rule-copy')")
        tap.contains("the dialog says that the file cannot be changed", text_of(page, "#rule-copy"), "cannot be changed")
        fill(page, "#rule-device", "fffe")
        page.until(FINE)
        page.click("#rule-submit")
        page.until(f"document.querySelector(`[data-remove='50-gpu']`) && !document.querySelector(`[data-rule='50-gpu'] [data-origin]`)")
        tap.equal("the copy has the new text", (OWN / "50-gpu.conf").read_text(), NONE_RULE.replace("ffff", "fffe"))
        tap.equal("the file of the package is as before", (SHIPPED / "50-gpu.conf").read_text(), NONE_RULE)
        page.click("[data-remove='50-gpu']")
        page.click("#remove-submit")
        page.until("document.querySelector(`[data-rule='50-gpu'] [data-origin]`)")
        tap.check("without the copy, the rule of the package counts again", True)


@test
def rules_remove(tap, here):
    with rules(here, {"10-nic": NIC_RULE}):
        page = open_rules(here)
        page.until(match("10-nic", NIC, "applied"))
        page.click("[data-remove='10-nic']")
        page.until_text("10-nic.conf", "#remove-dialog")
        page.click_text("Cancel")
        page.until("!document.querySelector('#remove-dialog')")
        tap.check("Cancel removes nothing", (OWN / "10-nic.conf").exists())
        page.click("[data-remove='10-nic']")
        page.until("document.querySelector('#remove-submit')")
        here.picture(page, f"rule-remove-{WIDE}")
        page.click("#remove-submit")
        page.until_text("Rule 10-nic was removed", "#news")
        page.until_text("There are no rules", "#rules")
        tap.check("the file is gone", not (OWN / "10-nic.conf").exists())
        tap.equal("the device stays detached", here.state(NIC)[0], "detached")


@test
def rules_override(tap, here):
    with rules(here, {"20-screen": SCREEN_RULE}):
        page = open_edit(here, "20-screen")
        page.until(FINE)
        tap.check("the override is not offered at once", not page.evaluate("document.querySelector('#rule-override-display')"))
        page.click("#rule-overrides button")
        page.until_text("may lose data", "#rule-overrides")
        page.click("#rule-override-display")
        page.until(FINE)
        here.picture(page, f"rule-override-{WIDE}")
        tap.equal("the button says so", text_of(page, "#rule-submit"), "Save with overrides")
        page.click("#rule-submit")
        page.until(match("20-screen", SCREEN, "applied"))
        tap.contains("the file has the override", (OWN / "20-screen.conf").read_text(), "[Detach]\nOverride=display\n")
        tap.equal("the screen is detached", here.state(SCREEN)[0], "detached")


@test
def rules_without_rights(tap, here):
    with rules(here, {"10-nic": NIC_RULE}):
        page = open_rules(here, port=USER_PORT)
        page.until_text("You have limited access")
        tap.contains("the buttons say what they need", page.evaluate(
            "document.getElementById(document.querySelector('#add-rule').getAttribute('aria-describedby')).innerText"), "administrative access")
        page.until(match("10-nic", NIC, "applied"))
        page.click("#add-rule")
        page.choose("#rule-template", GPU)
        page.until(FINE)
        tap.contains("everybody may check a text", text_of(page, "#rule-fine"), "The text of the rule is correct.")
        page.click("#rule-submit")
        page.until("document.querySelector('#rule-dialog [data-error=AccessDenied]')")
        tap.contains("the refusal says what helps", text_of(page, "#rule-dialog [data-error]"), "administrative access")
        tap.equal("nothing was written", [path.name for path in OWN.glob("*.conf")], ["10-nic.conf"])
        page.click_text("Cancel")
        page.until("!document.querySelector('#rule-dialog')")
        page.click("label[for='enabled-10-nic']")
        page.until("document.querySelector(`[data-rule='10-nic'] [data-error=AccessDenied]`)")
        tap.check("the switch shows that the rule is enabled", page.evaluate("document.querySelector(`[id='enabled-10-nic']`).checked"))


@test
def rules_restart(tap, here):
    with rules(here, {"40-none": NONE_RULE}):
        page = open_rules(here)
        mark(page)
        page.until(rule("40-none", "active"))
        here.sim.end_vfiod(signal.SIGKILL)
        page.until("document.querySelector('#lost')")
        tap.check("the rules are still there", page.evaluate(f"Boolean({rule('40-none')})"))
        (OWN / "30-wrong.conf").write_text(WRONG_RULE)
        here.sim.start_vfiod()
        page.until(f"!document.querySelector('#lost') && {rule('30-wrong', 'off')}")
        page.click("label[for='enabled-40-none']")
        page.until(rule("40-none", "disabled"))
        tap.check("after a restart, the page has the new rules, and changes them", marked(page))


@test
def rules_keyboard(tap, here):
    with rules(here, {"10-nic": NIC_RULE}):
        page = open_rules(here)
        page.until(match("10-nic", NIC, "applied"))
        press(page, "[id='enabled-10-nic']", " ")
        page.until(rule("10-nic", "disabled"))
        press(page, "#add-rule")
        page.until("document.querySelector('#rule-name')")
        page.tab_to("#rule-name")
        page.write("60-typed")
        page.tab_to("#rule-vendor")
        page.write("10de")
        page.until(FINE)
        press(page, "#rule-submit")
        page.until(rule("60-typed", "active"))
        tap.contains("a rule needs no mouse", (OWN / "60-typed.conf").read_text(), "Vendor=10de")
        press(page, "[data-remove='60-typed']")
        press(page, "#remove-submit")
        page.until("!" + rule("60-typed"))
        press(page, "[data-edit='10-nic']")
        page.until("document.querySelector('#rule-dialog')")
        page.key("Escape")
        page.until("!document.querySelector('#rule-dialog') && document.activeElement.dataset.edit === '10-nic'")
        tap.check("Escape closes the dialog, and the focus returns to the button", True)


@test
def rules_many(tap, here):
    with rules(here, {f"{number}-none": NONE_RULE for number in range(100, 160)}):
        page = open_rules(here)
        page.until("document.querySelectorAll('[data-rule]').length === 50")
        page.click_text("Show all 60 rules")
        page.until("document.querySelectorAll('[data-rule]').length === 60")
        tap.equal("the last one is there", page.evaluate("[...document.querySelectorAll('[data-rule]')].pop().dataset.rule"), "159-none")


@test
def rules_bad_name(tap, here):
    with rules(here, {"bad name": NONE_RULE}):
        page = open_rules(here)
        page.until(rule("bad name", "off"))
        tap.contains("a file with a name that is no name says so", text_of(page, "[data-rule='bad name'] [data-fault]"), "its name is too long, or has other")
        tap.contains("and what helps", text_of(page, "[data-rule='bad name'] [data-fault]"), "Give the file another name")
        tap.check("it cannot be enabled here", page.evaluate("document.querySelector(`[id='enabled-bad name']`).disabled"))
        tap.check("it cannot be edited or removed here",
                  not page.evaluate("document.querySelector(`[data-edit='bad name'], [data-remove='bad name']`)"))


@test
def rules_looks(tap, here):
    def view(page):
        page.until(f"{match('10-nic', NIC, 'applied')} && {match('20-screen', SCREEN, 'refused')} && {rule('50-gpu')}")

    def dialog(page):
        view(page)
        page.click("[data-edit='20-screen']")
        page.until(FINE)

    with rules(here, {"10-nic": NIC_RULE, "20-screen": SCREEN_RULE, "30-wrong": WRONG_RULE}, {"50-gpu": NONE_RULE}):
        look(tap, here, "rules", ("rules",), view)
        look(tap, here, "rule-dialog", ("rules",), dialog)
