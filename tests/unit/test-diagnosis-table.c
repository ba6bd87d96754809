/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks.h"
#include "diagnosis/device-checks.h"
#include "job/diagnosis-table.h"
#include "model.h"
#include "model/follower.h"
#include "process/check-message.h"
#include "process/examine-message.h"
#include "process/peer.h"
#include "temp-tree.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Checks of devices, and diagnoses in child processes. */

#define FIRST "0000:00:03.0"
#define SECOND "0000:00:04.0"
#define DEADLINE_US (3 * UINT64_C(1000000))
#define NOBODY 65534

typedef struct Bed {
        TempTree *tree;
        Inventory *inventory;
        sd_event *event;
        DiagnosisTable table;
} Bed;

/* What a diagnosis answered. */
typedef struct Answer {
        bool is_done;
        int error;
        CheckList checks; /* a copy without details */
} Answer;

static Bed *bed_new(void) {
        static const char *const addresses[] = {FIRST, SECOND};
        Bed *bed = g_new0(Bed, 1);
        sigset_t signals;

        g_assert_cmpint(sigemptyset(&signals), ==, 0);
        g_assert_cmpint(sigaddset(&signals, SIGCHLD), ==, 0);
        g_assert_cmpint(sigprocmask(SIG_BLOCK, &signals, NULL), ==, 0);
        bed->tree = temp_tree_new();
        bed->inventory = make_inventory();
        for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
                g_autofree char *path = g_strdup_printf("pci0000:00/%s", addresses[i]);

                temp_tree_device(bed->tree, path);
                temp_tree_attribute(bed->tree, addresses[i], "driver_override", "(null)");
                temp_tree_attribute(bed->tree, addresses[i], "reset_method", "flr");
                temp_tree_group(bed->tree, addresses[i], (int)i + 3);
        }
        g_assert_cmpint(follower_read_all(bed->tree->kernel, bed->inventory), ==, 0);
        g_assert_cmpint(sd_event_new(&bed->event), ==, 0);
        bed->table = (DiagnosisTable){
                        .event = bed->event,
                        .kernel = bed->tree->kernel,
                        .inventory = bed->inventory,
                        .deadline_us = 60 * G_USEC_PER_SEC,
        };
        return bed;
}

static void bed_free(Bed *bed) {
        diagnosis_table_done(&bed->table);
        sd_event_unref(bed->event);
        inventory_free(bed->inventory);
        temp_tree_free(bed->tree);
        g_free(bed);
}

static void on_done(int error, const CheckList *checks, void *userdata) {
        Answer *answer = userdata;

        g_assert_false(answer->is_done);
        answer->is_done = true;
        answer->error = error;
        for (size_t i = 0; checks && i < checks->n_checks; i++) {
                const Check *check = &checks->checks[i];

                check_add(&answer->checks, check->area, check->code, check->severity, "%s", check->finding);
                if (check->cure)
                        check_cure(&answer->checks, "%s", check->cure);
        }
}

static int start(Bed *bed, uid_t uid, const char *address, Answer *answer) {
        _cleanup_problem_ Problem problem = {};
        Selection selection = {};

        if (address) {
                selection.device = get_device(bed->inventory, address);
                selection.group = selection.device->group;
        }
        return diagnosis_start(&bed->table, &(DiagnosisQuestion){.uid = uid, .selection = address ? &selection : NULL},
                        on_done, answer, &problem);
}

static void await(Bed *bed, const Answer *answer) {
        while (!answer->is_done)
                g_assert_cmpint(sd_event_run(bed->event, 60 * G_USEC_PER_SEC), >, 0);
}

static void test_host(void) {
        Bed *bed = bed_new();
        Answer answer = {};

        g_assert_cmpint(start(bed, NOBODY, NULL, &answer), ==, 0);
        g_assert_false(answer.is_done);
        await(bed, &answer);
        g_assert_cmpint(answer.error, ==, 0);
        expect_check(&answer.checks, "iommu", "ok", "2 groups", "");
        expect_no_check(&answer.checks, "diagnosis-incomplete");
        expect_no_check(&answer.checks, "device-state");
        check_list_done(&answer.checks);
        g_assert_null(bed->table.diagnoses);
        bed_free(bed);
}

