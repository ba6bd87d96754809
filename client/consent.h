/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verbs.h"

/* The consent of the user to detach the companions of a device. */

/* Whether the error says that this consent is missing, and the user can give it now: on a terminal, or by --yes. */
bool consent_is_possible(const Invocation *invocation, const sd_bus_error *error);

/* Tells which devices would be detached too, and asks, unless --yes was given. If the user agrees, the options of the
 * invocation name these companions by address: if another device joins the group in the meantime, vfiod refuses again.
 * Returns EXIT_DONE, EXIT_REFUSED after "no", or another exit code after it has printed what is wrong. */
ExitCode consent_get(Invocation *invocation);

/* Prints the question with "[y/N]", and reads answers until one is yes or no. No answer means no. */
bool consent_ask(const char *question);
