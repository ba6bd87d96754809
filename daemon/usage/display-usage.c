/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"
#include "usage/usage.h"

/* Uses of a display. Only the driver of a display makes the directories "graphics" and "drm". */

static int examine_framebuffers(UsageSnapshot *snapshot, int device_fd) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        int r = sysfs_open_folder(device_fd, "graphics", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0)
                if ((r = usage_report(snapshot, USAGE_DISPLAY, "%s is a framebuffer: it may show the console",
                                     TEXT_NAME(name))) != 0)
                        return r;
        return r == -ENOENT ? 0 : r;
}

/* Examines the connectors of a DRM card, for example "card0-HDMI-A-1". */
static int examine_card(UsageSnapshot *snapshot, int drm_fd, const char *card) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;
        char text[32];

        int r = sysfs_open_folder(drm_fd, card, &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0) {
                const char *connector = startswith(name, card);
                if (!connector || connector[0] != '-')
                        continue;
                r = sysfs_read_text(dirfd(folder), SYSFS_PATH("%s/enabled", name), text, sizeof(text));
                if (r >= 0 && streq(text, "enabled") &&
                                (r = usage_report(snapshot, USAGE_DISPLAY, "%s shows a picture", TEXT_NAME(name))) != 0)
                        return r;
                if (r == -ENOENT)
                        r = 0;
        }
        return r == -ENOENT ? 0 : r;
}

static int examine_cards(UsageSnapshot *snapshot, int device_fd) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        int r = sysfs_open_folder(device_fd, "drm", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0)
                if (startswith(name, "card") && (r = examine_card(snapshot, dirfd(folder), name)) != 0)
                        return r;
        return r == -ENOENT ? 0 : r;
}

/* The framebuffer of the firmware. Without a driver of its own, a display still shows what the kernel writes into the
 * memory that the firmware prepared. The kernel has a platform device for it ("simple-framebuffer.0"), and the driver
 * of that (simpledrm, efifb, ...) needs no driver of the PCI device. */

/* Since Linux 6.9, the platform device is below the PCI device (sysfb_init() in the kernel source). */
static int examine_platform_devices(UsageSnapshot *snapshot, int device_fd) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        int r = sysfs_open_folder(device_fd, ".", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0)
                if (strstr(name, DEVICE_FOLDER_FRAMEBUFFER) &&
                                (r = usage_report(snapshot, USAGE_DISPLAY,
                                                 "%s is the framebuffer of the firmware: it may show the console",
                                                 TEXT_NAME(name))) != 0)
                        return r;
        return r;
}

/* The names of the memory in /proc/iomem: the kernel calls it BOOTFB, and each driver by its own name. */
static bool is_framebuffer(const char *name) {
        static const char *const names[] = {"BOOTFB", "simpledrm", "simplefb", "efidrm", "efifb", "vesadrm", "vesafb",
                        "uvesafb", "ofdrm", "offb", "vga16fb"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(name, names[i]))
                        return true;
        return strstr(name, "framebuffer");
}

/* The kernel does not indent the lines of /proc/iomem deeper than five levels (MAX_IORES_LEVEL; eight since Linux
 * 6.5). At this level, what is inside a region has the same indentation as the region. */
#define INDENTATION_MAX 10

/* Looks into the regions of the device in /proc/iomem. Without privileges, all addresses read as 0, but the names and the
 * indentation tell what is inside of what. */
static int examine_memory(UsageSnapshot *snapshot, PciAddress address) {
        _cleanup_fclose_ FILE *file = sysfs_open_lines(snapshot->kernel->proc_fd, "iomem");
        const char *device = PCI_ADDRESS_TEXT(address);
        _cleanup_free_ char *line = NULL;
        bool is_inside = false;
        size_t size = 0, region = 0;
        PciAddress other;
        int r;

        if (!file)
                return errno == ENOENT ? 0 : -errno;
        while ((r = sysfs_next_line(file, &line, &size)) > 0) {
                size_t indentation = strspn(line, " ");
                char *name = strstr(line, " : ");

                if (!name)
                        continue;
                name += strlen(" : ");
                name[strcspn(name, "\n")] = '\0';
                is_inside = is_inside &&
                                (indentation > region ||
                                                (indentation == region && indentation >= INDENTATION_MAX &&
                                                                pci_address_parse(name, &other) < 0));
                if (is_inside && is_framebuffer(name))
                        return usage_report(snapshot, USAGE_DISPLAY,
                                        "its memory has the framebuffer of the firmware (%s): it may show the console",
                                        TEXT_NAME(name));
                if (!is_inside && streq(name, device)) {
                        is_inside = true;
                        region = indentation;
                }
        }
        return r;
}

static int examine_boot_vga(UsageSnapshot *snapshot, int device_fd, PciAddress address) {
        long boot_vga = 0;

        int r = sysfs_read_number(device_fd, "boot_vga", 0, 1, &boot_vga);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return boot_vga == 0 ? 0
                             : usage_report(snapshot, USAGE_DISPLAY, "%s is the display that the host was started with",
                                               PCI_ADDRESS_TEXT(address));
}

/* Most devices are no displays, and their folder has nothing of this. */
static int examine_parts(UsageSnapshot *snapshot, const DeviceFolder *folder, PciAddress address) {
        int r = 0;

        if (!folder->boot_vga && !folder->graphics && !folder->drm && !folder->platform_framebuffer)
                return 0;
        _cleanup_close_ int fd = pci_device_open(snapshot->kernel, address);
        if (fd < 0)
                return fd == -ENOENT ? 0
                                     : fd; /* If it is gone, the check of its identity says so in a better message. */
        if ((folder->boot_vga && (r = examine_boot_vga(snapshot, fd, address)) != 0) ||
                        (folder->graphics && (r = examine_framebuffers(snapshot, fd)) != 0) ||
                        (folder->drm && (r = examine_cards(snapshot, fd)) != 0) ||
                        (folder->platform_framebuffer && (r = examine_platform_devices(snapshot, fd)) != 0))
                return r;
        return 0;
}

int usage_of_display(UsageSnapshot *snapshot, const SnapshotFunction *function) {
        PciAddress address = function->address;

        int r = usage_snapshot_check_time(snapshot);
        if (r == 0)
                r = examine_parts(snapshot, &function->folder, address);
        if (r == 0)
                r = examine_memory(snapshot, address);
        /* Then not all parts are known, and there may be displays below it that nobody knows. */
        if (r == 0)
                r = function->folder.error;
        return usage_report_error(snapshot, USAGE_DISPLAY, PCI_ADDRESS_TEXT(address), r);
}
