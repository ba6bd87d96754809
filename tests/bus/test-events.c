/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "signal-mirror.h"

#include <signal.h>

/* The daemon with too many events, or with lost events. */

#define CHANGED(path, interface) path " PropertiesChanged ('" interface "', {"
#define MANAGER_CHANGED CHANGED(BUS_PATH, MANAGER)
#define NOBODY "/devices/pci0000:00/0000:00:1e.0" /* there is no device here, so reading it is fast */
#define STORM 10000
#define LOGIN1 "org.freedesktop.login1"

typedef struct Caller {
        Fixture *fixture;
        unsigned n_replies;
        bool stop, stopped;
} Caller;

static void call_again(Caller *caller);

static void on_reply(GObject *source, GAsyncResult *result, void *userdata) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
        Caller *caller = userdata;

        g_assert_no_error(error);
        g_assert_nonnull(reply);
        caller->n_replies++;
        if (caller->stop)
                caller->stopped = true;
        else
                call_again(caller);
}

static void call_again(Caller *caller) {
        g_dbus_connection_call(caller->fixture->connection, BUS_NAME, BUS_PATH, MANAGER, "ListGroups", NULL, NULL,
                        G_DBUS_CALL_FLAGS_NO_AUTO_START, DEADLINE_MS, NULL, on_reply, caller);
}

static void stop_calling(Caller *caller) {
        caller->stop = true;
        while (!caller->stopped)
                (void)g_main_context_iteration(NULL, true);
}

/* How many calls are answered between the beginning of a storm and the signal of its last event. */
static unsigned count_in_storm(Fixture *fixture, const char *name) {
        g_autofree char *changed = g_strdup_printf(CHANGED(NIC_PATH, DEVICE) "'NetworkInterfaces': <['%s']>*", name);
        Caller caller = {.fixture = fixture};

        /* all events are queued when the daemon continues */
        g_assert_cmpint(kill(process_get_pid(fixture->daemon), SIGSTOP), ==, 0);
        fake_kernel_do(fixture->kernel, "storm %d " NOBODY, STORM);
        fake_kernel_do(fixture->kernel, "netrename " NIC " %s", name);
        call_again(&caller);
        g_assert_cmpint(kill(process_get_pid(fixture->daemon), SIGCONT), ==, 0);
        g_free(fixture_expect_signal(fixture, changed));
        unsigned n_replies = caller.n_replies;
        stop_calling(&caller);
        g_test_message("%u calls were answered during the storm", n_replies);
        return n_replies;
}

/* A client that calls again whenever it has its reply. It gets many replies during the storm, not just one after it. How many depends
 * on the scheduler, so there are some attempts. */
static void test_storm(void) {
        static const char *const names[] = {"lan0", "lan1", "lan2", "lan3", "lan4"};
        Fixture *fixture = fixture_start(NULL);
        unsigned n_replies = 0;

        for (unsigned i = 0; i < G_N_ELEMENTS(names) && n_replies < 20; i++)
                n_replies = count_in_storm(fixture, names[i]);
        g_assert_cmpuint(n_replies, >=, 20);
        fixture_property(fixture, BUS_PATH, MANAGER, "EventsLost", "0");
        fixture_stop(fixture);
}

/* A rescan also runs in pieces, so calls are answered meanwhile. How many depends on the scheduler, so there are some attempts. In one piece,
 * no attempt would have three answers. */
static void test_rescan_pieces(void) {
        Fixture *fixture = fixture_start(NULL);
        Caller caller = {.fixture = fixture};
        unsigned n_replies = 0;

        call_again(&caller);
        for (unsigned i = 0; i < 20 && n_replies < 3; i++) {
                unsigned before = caller.n_replies;
                Pending *rescan = fixture_call_start(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)");

                pending_expect(rescan, "()");
                n_replies = caller.n_replies - before;
                g_test_message("%u calls were answered during the rescan", n_replies);
        }
        g_assert_cmpuint(n_replies, >=, 3);
        stop_calling(&caller);
        fixture_stop(fixture);
}

