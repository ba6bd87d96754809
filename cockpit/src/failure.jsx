// SPDX-License-Identifier: GPL-2.0-or-later
// An error as a sentence with its cure.
import { Alert, Bullseye, ClipboardCopy, Content, Spinner } from "@patternfly/react-core";

import { AccessCure } from "./access.jsx";
import { _ } from "./i18n.js";
import { Said } from "./said.jsx";
import { useVfiod } from "./use-vfiod.js";

export function Failure({ title, error }) {
    const cure = error.details && error.details.Cure;
    const { admin } = useVfiod();
    return (
        <Alert variant="danger" isInline title={title} component="h3" data-error={shortName(error.name)}>
            <Content component="p"><Said text={error.message || error.problem || String(error)} /></Content>
            {cure && <Cure text={cure} />}
            <AccessCure error={error} admin={admin} />
        </Alert>
    );
}

// In the place of a list that is not known: it is asked for, or vfiod did not tell it.
export function NotKnown({ error }) {
    return error
        ? <Failure title={_("vfiod did not answer")} error={error} />
        : <Bullseye><Spinner aria-label={_("Asking vfiod")} /></Bullseye>;
}

// A command is there to be copied, a sentence to be read.
export function Cure({ text }) {
    if (/^[A-Z].*\.$/.test(text))
        return <Content component="p"><Said text={text} /></Content>;
    return <ClipboardCopy isReadOnly hoverTip={_("Copy")} clickTip={_("Copied")} textAriaLabel={_("Command that helps")}
        copyAriaLabel={_("Copy the command")}>{text}</ClipboardCopy>;
}

function shortName(name) {
    return (name || "").replace(/^.*\./, "");
}
