/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "stub.h"
#include "terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

/* A host with names of any bytes: every client gets valid UTF-8 without control and direction characters, and
 * everything works. The names are in topologies/names.conf. */

#define SECOND "0000:05:00.1"
#define LONG_HEAD "d\\xff\\x1b[31m\\xe2\\x80\\xaexxxxxxxx" /* of the drivers' names, as they are shown */
#define BIDI_PATH BUS_PATH "/devices/_30000_3a06_3a00_2e0"
#define E1000_CARD "0000:07:00.0"
#define E1000_PATH BUS_PATH "/devices/_30000_3a07_3a00_2e0"

#define QUIET_ERASE "\x1b[K" /* erases the progress line */

/* Valid UTF-8 without characters that could change a terminal, except for line ends. */
static void assert_harmless(const char *text, const char *what) {
        if (!g_utf8_validate(text, -1, NULL))
                g_error("%s: not UTF-8: %s", what, text);
        for (const char *c = text; *c; c = g_utf8_next_char(c)) {
                gunichar value = g_utf8_get_char(c);

                if (value != '\n' && (g_unichar_iscntrl(value) || g_unichar_type(value) == G_UNICODE_FORMAT))
                        g_error("%s: U+%04x in: %s", what, value, text);
        }
}

static void assert_harmless_variant(GVariant *value, const char *what) {
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
                assert_harmless(g_variant_get_string(value, NULL), what);
                g_assert_null(strchr(g_variant_get_string(value, NULL), '\n'));
        }
        for (size_t i = 0; g_variant_is_container(value) && i < g_variant_n_children(value); i++) {
                g_autoptr(GVariant) child = g_variant_get_child_value(value, i);

                assert_harmless_variant(child, what);
        }
}

static void assert_contains(const char *text, const char *part) {
        if (!strstr(text, part))
                g_error("there is no \"%s\" in: %s", part, text);
}

/* Checks that the reply of a method is harmless. Returns its text form, in which each backslash is doubled. */
static char *call_harmless(Fixture *fixture, const char *interface, const char *method, const char *arguments) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, interface, method, arguments, &error);

        g_assert_no_error(error);
        assert_harmless_variant(reply, method);
        return g_variant_print(reply, false);
}

static char *long_name(const char *tail) {
        g_autofree char *middle = g_strnfill(200 - 10 - strlen(tail), 'x');

        return g_strdup_printf("d\xff\033[31m\xe2\x80\xae%s%s", middle, tail);
}

static void expect_driver(Fixture *fixture, const char *address, const char *tail) {
        g_autofree char *name = long_name(tail);

        fixture_driver(fixture, address, name);
}

static void test_calls(void) {
        static const char *const names[] = {"b\\\\xff\\\\xfec", "a\\\\x1b[31mred", "l\\\\xe2\\\\x80\\\\xaer",
                        ".dot\\\\x5cslash", "d\\\\xffn1", "xxone", "xxtwo"};
        Fixture *fixture = fixture_start(&(FixtureOptions){.topology = "names"});
        g_autofree char *devices = call_harmless(fixture, MANAGER, "ListDevices", NULL);
        g_autofree char *objects = call_harmless(fixture, OBJECT_MANAGER, "GetManagedObjects", NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
                assert_contains(devices, names[i]);
                assert_contains(objects, names[i]);
        }
        g_free(call_harmless(fixture, MANAGER, "ListGroups", NULL));
        g_free(call_harmless(fixture, MANAGER, "ListJobs", NULL));
        g_free(call_harmless(fixture, MANAGER, "ListRules", NULL));
        g_autofree char *plan =
                        call_harmless(fixture, MANAGER, "Plan", "('" NIC "', 'detach', {'companions': <['*']>})");
        assert_contains(plan, "it leaves its driver d\\\\xff\\\\x1b[31m");
        assert_contains(plan, "xxone");
        fixture_stop(fixture);
}

