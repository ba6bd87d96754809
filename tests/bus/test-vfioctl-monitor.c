/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "rule-files.h"
#include "stub.h"

#include <signal.h>

/* vfioctl's monitor: what it prints for each change, and when it ends. */

#define NEW "0000:00:08.0"
#define PLUG_NEW "plug " NEW " vendor=8086 device=10d3 class=020000 group=20 net=ens8"

static Process *start(const char *arguments) {
        g_autofree char *line = g_strdup_printf("monitor %s", arguments);
        g_auto(GStrv) argv = vfioctl_argv(line);

        return process_start((const char *const *)argv, &(ProcessOptions){.environment = vfioctl_environment});
}

/* The next line, without its time. */
static char *next_line(Process *monitor) {
        g_autofree char *line = process_read_line(monitor);

        if (!line || !g_regex_match_simple("^\\d\\d:\\d\\d:\\d\\d\\.\\d{3}  \\S", line, 0, 0))
                g_error("\"%s\" does not begin with a time", line);
        return g_strdup(line + strlen("12:03:41.512  "));
}

static void expect_line(Process *monitor, const char *pattern) {
        g_autofree char *line = next_line(monitor);

        if (!g_pattern_match_simple(pattern, line))
                g_error("\"%s\" is not like \"%s\"", line, pattern);
}

/* Reads until there is such a line. */
static void wait_line(Process *monitor, const char *pattern) {
        for (;;) {
                g_autofree char *line = next_line(monitor);

                if (g_pattern_match_simple(pattern, line))
                        return;
                g_test_message("%s", line);
        }
}

/* Reads until each of these patterns was found in a line: changes that the daemon handles in one turn are in one
 * line, other changes in several lines. */
static void wait_lines(Process *monitor, const char *const *patterns, unsigned n) {
        for (unsigned seen = 0; seen != (1U << n) - 1;) {
                g_autofree char *line = next_line(monitor);

                for (unsigned i = 0; i < n; i++)
                        if (g_regex_match_simple(patterns[i], line, 0, 0))
                                seen |= 1U << i;
                g_test_message("%s", line);
        }
}

static Process *start_text(void) {
        Process *monitor = start("");

        expect_line(monitor, "vfiod         " VFIOD_VERSION ", 21 devices in 16 groups");
        return monitor;
}

static void read_rest(Process *monitor) {
        for (char *line; (line = process_read_line(monitor));)
                g_free(line);
}

static void finish(Process *monitor, int number) {
        g_assert_cmpint(kill(process_get_pid(monitor), number), ==, 0);
        read_rest(monitor);
        g_assert_cmpint(process_finish(monitor), ==, 0);
}

/* Devices that are plugged in and pulled, and changes by hand. */
static void test_hotplug(void) {
        Fixture *fixture = fixture_start(NULL);
        Process *monitor = start_text();

        fake_kernel_do(fixture->kernel, PLUG_NEW);
        /* The order, and which facts come as a later change, depends on the kernel. */
        wait_line(monitor, "0000:00:08.0  added: *[8086:10d3], group 20, on *");
        fake_kernel_do(fixture->kernel, "netrename " NEW " lan0");
        wait_line(monitor, "0000:00:08.0  *network interface * -> lan0");
        fixture_write(fixture, NEW, "sys/bus/pci/drivers/e1000e/unbind");
        wait_line(monitor, "0000:00:08.0  *e1000e -> none*");
        wait_line(monitor, "group 20      *viable*");
        fixture_write(fixture, NEW, "sys/bus/pci/drivers/e1000e/bind");
        wait_line(monitor, "group 20      *not viable: 0000:00:08.0 is on e1000e");
        fake_kernel_do(fixture->kernel, "unplug " NEW);
        wait_line(monitor, "0000:00:08.0  removed");
        fake_kernel_do(fixture->kernel, "plug 0000:00:09.0 vendor=ffff device=fffe class=ff0000 group=21");
        wait_line(monitor, "0000:00:09.0  added: *[ffff:fffe], group 21, on no driver");
        finish(monitor, SIGTERM);
        fixture_stop(fixture);
}

static void test_groups_come_and_go(void) {
        Fixture *fixture = fixture_start(NULL);
        Process *monitor = start_text();

        fake_kernel_do(fixture->kernel, "plug " NEW " vendor=8086 device=10d3 class=020000 group=20");
        wait_line(monitor, "group 20      added: 0000:00:08.0*");
        fake_kernel_do(fixture->kernel, "plug 0000:00:08.1 vendor=8086 device=10d3 class=020000 group=20");
        wait_line(monitor, "group 20      0000:00:08.1 joined*");
        fake_kernel_do(fixture->kernel, "unplug " NEW);
        wait_line(monitor, "group 20      *0000:00:08.0 left*");
        fake_kernel_do(fixture->kernel, "unplug 0000:00:08.1");
        wait_line(monitor, "group 20      removed");
        finish(monitor, SIGINT);
        fixture_stop(fixture);
}

