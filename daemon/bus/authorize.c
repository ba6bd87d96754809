/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/authorize.h"

/* Held calls of one connection, in bytes: each counts as HELD_CALL_SIZE and the size of its request. */
#define HELD_CALL_SIZE 4096
#define HELD_SIZE_MAX (64 * HELD_CALL_SIZE)

/* Connections that have held calls. Far more than the bus daemon lets one user have (256), so that one user's connections
 * cannot keep others out. */
#define QUERIES_MAX 1024

#define QUERY_DEADLINE_US (5 * UINT64_C(1000000))

/* A call that waits for the answer. */
typedef struct HeldCall {
        struct HeldCall *next;
        sd_bus_message *call;
        NextStep step;
        bool root_only;
} HeldCall;

/* The question who one connection is, and the calls of that connection, in their order. */
struct CallerQuery {
        CallerQuery *next;
        Service *service;
        char *sender;
        sd_bus_slot *slot;
        HeldCall *first, **end;
        size_t size;
        sd_event_source *turn; /* runs the calls, once the answer is there; NULL before */
        bool known;            /* the answer says who it is */
        Caller caller;
};

static void next_step_done(NextStep *step) {
        if (step->request && step->free_request)
                step->free_request(step->request);
        *step = (NextStep){};
}

static void held_call_free(HeldCall *held) {
        next_step_done(&held->step);
        sd_bus_message_unref(held->call);
        free(held);
}

/* The calls must have been answered. */
static void query_free(CallerQuery *query) {
        for (HeldCall *held = query->first, *next; held; held = next) {
                next = held->next;
                held_call_free(held);
        }
        sd_event_source_disable_unref(query->turn);
        sd_bus_slot_unref(query->slot);
        free(query->sender);
        free(query);
}

static CallerQuery *find_query(const Service *service, const char *sender) {
        for (CallerQuery *query = service->queries; query; query = query->next)
                if (streq(query->sender, sender))
                        return query;
        return NULL;
}

static void remove_query(CallerQuery *query) {
        Service *service = query->service;

        for (CallerQuery **link = &service->queries; *link; link = &(*link)->next)
                if (*link == query) {
                        *link = query->next;
                        service->n_queries--;
                        return;
                }
}

/* Reads the a{sv} of GetConnectionCredentials. Returns 0; -ENODATA where there is no uid; another negative errno. */
static int read_credentials(sd_bus_message *reply, Caller *ret) {
        uint32_t number;
        bool has_uid = false;

        *ret = (Caller){.uid = (uid_t)-1};
        int r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                const char *key;

                if ((r = sd_bus_message_read_basic(reply, 's', &key)) < 0)
                        break;
                if (streq(key, "UnixUserID")) {
                        if ((r = sd_bus_message_read(reply, "v", "u", &number)) >= 0) {
                                ret->uid = number;
                                has_uid = true;
                        }
                } else if (streq(key, "ProcessID")) {
                        if ((r = sd_bus_message_read(reply, "v", "u", &number)) >= 0)
                                ret->pid = (pid_t)number;
                } else
                        r = sd_bus_message_skip(reply, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return r < 0 ? r : has_uid ? 0 : -ENODATA;
}

static int deny(sd_bus_message *call, const char *reason, sd_bus_error *error) {
        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Only root may call %s of %s: %s.",
                        sd_bus_message_get_member(call), BUS_NAME, reason);
}

static void run_held(CallerQuery *query, HeldCall *held) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        if (!query->known)
                r = sd_bus_error_setf(&error, SD_BUS_ERROR_ACCESS_DENIED,
                                "The bus does not say who calls %s of %s, so it is refused: try again.",
                                sd_bus_message_get_member(held->call), BUS_NAME);
        else if (held->root_only && query->caller.uid != 0)
                r = deny(held->call, "try it with sudo", &error);
        else
                r = held->step.run(query->service, held->call, &query->caller, held->step.request, &error);
        if (r < 0)
                (void)sd_bus_reply_method_errno(held->call, r, &error);
}

/* Runs the first of the calls. */
static void run_first(CallerQuery *query) {
        HeldCall *held = query->first;

        query->first = held->next;
        if (!query->first)
                query->end = &query->first;
        query->size -= HELD_CALL_SIZE + held->step.size;
        run_held(query, held);
        held_call_free(held);
}

