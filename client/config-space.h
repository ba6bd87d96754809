/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Configuration spaces of PCI functions. vfiod can read only their headers; vfioctl of root can read all. */

#define CONFIG_SPACE_MAX 4096
#define CONFIG_SPACES_MAX 64

typedef struct ConfigSpace {
        char *address;
        uint8_t bytes[CONFIG_SPACE_MAX];
        size_t size;
} ConfigSpace;

typedef struct ConfigSpaces {
        ConfigSpace *items;
        size_t count;
} ConfigSpaces;

/* Adds the space of a function, if this process may read more than the header. Wakes the function up. Returns 0, also if the space cannot be
 * read or there are CONFIG_SPACES_MAX already; or -ENOMEM. */
int config_spaces_read(ConfigSpaces *spaces, const char *address);

/* Frees the spaces, for _cleanup_. */
void config_spaces_clear(ConfigSpaces *spaces);
