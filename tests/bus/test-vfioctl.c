/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

/* The real client with the real daemon: exit codes, JSON, and text that programs may read. */

static void test_usage(void) {
        static const char *const wrong[] = {"frobnicate", "show", "detach", "reattach", "show a b", "status x",
                        "--frob groups", "groups --qemu", "devices --group", "reattach ens1 --group",
                        "show ens1 --companion", "detach --companion", "-x", "show ens1 --companion ens2", "jobs 1",
                        "jobs --force", "cancel", "cancel x", "cancel 0", "cancel -1", "cancel ' 1'", "cancel 1x",
                        "cancel 4294967296", "cancel 1 2", "cancel 1 --group", "detach ens1 --force",
                        "detach ens1 --adopt", "plan", "plan a b", "plan ens1 --force", "plan ens1 --adopt",
                        "plan ens1 --plan=x", "plan ens1 --dry-run", "plan ens1 --reattach --group",
                        "plan ens1 --reattach --override=storage", "plan ens1 --reattach --companion ens2",
                        "reattach ens1 --override=storage", "detach ens1 --reattach", "detach ens1 --override",
                        "detach ens1 --override=", "detach ens1 --override=storage,", "show ens1 --dry-run", "log a b",
                        "log -n 0", "log -n x", "log --lines=-1", "log --since", "log --since=tomorrow", "jobs -n 1",
                        "show ens1 --since=today", "log --group"};

        /* these commands do not need a bus */
        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++)
                EXPECT(2, "vfioctl: *Try 'vfioctl --help'.\n", "%s", wrong[i]);

        static const char *const helps[] = {"--help", "-h", "groups --help", "--help frobnicate"};
        for (unsigned i = 0; i < G_N_ELEMENTS(helps); i++) {
                g_auto(ProgramResult) help = vfioctl("%s", helps[i]);

                expect_result(&help, 0, "", helps[i]);
                g_assert_true(g_pattern_match_simple(
                                "*groups*devices*show*plan*detach*reattach*jobs*cancel*status*", help.output));
        }
        g_auto(ProgramResult) version = vfioctl("--version");
        expect_result(&version, 0, "", "--version");
        g_assert_cmpstr(version.output, ==, "vfioctl " VFIOD_VERSION "\n");
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

