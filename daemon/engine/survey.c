/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/survey.h"
#include "kernel/sysfs.h"
#include "usage/vfio-holders.h"

#include <fcntl.h>

/* The uses that the snapshot finds go to the report. */
typedef struct Uses {
        UsageSnapshot *snapshot;
        Report *report;
} Uses;

static void uses_done(Uses *uses) {
        usage_snapshot_free(uses->snapshot);
}

static int on_use(PciAddress device, UsageKind kind, const char *evidence, void *userdata) {
        const Uses *uses = userdata;
        return finding_list_add_process(
                        &uses->report->findings, guard_of_usage(kind), device, evidence, uses->snapshot->process);
}

/* Whether the plan takes the member from the host. For a VF on a vfio driver that vanishes, the lock of its group
 * decides. */
static bool leaves_host(const Work *work, size_t i) {
        const PlanMember *member = &work->plan->members[i];

        if (plan_is_survey(work->plan))
                return true;
        if (work->fds[i] < 0 || (work->plan->verb == PLAN_SET_VFS && i == 0))
                return false;
        return !plan_member_depends(member) || !pci_driver_is_vfio(member->before.driver);
}

/* Adds a finding for the group of the member if the firmware reserved memory. */
static int find_firmware_mapping(const Work *work, const PlanMember *member, Report *report) {
        if (iommu_group_has_firmware_mapping(work->kernel, member->group) == 0)
                return 0;
        return finding_list_add(&report->findings, GUARD_FIRMWARE, member->address,
                        "the firmware has reserved memory for a device of the group, or the reservations cannot be "
                        "read: the kernel does not give such a group to a virtual machine");
}

/* work_open() has opened the members, and has read which card each is, and its driver. */
static void tell_known(const Work *work, UsageSnapshot *snapshot) {
        const Plan *plan = work->plan;

        for (size_t i = 0, n = 0; i < plan->n_members; i++)
                if (leaves_host(work, i)) {
                        SnapshotDevice *device = &snapshot->devices[n++];

                        device->fd = work->fds[i];
                        device->ids = &plan->members[i].ids;
                        device->driver = plan->members[i].before.driver;
                }
}

/* Tells whether the names that the snapshot read first are still those of the host: udev may have renamed an interface while the
 * census searched. */
