/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/arguments.h"
#include "base/log.h"
#include "bus/publish.h"
#include "kernel/uevent-socket.h"
#include "manager.h"

#include <malloc.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#define STATE_FOLDER "/run/vfiod"
#define WORKER_SOCKET "/run/vfiod/worker"
#define CENSUS_SOCKET "/run/vfiod/census"
#define LEASE_SOCKET "/run/vfiod/lease"
#define EARLY_RULES "/run/udev/rules.d/05-vfiod.rules"
#define BOOT_RULES "/etc/udev/rules.d/10-vfiod.rules"
#define UDEV_DATABASE "/run/udev/data"
#define NETWORK_ONLINE "/run/vfiod/online"

/* How long the start of the service waits until the rules are applied. The units that systemd starts after vfiod wait, too. */
#define RULES_PATIENCE_US UINT64_C(30000000)

/* How long vfiod has had nothing to do before it ends. */
#define IDLE_US UINT64_C(15000000)

/* By precedence, the highest first. */
static const char *const rule_folders[] = {"/etc/vfiod/rules.d", "/run/vfiod/rules.d", "/usr/lib/vfiod/rules.d", NULL};

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        (void)source, (void)info;
        manager_rescan(userdata);
        return 0;
}

/* Blocks the signals: SIGTERM and SIGINT end the event loop, on_hangup() gets SIGHUP later, and sd-event needs
 * SIGCHLD for workers. */
static int block_signals(sd_event *event) {
        sigset_t signals;

        (void)sigemptyset(&signals);
        (void)sigaddset(&signals, SIGHUP);
        (void)sigaddset(&signals, SIGCHLD);
        return sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -errno : sd_event_set_signal_exit(event, true);
}

/* The descriptor store of systemd. */

static int keep_descriptor(void *userdata, const char *name, int fd) {
        char text[64];

        (void)userdata;
        /* Without FDPOLL=0: systemd drops a guard whose other end is closed. */
        (void)snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
        int r = sd_pid_notify_with_fds(0, false, text, &fd, 1);
        return r < 0 ? r : r == 0 ? -ENOTCONN : 0;
}

static void drop_descriptor(void *userdata, const char *name) {
        char text[64];

        (void)userdata;
        (void)snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
        (void)sd_notify(false, text);
}

/* The sockets that systemd passes, and the descriptors that it kept. Without systemd, the sockets are -EBADF. */
typedef struct Sockets {
        int uevents, root, leases;
        DescriptorStore store;
} Sockets;

static void add_stored(DescriptorStore *store, const char *name, int fd) {
        if (!store->stored || strlen(name) >= sizeof(store->stored->name)) {
                (void)close(fd);
                return;
        }
        StoredDescriptor *stored = &store->stored[store->n_stored++];
        stored->fd = fd;
        (void)snprintf(stored->name, sizeof(stored->name), "%s", name);
}

static void take_sockets(Sockets *ret) {
        char **names = NULL;

        int n = sd_listen_fds_with_names(true, &names);
        *ret = (Sockets){-EBADF, -EBADF, -EBADF, {.keep = keep_descriptor, .drop = drop_descriptor}};
        ret->store.stored = n > 0 ? calloc((size_t)n, sizeof(StoredDescriptor)) : NULL;
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;

                if (streq(names[i], "uevents"))
                        ret->uevents = fd;
                else if (streq(names[i], "root"))
                        ret->root = fd;
                else if (streq(names[i], "leases"))
                        ret->leases = fd;
                else
                        add_stored(&ret->store, names[i], fd);
                free(names[i]);
        }
        free(names);
}

static void close_stored(DescriptorStore *store) {
        for (size_t i = 0; i < store->n_stored; i++)
                (void)close(store->stored[i].fd);
        free(store->stored);
        store->stored = NULL;
        store->n_stored = 0;
}

/* Without the socket of systemd, and without its privilege, the buffer of the socket is small, and a storm of events costs
 * a rescan. */
static int open_uevents(int fd, UeventSource **ret) {
        return fd < 0 ? uevent_source_new_udev(ret) : uevent_source_new_socket(fd, ret);
}

