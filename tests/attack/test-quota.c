/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "witness.h"

/* A user cannot use up the plans of other users, and all users together cannot use up the plans of root. */

#define PER_USER 4
#define CPU_MAX_US (500 * 1000)
#define OTHER 2

/* They use up everything that is not reserved for root. dbus-daemon accepts only users with a name: 1 and 2 are
 * "daemon" and "bin" on every system. */
static const uid_t users[] = {NOBODY_UID, FAR_UID, 1};
#define N_USERS G_N_ELEMENTS(users)

#define LIMITS_EXCEEDED BUS_NAME ".Error.LimitsExceeded"

/* An unbind by another program waits in the kernel until "release 12", and plans for this device wait too. */
static Process *stall_plans(Fixture *fixture) {
        g_autofree char *script = g_strdup_printf(
                        "echo " NIC " >%s/sys/bus/pci/drivers/vfio-pci/unbind", fake_kernel_get_root(fixture->kernel));
        const char *const argv[] = {"sh", "-c", script, NULL};

        fixture_detach_nic_by_hand(fixture);
        fake_kernel_do(fixture->kernel, "claim 12");
        Process *unbind = process_start(argv, NULL);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        /* The driver link is removed. The daemon notices it at the next event. */
        fixture_write(fixture, "change", "sys/bus/pci/devices/" NIC "/uevent");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'driverless'");
        return unbind;
}

static void ask_plan(RawBus *bus, const char *selector) {
        GByteArray *body = raw_body();

        raw_put_text(body, selector);
        raw_put_text(body, "detach");
        raw_end_array(body, raw_begin_array(body, 8), 8);
        (void)raw_bus_send(bus, "Plan", "ssa{sv}", body);
}

/* Asks for as many plans as a user may have, which wait, and for another plan, which is refused. */
static void use_up(RawBus *bus, uid_t uid) {
        g_autofree char *pattern = g_strdup_printf("User %u already has 4 running plans*", (unsigned)uid);

        for (guint i = 0; i <= PER_USER; i++)
                ask_plan(bus, NIC);
        raw_bus_expect(bus, LIMITS_EXCEEDED, pattern);
}

static void test_plans(void) {
        /* The stalled plans must not end before all users have theirs. */
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 4 * DEADLINE_MS});
        Process *unbind = stall_plans(fixture);
        g_autoptr(RawBus) last = raw_bus_connect(OTHER);
        g_autoptr(RawBus) root = raw_bus_connect(0);
        RawBus *buses[N_USERS];
        Witness witness;

        witness_begin(&witness, fixture, users[0]);
        for (guint i = 0; i < N_USERS; i++) {
                buses[i] = raw_bus_connect(users[i]);
                /* Another user may have plans until the share of all users is used up. */
                ask_plan(last, "ens1");
                raw_bus_expect(last, NULL, "(false, *'consent', *");
                use_up(buses[i], users[i]);
                witness_probe(&witness);
        }
        /* The limit is for the user, not for the connection. */
        g_autoptr(RawBus) again = raw_bus_connect(users[0]);
        ask_plan(again, "ens4");
        raw_bus_expect(again, LIMITS_EXCEEDED, "User * already has 4 running plans*");
        ask_plan(last, "ens4");
        raw_bus_expect(last, LIMITS_EXCEEDED, "12 plans are already running, and the rest is reserved for root*");
        ask_plan(root, "ens4");
        raw_bus_expect(root, NULL, "*");

        /* At the end every user gets the answers and may ask again. */
        fake_kernel_do(fixture->kernel, "release 12");
        g_assert_cmpint(process_finish(unbind), ==, 0);
        for (guint i = 0; i < N_USERS; i++) {
                for (guint n = 0; n < PER_USER; n++)
                        raw_bus_expect(buses[i], NULL, "*");
                ask_plan(buses[i], "ens4");
                raw_bus_expect(buses[i], NULL, "*");
                raw_bus_close(buses[i]);
        }
        witness_probe(&witness);
        witness_end(&witness, CPU_MAX_US);
        fixture_stop(fixture);
}

static void check_holders(Fixture *fixture, uid_t uid, const char *selector) {
        g_autoptr(RawBus) attacker = raw_bus_connect(uid);
        g_autofree char *pattern =
                        g_strdup_printf("User %u already has 4 running searches for holders*", (unsigned)uid);
        guint n_done = 0, n_refused = 0;
        Witness witness;

        witness_begin(&witness, fixture, uid);
        for (guint i = 0; i < 50; i++) {
                GByteArray *body = raw_body();

                raw_put_text(body, selector);
                raw_end_array(body, raw_begin_array(body, 8), 8);
                (void)raw_bus_send(attacker, "ListHolders", "sa{sv}", body);
        }
        witness_probe(&witness);
        for (guint i = 0; i < 50; i++) {
                g_auto(RawAnswer) answer = raw_bus_receive(attacker);

                if (answer.error) {
                        g_assert_cmpstr(answer.error, ==, LIMITS_EXCEEDED);
                        g_assert_true(g_pattern_match_simple(pattern, answer.text));
                }
                *(answer.error ? &n_refused : &n_done) += 1;
        }
        witness_probe(&witness);
        witness_end(&witness, CPU_MAX_US);
        g_assert_cmpuint(n_done, >=, PER_USER);
        g_assert_cmpuint(n_refused, >, 0);
        fixture_stop(fixture);
}

/* All calls arrive before the first search has ended, because a search starts a process. */
static void test_holders(uid_t uid) {
        check_holders(fixture_start(NULL), uid, NIC);
}

#define N_CARDS 200

/* A search for all devices costs the daemon little, too, and a search that is refused costs nothing. */
static void test_all_holders(uid_t uid) {
        Fixture *fixture = fixture_start(NULL);

        for (guint i = 0; i < N_CARDS; i++)
                fake_kernel_do(fixture->kernel,
                                "plug 0001:%02x:%02x.0 vendor=8086 device=10d3 class=020000 group=%u net=many%u "
                                "driver=e1000e",
                                i / 32, i % 32, 100 + i, i);
        fixture_wait_property(fixture, BUS_PATH "/devices/_30001_3a06_3a07_2e0", DEVICE, "Driver", "'e1000e'");
        check_holders(fixture, uid, "");
}

/* A plan of root asks the kernel whether a disk is in use. A plan of another user must not ask, because this would
 * block others from opening the disk meanwhile. */
static void test_disks(uid_t uid) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(RawBus) attacker = raw_bus_connect(uid);
        g_autoptr(RawBus) root = raw_bus_connect(0);

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        ask_plan(root, "nvme0n1");
        raw_bus_expect(root, NULL, "(false, *'nvme0n1 is open exclusively*");
        ask_plan(attacker, "nvme0n1");
        raw_bus_expect(attacker, NULL, "(true, [*], [], *");
        manager_refused(fixture, "Detach", "nvme0n1", NO_OPTIONS, "InUseStorage", "*nvme0n1 is open exclusively*");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/attack/quota/plans", test_plans);
        attack_add("/attack/quota/holders", test_holders);
        attack_add("/attack/quota/all-holders", test_all_holders);
        attack_add("/attack/quota/disks", test_disks);
        return g_test_run();
}
