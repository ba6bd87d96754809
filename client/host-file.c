/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host-file.h"
#include "language.h"

#include "rule-json.h"
#include "rule-text.h"

#include "daemon/base/util.h"

#include <inttypes.h>

#define RULES_LIMIT 4096

void host_file_clear(HostFile *file) {
        for (size_t i = 0; i < file->n_rules; i++) {
                free(file->rules[i].name);
                free(file->rules[i].text);
        }
        for (size_t i = 0; i < file->n_functions; i++)
                free(file->functions[i].address);
        free(file->rules);
        free(file->functions);
        *file = (HostFile){0};
}

int host_file_add_rule(HostFile *file, const char *name, const char *text) {
        if (!ARRAY_GROW(file->rules, file->n_rules))
                return -ENOMEM;
        HostRule *rule = &file->rules[file->n_rules++];
        *rule = (HostRule){.name = strdup(name), .text = text ? strdup(text) : NULL};
        return rule->name && (rule->text || !text) ? 0 : -ENOMEM;
}

int host_file_add_functions(HostFile *file, const HostFunctions *functions) {
        if (!ARRAY_GROW(file->functions, file->n_functions))
                return -ENOMEM;
        HostFunctions *added = &file->functions[file->n_functions++];
        *added = *functions;
        added->address = functions->address ? strdup(functions->address) : NULL;
        return added->address || !functions->address ? 0 : -ENOMEM;
}

const HostRule *host_file_find(const HostFile *file, const char *name) {
        for (size_t i = 0; i < file->n_rules; i++)
                if (streq(file->rules[i].name, name))
                        return &file->rules[i];
        return NULL;
}

/* Parsing. */

static int parse_rule(HostFile *file, json_t *rule, const char *where, char **ret_problem) {
        static const char *const keys[] = {"name", "enabled", "match", "detach", NULL};
        static const char *const mask_keys[] = {"name", "masked", NULL};
        json_t *masked = json_object_get(rule, "masked");
        _cleanup_free_ char *text = NULL;

        int r = rule_json_check_keys(rule, where, masked ? mask_keys : keys, ret_problem);
        if (r < 0)
                return r;
        const char *name = json_string_value(json_object_get(rule, "name"));
        if (!name || !rule_text_name_is_valid(name))
                return rule_json_refuse(ret_problem, where, "name", _("must be the name of a rule"));
        if (host_file_find(file, name))
                return rule_json_refuse(ret_problem, where, "name", _("another rule has this name"));
        if (masked && !json_is_true(masked))
                return rule_json_refuse(ret_problem, where, "masked", _("must be true, or left out"));
        if (!masked && (r = rule_json_to_text(rule, where, &text, ret_problem)) < 0)
                return r;
        return host_file_add_rule(file, name, text);
}

static int parse_functions(HostFile *file, json_t *entry, const char *where, char **ret_problem) {
        static const char *const keys[] = {"match", "count", NULL}, *const match_keys[] = {"address", "model", NULL};
        json_t *match = json_object_get(entry, "match"), *count = json_object_get(entry, "count");
        HostFunctions functions = {0};
        unsigned vendor, device;
        int end = 0, r;

        if ((r = rule_json_check_keys(entry, where, keys, ret_problem)) < 0)
                return r;
        if (rule_json_check_keys(match, where, match_keys, ret_problem) < 0) {
                free(TAKE_PTR(*ret_problem));
                return rule_json_refuse(
                                ret_problem, where, "match", _("must be an object with address, model, or both"));
        }
        const char *address = json_string_value(json_object_get(match, "address")),
                   *model = json_string_value(json_object_get(match, "model"));
        if ((!address && !model) || (json_object_get(match, "address") && !address) ||
                        (json_object_get(match, "model") && !model))
                return rule_json_refuse(
                                ret_problem, where, "match", _("must be an object with address, model, or both"));
        if (model && (sscanf(model, "%4x:%4x%n", &vendor, &device, &end) != 2 || strlen(model) != 9 || end != 9))
                return rule_json_refuse(ret_problem, where, "match.model", _("must be like 8086:10d3"));
        if (!json_is_integer(count) || json_integer_value(count) < 0 || json_integer_value(count) > 65535)
                return rule_json_refuse(ret_problem, where, "count", _("must be a number from 0 to 65535"));
        functions = (HostFunctions){.address = (char *)address,
                        .has_model = model,
                        .vendor = model ? (uint16_t)vendor : 0,
                        .device = model ? (uint16_t)device : 0,
                        .count = (uint32_t)json_integer_value(count)};
        return host_file_add_functions(file, &functions);
}

