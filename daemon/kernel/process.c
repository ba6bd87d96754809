/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/process.h"

#include "kernel/sysfs.h"

const char *process_read_command(const Kernel *kernel, pid_t pid, char buffer[static PROCESS_COMMAND_MAX]) {
        char path[32];

        (void)snprintf(path, sizeof(path), "%d/comm", (int)pid);
        if (pid <= 0 || sysfs_read_text(kernel->proc_fd, path, buffer, PROCESS_COMMAND_MAX) < 0)
                buffer[0] = '\0';
        return buffer;
}
