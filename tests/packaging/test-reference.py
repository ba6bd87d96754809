#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""org.vfiod1(5) describes the interface that dbus/org.vfiod1.xml defines: each member with its types, its options and the
authorization it needs, each error and each guard; and nothing else. (tests/bus/test-manual.c runs its examples.)"""

import re
import sys
import xml.etree.ElementTree

from shared import ROOT, Tap

MANUAL, CONTRACT = ROOT / "docs/org.vfiod1.5.scd", ROOT / "dbus/org.vfiod1.xml"
ACTION, OPTION = "org.vfiod1.Action", "org.vfiod1.Option."


def sections(text):
    """The sections of the manual page by name: "MANAGER"."""
    parts = re.split(r"^# ([A-Z].*)$", re.sub(r"^```\n.*?^```\n", "", text, flags=re.MULTILINE | re.DOTALL), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def entries(section):
    """What a section describes: (the line of the name, the text about it). Lines that end with "++" share a text."""
    found, heads, lines = [], [], []
    for line in section.split("\n") + ["."]:
        if lines and line and not line.startswith("\t"):
            found += [(head.removesuffix("++"), "\n".join(lines)) for head in heads]
            heads, lines = [], []
        if line.startswith("*"):
            heads.append(line)
        elif heads and (line.startswith("\t") or lines):
            lines.append(line)
        else:
            heads = []
    return found


def arguments(element, direction):
    return ", ".join(f"*{arg.get('type')}* {arg.get('name')}" for arg in element.findall("arg") if arg.get("direction", direction) == direction)


def contract_heads(interface):
    """The lines that the manual page must have for the members of an interface."""
    heads = set()
    for method in interface.findall("method"):
        out = arguments(method, "out")
        heads.add(f"*{method.get('name')}*({arguments(method, 'in')})" + (f" -> {out}" if out else ""))
    for signal in interface.findall("signal"):
        taken = arguments(signal, "out")
        heads.add(f"*{signal.get('name')}*" + (f"({taken})" if taken else "") + " (signal)")
    for item in interface.findall("property"):
        heads.add(f"*{item.get('name')}* ({item.get('type')})")
    return heads


def manual_heads(section):
    """The same of a section. Several properties can share a line: "*A*, *B* (s), *C* (u)"."""
    heads = set()
    for head, _ in entries(section):
        if re.match(r"\*\w+\*(\(|$| \(signal\))", head):
            heads.add(head)
            continue
        names = []
        for name, kind in re.findall(r"\*(\w+)\*(?: (\([^)]*\)+))?", head):
            names.append(name)
            if kind:
                heads |= {f"*{one}* {kind}" for one in names}
                names = []
        heads |= {f"*{one}* without a type" for one in names}
    return heads


def annotations(method):
    return {item.get("name"): item.get("value") for item in method.findall("annotation")}


def reached_text(name, texts):
    """The text about a method, and about the methods that it names: "as in *Detach*"."""
    return "\n".join(texts[other] for other in {name, *re.findall(r"\*(\w+)\*", texts[name])} & texts.keys())


def option_faults(interface, texts):
    """Options that the text about a method does not explain, and authorizations that it does not name."""
    faults = []
    for method in interface.findall("method"):
        name, needs = method.get("name"), annotations(method)
        text = reached_text(name, texts)
        for option, action in needs.items():
            word = option.removeprefix(OPTION)
            if option.startswith(OPTION) and word != "error-details" and f"*{word}*" not in text:
                faults.append(f"{name} does not explain the option {word}")
            if option.startswith(OPTION) and action != "none" and action not in text:
                faults.append(f"{name} does not say that the option {word} needs {action}")
        if needs[ACTION].startswith("org.") and needs[ACTION] not in text:
            faults.append(f"{name} does not say that it needs {needs[ACTION]}")
    return faults


def error_details_faults(interface, text):
    """The methods of the Manager with the option error-details are those that the section about errors lists."""
    listed = text.split("These methods have the option:", 1)[1].split(".", 1)[0]
    wanted = {method.get("name") for method in interface.findall("method") if OPTION + "error-details" in annotations(method)}
    names = set(re.findall(r"\*(\w+)\*", listed))
    starting = {name for name in wanted if name.startswith("Start")} if "begin with *Start*" in listed else set()
    return (names - {"Start"}) ^ (wanted - starting)


def contract_list(text, begin, end):
    """The names in a table of the comment at the beginning of the interface definition."""
    part = text.split(begin, 1)[1].split(end, 1)[0]
    return set(re.findall(r"^    ([A-Za-z][A-Za-z-]+)   *\S", part, re.MULTILINE))


def listed(section):
    return {name for head, _ in entries(section) for name in re.findall(r"\*([\w-]+)\*", head)}


def compare(manual, contract):
    """(what is compared, what differs)."""
    parts = sections(manual)
    interfaces = xml.etree.ElementTree.fromstring(re.sub(r"<!DOCTYPE.*?>\n", "", contract, count=1, flags=re.DOTALL)).iter("interface")
    for interface in interfaces:
        section = parts[interface.get("name").rsplit(".", 1)[1].upper()]
        yield f"{interface.get('name')}: members", sorted(manual_heads(section) ^ contract_heads(interface))
        if interface.get("name").endswith(".Manager"):
            texts = {re.match(r"\*(\w+)", head).group(1): text for head, text in entries(section)}
            yield "options and authorizations of the Manager", option_faults(interface, texts)
            yield "methods with error-details", sorted(error_details_faults(interface, parts["ERRORS"]))
    yield "errors", sorted(listed(parts["ERRORS"]) ^ contract_list(contract, "  Errors. ", "-->"))
    yield "guards", sorted(listed(parts["GUARDS"]) ^ contract_list(contract, "  Guards. ", "Guards check all"))


# A text of the manual page that is wrong instead of right, and where this must be found.
SAMPLES = [
    ("*Iommu* (s)\n", "*Iommu* (u)\n", "org.vfiod1.Manager: members"),
    ("-> *o* device", "-> *s* device", "org.vfiod1.Manager: members"),
    ("*RulesChanged* (signal)", "*RuleChanged* (signal)", "org.vfiod1.Manager: members"),
    ("*OriginalNames* (as)", "*OriginalName* (as)", "org.vfiod1.Device: members"),
    ("*Cancelled* (b)\n\t", "*Cancelled*\n\t", "org.vfiod1.Job: members"),
    ("Option *revert-after* (*t*)", "Option *after* (*t*)", "options and authorizations of the Manager"),
    ("It needs org.vfiod1.inspect.", "", "options and authorizations of the Manager"),
    ("It needs org.vfiod1.lease.", "", "options and authorizations of the Manager"),
    ("*SetVirtualFunctions*, the methods that", "the methods that", "methods with error-details"),
    ("*Busy*\n\t", "*TooBusy*\n\t", "errors"),
    ("*memory*\n\t", "*ram*\n\t", "guards"),
]


def main():
    tap = Tap()
    manual, contract = MANUAL.read_text(encoding="utf-8"), CONTRACT.read_text(encoding="utf-8")
    for what, faults in compare(manual, contract):
        tap.equal(what, faults, [])
    for right, wrong, where in SAMPLES:
        broken = manual.replace(right, wrong)
        found = [what for what, faults in compare(broken, contract) if faults]
        tap.check(f"the comparison finds {wrong!r} instead of {right!r}", broken != manual and found == [where], found)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
