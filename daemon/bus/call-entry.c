/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/call-entry.h"
#include "base/log.h"
#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>

/* The journal drops an entry with too many fields. */
#define DEVICES_MAX 256

/* Writes "set-virtual-functions" for "SetVirtualFunctions" and "StartSetVirtualFunctions". */
static void write_verb(const char *member, char buffer[static CALL_VERB_MAX]) {
        size_t n = 0;

        member = startswith(member, "Start") ?: member;

        for (const char *c = member; *c && n + 2 < CALL_VERB_MAX; c++) {
                if (isupper((unsigned char)*c) && c > member)
                        buffer[n++] = '-';
                buffer[n++] = (char)tolower((unsigned char)*c);
        }
        buffer[n] = '\0';
}

static void add_caller(CallEntry *entry, const Service *service, const Caller *caller) {
        char command[PROCESS_COMMAND_MAX], unit[PROCESS_UNIT_MAX], session[PROCESS_SESSION_MAX];

        log_fields_add(&entry->fields, "VFIOD_CALLER_KIND", "call");
        (void)process_read_command(service->kernel, caller->pid, command);
        process_read_place(service->kernel, caller->pid, unit, session);
        if (caller->uid == LOG_QUOTA_UNKNOWN_USER)
                (void)snprintf(entry->caller, sizeof(entry->caller), "an unknown user");
        else
                (void)snprintf(entry->caller, sizeof(entry->caller), "uid %u, process %d (%s)", (unsigned)caller->uid,
                                (int)caller->pid, command[0] != '\0' ? TEXT_NAME(command) : "gone");
        if (caller->uid != LOG_QUOTA_UNKNOWN_USER)
                log_fields_add(&entry->fields, "VFIOD_CALLER_UID", "%u", (unsigned)caller->uid);
        if (caller->pid > 0)
                log_fields_add(&entry->fields, "VFIOD_CALLER_PID", "%d", (int)caller->pid);
        log_fields_add(&entry->fields, "VFIOD_CALLER_COMMAND", "%s", TEXT_NAME(command));
        log_fields_add(&entry->fields, "VFIOD_CALLER_UNIT", "%s", TEXT_NAME(unit));
        log_fields_add(&entry->fields, "VFIOD_CALLER_SESSION", "%s", TEXT_NAME(session));
        log_fields_add(&entry->fields, "VFIOD_POLKIT", "%s", caller->polkit ? caller->polkit : "not asked");
}

/* Adds "override=network,display force". */
static void add_options(CallEntry *entry, const Request *request) {
        char guards[GUARD_LIST_MAX], driver[NAME_MAX + 16] = "", count[32] = "", revert[32] = "";

        if (request->driver)
                (void)snprintf(driver, sizeof(driver), " driver=%s", request->driver);
        if (strstr(request->method->member, "SetVirtualFunctions") || request->virtual_functions > 0)
                (void)snprintf(count, sizeof(count), " count=%u",
                                request->virtual_functions > 0 ? request->virtual_functions : request->count);
        if (request->revert_after_us > 0)
                (void)snprintf(revert, sizeof(revert), " revert-after=%gs", (double)request->revert_after_us / 1e6);
        _cleanup_free_ char *text = NULL;
        if (asprintf(&text, "%s%s%s%s%s%s%s%s%s%s%s%s", request->overrides != 0 ? " override=" : "",
                            guard_list_format(request->overrides, ',', guards), driver, count, revert,
                            request->companions.n_entries > 0 ? " companions" : "", request->force ? " force" : "",
                            request->adopt ? " adopt" : "", request->detach ? " detach" : "",
                            request->driverless ? " driverless" : "", request->dry_run ? " dry-run" : "",
                            request->no_apply ? " no-apply" : "") < 0)
                text = NULL;
        if (!isempty(text))
                log_fields_add(&entry->fields, "VFIOD_OPTIONS", "%s", text + 1);
}

void call_entry_begin(CallEntry *ret, const Service *service, const Caller *caller, const Request *request) {
        *ret = (CallEntry){.uid = caller->uid};
        write_verb(request->method->member, ret->verb);
        add_caller(ret, service, caller);
        add_options(ret, request);
}

void call_entry_done(CallEntry *entry) {
        log_fields_done(&entry->fields);
}

void call_entry_add_devices(CallEntry *entry, const Device *const *devices, size_t n_devices) {
        for (size_t i = 0; i < n_devices && i < DEVICES_MAX; i++)
                log_fields_add(&entry->fields, "VFIOD_DEVICE", "%s", PCI_ADDRESS_TEXT(devices[i]->address));
}

