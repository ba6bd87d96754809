#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the translations: the catalogs of vfioctl (po/), the questions of polkit, and the explanations of the journal. Each check must also
refuse a sample that is wrong."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unicodedata
import xml.etree.ElementTree

ROOT = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(ROOT / "po"))
sys.dont_write_bytecode = True
import page  # noqa: E402
import update  # noqa: E402

LANG = "{http://www.w3.org/XML/1998/namespace}lang"
LANGUAGES = update.lines_of("LINGUAS")

# The columns that output_field() has for keys.
KEY_WIDTH = 18
KEY = re.compile(r'\b(?:output_field|print_text|print_strings|print_link|print_count|print_holders)\(output, (?:[^"(),]* \? )?_\("([^"]+)"\)')

DIRECTIVE = re.compile(r"%(?:(\d+)\$)?[-0-9.*#+ ]*(?:<PRI\w+>|(?:hh|h|ll|l|z|j)?([a-zA-Z%]))")


def messages(text):
    """The pairs of original and translation in a catalog."""
    found, key, entry = [], None, {}
    for line in text.splitlines():
        match = re.match(r'(msgid|msgid_plural|msgstr(?:\[\d\])?) "(.*)"$', line)
        if match:
            key = match.group(1)
            if key == "msgid":
                entry = {}
                found.append(entry)
            entry[key] = match.group(2)
        elif line.startswith('"') and key:
            entry[key] += line[1:-1]
    return [entry for entry in found if entry["msgid"]]


def positions(text):
    """The positions of the parts that the text uses, from 1."""
    found, following = [], 0
    for match in DIRECTIVE.finditer(text):
        if match.group(2) == "%":
            continue
        following += 1
        found.append(int(match.group(1) or following))
    return found


def check_parts(text):
    """A translation has no part that the original does not have. (msgfmt checks only what is a format of printf().)"""
    for entry in messages(text):
        n = len(positions(entry["msgid"]))
        for key, value in entry.items():
            if key.startswith("msgstr") and any(position > n for position in positions(value)):
                yield f"{entry['msgid']!r}: the translation has more parts: {value!r}"


def width(text):
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def check_keys(sources, text):
    """The keys of "show" and "status" are not too wide."""
    keys = {key for source in sources for key in KEY.findall(source)}
    for entry in messages(text):
        if entry["msgid"] in keys and width(entry["msgstr"]) > KEY_WIDTH:
            yield f"{entry['msgstr']!r} has more than {KEY_WIDTH} columns"
    if len(keys) < 40:
        yield f"only {len(keys)} keys found"


def check_policy(text):
    """Each text of polkit is in each language, and with the same variables."""
    for action in xml.etree.ElementTree.fromstring(text).iter("action"):
        for name in ("description", "message"):
            texts = {element.get(LANG): element.text for element in action.findall(name)}
            variables = set(re.findall(r"\$\(\w+\)", texts[None]))
            for language in LANGUAGES:
                if language not in texts:
                    yield f"{action.get('id')}: no {name} in {language}"
                elif set(re.findall(r"\$\(\w+\)", texts[language])) != variables:
                    yield f"{action.get('id')}: the {name} in {language} has other variables"


def entries(text):
    """The entries of a catalog of the journal: the lines of the header without the subject, and the fields in the texts."""
    return [
        (entry.split("\n", 1)[0], re.findall(r"^(?:Defined-By|Documentation): .*", entry, re.M), set(re.findall(r"@\w+@", entry)))
        for entry in re.split(r"^-- ", text, flags=re.M)[1:]
    ]


def check_catalog(english, translated):
    """The explanations are the same in all languages, with the same fields."""
    for own, other in zip(entries(english), entries(translated)):
        if own != other:
            yield f"{own[0]}: differs in {[a for a, b in zip(own, other) if a != b]}"
    if len(entries(english)) != len(entries(translated)):
        yield f"{len(entries(translated))} instead of {len(entries(english))} explanations"