/* What somebody probably meant who has mistyped it. */
static void test_typos(void) {
        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        EXPECT(2, "vfioctl: unknown command 'detatch': do you mean 'detach'?\nTry *", "detatch ens1");
        EXPECT(2, "vfioctl: unknown command 'lits': do you mean 'list'?\nTry *", "lits");
        EXPECT(2, "vfioctl: unknown command 'ens1'\nIf it is a device or a group: vfioctl show ens1\nTry *", "ens1");
        EXPECT(2, "vfioctl: unknown command 'attach': do you mean 'reattach'?\nTry *", "attach ens1");
        EXPECT(2, "vfioctl: unknown command 'x'\nIf it is *", "x");
        EXPECT(2, "vfioctl: 'rule' needs one of: list, show, add, remove, enable, disable, edit, check\nTry *",
                        "rule lst");
        EXPECT(2, "vfioctl: unknown option '--overide': do you mean '--override'?\nTry *",
                        "detach ens1 --overide=network");
        EXPECT(2, "vfioctl: unknown option '--frobnicate'\nTry *", "detach ens1 --frobnicate");
        EXPECT(2, "vfioctl: option '--json' takes no value\nTry *", "list --json=x");
        EXPECT(2, "vfioctl: option '--companion' needs a value\nTry *", "detach ens1 --companion");
        EXPECT(2, "vfioctl: option '--a' is ambiguous\nTry *", "list --a");
        EXPECT(2, "vfioctl: unknown option '-e'\nIf this is a name that begins with '-', write '--' before it: *",
                        "show -ens1");
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

/* The lines of the help fit into 80 columns, and each command has its text in the same column, or in the next line. */
static void test_help_columns(void) {
        g_auto(ProgramResult) help = vfioctl("--help");
        g_auto(GStrv) lines = g_strsplit(help.output, "\n", -1);
        size_t column = strlen("  groups [SELECTOR...]        ");
        bool lists_commands = false;

        for (unsigned i = 0; lines[i]; i++) {
                g_assert_cmpuint(strlen(lines[i]), <=, 80);
                lists_commands = *lines[i] && (lists_commands || g_str_equal(lines[i], "Commands:"));
                if (!lists_commands || g_str_equal(lines[i], "Commands:") || strlen(lines[i]) <= column)
                        continue;
                if (lines[i][column - 1] != ' ' || lines[i][column] == ' ')
                        g_error("not in its column: %s", lines[i]);
        }
        g_assert_nonnull(strstr(help.output, "\n  groups [SELECTOR...]        List "));
}

/* The help of each command has a text for each option that the completion offers. */
static void test_help_options(void) {
        static const char *const verbs[] = {"list", "groups", "devices", "show", "plan", "detach", "reattach", "vfs",
                        "lease", "release", "jobs", "log", "rule add"};
        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        g_auto(ProgramResult) all = vfioctl("--help");

        for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++) {
                g_auto(ProgramResult) help = vfioctl("help %s", verbs[i]), offers = vfioctl("complete %s --", verbs[i]);
                g_auto(GStrv) options = g_strsplit(g_strchomp(offers.output), "\n", -1);
                unsigned n_own = 0;

                for (char **option = options; *option; option++) {
                        g_autofree char *name = g_strdup_printf("%.*s", (int)strcspn(*option, "\t ="), *option);
                        bool is_own = strstr(help.output, name);

                        n_own += is_own;
                        if (!is_own && !strstr(all.output, name))
                                g_error("the help of %s has no text for %s", verbs[i], name);
                }
                g_assert_cmpuint(n_own, >, 0);
        }
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

/* With --json, every error is an object on stdout. */
static void test_json_errors(void) {
        static const struct {
                const char *arguments, *name, *message, *advice;
                int status;
        } cases[] = {
                        {"show wlan9", "NoSuchDevice", "*'wlan9'*", NULL, 3},
                        {"list 'wlan*'", "NoSuchDevice", "*'wlan\\*'*", NULL, 3},
                        {"detach ens1", "GroupNeedsConsent", "*0000:03:02.0*", NULL, 5},
                        {"detach ens1 --persistent", "GroupNeedsConsent", "*", NULL, 5},
                        {"reattach ens1", "NotDetached", "*", NULL, 5},
                        {"vfs ens3", "NoVirtualFunctions", "*", NULL, 5},
                        {"show --qemu ens1", "NotDetached", "*detach it first.", NULL, 5},
                        {"release 77", "*", "*", NULL, 3},
                        {"cancel 77", "org.freedesktop.DBus.Error.UnknownObject", "There is no job 77*", NULL, 3},
                        {"rule remove x", "NoSuchRule", "*", NULL, 3},
                        {"frobnicate", INVALID_ARGS, "unknown command 'frobnicate'",
                                        "If it is a device or a group: vfioctl show frobnicate\nTry 'vfioctl --help'.",
                                        2},
                        {"show", INVALID_ARGS, "'show' needs a selector*", "Try 'vfioctl --help'.", 2},
                        {"--frob", INVALID_ARGS, "unknown option '--frob'", "Try 'vfioctl --help'.", 2},
                        {"list -o x", INVALID_ARGS, "there is no column 'x'*", NULL, 2},
                        {"lease ens1 --group -- /nonexistent", "Failed", "cannot run '/nonexistent': *", NULL, 1},
        };
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                json_t *document = vfioctl_json_with(cases[i].status, cases[i].arguments);
                json_t *error = json_object_get(document, "error"), *details = json_object_get(error, "details");
                const char *message = json_string_value(json_object_get(error, "message"));
                const char *name = json_string_value(json_object_get(error, "name"));
                g_autofree char *expected = strpbrk(cases[i].name, ".*")
                                ? g_strdup(cases[i].name)
                                : g_strdup_printf("org.vfiod1.Error.%s", cases[i].name);

                g_assert_cmpuint(json_object_size(document), ==, 1);
                g_assert_true(json_is_object(details));
                if (!name || !g_pattern_match_simple(expected, name))
                        g_error("%s: name %s", cases[i].arguments, name);
                if (!message || (!strchr(cases[i].message, '\\') && !g_pattern_match_simple(cases[i].message, message)))
                        g_error("%s: message %s", cases[i].arguments, message);
                g_assert_cmpstr(json_string_value(json_object_get(details, "advice")), ==, cases[i].advice);
                json_decref(document);
        }
        fixture_stop(fixture);

        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        g_auto(ProgramResult) abbreviated = vfioctl("--js show");
        g_assert_cmpint(abbreviated.status, ==, 2);
        g_assert_cmpstr(abbreviated.errors, ==, "");
        g_assert_true(g_str_has_prefix(abbreviated.output, "{"));
        json_t *document = vfioctl_json_with(1, "list");
        expect_json(document, "error.name", "\"org.freedesktop.DBus.Error.NoServer\"");
        json_decref(document);
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

/* Each of the seven exit codes, for each reason that a user can meet. */
static void test_exit_codes(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 5000});
        FakeKernel *kernel = fixture->kernel;

        EXPECT(0, "", "groups");
        EXPECT(0, "", "devices");
        EXPECT(0, "", "status");
        EXPECT(0, "", "show ens1");
        EXPECT(0, "", "show group:10");

        EXPECT(2, "vfioctl: *", "show group:x");
        EXPECT(2, "vfioctl: *", "detach 'a b'");
        EXPECT(2, "vfioctl: *UTF-8*", "detach '\xff'");
        EXPECT(2, "vfioctl: *", "detach ens1 --companion ens3");
        EXPECT(3, "vfioctl: *'wlan9'*", "show wlan9");
        EXPECT(3, "vfioctl: *'wlan9'*", "detach wlan9");
        EXPECT(3, "vfioctl: *'wlan9'*", "reattach wlan9");
        EXPECT(3, "vfioctl: *99*", "show group:99");

        EXPECT(5, "vfioctl: *0000:03:02.0*--group*", "detach ens1");
        EXPECT(5, "vfioctl: *bridge*", "detach 00:02.0");
        EXPECT(5, "vfioctl: 0000:03:01.0 is not detached*", "reattach ens1");
        EXPECT(5, "vfioctl: No device of group 10 is on a vfio driver*", "show --qemu ens1");
        fake_kernel_do(kernel, "plug 0000:00:08.0 vendor=8086 device=10d3 class=020000 group=none");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded *_30000_3a00_3a08_2e0*"));
        EXPECT(5, "vfioctl: *no IOMMU group*", "detach 00:08.0");
        EXPECT(0, "", "show 00:08.0");

        EXPECT(0, "", "detach ens3");
        EXPECT(5, "vfioctl: *", "detach ens3");
        fake_kernel_do(kernel, "hold 12");
        EXPECT(5, "vfioctl: A process holds IOMMU group 12 (/dev/vfio/12 is busy)*", "reattach ens3");
        fake_kernel_do(kernel, "release 12");
        EXPECT(0, "", "reattach ens3");
        fake_kernel_do(kernel, "fail 1 EIO");
        EXPECT(1, "vfioctl: *Everything is as it was before.\n", "detach ens3");

        fake_kernel_do(kernel, "driver shpchp ids=1b36:000e");
        g_assert_cmpint(fake_kernel_write(kernel, BRIDGE, "sys/bus/pci/drivers_probe"), ==, 0);
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a02_3a00_2e0", DEVICE, "Driver", "'shpchp'");
        EXPECT(5, "vfioctl: *No virtual machine could use group 10*", "detach ens1 --group");

        fake_kernel_do(kernel, "stall 1");
        EXPECT(6, "vfioctl: *did not return*", "detach ens3");
        EXPECT(6, "vfioctl: *stuck*", "reattach ens3");
        fake_kernel_do(kernel, "resume");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        fixture_stop(fixture);
}

