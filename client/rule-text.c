/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule-text.h"

#include "policy/rule.h"

/* Of vfiod. */
#define SIZE_LIMIT (64 * 1024)

int rule_text_read(const char *path, char **ret) {
        _cleanup_fclose_ FILE *file = fopen(path, "re");
        _cleanup_free_ char *text = malloc(RULE_TEXT_READ_MAX + 1);

        if (!file)
                return -errno;
        if (!text)
                return -ENOMEM;
        size_t length = fread(text, 1, RULE_TEXT_READ_MAX, file);
        if (ferror(file))
                return errno > 0 ? -errno : -EIO;
        text[length] = '\0';
        bool has_nul = strlen(text) != length;
        *ret = TAKE_PTR(text);
        return has_nul ? -EBADMSG : 0;
}

int rule_text_check(const char *text, uint32_t *ret_line, char **ret_fault) {
        _cleanup_(rule_freep) Rule *rule = NULL;
        RuleFault fault = {.message = "it is too large: a rule has at most 64 KiB"};

        int r = strlen(text) > SIZE_LIMIT ? -EINVAL : rule_parse("", "", text, &rule, &fault);
        if (r != -EINVAL)
                return r;
        *ret_line = fault.line;
        *ret_fault = strdup(fault.message);
        return *ret_fault ? r : -ENOMEM;
}

int rule_text_normalize(const char *text, char **ret) {
        _cleanup_(rule_freep) Rule *rule = NULL;
        RuleFault fault;

        int r = rule_parse("", "", text, &rule, &fault);
        return r < 0 ? r : rule_format(rule, ret);
}

bool rule_text_may_match(const char *text, const char *address, uint16_t vendor, uint16_t device, uint32_t class) {
        _cleanup_(rule_freep) Rule *rule = NULL;
        RuleFault fault;

        if (rule_parse("", "", text, &rule, &fault) < 0)
                return false;
        return (!rule->has_address || streq(PCI_ADDRESS_TEXT(rule->address), address)) &&
                        (rule->vendor < 0 || rule->vendor == vendor) && (rule->device < 0 || rule->device == device) &&
                        (class & rule->class_mask) == rule->class;
}

bool rule_text_name_is_valid(const char *name) {
        return rule_name_is_valid(name);
}
