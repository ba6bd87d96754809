/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/function-change.h"
#include "job/driver.h"
#include "job/function-internal.h"
#include "kernel/sriov.h"
#include "kernel/sysfs.h"
#include "kernel/vfio-node.h"
#include "policy/function-plan.h"

#include <poll.h>

#define NODE_TIMEOUT_MS 5000

/* Some drivers bind a moment after the function is there: it is waited for this long, to tell. */
#define BIND_LOOKS 100
#define BIND_LOOK_INTERVAL_MS 20

static void work_done(FunctionWork *work) {
        function_release_nodes(work);
        free(work->nodes);
        disk_claims_release(&work->claims);
        free(work->made);
        for (size_t i = 0; i < work->n_detached; i++)
                record_free(work->detached[i]);
        free(work->detached);
        (void)safe_close(work->physical_fd);
}

/* The device that is meant, and on a driver of the host. */
static int open_physical(FunctionWork *work, Problem *problem) {
        const PlanMember *member = &work->transaction->plan->members[0];
        const char *address = PCI_ADDRESS_TEXT(member->address);
        char driver[DRIVER_NAME_MAX];
        PciIds found;

        work->physical_fd = pci_device_open(work->transaction->kernel, member->address);
        if (work->physical_fd < 0 || pci_device_read_ids(work->physical_fd, &found) < 0)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "%s is gone from its slot: look again with 'vfioctl devices'.", address);
        if (!pci_ids_equal(&found, &member->ids))
                return problem_set(problem, OUTCOME_IDENTITY_CHANGED,
                                "Another card is at %s now (%04x:%04x) than the one that was meant (%04x:%04x): it is "
                                "left alone.",
                                address, found.vendor, found.device, member->ids.vendor, member->ids.device);
        if (work->transaction->plan->functions.recovery)
                return 0;
        int r = pci_device_read_driver(work->physical_fd, driver);
        if (r < 0 || !streq(driver, member->driver))
                return problem_set(problem, OUTCOME_FAILED,
                                "Somebody else moved %s while it was looked at. Nothing was changed: try again.",
                                address);
        return 0;
}

/* What there is to go back to. */
static int note_before(FunctionWork *work, Problem *problem) {
        const Plan *plan = work->transaction->plan;
        _cleanup_free_ PciAddress *addresses = NULL;
        FunctionRecord *record = work->record;
        bool autoprobe;
        size_t n = 0;

        int r = sriov_list_functions(work->physical_fd, &addresses, &n);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot list the virtual functions of %s: %s",
                                PCI_ADDRESS_TEXT(record->physical), strerror(-r));
        if (n != plan->n_members - 1)
                return problem_set(problem, OUTCOME_FAILED,
                                "Somebody else made or removed virtual functions of %s while it was looked at. Nothing "
                                "was changed: try again.",
                                PCI_ADDRESS_TEXT(record->physical));
        /* One that vfiod has switched off, and kept so, is known from then. */
        if (!record->autoprobe_known && sriov_read_autoprobe(work->physical_fd, &autoprobe) >= 0) {
                record->autoprobe_known = true;
                record->autoprobe = autoprobe;
        }
        record->before = calloc(n + 1, sizeof(FunctionBefore));
        if (!record->before)
                return -ENOMEM;
        for (size_t i = 0; i < n && r >= 0; i++) {
                FunctionBefore *before = &record->before[i];
                Subject subject;

                if ((r = function_open(work, addresses[i], &subject)) >= 0)
                        r = virtual_function_read_link(
                                        work->transaction->kernel, subject.fd, subject.address, &before->link);
                subject_close(&subject);
                if (r < 0)
                        return problem_set(problem, OUTCOME_FAILED, "Cannot read the virtual function %s: %s",
                                        PCI_ADDRESS_TEXT(addresses[i]), strerror(-r));
                before->address = addresses[i];
                before->ids = subject.ids;
                before->binding = subject.before;
                record->n_before++;
        }
        return 0;
}

static int write_record(FunctionWork *work, FunctionPhase phase) {
        work->record->phase = phase;
        return record_write(work->transaction->state_fd, work->transaction->record);
}

/* Says on disk what is about to happen. */
static int write_intent(FunctionWork *work, Problem *problem) {
        const Transaction *transaction = work->transaction;

        int r = write_record(work, work->record->phase);
        if (r >= 0 && transaction->recorded)
                transaction->recorded(transaction->progress_userdata);
        for (size_t i = 0; i < transaction->n_superseded && r >= 0; i++)
                r = record_delete(transaction->state_fd, transaction->superseded[i]);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED,
                                "The record in /run/vfiod cannot be written, so nothing was changed: %s", strerror(-r));
        return 0;
}