static void test_device(void) {
        Bed *bed = bed_new();
        Answer answer = {};

        g_assert_cmpint(start(bed, 0, SECOND, &answer), ==, 0);
        await(bed, &answer);
        expect_check(&answer.checks, "device-state", "ok", SECOND " is with the host, without a driver", "");
        expect_check(&answer.checks, "device-reset", "ok", "flr", "");
        expect_check(&answer.checks, "device-group", "ok", "alone in the IOMMU group 4", "");
        /* Minor checks of the host are left out. */
        expect_no_check(&answer.checks, "iommu");
        check_list_done(&answer.checks);
        bed_free(bed);
}

/* A group that has only bridges: each of them is examined, not the whole host. */
static void test_bridges(void) {
        Bed *bed = bed_new();
        Answer answer = {};
        _cleanup_problem_ Problem problem = {};

        put_bridge(bed->inventory, "0000:00:01.0", "pcieport", 7);
        put_bridge(bed->inventory, "0000:00:01.1", "pcieport", 7);
        const Selection selection = {.group = get_device(bed->inventory, "0000:00:01.0")->group};
        g_assert_cmpint(diagnosis_start(&bed->table, &(DiagnosisQuestion){.selection = &selection}, on_done, &answer,
                                        &problem),
                        ==, 0);
        await(bed, &answer);
        expect_no_check(&answer.checks, "iommu");
        unsigned n = 0;
        for (size_t i = 0; i < answer.checks.n_checks; i++)
                n += g_str_equal(answer.checks.checks[i].code, "device-type");
        g_assert_cmpuint(n, ==, 2);
        check_list_done(&answer.checks);
        bed_free(bed);
}

/* A device that does not answer: the others checks come after the deadline, and the child counts until the device answers. */
static void test_late(void) {
        Bed *bed = bed_new();
        g_autofree char *path = temp_tree_path(bed->tree, "sys/devices/pci0000:00/%s/driver_override", FIRST);
        Answer answers[4] = {};

        temp_tree_remove(bed->tree, "sys/devices/pci0000:00/%s/driver_override", FIRST);
        g_assert_cmpint(mkfifo(path, 0600), ==, 0);
        bed->table.deadline_us = DEADLINE_US;
        g_assert_cmpint(start(bed, NOBODY, FIRST, &answers[0]), ==, 0);
        g_assert_cmpint(start(bed, NOBODY, FIRST, &answers[1]), ==, 0);
        /* The limit of the user. */
        g_assert_cmpint(start(bed, NOBODY, NULL, &answers[2]), ==, OUTCOME_LIMITS_EXCEEDED);
        await(bed, &answers[0]);
        await(bed, &answers[1]);
        expect_check(&answers[0].checks, "device-state", "ok", FIRST, "");
        expect_check(&answers[0].checks, "diagnosis-incomplete", "warning", "did not answer", "*");
        g_assert_cmpint(start(bed, NOBODY, NULL, &answers[2]), ==, OUTCOME_LIMITS_EXCEEDED);
        /* Others can go on. */
        bed->table.deadline_us = 60 * G_USEC_PER_SEC;
        g_assert_cmpint(start(bed, 0, SECOND, &answers[3]), ==, 0);
        await(bed, &answers[3]);
        expect_no_check(&answers[3].checks, "diagnosis-incomplete");

        /* The device answers both children. */
        int fd = open(path, O_RDWR | O_CLOEXEC);
        g_assert_cmpint(fd, >=, 0);
        while (bed->table.diagnoses) {
                g_assert_cmpint(write(fd, "x", 1), ==, 1);
                g_assert_cmpint(close(fd), ==, 0);
                g_assert_cmpint(sd_event_run(bed->event, 100 * 1000), >=, 0);
                fd = open(path, O_RDWR | O_CLOEXEC);
        }
        g_assert_cmpint(close(fd), ==, 0);
        g_assert_cmpint(start(bed, NOBODY, NULL, &answers[2]), ==, 0);
        await(bed, &answers[2]);
        for (size_t i = 0; i < G_N_ELEMENTS(answers); i++)
                check_list_done(&answers[i].checks);
        bed_free(bed);
}

/* A diagnosis is abandoned with the table. */
static void test_cancelled(void) {
        Bed *bed = bed_new();
        Answer answer = {};

        g_assert_cmpint(start(bed, 0, NULL, &answer), ==, 0);
        diagnosis_table_done(&bed->table);
        g_assert_true(answer.is_done);
        g_assert_cmpint(answer.error, ==, -ECANCELED);
        bed_free(bed);
}

