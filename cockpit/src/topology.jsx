// SPDX-License-Identifier: GPL-2.0-or-later
// The buses, bridges and devices of the host as a picture, with their IOMMU groups as frames, and why devices share a group.
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import {
    Button, Card, CardBody, CardTitle, Content, List, ListItem, PageSection, Spinner, Stack, StackItem,
} from "@patternfly/react-core";

import { Cure, Failure } from "./failure.jsx";
import { _, format } from "./i18n.js";
import { breaksOf, useExplanations } from "./isolation.js";
import { Said } from "./said.jsx";
import { GROUPS, INDENT, KindGlyph, LEFT, BOX, ROW, Row, StateGlyph, groupText, kindOf } from "./topology-row.jsx";
import { allParents, buildTree, framesOf, openAtFirst, pathTo, visibleRows } from "./topology-tree.js";
import { href, useAnswer } from "./use-vfiod.js";
import { details, vfiod } from "./vfiod.js";
import { AVAILABILITIES, deviceName } from "./words.js";
import "./topology.css";

// The picture is at least so wide, and needs more for each step to the right.
const WIDTH = 600;

// {address: the address of the bridge above it, or ""}.
async function listParents() {
    const [rows] = await vfiod.call("ListDevices", "");
    return Object.fromEntries(rows.map(row => [row[0], details(row[row.length - 1]).Parent || ""]));
}

// The width of an element, as the window changes.
function useWidth(ref) {
    const [width, setWidth] = useState(0);
    useLayoutEffect(() => {
        const watch = new ResizeObserver(() => ref.current && setWidth(ref.current.clientWidth));
        watch.observe(ref.current);
        return () => watch.disconnect();
    }, [ref]);
    return width;
}

// {number: {Number, endpoints}}; the same objects as long as nothing has changed.
function useSizes(groups, devices) {
    const last = useRef(new Map());
    return useMemo(() => {
        const counts = new Map();
        for (const device of devices)
            if (device.Endpoint)
                counts.set(device.GroupNumber, (counts.get(device.GroupNumber) || 0) + 1);
        last.current = new Map([...groups.keys()].map(Number => {
            const before = last.current.get(Number), endpoints = counts.get(Number) || 0;
            return [Number, before && before.endpoints === endpoints ? before : { Number, endpoints }];
        }));
        return last.current;
    }, [groups, devices]);
}

function Frame({ frame, group, width }) {
    const x = LEFT + frame.depth * INDENT - 6, y = frame.start * ROW + 2;
    const label = groupText(group).split(/[:：] ?/);
    return (
        <g aria-hidden="true" data-frame={frame.group}>
            <rect className={group.endpoints > 1 ? "group shared" : "group"} x={x} y={y} width={width - x - 2} height={(frame.end - frame.start) * ROW - 4} rx="8" />
            {label.map((text, i) => <text key={i} className={i > 0 ? "minor" : undefined} x={width - GROUPS + 10} y={y + 22 + 18 * i}>{text}</text>)}
        </g>
    );
}

// From the parent down to the row, and to the right.
function Line({ row, above, open }) {
    const x = LEFT + above.depth * INDENT + 12;
    const from = above.number * ROW + (ROW + BOX) / 2, to = row.number * ROW + ROW / 2;
    return <path className={open ? "line open" : "line"} d={`M${x} ${from}V${to}H${LEFT + row.depth * INDENT}`} />;
}

// Moves between rows as a tree does. Returns the row that gets the focus.
function moved(key, rows, row, open, toggle) {
    switch (key) {
    case "ArrowDown": return rows[row.number + 1];
    case "ArrowUp": return rows[row.number - 1];
    case "Home": return rows[0];
    case "End": return rows[rows.length - 1];
    case "ArrowRight":
        if (row.isOpen)
            return rows[row.number + 1];
        if (row.isParent)
            toggle(row.node.id);
        return row;
    case "ArrowLeft":
        if (row.isOpen)
            toggle(row.node.id);
        return row.isOpen ? row : rows[row.above] || row;
    case " ":
    case "Enter":
        if (!row.node.device)
            toggle(row.node.id);
        return row.node.device ? undefined : row;
    default: return undefined;
    }
}

