/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proxy.h"

/* The calls for rules. They work like those in proxy.h. */

/* What a new rule shall say. */
typedef struct NewRule {
        const char *name;           /* NULL: vfiod makes it from the address of the device */
        const Consent *consent;     /* companions and overrides */
        uint32_t virtual_functions; /* 0 for none */
        bool dry_run;               /* check whether the rule can be written, and write nothing */
} NewRule;

/* Gets all rules, in the order in which they apply. */
int proxy_list_rules(sd_bus *bus, RuleList *ret_rules, sd_bus_error *error);

/* Has a rule written for exactly the selected device, or only has it checked. The rule's name and file are the caller's
 * to free. */
int proxy_add_rule(sd_bus *bus, const char *selector, const NewRule *new_rule, char **ret_name, char **ret_file,
                sd_bus_error *error);

int proxy_remove_rule(sd_bus *bus, const char *name, sd_bus_error *error);

/* Checks the text of a rule. Gets what is wrong, empty for nothing; the caller frees it. Returns -EILSEQ if the
 * text is not UTF-8. */
int proxy_check_rule(sd_bus *bus, const char *text, uint32_t *ret_line, char **ret_fault, sd_bus_error *error);

/* Has vfiod read all devices and rules again. */
int proxy_rescan(sd_bus *bus, sd_bus_error *error);
