// SPDX-License-Identifier: GPL-2.0-or-later
// The list of devices, by kind, with search and filters.
import { useDeferredValue, useMemo, useState } from "react";
import {
    Button, Checkbox, Content, EmptyState, EmptyStateBody, FormSelect, FormSelectOption, Gallery, PageSection, SearchInput, Stack,
    StackItem, Title, Toolbar, ToolbarContent, ToolbarItem,
} from "@patternfly/react-core";

import { DeviceCard } from "./device-card.jsx";
import { _, format, ngettext } from "./i18n.js";
import { AVAILABILITIES, KINDS, deviceName, hostNames, ids, kindOf } from "./words.js";

// So many cards of a kind are shown at first.
const SHOWN = 24;

function textOf(device) {
    return [deviceName(device), device.VendorName, device.ClassName, device.Address, ids(device), device.Driver, ...hostNames(device),
        device.GroupNumber >= 0 ? `group ${device.GroupNumber} group:${device.GroupNumber}` : ""].join(" ").toLowerCase();
}

function matches(device, { words, kind, word, all }) {
    return (all || device.Endpoint || word === device.Availability) && (!kind || kindOf(device) === kind) &&
        (!word || device.Availability === word) && words.every(one => textOf(device).includes(one));
}

function Kind({ kind, devices }) {
    const [whole, setWhole] = useState(false);
    const shown = whole ? devices : devices.slice(0, SHOWN);
    return (
        <StackItem>
            <section aria-labelledby={`kind-${kind.id}`}>
                <Stack hasGutter>
                    <Title headingLevel="h2" size="lg" id={`kind-${kind.id}`}>{format(_("$0 ($1)"), kind.label, devices.length)}</Title>
                    <Gallery hasGutter minWidths={{ default: "100%", sm: "260px" }}>
                        {shown.map(device => <DeviceCard key={device.path} device={device} />)}
                    </Gallery>
                    {shown.length < devices.length &&
                        <div><Button variant="link" isInline onClick={() => setWhole(true)}>{format(_("Show all $0 devices"), devices.length)}</Button></div>}
                </Stack>
            </section>
        </StackItem>
    );
}

export function Devices({ state }) {
    const [text, setText] = useState("");
    const [kind, setKind] = useState("");
    const [word, setWord] = useState("");
    const [all, setAll] = useState(false);
    const search = useDeferredValue(text);
    const found = useMemo(() => {
        const filter = { words: search.toLowerCase().split(/\s+/).filter(Boolean), kind, word, all };
        return state.devices.filter(device => matches(device, filter));
    }, [state.devices, search, kind, word, all]);
    const clear = () => { setText(""); setKind(""); setWord("") };
    return (
        <>
            <PageSection>
                <Toolbar inset={{ default: "insetNone" }}>
                    <ToolbarContent>
                        <ToolbarItem>
                            <SearchInput aria-label={_("Search for devices")} placeholder={_("Name, address, driver, group")}
                                resetButtonLabel={_("Clear the search")} value={text}
                                onChange={(_event, value) => setText(value)} onClear={() => setText("")} />
                        </ToolbarItem>
                        <ToolbarItem>
                            <FormSelect aria-label={_("Kind")} value={kind} onChange={(_event, value) => setKind(value)}>
                                <FormSelectOption value="" label={_("All kinds")} />
                                {KINDS.map(one => <FormSelectOption key={one.id} value={one.id} label={one.label} />)}
                            </FormSelect>
                        </ToolbarItem>
                        <ToolbarItem>
                            <FormSelect aria-label={_("Availability")} value={word} onChange={(_event, value) => setWord(value)}>
                                <FormSelectOption value="" label={_("Any availability")} />
                                {AVAILABILITIES.map(one => <FormSelectOption key={one.word} value={one.word} label={one.label} />)}
                            </FormSelect>
                        </ToolbarItem>
                        <ToolbarItem alignSelf="center">
                            <Checkbox id="show-all" label={_("Show bridges and host devices")} isChecked={all}
                                onChange={(_event, checked) => setAll(checked)} />
                        </ToolbarItem>
                    </ToolbarContent>
                </Toolbar>
                <Content component="small" aria-live="polite" id="count">
                    {format(ngettext("$0 of $1 function", "$0 of $1 functions", state.devices.length), found.length, state.devices.length)}
                </Content>
            </PageSection>
            <PageSection>
                {found.length === 0
                    ? <EmptyState titleText={_("No device is like that")} headingLevel="h2" variant="sm">
                        <EmptyStateBody>{state.devices.length === 0 ? _("This host has no PCI functions.") : _("Other words or filters may find one.")}</EmptyStateBody>
                        {state.devices.length > 0 && <Button variant="link" onClick={clear}>{_("Clear the filters")}</Button>}
                    </EmptyState>
                    : <Stack hasGutter>
                        {KINDS.map(one => ({ one, devices: found.filter(device => kindOf(device) === one.id) }))
                            .filter(({ devices }) => devices.length > 0)
                            .map(({ one, devices }) => <Kind key={one.id} kind={one} devices={devices} />)}
                    </Stack>}
            </PageSection>
        </>
    );
}
