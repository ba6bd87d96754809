/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The main process of a helper is killed: nothing is lost, and the helper starts again when it is needed. */

#define DETACHED "([('" NIC "', 'e1000e', 'vfio-pci', {})],)"
#define REATTACHED "([('" NIC "', 'vfio-pci', 'e1000e', {})],)"

static void kill_helpers(Fixture *fixture) {
        (void)fixture_kill(fixture, "vfiod-worker");
        (void)fixture_kill(fixture, "vfiod-census");
}

/* The job has a process of its own, which does not need the helper. */
static void test_job(void) {
        Fixture *fixture = fixture_start(NULL);

        for (unsigned k = 1; k <= 3; k++) {
                Pending *pending = fixture_detach_stalled(fixture, k);

                g_assert_true(fixture_kill(fixture, "vfiod-worker"));
                fake_kernel_do(fixture->kernel, "resume");
                pending_expect(pending, DETACHED);
                manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, REATTACHED);
        }
        fixture_stop(fixture);
}

/* Both end at the same time: the job goes on, and the next daemon finds it. */
static void test_with_daemon(void) {
        Fixture *fixture = fixture_start(NULL);

        Pending *pending = fixture_detach_stalled(fixture, 2);
        kill_helpers(fixture);
        fixture_stop_daemon(fixture);
        pending_refused(pending, "Failed", "vfiod is ending*");
        fake_kernel_do(fixture->kernel, "resume");
        fixture_start_daemon(fixture);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, REATTACHED);
        fixture_stop(fixture);
}

/* Each call finds its helper again. */
static void test_idle(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        for (unsigned i = 0; i < 5; i++) {
                manager_expect(fixture, "Detach", NIC, NO_OPTIONS, DETACHED);
                kill_helpers(fixture);
                manager_expect(fixture, "ListHolders", NIC, NO_OPTIONS, "([],)");
                kill_helpers(fixture);
                manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, REATTACHED);
        }
        fixture_stop(fixture);
}

/* The census is killed after it has accepted the connection: vfiod asks the next one. */
static void test_lost_census(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *path = g_strdup_printf("%s.census", fixture->state_folder),
                        *kept = g_strdup_printf("%s.kept", path);
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        g_assert_cmpuint(g_strlcpy(address.sun_path, path, sizeof(address.sun_path)), <, sizeof(address.sun_path));
        g_assert_cmpint(g_rename(path, kept), ==, 0);
        int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(listen_fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(listen(listen_fd, 1), ==, 0);
        Pending *pending = fixture_call_start(fixture, BUS_PATH, MANAGER, "ListHolders", "('" NIC "', " NO_OPTIONS ")");
        int fd = accept(listen_fd, NULL, NULL);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(g_rename(kept, path), ==, 0);
        close(fd);
        pending_expect(pending, "([],)");
        close(listen_fd);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/helpers/job", test_job);
        g_test_add_func("/bus/helpers/with-daemon", test_with_daemon);
        g_test_add_func("/bus/helpers/idle", test_idle);
        g_test_add_func("/bus/helpers/lost-census", test_lost_census);
        return g_test_run();
}
