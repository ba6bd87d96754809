/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/authorize.h"
#include "bus/approval.h"
#include "bus/call-entry.h"
#include "bus/refusal.h"

/* Limit for the held calls of one connection, in bytes: each counts as HELD_CALL_SIZE plus the size of its lists. */
#define HELD_CALL_SIZE 4096
#define HELD_SIZE_MAX (64 * HELD_CALL_SIZE)

/* Limit for the connections that have held calls. The bus daemon allows far fewer connections per user (256), so the
 * connections of one user cannot keep others out. */
#define QUERIES_MAX 1024

/* Limit for the held calls of one user but root, after the bus daemon told who called. */
#define USER_SIZE_MAX (4 * HELD_SIZE_MAX)

#define QUERY_DEADLINE_US (5 * UINT64_C(1000000))

/* A call that waits for the answer. */
typedef struct HeldCall {
        struct HeldCall *next;
        sd_bus_message *call;
        const CallHandler *handler;
        Request *request;
} HeldCall;

/* The query who one connection is, and the calls of that connection in their order. */
struct CallerQuery {
        CallerQuery *next;
        Service *service;
        char *sender;
        sd_bus_slot *user_slot, *process_slot;
        unsigned n_awaited; /* answers */
        HeldCall *first, **end;
        size_t size;
        bool answered; /* its calls may run, or are denied */
        bool known;    /* the answer says who it is */
        Caller caller;
        uint64_t user_turn; /* number of the last turn of its user; 0 for none */
};

static size_t size_of(const Request *request) {
        /* The message has the rules, too. */
        return HELD_CALL_SIZE + request->companions.size + 2 * request->rules.size;
}

static void held_call_free(HeldCall *held) {
        request_free(held->request);
        sd_bus_message_unref(held->call);
        free(held);
}

/* Removes the first call from the query, and returns it. */
static HeldCall *take_first(CallerQuery *query) {
        HeldCall *held = query->first;

        query->first = held->next;
        if (!query->first)
                query->end = &query->first;
        query->size -= size_of(held->request);
        return held;
}

/* Does not answer the calls. */
static void query_free(CallerQuery *query) {
        for (CallerQuery **link = &query->service->queries; *link; link = &(*link)->next)
                if (*link == query) {
                        *link = query->next;
                        query->service->n_queries--;
                        break;
                }
        while (query->first)
                held_call_free(take_first(query));
        sd_bus_slot_unref(query->user_slot);
        sd_bus_slot_unref(query->process_slot);
        free(query->sender);
        free(query);
}

/* Reads the number in the bus daemon's answer. Returns false if it is an error, or of somebody else. */
static bool read_answer(sd_bus_message *reply, uint32_t *ret) {
        return streq_ptr(sd_bus_message_get_sender(reply), "org.freedesktop.DBus") &&
                        !sd_bus_message_is_method_error(reply, NULL) && sd_bus_message_read(reply, "u", ret) > 0;
}

static int deny(sd_bus_message *call, const char *reason, sd_bus_error *error) {
        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Only root may call %s of %s: %s.",
                        sd_bus_message_get_member(call), BUS_NAME, reason);
}

/* Runs the call if the caller may make it, or lets polkit decide. Then approval.h takes the request of the call, and logs
 * a refusal. */
static int run_known(Service *service, HeldCall *held, const Caller *caller, sd_bus_error *error) {
        const CallHandler *handler = held->handler;

        if (handler->get_needs)
                held->request->actions |= handler->get_needs(service, held->request);
        unsigned needs = held->request->actions & ~(1U << ACTION_NONE);

        if (needs & 1U << _ACTION_UNSET)
                return deny(held->call, "nobody has said who else may", error);
        if (caller->uid == 0 || needs == 0)
                return handler->run(service, held->call, caller, held->request, error);
        if (needs & 1U << ACTION_OWNER &&
                        (!handler->get_owner || handler->get_owner(service, held->request) != caller->uid))
                return deny(held->call, "another user started it. Try it with sudo", error);
        if (needs == 1U << ACTION_OWNER)
                return handler->run(service, held->call, caller, held->request, error);
        return approval_start(service, held->call, caller, handler, TAKE_PTR(held->request), error);
}

