/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "rule-files.h"

#include <signal.h>
#include <string.h>

/* A VMD and the disk behind it: the real client against the real daemon, and what the daemon does by itself when
 * hardware goes and comes. */

#define VMD "0000:00:0e.0"
#define VMD_PATH BUS_PATH "/devices/_30000_3a00_3a0e_2e0"
#define ROOT_PORT "10000:e0:06.0"
#define ROOT_PORT_PATH BUS_PATH "/devices/_310000_3ae0_3a06_2e0"
#define DISK "10000:e1:00.0"
#define DISK_PATH BUS_PATH "/devices/_310000_3ae1_3a00_2e0"
#define GROUP5 BUS_PATH "/groups/5"
#define PLUG_VMD "plug " VMD " vendor=8086 device=9a0b class=010400 subsystem=8086:0000 group=5"
#define PLUG_PORT "plug " ROOT_PORT " vendor=8086 device=201d class=060400 behind=" VMD " link=8.0x4 secondary=e1"
#define PLUG_DISK \
        "plug " DISK " vendor=144d device=a80a class=010802 behind=" VMD " parent=" ROOT_PORT \
        " link=8.0x4 reset=flr,bus block=nvme0n1"

#define RULE_VMD "[Match]\nVendor=8086\nDevice=9a0b\n[Detach]\nCompanions=all\n"
#define RULE_DISK "[Match]\nVendor=144d\nDevice=a80a\n[Detach]\nCompanions=all\n"
/* The place of the disk, without the number of its domain. */
#define RULE_PATH "[Match]\nPath=0000:00:0e.0/06.0/00.0\nVendor=144d\nDevice=a80a\n[Detach]\nCompanions=all\n"

static Fixture *start(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.topology = "vmd"});

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        return fixture;
}

static void wait_state(Fixture *fixture, const char *path, const char *state) {
        g_autofree char *expected = g_strdup_printf("'%s'", state);

        fixture_wait_property(fixture, path, DEVICE, "State", expected);
}

/* The daemon has done all that earlier events made it do, and no job is left. */
static void assert_quiet(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "netrename " NIC " sync0");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['sync0']");
        fake_kernel_do(fixture->kernel, "netrename " NIC " ens3");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['ens3']");
        fixture_expect_no_job(fixture);
}

static unsigned count_records(Fixture *fixture) {
        g_autofree char *path = g_build_filename(fixture->state_folder, "devices", NULL);
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        unsigned n = 0;

        for (const char *name; folder && (name = g_dir_read_name(folder));)
                n += !g_str_has_suffix(name, ".new");
        return n;
}

/* A worker removes the files of devices that came home without vfiod. */
static void await_no_record(Fixture *fixture) {
        gint64 deadline = g_get_monotonic_time() + DEADLINE_MS * 1000LL;

        while (count_records(fixture) > 0) {
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
                fixture_expect_no_job(fixture);
        }
}

static void assert_home(Fixture *fixture, const char *snapshot) {
        assert_quiet(fixture);
        fixture_property(fixture, VMD_PATH, DEVICE, "State", "'host'");
        fixture_property(fixture, DISK_PATH, DEVICE, "State", "'host'");
        fixture_property(fixture, DISK_PATH, DEVICE, "BlockDevices", "['nvme0n1']");
        fixture_property(fixture, ROOT_PORT_PATH, DEVICE, "Driver", "'pcieport'");
        await_no_record(fixture);
        g_autofree char *now = fake_kernel_snapshot(fixture->kernel);
        g_assert_cmpstr(now, ==, snapshot);
}

static void assert_away(Fixture *fixture) {
        assert_quiet(fixture);
        fixture_property(fixture, VMD_PATH, DEVICE, "State", "'detached'");
        fixture_property(fixture, DISK_PATH, DEVICE, "State", "'absent'");
        fixture_property(fixture, DISK_PATH, DEVICE, "OriginalDriver", "'nvme'");
        fixture_property(fixture, GROUP5, GROUP, "Viable", "true");
        g_assert_false(fake_kernel_exists(fixture->kernel, "dev/nvme0n1"));
        g_assert_cmpuint(count_records(fixture), ==, 2);
}

/* All is there and has its driver before the daemon looks. */
static void plug_in(Fixture *fixture) {
        g_assert_cmpint(kill(process_get_pid(fixture->daemon), SIGSTOP), ==, 0);
        fake_kernel_do(fixture->kernel, PLUG_VMD);
        fake_kernel_do(fixture->kernel, PLUG_PORT);
        fake_kernel_do(fixture->kernel, PLUG_DISK);
        g_assert_true(fake_kernel_exists(fixture->kernel, "dev/nvme0n1"));
        g_assert_cmpint(kill(process_get_pid(fixture->daemon), SIGCONT), ==, 0);
}

