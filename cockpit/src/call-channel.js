// SPDX-License-Identifier: GPL-2.0-or-later
// Calls whose errors have details. cockpit.dbus() keeps only the first argument of an error: so these calls have a channel of their own.

const cockpit = window.cockpit;

// An error like that of cockpit.dbus(), with the second argument as `details`. Some bridges drop it, too: then there are no details.
function errorOf([name, [message, dictionary] = []]) {
    const details = Object.fromEntries(Object.entries(dictionary || {}).map(([key, value]) => [key, value.v]));
    return Object.assign(new Error(message || name), { name, problem: null, details });
}

export class CallChannel {
    constructor(name, options) {
        this.name = name;
        this.options = options;
        this.pending = new Map();
        this.last = 0;
    }

    // Opens the channel with the first call, and again after it was closed.
    open() {
        if (this.channel)
            return;
        const channel = this.channel = cockpit.channel({ payload: "dbus-json3", name: this.name, ...this.options });
        channel.addEventListener("message", (_event, text) => this.receive(JSON.parse(text)));
        channel.addEventListener("close", (_event, { problem, message }) => {
            if (this.channel !== channel)
                return;
            this.channel = null;
            this.fail(problem || "disconnected", message);
        });
    }

    receive({ id, reply, error }) {
        const call = this.pending.get(id);
        if (!call || !(reply || error))
            return;
        this.pending.delete(id);
        if (reply)
            call.resolve(reply[0] || []);
        else
            call.reject(errorOf(error));
    }

    fail(problem, message) {
        const calls = [...this.pending.values()];
        this.pending.clear();
        for (const call of calls)
            call.reject(Object.assign(new Error(message || cockpit.message(problem)), { name: null, problem }));
    }

    // Calls a method. With `interactive`, polkit may ask for a password.
    call(path, name, method, type, args, interactive) {
        this.open();
        const id = String(++this.last);
        return new Promise((resolve, reject) => {
            this.pending.set(id, { resolve, reject });
            this.channel.send(JSON.stringify({ call: [path, name, method, args], type, id, ...(interactive ? { flags: "i" } : {}) }));
        });
    }

    // The calls that have no answer yet fail with the problem "replaced".
    close() {
        const channel = this.channel;
        this.channel = null;
        if (channel)
            channel.close();
        this.fail("replaced");
    }
}
