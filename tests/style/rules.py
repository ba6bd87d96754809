# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules for the source text. Each rule takes a Tree and yields its findings, "FILE:LINE: WHAT"."""

import pathlib
import re

import circles
import ctext

# The layers, from left to right: a file may include files of its own folder and of folders to the left.
LAYERS = ["base", "kernel", "usage", "model", "policy", "diagnosis", "fragment", "state", "engine", "process", "job", "lease", "revert", "rule", "helper", "bus"]

# The rooms that may use sysfs and procfs.
KERNEL_ROOMS = ("kernel", "usage")
# The main programs.
MAIN_FILES = ("vfiod", "vfiod-worker", "vfiod-census", "vfiod-modules", "vfiod-reaper")
TOP_FILES = {"manager": len(LAYERS)} | {name: len(LAYERS) + 1 for name in MAIN_FILES}

# Headers that only kernel/ may use, and headers that only the top layers may use.
KERNEL_HEADERS = ("libudev.h", "libkmod.h")
BUS_HEADERS = ("systemd/sd-bus",)

# The rooms that talk to the other processes of vfiod, and so use sd-bus, too.
PEER_ROOMS = ("process", "job", "lease", "revert", "helper")

LINES_MAX = 500
SOURCES = (".c", ".h", ".py", ".sh", ".js", ".jsx")
OTHER_LICENSED = ("meson.build",)


class Tree:
    """The files of the project below a root."""

    def __init__(self, root):
        self.root = pathlib.Path(root)

    def files(self, folders, suffixes):
        for folder in folders:
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in suffixes and path.is_file() and "__pycache__" not in path.parts:
                    yield path.relative_to(self.root)

    def read(self, path):
        return (self.root / path).read_text(encoding="utf-8")


def layer_of(path):
    """The position of daemon/X/file.c, or of daemon/manager.c, in the order of layers."""
    if len(path.parts) == 3:
        return LAYERS.index(path.parts[1]) if path.parts[1] in LAYERS else None
    return TOP_FILES.get(path.stem)


def layer_of_include(name):
    parts = name.split("/")
    if len(parts) == 2:
        return LAYERS.index(parts[0]) if parts[0] in LAYERS else None
    return TOP_FILES.get(pathlib.PurePath(name).stem)


def check_includes(path, text):
    own = layer_of(path)
    if own is None:
        yield f"{path}:1: is in no layer: {', '.join(LAYERS)}, manager or main"
        return
    for line, name, quoted in ctext.includes(text):
        if quoted and name != "config.h":
            other = layer_of_include(name)
            if other is None:
                yield f"{path}:{line}: includes \"{name}\", which is in no layer; write the folder"
            elif other > own:
                yield f"{path}:{line}: includes \"{name}\", a layer to its right"
        elif name.startswith(KERNEL_HEADERS) and own != LAYERS.index("kernel"):
            yield f"{path}:{line}: <{name}> is for kernel/ only"
        elif name.startswith(BUS_HEADERS) and own < LAYERS.index("bus") and path.parts[1] not in PEER_ROOMS:
            yield f"{path}:{line}: <{name}> is for bus/, {', '.join(PEER_ROOMS)}, manager and main only"


def layering(tree):
    for path in tree.files(["daemon"], (".c", ".h")):
        yield from check_includes(path, tree.read(path))


def kernel_paths(tree):
    """Only kernel/ and usage/ open files in sysfs and procfs; the main programs name their mount points."""
    for path in tree.files(["daemon"], (".c", ".h")):
        if path.parts[1] in KERNEL_ROOMS:
            continue
        for line, literal in ctext.string_literals(tree.read(path)):
            if not re.match(r"/(sys|proc)(/|$)", literal):
                continue
            if path.stem in MAIN_FILES and len(path.parts) == 2 and literal in ("/sys", "/proc"):
                continue
            yield f'{path}:{line}: "{literal}" is for kernel/ and usage/ only'


# Reading or writing these attributes can sleep in the kernel: they take the device's lock, or wake the device up to
# read its config space.
SLEEPING_ATTRIBUTES = {
    "uevent", "driver_override", "waiting_for_supplier", "remove", "reset", "rescan", "sriov_numvfs", "config", "vpd", "rom",
    "current_link_speed", "current_link_width", "max_link_speed", "max_link_width", "subordinate_bus_number",
}

# The code that uses these attributes. It runs only in child processes.
CHILD_FILES = ("daemon/usage/", "daemon/engine/", "daemon/kernel/binding.c", "daemon/kernel/device-facts.c", "daemon/kernel/pci-config.c", "daemon/kernel/pci-link.c", "daemon/kernel/sriov.c")

