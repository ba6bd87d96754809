# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways in which a host uses a device, on the guest's topology "used"; those of ODD on the topology "odd".

    for use in uses.EVERY:
        with uses.in_use(guest, use) as used:
            used.address, used.evidence         # what a refusal has to name
        ...                                     # the device is free again

Shell commands make and end each use. In the commands and in the evidence, $disk, $partition, $stick, $controller and
$name are the current names of the devices. A command that leaves a process running writes its pid to the file $user.
"""

import contextlib
import dataclasses
import string

import topology
from view import eventually

PROCESS = "/run/user-of-device"
# The process has its name when it has opened the node.
OPEN = ("setsid sleep infinity < {node} > /dev/null 2>&1 & echo $! > $user;"
        " until grep -qx sleep /proc/$!/comm; do kill -0 $! || exit 1; sleep 0.1; done")
CLOSE = "kill $(cat $user); tail --pid=$(cat $user) --follow /dev/null"
CLAIM = ("import os, signal, sys; os.open(sys.argv[1], os.O_RDWR | os.O_EXCL);"
         " print(1, flush=True); signal.pause()")
FORMAT = "mke2fs -q -F -t ext4 -O ^has_journal"
WIPE = "wipefs --quiet --all"
SPLIT = f"sgdisk --new=1:0:+24M --new=2:0:0 $disk && udevadm settle && {WIPE} $partition"
JOIN = "sgdisk --zap-all $disk; udevadm settle"
PLAIN = "--type plain --key-file /etc/machine-id --cipher aes-xts-plain64 --key-size 256 --hash sha256"
UPPER = "ip link add link $name name upper type"
READ_FILES = "echo 3 > /proc/sys/vm/drop_caches; ls /mnt/lost+found"
READ_BLOCK = "dd if={} of=/dev/null count=1 skip=$RANDOM iflag=direct"
# One line for each kind of name that a device here can have; the line is empty if the device has none.
NAMES = """shopt -s nullglob; cd /sys/bus/pci/devices/{}
for path in "net/*" "nvme/*/nvme*n[0-9]" "nvme/*" "usb*/*/*/host*/target*/*/block/*"; do
    found=($path); echo "${{found[0]##*/}}"
