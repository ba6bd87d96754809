// SPDX-License-Identifier: GPL-2.0-or-later
// The dialog that sets the number of virtual functions: what would happen first, then overrides, then the job.
import { useState } from "react";
import {
    Alert, Button, Content, Form, FormGroup, FormHelperText, HelperText, HelperTextItem, List, ListItem, Modal, ModalBody, ModalFooter,
    ModalHeader, NumberInput, Radio, Spinner, Stack, StackItem, TextInput,
} from "@patternfly/react-core";

import { Overrides } from "./change-dialog.jsx";
import { Cure, Failure } from "./failure.jsx";
import { _, format, ngettext } from "./i18n.js";
import { JobProgress } from "./job.jsx";
import { Finding } from "./plan.jsx";
import { useAnswer, useFinish } from "./use-vfiod.js";
import { details, variant, vfiod } from "./vfiod.js";
import { availability } from "./words.js";

const MANAGER = "/org/vfiod1";

// If an error has no details, it is not known which guard refuses.
const GUARDS = ["virtual-functions", "network", "storage", "display", "console", "memory", "process"];

const USES = [
    { id: "host", label: _("The host"), description: _("The kernel binds the driver that fits.") },
    { id: "detach", label: _("Virtual machines"), description: _("vfiod detaches them. No driver of the host binds to them.") },
    { id: "driverless", label: _("Nothing yet"), description: _("They get no driver.") },
];

function optionsOf({ use, driver, override }) {
    const options = {};
    if (use !== "host")
        options[use] = variant("b", true);
    if (use === "detach" && driver)
        options.driver = variant("s", driver);
    if (override.length > 0)
        options.override = variant("as", override);
    return options;
}

const METHOD = "SetVirtualFunctions", TYPE = "sua{sv}";

function argumentsOf(device, choice) {
    return [device.Address, choice.count, optionsOf(choice)];
}

// What vfiod would do for the choice of this key: `nothing`, or the error with its findings.
async function dryRun(device, choice, key) {
    try {
        const [changes] = await vfiod.check(MANAGER, "Manager", METHOD, TYPE, ...argumentsOf(device, choice));
        return { key, nothing: changes.length > 0 || (choice.count === 0 && device.VirtualFunctions.length === 0), findings: [] };
    } catch (error) {
        const rows = (error.details && error.details.Findings) || [];
        const findings = rows.map(([name, address, evidence, overridden, facts]) =>
            ({ name, address, evidence, overridden, details: details(facts) }));
        return { key, error, findings };
    }
}

// The guards that refuse now, and those that are overridden already.
function guardsOf(plan, choice) {
    const names = new Set(choice.override);
    if (plan && plan.error) {
        const { Override, Options } = plan.error.details || {};
        const isGuard = /\.VirtualFunctionsInUse$/.test(plan.error.name || "");
        for (const name of Override || (isGuard && !Options && plan.findings.length === 0 ? GUARDS : []))
            names.add(name);
    }
    return [...names].map(name => ({ id: name, guard: name, label: format(_("Override “$0”"), name) }));
}

function Refusal({ plan: { error, findings } }) {
    const shown = findings.filter(one => !one.overridden);
    if (shown.length === 0)
        return <Failure title={_("vfiod would refuse")} error={error} />;
    return (
        <Stack hasGutter data-error={(error.name || "").replace(/^.*\./, "")}>
            {shown.map((one, i) => <StackItem key={i}><Finding finding={one} /></StackItem>)}
            {error.details.Cure && !shown.some(one => one.details.Cure) && <StackItem><Cure text={error.details.Cure} /></StackItem>}
        </Stack>
    );
}

// So many functions that disappear are listed: first those that are not just with the host.
const LISTED = 12;

function Gone({ addresses, devices }) {
    const word = address => devices.get(address) && devices.get(address).Availability;
    const used = addresses.filter(address => word(address) !== "available");
    const all = [...used, ...addresses.filter(address => word(address) === "available")];
    return (
        <List>
            {all.slice(0, LISTED).map(address => (
                <ListItem key={address} data-gone={address}>
                    {word(address) ? format(_("$0: $1"), address, availability(word(address)).label) : address}
                </ListItem>
            ))}
            {all.length > LISTED && <ListItem>{format(_("and $0 more"), all.length - LISTED)}</ListItem>}
        </List>
    );
}

function Steps({ device, devices, choice }) {
    const { VirtualFunctions: now } = device;
    return (
        <Stack hasGutter id="vf-steps">
            {now.length > 0 && <StackItem>
                <Alert isInline variant="warning" component="h3"
                    title={format(ngettext("$0 virtual function disappears", "$0 virtual functions disappear", now.length), now.length)}>
                    <Content component="p">{_("The kernel can change the number only when it removes all of them. The new ones are new devices.")}</Content>
                    <Gone addresses={now} devices={devices} />
                </Alert>
            </StackItem>}
            <StackItem>
                <Content component="p" data-new={choice.count}>
                    {choice.count === 0
                        ? _("vfiod creates no new virtual functions.")
                        : format(ngettext("vfiod creates $0 virtual function.", "vfiod creates $0 virtual functions.", choice.count), choice.count)}
                </Content>
            </StackItem>
        </Stack>
    );
}

