// SPDX-License-Identifier: GPL-2.0-or-later
// A sentence of vfiod, or of another program. What has no translation is marked as English, for screen readers.
import { isEnglish } from "./i18n.js";

export function Said({ text }) {
    return isEnglish() ? text : <span lang="en">{text}</span>;
}
