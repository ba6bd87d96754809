/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/survey.h"
#include "usage/vfio-holders.h"

static int on_use(PciAddress device, UsageKind kind, const char *evidence, void *userdata) {
        Report *report = userdata;
        return finding_list_add(&report->findings, guard_of_usage(kind), device, evidence);
}

/* Whether the plan takes the member from the host. A VF on a vfio driver that vanishes is decided by the lock of its group. */
static bool leaves_host(const Work *work, size_t i) {
        const PlanMember *member = &work->plan->members[i];

        if (work->fds[i] < 0 || (work->plan->verb == PLAN_SET_VFS && i == 0))
                return false;
        return !plan_member_depends(member) || !pci_driver_is_vfio(member->before.driver);
}

static int find_uses(const Work *work, Report *report) {
        const Plan *plan = work->plan;
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;
        size_t n = 0;

        _cleanup_free_ PciAddress *addresses = calloc(plan->n_members + 1, sizeof(PciAddress));
        if (!addresses)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++)
                if (leaves_host(work, i))
                        addresses[n++] = plan->members[i].address;
        int r = finding_list_copy(&plan->findings, &report->findings);
        if (r >= 0 && n > 0)
                r = usage_snapshot_new(work->kernel, addresses, n, on_use, report, &snapshot);
        /* An exclusive open makes a mount or mkfs of somebody else fail: only root may cause that. */
        if (r >= 0 && snapshot)
                snapshot->only_visible = plan->only_plan && plan->asker != 0;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = usage_of_device(snapshot, addresses[i]);
        if (r < 0 || plan->verb != PLAN_DETACH || iommu_group_has_firmware_mapping(work->kernel, plan->group) == 0)
                return r;
        return finding_list_add(&report->findings, GUARD_FIRMWARE, plan->members[0].address,
                        "the firmware has reserved memory for a device of the group, or the reservations cannot be "
                        "read: the kernel does not give such a group to a virtual machine");
}

/* FNV-1a, 64 bits: tells states apart; nobody gains by forging one. */
static void mix(uint64_t *hash, const char *text) {
        for (; *text; text++)
                *hash = (*hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
        *hash = (*hash ^ 0xff) * UINT64_C(0x100000001b3);
}

/* Whether the same guard has objected to the same device already: how often it does makes no difference. */
static bool stands_earlier(const FindingList *list, size_t i) {
        for (size_t earlier = 0; earlier < i; earlier++)
                if (list->findings[earlier].guard == list->findings[i].guard &&
                                pci_address_equal(list->findings[earlier].address, list->findings[i].address))
                        return true;
        return false;
}

static void mix_number(uint64_t *hash, unsigned long number) {
        char text[24];

        (void)snprintf(text, sizeof(text), "%lu", number);
        mix(hash, text);
}

/* What the plan changes, how each device is bound now, and which guards object. The words of the evidence do not count: another
 * process id is not another state. */
static uint64_t make_fingerprint(const Plan *plan, const FindingList *findings) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        mix(&hash, plan_verb_to_string(plan->verb));
        mix_number(&hash, (unsigned long)plan->group);
        mix_number(&hash, plan->vf_count);
        mix_number(&hash, (unsigned long)plan->vf_fate);
        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];
                const PciIds *ids = &member->ids;

                mix(&hash, PCI_ADDRESS_TEXT(member->address));
                mix_number(&hash, (unsigned long)ids->vendor << 16 | ids->device);
                mix_number(&hash, (unsigned long)ids->subsystem_vendor << 16 | ids->subsystem_device);
                mix_number(&hash, (unsigned long)ids->class << 8 | ids->revision);
                mix(&hash, member->before.driver);
                mix(&hash, member->before.override);
                mix(&hash, member->target.driver);
                mix(&hash, member->target.override);
                mix(&hash, member->target.any_driver ? "any" : "");
        }
        for (size_t i = 0; i < findings->n_findings; i++) {
                if (stands_earlier(findings, i))
                        continue;
                mix(&hash, guard_to_string(findings->findings[i].guard));
                mix(&hash, PCI_ADDRESS_TEXT(findings->findings[i].address));
        }
        return hash == 0 ? 1 : hash;
}

/* A virtual machine that has the group or a device of it. For a plan no node is opened: that would keep a starting virtual
 * machine out. */
static int find_holder(const Work *work, Report *report) {
        const Plan *plan = work->plan;
        VfioHolder holder;

        _cleanup_free_ PciAddress *members = calloc(plan->n_members, sizeof(PciAddress));
        if (!members)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++)
                members[i] = plan->members[i].address;
        int r = vfio_find_holder(work->kernel, plan->group, members, plan->n_members, &holder);
        return r <= 0 ? r : finding_list_add(&report->findings, GUARD_PROCESS, holder.address, holder.evidence);
}

int survey(const Work *work, Report *report, Problem *problem) {
        const Plan *plan = work->plan;
        /* Otherwise nobody sees the finding: the lock of the node decides. */
        bool is_asked = plan->only_plan || plan->fingerprint != 0;
        int r = 0;

        if (plan->verb != PLAN_REATTACH)
                r = find_uses(work, report);
        else if (is_asked)
                r = find_holder(work, report);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot determine what uses %s: %s",
                                PCI_ADDRESS_TEXT(plan->selected), strerror(-r));
        report->fingerprint = make_fingerprint(plan, &report->findings);
        return 0;
}
