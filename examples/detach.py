#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Detaches the group of a device for a virtual machine: detach.py SELECTOR"""

import sys

from gi.repository import Gio, GLib

ended = {}
loop = GLib.MainLoop()


def on_signal(_proxy, _sender, name, arguments):
    if name == "JobRemoved":
        _number, job, result, error, message, details = arguments.unpack()
        ended[job] = (result, f"{error}: {message}", details)
        loop.quit()


def main(selector):
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
    vfiod = Gio.DBusProxy.new_sync(bus, Gio.DBusProxyFlags.DO_NOT_LOAD_PROPERTIES, None, "org.vfiod1", "/org/vfiod1",
                                   "org.vfiod1.Manager")
    vfiod.connect("g-signal", on_signal)
    vfiod.connect("notify::g-name-owner", lambda *_: loop.quit())
    try:
        # The whole group goes along. Let polkit ask for a password if that is necessary.
        job = vfiod.call_sync("StartDetach", GLib.Variant("(sa{sv})", (selector, {"companions": GLib.Variant("as", ["*"])})),
                              Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION, -1).unpack()[0]
    except GLib.Error as error:
        return Gio.dbus_error_get_remote_error(error) + ": " + error.message.partition(": ")[2]
    while job not in ended and vfiod.get_name_owner():
        loop.run()
    if job not in ended:
        return "vfiod has ended. The job continues: look at the state of the device."
    result, message, details = ended[job]
    for address, before, after, _ in details["Changes"]:
        print(f"{address}: {before or 'no driver'} -> {after or 'no driver'}")
    return 0 if result == "done" else message


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
