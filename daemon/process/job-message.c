/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/job-message.h"
#include "state/device-file.h"

/* A plan for all VFs of a PF: the PF, and as many old and new VFs as there can be. */
#define MEMBERS_MAX (1 + 2 * UINT16_MAX)

/* At most one for each member of a group. */
#define WARNINGS_MAX MEMBERS_MAX

/* All texts of a result together. The longest message names each device that could not be restored. */
#define RESULT_TEXT_MAX (4 * 1024 * 1024)

/* A member: address; vendor, device, both of the subsystem, class, revision; group, parent; driver; then whether it has
 * a state file, is a VF, was plugged in just now, and does not exist yet; the vfio driver that the caller named, "" for
 * none. */
#define MEMBER "sqqqquyiiaybbbbs"

void worker_result_done(WorkerResult *result) {
        problem_done(&result->problem);
        report_done(&result->report);
        *result = (WorkerResult){};
}

/* A finding: guard, address, evidence, how many others it stands for; process, its command and its unit. */
#define FINDING "sssuuss"

/* The plan. */

static int append_member(sd_bus_message *message, const PlanMember *member) {
        const PciIds *ids = &member->ids;
        int r;

        if ((r = sd_bus_message_open_container(message, 'r', MEMBER)) < 0 ||
                        (r = sd_bus_message_append(message, "sqqqquyii", PCI_ADDRESS_TEXT(member->address), ids->vendor,
                                         ids->device, ids->subsystem_vendor, ids->subsystem_device,
                                         (uint32_t)ids->class, (uint8_t)ids->revision, member->group, member->parent)) <
                                        0 ||
                        (r = peer_append_bytes(message, member->before.driver)) < 0 ||
                        (r = sd_bus_message_append(message, "bbbbs", (int)member->recorded,
                                         (int)member->virtual_function, (int)member->appeared, (int)member->created,
                                         strempty(member->named_driver))) < 0)
                return r;
        return sd_bus_message_close_container(message);
}

