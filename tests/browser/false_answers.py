# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page does if vfiod answers what it should not: the page has the rights of the administrator, and vfiod does not."""

import signal

from looks import fill, text_of
from rule_views import FINE, NONE_RULE, rule, rules
from suite import NIC, open_dialog, submit, test

# Changes the messages from the bridge with a function of the test, and notes what the page sends.
BETWEEN = """(() => {
    const Real = window.WebSocket;
    window.sent = [];
    window.WebSocket = class extends Real {
        set onmessage(receive) {
            super.onmessage = event => receive({ data: typeof event.data === "string" ? (%s)(event.data) : event.data });
        }
        send(data) {
            window.sent.push(String(data));
            super.send(data);
        }
    };
})();"""
# The devices of the explanation have other addresses: one leads out of the folder, one is that of no device.
ELSEWHERE = """text => {
    if (!text.includes('"isolation-') || !text.includes('"reply"'))
        return text;
    document.documentElement.dataset.changed = "";
    return text.replace('"device":{"t":"s","v":"0000:02:00.0"}', '"device":{"t":"s","v":"../../../../etc"}')
        .replace('"device":{"t":"s","v":"0000:00:02.0"}', '"device":{"t":"s","v":"0000:aa:00.0"}');
}"""
READ = "window.sent.filter(text => /config/.test(text) && /sys.bus.pci/.test(text))"


@test
def strange_addresses(tap, here):
    page = here.open_raw("topology", first=BETWEEN % ELSEWHERE)
    page.until("document.documentElement.dataset.changed === ''")
    page.until("document.querySelectorAll('[data-reason]').length === 3")
    read = page.evaluate(READ)
    tap.check("the page reads what devices say", len(read) > 0)
    tap.equal("it reads nothing that is no device of the host", [text for text in read if "etc" in text or "aa:00.0" in text], [])


# The answer of the call that changes rules becomes the error of a bus daemon whose client has ended.
NO_REPLY = """text => {
    const id = /"reply":.*("id":"[0-9]+")/.exec(text);
    const isChange = one => one.includes("ChangeRules") && !one.includes("dry-run") && one.includes(id[1]);
    return id && window.sent.some(isChange)
        ? text.replace(/"reply":[^]*$/, `"error":["org.freedesktop.DBus.Error.NoReply",["lost"]],${id[1]}}`) : text;
}"""


@test
def lost_answers(tap, here):
    page = open_dialog(here, NIC)
    here.sim.kernel("stall 3")
    submit(page)
    here.sim.kernel("wait-pending 1")
    here.sim.end_vfiod(signal.SIGKILL)
    page.until_text("The job continues", "#change-dialog [data-error]")
    tap.check("if vfiod ends, its job continues", True)
    here.sim.kernel("resume")
    here.sim.start_vfiod()
    here.restore()
    with rules(here, {"40-none": NONE_RULE}):
        page = here.open("rules", first=BETWEEN % NO_REPLY)
        page.until(rule("40-none", "active"))
        page.click("[data-edit='40-none']")
        page.until(FINE)
        fill(page, "#rule-class", "03")
        page.until(FINE)
        page.click("#rule-submit")
        page.until_text("The rule was not written", "#rule-dialog")
        tap.contains("without an answer, it is not known whether a rule was changed", text_of(page, "#rule-dialog [data-error]"),
                     "It is not known whether the rule was changed.")
