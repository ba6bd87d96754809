/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/work.h"
#include "kernel/sriov.h"
#include "kernel/sysfs.h"
#include "kernel/vfio-node.h"
#include "usage/vfio-holders.h"

#define ADDRESS(work, i) PCI_ADDRESS_TEXT((work)->plan->members[i].address)

int work_init(Work *work, const Transaction *transaction) {
        Plan *plan = transaction->plan;

        *work = (Work){.transaction = transaction, .kernel = transaction->kernel, .plan = plan};
        work->fds = calloc(plan->n_members + 1, sizeof(int));
        if (!work->fds)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++)
                work->fds[i] = -EBADF;
        return 0;
}

void work_done(Work *work) {
        for (size_t i = 0; work->fds && i < work->plan->n_members; i++)
                (void)safe_close(work->fds[i]);
        free(work->fds);
        work_release_groups(work);
        free(work->groups);
        disk_claims_release(&work->claims);
        host_index_done(&work->names);
        *work = (Work){};
}

/* Whether the device at the member's address vanishes with the member's parent, as the member does. */
static int check_parent(const Work *work, const PlanMember *member) {
        PciAddress parent;
        PciFacts facts;

        if (!plan_member_depends(member))
                return 0;
        int r = pci_device_read_facts(work->kernel, member->address, &facts);
        if (r < 0)
                return r;
        parent = work->plan->members[member->parent].address;
        if ((facts.virtual_function && pci_address_equal(facts.physical_function, parent)) ||
                        (facts.behind_controller && pci_address_equal(facts.controller, parent)))
                return 0;
        return -EXDEV;
}

int work_open_member(Work *work, size_t i) {
        const PlanMember *member = &work->plan->members[i];
        PciIds found;

        work->fds[i] = safe_close(work->fds[i]);
        _cleanup_close_ int fd = pci_device_open(work->kernel, member->address);
        if (fd < 0)
                return fd;
        int r = pci_device_read_ids(fd, &found);
        if (r < 0)
                return r;
        if (!pci_ids_equal(&found, &member->ids))
                return -EXDEV;
        if ((r = check_parent(work, member)) < 0)
                return r;
        work->fds[i] = TAKE_FD(fd);
        return 0;
}

int work_read_binding(const Work *work, size_t i, Binding *ret) {
        *ret = (Binding){};
        return work->fds[i] < 0 ? -ENOENT : binding_read(work->fds[i], ret);
}

int work_read_drivers(const Work *work, size_t i, Binding *ret) {
        *ret = (Binding){};
        return work->fds[i] < 0 ? -ENOENT : binding_read_drivers(work->fds[i], ret);
}

int work_check(const Work *work, size_t i, int r, const char *what, Problem *problem) {
        if (r >= 0)
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "%s %s: %s", what, ADDRESS(work, i), strerror(-r));
}

int work_check_read(const Work *work, size_t i, int r, Problem *problem) {
        if (r < 0 && (work->fds[i] < 0 || r == -ENOENT || r == -ENODEV))
                return problem_set(problem, OUTCOME_FAILED, "%s is gone from its slot.", ADDRESS(work, i));
        return work_check(work, i, r, "Cannot read the driver and the settings of", problem);
}

bool work_is_gone(const Work *work, size_t i) {
        Binding now;

        int r = work_read_drivers(work, i, &now);
        return r == -ENODEV || r == -ENOENT;
}

bool work_is_restored(const Work *work, size_t i) {
        Binding now;
        return work_read_binding(work, i, &now) >= 0 && binding_matches(&now, &work->plan->members[i].before);
}

bool work_needs_move(const Work *work, size_t i) {
        const Binding *before = &work->plan->members[i].before, *target = &work->plan->members[i].target;

        if (target->any_driver)
                return before->driver[0] == '\0' || pci_driver_is_vfio(before->driver);
        return before->any_driver || !streq(before->driver, target->driver);
}

int work_read_value(const Work *work, const PlanStep *step, unsigned *ret) {
        _cleanup_free_ PciAddress *vfs = NULL;
        bool autoprobe = true;
        size_t n = 0;
        int r;

        if (step->kind == STEP_SET_AUTOPROBE) {
                r = sriov_read_autoprobe(work->fds[step->member], &autoprobe);
                *ret = autoprobe;
        } else {
                r = sriov_list_functions(work->fds[step->member], &vfs, &n);
                *ret = (unsigned)n;
        }
        return r;
}

