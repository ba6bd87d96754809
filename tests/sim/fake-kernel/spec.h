/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* The description of a device, from `device ADDR key=value...`. */

#define SPEC_GROUP_NEW (-2)
#define SPEC_GROUP_NONE (-1)

typedef struct Address {
        unsigned domain, bus, slot, function;
} Address;

typedef struct DeviceSpec {
        char *address;
        int vendor, device, class, revision;
        int subsystem_vendor, subsystem_device;
        int vf_device, secondary;
        int group;    /* number, SPEC_GROUP_NEW or SPEC_GROUP_NONE */
        int vf_group; /* the same for its VFs */
        int numa, total_vfs, irq;
        bool bridge, boot_vga, dead; /* a dead card reads as ones */
        char *parent, *physfn;
        char *behind;   /* the controller whose driver exposes this device, see controller.c */
        char *driver;   /* bound at the start; "none": not probed; NULL: the bus chooses */
        char *override; /* set before the first probe, as by a udev rule while no driver is loaded */
        char *net, *mac, *block;
        char *keyboard;            /* "input5", on the USB controller while it has a driver */
        char *console;             /* "ttyS4", a serial port of the device that is a console of the kernel */
        char *link, *current_link; /* "8.0x4" */
        char *reset;               /* "flr,bus" */
} DeviceSpec;

bool address_parse(const char *text, Address *ret_address);
int address_compare(const Address *a, const Address *b);

DeviceSpec *spec_new(const char *address);
DeviceSpec *spec_copy(const DeviceSpec *s);
DeviceSpec *spec_free(DeviceSpec *s);
/* Applies key=value words. On failure, returns false and an error message. */
bool spec_apply(DeviceSpec *s, char *const *words, char **ret_error);
bool spec_get_link(const char *link, double *ret_speed, unsigned *ret_width);
