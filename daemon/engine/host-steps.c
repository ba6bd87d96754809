/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/driver.h"
#include "engine/steps.h"
#include "engine/vfio-driver.h"
#include "kernel/sysfs.h"
#include "kernel/vfio-node.h"

/* Steps that keep other programs from the devices, or wait for the host. */

#define NODE_TIMEOUT_MS 5000

/* Whether the member is on a vfio driver, and the plan takes it from this driver. */
static bool leaves_vfio(const Work *work, size_t i) {
        const PlanMember *member = &work->plan->members[i];

        if (work->fds[i] < 0)
                return false;
        return work->plan->verb == PLAN_REATTACH
                        ? !plan_member_depends(member)
                        : plan_member_depends(member) && pci_driver_is_vfio(member->before.driver);
}

typedef struct GroupDevices {
        int group;
        GroupDevice *devices;
        size_t n_devices;
} GroupDevices;

static void group_devices_done(GroupDevices *list) {
        free(list->devices);
}

static int add_group_device(GroupDevices *list, PciAddress address) {
        if (!ARRAY_GROW(list->devices, list->n_devices))
                return -ENOMEM;
        list->devices[list->n_devices++] = (GroupDevice){address, list->group};
        return 0;
}

static int on_group_device(int folder_fd, const char *name, void *userdata) {
        PciAddress address;

        (void)folder_fd;
        return pci_address_parse(name, &address) < 0 ? 0 : add_group_device(userdata, address);
}

/* A virtual machine may have another device of the group. On a kernel without group nodes, only the cdev of that device
 * tells. */
static int hold_whole_group(Work *work, Problem *problem) {
        const PlanMember *member = &work->plan->members[0];
        _cleanup_(group_devices_done) GroupDevices list = {.group = member->group};

        int r = member->group == IOMMU_GROUP_NONE
                        ? add_group_device(&list, member->address)
                        : sysfs_for_each(work->fds[0], "iommu_group/devices", on_group_device, &list);
        if (r == -ENOMEM || (r = work_check(work, 0, r, "Cannot list the IOMMU group of", problem)) != 0)
                return r;
        return work_hold_groups(work, list.devices, list.n_devices, problem);
}

static int apply_lock_node(Work *work, const PlanStep *step, Problem *problem) {
        (void)step;
        return work->plan->verb == PLAN_RESET ? hold_whole_group(work, problem)
                                              : work_hold_members(work, leaves_vfio, problem);
}

const StepRow lock_node_row = {apply_lock_node, NULL, NULL};

static bool is_member(PciAddress address, const void *userdata) {
        return plan_find_member(userdata, address) >= 0;
}

static int apply_claim_disks(Work *work, const PlanStep *step, Problem *problem) {
        _cleanup_host_index_ HostIndex index = {};

        (void)step;
        int r = host_index_read(work->kernel, 1U << HOST_NAME_BLOCK, is_member, work->plan, &index);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "The host's disks cannot be read: %s", strerror(-r));
        for (size_t i = 0; i < work->plan->n_members; i++) {
                const char *address = PCI_ADDRESS_TEXT(work->plan->members[i].address);

                if (work->fds[i] < 0)
                        continue;
                r = disk_claims_take(&work->claims, work->kernel, &index, work->plan->members[i].address);
                if (r == -EBUSY && work->plan->overrides & 1U << GUARD_STORAGE)
                        continue;
                if (r < 0)
                        return problem_set(problem, OUTCOME_IN_USE_STORAGE,
                                        "A program has just begun to use a disk of %s, or the disk cannot be claimed "
                                        "(%s): see 'vfioctl plan %s'.",
                                        address, strerror(-r), address);
        }
        return 0;
}

const StepRow claim_disks_row = {apply_claim_disks, NULL, NULL};

static int apply_load_driver(Work *work, const PlanStep *step, Problem *problem) {
        const PlanMember *member = &work->plan->members[step->member];

        /* One step for all members that get a vfio driver. */
        if (work->plan->verb != PLAN_REATTACH)
                return vfio_driver_load(work, problem);
        if (member->target.driver[0] == '\0')
                return 0;
        return driver_ensure(
                        work->kernel, member->target.driver, member->origin ? member->origin->module : NULL, problem);
}

const StepRow load_driver_row = {apply_load_driver, NULL, NULL};

static int report_missing(const char *node, int error, Problem *problem) {
        if (error == -ESTALE)
                return problem_set(problem, OUTCOME_FAILED,
                                "%s is not the node that the kernel made: it has another device number. It may be left "
                                "over from an earlier boot, or somebody made it by hand. Remove it and try again.",
                                node);
        return problem_set(problem, OUTCOME_FAILED, "%s did not appear: %s", node, strerror(-error));
}

static int wait_for_cdev(const Work *work, size_t i, Problem *problem) {
        VfioCdev cdev;

        int r = vfio_cdev_read(work->fds[i], &cdev);
        if (r <= 0)
                return problem_set(problem, OUTCOME_FAILED, "The vfio character device of %s did not appear: %s",
                                PCI_ADDRESS_TEXT(work->plan->members[i].address), strerror(r < 0 ? -r : ENODEV));
        r = vfio_cdev_wait(work->kernel, &cdev, NODE_TIMEOUT_MS);
        return r < 0 ? report_missing(VFIO_CDEV_TEXT(cdev.index), r, problem) : 0;
}

/* Waits for the cdevs of all members of the group that the plan moves to a vfio driver. */
static int wait_for_cdevs(const Work *work, int group, Problem *problem) {
        int r = 0;

        for (size_t i = 0; i < work->plan->n_members && r == 0; i++) {
                const PlanMember *member = &work->plan->members[i];

                if (member->group == group && work->fds[i] >= 0 && pci_driver_is_vfio(member->target.driver))
                        r = wait_for_cdev(work, i, problem);
        }
        return r;
}

static int apply_wait_node(Work *work, const PlanStep *step, Problem *problem) {
        int group = work->plan->members[step->member].group;

        if (!vfio_has_group_nodes(work->kernel))
                return wait_for_cdevs(work, group, problem);
        int r = vfio_node_wait(work->kernel, group, NODE_TIMEOUT_MS);
        return r < 0 ? report_missing(VFIO_NODE_TEXT(group, false), r, problem) : 0;
}

const StepRow wait_node_row = {apply_wait_node, NULL, NULL};
