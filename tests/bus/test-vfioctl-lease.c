/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "lease-socket.h"
#include "stub.h"
#include "terminal.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* vfioctl lease, with stubs of vfiod and of its socket for leases. */

#define TICKET "0123456789abcdef0123456789abcdef"
#define ERROR "!org.vfiod1.Error."

typedef struct Scene {
        Stub *stub;
        LeaseSocket *lease;
} Scene;

/* vfiod gives the lease, and its socket answers like this. */
static void scene_begin(Scene *scene, const char *answer, const int *descriptors) {
        scene->stub = stub_start();
        scene->lease = lease_socket_start(answer, descriptors);
        g_autofree char *grant = g_strdup_printf(
                        "(objectpath '/org/vfiod1/leases/3', '" TICKET "', {'number': <uint32 3>, 'group': <7>,"
                        " 'addresses': <['0000:02:01.0']>, 'nodes': <%s>, 'warnings': <['It is hot.']>,"
                        " 'socket': <'%s'>, 'New': <1>})",
                        descriptors ? "@as []" : "['/dev/vfio/7']", lease_socket_get_path(scene->lease));
        stub_answer(scene->stub, "Lease", grant);
        stub_answer(scene->stub, "GetFragment",
                        "('-device x', {'arguments': <['-device', 'vfio-pci,host=0000:02:01.0', '-device', "
                        "'vfio-pci,host=0000:02:01.0']>, 'New': <1>})");
        stub_answer(scene->stub, "GetGroup", "(objectpath '/org/vfiod1/groups/7',)");
        stub_answer(scene->stub, "GetAll " DEVICE,
                        "({'Address': <'0000:02:01.0'>, 'State': <'leased'>, 'Driver': <'vfio-pci'>, 'Endpoint': "
                        "<true>,"
                        " 'Node': <'/dev/vfio/7'>, 'GroupNumber': <7>, 'Group': <objectpath "
                        "'/org/vfiod1/groups/7'>},)");
        stub_answer(scene->stub, "GetAll " GROUP,
                        "({'Number': <7>, 'State': <'leased'>, 'Viable': <true>, 'Node': <'/dev/vfio/7'>,"
                        " 'Devices': <[objectpath '/org/vfiod1/devices/a', '/org/vfiod1/devices/b']>},)");
}

static void scene_end(Scene *scene) {
        lease_socket_stop(scene->lease);
        stub_stop(scene->stub);
}

static void expect_ticket(Scene *scene) {
        g_autofree char *ticket = lease_socket_expect_ticket(scene->lease);

        g_assert_cmpstr(ticket, ==, TICKET);
}

static void expect_arguments(Scene *scene, const char *expected) {
        g_autofree char *arguments = stub_get_arguments(scene->stub, "Lease");

        g_assert_cmpstr(arguments, ==, expected);
}

/* The command runs in the place of vfioctl, with its exit status, and knows its lease. */
static void test_command(void) {
        Scene scene;

        scene_begin(&scene, "ok", NULL);
        g_auto(ProgramResult) result =
                        vfioctl("lease enp2s1 -- sh -c "
                                "'echo $VFIOD_LEASE,$VFIOD_NODES,$VFIOD_DESCRIPTORS,$0,$1; exit 42' a --json");
        g_assert_cmpint(result.status, ==, 42);
        g_assert_cmpstr(result.output, ==, "3,/dev/vfio/7,,a,--json\n");
        g_assert_cmpstr(result.errors, ==, "vfioctl: warning: It is hot.\n");
        expect_ticket(&scene);
        expect_arguments(&scene, "('enp2s1', {})");
        lease_socket_expect_end(scene.lease);

        g_auto(ProgramResult) quiet = vfioctl("--quiet lease enp2s1 --group --override=no-reset,unsafe-interrupts "
                                              "--driver=x_vfio -- true");
        expect_result(&quiet, 0, "", "--quiet lease");
        expect_arguments(&scene,
                        "('enp2s1', {'companions': <['*']>, 'override': <['no-reset', 'unsafe-interrupts']>, 'driver': "
                        "<'x_vfio'>})");
        g_auto(ProgramResult) companion = vfioctl("--quiet lease enp2s1 --companion=enp2s2 -- true");
        expect_result(&companion, 0, "", "lease --companion");
        expect_arguments(&scene, "('enp2s1', {'companions': <['enp2s2']>})");
        scene_end(&scene);
}