/* Names as they are shown, and raw names if they are UTF-8. */
static void test_selectors(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.topology = "names"});

        manager_expect(fixture, "GetDevice", "b\\\\xff\\\\xfec", NULL, "('" NIC_PATH "',)");
        manager_expect(fixture, "GetDevice", "l\\\\xe2\\\\x80\\\\xaer", NULL, "('" BIDI_PATH "',)");
        manager_expect(fixture, "GetDevice", "l\xe2\x80\xaer", NULL, "('" BIDI_PATH "',)");
        manager_expect(fixture, "GetGroup", "a\\\\x1b[31mred", NULL, "('" GROUP12 "',)");
        manager_expect(fixture, "GetGroup", "a\\u001b[31mred", NULL, "('" GROUP12 "',)");
        manager_expect(fixture, "GetDevice", "/dev/d\\\\xffn1", NULL, "('" BUS_PATH "/devices/_30000_3a08_3a00_2e0',)");
        manager_expect(fixture, "GetDevice", "d\\\\xffn1p3", NULL, "('" BUS_PATH "/devices/_30000_3a08_3a00_2e0',)");
        /* The error quotes the selector in a harmless form. */
        manager_refused(fixture, "GetDevice", "no\\u001b[31m\\u202e", NULL, "NoSuchDevice",
                        "*'no\\x1b[31m\\xe2\\x80\\xae'*");
        /* The message quotes drivers' names that differ only at the end. */
        manager_refused(fixture, "Detach", NIC, NO_OPTIONS, "GroupNeedsConsent",
                        "*" SECOND " (" LONG_HEAD "*xxone, a\\x1b[31mred)*");
        fixture_stop(fixture);
}

static void test_signals(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.topology = "names"});

        /* In GVariant's text form each backslash is doubled. */
        fake_kernel_do(fixture->kernel, "netrename " E1000_CARD " y\\377\\342\\200\\256");
        g_free(fixture_expect_signal(
                        fixture, E1000_PATH " PropertiesChanged *NetworkInterfaces*'y\\\\xff\\\\xe2\\\\x80\\\\xae'*"));
        fake_kernel_do(fixture->kernel, "plug 0000:09:00.0 vendor=8086 device=10c9 class=020000 group=20 net=\\177");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded *_30000_3a09_3a00_2e0*xxtwo*"));
        fixture_wait_property(
                        fixture, BUS_PATH "/devices/_30000_3a09_3a00_2e0", DEVICE, "NetworkInterfaces", "['\\\\x7f']");
        fixture_stop(fixture);
}

