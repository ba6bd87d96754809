/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/vfio-cdev.h"
#include "kernel/sysfs.h"

#include <sys/sysmacros.h>

/* Tells whether the name is "vfio" and a number. */
static bool is_cdev_name(const char *name) {
        const char *digits = startswith(name, "vfio");
        size_t length = digits ? strlen(digits) : 0;

        return length > 0 && strspn(digits, "0123456789") == length && strlen(name) < VFIO_CDEV_NAME_MAX;
}

int vfio_cdev_read(int device_fd, VfioCdev *ret) {
        _cleanup_closedir_ DIR *folder = NULL;
        unsigned major, minor;
        VfioCdev cdev = {};
        const char *name;
        char text[32];
        int end = 0;

        int r = sysfs_open_folder(device_fd, "vfio-dev", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0) {
                if (!is_cdev_name(name))
                        return -EINVAL;
                if (cdev.name[0] != '\0')
                        return -ENOTUNIQ;
                (void)snprintf(cdev.name, sizeof(cdev.name), "%s", name);
        }
        if (r == -ENOENT || (r == 0 && cdev.name[0] == '\0'))
                return 0;
        if (r < 0)
                return r;

        r = sysfs_read_text(dirfd(folder), SYSFS_PATH("%s/dev", cdev.name), text, sizeof(text));
        if (r == -ENOENT || r == -ENODEV)
                return 0; /* the kernel has no cdevs; or the device has just left its vfio driver */
        if (r < 0)
                return r;
        if (sscanf(text, "%u:%u%n", &major, &minor, &end) != 2 || end != r)
                return -EINVAL;
        cdev.number = makedev(major, minor);
        *ret = cdev;
        return 1;
}

const char *vfio_cdev_format(const char *name, char buffer[static VFIO_CDEV_TEXT_MAX]) {
        (void)snprintf(buffer, VFIO_CDEV_TEXT_MAX, "/dev/vfio/devices/%s", name);
        return buffer;
}
