/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/revert-interface.h"
#include "bus/authorize.h"
#include "bus/call-entry.h"
#include "bus/change-reply.h"

/* Detach. */

/* A call of Detach or StartDetach that is not answered yet. */
typedef struct Beginning {
        sd_bus_message *call;
        bool starts;
        FailureContext context;
} Beginning;

static void on_started(const Job *job, void *userdata) {
        Beginning *beginning = userdata;

        if (beginning->starts)
                (void)change_reply_job(beginning->call, job);
        /* Also if the reply was lost: there is only one. */
        if (beginning->starts)
                beginning->call = sd_bus_message_unref(beginning->call);
}

static void on_done(const WorkerResult *result, void *userdata) {
        _cleanup_free_ Beginning *beginning = userdata;

        if (beginning->call && !change_reply_failure(beginning->call, &beginning->context, result))
                (void)change_reply(beginning->call, &result->report);
        sd_bus_message_unref(beginning->call);
}

int revert_interface_start(Service *service, sd_bus_message *call, const Caller *caller, const Request *request,
                Plan *plan, Problem *problem) {
        _cleanup_free_ Beginning *beginning = malloc(sizeof(Beginning));
        _cleanup_call_entry_ CallEntry entry = {};

        const Group *group = inventory_find_group(service->inventory, plan->group);
        if (!beginning || !group) {
                plan_free(plan);
                return beginning ? -ENODEV : -ENOMEM;
        }
        *beginning = (Beginning){
                        call, request->starts, failure_context_new(service, request, plan->selected, plan->group)};
        plan->asker = caller->uid;
        call_entry_begin(&entry, service, caller, request);
        RevertWish wish = {
                        .uid = caller->uid,
                        .after_us = request->revert_after_us,
                        .group = group,
                        .plan = plan,
                        .caller = entry.caller,
                        .fields = &entry.fields,
                        .started = on_started,
                        .done = on_done,
                        .userdata = beginning,
        };
        int r = revert_start(service->reverts, &wish, problem);
        if (r != 0)
                return r;
        /* on_done() frees these. The event loop calls it later, never from here. */
        sd_bus_message_ref(call);
        TAKE_PTR(beginning);
        return 0;
}

static Revert *find_revert(const Service *service, const char *selector, Problem *problem, int *ret) {
        Selection selection;

        *ret = selector_resolve(service->inventory, selector, &selection, problem);
        if (*ret != 0)
                return NULL;
        if (selection.device)
                return revert_find_device(service->reverts, selection.device->address);
        return revert_find_group(service->reverts, selection.group->number);
}

static int deny(const RevertDescription *revert, sd_bus_error *error) {
        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                        "User %u has detached group %d for a trial: only root and this user may confirm that, or set "
                        "another deadline. Try it with sudo.",
                        (unsigned)revert->uid, revert->group);
}

/* Moving the deadline. */

typedef struct Moving {
        sd_bus_message *call;
        bool starts;
} Moving;

static int reply_error(sd_bus_message *call, int error) {
        return sd_bus_reply_method_errorf(call, BUS_ERROR_PREFIX "Failed", "%s",
                        error == -ECANCELED ? "vfiod is ending: try again." : strerror(-error));
}

static void on_moved(int error, void *userdata) {
        _cleanup_free_ Moving *moving = userdata;
        const Report nothing = {};

        if (error < 0)
                (void)reply_error(moving->call, error);
        else if (moving->starts)
                (void)change_reply_job(moving->call, NULL);
        else
                (void)change_reply(moving->call, &nothing);
        sd_bus_message_unref(moving->call);
}

int revert_interface_move(Service *service, sd_bus_message *call, const Caller *caller, const Request *request,
                Problem *problem, sd_bus_error *error) {
        _cleanup_free_ Moving *moving = malloc(sizeof(Moving));
        _cleanup_problem_ Problem refusal = {};
        int r;

        Revert *revert = find_revert(service, request->selector, &refusal, &r);
        if (!moving || r < 0)
                return -ENOMEM;
        if (!revert) {
                r = problem_set(&refusal, OUTCOME_ALREADY_DETACHED,
                                "%s It stays detached: a revert undoes only what its own call has done.",
                                problem->message);
                return bus_set_error(error, r, &refusal);
        }
        RevertDescription description = revert_describe(revert);
        if (caller->uid != 0 && caller->uid != description.uid)
                return deny(&description, error);
        *moving = (Moving){call, request->starts};
        if ((r = revert_move(revert, request->revert_after_us, on_moved, moving, &refusal)) != 0)
                return bus_set_error(error, r, &refusal);
        /* on_moved() frees these. */
        sd_bus_message_ref(call);
        TAKE_PTR(moving);
        return 1;
}

static int refuse_without(const char *selector, Problem *problem) {
        if (isempty(selector))
                return problem_set(problem, OUTCOME_NO_REVERT, "There is nothing to confirm: no revert is pending.");
        return problem_set(problem, OUTCOME_NO_REVERT,
                        "There is nothing to confirm for %s: no revert is pending. If it was detached for a trial, the "
                        "deadline has passed and it is with the host again, or somebody confirmed it.",
                        TEXT_EXCERPT(selector));
}

