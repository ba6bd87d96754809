/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "front.h"
#include "helpers.h"
#include "policy/rule.h"
#include "state/device-file.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* A program that took over vfiod sends what it wants to the real worker: the worker refuses it, or does only what
 * docs/SECURITY.md says. */

#define CONNECTIONS 1000

/* As in helper-main.c. */
#define CHILDREN_MAX 256

/* Plans. */

#define MEMBER(address_) \
        { .address = (address_), .group = PORTS_GROUP, .parent = PLAN_NO_PARENT, .driver = "e1000" }
#define BOTH \
        { MEMBER(PORT1), MEMBER(PORT2) }

static void check_nothing(Front *front) {
        assert_nothing_recorded(front->host);
        g_assert_cmpuint(count_writes(front->host), ==, 0);
        assert_driver(front->host, PORT1, "e1000");
        assert_driver(front->host, PORT2, "e1000");
}

/* Not understood: nothing is read or written. */
static void test_malformed(void) {
        static const RawPlan plans[] = {
                        {.group = PORTS_GROUP},
                        {.verb = "format", .group = PORTS_GROUP, .members = BOTH},
                        {.verb = "", .group = PORTS_GROUP, .members = BOTH},
                        {.selected = "../../etc", .group = PORTS_GROUP, .members = BOTH},
                        {.selected = PORT1 "/..", .group = PORTS_GROUP, .members = BOTH},
                        {.group = -2, .members = BOTH},
                        {.group = PORTS_GROUP, .vf_count = 65536, .members = BOTH},
                        {.group = PORTS_GROUP, .vf_fate = 3, .members = BOTH},
                        {.group = PORTS_GROUP, .members = {MEMBER("../../../../etc")}},
                        {.group = PORTS_GROUP, .members = {MEMBER("")}},
                        {.group = PORTS_GROUP, .members = {{PORT1, PORTS_GROUP, 1, "e1000"}}},
                        {.group = PORTS_GROUP, .members = {{PORT1, PORTS_GROUP, 0, "e1000"}}},
                        {.group = PORTS_GROUP, .members = {{PORT1, PORTS_GROUP, INT32_MAX, "e1000"}}},
                        {.group = PORTS_GROUP, .members = {{PORT1, -2, -1, "e1000"}}},
                        {.group = PORTS_GROUP, .members = {{PORT1, PORTS_GROUP, -1, "e1000", .created = true}}},
                        {.group = PORTS_GROUP, .members = {{PORT1, PORTS_GROUP, -1, "e1000", "e1000e"}}},
                        {.group = PORTS_GROUP, .members = {{PORT1, PORTS_GROUP, -1, "e1000", "../vfio-pci"}}},
                        {.group = PORTS_GROUP, .members = BOTH, .guard = "everything", .where = PORT1},
                        {.group = PORTS_GROUP, .members = BOTH, .guard = "storage", .where = "x"},
                        {.group = PORTS_GROUP, .members = BOTH, .forget = true},
                        {.verb = "reattach", .group = PORTS_GROUP, .members = BOTH, .forget = true},
                        {.verb = "set-virtual-functions", .group = PORTS_GROUP, .vf_count = 3, .members = BOTH},
                        {.verb = "reset", .group = PORTS_GROUP, .members = BOTH},
                        {.verb = "reset", .group = PORTS_GROUP, .members = {MEMBER(PORT1)}},
                        /* Each is the parent of the other. */
                        {.group = PORTS_GROUP,
                                        .members = {{PORT1, PORTS_GROUP, 1, "e1000"},
                                                        {PORT2, PORTS_GROUP, 0, "e1000"}}},
        };
        _cleanup_front_ Front *front = front_new();
        g_autofree char *long_driver = g_strnfill(DRIVER_NAME_MAX, 'x');
        RawPlan plan = {.group = PORTS_GROUP, .members = BOTH};

        fake_kernel_do(front->host->fake, "reset-writes");
        for (size_t i = 0; i < G_N_ELEMENTS(plans); i++) {
                int r = front_run(front, &plans[i]);

                if (r != -EBADMSG)
                        g_error("plan %zu: %d", i, r);
                check_nothing(front);
        }
        plan.members[0].driver = long_driver;
        g_assert_cmpint(front_run(front, &plan), ==, -EBADMSG);
        check_nothing(front);
}

