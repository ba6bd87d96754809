/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verbs.h"

/* Checks the command of a lease and the limit of locked memory before anything is changed, and raises the soft limit if that is
 * enough. Gets the path of the program, which the caller frees. Returns EXIT_DONE, or the exit code after it has printed what is
 * wrong. */
ExitCode lease_check_command(Invocation *invocation, char **ret_program);
