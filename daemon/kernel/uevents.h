/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-address.h"

/* What the kernel announces. An event is a hint, never the truth: it says where to look again. */

typedef struct Uevent {
        const char *action;      /* "add", "remove", "bind", "unbind", "change", "move", ... */
        const char *devpath;     /* below /sys: "/devices/pci0000:00/..." */
        const char *subsystem;   /* "pci", "net", "block"; also others, which the caller ignores */
        const char *devpath_old; /* of a "move", else NULL */
} Uevent;

/* Where events come from: libudev's monitor on a real host, a socket in the simulator. */
typedef struct UeventSource UeventSource;
struct UeventSource {
        /* The descriptor that becomes readable. */
        int (*get_fd)(UeventSource *source);

        /* Takes at most one message. Returns 1 and its event, which stays valid until the next call; 0 when there is none now;
         * -ENOBUFS when events were lost and everything must be read again; -EBADMSG when a message could not be parsed and was
         * skipped; another negative errno when the source itself has failed. */
        int (*receive)(UeventSource *source, Uevent *ret);

        UeventSource *(*destroy)(UeventSource *source);
};

static inline UeventSource *uevent_source_free(UeventSource *source) {
        return source ? source->destroy(source) : NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(UeventSource *, uevent_source_free)

/* The kernel's events through libudev, of all subsystems. The events of the kernel and not those of udevd: they also come while udevd
 * hangs on a stuck device, and on a host without udevd. Returns 0 or a negative errno. */
int uevent_source_new_udev(UeventSource **ret);

/* Tells whether udev has evaluated its rules for a PCI device since since_us (CLOCK_MONOTONIC, microseconds). folder is the database of udev,
 * /run/udev/data: udev writes the file of a device after it has evaluated the rules, and before it carries out their RUN actions. The time is
 * necessary because the file of the previous card in the slot remains until udev has processed its removal. Also returns true if folder is
 * NULL or does not exist: without udev, there is nothing to wait for. */
bool udev_database_has(const char *folder, PciAddress address, uint64_t since_us);