static int connect_worker(void *userdata) {
        (void)userdata;
        return peer_connect(WORKER_SOCKET);
}

static int make_manager(
                sd_event *event, WorkerPort *worker, const Sockets *sockets, DescriptorStore *store, Manager **ret) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        _cleanup_(uevent_source_freep) UeventSource *uevents = NULL;
        Kernel *kernel;
        int r;

        /* This comes before the first scan, so that the events for changes during the scan are queued. */
        if ((r = open_uevents(sockets->uevents, &uevents)) < 0)
                return log_error_errno(r, "Cannot listen to the events of the kernel");
        if ((r = service_connect(&bus)) < 0)
                return log_error_errno(r, "Cannot connect to the system bus");
        if ((r = sd_bus_set_exit_on_disconnect(bus, true)) < 0)
                return log_error_errno(r, "Cannot watch the connection to the bus");
        if ((r = kernel_new("/sys", "/dev", "/proc", NULL, NULL, &kernel)) < 0 ||
                        (r = kernel_open_root(kernel, "/")) < 0)
                return log_error_errno(r, "Cannot open /sys/bus/pci, /dev and /proc");

        return manager_new(event,
                        &(ManagerParts){
                                        .bus = bus,
                                        .kernel = kernel,
                                        .uevents = TAKE_PTR(uevents),
                                        .worker = worker,
                                        .census = CENSUS_SOCKET,
                                        .state_folder = STATE_FOLDER,
                                        .job_limits = &job_limits_default,
                                        .rule_folders = rule_folders,
                                        .early_rules = EARLY_RULES,
                                        .boot_rules = BOOT_RULES,
                                        .network_online = NETWORK_ONLINE,
                                        .udev_database = UDEV_DATABASE,
                                        .bus_deadline_us = SYSTEM_BUS_DEADLINE_US,
                                        /* Only systemd starts it again. */
                                        .idle_us = sockets->uevents >= 0 ? IDLE_US : 0,
                                        .root_fd = sockets->root,
                                        .lease_limits = &lease_limits_default,
                                        .revert_limits = &revert_limits_default,
                                        .store = store,
                                        .lease_socket = LEASE_SOCKET,
                                        .lease_fd = sockets->leases,
                        },
                        ret);
}

static void tell_ready(void) {
        (void)sd_notify(false, "READY=1\nSTATUS=Ready");
}

static int run(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        Sockets sockets;
        _cleanup_(manager_freep) Manager *manager = NULL;
        WorkerPort worker = {.connect = connect_worker};
        int r;

        if ((r = sd_event_default(&event)) < 0 || (r = block_signals(event)) < 0 ||
                        (r = sd_event_set_watchdog(event, true)) < 0)
                return log_error_errno(r, "Cannot create the event loop");
        take_sockets(&sockets);
        r = make_manager(event, &worker, &sockets, &sockets.store, &manager);
        close_stored(&sockets.store);
        if (r < 0)
                return r;
        if ((r = sd_event_add_signal(event, NULL, SIGHUP, on_hangup, manager)) < 0)
                return log_error_errno(r, "Cannot create the event loop");

        if ((r = manager_when_settled(manager, RULES_PATIENCE_US, tell_ready)) < 0)
                return log_error_errno(r, "Cannot create the event loop");
        r = sd_event_loop(event);
        (void)sd_notify(false, "STOPPING=1");
        return r < 0 ? log_error_errno(r, "The event loop failed") : r;
}

/* malloc() maps blocks of this size, and free() returns them to the kernel. Without a fixed size, it would not do so any
 * more after the first large reply, and the heap would remain as large as the largest reply: 20 MB on a host with
 * 10,000 devices. */
#define MAPPED_BLOCK_SIZE (128 * 1024)

int main(int argc, char **argv) {
        (void)mallopt(M_MMAP_THRESHOLD, MAPPED_BLOCK_SIZE);
        log_open();
        int r = arguments_parse(argc, argv, "vfiod",
                        "Service for PCI passthrough, see vfiod(8). systemd (vfiod.service) or D-Bus starts it. "
                        "vfioctl(1) "
                        "controls it.");
        if (r > 0)
                return r - 1;
        return run() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
