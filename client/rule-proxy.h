/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proxy.h"

/* The calls for rules. They work like those in proxy.h. */

/* Gets all rules, in the order in which they apply. */
int proxy_list_rules(sd_bus *bus, RuleList *ret_rules, sd_bus_error *error);

/* Asks vfiod to write a rule for exactly the selected device, or only to check whether that is possible. The caller
 * frees the name and the file of the rule. */
int proxy_add_rule(sd_bus *bus, const char *selector, const CallOptions *options, char **ret_name, char **ret_file,
                sd_bus_error *error);

int proxy_remove_rule(sd_bus *bus, const char *name, sd_bus_error *error);

/* Checks the text of a rule. Gets the first fault, which the caller frees; it is empty for a valid rule. Returns
 * -EILSEQ if the text is not UTF-8. */
int proxy_check_rule(sd_bus *bus, const char *text, uint32_t *ret_line, char **ret_fault, sd_bus_error *error);

/* Asks vfiod to read all devices and rules again. */
int proxy_rescan(sd_bus *bus, sd_bus_error *error);
