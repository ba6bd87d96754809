/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/boot-list.h"
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#define FILE_SIZE_MAX (4 * 1024 * 1024)

/* A device has a comment, which is read again, and a rule for udev. */
#define RECORD "# device "

static const char head[] = "# Written by vfiod, see vfiod.rules(5). Changes here are lost.\n"
                           "# Each of these devices was detached on this host by a rule of vfiod.\n"
                           "# The kernel parameter \"vfiod.early=0\" turns this file off.\n"
                           "SUBSYSTEM!=\"pci\", GOTO=\"vfiod_boot_end\"\n"
                           "ACTION!=\"add\", GOTO=\"vfiod_boot_end\"\n"
                           "# The host uses it already.\n"
                           "DRIVER==\"?*\", GOTO=\"vfiod_boot_end\"\n"
                           "# vfiod has started, and this file has its current rules.\n"
                           "TEST==\"/run/udev/rules.d/05-vfiod.rules\", GOTO=\"vfiod_boot_end\"\n"
                           "IMPORT{cmdline}=\"vfiod.early\"\n"
                           "ENV{vfiod.early}==\"0\", GOTO=\"vfiod_boot_end\"\n";

/* If the driver was loaded before, nobody else makes it bind. If it is loaded later, it binds by itself. */
static const char tail[] = "ENV{VFIOD_BOOT}==\"?*\", ATTR{[subsystem/pci]drivers_probe}=\"$kernel\"\n"
                           "LABEL=\"vfiod_boot_end\"\n";

void boot_list_done(BootList *list) {
        free(list->devices);
        *list = (BootList){};
}

