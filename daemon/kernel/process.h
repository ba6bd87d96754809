/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include <sys/types.h>

/* Room for a command name: the kernel has at most 15 characters for a program. */
#define PROCESS_COMMAND_MAX 64

/* Reads the command name of a process (/proc/PID/comm) into buffer, which is returned; "" where it cannot be read. A process
 * may choose any bytes as its name: escape it (base/text.h) before it is shown. Does not block. For messages only: the
 * process may have ended, and another may have its number. */
const char *process_read_command(const Kernel *kernel, pid_t pid, char buffer[static PROCESS_COMMAND_MAX]);
