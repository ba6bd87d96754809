/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verbs.h"

/* A change that the daemon makes for us, while it is under way.
 *
 * Meanwhile it is shown where it is, on a terminal and when it takes long. An interrupt (SIGINT) has the daemon undo
 * it, and the answer is still waited for; after another one nothing is waited for any more. */

/* Has the daemon carry out the verb, "detach", "reattach" or "vfs", with that consent. Returns 0 when it is done, 1 when the
 * user did not want to wait, after having said what that means, or a negative errno with the error. */
int work_do(Invocation *invocation, const char *verb, const Consent *consent, EntryList *ret_changes,
                sd_bus_error *error);
