/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "journal.h"

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "strv.h"

#include <fcntl.h>
#include <pwd.h>
#include <systemd/sd-journal.h>

#define UNIT "vfiod.service"
#define USER "vfiod"

static const char *const message_ids[] = {
                MESSAGE_DETACHED,
                MESSAGE_REATTACHED,
                MESSAGE_FUNCTIONS_SET,
                MESSAGE_RESET,
                MESSAGE_JOB_FAILED,
                MESSAGE_STUCK,
                MESSAGE_REFUSED,
                MESSAGE_RULE_REFUSED,
                MESSAGE_RULE_ADDED,
                MESSAGE_RULE_REMOVED,
                MESSAGE_RULES_CHANGED,
                MESSAGE_RESCAN_ASKED,
                MESSAGE_CANCEL_ASKED,
                MESSAGE_LEASE_BEGAN,
                MESSAGE_LEASE_LINGERS,
                MESSAGE_LEASE_OVER,
                MESSAGE_ENTRIES_OMITTED,
};

#define FIELD(name_, member_) \
        { name_, offsetof(JournalEntry, member_) }

static const struct {
        const char *name;
        size_t offset;
} texts[] =
                {
                                FIELD("MESSAGE_ID", message_id),
                                FIELD("MESSAGE", message),
                                FIELD("VFIOD_VERB", verb),
                                FIELD("VFIOD_RESULT", result),
                                FIELD("VFIOD_REASON", reason),
                                FIELD("VFIOD_OPTIONS", options),
                                FIELD("VFIOD_SELECTOR", selector),
                                FIELD("VFIOD_GROUP", group),
                                FIELD("VFIOD_JOB", job),
                                FIELD("VFIOD_RULE", rule),
                                FIELD("VFIOD_OMITTED", omitted),
                                FIELD("VFIOD_CALLER", caller),
                                FIELD("VFIOD_CALLER_UID", uid),
                                FIELD("VFIOD_CALLER_PID", pid),
                                FIELD("VFIOD_CALLER_COMMAND", command),
                                FIELD("VFIOD_CALLER_UNIT", unit),
                                FIELD("VFIOD_CALLER_SESSION", session),
                                FIELD("VFIOD_POLKIT", polkit),
},
  lists[] = {
                  FIELD("VFIOD_DEVICE", devices),
                  FIELD("VFIOD_BEFORE", before),
                  FIELD("VFIOD_AFTER", after),
};

static void entry_clear(JournalEntry *entry) {
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                free(*(char **)((char *)entry + texts[i].offset));
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                strv_free(*(char ***)((char *)entry + lists[i].offset));
}

void journal_entries_clear(JournalEntries *entries) {
        for (size_t i = 0; i < entries->count; i++)
                entry_clear(&entries->items[i]);
        free(entries->items);
        *entries = (JournalEntries){0};
}

/* Stores a field, "NAME=value", if it is one of ours. Returns 0 or -ENOMEM. */
static int take_field(JournalEntry *entry, const char *field) {
        size_t length = strcspn(field, "=");
        const char *value = field + length + (field[length] == '=');

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                if (strlen(lists[i].name) == length && strncmp(lists[i].name, field, length) == 0)
                        return strv_push((char ***)((char *)entry + lists[i].offset), value);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (strlen(texts[i].name) == length && strncmp(texts[i].name, field, length) == 0) {
                        int r = free_and_strdup((char **)((char *)entry + texts[i].offset), value);
                        return r < 0 ? r : 0;
                }
        return 0;
}

/* Reads the current entry. Returns 0 or a negative errno. */
static int read_entry(sd_journal *journal, JournalEntry *entry) {
        const void *data;
        size_t length;
        int r = sd_journal_get_realtime_usec(journal, &entry->time_us);

        sd_journal_restart_data(journal);
        while (r >= 0 && (r = sd_journal_enumerate_available_data(journal, &data, &length)) > 0) {
                _cleanup_free_ char *field = strndup(data, length);

                r = field ? text_escape_message(&field) : -ENOMEM;
                if (r >= 0)
                        r = take_field(entry, field);
        }
        return r;
}

