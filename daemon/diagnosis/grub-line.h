/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/boot-facts.h"

/* The line in the settings of GRUB that holds the kernel command line. The files are shell scripts: /etc/default/grub, and after
 * it those of /etc/default/grub.d. The last assignment of a variable counts. */

typedef struct GrubLine {
        const BootText *file; /* borrowed; NULL if no file assigns the variable */
        unsigned number;      /* of the line */
        const char *variable; /* a static string: GRUB_CMDLINE_LINUX_DEFAULT or GRUB_CMDLINE_LINUX */
        const char *text;     /* of the line, which is length bytes long: points into the file */
        size_t length;
        size_t value, value_length; /* position and length of what is in the quotes, if is_simple */
        char quote;
        bool is_simple; /* The line is the variable with one value in quotes, so that one command can change it. */
} GrubLine;

/* Finds the line that counts: of GRUB_CMDLINE_LINUX_DEFAULT; if nothing assigns that, of GRUB_CMDLINE_LINUX. Without both, file is
 * NULL, and a new line must be added to /etc/default/grub. */
void grub_line_find(const BootFacts *facts, GrubLine *ret);

/* Finds the last file that has the parameter, outside of comments. Returns NULL if there is none. */
const BootText *grub_find_parameter(const BootFacts *facts, const char *parameter);

/* Returns the line with the parameter added to its value. Only for a simple line. The caller frees the result, which is NULL if
 * there is not enough memory. */
char *grub_line_add(const GrubLine *line, const char *parameter);
