/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule-wait.h"
#include "language.h"

#include "rule-proxy.h"
#include "terminal.h"

int rule_find(sd_bus *bus, const char *name, RuleList *ret, sd_bus_error *error) {
        _cleanup_(rule_list_clear) RuleList rules = {0};
        int r;

        if ((r = proxy_list_rules(bus, &rules, error)) < 0)
                return r;
        for (size_t i = 0; i < rules.count; i++) {
                if (!streq_ptr(rules.items[i].name, name))
                        continue;
                RuleList single = {.items = calloc(1, sizeof(Rule)), .count = 1};
                if (!single.items)
                        return -ENOMEM;
                /* The last rule takes the place of the one that is taken out. */
                single.items[0] = rules.items[i];
                if (i < --rules.count)
                        rules.items[i] = rules.items[rules.count];
                *ret = single;
                return 0;
        }
        return -ENOENT;
}

static int on_signal(sd_bus_message *signal, void *userdata, sd_bus_error *error) {
        bool *heard = userdata;

        (void)signal, (void)error;
        *heard = true;
        return 0;
}

/* Returns the first device of which vfiod has not finished what the rule asks for, or NULL. */
static const Entry *find_unfinished(const Rule *rule) {
        for (size_t i = 0; i < rule->devices.count; i++)
                if (rule->devices.items[i].changing || streq_ptr(rule->devices.items[i].status, "waiting"))
                        return &rule->devices.items[i];
        return NULL;
}

static int await_signal(sd_bus *bus, bool *heard) {
        int r = 0;

        while (!*heard && r >= 0)
                if ((r = sd_bus_process(bus, NULL)) == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        *heard = false;
        return r < 0 ? r : 0;
}

int rule_wait(Invocation *invocation, const char *name, RuleList *ret, sd_bus_error *error) {
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        bool heard = false, told = false;
        int r;

        r = sd_bus_match_signal(invocation->bus, &slot, "org.vfiod1", NULL, NULL, NULL, on_signal, &heard);
        while (r >= 0) {
                _cleanup_(rule_list_clear) RuleList found = {0};

                if ((r = rule_find(invocation->bus, name, &found, error)) < 0)
                        return r;
                assert(found.items);
                const Entry *unfinished = find_unfinished(found.items);
                if (!unfinished) {
                        *ret = TAKE_STRUCT(found);
                        return 0;
                }
                if (!told && !isempty(unfinished->message) && !invocation->output.quiet) {
                        terminal_say(_("vfioctl: waiting for %s: %s"), unfinished->address, unfinished->message);
                        told = true;
                }
                r = await_signal(invocation->bus, &heard);
        }
        return r;
}

ExitCode rule_print_result(Output *output, const Rule *rule) {
        ExitCode code = rule->devices.count > 0 ? EXIT_DONE : EXIT_REFUSED;

        for (size_t i = 0; i < rule->devices.count; i++) {
                const Entry *device = &rule->devices.items[i];
                const char *message = strempty(device->message);

                if (!streq_ptr(device->status, "applied"))
                        code = EXIT_REFUSED;
                if (!output->json && !output->quiet)
                        fprintf(output->stream, "%s: %s%s%s\n", strempty(device->address), strempty(device->status),
                                        isempty(message) ? "" : ": ", message);
        }
        if (rule->devices.count == 0 && !output->json && !output->quiet)
                fprintf(output->stream, _("No device: no device matches the rule, or another rule comes first.\n"));
        return code;
}