/* Checks of devices. */

static void put(Inventory *inventory, const char *address, const char *driver, int group, const char *reset,
                const char *upstream) {
        PciFacts facts = make_facts(address, driver, group);

        (void)snprintf(facts.reset_methods, sizeof(facts.reset_methods), "%s", reset);
        if (upstream) {
                facts.has_upstream = true;
                facts.upstream = address_of(upstream);
        }
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
}

static const CheckList *check_device(
                Inventory *inventory, const char *address, const HostFacts *host, const DeviceFacts *facts) {
        static CheckList list;

        check_list_done(&list);
        device_checks_run(host, inventory, get_device(inventory, address), &list);
        if (facts)
                device_facts_check(host, get_device(inventory, address), facts, &list);
        return &list;
}

static void test_devices(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        HostFacts *host = g_new0(HostFacts, 1);
        PciFacts facts;

        put_bridge(inventory, "0000:01:00.0", "pcieport", 1);
        expect_check(check_device(inventory, "0000:01:00.0", host, NULL), "device-type", "error", "is a bridge", "");
        expect_no_check(check_device(inventory, "0000:01:00.0", host, NULL), "device-reset");

        put(inventory, "0000:02:00.0", "e1000e", 2, "flr bus", "0000:01:00.0");
        put(inventory, "0000:02:00.1", "e1000e", 2, "bus", "0000:01:00.0");
        put(inventory, "0000:02:00.2", "e1000e", 3, "", "0000:01:00.0");
        const CheckList *list = check_device(inventory, "0000:02:00.0", host, NULL);
        expect_check(list, "device-group", "info", "shares the IOMMU group 2 with 0000:02:00.1 (e1000e)",
                        "vfioctl explain 0000:02:00.0");
        g_assert_cmpstr(check_get_detail(find_check(list, "device-group"), "iommu-group"), ==, "2");
        expect_check(list, "device-reset", "ok", "alone (flr bus)", "");
        expect_check(list, "device-state", "ok", "on the driver e1000e", "");
        expect_no_check(list, "device-type");
        expect_no_check(list, "device-boot-display");
        expect_check(check_device(inventory, "0000:02:00.1", host, NULL), "device-reset", "warning",
                        "also resets 0000:02:00.2 (e1000e), in another IOMMU group", "");
        put(inventory, "0000:02:00.2", "e1000e", 2, "", "0000:01:00.0");
        expect_check(check_device(inventory, "0000:02:00.1", host, NULL), "device-reset", "ok", "with its bus", "");
        put(inventory, "0000:00:05.0", NULL, -1, "", NULL);
        list = check_device(inventory, "0000:00:05.0", host, NULL);
        expect_check(list, "device-reset", "warning", "no bridge above it", "");
        expect_check(list, "device-group", "error", "has no IOMMU group", "");

        /* The group is not viable. */
        put(inventory, "0000:02:00.0", "vfio-pci", 2, "flr", "0000:01:00.0");
        list = check_device(inventory, "0000:02:00.0", host, NULL);
        expect_check(list, "device-blockers", "error", "0000:02:00.1 (e1000e), 0000:02:00.2 (e1000e)",
                        "Another program bound 0000:02:00.0 to vfio-pci.*reattach --adopt 0000:02:00.0*");
        expect_no_check(list, "device-state");
        put_origin(inventory, "0000:02:00.0", "e1000e", NULL);
        expect_check(check_device(inventory, "0000:02:00.0", host, NULL), "device-blockers", "error", "e1000e",
                        "sudo vfioctl detach 0000:02:00.0 --group");
        /* No job unbinds a bridge. */
        put_bridge(inventory, "0000:01:00.0", "switchtec", 2);
        expect_check(check_device(inventory, "0000:02:00.0", host, NULL), "device-blockers", "error", "switchtec",
                        "The bridge 0000:01:00.0 is on the driver switchtec,*/sys/bus/pci/drivers/switchtec/unbind*");
        put_bridge(inventory, "0000:01:00.0", "pcieport", 1);
        expect_check(check_device(inventory, "0000:02:00.0", host, NULL), "device-state", "ok", "is detached", "");

        /* Jobs, and a card that is gone. */
        g_assert_cmpint(inventory_set_activity(inventory, address_of("0000:02:00.0"), DEVICE_WORKED_ON), ==, 0);
        expect_check(check_device(inventory, "0000:02:00.0", host, NULL), "device-state", "info", "A job changes",
                        "vfioctl jobs");
        g_assert_cmpint(inventory_set_activity(inventory, address_of("0000:02:00.0"), DEVICE_WAITED_FOR), ==, 0);
        expect_check(check_device(inventory, "0000:02:00.0", host, NULL), "device-state", "error",
                        "does not return from the kernel", "vfioctl jobs");
        g_assert_cmpint(inventory_set_activity(inventory, address_of("0000:02:00.0"), DEVICE_QUIET), ==, 0);
        g_assert_cmpint(inventory_drop_device(inventory, address_of("0000:02:00.0")), ==, 0);
        list = check_device(inventory, "0000:02:00.0", host, NULL);
        expect_check(list, "device-state", "error", "gone from its slot", "sudo vfioctl reattach 0000:02:00.0");
        expect_no_check(list, "device-group");
        expect_no_check(list, "device-reset");

        facts = make_facts("0000:03:00.0", "amdgpu", 4);
        facts.boot_vga = true;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        expect_check(check_device(inventory, "0000:03:00.0", host, NULL), "device-boot-display", "warning", "screen",
                        "*");

        host->overrides[host->n_overrides++] = (DriverctlOverride){address_of("0000:03:00.0"), "vfio-pci"};
        expect_check(check_device(inventory, "0000:03:00.0", host, NULL), "device-driverctl", "warning", "vfio-pci",
                        "sudo driverctl unset-override 0000:03:00.0");
        expect_no_check(check_device(inventory, "0000:02:00.1", host, NULL), "device-driverctl");
        g_free(host);
}