function Choice({ device, choice, setChoice }) {
    const most = device.VirtualFunctionsMax;
    const setCount = count => setChoice({ ...choice, count: Math.min(most, Math.max(0, Math.trunc(count) || 0)) });
    return (
        <Form onSubmit={event => event.preventDefault()}>
            <FormGroup label={_("Number of virtual functions")} fieldId="vf-count">
                <NumberInput value={choice.count} min={0} max={most} inputProps={{ id: "vf-count", "aria-describedby": "vf-count-help" }}
                    inputAriaLabel={_("Number of virtual functions")} minusBtnAriaLabel={_("One fewer")} plusBtnAriaLabel={_("One more")}
                    onMinus={() => setCount(choice.count - 1)} onPlus={() => setCount(choice.count + 1)}
                    onChange={event => setCount(Number(event.target.value))} />
                <FormHelperText><HelperText id="vf-count-help"><HelperTextItem>
                    {format(_("Now $0, at most $1"), device.VirtualFunctions.length, most)}
                </HelperTextItem></HelperText></FormHelperText>
            </FormGroup>
            {choice.count > 0 && <FormGroup role="radiogroup" fieldId="vf-use" label={_("Use the new functions for")}>
                {USES.map(({ id, label, description }) => (
                    <Radio key={id} id={`vf-use-${id}`} name="vf-use" label={label} description={description} isChecked={choice.use === id}
                        onChange={() => setChoice({ ...choice, use: id })} />
                ))}
            </FormGroup>}
            {choice.count > 0 && choice.use === "detach" && <FormGroup label={_("vfio driver")} fieldId="vf-driver">
                <TextInput id="vf-driver" value={choice.driver} aria-describedby="vf-driver-help"
                    onChange={(_event, driver) => setChoice({ ...choice, driver })} />
                <FormHelperText><HelperText id="vf-driver-help"><HelperTextItem>{_("Empty: vfiod chooses the driver.")}</HelperTextItem></HelperText></FormHelperText>
            </FormGroup>}
        </Form>
    );
}

function Plan({ plan, device, devices, choice }) {
    if (plan.nothing)
        return <Alert isInline isPlain variant="info" component="p" id="vf-nothing" title={_("The number is the same.")} />;
    return (
        <Stack hasGutter>
            {plan.error && <StackItem><Refusal plan={plan} /></StackItem>}
            <StackItem><Steps device={device} devices={devices} choice={choice} /></StackItem>
        </Stack>
    );
}

export function VirtualFunctionsDialog({ device, devices, job, onClose, onNews }) {
    const finish = useFinish(onClose, onNews);
    const [choice, setChoice] = useState({ count: device.VirtualFunctions.length, use: "host", driver: "", override: [] });
    const [overriding, setOverriding] = useState(false);
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState(null);
    const uses = device.VirtualFunctions.map(address => devices.get(address)).map(one => one && [one.Availability, one.Driver]);
    const key = JSON.stringify(choice);
    const { answer: plan } = useAnswer(() => dryRun(device, choice, key), [key, device, JSON.stringify(uses)]);
    const guards = guardsOf(plan, choice);
    // A plan of the choice before is shown until there is a new one, but it decides nothing.
    const isPlanned = plan && plan.key === key;
    const overridden = choice.override.length > 0;

    const submit = async () => {
        setBusy(true);
        setError(null);
        try {
            await vfiod.change(METHOD, TYPE, ...argumentsOf(device, choice));
            finish(format(ngettext("$0 has $1 virtual function now", "$0 has $1 virtual functions now", choice.count),
                          device.Address, choice.count));
        } catch (problem) {
            setError(problem);
            setBusy(false);
        }
    };
    return (
        <Modal isOpen variant="medium" onClose={() => onClose()} aria-labelledby="vf-title" aria-describedby="vf-body" id="vf-dialog">
            <ModalHeader title={_("Set virtual functions")} labelId="vf-title" description={device.Address} />
            <ModalBody id="vf-body">
                <Stack hasGutter>
                    {error && <StackItem><Failure title={_("The number was not set")} error={error} /></StackItem>}
                    {busy && job && <StackItem><JobProgress job={job} /></StackItem>}
                    {busy && !job && <StackItem><Spinner size="lg" aria-label={_("The job starts")} /></StackItem>}
                    {!busy && <>
                        <StackItem><Choice device={device} choice={choice} setChoice={setChoice} /></StackItem>
                        <StackItem aria-live="polite" id="vf-plan">
                            {!plan && <Spinner size="lg" aria-label={_("vfiod makes the plan")} />}
                            {plan && <Plan plan={plan} device={device} devices={devices} choice={choice} />}
                        </StackItem>
                        {guards.length > 0 && <StackItem>
                            <Overrides items={guards} isOpen={overriding} setOpen={setOverriding}
                                isChosen={({ guard }) => choice.override.includes(guard)}
                                choose={({ guard }, on) => setChoice({
                                    ...choice,
                                    override: on ? [...choice.override, guard] : choice.override.filter(name => name !== guard),
                                })} />
                        </StackItem>}
                    </>}
                </Stack>
            </ModalBody>
            <ModalFooter>
                <Button variant={overridden ? "danger" : "primary"} id="vf-submit" onClick={submit} isLoading={busy}
                    isDisabled={busy || !isPlanned || Boolean(plan.error) || plan.nothing}>
                    {overridden ? _("Override and set") : _("Set")}
                </Button>
                <Button variant="link" onClick={() => onClose()}>{busy ? _("Close, and let the job run") : _("Close")}</Button>
            </ModalFooter>
        </Modal>
    );
}
