// SPDX-License-Identifier: GPL-2.0-or-later
// What has happened to a device, from the journal.
import { useState } from "react";
import { Alert, Button, Card, CardBody, CardTitle, Content, Flex, Label, List, ListItem, Stack, StackItem } from "@patternfly/react-core";

import { _, format } from "./i18n.js";
import { useJournal } from "./journal.js";
import { Said } from "./said.jsx";

// So many entries are shown at first.
const SHOWN = 8;

// The message ids of systemd/vfiod.catalog, without what they have in common.
const FAMILY = "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c";
const TITLES = {
    "01": _("Detached"),
    "02": _("Reattached"),
    "03": _("A job failed"),
    "04": _("A job is stuck"),
    "05": _("A rule was not applied"),
    "06": _("The group is no longer viable"),
    "07": _("Refused"),
    "08": _("A rule was added"),
    "09": _("A rule was removed"),
    "10": _("New number of virtual functions"),
    "12": _("A job was cancelled"),
    "14": _("A lease began"),
    "15": _("A lease ended, but the devices are still open"),
    "16": _("A lease is over"),
    "17": _("The group goes back to the host unless somebody confirms"),
    "18": _("Nobody confirmed the detach"),
    "19": _("The group cannot go back to the host now"),
    "20": _("The detach was confirmed"),
    "21": _("Rules were changed"),
    "22": _("The device was reset"),
};

function titleOf({ id }) {
    return (id.startsWith(FAMILY) && TITLES[id.slice(FAMILY.length)]) || _("Message");
}

function Who({ entry: { caller, uid, pid, command, rule } }) {
    if (uid)
        return command ? format(_("User $0, process $1 ($2)"), uid, pid, command) : format(_("User $0"), uid);
    return rule ? format(_("Rule $0"), rule) : <Said text={caller} />;
}

function Entry({ entry }) {
    const time = new Date(entry.time);
    return (
        <ListItem data-entry={entry.id.slice(-2)}>
            <Flex columnGap={{ default: "columnGapSm" }}>
                <Label isCompact variant="outline" status={entry.isBad ? "warning" : "success"}>{titleOf(entry)}</Label>
                <Content component="small"><time dateTime={time.toISOString()}>{time.toLocaleString(document.documentElement.lang)}</time></Content>
                <Content component="small"><Who entry={entry} /></Content>
            </Flex>
            <Said text={entry.message} />
        </ListItem>
    );
}

export function History({ address }) {
    const { entries, mayNotRead, problem, again } = useJournal(address);
    const [whole, setWhole] = useState(false);
    const shown = whole ? entries : entries.slice(0, SHOWN);
    return (
        <Card component="section" isFullHeight id="history">
            <CardTitle component="h2">{_("History")}</CardTitle>
            <CardBody>
                <Stack hasGutter>
                    {mayNotRead && <StackItem>
                        <Alert isInline variant="info" component="h3" title={_("You may not read the whole journal")} id="journal-refused">
                            <Content component="p">{_("Turn on administrative access to see what has happened to the device.")}</Content>
                        </Alert>
                    </StackItem>}
                    {problem !== undefined && !mayNotRead && <StackItem>
                        <Alert isInline variant="warning" component="h3" title={_("The journal cannot be read")} id="journal-failed">
                            <Content component="p"><Said text={problem} /></Content>
                            <Button variant="link" isInline onClick={again}>{_("Read again")}</Button>
                        </Alert>
                    </StackItem>}
                    {entries.length === 0 && !mayNotRead && problem === undefined &&
                        <StackItem><Content component="p">{_("The journal has no entry about the device.")}</Content></StackItem>}
                    <StackItem>
                        <div role="log" aria-label={_("History")}>
                            {shown.length > 0 && <List isPlain isBordered>{shown.map(entry => <Entry key={entry.cursor} entry={entry} />)}</List>}
                        </div>
                    </StackItem>
                    {shown.length < entries.length && <StackItem>
                        <Button variant="link" isInline id="history-all" onClick={() => setWhole(true)}>
                            {format(_("Show all $0 entries"), entries.length)}
                        </Button>
                    </StackItem>}
                </Stack>
            </CardBody>
        </Card>
    );
}
