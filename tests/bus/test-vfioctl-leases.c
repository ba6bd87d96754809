/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "stub.h"

#include <string.h>

/* vfioctl leases and release, and what other commands tell about leases, with a stub of vfiod. */

#define NONE "(@a(uosutuiasa{sv}) [],)"
#define LEASES \
        "([(uint32 12, objectpath '/org/vfiod1/leases/12', 'lingering', uint32 4000001, uint64 1000000, uint32 0, 9," \
        " ['0000:09:00.0', '0000:09:00.1'], {'Nodes': <@as []>, 'Descriptors': <true>, 'Holder': <'a process'>})," \
        " (3, '/org/vfiod1/leases/3', 'active', 0, 2000000, 4711, 7, ['0000:02:01.0']," \
        " {'Nodes': <['/dev/vfio/7']>, 'Descriptors': <false>, 'Holder': <''>, 'New': <1>})],)"

static Stub *start(void) {
        Stub *stub = stub_start();

        stub_answer(stub, "GetDevice", "(objectpath '/org/vfiod1/devices/a',)");
        stub_answer(stub, "GetGroup", "(objectpath '/org/vfiod1/groups/7',)");
        stub_answer(stub, "GetAll " DEVICE,
                        "({'Address': <'0000:02:01.0'>, 'State': <'leased'>, 'Driver': <'vfio-pci'>, 'Endpoint': "
                        "<true>,"
                        " 'GroupNumber': <7>, 'Group': <objectpath '/org/vfiod1/groups/7'>},)");
        stub_answer(stub, "GetAll " GROUP,
                        "({'Number': <7>, 'State': <'leased'>, 'Viable': <true>, 'Node': <'/dev/vfio/7'>,"
                        " 'Devices': <[objectpath '/org/vfiod1/devices/a']>},)");
        stub_answer(stub, "GetAll " MANAGER, "({'Version': <'" VFIOD_VERSION "'>, 'Iommu': <'on'>},)");
        stub_answer(stub, "ListHolders", "(@a(ussssa{sv}) [],)");
        stub_answer(stub, "ListLeases", LEASES);
        stub_answer(stub, "Release", "()");
        stub_answer(stub, "ListJobs", "(@a(uossiasuusssa{sv}ta{sv}) [],)");
        stub_answer(stub, "ListRules", "(@a(sssa(sssa{sv})a{sv}) [],)");
        stub_answer(stub, "ListGroups", "(@a(iosbassa{sv}) [],)");
        return stub;
}

static void test_table(void) {
        Stub *stub = start();

        g_auto(ProgramResult) leases = vfioctl("leases");
        expect_result(&leases, 0, "", "leases");
        g_assert_cmpstr(leases.output, ==,
                        "LEASE STATE     USER     PID GROUP DEVICES                   SINCE            HOLDER\n"
                        "    3 active    root    4711     7 0000:02:01.0              1970-01-01 00:00\n"
                        "   12 lingering 4000001    -     9 0000:09:00.0 0000:09:00.1 1970-01-01 00:00 a process\n");
        stub_answer(stub, "ListLeases", NONE);
        EXPECT(0, "vfioctl: there are no leases\n", "leases");
        EXPECT(0, "", "leases --quiet");
        stub_answer(stub, "ListLeases", "([(uint32 3, 'x')],)");
        EXPECT(1, "vfioctl: Cannot understand the answer of vfiod; compare their versions.\n", "leases");
        stub_stop(stub);
}

static void test_json(void) {
        Stub *stub = start();

        json_t *json = vfioctl_json("leases");
        expect_json(json, "leases.0",
                        "{\"number\":3,\"path\":\"/org/vfiod1/leases/"
                        "3\",\"state\":\"active\",\"uid\":0,\"user\":\"root\","
                        "\"pid\":4711,\"group\":7,\"devices\":[\"0000:02:01.0\"],\"nodes\":[\"/dev/vfio/7\"],"
                        "\"descriptors\":false,\"since_usec\":2000000,\"holder\":null}");
        expect_json(json, "leases.1",
                        "{\"number\":12,\"path\":\"/org/vfiod1/leases/12\",\"state\":\"lingering\",\"uid\":4000001,"
                        "\"user\":\"4000001\",\"pid\":null,\"group\":9,\"devices\":[\"0000:09:00.0\",\"0000:09:00.1\"],"
                        "\"nodes\":[],\"descriptors\":true,\"since_usec\":1000000,\"holder\":\"a process\"}");
        json_decref(json);
        stub_answer(stub, "ListLeases", NONE);
        json = vfioctl_json("leases");
        expect_json(json, "leases", "[]");
        json_decref(json);
        stub_stop(stub);
}