/* Losses during a storm lead to one rescan at its end. */
static void test_lossy_storm(void) {
        Fixture *fixture = fixture_start(NULL);
        Caller caller = {.fixture = fixture};

        g_assert_cmpint(kill(process_get_pid(fixture->daemon), SIGSTOP), ==, 0);
        for (unsigned i = 0; i < 20; i++) {
                fake_kernel_do(fixture->kernel, "lose 3");
                fake_kernel_do(fixture->kernel, "storm 1000 " NOBODY);
        }
        fake_kernel_do(fixture->kernel, "lose 1");
        fake_kernel_do(fixture->kernel, "netrename " NIC " lan0");
        call_again(&caller);
        g_assert_cmpint(kill(process_get_pid(fixture->daemon), SIGCONT), ==, 0);
        g_free(fixture_expect_signal(fixture, MANAGER_CHANGED "'EventsLost': <uint32 21>}*"));
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['lan0']");
        g_assert_cmpuint(caller.n_replies, >, 3);
        stop_calling(&caller);
        fixture_stop(fixture);
}

/* Waits for both signals, in any order. */
static void expect_both(Fixture *fixture, const char *one, const char *other) {
        bool has_one = false, has_other = false;

        while (!has_one || !has_other) {
                g_autofree char *signal = fixture_expect_signal(fixture, "*");

                has_one = has_one || g_pattern_match_simple(one, signal);
                has_other = has_other || g_pattern_match_simple(other, signal);
        }
}

/* A card was removed and another was added, but their events were lost; only the loss was reported. */
static void test_lost(void) {
        Fixture *fixture = fixture_start(NULL);

        fixture_property(fixture, BUS_PATH, MANAGER, "EventsLost", "0");
        fake_kernel_do(fixture->kernel, "lose 4"); /* lost: the interface, the driver and the card are removed; the
                                                    * other card is added */
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        fake_kernel_do(fixture->kernel, "plug 0000:00:08.0 vendor=8086 device=10d3 class=020000 group=20");
        expect_both(fixture, BUS_PATH " InterfacesAdded ('/org/vfiod1/groups/20'*",
                        BUS_PATH " InterfacesRemoved ('" NIC_PATH "', ['org.vfiod1.Device'])");
        fixture_property(fixture, BUS_PATH, MANAGER, "EventsLost", "1");
        fixture_stop(fixture);
}

/* The counts that the Manager reports, in one signal for each turn. */
static void test_counts(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "plug 0000:00:08.0 vendor=8086 device=10d3 class=020000 group=20");
        g_autofree char *more = fixture_expect_signal(fixture, MANAGER_CHANGED "*");
        g_assert_cmpstr(more, ==,
                        BUS_PATH " PropertiesChanged ('" MANAGER
                                 "', {'DeviceCount': <uint32 22>, 'GroupCount': <uint32 17>}, ['Iommu', 'IommuReason', "
                                 "'IommuWarning'])");
        fake_kernel_do(fixture->kernel, "unplug 0000:00:08.0");
        g_autofree char *fewer = fixture_expect_signal(fixture, MANAGER_CHANGED "*");
        g_assert_nonnull(strstr(fewer, "{'DeviceCount': <uint32 21>, 'GroupCount': <uint32 16>}"));
        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        g_autofree char *detached = fixture_expect_signal(fixture, MANAGER_CHANGED "*");
        g_assert_nonnull(strstr(detached, "{'DetachedCount': <uint32 1>}"));
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)");
        g_autofree char *back = fixture_expect_signal(fixture, MANAGER_CHANGED "*");
        g_assert_nonnull(strstr(back, "{'DetachedCount': <uint32 0>}"));
        fixture_stop(fixture);
}

/* Another card is in the slot before the daemon handles the events: for listeners, the old card is removed and the
 * new card is added. */