/* Everything that vfioctl lists, as text and as JSON, on terminals with and without UTF-8. */
static void test_client(void) {
        static const char *const verbs[] = {"groups", "devices", "jobs", "status", "rule list", "show " NIC,
                        "show " SECOND, "show 'b\\xff\\xfec'", "show group:12", "show group:13", "show '.dot\\slash'",
                        "show 'd\\xffn1'", "plan " NIC " --group", "plan 'a\033[31mred' --group",
                        "plan 'l\xe2\x80\xaer'"};
        Fixture *fixture = fixture_start(&(FixtureOptions){.topology = "names"});

        for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++) {
                g_auto(ProgramResult) result = vfioctl("%s", verbs[i]);
                g_auto(ProgramResult) json = vfioctl("--json %s", verbs[i]);
                const char *const ascii_environment[] = {"LC_ALL=C", NULL};
                g_auto(GStrv) argv = vfioctl_argv(verbs[i]);
                g_auto(ProgramResult) ascii = program_run(
                                (const char *const *)argv, &(ProcessOptions){.environment = ascii_environment}, NULL);

                g_assert_cmpint(result.status, ==, 0);
                g_assert_cmpint(json.status, ==, 0);
                assert_harmless(result.output, verbs[i]);
                assert_harmless(result.errors, verbs[i]);
                assert_harmless(json.output, verbs[i]);
                assert_harmless(json.errors, verbs[i]);
                assert_harmless(ascii.output, verbs[i]);
                g_assert_true(g_str_is_ascii(ascii.output) && g_str_is_ascii(ascii.errors));
                json_t *document = json_loads(json.output, JSON_REJECT_DUPLICATES, NULL);
                g_assert_nonnull(document);
                json_decref(document);
        }
        g_auto(ProgramResult) devices = vfioctl("devices");
        assert_contains(devices.output, " b\\xff\\xfec ");
        assert_contains(devices.output, " .dot\\x5cslash ");
        g_auto(ProgramResult) blocked = vfioctl("show --qemu 05:00.0");
        g_assert_cmpint(blocked.status, ==, 5);
        assert_harmless(blocked.errors, "show --qemu");
        g_auto(ProgramResult) unknown = vfioctl("show 'x\033[31m'");
        expect_result(&unknown, 3, "*'x\\x1b[31m'*", "show");
        assert_harmless(unknown.errors, "show of what is not there");
        g_auto(ProgramResult) usage = vfioctl("'x\033[31m'");
        expect_result(&usage, 2, "*'x\\x1b[31m'*", "x");

        json_t *document = vfioctl_json("devices");
        expect_json(document, "devices.0.names", "[\"b\\\\xff\\\\xfec\"]");
        json_decref(document);
        fixture_stop(fixture);
}

static void monitor_lines(Fixture *fixture, const char *option) {
        g_autofree char *line = g_strdup_printf("monitor %s", option);
        g_auto(GStrv) argv = vfioctl_argv(line);
        Process *monitor =
                        process_start((const char *const *)argv, &(ProcessOptions){.environment = vfioctl_environment});
        bool renamed = false, gone = false;

        g_free(process_read_line(monitor)); /* the initial state */
        fake_kernel_do(fixture->kernel, "netrename " E1000_CARD " m\\377\\342\\200\\256");
        fixture_write(fixture, NIC, "sys/bus/pci/devices/" NIC "/driver/unbind");
        while (!renamed || !gone) {
                g_autofree char *text = process_read_line(monitor);

                g_assert_nonnull(text);
                assert_harmless(text, line);
                renamed = renamed || strstr(text, *option ? "m\\\\xff\\\\xe2\\\\x80\\\\xae" : "m\\xff\\xe2\\x80\\xae");
                gone = gone || strstr(text, *option ? "\"driver\":null" : "xxone -> none");
        }
        g_assert_cmpint(kill(process_get_pid(monitor), SIGTERM), ==, 0);
        for (char *rest; (rest = process_read_line(monitor)); g_free(rest))
                assert_harmless(rest, line);
        g_assert_cmpint(process_finish(monitor), ==, 0);
}

static void test_monitor(void) {
        static const char *const options[] = {"", "--json"};

        for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
                Fixture *fixture = fixture_start(&(FixtureOptions){.topology = "names"});

                monitor_lines(fixture, options[i]);
                fixture_stop(fixture);
        }
}

/* Removes the echo of the keys, the line ends and the progress line. */
static void assert_harmless_terminal(const char *shown, const char *what) {
        g_auto(GStrv) parts = g_strsplit(shown, QUIET_ERASE, -1);
        g_autofree char *text = g_strjoinv("", parts);
        char *end = text;

        for (const char *c = text; *c; c++)
                if (*c != '\r')
                        *end++ = *c;
        *end = '\0';
        assert_harmless(text, what);
}

