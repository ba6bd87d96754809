/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/survey.h"
#include "usage/vfio-holders.h"

typedef struct Target {
        TransactionReport *report;
        PciAddress address;
} Target;

static int on_use(UsageKind kind, const char *evidence, void *userdata) {
        const Target *target = userdata;
        return finding_list_add(&target->report->findings, guard_of_usage(kind), target->address, evidence);
}

static int find_uses(const Kernel *kernel, const Plan *plan, TransactionReport *report) {
        _cleanup_host_index_ HostIndex index = {};

        int r = finding_list_copy(&plan->findings, &report->findings);
        if (r >= 0)
                r = host_index_read(kernel, &index);
        /* Whoever mounts or formats the disk meanwhile would fail: only root may cause that. */
        index.only_visible = plan->only_plan && plan->asker != 0;
        for (size_t i = 0; i < plan->n_members && r >= 0; i++) {
                Target target = {report, plan->members[i].address};
                r = usage_of_device(kernel, &index, target.address, on_use, &target);
        }
        if (r < 0)
                return r;
        if (plan->n_members == 0 || iommu_group_has_firmware_mapping(kernel, plan->group) == 0)
                return 0;
        return finding_list_add(&report->findings, GUARD_FIRMWARE, plan->members[0].address,
                        "the firmware reserved memory for a device of the group, or this cannot be read: the kernel "
                        "refuses to give it "
                        "to a guest");
}

/* FNV-1a, 64 bits: tells states apart; nobody gains by forging one. */
static void mix(uint64_t *hash, const char *text) {
        for (; *text; text++)
                *hash = (*hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
        *hash = (*hash ^ 0xff) * UINT64_C(0x100000001b3);
}

/* Whether the same guard has said so of the same device already: how often it did is no other state. */
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

/* What the plan moves, where each device is now, and which guards stand in the way. Not the words of the evidence: a process id that is
 * another one is no other state. */
static uint64_t take_fingerprint(const Plan *plan, const Subject *subjects, const FindingList *findings) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        mix(&hash, plan_verb_to_string(plan->verb));
        mix_number(&hash, (unsigned long)plan->group);
        for (size_t i = 0; i < plan->n_members; i++) {
                const PciIds *ids = &plan->members[i].ids;

                mix(&hash, PCI_ADDRESS_TEXT(subjects[i].address));
                mix_number(&hash, (unsigned long)ids->vendor << 16 | ids->device);
                mix_number(&hash, (unsigned long)ids->subsystem_vendor << 16 | ids->subsystem_device);
                mix_number(&hash, (unsigned long)ids->class << 8 | ids->revision);
                mix(&hash, subjects[i].before.driver);
                mix(&hash, subjects[i].before.override);
                mix(&hash, subjects[i].target.driver);
                mix(&hash, subjects[i].target.override);
                mix(&hash, plan->members[i].origin && plan->members[i].origin->any_driver ? "any" : "");
        }
        for (size_t i = 0; i < findings->n_findings; i++) {
                if (stands_earlier(findings, i))
                        continue;
                mix(&hash, guard_to_string(findings->findings[i].guard));
                mix(&hash, PCI_ADDRESS_TEXT(findings->findings[i].address));
        }
        return hash == 0 ? 1 : hash;
}

/* Whoever has the group or the cdev of a member: a reattach would be refused. */
static int find_holder(const Kernel *kernel, const Plan *plan, TransactionReport *report) {
        char evidence[VFIO_EVIDENCE_MAX];
        PciAddress address;

        _cleanup_free_ PciAddress *members = calloc(plan->n_members, sizeof(PciAddress));
        if (!members)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++)
                members[i] = plan->members[i].address;
        int r = vfio_find_holder(kernel, plan->group, members, plan->n_members, &address, evidence);
        return r <= 0 ? r : finding_list_add(&report->findings, GUARD_PROCESS, address, evidence);
}

int survey(const Kernel *kernel, const Plan *plan, const Subject *subjects, TransactionReport *report,
                Problem *problem) {
        if (plan->verb == PLAN_DETACH) {
                int r = find_uses(kernel, plan, report);
                if (r == -E2BIG)
                        return problem_set(problem, OUTCOME_FAILED,
                                        "%s is used in more than %d ways: it is left alone.",
                                        PCI_ADDRESS_TEXT(plan->selected), FINDINGS_MAX);
                if (r < 0)
                        return r;
        }
        /* Otherwise nobody hears of it: the lock of the node decides. */
        bool is_asked = plan->only_plan || plan->fingerprint != 0;
        if (plan->verb == PLAN_REATTACH && is_asked && plan->n_members > 0) {
                int r = find_holder(kernel, plan, report);
                if (r < 0)
                        return r;
        }
        report->fingerprint = take_fingerprint(plan, subjects, &report->findings);
        return 0;
}
