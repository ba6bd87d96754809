/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/plan.h"
#include "policy/consent.h"

static const char *const verb_table[_PLAN_VERB_MAX] = {
                [PLAN_DETACH] = "detach",
                [PLAN_REATTACH] = "reattach",
                [PLAN_SET_FUNCTIONS] = "set-virtual-functions",
};

const char *plan_verb_to_string(PlanVerb verb) {
        return verb_table[verb];
}

PlanVerb plan_verb_from_string(const char *text) {
        for (PlanVerb verb = 0; verb < _PLAN_VERB_MAX; verb++)
                if (streq(text, verb_table[verb]))
                        return verb;
        return _PLAN_VERB_INVALID;
}

static const char *const step_table[_STEP_KIND_MAX] = {
                [STEP_LOCK_NODE] = "lock-node",
                [STEP_LOAD_DRIVER] = "load-driver",
                [STEP_OVERRIDE] = "override",
                [STEP_UNBIND] = "unbind",
                [STEP_RESTORE_LINK] = "restore-link",
                [STEP_PROBE] = "probe",
                [STEP_RESTORE_POWER] = "restore-power",
                [STEP_WAIT_NODE] = "wait-node",
                [STEP_SET_AUTOPROBE] = "set-autoprobe",
                [STEP_REMOVE_FUNCTIONS] = "remove-functions",
                [STEP_CREATE_FUNCTIONS] = "create-functions",
                [STEP_DETACH_FUNCTION] = "detach-function",
                [STEP_RESTORE_AUTOPROBE] = "restore-autoprobe",
};

const char *step_kind_to_string(StepKind kind) {
        return step_table[kind];
}

const char *plan_step_reason(const Plan *plan, const PlanStep *step, char buffer[static PLAN_REASON_MAX]) {
        const PlanMember *member = &plan->members[step->member];
        const DeviceOrigin *origin = plan->verb == PLAN_REATTACH ? member->origin : NULL;
        const char *driver = origin ? origin->driver : PLAN_VFIO_DRIVER;

        switch (step->kind) {
        case STEP_LOCK_NODE:
                (void)snprintf(buffer, PLAN_REASON_MAX, "no virtual machine may have group %d", plan->group);
                break;
        case STEP_LOAD_DRIVER:
                (void)snprintf(buffer, PLAN_REASON_MAX, "%s must be there", TEXT_NAME(driver));
                break;
        case STEP_OVERRIDE:
                (void)snprintf(buffer, PLAN_REASON_MAX, "only %s may bind",
                                driver ? TEXT_NAME(driver) : "what its override names");
                break;
        case STEP_UNBIND:
                (void)snprintf(buffer, PLAN_REASON_MAX, "it leaves %s",
                                isempty(member->driver) ? "what driver it may have got" : TEXT_NAME(member->driver));
                break;
        case STEP_RESTORE_LINK:
                (void)snprintf(buffer, PLAN_REASON_MAX, "the MAC address and VLAN that were set for it");
                break;
        case STEP_PROBE:
                (void)snprintf(buffer, PLAN_REASON_MAX, "%s%s", driver ? "it binds to " : "it stays without a driver",
                                TEXT_NAME(driver));
                break;
        case STEP_RESTORE_POWER:
                (void)snprintf(buffer, PLAN_REASON_MAX, "power/control and d3cold_allowed as they were");
                break;
        default:
                (void)snprintf(buffer, PLAN_REASON_MAX, "a guest takes group %d through /dev/vfio/%d", plan->group,
                                plan->group);
                break;
        }
        return buffer;
}

void plan_member_done(PlanMember *member) {
        device_origin_free(member->origin);
        host_name_list_free(member->names);
        *member = (PlanMember){};
}

Plan *plan_free(Plan *plan) {
        if (!plan)
                return NULL;
        for (size_t i = 0; i < plan->n_members; i++)
                plan_member_done(&plan->members[i]);
        free(plan->members);
        free(plan->steps);
        finding_list_done(&plan->findings);
        free(plan);
        return NULL;
}

