/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/boot-loader.h"
#include "diagnosis/captured-ids.h"
#include "diagnosis/command-line.h"
#include "diagnosis/device-words.h"
#include "diagnosis/host-checks.h"

#define WORD_MAX 512

/* Makes the cure that removes a line of modprobe.d. A file of a package is not changed: a file in /etc hides it. then: a command that
 * makes the change effective; "" for none. */
static void cure_line(const ModprobeLine *line, const char *then, CheckList *list) {
        check_detail(list, "file", "%s", line->file);
        if (startswith(line->file, "/etc/") && check_text_is_plain(line->file, "/"))
                check_cure(list, "sudo sed -i '%us/^/#/' %s%s%s", line->line, line->file, *then ? " && " : "", then);
        else
                check_cure(list, "Remove line %u of %s%s%s%s.", line->line, line->file, *then ? ", then run '" : "",
                                then, *then ? "'" : "");
}

/* Finds a line that keeps a module from being loaded. A blacklist counts only for the module that vfiod loads by its name: libkmod does
 * not apply it to the dependencies. */
static const ModprobeLine *find_obstacle(const HostFacts *facts, const char *module, bool is_named) {
        for (size_t i = 0; i < facts->modprobe.n_lines; i++) {
                const ModprobeLine *line = &facts->modprobe.lines[i];

                if ((line->command == MODPROBE_INSTALL || (line->command == MODPROBE_BLACKLIST && is_named)) &&
                                modules_names_equal(line->module, module))
                        return line;
        }
        return NULL;
}

/* Finds the word of the kernel command line that forbids the module. The kernel obeys only the last module_blacklist, for each module.
 * libkmod obeys each modprobe.blacklist, for the module that is loaded by its name. Returns the list, a part of word. */
static const char *find_forbidding(
                const HostFacts *facts, const char *module, bool is_named, char word[static WORD_MAX]) {
        const char *value = command_line_find(facts->command_line, "module_blacklist", word, WORD_MAX);

        if (value && command_line_list_has(value, module))
                return value;
        return is_named ? command_line_find_entry(facts->command_line, "modprobe.blacklist", module, word, WORD_MAX)
                        : NULL;
}

/* Tells whether the kernel command line forbids the module. */
static bool check_forbidden(const HostFacts *facts, const char *module, bool is_named, CheckList *list) {
        char word[WORD_MAX];

        const char *value = find_forbidding(facts, module, is_named, word);
        if (!value)
                return false;
        check_add(list, CHECK_VFIO, "vfio-module", CHECK_ERROR,
                        "The module %s must not be loaded, because the kernel was started with %s. No device can be "
                        "detached.",
                        module, word);
        /* The other modules of a list stay forbidden. */
        if (strchr(value, ','))
                boot_loader_cure_remove_entry(list, &facts->boot, word, module);
        else
                boot_loader_cure_remove(list, &facts->boot, word);
        return true;
}

static bool check_obstacle(const HostFacts *facts, const char *module, bool is_named, CheckList *list) {
        const ModprobeLine *line = find_obstacle(facts, module, is_named);

        if (!line)
                return false;
        check_add(list, CHECK_VFIO, "vfio-module", CHECK_ERROR,
                        line->command == MODPROBE_BLACKLIST
                                        ? "The module %s must not be loaded: line %u of %s has it on the blacklist. No "
                                          "device can be detached."
                                        : "The module %s cannot be loaded by vfiod: line %u of %s replaces its loading "
                                          "with a command. No device can be detached.",
                        module, line->line, line->file);
        cure_line(line, "", list);
        return true;
}

/* The module is not on disk. */
static bool check_missing(const HostFacts *facts, CheckList *list) {
        const ModuleSearch *search = &facts->module;

        if (!facts->has_worker_facts || (search->file != MODULE_FILE_MISSING && search->file != MODULE_FILE_NO_FOLDER))
                return false;
        if (search->other[0] != '\0') {
                check_add(list, CHECK_VFIO, "vfio-module", CHECK_ERROR,
                                "The running kernel %s has no module vfio-pci on disk, but the installed kernel %s "
                                "has: "
                                "the kernel was upgraded.",
                                search->release, search->other);
                check_cure(list, "sudo systemctl reboot");
        } else {
                check_add(list, CHECK_VFIO, "vfio-module", CHECK_ERROR,
                                "The running kernel %s has no module vfio-pci on disk.", search->release);
                check_cure(list,
                                "Install the package with the extra modules of the kernel (on Ubuntu: "
                                "linux-modules-extra), or a kernel with CONFIG_VFIO_PCI.");
        }
        return true;
}

static void check_module(const HostFacts *facts, CheckList *list) {
        /* The first one is loaded by its name; the others are its dependencies. They are spelled as the kernel spells them. */
        static const char *const modules[] = {"vfio_pci", "vfio_pci_core", "vfio", "vfio_iommu_type1"};

        if (facts->has_vfio_driver) {
                check_add(list, CHECK_VFIO, "vfio-module", CHECK_OK, "The driver vfio-pci is available.");
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(modules); i++)
                if (check_forbidden(facts, modules[i], i == 0, list) || check_obstacle(facts, modules[i], i == 0, list))
                        return;
        if (check_missing(facts, list))
                return;
        check_add(list, CHECK_VFIO, "vfio-module", CHECK_OK,
                        "The module vfio-pci is not loaded. vfiod loads it when it detaches a device.");
}