/* The lease lives as long as a process has the connection open, which the command and its children inherit. */
static void test_guard(void) {
        g_auto(GStrv) argv = vfioctl_argv("--quiet lease enp2s1 -- sh -c "
                                          "'sleep infinity >&- & echo $!; exec sleep infinity >&-'");
        Scene scene;

        scene_begin(&scene, "ok", NULL);
        Process *command = process_start((const char *const *)argv, NULL);
        g_autofree char *child = process_read_line(command);
        expect_ticket(&scene);
        g_assert_true(lease_socket_is_open(scene.lease));
        (void)kill(process_get_pid(command), SIGKILL);
        g_assert_cmpint(process_finish(command), ==, 128 + SIGKILL);
        g_assert_true(lease_socket_is_open(scene.lease));
        g_assert_cmpint(kill((pid_t)g_ascii_strtoll(child, NULL, 10), SIGKILL), ==, 0);
        lease_socket_expect_end(scene.lease);
        scene_end(&scene);
}

/* The command inherits the connection and the first three descriptors, no others, and no changed signals. */
static void test_inherited(void) {
        Scene scene;

        scene_begin(&scene, "ok", NULL);
        g_auto(ProgramResult) files =
                        vfioctl("--quiet lease enp2s1 -- sh -c "
                                "'for fd in /proc/$$/fd/*; do case $(readlink $fd) in socket:*) echo socket;; "
                                "esac; done'");
        expect_result(&files, 0, "", "lease");
        g_assert_cmpstr(files.output, ==, "socket\n");
        g_auto(ProgramResult) signals = vfioctl("--quiet lease enp2s1 -- grep -E 'Sig(Blk|Ign)' /proc/self/status");
        const char *const plain[] = {"grep", "-E", "Sig(Blk|Ign)", "/proc/self/status", NULL};
        g_auto(ProgramResult) expected = program_run(plain, NULL, NULL);
        g_assert_cmpstr(signals.output, ==, expected.output);
        scene_end(&scene);
}

/* "@qemu@" becomes the arguments of all endpoints. */
static void test_qemu(void) {
        Scene scene;

        scene_begin(&scene, "ok", NULL);
        g_auto(ProgramResult) result = vfioctl("--quiet lease enp2s1 -- echo qemu -x @qemu@ -y");
        expect_result(&result, 0, "", "lease");
        g_assert_cmpstr(result.output, ==,
                        "qemu -x -device vfio-pci,host=0000:02:01.0 -device vfio-pci,host=0000:02:01.0 -y\n");
        g_autofree char *arguments = stub_get_arguments(scene.stub, "GetFragment");
        g_assert_cmpstr(arguments, ==, "('group:7', 'qemu', {})");

        EXPECT(2, "vfioctl: @qemu@ must be an argument of its own, because it becomes several arguments\n",
                        "lease enp2s1 -- sh -c 'qemu @qemu@'");
        g_assert_cmpuint(stub_count_calls(scene.stub, "Lease"), ==, 1);
        stub_answer(scene.stub, "GetFragment", ERROR "NoSuchGroup It is gone.");
        EXPECT(3, "vfioctl: It is gone.\n", "--quiet lease enp2s1 -- echo @qemu@");
        lease_socket_expect_end(scene.lease);
        scene_end(&scene);
}

/* The descriptors are open in the command under the numbers that it gets. */
static void test_descriptors(void) {
        static const char script[] = "--quiet lease enp2s1 --descriptors -- sh -c "
                                     "'echo \"$VFIOD_NODES|$VFIOD_DESCRIPTORS\"; echo \"$*\"; "
                                     "for word; do case $word in *fd=*) readlink /proc/$$/fd/${word##*=};; esac; done' "
                                     "sh @qemu@";
        int files[] = {open("/dev/null", O_RDWR | O_CLOEXEC), open("/dev/zero", O_RDWR | O_CLOEXEC), -1};
        Scene scene;

        scene_begin(&scene, "/dev/iommu\n/dev/vfio/devices/vfio3", files);
        g_auto(ProgramResult) result = vfioctl(script);
        expect_result(&result, 0, "", "lease --descriptors");
        if (!g_pattern_match_simple("|/dev/iommu=? /dev/vfio/devices/vfio3=?\n"
                                    "-object iommufd,id=iommufd0,fd=? -device vfio-pci,iommufd=iommufd0,fd=?\n"
                                    "/dev/null\n/dev/zero\n",
                            result.output))
                g_error("%s", result.output);
        expect_arguments(&scene, "('enp2s1', {'descriptors': <true>})");
        lease_socket_expect_end(scene.lease);
        scene_end(&scene);

        scene_begin(&scene, "/dev/vfio/devices/vfio3", (int[]){files[1], -1});
        EXPECT(1, "vfioctl: vfiod did not send a descriptor of /dev/iommu.\n",
                        "--quiet lease enp2s1 --descriptors -- true @qemu@");
        scene_end(&scene);
        (void)close(files[0]);
        (void)close(files[1]);
}

