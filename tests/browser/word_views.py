# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of what the page says: when a trial ends, where the reason of a failure is, and about which text of a rule it speaks."""

import json
import time
from urllib.parse import quote

from looks import fill
from place import ask_bus
from rule_views import FINE, NIC_RULE, open_edit, rules, text_in_form
from suite import NIC, NVME, test

# Rounding, and the time between two readings of two clocks, in seconds.
CLOCKS = 2


def reverts_at():
    """When the group of NIC goes back to the host, by the clock of the host, in seconds."""
    [details] = [row[-1] for row in ask_bus("call", "ListGroups")[0] if NIC in row[4]]
    at = details["RevertAt"]["data"] / 1000000
    return at - time.clock_gettime(time.CLOCK_BOOTTIME) + time.time()


@test
def trial_words(tap, here):
    here.sim.run("detach", NIC, "--revert-after", "10min")
    page = here.open("device", NIC)
    page.until_text("82574L Gigabit Network Connection (group 12) goes back to the host at ", "[data-trial='12']")
    text = page.evaluate("document.querySelector('[data-trial]').innerText")
    around = [1000 * (reverts_at() + second) for second in range(-CLOCKS, CLOCKS + 1)]
    times = page.evaluate(f"{json.dumps(around)}.map(at => new Date(at).toLocaleTimeString(document.documentElement.lang))")
    tap.check("a trial says when the device goes back", any(f"at {one} unless" in text for one in times), f"{text}, not at {times}")
    here.sim.run("reattach", NIC)
    page.until("!document.querySelector('[data-trial]')")


@test
def reason_of_a_failure(tap, here):
    page = here.open("jobs")
    page.until("document.querySelector('#ended-jobs, .pf-v6-c-empty-state')")
    here.sim.kernel("use nvme0n1")
    here.sim.run("detach", NVME, check=False)
    here.sim.kernel("unuse nvme0n1")
    link = f"[data-ended][data-state=failed] a[href='#/device/{quote(NVME)}']"
    page.until(f"document.querySelector(\"{link}\")")
    text = page.evaluate("document.querySelector('#ended-jobs').innerText")
    tap.check("the reason is for those who may read the journal", "nvme0n1" not in text and "Only the caller" not in text, text)
    page.click(link)
    page.until("document.querySelector('#history')")
    tap.check("the job leads to the history of the device", True)


@test
def rule_that_nobody_has_checked(tap, here):
    with rules(here, {"10-nic": NIC_RULE}):
        page = open_edit(here, "10-nic")
        page.until(FINE)
        text = text_in_form(page)
        page.until(FINE)
        fill(page, "#rule-text", text.replace("10d3", "10dx"))
        # From the change on, what was said about the text before is gone.
        tap.check("nothing is said about a text before it is checked", not page.evaluate("Boolean(document.querySelector('#rule-fine'))"))
        page.until("document.querySelector('#rule-fault')")
        fill(page, "#rule-text", text)
        tap.check("neither about the cure", not page.evaluate("Boolean(document.querySelector('#rule-fault'))"))
        page.until(FINE)
        page.click_text("Cancel")
