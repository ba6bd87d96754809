# SPDX-License-Identifier: GPL-2.0-or-later
"""As much of C's text as the checks need: code without comments, includes, string literals."""

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
    """The same lines, with blanks in the place of comments."""

    def blank(match):
        if match["comment"] is None:
            return match[0]
        return re.sub(r"[^\n]", " ", match[0])

    return TOKEN.sub(blank, text)


def code_only(text):
    """Without comments, and with every literal emptied."""

    def empty(match):
        if match["string"] is not None:
            return '""'
        if match["character"] is not None:
            return "' '"
        return re.sub(r"[^\n]", " ", match[0])

    return TOKEN.sub(empty, text)


def includes(text):
    """(line, name, whether it is in quotation marks) of each #include."""
    code = without_comments(text)
    return [(line_of(code, m.start()), m[2], m[1] == '"') for m in INCLUDE.finditer(code)]


def string_literals(text):
    """(line, content) of each literal; adjacent ones are one, as for the compiler."""
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