/* Detach with a question, and reattach after a restart of the daemon: the driver and the names are restored. */
static void test_detach_and_reattach(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.topology = "names"});
        g_auto(GStrv) argv = vfioctl_argv("detach 'b\\xff\\xfec'");
        Terminal *terminal = terminal_open(100);
        Process *client = terminal_start(terminal, (const char *const *)argv, vfioctl_environment);

        g_autofree char *question = terminal_expect(terminal, "[y/N] ");
        assert_contains(question, "  " SECOND " (a\\x1b[31mred), driver " LONG_HEAD);
        assert_harmless_terminal(question, "the question");
        terminal_type(terminal, "y\n");
        g_autofree char *rest = terminal_read_rest(terminal);
        assert_harmless_terminal(rest, "the rest");
        for (char *line; (line = process_read_line(client)); g_free(line))
                assert_harmless(line, "detach");
        g_assert_cmpint(process_finish(client), ==, 0);
        terminal_close(terminal);
        fixture_driver(fixture, NIC, "vfio-pci");
        fixture_driver(fixture, SECOND, "vfio-pci");

        g_free(call_harmless(fixture, OBJECT_MANAGER, "GetManagedObjects", NULL));
        fixture_restart_daemon(fixture);
        g_autofree char *objects = call_harmless(fixture, OBJECT_MANAGER, "GetManagedObjects", NULL);
        assert_contains(objects, "'OriginalNames': <['a\\\\x1b[31mred']>");
        assert_contains(objects, "xxone");
        g_auto(ProgramResult) shown = vfioctl("show " NIC);
        assert_contains(shown.output, "Original names: b\\xff\\xfec\n");
        g_auto(ProgramResult) reattached = vfioctl("reattach 'a\\x1b[31mred'");
        expect_result(&reattached, 0, "", "reattach");
        assert_harmless(reattached.output, "reattach");
        assert_contains(reattached.output, "xxone (b\\xff\\xfec)");
        expect_driver(fixture, NIC, "one");
        expect_driver(fixture, SECOND, "one");

        /* The other driver, and a rollback. */
        EXPECT(0, "", "detach 0000:06:00.0");
        fake_kernel_do(fixture->kernel, "fail 1 EIO");
        EXPECT(1, "*", "reattach 0000:06:00.0");
        EXPECT(0, "", "reattach 'l\xe2\x80\xaer'");
        expect_driver(fixture, "0000:06:00.0", "two");
        fixture_stop(fixture);
}

/* A process may have any name: the caller of a job, and a process that holds a device. */
static void test_process_names(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.topology = "names"});

        g_assert_cmpint(prctl(PR_SET_NAME, "q\xff\033[31m\xe2\x80\xae\n"), ==, 0);
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Pending *pending = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", "('0000:06:00.0', " NO_OPTIONS ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        g_autofree char *jobs = call_harmless(fixture, MANAGER, "ListJobs", NULL);
        assert_contains(jobs, "'Command': <'q\\\\xff\\\\x1b[31m\\\\xe2\\\\x80\\\\xae\\\\x0a'>");
        g_free(call_harmless(fixture, OBJECT_MANAGER, "GetManagedObjects", NULL));
        g_auto(ProgramResult) listed = vfioctl("jobs");
        g_assert_cmpint(listed.status, ==, 0);
        assert_harmless(listed.output, "jobs");
        fake_kernel_do(fixture->kernel, "resume");
        g_autofree char *expected = NULL;
        g_autofree char *middle = g_strnfill(200 - 10 - strlen("two"), 'x');
        expected = g_strdup_printf(
                        "([('0000:06:00.0', 'd\\\\xff\\\\x1b[31m\\\\xe2\\\\x80\\\\xae%stwo', 'vfio-pci', {})],)",
                        middle);
        pending_expect(pending, expected);

        int fd = fake_kernel_open(fixture->kernel, O_RDWR, "dev/vfio/13");
        g_assert_cmpint(fd, >=, 0);
        g_autofree char *holders = call_harmless(fixture, MANAGER, "ListHolders", "('0000:06:00.0', " NO_OPTIONS ")");
        assert_contains(holders, "'q\\\\xff\\\\x1b[31m\\\\xe2\\\\x80\\\\xae\\\\x0a'");
        g_auto(ProgramResult) shown = vfioctl("show group:13");
        assert_contains(shown.output, "(q\\xff\\x1b[31m\\xe2\\x80\\xae\\x0a)");
        assert_harmless(shown.output, "show");
        g_auto(ProgramResult) held = vfioctl("reattach 0000:06:00.0");
        g_assert_cmpint(held.status, ==, 5);
        assert_contains(held.errors, "(q\\xff\\x1b[31m\\xe2\\x80\\xae\\x0a)");
        assert_harmless(held.errors, "reattach");
        g_assert_cmpint(close(fd), ==, 0);
        g_assert_cmpint(prctl(PR_SET_NAME, "test-bus-names"), ==, 0);
        fixture_stop(fixture);
}