done"""


# The name that a device needs for its uses, by its place in NAMES.
NEEDED = {"nic": 0, "disk": 1, "usb": 3}


@dataclasses.dataclass(frozen=True)
class Use:
    """`device` is the id in the topology. `guard` is the kind of guard that must find the use. `evidence` are words
    that the guard must say. `works` is a command that fails if the use has been broken."""

    what: str
    device: str
    guard: str
    begin: str
    end: str
    evidence: tuple
    works: str = "true"


def opened(what, device, guard, node):
    """A process has a device node open."""
    return Use(what, device, guard, OPEN.format(node=node), CLOSE, (node, "$pid", "sleep"))


STORAGE = [
    Use("a mounted file system", "disk", "storage", f"{FORMAT} $disk && mount $disk /mnt",
        f"umount /mnt; {WIPE} $disk", ("mounted on /mnt",), READ_FILES),
    Use("a mounted partition", "disk", "storage", f"{SPLIT} && {FORMAT} $partition && mount $partition /mnt",
        f"umount /mnt; {JOIN}", ("nvme", "p1 is mounted on /mnt"), READ_FILES),
    Use("a mount in another mount namespace", "disk", "storage",
        f"{FORMAT} $disk; setsid unshare --mount --propagation private sh -c"
        " \"mount $disk /mnt && touch /run/mounted && exec sleep infinity\" > /dev/null 2>&1 & echo $! > $user;"
        " until [ -e /run/mounted ]; do sleep 0.1; done",
        f"{CLOSE}; rm /run/mounted; {WIPE} $disk", ("/mnt",), "nsenter --mount --target $(cat $user) ls /mnt/lost+found"),
    Use("swap", "disk", "storage", "mkswap --quiet $disk && swapon $disk", f"swapoff $disk; {WIPE} $disk", ("swap",)),
    Use("a mounted logical volume", "disk", "storage",
        "vgcreate -qq vg $disk && lvcreate -qq -y -l 100%FREE -n lv vg &&"
        f" {FORMAT} /dev/vg/lv && mount /dev/vg/lv /mnt",
        f"umount /mnt; vgremove -qq -y -f vg; pvremove -qq -y -ff $disk; {WIPE} $disk", ("dm-0", "/mnt"), READ_FILES),
    Use("an active logical volume on a partition", "disk", "storage",
        f"{SPLIT} && vgcreate -qq vg $partition && lvcreate -qq -y -l 100%FREE -n lv vg",
        f"vgremove -qq -y -f vg; pvremove -qq -y -ff $partition; {JOIN}", ("dm-0",), READ_BLOCK.format("/dev/vg/lv")),
    Use("an open dm-crypt volume", "disk", "storage", f"cryptsetup open {PLAIN} $disk secret",
        "cryptsetup close secret", ("dm-0",), READ_BLOCK.format("/dev/mapper/secret")),
    Use("a member of an md array", "disk", "storage",
        f"{SPLIT} && mdadm --create /dev/md0 --quiet --run --level=1 --raid-devices=2 $partition missing",
        f"mdadm --stop --quiet /dev/md0; mdadm --zero-superblock $partition; {JOIN}", ("md0",),
        READ_BLOCK.format("/dev/md0")),
    Use("an exclusive claim that no file of the kernel shows", "disk", "storage",
        f"setsid python3 -IS -c '{CLAIM}' $disk > /run/claimed & echo $! > $user;"
        " until [ -s /run/claimed ]; do sleep 0.1; done", f"{CLOSE}; rm /run/claimed", ("$disk",)),
    Use("a loop device on the disk", "disk", "storage", "modprobe loop; losetup /dev/loop0 $disk",
        "losetup --detach /dev/loop0", ("loop0",), READ_BLOCK.format("/dev/loop0")),
    opened("a process that has the disk open", "disk", "process", "$disk"),
    Use("a mounted USB disk", "usb", "storage", f"{FORMAT} $stick && mount $stick /mnt",
        f"umount /mnt; {WIPE} $stick", ("sda is mounted on /mnt",), READ_FILES),
]

NETWORK = [
    Use("an address", "nic", "network", "ip link set $name up && ip address add 192.0.2.2/24 dev $name",
        "ip address flush dev $name; ip link set $name down",
        ("$name", "192.0.2.2"), "ip address show $name | grep 192.0.2.2"),
    Use("an IPv6 address", "nic", "network", "ip link set $name up && ip address add 2001:db8::2/64 dev $name nodad",
        "ip address flush dev $name; ip link set $name down", ("$name", "2001:db8::2"), "ip address show $name | grep 2001:db8::2"),
    Use("the default route", "nic", "network",
        "ip link set $name up && ip address add 192.0.2.2/24 dev $name && ip route add default via 192.0.2.1",
        "ip address flush dev $name; ip link set $name down", ("$name", "192.0.2.2"), "ip route get 198.51.100.1"),
    Use("a route in another routing table", "nic", "network",
        "ip link set $name up && ip route add 198.51.100.0/24 dev $name table 100",
        "ip route flush table 100; ip link set $name down", ("$name", "198.51.100.0"),
        "ip route show table 100 | grep ."),
    Use("a port of a bridge, without address", "nic", "network",
        "ip link add bridge9 type bridge && ip link set $name master bridge9", "ip link delete bridge9",
        ("$name", "bridge9"), "bridge link | grep bridge9"),
    Use("a member of a bond", "nic", "network",
        "modprobe bonding max_bonds=0; ip link add bond9 type bond && ip link set $name down &&"
        " ip link set $name master bond9", "ip link delete bond9; ip link set $name down",
        ("$name", "bond9"), "grep . /sys/class/net/bond9/bonding/slaves"),
    Use("a VLAN on the interface", "nic", "network", f"{UPPER} vlan id 5", "ip link delete upper", ("$name", "upper"),
        "ip link show upper"),
    Use("a macvlan on the interface", "nic", "network", f"{UPPER} macvlan", "ip link delete upper", ("$name", "upper"),
        "ip link show upper"),
    Use("an interface in another network namespace", "nic", "network",
        "ip netns add elsewhere && ip link set $name netns elsewhere",
        "ip netns exec elsewhere ip link set $name netns 1; ip netns delete elsewhere; udevadm settle", ("namespace",),
        "ip netns exec elsewhere ip link | grep ether"),
]

OTHER = [
    opened("a sound card with a process", "sound", "process", "/dev/snd/controlC0"),
    opened("an NVMe controller whose own node is open", "disk", "process", "$controller"),
    Use("the boot display", "display", "display", "true", "true", ("started with", "fb0"), "test -e /dev/fb0"),
]

EVERY = [*STORAGE, *NETWORK, *OTHER]

TARGET = "/sys/kernel/config/nvmet/subsystems/odd"
KEYBOARD = "/sys/bus/serio/devices/serio0"
# The window of the host bridge becomes a region, which has one decoder of the device.
REGION = f"""cd /sys/bus/cxl/devices && region=$(cat decoder0.0/create_ram_region) && echo $region > decoder0.0/create_ram_region &&
echo 256 > $region/interleave_granularity && echo 1 > $region/interleave_ways && echo {topology.CXL_BYTES} > $region/size &&
endpoint=$(echo endpoint*) && decoder=decoder${{endpoint#endpoint}}.0 && echo ram > $decoder/mode &&
echo {topology.CXL_BYTES} > $decoder/dpa_size && echo $decoder > $region/target0 && echo 1 > $region/commit"""
NO_REGION = "cd /sys/bus/cxl/devices; echo 0 > region0/commit; echo region0 > decoder0.0/delete_region"
CXL_DRIVERS = "/sys/bus/cxl/drivers/cxl_region"
AWAIT_RAM = ("end=$((SECONDS + 60)) && until [ -e /sys/bus/dax/drivers/kmem/dax0.0 ]; do"
             " [ $SECONDS -lt $end ] || { ls -l /sys/bus/dax/devices /sys/bus/dax/drivers/kmem; exit 1; }; sleep 0.1; done")

ODD = [
    Use("the console of the kernel", "console", "console", "true", "true", ("ttyS0 is a console of the kernel",),
        "grep -q ttyS0 /sys/class/tty/console/active"),
    Use("the only keyboard", "keyboards", "console", f"printf none > {KEYBOARD}/drvctl", f"printf atkbd > {KEYBOARD}/drvctl",
        ("the host has no other keyboard than", "QEMU USB Keyboard"), f"[ ! -e {KEYBOARD}/input ]"),
    Use("an NVMe controller that an NVMe target passes through", "disk", "storage",
        f"modprobe nvmet; mkdir {TARGET} && printf $controller > {TARGET}/passthru/device_path &&"
        f" echo 1 > {TARGET}/passthru/enable", f"echo 0 > {TARGET}/passthru/enable; rmdir {TARGET}",
        ("nvme0 is passed through by an NVMe target",), f"grep -q 1 {TARGET}/passthru/enable"),
    Use("a disk that an NVMe target exports", "disk", "storage",
        f"mkdir {TARGET} {TARGET}/namespaces/1 && printf $disk > {TARGET}/namespaces/1/device_path &&"
        f" echo 1 > {TARGET}/namespaces/1/enable",
        f"echo 0 > {TARGET}/namespaces/1/enable; rmdir {TARGET}/namespaces/1 {TARGET}",
        ("nvme0n1 is exported as an NVMe target",), f"grep -q 1 {TARGET}/namespaces/1/enable"),
    Use("an NVMe target whose configuration is not visible", "disk", "storage", "modprobe nvmet; umount /sys/kernel/config",
        "mount -t configfs configfs /sys/kernel/config", ("nvme0 cannot be examined", "/sys/kernel/config/nvmet")),
    Use("CXL memory in the address space of the host", "cxl", "memory", REGION, NO_REGION,
        ("its memory mem0 is in the address space of the host as region0",), "grep -q region0 /proc/iomem"),
    Use("CXL memory that is RAM", "cxl", "memory",
        f"{REGION} && echo region0 > {CXL_DRIVERS}/bind && {AWAIT_RAM}",
        f"echo dax0.0 > /sys/bus/dax/drivers/kmem/unbind; echo region0 > {CXL_DRIVERS}/unbind; {NO_REGION}",
        ("its memory mem0 is RAM of the host", "dax0.0 in region0"), "[ -e /sys/bus/dax/drivers/kmem/dax0.0 ]"),
]

NOBODY = "setsid setpriv --reuid 65534 --regid 65534 --clear-groups"
ONCE_SAID = " > /run/said 2>&1 & echo $! > $user; until [ -s /run/said ]; do sleep 0.1; done"
NAME_NODE = "import os, signal, sys; os.open(sys.argv[1], os.O_PATH); print(1, flush=True); signal.pause()"
# Ten processes with 50,000 files each: more than vfiod reads for all users together.
OPEN_FILES = ("import os, resource, signal; n = resource.getrlimit(resource.RLIMIT_NOFILE)[1];"
              " resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)); f = os.open(\"/dev/null\", os.O_RDONLY);"
              " [os.dup(f) for i in range(min(n - 50, 50000))]; [os.fork() for i in range(9) if os.getpid() == os.getsid(0)];"
              " os.getpid() == os.getsid(0) and print(1, flush=True); signal.pause()")

# What an ordinary user can do and what is no use of the device.
FAKES = [
    Use("a file system in a user's own namespace that names the disk", "disk", "storage",
        f"{NOBODY} unshare --user --map-root-user --mount sh -c \"mount -t tmpfs $disk /mnt && echo 1 && exec sleep infinity\""
        f"{ONCE_SAID}", f"{CLOSE}; rm /run/said", (), "grep -q \" - tmpfs $disk \" /proc/$(cat $user)/mountinfo"),
    Use("an O_PATH descriptor of the disk", "disk", "process",
        f"{NOBODY} python3 -IS -c '{NAME_NODE}' $disk{ONCE_SAID}",
        f"{CLOSE}; rm /run/said", (), "ls -l /proc/$(cat $user)/fd | grep -q $disk"),
    Use("a user with half a million open files", "disk", "process", f"{NOBODY} python3 -IS -c '{OPEN_FILES}'{ONCE_SAID}",
        "kill -- -$(cat $user); tail --pid=$(cat $user) --follow /dev/null; rm /run/said", (),
        "[ $(ls /proc/$(cat $user)/fd | wc -l) -gt 1000 ]"),
]


class Used:
    """A device in use: its `address`, and the words that describe its use."""

    def __init__(self, guest, use):
        self.guest = guest
        self.use = use
        self.address = guest.address(use.device)
        # After a reattach, the kernel finds a disk a moment later.
        eventually(lambda: bool(self.names()[NEEDED.get(use.device, 0)]), use.device in NEEDED)
        guest.check_run("udevadm settle")  # udev reads a disk that is back, and has it open
        name, disk, controller, stick = self.names()
        self.words = {"user": PROCESS, "pid": "", "name": name, "disk": f"/dev/{disk}", "partition": f"/dev/{disk}p1",
                      "controller": f"/dev/{controller}", "stick": f"/dev/{stick}"}

    def names(self):
        return self.guest.check_run(NAMES.format(self.address)).split("\n")

    def run(self, command, timeout=60):
        settings = " ".join(f"{word}={text}" for word, text in self.words.items())
        return self.guest.run(f"{settings}; {command}", timeout)

    def begin(self):
        status, output = self.run(self.use.begin, 120)
        if status != 0 or self.run(self.use.works)[0] != 0:
            raise RuntimeError(f"cannot make {self.use.what}: {output}")
        if "$user" in self.use.begin:
            self.words["pid"] = self.guest.read(PROCESS)

    def works(self):
        return self.run(self.use.works)[0] == 0

    def end(self):
        return self.run(self.use.end)

    @property
    def evidence(self):
        return [string.Template(text).substitute(self.words) for text in self.use.evidence]


@contextlib.contextmanager
def in_use(guest, use):
    """The Used device, during a with block."""
    used = Used(guest, use)
    used.begin()
    try:
        yield used
    finally:
        used.end()
