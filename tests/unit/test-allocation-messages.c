/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "allocation-faults.h"
#include "bus/request.h"
#include "peer-pair.h"
#include "planning.h"
#include "policy/vf-plan.h"
#include "process/holder-message.h"
#include "process/job-message.h"
#include "state-folder.h"
#include "state/device-file.h"

/* No memory while vfiod or a helper reads a message. Each run reads the same message from its beginning. */

#define PF "0000:07:00.0"
#define VF0 "0000:07:10.0"
#define NIC "0000:05:00.0"
#define OWNERS 2

static void rewind_message(sd_bus_message *message) {
        g_assert_cmpint(sd_bus_message_rewind(message, true), >=, 0);
}

/* Jobs. */

typedef struct Bed {
        StateFolder *folder;
        PeerPair *pair;
        sd_bus_message *message;
} Bed;

static Bed bed_new(void) {
        return (Bed){state_folder_new(), peer_pair_new(), NULL};
}

static void bed_done(Bed *bed) {
        sd_bus_message_unref(bed->message);
        peer_pair_free(bed->pair);
        state_folder_free(bed->folder);
}
#define _cleanup_bed_ _cleanup_(bed_done)

static int read_plan(void *userdata) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};
        Bed *bed = userdata;

        rewind_message(bed->message);
        int r = job_message_read_plan(bed->message, bed->folder->fd, &plan, &problem);
        g_assert_true((r == 0) == (plan != NULL));
        return r;
}

/* Writes the state file of each member that has one. Frees the plan. */
static void check_plan(Plan *made) {
        _cleanup_(plan_freep) Plan *plan = made;
        _cleanup_bed_ Bed bed = bed_new();

        for (size_t i = 0; i < plan->n_members; i++)
                if (plan->members[i].recorded)
                        g_assert_cmpint(device_file_write(bed.folder->fd, plan->members[i].address, true,
                                                        plan->members[i].origin),
                                        ==, 0);
        sd_bus_message *call = peer_pair_make_call(bed.pair);
        g_assert_cmpint(job_message_append_plan(call, plan), ==, 0);
        bed.message = peer_pair_transfer(bed.pair, call);
        allocation_faults_check(read_plan, &bed, false);
}

static void test_plan(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, PF, "igb", 14);
        put_virtual_function(inventory, VF0, PF, "igbvf", 20);
        put_device(inventory, NIC, "vfio-pci", 12);
        put_origin(inventory, NIC, "e1000e", "x \xff");
        put_name(inventory, NIC, HOST_NAME_NETWORK, "ens1");
        Plan *plan = make_detach_plan(inventory, PF, 1U << GUARD_VIRTUAL_FUNCTIONS);
        g_assert_cmpint(plan_name_driver(&plan->members[0], "igb-vfio_pci"), ==, 0);
        check_plan(plan);
        check_plan(make_reattach_plan(inventory, NIC, NULL));
}

/* A state file that is missing is no lack of memory. */
static void test_missing_file(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        _cleanup_bed_ Bed bed = bed_new();

        put_device(inventory, NIC, "vfio-pci", 12);
        put_origin(inventory, NIC, "e1000e", NULL);
        _cleanup_(plan_freep) Plan *plan = make_reattach_plan(inventory, NIC, NULL);
        sd_bus_message *call = peer_pair_make_call(bed.pair);
        g_assert_cmpint(job_message_append_plan(call, plan), ==, 0);
        bed.message = peer_pair_transfer(bed.pair, call);
        g_assert_cmpint(read_plan(&bed), ==, OUTCOME_NOT_DETACHED);
        allocation_faults_check(read_plan, &bed, false);
}

static int read_result(void *userdata) {
        _cleanup_(worker_result_done) WorkerResult result = {};
        Bed *bed = userdata;

        rewind_message(bed->message);
        return job_message_read_result(bed->message, &result);
}

