/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The daemon and its helpers on the fake kernel: the same library with another main program. It prints "ready" when it
 * answers calls on the bus of $DBUS_SYSTEM_BUS_ADDRESS. Where systemd would start the helpers, it forks them.
 * STATE-FOLDER.modules/lib/modules/RELEASE, if it exists, has the lists of modules of the running kernel.
 * STATE-FOLDER.host, if it exists at the start, is the root directory of the host.
 * With $VFIOD_SIM_NETWORK, the file STATE-FOLDER.online tells that the network of the host is online, and it prints
 * "settled" when the rules are applied. $VFIOD_SIM_BUS_DEADLINE_MS is a deadline for bus/system-bus.h; then the buffer of the connection is small, too.
 * $VFIOD_SIM_IDLE_MS is after how long without work it ends. $VFIOD_SIM_POLKIT_DEADLINE_MS is how long polkit may take. $VFIOD_SIM_LOG is a datagram socket that gets the log instead of
 * stderr. */

#include "base/log.h"
#include "bus/publish.h"
#include "fake-uevents.h"
#include "helpers.h"
#include "kernel/modules.h"
#include "kernel/variant.h"
#include "manager.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Shorter than on a real host, so that helpers end and start during the tests. */
#define HELPERS_IDLE_US 500000

/* Longer: tests compare links that were read at the start. */
#define LINKS_START_US 5000000

/* Shorter than on a real host, too. */
static const LeaseLimits lease_limits = {
                .leases = {.total = 8, .per_user = 2, .for_root = 4},
                .claim_us = 6000000,
                .grace_us = 200000,
                .retry_min_us = 50000,
                .retry_max_us = 200000,
};

static const RevertLimits revert_limits = {
                .reverts = {.total = 8, .per_user = 2, .for_root = 4},
                .retry_min_us = 50000,
                .retry_max_us = 200000,
                .fault_max_us = 200000,
};

#define SETTLED_PATIENCE_US UINT64_C(60000000)

/* Asks the fake kernel to load the module. Runs in a worker. */
static int load_fake_module(const Kernel *kernel, const char *module, void *userdata) {
        char text[256], *end;

        (void)kernel;
        _cleanup_close_ int fd = fake_control_connect(userdata);
        if (fd < 0)
                return fd;
        int length = snprintf(text, sizeof(text), "modprobe %s\n", module);
        if (send(fd, text, (size_t)length, MSG_NOSIGNAL) < 0)
                return -errno;
        ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
        if (n <= 0)
                return -EPIPE;
        text[n] = '\0';
        end = strchr(text, '\n');
        if (end)
                *end = '\0';
        if (startswith(text, "ok"))
                return 0;
        return strstr(text, "blacklisted") ? -EPERM : strstr(text, "no such module") ? -ENOENT : -EIO;
}

/* As vfiod-modules reads the lists of modules. */
static char *modules_root;

static Kernel see_modules(const Kernel *kernel) {
        Kernel seeing = *kernel;

        seeing.list_variants = NULL;
        seeing.search_module = NULL;
        seeing.root_fd = open(modules_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return seeing;
}

static int list_fake_variants(const Kernel *kernel, VariantList *ret, void *userdata) {
        Kernel seeing = see_modules(kernel);

        (void)userdata;
        int r = variant_list_read(&seeing, ret);
        (void)safe_close(seeing.root_fd);
        return r;
}

static void search_fake_module(const Kernel *kernel, const char *module, ModuleSearch *ret, void *userdata) {
        Kernel seeing = see_modules(kernel);

        (void)userdata;
        modules_search(&seeing, module, ret);
        (void)safe_close(seeing.root_fd);
}

static int open_fake_kernel(const char *root, const char *control_socket, const char *proc, Kernel **ret) {
        char sys[512], dev[512];

        (void)snprintf(sys, sizeof(sys), "%s/sys", root);
        (void)snprintf(dev, sizeof(dev), "%s/dev", root);
        int r = kernel_new(sys, dev, proc, load_fake_module, (void *)control_socket, ret);
        if (r < 0)
                return r;
        (*ret)->has_own_network = (*ret)->has_own_nodes = true;
        (*ret)->list_variants = list_fake_variants;
        (*ret)->search_module = search_fake_module;
        return 0;
}

/* systemd makes root's socket for vfiod. Here everybody may connect, so that tests see who is refused. */
static int open_root_socket(const char *state_folder) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s.root", state_folder);
        (void)unlink(address.sun_path);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
                        chmod(address.sun_path, 0666) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* The socket of leases. systemd makes it, too. */
static int open_lease_socket(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        (void)unlink(path);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0666) < 0 ||
                        listen(fd, SOMAXCONN) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        (void)source, (void)info;
        manager_rescan(userdata);
        return 0;
}