/* The lease with this number, or that of the group of the selected device. */
static void test_release(void) {
        static const struct {
                const char *words, *path, *arguments;
        } cases[] = {
                        {"release 12", "/org/vfiod1/leases/12", "({},)"},
                        {"release 12 --force", "/org/vfiod1/leases/12", "({'force': <true>},)"},
                        {"release enp2s1", "/org/vfiod1/leases/3", "({},)"},
        };
        Stub *stub = start();

        /* The lease of another group has a smaller number. */
        stub_answer(stub, "ListLeases",
                        "([(uint32 3, objectpath '/org/vfiod1/leases/3', 'active', uint32 0, uint64 0, uint32 0, 7,"
                        " ['0000:02:01.0'], @a{sv} {}),"
                        " (2, '/org/vfiod1/leases/2', 'active', 0, 0, 0, 9, ['0000:09:00.0'], {})],)");
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(ProgramResult) result = vfioctl("%s", cases[i].words);
                g_autofree char *path = stub_expect_call(stub, "Release");
                g_autofree char *arguments = stub_get_arguments(stub, "Release");

                expect_result(&result, 0, "", cases[i].words);
                g_assert_true(g_pattern_match_simple(
                                "Lease * ends as soon as no process has its devices open: see 'vfioctl leases'.\n",
                                result.output));
                g_assert_cmpstr(path, ==, cases[i].path);
                g_assert_cmpstr(arguments, ==, cases[i].arguments);
        }
        json_t *json = vfioctl_json("release 12");
        expect_json(json, "released", "12");
        json_decref(json);
        g_auto(ProgramResult) quiet = vfioctl("release 12 --quiet");
        expect_result(&quiet, 0, "", "release 12 --quiet");
        g_assert_cmpstr(quiet.output, ==, "");
        stub_stop(stub);
}

static void test_release_errors(void) {
        Stub *stub = start();

        stub_answer(stub, "Release", "!" UNKNOWN_OBJECT " Unknown object.");
        EXPECT(3, "vfioctl: There is no lease 4, or it has ended: see 'vfioctl leases'.\n", "release 4");
        stub_answer(stub, "Release", "!" ACCESS_DENIED " Lease 3 is that of another user.");
        EXPECT(4, "vfioctl: Lease 3 is that of another user.\n", "release 3");
        stub_answer(stub, "ListLeases", NONE);
        EXPECT(3, "vfioctl: Nobody has a lease of enp2s1: see 'vfioctl leases'.\n", "release enp2s1");
        stub_answer(stub, "GetGroup", "!org.vfiod1.Error.NoSuchDevice There is no enp2s1.");
        EXPECT(3, "vfioctl: There is no enp2s1.\n", "release enp2s1");
        stub_stop(stub);
}

static void test_show(void) {
        Stub *stub = start();

        g_auto(ProgramResult) show = vfioctl("show enp2s1");
        expect_result(&show, 0, "", "show enp2s1");
        g_assert_nonnull(strstr(show.output,
                        "             Lease: 3 of user root, active, since 1970-01-01 00:00\n"
                        "                    until process 4711 ends\n"));
        g_assert_nonnull(strstr(show.output, "   Original driver: none\n"));
        json_t *json = vfioctl_json("show enp2s1");
        expect_json(json, "lease.number", "3");
        json_decref(json);

        stub_answer(stub, "ListLeases",
                        "([(uint32 3, objectpath '/org/vfiod1/leases/3', 'lingering', uint32 0, uint64 0, uint32 0, 7,"
                        " ['0000:02:01.0'], {'Holder': <'process 324 (qemu)'>})],)");
        g_auto(ProgramResult) held = vfioctl("show group:7");
        g_assert_nonnull(strstr(held.output, "     Lease held by: process 324 (qemu)\n"));
        g_assert_null(strstr(held.output, "until process"));

        stub_answer(stub, "ListLeases", "!org.vfiod1.Error.Failed Nobody tells.");
        EXPECT(0, "vfioctl: cannot read the lease: Nobody tells.\n", "show enp2s1");
        json = vfioctl_json("--quiet show enp2s1");
        expect_json(json, "lease", "null");
        json_decref(json);
        stub_stop(stub);
}

