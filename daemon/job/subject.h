/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "kernel/pci-facts.h"
#include "kernel/power.h"
#include "kernel/sysfs.h"
#include "kernel/virtual-function.h"

/* A device while a transaction has it in hand: its folder held open, so that what is written reaches this card or none; and what it was when the
 * work began. For workers: reading the override may block. */

/* The kernel takes an override of up to a page. */
#define OVERRIDE_MAX SYSFS_TEXT_MAX

typedef struct Binding {
        char driver[DRIVER_NAME_MAX]; /* "" for none */
        char override[OVERRIDE_MAX];  /* "" for none */
        PowerSettings power;
} Binding;

typedef struct Subject {
        PciAddress address;
        PciIds ids;
        int fd;
        Binding before;
        Binding target;
        bool any_driver;            /* the target's driver is whatever the kernel finds: "" until it did */
        const char *early_override; /* that our own rule for udev may put on it, also in the middle of the look; NULL for none */
        bool was_early;             /* and did so before: that counts as no override */
} Subject;

/* Opens the device and makes sure that it is the one that is meant, in its group or in none. Returns 0; NO_SUCH_DEVICE; IDENTITY_CHANGED; FAILED. The subject is
 * closed with subject_close(), also when this failed. */
int subject_open(Subject *subject, const Kernel *kernel, PciAddress address, const PciIds *ids, int group,
                Problem *problem);
void subject_close(Subject *subject);

/* Each of these does one step and verifies it. Returns 0; FAILED or DRIVER_DID_NOT_BIND with a message that names the device. */

/* Writes the override ("" clears it) and reads it back. */
int subject_set_override(Subject *subject, const char *override, Problem *problem);

/* Takes the device from its driver. One that has none stays so; and so does one that somebody else has put on the driver to keep, "" for no such: a
 * guest may have it there by now, and then the kernel would wait for its end. */
int subject_unbind(Subject *subject, const char *keep, Problem *problem);

/* Has the kernel look for a driver: with an override, only that one can come. Verifies that it came. */
int subject_probe(Subject *subject, const Kernel *kernel, const char *driver, Problem *problem);

/* Has the kernel look for whatever driver fits, and makes that the target: none is no failure. */
int subject_probe_any(Subject *subject, const Kernel *kernel, Problem *problem);

/* Sets what of the power settings differs and is known. */
int subject_set_power(Subject *subject, const PowerSettings *power, Problem *problem);

/* Sets a virtual function's MAC address and VLAN, where they are known and differ. */
int subject_set_link(Subject *subject, const Kernel *kernel, const VirtualFunctionLink *link, Problem *problem);

/* Says that a rule is at work: this override, which our rule for udev sets, counts as none from now on. The text is not copied. A newcomer that is on the
 * driver of that name is so by it as well: udev can be quicker than the kernel's own search for a driver (measured). */
void subject_expect_early_override(Subject *subject, const char *override, bool newcomer);

/* Makes sure that it has the driver and the override that it had when it was opened: else FAILED. One that had no driver may have the target by
 * now: a driver that is loaded takes what waits for it. */
int subject_verify_unmoved(const Subject *subject, Problem *problem);

/* Whether its card has left its slot since it was opened, also where another one is in it now. */
bool subject_is_gone(const Subject *subject);

/* Has udev look once more at the device's interfaces: what its rules said of them, they said of a device with the early override. */
void subject_announce_interfaces(const Subject *subject, const Kernel *kernel);

/* What it is now. Returns 0 or a negative errno. */
int subject_read_binding(const Subject *subject, Binding *ret);
