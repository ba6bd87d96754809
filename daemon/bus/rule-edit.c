/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/rule-edit.h"
#include "base/log.h"
#include "bus/authorize.h"
#include "bus/call-entry.h"
#include "bus/error-details.h"
#include "bus/new-rule.h"
#include "bus/rule-news.h"
#include "bus/rule-rows.h"
#include "process/peer.h"
#include "rule/rule-reach.h"

/* Limit for all texts of a call. */
#define TEXTS_MAX (256 * 1024)

/* The changes, before the caller is known. */

static int refuse_text(const char *name, const RuleFault *fault, sd_bus_error *error) {
        if (fault->line == 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Rule %s: %s.", name, fault->message);
        return sd_bus_error_setf(
                        error, SD_BUS_ERROR_INVALID_ARGS, "Rule %s, line %u: %s.", name, fault->line, fault->message);
}

/* Adds a change to the request, and what its text needs. */
static int add_change(Request *request, const char *name, RuleChangeKind kind, const char *text, sd_bus_error *error) {
        _cleanup_(rule_freep) Rule *rule = NULL;
        RuleFault fault;
        int r;

        if (!rule_name_is_valid(name))
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "'%s' is no name of a rule.", TEXT_EXCERPT(name));
        for (size_t i = 0; i < request->rules.n_changes; i++)
                if (streq(request->rules.changes[i].name, name))
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Rule %s is given twice.", name);
        if (kind == RULE_CHANGE_WRITE && strlen(text) > RULE_FILE_SIZE_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "Rule %s is too large: a rule has at most 64 KiB.", name);
        if (kind == RULE_CHANGE_WRITE && (r = rule_parse(name, "", text, &rule, &fault)) < 0)
                return r == -EINVAL ? refuse_text(name, &fault, error) : r;
        if (rule && rule->overrides != 0)
                request->actions |= 1U << ACTION_OVERRIDE_GUARD;
        r = rule_change_list_add(&request->rules, name, kind, kind == RULE_CHANGE_WRITE ? text : NULL);
        if (r == -E2BIG)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "At most %d rules can be changed.", RULE_CHANGES_MAX);
        return r;
}

/* The details of a change. */
typedef struct Details {
        const char *text; /* borrowed from the message; NULL for none */
        bool has_version;
        uint64_t version;
} Details;

/* Reads "Text" (s) and "VersionId" (t). */
static int read_details(sd_bus_message *call, Details *ret, sd_bus_error *error) {
        const char *key;

        *ret = (Details){};
        int r = sd_bus_message_enter_container(call, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(call, 'e', "sv")) > 0) {
                if ((r = sd_bus_message_read_basic(call, 's', &key)) < 0)
                        return r;
                if (streq(key, "Text") && !ret->text)
                        r = sd_bus_message_read(call, "v", "s", &ret->text);
                else if (streq(key, "VersionId") && !ret->has_version) {
                        r = sd_bus_message_read(call, "v", "t", &ret->version);
                        ret->has_version = true;
                } else
                        r = -EINVAL;
                if (r < 0)
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "A change of a rule has no detail '%s' of this type, or it is given twice.",
                                        TEXT_EXCERPT(key));
                r = sd_bus_message_exit_container(call);
        }
        return r < 0 ? r : sd_bus_message_exit_container(call);
}

static int read_change(Request *request, sd_bus_message *call, size_t *size, sd_bus_error *error) {
        const char *name, *word;
        Details details;
        int r;

        if ((r = sd_bus_message_read(call, "ss", &name, &word)) < 0 || (r = read_details(call, &details, error)) < 0)
                return r;
        RuleChangeKind kind = rule_change_kind_from_string(word);
        if (kind < 0 || (kind == RULE_CHANGE_WRITE) != (details.text != NULL))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "A change of a rule is \"write\", with the detail Text, or \"delete\", \"mask\", "
                                "\"enable\" or \"disable\" without it.");
        *size += strlen(strempty(details.text));
        if (*size > TEXTS_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "The texts may have at most %d KiB.",
                                TEXTS_MAX / 1024);
        r = add_change(request, name, kind, details.text, error);
        if (r >= 0 && details.has_version)
                rule_change_list_require(&request->rules, details.version);
        return r;
}

