#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the Markdown files: test-guides.py SOURCE-ROOT.

- The parser of guides, on a sample: first, because the guest test relies on it.
- Every relative link leads to a file of this tree, and every anchor to a heading.
- Every fenced block of a guide has the form of markdown_text.py. What is a shell command has the syntax of bash; XML, JSON and YAML are well-formed.
- docs/guides/troubleshooting.md has one entry for each error that dbus/org.vfiod1.xml lists.
- The commands for boot loaders in docs/guides/enable-the-iommu.md are those that the unit test of vfioctl doctor expects.
- docs/guides/README.md names each guide.
- The output of "vfioctl groups" in README.md has columns of vfioctl, in their order.
- No example starts QEMU with the output of vfioctl as arguments: if vfioctl fails, the virtual machine would start without its card.

It uses no network.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "vm"))

import markdown_text  # noqa: E402
from tap import Tap  # noqa: E402

WEB = re.compile(r"[a-z]+:")
ERRORS = re.compile(r"^  Errors\. .*\n((?:    .*\n)+)", re.MULTILINE)
ERROR = re.compile(r"^    ([A-Z][A-Za-z]+) ", re.MULTILINE)
OWN_ERRORS = {"AccessDenied", "InteractiveAuthorizationRequired", "InvalidArgs"}  # of D-Bus
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')  # of C
STRINGS = re.compile(rf"{STRING.pattern}(?:\s*{STRING.pattern})*")
COLUMN = re.compile(r'\{"([^"]+)", (?:0|SCOLS_\w+)\}')  # of client/group-columns.c
GROUPS = re.compile(r"^# vfioctl groups\n(.*)\n", re.MULTILINE)
UNSAFE = re.compile(r"qemu-system[^\n]*\$\(vfioctl|qemu-system[^\n]*`vfioctl")
# [(expected lines, output, whether they match)]
MATCHES = [([], "", True), ([], "x\n", False), (["x"], "x", True), (["x"], "", False), (["x"], "y\n", False), (["x"], "x\ny\n", False),
           (["x ... z"], "x y z\n", True), (["x ... z"], "x y\nz\n", False), (["..."], "", True), (["...", "z"], "x\ny\nz\n", True),
           (["...", "z"], "x\n", False), (["x", "", "y"], "x\n\ny\n\n", True), (["a.b"], "axb\n", False), (["x"], "x  \n", True)]
SAMPLE = """# A `b`, _c_
[x](x.md#y) and `[no](no.md)`
## Same

```console
# one \\
> two
out

out
$ three  # status 5
a...b
# four

```
```sh not-run: no card
not a heading:
# x
```
```js file: a/b.js
1;
```

```console new-login
$ five
```
## Same
"""
PAGES = "docs/*.scd", "README*.md", "docs/**/*.md"


def check_parser(tap):
    """The parser on a sample, which has the forms that the guest test relies on."""
    with tempfile.NamedTemporaryFile("w", suffix=".md") as file:
        file.write(SAMPLE)
        file.flush()
        path = pathlib.Path(file.name)
        blocks, _ = markdown_text.split(path)
        tap.equal("blocks", [(block.line, block.language, block.reason, block.file, block.is_new_login) for block in blocks],
                  [(6, "console", None, None, False), (17, "sh", "no card", None, False), (21, "js", None, "a/b.js", False),
                   (25, "console", None, None, True)])
        steps = markdown_text.steps(blocks[0])
        tap.equal("steps", [(step.line, step.user, step.command, step.status, step.expected, step.first, step.last) for step in steps],
                  [(6, "root", "one \\\ntwo", 0, ["out", "", "out"], 8, 10),
                   (11, "user", "three  # status 5", 5, ["a...b"], 12, 12), (13, "root", "four", 0, [], 14, 13)])
        tap.equal("anchors", markdown_text.anchors(path), ["a-b-c", "same", "same-1"])
        tap.equal("links", markdown_text.links(path), [(2, "x.md#y")])
    for expected, output, is_right in MATCHES:
        tap.equal(f"{expected} {'matches' if is_right else 'does not match'} {output!r}", markdown_text.matches(expected, output), is_right)
    try:
        markdown_text.steps(markdown_text.Block(pathlib.Path("x"), 1, "console", None, None, ["output"]))
        tap.check("output without a command is refused", False)
    except markdown_text.MarkdownError:
        tap.check("output without a command is refused", True)


def check_links(tap, root, paths):
    """The links of all files."""
    count, wrong = 0, []
    for path in paths:
        for number, target in markdown_text.links(path):
            if WEB.match(target):
                continue
            count += 1
            name, _, anchor = target.partition("#")
            found = (path.parent / name).resolve() if name else path
            if not found.exists() or root not in found.parents:
                wrong.append(f"{path.relative_to(root)}:{number}: no file {target}")
            elif anchor and (found.suffix != ".md" or anchor not in markdown_text.anchors(found)):
                wrong.append(f"{path.relative_to(root)}:{number}: no heading {target}")
    tap.check("all links lead somewhere", not wrong, "\n".join(wrong))
    tap.check("there are links", count > 50, count)
    tap.note(f"{count} links in {len(paths)} files")


