// SPDX-License-Identifier: GPL-2.0-or-later
// The texts of the page in the language of the user, as Cockpit's own pages have them: po.js brings the translations.
// po/page.py finds the texts, so each is a whole literal: _("Detach"), ngettext("$0 step", "$0 steps", n), N_() for one that another
// place translates. format(_("Step $0 of $1"), a, b) puts the values in.
const cockpit = window.cockpit;

export const _ = cockpit.gettext;
export const ngettext = cockpit.ngettext;
export const format = cockpit.format;

export function isEnglish() {
    return !cockpit.language || cockpit.language.startsWith("en");
}

// The document says its language, for screen readers and for the choice of fonts.
export function followLanguage() {
    document.documentElement.lang = (cockpit.language || "en").replace("_", "-");
    document.title = _("PCI passthrough");
}
