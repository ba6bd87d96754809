/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "stub.h"
#include "terminal.h"

/* The lists: which rows, which columns, in which order, and what fits into a terminal. */

/* Runs a list without headings, and returns the first column of its lines: "0000:03:01.0 0000:03:02.0". */
static char *addresses(const char *arguments) {
        g_auto(ProgramResult) result = vfioctl("%s --no-legend -o address", arguments);
        expect_result(&result, 0, "", arguments);
        g_auto(GStrv) lines = g_strsplit(g_strchomp(result.output), "\n", -1);
        return g_strjoinv(" ", lines);
}

#define EXPECT_ADDRESSES(expected, arguments) \
        G_STMT_START { \
                g_autofree char *text_ = addresses(arguments); \
                g_assert_cmpstr(text_, ==, expected); \
        } \
        G_STMT_END

#define OFFERED \
        "0000:00:01.0 0000:00:07.0 0000:00:1f.2 0000:03:01.0 0000:03:02.0 0000:04:00.0 0000:05:00.0 0000:06:00.0 " \
        "0000:06:00.1 0000:07:00.0 10000:01:00.0"

/* Without a verb: the devices that can be given away, and no bridges and chipset. */
static void test_offered(void) {
        Fixture *fixture = fixture_start(NULL);
        g_auto(ProgramResult) alone = vfioctl("--no-legend"), list = vfioctl("list --no-legend");

        expect_result(&alone, 0, "", "--no-legend");
        g_assert_cmpstr(alone.output, ==, list.output);
        expect_golden(0, "list", "list");
        EXPECT_ADDRESSES(OFFERED, "list");

        g_autofree char *devices = addresses("devices"), *all = addresses("list --all");
        g_auto(GStrv) everything = g_strsplit(all, " ", -1);
        g_assert_cmpuint(g_strv_length(everything), ==, 21);
        g_assert_cmpstr(devices, ==, all);

        json_t *json = vfioctl_json("list --all"), *rows = vfioctl_json("devices -o AVAILABILITY");
        g_assert_true(json_equal(json, rows));
        expect_json(json, "devices.12.uses", "[]");
        /* It does not ask what the host uses. */
        json_t *unasked = vfioctl_json("devices");
        expect_json(unasked, "devices.12.address", "\"0000:03:01.0\"");
        expect_json(unasked, "devices.12.uses", "null");
        json_decref(unasked);
        expect_json(json, "devices.0.availability", "\"host-only\"");
        expect_json(json, "devices.0.category", "\"bridge\"");
        expect_json(json, "devices.0.endpoint", "false");
        expect_json(json, "devices.0.companions", "[]");
        expect_json(json, "devices.12.address", "\"0000:03:01.0\"");
        expect_json(json, "devices.12.availability", "\"available\"");
        expect_json(json, "devices.12.category", "\"network\"");
        expect_json(json, "devices.12.endpoint", "true");
        expect_json(json, "devices.12.companions", "[\"0000:03:02.0\"]");
        expect_json(json, "devices.12.lease", "null");
        expect_json(json, "devices.12.rule", "null");
        json_decref(json);
        json_decref(rows);
        fixture_stop(fixture);
}

