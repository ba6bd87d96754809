/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/device.h"
#include <jansson.h>

/* The parts of state files as JSON. What is not known is not written. The functions return 0; -ENOMEM; -E2BIG
 * for more names than are read back; or -EBADMSG for JSON
 * that does not describe such a part. What they read is checked: each text has its length, each number its range. */

/* A name of the host or of a driver may hold any byte; JSON holds UTF-8 only. A string that is no UTF-8 is written as an array
 * of its bytes. */
json_t *state_json_string(const char *text);
int state_json_read_string(json_t *json, char *buffer, size_t size);

int state_json_from_binding(const Binding *binding, json_t **ret);
int state_json_to_binding(json_t *json, Binding *ret);

int state_json_from_ids(const PciIds *ids, json_t **ret);
int state_json_to_ids(json_t *json, PciIds *ret);

int state_json_from_origin(const DeviceOrigin *origin, json_t **ret);
int state_json_to_origin(json_t *json, DeviceOrigin **ret);

/* Power settings and link as the first edition wrote them, into an object; and how to read them. */
int state_json_to_power(json_t *object, PowerSettings *ret);
int state_json_to_link(json_t *object, VirtualFunctionLink *ret);

/* An unsigned number of the object in a range; the value stays as it is where the key is missing. */
int state_json_read_unsigned(json_t *object, const char *key, unsigned maximum, unsigned *value);
int state_json_read_flag(json_t *object, const char *key, bool *value);
