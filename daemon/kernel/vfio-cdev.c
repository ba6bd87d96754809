/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/vfio-cdev.h"
#include "kernel/sysfs.h"

#include <sys/sysmacros.h>

/* Gets the index from "vfio3", exactly as the kernel prints it. Returns false for any other name. */
static bool parse_name(const char *name, unsigned *ret) {
        const char *digits = startswith(name, "vfio");
        size_t length = digits ? strlen(digits) : 0;

        if (length == 0 || length > strlen("2147483647") || strspn(digits, "0123456789") != length ||
                        (digits[0] == '0' && length > 1))
                return false;
        unsigned long long index = strtoull(digits, NULL, 10);
        if (index > INT32_MAX)
                return false;
        *ret = (unsigned)index;
        return true;
}

int vfio_cdev_read(int device_fd, VfioCdev *ret) {
        _cleanup_closedir_ DIR *folder = NULL;
        unsigned major, minor;
        VfioCdev cdev = {};
        bool found = false;
        const char *name;
        char text[32];
        int end = 0;

        int r = sysfs_open_folder(device_fd, "vfio-dev", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0) {
                if (!parse_name(name, &cdev.index))
                        return -EINVAL;
                if (found)
                        return -ENOTUNIQ;
                found = true;
        }
        if (r == -ENOENT || (r == 0 && !found))
                return 0;
        if (r < 0)
                return r;

        r = sysfs_read_text(dirfd(folder), SYSFS_PATH("vfio%u/dev", cdev.index), text, sizeof(text));
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

const char *vfio_cdev_format(unsigned index, char buffer[static VFIO_CDEV_TEXT_MAX]) {
        (void)snprintf(buffer, VFIO_CDEV_TEXT_MAX, "/dev/vfio/devices/vfio%u", index);
        return buffer;
}
