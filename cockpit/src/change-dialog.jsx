// SPDX-License-Identifier: GPL-2.0-or-later
// The dialog of a detach or a reattach: the plan first, then consent and overrides, then the job.
import { useState } from "react";
import {
    Alert, Button, Checkbox, Content, ExpandableSection, Form, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, Spinner, Stack, StackItem,
} from "@patternfly/react-core";

import { Failure } from "./failure.jsx";
import { _, format } from "./i18n.js";
import { JobProgress } from "./job.jsx";
import { Finding, Steps, Warnings, makePlan } from "./plan.jsx";
import { useAnswer, useFinish } from "./use-vfiod.js";
import { variant, vfiod } from "./vfiod.js";
import { deviceName, hostNames } from "./words.js";

const VERBS = {
    detach: {
        method: "Detach", label: _("Detach"), done: _("Detached: $0, $1"),
        failed: _("Detach failed"), overridden: _("Override and detach"),
    },
    reattach: {
        method: "Reattach", label: _("Reattach"), done: _("Reattached: $0, $1"),
        failed: _("Reattach failed"), overridden: _("Override and reattach"),
    },
};

// How long a trial lasts, in microseconds.
const TRIAL = 120000000;

function toggled(list, item, on) {
    return on ? [...list, item] : list.filter(other => other !== item);
}

// The options of the call, as the user has chosen.
function optionsOf({ companions, override, switches, trial }) {
    const options = {};
    if (companions.length > 0)
        options.companions = variant("as", companions);
    if (override.length > 0)
        options.override = variant("as", override);
    for (const name of switches)
        options[name] = variant("b", true);
    if (trial)
        options["revert-after"] = variant("t", TRIAL);
    return options;
}

// What else of the group goes along: each device must be ticked.
function Companions({ devices, chosen, choose }) {
    return (
        <FormGroup role="group" fieldId="companions" label={_("These devices share the IOMMU group. Tick each one to detach it, too.")}>
            {devices.map(device => (
                <Checkbox key={device.Address} id={`companion-${device.Address}`} isChecked={chosen.includes(device.Address)}
                    label={`${deviceName(device)}, ${device.Address}`} description={hostNames(device).join(", ") || undefined}
                    onChange={(_event, on) => choose(toggled(chosen, device.Address, on))} />
            ))}
        </FormGroup>
    );
}

// What refuses can be overridden, but only after a second, deliberate step.
export function Overrides({ items, isOpen, setOpen, isChosen, choose }) {
    return (
        <ExpandableSection toggleText={_("Override the checks")} isExpanded={isOpen} onToggle={(_event, open) => setOpen(open)} id="overrides">
            {isOpen && <Stack hasGutter>
                <StackItem>
                    <Alert isInline variant="warning" component="h3" title={_("The host may lose data or connections")}>
                        <Content component="p">
                            {_("Without these checks, vfiod takes the device away while it is in use. Override only what you know to be harmless.")}
                        </Content>
                    </Alert>
                </StackItem>
                {items.map(item => (
                    <StackItem key={item.id}>
                        <Checkbox id={`override-${item.id}`} label={item.label} isChecked={isChosen(item)} onChange={(_event, on) => choose(item, on)} />
                    </StackItem>
                ))}
            </Stack>}
        </ExpandableSection>
    );
}

// Guards by name, and the options "force" and "adopt".
function overridesOf(plan, choice) {
    const items = new Map();
    for (const { name, details } of plan.findings)
        for (const option of details.Options || [])
            if (option === "override")
                items.set(name, { id: name, guard: name, label: format(_("Override “$0”"), name) });
            else if (option === "force")
                items.set(option, { id: option, option, label: _("Unbind the device although a process has it open. This can take hours.") });
            else if (option === "adopt")
                items.set(option, { id: option, option, label: _("Also take devices that another program has bound.") });
    for (const name of choice.override)
        if (!items.has(name))
            items.set(name, { id: name, guard: name, label: format(_("Override “$0”"), name) });
    return [...items.values()];
}

// The plan of the choice before is shown until there is a new one, but it decides nothing: isCurrent is false.
function usePlan(device, verb, choice) {
    const key = JSON.stringify([device.Address, verb, choice, device.Availability]);
    const { answer, error, loading } = useAnswer(async () => ({ key, ...await makePlan(device.Address, verb, optionsOf(choice)) }), [key]);
    return { plan: answer, planError: error, loading, isCurrent: Boolean(answer) && answer.key === key };
}