/* Understood, but not true of the host: refused before the first write. */
static void test_untrue(void) {
        static const struct {
                RawPlan plan;
                Outcome outcome;
        } cases[] = {
                        /* no device, a bridge, another card, another group */
                        {{.group = PORTS_GROUP, .members = {MEMBER("0000:7f:00.0")}}, OUTCOME_NO_SUCH_DEVICE},
                        {{.group = PORTS_GROUP, .members = {MEMBER("0000:02:00.0")}}, OUTCOME_IDENTITY_CHANGED},
                        {{.group = 12, .members = {MEMBER(OTHER_NIC)}}, OUTCOME_IDENTITY_CHANGED},
                        {{.group = 11, .members = {{PORT1, 11, -1, "e1000"}, {PORT2, 11, -1, "e1000"}}},
                                        OUTCOME_IDENTITY_CHANGED},
                        /* without a state file */
                        {{.verb = "reattach",
                                         .group = PORTS_GROUP,
                                         .members = {{PORT1, PORTS_GROUP, -1, "e1000", .recorded = true}}},
                                        OUTCOME_NOT_DETACHED},
                        {{.verb = "reset",
                                         .group = PORTS_GROUP,
                                         .members = {{PORT1, PORTS_GROUP, -1, "vfio-pci", .recorded = true}}},
                                        OUTCOME_NOT_DETACHED},
                        /* A network card is no virtual function of another one. */
                        {{.group = PORTS_GROUP, .members = {MEMBER(PORT1), {PORT2, PORTS_GROUP, 0, "e1000"}}},
                                        OUTCOME_IDENTITY_CHANGED},
                        {{.group = PORTS_GROUP,
                                         .members = {MEMBER(PORT1), {PORT2, PORTS_GROUP, 2, "e1000"},
                                                         {PORT2, PORTS_GROUP, 1, "e1000"}}},
                                        OUTCOME_IDENTITY_CHANGED},
        };
        _cleanup_front_ Front *front = front_new();

        fake_kernel_do(front->host->fake, "modprobe vfio-pci");
        fake_kernel_do(front->host->fake, "reset-writes");
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                int r = front_run(front, &cases[i].plan);

                if (r != (int)cases[i].outcome)
                        g_error("plan %zu: %d", i, r);
                check_nothing(front);
        }
}

/* What such a front can do: detach devices that vfiod would not detach so, because it overrides the guards and asks nobody.
 * They come back. */
static void check_allowed(const RawPlan *plan, bool with_second) {
        _cleanup_front_ Front *front = front_new();

        fake_kernel_do(front->host->fake, "modprobe vfio-pci");
        g_autofree char *before = fake_kernel_snapshot(front->host->fake);
        g_assert_cmpint(front_run(front, plan), ==, 0);
        host_read(front->host);
        g_assert_cmpuint(count_transactions(front->host), ==, 0);
        assert_state(front->host, PORT1, DEVICE_DETACHED);
        assert_state(front->host, PORT2, with_second ? DEVICE_DETACHED : DEVICE_HOST);
        host_must_move(front->host, PLAN_REATTACH, "ens1");
        assert_snapshot(front->host, before);
        assert_nothing_recorded(front->host);
}

static void test_allowed(void) {
        RawPlan part = {.group = PORTS_GROUP, .members = {MEMBER(PORT1)}},
                twice = {.group = PORTS_GROUP, .members = {MEMBER(PORT1), MEMBER(PORT2), MEMBER(PORT1)}};

        check_allowed(&part, false);
        check_allowed(&twice, true);
}

#define RESET_MEMBER \
        { PORT1, PORTS_GROUP, -1, "vfio-pci", .recorded = true }

static void expect_no_reset(Front *front, const RawPlan *plan, int expected) {
        fake_kernel_do(front->host->fake, "reset-writes");
        int r = front_run(front, plan);
        if (r != expected)
                g_error("the reset ends with %d", r);
        g_assert_cmpuint(count_writes(front->host), ==, 0);
        g_assert_cmpuint(count_transactions(front->host), ==, 0);
}

