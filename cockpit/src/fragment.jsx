// SPDX-License-Identifier: GPL-2.0-or-later
// Texts that give a device to a virtual machine, to be copied.
import { useState } from "react";
import { Card, CardBody, CardTitle, ClipboardCopyButton, CodeBlock, CodeBlockAction, CodeBlockCode, Content, Stack, StackItem, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";

import { useAnswer } from "./use-vfiod.js";
import { vfiod } from "./vfiod.js";

const FORMATS = [
    { id: "libvirt", label: "libvirt" },
    { id: "qemu", label: "QEMU" },
    { id: "cdi", label: "podman (CDI)" },
];

function CopyButton({ text, label }) {
    const [copied, setCopied] = useState(false);
    const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true), error => console.warn("Cannot copy:", error.message));
    return (
        <ClipboardCopyButton id="copy-fragment" textId="fragment-text" aria-label={label} variant="plain" onClick={copy}
            onTooltipHidden={() => setCopied(false)}>
            {copied ? "Copied" : label}
        </ClipboardCopyButton>
    );
}

export function Fragment({ device }) {
    const [format, setFormat] = useState("libvirt");
    const { answer, error } = useAnswer(() => vfiod.call("GetFragment", "ssa{sv}", device.Address, format, {}).then(([text]) => text),
                                        [device.Address, format, device.Availability]);
    const { label } = FORMATS.find(one => one.id === format);
    return (
        <Card component="section" id="fragment">
            <CardTitle component="h2">Use in a virtual machine</CardTitle>
            <CardBody>
                <Stack hasGutter>
                    <StackItem>
                        <ToggleGroup aria-label="Format">
                            {FORMATS.map(one => <ToggleGroupItem key={one.id} buttonId={`format-${one.id}`} text={one.label}
                                isSelected={one.id === format} onChange={() => setFormat(one.id)} />)}
                        </ToggleGroup>
                    </StackItem>
                    <StackItem>
                        {error
                            ? <Content component="p">{error.message}</Content>
                            : <CodeBlock actions={<CodeBlockAction><CopyButton key={answer} text={answer || ""} label={`Copy the text for ${label}`} /></CodeBlockAction>}>
                                <CodeBlockCode id="fragment-text">{answer || ""}</CodeBlockCode>
                            </CodeBlock>}
                    </StackItem>
                </Stack>
            </CardBody>
        </Card>
    );
}
