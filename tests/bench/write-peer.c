/* SPDX-License-Identifier: GPL-2.0-or-later */

/* write-peer SYS vfio-pci|- ADDRESS...: makes the writes that a detach ("vfio-pci") or a reattach ("-") of the devices needs, below the
 * folder SYS, and no more: for each device driver_override and unbind, then drivers_probe. */

#include "measure.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void write_text(const char *sys, const char *folder, const char *name, const char *text) {
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/bus/pci/%s%s", sys, folder, name);
        int fd = must_errno(open(path, O_WRONLY | O_CLOEXEC), path);
        must_errno((int)write(fd, text, strlen(text)), path);
        (void)close(fd);
}

int main(int argc, char **argv) {
        char folder[128];

        if (argc < 4)
                return 2;
        const char *override = strcmp(argv[2], "-") == 0 ? "\n" : argv[2];
        for (int i = 3; i < argc; i++) {
                (void)snprintf(folder, sizeof(folder), "devices/%s/", argv[i]);
                write_text(argv[1], folder, "driver_override", override);
                write_text(argv[1], folder, "driver/unbind", argv[i]);
        }
        for (int i = 3; i < argc; i++)
                write_text(argv[1], "", "drivers_probe", argv[i]);
        return 0;
}
