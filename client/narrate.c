/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "narrate.h"
#include "language.h"

#include "job-text.h"
#include "present.h"

#include "daemon/base/text.h"

#include <stdarg.h>

/* A line of text, made of parts with commas between them. */
typedef struct Sentence {
        FILE *stream;
        bool begun;
} Sentence;

static void say(Sentence *sentence, const char *format, ...) _printf_(2, 3);
static void say(Sentence *sentence, const char *format, ...) {
        va_list arguments;

        if (sentence->begun)
                fputs(", ", sentence->stream);
        sentence->begun = true;
        va_start(arguments, format);
        (void)vfprintf(sentence->stream, format, arguments);
        va_end(arguments);
}

static const char *get_text(json_t *properties, const char *name) {
        return strempty(json_string_value(json_object_get(properties, name)));
}

static long long get_number(json_t *properties, const char *name) {
        return json_integer_value(json_object_get(properties, name));
}

static bool has(json_t *properties, const char *name) {
        return json_object_get(properties, name);
}

/* Says what a sentence of vfiod says, after these words. */
static void say_sentence(Sentence *sentence, const char *format, const char *text) {
        _cleanup_free_ char *translated = language_sentence(text);

        say(sentence, format, translated ?: text);
}

static const char *or_none(const char *text) {
        return isempty(text) ? _("none") : text;
}

/* Joins a list of strings with blanks; the text is the caller's to free. */
static char *join(json_t *list) {
        char *text = NULL;
        json_t *item;
        size_t i, size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;
        json_array_foreach(list, i, item)
                fprintf(stream, "%s%s", i > 0 ? " " : "", strempty(json_string_value(item)));
        return fclose(stream) == 0 ? text : NULL;
}

