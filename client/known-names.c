/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "known-names.h"

#include "daemon/base/util.h"

#define CATEGORY_NAMES \
        "network, wireless, storage, display, audio, multimedia, usb, firewire, serial, modem, input, bluetooth, " \
        "accelerator, crypto, memory, bridge, system, other"
#define AVAILABILITY_NAMES \
        "available, in-use, unknown, detached, partial, leased, changing, stuck, foreign, absent, not-viable, " \
        "no-group, " \
        "host-only, host, driverless"

/* Whether the text is one of the names in a list with ", " between them. */
static bool is_listed(const char *text, const char *names) {
        size_t length = strlen(text);

        for (const char *name = names; name; name = strchr(name, ' ') ? strchr(name, ' ') + 1 : NULL)
                if (length > 0 && strcspn(name, ",") == length && strncmp(name, text, length) == 0)
                        return true;
        return false;
}

bool category_is_known(const char *text) {
        return is_listed(text, CATEGORY_NAMES);
}

bool availability_is_known(const char *text) {
        return is_listed(text, AVAILABILITY_NAMES);
}

const char *category_names(void) {
        return CATEGORY_NAMES;
}

const char *availability_names(void) {
        return AVAILABILITY_NAMES;
}