/* Runs the first of the calls. */
static void run_first(CallerQuery *query) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        HeldCall *held = take_first(query);
        int r;

        if (!query->known) {
                query->caller = (Caller){.uid = LOG_QUOTA_UNKNOWN_USER};
                r = sd_bus_error_setf(&error, SD_BUS_ERROR_ACCESS_DENIED,
                                "vfiod refuses %s of %s, because the bus did not tell who the caller is: try again.",
                                sd_bus_message_get_member(held->call), BUS_NAME);
        } else
                r = run_known(query->service, held, &query->caller, &error);
        if (r < 0 && held->request)
                call_entry_log_refusal(query->service, &query->caller, held->request, r, &error);
        if (r < 0 && held->request)
                r = refuse_call(query->service, held->handler, held->call, held->request, r, &error);
        if (r < 0)
                (void)sd_bus_reply_method_errno(held->call, r, &error);
        held_call_free(held);
}

/* Turns. One call runs per iteration of the event loop, so that the events of the kernel and other connections are
 * handled in between. The users take turns, and root comes first: a user with many connections does not get more turns
 * than a user with one. */

static bool is_before(const CallerQuery *a, const CallerQuery *b) {
        bool a_is_root = a->known && a->caller.uid == 0, b_is_root = b->known && b->caller.uid == 0;

        return a_is_root != b_is_root ? a_is_root : a->user_turn < b->user_turn;
}

/* Finds the query that comes next. Of equal ones, this is the oldest, which is the last of the list. */
static CallerQuery *find_next(const Service *service) {
        CallerQuery *next = NULL;

        for (CallerQuery *query = service->queries; query; query = query->next)
                if (query->answered && (!next || !is_before(next, query)))
                        next = query;
        return next;
}

static bool is_of_user(const CallerQuery *query, uid_t uid) {
        return query->known && query->caller.uid == uid;
}

static int on_turn(sd_event_source *source, void *userdata);

/* Arranges a turn, unless there is one. Each turn has a source of its own: sd-event prefers the source that waits for
 * the longest time, and a source that stays enabled would always be that one. */
static int start_turn(Service *service) {
        return service->turn ? 0 : sd_event_add_defer(sd_bus_get_event(service->bus), &service->turn, on_turn, service);
}

static int on_turn(sd_event_source *source, void *userdata) {
        Service *service = userdata;

        (void)source;
        service->turn = sd_event_source_disable_unref(service->turn);
        CallerQuery *query = find_next(service);
        if (!query)
                return 0;
        service->n_turns++;
        for (CallerQuery *other = service->queries; other; other = other->next)
                if (other == query || (query->known && is_of_user(other, query->caller.uid)))
                        other->user_turn = service->n_turns;
        if (query->first)
                run_first(query);
        if (!query->first)
                query_free(query);
        (void)start_turn(service);
        return 0;
}

/* Refuses the calls of the query if its user has too many. The turns of a user count from its other connections. */
static void join_user(CallerQuery *query) {
        size_t size = query->size;

        for (const CallerQuery *other = query->service->queries; other; other = other->next)
                if (other != query && is_of_user(other, query->caller.uid)) {
                        size += other->size;
                        query->user_turn = other->user_turn;
                }
        while (query->caller.uid != 0 && query->first && size > USER_SIZE_MAX) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                HeldCall *held = take_first(query);

                size -= size_of(held->request);
                int r = sd_bus_error_setf(&error, BUS_ERROR_PREFIX "LimitsExceeded",
                                "Too many calls of user %u already wait: wait for some of them, then try again.",
                                (unsigned)query->caller.uid);
                call_entry_log_refusal(query->service, &query->caller, held->request, r, &error);
                (void)refuse_call(query->service, held->handler, held->call, held->request, r, &error);
                held_call_free(held);
        }
}

/* Both answers are there. */
static int run_or_deny(CallerQuery *query) {
        if (query->known)
                join_user(query);
        query->answered = true;
        if (start_turn(query->service) >= 0)
                return 0;
        /* There is not enough memory for the event source, so this runs all calls at once. */
        while (query->first)
                run_first(query);
        query_free(query);
        return 0;
}

static int on_user(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        CallerQuery *query = userdata;
        uint32_t uid;

        (void)error;
        query->known = read_answer(reply, &uid) && uid != UINT32_MAX;
        if (query->known)
                query->caller.uid = uid;
        return --query->n_awaited > 0 ? 0 : run_or_deny(query);
}