/* The log of the daemon. */
static void test_log(void) {
        g_autofree char *path = NULL, *text = NULL;
        g_autoptr(GError) error = NULL;
        int saved_fd = dup(STDERR_FILENO), fd = g_file_open_tmp("vfiod-log-XXXXXX", &path, &error);

        g_assert_no_error(error);
        g_assert_cmpint(dup2(fd, STDERR_FILENO), >=, 0);
        Fixture *fixture = fixture_start(&(FixtureOptions){.topology = "names"});
        g_free(call_harmless(fixture, MANAGER, "Detach", "('l\\\\xe2\\\\x80\\\\xaer', " NO_OPTIONS ")"));
        fake_kernel_do(fixture->kernel, "fail 1 EIO");
        manager_refused(fixture, "Reattach", "0000:06:00.0", NO_OPTIONS, "RolledBack", "*");
        fixture_stop(fixture);
        g_assert_cmpint(dup2(saved_fd, STDERR_FILENO), >=, 0);
        close(saved_fd);
        close(fd);
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        (void)unlink(path);
        assert_harmless(text, "the log");
        assert_contains(text, "0000:06:00.0 is on vfio-pci now, was on " LONG_HEAD);
}

/* A daemon that escapes nothing: the terminal is protected anyway. */
#define EVIL "e\\u001b[31m\\u202e\\u009b\\u0007\\n"
#define EVIL_ROW "'" EVIL "', '" EVIL "', '" EVIL "'"

