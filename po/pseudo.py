#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a catalog for tests of the layout: FOLDER/he/LC_MESSAGES/vfiod.mo. Its texts are the English ones with Hebrew letters, which are
written from right to left. No user gets it."""

import pathlib
import re
import subprocess
import sys
import tempfile

import update

LATIN = "abcdefghijklmnopqrstuvwxyz"
HEBREW = "אבגדהוזחטיכלמנסעפצקרשתךםןףץ"
KEPT = re.compile(r"\\.|%\d*\$?[-0-9.*#+ ]*(?:<PRI\w+>|(?:hh|h|ll|l|z|j)?[a-zA-Z%])|'[^']*'")


def disguise(text):
    """Replaces letters, but not in directives, escapes and quoted commands."""
    if text in ("en", "[y/N]"):
        return {"en": "he"}.get(text, text)
    table = str.maketrans(LATIN + LATIN.upper(), HEBREW[: len(LATIN)] * 2)
    parts = [(kept, KEPT.fullmatch(kept)) for kept in re.split(f"({KEPT.pattern})", text)]
    return "".join(part if kept else part.translate(table) for part, kept in parts)


def translate(template):
    """Fills the empty translations of a template."""
    out, texts = [], {}
    current = None
    for line in template.splitlines():
        match = re.match(r'(msgid|msgid_plural|msgstr(?:\[\d\])?) "(.*)"$', line)
        if match:
            current = match.group(1)
            if current == "msgid":
                texts = {}
            if not current.startswith("msgstr"):
                texts[current] = match.group(2)
            elif texts["msgid"]:
                plural = current == "msgstr[1]"
                line = f'{current} "{disguise(texts["msgid_plural" if plural else "msgid"])}"'
        elif line.startswith('"') and current in texts:
            texts[current] += line[1:-1]
        out.append(line)
    return "\n".join(out) + "\n"


def main(folder):
    target = pathlib.Path(folder) / "he" / "LC_MESSAGES" / "vfiod.mo"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        template = pathlib.Path(scratch) / "vfiod.pot"
        update.make_template(template)
        text = template.read_text().replace("charset=CHARSET", "charset=UTF-8")
        text = text.replace("nplurals=INTEGER; plural=EXPRESSION;", "nplurals=2; plural=(n != 1);")
        catalog = pathlib.Path(scratch) / "he.po"
        catalog.write_text(translate(text.replace("#, fuzzy\n", "", 1)))
        subprocess.run(["msgfmt", f"--output-file={target}", str(catalog)], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
