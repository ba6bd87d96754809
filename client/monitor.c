/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor: prints changes as they happen. */
#include "connect.h"
#include "json-names.h"
#include "language.h"
#include "mirror.h"
#include "narrate.h"
#include "proxy-internal.h"
#include "terminal.h"
#include "verbs.h"

#include <signal.h>
#include <systemd/sd-event.h>
#include <time.h>

#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define MANAGER SERVICE ".Manager"

/* Signals and replies that the monitor waits for. The matches for signals are set up before the state is
 * requested, so that no change is missed. */
enum {
        SLOT_OBJECTS,
        SLOT_PROPERTIES,
        SLOT_RULES,
        SLOT_OWNER,
        SLOT_END,
        SLOT_OWNER_REPLY,
        SLOT_MANAGER_REPLY,
        SLOT_OBJECTS_REPLY,
        _SLOT_MAX,
};

typedef struct Monitor {
        sd_bus **connection; /* of the invocation */
        sd_bus *bus;         /* the same */
        sd_event *event;
        Mirror *mirror;
        sd_bus_slot *slots[_SLOT_MAX];
        bool json;
        bool known;   /* the state was loaded at least once */
        bool current; /* the mirror is loaded from the vfiod that is running; signals update it */
        bool gone;    /* vfiod has ended, and this was printed */
        bool ended;   /* the monitor ends, with this code */
        ExitCode code;
} Monitor;

static void monitor_done(Monitor *monitor) {
        for (size_t i = 0; i < _SLOT_MAX; i++)
                sd_bus_slot_unref(monitor->slots[i]);
        if (*monitor->connection)
                (void)sd_bus_detach_event(*monitor->connection);
        sd_event_unref(monitor->event);
        mirror_free(monitor->mirror);
}

static void end(Monitor *monitor, ExitCode code) {
        if (!monitor->ended)
                monitor->code = code;
        monitor->ended = true;
        (void)sd_event_exit(monitor->event, 0);
}

/* Reports the error and ends the monitor. Returns 0, so that handlers can return it. */
static int fail(Monitor *monitor, int r, const sd_bus_error *error) {
        end(monitor, report_error(r, error));
        return 0;
}

/* The same for a message that cannot be decoded, or not stored. */
static int fail_to_read(Monitor *monitor, int r) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        r = decoded(r, &error);
        return fail(monitor, r, &error);
}

/* Printing. */

/* Flushes each line at once, because a reader may wait for it. */
static int flush(Monitor *monitor) {
        if (fflush(stdout) == 0 && !ferror(stdout))
                return 0;
        if (errno == EPIPE) { /* the reader has closed the pipe */
                end(monitor, EXIT_DONE);
                return 0;
        }
        fprintf(stderr, _("vfioctl: cannot write the result: %s\n"), strerror(errno));
        end(monitor, EXIT_FAILED);
        return 0;
}

/* Writes the time: local time, "12:03:41.512"; for JSON, UTC with the date, "2026-11-23T12:03:41.512Z". */
static void format_time(bool json, char *buffer, size_t size) {
        char form[64];
        struct timespec now;
        struct tm parts;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        if (!(json ? gmtime_r(&now.tv_sec, &parts) : localtime_r(&now.tv_sec, &parts)) ||
                        strftime(form, sizeof(form), json ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &parts) == 0)
                form[0] = '\0';
        (void)snprintf(buffer, size, "%s.%03d%s", form, (int)(now.tv_nsec / 1000000), json ? "Z" : "");
}

static int print_text(Monitor *monitor, const char *subject, const char *text) {
        _cleanup_free_ char *shown_subject = NULL, *shown_text = NULL;
        char when[80];

        if (!subject || !text)
                return -ENOMEM;
        if (isempty(text))
                return 0;
        shown_subject = terminal_text(subject);
        shown_text = terminal_text(text);
        if (!shown_subject || !shown_text)
                return -ENOMEM;
        format_time(false, when, sizeof(when));
        printf("%s  %-13s %s\n", when, shown_subject, shown_text);
        return flush(monitor);
}

/* Prints one line of JSON. Takes over the references to properties and before. If before is NULL, the line does
 * not have it. */
static int print_json(Monitor *monitor, const char *path, const char *kind, const char *event, json_t *properties,
                json_t *before) {
        char when[80];

        format_time(true, when, sizeof(when));
        json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o*}", "time", when, "object", path, "kind", kind, "event",
                        event, "properties", properties, "before", before);
        if (!line)
                return -ENOMEM;
        char *text = json_dumps(line, JSON_COMPACT);
        json_decref(line);
        if (!text)
                return -ENOMEM;
        puts(text);
        free(text);
        return flush(monitor);
}