static void write_device_file(Front *front, bool away) {
        const Device *device = inventory_find_device(front->host->inventory, address_of(PORT1));
        DeviceOrigin origin = {.ids = device->ids};

        g_assert_cmpint(device_file_write(front->host->state->devices_fd, device->address, away, &origin), ==, 0);
}

/* Only one device is reset, which is detached, and which no virtual machine has. */
static void test_reset(void) {
        RawPlan reset = {.verb = "reset", .group = PORTS_GROUP, .members = {RESET_MEMBER}}, forced = reset,
                twice = {.verb = "reset", .group = PORTS_GROUP, .members = {RESET_MEMBER, RESET_MEMBER}};
        _cleanup_front_ Front *front = front_new_with("reset");

        host_read(front->host);
        /* There is a file, but the device is with the host. */
        write_device_file(front, true);
        expect_no_reset(front, &reset, OUTCOME_NOT_DETACHED);
        g_assert_cmpint(device_file_remove(front->host->state->devices_fd, address_of(PORT1)), ==, 0);
        host_must_move(front->host, PLAN_DETACH, "ens1");
        g_autofree char *before = fake_kernel_snapshot(front->host->fake);
        forced.force = true;
        expect_no_reset(front, &forced, -EBADMSG);
        expect_no_reset(front, &twice, -EBADMSG);
        pid_t holder = host_fork_holder(front->host);
        expect_no_reset(front, &reset, OUTCOME_HELD);
        host_end_holder(holder);
        g_assert_cmpint(front_run(front, &reset), ==, 0);
        g_assert_cmpuint(count_writes(front->host), ==, 1);
        /* The file is that of a PF which vfiod has not detached. */
        write_device_file(front, false);
        expect_no_reset(front, &reset, OUTCOME_NOT_DETACHED);
        write_device_file(front, true);
        assert_snapshot(front->host, before);
        g_assert_cmpint(device_file_remove(front->host->state->devices_fd, address_of(PORT1)), ==, 0);
        g_assert_cmpint(device_file_remove(front->host->state->devices_fd, address_of(PORT2)), ==, 0);
}

/* Descriptors. */

static int run_with(Front *front, int control_fd, int alive_fd) {
        _cleanup_close_ int own_control_fd = front->their_control_fd, own_alive_fd = front->their_alive_fd;
        RawPlan plan = {.group = PORTS_GROUP, .members = BOTH};

        front->their_control_fd = control_fd;
        front->their_alive_fd = alive_fd;
        int r = front_run(front, &plan);
        front->their_control_fd = TAKE_FD(own_control_fd);
        front->their_alive_fd = TAKE_FD(own_alive_fd);
        return r;
}

static void test_descriptors(void) {
        _cleanup_front_ Front *front = front_new();
        _cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC),
                            folder_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int ends[2];

        fake_kernel_do(front->host->fake, "modprobe vfio-pci");
        g_autofree char *before = fake_kernel_snapshot(front->host->fake);
        /* A front that is gone, and descriptors of another kind. */
        g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
        close(ends[1]);
        fake_kernel_do(front->host->fake, "reset-writes");
        g_assert_cmpint(run_with(front, front->their_control_fd, ends[0]), ==, -EPIPE);
        close(ends[0]);
        g_assert_cmpint(run_with(front, front->their_control_fd, folder_fd), <, 0);
        check_nothing(front);
        g_assert_cmpint(run_with(front, null_fd, front->their_alive_fd), ==, 0);
        host_must_move(front->host, PLAN_REATTACH, "ens1");
        assert_snapshot(front->host, before);
        assert_nothing_recorded(front->host);
}

#define CANCELS 100

/* Many cancels are waiting: the worker reads one of them each time, and not until there are none. So a front that sends without an
 * end cannot keep the worker there. */
