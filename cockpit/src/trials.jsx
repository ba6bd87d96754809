// SPDX-License-Identifier: GPL-2.0-or-later
// Groups that go back to the host unless somebody confirms.
import { useState } from "react";
import { Alert, AlertActionLink, PageSection, Stack, StackItem } from "@patternfly/react-core";

import { Failure } from "./failure.jsx";
import { _, format } from "./i18n.js";
import { vfiod } from "./vfiod.js";
import { awaited } from "./words.js";

function Trial({ group }) {
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
                    title={format(_("The devices of group $0 go back to the host unless you confirm."), group.Number)}
                    actionLinks={<AlertActionLink isDisabled={busy} onClick={confirm}>{_("Keep them detached")}</AlertActionLink>}>
                    {group.RevertWaitsFor && format(_("vfiod waits for $0."), awaited(group.RevertWaitsFor))}
                </Alert>
            </StackItem>
            {error && <StackItem><Failure title={_("It was not confirmed")} error={error} /></StackItem>}
        </Stack>
    );
}

export function Trials({ groups }) {
    const pending = [...groups.values()].filter(group => group.RevertAt > 0);
    if (pending.length === 0)
        return null;
    return (
        <PageSection>
            <Stack hasGutter>{pending.map(group => <StackItem key={group.Number}><Trial group={group} /></StackItem>)}</Stack>
        </PageSection>
    );
}
