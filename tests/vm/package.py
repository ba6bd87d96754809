#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian packages on a host: installation over a vfiod without a package, upgrade, downgrade, removal and purge.

The packages are built from the tree, for Debian 13 in Debian 13. The newer version has the same files and another number. The card has
two ports in one IOMMU group. Beside each change of the packages, something goes on: a device of the first edition is detached, a job
waits for a virtual machine, a lease is in use.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zlib

import buildroot
import byhand
import host
import options
import overlay
import systems
from guest import Guest
from machine import Host
from tap import Tap
from view import UNIT, eventually

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "package"))
import debian  # noqa: E402

OLD, NEW = "old", "new"  # folders of the guest below DEBS
DEBS = "/root/debs"
BOOT_FILE = "/etc/udev/rules.d/10-vfiod.rules"
RECORD = "/run/vfiod/7.record"
SOCKETS = [f"vfiod{name}.socket" for name in ("", "-root", "-lease", "-worker", "-census", "-modules", "-reaper")]
# dpkg, apt, logind and the user database write these themselves.
IGNORED = ["/var/lib/dpkg", "/var/lib/apt", "/var/cache", "/var/log", "/tmp", "/var/tmp", "/root", "/var/lib/systemd/linger",
           "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-", "/etc/.pwd.lock"]
# What Debian's tools keep until the purge: the rules, and which units are enabled.
KEPT = ("/etc/vfiod", "/var/lib/systemd/deb-systemd-helper-", "/etc/systemd/system/")


class Packaged(Host):
    """The guest, and its card."""

    def __init__(self, tap, guest):
        super().__init__(tap, guest)
        self.card = [guest.address("story-left"), guest.address("story-right")]
        self.group = guest.group(self.card[0])
        self.before = self.snapshot(*self.card)
        self.files = set()

    def states(self):
        return {self.view.state(address) for address in self.card}

    def drivers(self):
        return set(host.drivers(self.guest, *self.card))

    def check_home(self, what):
        """The card is with the host as at the beginning, with the names of its interfaces."""
        self.tap.equal(f"{what}: the card is with the host", eventually(self.states, {"host"}), {"host"})
        self.tap.equal(f"{what}: as before", eventually(lambda: self.snapshot(*self.card), self.before), self.before)

    def check_detached(self, what):
        self.tap.equal(f"{what}: the card is on vfio-pci", self.drivers(), {"vfio-pci"})
        self.tap.equal(f"{what}: vfiod knows that it has detached it", self.states(), {"detached"})

    def units(self):
        """{unit: id of its last start} of vfiod and all sockets."""
        names = [UNIT, *SOCKETS]
        ids = self.guest.check_run(f"systemctl show --property=InvocationID --value {' '.join(names)}").split()
        return dict(zip(names, ids))

    def dpkg(self, words, timeout=400):
        """Run dpkg, which must succeed without a warning. Returns its output."""
        status, output = self.guest.run(f"DEBIAN_FRONTEND=noninteractive {words}", timeout)
        bad = [line for line in output.splitlines() if re.search(r"warning|error|fail|cannot|not starting", line, re.IGNORECASE)
               and "downgrading" not in line and "not empty so not removed" not in line]
        self.tap.check(f"it succeeds, without a warning: {words}", status == 0 and not bad, output)
        return output

    def install(self, which, workers=0):
        """Install the packages of a folder, which must restart vfiod and each socket. `workers` have a job, and continue."""
        before = self.units()
        output = self.dpkg(f"dpkg --install {DEBS}/{which}/*.deb")
        after = self.units()
        old = sorted(unit for unit, start in after.items() if start == before[unit])
        self.tap.equal(f"{which}: vfiod and all its sockets have started again", old, [])
        former = self.guest.run("readlink /proc/[0-9]*/exe | grep 'vfiod.*deleted'")[1].splitlines()
        self.tap.equal(f"{which}: only workers that have a job have the former program", former,
                       ["/usr/libexec/vfiod-worker (deleted)"] * workers)
        return output

    def list_files(self):
        """All files and links of the host, but for those that the tools write, and folders of vfiod."""
        pruned = " -o ".join(f"-path {path}" for path in IGNORED)
        return set(self.guest.check_run(f"find / -xdev \\( {pruned} \\) -prune -o \\( ! -type d -o -name '*vfiod*' \\) -print", 120).splitlines())