static void tell_settled(void) {
        printf("settled\n");
        (void)fflush(stdout);
}

static int run(const char *root, const char *control_socket, const char *state_folder, const char *proc,
                const JobLimits *limits) {
        Kernel *kernel;
        sigset_t signals;
        WorkerPort worker;
        int r;

        _cleanup_free_ char *own = NULL, *temporary = NULL, *shipped = NULL, *early = NULL, *boot = NULL,
                            *online = NULL, *database = NULL, *worker_socket = NULL, *census_socket = NULL,
                            *reaper_socket = NULL, *lease_socket = NULL, *host_root = NULL;
        /* These end before the paths that they use. */
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(manager_freep) Manager *manager = NULL;
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        _cleanup_(uevent_source_freep) UeventSource *uevents = NULL;
        if (asprintf(&own, "%s.rules", state_folder) < 0 || asprintf(&temporary, "%s.rules.run", state_folder) < 0 ||
                        asprintf(&shipped, "%s.rules.lib", state_folder) < 0 ||
                        asprintf(&early, "%s.udev-rules", state_folder) < 0 ||
                        asprintf(&boot, "%s.udev-boot", state_folder) < 0 ||
                        asprintf(&online, "%s.online", state_folder) < 0 ||
                        asprintf(&database, "%s.udev-data", state_folder) < 0 ||
                        asprintf(&modules_root, "%s.modules", state_folder) < 0 ||
                        asprintf(&host_root, "%s.host", state_folder) < 0 ||
                        asprintf(&worker_socket, "%s.worker", state_folder) < 0 ||
                        asprintf(&census_socket, "%s.census", state_folder) < 0 ||
                        asprintf(&reaper_socket, "%s.reaper", state_folder) < 0 ||
                        asprintf(&lease_socket, "%s.lease", state_folder) < 0)
                return -ENOMEM;
        const char *rule_folders[] = {own, temporary, shipped, NULL};
        if ((r = open_fake_kernel(root, control_socket, proc, &kernel)) < 0)
                return log_error_errno(r, "Cannot start the simulation");
        /* The files of the host, if the test has made some. */
        (void)kernel_open_root(kernel, host_root);
        HelperHost host = {
                        .kernel = kernel,
                        .state_folder = state_folder,
                        .sockets = {[HELPER_WORKER] = worker_socket,
                                        [HELPER_CENSUS] = census_socket,
                                        [HELPER_REAPER] = reaper_socket},
                        .rule_folders = rule_folders,
                        .early_rules = early,
                        .boot_rules = boot,
                        .idle_us = HELPERS_IDLE_US,
        };
        if ((r = helpers_start(&host)) < 0)
                return log_error_errno(r, "Cannot start the helpers");
        worker = helpers_worker_port(&host);

        (void)sigemptyset(&signals);
        (void)sigaddset(&signals, SIGTERM);
        (void)sigaddset(&signals, SIGINT);
        (void)sigaddset(&signals, SIGHUP);
        (void)sigaddset(&signals, SIGCHLD);
        (void)sigprocmask(SIG_BLOCK, &signals, NULL);
        if ((r = sd_event_default(&event)) < 0 || (r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL)) < 0 ||
                        (r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL)) < 0 ||
                        (r = uevent_source_new_fake(control_socket, &uevents)) < 0 || (r = service_connect(&bus)) < 0 ||
                        (r = sd_bus_set_exit_on_disconnect(bus, true)) < 0) {
                kernel_free(kernel);
                return log_error_errno(r, "Cannot start the simulation");
        }
        int root_fd = open_root_socket(state_folder);
        if (root_fd < 0)
                return log_error_errno(root_fd, "Cannot make root's socket");
        int lease_fd = open_lease_socket(lease_socket);
        if (lease_fd < 0)
                return log_error_errno(lease_fd, "Cannot make the socket of leases");
        const char *deadline_ms = getenv("VFIOD_SIM_BUS_DEADLINE_MS");
        const char *polkit_ms = getenv("VFIOD_SIM_POLKIT_DEADLINE_MS"), *idle_ms = getenv("VFIOD_SIM_IDLE_MS");
        if (deadline_ms)
                (void)setsockopt(sd_bus_get_fd(bus), SOL_SOCKET, SO_SNDBUF, &(int){64 * 1024}, sizeof(int));
        ManagerParts parts = {
                        .bus = bus,
                        .kernel = kernel,
                        .uevents = TAKE_PTR(uevents),
                        .worker = &worker,
                        .census = census_socket,
                        .state_folder = state_folder,
                        .job_limits = limits,
                        .rule_folders = rule_folders,
                        .early_rules = early,
                        .boot_rules = boot,
                        .network_online = getenv("VFIOD_SIM_NETWORK") ? online : NULL,
                        .udev_database = database,
                        .bus_deadline_us =
                                        deadline_ms ? strtoull(deadline_ms, NULL, 10) * 1000 : SYSTEM_BUS_DEADLINE_US,
                        .links_start_us = LINKS_START_US,
                        .polkit_deadline_us = polkit_ms ? strtoull(polkit_ms, NULL, 10) * 1000 : 0,
                        .idle_us = idle_ms ? strtoull(idle_ms, NULL, 10) * 1000 : 0,
                        .root_fd = root_fd,
                        .lease_limits = &lease_limits,
                        .revert_limits = &revert_limits,
                        .lease_socket = lease_socket,
                        .lease_fd = lease_fd,
        };
        if ((r = manager_new(event, &parts, &manager)) < 0 ||
                        (r = sd_event_add_signal(event, NULL, SIGHUP, on_hangup, manager)) < 0)
                return r;
        printf("ready\n");
        if (fflush(stdout) != 0)
                return -errno;
        if (getenv("VFIOD_SIM_NETWORK") && (r = manager_when_settled(manager, SETTLED_PATIENCE_US, tell_settled)) < 0)
                return r;
        return sd_event_loop(event);
}

int main(int argc, char **argv) {
        JobLimits limits = job_limits_default;

        /* The processes that hold nodes are real processes, so they are in the real /proc. */
        const char *proc = argc == 8 ? argv[7] : "/proc";

        if (argc >= 6 && argc <= 8) {
                limits.step_deadline_us = strtoull(argv[4], NULL, 10) * 1000;
                limits.names_deadline_us = strtoull(argv[5], NULL, 10) * 1000;
                if (argc >= 7)
                        limits.held_deadline_us = strtoull(argv[6], NULL, 10) * 1000;
        } else if (argc != 4) {
                fprintf(stderr,
                                "Usage: vfiod-sim ROOT CONTROL-SOCKET STATE-FOLDER [STEP-DEADLINE-MS "
                                "NAMES-DEADLINE-MS [HELD-DEADLINE-MS [PROC]]]\n");
                return 2;
        }
        const char *log_socket = getenv("VFIOD_SIM_LOG");
        int r = log_socket ? log_open_at(log_socket) : 0;
        if (r < 0) {
                log_error_errno(r, "Cannot reach %s", log_socket);
                return EXIT_FAILURE;
        }
        return run(argv[1], argv[2], argv[3], proc, &limits) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
