/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/selector.h"
#include "base/text.h"

#include <ctype.h>

/* Converts "pci_0000_3b_00_0" to an address. */
static bool parse_libvirt_name(const char *text, PciAddress *ret) {
        char address[PCI_ADDRESS_TEXT_MAX];
        const char *rest = startswith(text, "pci_");
        char *last = NULL;

        if (!rest || strlen(rest) >= sizeof(address) || strpbrk(rest, ":."))
                return false;
        memcpy(address, rest, strlen(rest) + 1);
        for (char *c = address; (c = strchr(c, '_')); last = c)
                *c = ':';
        if (last)
                *last = '.';
        return pci_address_parse(address, ret) >= 0;
}

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

/* The devices that a host name can mean. */
typedef struct Carrier {
        Device *device; /* NULL for none */
        bool ambiguous; /* there is another device, too */
} Carrier;

/* Where a selector can find its device. The first place that has a device counts. */
enum {
        NAME_NOW,             /* it has the name */
        NAME_WHEN_DETACHED,   /* it had the name when vfiod detached it */
        PARENT_NOW,           /* it has the disk of the partition that is named */
        PARENT_WHEN_DETACHED, /* it had that disk */
        _PLACE_MAX,
};

/* A host name that a selector looks for. */
typedef struct WantedName {
        char name[SELECTOR_MAX];
        Carrier *carriers; /* of the selector, for NAME_NOW and the next; or for PARENT_NOW and the next */
        bool only_disks;
} WantedName;

/* The names of all selectors, so that one walk over the devices suffices. */
typedef struct WantedNames {
        WantedName *names; /* sorted by name; the same name can be there several times */
        size_t n_names;
        Carrier (*carriers)[_PLACE_MAX]; /* for each selector */
} WantedNames;

static void wanted_names_done(WantedNames *wanted) {
        free(wanted->names);
        free(wanted->carriers);
}

/* Compares names, or structs that begin with a name. */
static int compare_names(const void *a, const void *b) {
        return strcmp(a, b);
}

static void note_carrier(Carrier *carrier, Device *device) {
        carrier->ambiguous = carrier->ambiguous || (carrier->device && carrier->device != device);
        carrier->device = device;
}

/* Notes the device for each selector that looks for one of these names. when is 0, or 1 for names at the detach. */
static void note_names(const WantedNames *wanted, Device *device, const HostName *names, unsigned when) {
        const WantedName *end = wanted->names + wanted->n_names;

        for (; names; names = names->next) {
                const WantedName *entry =
                                bsearch(names->name, wanted->names, wanted->n_names, sizeof(WantedName), compare_names);

                while (entry && entry > wanted->names && streq(entry[-1].name, names->name))
                        entry--;
                for (; entry && entry < end && streq(entry->name, names->name); entry++)
                        if (!entry->only_disks || names->kind == HOST_NAME_BLOCK)
                                note_carrier(&entry->carriers[when], device);
        }
}

static void find_carriers(const Inventory *inventory, const WantedNames *wanted) {
        size_t n;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++) {
                note_names(wanted, devices[i], devices[i]->names, 0);
                if (devices[i]->origin)
                        note_names(wanted, devices[i], devices[i]->origin->names, 1);
        }
}

static int resolve_name(const Carrier carriers[static _PLACE_MAX], const char *name, Selection *ret, Problem *problem) {
        for (size_t place = 0; place < _PLACE_MAX; place++) {
                Device *device = carriers[place].device;

                if (carriers[place].ambiguous)
                        return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                        "'%s' belongs to more than one PCI device: name the device by its address.",
                                        name);
                if (!device)
                        continue;
                *ret = (Selection){.device = device, .group = device->group};
                return 0;
        }
        return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                        "No PCI device has the name '%s', and none has such a network interface or disk. "
                        "'vfioctl devices' lists all.",
                        name);
}

static int check_form(const char *selector, Problem *problem) {
        if (isempty(selector) || strnlen(selector, SELECTOR_MAX) >= SELECTOR_MAX)
                return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                "A selector is an address (0000:3b:00.0), a network interface, a disk or 'group:N', "
                                "and has at most %d characters.",
                                SELECTOR_MAX - 1);
        for (const char *c = selector; *c; c++)
                if (isspace((unsigned char)*c))
                        return problem_set(problem, OUTCOME_INVALID_SELECTOR, "A selector has no blanks: '%s' has one.",
                                        selector);
        return 0;
}

static int resolve_group(const Inventory *inventory, const char *selector, Selection *ret, Problem *problem) {
        const char *number = selector + strlen("group:");
        size_t digits = strspn(number, "0123456789");

        if (digits == 0 || digits > 9 || number[digits] != '\0')
                return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                "'%s' is no group: write 'group:' and the number.", selector);
        Group *group = inventory_find_group(inventory, atoi(number));
        if (!group)
                return problem_set(problem, OUTCOME_NO_SUCH_GROUP,
                                "There is no IOMMU group %s. 'vfioctl groups' lists all.", number);
        *ret = (Selection){.group = group};
        return 0;
}

