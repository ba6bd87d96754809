/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan: what detach or reattach would do, which guards refuse, and the command for it. */
#include "own-command.h"
#include "present.h"
#include "proxy.h"
#include "revert.h"
#include "strv.h"
#include "verbs.h"

static bool contains(char *const *list, const char *string) {
        for (; list && *list; list++)
                if (streq(*list, string))
                        return true;
        return false;
}

/* Lists the guards that found something, each once. If refusing is set, lists only those that refuse. */
static int list_guards(const Plan *plan, bool refusing, char ***ret_guards) {
        _cleanup_(strv_freep) char **guards = NULL;
        int r;

        for (size_t i = 0; i < plan->n_findings; i++) {
                const Finding *finding = &plan->findings[i];

                if ((refusing && finding->overridden) || contains(guards, finding->guard))
                        continue;
                r = strv_push(&guards, finding->guard);
                if (r < 0)
                        return r;
        }
        *ret_guards = TAKE_PTR(guards);
        return 0;
}

/* Makes the command that does exactly this plan. It overrides the guards that found something. The other guards are not
 * needed: if one of them finds something later, the fingerprint is no longer valid. A finding of a planned reattach is a
 * process that holds the group; --force overrides it. */
static int make_command(const Invocation *invocation, const Plan *plan, char ***ret_words) {
        _cleanup_(strv_freep) char **guards = NULL;
        int r;

        r = list_guards(plan, false, &guards);
        return r < 0 ? r
                     : own_command_make(invocation,
                                       &(OwnCommand){.verb = invocation->reattach ? "reattach" : "detach",
                                                       .reattach = invocation->reattach,
                                                       .guards = guards,
                                                       .force = plan->n_findings > 0,
                                                       .fingerprint = plan->fingerprint},
                                       ret_words);
}

static json_t *steps_to_json(const Plan *plan) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < plan->n_steps; i++) {
                const Step *step = &plan->steps[i];

                array = json_append(array,
                                json_pack("{s:o, s:o, s:o}", "action", json_text(step->action), "address",
                                                json_text(step->address), "reason", json_text(step->reason)));
        }
        return array;
}

static json_t *findings_to_json(const Plan *plan) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < plan->n_findings; i++) {
                const Finding *finding = &plan->findings[i];

                array = json_append(array,
                                json_pack("{s:o, s:o, s:o, s:b}", "guard", json_text(finding->guard), "address",
                                                json_text(finding->address), "evidence", json_text(finding->evidence),
                                                "overridden", (int)finding->overridden));
        }
        return array;
}

static json_t *plan_to_json(const Invocation *invocation, const Plan *plan, char *const *command) {
        return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "verb", invocation->reattach ? "reattach" : "detach",
                        "would_go", (int)plan->would_go, "steps", steps_to_json(plan), "findings",
                        findings_to_json(plan), "warnings", json_strings(plan->warnings), "fingerprint",
                        json_text(plan->fingerprint), "command", json_strings(command));
}

enum {
        STEP_COLUMN_NUMBER,
        STEP_COLUMN_STEP,
        STEP_COLUMN_ADDRESS,
        STEP_COLUMN_WHY,
};

static const Column step_columns[] = {
                [STEP_COLUMN_NUMBER] = {"#", SCOLS_FL_RIGHT},
                [STEP_COLUMN_STEP] = {"STEP", 0},
                [STEP_COLUMN_ADDRESS] = {"ADDRESS", 0},
                [STEP_COLUMN_WHY] = {"WHY", SCOLS_FL_WRAP},
};

static int print_steps(Output *output, const Plan *plan) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL;
        int r;

        r = output_table_new(output, step_columns, ELEMENTSOF(step_columns), &table);
        if (r < 0)
                return r;
        for (size_t i = 0; i < plan->n_steps; i++) {
                struct libscols_line *line = scols_table_new_line(table, NULL);
                char number[sizeof("18446744073709551615")];

                if (!line)
                        return -ENOMEM;
                (void)snprintf(number, sizeof(number), "%zu", i + 1);
                if ((r = cell_set(line, STEP_COLUMN_NUMBER, number)) < 0 ||
                                (r = cell_set(line, STEP_COLUMN_STEP, plan->steps[i].action)) < 0 ||
                                (r = cell_set(line, STEP_COLUMN_ADDRESS, plan->steps[i].address)) < 0 ||
                                (r = cell_set(line, STEP_COLUMN_WHY, plan->steps[i].reason)) < 0)
                        return r;
        }
        return output_table(output, table);
}

