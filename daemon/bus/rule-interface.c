/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/rule-interface.h"
#include "base/log.h"
#include "bus/authorize.h"
#include "bus/notify.h"

int rule_interface_tell(const Service *service) {
        return rule_keeper_take_changed(service->rules) ? notify_rules(service) : 0;
}

int rule_interface_reload(const Service *service) {
        int r = rule_keeper_reload(service->rules);
        if (r < 0)
                return r;
        (void)rule_keeper_take_changed(service->rules);
        return notify_rules(service);
}

/* ListRules. */

static int append_case(sd_bus_message *reply, const RuleCase *rule_case) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'r', "sssa{sv}")) < 0 ||
                        (r = sd_bus_message_append(reply, "ss", PCI_ADDRESS_TEXT(rule_case->address),
                                         rule_status_to_string(rule_case->status))) < 0 ||
                        (r = bus_append_text(reply, strempty(rule_case->message))) < 0 ||
                        (r = sd_bus_message_append(reply, "a{sv}", 0)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

/* Appends the devices of one rule. The list has the devices of all rules. */
static int append_cases(sd_bus_message *reply, const RuleCaseList *list, const char *rule) {
        int r = 0;

        for (size_t i = 0; i < list->n_cases && r >= 0; i++)
                if (streq_ptr(list->cases[i].rule, rule))
                        r = append_case(reply, &list->cases[i]);
        return r;
}

static int append_details(sd_bus_message *reply, const RuleFile *file) {
        if (file->state != RULE_FILE_INVALID)
                return sd_bus_message_append(reply, "a{sv}", 0);
        return sd_bus_message_append(
                        reply, "a{sv}", 2, "Fault", "s", file->fault.message, "Line", "u", (uint32_t)file->fault.line);
}

static int append_file(sd_bus_message *reply, const RuleKeeper *keeper, const RuleFile *file) {
        static const char *const states[_RULE_FILE_STATE_MAX] = {
                        [RULE_FILE_VALID] = "active",
                        [RULE_FILE_INVALID] = "off",
                        [RULE_FILE_MASKED] = "masked",
        };
        int r;

        if ((r = sd_bus_message_open_container(reply, 'r', "sssa(sssa{sv})a{sv}")) < 0 ||
                        (r = bus_append_name(reply, file->name)) < 0 || (r = bus_append_name(reply, file->path)) < 0 ||
                        (r = sd_bus_message_append(reply, "s", states[file->state])) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(sssa{sv})")) < 0 ||
                        (r = append_cases(reply, rule_keeper_cases(keeper), file->name)) < 0 ||
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

/* Resolves the selector to a device that is present, not a bridge, and can have the virtual functions of the rule. */
static int find_device(const Service *service, const Request *request, const Device **ret, Problem *problem) {
        Device *device = NULL;

        int r = selector_resolve_device(service->inventory, request->selector, &device, problem);
        if (r != 0)
                return r;
        assert(device);
        const char *address = PCI_ADDRESS_TEXT(device->address);
        if (!device->present)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "%s is gone from its slot: plug it in first, because the rule needs its ids.", address);
        if (!device->endpoint)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT,
                                "%s is a bridge: it stays with the host. Name a device behind it.", address);
        if (request->virtual_functions > device->virtual_functions_max)
                return problem_set(problem, OUTCOME_INVALID_SELECTOR, "%s can have %u virtual functions, not %u.",
                                address, (unsigned)device->virtual_functions_max, request->virtual_functions);
        *ret = device;
        return 0;
}

/* Resolves the selectors of companions to addresses. A rule must not contain host names, because these can belong to
 * another device later. Returns 0, an outcome, or -ENOMEM. The caller frees wish->companions. */
static int resolve_companions(const Service *service, const Device *device, const RequestList *selectors, Rule *wish,
                Problem *problem) {
        wish->companions = calloc(selectors->n_entries + 1, sizeof(PciAddress));
        if (!wish->companions)
                return -ENOMEM;
        for (size_t i = 0; i < selectors->n_entries; i++) {
                const char *selector = selectors->entries[i];
                Device *companion = NULL;

                if (streq(selector, "*")) {
                        wish->all_companions = true;
                        return 0;
                }
                int r = selector_resolve_device(service->inventory, selector, &companion, problem);
                if (r != 0)
                        return r;
                assert(companion);
                if (companion == device || !companion->endpoint || !companion->group ||
                                companion->group != device->group)
                        return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                        "'%s' is no companion: it is not another endpoint in the IOMMU group of %s.",
                                        selector, PCI_ADDRESS_TEXT(device->address));
                wish->companions[i] = companion->address;
        }
        wish->n_companions = selectors->n_entries;
        return 0;
}

