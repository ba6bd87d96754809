/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "exit-code.h"

/* "vfioctl complete WORD...": what the completions of the shells show. The words, which end in NULL, are those of the command line
 * behind "vfioctl", up to the cursor; the last one is the word to complete, and may be empty. Prints one candidate for a line, and
 * behind a tab what it means. ":files" and ":commands" stand for the names of files and of programs, which the shell knows.
 * Errors print nothing. */
ExitCode complete_print(char *const *words);
