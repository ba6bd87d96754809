/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "line-diff.h"

#include "strv.h"

#include "daemon/base/util.h"

/* Of each text: the time is the product of both. */
#define LINES_MAX 1024

static int split(const char *text, char ***ret) {
        _cleanup_free_ char *copy = strdup(strempty(text));
        _cleanup_(strv_freep) char **lines = NULL;
        char *rest = copy;

        if (!copy)
                return -ENOMEM;
        for (char *line; (line = strsep(&rest, "\n"));)
                if ((rest || !isempty(line)) && strv_push(&lines, line) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(lines);
        return 0;
}

static void write_lines(FILE *stream, char sign, char *const *lines, size_t n) {
        for (size_t i = 0; i < n; i++)
                fprintf(stream, "%c%s\n", sign, lines[i]);
}

/* lengths[i * (n_b + 1) + k] is the length of the longest common part of what begins at line i and at line k. */
static void write_common(FILE *stream, char *const *a, size_t n_a, char *const *b, size_t n_b, unsigned *lengths) {
        size_t width = n_b + 1, i = 0, k = 0;

        for (size_t x = n_a; x-- > 0;)
                for (size_t y = n_b; y-- > 0;) {
                        unsigned below = lengths[(x + 1) * width + y], right = lengths[x * width + y + 1];

                        lengths[x * width + y] = streq(a[x], b[y]) ? lengths[(x + 1) * width + y + 1] + 1
                                        : below > right            ? below
                                                                   : right;
                }
        while (i < n_a && k < n_b)
                if (streq(a[i], b[k])) {
                        write_lines(stream, ' ', &a[i++], 1);
                        k++;
                } else if (lengths[(i + 1) * width + k] >= lengths[i * width + k + 1])
                        write_lines(stream, '-', &a[i++], 1);
                else
                        write_lines(stream, '+', &b[k++], 1);
        write_lines(stream, '-', a + i, n_a - i);
        write_lines(stream, '+', b + k, n_b - k);
}

int line_diff_write(FILE *stream, const char *before, const char *after) {
        _cleanup_(strv_freep) char **a = NULL, **b = NULL;
        int r;

        if ((r = split(before, &a)) < 0 || (r = split(after, &b)) < 0)
                return r;
        size_t n_a = strv_length(a), n_b = strv_length(b);
        if (n_a == 0 || n_b == 0 || n_a > LINES_MAX || n_b > LINES_MAX) {
                write_lines(stream, '-', a, n_a);
                write_lines(stream, '+', b, n_b);
                return 0;
        }
        _cleanup_free_ unsigned *lengths = calloc((n_a + 1) * (n_b + 1), sizeof(unsigned));
        if (!lengths)
                return -ENOMEM;
        write_common(stream, a, n_a, b, n_b, lengths);
        return 0;
}
