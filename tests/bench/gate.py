#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fails if vfiod, vfioctl or the helpers execute more or fewer instructions or system calls than gate.json records.

counts.py has what is counted. A count may differ by 3 %, or by two. It depends on the compiler and on libraries, so gate.json has their
versions: with other versions, for example after a security update, a count may differ by 10 %. --update writes gate.json anew. It needs
root; it runs itself again in private namespaces, and changes nothing on this machine.
"""

import argparse
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "vm"))

import counts  # noqa: E402
from lab import Lab  # noqa: E402
from tap import Tap  # noqa: E402

RECORD = HERE / "gate.json"
BOUND = 0.03
BOUND_OTHER_VERSIONS = 0.10
FEW = 2  # system calls
# These differ by more than 1 % from run to run.
UNSTABLE = {"instructions": ("GetDevice by name", "detach"), "system-calls": ()}
COUNTERS = {"instructions": counts.Instructions, "system-calls": counts.SystemCalls}
PACKAGES = ("libc6", "libsystemd0", "libudev1", "libjansson4", "libsmartcols1", "libmnl0", "libacl1", "zlib1g", "valgrind", "strace")
OPTIONS = ("buildtype", "optimization", "debug", "b_lto", "b_ndebug", "b_pie", "b_sanitize", "c_args", "c_link_args", "prefix")
# All that programs see of the environment. Symbols are bound at the start, so that the first call costs no more than others. The C
# library does without what only some processors have.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "LD_BIND_NOW": "1",
               "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-BMI2,-ERMS,-FSRM"}
UPDATE = "If this is as it should be, run ./dev gate --update, and commit tests/bench/gate.json."


def introspect(build, what):
    output = subprocess.run(["meson", "introspect", f"--{what}", str(build)], stdout=subprocess.PIPE, check=True).stdout
    return json.loads(output)


def compiler_version(build):
    """The first line of what the compiler of vfiod prints, without its name."""
    target = next(target for target in introspect(build, "targets") if target["name"] == "vfiod" and target["type"] == "executable")
    compiler = next(source["compiler"] for source in target["target_sources"] if source.get("language") == "c")
    output = subprocess.run([*compiler, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return output.partition("\n")[0].partition(" ")[2]


def versions(build):
    """What the counts depend on, apart from the source code."""
    options = {option["name"]: option["value"] for option in introspect(build, "buildoptions")}
    packages = subprocess.run(["dpkg-query", "--show", "--showformat=${Package} ${Version}\n", *PACKAGES], stdout=subprocess.PIPE,
                              text=True, check=True).stdout
    return {"compiler": compiler_version(build), "options": " ".join(f"{name}={options.get(name)}" for name in OPTIONS),
            **dict(line.split() for line in packages.splitlines())}


def measure(build):
    """Return {counter: {operation: count}}. The counters run at the same time."""
    command = [build / "tests/unit/private-processes", "/usr/bin/unshare", "--net", sys.executable, "-B", __file__, "--build-dir", build,
               "--inside"]
    running = {name: subprocess.Popen([*command, name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=ENVIRONMENT)
               for name in COUNTERS}
    outputs = {name: process.communicate()[0] for name, process in running.items()}
    for name, process in running.items():
        if process.returncode != 0:
            raise RuntimeError(f"counting {name} failed")
    return {name: {what: count for what, count in json.loads(output).items() if what not in UNSTABLE[name]}
            for name, output in outputs.items()}


def run_inside(name, build):
    output, sys.stdout = sys.stdout, sys.stderr
    lab, found = Lab(build), {}
    for part in counts.PARTS:
        part(lab, COUNTERS[name](), found.__setitem__)
    json.dump(found, output)
    return 0


def compare(tap, name, bound, found, recorded):
    for what in sorted({*found, *recorded}):
        before, now = recorded.get(what), found.get(what)
        if before is None or now is None:
            tap.check(f"{name}, {what}: is recorded and counted", False, f"recorded: {before}, counted: {now}. {UPDATE}")
            continue
        change = now / before - 1
        tap.check(f"{name}, {what}: within {bound:.0%}", abs(change) <= bound or abs(now - before) <= FEW,
                  f"recorded {before:,}, now {now:,}: {change:+.1%}, {'worse' if change > 0 else 'better'}. {UPDATE}")


def check(tap, build):
    recorded, here = json.loads(RECORD.read_text(encoding="utf-8")), versions(build)
    before = recorded["versions"]
    differences = [f"{key}: recorded {before.get(key)}, here {here.get(key)}" for key in sorted({*before, *here})
                   if before.get(key) != here.get(key)]
    if differences:
        tap.note("\n".join([*differences, "To compare within 3 % again, run ./dev gate --update at a commit that passed, and commit "
                                          "tests/bench/gate.json."]))
    found = measure(build)
    for name in COUNTERS:
        compare(tap, name, BOUND_OTHER_VERSIONS if differences else BOUND, found[name], recorded[name])


def update(build):
    """Write gate.json. Print what changed."""
    before = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    found = measure(build)
    RECORD.write_text(json.dumps({"versions": versions(build), **found}, indent=2) + "\n", encoding="utf-8")
    for name, operations in found.items():
        for what, now in operations.items():
            old = before.get(name, {}).get(what)
            print(f"{name:12}  {what:24} {now:>13,}" + (f"  {now / old - 1:+.2%}" if old else "  new"))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build-dir", default="build", help="a build folder of meson, with gcc and without sanitizers")
    parser.add_argument("--update", action="store_true", help="record the counts of this build")
    parser.add_argument("--inside", choices=COUNTERS, help=argparse.SUPPRESS)
    choice = parser.parse_args()
    build = pathlib.Path(choice.build_dir).resolve()
    if choice.inside:
        return run_inside(choice.inside, build)
    if choice.update:
        return update(build)
    tap = Tap()
    tap.run("gate", check, tap, build)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
