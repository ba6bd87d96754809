/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/new-rule.h"

void new_rule_done(NewRule *rule) {
        free(rule->name);
        free(rule->text);
        free(rule->devices);
        *rule = (NewRule){};
}

/* Resolves the selector to a device that is present, not a bridge, and can have the virtual functions of the rule. */
static int find_device(const Service *service, const Request *request, const Device **ret, Problem *problem) {
        Device *device = NULL;

        int r = selector_resolve_device(service->inventory, request->selector, &device, problem);
        if (r != 0)
                return r;
        assert(device);
        const char *address = PCI_ADDRESS_TEXT(device->address);
        if (!device->present)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "%s is gone from its slot: plug it in first, because the rule needs its ids.", address);
        if (!device->endpoint)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT,
                                "%s is a bridge: it stays with the host. Name a device behind it.", address);
        if (request->virtual_functions > device->virtual_functions_max)
                return problem_set(problem, OUTCOME_INVALID_SELECTOR, "%s can have %u virtual functions, not %u.",
                                address, (unsigned)device->virtual_functions_max, request->virtual_functions);
        *ret = device;
        return 0;
}

/* Resolves the selectors of companions to addresses. A rule must not contain host names, because these can belong to
 * another device later. Returns 0, an outcome, or -ENOMEM. The caller frees wish->companions. */
static int resolve_companions(const Service *service, const Device *device, const RequestList *selectors, Rule *wish,
                Problem *problem) {
        wish->companions = calloc(selectors->n_entries + 1, sizeof(PciAddress));
        if (!wish->companions)
                return -ENOMEM;
        for (size_t i = 0; i < selectors->n_entries; i++) {
                const char *selector = selectors->entries[i];
                Device *companion = NULL;

                if (streq(selector, "*")) {
                        wish->all_companions = true;
                        return 0;
                }
                int r = selector_resolve_device(service->inventory, selector, &companion, problem);
                if (r != 0)
                        return r;
                assert(companion);
                if (companion == device || !companion->endpoint || !companion->group ||
                                companion->group != device->group)
                        return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                        "'%s' is no companion: it is not another endpoint in the IOMMU group of %s.",
                                        selector, PCI_ADDRESS_TEXT(device->address));
                wish->companions[i] = companion->address;
        }
        wish->n_companions = selectors->n_entries;
        return 0;
}

/* Makes the default name of a rule, for example "0000-3b-00.0". The caller frees it. Returns NULL if there is not enough
 * memory. */
static char *make_name(PciAddress address) {
        char *name = strdup(PCI_ADDRESS_TEXT(address));

        for (char *colon = name; colon && (colon = strchr(colon, ':'));)
                *colon = '-';
        return name;
}

/* Lists the device and its companions. */
static int list_devices(const Service *service, const Device *device, const Rule *wish, NewRule *rule) {
        const Group *group = device->group;

        rule->devices = calloc(1 + wish->n_companions + (group ? group->n_members : 0), sizeof(Device *));
        if (!rule->devices)
                return -ENOMEM;
        rule->devices[rule->n_devices++] = device;
        if (wish->all_companions) {
                for (size_t i = 0; group && i < group->n_members; i++)
                        if (group->members[i] != device && group->members[i]->endpoint)
                                rule->devices[rule->n_devices++] = group->members[i];
                return 0;
        }
        for (size_t i = 0; i < wish->n_companions; i++) {
                const Device *companion = inventory_find_device(service->inventory, wish->companions[i]);

                if (companion)
                        rule->devices[rule->n_devices++] = companion;
        }
        return 0;
}

int new_rule_make(const Service *service, const Request *request, NewRule *ret, Problem *problem) {
        _cleanup_(rule_freep) Rule *wish = calloc(1, sizeof(Rule));
        const RuleBook *book = rule_keeper_book(service->rules);
        _cleanup_new_rule_ NewRule rule = {};
        const Device *device = NULL;
        int r;

        if (!wish)
                return -ENOMEM;
        if ((r = free_and_strdup(&wish->driver, request->driver)) < 0)
                return r;
        wish->overrides = request->overrides;
        wish->virtual_functions = request->virtual_functions;
        if ((r = find_device(service, request, &device, problem)) != 0)
                return r;
        assert(device);
        if ((r = resolve_companions(service, device, &request->companions, wish, problem)) != 0)
                return r;
        if (book->n_files >= RULES_MAX)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED, "There are %zu rules already: remove some first.",
                                book->n_files);
        rule.name = request->name ? strdup(request->name) : make_name(device->address);
        if (!rule.name)
                return -ENOMEM;
        if ((r = list_devices(service, device, wish, &rule)) < 0 || (r = rule_make_text(device, wish, &rule.text)) < 0)
                return r;
        *ret = TAKE_GENERIC(rule, NewRule, (NewRule){});
        return 0;
}

static void mix_numbers(CallDetails *details, const Rule *rule) {
        char text[256];

        (void)snprintf(text, sizeof(text), "%d %s %d %d %d %d %x %x %d %u %u", (int)rule->has_address,
                        PCI_ADDRESS_TEXT(rule->address), rule->vendor, rule->device, rule->subsystem_vendor,
                        rule->subsystem_device, (unsigned)rule->class, (unsigned)rule->class_mask,
                        (int)rule->all_companions, rule->overrides, rule->virtual_functions);
        call_details_mix(details, text);
}

void new_rule_mix(CallDetails *details, const Rule *rule) {
        if (!rule)
                return;
        call_details_mix(details, rule->path);
        call_details_mix(details, rule->driver);
        mix_numbers(details, rule);
        for (size_t i = 0; i < rule->n_companions; i++)
                call_details_mix(details, PCI_ADDRESS_TEXT(rule->companions[i]));
}
