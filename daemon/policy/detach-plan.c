/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "policy/plan.h"
#include "policy/reset-scope.h"

static void append_device(FILE *text, const Device *device, const char *separator) {
        bool in_brackets = device->driver;

        fprintf(text, "%s%s", separator, PCI_ADDRESS_TEXT(device->address));
        if (device->driver)
                fprintf(text, " (%s", TEXT_NAME(device->driver));
        for (const HostName *name = device->names; name; name = name->next) {
                /* Its disks are listed. */
                if (name->kind == HOST_NAME_CONTROLLER)
                        continue;
                fprintf(text, "%s%s", in_brackets ? ", " : " (", TEXT_NAME(name->name));
                in_brackets = true;
        }
        if (in_brackets)
                fputc(')', text);
}

/* Tells whether the device is on a vfio driver already, and not only because of our early udev rule. */
static bool is_taken(const DetachOptions *options, const Device *device) {
        bool early = options->by_rule && device->appeared && device_state(device) == DEVICE_FOREIGN;
        return device_is_on_vfio(device) && !early;
}

/* The devices to which the caller agreed. */
typedef struct Consent {
        bool all;
        Selection *named;
        size_t n_named;
} Consent;

static void consent_done(Consent *consent) {
        free(consent->named);
}

/* Resolves the companions all at once. */
static int read_consent(const Inventory *inventory, const Selection *selection, const DetachOptions *options,
                Consent *ret, Problem *problem) {
        size_t n = 0;

        ret->all = options->whole_group;
        while (options->companions && options->companions[n])
                n++;
        _cleanup_free_ const char **selectors = calloc(n + 1, sizeof(char *));
        ret->named = calloc(n + 1, sizeof(Selection));
        if (!selectors || !ret->named)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (streq(options->companions[i], "*"))
                        ret->all = true;
                else
                        selectors[ret->n_named++] = options->companions[i];
        int r = selector_resolve_all(inventory, selectors, ret->n_named, ret->named, problem);
        for (size_t i = 0; i < ret->n_named && r == 0; i++) {
                /* The caller probably meant another device. */
                if (ret->named[i].group != selection->group)
                        r = problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                        "'%s' is no companion: it is not in IOMMU group %d.", selectors[i],
                                        selection->group->number);
                ret->all = ret->all || !ret->named[i].device;
        }
        return r;
}

static bool is_agreed(const Consent *consent, const Device *device) {
        for (size_t i = 0; i < consent->n_named; i++)
                if (consent->named[i].device == device)
                        return true;
        return consent->all;
}

/* Says that a virtual machine gets only the whole group, for a plan that is only shown. */
static int note_consent(const Selection *selection, const Device *companion, ObstacleList *obstacles) {
        _cleanup_free_ char *name = NULL;
        size_t size;

        FILE *text = open_memstream(&name, &size);
        if (!text)
                return -ENOMEM;
        append_device(text, companion, "");
        if (fclose(text) != 0)
                return -ENOMEM;
        return obstacle_list_add(obstacles, OUTCOME_GROUP_NEEDS_CONSENT, companion->address,
                        "%s is in IOMMU group %d, too, and a virtual machine can use only the whole group", name,
                        selection->group->number);
}

static int check_consent(const Inventory *inventory, const Selection *selection, const DetachOptions *options,
                Problem *problem) {
        _cleanup_(consent_done) Consent consent = {};
        _cleanup_free_ char *list = NULL;
        size_t size, n = 0;

        int r = read_consent(inventory, selection, options, &consent, problem);
        if (r != 0)
                return r;
        FILE *text = open_memstream(&list, &size);
        if (!text)
                return -ENOMEM;
        for (size_t i = 0; i < selection->group->n_members; i++) {
                const Device *device = selection->group->members[i];

                if (device == selection->device || !device->endpoint || is_taken(options, device) ||
                                is_agreed(&consent, device))
                        continue;
                if (options->obstacles && r >= 0)
                        r = note_consent(selection, device, options->obstacles);
                append_device(text, device, n++ > 0 ? ", " : "");
        }
        if (fclose(text) != 0)
                return -ENOMEM;
        if (n == 0 || options->obstacles)
                return r;
        assert(selection->device); /* A caller that names a group agrees to all of it. */
        return problem_set(problem, OUTCOME_GROUP_NEEDS_CONSENT,
                        "%s is in IOMMU group %d together with %s. A virtual machine can use only the whole group. To "
                        "detach them too, use the option 'companions' (vfioctl: --group).",
                        PCI_ADDRESS_TEXT(selection->device->address), selection->group->number, list);
}

