/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"

/* Fills in the availability, the category and the endpoint of each device of the list, where vfiod did not tell them.
 * Returns 0 or -ENOMEM. */
int device_list_complete(DeviceList *list);

/* Whether the device can be given to a virtual machine at all, and does more than to hold the host together: it is no
 * bridge, and no part of the chipset. */
bool device_is_offered(const Device *device);

/* Whether the text is a category, or a state or an availability, that this version of vfioctl knows. */
bool category_is_known(const char *text);
bool availability_is_known(const char *text);

/* The names of all categories, and of all states and availabilities, with ", " between them. */
const char *category_names(void);
const char *availability_names(void);
