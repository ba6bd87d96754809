#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the bill of materials of programs of vfiod that were built on Debian, as SPDX 2.3 in JSON.

The libraries are those that the programs name (readelf), and the packages are those that own the libraries (dpkg). The same
programs and packages make the same file: its date is SOURCE_DATE_EPOCH, or the time of the last commit. With --page, it also has the page
for Cockpit, and the libraries that licenses.txt of the page names, as package-lock.json describes them.
"""

import argparse
import base64
import datetime
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

HOME = "https://vfiod.org/"
OWN_LICENSE = "GPL-2.0-or-later"
# The licenses of the libraries themselves, by source package. Their packages contain more files, with other licenses. A library that
# is missing here makes the program fail: somebody must look up its license.
LIBRARY_LICENSES = {
    "acl": "LGPL-2.1-or-later",
    "glibc": "LGPL-2.1-or-later",
    "jansson": "MIT",
    "kmod": "LGPL-2.1-or-later",
    "libmnl": "LGPL-2.1-or-later",
    "systemd": "LGPL-2.1-or-later",
    "util-linux": "LGPL-2.1-or-later",
    "zlib": "Zlib",
}
# How the machine-readable files /usr/share/doc/PACKAGE/copyright name these licenses.
DEBIAN_NAMES = {
    "LGPL-2.1+": "LGPL-2.1-or-later",
    "LGPL-2+": "LGPL-2.0-or-later",
    "GPL-2+": "GPL-2.0-or-later",
    "GPL-2": "GPL-2.0-only",
    "Expat": "MIT",
    "MIT": "MIT",
    "Zlib": "Zlib",
    "zlib": "Zlib",
}


class SbomError(Exception):
    """A fact for the bill of materials cannot be determined."""


def output_of(*command):
    environment = os.environ | {"LC_ALL": "C"}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def needed(program):
    """The names of the libraries that a program is linked with: "libsystemd.so.0"."""
    return re.findall(r"\(NEEDED\).*\[(.*)\]", output_of("readelf", "--dynamic", "--wide", program))


def library_paths(program):
    """Where the loader finds the libraries of a program, by name."""
    found = re.findall(r"^\s*(\S+) => (/\S+) ", output_of("ldd", program), re.MULTILINE)
    loader = re.findall(r"^\s*(/\S+) \(0x", output_of("ldd", program), re.MULTILINE)
    return dict(found) | {os.path.basename(path): path for path in loader}


@functools.cache
def owner_of(path):
    """The Debian package that contains a library. It may have installed it below /lib or below /usr/lib."""
    real = os.path.realpath(path)
    for name in (real, real.removeprefix("/usr"), path):
        done = subprocess.run(["dpkg-query", "--search", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.splitlines()[0].rsplit(": ", 1)[0]
    raise SbomError(f"no package owns {path}")


def declared_license(package):
    """The license that the paragraph "Files: *" of the package's copyright file declares, or NOASSERTION."""
    path = pathlib.Path("/usr/share/doc", package.split(":")[0], "copyright")
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    match = re.search(r"^Files: ?\*\n(?:.+\n)*?License: *(\S+)$", text, re.MULTILINE)
    return DEBIAN_NAMES.get(match.group(1), "NOASSERTION") if match else "NOASSERTION"


def identifier(*words):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", "-".join(words))


def library_package(package):
    """The SPDX package of a Debian package."""
    wanted = "${Package}\t${Version}\t${Architecture}\t${source:Package}"
    name, version, architecture, source = output_of("dpkg-query", "--show", f"--showformat={wanted}", package).split("\t")
    if source not in LIBRARY_LICENSES:
        raise SbomError(f"LIBRARY_LICENSES has no license of {source}")
    return {
        "SPDXID": identifier("Package", name),
        "name": name,
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": LIBRARY_LICENSES[source],
        "licenseDeclared": declared_license(package),
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "LIBRARY",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{name}@{version.replace(':', '%3A').replace('+', '%2B')}?arch={architecture}",
        }],
    }


def program_file(path):
    """The SPDX file of a program."""
    content = pathlib.Path(path).read_bytes()
    return {
        "SPDXID": identifier("File", os.path.basename(path)),
        "fileName": f"./{os.path.basename(path)}",
        "fileTypes": ["BINARY"],
        "checksums": [{"algorithm": name.upper(), "checksumValue": hashlib.new(name, content).hexdigest()} for name in ("sha1", "sha256")],
        "licenseConcluded": OWN_LICENSE,
        "licenseInfoInFiles": [OWN_LICENSE],
        "copyrightText": "NOASSERTION",
    }