static void test_filters(void) {
        Fixture *fixture = fixture_start(NULL);

        EXPECT_ADDRESSES("0000:03:01.0 0000:03:02.0 0000:05:00.0 0000:07:00.0", "list --class=network");
        EXPECT_ADDRESSES("0000:03:01.0 0000:03:02.0 0000:05:00.0 0000:07:00.0", "list --class 0x0200");
        EXPECT_ADDRESSES("0000:06:00.1", "list --class=04");
        EXPECT_ADDRESSES("0000:00:1f.2 0000:04:00.0 0000:06:00.1 10000:01:00.0", "list --class=storage,audio");
        EXPECT_ADDRESSES("0000:00:00.0 0000:00:02.0 0000:00:03.0 0000:00:04.0 0000:00:05.0 0000:00:06.0 0000:00:1f.0 "
                         "0000:02:00.0 10000:00:00.0",
                        "devices --class=bridge");
        EXPECT_ADDRESSES("0000:05:00.0", "list --driver=e1000e");
        EXPECT_ADDRESSES("0000:03:01.0 0000:03:02.0 0000:05:00.0", "list --driver='e1000*'");
        EXPECT_ADDRESSES("0000:00:07.0", "list --driver=none");
        EXPECT_ADDRESSES("0000:00:07.0", "list --state=driverless");

        EXPECT(0, "", "detach ens3");
        EXPECT_ADDRESSES("0000:05:00.0", "list --state=detached");
        EXPECT_ADDRESSES("0000:05:00.0", "devices --state=detached,leased");
        EXPECT_ADDRESSES("0000:03:01.0 0000:03:02.0 0000:07:00.0", "list --available --class=network");
        EXPECT(0, "vfioctl: none of the 21 PCI devices is like this: see 'vfioctl list --all'\n",
                        "list --state=detached --class=storage");
        EXPECT(0, "", "list --state=detached --class=storage --quiet");
        json_t *none = vfioctl_json("list --state=detached --class=storage");
        expect_json(none, "devices", "[]");
        json_decref(none);

        /* a group is shown as a whole */
        g_auto(ProgramResult) groups = vfioctl("groups --no-legend --state=detached");
        expect_result(&groups, 0, "", "groups --state=detached");
        g_assert_true(g_pattern_match_simple("12 *detached*\n*0000:05:00.0*\n", groups.output));
        json_t *group = vfioctl_json("groups ens1");
        g_assert_cmpuint(json_array_size(json_object_get(group, "groups")), ==, 1);
        expect_json(group, "groups.0.number", "10");
        expect_json(group, "groups.0.members.2.address", "\"0000:03:02.0\"");
        expect_json(group, "groups.0.members.2.category", "\"network\"");
        json_decref(group);
        fixture_stop(fixture);
}

static void test_selectors(void) {
        Fixture *fixture = fixture_start(NULL);

        EXPECT_ADDRESSES("0000:03:01.0 0000:05:00.0", "list ens3 03:01.0");
        EXPECT_ADDRESSES("0000:03:01.0 0000:03:02.0 0000:05:00.0 0000:07:00.0", "list 'ens*'");
        EXPECT_ADDRESSES("0000:06:00.0 0000:06:00.1", "list '06:00.*'");
        EXPECT_ADDRESSES("10000:00:00.0 10000:01:00.0", "list '10000:*'");
        /* what the user names is shown, also a bridge */
        EXPECT_ADDRESSES("0000:02:00.0 0000:03:01.0 0000:03:02.0 0000:04:00.0", "list group:10 nvme0n[1]");
        EXPECT_ADDRESSES("0000:03:01.0 0000:03:02.0", "list group:10 --class=network");
        EXPECT(3, "vfioctl: no address and no name of a device is like 'wlan*'\n", "list ens1 'wlan*'");
        EXPECT(3, "vfioctl: *'wlan9'*", "list ens1 wlan9");
        EXPECT(3, "vfioctl: *'wlan9'*", "groups wlan9");
        EXPECT(3, "vfioctl: *99*", "devices group:99");
        fixture_stop(fixture);
}

/* The output of vfioctl on a terminal of this width, without a pager and colours. */
static char *on_terminal(unsigned columns, const char *arguments) {
        g_autofree char *line = g_strdup_printf("%s --no-pager", arguments);
        g_auto(GStrv) argv = vfioctl_argv(line);
        Terminal *terminal = terminal_open(columns);
        Process *client = terminal_start_all(terminal, (const char *const *)argv, vfioctl_environment);
        g_autofree char *shown = terminal_read_rest(terminal);
        g_autoptr(GRegex) colors = g_regex_new("\033\\[[0-9;]*m", 0, 0, NULL);

        g_assert_cmpint(process_finish(client), ==, 0);
        terminal_close(terminal);
        return g_regex_replace_literal(colors, shown, -1, 0, "", 0, NULL);
}

