// SPDX-License-Identifier: GPL-2.0-or-later
// The dialog that adds or edits a rule: as a form or as text. vfiod checks it before it is written.
import { useEffect, useState } from "react";
import {
    Alert, Button, Checkbox, Content, Form, FormGroup, FormHelperText, HelperText, HelperTextItem, Modal, ModalBody, ModalFooter,
    ModalHeader, Stack, StackItem, TextArea, TextInput, ToggleGroup, ToggleGroupItem,
} from "@patternfly/react-core";

import { Failure } from "./failure.jsx";
import { FaultText } from "./fault.jsx";
import { _, format } from "./i18n.js";
import { originOf } from "./rule-card.jsx";
import { RuleForm } from "./rule-form.jsx";
import { fieldsOf, getWords, nameIsValid, nameOf, setFields } from "./rule-text.js";
import { useAnswer, useFinish } from "./use-vfiod.js";
import { variant, vfiod } from "./vfiod.js";

const MANAGER = "/org/vfiod1";
const EMPTY = "[Match]\n\n[Detach]\n";

// Nothing is asked while somebody types.
const PAUSE = 200;

function usePause(value) {
    const [paused, setPaused] = useState(value);
    useEffect(() => {
        const timer = window.setTimeout(() => setPaused(value), PAUSE);
        return () => window.clearTimeout(timer);
    }, [value]);
    return paused;
}

function changeOf(name, text, version) {
    return [[name, "write", { Text: variant("s", text), VersionId: variant("t", version) }]];
}

// What is wrong with the text of this key: {line, fault}, an error of the dry run, or nothing. `whole` says whether vfiod has checked all: only an
// administrator may ask for a dry run.
async function check(key, name, text, version, admin) {
    const [line, fault] = await vfiod.call("CheckRule", "s", text);
    if (fault)
        return { key, line, fault };
    if (admin === false || !nameIsValid(name))
        return { key, whole: false };
    try {
        await vfiod.check(MANAGER, "Manager", "ChangeRules", "a(ssa{sv})a{sv}", changeOf(name, text, version), {});
        return { key, whole: true };
    } catch (error) {
        return { key, error };
    }
}

function Result({ answer, text }) {
    const { line, fault, error, whole } = answer;
    if (fault)
        return (
            <Alert isInline variant="danger" component="h3" id="rule-fault" data-line={line}
                title={<FaultText line={line} text={fault} />}>
                {line > 0 && <code>{text.split("\n")[line - 1]}</code>}
            </Alert>
        );
    if (error)
        return <Failure title={_("vfiod would not save the rule")} error={error} />;
    return <Alert isInline isPlain variant="success" component="p" id="rule-fine"
        title={whole ? _("vfiod would accept this rule.") : _("The text of the rule is correct.")} />;
}

function nameProblem(name, isNew, state) {
    if (!isNew || name === "")
        return "";
    if (!nameIsValid(name))
        return _("A name has letters, digits, “-”, “_” and “.”, and does not begin with a dot.");
    return (state.ruleFiles || []).some(row => row.name === name) ? _("There is a rule of this name already.") : "";
}

function NameField({ name, setName, problem, isFixed }) {
    return (
        <FormGroup label={_("Name")} fieldId="rule-name" isRequired={!isFixed}>
            <TextInput id="rule-name" value={name} isDisabled={isFixed} isRequired={!isFixed} aria-describedby="rule-name-help"
                validated={problem ? "error" : "default"} onChange={(_event, value) => setName(value)} />
            <FormHelperText>
                <HelperText id="rule-name-help" aria-live="polite">
                    <HelperTextItem variant={problem ? "error" : "default"}>
                        {problem || _("The rules are sorted by name. The first rule that matches a device counts, so begin with a number.")}
                    </HelperTextItem>
                </HelperText>
            </FormHelperText>
        </FormGroup>
    );
}

function TextField({ text, setText }) {
    return (
        <FormGroup label={_("Text of the file")} fieldId="rule-text">
            <TextArea id="rule-text" value={text} rows={14} resizeOrientation="vertical" spellCheck="false" style={{ fontFamily: "var(--pf-t--global--font--family--mono)" }}
                onChange={(_event, value) => setText(value)} />
        </FormGroup>
    );
}

// What the dialog works on. `version` is that of the text which the user has seen.
function useDraft(rule) {
    const [draft, setDraft] = useState({ name: rule ? rule.name : "", text: rule ? rule.text : EMPTY, version: rule ? rule.version : 0 });
    const isOld = Boolean(rule) && rule.version !== draft.version;
    return {
        ...draft,
        isOld,
        set: change => setDraft(before => ({ ...before, ...change })),
        reload: () => setDraft(before => ({ ...before, text: rule.text, version: rule.version })),
    };
}

