/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/backlog.h"
#include "bus/connection.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

/* Limits for unread replies: of one user; of all callers whose user id is not known yet; of all users but root. A reply to
 * root waits behind them: while others send many messages, dbus-daemon reads only 2 KiB from vfiod at a time. So the limit
 * of a user is low, but on a host with many devices it is LARGE_REPLIES of the largest replies. */
#define USER_MIN (1 * MIB)
#define USER_MAX (16 * MIB)
#define LARGE_REPLIES 4
#define UNKNOWN_SHARE 2
#define TOTAL_SHARE 4

/* So many bytes of refusals are sent beyond a limit. */
#define REFUSALS_MAX (64 * KIB)
#define REFUSAL_SIZE 512

/* Limit for vfiod's own queue: above it, only root is answered. */
#define QUEUE_FOR_USERS_MAX 64

/* Each connection may have so much unread, also beyond a limit, while it is not known whose it is: it may be root's. */
#define FREE_SIZE (32 * KIB)

/* A caller is examined after so many bytes, or so many calls. */
#define EXAMINE_BYTES FREE_SIZE
#define EXAMINE_CALLS 64
#define QUESTION_DEADLINE_US (5 * UINT64_C(1000000))
/* Pause between two questions about a caller that reads slowly. */
#define QUESTION_PAUSE_US (UINT64_C(100000))
/* The same for a question about all connections: short, because others who read wait for it, too. */
#define ALL_PAUSE_US (UINT64_C(10000))

/* Above this number of callers, a new caller makes vfiod examine the oldest one, which may be gone. */
#define CALLERS_MIN 64

/* A connection that called. */
typedef struct Reader {
        struct Reader *next;
        Backlog *backlog;
        char *name;
        uid_t uid; /* UID_INVALID before it is known */
        size_t bytes;
        size_t new_bytes, new_calls; /* since the last question */
        sd_bus_slot *question;       /* NULL for none */
        uint64_t asked_us;
        bool is_slow;   /* at the last answer, it had not read half of its limit */
        bool is_listed; /* in the last answer about all connections */
} Reader;

#define UID_INVALID ((uid_t)-1)

struct Backlog {
        Service *service;
        Reader *readers; /* the newest first */
        size_t n_readers;
        uint64_t n_calls;
        bool asks_for_all;     /* the bus daemon tells only about all connections together, as dbus-broker does */
        bool is_blind;         /* the bus daemon does not tell how much a caller has not read */
        sd_bus_slot *question; /* about all connections; NULL for none */
        uint64_t asked_us;
};

/* Estimates the size of the largest reply, that of GetManagedObjects. */
static size_t estimate_largest(const Service *service) {
        size_t n_devices, n_groups;

        (void)inventory_devices(service->inventory, &n_devices);
        (void)inventory_groups(service->inventory, &n_groups);
        return 4 * KIB + n_devices * 2 * KIB + n_groups * KIB / 2;
}

/* The limit of one user. */
static size_t user_max(const Service *service) {
        size_t bytes = LARGE_REPLIES * estimate_largest(service);

        return bytes < USER_MIN ? USER_MIN : bytes > USER_MAX ? USER_MAX : bytes;
}

static void reader_free(Reader *reader) {
        Backlog *backlog = reader->backlog;

        for (Reader **link = &backlog->readers; *link; link = &(*link)->next)
                if (*link == reader) {
                        *link = reader->next;
                        backlog->n_readers--;
                        break;
                }
        sd_bus_slot_unref(reader->question);
        free(reader->name);
        free(reader);
}

void backlog_clear(Backlog *backlog) {
        backlog->question = sd_bus_slot_unref(backlog->question);
        while (backlog->readers)
                reader_free(backlog->readers);
}

int backlog_new(Service *service, Backlog **ret) {
        Backlog *backlog = calloc(1, sizeof(Backlog));
        if (!backlog)
                return -ENOMEM;
        backlog->service = service;
        *ret = backlog;
        return 0;
}

