/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "message-input.h"
#include "process/holder-message.h"
#include "temp-tree.h"

/* What vfiod-census is asked, and what it answers. */

#define OWNERS 3

static TempTree *tree;

static void check_suffixes(const HolderTable *table) {
        for (size_t i = 0; i < table->n_suffixes; i++) {
                g_assert_true(memchr(table->suffixes[i].suffix, '\0', sizeof(table->suffixes[i].suffix)));
                g_assert_cmpuint(table->suffixes[i].owner, <, table->n_owners);
        }
}

static void try_search(sd_bus_message *message) {
        _cleanup_(holder_table_done) HolderTable table = {}, again = {};
        _cleanup_message_ sd_bus_message *copy = message_input_new();
        bool wants_mounts, wants_again;

        int r = holder_message_read_search(message, &table, &wants_mounts);
        g_assert_cmpint(r, <=, 0);
        if (r < 0)
                return;
        check_suffixes(&table);
        for (size_t i = 0; i < table.n_nodes; i++)
                g_assert_cmpuint(table.nodes[i].owner, <, table.n_owners);
        g_assert_cmpint(holder_message_append_search(copy, &table, wants_mounts), ==, 0);
        message_input_seal(copy);
        g_assert_cmpint(holder_message_read_search(copy, &again, &wants_again), ==, 0);
        g_assert_true(wants_again == wants_mounts);
        g_assert_cmpuint(again.n_owners, ==, table.n_owners);
        g_assert_cmpuint(again.n_nodes, ==, table.n_nodes);
        g_assert_cmpuint(again.names_max, ==, table.names_max);
        g_assert_cmpuint(again.n_suffixes, ==, table.n_suffixes);
        for (size_t i = 0; i < table.n_suffixes; i++)
                g_assert_cmpstr(again.suffixes[i].suffix, ==, table.suffixes[i].suffix);
}

static void try_list(sd_bus_message *message) {
        _cleanup_(holder_table_done) HolderTable table = {.kernel = tree->kernel};

        int r = holder_message_read_list(message, &table);
        g_assert_cmpint(r, <=, 0);
        check_suffixes(&table);
        for (size_t i = 0; i < table.n_nodes; i++)
                g_assert_cmpuint(table.nodes[i].owner, <, table.n_owners);
}

static void add_owners(HolderTable *table) {
        for (unsigned i = 0; i < OWNERS; i++)
                g_assert_cmpint(holder_table_add_node(table, (PciAddress){}, (DeviceNode){.number = i}), ==, 0);
}

static void assert_equal_lists(const HolderList *a, const HolderList *b) {
        g_assert_cmpuint(a->n_holders, ==, b->n_holders);
        g_assert_cmpuint(a->n_more, ==, b->n_more);
        for (size_t i = 0; i < a->n_holders; i++) {
                g_assert_cmpint(a->holders[i].holder.pid, ==, b->holders[i].holder.pid);
                g_assert_cmpstr(a->holders[i].holder.command, ==, b->holders[i].holder.command);
                g_assert_cmpstr(a->holders[i].holder.unit, ==, b->holders[i].holder.unit);
                g_assert_cmpstr(a->holders[i].node, ==, b->holders[i].node);
        }
}

static int count_mount(const Mount *mount, void *userdata) {
        g_assert_true(mount->device && mount->target);
        ++*(size_t *)userdata;
        return 0;
}

/* Without mounts, the reader must not read them. */
static void try_answer(sd_bus_message *message, bool wants_mounts) {
        _cleanup_(mount_table_done) MountTable mounts = {}, mounts_again = {};
        _cleanup_(holder_table_done) HolderTable table = {}, again = {};
        _cleanup_message_ sd_bus_message *copy = message_input_new();
        size_t n_mounts = 0;

        add_owners(&table);
        add_owners(&again);
        int r = holder_message_read_answer(message, &table, wants_mounts ? &mounts : NULL);
        g_assert_cmpint(r, <=, 0);
        g_assert_cmpint(table.error, <=, 0);
        g_assert_cmpuint(table.n_owners, ==, OWNERS);
        g_assert_cmpint(mount_table_for_each(&mounts, count_mount, &n_mounts), ==, 0);
        g_assert_cmpuint(n_mounts, ==, mounts.n_mounts);
        if (r < 0)
                return;
        g_assert_cmpint(holder_message_append_answer(copy, table.error, &table, wants_mounts ? &mounts : NULL), ==, 0);
        message_input_seal(copy);
        g_assert_cmpint(holder_message_read_answer(copy, &again, wants_mounts ? &mounts_again : NULL), ==, 0);
        g_assert_cmpint(again.error, ==, table.error);
        assert_equal_lists(&again.hidden, &table.hidden);
        for (size_t i = 0; i < OWNERS; i++) {
                g_assert_cmpint(again.owners[i].error, ==, table.owners[i].error);
                assert_equal_lists(&again.owners[i].open, &table.owners[i].open);
                assert_equal_lists(&again.owners[i].cut, &table.owners[i].cut);
        }
        g_assert_cmpuint(mounts_again.n_mounts, ==, mounts.n_mounts);
        g_assert_cmpuint(mounts_again.n_lines, ==, mounts.n_lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const types[] = {
                        HOLDER_MESSAGE_SEARCH, HOLDER_MESSAGE_LIST, HOLDER_MESSAGE_ANSWER, HOLDER_MESSAGE_ANSWER};
        MessageInput input = {data, size};

        if (!tree) {
                tree = temp_tree_new();
                temp_tree_device(tree, "pci0000:00/0000:03:01.0");
                temp_tree_file(tree, "1:3\n", "sys/devices/pci0000:00/0000:03:01.0/mem/null/dev");
        }
        uint8_t kind = message_input_byte(&input) % 4;
        _cleanup_message_ sd_bus_message *message = message_input_make(&input, types[kind]);
        if (kind == 0)
                try_search(message);
        else if (kind == 1)
                try_list(message);
        else
                try_answer(message, kind == 2);
        return 0;
}