static void check_interfaces(const HostFacts *facts, CheckList *list) {
        if (!facts->has_vfio_driver)
                return;
        if (facts->has_group_nodes)
                check_add(list, CHECK_VFIO, "vfio-interface", CHECK_OK,
                                "Virtual machines can use the nodes of groups%s.",
                                facts->has_cdevs && facts->has_iommufd ? ", and those of devices with an iommufd" : "");
        else if (facts->has_cdevs && facts->has_iommufd) {
                check_add(list, CHECK_VFIO, "vfio-interface", CHECK_INFO,
                                "This kernel has no nodes of groups: virtual machines must use an iommufd.");
                check_cure(list,
                                "Start QEMU with -object iommufd,id=iommufd0 -device "
                                "vfio-pci,host=ADDRESS,iommufd=iommufd0; 'vfioctl show SELECTOR --qemu' prints that.");
        } else if (facts->has_cdevs) {
                check_add(list, CHECK_VFIO, "vfio-interface", CHECK_ERROR,
                                "This kernel has no nodes of groups, and the module iommufd is not loaded, so no "
                                "virtual "
                                "machine can use a device.");
                check_cure(list, "sudo modprobe iommufd");
        }
}

static void check_no_iommu(const HostFacts *facts, CheckList *list) {
        if (!facts->no_iommu_mode)
                return;
        check_add(list, CHECK_VFIO, "no-iommu-mode", CHECK_WARNING,
                        "vfio is in its no-IOMMU mode: programs can make a device write to any memory of the host. It "
                        "is "
                        "not for virtual machines.");
        check_cure(list, "echo N | sudo tee /sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
}

/* What one source of ids takes. */
static void check_source(
                const HostFacts *facts, const Inventory *inventory, const CapturedIds *source, CheckList *list) {
        char buffer[CAPTURED_SOURCE_MAX];
        DeviceWords taken = {}, other = {};
        size_t n;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++)
                if (devices[i]->present && captured_ids_match(source->ids, &devices[i]->ids))
                        device_words_add(device_is_on_vfio(devices[i]) ? &taken : &other, devices[i]);
        const char *where = captured_ids_source(source, buffer);
        if (taken.n + other.n == 0)
                check_add(list, CHECK_VFIO, "captured-ids", CHECK_INFO,
                                "%s gives the ids %s to vfio-pci, but no device has them.", where, source->ids);
        else if (other.n > 0)
                check_add(list, CHECK_VFIO, "captured-ids", CHECK_WARNING,
                                "%s gives every device with the ids %s to vfio-pci, but these are on another driver or "
                                "on "
                                "none: %s. Another driver was faster, or vfiod has reattached them, or the setting is "
                                "not "
                                "in the initramfs.",
                                where, source->ids, device_words_end(&other));
        else
                check_add(list, CHECK_VFIO, "captured-ids", taken.n > 1 ? CHECK_WARNING : CHECK_INFO,
                                "%s gives every device with the ids %s to vfio-pci: %s.%s", where, source->ids,
                                device_words_end(&taken),
                                taken.n > 1 ? " If these are equal cards, the host can keep none of them." : "");
        check_detail(list, "ids", "%s", source->ids);
        /* The initramfs has a copy of modprobe.d, and loads vfio-pci with it. */
        if (source->line)
                cure_line(source->line, boot_initramfs_command(&facts->boot), list);
        else {
                char word[WORD_MAX];
                if (command_line_find(facts->command_line, "vfio-pci.ids", word, sizeof(word)))
                        boot_loader_cure_remove(list, &facts->boot, word);
        }
        check_detail(list, "instead", "sudo vfioctl rule add SELECTOR");
}

static void check_captured(const HostFacts *facts, const Inventory *inventory, CheckList *list) {
        CapturedIds sources[CAPTURED_IDS_MAX];

        size_t n = captured_ids_find(facts, sources);
        for (size_t i = 0; i < n; i++)
                check_source(facts, inventory, &sources[i], list);
}

/* Devices that something else has given to vfio. */
static void check_foreign(const HostFacts *facts, const Inventory *inventory, CheckList *list) {
        CapturedIds sources[CAPTURED_IDS_MAX];
        DeviceWords words = {};
        size_t n;

        size_t n_sources = captured_ids_find(facts, sources);
        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++)
                if (device_state(devices[i]) == DEVICE_FOREIGN &&
                                !captured_ids_find_device(sources, n_sources, devices[i]))
                        device_words_add(&words, devices[i]);
        if (words.n == 0)
                return;
        check_add(list, CHECK_VFIO, "foreign-devices", CHECK_INFO,
                        "Something other than vfiod gave these devices to vfio, for example new_id, driver_override or "
                        "libvirt: %s.",
                        device_words_end(&words));
        check_cure(list, "If they should return to the host: sudo vfioctl reattach --adopt SELECTOR");
}

void vfio_checks_run(const HostFacts *facts, const Inventory *inventory, CheckList *list) {
        check_module(facts, list);
        check_interfaces(facts, list);
        check_no_iommu(facts, list);
        check_captured(facts, inventory, list);
        check_foreign(facts, inventory, list);
}
