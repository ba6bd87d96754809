/* SPDX-License-Identifier: GPL-2.0-or-later */
/* explain: why a device shares its group, what the host would lose, and how the device is reset. */
#include "config-space.h"
#include "doctor-proxy.h"
#include "language.h"
#include "present.h"
#include "ssh-interface.h"
#include "terminal.h"
#include "verbs.h"
#include "wrap.h"

#define INDENT 2
#define WIDTH 80

/* What the host would lose. */
typedef struct Loss {
        Plan plan;
        char *refusal;      /* there is no plan: the reason; NULL for none */
        const char *remote; /* the interface of the group through which the user is connected; NULL for none */
        DeviceList members;
} Loss;

static void loss_clear(Loss *loss) {
        plan_clear(&loss->plan);
        device_list_clear(&loss->members);
        free(loss->refusal);
}

static bool is_path(const Check *check) {
        return streq(check->code, "path");
}

/* Asks again with the configuration spaces, if this user may read them. Returns as proxy_explain() does. */
static int add_spaces(Invocation *invocation, CheckList *list, sd_bus_error *error) {
        _cleanup_(config_spaces_clear) ConfigSpaces spaces = {0};
        _cleanup_(check_list_clear) CheckList fuller = {0};
        int r = 0;

        if (connection_is_remote())
                return 0;
        for (size_t i = 0; i < list->count && r >= 0; i++)
                if (is_path(&list->items[i]))
                        r = config_spaces_read(&spaces, check_get_detail(&list->items[i], "device"));
        if (r < 0 || spaces.count == 0)
                return r;
        r = proxy_explain(invocation->bus, invocation->selector, &spaces, &fuller, error);
        if (r < 0)
                return r;
        check_list_clear(list);
        *list = TAKE_STRUCT(fuller);
        return 0;
}

/* Asks what a detach of the whole group would take away. That there is no plan is an answer, too. */
static int find_loss(Invocation *invocation, Loss *loss) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL, ignored = SD_BUS_ERROR_NULL;
        _cleanup_(group_clear) Group group = {0};
        CallOptions options = {.whole_group = true};

        int r = proxy_plan(invocation->bus, invocation->selector, "detach", &options, &loss->plan, &error);
        if (r < 0 && !(loss->refusal = language_sentence(isempty(error.message) ? strerror(-r) : error.message)))
                return -ENOMEM;
        if (proxy_get_group(invocation->bus, invocation->selector, &group, &ignored) < 0 ||
                        proxy_get_members(invocation->bus, &group, &loss->members, &ignored) < 0)
                return 0;
        for (size_t i = 0; i < loss->members.count; i++)
                for (char **name = loss->members.items[i].network_interfaces; name && *name; name++)
                        if (!connection_is_remote() && ssh_interface_is(*name))
                                loss->remote = *name;
        return 0;
}

/* Text. */

