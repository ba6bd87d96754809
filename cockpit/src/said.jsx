// SPDX-License-Identifier: GPL-2.0-or-later
// A sentence of vfiod, or of another program. What has no translation is marked as English, for screen readers.
import { isEnglish } from "./i18n.js";
import { translateSentence } from "./sentence.js";

export function Said({ text }) {
    const translated = translateSentence(text);
    return isEnglish() || translated !== text ? translated : <span lang="en">{text}</span>;
}