static int read_changes(Request *request, sd_bus_message *call, sd_bus_error *error) {
        size_t size = 0;

        int r = sd_bus_message_enter_container(call, 'a', "(ssa{sv})");
        while (r >= 0 && (r = sd_bus_message_enter_container(call, 'r', "ssa{sv}")) > 0) {
                r = read_change(request, call, &size, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(call);
        }
        return r < 0 ? r : sd_bus_message_exit_container(call);
}

/* Refusals that the daemon knows without the worker. */

static int no_such_rule(const char *name, Problem *problem) {
        return problem_set(problem, OUTCOME_NO_SUCH_RULE,
                        "There is no rule %s that can be changed so. 'vfioctl rule list' lists all.", name);
}

static int check_switch(const RuleFile *file, const RuleChange *change, Problem *problem) {
        bool is_text = file->state == RULE_FILE_DISABLED || file->folder == 0;
        bool enable = change->kind == RULE_CHANGE_ENABLE, is_invalid = file->state == RULE_FILE_INVALID;

        if (file->state == RULE_FILE_MASKED || (rule_file_is_enabled(file) == enable && !(enable && is_invalid)))
                return 0;
        if ((is_text || enable) && file->state == RULE_FILE_INVALID) {
                const char *dashes = file->name[0] == '-' ? "-- " : "";

                if (file->fault.line == 0)
                        return problem_set(problem, OUTCOME_FAILED,
                                        "%s has an error, so it is off: %s. Correct it first (vfioctl rule edit %s%s).",
                                        file->path, file->fault.message, dashes, file->name);
                return problem_set(problem, OUTCOME_FAILED,
                                "%s has an error in line %u, so it is off: %s. Correct it first (vfioctl rule edit "
                                "%s%s).",
                                file->path, file->fault.line, file->fault.message, dashes, file->name);
        }
        if (is_text && !file->text)
                return problem_set(problem, OUTCOME_FAILED,
                                "%s is longer than %d KiB, or not everybody may read it: write 'Enabled=' into it, and "
                                "call 'vfioctl rescan'.",
                                file->path, RULE_TEXT_KEPT_MAX / 1024);
        return 0;
}

static int check_changes(const Service *service, const Request *request, Problem *problem) {
        const RuleBook *book = rule_keeper_book(service->rules);
        size_t n_new = 0;
        int r = 0;

        for (size_t i = 0; i < request->rules.n_changes && r == 0; i++) {
                const RuleChange *change = &request->rules.changes[i];
                const RuleFile *file = rule_book_find(book, change->name);

                n_new += !file;
                if (!file && change->kind != RULE_CHANGE_WRITE && change->kind != RULE_CHANGE_MASK)
                        r = no_such_rule(change->name, problem);
                else if (change->kind == RULE_CHANGE_REMOVE && file && file->folder > 0)
                        r = problem_set(problem, OUTCOME_RULE_READ_ONLY,
                                        "vfiod cannot remove %s: it can only be masked.", file->path);
                else if (change->kind == RULE_CHANGE_ENABLE || change->kind == RULE_CHANGE_DISABLE)
                        r = check_switch(file, change, problem);
        }
        if (r == 0 && n_new > 0 && book->n_files + n_new > RULES_MAX)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED, "There are %zu rules already: remove some first.",
                                book->n_files);
        return r;
}

/* The change. */

typedef struct PendingEdit {
        Service *service;
        sd_bus_message *call;
        bool dry_run, no_apply, tells_details;
        RuleChangeList rules;
        CallEntry entry; /* for the log */
} PendingEdit;

