/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "policy/rule.h"

#include <ctype.h>
#include <ini.h>
#include <stdarg.h>

/* libinih does the parsing, and is lenient: it cuts long lines, takes what is indented for more of the value above, and
 * passes over what stands behind a section's name, sections without entries, and comments within a line. So it gets each
 * line from read_line(), which lets through only what is meant as it would be read. */

typedef enum Section {
        SECTION_NONE,
        SECTION_MATCH,
        SECTION_DETACH,
        _SECTION_MAX,
} Section;

static const char *const section_table[_SECTION_MAX] = {
                [SECTION_MATCH] = "Match",
                [SECTION_DETACH] = "Detach",
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
        _KEY_MAX,
};

typedef struct Parser {
        Rule *rule;
        RuleFault *fault;
        const char *rest; /* of the text */
        unsigned line;    /* that was read last, counted from 1 */
        Section section;
        unsigned section_lines[_SECTION_MAX]; /* where each begins; 0 for one that is not there */
        unsigned key_lines[_KEY_MAX];         /* the same for each of keys[] */
        bool failed;
        bool out_of_memory;
} Parser;

/* Notes the first fault. Returns 0, as a handler of inih does. */
static int complain_at(Parser *parser, unsigned line, const char *format, ...) _printf_(3, 4);
static int complain_at(Parser *parser, unsigned line, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;

        if (parser->failed)
                return 0;
        parser->failed = true;
        parser->fault->line = line;
        va_start(arguments, format);
        int length = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (length < 0) {
                message = NULL;
                parser->out_of_memory = true;
                return 0;
        }
        (void)text_escape(message, TEXT_MESSAGE_ESCAPE, parser->fault->message, sizeof(parser->fault->message));
        return 0;
}

#define complain(parser, ...) complain_at(parser, (parser)->line, __VA_ARGS__)

/* Exactly so many hexadecimal digits, which "0x" may precede. */
static bool read_hex(const char *text, size_t digits, int *ret) {
        const char *number = startswith(text, "0x");

        number = number ? number : text;
        if (strlen(number) != digits || strspn(number, "0123456789abcdefABCDEF") != digits)
                return false;
        *ret = (int)strtoul(number, NULL, 16);
        return true;
}

static int parse_address(Parser *parser, const char *value) {
        parser->rule->has_address = true;
        return pci_address_parse(value, &parser->rule->address) >= 0
                        ? 1
                        : complain(parser, "Address= is one like 0000:3b:00.0, not '%s'", value);
}

static int parse_vendor(Parser *parser, const char *value) {
        return read_hex(value, 4, &parser->rule->vendor)
                        ? 1
                        : complain(parser, "Vendor= has four hexadecimal digits, not '%s'", value);
}

static int parse_device(Parser *parser, const char *value) {
        return read_hex(value, 4, &parser->rule->device)
                        ? 1
                        : complain(parser, "Device= has four hexadecimal digits, not '%s'", value);
}

static int parse_subsystem(Parser *parser, const char *value) {
        size_t length = strcspn(value, ":");
        char vendor[8];

        if (value[length] == ':' && length < sizeof(vendor)) {
                memcpy(vendor, value, length);
                vendor[length] = '\0';
                if (read_hex(vendor, 4, &parser->rule->subsystem_vendor) &&
                                read_hex(value + length + 1, 4, &parser->rule->subsystem_device))
                        return 1;
        }
        return complain(parser, "Subsystem= is one like 8086:a01f, not '%s'", value);
}

static int parse_class(Parser *parser, const char *value) {
        int class;

        for (unsigned digits = 2; digits <= 6; digits += 2) {
                unsigned shift = (6 - digits) * 4;

                if (!read_hex(value, digits, &class))
                        continue;
                parser->rule->class = (uint32_t) class << shift;
                parser->rule->class_mask = UINT32_C(0xffffff) << shift & UINT32_C(0xffffff);
                return 1;
        }
        return complain(parser, "Class= has two, four or six hexadecimal digits, not '%s'", value);
}