int plan_new(PlanVerb verb, int group, size_t n_members, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = calloc(1, sizeof(Plan));
        if (!plan)
                return -ENOMEM;
        plan->verb = verb;
        plan->group = group;
        plan->members = calloc(n_members > 0 ? n_members : 1, sizeof(PlanMember));
        if (!plan->members)
                return -ENOMEM;
        *ret = TAKE_PTR(plan);
        return 0;
}

int plan_add_member(Plan *plan, const Device *device) {
        PlanMember *member = &plan->members[plan->n_members];
        int r = 0;

        *member = (PlanMember){
                        .address = device->address, .ids = device->ids, .virtual_function = device->virtual_function};
        (void)snprintf(member->driver, sizeof(member->driver), "%s", strempty(device->driver));
        plan->n_members++;
        if (device_is_ours(device))
                r = device_origin_copy(device->origin, &member->origin);
        for (const HostName *name = device->names; name && r >= 0; name = name->next)
                r = host_name_list_add(&member->names, name->kind, name->name, 0);
        return r < 0 ? r : 0;
}

int plan_add_step(Plan *plan, StepKind kind, size_t member) {
        if (plan->n_steps == plan->n_steps_allocated) {
                size_t wanted = plan->n_steps_allocated ? plan->n_steps_allocated * 2 : 16;
                PlanStep *grown = reallocarray(plan->steps, wanted, sizeof(PlanStep));
                if (!grown)
                        return -ENOMEM;
                plan->steps = grown;
                plan->n_steps_allocated = wanted;
        }
        plan->steps[plan->n_steps++] = (PlanStep){kind, member};
        return 0;
}

/* One kind of step for each member, before the next kind begins: the override is on all before any is unbound, and all are
 * unbound before any is probed. */
