/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The daemon on the fake kernel: the same library with another main program. It prints "ready" when it answers calls
 * on the bus of $DBUS_SYSTEM_BUS_ADDRESS. */

#include "base/log.h"
#include "bus/publish.h"
#include "fake-uevents.h"
#include "manager.h"

#include <signal.h>
#include <sys/socket.h>

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

static int open_fake_kernel(const char *root, const char *control_socket, const char *proc, Kernel **ret) {
        char sys[512], dev[512];

        (void)snprintf(sys, sizeof(sys), "%s/sys", root);
        (void)snprintf(dev, sizeof(dev), "%s/dev", root);
        int r = kernel_new(sys, dev, proc, load_fake_module, (void *)control_socket, ret);
        if (r >= 0)
                (*ret)->has_own_network = (*ret)->has_own_nodes = true;
        return r;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        (void)source, (void)info;
        manager_rescan(userdata);
        return 0;
}

static int run(const char *root, const char *control_socket, const char *state_folder, const char *proc,
                const JobLimits *limits) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(manager_freep) Manager *manager = NULL;
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        _cleanup_(uevent_source_freep) UeventSource *uevents = NULL;
        Kernel *kernel;
        sigset_t signals;
        int r;

        (void)sigemptyset(&signals);
        (void)sigaddset(&signals, SIGTERM);
        (void)sigaddset(&signals, SIGINT);
        (void)sigaddset(&signals, SIGHUP);
        (void)sigaddset(&signals, SIGCHLD);
        (void)sigprocmask(SIG_BLOCK, &signals, NULL);
        if ((r = sd_event_default(&event)) < 0 || (r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL)) < 0 ||
                        (r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL)) < 0 ||
                        (r = uevent_source_new_fake(control_socket, &uevents)) < 0 || (r = service_connect(&bus)) < 0 ||
                        (r = sd_bus_set_exit_on_disconnect(bus, true)) < 0 ||
                        (r = open_fake_kernel(root, control_socket, proc, &kernel)) < 0)
                return log_error_errno(r, "Cannot start the simulation");
        _cleanup_free_ char *own = NULL, *temporary = NULL, *shipped = NULL, *early = NULL, *database = NULL;
        if (asprintf(&own, "%s.rules", state_folder) < 0 || asprintf(&temporary, "%s.rules.run", state_folder) < 0 ||
                        asprintf(&shipped, "%s.rules.lib", state_folder) < 0 ||
                        asprintf(&early, "%s.udev-rules", state_folder) < 0 ||
                        asprintf(&database, "%s.udev-data", state_folder) < 0)
                return -ENOMEM;
        const char *rule_folders[] = {own, temporary, shipped, NULL};
        ManagerParts parts = {
                        .bus = bus,
                        .kernel = kernel,
                        .uevents = TAKE_PTR(uevents),
                        .state_folder = state_folder,
                        .job_limits = limits,
                        .rule_folders = rule_folders,
                        .early_rules = early,
                        .udev_database = database,
        };
        if ((r = manager_new(event, &parts, &manager)) < 0 ||
                        (r = sd_event_add_signal(event, NULL, SIGHUP, on_hangup, manager)) < 0)
                return r;
        printf("ready\n");
        if (fflush(stdout) != 0)
                return -errno;
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
        return run(argv[1], argv[2], argv[3], proc, &limits) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
