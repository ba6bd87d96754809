/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proxy.h"

#include <jansson.h>

/* The calls for rules. They work like those in proxy.h. */

/* Gets all rules, in the order in which they apply. */
int proxy_list_rules(sd_bus *bus, RuleList *ret_rules, sd_bus_error *error);

/* Asks vfiod to write a rule for exactly the selected device, or only to check whether that is possible. The caller
 * frees the name and the file of the rule. */
int proxy_add_rule(sd_bus *bus, const char *selector, const CallOptions *options, char **ret_name, char **ret_file,
                sd_bus_error *error);

int proxy_remove_rule(sd_bus *bus, const char *name, sd_bus_error *error);

/* What the object of a rule has more than its row. */
typedef struct RuleDetails {
        char *text, *reason;
        uint64_t version; /* of the text, or of an older one; 0 if vfiod does not tell it */
        json_t *settings;
} RuleDetails;
void rule_details_clear(RuleDetails *details);

/* Gets them. The caller clears them. */
int proxy_get_rule(sd_bus *bus, const char *name, RuleDetails *ret_details, sd_bus_error *error);

/* Enables or disables a rule; or replaces its text, if it has this version, 0 for any. no_apply: it is not applied before a hot-plug or
 * the next start of vfiod. */
int proxy_enable_rule(sd_bus *bus, const char *name, bool enabled, bool no_apply, sd_bus_error *error);
int proxy_edit_rule(
                sd_bus *bus, const char *name, const char *text, uint64_t version, bool no_apply, sd_bus_error *error);

/* Asks vfiod to read all devices and rules again. */
int proxy_rescan(sd_bus *bus, sd_bus_error *error);
