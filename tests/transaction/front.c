/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "front.h"
#include "helper/worker-service.h"
#include "process/child.h"
#include "process/job-message.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

Front *front_new_with(const char *topology) {
        Front *front = g_new0(Front, 1);
        int ends[2];

        front->host = host_new_with(topology);
        front->rules = g_build_filename(front->host->folder, "rules", NULL);
        front->early = g_build_filename(front->host->folder, "early", "05-vfiod.rules", NULL);
        front->boot = g_build_filename(front->host->folder, "boot", "10-vfiod.rules", NULL);
        front->canary = g_build_filename(front->host->folder, "canary.conf", NULL);
        front->folders[0] = front->rules;
        g_assert_true(g_file_set_contents(front->canary, "canary", -1, NULL));
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
        front->control_fd = ends[0];
        front->their_control_fd = ends[1];
        g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
        front->their_alive_fd = ends[0];
        front->alive_fd = ends[1];
        return front;
}

Front *front_new(void) {
        return front_new_with("card");
}

void front_disconnect(Front *front) {
        front->peer = sd_bus_close_unref(front->peer);
        if (front->worker > 0)
                g_assert_cmpint(waitpid(front->worker, NULL, 0), ==, front->worker);
        front->worker = 0;
}

static void remove_folder(const char *path) {
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);

        for (const char *name; folder && (name = g_dir_read_name(folder));) {
                g_autofree char *file = g_build_filename(path, name, NULL);

                (void)g_remove(file);
        }
        (void)g_rmdir(path);
}

Front *front_free(Front *front) {
        g_autofree char *early = g_path_get_dirname(front->early), *boot = g_path_get_dirname(front->boot),
                        *text = NULL;

        front_disconnect(front);
        g_assert_true(g_file_get_contents(front->canary, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, "canary");
        (void)g_unlink(front->canary);
        remove_folder(front->rules);
        remove_folder(early);
        remove_folder(boot);
        close(front->control_fd);
        close(front->their_control_fd);
        close(front->alive_fd);
        close(front->their_alive_fd);
        host_free(front->host);
        g_free(front->rules);
        g_free(front->early);
        g_free(front->boot);
        g_free(front->canary);
        g_free(front);
        return NULL;
}

static int take_step(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)userdata, (void)error;
        return sd_bus_message_is_signal(message, PEER_WORKER_INTERFACE, "Step");
}

void front_connect(Front *front) {
        const Host *host = front->host;
        int ends[2];

        front_disconnect(front);
        /* The sockets keep the user who made them. */
        g_assert_cmpint(syscall(SYS_setresuid, -1, front->uid, -1), ==, 0);
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), ==, 0);
        g_assert_cmpint(syscall(SYS_setresuid, -1, 0, -1), ==, 0);
        WorkerHost worker = {
                        .kernel = host->kernel,
                        .devices_fd = host->state->devices_fd,
                        .transactions_fd = host->state->transactions_fd,
                        .leases_fd = host->state->leases_fd,
                        .reverts_fd = host->state->reverts_fd,
                        .reaper = front->reaper ?: "/nonexistent",
                        .rule_folders = front->folders,
                        .early_rules = front->early,
                        .boot_rules = front->boot,
        };
        const int keep[] = {ends[1], worker.devices_fd, worker.transactions_fd, worker.leases_fd, worker.reverts_fd};
        front->worker = child_fork("vfiod-job", host->kernel, keep, G_N_ELEMENTS(keep));
        g_assert_cmpint(front->worker, >=, 0);
        if (front->worker == 0) {
                worker_serve(ends[1], &worker);
                _exit(EXIT_SUCCESS);
        }
        close(ends[1]);
        g_assert_cmpint(peer_open_client(ends[0], NULL, &front->peer), ==, 0);
        g_assert_cmpint(sd_bus_add_filter(front->peer, NULL, take_step, NULL), >=, 0);
}

sd_bus_message *front_make_call(Front *front, const char *member) {
        sd_bus_message *call = NULL;

        g_assert_cmpint(peer_make_call(front->peer, PEER_WORKER_INTERFACE, member, &call), >=, 0);
        return call;
}

sd_bus_message *front_make_run(Front *front, unsigned number) {
        sd_bus_message *call = front_make_call(front, "Run");

        g_assert_cmpint(sd_bus_message_append(
                                        call, "hhu", front->their_control_fd, front->their_alive_fd, (uint32_t)number),
                        >=, 0);
        return call;
}

int front_send(Front *front, sd_bus_message *call, sd_bus_message **ret) {
        int r = peer_call(front->peer, call, FRONT_DEADLINE_US, ret);

        sd_bus_message_unref(call);
        return r;
}

/* The result of a job: the error, or the outcome. */
static int run_call(Front *front, sd_bus_message *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(worker_result_done) WorkerResult result = {};

        int r = front_send(front, call, &reply);
        if (r < 0)
                return r;
        g_assert_cmpint(job_message_read_result(reply, &result), ==, 0);
        return result.error < 0 ? result.error : (int)result.problem.outcome;
}

int front_ask(Front *front, const char *member, const char *types, ...) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int32_t result = 0;
        va_list arguments;

        front_connect(front);
        sd_bus_message *call = front_make_call(front, member);
        va_start(arguments, types);
        g_assert_cmpint(sd_bus_message_appendv(call, types, arguments), >=, 0);
        va_end(arguments);
        int r = front_send(front, call, &reply);
        if (r < 0)
                return r;
        g_assert_cmpint(sd_bus_message_read(reply, "i", &result), >=, 0);
        return result;
}

void front_append_plan(sd_bus_message *call, const RawPlan *plan) {
        g_assert_cmpint(sd_bus_message_append(call, "ssiuuuuttbbbbb", plan->verb ?: "detach", plan->selected ?: PORT1,
                                        plan->group, plan->vf_count, plan->vf_fate, UINT32_MAX, 0U, (uint64_t)0,
                                        (uint64_t)0, (int)plan->force, (int)plan->forget, 0, 0, 0),
                        >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(call, 'a', "(sqqqquyiiaybbbbs)"), >=, 0);
        for (size_t i = 0; i < RAW_MEMBERS_MAX && plan->members[i].address; i++) {
                const RawMember *member = &plan->members[i];

                g_assert_cmpint(sd_bus_message_open_container(call, 'r', "sqqqquyiiaybbbbs"), >=, 0);
                g_assert_cmpint(sd_bus_message_append(call, "sqqqquyii", member->address, 0x8086, 0x100e, 0x1af4,
                                                0x1100, 0x020000U, 3, member->group, member->parent),
                                >=, 0);
                g_assert_cmpint(peer_append_bytes(call, member->driver), >=, 0);
                g_assert_cmpint(sd_bus_message_append(call, "bbbbs", (int)member->recorded, 0, 0, (int)member->created,
                                                member->named ?: ""),
                                >=, 0);
                g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        }
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(call, 'a', "(sssuuss)"), >=, 0);
        if (plan->guard)
                g_assert_cmpint(sd_bus_message_append(call, "(sssuuss)", plan->guard, plan->where, "x", 0U, 0U, "", ""),
                                >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        g_assert_cmpint(sd_bus_message_append(call, "sas", plan->caller ?: "", plan->field ? 1 : 0, plan->field), >=,
                        0);
}

int front_run(Front *front, const RawPlan *plan) {
        front_connect(front);
        sd_bus_message *call = front_make_run(front, 1);
        front_append_plan(call, plan);
        return run_call(front, call);
}
