/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "policy/rule.h"

#include <stdarg.h>

/* The longest line that is not a comment. */
#define LINE_LENGTH_MAX 198

typedef enum Section {
        SECTION_NONE,
        SECTION_MATCH,
        SECTION_DETACH,
        _SECTION_MAX,
} Section;

static const char *const section_table[_SECTION_MAX] = {
                [SECTION_MATCH] = "[Match]",
                [SECTION_DETACH] = "[Detach]",
};

enum {
        KEY_ADDRESS,
        KEY_VENDOR,
        KEY_DEVICE,
        KEY_SUBSYSTEM,
        KEY_CLASS,
        KEY_PATH,
        KEY_DRIVER,
        KEY_COMPANIONS,
        KEY_OVERRIDE,
        KEY_VIRTUAL_FUNCTIONS,
        KEY_ENABLED,
        _KEY_MAX,
};

typedef struct Parser {
        Rule *rule;
        RuleFault *fault;
        unsigned line; /* the current line, counted from 1 */
        Section section;
        unsigned section_lines[_SECTION_MAX]; /* line of each section; 0 for a section that is missing */
        unsigned key_lines[_KEY_MAX];         /* first line of each of keys[]; 0 for a key that is missing */
} Parser;

/* Stores the fault. Returns -EINVAL or -ENOMEM. */
static int complain_at(const Parser *parser, unsigned line, const char *format, ...) _printf_(3, 4);
static int complain_at(const Parser *parser, unsigned line, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;

        parser->fault->line = line;
        va_start(arguments, format);
        int length = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (length < 0) {
                message = NULL;
                return -ENOMEM;
        }
        (void)text_escape(message, TEXT_MESSAGE_ESCAPE, parser->fault->message, sizeof(parser->fault->message));
        return -EINVAL;
}

#define complain(parser, ...) complain_at(parser, (parser)->line, __VA_ARGS__)

/* Reads exactly so many hexadecimal digits, with or without "0x" in front. */
static int parse_hex(const char *text, size_t digits, int *ret) {
        const char *number = startswith(text, "0x");

        number = number ? number : text;
        if (strlen(number) != digits || strspn(number, "0123456789abcdefABCDEF") != digits)
                return -EINVAL;
        *ret = (int)strtoul(number, NULL, 16);
        return 0;
}

static int parse_subsystem(Rule *rule, const char *value) {
        _cleanup_free_ char *vendor = strdup(value);

        if (!vendor)
                return -ENOMEM;
        char *colon = strchr(vendor, ':');
        if (!colon)
                return -EINVAL;
        *colon = '\0';
        int r = parse_hex(vendor, 4, &rule->subsystem_vendor);
        return r < 0 ? r : parse_hex(colon + 1, 4, &rule->subsystem_device);
}

static int parse_class(Rule *rule, const char *value) {
        int class;

        for (unsigned digits = 2; digits <= 6; digits += 2) {
                unsigned shift = (6 - digits) * 4;

                if (parse_hex(value, digits, &class) < 0)
                        continue;
                rule->class = (uint32_t) class << shift;
                rule->class_mask = UINT32_C(0xffffff) << shift & UINT32_C(0xffffff);
                return 0;
        }
        return -EINVAL;
}

/* The path must be exactly as pci_path_format() writes it, because paths are compared as text. */
static int parse_path(Rule *rule, const char *value) {
        const char *step = value + strcspn(value, "/");
        char text[PCI_ADDRESS_TEXT_MAX];
        PciAddress address;

        if (strlen(value) >= PCI_PATH_MAX ||
                        snprintf(text, sizeof(text), "%.*s", (int)(step - value), value) >= (int)sizeof(text) ||
                        pci_address_parse(text, &address) < 0)
                return -EINVAL;
        for (; *step; step += strlen("/00.0")) {
                (void)snprintf(text, sizeof(text), "0000:00:%.4s", step + 1);
                if (*step != '/' || pci_address_parse(text, &address) < 0)
                        return -EINVAL;
        }
        rule->path = strdup(value);
        return rule->path ? 0 : -ENOMEM;
}

static int parse_companion(Rule *rule, const char *word) {
        PciAddress address;

        if (pci_address_parse(word, &address) < 0)
                return -EINVAL;
        if (rule->n_companions >= RULE_COMPANIONS_MAX)
                return -E2BIG;
        PciAddress *grown = reallocarray(rule->companions, rule->n_companions + 1, sizeof(PciAddress));
        if (!grown)
                return -ENOMEM;
        rule->companions = grown;
        grown[rule->n_companions++] = address;
        return 0;
}

static int parse_virtual_functions(Rule *rule, const char *value) {
        size_t digits = strspn(value, "0123456789");
        unsigned long n = digits > 0 && digits <= 5 ? strtoul(value, NULL, 10) : 0;

        if (value[digits] != '\0' || n == 0 || n > RULE_VIRTUAL_FUNCTIONS_MAX)
                return -EINVAL;
        rule->virtual_functions = (unsigned)n;
        return 0;
}

