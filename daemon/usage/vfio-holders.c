/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/vfio-holders.h"
#include "kernel/vfio-cdev.h"
#include "kernel/vfio-node.h"

#include <stdarg.h>

/* A cdev, or the node of a group that vfiod cannot open. */
typedef struct SearchedNode {
        char text[VFIO_CDEV_TEXT_MAX > VFIO_NODE_TEXT_MAX ? VFIO_CDEV_TEXT_MAX : VFIO_NODE_TEXT_MAX];
} SearchedNode;

/* The nodes of the members. */
typedef struct NodeSearch {
        HolderTable table;   /* an owner is a member with one of its nodes */
        SearchedNode *nodes; /* of the owners, in the same order */
        int right_group;     /* the last group whose node vfiod can open; IOMMU_GROUP_NONE for none */
} NodeSearch;

static void node_search_done(NodeSearch *search) {
        free(search->nodes);
        holder_table_done(&search->table);
}

static int node_search_add(NodeSearch *search, PciAddress member, const char *text, dev_t number) {
        if (!ARRAY_GROW(search->nodes, search->table.n_owners))
                return -ENOMEM;
        (void)snprintf(search->nodes[search->table.n_owners].text, sizeof(search->nodes->text), "%s", text);
        return holder_table_add_node(&search->table, member, (DeviceNode){.number = number});
}

typedef enum HolderKind {
        HOLDER_OPEN,   /* has the node open */
        HOLDER_HIDDEN, /* could have the node open: vfiod may not examine the process */
        HOLDER_CUT,    /* could have the node open: its descriptors were not all read */
} HolderKind;

/* Formats the same arguments twice: without the advice, and as the whole message. vfioctl translates each format. */
_printf_(2, 4) _printf_(3, 4) static void set_texts(VfioHolder *ret, const char *evidence, const char *message, ...) {
        va_list arguments;

        va_start(arguments, message);
        (void)vsnprintf(ret->evidence, sizeof(ret->evidence), evidence, arguments);
        va_end(arguments);
        va_start(arguments, message);
        (void)vsnprintf(ret->message, sizeof(ret->message), message, arguments);
        va_end(arguments);
}

/* Describes the first process of the list as the holder of the node. Returns false if the list is empty. */
static bool describe(VfioHolder *ret, HolderKind kind, const HolderList *list, const NodeSearch *search, size_t owner) {
        if (list->n_holders == 0)
                return false;
        const char *holder = HOLDER_TEXT(&list->holders[0].holder), *node = search->nodes[owner].text;

        ret->outcome = OUTCOME_HELD;
        ret->holder = list->holders[0].holder;
        ret->address = search->table.owners[owner].address;
        ret->is_open = kind == HOLDER_OPEN;
        switch (kind) {
        case HOLDER_OPEN:
                set_texts(ret, "%s of %s is held by %s",
                                "%s of %s is held by %s: end it, or take the device out of it, first.", node,
                                PCI_ADDRESS_TEXT(ret->address), holder);
                break;
        case HOLDER_HIDDEN:
                set_texts(ret, "vfiod may not examine %s, which could have %s of %s open",
                                "vfiod may not examine %s, which could have %s of %s open: end it first, or give "
                                "vfiod-census the capability CAP_SYS_PTRACE.",
                                holder, node, PCI_ADDRESS_TEXT(ret->address));
                break;
        case HOLDER_CUT:
                set_texts(ret, "%s could have %s of %s open: it and others have more files open than vfiod reads",
                                "%s could have %s of %s open: it and others have more files open than vfiod reads. "
                                "End it first.",
                                holder, node, PCI_ADDRESS_TEXT(ret->address));
                break;
        }
        return true;
}

/* Adds the cdev of the member. Returns 0 or a negative errno. */
static int add_cdev(NodeSearch *search, PciAddress member, int device_fd) {
        VfioCdev cdev;

        int r = vfio_cdev_read(device_fd, &cdev);
        return r <= 0 ? r : node_search_add(search, member, VFIO_CDEV_TEXT(cdev.index), cdev.number);
}

/* Adds the node of the group, if vfiod cannot open it: the group has no IOMMU, or /dev has another file at the place of the
 * node. Then only its holders tell whether it is held. Returns 0 or a negative errno. */
static int add_group_node(NodeSearch *search, PciAddress member, int device_fd) {
        const Kernel *kernel = search->table.kernel;
        dev_t number;
        int group;

        int r = pci_device_read_group(device_fd, &group);
        if (r < 0 || group == IOMMU_GROUP_NONE || group == search->right_group)
                return r;
        bool no_iommu = iommu_group_has_no_iommu(kernel, group);
        r = vfio_node_read_number(kernel, group, no_iommu, &number);
        if (r <= 0)
                return r;
        if (no_iommu || !vfio_node_is_right(kernel, group, number))
                return node_search_add(search, member, VFIO_NODE_TEXT(group, no_iommu), number);
        search->right_group = group;
        return 0;
}

/* Adds the nodes of the member. Returns 0; or a negative errno, -ENOENT or -ENODEV if the member is gone. */
static int add_member(NodeSearch *search, PciAddress member) {
        _cleanup_close_ int fd = pci_device_open(search->table.kernel, member);
        int r = fd < 0 ? fd : add_cdev(search, member, fd);
        return r < 0 ? r : add_group_node(search, member, fd);
}

/* Looks for a process that has the cdev of a member, or the node of its group if vfiod cannot open that, open, or could have
 * it open. Returns 1 and the holder; 0; or -ENOMEM. */
