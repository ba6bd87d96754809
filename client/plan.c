/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan, and the dry runs: what detach, reattach or reset would do, which guards refuse, and the command for it. */
#include "language.h"
#include "own-command.h"
#include "present.h"
#include "proxy.h"
#include "revert.h"
#include "strv.h"
#include "verbs.h"

/* The verb that is planned. */
static const char *planned_verb(const Invocation *invocation) {
        return invocation->reset ? "reset" : invocation->reattach ? "reattach" : "detach";
}

static bool contains(char *const *list, const char *string) {
        for (; list && *list; list++)
                if (streq(*list, string))
                        return true;
        return false;
}

/* Whether the user can do it nevertheless, with this option. */
static bool yields_to(const Finding *finding, const char *option) {
        return contains(finding->options, option);
}

/* Whether a refusing finding yields to the option. */
static bool needs_option(const Plan *plan, const char *option) {
        for (size_t i = 0; i < plan->n_findings; i++)
                if (!plan->findings[i].overridden && yields_to(&plan->findings[i], option))
                        return true;
        return false;
}

/* Whether there is a command that does this plan: it has steps, and each finding yields to an option. */
static bool can_insist(const Plan *plan) {
        static const char *const options[] = {"override", "companions", "force"};

        if (plan->n_steps == 0)
                return false;
        for (size_t i = 0; i < plan->n_findings; i++) {
                bool yields = plan->findings[i].overridden;

                for (size_t k = 0; k < ELEMENTSOF(options); k++)
                        yields |= yields_to(&plan->findings[i], options[k]);
                if (!yields)
                        return false;
        }
        return true;
}

/* Lists what found something, each name once: if refusing is set, all that refuse; otherwise the guards that can be
 * overridden. */
static int list_guards(const Plan *plan, bool refusing, char ***ret_guards) {
        _cleanup_(strv_freep) char **guards = NULL;
        int r;

        for (size_t i = 0; i < plan->n_findings; i++) {
                const Finding *finding = &plan->findings[i];

                if ((refusing ? finding->overridden : !yields_to(finding, "override")) ||
                                contains(guards, finding->guard))
                        continue;
                r = strv_push(&guards, finding->guard);
                if (r < 0)
                        return r;
        }
        *ret_guards = TAKE_PTR(guards);
        return 0;
}

/* Makes the command that does exactly this plan. It overrides the guards that found something. The other guards are not
 * needed: if one of them finds something later, the fingerprint is no longer valid. *ret_words is NULL if no command can do
 * it. */
static int make_command(const Invocation *invocation, const Plan *plan, char ***ret_words) {
        _cleanup_(strv_freep) char **guards = NULL;
        int r;

        *ret_words = NULL;
        if (!can_insist(plan))
                return 0;
        r = list_guards(plan, false, &guards);
        return r < 0 ? r
                     : own_command_make(invocation,
                                       &(OwnCommand){.verb = planned_verb(invocation),
                                                       .reattach = invocation->reattach,
                                                       .guards = guards,
                                                       .force = plan->n_findings > 0,
                                                       .whole_group = needs_option(plan, "companions"),
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

                array = json_append(array, finding_to_json(finding));
        }
        return array;
}

static json_t *plan_to_json(const Invocation *invocation, const Plan *plan, char *const *command) {
        return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "verb", planned_verb(invocation), "would_go",
                        (int)plan->would_go, "steps", steps_to_json(plan), "findings", findings_to_json(plan),
                        "warnings", json_strings(plan->warnings), "fingerprint", json_text(plan->fingerprint),
                        "command", command ? json_strings(command) : json_null());
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

        if (plan->n_steps == 0)
                return 0;
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
        if (plan->n_steps > 0)
                fputc('\n', output->stream);
        return output_table(output, table);
}

/* Prints what overcomes the findings that yield to no option of the command, each once. */
static void print_cures(Output *output, const Plan *plan) {
        for (size_t i = 0; i < plan->n_findings; i++) {
                const char *cure = plan->findings[i].cure;
                bool is_told = false;

                for (size_t k = 0; k < i; k++)
                        is_told = is_told || streq_ptr(plan->findings[k].cure, cure);
                if (!isempty(cure) && !is_told)
                        fprintf(output->stream, _("What helps: %s\n"), cure);
        }
}

static void print_warnings(Output *output, const Plan *plan) {
        for (char *const *warning = plan->warnings; warning && *warning; warning++)
                fprintf(output->stream, _("\nWarning: %s\n"), *warning);
}

static void print_revert(const Invocation *invocation) {
        uint64_t after_us = invocation->options.revert_after_us;
        char span[REVERT_TEXT_MAX];

        if (after_us > 0)
                fprintf(invocation->output.stream,
                                _("\nReverts: %s after it begins, unless 'vfioctl confirm' comes before\n"),
                                revert_span(after_us, span));
}

/* Whether the user gave the fingerprint of another plan. */
static bool is_stale(const Invocation *invocation, const Plan *plan) {
        const char *wanted = invocation->options.plan;

        return wanted && strcasecmp(wanted, strempty(plan->fingerprint)) != 0;
}

static int print_decision(Output *output, const Plan *plan, bool stale, char *const *command) {
        _cleanup_free_ char *refusing = NULL, *line = command ? own_command_line(command) : NULL;
        _cleanup_(strv_freep) char **guards = NULL;
        int r;

        r = list_guards(plan, true, &guards);
        if (r < 0)
                return r;
        refusing = strv_join(guards, ", ");
        if (!refusing || (command && !line))
                return -ENOMEM;

        if (plan->would_go)
                fputs(_("\nResult: can be done\n"), output->stream);
        else
                fprintf(output->stream, _("\nResult: refused%s%s%s\n"), isempty(refusing) ? "" : _(" by "), refusing,
                                stale ? _(": the host has changed since that plan was made") : "");
        if (!isempty(plan->fingerprint))
                fprintf(output->stream, _("Fingerprint: %s\n"), plan->fingerprint);
        if (!line)
                print_cures(output, plan);
        else
                fprintf(output->stream, "%s: %s\n", plan->would_go ? _("To do exactly this") : _("If you are sure"),
                                line);
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

        r = proxy_plan(invocation->bus, invocation->selector, planned_verb(invocation), &invocation->options, &plan,
                        &error);
        /* The method Plan accepts a fingerprint but does not compare it. */
        plan.would_go = plan.would_go && !is_stale(invocation, &plan);
        if (r >= 0 && !invocation->output.quiet)
                r = print_plan(invocation, &plan);
        if (r < 0)
                return report_error(r, &error);
        return plan.would_go ? EXIT_DONE : EXIT_REFUSED;
}