static int print_wrapped(FILE *stream, const char *text) {
        _cleanup_free_ char *copy = wrap_words(text, WIDTH - INDENT);
        char *state;

        if (!copy)
                return -ENOMEM;
        for (char *line = strtok_r(copy, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
                fprintf(stream, "%*s%s\n", INDENT, "", line);
        return 0;
}

static void print_row(FILE *stream, const Check *check) {
        const char *kind = check_get_detail(check, "kind"), *acs = check_get_detail(check, "acs"),
                   *member = check_get_detail(check, "member"), *driver = check_get_detail(check, "driver"),
                   *isolates = check_get_detail(check, "isolates");
        unsigned long depth = strtoul(check_get_detail(check, "depth"), NULL, 10);

        fprintf(stream, "%*s%s%s", (int)(INDENT + 2 * (depth < 32 ? depth : 32)), "",
                        depth == 0                              ? ""
                                        : terminal_takes_utf8() ? "└─"
                                                                : "`-",
                        check_get_detail(check, "device"));
        if (*kind)
                fprintf(stream, "  %s", kind);
        if (*driver)
                fprintf(stream, "  %s", driver);
        if (*acs)
                fprintf(stream, _("  ACS: %s%s"), acs, streq(isolates, "no") ? _(" (does not isolate)") : "");
        if (streq(member, "selected"))
                fputs(_("  <- this device"), stream);
        else if (streq(member, "yes"))
                fputs(_("  <- in the group"), stream);
        fputc('\n', stream);
}

static int print_reasons(FILE *stream, const CheckList *list, const char *prefix, const char *heading) {
        int r = 0;

        fprintf(stream, "\n%s\n", heading);
        for (size_t i = 0; i < list->count && r >= 0; i++) {
                const Check *check = &list->items[i];

                if (!startswith(check->code, prefix))
                        continue;
                r = print_wrapped(stream, check->finding);
                if (r >= 0 && !isempty(check->cure))
                        r = print_wrapped(stream, check->cure);
        }
        return r;
}

static int print_loss(FILE *stream, const Loss *loss) {
        int r = 0;

        fprintf(stream, "\n%s\n", _("What the host would lose"));
        if (loss->remote) {
                fprintf(stream, "%*s", INDENT, "");
                fprintf(stream, _("Your SSH session comes through %s.\n"), loss->remote);
        }
        if (loss->refusal)
                return print_wrapped(stream, loss->refusal);
        for (size_t i = 0; i < loss->plan.n_findings && r >= 0; i++) {
                const Finding *finding = &loss->plan.findings[i];
                _cleanup_free_ char *text = NULL;

                if (asprintf(&text, "%s: %s", finding->address, finding->evidence) < 0) {
                        text = NULL;
                        return -ENOMEM;
                }
                r = print_wrapped(stream, text);
        }
        if (r >= 0 && loss->plan.n_findings == 0 && !loss->remote)
                fprintf(stream, "%*s%s\n", INDENT, "", _("Nothing that is in use."));
        return r;
}

static int print_text(Output *output, const CheckList *list, const Loss *loss) {
        int r;

        fprintf(output->stream, "%s\n", _("Path to the root"));
        for (size_t i = 0; i < list->count; i++)
                if (is_path(&list->items[i]))
                        print_row(output->stream, &list->items[i]);
        if ((r = print_reasons(output->stream, list, "isolation-", _("Why these devices share a group"))) < 0 ||
                        (r = print_reasons(output->stream, list, "device-reset", _("Reset"))) < 0)
                return r;
        return print_loss(output->stream, loss);
}

/* JSON. */

static json_t *select_checks(const CheckList *list, bool paths) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < list->count; i++)
                if (is_path(&list->items[i]) == paths)
                        array = json_append(array,
                                        paths ? json_incref(list->items[i].details) : check_to_json(&list->items[i]));
        return array;
}

static json_t *findings_to_json(const Plan *plan) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < plan->n_findings; i++)
                array = json_append(array,
                                json_pack("{s:o, s:o, s:o}", "guard", json_text(plan->findings[i].guard), "address",
                                                json_text(plan->findings[i].address), "evidence",
                                                json_text(plan->findings[i].evidence)));
        return array;
}

static json_t *explanation_to_json(const CheckList *list, const Loss *loss) {
        return json_pack("{s:o, s:o, s:o, s:o, s:o}", "path", select_checks(list, true), "checks",
                        select_checks(list, false), "findings", findings_to_json(&loss->plan), "refusal",
                        json_text(loss->refusal), "ssh_interface", json_text(loss->remote));
}

ExitCode verb_explain(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(check_list_clear) CheckList list = {0};
        _cleanup_(loss_clear) Loss loss = {0};
        Output *output = &invocation->output;
        int r;

        r = proxy_explain(invocation->bus, invocation->selector, NULL, &list, &error);
        if (r >= 0)
                r = add_spaces(invocation, &list, &error);
        if (r >= 0)
                r = find_loss(invocation, &loss);
        if (r >= 0)
                r = output->json ? output_json(output, explanation_to_json(&list, &loss))
                                 : print_text(output, &list, &loss);
        return r < 0 ? report_error(r, &error) : EXIT_DONE;
}