static PendingEdit *pending_edit_free(PendingEdit *pending) {
        if (!pending)
                return NULL;
        sd_bus_message_unref(pending->call);
        rule_change_list_done(&pending->rules);
        call_entry_done(&pending->entry);
        free(pending);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(PendingEdit *, pending_edit_free)

static int describe_error(const PendingEdit *pending, int error, Problem *problem) {
        const char *first = pending->rules.n_changes > 0 ? pending->rules.changes[0].name : "";

        switch (error) {
        case -ENOENT:
                return no_such_rule(first, problem);
        case -ESTALE:
                return problem_set(problem, OUTCOME_RULE_CHANGED,
                                "%s was changed by somebody else since you read it. Nothing was changed: read it "
                                "again.",
                                pending->rules.n_changes > 1 ? "A rule" : first);
        case -EROFS:
                return problem_set(problem, OUTCOME_RULE_READ_ONLY,
                                "The file is not in the directory that vfiod writes. Nothing was changed.");
        case -ETIMEDOUT:
        case -EPIPE:
        case -ECONNRESET:
                return problem_set(problem, OUTCOME_FAILED,
                                "vfiod-worker has not answered: %s. Either all rules were changed or none: see "
                                "'vfioctl rule list'.",
                                strerror(-error));
        case -ECANCELED:
                return problem_set(problem, OUTCOME_FAILED, "vfiod is ending: see 'vfioctl rule list', and try again.");
        default:
                return problem_set(problem, OUTCOME_FAILED, "Cannot change the rules: %s. Nothing was changed.",
                                error == -EINVAL || error == -EBADMSG || error == -EFBIG
                                                ? "a file has changed meanwhile"
                                                : strerror(-error));
        }
}

/* Reads the rules again. An error here does not undo the changes. */
static int reload(const PendingEdit *pending, Problem *problem) {
        _cleanup_free_ const char **deferred = calloc(pending->rules.n_changes + 1, sizeof(char *));

        if (!deferred)
                return -ENOMEM;
        for (size_t i = 0; i < pending->rules.n_changes; i++)
                deferred[i] = pending->rules.changes[i].name;
        int r = rule_news_reload(pending->service, pending->no_apply ? deferred : NULL);
        return r >= 0 ? 0
                      : problem_set(problem, OUTCOME_FAILED, "The rules were changed, but cannot be read: %s.",
                                        strerror(-r));
}

static int finish(PendingEdit *pending, int error, Problem *problem) {
        /* What the worker has changed before it failed counts. */
        if (error < 0 && error != -ECANCELED)
                (void)rule_news_reload(pending->service, NULL);
        if (error < 0)
                return describe_error(pending, error, problem);
        if (pending->dry_run)
                return 0;
        if (pending->rules.n_changes == 1)
                call_entry_log_done(&pending->entry, MESSAGE_RULES_CHANGED, "Rule %s was changed: %s",
                                pending->rules.changes[0].name,
                                rule_change_kind_to_string(pending->rules.changes[0].kind));
        else
                call_entry_log_done(&pending->entry, MESSAGE_RULES_CHANGED, "%zu rules were changed",
                                pending->rules.n_changes);
        return reload(pending, problem);
}

static void on_changed(int error, sd_bus_message *reply, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error bus_error = SD_BUS_ERROR_NULL;
        _cleanup_(pending_edit_freep) PendingEdit *pending = userdata;
        _cleanup_problem_ Problem problem = {};
        int32_t result = -EBADMSG;

        if (error >= 0)
                error = sd_bus_message_read(reply, "i", &result) < 0 || !peer_is_errno(result) ? -EBADMSG : result;
        int r = finish(pending, error, &problem);
        if (r == 0) {
                (void)sd_bus_reply_method_return(pending->call, NULL);
                return;
        }
        (void)bus_set_error(&bus_error, r, &problem);
        call_entry_log_refused(&pending->entry, pending->service, &bus_error);
        (void)error_details_reply_rule(pending->call, pending->tells_details, &bus_error,
                        pending->rules.n_changes == 1 ? pending->rules.changes[0].name : NULL);
}

static int append_changes(sd_bus_message *message, const PendingEdit *pending) {
        int r = sd_bus_message_open_container(message, 'a', "(sssbt)");

        for (size_t i = 0; i < pending->rules.n_changes && r >= 0; i++) {
                const RuleChange *change = &pending->rules.changes[i];

                r = sd_bus_message_append(message, "(sssbt)", change->name, rule_change_kind_to_string(change->kind),
                                strempty(change->text), (int)change->has_version, change->version);
        }
        if (r < 0 || (r = sd_bus_message_close_container(message)) < 0)
                return r;
        return sd_bus_message_append(message, "b", (int)pending->dry_run);
}

/* Takes the pending call over only on success. */
static int ask_worker(Service *service, PendingEdit *pending) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int r;

        if ((r = worker_request_new(sd_bus_get_event(service->bus), service->worker, "ChangeRules", &peer, &message)) <
                                        0 ||
                        (r = append_changes(message, pending)) < 0)
                return r;
        return worker_request_send(service->worker, TAKE_PTR(peer), message, on_changed, pending);
}

static int add_matched(PendingEdit *pending, const char *name) {
        _cleanup_free_ const Device **devices = NULL;
        size_t n = 0;

        int r = rule_rows_list_devices(pending->service, name, &devices, &n);
        if (r >= 0)
                call_entry_add_devices(&pending->entry, devices, n);
        return r;
}

static int change_rules(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_(pending_edit_freep) PendingEdit *pending = NULL;
        _cleanup_problem_ Problem problem = {};

        int r = check_changes(service, request, &problem);
        if (r != 0)
                return bus_set_error(error, r, &problem);
        if (!(pending = calloc(1, sizeof(PendingEdit))))
                return -ENOMEM;
        pending->service = service;
        pending->call = sd_bus_message_ref(call);
        pending->dry_run = request->dry_run;
        pending->no_apply = request->no_apply;
        pending->tells_details = request->error_details;
        pending->rules = TAKE_GENERIC(request->rules, RuleChangeList, (RuleChangeList){});
        call_entry_begin(&pending->entry, service, caller, request);
        for (size_t i = 0; i < pending->rules.n_changes; i++) {
                log_fields_add(&pending->entry.fields, "VFIOD_RULE", "%s", pending->rules.changes[i].name);
                if ((r = add_matched(pending, pending->rules.changes[i].name)) < 0)
                        return r;
        }
        if ((r = ask_worker(service, pending)) < 0)
                return bus_set_error(error, describe_error(pending, r, &problem), &problem);
        TAKE_PTR(pending);
        return 1;
}

