/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "help.h"

#include "options.h"

static void print_options(FILE *stream) {
        fputs("\n"
              "A selector names a device or a group: 0000:3b:00.0, 3b:00.0, pci_0000_3b_00_0,\n"
              "enp59s0f0, nvme0n1, /dev/nvme0n1, group:25.\n"
              "\n"
              "Lists take several selectors, and patterns: 'enp*', '3b:00.*'.\n"
              "\n"
              "Options:\n"
              "      --all                 list: also bridges and the chipset of the host\n"
              "      --available           list, devices, groups: only devices that can be detached\n"
              "      --state STATE,...     list, devices, groups: only devices with these states\n"
              "      --class CLASS,...     list, devices, groups: only network, storage, display, ... or 0x0200\n"
              "  -o, --output COLUMN,...   list, devices: show these columns; +COLUMN adds one; 'help' lists them\n"
              "      --sort COLUMN         list, devices: sort by this column; -COLUMN: backwards\n"
              "      --group               plan, detach, lease, rule add: detach all other devices of the group\n"
              "                            too\n"
              "      --companion SELECTOR  plan, detach, lease, rule add: detach this device of the group too;\n"
              "                            may be repeated\n"
              "      --override GUARD,...  plan, detach, lease, vfs, rule add: continue although these guards\n"
              "                            refuse: storage, network, display, console, memory, process,\n"
              "                            virtual-functions, firmware; lease: also unsafe-interrupts, no-reset\n"
              "      --driver NAME         plan, detach, lease, vfs, rule add: use this vfio driver; by default,\n"
              "                            vfiod chooses the one that is made for the device, or vfio-pci;\n"
              "                            list, devices, groups: only devices on these drivers; 'none': on none\n"
              "      --plan FINGERPRINT    detach, reattach: only if nothing has changed since that plan\n"
              "      --dry-run             detach, reattach: print the plan, and change nothing\n"
              "      --persistent          detach: also write a rule, which detaches the device whenever it\n"
              "                            appears\n"
              "      --name NAME           detach --persistent, rule add: the name of the rule; by default,\n"
              "                            it is the address\n"
              "      --virtual-functions N rule add: create N virtual functions, and detach them instead of the\n"
              "                            device\n"
              "      --detach              vfs: bind the new virtual functions to a vfio driver\n"
              "      --driverless          vfs: keep the new virtual functions without a driver\n"
              "      --descriptors         lease: pass open descriptors of the devices to the command, for an\n"
              "                            iommufd\n"
              "      --memory SIZE         lease: memory of the virtual machine, for example 4G; by default, that\n"
              "                            of the QEMU command\n"
              "      --force-memlock       lease: run the command although its limit of locked memory is too low\n"
              "      --kill                lease: afterwards, end processes of the user that keep a device open\n"
              "      --pid PID             lease: until this process, which already runs, ends\n"
              "      --force               reattach, release: also while a process has a device open; the kernel\n"
              "                            then waits for that process\n"
              "      --adopt               reattach: also the devices that vfiod did not detach\n"
              "      --reattach            plan: show what reattach would do\n"
              "      --qemu                show: print only the QEMU arguments for the group\n"
              "      --iommufd             show: print them for an iommufd, not for the node of the group\n"
              "      --cloud-hypervisor, --crosvm\n"
              "                            show: print only the arguments for this program\n"
              "      --libvirt             show: print only the elements <hostdev> for a domain of libvirt\n"
              "      --xml                 show: print only the XML that libvirt has for the device\n"
              "      --cdi                 show: print only a CDI specification, for containers\n"
              "      --since TIME          log: only entries since then: \"2026-11-27 20:00\", today, yesterday,\n"
              "                            -1h, -30min, @1795809600\n"
              "  -n, --lines N             log: only the last N entries\n"
              "      --address ADDRESS     Connect to vfiod's own socket at this D-Bus address; by default, root\n"
              "                            connects to unix:path=/run/vfiod/root, and others to the system bus\n"
              "  -H, --host [USER@]HOST    Ask vfiod of another host, through ssh\n"
              "  -M, --machine CONTAINER   Ask vfiod of a container of this host\n"
              "      --no-pager            Do not show a long output in a pager\n"
              "      --color WHEN          auto (colours on a terminal), always or never\n"
              "      --yes                 Do not ask, and answer every question with yes\n"
              "      --no-ask-password     Do not ask for a password if polkit requires one\n"
              "      --json                Print JSON\n"
              "      --no-legend           Print tables without headings\n"
              "  -q, --quiet               Print no results of changes and no plans, and ask no questions\n"
              "  -h, --help                Print this help\n"
              "      --version             Print the version\n"
              "\n"
              "Exit codes:\n",
                        stream);
}

static size_t max(size_t a, size_t b) {
        return a > b ? a : b;
}

static size_t length(const Verb *verb) {
        return strlen(verb->name) + strlen(verb->arguments);
}

void help_print(FILE *stream) {
        size_t width = 0;

        fputs("vfioctl [OPTION...] [COMMAND] [SELECTOR|JOB|LEASE|NAME|FILE...]\n"
              "\n"
              "Detach PCI devices for virtual machines, and reattach them.\n"
              "\n"
              "Commands:\n",
                        stream);
        for (size_t i = 0; verb_at(i); i++)
                width = verb_at(i)->foreign ? width : max(width, length(verb_at(i)));
        for (size_t i = 0; verb_at(i); i++) {
                const Verb *verb = verb_at(i);

                if (!verb->foreign)
                        fprintf(stream, "  %s%-*s %s\n", verb->name, (int)(width - strlen(verb->name)), verb->arguments,
                                        verb->summary);
        }
        fprintf(stream, "  %-*s %s\n", (int)width, "help [COMMAND]", "Print this help, or that of a command");
        print_options(stream);
        exit_code_print_all(stream);
}

void help_print_verb(const Verb *verb, FILE *stream) {
        fprintf(stream, "vfioctl %s%s\n\n%s.\n", verb->name, verb->arguments, verb->summary);
        for (const char *letter = verb->options; *letter; letter++)
                fprintf(stream, "%s--%s", letter == verb->options ? "\nOptions: " : ", ", options_name(*letter));
        fputs(*verb->options ? "\n\nSee vfioctl(1).\n" : "\nSee vfioctl(1).\n", stream);
}
