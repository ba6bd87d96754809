/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/rule-interface.h"
#include "base/log.h"
#include "bus/append.h"
#include "bus/authorize.h"
#include "bus/errors.h"
#include "bus/operation.h"
#include "bus/options.h"
#include "policy/selector.h"

static int emit_changed(const Service *service) {
        return sd_bus_emit_signal(service->bus, BUS_PATH, BUS_INTERFACE_MANAGER, "RulesChanged", "");
}

int rule_interface_tell(const Service *service) {
        return rule_keeper_take_changed(service->rules) ? emit_changed(service) : 0;
}

int rule_interface_reload(const Service *service) {
        int r = rule_keeper_reload(service->rules);
        if (r < 0)
                return r;
        (void)rule_keeper_take_changed(service->rules);
        return emit_changed(service);
}

/* Listing. */

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
        int r;

        (void)error;
        const RuleBook *book = rule_keeper_book(service->rules);
        if ((r = sd_bus_message_new_method_return(message, &reply)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(sssa(sssa{sv})a{sv})")) < 0)
                return r;
        for (size_t i = 0; i < book->n_files; i++)
                if ((r = append_file(reply, service->rules, &book->files[i])) < 0)
                        return r;
        if ((r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
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

/* Adding. */

/* The arguments of AddRule. */
typedef struct AddRequest {
        char *selector;
        char *name;
        OptionList companions; /* selectors */
        Rule wish;             /* only the [Detach] section */
        bool dry_run;          /* check everything, and write nothing */
} AddRequest;

static void add_request_free(void *userdata) {
        AddRequest *request = userdata;

        free(request->selector);
        free(request->name);
        option_list_done(&request->companions);
        free(request->wish.companions);
        free(request);
}

static int read_name(sd_bus_message *message, const char *key, void *userdata, sd_bus_error *error) {
        AddRequest *request = userdata;
        const char *name;

        int r = sd_bus_message_read(message, "v", "s", &name);
        if (r < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is a string (s).", key);
        if (!rule_name_is_valid(name))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "A rule's name has letters, digits, '-', '_' and '.', does not begin with '.', and is "
                                "shorter than %d.",
                                RULE_NAME_MAX);
        r = free_and_strdup(&request->name, name);
        return r < 0 ? r : 0;
}

static int read_virtual_functions(sd_bus_message *message, const char *key, void *userdata, sd_bus_error *error) {
        AddRequest *request = userdata;
        uint32_t count;

        if (sd_bus_message_read(message, "v", "u", &count) < 0 || count == 0 || count > RULE_VIRTUAL_FUNCTIONS_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is a number from 1 to %d (u).",
                                key, RULE_VIRTUAL_FUNCTIONS_MAX);
        request->wish.virtual_functions = count;
        return 0;
}

static int read_companions(sd_bus_message *message, const char *key, void *userdata, sd_bus_error *error) {
        return option_read_list(message, key, &((AddRequest *)userdata)->companions, error);
}

static int read_overrides(sd_bus_message *message, const char *key, void *userdata, sd_bus_error *error) {
        (void)key;
        return option_read_overrides(message, &((AddRequest *)userdata)->wish.overrides, error);
}

static int read_dry_run(sd_bus_message *message, const char *key, void *userdata, sd_bus_error *error) {
        return option_read_flag(message, key, &((AddRequest *)userdata)->dry_run, error);
}

static const Option add_options[] = {
                {"name", read_name},
                {"companions", read_companions},
                {"override", read_overrides},
                {"virtual-functions", read_virtual_functions},
                {"dry-run", read_dry_run},
};

/* Resolves the selector to a device that is present and not a bridge. */
static int find_device(const Service *service, const char *selector, const Device **ret, Problem *problem) {
        Device *device = NULL;

        int r = selector_resolve_device(service->inventory, selector, &device, problem);
        if (r != 0)
                return r;
        assert(device);
        if (!device->present)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "%s is gone from its slot: plug it in first, because the rule needs its ids.",
                                PCI_ADDRESS_TEXT(device->address));
        if (!device->endpoint)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT,
                                "%s is a bridge: it stays with the host. Name a device behind it.",
                                PCI_ADDRESS_TEXT(device->address));
        *ret = device;
        return 0;
}

/* Resolves the selectors of companions to addresses. A rule must not contain host names, because these can belong to another
 * device later. */
static int resolve_companions(const Service *service, const Device *device, AddRequest *request, Problem *problem) {
        size_t n = request->companions.n_entries;

        request->wish.companions = calloc(n + 1, sizeof(PciAddress));
        if (!request->wish.companions)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const char *selector = request->companions.entries[i];
                Device *companion = NULL;

                if (streq(selector, "*")) {
                        request->wish.all_companions = true;
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
                request->wish.companions[i] = companion->address;
        }
        request->wish.n_companions = n;
        return 0;
}

/* Writes the default name of a rule, for example "0000-3b-00.0". */
static int make_name(const Device *device, char **ret) {
        if (*ret)
                return 0;
        *ret = strdup(PCI_ADDRESS_TEXT(device->address));
        if (!*ret)
                return -ENOMEM;
        for (char *c = *ret; *c; c++)
                if (*c == ':')
                        *c = '-';
        return 0;
}

static int check_virtual_functions(const Device *device, unsigned count, Problem *problem) {
        if (count <= device->virtual_functions_max)
                return 0;
        return problem_set(problem, OUTCOME_INVALID_SELECTOR, "%s can have %u virtual functions, not %u.",
                        PCI_ADDRESS_TEXT(device->address), (unsigned)device->virtual_functions_max, count);
}

/* Writes the rule; a dry run only checks whether that is possible. Returns 0, an outcome, or a negative errno. */
static int add_rule(const Service *service, const Device *device, const AddRequest *request, Problem *problem) {
        const RuleBook *book = rule_keeper_book(service->rules);
        _cleanup_free_ char *text = NULL;
        int r;

        if (book->n_files >= RULES_MAX)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED, "There are %zu rules already: remove some first.",
                                book->n_files);
        if ((r = rule_make_text(device, &request->wish, &text)) < 0)
                return r;
        r = request->dry_run ? rule_book_check_add(book, request->name) : rule_book_add(book, request->name, text);
        if (r == -EEXIST)
                return problem_set(problem, OUTCOME_RULE_EXISTS,
                                "%s/%s.conf exists: give the rule another name (--name), or remove that rule first "
                                "(vfioctl rule remove %s).",
                                book->folders[0], request->name, request->name);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot write %s/%s.conf: %s.", book->folders[0],
                                request->name, strerror(-r));
        return 0;
}

