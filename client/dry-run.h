/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verbs.h"

/* What a verb would do, for --dry-run. Each prints it, changes nothing, and returns the exit code that the verb would have as far as that is
 * known: EXIT_REFUSED if it would be refused, EXIT_NO_SUCH if there is nothing of this name. detach, reattach, reset and rule add have dry
 * runs of their own, which vfiod makes. */
ExitCode dry_run_confirm(Invocation *invocation);
ExitCode dry_run_vfs(Invocation *invocation);
ExitCode dry_run_lease(Invocation *invocation);
ExitCode dry_run_release(Invocation *invocation);
ExitCode dry_run_cancel(Invocation *invocation);
ExitCode dry_run_rule_add(Invocation *invocation);
ExitCode dry_run_rule_enable(Invocation *invocation);
ExitCode dry_run_rule_disable(Invocation *invocation);
ExitCode dry_run_rule_remove(Invocation *invocation);
