// SPDX-License-Identifier: GPL-2.0-or-later
// What PatternFly's components say by themselves. build.js puts these words in place of its English ones.
import { _ } from "./i18n.js";

const ALERTS = {
    danger: _("Error:"), warning: _("Warning:"), success: _("Success:"), info: _("Information:"), custom: _("Information:"),
};

export const words = {
    alert: variant => ALERTS[variant] || ALERTS.custom,
    close: _("Close"),
    loading: _("Loading"),
    back: _("Scroll back"),
    forward: _("Scroll forward"),
};
