/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-address.h"

/* Events of the kernel. An event is only a hint: it says which device to read again. */

typedef struct Uevent {
        const char *action;      /* "add", "remove", "bind", "unbind", "change", "move", ... */
        const char *devpath;     /* below /sys: "/devices/pci0000:00/..." */
        const char *subsystem;   /* "pci", "net", "block"; also others, which the caller ignores */
        const char *devpath_old; /* of a "move", else NULL */
} Uevent;

/* A source of events: a socket that systemd opens (uevent-socket.h), the monitor of libudev where no socket is passed,
 * or the socket of the simulator. */
typedef struct UeventSource UeventSource;
struct UeventSource {
        /* The descriptor that becomes readable. */
        int (*get_fd)(UeventSource *source);

        /* Receives at most one message. Returns 1 and the event, which is valid until the next call; 0 if there is no message;
         * -ENOBUFS if events were lost, so that everything must be read again; -EBADMSG if a message could not be parsed and
         * was skipped; or another negative errno if the source has failed. */
        int (*receive)(UeventSource *source, Uevent *ret);

        UeventSource *(*destroy)(UeventSource *source);
};

static inline UeventSource *uevent_source_free(UeventSource *source) {
        return source ? source->destroy(source) : NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(UeventSource *, uevent_source_free)

/* Receives the events of the kernel, of all subsystems, through libudev. Events of the kernel, unlike those of udevd, also arrive
 * while udevd hangs on a stuck device, and on a host without udevd. Returns 0 or a negative errno. */
int uevent_source_new_udev(UeventSource **ret);

/* Tells whether udev has evaluated its rules for a PCI device since since_us (CLOCK_MONOTONIC, microseconds). folder
 * is the database of udev, /run/udev/data: udev writes the file of a device after it has evaluated the rules, and
 * before it carries out their RUN actions. The time is necessary because the file of the previous card in the slot
 * remains until udev has processed its removal. Also returns true if folder is NULL or does not exist: without udev,
 * there is nothing to wait for. */
bool udev_database_has(const char *folder, PciAddress address, uint64_t since_us);
