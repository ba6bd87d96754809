// SPDX-License-Identifier: GPL-2.0-or-later
// A running job with its progress, and the list of jobs.
import { useState } from "react";
import {
    Alert, Button, Card, CardBody, CardTitle, Content, EmptyState, EmptyStateBody, PageSection, Progress, Stack, StackItem,
} from "@patternfly/react-core";

import { Cure, Failure, NotKnown } from "./failure.jsx";
import { _, format } from "./i18n.js";
import { Said } from "./said.jsx";
import { href } from "./use-vfiod.js";
import { vfiod } from "./vfiod.js";
import { action, awaited, jobState, jobTitle } from "./words.js";

// A job that runs: step by step, with a button that cancels it.
export function JobProgress({ job }) {
    const [asked, setAsked] = useState(null); // what Cancel answered
    const cancel = () => vfiod.cancel(job.path).then(([state, message]) => setAsked({ state, message }), error => setAsked({ error }));
    const step = format(_("Step $0 of $1"), job.Step, job.Steps);
    const cancelled = job.Cancelled || job.State === "cancelling";
    return (
        <Stack hasGutter data-job={job.Number} data-state={job.State}>
            <StackItem>
                <Progress value={job.Steps > 0 ? 100 * Math.max(0, job.Step - 1) / job.Steps : 0} title={jobState(job.State)}
                    label={step} valueText={step} measureLocation="outside"
                    aria-label={jobTitle(job)} helperText={format(_("$0: $1"), action(job.Action), job.Address)}
                    variant={job.State === "stuck" ? "danger" : undefined} />
            </StackItem>
            {job.WaitsFor && <StackItem><Alert isInline isPlain variant="warning" component="p" title={format(_("The step waits for $0."), awaited(job.WaitsFor))} /></StackItem>}
            {asked && asked.error && <StackItem><Failure title={_("The job was not cancelled")} error={asked.error} /></StackItem>}
            {asked && asked.message && <StackItem><Content component="p"><Said text={asked.message} /></Content></StackItem>}
            <StackItem><Button variant="secondary" isDisabled={cancelled} onClick={cancel}>{cancelled ? _("Cancelling") : _("Cancel the job")}</Button></StackItem>
        </Stack>
    );
}

function when(microseconds) {
    return new Date(microseconds / 1000).toLocaleString();
}

// What everybody gets from vfiod instead of the reason. Only the caller has got the reason, and the journal.
const HIDDEN = /^Only the caller and root get the reason/;

function Reason({ job: { Message, DeviceAddresses: [address] } }) {
    return HIDDEN.test(Message) && address
        ? <a href={href("device", address)}>{_("The history of the device has the reason.")}</a>
        : <Said text={Message} />;
}

function EndedJob({ job }) {
    const failed = job.State === "failed";
    return (
        <Alert isInline variant={failed ? "danger" : "success"} component="h3" data-ended={job.Number} data-state={job.State}
            title={format(_("$0: $1"), jobTitle(job), jobState(job.State))}>
            {failed && <Content component="p"><Reason job={job} /></Content>}
            {failed && job.Cure && <Cure text={job.Cure} />}
            <Content component="small">{job.DeviceAddresses.join(", ")}{job.Ended && ` · ${when(job.Ended)}`}</Content>
        </Alert>
    );
}

export function Jobs({ state: { jobs, endedJobs, jobsError } }) {
    if (jobs.length === 0 && !endedJobs)
        return <PageSection><NotKnown error={jobsError} /></PageSection>;
    if (jobs.length === 0 && endedJobs.length === 0)
        return (
            <PageSection>
                <EmptyState titleText={_("No jobs")} headingLevel="h2" variant="sm">
                    <EmptyStateBody>{_("Since vfiod started, nothing was detached or reattached.")}</EmptyStateBody>
                </EmptyState>
            </PageSection>
        );
    return (
        <PageSection>
            <Stack hasGutter>
                {jobs.map(job => (
                    <StackItem key={job.path}>
                        <Card component="section">
                            <CardTitle component="h2">{jobTitle(job)}</CardTitle>
                            <CardBody><JobProgress job={job} /></CardBody>
                        </Card>
                    </StackItem>
                ))}
                {endedJobs && endedJobs.length > 0 && <StackItem>
                    <Card component="section" id="ended-jobs">
                        <CardTitle component="h2">{_("Ended jobs")}</CardTitle>
                        <CardBody>
                            <Stack hasGutter>{endedJobs.map(job => <StackItem key={job.Number}><EndedJob job={job} /></StackItem>)}</Stack>
                        </CardBody>
                    </Card>
                </StackItem>}
            </Stack>
        </PageSection>
    );
}