static void test_status(void) {
        Stub *stub = start();

        g_auto(ProgramResult) status = vfioctl("status");
        g_assert_nonnull(strstr(status.output, "            Leases: 2\n"));
        json_t *json = vfioctl_json("status");
        expect_json(json, "lease_count", "2");
        json_decref(json);

        stub_answer(stub, "ListLeases", NONE);
        g_auto(ProgramResult) none = vfioctl("status");
        g_assert_null(strstr(none.output, "Leases"));
        json = vfioctl_json("status");
        expect_json(json, "lease_count", "0");
        json_decref(json);

        /* an older vfiod */
        stub_answer(stub, "ListLeases", "!org.freedesktop.DBus.Error.UnknownMethod Unknown method ListLeases.");
        g_auto(ProgramResult) older = vfioctl("status");
        expect_result(&older, 0, "", "status");
        json = vfioctl_json("status");
        expect_json(json, "lease_count", "null");
        json_decref(json);
        stub_stop(stub);
}

/* monitor tells about a lease from its beginning to its end. */
static void test_monitor(void) {
        g_auto(GStrv) argv = vfioctl_argv("monitor");
        Stub *stub = start();

        stub_answer(stub, "GetManagedObjects", "(@a{oa{sa{sv}}} {},)");
        Process *monitor =
                        process_start((const char *const *)argv, &(ProcessOptions){.environment = vfioctl_environment});
        g_free(process_read_line(monitor));
        stub_emit(stub, BUS_PATH, OBJECT_MANAGER, "InterfacesAdded",
                        "(objectpath '/org/vfiod1/leases/3', {'org.vfiod1.Lease': {'Number': <uint32 3>, 'State': "
                        "<'unclaimed'>, 'Uid': <uint32 0>, 'Pid': <uint32 0>, 'GroupNumber': <7>, 'DeviceAddresses': "
                        "<['0000:02:01.0']>, 'Holder': <''>}})");
        stub_emit(stub, "/org/vfiod1/leases/3", PROPERTIES, "PropertiesChanged",
                        "('org.vfiod1.Lease', {'State': <'active'>}, @as [])");
        stub_emit(stub, "/org/vfiod1/leases/3", PROPERTIES, "PropertiesChanged",
                        "('org.vfiod1.Lease', {'State': <'lingering'>, 'Holder': <'a process'>}, @as [])");
        stub_emit(stub, BUS_PATH, OBJECT_MANAGER, "InterfacesRemoved",
                        "(objectpath '/org/vfiod1/leases/3', ['org.vfiod1.Lease'])");
        static const char *const expected[] = {"*  lease 3  *  of group 7, 0000:02:01.0, for user root, unclaimed",
                        "*  lease 3  *  active", "*  lease 3  *  lingering, held by a process", "*  lease 3  *  ended"};
        for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
                g_autofree char *line = process_read_line(monitor);

                if (!line || !g_pattern_match_simple(expected[i], line))
                        g_error("'%s' is not like '%s'", line, expected[i]);
        }
        g_assert_null(process_stop(monitor));
        stub_stop(stub);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-leases/table", test_table);
        g_test_add_func("/bus/vfioctl-leases/json", test_json);
        g_test_add_func("/bus/vfioctl-leases/release", test_release);
        g_test_add_func("/bus/vfioctl-leases/release-errors", test_release_errors);
        g_test_add_func("/bus/vfioctl-leases/show", test_show);
        g_test_add_func("/bus/vfioctl-leases/status", test_status);
        g_test_add_func("/bus/vfioctl-leases/monitor", test_monitor);
        return g_test_run();
}
