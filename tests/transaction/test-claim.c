/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host.h"
#include "uses.h"

/* A device that the host uses is not detached, and nothing is written; with an override it is detached. */

static int survey_disk(Host *host, Uses *uses) {
        return disk_uses(host->kernel, "nvme0n1", uses);
}

/* Only an exclusive open shows the claim: a file system on several disks names only the first, and ZFS names none. */
static void test_claim(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Uses) uses = uses_new();

        g_assert_cmpint(survey_disk(host, uses), ==, 0);
        assert_uses(uses, NULL);
        fake_kernel_do(host->fake, "use nvme0n1");
        g_assert_cmpint(survey_disk(host, uses), ==, 0);
        assert_use_says(uses, "storage", "nvme0n1 is open exclusively, and vfiod cannot find out by whom");

        /* If the kind of use is known, only this is reported. */
        g_autofree char *swaps = g_build_filename(host->proc_folder, "swaps", NULL);
        g_assert_true(g_file_set_contents(swaps, "Filename\n/dev/nvme0n1 partition 1 0 -2\n", -1, NULL));
        g_assert_cmpint(survey_disk(host, uses), ==, 0);
        assert_use_says(uses, "storage", "nvme0n1 is swap space");
        fake_kernel_do(host->fake, "unuse nvme0n1");
        g_assert_cmpint(survey_disk(host, uses), ==, 0);
        assert_use_says(uses, "storage", "nvme0n1 is swap space");
}

static int detach_with(Host *host, const char *selector, unsigned overrides, Problem *problem) {
        Plan *plan = host_plan(host, PLAN_DETACH, selector);

        plan->overrides = overrides;
        return host_run(host, plan, problem);
}

static void check_guard(
                Host *host, const char *selector, const char *address, Guard guard, Outcome outcome, const char *says) {
        _cleanup_problem_ Problem problem = {};
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        fake_kernel_do(host->fake, "reset-writes");
        g_assert_cmpint(detach_with(host, selector, 0, &problem), ==, outcome);
        if (!strstr(problem.message, says) || !strstr(problem.message, guard_to_string(guard)))
                g_error("\"%s\" does not say %s", problem.message, says);
        problem_done(&problem);
        g_assert_cmpint(detach_with(host, selector, ~(1U << guard), &problem), ==, outcome);
        problem_done(&problem);
        g_assert_cmpuint(count_writes(host), ==, 0);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);

        g_assert_cmpint(detach_with(host, selector, 1U << guard, &problem), ==, 0);
        assert_driver(host, address, "vfio-pci");
        host_must_move(host, PLAN_REATTACH, selector);
}

static void test_storage(void) {
        g_autoptr(Host) host = host_new();

        fake_kernel_do(host->fake, "use nvme0n1");
        check_guard(host, DISK, DISK, GUARD_STORAGE, OUTCOME_IN_USE_STORAGE, "nvme0n1 is open exclusively");
}

/* This also applies to another member than the named device. */
static void test_firmware(void) {
        g_autoptr(Host) host = host_new();

        fake_kernel_do(host->fake, "reserved 10 0x0 0xfff direct-relaxable");
        host_must_move(host, PLAN_DETACH, PORT1);
        host_must_move(host, PLAN_REATTACH, PORT1);
        fake_kernel_do(host->fake, "reserved 10 0x1000 0x1fff direct");
        check_guard(host, PORT1, PORT2, GUARD_FIRMWARE, OUTCOME_FIRMWARE_MAPPING, "firmware");
}

static void test_network(void) {
        g_autoptr(Host) host = host_new();

        /* Its interface is in another network namespace, so here it has none. */
        fake_kernel_do(host->fake, "unplug " OTHER_NIC);
        fake_kernel_do(host->fake, "driver hider ids=8086:10d4");
        fake_kernel_do(host->fake, "plug " OTHER_NIC " vendor=8086 device=10d4 class=020000 group=12 driver=hider");
        check_guard(host, OTHER_NIC, OTHER_NIC, GUARD_NETWORK, OUTCOME_IN_USE_NETWORK, "network namespace");
}

static void test_display(void) {
        g_autoptr(Host) host = host_new();

        fake_kernel_do(host->fake, "plug 0000:08:00.0 vendor=1234 device=1111 class=030000 group=20 boot_vga=1");
        check_guard(host, "0000:08:00.0", "0000:08:00.0", GUARD_DISPLAY, OUTCOME_IN_USE_DISPLAY,
                        "the display that the host was started with");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/claim/claim", test_claim);
        g_test_add_func("/claim/storage", test_storage);
        g_test_add_func("/claim/firmware", test_firmware);
        g_test_add_func("/claim/network", test_network);
        g_test_add_func("/claim/display", test_display);
        return g_test_run();
}
