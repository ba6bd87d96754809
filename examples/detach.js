#!/usr/bin/gjs -m
// SPDX-License-Identifier: GPL-2.0-or-later
// Detaches the group of a device for a virtual machine: detach.js SELECTOR
import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';

const loop = new GLib.MainLoop(null, false);
const ended = new Map();

function main(selector) {
    const vfiod = Gio.DBusProxy.new_sync(Gio.DBus.system, Gio.DBusProxyFlags.DO_NOT_LOAD_PROPERTIES, null, 'org.vfiod1',
        '/org/vfiod1', 'org.vfiod1.Manager', null);
    vfiod.connect('g-signal', (proxy, sender, name, parameters) => {
        if (name !== 'JobRemoved')
            return;
        const [, job, result, error, message, details] = parameters.recursiveUnpack();
        ended.set(job, {result, message: `${error}: ${message}`, details});
        loop.quit();
    });
    vfiod.connect('notify::g-name-owner', () => loop.quit());

    // The whole group goes along. Let polkit ask for a password if that is necessary.
    const call = new GLib.Variant('(sa{sv})', [selector, {companions: new GLib.Variant('as', ['*'])}]);
    const [job] = vfiod.call_sync('StartDetach', call, Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION, -1, null)
        .recursiveUnpack();
    while (!ended.has(job) && vfiod.g_name_owner)
        loop.run();
    if (!ended.has(job))
        throw new Error('vfiod has ended. The job continues: look at the state of the device.');
    const {result, message, details} = ended.get(job);
    for (const [address, before, after] of details.Changes)
        print(`${address}: ${before || 'no driver'} -> ${after || 'no driver'}`);
    if (result !== 'done')
        throw new Error(message);
}

try {
    main(...System.programArgs);
} catch (error) {
    printerr(error.message);
    System.exit(1);
}