static void test_result(void) {
        _cleanup_(worker_result_done) WorkerResult result = {};
        _cleanup_bed_ Bed bed = bed_new();
        FindingList *findings = &result.report.findings;

        g_assert_cmpint(problem_set(&result.problem, OUTCOME_DEGRADED, "a message"), ==, OUTCOME_DEGRADED);
        for (unsigned i = 0; i < 3; i++) {
                PciAddress address = {.bus = 3, .slot = (uint8_t)i};

                g_assert_cmpint(report_add_change(&result.report, address, "e1000", "vfio-pci"), ==, 0);
                g_assert_cmpint(finding_list_add(findings, GUARD_STORAGE, address, "sda is mounted"), ==, 0);
                g_assert_cmpint(report_add_warning(&result.report, "a warning"), ==, 0);
        }
        sd_bus_message *call = peer_pair_make_call(bed.pair);
        g_assert_cmpint(job_message_append_result(call, &result), ==, 0);
        bed.message = peer_pair_transfer(bed.pair, call);
        allocation_faults_check(read_result, &bed, false);
}

/* Searches for holders. */

static int read_search(void *userdata) {
        _cleanup_(holder_table_done) HolderTable table = {};
        Bed *bed = userdata;
        bool wants_mounts;

        rewind_message(bed->message);
        return holder_message_read_search(bed->message, &table, &wants_mounts);
}

static void test_search(void) {
        _cleanup_(holder_table_done) HolderTable table = {.names_max = 7};
        _cleanup_bed_ Bed bed = bed_new();

        for (unsigned i = 0; i < 3; i++)
                g_assert_cmpint(holder_table_add_node(
                                                &table, (PciAddress){.bus = 3, .slot = (uint8_t)i}, (DeviceNode){7, 1}),
                                ==, 0);
        g_assert_cmpint(holder_table_add_suffix(&table, "/vfio/25", 1), ==, 0);
        sd_bus_message *call = peer_pair_make_call(bed.pair);
        g_assert_cmpint(holder_message_append_search(call, &table, true), ==, 0);
        bed.message = peer_pair_transfer(bed.pair, call);
        allocation_faults_check(read_search, &bed, false);
}

static int read_list(void *userdata) {
        _cleanup_(holder_table_done) HolderTable table = {};
        Bed *bed = userdata;

        table.kernel = bed->folder->tree->kernel;
        rewind_message(bed->message);
        int r = holder_message_read_list(bed->message, &table);
        for (size_t i = 0; i < table.n_owners && r == 0; i++)
                if (table.owners[i].error == -ENOMEM)
                        r = -ENOMEM;
        return r;
}

static void test_list(void) {
        static const AskedDevice devices[] = {{{.bus = 3, .slot = 1}, 0}, {{.bus = 3, .slot = 2}, 0x123}};
        static const int groups[] = {25, 26};
        HolderQuestion question = {groups, G_N_ELEMENTS(groups), devices, G_N_ELEMENTS(devices), 7, 1000};
        _cleanup_bed_ Bed bed = bed_new();

        temp_tree_device(bed.folder->tree, "pci0000:00/0000:03:01.0");
        temp_tree_file(bed.folder->tree, "1:3\n", "sys/devices/pci0000:00/0000:03:01.0/mem/null/dev");
        sd_bus_message *call = peer_pair_make_call(bed.pair);
        g_assert_cmpint(holder_message_append_list(call, &question), ==, 0);
        bed.message = peer_pair_transfer(bed.pair, call);
        allocation_faults_check(read_list, &bed, false);
}

/* A table as the asker has it. */
static void add_owners(HolderTable *table) {
        table->names_max = 7;
        for (unsigned i = 0; i < OWNERS; i++)
                g_assert_cmpint(holder_table_add_node(
                                                table, (PciAddress){.bus = 3, .slot = (uint8_t)i}, (DeviceNode){7, 1}),
                                ==, 0);
}

typedef struct Answer {
        Bed bed;
        HolderTable table;
} Answer;

static int read_answer(void *userdata) {
        _cleanup_(mount_table_done) MountTable mounts = {};
        HolderTable table = {.names_max = 7, .n_owners = OWNERS};
        Answer *answer = userdata;

        rewind_message(answer->bed.message);
        table.owners = calloc(OWNERS, sizeof(NodeHolders));
        int r = table.owners ? holder_message_read_answer(answer->bed.message, &table, &mounts) : -ENOMEM;
        if (!table.owners)
                table.n_owners = 0;
        holder_table_done(&table);
        return r;
}