static int parse_enabled(Rule *rule, const char *value) {
        if (!streq(value, "yes") && !streq(value, "no"))
                return -EINVAL;
        rule->disabled = streq(value, "no");
        return 0;
}

/* Stores a value in the rule. Returns 0; -EINVAL if the value does not have the form that keys[] describes; -E2BIG if
 * there are too many values; or -ENOMEM. */
static int store_value(Rule *rule, size_t key, const char *value) {
        Guard guard;

        switch (key) {
        case KEY_ADDRESS:
                rule->has_address = true;
                return pci_address_parse(value, &rule->address);
        case KEY_VENDOR:
                return parse_hex(value, 4, &rule->vendor);
        case KEY_DEVICE:
                return parse_hex(value, 4, &rule->device);
        case KEY_SUBSYSTEM:
                return parse_subsystem(rule, value);
        case KEY_CLASS:
                return parse_class(rule, value);
        case KEY_PATH:
                return parse_path(rule, value);
        case KEY_COMPANIONS:
                return parse_companion(rule, value);
        case KEY_OVERRIDE:
                guard = guard_from_string(value);
                rule->overrides |= guard < 0 ? 0 : 1U << guard;
                return guard < 0 ? -EINVAL : 0;
        case KEY_VIRTUAL_FUNCTIONS:
                return parse_virtual_functions(rule, value);
        case KEY_ENABLED:
                return parse_enabled(rule, value);
        default: /* Driver= */
                return pci_vfio_name_is_valid(value) ? free_and_strdup(&rule->driver, value) : -EINVAL;
        }
}

static const struct {
        Section section;
        const char *name;
        const char *form; /* completes "NAME= ..., not 'VALUE'" */
        bool list;        /* a list of words, which more lines can continue */
} keys[_KEY_MAX] = {
                [KEY_ADDRESS] = {SECTION_MATCH, "Address", "must be like 0000:3b:00.0"},
                [KEY_VENDOR] = {SECTION_MATCH, "Vendor", "must have four hexadecimal digits"},
                [KEY_DEVICE] = {SECTION_MATCH, "Device", "must have four hexadecimal digits"},
                [KEY_SUBSYSTEM] = {SECTION_MATCH, "Subsystem", "must be like 8086:a01f"},
                [KEY_CLASS] = {SECTION_MATCH, "Class", "must have two, four or six hexadecimal digits"},
                [KEY_PATH] = {SECTION_MATCH, "Path", "must be like 0000:00:1c.4/00.0"},
                [KEY_DRIVER] = {SECTION_DETACH, "Driver", "must be a vfio driver like vfio-pci or mlx5_vfio_pci"},
                [KEY_COMPANIONS] = {SECTION_DETACH, "Companions",
                                "must be 'all', 'none' or addresses like 0000:3b:00.1", true},
                [KEY_OVERRIDE] = {SECTION_DETACH, "Override",
                                "can contain storage, network, display, console, memory, process, virtual-functions "
                                "and firmware",
                                true},
                [KEY_VIRTUAL_FUNCTIONS] = {SECTION_DETACH, "VirtualFunctions", "must be a number from 1 to 65535"},
                [KEY_ENABLED] = {SECTION_DETACH, "Enabled", "must be yes or no"},
};

static int parse_word(const Parser *parser, size_t key, const char *word) {
        int r = store_value(parser->rule, key, word);

        if (r == -E2BIG)
                return complain(parser, "%s= has more than %d addresses: write 'all'", keys[key].name,
                                RULE_COMPANIONS_MAX);
        return r == -EINVAL ? complain(parser, "%s= %s, not '%s'", keys[key].name, keys[key].form, word) : r;
}

/* Parses words with blanks or commas between them. Changes the value. */
static int parse_list(const Parser *parser, size_t key, char *value) {
        const char *word;
        int r = 0;

        if (value[strspn(value, " \t,")] == '\0' && parser->key_lines[key] == parser->line)
                return complain(parser, "%s= is empty: leave it out", keys[key].name);
        while (r >= 0 && (word = strsep(&value, " \t,")))
                if (word[0] != '\0')
                        r = parse_word(parser, key, word);
        return r;
}

static int parse_value(Parser *parser, size_t key, char *value) {
        bool all = key == KEY_COMPANIONS && streq(value, "all"), none = key == KEY_COMPANIONS && streq(value, "none");

        /* Only lists of words can be continued, but not "all" and "none". */
        if (parser->key_lines[key] > 0 &&
                        (!keys[key].list || all || none || (key == KEY_COMPANIONS && parser->rule->n_companions == 0)))
                return complain(parser, "%s= was given already in line %u%s", keys[key].name, parser->key_lines[key],
                                key == KEY_COMPANIONS ? ": only lists of addresses can be given several times" : "");
        if (parser->key_lines[key] == 0)
                parser->key_lines[key] = parser->line;
        parser->rule->all_companions = parser->rule->all_companions || all;
        if (all || none)
                return 0;
        return keys[key].list ? parse_list(parser, key, value) : parse_word(parser, key, value);
}