static int add_pass(Plan *plan, StepKind kind) {
        for (size_t i = 0; i < plan->n_members; i++) {
                int r = plan_add_step(plan, kind, i);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Virtual functions leave before their physical function, and higher functions before .0; they come back the other way. */
static int compare_leaving(const void *a, const void *b) {
        const PlanMember *x = a, *y = b;
        uint64_t key_x = pci_address_key(x->address), key_y = pci_address_key(y->address);

        if (x->virtual_function != y->virtual_function)
                return x->virtual_function ? -1 : 1;
        return key_x > key_y ? -1 : key_x < key_y;
}

static int compare_coming(const void *a, const void *b) {
        return compare_leaving(b, a);
}

static int refuse_worked_on(const Group *group, Problem *problem) {
        for (size_t i = 0; i < group->n_members; i++) {
                const Device *device = group->members[i];

                if (device->activity == DEVICE_WAITED_FOR)
                        return problem_set(problem, OUTCOME_STUCK,
                                        "%s is stuck in the kernel since an earlier job: that job must end first, by "
                                        "whatever "
                                        "holds the device letting go of it.",
                                        PCI_ADDRESS_TEXT(device->address));
                if (device->activity == DEVICE_WORKED_ON)
                        return problem_set(problem, OUTCOME_BUSY,
                                        "Another job is at work on group %d: try again when it is done.",
                                        group->number);
        }
        return 0;
}

static void append_device(FILE *text, const Device *device, const char *separator) {
        fprintf(text, "%s%s", separator, PCI_ADDRESS_TEXT(device->address));
        if (device->driver)
                fprintf(text, " (%s", TEXT_NAME(device->driver));
        for (const HostName *name = device->names; name; name = name->next)
                fprintf(text, "%s%s", device->driver || name != device->names ? ", " : " (", TEXT_NAME(name->name));
        if (device->driver || device->names)
                fputc(')', text);
}

/* Whether nothing is to be done about it. */
static bool is_taken(const DetachOptions *options, const Device *device) {
        bool early = options->by_rule && device->appeared && device_state(device) == DEVICE_FOREIGN;
        return device_is_on_vfio(device) && !early;
}

/* Every member that would go along must have been agreed to. */
static int check_consent(const Inventory *inventory, const Selection *selection, const DetachOptions *options,
                Problem *problem) {
        _cleanup_(consent_done) Consent consent = {};
        _cleanup_free_ char *list = NULL;
        size_t size, n = 0;

        int r = consent_read(inventory, selection, options->companions, &consent, problem);
        if (r != 0)
                return r;
        FILE *text = open_memstream(&list, &size);
        if (!text)
                return -ENOMEM;
        for (size_t i = 0; i < selection->group->n_members; i++) {
                const Device *device = selection->group->members[i];

                if (device != selection->device && device->endpoint && !is_taken(options, device) &&
                                !options->whole_group && !consent_covers(&consent, device))
                        append_device(text, device, n++ > 0 ? ", " : "");
        }
        if (fclose(text) != 0)
                return -ENOMEM;
        if (n == 0)
                return 0;
        assert(selection->device); /* one that names a group consents to all of it */
        return problem_set(problem, OUTCOME_GROUP_NEEDS_CONSENT,
                        "%s is in IOMMU group %d together with %s: a guest can only have all of them. Agree to it with "
                        "the option 'companions' (vfioctl: --group).",
                        PCI_ADDRESS_TEXT(selection->device->address), selection->group->number, list);
}

/* What stands in the way of the named device itself. */
static int check_named(
                const Selection *selection, const IommuReport *iommu, const DetachOptions *options, Problem *problem) {
        const Device *device = selection->device;

        if (device && !device->present)
                return problem_set(problem, OUTCOME_ALREADY_DETACHED, "%s is detached, and gone from its slot.",
                                PCI_ADDRESS_TEXT(device->address));
        if (iommu->state != IOMMU_ON)
                return problem_set(problem, OUTCOME_NO_IOMMU, "No device can be given to a guest: the IOMMU is %s. %s",
                                iommu_state_to_string(iommu->state), iommu->reason);
        if (device && !device->endpoint)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT,
                                "%s is a bridge: it stays with the host. Name a device behind it.",
                                PCI_ADDRESS_TEXT(device->address));
        assert(device || selection->group);
        if (!selection->group)
                return problem_set(problem, OUTCOME_NO_GROUP,
                                "%s is in no IOMMU group: the IOMMU does not cover it, so it cannot be given to a "
                                "guest.",
                                PCI_ADDRESS_TEXT(device->address));
        if (device && device_state(device) == DEVICE_FOREIGN && is_taken(options, device))
                return problem_set(problem, OUTCOME_FOREIGN,
                                "%s is on %s already, but vfiod did not put it there: it is left alone. Give it back "
                                "with the tool that took it (virsh, driverctl).",
                                PCI_ADDRESS_TEXT(device->address), TEXT_NAME(device->driver));
        if (group_count_endpoints(selection->group) == 0)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT, "Group %d has only bridges: they stay with the host.",
                                selection->group->number);
        return 0;
}

/* A bridge is never moved, so one on a driver that does DMA for the host would keep the group from every guest. */
static int check_bridges(const Group *group, Problem *problem) {
        for (size_t i = 0; i < group->n_members; i++) {
                const Device *device = group->members[i];

                if (!device->endpoint && device_blocks_group(device))
                        return problem_set(problem, OUTCOME_NOT_VIABLE,
                                        "No guest could take group %d: its bridge %s is on the driver %s, which keeps "
                                        "DMA for the host. "
                                        "Take the bridge from that driver first (write its address to %s), "
                                        "or keep the driver from it at boot.",
                                        group->number, PCI_ADDRESS_TEXT(device->address), TEXT_NAME(device->driver),
                                        DRIVER_UNBIND_TEXT(device->driver));
        }
        return 0;
}

/* Most drivers take the virtual functions along when they leave the physical one. */
static int find_virtual_functions(const Inventory *inventory, const Device *physical, Plan *plan) {
        size_t n;
        int r = 0;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; physical->virtual_functions_max > 0 && i < n && r >= 0; i++) {
                char evidence[128];

                if (!devices[i]->virtual_function || !devices[i]->driver ||
                                !pci_address_equal(devices[i]->physical_function, physical->address))
                        continue;
                (void)snprintf(evidence, sizeof(evidence), "its virtual function %s would vanish, and is on %s",
                                PCI_ADDRESS_TEXT(devices[i]->address), TEXT_NAME(devices[i]->driver));
                r = finding_list_add(&plan->findings, GUARD_VIRTUAL_FUNCTIONS, physical->address, evidence);
        }
        return r;
}