/* The host uses the display. */
static void test_in_use(void) {
        Fixture *fixture = fixture_start(NULL);

        EXPECT_ADDRESSES("0000:00:01.0", "list --state=in-use");
        EXPECT_ADDRESSES("0000:00:07.0 0000:06:00.0", "list 00:01.0 00:07.0 06:00.0 --available");
        json_t *json = vfioctl_json("list 00:01.0 ens3");
        expect_json(json, "devices.0.availability", "\"in-use\"");
        expect_json(json, "devices.0.uses.0.guard", "\"display\"");
        expect_json(json, "devices.0.uses.0.error", "\"org.vfiod1.Error.InUseDisplay\"");
        expect_json(json, "devices.1.availability", "\"available\"");
        expect_json(json, "devices.1.uses", "[]");
        json_decref(json);
        /* groups does not ask what the host uses if no column and no filter needs it. */
        json_t *quick = vfioctl_json("groups group:0 group:1 group:12 -o STATE");
        expect_json(quick, "groups.0.availability", "\"host-only\"");
        expect_json(quick, "groups.1.availability", "null");
        expect_json(quick, "groups.1.findings", "null");
        expect_json(quick, "groups.2.availability", "null");
        json_decref(quick);
        json_t *available = vfioctl_json("groups group:1 group:12 --available -o STATE");
        expect_json(available, "groups.0.number", "12");
        expect_json(available, "groups.0.findings", "[]");
        expect_json(available, "groups.1", NULL);
        json_decref(available);
        json_t *groups = vfioctl_json("groups group:1 group:12");
        expect_json(groups, "groups.0.availability", "\"in-use\"");
        expect_json(groups, "groups.0.findings.0.guard", "\"display\"");
        expect_json(groups, "groups.1.findings", "[]");
        expect_json(groups, "groups.1.availability", "\"available\"");
        json_decref(groups);
        g_auto(ProgramResult) tree = vfioctl("groups group:1 --no-legend");
        g_assert_true(g_pattern_match_simple("1 *host *in-use*\n*0000:00:01.0*host *bochs-drm *display*", tree.output));
        g_autofree char *narrow = on_terminal(80, "list 00:01.0 --no-legend");
        g_assert_true(g_pattern_match_simple("0000:00:01.0 *in-use *display *", narrow));
        fixture_stop(fixture);
}

#define USED_ROW(availability) \
        "([('0000:01:00.0', objectpath '/org/vfiod1/devices/a', 7, 'host', 'e1000e', uint32 0x020000, uint16 0x8086, " \
        "uint16 " \
        "0x10d3, @as [], {'Availability': <'" availability "'>, 'Category': <'network'>, 'Endpoint': <true>})],)"

/* If vfiod does not tell what the host uses, the list appears, and a note says what is missing. */
static void test_unknown_uses(void) {
        Stub *stub = stub_start();

        stub_answer(stub, "ListDevices", USED_ROW("available"));
        stub_answer(stub, "Plan", "!org.vfiod1.Error.LimitsExceeded Too many plans.");
        g_auto(ProgramResult) list = vfioctl("list -o address,availability --no-legend");
        expect_result(&list, 0,
                        "vfioctl: it is not known which of the available devices the host uses: Too many plans.\n",
                        "list");
        g_assert_cmpstr(list.output, ==, "0000:01:00.0 available\n");
        EXPECT(0, "", "list --quiet -o address");
        /* what is not shown is not asked for */
        EXPECT(0, "", "list -o address");
        stub_answer(stub, "ListDevices", USED_ROW("detached"));
        stub_answer(stub, "ListHolders", "(@a(ussssa{sv}) [],)");
        EXPECT(0, "", "list");

        /* too many findings */
        stub_answer(stub, "ListDevices", USED_ROW("available"));
        stub_answer(stub, "Plan",
                        "(false, @a(sssa{sv}) [], @a(sssba{sv}) [], '', {'Groups': <@a(isa{sv}) [(7, 'unknown', "
                        "{})]>})");
        g_auto(ProgramResult) unknown = vfioctl("list -o address,availability --no-legend");
        expect_result(&unknown, 0, "", "list");
        g_assert_cmpstr(unknown.output, ==, "0000:01:00.0 unknown\n");
        stub_stop(stub);
}

