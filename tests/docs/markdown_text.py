# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of a Markdown file that tests look at: fenced blocks, headings, links, and the commands of a guide.

A guide has these fenced blocks:

    ```console               commands and their output. A test runs the commands in a guest. "# " before a command means
                             root, "$ " an ordinary user, "> " continues the command of the line before. All other lines
                             are the expected output of the command above. "..." stands for any text in a line, and alone
                             for any number of lines. A command that ends in a comment with "status N" exits with this
                             status, all others with 0.
    ```console new-login     the same, after the ordinary user has logged in again.
    ```LANGUAGE file: PATH   a file that the reader writes: the test does so, too. A relative PATH is in the folder where root works.
    ```LANGUAGE not-run: WHY any other block. Commands in it are not run, and WHY says why. Languages: LANGUAGES.
"""

import dataclasses
import pathlib
import re

LANGUAGES = ("sh", "console", "text", "xml", "json", "yaml", "ini", "js")
FENCE = re.compile(r"^( *)(```+)(.*)$")
HEADING = re.compile(r"^(#{1,6}) +(.*?) *#*$")
LINK = re.compile(r"!?\[(?:[^][]|\[[^]]*\])*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
STATUS = re.compile(r"#.*\bstatus ([0-9]+)$")
NOT_RUN, FILE, NEW_LOGIN = "not-run:", "file:", "new-login"
USERS = {"# ": "root", "$ ": "user"}
ANYTHING = "..."


class MarkdownError(Exception):
    """The text does not have the form of a guide. The message has file and line."""


@dataclasses.dataclass
class Block:
    """A fenced block. `line` is the number of its first line of content, `reason` why it is not run, or None. `file` is the path of
    the file that it shows, or None."""

    path: pathlib.Path
    line: int
    language: str
    reason: str
    file: str
    lines: list
    is_new_login: bool = False

    @property
    def place(self):
        return f"{self.path}:{self.line}"


@dataclasses.dataclass
class Step:
    """A command of a guide, with the output that the reader expects. `first` and `last` are the numbers of the lines of its
    output: empty if last < first."""

    path: pathlib.Path
    line: int
    user: str
    command: str
    status: int
    expected: list
    first: int = 0
    last: int = 0

    @property
    def place(self):
        return f"{self.path}:{self.line}"


def split(path):
    """(blocks, prose) of a file: a list of Block, and the other lines as a list of (line number, text)."""
    blocks, prose, fence, block = [], [], None, None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = FENCE.match(line)
        if fence is None and match:
            fence = match.group(2)
            indent = len(match.group(1))
            language, _, rest = match.group(3).strip().partition(" ")
            reason, file = (rest.removeprefix(word).strip() if rest.startswith(word) else None for word in (NOT_RUN, FILE))
            block = Block(path, number + 1, language, reason, file, [], rest == NEW_LOGIN)
        elif fence is None:
            prose.append((number, line))
        elif match and match.group(2) == fence and not match.group(3).strip():
            blocks.append(block)
            fence = None
        else:
            block.lines.append(line[min(indent, len(line) - len(line.lstrip())):])
    if fence is not None:
        raise MarkdownError(f"{block.place}: the block does not end")
    return blocks, prose


def steps(block):
    """The steps of a ```console block."""
    found = []
    for number, line in enumerate(block.lines, block.line):
        user = USERS.get(line[:2])
        if user is not None:
            found.append(Step(block.path, number, user, line[2:], 0, [], number + 1, number))
        elif not found:
            raise MarkdownError(f"{block.path}:{number}: output without a command")
        elif line.startswith("> ") and not found[-1].expected:
            found[-1].command += "\n" + line[2:]
            found[-1].first, found[-1].last = number + 1, number
        else:
            found[-1].expected.append(line)
            found[-1].last = number
    for step in found:
        match = STATUS.search(step.command.splitlines()[-1])
        step.status = int(match.group(1)) if match else 0
        # An empty line separates it from the next command.
        while step.expected and not step.expected[-1]:
            step.expected.pop()
            step.last -= 1
    return found


def matches(expected, output):
    """Whether the output of a command is what the guide shows. White space at the end of a line or of the output does not
    count."""
    pattern = ""
    for line in expected:
        if line.strip() == ANYTHING:
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split(ANYTHING)) + r"\n"
    text = "".join(line.rstrip() + "\n" for line in output.rstrip().splitlines())
    return re.fullmatch(pattern, text) is not None


def plain(text):
    """The text of a heading without its markup."""
    text = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"[`*]|(?<!\w)_|_(?!\w)", "", text)


def slug(text):
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def anchors(path):
    """The anchors of all headings of a file."""
    found = []
    for _, line in split(path)[1]:
        match = HEADING.match(line)
        if match:
            base = slug(plain(match.group(2)))
            count = sum(1 for other in found if re.fullmatch(re.escape(base) + r"(-\d+)?", other))
            found.append(f"{base}-{count}" if count else base)
    return found


def links(path):
    """(line number, target) of all links in the text of a file."""
    return [(number, target) for number, line in split(path)[1] for target in LINK.findall(re.sub(r"`[^`]*`", "", line))]