static void test_endless_cancel(void) {
        _cleanup_front_ Front *front = front_new();
        RawPlan plan = {.group = PORTS_GROUP, .members = BOTH};
        unsigned n_unread = 0;
        char byte;

        fake_kernel_do(front->host->fake, "modprobe vfio-pci");
        g_autofree char *before = fake_kernel_snapshot(front->host->fake);
        for (unsigned i = 0; i < CANCELS; i++)
                g_assert_cmpint(send(front->control_fd, "c", 1, MSG_NOSIGNAL | MSG_DONTWAIT), ==, 1);
        g_assert_cmpint(front_run(front, &plan), ==, OUTCOME_CANCELLED);
        while (recv(front->their_control_fd, &byte, 1, MSG_DONTWAIT) == 1)
                n_unread++;
        g_assert_cmpuint(n_unread, <, CANCELS);
        g_assert_cmpuint(n_unread, >=, CANCELS / 2);
        /* The worker does not accept more. */
        g_assert_cmpint(send(front->control_fd, "c", 1, MSG_NOSIGNAL | MSG_DONTWAIT), ==, -1);
        assert_snapshot(front->host, before);
        assert_nothing_recorded(front->host);
}

static int count_result(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        (void)error;
        *(unsigned *)userdata += !sd_bus_message_is_method_error(reply, NULL);
        return 1;
}

/* Only the first job of a connection runs. */
static void test_two_jobs(void) {
        RawPlan plans[] = {{.group = PORTS_GROUP, .members = BOTH},
                        {.verb = "reattach", .group = PORTS_GROUP, .members = BOTH}};
        _cleanup_front_ Front *front = front_new();
        unsigned n_results = 0;
        int r = 0;

        fake_kernel_do(front->host->fake, "modprobe vfio-pci");
        g_autofree char *before = fake_kernel_snapshot(front->host->fake);
        front_connect(front);
        for (unsigned i = 0; i < G_N_ELEMENTS(plans); i++) {
                sd_bus_message *call = front_make_run(front, i + 1);

                front_append_plan(call, &plans[i]);
                g_assert_cmpint(sd_bus_call_async(front->peer, NULL, call, count_result, &n_results, UINT64_MAX), >=,
                                0);
                sd_bus_message_unref(call);
        }
        while (r >= 0) {
                r = sd_bus_process(front->peer, NULL);
                if (r == 0)
                        r = sd_bus_wait(front->peer, UINT64_MAX);
        }
        g_assert_cmpuint(n_results, ==, 1);
        front_disconnect(front);
        g_assert_cmpuint(count_detached_devices(front->host), ==, 2);
        host_must_move(front->host, PLAN_REATTACH, "ens1");
        assert_snapshot(front->host, before);
        assert_nothing_recorded(front->host);
}

/* Files. */

static void test_forget(void) {
        _cleanup_front_ Front *front = front_new();
        g_autofree char *outside = g_strdup_printf("../../canary.conf");

        host_must_move(front->host, PLAN_DETACH, "ens1");
        g_assert_cmpuint(count_detached_devices(front->host), ==, 2);
        /* A device on vfio-pci keeps its file, and so it comes back. */
        g_assert_cmpint(front_ask(front, "Forget", "as", 2, PORT1, PORT2), ==, 0);
        g_assert_cmpuint(count_detached_devices(front->host), ==, 2);
        g_assert_cmpint(front_ask(front, "Forget", "as", 1, outside), <, 0);
        g_assert_cmpint(front_ask(front, "Forget", "as", 1, ""), <, 0);
        g_assert_cmpint(front_ask(front, "Forget", "as", 1, "0000:7f:00.0"), ==, 0);
        g_assert_cmpuint(count_detached_devices(front->host), ==, 2);
        host_must_move(front->host, PLAN_REATTACH, "ens1");
        assert_nothing_recorded(front->host);
}

