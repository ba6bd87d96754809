/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor: what keeps virtual machines from using devices, and what to do about it. */
#include "doctor-proxy.h"
#include "language.h"
#include "present.h"
#include "terminal.h"
#include "verbs.h"
#include "wrap.h"

#include <sys/ioctl.h>

#define MARK_WIDTH 8
#define INDENT 10
#define WIDTH_DEFAULT 80
#define WIDTH_MIN 40
#define WIDTH_MAX 110

static const struct {
        const char *area, *heading;
} headings[] = {
                {"firmware", N_("Firmware")},
                {"boot", N_("Boot")},
                {"kernel", N_("Kernel")},
                {"vfio", "vfio"},
                {"programs", N_("Other programs")},
                {"machine", N_("Virtual machines")},
                {"device", N_("Device")},
};

/* Unknown severities, of a later vfiod, count as information. */
static const char *const severities[] = {"ok", "info", "warning", "error"};

static size_t rank(const Check *check) {
        for (size_t i = 0; i < ELEMENTSOF(severities); i++)
                if (streq(check->severity, severities[i]))
                        return i;
        return 1;
}

static const char *worst(const CheckList *list) {
        size_t highest = 0;

        for (size_t i = 0; i < list->count; i++)
                highest = rank(&list->items[i]) > highest ? rank(&list->items[i]) : highest;
        return severities[highest];
}

static size_t terminal_width(void) {
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
                return WIDTH_DEFAULT;
        return size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col;
}

/* A command stays in one line, so that it can be copied. It begins with a lower-case letter, a sentence does not. */
static bool is_command(const char *cure) {
        return *cure >= 'a' && *cure <= 'z';
}

/* Prints the text in lines, all but the first with an indent. */
static int print_wrapped(FILE *stream, const char *text, size_t indent, size_t width) {
        _cleanup_free_ char *copy = wrap_words(text, width > indent ? width - indent : 1);
        char *state;

        if (!copy)
                return -ENOMEM;
        for (char *line = strtok_r(copy, "\n", &state), *first = line; line; line = strtok_r(NULL, "\n", &state))
                fprintf(stream, "%*s%s\n", line == first ? 0 : (int)indent, "", line);
        return 0;
}

static int print_check(Output *output, const Check *check, size_t width) {
        fprintf(output->stream, "  %s%-*s%s", output_state_color(output, check->severity), MARK_WIDTH, check->severity,
                        output_color_reset(output));
        int r = print_wrapped(output->stream, check->finding, INDENT, width);
        if (r < 0 || isempty(check->cure))
                return r;
        if (is_command(check->cure)) {
                fprintf(output->stream, "%*s$ %s\n", INDENT + 2, "", check->cure);
                return 0;
        }
        fprintf(output->stream, "%*s", INDENT + 2, "");
        return print_wrapped(output->stream, check->cure, INDENT + 2, width);
}

static const char *area_of(const Check *check) {
        const char *area = check_get_detail(check, "area");

        for (size_t i = 0; i < ELEMENTSOF(headings); i++)
                if (streq(headings[i].area, area))
                        return gettext(headings[i].heading);
        return _("Others");
}

static int print_summary(Output *output, const CheckList *list) {
        _cleanup_free_ char *errors = NULL, *warnings = NULL;
        size_t n_errors = 0, n_warnings = 0;

        for (size_t i = 0; i < list->count; i++) {
                n_errors += rank(&list->items[i]) == 3;
                n_warnings += rank(&list->items[i]) == 2;
        }
        if (n_errors + n_warnings == 0) {
                fprintf(output->stream, "\n%s\n", _("Nothing is wrong."));
                return 0;
        }
        if (asprintf(&errors, ngettext("%zu error, ", "%zu errors, ", n_errors), n_errors) < 0)
                errors = NULL;
        if (asprintf(&warnings, ngettext("%zu warning.", "%zu warnings.", n_warnings), n_warnings) < 0)
                warnings = NULL;
        if (!errors || !warnings)
                return -ENOMEM;
        fprintf(output->stream, "\n%s%s\n", errors, warnings);
        return 0;
}

/* The checks come in the order of the areas. */
static int print_text(Output *output, const CheckList *list) {
        size_t width = terminal_width();
        const char *heading = NULL;
        int r = 0;

        for (size_t i = 0; i < list->count && r >= 0; i++) {
                const char *own = area_of(&list->items[i]);

                if (output->quiet && rank(&list->items[i]) < 2)
                        continue;
                if (!streq_ptr(own, heading)) {
                        fprintf(output->stream, "%s%s\n", heading ? "\n" : "", own);
                        heading = own;
                }
                r = print_check(output, &list->items[i], width);
        }
        if (r >= 0 && !output->quiet)
                r = print_summary(output, list);
        return r;
}

static json_t *checks_to_json(const CheckList *list) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < list->count; i++)
                array = json_append(array, check_to_json(&list->items[i]));
        return json_pack("{s:s, s:o}", "severity", worst(list), "checks", array);
}

ExitCode verb_doctor(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(check_list_clear) CheckList list = {0};
        Output *output = &invocation->output;
        int r;

        r = proxy_diagnose(invocation->bus, invocation->selector, &list, &error);
        if (r >= 0)
                r = output->json ? output_json(output, checks_to_json(&list)) : print_text(output, &list);
        if (r < 0)
                return report_error(r, &error);
        return streq(worst(&list), "error") ? EXIT_UNSOUND : EXIT_DONE;
}
