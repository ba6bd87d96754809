/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/rule-interface.h"
#include "base/log.h"
#include "bus/authorize.h"
#include "bus/call-entry.h"
#include "bus/error-details.h"
#include "bus/new-rule.h"
#include "bus/rule-news.h"
#include "bus/rule-rows.h"

/* ListRules. */

static int append_details(sd_bus_message *reply, const RuleFile *file) {
        int enabled = rule_file_is_enabled(file), writable = file->folder == 0;

        if (file->state != RULE_FILE_INVALID)
                return sd_bus_message_append(reply, "a{sv}", 2, "Enabled", "b", enabled, "Writable", "b", writable);
        return sd_bus_message_append(reply, "a{sv}", 4, "Enabled", "b", enabled, "Writable", "b", writable, "Fault",
                        "s", file->fault.message, "Line", "u", (uint32_t)file->fault.line);
}

static int append_file(sd_bus_message *reply, const RuleKeeper *keeper, const RuleFile *file) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'r', "sssa(sssa{sv})a{sv}")) < 0 ||
                        (r = bus_append_name(reply, file->name)) < 0 || (r = bus_append_name(reply, file->path)) < 0 ||
                        (r = sd_bus_message_append(reply, "s", rule_file_state_to_string(file->state))) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(sssa{sv})")) < 0 ||
                        (r = rule_rows_append(reply, rule_keeper_cases(keeper), file->name)) < 0 ||
                        (r = sd_bus_message_close_container(reply)) < 0 || (r = append_details(reply, file)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

int rule_method_list(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Service *service = userdata;

        (void)error;
        const RuleBook *book = rule_keeper_book(service->rules);
        int r = bus_open_list(message, "(sssa(sssa{sv})a{sv})", &reply);
        for (size_t i = 0; i < book->n_files && r >= 0; i++)
                r = append_file(reply, service->rules, &book->files[i]);
        return r < 0 ? r : bus_send_list(reply);
}

int rule_method_check(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(rule_freep) Rule *rule = NULL;
        RuleFault fault = {};
        const char *text;

        (void)userdata, (void)error;
        int r = sd_bus_message_read(message, "s", &text);
        if (r < 0)
                return r;
        if (strlen(text) > RULE_FILE_SIZE_MAX)
                return sd_bus_reply_method_return(message, "us", 0, "it is too large: a rule has at most 64 KiB");
        r = rule_parse("", "", text, &rule, &fault);
        if (r < 0 && r != -EINVAL)
                return r;
        return sd_bus_reply_method_return(message, "us", (uint32_t)fault.line, fault.message);
}

/* AddRule. */

/* Makes the path of the file that vfiod writes for a rule. The caller frees *ret. Returns 0 or -ENOMEM. */
static int make_path(const Service *service, const char *name, char **ret) {
        return asprintf(ret, "%s/%s.conf", rule_keeper_book(service->rules)->folders[0], name) < 0 ? -ENOMEM : 0;
}

/* A call that waits until the worker has changed a file. */
typedef struct PendingCall {
        Service *service;
        sd_bus_message *call;
        char *name, *file; /* of the rule */
        bool dry_run, no_apply, tells_details;
        CallEntry entry; /* for the log */
} PendingCall;

static PendingCall *pending_call_free(PendingCall *pending) {
        if (!pending)
                return NULL;
        sd_bus_message_unref(pending->call);
        free(pending->name);
        free(pending->file);
        call_entry_done(&pending->entry);
        free(pending);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(PendingCall *, pending_call_free)

static PendingCall *pending_call_new(Service *service, sd_bus_message *call, const Caller *caller,
                const Request *request, const char *name) {
        _cleanup_(pending_call_freep) PendingCall *pending = calloc(1, sizeof(PendingCall));
        if (!pending)
                return NULL;
        pending->service = service;
        pending->call = sd_bus_message_ref(call);
        pending->name = strdup(name);
        pending->tells_details = request->error_details;
        call_entry_begin(&pending->entry, service, caller, request);
        log_fields_add(&pending->entry.fields, "VFIOD_RULE", "%s", TEXT_NAME(name));
        if (!pending->name || make_path(service, name, &pending->file) < 0)
                return NULL;
        return TAKE_PTR(pending);
}

/* Reads the rules again after a file was changed. An error here does not undo the change of the file. */
static int reload_after_change(const PendingCall *pending, Problem *problem) {
        const char *deferred[] = {pending->name, NULL};
        int r = rule_news_reload(pending->service, pending->no_apply ? deferred : NULL);

        return r >= 0 ? 0
                      : problem_set(problem, OUTCOME_FAILED, "%s was changed, but the rules cannot be read: %s.",
                                        pending->file, strerror(-r));
}

/* Replies with an error, which may be none. Returns whether it did. */
static bool reply_problem(PendingCall *pending, int r, const Problem *problem) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (r == 0)
                return false;
        (void)bus_set_error(&error, r, problem);
        call_entry_log_refused(&pending->entry, pending->service, &error);
        (void)error_details_reply_rule(pending->call, pending->tells_details, &error, pending->name);
        return true;
}

static int describe_change_error(const PendingCall *pending, const char *verb, int error, Problem *problem) {
        if (error == -ECANCELED)
                return problem_set(problem, OUTCOME_FAILED, "vfiod is ending: see 'vfioctl rule list', and try again.");
        return problem_set(problem, OUTCOME_FAILED, "Cannot %s %s: %s.", verb, pending->file, strerror(-error));
}

static int check_added(PendingCall *pending, int error, Problem *problem) {
        if (error == -EEXIST)
                return problem_set(problem, OUTCOME_RULE_EXISTS,
                                "%s exists: give the rule another name (--name), or remove that rule first (vfioctl "
                                "rule remove %s%s).",
                                pending->file, pending->name[0] == '-' ? "-- " : "", pending->name);
        if (error < 0)
                return describe_change_error(pending, "write", error, problem);
        if (pending->dry_run)
                return 0;
        call_entry_log_done(&pending->entry, MESSAGE_RULE_ADDED, "%s was written", pending->file);
        return reload_after_change(pending, problem);
}

static void on_added(int error, void *userdata) {
        _cleanup_(pending_call_freep) PendingCall *pending = userdata;
        _cleanup_problem_ Problem problem = {};

        if (!reply_problem(pending, check_added(pending, error, &problem), &problem))
                (void)sd_bus_reply_method_return(pending->call, "ss", pending->name, pending->file);
}

static int add_rule(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_(pending_call_freep) PendingCall *pending = NULL;
        _cleanup_problem_ Problem problem = {};
        _cleanup_new_rule_ NewRule rule = {};

        int r = new_rule_make(service, request, &rule, &problem);
        if (r != 0)
                return bus_set_error(error, r, &problem);
        pending = pending_call_new(service, call, caller, request, rule.name);
        if (!pending)
                return -ENOMEM;
        pending->dry_run = request->dry_run;
        pending->no_apply = request->no_apply;
        call_entry_add_devices(&pending->entry, rule.devices, rule.n_devices);
        r = worker_request(sd_bus_get_event(service->bus), service->worker, "AddRule", on_added, pending, "ssb",
                        rule.name, rule.text, (int)request->dry_run);
        if (r < 0)
                return bus_set_error(error, describe_change_error(pending, "write", r, &problem), &problem);
        TAKE_PTR(pending);
        return 1;
}

static int describe_added(const Service *service, const Request *request, CallDetails *details, Problem *problem) {
        _cleanup_new_rule_ NewRule rule = {};

        int r = new_rule_make(service, request, &rule, problem);
        if (r != 0 || (r = call_details_set_devices(details, service, rule.devices, rule.n_devices)) < 0 ||
                        (r = call_details_set(details, CALL_DETAIL_RULE, "%s", rule.name)) < 0)
                return r;
        call_details_mix(details, rule.text);
        if (request->virtual_functions > 0 &&
                        (r = call_details_set(details, CALL_DETAIL_COUNT, "%u", request->virtual_functions)) < 0)
                return r;
        return call_details_set_overrides(details, request->overrides);
}

static const CallHandler add_handler = {.run = add_rule, .describe = describe_added};

int rule_method_add(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0 || (r = request_read_options(request, message, error)) < 0)
                return r;
        return authorize(message, &add_handler, TAKE_PTR(request), error);
}

