/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/bind.h"
#include "engine/steps.h"
#include "kernel/sriov.h"
#include "kernel/sysfs.h"
#include "state/device-file.h"

#include <poll.h>

/* Steps by which members vanish and appear: VFs with the number of VFs of their PF, devices behind a controller with
 * its driver. */

#define ADDRESS(work, i) PCI_ADDRESS_TEXT((work)->plan->members[i].address)

/* The kernel adds such devices before the write returns, but some of their drivers bind a moment later. */
#define APPEAR_TRIES 250
#define BIND_TRIES 100
#define TRY_INTERVAL_MS 20

static int set_autoprobe(const Work *work, const PlanStep *step, bool value, Problem *problem) {
        int fd = work->fds[step->member];
        bool now;

        int r = sriov_read_autoprobe(fd, &now);
        if (r >= 0 && now != value && (r = sriov_write_autoprobe(fd, value)) >= 0)
                r = sriov_read_autoprobe(fd, &now);
        /* A kernel before 4.13 has no such switch, and always probes. */
        if (r == -ENOENT || (r >= 0 && now == value))
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "sriov_drivers_autoprobe of %s cannot be set to %d: %s",
                        ADDRESS(work, step->member), value, r < 0 ? strerror(-r) : "it keeps its value");
}

static int apply_autoprobe(Work *work, const PlanStep *step, Problem *problem) {
        return set_autoprobe(work, step, step->value != 0, problem);
}

static int revert_autoprobe(Work *work, const PlanStep *step, Problem *problem) {
        return set_autoprobe(work, step, step->before != 0, problem);
}

const StepRow set_autoprobe_row = {apply_autoprobe, NULL, revert_autoprobe};

/* The number of VFs. */

static int list_vfs(const Work *work, const PlanStep *step, PciAddress **ret, size_t *ret_n, Problem *problem) {
        int r = sriov_list_functions(work->fds[step->member], ret, ret_n);
        return work_check(work, step->member, r, "Cannot list the virtual functions of", problem);
}

/* The cause and the cure of an error of sriov_numvfs (sriov_enable() in drivers/pci/iov.c, and sriov_configure() of
 * the drivers). */
static const char *explain_count_error(int error) {
        switch (-error) {
        case ENOMEM:
                return "there are no addresses (MMIO) or no bus numbers for them (ENOMEM). Enable SR-IOV and \"Above "
                       "4G Decoding\" in the firmware set-up, or start the kernel with pci=realloc (for bus numbers, "
                       "with pci=assign-busses)";
        case ENOSPC:
                return "the card or the machine has no interrupts (MSI-X) or no bus numbers left for them (ENOSPC). "
                       "Ask for fewer, give the card fewer queues on the host, or start the kernel with "
                       "pci=assign-busses";
        case EBUSY:
                return "other virtual functions exist, or a virtual machine has one (EBUSY). Stop the virtual machine, "
                       "or the program that also sets this number";
        case EINVAL:
        case ERANGE:
                return "the driver does not accept this number (EINVAL). Try a smaller number; some cards need another "
                       "setting in their firmware first";
        case EAGAIN:
        case ENETDOWN:
        case ENODEV:
                return "the card is not ready, for example because it is being reset. Set its interface up and try "
                       "again";
        case EPERM:
        case EACCES:
                return "the driver does not allow it in the present mode of the card (EPERM). See the driver's "
                       "documentation";
        default:
                return strerror(-error);
        }
}

static int describe_count_error(const Work *work, const PlanStep *step, unsigned count, int error, Problem *problem) {
        const char *address = ADDRESS(work, step->member);
        const char *driver = work->plan->members[step->member].before.driver;

        if (error == -ENOENT || error == -EOPNOTSUPP)
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "The driver %s of %s cannot create virtual functions: use another driver, or load the "
                                "driver with an option. See the driver's documentation and 'journalctl -k'.",
                                driver, address);
        return problem_set(problem, OUTCOME_FAILED,
                        "The driver %s of %s could not set the number of virtual functions to %u: %s. 'journalctl -k "
                        "-g %s' may say more.",
                        driver, address, count, explain_count_error(error), address);
}

static bool is_vf_member(const PlanMember *member, const PlanStep *step) {
        return member->virtual_function && member->parent == (int)step->member;
}

