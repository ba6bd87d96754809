/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule-json.h"
#include "language.h"

#include "policy/rule.h"
#include "rule-text.h"

int rule_json_refuse(char **ret_problem, const char *where, const char *key, const char *what) {
        if (asprintf(ret_problem, "%s%s%s: %s", where, isempty(where) || isempty(key) ? "" : ".", strempty(key), what) <
                        0) {
                *ret_problem = NULL;
                return -ENOMEM;
        }
        return -EINVAL;
}

int rule_json_check_keys(json_t *object, const char *where, const char *const *keys, char **ret_problem) {
        const char *key;
        json_t *value;

        if (!json_is_object(object))
                return rule_json_refuse(ret_problem, where, NULL, _("must be an object"));
        json_object_foreach(object, key, value) {
                const char *const *known = keys;

                (void)value;
                while (*known && !streq(*known, key))
                        known++;
                if (!*known)
                        return rule_json_refuse(ret_problem, where, key, _("there is no such key"));
        }
        return 0;
}

/* To JSON. */

static json_t *list_companions(const Rule *rule) {
        if (rule->n_companions == 0)
                return json_string(rule->all_companions ? "all" : "none");
        json_t *list = json_array();
        for (size_t i = 0; list && i < rule->n_companions; i++)
                if (json_array_append_new(list, json_string(PCI_ADDRESS_TEXT(rule->companions[i]))) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

static json_t *list_overrides(const Rule *rule) {
        json_t *list = json_array();

        for (Guard guard = 0; list && guard < _GUARD_MAX; guard++)
                if ((rule->overrides & 1U << guard) &&
                                json_array_append_new(list, json_string(guard_to_string(guard))) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

static json_t *make_match(const Rule *rule) {
        char model[RULE_IDS_MAX], vendor[RULE_IDS_MAX], subsystem[RULE_IDS_MAX], class[RULE_IDS_MAX];
        bool has_model = rule->device >= 0;

        (void)snprintf(model, sizeof(model), "%04x:%04x", (unsigned)rule->vendor & 0xffff,
                        (unsigned)rule->device & 0xffff);
        (void)snprintf(vendor, sizeof(vendor), "%04x", (unsigned)rule->vendor & 0xffff);
        return json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "address",
                        rule->has_address ? PCI_ADDRESS_TEXT(rule->address) : NULL, "path", rule->path, "model",
                        has_model ? model : NULL, "vendor", !has_model && rule->vendor >= 0 ? vendor : NULL,
                        "subsystem", rule->subsystem_vendor >= 0 ? rule_format_subsystem(rule, subsystem) : NULL,
                        "class", rule->class_mask != 0 ? rule_format_class(rule, class) : NULL);
}

static json_t *make_detach(const Rule *rule) {
        return json_pack("{s:s*, s:o, s:o, s:o*}", "driver", rule->driver, "companions", list_companions(rule),
                        "override", list_overrides(rule), "virtual-functions",
                        rule->virtual_functions > 0 ? json_integer(rule->virtual_functions) : NULL);
}

int rule_json_from_text(const char *text, json_t **ret) {
        _cleanup_(rule_freep) Rule *rule = NULL;
        RuleFault fault;

        int r = rule_parse("", "", text, &rule, &fault);
        if (r < 0)
                return r;
        *ret = json_pack("{s:b, s:o, s:o}", "enabled", (int)!rule->disabled, "match", make_match(rule), "detach",
                        make_detach(rule));
        return *ret ? 0 : -ENOMEM;
}

/* From JSON. */

/* The text is parsed afterwards, so a string must not end its line. */
static int write_string(
                FILE *stream, const char *name, json_t *value, const char *where, const char *key, char **ret_problem) {
        const char *text = json_string_value(value);

        if (!value)
                return 0;
        if (isempty(text) || text[strcspn(text, "\r\n")] != '\0')
                return rule_json_refuse(ret_problem, where, key, _("must be a string of one line"));
        fprintf(stream, "%s=%s\n", name, text);
        return 0;
}

static int write_strings(
                FILE *stream, const char *name, json_t *list, const char *where, const char *key, char **ret_problem) {
        int r = 0;

        if (!json_is_array(list))
                return rule_json_refuse(ret_problem, where, key, _("must be a list of strings"));
        for (size_t i = 0; i < json_array_size(list) && r >= 0; i++)
                r = write_string(stream, name, json_array_get(list, i), where, key, ret_problem);
        return r;
}

static int write_model(FILE *stream, json_t *match, const char *where, char **ret_problem) {
        const char *model = json_string_value(json_object_get(match, "model"));

        if (!json_object_get(match, "model"))
                return 0;
        if (!model || strlen(model) != 9 || model[4] != ':' || strspn(model, "0123456789abcdefABCDEF:") != 9)
                return rule_json_refuse(ret_problem, where, "model", _("must be like 8086:10d3"));
        if (json_object_get(match, "vendor"))
                return rule_json_refuse(ret_problem, where, "vendor", _("\"model\" has the vendor"));
        fprintf(stream, "Vendor=%.4s\nDevice=%s\n", model, model + 5);
        return 0;
}

static int write_match(FILE *stream, json_t *match, const char *where, char **ret_problem) {
        static const char *const keys[] = {"address", "path", "model", "vendor", "subsystem", "class", NULL};
        static const char *const names[][2] = {{"address", "Address"}, {"path", "Path"}, {"vendor", "Vendor"},
                        {"subsystem", "Subsystem"}, {"class", "Class"}};
        int r;

        fputs("[Match]\n", stream);
        if ((r = rule_json_check_keys(match, where, keys, ret_problem)) < 0 ||
                        (r = write_model(stream, match, where, ret_problem)) < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(names) && r >= 0; i++)
                r = write_string(stream, names[i][1], json_object_get(match, names[i][0]), where, names[i][0],
                                ret_problem);
        return r;
}

static int write_detach(FILE *stream, json_t *detach, const char *where, char **ret_problem) {
        static const char *const keys[] = {"driver", "companions", "override", "virtual-functions", NULL};
        json_t *companions = json_object_get(detach, "companions"), *overrides = json_object_get(detach, "override"),
               *count = json_object_get(detach, "virtual-functions");
        int r;

        if ((r = rule_json_check_keys(detach, where, keys, ret_problem)) < 0 ||
                        (r = write_string(stream, "Driver", json_object_get(detach, "driver"), where, "driver",
                                         ret_problem)) < 0)
                return r;
        if (companions &&
                        (r = json_is_string(companions) ? write_string(stream, "Companions", companions, where,
                                                                          "companions", ret_problem)
                                                        : write_strings(stream, "Companions", companions, where,
                                                                          "companions", ret_problem)) < 0)
                return r;
        if (overrides && (r = write_strings(stream, "Override", overrides, where, "override", ret_problem)) < 0)
                return r;
        if (count && !json_is_integer(count))
                return rule_json_refuse(ret_problem, where, "virtual-functions", _("must be a number"));
        if (count)
                fprintf(stream, "VirtualFunctions=%" JSON_INTEGER_FORMAT "\n", json_integer_value(count));
        return 0;
}

static int write_rule(FILE *stream, json_t *rule, const char *where, char **ret_problem) {
        json_t *enabled = json_object_get(rule, "enabled"), *detach = json_object_get(rule, "detach");
        _cleanup_free_ char *match_where = NULL, *detach_where = NULL;
        int r;

        if (asprintf(&match_where, _("%s.match"), where) < 0 || asprintf(&detach_where, _("%s.detach"), where) < 0)
                return -ENOMEM;
        if ((r = write_match(stream, json_object_get(rule, "match"), match_where, ret_problem)) < 0)
                return r;
        fputs("[Detach]\n", stream);
        if (enabled && !json_is_boolean(enabled))
                return rule_json_refuse(ret_problem, where, "enabled", _("must be true or false"));
        if (json_is_false(enabled))
                fputs("Enabled=no\n", stream);
        return detach ? write_detach(stream, detach, detach_where, ret_problem) : 0;
}

int rule_json_to_text(json_t *rule, const char *where, char **ret_text, char **ret_problem) {
        _cleanup_free_ char *text = NULL, *fault = NULL;
        uint32_t line;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return -ENOMEM;
        int r = write_rule(stream, rule, where, ret_problem);
        if (fclose(stream) != 0)
                return -ENOMEM;
        if (r < 0)
                return r;
        r = rule_text_check(text, &line, &fault);
        if (r == -EINVAL)
                return rule_json_refuse(ret_problem, where, NULL, fault);
        return r < 0 ? r : rule_text_normalize(text, ret_text);
}
