/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "kernel/sysfs.h"
#include "usage/usage.h"

#include <fcntl.h>

typedef struct Search {
        usage_visit_t visit;
        void *userdata;
        const char *folder;
} Search;

static int on_framebuffer(int directory_fd, const char *name, void *userdata) {
        const Search *search = userdata;

        (void)directory_fd;
        return usage_report(search->visit, search->userdata, USAGE_DISPLAY,
                        "%s is a framebuffer: it may show the console", TEXT_NAME(name));
}

/* An entry "card0-HDMI-A-1" of a DRM card's folder. */
static int on_connector(int directory_fd, const char *name, void *userdata) {
        const Search *search = userdata;
        char path[300], text[32];

        if (!startswith(name, search->folder) || name[strlen(search->folder)] != '-')
                return 0;
        (void)snprintf(path, sizeof(path), "%.255s/enabled", name);
        int r = sysfs_read_text(directory_fd, path, text, sizeof(text));
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (!streq(text, "enabled"))
                return 0;
        return usage_report(search->visit, search->userdata, USAGE_DISPLAY, "%s shows a picture", TEXT_NAME(name));
}

/* An entry of "drm": a card, or its render node. */
static int on_card(int directory_fd, const char *name, void *userdata) {
        Search search = *(const Search *)userdata;

        if (!startswith(name, "card"))
                return 0;
        search.folder = name;
        int r = sysfs_for_each(directory_fd, name, on_connector, &search);
        return r == -ENOENT ? 0 : r;
}

/* Only the driver of a display makes this folder. */
static int for_each_if_there(int fd, const char *folder, sysfs_entry_t callback, Search *search) {
        int r = sysfs_for_each(fd, folder, callback, search);
        return r == -ENOENT ? 0 : r;
}

static int examine(int fd, Search *search, PciAddress address) {
        long boot_vga = 0;

        int r = sysfs_read_number(fd, "boot_vga", 0, 1, &boot_vga);
        if (r < 0 && r != -ENOENT)
                return r;
        if (boot_vga == 1 &&
                        (r = usage_report(search->visit, search->userdata, USAGE_DISPLAY,
                                         "%s is the display that the host was started with",
                                         PCI_ADDRESS_TEXT(address))) != 0)
                return r;
        if ((r = for_each_if_there(fd, "graphics", on_framebuffer, search)) != 0)
                return r;
        return for_each_if_there(fd, "drm", on_card, search);
}

int usage_of_display(const Kernel *kernel, PciAddress address, usage_visit_t visit, void *userdata) {
        Search search = {.visit = visit, .userdata = userdata};

        _cleanup_close_ int fd = pci_device_open(kernel, address);
        if (fd == -ENOENT)
                return 0; /* the device is gone: the check of its identity tells that better */
        int r = fd < 0 ? fd : examine(fd, &search, address);
        return r < 0 && r != -ENOMEM ? usage_report(visit, userdata, USAGE_DISPLAY, "%s cannot be examined: %s",
                                                       PCI_ADDRESS_TEXT(address), strerror(-r))
                                     : r;
}
