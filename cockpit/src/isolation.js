// SPDX-License-Identifier: GPL-2.0-or-later
// Why devices share a group: what Diagnose with "explain" tells of each group that has several endpoints.
import { useEffect, useState } from "react";

import { details, variant, vfiod } from "./vfiod.js";

const cockpit = window.cockpit;
// vfiod lets a user make two diagnoses at a time, so there is one at a time; and the user asks for more than these.
const ASKED_MAX = 16;
const SPACES_MAX = 64, SPACE_BYTES = 4096, HEADER_BYTES = 64;
// A device that does not answer can block whoever reads its configuration space.
const READ_MS = 5000;
const ADDRESS = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;

// Reads with a process of its own, so that a device which does not answer does not block the bridge of Cockpit.
async function readSpace(address) {
    const process = cockpit.spawn(["head", "-c", String(SPACE_BYTES), `/sys/bus/pci/devices/${address}/config`],
                                  { superuser: "try", binary: true, err: "ignore" });
    const timer = window.setTimeout(() => process.close("timeout"), READ_MS);
    try {
        return await process;
    } finally {
        window.clearTimeout(timer);
    }
}

// Only an administrator can read what a bridge says about ACS. Without it, vfiod tells less. The addresses become part of a path that is
// read with the rights of the administrator: so only devices of the host are read, whatever the answer of vfiod says.
async function readSpaces(addresses) {
    const spaces = {};
    const known = new Set(vfiod.getState().devices.map(device => device.Address));
    for (const address of addresses.filter(one => ADDRESS.test(one) && known.has(one)).slice(0, SPACES_MAX)) {
        try {
            const bytes = await readSpace(address);
            if (bytes.length > HEADER_BYTES)
                spaces[address] = cockpit.base64_encode(bytes);
        } catch (error) {
            if (error.problem === "timeout")
                break;
            // It may not be read, or is gone.
        }
    }
    return spaces;
}

async function ask(group, options) {
    const [rows] = await vfiod.call("Diagnose", "sa{sv}", `group:${group}`, { explain: variant("b", true), ...options });
    const checks = rows.map(([code, , finding, cure, dictionary]) => ({ code, finding, cure, ...details(dictionary) }));
    return { path: checks.filter(check => check.code === "path"), reasons: checks.filter(check => check.code.startsWith("isolation-")) };
}

async function explainNow(group) {
    const answer = await ask(group, {});
    const spaces = await readSpaces(answer.path.map(check => check.device));
    return Object.keys(spaces).length > 0 ? ask(group, { "config-space": variant("a{say}", spaces) }) : answer;
}

let last = Promise.resolve();

// One group at a time, also if several views ask.
function explain(group) {
    const answer = last.then(() => explainNow(group));
    last = answer.catch(() => null);
    return answer;
}

// {explanations, explain(number)}: of each group that was asked for, an {answer}, an {error} or {isAsked: true}.
export function useExplanations(groups) {
    const [explanations, setExplanations] = useState(new Map());
    const key = groups.map(group => `${group.Number}:${group.Members.join(",")}`).join(" ");
    const put = (number, value) => setExplanations(before => new Map(before).set(number, value));
    const explainOne = async number => {
        put(number, { isAsked: true });
        put(number, await explain(number).then(answer => ({ answer }), error => ({ error })));
    };
    useEffect(() => {
        let ended = false;
        const numbers = groups.slice(0, ASKED_MAX).map(group => group.Number);
        setExplanations(new Map(numbers.map(number => [number, { isAsked: true }])));
        (async () => {
            for (const number of numbers) {
                const value = await explain(number).then(answer => ({ answer }), error => ({ error }));
                if (ended)
                    return;
                put(number, value);
            }
        })();
        return () => { ended = true };
    // eslint-disable-next-line react-hooks/exhaustive-deps
    }, [key]);
    return { explanations, explain: explainOne };
}

// The bridges that do not isolate, if that is a reason: from the one that has all devices of the group below it.
function openBridges({ path, reasons }) {
    const top = path.find(check => reasons.some(({ code, device }) => code === "isolation-bridge" && device === check.device));
    return top ? path.filter(check => check.isolates === "no" && Number(check.depth) >= Number(top.depth)) : [];
}

// {address: {reason, acs}}: the places that do not separate devices, by all explanations.
export function breaksOf(explanations) {
    const breaks = {};
    for (const { answer } of explanations.values()) {
        if (!answer)
            continue;
        for (const { device, code } of answer.reasons)
            if (code !== "isolation-alone" && code !== "isolation-unknown" && device)
                breaks[device] = { reason: code };
        for (const { device, acs } of openBridges(answer))
            breaks[device] = { reason: "isolation-bridge", acs };
    }
    return breaks;
}
