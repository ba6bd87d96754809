// SPDX-License-Identifier: GPL-2.0-or-later
// One rule: what it matches and does, what became of the devices, and what is wrong with it.
import { useState } from "react";
import {
    Alert, Button, Card, CardBody, CardHeader, CardTitle, Content, DescriptionList, DescriptionListDescription, DescriptionListGroup,
    DescriptionListTerm, Flex, FlexItem, Label, List, ListItem, Stack, StackItem, Switch,
} from "@patternfly/react-core";

import { needsAccess } from "./access.jsx";
import { Cure, Failure } from "./failure.jsx";
import { href } from "./use-vfiod.js";
import { variant, vfiod } from "./vfiod.js";
import { deviceName } from "./words.js";

const cockpit = window.cockpit;

const STATES = {
    "active": ["Active", "success"],
    "off": ["Off: it has an error", "danger"],
    "masked": ["Masked", undefined],
    "disabled": ["Disabled", undefined],
};

const STATUSES = {
    "applied": ["Applied", "success"],
    "waiting": ["Waits until the device is free", "info"],
    "refused": ["Refused", "danger"],
    "released": ["Given back to the host", "warning"],
    "other-card": ["Another card is in the slot", "warning"],
};

// What a rule that cannot be changed in place says about that. `null` for a rule of /etc.
export function originOf(rule) {
    if (rule.Writable)
        return null;
    return rule.file.startsWith("/run/vfiod/")
        ? "This rule lasts until the next boot. Its file cannot be edited or removed here. You can disable the rule, or write a copy that counts instead."
        : "This rule comes with the system or a package. Its file cannot be edited or removed. You can disable the rule, or write a copy that counts instead.";
}

function Fact({ term, children }) {
    if (!children)
        return null;
    return (
        <DescriptionListGroup>
            <DescriptionListTerm>{term}</DescriptionListTerm>
            <DescriptionListDescription>{children}</DescriptionListDescription>
        </DescriptionListGroup>
    );
}

function companionsOf(list) {
    if (list.length === 0)
        return "None: a device that shares its group with others is refused";
    return list.includes("all") ? "All other devices of the group" : list.join(", ");
}

function Settings({ rule }) {
    const { Address, Path, Vendor, Device, Subsystem, Class, Driver, Companions, Override, VirtualFunctions } = rule.settings;
    return (
        <DescriptionList isHorizontal isCompact columnModifier={{ lg: "2Col" }}>
            <Fact term="Address">{Address}</Fact>
            <Fact term="Place">{Path}</Fact>
            <Fact term="Vendor">{Vendor}</Fact>
            <Fact term="Device">{Device}</Fact>
            <Fact term="Subsystem">{Subsystem}</Fact>
            <Fact term="Class">{Class}</Fact>
            <Fact term="Virtual functions">{VirtualFunctions}</Fact>
            <Fact term="Driver">{Driver}</Fact>
            <Fact term="Companions">{Companions && companionsOf(Companions)}</Fact>
            <Fact term="Overrides">{Override && Override.join(", ")}</Fact>
            <Fact term="File">{rule.file}</Fact>
        </DescriptionList>
    );
}

function Match({ match: { address, status, message, Changing }, device }) {
    const [label, color] = STATUSES[status] || [status, undefined];
    return (
        <ListItem data-match={address} data-status={status} data-changing={Boolean(Changing)}>
            <Flex columnGap={{ default: "columnGapSm" }} rowGap={{ default: "rowGapXs" }}>
                <FlexItem><a href={href("device", address)}>{address}</a></FlexItem>
                {device && <FlexItem>{deviceName(device)}</FlexItem>}
                <FlexItem><Label isCompact variant="outline" status={color}>{label}</Label></FlexItem>
                {Changing && <FlexItem><Label isCompact variant="outline" status="info">A job works on it</Label></FlexItem>}
            </Flex>
            {message && <Content component="small">{message}</Content>}
        </ListItem>
    );
}

function Matches({ rule, devices }) {
    if (rule.matches.length === 0)
        return rule.state === "active"
            ? <Content component="p">No device: none is like that, or a rule above matches it first.</Content>
            : null;
    return (
        <List isPlain isBordered>
            {rule.matches.map(match => (
                <Match key={match.address} match={match} device={devices.find(one => one.Address === match.address)} />
            ))}
        </List>
    );
}

function Fault({ rule }) {
    return (
        <Alert isInline variant="danger" component="h3" data-fault={rule.line}
            title={rule.line > 0 ? cockpit.format("Line $0: $1", rule.line, rule.reason) : rule.reason}>
            <Content component="p">The rule has no effect until its file is correct. Edit it here or with this command:</Content>
            <Cure text={`vfioctl rule edit ${rule.name}`} />
        </Alert>
    );
}

function EnabledSwitch({ rule, admin, busy, run }) {
    return (
        <Switch id={`enabled-${rule.name}`} label="Enabled" isChecked={rule.enabled} isDisabled={busy || !rule.path}
            aria-label={cockpit.format("Rule $0 is enabled", rule.name)} {...needsAccess(admin)}
            onChange={(_event, on) => run(on)} />
    );
}

export function RuleCard({ rule, place, devices, admin, onEdit, onRemove }) {
    const [error, setError] = useState(null);
    const [busy, setBusy] = useState(false);
    const [label, color] = STATES[rule.state] || [rule.state, undefined];
    const origin = originOf(rule);
    const run = on => {
        setBusy(true);
        setError(null);
        vfiod.command(rule.path, "Rule", "SetEnabled", "ba{sv}", on, { "version-id": variant("t", rule.version) })
            .catch(setError).finally(() => setBusy(false));
    };
    return (
        <Card component="section" aria-label={cockpit.format("Rule $0", rule.name)} data-rule={rule.name} data-state={rule.state} data-place={place}>
            <CardHeader actions={{ hasNoOffset: true, actions: <EnabledSwitch rule={rule} admin={admin} busy={busy} run={run} /> }}>
                <CardTitle component="h2">{place}. {rule.name} <Label isCompact variant="outline" status={color}>{label}</Label></CardTitle>
            </CardHeader>
            <CardBody>
                <Stack hasGutter>
                    {error && <StackItem><Failure title="The rule was not changed" error={error} /></StackItem>}
                    {rule.state === "off" && <StackItem><Fault rule={rule} /></StackItem>}
                    {rule.state !== "off" && rule.state !== "active" && rule.reason && <StackItem><Content component="p">{rule.reason}</Content></StackItem>}
                    <StackItem><Settings rule={rule} /></StackItem>
                    <StackItem><Matches rule={rule} devices={devices} /></StackItem>
                    {origin && <StackItem><Content component="small" data-origin="">{origin}</Content></StackItem>}
                    <StackItem>
                        <Flex>
                            {rule.path && rule.state !== "masked" && <FlexItem>
                                <Button variant="secondary" data-edit={rule.name} onClick={onEdit} {...needsAccess(admin)}
                                    aria-label={cockpit.format(origin ? "Write a copy of rule $0" : "Edit rule $0", rule.name)}>
                                    {origin ? "Write a copy…" : "Edit…"}
                                </Button>
                            </FlexItem>}
                            {!origin && <FlexItem>
                                <Button variant="link" isDanger data-remove={rule.name} onClick={onRemove} {...needsAccess(admin)}
                                    aria-label={cockpit.format("Remove rule $0", rule.name)}>
                                    Remove…
                                </Button>
                            </FlexItem>}
                        </Flex>
                    </StackItem>
                </Stack>
            </CardBody>
        </Card>
    );
}
