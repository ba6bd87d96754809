/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/selector.h"
#include "base/text.h"

#include <ctype.h>

/* Converts the name of a partition to the name of its disk: "nvme0n1p2" to "nvme0n1", "sda1" to "sda". Returns false if
 * the name does not end like the name of a partition. */
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

/* The devices that a selector can mean. A message lists so many of them. */
#define CANDIDATES_MAX 8

typedef struct Candidates {
        Device *devices[CANDIDATES_MAX]; /* the first ones */
        const Device *last;
        size_t n;
} Candidates;

/* Buffer size for the list of candidates: addresses with the names of drivers. */
#define CANDIDATES_TEXT_MAX 512

static void note_candidate(Candidates *candidates, Device *device) {
        if (candidates->last == device)
                return;
        candidates->last = device;
        if (candidates->n < CANDIDATES_MAX)
                candidates->devices[candidates->n] = device;
        candidates->n++;
}

/* Writes "0000:04:00.0 (nvme), 0000:05:00.0 (no driver) and 3 more" into the buffer, and returns it. */
static const char *candidates_format(const Candidates *candidates, char buffer[static CANDIDATES_TEXT_MAX]) {
        size_t length = 0, shown = candidates->n < CANDIDATES_MAX ? candidates->n : CANDIDATES_MAX;

        for (size_t i = 0; i < shown; i++) {
                const char *driver = candidates->devices[i]->driver;

                length += (size_t)snprintf(buffer + length, CANDIDATES_TEXT_MAX - length, "%s%s (%.24s)",
                                i > 0 ? ", " : "", PCI_ADDRESS_TEXT(candidates->devices[i]->address),
                                driver ? TEXT_NAME(driver) : "no driver");
        }
        if (candidates->n > shown)
                (void)snprintf(buffer + length, CANDIDATES_TEXT_MAX - length, " and %zu more", candidates->n - shown);
        return buffer;
}
#define CANDIDATES_TEXT(candidates) candidates_format(candidates, (char[CANDIDATES_TEXT_MAX]){})

/* Where a selector can find its device. The first place that has a device counts. */
enum {
        NAME_NOW,             /* it has the name */
        NAME_WHEN_DETACHED,   /* it had the name when vfiod detached it */
        PARENT_NOW,           /* it has the disk of the partition that is named */
        PARENT_WHEN_DETACHED, /* it had that disk */
        _PLACE_MAX,
};

/* Notes the devices with this name at the place, or those that had it at the next place. Returns 0 or -ENOMEM. */
static int note_name(const Inventory *inventory, const char *name, Candidates *place, bool only_disks) {
        const NamedDevice *found;
        size_t n;

        int r = inventory_find_named(inventory, name, &found, &n);
        for (size_t i = 0; r == 0 && i < n; i++)
                if (!only_disks || found[i].name->kind == HOST_NAME_BLOCK)
                        note_candidate(&place[found[i].when_detached ? 1 : 0], found[i].device);
        return r;
}

/* Notes the devices with a typed name, and those whose name has it as its escaped form (base/text.h). Returns 0 or -ENOMEM. */
static int note_typed_name(const Inventory *inventory, const char *typed, Candidates *place, bool only_disks) {
        _cleanup_free_ char *name = NULL;

        int r = text_unescape(typed, &name);
        if (r == -ENOMEM)
                return r;
        bool is_escaped = r >= 0 && !streq(name, typed);
        r = note_name(inventory, typed, place, only_disks);
        return r == 0 && is_escaped ? note_name(inventory, name, place, only_disks) : r;
}

static int resolve_name(const Inventory *inventory, const char *name, Selection *ret, Problem *problem) {
        Candidates carriers[_PLACE_MAX] = {};
        char disk[SELECTOR_MAX];

        int r = note_typed_name(inventory, name, carriers + NAME_NOW, false);
        if (r == 0 && strip_partition(name, disk))
                r = note_typed_name(inventory, disk, carriers + PARENT_NOW, true);
        if (r < 0)
                return r;
        for (size_t place = 0; place < _PLACE_MAX; place++) {
                const Candidates *found = &carriers[place];

                if (found->n > 1)
                        return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                        "'%s' belongs to more than one PCI device. Give the address of one of them: "
                                        "%s.",
                                        name, CANDIDATES_TEXT(found));
                if (found->n == 0)
                        continue;
                *ret = (Selection){.device = found->devices[0], .group = found->devices[0]->group};
                return 0;
        }
        bool is_number = name[strspn(name, "0123456789")] == '\0';
        return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                        "No PCI device has the name '%s', and none has such a network interface or disk. "
                        "'vfioctl devices' lists all.%s%s%s",
                        name, is_number ? " An IOMMU group is written 'group:" : "", is_number ? name : "",
                        is_number ? "'." : "");
}