static void test_swap(void) {
        Fixture *fixture = fixture_start(NULL);

        g_assert_cmpint(kill(process_get_pid(fixture->daemon), SIGSTOP), ==, 0);
        fake_kernel_do(fixture->kernel, "swap " NIC " device=10d3");
        g_assert_cmpint(kill(process_get_pid(fixture->daemon), SIGCONT), ==, 0);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" NIC_PATH "', ['org.vfiod1.Device'])"));
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded ('" NIC_PATH "', *"));
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_stop(fixture);
}

/* No event reports this change. */
static void change_silently(Fixture *fixture, const char *name) {
        fake_kernel_do(fixture->kernel, "lose 1000");
        fake_kernel_do(fixture->kernel, "netrename " NIC " %s", name);
        fake_kernel_do(fixture->kernel, "lose 0");
}

static void emit_sleep(Fixture *fixture, bool begins) {
        g_autoptr(GError) error = NULL;

        (void)g_dbus_connection_emit_signal(fixture->connection, NULL, "/org/freedesktop/login1", LOGIN1 ".Manager",
                        "PrepareForSleep", g_variant_new("(b)", begins), &error);
        g_assert_no_error(error);
}

/* A rescan is requested by a call, by SIGHUP, and when the host resumes from sleep. */
static void test_rescan(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.permissive_bus = true});
        g_autoptr(GError) error = NULL;

        change_silently(fixture, "lan0");
        fixture_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['ens3']");
        fixture_refused(fixture, BUS_PATH, MANAGER, "Rescan", "({'x': <1>},)", INVALID_ARGS,
                        "Rescan has no option 'x'.");
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        fixture_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['lan0']");

        change_silently(fixture, "lan1");
        g_assert_cmpint(kill(process_get_pid(fixture->daemon), SIGHUP), ==, 0);
        g_free(fixture_expect_signal(fixture, CHANGED(NIC_PATH, DEVICE) "'NetworkInterfaces': <['lan1']>*"));

        G_GNUC_UNUSED g_autoptr(GVariant) owned = g_dbus_connection_call_sync(fixture->connection,
                        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                        g_variant_new("(su)", LOGIN1, 0), NULL, G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, &error);
        g_assert_no_error(error);
        change_silently(fixture, "lan2");
        emit_sleep(fixture, true);
        for (unsigned i = 0; i < 200; i++) /* long enough for a rescan, if there were one */
                fixture_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['lan1']");
        emit_sleep(fixture, false);
        g_free(fixture_expect_signal(fixture, CHANGED(NIC_PATH, DEVICE) "'NetworkInterfaces': <['lan2']>*"));
        fixture_property(fixture, BUS_PATH, MANAGER, "EventsLost", "0");
        fixture_stop(fixture);
}

/* Each call is answered by a rescan that began after the call. */
static void test_many_rescans(void) {
        Fixture *fixture = fixture_start(NULL);
        Pending *pending[20];

        for (unsigned i = 0; i < G_N_ELEMENTS(pending); i++)
                pending[i] = fixture_call_start(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)");
        pending_expect(pending[0], "()");
        change_silently(fixture, "lan0");
        Pending *last = fixture_call_start(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)");
        for (unsigned i = 1; i < G_N_ELEMENTS(pending); i++)
                pending_expect(pending[i], "()");
        pending_expect(last, "()");
        fixture_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['lan0']");
        fixture_stop(fixture);
}

/* A client that asks once and then only listens knows everything that administrators, hotplug, losses and jobs
 * change. */
static void test_mirror(void) {
        Fixture *fixture = fixture_start(NULL);
        SignalMirror *mirror = signal_mirror_new(fixture);

        fixture_write(fixture, PORT1, "sys/bus/pci/drivers/e1000/unbind");
        fake_kernel_do(fixture->kernel, "plug 0000:00:08.0 vendor=8086 device=10d3 class=020000 group=20 net=ens8");
        fake_kernel_do(fixture->kernel,
                        "plug 0000:03:03.0 vendor=8086 device=100e class=020000 group=10 parent=" BRIDGE);
        signal_mirror_check(mirror);
        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        fixture_write(fixture, PORT1, "sys/bus/pci/drivers/e1000/bind");
        signal_mirror_check(mirror);
        fake_kernel_do(fixture->kernel, "swap 0000:00:08.0 device=10d4");
        fake_kernel_do(fixture->kernel, "unplug 0000:03:03.0");
        fake_kernel_do(fixture->kernel, "lose 7");
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        fake_kernel_do(fixture->kernel, "unplug " PORT2);
        fake_kernel_do(fixture->kernel, "storm 7 " NOBODY);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'absent'");
        signal_mirror_check(mirror);
        fake_kernel_do(fixture->kernel, "unplug 0000:00:08.0");
        manager_refused(fixture, "Detach", "group:1", ALL, "InUseDisplay", "*");
        signal_mirror_check(mirror);
        signal_mirror_free(mirror);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/events/storm", test_storm);
        g_test_add_func("/bus/events/rescan-pieces", test_rescan_pieces);
        g_test_add_func("/bus/events/lossy-storm", test_lossy_storm);
        g_test_add_func("/bus/events/lost", test_lost);
        g_test_add_func("/bus/events/counts", test_counts);
        g_test_add_func("/bus/events/swap", test_swap);
        g_test_add_func("/bus/events/rescan", test_rescan);
        g_test_add_func("/bus/events/many-rescans", test_many_rescans);
        g_test_add_func("/bus/events/mirror", test_mirror);
        return g_test_run();
}
