/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/selector.h"
#include "base/text.h"

#include <ctype.h>

/* "pci_0000_3b_00_0" to "0000:3b:00.0". */
static int parse_libvirt_name(const char *text, PciAddress *ret) {
        char address[PCI_ADDRESS_TEXT_MAX];
        const char *rest = startswith(text, "pci_");

        if (!rest)
                return -EINVAL;
        size_t length = strlen(rest);
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

/* How many devices have a name now, and how many had it when they were detached and have it no more; and the last of
 * each. */
typedef struct Carriers {
        Device *now, *before;
        size_t n_now, n_before;
} Carriers;

/* A host name that is looked for. */
typedef struct WantedName {
        char name[SELECTOR_MAX];
        Carriers any, disks; /* of any kind of name; of disks only */
} WantedName;

/* Sorted by name, each name once. */
typedef struct WantedNames {
        WantedName *names;
        size_t n_names;
} WantedNames;

static int compare_names(const void *a, const void *b) {
        return strcmp(((const WantedName *)a)->name, ((const WantedName *)b)->name);
}

static void sort_names(WantedNames *wanted) {
        size_t n = 0;

        if (wanted->n_names > 0)
                qsort(wanted->names, wanted->n_names, sizeof(WantedName), compare_names);
        for (size_t i = 0; i < wanted->n_names; i++)
                if (n == 0 || !streq(wanted->names[i].name, wanted->names[n - 1].name))
                        wanted->names[n++] = wanted->names[i];
        wanted->n_names = n;
}

static WantedName *find_name(const WantedNames *wanted, const char *name) {
        size_t low = 0, high = wanted->n_names;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(name, wanted->names[middle].name);

                if (order == 0)
                        return &wanted->names[middle];
                *(order < 0 ? &high : &low) = order < 0 ? middle : middle + 1;
        }
        return NULL;
}

/* A device counts once, and as "now" if it has the name now. Its present names are noted before its former ones, and
 * all of them before those of the next device. */
static void note_carrier(Carriers *carriers, Device *device, bool now) {
        if (carriers->now == device || carriers->before == device)
                return;
        if (now) {
                carriers->now = device;
                carriers->n_now++;
        } else {
                carriers->before = device;
                carriers->n_before++;
        }
}

static void note_names(const WantedNames *wanted, Device *device, const HostName *names, bool now) {
        for (; names; names = names->next) {
                WantedName *entry = find_name(wanted, names->name);

                if (!entry)
                        continue;
                note_carrier(&entry->any, device, now);
                if (names->kind == HOST_NAME_BLOCK)
                        note_carrier(&entry->disks, device, now);
        }
}

/* One walk over all devices for all names. */
static void find_carriers(const Inventory *inventory, const WantedNames *wanted) {
        size_t n;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++) {
                note_names(wanted, devices[i], devices[i]->names, true);
                if (devices[i]->origin)
                        note_names(wanted, devices[i], devices[i]->origin->names, false);
        }
}

/* The name that a typed one stands for, if it is in escaped form (base/text.h) and another than the typed one. Returns whether
 * there is such a name. ret has room for SELECTOR_MAX bytes. */
static int unescape_name(const char *typed, char *ret) {
        _cleanup_free_ char *name = NULL;

        int r = text_unescape(typed, &name);
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        if (streq(name, typed))
                return 0;
        (void)snprintf(ret, SELECTOR_MAX, "%s", name);
        return 1;
}

/* Two forms of one typed name: a device that both lead to counts once. */
static size_t add_carriers(Device *a, size_t n_a, Device *b, size_t n_b, Device **ret) {
        *ret = n_a > 0 ? a : b;
        return n_a == 1 && n_b == 1 && a == b ? 1 : n_a + n_b;
}

/* Returns how many devices have the name, in either form: now, or else when they were detached. Above 1 it may be too high.
 * Returns one of them, too. */