enum {
        FINDING_COLUMN_GUARD,
        FINDING_COLUMN_VERDICT,
        FINDING_COLUMN_ADDRESS,
        FINDING_COLUMN_EVIDENCE,
};

static const Column finding_columns[] = {
                [FINDING_COLUMN_GUARD] = {"GUARD", 0},
                [FINDING_COLUMN_VERDICT] = {"VERDICT", 0},
                [FINDING_COLUMN_ADDRESS] = {"ADDRESS", 0},
                [FINDING_COLUMN_EVIDENCE] = {"EVIDENCE", SCOLS_FL_WRAP},
};

/* Prints the table of findings; nothing if there are none. */
static int print_findings(Output *output, const Plan *plan) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL;
        int r;

        if (plan->n_findings == 0)
                return 0;
        r = output_table_new(output, finding_columns, ELEMENTSOF(finding_columns), &table);
        if (r < 0)
                return r;
        for (size_t i = 0; i < plan->n_findings; i++) {
                struct libscols_line *line = scols_table_new_line(table, NULL);
                const Finding *finding = &plan->findings[i];

                if (!line)
                        return -ENOMEM;
                if ((r = cell_set(line, FINDING_COLUMN_GUARD, finding->guard)) < 0 ||
                                (r = cell_set_state(output, line, FINDING_COLUMN_VERDICT,
                                                 finding->overridden ? "overridden" : "refuses")) < 0 ||
                                (r = cell_set(line, FINDING_COLUMN_ADDRESS, finding->address)) < 0 ||
                                (r = cell_set(line, FINDING_COLUMN_EVIDENCE, finding->evidence)) < 0)
                        return r;
        }
        fputc('\n', output->stream);
        return output_table(output, table);
}

static void print_warnings(Output *output, const Plan *plan) {
        for (char *const *warning = plan->warnings; warning && *warning; warning++)
                fprintf(output->stream, "\nWarning: %s\n", *warning);
}

static void print_revert(const Invocation *invocation) {
        uint64_t after_us = invocation->options.revert_after_us;
        char span[REVERT_TEXT_MAX];

        if (after_us > 0)
                fprintf(invocation->output.stream,
                                "\nReverts: %s after it begins, unless 'vfioctl confirm' comes before\n",
                                revert_span(after_us, span));
}

/* Whether the user gave the fingerprint of another plan. */
static bool is_stale(const Invocation *invocation, const Plan *plan) {
        const char *wanted = invocation->options.plan;

        return wanted && strcasecmp(wanted, strempty(plan->fingerprint)) != 0;
}

static int print_decision(Output *output, const Plan *plan, bool stale, char *const *command) {
        _cleanup_free_ char *refusing = NULL, *line = own_command_line(command);
        _cleanup_(strv_freep) char **guards = NULL;
        int r;

        r = list_guards(plan, true, &guards);
        if (r < 0)
                return r;
        refusing = strv_join(guards, ", ");
        if (!refusing || !line)
                return -ENOMEM;

        if (plan->would_go)
                fputs("\nResult: can be done\n", output->stream);
        else
                fprintf(output->stream, "\nResult: refused%s%s%s\n", isempty(refusing) ? "" : " by ", refusing,
                                stale ? ": the host has changed since that plan was made" : "");
        fprintf(output->stream, "Fingerprint: %s\n", strempty(plan->fingerprint));
        fprintf(output->stream, "%s: %s\n", plan->would_go ? "To do exactly this" : "If you are sure", line);
        return 0;
}

static int print_plan(Invocation *invocation, const Plan *plan) {
        _cleanup_(strv_freep) char **command = NULL;
        Output *output = &invocation->output;
        int r;

        r = make_command(invocation, plan, &command);
        if (r < 0)
                return r;
        if (output->json)
                return output_json(output, plan_to_json(invocation, plan, command));
        if ((r = print_steps(output, plan)) < 0 || (r = print_findings(output, plan)) < 0)
                return r;
        print_warnings(output, plan);
        print_revert(invocation);
        return print_decision(output, plan, is_stale(invocation, plan), command);
}

ExitCode verb_plan(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(plan_clear) Plan plan = {0};
        int r;

        r = proxy_plan(invocation->bus, invocation->selector, invocation->reattach ? "reattach" : "detach",
                        &invocation->options, &plan, &error);
        /* The method Plan accepts a fingerprint but does not compare it. */
        plan.would_go = plan.would_go && !is_stale(invocation, &plan);
        if (r >= 0 && !invocation->output.quiet)
                r = print_plan(invocation, &plan);
        if (r < 0)
                return report_error(r, &error);
        return plan.would_go ? EXIT_DONE : EXIT_REFUSED;
}