const PlanStep *work_find_earlier_step(const Work *work, size_t step) {
        const PlanStep *steps = work->plan->steps;

        for (size_t i = step; i > 0; i--)
                if (steps[i - 1].kind == steps[step].kind && steps[i - 1].member == steps[step].member)
                        return &steps[i - 1];
        return NULL;
}

/* Opening. */

static int check_group(const Work *work, size_t i, Problem *problem) {
        const PlanMember *member = &work->plan->members[i];
        char text[16];

        int r = sysfs_read_link(work->fds[i], "iommu_group", text, sizeof(text));
        if (member->group == IOMMU_GROUP_NONE ? r == -ENOENT : r >= 0 && atoi(text) == member->group)
                return 0;
        return problem_set(problem, OUTCOME_IDENTITY_CHANGED,
                        "%s is no longer in IOMMU group %d: list the groups again with 'vfioctl groups'.",
                        ADDRESS(work, i), member->group);
}

static int describe_open_error(const Work *work, size_t i, int error, Problem *problem) {
        const PciIds *ids = &work->plan->members[i].ids;

        if (error == -EXDEV)
                return problem_set(problem, OUTCOME_IDENTITY_CHANGED,
                                "At %s, there is another card now, not %04x:%04x. vfiod does not touch it.",
                                ADDRESS(work, i), ids->vendor, ids->device);
        if (error == -ENOENT || error == -ENODEV)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "%s is gone from its slot: list the devices again with 'vfioctl devices'.",
                                ADDRESS(work, i));
        return work_check(work, i, error, "Cannot read", problem);
}

/* Our early udev rule may have set driver_override already, and a vfio driver may have bound. Then nobody knows which driver
 * the device would have without the rule. A driver of the host that bound first stays. */
static void expect_early_override(const Plan *plan, PlanMember *member) {
        Binding *before = &member->before;
        bool override = pci_driver_is_vfio(before->override);
        bool bound = pci_driver_is_vfio(before->driver), driverless = before->driver[0] == '\0';

        if (!plan->by_rule)
                return;
        member->early = override && (!bound || member->appeared);
        member->unknown_origin = member->early ? bound || driverless
                                               : plan->verb == PLAN_DETACH && member->appeared && driverless;
        if (member->early)
                before->override[0] = '\0';
        if (member->unknown_origin) {
                before->driver[0] = '\0';
                before->any_driver = true;
        } else if (plan->verb == PLAN_REATTACH)
                /* The device has a driver, or vfiod does not prevent one from binding. */
                member->target = *before;
}

/* A reset changes no driver. */
static int expect_detached(const Work *work, size_t i, Problem *problem) {
        PlanMember *member = &work->plan->members[i];

        member->target = member->before;
        if (pci_driver_is_vfio(member->before.driver))
                return 0;
        return problem_set(problem, OUTCOME_NOT_DETACHED,
                        "Another program has just taken %s from its vfio driver: list the devices again with 'vfioctl "
                        "devices'.",
                        ADDRESS(work, i));
}

/* The state may have changed since the plan was made from the model. */
static int read_before(Work *work, size_t i, Problem *problem) {
        PlanMember *member = &work->plan->members[i];
        Binding *before = &member->before;
        PciAddress pf;
        VfioCdev cdev;

        /* The kernel sends the event of a new VF before it creates the link to its PF, so the model may not know it yet. */
        member->virtual_function = member->virtual_function || pci_device_is_vf(work->fds[i], &pf);
        int r = binding_read(work->fds[i], before);
        if (r >= 0 && member->virtual_function)
                r = virtual_function_read_link(work->kernel, work->fds[i], member->address, &before->link);
        /* Only for the names of holders, so an error does not matter. */
        if (r >= 0 && pci_driver_is_vfio(before->driver) && vfio_cdev_read(work->fds[i], &cdev) > 0)
                member->cdev = cdev.number;
        if ((r = work_check_read(work, i, r, problem)) != 0)
                return r;
        if (work->plan->verb == PLAN_RESET)
                return expect_detached(work, i, problem);
        expect_early_override(work->plan, member);
        if (work->plan->verb == PLAN_DETACH && !plan_member_depends(member) && !member->unknown_origin &&
                        pci_driver_is_vfio(before->driver))
                return problem_set(problem, OUTCOME_FOREIGN,
                                "Another program has just bound %s to %s: list the groups again with 'vfioctl groups'.",
                                ADDRESS(work, i), before->driver);
        return 0;
}

/* Whether the member exists before the first step: no step creates it or brings it back. */
static bool is_expected(const Plan *plan, const PlanMember *member) {
        return !member->created && !(plan->verb == PLAN_REATTACH && plan_member_depends(member));
}