def first_edition(machine):
    """Bind the card as the first edition did, and write its file: as in tests/unit/first-edition."""
    guest, members = machine.guest, []
    boot = guest.read("/proc/sys/kernel/random/boot_id").replace("-", "")
    for address in machine.card:
        folder = f"/sys/bus/pci/devices/{address}"
        ids = guest.check_run(f"cd {folder} && cat vendor device subsystem_vendor subsystem_device class revision").split()
        (name,) = machine.before[address]["network"]
        members.append({"address": address, "phase": "detached", "ids": [int(text, 16) for text in ids], "any_driver": False,
                        "virtual_function": False, "driver": "e1000", "override": None, "module": "e1000",
                        "names": [["net", name]], "power_control": guest.read(f"{folder}/power/control"), "d3cold_allowed": True})
    text = json.dumps({"group": machine.group, "forced": False, "members": members})
    header = f"vfiod-record 1 {zlib.crc32(text.encode()):08x} {boot}"
    guest.check_run(f"mkdir -p /run/vfiod && umask 077 && printf '%s\\n%s' '{header}' '{text}' > {RECORD}")
    for address in machine.card:
        guest.check_run(f"modprobe vfio-pci; cd /sys/bus/pci/devices/{address} && echo vfio-pci > driver_override && "
                        f"echo {address} > driver/unbind && echo {address} > /sys/bus/pci/drivers_probe")


def check_install(machine, unpacked):
    """Installation over a vfiod without a package, while the first edition has the card detached."""
    tap, guest = machine.tap, machine.guest
    # What `meson install` wrote belongs to the package afterwards.
    machine.files = machine.list_files() - unpacked
    guest.check_run(f"systemctl start {UNIT}", 120)
    pid = machine.view.unit("MainPID")
    first_edition(machine)
    output = machine.dpkg(f"apt-get install --yes --quiet --no-install-recommends {DEBS}/{OLD}/*.deb")
    tap.contains("apt installs nothing else, and has no network", output, "3 newly installed, 0 to remove")
    tap.check("the vfiod without a package runs no more", machine.view.unit("MainPID") not in ("0", pid))
    tap.equal("vfiod is active", machine.view.unit("ActiveState"), "active")
    tap.equal("it is enabled", guest.run(f"systemctl is-enabled {UNIT} vfiod-root.socket vfiod-lease.socket")[1].split(), ["enabled"] * 3)
    machine.check_detached("of the first edition")
    tap.equal("its file is gone", guest.run(f"test -e {RECORD}")[0], 1)
    tap.equal("vfioctl reattaches it", machine.view.vfioctl(f"reattach {machine.card[0]}")[0], 0)
    machine.check_home("of the first edition")
    output = guest.run("systemd-analyze verify vfiod.service vfiod.socket vfiod-root.socket vfiod-lease.socket 2>&1", 120)[1]
    tap.equal("systemd finds no fault in the units", [line for line in output.splitlines() if "vfiod" in line and "man " not in line], [])
    tap.contains("the catalog explains entries of vfiod", guest.check_run("journalctl --list-catalog"), "vfiod refused a call")
    tap.equal("alice may ask vfiod", machine.view.vfioctl("groups", user="alice")[0], 0)


def check_upgrade(machine):
    """Upgrade while a job waits for a virtual machine."""
    tap, guest, view = machine.tap, machine.guest, machine.view
    tap.equal("vfioctl detaches the card", view.vfioctl(f"detach {machine.card[0]} --group")[0], 0)
    machine.install(NEW)
    tap.equal("dpkg has the newer version", guest.check_run("dpkg-query -W -f '${Version}' vfiod"), "0.1.0+new")
    machine.check_detached("after the upgrade")
    holder = guest.hold(machine.card[0])
    client = guest.start(f"vfioctl reattach {machine.card[0]} --force")
    tap.check("a job waits for the machine", guest.wait_for("vfioctl jobs | grep -q reattach"))
    machine.install(NEW, workers=1)
    tap.equal("the card still waits", bool(machine.states() & {"changing", "stuck"}), True)
    holder.close_input()
    machine.check_home("the machine has ended")
    client.wait()