static void test_columns(void) {
        Fixture *fixture = fixture_start(NULL);

        g_auto(ProgramResult) chosen = vfioctl("list group:10 -o group,address,holder,with");
        expect_result(&chosen, 0, "", "-o group,address,holder,with");
        g_assert_cmpstr(chosen.output, ==,
                        "GROUP ADDRESS      HOLDER WITH\n"
                        "   10 0000:02:00.0\n"
                        "   10 0000:03:01.0        03:02.0\n"
                        "   10 0000:03:02.0        03:01.0\n");
        /* without a choice, a column without contents is not shown */
        g_auto(ProgramResult) usual = vfioctl("list nvme0n1");
        g_assert_true(g_str_has_prefix(usual.output, "ADDRESS      AVAILABILITY NAMES   DEVICE\n"));
        g_auto(ProgramResult) more = vfioctl("list nvme0n1 -o +id,Names");
        g_assert_true(g_pattern_match_simple(
                        "ADDRESS      AVAILABILITY NAMES   DEVICE* ID\n*1b36:0010\n", more.output));
        g_auto(ProgramResult) three = vfioctl("list 00:1f.0 -o WITH --no-legend");
        g_assert_cmpstr(three.output, ==, "00:1f.2,00:1f.3\n");

        EXPECT_ADDRESSES("0000:07:00.0 0000:05:00.0 0000:03:02.0 0000:03:01.0", "list --class=network --sort=-names");
        EXPECT_ADDRESSES("0000:03:01.0 0000:03:02.0 0000:05:00.0 0000:07:00.0", "list --class=network --sort driver");
        EXPECT_ADDRESSES("10000:01:00.0 10000:00:00.0 0000:07:00.0",
                        "list 10000:01:00.0 10000:00:00.0 ens4 --sort=-address");
        EXPECT_ADDRESSES("0000:06:00.0 0000:03:01.0 0000:03:02.0 0000:07:00.0 0000:05:00.0",
                        "list ens1 ens2 ens3 ens4 06:00.0 --sort=id");
        json_t *json = vfioctl_json("list ens3 ens4 --sort=-names");
        expect_json(json, "devices.0.names", "[\"ens4\"]");
        json_decref(json);
        fixture_stop(fixture);

        /* these need no vfiod */
        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        g_auto(ProgramResult) help = vfioctl("list -o help");
        expect_result(&help, 0, "", "list -o help");
        g_assert_true(g_pattern_match_simple("ADDRESS *\nAVAILABILITY *\nMODEL *", help.output) ||
                        g_pattern_match_simple("ADDRESS *\nAVAILABILITY *\n*MODEL *", help.output));
        EXPECT(2, "vfioctl: there is no column 'x': see 'vfioctl list -o help'\n", "list -o address,x");
        EXPECT(2, "vfioctl: there is no column '': see *", "list -o address,");
        EXPECT(2, "vfioctl: there is no column 'addres': see *", "list --sort=addres");
        EXPECT(2, "vfioctl: 'in use' is no state: use available, in-use, *", "list --state='in use'");
        EXPECT(2, "vfioctl: 'netwrok' is no class: use a number as 0x0200, or network, *", "list --class=netwrok");
        EXPECT(2, "vfioctl: '0x02000' is no class*", "groups --class=0x02000");
        EXPECT(2, "vfioctl: --state takes states, separated by commas\n*", "list --state=detached,");
        EXPECT(2, "vfioctl: 'show' does not take --all\n*", "show ens1 --all");
        EXPECT(2, "vfioctl: there is no column 'address': see 'vfioctl groups -o help'\n", "groups -o address");
        EXPECT(2, "vfioctl: 'show' does not take --output\n*", "show ens1 -o address");
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

/* 80 columns show the model, and 200 columns also the vendor. */
static void test_width(void) {
        static const char *const lists[] = {"list", "devices", "groups"};
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
                g_autofree char *narrow = on_terminal(80, lists[i]), *wide = on_terminal(200, lists[i]);
                g_auto(GStrv) lines = g_strsplit(narrow, "\r\n", -1);

                for (unsigned k = 0; lines[k]; k++)
                        if (g_utf8_strlen(lines[k], -1) > 80)
                                g_error("%s: too wide: %s", lists[i], lines[k]);
                g_assert_nonnull(strstr(narrow, " 82574L Gigabit"));
                g_assert_nonnull(strstr(wide, " Intel Corporation 82574L Gigabit"));
                g_assert_null(strstr(narrow, "Intel Corp"));
        }
        fixture_stop(fixture);
}

