/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/vfio-holders.h"
#include "kernel/vfio-cdev.h"
#include "kernel/vfio-node.h"
#include "usage/holder-table.h"

#define ADVICE "end it, or take the device out of it, first."

typedef enum HolderKind {
        HOLDER_NONE,
        HOLDER_OPEN,   /* has the cdev open */
        HOLDER_HIDDEN, /* may not be examined, so it could have the cdev open */
        HOLDER_CUT,    /* not all of its descriptors were read, so it could have the cdev open */
} HolderKind;

/* The cdevs of some devices, and who has one of them open. */
typedef struct CdevSearch {
        VfioCdev *cdevs;              /* of the functions of the table, in the same order */
        HolderTable table;            /* only functions with a cdev, not sorted; a node is a cdev */
        const PciAddress *unreadable; /* the device whose cdev could not be read; NULL where there is none */
        bool has_too_many_processes;
        HolderKind kind;
        const Holder *holder; /* NULL where the kind is HOLDER_NONE */
        size_t held;          /* index of the cdev that the holder has open */
} CdevSearch;

static void cdev_search_done(CdevSearch *search) {
        free(search->cdevs);
        holder_table_done(&search->table);
}

/* Returns 0, or a negative errno with `unreadable` set where it concerns one device. */
static int collect_cdevs(CdevSearch *search, const Kernel *kernel, const PciAddress *members, size_t n_members) {
        HolderTable *table = &search->table;

        search->cdevs = calloc(n_members + 1, sizeof(VfioCdev));
        table->functions = calloc(n_members + 1, sizeof(FunctionHolders));
        table->nodes = calloc(n_members + 1, sizeof(NodeOwner));
        if (!search->cdevs || !table->functions || !table->nodes)
                return -ENOMEM;
        for (size_t i = 0; i < n_members; i++) {
                VfioCdev *cdev = &search->cdevs[table->n_functions];

                _cleanup_close_ int fd = pci_device_open(kernel, members[i]);
                if (fd == -ENOENT || fd == -ENODEV)
                        continue; /* a device that is gone is not unbound either */
                int r = fd < 0 ? fd : vfio_cdev_read(fd, cdev);
                if (r < 0) {
                        search->unreadable = &members[i];
                        return r;
                }
                if (r == 0)
                        continue;
                table->nodes[table->n_nodes++] =
                                (NodeOwner){.node = {.number = cdev->number}, .owner = table->n_functions};
                table->functions[table->n_functions++] = (FunctionHolders){.address = members[i], .n_nodes = 1};
        }
        qsort(table->nodes, table->n_nodes, sizeof(NodeOwner), node_owner_compare);
        return 0;
}

/* Takes the first process of the list as the holder. Returns whether there is one. */
static bool take_holder(CdevSearch *search, HolderKind kind, const HolderList *list, size_t held) {
        if (list->n_holders == 0)
                return false;
        search->kind = kind;
        search->holder = &list->holders[0].holder;
        search->held = held;
        return true;
}

/* A process with a cdev open comes first, then one that only could have one open. */
static void choose_holder(CdevSearch *search) {
        const HolderTable *table = &search->table;

        for (size_t i = 0; i < table->n_functions; i++)
                if (take_holder(search, HOLDER_OPEN, &table->functions[i].open, i))
                        return;
        if (take_holder(search, HOLDER_HIDDEN, &table->hidden, 0))
                return;
        for (size_t i = 0; i < table->n_functions; i++)
                if (take_holder(search, HOLDER_CUT, &table->functions[i].cut, i))
                        return;
}

/* Looks for a holder of the members' cdevs: `holder` is set where there is one. Returns 0 or a negative errno; `unreadable` is set where it
 * concerns one device. */
static int search_cdevs(CdevSearch *search, const Kernel *kernel, const PciAddress *members, size_t n_members) {
        _cleanup_(process_table_done) ProcessTable processes = {};

        int r = collect_cdevs(search, kernel, members, n_members);
        if (r < 0 || search->table.n_functions == 0)
                return r;
        if ((r = process_table_read(kernel, &usage_limits, &processes)) < 0 ||
                        (r = holder_table_walk(kernel, &processes, &usage_limits, &search->table)) < 0 ||
                        (r = search->table.error) < 0)
                return r;
        choose_holder(search);
        search->has_too_many_processes = !search->holder && processes.is_cut;
        return search->has_too_many_processes ? -E2BIG : 0;
}

/* What the search came to, as a sentence without its full stop. */
static void describe(const CdevSearch *search, int error, char evidence[static VFIO_EVIDENCE_MAX]) {
        const VfioCdev *cdev = &search->cdevs[search->held];
        const PciAddress address = search->table.functions[search->held].address;

        if (search->unreadable)
                (void)snprintf(evidence, VFIO_EVIDENCE_MAX,
                                "Cannot read which vfio character device %s has (%s): look into the folder vfio-dev of "
                                "the device in sysfs",
                                PCI_ADDRESS_TEXT(*search->unreadable), strerror(-error));
        else if (error < 0)
                (void)snprintf(evidence, VFIO_EVIDENCE_MAX,
                                "Cannot find out whether a process has a vfio character device open (%s)",
                                search->has_too_many_processes ? "the host has more processes than vfiod examines"
                                                               : strerror(-error));
        else if (search->kind == HOLDER_HIDDEN)
                (void)snprintf(evidence, VFIO_EVIDENCE_MAX, "vfiod may not examine %s, which could have %s of %s open",
                                HOLDER_TEXT(search->holder), VFIO_CDEV_TEXT(cdev), PCI_ADDRESS_TEXT(address));
        else if (search->kind == HOLDER_CUT)
                (void)snprintf(evidence, VFIO_EVIDENCE_MAX,
                                "%s could have %s of %s open: it and others have more files open than vfiod reads",
                                HOLDER_TEXT(search->holder), VFIO_CDEV_TEXT(cdev), PCI_ADDRESS_TEXT(address));
        else
                (void)snprintf(evidence, VFIO_EVIDENCE_MAX, "%s of %s is held by %s", VFIO_CDEV_TEXT(cdev),
                                PCI_ADDRESS_TEXT(address), HOLDER_TEXT(search->holder));
}

int vfio_check_cdevs_unheld(const Kernel *kernel, const PciAddress *members, size_t n_members, Problem *problem) {
        _cleanup_(cdev_search_done) CdevSearch search = {};
        char evidence[VFIO_EVIDENCE_MAX];

        int r = search_cdevs(&search, kernel, members, n_members);
        if (r == -ENOMEM || (r == 0 && !search.holder))
                return r;
        describe(&search, r, evidence);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "%s.", evidence);
        if (search.kind == HOLDER_HIDDEN)
                return problem_set(problem, OUTCOME_HELD,
                                "%s: end it first, or give vfiod the capability CAP_SYS_PTRACE.", evidence);
        if (search.kind == HOLDER_CUT)
                return problem_set(problem, OUTCOME_HELD, "%s. End it first.", evidence);
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
        if (r == 0 && search.kind == HOLDER_OPEN) {
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
        if (r == 0 && !search.holder)
                return 0;
        if (search.unreadable)
                *ret_address = *search.unreadable;
        else if (search.holder)
                *ret_address = search.table.functions[search.held].address;
        describe(&search, r, evidence);
        return 1;
}