/* Parses "KEY=VALUE". Changes the line. */
static int parse_entry(Parser *parser, char *line) {
        size_t length = strcspn(line, "=:");

        if (line[length] != '=' || length == 0)
                return complain(parser, "this is neither a section like [Match] nor KEY=VALUE: '%s'", line);
        if (line[strcspn(line, ";#")] != '\0')
                return complain(parser, "a comment needs its own line");
        char *value = line + length + 1 + strspn(line + length + 1, " \t");
        while (length > 0 && strchr(" \t", line[length - 1]))
                length--;
        line[length] = '\0';
        if (parser->section == SECTION_NONE)
                return complain(parser, "'%s' is not in a section: begin with [Match]", line);
        for (size_t key = 0; key < _KEY_MAX; key++) {
                if (!streq(line, keys[key].name))
                        continue;
                if (keys[key].section != parser->section)
                        return complain(parser, "%s= must be in section %s", line, section_table[keys[key].section]);
                return parse_value(parser, key, value);
        }
        return complain(parser, "%s has no key '%s'", section_table[parser->section], line);
}

static int enter_section(Parser *parser, const char *line) {
        const char *end = strchr(line, ']');
        Section section = SECTION_MATCH;

        if (!end || end[1] != '\0')
                return complain(parser, "a section needs its own line, like [Match]");
        while (section < _SECTION_MAX && !streq(line, section_table[section]))
                section++;
        if (section == _SECTION_MAX)
                return complain(parser, "there is no section %s: they are [Match] and [Detach]", line);
        if (parser->section_lines[section] > 0)
                return complain(parser, "%s was given already in line %u", line, parser->section_lines[section]);
        parser->section_lines[section] = parser->line;
        parser->section = section;
        return 0;
}

/* Returns the first character that a message cannot show; NULL if there is none. Tabs are allowed. */
static const char *find_unprintable(const char *line) {
        const char *found = text_find_escaped(line);

        while (found && *found == '\t')
                found = text_find_escaped(found + 1);
        return found;
}

/* Parses a line without its end. Changes the line. */
static int parse_line(Parser *parser, char *line) {
        const char *unprintable;
        size_t length = strlen(line);

        if (length > 0 && line[length - 1] == '\r')
                length--;
        while (length > 0 && strchr(" \t", line[length - 1]))
                length--;
        line[length] = '\0';
        if (parser->line == 1 && startswith(line, "\xef\xbb\xbf"))
                return complain(parser, "the file begins with a byte order mark: save it without one");
        if ((unprintable = find_unprintable(line)))
                return complain(parser, "column %zu has a control character or is not UTF-8",
                                (size_t)(unprintable - line) + 1);
        if (length == 0 || line[0] == '#' || line[0] == ';')
                return 0;
        if (strchr(" \t", line[0]))
                return complain(parser,
                                "a line must not begin with a space or tab; a value cannot continue on the next line");
        if (line[0] == '[')
                return enter_section(parser, line);
        if (length > LINE_LENGTH_MAX)
                return complain(parser, "the line has more than %d characters", LINE_LENGTH_MAX);
        return parse_entry(parser, line);
}

/* Checks what no single line shows. */
static int check_whole(const Parser *parser) {
        unsigned place = parser->key_lines[parser->rule->has_address ? KEY_ADDRESS : KEY_PATH];
        const Rule *rule = parser->rule;

        if (rule->device >= 0 && rule->vendor < 0)
                return complain_at(parser, parser->key_lines[KEY_DEVICE], "Device= needs Vendor=");
        if (place > 0 && rule->device < 0)
                return complain_at(parser, place,
                                "%s also needs Vendor= and Device=: another card may be plugged in there",
                                rule->has_address ? "Address=" : "Path=");
        if (parser->section_lines[SECTION_MATCH] == 0)
                return complain_at(parser, 0, "the section [Match] is missing");
        if (rule->vendor < 0 && rule->class_mask == 0)
                return complain_at(parser, parser->section_lines[SECTION_MATCH],
                                "[Match] needs at least Vendor= or Class=. Otherwise it would match every device");
        return 0;
}

int rule_parse(const char *name, const char *file, const char *text, Rule **ret, RuleFault *ret_fault) {
        _cleanup_(rule_freep) Rule *rule = calloc(1, sizeof(Rule));
        _cleanup_free_ char *copy = strdup(text);
        Parser parser = {.rule = rule, .fault = ret_fault};
        int r = 0;

        *ret_fault = (RuleFault){};
        if (!rule || !copy)
                return -ENOMEM;
        rule->vendor = rule->device = rule->subsystem_vendor = rule->subsystem_device = -1;
        rule->name = strdup(name);
        rule->file = strdup(file);
        if (!rule->name || !rule->file)
                return -ENOMEM;
        for (char *rest = copy; r >= 0 && rest;) {
                parser.line++;
                r = parse_line(&parser, strsep(&rest, "\n"));
        }
        if (r < 0 || (r = check_whole(&parser)) < 0)
                return r;
        *ret = TAKE_PTR(rule);
        return 0;
}
