/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/device.h"
#include <jansson.h>

/* State files as JSON. One function for each struct both writes and reads it, so the two cannot differ. When it writes,
 * the functions below add values to the object; when it reads, they take the values from the object and check them:
 * each text has its length, each number its range. After the first error the values mean nothing, and the error
 * stays. */

typedef struct StateJson {
        json_t *json; /* borrowed: an object or array; NULL after an error */
        bool writing;
        size_t next; /* when reading an array: the index of the next entry */
        int *error; /* the first one: -EBADMSG for JSON that is not such a struct; -E2BIG for too many names; -ENOMEM */
} StateJson;

/* Stores the error if it is the first one. */
void state_json_fail(const StateJson *json, int error);

/* Opens the object or array that the key stands for. When writing, it is new. state_json_leave() checks that all
 * entries of an array were read. */
StateJson state_json_enter(StateJson *json, const char *key, json_type type);
void state_json_leave(const StateJson *inner);

/* Tells whether the object has the key; when writing, whether it is wanted. */
bool state_json_has(const StateJson *json, const char *key, bool wanted);

/* Each of these writes the value and returns it, or returns the value that it reads. In an array the key is NULL.
 * Strings that are read belong to the object; after an error the string is "". */
json_int_t state_json_number(
                StateJson *json, const char *key, json_int_t value, json_int_t minimum, json_int_t maximum);
bool state_json_flag(StateJson *json, const char *key, bool value);
const char *state_json_string(StateJson *json, const char *key, const char *value);
PciAddress state_json_address(StateJson *json, const char *key, PciAddress value);

/* The members of the structs. The names and the module of an origin that is read are new. */
void state_json_ids(StateJson *json, PciIds *ids);
void state_json_binding(StateJson *json, const char *key, Binding *binding);
void state_json_origin(StateJson *json, DeviceOrigin *origin);

/* A list of at most max addresses. The list that is read is new. */
void state_json_addresses(StateJson *json, const char *key, PciAddress **addresses, size_t *n_addresses, size_t max);
