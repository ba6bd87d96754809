# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the views of rules, virtual functions and leases in Chinese."""

from languages import english, hardware_names
from lease_views import lease, shown
from looks import fill
from place import WIDE
from rule_views import NIC_RULE, NONE_RULE, WRONG_RULE, match, rule, rules
from suite import NIC, test
from vf_views import PF, VF, bind_by_hand, functions, number

CHINESE = "zh-CN"


def check(tap, here, page, what):
    here.picture(page, f"chinese-{what}-{WIDE}")
    tap.equal(f"no text is English: {what}", english(page, hardware_names()), [])


@test
def chinese_rules(tap, here):
    with rules(here, {"10-nic": NIC_RULE, "20-nic": NIC_RULE, "30-wrong": WRONG_RULE}, {"50-gpu": NONE_RULE}):
        page = here.open("rules", language=CHINESE)
        page.until(f"{match('10-nic', NIC, 'applied')} && {rule('20-nic')} && {rule('50-gpu')}")
        check(tap, here, page, "rules")
        page.click("[data-edit='30-wrong']")
        page.until("document.querySelector('#rule-fault')")
        check(tap, here, page, "rule-text")
        fill(page, "#rule-text", NONE_RULE)
        page.until("document.querySelector('#rule-fine')")
        page.click("#mode-form")
        page.click("#rule-overrides button")
        page.until("document.querySelector('#rule-override-display')")
        check(tap, here, page, "rule-form")
    page = here.open("rules", language=CHINESE)
    page.until("document.querySelector('#rules h2')")
    check(tap, here, page, "no-rules")


@test
def chinese_functions(tap, here):
    with functions(here, 2):
        bind_by_hand(here, VF)
        page = here.open("virtual-functions", language=CHINESE)
        page.until(number(2))
        check(tap, here, page, "virtual-functions")
        page.click(f"[data-set='{PF}']")
        fill(page, "#vf-count", "3")
        page.until("document.querySelector('#vf-plan [data-finding]')")
        page.click("#overrides button")
        page.until("document.querySelector('#override-virtual-functions')")
        check(tap, here, page, "vf-dialog")


@test
def chinese_leases(tap, here):
    with lease(here) as (number_of_lease, _):
        page = here.open("leases", language=CHINESE)
        page.until(shown(number_of_lease, "active"))
        check(tap, here, page, "leases")
        page.click(f"[data-release='{number_of_lease}']")
        page.until("document.querySelector('#lease-holders p')")
        page.click("#force button")
        page.until("document.querySelector('#force-check')")
        check(tap, here, page, "release")
