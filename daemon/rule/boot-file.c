/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/boot-file.h"
#include "base/log.h"
#include "policy/plan.h"
#include "rule/early-file.h"
#include "state/device-file.h"

int boot_file_open(const char *path, const char *const *rule_folders, BootFile *ret) {
        *ret = (BootFile){.path = path, .folder_fd = -EBADF};
        ret->lock_fd = early_file_lock(path, &ret->folder_fd);
        if (ret->lock_fd < 0)
                return ret->lock_fd;
        int r = boot_list_read(path, &ret->old);
        if (r == -ENOMEM || (r = rule_book_new(rule_folders, &ret->book)) < 0)
                return r;
        return rule_book_load(ret->book, false);
}

void boot_file_done(BootFile *file) {
        (void)safe_close(file->lock_fd);
        (void)safe_close(file->folder_fd);
        boot_list_done(&file->old);
        rule_book_free(file->book);
        *file = (BootFile){.folder_fd = -EBADF, .lock_fd = -EBADF};
}

/* Tells whether vfiod has detached this device: returns 1, 0 or -ENOMEM. */
static int is_detached(const PciFacts *facts, int devices_fd) {
        _cleanup_device_file_ DeviceFile record = {};

        if (!pci_driver_is_vfio(facts->driver))
                return 0;
        int r = device_file_read(devices_fd, facts->address, &record);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        return record.away && pci_ids_equal(&record.origin->ids, &facts->ids);
}

/* Makes the line of a present device that vfiod has detached. Returns 1; 0 for another device; or -ENOMEM. */
static int make_line(const Kernel *kernel, int devices_fd, PciAddress address, BootDevice *ret) {
        PciFacts facts;

        if (pci_device_read_facts(kernel, address, &facts) < 0 || !facts.endpoint || facts.virtual_function ||
                        facts.behind_controller)
                return 0;
        int r = is_detached(&facts, devices_fd);
        if (r <= 0)
                return r;
        *ret = (BootDevice){.address = address, .ids = facts.ids};
        (void)snprintf(ret->driver, sizeof(ret->driver), "%s", facts.driver);
        ret->ids.revision = 0;
        (void)pci_device_read_branch(kernel, address, ret->branch);
        return pci_device_read_path(kernel, address, ret->path)[0] != '\0';
}

int boot_file_add(const BootFile *file, const Kernel *kernel, int devices_fd, PciAddress address, const char *rule,
                BootList *list) {
        const BootDevice *old = boot_list_find(&file->old, address);
        BootDevice line;

        int r = make_line(kernel, devices_fd, address, &line);
        if (r < 0)
                return r;
        if (r == 0) {
                if (!old)
                        return 0;
                line = *old;
        }
        (void)snprintf(line.rule, sizeof(line.rule), "%s", rule);
        return boot_device_is_wanted(&line, file->book) ? boot_list_put(list, &line) : 0;
}

int boot_file_write(const BootFile *file, const BootList *list) {
        _cleanup_free_ char *text = NULL;

        if (list->n_devices == 0)
                return early_file_remove(file->path);
        int r = boot_list_format(list, &text);
        return r < 0 ? r : early_file_replace(file->folder_fd, file->path, text);
}
