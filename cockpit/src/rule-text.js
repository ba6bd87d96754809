// SPDX-License-Identifier: GPL-2.0-or-later
// The text of a rule file as fields of a form. What the form does not know, such as comments, stays as it is. vfiod checks the text.

export const MATCH = ["Address", "Path", "Vendor", "Device", "Subsystem", "Class"];
const LISTS = ["Companions", "Override"];

function sectionOf(key) {
    return MATCH.includes(key) ? "Match" : "Detach";
}

// The lines, each with its section and, if it sets one, its key and value. As vfiod reads them: blanks around "=" and at the end do not count.
function linesOf(text) {
    let section = "";
    return text.split("\n").map(line => {
        const heading = /^\[([^\]]*)\]\s*$/.exec(line);
        const setting = /^([A-Za-z]+)[ \t]*=[ \t]*(.*?)[ \t]*\r?$/.exec(line);
        if (heading)
            section = heading[1];
        return heading ? { line, section, heading: true } : { line, section, key: setting && setting[1], value: setting && setting[2] };
    });
}

// The value of a key; "" if it is not set. Keys that may occur several times are joined.
export function getField(text, key) {
    const values = linesOf(text).filter(one => one.key === key && one.section === sectionOf(key)).map(one => one.value);
    return LISTS.includes(key) ? values.join(" ") : values[0] || "";
}

// The words of a list.
export function getWords(text, key) {
    return getField(text, key).split(/[\s,]+/).filter(Boolean);
}

// Where a new line of a section belongs: behind its last line that is not empty.
function endOf(lines, section) {
    let end = -1;
    lines.forEach((one, i) => {
        if (one.section === section && one.line.trim())
            end = i;
    });
    return end;
}

// The text with this value; "" removes the key.
export function setField(text, key, value) {
    const section = sectionOf(key);
    const lines = linesOf(text);
    const isKey = one => one.key === key && one.section === section;
    const first = lines.findIndex(isKey);
    const rest = lines.filter((one, i) => !isKey(one) || (i === first && value !== ""));
    const line = `${key}=${value}`;
    if (value === "")
        return rest.map(one => one.line).join("\n");
    if (first >= 0)
        return rest.map(one => isKey(one) ? line : one.line).join("\n");
    const end = endOf(rest, section);
    const texts = rest.map(one => one.line);
    if (end >= 0)
        return [...texts.slice(0, end + 1), line, ...texts.slice(end + 1)].join("\n");
    const before = text.replace(/\n*$/, "");
    return `${before}${before && "\n\n"}[${section}]\n${line}\n`;
}

export function setFields(text, values) {
    return Object.entries(values).reduce((result, [key, value]) => setField(result, key, value), text);
}

function hex(number, digits) {
    return (number || 0).toString(16).padStart(digits, "0");
}

// The fields of a rule for exactly this card, as vfiod writes them.
export function fieldsOf(device) {
    const subsystem = `${hex(device.SubsystemVendorId, 4)}:${hex(device.SubsystemDeviceId, 4)}`;
    return {
        Address: device.Address,
        Path: "",
        Vendor: hex(device.VendorId, 4),
        Device: hex(device.DeviceId, 4),
        Subsystem: subsystem === "0000:0000" ? "" : subsystem,
        Class: "",
    };
}

// The name that vfiod gives such a rule.
export function nameOf(device) {
    return device.Address.replaceAll(":", "-");
}

export function nameIsValid(name) {
    return /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,126}$/.test(name);
}
