#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the rules on the whole tree, and on samples that break them. test-rules.py ROOT"""

import pathlib
import sys
import tempfile

import rules

SPDX = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
HEADER = SPDX + "#pragma once\n"

# Rule, file, text, and a part of the expected finding; None: there must be no finding.
SAMPLES = [
    ("layering", "daemon/kernel/a.c", SPDX + '#include "model/device.h"\n', 'a.c:2: includes "model/device.h"'),
    ("layering", "daemon/base/a.c", SPDX + '#include "bus/service.h"\n', "to its right"),
    ("layering", "daemon/policy/a.c", SPDX + '# include  "job/job.h"\n', "to its right"),
    ("layering", "daemon/state/a.c", SPDX + '#include "engine/engine.h"\n', "to its right"),
    ("layering", "daemon/policy/a.c", SPDX + '#include "state/state.h"\n', "to its right"),
    ("layering", "daemon/engine/a.c", SPDX + '#include "job/job.h"\n', "to its right"),
    ("layering", "daemon/engine/a.c", SPDX + "#include <systemd/sd-bus.h>\n", "is for bus/"),
    ("layering", "daemon/engine/a.c", SPDX + '#include "state/device-file.h"\n#include "policy/plan.h"\n', None),
    ("layering", "daemon/bus/a.c", SPDX + '#include "manager.h"\n', "to its right"),
    ("layering", "daemon/bus/a.h", HEADER + '#include "service.h"\n', "write the folder"),
    ("layering", "daemon/odd/a.c", SPDX, "is in no layer"),
    ("layering", "daemon/odd.c", SPDX, "is in no layer"),
    ("layering", "daemon/model/a.c", SPDX + "#include <libudev.h>\n", "<libudev.h> is for kernel/ only"),
    ("layering", "daemon/manager.c", SPDX + "#include <libudev.h>\n", "is for kernel/ only"),
    ("layering", "daemon/vfiod.c", SPDX + "#include <libkmod.h>\n", "is for kernel/ only"),
    ("layering", "daemon/state/a.c", SPDX + "#include <systemd/sd-bus.h>\n", "is for bus/"),
    ("layering", "daemon/job/a.c", SPDX + "#include <systemd/sd-bus.h>\n", None),
    ("layering", "daemon/rule/a.h", HEADER + "#include <systemd/sd-bus-vtable.h>\n", "is for bus/"),
    ("layering", "daemon/bus/a.c", SPDX + '#include "config.h"\n#include "job/job.h"\n#include <systemd/sd-bus.h>\n', None),
    ("layering", "daemon/kernel/a.c", SPDX + '// #include "bus/service.h"\n#include <libudev.h>\n', None),
    ("layering", "daemon/vfiod.c", SPDX + '#include "manager.h"\n#include "bus/service.h"\n', None),
    ("kernel_paths", "daemon/model/a.c", SPDX + 'open("/sys/bus/pci", 0);\n', 'a.c:2: "/sys/bus/pci"'),
    ("kernel_paths", "daemon/model/a.c", SPDX + 'open("/" "proc" "/self", 0);\n', '"/proc/self"'),
    ("kernel_paths", "daemon/vfiod.c", SPDX + 'open("/sys/bus", 0);\n', '"/sys/bus"'),
    ("kernel_paths", "daemon/job/a.c", SPDX + 'open("/proc", 0);\n', '"/proc"'),
    ("kernel_paths", "daemon/engine/a.c", SPDX + 'open("/sys/bus", 0);\n', '"/sys/bus"'),
    ("kernel_paths", "daemon/state/a.c", SPDX + 'open("/proc/self", 0);\n', '"/proc/self"'),
    ("kernel_paths", "daemon/vfiod.c", SPDX + 'kernel_new("/sys", "/dev", "/proc");\n', None),
    ("kernel_paths", "daemon/kernel/a.c", SPDX + 'open("/proc/self/fd", 0);\n', None),
    ("kernel_paths", "daemon/usage/a.c", SPDX + 'open("/proc/self/fd", 0);\n', None),
    ("kernel_paths", "daemon/policy/a.c", SPDX + '/* "/sys/x" */ say("write to "\n"/sys/bus", "/system");\n', None),
    ("sleeping", "daemon/kernel/a.c", SPDX + 'sysfs_read_text(fd, "driver_override", b, n);\n', 'a.c:2: "driver_override"'),
    ("sleeping", "daemon/model/a.c", SPDX + 'snprintf(path, n, "%s/current_link_speed", a);\n', '"current_link_speed"'),
    ("sleeping", "daemon/job/a.c", SPDX + "r = pci_device_read_link(kernel, a, &link);\n", "a.c:2: pci_device_read_link()"),
    ("sleeping", "daemon/kernel/binding.c", SPDX + 'sysfs_read_text(fd, "driver_override", b, n);\n', None),
    ("sleeping", "daemon/job/link-reader.c", SPDX + "r = pci_device_read_link(kernel, a, &link);\n", None),
    ("sleeping", "daemon/bus/a.c", SPDX + '/* "uevent" */ say("driver_override of %s", "kernel/config/x");\n', None),
    ("calls", "daemon/job/a.c", SPDX + 'int r = system("ls");\n', "a.c:2: system()"),
    ("calls", "client/a.c", SPDX + 'FILE *f = popen ("ls", "r");\n', "popen()"),
    ("calls", "daemon/job/a.c", SPDX + 'execl("/bin/sh", "sh", NULL);\n', "execl()"),
    ("calls", "daemon/job/a.c", SPDX + 'return getenv("X");\n', "getenv()"),
    ("calls", "daemon/job/a.c", SPDX + "return secure_getenv(x);\n", "secure_getenv()"),
    ("calls", "client/a.c", SPDX + 'getenv("NO_COLOR"); open_system(); bus->system(x); /* system(x) */ say("system(x)");\n', None),
    ("length", "client/a.c", SPDX + "\n" * 500, "has 501 lines"),
    ("length", "tests/a.py", "\n" * 501, "has 501 lines"),
    ("length", "daemon/a.c", SPDX + "\n" * 499, None),
    ("license_headers", "tests/unit/a.c", "int x;\n", "a.c:1: has no SPDX"),
    ("license_headers", "tests/a.py", "#!/usr/bin/python3\n\n\n# SPDX-License-Identifier: GPL-2.0-or-later\n", "has no SPDX"),
    ("license_headers", "client/a.h", "/* SPDX-License-Identifier: MIT */\n", "has no SPDX"),
    ("license_headers", "tests/a.py", "#!/usr/bin/python3\n# SPDX-License-Identifier: GPL-2.0-or-later\n", None),
    ("headers", "daemon/base/a.h", SPDX + "int x;\n", "has no #pragma once"),
    ("headers", "daemon/base/a.h", HEADER, None),
]

