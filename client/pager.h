/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether the text has more lines than the terminal of stdout; false without a terminal. */
bool pager_is_needed(const char *text);

/* Shows the text in the pager of the user, $VFIOCTL_PAGER or $PAGER, or in less or more, and waits until it ends. If the process
 * runs for another user than the one who is logged in, as with sudo, only less is used, and it can start no commands
 * (LESSSECURE). Returns 0; -ENOENT if there is no pager, or the user wants none; or another negative errno. In these cases nothing
 * was shown. */
int pager_show(const char *text, size_t size);
