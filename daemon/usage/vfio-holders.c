/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/vfio-holders.h"
#include "kernel/vfio-cdev.h"
#include "kernel/vfio-node.h"

#define ADVICE "end it, or take the device out of it, first."

typedef struct MemberCdev {
        PciAddress address;
        VfioCdev cdev;
} MemberCdev;

/* The cdevs of some devices, and who has one of them open. */
typedef struct CdevSearch {
        MemberCdev *cdevs;
        DeviceNode *nodes; /* the same cdevs, as holders.h wants them */
        size_t n_cdevs;
        const PciAddress *unreadable; /* the device whose cdev could not be read; NULL where there is none */
        Holder holder;
        const MemberCdev *held; /* the cdev that the holder has open; NULL while there is none */
        bool is_hidden;         /* the holder is only a process that may not be examined */
} CdevSearch;

static void cdev_search_done(CdevSearch *search) {
        free(search->cdevs);
        free(search->nodes);
}

/* Returns 0, or a negative errno with `unreadable` set. */
static int collect_cdevs(CdevSearch *search, const Kernel *kernel, const PciAddress *members, size_t n_members) {
        search->cdevs = calloc(n_members + 1, sizeof(MemberCdev));
        search->nodes = calloc(n_members + 1, sizeof(DeviceNode));
        if (!search->cdevs || !search->nodes)
                return -ENOMEM;
        for (size_t i = 0; i < n_members; i++) {
                MemberCdev *member = &search->cdevs[search->n_cdevs];

                _cleanup_close_ int fd = pci_device_open(kernel, members[i]);
                if (fd == -ENOENT || fd == -ENODEV)
                        continue; /* a device that is gone is not unbound either */
                int r = fd < 0 ? fd : vfio_cdev_read(fd, &member->cdev);
                if (r < 0) {
                        search->unreadable = &members[i];
                        return r;
                }
                if (r == 0)
                        continue;
                member->address = members[i];
                search->nodes[search->n_cdevs++].number = member->cdev.number;
        }
        return 0;
}

/* A process with a cdev open ends the walk. One that may not be examined is only remembered. */
static int on_holder(const Holder *holder, const char *node, void *userdata) {
        CdevSearch *search = userdata;

        if (!node && search->held)
                return 0;
        search->holder = *holder;
        search->is_hidden = !node;
        search->held = &search->cdevs[0];
        for (size_t i = 0; i < search->n_cdevs && node; i++)
                if (search->nodes[i].number == holder->node)
                        search->held = &search->cdevs[i];
        return node ? 1 : 0;
}

/* Looks for a holder of the members' cdevs: `held` is set where there is one. Returns 0 or a negative errno; `unreadable` is set where it concerns
 * one device. */
static int search_cdevs(CdevSearch *search, const Kernel *kernel, const PciAddress *members, size_t n_members) {
        int r = collect_cdevs(search, kernel, members, n_members);

        if (r >= 0 && search->n_cdevs > 0)
                r = holders_of_nodes_or_hidden(kernel, search->nodes, search->n_cdevs, on_holder, search);
        return r < 0 ? r : 0;
}

/* What the search came to, as a sentence without its full stop. */
static void describe(const CdevSearch *search, int error, char evidence[static VFIO_EVIDENCE_MAX]) {
        if (search->unreadable)
                (void)snprintf(evidence, VFIO_EVIDENCE_MAX,
                                "Cannot read which vfio character device %s has (%s): look into the folder vfio-dev of "
                                "the device in sysfs",
                                PCI_ADDRESS_TEXT(*search->unreadable), strerror(-error));
        else if (error < 0)
                (void)snprintf(evidence, VFIO_EVIDENCE_MAX,
                                "Cannot find out whether a process has a vfio character device open (%s)",
                                strerror(-error));
        else if (search->is_hidden)
                (void)snprintf(evidence, VFIO_EVIDENCE_MAX, "vfiod may not examine %s, which could have %s of %s open",
                                HOLDER_TEXT(&search->holder), VFIO_CDEV_TEXT(&search->held->cdev),
                                PCI_ADDRESS_TEXT(search->held->address));
        else
                (void)snprintf(evidence, VFIO_EVIDENCE_MAX, "%s of %s is held by %s",
                                VFIO_CDEV_TEXT(&search->held->cdev), PCI_ADDRESS_TEXT(search->held->address),
                                HOLDER_TEXT(&search->holder));
}