def check_downgrade(machine):
    """Downgrade while a lease is in use."""
    tap, guest, view = machine.tap, machine.guest, machine.view
    user = guest.start(f"vfioctl lease {machine.card[0]} --group --override=no-reset -- cat")
    tap.check("a lease begins", guest.wait_for("vfioctl leases --json | grep -q active"))
    machine.install(OLD)
    tap.equal("dpkg has the older version", guest.check_run("dpkg-query -W -f '${Version}' vfiod"), "0.1.0")
    tap.equal("the lease continues", machine.states(), {"leased"})
    user.close_input()
    tap.equal("its command ends as before", user.wait(), 0)
    machine.check_home("the lease has ended")
    # Its devices are with the host before vfiod has removed its file.
    tap.equal("there is no lease any more", eventually(
        lambda: json.loads(guest.check_run("vfioctl --json leases"))["leases"], []), [])
    tap.equal("vfioctl detaches the card", view.vfioctl(f"detach {machine.card[0]} --group")[0], 0)
    machine.install(OLD)
    machine.check_detached("after a new installation of the same version")
    tap.equal("vfioctl reattaches it", view.vfioctl(f"reattach {machine.card[0]}")[0], 0)
    machine.check_home("after the downgrade")


def check_remove(machine):
    """Removal while a rule has detached the card."""
    tap, guest, view = machine.tap, machine.guest, machine.view
    tap.equal("vfioctl adds a rule", view.vfioctl(f"rule add {machine.card[0]} --group")[0], 0)
    tap.equal("the rule detaches the card", eventually(machine.states, {"detached"}), {"detached"})
    tap.check("the card is in the boot file", guest.wait_for(f"grep -q {machine.card[0]} {BOOT_FILE}"))
    output = machine.dpkg("dpkg --remove vfiod")
    for address in machine.card:
        tap.contains(f"the removal says how to reattach {address}", output, f"vfioctl reattach {address}")
    tap.contains("it says that the boot file is removed", output, f"removing {BOOT_FILE}")
    tap.contains("the initramfs is built again", output, "Processing triggers for initramfs-tools")
    tap.equal("the card is still on vfio-pci", machine.drivers(), {"vfio-pci"})
    tap.equal("no process of vfiod runs", guest.run("pgrep --full /usr/libexec/vfiod")[1], "")
    machine.dpkg("dpkg --remove vfioctl vfiod-doc")
    left = machine.list_files() - machine.files
    tap.equal("only the rules are left, and the notes which units are enabled", [path for path in left if not path.startswith(KEPT)], [])
    tap.equal("no file is missing", sorted(machine.files - machine.list_files()), [])
    machine.dpkg(f"dpkg --install {DEBS}/{OLD}/*.deb")
    machine.check_detached("installed again")
    tap.equal("vfioctl reattaches it", view.vfioctl(f"reattach {machine.card[0]}")[0], 0)
    machine.check_home("installed again")


def check_purge(machine):
    """Purge: nothing remains, but a file of somebody else."""
    tap, guest = machine.tap, machine.guest
    tap.equal("there is a rule", len(guest.check_run("ls /etc/vfiod/rules.d").split()), 1)
    guest.check_run(f"echo '# by hand' > {BOOT_FILE}")
    output = machine.dpkg("dpkg --purge vfiod vfioctl vfiod-doc")
    tap.lacks("no device is detached, and so none is named", output, "reattach")
    tap.contains("the purge says what it removes", output, "removing /etc/vfiod")
    found = machine.list_files()
    tap.equal("no file remains, but the one of somebody else", sorted(found - machine.files), [BOOT_FILE])
    tap.equal("no file is missing", sorted(machine.files - found), [])
    # systemd forgets stopped units, and the bus removed services, a moment later.
    tap.equal("nothing remains in /run", eventually(
        lambda: guest.run("find /run -name '*vfiod*' ! -name '*guest*' ! -path '/run/udev/links/*'")[1], ""), "")
    tap.equal("the bus does not know vfiod any more", eventually(
        lambda: guest.run("busctl --system list --acquired --activatable | grep -q org.vfiod1")[0], 1), 1)


