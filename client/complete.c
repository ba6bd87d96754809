/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "complete.h"
#include "language.h"

#include "columns.h"
#include "connect.h"
#include "group-columns.h"
#include "known-names.h"
#include "lease-proxy.h"
#include "options.h"
#include "present.h"
#include "proxy.h"
#include "rule-proxy.h"
#include "strv.h"
#include "terminal.h"
#include "verb-table.h"

#include <inttypes.h>

/* A shell waits so long for candidates. */
#define ANSWER_WITHIN_USEC (UINT64_C(2) * 1000000)

/* The command line, and what is known about the word to complete. */
typedef struct Line {
        char *const *words;
        size_t n_words;      /* without the word to complete */
        const char *current; /* the word to complete */
        const char *typed; /* its end, of which candidates are printed: behind "--option=" and behind the last comma */
        size_t n_operands; /* before the word, without those of the verb */
        const Verb *verb;  /* NULL if there is none yet */
        const char *first; /* the first word that is no option; NULL for none */
        bool is_behind_dashes;
        sd_bus *bus;
} Line;

/* Prints a candidate that begins with what is typed, behind what comes before that in the word. */
static void offer(const Line *line, const char *candidate, const char *meaning) {
        _cleanup_free_ char *shown = NULL, *shown_meaning = NULL;

        if (isempty(candidate) || !startswith(candidate, line->typed))
                return;
        shown = terminal_text(candidate);
        shown_meaning = meaning ? terminal_text(meaning) : NULL;
        if (!shown)
                return;
        printf("%.*s%s", (int)(line->typed - line->current), line->current, shown);
        printf(isempty(shown_meaning) ? "\n" : "\t%s\n", strempty(shown_meaning));
}

/* Offers the items of a list with ", " between them. */
static void offer_list(const Line *line, const char *list) {
        _cleanup_free_ char *copy = strdup(list);
        char *rest = copy;

        for (char *item; rest && (item = strsep(&rest, ", "));)
                offer(line, item, NULL);
}

static bool is_connected(Line *line) {
        if (!line->bus && connect_to_vfiod(&(Place){0}, &line->bus) >= 0)
                (void)sd_bus_set_method_call_timeout(line->bus, ANSWER_WITHIN_USEC);
        return line->bus;
}

/* Addresses of the domain 0000 are offered without it, if they are typed like that. */
static void offer_device(const Line *line, const Device *device) {
        _cleanup_free_ char *description = device_description(device);
        const char *address = strempty(device->address), *shorter = startswith(address, "0000:");

        offer(line, address, description);
        if (shorter && !isempty(line->typed) && !startswith(address, line->typed))
                offer(line, shorter, description);
        for (char **name = device->names; name && *name; name++)
                offer(line, *name, description);
}

static void offer_groups(Line *line) {
        _cleanup_(group_list_clear) GroupList groups = {0};

        if (proxy_list_groups(line->bus, &groups, NULL) < 0)
                return;
        for (size_t i = 0; i < groups.count; i++) {
                _cleanup_free_ char *members = strv_join(groups.items[i].members, " ");
                char name[sizeof("group:-2147483648")];

                (void)snprintf(name, sizeof(name), "group:%" PRIi32, groups.items[i].number);
                offer(line, name, members);
        }
}

/* Offers the devices that the verb can do something with, and all if it is only to show them; then the groups. */
static void offer_selectors(Line *line) {
        bool changes = line->verb && line->verb->changes;
        _cleanup_(device_list_clear) DeviceList devices = {0};

        if (!is_connected(line) || proxy_list_devices(line->bus, &devices, NULL) < 0)
                return;
        for (size_t i = 0; i < devices.count; i++)
                if (!changes || devices.items[i].endpoint)
                        offer_device(line, &devices.items[i]);
        offer_groups(line);
}

static void offer_jobs(Line *line) {
        _cleanup_(job_list_clear) JobList jobs = {0};

        if (!is_connected(line) || proxy_list_jobs(line->bus, &jobs, NULL) < 0)
                return;
        for (size_t i = 0; i < jobs.count; i++) {
                _cleanup_free_ char *devices = strv_join(jobs.items[i].devices, " "), *meaning = NULL;
                char number[sizeof("4294967295")];

                (void)snprintf(number, sizeof(number), "%" PRIu32, jobs.items[i].number);
                if (asprintf(&meaning, "%s %s", strempty(jobs.items[i].kind), strempty(devices)) < 0)
                        meaning = NULL;
                offer(line, number, meaning);
        }
}