static int on_change(const MirrorChange *change, void *userdata) {
        static const char *const events[] = {
                        [MIRROR_ADDED] = "added",
                        [MIRROR_CHANGED] = "changed",
                        [MIRROR_REMOVED] = "removed",
        };
        _cleanup_free_ char *subject = NULL, *text = NULL;
        Monitor *monitor = userdata;

        if (monitor->json)
                return print_json(monitor, change->path, change->kind, events[change->event],
                                json_names_convert(change->kind, change->properties),
                                change->event == MIRROR_CHANGED ? json_names_convert(change->kind, change->before)
                                                                : NULL);
        subject = narrate_subject(change);
        text = narrate_change(change);
        return print_text(monitor, subject, text);
}

/* Prints a line about vfiod itself. */
static int tell_service(Monitor *monitor, const char *event, const char *text) {
        json_t *manager = mirror_find(monitor->mirror, ROOT);

        if (monitor->json)
                return print_json(monitor, ROOT, "service", event,
                                manager ? json_names_convert("manager", manager) : json_object(), NULL);
        return print_text(monitor, "vfiod", text);
}

/* The state. */

static int tell_state(Monitor *monitor) {
        json_t *version = json_object_get(mirror_find(monitor->mirror, ROOT), "Version");
        _cleanup_free_ char *text = NULL;

        if (asprintf(&text, _("%s%s, %zu devices in %zu groups"), monitor->known ? _("is back: ") : "",
                            strempty(json_string_value(version)), mirror_count(monitor->mirror, "device"),
                            mirror_count(monitor->mirror, "group")) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return tell_service(monitor, "connected", text);
}

/* Prints all objects that there are, so that a program needs no list besides the changes. The text format has only the summary. */
static int tell_objects(Monitor *monitor) {
        json_t *objects = mirror_get_all(monitor->mirror), *entry;
        const char *path;
        int r = 0;

        if (!monitor->json)
                return 0;
        json_object_foreach(objects, path, entry) {
                const char *kind = json_string_value(json_object_get(entry, "kind"));

                /* "connected" has the manager. */
                if (r < 0 || monitor->ended || streq_ptr(kind, "manager"))
                        continue;
                r = print_json(monitor, path, strempty(kind), "present",
                                json_names_convert(strempty(kind), json_object_get(entry, "properties")), NULL);
        }
        return r < 0 || monitor->ended ? r : print_json(monitor, ROOT, "service", "listed", json_object(), NULL);
}

/* Checks the reply to a request for the state. Returns 1 for a good reply and 0 for an error. If vfiod ended
 * before it answered, nothing is reported here: on_owner_changed() does that. */
static int check_reply(Monitor *monitor, sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        if (!error)
                return 1;
        bool has_ended = sd_bus_error_has_names(
                        error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER);
        if (sd_bus_is_open(monitor->bus) > 0 && (!monitor->known || !has_ended))
                (void)fail(monitor, -sd_bus_error_get_errno(error), error);
        return 0;
}

static int on_manager_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Monitor *monitor = userdata;

        (void)ret_error;
        if (check_reply(monitor, reply) == 0)
                return 0;
        int r = mirror_load_object(monitor->mirror, ROOT, MANAGER, reply, NULL, NULL);
        return r < 0 ? fail_to_read(monitor, r) : 0;
}

/* When the state is loaded for the first time, no changes are printed, but what there is. When it is loaded again, the differences
 * are printed. */
static int on_objects_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Monitor *monitor = userdata;

        (void)ret_error;
        if (check_reply(monitor, reply) == 0)
                return 0;
        int r = 0;
        if (monitor->known)
                r = tell_state(monitor);
        if (r >= 0)
                r = mirror_load(monitor->mirror, reply, monitor->known ? on_change : NULL, monitor);
        if (r >= 0 && !monitor->known && (r = tell_state(monitor)) >= 0)
                r = tell_objects(monitor);
        monitor->known = monitor->current = true;
        monitor->gone = false;
        return r < 0 ? fail_to_read(monitor, r) : 0;
}

static void forget_replies(Monitor *monitor) {
        monitor->slots[SLOT_MANAGER_REPLY] = sd_bus_slot_unref(monitor->slots[SLOT_MANAGER_REPLY]);
        monitor->slots[SLOT_OBJECTS_REPLY] = sd_bus_slot_unref(monitor->slots[SLOT_OBJECTS_REPLY]);
}

