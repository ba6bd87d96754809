/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "output.h"

#include "pager.h"
#include "terminal.h"
#include "wrap.h"

#include <stdarg.h>
#include <sys/ioctl.h>

#define KEY_WIDTH 18

#define COLOR_RED "\x1b[31m"
#define COLOR_GREEN "\x1b[32m"
#define COLOR_YELLOW "\x1b[33m"
#define COLOR_RESET "\x1b[0m"

static const struct {
        const char *state;
        const char *color;
} state_colors[] = {
                {"detached", COLOR_GREEN},
                {"leased", COLOR_GREEN},
                {"foreign", COLOR_YELLOW},
                {"partial", COLOR_YELLOW},
                {"changing", COLOR_YELLOW},
                {"stuck", COLOR_RED},
                {"absent", COLOR_RED},
                {"active", COLOR_GREEN},
                {"unclaimed", COLOR_YELLOW},
                {"starting", COLOR_YELLOW},
                {"ending", COLOR_YELLOW},
                {"lingering", COLOR_RED},
                {"ok", COLOR_GREEN},
                {"warning", COLOR_YELLOW},
                {"error", COLOR_RED},
                {"in-use", COLOR_YELLOW},
                {"not-viable", COLOR_RED},
                {"no-group", COLOR_RED},
                {"overridden", COLOR_YELLOW},
                {"refuses", COLOR_RED},
};

/* Like systemctl: SYSTEMD_COLORS decides, if it is set and valid. Then NO_COLOR, see https://no-color.org; and then the terminal. */
static bool wants_colors(void) {
        static const char *const off[] = {"0", "no", "n", "false", "f", "off"},
                                 *const on[] = {"1", "yes", "y", "true", "t", "on", "16", "256", "24bit"};
        const char *wish = strempty(getenv("SYSTEMD_COLORS"));

        for (size_t i = 0; i < ELEMENTSOF(off); i++)
                if (streq(wish, off[i]))
                        return false;
        for (size_t i = 0; i < ELEMENTSOF(on); i++)
                if (streq(wish, on[i]))
                        return true;
        return isempty(getenv("NO_COLOR")) && isatty(STDOUT_FILENO) && !streq_ptr(getenv("TERM"), "dumb");
}

int output_open(Output *ret_output) {
        Output output = {
                        .legend = true,
                        .pager = true,
                        .color = wants_colors(),
        };

        *ret_output = output;
        /* The stream stores the addresses of these two members, so the struct must not move. */
        ret_output->stream = open_memstream(&ret_output->text, &ret_output->size);
        return ret_output->stream ? 0 : -errno;
}

int output_set_color(Output *output, const char *when) {
        if (streq(when, "auto"))
                output->color = wants_colors();
        else if (streq(when, "always"))
                output->color = true;
        else if (streq(when, "never"))
                output->color = false;
        else
                return -EINVAL;
        return 0;
}

/* Escapes all bytes that are not ASCII, because a terminal without UTF-8 could take them for control characters.
 * Returns 0 or -ENOMEM. */
static int make_ascii(Output *output) {
        char *text = NULL;
        size_t size = 0;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return -ENOMEM;
        for (const char *c = output->text; *c; c++)
                if ((unsigned char)*c < 0x80)
                        fputc(*c, stream);
                else
                        fprintf(stream, "\\x%02x", (unsigned)(unsigned char)*c);
        if (fclose(stream) != 0) {
                free(text);
                return -ENOMEM;
        }
        free(output->text);
        output->text = text;
        output->size = size;
        return 0;
}