/* vfiod's socket does not give the lease: the command does not run. */
static void test_refused_ticket(void) {
        static const char tail[] = "The lease ends by itself: see 'vfioctl leases'.\n";
        static const struct {
                const char *answer, *errors;
        } cases[] = {
                        {"error: no such ticket", "vfioctl: vfiod refuses the ticket of lease 3: no such ticket\n%s"},
                        {"hello",
                                        "vfioctl: cannot understand the answer of vfiod on /*/lease; compare their "
                                        "versions.\n%s"},
        };
        Scene scene;

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *errors = g_strdup_printf(cases[i].errors, tail);

                scene_begin(&scene, cases[i].answer, NULL);
                EXPECT(1, errors, "--quiet lease enp2s1 -- echo ran");
                lease_socket_expect_end(scene.lease);
                scene_end(&scene);
        }
        scene_begin(&scene, "ok", NULL);
        scene.lease = lease_socket_stop(scene.lease);
        g_autofree char *errors =
                        g_strdup_printf("vfioctl: cannot connect to /*/lease: No such file or directory\n%s", tail);
        EXPECT(1, errors, "--quiet lease enp2s1 -- echo ran");
        stub_stop(scene.stub);
}

static void test_errors(void) {
        static const struct {
                const char *name, *message;
                int status;
        } cases[] = {
                        {"org.vfiod1.Error.Leased", "User bob has lease 2 of 0000:02:01.0.", 5},
                        {"org.vfiod1.Error.UnsafeInterrupts", "The kernel allows unsafe interrupts.", 5},
                        {"org.vfiod1.Error.NoReset", "0000:02:01.0 cannot be reset.", 5},
                        {"org.vfiod1.Error.LimitsExceeded", "There are 64 leases.", 5},
                        {"org.vfiod1.Error.NoIommu", "There is no IOMMU.", 5},
                        {"org.vfiod1.Error.GroupNeedsConsent", "0000:02:02.0 is in the group, too.", 5},
                        {"org.vfiod1.Error.NoSuchDevice", "No device is named enp2s1.", 3},
                        {"org.freedesktop.DBus.Error.AccessDenied", "You may not.", 4},
                        {"org.freedesktop.DBus.Error.InvalidArgs", "There is no process 9.", 2},
                        {"org.vfiod1.Error.Stuck", "The kernel did not return.", 6},
        };
        Scene scene;

        scene_begin(&scene, "ok", NULL);
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *answer = g_strdup_printf("!%s %s", cases[i].name, cases[i].message);
                g_autofree char *errors = g_strdup_printf("vfioctl: %s\n%s", cases[i].message,
                                cases[i].status == 6 ? "See 'vfioctl jobs'.\n" : "");

                stub_answer(scene.stub, "Lease", answer);
                EXPECT(cases[i].status, errors, "lease enp2s1 -- echo ran");
                EXPECT(cases[i].status, errors, "lease enp2s1 --pid=9");
        }
        stub_answer(scene.stub, "Lease", "(objectpath '/a', 'x')");
        EXPECT(1, "vfioctl: Cannot understand the answer of vfiod; compare their versions.\n",
                        "lease enp2s1 -- echo ran");
        /* an older vfiod */
        stub_answer(scene.stub, "Lease", "!org.freedesktop.DBus.Error.UnknownMethod Unknown method Lease.");
        EXPECT(1, "vfioctl: Unknown method Lease.\n", "lease enp2s1 -- echo ran");
        scene_end(&scene);
}