/* Describes the whole group, also without a revert. */
int revert_interface_describe(const Service *service, const Request *request, CallDetails *details, Problem *problem) {
        Selection selection = {};

        if (isempty(request->selector)) /* all of the caller */
                return 0;
        int r = selector_resolve(service->inventory, request->selector, &selection, problem);
        if (r != 0)
                return r;
        const Group *group = selection.group ?: selection.device->group;
        if (!group)
                return call_details_set_devices(details, service, (const Device *const *)&selection.device, 1);
        return call_details_set_devices(details, service, (const Device *const *)group->members, group->n_members);
}

/* Confirm. */

/* So many failures are told one by one. */
#define TOLD_MAX 16

struct Confirming;

/* A revert of a call. */
typedef struct ConfirmRow {
        struct Confirming *confirming;
        PciAddress address; /* the first device of the revert */
        int group;
        int result; /* 0, an outcome or a negative errno */
        Problem problem;
} ConfirmRow;

/* A call that is not answered yet. */
typedef struct Confirming {
        sd_bus_message *call;
        ConfirmRow *rows;
        size_t n_rows, n_waiting;
} Confirming;

static Confirming *confirming_free(Confirming *confirming) {
        if (!confirming)
                return NULL;
        for (size_t i = 0; i < confirming->n_rows; i++)
                problem_done(&confirming->rows[i].problem);
        sd_bus_message_unref(confirming->call);
        free(confirming->rows);
        free(confirming);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Confirming *, confirming_free)

static const char *describe_row(const ConfirmRow *row) {
        if (row->result == -ECANCELED)
                return "vfiod is ending: try again.";
        return row->result < 0 ? strerror(-row->result) : strempty(row->problem.message);
}

static int send_groups(const Confirming *confirming) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        int r = bus_open_list(confirming->call, "i", &reply);
        for (size_t i = 0; i < confirming->n_rows && r >= 0; i++)
                r = sd_bus_message_append(reply, "i", confirming->rows[i].group);
        return r < 0 ? r : bus_send_list(reply);
}

/* Names the groups that were confirmed, and the others with the reasons. */
static char *list_rows(const Confirming *confirming) {
        size_t size, n_failed = 0, n_done = 0;
        char *text = NULL;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;
        for (size_t i = 0; i < confirming->n_rows; i++) {
                const ConfirmRow *row = &confirming->rows[i];

                if (row->result != 0 && ++n_failed <= TOLD_MAX)
                        fprintf(stream, "%sgroup %d (%s): %s", n_failed > 1 ? " " : "Not confirmed: ", row->group,
                                        PCI_ADDRESS_TEXT(row->address), describe_row(row));
        }
        if (n_failed > TOLD_MAX)
                fprintf(stream, " And %zu others.", n_failed - TOLD_MAX);
        for (size_t i = 0; i < confirming->n_rows; i++)
                if (confirming->rows[i].result == 0 && ++n_done <= TOLD_MAX)
                        fprintf(stream, "%s %d", n_done > 1 ? "," : " Confirmed: group", confirming->rows[i].group);
        if (n_done > TOLD_MAX)
                fprintf(stream, " and %zu others", n_done - TOLD_MAX);
        fprintf(stream, "%s", n_done > 0 ? "." : " No other was pending.");
        if (fclose(stream) == 0)
                return text;
        free(text);
        return NULL;
}

/* The error of the call: that of a single revert as it is. If all have failed in the same way, they share the name. */
static int set_error(const Confirming *confirming, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};
        const ConfirmRow *first = NULL;
        bool same = true;
        int r;

        for (size_t i = 0; i < confirming->n_rows; i++) {
                const ConfirmRow *row = &confirming->rows[i];

                same = same && row->result == confirming->rows[0].result;
                first = first ?: row->result != 0 ? row : NULL;
        }
        if (!first)
                return 0;
        if (confirming->n_rows == 1 && first->result > 0)
                return bus_set_error(error, first->result, &first->problem);
        Outcome outcome = same && first->result > 0 ? (Outcome)first->result : OUTCOME_FAILED;
        _cleanup_free_ char *text = confirming->n_rows == 1 ? strdup(describe_row(first)) : list_rows(confirming);
        if (!text || (r = problem_set(&problem, outcome, "%s", text)) < 0)
                return -ENOMEM;
        return bus_set_error(error, r, &problem);
}

/* Runs once for each revert that a worker confirms. */
static void on_confirmed(int result, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        ConfirmRow *row = userdata;
        Confirming *confirming = row->confirming;

        row->result = result < 0 ? result : 0;
        if (--confirming->n_waiting > 0)
                return;
        int r = set_error(confirming, &error);
        if (r < 0)
                (void)sd_bus_reply_method_errno(confirming->call, r, &error);
        else
                (void)send_groups(confirming);
        confirming_free(confirming);
}

/* Adds a revert to the call. The rows have room for it. */
static void add_revert(Confirming *confirming, Revert *revert) {
        RevertDescription description = revert_describe(revert);
        ConfirmRow *row = &confirming->rows[confirming->n_rows++];

        *row = (ConfirmRow){
                        .confirming = confirming,
                        .address = description.addresses[0],
                        .group = description.group,
        };
        row->result = revert_confirm(revert, on_confirmed, row, &row->problem);
        confirming->n_waiting += row->result == 0;
}

