/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "option-help.h"

#include "options.h"

static const OptionHelp helps[] = {
                {OPTION_ALL, "--all", "list: also bridges and the chipset of the host"},
                {OPTION_AVAILABLE, "--available", "list, devices, groups: only devices that can be detached"},
                {OPTION_STATE, "--state STATE,...", "list, devices, groups: only devices with these states"},
                {OPTION_CLASS, "--class CLASS,...",
                                "list, devices, groups: only network, storage, display, ... or 0x0200"},
                {OPTION_OUTPUT, "-o, --output COLUMN,...",
                                "list, devices, groups: show these columns; +COLUMN adds one; 'help' lists them"},
                {OPTION_SORT, "--sort COLUMN", "list, devices: sort by this column; -COLUMN: backwards"},
                {OPTION_GROUP, "--group", "plan, detach, lease, rule add: detach all other devices of the group too"},
                {OPTION_COMPANION, "--companion SELECTOR",
                                "plan, detach, lease, rule add: detach this device of the group too; may be repeated"},
                {OPTION_OVERRIDE, "--override GUARD,...",
                                "plan, detach, lease, vfs, rule add: continue although these guards refuse: storage, "
                                "network, display, console, memory, process, virtual-functions, firmware; lease: also "
                                "unsafe-interrupts, no-reset"},
                {OPTION_DRIVER, "--driver NAME",
                                "plan, detach, lease, vfs, rule add: use this vfio driver; by default, vfiod chooses "
                                "the one that is made for the device, or vfio-pci; list, devices, groups: only devices "
                                "on these drivers; 'none': on none"},
                {OPTION_PLAN, "--plan FINGERPRINT",
                                "detach, reattach, reset: only if nothing has changed since that plan"},
                {OPTION_DRY_RUN, "--dry-run",
                                "all commands that change something: print what would be done, and change nothing"},
                {OPTION_PERSISTENT, "--persistent",
                                "detach: also write a rule, which detaches the device whenever it appears"},
                {OPTION_REVERT_AFTER, "--revert-after TIME",
                                "detach, plan: give the group back to the host after this time (90s, 2m, 1h30m), "
                                "unless 'vfioctl confirm' comes before"},
                {OPTION_NAME, "--name NAME",
                                "detach --persistent, rule add: the name of the rule; by default, it is the address"},
                {OPTION_VIRTUAL_FUNCTIONS, "--virtual-functions N",
                                "rule add: create N virtual functions, and detach them instead of the device"},
                {OPTION_NO_APPLY, "--no-apply",
                                "rule add, rule enable, rule edit: detach nothing now, but when the device is plugged "
                                "in again, or when vfiod starts"},
                {OPTION_WAIT, "--wait",
                                "rule add, rule enable, rule edit: wait until the rule is applied, or has failed"},
                {OPTION_CHECK, "--check",
                                "apply: print the differences, change nothing, and exit with 9 if there are any"},
                {OPTION_DETACH, "--detach", "vfs: bind the new virtual functions to a vfio driver"},
                {OPTION_DRIVERLESS, "--driverless", "vfs: keep the new virtual functions without a driver"},
                {OPTION_DESCRIPTORS, "--descriptors",
                                "lease: pass open descriptors of the devices to the command, for an iommufd"},
                {OPTION_MEMORY, "--memory SIZE",
                                "lease: memory of the virtual machine, for example 4G; by default, that of the QEMU "
                                "command"},
                {OPTION_FORCE_MEMLOCK, "--force-memlock",
                                "lease: run the command although its limit of locked memory is too low"},
                {OPTION_KILL, "--kill", "lease: afterwards, end processes of the user that keep a device open"},
                {OPTION_PID, "--pid PID", "lease: until this process, which already runs, ends"},
                {OPTION_FORCE, "--force",
                                "reattach, release: also while a process has a device open; the kernel then waits for "
                                "that process"},
                {OPTION_ADOPT, "--adopt", "reattach: also the devices that vfiod did not detach"},
                {OPTION_REATTACH, "--reattach", "plan: show what reattach would do"},
                {OPTION_QEMU, "--qemu", "show: print only the QEMU arguments for the group"},
                {OPTION_IOMMUFD, "--iommufd", "show: print them for an iommufd, not for the node of the group"},
                {OPTION_CLOUD_HYPERVISOR, "--cloud-hypervisor", "show: print only the arguments for cloud-hypervisor"},
                {OPTION_CROSVM, "--crosvm", "show: print only the arguments for crosvm"},
                {OPTION_LIBVIRT, "--libvirt", "show: print only the elements <hostdev> for a domain of libvirt"},
                {OPTION_XML, "--xml", "show: print only the XML that libvirt has for the device"},
                {OPTION_CDI, "--cdi", "show: print only a CDI specification, for containers"},
                {OPTION_SINCE, "--since TIME",
                                "log: only entries since then: \"2026-11-27 20:00\", today, yesterday, -1h, -30min, "
                                "@1795809600"},
                {OPTION_LINES, "-n, --lines N", "log: only the last N entries"},
                {OPTION_ADDRESS, "--address ADDRESS",
                                "Connect to vfiod's own socket at this D-Bus address; by default, root connects to "
                                "unix:path=/run/vfiod/root, and others to the system bus"},
                {OPTION_HOST, "-H, --host [USER@]HOST", "Ask vfiod of another host, through ssh"},
                {OPTION_MACHINE, "-M, --machine CONTAINER", "Ask vfiod of a container of this host"},
                {OPTION_NO_PAGER, "--no-pager", "Do not show a long output in a pager"},
                {OPTION_COLOR, "--color WHEN", "auto (colors on a terminal), always or never"},
                {OPTION_YES, "--yes", "Do not ask, and answer every question with yes"},
                {OPTION_NO_ASK_PASSWORD, "--no-ask-password", "Do not ask for a password if polkit requires one"},
                {OPTION_JSON, "--json", "Print JSON"},
                {OPTION_NO_LEGEND, "--no-legend", "Print tables without headings"},
                {OPTION_QUIET, "-q, --quiet", "Print no results of changes and no plans, and ask no questions"},
                {OPTION_HELP, "-h, --help", "Print this help"},
                {OPTION_VERSION, "--version", "Print the version"},
};

const OptionHelp *option_help_at(size_t i) {
        return i < ELEMENTSOF(helps) ? &helps[i] : NULL;
}
