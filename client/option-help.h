/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* What --help says about the options. */

typedef struct OptionHelp {
        int letter;        /* of options.h */
        const char *label; /* "-o, --output COLUMN,..." */
        const char *text; /* a sentence without a full stop; it begins with the verbs that take the option, if only some do */
} OptionHelp;

/* Returns the help at this position, in the order in which --help lists the options; NULL behind the end. */
const OptionHelp *option_help_at(size_t i);
