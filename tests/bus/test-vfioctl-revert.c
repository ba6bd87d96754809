/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <stdlib.h>

/* vfioctl detach --revert-after, confirm, and what other verbs print of reverts. */

static void expect_output(const char *arguments, const char *pattern) {
        g_auto(ProgramResult) result = vfioctl("%s", arguments);

        expect_result(&result, 0, "", "%s", arguments);
        if (!g_pattern_match_simple(pattern, result.output))
                g_error("'vfioctl %s' prints '%s'", arguments, result.output);
}

static void test_detach(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_output("detach ens3 --revert-after 2h", "*Reverts at * unless you run 'vfioctl confirm ens3'.\n");
        expect_output("status", "*Reverts: group 12, at * unless you run 'vfioctl confirm group:12'\n*");
        expect_output("show ens3", "*Reverts: at * unless you run 'vfioctl confirm group:12'\n*");
        expect_output("groups", "GROUP/ADDRESS*REVERTS*");
        g_autofree char *at = fixture_get(fixture, GROUP12, GROUP, "RevertAt");
        json_t *show = vfioctl_json("show ens3"), *status = vfioctl_json("status"),
               *groups = vfioctl_json("groups ens3");
        expect_json(show, "group.revert_at_usec", at);
        expect_json(show, "group.revert_waits_for", "null");
        expect_json(groups, "groups.0.revert_at_usec", at);
        expect_json(status, "revert_count", "1");
        json_decref(show);
        json_decref(status);
        json_decref(groups);
        /* It sets a new deadline. */
        json_t *moved = vfioctl_json("detach ens3 --revert-after 3h");
        g_autofree char *now = fixture_get(fixture, GROUP12, GROUP, "RevertAt");
        g_assert_cmpuint(g_ascii_strtoull(now, NULL, 10), >, g_ascii_strtoull(at, NULL, 10));
        expect_json(moved, "changes", "[]");
        expect_json(moved, "revert_at_usec", now);
        json_decref(moved);
        expect_output("confirm ens3", "Group 12 stays detached.\n");
        EXPECT(3, "vfioctl: There is nothing to confirm for ens3: *", "confirm ens3");
        EXPECT(3, "vfioctl: There is nothing to confirm: *", "confirm");
        EXPECT(5, "vfioctl: *already on a vfio driver*It stays detached: *", "detach ens3 --revert-after 90");
        fixture_driver(fixture, NIC, "vfio-pci");
        json_t *without = vfioctl_json("show ens3");
        expect_json(without, "group.revert_at_usec", "null");
        json_decref(without);
        fixture_stop(fixture);
}

/* The program is gone: the devices come back. */
static void test_deadline(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_output("detach ens3 -q --revert-after 1s", "");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_driver(fixture, NIC, "e1000e");
        expect_output("jobs --all", "*reattach*the revert of a detach by uid 0*");
        fixture_stop(fixture);
}

static void test_all(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_output("detach ens3 -q --revert-after 2h", "");
        expect_output("detach ens1 --group -q --revert-after '1h30m'", "");
        json_t *confirmed = vfioctl_json("confirm");
        expect_json(confirmed, "confirmed", "[10,12]");
        json_decref(confirmed);
        fixture_stop(fixture);
}

static void test_plan(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_output("plan ens3 --revert-after 1h30m",
                        "*\nReverts: 1h 30min after it begins, unless 'vfioctl confirm' comes before\n"
                        "*vfioctl detach ens3 --revert-after=5400s --plan=*");
        expect_output("detach ens3 --dry-run --revert-after 90", "*\nReverts: 1min 30s after*");
        fixture_driver(fixture, NIC, "e1000e");
        fixture_stop(fixture);
}

static void test_usage(void) {
        Fixture *fixture = fixture_start(NULL);
        static const char *const wrong[] = {"x", "0", "-5", "2x", "25h", "''"};

        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
                EXPECT(2, "vfioctl: '*' is no time for --revert-after: *", "detach ens3 --revert-after=%s", wrong[i]);
        EXPECT(2, "*cannot be used together*", "detach ens3 --revert-after 2m --persistent");
        EXPECT(2, "*cannot be used together*", "plan ens3 --revert-after 2m --reattach");
        EXPECT(2, "*does not take --revert-after*", "reattach ens3 --revert-after 2m");
        fixture_driver(fixture, NIC, "e1000e");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-revert/detach", test_detach);
        g_test_add_func("/bus/vfioctl-revert/deadline", test_deadline);
        g_test_add_func("/bus/vfioctl-revert/all", test_all);
        g_test_add_func("/bus/vfioctl-revert/plan", test_plan);
        g_test_add_func("/bus/vfioctl-revert/usage", test_usage);
        return g_test_run();
}