/* Whether it is written as pci_path_format() does it: paths are compared as text. */
static bool path_is_canonical(const char *path) {
        char text[PCI_ADDRESS_TEXT_MAX], canonical[8];
        size_t length = strcspn(path, "/");
        PciAddress root;

        if (length >= sizeof(text))
                return false;
        memcpy(text, path, length);
        text[length] = '\0';
        if (pci_address_parse(text, &root) < 0)
                return false;
        for (path += length; *path; path += strlen("/00.0")) {
                unsigned slot, function;

                if (sscanf(path, "/%2x.%1x", &slot, &function) != 2 || slot > 31 || function > 7)
                        return false;
                (void)snprintf(canonical, sizeof(canonical), "/%02x.%x", slot & 31, function & 7);
                if (!startswith(path, canonical))
                        return false;
        }
        return true;
}

static int parse_path(Parser *parser, const char *value) {
        if (strlen(value) >= PCI_PATH_MAX || !path_is_canonical(value))
                return complain(parser, "Path= is one like 0000:00:1c.4/00.0, not '%s'", value);
        parser->rule->path = strdup(value);
        parser->out_of_memory = !parser->rule->path;
        return parser->rule->path != NULL;
}

static int parse_driver(Parser *parser, const char *value) {
        return streq(value, "vfio-pci") ? 1 : complain(parser, "Driver= can only be vfio-pci, not '%s'", value);
}

/* Calls the function with each word of a list, which has blanks or commas between them. Returns 1, or 0 after a fault. */
static int for_each_word(Parser *parser, const char *value, int (*handle)(Parser *parser, const char *word)) {
        static const char separators[] = " \t,";
        char *state;

        _cleanup_free_ char *copy = strdup(value);
        if (!copy) {
                parser->out_of_memory = true;
                return 0;
        }
        for (const char *word = strtok_r(copy, separators, &state); word; word = strtok_r(NULL, separators, &state))
                if (handle(parser, word) == 0)
                        return 0;
        return 1;
}

static int add_companion(Parser *parser, const char *word) {
        Rule *rule = parser->rule;
        PciAddress address;

        if (pci_address_parse(word, &address) < 0)
                return complain(parser, "Companions= is 'all', 'none' or addresses like 0000:3b:00.1, not '%s'", word);
        if (rule->n_listed_companions >= RULE_COMPANIONS_MAX)
                return complain(parser, "Companions= has more than %d addresses: write 'all'", RULE_COMPANIONS_MAX);
        PciAddress *grown = reallocarray(rule->listed_companions, rule->n_listed_companions + 1, sizeof(PciAddress));
        if (!grown) {
                parser->out_of_memory = true;
                return 0;
        }
        rule->listed_companions = grown;
        grown[rule->n_listed_companions++] = address;
        rule->companions = RULE_COMPANIONS_LISTED;
        return 1;
}

static int parse_companions(Parser *parser, const char *value) {
        bool all = streq(value, "all"), none = streq(value, "none");
        Rule *rule = parser->rule;

        if (parser->key_lines[KEY_COMPANIONS] > 0 && (all || none || rule->companions != RULE_COMPANIONS_LISTED))
                return complain(parser, "Companions= is there already, in line %u: only addresses add up",
                                parser->key_lines[KEY_COMPANIONS]);
        if (all || none) {
                rule->companions = all ? RULE_COMPANIONS_ALL : RULE_COMPANIONS_NONE;
                return 1;
        }
        if (for_each_word(parser, value, add_companion) == 0)
                return 0;
        return rule->n_listed_companions > 0
                        ? 1
                        : complain(parser, "Companions= is empty: it is 'all', 'none' or addresses");
}

static int add_override(Parser *parser, const char *word) {
        Guard guard = guard_from_string(word);

        if (guard < 0)
                return complain(parser,
                                "Override= takes storage, network, display, process, virtual-functions and firmware, "
                                "not '%s'",
                                word);
        parser->rule->overrides |= 1U << guard;
        return 1;
}

static int parse_override(Parser *parser, const char *value) {
        if (for_each_word(parser, value, add_override) == 0)
                return 0;
        return parser->rule->overrides != 0 ? 1 : complain(parser, "Override= is empty: leave it out");
}

