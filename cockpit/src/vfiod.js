// SPDX-License-Identifier: GPL-2.0-or-later
// The connection to vfiod over Cockpit. Nothing polls: the state comes once, and then by signals.
import { CallChannel } from "./call-channel.js";
import { _ } from "./i18n.js";
import { MANAGER, Model } from "./model.js";

const cockpit = window.cockpit;
const NAME = "org.vfiod1";
const INTERFACE = "org.vfiod1.Manager";
const PROPERTIES = "org.freedesktop.DBus.Properties";
const OBJECTS = "org.freedesktop.DBus.ObjectManager";
// What Cockpit says about a connection that it cannot make.
const PROBLEMS = {
    "not-found": _("vfiod is not installed, or does not start."),
    "access-denied": _("You may not use the system bus."),
    "disconnected": _("Cockpit has lost its connection to the host."),
    "terminated": _("Cockpit has lost its connection to the host."),
    "no-session": _("Cockpit has lost its connection to the host."),
};

// The answer to a call was lost: vfiod can have done what it was asked for.
const LOST = ["disconnected", "terminated", "replaced"];

const EMPTY = { manager: {}, devices: [], groups: new Map(), jobs: [], rules: [], leases: [] };

// A value of an option, with its D-Bus type.
export function variant(type, value) {
    return { t: type, v: value };
}

// Details of a row (a{sv}) as an ordinary object.
export function details(dictionary) {
    return Object.fromEntries(Object.entries(dictionary || {}).map(([name, value]) => [name, value.v]));
}

// A row of the devices that a rule matches, as an object.
export function matchOf([address, status, message, dictionary]) {
    return { address, status, message, ...details(dictionary) };
}

class Connection {
    constructor() {
        this.model = new Model();
        this.listeners = new Set();
        // phase: "connecting", "ready", "lost" (vfiod has ended; what is shown is old) or "failed"
        // ruleFiles: the rows of ListRules, in the order of precedence. These and endedJobs are null if not known; rulesError and jobsError
        // are why, or null.
        // admin: whether there is administrative access; null if not known.
        this.state = { phase: "connecting", problem: null, endedJobs: null, ruleFiles: null, jobsError: null, rulesError: null, admin: null, ...EMPTY };
        this.subscribe = this.subscribe.bind(this);
        this.getState = this.getState.bind(this);
        this.generation = 0;
        // What signals have changed since load() has asked, and the number of the last change of each object.
        this.changesWhileLoading = null;
        this.lastChanges = new Map();
        this.changeCount = 0;
        this.calls = new CallChannel(NAME, { bus: "system", superuser: "try" });
        this.watchName();
        this.connect();
        // With or without administrative access, other answers are possible.
        this.permission = cockpit.permission({ admin: true });
        let allowed = this.permission.allowed;
        this.publish({ admin: allowed });
        this.permission.addEventListener("changed", () => {
            const before = allowed;
            allowed = this.permission.allowed;
            this.publish({ admin: allowed });
            // At first it is not known.
            if (typeof before === "boolean" && before !== allowed)
                this.connect();
        });
    }

    // For useSyncExternalStore().
    subscribe(listener) {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    }

    getState() {
        return this.state;
    }

    publish(change) {
        this.state = { ...this.state, ...change };
        for (const listener of this.listeners)
            listener();
    }

    // Many signals can come at once: the page shows their sum.
    publishSoon() {
        if (this.scheduled)
            return;
        this.scheduled = true;
        window.setTimeout(() => {
            this.scheduled = false;
            this.publish(this.model.snapshot());
        }, 0);
    }

