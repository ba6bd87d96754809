/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verbs.h"

#include <jansson.h>

/* What the verbs detach and reattach do with rules. */

/* The keys of a rule in a list. NULL if there is not enough memory. */
json_t *rule_to_json(const Rule *rule);

/* For detach --persistent, before anything is detached: asks vfiod whether it could write the rule. Returns
 * EXIT_DONE; or another code after it has printed the error. */
ExitCode rule_check_persist(Invocation *invocation);

/* For detach --persistent, after the devices are detached: asks vfiod to write the rule. The caller frees the path
 * of its file. Returns EXIT_DONE; or EXIT_NO_RULE after it has printed the error. */
ExitCode rule_persist(Invocation *invocation, char **ret_file);

/* After a reattach: tells the user which of the devices a rule will detach again when they appear the next time. */
void rule_tell_next_detach(const Invocation *invocation, const EntryList *changes);