static int send_request(Monitor *monitor, int slot, const char *interface, const char *method, const char *argument,
                sd_bus_message_handler_t handler) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        if ((r = sd_bus_message_new_method_call(monitor->bus, &call, SERVICE, ROOT, interface, method)) < 0 ||
                        (r = sd_bus_message_set_auto_start(call, !monitor->known)) < 0 ||
                        (argument && (r = sd_bus_message_append(call, "s", argument)) < 0))
                return r;
        return sd_bus_call_async(monitor->bus, &monitor->slots[slot], call, handler, monitor, 0);
}

/* Requests the state. The first time, the bus starts vfiod for that if needed. */
static int ask(Monitor *monitor) {
        forget_replies(monitor);
        int r = send_request(monitor, SLOT_MANAGER_REPLY, PROPERTIES, "GetAll", MANAGER, on_manager_reply);
        return r < 0 ? r
                     : send_request(monitor, SLOT_OBJECTS_REPLY, OBJECT_MANAGER, "GetManagedObjects", NULL,
                                       on_objects_reply);
}

/* Signals. Those that come before the state are ignored: the state includes their changes. */

static int on_signal(sd_bus_message *signal, void *userdata, sd_bus_error *ret_error) {
        Monitor *monitor = userdata;

        (void)ret_error;
        if (!monitor->current)
                return 0;
        int r = mirror_take_signal(monitor->mirror, signal, on_change, monitor);
        return r < 0 ? fail_to_read(monitor, r) : 0;
}

static int on_rules_changed(sd_bus_message *signal, void *userdata, sd_bus_error *ret_error) {
        Monitor *monitor = userdata;
        int r;

        (void)signal, (void)ret_error;
        if (!monitor->current)
                return 0;
        if (monitor->json)
                r = print_json(monitor, ROOT, "rules", "changed", json_object(), NULL);
        else
                r = print_text(monitor, "rules",
                                _("the rules, or the status of their devices, changed: see 'vfioctl rule list'"));
        return r < 0 ? fail_to_read(monitor, r) : 0;
}

/* Prints once that vfiod has ended. */
static int tell_gone(Monitor *monitor) {
        bool told = monitor->gone;

        monitor->gone = true;
        monitor->current = false;
        forget_replies(monitor);
        mirror_forget(monitor->mirror, ROOT);
        return told ? 0 : tell_service(monitor, "gone", _("is gone"));
}

static int on_owner_changed(sd_bus_message *signal, void *userdata, sd_bus_error *ret_error) {
        const char *name, *old_owner, *new_owner;
        Monitor *monitor = userdata;

        (void)ret_error;
        int r = sd_bus_message_read(signal, "sss", &name, &old_owner, &new_owner);
        if (r < 0)
                return fail_to_read(monitor, r);
        /* A vfiod that was started by the request answers that request. */
        if (!monitor->known)
                return 0;
        if (!isempty(old_owner))
                r = tell_gone(monitor);
        if (r >= 0 && !isempty(new_owner))
                r = ask(monitor);
        return r < 0 ? fail_to_read(monitor, r) : 0;
}

/* After the direct connection has ended, the monitor goes on over the system bus. There it sees when vfiod is back. A
 * new direct connection would start vfiod. */

static int listen(Monitor *monitor);
static int attach(Monitor *monitor);

static int on_owner_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Monitor *monitor = userdata;

        (void)ret_error;
        /* Without an owner, on_owner_changed() will tell when there is one. */
        if (sd_bus_message_is_method_error(reply, NULL) || monitor->current || monitor->slots[SLOT_OBJECTS_REPLY])
                return 0;
        int r = ask(monitor);
        return r < 0 ? fail_to_read(monitor, r) : 0;
}

static int change_to_system_bus(Monitor *monitor) {
        int r;

        for (size_t i = 0; i < _SLOT_MAX; i++)
                monitor->slots[i] = sd_bus_slot_unref(monitor->slots[i]);
        sd_bus_close_unref(TAKE_PTR(*monitor->connection));
        if ((r = connect_to_system_bus(monitor->connection)) < 0)
                return r;
        monitor->bus = *monitor->connection;
        if ((r = attach(monitor)) < 0 || (r = listen(monitor)) < 0)
                return r;
        return sd_bus_call_method_async(monitor->bus, &monitor->slots[SLOT_OWNER_REPLY], "org.freedesktop.DBus",
                        "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner", on_owner_reply, monitor, "s",
                        SERVICE);
}

