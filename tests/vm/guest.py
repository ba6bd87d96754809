# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest: one QEMU process with a Debian system that has an IOMMU and PCI devices.

    with Guest("story", destdir=destdir) as guest:
        guest.boot()
        status, output = guest.run("vfioctl groups")
        address = guest.address("story-left")
        holder = guest.hold(address)

The guest runs the real systemd, udev, D-Bus and polkit. At the end of the block, the process is killed and the
changes to the disk are discarded, also after an exception. There is no network to the outside. Users besides root:
alice, bob. QEMU emulates with TCG unless $VFIOD_ACCELERATOR names another accelerator.
"""

import contextlib
import ctypes
import dataclasses
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import cache
import initramfs
import kernel
import overlay
import prepare
import systems
import topology
from programs import Connection, GuestError, GuestTimeout
from qmp import Qmp, QmpError, QmpTimeout

KERNEL_ARGUMENTS = ("console=ttyS0 mitigations=off quiet loglevel=5 audit=0 tsc=reliable no_timer_check "
                    "systemd.show_status=auto panic=-1 systemd.mask=systemd-binfmt.service "
                    "systemd.mask=proc-sys-fs-binfmt_misc.automount systemd.mask=systemd-update-utmp.service")
KEPT_LOGS = 30
TAIL_LINES = 40
LOG_SUFFIXES = [".log", ".qemu", ".journal"]  # the console, QEMU's own output, the guest's journal
JOURNAL_LINES = 2000
JOURNAL_TIMEOUT = 10
PR_SET_PDEATHSIG = 1
BOOTS_MAX = 3
# About one boot in a hundred ends like this: the emulated timer of a processor never fires, and everything waits.
LOST_TIMER = "rcu_preempt kthread timer wakeup didn't happen"


class Guest:
    """See the module. `topology_name` is a key of topology.TOPOLOGIES. `destdir` is an installed tree or None. `files`
    is a dictionary {path: text} of more files that exist at boot.

    With `shpc` the kernel's shpchp driver binds the bridge of the topology "story". The driver uses DMA through the
    kernel, so the group is never viable while the bridge is on shpchp. With `root_on_nvme` the root file system is
    on an NVMe disk behind a root port, "root", instead of a virtio disk; the topology must then have no other NVMe
    disk. `tables` are ACPI tables, see initramfs.py. `system` and `kernel_name` are a key of systems.KERNELS; their
    defaults are the choice of the command line. `facts` is what this kernel has.

    `disk` is a copy of the root file system that keeps the changes, so that several guests can be the boots of one
    host. `initrd` is an initramfs to boot instead of the one of initramfs.py; it unpacks no overlay. `unplugged` are the
    QEMU ids of network cards without a cable. With `packed` the guest boots Debian's kernel as it is packed. Only such a guest
    can resume from sleep: the resume is a reset, and at each reset QEMU writes an unpacked kernel into the memory again.
    With `console_on_pci` the console of the kernel is a serial card, "console".
    """

    def __init__(self, topology_name="full", iommu=True, destdir=None, files=None,
                 kernel_arguments="", qemu_arguments=(), memory=2048, processors=2, shpc=False,
                 root_on_nvme=False, tables=(), system=None, kernel_name=None, disk=None, initrd=None, unplugged=(),
                 packed=False, console_on_pci=False):
        self.topology_name = topology_name
        self.iommu = iommu
        self.destdir = destdir
        self.files = {**systems.bus_files(), **(files or {})}
        self.kernel_arguments = kernel_arguments
        self.qemu_arguments = list(qemu_arguments)
        self.memory = memory
        self.processors = processors
        self.shpc = shpc
        self.root_on_nvme = root_on_nvme
        self.tables = tables
        self.root_copy = disk
        self.initrd = initrd
        self.unplugged = unplugged
        self.packed = packed
        self.console_on_pci = console_on_pci
        chosen_system, chosen_kernel = systems.chosen()
        self.system = system or chosen_system
        self.kernel = kernel_name or chosen_kernel
        self.facts = systems.KERNELS[self.system, self.kernel]
        self.process = None
        self.connection = None
        self.qmp = None
        self.folder = None
        self.log = None
        self.boot_seconds = None
        self.watched = False  # a Tap will print the logs

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is not None and issubclass(kind, Exception) and not self.watched:
                print(self.evidence(), file=sys.stderr, flush=True)
        finally:
            self.close()

    # Start and end

    def boot(self, timeout=300, finished=True):
        """Start QEMU. Return when systemd reports that start-up is finished and udev has handled all events; if not
        `finished`, when the agent answers. Otherwise raise GuestError with the last lines of the console. If QEMU loses the
        timer of the guest, start it again."""
        started = time.monotonic()
        self.start_process()
        try:
            for boot in range(1, BOOTS_MAX + 1):
                if self.await_agent(timeout, boot == BOOTS_MAX):
                    break
                print(f"# QEMU lost the timer of the guest in boot {boot}, see {self.log}; another boot follows", flush=True)
                self.close()
                self.start_process()
            if not finished:
                return self
            state = self.connection.start(["systemctl", "is-system-running", "--wait"])
            state.wait(timeout)
            self.check_run("udevadm settle", timeout)
        except GuestError as error:
            raise GuestError(f"the guest does not boot: {error}\n{self.evidence()}") from error
        if state.output.strip() != "running":
            raise GuestError(f"start-up ended {state.output.strip()}:\n" + self.run("systemctl --failed")[1])
        self.boot_seconds = time.monotonic() - started
        return self

    def await_agent(self, timeout, is_last):
        """Wait for the agent in the guest. Return False at once if the timer is lost, unless this is the last boot."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.connection.wait_ready(max(0.1, min(10, deadline - time.monotonic())))
                return True
            except GuestTimeout:
                if not is_last and self.has_lost_timer():
                    return False
                if time.monotonic() >= deadline:
                    raise

    def has_lost_timer(self):
        """Whether the guest hangs because QEMU has lost the timer of a processor."""
        return LOST_TIMER in self.log.read_text(errors="replace")

    def start_process(self):
        image = prepare.prepared_image(systems.SYSTEMS[self.system])
        booted = kernel.prepared_kernel(self.kernel) if self.kernel in kernel.VARIANTS else image.kernel(self.kernel)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vfiod-guest-"))
        self.log = new_log(self.topology_name)
        if self.packed:
            packed = self.folder / "vmlinuz"
            prepare.copy_packed_kernel(image, systems.SYSTEMS[self.system].debian_kernels.index(self.kernel), packed)
            booted = dataclasses.replace(booted, kernel=packed)
        initramfs.build_initramfs(image.busybox, booted.modules, self.folder / "initramfs", self.tables)
        overlay.build_overlay(self.destdir, self.folder / "overlay.tar", self.files, booted.tree)
        agent, agent_there = socket.socketpair()
        monitor, monitor_there = socket.socketpair()
        with agent_there, monitor_there, open(self.log.with_suffix(".qemu"), "w") as output:
            self.process = subprocess.Popen(
                self.command_line(image, booted, agent_there.fileno(), monitor_there.fileno()),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                pass_fds=[agent_there.fileno(), monitor_there.fileno()], start_new_session=True,
                preexec_fn=die_with_parent)
        self.connection = Connection(agent)
        self.qmp = Qmp(monitor)
        try:
            self.qmp.negotiate()
            self.qmp.execute("query-status")
            for card in self.unplugged:
                self.qmp.execute("set_link", name=card, up=False)
            shutil.rmtree(self.folder)  # QEMU has the files open, so nothing remains if the test is killed
        except QmpError as error:
            self.close()
            raise GuestError("QEMU does not start: " + self.log.with_suffix(".qemu").read_text()) from error

    def command_line(self, image, booted, agent, monitor):
        kernel_arguments = [KERNEL_ARGUMENTS, f"systemd.unit={overlay.TARGET}", *self.disk_names()]
        arguments = [*image.qemu(), "-machine", "q35,kernel-irqchip=split,usb=off,vmport=off,smbus=on",
                     "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                     "-cpu", "max", "-smp", str(self.processors), "-m", str(self.memory)]
        accelerator = os.environ.get("VFIOD_ACCELERATOR", "tcg,thread=multi")
        arguments += ["-accel", accelerator]
        # Use native PCIe hotplug (pciehp) as on servers, not ACPI.
        arguments += ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]
        if not self.shpc:
            kernel_arguments.append("initcall_blacklist=shpcd_init")
        if self.iommu:
            iommu = systems.chosen_iommu()
            arguments += ["-device", iommu.device]
            kernel_arguments += iommu.parameters
        arguments += ["-kernel", str(booted.kernel), "-initrd", str(self.initrd or self.folder / "initramfs"),
                      "-append", " ".join([*kernel_arguments, self.kernel_arguments]), *self.console(),
                      "-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control"]
        arguments += self.root_disk(image.root)
        arguments += self.disk("overlay", self.folder / "overlay.tar", 3, "readonly=on")
        arguments += ["-device", "virtio-serial-pci,id=ports,bus=pcie.0,addr=0x4",
                      "-chardev", f"socket,id=agent,fd={agent}",
                      "-device", f"virtserialport,chardev=agent,name={overlay.PORT},nr=1",
                      "-object", "rng-random,id=random,filename=/dev/urandom",
                      "-device", "virtio-rng-pci,rng=random,bus=pcie.0,addr=0x5"]
        return arguments + topology.arguments(self.topology_name, self.folder) + self.qemu_arguments

    def console(self):
        """The console of the kernel, ttyS0."""
        if not self.console_on_pci:
            return ["-serial", f"file:{self.log}"]
        return ["-chardev", f"file,id=console-log,path={self.log}",
                *topology.device("pci-serial", "console", bus="pcie.0", addr="0x6", chardev="console-log")]

    def root_disk(self, path):
        if self.root_copy is not None:
            return self.disk("root", self.root_copy, 2, "snapshot=off")
        if not self.root_on_nvme:
            return self.disk("root", path, 2, "snapshot=on")
        return [*topology.root_port("root-port", 6),
                "-drive", f"file={path},if=none,id=root-drive,format=raw,cache=unsafe,snapshot=on",
                *topology.device("nvme", "root", bus="root-port", serial="vfiod-root", drive="root-drive")]

    def disk_names(self):
        """The kernel parameters that tell initramfs.py the names of the disks, in the order of their slots."""
        root, overlay_disk = ("/dev/nvme0n1", "/dev/vda") if self.root_on_nvme else ("/dev/vda", "/dev/vdb")
        return [f"root_disk={root}", f"overlay_disk={overlay_disk}"]

    @staticmethod
    def disk(name, path, slot, mode):
        return ["-drive", f"file={path},if=none,id={name}-drive,format=raw,cache=unsafe,{mode}",
                "-device", f"virtio-blk-pci,id={name},drive={name}-drive,bus=pcie.0,addr=0x{slot:x}"]

    def shutdown(self, timeout=120):
        """Power the guest off as an administrator does, and wait until it is off."""
        self.keep_journal()
        self.connection.start(["systemctl", "poweroff"])
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise GuestTimeout(f"not powered off after {timeout} s\n{self.evidence()}") from error
        self.close()

    def keep_journal(self):
        """Save the end of the guest's journal next to the console log, if the guest answers."""
        self.connection.listener = None
        with contextlib.suppress(GuestError):
            text = self.run(f"journalctl --no-pager --boot --lines={JOURNAL_LINES}", JOURNAL_TIMEOUT)[1]
            self.log.with_suffix(".journal").write_text(text, errors="replace")

    def close(self):
        """End the process if it still runs, and remove all its files except the logs."""
        if self.process is not None:
            if self.process.poll() is None:
                if self.connection is not None and self.connection.ready:
                    self.keep_journal()
                self.process.kill()
            self.process.wait()
            self.process = None
        if self.connection is not None:
            self.connection.thread.join(10)
            self.connection.socket.close()
            self.qmp.connection.close()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def evidence(self):
        """Information for the analysis of a failure: the paths of the logs and their last lines."""
        if self.process is not None and self.process.poll() is None and self.connection.ready:
            self.keep_journal()
        lines = []
        for suffix in LOG_SUFFIXES if self.log else ():
            path = self.log.with_suffix(suffix)
            text = path.read_text(errors="replace") if path.exists() else ""
            if text:
                lines += [f"--- {path}", *text.replace("\r", "").splitlines()[-TAIL_LINES:]]
        return "\n".join(lines)

    # Programs in the guest

    def start(self, command, user=None, terminal=False, size=(24, 110)):
        """Start a shell command and return its Program."""
        argv = ["bash", "-c", command]
        if user is not None:
            argv = ["runuser", "-u", user, "--", *argv]
        return self.connection.start(argv, terminal, size)

    def run(self, command, timeout=120, user=None, terminal=False):
        """Run a shell command. Returns (status, output), stdout and stderr together. After `timeout` seconds, kills the
        command if possible and raises GuestTimeout."""
        program = self.start(command, user, terminal)
        if not terminal:
            program.close_input()
        try:
            status = program.wait(timeout)
        except GuestTimeout:
            program.signal(9)
            raise
        return status, program.output

    def check_run(self, command, timeout=120, user=None):
        """Run a shell command that must succeed. Returns its output without the last newline."""
        status, output = self.run(command, timeout, user)
        if status != 0:
            raise GuestError(f"status {status} from: {command}\n{output}")
        return output.removesuffix("\n")

    def wait_for(self, condition, timeout=60):
        """Wait in the guest until the shell command `condition` succeeds. Returns True if it did."""
        status, _ = self.run(f"deadline=$((SECONDS + {timeout})); until {{ {condition}\n}} >/dev/null 2>&1; do "
                             f"[ $SECONDS -lt $deadline ] || exit 1; sleep 0.1; done", timeout + 30)
        return status == 0

    def read(self, path):
        """The text of a file in the guest, stripped."""
        return self.check_run(f"cat {shlex.quote(path)}").strip()

    # Devices

    def address(self, identifier):
        """The current PCI address (0000:03:01.0) in the guest of the device with this QEMU id."""
        def search(devices):
            for device in devices:
                if device["qdev_id"] == identifier:
                    return f"0000:{device['bus']:02x}:{device['slot']:02x}.{device['function']}"
                found = search(device.get("pci_bridge", {}).get("devices", []))
                if found:
                    return found
            return None
        for bus in self.qmp.execute("query-pci"):
            found = search(bus["devices"])
            if found:
                return found
        raise GuestError(f"no device {identifier} in the guest")

    def driver(self, address):
        """The name of the driver that a device is bound to, or an empty string."""
        return self.run(f"basename $(readlink /sys/bus/pci/devices/{address}/driver) 2>/dev/null")[1].strip()

    def group(self, address):
        """The number of a device's IOMMU group, or None."""
        link = self.run(f"readlink /sys/bus/pci/devices/{address}/iommu_group")[1].strip()
        return int(os.path.basename(link)) if link else None

    def members(self, group):
        """The addresses of the devices in an IOMMU group, sorted."""
        return self.check_run(f"ls /sys/kernel/iommu_groups/{group}/devices").split()

    def hold(self, *addresses, timeout=120, way=None):
        """Hold devices of one group (all on vfio-pci) as a VM does, in a way of systems.py. The default is the guest's
        first. Returns the Program of the holder; its stop() or close_input() releases the devices."""
        name = (way or self.facts.ways[0]).name
        program = self.connection.start(["python3", "-IS", f"/{overlay.HOLDER}", name, *addresses])
        program.read_until("held\n", timeout)
        return program

    def plug(self, driver, identifier, port="hot-0", **properties):
        """Hot-plug a device into a root port. Returns when QEMU has it; the guest may not have it yet."""
        self.qmp.execute("device_add", **{"driver": driver, "id": identifier, "bus": port, **properties})

    def unplug(self, identifier, timeout=60):
        """Ask the guest to release a device. See also pull()."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.qmp.execute("device_del", id=identifier)
                return
            except QmpError as error:
                # The kernel is still busy with the slot although the driver is bound. No event tells when it is done.
                if "guest is busy" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def await_deleted(self, identifier, timeout=60):
        """Wait until the guest has released a device, and can take another one in this slot. The kernel still waits for a second after
        it has switched the slot off. If it sees the next card then, and the button that QEMU presses with it afterwards, it switches
        the slot off again. The only sign of the end is the state of the thread of the slot."""
        event = self.qmp.await_event("DEVICE_DELETED", timeout=timeout, device=identifier)
        if not self.wait_for("! cat /proc/[0-9]*/stat 2>/dev/null | grep -q 'pciehp) [DR]'"):
            raise TimeoutError("the slots are still busy")
        return event

    def pull(self, identifier, attempts=3):
        """Take a device out of its slot: wait until the guest has released it. The kernel forgets the button of the slot if
        it still handles a former event of the slot, so the button is pressed again."""
        for attempt in range(attempts):
            try:
                self.unplug(identifier)
            except QmpError as error:
                # The guest has released it just now. Nobody has taken the event.
                if attempt == 0 or "not found" not in str(error):
                    raise
            try:
                self.await_deleted(identifier, 30)
                return
            except QmpTimeout:
                if attempt == attempts - 1:
                    raise


def die_with_parent():
    """In the child, before QEMU: be killed when the test's process ends, however it ends. Prefer the guest to other work: its tests have deadlines."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The kernel shares processor time among sessions, and QEMU has one of its own. Without the privilege or the feature it runs like all others.
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/autogroup").write_text("-10")


def written(path):
    """When a file was written; 0 if another program has removed it since."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0


def new_log(name):
    """A path for a console log in the log folder ($VFIOD_LOGS, or a folder in the cache). Removes old logs."""
    folder = pathlib.Path(os.environ.get("VFIOD_LOGS") or cache.folder() / "logs")
    folder.mkdir(parents=True, exist_ok=True)
    logs = sorted(folder.glob("*.log"), key=written)
    for log in logs[:-KEPT_LOGS]:
        for suffix in LOG_SUFFIXES:
            log.with_suffix(suffix).unlink(missing_ok=True)
    script = pathlib.Path(sys.argv[0]).stem.lstrip("-") or "python"
    handle, path = tempfile.mkstemp(prefix=f"{script}-{name}-", suffix=".log", dir=folder)
    os.close(handle)
    return pathlib.Path(path)
