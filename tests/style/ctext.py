# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of C's syntax that the checks need: code without comments, includes, string literals."""

import re

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      |(?P<string>"(?:\\.|[^"\\\n])*")
      |(?P<character>'(?:\\.|[^'\\\n])*')""",
    re.DOTALL | re.VERBOSE,
)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def without_comments(text):
    """The same lines, with blanks instead of comments."""

    def blank(match):
        if match["comment"] is None:
            return match[0]
        return re.sub(r"[^\n]", " ", match[0])

    return TOKEN.sub(blank, text)


def code_only(text):
    """The text without comments, and with empty literals."""

    def empty(match):
        if match["string"] is not None:
            return '""'
        if match["character"] is not None:
            return "' '"
        return re.sub(r"[^\n]", " ", match[0])

    return TOKEN.sub(empty, text)


def includes(text):
    """(line, name, whether the name is in quotation marks) of each #include."""
    code = without_comments(text)
    return [(line_of(code, m.start()), m[2], m[1] == '"') for m in INCLUDE.finditer(code)]


def string_literals(text):
    """(line, content) of each string literal. Adjacent literals are joined, as the compiler does."""
    code = without_comments(text)
    literals, end = [], None
    for match in TOKEN.finditer(code):
        if match["string"] is None:
            continue
        if code[code.rfind("\n", 0, match.start()) + 1 : match.start()].lstrip().startswith("#include"):
            continue
        content = match[0][1:-1]
        if literals and end is not None and not code[end : match.start()].strip(" \t\n\\"):
            literals[-1] = (literals[-1][0], literals[-1][1] + content)
        else:
            literals.append((line_of(code, match.start()), content))
        end = match.end()
    return literals
