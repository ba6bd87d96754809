/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log: who changed what, and what vfiod refused. */
#include "connect.h"
#include "daemon/kernel/pci-address.h"
#include "journal.h"
#include "language.h"
#include "present.h"
#include "proxy.h"
#include "strv.h"
#include "terminal.h"
#include "verbs.h"
#include "wrap.h"

#include <pwd.h>
#include <time.h>

enum {
        COLUMN_TIME,
        COLUMN_USER,
        COLUMN_VERB,
        COLUMN_DEVICES,
        COLUMN_RESULT,
        COLUMN_WHY,
};

/* The last column is not narrower, also if the table is then wider than the terminal. */
#define WHY_WIDTH_MIN 24

static const Column columns[] = {
                [COLUMN_TIME] = {"TIME", 0},
                [COLUMN_USER] = {"USER", 0},
                [COLUMN_VERB] = {"VERB", 0},
                [COLUMN_DEVICES] = {"DEVICES", SCOLS_FL_WRAP},
                [COLUMN_RESULT] = {"RESULT", 0},
                [COLUMN_WHY] = {"WHY", SCOLS_FL_WRAP},
};

/* Returns the driver of an address in a list of "ADDRESS=DRIVER"; NULL if the address is not there. */
static const char *find_driver(char *const *list, const char *address) {
        for (; list && *list; list++) {
                const char *rest = startswith(*list, address);

                if (rest && *rest == '=')
                        return rest + 1;
        }
        return NULL;
}

/* Returns whether a device before this one has the same change. */
static bool is_repeated(const JournalEntry *entry, char *const *device, const char *before, const char *after) {
        for (char *const *other = entry->devices; other != device; other++)
                if (streq_ptr(find_driver(entry->before, *other), before) &&
                                streq_ptr(find_driver(entry->after, *other), after))
                        return true;
        return false;
}

static void write_sentence(FILE *stream, const char *sentence) {
        _cleanup_free_ char *translated = language_sentence(sentence);

        fputs(translated ?: sentence, stream);
}

/* Writes "e1000e -> vfio-pci", each change once. */
static void write_changes(FILE *stream, const JournalEntry *entry) {
        bool first = true;

        for (char *const *device = entry->devices; device && *device; device++) {
                const char *before = find_driver(entry->before, *device), *after = find_driver(entry->after, *device);

                if (!before || !after || is_repeated(entry, device, before, after))
                        continue;
                fprintf(stream, "%s%s -> %s", first ? "" : ", ", driver_in_words(before), driver_in_words(after));
                first = false;
        }
}

/* Returns the reason of a refusal, or what changed, with the options. The caller frees it. NULL without memory. */
static char *describe(const JournalEntry *entry) {
        char *text = NULL;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;
        if (entry->reason)
                write_sentence(stream, entry->reason);
        else if (entry->omitted)
                write_sentence(stream, strempty(entry->message));
        else if (entry->rule && entry->uid)
                fprintf(stream, _("rule %s"), entry->rule);
        else
                write_changes(stream, entry);
        if (entry->options)
                fprintf(stream, "%s[%s]", ftell(stream) > 0 ? " " : "", entry->options);
        if (fclose(stream) == 0)
                return text;
        free(text);
        return NULL;
}

/* Returns the name of the user, or the number of one without a name. A rule is no user: then, what asked instead. */
static const char *asker_in_words(const JournalEntry *entry) {
        if (!entry->uid)
                return strempty(entry->caller);
        const struct passwd *user = getpwuid((uid_t)strtoul(entry->uid, NULL, 10));
        return user ? user->pw_name : entry->uid;
}

static void entry_time(uint64_t time_us, char *buffer, size_t size) {
        time_t then = (time_t)(time_us / 1000000);
        struct tm parts;

        buffer[0] = '\0';
        if (localtime_r(&then, &parts))
                (void)strftime(buffer, size, "%Y-%m-%d %H:%M:%S", &parts);
}

