/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"
#include "usage/usage.h"

/* Only the driver of a display makes the directories "graphics" and "drm". */

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

static int examine(UsageSnapshot *snapshot, int device_fd, PciAddress address) {
        long boot_vga = 0;

        int r = sysfs_read_number(device_fd, "boot_vga", 0, 1, &boot_vga);
        if (r < 0 && r != -ENOENT)
                return r;
        if (boot_vga == 1 &&
                        (r = usage_report(snapshot, USAGE_DISPLAY, "%s is the display that the host was started with",
                                         PCI_ADDRESS_TEXT(address))) != 0)
                return r;
        if ((r = examine_framebuffers(snapshot, device_fd)) != 0)
                return r;
        return examine_cards(snapshot, device_fd);
}

int usage_of_display(UsageSnapshot *snapshot, PciAddress address) {
        _cleanup_close_ int fd = pci_device_open(snapshot->kernel, address);
        if (fd == -ENOENT)
                return 0; /* If the device is gone, the check of its identity says so in a better message. */
        int r = fd < 0 ? fd : usage_snapshot_check_time(snapshot);
        if (r >= 0)
                r = examine(snapshot, fd, address);
        return usage_report_error(snapshot, USAGE_DISPLAY, PCI_ADDRESS_TEXT(address), r);
}