static void offer_leases(Line *line) {
        _cleanup_(lease_list_clear) LeaseList leases = {0};

        if (!is_connected(line) || proxy_list_leases(line->bus, &leases, NULL) < 0)
                return;
        for (size_t i = 0; i < leases.count; i++) {
                _cleanup_free_ char *devices = strv_join(leases.items[i].devices, " ");
                char number[sizeof("4294967295")];

                (void)snprintf(number, sizeof(number), "%" PRIu32, leases.items[i].number);
                offer(line, number, devices);
                for (char **device = leases.items[i].devices; device && *device; device++)
                        offer(line, *device, NULL);
        }
}

static void offer_rules(Line *line) {
        _cleanup_(rule_list_clear) RuleList rules = {0};

        if (!is_connected(line) || proxy_list_rules(line->bus, &rules, NULL) < 0)
                return;
        for (size_t i = 0; i < rules.count; i++)
                offer(line, rules.items[i].name, rules.items[i].file);
}

/* Offers the drivers that are bound now, for the lists; and vfio-pci, to bind it. */
static void offer_drivers(Line *line) {
        _cleanup_(device_list_clear) DeviceList devices = {0};
        bool is_list = !line->verb || line->verb->operand == OPERAND_SELECTORS;

        if (!is_list) {
                offer(line, "vfio-pci", NULL);
                return;
        }
        offer(line, "none", _("without a driver"));
        if (!is_connected(line) || proxy_list_devices(line->bus, &devices, NULL) < 0)
                return;
        for (size_t i = 0; i < devices.count; i++) {
                bool known = false;

                for (size_t k = 0; k < i && !known; k++)
                        known = streq_ptr(devices.items[k].driver, devices.items[i].driver);
                if (!known)
                        offer(line, devices.items[i].driver, NULL);
        }
}

static bool is_groups(const Line *line) {
        return line->verb && streq(line->verb->name, "groups");
}

/* Offers values of an option. Those of a list are offered behind the last comma. */
static void offer_values(Line *line, int letter, const char *value) {
        bool is_list = letter &&
                        strchr((const char[]){OPTION_OVERRIDE, OPTION_STATE, OPTION_CLASS, OPTION_OUTPUT, OPTION_DRIVER,
                                               '\0'},
                                        letter);
        const char *comma = is_list ? strrchr(value, ',') : NULL;

        line->typed = comma ? comma + 1 : value;
        switch (letter) {
        case OPTION_COMPANION:
                offer_selectors(line);
                break;
        case OPTION_OVERRIDE:
                offer_list(line,
                                "storage, network, display, console, memory, process, virtual-functions, firmware, "
                                "unsafe-interrupts, no-reset");
                break;
        case OPTION_STATE:
                offer_list(line, availability_names());
                break;
        case OPTION_CLASS:
                offer_list(line, category_names());
                break;
        case OPTION_OUTPUT:
        case OPTION_SORT:
                for (size_t i = 0; is_groups(line) && group_column_name(i); i++)
                        offer(line, group_column_name(i), group_column_summary(i));
                for (size_t i = 0; !is_groups(line) && columns_name(i); i++)
                        offer(line, columns_name(i), columns_summary(i));
                if (letter == OPTION_OUTPUT)
                        offer(line, "help", _("print all columns"));
                break;
        case OPTION_DRIVER:
                offer_drivers(line);
                break;
        case OPTION_SINCE:
                offer_list(line, "today, yesterday, -1h");
                break;
        case OPTION_CAP:
                offer(line, "pci", NULL);
                break;
        case OPTION_COLOR:
                offer_list(line, "auto, always, never");
                break;
        default:
                break;
        }
}

static void offer_options(const Line *line) {
        const char *taken = line->verb ? line->verb->options : line->first ? "" : verb_at(0)->options;
        _cleanup_free_ char *word = NULL;

        for (size_t i = 0; options_at(i); i++) {
                const struct option *option = options_at(i);

                if (!strchr(taken, option->val) && !options_are_general(option->val))
                        continue;
                if (asprintf(&word, "--%s%s", option->name, option->has_arg ? "=" : "") < 0)
                        return;
                offer(line, word, NULL);
                free(TAKE_PTR(word));
        }
}