function Fields({ draft, mode, setMode, rule, state, problem }) {
    const fill = device => draft.set({
        text: setFields(draft.text, fieldsOf(device)),
        ...(rule || draft.name ? {} : { name: nameOf(device) }),
    });
    return (
        <Form onSubmit={event => event.preventDefault()}>
            <NameField name={draft.name} setName={name => draft.set({ name })} problem={problem} isFixed={Boolean(rule)} />
            <ToggleGroup aria-label={_("Edit as")}>
                <ToggleGroupItem buttonId="mode-form" text={_("Form")} isSelected={mode === "form"} onChange={() => setMode("form")} />
                <ToggleGroupItem buttonId="mode-text" text={_("Text")} isSelected={mode === "text"} onChange={() => setMode("text")} />
            </ToggleGroup>
            {mode === "form"
                ? <RuleForm text={draft.text} setText={text => draft.set({ text })} fill={fill} devices={state.devices} />
                : <TextField text={draft.text} setText={text => draft.set({ text })} />}
        </Form>
    );
}

function submitLabel(rule, overrides) {
    if (overrides)
        return _("Save with overrides");
    return rule ? _("Save") : _("Add");
}

export function RuleDialog({ rule, state, onClose, onNews }) {
    const finish = useFinish(onClose, onNews);
    const draft = useDraft(rule);
    const [mode, setMode] = useState(rule && rule.state === "off" ? "text" : "form");
    const [waits, setWaits] = useState(false);
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState(null);
    const { name, text, version } = draft;
    const paused = usePause(JSON.stringify([name, text]));
    const problem = nameProblem(name, !rule, state);
    const key = JSON.stringify([name, text, version, rule && rule.version, state.admin, Boolean(problem)]);
    const { answer, error: checkError } = useAnswer(
        () => check(key, name, text, version, state.admin), [paused, version, rule && rule.version, state.admin, Boolean(problem)]);
    // The answer about another text says nothing about this one.
    const isChecked = Boolean(answer) && answer.key === key;
    const origin = rule && originOf(rule);
    const unreadable = rule && rule.text === "" && rule.state !== "masked";

    const submit = async () => {
        setBusy(true);
        setError(null);
        try {
            await vfiod.changeRules(MANAGER, "Manager", "ChangeRules", "a(ssa{sv})a{sv}", changeOf(name, text, version),
                                    waits ? { "no-apply": variant("b", true) } : {});
            finish(format(rule ? _("Rule $0 was changed") : _("Rule $0 was added"), name));
        } catch (refusal) {
            setError(refusal);
            setBusy(false);
        }
    };
    const overrides = getWords(text, "Override").length > 0;
    const canWrite = isChecked && !answer.fault && !answer.error && !draft.isOld && !problem && name !== "";
    return (
        <Modal isOpen variant="medium" onClose={() => onClose()} aria-labelledby="rule-title" aria-describedby="rule-body" id="rule-dialog">
            <ModalHeader title={rule ? format(_("Edit rule $0"), rule.name) : _("Add a rule")} labelId="rule-title" description={rule ? rule.file : undefined} />
            <ModalBody id="rule-body">
                <Stack hasGutter>
                    {error && <StackItem><Failure title={_("The rule was not saved")} error={error} /></StackItem>}
                    {origin && <StackItem><Alert isInline variant="info" component="h3" id="rule-copy" title={_("The file of this rule cannot be changed")}>
                        <Content component="p">{_("vfiod writes a file of the same name into /etc. It counts instead of the other one until you remove it.")}</Content>
                    </Alert></StackItem>}
                    {draft.isOld && <StackItem><Alert isInline variant="warning" component="h3" id="rule-old" title={_("Somebody else has changed this rule")}
                        actionLinks={<Button variant="link" isInline id="rule-reload" onClick={draft.reload}>{_("Show the new text and drop mine")}</Button>} />
                    </StackItem>}
                    {unreadable && <StackItem><Alert isInline variant="warning" component="h3" title={_("The text of this file is not known")}>
                        <Content component="p">{_("It is too long, or not everybody may read it. What you write here replaces it.")}</Content>
                    </Alert></StackItem>}
                    <StackItem><Fields draft={draft} mode={mode} setMode={setMode} rule={rule} state={state} problem={problem} /></StackItem>
                    <StackItem>
                        <Checkbox id="rule-waits" isChecked={waits} onChange={(_event, on) => setWaits(on)} label={_("Detach nothing now")}
                            description={_("The rule begins to count when vfiod starts again or the device is plugged in again.")} />
                    </StackItem>
                </Stack>
            </ModalBody>
            <ModalFooter>
                <Stack hasGutter style={{ inlineSize: "100%" }}>
                    <StackItem aria-live="polite" id="rule-check" style={{ minBlockSize: "1.5rem" }}>
                        {checkError && <Failure title={_("The rule was not checked")} error={checkError} />}
                        {isChecked && !draft.isOld && <Result answer={answer} text={text} />}
                    </StackItem>
                    <StackItem>
                        <Button variant={overrides ? "danger" : "primary"} id="rule-submit" isDisabled={busy || !canWrite} isLoading={busy} onClick={submit}>
                            {submitLabel(rule, overrides)}
                        </Button>{" "}
                        <Button variant="link" onClick={() => onClose()}>{_("Cancel")}</Button>
                    </StackItem>
                </Stack>
            </ModalFooter>
        </Modal>
    );
}