// Goes to the row of a device once, when it is there.
function useArrival(box, wanted, isThere) {
    useEffect(() => {
        const row = isThere && box.current.querySelector(`[data-id="${wanted}"]`);
        if (row) {
            row.scrollIntoView({ block: "center" });
            row.focus({ preventScroll: true });
        }
    }, [box, wanted, isThere]);
}

function Picture({ rows, parents, sizes, breaks, toggle, wanted }) {
    const box = useRef(null);
    const wide = useWidth(box);
    const [current, setCurrent] = useState(null);
    const isShown = rows.some(({ node }) => node.id === current);
    useArrival(box, wanted, wide > 0 && rows.some(({ node }) => node.id === wanted));
    const width = Math.max(wide, WIDTH + INDENT * Math.max(0, ...rows.map(row => row.depth)));
    const press = event => {
        const row = rows.find(({ node }) => node.id === event.target.closest("[data-id]")?.dataset.id);
        const next = row && !event.ctrlKey && !event.altKey && !event.metaKey && moved(event.key, rows, row, row.isOpen, toggle);
        if (!next)
            return;
        event.preventDefault();
        setCurrent(next.node.id);
        event.currentTarget.querySelector(`[data-id="${next.node.id}"]`).focus();
    };
    return (
        <div className="topology-frame" ref={box} id="topology-frame">
            <svg className="topology" role="tree" aria-label={_("Buses, bridges and devices")} width={width} height={rows.length * ROW} id="topology"
                onKeyDown={press} onFocus={event => setCurrent(event.target.closest("[data-id]")?.dataset.id || null)}>
                {framesOf(rows).map(frame => sizes.has(frame.group) && <Frame key={frame.start} frame={frame} group={sizes.get(frame.group)} width={width} />)}
                <g aria-hidden="true">
                    {rows.map(row => row.above >= 0 &&
                        <Line key={row.node.id} row={row} above={rows[row.above]} open={Boolean(breaks[rows[row.above].node.id])} />)}
                </g>
                {rows.map(row => (
                    <Row key={row.node.id} row={row} kind={row.node.device ? kindOf(row.node.device, parents) : "bus"} width={width} toggle={toggle}
                        group={row.node.device && sizes.get(row.node.device.GroupNumber)} open={breaks[row.node.id]}
                        isCurrent={isShown ? row.node.id === current : row.number === 0} />
                ))}
            </svg>
        </div>
    );
}

function Key({ size, label, children }) {
    return <li><svg className="topology-key" width={size} height={size} aria-hidden="true">{children}</svg> {label}</li>;
}

function Legend({ devices }) {
    const kinds = [["port", _("Root port")], ["bridge", _("Bridge")], ["device", _("Device")], ["virtual", _("Virtual function")]];
    const states = AVAILABILITIES.filter(({ word }) => devices.some(device => device.Availability === word));
    return (
        <ul className="topology-legend" id="legend" aria-label={_("Shapes of the picture")}>
            {kinds.map(([kind, label]) => <Key key={kind} size="20" label={label}><KindGlyph kind={kind} /></Key>)}
            {states.map(({ word, label }) => <Key key={word} size="16" label={label}><StateGlyph word={word} /></Key>)}
        </ul>
    );
}

function SharedGroup({ group, devices, explanation, ask }) {
    const members = group.Members.map(address => devices.get(address)).filter(device => device && device.Endpoint);
    const shown = members.slice(0, 8);
    return (
        <Stack hasGutter data-shared={group.Number}>
            <StackItem><Content component="h3">{format(_("Group $0"), group.Number)}</Content></StackItem>
            <StackItem>
                <List isPlain>
                    {shown.map(device => <ListItem key={device.Address}><a href={href("device", device.Address)}>{device.Address}</a> {deviceName(device)}</ListItem>)}
                    {shown.length < members.length && <ListItem>{format(_("and $0 more"), members.length - shown.length)}</ListItem>}
                </List>
            </StackItem>
            {(!explanation || explanation.error) && <StackItem><Button variant="secondary" onClick={() => ask(group.Number)}>{_("Explain")}</Button></StackItem>}
            {explanation?.isAsked && <StackItem><Spinner size="md" aria-label={_("vfiod looks for the reason")} /></StackItem>}
            {explanation?.error && <StackItem><Failure title={_("There is no explanation")} error={explanation.error} /></StackItem>}
            {explanation?.answer?.reasons.map(({ code, finding, cure }, i) => (
                <StackItem key={i} data-reason={code}>
                    <Content component="p"><Said text={finding} /></Content>
                    {cure && <Cure text={cure} />}
                </StackItem>
            ))}
        </Stack>
    );
}

