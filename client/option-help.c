/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "option-help.h"
#include "language.h"

#include "options.h"

static const OptionHelp helps[] = {
                {OPTION_ALL, "--all", N_("list: also bridges and the chipset of the host")},
                {OPTION_AVAILABLE, "--available", N_("list, devices, groups: only devices that can be detached")},
                {OPTION_STATE, "--state STATE,...", N_("list, devices, groups: only devices with these states")},
                {OPTION_CLASS, "--class CLASS,...",
                                N_("list, devices, groups: only network, storage, display, ... or 0x0200")},
                {OPTION_OUTPUT, "-o, --output COLUMN,...",
                                N_("list, devices, groups: show these columns; +COLUMN adds one; 'help' lists them")},
                {OPTION_SORT, "--sort COLUMN", N_("list, devices: sort by this column; -COLUMN: backwards")},
                {OPTION_GROUP, "--group",
                                N_("plan, detach, lease, rule add: detach all other devices of the group too")},
                {OPTION_COMPANION, "--companion SELECTOR",
                                N_("plan, detach, lease, rule add: detach this device of the group too; may be "
                                   "repeated")},
                {OPTION_OVERRIDE, "--override GUARD,...",
                                N_("plan, detach, lease, vfs, rule add: continue although these guards refuse: "
                                   "storage, "
                                   "network, display, console, memory, process, virtual-functions, firmware; lease: "
                                   "also "
                                   "unsafe-interrupts, no-reset")},
                {OPTION_DRIVER, "--driver NAME",
                                N_("plan, detach, lease, vfs, rule add: use this vfio driver; by default, vfiod "
                                   "chooses "
                                   "the one that is made for the device, or vfio-pci; list, devices, groups: only "
                                   "devices "
                                   "on these drivers; 'none': on none")},
                {OPTION_PLAN, "--plan FINGERPRINT",
                                N_("detach, reattach, reset: only if nothing has changed since that plan")},
                {OPTION_DRY_RUN, "--dry-run",
                                N_("all commands that change something: print what would be done, and change nothing")},
                {OPTION_PERSISTENT, "--persistent",
                                N_("detach: also write a rule, which detaches the device whenever it appears")},
                {OPTION_REVERT_AFTER, "--revert-after TIME",
                                N_("detach, plan: give the group back to the host after this time (90s, 2m, 1h30m), "
                                   "unless 'vfioctl confirm' comes before")},
                {OPTION_NAME, "--name NAME",
                                N_("detach --persistent, rule add: the name of the rule; by default, it is the "
                                   "address")},
                {OPTION_VIRTUAL_FUNCTIONS, "--virtual-functions N",
                                N_("rule add: create N virtual functions, and detach them instead of the device")},
                {OPTION_NO_APPLY, "--no-apply",
                                N_("rule add, rule enable, rule edit: detach nothing now, but when the device is "
                                   "plugged "
                                   "in again, or when vfiod starts")},
                {OPTION_WAIT, "--wait",
                                N_("rule add, rule enable, rule edit: wait until the rule is applied, or has failed")},
                {OPTION_CHECK, "--check",
                                N_("apply: print the differences, change nothing, and exit with 9 if there are any")},
                {OPTION_DETACH, "--detach", N_("vfs: bind the new virtual functions to a vfio driver")},
                {OPTION_DRIVERLESS, "--driverless", N_("vfs: keep the new virtual functions without a driver")},
                {OPTION_DESCRIPTORS, "--descriptors",
                                N_("lease: pass open descriptors of the devices to the command, for an iommufd")},
                {OPTION_MEMORY, "--memory SIZE",
                                N_("lease: memory of the virtual machine, for example 4G; by default, that of the QEMU "
                                   "command")},
                {OPTION_FORCE_MEMLOCK, "--force-memlock",
                                N_("lease: run the command although its limit of locked memory is too low")},
                {OPTION_KILL, "--kill", N_("lease: afterwards, end processes of the user that keep a device open")},
                {OPTION_PID, "--pid PID", N_("lease: until this process, which already runs, ends")},
                {OPTION_FORCE, "--force",
                                N_("reattach, release: also while a process has a device open; the kernel then waits "
                                   "for "
                                   "that process")},
                {OPTION_ADOPT, "--adopt", N_("reattach: also the devices that vfiod did not detach")},
                {OPTION_REATTACH, "--reattach", N_("plan: show what reattach would do")},
                {OPTION_QEMU, "--qemu", N_("show: print only the QEMU arguments for the group")},
                {OPTION_IOMMUFD, "--iommufd", N_("show: print them for an iommufd, not for the node of the group")},
                {OPTION_CLOUD_HYPERVISOR, "--cloud-hypervisor",
                                N_("show: print only the arguments for cloud-hypervisor")},
                {OPTION_CROSVM, "--crosvm", N_("show: print only the arguments for crosvm")},
                {OPTION_LIBVIRT, "--libvirt", N_("show: print only the elements <hostdev> for a domain of libvirt")},
                {OPTION_XML, "--xml", N_("show: print only the XML that libvirt has for the device")},
                {OPTION_CDI, "--cdi", N_("show: print only a CDI specification, for containers")},
                {OPTION_SINCE, "--since TIME",
                                N_("log: only entries since then: \"2026-11-27 20:00\", today, yesterday, -1h, -30min, "
                                   "@1795809600")},
                {OPTION_LINES, "-n, --lines N", N_("log: only the last N entries")},
                {OPTION_ADDRESS, "--address ADDRESS",
                                N_("Connect to vfiod's own socket at this D-Bus address; by default, root connects to "
                                   "unix:path=/run/vfiod/root, and others to the system bus")},
                {OPTION_HOST, "-H, --host [USER@]HOST", N_("Ask vfiod of another host, through ssh")},
                {OPTION_MACHINE, "-M, --machine CONTAINER", N_("Ask vfiod of a container of this host")},
                {OPTION_NO_PAGER, "--no-pager", N_("Do not show a long output in a pager")},
                {OPTION_COLOR, "--color WHEN", N_("auto (colors on a terminal), always or never")},
                {OPTION_YES, "--yes", N_("Do not ask, and answer every question with yes")},
                {OPTION_NO_ASK_PASSWORD, "--no-ask-password", N_("Do not ask for a password if polkit requires one")},
                {OPTION_JSON, "--json", N_("Print JSON")},
                {OPTION_NO_LEGEND, "--no-legend", N_("Print tables without headings")},
                {OPTION_QUIET, "-q, --quiet", N_("Print no results of changes and no plans, and ask no questions")},
                {OPTION_HELP, "-h, --help", N_("Print this help")},
                {OPTION_VERSION, "--version", N_("Print the version")},
};

const OptionHelp *option_help_at(size_t i) {
        return i < ELEMENTSOF(helps) ? &helps[i] : NULL;
}