/* The process is only for messages and the log. */
static int on_process(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        CallerQuery *query = userdata;
        uint32_t pid;

        (void)error;
        if (read_answer(reply, &pid))
                query->caller.pid = (pid_t)pid;
        return --query->n_awaited > 0 ? 0 : run_or_deny(query);
}

static int ask(CallerQuery *query, const char *method, sd_bus_slot **slot, sd_bus_message_handler_t on_answer) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *question = NULL;
        sd_bus *bus = query->service->bus;
        int r;

        if ((r = sd_bus_message_new_method_call(bus, &question, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                             "org.freedesktop.DBus", method)) < 0 ||
                        (r = sd_bus_message_append(question, "s", query->sender)) < 0)
                return r;
        query->n_awaited++;
        return sd_bus_call_async(bus, slot, question, on_answer, query, QUERY_DEADLINE_US);
}

/* Asks who the connection is. GetConnectionCredentials would be one question instead of two, but its answer has a file descriptor
 * (ProcessFD). vfiod accepts none, so that nobody can send any, and dbus-broker 36 then ends the connection of vfiod. Returns 0
 * or a negative errno. */
static int send_query(CallerQuery *query) {
        int r = ask(query, "GetConnectionUnixUser", &query->user_slot, on_user);
        return r < 0 ? r : ask(query, "GetConnectionUnixProcessID", &query->process_slot, on_process);
}

/* Finds the query for a connection, or starts it. Returns 0 or more, -EDQUOT, or another negative errno. */
static int get_query(Service *service, const char *sender, CallerQuery **ret) {
        for (*ret = service->queries; *ret; *ret = (*ret)->next)
                if (streq((*ret)->sender, sender))
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

/* Only processes of root can connect to root's socket. The kernel said so. */
static int run_of_root(Service *service, sd_bus_message *call, const CallHandler *handler, const Peer *peer,
                Request *request, sd_bus_error *error) {
        const Caller caller = {.pid = peer->pid};

        int r = handler->run(service, call, &caller, request, error);
        if (r >= 0)
                return r;
        call_entry_log_refusal(service, &caller, request, r, error);
        return refuse_call(service, handler, call, request, r, error);
}

int authorize(sd_bus_message *call, const CallHandler *handler, Request *request, sd_bus_error *error) {
        _cleanup_(request_freep) Request *owned = request;
        const char *sender = sd_bus_message_get_sender(call);
        sd_bus *bus = sd_bus_message_get_bus(call);
        Service *service = service_of(bus);
        CallerQuery *query = NULL;

        const Peer *peer = service_find_peer(service, bus);
        if (peer)
                return run_of_root(service, call, handler, peer, request, error);
        if (!sender)
                return deny(call, "the caller has no name on the bus", error);
        int r = get_query(service, sender, &query);
        if (r == -EDQUOT || (r >= 0 && query->first && query->size + size_of(request) > HELD_SIZE_MAX)) {
                r = sd_bus_error_set(error, BUS_ERROR_PREFIX "LimitsExceeded",
                                "Too many calls already wait for an answer: wait for some of them, then try again.");
                return refuse_call(service, handler, call, request, r, error);
        }
        if (r < 0)
                return r;
        HeldCall *held = calloc(1, sizeof(HeldCall));
        if (!held)
                return -ENOMEM;
        *held = (HeldCall){
                        .call = sd_bus_message_ref(call),
                        .handler = handler,
                        .request = TAKE_PTR(owned),
        };
        *query->end = held;
        query->end = &held->next;
        query->size += size_of(request);
        return 1;
}

void authorize_forget(Service *service) {
        approval_forget(service);
        while (service->queries)
                query_free(service->queries);
        service->turn = sd_event_source_disable_unref(service->turn);
}

void authorize_done(Service *service) {
        approval_done(service);
        for (const CallerQuery *query = service->queries; query; query = query->next)
                for (HeldCall *held = query->first; held; held = held->next)
                        (void)sd_bus_reply_method_errorf(held->call, BUS_ERROR_PREFIX "Failed",
                                        "vfiod is ending and did nothing: try again.");
        authorize_forget(service);
}