/* A job with its steps and all its changes. */
static void test_detach(void) {
        Fixture *fixture = fixture_start(NULL);
        Process *monitor = start_text();
        Pending *pending = fixture_detach_stalled(fixture, 2);

        wait_line(monitor, "job 1         detach of group 12: 0000:05:00.0, for uid 0, process *");
        wait_line(monitor, "0000:05:00.0  changing");
        wait_line(monitor, "job 1         step 5 of 7, unbind 0000:05:00.0");
        fixture_cancel(fixture, JOB1);
        wait_line(monitor, "job 1         cancelling");
        fake_kernel_do(fixture->kernel, "resume");
        pending_refused(pending, "Cancelled", "*");
        wait_line(monitor, "job 1         ended");

        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        static const char *const away[] = {"^0000:05:00.0 .*-> vfio-pci",
                        "^0000:05:00.0 .*network interface ens3 -> none", "^0000:05:00.0 .*detached",
                        "^group 12 .*(?<!not )viable", "^group 12 .*/dev/vfio/12$", "^group 12 .*detached"};
        wait_lines(monitor, away, G_N_ELEMENTS(away));
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)");
        static const char *const back[] = {"^0000:05:00.0 .*-> e1000e",
                        "^0000:05:00.0 .*network interface none -> ens3", "^0000:05:00.0 .*host",
                        "^group 12 .*not viable: 0000:05:00.0 is on e1000e", "^group 12 .*no node$",
                        "^group 12 .*host"};
        wait_lines(monitor, back, G_N_ELEMENTS(back));
        finish(monitor, SIGTERM);
        fixture_stop(fixture);
}

/* Another tool reattaches one member: this is reported for the group at once, with the name of the member. */
static void test_coexistence(void) {
        Fixture *fixture = fixture_start(NULL);
        Process *monitor = start_text();

        manager_expect(fixture, "Detach", PORT1, ALL,
                        "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        wait_line(monitor, "group 10      *detached*");
        fixture_write(fixture, PORT2, "sys/bus/pci/drivers/vfio-pci/unbind");
        fixture_write(fixture, "\n", "sys/bus/pci/devices/" PORT2 "/driver_override");
        fixture_write(fixture, PORT2, "sys/bus/pci/drivers_probe");
        wait_line(monitor, "group 10      *not viable: 0000:03:02.0 is on e1000");

        fixture_detach_nic_by_hand(fixture);
        wait_line(monitor, "0000:05:00.0  *vfio-pci, foreign*");
        finish(monitor, SIGTERM);
        fixture_stop(fixture);
}

/* Changes while the daemon does not run: only these changes are reported. */
static void test_restart(void) {
        Fixture *fixture = fixture_start(NULL);
        Process *monitor = start_text();

        fixture_stop_daemon(fixture);
        expect_line(monitor, "vfiod         is gone");
        fixture_start_daemon(fixture);
        expect_line(monitor, "vfiod         is back: " VFIOD_VERSION ", 21 devices in 16 groups");

        fixture_stop_daemon(fixture);
        fake_kernel_do(fixture->kernel, "netrename " NIC " lan3");
        fake_kernel_do(fixture->kernel, "unplug 0000:04:00.0");
        fake_kernel_do(fixture->kernel, PLUG_NEW);
        expect_line(monitor, "vfiod         is gone");
        fixture_start_daemon(fixture);
        expect_line(monitor, "vfiod         is back: *, 21 devices in 16 groups");
        for (unsigned seen = 0; seen != 31;) {
                static const char *const expected[] = {"0000:04:00.0  removed", "group 11      removed",
                                "0000:05:00.0  network interface ens3 -> lan3*",
                                "0000:00:08.0  added: *[8086:10d3], group 20, on e1000e, ens8",
                                "group 20      added: 0000:00:08.0"};
                g_autofree char *line = next_line(monitor);
                bool known = false;

                for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++)
                        if (g_pattern_match_simple(expected[i], line)) {
                                g_assert_false(seen & 1U << i);
                                seen |= 1U << i;
                                known = true;
                        }
                if (!known)
                        g_error("unexpected: %s", line);
        }
        /* it continues from there */
        fake_kernel_do(fixture->kernel, "netrename " NIC " ens3");
        wait_line(monitor, "0000:05:00.0  network interface * -> ens3");
        finish(monitor, SIGTERM);
        fixture_stop(fixture);
}

