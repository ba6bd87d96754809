/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "peer-pair.h"
#include "process/holder-message.h"
#include "temp-tree.h"

#include <limits.h>
#include <sys/sysmacros.h>

/* Questions to vfiod-census and its answers that go through a connection, and those that nobody can have made. */

#define NIC "0000:05:00.0"
#define DISK "0000:06:00.0"

#define OPEN 0
#define CUT 1
#define HIDDEN 2

static void assert_end(sd_bus_message *message) {
        g_assert_cmpint(sd_bus_message_at_end(message, true), >, 0);
}

/* Search. */

static void test_search(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_(holder_table_done) HolderTable table = {.kernel = tree->kernel, .names_max = 7}, found = {};
        g_autoptr(PeerPair) pair = peer_pair_new();
        bool wants_mounts = false;

        DeviceNode disk = {.number = makedev(259, 1), .block = true}, nic = {.number = makedev(0xfff, 0xfffff)};
        g_assert_cmpint(holder_table_add_node(&table, address_of(DISK), disk), ==, 0);
        g_assert_cmpint(holder_table_add_node(&table, address_of(NIC), nic), ==, 0);
        g_assert_cmpint(holder_table_add_group(&table, 25), ==, 0);
        g_assert_cmpint(holder_table_add_group(&table, 7), ==, 0);
        sd_bus_message *call = peer_pair_make_call(pair);
        g_assert_cmpint(holder_message_append_search(call, &table, true), ==, 0);
        _cleanup_message_ sd_bus_message *message = peer_pair_transfer(pair, call);
        g_assert_cmpint(sd_bus_message_has_signature(message, HOLDER_MESSAGE_SEARCH), >, 0);
        g_assert_cmpint(holder_message_read_search(message, &found, &wants_mounts), ==, 0);
        assert_end(message);
        g_assert_true(wants_mounts);
        g_assert_cmpuint(found.n_owners, ==, 4);
        g_assert_cmpuint(found.names_max, ==, 7);
        g_assert_cmpuint(found.n_suffixes, ==, 2);
        g_assert_cmpstr(found.suffixes[0].suffix, ==, "/vfio/25");
        g_assert_cmpstr(found.suffixes[1].suffix, ==, "/vfio/7");
        g_assert_cmpuint(found.suffixes[0].owner, ==, 2);
        g_assert_cmpuint(found.suffixes[1].owner, ==, 3);
        g_assert_cmpuint(found.n_nodes, ==, 2);
        for (size_t i = 0; i < 2; i++) {
                g_assert_cmpint(device_node_compare(&found.nodes[i].node, &table.nodes[i].node), ==, 0);
                g_assert_cmpuint(found.nodes[i].owner, ==, i);
        }
}

typedef struct SearchFields {
        uint32_t node_owner, n_owners;
        const char *suffix;
        uint32_t suffix_owner;
} SearchFields;

static int read_search(const SearchFields *fields) {
        _cleanup_(holder_table_done) HolderTable table = {};
        g_autoptr(PeerPair) pair = peer_pair_new();
        bool wants_mounts;

        sd_bus_message *call = peer_pair_make_call(pair);
        g_assert_cmpint(sd_bus_message_append(call, HOLDER_MESSAGE_SEARCH, 1, fields->node_owner, UINT64_C(1), true,
                                        fields->n_owners, 1, fields->suffix_owner, fields->suffix, 1U, 0U, false),
                        >=, 0);
        _cleanup_message_ sd_bus_message *message = peer_pair_transfer(pair, call);
        return holder_message_read_search(message, &table, &wants_mounts);
}

