/* SPDX-License-Identifier: GPL-2.0-or-later */

/* scan-peer: reads what vfiod reads at its start, and ends: the least that a scan costs. Each function's folder stays open while its
 * attributes are read: the ids, the links driver and iommu_group, numa_node, the speed of the link, reset_method,
 * secondary_bus_number, boot_vga of displays, sriov_totalvfs and physfn. Then each entry of class/net and class/block. */

#include "measure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLASS_DISPLAY 0x03
#define CLASS_PCI_BRIDGE 0x0604

/* A file that does not exist is no error: then the text is empty. */
static size_t read_text(int folder, const char *name, char *text, size_t size) {
        int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);

        text[0] = '\0';
        if (fd < 0)
                return 0;
        ssize_t n = read(fd, text, size - 1);
        (void)close(fd);
        text[n < 0 ? 0 : n] = '\0';
        return n < 0 ? 0 : (size_t)n;
}

static unsigned long read_number(int folder, const char *name) {
        char text[32];

        (void)read_text(folder, name, text, sizeof(text));
        return strtoul(text, NULL, 0);
}

static ssize_t read_link(int folder, const char *name) {
        char target[PATH_MAX];

        return readlinkat(folder, name, target, sizeof(target));
}

static void scan_function(int devices, const char *name) {
        static const char *const numbers[] = {"vendor", "device", "subsystem_vendor", "subsystem_device", "revision"};
        char text[256];
        struct stat status;

        int folder = must_errno(openat(devices, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), name);
        must_errno(fstat(folder, &status), name);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                (void)read_number(folder, numbers[i]);
        unsigned long class_code = read_number(folder, "class");
        (void)read_link(folder, "driver");
        (void)read_link(folder, "iommu_group");
        (void)read_number(folder, "numa_node");
        if (read_text(folder, "max_link_speed", text, sizeof(text)) > 0) {
                (void)read_text(folder, "current_link_speed", text, sizeof(text));
                (void)read_number(folder, "current_link_width");
                (void)read_number(folder, "max_link_width");
        }
        (void)read_text(folder, "reset_method", text, sizeof(text));
        if (class_code >> 8 != CLASS_PCI_BRIDGE)
                (void)faccessat(folder, "secondary_bus_number", F_OK, AT_SYMLINK_NOFOLLOW);
        if (class_code >> 16 == CLASS_DISPLAY)
                (void)read_number(folder, "boot_vga");
        (void)read_number(folder, "sriov_totalvfs");
        (void)read_link(folder, "physfn");
        (void)close(folder);
}

static void scan_interface(int folder, const char *name) {
        (void)read_link(folder, name);
}

static void scan_disk(int folder, const char *name) {
        char path[PATH_MAX];

        (void)read_link(folder, name);
        (void)snprintf(path, sizeof(path), "%s/partition", name);
        if (faccessat(folder, path, F_OK, 0) < 0) {
                (void)snprintf(path, sizeof(path), "%s/hidden", name);
                (void)read_number(folder, path);
        }
}

static void scan(const char *path, void (*each)(int folder, const char *name)) {
        DIR *listing = opendir(path);

        if (!listing) {
                must(-errno, path);
                return;
        }
        for (struct dirent *entry; (entry = readdir(listing));)
                if (entry->d_name[0] != '.')
                        each(dirfd(listing), entry->d_name);
        (void)closedir(listing);
}

int main(void) {
        scan("/sys/bus/pci/devices", scan_function);
        scan("/sys/class/net", scan_interface);
        scan("/sys/class/block", scan_disk);
        return 0;
}