/* Opens the VFs that the step created, and fills in their members in the order of the kernel. */
static int open_vfs(Work *work, const PlanStep *step, const PciAddress *vfs, size_t n, Problem *problem) {
        size_t next = 0;

        for (size_t i = 0; i < work->plan->n_members; i++) {
                PlanMember *member = &work->plan->members[i];
                char group[16];

                if (!member->created || !is_vf_member(member, step) || next >= n)
                        continue;
                member->address = vfs[next++];
                work->fds[i] = safe_close(work->fds[i]);
                work->fds[i] = pci_device_open(work->kernel, member->address);
                int r = work->fds[i] < 0 ? work->fds[i] : pci_device_read_ids(work->fds[i], &member->ids);
                if (r >= 0)
                        r = binding_read(work->fds[i], &member->before);
                if (r >= 0)
                        r = virtual_function_read_link(
                                        work->kernel, work->fds[i], member->address, &member->before.link);
                if ((r = work_check(work, i, r, "Cannot read the virtual function", problem)) != 0)
                        return r;
                r = sysfs_read_link(work->fds[i], "iommu_group", group, sizeof(group));
                member->group = r < 0 ? IOMMU_GROUP_NONE : atoi(group);
        }
        return 0;
}

/* Whether the entry of a group is a device that the host keeps. Without ACS on the bridges above, VFs share a group
 * with others. */
static int on_group_member(int folder_fd, const char *name, void *userdata) {
        const Work *work = userdata;
        char driver[DRIVER_NAME_MAX], path[64];
        PciAddress address;

        if (pci_address_parse(name, &address) < 0)
                return 0;
        for (size_t i = 0; i < work->plan->n_members; i++)
                if (work->plan->members[i].created && pci_address_equal(work->plan->members[i].address, address))
                        return 0;
        (void)snprintf(path, sizeof(path), "%s/driver", PCI_ADDRESS_TEXT(address));
        return sysfs_read_link(folder_fd, path, driver, sizeof(driver)) >= 0 && !pci_driver_leaves_dma(driver);
}

static int check_created(Work *work, Problem *problem) {
        for (size_t i = 0; i < work->plan->n_members; i++) {
                const PlanMember *member = &work->plan->members[i];

                if (!member->created)
                        continue;
                if (member->group == IOMMU_GROUP_NONE)
                        return problem_set(problem, OUTCOME_NO_GROUP,
                                        "The virtual function %s has no IOMMU group, so a virtual machine cannot use "
                                        "it.",
                                        ADDRESS(work, i));
                if (sysfs_for_each(work->fds[i], "iommu_group/devices", on_group_member, work) == 1)
                        return problem_set(problem, OUTCOME_NOT_VIABLE,
                                        "The virtual function %s is in IOMMU group %d together with devices that the "
                                        "host keeps, so no virtual machine could use it. Put the card into a slot "
                                        "whose bridges have ACS.",
                                        ADDRESS(work, i), member->group);
                if (member->before.driver[0] != '\0')
                        return problem_set(problem, OUTCOME_FAILED,
                                        "Another program has bound the virtual function %s to %s.", ADDRESS(work, i),
                                        member->before.driver);
        }
        return 0;
}

static int write_count(Work *work, const PlanStep *step, unsigned count, Problem *problem) {
        int r = sriov_write_count(work->fds[step->member], count);

        if (count == 0) {
                disk_claims_release(&work->claims);
                work_release_groups(work);
                for (size_t i = 0; i < work->plan->n_members; i++)
                        if (is_vf_member(&work->plan->members[i], step))
                                work->fds[i] = safe_close(work->fds[i]);
        }
        return r < 0 ? describe_count_error(work, step, count, r, problem) : 0;
}

static int apply_vfs(Work *work, const PlanStep *step, Problem *problem) {
        _cleanup_free_ PciAddress *vfs = NULL;
        size_t n;

        int r = list_vfs(work, step, &vfs, &n, problem);
        return r == 0 && n != step->value ? write_count(work, step, step->value, problem) : r;
}

static int verify_vfs(Work *work, const PlanStep *step, Problem *problem) {
        _cleanup_free_ PciAddress *vfs = NULL;
        size_t n;

        int r = list_vfs(work, step, &vfs, &n, problem);
        if (r != 0)
                return r;
        if (n != step->value)
                return problem_set(problem, OUTCOME_FAILED, "%s has %zu virtual functions instead of %u.",
                                ADDRESS(work, step->member), n, step->value);
        if (n == 0 || (r = open_vfs(work, step, vfs, n, problem)) != 0)
                return r;
        return work->plan->verb == PLAN_SET_VFS && work->plan->vf_fate == VFS_DETACHED ? check_created(work, problem)
                                                                                       : 0;
}

/* Whether the VFs that exist are those from before the plan. */
static bool has_vfs_before(const Work *work, const PlanStep *step, const PciAddress *vfs, size_t n) {
        size_t n_before = 0;

        for (size_t i = 0; i < work->plan->n_members; i++)
                n_before += !work->plan->members[i].created && is_vf_member(&work->plan->members[i], step);
        for (size_t i = 0; i < n; i++)
                if (plan_find_member(work->plan, vfs[i]) < 0)
                        return false;
        return n == n_before;
}