static bool parse_address(const char *selector, PciAddress *ret) {
        return pci_address_parse_loose(selector, ret) >= 0 || parse_libvirt_name(selector, ret);
}

static const char *host_name_of(const char *selector) {
        const char *name = startswith(selector, "/dev/");
        return name ? name : selector;
}

static int resolve(const Inventory *inventory, const Carrier carriers[static _PLACE_MAX], const char *selector,
                Selection *ret, Problem *problem) {
        PciAddress address;

        int r = check_form(selector, problem);
        if (r != 0)
                return r;
        if (startswith(selector, "group:"))
                return resolve_group(inventory, selector, ret, problem);
        if (!parse_address(selector, &address))
                return resolve_name(carriers, host_name_of(selector), ret, problem);
        Device *device = inventory_find_device(inventory, address);
        if (!device)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "There is no PCI device at %s. 'vfioctl devices' lists all.",
                                PCI_ADDRESS_TEXT(address));
        *ret = (Selection){.device = device, .group = device->group};
        return 0;
}

/* Adds a typed name, and also the name whose escaped form it is (base/text.h). Returns 0 or -ENOMEM. */
static int want_name(WantedNames *wanted, const char *typed, Carrier *carriers, bool only_disks) {
        _cleanup_free_ char *name = NULL;

        int r = text_unescape(typed, &name);
        if (r == -ENOMEM)
                return r;
        const char *const forms[] = {typed, r >= 0 && !streq(name, typed) ? name : NULL};
        for (size_t i = 0; i < ELEMENTSOF(forms) && forms[i]; i++) {
                WantedName *entry = &wanted->names[wanted->n_names++];

                (void)snprintf(entry->name, sizeof(entry->name), "%s", forms[i]);
                entry->carriers = carriers;
                entry->only_disks = only_disks;
        }
        return 0;
}

/* Adds the names that a selector can mean, if it is a host name: the name itself and the disk of a partition. Returns 0
 * or -ENOMEM. */
static int want_names(WantedNames *wanted, const char *selector, Carrier carriers[static _PLACE_MAX]) {
        _cleanup_problem_ Problem ignored = {};
        char disk[SELECTOR_MAX];
        PciAddress address;

        if (check_form(selector, &ignored) != 0 || startswith(selector, "group:") || parse_address(selector, &address))
                return 0;
        const char *name = host_name_of(selector);
        int r = want_name(wanted, name, carriers + NAME_NOW, false);
        if (r == 0 && strip_partition(name, disk))
                r = want_name(wanted, disk, carriers + PARENT_NOW, true);
        return r;
}

/* Names that one selector can look for: the name and the disk of the partition, each in two forms. */
#define NAMES_PER_SELECTOR 4

int selector_resolve_all(const Inventory *inventory, const char *const *selectors, size_t n_selectors, Selection *ret,
                Problem *problem) {
        _cleanup_(wanted_names_done) WantedNames wanted = {
                        .names = calloc(n_selectors + 1, NAMES_PER_SELECTOR * sizeof(WantedName)),
                        .carriers = calloc(n_selectors + 1, sizeof(*wanted.carriers)),
        };
        int r = 0;

        if (!wanted.names || !wanted.carriers)
                return -ENOMEM;
        for (size_t i = 0; i < n_selectors && r == 0; i++)
                r = want_names(&wanted, selectors[i], wanted.carriers[i]);
        if (r < 0)
                return r;
        qsort(wanted.names, wanted.n_names, sizeof(WantedName), compare_names);
        if (wanted.n_names > 0)
                find_carriers(inventory, &wanted);
        for (size_t i = 0; i < n_selectors && r == 0; i++)
                r = resolve(inventory, wanted.carriers[i], selectors[i], &ret[i], problem);
        return r;
}

int selector_resolve(const Inventory *inventory, const char *selector, Selection *ret, Problem *problem) {
        return selector_resolve_all(inventory, &selector, 1, ret, problem);
}

char *selector_copy(const char *selector) {
        return strndup(selector, SELECTOR_MAX);
}

int selector_resolve_device(const Inventory *inventory, const char *selector, Device **ret, Problem *problem) {
        Selection selection = {};

        int r = selector_resolve(inventory, selector, &selection, problem);
        if (r != 0)
                return r;
        assert(selection.device || selection.group);
        size_t n = selection.device ? 1 : group_count_endpoints(selection.group);
        if (n == 0)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT,
                                "Group %d has only bridges: give the address of one of them.", selection.group->number);
        if (n > 1)
                return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                "Group %d has %zu endpoints: give the address of one of them.", selection.group->number,
                                n);
        for (size_t i = 0; !selection.device; i++)
                if (selection.group->members[i]->endpoint)
                        selection.device = selection.group->members[i];
        *ret = selection.device;
        return 0;
}