# Texts that equal the name of such an attribute: the names of a verb and of a step.
OTHER_NAMES = {("daemon/policy/plan.c", "reset"), ("daemon/policy/step.c", "reset")}

# Helpers of kernel/ that can sleep, and the files that may call them, from a child process.
SLEEPING_FUNCTIONS = {
    "pci_device_answers": ("daemon/kernel/pci-config.c", "daemon/kernel/pci-config.h", "daemon/engine/suitability.c", "daemon/engine/reset-step.c",
                           "daemon/kernel/device-facts.c"),
    "pci_device_read_link": ("daemon/kernel/pci-link.c", "daemon/kernel/pci-link.h", "daemon/job/link-reader.c"),
}


def sleeping(tree):
    """The main loop does nothing that can sleep."""
    for path in tree.files(["daemon"], (".c", ".h")):
        text = tree.read(path)
        if not str(path).startswith(CHILD_FILES):
            for line, literal in ctext.string_literals(text):
                name = literal.rpartition("/")[2]
                if name in SLEEPING_ATTRIBUTES and (str(path), literal) not in OTHER_NAMES:
                    yield f'{path}:{line}: "{name}" can sleep in the kernel: read it in a child process, see CHILD_FILES'
        code = ctext.code_only(text)
        for name, callers in SLEEPING_FUNCTIONS.items():
            if str(path) in callers:
                continue
            for match in re.finditer(rf"\b{name}\b", code):
                yield f"{path}:{ctext.line_of(code, match.start())}: {name}() can sleep in the kernel: call it in a child process"


FORBIDDEN_CALLS = {
    "daemon": ["system", "popen", "execl", "execlp", "execle", "execvp", "getenv", "secure_getenv", "strcpy", "sprintf"],
    "client": ["system", "popen", "execl", "execlp", "execle", "execvp", "strcpy", "sprintf"],
}


def calls(tree):
    for folder, names in FORBIDDEN_CALLS.items():
        call = re.compile(r"(?<![\w.>])(" + "|".join(names) + r")\s*\(")
        for path in tree.files([folder], (".c", ".h")):
            code = ctext.code_only(tree.read(path))
            for match in call.finditer(code):
                yield f"{path}:{ctext.line_of(code, match.start())}: {match[1]}() is not used in {folder}/"


def length(tree):
    for path in tree.files(["daemon", "client", "tests", "cockpit/src"], SOURCES):
        lines = tree.read(path).count("\n")
        if lines > LINES_MAX:
            yield f"{path}:{LINES_MAX + 1}: has {lines} lines: split it into two files"


def license_headers(tree):
    for path in tree.files(["daemon", "client", "tests", "cockpit/src"], SOURCES):
        head = tree.read(path).splitlines()[:3]
        if not any("SPDX-License-Identifier: GPL-2.0-or-later" in line for line in head):
            yield f"{path}:1: has no SPDX-License-Identifier in its first lines"


def headers(tree):
    """Every header has an include guard, in the same form."""
    for path in tree.files(["daemon", "client", "tests"], (".h",)):
        if not re.search(r"^#pragma once$", tree.read(path), re.MULTILINE):
            yield f"{path}:1: has no #pragma once"


LOG_HEADER, CATALOG = "daemon/base/log.h", "systemd/vfiod.catalog"


def catalog(tree):
    """Each message id of the log has an explanation in the catalog, and each explanation belongs to a message."""
    if not (tree.root / LOG_HEADER).exists():
        return
    ids = dict(re.findall(r'^#define MESSAGE_(\w+) "([0-9a-f]{32})"$', tree.read(LOG_HEADER), re.MULTILINE))
    explained = re.findall(r"^-- ([0-9a-f]{32})$", tree.read(CATALOG), re.MULTILINE)
    for name, number in ids.items():
        if explained.count(number) != 1:
            yield f"{CATALOG}:1: has {explained.count(number)} explanations of MESSAGE_{name}, {number}"
    for number in sorted(set(explained) - set(ids.values())):
        yield f"{CATALOG}:1: explains {number}, which is no message"


# Known circles that are being removed: they are not reported. Do not add any.
KNOWN_CIRCLES = {}


def no_circles(tree):
    """No two files of a room include or call each other in a circle."""
    rooms = {}
    for path in tree.files(["daemon", "client"], (".c", ".h")):
        rooms.setdefault(str(path.parent), {})[path.name] = tree.read(path)
    for room, files in sorted(rooms.items()):
        for component, reasons in circles.circles(files):
            if not set(component) <= KNOWN_CIRCLES.get(room, set()):
                yield f"{room}/{component[0]}:1: a circle of {', '.join(component)}: {reasons}"


RULES = [layering, kernel_paths, sleeping, calls, length, license_headers, headers, catalog, no_circles]
