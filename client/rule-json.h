/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

/* A rule as JSON: {"enabled": false, "match": {...}, "detach": {...}}; see "HOST FILE" in vfioctl(1). */

/* Converts a valid text. Returns 0 and a new reference; -EINVAL or -ENOMEM. */
int rule_json_from_text(const char *text, json_t **ret);

/* Converts the other way, into the form of rule_text_normalize(). where is the path of the object in its file, for messages. The caller
 * frees *ret_text. Returns 0; -EINVAL and what is wrong, which the caller frees; or -ENOMEM. */
int rule_json_to_text(json_t *rule, const char *where, char **ret_text, char **ret_problem);

/* Checks that an object has no other keys than these (a list that ends with NULL). Returns as rule_json_to_text() does. */
int rule_json_check_keys(json_t *object, const char *where, const char *const *keys, char **ret_problem);

/* Sets the problem. Returns -EINVAL or -ENOMEM. */
int rule_json_refuse(char **ret_problem, const char *where, const char *key, const char *what);