/* Makes the default name of a rule, for example "0000-3b-00.0", unless there is a name. Returns 0 or -ENOMEM. */
static int make_name(PciAddress address, char **name) {
        if (*name)
                return 0;
        *name = strdup(PCI_ADDRESS_TEXT(address));
        for (char *colon = *name; colon && (colon = strchr(colon, ':'));)
                *colon = '-';
        return *name ? 0 : -ENOMEM;
}

/* Makes the path of the file that vfiod writes for a rule. The caller frees *ret. Returns 0 or -ENOMEM. */
static int make_path(const Service *service, const char *name, char **ret) {
        return asprintf(ret, "%s/%s.conf", rule_keeper_book(service->rules)->folders[0], name) < 0 ? -ENOMEM : 0;
}

/* Reads the rules again after a file was changed. An error here does not undo the change of the file. */
static int reload_after_change(const Service *service, const char *file, Problem *problem) {
        int r = rule_interface_reload(service);

        return r >= 0 ? 0
                      : problem_set(problem, OUTCOME_FAILED, "%s was changed, but the rules cannot be read: %s.", file,
                                        strerror(-r));
}

/* A call that waits until the worker has changed a file. */
typedef struct PendingCall {
        Service *service;
        sd_bus_message *call;
        char *name, *file; /* of the rule */
        bool dry_run;
        char caller[CALLER_TEXT_MAX];
} PendingCall;

static PendingCall *pending_call_free(PendingCall *pending) {
        if (!pending)
                return NULL;
        sd_bus_message_unref(pending->call);
        free(pending->name);
        free(pending->file);
        free(pending);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(PendingCall *, pending_call_free)

static PendingCall *pending_call_new(Service *service, sd_bus_message *call, const Caller *caller, const char *name) {
        _cleanup_(pending_call_freep) PendingCall *pending = calloc(1, sizeof(PendingCall));
        if (!pending)
                return NULL;
        pending->service = service;
        pending->call = sd_bus_message_ref(call);
        pending->name = strdup(name);
        (void)authorize_caller_text(service, caller, pending->caller);
        if (!pending->name || make_path(service, name, &pending->file) < 0)
                return NULL;
        return TAKE_PTR(pending);
}

/* Replies with an error, which may be none. Returns whether it did. */
static bool reply_problem(const PendingCall *pending, int r, const Problem *problem) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (r == 0)
                return false;
        (void)bus_set_error(&error, r, problem);
        (void)sd_bus_reply_method_error(pending->call, &error);
        return true;
}

static int describe_change_error(const PendingCall *pending, const char *verb, int error, Problem *problem) {
        if (error == -ECANCELED)
                return problem_set(problem, OUTCOME_FAILED, "vfiod is ending: see 'vfioctl rule list', and try again.");
        return problem_set(problem, OUTCOME_FAILED, "Cannot %s %s: %s.", verb, pending->file, strerror(-error));
}

static int check_added(const PendingCall *pending, int error, Problem *problem) {
        if (error == -EEXIST)
                return problem_set(problem, OUTCOME_RULE_EXISTS,
                                "%s exists: give the rule another name (--name), or remove that rule first (vfioctl "
                                "rule remove %s).",
                                pending->file, pending->name);
        if (error < 0)
                return describe_change_error(pending, "write", error, problem);
        if (pending->dry_run)
                return 0;
        log_notice("%s was written (for %s)", pending->file, pending->caller);
        return reload_after_change(pending->service, pending->file, problem);
}