def check_journal(catalogs):
    """journalctl accepts the catalogs (name: text). It finds each explanation."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "usr/lib/systemd/catalog")
        source.mkdir(parents=True)
        pathlib.Path(folder, "var/lib/systemd/catalog").mkdir(parents=True)
        for name, text in catalogs.items():
            source.joinpath(name).write_text(text, encoding="utf-8")
        result = subprocess.run(["journalctl", f"--root={folder}", "--update-catalog"], capture_output=True, text=True)
        if result.returncode != 0 or result.stderr:
            yield f"journalctl: {result.stderr}"
            return
        known = subprocess.run(["journalctl", f"--root={folder}", "--list-catalog"], capture_output=True, text=True, check=True).stdout
        for text in catalogs.values():
            for entry in entries(text):
                if entry[0] not in known:
                    yield f"journalctl does not know {entry[0]}"


def check_daemons(sources):
    """The daemons have no language: what they send does not depend on it."""
    for path, text in sources.items():
        for match in re.finditer(r"\b(setlocale|gettext|ngettext|bindtextdomain)\s*\(", update.without_comments(text)):
            yield f"{path}: calls {match.group(1)}()"


def check_macro(source):
    """Makes the sentences of a tree that has only this source."""
    root = update.ROOT
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "daemon", "bus", "x.c")
        path.parent.mkdir(parents=True)
        path.write_text(source)
        update.ROOT = pathlib.Path(folder)
        try:
            return [] if update.sentences() else ["there is no sentence"]
        except SystemExit as error:
            return [str(error)]
        finally:
            update.ROOT = root


def untranslatable(text):
    """Returns why the texts of a source of the page cannot be found."""
    try:
        list(page.texts_of(text, "x"))
    except page.TextError as error:
        return [str(error)]
    return []


def main():
    results = []

    def check(name, findings, refuses=False):
        findings = list(findings)
        good = bool(findings) if refuses else not findings
        results.append(good)
        print(f"{'ok' if good else 'not ok'} {len(results)} - {name}")
        for finding in findings if not good else []:
            print(f"# {finding}")

    po = {language: (ROOT / "po" / f"{language}.po").read_text(encoding="utf-8") for language in LANGUAGES}
    policy = (ROOT / "polkit" / "org.vfiod1.policy").read_text(encoding="utf-8")
    journal = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "systemd").glob("*.catalog"))}
    english = journal["vfiod.catalog"]
    client = [path.read_text() for path in sorted((ROOT / "client").glob("*.c"))]
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "daemon").rglob("*.[ch]"))}

    result = subprocess.run([sys.executable, "-B", str(ROOT / "po" / "update.py"), "--check"], capture_output=True, text=True)
    check("the catalogs are up to date and complete", result.stderr.splitlines() if result.returncode != 0 else [])
    for language in LANGUAGES:
        check(f"{language}: the parts of sentences", check_parts(po[language]))
        check(f"{language}: the keys", check_keys(client, po[language]))
        check(f"{language}: the catalog of the journal", check_catalog(english, journal.get(f"vfiod.{language}.catalog", "")))
    check("the questions of polkit", check_policy(policy))
    check("journalctl accepts the catalogs", check_journal(journal))
    check("the daemons have no language", check_daemons(sources))

    check("refused: a translation with one more part", check_parts('msgid "a %s"\nmsgstr "%2$s"\n'), True)
    check("a sentence with a number", check_macro('f("It took %llu ms to do that.", n);'))
    check("refused: a sentence with a macro", check_macro('f("It took %" PRIu64 " ms to do that.", n);'), True)
    head = "#, no-c-format\nmsgid "
    check("a plural can be left out", update.check_directives(head + '"%s: %u unit%s"\nmsgstr "%2$u: %1$s 100 %%"\n'))
    for name, entry in (
        ("a translation without a part", '"a %s %s"\nmsgstr "a %s"\n'),
        ("a number as a text", '"a %u"\nmsgstr "a %s"\n'),
        ("parts in another order without positions", '"a %u %s"\nmsgstr "a %s %u"\n'),
        ("positions in a part of the directives only", '"a %s %s"\nmsgstr "%s %2$s"\n'),
        ("a part twice", '"a %s"\nmsgstr "%1$s %1$s"\n'),
        ("a percent sign that is no directive", '"a %s"\nmsgstr "%s 100 %"\n'),
        ("a percent sign before a blank", '"a %s"\nmsgstr "%s 100 % von"\n'),
    ):
        check(f"refused: {name}", update.check_directives(head + entry), True)
    check("refused: a key that is too wide", check_keys(client, 'msgid "Driver"\nmsgstr "驱动驱动驱动驱动驱动"\n'), True)
    check("refused: a question without a language", check_policy(re.sub(r"<message xml:lang.*\n", "", policy, count=1)), True)
    check("refused: a question without its variable", check_policy(policy.replace("um $(devices) zu leihen", "es zu leihen")), True)
    check("refused: an explanation is missing", check_catalog(english, english[: english.rindex("\n-- ")]), True)
    check("refused: a field is missing", check_catalog(english, english.replace("@VFIOD_DEVICE@", "x", 1).replace("@VFIOD_DEVICE@", "x")), True)
    check("refused: a daemon with a language", check_daemons({"x.c": 'setlocale(LC_ALL, "");'}), True)
    check("refused: a catalog that journalctl does not take", check_journal({"x.catalog": "-- 0\nx\n"}), True)
    for name, text in (
        ("a text", 'const a = "Cancel the job";'),
        ("a text in JSX", "<p>Cancel</p>"),
        ("a text in an attribute", '<Button title="cancel the job" />'),
        ("a text with a value", "const a = `${count} jobs are cancelled`;"),
    ):
        check(f"refused: {name} of the page without a translation", page.bare_texts(text, name), True)
    check("a text of the page", page.bare_texts('<p title={_("Cancel the job")}>{format(_("Job $0"), `${job}`)}</p>', "x"))
    check("refused: a text of the page that is no literal", untranslatable("_(text)"), True)
    check("refused: a text of the page with one form", untranslatable('ngettext("$0 job", n)'), True)
    check("refused: a translation of the page without a value", page.check_placeholders([("Job $0", None, ["Auftrag"])], "x"), True)
    # po/update.py itself is tested with a copy that lacks a translation.
    with tempfile.TemporaryDirectory() as folder:
        for name, old, new in (
            ("incomplete", 'msgstr "[j/N]"', 'msgstr ""'),
            ("old", 'msgid "[y/N]"', 'msgid "[y/n]"'),
            ("inexact", 'msgstr "%s wird gehalten von %s"', 'msgstr "%s wird gehalten"'),
        ):
            copy = pathlib.Path(folder, name)
            copy.mkdir()
            for part in ("client", "cockpit", "daemon", "po"):
                copy.joinpath(part).symlink_to(ROOT / part) if part != "po" else copy.joinpath(part).mkdir()
            for path in (ROOT / "po").iterdir():
                if path.is_file():
                    copy.joinpath("po", path.name).write_bytes(path.read_bytes())
            german = copy / "po" / "de.po"
            assert old in german.read_text(encoding="utf-8")
            german.write_text(german.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
            result = subprocess.run([sys.executable, "-B", str(copy / "po" / "update.py"), "--check"], capture_output=True, text=True)
            check(f"refused: an {name} catalog", result.stderr.splitlines() if result.returncode != 0 else [], True)
    print(f"1..{len(results)}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