Backlog *backlog_free(Backlog *backlog) {
        if (!backlog)
                return NULL;
        backlog_clear(backlog);
        free(backlog);
        return NULL;
}

/* Questions. */

static int on_user(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Reader *reader = userdata;
        uint32_t uid;

        (void)error;
        reader->question = sd_bus_slot_unref(reader->question);
        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                reader_free(reader);
        else if (sd_bus_message_read(reply, "u", &uid) > 0)
                reader->uid = uid;
        return 0;
}

/* Finds the entry of a dictionary a{sv} or a{su}, and leaves the message at its value. Returns 1, 0 if there is no such
 * entry, or a negative errno. */
static int find_entry(sd_bus_message *reply, const char *type, const char *name) {
        char entry[] = {'{', type[0], type[1], '}', '\0'};
        const char *key;

        int r = sd_bus_message_enter_container(reply, 'a', entry);
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', type)) > 0) {
                if ((r = sd_bus_message_read_basic(reply, 's', &key)) < 0)
                        return r;
                if (streq(key, name))
                        return 1;
                if ((r = sd_bus_message_skip(reply, type + 1)) >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return r;
}

/* The bus daemon did not answer in time. */
static bool is_late(const sd_bus_error *refusal) {
        return sd_bus_error_has_names(refusal, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT);
}

/* dbus-broker: what all connections have not read. */

static Reader *find_reader(const Backlog *backlog, const char *name) {
        Reader *reader = backlog->readers;

        while (reader && !streq(reader->name, name))
                reader = reader->next;
        return reader;
}

/* Reads the rest of a connection's row after its name. */
static int read_row(const Backlog *backlog, sd_bus_message *reply, const char *name) {
        Reader *reader = find_reader(backlog, name);
        uint32_t unread;
        int r;

        if (!reader)
                return sd_bus_message_skip(reply, "a{sv}a{su}");
        if ((r = sd_bus_message_skip(reply, "a{sv}")) < 0 || (r = find_entry(reply, "su", "OutgoingBytes")) < 0)
                return r;
        if (r == 0)
                return -ENODATA;
        if ((r = sd_bus_message_read(reply, "u", &unread)) < 0 || (r = sd_bus_message_exit_container(reply)) < 0)
                return r;
        reader->bytes = unread + reader->new_bytes;
        reader->is_listed = true;
        /* The other entries of the row. */
        while ((r = sd_bus_message_at_end(reply, false)) == 0)
                if ((r = sd_bus_message_skip(reply, "{su}")) < 0)
                        return r;
        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static int read_rows(const Backlog *backlog, sd_bus_message *reply) {
        const char *name;

        int r = find_entry(reply, "sv", "org.bus1.DBus.Debug.Stats.PeerAccounting");
        if (r <= 0)
                return r < 0 ? r : -ENODATA;
        if ((r = sd_bus_message_enter_container(reply, 'v', "a(sa{sv}a{su})")) < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(sa{sv}a{su})");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'r', "sa{sv}a{su}")) > 0)
                if ((r = sd_bus_message_read_basic(reply, 's', &name)) >= 0 &&
                                (r = read_row(backlog, reply, name)) >= 0)
                        r = sd_bus_message_exit_container(reply);
        return r;
}

static int on_all_unread_bytes(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const sd_bus_error *refusal = sd_bus_message_get_error(reply);
        Backlog *backlog = userdata;

        (void)error;
        backlog->question = sd_bus_slot_unref(backlog->question);
        if (is_late(refusal))
                return 0;
        for (Reader *reader = backlog->readers; reader; reader = reader->next)
                reader->is_listed = false;
        backlog->is_blind = refusal || read_rows(backlog, reply) < 0;
        for (Reader *reader = backlog->readers, *next; reader; reader = next) {
                next = reader->next;
                /* An unlisted caller is gone, unless it called after the answer. */
                if (backlog->is_blind)
                        reader->bytes = reader->new_bytes;
                else if (!reader->is_listed && reader->new_bytes == 0)
                        reader_free(reader);
        }
        return 0;
}

/* Asks at most once in a while, because the answer contains all connections of the bus. */
static void examine_connections(Backlog *backlog, uint64_t now) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        sd_bus *bus = backlog->service->bus;

        if (backlog->question || now < backlog->asked_us + ALL_PAUSE_US)
                return;
        backlog->asked_us = now;
        for (Reader *reader = backlog->readers; reader; reader = reader->next)
                reader->new_bytes = reader->new_calls = 0;
        if (sd_bus_message_new_method_call(bus, &call, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                            "org.freedesktop.DBus.Debug.Stats", "GetStats") >= 0)
                (void)sd_bus_call_async(
                                bus, &backlog->question, call, on_all_unread_bytes, backlog, QUESTION_DEADLINE_US);
}

/* dbus-daemon: what one connection has not read. */

static int on_unread_bytes(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const sd_bus_error *refusal = sd_bus_message_get_error(reply);
        Reader *reader = userdata;
        uint32_t unread;

        (void)error;
        reader->question = sd_bus_slot_unref(reader->question);
        if (sd_bus_error_has_name(refusal, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
                reader_free(reader);
                return 0;
        }
        if (is_late(refusal))
                return 0;
        if (!refusal && find_entry(reply, "sv", "OutgoingBytes") > 0 &&
                        sd_bus_message_read(reply, "v", "u", &unread) > 0) {
                reader->bytes = unread + reader->new_bytes;
                reader->is_slow = unread > user_max(reader->backlog->service) / 2;
                return 0;
        }
        reader->backlog->asks_for_all = true;
        examine_connections(reader->backlog, clock_us(CLOCK_MONOTONIC));
        return 0;
}

static int send_question(Reader *reader, const char *interface, const char *method, sd_bus_message_handler_t handler) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        sd_bus *bus = reader->backlog->service->bus;
        int r;

        if ((r = sd_bus_message_new_method_call(
                             bus, &call, "org.freedesktop.DBus", "/org/freedesktop/DBus", interface, method)) < 0 ||
                        (r = sd_bus_message_append(call, "s", reader->name)) < 0)
                return r;
        return sd_bus_call_async(bus, &reader->question, call, handler, reader, QUESTION_DEADLINE_US);
}

/* Asks the bus daemon first who the caller is, and then how much it has not read. Without an answer, the caller's bytes
 * stay as they are. */
static void examine(Reader *reader) {
        uint64_t now = clock_us(CLOCK_MONOTONIC);

        if (reader->question || (reader->is_slow && now < reader->asked_us + QUESTION_PAUSE_US))
                return;
        reader->asked_us = now;
        if (reader->uid == UID_INVALID) {
                (void)send_question(reader, "org.freedesktop.DBus", "GetConnectionUnixUser", on_user);
                reader->asked_us = 0;
                return;
        }
        if (reader->backlog->asks_for_all && !reader->backlog->is_blind) {
                examine_connections(reader->backlog, now);
                return;
        }
        reader->new_bytes = reader->new_calls = 0;
        if (reader->backlog->is_blind)
                reader->bytes = 0;
        else
                (void)send_question(reader, "org.freedesktop.DBus.Debug.Stats", "GetConnectionStats", on_unread_bytes);
}

/* Callers. */

size_t backlog_count_callers(const Backlog *backlog) {
        return backlog->n_readers;
}

uint64_t backlog_count_calls(const Backlog *backlog) {
        return backlog->n_calls;
}

void backlog_check_callers(Backlog *backlog) {
        for (Reader *reader = backlog->readers; reader; reader = reader->next)
                if (!reader->question)
                        (void)send_question(reader, "org.freedesktop.DBus", "GetConnectionUnixUser", on_user);
}

static Reader *reader_of(Backlog *backlog, const char *name) {
        Reader *reader = backlog->readers, *oldest = NULL;

        for (; reader && !streq(reader->name, name); reader = reader->next)
                oldest = reader;
        if (reader)
                return reader;
        if (oldest && backlog->n_readers >= CALLERS_MIN)
                examine(oldest);
        reader = calloc(1, sizeof(Reader));
        if (!reader || !(reader->name = strdup(name))) {
                free(reader);
                return NULL;
        }
        reader->backlog = backlog;
        reader->uid = UID_INVALID;
        reader->next = backlog->readers;
        backlog->readers = reader;
        backlog->n_readers++;
        return reader;
}

/* Estimates the size of the reply. */
static size_t estimate(const Service *service, sd_bus_message *call) {
        const char *member = sd_bus_message_get_member(call);
        size_t n_devices, n_groups;

        (void)inventory_devices(service->inventory, &n_devices);
        (void)inventory_groups(service->inventory, &n_groups);
        if (streq_ptr(member, "GetManagedObjects"))
                return estimate_largest(service);
        if (streq_ptr(member, "ListDevices") || streq_ptr(member, "ListGroups"))
                return KIB + n_devices * KIB / 4;
        if (streq_ptr(member, "Introspect"))
                return 8 * KIB + (n_devices + n_groups) * KIB / 16;
        return streq_ptr(member, "Get") || streq_ptr(member, "Ping") ? KIB / 2 : 4 * KIB;
}

/* Returns how many bytes the caller is above its limit, or 0. */
static size_t excess(const Backlog *backlog, const Reader *reader) {
        size_t of_user = 0, total = 0, max_of_user = user_max(backlog->service);
        size_t max = reader->uid == UID_INVALID ? UNKNOWN_SHARE * max_of_user : max_of_user;

        for (const Reader *other = backlog->readers; other; other = other->next) {
                total += other->uid == 0 ? 0 : other->bytes;
                of_user += other->uid == reader->uid ? other->bytes : 0;
        }
        size_t above_own = of_user > max ? of_user - max : 0;
        size_t above_total = total > TOTAL_SHARE * max_of_user ? total - TOTAL_SHARE * max_of_user : 0;
        return above_own > above_total ? above_own : above_total;
}

/* Examines all connections whose unread replies count for the caller. */
static void examine_all(Backlog *backlog, uid_t uid) {
        for (Reader *reader = backlog->readers; reader; reader = reader->next)
                if (reader->bytes > 0 && (reader->uid == uid || reader->uid == UID_INVALID))
                        examine(reader);
}

/* Refuses the call. Returns 1 without an answer if there were too many refusals, and some of them on this connection. */
static int refuse(Reader *reader, size_t above, sd_bus_error *error) {
        if (above > REFUSALS_MAX && reader->bytes > FREE_SIZE)
                return 1;
        reader->bytes += REFUSAL_SIZE;
        reader->new_bytes += REFUSAL_SIZE;
        return sd_bus_error_set(error, BUS_ERROR_PREFIX "LimitsExceeded",
                        "Too many answers of vfiod are not read yet: read them, then try again.");
}

int backlog_filter(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(message);
        Backlog *backlog = userdata;

        if (!sender || !sd_bus_message_is_method_call(message, NULL, NULL))
                return 0;
        backlog->n_calls++;
        Reader *reader = reader_of(backlog, sender);
        if (!reader)
                return -ENOMEM;
        if (reader->uid == 0)
                return 0;
        size_t size = estimate(backlog->service, message);
        size_t above = excess(backlog, reader), queued = connection_queue_length(backlog->service->bus);
        bool is_free = reader->uid == UID_INVALID && reader->bytes + size <= FREE_SIZE;
        if (!is_free && (above > 0 || queued > QUEUE_FOR_USERS_MAX)) {
                examine_all(backlog, reader->uid);
                return refuse(reader, queued > 2 * QUEUE_FOR_USERS_MAX ? SIZE_MAX : above, error);
        }
        reader->bytes += size;
        reader->new_bytes += size;
        reader->new_calls++;
        if (reader->new_bytes >= EXAMINE_BYTES || reader->new_calls >= EXAMINE_CALLS)
                examine(reader);
        return 0;
}
