/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/uevents.h"
#include "kernel/uevent-filter.h"

#include <libudev.h>
#include <limits.h>

/* Enough for 100,000 PCI events of 1,280 bytes (measured). Without CAP_NET_ADMIN, the kernel limits the buffer to
 * net.core.rmem_max: then events are lost sooner, which vfiod notices. */
#define RECEIVE_BUFFER_SIZE (128 * 1024 * 1024)

typedef struct UdevSource {
        UeventSource source; /* must be first: a pointer to it is cast to UdevSource */
        struct udev *udev;
        struct udev_monitor *monitor;
        struct udev_device *current; /* owns the strings of the last event */
} UdevSource;

static int udev_source_get_fd(UeventSource *source) {
        return udev_monitor_get_fd(((UdevSource *)source)->monitor);
}

/* Converts the errno after libudev returned no event. libudev does not say whether the socket failed or whether it could not parse a
 * message. So the errors that only a socket has are listed here. Any other errno is one bad message, which must not end the daemon. */
static int receive_error(int error) {
        switch (error) {
        case 0:
        case EAGAIN:
        case EINTR: /* the caller tries again while the socket is readable */
                return 0;
        case ENOBUFS:
        case ENOMEM: /* the message is lost: it may have been an event of a PCI device */
                return -ENOBUFS;
        case EBADF:
        case ENOTSOCK:
        case ENOTCONN:
        case ECONNRESET:
        case ESHUTDOWN:
        case ENETDOWN:
        case EACCES:
        case EPERM:
        case EFAULT:
                return -error;
        default:
                return -EBADMSG;
        }
}

static int udev_source_receive(UeventSource *source, Uevent *ret) {
        UdevSource *udev = (UdevSource *)source;

        udev->current = udev_device_unref(udev->current);
        errno = 0;
        udev->current = udev_monitor_receive_device(udev->monitor);
        if (!udev->current)
                return receive_error(errno);

        /* Only properties of the message: libudev reads other properties from "uevent", which can block. */
        *ret = (Uevent){
                        .action = udev_device_get_property_value(udev->current, "ACTION"),
                        .devpath = udev_device_get_property_value(udev->current, "DEVPATH"),
                        .subsystem = udev_device_get_property_value(udev->current, "SUBSYSTEM"),
                        .devpath_old = udev_device_get_property_value(udev->current, "DEVPATH_OLD"),
        };
        return ret->action && ret->devpath && ret->subsystem ? 1 : -EBADMSG;
}

static UeventSource *udev_source_destroy(UeventSource *source) {
        UdevSource *udev = (UdevSource *)source;

        udev_device_unref(udev->current);
        udev_monitor_unref(udev->monitor);
        udev_unref(udev->udev);
        free(udev);
        return NULL;
}

int uevent_source_new_udev(UeventSource **ret) {
        UdevSource *udev = calloc(1, sizeof(UdevSource));
        if (!udev)
                return -ENOMEM;
        udev->source = (UeventSource){
                        .get_fd = udev_source_get_fd,
                        .receive = udev_source_receive,
                        .destroy = udev_source_destroy,
        };
        _cleanup_(uevent_source_freep) UeventSource *source = &udev->source;

        udev->udev = udev_new();
        if (!udev->udev)
                return -errno;
        udev->monitor = udev_monitor_new_from_netlink(udev->udev, "kernel");
        if (!udev->monitor)
                return -errno;
        /* No filter of libudev: it filters only messages of udevd, and with a filter one call of libudev can take any number of messages
         * of other subsystems. Without a filter, each call takes one message. */
        (void)udev_monitor_set_receive_buffer_size(udev->monitor, RECEIVE_BUFFER_SIZE);
        int r = udev_monitor_enable_receiving(udev->monitor);
        if (r < 0)
                return r;
        /* Without the filter, vfiod wakes up more often. */
        (void)uevent_filter_attach(udev_monitor_get_fd(udev->monitor));

        *ret = TAKE_PTR(source);
        return 0;
}

bool udev_database_has(const char *folder, PciAddress address, uint64_t since_us) {
        char path[PATH_MAX];
        _cleanup_fclose_ FILE *file = NULL;
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        if (!folder || access(folder, F_OK) < 0)
                return true;
        if (snprintf(path, sizeof(path), "%s/+pci:%s", folder, PCI_ADDRESS_TEXT(address)) >= (int)sizeof(path))
                return true;
        file = fopen(path, "re");
        while (file && getline(&line, &size, file) >= 0) {
                const char *initialized = startswith(line, "I:");

                if (initialized)
                        return strtoull(initialized, NULL, 10) >= since_us;
        }
        return false;
}