static bool has_current_names(const UsageSnapshot *snapshot) {
        const HostIndex *host = &snapshot->host;

        if (snapshot->host_is_outdated)
                return false;
        for (size_t i = 0; i < host->n_names; i++)
                if (host->names[i].kind == HOST_NAME_NETWORK &&
                                faccessat(snapshot->kernel->sys_fd, SYSFS_PATH("class/net/%s", host->names[i].name),
                                                F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                        return false;
        return true;
}

/* Makes a snapshot of the members that leave the host, in the order of the plan. *ret is NULL if none does. */
static int make_snapshot(const Work *work, Uses *uses, UsageSnapshot **ret) {
        const Plan *plan = work->plan;
        size_t n = 0;

        _cleanup_free_ PciAddress *addresses = calloc(plan->n_members + 1, sizeof(PciAddress));
        if (!addresses)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++)
                if (leaves_host(work, i))
                        addresses[n++] = plan->members[i].address;
        int r = n > 0 ? usage_snapshot_new(work->kernel, addresses, n, on_use, uses, ret) : 0;
        if (r >= 0 && *ret)
                tell_known(work, *ret);
        return r;
}

static bool makes_mediated(const FunctionList *list) {
        for (size_t i = 0; i < list->n_functions; i++)
                if (list->functions[i].folder.makes_mediated)
                        return true;
        return false;
}

static int find_uses(Work *work, uint64_t end_us, Report *report) {
        const Plan *plan = work->plan;
        UsageLimits limits = usage_limits;
        _cleanup_(uses_done) Uses uses = {.report = report};

        int r = finding_list_copy(&plan->findings, &report->findings);
        if (r >= 0)
                r = make_snapshot(work, &uses, &uses.snapshot);
        size_t n = uses.snapshot ? uses.snapshot->n_devices : 0;
        /* While a disk is open exclusively, a mount or mkfs of another program fails: only root may cause that. */
        if (r >= 0 && uses.snapshot) {
                uses.snapshot->only_visible = plan->only_plan && (plan->asker != 0 || plan_is_survey(plan));
                uses.snapshot->reader = plan_reader(plan);
                limits.end_us = end_us;
                uses.snapshot->limits = &limits;
        }
        for (size_t i = 0; i < n && r >= 0; i++)
                r = usage_of_device(uses.snapshot, uses.snapshot->devices[i].address);
        work->makes_mediated = uses.snapshot && makes_mediated(&uses.snapshot->functions);
        work->has_names = r >= 0 && n > 0 && n == plan->n_members && has_current_names(uses.snapshot);
        if (work->has_names) {
                host_index_done(&work->names);
                work->names = TAKE_GENERIC(uses.snapshot->host, HostIndex, (HostIndex){});
        }
        /* The members of a group come one after the other. */
        for (size_t i = 0; i < plan->n_members && plan->verb == PLAN_DETACH && r >= 0; i++)
                if (i == 0 || (plan_is_survey(plan) && plan->members[i].group != plan->members[i - 1].group))
                        r = find_firmware_mapping(work, &plan->members[i], report);
        return r;
}

/* Whether an earlier finding is of the same guard and device: the number of findings makes no difference. */
static bool stands_earlier(const FindingList *list, size_t i) {
        for (size_t earlier = 0; earlier < i; earlier++)
                if (list->findings[earlier].guard == list->findings[i].guard &&
                                pci_address_equal(list->findings[earlier].address, list->findings[i].address))
                        return true;
        return false;
}

/* Writes the name of a driver. Before its module is loaded, the plan may have the name of the module, in which all dashes
 * are underscores. */
static void write_driver(FILE *text, const char *driver) {
        for (; *driver; driver++)
                fputc(*driver == '-' ? '_' : *driver, text);
        fputc('\n', text);
}

/* Writes what the plan changes, how each device is bound now, and which guards object. The evidence does not count:
 * another process id is not another state. */
static void write_state(FILE *text, const Plan *plan, const FindingList *findings) {
        fprintf(text, "%s %d %u %d", plan_verb_to_string(plan->verb), plan->group, plan->vf_count, (int)plan->vf_fate);
        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];
                const PciIds *ids = &member->ids;

                fprintf(text, "\n%s %x %x %x %x %x %x\n%s\n%s\n", PCI_ADDRESS_TEXT(member->address), ids->vendor,
                                ids->device, ids->subsystem_vendor, ids->subsystem_device, ids->class, ids->revision,
                                member->before.driver, member->before.override);
                write_driver(text, member->target.driver);
                write_driver(text, member->target.override);
                fprintf(text, "%d", member->target.any_driver);
        }
        for (size_t i = 0; i < findings->n_findings; i++)
                if (!stands_earlier(findings, i))
                        fprintf(text, "\n%s %s", guard_to_string(findings->findings[i].guard),
                                        PCI_ADDRESS_TEXT(findings->findings[i].address));
}

/* Sets the fingerprint, which is FNV-1a with 64 bits: it distinguishes states, and nobody gains by forging it. Returns
 * 0 or -ENOMEM. */
static int set_fingerprint(const Plan *plan, Report *report) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        _cleanup_free_ char *state = NULL;
        size_t size;

        FILE *text = open_memstream(&state, &size);
        if (!text)
                return -ENOMEM;
        write_state(text, plan, &report->findings);
        if (fclose(text) != 0)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++)
                hash = (hash ^ (uint8_t)state[i]) * UINT64_C(0x100000001b3);
        report->fingerprint = hash == 0 ? 1 : hash;
        return 0;
}