static void test_busy_and_foreign(void) {
        Fixture *fixture = fixture_start(NULL);

        fixture_detach_nic_by_hand(fixture);
        EXPECT(5, "vfioctl: *", "detach " NIC);
        EXPECT(5, "vfioctl: *", "reattach " NIC);

        fake_kernel_do(fixture->kernel, "stall 1");
        Pending *pending = fixture_call_start(fixture, GROUP10, GROUP, "Detach", "(" NO_OPTIONS ",)");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        EXPECT(5, "vfioctl: *", "reattach ens1");
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending,
                        "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        fixture_stop(fixture);
}

static void test_not_authorized(void) {
        Fixture *fixture = fixture_start(NULL);
        const char *const detach[] = {
                        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", VFIOCTL, "detach", "ens3", NULL};
        const char *const list[] = {
                        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", VFIOCTL, "groups", NULL};

        g_auto(ProgramResult) refused = program_run(detach, NULL, NULL);
        expect_result(&refused, 4, "vfioctl: *", "detach ens3 as nobody");
        g_auto(ProgramResult) listed = program_run(list, NULL, NULL);
        expect_result(&listed, 0, "", "groups as nobody");
        fixture_stop(fixture);
}

static void test_no_iommu(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.topology = "no-iommu"});

        EXPECT(5, "vfioctl: *IOMMU*", "detach ens3");
        EXPECT(0, "vfioctl: there are no IOMMU groups: *", "groups");
        EXPECT(0, "", "groups --quiet");
        EXPECT(0, "", "devices");
        json_t *status = vfioctl_json("status");
        expect_json(status, "group_count", "0");
        expect_json(status, "device_count", "2");
        json_decref(status);
        fixture_stop(fixture);
}