static void answer_evil(Stub *stub) {
        stub_answer(stub, "GetDevice", "(objectpath '/org/vfiod1/devices/a',)");
        stub_answer(stub, "GetGroup", "(objectpath '/org/vfiod1/groups/7',)");
        stub_answer(stub, "GetAll " DEVICE,
                        "({'Address': <'" EVIL "'>, 'State': <'" EVIL "'>, 'Driver': <'" EVIL "'>, 'Node': <'" EVIL
                        "'>, 'Endpoint': <true>,"
                        " 'DeviceName': <'" EVIL "'>, 'VendorName': <'" EVIL "'>, 'NetworkInterfaces': <['" EVIL "']>,"
                        " 'GroupNumber': <7>, 'Group': <objectpath '/org/vfiod1/groups/7'>},)");
        stub_answer(stub, "GetAll " GROUP,
                        "({'Number': <7>, 'State': <'stuck'>, 'Viable': <false>, 'Node': <'" EVIL "'>,"
                        " 'Blockers': <[(" EVIL_ROW
                        ", @a{sv} {})]>, 'Devices': <[objectpath '/org/vfiod1/devices/a']>},)");
        stub_answer(stub, "GetAll " MANAGER,
                        "({'Version': <'" EVIL "'>, 'Iommu': <'" EVIL "'>, 'IommuReason': <'" EVIL "'>},)");
        stub_answer(stub, "ListHolders", "([(uint32 324, " EVIL_ROW ", '', @a{sv} {})],)");
        stub_answer(stub, "ListRules",
                        "([('" EVIL "', '" EVIL "', 'off', [(" EVIL_ROW ", @a{sv} {})], {'Fault': <'" EVIL "'>})],)");
        stub_answer(stub, "ListJobs",
                        "([(uint32 4, objectpath '/org/vfiod1/jobs/4', '" EVIL "', '" EVIL "', 7, ['" EVIL "'],"
                        " uint32 1, uint32 2, '" EVIL "', '" EVIL "', '" EVIL "', {'Kind': <'" EVIL
                        "'>, 'Rule': <'" EVIL "'>}, uint64 0, {'Error': <'" EVIL "'>, 'Message': <'" EVIL "'>})],)");
        stub_answer(stub, "ListGroups",
                        "([(7, objectpath '/org/vfiod1/groups/7', '" EVIL "', true, ['" EVIL "'],"
                        " '" EVIL "', @a{sv} {})],)");
        stub_answer(stub, "ListDevices",
                        "([('" EVIL "', objectpath '/org/vfiod1/devices/a', 7, '" EVIL "', '" EVIL "', uint32 0,"
                        " uint16 1, uint16 2, ['" EVIL "'], {'DeviceName': <'" EVIL "'>})],)");
        stub_answer(stub, "Plan",
                        "(false, [(" EVIL_ROW ", @a{sv} {})], [(" EVIL_ROW ", false, @a{sv} {})], '" EVIL
                        "', @a{sv} {})");
        stub_answer(stub, "GetFragment", "('" EVIL "', {'arguments': <['" EVIL "']>, 'devices': <['" EVIL "']>})");
        stub_answer(stub, "Reattach", "([(" EVIL_ROW ", @a{sv} {})],)");
        stub_answer(stub, "Detach", "!org.vfiod1.Error.GroupNeedsConsent a\033[31m\xe2\x80\xae");
        stub_answer(stub, "GetManagedObjects",
                        "({objectpath '/org/vfiod1/devices/a': {'" DEVICE "': {'" EVIL "': <'" EVIL "'>}}},)");
}

static void test_hostile_daemon(void) {
        static const char *const verbs[] = {"groups", "devices", "show x", "show group:7", "show --qemu x", "plan x",
                        "jobs", "rule list", "rule check", "status", "reattach x", "detach x"};
        Stub *stub = stub_start();

        answer_evil(stub);
        for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++) {
                g_auto(ProgramResult) text = vfioctl("%s", verbs[i]);
                g_auto(ProgramResult) json = vfioctl("--json %s", verbs[i]);

                assert_harmless(text.output, verbs[i]);
                assert_harmless(text.errors, verbs[i]);
                assert_harmless(json.output, verbs[i]);
                assert_harmless(json.errors, verbs[i]);
                /* The text is shown, but escaped. */
                if (!strstr(text.output, "\\x1b[31m") && !strstr(text.errors, "\\x1b[31m"))
                        g_error("%s: \"%s\" \"%s\"", verbs[i], text.output, text.errors);
        }

        g_auto(GStrv) argv = vfioctl_argv("detach x");
        Terminal *terminal = terminal_open(100);
        Process *client = terminal_start(terminal, (const char *const *)argv, vfioctl_environment);
        g_autofree char *question = terminal_expect(terminal, "[y/N] ");
        assert_harmless_terminal(question, "the question");
        terminal_type(terminal, "n\n");
        g_free(terminal_read_rest(terminal));
        g_assert_cmpint(process_finish(client), ==, 5);
        terminal_close(terminal);
        stub_stop(stub);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/names/calls", test_calls);
        g_test_add_func("/names/selectors", test_selectors);
        g_test_add_func("/names/signals", test_signals);
        g_test_add_func("/names/client", test_client);
        g_test_add_func("/names/monitor", test_monitor);
        g_test_add_func("/names/detach-and-reattach", test_detach_and_reattach);
        g_test_add_func("/names/process-names", test_process_names);
        g_test_add_func("/names/log", test_log);
        g_test_add_func("/names/hostile-daemon", test_hostile_daemon);
        return g_test_run();
}
