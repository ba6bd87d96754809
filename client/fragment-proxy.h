/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "config-space.h"
#include "facts.h"

#include <systemd/sd-bus.h>

/* A text that gives devices to another program, as vfiod makes it. */
typedef struct Fragment {
        char *text;
        char **arguments; /* the words, if it is a command line; otherwise NULL */
        char **devices;   /* addresses */
        char **nodes;
        char *backend; /* "group" or "iommufd"; NULL if the format has none */
} Fragment;

void fragment_clear(Fragment *fragment);

/* Gets the fragment of the selected device or group. The configuration spaces may be NULL. Returns 0 or a negative errno with the
 * error. */
int proxy_get_fragment(sd_bus *bus, const char *selector, const char *format, bool iommufd, const ConfigSpaces *spaces,
                Fragment *ret_fragment, sd_bus_error *error);

/* The same for the QEMU arguments of a group, of which only the words are wanted. The caller frees the list. */
int proxy_get_qemu_arguments(sd_bus *bus, int32_t group, char ***ret_arguments, sd_bus_error *error);