static int append_findings(sd_bus_message *message, const FindingList *list) {
        int r = sd_bus_message_open_container(message, 'a', "(" FINDING ")");

        for (size_t i = 0; i < list->n_findings && r >= 0; i++) {
                const Finding *finding = &list->findings[i];

                r = sd_bus_message_append(message, "(" FINDING ")", guard_to_string(finding->guard),
                                PCI_ADDRESS_TEXT(finding->address), finding->evidence, (uint32_t)finding->n_folded,
                                (uint32_t)finding->pid, strempty(finding->command), strempty(finding->unit));
        }
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_caller(sd_bus_message *message, const PlanCaller *caller) {
        int r;

        if ((r = sd_bus_message_append(message, "s", strempty(caller->text))) < 0 ||
                        (r = sd_bus_message_open_container(message, 'a', "s")) < 0)
                return r;
        for (size_t i = 0; i < caller->fields.n_texts && r >= 0; i++)
                r = sd_bus_message_append(message, "s", caller->fields.texts[i]);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

int job_message_append_plan(sd_bus_message *message, const Plan *plan) {
        int r;

        if ((r = sd_bus_message_append(message, "ssiuuuuttbbbbb", plan_verb_to_string(plan->verb),
                             PCI_ADDRESS_TEXT(plan->selected), plan->group, (uint32_t)plan->vf_count,
                             (uint32_t)plan->vf_fate, (uint32_t)plan->overrides, (uint32_t)plan->asker,
                             plan->fingerprint, plan->trial, (int)plan->force, (int)plan->forget, (int)plan->only_plan,
                             (int)plan->by_rule, (int)plan->inspect)) < 0 ||
                        (r = sd_bus_message_open_container(message, 'a', "(" MEMBER ")")) < 0)
                return r;
        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                r = append_member(message, &plan->members[i]);
        if (r < 0 || (r = sd_bus_message_close_container(message)) < 0 ||
                        (r = append_findings(message, &plan->findings)) < 0)
                return r;
        return append_caller(message, &plan->caller);
}

static int read_address(sd_bus_message *message, PciAddress *ret) {
        const char *text;

        int r = sd_bus_message_read_basic(message, 's', &text);
        return r < 0 ? r : pci_address_parse(text, ret) < 0 ? -EBADMSG : 0;
}

/* Reads how the device was bound before vfiod detached it. */
static int read_origin(const Plan *plan, PlanMember *member, int devices_fd, Problem *problem) {
        _cleanup_device_file_ DeviceFile file = {};

        int r = device_file_read(devices_fd, member->address, &file);
        if (r == -ENOMEM)
                return r;
        /* A PF that is not away can have a file, too. */
        if (r < 0 || !pci_ids_equal(&file.origin->ids, &member->ids) || (plan->verb == PLAN_RESET && !file.away))
                return problem_set(problem, OUTCOME_NOT_DETACHED,
                                "vfiod does not know any more how %s was bound before: list the devices again with "
                                "'vfioctl devices'.",
                                PCI_ADDRESS_TEXT(member->address));
        member->origin = TAKE_PTR(file.origin);
        return 0;
}

static int read_member(sd_bus_message *message, Plan *plan, int devices_fd, Problem *problem) {
        int recorded, virtual_function, appeared, created, r;
        uint16_t vendor, device, subsystem_vendor, subsystem_device;
        uint8_t revision;
        const char *driver;
        uint32_t class;
        PlanMember *member;

        if ((r = plan_add_member(plan, NULL, &member)) < 0 || (r = read_address(message, &member->address)) < 0 ||
                        (r = sd_bus_message_read(message, "qqqquyii", &vendor, &device, &subsystem_vendor,
                                         &subsystem_device, &class, &revision, &member->group, &member->parent)) < 0 ||
                        (r = peer_read_bytes(message, member->before.driver, sizeof(member->before.driver))) < 0 ||
                        (r = sd_bus_message_read(message, "bbbbs", &recorded, &virtual_function, &appeared, &created,
                                         &driver)) < 0)
                return r;
        if (class > PCI_CLASS_MAX || (driver[0] != '\0' && !pci_vfio_name_is_valid(driver)))
                return -EBADMSG;
        member->ids = (PciIds){
                        .vendor = vendor,
                        .device = device,
                        .subsystem_vendor = subsystem_vendor,
                        .subsystem_device = subsystem_device,
                        .class = class,
                        .revision = revision,
        };
        member->recorded = recorded;
        member->virtual_function = virtual_function;
        member->appeared = appeared;
        member->created = created;
        if (driver[0] != '\0' && (r = plan_name_driver(member, driver)) < 0)
                return r;
        if (member->recorded && (r = read_origin(plan, member, devices_fd, problem)) != 0)
                return r;
        return plan->verb == PLAN_REATTACH && !member->recorded ? plan_set_unknown_origin(member) : 0;
}

/* The plan for VFs begins with the PF, and all others depend on it: the existing VFs, and behind them as many new ones
 * as the plan sets. */
static bool is_valid_set_vfs(const Plan *plan) {
        size_t first_created = plan->n_members - plan->vf_count;

        if (plan->n_members <= plan->vf_count)
                return false;
        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];

                if (member->parent != (i == 0 ? PLAN_NO_PARENT : 0) || member->created != (i >= first_created))
                        return false;
        }
        return true;
}

/* Only one device is reset, and vfiod has detached it. */
static bool is_valid_reset(const Plan *plan) {
        return plan->n_members == 1 && plan->members[0].recorded && !plan->by_rule && !plan->force;
}

/* Each plan has a member that does not depend on another. Only a plan for VFs has members that do not exist yet. A plan
 * that forgets a device does nothing else. */
static bool is_valid(const Plan *plan) {
        bool has_independent = false;

        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];

                has_independent = has_independent || !plan_member_depends(member);
                if (member->group < IOMMU_GROUP_NONE || member->parent < PLAN_NO_PARENT ||
                                member->parent >= (int)plan->n_members || member->parent == (int)i ||
                                (member->created && plan->verb != PLAN_SET_VFS) ||
                                (member->named_driver && plan->verb != PLAN_DETACH && !member->created))
                        return false;
        }
        if (plan->forget && (plan->verb != PLAN_REATTACH || plan->n_members > 1))
                return false;
        return has_independent && (plan->verb != PLAN_SET_VFS || is_valid_set_vfs(plan)) &&
                        (plan->verb != PLAN_RESET || is_valid_reset(plan));
}

