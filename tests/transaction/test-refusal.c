/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* Refusals before the first write: the fake kernel gets no write, and there is no state file. */

typedef struct Refusal {
        Host *host;
        char *before;
        unsigned n_records;
} Refusal;

static void expect_nothing(Refusal *refusal, Host *host) {
        refusal->host = host;
        refusal->before = fake_kernel_snapshot(host->fake);
        refusal->n_records = count_detached_devices(host);
        fake_kernel_do(host->fake, "reset-writes");
}

static void check_nothing(Refusal *refusal) {
        g_assert_cmpuint(count_writes(refusal->host), ==, 0);
        assert_snapshot(refusal->host, refusal->before);
        g_assert_cmpuint(count_detached_devices(refusal->host), ==, refusal->n_records);
        g_free(refusal->before);
}

static void test_held(void) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};
        g_autofree char *comm = NULL;
        Refusal refusal;

        host_must_move(host, PLAN_DETACH, "ens1");
        pid_t pid = host_fork_holder(host);
        host_show_process(host, pid);
        g_autofree char *path = g_strdup_printf("/proc/%d/comm", (int)pid);
        g_assert_true(g_file_get_contents(path, &comm, NULL, NULL));
        g_autofree char *named = g_strdup_printf("process %d (%s)", (int)pid, g_strchomp(comm));

        expect_nothing(&refusal, host);
        g_assert_cmpint(host_move(host, PLAN_REATTACH, "ens1", &problem), ==, OUTCOME_HELD);
        g_assert_nonnull(strstr(problem.message, named));
        g_assert_nonnull(strstr(problem.message, "/dev/vfio/10"));
        check_nothing(&refusal);

        /* The holder is not visible, and then it ends. */
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
        fake_kernel_do(host->fake, "hold %d", PORTS_GROUP);
        expect_nothing(&refusal, host);
        g_assert_cmpint(host_move(host, PLAN_REATTACH, "ens1", &problem), ==, OUTCOME_HELD);
        g_assert_nonnull(strstr(problem.message, "cannot find out which one"));
        check_nothing(&refusal);
        fake_kernel_do(host->fake, "release %d", PORTS_GROUP);
        host_must_move(host, PLAN_REATTACH, "ens1");
}

/* Another card or another group than at the time of the plan. */
static void check_identity(PlanVerb verb, const char *change, Outcome expected, const char *says) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};
        Refusal refusal;

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        if (verb == PLAN_REATTACH)
                host_must_move(host, PLAN_DETACH, "ens1");
        Plan *plan = host_plan(host, verb, "ens1");

        fake_kernel_do(host->fake, "%s", change);
        expect_nothing(&refusal, host);
        g_assert_cmpint(host_run(host, plan, &problem), ==, expected);
        if (!strstr(problem.message, says))
                g_error("\"%s\" does not say \"%s\"", problem.message, says);
        check_nothing(&refusal);
}

static void test_identity(const void *verb) {
        static const struct {
                const char *change;
                Outcome outcome;
                const char *says;
        } cases[] = {
                        {"swap " PORT1 " device=10d3", OUTCOME_IDENTITY_CHANGED, PORT1},
                        {"swap " PORT2 " revision=04", OUTCOME_IDENTITY_CHANGED, PORT2},
                        {"swap " PORT2 " subsystem=1af4:1101", OUTCOME_IDENTITY_CHANGED, PORT2},
                        {"swap " PORT1 " group=11", OUTCOME_IDENTITY_CHANGED, "group 10"},
                        {"swap " PORT1 " group=none", OUTCOME_IDENTITY_CHANGED, "group 10"},
                        {"unplug " PORT1, OUTCOME_NO_SUCH_DEVICE, PORT1 " is gone"},
                        {"unplug " PORT2, OUTCOME_NO_SUCH_DEVICE, PORT2 " is gone"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                check_identity((PlanVerb)GPOINTER_TO_INT(verb), cases[i].change, cases[i].outcome, cases[i].says);
}

/* Another tool was faster. */
static void test_foreign(void) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};
        Refusal refusal;

        Plan *plan = host_plan(host, PLAN_DETACH, "ens1");
        fake_kernel_do(host->fake, "modprobe vfio-pci");
        fake_kernel_do(host->fake, "set " PORT1 " driver_override vfio-pci");
        g_assert_cmpint(fake_kernel_write(host->fake, PORT1, "sys/bus/pci/drivers/e1000/unbind"), ==, 0);
        g_assert_cmpint(fake_kernel_write(host->fake, PORT1, "sys/bus/pci/drivers_probe"), ==, 0);
        expect_nothing(&refusal, host);
        g_assert_cmpint(host_run(host, plan, &problem), ==, OUTCOME_FOREIGN);
        g_assert_nonnull(strstr(problem.message, PORT1));
        check_nothing(&refusal);
}