static int parse_virtual_functions(Parser *parser, const char *value) {
        size_t digits = strspn(value, "0123456789");
        unsigned long n = digits > 0 && digits <= 5 ? strtoul(value, NULL, 10) : 0;

        if (value[digits] != '\0' || n == 0 || n > RULE_VIRTUAL_FUNCTIONS_MAX)
                return complain(parser, "VirtualFunctions= is a number from 1 to %d, not '%s'",
                                RULE_VIRTUAL_FUNCTIONS_MAX, value);
        parser->rule->virtual_functions = (unsigned)n;
        return 1;
}

static const struct {
        Section section;
        const char *name;
        int (*parse)(Parser *parser, const char *value);
        bool list; /* may be given again, and adds up */
} keys[_KEY_MAX] = {
                [KEY_ADDRESS] = {SECTION_MATCH, "Address", parse_address, false},
                [KEY_VENDOR] = {SECTION_MATCH, "Vendor", parse_vendor, false},
                [KEY_DEVICE] = {SECTION_MATCH, "Device", parse_device, false},
                [KEY_SUBSYSTEM] = {SECTION_MATCH, "Subsystem", parse_subsystem, false},
                [KEY_CLASS] = {SECTION_MATCH, "Class", parse_class, false},
                [KEY_PATH] = {SECTION_MATCH, "Path", parse_path, false},
                [KEY_DRIVER] = {SECTION_DETACH, "Driver", parse_driver, false},
                [KEY_COMPANIONS] = {SECTION_DETACH, "Companions", parse_companions, true},
                [KEY_OVERRIDE] = {SECTION_DETACH, "Override", parse_override, true},
                [KEY_VIRTUAL_FUNCTIONS] = {SECTION_DETACH, "VirtualFunctions", parse_virtual_functions, false},
};

/* "[Match]". Returns whether it is right. */
static bool enter_section(Parser *parser, const char *line) {
        const char *end = strchr(line, ']');
        Section section;

        if (!end || end[1] != '\0')
                return complain(parser, "a section stands alone in its line, like [Match]");
        for (section = SECTION_NONE + 1; section < _SECTION_MAX; section++)
                if (strlen(section_table[section]) == (size_t)(end - line) - 1 &&
                                startswith(line + 1, section_table[section]))
                        break;
        if (section == _SECTION_MAX)
                return complain(parser, "there is no section %s: they are [Match] and [Detach]", line);
        if (parser->section_lines[section] > 0)
                return complain(parser, "%s is there already, in line %u", line, parser->section_lines[section]);
        parser->section_lines[section] = parser->line;
        parser->section = section;
        return true;
}

/* Whether a line means to us what it means to inih. */
static bool check_line(Parser *parser, const char *line) {
        if (strchr(" \t", line[0]))
                return complain(parser, "a line does not begin with blanks, nor does a value go on in another line");
        if (line[0] == '[')
                return enter_section(parser, line);
        if (line[strcspn(line, "=:")] != '=' || line[0] == '=')
                return complain(parser, "this is neither a section like [Match] nor KEY=VALUE: '%s'", line);
        if (line[strcspn(line, ";#")] != '\0')
                return complain(parser, "a comment has a line of its own");
        return true;
}

/* Whether all of it can be shown, and so can be in a message. */
static bool is_printable(Parser *parser, const char *line) {
        const char *found = text_find_escaped(line);

        while (found && *found == '\t')
                found = text_find_escaped(found + 1);
        if (!found)
                return true;
        return complain(parser, "there is a control character, or what is no UTF-8, in column %zu",
                        (size_t)(found - line) + 1);
}

