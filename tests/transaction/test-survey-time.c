/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/census-client.h"
#include "request.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* A survey that takes too long: the job is refused, nothing is changed, and no device is stuck. */

#define SURVEY_US (G_USEC_PER_SEC / 2)

/* A census that does not answer: a socket that accepts no connection. */
typedef struct SlowCensus {
        char *path;
        int fd;
        CensusClient client;
} SlowCensus;

static void slow_census_start(SlowCensus *census, Host *host) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        census->path = g_build_filename(host->folder, "census", NULL);
        g_assert_cmpuint(g_strlcpy(address.sun_path, census->path, sizeof(address.sun_path)), <,
                        sizeof(address.sun_path));
        census->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(census->fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(listen(census->fd, 16), ==, 0);
        census->client = census_client(census->path);
        host->kernel->census = &census->client.port;
        host->survey_us = SURVEY_US;
}

static void slow_census_stop(SlowCensus *census, Host *host) {
        host->kernel->census = NULL;
        host->survey_us = 0;
        close(census->fd);
        g_assert_cmpint(unlink(census->path), ==, 0);
        g_free(census->path);
}

static gint64 milliseconds_since(gint64 start) {
        return (g_get_monotonic_time() - start) / 1000;
}

/* The whole survey has one deadline, however many devices ask the census. */
static void test_census(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_reply_ Reply refused = {}, planned = {};
        SlowCensus census;

        slow_census_start(&census, host);
        gint64 start = g_get_monotonic_time();
        request_run(daemon, &(Request){.verb = PLAN_DETACH, .selector = DISK}, OUTCOME_IN_USE_STORAGE, &refused);
        g_assert_cmpint(milliseconds_since(start), >=, SURVEY_US / 1000);
        g_assert_cmpint(milliseconds_since(start), <, 10 * SURVEY_US / 1000);
        g_assert_nonnull(strstr(refused.answer.message, "nvme0n1 could not be examined in time: try again"));
        g_assert_cmpint(daemon_state(daemon, DISK), ==, DEVICE_HOST);
        g_assert_null(job_next(daemon->jobs, NULL));

        /* A plan shows the same. */
        request_run(daemon, &(Request){.verb = PLAN_DETACH, .selector = DISK, .only_plan = true}, OUTCOME_DONE,
                        &planned);
        g_assert_nonnull(strstr(planned.findings, "could not be examined in time"));
        assert_snapshot(host, before);
        assert_nothing_recorded(host);

        slow_census_stop(&census, host);
        daemon_move(daemon, PLAN_DETACH, DISK, OUTCOME_DONE);
        daemon_move(daemon, PLAN_REATTACH, DISK, OUTCOME_DONE);
        assert_snapshot(host, before);
}

/* Another program unbinds the device, and waits in the kernel: then the kernel does not answer the worker either. */
static void test_kernel(void) {
        g_autoptr(Host) host = host_new();
        _cleanup_reply_ Reply refused = {};
        _cleanup_problem_ Problem problem = {};
        Answer none = {};

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        g_assert_cmpint(fake_kernel_write(host->fake, "vfio-pci", "sys/bus/pci/devices/" OTHER_NIC "/driver_override"),
                        ==, 0);
        g_assert_cmpint(fake_kernel_write(host->fake, OTHER_NIC, "sys/bus/pci/drivers/e1000e/unbind"), ==, 0);
        g_assert_cmpint(fake_kernel_write(host->fake, OTHER_NIC, "sys/bus/pci/drivers_probe"), ==, 0);
        fake_kernel_do(host->fake, "claim %d", OTHER_NIC_GROUP);
        pid_t tool = fork();
        g_assert_cmpint(tool, >=, 0);
        if (tool == 0)
                _exit(fake_kernel_write(host->fake, OTHER_NIC, "sys/bus/pci/drivers/vfio-pci/unbind") == 0 ? 0 : 1);
        fake_kernel_do(host->fake, "wait-pending 1");
        fake_kernel_do(host->fake, "reset-writes");

        g_autoptr(Daemon) daemon = daemon_start(host, &impatient);
        Request detach = {.verb = PLAN_DETACH, .selector = OTHER_NIC};
        request_run(daemon, &detach, OUTCOME_SURVEY_TIMED_OUT, &refused);
        g_assert_nonnull(strstr(refused.answer.message, "Nothing was changed."));
        /* Until the kernel returns, the worker may hold the nodes of the devices. */
        g_assert_cmpint(daemon_state(daemon, OTHER_NIC), ==, DEVICE_CHANGING);
        g_assert_cmpint(daemon_job_state(daemon), ==, JOB_CANCELLING);
        g_assert_cmpint(daemon_begin(daemon, PLAN_DETACH, OTHER_NIC, &none, &problem), ==, OUTCOME_BUSY);
        /* Others go on. */
        daemon_move(daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        daemon_move(daemon, PLAN_REATTACH, "ens1", OUTCOME_DONE);

        fake_kernel_do(host->fake, "reset-writes");
        fake_kernel_do(host->fake, "release %d", OTHER_NIC_GROUP);
        g_assert_cmpint(waitpid(tool, NULL, 0), ==, tool);
        daemon_await_quiet(daemon);
        g_assert_cmpuint(refused.answer.n, ==, 1);
        g_assert_null(job_next(daemon->jobs, NULL));
        assert_nothing_recorded(host);
        assert_driver(host, OTHER_NIC, NULL);
        g_assert_cmpuint(count_writes(host), ==, 0);
        daemon_move(daemon, PLAN_DETACH, OTHER_NIC, OUTCOME_DONE);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/survey-time/census", test_census);
        g_test_add_func("/survey-time/kernel", test_kernel);
        return g_test_run();
}