static void on_added(int error, void *userdata) {
        _cleanup_(pending_call_freep) PendingCall *pending = userdata;
        _cleanup_problem_ Problem problem = {};

        if (!reply_problem(pending, check_added(pending, error, &problem), &problem))
                (void)sd_bus_reply_method_return(pending->call, "ss", pending->name, pending->file);
}

/* Makes the text of the rule. Returns 0, an outcome, or a negative errno. The caller frees *ret. */
static int make_rule(const Service *service, Request *request, char **ret, Problem *problem) {
        _cleanup_(rule_freep) Rule *wish = calloc(1, sizeof(Rule));
        const RuleBook *book = rule_keeper_book(service->rules);
        const Device *device = NULL;
        int r;

        if (!wish)
                return -ENOMEM;
        wish->driver = TAKE_PTR(request->driver);
        wish->overrides = request->overrides;
        wish->virtual_functions = request->virtual_functions;
        if ((r = find_device(service, request, &device, problem)) != 0)
                return r;
        assert(device);
        if ((r = resolve_companions(service, device, &request->companions, wish, problem)) != 0 ||
                        (r = make_name(device->address, &request->name)) != 0)
                return r;
        if (book->n_files >= RULES_MAX)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED, "There are %zu rules already: remove some first.",
                                book->n_files);
        return rule_make_text(device, wish, ret);
}

static int add_rule(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_(pending_call_freep) PendingCall *pending = NULL;
        _cleanup_problem_ Problem problem = {};
        _cleanup_free_ char *text = NULL;

        int r = make_rule(service, request, &text, &problem);
        if (r != 0)
                return bus_set_error(error, r, &problem);
        pending = pending_call_new(service, call, caller, request->name);
        if (!pending)
                return -ENOMEM;
        pending->dry_run = request->dry_run;
        r = worker_request(sd_bus_get_event(service->bus), service->worker, "AddRule", on_added, pending, "ssb",
                        request->name, text, (int)request->dry_run);
        if (r < 0)
                return bus_set_error(error, describe_change_error(pending, "write", r, &problem), &problem);
        TAKE_PTR(pending);
        return 1;
}

static const CallHandler add_handler = {.run = add_rule};

int rule_method_add(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0 || (r = request_read_options(request, message, error)) < 0)
                return r;
        return authorize(message, &add_handler, TAKE_PTR(request), error);
}

/* RemoveRule. */

static int check_removed(const PendingCall *pending, int error, Problem *problem) {
        const RuleBook *book = error == -ECANCELED ? NULL : rule_keeper_book(pending->service->rules);
        const RuleFile *file = book ? rule_book_find(book, pending->name) : NULL;

        if (error == -ENOENT && file && file->folder > 0)
                return problem_set(problem, OUTCOME_RULE_READ_ONLY,
                                "vfiod cannot remove %s. Mask it: ln -s /dev/null %s; vfioctl rescan", file->path,
                                pending->file);
        /* Somebody may have removed the file since it was read. */
        if (error == -ENOENT && !file)
                return problem_set(problem, OUTCOME_NO_SUCH_RULE,
                                "There is no rule of that name in %s. 'vfioctl rule list' lists all.",
                                book ? book->folders[0] : "");
        if (error < 0 && error != -ENOENT)
                return describe_change_error(pending, "delete", error, problem);
        log_notice("%s was removed (for %s)", pending->file, pending->caller);
        return reload_after_change(pending->service, pending->file, problem);
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
        _cleanup_problem_ Problem problem = {};

        if (!(pending = pending_call_new(service, call, caller, request->selector)))
                return -ENOMEM;
        int r = worker_request(sd_bus_get_event(service->bus), service->worker, "RemoveRule", on_removed, pending, "s",
                        request->selector);
        if (r < 0)
                return bus_set_error(error, describe_change_error(pending, "delete", r, &problem), &problem);
        TAKE_PTR(pending);
        return 1;
}

static const CallHandler remove_handler = {.run = remove_rule};

int rule_method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0 || (r = request_read_options(request, message, error)) < 0)
                return r;
        return authorize(message, &remove_handler, TAKE_PTR(request), error);
}