def syntax_error(block):
    """What is wrong with the content of a block, or None."""
    text = "\n".join(block.lines)
    if block.language == "xml":
        try:
            xml.etree.ElementTree.fromstring(text)
        except xml.etree.ElementTree.ParseError as error:
            return str(error)
    if block.language == "json":
        try:
            json.loads(text)
        except ValueError as error:
            return str(error)
    if block.language not in ("sh", "console"):
        return None
    commands = [text] if block.language == "sh" else [step.command for step in markdown_text.steps(block)]
    for command in commands:
        result = subprocess.run(["bash", "-n"], input=command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if result.returncode != 0 or result.stdout:
            return result.stdout
    return None


def check_blocks(tap, guides):
    """The blocks of the guides."""
    wrong, counts = [], {"executed": 0, "not run": 0, "file": 0}
    for path in guides:
        for block in markdown_text.split(path)[0]:
            is_run = block.language == "console" and block.reason is None
            if block.language not in markdown_text.LANGUAGES:
                wrong.append(f"{block.place}: unknown language {block.language!r}")
            elif not is_run and not block.reason and not block.file:
                wrong.append(f"{block.place}: a block that is not run needs a reason")
            elif not block.lines:
                wrong.append(f"{block.place}: empty")
            else:
                error = syntax_error(block)
                if error:
                    wrong.append(f"{block.place}: {error}")
            counts["executed" if is_run else "file" if block.file else "not run"] += 1
    tap.check("all blocks have the form of a guide", not wrong, "\n".join(wrong))
    tap.check("there are blocks that are executed", counts["executed"] > 50, counts)
    tap.note(", ".join(f"{count} blocks {name}" for name, count in counts.items()))


def check_errors(tap, root):
    """The entries of troubleshooting.md are the errors of the interface."""
    listed = ERRORS.search((root / "dbus" / "org.vfiod1.xml").read_text()).group(1)
    names = re.findall(r"[A-Z][A-Za-z]+", " ".join(ERROR.findall(listed)))
    headings, section = [], None
    for _, line in markdown_text.split(root / "docs" / "guides" / "troubleshooting.md")[1]:
        match = markdown_text.HEADING.match(line)
        if match and len(match.group(1)) == 2:
            section = match.group(2)
        elif match and section == "Errors of vfiod":
            headings.append(match.group(2))
    tap.equal("troubleshooting.md has each error once", sorted(headings), sorted(set(names) | OWN_ERRORS))
    tap.check("there are errors", len(names) > 30, names)


def check_boot_loaders(tap, root):
    """The commands of enable-the-iommu.md are cures of doctor."""
    source = (root / "tests" / "unit" / "test-boot-loader.c").read_text()
    cures = {"".join(json.loads(part) for part in STRING.findall(text)) for text in STRINGS.findall(source)}
    commands = [line for block in markdown_text.split(root / "docs" / "guides" / "enable-the-iommu.md")[0]
                if block.language == "sh" for line in block.lines]
    tap.equal("doctor prints each command for a boot loader", [command for command in commands if command not in cures], [])
    tap.check("there are commands for boot loaders", len(commands) > 8, commands)


def check_columns(tap, root):
    """The head line of "vfioctl groups" in README.md. Without -o, vfioctl leaves out the columns that would be empty."""
    columns = COLUMN.findall((root / "client" / "group-columns.c").read_text())
    heads = [head.split() for head in GROUPS.findall((root / "README.md").read_text())]
    tap.check("there are columns", len(columns) > 5, columns)
    tap.equal("README.md has the columns of vfioctl groups", heads, [[column for column in columns if column in head] for head in heads])
    tap.check("README.md shows vfioctl groups", len(heads) == 1 and "AVAILABILITY" in heads[0], heads)


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    folder = root / "docs" / "guides"
    paths = [*sorted(root.glob("README*.md")), *sorted((root / "docs").rglob("*.md"))]
    guides = sorted(folder.glob("*.md"))
    tap = Tap()
    tap.run("the parser", check_parser, tap)
    tap.run("links", check_links, tap, root, paths)
    tap.run("blocks", check_blocks, tap, guides)
    tap.run("errors", check_errors, tap, root)
    tap.run("boot loaders", check_boot_loaders, tap, root)
    tap.run("columns", check_columns, tap, root)
    named = {target for _, target in markdown_text.links(folder / "README.md")}
    tap.equal("the index names each guide", sorted({path.name for path in guides} - {"README.md"} - named), [])
    unsafe = [f"{path.relative_to(root)}: {match.group(0)}" for pattern in PAGES for path in sorted(root.glob(pattern))
              for match in UNSAFE.finditer(path.read_text())]
    tap.equal("no example starts QEMU without its card", unsafe, [])
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