static void test_malformed_search(void) {
        static const char suffix[] = "/vfio/25", longest[] = "/vfio/2222222222222222222222222";

        G_STATIC_ASSERT(sizeof(longest) == sizeof(((SuffixOwner *)NULL)->suffix));
        g_assert_cmpint(read_search(&(SearchFields){1, 2, suffix, 1}), ==, 0);
        g_assert_cmpint(read_search(&(SearchFields){1, 2, longest, 0}), ==, 0);
        g_assert_cmpint(read_search(&(SearchFields){0, 100000, suffix, 99999}), ==, 0);

        g_assert_cmpint(read_search(&(SearchFields){2, 2, suffix, 1}), ==, -EBADMSG);
        g_assert_cmpint(read_search(&(SearchFields){0, 0, "", 0}), ==, -EBADMSG);
        g_assert_cmpint(read_search(&(SearchFields){UINT32_MAX, 2, suffix, 1}), ==, -EBADMSG);
        g_assert_cmpint(read_search(&(SearchFields){1, 100001, suffix, 1}), ==, -EBADMSG);
        g_assert_cmpint(read_search(&(SearchFields){1, UINT32_MAX, suffix, 1}), ==, -EBADMSG);
        g_assert_cmpint(read_search(&(SearchFields){1, 2, suffix, 2}), ==, -EBADMSG);
        g_assert_cmpint(read_search(&(SearchFields){1, 2, "", 1}), ==, -EBADMSG);
        g_autofree char *too_long = g_strconcat(longest, "2", NULL);
        g_assert_cmpint(read_search(&(SearchFields){1, 2, too_long, 1}), ==, -EBADMSG);
}

/* ListHolders. */

static int read_list(PeerPair *pair, sd_bus_message *call, HolderTable *table) {
        _cleanup_message_ sd_bus_message *message = peer_pair_transfer(pair, call);

        int r = holder_message_read_list(message, table);
        if (r == 0)
                assert_end(message);
        return r;
}

static void test_list(void) {
        static const int groups[] = {25, 0, INT_MAX};
        AskedDevice devices[] = {{address_of(NIC), makedev(511, 3)}, {address_of("ffffffff:ff:1f.7"), 0}};
        g_autoptr(TempTree) tree = temp_tree_new();
        g_autoptr(PeerPair) pair = peer_pair_new();

        temp_tree_device(tree, "pci0000:00/" NIC);
        for (size_t n_groups = 0; n_groups <= G_N_ELEMENTS(groups); n_groups++) {
                _cleanup_(holder_table_done) HolderTable table = {.kernel = tree->kernel};
                HolderQuestion question = {groups, n_groups, devices, 2, .names_max = 1024, .reader = 1000};

                sd_bus_message *call = peer_pair_make_call(pair);
                g_assert_cmpint(holder_message_append_list(call, &question), ==, 0);
                g_assert_cmpint(read_list(pair, call, &table), ==, 0);
                g_assert_cmpuint(table.names_max, ==, 1024);
                g_assert_cmpuint(table.names_total_max, ==, 1024);
                g_assert_cmpuint(table.reader, ==, 1000);
                g_assert_cmpuint(table.n_owners, ==, n_groups + 2);
                g_assert_cmpuint(table.n_suffixes, ==, n_groups);
                for (size_t i = 0; i < n_groups; i++) {
                        g_autofree char *suffix = g_strdup_printf("/vfio/%d", groups[i]);

                        g_assert_cmpstr(table.suffixes[i].suffix, ==, suffix);
                        g_assert_cmpuint(table.suffixes[i].owner, ==, i);
                }
                for (size_t i = 0; i < 2; i++)
                        g_assert_true(pci_address_equal(table.owners[n_groups + i].address, devices[i].address));
                /* The cdev that sysfs does not have any more. */
                g_assert_cmpuint(table.n_nodes, ==, 1);
                g_assert_cmpuint(table.nodes[0].owner, ==, n_groups);
                g_assert_true(table.nodes[0].node.number == devices[0].cdev && !table.nodes[0].node.block);
        }
}

/* The number belongs to another device by now. */
static void test_list_reused(void) {
        AskedDevice device = {address_of(NIC), makedev(511, 3)};
        HolderQuestion question = {.devices = &device, .n_devices = 1, .names_max = 1024};
        g_autoptr(TempTree) tree = temp_tree_new();
        g_autoptr(PeerPair) pair = peer_pair_new();
        _cleanup_(holder_table_done) HolderTable table = {.kernel = tree->kernel};

        temp_tree_device(tree, "pci0000:00/" NIC);
        temp_tree_file(tree, "", "sys/dev/char/511:3");
        sd_bus_message *call = peer_pair_make_call(pair);
        g_assert_cmpint(holder_message_append_list(call, &question), ==, 0);
        g_assert_cmpint(read_list(pair, call, &table), ==, 0);
        g_assert_cmpuint(table.n_nodes, ==, 0);
}

