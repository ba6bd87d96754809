// SPDX-License-Identifier: GPL-2.0-or-later
// The dialog that ends a lease: who has the devices open, then the confirmation, and force as a second step.
import { useState } from "react";
import {
    Alert, Button, Checkbox, Content, ExpandableSection, List, ListItem, Modal, ModalBody, ModalFooter, ModalHeader, Spinner, Stack, StackItem,
} from "@patternfly/react-core";

import { Failure } from "./failure.jsx";
import { holderText, listHolders } from "./holders.js";
import { _, format } from "./i18n.js";
import { useAnswer, useFinish } from "./use-vfiod.js";
import { variant, vfiod } from "./vfiod.js";

export function Holders({ lease }) {
    const { answer, error } = useAnswer(() => listHolders(`group:${lease.GroupNumber}`), [lease.GroupNumber, lease.State, lease.Holder]);
    if (error)
        return <Failure title={_("It is not known who has the devices open")} error={error} />;
    if (!answer)
        return <Spinner size="lg" aria-label={_("vfiod searches for processes")} />;
    if (answer.length === 0)
        return <Content component="p">{_("No process has the devices open.")}</Content>;
    return (
        <>
            <Content component="p">{_("These processes have the devices open, and can use them until they close them:")}</Content>
            <List>{answer.map((holder, i) => <ListItem key={i} data-holder={holder.pid}>{holderText(holder)}</ListItem>)}</List>
        </>
    );
}

function Force({ isForced, force }) {
    const [isOpen, setOpen] = useState(false);
    return (
        <ExpandableSection toggleText={_("Release by force")} isExpanded={isOpen} onToggle={(_event, open) => setOpen(open)} id="force">
            {isOpen && <Stack hasGutter>
                <StackItem>
                    <Alert isInline variant="warning" component="h3" title={_("The device can be stuck for hours")}>
                        <Content component="p">{_("The kernel asks the process to give the device back, and waits until it does. Meanwhile nobody can use the device.")}</Content>
                    </Alert>
                </StackItem>
                <StackItem>
                    <Checkbox id="force-check" label={_("Take the devices although a process has them open")} isChecked={isForced}
                        onChange={(_event, on) => force(on)} />
                </StackItem>
            </Stack>}
        </ExpandableSection>
    );
}

export function ReleaseDialog({ lease, user, onClose, onNews }) {
    const finish = useFinish(onClose, onNews);
    const [isForced, force] = useState(false);
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState(null);
    const submit = async () => {
        setBusy(true);
        setError(null);
        try {
            await vfiod.release(lease.path, isForced ? { force: variant("b", true) } : {});
            finish(format(_("Lease $0 is ending"), lease.Number));
        } catch (problem) {
            setError(problem);
            setBusy(false);
        }
    };
    return (
        <Modal isOpen variant="small" onClose={() => onClose()} aria-labelledby="release-title" aria-describedby="release-body" id="release-dialog">
            <ModalHeader title={format(_("Release lease $0?"), lease.Number)} labelId="release-title" titleIconVariant="warning" titleScreenReaderText={_("Warning:")}
                description={format(_("Of $0"), user)} />
            <ModalBody id="release-body">
                {lease.hasEnded
                    ? <Alert isInline variant="info" component="h3" id="release-ended" title={_("This lease has ended.")} />
                    : <Stack hasGutter>
                        {error && <StackItem><Failure title={_("The lease was not released")} error={error} /></StackItem>}
                        <StackItem>
                            <Content component="p">{_("The user may not open the devices any more. When no process has them open, they go back to the host, if the lease had detached them.")}</Content>
                        </StackItem>
                        {lease.GroupNumber >= 0 && <StackItem id="lease-holders"><Holders lease={lease} /></StackItem>}
                        <StackItem><Force isForced={isForced} force={force} /></StackItem>
                    </Stack>}
            </ModalBody>
            <ModalFooter>
                {!lease.hasEnded && <Button variant="danger" id="release-submit" isLoading={busy} isDisabled={busy} onClick={submit}>
                    {isForced ? _("Release by force") : _("Release")}
                </Button>}
                <Button variant="link" onClick={() => onClose()}>{lease.hasEnded ? _("Close") : _("Cancel")}</Button>
            </ModalFooter>
        </Modal>
    );
}