static int set_autoprobe(FunctionWork *work, bool autoprobe, Problem *problem) {
        bool now;

        /* A kernel that has no such switch, before 4.13, always probes. */
        int r = sriov_read_autoprobe(work->physical_fd, &now);
        if (r >= 0 && now == autoprobe)
                return 0;
        if (r >= 0)
                r = sriov_write_autoprobe(work->physical_fd, autoprobe);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot set sriov_drivers_autoprobe of %s to %d: %s",
                                PCI_ADDRESS_TEXT(work->record->physical), autoprobe, strerror(-r));
        return 0;
}

static int describe_count_error(const FunctionWork *work, unsigned count, int error, Problem *problem) {
        const char *address = PCI_ADDRESS_TEXT(work->record->physical);

        if (error == -ENOENT || error == -EOPNOTSUPP)
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "The driver %s of %s makes no virtual functions: the card needs another driver, or its "
                                "driver an option; look into the driver's documentation and 'journalctl -k'.",
                                work->transaction->plan->members[0].driver, address);
        if (count == 0)
                return problem_set(problem, OUTCOME_FAILED,
                                "The driver %s of %s did not remove the virtual functions: %s.",
                                work->transaction->plan->members[0].driver, address, strerror(-error));
        return problem_set(problem, OUTCOME_FAILED,
                        "The driver %s of %s did not make %u virtual functions: %s. The kernel's log may say why.",
                        work->transaction->plan->members[0].driver, address, count, strerror(-error));
}

static int remove_functions(FunctionWork *work, Problem *problem) {
        int r = sriov_write_count(work->physical_fd, 0);

        function_release_nodes(work);
        disk_claims_release(&work->claims);
        return r < 0 ? describe_count_error(work, 0, r, problem) : 0;
}

static int create_functions(FunctionWork *work, Problem *problem) {
        unsigned count = work->transaction->plan->functions.count;

        int r = sriov_write_count(work->physical_fd, count);
        if (r >= 0)
                r = sriov_list_functions(work->physical_fd, &work->made, &work->n_made);
        if (r < 0)
                return describe_count_error(work, count, r, problem);
        if (work->n_made != count)
                return problem_set(problem, OUTCOME_FAILED, "%s has %zu virtual functions after %u were asked for.",
                                PCI_ADDRESS_TEXT(work->record->physical), work->n_made, count);
        return 0;
}

static bool is_made(const FunctionWork *work, PciAddress address) {
        for (size_t i = 0; i < work->n_made; i++)
                if (pci_address_equal(work->made[i], address))
                        return true;
        return false;
}

/* Without isolation by the bridges above, the functions share their group with devices that the host keeps: then no guest could have them. */
static int on_group_member(int directory_fd, const char *name, void *userdata) {
        const FunctionWork *work = userdata;
        char driver[DRIVER_NAME_MAX], path[64];
        PciAddress address;

        if (pci_address_parse(name, &address) < 0 || is_made(work, address))
                return 0;
        (void)snprintf(path, sizeof(path), "%s/driver", PCI_ADDRESS_TEXT(address));
        if (sysfs_read_link(directory_fd, path, driver, sizeof(driver)) < 0 || pci_driver_leaves_dma(driver))
                return 0;
        return 1;
}

/* Like the origin of a device that is detached: what it gets when it is given back. */
static int note_member(FunctionWork *work, const Subject *subject, int group) {
        const FunctionRecord *record = work->record;
        DeviceOrigin origin = {
                        .ids = subject->ids,
                        .power = subject->before.power,
                        .any_driver = record->autoprobe_known && record->autoprobe,
                        .virtual_function = true,
        };

        Record **record_of = &work->detached[work->n_detached];
        unsigned long number = work->transaction->record->number + 1 + work->n_detached;

        int r = virtual_function_read_link(work->transaction->kernel, subject->fd, subject->address, &origin.link);
        if (r < 0 || (r = record_new(number, group, 1, record_of)) < 0)
                return r;
        work->n_detached++;
        return record_add(*record_of, subject->address, RECORD_DETACHED, &origin);
}