/* Gives inih the next line, as fgets() does; NULL at the end, and after a fault. */
static char *read_line(char *buffer, int size, void *userdata) {
        Parser *parser = userdata;

        if (parser->failed || parser->out_of_memory || parser->rest[0] == '\0')
                return NULL;
        size_t length = strcspn(parser->rest, "\n");
        const char *next = parser->rest + length + (parser->rest[length] == '\n');
        parser->line++;
        if (length > 0 && parser->rest[length - 1] == '\r')
                length--;
        while (length > 0 && strchr(" \t", parser->rest[length - 1]))
                length--;
        _cleanup_free_ char *line = strndup(parser->rest, length);
        parser->rest = next;
        if (!line) {
                parser->out_of_memory = true;
                return NULL;
        }
        if (parser->line == 1 && startswith(line, "\xef\xbb\xbf")) {
                complain(parser, "there is a byte order mark: save the file without");
                return NULL;
        }
        if (!is_printable(parser, line))
                return NULL;
        if (line[0] == '#' || line[0] == ';')
                line[0] = '\0';
        if (line[0] != '\0' && !check_line(parser, line))
                return NULL;
        if (length + 2 > (size_t)size && line[0] != '\0') {
                complain(parser, "the line has more than %d characters", size - 2);
                return NULL;
        }
        (void)snprintf(buffer, (size_t)size, "%s\n", line);
        return buffer;
}

/* The section is the one that read_line() saw. */
static int on_entry(void *userdata, const char *section, const char *name, const char *value) {
        Parser *parser = userdata;

        (void)section;
        if (parser->section == SECTION_NONE)
                return complain(parser, "'%s' stands before any section: begin with [Match]", name);
        for (size_t i = 0; i < _KEY_MAX; i++) {
                if (keys[i].section != parser->section || !streq(name, keys[i].name))
                        continue;
                if (parser->key_lines[i] > 0 && !keys[i].list)
                        return complain(parser, "%s= is there already, in line %u", name, parser->key_lines[i]);
                int r = keys[i].parse(parser, value);
                parser->key_lines[i] = parser->line;
                return r;
        }
        for (size_t i = 0; i < _KEY_MAX; i++)
                if (streq(name, keys[i].name))
                        return complain(parser, "%s= belongs into [%s]", name, section_table[keys[i].section]);
        return complain(parser, "[%s] has no key '%s'", section_table[parser->section], name);
}

/* What only the whole of it tells. */
static void check_whole(Parser *parser) {
        unsigned place = parser->key_lines[parser->rule->has_address ? KEY_ADDRESS : KEY_PATH];
        const Rule *rule = parser->rule;

        if (rule->device >= 0 && rule->vendor < 0)
                complain_at(parser, parser->key_lines[KEY_DEVICE], "Device= says nothing without Vendor=");
        else if (place > 0 && rule->device < 0)
                complain_at(parser, place, "%s needs Vendor= and Device= beside it: another card may come to sit there",
                                rule->has_address ? "Address=" : "Path=");
        else if (parser->section_lines[SECTION_MATCH] == 0)
                complain_at(parser, 0, "it has no [Match], and so it means no device");
        else if (rule->vendor < 0 && rule->class_mask == 0)
                complain_at(parser, parser->section_lines[SECTION_MATCH],
                                "[Match] needs Vendor= or Class= at least, not to mean every device");
}

static int rule_new(const char *name, const char *file, Rule **ret) {
        _cleanup_(rule_freep) Rule *rule = malloc(sizeof(Rule));
        if (!rule)
                return -ENOMEM;
        *rule = (Rule){
                        .name = strdup(name),
                        .file = strdup(file),
                        .vendor = -1,
                        .device = -1,
                        .subsystem_vendor = -1,
                        .subsystem_device = -1,
        };
        if (!rule->name || !rule->file)
                return -ENOMEM;
        *ret = TAKE_PTR(rule);
        return 0;
}

int rule_parse(const char *name, const char *file, const char *text, Rule **ret, RuleFault *ret_fault) {
        _cleanup_(rule_freep) Rule *rule = NULL;
        Parser parser = {.fault = ret_fault, .rest = text};

        int r = rule_new(name, file, &rule);
        if (r < 0)
                return r;
        parser.rule = rule;
        *ret_fault = (RuleFault){};

        int line = ini_parse_stream(read_line, &parser, on_entry, &parser);
        if (line == -2 || parser.out_of_memory)
                return -ENOMEM;
        if (line != 0) /* nothing that read_line() lets through should be wrong to inih alone */
                complain_at(&parser, line > 0 ? (unsigned)line : 0, "it cannot be read");
        check_whole(&parser);
        if (parser.failed)
                return -EINVAL;
        *ret = TAKE_PTR(rule);
        return 0;
}