int output_finish(Output *output) {
        bool failed = ferror(output->stream);

        /* The stream is in memory: the only possible error is a lack of memory. */
        failed |= fclose(TAKE_PTR(output->stream)) != 0;
        if (failed)
                return -ENOMEM;

        if (output->size == 0)
                return 0;
        if (!output->json && !terminal_takes_utf8() && make_ascii(output) < 0)
                return -ENOMEM;
        if (output->pager && pager_is_needed(output->text) && pager_show(output->text, output->size) >= 0)
                return 0;
        if (fwrite(output->text, 1, output->size, stdout) != output->size || fflush(stdout) != 0)
                return errno == EPIPE ? 0 : -errno;
        return 0;
}

void output_clear(Output *output) {
        fclosep(&output->stream);
        free(output->text);
        *output = (Output){0};
}

int output_json(Output *output, json_t *document) {
        int r;

        if (!document)
                return -ENOMEM;
        r = json_dumpf(document, output->stream, output->lines ? JSON_COMPACT : JSON_INDENT(2));
        json_decref(document);
        if (r < 0)
                return -ENOMEM;
        fputc('\n', output->stream);
        return 0;
}

void output_field(Output *output, const char *key, const char *format, ...) {
        va_list arguments;

        size_t width = wrap_width(key);
        fprintf(output->stream, "%*s%s%s ", width < KEY_WIDTH ? (int)(KEY_WIDTH - width) : 0, "", key,
                        isempty(key) ? " " : ":");
        va_start(arguments, format);
        vfprintf(output->stream, format, arguments);
        va_end(arguments);
        fputc('\n', output->stream);
}

const char *output_state_color(const Output *output, const char *state) {
        if (output->color)
                for (size_t i = 0; i < ELEMENTSOF(state_colors); i++)
                        if (streq_ptr(state, state_colors[i].state))
                                return state_colors[i].color;
        return "";
}

const char *output_color_reset(const Output *output) {
        return output->color ? COLOR_RESET : "";
}

int output_table_new(const Output *output, const Column *columns, size_t n_columns, struct libscols_table **ret_table) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = scols_new_table();

        if (!table)
                return -ENOMEM;
        /* cell_set() has already escaped the texts. Without this, the library would escape them again. */
        if (scols_table_enable_noencoding(table, true) < 0 ||
                        scols_table_enable_noheadings(table, !output->legend) < 0 ||
                        scols_table_enable_colors(table, output->color) < 0 ||
                        scols_table_set_stream(table, output->stream) < 0)
                return -ENOMEM;

        for (size_t i = 0; i < n_columns; i++) {
                int flags = columns[i].flags;

                if (i + 1 == n_columns && !(flags & SCOLS_FL_WRAP))
                        flags |= SCOLS_FL_TRUNC;

                if (!scols_table_new_column(table, columns[i].name, 0, flags))
                        return -ENOMEM;
        }
        *ret_table = TAKE_PTR(table);
        return 0;
}

/* Prints the lines without trailing blanks: libsmartcols pads the last column with them. Adds a newline after the
 * last line. */
static void print_without_trailing_blanks(FILE *stream, const char *text) {
        while (*text) {
                size_t length = strcspn(text, "\n"), end = length;

                while (end > 0 && text[end - 1] == ' ')
                        end--;
                fwrite(text, 1, end, stream);
                fputc('\n', stream);
                text += length + (text[length] == '\n');
        }
}

bool output_table_fits(struct libscols_table *table) {
        _cleanup_free_ char *text = NULL;
        struct winsize size;

        if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
                return true;
        /* Without a terminal, the library cuts nothing. */
        (void)scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
        int r = scols_print_table_to_string(table, &text);
        (void)scols_table_set_termforce(table, SCOLS_TERMFORCE_AUTO);
        return r < 0 || wrap_longest_line(strempty(text)) <= size.ws_col;
}

int output_table(Output *output, struct libscols_table *table) {
        _cleanup_free_ char *text = NULL;
        int r;

        /* A table without lines prints nothing, not even headings. That is intended. */
        r = scols_print_table_to_string(table, &text);
        if (r < 0)
                return r;
        print_without_trailing_blanks(output->stream, strempty(text));
        return 0;
}