/* More groups and devices than a host has. */
static void test_list_too_long(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        g_autoptr(PeerPair) pair = peer_pair_new();
        g_autofree int *groups = g_new0(int, 100001);

        for (size_t n = 100000; n <= 100001; n++) {
                _cleanup_(holder_table_done) HolderTable table = {.kernel = tree->kernel};
                HolderQuestion question = {.groups = groups, .n_groups = n, .names_max = 1};

                sd_bus_message *call = peer_pair_make_call(pair);
                g_assert_cmpint(holder_message_append_list(call, &question), ==, 0);
                g_assert_cmpint(read_list(pair, call, &table), ==, n == 100000 ? 0 : -EBADMSG);
        }
}

static void test_malformed_list(void) {
        static const char *const bad[] = {"", "05:00.0", "../" NIC, NIC "/..", "0000:05:00.8", "0000:05:0A.0"};
        g_autoptr(TempTree) tree = temp_tree_new();
        g_autoptr(PeerPair) pair = peer_pair_new();

        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
                _cleanup_(holder_table_done) HolderTable table = {.kernel = tree->kernel};

                sd_bus_message *call = peer_pair_make_call(pair);
                g_assert_cmpint(sd_bus_message_append(call, HOLDER_MESSAGE_LIST, 0, 2, NIC, UINT64_C(0), bad[i],
                                                UINT64_C(0), 1U, 0U),
                                >=, 0);
                g_assert_cmpint(read_list(pair, call, &table), ==, -EBADMSG);
        }
        _cleanup_(holder_table_done) HolderTable table = {.kernel = tree->kernel};
        sd_bus_message *call = peer_pair_make_call(pair);
        g_assert_cmpint(sd_bus_message_append(call, HOLDER_MESSAGE_LIST, 2, 25, -1, 0, 1U, 0U), >=, 0);
        g_assert_cmpint(read_list(pair, call, &table), ==, -EBADMSG);
}

/* The answer. */

static void put_holder(HolderTable *table, HolderList *list, pid_t pid, const char *command, const char *unit,
                const char *node) {
        NamedHolder named = {.holder.pid = pid};

        (void)g_strlcpy(named.holder.command, command, sizeof(named.holder.command));
        (void)g_strlcpy(named.holder.unit, unit, sizeof(named.holder.unit));
        g_assert_cmpint(holder_table_add_name(table, list, &named, node), ==, 0);
}

static void assert_equal_lists(const HolderList *list, const HolderList *expected) {
        g_assert_cmpuint(list->n_more, ==, expected->n_more);
        g_assert_cmpuint(list->n_holders, ==, expected->n_holders);
        for (size_t i = 0; i < list->n_holders; i++) {
                const NamedHolder *a = &list->holders[i], *b = &expected->holders[i];

                g_assert_cmpint(a->holder.pid, ==, b->holder.pid);
                g_assert_cmpstr(a->holder.command, ==, b->holder.command);
                g_assert_cmpstr(a->holder.unit, ==, b->holder.unit);
                g_assert_cmpstr(a->node, ==, b->node);
        }
}

static void add_owners(HolderTable *table) {
        for (unsigned i = 0; i < 3; i++)
                g_assert_cmpint(holder_table_add_node(table, address_of(NIC), (DeviceNode){.number = i}), ==, 0);
}

static void fill_table(HolderTable *table) {
        char every_byte[256];

        for (unsigned i = 0; i < sizeof(every_byte); i++)
                every_byte[i] = (char)(i + 1);
        add_owners(table);
        table->n_descriptors = 123456789;
        table->has_too_many_processes = true;
        table->owners[1].error = -E2BIG;
        put_holder(table, &table->owners[0].open, 324, "qemu-system-x86", "machine-qemu-1.scope", "/dev/vfio/25");
        put_holder(table, &table->owners[0].open, 325, every_byte + 100, every_byte, every_byte);
        table->owners[0].open.n_more = 4000;
        put_holder(table, &table->owners[0].cut, 1, "", "", NULL);
        put_holder(table, &table->owners[2].cut, INT_MAX, "x", "", "relative");
        table->owners[2].cut.n_more = 1;
        put_holder(table, &table->hidden, 77, "\xff", "\xfe", NULL);
        table->hidden.n_more = 2;
}

