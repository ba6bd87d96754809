// SPDX-License-Identifier: GPL-2.0-or-later
// The processes that have devices open.
import { _, format, ngettext } from "./i18n.js";
import { details, vfiod } from "./vfiod.js";

export async function listHolders(selector) {
    const [rows] = await vfiod.call("ListHolders", "sa{sv}", selector, {});
    return rows.map(([pid, command, unit, path, address, dictionary]) => ({ pid, command, unit, path, address, ...details(dictionary) }));
}

// A process, with its unit and what it has open.
export function holderText({ pid, command, unit, path, More }) {
    const process = pid ? format(_("$0 (process $1)"), command, pid) : command;
    const whole = [process, unit].filter(Boolean).join(", ") + (path ? `: ${path}` : "");
    return More ? format(ngettext("$0, and $1 more", "$0, and $1 more", More), whole, More) : whole;
}