/* Finds a virtual machine that has the group or one of its devices. Opens no node: a virtual machine that starts now
 * would fail. */
static int find_holder(const Work *work, uint64_t end_us, Report *report) {
        const Plan *plan = work->plan;
        VfioHolder holder;

        _cleanup_free_ PciAddress *members = calloc(plan->n_members, sizeof(PciAddress));
        if (!members)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++)
                members[i] = plan->members[i].address;
        int r = vfio_find_holder(
                        work->kernel, plan_reader(plan), plan->group, members, plan->n_members, end_us, &holder);
        return r <= 0 ? r
                      : finding_list_add_process(&report->findings, GUARD_PROCESS, holder.address, holder.evidence,
                                        &holder.holder);
}

static uint64_t find_end(const Work *work) {
        return clock_us(CLOCK_MONOTONIC) +
                        (work->transaction->survey_us > 0 ? work->transaction->survey_us : SURVEY_US);
}

int survey_add_holder(const Work *work, Report *report) {
        return find_holder(work, find_end(work), report);
}

int survey_check_unheld(const Work *work, Problem *problem) {
        const Plan *plan = work->plan;
        uint64_t end_us = find_end(work);
        VfioHolder holder;
        int r = 0;

        for (size_t i = 0; i < plan->n_members && r == 0; i++) {
                const PlanMember *member = &plan->members[i];

                if (plan_member_depends(member) && pci_driver_is_vfio(member->before.driver))
                        r = vfio_find_holder(work->kernel, plan_reader(plan), member->group, &member->address, 1,
                                        end_us, &holder);
        }
        return r <= 0 ? r
                      : problem_set(problem, holder.outcome, "%s cannot leave its driver: %s",
                                        PCI_ADDRESS_TEXT(holder.address), holder.message);
}

/* Finds a mediated device, or why it is not known whether there is one. */
static int check_function(const SnapshotFunction *function, Problem *problem) {
        const DeviceFolder *folder = &function->folder;
        const char *address = PCI_ADDRESS_TEXT(function->address);

        for (size_t i = 0; i < folder->n_children; i++)
                if (folder->children[i].kind == FOLDER_MEDIATED)
                        return problem_set(problem, OUTCOME_FAILED,
                                        "The mediated device %s has just appeared below %s. Nothing was changed: try "
                                        "again.",
                                        TEXT_NAME(folder->children[i].name), address);
        int r = function->error < 0 ? function->error : folder->error;
        return r < 0 && r != -ENOENT && r != -ENODEV
                        ? problem_set(problem, OUTCOME_FAILED, "Cannot list the devices below %s: %s", address,
                                          strerror(-r))
                        : 0;
}

int survey_check_mediated(const Work *work, Problem *problem) {
        _cleanup_(uses_done) Uses uses = {};
        const FunctionList *list;

        /* Without the override, the survey has found none. */
        if (!work->makes_mediated || work->plan->overrides & 1U << guard_of_usage(USAGE_CHILD))
                return 0;
        int r = make_snapshot(work, &uses, &uses.snapshot);
        if (r < 0 || !uses.snapshot || (r = usage_snapshot_functions(uses.snapshot, &list)) < 0)
                return r;
        for (size_t i = 0; i < list->n_functions && r == 0; i++)
                r = check_function(&list->functions[i], problem);
        return r;
}

int survey(Work *work, Report *report, Problem *problem) {
        const Plan *plan = work->plan;
        /* Otherwise nobody needs the finding before the lock of the node decides. */
        bool is_asked = plan->only_plan || plan->fingerprint != 0;
        uint64_t end_us = find_end(work);
        int r = 0;

        if (plan->verb != PLAN_REATTACH && plan->verb != PLAN_RESET)
                r = find_uses(work, end_us, report);
        else if (is_asked)
                r = find_holder(work, end_us, report);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot determine what uses %s: %s",
                                PCI_ADDRESS_TEXT(plan->selected), strerror(-r));
        return set_fingerprint(plan, report);
}
