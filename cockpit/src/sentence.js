// SPDX-License-Identifier: GPL-2.0-or-later
// Translates the sentences of vfiod, which are English on the bus, as client/sentence.c does for vfioctl: the format that fits a sentence
// tells which parts are names and numbers, and these go into the translated format. What fits no format stays English.

import { isEnglish } from "./i18n.js";

// [format, translation], the most specific first, in the order of po/sentences.h.
let formats = [];
const PARTS_MAX = 12, DEPTH_MAX = 3, SENTENCES_MAX = 6, SENTENCE_MAX = 4096, COMMAND_MAX = 15;
// How many steps the search for one text may take. What is then left stays English.
const EFFORT_MAX = 20000;
const CACHE_MAX = 1000;

const DIRECTIVE = /%(?:%|(?:(\d+)\$)?[0-9.\-+# *lhzjt]*([a-zA-Z]))/g;
const tokens = new Map();
const cache = new Map();
let effort = 0, translations = 0;

// A format as texts and directives. The parts in quotes or parentheses are names, which have no translation.
function parse(format) {
    if (tokens.has(format))
        return tokens.get(format);
    const list = [];
    let text = "", end = 0;
    for (const found of format.matchAll(DIRECTIVE)) {
        text += format.slice(end, found.index) + (found[0] === "%%" ? "%" : "");
        end = found.index + found[0].length;
        if (found[0] === "%%")
            continue;
        const before = format[found.index - 1] || " ", after = format[end] || "";
        list.push(text, {
            conversion: found[2], position: Number(found[1] || 0), isName: before === "'" || after === "'" || (before === "(" && after === ")"),
        });
        text = "";
    }
    list.push(text + format.slice(end));
    tokens.set(format, list);
    return list;
}

function fits(conversion, part) {
    switch (conversion) {
    case "i":
    case "d": return /^[-0-9]+$/.test(part);
    case "u": return /^[0-9]+$/.test(part);
    case "x": return /^[0-9a-fA-F]+$/.test(part);
    case "c": return part.length <= 1;
    default: return true;
    }
}

// "process 324 (qemu) of a.service" at this place: the process chooses its name, which can look like a sentence. Its length and parts.
function findProcess(text, from) {
    const start = /^process (\d+) \(/.exec(text.slice(from, from + 32));
    if (!start)
        return null;
    const name = from + start[0].length;
    let end = -1;
    for (let i = name, n = 0; i < text.length && n <= COMMAND_MAX; n++) {
        if (text[i] === ")")
            end = i;
        i += text.startsWith("\\x", i) ? 4 : 1;
    }
    if (end < 0)
        return null;
    const parts = [start[1], text.slice(name, end)];
    const unit = text.startsWith(") of ", end) ? text.slice(end + 5).split(" ")[0].replace(/[.,:;)]+$/, "") : "";
    return unit ? { length: end + 5 + unit.length - from, parts: [...parts, unit] } : { length: end + 1 - from, parts };
}

// The parts of the text as the format divides it, each as short as possible; null if it does not fit.
function match(list, text, index = 0, from = 0, parts = []) {
    effort++;
    const literal = list[index];
    if (!text.startsWith(literal, from))
        return null;
    from += literal.length;
    if (index === list.length - 1)
        return from === text.length ? parts : null;
    const { conversion } = list[index + 1], next = list[index + 2], isLast = index + 2 === list.length - 1;
    const process = conversion === "s" ? findProcess(text, from) : null;
    const shortest = process ? process.length : conversion === "s" || conversion === "c" ? 0 : 1;
    // The next text must follow; the last one ends the sentence.
    let end = isLast ? Math.max(from + shortest, text.length - next.length) : text.indexOf(next, from + shortest);
    for (; end >= 0 && end <= text.length && effort < EFFORT_MAX && parts.length < PARTS_MAX; end = isLast ? -1 : text.indexOf(next, end + 1)) {
        const part = text.slice(from, end);
        if (!fits(conversion, part))
            break;
        const found = match(list, text, index + 2, end, [...parts, part]);
        if (found || (next === "" && end === text.length))
            return found;
    }
    return null;
}

// Puts the parts into the translation.
function put(format, translation, parts, depth) {
    const names = parse(format).filter(item => typeof item === "object").map(({ isName }) => isName);
    if (translation !== format)
        translations++;
    let next = 0;
    return parse(translation).map(item => {
        if (typeof item === "string")
            return item;
        const i = item.position > 0 ? item.position - 1 : next++;
        return i >= parts.length ? "" : names[i] || depth === null ? parts[i] : translate(parts[i], depth + 1);
    }).join("");
}

function translationOf(format) {
    const found = formats.find(([one]) => one === format);
    return found ? found[1] : format;
}

// The translation of a text that one format covers; null if none does.
function known(text, depth) {
    const process = findProcess(text, 0);
    if (process && process.length === text.length) {
        const format = process.parts.length === 2 ? "process %d (%s)" : "process %d (%s) of %s";
        return put(format, translationOf(format), process.parts, null);
    }
    for (const [format, translation] of formats) {
        if (effort >= EFFORT_MAX)
            return null;
        const parts = match(parse(format), text);
        if (parts)
            return put(format, translation, parts, depth);
    }
    return null;
}

// Where a sentence ends, and another begins; 0 if there is only one.
function findEnd(text, from) {
    const found = /\. [A-Z]/.exec(text.slice(from));
    return found ? from + found.index + 1 : 0;
}

// A text that no format covers: several sentences, a list with semicolons, or a name with what is said about it.
function pieces(text, depth) {
    const trimmed = text.replace(/ +$/, "");
    if (trimmed && trimmed !== text)
        return translate(trimmed, depth) + text.slice(trimmed.length);
    for (let end = findEnd(text, 0), n = 0; end > 0 && n < SENTENCES_MAX; n++, end = findEnd(text, end)) {
        const first = known(text.slice(0, end), depth);
        if (first !== null)
            return `${first} ${translate(text.slice(end + 1), depth)}`;
    }
    const end = findEnd(text, 0), semicolon = text.indexOf("; ");
    if (end > 0)
        return `${translate(text.slice(0, end), depth)} ${translate(text.slice(end + 1), depth)}`;
    if (semicolon >= 0)
        return `${translate(text.slice(0, semicolon), depth)}; ${translate(text.slice(semicolon + 2), depth)}`;
    if (text.endsWith(".")) {
        const before = translations;
        const whole = translate(text.slice(0, -1), depth);
        return whole + (translations > before ? translationOf(".") : ".");
    }
    const blank = text.indexOf(" ");
    // A device, and what is said about it: that can begin with a name again.
    if (text[blank - 1] === ":")
        return text.slice(0, blank + 1) + translate(text.slice(blank + 1), depth + 1);
    return text.slice(0, blank + 1) + (known(text.slice(blank + 1), depth) ?? text.slice(blank + 1));
}

function translate(text, depth) {
    if (/^(vfioctl|sudo) /.test(text) || depth > DEPTH_MAX || text.length > SENTENCE_MAX || !text.includes(" ") || effort >= EFFORT_MAX)
        return text;
    return known(text, depth) ?? pieces(text, depth);
}

// Loads the sentences in the language of the user. Without them, they stay English.
export async function loadSentences() {
    if (isEnglish())
        return;
    try {
        const response = await fetch(`sentences.${document.documentElement.lang.replace("-", "_")}.json`);
        formats = response.ok ? await response.json() : [];
    } catch (error) {
        console.warn("Cannot load the sentences of vfiod:", error.message);
    }
}

export function translateSentence(text) {
    if (formats.length === 0 || !text)
        return text;
    if (!cache.has(text)) {
        if (cache.size >= CACHE_MAX)
            cache.clear();
        effort = 0;
        translations = 0;
        cache.set(text, translate(text, 0));
    }
    return cache.get(text);
}
