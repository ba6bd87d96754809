// SPDX-License-Identifier: GPL-2.0-or-later
// Groups that go back to the host unless somebody confirms.
import { useState } from "react";
import { Alert, AlertActionLink, PageSection, Stack, StackItem } from "@patternfly/react-core";

import { Failure } from "./failure.jsx";
import { _, format, ngettext } from "./i18n.js";
import { useAnswer } from "./use-vfiod.js";
import { vfiod } from "./vfiod.js";
import { awaited, deviceName } from "./words.js";

const cockpit = window.cockpit;

// So many devices of a group are named.
const NAMED = 3;

// If an answer takes longer, in milliseconds, the time at which it was made is not exact enough. Then /proc/uptime is read again.
const QUICK = 500, READINGS_MAX = 5;

// When the clock of the host that counts since the boot, also while it sleeps, was 0: by the clock of the browser, in milliseconds.
async function readBoot() {
    let best = { took: Infinity };
    for (let i = 0; i < READINGS_MAX && best.took > QUICK; i++) {
        const asked = performance.now();
        const uptime = parseFloat(await cockpit.file("/proc/uptime").read());
        if (!Number.isFinite(uptime))
            throw new Error("/proc/uptime");
        const took = performance.now() - asked;
        if (took < best.took)
            best = { took, boot: Date.now() - took / 2 - uptime * 1000 };
    }
    return best.boot;
}

function titleOf(group, devices, boot) {
    const members = group.Members.map(address => devices.find(one => one.Address === address)).filter(one => one && one.Endpoint);
    if (members.length === 0 || boot === undefined || group.RevertWaitsFor)
        return format(_("The devices of group $0 go back to the host unless you confirm."), group.Number);
    const names = members.slice(0, NAMED).map(deviceName).join(", ");
    const more = members.length - NAMED;
    const time = new Date(boot + group.RevertAt / 1000).toLocaleTimeString(document.documentElement.lang);
    return format(ngettext("$0 (group $1) goes back to the host at $2 unless you confirm.", "$0 (group $1) go back to the host at $2 unless you confirm.",
                           members.length),
                  more > 0 ? format(ngettext("$0, and $1 more", "$0, and $1 more", more), names, more) : names, group.Number, time);
}

function Trial({ group, devices }) {
    const { answer: boot } = useAnswer(readBoot, [group.RevertAt]);
    const [error, setError] = useState(null);
    const [busy, setBusy] = useState(false);
    const confirm = () => {
        setBusy(true);
        vfiod.call("Confirm", "sa{sv}", `group:${group.Number}`, {}).then(
            () => setError(null), setError).finally(() => setBusy(false));
    };
    return (
        <Stack hasGutter>
            <StackItem>
                <Alert isInline variant="info" component="h2" data-trial={group.Number}
                    title={titleOf(group, devices, boot)}
                    actionLinks={<AlertActionLink isDisabled={busy} onClick={confirm}>{_("Keep them detached")}</AlertActionLink>}>
                    {group.RevertWaitsFor && format(_("vfiod waits for $0."), awaited(group.RevertWaitsFor))}
                </Alert>
            </StackItem>
            {error && <StackItem><Failure title={_("It was not confirmed")} error={error} /></StackItem>}
        </Stack>
    );
}

export function Trials({ groups, devices }) {
    const pending = [...groups.values()].filter(group => group.RevertAt > 0);
    if (pending.length === 0)
        return null;
    return (
        <PageSection>
            <Stack hasGutter>{pending.map(group => <StackItem key={group.Number}><Trial group={group} devices={devices} /></StackItem>)}</Stack>
        </PageSection>
    );
}