static int read_members(sd_bus_message *message, Plan *plan, int devices_fd, Problem *problem) {
        int r = sd_bus_message_enter_container(message, 'a', "(" MEMBER ")");

        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'r', MEMBER)) > 0) {
                if (plan->n_members == MEMBERS_MAX)
                        return -EBADMSG;
                r = read_member(message, plan, devices_fd, problem);
                if (r != 0)
                        return r;
                r = sd_bus_message_exit_container(message);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        return r < 0 ? r : 0;
}

static int read_findings(sd_bus_message *message, FindingList *list) {
        int r = sd_bus_message_enter_container(message, 'a', "(" FINDING ")");

        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'r', FINDING)) > 0) {
                const char *guard, *evidence, *command, *unit;
                uint32_t n_folded, pid;
                Finding finding = {};

                if ((r = sd_bus_message_read_basic(message, 's', &guard)) < 0 ||
                                (r = read_address(message, &finding.address)) < 0 ||
                                (r = sd_bus_message_read(
                                                 message, "suuss", &evidence, &n_folded, &pid, &command, &unit)) < 0)
                        return r;
                finding.guard = guard_from_string(guard);
                finding.evidence = (char *)evidence;
                finding.n_folded = n_folded;
                if (finding.guard < 0 || pid > INT32_MAX || strlen(command) + strlen(unit) >= HOLDER_TEXT_MAX)
                        return -EBADMSG;
                if (pid > 0) {
                        finding.pid = (pid_t)pid;
                        finding.command = (char *)command;
                        finding.unit = (char *)unit;
                }
                if ((r = finding_list_append(list, &finding)) >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_caller(sd_bus_message *message, PlanCaller *caller) {
        const char *text;

        int r = sd_bus_message_read_basic(message, 's', &text);
        if (r >= 0 && text[0] != '\0')
                r = plan_caller_read_text(caller, text);
        if (r < 0 || (r = sd_bus_message_enter_container(message, 'a', "s")) < 0)
                return r;
        while ((r = sd_bus_message_read_basic(message, 's', &text)) > 0)
                if ((r = plan_caller_read_field(caller, text)) < 0)
                        return r;
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_options(sd_bus_message *message, Plan *plan) {
        int force, forget, only_plan, by_rule, inspect;
        uint32_t vf_fate, asker;

        int r = sd_bus_message_read(message, "iuuuuttbbbbb", &plan->group, &plan->vf_count, &vf_fate, &plan->overrides,
                        &asker, &plan->fingerprint, &plan->trial, &force, &forget, &only_plan, &by_rule, &inspect);
        if (r < 0)
                return r;
        plan->vf_fate = (VfFate)vf_fate;
        plan->asker = asker;
        plan->force = force;
        plan->forget = forget;
        plan->only_plan = only_plan;
        plan->by_rule = by_rule;
        plan->inspect = inspect;
        return vf_fate >= _VF_FATE_MAX || plan->group < IOMMU_GROUP_NONE || plan->vf_count > UINT16_MAX ||
                                        plan->trial > INT64_MAX
                        ? -EBADMSG
                        : 0;
}

int job_message_read_plan(sd_bus_message *message, int devices_fd, Plan **ret, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        const char *verb;
        int r;

        if ((r = plan_new(PLAN_DETACH, IOMMU_GROUP_NONE, 0, &plan)) < 0 ||
                        (r = sd_bus_message_read_basic(message, 's', &verb)) < 0)
                return r;
        plan->verb = plan_verb_from_string(verb);
        if (plan->verb < 0)
                return -EBADMSG;
        if ((r = read_address(message, &plan->selected)) < 0 || (r = read_options(message, plan)) < 0 ||
                        (r = read_members(message, plan, devices_fd, problem)) != 0 ||
                        (r = read_findings(message, &plan->findings)) < 0 ||
                        (r = read_caller(message, &plan->caller)) < 0)
                return r;
        if (!is_valid(plan))
                return -EBADMSG;
        if (!plan_is_survey(plan) && (r = plan_add_all_steps(plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

/* The result. */

static int append_changes(sd_bus_message *message, const Report *report) {
        int r = sd_bus_message_open_container(message, 'a', "(sayay)");

        for (size_t i = 0; i < report->n_changes && r >= 0; i++) {
                const DriverChange *change = &report->changes[i];

                if ((r = sd_bus_message_open_container(message, 'r', "sayay")) < 0 ||
                                (r = sd_bus_message_append_basic(message, 's', PCI_ADDRESS_TEXT(change->address))) <
                                                0 ||
                                (r = peer_append_bytes(message, change->before)) < 0 ||
                                (r = peer_append_bytes(message, change->after)) < 0)
                        return r;
                r = sd_bus_message_close_container(message);
        }
        return r < 0 ? r : sd_bus_message_close_container(message);
}

int job_message_append_result(sd_bus_message *message, const WorkerResult *result) {
        const Report *report = &result->report;

        int r = sd_bus_message_append(message, "isst", result->error, outcome_to_string(result->problem.outcome),
                        strempty(result->problem.message), report->fingerprint);
        if (r < 0 || (r = append_changes(message, report)) < 0)
                return r;
        if ((r = append_findings(message, &report->findings)) < 0 ||
                        (r = sd_bus_message_open_container(message, 'a', "s")) < 0)
                return r;
        for (size_t i = 0; i < report->n_warnings && r >= 0; i++)
                r = sd_bus_message_append_basic(message, 's', report->warnings[i]);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int read_warnings(sd_bus_message *message, Report *report) {
        const char *warning;

        int r = sd_bus_message_enter_container(message, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(message, 's', &warning)) > 0)
                r = report->n_warnings == WARNINGS_MAX ? -EBADMSG : report_add_warning(report, warning);
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static bool is_too_long(const WorkerResult *result) {
        const Report *report = &result->report;
        size_t size = strlen(strempty(result->problem.message));

        for (size_t i = 0; i < report->findings.n_findings; i++)
                size += strlen(report->findings.findings[i].evidence);
        for (size_t i = 0; i < report->n_warnings; i++)
                size += strlen(report->warnings[i]);
        return size > RESULT_TEXT_MAX;
}

static int read_changes(sd_bus_message *message, Report *report) {
        int r = sd_bus_message_enter_container(message, 'a', "(sayay)");

        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'r', "sayay")) > 0) {
                DriverChange change;

                if (report->n_changes == MEMBERS_MAX)
                        return -EBADMSG;
                if ((r = read_address(message, &change.address)) < 0 ||
                                (r = peer_read_bytes(message, change.before, sizeof(change.before))) < 0 ||
                                (r = peer_read_bytes(message, change.after, sizeof(change.after))) < 0)
                        return r;
                /* They are sorted. To sort many others takes long. */
                if (report->n_changes > 0 &&
                                pci_address_compare(report->changes[report->n_changes - 1].address, change.address) > 0)
                        return -EBADMSG;
                if ((r = report_add_change(report, change.address, change.before, change.after)) < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

int job_message_read_result(sd_bus_message *message, WorkerResult *ret) {
        const char *outcome, *text;
        int r;

        *ret = (WorkerResult){};
        if ((r = sd_bus_message_read(message, "isst", &ret->error, &outcome, &text, &ret->report.fingerprint)) < 0)
                return r;
        ret->problem.outcome = outcome_from_string(outcome);
        if (ret->problem.outcome < 0 || !peer_is_errno(ret->error) || strlen(text) > RESULT_TEXT_MAX)
                return -EBADMSG;
        if (*text && !(ret->problem.message = strdup(text)))
                return -ENOMEM;
        if ((r = read_changes(message, &ret->report)) < 0 || (r = read_findings(message, &ret->report.findings)) < 0 ||
                        (r = read_warnings(message, &ret->report)) < 0)
                return r;
        return is_too_long(ret) ? -EBADMSG : 0;
}