/* Reads the rules again after a file was changed. An error here does not undo the change of the file. */
static int reload_after_change(const Service *service, const char *file, Problem *problem) {
        int r = rule_interface_reload(service);

        return r >= 0 ? 0
                      : problem_set(problem, OUTCOME_FAILED, "%s was changed, but the rules cannot be read: %s.", file,
                                        strerror(-r));
}

static int add_for(Service *service, sd_bus_message *call, const Caller *caller, void *userdata, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_free_ char *file = NULL;
        const Device *device = NULL;
        AddRequest *request = userdata;
        char text[CALLER_TEXT_MAX];
        int r;

        if ((r = find_device(service, request->selector, &device, &problem)) != 0)
                return errors_set(error, r, &problem);
        assert(device);
        if ((r = check_virtual_functions(device, request->wish.virtual_functions, &problem)) != 0 ||
                        (r = resolve_companions(service, device, request, &problem)) != 0 ||
                        (r = make_name(device, &request->name)) != 0 ||
                        (r = add_rule(service, device, request, &problem)) != 0)
                return errors_set(error, r, &problem);
        if (asprintf(&file, "%s/%s.conf", rule_keeper_book(service->rules)->folders[0], request->name) < 0) {
                file = NULL;
                return -ENOMEM;
        }
        if (request->dry_run)
                return sd_bus_reply_method_return(call, "ss", request->name, file);
        log_notice("%s was written, for %s (for %s)", file, PCI_ADDRESS_TEXT(device->address),
                        authorize_caller_text(service, caller, text));
        if ((r = reload_after_change(service, file, &problem)) != 0)
                return errors_set(error, r, &problem);
        return sd_bus_reply_method_return(call, "ss", request->name, file);
}

int rule_method_add(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        AddRequest *request = calloc(1, sizeof(AddRequest));
        const char *selector;
        int r;

        if (!request)
                return -ENOMEM;
        NextStep next = {.run = add_for, .request = request, .free_request = add_request_free};
        if ((r = sd_bus_message_read(message, "s", &selector)) >= 0 &&
                        (r = options_read(message, "AddRule", add_options, ELEMENTSOF(add_options), request, error)) >=
                                        0) {
                request->selector = selector_copy(selector);
                next.size = request->companions.size;
                if (request->selector)
                        return authorize_change(userdata, message, &next, error);
                r = -ENOMEM;
        }
        add_request_free(request);
        return r;
}

/* Removing. */

static int remove_rule(const RuleBook *book, const char *name, Problem *problem) {
        const RuleFile *file = rule_book_find(book, name);

        int r = rule_name_is_valid(name) ? rule_book_remove(book, name) : -ENOENT;
        if (r == -EROFS && file)
                return problem_set(problem, OUTCOME_RULE_READ_ONLY,
                                "vfiod cannot remove %s. Mask it: ln -s /dev/null %s/%s.conf; vfioctl rescan",
                                file->path, book->folders[0], name);
        if (r == -ENOENT || r == -EROFS)
                return problem_set(problem, OUTCOME_NO_SUCH_RULE,
                                "There is no rule of that name in %s. 'vfioctl rule list' lists all.",
                                book->folders[0]);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot remove %s/%s.conf: %s.", book->folders[0], name,
                                strerror(-r));
        return 0;
}

static int remove_for(Service *service, sd_bus_message *call, const Caller *caller, void *name, sd_bus_error *error) {
        const RuleBook *book = rule_keeper_book(service->rules);
        _cleanup_problem_ Problem problem = {};
        _cleanup_free_ char *file = NULL;
        char text[CALLER_TEXT_MAX];

        int r = remove_rule(book, name, &problem);
        if (r != 0)
                return errors_set(error, r, &problem);
        if (asprintf(&file, "%s/%s.conf", book->folders[0], (const char *)name) < 0) {
                file = NULL;
                return -ENOMEM;
        }
        log_notice("%s was removed (for %s)", file, authorize_caller_text(service, caller, text));
        if ((r = reload_after_change(service, file, &problem)) != 0)
                return errors_set(error, r, &problem);
        return sd_bus_reply_method_return(call, NULL);
}

int rule_method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *name;
        int r;

        if ((r = sd_bus_message_read(message, "s", &name)) < 0 ||
                        (r = options_read(message, "RemoveRule", NULL, 0, NULL, error)) < 0)
                return r;
        /* A longer name is no name of a rule, and stays so when it is cut. */
        NextStep next = {.run = remove_for, .request = strndup(name, RULE_NAME_MAX), .free_request = free};
        return next.request ? authorize_change(userdata, message, &next, error) : -ENOMEM;
}
