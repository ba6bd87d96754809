// SPDX-License-Identifier: GPL-2.0-or-later
// The functions of the host as a tree of buses, bridges and devices, and its rows as they are drawn.

// So many rows are open at first. A physical function with more virtual functions than this is closed.
const ROWS = 120, VIRTUAL = 4;

// "0000:3b" of "0000:3b:00.0".
function busOf(address) {
    return address.slice(0, address.lastIndexOf(":"));
}

// `parents` has the bridge above each function that is not on a root bus. A virtual function is below its physical function.
export function buildTree(devices, parents) {
    const known = new Map(devices.map(device => [device.Address, { id: device.Address, device, children: [] }]));
    const buses = new Map();
    for (const node of known.values()) {
        const { Address, PhysicalFunction } = node.device;
        const above = known.get(PhysicalFunction) || known.get(parents[Address]);
        if (above && above !== node) {
            above.children.push(node);
            continue;
        }
        const bus = busOf(Address);
        if (!buses.has(bus))
            buses.set(bus, { id: `bus-${bus}`, bus, children: [] });
        buses.get(bus).children.push(node);
    }
    return [...buses.values()];
}

// The nodes that are open at first: from the top, as long as there are not too many rows.
export function openAtFirst(roots) {
    const open = new Set();
    let rows = roots.length;
    for (let level = roots; level.length > 0; level = level.flatMap(node => open.has(node.id) ? node.children : []))
        for (const node of level) {
            const virtual = node.children.filter(child => child.device.PhysicalFunction).length;
            if (node.children.length === 0 || rows + node.children.length > ROWS || virtual > VIRTUAL)
                continue;
            open.add(node.id);
            rows += node.children.length;
        }
    return open;
}

// All nodes that have others below them.
export function allParents(roots) {
    return roots.flatMap(node => node.children.length > 0 ? [node.id, ...allParents(node.children)] : []);
}

// The nodes above one; null if it is not there.
export function pathTo(roots, id) {
    for (const node of roots) {
        const below = node.id === id ? [] : pathTo(node.children, id);
        if (below)
            return node.id === id ? [] : [node.id, ...below];
    }
    return null;
}

function countBelow(node) {
    return node.children.reduce((sum, child) => sum + 1 + countBelow(child), 0);
}

// The visible rows, from the top. `above` is the number of the row of the parent; -1 for none.
export function visibleRows(roots, open) {
    const rows = [];
    const add = (nodes, depth, above) => nodes.forEach((node, i) => {
        const isParent = node.children.length > 0;
        const row = {
            node, depth, above, number: rows.length, position: i + 1, siblings: nodes.length, below: countBelow(node), isParent,
            isOpen: isParent && open.has(node.id),
        };
        rows.push(row);
        if (row.isOpen)
            add(node.children, depth + 1, row.number);
    });
    add(roots, 0, -1);
    return rows;
}

// The frames of the groups: neighbouring rows of one group are in one frame.
export function framesOf(rows) {
    const frames = [];
    for (const { node, depth, number } of rows) {
        const group = node.device ? node.device.GroupNumber : -1;
        const last = frames[frames.length - 1];
        if (last && last.group === group && last.end === number) {
            last.end++;
            last.depth = Math.min(last.depth, depth);
        } else if (group >= 0) {
            frames.push({ group, start: number, end: number + 1, depth, isFirst: !frames.some(frame => frame.group === group) });
        }
    }
    return frames;
}
