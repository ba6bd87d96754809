/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/plan.h"
#include "kernel/modules.h"

#include <stdarg.h>

static const char *const verb_table[_PLAN_VERB_MAX] = {
                [PLAN_DETACH] = "detach",
                [PLAN_REATTACH] = "reattach",
                [PLAN_SET_VFS] = "set-virtual-functions",
                [PLAN_RESET] = "reset",
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

static const char *say(char buffer[static PLAN_REASON_MAX], const char *format, ...) _printf_(2, 3);
static const char *say(char buffer[static PLAN_REASON_MAX], const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(buffer, PLAN_REASON_MAX, format, arguments);
        va_end(arguments);
        return buffer;
}

const char *plan_step_reason(const Plan *plan, const PlanStep *step, char buffer[static PLAN_REASON_MAX]) {
        const PlanMember *member = &plan->members[step->member];
        const char *driver = TEXT_NAME(describe_driver(&member->target)), *before = TEXT_NAME(member->before.driver);

        switch (step->kind) {
        case STEP_LOCK_NODE:
                if (plan->verb == PLAN_RESET)
                        return say(buffer, "no virtual machine may have the device meanwhile");
                return say(buffer, "no virtual machine may hold a device that leaves %s",
                                before[0] != '\0' ? before : PLAN_VFIO_DRIVER);
        case STEP_CLAIM_DISKS:
                return say(buffer, "if it has disks, no program may start to use them");
        case STEP_LOAD_DRIVER:
                return say(buffer, "the kernel needs the driver %s", driver);
        case STEP_RECORD:
                return say(buffer, "vfiod saves how the device was bound");
        case STEP_SET_AUTOPROBE:
                return say(buffer, "%s",
                                step->value == 0 ? "no driver of the host may bind to new virtual functions"
                                                 : "new virtual functions get drivers as the host is configured");
        case STEP_VANISH:
                return say(buffer, "it disappears together with %s",
                                PCI_ADDRESS_TEXT(plan->members[member->parent].address));
        case STEP_OVERRIDE:
                return member->target.any_driver || member->target.driver[0] == '\0'
                                ? say(buffer, "each driver may bind as before")
                                : say(buffer, "only this driver may bind: %s", driver);
        case STEP_UNBIND:
                return say(buffer, "it leaves its driver%s%s", before[0] != '\0' ? " " : "", before);
        case STEP_SET_VFS:
                return say(buffer, "it gets %u virtual functions", step->value);
        case STEP_SET_LINK:
                return say(buffer, "it gets the MAC address and VLAN that were set for it");
        case STEP_PROBE:
                return say(buffer, "it gets %s", driver);
        case STEP_APPEAR:
                return say(buffer, "it gets %s when it appears again", driver);
        case STEP_SET_POWER:
                return say(buffer, "power/control and d3cold_allowed are set as they were");
        case STEP_WAIT_NODE:
                return say(buffer, "a virtual machine can use group %d", member->group);
        case STEP_RESET:
                return say(buffer, "what its last user left in the device is cleared");
        default:
                return say(buffer, "vfiod deletes what it saved about the device");
        }
}

const char *plan_format_group(const Plan *plan, char buffer[static PLAN_GROUP_TEXT_MAX]) {
        if (plan_is_survey(plan))
                (void)snprintf(buffer, PLAN_GROUP_TEXT_MAX, "all groups");
        else
                (void)snprintf(buffer, PLAN_GROUP_TEXT_MAX, "group %d", plan->group);
        return buffer;
}

static void member_done(PlanMember *member) {
        device_origin_free(member->origin);
        free(member->named_driver);
}

Plan *plan_free(Plan *plan) {
        if (!plan)
                return NULL;
        for (size_t i = 0; i < plan->n_members; i++)
                member_done(&plan->members[i]);
        free(plan->members);
        free(plan->steps);
        finding_list_done(&plan->findings);
        for (size_t i = 0; i < plan->n_warnings; i++)
                free(plan->warnings[i]);
        free(plan->warnings);
        plan_caller_done(&plan->caller);
        free(plan);
        return NULL;
}

int plan_new(PlanVerb verb, int group, size_t n_members, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = calloc(1, sizeof(Plan));
        if (!plan)
                return -ENOMEM;
        plan->verb = verb;
        plan->group = group;
        plan->members = calloc(n_members + 1, sizeof(PlanMember));
        if (!plan->members)
                return -ENOMEM;
        *ret = TAKE_PTR(plan);
        return 0;
}

int plan_add_member(Plan *plan, const Device *device, PlanMember **ret) {
        PlanMember *grown = reallocarray(plan->members, plan->n_members + 1, sizeof(PlanMember));
        int r = 0;

        if (!grown)
                return -ENOMEM;
        plan->members = grown;
        PlanMember *member = *ret = &grown[plan->n_members++];
        *member = (PlanMember){.group = IOMMU_GROUP_NONE, .parent = PLAN_NO_PARENT};
        if (!device)
                return 0;
        member->address = device->address;
        member->ids = device->ids;
        member->group = device->group ? device->group->number : IOMMU_GROUP_NONE;
        member->virtual_function = device->virtual_function;
        member->recorded = device_is_ours(device);
        binding_set_driver(&member->before, device->driver);
        if (member->recorded)
                r = device_origin_copy(device->origin, &member->origin);
        return r < 0 ? r : 0;
}

int plan_set_unknown_origin(PlanMember *member) {
        device_origin_free(member->origin);
        member->origin = calloc(1, sizeof(DeviceOrigin));
        if (!member->origin)
                return -ENOMEM;
        member->origin->ids = member->ids;
        member->origin->binding.any_driver = true;
        return 0;
}

void plan_set_vfio_driver(PlanMember *member, const char *driver) {
        member->target = (Binding){};
        binding_set_driver(&member->target, driver);
        binding_set_override(&member->target, driver);
}

int plan_name_driver(PlanMember *member, const char *driver) {
        /* The caller may use the name of the module. */
        if (driver && modules_names_equal(driver, PLAN_VFIO_DRIVER))
                driver = PLAN_VFIO_DRIVER;
        int r = free_and_strdup(&member->named_driver, driver);
        plan_set_vfio_driver(member, driver ?: PLAN_VFIO_DRIVER);
        return r < 0 ? r : 0;
}

bool plan_binds_vfio(const Plan *plan, const PlanMember *member) {
        return plan->verb == PLAN_DETACH ? !plan_member_depends(member)
                                         : member->created && plan->vf_fate == VFS_DETACHED;
}

int plan_add_warning(Plan *plan, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        int r = text_format_message(&text, format, arguments);
        va_end(arguments);
        if (r < 0 || !ARRAY_GROW(plan->warnings, plan->n_warnings))
                return -ENOMEM;
        plan->warnings[plan->n_warnings++] = TAKE_PTR(text);
        return 0;
}

static int compare_coming(const void *a, const void *b) {
        const PlanMember *x = a, *y = b;
        uint64_t key_x = pci_address_key(x->address), key_y = pci_address_key(y->address);

        if (x->virtual_function != y->virtual_function)
                return x->virtual_function ? 1 : -1;
        return key_x < key_y ? -1 : key_x > key_y;
}

static int compare_leaving(const void *a, const void *b) {
        return compare_coming(b, a);
}

void plan_sort_members(Plan *plan, bool leaving) {
        qsort(plan->members, plan->n_members, sizeof(PlanMember), leaving ? compare_leaving : compare_coming);
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
        PlanStep *grown = reallocarray(plan->steps, plan->n_steps + 1, sizeof(PlanStep));
        if (!grown) {
                plan->incomplete = true;
                return -ENOMEM;
        }
        plan->steps = grown;
        grown[plan->n_steps++] = (PlanStep){.kind = kind, .member = (unsigned)member, .value = value};
        return plan->incomplete ? -ENOMEM : 0;
}

int plan_add_step(Plan *plan, StepKind kind, size_t member) {
        return plan_add_value_step(plan, kind, member, 0);
}

int plan_add_steps(Plan *plan, StepKind kind, bool dependent) {
        for (size_t i = 0; i < plan->n_members; i++)
                if (plan_member_depends(&plan->members[i]) == dependent)
                        (void)plan_add_step(plan, kind, i);
        return plan->incomplete ? -ENOMEM : 0;
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

int plan_refuse_without_iommu(const IommuReport *iommu, Problem *problem) {
        if (iommu->state == IOMMU_ON)
                return 0;
        return problem_set(problem, OUTCOME_NO_IOMMU,
                        "No device can be given to a virtual machine: the IOMMU is %s. %s",
                        iommu_state_to_string(iommu->state), iommu->reason);
}