/* Adds all reverts of the user, for root all of everybody. */
static int add_all(const Service *service, Confirming *confirming, uid_t uid) {
        size_t n = 0;

        for (Revert *revert = NULL; (revert = revert_next_live(service->reverts, revert));)
                n++;
        if (!(confirming->rows = calloc(n + 1, sizeof(ConfirmRow))))
                return -ENOMEM;
        for (Revert *revert = NULL; (revert = revert_next_live(service->reverts, revert));)
                if (uid == 0 || uid == revert_describe(revert).uid)
                        add_revert(confirming, revert);
        return 0;
}

/* Finds the revert that has a device of the selection, also while its detach runs. */
static Revert *find_live(const Service *service, const Selection *selection) {
        for (Revert *revert = NULL; (revert = revert_next_live(service->reverts, revert));) {
                RevertDescription description = revert_describe(revert);

                for (size_t i = 0; i < description.n_addresses; i++) {
                        const Device *device = inventory_find_device(service->inventory, description.addresses[i]);

                        if (device &&
                                        (selection->device ? device == selection->device
                                                           : device->group == selection->group))
                                return revert;
                }
        }
        return NULL;
}

/* The same for the selected revert. Returns a negative errno with the error set if it is that of another user. */
static int add_selected(const Service *service, Confirming *confirming, uid_t uid, const char *selector,
                Problem *problem, sd_bus_error *error) {
        Selection selection = {};

        int r = selector_resolve(service->inventory, selector, &selection, problem);
        if (r != 0)
                return r;
        Revert *revert = find_live(service, &selection);
        if (!revert)
                return 0;
        RevertDescription description = revert_describe(revert);
        if (uid != 0 && uid != description.uid)
                return deny(&description, error);
        if (!(confirming->rows = calloc(1, sizeof(ConfirmRow))))
                return -ENOMEM;
        add_revert(confirming, revert);
        return 0;
}

static int run_confirm(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_(confirming_freep) Confirming *confirming = calloc(1, sizeof(Confirming));
        _cleanup_problem_ Problem problem = {};

        if (!confirming)
                return -ENOMEM;
        confirming->call = sd_bus_message_ref(call);
        int r = isempty(request->selector)
                        ? add_all(service, confirming, caller->uid)
                        : add_selected(service, confirming, caller->uid, request->selector, &problem, error);
        if (confirming->n_waiting > 0) {
                /* on_confirmed() frees it. The event loop calls it later, never from here. */
                TAKE_PTR(confirming);
                return 1;
        }
        if (r == 0 && confirming->n_rows > 0)
                return set_error(confirming, error);
        if (r == 0)
                r = refuse_without(request->selector, &problem);
        return sd_bus_error_is_set(error) ? r : bus_set_error(error, r, &problem);
}

static const CallHandler confirm_handler = {.run = run_confirm, .describe = revert_interface_describe};

int revert_interface_confirm(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0 || (r = request_read_options(request, message, error)) < 0)
                return r;
        return authorize(message, &confirm_handler, TAKE_PTR(request), error);
}

/* What the bus shows. */

uint64_t revert_interface_deadline(const Service *service, const Group *group) {
        const Revert *revert = revert_find_group(service->reverts, group->number);

        return revert ? revert_describe(revert).at_us : 0;
}

/* Everybody on the system bus can read this, so it names no process there. */
static const char *generalize(Outcome outcome) {
        switch (outcome) {
        case OUTCOME_DONE:
                return "";
        case OUTCOME_HELD:
                return "a process";
        case OUTCOME_LEASED:
                return "the end of a lease";
        case OUTCOME_BUSY:
        case OUTCOME_STUCK:
                return "the end of a job";
        default:
                return "another attempt: the last one failed";
        }
}

static const char *describe_obstacle(const Service *service, const sd_bus *bus, const Revert *revert) {
        RevertDescription description = revert_describe(revert);

        return service_find_peer(service, bus) ? description.waits_for : generalize(description.outcome);
}

const char *revert_interface_obstacle(const Service *service, const sd_bus *bus, const Group *group) {
        const Revert *revert = revert_find_group(service->reverts, group->number);

        return revert ? describe_obstacle(service, bus, revert) : "";
}

int revert_interface_append_details(sd_bus_message *reply, const Service *service, const Group *group) {
        const Revert *revert = revert_find_group(service->reverts, group->number);
        _cleanup_free_ char *obstacle = NULL;

        if (!revert)
                return sd_bus_message_append(reply, "a{sv}", 0);
        obstacle = text_escape_new(
                        describe_obstacle(service, sd_bus_message_get_bus(reply), revert), TEXT_MESSAGE_ESCAPE);
        if (!obstacle)
                return -ENOMEM;
        return sd_bus_message_append(reply, "a{sv}", 2, "RevertAt", "t", revert_describe(revert).at_us,
                        "RevertWaitsFor", "s", obstacle);
}
