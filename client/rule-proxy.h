/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proxy.h"

/* The calls that have to do with rules, as those in proxy.h. */

/* What a new rule is to say. */
typedef struct RuleWish {
        const char *name;           /* NULL for what the daemon chooses */
        const Consent *consent;     /* companions and overrides */
        uint32_t virtual_functions; /* 0 for none */
        bool dry_run;               /* check whether the rule can be written, and write nothing */
} RuleWish;

/* All files of rules, in the order in which they count. */
int proxy_list_rules(sd_bus *bus, RuleList *ret_rules, sd_bus_error *error);

/* Has a rule written for exactly the selected device, or only has it checked. The rule's name and file are the caller's
 * to free. */
int proxy_add_rule(sd_bus *bus, const char *selector, const RuleWish *wish, char **ret_name, char **ret_file,
                sd_bus_error *error);

int proxy_remove_rule(sd_bus *bus, const char *name, sd_bus_error *error);

/* What is wrong with a text: the fault is the caller's to free, and empty for nothing. -EILSEQ for what is no UTF-8. */
int proxy_check_rule(sd_bus *bus, const char *text, uint32_t *ret_line, char **ret_fault, sd_bus_error *error);

/* Has all devices and rules read anew. */
int proxy_rescan(sd_bus *bus, sd_bus_error *error);
