// SPDX-License-Identifier: GPL-2.0-or-later
// The leases: which users may use which devices, and since when.
import { useState } from "react";
import {
    Alert, AlertActionCloseButton, Button, Card, CardBody, CardHeader, CardTitle, Content, DescriptionList, DescriptionListDescription,
    DescriptionListGroup, DescriptionListTerm, EmptyState, EmptyStateBody, Label, PageSection, Stack, StackItem, Title,
} from "@patternfly/react-core";

import { AccessNote, needsAccess } from "./access.jsx";
import { _, format } from "./i18n.js";
import { Holders, ReleaseDialog } from "./release-dialog.jsx";
import { href, useAnswer } from "./use-vfiod.js";
import { awaited, deviceName } from "./words.js";

const cockpit = window.cockpit;

const STATES = {
    "starting": [_("Starting"), "info", _("The group is being detached, or the user gets access.")],
    "unclaimed": [_("Not claimed yet"), "info", _("The user has not connected yet. A lease that nobody claims ends by itself.")],
    "active": [_("Active"), "success", _("The user may use the devices.")],
    "ending": [_("Ending"), "info", _("The access is taken away, and the devices go back to the host.")],
    "lingering": [_("A process still uses it"), "warning", _("The lease has ended, but a process still has a device open.")],
};

// The names of users, by their number: of the users that the host itself has.
async function readUsers() {
    const text = await cockpit.file("/etc/passwd").read();
    return new Map((text || "").split("\n").map(line => line.split(":")).filter(fields => fields.length > 3)
        .map(fields => [Number(fields[2]), fields[0]]));
}

export function userName(users, uid) {
    const name = users && users.get(uid);
    return name ? format(_("$0 (user $1)"), name, uid) : format(_("User $0"), uid);
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

function Devices({ addresses, devices }) {
    return addresses.map(address => {
        const device = devices.find(one => one.Address === address);
        return (
            <div key={address}><a href={href("device", address)}>{address}</a>{device && ` ${deviceName(device)}`}</div>
        );
    });
}

function LeaseCard({ lease, devices, users, admin, onRelease }) {
    const [label, color, sentence] = STATES[lease.State] || [lease.State, undefined, ""];
    return (
        <Card component="section" aria-label={format(_("Lease $0"), lease.Number)} data-lease={lease.Number} data-state={lease.State}>
            <CardHeader actions={{ hasNoOffset: true, actions: (
                <Button variant="secondary" isDanger data-release={lease.Number} isDisabled={lease.State === "starting"} onClick={onRelease}
                    aria-label={format(_("Release lease $0"), lease.Number)} {...needsAccess(admin)}>
                    {_("Release…")}
                </Button>
            ) }}>
                <CardTitle component="h2">
                    {format(_("Lease $0"), lease.Number)} <Label isCompact variant="outline" status={color}>{label}</Label>
                </CardTitle>
            </CardHeader>
            <CardBody>
                <Stack hasGutter>
                    {sentence && <StackItem><Content component="p">{sentence}</Content></StackItem>}
                    {lease.Holder && <StackItem>
                        <Alert isInline variant="warning" component="h3" title={format(_("The lease waits for $0."), awaited(lease.Holder))} />
                    </StackItem>}
                    {lease.State === "lingering" && lease.GroupNumber >= 0 && <StackItem><Holders lease={lease} /></StackItem>}
                    <StackItem>
                        <DescriptionList isHorizontal isCompact columnModifier={{ lg: "2Col" }}>
                            <Fact term={_("User")}>{userName(users, lease.Uid)}</Fact>
                            <Fact term={_("Process")}>{lease.Pid > 0 && lease.State !== "lingering" && format(_("Until process $0 ends"), lease.Pid)}</Fact>
                            <Fact term={_("Since")}>{new Date(lease.Since / 1000).toLocaleString()}</Fact>
                            <Fact term={_("Group")}>{lease.GroupNumber >= 0 && String(lease.GroupNumber)}</Fact>
                            <Fact term={_("Devices")}>{lease.DeviceAddresses.length > 0 && <Devices addresses={lease.DeviceAddresses} devices={devices} />}</Fact>
                            <Fact term={lease.Descriptors ? _("Opened") : _("Nodes")}>{lease.Nodes.join(", ")}</Fact>
                        </DescriptionList>
                    </StackItem>
                </Stack>
            </CardBody>
        </Card>
    );
}

export function Leases({ state }) {
    const [chosen, setChosen] = useState(null); // the number of the lease of the open dialog
    const [news, setNews] = useState(null);
    const { answer: users } = useAnswer(readUsers, []);
    const open = chosen !== null && (state.leases.find(lease => lease.Number === chosen.Number) || { ...chosen, hasEnded: true });
    return (
        <>
            <PageSection>
                <Stack hasGutter>
                    <StackItem>
                        <Title headingLevel="h1" size="2xl">{_("Leases")}</Title>
                        <Content component="p">{_("With a lease, a user may use devices until a program of this user ends.")}</Content>
                    </StackItem>
                    {state.admin === false && <StackItem><AccessNote admin={state.admin} /></StackItem>}
                    {news && <StackItem>
                        <Alert isInline variant="success" component="h2" title={news} id="news" isLiveRegion
                            actionClose={<AlertActionCloseButton onClose={() => setNews(null)} />} />
                    </StackItem>}
                </Stack>
            </PageSection>
            <PageSection id="leases">
                {state.leases.length === 0
                    ? <EmptyState titleText={_("There are no leases")} headingLevel="h2" variant="sm">
                        <EmptyStateBody>{_("The command “vfioctl lease” starts one.")}</EmptyStateBody>
                    </EmptyState>
                    : <Stack hasGutter>
                        {state.leases.map(lease => (
                            <StackItem key={lease.path}>
                                <LeaseCard lease={lease} devices={state.devices} users={users} admin={state.admin}
                                    onRelease={() => { setNews(null); setChosen(lease) }} />
                            </StackItem>
                        ))}
                    </Stack>}
            </PageSection>
            {open && <ReleaseDialog lease={open} user={userName(users, open.Uid)} onClose={() => setChosen(null)} onNews={setNews} />}
        </>
    );
}
