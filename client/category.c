/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "category.h"

#define CATEGORY_NAMES \
        "network, wireless, storage, display, audio, usb, serial, input, bluetooth, accelerator, crypto, memory, " \
        "bridge, system, other"
#define AVAILABILITY_NAMES \
        "available, in-use, detached, leased, changing, stuck, foreign, absent, not-viable, no-group, host-only, " \
        "host, driverless, partial"

/* The categories by the first two or four digits of the class. The first row that matches counts. */
static const struct {
        uint32_t class, mask;
        const char *category;
} categories[] = {
                {0x028000, 0xffff00, "wireless"},
                {0x020000, 0xff0000, "network"},
                {0x010000, 0xff0000, "storage"},
                {0x030000, 0xff0000, "display"},
                {0x040000, 0xffff00, "display"}, /* capture of video */
                {0x040000, 0xff0000, "audio"},
                {0x050000, 0xffff00, "system"},
                {0x050000, 0xff0000, "memory"},
                {0x060000, 0xff0000, "bridge"},
                {0x070000, 0xff0000, "serial"},
                {0x080000, 0xff0000, "system"},
                {0x090000, 0xff0000, "input"},
                {0x0b0000, 0xff0000, "system"},
                {0x0c0300, 0xffff00, "usb"},
                {0x0c0500, 0xffff00, "system"},
                {0x0d1100, 0xffff00, "bluetooth"},
                {0x0d0000, 0xff0000, "wireless"},
                {0x100000, 0xff0000, "crypto"},
                {0x120000, 0xff0000, "accelerator"},
                {0x130000, 0xff0000, "system"},
};

static const char *category_of(uint32_t class) {
        for (size_t i = 0; i < ELEMENTSOF(categories); i++)
                if ((class & categories[i].mask) == categories[i].class)
                        return categories[i].category;
        return "other";
}

/* A bridge between buses, or the bridge between the processor and PCI. */
static bool is_endpoint(uint32_t class) {
        static const uint32_t bridges[] = {0x0600, 0x0604, 0x0607, 0x0609};

        for (size_t i = 0; i < ELEMENTSOF(bridges); i++)
                if (class >> 8 == bridges[i])
                        return false;
        return true;
}

/* A bridge of the group that has a driver which the kernel does not accept in a group of a virtual machine. */
static bool has_blocker(const DeviceList *list, int32_t group) {
        for (size_t i = 0; i < list->count; i++) {
                const Device *device = &list->items[i];

                if (device->group == group && !is_endpoint(device->class) && !isempty(device->driver) &&
                                !streq(device->driver, "pcieport"))
                        return true;
        }
        return false;
}

/* As vfiod does it. */
static const char *availability_of(const DeviceList *list, const Device *device) {
        static const char *const states[] = {"detached", "leased", "changing", "stuck", "foreign", "absent"};

        if (!device->endpoint)
                return "host-only";
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (streq_ptr(device->state, states[i]))
                        return states[i];
        if (device->group < 0)
                return "no-group";
        return has_blocker(list, device->group) ? "not-viable" : "available";
}

int device_list_complete(DeviceList *list) {
        int r = 0;

        for (size_t i = 0; i < list->count && r >= 0; i++) {
                Device *device = &list->items[i];

                if (device->availability)
                        continue;
                device->endpoint = is_endpoint(device->class);
                r = free_and_strdup(&device->category, category_of(device->class));
                if (r >= 0)
                        r = free_and_strdup(&device->availability, availability_of(list, device));
        }
        return r < 0 ? r : 0;
}

bool device_is_offered(const Device *device) {
        return device->endpoint && !streq_ptr(device->category, "bridge") && !streq_ptr(device->category, "system");
}

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
