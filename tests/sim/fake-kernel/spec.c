/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spec.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum KeyType {
        KEY_HEX,
        KEY_NUMBER,
        KEY_FLAG,
        KEY_STRING,
        KEY_ADDRESS,
        KEY_GROUP,
        KEY_PAIR,
        KEY_LINK,
} KeyType;

typedef struct Key {
        const char *name;
        KeyType type;
        size_t offset;
} Key;

#define KEY(name, type, field) \
        { name, type, offsetof(DeviceSpec, field) }

static const Key keys[] = {
                KEY("vendor", KEY_HEX, vendor),
                KEY("device", KEY_HEX, device),
                KEY("class", KEY_HEX, class),
                KEY("revision", KEY_HEX, revision),
                KEY("vfdevice", KEY_HEX, vf_device),
                KEY("secondary", KEY_HEX, secondary),
                KEY("subsystem", KEY_PAIR, subsystem_vendor),
                KEY("group", KEY_GROUP, group),
                KEY("vfgroup", KEY_GROUP, vf_group),
                KEY("numa", KEY_NUMBER, numa),
                KEY("totalvfs", KEY_NUMBER, total_vfs),
                KEY("irq", KEY_NUMBER, irq),
                KEY("bridge", KEY_FLAG, bridge),
                KEY("boot_vga", KEY_FLAG, boot_vga),
                KEY("dead", KEY_FLAG, dead),
                KEY("parent", KEY_ADDRESS, parent),
                KEY("physfn", KEY_ADDRESS, physfn),
                KEY("behind", KEY_ADDRESS, behind),
                KEY("driver", KEY_STRING, driver),
                KEY("override", KEY_STRING, override),
                KEY("net", KEY_STRING, net),
                KEY("mac", KEY_STRING, mac),
                KEY("block", KEY_STRING, block),
                KEY("keyboard", KEY_STRING, keyboard),
                KEY("console", KEY_STRING, console),
                KEY("link", KEY_LINK, link),
                KEY("curlink", KEY_LINK, current_link),
                KEY("reset", KEY_STRING, reset),
};

bool address_parse(const char *text, Address *ret_address) {
        if (!g_regex_match_simple("^([0-9a-f]{4}|[1-9a-f][0-9a-f]{4,7}):[0-9a-f]{2}:[01][0-9a-f]\\.[0-7]$", text,
                            G_REGEX_DOLLAR_ENDONLY, 0))
                return false;
        return sscanf(text, "%x:%x:%x.%x", &ret_address->domain, &ret_address->bus, &ret_address->slot,
                               &ret_address->function) == 4;
}

int address_compare(const Address *a, const Address *b) {
        if (a->domain != b->domain)
                return a->domain < b->domain ? -1 : 1;
        if (a->bus != b->bus)
                return a->bus < b->bus ? -1 : 1;
        if (a->slot != b->slot)
                return a->slot < b->slot ? -1 : 1;
        return (int)a->function - (int)b->function;
}

DeviceSpec *spec_new(const char *address) {
        DeviceSpec *s = g_new0(DeviceSpec, 1);

        s->address = g_strdup(address);
        s->group = SPEC_GROUP_NEW;
        s->vf_group = SPEC_GROUP_NEW;
        s->numa = -1;
        return s;
}

DeviceSpec *spec_copy(const DeviceSpec *s) {
        DeviceSpec *copy = g_memdup2(s, sizeof(DeviceSpec));

        copy->address = g_strdup(s->address);
        for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
                if (keys[i].type == KEY_STRING || keys[i].type == KEY_ADDRESS || keys[i].type == KEY_LINK) {
                        char **field = G_STRUCT_MEMBER_P(copy, keys[i].offset);

                        *field = g_strdup(*field);
                }
        return copy;
}

DeviceSpec *spec_free(DeviceSpec *s) {
        if (!s)
                return NULL;

        for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
                if (keys[i].type == KEY_STRING || keys[i].type == KEY_ADDRESS || keys[i].type == KEY_LINK)
                        g_free(G_STRUCT_MEMBER(char *, s, keys[i].offset));
        g_free(s->address);
        g_free(s);
        return NULL;
}

bool spec_get_link(const char *link, double *ret_speed, unsigned *ret_width) {
        char *x;
        double speed = g_ascii_strtod(link, &x);
        guint64 width;

        if (x == link || *x != 'x' || !g_ascii_string_to_unsigned(x + 1, 10, 0, 32, &width, NULL))
                return false;
        *ret_speed = speed;
        *ret_width = (unsigned)width;
        return true;
}

static bool number_parse(const char *text, int base, gint64 min, gint64 max, int *ret_value) {
        char *end;
        gint64 value = g_ascii_strtoll(text, &end, base);

        if (end == text || *end || value < min || value > max)
                return false;
        *ret_value = (int)value;
        return true;
}

static bool key_apply(const Key *key, DeviceSpec *s, const char *value) {
        void *field = G_STRUCT_MEMBER_P(s, key->offset);
        g_auto(GStrv) pair = NULL;
        double speed;
        unsigned width;
        Address address;

        switch (key->type) {
        case KEY_HEX:
                return number_parse(value, 16, 0, 0xffffff, field);
        case KEY_NUMBER:
                return number_parse(value, 10, -1, 65535, field);
        case KEY_FLAG:
                *(bool *)field = strcmp(value, "1") == 0;
                return strcmp(value, "0") == 0 || strcmp(value, "1") == 0;
        case KEY_GROUP:
                if (strcmp(value, "none") == 0) {
                        *(int *)field = SPEC_GROUP_NONE;
                        return true;
                }
                return number_parse(value, 10, 0, 65535, field);
        case KEY_PAIR:
                pair = g_strsplit(value, ":", 2);
                return g_strv_length(pair) == 2 && number_parse(pair[0], 16, 0, 0xffff, &s->subsystem_vendor) &&
                                number_parse(pair[1], 16, 0, 0xffff, &s->subsystem_device);
        case KEY_LINK:
                if (!spec_get_link(value, &speed, &width))
                        return false;
                break;
        case KEY_ADDRESS:
                if (!address_parse(value, &address))
                        return false;
                break;
        case KEY_STRING:
                if (!*value)
                        return false;
                break;
        }
        g_free(*(char **)field);
        *(char **)field = g_strdup(value);
        return true;
}

bool spec_apply(DeviceSpec *s, char *const *words, char **ret_error) {
        for (; *words; words++) {
                /* a flag needs no value */
                g_auto(GStrv) word = g_strsplit(*words, "=", 2);
                const Key *key = NULL;

                for (unsigned i = 0; i < G_N_ELEMENTS(keys) && !key; i++)
                        if (strcmp(word[0], keys[i].name) == 0)
                                key = keys + i;
                if (!key) {
                        *ret_error = g_strdup_printf("unknown key: %s", word[0]);
                        return false;
                }
                if (!key_apply(key, s, word[1] ?: key->type == KEY_FLAG ? "1" : "")) {
                        *ret_error = g_strdup_printf("bad value: %s", *words);
                        return false;
                }
        }
        return true;
}
