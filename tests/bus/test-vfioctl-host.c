/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <glib/gstdio.h>
#include <string.h>

/* vfioctl asks vfiod of another host through ssh. Here, ssh is a program that connects to the bus of this test. */

#define SSH \
        "#!/bin/sh\n" \
        "echo \"$*\" >>\"$0.log\"\n" \
        "exec systemd-stdio-bridge --bus-path=\"$DBUS_SYSTEM_BUS_ADDRESS\"\n"

typedef struct Ssh {
        char *folder, *program, *log;
} Ssh;

static Ssh ssh_new(void) {
        Ssh ssh = {.folder = g_dir_make_tmp("vfioctl-ssh-XXXXXX", NULL)};
        g_autofree char *path = g_strdup_printf("%s:%s", ssh.folder, g_getenv("PATH"));

        ssh.program = g_build_filename(ssh.folder, "ssh", NULL);
        ssh.log = g_strconcat(ssh.program, ".log", NULL);
        g_assert_true(g_file_set_contents(ssh.program, SSH, -1, NULL));
        g_assert_cmpint(g_chmod(ssh.program, 0755), ==, 0);
        g_setenv("PATH", path, true);
        return ssh;
}

static void ssh_done(Ssh *ssh) {
        (void)g_unlink(ssh->log);
        g_assert_cmpint(g_unlink(ssh->program), ==, 0);
        g_assert_cmpint(g_rmdir(ssh->folder), ==, 0);
        g_free(ssh->folder);
        g_free(ssh->program);
        g_free(ssh->log);
}

static void test_host(void) {
        Fixture *fixture = fixture_start(NULL);
        Ssh ssh = ssh_new();

        g_auto(ProgramResult) there = vfioctl("-H root@alpha devices --json"), here = vfioctl("devices --json");
        expect_result(&there, 0, "", "-H root@alpha devices");
        g_assert_cmpstr(there.output, ==, here.output);
        g_autofree char *log = NULL;
        g_assert_true(g_file_get_contents(ssh.log, &log, NULL, NULL));
        g_assert_true(g_pattern_match_simple("*-- root@alpha systemd-stdio-bridge*", log));

        g_auto(ProgramResult) detached = vfioctl("--host alpha detach ens3");
        expect_result(&detached, 0, "", "--host alpha detach");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        /* a path of this host means nothing there: vfiod gets it as it is */
        EXPECT(3, "vfioctl: No PCI device has the name 'null'*", "-H alpha show /dev/null");
        ssh_done(&ssh);
        fixture_stop(fixture);
}

/* What works only on its own host, and contradictions. No connection is made. */
static void test_usage(void) {
        EXPECT(2, "vfioctl: 'log' works only on its own host*", "-H alpha log");
        EXPECT(2, "vfioctl: 'lease' works only on its own host*", "-H alpha lease ens3 -- true");
        EXPECT(2, "vfioctl: use only one of --address, --host and --machine*", "-H alpha -M beta status");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-host/host", test_host);
        g_test_add_func("/bus/vfioctl-host/usage", test_usage);
        return g_test_run();
}
