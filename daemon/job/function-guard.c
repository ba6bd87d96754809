/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/function-internal.h"
#include "kernel/sysfs.h"
#include "kernel/vfio-node.h"
#include "policy/function-plan.h"
#include "usage/usage.h"
#include "usage/vfio-holders.h"

int function_open(const FunctionWork *work, PciAddress address, Subject *subject) {
        int r;

        *subject = (Subject){.address = address, .fd = pci_device_open(work->transaction->kernel, address)};
        if (subject->fd < 0)
                return subject->fd;
        if ((r = pci_device_read_ids(subject->fd, &subject->ids)) < 0)
                return r;
        return subject_read_binding(subject, &subject->before);
}

int function_read_group(const Subject *subject) {
        char text[16];

        int r = sysfs_read_link(subject->fd, "iommu_group", text, sizeof(text));
        return r < 0 ? r : atoi(text);
}

int function_hold_node(FunctionWork *work, const Subject *subject, Problem *problem) {
        const Kernel *kernel = work->transaction->kernel;
        char evidence[VFIO_EVIDENCE_MAX];
        PciAddress address;

        int group = pci_driver_is_vfio(subject->before.driver) ? function_read_group(subject) : -ENODEV;
        for (size_t i = 0; i < work->n_nodes; i++)
                if (work->nodes[i].group == group)
                        return 0;
        int fd = group < 0 ? -ENOENT : vfio_node_lock(kernel, group);
        if (fd >= 0) {
                HeldNode *grown = reallocarray(work->nodes, work->n_nodes + 1, sizeof(HeldNode));
                if (!grown) {
                        (void)safe_close(fd);
                        return -ENOMEM;
                }
                work->nodes = grown;
                grown[work->n_nodes++] = (HeldNode){group, fd};
                return 0;
        }
        if (fd == -ENOENT || fd == -ENXIO || fd == -ENODEV)
                return 0;
        if (fd != -EBUSY)
                return problem_set(problem, OUTCOME_FAILED, "Cannot open %s: %s", VFIO_NODE_TEXT(group), strerror(-fd));
        if (vfio_find_holder(kernel, group, &subject->address, 1, &address, evidence) <= 0)
                (void)snprintf(evidence, sizeof(evidence), "%s is held by a process that cannot be named",
                                VFIO_NODE_TEXT(group));
        return problem_set(problem, OUTCOME_HELD,
                        "The virtual function %s cannot go: %s. End it, or take the device out of it, first.",
                        PCI_ADDRESS_TEXT(subject->address), evidence);
}

int function_check_cdevs(const FunctionWork *work, const PciAddress *functions, size_t n, Problem *problem) {
        _cleanup_problem_ Problem held = {};

        int r = vfio_check_cdevs_unheld(work->transaction->kernel, functions, n, &held);
        return r <= 0 ? r
                      : problem_set(problem, held.outcome, "The virtual functions of %s cannot go. %s",
                                        PCI_ADDRESS_TEXT(work->record->physical), strempty(held.message));
}

/* The same for all functions that there were. */
static int check_cdevs_before(const FunctionWork *work, Problem *problem) {
        const FunctionRecord *record = work->record;

        _cleanup_free_ PciAddress *functions = calloc(record->n_before + 1, sizeof(PciAddress));
        if (!functions)
                return -ENOMEM;
        for (size_t i = 0; i < record->n_before; i++)
                functions[i] = record->before[i].address;
        return function_check_cdevs(work, functions, record->n_before, problem);
}

void function_release_nodes(FunctionWork *work) {
        for (size_t i = 0; i < work->n_nodes; i++)
                (void)safe_close(work->nodes[i].fd);
        work->n_nodes = 0;
}

typedef struct Target {
        FindingList *findings;
        PciAddress address;
} Target;

static int on_use(UsageKind kind, const char *evidence, void *userdata) {
        const Target *target = userdata;
        return function_plan_add_finding(target->findings, guard_of_usage(kind), target->address, evidence);
}

int function_guard(FunctionWork *work, TransactionReport *report, Problem *problem) {
        const Kernel *kernel = work->transaction->kernel;
        const Plan *plan = work->transaction->plan;
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;
        _cleanup_free_ PciAddress *addresses = calloc(work->record->n_before + 1, sizeof(PciAddress));
        int r = 0;

        if (!addresses)
                return -ENOMEM;
        for (size_t i = 0; i < work->record->n_before; i++)
                addresses[i] = work->record->before[i].address;

        for (size_t i = 0; i < work->record->n_before && r == 0; i++) {
                Subject subject;

                if ((r = function_open(work, work->record->before[i].address, &subject)) >= 0)
                        r = function_hold_node(work, &subject, problem);
                else
                        r = problem_set(problem, OUTCOME_FAILED, "Cannot read the virtual function %s: %s",
                                        PCI_ADDRESS_TEXT(subject.address), strerror(-r));
                subject_close(&subject);
        }
        if (r != 0 || (r = check_cdevs_before(work, problem)) != 0 ||
                        (r = finding_list_copy(&plan->findings, &report->findings)) < 0)
                return r;
        if (work->record->n_before > 0 &&
                        (r = usage_snapshot_new(kernel, addresses, work->record->n_before, NULL, &snapshot)) < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot read what the host uses: %s", strerror(-r));
        for (size_t i = 0; i < work->record->n_before && r >= 0; i++) {
                const FunctionBefore *before = &work->record->before[i];
                Target target = {&report->findings, before->address};

                if (!pci_driver_is_vfio(before->binding.driver))
                        r = usage_of_device(snapshot, before->address, on_use, &target);
                if (r < 0 || (r = disk_claims_take(&work->claims, kernel, &snapshot->host, before->address)) != -EBUSY)
                        continue;
                r = function_plan_add_finding(
                                target.findings, GUARD_STORAGE, before->address, "somebody has a disk of it");
        }
        return r < 0 ? r : function_plan_decide(plan, &report->findings, problem);
}