/* A command that cannot run is found before anything is changed. */
static void test_no_command(void) {
        Scene scene;

        scene_begin(&scene, "ok", NULL);
        EXPECT(1, "vfioctl: cannot run 'nowhere-to-be-found': No such file or directory\n",
                        "lease enp2s1 -- nowhere-to-be-found");
        EXPECT(1, "vfioctl: cannot run '/etc/passwd': Permission denied\n", "lease enp2s1 -- /etc/passwd");
        EXPECT(1, "vfioctl: cannot run '/tmp': Permission denied\n", "lease enp2s1 -- /tmp");
        g_assert_cmpuint(stub_count_calls(scene.stub, "Lease"), ==, 0);
        /* It turns out late: the lease ends. */
        g_autofree char *folder = g_dir_make_tmp("vfiod-command-XXXXXX", NULL);
        g_autofree char *script = g_build_filename(folder, "script", NULL);
        g_assert_true(g_file_set_contents(script, "#!/nowhere/to/be/found\n", -1, NULL));
        g_assert_cmpint(g_chmod(script, 0755), ==, 0);
        EXPECT(1, "vfioctl: cannot run '/*/script': No such file or directory\n", "--quiet lease enp2s1 -- %s", script);
        lease_socket_expect_end(scene.lease);
        (void)g_unlink(script);
        (void)g_rmdir(folder);
        scene_end(&scene);
}

static void test_usage(void) {
        static const struct {
                const char *words, *errors;
        } cases[] = {
                        {"lease", "'lease' needs a selector: *"},
                        {"lease enp2s1", "'lease' needs a command after '--', or --pid\n*"},
                        {"lease enp2s1 --", "'lease' needs a command after '--', or --pid\n*"},
                        {"lease enp2s1 true", "'lease' needs '--' before the command\n*"},
                        {"lease enp2s1 --pid=9 -- true", "'lease' takes a command or --pid, not both\n*"},
                        {"lease enp2s1 --pid=0", "--pid takes the id of a process\n*"},
                        {"lease enp2s1 --pid=-1", "--pid takes the id of a process\n*"},
                        {"lease enp2s1 --pid=9 --descriptors", "--pid and --descriptors cannot be used together: *"},
                        {"lease enp2s1 --pid=9 --memory=1G", "--memory and --force-memlock need a command\n*"},
                        {"lease enp2s1 --pid=9 --force-memlock", "--memory and --force-memlock need a command\n*"},
                        {"lease enp2s1 --memory=lots -- true", "--memory takes a size, for example 512M or 4G\n*"},
                        {"lease enp2s1 --memory=0 -- true", "--memory takes a size, for example 512M or 4G\n*"},
                        {"lease enp2s1 --force -- true", "'lease' does not take --force\n*"},
                        {"detach enp2s1 --descriptors", "'detach' does not take --descriptors\n*"},
                        {"release", "'release' needs the number of a lease, or a selector: see 'vfioctl leases'\n*"},
                        {"release 3 4", "too many arguments: '4'\n*"},
                        {"release 3 --group", "'release' does not take --group\n*"},
                        {"leases 3", "too many arguments: '3'\n*"},
        };
        Stub *stub = stub_start();

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *errors = g_strdup_printf("vfioctl: %s", cases[i].errors);

                EXPECT(2, errors, "%s", cases[i].words);
        }
        stub_stop(stub);
}

/* Runs vfioctl with this limit of locked memory, which CAP_IPC_LOCK does not lift. */
static ProgramResult limited(const char *limit, const char *arguments) {
        g_autofree char *line = g_strdup_printf("prlimit --memlock=%s setpriv --bounding-set=-ipc_lock %s --quiet %s",
                        limit, VFIOCTL, arguments);
        g_auto(GStrv) argv = NULL;

        g_assert_true(g_shell_parse_argv(line, NULL, &argv, NULL));
        return program_run((const char *const *)argv, &(ProcessOptions){.environment = vfioctl_environment}, NULL);
}