static void fill_mounts(MountTable *mounts) {
        g_autofree char *longest = g_strnfill(PATH_MAX, '\xff');

        g_assert_cmpint(mount_table_add(mounts, "259:2", "/var \n\xff"), ==, 0);
        g_assert_cmpint(mount_table_add(mounts, "/dev/\x01", ""), ==, 0);
        g_assert_cmpint(mount_table_add(mounts, longest, longest), ==, 0);
        mounts->is_partial = true;
        mounts->n_lines = 4321;
}

static int assert_is_found(const Mount *mount, void *userdata) {
        const Mount *found = mount_table_find(userdata, mount->device);

        g_assert_nonnull(found);
        g_assert_cmpstr(found->target, ==, mount->target);
        return 0;
}

static void check_answer(bool has_mounts, bool wants_mounts) {
        _cleanup_(mount_table_done) MountTable mounts = {}, found_mounts = {};
        _cleanup_(holder_table_done) HolderTable table = {.names_max = 16}, found = {.names_max = 16};
        g_autoptr(PeerPair) pair = peer_pair_new();

        fill_table(&table);
        fill_mounts(&mounts);
        add_owners(&found);
        sd_bus_message *call = peer_pair_make_call(pair);
        g_assert_cmpint(holder_message_append_answer(call, -EIO, &table, has_mounts ? &mounts : NULL), ==, 0);
        _cleanup_message_ sd_bus_message *message = peer_pair_transfer(pair, call);
        g_assert_cmpint(sd_bus_message_has_signature(message, HOLDER_MESSAGE_ANSWER), >, 0);
        g_assert_cmpint(holder_message_read_answer(message, &found, wants_mounts ? &found_mounts : NULL), ==, 0);
        g_assert_cmpint(found.error, ==, -EIO);
        g_assert_cmpuint(found.n_descriptors, ==, table.n_descriptors);
        g_assert_true(found.has_too_many_processes);
        for (size_t i = 0; i < 3; i++) {
                g_assert_cmpint(found.owners[i].error, ==, table.owners[i].error);
                assert_equal_lists(&found.owners[i].open, &table.owners[i].open);
                assert_equal_lists(&found.owners[i].cut, &table.owners[i].cut);
        }
        assert_equal_lists(&found.hidden, &table.hidden);
        if (!wants_mounts)
                return;
        assert_end(message);
        g_assert_cmpuint(found_mounts.n_mounts, ==, has_mounts ? 3 : 0);
        if (!has_mounts)
                return;
        g_assert_true(found_mounts.is_partial);
        g_assert_cmpuint(found_mounts.n_lines, ==, 4321);
        g_assert_cmpint(mount_table_for_each(&mounts, assert_is_found, &found_mounts), ==, 0);
}

static void test_answer(void) {
        for (unsigned i = 0; i < 4; i++)
                check_answer(i & 1, i & 2);
}

typedef struct AnswerFields {
        uint32_t error_owner;
        int owner_error;
        uint32_t owner;
        uint8_t kind;
        size_t command_length, unit_length, node_length;
        uint32_t count_owner;
        uint8_t count_kind;
        size_t device_length, target_length;
        char byte; /* of all texts */
} AnswerFields;

static void append_text(sd_bus_message *message, size_t length, char byte) {
        g_autofree char *text = g_malloc(length + 1);

        memset(text, byte, length);
        g_assert_cmpint(sd_bus_message_append_array(message, 'y', text, length), >=, 0);
}

