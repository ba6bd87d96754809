/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* The file of one rule, and its devices. */

/* Returns the file of the rule that has an object on the bus; NULL if there is none. Files with names that are not valid, or too long
 * for an object path, have no objects. The pointer is valid until the rules are read again. */
const RuleFile *rule_rows_find(const Service *service, const char *name);

/* Appends a row for each: address, status, message, details. The list has the devices of all rules. Returns 0 or more, or a negative
 * errno of sd-bus. */
int rule_rows_append(sd_bus_message *reply, const RuleCaseList *list, const char *rule);

/* Lists those that are in the inventory. The caller frees *ret. Returns 0 or -ENOMEM. */
int rule_rows_list_devices(const Service *service, const char *rule, const Device ***ret, size_t *ret_n);