static int detach_subject(FunctionWork *work, Subject *subject, Problem *problem) {
        const Kernel *kernel = work->transaction->kernel;
        const char *address = PCI_ADDRESS_TEXT(subject->address);
        int r;

        int group = function_read_group(subject);
        if (group < 0)
                return problem_set(problem, OUTCOME_NO_GROUP,
                                "The virtual function %s is in no IOMMU group: it cannot be given to a guest.",
                                address);
        if (sysfs_for_each(subject->fd, "iommu_group/devices", on_group_member, work) == 1)
                return problem_set(problem, OUTCOME_NOT_VIABLE,
                                "The virtual function %s is in IOMMU group %d together with devices that the host "
                                "keeps: no guest could take it. Put the card into a slot whose bridges have ACS.",
                                address, group);
        if (subject->before.driver[0] != '\0')
                return problem_set(problem, OUTCOME_FAILED, "Somebody else bound the virtual function %s to %s.",
                                address, subject->before.driver);
        if ((r = note_member(work, subject, group)) < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot read the virtual function %s: %s", address,
                                strerror(-r));
        if ((r = subject_set_override(subject, PLAN_VFIO_DRIVER, problem)) != 0 ||
                        (r = subject_probe(subject, kernel, PLAN_VFIO_DRIVER, problem)) != 0)
                return r;
        if ((r = vfio_node_wait(kernel, group, NODE_TIMEOUT_MS)) < 0)
                return problem_set(
                                problem, OUTCOME_FAILED, "%s did not appear: %s", VFIO_NODE_TEXT(group), strerror(-r));
        return 0;
}

static int detach_function(FunctionWork *work, Problem *problem) {
        PciAddress address = work->made[work->n_detached];
        Subject subject;

        int r = function_open(work, address, &subject);
        if (r < 0)
                r = problem_set(problem, OUTCOME_FAILED, "Cannot read the virtual function %s: %s",
                                PCI_ADDRESS_TEXT(address), strerror(-r));
        else
                r = detach_subject(work, &subject, problem);
        subject_close(&subject);
        return r;
}

static int do_step(FunctionWork *work, StepKind kind, Problem *problem) {
        const FunctionTarget *target = &work->transaction->plan->functions;

        switch (kind) {
        case STEP_LOAD_DRIVER:
                return driver_ensure(work->transaction->kernel, PLAN_VFIO_DRIVER, NULL, problem);
        case STEP_SET_AUTOPROBE:
                if (target->count > 0 && target->fate != FUNCTIONS_OF_HOST)
                        return set_autoprobe(work, false, problem);
                return work->record->autoprobe_known ? set_autoprobe(work, work->record->autoprobe, problem) : 0;
        case STEP_REMOVE_FUNCTIONS:
                return remove_functions(work, problem);
        case STEP_CREATE_FUNCTIONS:
                return create_functions(work, problem);
        case STEP_DETACH_FUNCTION:
                return detach_function(work, problem);
        default:
                return -EINVAL;
        }
}

static void report_step(const FunctionWork *work, size_t step) {
        const Transaction *transaction = work->transaction;

        if (transaction->progress)
                transaction->progress(transaction->plan, step, NULL, transaction->progress_userdata);
}

static int check_cancelled(const FunctionWork *work, bool last, Problem *problem) {
        const Transaction *transaction = work->transaction;

        if (!transaction->is_cancelled || !transaction->is_cancelled(last, transaction->progress_userdata))
                return 0;
        return problem_set(problem, OUTCOME_CANCELLED, "The job was cancelled.");
}

/* All but the last, which gives the setting back: or those only that come before the record. */
static int do_steps(FunctionWork *work, bool writing, Problem *problem) {
        const Plan *plan = work->transaction->plan;
        int r = 0;

        for (size_t i = 0; i + 1 < plan->n_steps && r == 0; i++) {
                if ((plan->steps[i].kind != STEP_LOAD_DRIVER) != writing)
                        continue;
                report_step(work, i);
                if ((r = check_cancelled(work, false, problem)) == 0)
                        r = do_step(work, plan->steps[i].kind, problem);
        }
        return r;
}

/* The drivers of new functions as they are now; 0 where one has none. */
static int read_changes(const FunctionWork *work, TransactionReport *report) {
        bool all_bound = true;

        for (size_t i = 0; i < work->n_made; i++) {
                TransactionChange *change = &report->changes[i];

                *change = (TransactionChange){.address = work->made[i]};
                _cleanup_close_ int fd = pci_device_open(work->transaction->kernel, work->made[i]);
                if (fd < 0 || pci_device_read_driver(fd, change->driver_after) < 0)
                        change->driver_after[0] = '\0';
                all_bound = all_bound && change->driver_after[0] != '\0';
        }
        return all_bound;
}