// `wanted` is the address of a device to which the page shall go.
export function Topology({ state: { devices, groups }, wanted }) {
    const addresses = devices.map(device => device.Address).join(" ");
    const { answer: parents, error } = useAnswer(listParents, [addresses]);
    const [toggled, setToggled] = useState(new Map());
    const sizes = useSizes(groups, devices);
    const shared = useMemo(() => [...groups.values()].filter(group => (sizes.get(group.Number)?.endpoints || 0) > 1)
        .sort((a, b) => a.Number - b.Number), [groups, sizes]);
    const { explanations, explain } = useExplanations(shared);
    const breaks = useMemo(() => breaksOf(explanations), [explanations]);
    // A new device is shown when its place is known.
    const roots = useMemo(() => parents ? buildTree(devices.filter(device => device.Address in parents), parents) : [], [devices, parents]);
    const open = useMemo(() => {
        const all = openAtFirst(roots);
        for (const id of pathTo(roots, wanted) || [])
            all.add(id);
        for (const [id, isOpen] of toggled)
            isOpen ? all.add(id) : all.delete(id);
        return all;
    }, [roots, toggled, wanted]);
    const rows = useMemo(() => visibleRows(roots, open), [roots, open]);
    // A row must not change only because another was opened.
    const now = useRef(open);
    useEffect(() => { now.current = open }, [open]);
    const toggle = useCallback(id => setToggled(before => new Map(before).set(id, !now.current.has(id))), []);
    const toggleAll = isOpen => setToggled(new Map(allParents(roots).map(id => [id, isOpen])));
    const byAddress = useMemo(() => new Map(devices.map(device => [device.Address, device])), [devices]);
    return (
        <>
            <PageSection>
                <Stack hasGutter>
                    <StackItem><Content component="h1">{_("Topology")}</Content></StackItem>
                    <StackItem><Content component="p">{_("A frame is an IOMMU group: a virtual machine gets its devices only together. A dashed line is below a bridge that does not separate devices.")}</Content></StackItem>
                    <StackItem><Legend devices={devices} /></StackItem>
                    <StackItem>
                        <Button variant="link" isInline onClick={() => toggleAll(true)} id="open-all">{_("Open all")}</Button>{" "}
                        <Button variant="link" isInline onClick={() => toggleAll(false)} id="close-all">{_("Close all")}</Button>
                    </StackItem>
                </Stack>
            </PageSection>
            <PageSection>
                <Stack hasGutter>
                    {error && <StackItem><Failure title={_("The topology cannot be read")} error={error} /></StackItem>}
                    {!parents && !error && <StackItem><Spinner aria-label={_("vfiod lists the devices")} /></StackItem>}
                    {parents && <StackItem><Picture rows={rows} parents={parents} sizes={sizes} breaks={breaks} toggle={toggle} wanted={wanted} /></StackItem>}
                    {shared.length > 0 && <StackItem>
                        <Card component="section" id="shared-groups">
                            <CardTitle component="h2">{_("Why devices share a group")}</CardTitle>
                            <CardBody>
                                <Stack hasGutter>
                                    {shared.map(group => (
                                        <StackItem key={group.Number}>
                                            <SharedGroup group={group} devices={byAddress} explanation={explanations.get(group.Number)} ask={explain} />
                                        </StackItem>
                                    ))}
                                </Stack>
                            </CardBody>
                        </Card>
                    </StackItem>}
                </Stack>
            </PageSection>
        </>
    );
}
