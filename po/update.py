#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Updates the files in po/ and cockpit/po/ after a text has changed: sentences.h, and the catalogs. Then translate what is empty or fuzzy.

With --check, changes nothing, and fails if a file is not as this program would write it, or if a catalog is not complete.
With --template FILE, only writes the template for a new language."""

import ast
import gettext
import pathlib
import re
import subprocess
import sys
import tempfile

import page

ROOT = pathlib.Path(__file__).resolve().parent.parent
PO = ROOT / "po"
LITERAL = r'"(?:[^"\\\n]|\\.)*"'
GROUP = re.compile(rf"{LITERAL}(?:\s*(?:PRI[a-zA-Z0-9]+\b|{LITERAL}))*")
DIRECTIVE = r"%[-0-9.*#+ ]*(?:hh|h|ll|l|z|j)?[a-zA-Z%]"


def lines_of(name):
    return [line for line in (PO / name).read_text().splitlines() if line and not line.startswith("#")]


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def without_logging(text):
    """The text without calls like log_error(...): the journal is English."""
    out, end = [], 0
    for match in re.finditer(r"\b(?:log_\w+|call_entry_log_\w+|call_details_set|sscanf|static_assert|sysfs_\w+|SYSFS_PATH)\(", text):
        if match.start() < end:
            continue
        out.append(text[end : match.start()])
        depth, end = 1, match.end()
        while depth > 0:
            string = re.compile(rf"{LITERAL}|'(?:[^'\\]|\\.)+'").match(text, end)
            depth += {"(": 1, ")": -1}.get(text[end], 0) if not string else 0
            end = string.end() if string else end + 1
    return "".join(out) + text[end:]


def is_sentence(text):
    """Whether people read it: it has two words. Commands, names of files, and ends of sentences stay as they are."""
    words = re.sub(DIRECTIVE, "%", re.sub(r'PRI\w+|"', "", text))
    if words.startswith("process % (%)"):
        return True
    if re.match(r"(sudo|echo|vfioctl|vfiod-changes|supergfxctl|dpdk-devbind|Device Minor|Raspberry)\b|# |\\", words):
        return False
    if re.match(r"\s*<|%<|journalctl|error: |Helper of|Cannot [a-zA-Z' -]+$|.*(without an entry|who may call it|written by everybody|widths below)", words):
        return False
    if re.search(r"'group:$|run '$|--override=$", words) or (words.startswith("/") and words.count(" ") < 4):
        return False
    return len(re.findall(r"[A-Za-z][a-z]+", words)) >= 2 and bool(
        re.search(r"[A-Za-z]{2,}[,:;)]? |% [a-z]{2,}|[a-z]{2,} %", words)
    )


def whole(literal):
    """The format of the whole sentence: what ends in a blank, or in an open parenthesis, has more text behind it."""
    is_open = literal.endswith(' "') or literal.count("(") > literal.count(")")
    return re.sub(r' ?"$', ' %s"' if literal.endswith(' "') else '%s"', literal) if is_open else literal


def sentences():
    """All sentences of the daemon in the files of SENTENCES, the most specific first."""
    found = set()
    for pattern in lines_of("SENTENCES"):
        for path in sorted(ROOT.glob(pattern)):
            text = re.sub(r"^\s*#(?!\s*define\b).*", "", without_logging(without_comments(path.read_text())), flags=re.M)
            for match in GROUP.finditer(text):
                literal = re.sub(r'"\s*"', "", match.group(0))
                literal = re.sub(r'"\s*(PRI\w+)\s*"', r'" \1 "', re.sub(r'"\s*(PRI\w+)$', r'" \1', literal))
                if is_sentence(literal):
                    # msgfmt and gettext translate such a macro only in entries that are formats of printf().
                    if re.search(r'" PRI\w+', literal):
                        sys.exit(f"{path.relative_to(ROOT)}: a sentence with a PRI macro is not translated, use %llu: {literal}")
                    found.add(whole(literal))

    def rank(literal):
        letters = re.sub(DIRECTIVE + r'|PRI\w+|"', "", literal)
        # This one has a whole sentence as its part: otherwise the format of that sentence would take the beginning as a name.
        return not literal.endswith(' cannot leave its driver: %s"'), -len(letters), literal

    return sorted(found, key=rank)


def sentences_text():
    # The translations are no formats of printf(): vfioctl itself puts the parts in, so that a translation may leave some out.
    rows = "".join(f"                /* xgettext:no-c-format */\n                N_({literal}),\n" for literal in sentences())
    return (
        "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
        "/* Made by po/update.py: do not edit. The formats of the sentences of vfiod, the most specific first. */\n"
        "/* clang-format off */\n"
        "#pragma once\n\n"
        "static const char *const sentence_formats[] = {\n" + rows + "};\n"
    )


def make_template(path):
    subprocess.run(
        ["xgettext", "--from-code=UTF-8", "--language=C", "--keyword=_", "--keyword=N_", "--keyword=ngettext:1,2",
         "--add-comments=TRANSLATORS", "--package-name=vfiod", "--no-wrap", "--sort-by-file",
         f"--files-from={PO / 'POTFILES'}", f"--directory={ROOT}", f"--output={path}"],
        check=True,
    )
    text = path.read_text()
    # The line numbers would change with each edit, and the date with each call.
    text = re.sub(r"^#: .*\n", lambda m: re.sub(r":\d+", "", m.group(0)), text, flags=re.M)
    text = re.sub(r'^"POT-Creation-Date: .*\n', "", text, flags=re.M)
    path.write_text(text)


def merged(catalog, template):
    """The catalog as msgmerge makes it of the present one."""
    text = subprocess.run(
        ["msgmerge", "--quiet", "--no-wrap", "--sort-by-file", "--no-location", "--no-fuzzy-matching", "--output-file=-",
         str(catalog), str(template)],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout
    return subprocess.run(
        ["msgattrib", "--no-obsolete", "--no-wrap"], input=text, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def directives(text):
    """The directives of a sentence by their positions, as {position: conversion}; or a text that says what is wrong with it."""
    found, kinds = {}, set()
    for part in re.findall(r"%%|%(?:\d+\$)?[-0-9.*#+ ]*(?:hh|h|ll|l|z|j)?[a-zA-Z]?", text):
        match = re.fullmatch(r"%(?:(\d+)\$)?[-0-9.*#+ ]*((?:hh|h|ll|l|z|j)?[diouxXcs])", part)
        if part == "%%":
            continue
        if not match:
            return f"'{part}' is no directive, write '%%' for a percent sign"
        kinds.add(bool(match.group(1)))
        position = int(match.group(1) or len(found) + 1)
        if position in found:
            return f"the position {position} is there twice"
        found[position] = match.group(2)
    return "positional and plain directives are mixed" if len(kinds) > 1 else found


def endings(text):
    """The positions of the endings of plurals, as in "function%s": a translation may leave them out."""
    parts = re.findall(r"(\w?)%(?:[-0-9.*#+ ]*(?:hh|h|ll|l|z|j)?[a-zA-Z])", text.replace("%%", "  "))
    return {i + 1 for i, before in enumerate(parts) if before}


def check_directives(text):
    """Yields what is wrong with the directives of the sentences in the text of a catalog. msgfmt does not check them, see sentences_text()."""
    for entry in text.split("\n\n"):
        if "no-c-format" not in entry:
            continue
        match = re.search(r"^msgid (.*?)^msgstr (.*?)\Z", entry + "\n", flags=re.S | re.M)
        msgid, msgstr = ("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', part)) for part in match.groups())
        wanted, given = directives(msgid), directives(msgstr)
        if isinstance(wanted, str) or isinstance(given, str):
            yield f"{msgid}: {wanted if isinstance(wanted, str) else given}"
            continue
        missing = {p: c for p, c in wanted.items() if p not in given and p not in endings(msgid)}
        wrong = {p: c for p, c in given.items() if wanted.get(p) != c}
        if missing or wrong:
            yield f"{msgid}: parts that are missing: {missing}, parts that are wrong: {wrong}"


def check_found(language):
    """Yields the sentences that gettext would not find in the built catalog."""
    with tempfile.TemporaryDirectory() as folder:
        built = pathlib.Path(folder) / "vfiod.mo"
        subprocess.run(["msgfmt", f"--output-file={built}", str(PO / f"{language}.po")], check=True)
        with built.open("rb") as file:
            catalog = gettext.GNUTranslations(file)
    for literal in sentences():
        text = ast.literal_eval(literal)
        if catalog.gettext(text) is text:
            yield f"po/{language}.po: no translation is found of: {text}"


def check_catalog(catalog):
    """Returns what is wrong with the catalog; "" for nothing."""
    result = subprocess.run(
        ["msgfmt", "--check", "--statistics", "--output-file=/dev/null", str(catalog)],
        stderr=subprocess.PIPE, text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    if result.returncode != 0 or "fuzzy" in result.stderr or "untranslated" in result.stderr:
        return f"{catalog.relative_to(ROOT)} is not complete: {result.stderr.strip()}"
    return ""


def update_page(put, folder):
    """Updates the catalogs of the page for Cockpit. Yields what is wrong with them."""
    template = folder / "page.pot"
    try:
        template.write_text(page.template(ROOT))
    except page.TextError as error:
        yield str(error)
        return
    yield from page.faults(ROOT)
    for language in lines_of("LINGUAS"):
        catalog = ROOT / "cockpit/po" / f"{language}.po"
        put(catalog, merged(catalog, template))
        text = catalog.read_text()
        yield from filter(None, [check_catalog(catalog)])
        yield from page.check_placeholders(page.read_catalog(text), catalog.relative_to(ROOT))


def main():
    checks = sys.argv[1:] == ["--check"]
    wrong = []

    def put(path, text):
        if path.exists() and path.read_text() == text:
            return
        if checks:
            wrong.append(f"{path.relative_to(ROOT)} is not up to date: run po/update.py")
        else:
            path.write_text(text)

    put(PO / "sentences.h", sentences_text())
    with tempfile.TemporaryDirectory() as folder:
        template = pathlib.Path(folder) / "vfiod.pot"
        make_template(template)
        if sys.argv[1:2] == ["--template"]:
            pathlib.Path(sys.argv[2]).write_text(template.read_text())
            return 0
        for language in lines_of("LINGUAS"):
            put(PO / f"{language}.po", merged(PO / f"{language}.po", template))
            if checks:
                wrong += filter(None, [check_catalog(PO / f"{language}.po")])
                wrong += [f"po/{language}.po: {line}" for line in check_directives((PO / f"{language}.po").read_text())]
                wrong += check_found(language)
        found = list(update_page(put, pathlib.Path(folder)))
        wrong += found if checks else []
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