/* The command would need more than it may get: nothing is changed. */
static void test_memlock_too_low(void) {
        static const struct {
                const char *arguments;
                unsigned need;
        } cases[] = {
                        {"lease enp2s1 --memory=1M -- echo ran", 65},
                        {"lease enp2s1 -- echo qemu-system-x86_64 -m 4G", 4160},
                        {"lease enp2s1 -- echo qemu-system-x86_64", 192},
                        /* --memory wins over the command */
                        {"lease enp2s1 --memory=1M -- echo qemu-system-x86_64 -m 4G", 65},
                        /* two devices with views of their own */
                        {"lease enp2s1 -- echo qemu-system-x86_64 -m 200 @qemu@ -device intel-iommu", 464},
                        {"lease enp2s1 -- echo qemu-system-x86_64 -m 200 @qemu@", 264},
        };
        Scene scene;

        scene_begin(&scene, "ok", NULL);
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(ProgramResult) result = limited("4194304:8388608", cases[i].arguments);
                g_autofree char *errors =
                                g_strdup_printf("vfioctl: The virtual machine needs %u MiB of locked memory, but the "
                                                "limit of user root is 8 "
                                                "MiB *sudo systemd-run --uid=root * -- vfioctl lease enp2s1 ...\n*",
                                                cases[i].need);

                expect_result(&result, 5, errors, cases[i].arguments);
        }
        g_assert_cmpuint(stub_count_calls(scene.stub, "Lease"), ==, 0);
        scene_end(&scene);
}

/* The command runs. sh prints its soft limit in KiB. */
static void test_memlock(void) {
        static const struct {
                const char *limit, *arguments, *output;
        } cases[] = {
                        /* the need is not known */
                        {"4194304:8388608", "lease enp2s1 -- sh -c 'ulimit -l'", "4096\n"},
                        {"4194304:8388608", "lease enp2s1 --memory=1M --force-memlock -- sh -c 'ulimit -l'", "8192\n"},
                        /* enough as it is */
                        {"68157440:134217728", "lease enp2s1 --memory=1M -- sh -c 'ulimit -l'", "66560\n"},
                        /* the soft limit is raised */
                        {"4194304:134217728", "lease enp2s1 --memory=1M -- sh -c 'ulimit -l'", "131072\n"},
                        {"4194304:unlimited", "lease enp2s1 -- sh -c 'ulimit -l' qemu-system-x86_64 -m 4G",
                                        "unlimited\n"},
        };
        Scene scene;

        scene_begin(&scene, "ok", NULL);
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *option = g_strdup_printf("--memlock=%s", cases[i].limit);
                const char *const attempt[] = {"prlimit", option, "true", NULL};
                g_auto(ProgramResult) possible = program_run(attempt, NULL, NULL);

                if (possible.status != 0) { /* a container without CAP_SYS_RESOURCE */
                        g_test_message("limit %s: not possible here", cases[i].limit);
                        continue;
                }
                g_auto(ProgramResult) result = limited(cases[i].limit, cases[i].arguments);
                expect_result(&result, 0, "", cases[i].arguments);
                g_assert_cmpstr(result.output, ==, cases[i].output);
        }
        /* CAP_IPC_LOCK lifts the limit, and root has it */
        g_auto(ProgramResult) root = vfioctl("--quiet lease enp2s1 --memory=9000T -- true");
        expect_result(&root, 0, "", "lease");
        scene_end(&scene);
}

/* A process that already runs: vfioctl returns at once, and uses no ticket. */
static void test_pid(void) {
        Scene scene;

        scene_begin(&scene, "ok", NULL);
        scene.lease = lease_socket_stop(scene.lease);
        g_auto(ProgramResult) text = vfioctl("lease enp2s1 --pid=4711");
        expect_result(&text, 0, "vfioctl: warning: It is hot.\n", "lease --pid");
        g_assert_cmpstr(text.output, ==, "Lease 3 of 0000:02:01.0, until process 4711 ends\nNode: /dev/vfio/7\n");
        expect_arguments(&scene, "('enp2s1', {'pid': <uint32 4711>})");
        json_t *json = vfioctl_json("lease enp2s1 --pid=4711");
        g_autofree char *document = json_dumps(json, JSON_COMPACT);
        g_assert_cmpstr(document, ==,
                        "{\"lease\":3,\"pid\":4711,\"group\":7,\"devices\":[\"0000:02:01.0\"],\"nodes\":[\"/dev/vfio/"
                        "7\"],"
                        "\"warnings\":[\"It is hot.\"]}");
        json_decref(json);
        g_auto(ProgramResult) quiet = vfioctl("--quiet lease enp2s1 --pid=4711");
        expect_result(&quiet, 0, "", "--quiet lease --pid");
        g_assert_cmpstr(quiet.output, ==, "");
        stub_stop(scene.stub);
}

