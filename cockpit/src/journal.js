// SPDX-License-Identifier: GPL-2.0-or-later
// What the journal tells about a device: the entries of vfiod, read by journalctl, which also follows.
import { useEffect, useState } from "react";

const cockpit = window.cockpit;
const ENTRIES_MAX = 100;
// journalctl is asked to speak English.
const NO_RIGHTS = /insufficient permissions|not seeing messages from other users/;

// If vfiod ends at once after a message, journald does not know the unit: then only the user tells who has sent it.
function matchesOf(address, machine, uid) {
    const common = [`VFIOD_DEVICE=${address}`, `_MACHINE_ID=${machine}`];
    return ["_SYSTEMD_UNIT=vfiod.service", ...common, ...(uid ? ["+", `_UID=${uid}`, ...common] : [])];
}

function readLine(command) {
    return cockpit.spawn(command, { err: "ignore" }).then(output => output.trim(), () => "");
}

// A field that is there several times is a list; one that is no text is a list of numbers.
function text(value) {
    const one = Array.isArray(value) ? value.find(item => typeof item === "string") : value;
    return typeof one === "string" ? one : "";
}

// null if the line has no entry with a time.
function entryOf(line) {
    let json;
    try {
        json = JSON.parse(line);
    } catch {
        return null;
    }
    if (Number.isNaN(new Date(Number(json.__REALTIME_TIMESTAMP) / 1000).getTime()))
        return null;
    return {
        cursor: json.__CURSOR, time: Number(json.__REALTIME_TIMESTAMP) / 1000, id: text(json.MESSAGE_ID), message: text(json.MESSAGE),
        isBad: Number(json.PRIORITY) <= 4, caller: text(json.VFIOD_CALLER), uid: text(json.VFIOD_CALLER_UID),
        pid: text(json.VFIOD_CALLER_PID), command: text(json.VFIOD_CALLER_COMMAND), rule: text(json.VFIOD_RULE),
    };
}

// Reads lines as they come. `take` gets the entries of a piece, `warn` a line that is none.
function lineReader(take, warn) {
    let rest = "";
    return data => {
        const lines = (rest + data).split("\n");
        rest = lines.pop();
        const entries = [];
        for (const line of lines) {
            const entry = line.startsWith("{") ? entryOf(line) : null;
            if (entry)
                entries.push(entry);
            else if (line)
                warn(line);
        }
        if (entries.length > 0)
            take(entries);
    };
}

// {entries, mayNotRead, problem, again}: the entries about the device, the newest first.
export function useJournal(address) {
    const [state, setState] = useState({ entries: [] });
    const [round, setRound] = useState(0);
    const again = () => setRound(before => before + 1);
    useEffect(() => {
        let ended = false, process = null;
        const change = make => !ended && setState(make);
        const read = lineReader(
            entries => change(before => ({ ...before, entries: [...entries].reverse().concat(before.entries).slice(0, ENTRIES_MAX) })),
            line => NO_RIGHTS.test(line) && change(before => ({ ...before, mayNotRead: true })));
        setState({ entries: [] });
        Promise.all([readLine(["cat", "/etc/machine-id"]), readLine(["id", "-u", "vfiod"])]).then(([machine, uid]) => {
            if (ended)
                return;
            // Without "merge", journalctl follows only the entries since the last boot.
            process = cockpit.spawn(
                ["journalctl", "--output=json", "--follow", "--merge", `--lines=${ENTRIES_MAX}`, ...matchesOf(address, machine, uid)],
                { superuser: "try", err: "out", environ: ["LC_ALL=C.UTF-8"] });
            process.stream(read).then(() => change(before => ({ ...before, problem: "" })),
                                      error => change(before => ({ ...before, problem: error.message || error.problem || "" })));
        });
        return () => {
            ended = true;
            if (process)
                process.close("terminated");
        };
    }, [address, round]);
    useEffect(() => {
        const permission = cockpit.permission({ admin: true });
        let allowed = permission.allowed;
        const changed = () => {
            if (typeof allowed === "boolean" && allowed !== permission.allowed)
                again();
            allowed = permission.allowed;
        };
        permission.addEventListener("changed", changed);
        return () => {
            permission.removeEventListener("changed", changed);
            permission.close();
        };
    }, []);
    return { ...state, again };
}