static int collect_changes(const FunctionWork *work, TransactionReport *report) {
        bool waits = work->transaction->plan->functions.fate == FUNCTIONS_OF_HOST && work->record->autoprobe;

        report->changes = calloc(work->n_made + 1, sizeof(TransactionChange));
        if (!report->changes)
                return -ENOMEM;
        report->n_changes = work->n_made;
        for (unsigned i = 0; !read_changes(work, report) && waits && i < BIND_LOOKS; i++)
                (void)poll(NULL, 0, BIND_LOOK_INTERVAL_MS);
        return 0;
}

/* From here on nothing is undone any more: what is there stays. */
static int commit(FunctionWork *work, Problem *problem) {
        int r = 0;

        for (size_t i = 0; i < work->n_detached && r >= 0; i++) {
                Record *record = work->detached[i];
                char driver[DRIVER_NAME_MAX];

                _cleanup_close_ int fd = pci_device_open(work->transaction->kernel, work->made[i]);
                if (fd < 0 || pci_device_read_driver(fd, driver) < 0 || !streq(driver, PLAN_VFIO_DRIVER))
                        return problem_set(problem, OUTCOME_FAILED,
                                        "Somebody else moved the virtual function %s meanwhile.",
                                        PCI_ADDRESS_TEXT(work->made[i]));
                r = record_write(work->transaction->state_fd, record);
                record->lock_fd = safe_close(record->lock_fd);
        }
        if (r >= 0)
                r = write_record(work, FUNCTIONS_MADE);
        return r < 0 ? problem_set(problem, OUTCOME_FAILED, "The record in /run/vfiod cannot be written: %s.",
                                       strerror(-r))
                     : 0;
}

/* The end, also of what an earlier worker has made. */
static int conclude(FunctionWork *work, Problem *problem) {
        const FunctionTarget *target = &work->transaction->plan->functions;
        FunctionRecord *record = work->record;
        bool stays_off = target->count > 0 && target->fate == FUNCTIONS_DRIVERLESS;

        report_step(work, work->transaction->plan->n_steps - 1);
        int r = stays_off || !record->autoprobe_known ? 0 : set_autoprobe(work, record->autoprobe, problem);
        if (r != 0) {
                _cleanup_problem_ Problem cause = *problem;

                *problem = (Problem){};
                return problem_set(problem, OUTCOME_DEGRADED,
                                "The virtual functions are there, but new ones will get no driver of the host: %s. "
                                "The next start of vfiod tries again.",
                                strempty(cause.message));
        }
        /* Where this fails, the next start concludes once more. */
        (void)write_record(work,
                        stays_off && record->autoprobe_known && record->autoprobe ? FUNCTIONS_KEPT : FUNCTIONS_DONE);
        return 0;
}

static int recover(FunctionWork *work, Problem *problem) {
        int r = write_intent(work, problem);

        if (r != 0)
                return r;
        report_step(work, 0);
        return work->record->phase == FUNCTIONS_MAKING ? function_undo(work, problem) : conclude(work, problem);
}

int function_change_run(Transaction *transaction, TransactionReport *report, Problem *problem) {
        _cleanup_(work_done) FunctionWork work = {
                        .transaction = transaction,
                        .record = transaction->record->functions,
                        .physical_fd = -EBADF,
        };
        const Plan *plan = transaction->plan;
        int r;

        if ((r = open_physical(&work, problem)) != 0)
                return r;
        if (plan->functions.recovery)
                return recover(&work, problem);
        if ((r = note_before(&work, problem)) != 0 || (r = function_guard(&work, report, problem)) != 0 ||
                        (r = do_steps(&work, false, problem)) != 0)
                return r;
        work.detached = calloc(plan->functions.count + 1, sizeof(Record *));
        if (!work.detached)
                return -ENOMEM;
        if ((r = write_intent(&work, problem)) != 0)
                return r;

        if (do_steps(&work, true, problem) != 0 || check_cancelled(&work, true, problem) != 0 ||
                        commit(&work, problem) != 0)
                return function_undo(&work, problem);
        if ((r = conclude(&work, problem)) != 0)
                return r;
        return collect_changes(&work, report);
}
