// SPDX-License-Identifier: GPL-2.0-or-later
// A plan of vfiod: what it would do, and what stands against it.
import { Alert, Content, ExpandableSection, List, ListItem, Stack, StackItem } from "@patternfly/react-core";

import { Cure } from "./failure.jsx";
import { _, format, ngettext } from "./i18n.js";
import { Said } from "./said.jsx";
import { details, vfiod } from "./vfiod.js";
import { action, finding } from "./words.js";

// Asks for the plan of "detach" or "reattach".
export async function makePlan(selector, verb, options) {
    const [wouldGo, steps, findings, fingerprint, dictionary] = await vfiod.call("Plan", "ssa{sv}", selector, verb, options);
    return {
        wouldGo,
        fingerprint,
        steps: steps.map(([word, address, reason]) => ({ word, address, reason })),
        findings: findings.map(([name, address, evidence, overridden, facts]) =>
            ({ name, address, evidence, overridden, details: details(facts) })),
        warnings: details(dictionary).warnings || [],
    };
}

export function Finding({ finding: { name, address, evidence, overridden, details: facts } }) {
    // Most of the sentences begin with the address.
    const where = evidence.startsWith(address) ? finding(name) : format(_("$0: $1"), finding(name), address);
    return (
        <Alert isInline variant={overridden ? "warning" : "danger"} component="h3" data-finding={name} data-overridden={overridden}
            title={overridden ? format(_("$0 (overridden)"), where) : where}>
            <Content component="p"><Said text={evidence} /></Content>
            {facts.Cure && <Cure text={facts.Cure} />}
        </Alert>
    );
}

export function Warnings({ warnings }) {
    return warnings.map(text => <StackItem key={text}><Alert isInline variant="warning" component="h3" title={<Said text={text} />} /></StackItem>);
}

export function Steps({ steps, isOpen }) {
    const list = (
        <List component="ol" type="1">
            {steps.map(({ word, address, reason }, i) => (
                <ListItem key={i} data-step={word}>
                    {format(_("$0: $1"), action(word), address)}{reason && <Content component="small"><Said text={reason} /></Content>}
                </ListItem>
            ))}
        </List>
    );
    return isOpen ? list : <ExpandableSection toggleText={format(ngettext("What vfiod will do: $0 step", "What vfiod will do: $0 steps", steps.length), steps.length)}>{list}</ExpandableSection>;
}

export function PlanView({ plan }) {
    return (
        <Stack hasGutter>
            {plan.findings.map((one, i) => <StackItem key={i}><Finding finding={one} /></StackItem>)}
            <Warnings warnings={plan.warnings} />
            {plan.steps.length > 0 && <StackItem><Steps steps={plan.steps} isOpen /></StackItem>}
        </Stack>
    );
}
