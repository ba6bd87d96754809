/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/text.h"
#include "usage/device-folder.h"
#include "usage/processes.h"

/* Which processes have device nodes open, found in one walk over all descriptors in /proc. This takes time and needs
 * privileges, so vfiod-census does it, for workers and for the daemon (census.h).
 *
 * A descriptor counts if the node is open. A descriptor that was made with O_PATH does not count: any user can make
 * it for any node, without permission to open the node, and the driver does not notice. The number of such a node
 * can also come from a FUSE file system of the user.
 *
 * Not found are: a node that is only mapped, and whose descriptor is closed (each memory map would have to be read,
 * which waits for a lock of the process); a descriptor that is in transit through a socket; a descriptor of a thread
 * that does not share the descriptors of its process. */

#define HOLDER_UNIT_MAX 128

typedef struct Holder {
        pid_t pid; /* 0 if the reader may not know the process: then there is no command, unit or path either */
        uid_t uid;
        char command[PROCESS_COMMAND_MAX]; /* raw: see process_read_command() */
        char unit[HOLDER_UNIT_MAX];        /* of systemd; "" for none */
} Holder;

/* Details of a process are for root and for the user of the process. Everybody else may know only that there is a
 * process. READER_ANYBODY: the text is for all users. */
#define READER_ANYBODY ((uid_t)-1)
#define HOLDER_OF_OTHER_USER "a process of another user"

/* Removes the details unless the reader may know them. Returns whether it did. */
bool holder_conceal(Holder *holder, uid_t reader);

/* Formats "process 324 (qemu-system-x86) of machine-qemu-1.scope", escaped (base/text.h), or HOLDER_OF_OTHER_USER, into
 * buffer, and returns buffer. */
#define HOLDER_TEXT_MAX (TEXT_ESCAPED_MAX(PROCESS_COMMAND_MAX + HOLDER_UNIT_MAX) + 64)
const char *holder_format(const Holder *holder, char buffer[static HOLDER_TEXT_MAX]);
#define HOLDER_TEXT(holder) holder_format(holder, (char[HOLDER_TEXT_MAX]){})

typedef struct NamedHolder {
        Holder holder;
        char *node; /* the path by which the process opened the node: any bytes; NULL if it is not known */
} NamedHolder;

/* Processes, each once. */
typedef struct HolderList {
        NamedHolder *holders;
        size_t n_holders;
        size_t n_more; /* beyond names_max or names_total_max of the table */
        pid_t last;
} HolderList;

/* Who has the nodes of one PCI function open, or the node of an IOMMU group. */
typedef struct NodeHolders {
        PciAddress address; /* of the function */
        int error;          /* 0, or why its nodes are not known */
        size_t n_nodes;
        HolderList open; /* processes that have a node open */
        HolderList cut;  /* processes that may open a node, and whose descriptors were not all read */
} NodeHolders;

typedef struct NodeOwner {
        DeviceNode node;
        size_t owner; /* an index of owners */
} NodeOwner;

/* A node whose number is not known. */
typedef struct SuffixOwner {
        char suffix[32]; /* end of its path, for example "/vfio/25"; or "socket:[1234]" */
        size_t owner;
} SuffixOwner;

/* Set kernel, names_max, names_total_max, reader and end_us, and the rest to 0. */
typedef struct HolderTable {
        const Kernel *kernel;
        uid_t reader;           /* see holder_conceal() */
        size_t names_max;       /* Each list names so many processes and counts the others. */
        size_t names_total_max; /* So many names are in all lists, and at least one in each list. 0 for no such limit. */
        uint64_t end_us;        /* CLOCK_MONOTONIC: when a search has to end; 0 for no end */
        NodeHolders *owners;
        size_t n_owners;
        NodeOwner *nodes; /* of all owners; sorted by the walk */
        size_t n_nodes;
        SuffixOwner *suffixes; /* of all owners; sorted by the walk */
        size_t n_suffixes;
        HolderList hidden;    /* processes whose descriptors vfiod may not read */
        size_t n_names;       /* in all lists */
        size_t n_descriptors; /* that were read */
        bool has_too_many_processes;
        int error; /* 0, or why the walk failed: -ETIME if there was not enough time */
} HolderTable;

/* Add an owner: a function with all its nodes, a function with this node, a group with its node, or a socket. Each
 * returns 0 or -ENOMEM. If the nodes of a function cannot be collected, its field "error" says so; a function that is
 * gone has no nodes. */
int holder_table_add_device(HolderTable *table, PciAddress address);
int holder_table_add_folder(HolderTable *table, PciAddress address,
                const DeviceFolder *folder); /* the same for a folder that was read */
int holder_table_add_node(HolderTable *table, PciAddress address, DeviceNode node);
int holder_table_add_group(HolderTable *table, int group);
int holder_table_add_socket(HolderTable *table, const char *inode);

/* Adds to the last function a character device that it had, unless sysfs has a device with this number: then it is the
 * node of another function, or known already. Returns 0 or -ENOMEM. */
int holder_table_add_removed_node(HolderTable *table, dev_t number);

/* Fills the lists. If a limit is reached, the processes whose descriptors were not all read have is_cut set. Returns
 * 0 or -ENOMEM; another error is in the table. */
int holder_table_walk(HolderTable *table, ProcessTable *processes, const UsageLimits *limits);

/* Tells whether the table looks for anything. */
static inline bool holder_table_asks(const HolderTable *table) {
        return table->n_nodes > 0 || table->n_suffixes > 0;
}

/* Adds a node without a number to this owner. The suffix is shorter than SuffixOwner has room for. Returns 0 or -ENOMEM. */
int holder_table_add_suffix(HolderTable *table, const char *suffix, size_t owner);

/* Adds a copy of the holder, with a copy of the node, which may be NULL, to a list of the table. Returns 0; -E2BIG if a
 * limit of the table does not allow another name; or -ENOMEM. */
int holder_table_add_name(HolderTable *table, HolderList *list, const NamedHolder *named, const char *node);

/* Returns NULL if the table has no such function. */
const NodeHolders *holder_table_find(const HolderTable *table, PciAddress address);
void holder_table_done(HolderTable *table);