/* If a virtual machine has a VF, its removal would wait until that machine ends: then all VFs stay. */
static int hold_vfs(Work *work, const PciAddress *vfs, size_t n, Problem *problem) {
        size_t n_held = 0;

        _cleanup_free_ GroupDevice *devices = calloc(n + 1, sizeof(GroupDevice));
        if (!devices)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                char driver[DRIVER_NAME_MAX], group[16];

                _cleanup_close_ int fd = pci_device_open(work->kernel, vfs[i]);
                if (fd >= 0 && pci_device_read_driver(fd, driver) >= 0 && pci_driver_is_vfio(driver) &&
                                sysfs_read_link(fd, "iommu_group", group, sizeof(group)) >= 0)
                        devices[n_held++] = (GroupDevice){vfs[i], atoi(group)};
        }
        return work_hold_groups(work, devices, n_held, problem);
}

static int revert_vfs(Work *work, const PlanStep *step, Problem *problem) {
        _cleanup_free_ PciAddress *vfs = NULL;
        size_t n = 0;

        int r = list_vfs(work, step, &vfs, &n, problem);
        if (r != 0)
                return r;
        if (has_vfs_before(work, step, vfs, n) || n == step->before)
                return 0;
        if (n > 0 && ((r = hold_vfs(work, vfs, n, problem)) != 0 || (r = write_count(work, step, 0, problem)) != 0))
                return r;
        for (size_t i = 0; i < n; i++)
                if (plan_find_member(work->plan, vfs[i]) < 0)
                        (void)device_file_remove(work->transaction->devices_fd, vfs[i]);
        return step->before > 0 ? write_count(work, step, step->before, problem) : 0;
}

const StepRow set_vfs_row = {apply_vfs, verify_vfs, revert_vfs};

/* Members that vanish and come back. */

static void wait_for_member(Work *work, size_t i) {
        for (unsigned try = 0; work_open_member(work, i) < 0 && try < APPEAR_TRIES; try++)
                (void)poll(NULL, 0, TRY_INTERVAL_MS);
}

static int revert_vanish(Work *work, const PlanStep *step, Problem *problem) {
        if (work_is_gone(work, step->member))
                wait_for_member(work, step->member);
        if (work->fds[step->member] < 0)
                return problem_set(problem, OUTCOME_FAILED, "%s did not appear again.", ADDRESS(work, step->member));
        /* A new VF at the same address may have been recorded. */
        if (work->plan->verb == PLAN_SET_VFS && !work->plan->members[step->member].recorded)
                (void)device_file_remove(work->transaction->devices_fd, work->plan->members[step->member].address);
        return bind_as(work, step->member, &work->plan->members[step->member].before, problem);
}

const StepRow vanish_row = {NULL, NULL, revert_vanish};

/* A driver of the host may bind by itself, a moment after the device is there. */
static void wait_for_driver(Work *work, size_t i) {
        Binding now;

        for (unsigned try = 0; try < BIND_TRIES; try++) {
                if (work_read_binding(work, i, &now) < 0 || now.driver[0] != '\0')
                        return;
                (void)poll(NULL, 0, TRY_INTERVAL_MS);
        }
}

static int apply_appear(Work *work, const PlanStep *step, Problem *problem) {
        PlanMember *member = &work->plan->members[step->member];
        Binding now;

        wait_for_member(work, step->member);
        /* A disk that died must not prevent the reattach of its controller. It stays in the list as absent. */
        if (work->fds[step->member] < 0) {
                binding_set_driver(&member->target, NULL);
                return 0;
        }
        if (!member->virtual_function && (member->target.driver[0] != '\0' || member->target.any_driver))
                wait_for_driver(work, step->member);
        int r = bind_as(work, step->member, &member->target, problem);
        if (r == 0 && work_read_binding(work, step->member, &now) >= 0)
                binding_set_driver(&member->target, now.driver);
        return r;
}

static int verify_appear(Work *work, const PlanStep *step, Problem *problem) {
        const Binding *wanted = &work->plan->members[step->member].target;
        Binding now;

        int r = work_read_binding(work, step->member, &now);
        if (r == -ENOENT || r == -ENODEV)
                return 0;
        if ((r = work_check_read(work, step->member, r, problem)) != 0)
                return r;
        bool other_driver = wanted->any_driver ? pci_driver_is_vfio(now.driver) : !streq(now.driver, wanted->driver);
        if (other_driver || !streq(now.override, wanted->override) || !bind_has_power(&now.power, &wanted->power))
                return problem_set(problem, OUTCOME_FAILED,
                                "%s appeared, but its driver '%s', its driver_override '%s' or its power settings are "
                                "not as they were written.",
                                ADDRESS(work, step->member), now.driver, now.override);
        return bind_check_link(work, step->member, &wanted->link, problem);
}

const StepRow appear_row = {apply_appear, verify_appear, NULL};