static void check_driver(const char *first, const char *says) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};
        Refusal refusal;

        fake_kernel_do(host->fake, "%s", first);
        expect_nothing(&refusal, host);
        g_assert_cmpint(host_move(host, PLAN_DETACH, "ens1", &problem), ==, OUTCOME_DRIVER_UNAVAILABLE);
        g_assert_nonnull(strstr(problem.message, "vfio-pci"));
        g_assert_nonnull(strstr(problem.message, says));
        check_nothing(&refusal);
}

static int load_nothing(const Kernel *kernel, const char *module, void *userdata) {
        (void)kernel;
        (void)module;
        return *(const int *)userdata;
}

static void test_driver_unavailable(void) {
        static const struct {
                int result;
                const char *says;
        } cases[] = {
                        {-ENOENT, "no such module"},
                        {-EPERM, "blacklisted"},
                        {0, "does not provide this PCI driver"},
                        {-ENOMEM, "Cannot allocate memory"},
        };
        g_autoptr(Host) host = host_new();
        Refusal refusal;

        check_driver("blacklist vfio-pci", "blacklisted");
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_problem_ Problem problem = {};
                int result = cases[i].result;

                host->kernel->load_module = load_nothing;
                host->kernel->load_module_userdata = &result;
                expect_nothing(&refusal, host);
                g_assert_cmpint(host_move(host, PLAN_DETACH, "ens1", &problem), ==, OUTCOME_DRIVER_UNAVAILABLE);
                if (!strstr(problem.message, cases[i].says))
                        g_error("\"%s\" does not say \"%s\"", problem.message, cases[i].says);
                check_nothing(&refusal);
        }
}

/* vfio-pci refuses some devices. A parameter allows them. */
static void test_denylist(void) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};
        g_autofree char *cmdline = g_build_filename(host->proc_folder, "cmdline", NULL);
        Refusal refusal;

        fake_kernel_do(host->fake, "plug 0000:08:00.0 vendor=8086 device=37c9 class=0b4000 group=20");
        expect_nothing(&refusal, host);
        g_assert_cmpint(host_move(host, PLAN_DETACH, "0000:08:00.0", &problem), ==, OUTCOME_DRIVER_UNAVAILABLE);
        g_assert_nonnull(strstr(
                        problem.message, "vfio-pci refuses 0000:08:00.0 (8086:37c9, QAT C62x, virtual function)"));
        g_assert_nonnull(strstr(problem.message, "options vfio-pci disable_denylist=1"));
        check_nothing(&refusal);
        g_assert_true(g_file_set_contents(cmdline, "vfio_pci.disable_denylist=1\n", -1, NULL));
        host_must_move(host, PLAN_DETACH, "0000:08:00.0");
}

/* A card that has crashed. Its group is refused, too; a plan says so as well. */
static void test_dead_card(void) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};
        Refusal refusal;

        fake_kernel_do(host->fake, "plug 0000:08:00.0 vendor=10de device=2484 class=030000 group=20");
        fake_kernel_do(host->fake, "plug 0000:08:00.1 vendor=10de device=228b class=040300 group=20 dead=1");
        expect_nothing(&refusal, host);
        g_assert_cmpint(host_move(host, PLAN_DETACH, "group:20", &problem), ==, OUTCOME_NOT_ANSWERING);
        g_assert_nonnull(
                        strstr(problem.message, "0000:08:00.1 does not answer: its configuration space reads as ones"));
        Plan *plan = host_plan(host, PLAN_DETACH, "group:20");
        plan->only_plan = true;
        g_assert_cmpint(host_run(host, plan, &problem), ==, OUTCOME_NOT_ANSWERING);
        /* A plan of another user than root wakes up nothing. */
        plan = host_plan(host, PLAN_DETACH, "group:20");
        plan->only_plan = true;
        plan->asker = 1000;
        fake_kernel_do(host->fake, "set 0000:08:00.1 power/runtime_status suspended");
        problem_done(&problem);
        g_assert_cmpint(host_run(host, plan, &problem), ==, 0);
        check_nothing(&refusal);
        fake_kernel_do(host->fake, "unplug 0000:08:00.1");
        host_must_move(host, PLAN_DETACH, "group:20");
}

