/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planning.h"
#include "policy/vf-plan.h"
#include "state-folder.h"
#include "state-text.h"
#include "state/state-file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define PF "0000:07:00.0"
#define VF0 "0000:07:10.0"
#define VF1 "0000:07:10.1"

static const Binding full_binding = {
                .driver = "e1000",
                .override = "none \"quoted\" \\ \xc3\xa4 \xff",
                .any_driver = true,
                .power = {.control = "auto", .d3cold_known = true},
                .link = {.known = true,
                                .mac = {0xff, 0, 1, 2, 3, 0xfe},
                                .vlan = 4095,
                                .qos = 7,
                                .vlan_protocol = 0x88a8},
};

/* A plan in which no value is the default. */
static Plan *make_plan(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        VfOptions options = {.fate = VFS_DETACHED, .iommu = &(IommuReport){.state = IOMMU_ON}};
        PciFacts facts = make_facts(PF, "igb", 14);
        _cleanup_problem_ Problem problem = {};
        Plan *plan = NULL;

        facts.ids = (PciIds){0xffff, 0xfffe, 0xfffd, 0xfffc, 0xffffff, 0xff};
        facts.virtual_functions_max = 7;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        put_virtual_function(inventory, VF0, PF, "vfio-pci", 20);
        put_virtual_function(inventory, VF1, PF, "igbvf", 21);
        put_name(inventory, VF0, HOST_NAME_NETWORK, "ens1");
        put_name(inventory, VF0, HOST_NAME_BLOCK, "nvme0n1");
        put_origin(inventory, VF0, "igbvf", "x");
        g_assert_cmpint(vf_plan_new(inventory, get_device(inventory, PF), 3, &options, &plan, &problem), ==, 0);
        plan->force = true;
        plan->by_rule = true;
        plan->members[1].unknown_origin = true;
        plan->members[1].cdev = makedev(511, 3);
        plan->members[1].before = full_binding;
        plan->members[2].target = full_binding;
        DeviceOrigin *origin = plan->members[1].origin;
        origin->binding = full_binding;
        origin->module = strdup("e1000");
        origin->degraded = origin->has_parent = origin->autoprobe_known = origin->autoprobe = true;
        origin->parent = address_of("ffffffff:ff:1f.7");
        origin->virtual_functions = UINT16_MAX;
        for (size_t i = 0; i < plan->n_steps; i++)
                plan->steps[i].before = (unsigned)i;
        return plan;
}

static void test_round_trip(void) {
        g_autoptr(StateFolder) folder = state_folder_new();
        _cleanup_(plan_freep) Plan *plan = make_plan(), *found = NULL, *again = NULL;
        pid_t owner;

        int fd = -EBADF;
        g_assert_cmpint(transaction_file_read(folder->fd, 7, &found, &owner), ==, -ENOENT);
        g_assert_cmpint(transaction_file_write(folder->fd, 7, plan, &fd), ==, 0);
        close(fd);
        g_assert_cmpint(transaction_file_read(folder->fd, 7, &found, &owner), ==, 0);
        g_assert_cmpint(owner, ==, 0);
        g_assert_true(found->recovery);
        g_assert_cmpuint(found->transaction, ==, 7);
        g_autofree char *expected = plan_to_text(plan), *text = plan_to_text(found);
        g_assert_cmpstr(text, ==, expected);
        g_assert_nonnull(strstr(expected, "by-rule"));
        g_assert_nonnull(strstr(expected, "unknown-origin"));
        g_assert_nonnull(strstr(expected, "cdev=511:3"));
        g_assert_nonnull(strstr(expected, "88a8"));

        /* The plan that was read is written in the same way. */
        g_assert_cmpint(transaction_file_write(folder->fd, 8, found, &fd), ==, 0);
        close(fd);
        gsize length, other_length;
        g_autofree char *a = state_folder_read(folder, "7", &length),
                        *b = state_folder_read(folder, "8", &other_length);
        g_assert_cmpmem(a, length, b, other_length);
        g_assert_cmpint(transaction_file_remove(folder->fd, 7), ==, 0);
        g_assert_cmpint(transaction_file_remove(folder->fd, 7), ==, 0);
        g_assert_cmpint(transaction_file_read(folder->fd, 7, &again, &owner), ==, -ENOENT);
}

