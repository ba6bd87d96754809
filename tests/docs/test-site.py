#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Renders the site (docs/site.py) into a temporary folder: test-site.py SOURCE-ROOT.

There must be no warning, and every link of a page must lead to a file, and its anchor to an element. A small tree with errors must
have warnings.
"""

import html.parser
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "vm"))

from tap import Tap  # noqa: E402

VOID = {"meta", "link", "br", "hr", "img", "input"}
BAD = """# Title

Text:
- an item without an empty line before it

[nothing](nothing.md)
"""


class Page(html.parser.HTMLParser):
    """The links and ids of a page, and its elements that are not closed."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.open, self.faults = [], set(), [], []
        self.feed(text)
        self.close()
        self.faults += [f"not closed: {tag}" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.links += [attributes[name] for name in ("href", "src") if name in attributes]
        if "id" in attributes:
            if attributes["id"] in self.ids:
                self.faults.append(f"id twice: {attributes['id']}")
            self.ids.add(attributes["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"unexpected end: {tag}")


def build(root, program, folder):
    """(status, output) of the generator."""
    done = subprocess.run([sys.executable, "-B", str(program), str(root), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    return done.returncode, done.stdout


def check_site(tap, root, folder):
    status, output = build(root, root / "docs" / "site.py", folder)
    tap.check("the site is built", status == 0, output)
    tap.lacks("without warnings", output, "warning")
    pages = {path: Page(path.read_text()) for path in sorted(folder.rglob("*.html"))}
    sources = [*root.glob("README*.md"), *(root / "docs").rglob("*.md")]
    tap.equal("there is a page for each file", len(pages), len(sources))
    tap.equal("all elements are closed, and ids are unique", [(str(path), page.faults) for path, page in pages.items() if page.faults], [])
    wrong, count = [], 0
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme:
                continue
            count += 1
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                wrong.append(f"{path}: no file {link}")
            elif parts.fragment and (target not in pages or urllib.parse.unquote(parts.fragment) not in pages[target].ids):
                wrong.append(f"{path}: no anchor {link}")
    tap.check("all links lead somewhere", not wrong, "\n".join(wrong))
    tap.check("there are links", count > 100, count)
    tap.note(f"{count} links of {len(pages)} pages")


def check_bad(tap, root, folder):
    (folder / "docs").mkdir()
    (folder / "README.md").write_text(BAD)
    status, output = build(folder, root / "docs" / "site.py", folder / "site")
    tap.equal("a tree with errors: exit status 1", status, 1)
    tap.contains("a tree with errors: the link", output, "no file nothing.md")
    tap.contains("a tree with errors: the list", output, "without an empty line")


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="vfiod-site-") as folder:
        tap.run("the site", check_site, tap, root, pathlib.Path(folder))
    with tempfile.TemporaryDirectory(prefix="vfiod-site-") as folder:
        tap.run("errors", check_bad, tap, root, pathlib.Path(folder).resolve())
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