export function ChangeDialog({ verb, device, state, onClose, onNews }) {
    const finish = useFinish(onClose, onNews);
    const words = VERBS[verb];
    const [choice, setChoice] = useState({ companions: [], override: [], switches: [], trial: false });
    const [overriding, setOverriding] = useState(false);
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState(null);
    const { plan, planError, loading, isCurrent } = usePlan(device, verb, choice);

    const others = verb === "detach"
        ? state.devices.filter(other => other.Endpoint && device.GroupNumber >= 0 && other.GroupNumber === device.GroupNumber &&
            other.Address !== device.Address)
        : [];
    const items = plan ? overridesOf(plan, choice) : [];
    const findings = plan ? plan.findings.filter(one => one.name !== "consent") : [];
    const job = state.jobs.find(one => one.DeviceAddresses.includes(device.Address));

    const submit = async () => {
        setBusy(true);
        setError(null);
        try {
            await vfiod.change(words.method, "sa{sv}", device.Address, { ...optionsOf(choice), plan: variant("s", plan.fingerprint) });
            finish(format(words.done, deviceName(device), device.Address));
        } catch (problem) {
            setError(problem);
            setBusy(false);
        }
    };
    const overridden = choice.override.length > 0 || choice.switches.length > 0;
    return (
        <Modal isOpen variant="medium" onClose={() => onClose()} aria-labelledby="change-title" aria-describedby="change-body" id="change-dialog">
            <ModalHeader title={words.label} labelId="change-title" description={`${deviceName(device)}, ${device.Address}`} />
            <ModalBody id="change-body">
                <Stack hasGutter>
                    {error && <StackItem><Failure title={words.failed} error={error} /></StackItem>}
                    {planError && <StackItem><Failure title={_("There is nothing to plan")} error={planError} /></StackItem>}
                    {!plan && loading && <StackItem><Spinner size="lg" aria-label={_("vfiod makes the plan")} /></StackItem>}
                    {busy && job && <StackItem><JobProgress job={job} /></StackItem>}
                    {busy && !job && <StackItem><Spinner size="lg" aria-label={_("The job starts")} /></StackItem>}
                    {plan && !busy && <>
                        {others.length > 0 && <StackItem>
                            <Form onSubmit={event => event.preventDefault()}>
                                <Companions devices={others} chosen={choice.companions} choose={companions => setChoice({ ...choice, companions })} />
                            </Form>
                        </StackItem>}
                        {findings.map((one, i) => <StackItem key={i}><Finding finding={one} /></StackItem>)}
                        <Warnings warnings={plan.warnings} />
                        {items.length > 0 && <StackItem>
                            <Overrides items={items} isOpen={overriding} setOpen={setOverriding}
                                isChosen={({ guard, option }) => guard ? choice.override.includes(guard) : choice.switches.includes(option)}
                                choose={({ guard, option }, on) => setChoice(guard
                                    ? { ...choice, override: toggled(choice.override, guard, on) }
                                    : { ...choice, switches: toggled(choice.switches, option, on) })} />
                        </StackItem>}
                        {verb === "detach" && plan.steps.length > 0 && <StackItem>
                            <Checkbox id="trial" isChecked={choice.trial} onChange={(_event, trial) => setChoice({ ...choice, trial })}
                                label={_("Only try it: after two minutes, the devices go back to the host unless you confirm")}
                                description={findings.some(one => one.name === "network")
                                    ? _("Recommended here: the host uses a network interface of the group, and your own connection may need it.")
                                    : undefined} />
                        </StackItem>}
                        {plan.steps.length > 0 && <StackItem><Steps steps={plan.steps} /></StackItem>}
                    </>}
                </Stack>
            </ModalBody>
            <ModalFooter>
                <Button variant={overridden ? "danger" : "primary"} onClick={submit} id="change-submit"
                    isDisabled={busy || !isCurrent || !plan.wouldGo} isLoading={busy}>
                    {overridden ? words.overridden : words.label}
                </Button>
                <Button variant="link" onClick={() => onClose()}>{busy ? _("Close, and let the job run") : _("Close")}</Button>
            </ModalFooter>
        </Modal>
    );
}