/* Offers the commands; those of two words only when their first word is typed. */
static void offer_verbs(const Line *line) {
        const char *before = NULL;

        for (size_t i = 0; verb_at(i); i++) {
                const Verb *verb = verb_at(i);
                const char *blank = strchr(verb->name, ' '),
                           *second = line->first ? startswith(verb->name, line->first) : NULL;

                if (line->first && second && *second == ' ')
                        offer(line, second + 1, verb->summary);
                if (line->first || (verb->foreign && isempty(line->typed)))
                        continue;
                if (!blank)
                        offer(line, verb->name, gettext(verb->summary));
                else if (!before || strncmp(before, verb->name, (size_t)(blank - verb->name)) != 0) {
                        _cleanup_free_ char *word = strndup(verb->name, (size_t)(blank - verb->name));

                        before = verb->name;
                        offer(line, word, NULL);
                }
        }
        if (!line->first)
                offer(line, "help", _("Print the help of a command"));
}

static void offer_operands(Line *line) {
        bool is_first = line->n_operands == 0;

        switch (line->verb->operand) {
        case OPERAND_NONE:
                break;
        case OPERAND_SELECTOR:
        case OPERAND_MAYBE_SELECTOR:
        case OPERAND_VFS:
                if (is_first)
                        offer_selectors(line);
                break;
        case OPERAND_SELECTORS:
                offer_selectors(line);
                break;
        case OPERAND_COMMAND:
                if (is_first && !line->is_behind_dashes)
                        offer_selectors(line);
                else if (line->is_behind_dashes)
                        puts(line->n_operands == 1 ? ":commands" : ":files");
                break;
        case OPERAND_JOB:
                if (is_first)
                        offer_jobs(line);
                break;
        case OPERAND_LEASE:
                if (is_first)
                        offer_leases(line);
                break;
        case OPERAND_RULE:
                if (is_first)
                        offer_rules(line);
                break;
        case OPERAND_FILES:
                puts(":files");
                break;
        }
}

static const struct option *find_option(const char *word) {
        const char *name = startswith(word, "--");

        for (size_t i = 0; options_at(i); i++)
                if (name ? streq(options_at(i)->name, name)
                         : word[0] == '-' && word[1] == options_at(i)->val && !word[2] &&
                                                                strchr(OPTIONS_SHORT, options_at(i)->val))
                        return options_at(i);
        return NULL;
}

/* Finds the verb and counts its operands. Returns the letter of the option whose value is the word to complete; 0 for none. */
static int read_line(Line *line) {
        _cleanup_free_ char **operands = calloc(line->n_words + 1, sizeof(char *));
        int n_words = 0, letter = 0;
        size_t n = 0;

        if (!operands)
                return 0;
        for (size_t i = 0; i < line->n_words; i++) {
                const char *word = line->words[i];

                if (line->is_behind_dashes || word[0] != '-') {
                        operands[n++] = line->words[i];
                        continue;
                }
                if (streq(word, "--")) {
                        line->is_behind_dashes = true;
                        continue;
                }
                const struct option *option = find_option(word);
                if (option && option->has_arg && ++i == line->n_words)
                        letter = option->val;
        }
        line->first = operands[0];
        line->verb = n > 0 ? verb_find(operands, &n_words) : NULL;
        line->n_operands = n - (size_t)n_words;
        return letter;
}

static void offer_for(Line *line) {
        const char *equals = strchr(line->current, '=');
        int letter = read_line(line);

        if (letter) {
                offer_values(line, letter, line->current);
                return;
        }
        if (line->is_behind_dashes || line->current[0] != '-') {
                if (!line->verb && streq_ptr(line->first, "help"))
                        line->first = NULL;
                if (line->verb)
                        offer_operands(line);
                else
                        offer_verbs(line);
                return;
        }
        if (!equals) {
                offer_options(line);
                return;
        }
        _cleanup_free_ char *name = strndup(line->current, (size_t)(equals - line->current));
        const struct option *option = name ? find_option(name) : NULL;
        if (option)
                offer_values(line, option->val, equals + 1);
}

ExitCode complete_print(char *const *words) {
        Line line = {.words = words, .n_words = strv_length(words), .current = ""};

        if (line.n_words > 0)
                line.current = words[--line.n_words];
        line.typed = line.current;
        offer_for(&line);
        sd_bus_flush_close_unref(line.bus);
        return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}