/* The name of the error of a denial is long, and the reason says the same. */
static const char *result_in_words(const JournalEntry *entry) {
        const char *result = strempty(entry->result);

        return streq(result, "AccessDenied") || streq(result, "InteractiveAuthorizationRequired") ? _("denied")
                                                                                                  : result;
}

/* Fills a cell. With wrap, the text has lines of this width. */
static int cell_set_wrapped(struct libscols_line *line, size_t column, const char *text, bool wrap, size_t width) {
        char *shown = terminal_text(text);

        if (!shown)
                return -ENOMEM;
        if (wrap) {
                char *lines = wrap_words(shown, width);

                free(shown);
                shown = lines;
                if (!shown)
                        return -ENOMEM;
        }
        return scols_line_refer_data(line, column, shown); /* takes it over */
}

/* Adds an entry without the last column. */
static int add_line(struct libscols_table *table, const JournalEntry *entry, bool wrap) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        _cleanup_free_ char *devices = strv_join(entry->devices, " ");
        char when[64];
        int r;

        if (!line || !devices)
                return -ENOMEM;
        entry_time(entry->time_us, when, sizeof(when));
        const char *subject = devices[0] ? devices : entry->rule ? entry->rule : strempty(entry->selector);
        if ((r = cell_set(line, COLUMN_TIME, when)) < 0 ||
                        (r = cell_set(line, COLUMN_USER, asker_in_words(entry))) < 0 ||
                        (r = cell_set(line, COLUMN_VERB, entry->verb)) < 0 ||
                        (r = cell_set_wrapped(line, COLUMN_DEVICES, subject, wrap, 0)) < 0)
                return r;
        return cell_set(line, COLUMN_RESULT, result_in_words(entry));
}

/* Returns how wide the last column can be. The others are as wide as their longest line. */
static size_t remaining_width(struct libscols_table *table, size_t n_lines) {
        size_t width = scols_table_get_termwidth(table), used = 0;

        for (size_t column = 0; column < COLUMN_WHY; column++) {
                size_t longest = strlen(columns[column].name);

                for (size_t i = 0; i < n_lines; i++) {
                        struct libscols_line *line = scols_table_get_line(table, i);
                        size_t length = wrap_longest_line(scols_cell_get_data(scols_line_get_cell(line, column)));

                        longest = length > longest ? length : longest;
                }
                used += longest + 1;
        }
        return width > used + WHY_WIDTH_MIN ? width - used : WHY_WIDTH_MIN;
}

/* Fills the last column. */
static int add_reasons(struct libscols_table *table, const JournalEntries *entries, bool wrap) {
        size_t width = wrap ? remaining_width(table, entries->count) : 0;
        int r = 0;

        for (size_t i = 0; i < entries->count && r >= 0; i++) {
                _cleanup_free_ char *why = describe(&entries->items[i]);

                r = why ? cell_set_wrapped(scols_table_get_line(table, i), COLUMN_WHY, why, wrap, width) : -ENOMEM;
        }
        return r;
}

/* Makes the lines of a cell lines of the table. */
static int set_wrapping(struct libscols_table *table, size_t column) {
        return scols_column_set_wrapfunc(
                        scols_table_get_column(table, column), scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
}

/* On a terminal, long texts have several lines. Otherwise, each entry has one. */
static int print_table(Output *output, const JournalEntries *entries) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL;
        bool wrap = isatty(STDOUT_FILENO);

        int r = output_table_new(output, columns, ELEMENTSOF(columns), &table);
        for (size_t i = 0; r >= 0 && i < entries->count; i++)
                r = add_line(table, &entries->items[i], wrap);
        if (r < 0 || (r = add_reasons(table, entries, wrap)) < 0)
                return r;
        if (wrap && ((r = set_wrapping(table, COLUMN_DEVICES)) < 0 || (r = set_wrapping(table, COLUMN_WHY)) < 0))
                return r;
        return output_table(output, table);
}

static json_t *number_to_json(const char *text) {
        return text ? json_integer(strtoll(text, NULL, 10)) : json_null();
}

