// SPDX-License-Identifier: GPL-2.0-or-later
// The words of vfiod's interface, as sentences for a person. Unknown words are shown as they are.

const AVAILABILITY = {
    "available": ["Available", "info", "A virtual machine can get the device after a detach."],
    "detached": ["Ready for a virtual machine", "success", "The device is detached. A virtual machine can use it now."],
    "partial": ["Partly detached", "warning", "The device is detached, but not all of its group."],
    "leased": ["Leased", "success", "A user has a lease of the device."],
    "foreign": ["Bound by another program", "warning", "The device is on a vfio driver, but vfiod did not detach it."],
    "changing": ["Changing", "info", "A job works on the device."],
    "stuck": ["Stuck", "danger", "A step of a job does not return from the kernel."],
    "absent": ["Unplugged", "warning", "The device was detached, and is no longer in its slot."],
    "not-viable": ["Blocked by its group", "danger", "A bridge of the group is on a driver that does DMA for the host."],
    "no-group": ["No IOMMU group", "danger", "No IOMMU handles the device, so no virtual machine can use it."],
    "host-only": ["Stays with the host", undefined, "Bridges and similar functions stay with the host."],
};

export function availability(word) {
    const [label, status, sentence] = AVAILABILITY[word] || [word, undefined, ""];
    return { label, status, sentence };
}

export const AVAILABILITIES = Object.keys(AVAILABILITY).map(word => ({ word, label: AVAILABILITY[word][0] }));

// The kinds of devices, in the order of the page, with the values of the property Category.
export const KINDS = [
    { id: "graphics", label: "Graphics", categories: ["display"] },
    { id: "network", label: "Network", categories: ["network", "wireless", "bluetooth"] },
    { id: "storage", label: "Storage", categories: ["storage"] },
    { id: "usb", label: "USB", categories: ["usb"] },
    { id: "other", label: "Other devices", categories: [] },
];

export function kindOf(device) {
    return (KINDS.find(kind => kind.categories.includes(device.Category)) || KINDS[KINDS.length - 1]).id;
}

const ACTIONS = {
    "lock-node": "Lock the group, so that no virtual machine opens it meanwhile",
    "claim-disks": "Claim the disks, so that no program begins to use them",
    "load-driver": "Load the new driver",
    "record": "Record the original state",
    "set-autoprobe": "Set the automatic driver binding of virtual functions",
    "vanish": "The device disappears with its parent",
    "override": "Set which driver may bind",
    "unbind": "Unbind from the driver",
    "set-vfs": "Set the number of virtual functions",
    "set-link": "Restore the link settings of a virtual function",
    "probe": "Bind the driver",
    "appear": "Wait until the device is there again",
    "set-power": "Restore the power settings",
    "wait-node": "Wait for the node of the group",
    "reset": "Reset the device",
    "forget": "Forget the recorded state",
};

export function action(word) {
    return ACTIONS[word] || word;
}

const FINDINGS = {
    "consent": "Shares the group",
    "storage": "In use: storage",
    "network": "In use: network",
    "display": "In use: display",
    "console": "In use: console",
    "memory": "In use: memory",
    "process": "In use by a process",
    "virtual-functions": "In use: virtual functions",
    "firmware": "Reserved by the firmware",
    "held": "A process has the device open",
    "already-detached": "Already detached",
    "not-detached": "Not detached",
    "foreign": "Bound by another program",
    "not-viable": "The group is blocked",
    "leased": "Leased",
    "busy": "Busy",
    "stuck": "Stuck",
    "identity-changed": "Another device is at the address",
    "driver-unavailable": "The driver is not available",
    "not-answering": "The device does not answer",
    "no-reset": "The device cannot be reset",
};

export function finding(word) {
    return FINDINGS[word] || word;
}

const JOB_KINDS = {
    "detach": "Detach",
    "reattach": "Reattach",
    "reset": "Reset",
    "set-virtual-functions": "Set virtual functions",
};

export function jobKind(word) {
    return JOB_KINDS[word] || word;
}

const JOB_STATES = {
    "running": "Running",
    "cancelling": "Cancelling: the job undoes its changes",
    "recovering": "Recovering",
    "stuck": "Stuck: the kernel does not return from the step",
    "finishing": "Waiting for the names of interfaces and disks",
    "done": "Done",
    "failed": "Failed",
};

export function jobState(word) {
    return JOB_STATES[word] || word;
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
    return device.DeviceName || device.ClassName || `Device ${ids(device)}`;
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
    const now = `${speed(device.LinkSpeed)}, ${device.LinkWidth} ${device.LinkWidth === 1 ? "lane" : "lanes"}`;
    return device.LinkSpeed === device.LinkSpeedMax && device.LinkWidth === device.LinkWidthMax
        ? now
        : `${now} (of ${speed(device.LinkSpeedMax)}, ${device.LinkWidthMax} lanes)`;
}