static int add_match(sd_journal *journal, const char *name, const char *value) {
        _cleanup_free_ char *match = NULL;

        if (asprintf(&match, "%s=%s", name, value) < 0) {
                match = NULL;
                return -ENOMEM;
        }
        return sd_journal_add_match(journal, match, 0);
}

/* journald adds the fields that begin with "_" itself. If vfiod ends at once after a message, the unit is missing. */
static int match_sender(sd_journal *journal) {
        const struct passwd *user = getpwnam(USER);
        char uid[sizeof("4294967295")];

        int r = add_match(journal, "_SYSTEMD_UNIT", UNIT);
        if (r < 0 || !user)
                return r;
        (void)snprintf(uid, sizeof(uid), "%u", (unsigned)user->pw_uid);
        r = sd_journal_add_disjunction(journal);
        return r < 0 ? r : add_match(journal, "_UID", uid);
}

static int match(sd_journal *journal, const JournalQuery *query) {
        int r = match_sender(journal);

        if (r >= 0)
                r = sd_journal_add_conjunction(journal);
        for (size_t i = 0; i < ELEMENTSOF(message_ids) && r >= 0; i++)
                r = add_match(journal, "MESSAGE_ID", message_ids[i]);
        for (char *const *device = query->devices; device && *device && r >= 0; device++)
                r = add_match(journal, "VFIOD_DEVICE", *device);
        return r;
}

/* Goes to the first entry of the query. Returns 1; 0 if there is none; or a negative errno. */
static int go_to_first(sd_journal *journal, const JournalQuery *query) {
        int r;

        if (query->last > 0) {
                r = sd_journal_seek_tail(journal);
                return r < 0 ? r : sd_journal_previous_skip(journal, query->last);
        }
        r = query->since_us > 0 ? sd_journal_seek_realtime_usec(journal, query->since_us)
                                : sd_journal_seek_head(journal);
        return r < 0 ? r : sd_journal_next(journal);
}

/* Adds the current entry, if it is not too old. Returns 0 or a negative errno. */
static int add_entry(sd_journal *journal, const JournalQuery *query, JournalEntries *entries) {
        JournalEntry entry = {0};

        int r = read_entry(journal, &entry);
        bool wanted = r >= 0 && entry.time_us >= query->since_us;
        if (wanted && !ARRAY_GROW(entries->items, entries->count))
                r = -ENOMEM;
        if (r >= 0 && wanted)
                entries->items[entries->count++] = entry;
        else
                entry_clear(&entry);
        return r;
}

static int read_all(sd_journal *journal, const JournalQuery *query, JournalEntries *ret) {
        int r = go_to_first(journal, query);

        while (r > 0 && (r = add_entry(journal, query, ret)) >= 0)
                r = sd_journal_next(journal);
        return r;
}

/* libsystemd omits the files that this user may not read, so an empty answer has two meanings. Returns 0, -EACCES or
 * -ENOENT. */
static int check_access(void) {
        static const char *const folders[] = {"/var/log/journal", "/run/log/journal"};
        char path[128];
        sd_id128_t machine;
        int result = -ENOENT;

        int r = sd_id128_get_machine(&machine);
        for (size_t i = 0; i < ELEMENTSOF(folders) && r >= 0; i++) {
                (void)snprintf(path, sizeof(path), "%s/" SD_ID128_FORMAT_STR "/system.journal", folders[i],
                                SD_ID128_FORMAT_VAL(machine));
                _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd >= 0)
                        return 0;
                if (errno == EACCES)
                        result = -EACCES;
        }
        return r < 0 ? r : result;
}

static void journal_closep(sd_journal **journal) {
        sd_journal_close(*journal);
}

int journal_read(const JournalQuery *query, JournalEntries *ret) {
        _cleanup_(journal_closep) sd_journal *journal = NULL;
        int r;

        if ((r = check_access()) < 0 ||
                        (r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM)) < 0 ||
                        (r = match(journal, query)) < 0 || (r = read_all(journal, query, ret)) < 0)
                return r;
        return 0;
}