static void assert_in_range(const Plan *plan) {
        g_assert_cmpuint(plan->n_members, >, 0);
        g_assert_cmpuint(plan->n_steps, >, 0);
        g_assert_cmpint(plan->verb, >=, 0);
        g_assert_cmpint(plan->verb, <, _PLAN_VERB_MAX);
        g_assert_cmpint(plan->vf_fate, <, _VF_FATE_MAX);
        for (size_t i = 0; i < plan->n_steps; i++) {
                char buffer[PLAN_REASON_MAX];

                g_assert_cmpint(plan->steps[i].kind, >=, 0);
                g_assert_cmpint(plan->steps[i].kind, <, _STEP_KIND_MAX);
                g_assert_cmpuint(plan->steps[i].member, <, plan->n_members);
                (void)plan_step_address(plan, &plan->steps[i]);
                g_assert_nonnull(plan_step_reason(plan, &plan->steps[i], buffer));
        }
        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];

                g_assert_cmpint(member->parent, >=, PLAN_NO_PARENT);
                g_assert_cmpint(member->parent, <, (int)plan->n_members);
                g_assert_cmpint(member->parent, !=, (int)i);
        }
}

/* JSON with a right checksum gives a plan with values in range, or no plan. */
static int read_json(StateFolder *folder, const char *json) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        pid_t owner;

        state_folder_write_json(folder, "1", "transaction", json);
        int r = transaction_file_read(folder->fd, 1, &plan, &owner);
        g_assert_true(r == 0 || r == -EBADMSG);
        g_assert_true((r == 0) == (plan != NULL));
        if (plan)
                assert_in_range(plan);
        return r;
}

static char *make_json(StateFolder *folder) {
        _cleanup_(plan_freep) Plan *plan = make_plan();
        int fd = -EBADF;

        g_assert_cmpint(transaction_file_write(folder->fd, 1, plan, &fd), ==, 0);
        close(fd);
        g_autofree char *text = state_folder_read(folder, "1", NULL);
        return g_strdup(strchr(text, '\n') + 1);
}

/* Some bytes are changed, as if the writer of the file could compute its checksum. */
static void test_random(void) {
        static const char alphabet[] = "0123456789-:\"[]{},truefalsn \xff";
        g_autoptr(StateFolder) folder = state_folder_new();
        g_autofree char *json = make_json(folder);
        size_t length = strlen(json);
        unsigned n_read = 0;

        for (unsigned round = 0; round < 3000; round++) {
                g_autofree char *changed = g_strdup(json);

                for (int n = g_test_rand_int_range(1, 4); n > 0; n--)
                        changed[g_test_rand_int_range(0, (gint32)length)] =
                                        alphabet[g_test_rand_int_range(0, (gint32)sizeof(alphabet) - 1)];
                n_read += read_json(folder, changed) == 0;
        }
        g_assert_cmpuint(n_read, >, 0);
}

/* The shortest text that is too long for the name of a driver. */
#define CHARACTERS_32 "a-name-of-a-driver-that-is-long-"
#define CHARACTERS_128 CHARACTERS_32 CHARACTERS_32 CHARACTERS_32 CHARACTERS_32
#define NAME_TOO_LONG CHARACTERS_128 CHARACTERS_128
static_assert(sizeof(NAME_TOO_LONG) == DRIVER_NAME_MAX + 1, "one character too many");

/* One part of a valid file is replaced by another text. */
static void test_wrong(void) {
        static const char *const wrong[][2] = {
                        {"\"set-virtual-functions\"", "\"detonate\""},
                        {"\"verb\"", "\"word\""},
                        {"\"vf_fate\": 1", "\"vf_fate\": 3"},
                        {"\"vf_fate\": 1", "\"vf_fate\": -1"},
                        {"\"vf_count\": 3", "\"vf_count\": -1"},
                        {"\"parent\": 0", "\"parent\": 6"},
                        {"\"parent\": 0", "\"parent\": -2"},
                        {"\"parent\": 0", "\"parent\": 1"}, /* its own parent */
                        {"\"parent\": 0", "\"parent\": 4294967296"},
                        {"\"parent\": -1", "\"parent\": 0"},
                        {"\"selected\": \"" PF "\"", "\"selected\": \"x\""},
                        {"\"address\": \"" VF0 "\"", "\"address\": \"../x\""},
                        {"\"lock-node\"", "\"lock-door\""},
                        {"   1,\n   0,\n   0\n", "   6,\n   0,\n   0\n"},
                        {"   1,\n   0,\n   0\n", "   -1,\n   0,\n   0\n"},
                        {"   1,\n   0,\n   0\n", "   1,\n   -1,\n   0\n"},
                        {"   1,\n   0,\n   0\n", "   4294967297,\n   0,\n   0\n"},
                        {"65535,", "65536,"},
                        {"16777215,", "16777216,"},
                        {"    255\n", "    256\n"},
                        {"     254,\n     4095", "     256,\n     4095"},
                        {"     4095,", "     65536,"},
                        {"\"auto\"", "\"automatic\""},
                        {"\"d3cold_allowed\": false", "\"d3cold_allowed\": 0"},
                        {"\"e1000\"", "\"" NAME_TOO_LONG "\""},
                        {"\"e1000\"", "1"},
                        {"\"recorded\": false", "\"recorded\": 0"},
                        {"\"virtual_functions\": 65535", "\"virtual_functions\": 65536"},
                        /* a VF that disappears without a parent, a new VF without a parent, and a state file without
                         * data */
                        {"\"parent\": 0,\n   \"before\": {\n    \"driver\": \"igbvf\"",
                                        "\"parent\": -1,\n   \"before\": {\n    \"driver\": \"igbvf\""},
                        {"\"parent\": 0,\n   \"before\": {}", "\"parent\": -1,\n   \"before\": {}"},
                        {"\"recorded\": false", "\"recorded\": true"},
                        {"\"cdev\": 130819", "\"cdev\": 0"},
                        {"\"cdev\": 130819", "\"cdev\": -1"},
                        {"\"cdev\": 130819", "\"cdev\": \"511:3\""},
                        {"\"members\": [", "\"members\": ["},
        };
        g_autoptr(StateFolder) folder = state_folder_new();
        g_autofree char *json = make_json(folder);

        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_auto(GStrv) parts = g_strsplit(json, wrong[i][0], 2);
                g_autofree char *changed = g_strjoinv(wrong[i][1], parts);

                if (!parts[1])
                        g_error("there is no %s in %s", wrong[i][0], json);
                if (read_json(folder, changed) != (streq(wrong[i][0], wrong[i][1]) ? 0 : -EBADMSG))
                        g_error("%s for %s is accepted", wrong[i][1], wrong[i][0]);
        }
        g_assert_cmpint(read_json(folder, "{}"), ==, -EBADMSG);
        g_assert_cmpint(read_json(folder, "[]"), ==, -EBADMSG);
}