/* RemoveRule. */

static int no_such_rule(const RuleBook *book, Problem *problem) {
        return problem_set(problem, OUTCOME_NO_SUCH_RULE,
                        "There is no rule of that name in %s. 'vfioctl rule list' lists all.",
                        book ? book->folders[0] : "");
}

static int check_removed(PendingCall *pending, int error, Problem *problem) {
        const RuleBook *book = error == -ECANCELED ? NULL : rule_keeper_book(pending->service->rules);
        const RuleFile *file = book ? rule_book_find(book, pending->name) : NULL;

        if (error == -ENOENT && file && file->folder > 0)
                return problem_set(problem, OUTCOME_RULE_READ_ONLY,
                                "vfiod cannot remove %s. Mask it: ln -s /dev/null %s; vfioctl rescan", file->path,
                                pending->file);
        /* Somebody may have removed the file since it was read. */
        if (error == -ENOENT && !file)
                return no_such_rule(book, problem);
        if (error < 0 && error != -ENOENT)
                return describe_change_error(pending, "delete", error, problem);
        call_entry_log_done(&pending->entry, MESSAGE_RULE_REMOVED, "%s was removed", pending->file);
        return reload_after_change(pending, problem);
}

/* The worker accepts only valid names. */
static int refuse_invalid_name(const Service *service, const char *name, Problem *problem) {
        const RuleFile *file = rule_book_find(rule_keeper_book(service->rules), name);

        if (!file || rule_name_is_valid(file->name))
                return 0;
        return problem_set(problem, OUTCOME_FAILED,
                        "vfiod cannot remove %s, because its name is no valid name of a rule. Remove it by hand, and "
                        "call 'vfioctl rescan'.",
                        TEXT_NAME(file->path));
}

