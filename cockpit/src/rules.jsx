// SPDX-License-Identifier: GPL-2.0-or-later
// The rules: which devices vfiod detaches by itself, in the order of precedence.
import { useState } from "react";
import {
    Alert, AlertActionCloseButton, Button, Content, EmptyState, EmptyStateBody, Flex, FlexItem, Modal, ModalBody, ModalFooter, ModalHeader,
    PageSection, Stack, StackItem, Title,
} from "@patternfly/react-core";

import { AccessNote, needsAccess } from "./access.jsx";
import { Failure, NotKnown } from "./failure.jsx";
import { _, format } from "./i18n.js";
import { RuleCard } from "./rule-card.jsx";
import { RuleDialog } from "./rule-dialog.jsx";
import { useFinish } from "./use-vfiod.js";
import { details, matchOf, variant, vfiod } from "./vfiod.js";

const MANAGER = "/org/vfiod1";

// So many rules are shown at first.
const SHOWN = 50;

// A rule as the views use it. The object is newer than the row of the list; a file whose name is not valid has no object.
function ruleOf(row, objects) {
    const object = objects.find(one => one.Name === row.name);
    return {
        name: row.name,
        Writable: row.Writable,
        path: object && object.path,
        file: object ? object.Path : row.file,
        state: object ? object.State : row.state,
        enabled: object ? object.Enabled : row.Enabled !== false,
        reason: object ? object.Reason : row.Fault || "",
        line: object ? object.Line : row.Line || 0,
        matches: object ? object.Matches.map(matchOf) : row.matches,
        settings: object ? details(object.Settings) : {},
        text: object ? object.Text : "",
        version: object ? object.VersionId : 0,
    };
}

function RemoveDialog({ rule, onClose, onNews }) {
    const finish = useFinish(onClose, onNews);
    const [error, setError] = useState(null);
    const [busy, setBusy] = useState(false);
    // Of the rule that the user has seen.
    const [version] = useState(rule.version);
    const isOld = !busy && rule.version !== version;
    const submit = async () => {
        setBusy(true);
        setError(null);
        try {
            await vfiod.changeRules(MANAGER, "Manager", "ChangeRules", "a(ssa{sv})a{sv}",
                                    [[rule.name, "delete", { VersionId: variant("t", version) }]], {});
            finish(format(_("Rule $0 was removed"), rule.name));
        } catch (problem) {
            setError(problem);
            setBusy(false);
        }
    };
    return (
        <Modal isOpen variant="small" onClose={() => onClose()} aria-labelledby="remove-title" aria-describedby="remove-body" id="remove-dialog">
            <ModalHeader title={format(_("Remove rule $0?"), rule.name)} labelId="remove-title" titleIconVariant="warning" titleScreenReaderText={_("Warning:")} />
            <ModalBody id="remove-body">
                <Stack hasGutter>
                    {error && <StackItem><Failure title={_("The rule was not removed")} error={error} /></StackItem>}
                    {isOld && <StackItem><Alert isInline variant="warning" component="h3" id="remove-old" title={_("Somebody else has changed this rule")}>
                        <Content component="p">{_("Close this dialog and look at the rule again.")}</Content>
                    </Alert></StackItem>}
                    <StackItem><Content component="p">{format(_("vfiod deletes the file $0."), rule.file)}</Content></StackItem>
                    <StackItem><Content component="p">{_("Devices do not change now: what is detached stays detached until somebody reattaches it. If a package has a rule of the same name, that rule counts again.")}</Content></StackItem>
                </Stack>
            </ModalBody>
            <ModalFooter>
                <Button variant="danger" id="remove-submit" isLoading={busy} isDisabled={busy || isOld} onClick={submit}>{_("Remove")}</Button>
                <Button variant="link" onClick={() => onClose()}>{_("Cancel")}</Button>
            </ModalFooter>
        </Modal>
    );
}

function NoRules() {
    return (
        <EmptyState titleText={_("There are no rules")} headingLevel="h2" variant="sm">
            <EmptyStateBody>{_("With a rule, vfiod detaches a device whenever the host starts or the device is plugged in.")}</EmptyStateBody>
        </EmptyState>
    );
}

export function Rules({ state }) {
    const [open, setOpen] = useState(null); // the dialog: { kind: "add", "edit" or "remove", rule }
    const [news, setNews] = useState(null);
    const [whole, setWhole] = useState(false);
    const rules = (state.ruleFiles || []).map(row => ruleOf(row, state.rules));
    const shown = whole ? rules : rules.slice(0, SHOWN);
    const close = () => setOpen(null);
    // The dialog shows the rule as it is now.
    const chosen = open && open.rule && (rules.find(one => one.name === open.rule.name) || open.rule);
    return (
        <>
            <PageSection>
                <Stack hasGutter>
                    <StackItem>
                        <Flex alignItems={{ default: "alignItemsCenter" }}>
                            <FlexItem><Title headingLevel="h1" size="2xl">{_("Rules")}</Title></FlexItem>
                            <FlexItem align={{ default: "alignLeft", md: "alignRight" }}>
                                <Button id="add-rule" onClick={() => setOpen({ kind: "add" })} {...needsAccess(state.admin)}>{_("Add a rule…")}</Button>
                            </FlexItem>
                        </Flex>
                        <Content component="p">{_("vfiod detaches the devices of these rules by itself. If several rules match a device, only the first one counts.")}</Content>
                    </StackItem>
                    {state.admin === false && <StackItem><AccessNote admin={state.admin} /></StackItem>}
                    {news && <StackItem>
                        <Alert isInline variant="success" component="h2" title={news} id="news" isLiveRegion
                            actionClose={<AlertActionCloseButton onClose={() => setNews(null)} />} />
                    </StackItem>}
                </Stack>
            </PageSection>
            <PageSection id="rules">
                {rules.length === 0
                    ? state.ruleFiles ? <NoRules /> : <NotKnown error={state.rulesError} />
                    : <Stack hasGutter>
                        {shown.map((rule, i) => (
                            <StackItem key={rule.name}>
                                <RuleCard rule={rule} place={i + 1} devices={state.devices} admin={state.admin}
                                    onEdit={() => setOpen({ kind: "edit", rule })} onRemove={() => setOpen({ kind: "remove", rule })} />
                            </StackItem>
                        ))}
                        {shown.length < rules.length && <StackItem>
                            <Button variant="link" isInline onClick={() => setWhole(true)}>{format(_("Show all $0 rules"), rules.length)}</Button>
                        </StackItem>}
                    </Stack>}
            </PageSection>
            {open && open.kind === "remove" && <RemoveDialog rule={chosen} onClose={close} onNews={setNews} />}
            {open && open.kind !== "remove" && <RuleDialog rule={chosen} state={state} onClose={close} onNews={setNews} />}
        </>
    );
}
