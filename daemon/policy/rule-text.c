/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/rule.h"

const char *rule_format_class(const Rule *rule, char buffer[static RULE_IDS_MAX]) {
        int digits = rule->class_mask == 0xff0000 ? 2 : rule->class_mask == 0xffff00 ? 4 : 6;

        (void)snprintf(buffer, RULE_IDS_MAX, "%0*x", digits, rule->class >> (6 - digits) * 4);
        return buffer;
}

const char *rule_format_subsystem(const Rule *rule, char buffer[static RULE_IDS_MAX]) {
        (void)snprintf(buffer, RULE_IDS_MAX, "%04x:%04x", (unsigned)rule->subsystem_vendor,
                        (unsigned)rule->subsystem_device);
        return buffer;
}

static void write_match(FILE *stream, const Rule *rule) {
        char text[RULE_IDS_MAX];

        fputs("[Match]\n", stream);
        if (rule->has_address)
                fprintf(stream, "Address=%s\n", PCI_ADDRESS_TEXT(rule->address));
        if (rule->path)
                fprintf(stream, "Path=%s\n", rule->path);
        if (rule->vendor >= 0)
                fprintf(stream, "Vendor=%04x\n", (unsigned)rule->vendor);
        if (rule->device >= 0)
                fprintf(stream, "Device=%04x\n", (unsigned)rule->device);
        if (rule->subsystem_vendor >= 0)
                fprintf(stream, "Subsystem=%s\n", rule_format_subsystem(rule, text));
        if (rule->class_mask != 0)
                fprintf(stream, "Class=%s\n", rule_format_class(rule, text));
}

/* So that no line is too long for rule_parse(). */
#define ADDRESSES_PER_LINE 8

static void write_companions(FILE *stream, const Rule *wish) {
        if (wish->n_companions == 0)
                fprintf(stream, "Companions=%s\n", wish->all_companions ? "all" : "none");
        for (size_t i = 0; i < wish->n_companions; i++) {
                bool last = (i + 1) % ADDRESSES_PER_LINE == 0 || i + 1 == wish->n_companions;

                fprintf(stream, "%s%s%s", i % ADDRESSES_PER_LINE == 0 ? "Companions=" : " ",
                                PCI_ADDRESS_TEXT(wish->companions[i]), last ? "\n" : "");
        }
}

static void write_overrides(FILE *stream, unsigned overrides) {
        const char *separator = "Override=";

        for (Guard guard = 0; guard < _GUARD_MAX; guard++)
                if (overrides & 1U << guard) {
                        fprintf(stream, "%s%s", separator, guard_to_string(guard));
                        separator = " ";
                }
        if (overrides != 0)
                fputc('\n', stream);
}

static void write_detach(FILE *stream, const Rule *wish) {
        fputs("\n[Detach]\n", stream);
        if (wish->disabled)
                fputs("Enabled=no\n", stream);
        if (wish->driver)
                fprintf(stream, "Driver=%s\n", wish->driver);
        write_companions(stream, wish);
        write_overrides(stream, wish->overrides);
        if (wish->virtual_functions > 0)
                fprintf(stream, "VirtualFunctions=%u\n", wish->virtual_functions);
}

static int write_text(const Rule *match, const Rule *wish, const char *comment, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return -ENOMEM;
        fputs(comment, stream);
        write_match(stream, match);
        write_detach(stream, wish);
        if (fclose(stream) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}

int rule_make_text(const Device *device, const Rule *wish, char **ret) {
        const PciIds *ids = &device->ids;
        Rule match = {
                        .has_address = true,
                        .address = device->address,
                        .vendor = ids->vendor,
                        .device = ids->device,
                        .subsystem_vendor = ids->subsystem_vendor != 0 ? ids->subsystem_vendor : -1,
                        .subsystem_device = ids->subsystem_device,
        };

        return write_text(&match, wish, "# Written by vfiod; see vfiod.rules(5).\n", ret);
}

int rule_format(const Rule *rule, char **ret) {
        return write_text(rule, rule, "", ret);
}

/* Tells whether the line is "KEY=..." with this key. */
static bool has_key(const char *line, const char *key) {
        const char *rest = startswith(line, key);

        while (rest && (*rest == ' ' || *rest == '\t'))
                rest++;
        return rest && *rest == '=';
}

int rule_set_enabled(const char *text, bool enabled, char **ret) {
        static const char section[] = "[Detach]";
        _cleanup_free_ char *changed = NULL;
        bool done = enabled;
        size_t size;

        FILE *stream = open_memstream(&changed, &size);
        if (!stream)
                return -ENOMEM;
        for (const char *line = text; *line;) {
                size_t length = strcspn(line, "\n"), whole = length + (line[length] == '\n');

                if (!has_key(line, "Enabled"))
                        (void)fwrite(line, 1, whole, stream);
                if (!done && startswith(line, section)) {
                        fprintf(stream, "%sEnabled=no\n", whole > length ? "" : "\n");
                        done = true;
                }
                line += whole;
        }
        if (!done)
                fprintf(stream, "%s\n%s\nEnabled=no\n", text[0] && text[strlen(text) - 1] != '\n' ? "\n" : "", section);
        if (fclose(stream) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(changed);
        return 0;
}