static void test_forget_many(void) {
        _cleanup_front_ Front *front = front_new();
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        front_connect(front);
        sd_bus_message *call = front_make_call(front, "Forget");
        g_assert_cmpint(sd_bus_message_open_container(call, 'a', "s"), >=, 0);
        for (unsigned i = 0; i < 100001; i++)
                g_assert_cmpint(sd_bus_message_append_basic(call, 's', "0000:7f:00.0"), >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        g_assert_cmpint(front_send(front, call, &reply), ==, -E2BIG);
}

#define RULE "[Match]\nAddress=" PORT1 "\nVendor=8086\nDevice=100e\n"

static void test_rules(void) {
        _cleanup_front_ Front *front = front_new();
        g_autofree char *long_name = g_strnfill(RULE_NAME_MAX, 'x'), *long_text = g_strnfill(65 * 1024, '#'),
                        *link = g_build_filename(front->rules, "link.conf", NULL);
        const char *const names[] = {
                        "", "../canary", "a/b", "/etc/passwd", ".hidden", "..", "a b", "a\nb", "\xc3\xa9", long_name};

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                g_assert_cmpint(front_ask(front, "AddRule", "ssb", names[i], RULE, 0), <, 0);
                g_assert_cmpint(front_ask(front, "RemoveRule", "s", names[i]), <, 0);
                g_assert_false(g_file_test(front->rules, G_FILE_TEST_EXISTS));
        }
        /* What is no rule is not written. */
        g_assert_cmpint(front_ask(front, "AddRule", "ssb", "nic", "RUN+=\"/bin/sh\"\n", 0), <, 0);
        g_assert_cmpint(front_ask(front, "AddRule", "ssb", "nic", RULE "X=y\n", 0), <, 0);
        g_assert_cmpint(front_ask(front, "AddRule", "ssb", "nic", long_text, 0), <, 0);
        g_assert_cmpint(front_ask(front, "RemoveRule", "s", "canary"), <, 0);
        g_assert_false(g_file_test(front->rules, G_FILE_TEST_EXISTS));
        /* A link is not followed. */
        g_assert_cmpint(front_ask(front, "AddRule", "ssb", "nic", RULE, 0), ==, 0);
        g_assert_cmpint(symlink(front->canary, link), ==, 0);
        g_assert_cmpint(front_ask(front, "AddRule", "ssb", "link", RULE, 0), ==, -EEXIST);
        g_assert_cmpint(front_ask(front, "RemoveRule", "s", "link"), ==, 0);
        g_assert_cmpint(front_ask(front, "RemoveRule", "s", "nic"), ==, 0);
}

/* A device gets into the file of the next boot only if vfiod has detached it, and a rule is for it. */
static void test_boot_devices(void) {
        _cleanup_front_ Front *front = front_new();
        g_autofree char *text = NULL;

        g_assert_cmpint(front_ask(front, "AddRule", "ssb", "nic", RULE, 0), ==, 0);
        g_assert_cmpint(front_ask(front, "SetBootDevices", "a(ss)", 1, PORT1, "nic"), ==, 0);
        g_assert_cmpint(front_ask(front, "SetBootDevices", "a(ss)", 2, DISK, "nic", "0000:7f:00.0", "nic"), ==, 0);
        g_assert_false(g_file_test(front->boot, G_FILE_TEST_EXISTS));
        host_must_move(front->host, PLAN_DETACH, "ens1");
        g_assert_cmpint(front_ask(front, "SetBootDevices", "a(ss)", 2, PORT2, "nic", PORT1, "other"), ==, 0);
        g_assert_false(g_file_test(front->boot, G_FILE_TEST_EXISTS));
        g_assert_cmpint(front_ask(front, "SetBootDevices", "a(ss)", 1, PORT1, "../nic"), ==, -EBADMSG);
        g_assert_cmpint(front_ask(front, "SetBootDevices", "a(ss)", 1, "../x", "nic"), ==, -EBADMSG);
        g_assert_false(g_file_test(front->boot, G_FILE_TEST_EXISTS));
        g_assert_cmpint(front_ask(front, "SetBootDevices", "a(ss)", 1, PORT1, "nic"), ==, 0);
        g_assert_true(g_file_get_contents(front->boot, &text, NULL, NULL));
        g_assert_nonnull(strstr(text, PORT1));
        g_assert_null(strstr(text, PORT2));
        host_must_move(front->host, PLAN_REATTACH, "ens1");
        g_assert_cmpint(front_ask(front, "SetBootDevices", "a(ss)", 0), ==, 0);
        g_assert_false(g_file_test(front->boot, G_FILE_TEST_EXISTS));
        g_assert_cmpint(front_ask(front, "RemoveRule", "s", "nic"), ==, 0);
}

