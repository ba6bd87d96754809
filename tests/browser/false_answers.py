# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page does with answers that are strange, lost or late."""

import signal

from journal import Journal
from looks import fill, text_of
from rule_views import FINE, NONE_RULE, OWN, rule, rules
from suite import NIC, enabled, open_dialog, submit, test

# Hands the messages from the bridge to a function of the test, which returns what the page gets: null for nothing, or nothing yet. Notes what
# the page sends.
BETWEEN = """(() => {
    const Real = window.WebSocket;
    window.sent = [];
    window.WebSocket = class extends Real {
        set onmessage(receive) {
            super.onmessage = event => {
                const pass = data => receive({ data });
                const data = typeof event.data === "string" ? (%s)(event.data, pass) : event.data;
                if (data !== null)
                    pass(data);
            };
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


# Whether a message is the answer of the call that changes rules.
IS_ANSWER = """const id = /"reply":.*("id":"[0-9]+")/.exec(text);
    const isAnswer = id && window.sent.some(one => one.includes("ChangeRules") && !one.includes("dry-run") && one.includes(id[1]));"""
# It becomes the error of a bus daemon whose client has ended.
NO_REPLY = """text => {
    %s
    return isAnswer ? text.replace(/"reply":[^]*$/, `"error":["org.freedesktop.DBus.Error.NoReply",["lost"]],${id[1]}}`) : text;
}""" % IS_ANSWER
# It waits for release().
LATE = """(text, pass) => {
    %s
    if (!isAnswer || window.release)
        return text;
    window.release = () => pass(text);
    document.documentElement.dataset.held = "";
    return null;
}""" % IS_ANSWER
DEAF = """text => window.isDeaf && text.includes('"signal":') ? null : text"""
# No entries: one is no JSON, and one has no possible time. They are as long as before.
BAD_ENTRIES = r"""text => text.split("\n").map(line => line.includes("a broken entry") ? line.replace('"__CURSOR"', "!__CURSOR!")
    : line.includes("a strange entry") ? line.replace(/("__REALTIME_TIMESTAMP":")[0-9]+/, "$19e99            ") : line).join("\n")"""
NO_RESETS = """text => text.replaceAll('"ResetMethods":', '"SetResMethods":')"""


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
        page.until_text("The rule was not saved", "#rule-dialog")
        tap.contains("without an answer, it is not known whether a rule was changed", text_of(page, "#rule-dialog [data-error]"),
                     "It is not known whether the rule was changed.")


@test
def late_answers(tap, here):
    with rules(here, {"40-none": NONE_RULE}):
        page = here.open("rules", first=BETWEEN % LATE)
        page.until(rule("40-none", "active"))
        page.click("[data-remove='40-none']")
        page.click("#remove-submit")
        page.until("document.documentElement.dataset.held === ''")
        page.click_text("Cancel")
        page.until("!document.querySelector('#remove-dialog')")
        page.click("#add-rule")
        page.until("document.querySelector('#rule-dialog')")
        page.evaluate("window.release(); true")
        page.until_text("Rule 40-none was removed", "#news")
        tap.check("a late answer does not close another dialog", page.evaluate("Boolean(document.querySelector('#rule-dialog'))"))


# The message that a connection was closed, because nobody had the name, waits for release(). Notes that vfiod has started.
LATE_CLOSE = """(text, pass) => {
    if (text.includes('"NameOwnerChanged"'))
        document.documentElement.dataset.started = "";
    if (window.release || !/"command": *"close"/.test(text) || !text.includes('"not-found"'))
        return text;
    window.release = () => pass(text);
    document.documentElement.dataset.held = "";
    return null;
}"""


@test
def late_close(tap, here):
    here.sim.end_vfiod(signal.SIGKILL)
    try:
        page = here.open_raw(first=BETWEEN % LATE_CLOSE)
        page.until("document.documentElement.dataset.held === ''")
    finally:
        here.sim.start_vfiod()
    page.until("document.documentElement.dataset.started === ''")
    # Cockpit hands over a signal a moment after it has come.
    page.evaluate("new Promise(resolve => setTimeout(resolve)).then(() => true)")
    # The connection has not failed yet.
    page.until("document.querySelector('[aria-label=\"Asking vfiod for the devices\"]')")
    page.evaluate("window.release(); true")
    page.until("document.querySelector('[data-phase=ready]')")
    tap.check("if vfiod starts while a connection fails, the page connects again", True)


# The list that one method gives waits for release().
LATE_LIST = """(text, pass) => {
    const id = /"reply":.*("id":"[0-9]+")/.exec(text);
    if (window.release || !id || !window.sent.some(one => one.includes('"%s"') && one.includes(id[1])))
        return text;
    window.release = () => pass(text);
    document.documentElement.dataset.held = "";
    return null;
}"""


@test
def late_lists(tap, here):
    for view, method in (("rules", "ListRules"), ("jobs", "ListJobs")):
        page = here.open(view, first=BETWEEN % (LATE_LIST % method))
        page.until("document.documentElement.dataset.held === ''")
        tap.check(f"as long as it is not known, the page does not say that there are none: {view}",
                  not page.evaluate("Boolean(document.querySelector('.pf-v6-c-empty-state'))"))
        page.evaluate("window.release(); true")
        page.until("document.querySelector('.pf-v6-c-empty-state, #ended-jobs')")


# In place of the answer, there is an error.
REFUSED_LIST = """text => {
    const id = /"reply":.*"id":"([0-9]+)"/.exec(text);
    if (!id || !window.sent.some(one => one.includes('"%s"') && one.includes(`"id":"${id[1]}"`)))
        return text;
    return text.split("\\n")[0] + "\\n" + JSON.stringify({ error: ["org.vfiod1.Error.Failed", ["there is no list"]], id: id[1] });
}"""


@test
def refused_lists(tap, here):
    for view, method in (("rules", "ListRules"), ("jobs", "ListJobs")):
        page = here.open(view, first=BETWEEN % (REFUSED_LIST % method))
        page.until("document.querySelector('[data-error=Failed]')")
        tap.contains(f"if vfiod does not tell a list, the page says why: {view}", text_of(page, "[data-error=Failed]"), "there is no list")
        tap.check(f"it does not say that there are none: {view}", not page.evaluate("Boolean(document.querySelector('.pf-v6-c-empty-state'))"))


@test
def rules_replaced_meanwhile(tap, here):
    with rules(here, {"40-none": NONE_RULE}):
        page = here.open("rules", first=BETWEEN % DEAF)
        page.until(rule("40-none", "active"))
        page.click("[data-remove='40-none']")
        page.until(enabled("#remove-submit"))
        page.evaluate("window.isDeaf = true")
        (OWN / "40-none.conf").write_text(NONE_RULE.replace("ffff", "fffe"))
        here.sim.run("rescan")
        page.click("#remove-submit")
        page.until("document.querySelector('#remove-dialog [data-error], #news')")
        tap.check("a rule that somebody else has replaced is not deleted", (OWN / "40-none.conf").exists())
        tap.equal("the dialog says why", page.evaluate("document.querySelector('#remove-dialog [data-error]')?.dataset.error"), "RuleChanged")
        page.evaluate("window.isDeaf = false")
        (OWN / "40-none.conf").write_text(NONE_RULE.replace("ffff", "fffd"))
        here.sim.run("rescan")
        page.until("document.querySelector('#remove-old')")
        tap.check("when the page knows, it does not offer it", not page.evaluate(enabled("#remove-submit")))


@test
def bad_entries(tap, here):
    with Journal() as journal:
        for text in ("a broken entry", "a strange entry", "a good entry"):
            journal.write("01", MESSAGE=text, VFIOD_DEVICE=NIC, VFIOD_CALLER="recovery")
        page = here.open("device", NIC, first=BETWEEN % BAD_ENTRIES)
        page.until_text("a good entry", "#history")
        tap.equal("lines that are no entries are left out", page.evaluate("document.querySelectorAll('#history [data-entry]').length"), 1)


@test
def failed_view(tap, here):
    page = here.open("device", NIC, first=BETWEEN % NO_RESETS)
    page.until("document.querySelector('#page-failed')")
    tap.contains("a view that fails leaves a sentence", text_of(page, "#page-failed"), "cannot be shown")
    tap.check("the console has the error", len(page.complaints()) > 0)
    page.click_text("Overview")
    page.until("document.querySelector('#diagnosis')")
    tap.check("the other views work", not page.evaluate("document.querySelector('#page-failed')"))