/* Without its state file, a detached device would never come back. So only a device that is gone is forgotten. */
static int check_gone(Work *work, Problem *problem) {
        int r = work_open_member(work, 0);

        if (r == 0)
                return problem_set(problem, OUTCOME_FAILED,
                                "%s is in its slot again, so vfiod does not forget it: list the devices again with "
                                "'vfioctl devices'.",
                                ADDRESS(work, 0));
        return r == -EXDEV || r == -ENOENT || r == -ENODEV ? 0 : work_check(work, 0, r, "Cannot read", problem);
}

int work_open(Work *work, Problem *problem) {
        Plan *plan = work->plan;

        if (plan->forget)
                return check_gone(work, problem);
        for (size_t i = 0; i < plan->n_members; i++) {
                if (!is_expected(plan, &plan->members[i]))
                        continue;
                int r = work_open_member(work, i);
                if (r < 0)
                        return describe_open_error(work, i, r, problem);
                if ((r = check_group(work, i, problem)) != 0 || (r = read_before(work, i, problem)) != 0)
                        return r;
        }
        return 0;
}

void work_open_for_recovery(Work *work) {
        for (size_t i = 0; i < work->plan->n_members; i++)
                if (!work->plan->members[i].created)
                        (void)work_open_member(work, i);
}

int work_verify_unmoved(const Work *work, Problem *problem) {
        for (size_t i = 0; i < work->plan->n_members; i++) {
                const PlanMember *member = &work->plan->members[i];
                const Binding *before = &member->before;
                Binding now;

                if (work->fds[i] < 0)
                        continue;
                int r = work_read_drivers(work, i, &now);
                bool may_be_bound = before->driver[0] == '\0' && member->unknown_origin;
                bool same_override = streq(now.override, before->override) ||
                                (work->plan->by_rule && pci_driver_is_vfio(now.override));
                /* When a driver is loaded, it binds to the devices that it matches. */
                bool same_driver = streq(now.driver, before->driver) ||
                                (before->driver[0] == '\0' && streq(now.driver, member->target.driver)) ||
                                (may_be_bound && pci_driver_is_vfio(now.driver));
                if (r < 0 || !same_override || !same_driver)
                        return problem_set(problem, OUTCOME_FAILED,
                                        "Another program changed %s while vfiod examined it. Nothing was changed: try "
                                        "again.",
                                        ADDRESS(work, i));
        }
        return 0;
}

/* Checks that the VFs of the member are members. */
static int verify_functions(const Work *work, size_t i, Problem *problem) {
        _cleanup_free_ PciAddress *functions = NULL;
        size_t n = 0;

        int r = sriov_list_functions(work->fds[i], &functions, &n);
        if (r < 0)
                return r == -ENOMEM ? r : work_check(work, i, r, "Cannot list the virtual functions of", problem);
        for (size_t k = 0; k < n; k++)
                if (plan_find_member(work->plan, functions[k]) < 0)
                        return problem_set(problem, OUTCOME_FAILED,
                                        "Another program has just changed the virtual functions of %s. Nothing was "
                                        "changed: try again.",
                                        ADDRESS(work, i));
        return 0;
}

typedef struct Search {
        const Work *work;
        PciAddress found;
        size_t parent; /* index of the member that it is behind */
} Search;

/* Returns 1 if the function is behind a member, and is no member. */
static int on_function(PciAddress address, void *userdata) {
        Search *search = userdata;
        PciAddress controller;
        char path[PATH_MAX];
        PciFacts facts;

        int r = sysfs_read_target(search->work->kernel->devices_fd, PCI_ADDRESS_TEXT(address), path, sizeof(path));
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        int parent = pci_path_find_controller(path, &controller) < 0 ? -1
                                                                     : plan_find_member(search->work->plan, controller);
        if (parent < 0 || plan_find_member(search->work->plan, address) >= 0)
                return 0;
        if ((r = pci_device_read_facts(search->work->kernel, address, &facts)) < 0)
                return r == -ENOENT || r == -ENODEV ? 0 : r;
        *search = (Search){search->work, address, (size_t)parent};
        /* A bridge is never given away. */
        return facts.endpoint;
}

/* What the folder of a member lists. */
typedef struct Dependents {
        bool functions; /* links to VFs */
        bool bus;       /* a root bus, which a controller such as a VMD has made */
} Dependents;

