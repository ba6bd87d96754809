// SPDX-License-Identifier: GPL-2.0-or-later
// The whole page: navigation, state of the connection, and the view of the address.
import { useEffect } from "react";
import {
    Alert, AlertActionLink, Bullseye, Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, Nav, NavItem, NavList, Page,
    PageSection, Spinner,
} from "@patternfly/react-core";

import { Boundary } from "./boundary.jsx";
import { DevicePage } from "./device-page.jsx";
import { Devices } from "./devices.jsx";
import { _, format } from "./i18n.js";
import { Jobs } from "./job.jsx";
import { Leases } from "./leases.jsx";
import { Overview } from "./overview.jsx";
import { Rules } from "./rules.jsx";
import { Topology } from "./topology.jsx";
import { Trials } from "./trials.jsx";
import { href, usePath, useVfiod } from "./use-vfiod.js";
import { vfiod } from "./vfiod.js";
import { VirtualFunctions } from "./virtual-functions.jsx";

// Cockpit has the sidebar.
const NO_SIDEBAR = { "--pf-v6-c-page__sidebar--Width--base": "0px" };

function View({ path: [view, argument], state }) {
    switch (view) {
    case "overview": return <Overview state={state} />;
    case "jobs": return <Jobs state={state} />;
    case "rules": return <Rules state={state} />;
    case "virtual-functions": return <VirtualFunctions state={state} />;
    case "leases": return <Leases state={state} />;
    case "topology": return <Topology state={state} wanted={argument} />;
    case "device": return <DevicePage key={argument} address={argument} state={state} />;
    default: return <Devices state={state} />;
    }
}

function Navigation({ view, jobs }) {
    const items = [
        ["", _("Devices")],
        ["topology", _("Topology")],
        ["overview", _("Overview")],
        ["rules", _("Rules")],
        ["virtual-functions", _("Virtual functions")],
        ["leases", _("Leases")],
        ["jobs", jobs > 0 ? format(_("Jobs ($0)"), jobs) : _("Jobs")],
    ];
    // On a small screen, only some views fit.
    useEffect(() => {
        document.querySelector("nav .pf-m-current")?.scrollIntoView({ block: "nearest", inline: "center" });
    }, [view]);
    return (
        <Nav variant="horizontal-subnav" aria-label={_("Views")}>
            <NavList>
                {items.map(([name, label]) => (
                    <NavItem key={name} itemId={name} to={name ? href(name) : href()} isActive={name === (view || "")}>{label}</NavItem>
                ))}
            </NavList>
        </Nav>
    );
}

function NoConnection({ problem }) {
    return (
        <EmptyState status="danger" titleText={_("There is no connection to vfiod")} headingLevel="h1">
            <EmptyStateBody>{problem}</EmptyStateBody>
            <EmptyStateBody>{_("The command “systemctl status vfiod” tells more.")}</EmptyStateBody>
            <EmptyStateFooter>
                <EmptyStateActions><Button onClick={() => vfiod.retry()}>{_("Connect again")}</Button></EmptyStateActions>
            </EmptyStateFooter>
        </EmptyState>
    );
}

export function App() {
    const state = useVfiod();
    const path = usePath();
    if (state.phase === "failed")
        return <Page className="pf-m-no-sidebar" style={NO_SIDEBAR}><PageSection isFilled><NoConnection problem={state.problem} /></PageSection></Page>;
    // Before the first answer, signals can tell of single devices.
    if (state.phase === "connecting" && !state.manager.path)
        return <Page className="pf-m-no-sidebar" style={NO_SIDEBAR}><PageSection isFilled><Bullseye><Spinner aria-label={_("Asking vfiod for the devices")} /></Bullseye></PageSection></Page>;
    return (
        <Page className="pf-m-no-sidebar" style={NO_SIDEBAR} isContentFilled horizontalSubnav={<Navigation view={path[0]} jobs={state.jobs.length} />} data-phase={state.phase}>
            {state.phase === "lost" && <PageSection>
                <Alert isInline variant="warning" component="h2" id="lost" title={_("vfiod does not answer. What you see may be old.")}
                    actionLinks={<AlertActionLink onClick={() => vfiod.retry()}>{_("Connect again")}</AlertActionLink>}>
                    {state.problem}
                </Alert>
            </PageSection>}
            <Trials groups={state.groups} devices={state.devices} />
            <Boundary key={path.join("/")}><View path={path} state={state} /></Boundary>
        </Page>
    );
}
