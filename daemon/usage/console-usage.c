/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"
#include "usage/usage.h"

#include <limits.h>

/* What the person at the host needs: the console of the kernel on a serial port, and the last keyboard. The screen is in
 * display-usage.c. */

/* The kernel allows 16 consoles (MAX_CMDLINECONSOLES is less), with names of 16 bytes. */
#define CONSOLES_TEXT_MAX 1024
#define CONSOLE_SEPARATORS " \n"

/* A program made it (uinput), or a daemon for a device that has no driver here, such as a Bluetooth keyboard: vfiod cannot
 * tell which device it depends on. */
static bool is_virtual(const char *target) {
        return strstr(target, "/devices/virtual/");
}

/* Adds the device to which a link of a class leads. */
static int add(HostInputs *list, int folder_fd, const char *path, const char *name) {
        char target[PATH_MAX];

        int r = sysfs_read_target(folder_fd, path, target, sizeof(target));
        if (r < 0)
                return r;
        if (!ARRAY_GROW(list->inputs, list->n_inputs))
                return -ENOMEM;
        HostInput *input = &list->inputs[list->n_inputs++];
        *input = (HostInput){.is_virtual = is_virtual(target), .is_keyboard = HOST_INPUT_UNKNOWN};
        (void)snprintf(input->name, sizeof(input->name), "%s", name);
        input->has_owner = pci_address_from_devpath(target, &input->owner) >= 0;
        return 0;
}

static int read_consoles(const Kernel *kernel, HostInputs *list) {
        char text[CONSOLES_TEXT_MAX], *position = NULL;

        int r = sysfs_read_text(kernel->sys_fd, "class/tty/console/active", text, sizeof(text));
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (const char *name = strtok_r(text, CONSOLE_SEPARATORS, &position); name;
                        name = strtok_r(NULL, CONSOLE_SEPARATORS, &position)) {
                r = add(list, kernel->sys_fd, SYSFS_PATH("class/tty/%s", name), name);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

static int on_input(int folder_fd, const char *name, void *userdata) {
        if (!startswith(name, "input"))
                return 0; /* its event devices have the same parents */
        int r = add(userdata, folder_fd, name, name);
        return r == -ENOENT || r == -EINVAL ? 0 : r;
}

static int read_inputs(const Kernel *kernel, HostInputs *list) {
        int r = sysfs_for_each(kernel->sys_fd, "class/input", on_input, list);
        return r == -ENOENT ? 0 : r;
}

/* Reads a list when it is first needed. Returns 0 or a negative errno, each time the same. */
static int need(const UsageSnapshot *snapshot, HostInputs *list,
                int (*read_list)(const Kernel *kernel, HostInputs *list)) {
        if (!list->is_read) {
                list->is_read = true;
                list->error = read_list(snapshot->kernel, list);
        }
        return list->error;
}

static bool is_owner(const HostInput *input, PciAddress address) {
        return input->has_owner && pci_address_equal(input->owner, address);
}

static int examine_consoles(UsageSnapshot *snapshot, PciAddress address) {
        const HostInputs *list = &snapshot->consoles;

        int r = need(snapshot, &snapshot->consoles, read_consoles);
        for (size_t i = 0; i < list->n_inputs && r == 0; i++)
                if (is_owner(&list->inputs[i], address))
                        r = usage_report(snapshot, USAGE_CONSOLE, "%s is a console of the kernel",
                                        TEXT_NAME(list->inputs[i].name));
        return r;
}

/* udev's criterion for a keyboard: it has all of the keys 1 (Escape) to 31 (S). The kernel writes the words of the bitmap
 * from the highest to the lowest. */
static int read_keyboard(const Kernel *kernel, const char *input) {
        char text[SYSFS_TEXT_MAX];
        const uint64_t keys = 0xfffffffe;
        char *end;

        int r = sysfs_read_text(
                        kernel->sys_fd, SYSFS_PATH("class/input/%s/capabilities/key", input), text, sizeof(text));
        if (r < 0)
                return r == -ENOENT || r == -ENODEV ? 0 : r;
        const char *last = strrchr(text, ' ');
        last = last ? last + 1 : text;
        uint64_t word = strtoull(last, &end, 16);
        return *last == '\0' || *end != '\0' ? -EINVAL : (word & keys) == keys;
}

/* Reads it once for all devices of a survey. Returns 1, 0 or a negative errno. */
static int is_keyboard(const UsageSnapshot *snapshot, HostInput *input) {
        if (input->is_keyboard == HOST_INPUT_UNKNOWN)
                input->is_keyboard = read_keyboard(snapshot->kernel, input->name);
        return input->is_keyboard;
}

/* Whether the input device leaves with the devices of the survey. */
static bool is_taken(const UsageSnapshot *snapshot, const HostInput *input) {
        return input->has_owner && function_list_find(&snapshot->functions, input->owner);
}

/* Finds a keyboard of the device, and whether the host has a keyboard that does not leave with the devices of the survey. */
static int find_keyboards(UsageSnapshot *snapshot, PciAddress address, const HostInput **ret_own, bool *ret_remains) {
        HostInputs *list = &snapshot->inputs;

        for (size_t i = 0; i < list->n_inputs; i++) {
                HostInput *input = &list->inputs[i];
                bool is_own = !*ret_own && is_owner(input, address);
                bool stays = !*ret_remains && !input->is_virtual && !is_taken(snapshot, input);

                if (!is_own && !stays)
                        continue;
                int r = is_keyboard(snapshot, input);
                if (r < 0)
                        return r;
                *ret_remains = *ret_remains || (stays && r > 0);
                if (is_own && r > 0)
                        *ret_own = input;
        }
        return 0;
}

static int examine_keyboards(UsageSnapshot *snapshot, PciAddress address) {
        const FunctionList *functions;
        const HostInput *own = NULL;
        char name[NAME_MAX];
        bool remains = false;

        int r = need(snapshot, &snapshot->inputs, read_inputs);
        if (r < 0 || (r = usage_snapshot_functions(snapshot, &functions)) < 0 ||
                        (r = find_keyboards(snapshot, address, &own, &remains)) < 0)
                return r;
        if (!own || remains)
                return 0;
        if (sysfs_read_text(snapshot->kernel->sys_fd, SYSFS_PATH("class/input/%s/name", own->name), name,
                            sizeof(name)) < 0)
                name[0] = '\0';
        return usage_report(snapshot, USAGE_CONSOLE, "the host has no other keyboard than %s (%s)",
                        TEXT_NAME(own->name), TEXT_NAME(name));
}

int usage_of_console(UsageSnapshot *snapshot, PciAddress address) {
        int r = usage_snapshot_check_time(snapshot);
        if (r == 0)
                r = examine_consoles(snapshot, address);
        if (r == 0)
                r = examine_keyboards(snapshot, address);
        return usage_report_error(snapshot, USAGE_CONSOLE, PCI_ADDRESS_TEXT(address), r);
}
