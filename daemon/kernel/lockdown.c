/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/lockdown.h"
#include "kernel/sysfs.h"

bool lockdown_read(const Kernel *kernel, char ret_mode[static LOCKDOWN_MAX]) {
        char text[128], *end;

        /* The file contains "none [integrity] confidentiality"; the active mode is in brackets. */
        if (sysfs_read_text(kernel->sys_fd, "kernel/security/lockdown", text, sizeof(text)) < 0)
                return false;
        char *mode = strchr(text, '[');
        if (!mode || !(end = strchr(++mode, ']')))
                return false;
        *end = '\0';
        if (streq(mode, "none") || strlen(mode) >= LOCKDOWN_MAX)
                return false;
        memcpy(ret_mode, mode, strlen(mode) + 1);
        return true;
}
