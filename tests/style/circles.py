# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds files of a room that depend on each other in a circle, by an #include or by a function."""

import collections
import re

import ctext

# This uses the format of clang-format: a definition begins in the first column and is followed by "{".
DEFINITION = re.compile(r"^(?!static\b|typedef\b|struct\b[^()]*\{|enum\b|union\b|extern\b|[#}])(?:[A-Za-z_][^;{}()=]*?[\s*])?(\w+)\((?:[^;{}])*\)\s*\{", re.MULTILINE)
# "DEFINE_LIST_DECODER(decode_groups, ...)": a macro that defines the function in its first argument.
MADE = re.compile(r"^DEFINE_\w+\(\s*(\w+),", re.MULTILINE)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.)*(?:\\\n(?:[^\n\\]|\\.)*)*", re.MULTILINE | re.DOTALL)
WORD = re.compile(r"[A-Za-z_]\w*")


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def definitions(code):
    """The functions that a .c file offers to other files."""
    plain = DIRECTIVE.sub(blank, code)
    return {m[1] for m in DEFINITION.finditer(plain) if not m[1].isupper()} | {m[1] for m in MADE.finditer(plain)}


def graph_of(files):
    """{file: {other file: why}}, for {file: text} of one room. A file is named by the last part of its path."""
    code = {name: ctext.code_only(text) for name, text in files.items()}
    owners = {}
    for name in files:
        if name.endswith(".c"):
            for function in definitions(code[name]):
                owners[function] = name
    graph = collections.defaultdict(dict)
    for name, text in files.items():
        for _, included, quoted in ctext.includes(text):
            other = included.rsplit("/", 1)[-1]
            if quoted and other in files and other != name:
                graph[name].setdefault(other, f"includes {other}")
        local = {m for m in re.findall(r"^static\b[^;{=]*?(\w+)\(", code[name], re.MULTILINE)}
        for word in set(WORD.findall(code[name])) - local:
            other = owners.get(word)
            # A header that only declares a function does not depend on it.
            if other and other != name and not name.endswith(".h"):
                graph[name].setdefault(other, f"uses {word}()")
    return graph


def strong_components(graph, names):
    """Tarjan's algorithm: the sets of at least two files that reach each other."""
    index, low, stack, found = {}, {}, [], []

    def visit(name):
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph.get(name, ()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            component = []
            while not component or component[-1] != name:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(component))

    for name in sorted(names):
        if name not in index:
            visit(name)
    return found


def circles(files):
    """The circles of a room with their reasons: [(["a.c", "b.c"], "a.c uses b(), b.c uses a()")]."""
    graph = graph_of(files)
    for component in strong_components(graph, files):
        reasons = [f"{name} {why}" for name in component for other, why in sorted(graph[name].items()) if other in component]
        yield component, ", ".join(reasons)
