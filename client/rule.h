/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verbs.h"

/* What the verbs detach and reattach do with rules. */

/* For detach --persistent, before anything is detached: asks vfiod whether it could write the rule. Returns EXIT_DONE, or
 * says what is wrong and returns its code. */
ExitCode rule_check_persist(Invocation *invocation);

/* For detach --persistent, when the devices are detached: has the rule written. The name of its file is the caller's to
 * free. Returns EXIT_DONE; or EXIT_NO_RULE after it has said what went wrong. */
ExitCode rule_persist(Invocation *invocation, char **ret_file);

/* Tells the user which of the reattached devices a rule will detach again when they appear the next time. */
void rule_remark_return(const Invocation *invocation, const EntryList *changes);
