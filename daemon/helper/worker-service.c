/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/worker-service.h"
#include "base/log.h"
#include "engine/transaction.h"
#include "helper/examine-service.h"
#include "helper/lease-holders.h"
#include "helper/lease-service.h"
#include "helper/revert-service.h"
#include "process/examine-message.h"
#include "process/job-message.h"
#include "rule/boot-file.h"
#include "rule/early-file.h"
#include "rule/rule-change.h"
#include "rule/rule-journal.h"
#include "state/device-file.h"
#include "state/transaction-file.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#define FORGET_MAX 100000

/* A connection of the daemon. */
typedef struct Session {
        const WorkerHost *host;
        sd_bus *peer;
        sd_bus_message *call; /* the job, which begins when the handler has returned */
        int control_fd;       /* The daemon sends one message only, a byte: cancel. */
        int alive_fd;         /* a pipe whose other end the daemon has */
        bool cancelled;
} Session;

/* The job. */

/* The daemon may be gone: the work goes on nevertheless. */
static void send_step(size_t step, const char *holder, void *userdata) {
        Session *session = userdata;

        if (sd_bus_emit_signal(session->peer, PEER_PATH, PEER_WORKER_INTERFACE, "Step", "us", (uint32_t)step,
                            strempty(holder)) >= 0)
                (void)sd_bus_flush(session->peer);
}

/* At the end the daemon must not send more, and then the worker reads what it sent. So each cancel that the daemon could
 * send has its effect. */
static bool is_cancelled(bool last, void *userdata) {
        Session *session = userdata;
        char byte;

        if (last)
                (void)shutdown(session->control_fd, SHUT_RD);
        /* One byte at a time: a daemon that sends without an end must not keep the worker here. */
        if (recv(session->control_fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0)
                session->cancelled = true;
        return session->cancelled;
}

/* From now on the kernel kills this process when the daemon ends, whatever it waits for: the next daemon would not know
 * the job, and the process may hold the node of a group. Returns 0; -EPIPE if the daemon has ended; or another negative
 * errno. */
static int die_with_daemon(const Session *session) {
        struct pollfd end = {.fd = session->alive_fd};

        if (fcntl(session->alive_fd, F_SETOWN, getpid()) < 0 || fcntl(session->alive_fd, F_SETSIG, SIGKILL) < 0 ||
                        fcntl(session->alive_fd, F_SETFL, O_ASYNC) < 0)
                return -errno;
        return poll(&end, 1, 0) < 0 ? -errno : end.revents ? -EPIPE : 0;
}

/* The transaction is on disk, where the next daemon finds it and its lock. */
static void outlive_daemon(void *userdata) {
        (void)fcntl(((const Session *)userdata)->alive_fd, F_SETFL, 0);
}

/* Runs the plan, or, without a plan, ends the transaction that an earlier worker left. Returns as transaction_run(). */
static int run_job(Session *session, unsigned long number, Plan *plan, WorkerResult *result) {
        _cleanup_(plan_freep) Plan *left = NULL;
        const WorkerHost *host = session->host;
        pid_t owner;
        int r;

        if (!plan) {
                r = transaction_file_read(host->transactions_fd, number, &left, &owner);
                if (r < 0) /* Another worker has ended it. */
                        return r == -ENOENT ? 0 : r;
        }
        Transaction transaction = {
                        .kernel = host->kernel,
                        .devices_fd = host->devices_fd,
                        .transactions_fd = host->transactions_fd,
                        .number = number,
                        .plan = plan ?: left,
                        .callbacks = {send_step, is_cancelled, session},
                        .survey_us = host->survey_us,
                        .recorded = outlive_daemon,
        };
        return transaction_run(&transaction, &result->report, &result->problem);
}

static int read_and_run(Session *session, WorkerResult *result) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        bool is_recovery = streq(sd_bus_message_get_member(session->call), "Recover");
        uint32_t number;
        int control_fd, alive_fd, r;

        if ((r = sd_bus_message_read(session->call, "hhu", &control_fd, &alive_fd, &number)) < 0)
                return r;
        session->control_fd = fcntl(control_fd, F_DUPFD_CLOEXEC, 3);
        session->alive_fd = fcntl(alive_fd, F_DUPFD_CLOEXEC, 3);
        if (session->control_fd < 0 || session->alive_fd < 0)
                return -errno;
        if ((r = die_with_daemon(session)) < 0)
                return r;
        if (number > TRANSACTION_NUMBER_MAX)
                return -EBADMSG;
        if (!is_recovery &&
                        (r = job_message_read_plan(
                                         session->call, session->host->devices_fd, &plan, &result->problem)) != 0)
                return r;
        return run_job(session, number, plan, result);
}