static int read_fields(const AnswerFields *f) {
        _cleanup_(holder_table_done) HolderTable table = {.names_max = 1};
        _cleanup_(mount_table_done) MountTable mounts = {};
        g_autoptr(PeerPair) pair = peer_pair_new();

        add_owners(&table);
        sd_bus_message *call = peer_pair_make_call(pair);
        g_assert_cmpint(sd_bus_message_append(
                                        call, "ibta(ui)", 0, false, UINT64_C(1), 1, f->error_owner, f->owner_error),
                        >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(call, 'a', "(uyuuayayay)"), >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(call, 'r', "uyuuayayay"), >=, 0);
        g_assert_cmpint(sd_bus_message_append(call, "uyuu", f->owner, f->kind, 1U, 0U), >=, 0);
        append_text(call, f->command_length, f->byte);
        append_text(call, f->unit_length, f->byte);
        append_text(call, f->node_length, f->byte);
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        g_assert_cmpint(sd_bus_message_append(
                                        call, "a(uyu)bt", 1, f->count_owner, f->count_kind, 9U, false, UINT64_C(1)),
                        >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(call, 'a', "(ayay)"), >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(call, 'r', "ayay"), >=, 0);
        append_text(call, f->device_length, f->byte);
        append_text(call, f->target_length, f->byte);
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        _cleanup_message_ sd_bus_message *message = peer_pair_transfer(pair, call);
        return holder_message_read_answer(message, &table, &mounts);
}

#define CHANGE(...) \
        ({ \
                AnswerFields fields_ = {0, -EIO, 2, CUT, 3, 3, 3, 0, OPEN, 3, 3, '\xff'}; \
                AnswerFields *f = &fields_; \
                (void)(__VA_ARGS__); \
                read_fields(&fields_); \
        })

static void test_malformed_answer(void) {
        g_assert_cmpint(CHANGE(f), ==, 0);
        g_assert_cmpint(CHANGE(f->command_length = PROCESS_COMMAND_MAX - 1, f->unit_length = HOLDER_UNIT_MAX - 1), ==,
                        0);
        g_assert_cmpint(CHANGE(f->node_length = f->device_length = f->target_length = PATH_MAX), ==, 0);
        /* The list of hidden processes has no owner. */
        g_assert_cmpint(CHANGE(f->owner = UINT32_MAX, f->kind = HIDDEN), ==, 0);

        g_assert_cmpint(CHANGE(f->error_owner = 3), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->owner_error = 0), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->owner_error = 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->owner = 3), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->owner = UINT32_MAX), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->kind = HIDDEN + 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->kind = UINT8_MAX), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->count_owner = 3), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->count_kind = HIDDEN + 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->command_length = PROCESS_COMMAND_MAX), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->unit_length = HOLDER_UNIT_MAX), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->node_length = PATH_MAX + 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->device_length = PATH_MAX + 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->target_length = PATH_MAX + 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(f->byte = '\0'), ==, -EBADMSG);
}

/* An answer has at most names_total_max names, and at least one of each list. */
static void test_too_many_names(void) {
        for (size_t total = 3; total <= 6; total++) {
                _cleanup_(holder_table_done) HolderTable table = {.names_max = 16},
                                                         found = {.names_max = 16, .names_total_max = total};
                g_autoptr(PeerPair) pair = peer_pair_new();

                add_owners(&table);
                add_owners(&found);
                for (size_t owner = 0; owner < 3; owner++)
                        for (pid_t pid = 1; pid <= 2; pid++)
                                put_holder(&table, &table.owners[owner].open, pid, "", "", NULL);
                sd_bus_message *call = peer_pair_make_call(pair);
                g_assert_cmpint(holder_message_append_answer(call, 0, &table, NULL), ==, 0);
                _cleanup_message_ sd_bus_message *message = peer_pair_transfer(pair, call);
                g_assert_cmpint(holder_message_read_answer(message, &found, NULL), ==, total < 6 ? -EBADMSG : 0);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/holder-message/search", test_search);
        g_test_add_func("/holder-message/search/malformed", test_malformed_search);
        g_test_add_func("/holder-message/list", test_list);
        g_test_add_func("/holder-message/list/reused", test_list_reused);
        g_test_add_func("/holder-message/list/malformed", test_malformed_list);
        g_test_add_func("/holder-message/list/too-long", test_list_too_long);
        g_test_add_func("/holder-message/answer", test_answer);
        g_test_add_func("/holder-message/answer/malformed", test_malformed_answer);
        g_test_add_func("/holder-message/answer/too-many-names", test_too_many_names);
        return g_test_run();
}
