// SPDX-License-Identifier: GPL-2.0-or-later
// Groups that go back to the host unless somebody confirms.
import { useState } from "react";
import { Alert, AlertActionLink, PageSection, Stack, StackItem } from "@patternfly/react-core";

import { Failure } from "./failure.jsx";
import { vfiod } from "./vfiod.js";

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
                    title={`The devices of group ${group.Number} go back to the host unless you confirm.`}
                    actionLinks={<AlertActionLink isDisabled={busy} onClick={confirm}>Keep them detached</AlertActionLink>}>
                    {group.RevertWaitsFor && `vfiod waits for ${group.RevertWaitsFor}.`}
                </Alert>
            </StackItem>
            {error && <StackItem><Failure title="It was not confirmed" error={error} /></StackItem>}
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
