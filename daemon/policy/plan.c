/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/plan.h"
#include "policy/consent.h"

static const char *const verb_table[_PLAN_VERB_MAX] = {
                [PLAN_DETACH] = "detach",
                [PLAN_REATTACH] = "reattach",
                [PLAN_SET_VFS] = "set-virtual-functions",
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

static const char *describe_driver(const Binding *binding) {
        return binding->any_driver                   ? "the driver that the kernel chooses"
                        : binding->driver[0] != '\0' ? binding->driver
                                                     : "no driver";
}

const char *plan_step_reason(const Plan *plan, const PlanStep *step, char buffer[static PLAN_REASON_MAX]) {
        const PlanMember *member = &plan->members[step->member];
        const Binding *target = &member->target;
        const char *driver = TEXT_NAME(describe_driver(target));

        switch (step->kind) {
        case STEP_LOCK_NODE:
                (void)snprintf(buffer, PLAN_REASON_MAX,
                                "no virtual machine may hold a device that leaves " PLAN_VFIO_DRIVER);
                break;
        case STEP_CLAIM_DISKS:
                (void)snprintf(buffer, PLAN_REASON_MAX, "nobody may begin to use a disk that leaves the host");
                break;
        case STEP_LOAD_DRIVER:
                (void)snprintf(buffer, PLAN_REASON_MAX, "the kernel needs the driver %s", driver);
                break;
        case STEP_RECORD:
                (void)snprintf(buffer, PLAN_REASON_MAX, "vfiod saves how the device was bound");
                break;
        case STEP_SET_AUTOPROBE:
                (void)snprintf(buffer, PLAN_REASON_MAX, "%s",
                                step->value == 0 ? "no driver of the host may bind to new virtual functions"
                                                 : "new virtual functions get drivers as the host is configured");
                break;
        case STEP_VANISH:
                (void)snprintf(buffer, PLAN_REASON_MAX, "it disappears together with %s",
                                PCI_ADDRESS_TEXT(plan->members[member->parent].address));
                break;
        case STEP_OVERRIDE:
                (void)snprintf(buffer, PLAN_REASON_MAX, "%s%s",
                                target->any_driver || target->driver[0] == '\0' ? "each driver may bind as before"
                                                                                : "only this driver may bind: ",
                                target->any_driver ? "" : TEXT_NAME(target->driver));
                break;
        case STEP_UNBIND:
                (void)snprintf(buffer, PLAN_REASON_MAX, "it leaves its driver%s%s",
                                member->before.driver[0] != '\0' ? " " : "", TEXT_NAME(member->before.driver));
                break;
        case STEP_SET_VFS:
                (void)snprintf(buffer, PLAN_REASON_MAX, "it gets %u virtual functions", step->value);
                break;
        case STEP_SET_LINK:
                (void)snprintf(buffer, PLAN_REASON_MAX, "it gets the MAC address and VLAN that were set for it");
                break;
        case STEP_PROBE:
                (void)snprintf(buffer, PLAN_REASON_MAX, "it gets %s", driver);
                break;
        case STEP_APPEAR:
                (void)snprintf(buffer, PLAN_REASON_MAX, "it is expected back, and gets %s", driver);
                break;
        case STEP_SET_POWER:
                (void)snprintf(buffer, PLAN_REASON_MAX, "power/control and d3cold_allowed are set as they were");
                break;
        case STEP_WAIT_NODE:
                (void)snprintf(buffer, PLAN_REASON_MAX, "a virtual machine uses group %d through /dev/vfio/%d",
                                member->group, member->group);
                break;
        default:
                (void)snprintf(buffer, PLAN_REASON_MAX, "vfiod deletes what it saved about the device");
                break;
        }
        return buffer;
}

static void member_done(PlanMember *member) {
        device_origin_free(member->origin);
        host_name_list_free(member->names);
}

Plan *plan_free(Plan *plan) {
        if (!plan)
                return NULL;
        for (size_t i = 0; i < plan->n_members; i++)
                member_done(&plan->members[i]);
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
                        .address = device->address,
                        .ids = device->ids,
                        .group = device->group ? device->group->number : IOMMU_GROUP_NONE,
                        .parent = PLAN_NO_PARENT,
                        .virtual_function = device->virtual_function,
        };
        binding_set_driver(&member->before, device->driver);
        plan->n_members++;
        if (device_is_ours(device)) {
                r = device_origin_copy(device->origin, &member->origin);
                member->recorded = true;
        }
        for (const HostName *name = device->names; name && r >= 0; name = name->next)
                r = host_name_list_add(&member->names, name->kind, name->name, 0);
        return r < 0 ? r : 0;
}

int plan_find_member(const Plan *plan, PciAddress address) {
        for (size_t i = 0; i < plan->n_members; i++)
                if (!plan->members[i].created && pci_address_equal(plan->members[i].address, address))
                        return (int)i;
        return -1;
}

PciAddress plan_step_address(const Plan *plan, const PlanStep *step) {
        const PlanMember *member = &plan->members[step->member];

        return member->created && member->ids.vendor == 0 ? plan->members[member->parent].address : member->address;
}

int plan_add_value_step(Plan *plan, StepKind kind, size_t member, unsigned value) {
        if (plan->n_steps == plan->n_steps_allocated) {
                size_t wanted = plan->n_steps_allocated ? plan->n_steps_allocated * 2 : 16;
                PlanStep *grown = reallocarray(plan->steps, wanted, sizeof(PlanStep));
                if (!grown)
                        return -ENOMEM;
                plan->steps = grown;
                plan->n_steps_allocated = wanted;
        }
        plan->steps[plan->n_steps++] = (PlanStep){.kind = kind, .member = (unsigned)member, .value = value};
        return 0;
}

int plan_add_step(Plan *plan, StepKind kind, size_t member) {
        return plan_add_value_step(plan, kind, member, 0);
}

int plan_refuse_busy_device(const Device *device, Problem *problem) {
        if (device->activity == DEVICE_WAITED_FOR)
                return problem_set(problem, OUTCOME_STUCK,
                                "An earlier job on %s is stuck in the kernel. It ends when the process that holds the "
                                "device closes it: see 'vfioctl jobs'.",
                                PCI_ADDRESS_TEXT(device->address));
        if (device->activity == DEVICE_WORKED_ON)
                return problem_set(problem, OUTCOME_BUSY, "Another job is changing %s: try again when it is done.",
                                PCI_ADDRESS_TEXT(device->address));
        return 0;
}

int plan_refuse_busy_group(const Group *group, Problem *problem) {
        int r = 0;

        for (size_t i = 0; i < group->n_members && r == 0; i++)
                r = plan_refuse_busy_device(group->members[i], problem);
        return r;
}
