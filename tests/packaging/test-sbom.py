#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The bill of materials has the form of SPDX 2.3, says what the programs are linked with, and is the same each time.

test-sbom.py --build-dir BUILD
"""

import base64
import copy
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from shared import ROOT, Tap, build_folder, run, version

PROGRAMS = ["client/vfioctl", "daemon/vfiod", "daemon/vfiod-census", "daemon/vfiod-modules", "daemon/vfiod-reaper", "daemon/vfiod-worker"]
PAGE_LICENSE = "GPL-2.0-or-later AND MIT AND 0BSD AND OFL-1.1"
LICENSES = {"0BSD", "GPL-2.0-only", "GPL-2.0-or-later", "LGPL-2.0-or-later", "LGPL-2.1-or-later", "MIT", "NOASSERTION", "Zlib", PAGE_LICENSE}
TEXT, LICENSE = r".+", "|".join(re.escape(name) for name in sorted(LICENSES))
IDENTIFIER = r"SPDXRef-[A-Za-z0-9.-]+"

# The form of what sbom.py writes: a pattern for a string, a type, a list with the form of each entry, or a dictionary. Each name is
# required, except for those with "?"; and no other name is allowed.
FILE = {
    "SPDXID": IDENTIFIER,
    "fileName": r"\./.+",
    "fileTypes": ["BINARY"],
    "checksums": [{"algorithm": "SHA1|SHA256", "checksumValue": "[0-9a-f]{40}|[0-9a-f]{64}"}],
    "licenseConcluded": LICENSE,
    "licenseInfoInFiles": [LICENSE],
    "copyrightText": "NOASSERTION",
}
PACKAGE = {
    "SPDXID": IDENTIFIER,
    "name": TEXT,
    "versionInfo": TEXT,
    "supplier": r"NOASSERTION|(Organization|Person): .+",
    "downloadLocation": "NOASSERTION",
    "homepage?": r"https://.+",
    "filesAnalyzed": bool,
    "checksums?": [{"algorithm": "SHA512", "checksumValue": "[0-9a-f]{128}"}],
    "packageVerificationCode?": {"packageVerificationCodeValue": "[0-9a-f]{40}"},
    "licenseConcluded": LICENSE,
    "licenseDeclared": LICENSE,
    "licenseInfoFromFiles?": [LICENSE],
    "copyrightText": "NOASSERTION",
    "primaryPackagePurpose": "APPLICATION|LIBRARY",
    "externalRefs?": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": r"pkg:deb/debian/[^\s@]+@[^\s?+:]+\?arch=\w+|pkg:npm/(%40[\w-]+/)?[\w.-]+@[\d.]+"}],
}
DOCUMENT = {
    "spdxVersion": r"SPDX-2\.3",
    "dataLicense": r"CC0-1\.0",
    "SPDXID": "SPDXRef-DOCUMENT",
    "name": TEXT,
    "documentNamespace": r"https://[^\s#]+",
    "creationInfo": {"created": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "creators": [r"Tool: \S+-\S+"]},
    "packages": [PACKAGE],
    "files": [FILE],
    "relationships": [{"spdxElementId": IDENTIFIER, "relationshipType": "CONTAINS|DESCRIBES|DYNAMIC_LINK", "relatedSpdxElement": IDENTIFIER}],
}


def form_faults(value, form, where="document"):
    """What is wrong with the form of a value."""
    if isinstance(form, str):
        return [] if isinstance(value, str) and re.fullmatch(form, value) else [f"{where} is {value!r}"]
    if isinstance(form, type):
        return [] if isinstance(value, form) else [f"{where} is {value!r}"]
    if isinstance(form, list):
        if not isinstance(value, list) or not value:
            return [f"{where} is not a list with entries"]
        return [fault for number, entry in enumerate(value) for fault in form_faults(entry, form[0], f"{where}[{number}]")]
    if not isinstance(value, dict):
        return [f"{where} is not an object"]
    faults = [f"{where} lacks {name}" for name in form if not name.endswith("?") and name not in value]
    for name, entry in value.items():
        rule = form.get(name, form.get(name + "?"))
        faults += form_faults(entry, rule, f"{where}.{name}") if rule else [f"{where} has {name}"]
    return faults


def reference_faults(document):
    """Identifiers that are not unique or do not exist, and sums that do not fit."""
    elements = [document, *document["packages"], *document["files"]]
    known = [element["SPDXID"] for element in elements]
    faults = [f"{name} is not unique" for name in set(known) if known.count(name) > 1]
    relations = document["relationships"]
    faults += [f"no element {entry[end]}" for entry in relations for end in ("spdxElementId", "relatedSpdxElement") if entry[end] not in known]
    described = [entry["relatedSpdxElement"] for entry in relations if entry["relationshipType"] == "DESCRIBES"]
    page = [package["SPDXID"] for package in document["packages"] if package["name"] == "cockpit-vfiod"]
    if described != ["SPDXRef-Package-vfiod", *page]:
        faults.append(f"the document describes {described}")
    contained = {entry["relatedSpdxElement"] for entry in relations if entry["relationshipType"] == "CONTAINS" and entry["spdxElementId"] not in page}
    if contained != {entry["SPDXID"] for entry in document["files"]}:
        faults.append("the package does not contain all files")
    sums = sorted(sum_of(entry, "SHA1") for entry in document["files"])
    for package in document["packages"]:
        code = package.get("packageVerificationCode", {}).get("packageVerificationCodeValue")
        if code != (hashlib.sha1("".join(sums).encode()).hexdigest() if package["filesAnalyzed"] else None):
            faults.append(f"the verification code of {package['name']} is wrong")
    return faults


def sum_of(entry, algorithm):
    return next(item["checksumValue"] for item in entry["checksums"] if item["algorithm"] == algorithm)


def linked(document):
    """{program: names of the packages it is linked with}."""
    names = {package["SPDXID"]: package["name"] for package in document["packages"]}
    found = {entry["fileName"]: set() for entry in document["files"]}
    by_id = {entry["SPDXID"]: entry["fileName"] for entry in document["files"]}
    for entry in document["relationships"]:
        if entry["relationshipType"] == "DYNAMIC_LINK":
            found[by_id[entry["spdxElementId"]]].add(names[entry["relatedSpdxElement"]])
    return found


def expected_libraries(program):
    """The packages of the libraries of a program, found another way: as Debian's packages are built."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/debian")
        with open(f"{folder}/debian/control", "w", encoding="utf-8") as control:
            control.write("Source: x\n\nPackage: x\nArchitecture: any\n")
        text = run("dpkg-shlibdeps", "-O", "--ignore-missing-info", f"-e{program}", cwd=folder)
    line = next(line for line in text.splitlines() if line.startswith("shlibs:Depends="))
    return {word.split()[0] for word in line.split("=", 1)[1].split(", ")}


