/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host.h"
#include "model/follower.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Asks the fake kernel over a new connection: workers do not have the test's connection. */
static int load_module(const Kernel *kernel, const char *module, void *userdata) {
        Host *host = userdata;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char text[256];

        (void)kernel;
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", fake_kernel_get_socket(host->fake));
        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        int length = snprintf(text, sizeof(text), "modprobe %s\n", module);
        if (send(fd, text, (size_t)length, MSG_NOSIGNAL) != length)
                return -EIO;
        ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
        if (n <= 0)
                return -EPIPE;
        text[n] = '\0';
        if (startswith(text, "ok"))
                return 0;
        return strstr(text, "blacklisted") ? -EPERM : strstr(text, "no such module") ? -ENOENT : -EIO;
}

/* The fake kernel, the test and its workers take turns. On one processor this is several times as fast. */
static void stay_on_one_processor(void) {
        cpu_set_t processors;

        CPU_ZERO(&processors);
        CPU_SET((size_t)sched_getcpu(), &processors);
        (void)sched_setaffinity(0, sizeof(processors), &processors);
}

Host *host_new(void) {
        return host_new_with("card");
}

Host *host_new_with(const char *topology) {
        g_autofree char *file = g_strdup_printf("%s/%s.conf", TRANSACTION_TOPOLOGIES, topology);
        g_autoptr(GError) error = NULL;
        Host *host = g_new0(Host, 1);

        stay_on_one_processor();

        host->fake = fake_kernel_start(file);
        host->folder = g_dir_make_tmp("vfiod-transaction-XXXXXX", &error);
        g_assert_no_error(error);
        host->state_folder = g_build_filename(host->folder, "state", NULL);
        host->proc_folder = g_build_filename(host->folder, "proc", NULL);
        g_assert_cmpint(g_mkdir(host->state_folder, 0700), ==, 0);
        g_assert_cmpint(g_mkdir(host->proc_folder, 0700), ==, 0);

        g_autofree char *sys = g_build_filename(fake_kernel_get_root(host->fake), "sys", NULL),
                        *dev = g_build_filename(fake_kernel_get_root(host->fake), "dev", NULL);
        g_assert_cmpint(kernel_new(sys, dev, host->proc_folder, load_module, host, &host->kernel), ==, 0);
        host->kernel->has_own_network = true;
        host->kernel->has_own_nodes = true;
        host_forget(host);
        return host;
}

static void remove_files(const char *path) {
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        const char *name;

        while (folder && (name = g_dir_read_name(folder))) {
                g_autofree char *file = g_build_filename(path, name, NULL);

                if (g_file_test(file, G_FILE_TEST_IS_DIR) && !g_file_test(file, G_FILE_TEST_IS_SYMLINK))
                        remove_files(file);
                else
                        (void)g_unlink(file);
        }
        (void)g_rmdir(path);
}

Host *host_free(Host *host) {
        if (!host)
                return NULL;
        state_free(host->state);
        inventory_free(host->inventory);
        kernel_free(host->kernel);
        fake_kernel_stop(host->fake);
        remove_files(host->state_folder);
        remove_files(host->proc_folder);
        (void)g_rmdir(host->folder);
        g_free(host->state_folder);
        g_free(host->proc_folder);
        g_free(host->folder);
        g_free(host);
        return NULL;
}

void host_show_process(Host *host, pid_t pid) {
        g_autofree char *link = g_strdup_printf("%s/%d", host->proc_folder, (int)pid),
                        *target = g_strdup_printf("/proc/%d", (int)pid);

        g_assert_cmpint(symlink(target, link), ==, 0);
}

pid_t host_fork_holder_of(Host *host, const char *node) {
        int sockets[2];
        char ready;

        g_assert_cmpint(pipe(sockets), ==, 0);
        pid_t pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                int fd = fake_kernel_open(host->fake, O_RDWR, "%s", node);

                if (fd >= 0 && write(sockets[1], "r", 1) == 1)
                        for (;;)
                                (void)pause();
                _exit(1);
        }
        close(sockets[1]);
        g_assert_cmpint(read(sockets[0], &ready, 1), ==, 1);
        close(sockets[0]);
        return pid;
}

pid_t host_fork_holder(Host *host) {
        g_autofree char *node = g_strdup_printf("dev/vfio/%d", PORTS_GROUP);

        return host_fork_holder_of(host, node);
}

void host_end_holder(pid_t pid) {
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}

char *host_cdev_of(Host *host, const char *address) {
        for (unsigned i = 0; i < 100; i++)
                if (fake_kernel_exists(host->fake, "sys/bus/pci/devices/%s/vfio-dev/vfio%u", address, i))
                        return g_strdup_printf("dev/vfio/devices/vfio%u", i);
        g_error("%s has no cdev", address);
}

void host_read(Host *host) {
        g_assert_cmpint(state_load(host->state), ==, 0);
        g_assert_cmpint(follower_read_all(host->kernel, host->inventory), ==, 0);
        g_assert_cmpint(state_apply(host->state, host->inventory), ==, 0);
}