/* There are no other methods, and none with other arguments. */
static void test_methods(void) {
        static const char *const members[] = {"Exec", "Load", "Search", "WriteFile", "SetTransaction", "run"};
        _cleanup_front_ Front *front = front_new();

        for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
                g_assert_cmpint(front_ask(front, members[i], "s", "x"), <, 0);
        g_assert_cmpint(front_ask(front, "AddRule", "ss", "nic", RULE), <, 0);
        g_assert_cmpint(front_ask(front, "Run", "s", "x"), <, 0);
        g_assert_cmpint(front_ask(front, "SetEarlyRules", "s", "true"), <, 0);
        check_nothing(front);
}

/* Connections. */

static unsigned count_children(pid_t pid) {
        g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", (int)pid, (int)pid), *text = NULL;

        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_auto(GStrv) words = g_strsplit(g_strstrip(text), " ", -1);
        return *text ? g_strv_length(words) : 0;
}

static pid_t fork_listener(const HelperHost *host, int listen_fd) {
        pid_t pid = fork();

        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                _exit(helpers_run(host, HELPER_WORKER, listen_fd) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        }
        return pid;
}

/* Waits until the worker at the other end has answered. */
static void expect_served(int fd) {
        static const char hello[] = "\0AUTH EXTERNAL\r\nDATA\r\n";
        struct pollfd answer = {.fd = fd, .events = POLLIN};

        g_assert_cmpint(send(fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL), ==, sizeof(hello) - 1);
        g_assert_cmpint(poll(&answer, 1, FRONT_DEADLINE_US / 1000), ==, 1);
}

/* More connections than a worker serves: the others wait, and get their turn. */
static void test_connections(void) {
        _cleanup_front_ Front *front = front_new();
        g_autofree char *socket_path = g_build_filename(front->host->folder, "worker", NULL),
                        *census = g_build_filename(front->host->folder, "census", NULL);
        HelperHost host = {
                        .kernel = front->host->kernel,
                        .state_folder = front->host->state_folder,
                        .sockets = {[HELPER_WORKER] = socket_path, [HELPER_CENSUS] = census},
                        .rule_folders = front->folders,
                        .early_rules = front->early,
                        .boot_rules = front->boot,
                        .idle_us = 60 * G_USEC_PER_SEC,
        };
        int fds[CONNECTIONS];

        int listen_fd = helpers_listen(&host, HELPER_WORKER);
        g_assert_cmpint(listen_fd, >=, 0);
        pid_t listener = fork_listener(&host, listen_fd);
        for (unsigned i = 0; i < CONNECTIONS; i++) {
                fds[i] = peer_connect(socket_path);
                g_assert_cmpint(fds[i], >=, 0);
        }
        for (unsigned i = 0; i < CHILDREN_MAX; i++)
                expect_served(fds[i]);
        g_assert_cmpuint(count_children(listener), ==, CHILDREN_MAX);
        for (unsigned i = 0; i < CONNECTIONS - 1; i++)
                close(fds[i]);
        expect_served(fds[CONNECTIONS - 1]);
        g_assert_cmpuint(count_children(listener), <=, CHILDREN_MAX);
        close(fds[CONNECTIONS - 1]);
        g_assert_cmpint(kill(listener, SIGTERM), ==, 0);
        g_assert_cmpint(waitpid(listener, NULL, 0), ==, listener);
        close(listen_fd);
        (void)g_unlink(socket_path);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/front/malformed", test_malformed);
        g_test_add_func("/front/untrue", test_untrue);
        g_test_add_func("/front/allowed", test_allowed);
        g_test_add_func("/front/reset", test_reset);
        g_test_add_func("/front/descriptors", test_descriptors);
        g_test_add_func("/front/endless-cancel", test_endless_cancel);
        g_test_add_func("/front/two-jobs", test_two_jobs);
        g_test_add_func("/front/forget", test_forget);
        g_test_add_func("/front/forget-many", test_forget_many);
        g_test_add_func("/front/rules", test_rules);
        g_test_add_func("/front/boot-devices", test_boot_devices);
        g_test_add_func("/front/methods", test_methods);
        g_test_add_func("/front/connections", test_connections);
        return g_test_run();
}
