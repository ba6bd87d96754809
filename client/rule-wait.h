/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verbs.h"

/* Gets the rule of this name. It is the caller's to clear with rule_list_clear(): the list has no other rule. Returns 0; -ENOENT if there
 * is none; or another negative errno with the error. */
int rule_find(sd_bus *bus, const char *name, RuleList *ret, sd_bus_error *error);

/* Waits until the rule is applied to its devices, or failed, and gets it as rule_find() does. */
int rule_wait(Invocation *invocation, const char *name, RuleList *ret, sd_bus_error *error);

/* Prints the status of each device, unless the output is JSON. Returns EXIT_DONE; or EXIT_REFUSED if the rule is not applied to each of
 * them, or to none. */
ExitCode rule_print_result(Output *output, const Rule *rule);