/* Makes a text of a value of any type; it is the caller's to free. */
static char *show(json_t *value) {
        json_t *item;
        size_t i;

        if (!value || json_is_null(value))
                return strdup("");
        if (json_is_string(value))
                return strdup(json_string_value(value));
        json_array_foreach(value, i, item)
                if (!json_is_string(item))
                        return json_dumps(value, JSON_COMPACT);
        return json_is_array(value) ? join(value) : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

static void say_difference(Sentence *sentence, const char *what, json_t *before, json_t *after) {
        _cleanup_free_ char *old = show(before), *new = show(after);

        say(sentence, "%s%s%s -> %s", what, isempty(what) ? "" : " ", or_none(old), or_none(new));
}

/* "82574L Gigabit Network Connection [8086:10d3]" */
static void say_card(Sentence *sentence, const char *verb, json_t *device) {
        const char *name = get_text(device, "DeviceName");

        if (isempty(name))
                name = get_text(device, "ClassName");
        say(sentence, "%s%s%s[%04llx:%04llx]", verb, name, isempty(name) ? "" : " ", get_number(device, "VendorId"),
                        get_number(device, "DeviceId"));
}

static void say_names(Sentence *sentence, json_t *names) {
        _cleanup_free_ char *text = join(names);

        if (!isempty(text))
                say(sentence, "%s", text);
}

static bool is_plain(const char *state) {
        return streq(state, "host") || streq(state, "driverless");
}

static void tell_new_device(Sentence *sentence, json_t *device) {
        const char *driver = get_text(device, "Driver"), *state = get_text(device, "State");

        say_card(sentence, _("added: "), device);
        if (get_number(device, "GroupNumber") >= 0)
                say(sentence, _("group %lld"), get_number(device, "GroupNumber"));
        if (isempty(driver))
                say(sentence, _("on no driver"));
        else
                say(sentence, _("on %s"), driver);
        if (!is_plain(state))
                say(sentence, "%s", state);
        say_names(sentence, json_object_get(device, "NetworkInterfaces"));
        say_names(sentence, json_object_get(device, "BlockDevices"));
}

/* Properties that are not printed as "NAME before -> after": the line mentions them in another way, or not at all. */
static const char *const device_details[] = {"State", "Driver", "Node", "Cdev", "Group", "VendorId", "DeviceId",
                "SubsystemVendorId", "SubsystemDeviceId", "Class", "Revision", "VendorName", "DeviceName",
                "SubsystemName", "ClassName", "OriginalDriver", "OriginalOverride", "OriginalNames", "Availability",
                "Category", "Icon"};

/* The words for the names of some properties. */
static const struct {
        const char *property, *words;
} device_words[] = {
                {"GroupNumber", N_("group")},
                {"NetworkInterfaces", N_("network interface")},
                {"BlockDevices", N_("disk")},
                {"VirtualFunctions", N_("virtual functions")},
                {"MatchedRule", N_("rule")},
};

static bool is_listed(const char *const *list, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (streq(list[i], name))
                        return true;
        return false;
}

static const char *words_for(const char *property) {
        for (size_t i = 0; i < ELEMENTSOF(device_words); i++)
                if (streq(device_words[i].property, property))
                        return gettext(device_words[i].words);
        return property;
}

static void tell_device(Sentence *sentence, const MirrorChange *change) {
        json_t *after = change->properties, *before = change->before, *value;
        const char *name;

        if (has(after, "VendorId") || has(after, "DeviceId") || has(after, "SubsystemVendorId") ||
                        has(after, "SubsystemDeviceId"))
                say_card(sentence, _("another card: "), change->object);
        if (has(after, "Driver"))
                say_difference(sentence, "", json_object_get(before, "Driver"), json_object_get(after, "Driver"));
        /* If the driver changes too, the driver's name already says that the device is with the host. */
        if (has(after, "State") && !(has(after, "Driver") && is_plain(get_text(after, "State"))))
                say(sentence, "%s", get_text(after, "State"));
        json_object_foreach(after, name, value)
                if (!is_listed(device_details, ELEMENTSOF(device_details), name))
                        say_difference(sentence, words_for(name), json_object_get(before, name), value);
}

static void say_blockers(Sentence *sentence, const char *verdict, json_t *group) {
        json_t *blockers = json_object_get(group, "Blockers"), *blocker;
        size_t i;

        if (json_array_size(blockers) == 0)
                say(sentence, "%s", verdict);
        json_array_foreach(blockers, i, blocker)
                say(sentence, _("%s%s%s is on %s"), i == 0 ? verdict : "", i == 0 ? ": " : "",
                                strempty(json_string_value(json_array_get(blocker, 0))),
                                or_none(json_string_value(json_array_get(blocker, 1))));
}

/* Adds the members that are in the list but not in the other list. */
static void say_members(Sentence *sentence, const char *verb, json_t *list, json_t *other) {
        json_t *member, *candidate;
        size_t i, k;

        json_array_foreach(list, i, member) {
                bool found = false;

                json_array_foreach(other, k, candidate)
                        found = found || json_equal(member, candidate);
                if (!found)
                        say(sentence, "%s %s", json_string_value(member), verb);
        }
}

static void tell_new_group(Sentence *sentence, json_t *group) {
        _cleanup_free_ char *members = join(json_object_get(group, "Members"));

        say(sentence, _("added: %s"), strempty(members));
        if (!streq(get_text(group, "State"), "host"))
                say(sentence, "%s", get_text(group, "State"));
        if (!isempty(get_text(group, "Node")))
                say(sentence, "%s", get_text(group, "Node"));
}

static void tell_group(Sentence *sentence, const MirrorChange *change) {
        bool viable = json_is_true(json_object_get(change->object, "Viable"));
        json_t *after = change->properties, *before = change->before;

        if (has(after, "Members")) {
                say_members(sentence, _("joined"), json_object_get(after, "Members"),
                                json_object_get(before, "Members"));
                say_members(sentence, _("left"), json_object_get(before, "Members"), json_object_get(after, "Members"));
        }
        if (has(after, "State"))
                say(sentence, "%s", get_text(after, "State"));
        if (viable && has(after, "Viable"))
                say(sentence, _("viable"));
        else if (!viable && (has(after, "Viable") || has(after, "Blockers")))
                say_blockers(sentence, has(after, "Viable") ? _("not viable") : _("still not viable"), change->object);
        if (has(after, "Node"))
                say(sentence, "%s", isempty(get_text(after, "Node")) ? _("no node") : get_text(after, "Node"));
        if (has(after, "RevertAt"))
                say(sentence, "%s",
                                get_number(after, "RevertAt") > 0 ? _("goes back unless confirmed") : _("no revert"));
        if (has(after, "RevertWaitsFor") && !isempty(get_text(after, "RevertWaitsFor")))
                say_sentence(sentence, _("the revert waits for %s"), get_text(after, "RevertWaitsFor"));
}

static void say_step(Sentence *sentence, json_t *job) {
        say(sentence, _("step %lld of %lld, %s %s"), get_number(job, "Step"), get_number(job, "Steps"),
                        get_text(job, "Action"), get_text(job, "Address"));
}

static void tell_new_job(Sentence *sentence, json_t *job) {
        _cleanup_free_ char *devices = join(json_object_get(job, "DeviceAddresses")),
                            *caller = job_caller_json_in_words(json_object_get(job, "Caller"));

        if (get_number(job, "GroupNumber") >= 0)
                say(sentence, _("%s of group %lld: %s"), get_text(job, "Kind"), get_number(job, "GroupNumber"),
                                strempty(devices));
        else
                say(sentence, "%s: %s", get_text(job, "Kind"), strempty(devices));
        say(sentence, _("for %s"), strempty(caller));
}

static void tell_job(Sentence *sentence, const MirrorChange *change) {
        json_t *after = change->properties, *job = change->object;

        if (has(after, "State"))
                say(sentence, "%s", get_text(after, "State"));
        if (json_is_true(json_object_get(after, "Cancelled")) && streq(get_text(job, "State"), "stuck"))
                say(sentence, _("cancelled: it undoes its work when the kernel returns"));
        if (has(after, "Step") || has(after, "Steps") || has(after, "Action") || has(after, "Address"))
                say_step(sentence, job);
        if (!isempty(get_text(after, "WaitsFor")))
                say_sentence(sentence, _("waits for %s"), get_text(after, "WaitsFor"));
}

/* The name of the user is known where vfioctl runs. */
static void tell_new_lease(Sentence *sentence, json_t *lease) {
        _cleanup_free_ char *devices = join(json_object_get(lease, "DeviceAddresses"));
        _cleanup_free_ char *user = user_in_words((uid_t)get_number(lease, "Uid"));

        if (get_number(lease, "GroupNumber") >= 0)
                say(sentence, _("of group %lld"), get_number(lease, "GroupNumber"));
        say(sentence, "%s", strempty(devices));
        say(sentence, _("for user %s"), strempty(user));
        if (get_number(lease, "Pid") > 0)
                say(sentence, _("until process %lld ends"), get_number(lease, "Pid"));
        say(sentence, "%s", get_text(lease, "State"));
}

static void tell_lease(Sentence *sentence, const MirrorChange *change) {
        json_t *after = change->properties;

        if (has(after, "State"))
                say(sentence, "%s", get_text(after, "State"));
        if (!isempty(get_text(after, "Holder")))
                say_sentence(sentence, _("held by %s"), get_text(after, "Holder"));
}

/* The counts of devices are not printed: there is a line for each device that is added or removed. */
static void tell_manager(Sentence *sentence, const MirrorChange *change) {
        if (has(change->properties, "EventsLost"))
                say(sentence, _("events of the kernel were lost (%lld times so far): all devices were read again"),
                                get_number(change->properties, "EventsLost"));
}

static const struct {
        const char *kind;
        void (*tell_new)(Sentence *sentence, json_t *object);
        void (*tell)(Sentence *sentence, const MirrorChange *change);
        const char *end;
} kinds[] = {
                {"device", tell_new_device, tell_device, N_("removed")},
                {"group", tell_new_group, tell_group, N_("removed")},
                {"job", tell_new_job, tell_job, N_("ended")},
                {"lease", tell_new_lease, tell_lease, N_("ended")},
                {"manager", NULL, tell_manager, NULL},
};

char *narrate_change(const MirrorChange *change) {
        Sentence sentence = {0};
        char *text = NULL;
        size_t size;

        sentence.stream = open_memstream(&text, &size);
        if (!sentence.stream)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                if (!streq_ptr(change->kind, kinds[i].kind))
                        continue;
                if (change->event == MIRROR_CHANGED)
                        kinds[i].tell(&sentence, change);
                else if (change->event == MIRROR_ADDED && kinds[i].tell_new)
                        kinds[i].tell_new(&sentence, change->object);
                else if (change->event == MIRROR_REMOVED && kinds[i].end)
                        say(&sentence, "%s", gettext(kinds[i].end));
        }
        if (fclose(sentence.stream) != 0 || text_escape_message(&text) < 0) {
                free(text);
                return NULL;
        }
        return text;
}

char *narrate_subject(const MirrorChange *change) {
        const char *name = strrchr(change->path, '/');
        char *subject = NULL;

        if (streq_ptr(change->kind, "manager"))
                return strdup("vfiod");
        if (streq_ptr(change->kind, "device"))
                return strdup(get_text(change->object, "Address"));
        return asprintf(&subject, "%s %s", change->kind, name ? name + 1 : change->path) < 0 ? NULL : subject;
}