static void test_no_daemon(void) {
        PrivateBus *bus = private_bus_start(true);

        EXPECT(1, "vfioctl: vfiod is not running and could not be started: *\nSee 'systemctl status vfiod'*", "groups");
        EXPECT(1, "vfioctl: vfiod is not running*", "detach ens1");
        private_bus_stop(bus);

        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        EXPECT(1, "vfioctl: cannot connect to the system bus: *", "groups");
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

static void test_full_disk(void) {
        static const char *const verbs[] = {"groups", "devices", "status", "--help", "--version"};
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++) {
                const char *const argv[] = {VFIOCTL, verbs[i], NULL};
                g_auto(ProgramResult) result = program_run(argv, NULL, "/dev/full");

                g_assert_cmpint(result.status, ==, 1);
                g_assert_true(g_pattern_match_simple(
                                "vfioctl: cannot write the result: No space left on device\n", result.errors));
        }

        /* it is no error if the reader ends early */
        const char *const early[] = {"sh", "-c", "(\"$0\" groups; echo $? >&2) | true", VFIOCTL, NULL};
        g_auto(ProgramResult) result = program_run(early, NULL, NULL);
        g_assert_cmpstr(result.errors, ==, "0\n");
        fixture_stop(fixture);
}

static void test_json(void) {
        Fixture *fixture = fixture_start(NULL);
        json_t *groups = vfioctl_json("groups"), *devices = vfioctl_json("devices");

        g_assert_cmpuint(json_array_size(json_object_get(groups, "groups")), ==, 16);
        expect_json(groups, "groups.9.number", "10");
        expect_json(groups, "groups.9.state", "\"host\"");
        expect_json(groups, "groups.9.viable", "false");
        expect_json(groups, "groups.9.node", "null");
        expect_json(groups, "groups.9.path", "\"/org/vfiod1/groups/10\"");
        expect_json(groups, "groups.9.members.1.address", "\"0000:03:01.0\"");
        expect_json(groups, "groups.9.members.1.driver", "\"e1000\"");
        expect_json(groups, "groups.9.members.1.names", "[\"ens1\"]");
        g_assert_cmpuint(json_array_size(json_object_get(devices, "devices")), ==, 21);
        expect_json(devices, "devices.20.address", "\"10000:01:00.0\"");
        expect_json(devices, "devices.20.class", "\"0x010802\"");
        expect_json(devices, "devices.20.vendor_id", "\"0x144d\"");
        expect_json(devices, "devices.20.group", "16");
        expect_json(devices, "devices.0.driver", "null");
        json_decref(groups);
        json_decref(devices);

        json_t *detached = vfioctl_json("detach ens1 --companion ens2");
        expect_json(detached, "changes.0",
                        "{\"address\":\"0000:03:01.0\",\"driver_before\":\"e1000\",\"driver_after\":\"vfio-pci\","
                        "\"names\":[\"ens1\"]}");
        expect_json(detached, "group", "10");
        expect_json(detached, "node", "\"/dev/vfio/10\"");
        expect_json(detached, "viable", "true");
        expect_json(detached, "qemu_arguments",
                        "[\"-device\",\"vfio-pci,host=0000:03:01.0\",\"-device\",\"vfio-pci,host=0000:03:02.0\"]");
        json_decref(detached);

        json_t *show = vfioctl_json("show ens1");
        expect_json(show, "device.address", "\"0000:03:01.0\"");
        expect_json(show, "device.state", "\"detached\"");
        expect_json(show, "device.original_driver", "\"e1000\"");
        expect_json(show, "device.numa_node", "null");
        expect_json(show, "group.number", "10");
        expect_json(show, "group.members.2.address", "\"0000:03:02.0\"");
        expect_json(show, "group.blockers", "[]");
        json_decref(show);
        json_t *qemu = vfioctl_json("show --qemu ens2");
        expect_json(qemu, "qemu_arguments.3", "\"vfio-pci,host=0000:03:02.0\"");
        json_decref(qemu);
        json_t *status = vfioctl_json("status");
        expect_json(status, "version", "\"" VFIOD_VERSION "\"");
        expect_json(status, "iommu", "\"on\"");
        expect_json(status, "detached_count", "2");
        json_decref(status);
        json_t *reattached = vfioctl_json("reattach group:10");
        expect_json(reattached, "changes.1.driver_after", "\"e1000\"");
        expect_json(reattached, "changes.1.names", "[\"ens2\"]");
        json_decref(reattached);

        EXPECT(0, "", "detach nvme1n1");
        json_t *vmd = vfioctl_json("show --qemu 10000:01:00.0");
        expect_json(vmd, "qemu_arguments", "[\"-device\",\"vfio-pci,sysfsdev=/sys/bus/pci/devices/10000:01:00.0\"]");
        json_decref(vmd);
        fixture_stop(fixture);
}