static int on_dependent(int folder_fd, const char *name, void *userdata) {
        Dependents *dependents = userdata;

        (void)folder_fd;
        dependents->functions = dependents->functions || startswith(name, "virtfn");
        /* As pci_path_find_controller() finds it in a path. */
        dependents->bus = dependents->bus || startswith(name, "pci");
        return 0;
}

int work_verify_complete(const Work *work, Problem *problem) {
        Search search = {.work = work};
        bool has_controller = false;
        int r = 0;

        for (size_t i = 0; i < work->plan->n_members; i++) {
                Dependents dependents = {};

                if (work->fds[i] < 0) {
                        has_controller = true; /* unknown */
                        continue;
                }
                r = sysfs_for_each(work->fds[i], ".", on_dependent, &dependents);
                if ((r = work_check_read(work, i, r, problem)) != 0 ||
                                (dependents.functions && (r = verify_functions(work, i, problem)) != 0))
                        return r;
                has_controller = has_controller || dependents.bus;
        }
        /* A host can have 10,000 functions. */
        if (has_controller)
                r = pci_device_for_each(work->kernel, on_function, &search);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot list the devices: %s", strerror(-r));
        if (r == 0)
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "%s has just appeared behind %s. Nothing was changed: try again.",
                        PCI_ADDRESS_TEXT(search.found), ADDRESS(work, search.parent));
}

/* Groups. */

bool work_holds_group(const Work *work, int group) {
        for (size_t i = 0; i < work->n_groups; i++)
                if (work->groups[i].group == group)
                        return true;
        return false;
}

void work_release_groups(Work *work) {
        for (size_t i = 0; i < work->n_groups; i++)
                (void)safe_close(work->groups[i].fd);
        work->n_groups = 0;
}

static int hold_group(Work *work, int group, const GroupDevice *devices, size_t n_devices, Problem *problem) {
        _cleanup_problem_ Problem without_cdev = {};
        size_t n = 0;
        int fd = -EBADF;

        if (group == IOMMU_GROUP_NONE || work_holds_group(work, group))
                return 0;
        HeldGroup *grown = reallocarray(work->groups, work->n_groups + 1, sizeof(HeldGroup));
        if (!grown)
                return -ENOMEM;
        work->groups = grown;
        int r = vfio_check_unheld(work->kernel, plan_reader(work->plan), group, NULL, 0, &fd, &without_cdev);
        if (r > 0) {
                /* Tries again with the devices of the group, to name the process that has the cdev of one of them. */
                _cleanup_free_ PciAddress *members = calloc(n_devices, sizeof(PciAddress));
                if (!members)
                        return -ENOMEM;
                for (size_t i = 0; i < n_devices; i++)
                        if (devices[i].group == group)
                                members[n++] = devices[i].address;
                r = vfio_check_unheld(work->kernel, plan_reader(work->plan), group, members, n, &fd, problem);
        }
        if (r == 0)
                grown[work->n_groups++] = (HeldGroup){group, fd};
        return r;
}

static int name_device(GroupDevice device, Problem *problem) {
        _cleanup_free_ char *cause = TAKE_PTR(problem->message);

        return problem_set(problem, OUTCOME_HELD, "%s cannot leave its driver: %s", PCI_ADDRESS_TEXT(device.address),
                        strempty(cause));
}

int work_hold_groups(Work *work, const GroupDevice *devices, size_t n_devices, Problem *problem) {
        _cleanup_free_ PciAddress *addresses = calloc(n_devices + 1, sizeof(PciAddress));
        if (!addresses)
                return -ENOMEM;
        for (size_t i = 0; i < n_devices; i++) {
                int r = hold_group(work, devices[i].group, devices, n_devices, problem);
                if (r == OUTCOME_HELD && work->plan->verb != PLAN_REATTACH && work->plan->verb != PLAN_RESET)
                        return name_device(devices[i], problem);
                if (r != 0)
                        return r;
                addresses[i] = devices[i].address;
        }
        /* One walk over all processes for all cdevs. */
        return n_devices > 0
                        ? vfio_check_cdevs_unheld(work->kernel, plan_reader(work->plan), addresses, n_devices, problem)
                        : 0;
}

int work_hold_members(Work *work, bool (*leaves)(const Work *work, size_t i), Problem *problem) {
        const Plan *plan = work->plan;
        size_t n = 0;

        _cleanup_free_ GroupDevice *devices = calloc(plan->n_members, sizeof(GroupDevice));
        if (!devices)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++)
                if (leaves(work, i))
                        devices[n++] = (GroupDevice){plan->members[i].address, plan->members[i].group};
        return work_hold_groups(work, devices, n, problem);
}
