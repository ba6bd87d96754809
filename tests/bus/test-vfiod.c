/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake-kernel-client.h"
#include "private-bus.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

/* The installed program: in a mount namespace in which the fake kernel's folders replace the real folders, and in an
 * empty network namespace, because interfaces of the fake kernel may have the numbers of real interfaces. */

#define BUS_NAME "org.vfiod1"
#define NIC_PATH "/org/vfiod1/devices/_30000_3a05_3a00_2e0"

typedef struct Bed {
        FakeKernel *kernel;
        PrivateBus *bus;
        GDBusConnection *connection;
        char *folder, *socket_path;
        char *sys; /* of the fake kernel */
        int notify_fd;
} Bed;

static int notify_open(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpuint(strlen(path), <, sizeof(address.sun_path));
        strcpy(address.sun_path, path);
        g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        return fd;
}

static Bed *bed_new(const char *topology) {
        Bed *bed = g_new0(Bed, 1);
        g_autoptr(GError) error = NULL;

        bed->kernel = fake_kernel_start(topology);
        bed->sys = g_build_filename(fake_kernel_get_root(bed->kernel), "sys", NULL);
        bed->bus = private_bus_start(true);
        bed->connection = private_bus_connect();
        bed->folder = g_dir_make_tmp("vfiod-notify-XXXXXX", &error);
        g_assert_no_error(error);
        bed->socket_path = g_build_filename(bed->folder, "notify", NULL);
        bed->notify_fd = notify_open(bed->socket_path);
        return bed;
}

static void bed_free(Bed *bed) {
        (void)close(bed->notify_fd);
        (void)g_unlink(bed->socket_path);
        (void)g_rmdir(bed->folder);
        g_object_unref(bed->connection);
        private_bus_stop(bed->bus);
        fake_kernel_stop(bed->kernel);
        g_free(bed->folder);
        g_free(bed->socket_path);
        g_free(bed->sys);
        g_free(bed);
}

/* The node of the group of ens3, as in group.c of the fake kernel. The fake kernel has only a regular file, which the installed
 * program takes for a wrong node. */
#define NIC_NODE "/dev/vfio/12"
#define NIC_NODE_NUMBER makedev(243, 12)

/* Runs in the child: replaces the kernel's folders by those of the fake kernel, and hides the rules of udev. Nobody can open the node: it could be a device of
 * this machine. */
static void replace_kernel(void *userdata) {
        const Bed *bed = userdata;

        if (unshare(CLONE_NEWNET) < 0 || mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0 ||
                        mount("tmpfs", "/dev", "tmpfs", MS_NODEV, NULL) < 0 || mkdir("/dev/vfio", 0755) < 0 ||
                        (mount("tmpfs", "/etc/udev", "tmpfs", 0, NULL) < 0 && errno != ENOENT) ||
                        mknod(NIC_NODE, S_IFCHR | 0600, NIC_NODE_NUMBER) < 0 ||
                        mount(bed->sys, "/sys", NULL, MS_BIND, NULL) < 0)
                _exit(126);
}

/* Starts a helper as systemd does: with a socket that listens already. */
static void start_helper(const char *program, const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        pid_t parent = getpid();

        strcpy(address.sun_path, path);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0)
                _exit(127);
        if (fork() == 0) {
                char pid[16];

                (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
                if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || dup2(fd, 3) != 3 ||
                                setenv("LISTEN_PID", pid, true) < 0 || setenv("LISTEN_FDS", "1", true) < 0)
                        _exit(127);
                (void)execl(program, program, NULL);
                _exit(127);
        }
        (void)close(fd);
}

/* Runs in the child. */
static void prepare(void *userdata) {
        replace_kernel(userdata);
        if (mkdir("/run/vfiod", 0755) < 0)
                _exit(127);
        start_helper(VFIOD_WORKER, "/run/vfiod/worker");
        start_helper(VFIOD_CENSUS, "/run/vfiod/census");
}

static Process *start_vfiod(Bed *bed, const char *more_environment) {
        g_autofree char *notify = g_strdup_printf("NOTIFY_SOCKET=%s", bed->socket_path);
        const char *const argv[] = {VFIOD, NULL};
        const char *const environment[] = {notify, more_environment, NULL};

        return process_start(argv,
                        &(ProcessOptions){
                                        .environment = environment,
                                        .private_mounts = true,
                                        .setup = prepare,
                                        .userdata = bed,
                        });
}

