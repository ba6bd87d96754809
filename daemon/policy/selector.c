/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/selector.h"
#include "base/text.h"

#include <ctype.h>

/* "pci_0000_3b_00_0" to "0000:3b:00.0". */
static int parse_libvirt_name(const char *text, PciAddress *ret) {
        char address[PCI_ADDRESS_TEXT_MAX];
        const char *rest = startswith(text, "pci_");
        size_t length = rest ? strlen(rest) : 0;

        if (length < strlen("0000_00_00_0") || length >= sizeof(address))
                return -EINVAL;
        memcpy(address, rest, length + 1);

        char *function = address + length - 2, *slot = function - 3, *bus = slot - 3;
        if (*function != '_' || *slot != '_' || *bus != '_')
                return -EINVAL;
        *function = '.';
        *slot = *bus = ':';
        return pci_address_parse(address, ret);
}

/* "group:25". Returns whether it has that form. */
static bool parse_group(const char *text, int *ret) {
        const char *number = startswith(text, "group:");
        int value = 0;

        if (isempty(number) || strlen(number) > 9)
                return false;
        for (; *number; number++) {
                if (!isdigit((unsigned char)*number))
                        return false;
                value = value * 10 + (*number - '0');
        }
        *ret = value;
        return true;
}

/* The disk that a partition's name begins with: "nvme0n1p2" and "sda1" to "nvme0n1" and "sda". Returns whether the name ends like
 * that of a partition. */
static bool strip_partition(const char *name, char disk[static SELECTOR_MAX]) {
        size_t length = strlen(name), end = length;

        while (end > 0 && isdigit((unsigned char)name[end - 1]))
                end--;
        if (end == length || end == 0)
                return false;
        /* A disk whose own name ends in a digit has a "p" before the partition's number. */
        if (end >= 2 && name[end - 1] == 'p' && isdigit((unsigned char)name[end - 2]))
                end--;
        memcpy(disk, name, end);
        disk[end] = '\0';
        return true;
}

/* A name as it was typed, and the one that it stands for if it is in escaped form. */
typedef struct TypedName {
        const char *typed;
        char *unescaped; /* NULL where it is not in that form */
} TypedName;

static void typed_name_done(TypedName *name) {
        free(name->unescaped);
}

static bool has_name(const HostName *names, const TypedName *name, bool only_disks) {
        for (; names; names = names->next)
                if ((streq(names->name, name->typed) || streq_ptr(names->name, name->unescaped)) &&
                                !(only_disks && names->kind != HOST_NAME_BLOCK))
                        return true;
        return false;
}

/* Finds the devices that have the name now, or else had it when they were detached. Returns how many there are and one of them, or -ENOMEM. */
static int find_by_name(const Inventory *inventory, const char *typed, bool only_disks, Device **ret) {
        _cleanup_(typed_name_done) TypedName name = {.typed = typed};
        int found_now = 0, found_before = 0;
        size_t n;

        if (text_unescape(typed, &name.unescaped) == -ENOMEM)
                return -ENOMEM;
        Device *const *devices = inventory_devices(inventory, &n);
        Device *before = NULL;

        for (size_t i = 0; i < n; i++)
                if (has_name(devices[i]->names, &name, only_disks)) {
                        *ret = devices[i];
                        found_now++;
                } else if (devices[i]->origin && has_name(devices[i]->origin->names, &name, only_disks)) {
                        before = devices[i];
                        found_before++;
                }
        if (found_now > 0)
                return found_now;
        *ret = before;
        return found_before;
}

static int resolve_name(const Inventory *inventory, const char *name, Selection *ret, Problem *problem) {
        char disk[SELECTOR_MAX];
        Device *device = NULL;

        int n = find_by_name(inventory, name, false, &device);
        if (n == 0 && strip_partition(name, disk))
                n = find_by_name(inventory, disk, true, &device);
        if (n < 0)
                return n;
        if (n == 0)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "No PCI device is called '%s' or carries a network interface or disk of that name. "
                                "'vfioctl devices' lists all.",
                                name);
        if (n > 1)
                return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                "'%s' belongs to %d PCI devices: name the device by its address.", name, n);
        *ret = (Selection){.device = device, .group = device->group};
        return 0;
}

int selector_resolve(const Inventory *inventory, const char *selector, Selection *ret, Problem *problem) {
        PciAddress address;
        int number;

        if (isempty(selector) || strlen(selector) >= SELECTOR_MAX)
                return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                "A selector is an address (0000:3b:00.0), a network interface, a disk or 'group:N'.");
        for (const char *c = selector; *c; c++)
                if (isspace((unsigned char)*c))
                        return problem_set(problem, OUTCOME_INVALID_SELECTOR, "A selector has no blanks: '%s' has one.",
                                        selector);

        if (startswith(selector, "group:")) {
                if (!parse_group(selector, &number))
                        return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                        "'%s' is no group: write 'group:' and the number.", selector);
                Group *group = inventory_find_group(inventory, number);
                if (!group)
                        return problem_set(problem, OUTCOME_NO_SUCH_GROUP,
                                        "There is no IOMMU group %d. 'vfioctl groups' lists all.", number);
                *ret = (Selection){.group = group};
                return 0;
        }

        if (pci_address_parse_loose(selector, &address) >= 0 || parse_libvirt_name(selector, &address) >= 0) {
                Device *device = inventory_find_device(inventory, address);
                if (!device)
                        return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                        "There is no PCI device at %s. 'vfioctl devices' lists all.",
                                        PCI_ADDRESS_TEXT(address));
                *ret = (Selection){.device = device, .group = device->group};
                return 0;
        }

        const char *name = startswith(selector, "/dev/");
        return resolve_name(inventory, name ? name : selector, ret, problem);
}

int selector_resolve_device(const Inventory *inventory, const char *selector, Device **ret, Problem *problem) {
        Selection selection = {};

        int r = selector_resolve(inventory, selector, &selection, problem);
        if (r != 0)
                return r;
        assert(selection.device || selection.group);
        if (!selection.device && group_count_endpoints(selection.group) == 0)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT, "Group %d has only bridges: name one by its address.",
                                selection.group->number);
        if (!selection.device && group_count_endpoints(selection.group) != 1)
                return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                "Group %d has %zu endpoints: name the one that is meant.", selection.group->number,
                                group_count_endpoints(selection.group));
        for (size_t i = 0; !selection.device; i++)
                if (selection.group->members[i]->endpoint)
                        selection.device = selection.group->members[i];
        *ret = selection.device;
        return 0;
}
