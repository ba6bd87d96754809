/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "language.h"

#include "sentence.h"
#include "terminal.h"

#include "config.h"

#include <locale.h>

#define DOMAIN "vfiod"

void language_start(void) {
        /* No other category: a decimal comma, for example, would change what programs read. */
        (void)setlocale(LC_CTYPE, "");
        if (!terminal_takes_utf8())
                return;
        (void)setlocale(LC_MESSAGES, "");
        /* The tools of gettext use the same variable. A program with the rights of another user ignores it. */
        const char *folder = secure_getenv("TEXTDOMAINDIR");
        (void)bindtextdomain(DOMAIN, isempty(folder) ? VFIOD_LOCALE_FOLDER : folder);
        (void)textdomain(DOMAIN);
}

void language_stop(void) {
        (void)setlocale(LC_MESSAGES, "C");
}

char *language_sentence(const char *sentence) {
        /* TRANSLATORS: the code of the language of this catalog, for example "de" */
        return streq(_("en"), "en") ? strdup(sentence) : sentence_translate(sentence);
}
