// SPDX-License-Identifier: GPL-2.0-or-later
// The physical functions of SR-IOV, with the virtual functions of each.
import { useState } from "react";
import {
    Alert, AlertActionCloseButton, Button, Card, CardBody, CardTitle, Content, EmptyState, EmptyStateBody, Flex, FlexItem,
    Label, List, ListItem, PageSection, Stack, StackItem, Title,
} from "@patternfly/react-core";

import { AccessNote, needsAccess } from "./access.jsx";
import { AvailabilityLabel } from "./device-card.jsx";
import { _, format } from "./i18n.js";
import { JobProgress } from "./job.jsx";
import { href } from "./use-vfiod.js";
import { VirtualFunctionsDialog } from "./vf-dialog.jsx";
import { deviceName, hostNames } from "./words.js";

// So many virtual functions of a device are shown at first.
const SHOWN = 16;

function VirtualFunction({ address, device }) {
    const names = device ? hostNames(device) : [];
    return (
        <ListItem data-vf={address}>
            <Flex columnGap={{ default: "columnGapSm" }} rowGap={{ default: "rowGapXs" }}>
                <FlexItem><a href={href("device", address)}>{address}</a></FlexItem>
                {device && <FlexItem><AvailabilityLabel device={device} /></FlexItem>}
                {device && <FlexItem>{device.Driver ? format(_("Driver $0"), device.Driver) : _("No driver")}</FlexItem>}
                {names.length > 0 && <FlexItem>{names.join(", ")}</FlexItem>}
            </Flex>
        </ListItem>
    );
}

function PhysicalFunction({ device, devices, job, admin, onSet }) {
    const [whole, setWhole] = useState(false);
    const addresses = device.VirtualFunctions;
    const shown = whole ? addresses : addresses.slice(0, SHOWN);
    return (
        <Card component="section" aria-label={format(_("Virtual functions of $0"), device.Address)} data-pf={device.Address}
            data-count={addresses.length}>
            <CardTitle component="h2">
                <a href={href("device", device.Address)}>{deviceName(device)}</a>{" "}
                <Label isCompact>{format(_("$0 of $1"), addresses.length, device.VirtualFunctionsMax)}</Label>
            </CardTitle>
            <CardBody>
                <Stack hasGutter>
                    <StackItem>
                        <Content component="small">
                            {[device.Address, device.Driver ? format(_("Driver $0"), device.Driver) : _("No driver"), ...hostNames(device)].join(" · ")}
                        </Content>
                    </StackItem>
                    {job && <StackItem><JobProgress job={job} /></StackItem>}
                    {addresses.length === 0
                        ? <StackItem><Content component="p">{_("It has no virtual functions now.")}</Content></StackItem>
                        : <StackItem>
                            <List isPlain isBordered>
                                {shown.map(address => (
                                    <VirtualFunction key={address} address={address} device={devices.get(address)} />
                                ))}
                            </List>
                        </StackItem>}
                    {shown.length < addresses.length && <StackItem>
                        <Button variant="link" isInline onClick={() => setWhole(true)}>
                            {format(_("Show all $0 virtual functions"), addresses.length)}
                        </Button>
                    </StackItem>}
                    <StackItem>
                        <Button variant="secondary" data-set={device.Address} isDisabled={Boolean(job)} onClick={onSet} {...needsAccess(admin)}
                            aria-label={format(_("Set the number of virtual functions of $0"), device.Address)}>
                            {_("Set the number…")}
                        </Button>
                    </StackItem>
                </Stack>
            </CardBody>
        </Card>
    );
}

function jobOf(device, jobs) {
    return jobs.find(job => job.DeviceAddresses.includes(device.Address) ||
        device.VirtualFunctions.some(address => job.DeviceAddresses.includes(address)));
}

export function VirtualFunctions({ state }) {
    const [chosen, setChosen] = useState(null); // the address of the open dialog
    const [news, setNews] = useState(null);
    const physical = state.devices.filter(device => device.VirtualFunctionsMax > 0);
    const devices = new Map(state.devices.map(device => [device.Address, device]));
    const open = physical.find(device => device.Address === chosen);
    return (
        <>
            <PageSection>
                <Stack hasGutter>
                    <StackItem>
                        <Title headingLevel="h1" size="2xl">{_("Virtual functions")}</Title>
                        <Content component="p">{_("A card with SR-IOV can be divided: each of its virtual functions is a device for a virtual machine.")}</Content>
                    </StackItem>
                    {state.admin === false && <StackItem><AccessNote admin={state.admin} /></StackItem>}
                    {news && <StackItem>
                        <Alert isInline variant="success" component="h2" title={news} id="news" isLiveRegion
                            actionClose={<AlertActionCloseButton onClose={() => setNews(null)} />} />
                    </StackItem>}
                </Stack>
            </PageSection>
            <PageSection>
                {physical.length === 0
                    ? <EmptyState titleText={_("No device can have virtual functions")} headingLevel="h2" variant="sm">
                        <EmptyStateBody>{_("Some cards can, but SR-IOV is off in the settings of the firmware. Look there if you expect one here.")}</EmptyStateBody>
                    </EmptyState>
                    : <Stack hasGutter>
                        {physical.map(device => (
                            <StackItem key={device.path}>
                                <PhysicalFunction device={device} devices={devices} job={jobOf(device, state.jobs)} admin={state.admin}
                                    onSet={() => { setNews(null); setChosen(device.Address) }} />
                            </StackItem>
                        ))}
                    </Stack>}
            </PageSection>
            {open && <VirtualFunctionsDialog device={open} devices={devices} job={jobOf(open, state.jobs)}
                onClose={() => setChosen(null)} onNews={setNews} />}
        </>
    );
}
