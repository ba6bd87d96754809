// SPDX-License-Identifier: GPL-2.0-or-later
// The keys of a rule as fields of a form. The text of the file is all that the form knows.
import { useState } from "react";
import {
    Alert, Checkbox, Content, ExpandableSection, FormGroup, FormHelperText, FormSection, FormSelect, FormSelectOption,
    Grid, GridItem, HelperText, HelperTextItem, Stack, StackItem, TextInput,
} from "@patternfly/react-core";

import { _, format } from "./i18n.js";
import { getField, getWords, setField } from "./rule-text.js";
import { deviceName } from "./words.js";

const SELECTORS = [
    { key: "Address", label: _("Address"), help: _("Such as 0000:3b:00.0. Needs the vendor and the device.") },
    { key: "Path", label: _("Path"), help: _("The path from the root port, such as 0000:00:1c.4/00.0. Needs the vendor and the device.") },
    { key: "Vendor", label: _("Vendor"), help: _("Four hexadecimal digits, such as 10de.") },
    { key: "Device", label: _("Device"), help: _("Four hexadecimal digits. Needs the vendor.") },
    { key: "Subsystem", label: _("Subsystem"), help: _("Vendor and device of the card, such as 8086:a01f.") },
    { key: "Class", label: _("Class"), help: _("Such as 02 for network, 0300 for graphics, 010802 for NVMe.") },
];

const GUARDS = [
    { name: "storage", label: _("Storage: the host uses a disk of the device") },
    { name: "network", label: _("Network: the host uses an interface of the device") },
    { name: "display", label: _("Display: the device shows the screen of the host") },
    { name: "console", label: _("Console: the device has a console or the last keyboard of the host") },
    { name: "memory", label: _("Memory: the host uses memory of the device") },
    { name: "process", label: _("Process: a process has the device open") },
    { name: "virtual-functions", label: _("Virtual functions: the functions of this device are in use") },
    { name: "firmware", label: _("Firmware: the firmware has reserved memory for the device") },
];

function Field({ text, setText, name, label, help, type = "text" }) {
    const id = `rule-${name.toLowerCase()}`;
    return (
        <FormGroup label={label} fieldId={id}>
            <TextInput id={id} type={type} value={getField(text, name)} aria-describedby={`${id}-help`} min={type === "number" ? 0 : undefined}
                onChange={(_event, value) => setText(setField(text, name, value))} />
            <FormHelperText><HelperText id={`${id}-help`}><HelperTextItem>{help}</HelperTextItem></HelperText></FormHelperText>
        </FormGroup>
    );
}

// Fills the fields for exactly one card. It shows no choice, because the fields can be changed afterwards.
function Template({ devices, fill }) {
    const endpoints = devices.filter(device => device.Endpoint);
    return (
        <FormGroup label={_("Take the values of")} fieldId="rule-template">
            <FormSelect id="rule-template" value="" onChange={(_event, address) => fill(endpoints.find(one => one.Address === address))}>
                <FormSelectOption value="" label={_("Choose a device")} isPlaceholder isDisabled />
                {endpoints.map(device => (
                    <FormSelectOption key={device.Address} value={device.Address} label={`${device.Address}  ${deviceName(device)}`} />
                ))}
            </FormSelect>
        </FormGroup>
    );
}

function companionsMode(words) {
    if (words.includes("all"))
        return "all";
    return words.length === 0 || words.includes("none") ? "none" : "some";
}

function Companions({ text, setText }) {
    const words = getWords(text, "Companions");
    // An empty list of addresses is the same text as no companions.
    const [listing, setListing] = useState(false);
    const mode = listing ? "some" : companionsMode(words);
    const choose = value => {
        setListing(value === "some");
        setText(setField(text, "Companions", value === "some" ? "" : value));
    };
    return (
        <>
            <FormGroup label={_("Other devices of the group")} fieldId="rule-companions">
                <FormSelect id="rule-companions" value={mode} onChange={(_event, value) => choose(value)}>
                    <FormSelectOption value="none" label={_("None: refuse a device that shares its group")} />
                    <FormSelectOption value="all" label={_("All go along")} />
                    <FormSelectOption value="some" label={_("Only these go along")} />
                </FormSelect>
            </FormGroup>
            {mode === "some" && <FormGroup label={_("Addresses that go along")} fieldId="rule-companion-list">
                <TextInput id="rule-companion-list" value={getField(text, "Companions")} aria-describedby="rule-companion-list-help"
                    onChange={(_event, value) => { setListing(true); setText(setField(text, "Companions", value)) }} />
                <FormHelperText><HelperText id="rule-companion-list-help"><HelperTextItem>{_("Complete addresses, with spaces between them.")}</HelperTextItem></HelperText></FormHelperText>
            </FormGroup>}
        </>
    );
}

function Overrides({ text, setText }) {
    const chosen = getWords(text, "Override");
    const [isOpen, setOpen] = useState(false);
    const choose = (name, on) => {
        const words = on ? [...chosen, name] : chosen.filter(word => word !== name);
        setText(setField(text, "Override", words.join(" ")));
    };
    return (
        <ExpandableSection toggleText={chosen.length > 0 ? format(_("Overridden guards: $0"), chosen.join(", ")) : _("Override guards")}
            isExpanded={isOpen} onToggle={(_event, open) => setOpen(open)} id="rule-overrides">
            {isOpen && <Stack hasGutter>
                <StackItem>
                    <Alert isInline variant="warning" component="h3" title={_("The host may lose data or connections")}>
                        <Content component="p">{_("Without a guard, the rule takes a device away while the host uses it, at each boot.")}</Content>
                    </Alert>
                </StackItem>
                {GUARDS.map(({ name, label }) => (
                    <StackItem key={name}>
                        <Checkbox id={`rule-override-${name}`} label={label} isChecked={chosen.includes(name)}
                            onChange={(_event, on) => choose(name, on)} />
                    </StackItem>
                ))}
            </Stack>}
        </ExpandableSection>
    );
}

export function RuleForm({ text, setText, fill, devices }) {
    return (
        <>
            <FormSection title={_("Which devices")} titleElement="h3">
                <HelperText><HelperTextItem>{_("A device must match all fields that are not empty. A vendor or a class is necessary.")}</HelperTextItem></HelperText>
                <Template devices={devices} fill={fill} />
                <Grid hasGutter sm={12} md={6}>
                    {SELECTORS.map(({ key, label, help }) => (
                        <GridItem key={key}><Field text={text} setText={setText} name={key} label={label} help={help} /></GridItem>
                    ))}
                </Grid>
            </FormSection>
            <FormSection title={_("What vfiod does")} titleElement="h3">
                <Companions text={text} setText={setText} />
                <Grid hasGutter sm={12} md={6}>
                    <GridItem><Field text={text} setText={setText} name="Driver" label={_("vfio driver")} help={_("Empty: vfiod chooses the driver.")} /></GridItem>
                    <GridItem><Field text={text} setText={setText} name="VirtualFunctions" label={_("Virtual functions")} type="number"
                        help={_("vfiod creates this number of virtual functions and detaches them. The device itself stays with the host.")} /></GridItem>
                </Grid>
                <Overrides text={text} setText={setText} />
                <Checkbox id="rule-enabled" label={_("The rule is enabled")} isChecked={getField(text, "Enabled") !== "no"}
                    onChange={(_event, on) => setText(setField(text, "Enabled", on ? "" : "no"))} />
            </FormSection>
        </>
    );
}
