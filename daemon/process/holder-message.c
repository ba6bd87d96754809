/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/holder-message.h"

#include <limits.h>

/* No host has so many nodes of PCI functions. */
#define NODES_MAX 1000000
#define OWNERS_MAX 100000

/* Mounts of different devices. */
#define MOUNTS_MAX 1000000

typedef enum ListKind {
        LIST_OPEN,
        LIST_CUT,
        LIST_HIDDEN, /* of the table: it has no owner */
        _LIST_KIND_MAX,
} ListKind;

/* Returns NULL for a list that the table does not have. */
static HolderList *find_list(HolderTable *table, uint32_t owner, uint8_t kind) {
        if (kind == LIST_HIDDEN)
                return &table->hidden;
        if (owner >= table->n_owners)
                return NULL;
        return kind == LIST_OPEN ? &table->owners[owner].open : kind == LIST_CUT ? &table->owners[owner].cut : NULL;
}

/* Search. */

int holder_message_append_search(sd_bus_message *message, const HolderTable *table, bool wants_mounts) {
        int r = sd_bus_message_open_container(message, 'a', "(utb)");

        for (size_t i = 0; i < table->n_nodes && r >= 0; i++) {
                const NodeOwner *entry = &table->nodes[i];

                r = sd_bus_message_append(message, "(utb)", (uint32_t)entry->owner, (uint64_t)entry->node.number,
                                (int)entry->node.block);
        }
        if (r < 0 || (r = sd_bus_message_close_container(message)) < 0)
                return r;
        if ((r = sd_bus_message_append(message, "u", (uint32_t)table->n_owners)) < 0 ||
                        (r = sd_bus_message_open_container(message, 'a', "(us)")) < 0)
                return r;
        for (size_t i = 0; i < table->n_suffixes && r >= 0; i++)
                r = sd_bus_message_append(
                                message, "(us)", (uint32_t)table->suffixes[i].owner, table->suffixes[i].suffix);
        if (r < 0 || (r = sd_bus_message_close_container(message)) < 0)
                return r;
        r = sd_bus_message_append(
                        message, "uub", (uint32_t)table->names_max, (uint32_t)table->reader, (int)wants_mounts);
        return r < 0 ? r : 0;
}

