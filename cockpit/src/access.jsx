// SPDX-License-Identifier: GPL-2.0-or-later
// What a user without administrative access must know before a button fails.
import { Alert, Content } from "@patternfly/react-core";

const ID = "limited-access";

// Says which button needs administrative access. Buttons have the attributes of needsAccess().
export function AccessNote({ admin }) {
    if (admin !== false)
        return null;
    return (
        <Alert isInline variant="info" component="h2" title="You have limited access">
            <Content component="p" id={ID}>Changes need administrative access. Turn it on at the top of Cockpit.</Content>
        </Alert>
    );
}

// polkit can permit changes to a user without administrative access: so the buttons work, but they say what they need.
export function needsAccess(admin) {
    return admin === false ? { "aria-describedby": ID } : {};
}
