/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verbs.h"

/* What other verbs do with rules. */

/* Has a rule written that keeps what was detached detached. The file's name is the caller's to free. Says what went wrong. */
ExitCode rule_persist(Invocation *invocation, char **ret_file);

/* Says which of the devices that were given back a rule will take again when they appear anew. */
void rule_remark_return(const Invocation *invocation, const EntryList *changes);
