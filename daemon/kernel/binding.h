/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-facts.h"
#include "kernel/power.h"
#include "kernel/virtual-function.h"

/* How a PCI device is bound. The same struct says how a device was before vfiod changed it, how it shall be, and what the
 * state file holds. */

#define OVERRIDE_MAX 256

typedef struct Binding {
        char driver[DRIVER_NAME_MAX]; /* "" for none */
        char override[OVERRIDE_MAX];  /* driver_override, "" for none */
        bool any_driver; /* The driver is not known: the kernel shall choose. Then driver is "", or what the kernel chose. */
        PowerSettings power;
        VirtualFunctionLink link; /* of a VF of a network card; else not known */
} Binding;

/* Reads driver, driver_override and power settings below the device's folder. The link is left alone: it is not an attribute
 * of the device. Reading driver_override can wait for the device's lock for ever: for workers only. Returns 0; -ENODEV or
 * -ENOENT for a device that is gone; another negative errno. */
int binding_read(int device_fd, Binding *binding);

/* Reads driver_override alone, "" for none, with the same errors. For workers only. */
int binding_read_override(int device_fd, char buffer[static OVERRIDE_MAX]);

/* Whether driver, driver_override and power settings are equal. With any_driver in wanted, each driver of the host is right,
 * and so is none. */
bool binding_matches(const Binding *now, const Binding *wanted);

/* The driver_override under which the kernel can bind the driver that is wanted, and no other. Points into wanted. */
const char *binding_override_for_probe(const Binding *wanted);

void binding_set_driver(Binding *binding, const char *driver);
void binding_set_override(Binding *binding, const char *override);
