/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libintl.h>
#include <stdbool.h>

/* The language of what people read. What programs read never depends on it: JSON, exit codes, column names, states, names of options and
 * errors. So with --json, all texts are English, too.
 *
 * vfiod does not know the language of its callers, so its sentences come in English. language_sentence() translates them. */

/* Translates a literal; ngettext() one with a number. */
#define _(text) gettext(text)

/* Marks a literal in a table: gettext() translates it where it is printed. */
#define N_(text) text

/* Takes the language and the character set from the environment. If the character set is not UTF-8, the language is English. */
void language_start(void);

/* From now on, all texts are English. */
void language_stop(void);

/* Translates a sentence of vfiod. Returns a text that the caller frees; NULL if there is not enough memory. The text is the sentence
 * itself if the language is English, or if the sentence is not known: vfiod may be newer. */
char *language_sentence(const char *sentence);