/* Given back by the address of the disk, which is gone until then. */
static void test_story(void) {
        Fixture *fixture = start();
        g_autofree char *at_home = fake_kernel_snapshot(fixture->kernel);

        EXPECT(5, "vfioctl: *" DISK " (nvme, nvme0n1)*--group*", "detach " VMD);
        assert_home(fixture, at_home);
        EXPECT(0, "", "detach " VMD " --group");
        assert_away(fixture);
        EXPECT(5, "vfioctl: *", "detach " VMD " --group");
        EXPECT(0, "", "show " DISK);

        /* The next daemon knows it, too. */
        fixture_restart_daemon(fixture);
        assert_away(fixture);
        EXPECT(0, "", "reattach " DISK);
        assert_home(fixture, at_home);

        EXPECT(0, "", "detach " VMD " --companion " DISK);
        assert_away(fixture);
        EXPECT(0, "", "reattach " VMD);
        assert_home(fixture, at_home);
        fixture_stop(fixture);
}

/* Pulled with all behind it, and plugged in again, where the host's drivers are quicker: vfiod detaches it again, and
 * still knows what each of both was. */
static void test_return(void) {
        Fixture *fixture = start();
        g_autofree char *at_home = fake_kernel_snapshot(fixture->kernel);

        EXPECT(0, "", "detach " VMD " --group");
        fake_kernel_do(fixture->kernel, "unplug " VMD);
        wait_state(fixture, VMD_PATH, "absent");
        fixture_property(fixture, DISK_PATH, DEVICE, "State", "'absent'");

        plug_in(fixture);
        wait_state(fixture, VMD_PATH, "detached");
        wait_state(fixture, DISK_PATH, "absent");
        assert_away(fixture);
        EXPECT(0, "", "reattach " VMD);
        assert_home(fixture, at_home);
        fixture_stop(fixture);
}

static void give_back_by_hand(Fixture *fixture) {
        fixture_write(fixture, VMD, "sys/bus/pci/drivers/vfio-pci/unbind");
        fixture_write(fixture, "\n", "sys/bus/pci/devices/" VMD "/driver_override");
        fixture_write(fixture, VMD, "sys/bus/pci/drivers_probe");
        wait_state(fixture, DISK_PATH, "host");
        wait_state(fixture, VMD_PATH, "host");
}

/* Another tool gives the controller back: vfiod owes nothing any more, and does not detach the disk that comes with
 * it. */
static void test_by_hand(void) {
        Fixture *fixture = start();
        g_autofree char *at_home = fake_kernel_snapshot(fixture->kernel);

        EXPECT(0, "", "detach " VMD " --group");
        give_back_by_hand(fixture);
        assert_home(fixture, at_home);
        fixture_stop(fixture);
}

/* A rule detaches both at the start. Whoever gives them back, the rule does not take the disk that comes back. */
static void test_rule(void) {
        Fixture *fixture = start();
        g_autofree char *at_home = fake_kernel_snapshot(fixture->kernel);

        for (unsigned i = 0; i < 6; i++) {
                static const char *const rules[] = {RULE_VMD, RULE_DISK, RULE_PATH};

                rule_file_put(fixture, RULES_OWN, "ours", rules[i / 2]);
                fixture_restart_daemon(fixture);
                wait_state(fixture, VMD_PATH, "detached");
                assert_away(fixture);
                if (i % 2 == 0)
                        EXPECT(0, "vfioctl: rule ours will detach *", "reattach " DISK);
                else
                        give_back_by_hand(fixture);
                assert_home(fixture, at_home);
                fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
                assert_home(fixture, at_home);
        }
        rule_file_remove(fixture, RULES_OWN, "ours");
        fixture_stop(fixture);
}

/* Pulled while it is detached. A reattach forgets it and what was behind it, and all stays with the host when it is
 * plugged in again. */
static void test_forgotten(void) {
        Fixture *fixture = start();
        g_autofree char *at_home = fake_kernel_snapshot(fixture->kernel);

        EXPECT(0, "", "detach " VMD " --group");
        fake_kernel_do(fixture->kernel, "unplug " VMD);
        wait_state(fixture, VMD_PATH, "absent");
        EXPECT(0, "", "reattach " VMD);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" VMD_PATH "'*"));
        EXPECT(3, "vfioctl: *" DISK "*", "show " DISK);
        await_no_record(fixture);

        plug_in(fixture);
        wait_state(fixture, DISK_PATH, "host");
        assert_home(fixture, at_home);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vfioctl-vmd/story", test_story);
        g_test_add_func("/vfioctl-vmd/return", test_return);
        g_test_add_func("/vfioctl-vmd/by-hand", test_by_hand);
        g_test_add_func("/vfioctl-vmd/rule", test_rule);
        g_test_add_func("/vfioctl-vmd/forgotten", test_forgotten);
        return g_test_run();
}