static void test_device_facts(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        HostFacts *host = g_new0(HostFacts, 1);
        DeviceFacts facts = {.answers = 1, .has_override = true};
        PciFacts qat = make_facts("0000:04:00.0", NULL, 4);

        put_device(inventory, "0000:03:00.0", "vfio-pci", 3);
        expect_check(check_device(inventory, "0000:03:00.0", host, &facts), "device-state", "info", "new_id",
                        "*reattach --adopt 0000:03:00.0");
        (void)snprintf(host->command_line, sizeof(host->command_line), "vfio-pci.ids=8086:100e");
        expect_check(check_device(inventory, "0000:03:00.0", host, &facts), "device-state", "info",
                        "The kernel command line gives", "*");
        (void)snprintf(facts.override, sizeof(facts.override), "vfio-pci");
        expect_check(check_device(inventory, "0000:03:00.0", host, &facts), "device-state", "info",
                        "driver_override is vfio-pci", "*");
        expect_no_check(check_device(inventory, "0000:03:00.0", host, &facts), "device-answer");
        facts.answers = 0;
        (void)snprintf(facts.power_state, sizeof(facts.power_state), "D3cold");
        expect_check(check_device(inventory, "0000:03:00.0", host, &facts), "device-answer", "error",
                        "ones only, power state D3cold", "Shut the machine down*");
        /* It sleeps, and was not read. */
        facts.answers = -EAGAIN;
        const CheckList *list = check_device(inventory, "0000:03:00.0", host, &facts);
        expect_no_check(list, "device-answer");
        expect_no_check(list, "device-firmware-mapping");
        expect_no_check(list, "device-denylist");
        facts.has_firmware_mapping = true;
        expect_check(check_device(inventory, "0000:03:00.0", host, &facts), "device-firmware-mapping", "error", "RMRR",
                        "*");
        qat.ids.device = 0x37c9;
        g_assert_cmpint(inventory_put_device(inventory, &qat), ==, 0);
        expect_check(check_device(inventory, "0000:04:00.0", host, &facts), "device-denylist", "error", "denylist",
                        "*disable_denylist=1*");
        facts.denylist_is_disabled = true;
        expect_no_check(check_device(inventory, "0000:04:00.0", host, &facts), "device-denylist");
        check_list_done((CheckList *)check_device(inventory, "0000:04:00.0", host, NULL));
        g_free(host);
}

/* Packets. */