/* The empty name of a driver becomes null. */
static json_t *changes_to_json(const JournalEntry *entry) {
        json_t *array = json_array();

        for (char *const *device = entry->devices; array && device && *device; device++) {
                const char *before = find_driver(entry->before, *device), *after = find_driver(entry->after, *device);

                if (before && after)
                        array = json_append(array,
                                        json_pack("{s:s, s:o, s:o}", "address", *device, "driver_before",
                                                        json_text(before), "driver_after", json_text(after)));
        }
        return array;
}

static json_t *entry_to_json(const JournalEntry *entry) {
        return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
                         "s:o, s:o, s:o}",
                        "time_usec", (json_int_t)entry->time_us, "verb", json_text(entry->verb), "devices",
                        json_strings(entry->devices), "group", number_to_json(entry->group), "changes",
                        changes_to_json(entry), "result", json_text(entry->result), "reason", json_text(entry->reason),
                        "options", json_text(entry->options), "selector", json_text(entry->selector), "rule",
                        json_text(entry->rule), "job", number_to_json(entry->job), "caller", json_text(entry->caller),
                        "uid", number_to_json(entry->uid), "pid", number_to_json(entry->pid), "command",
                        json_text(entry->command), "unit", json_text(entry->unit), "session", json_text(entry->session),
                        "polkit", json_text(entry->polkit), "omitted", number_to_json(entry->omitted), "message",
                        json_text(entry->message), "message_id", json_text(entry->message_id));
}

static int print_json(Output *output, const JournalEntries *entries) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < entries->count; i++)
                array = json_append(array, entry_to_json(&entries->items[i]));
        return output_json(output, json_pack("{s:o}", "entries", array));
}

/* Gets the addresses that a selector means: an address as it is, and what vfiod knows otherwise. */
static int resolve(Invocation *invocation, char ***ret_addresses, sd_bus_error *error) {
        const char *selector = invocation->selector;
        _cleanup_(device_clear) Device device = {0};
        _cleanup_(group_clear) Group group = {0};
        PciAddress address;
        int r;

        if (pci_address_parse_loose(selector, &address) >= 0)
                return strv_push(ret_addresses, PCI_ADDRESS_TEXT(address));
        r = connect_to_vfiod(&invocation->place, &invocation->bus);
        if (r < 0)
                return r;
        if (!startswith(selector, "group:") && !startswith(selector, "/dev/vfio/")) {
                r = proxy_get_device(invocation->bus, selector, &device, error);
                return r < 0 ? r : strv_push(ret_addresses, device.address);
        }
        r = proxy_get_group(invocation->bus, selector, &group, error);
        if (r >= 0)
                *ret_addresses = TAKE_PTR(group.members);
        return r;
}

static ExitCode report_journal(int error) {
        if (error == -EACCES)
                return report_failure(EXIT_NOT_AUTHORIZED, SD_BUS_ERROR_ACCESS_DENIED,
                                _("this user may not read the journal of the system: only root and the members of the "
                                  "groups adm and systemd-journal may"));
        return report_failure(EXIT_FAILED, "Failed", _("cannot read the journal of the system: %s"),
                        error == -ENOENT ? _("there is none (see journald.conf(5))") : strerror(-error));
}

ExitCode verb_log(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(journal_entries_clear) JournalEntries entries = {0};
        _cleanup_(strv_freep) char **addresses = NULL;
        int r = 0;

        if (invocation->selector && (r = resolve(invocation, &addresses, &error)) < 0)
                return report_error(r, &error);
        r = journal_read(&(JournalQuery){.devices = addresses,
                                         .since_us = invocation->since_us,
                                         .last = invocation->n_lines},
                        &entries);
        if (r < 0)
                return report_journal(r);
        if (entries.count == 0 && !invocation->output.quiet && !invocation->output.json)
                fputs(_("vfioctl: there are no entries\n"), stderr);
        r = invocation->output.json ? print_json(&invocation->output, &entries)
                                    : print_table(&invocation->output, &entries);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}
