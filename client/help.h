/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>

/* Prints what --help says about selectors and options. The heading of the exit codes is its last line. */
void help_print_options(FILE *stream);
