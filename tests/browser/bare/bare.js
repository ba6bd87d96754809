// SPDX-License-Identifier: GPL-2.0-or-later
// The least that a page in Cockpit can do with the objects of vfiod: what latency.py compares the page with. It writes when it was
// connected, when it had all objects, and the paths of all removed objects: a device and its group can be removed at the same time.
const MANAGER = "/org/vfiod1";
const OBJECTS = "org.freedesktop.DBus.ObjectManager";

function write(name, value) {
    document.body.dataset[name] = value;
}

cockpit.transport.wait(() => {
    write("connected", performance.now());
    const client = cockpit.dbus("org.vfiod1", { bus: "system", superuser: "try" });
    client.subscribe({ path: MANAGER, interface: OBJECTS, member: "InterfacesRemoved" },
                     (_path, _interface, _signal, [path]) => write("removed", [document.body.dataset.removed, path].join(" ")));
    client.call(MANAGER, OBJECTS, "GetManagedObjects", [], { type: "" }).then(([objects]) => {
        write("objects", Object.keys(objects).length);
        write("loaded", performance.now());
    });
});