static int find_member_holder(const Kernel *kernel, uid_t reader, const PciAddress *members, size_t n_members,
                uint64_t end_us, VfioHolder *ret) {
        _cleanup_(node_search_done) NodeSearch search = {
                        .table = {.kernel = kernel, .names_max = 1, .reader = reader, .end_us = end_us},
                        .right_group = IOMMU_GROUP_NONE};
        HolderTable *table = &search.table;
        int r;

        *ret = (VfioHolder){.outcome = OUTCOME_FAILED};
        for (size_t i = 0; i < n_members; i++) {
                ret->address = members[i];
                r = add_member(&search, members[i]);
                if (r >= 0 || r == -ENOENT || r == -ENODEV)
                        continue; /* a device that is gone is not unbound */
                set_texts(ret,
                                "Cannot read which vfio character device %s has (%s): look into the folder "
                                "vfio-dev of the device in sysfs",
                                "Cannot read which vfio character device %s has (%s): look into the folder "
                                "vfio-dev of the device in sysfs.",
                                PCI_ADDRESS_TEXT(members[i]), strerror(-r));
                return r == -ENOMEM ? r : 1;
        }

        if ((r = holder_table_search(table)) == -ENOMEM)
                return r;
        if (r == 0) {
                /* A process that has a node open comes before a process that could have it open. */
                for (size_t i = 0; i < table->n_owners; i++)
                        if (describe(ret, HOLDER_OPEN, &table->owners[i].open, &search, i))
                                return 1;
                if (describe(ret, HOLDER_HIDDEN, &table->hidden, &search, 0))
                        return 1;
                for (size_t i = 0; i < table->n_owners; i++)
                        if (describe(ret, HOLDER_CUT, &table->owners[i].cut, &search, i))
                                return 1;
                if (!table->has_too_many_processes)
                        return 0;
        }
        ret->address = n_members > 0 ? members[0] : ret->address;
        if (r < 0)
                set_texts(ret, "Cannot find out whether a process has a vfio character device open (%s)",
                                "Cannot find out whether a process has a vfio character device open (%s).",
                                strerror(-r));
        else
                set_texts(ret,
                                "Cannot find out whether a process has a vfio character device open (the host has more "
                                "processes than vfiod examines)",
                                "Cannot find out whether a process has a vfio character device open (the host has more "
                                "processes than vfiod examines).");
        return 1;
}

int vfio_check_cdevs_unheld(
                const Kernel *kernel, uid_t reader, const PciAddress *members, size_t n_members, Problem *problem) {
        VfioHolder holder;

        int r = find_member_holder(kernel, reader, members, n_members, 0, &holder);
        return r <= 0 ? r : problem_set(problem, holder.outcome, "%s", holder.message);
}

/* Looks for a process that has the node of the group open. Returns 1 and the holder; 0; or a negative errno. */
static int find_group_holder(const Kernel *kernel, uid_t reader, int group, uint64_t end_us, VfioHolder *ret) {
        Holder holder;

        int r = holder_of_vfio_node(kernel, group, end_us, &holder);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        (void)holder_conceal(&holder, reader);
        *ret = (VfioHolder){.outcome = OUTCOME_HELD, .is_open = true, .holder = holder};
        set_texts(ret, "%s is held by %s", "%s is held by %s: end it, or take the device out of it, first.",
                        VFIO_NODE_TEXT_OF(kernel, group), HOLDER_TEXT(&holder));
        return 1;
}

/* The kernel says that the group is held: by a process that has its node open, or that has bound a cdev to an
 * iommufd. */
static int report_taken(const Kernel *kernel, uid_t reader, int group, const PciAddress *members, size_t n_members,
                Problem *problem) {
        VfioHolder holder;

        int r = find_group_holder(kernel, reader, group, 0, &holder);
        if (r <= 0)
                r = find_member_holder(kernel, reader, members, n_members, 0, &holder);
        if (r < 0)
                return r;
        if (r > 0 && holder.is_open)
                return problem_set(problem, OUTCOME_HELD, "%s", holder.message);
        return problem_set(problem, OUTCOME_HELD,
                        "A process holds IOMMU group %d (%s is busy), and vfiod cannot find out which one. End the "
                        "virtual machine first.",
                        group, VFIO_NODE_TEXT(group, false));
}

int vfio_check_unheld(const Kernel *kernel, uid_t reader, int group, const PciAddress *members, size_t n_members,
                int *node_fd, Problem *problem) {
        _cleanup_close_ int taken_fd = -EBADF;

        if (group >= 0 && *node_fd < 0 && !iommu_group_has_no_iommu(kernel, group)) {
                taken_fd = vfio_node_lock(kernel, group);
                if (taken_fd == -EBUSY)
                        return report_taken(kernel, reader, group, members, n_members, problem);
                /* There is no node if no member is on a vfio driver, or if the kernel has no group nodes. If /dev has another
                 * file at its place, the node counts as a cdev. */
                if (taken_fd < 0 && taken_fd != -ENOENT && taken_fd != -ENXIO && taken_fd != -ENODEV &&
                                taken_fd != -ESTALE)
                        return problem_set(problem, OUTCOME_FAILED, "Cannot open %s: %s", VFIO_NODE_TEXT(group, false),
                                        strerror(-taken_fd));
        }
        int r = vfio_check_cdevs_unheld(kernel, reader, members, n_members, problem);
        if (r == 0 && taken_fd >= 0)
                *node_fd = TAKE_FD(taken_fd);
        return r;
}

int vfio_find_holder(const Kernel *kernel, uid_t reader, int group, const PciAddress *members, size_t n_members,
                uint64_t end_us, VfioHolder *ret) {
        int r = group >= 0 ? find_group_holder(kernel, reader, group, end_us, ret) : 0;
        if (r > 0)
                ret->address = members[0];
        return r > 0 || r == -ENOMEM ? r : find_member_holder(kernel, reader, members, n_members, end_us, ret);
}
