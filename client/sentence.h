/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Translation of the sentences of vfiod, which come in English. Their formats are known: po/sentences.h has a copy of them. The format that
 * fits a sentence tells which of its parts are names and numbers. The translation of the format then gets these parts. */

/* Returns the translated sentence, or several of them; what is not known stays English. The caller frees it. NULL if there is not enough
 * memory. */
char *sentence_translate(const char *text);
