// SPDX-License-Identifier: GPL-2.0-or-later
// The words of vfiod's interface, as sentences for a person. Unknown words are shown as they are.
import { _, format, ngettext } from "./i18n.js";
import { translateSentence } from "./sentence.js";

const AVAILABILITY = {
    "available": [_("Available"), "info", _("The device can be detached if the host does not use it.")],
    "detached": [_("Ready for a virtual machine"), "success", _("The device is detached. A virtual machine can use it now.")],
    "partial": [_("Partly detached"), "warning", _("The device is detached, but not all of its group.")],
    "leased": [_("Leased"), "success", _("A user has a lease of the device.")],
    "foreign": [_("Bound by another program"), "warning", _("The device is on a vfio driver, but vfiod did not detach it.")],
    "changing": [_("Changing"), "info", _("A job works on the device.")],
    "stuck": [_("Stuck"), "danger", _("A step of a job does not return from the kernel.")],
    "absent": [_("Unplugged"), "warning", _("The device was detached, and is no longer in its slot.")],
    "not-viable": [_("Blocked by its group"), "danger", _("A bridge of the group is on a driver that does DMA for the host.")],
    "no-group": [_("No IOMMU group"), "danger", _("No IOMMU handles the device, so no virtual machine can use it.")],
    "host-only": [_("Stays with the host"), undefined, _("Bridges and similar functions stay with the host.")],
};

export function availability(word) {
    const [label, status, sentence] = AVAILABILITY[word] || [word, undefined, ""];
    return { label, status, sentence };
}

export const AVAILABILITIES = Object.keys(AVAILABILITY).map(word => ({ word, label: AVAILABILITY[word][0] }));

// The kinds of devices, in the order of the page, with the values of the property Category.
export const KINDS = [
    { id: "graphics", label: _("Graphics"), categories: ["display"] },
    { id: "network", label: _("Network"), categories: ["network", "wireless", "bluetooth"] },
    { id: "storage", label: _("Storage"), categories: ["storage"] },
    { id: "usb", label: _("USB"), categories: ["usb"] },
    { id: "other", label: _("Other devices"), categories: [] },
];

export function kindOf(device) {
    return (KINDS.find(kind => kind.categories.includes(device.Category)) || KINDS[KINDS.length - 1]).id;
}

const ACTIONS = {
    "lock-node": _("Lock the group, so that no virtual machine opens it meanwhile"),
    "claim-disks": _("Claim the disks of the device, if it has any"),
    "load-driver": _("Load the new driver"),
    "record": _("Record the original state"),
    "set-autoprobe": _("Set the automatic driver binding of virtual functions"),
    "vanish": _("The device disappears with its parent"),
    "override": _("Set which driver may bind"),
    "unbind": _("Unbind from the driver"),
    "set-vfs": _("Set the number of virtual functions"),
    "set-link": _("Restore the link settings of a virtual function"),
    "probe": _("Bind the driver"),
    "appear": _("Wait until the device is there again"),
    "set-power": _("Restore the power settings"),
    "wait-node": _("Wait for the node of the group"),
    "reset": _("Reset the device"),
    "forget": _("Forget the recorded state"),
};

export function action(word) {
    return ACTIONS[word] || word;
}

const FINDINGS = {
    "consent": _("Shares the group"),
    "storage": _("In use: storage"),
    "network": _("In use: network"),
    "display": _("In use: display"),
    "console": _("In use: console"),
    "memory": _("In use: memory"),
    "process": _("In use by a process"),
    "virtual-functions": _("In use: virtual functions"),
    "firmware": _("Reserved by the firmware"),
    "held": _("A process has the device open"),
    "already-detached": _("Already detached"),
    "not-detached": _("Not detached"),
    "foreign": _("Bound by another program"),
    "not-viable": _("The group is blocked"),
    "leased": _("Leased"),
    "busy": _("Busy"),
    "stuck": _("Stuck"),
    "identity-changed": _("Another device is at the address"),
    "driver-unavailable": _("The driver is not available"),
    "not-answering": _("The device does not answer"),
    "no-reset": _("The device cannot be reset"),
};

export function finding(word) {
    return FINDINGS[word] || word;
}

// Of a group, and of a single device that has none.
const JOBS = {
    "detach": [_("Detach of group $0"), _("Detach of $0")],
    "reattach": [_("Reattach of group $0"), _("Reattach of $0")],
    "reset": [_("Reset in group $0"), _("Reset of $0")],
    "set-virtual-functions": [_("Virtual functions in group $0"), _("Virtual functions of $0")],
};

export function jobTitle(job) {
    const [ofGroup, ofDevice] = JOBS[job.Kind] || [`${job.Kind} $0`, `${job.Kind} $0`];
    return job.GroupNumber >= 0 ? format(ofGroup, job.GroupNumber) : format(ofDevice, job.DeviceAddresses[0]);
}

const JOB_STATES = {
    "running": _("Running"),
    "cancelling": _("Cancelling: the job undoes its changes"),
    "recovering": _("Recovering"),
    "stuck": _("Stuck: the kernel does not return from the step"),
    "finishing": _("Waiting for the names of interfaces and disks"),
    "done": _("Done"),
    "failed": _("Failed"),
};

export function jobState(word) {
    return JOB_STATES[word] || word;
}

// The process that something waits for. Without rights, vfiod says no more than this.
export function awaited(text) {
    return text === "a process" ? _("a process") : translateSentence(text);
}

const SEVERITIES = { ok: "success", info: "info", warning: "warning", error: "danger" };

// The variant of an alert for the severity of a check of Diagnose.
export function severity(word) {
    return SEVERITIES[word] || "info";
}

function hex(number, digits) {
    return (number || 0).toString(16).padStart(digits, "0");
}

export function ids(device) {
    return `${hex(device.VendorId, 4)}:${hex(device.DeviceId, 4)}`;
}

export function deviceName(device) {
    return device.DeviceName || device.ClassName || format(_("Device $0"), ids(device));
}

// The names that the host has, or had, for the device.
export function hostNames(device) {
    const names = [...(device.NetworkInterfaces || []), ...(device.BlockDevices || [])];
    return names.length > 0 ? names : device.OriginalNames || [];
}

export function link(device) {
    if (!device.LinkSpeed || !device.LinkWidth)
        return "";
    const speed = mts => `${(mts / 1000).toFixed(1)} GT/s`;
    const now = format(ngettext("$0, $1 lane", "$0, $1 lanes", device.LinkWidth), speed(device.LinkSpeed), device.LinkWidth);
    return device.LinkSpeed === device.LinkSpeedMax && device.LinkWidth === device.LinkWidthMax
        ? now
        : format(ngettext("$0 (of $1, $2 lane)", "$0 (of $1, $2 lanes)", device.LinkWidthMax), now, speed(device.LinkSpeedMax), device.LinkWidthMax);
}