static void test_rules(void) {
        Fixture *fixture = fixture_start(NULL);
        Process *monitor = start_text();

        EXPECT(0, "", "rule add ens3 --quiet");
        wait_line(monitor, "rules         the rules, or the status of their devices, changed: see 'vfioctl rule list'");
        wait_line(monitor, "group 12      *detached*");
        finish(monitor, SIGTERM);
        fixture_stop(fixture);
}

#define NO_OBJECTS "(@a{oa{sa{sv}}} {},)"
#define MANAGER_REPLY "({'Version': <'7'>, 'EventsLost': <uint32 2>, 'DeviceCount': <uint32 1>},)"

/* A signal before the reply is older than the reply or included in it: only later signals count. */
static void test_order(void) {
        Stub *stub = stub_start();
        Process *monitor = start("");

        g_free(stub_expect_call(stub, "GetAll"));
        g_free(stub_expect_call(stub, "GetManagedObjects"));
        stub_emit(stub, BUS_PATH, OBJECT_MANAGER, "InterfacesAdded",
                        "(objectpath '/org/vfiod1/jobs/1', {'" JOB "': {'Number': <uint32 1>}})");
        stub_emit(stub, PORT1_PATH, PROPERTIES, "PropertiesChanged", "('" DEVICE "', {'Driver': <'old'>}, @as [])");
        stub_finish(stub, "GetAll", MANAGER_REPLY);
        stub_finish(stub, "GetManagedObjects",
                        "({objectpath '" PORT1_PATH "': {'" DEVICE
                        "': {'Address': <'0000:03:01.0'>, 'Driver': <'new'>, "
                        "'State': <'host'>}, 'org.example.Other': {'Driver': <'x'>}}},)");
        expect_line(monitor, "vfiod         7, 1 devices in 0 groups");

        /* an unchanged value is no change, and an unknown object is ignored */
        stub_emit(stub, PORT1_PATH, PROPERTIES, "PropertiesChanged", "('" DEVICE "', {'Driver': <'new'>}, @as [])");
        stub_emit(stub, PORT2_PATH, PROPERTIES, "PropertiesChanged", "('" DEVICE "', {'Driver': <'x'>}, @as [])");
        stub_emit(stub, PORT1_PATH, PROPERTIES, "PropertiesChanged",
                        "('org.example.Other', {'Driver': <'y'>}, @as [])");
        stub_emit(stub, BUS_PATH, OBJECT_MANAGER, "InterfacesRemoved", "(objectpath '" PORT2_PATH "', ['" DEVICE "'])");
        stub_emit(stub, BUS_PATH, PROPERTIES, "PropertiesChanged",
                        "('" MANAGER "', {'DeviceCount': <uint32 2>}, @as [])");
        stub_emit(stub, PORT1_PATH, PROPERTIES, "PropertiesChanged",
                        "('" DEVICE "', {'Driver': <''>, 'State': <'odd\x1b[31m'>, 'Unheard': <(1, 'of')>}, @as [])");
        expect_line(monitor, "0000:03:01.0  new -> none, odd\\x1b[31m, Unheard none -> [1,\"of\"]");
        stub_emit(stub, BUS_PATH, PROPERTIES, "PropertiesChanged",
                        "('" MANAGER "', {'EventsLost': <uint32 3>}, @as [])");
        expect_line(monitor,
                        "vfiod         events of the kernel were lost (3 times so far): all devices were read again");
        stub_emit(stub, BUS_PATH, OBJECT_MANAGER, "InterfacesAdded",
                        "(objectpath '" GROUP10 "', {'" GROUP "': {'Members': <['a', 'b']>, 'State': <'partial'>, "
                        "'Viable': <false>, 'Blockers': <[('a', 'x', 'why', @a{sv} {}), ('b', 'y', 'why', @a{sv} "
                        "{})]>, 'Node': <''>}})");
        expect_line(monitor, "group 10      added: a b, partial");
        stub_emit(stub, GROUP10, PROPERTIES, "PropertiesChanged",
                        "('" GROUP "', {'Viable': <false>, 'Blockers': <[('b', 'y', 'why', @a{sv} {})]>}, @as [])");
        expect_line(monitor, "group 10      still not viable: b is on y");
        stub_emit(stub, GROUP10, PROPERTIES, "PropertiesChanged",
                        "('" GROUP
                        "', {'Viable': <true>, 'Blockers': <@a(sssa{sv}) []>, 'Node': <'/dev/vfio/10'>}, @as [])");
        expect_line(monitor, "group 10      viable, /dev/vfio/10");
        stub_emit(stub, GROUP10, PROPERTIES, "PropertiesChanged",
                        "('" GROUP "', {'Viable': <false>, 'Blockers': <[('a', 'x', 'why', @a{sv} {}), ('b', 'y', "
                        "'why', @a{sv} {})]>, "
                        "'Members': <['a', 'b', 'c']>}, @as [])");
        expect_line(monitor, "group 10      c joined, not viable: a is on x, b is on y");
        stub_emit(stub, "/org/vfiod1/jobs/1", PROPERTIES, "PropertiesChanged",
                        "('" JOB "', {'Step': <uint32 2>}, @as [])");
        stub_emit(stub, BUS_PATH, OBJECT_MANAGER, "InterfacesAdded",
                        "(objectpath '/org/vfiod1/jobs/2', {'" JOB "': {'Number': <uint32 2>, 'Kind': <'reattach'>, "
                        "'GroupNumber': <7>, 'DeviceAddresses': <['0000:03:01.0']>, 'Caller': <{'Kind': <'rule'>, "
                        "'Rule': <'x'>}>, 'WaitsFor': "
                        "<''>}})");
        expect_line(monitor, "job 2         reattach of group 7: 0000:03:01.0, for rule x");
        stub_emit(stub, "/org/vfiod1/jobs/2", PROPERTIES, "PropertiesChanged",
                        "('" JOB "', {'State': <'stuck'>, 'WaitsFor': <'process 324 (qemu)'>}, @as [])");
        expect_line(monitor, "job 2         stuck, waits for process 324 (qemu)");
        finish(monitor, SIGTERM);
        stub_stop(stub);
}

