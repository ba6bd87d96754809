/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* Kernel lockdown ("integrity" or "confidentiality"). In these modes, the kernel loads only signed modules. */

#define LOCKDOWN_MAX 32

/* Tells whether lockdown is on. Then copies the mode into ret_mode. If securityfs is not mounted or cannot be read, lockdown counts as off: the
 * result is used only in messages. */
bool lockdown_read(const Kernel *kernel, char ret_mode[static LOCKDOWN_MAX]);