static size_t find_place(const BootList *list, PciAddress address) {
        uint64_t key = pci_address_key(address);
        size_t low = 0, high = list->n_devices;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (pci_address_key(list->devices[middle].address) < key)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const BootDevice *boot_list_find(const BootList *list, PciAddress address) {
        size_t place = find_place(list, address);

        return place < list->n_devices && pci_address_equal(list->devices[place].address, address)
                        ? &list->devices[place]
                        : NULL;
}

int boot_list_put(BootList *list, const BootDevice *device) {
        size_t place = find_place(list, device->address);

        if (boot_list_find(list, device->address)) {
                list->devices[place] = *device;
                return 0;
        }
        if (list->n_devices >= BOOT_DEVICES_MAX)
                return 0;
        BootDevice *grown = reallocarray(list->devices, list->n_devices + 1, sizeof(BootDevice));
        if (!grown)
                return -ENOMEM;
        list->devices = grown;
        memmove(grown + place + 1, grown + place, (list->n_devices - place) * sizeof(BootDevice));
        grown[place] = *device;
        list->n_devices++;
        return 0;
}

bool boot_device_has_ids(const BootDevice *device, const PciIds *ids) {
        return device->ids.vendor == ids->vendor && device->ids.device == ids->device &&
                        device->ids.subsystem_vendor == ids->subsystem_vendor &&
                        device->ids.subsystem_device == ids->subsystem_device && device->ids.class == ids->class;
}

bool boot_list_equal(const BootList *a, const BootList *b) {
        bool equal = a->n_devices == b->n_devices;

        for (size_t i = 0; equal && i < a->n_devices; i++) {
                const BootDevice *x = &a->devices[i], *y = &b->devices[i];

                equal = pci_address_equal(x->address, y->address) && boot_device_has_ids(x, &y->ids) &&
                                streq(x->path, y->path) && streq(x->branch, y->branch) && streq(x->driver, y->driver) &&
                                streq(x->rule, y->rule);
        }
        return equal;
}

/* Rules. */

bool boot_rule_is_suitable(const Rule *rule) {
        return rule->virtual_functions == 0 && (rule->overrides & 1U << GUARD_STORAGE) == 0;
}

bool boot_device_is_wanted(const BootDevice *device, const RuleBook *book) {
        const RuleFile *file = rule_book_find(book, device->rule);
        const Rule *rule = file ? file->rule : NULL;
        const Device present = {.address = device->address, .ids = device->ids, .present = true, .endpoint = true};

        return rule && boot_rule_is_suitable(rule) &&
                        (rule_takes_along(rule, device->address) ||
                                        rule_match(rule, &present, device->path) == RULE_MATCH);
}

/* Text. */

/* "0000:00:1c.4/00.0" becomes "0000:00:1c.4/????:??:00.0", so that the numbers of the buses do not matter. */
static void print_path(FILE *stream, const char *path) {
        for (const char *c = path; *c; c++) {
                fputc(*c, stream);
                if (*c == '/')
                        fputs("?\?\?\?:??:", stream);
        }
}

#define RECORD_MAX (PCI_ADDRESS_TEXT_MAX + PCI_PATH_MAX + DRIVER_NAME_MAX + RULE_NAME_MAX + PCI_BRANCH_MAX + 48)

static const char *format_record(const BootDevice *device, char buffer[static RECORD_MAX]) {
        const PciIds *ids = &device->ids;

        (void)snprintf(buffer, RECORD_MAX, "%s %04x:%04x %04x:%04x %06x %s %s %s%s%s",
                        PCI_ADDRESS_TEXT(device->address), ids->vendor, ids->device, ids->subsystem_vendor,
                        ids->subsystem_device, ids->class, device->path, device->driver, device->rule,
                        device->branch[0] != '\0' ? " " : "", device->branch);
        return buffer;
}

/* The line for the events of other devices. */
static void print_for_others(FILE *stream, const BootDevice *device) {
        const PciIds *ids = &device->ids;
        char address[PCI_ADDRESS_TEXT_MAX];

        (void)pci_address_format(device->address, address);
        fprintf(stream,
                        "KERNEL!=\"%s\", TEST==\"/sys/devices/%s\", TEST!=\"/sys/devices/%s/driver\", "
                        "ATTR{[pci/%s]vendor}==\"0x%04x\", ATTR{[pci/%s]device}==\"0x%04x\", "
                        "ATTR{[pci/%s]subsystem_vendor}==\"0x%04x\", ATTR{[pci/%s]subsystem_device}==\"0x%04x\", "
                        "ATTR{[pci/%s]class}==\"0x%06x\", ATTR{[pci/%s]driver_override}=\"%s\"\n",
                        address, device->branch, device->branch, address, ids->vendor, address, ids->device, address,
                        ids->subsystem_vendor, address, ids->subsystem_device, address, ids->class, address,
                        device->driver);
}

static void print_device(FILE *stream, const BootDevice *device) {
        const PciIds *ids = &device->ids;
        char record[RECORD_MAX];

        fprintf(stream, RECORD "%s\n", format_record(device, record));
        fprintf(stream,
                        "KERNEL==\"%s\", ATTR{vendor}==\"0x%04x\", ATTR{device}==\"0x%04x\", "
                        "ATTR{subsystem_vendor}==\"0x%04x\", ATTR{subsystem_device}==\"0x%04x\", "
                        "ATTR{class}==\"0x%06x\", DEVPATH==\"*/",
                        PCI_ADDRESS_TEXT(device->address), ids->vendor, ids->device, ids->subsystem_vendor,
                        ids->subsystem_device, ids->class);
        print_path(stream, device->path);
        fprintf(stream,
                        "\", ATTR{driver_override}=\"%s\", ENV{VFIOD_BOOT}=\"%s\", "
                        "RUN{builtin}+=\"kmod load %s\"\n",
                        device->driver, device->driver, device->driver);
}

int boot_list_format(const BootList *list, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return -ENOMEM;
        fputs(head, stream);
        for (size_t i = 0; i < list->n_devices; i++)
                print_device(stream, &list->devices[i]);
        if (list->n_devices > 0)
                fputs("# The event of another device may load a module that binds these devices, too.\n", stream);
        for (size_t i = 0; i < list->n_devices && i < BOOT_FOR_OTHERS_MAX; i++)
                if (list->devices[i].branch[0] != '\0')
                        print_for_others(stream, &list->devices[i]);
        fputs(tail, stream);
        if (fclose(stream) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}

static bool has_only(const char *text, const char *allowed) {
        return *text && text[strspn(text, allowed)] == '\0';
}

/* Parses the record of a device, without its beginning and without the line end. Only what vfiod itself would write is a
 * record: sscanf() accepts more, for example "-1" as a hexadecimal number. */
static bool parse_record(const char *text, BootDevice *ret) {
        char address[PCI_ADDRESS_TEXT_MAX], record[RECORD_MAX];
        BootDevice device = {};
        PciIds *ids = &device.ids;
        unsigned class;

        _Static_assert(PCI_ADDRESS_TEXT_MAX > 16 && PCI_PATH_MAX > 111 && DRIVER_NAME_MAX > 63 && RULE_NAME_MAX > 127 &&
                                        PCI_BRANCH_MAX > 255,
                        "the widths below");
        /* Earlier versions wrote no branch. */
        if (sscanf(text, "%16s %4hx:%4hx %4hx:%4hx %6x %111s %63s %127s %255s", address, &ids->vendor, &ids->device,
                            &ids->subsystem_vendor, &ids->subsystem_device, &class, device.path, device.driver,
                            device.rule, device.branch) < 9 ||
                        device.branch[strspn(device.branch, "0123456789abcdef:./pci")] != '\0' ||
                        pci_address_parse(address, &device.address) < 0 ||
                        !has_only(device.path, "0123456789abcdef:./") ||
                        !has_only(device.driver, "abcdefghijklmnopqrstuvwxyz0123456789_-") ||
                        !pci_driver_is_vfio(device.driver) || !rule_name_is_valid(device.rule) || class > PCI_CLASS_MAX)
                return false;
        ids->class = class;
        if (!streq(format_record(&device, record), text))
                return false;
        *ret = device;
        return true;
}

int boot_list_parse(const char *text, BootList *ret) {
        _cleanup_free_ char *copy = strdup(text);
        _cleanup_boot_list_ BootList list = {};
        BootDevice device;
        char *rest = copy;
        int r = 0;

        if (!copy)
                return -ENOMEM;
        for (char *line; r >= 0 && (line = strsep(&rest, "\n"));) {
                const char *record = startswith(line, RECORD);

                if (record && parse_record(record, &device))
                        r = boot_list_put(&list, &device);
        }
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(list, BootList, (BootList){});
        return 0;
}

int boot_list_read(const char *file, BootList *ret) {
        _cleanup_free_ char *text = NULL;
        struct stat status;
        size_t length;

        *ret = (BootList){};
        _cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode))
                return -EINVAL;
        int r = file_read_all(fd, FILE_SIZE_MAX, &text, &length);
        return r < 0 ? r : boot_list_parse(text, ret);
}
