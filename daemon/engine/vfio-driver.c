/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/vfio-driver.h"
#include "engine/driver.h"
#include "kernel/modules.h"
#include "kernel/sysfs.h"
#include "kernel/variant.h"

/* A device of the member, or the PF of a VF that does not exist yet. */
#define ADDRESS(work, i) PCI_ADDRESS_TEXT((work)->plan->members[(work)->plan->members[i].created ? 0 : (i)].address)

static int warn_fallback(const Work *work, size_t i, const char *module, const char *reason) {
        bool created = work->plan->members[i].created;

        return plan_add_warning(work->plan,
                        "There is a variant driver for %s%s, the module '%s', which can do more than " PLAN_VFIO_DRIVER
                        ". But vfiod uses " PLAN_VFIO_DRIVER " instead: %s",
                        created ? "the virtual functions of " : "", ADDRESS(work, i), TEXT_NAME(module), reason);
}

/* The ids of a VF that does not exist yet are those of its PF, but for that of the device. Returns whether they are
 * known. */
static bool read_ids(const Work *work, size_t i, PciIds *ret) {
        const PlanMember *member = &work->plan->members[i];
        char text[16];

        *ret = member->created ? work->plan->members[0].ids : member->ids;
        if (!member->created)
                return true;
        if (work->fds[0] < 0 || sysfs_read_text(work->fds[0], "sriov_vf_device", text, sizeof(text)) < 0)
                return false;
        /* The kernel prints it as a hexadecimal number without "0x". */
        ret->device = (uint16_t)strtoul(text, NULL, 16);
        return true;
}

static bool is_on_disk(const Work *work, const char *module) {
        ModuleSearch search;

        modules_search(work->kernel, module, &search);
        return search.file != MODULE_FILE_MISSING && search.file != MODULE_FILE_NO_FOLDER;
}

static int choose_named(const Work *work, size_t i, Problem *problem) {
        PlanMember *member = &work->plan->members[i];
        const char *name = member->named_driver;
        char driver[DRIVER_NAME_MAX];

        if (driver_find_vfio(work->kernel, name, driver) == 0)
                name = driver;
        else if (!is_on_disk(work, name))
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "The running kernel has no driver and no module '%s', which was asked for %s. See "
                                "'modinfo %s', or leave the driver to vfiod.",
                                name, ADDRESS(work, i), name);
        plan_set_vfio_driver(member, name);
        return 0;
}

static int choose_variant(const Work *work, size_t i, const VariantList *list) {
        PlanMember *member = &work->plan->members[i];
        char driver[DRIVER_NAME_MAX];
        PciIds ids;

        const Variant *variant = read_ids(work, i, &ids) ? variant_list_find(list, &ids) : NULL;
        if (!variant)
                return 0;
        if (driver_find_vfio(work->kernel, variant->module, driver) == 0)
                plan_set_vfio_driver(member, driver);
        else if (variant->blacklisted)
                return warn_fallback(work, i, variant->module, "it is blacklisted in /etc/modprobe.d.");
        else if (!is_on_disk(work, variant->module))
                return warn_fallback(work, i, variant->module, "the running kernel does not have it on disk.");
        else
                plan_set_vfio_driver(member, variant->module);
        return 0;
}

/* Finds an earlier member for which the choice was the same. Returns -1 if there is none. */
static int find_same(const Plan *plan, size_t i) {
        const PlanMember *member = &plan->members[i];

        for (size_t k = i; k > 0; k--) {
                const PlanMember *earlier = &plan->members[k - 1];

                if (plan_binds_vfio(plan, earlier) && earlier->created == member->created &&
                                streq_ptr(earlier->named_driver, member->named_driver) &&
                                pci_ids_equal(&earlier->ids, &member->ids))
                        return (int)k - 1;
        }
        return -1;
}

/* Returns 0, also if the list cannot be read: then it is empty, and a warning says so. */
static int read_variants(const Work *work, size_t i, VariantList *ret) {
        int r = variant_list_read(work->kernel, ret);
        if (r >= 0 || r == -ENOMEM)
                return r < 0 ? r : 0;
        return plan_add_warning(work->plan,
                        "vfiod cannot find out whether there is a variant driver for %s, so it uses " PLAN_VFIO_DRIVER
                        ": %s.",
                        ADDRESS(work, i),
                        r == -ECONNREFUSED ? "vfiod-modules does not answer. See 'systemctl status "
                                             "vfiod-modules.socket'"
                                           : strerror(-r));
}

int vfio_driver_choose(const Work *work, Problem *problem) {
        _cleanup_variants_ VariantList list = {};
        const Plan *plan = work->plan;
        bool has_list = false;
        int r = 0;

        for (size_t i = 0; i < plan->n_members && r == 0; i++) {
                PlanMember *member = &plan->members[i];

                if (!plan_binds_vfio(plan, member))
                        continue;
                int same = find_same(plan, i);
                if (same >= 0)
                        plan_set_vfio_driver(member, plan->members[same].target.driver);
                else if (member->named_driver)
                        r = choose_named(work, i, problem);
                else {
                        if (!has_list)
                                r = read_variants(work, i, &list);
                        has_list = true;
                        if (r == 0)
                                r = choose_variant(work, i, &list);
                }
        }
        return r;
}

/* Gives vfio-pci to all members that would get this variant driver. */
static int fall_back(const Work *work, size_t i, const char *reason) {
        const Plan *plan = work->plan;
        char module[DRIVER_NAME_MAX];

        (void)snprintf(module, sizeof(module), "%s", plan->members[i].target.driver);
        for (size_t k = i; k < plan->n_members; k++) {
                PlanMember *member = &plan->members[k];

                if (plan_binds_vfio(plan, member) && !member->named_driver && streq(member->target.driver, module))
                        plan_set_vfio_driver(member, PLAN_VFIO_DRIVER);
        }
        return warn_fallback(work, i, module, reason);
}

/* Loads the driver that the member gets, and writes its name to driver. Another driver may be chosen. */
static int load(const Work *work, size_t i, char driver[static DRIVER_NAME_MAX], Problem *problem) {
        const PlanMember *member = &work->plan->members[i];
        _cleanup_problem_ Problem reason = {};

        int r = driver_ensure_vfio(work->kernel, member->target.driver, driver, &reason);
        if (r > 0 && !member->named_driver && !streq(member->target.driver, PLAN_VFIO_DRIVER) &&
                        (r = fall_back(work, i, strempty(reason.message))) == 0) {
                problem_done(&reason);
                r = driver_ensure_vfio(work->kernel, PLAN_VFIO_DRIVER, driver, &reason);
        }
        if (r != 0)
                *problem = TAKE_GENERIC(reason, Problem, (Problem){});
        return r;
}

int vfio_driver_load(const Work *work, Problem *problem) {
        const Plan *plan = work->plan;
        char driver[DRIVER_NAME_MAX] = "";

        for (size_t i = 0; i < plan->n_members; i++) {
                PlanMember *member = &plan->members[i];

                if (!plan_binds_vfio(plan, member))
                        continue;
                /* The kernel has the driver of the member before. */
                int r = streq(member->target.driver, driver) ? 0 : load(work, i, driver, problem);
                if (r != 0)
                        return r;
                plan_set_vfio_driver(member, driver);
        }
        return 0;
}