static int resolve_group(const Inventory *inventory, const char *number, Selection *ret, Problem *problem) {
        size_t digits = strspn(number, "0123456789");

        if (digits == 0 || digits > 9 || number[digits] != '\0')
                return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                "'group:%s' is no group: write 'group:' and the number.", number);
        Group *group = inventory_find_group(inventory, atoi(number));
        if (!group)
                return problem_set(problem, OUTCOME_NO_SUCH_GROUP,
                                "There is no IOMMU group %s. 'vfioctl groups' lists all.", number);
        *ret = (Selection){.group = group};
        return 0;
}

static int resolve_address(const Inventory *inventory, PciAddress address, Selection *ret, Problem *problem) {
        Device *device = inventory_find_device(inventory, address);
        if (!device)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "There is no PCI device at %s. 'vfioctl devices' lists all.",
                                PCI_ADDRESS_TEXT(address));
        *ret = (Selection){.device = device, .group = device->group};
        return 0;
}

/* Refuses a slot or ids, and tells which devices they can mean. */
static int refuse_partial(const Inventory *inventory, const Spelling *spelling, Problem *problem) {
        bool is_slot = spelling->kind == SPELLING_SLOT;
        Candidates found = {};
        size_t n;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++) {
                PciAddress slot = devices[i]->address;

                slot.function = 0;
                if (is_slot ? pci_address_equal(slot, spelling->address)
                            : devices[i]->ids.vendor == spelling->vendor && devices[i]->ids.device == spelling->device)
                        note_candidate(&found, devices[i]);
        }
        if (found.n == 0)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                is_slot ? "No PCI device is in the slot '%s'. 'vfioctl devices' lists all."
                                        : "No PCI device has the ids '%s'. 'vfioctl devices' lists all.",
                                spelling->text);
        return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                        is_slot ? "'%s' is a slot, which can have several functions. Give the address with its "
                                  "function: %s."
                                : "'%s' are ids, which several devices can have. Give an address: %s.",
                        spelling->text, CANDIDATES_TEXT(&found));
}

int selector_resolve(const Inventory *inventory, const char *selector, Selection *ret, Problem *problem) {
        Spelling spelling;

        int r = spelling_parse(selector, &spelling, problem);
        if (r != 0)
                return r;
        switch (spelling.kind) {
        case SPELLING_ADDRESS:
                return resolve_address(inventory, spelling.address, ret, problem);
        case SPELLING_SLOT:
        case SPELLING_IDS:
                return refuse_partial(inventory, &spelling, problem);
        case SPELLING_GROUP:
                return resolve_group(inventory, spelling.text, ret, problem);
        default:
                return resolve_name(inventory, spelling.text, ret, problem);
        }
}

int selector_resolve_all(const Inventory *inventory, const char *const *selectors, size_t n_selectors, Selection *ret,
                Problem *problem) {
        int r = 0;

        for (size_t i = 0; i < n_selectors && r == 0; i++)
                r = selector_resolve(inventory, selectors[i], &ret[i], problem);
        return r;
}

char *selector_copy(const char *selector) {
        return strndup(selector, SELECTOR_MAX);
}

int selection_find_device(const Selection *selection, Device **ret, Problem *problem) {
        const Group *group = selection->group;
        Device *device = selection->device;

        assert(device || group);
        size_t n = device ? 1 : group_count_endpoints(group);
        if (n == 0)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT,
                                "Group %d has only bridges: give the address of one of them.", group->number);
        if (n > 1)
                return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                "Group %d has %zu endpoints: give the address of one of them.", group->number, n);
        for (size_t i = 0; !device; i++)
                if (group->members[i]->endpoint)
                        device = group->members[i];
        *ret = device;
        return 0;
}

int selector_resolve_device(const Inventory *inventory, const char *selector, Device **ret, Problem *problem) {
        Selection selection = {};

        int r = selector_resolve(inventory, selector, &selection, problem);
        return r != 0 ? r : selection_find_device(&selection, ret, problem);
}
