/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-facts.h"
#include "kernel/virtual-function.h"

/* Power settings of a PCI function that vfio-pci changes: it sets power/control to "auto" when it binds and to "on"
 * when it unbinds (kernel source, vfio_pci_core.c: pm_runtime_allow() and pm_runtime_forbid()). */

typedef struct PowerSettings {
        char control[8]; /* "on" or "auto"; "" if the kernel has no such attribute */
        bool d3cold_known;
        bool d3cold_allowed;
} PowerSettings;

bool power_settings_equal(const PowerSettings *a, const PowerSettings *b);

/* Reads the settings from the open sysfs directory of a device. Does not block while an unbind is stuck (measured on
 * kernel 6.1). Missing attributes are not an error. Returns 0 or a negative errno. */
int power_read(int device_fd, PowerSettings *ret);

/* Writes the settings that are known and differ from the current ones. This can block for ever in the kernel, so
 * only workers call it. Returns 0 or the negative errno of the kernel. */
int power_write(int device_fd, const PowerSettings *settings);

/* How a PCI device is bound. This struct is used for the state before a change, for the target, and in state files. */

#define OVERRIDE_MAX 256

typedef struct Binding {
        char driver[DRIVER_NAME_MAX]; /* "" for none */
        char override[OVERRIDE_MAX];  /* driver_override, "" for none */
        bool any_driver; /* The kernel chooses the driver: then driver is "", or the driver that the kernel chose. */
        PowerSettings power;
        VirtualFunctionLink link; /* of a VF of a network card; otherwise not known */
} Binding;

/* Reads driver, driver_override and power settings, but not the link, which is no attribute of the device. Reading
 * driver_override can wait for the device lock for ever, so only workers call this. Returns 0; -ENODEV or -ENOENT if the
 * device is gone; or another negative errno. */
int binding_read(int device_fd, Binding *binding);

/* Reads only driver and driver_override; the rest of *binding is unchanged. For workers. Returns as binding_read() does. */
int binding_read_drivers(int device_fd, Binding *binding);

/* Reads only driver_override, "" for none. For workers. Returns as binding_read() does. */
int binding_read_override(int device_fd, char buffer[static OVERRIDE_MAX]);

/* Tells whether driver, driver_override and power settings are equal. If wanted has any_driver, every driver except vfio
 * drivers is right, and so is no driver. */
bool binding_matches(const Binding *now, const Binding *wanted);

/* Returns the driver_override that makes the kernel bind the wanted driver and no other. Points into wanted. */
const char *binding_override_for_probe(const Binding *wanted);

void binding_set_driver(Binding *binding, const char *driver);
void binding_set_override(Binding *binding, const char *override);
