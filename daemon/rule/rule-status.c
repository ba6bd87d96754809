/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-status.h"
#include "base/log.h"
#include "base/text.h"

void rule_status_add_fields(const RuleCase *rule_case, unsigned overrides, LogFields *fields) {
        char guards[GUARD_LIST_MAX];

        log_fields_add(fields, "VFIOD_RULE", "%s", TEXT_NAME(rule_case->rule));
        if (overrides != 0)
                log_fields_add(fields, "VFIOD_OPTIONS", "override=%s", guard_list_format(overrides, ',', guards));
}

void rule_status_log_refusal(const RuleCase *rule_case, Outcome outcome, const char *message) {
        const char *address = PCI_ADDRESS_TEXT(rule_case->address);
        _cleanup_log_fields_ LogFields fields = {};

        rule_status_add_fields(rule_case, 0, &fields);
        log_fields_add(&fields, "VFIOD_CALLER", "%s%s", rule_case->rule ? "rule " : "hot-plug",
                        strempty(rule_case->rule));
        log_fields_add(&fields, "VFIOD_VERB", "detach");
        log_fields_add(&fields, "VFIOD_DEVICE", "%s", address);
        log_fields_add(&fields, "VFIOD_RESULT", "%s", outcome_to_string(outcome));
        log_fields_add(&fields, "VFIOD_REASON", "%s", message);
        log_event(&(LogEvent){.priority = LOG_WARNING, .message_id = MESSAGE_RULE_REFUSED, .fields = &fields},
                        "%s%s: %s is not detached: %s", rule_case->rule ? "Rule " : "Hot-plug",
                        strempty(rule_case->rule), address, message);
}

int rule_status_advise(const char *message, char **ret) {
        static const char beginning[] = "If you are sure: ", option[] = " --override=";
        const char *advice = strstr(message, beginning), *guards = advice ? strstr(advice, option) : NULL;

        *ret = NULL;
        if (!guards)
                return 0;
        if (asprintf(ret, "%.*sIf you are sure, write 'Override=%s' into the rule.", (int)(advice - message), message,
                            guards + strlen(option)) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

void rule_status_set_other_card(RuleKeeper *keeper, const Rule *rule, const Device *device) {
        char message[160], meant[32] = "";
        const PciIds *ids = &device->ids;

        if (rule->subsystem_vendor >= 0)
                (void)snprintf(meant, sizeof(meant), " (%04x:%04x)", rule->subsystem_vendor, rule->subsystem_device);
        (void)snprintf(message, sizeof(message),
                        "the rule names the card %04x:%04x%s, but %04x:%04x (%04x:%04x, class %06x) is there.",
                        rule->vendor, rule->device, meant, ids->vendor, ids->device, ids->subsystem_vendor,
                        ids->subsystem_device, ids->class);
        RuleCase *rule_case = rule_case_obtain(&keeper->cases, device->address, rule->name);
        if (!rule_case)
                return;
        rule_case->incarnation = device->incarnation;
        rule_status_log_refusal(rule_case, OUTCOME_IDENTITY_CHANGED, message);
        rule_case_set(rule_case, RULE_STATUS_OTHER_CARD, message);
}

void rule_status_release_with_parent(RuleKeeper *keeper, const Rule *rule, const Device *device) {
        const DeviceOrigin *origin = device->origin;
        const Device *parent = origin && origin->has_parent
                        ? inventory_find_device(keeper->parts.inventory, origin->parent)
                        : NULL;

        if (!rule || (parent && parent->appeared))
                return;
        RuleCase *rule_case = rule_case_obtain(&keeper->cases, device->address, rule->name);
        if (!rule_case)
                return;
        rule_case->incarnation = device->incarnation;
        rule_case_set(rule_case, RULE_STATUS_RELEASED, "somebody reattached it");
}

bool rule_status_defer(RuleKeeper *keeper, const char *const *names, const Device *device) {
        const RuleCase *old = rule_case_find(&keeper->cases, device->address);
        const Rule *rule = rule_plan_find(keeper, device, NULL);

        while (rule && *names && !streq(*names, rule->name))
                names++;
        if (!rule || !*names || device->appeared || device_is_ours(device) || (old && old->running))
                return false;
        RuleCase *rule_case = rule_case_obtain(&keeper->cases, device->address, rule->name);
        if (!rule_case)
                return false;
        rule_case->incarnation = device->incarnation;
        rule_case->hotplugged = false;
        rule_case_set(rule_case, RULE_STATUS_RELEASED,
                        "the rule is not applied before the device is plugged in again, or vfiod starts");
        return true;
}

static bool has_vfs(const RuleKeeper *keeper, const Device *pf) {
        size_t n;

        Device *const *devices = inventory_devices(keeper->parts.inventory, &n);
        for (size_t i = 0; i < n; i++)
                if (device_is_vf_of(devices[i], pf))
                        return true;
        return false;
}

/* Tells whether the driver that the model knows is still bound. The kernel removes the link of an unbound driver first, then the
 * VFs; the event of the PF comes last (drivers/base/dd.c). */
static bool is_bound(const RuleKeeper *keeper, const Device *pf) {
        char driver[DRIVER_NAME_MAX];

        return pf->driver && pci_device_read_driver_of(keeper->parts.kernel, pf->address, driver) >= 0 &&
                        streq(driver, pf->driver);
}

/* A rule with VirtualFunctions=. When the driver of the PF is unbound, the kernel removes the VFs. They are created again when a
 * driver is bound. */
static void update_pf(const RuleKeeper *keeper, RuleCase *rule_case, const Device *pf) {
        if (rule_case->running || device_is_ours(pf) || rule_plan_is_changing(keeper, pf))
                return;
        bool bound = is_bound(keeper, pf);
        if (!bound && rule_case->status == RULE_STATUS_APPLIED) {
                rule_case_set(rule_case, RULE_STATUS_REFUSED,
                                "its driver was unbound. The rule is applied again when a driver is bound.");
                rule_case->needs_driver = true;
        } else if (bound && rule_case->needs_driver) {
                rule_case->needs_driver = false;
                rule_case->n_attempts = 0;
                rule_case->retry_us = 0;
                rule_case_set(rule_case, RULE_STATUS_WAITING, NULL);
        } else if (bound && rule_case->status == RULE_STATUS_APPLIED && !has_vfs(keeper, pf))
                rule_case_set(rule_case, RULE_STATUS_RELEASED, "somebody removed its VFs");
}

void rule_status_update(const RuleKeeper *keeper, RuleCase *rule_case, const Device *device) {
        const Rule *rule = rule_plan_rule_of(keeper, rule_case);
        DeviceState state = device_state(device);

        if (rule && rule->virtual_functions > 0) {
                update_pf(keeper, rule_case, device);
                return;
        }
        if (state == DEVICE_DETACHED &&
                        (rule_case->status == RULE_STATUS_REFUSED || rule_case->status == RULE_STATUS_RELEASED))
                rule_case_set(rule_case, RULE_STATUS_APPLIED, NULL);
        if (rule_case->status == RULE_STATUS_APPLIED && !rule_case->running &&
                        (state == DEVICE_HOST || (state == DEVICE_DRIVERLESS && !device->origin)))
                rule_case_set(rule_case, RULE_STATUS_RELEASED, "somebody reattached it");
}