static int parse_list(HostFile *file, json_t *document, const char *key,
                int (*parse)(HostFile *file, json_t *entry, const char *where, char **ret_problem),
                char **ret_problem) {
        json_t *list = json_object_get(document, key);
        int r = 0;

        if (list && (!json_is_array(list) || json_array_size(list) > RULES_LIMIT))
                return rule_json_refuse(ret_problem, key, NULL, _("must be a list of at most 4096 entries"));
        for (size_t i = 0; i < json_array_size(list) && r >= 0; i++) {
                _cleanup_free_ char *where = NULL;

                if (asprintf(&where, "%s[%zu]", key, i) < 0)
                        return -ENOMEM;
                r = parse(file, json_array_get(list, i), where, ret_problem);
        }
        return r;
}

static int parse_document(HostFile *file, json_t *document, char **ret_problem) {
        static const char *const keys[] = {"vfiod", "rules", "virtual-functions", NULL};
        int r;

        if (!json_is_object(document))
                return rule_json_refuse(ret_problem, "", "the file", _("must be a JSON object"));
        if ((r = rule_json_check_keys(document, "", keys, ret_problem)) < 0)
                return r;
        if (json_integer_value(json_object_get(document, "vfiod")) != HOST_FILE_VERSION)
                return rule_json_refuse(ret_problem, "", "vfiod", _("must be 1, the version of the format"));
        if ((r = parse_list(file, document, "rules", parse_rule, ret_problem)) < 0)
                return r;
        return parse_list(file, document, "virtual-functions", parse_functions, ret_problem);
}

int host_file_parse(const char *text, HostFile *ret, char **ret_problem) {
        _cleanup_(host_file_clear) HostFile file = {0};
        json_error_t error;

        json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, &error);
        if (!document && asprintf(ret_problem, _("line %d: %s"), error.line, error.text) < 0) {
                *ret_problem = NULL;
                return -ENOMEM;
        }
        int r = document ? parse_document(&file, document, ret_problem) : -EINVAL;
        json_decref(document);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(file, HostFile, (HostFile){0});
        return 0;
}

/* Writing. */

static json_t *rule_object(const HostRule *rule) {
        json_t *object = NULL;

        if (!rule->text)
                return json_pack("{s:s, s:b}", "name", rule->name, "masked", 1);
        if (rule_json_from_text(rule->text, &object) < 0)
                return NULL;
        json_t *named = json_pack("{s:s}", "name", rule->name);
        if (named && json_object_update(named, object) < 0) {
                json_decref(named);
                named = NULL;
        }
        json_decref(object);
        return named;
}

static json_t *functions_object(const HostFunctions *functions) {
        char model[sizeof("8086:10d3")];

        (void)snprintf(model, sizeof(model), "%04x:%04x", functions->vendor, functions->device);
        return json_pack("{s:{s:s*, s:s*}, s:I}", "match", "address", functions->address, "model",
                        functions->has_model ? model : NULL, "count", (json_int_t)functions->count);
}

int host_file_format(const HostFile *file, char **ret) {
        json_t *rules = json_array(), *functions = json_array();
        int r = rules && functions ? 0 : -ENOMEM;

        for (size_t i = 0; i < file->n_rules && r >= 0; i++)
                r = json_array_append_new(rules, rule_object(&file->rules[i])) < 0 ? -ENOMEM : 0;
        for (size_t i = 0; i < file->n_functions && r >= 0; i++)
                r = json_array_append_new(functions, functions_object(&file->functions[i])) < 0 ? -ENOMEM : 0;
        json_t *document = json_pack(
                        "{s:i, s:o, s:o}", "vfiod", HOST_FILE_VERSION, "rules", rules, "virtual-functions", functions);
        *ret = r >= 0 && document ? json_dumps(document, JSON_INDENT(2)) : NULL;
        json_decref(document);
        return *ret ? 0 : -ENOMEM;
}