/* Ctrl-C while vfiod detaches the group: the job is cancelled, and the command does not run. */
static void test_interrupt(void) {
        Stub *stub = stub_start();
        Terminal *terminal = terminal_open(200);
        g_auto(GStrv) argv = vfioctl_argv("lease enp2s1 -- echo ran");

        Process *client = terminal_start(terminal, (const char *const *)argv, vfioctl_environment);
        g_free(stub_expect_call(stub, "Lease"));
        terminal_type(terminal, "\x03");
        g_free(terminal_expect(terminal, "press Ctrl-C again to stop waiting\r\n"));
        stub_finish(stub, "Lease", ERROR "Cancelled The job was cancelled.");
        g_free(terminal_expect(terminal, "vfioctl: The job was cancelled.\r\n"));
        g_assert_null(process_read_line(client));
        g_assert_cmpint(process_finish(client), ==, 1);
        terminal_close(terminal);
        stub_stop(stub);
}

/* Like pkttyagent: closes the descriptor when it is ready, and then waits. */
static const char agent[] = "#!/bin/sh\n"
                            "echo 'agent begins' >&2\n"
                            "eval \"sleep infinity $2>&- &\"\n"
                            "trap \"kill $!; echo 'agent ends' >&2; exit 0\" TERM\n"
                            "eval \"exec $2>&-\"\n"
                            "wait\n";

/* In a terminal, polkit's agent runs while vfioctl waits for vfiod, and not while the command runs. */
static void test_agent(void) {
        g_autofree char *folder = g_dir_make_tmp("vfiod-agent-XXXXXX", NULL);
        g_autofree char *file = g_build_filename(folder, "agent", NULL);
        g_autofree char *line = g_strdup_printf("mount --bind %s /usr/bin/pkttyagent && exec setpriv --reuid=4000001 "
                                                "--regid=4000001 --clear-groups "
                                                "%s --quiet lease enp2s1 -- sh -c 'echo command runs >&2'",
                        file, VFIOCTL);
        const char *const argv[] = {"unshare", "--mount", "--propagation", "unchanged", "sh", "-c", line, NULL};
        Terminal *terminal = terminal_open(100);
        Scene scene;

        g_assert_true(g_file_set_contents(file, agent, -1, NULL));
        g_assert_cmpint(g_chmod(folder, 0755) | g_chmod(file, 0755), ==, 0);
        scene_begin(&scene, "ok", NULL);
        Process *client = terminal_start(terminal, argv, vfioctl_environment);
        g_autofree char *shown = terminal_read_rest(terminal);
        g_assert_cmpint(process_finish(client), ==, 0);
        if (!g_pattern_match_simple("*agent begins\r\n*agent ends\r\n*command runs\r\n", shown))
                g_error("%s", shown);
        terminal_close(terminal);
        scene_end(&scene);
        (void)g_unlink(file);
        (void)g_rmdir(folder);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-lease/command", test_command);
        g_test_add_func("/bus/vfioctl-lease/guard", test_guard);
        g_test_add_func("/bus/vfioctl-lease/inherited", test_inherited);
        g_test_add_func("/bus/vfioctl-lease/qemu", test_qemu);
        g_test_add_func("/bus/vfioctl-lease/descriptors", test_descriptors);
        g_test_add_func("/bus/vfioctl-lease/refused-ticket", test_refused_ticket);
        g_test_add_func("/bus/vfioctl-lease/errors", test_errors);
        g_test_add_func("/bus/vfioctl-lease/no-command", test_no_command);
        g_test_add_func("/bus/vfioctl-lease/usage", test_usage);
        g_test_add_func("/bus/vfioctl-lease/memlock-too-low", test_memlock_too_low);
        g_test_add_func("/bus/vfioctl-lease/memlock", test_memlock);
        g_test_add_func("/bus/vfioctl-lease/pid", test_pid);
        g_test_add_func("/bus/vfioctl-lease/interrupt", test_interrupt);
        g_test_add_func("/bus/vfioctl-lease/agent", test_agent);
        return g_test_run();
}