static int read_nodes(sd_bus_message *message, HolderTable *table) {
        int r = sd_bus_message_enter_container(message, 'a', "(utb)");

        while (r >= 0) {
                uint32_t owner;
                uint64_t number;
                int block;

                if ((r = sd_bus_message_read(message, "(utb)", &owner, &number, &block)) <= 0)
                        break;
                if (table->n_nodes == NODES_MAX || owner >= OWNERS_MAX)
                        return -EBADMSG;
                if (!ARRAY_GROW(table->nodes, table->n_nodes))
                        return -ENOMEM;
                table->nodes[table->n_nodes++] = (NodeOwner){{(dev_t)number, block}, owner};
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_suffixes(sd_bus_message *message, size_t n_owners, HolderTable *table) {
        int r = sd_bus_message_enter_container(message, 'a', "(us)");

        while (r >= 0) {
                uint32_t owner;
                const char *suffix;

                if ((r = sd_bus_message_read(message, "(us)", &owner, &suffix)) <= 0)
                        break;
                if (table->n_suffixes == OWNERS_MAX || owner >= n_owners || isempty(suffix) ||
                                strlen(suffix) >= sizeof(table->suffixes->suffix))
                        return -EBADMSG;
                r = holder_table_add_suffix(table, suffix, owner);
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

int holder_message_read_search(sd_bus_message *message, HolderTable *table, bool *ret_wants_mounts) {
        uint32_t n_owners, names_max, reader;
        int wants_mounts, r;

        if ((r = read_nodes(message, table)) < 0 || (r = sd_bus_message_read(message, "u", &n_owners)) < 0 ||
                        (r = read_suffixes(message, n_owners, table)) < 0 ||
                        (r = sd_bus_message_read(message, "uub", &names_max, &reader, &wants_mounts)) < 0)
                return r;
        if (n_owners > OWNERS_MAX)
                return -EBADMSG;
        for (size_t i = 0; i < table->n_nodes; i++)
                if (table->nodes[i].owner >= n_owners)
                        return -EBADMSG;
        table->owners = calloc((size_t)n_owners + 1, sizeof(NodeHolders));
        if (!table->owners)
                return -ENOMEM;
        table->n_owners = n_owners;
        table->names_max = names_max;
        table->reader = reader;
        *ret_wants_mounts = wants_mounts;
        return 0;
}

/* ListHolders. */

int holder_message_append_list(sd_bus_message *message, const HolderQuestion *question) {
        int r;

        if ((r = sd_bus_message_append_array(message, 'i', question->groups, question->n_groups * sizeof(int))) < 0 ||
                        (r = sd_bus_message_open_container(message, 'a', "(st)")) < 0)
                return r;
        for (size_t i = 0; i < question->n_devices && r >= 0; i++)
                r = sd_bus_message_append(message, "(st)", PCI_ADDRESS_TEXT(question->devices[i].address),
                                (uint64_t)question->devices[i].cdev);
        if (r < 0 || (r = sd_bus_message_close_container(message)) < 0)
                return r;
        r = sd_bus_message_append(message, "uu", (uint32_t)question->names_max, (uint32_t)question->reader);
        return r < 0 ? r : 0;
}

static int read_groups(sd_bus_message *message, HolderTable *table) {
        int group;

        int r = sd_bus_message_enter_container(message, 'a', "i");
        while (r >= 0 && (r = sd_bus_message_read_basic(message, 'i', &group)) > 0) {
                if (table->n_owners == OWNERS_MAX || group < 0)
                        return -EBADMSG;
                r = holder_table_add_group(table, group);
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

int holder_message_read_list(sd_bus_message *message, HolderTable *table) {
        const char *text;
        uint32_t names_max, reader;
        uint64_t cdev;
        int r;

        if ((r = read_groups(message, table)) < 0 || (r = sd_bus_message_enter_container(message, 'a', "(st)")) < 0)
                return r;
        while ((r = sd_bus_message_read(message, "(st)", &text, &cdev)) > 0) {
                PciAddress address;

                if (table->n_owners == OWNERS_MAX || pci_address_parse(text, &address) < 0)
                        return -EBADMSG;
                if ((r = holder_table_add_device(table, address)) < 0 ||
                                (cdev != 0 && (r = holder_table_add_removed_node(table, (dev_t)cdev)) < 0))
                        return r;
        }
        if (r < 0 || (r = sd_bus_message_exit_container(message)) < 0 ||
                        (r = sd_bus_message_read(message, "uu", &names_max, &reader)) < 0)
                return r;
        table->names_max = table->names_total_max = names_max;
        table->reader = reader;
        return 0;
}

/* The answer. */

static int append_holder(sd_bus_message *message, uint32_t owner, ListKind kind, const NamedHolder *named) {
        int r;

        if ((r = sd_bus_message_open_container(message, 'r', "uyuuayayay")) < 0 ||
                        (r = sd_bus_message_append(message, "uyuu", owner, (uint8_t)kind, (uint32_t)named->holder.pid,
                                         (uint32_t)named->holder.uid)) < 0 ||
                        (r = peer_append_bytes(message, named->holder.command)) < 0 ||
                        (r = peer_append_bytes(message, named->holder.unit)) < 0 ||
                        (r = peer_append_bytes(message, named->node)) < 0)
                return r;
        return sd_bus_message_close_container(message);
}

/* Calls the function for each list that the table has. */
static int for_each_list(sd_bus_message *message, HolderTable *table,
                int (*append)(sd_bus_message *message, uint32_t owner, ListKind kind, const HolderList *list)) {
        int r = append(message, 0, LIST_HIDDEN, &table->hidden);

        for (uint32_t owner = 0; owner < table->n_owners && r >= 0; owner++)
                for (ListKind kind = LIST_OPEN; kind < LIST_HIDDEN && r >= 0; kind++)
                        r = append(message, owner, kind, find_list(table, owner, (uint8_t)kind));
        return r;
}

static int append_holders(sd_bus_message *message, uint32_t owner, ListKind kind, const HolderList *list) {
        int r = 0;

        for (size_t i = 0; i < list->n_holders && r >= 0; i++)
                r = append_holder(message, owner, kind, &list->holders[i]);
        return r;
}

static int append_count(sd_bus_message *message, uint32_t owner, ListKind kind, const HolderList *list) {
        if (list->n_more == 0)
                return 0;
        return sd_bus_message_append(message, "(uyu)", owner, (uint8_t)kind, (uint32_t)list->n_more);
}

static int append_errors(sd_bus_message *message, const HolderTable *table) {
        int r = sd_bus_message_open_container(message, 'a', "(ui)");

        for (size_t i = 0; i < table->n_owners && r >= 0; i++)
                if (table->owners[i].error < 0)
                        r = sd_bus_message_append(message, "(ui)", (uint32_t)i, table->owners[i].error);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_mount(const Mount *mount, void *userdata) {
        sd_bus_message *message = userdata;
        int r;

        if ((r = sd_bus_message_open_container(message, 'r', "ayay")) < 0 ||
                        (r = peer_append_bytes(message, mount->device)) < 0 ||
                        (r = peer_append_bytes(message, mount->target)) < 0)
                return r;
        return sd_bus_message_close_container(message);
}

static int append_mounts(sd_bus_message *message, const MountTable *mounts) {
        int r;

        if ((r = sd_bus_message_append(message, "bt", mounts && mounts->is_partial,
                             (uint64_t)(mounts ? mounts->n_lines : 0))) < 0 ||
                        (r = sd_bus_message_open_container(message, 'a', "(ayay)")) < 0 ||
                        (mounts && (r = mount_table_for_each(mounts, append_mount, message)) < 0))
                return r;
        return sd_bus_message_close_container(message);
}

int holder_message_append_answer(
                sd_bus_message *message, int error, const HolderTable *table, const MountTable *mounts) {
        /* Appending changes nothing in the table. */
        HolderTable *lists = (HolderTable *)table;
        int r;

        if ((r = sd_bus_message_append(message, "ibt", error, (int)table->has_too_many_processes,
                             (uint64_t)table->n_descriptors)) < 0 ||
                        (r = append_errors(message, table)) < 0 ||
                        (r = sd_bus_message_open_container(message, 'a', "(uyuuayayay)")) < 0 ||
                        (r = for_each_list(message, lists, append_holders)) < 0 ||
                        (r = sd_bus_message_close_container(message)) < 0 ||
                        (r = sd_bus_message_open_container(message, 'a', "(uyu)")) < 0 ||
                        (r = for_each_list(message, lists, append_count)) < 0 ||
                        (r = sd_bus_message_close_container(message)) < 0)
                return r;
        return append_mounts(message, mounts);
}

static int read_errors(sd_bus_message *message, HolderTable *table) {
        uint32_t owner;
        int error;

        int r = sd_bus_message_enter_container(message, 'a', "(ui)");
        while (r >= 0 && (r = sd_bus_message_read(message, "(ui)", &owner, &error)) > 0) {
                if (owner >= table->n_owners || error >= 0 || !peer_is_errno(error))
                        return -EBADMSG;
                table->owners[owner].error = error;
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_holder(sd_bus_message *message, HolderTable *table) {
        char node[PATH_MAX + 1];
        NamedHolder named = {};
        uint32_t owner, pid, uid;
        uint8_t kind;
        int r;

        if ((r = sd_bus_message_read(message, "uyuu", &owner, &kind, &pid, &uid)) < 0 ||
                        (r = peer_read_bytes(message, named.holder.command, sizeof(named.holder.command))) < 0 ||
                        (r = peer_read_bytes(message, named.holder.unit, sizeof(named.holder.unit))) < 0 ||
                        (r = peer_read_bytes(message, node, sizeof(node))) < 0)
                return r;
        named.holder.pid = (pid_t)pid;
        named.holder.uid = uid;
        HolderList *list = find_list(table, owner, kind);
        if (!list)
                return -EBADMSG;
        r = holder_table_add_name(table, list, &named, node[0] != '\0' ? node : NULL);
        return r == -E2BIG ? -EBADMSG : r;
}

static int read_holders(sd_bus_message *message, HolderTable *table) {
        int r = sd_bus_message_enter_container(message, 'a', "(uyuuayayay)");

        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'r', "uyuuayayay")) > 0)
                if ((r = read_holder(message, table)) >= 0)
                        r = sd_bus_message_exit_container(message);
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_counts(sd_bus_message *message, HolderTable *table) {
        uint32_t owner, n;
        uint8_t kind;

        int r = sd_bus_message_enter_container(message, 'a', "(uyu)");
        while (r >= 0 && (r = sd_bus_message_read(message, "(uyu)", &owner, &kind, &n)) > 0) {
                HolderList *list = find_list(table, owner, kind);
                if (!list)
                        return -EBADMSG;
                list->n_more = n;
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_mounts(sd_bus_message *message, MountTable *mounts) {
        char device[PATH_MAX + 1], target[PATH_MAX + 1];
        uint64_t n_lines;
        int is_partial;

        int r = sd_bus_message_read(message, "bt", &is_partial, &n_lines);
        if (r < 0 || !mounts)
                return r;
        mounts->is_partial = is_partial;
        mounts->n_lines = (size_t)n_lines;
        r = sd_bus_message_enter_container(message, 'a', "(ayay)");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'r', "ayay")) > 0) {
                if (mounts->n_mounts == MOUNTS_MAX)
                        return -EBADMSG;
                if ((r = peer_read_bytes(message, device, sizeof(device))) < 0 ||
                                (r = peer_read_bytes(message, target, sizeof(target))) < 0 ||
                                (r = mount_table_add(mounts, device, target)) < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

int holder_message_read_answer(sd_bus_message *message, HolderTable *table, MountTable *mounts) {
        uint64_t n_descriptors;
        int error, too_many, r;

        if ((r = sd_bus_message_read(message, "ibt", &error, &too_many, &n_descriptors)) < 0)
                return r;
        if (error < 0 && !peer_is_errno(error))
                return -EBADMSG;
        table->error = error < 0 ? error : 0;
        table->has_too_many_processes = too_many;
        table->n_descriptors = (size_t)n_descriptors;
        if ((r = read_errors(message, table)) < 0 || (r = read_holders(message, table)) < 0 ||
                        (r = read_counts(message, table)) < 0 || (r = read_mounts(message, mounts)) < 0)
                return r;
        return 0;
}
