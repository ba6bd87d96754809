/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule check. Files are checked without a daemon. */
#include "rule-check.h"

#include "language.h"
#include "present.h"
#include "rule-proxy.h"
#include "rule-text.h"
#include "terminal.h"
#include "verbs.h"

char *rule_fault_text(const char *file, uint32_t line, const char *fault) {
        _cleanup_free_ char *translated = language_sentence(fault);
        char *text = NULL;

        if (!translated)
                return NULL;
        int n = line > 0 ? asprintf(&text, "%s:%u: %s", file, line, translated)
                         : asprintf(&text, "%s: %s", file, translated);
        return n < 0 ? NULL : text;
}

typedef struct Faults {
        const Output *output;
        json_t *array; /* NULL for text, which goes to stderr */
        size_t count;
} Faults;

static int add_fault(Faults *faults, const char *file, uint32_t line, const char *fault) {
        _cleanup_free_ char *text = NULL;

        faults->count++;
        if (faults->output->json) {
                faults->array = json_append(faults->array,
                                json_pack("{s:o, s:o, s:o}", "file", json_text(file), "line",
                                                line > 0 ? json_integer(line) : json_null(), "fault",
                                                json_text(fault)));
                return faults->array ? 0 : -ENOMEM;
        }
        text = rule_fault_text(file, line, fault);
        if (!text)
                return -ENOMEM;
        terminal_say("%s", text);
        return 0;
}

static int check_known(const Invocation *invocation, Faults *faults, sd_bus_error *error) {
        _cleanup_(rule_list_clear) RuleList rules = {0};
        int r;

        r = proxy_list_rules(invocation->bus, &rules, error);
        for (size_t i = 0; r >= 0 && i < rules.count; i++)
                if (streq_ptr(rules.items[i].state, "off"))
                        r = add_fault(faults, rules.items[i].file, rules.items[i].line, strempty(rules.items[i].fault));
        return r;
}

static int check_file(const char *path, Faults *faults) {
        _cleanup_free_ char *text = NULL, *fault = NULL;
        uint32_t line = 0;
        int r;

        r = rule_text_read(path, &text);
        for (const char *c = strempty(text); r == -EBADMSG && (c = strchr(c, '\n')); c++)
                line++;
        if (r == -EBADMSG)
                return add_fault(faults, path, line + 1, "it contains a NUL byte, so it is not text");
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return add_fault(faults, path, 0, strerror(-r));
        if (isempty(text)) /* an empty file masks a rule */
                return 0;
        r = rule_text_check(text, &line, &fault);
        return r == -EINVAL ? add_fault(faults, path, line, fault) : r;
}

ExitCode verb_rule_check(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Output *output = &invocation->output;
        bool of_files = invocation->files && *invocation->files;
        ExitCode code = of_files ? EXIT_DONE : invocation_connect(invocation);
        int r = 0;

        if (code != EXIT_DONE)
                return code;
        Faults faults = {.output = output, .array = output->json ? json_array() : NULL};
        if (!of_files)
                r = check_known(invocation, &faults, &error);
        for (char **file = invocation->files; r >= 0 && file && *file; file++)
                r = check_file(*file, &faults);
        if (r < 0) {
                json_decref(faults.array);
                return report_error(r, &error);
        }
        if (output->json && (r = output_json(output, json_pack("{s:o}", "faults", faults.array))) < 0)
                return report_error(r, NULL);
        return faults.count > 0 ? EXIT_FAILED : EXIT_DONE;
}
