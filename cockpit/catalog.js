// SPDX-License-Identifier: GPL-2.0-or-later
// Turns a catalog of gettext into the script that Cockpit loads for its language: po.LANGUAGE.js.

const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];

// Reads a catalog. Returns [{ msgid, translations }]; the first one is the header.
function read(text) {
    return text.split(/\n\n+/).map(block => {
        const fields = {};
        let last;
        for (const line of block.split("\n")) {
            const [, name, value] = line.match(/^(?:(msgid|msgid_plural|msgstr(?:\[\d\])?) )?(".*")$/) || [];
            if (!value)
                continue;
            last = name || last;
            fields[last] = (fields[last] || "") + JSON.parse(value);
        }
        const translations = Object.keys(fields).filter(name => name.startsWith("msgstr")).sort().map(name => fields[name]);
        return { msgid: fields.msgid, translations };
    }).filter(({ msgid }) => msgid !== undefined);
}

function header(text, name) {
    return text.match(new RegExp(`^${name}: (.*)$`, "m"))[1];
}

// The sentences of vfiod as JSON, for src/sentence.js. `formats` is the text of po/sentences.h, `text` the catalog of vfioctl.
export function sentences(formats, text) {
    const translations = new Map(read(text).map(({ msgid, translations: [first] }) => [msgid, first]));
    const rows = [...formats.matchAll(/\bN_\((".*")\),$/gm)].map(([, literal]) => JSON.parse(literal));
    return `${JSON.stringify([...rows, "."].map(format => [format, translations.get(format) || format]))}\n`;
}

// The script with the texts that `wanted` accepts.
export function script(text, wanted = () => true) {
    const [first, ...entries] = read(text);
    const language = header(first.translations[0], "Language");
    const plural = header(first.translations[0], "Plural-Forms").match(/plural=([-n0-9 ()!=<>?:%&|]+);$/)[1];
    const rows = entries.filter(({ msgid, translations }) => wanted(msgid) && translations.every(Boolean))
        .map(({ msgid, translations }) => `${JSON.stringify(msgid)}:${JSON.stringify([null, ...translations])}`);
    // Cockpit's content security policy allows no eval(), so the plural is a function.
    const head = `"":{"plural-forms":n=>${plural},"language":${JSON.stringify(language)},` +
        `"language-direction":"${RIGHT_TO_LEFT.includes(language.slice(0, 2)) ? "rtl" : "ltr"}"}`;
    return `cockpit.locale({${[head, ...rows].join(",\n")}});\n`;
}
