// SPDX-License-Identifier: GPL-2.0-or-later
// A copy of vfiod's objects, kept up to date by its signals. It does not know the bus.

const PREFIX = "org.vfiod1.";
export const MANAGER = "/org/vfiod1";

function plain(properties) {
    return Object.fromEntries(Object.entries(properties).map(([name, variant]) => [name, variant.v]));
}

export class Model {
    constructor() {
        this.objects = new Map();
    }

    // The reply of GetManagedObjects.
    load(managed) {
        this.objects = new Map();
        for (const [path, interfaces] of Object.entries(managed))
            this.add(path, interfaces);
    }

    // InterfacesAdded.
    add(path, interfaces) {
        const object = { ...this.objects.get(path) };
        for (const [name, properties] of Object.entries(interfaces))
            if (name.startsWith(PREFIX))
                object[name] = { ...plain(properties), path };
        this.objects.set(path, object);
    }

    // InterfacesRemoved.
    remove(path, names) {
        const object = { ...this.objects.get(path) };
        for (const name of names)
            delete object[name];
        if (Object.keys(object).length > 0)
            this.objects.set(path, object);
        else
            this.objects.delete(path);
    }

    // PropertiesChanged. Returns whether values must be read again, because the signal does not have them.
    change(path, name, changed, invalidated) {
        const object = this.objects.get(path);
        if (!object || !object[name])
            return false;
        this.objects.set(path, { ...object, [name]: { ...object[name], ...plain(changed) } });
        return invalidated.length > 0;
    }

    // All objects with this interface, such as "Device".
    all(name) {
        const found = [];
        for (const object of this.objects.values())
            if (object[PREFIX + name])
                found.push(object[PREFIX + name]);
        return found;
    }

    // What the views show. Objects that did not change are the same objects as before.
    snapshot() {
        return {
            manager: this.all("Manager")[0] || {},
            devices: this.all("Device").sort((a, b) => compareAddresses(a.Address, b.Address)),
            groups: new Map(this.all("Group").map(group => [group.Number, group])),
            jobs: this.all("Job").sort((a, b) => b.Number - a.Number),
            rules: this.all("Rule"),
            leases: this.all("Lease").sort((a, b) => b.Number - a.Number),
        };
    }
}

// Domains can have more than four digits.
function compareAddresses(a, b) {
    return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
