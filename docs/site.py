#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Renders README.md and docs/ to HTML: site.py SOURCE-ROOT FOLDER. ./dev site calls it.

The pages have the same paths as the files, with .html; a README.md becomes index.html. Headings have the anchors that GitHub gives them.
Other files that a page links to are copied. What cannot be rendered well is a warning, and then the exit status is 1.
"""

import html
import pathlib
import re
import shutil
import sys

import markdown

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "docs"))

import markdown_text  # noqa: E402

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 sans-serif; max-width: 60em; margin: 0 auto; padding: 1em; }}
pre {{ padding: .7em; overflow-x: auto; border: 1px solid #8886; border-radius: 4px; font-size: 14px; line-height: 1.35; }}
code {{ font-family: monospace; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
td, th {{ border: 1px solid #8886; padding: .3em .6em; text-align: start; vertical-align: top; }}
nav {{ border-bottom: 1px solid #8886; padding-bottom: .5em; }}
.reason {{ font-size: 13px; opacity: .7; margin-bottom: -.9em; }}
</style>
</head>
<body>
<nav><a href="{top}index.html">vfiod</a> · <a href="{top}docs/guides/index.html">Guides</a></nav>
{body}
</body>
</html>
"""
HREF = re.compile(r'(href|src)="([^"]+)"')
LIST_IN_PARAGRAPH = re.compile(r"<p>(?:(?!</p>).)*\n *(?:[-*|]|\d+\.) (?:(?!</p>).)*</p>", re.DOTALL)


def page_path(path):
    """The path of the page of a Markdown file; other paths are the same."""
    if path.suffix != ".md":
        return path
    return path.with_name("index.html" if path.name == "README.md" else path.stem + ".html")


def without_fences(path):
    """The text of a file. Fenced blocks are HTML, or in lists indented code, because the library knows no info strings with blanks."""
    result, lines = [], iter(path.read_text().splitlines())
    for line in lines:
        match = markdown_text.FENCE.match(line)
        if not match:
            result.append(line)
            continue
        indent, info = match.group(1), match.group(3).strip()
        content = []
        for inner in lines:
            end = markdown_text.FENCE.match(inner)
            if end and end.group(2) == match.group(2) and not end.group(3).strip():
                break
            content.append(inner.removeprefix(indent))
        language, _, rest = info.partition(" ")
        if indent:
            result += ["", *(indent + "   " + inner if inner else "" for inner in content), ""]
            continue
        reason = rest.removeprefix(markdown_text.NOT_RUN).strip() if rest.startswith(markdown_text.NOT_RUN) else ""
        if reason:
            result += [f'<p class="reason">Not run by the tests: {html.escape(reason)}</p>', ""]
        code = html.escape("\n".join(content), quote=False)
        result += ["", f'<pre><code class="language-{language or "text"}">{code}</code></pre>', ""]
    return "\n".join(result)


class Site:
    def __init__(self, root, folder):
        self.root = root
        self.folder = folder
        self.warnings = []

    def warn(self, path, text):
        self.warnings.append(f"{path.relative_to(self.root)}: {text}")

    def link(self, path, match):
        """A link of a page, for the site. Copies a file that is no page."""
        target = html.unescape(match.group(2))
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            return match.group(0)
        name, mark, anchor = target.partition("#")
        found = (path.parent / name).resolve()
        if not found.is_file() or self.root not in found.parents:
            self.warn(path, f"no file {target}")
            return match.group(0)
        if found.suffix != ".md":
            copy = self.folder / found.relative_to(self.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, copy)
        page = pathlib.PurePosixPath(name).with_name(page_path(found).name)
        return f'{match.group(1)}="{html.escape(str(page) + mark + anchor)}"'

    def render(self, path):
        """Write the page of a file."""
        body = markdown.markdown(without_fences(path), extensions=["tables"], tab_length=3, output_format="html")
        anchors = iter(markdown_text.anchors(path))
        body = re.sub(r"<h([1-6])>", lambda match: f'<h{match.group(1)} id="{next(anchors, "")}">', body)
        if next(anchors, None) is not None or 'id=""' in body:
            self.warn(path, "the headings are not those of the file")
        body = re.sub(r"<code>[^<]*</code>", lambda match: match.group(0).replace("\\|", "|"), body)
        for match in LIST_IN_PARAGRAPH.finditer(body):
            self.warn(path, f"a list or table without an empty line before it: {match.group(0)[:60]!r}")
        body = HREF.sub(lambda match: self.link(path, match), body)
        title = re.search(r"<h1[^>]*>(.*?)</h1>", body)
        if not title:
            self.warn(path, "no title")
        place = page_path(path.relative_to(self.root))
        page = self.folder / place
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(PAGE.format(title=re.sub(r"<[^>]*>", "", title.group(1)) if title else "", body=body,
                                    top="../" * (len(place.parts) - 1)))


def build(root, folder):
    """Render all pages into a folder. Returns (number of pages, warnings)."""
    site = Site(root, folder)
    paths = [*sorted(root.glob("README*.md")), *sorted((root / "docs").rglob("*.md"))]
    for path in paths:
        site.render(path)
    return len(paths), site.warnings


def main():
    root, folder = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    count, warnings = build(root, folder)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"{count} pages in {folder}")
    return 1 if warnings else 0


if __name__ == "__main__":
    sys.exit(main())
