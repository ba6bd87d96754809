/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"
#include "usage/usage.h"

#include <limits.h>

/* What the person at the host needs: the console of the kernel on a serial port, and the last keyboard. The screen is in
 * display-usage.c. */

/* The kernel allows 16 consoles (MAX_CMDLINECONSOLES is less), with names of 16 bytes. */
#define CONSOLES_TEXT_MAX 1024
#define CONSOLE_SEPARATORS " \n"

static int examine_consoles(UsageSnapshot *snapshot, PciAddress address) {
        char text[CONSOLES_TEXT_MAX], target[PATH_MAX], *position = NULL;
        PciAddress owner;

        int r = sysfs_read_text(snapshot->kernel->sys_fd, "class/tty/console/active", text, sizeof(text));
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (const char *name = strtok_r(text, CONSOLE_SEPARATORS, &position); name;
                        name = strtok_r(NULL, CONSOLE_SEPARATORS, &position)) {
                r = sysfs_read_target(
                                snapshot->kernel->sys_fd, SYSFS_PATH("class/tty/%s", name), target, sizeof(target));
                if (r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;
                if (pci_address_from_devpath(target, &owner) >= 0 && pci_address_equal(owner, address) &&
                                (r = usage_report(snapshot, USAGE_CONSOLE, "%s is a console of the kernel",
                                                 TEXT_NAME(name))) != 0)
                        return r;
        }
        return 0;
}

/* udev's criterion for a keyboard: it has all of the keys 1 (Escape) to 31 (S). The kernel writes the words of the bitmap
 * from the highest to the lowest. */
static int is_keyboard(const Kernel *kernel, const char *input) {
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

/* A program made it (uinput), or a daemon for a device that has no driver here, such as a Bluetooth keyboard: vfiod cannot
 * tell which device it depends on. */
static bool is_virtual(const char *target) {
        return strstr(target, "/devices/virtual/");
}

static bool is_taken(const UsageSnapshot *snapshot, const char *target) {
        PciAddress owner;

        if (pci_address_from_devpath(target, &owner) < 0)
                return false;
        for (size_t i = 0; i < snapshot->n_functions; i++)
                if (pci_address_equal(snapshot->functions[i].address, owner))
                        return true;
        return false;
}

/* The keyboards of the host, as one device sees them. */
typedef struct Keyboards {
        UsageSnapshot *snapshot;
        PciAddress address;
        bool remains;           /* the host has a keyboard that does not leave with the devices of the survey */
        char own[NAME_MAX + 1]; /* "input5", a keyboard below the device; "" for none */
} Keyboards;

static int on_input(int folder_fd, const char *name, void *userdata) {
        Keyboards *keyboards = userdata;
        char target[PATH_MAX];
        PciAddress owner;

        if (!startswith(name, "input"))
                return 0; /* its event devices have the same parents */
        int r = sysfs_read_target(folder_fd, name, target, sizeof(target));
        if (r < 0)
                return r == -ENOENT || r == -EINVAL ? 0 : r;
        bool is_own = pci_address_from_devpath(target, &owner) >= 0 && pci_address_equal(owner, keyboards->address);
        bool stays = !is_virtual(target) && !is_taken(keyboards->snapshot, target);
        if ((!is_own || keyboards->own[0] != '\0') && (!stays || keyboards->remains))
                return 0;
        if ((r = is_keyboard(keyboards->snapshot->kernel, name)) <= 0)
                return r;
        keyboards->remains = keyboards->remains || stays;
        if (is_own && keyboards->own[0] == '\0')
                (void)snprintf(keyboards->own, sizeof(keyboards->own), "%s", name);
        return 0;
}

static int examine_keyboards(UsageSnapshot *snapshot, PciAddress address) {
        Keyboards keyboards = {.snapshot = snapshot, .address = address};
        char name[NAME_MAX];

        int r = sysfs_for_each(snapshot->kernel->sys_fd, "class/input", on_input, &keyboards);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (keyboards.own[0] == '\0' || keyboards.remains)
                return 0;
        if (sysfs_read_text(snapshot->kernel->sys_fd, SYSFS_PATH("class/input/%s/name", keyboards.own), name,
                            sizeof(name)) < 0)
                name[0] = '\0';
        return usage_report(snapshot, USAGE_CONSOLE, "the host has no other keyboard than %s (%s)",
                        TEXT_NAME(keyboards.own), TEXT_NAME(name));
}

int usage_of_console(UsageSnapshot *snapshot, PciAddress address) {
        int r = usage_snapshot_check_time(snapshot);
        if (r == 0)
                r = examine_consoles(snapshot, address);
        if (r == 0)
                r = examine_keyboards(snapshot, address);
        return usage_report_error(snapshot, USAGE_CONSOLE, PCI_ADDRESS_TEXT(address), r);
}