/* Runs after sd-bus is done with the connection, which this closes. */
static int on_ended_connection(sd_event_source *source, void *userdata) {
        Monitor *monitor = userdata;

        (void)source;
        int r = monitor->known ? tell_gone(monitor) : 0;
        if (r < 0)
                return fail_to_read(monitor, r);
        r = change_to_system_bus(monitor);
        return r < 0 ? fail(monitor, r, NULL) : 0;
}

static int on_disconnected(sd_bus_message *signal, void *userdata, sd_bus_error *ret_error) {
        Monitor *monitor = userdata;

        (void)signal, (void)ret_error;
        int r = sd_event_add_defer(monitor->event, NULL, on_ended_connection, monitor);
        return r < 0 ? fail(monitor, r, NULL) : 0;
}

static int listen(Monitor *monitor) {
        static const struct {
                int slot;
                const char *rule;
                sd_bus_message_handler_t handler;
        } matches[] = {
                        {SLOT_OWNER,
                                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" SERVICE "'",
                                        on_owner_changed},
                        {SLOT_END,
                                        "type='signal',sender='org.freedesktop.DBus.Local',"
                                        "path='/org/freedesktop/DBus/Local',interface='org.freedesktop.DBus.Local',"
                                        "member='Disconnected'",
                                        on_disconnected},
                        {SLOT_OBJECTS,
                                        "type='signal',sender='" SERVICE "',path='" ROOT "',interface='" OBJECT_MANAGER
                                        "'",
                                        on_signal},
                        {SLOT_PROPERTIES,
                                        "type='signal',sender='" SERVICE "',path_namespace='" ROOT
                                        "',interface='" PROPERTIES "',member='PropertiesChanged'",
                                        on_signal},
                        {SLOT_RULES,
                                        "type='signal',sender='" SERVICE "',path='" ROOT "',interface='" MANAGER
                                        "',member='RulesChanged'",
                                        on_rules_changed},
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(matches) && r >= 0; i++)
                if (matches[i].slot != (connection_is_direct(monitor->bus) ? SLOT_OWNER : SLOT_END))
                        r = sd_bus_add_match(monitor->bus, &monitor->slots[matches[i].slot], matches[i].rule,
                                        matches[i].handler, monitor);
        return r;
}

/* The end. */

static int on_end_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        (void)source, (void)info;
        end(userdata, EXIT_DONE);
        return 0;
}

static int on_reader_gone(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void)source, (void)fd, (void)events;
        end(userdata, EXIT_DONE);
        return 0;
}

/* Receives messages and ends when the bus is lost. */
static int attach(Monitor *monitor) {
        int r = sd_bus_attach_event(monitor->bus, monitor->event, SD_EVENT_PRIORITY_NORMAL);

        return r < 0 || connection_is_direct(monitor->bus) ? r : sd_bus_set_exit_on_disconnect(monitor->bus, true);
}

static int prepare(Monitor *monitor) {
        static const int end_signals[] = {SIGINT, SIGTERM};
        int r;

        if ((r = sd_event_new(&monitor->event)) < 0 || (r = attach(monitor)) < 0 ||
                        (r = mirror_new(&monitor->mirror)) < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(end_signals); i++)
                if (!terminal_ignores(end_signals[i]) &&
                                (r = sd_event_add_signal(monitor->event, NULL,
                                                 end_signals[i] | SD_EVENT_SIGNAL_PROCMASK, on_end_signal, monitor)) <
                                                0)
                        return r;
        /* Ends the monitor when the reader closes the pipe. It fails for a regular file, which has no reader. */
        (void)sd_event_add_io(monitor->event, NULL, STDOUT_FILENO, 0, on_reader_gone, monitor);
        return 0;
}

/* Prints the error, which is the last line. */
static void print_error(void) {
        json_auto_t *error = report_take();
        _cleanup_free_ char *text = error ? json_dumps(error, JSON_COMPACT) : NULL;

        if (text)
                puts(text);
}

ExitCode verb_monitor(Invocation *invocation) {
        _cleanup_(monitor_done) Monitor monitor = {
                        .connection = &invocation->bus,
                        .bus = invocation->bus,
                        .json = invocation->output.json,
        };
        ExitCode code;
        int r;

        invocation->output.lines = true;
        if ((r = prepare(&monitor)) < 0 || (r = listen(&monitor)) < 0 || (r = ask(&monitor)) < 0 ||
                        (r = sd_event_loop(monitor.event)) < 0)
                code = report_error(r, NULL);
        else /* If the monitor did not end by itself, the connection to the bus was lost. */
                code = monitor.ended ? monitor.code : report_error(-ECONNRESET, NULL);
        if (monitor.json)
                print_error();
        return code;
}