/* One call in a turn of the loop, so that others are served between the calls of one connection. */
static int on_turn(sd_event_source *source, void *userdata) {
        CallerQuery *query = userdata;

        (void)source;
        if (query->first)
                run_first(query);
        if (!query->first) {
                remove_query(query);
                query_free(query);
        }
        return 0;
}

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        CallerQuery *query = userdata;

        (void)error;
        query->known = streq_ptr(sd_bus_message_get_sender(reply), "org.freedesktop.DBus") &&
                        !sd_bus_message_is_method_error(reply, NULL) && read_credentials(reply, &query->caller) >= 0;
        if (sd_event_add_defer(sd_bus_get_event(query->service->bus), &query->turn, on_turn, query) >= 0 &&
                        sd_event_source_set_enabled(query->turn, SD_EVENT_ON) >= 0)
                return 0;
        /* No memory: all at once, then. */
        while (query->first)
                run_first(query);
        remove_query(query);
        query_free(query);
        return 0;
}

/* Asks who the connection is. Returns 0 or a negative errno. */
static int send_query(CallerQuery *query) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *question = NULL;
        sd_bus *bus = query->service->bus;
        int r;

        if ((r = sd_bus_message_new_method_call(bus, &question, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                             "org.freedesktop.DBus", "GetConnectionCredentials")) < 0 ||
                        (r = sd_bus_message_append(question, "s", query->sender)) < 0)
                return r;
        r = sd_bus_call_async(bus, &query->slot, question, on_credentials, query, QUERY_DEADLINE_US);
        return r < 0 ? r : 0;
}

/* The query for a connection, an old one or a new one. Returns 0, -EDQUOT, or another negative errno. */
static int get_query(Service *service, const char *sender, CallerQuery **ret) {
        *ret = find_query(service, sender);
        if (*ret)
                return 0;
        if (service->n_queries >= QUERIES_MAX)
                return -EDQUOT;
        CallerQuery *query = calloc(1, sizeof(CallerQuery));
        if (!query)
                return -ENOMEM;
        query->service = service;
        query->end = &query->first;
        query->sender = strdup(sender);
        int r = query->sender ? send_query(query) : -ENOMEM;
        if (r < 0) {
                query_free(query);
                return r;
        }
        query->next = service->queries;
        service->queries = query;
        service->n_queries++;
        *ret = query;
        return 0;
}

/* Takes the step over on success. */
static int hold(CallerQuery *query, sd_bus_message *call, NextStep *step, bool root_only) {
        HeldCall *held = calloc(1, sizeof(HeldCall));

        if (!held)
                return -ENOMEM;
        *held = (HeldCall){.call = sd_bus_message_ref(call), .step = *step, .root_only = root_only};
        *step = (NextStep){};
        *query->end = held;
        query->end = &held->next;
        query->size += HELD_CALL_SIZE + held->step.size;
        return 0;
}

static int identify(Service *service, sd_bus_message *call, NextStep *next, bool root_only, sd_bus_error *error) {
        _cleanup_(next_step_done) NextStep step = *next;
        const char *sender = sd_bus_message_get_sender(call);
        CallerQuery *query = NULL;

        *next = (NextStep){};
        if (!sender)
                return deny(call, "the caller has no name on the bus", error);
        int r = get_query(service, sender, &query);
        if (r == -EDQUOT || (r >= 0 && query->first && query->size + HELD_CALL_SIZE + step.size > HELD_SIZE_MAX))
                return sd_bus_error_set(error, BUS_ERROR_PREFIX "LimitsExceeded",
                                "Too many calls wait for an answer already: wait for some of them, then try again.");
        if (r < 0)
                return r;
        r = hold(query, call, &step, root_only);
        return r < 0 ? r : 1;
}

int authorize_change(Service *service, sd_bus_message *call, NextStep *next, sd_bus_error *error) {
        return identify(service, call, next, true, error);
}

int authorize_anybody(Service *service, sd_bus_message *call, NextStep *next, sd_bus_error *error) {
        return identify(service, call, next, false, error);
}

const char *authorize_caller_text(const Service *service, const Caller *caller, char buffer[static CALLER_TEXT_MAX]) {
        char command[PROCESS_COMMAND_MAX];

        (void)process_read_command(service->kernel, caller->pid, command);
        (void)snprintf(buffer, CALLER_TEXT_MAX, "uid %d, process %d (%s)", (int)caller->uid, (int)caller->pid,
                        command[0] != '\0' ? TEXT_NAME(command) : "gone");
        return buffer;
}

void authorize_done(Service *service) {
        while (service->queries) {
                CallerQuery *query = service->queries;

                remove_query(query);
                for (HeldCall *held = query->first; held; held = held->next)
                        (void)sd_bus_reply_method_errorf(held->call, BUS_ERROR_PREFIX "Failed",
                                        "vfiod is ending: nothing was done. Try again.");
                query_free(query);
        }
}