static void test_answer(void) {
        Answer answer = {.bed = bed_new()};
        NamedHolder named = {.holder = {.pid = 4711, .command = "qemu", .unit = "vm.scope"}};
        MountTable mounts = {};

        add_owners(&answer.table);
        for (unsigned i = 0; i < 3; i++) {
                g_autofree char *device = g_strdup_printf("259:%u", i);

                named.holder.pid++;
                g_assert_cmpint(holder_table_add_name(&answer.table, &answer.table.owners[i % OWNERS].open, &named,
                                                "/dev/vfio/25"),
                                ==, 0);
                g_assert_cmpint(holder_table_add_name(&answer.table, &answer.table.hidden, &named, NULL), ==, 0);
                g_assert_cmpint(mount_table_add(&mounts, device, "/var"), ==, 0);
        }
        sd_bus_message *call = peer_pair_make_call(answer.bed.pair);
        g_assert_cmpint(holder_message_append_answer(call, 0, &answer.table, &mounts), ==, 0);
        answer.bed.message = peer_pair_transfer(answer.bed.pair, call);
        allocation_faults_check(read_answer, &answer, false);
        mount_table_done(&mounts);
        holder_table_done(&answer.table);
        bed_done(&answer.bed);
}

/* Calls of users. */

typedef struct Call {
        sd_bus_message *message;
        const MethodAccess *planned;
        const char *rest; /* the arguments between the selector and the options */
} Call;

static int read_request(void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(request_freep) Request *request = NULL;
        const Call *call = userdata;

        rewind_message(call->message);
        int r = request_new(call->message, &request);
        if (r < 0)
                return r;
        g_assert_cmpint(sd_bus_message_skip(call->message, call->rest), >=, 0);
        r = request_read_planned_options(request, call->message, call->planned, &error);
        /* A refusal is the usual result of a bad call. */
        return r == -EINVAL ? 22 : r;
}

static sd_bus_message *seal(sd_bus_message *message) {
        g_assert_cmpint(sd_bus_message_seal(message, 1, 0), >=, 0);
        return message;
}

static void check_call(const char *path, const char *interface, const char *member, const char *rest,
                const MethodAccess *planned, const char *types, ...) {
        g_autoptr(PeerPair) pair = peer_pair_new();
        _cleanup_message_ sd_bus_message *message = NULL;
        va_list arguments;

        g_assert_cmpint(sd_bus_message_new_method_call(pair->client, &message, NULL, path, interface, member), >=, 0);
        va_start(arguments, types);
        g_assert_cmpint(sd_bus_message_appendv(message, types, arguments), >=, 0);
        va_end(arguments);
        Call call = {seal(message), planned, rest};
        allocation_faults_check(read_request, &call, false);
}

static void test_request(void) {
        const MethodAccess *detach = action_find(action_table, BUS_INTERFACE_MANAGER, "Detach");

        check_call(BUS_PATH, BUS_INTERFACE_MANAGER, "Detach", "", NULL, "sa{sv}", NIC, 3, "companions", "as", 3, "*",
                        PF, VF0, "override", "as", 2, "storage", "network", "driver", "s", "vfio-pci");
        check_call(BUS_PATH, BUS_INTERFACE_MANAGER, "Plan", "s", detach, "ssa{sv}", NIC, "detach", 2, "companions",
                        "as", 1, "*", "driver", "s", "x_vfio_pci");
        check_call(BUS_PATH, BUS_INTERFACE_MANAGER, "AddRule", "s", NULL, "ssa{sv}", NIC, "x", 2, "name", "s", "nic",
                        "driver", "s", "vfio-pci");
        check_call(BUS_PATH, BUS_INTERFACE_MANAGER, "Detach", "", NULL, "sa{sv}", NIC, 1, "name", "s", "nic");
        check_call(BUS_PATH_GROUPS "/10", BUS_INTERFACE_GROUP, "Detach", "", NULL, "a{sv}", 1, "companions", "as", 1,
                        "*");
        check_call(BUS_PATH_DEVICES "/_30000_3a03_3a01_2e0", BUS_INTERFACE_DEVICE, "Reattach", "", NULL, "a{sv}", 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/allocation/plan", test_plan);
        g_test_add_func("/allocation/missing-file", test_missing_file);
        g_test_add_func("/allocation/result", test_result);
        g_test_add_func("/allocation/search", test_search);
        g_test_add_func("/allocation/list", test_list);
        g_test_add_func("/allocation/answer", test_answer);
        g_test_add_func("/allocation/request", test_request);
        return g_test_run();
}
