// SPDX-License-Identifier: GPL-2.0-or-later
// One rule: what it matches and does, what became of the devices, and what is wrong with it.
import { useState } from "react";
import {
    Alert, Button, Card, CardBody, CardHeader, CardTitle, Content, DescriptionList, DescriptionListDescription, DescriptionListGroup,
    DescriptionListTerm, Flex, FlexItem, Label, List, ListItem, Stack, StackItem, Switch,
} from "@patternfly/react-core";

import { needsAccess } from "./access.jsx";
import { Cure, Failure } from "./failure.jsx";
import { FaultText } from "./fault.jsx";
import { _, format } from "./i18n.js";
import { Said } from "./said.jsx";
import { href } from "./use-vfiod.js";
import { variant, vfiod } from "./vfiod.js";
import { deviceName } from "./words.js";

const STATES = {
    "active": [_("Active"), "success"],
    "off": [_("Off: it has an error"), "danger"],
    "masked": [_("Masked"), undefined],
    "disabled": [_("Disabled"), undefined],
};

const STATUSES = {
    "applied": [_("Applied"), "success"],
    "waiting": [_("Waits until the device is free"), "info"],
    "refused": [_("Refused"), "danger"],
    "released": [_("Given back to the host"), "warning"],
    "other-card": [_("Another card is in the slot"), "warning"],
};

// What a rule that cannot be changed in place says about that. `null` for a rule of /etc.
export function originOf(rule) {
    if (rule.Writable)
        return null;
    return rule.file.startsWith("/run/vfiod/")
        ? _("This rule lasts until the next boot. Its file cannot be edited or removed here. You can disable the rule, or write a copy that counts instead.")
        : _("This rule comes with the system or a package. Its file cannot be edited or removed. You can disable the rule, or write a copy that counts instead.");
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
        return _("None: a device that shares its group with others is refused");
    return list.includes("all") ? _("All other devices of the group") : list.join(", ");
}

function Settings({ rule }) {
    const { Address, Path, Vendor, Device, Subsystem, Class, Driver, Companions, Override, VirtualFunctions } = rule.settings;
    return (
        <DescriptionList isHorizontal isCompact columnModifier={{ lg: "2Col" }}>
            <Fact term={_("Address")}>{Address}</Fact>
            <Fact term={_("Path")}>{Path}</Fact>
            <Fact term={_("Vendor")}>{Vendor}</Fact>
            <Fact term={_("Device")}>{Device}</Fact>
            <Fact term={_("Subsystem")}>{Subsystem}</Fact>
            <Fact term={_("Class")}>{Class}</Fact>
            <Fact term={_("Virtual functions")}>{VirtualFunctions}</Fact>
            <Fact term={_("Driver")}>{Driver}</Fact>
            <Fact term={_("Companions")}>{Companions && companionsOf(Companions)}</Fact>
            <Fact term={_("Overrides")}>{Override && Override.join(", ")}</Fact>
            <Fact term={_("File")}>{rule.file}</Fact>
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
                {Changing && <FlexItem><Label isCompact variant="outline" status="info">{_("A job works on it")}</Label></FlexItem>}
            </Flex>
            {message && <Content component="small"><Said text={message} /></Content>}
        </ListItem>
    );
}

function Matches({ rule, devices }) {
    if (rule.matches.length === 0)
        return <Content component="p">{_("No device matches, or a rule above comes first.")}</Content>;
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
            title={<FaultText line={rule.line} text={rule.reason} />}>
            {rule.path
                ? <>
                    <Content component="p">{_("The rule has no effect until its file is correct. Edit it here or with this command:")}</Content>
                    <Cure text={["vfioctl rule edit", rule.name].join(" ")} />
                </>
                : <Content component="p">{_("The rule has no effect. Give the file another name, or remove it by hand.")}</Content>}
        </Alert>
    );
}

function EnabledSwitch({ rule, admin, busy, run }) {
    return (
        <Switch id={`enabled-${rule.name}`} label={_("Enabled")} isChecked={rule.enabled} isDisabled={busy || !rule.path || rule.state === "off"}
            aria-label={format(_("Rule $0 is enabled"), rule.name)} {...needsAccess(admin)}
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
        vfiod.changeRules(rule.path, "Rule", "SetEnabled", "ba{sv}", on, { "version-id": variant("t", rule.version) })
            .catch(setError).finally(() => setBusy(false));
    };
    return (
        <Card component="section" aria-label={format(_("Rule $0"), rule.name)} data-rule={rule.name} data-state={rule.state} data-place={place}>
            <CardHeader actions={{ hasNoOffset: true, actions: <EnabledSwitch rule={rule} admin={admin} busy={busy} run={run} /> }}>
                <CardTitle component="h2">{place}. {rule.name} <Label isCompact variant="outline" status={color}>{label}</Label></CardTitle>
            </CardHeader>
            <CardBody>
                <Stack hasGutter>
                    {error && <StackItem><Failure title={_("The rule was not changed")} error={error} /></StackItem>}
                    {rule.state === "off" && <StackItem><Fault rule={rule} /></StackItem>}
                    {rule.state !== "off" && rule.state !== "active" && rule.reason && <StackItem><Content component="p"><Said text={rule.reason} /></Content></StackItem>}
                    <StackItem><Settings rule={rule} /></StackItem>
                    {(rule.matches.length > 0 || rule.state === "active") && <StackItem><Matches rule={rule} devices={devices} /></StackItem>}
                    {origin && <StackItem><Content component="small" data-origin="">{origin}</Content></StackItem>}
                    <StackItem>
                        <Flex>
                            {rule.path && rule.state !== "masked" && <FlexItem>
                                <Button variant="secondary" data-edit={rule.name} onClick={onEdit} {...needsAccess(admin)}
                                    aria-label={format(origin ? _("Write a copy of rule $0") : _("Edit rule $0"), rule.name)}>
                                    {origin ? _("Write a copy…") : _("Edit…")}
                                </Button>
                            </FlexItem>}
                            {rule.path && !origin && <FlexItem>
                                <Button variant="link" isDanger data-remove={rule.name} onClick={onRemove} {...needsAccess(admin)}
                                    aria-label={format(_("Remove rule $0"), rule.name)}>
                                    {_("Remove…")}
                                </Button>
                            </FlexItem>}
                        </Flex>
                    </StackItem>
                </Stack>
            </CardBody>
        </Card>
    );
}