/* Checks the selected device and its group, without the host and the other members. */
static int check_named(
                const Selection *selection, const IommuReport *iommu, const DetachOptions *options, Problem *problem) {
        const Device *device = selection->device;

        if (device && !device->present)
                return problem_set(problem, OUTCOME_ALREADY_DETACHED, "%s is detached, and gone from its slot.",
                                PCI_ADDRESS_TEXT(device->address));
        int r = plan_refuse_without_iommu(iommu, problem);
        if (r != 0)
                return r;
        if (device && !device->endpoint)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT,
                                "%s is a bridge: it stays with the host. Name a device behind it.",
                                PCI_ADDRESS_TEXT(device->address));
        assert(device || selection->group);
        if (!selection->group)
                return problem_set(problem, OUTCOME_NO_GROUP,
                                "%s has no IOMMU group, because no IOMMU handles it. A virtual machine cannot use it.",
                                PCI_ADDRESS_TEXT(device->address));
        if (selection->group->no_iommu)
                return problem_set(problem, OUTCOME_NO_IOMMU,
                                "No IOMMU handles the devices of group %d: vfio made this group in its no-IOMMU mode "
                                "(enable_unsafe_noiommu_mode). Programs such as DPDK can use it, but no virtual "
                                "machine can.",
                                selection->group->number);
        if (device && device_state(device) == DEVICE_FOREIGN && is_taken(options, device))
                return problem_set(problem, OUTCOME_FOREIGN,
                                "Another program bound %s to %s. vfiod does not touch it. Use "
                                "the tool that bound it (virsh, driverctl).",
                                PCI_ADDRESS_TEXT(device->address), TEXT_NAME(device->driver));
        if (group_count_endpoints(selection->group) == 0)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT, "Group %d has only bridges: they stay with the host.",
                                selection->group->number);
        return 0;
}

/* vfiod never unbinds a bridge. A bridge on a driver that does DMA for the host makes the group not viable. */
static int check_bridges(const Group *group, ObstacleList *obstacles, Problem *problem) {
        int r = 0;

        for (size_t i = 0; i < group->n_members && r == 0; i++) {
                const Device *device = group->members[i];

                if (device->endpoint || !device_blocks_group(device))
                        continue;
                r = problem_set(problem, OUTCOME_NOT_VIABLE,
                                "No virtual machine could use group %d: its bridge %s is on the driver %s, "
                                "which does DMA for the host. Unbind the bridge first (write its address to "
                                "%s), or prevent at boot that the driver binds to it.",
                                group->number, PCI_ADDRESS_TEXT(device->address), TEXT_NAME(device->driver),
                                DRIVER_UNBIND_TEXT(device->driver));
                if (r > 0 && obstacles)
                        r = obstacle_list_take(obstacles, device->address, problem);
        }
        return r;
}

/* Adds a finding if the PF of this VF is detached, or a job changes it: the VF will vanish with it. */
static int find_leaving_parent(const Inventory *inventory, const Device *vf, Plan *plan) {
        const Device *pf = vf->virtual_function ? inventory_find_device(inventory, device_physical_function(vf)) : NULL;
        char evidence[160];

        if (!pf || (pf->activity == DEVICE_QUIET && !device_is_on_vfio(pf)) || plan_find_member(plan, pf->address) >= 0)
                return 0;
        (void)snprintf(evidence, sizeof(evidence), "its physical function %s is %s, and this device vanishes with it",
                        PCI_ADDRESS_TEXT(pf->address), device_state_to_string(device_state(pf)));
        return finding_list_add(&plan->findings, GUARD_VIRTUAL_FUNCTIONS, vf->address, evidence);
}

