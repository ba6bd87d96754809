/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/early-rule-text.h"

/* A port path is nothing that udev could compare; and a physical function whose virtual functions are wanted stays with the host. */
bool early_rule_fits(const Rule *rule) {
        return !rule->path && rule->virtual_functions == 0;
}

bool early_rule_text_covers(const RuleBook *book, const Device *device) {
        for (size_t i = 0; i < book->n_files; i++) {
                const Rule *rule = book->files[i].rule;

                if (rule && early_rule_fits(rule) && rule_match(rule, device, "") == RULE_MATCH)
                        return true;
        }
        return false;
}

static void print_rule(FILE *text, const Rule *rule) {
        fputs("SUBSYSTEM==\"pci\", ATTR{class}!=\"0x06*\"", text);
        if (rule->has_address)
                fprintf(text, ", KERNEL==\"%s\"", PCI_ADDRESS_TEXT(rule->address));
        if (rule->vendor >= 0)
                fprintf(text, ", ATTR{vendor}==\"0x%04x\"", rule->vendor);
        if (rule->device >= 0)
                fprintf(text, ", ATTR{device}==\"0x%04x\"", rule->device);
        if (rule->subsystem_vendor >= 0)
                fprintf(text, ", ATTR{subsystem_vendor}==\"0x%04x\", ATTR{subsystem_device}==\"0x%04x\"",
                                rule->subsystem_vendor, rule->subsystem_device);
        if (rule->class_mask != 0) {
                int digits = rule->class_mask == 0xffffff ? 6 : rule->class_mask == 0xffff00 ? 4 : 2;

                fprintf(text, ", ATTR{class}==\"0x%0*x%s\"", digits, rule->class >> (6 - digits) * 4,
                                digits < 6 ? "*" : "");
        }
        fputs(", ATTR{driver_override}=\"vfio-pci\"\n", text);
}

int early_rule_text_make(const RuleBook *book, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size, n = 0;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return -ENOMEM;
        fputs("# Made by vfiod of its rules (see vfiod.rules(5)): changes here are lost.\n"
              "# Only the kernel's own announcements, not those of \"udevadm trigger\".\n"
              "ENV{SYNTH_UUID}!=\"\", GOTO=\"vfiod_end\"\n"
              "# Also when it is renamed: what is not said anew is forgotten.\n"
              "SUBSYSTEM==\"net\", SUBSYSTEMS==\"pci\", ATTRS{driver_override}==\"vfio-pci\", "
              "ENV{NM_UNMANAGED}=\"1\"\n"
              "ACTION!=\"add\", GOTO=\"vfiod_end\"\n",
                        stream);
        for (size_t i = 0; i < book->n_files; i++) {
                const Rule *rule = book->files[i].rule;

                if (!rule || !early_rule_fits(rule))
                        continue;
                fprintf(stream, "# %s\n", rule->name);
                print_rule(stream, rule);
                n++;
        }
        fputs("LABEL=\"vfiod_end\"\n", stream);
        if (fclose(stream) != 0)
                return -ENOMEM;
        *ret = n > 0 ? TAKE_PTR(text) : NULL;
        return 0;
}