def own_package(version, files):
    """The SPDX package of vfiod. Its verification code is made of the SHA1 sums of its files."""
    sums = sorted(entry["checksums"][0]["checksumValue"] for entry in files)
    return {
        "SPDXID": identifier("Package", "vfiod"),
        "name": "vfiod",
        "versionInfo": version,
        "supplier": "NOASSERTION",
        "downloadLocation": "NOASSERTION",
        "homepage": HOME,
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": hashlib.sha1("".join(sums).encode()).hexdigest()},
        "licenseConcluded": OWN_LICENSE,
        "licenseDeclared": OWN_LICENSE,
        "licenseInfoFromFiles": [OWN_LICENSE],
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "APPLICATION",
    }


def page_library(name, lock):
    """The SPDX package of a library from npm that the page contains."""
    facts = lock["packages"][f"node_modules/{name}"]
    algorithm, _, digest = facts["integrity"].partition("-")
    return {
        "SPDXID": identifier("Package", "npm", name),
        "name": name,
        "versionInfo": facts["version"],
        "supplier": "NOASSERTION",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "checksums": [{"algorithm": algorithm.upper(), "checksumValue": base64.b64decode(digest).hex()}],
        "licenseConcluded": facts["license"],
        "licenseDeclared": facts["license"],
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "LIBRARY",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:npm/{name.replace('@', '%40')}@{facts['version']}",
        }],
    }


def page_packages(version, page, source):
    """The SPDX packages of the page and of the libraries in it. Raises SbomError if there is no built page."""
    try:
        names = re.findall(r"^== (\S+) ", pathlib.Path(page, "licenses.txt").read_text(encoding="utf-8"), re.MULTILINE)
        lock = json.loads(pathlib.Path(source, "cockpit/package-lock.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise SbomError(f"there is no page in {page}: {error}") from error
    own = {
        "SPDXID": identifier("Package", "cockpit-vfiod"),
        "name": "cockpit-vfiod",
        "versionInfo": version,
        "supplier": "NOASSERTION",
        "downloadLocation": "NOASSERTION",
        "homepage": HOME,
        "filesAnalyzed": False,
        "licenseConcluded": f"{OWN_LICENSE} AND MIT AND 0BSD AND OFL-1.1",
        "licenseDeclared": OWN_LICENSE,
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "APPLICATION",
    }
    return own, [page_library(name, lock) for name in names]


def relation(one, kind, other):
    return {"spdxElementId": one["SPDXID"], "relationshipType": kind, "relatedSpdxElement": other["SPDXID"]}


def creation_date(source):
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        seconds = seconds or output_of("git", "-C", source, "log", "-1", "--format=%ct")
    except (OSError, subprocess.CalledProcessError) as error:
        raise SbomError("set SOURCE_DATE_EPOCH: the source is not a clone with commits") from error
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_document(version, created, programs, page=None, source=None):
    """The whole document. `page`, if not None, is the folder of the built page, and `source` that of the project. Its namespace is made of the rest of it, so that different documents have different namespaces."""
    files = [program_file(path) for path in sorted(programs, key=os.path.basename)]
    own = own_package(version, files)
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"vfiod-{version}",
        "creationInfo": {"created": created, "creators": [f"Tool: vfiod-sbom-{version}"]},
    }
    relations = [relation(document, "DESCRIBES", own)] + [relation(own, "CONTAINS", entry) for entry in files]
    libraries = {}
    for path, entry in zip(sorted(programs, key=os.path.basename), files):
        paths = library_paths(path)
        owners = set()
        for name in needed(path):
            if name not in paths:
                raise SbomError(f"{path} needs {name}, which the loader does not find")
            owners.add(owner_of(paths[name]))
        for owner in sorted(owners):
            libraries.setdefault(owner, library_package(owner))
            relations.append(relation(entry, "DYNAMIC_LINK", libraries[owner]))
    packages = [own] + [libraries[name] for name in sorted(libraries)]
    if page is not None:
        own_page, bundled = page_packages(version, page, source)
        packages += [own_page, *bundled]
        relations += [relation(document, "DESCRIBES", own_page), *(relation(own_page, "CONTAINS", library) for library in bundled)]
    document |= {"packages": packages, "files": files, "relationships": relations}
    content = json.dumps(document, sort_keys=True)
    document["documentNamespace"] = f"{HOME}spdx/vfiod-{version}-{uuid.uuid5(uuid.NAMESPACE_URL, HOME + content)}"
    return document


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, metavar="FOLDER", help="source of vfiod, for the time of the last commit")
    parser.add_argument("--version", required=True, help="version of vfiod")
    parser.add_argument("--page", metavar="FOLDER", help="the built page for Cockpit")
    parser.add_argument("--output", required=True, metavar="FILE")
    parser.add_argument("programs", nargs="+", metavar="PROGRAM")
    choice = parser.parse_args()
    try:
        document = make_document(choice.version, creation_date(choice.source), choice.programs, choice.page, choice.source)
    except SbomError as error:
        print(f"sbom.py: {error}", file=sys.stderr)
        return 1
    pathlib.Path(choice.output).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
