// SPDX-License-Identifier: GPL-2.0-or-later
// A device as a card of the list.
import { memo } from "react";
import { Card, CardBody, CardHeader, CardTitle, Content, Label } from "@patternfly/react-core";

import { _, format } from "./i18n.js";
import { href } from "./use-vfiod.js";
import { availability, deviceName, hostNames } from "./words.js";

export function AvailabilityLabel({ device }) {
    const { label, status } = availability(device.Availability);
    return <Label status={status} variant="outline" isCompact>{label}</Label>;
}

// PatternFly's own click handling costs too much for 1,000 cards: the title is a plain link.
export const DeviceCard = memo(function DeviceCard({ device }) {
    const names = hostNames(device);
    return (
        <Card isCompact component="article" id={`card-${device.Address}`} data-address={device.Address} data-availability={device.Availability}
            aria-label={`${deviceName(device)}, ${device.Address}`}>
            <CardHeader>
                <AvailabilityLabel device={device} />
            </CardHeader>
            <CardTitle component="h3">
                <a href={href("device", device.Address)}>{deviceName(device)}</a>
            </CardTitle>
            <CardBody>
                <Content component="small">
                    {device.VendorName && <>{device.VendorName}<br /></>}
                    {device.GroupNumber >= 0 ? format(_("$0, group $1"), device.Address, device.GroupNumber) : device.Address}
                    {names.length > 0 && <><br />{names.join(", ")}</>}
                    {device.Driver && <><br />{format(_("Driver $0"), device.Driver)}</>}
                </Content>
            </CardBody>
        </Card>
    );
});