# The files of a tree, and a part of the expected finding; None: there must be no finding.
CIRCLES = [
    ({"client/a.c": "int a(void) {\n        return b();\n}\n", "client/b.c": "int b(void) {\n        return a();\n}\n"}, "a.c, b.c"),
    (
        {
            "daemon/job/a.c": "int a(int x,\n                int y) {\n        return b();\n}\n",
            "daemon/job/b.c": "const char *b(void) {\n        return c;\n}\n",
            "daemon/job/c.c": "DEFINE_THING(c, int)\nvoid d(void) {\n        a(1, 2);\n}\n",
        },
        "a.c, b.c, c.c",
    ),
    ({"daemon/bus/a.h": '#include "bus/b.h"\n', "daemon/bus/b.h": '#include "bus/a.h"\n'}, "a.h includes b.h, b.h includes a.h"),
    # A header with types and a file's own header make no circle. A word in a comment, in a string or in a static
    # function of the same name makes none either.
    (
        {
            "client/a.h": "int a(void);\n",
            "client/a.c": '#include "a.h"\n#include "b.h"\nint a(void) {\n        return b();\n}\n',
            "client/b.h": "int b(void);\n",
            "client/b.c": '#include "a.h"\n#include "b.h"\n/* a() */\nint b(void) {\n        return say("a()");\n}\n',
            "client/c.c": "static int d(void) {\n        return 0;\n}\nint c(void) {\n        return d();\n}\n",
            "client/d.c": "int d(void) {\n        return c();\n}\n",
            "daemon/job/b.c": "int e(void) {\n        return a();\n}\n",
        },
        None,
    ),
]


ID = "0123456789abcdef" * 2
LOG = f'#define MESSAGE_X "{ID}"\n'
CATALOGS = [
    ({"daemon/base/log.h": LOG, "systemd/vfiod.catalog": f"-- {ID}\nSubject: x\n"}, None),
    ({"daemon/base/log.h": LOG, "systemd/vfiod.catalog": ""}, "has 0 explanations of MESSAGE_X"),
    ({"daemon/base/log.h": LOG, "systemd/vfiod.catalog": f"-- {ID}\n-- {ID}\n"}, "has 2 explanations of MESSAGE_X"),
    ({"daemon/base/log.h": "", "systemd/vfiod.catalog": f"-- {ID}\n"}, f"explains {ID}, which is no message"),
]


def find(rule, root):
    return list(getattr(rules, rule)(rules.Tree(root)))


def find_in_sample(rule, files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return find(rule, folder)


def main(root):
    results = []

    def check(name, findings):
        results.append(not findings)
        print(f"{'not ok' if findings else 'ok'} {len(results)} - {name}")
        for finding in findings:
            print(f"# {finding}")

    samples = [(rule, {name: text}, expected) for rule, name, text, expected in SAMPLES]
    samples += [("no_circles", files, expected) for files, expected in CIRCLES]
    samples += [("catalog", files, expected) for files, expected in CATALOGS]
    print(f"1..{len(rules.RULES) + len(samples)}")
    for number, (rule, files, expected) in enumerate(samples):
        found = find_in_sample(rule, files)
        good = len(found) == 1 and expected in found[0] if expected else not found
        check(f"{rule}: sample {number}, {expected or 'good'}", [] if good else [f"found: {found}"])
    for rule in rules.RULES:
        check(f"{rule.__name__}: the tree", find(rule.__name__, root))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