static int answer_job(Session *session) {
        _cleanup_(worker_result_done) WorkerResult result = {};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        int r = read_and_run(session, &result);
        result.error = r < 0 ? r : 0;
        (void)is_cancelled(true, session);
        if ((r = sd_bus_message_new_method_return(session->call, &reply)) < 0 ||
                        (r = job_message_append_result(reply, &result)) < 0 || (r = sd_bus_send(NULL, reply, NULL)) < 0)
                return r;
        return sd_bus_flush(session->peer);
}

/* A job takes long, and sends signals meanwhile, which a handler cannot do. */
static int method_run(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Session *session = userdata;

        (void)error;
        if (session->call)
                return -EBUSY;
        session->call = sd_bus_message_ref(message);
        return 1;
}

/* Files. */

/* Removes the state files of devices that another program gave to the host, or that do not come back. */
static int method_forget(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Session *session = userdata;
        const char *text;
        int r;

        (void)error;
        if ((r = sd_bus_message_enter_container(message, 'a', "s")) < 0)
                return r;
        for (size_t n = 0; (r = sd_bus_message_read_basic(message, 's', &text)) > 0; n++) {
                char driver[DRIVER_NAME_MAX];
                PciAddress address;

                if (n == FORGET_MAX)
                        return -E2BIG;
                if (pci_address_parse(text, &address) < 0)
                        return -EBADMSG;
                /* Without its file, a detached device would never come back. */
                if (pci_device_read_driver_of(session->host->kernel, address, driver) >= 0 &&
                                pci_driver_is_vfio(driver))
                        continue;
                if ((r = device_file_remove(session->host->devices_fd, address)) < 0)
                        break;
        }
        return sd_bus_reply_method_return(message, "i", r < 0 ? r : 0);
}

static int new_book(const Session *session, RuleBook **ret) {
        return rule_book_new(session->host->rule_folders, ret);
}

static int add_rule(const Session *session, const char *name, const char *text, bool dry_run) {
        _cleanup_(rule_book_freep) RuleBook *book = NULL;
        _cleanup_(rule_freep) Rule *rule = NULL;
        RuleFault fault;
        int r;

        if (!rule_name_is_valid(name) || strlen(text) > RULE_FILE_SIZE_MAX)
                return -EINVAL;
        if ((r = rule_parse(name, "", text, &rule, &fault)) < 0 || (r = new_book(session, &book)) < 0)
                return r;
        _cleanup_close_ int lock_fd = dry_run ? -ENOENT : rule_journal_lock(book->folders[0], NULL);
        if (lock_fd < 0 && lock_fd != -ENOENT)
                return lock_fd;
        return dry_run ? rule_book_check_add(book, name) : rule_book_add(book, name, text);
}

static int method_add_rule(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *name, *text;
        int dry_run;

        (void)error;
        int r = sd_bus_message_read(message, "ssb", &name, &text, &dry_run);
        if (r < 0)
                return r;
        return sd_bus_reply_method_return(message, "i", add_rule(userdata, name, text, dry_run));
}

static int remove_rule(const Session *session, const char *name) {
        _cleanup_(rule_book_freep) RuleBook *book = NULL;

        int r = rule_name_is_valid(name) ? new_book(session, &book) : -ENOENT;
        if (r < 0)
                return r;
        _cleanup_close_ int lock_fd = rule_journal_lock(book->folders[0], NULL);
        if (lock_fd < 0 && lock_fd != -ENOENT)
                return lock_fd;
        return rule_book_remove(book, name);
}

