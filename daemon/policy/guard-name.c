/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/guard.h"

static const char *const names[_GUARD_MAX] = {
                [GUARD_STORAGE] = "storage",
                [GUARD_NETWORK] = "network",
                [GUARD_DISPLAY] = "display",
                [GUARD_CONSOLE] = "console",
                [GUARD_MEMORY] = "memory",
                [GUARD_PROCESS] = "process",
                [GUARD_VIRTUAL_FUNCTIONS] = "virtual-functions",
                [GUARD_FIRMWARE] = "firmware",
                [GUARD_UNSAFE_INTERRUPTS] = "unsafe-interrupts",
                [GUARD_NO_RESET] = "no-reset",
};

const char *guard_to_string(Guard guard) {
        return names[guard];
}

Guard guard_from_string(const char *text) {
        for (Guard guard = 0; guard < _GUARD_MAX; guard++)
                if (streq(text, names[guard]))
                        return guard;
        return _GUARD_INVALID;
}

const char *guard_list_format(unsigned mask, char separator, char buffer[static GUARD_LIST_MAX]) {
        size_t n = 0;

        buffer[0] = '\0';
        for (Guard guard = 0; guard < _GUARD_MAX; guard++)
                if (mask & 1U << guard) {
                        const char *between = n > 0 ? (char[]){separator, '\0'} : "";
                        int length = snprintf(buffer + n, GUARD_LIST_MAX - n, "%s%s", between, names[guard]);

                        assert(length > 0 && n + (size_t)length < GUARD_LIST_MAX);
                        n += (size_t)length;
                }
        return buffer;
}