/* The next message to the service manager. */
static char *next_notification(Bed *bed) {
        struct pollfd poll_fd = {.fd = bed->notify_fd, .events = POLLIN};
        char text[256];

        g_assert_cmpint(poll(&poll_fd, 1, DEADLINE_MS), ==, 1);
        ssize_t n = recv(bed->notify_fd, text, sizeof(text) - 1, 0);
        g_assert_cmpint(n, >, 0);
        text[n] = '\0';
        return g_strdup(text);
}

static void expect_notification(Bed *bed, const char *expected) {
        g_autofree char *text = next_notification(bed);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        if (!g_strv_contains((const char *const *)lines, expected))
                g_error("the message to the service manager is \"%s\" instead of %s", text, expected);
}

static char *call(Bed *bed, const char *destination, const char *path, const char *interface, const char *method,
                const char *arguments, GError **error) {
        g_autoptr(GVariant) parsed = arguments ? g_variant_ref_sink(g_variant_new_parsed(arguments)) : NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(bed->connection, destination, path, interface, method,
                        parsed, NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, DEADLINE_MS, NULL, error);

        return reply ? g_variant_print(reply, false) : NULL;
}

static void expect_call(Bed *bed, const char *path, const char *interface, const char *method, const char *arguments,
                const char *pattern) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = call(bed, BUS_NAME, path, interface, method, arguments, &error);

        g_assert_no_error(error);
        if (!g_pattern_match_simple(pattern, text))
                g_error("%s: %s is not like %s", method, text, pattern);
}

static bool name_is_owned(Bed *bed) {
        g_autofree char *text = call(bed, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                        "NameHasOwner", "('" BUS_NAME "',)", NULL);

        return g_strcmp0(text, "(true,)") == 0;
}

/* systemd passes root's socket as descriptor 3. */

typedef struct Passing {
        Bed *bed;
        int fd;
} Passing;

#define SPARE_FD 9

static void pass_socket(void *userdata) {
        const Passing *passing = userdata;

        if (dup2(passing->fd, SPARE_FD) < 0)
                _exit(126);
        replace_kernel(passing->bed);
}

static int listen_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        g_assert_cmpint(fd, >=, 0);
        (void)g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
        g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(listen(fd, 5), ==, 0);
        return fd;
}

static void test_root_socket(void) {
        Bed *bed = bed_new("story");
        g_autofree char *notify = g_strdup_printf("NOTIFY_SOCKET=%s", bed->socket_path);
        g_autofree char *path = g_build_filename(bed->folder, "root", NULL);
        g_autofree char *address = g_strdup_printf("--address=unix:path=%s", path);
        Passing passing = {.bed = bed, .fd = listen_at(path)};
        const char *const argv[] = {
                        "sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=root exec " VFIOD " 3<&9 9<&-", NULL};
        const char *const environment[] = {notify, NULL}, *const status[] = {VFIOCTL, address, "status", NULL};
        ProcessOptions options = {
                        .environment = environment,
                        .private_mounts = true,
                        .setup = pass_socket,
                        .userdata = &passing,
        };
        Process *vfiod = process_start(argv, &options);

        expect_notification(bed, "READY=1");
        g_auto(ProgramResult) result = program_run(status, NULL, NULL);
        g_assert_cmpstr(result.errors, ==, "");
        g_assert_cmpint(result.status, ==, 0);
        g_assert_nonnull(strstr(result.output, VFIOD_VERSION));
        process_stop(vfiod);
        (void)close(passing.fd);
        (void)g_unlink(path);
        bed_free(bed);
}

/* READY is only sent when the daemon owns its name and knows all devices. */
static void check_life(int signal) {
        Bed *bed = bed_new("story");
        Process *vfiod = start_vfiod(bed, NULL);

        expect_notification(bed, "READY=1");
        g_assert_true(name_is_owned(bed));
        expect_call(bed, "/org/vfiod1", BUS_NAME ".Manager", "ListGroups", NULL, "([(0, *'10000:01:00.0'*],)");
        expect_call(bed, "/org/vfiod1", BUS_NAME ".Manager", "GetDevice", "('ens3',)", "('" NIC_PATH "',)");

        (void)kill(process_get_pid(vfiod), signal);
        expect_notification(bed, "STOPPING=1");
        g_assert_cmpint(process_finish(vfiod), ==, 0);
        private_bus_await_no_owner(bed->connection, BUS_NAME);
        bed_free(bed);
}

static void test_sigterm(void) {
        check_life(SIGTERM);
}

static void test_sigint(void) {
        check_life(SIGINT);
}