/* Adds a finding if the device, which vanishes with its parent, has a driver: then it is in use. */
static int find_vanishing(const Device *device, PciAddress parent, Plan *plan) {
        char evidence[TEXT_ESCAPED_MAX(NAME_MAX) + 80];

        if (!device->driver)
                return 0;
        (void)snprintf(evidence, sizeof(evidence), "%s %s%s vanishes with it, and is on %s",
                        device->virtual_function ? "its virtual function" : "the device",
                        PCI_ADDRESS_TEXT(device->address), device->virtual_function ? "" : " behind it",
                        TEXT_NAME(device->driver));
        return finding_list_add(&plan->findings, GUARD_VIRTUAL_FUNCTIONS, parent, evidence);
}

/* Adds a device of another group that vanishes with a member. */
static int add_vanishing(const Device *device, int parent, Plan *plan, Problem *problem) {
        PlanMember *member;

        int r = plan_refuse_busy_device(device, problem);
        if (r != 0 || (r = plan_add_member(plan, device, &member)) < 0)
                return r;
        member->parent = parent;
        return find_vanishing(device, plan->members[parent].address, plan);
}

/* Finds the members that vanish with another member, and adds the devices of other groups that vanish with a member. */
static int add_dependent_members(const Inventory *inventory, Plan *plan, Problem *problem) {
        int n_moved = (int)plan->n_members, r = 0;
        size_t n;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n && r == 0; i++) {
                const Device *device = devices[i];

                if (!device->present || !device->endpoint)
                        continue;
                int parent = device->virtual_function ? plan_find_member(plan, device_physical_function(device)) : -1;
                if ((parent < 0 || parent >= n_moved) && device->behind_controller)
                        parent = plan_find_member(plan, device->controller);
                if (parent < 0 || parent >= n_moved)
                        continue;
                int index = plan_find_member(plan, device->address);
                if (index >= 0)
                        plan->members[index].parent = parent;
                else
                        r = add_vanishing(device, parent, plan, problem);
        }
        return r;
}

/* Adds the endpoints of the group that are still with the host. */
static int add_group_members(Plan *plan, const Group *group, const DetachOptions *options, Problem *problem) {
        bool foreign = false;
        PlanMember *member;

        for (size_t i = 0; i < group->n_members; i++) {
                foreign = foreign || device_state(group->members[i]) == DEVICE_FOREIGN;
                if (!group->members[i]->endpoint || is_taken(options, group->members[i]))
                        continue;
                int r = plan_add_member(plan, group->members[i], &member);
                if (r < 0)
                        return r;
        }
        if (plan->n_members > 0)
                return 0;
        return problem_set(problem, group_state(group) == GROUP_FOREIGN ? OUTCOME_FOREIGN : OUTCOME_ALREADY_DETACHED,
                        "All devices of group %d are already on a vfio driver%s.", group->number,
                        foreign ? "; another program bound some of them" : "");
}

/* The named device gets the driver that the caller named. Its companions may need others. */
static int name_driver(Plan *plan, const Selection *selection, const DetachOptions *options) {
        int r = 0;

        for (size_t i = 0; i < plan->n_members && options->driver && r >= 0; i++)
                if (!selection->device || pci_address_equal(plan->members[i].address, selection->device->address))
                        r = plan_name_driver(&plan->members[i], options->driver);
        return r;
}

