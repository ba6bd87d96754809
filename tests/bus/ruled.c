/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ruled.h"

void ruled_put(Fixture *fixture, const char *text) {
        rule_file_put(fixture, RULES_OWN, "ours", text);
}

Fixture *ruled_start(const char *text) {
        Fixture *fixture = fixture_start(NULL);

        ruled_put(fixture, text);
        fixture_restart_daemon(fixture);
        return fixture;
}

void ruled_stop(Fixture *fixture) {
        rule_file_remove(fixture, RULES_OWN, "ours");
        fixture_stop(fixture);
}

/* The daemon may answer a call before it has received the event of a card. */
static void wait_known(Fixture *fixture, const char *path) {
        g_autofree char *pattern = g_strdup_printf("%s InterfacesAdded ('%s'*", BUS_PATH, path);
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(
                        fixture, path, "org.freedesktop.DBus.Properties", "Get", "('" DEVICE "', 'State')", &error);

        if (!reply)
                g_free(fixture_expect_signal(fixture, pattern));
}

void ruled_wait(Fixture *fixture, const char *path, const char *state) {
        g_autofree char *expected = g_strdup_printf("'%s'", state);

        wait_known(fixture, path);
        fixture_wait_property(fixture, path, DEVICE, "State", expected);
}

void ruled_synchronize(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "netrename " PORT2 " sync0");
        fixture_wait_property(fixture, PORT2_PATH, DEVICE, "NetworkInterfaces", "['sync0']");
        fake_kernel_do(fixture->kernel, "netrename " PORT2 " ens2");
        fixture_wait_property(fixture, PORT2_PATH, DEVICE, "NetworkInterfaces", "['ens2']");
}

void ruled_assert_quiet(Fixture *fixture, const char *path, const char *state) {
        g_autofree char *expected = g_strdup_printf("'%s'", state);

        ruled_synchronize(fixture);
        fixture_expect_no_job(fixture);
        fixture_property(fixture, path, DEVICE, "State", expected);
}