/* More names than the state files take. */
static void test_many_names(void) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};
        Refusal refusal;

        Plan *plan = host_plan(host, PLAN_DETACH, "ens1");
        DeviceOrigin *origin = calloc(1, sizeof(DeviceOrigin));
        g_assert_nonnull(origin);
        plan->members[0].origin = origin;
        for (unsigned i = 0; i < 5000; i++) {
                g_autofree char *name = g_strdup_printf("eth%u", i);

                g_assert_cmpint(host_name_list_add(&origin->names, HOST_NAME_NETWORK, name, 0), ==, 1);
        }
        expect_nothing(&refusal, host);
        g_assert_cmpint(host_run(host, plan, &problem), ==, OUTCOME_LIMITS_EXCEEDED);
        g_assert_nonnull(strstr(problem.message, "so many interfaces"));
        check_nothing(&refusal);
}

/* The host's driver cannot come back: then nothing is taken away from the guest's side either. */
static void test_host_driver_unavailable(void) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};
        Refusal refusal;

        host_must_move(host, PLAN_DETACH, "ens1");
        fake_kernel_do(host->fake, "rmmod e1000");
        fake_kernel_do(host->fake, "blacklist e1000");
        expect_nothing(&refusal, host);
        g_assert_cmpint(host_move(host, PLAN_REATTACH, "ens1", &problem), ==, OUTCOME_DRIVER_UNAVAILABLE);
        g_assert_nonnull(strstr(problem.message, "e1000"));
        check_nothing(&refusal);
        assert_state(host, PORT1, DEVICE_DETACHED);
}

/* Without a transaction file on disk nothing is started. */
static void test_state_unwritable(const void *verb) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};
        Refusal refusal;

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        if (GPOINTER_TO_INT(verb) == PLAN_REATTACH)
                host_must_move(host, PLAN_DETACH, "ens1");
        Plan *plan = host_plan(host, (PlanVerb)GPOINTER_TO_INT(verb), "ens1");
        int transactions_fd = host->state->transactions_fd;
        host->state->transactions_fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        expect_nothing(&refusal, host);
        g_assert_cmpint(host_run(host, plan, &problem), ==, OUTCOME_FAILED);
        g_assert_nonnull(strstr(problem.message, "nothing was changed"));
        close(host->state->transactions_fd);
        host->state->transactions_fd = transactions_fd;
        check_nothing(&refusal);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/refusal/held", test_held);
        g_test_add_data_func("/refusal/identity/detach", GINT_TO_POINTER(PLAN_DETACH), test_identity);
        g_test_add_data_func("/refusal/identity/reattach", GINT_TO_POINTER(PLAN_REATTACH), test_identity);
        g_test_add_func("/refusal/foreign", test_foreign);
        g_test_add_func("/refusal/driver-unavailable", test_driver_unavailable);
        g_test_add_func("/refusal/denylist", test_denylist);
        g_test_add_func("/refusal/dead-card", test_dead_card);
        g_test_add_func("/refusal/many-names", test_many_names);
        g_test_add_func("/refusal/host-driver-unavailable", test_host_driver_unavailable);
        g_test_add_data_func("/refusal/state-unwritable/detach", GINT_TO_POINTER(PLAN_DETACH), test_state_unwritable);
        g_test_add_data_func(
                        "/refusal/state-unwritable/reattach", GINT_TO_POINTER(PLAN_REATTACH), test_state_unwritable);
        return g_test_run();
}