void host_forget(Host *host) {
        host->state = state_free(host->state);
        host->inventory = inventory_free(host->inventory);
        g_assert_cmpint(state_new(host->state_folder, true, &host->state), ==, 0);
        g_assert_cmpint(inventory_new(&host->inventory), ==, 0);
        host_read(host);
}

Plan *host_plan(Host *host, PlanVerb verb, const char *selector) {
        static const DetachOptions options = {.whole_group = true};
        _cleanup_problem_ Problem problem = {};
        Selection selection;
        IommuReport iommu;
        Plan *plan = NULL;

        host_read(host);
        iommu_examine(host->kernel, &iommu);
        int r = selector_resolve(host->inventory, selector, &selection, &problem);
        if (r == 0)
                r = verb == PLAN_DETACH ? plan_detach(host->inventory, &selection, &iommu, &options, &plan, &problem)
                                : verb == PLAN_RESET
                                ? plan_reset(host->inventory, selection.device, &plan, &problem)
                                : plan_reattach(host->inventory, &selection, &(ReattachOptions){}, &plan, &problem);
        if (r != 0)
                g_error("No plan to %s %s: %d: %s", plan_verb_to_string(verb), selector, r, strempty(problem.message));
        return plan;
}

int host_run(Host *host, Plan *plan, Problem *problem) {
        Report report = {};
        unsigned long number;

        g_assert_cmpint(transaction_file_find_number(host->state->transactions_fd, 1, &number), ==, 0);
        Transaction transaction = {
                        .kernel = host->kernel,
                        .devices_fd = host->state->devices_fd,
                        .transactions_fd = host->state->transactions_fd,
                        .number = number,
                        .plan = plan,
        };
        int r = transaction_run(&transaction, &report, problem);

        plan_free(plan);
        g_assert_cmpint(r, ==, r < 0 ? r : (int)problem->outcome);
        g_assert_true(r == 0 || !isempty(problem->message));
        for (size_t i = 0; i < report.n_changes; i++)
                g_assert_cmpstr(report.changes[i].before, !=, report.changes[i].after);
        report_done(&report);
        return r;
}

int host_move(Host *host, PlanVerb verb, const char *selector, Problem *problem) {
        return host_run(host, host_plan(host, verb, selector), problem);
}

void host_must_move(Host *host, PlanVerb verb, const char *selector) {
        _cleanup_problem_ Problem problem = {};

        if (host_move(host, verb, selector, &problem) != 0)
                g_error("Cannot %s %s: %s", plan_verb_to_string(verb), selector, strempty(problem.message));
}

struct Run {
        Host *host;
        Plan *plan;
        Problem problem;
        GThread *thread;
};

static void *run_thread(void *userdata) {
        Run *run = userdata;

        return GINT_TO_POINTER(host_run(run->host, run->plan, &run->problem));
}

Run *run_start(Host *host, Plan *plan) {
        Run *run = g_new0(Run, 1);

        run->host = host;
        run->plan = plan;
        run->thread = g_thread_new("transaction", run_thread, run);
        return run;
}

int run_finish(Run *run, Problem *problem) {
        int r = GPOINTER_TO_INT(g_thread_join(run->thread));

        problem_done(problem);
        *problem = run->problem;
        g_free(run);
        return r;
}

PciAddress address_of(const char *text) {
        PciAddress address;

        g_assert_cmpint(pci_address_parse(text, &address), ==, 0);
        return address;
}

void assert_driver(Host *host, const char *address, const char *expected) {
        g_autofree char *driver = fake_kernel_link(host->fake, "sys/bus/pci/devices/%s/driver", address);

        g_assert_cmpstr(driver, ==, expected);
}

void assert_override(Host *host, const char *address, const char *expected) {
        g_autofree char *override = fake_kernel_read(host->fake, "sys/bus/pci/devices/%s/driver_override", address);

        g_assert_cmpstr(override, ==, expected);
}

void assert_snapshot(Host *host, const char *expected) {
        g_autofree char *snapshot = fake_kernel_snapshot(host->fake);

        g_assert_cmpstr(snapshot, ==, expected);
}

void assert_state(Host *host, const char *address, DeviceState expected) {
        const Device *device = inventory_find_device(host->inventory, address_of(address));

        g_assert_nonnull(device);
        g_assert_cmpstr(device_state_to_string(device_state(device)), ==, device_state_to_string(expected));
}

static unsigned count_files(Host *host, const char *name) {
        g_autofree char *path = g_build_filename(host->state_folder, name, NULL);
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        unsigned n = 0;

        while (folder && (name = g_dir_read_name(folder)))
                n += !g_str_has_suffix(name, ".new");
        return n;
}

unsigned count_detached_devices(Host *host) {
        return count_files(host, "devices");
}

unsigned count_transactions(Host *host) {
        return count_files(host, "transactions");
}

void assert_nothing_recorded(Host *host) {
        g_assert_cmpuint(count_detached_devices(host), ==, 0);
        g_assert_cmpuint(count_transactions(host), ==, 0);
}

unsigned count_writes(Host *host) {
        g_auto(GStrv) writes = fake_kernel_writes(host->fake);

        return g_strv_length(writes);
}
