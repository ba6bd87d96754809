/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "driverctl.h"
#include "language.h"

#include "daemon/base/util.h"
#include "daemon/kernel/pci-address.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Far longer than the name of a driver. */
#define CONTENT_MAX 256

void driverctl_list_clear(DriverctlList *list) {
        for (size_t i = 0; i < list->n_entries; i++) {
                free(list->entries[i].file);
                free(list->entries[i].address);
                free(list->entries[i].driver);
                free(list->entries[i].reason);
        }
        free(list->entries);
        *list = (DriverctlList){};
}

/* Stores why the entry cannot be imported. */
static int skip(DriverctlEntry *entry, const char *reason) {
        entry->reason = strdup(reason);
        return entry->reason ? 0 : -ENOMEM;
}

/* Reads the only word of the file. Returns 1; 0 with a reason in the entry; or -ENOMEM. */
static int read_driver(int folder_fd, DriverctlEntry *entry) {
        char text[CONTENT_MAX + 1];
        struct stat status;

        /* Neither a FIFO nor a device may delay this. */
        _cleanup_close_ int fd =
                        openat(folder_fd, entry->file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &status) < 0)
                return skip(entry, errno == ELOOP ? _("it is a symbolic link") : strerror(errno));
        if (!S_ISREG(status.st_mode))
                return skip(entry, _("it is no regular file"));
        ssize_t n = read(fd, text, CONTENT_MAX);
        if (n < 0)
                return skip(entry, strerror(errno));
        text[n] = '\0';
        if (n == CONTENT_MAX || strlen(text) != (size_t)n)
                return skip(entry, _("it is damaged: driverctl writes the name of a driver and nothing else"));
        size_t length = strcspn(text, " \t\n");
        if (length == 0 || text[length + strspn(text + length, " \t\n")] != '\0')
                return skip(entry, length == 0 ? _("it is empty") : _("it is damaged: it has more than one word"));
        text[length] = '\0';
        entry->driver = strdup(text);
        return entry->driver ? 1 : -ENOMEM;
}

/* vfiod accepts these names as vfio drivers. */
static bool is_for_guests(const char *driver) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

        return strstr(driver, "vfio") && driver[strspn(driver, letters)] == '\0';
}

static int examine(int folder_fd, DriverctlEntry *entry) {
        const char *text = startswith(entry->file, "pci-") ?: entry->file, *dash = strchr(entry->file, '-');
        PciAddress address;
        char reason[CONTENT_MAX + 128];

        if (pci_address_parse(text, &address) < 0)
                return skip(entry,
                                dash && !startswith(entry->file, "pci-")
                                                ? _("it is for a device of another bus: vfiod has PCI devices only")
                                                : _("its name has no address of a PCI device"));
        int r = read_driver(folder_fd, entry);
        if (r <= 0)
                return r;
        if (!is_for_guests(entry->driver)) {
                (void)snprintf(reason, sizeof(reason),
                                _("it is for the driver %s, which is not for virtual machines: leave it to driverctl"),
                                entry->driver);
                return skip(entry, reason);
        }
        entry->address = strdup(PCI_ADDRESS_TEXT(address));
        return entry->address ? 0 : -ENOMEM;
}

static int compare_entries(const void *a, const void *b) {
        return strcmp(((const DriverctlEntry *)a)->file, ((const DriverctlEntry *)b)->file);
}

int driverctl_read(const char *folder, DriverctlList *ret) {
        _cleanup_(driverctl_list_clear) DriverctlList list = {};
        const struct dirent *file;
        int r = 0;

        DIR *stream = opendir(folder);
        if (!stream)
                return -errno;
        list.entries = calloc(DRIVERCTL_ENTRIES_MAX, sizeof(DriverctlEntry));
        if (!list.entries)
                r = -ENOMEM;
        while (r >= 0 && (file = readdir(stream))) {
                if (file->d_name[0] == '.')
                        continue;
                if (list.n_entries == DRIVERCTL_ENTRIES_MAX) {
                        list.has_more = true;
                        break;
                }
                DriverctlEntry *entry = &list.entries[list.n_entries++];
                entry->file = strdup(file->d_name);
                r = entry->file ? examine(dirfd(stream), entry) : -ENOMEM;
        }
        (void)closedir(stream);
        if (r < 0)
                return r;
        if (list.n_entries > 0)
                qsort(list.entries, list.n_entries, sizeof(DriverctlEntry), compare_entries);
        *ret = TAKE_GENERIC(list, DriverctlList, (DriverctlList){});
        return 0;
}