#define ROW(address, group, state, driver, details) \
        "('" address "', objectpath '/org/vfiod1/devices/a', " group ", '" state "', '" driver \
        "', uint32 0x020000, uint16 0x8086, uint16 0x10d3, @as [], " details ")"
#define DETAILS(availability) "{'Availability': <'" availability "'>, 'Category': <'network'>, 'Endpoint': <true>}"

/* Who has the devices: leases and processes. Details that a newer vfiod adds are shown. */
static void test_holders(void) {
        Stub *stub = stub_start();

        stub_answer(stub, "ListDevices",
                        "([" ROW("0000:01:00.0", "7", "leased", "vfio-pci", DETAILS("leased")) ", " ROW("0000:02:00.0",
                                        "8", "detached", "vfio-pci",
                                        DETAILS("detached")) ", " ROW("0000:02:00.1", "8", "detached", "vfio-pci",
                                        DETAILS("detached")) ", " ROW("0000:03:00.0", "9", "foreign", "vfio-pci",
                                        DETAILS("foreign")) ", " ROW("0000:04:00.0", "-1", "host", "e1000e",
                                        DETAILS("no-group")) ", " ROW("0000:05:00.0", "11", "host", "e1000e",
                                        "{'Availability': <'not-viable'>, 'Category': <'accelerator'>, 'Endpoint': "
                                        "<true>, 'MatchedRule': <'50-x'>}") "],)");
        stub_answer(stub, "ListLeases",
                        "([(uint32 3, objectpath '/org/vfiod1/leases/3', 'active', uint32 0, uint64 1, uint32 0, 7,"
                        " ['0000:01:00.0'], @a{sv} {})],)");
        stub_answer(stub, "ListHolders",
                        "([(uint32 324, 'qemu', 'x.service', '/dev/vfio/8', '', {'Group': <8>}),"
                        " (325, 'qemu', '', '', '', {'Group': <8>}),"
                        " (0, 'a process of another user', '', '', '0000:03:00.0', {'More': <uint32 7>}),"
                        " (0, 'not known', '', '', '0000:04:00.0', {'Error': <'Input/output error'>})],)");
        g_auto(ProgramResult) list = vfioctl("list -o address,availability,holder,category,rule");
        expect_result(&list, 0, "", "list");
        g_assert_cmpstr(list.output, ==,
                        "ADDRESS      AVAILABILITY HOLDER                               CATEGORY    RULE\n"
                        "0000:01:00.0 leased       lease 3 of root                      network\n"
                        "0000:02:00.0 detached     qemu (324) and 1 more                network\n"
                        "0000:02:00.1 detached     qemu (324) and 1 more                network\n"
                        "0000:03:00.0 foreign      a process of another user and 7 more network\n"
                        "0000:04:00.0 no-group     not known                            network\n"
                        "0000:05:00.0 not-viable                                        accelerator 50-x\n");
        json_t *json = vfioctl_json("list");
        expect_json(json, "devices.0.lease.number", "3");
        expect_json(json, "devices.1.holders.1.pid", "325");
        expect_json(json, "devices.1.holders.1.group", "8");
        expect_json(json, "devices.3.holders.0.group", "null");
        expect_json(json, "devices.3.holders.0.more", "7");
        expect_json(json, "devices.4.holders.0.error", "\"Input/output error\"");
        expect_json(json, "devices.5.holders", "[]");
        expect_json(json, "devices.5.availability", "\"not-viable\"");
        expect_json(json, "devices.5.rule", "\"50-x\"");
        json_decref(json);

        /* what vfiod does not tell is missing */
        stub_answer(stub, "ListLeases", "!org.vfiod1.Error.Failed No.");
        stub_answer(stub, "ListHolders", "!org.vfiod1.Error.Failed No.");
        json = vfioctl_json("list");
        expect_json(json, "devices.0.lease", "null");
        expect_json(json, "devices.0.holders", "null");
        json_decref(json);
        stub_answer(stub, "ListDevices", "!org.vfiod1.Error.Failed No.");
        EXPECT(1, "vfioctl: No.\n", "list");
        stub_answer(stub, "ListDevices", "(@a(soissuqqasa{sv}) [],)");
        EXPECT(0, "vfioctl: this host has no PCI devices\n", "list");
        stub_stop(stub);
}