/* Adds the fields that all entries have which are not about jobs. */
static void add_end(CallEntry *entry, const char *result, const char *reason) {
        log_fields_add(&entry->fields, "VFIOD_VERB", "%s", entry->verb);
        log_fields_add(&entry->fields, "VFIOD_CALLER", "%s", entry->caller);
        log_fields_add(&entry->fields, "VFIOD_RESULT", "%s", result);
        log_fields_add(&entry->fields, "VFIOD_REASON", "%s", reason);
}

void call_entry_log_done(CallEntry *entry, const char *message_id, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;

        va_start(arguments, format);
        int r = text_format_message(&message, format, arguments);
        va_end(arguments);
        add_end(entry, "done", "");
        log_event(&(LogEvent){.priority = LOG_NOTICE, .message_id = message_id, .fields = &entry->fields},
                        "%s (for %s)", r < 0 ? entry->verb : message, entry->caller);
}

static bool is_denial(const sd_bus_error *error) {
        return sd_bus_error_has_names(
                        error, SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);
}

/* Logs the last part of the error's name, and its message. */
static void log_refused(CallEntry *entry, const sd_bus_error *error) {
        const char *name = strrchr(strempty(error->name), '.');

        add_end(entry, name ? name + 1 : "Failed", strempty(error->message));
        log_event(&(LogEvent){.priority = is_denial(error) ? LOG_WARNING : LOG_NOTICE,
                                  .message_id = MESSAGE_REFUSED,
                                  .fields = &entry->fields},
                        "%s for %s was refused: %s", entry->verb, entry->caller, strempty(error->message));
}

/* Adds the devices that the selector of the call names now. A plan may have more, but there is none. */
static void add_selected(CallEntry *entry, const Service *service, const Request *request) {
        _cleanup_problem_ Problem problem = {};
        Selection selection;

        log_fields_add(&entry->fields, "VFIOD_SELECTOR", "%s", TEXT_EXCERPT(request->selector));
        if (selector_resolve(service->inventory, request->selector, &selection, &problem) != 0)
                return;
        if (selection.group)
                log_fields_add(&entry->fields, "VFIOD_GROUP", "%d", selection.group->number);
        if (selection.device)
                call_entry_add_devices(entry, (const Device *const *)&selection.device, 1);
        else if (selection.group)
                call_entry_add_devices(
                                entry, (const Device *const *)selection.group->members, selection.group->n_members);
}

static void add_job(CallEntry *entry, const Service *service, unsigned long number) {
        const Job *job = job_find(service->jobs, number);

        log_fields_add(&entry->fields, "VFIOD_JOB", "%lu", number);
        if (job)
                log_fields_add(&entry->fields, "VFIOD_DEVICE", "%s",
                                PCI_ADDRESS_TEXT(job_describe(job).plan->selected));
}

static void add_lease(CallEntry *entry, const Service *service, unsigned number) {
        const Lease *lease = lease_find(service->leases, number);

        log_fields_add(&entry->fields, "VFIOD_LEASE", "%u", number);
        if (lease)
                log_fields_add(&entry->fields, "VFIOD_DEVICE", "%s",
                                PCI_ADDRESS_TEXT(lease_describe(lease).addresses[0]));
}

/* Adds what the call is about. */
static void add_subject(CallEntry *entry, const Service *service, const Request *request) {
        bool names_rule = request_names_rule(request); /* and no device */
        const char *rule = names_rule ? request->selector : request->name;

        log_fields_add(&entry->fields, "VFIOD_RULE", "%s", rule ? TEXT_EXCERPT(rule) : "");
        if (request->number > 0 && streq(request->method->interface, BUS_INTERFACE_LEASE))
                add_lease(entry, service, (unsigned)request->number);
        else if (request->number > 0)
                add_job(entry, service, request->number);
        else if (request->selector && !names_rule)
                add_selected(entry, service, request);
}

void call_entry_log_refusal(const Service *service, const Caller *caller, const Request *request, int error_number,
                const sd_bus_error *error) {
        _cleanup_(sd_bus_error_free) sd_bus_error own = SD_BUS_ERROR_NULL;
        _cleanup_call_entry_ CallEntry entry = {};

        if (request->method->action == ACTION_NONE || !log_quota_admit(job_table_log_quota(service->jobs), caller->uid))
                return;
        if (!sd_bus_error_is_set(error)) {
                (void)sd_bus_error_set_errno(&own, error_number);
                error = &own;
        }
        call_entry_begin(&entry, service, caller, request);
        add_subject(&entry, service, request);
        log_refused(&entry, error);
}

void call_entry_log_refused(CallEntry *entry, const Service *service, const sd_bus_error *error) {
        if (log_quota_admit(job_table_log_quota(service->jobs), entry->uid))
                log_refused(entry, error);
}
