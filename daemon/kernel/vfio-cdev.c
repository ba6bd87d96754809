/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/vfio-cdev.h"
#include "kernel/sysfs.h"

#include <sys/sysmacros.h>

/* "vfio" and a number, as the kernel names it. */
static bool is_cdev_name(const char *name) {
        const char *digits = startswith(name, "vfio");
        size_t length = digits ? strlen(digits) : 0;

        return length > 0 && strspn(digits, "0123456789") == length && strlen(name) < VFIO_CDEV_NAME_MAX;
}

/* An entry of vfio-dev. */
static int on_entry(int folder_fd, const char *name, void *userdata) {
        VfioCdev *cdev = userdata;

        (void)folder_fd;
        if (!is_cdev_name(name))
                return -EINVAL;
        if (cdev->name[0] != '\0')
                return -ENOTUNIQ;
        (void)snprintf(cdev->name, sizeof(cdev->name), "%s", name);
        return 0;
}

int vfio_cdev_read(int device_fd, VfioCdev *ret) {
        char path[sizeof("vfio-dev//dev") + VFIO_CDEV_NAME_MAX], text[32];
        VfioCdev cdev = {};
        unsigned major, minor;
        int end = 0;

        int r = sysfs_for_each(device_fd, "vfio-dev", on_entry, &cdev);
        if (r == -ENOENT || (r >= 0 && cdev.name[0] == '\0'))
                return 0;
        if (r < 0)
                return r;

        (void)snprintf(path, sizeof(path), "vfio-dev/%s/dev", cdev.name);
        r = sysfs_read_text(device_fd, path, text, sizeof(text));
        if (r == -ENOENT || r == -ENODEV)
                return 0; /* a kernel without cdevs; or the device left its vfio driver just now */
        if (r < 0)
                return r;
        if (sscanf(text, "%u:%u%n", &major, &minor, &end) != 2 || end != r)
                return -EINVAL;
        cdev.number = makedev(major, minor);
        *ret = cdev;
        return 1;
}

const char *vfio_cdev_format(const VfioCdev *cdev, char buffer[static VFIO_CDEV_TEXT_MAX]) {
        (void)snprintf(buffer, VFIO_CDEV_TEXT_MAX, "/dev/vfio/devices/%s", cdev->name);
        return buffer;
}
