// SPDX-License-Identifier: GPL-2.0-or-later
// One device: facts, group, plan, holders, and what can be done with it.
import { useState } from "react";
import {
    Alert, AlertActionCloseButton, Breadcrumb, BreadcrumbItem, Button, Card, CardBody, CardTitle, Content, DescriptionList,
    DescriptionListDescription, DescriptionListGroup, DescriptionListTerm, EmptyState, EmptyStateBody, Flex, FlexItem, Grid, GridItem,
    Label, List, ListItem, PageSection, Spinner, Stack, StackItem, Title,
} from "@patternfly/react-core";

import { ChangeDialog } from "./change-dialog.jsx";
import { AvailabilityLabel } from "./device-card.jsx";
import { Failure } from "./failure.jsx";
import { Fragment } from "./fragment.jsx";
import { History } from "./history.jsx";
import { holderText, listHolders } from "./holders.js";
import { _, format } from "./i18n.js";
import { JobProgress } from "./job.jsx";
import { Diagnosis } from "./overview.jsx";
import { PlanView, makePlan } from "./plan.jsx";
import { Said } from "./said.jsx";
import { href, useAnswer } from "./use-vfiod.js";
import { variant } from "./vfiod.js";
import { availability, deviceName, hostNames, ids, link } from "./words.js";

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

function DeviceLink({ address }) {
    return <a href={href("device", address)}>{address}</a>;
}

function Facts({ device }) {
    const names = hostNames(device);
    return (
        <Card component="section" isFullHeight id="facts">
            <CardTitle component="h2">{_("Device")}</CardTitle>
            <CardBody>
                <DescriptionList isHorizontal isCompact>
                    <Fact term={_("Address")}>{device.Address}</Fact>
                    <Fact term={_("Vendor")}>{device.VendorName}</Fact>
                    <Fact term={_("Subsystem")}>{device.SubsystemName}</Fact>
                    <Fact term={_("Kind")}>{device.ClassName}</Fact>
                    <Fact term={_("Ids")}>{ids(device)}</Fact>
                    <Fact term={_("Driver")}>{device.Driver || _("none")}</Fact>
                    <Fact term={_("Driver of the host")}>{device.OriginalDriver}</Fact>
                    <Fact term={_("Names in the host")}>{names.join(", ")}</Fact>
                    <Fact term={_("PCIe link")}>{link(device)}</Fact>
                    <Fact term={_("NUMA node")}>{device.NumaNode >= 0 && String(device.NumaNode)}</Fact>
                    <Fact term={_("Reset by")}>{device.ResetMethods.join(", ") || _("the kernel cannot reset it")}</Fact>
                    <Fact term={_("Node")}>{device.Node}</Fact>
                    <Fact term={_("Rule")}>{device.MatchedRule}</Fact>
                    <Fact term={_("Physical function")}>{device.PhysicalFunction && <DeviceLink address={device.PhysicalFunction} />}</Fact>
                    <Fact term={_("Virtual functions")}>
                        {device.VirtualFunctionsMax > 0 && format(_("$0 of $1"), device.VirtualFunctions.length, device.VirtualFunctionsMax)}
                    </Fact>
                </DescriptionList>
            </CardBody>
        </Card>
    );
}

// While the devices are with the host, their own drivers are no obstacle: a detach removes them.
function blockersOf(group, members) {
    return group.Blockers.filter(([address]) =>
        group.State === "partial" || members.some(member => member.Address === address && member.Endpoint === false));
}

function Group({ group, devices, address }) {
    const members = group.Members.map(address => devices.find(device => device.Address === address) || { Address: address });
    return (
        <Card component="section" isFullHeight id="group">
            <CardTitle component="h2">{format(_("IOMMU group $0"), group.Number)}</CardTitle>
            <CardBody>
                <Stack hasGutter>
                    <StackItem>
                        <Content component="p">
                            {members.length === 1 ? _("The device is alone in its group.") : _("A virtual machine gets these devices only together.")}
                        </Content>
                    </StackItem>
                    <StackItem>
                        <List isPlain isBordered>
                            {members.map(member => (
                                <ListItem key={member.Address}>
                                    <DeviceLink address={member.Address} /> {deviceName(member)} {member.Endpoint === false && <Label isCompact>{_("stays with the host")}</Label>}
                                </ListItem>
                            ))}
                        </List>
                    </StackItem>
                    <StackItem><a href={href("topology", address)} id="show-in-topology">{_("Show in the topology")}</a></StackItem>
                    {blockersOf(group, members).map(([address, driver, reason]) => (
                        <StackItem key={address}><Alert isInline variant="warning" component="h3" title={<>{format(_("$0 ($1)"), address, driver)}: <Said text={reason} /></>} /></StackItem>
                    ))}
                </Stack>
            </CardBody>
        </Card>
    );
}