static int count_carriers(const WantedNames *wanted, const char *typed, bool only_disks, Device **ret) {
        static const Carriers none = {};
        char unescaped[SELECTOR_MAX];

        int r = unescape_name(typed, unescaped);
        if (r < 0)
                return r;
        const WantedName *first = find_name(wanted, typed), *second = r > 0 ? find_name(wanted, unescaped) : NULL;
        const Carriers *a = !first ? &none : only_disks ? &first->disks : &first->any;
        const Carriers *b = !second ? &none : only_disks ? &second->disks : &second->any;
        size_t n = add_carriers(a->now, a->n_now, b->now, b->n_now, ret);
        if (n == 0)
                n = add_carriers(a->before, a->n_before, b->before, b->n_before, ret);
        return (int)n;
}

static int resolve_name(const WantedNames *wanted, const char *name, Selection *ret, Problem *problem) {
        char disk[SELECTOR_MAX];
        Device *device = NULL;

        int n = count_carriers(wanted, name, false, &device);
        if (n == 0 && strip_partition(name, disk))
                n = count_carriers(wanted, disk, true, &device);
        if (n < 0)
                return n;
        if (n == 0)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "No PCI device is called '%s' or carries a network interface or disk of that name. "
                                "'vfioctl devices' lists all.",
                                name);
        if (n > 1)
                return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                "'%s' belongs to more than one PCI device: name the device by its address.", name);
        *ret = (Selection){.device = device, .group = device->group};
        return 0;
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
        int number;

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

static bool parse_address(const char *selector, PciAddress *ret) {
        return pci_address_parse_loose(selector, ret) >= 0 || parse_libvirt_name(selector, ret) >= 0;
}

static const char *host_name_of(const char *selector) {
        const char *name = startswith(selector, "/dev/");
        return name ? name : selector;
}

static int resolve(const Inventory *inventory, const WantedNames *wanted, const char *selector, Selection *ret,
                Problem *problem) {
        PciAddress address;

        int r = check_form(selector, problem);
        if (r != 0)
                return r;
        if (startswith(selector, "group:"))
                return resolve_group(inventory, selector, ret, problem);
        if (!parse_address(selector, &address))
                return resolve_name(wanted, host_name_of(selector), ret, problem);
        Device *device = inventory_find_device(inventory, address);
        if (!device)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "There is no PCI device at %s. 'vfioctl devices' lists all.",
                                PCI_ADDRESS_TEXT(address));
        *ret = (Selection){.device = device, .group = device->group};
        return 0;
}

/* Names that one selector can look for: it and its disk, each in two forms. */
#define NAMES_PER_SELECTOR 4

/* Adds a typed name, and the one that it stands for. Returns 0 or a negative errno. */
static int want_name(WantedNames *wanted, const char *typed) {
        (void)snprintf(wanted->names[wanted->n_names++].name, SELECTOR_MAX, "%s", typed);
        int r = unescape_name(typed, wanted->names[wanted->n_names].name);
        if (r > 0)
                wanted->n_names++;
        return r < 0 ? r : 0;
}

/* Adds the names that resolve_name() will look up, if the selector is a host name. Returns 0 or a negative errno. */
static int want_names(WantedNames *wanted, const char *selector) {
        _cleanup_problem_ Problem ignored = {};
        char disk[SELECTOR_MAX];
        PciAddress address;

        if (check_form(selector, &ignored) != 0 || startswith(selector, "group:") || parse_address(selector, &address))
                return 0;
        const char *name = host_name_of(selector);
        int r = want_name(wanted, name);
        if (r == 0 && strip_partition(name, disk))
                r = want_name(wanted, disk);
        return r;
}

int selector_resolve_all(const Inventory *inventory, const char *const *selectors, size_t n_selectors, Selection *ret,
                Problem *problem) {
        _cleanup_free_ WantedName *names = calloc(n_selectors + 1, NAMES_PER_SELECTOR * sizeof(WantedName));
        WantedNames wanted = {.names = names};
        int r = 0;

        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < n_selectors && r == 0; i++)
                r = want_names(&wanted, selectors[i]);
        if (r < 0)
                return r;
        sort_names(&wanted);
        if (wanted.n_names > 0)
                find_carriers(inventory, &wanted);
        for (size_t i = 0; i < n_selectors && r == 0; i++)
                r = resolve(inventory, &wanted, selectors[i], &ret[i], problem);
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