static void on_removed(int error, void *userdata) {
        _cleanup_(pending_call_freep) PendingCall *pending = userdata;
        _cleanup_problem_ Problem problem = {};

        if (!reply_problem(pending, check_removed(pending, error, &problem), &problem))
                (void)sd_bus_reply_method_return(pending->call, NULL);
}

static int remove_rule(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_(pending_call_freep) PendingCall *pending = NULL;
        _cleanup_free_ const Device **devices = NULL;
        _cleanup_problem_ Problem problem = {};
        size_t n = 0;

        int r = refuse_invalid_name(service, request->selector, &problem);
        if (r != 0)
                return bus_set_error(error, r, &problem);
        if (!(pending = pending_call_new(service, call, caller, request, request->selector)))
                return -ENOMEM;
        if ((r = rule_rows_list_devices(service, request->selector, &devices, &n)) < 0)
                return r;
        call_entry_add_devices(&pending->entry, devices, n);
        r = worker_request(sd_bus_get_event(service->bus), service->worker, "RemoveRule", on_removed, pending, "s",
                        request->selector);
        if (r < 0)
                return bus_set_error(error, describe_change_error(pending, "delete", r, &problem), &problem);
        TAKE_PTR(pending);
        return 1;
}

static int describe_removed(const Service *service, const Request *request, CallDetails *details, Problem *problem) {
        const RuleBook *book = rule_keeper_book(service->rules);
        const RuleFile *file = rule_book_find(book, request->selector);
        _cleanup_free_ const Device **devices = NULL;
        size_t n = 0;
        int r;

        if (!file)
                return no_such_rule(book, problem);
        if ((r = rule_rows_list_devices(service, file->name, &devices, &n)) < 0 ||
                        (r = call_details_set_devices(details, service, devices, n)) < 0)
                return r;
        call_details_mix(details, file->path);
        call_details_mix(details, file->hides_overrides ? "hides-overrides" : NULL);
        new_rule_mix(details, file->rule ?: file->idle);
        return call_details_set(details, CALL_DETAIL_RULE, "%s", TEXT_NAME(file->name));
}

static unsigned get_removal_needs(const Service *service, const Request *request) {
        return rule_book_reveals_overrides(rule_keeper_book(service->rules), request->selector, false)
                        ? 1U << ACTION_OVERRIDE_GUARD
                        : 0;
}

static const CallHandler remove_handler = {
                .run = remove_rule,
                .describe = describe_removed,
                .get_needs = get_removal_needs,
};

int rule_method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0 || (r = request_read_options(request, message, error)) < 0)
                return r;
        return authorize(message, &remove_handler, TAKE_PTR(request), error);
}