int plan_detach(const Inventory *inventory, const Selection *selection, const IommuReport *iommu,
                const DetachOptions *options, Plan **ret, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        const Group *group = selection->group;
        int r;

        if ((r = check_named(selection, iommu, options, problem)) != 0 ||
                        (r = plan_refuse_busy_group(group, problem)) != 0 ||
                        (r = plan_new(PLAN_DETACH, group->number, 0, &plan)) < 0 ||
                        (r = add_group_members(plan, group, options, problem)) != 0 ||
                        (r = check_consent(inventory, selection, options, problem)) != 0 ||
                        (r = check_bridges(group, options->obstacles, problem)) != 0)
                return r;
        if ((r = name_driver(plan, selection, options)) < 0)
                return r;
        plan->overrides = options->overrides;
        plan->by_rule = options->by_rule;
        plan->selected = selection->device ? selection->device->address : plan->members[0].address;
        plan_sort_members(plan, true);
        if ((r = add_dependent_members(inventory, plan, problem)) != 0)
                return r;
        for (size_t i = 0; i < plan->n_members; i++) {
                const Device *device = inventory_find_device(inventory, plan->members[i].address);

                if ((r = find_leaving_parent(inventory, device, plan)) < 0)
                        return r;
        }
        if ((iommu->warning[0] != '\0' && (r = plan_add_warning(plan, "%s", iommu->warning)) < 0) ||
                        (r = reset_scope_warn(inventory, plan)) < 0 || (r = plan_add_all_steps(plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

/* A survey of all groups. */

static const DetachOptions no_options = {};

/* Adds the members of one group, or what stands against it. */
static int survey_group(const Group *group, Plan *plan, ObstacleList *obstacles) {
        _cleanup_problem_ Problem problem = {};
        PciAddress first = {};
        size_t n_before = plan->n_members, n_endpoints = 0;
        PlanMember *member;
        int r;

        for (size_t i = 0; i < group->n_members; i++) {
                const Device *device = group->members[i];

                if ((r = plan_refuse_busy_device(device, &problem)) != 0)
                        return r < 0 ? r : obstacle_list_take(obstacles, device->address, &problem);
                if (device->endpoint && n_endpoints++ == 0)
                        first = device->address;
        }
        if (n_endpoints == 0 || group->no_iommu)
                return 0;
        for (size_t i = 0; i < group->n_members; i++)
                if (group->members[i]->endpoint && !is_taken(&no_options, group->members[i]) &&
                                (r = plan_add_member(plan, group->members[i], &member)) < 0)
                        return r;
        if ((r = check_bridges(group, obstacles, &problem)) < 0 || plan->n_members > n_before)
                return r;
        switch (group_state(group)) {
        case GROUP_LEASED: /* The caller knows the lease. */
                return 0;
        case GROUP_FOREIGN:
                return obstacle_list_add(obstacles, OUTCOME_FOREIGN, first,
                                "Another program bound the devices of group %d to vfio drivers", group->number);
        default:
                return obstacle_list_add(obstacles, OUTCOME_ALREADY_DETACHED, first,
                                "All devices of group %d are already on a vfio driver", group->number);
        }
}

/* Whether a survey has the device as a member. */
static bool is_surveyed(const Device *device) {
        return device->present && device->endpoint && device->group && !device->group->no_iommu &&
                        device->activity == DEVICE_QUIET && !is_taken(&no_options, device);
}

/* Finds what vanishes with the device's parent, or that the device itself vanishes with a PF that is leaving. */
static int survey_dependence(const Inventory *inventory, const Device *device, Plan *plan) {
        const Device *parent = NULL;
        int r;

        if (!device->present || !device->endpoint)
                return 0;
        if (is_surveyed(device) && (r = find_leaving_parent(inventory, device, plan)) < 0)
                return r;
        if (device->virtual_function)
                parent = inventory_find_device(inventory, device_physical_function(device));
        if ((!parent || !is_surveyed(parent)) && device->behind_controller)
                parent = inventory_find_device(inventory, device->controller);
        if (!parent || !is_surveyed(parent) || parent->group == device->group)
                return 0;
        return find_vanishing(device, parent->address, plan);
}

int plan_survey(const Inventory *inventory, ObstacleList *obstacles, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        size_t n_groups, n_devices;

        Group *const *groups = inventory_groups(inventory, &n_groups);
        Device *const *devices = inventory_devices(inventory, &n_devices);
        int r = plan_new(PLAN_DETACH, IOMMU_GROUP_NONE, 0, &plan);
        for (size_t i = 0; i < n_groups && r >= 0; i++)
                r = survey_group(groups[i], plan, obstacles);
        for (size_t i = 0; i < n_devices && r >= 0; i++)
                r = survey_dependence(inventory, devices[i], plan);
        if (r < 0)
                return r;
        plan->only_plan = true;
        *ret = TAKE_PTR(plan);
        return 0;
}
