// SPDX-License-Identifier: GPL-2.0-or-later
// What the picture of the topology is drawn of: a row for each function, and the shapes of its kind and state.
import { memo } from "react";

import { _, format, ngettext } from "./i18n.js";
import { href } from "./use-vfiod.js";
import { availability, deviceName, hostNames } from "./words.js";

export const ROW = 56, BOX = 44, INDENT = 24, LEFT = 12;
// The columns at the right, for the groups and for the states, in pixels.
export const GROUPS = 118;
const STATES = 176;

const BRIDGE = 0x0604;

// What a function is in the tree, by its class and its place: "port", "bridge", "virtual" or "device".
export function kindOf(device, parents) {
    if (device.Class >> 8 === BRIDGE)
        return parents[device.Address] ? "bridge" : "port";
    return device.PhysicalFunction ? "virtual" : "device";
}

const KINDS = {
    bus: _("Bus"), port: _("Root port"), bridge: _("Bridge"), virtual: _("Virtual function"), device: _("Device"),
};

const BREAKS = {
    "isolation-bridge": _("no complete ACS"),
    "isolation-conventional": _("conventional PCI"),
    "isolation-controller": _("behind a controller"),
    "isolation-functions": _("one card without ACS"),
};

export function breakText({ reason }) {
    return BREAKS[reason] || reason;
}

// Each kind has its shape, in a square of 20 pixels.
export function KindGlyph({ kind }) {
    switch (kind) {
    case "bus": return <path className="glyph" d="M2 5H18M2 10H18M2 15H18" />;
    case "port": return <g className="glyph"><circle cx="10" cy="10" r="8" /><circle cx="10" cy="10" r="2.5" /></g>;
    case "bridge": return <path className="glyph" d="M10 1L19 10L10 19L1 10Z" />;
    case "virtual": return <rect className="glyph" x="3" y="3" width="14" height="14" strokeDasharray="3 2" />;
    default: return <path className="glyph" d="M4 4H16V16H4ZM7 1V4M13 1V4M7 16V19M13 16V19M1 7H4M1 13H4M16 7H19M16 13H19" />;
    }
}

const STATE_SHAPES = {
    "available": "M8 2A6 6 0 1 0 8 14A6 6 0 1 0 8 2",
    "detached": "M2 9L6 13L14 3",
    "partial": "M8 2A6 6 0 1 0 8 14A6 6 0 1 0 8 2M8 2V14M8 6L12 4M8 10L13 8M8 13L12 12",
    "leased": "M8 1L15 8L8 15L1 8ZM5 8L7 10L11 6",
    "foreign": "M8 2L15 14H1ZM8 6V10M8 12V13",
    "changing": "M13 5A6 6 0 1 0 14 9M14 1V5H10",
    "stuck": "M3 3L13 13M13 3L3 13",
    "absent": "M2 8H4M7 8H9M12 8H14M8 2V4M8 12V14",
    "not-viable": "M2 2H14V14H2ZM5 5L11 11M11 5L5 11",
    "no-group": "M8 2A6 6 0 1 0 8 14A6 6 0 1 0 8 2M4 12L12 4",
    "host-only": "M2 8H14",
};

// Each state has its shape, in a square of 16 pixels; the colour only repeats it.
export function StateGlyph({ word }) {
    return <path className={`state ${availability(word).status || ""}`} d={STATE_SHAPES[word] || STATE_SHAPES["host-only"]} />;
}

export function groupText(group) {
    return group.endpoints > 1
        ? format(ngettext("Group $0: $1 device", "Group $0: $1 devices", group.endpoints), group.Number, group.endpoints)
        : format(_("Group $0"), group.Number);
}

function lineOf({ node, below }, kind) {
    if (!node.device)
        return format(ngettext("$0 function", "$0 functions", below), below);
    const { device } = node;
    return [KINDS[kind], device.Address, ...hostNames(device), device.Driver].filter(Boolean).join(" · ");
}

// The texts of a row as they are seen, and what only a screen reader says after them.
function textsOf(row, kind, group, open) {
    const { node: { device, bus }, below } = row;
    const seen = device
        ? { name: deviceName(device), line: lineOf(row, kind), state: availability(device.Availability).label, open: open && breakText(open) }
        : { name: format(_("Bus $0"), bus), line: lineOf(row, kind) };
    const more = [group && groupText(group), device && below > 0 && format(ngettext("$0 function below", "$0 functions below", below), below)];
    const spoken = [Object.values(seen).filter(Boolean).join(" "), ...more].filter(Boolean).join(", ");
    return { ...seen, spoken };
}

// What is too long is cut off.
function Column({ x, width, children }) {
    return <svg x={x} y="0" width={Math.max(0, width)} height={BOX} overflow="hidden">{children}</svg>;
}

// PatternFly's own tree is no picture, so this one does what a tree must: one row can be reached by Tab, the arrows move.
export const Row = memo(function Row({ row, kind, group, open, width, isCurrent, toggle }) {
    const { node: { id, device }, depth, number, position, siblings, isParent, isOpen } = row;
    const x = LEFT + depth * INDENT, y = number * ROW + (ROW - BOX) / 2, right = width - GROUPS - x;
    const texts = textsOf(row, kind, group, open);
    const item = {
        "role": "treeitem", "data-id": id, "data-kind": kind, "data-break": open ? open.reason : undefined, "aria-label": texts.spoken,
        "aria-level": depth + 1, "aria-posinset": position, "aria-setsize": siblings, "aria-expanded": isParent ? isOpen : undefined,
        "tabIndex": isCurrent ? 0 : -1,
    };
    const flip = event => { event.preventDefault(); event.stopPropagation(); toggle(id) };
    const content = (
        <g transform={`translate(${x} ${y})`} aria-hidden="true">
            <rect className="box" width={right} height={BOX} rx="6" />
            {isParent && <g onClick={flip} data-toggle={id}>
                <rect width="28" height={BOX} fill="transparent" />
                <path className="glyph" d={isOpen ? "M8 19L14 25L20 19" : "M11 16L17 22L11 28"} />
            </g>}
            <g transform="translate(30 12)"><KindGlyph kind={kind} /></g>
            <Column x={58} width={right - 58 - (device ? STATES : 0)}>
                <text className="name" y="19">{texts.name}{" "}</text>
                <text className="minor" y="36">{texts.line}{" "}</text>
            </Column>
            {device && <Column x={right - STATES} width={STATES}>
                <g transform="translate(4 5)"><StateGlyph word={device.Availability} /></g>
                <text className="minor" x="28" y="18">{texts.state}{" "}</text>
                {open && <>
                    <path className="state warning" d="M13 25L7 33H12L10 40L17 31H12Z" />
                    <text className="minor" x="28" y="37">{texts.open}</text>
                </>}
            </Column>}
        </g>
    );
    return device
        ? <a {...item} href={href("device", device.Address)}>{content}</a>
        : <g {...item} onClick={flip}>{content}</g>;
}, isSame);

const SAME = ["number", "depth", "position", "siblings", "below", "isOpen", "isParent"];

// The tree is made anew at each change of a device, but most of its rows stay as they are.
function isSame(before, after) {
    return ["kind", "group", "open", "width", "isCurrent", "toggle"].every(name => before[name] === after[name]) &&
        SAME.every(name => before.row[name] === after.row[name]) && before.row.node.id === after.row.node.id &&
        before.row.node.device === after.row.node.device;
}
