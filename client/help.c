/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "help.h"
#include "language.h"

#include "option-help.h"
#include "options.h"
#include "wrap.h"

/* The width of the text, whatever the terminal has: a wider one is not easier to read. */
#define WIDTH 80
#define LABEL_WIDTH 28

/* Prints a label, and the text beside it, in as many lines as it needs. A label that is too wide has a line of its own. Returns 0 or
 * -ENOMEM. */
static int print_row(FILE *stream, const char *label, size_t label_width, const char *text) {
        _cleanup_free_ char *copy = wrap_words(text, WIDTH - label_width);
        bool is_wide = wrap_width(label) >= label_width;
        char *state;

        if (!copy)
                return -ENOMEM;
        fprintf(stream, "%-*s", (int)label_width, label);
        if (is_wide)
                fputc('\n', stream);
        for (char *line = strtok_r(copy, "\n", &state), *first = line; line; line = strtok_r(NULL, "\n", &state))
                fprintf(stream, "%*s%s\n", line == first && !is_wide ? 0 : (int)label_width, "", line);
        return 0;
}

static int print_verb(FILE *stream, const char *name, const char *arguments, const char *summary) {
        _cleanup_free_ char *label = NULL;

        if (asprintf(&label, "  %s%s", name, arguments) < 0)
                return -ENOMEM;
        return print_row(stream, label, LABEL_WIDTH + 2, summary);
}

/* Labels of short options begin two columns further left. */
static int print_option(FILE *stream, const OptionHelp *help) {
        _cleanup_free_ char *label = NULL;

        if (asprintf(&label, "%s%s", startswith(help->label, "--") ? "      " : "  ", help->label) < 0)
                return -ENOMEM;
        return print_row(stream, label, LABEL_WIDTH, gettext(help->text));
}

static int print_exit_codes(FILE *stream) {
        const char *meaning;
        int r = 0;

        for (size_t i = 0; r >= 0 && (meaning = exit_code_meaning(i)); i++) {
                char label[16];

                (void)snprintf(label, sizeof(label), "  %zu", i);
                r = print_row(stream, label, 5, meaning);
        }
        return r;
}

static int print_all(FILE *stream) {
        int r = 0;

        fprintf(stream, "vfioctl [OPTION...] [COMMAND] [SELECTOR|JOB|LEASE|NAME|FILE...]\n\n%s\n\n%s\n",
                        _("Detach PCI devices for virtual machines, and reattach them."), _("Commands:"));
        for (size_t i = 0; r >= 0 && verb_at(i); i++)
                if (!verb_at(i)->foreign)
                        r = print_verb(stream, verb_at(i)->name, verb_at(i)->arguments, gettext(verb_at(i)->summary));
        if (r < 0 || (r = print_verb(stream, "help", " [COMMAND]", _("Print this help, or that of a command"))) < 0)
                return r;
        /* TRANSLATORS: at most 80 columns in a line */
        fprintf(stream, "\n%s\n\n%s\n\n%s\n",
                        _("A selector names a device or a group: 0000:3b:00.0, 3b:00.0, pci_0000_3b_00_0,\n"
                          "enp59s0f0, nvme0n1, /dev/nvme0n1, group:25."),
                        _("Lists take several selectors, and patterns: 'enp*', '3b:00.*'."), _("Options:"));
        for (size_t i = 0; r >= 0 && option_help_at(i); i++)
                r = print_option(stream, option_help_at(i));
        fprintf(stream, "\n%s\n", _("Exit codes:"));
        return r < 0 ? r : print_exit_codes(stream);
}

static int print_one(FILE *stream, const Verb *verb) {
        int r = 0;

        fprintf(stream, "vfioctl %s%s\n\n", verb->name, verb->arguments);
        /* TRANSLATORS: what a command does, as a sentence */
        fprintf(stream, _("%s.\n"), gettext(verb->summary));
        if (*verb->options)
                fprintf(stream, "\n%s\n", _("Options:"));
        for (size_t i = 0; r >= 0 && option_help_at(i); i++)
                if (strchr(verb->options, option_help_at(i)->letter))
                        r = print_option(stream, option_help_at(i));
        fprintf(stream, "\n%s\n", _("Options of all commands: see 'vfioctl help'. See also vfioctl(1)."));
        return r;
}

static void report_no_memory(int r) {
        if (r < 0)
                (void)report_error(r, NULL);
}

void help_print(FILE *stream) {
        report_no_memory(print_all(stream));
}

void help_print_verb(const Verb *verb, FILE *stream) {
        report_no_memory(print_one(stream, verb));
}