def write(programs, output, *options, **environment):
    run(ROOT / "packaging/sbom.py", "--source", ROOT, "--version", version(), "--output", output, *options, *programs, env=os.environ | environment)
    with open(output, encoding="utf-8") as file:
        return json.load(file)


def check_validator(tap, document):
    """A check that accepts everything proves nothing."""
    def broken(change):
        other = copy.deepcopy(document)
        change(other)
        return form_faults(other, DOCUMENT) or reference_faults(other)

    tap.check("the check refuses an unknown name", broken(lambda other: other["files"][0].update(x=1)))
    tap.check("the check refuses a missing name", broken(lambda other: other["creationInfo"].pop("created")))
    tap.check("the check refuses an unknown license", broken(lambda other: other["packages"][1].update(licenseConcluded="LGPL")))
    tap.check("the check refuses a reference to nothing", broken(lambda other: other["packages"].pop()))
    tap.check("the check refuses a wrong verification code", broken(lambda other: other["files"].pop() and other["relationships"].clear()))


def check_page(tap, programs, folder):
    """The page and its libraries, from a page with two libraries."""
    page = pathlib.Path(folder, "page")
    page.mkdir()
    (page / "licenses.txt").write_text("Header\n== react 1 (MIT)\n== @patternfly/react-core 1 (MIT)\n", encoding="utf-8")
    document = write(programs, os.path.join(folder, "with-page"), "--page", page)
    tap.equal("with a page, it has the form of SPDX 2.3", form_faults(document, DOCUMENT), [])
    tap.equal("with a page, all references fit", reference_faults(document), [])
    names = {package["SPDXID"]: package["name"] for package in document["packages"]}
    contained = {names[entry["relatedSpdxElement"]] for entry in document["relationships"] if names.get(entry["spdxElementId"]) == "cockpit-vfiod"}
    tap.equal("the page contains its libraries", contained, {"react", "@patternfly/react-core"})
    lock = json.loads((ROOT / "cockpit/package-lock.json").read_text(encoding="utf-8"))["packages"]["node_modules/react"]
    (react,) = (package for package in document["packages"] if package["name"] == "react")
    tap.equal("a library has the version and the sum of package-lock.json",
              (react["versionInfo"], base64.b64encode(bytes.fromhex(react["checksums"][0]["checksumValue"])).decode()),
              (lock["version"], lock["integrity"].partition("-")[2]))


def main():
    build, tap = build_folder(), Tap()
    programs = [build / name for name in PROGRAMS]
    inputs = run("ninja", "-C", build, "-t", "query", "packaging/vfiod.spdx.json").split()
    tap.equal("the build makes it of all installed programs", set(PROGRAMS) - set(inputs), set())
    with tempfile.TemporaryDirectory() as folder:
        first, second, other = (os.path.join(folder, name) for name in ("first", "second", "other"))
        document = write(programs, first, SOURCE_DATE_EPOCH="1700000000")
        tap.equal("it has the form of SPDX 2.3", form_faults(document, DOCUMENT), [])
        tap.equal("all references fit", reference_faults(document), [])
        check_validator(tap, document)
        tap.equal("its date is SOURCE_DATE_EPOCH", document["creationInfo"]["created"], "2023-11-14T22:13:20Z")
        for program in programs:
            content = program.read_bytes()
            entry = next(entry for entry in document["files"] if entry["fileName"] == f"./{program.name}")
            tap.equal(f"{program.name}: the sum is right", sum_of(entry, "SHA256"), hashlib.sha256(content).hexdigest())
            tap.equal(f"{program.name}: the libraries are right", linked(document)[entry["fileName"]], expected_libraries(program))
        write(reversed(programs), second, SOURCE_DATE_EPOCH="1700000000", TZ="Asia/Tokyo", LC_ALL="C.UTF-8")
        with open(first, "rb") as one, open(second, "rb") as two:
            tap.check("the same programs make the same file", one.read() == two.read())
        later = write(programs, other, SOURCE_DATE_EPOCH="1700000001")
        tap.check("another document has another namespace", later["documentNamespace"] != document["documentNamespace"])
        check_page(tap, programs, folder)
        done = subprocess.run([ROOT / "packaging/sbom.py", "--source", ROOT, "--version", "1", "--output", other, "/usr/bin/python3"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        tap.check("a library with an unknown license is an error", done.returncode == 1 and "has no license of" in done.stdout, done.stdout)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
