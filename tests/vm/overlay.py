# SPDX-License-Identifier: GPL-2.0-or-later
"""The tar that the initramfs unpacks into the guest's root file system before systemd starts.

It holds the tests' own files (agent, holder, caller, their units) and the installed build from a folder that
`DESTDIR=... meson install --prefix=/usr` filled. All files belong to root. lib/, bin/ and sbin/ are moved below
usr/, as on a merged-usr system.
"""

import io
import os
import pathlib
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
AGENT = "usr/lib/vfiod-guest/agent.py"
HOLDER = "usr/lib/vfiod-guest/holder.py"
CALLER = "usr/lib/vfiod-guest/caller.py"
TARGET = "vfiod-guest.target"
PORT = "org.vfiod.agent"

UNITS = {
    TARGET: """[Unit]
Description=The guest of vfiod's tests
Requires=basic.target
Wants=dbus.service polkit.service systemd-user-sessions.service vfiod-guest-agent.service
After=basic.target dbus.service polkit.service systemd-user-sessions.service vfiod-guest-agent.service
AllowIsolate=yes
""",
    "vfiod-guest-agent.service": f"""[Unit]
Description=Starts programs for the tests
DefaultDependencies=no
Before=shutdown.target
Conflicts=shutdown.target
[Service]
ExecStart=/usr/bin/python3 -IS /{AGENT} {PORT}
StandardError=journal+console
KillMode=process
OOMScoreAdjust=-900
TasksMax=infinity
LimitCORE=infinity
""",
}


def build_overlay(destdir, target, files=None, modules=None):
    """Write the tar to the path `target`: the tests' own files, the tree `destdir` (or None), `files`, a dictionary from
    path to text, and the tree `modules` (or None) with modules of another kernel."""
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        markers = set()
        if destdir is not None:
            markers = add_tree(tar, pathlib.Path(destdir))
        if modules is not None:
            add_tree(tar, modules)
        for name, text in UNITS.items():
            add_file(tar, f"usr/lib/systemd/system/{name}", text.encode())
        add_file(tar, AGENT, (HERE / "agent.py").read_bytes(), 0o755)
        add_file(tar, HOLDER, (HERE / "holder.py").read_bytes(), 0o755)
        add_file(tar, CALLER, (HERE / "caller.py").read_bytes(), 0o755)
        for name, text in (files or {}).items():
            add_file(tar, name.lstrip("/"), text.encode())
        for marker in markers:
            add_file(tar, f"run/.guest/{marker}", b"")


def merged(name):
    """The path on a merged-usr system."""
    return f"usr/{name}" if name.split("/")[0] in ("bin", "sbin", "lib", "lib64") else name


def add_tree(tar, tree):
    """Add an installed tree. Returns the post-install steps that it needs."""
    if not tree.is_dir():
        raise FileNotFoundError(f"no installed build in {tree}")
    markers = set()
    for folder, folders, names in os.walk(tree):
        folders.sort()
        for name in sorted(names) + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            path = pathlib.Path(folder, name)
            inside = merged(str(path.relative_to(tree)))
            tar.add(path, inside, recursive=False, filter=owned_by_root)
            if inside.startswith("usr/lib/sysusers.d/"):
                markers.add("sysusers")
            if inside.startswith("usr/lib/systemd/catalog/"):
                markers.add("catalog")
        if not folders and not names and pathlib.Path(folder) != tree:
            tar.add(folder, merged(str(pathlib.Path(folder).relative_to(tree))), recursive=False,
                    filter=owned_by_root)
    return markers


def owned_by_root(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def add_file(tar, name, data, mode=0o644):
    """Add one file with the given contents."""
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = mode
    tar.addfile(owned_by_root(entry), io.BytesIO(data))
