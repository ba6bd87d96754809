// SPDX-License-Identifier: GPL-2.0-or-later
// Hooks for the state of vfiod and for the address of the page.
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";

import { vfiod } from "./vfiod.js";

const cockpit = window.cockpit;

export function useVfiod() {
    return useSyncExternalStore(vfiod.subscribe, vfiod.getState);
}

// The path below the page, such as ["device", "0000:3b:00.0"].
export function usePath() {
    const [path, setPath] = useState(cockpit.location.path);
    useEffect(() => {
        const change = () => setPath(cockpit.location.path);
        cockpit.addEventListener("locationchanged", change);
        return () => cockpit.removeEventListener("locationchanged", change);
    }, []);
    return path;
}

export function go(...path) {
    cockpit.location.go(path);
}

// The address of a view, for links.
export function href(...path) {
    return "#/" + path.map(encodeURIComponent).join("/");
}

// Calls `ask` when a value of `keys` changes, and gives {answer, error, loading, again}. Of several answers, only the last counts.
export function useAnswer(ask, keys) {
    const [state, setState] = useState({ loading: true });
    const last = useRef(0);
    const again = useCallback(() => {
        const number = ++last.current;
        setState(before => ({ ...before, loading: true }));
        ask().then(answer => number === last.current && setState({ answer, loading: false }),
                   error => number === last.current && setState({ error, loading: false }));
    // eslint-disable-next-line react-hooks/exhaustive-deps
    }, keys);
    useEffect(() => {
        again();
        return () => { last.current++ };
    }, [again]);
    return { ...state, again };
}

// For a dialog that waits for an answer: a function that gives the news to the view, and closes the dialog. If the user has closed it
// meanwhile, another one can be open, which stays.
export function useFinish(onClose, onNews) {
    const isShown = useRef(false);
    useEffect(() => {
        isShown.current = true;
        return () => { isShown.current = false };
    }, []);
    return text => {
        if (isShown.current)
            onClose();
        onNews(text);
    };
}
