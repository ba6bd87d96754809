/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verb-table.h"

#include <stdio.h>

/* Prints the whole help: the commands, the options and the exit codes. */
void help_print(FILE *stream);

/* Prints the usage of one command, and the options that only some commands take. */
void help_print_verb(const Verb *verb, FILE *stream);
