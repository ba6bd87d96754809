/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "kernel/uevent-socket.h"

/* The value of the last variable of this name, in words of GLib; NULL if there is none. */
static const char *find_last(const char *text, size_t size, const char *name) {
        const char *found = NULL, *end = text + size;
        g_autofree char *prefix = g_strconcat(name, "=", NULL);

        for (const char *line = text; line < end; line = line + strlen(line) + 1)
                if (g_str_has_prefix(line, prefix))
                        found = line + strlen(prefix);
        return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = g_malloc(size + 1);
        Uevent event;

        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';
        int r = uevent_parse(text, size, &event);
        g_assert_true(event.action == find_last(text, size, "ACTION"));
        g_assert_true(event.devpath == find_last(text, size, "DEVPATH"));
        g_assert_true(event.subsystem == find_last(text, size, "SUBSYSTEM"));
        g_assert_true(event.devpath_old == find_last(text, size, "DEVPATH_OLD"));
        g_assert_cmpint(r, ==, event.action && event.devpath && event.subsystem ? 1 : -EBADMSG);
        return 0;
}
