/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/captured-ids.h"
#include "diagnosis/command-line.h"

#define ANY_ID 0xffffffffUL

size_t captured_ids_find(const HostFacts *facts, CapturedIds ret[static CAPTURED_IDS_MAX]) {
        char word[sizeof(ret->ids) + 32];
        size_t n = 0;

        const char *value = command_line_find(facts->command_line, "vfio-pci.ids", word, sizeof(word));
        if (value && *value) {
                ret[n].line = NULL;
                (void)snprintf(ret[n].ids, sizeof(ret[n].ids), "%.*s", (int)sizeof(ret[n].ids) - 1, value);
                n++;
        }
        for (size_t i = 0; i < facts->modprobe.n_lines && n < CAPTURED_IDS_MAX; i++) {
                const ModprobeLine *line = &facts->modprobe.lines[i];

                if (line->command != MODPROBE_OPTIONS || !modules_names_equal(line->module, "vfio-pci") ||
                                !(value = command_line_find(line->rest, "ids", word, sizeof(word))) || !*value)
                        continue;
                ret[n].line = line;
                (void)snprintf(ret[n].ids, sizeof(ret[n].ids), "%.*s", (int)sizeof(ret[n].ids) - 1, value);
                n++;
        }
        return n;
}

/* Reads the next number of an entry, up to ':' or ','. Returns false if there is none. */
static bool read_id(const char **text, unsigned long *ret) {
        char *end;

        if (**text == ':')
                (*text)++;
        if (**text == '\0' || **text == ',')
                return false;
        *ret = strtoul(*text, &end, 16);
        if (end == *text)
                return false;
        *text = end;
        return true;
}

static bool id_matches(unsigned long id, unsigned value) {
        return id == ANY_ID || id == value;
}

static bool entry_matches(const char *entry, const PciIds *device) {
        unsigned long vendor, id, subvendor = ANY_ID, subdevice = ANY_ID, class = 0, mask = 0;

        if (!read_id(&entry, &vendor) || !read_id(&entry, &id))
                return false;
        if (read_id(&entry, &subvendor) && read_id(&entry, &subdevice) && read_id(&entry, &class))
                (void)read_id(&entry, &mask);
        return id_matches(vendor, device->vendor) && id_matches(id, device->device) &&
                        id_matches(subvendor, device->subsystem_vendor) &&
                        id_matches(subdevice, device->subsystem_device) && ((class ^ device->class) & mask) == 0;
}

bool captured_ids_match(const char *ids, const PciIds *device) {
        while (*ids) {
                if (entry_matches(ids, device))
                        return true;
                ids += strcspn(ids, ",");
                ids += *ids == ',';
        }
        return false;
}

const CapturedIds *captured_ids_find_device(const CapturedIds *sources, size_t n, const Device *device) {
        for (size_t i = 0; i < n; i++)
                if (captured_ids_match(sources[i].ids, &device->ids))
                        return &sources[i];
        return NULL;
}

const char *captured_ids_source(const CapturedIds *source, char buffer[static CAPTURED_SOURCE_MAX]) {
        if (source->line)
                (void)snprintf(buffer, CAPTURED_SOURCE_MAX, "Line %u of %s", source->line->line, source->line->file);
        else
                (void)snprintf(buffer, CAPTURED_SOURCE_MAX, "The kernel command line");
        return buffer;
}