int vfio_check_cdevs_unheld(const Kernel *kernel, const PciAddress *members, size_t n_members, Problem *problem) {
        _cleanup_(cdev_search_done) CdevSearch search = {};
        char evidence[VFIO_EVIDENCE_MAX];

        int r = search_cdevs(&search, kernel, members, n_members);
        if (r == -ENOMEM || (r == 0 && !search.held))
                return r;
        describe(&search, r, evidence);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "%s.", evidence);
        if (search.is_hidden)
                return problem_set(problem, OUTCOME_HELD,
                                "%s: end it first, or give vfiod the capability CAP_SYS_PTRACE.", evidence);
        return problem_set(problem, OUTCOME_HELD, "%s: " ADVICE, evidence);
}

/* The kernel says that the group is taken: by a process with its node open, or by one that bound a cdev to an iommufd. */
static int report_taken(
                const Kernel *kernel, int group, const PciAddress *members, size_t n_members, Problem *problem) {
        _cleanup_(cdev_search_done) CdevSearch search = {};
        char evidence[VFIO_EVIDENCE_MAX];
        Holder holder;

        if (holder_of_vfio_node(kernel, group, &holder) >= 0)
                return problem_set(problem, OUTCOME_HELD, "%s is held by %s: " ADVICE, VFIO_NODE_TEXT(group),
                                HOLDER_TEXT(&holder));
        int r = search_cdevs(&search, kernel, members, n_members);
        if (r == -ENOMEM)
                return r;
        if (r == 0 && search.held && !search.is_hidden) {
                describe(&search, r, evidence);
                return problem_set(problem, OUTCOME_HELD, "%s: " ADVICE, evidence);
        }
        return problem_set(problem, OUTCOME_HELD,
                        "%s is held open by a process that cannot be named: end the virtual machine first.",
                        VFIO_NODE_TEXT(group));
}

int vfio_check_unheld(const Kernel *kernel, int group, const PciAddress *members, size_t n_members, int *node_fd,
                Problem *problem) {
        _cleanup_close_ int taken_fd = -EBADF;

        if (group >= 0 && *node_fd < 0) {
                taken_fd = vfio_node_lock(kernel, group);
                if (taken_fd == -EBUSY)
                        return report_taken(kernel, group, members, n_members, problem);
                /* There is no node where no member is on a vfio driver, or on a kernel without group nodes. */
                if (taken_fd < 0 && taken_fd != -ENOENT && taken_fd != -ENXIO && taken_fd != -ENODEV)
                        return problem_set(problem, OUTCOME_FAILED, "Cannot open %s: %s", VFIO_NODE_TEXT(group),
                                        strerror(-taken_fd));
        }
        int r = vfio_check_cdevs_unheld(kernel, members, n_members, problem);
        if (r == 0 && taken_fd >= 0)
                *node_fd = TAKE_FD(taken_fd);
        return r;
}

int vfio_find_holder(const Kernel *kernel, int group, const PciAddress *members, size_t n_members,
                PciAddress *ret_address, char evidence[static VFIO_EVIDENCE_MAX]) {
        _cleanup_(cdev_search_done) CdevSearch search = {};
        Holder holder;

        *ret_address = members[0];
        int r = group >= 0 ? holder_of_vfio_node(kernel, group, &holder) : -ENOENT;
        if (r >= 0) {
                (void)snprintf(evidence, VFIO_EVIDENCE_MAX, "%s is held by %s", VFIO_NODE_TEXT(group),
                                HOLDER_TEXT(&holder));
                return 1;
        }
        if (r == -ENOMEM || (r = search_cdevs(&search, kernel, members, n_members)) == -ENOMEM)
                return -ENOMEM;
        if (r == 0 && !search.held)
                return 0;
        if (search.unreadable)
                *ret_address = *search.unreadable;
        else if (search.held)
                *ret_address = search.held->address;
        describe(&search, r, evidence);
        return 1;
}
