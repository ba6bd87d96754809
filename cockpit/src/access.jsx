// SPDX-License-Identifier: GPL-2.0-or-later
// What a user without administrative access must know before a button fails.
import { Alert, Content } from "@patternfly/react-core";

import { _ } from "./i18n.js";

const ID = "limited-access";
const DENIALS = ["org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"];

// Says that changes need administrative access. Buttons refer to it with the attributes of needsAccess().
export function AccessNote({ admin }) {
    if (admin !== false)
        return null;
    return (
        <Alert isInline variant="info" component="h2" title={_("You have limited access")}>
            <Content component="p" id={ID}>{_("Changes need administrative access. Turn it on at the top of Cockpit.")}</Content>
        </Alert>
    );
}

// polkit can permit changes to a user without administrative access: so the buttons work, but they say what they need.
export function needsAccess(admin) {
    return admin === false ? { "aria-describedby": ID } : {};
}

// What helps against a refusal, besides what vfiod says.
export function AccessCure({ error, admin }) {
    if (admin !== false || !DENIALS.includes(error.name))
        return null;
    return <Content component="p">{_("Turn on administrative access at the top of Cockpit, and try it again.")}</Content>;
}
