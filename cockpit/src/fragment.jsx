// SPDX-License-Identifier: GPL-2.0-or-later
// Texts that give a device to a virtual machine, to be copied.
import { useState } from "react";
import {
    Button, Card, CardBody, CardTitle, CodeBlock, CodeBlockCode, Content, Stack, StackItem, ToggleGroup, ToggleGroupItem,
} from "@patternfly/react-core";
import { CopyIcon } from "@patternfly/react-icons/dist/esm/icons/copy-icon";

import { _, format as put } from "./i18n.js";
import { Said } from "./said.jsx";
import { useAnswer } from "./use-vfiod.js";
import { vfiod } from "./vfiod.js";

const FORMATS = [
    { id: "libvirt", label: "libvirt" },
    { id: "qemu", label: "QEMU" },
    { id: "cdi", label: "podman (CDI)" },
];

// It says itself that it has copied: a tooltip would need a pointer.
function CopyButton({ text, label }) {
    const [said, setSaid] = useState(label);
    const copy = () => navigator.clipboard.writeText(text).then(() => setSaid(_("Copied")), () => setSaid(_("The browser does not allow it")));
    return <Button id="copy-fragment" variant="secondary" icon={<CopyIcon />} onClick={copy}><span aria-live="polite">{said}</span></Button>;
}

export function Fragment({ device }) {
    const [format, setFormat] = useState("libvirt");
    const { answer, error } = useAnswer(() => vfiod.call("GetFragment", "ssa{sv}", device.Address, format, {}).then(([text]) => text),
                                        [device.Address, format, device.Availability]);
    const { label } = FORMATS.find(one => one.id === format);
    return (
        <Card component="section" isFullHeight id="fragment">
            <CardTitle component="h2">{_("Use in a virtual machine")}</CardTitle>
            <CardBody>
                <Stack hasGutter>
                    <StackItem>
                        <ToggleGroup aria-label={_("Format")}>
                            {FORMATS.map(one => <ToggleGroupItem key={one.id} buttonId={`format-${one.id}`} text={one.label}
                                isSelected={one.id === format} onChange={() => setFormat(one.id)} />)}
                        </ToggleGroup>
                    </StackItem>
                    <StackItem>
                        {error
                            ? <Content component="p"><Said text={error.message} /></Content>
                            : <CodeBlock><CodeBlockCode id="fragment-text">{answer || ""}</CodeBlockCode></CodeBlock>}
                    </StackItem>
                    {answer && !error && <StackItem><CopyButton key={answer} text={answer} label={put(_("Copy for $0"), label)} /></StackItem>}
                </Stack>
            </CardBody>
        </Card>
    );
}