/* The columns of groups. */
static void test_group_columns(void) {
        Fixture *fixture = fixture_start(NULL);

        g_auto(ProgramResult) chosen = vfioctl("groups group:12 -o names,STATE,reverts");
        expect_result(&chosen, 0, "", "groups -o");
        g_assert_cmpstr(chosen.output, ==,
                        "GROUP/ADDRESS  NAMES STATE REVERTS\n12                   host\n"
                        "\342\224\224\342\224\2000000:05:00.0 ens3  host\n");
        g_auto(ProgramResult) all = vfioctl("groups group:12"), added = vfioctl("groups group:12 -o +holder");
        g_assert_cmpstr(all.output, ==, added.output);
        g_assert_nonnull(strstr(all.output, "AVAILABILITY"));
        /* One endpoint of the group is foreign, and the other one is available, if the host does not use it. */
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fixture_write(fixture, "vfio-pci", "sys/bus/pci/devices/0000:06:00.1/driver_override");
        fixture_write(fixture, "0000:06:00.1", "sys/bus/pci/drivers/snd_hda_intel/unbind");
        fixture_write(fixture, "0000:06:00.1", "sys/bus/pci/drivers_probe");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a06_3a00_2e1", DEVICE, "State", "'foreign'");
        json_t *mixed = vfioctl_json("groups 06:00.0 -o STATE"), *known = vfioctl_json("groups 06:00.0");
        expect_json(mixed, "groups.0.availability", "null");
        expect_json(known, "groups.0.availability", "\"available\"");
        json_decref(mixed);
        json_decref(known);
        g_auto(ProgramResult) help = vfioctl("groups -o help");
        g_assert_true(g_str_has_prefix(help.output, "GROUP         number of the group"));
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-list/offered", test_offered);
        g_test_add_func("/bus/vfioctl-list/filters", test_filters);
        g_test_add_func("/bus/vfioctl-list/selectors", test_selectors);
        g_test_add_func("/bus/vfioctl-list/in-use", test_in_use);
        g_test_add_func("/bus/vfioctl-list/unknown-uses", test_unknown_uses);
        g_test_add_func("/bus/vfioctl-list/columns", test_columns);
        g_test_add_func("/bus/vfioctl-list/width", test_width);
        g_test_add_func("/bus/vfioctl-list/holders", test_holders);
        g_test_add_func("/bus/vfioctl-list/group-columns", test_group_columns);
        return g_test_run();
}
