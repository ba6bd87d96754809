/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-plan.h"
#include "kernel/uevents.h"
#include "policy/vf-plan.h"
#include "rule/network-watch.h"

#define CLASS_NETWORK 0x02

/* A network driver has created its interface by then, or creates none. */
#define INTERFACE_PATIENCE_US UINT64_C(2000000)

/* udev has evaluated its rules for a device by then, or does not run. */
#define UDEV_PATIENCE_US UINT64_C(10000000)

/* udev may have processed an event this much earlier than vfiod. */
#define UDEV_AHEAD_US UINT64_C(3000000)

const Rule *rule_plan_find(const RuleKeeper *keeper, const Device *device, const Rule **ret_other) {
        char path[PCI_PATH_MAX] = "";

        if (keeper->book->has_paths)
                (void)pci_device_read_path(keeper->parts.kernel, device->address, path);
        return rule_book_match(keeper->book, device, path, ret_other);
}

const Rule *rule_plan_rule_of(const RuleKeeper *keeper, const RuleCase *rule_case) {
        const RuleFile *file = rule_case->rule ? rule_book_find(keeper->book, rule_case->rule) : NULL;
        return file ? file->rule : NULL;
}

const Rule *rule_plan_find_in_group(const RuleKeeper *keeper, const Device *device) {
        for (size_t i = 0; device->endpoint && device->group && i < device->group->n_members; i++) {
                const Device *member = device->group->members[i];
                const RuleCase *rule_case = rule_case_find(&keeper->cases, member->address);
                const Rule *rule = NULL;

                /* Find the rule again, because its text may have changed since the case was created. */
                if (member != device && rule_case && rule_case->status == RULE_STATUS_APPLIED)
                        rule = rule_plan_find(keeper, member, NULL);
                if (rule && streq_ptr(rule_case->rule, rule->name) && rule->virtual_functions == 0 &&
                                rule_takes_along(rule, device->address))
                        return rule;
        }
        return NULL;
}

bool rule_plan_is_detached(const RuleKeeper *keeper, const Device *device) {
        return device_is_ours(device) && !state_find_transaction_of(keeper->parts.state, device->address);
}

bool rule_plan_is_changing(const RuleKeeper *keeper, const Device *device) {
        const Device *physical = device->virtual_function
                        ? inventory_find_device(keeper->parts.inventory, device_physical_function(device))
                        : NULL;
        return device->activity != DEVICE_QUIET || (physical && physical->activity != DEVICE_QUIET);
}

static bool has_interface(const Device *device) {
        for (const HostName *name = device->names; name; name = name->next)
                if (name->kind == HOST_NAME_NETWORK)
                        return true;
        return false;
}

bool rule_plan_awaits_interface(const RuleCase *rule_case, const Device *device, uint64_t now, uint64_t *ret_until) {
        uint64_t until = rule_case->plugged_us + INTERFACE_PATIENCE_US;
        bool network = device->ids.class >> 16 == CLASS_NETWORK && device->driver && !device_is_on_vfio(device);

        if (!network || has_interface(device) || !rule_case->hotplugged || now >= until)
                return false;
        *ret_until = until;
        return true;
}

bool rule_plan_udev_is_done(const RuleKeeper *keeper, const RuleCase *rule_case, uint64_t now) {
        uint64_t plugged = rule_case->plugged_us, since = plugged > UDEV_AHEAD_US ? plugged - UDEV_AHEAD_US : 0;

        return now > plugged + UDEV_PATIENCE_US || udev_database_has(keeper->udev_database, rule_case->address, since);
}

static bool is_network(const Device *device) {
        return device->present && !device_is_on_vfio(device) &&
                        (device->ids.class >> 16 == CLASS_NETWORK || has_interface(device));
}

bool rule_plan_awaits_network(const RuleKeeper *keeper, const Device *device) {
        if (!keeper->network || network_watch_is_online(keeper->network))
                return false;
        bool awaits = is_network(device);
        for (size_t i = 0; !awaits && device->group && i < device->group->n_members; i++)
                awaits = is_network(device->group->members[i]);
        return awaits;
}

bool rule_plan_waits_long(const RuleKeeper *keeper, const Device *device) {
        return device->leased || device->activity == DEVICE_WAITED_FOR || rule_plan_awaits_network(keeper, device);
}