static void test_errors(void) {
        Stub *stub = stub_start();

        stub_answer(stub, "GetAll", MANAGER_REPLY);
        stub_answer(stub, "GetManagedObjects", "!org.freedesktop.DBus.Error.AccessDenied No.");
        EXPECT(4, "vfioctl: No.\n", "monitor");
        stub_answer(stub, "GetManagedObjects", "('nonsense',)");
        EXPECT(1, "vfioctl: Cannot understand the answer of vfiod*", "monitor");

        /* the bus ends */
        stub_answer(stub, "GetManagedObjects", NO_OBJECTS);
        Process *monitor = start("");
        expect_line(monitor, "vfiod         7, 0 devices in 0 groups");
        stub_stop(stub);
        read_rest(monitor);
        g_assert_cmpint(process_finish(monitor), ==, 1);

        PrivateBus *bus = private_bus_start(true);
        EXPECT(1, "vfioctl: vfiod is not running and could not be started: *", "monitor");
        private_bus_stop(bus);
}

/* If the reader ends, it ends at once; if the disk is full, it prints an error. */
static void test_output(void) {
        Fixture *fixture = fixture_start(NULL);
        const char *const early[] = {"sh", "-c", "(\"$0\" monitor; echo $? >&2) | head -n 1", VFIOCTL, NULL};
        const char *const full[] = {VFIOCTL, "monitor", NULL};

        g_auto(ProgramResult) left = program_run(early, &(ProcessOptions){.environment = vfioctl_environment}, NULL);
        g_assert_cmpstr(left.errors, ==, "0\n");
        g_assert_true(g_pattern_match_simple("*vfiod         *\n", left.output));
        g_auto(ProgramResult) failed =
                        program_run(full, &(ProcessOptions){.environment = vfioctl_environment}, "/dev/full");
        g_assert_cmpint(failed.status, ==, 1);
        g_assert_cmpstr(failed.errors, ==, "vfioctl: cannot write the result: No space left on device\n");
        fixture_stop(fixture);
}

/* Everybody may listen. */
static void test_nobody(void) {
        Fixture *fixture = fixture_start(NULL);
        const char *const argv[] = {
                        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", VFIOCTL, "monitor", NULL};
        Process *monitor = process_start(argv, &(ProcessOptions){.environment = vfioctl_environment});

        expect_line(monitor, "vfiod         *");
        fake_kernel_do(fixture->kernel, "netrename " NIC " lan3");
        wait_line(monitor, "0000:05:00.0  *-> lan3");
        finish(monitor, SIGTERM);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-monitor/hotplug", test_hotplug);
        g_test_add_func("/bus/vfioctl-monitor/groups", test_groups_come_and_go);
        g_test_add_func("/bus/vfioctl-monitor/detach", test_detach);
        g_test_add_func("/bus/vfioctl-monitor/coexistence", test_coexistence);
        g_test_add_func("/bus/vfioctl-monitor/restart", test_restart);
        g_test_add_func("/bus/vfioctl-monitor/rules", test_rules);
        g_test_add_func("/bus/vfioctl-monitor/order", test_order);
        g_test_add_func("/bus/vfioctl-monitor/errors", test_errors);
        g_test_add_func("/bus/vfioctl-monitor/output", test_output);
        g_test_add_func("/bus/vfioctl-monitor/nobody", test_nobody);
        return g_test_run();
}