def check_purge_detached(machine):
    """Purge while the card is detached: a vfiod that is installed again knows it."""
    tap, view = machine.tap, machine.view
    machine.dpkg(f"dpkg --install {DEBS}/{OLD}/*.deb")
    tap.equal("vfioctl detaches the card", view.vfioctl(f"detach {machine.card[0]} --group")[0], 0)
    output = machine.dpkg("dpkg --purge vfiod")
    for address in machine.card:
        tap.contains(f"the purge says how to reattach {address}", output, f"vfioctl reattach {address}")
    machine.dpkg(f"dpkg --install {DEBS}/{OLD}/*.deb")
    machine.check_detached("after the purge")
    tap.equal("vfioctl reattaches it", view.vfioctl(f"reattach {machine.card[0]}")[0], 0)
    machine.check_home("after the purge")


def check_newcomer(machine):
    """Three commands from the packages to a virtual machine that has the card: apt install, vfioctl detach, and QEMU with what this prints."""
    tap, guest = machine.tap, machine.guest
    machine.dpkg("dpkg --purge vfiod vfioctl vfiod-doc")
    (name,) = machine.before[machine.card[0]]["network"]
    machine.dpkg(f"apt-get install --yes --quiet --no-install-recommends {DEBS}/{OLD}/*.deb")
    output = guest.check_run(f"vfioctl detach {name} --group")
    tap.note(f"vfioctl detach {name} --group\n{output}")
    runs, program = byhand.start_machine(guest, re.search(r"^QEMU: (.*)$", output, re.MULTILINE).group(1))
    tap.check("QEMU starts", runs, program.output)
    tap.equal("the virtual machine has both ports", byhand.machine_devices(program).count("8086:100e"), 2)
    tap.equal("QEMU ends", byhand.stop_machine(program), 0)
    tap.equal("vfioctl reattaches the card", machine.view.vfioctl(f"reattach {name}")[0], 0)
    machine.check_home("after the virtual machine")


PARTS = [check_upgrade, check_downgrade, check_remove, check_purge, check_purge_detached, check_newcomer]


def newer(path, folder):
    """Write a package with a higher version and the same files into `folder`."""
    with tempfile.TemporaryDirectory() as work:
        tree = pathlib.Path(work, "tree")
        subprocess.run(["dpkg-deb", "--raw-extract", str(path), str(tree)], check=True)
        control = tree / "DEBIAN/control"
        control.write_text(re.sub("^Version: .*", r"\g<0>+new", control.read_text(encoding="utf-8"), flags=re.MULTILINE),
                           encoding="utf-8")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(folder / path.name)], check=True,
                       stdout=subprocess.DEVNULL)


def build_packages(tree, work):
    """Put both versions of the packages into an installed tree."""
    for which in (OLD, NEW):
        (tree / DEBS[1:] / which).mkdir(parents=True)
    for path in debian.packages(buildroot.build(systems.chosen()[0], work)).values():
        (tree / DEBS[1:] / OLD / path.name).write_bytes(path.read_bytes())
        newer(path, tree / DEBS[1:] / NEW)


def overlay_files(tree):
    """The files and folders of vfiod of the guest that the installed tree brings, and that the package has, too."""
    paths = [path for path in tree.rglob("*") if "man" not in path.parts and tree / DEBS[1:] not in path.parents and
             (path.is_symlink() or not path.is_dir() or "vfiod" in path.name)]
    return {"/" + overlay.merged(str(path.relative_to(tree))) for path in paths}


def remove_page(tree):
    """The packages do not have the page for Cockpit, which needs libraries of npm."""
    shutil.rmtree(tree / "usr/share/cockpit", ignore_errors=True)
    (tree / "usr/share/metainfo/org.vfiod1.cockpit.metainfo.xml").unlink(missing_ok=True)


def run(tap, tree, work):
    remove_page(tree)
    unpacked = overlay_files(tree)
    if not (tree / DEBS[1:]).exists():
        build_packages(tree, work)
    with Guest("story", destdir=str(tree)) as guest:
        tap.watch(guest)
        guest.boot()
        tap.note(f"booted in {guest.boot_seconds:.1f} s")
        machine = Packaged(tap, guest)
        tap.note(check_install.__doc__)
        tap.run("check_install", check_install, machine, unpacked)
        for part in PARTS:
            tap.note(part.__doc__)
            tap.run(part.__name__, part, machine)


def main():
    choice = options.parser(__doc__).parse_args()
    tap = Tap()
    with options.installed(choice) as destdir, tempfile.TemporaryDirectory(prefix="vfiod-package-") as work:
        tap.run("package", run, tap, pathlib.Path(destdir), pathlib.Path(work, "work"))
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