/* The installed program uses the real paths, and has its state file in /run/vfiod. */
static void test_detach(void) {
        Bed *bed = bed_new("story");
        Process *vfiod = start_vfiod(bed, NULL);

        fake_kernel_do(bed->kernel, "modprobe vfio-pci"); /* otherwise it would load the module of the real kernel */
        expect_notification(bed, "READY=1");
        expect_call(bed, "/org/vfiod1", BUS_NAME ".Manager", "Detach", "('ens3', @a{sv} {})",
                        "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        expect_call(bed, NIC_PATH, "org.freedesktop.DBus.Properties", "Get", "('org.vfiod1.Device', 'State')",
                        "(<'detached'>,)");

        g_autofree char *run = g_strdup_printf("/proc/%d/root/run/vfiod", (int)process_get_pid(vfiod));
        g_autoptr(GDir) folder = g_dir_open(run, 0, NULL);
        g_assert_nonnull(folder);
        g_assert_nonnull(g_dir_read_name(folder));
        process_stop(vfiod);
        bed_free(bed);
}

static void test_watchdog(void) {
        Bed *bed = bed_new("single");
        Process *vfiod = start_vfiod(bed, "WATCHDOG_USEC=2000000");

        expect_notification(bed, "WATCHDOG=1"); /* before the first scan, which may take long */
        expect_notification(bed, "READY=1");
        for (unsigned i = 0; i < 3; i++)
                expect_notification(bed, "WATCHDOG=1");
        (void)kill(process_get_pid(vfiod), SIGTERM);
        g_assert_cmpint(process_finish(vfiod), ==, 0);
        bed_free(bed);
}

/* If the name is taken, the daemon ends and says so only in its log. */
static void test_name_taken(void) {
        Bed *bed = bed_new("single");
        g_autofree char *reply = call(bed, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                        "RequestName", "('" BUS_NAME "', uint32 0)", NULL);

        g_assert_cmpstr(reply, ==, "(1,)");
        g_assert_cmpint(process_finish(start_vfiod(bed, NULL)), ==, 1);
        struct pollfd poll_fd = {.fd = bed->notify_fd, .events = POLLIN};
        g_assert_cmpint(poll(&poll_fd, 1, 0), ==, 0);
        bed_free(bed);
}

static void test_no_bus(void) {
        Bed *bed = bed_new("single");

        g_autofree char *address = g_strdup(g_getenv("DBUS_SYSTEM_BUS_ADDRESS"));
        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        g_assert_cmpint(process_finish(start_vfiod(bed, NULL)), ==, 1);
        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", address, true);
        bed_free(bed);
}

/* If the bus ends, the daemon ends too. */
static void test_bus_ends(void) {
        Bed *bed = bed_new("single");
        Process *vfiod = start_vfiod(bed, NULL);

        expect_notification(bed, "READY=1");
        bed->bus = private_bus_stop(bed->bus);
        g_assert_cmpint(process_finish(vfiod), !=, 0);
        bed_free(bed);
}

static void expect_program(const char *argument, int status, const char *output, const char *errors) {
        const char *const argv[] = {VFIOD, argument, NULL};
        g_auto(ProgramResult) result = program_run(argv, NULL, NULL);

        g_assert_cmpint(result.status, ==, status);
        if (!g_pattern_match_simple(output, result.output) || !g_pattern_match_simple(errors, result.errors))
                g_error("vfiod %s: \"%s\", \"%s\"", argument, result.output, result.errors);
}

/* None of these options connects to the bus or reads the kernel. */
static void test_arguments(void) {
        expect_program("--help", 0, "Usage: vfiod *", "");
        expect_program("-h", 0, "Usage: vfiod *", "");
        expect_program("--version", 0, "vfiod " VFIOD_VERSION "\n", "");
        expect_program("--frob", 2, "", "*Usage: vfiod *");
        expect_program("-x", 2, "", "*Usage: vfiod *");
        expect_program("frob", 2, "", "Usage: vfiod *");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfiod/sigterm", test_sigterm);
        g_test_add_func("/bus/vfiod/sigint", test_sigint);
        g_test_add_func("/bus/vfiod/root-socket", test_root_socket);
        g_test_add_func("/bus/vfiod/detach", test_detach);
        g_test_add_func("/bus/vfiod/watchdog", test_watchdog);
        g_test_add_func("/bus/vfiod/name-taken", test_name_taken);
        g_test_add_func("/bus/vfiod/no-bus", test_no_bus);
        g_test_add_func("/bus/vfiod/bus-ends", test_bus_ends);
        g_test_add_func("/bus/vfiod/arguments", test_arguments);
        return g_test_run();
}