static int method_remove_rule(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *name;

        (void)error;
        int r = sd_bus_message_read(message, "s", &name);
        return r < 0 ? r : sd_bus_reply_method_return(message, "i", remove_rule(userdata, name));
}

static int read_rule_changes(sd_bus_message *message, RuleChangeList *list, int *dry_run) {
        const char *name, *kind, *text;
        int has_version, r;
        uint64_t version;

        if ((r = sd_bus_message_enter_container(message, 'a', "(sssbt)")) < 0)
                return r;
        while ((r = sd_bus_message_read(message, "(sssbt)", &name, &kind, &text, &has_version, &version)) > 0) {
                if ((r = rule_change_list_add(list, name, rule_change_kind_from_string(kind), text)) < 0)
                        return r;
                if (has_version)
                        rule_change_list_require(list, version);
        }
        if (r < 0 || (r = sd_bus_message_exit_container(message)) < 0)
                return r;
        return sd_bus_message_read(message, "b", dry_run);
}

static int method_change_rules(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(rule_change_list_done) RuleChangeList list = {};
        _cleanup_(rule_book_freep) RuleBook *book = NULL;
        int dry_run = 0;

        (void)error;
        int r = read_rule_changes(message, &list, &dry_run);
        if (r >= 0 && (r = new_book(userdata, &book)) >= 0)
                r = rule_changes_make(book, &list, dry_run);
        return sd_bus_reply_method_return(message, "i", r < 0 ? r : 0);
}

/* Ends what a killed worker has left; waits for one that works. */
static int method_recover_rules(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Session *session = userdata;

        (void)error;
        _cleanup_close_ int lock_fd = rule_journal_lock(session->host->rule_folders[0], NULL);
        return sd_bus_reply_method_return(message, "i", lock_fd < 0 && lock_fd != -ENOENT ? lock_fd : 0);
}

static int set_early_rules(const Session *session, bool on) {
        _cleanup_(rule_book_freep) RuleBook *book = NULL;

        if (!on)
                return early_file_remove(session->host->early_rules);
        _cleanup_close_ int folder_fd = -EBADF;
        _cleanup_close_ int lock_fd = early_file_lock(session->host->early_rules, &folder_fd);
        if (lock_fd < 0)
                return lock_fd;
        int r = new_book(session, &book);
        if (r < 0 || (r = rule_book_load(book, false)) < 0)
                return r;
        return early_file_write(session->host->kernel, book, folder_fd, session->host->early_rules);
}

static int method_set_early_rules(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        int on;

        (void)error;
        int r = sd_bus_message_read(message, "b", &on);
        return r < 0 ? r : sd_bus_reply_method_return(message, "i", set_early_rules(userdata, on));
}

/* Reads the devices of the message, and makes the line of each. */
static int read_boot_devices(const Session *session, sd_bus_message *message, const BootFile *file, BootList *list) {
        const char *text, *rule;
        PciAddress address;
        int r;

        if ((r = sd_bus_message_enter_container(message, 'a', "(ss)")) < 0)
                return r;
        for (size_t n = 0; n < BOOT_DEVICES_MAX && (r = sd_bus_message_read(message, "(ss)", &text, &rule)) > 0; n++) {
                if (pci_address_parse(text, &address) < 0 || !rule_name_is_valid(rule))
                        return -EBADMSG;
                if ((r = boot_file_add(file, session->host->kernel, session->host->devices_fd, address, rule, list)) <
                                0)
                        return r;
        }
        return r;
}

static int set_boot_devices(const Session *session, sd_bus_message *message) {
        _cleanup_(boot_file_done) BootFile file = {.folder_fd = -EBADF, .lock_fd = -EBADF};
        _cleanup_boot_list_ BootList list = {};

        int r = boot_file_open(session->host->boot_rules, session->host->rule_folders, &file);
        if (r < 0 || (r = read_boot_devices(session, message, &file, &list)) < 0)
                return r;
        return boot_file_write(&file, &list);
}

