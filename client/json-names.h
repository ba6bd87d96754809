/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

/* Makes of properties with their names and values on the bus the same names and values as in all other JSON of vfioctl:
 * "GroupNumber": -1 becomes "group": null, and "VendorId": 32902 becomes "vendor_id": "0x8086". The kind is that of the object:
 * "device", "group", "job", "lease" or "manager". Returns a new object; or NULL if there is not enough memory. */
json_t *json_names_convert(const char *kind, json_t *properties);
