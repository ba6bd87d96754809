// SPDX-License-Identifier: GPL-2.0-or-later
// The state of the IOMMU, and what a diagnosis of the host finds.
import {
    Alert, Bullseye, Button, Card, CardBody, CardTitle, Content, DescriptionList, DescriptionListDescription, DescriptionListGroup,
    DescriptionListTerm, ExpandableSection, Label, List, ListItem, PageSection, Spinner, Stack, StackItem,
} from "@patternfly/react-core";

import { Cure, Failure } from "./failure.jsx";
import { _, format, ngettext } from "./i18n.js";
import { Said } from "./said.jsx";
import { useAnswer } from "./use-vfiod.js";
import { details, vfiod } from "./vfiod.js";
import { severity } from "./words.js";

const IOMMU = { on: [_("On"), "success"], off: [_("Off"), "danger"], absent: [_("Not there"), "danger"] };

async function diagnose(selector) {
    const [rows] = await vfiod.call("Diagnose", "sa{sv}", selector, {});
    return rows.map(([code, level, finding, cure, dictionary]) => ({ code, level, finding, cure, details: details(dictionary) }));
}

function Fact({ term, children }) {
    return (
        <DescriptionListGroup>
            <DescriptionListTerm>{term}</DescriptionListTerm>
            <DescriptionListDescription>{children}</DescriptionListDescription>
        </DescriptionListGroup>
    );
}

function Check({ check }) {
    return (
        <Alert isInline variant={severity(check.level)} title={<Said text={check.finding} />} component="h3" data-code={check.code}>
            {check.cure && <Cure text={check.cure} />}
        </Alert>
    );
}

// The findings of a diagnosis: what is wrong first. `selector` is "" for the host.
export function Diagnosis({ selector, keys }) {
    const { answer, error, loading, again } = useAnswer(() => diagnose(selector), [selector, ...keys]);
    const wrong = (answer || []).filter(check => check.level === "error" || check.level === "warning")
        .sort((a, b) => a.level.localeCompare(b.level));
    const fine = (answer || []).filter(check => !wrong.includes(check));
    return (
        <Card component="section" id="diagnosis" isFullHeight>
            <CardTitle component="h2">{_("Diagnosis")}</CardTitle>
            <CardBody>
                <Stack hasGutter>
                    {loading && !answer && <Bullseye><Spinner aria-label={_("The diagnosis runs")} /></Bullseye>}
                    {error && <StackItem><Failure title={_("The diagnosis failed")} error={error} /></StackItem>}
                    {answer && wrong.length === 0 && <StackItem><Alert isInline variant="success" component="h3" title={selector ? _("Nothing keeps virtual machines from using the device.") : _("Nothing keeps virtual machines from using devices.")} /></StackItem>}
                    {wrong.map((check, i) => <StackItem key={i}><Check check={check} /></StackItem>)}
                    {fine.length > 0 && <StackItem>
                        <ExpandableSection toggleText={format(ngettext("$0 check without a problem", "$0 checks without a problem", fine.length), fine.length)}>
                            <List>{fine.map((check, i) => <ListItem key={i}><Said text={check.finding} /></ListItem>)}</List>
                        </ExpandableSection>
                    </StackItem>}
                    <StackItem><Button variant="secondary" isLoading={loading} isDisabled={loading} onClick={again}>{_("Diagnose again")}</Button></StackItem>
                </Stack>
            </CardBody>
        </Card>
    );
}

export function Overview({ state: { manager, devices } }) {
    const [label, status] = IOMMU[manager.Iommu] || [manager.Iommu, "warning"];
    const count = word => devices.filter(device => device.Availability === word).length;
    return (
        <PageSection>
            <Stack hasGutter>
                <StackItem>
                    <Card component="section" id="iommu">
                        <CardTitle component="h2">{_("This host")}</CardTitle>
                        <CardBody>
                            <DescriptionList isHorizontal isCompact>
                                <Fact term="IOMMU"><Label status={status} data-iommu={manager.Iommu}>{label}</Label></Fact>
                                {manager.IommuReason && <Fact term={_("Why")}><Said text={manager.IommuReason} /></Fact>}
                                <Fact term={_("Devices")}>
                                    {format(_("$0 functions in $1 groups"), manager.DeviceCount, manager.GroupCount)}
                                </Fact>
                                <Fact term={_("Available")}>{count("available")}</Fact>
                                <Fact term={_("Detached")}>{manager.DetachedCount}</Fact>
                                <Fact term="vfiod">{manager.Version}</Fact>
                            </DescriptionList>
                            {manager.IommuWarning && <Alert isInline variant="warning" component="h3" title={_("Virtual machines may fail")}>
                                <Content component="p"><Said text={manager.IommuWarning} /></Content>
                            </Alert>}
                        </CardBody>
                    </Card>
                </StackItem>
                <StackItem><Diagnosis selector="" keys={[manager.Iommu]} /></StackItem>
            </Stack>
        </PageSection>
    );
}