static int method_set_boot_devices(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)error;
        return sd_bus_reply_method_return(message, "i", set_boot_devices(userdata, message));
}

static int method_grant_lease(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)error;
        return lease_service_grant(((const Session *)userdata)->host, message);
}

static int method_record_lease(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)error;
        return lease_service_record(((const Session *)userdata)->host, message);
}

static int method_revoke_lease(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)error;
        return lease_service_revoke(((const Session *)userdata)->host, message);
}

static int method_end_holders(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)error;
        return lease_service_end_holders(((const Session *)userdata)->host, message);
}

static int method_record_revert(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)error;
        return revert_service_record(((const Session *)userdata)->host, message);
}

static int method_forget_revert(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)error;
        return revert_service_forget(((const Session *)userdata)->host, message);
}

static int method_examine(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)error;
        return examine_service_run(((const Session *)userdata)->host, message);
}

/* The listener has checked who connects, so every call is allowed. */
#define METHOD(member, in, out, handler) SD_BUS_METHOD(member, in, out, handler, SD_BUS_VTABLE_UNPRIVILEGED)
#define PLAN "ssiuuuuttbbbbba(sqqqquyiiaybbbbs)a(sssuuss)sas"
#define RESULT "issta(sayay)a(sssuuss)as"

static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                METHOD("Run", "hhu" PLAN, RESULT, method_run),
                METHOD("Recover", "hhu", RESULT, method_run),
                METHOD("Forget", "as", "i", method_forget),
                METHOD("AddRule", "ssb", "i", method_add_rule),
                METHOD("RemoveRule", "s", "i", method_remove_rule),
                METHOD("ChangeRules", "a(sssbt)b", "i", method_change_rules),
                METHOD("RecoverRules", "", "i", method_recover_rules),
                METHOD("SetEarlyRules", "b", "i", method_set_early_rules),
                METHOD("SetBootDevices", "a(ss)", "i", method_set_boot_devices),
                METHOD("RecordLease", LEASE_GRANT_ARGUMENTS, "i", method_record_lease),
                METHOD("GrantLease", LEASE_GRANT_ARGUMENTS, LEASE_GRANT_RESULTS, method_grant_lease),
                METHOD("RevokeLease", "ub", "i", method_revoke_lease),
                METHOD("EndHolders", "ub", "iu", method_end_holders),
                METHOD("RecordRevert", REVERT_RECORD_ARGUMENTS, "i", method_record_revert),
                METHOD("ForgetRevert", "u", "i", method_forget_revert),
                METHOD("Examine", "", EXAMINE_RESULTS, method_examine),
                SD_BUS_SIGNAL("Step", "us", 0),
                SD_BUS_VTABLE_END,
};

static int serve(Session *session, int fd) {
        int r = peer_open_server(fd, &session->peer);

        if (r >= 0)
                r = sd_bus_add_object_vtable(session->peer, NULL, PEER_PATH, PEER_WORKER_INTERFACE, vtable, session);
        while (r >= 0) {
                r = sd_bus_process(session->peer, NULL);
                if (r >= 0 && session->call)
                        return answer_job(session);
                if (r == 0)
                        r = sd_bus_wait(session->peer, UINT64_MAX);
        }
        /* The daemon has closed the connection. */
        return peer_is_lost(r) ? 0 : r;
}

void worker_serve(int fd, void *userdata) {
        Session session = {.host = userdata, .control_fd = -EBADF, .alive_fd = -EBADF};

        int r = serve(&session, fd);
        if (r < 0 && !peer_is_lost(r))
                log_error_errno(r, "A worker cannot talk to the daemon");
        sd_bus_message_unref(session.call);
        sd_bus_flush_close_unref(session.peer);
        (void)safe_close(session.control_fd);
        (void)safe_close(session.alive_fd);
}