/* For polkit. */

static int set_devices(const Service *service, const bool *marks, CallDetails *details) {
        size_t n, n_marked = 0;

        Device *const *devices = inventory_devices(service->inventory, &n);
        _cleanup_free_ const Device **marked = calloc(n + 1, sizeof(Device *));
        if (!marked)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (marks[i])
                        marked[n_marked++] = devices[i];
        return call_details_set_devices(details, service, marked, n_marked);
}

static int set_names(const Request *request, CallDetails *details) {
        _cleanup_free_ char *names = NULL;
        size_t size;

        FILE *stream = open_memstream(&names, &size);
        if (!stream)
                return -ENOMEM;
        for (size_t i = 0; i < request->rules.n_changes; i++)
                fprintf(stream, "%s%s", i > 0 ? " " : "", request->rules.changes[i].name);
        if (fclose(stream) != 0)
                return -ENOMEM;
        return call_details_set(details, CALL_DETAIL_RULE, "%s", names);
}

static int describe_changes(const Service *service, const Request *request, CallDetails *details, Problem *problem) {
        size_t n;
        int r;

        (void)inventory_devices(service->inventory, &n);
        _cleanup_free_ bool *marks = calloc(n + 1, sizeof(bool));
        if (!marks)
                return -ENOMEM;
        if ((r = check_changes(service, request, problem)) != 0)
                return r;
        for (size_t i = 0; i < request->rules.n_changes; i++) {
                const RuleChange *change = &request->rules.changes[i];
                const RuleFile *file = rule_book_find(rule_keeper_book(service->rules), change->name);

                call_details_mix(details, rule_change_kind_to_string(change->kind));
                call_details_mix(details, change->text);
                call_details_mix(details, file ? file->path : NULL);
                call_details_mix(details, file ? rule_file_state_to_string(file->state) : NULL);
                call_details_mix(details, file && file->hides_overrides ? "hides-overrides" : NULL);
                new_rule_mix(details, file ? file->rule ?: file->idle : NULL);
        }
        if ((r = rule_reach_mark(&request->rules, rule_keeper_cases(service->rules), service->kernel,
                             service->inventory, marks)) < 0)
                return r;
        r = set_devices(service, marks, details);
        return r < 0 ? r : set_names(request, details);
}

/* A rule with Override= can also become active without a text. */
static unsigned get_needs(const Service *service, const Request *request) {
        const RuleBook *book = rule_keeper_book(service->rules);

        for (size_t i = 0; i < request->rules.n_changes; i++) {
                const RuleChange *change = &request->rules.changes[i];
                bool enables = change->kind == RULE_CHANGE_ENABLE;

                if ((enables || change->kind == RULE_CHANGE_REMOVE) &&
                                rule_book_reveals_overrides(book, change->name, enables))
                        return 1U << ACTION_OVERRIDE_GUARD;
        }
        return 0;
}

static const CallHandler change_handler = {
                .run = change_rules,
                .describe = describe_changes,
                .get_needs = get_needs,
};

/* The methods. */

int rule_edit_many(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0 || (r = read_changes(request, message, error)) < 0 ||
                        (r = request_read_options(request, message, error)) < 0)
                return r;
        return authorize(message, &change_handler, TAKE_PTR(request), error);
}

/* The option "version-id" is for the only change of the call. */
static int read_object_options(Request *request, sd_bus_message *message, sd_bus_error *error) {
        int r = request_read_options(request, message, error);

        if (r >= 0 && request->version > 0)
                rule_change_list_require(&request->rules, request->version);
        return r;
}

int rule_edit_text(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        const RuleFile *file = userdata;
        const char *text;
        int r;

        if ((r = request_new(message, &request)) < 0 || (r = sd_bus_message_read_basic(message, 's', &text)) < 0 ||
                        (r = add_change(request, file->name, RULE_CHANGE_WRITE, text, error)) < 0 ||
                        (r = read_object_options(request, message, error)) < 0)
                return r;
        return authorize(message, &change_handler, TAKE_PTR(request), error);
}

int rule_edit_set_enabled(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        const RuleFile *file = userdata;
        int enabled, r;

        if ((r = request_new(message, &request)) < 0 || (r = sd_bus_message_read_basic(message, 'b', &enabled)) < 0 ||
                        (r = add_change(request, file->name, enabled ? RULE_CHANGE_ENABLE : RULE_CHANGE_DISABLE, NULL,
                                         error)) < 0 ||
                        (r = read_object_options(request, message, error)) < 0)
                return r;
        return authorize(message, &change_handler, TAKE_PTR(request), error);
}