/* A virtual function whose physical function is on its way out is about to vanish. */
static int find_leaving_parent(const Inventory *inventory, const Device *virtual, Plan *plan) {
        const Device *physical = virtual->virtual_function
                        ? inventory_find_device(inventory, virtual->physical_function)
                        : NULL;
        char evidence[128];

        if (!physical || (physical->activity == DEVICE_QUIET && !device_is_on_vfio(physical)))
                return 0;
        (void)snprintf(evidence, sizeof(evidence), "its physical function %s is %s, and it would vanish with it",
                        PCI_ADDRESS_TEXT(physical->address), device_state_to_string(device_state(physical)));
        return finding_list_add(&plan->findings, GUARD_VIRTUAL_FUNCTIONS, virtual->address, evidence);
}

int plan_detach(const Inventory *inventory, const Selection *selection, const IommuReport *iommu,
                const DetachOptions *options, Plan **ret, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        const Group *group = selection->group;
        int r;

        if ((r = check_named(selection, iommu, options, problem)) != 0 || (r = refuse_worked_on(group, problem)) != 0)
                return r;
        if ((r = plan_new(PLAN_DETACH, group->number, group->n_members, &plan)) < 0)
                return r;
        bool foreign = false;
        for (size_t i = 0; i < group->n_members; i++) {
                foreign = foreign || device_state(group->members[i]) == DEVICE_FOREIGN;
                if (!group->members[i]->endpoint || is_taken(options, group->members[i]))
                        continue;
                if ((r = plan_add_member(plan, group->members[i])) < 0 ||
                                (r = find_virtual_functions(inventory, group->members[i], plan)) < 0 ||
                                (r = find_leaving_parent(inventory, group->members[i], plan)) < 0)
                        return r;
        }
        if (plan->n_members == 0)
                return problem_set(problem,
                                group_state(group) == GROUP_FOREIGN ? OUTCOME_FOREIGN : OUTCOME_ALREADY_DETACHED,
                                "Nothing is left to detach in group %d: all its devices are on a vfio driver%s.",
                                group->number, foreign ? ", some of them not by vfiod" : "");
        if ((r = check_consent(inventory, selection, options, problem)) != 0 ||
                        (r = check_bridges(group, problem)) != 0)
                return r;

        plan->overrides = options->overrides;
        plan->selected = selection->device ? selection->device->address : plan->members[0].address;
        qsort(plan->members, plan->n_members, sizeof(PlanMember), compare_leaving);
        if ((r = plan_add_step(plan, STEP_LOAD_DRIVER, 0)) < 0 || (r = add_pass(plan, STEP_OVERRIDE)) < 0 ||
                        (r = add_pass(plan, STEP_UNBIND)) < 0 || (r = add_pass(plan, STEP_PROBE)) < 0 ||
                        (r = plan_add_step(plan, STEP_WAIT_NODE, 0)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

static int add_reattach_steps(Plan *plan) {
        int r;

        qsort(plan->members, plan->n_members, sizeof(PlanMember), compare_coming);
        if (!plan->force && (r = plan_add_step(plan, STEP_LOCK_NODE, 0)) < 0)
                return r;
        for (size_t i = 0; i < plan->n_members; i++)
                if (plan->members[i].origin->driver && (r = plan_add_step(plan, STEP_LOAD_DRIVER, i)) < 0)
                        return r;
        if ((r = add_pass(plan, STEP_OVERRIDE)) < 0 || (r = add_pass(plan, STEP_UNBIND)) < 0)
                return r;
        for (size_t i = 0; i < plan->n_members; i++)
                if (plan->members[i].origin->link.known && (r = plan_add_step(plan, STEP_RESTORE_LINK, i)) < 0)
                        return r;
        if ((r = add_pass(plan, STEP_PROBE)) < 0)
                return r;
        for (size_t i = 0; i < plan->n_members; i++) {
                const PowerSettings *power = &plan->members[i].origin->power;
                if ((power->control[0] != '\0' || power->d3cold_known) &&
                                (r = plan_add_step(plan, STEP_RESTORE_POWER, i)) < 0)
                        return r;
        }
        return 0;
}

static int refuse_not_ours(const Device *device, const Group *group, Problem *problem) {
        assert(device || group);
        if (!device)
                return problem_set(problem,
                                group_state(group) == GROUP_FOREIGN ? OUTCOME_FOREIGN : OUTCOME_NOT_DETACHED,
                                "There is nothing to give back in group %d: none of its devices is on vfio-pci by "
                                "vfiod.",
                                group->number);
        if (device->origin)
                return problem_set(problem, OUTCOME_IDENTITY_CHANGED,
                                "Another card is at %s now (%04x:%04x) than the one that vfiod detached there "
                                "(%04x:%04x): it is left "
                                "alone.",
                                PCI_ADDRESS_TEXT(device->address), device->ids.vendor, device->ids.device,
                                device->origin->ids.vendor, device->origin->ids.device);
        if (device_is_on_vfio(device))
                return problem_set(problem, OUTCOME_FOREIGN,
                                "%s is on %s, but vfiod did not put it there: it is left alone. Give it back with the "
                                "tool that took it (virsh, driverctl).",
                                PCI_ADDRESS_TEXT(device->address), TEXT_NAME(device->driver));
        return problem_set(problem, OUTCOME_NOT_DETACHED, "%s is not detached: it is %s%s.",
                        PCI_ADDRESS_TEXT(device->address),
                        device->driver ? "on the host's driver " : "without a driver", TEXT_NAME(device->driver));
}

/* Takes a device along that somebody else put on a vfio driver: nobody knows what it had before. */
static int adopt_member(Plan *plan, const Device *device) {
        int r = plan_add_member(plan, device);
        if (r < 0)
                return r;
        PlanMember *member = &plan->members[plan->n_members - 1];
        member->origin = calloc(1, sizeof(DeviceOrigin));
        if (!member->origin)
                return -ENOMEM;
        member->origin->ids = device->ids;
        member->origin->any_driver = true;
        return 0;
}

int plan_reattach(const Selection *selection, const ReattachOptions *options, Plan **ret, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        const Group *group = selection->group;
        int r;

        if (selection->device && !selection->device->present)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "%s is detached, and gone from its slot: there is nothing to give back until it "
                                "returns.",
                                PCI_ADDRESS_TEXT(selection->device->address));
        if (!group)
                return refuse_not_ours(selection->device, NULL, problem);
        if ((r = refuse_worked_on(group, problem)) != 0)
                return r;
        if ((r = plan_new(PLAN_REATTACH, group->number, group->n_members, &plan)) < 0)
                return r;
        for (size_t i = 0; i < group->n_members; i++) {
                const Device *device = group->members[i];

                if (device_is_ours(device))
                        r = plan_add_member(plan, device);
                else if (options->adopt && device_state(device) == DEVICE_FOREIGN)
                        r = adopt_member(plan, device);
                if (r < 0)
                        return r;
        }
        const Device *named = selection->device;
        bool meant = !named || device_is_ours(named) || (options->adopt && device_state(named) == DEVICE_FOREIGN);
        if (plan->n_members == 0 || !meant)
                return refuse_not_ours(named, group, problem);
        plan->force = options->force;
        plan->selected = named ? named->address : plan->members[0].address;

        if ((r = add_reattach_steps(plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

int plan_restore(int group, PlanMember *members, size_t n_members, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        if ((r = plan_new(PLAN_REATTACH, group, n_members, &plan)) < 0)
                return r;
        for (size_t i = 0; i < n_members; i++) {
                plan->members[plan->n_members++] = members[i];
                members[i] = (PlanMember){};
        }
        if ((r = add_reattach_steps(plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}
