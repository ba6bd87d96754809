/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* The kernel's lockdown ("integrity", "confidentiality"): it keeps modules out that nobody has signed. */

#define LOCKDOWN_MAX 32

/* Returns whether it is on, and its mode. Where securityfs is not mounted it counts as off: this only words a message. */
bool lockdown_read(const Kernel *kernel, char ret_mode[static LOCKDOWN_MAX]);