// The plan of a device that nobody changes. It asks again when the device changes.
function Plan({ device, verb }) {
    const options = verb === "detach" ? { companions: variant("as", ["*"]) } : {};
    const { answer, error, loading } = useAnswer(() => makePlan(device.Address, verb, options), [device, verb]);
    return (
        <Card component="section" isFullHeight id="plan">
            <CardTitle component="h2">{verb === "detach" ? _("What a detach would do") : _("What a reattach would do")}</CardTitle>
            <CardBody>
                {loading && !answer && <Spinner size="lg" aria-label={_("vfiod makes the plan")} />}
                {error && <Content component="p"><Said text={error.message} /></Content>}
                {answer && <PlanView plan={answer} />}
            </CardBody>
        </Card>
    );
}

function Holders({ device }) {
    const { answer, error, loading, again } = useAnswer(() => listHolders(device.Address), [device]);
    return (
        <Card component="section" isFullHeight id="holders">
            <CardTitle component="h2">{_("Processes that have it open")}</CardTitle>
            <CardBody>
                <Stack hasGutter>
                    {error && <StackItem><Failure title={_("The search failed")} error={error} /></StackItem>}
                    {answer && answer.length === 0 && <StackItem><Content component="p">{_("None.")}</Content></StackItem>}
                    {answer && answer.length > 0 && <StackItem>
                        <List>{answer.map((holder, i) => (
                            <ListItem key={i}>{holderText(holder)}</ListItem>
                        ))}</List>
                    </StackItem>}
                    <StackItem><Button variant="secondary" isLoading={loading} isDisabled={loading} onClick={again}>{_("Search again")}</Button></StackItem>
                </Stack>
            </CardBody>
        </Card>
    );
}

function verbOf(device) {
    return ["detached", "partial", "foreign", "absent"].includes(device.Availability) ? "reattach" : "detach";
}

export function DevicePage({ address, state }) {
    const [verb, setVerb] = useState(null); // of the open dialog
    const [news, setNews] = useState(null);
    const device = state.devices.find(one => one.Address === address);
    if (!device)
        return (
            <PageSection>
                <EmptyState titleText={_("There is no such device")} headingLevel="h2">
                    <EmptyStateBody>{format(_("The host has no device at $0 now."), address)} <a href={href()}>{_("All devices")}</a></EmptyStateBody>
                </EmptyState>
            </PageSection>
        );
    const group = state.groups.get(device.GroupNumber);
    const job = state.jobs.find(one => one.DeviceAddresses.includes(address));
    const planned = verbOf(device);
    const busy = Boolean(job) || device.Availability === "changing" || device.Availability === "stuck";
    const canDetach = device.Endpoint && !busy && planned === "detach" && device.Availability !== "leased";
    const canReattach = device.Endpoint && !busy && planned === "reattach";
    return (
        <>
            <PageSection>
                <Stack hasGutter>
                    <StackItem>
                        <Breadcrumb aria-label={_("Path")}>
                            <BreadcrumbItem to={href()}>{_("Devices")}</BreadcrumbItem>
                            <BreadcrumbItem isActive>{address}</BreadcrumbItem>
                        </Breadcrumb>
                    </StackItem>
                    <StackItem>
                        <Flex alignItems={{ default: "alignItemsCenter" }}>
                            <FlexItem><Title headingLevel="h1" size="2xl">{deviceName(device)}</Title></FlexItem>
                            <FlexItem><AvailabilityLabel device={device} /></FlexItem>
                            <FlexItem align={{ default: "alignLeft", md: "alignRight" }}>
                                {planned === "detach"
                                    ? <Button id="detach" isDisabled={!canDetach} onClick={() => setVerb("detach")}>{_("Detach…")}</Button>
                                    : <Button id="reattach" isDisabled={!canReattach} onClick={() => setVerb("reattach")}>{_("Reattach…")}</Button>}
                            </FlexItem>
                        </Flex>
                        <Content component="p">{availability(device.Availability).sentence}</Content>
                    </StackItem>
                    {news && <StackItem>
                        <Alert isInline variant="success" component="h2" title={news} id="news" isLiveRegion
                            actionClose={<AlertActionCloseButton onClose={() => setNews(null)} />} />
                    </StackItem>}
                    {job && !verb && <StackItem>
                        <Card component="section"><CardTitle component="h2">{_("A job works on the group")}</CardTitle><CardBody><JobProgress job={job} /></CardBody></Card>
                    </StackItem>}
                </Stack>
            </PageSection>
            <PageSection>
                <Grid hasGutter lg={6}>
                    <GridItem><Facts device={device} /></GridItem>
                    {group && <GridItem><Group group={group} devices={state.devices} address={address} /></GridItem>}
                    {device.Endpoint && !busy && <GridItem><Plan device={device} verb={planned} /></GridItem>}
                    {device.Endpoint && <GridItem><Fragment device={device} /></GridItem>}
                    {device.Endpoint && <GridItem><Holders device={device} /></GridItem>}
                    {device.Endpoint && <GridItem><Diagnosis selector={address} keys={[device.Availability]} /></GridItem>}
                    <GridItem lg={12}><History address={address} /></GridItem>
                </Grid>
            </PageSection>
            {verb && <ChangeDialog verb={verb} device={device} state={state} onClose={() => { setVerb(null); setNews(null) }} onNews={setNews} />}
        </>
    );
}
