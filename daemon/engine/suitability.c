/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/suitability.h"
#include "kernel/pci-config.h"
#include "kernel/sysfs.h"
#include "kernel/vfio-denylist.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Only vfio-pci itself has the list. driver: that the device gets. */
static int check_ids(const Work *work, size_t i, uint16_t device, const char *driver, Problem *problem) {
        const PlanMember *member = &work->plan->members[i];

        if (!streq(driver, PLAN_VFIO_DRIVER))
                return 0;
        const char *name = vfio_denylist_find(member->ids.vendor, device);
        if (!name || vfio_denylist_is_disabled(work->kernel))
                return 0;
        return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                        "vfio-pci refuses %s%s (%04x:%04x, %s): it is on its denylist, because an untrusted guest "
                        "could harm the host with such a device. If you trust the guest, set the parameter "
                        "disable_denylist: write 'options vfio-pci disable_denylist=1' to a file in /etc/modprobe.d, "
                        "and load vfio-pci again.",
                        device == member->ids.device ? "" : "the virtual functions of ",
                        PCI_ADDRESS_TEXT(member->address), member->ids.vendor, device, name);
}

static int check_answer(const Work *work, size_t i, Problem *problem) {
        const Plan *plan = work->plan;
        /* Everybody may ask for a plan, but not keep the devices awake. */
        bool may_wake = !plan->only_plan || plan->asker == 0;
        char power_state[POWER_STATE_MAX];

        /* What cannot be read is no proof. */
        if (work->fds[i] < 0 || pci_device_answers(work->fds[i], may_wake, power_state) != 0)
                return 0;
        return problem_set(problem, OUTCOME_NOT_ANSWERING,
                        "%s does not answer: its configuration space reads as ones only%s%s. The card has crashed, has "
                        "no power, or has come off the bus, so no virtual machine can use it. Shut the machine down "
                        "completely, and start it again.",
                        PCI_ADDRESS_TEXT(plan->members[i].address), power_state[0] != '\0' ? ", power state " : "",
                        power_state);
}

/* The members of a detach that the vfio driver gets. Others vanish. */
static int check_detach(const Work *work, Problem *problem) {
        int r = 0;

        for (size_t i = 0; i < work->plan->n_members && r == 0; i++)
                if (!plan_member_depends(&work->plan->members[i]) && (r = check_answer(work, i, problem)) == 0)
                        r = check_ids(work, i, work->plan->members[i].ids.device, work->plan->members[i].target.driver,
                                        problem);
        return r;
}

/* The new VFs do not exist yet. */
static int check_new_vfs(const Work *work, Problem *problem) {
        char text[16];

        int r = work->plan->vf_count > 0 ? check_answer(work, 0, problem) : 0;
        if (r != 0 || work->plan->vf_fate != VFS_DETACHED || work->plan->vf_count == 0 || work->fds[0] < 0 ||
                        sysfs_read_text(work->fds[0], "sriov_vf_device", text, sizeof(text)) < 0)
                return r;
        /* The kernel prints it as a hexadecimal number without "0x". */
        return check_ids(work, 0, (uint16_t)strtoul(text, NULL, 16),
                        work->plan->members[work->plan->n_members - 1].target.driver, problem);
}

static int check_reset_method(const Work *work, Problem *problem) {
        struct stat status;

        if (fstatat(work->fds[0], "reset", &status, AT_SYMLINK_NOFOLLOW) >= 0)
                return 0;
        if (errno != ENOENT)
                return work_check(work, 0, -errno, "Cannot find out how to reset", problem);
        return problem_set(problem, OUTCOME_NO_RESET, "The kernel has no method to reset %s.",
                        PCI_ADDRESS_TEXT(work->plan->members[0].address));
}

int suitability_check(const Work *work, Problem *problem) {
        switch (work->plan->verb) {
        case PLAN_DETACH:
                return check_detach(work, problem);
        case PLAN_SET_VFS:
                return check_new_vfs(work, problem);
        case PLAN_RESET:
                return check_reset_method(work, problem);
        default:
                return 0;
        }
}