    // A connection to a name that nobody has is closed at once: then only the bus daemon tells when vfiod has started.
    watchName() {
        const bus = cockpit.dbus("org.freedesktop.DBus", { bus: "system" });
        bus.subscribe({ path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus", member: "NameOwnerChanged", arg0: NAME },
                      (_path, _interface, _signal, [_name, _before, owner]) => owner && this.hearStart());
    }

    // vfiod has started. A connection that was begun before can be about to fail, because nobody had the name.
    hearStart() {
        if (this.client)
            this.hasStarted = true;
        else
            this.connect();
    }

    connect() {
        if (this.client) {
            const old = this.client;
            this.client = null;
            this.owner = undefined;
            this.generation++;
            old.close();
        }
        // Its rights can be those of before.
        this.calls.close();
        this.hasStarted = false;
        const client = this.client = cockpit.dbus(NAME, { bus: "system", superuser: "try" });
        client.addEventListener("close", (_event, options) => {
            if (this.client !== client)
                return;
            this.client = null;
            if (options.problem === "not-found" && this.hasStarted)
                this.connect();
            else
                this.lose(options.message || PROBLEMS[options.problem] || options.problem);
        });
        client.addEventListener("owner", (_event, owner) => this.client === client && this.changeOwner(owner));
        const on = (match, receive) => client.subscribe(match, (path, _interface, _signal, args) =>
            this.client === client && receive(path, args));
        on({ path_namespace: MANAGER, interface: PROPERTIES, member: "PropertiesChanged" }, (path, [name, changed, invalidated]) =>
            this.apply(() => {
                this.lastChanges.set(path, ++this.changeCount);
                if (this.model.change(path, name, changed, invalidated))
                    this.read(path, name);
            }));
        on({ path: MANAGER, interface: OBJECTS, member: "InterfacesAdded" }, (_path, [path, interfaces]) =>
            this.apply(() => this.model.add(path, interfaces)));
        on({ path: MANAGER, interface: OBJECTS, member: "InterfacesRemoved" }, (_path, [path, names]) =>
            this.apply(() => {
                this.model.remove(path, names);
                if (!this.model.objects.has(path))
                    this.lastChanges.delete(path);
            }));
        on({ path: MANAGER, interface: INTERFACE, member: "JobRemoved" }, () => this.readEndedJobs());
        on({ path: MANAGER, interface: INTERFACE, member: "RulesChanged" }, () => this.readRuleFiles());
        this.load();
    }

    // Changes the model, as a signal tells. Cockpit hands over an answer some time after it has come, so a signal that vfiod sent after the
    // answer can be handled before it: what changes meanwhile is kept for load(), and read() reads again.
    apply(change) {
        if (this.changesWhileLoading)
            this.changesWhileLoading.push(change);
        change();
        this.publishSoon();
    }

    // vfiod has started, or ended: what it told before counts no more.
    changeOwner(owner) {
        const known = this.owner;
        this.owner = owner;
        if (owner && owner !== known && this.state.phase !== "connecting")
            this.load();
        else if (!owner && known)
            this.lose(_("vfiod has ended. Jobs continue without it."));
    }

    lose(problem) {
        this.generation++;
        this.changesWhileLoading = null;
        this.publish({ phase: this.state.phase === "ready" || this.state.phase === "lost" ? "lost" : "failed", problem });
    }

    // Reads the whole state once. This also starts vfiod, where systemd can start it.
    load() {
        const generation = ++this.generation;
        this.changesWhileLoading = [];
        this.lastChanges.clear();
        this.publish({ phase: this.state.phase === "ready" ? "ready" : "connecting" });
        // GetManagedObjects tells nothing about the Manager itself.
        Promise.all([
            this.client.call(MANAGER, OBJECTS, "GetManagedObjects", [], { type: "" }),
            this.client.call(MANAGER, PROPERTIES, "GetAll", [INTERFACE], { type: "s" }),
        ]).then(([[managed], [manager]]) => {
            if (generation !== this.generation)
                return;
            this.model.load({ ...managed, [MANAGER]: { [INTERFACE]: manager } });
            const changes = this.changesWhileLoading;
            this.changesWhileLoading = null;
            for (const change of changes)
                change();
            this.publish({ phase: "ready", problem: null, ...this.model.snapshot() });
            this.readEndedJobs();
            this.readRuleFiles();
        }, error => generation === this.generation && this.lose(error.message || error.problem));
    }

    // Connects again, because the user asks for it.
    retry() {
        if (this.client)
            this.load();
        else
            this.connect();
    }

    read(path, name) {
        const generation = this.generation;
        const last = this.lastChanges.get(path);
        this.client.call(path, PROPERTIES, "GetAll", [name], { type: "s" }).then(([all]) => {
            // It may be gone.
            if (generation !== this.generation || !this.lastChanges.has(path))
                return;
            if (last !== this.lastChanges.get(path))
                this.read(path, name);
            else
                this.apply(() => this.model.change(path, name, all, []));
        }, error => generation === this.generation && console.warn(`Cannot read ${path}:`, error.message));
    }

    // Calls a method of the Manager. The user may be asked for a password.
    call(method, type, ...args) {
        return this.callObject(MANAGER, "Manager", method, type, args);
    }

    callObject(path, name, method, type, args) {
        if (!this.client)
            return Promise.reject(new Error(_("There is no connection to vfiod.")));
        return this.client.call(path, `org.vfiod1.${name}`, method, args, { type, flags: "i" });
    }

    // Detaches, reattaches and the like: waits until the job has ended. The last argument are options. Only the answer of this call has
    // the reason of a failure, because everybody can read the signals.
    change(method, type, ...args) {
        return this.command(MANAGER, "Manager", method, type, args, ({ problem }) => problem === "replaced"
            ? _("The page has connected to vfiod again meanwhile. If the job has begun, it continues: look at the state of the device.")
            : _("vfiod has ended. The job continues: look at the state of the device."));
    }

    // Changes rules, which is no job. The last argument are options.
    changeRules(path, name, method, type, ...args) {
        return this.command(path, name, method, type, args, () => _("It is not known whether the rule was changed."));
    }

    // Calls a method that changes something. Its errors have details. `describeLoss` makes the sentence for an answer that was lost.
    async command(path, name, method, type, args, describeLoss) {
        try {
            return await this.callDetailed(true, path, name, method, type, args);
        } catch (error) {
            if (error.name === "org.freedesktop.DBus.Error.NoReply" || LOST.includes(error.problem))
                throw new Error(describeLoss(error));
            throw error.problem ? new Error(PROBLEMS[error.problem] || error.message) : error;
        }
    }

    // The same for the option "dry-run": nobody is asked for a password.
    check(path, name, method, type, ...args) {
        const options = { ...args.pop(), "dry-run": variant("b", true) };
        return this.callDetailed(false, path, name, method, type, [...args, options]);
    }

    callDetailed(interactive, path, name, method, type, args) {
        if (!this.client)
            return Promise.reject(new Error(_("There is no connection to vfiod.")));
        const options = { ...args.pop(), "error-details": variant("b", true) };
        return this.calls.call(path, `org.vfiod1.${name}`, method, type, [...args, options], interactive);
    }

    release(path, options) {
        return this.callObject(path, "Lease", "Release", "a{sv}", [options]);
    }

    cancel(path) {
        return this.callObject(path, "Job", "Cancel", "a{sv}", [{}]);
    }

    readRuleFiles() {
        const generation = this.generation;
        this.call("ListRules", "").then(([rows]) => generation === this.generation && this.publish({
            ruleFiles: rows.map(([name, file, state, matches, dictionary]) =>
                ({ name, file, state, matches: matches.map(matchOf), ...details(dictionary) })),
            rulesError: null,
        }), rulesError => generation === this.generation && this.publish({ rulesError }));
    }

    readEndedJobs() {
        const generation = this.generation;
        this.call("ListJobs", "").then(([rows]) => generation === this.generation && this.publish({
            endedJobs: rows.filter(row => row[1] === "/").map(
                ([Number, , Kind, State, GroupNumber, DeviceAddresses, , , , , , , Started, dictionary]) =>
                    ({ Number, Kind, State, GroupNumber, DeviceAddresses, Started, ...details(dictionary) })),
            jobsError: null,
        }), jobsError => generation === this.generation && this.publish({ jobsError }));
    }
}

export const vfiod = new Connection();