static void test_names(void) {
        static const char *const wrong[] = {"", "0", "01", "1.new", "+1", "-1", " 1", "1 ", "1x", "x", "1000000000",
                        "9999999999", "99999999999999999999"};
        g_autoptr(StateFolder) folder = state_folder_new();
        unsigned long number;

        g_assert_cmpint(transaction_file_parse_name("1", &number), ==, 0);
        g_assert_cmpuint(number, ==, 1);
        g_assert_cmpint(transaction_file_parse_name("999999999", &number), ==, 0);
        g_assert_cmpuint(number, ==, TRANSACTION_NUMBER_MAX);
        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
                g_assert_cmpint(transaction_file_parse_name(wrong[i], &number), ==, -EINVAL);

        /* The lowest number without a file of any kind. */
        g_assert_cmpint(transaction_file_find_number(folder->fd, 1, &number), ==, 0);
        g_assert_cmpuint(number, ==, 1);
        state_folder_write(folder, "1", "", 0);
        state_folder_write(folder, "999999999", "", 0);
        g_assert_cmpint(symlinkat("nothing", folder->fd, "2"), ==, 0);
        g_assert_cmpint(transaction_file_find_number(folder->fd, 1, &number), ==, 0);
        g_assert_cmpuint(number, ==, 3);
        g_assert_cmpint(transaction_file_find_number(folder->fd, TRANSACTION_NUMBER_MAX, &number), ==, -ENOSPC);
        g_assert_cmpint(transaction_file_find_number(folder->fd, TRANSACTION_NUMBER_MAX - 1, &number), ==, 0);
        g_assert_cmpuint(number, ==, TRANSACTION_NUMBER_MAX - 1);
}

/* Another process owns the transaction; then it dies. */
static void test_owner(void) {
        g_autoptr(StateFolder) folder = state_folder_new();
        _cleanup_(plan_freep) Plan *plan = make_plan(), *found = NULL, *later = NULL;
        int ready[2], status;
        pid_t owner = 0;
        char byte;

        g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
        pid_t pid = fork();
        if (pid == 0) {
                int fd = -EBADF;

                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (transaction_file_write(folder->fd, 5, plan, &fd) == 0 && write(ready[1], "r", 1) == 1)
                        for (;;)
                                pause();
                _exit(1);
        }
        g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
        g_assert_cmpint(transaction_file_read(folder->fd, 5, &found, &owner), ==, 0);
        g_assert_cmpint(owner, ==, pid);
        g_assert_cmpint(transaction_file_lock(folder->fd, 5), ==, -EAGAIN);
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_cmpint(transaction_file_read(folder->fd, 5, &later, &owner), ==, 0);
        g_assert_cmpint(owner, ==, 0);
        int fd = transaction_file_lock(folder->fd, 5);
        g_assert_cmpint(fd, >=, 0);
        close(fd);
        g_assert_cmpint(transaction_file_lock(folder->fd, 6), ==, -ENOENT);
        close(ready[0]);
        close(ready[1]);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/transaction-file/round-trip", test_round_trip);
        g_test_add_func("/transaction-file/random", test_random);
        g_test_add_func("/transaction-file/wrong", test_wrong);
        g_test_add_func("/transaction-file/names", test_names);
        g_test_add_func("/transaction-file/owner", test_owner);
        return g_test_run();
}
