# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds the texts of the page for Cockpit (cockpit/), for its catalogs in cockpit/po. po/update.py calls this.

xgettext does not know JSX, so a text is a whole literal behind _(, N_( or ngettext(. Anything else there is an error."""

import ast
import json
import re

LITERAL = r'"(?:[^"\\\n]|\\.)*"'
CALL = re.compile(r"(?<![\w.])(_|N_|ngettext)\(")
ARGUMENTS = {"_": 1, "N_": 1, "ngettext": 2}
# A text of a person that nobody translates: a sentence or a capitalised word in JSX, or in an attribute that people read.
BARE = (
    re.compile(r">\s*([A-Z][a-z]+[^<>{}=();]*?|[a-z]+ [a-z]{2,}[^<>{}=();&|]*?)\s*(?:<|\{)"),
    re.compile(r'\b(?:title|label|aria-label|placeholder|titleText|toggleText|description|helperText|valueText|text)="([^"]*[a-z]{2,} ?[^"]*)"'),
    re.compile(r'(?<!_\()(?<!ngettext\()(?<!, )"([A-Z][a-z]+ [a-z][^"]*)"'),
    # Around ${...}
    re.compile(r"`(?:[^`\n]*\}| *)([^`\n${}]*[A-Za-z]{2,} [a-z]{2,}[^`\n${}]*)"),
)
# Names of programs.
NAMES = {"vfiod", "libvirt"}


class TextError(Exception):
    pass


def without_comments(text):
    """The source with blanks for comments, and for what only developers read, so that line numbers stay."""
    return re.sub(r"^\s*//.*$|\s//\s.*$|/\*.*?\*/|\bconsole\.warn\(.*$", lambda match: re.sub(r"[^\n]", " ", match.group(0)), text, flags=re.M)


def texts_of(text, name):
    """Yields (line, msgid, msgid_plural or None) of a source."""
    code = without_comments(text)
    for call in CALL.finditer(code):
        line = code.count("\n", 0, call.start()) + 1
        wanted = ARGUMENTS[call.group(1)]
        found = re.compile(r",\s*".join([rf"\s*({LITERAL})"] + [rf"({LITERAL})"] * (wanted - 1)) + r"\s*[,)]").match(code, call.end())
        if not found:
            raise TextError(f"{name}:{line}: {call.group(1)}() needs whole literals")
        literals = [ast.literal_eval(one) for one in found.groups()]
        yield line, literals[0], literals[1] if wanted == 2 else None


def bare_texts(text, name):
    """Yields the texts of a source that look as if they were for people, without a translation."""
    code = without_comments(text)
    for pattern in BARE:
        for match in pattern.finditer(code):
            if match.group(1) not in NAMES:
                yield f"{name}:{code.count(chr(10), 0, match.start(1)) + 1}: a text without _(): {match.group(1)}"


def sources(root):
    return sorted([*(root / "cockpit/src").glob("*.js"), *(root / "cockpit/src").glob("*.jsx")])


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def template(root):
    """The text of the template."""
    found = {}
    for path in sources(root):
        for line, msgid, plural in texts_of(path.read_text(), path.relative_to(root)):
            entry = found.setdefault(msgid, [plural, set()])
            entry[0] = entry[0] or plural
            entry[1].add(path.name)
    manifest = json.loads((root / "cockpit/manifest.json").read_text())
    for item in manifest["menu"].values():
        found.setdefault(item["label"], [None, set()])[1].add("manifest.json")
    rows = ['msgid ""\nmsgstr ""\n"Project-Id-Version: vfiod\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n']
    for msgid, (plural, names) in sorted(found.items(), key=lambda item: (sorted(item[1][1])[0], item[0])):
        places = "".join(f"#: {name}\n" for name in sorted(names)[:1])
        rows.append(f"{places}msgid {quote(msgid)}\n" + (f'msgid_plural {quote(plural)}\nmsgstr[0] ""\nmsgstr[1] ""\n' if plural
                                                         else 'msgstr ""\n'))
    return "\n".join(rows)


def faults(root):
    """All texts that are not translated because the source does not ask for it."""
    return [fault for path in sources(root) for fault in bare_texts(path.read_text(), path.relative_to(root))]


def placeholders(text):
    return sorted(set(re.findall(r"\$\d|\$\{\d\}", text)))


def check_placeholders(entries, name):
    """Yields the translations that lose a value, or add one. entries: of read_catalog()."""
    for msgid, plural, translations in entries:
        for one in translations:
            if one and placeholders(one) not in (placeholders(msgid), placeholders(plural or msgid)):
                yield f"{name}: the values of this translation differ: {msgid}: {one}"


def read_catalog(text):
    """Yields (msgid, msgid_plural or None, [translations]) of a catalog, without its header."""
    for block in text.split("\n\n"):
        fields, last = {}, None
        for line in block.splitlines():
            match = re.match(r'(msgid|msgid_plural|msgstr(?:\[\d\])?) (".*")$', line)
            if match:
                last = match.group(1)
                fields[last] = ast.literal_eval(match.group(2))
            elif line.startswith('"') and last:
                fields[last] += ast.literal_eval(line)
        if fields.get("msgid"):
            yield fields["msgid"], fields.get("msgid_plural"), [fields[name] for name in sorted(fields) if name.startswith("msgstr")]