static void test_packets(void) {
        _cleanup_check_list_ CheckList list = {}, copy = {};
        char packet[512], small[16];

        check_add(&list, CHECK_VFIO, "captured-ids", CHECK_WARNING, "A %s.", "finding");
        check_cure(&list, "A cure.");
        check_detail(&list, "file", "/etc/x");
        check_detail(&list, "ids", "%s", "");
        ssize_t size = check_message_write(&list.checks[0], packet, sizeof(packet));
        g_assert_cmpint(size, >, 0);
        g_assert_cmpint(check_message_write(&list.checks[0], small, sizeof(small)), ==, -E2BIG);
        g_assert_cmpint(check_message_read(packet, (size_t)size, &copy), ==, 0);
        expect_check(&copy, "captured-ids", "warning", "A finding.", "A cure.");
        g_assert_cmpint(copy.checks[0].area, ==, CHECK_VFIO);
        g_assert_cmpstr(check_get_detail(&copy.checks[0], "file"), ==, "/etc/x");
        g_assert_cmpstr(check_get_detail(&copy.checks[0], "ids"), ==, "");
        /* Each shorter packet, and each other number, is refused, or is another check. */
        for (size_t n = 0; n < (size_t)size; n++)
                g_assert_cmpint(check_message_read(packet, n, &copy), ==, -EBADMSG);
        for (size_t i = 0; i < 3; i++) {
                char before = packet[i];

                packet[i] = 100;
                g_assert_cmpint(check_message_read(packet, (size_t)size, &copy), ==, -EBADMSG);
                packet[i] = before;
        }
        packet[3] = 'C';
        g_assert_cmpint(check_message_read(packet, (size_t)size, &copy), ==, -EBADMSG);
        g_assert_cmpuint(copy.n_checks, ==, 1);
}

/* The answer of the worker. */
static sd_bus_message *make_answer(sd_bus *bus, uint32_t file, const char *release, const char *node, size_t n_nodes) {
        sd_bus_message *call = NULL;

        g_assert_cmpint(sd_bus_message_new_method_call(bus, &call, NULL, "/", NULL, "X"), >=, 0);
        g_assert_cmpint(sd_bus_message_append(call, "uss", file, release, "6.2"), >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(call, 'a', "(suuu)"), >=, 0);
        for (size_t i = 0; i < n_nodes; i++)
                g_assert_cmpint(sd_bus_message_append(call, "(suuu)", node, 020600U, 5U, 6U), >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        g_assert_cmpint(sd_bus_message_seal(call, 1, 0), >=, 0);
        return call;
}

static void test_answer(void) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        HostFacts *facts = g_new0(HostFacts, 1);
        g_autofree char *text = g_strnfill(100, 'x');
        int sockets[2];
        static const struct {
                uint32_t file;
                bool long_release, long_node;
                size_t n_nodes;
                int result;
        } cases[] = {
                        {MODULE_FILE_MISSING, false, false, 2, 0},
                        {_MODULE_FILE_MAX, false, false, 0, -EBADMSG},
                        {MODULE_FILE_MISSING, true, false, 0, -EBADMSG},
                        {MODULE_FILE_MISSING, false, true, 1, -EBADMSG},
                        {MODULE_FILE_MISSING, false, false, NODE_FACTS_MAX, 0},
                        {MODULE_FILE_MISSING, false, false, NODE_FACTS_MAX + 1, -EBADMSG},
        };

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
        g_assert_cmpint(peer_open_client(sockets[0], NULL, &bus), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer =
                                make_answer(bus, cases[i].file, cases[i].long_release ? text : "6.1",
                                                cases[i].long_node ? text : "12", cases[i].n_nodes);

                *facts = (HostFacts){};
                g_assert_cmpint(examine_message_read(answer, facts), ==, cases[i].result);
                g_assert_cmpint(facts->has_worker_facts, ==, cases[i].result == 0);
                if (cases[i].result == 0)
                        g_assert_cmpuint(facts->n_nodes, ==, cases[i].n_nodes);
        }
        g_assert_cmpint(close(sockets[1]), ==, 0);
        g_free(facts);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/diagnosis-table/host", test_host);
        g_test_add_func("/diagnosis-table/device", test_device);
        g_test_add_func("/diagnosis-table/bridges", test_bridges);
        g_test_add_func("/diagnosis-table/late", test_late);
        g_test_add_func("/diagnosis-table/cancelled", test_cancelled);
        g_test_add_func("/diagnosis-table/devices", test_devices);
        g_test_add_func("/diagnosis-table/device-facts", test_device_facts);
        g_test_add_func("/diagnosis-table/packets", test_packets);
        g_test_add_func("/diagnosis-table/answer", test_answer);
        return g_test_run();
}