/* A kernel with both kinds of nodes: QEMU opens the group, or the devices through an iommufd. */
static void test_both_nodes(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        EXPECT(0, "", "detach ens1 --companion ens2");
        EXPECT(5,
                        "vfioctl: The running kernel has no nodes for single devices (CONFIG_VFIO_DEVICE_CDEV), which "
                        "an iommufd needs. Use group 10 without an iommufd.\n",
                        "show --iommufd ens1");
        json_t *show = vfioctl_json("show ens1");
        expect_json(show, "device.cdev", "null");
        json_decref(show);
        EXPECT(0, "", "reattach ens1");

        fake_kernel_do(fixture->kernel, "cdevs on");
        EXPECT(0, "", "detach ens1 --companion ens2");
        show = vfioctl_json("show ens1");
        expect_json(show, "device.node", "\"/dev/vfio/10\"");
        g_assert_true(g_str_has_prefix(json_string_value(json_object_get(json_object_get(show, "device"), "cdev")),
                        "/dev/vfio/devices/vfio"));
        json_decref(show);
        json_t *group = vfioctl_json("show --qemu ens1");
        expect_json(group, "backend", "\"group\"");
        expect_json(group, "qemu_arguments.1", "\"vfio-pci,host=0000:03:01.0\"");
        json_decref(group);
        json_t *iommufd = vfioctl_json("show --iommufd ens1");
        expect_json(iommufd, "backend", "\"iommufd\"");
        expect_json(iommufd, "qemu_arguments",
                        "[\"-object\",\"iommufd,id=iommufd0\",\"-device\",\"vfio-pci,host=0000:03:01.0,iommufd="
                        "iommufd0\","
                        "\"-device\",\"vfio-pci,host=0000:03:02.0,iommufd=iommufd0\"]");
        json_decref(iommufd);
        fixture_stop(fixture);
}