void rule_plan_note_companions(RuleKeeper *keeper, PciAddress address) {
        const Device *device = inventory_find_device(keeper->parts.inventory, address);
        const RuleCase *taken = rule_case_find(&keeper->cases, address);
        const Rule *rule = taken ? rule_plan_rule_of(keeper, taken) : NULL;

        if (!rule || rule->virtual_functions > 0 || !device || !device->group)
                return;
        for (size_t i = 0; i < device->group->n_members; i++) {
                const Device *member = device->group->members[i];

                if (device_state(member) != DEVICE_DETACHED || !rule_takes_along(rule, member->address) ||
                                rule_case_find(&keeper->cases, member->address))
                        continue;
                RuleCase *rule_case = rule_case_obtain(&keeper->cases, member->address, rule->name);
                if (!rule_case)
                        return;
                rule_case->incarnation = member->incarnation;
                rule_case_set(rule_case, RULE_STATUS_APPLIED, NULL);
        }
}

/* Tells whether the member may be detached as a companion: the rule agrees to it, it matches a rule of its own, or
 * vfiod had detached it before. Never if somebody has reattached it since. */
static bool may_be_companion(const RuleKeeper *keeper, const Rule *rule, const Device *member) {
        const RuleCase *rule_case = rule_case_find(&keeper->cases, member->address);

        if (rule_case && rule_case->status == RULE_STATUS_RELEASED)
                return false;
        return (rule && rule_takes_along(rule, member->address)) || rule_plan_is_detached(keeper, member) ||
                        rule_plan_find(keeper, member, NULL);
}

/* Tells whether the device was plugged in, and the keeper has not decided about it yet. */
static bool is_hotplugged(const RuleKeeper *keeper, PciAddress address) {
        const Device *device = inventory_find_device(keeper->parts.inventory, address);
        const RuleCase *rule_case = rule_case_find(&keeper->cases, address);

        return (device && device->appeared) ||
                        (rule_case && rule_case->hotplugged && rule_case->status == RULE_STATUS_WAITING);
}

/* The vfio driver that a rule names for the device, or that the caller named who detached it. NULL: the worker chooses. */
static const char *find_driver(const RuleKeeper *keeper, const Rule *rule, const Device *device) {
        if (!rule)
                return rule_plan_is_detached(keeper, device) ? device->origin->vfio_driver : NULL;
        return rule->driver;
}

/* Each member may have a rule of its own. */
static int name_drivers(const RuleKeeper *keeper, const Rule *rule, const Device *selected, Plan *plan) {
        int r = 0;

        for (size_t i = 0; i < plan->n_members && r >= 0; i++) {
                PlanMember *member = &plan->members[i];
                const Device *device = inventory_find_device(keeper->parts.inventory, member->address);

                if (device && plan_binds_vfio(plan, member))
                        r = plan_name_driver(member,
                                        find_driver(keeper,
                                                        device == selected ? rule
                                                                           : rule_plan_find(keeper, device, NULL),
                                                        device));
        }
        return r;
}

static int make_detach_plan(const RuleKeeper *keeper, const Rule *rule, Device *device, const IommuReport *iommu,
                Plan **ret, Problem *problem) {
        const Group *group = device->group;
        size_t n = group ? group->n_members : 0, n_companions = 0;

        _cleanup_free_ const char **companions = calloc(n + 1, sizeof(char *));
        _cleanup_free_ char(*texts)[PCI_ADDRESS_TEXT_MAX] = calloc(n + 1, PCI_ADDRESS_TEXT_MAX);
        if (!companions || !texts)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (group->members[i] != device && may_be_companion(keeper, rule, group->members[i])) {
                        companions[n_companions] = pci_address_format(group->members[i]->address, texts[n_companions]);
                        n_companions++;
                }
        DetachOptions options = {.companions = companions, .overrides = rule ? rule->overrides : 0, .by_rule = true};
        int r = plan_detach(keeper->parts.inventory, &(Selection){.device = device, .group = device->group}, iommu,
                        &options, ret, problem);
        for (size_t i = 0; r == 0 && i < (*ret)->n_members; i++)
                (*ret)->members[i].appeared = is_hotplugged(keeper, (*ret)->members[i].address);
        if (r == 0 && (r = name_drivers(keeper, rule, device, *ret)) < 0)
                *ret = plan_free(*ret);
        return r;
}

int rule_plan_make(const RuleKeeper *keeper, const RuleCase *rule_case, Device *device, Plan **ret, Problem *problem) {
        const Rule *rule = rule_plan_rule_of(keeper, rule_case);
        IommuReport iommu;

        iommu_examine(keeper->parts.kernel, &iommu);
        if (!rule || rule->virtual_functions == 0)
                return make_detach_plan(keeper, rule, device, &iommu, ret, problem);
        VfOptions options = {
                        .fate = VFS_DETACHED, .driver = rule->driver, .overrides = rule->overrides, .iommu = &iommu};
        return vf_plan_new(keeper->parts.inventory, device, rule->virtual_functions, &options, ret, problem);
}