/* A kernel without nodes of groups: QEMU opens the devices through an iommufd. */
static void test_cdevs(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "group-nodes off");
        fake_kernel_do(fixture->kernel, "cdevs on");
        json_t *detached = vfioctl_json("detach ens1 --companion ens2");
        expect_json(detached, "node", "null");
        expect_json(detached, "qemu_arguments",
                        "[\"-object\",\"iommufd,id=iommufd0\",\"-device\",\"vfio-pci,host=0000:03:01.0,iommufd="
                        "iommufd0\","
                        "\"-device\",\"vfio-pci,host=0000:03:02.0,iommufd=iommufd0\"]");
        json_decref(detached);
        json_t *show = vfioctl_json("show ens1");
        expect_json(show, "group.viable", "true");
        expect_json(show, "group.node", "null");
        g_assert_true(g_str_has_prefix(json_string_value(json_object_get(json_object_get(show, "device"), "node")),
                        "/dev/vfio/devices/vfio"));
        json_decref(show);
        fixture_stop(fixture);
}

static void test_text(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_golden(0, "groups", "groups");
        expect_golden(0, "devices", "devices");
        expect_golden(0, "show ens1", "show");
        expect_golden(0, "detach ens1 --group", "detach");
        expect_golden(0, "show ens1", "show-detached");
        expect_golden(0, "show group:10 --qemu", "qemu");
        expect_golden(0, "reattach ens1", "reattach");
        expect_golden(0, "status", "status");

        /* without headings, and without results */
        g_auto(ProgramResult) with = vfioctl("groups"), without = vfioctl("groups --no-legend");
        expect_result(&without, 0, "", "groups --no-legend");
        g_assert_true(g_str_has_prefix(with.output, "GROUP/ADDRESS "));
        g_assert_null(strstr(without.output, "GROUP/ADDRESS"));
        g_auto(GStrv) lines_with = g_strsplit(with.output, "\n", -1);
        g_auto(GStrv) lines_without = g_strsplit(without.output, "\n", -1);
        g_assert_cmpuint(g_strv_length(lines_with), ==, g_strv_length(lines_without) + 1);
        g_auto(ProgramResult) quiet = vfioctl("detach ens3 --quiet");
        expect_result(&quiet, 0, "", "detach ens3 --quiet");
        g_assert_cmpstr(quiet.output, ==, "");
        /* no colours and no terminal width in a pipe */
        g_assert_null(strchr(with.output, '\x1b'));
        g_setenv("COLUMNS", "40", true);
        g_auto(ProgramResult) narrow = vfioctl("groups");
        g_unsetenv("COLUMNS");
        g_auto(ProgramResult) again = vfioctl("groups");
        g_assert_cmpstr(narrow.output, ==, again.output);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl/usage", test_usage);
        g_test_add_func("/bus/vfioctl/typos", test_typos);
        g_test_add_func("/bus/vfioctl/help-columns", test_help_columns);
        g_test_add_func("/bus/vfioctl/help-options", test_help_options);
        g_test_add_func("/bus/vfioctl/json-errors", test_json_errors);
        g_test_add_func("/bus/vfioctl/exit-codes", test_exit_codes);
        g_test_add_func("/bus/vfioctl/busy-and-foreign", test_busy_and_foreign);
        g_test_add_func("/bus/vfioctl/not-authorized", test_not_authorized);
        g_test_add_func("/bus/vfioctl/no-iommu", test_no_iommu);
        g_test_add_func("/bus/vfioctl/no-daemon", test_no_daemon);
        g_test_add_func("/bus/vfioctl/full-disk", test_full_disk);
        g_test_add_func("/bus/vfioctl/json", test_json);
        g_test_add_func("/bus/vfioctl/cdevs", test_cdevs);
        g_test_add_func("/bus/vfioctl/both-nodes", test_both_nodes);
        g_test_add_func("/bus/vfioctl/text", test_text);
        return g_test_run();
}
