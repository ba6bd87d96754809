#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A window with the devices that a virtual machine can get: shows their state, detaches and reattaches them. It needs GTK 4."""

import sys
from functools import partial

import gi
gi.require_version("Gtk", "4.0")
from gi.repository import Gio, GLib, Gtk, Pango  # noqa: E402

NAME, PATH, MANAGER = "org.vfiod1", "/org/vfiod1", "org.vfiod1.Manager"
# The words for the property Availability. vfiod may have more: then the panel shows the value itself.
STATES = {"available": "With the host", "detached": "Ready for a virtual machine", "partial": "Detached, but not its whole group",
          "leased": "Leased", "foreign": "With another program", "changing": "Changing", "stuck": "Waiting for the kernel",
          "absent": "Unplugged", "not-viable": "Shared with the host", "no-group": "No IOMMU"}
# The bus says this while vfiod does not run: then show_away() says it better.
AWAY = ("org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.ServiceUnknown")
VERBS = {"available": "detach", "detached": "reattach", "partial": "reattach"}


class Vfiod:
    """The connection to vfiod. It asks once, and then again only when a signal tells that a device has changed."""

    def __init__(self, bus, on_devices, on_error, on_away):
        self.bus, self.on_devices, self.on_error, self.on_away = bus, on_devices, on_error, on_away
        self.listing = False
        for interface, argument in (("org.freedesktop.DBus.Properties", "org.vfiod1.Device"),
                                    ("org.freedesktop.DBus.ObjectManager", None)):
            bus.signal_subscribe(NAME, interface, None, None, argument, Gio.DBusSignalFlags.NONE, lambda *_: self.refresh())
        # Starts vfiod, if systemd can, and tells when it ends and starts again.
        Gio.bus_watch_name_on_connection(bus, NAME, Gio.BusNameWatcherFlags.AUTO_START, lambda *_: self.refresh(),
                                         lambda *_: self.on_away())

    def refresh(self):
        """List the devices. A signal that comes before the reply needs no other list: vfiod sends both in order."""
        def on_answer(show, *values):
            self.listing = False
            show(*values)

        if not self.listing:
            self.listing = True
            self.call("ListDevices", None, partial(on_answer, self.on_devices), partial(on_answer, self.on_error))

    def call(self, method, arguments, on_reply, on_error):
        """Call a method of the Manager. Its reply or error comes later: on_reply(value, ...) or on_error(name, sentence, cure)."""
        message = Gio.DBusMessage.new_method_call(NAME, PATH, MANAGER, method)
        message.set_body(arguments or GLib.Variant("()", ()))
        # polkit may ask the user for a password. Without this flag, it would only refuse.
        message.set_flags(Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION)

        def on_answer(bus, result):
            try:
                answer = bus.send_message_with_reply_finish(result)
            except GLib.Error as error:
                return on_error("", error.message, "")
            values = answer.get_body().unpack() if answer.get_body() else ()
            if answer.get_message_type() != Gio.DBusMessageType.ERROR:
                return on_reply(*values)
            # With the option "error-details", an error has facts for programs. GLib.Error does not keep them.
            details = values[1] if len(values) > 1 else {}
            return on_error(answer.get_error_name(), values[0] if values else "", details.get("Cure", ""))

        self.bus.send_message_with_reply(message, Gio.DBusSendMessageFlags.NONE, GLib.MAXINT, None, on_answer)


def label(text, *classes, selectable=False):
    return Gtk.Label(label=text, css_classes=classes, xalign=0, wrap=True, wrap_mode=Pango.WrapMode.WORD_CHAR, selectable=selectable)


def box(*children, vertical=False, across=0, along=0, **properties):
    """A box with these widgets. `across` is its margin at the left and right, `along` that at the top and bottom."""
    made = Gtk.Box(orientation=Gtk.Orientation.VERTICAL if vertical else Gtk.Orientation.HORIZONTAL, margin_start=across,
                   margin_end=across, margin_top=along, margin_bottom=along, **properties)
    for child in children:
        made.append(child)
    return made


class Row(Gtk.ListBoxRow):
    def __init__(self, on_change):
        super().__init__(activatable=False)
        self.icon, self.title, self.facts = Gtk.Image(pixel_size=32), label("", "heading"), label("", "dim-label", "caption")
        self.state, self.spinner, self.button = label("", "caption"), Gtk.Spinner(spinning=True), Gtk.Button(valign=Gtk.Align.CENTER)
        self.button.connect("clicked", lambda _: on_change(self))
        text = box(self.title, self.facts, self.state, vertical=True, spacing=2, hexpand=True)
        self.set_child(box(self.icon, text, self.spinner, self.button, spacing=12, across=12, along=8))

    def show_device(self, device):
        self.address, _, group, _, driver, _, vendor, product, names, details = device
        availability = details["Availability"]
        self.verb = VERBS.get(availability)
        self.name = details.get("DeviceName", f"Device {vendor:04x}:{product:04x}")
        self.icon.set_from_icon_name(details["Icon"])
        self.title.set_label(", ".join([*names, self.name]))
        self.facts.set_label(f"{self.address} · group {group} · {driver or 'no driver'}")
        self.state.set_label(STATES.get(availability, availability))
        self.spinner.set_visible(availability in ("changing", "stuck"))
        self.button.set_visible(self.verb is not None)
        self.button.set_label((self.verb or "").capitalize() + "…")
        self.button.update_property([Gtk.AccessibleProperty.DESCRIPTION], [self.title.get_label()])


class PlanDialog(Gtk.Window):
    """What a detach or reattach would do, and what stands against it."""

    def __init__(self, parent, verb, row, others, plan, on_agree):
        would_go, steps, findings, _, details = plan
        super().__init__(transient_for=parent, modal=True, title=f"{verb} {row.address}", default_width=520)
        content = [label(f"{row.name} ({row.address})", "heading")]
        if others:
            content.append(label("These devices share its IOMMU group, and go along:"))
            content += [label(f"• {other.name} ({other.address})") for other in others]
        for _, address, evidence, overridden, facts in findings:
            if not overridden:
                content.append(label(f"{address}: {evidence}", "error"))
                if "Cure" in facts:
                    content.append(label(facts["Cure"], "dim-label", selectable=True))
        content += [label(warning, "warning") for warning in details.get("warnings", [])]
        lines = "\n".join(f"{number}. {action} {address}: {reason}" for number, (action, address, reason, _) in enumerate(steps, 1))
        if steps:
            content.append(Gtk.Expander(label=f"What vfiod will do: {len(steps)} steps", child=label(lines, "caption")))
        close, agree = Gtk.Button(label="Close"), Gtk.Button(label=verb, sensitive=would_go, css_classes=["suggested-action"])
        close.connect("clicked", lambda _: self.close())
        agree.connect("clicked", lambda _: (self.close(), on_agree()))
        content.append(box(close, agree, spacing=8, halign=Gtk.Align.END, along=4))
        whole = box(*content, vertical=True, spacing=8, across=12, along=12)
        self.set_child(Gtk.ScrolledWindow(child=whole, hscrollbar_policy=Gtk.PolicyType.NEVER, propagate_natural_height=True,
                                          max_content_height=600))
        self.set_default_widget(agree)


class Panel(Gtk.ApplicationWindow):
    def __init__(self, bus, **properties):
        super().__init__(title="PCI devices", default_width=640, default_height=640, **properties)
        self.rows = {}
        self.list = Gtk.ListBox(selection_mode=Gtk.SelectionMode.NONE, css_classes=["rich-list"])
        self.list.set_sort_func(lambda one, other: (one.address > other.address) - (one.address < other.address))
        self.sentence, self.cure, close = label("", "error"), label("", "dim-label", selectable=True), Gtk.Button(label="Close")
        close.set_valign(Gtk.Align.CENTER)
        close.connect("clicked", lambda _: self.show_error("", "", ""))
        text = box(self.sentence, self.cure, vertical=True, spacing=4, hexpand=True)
        self.news = Gtk.Revealer(child=box(text, close, spacing=12, across=12, along=8))
        self.set_child(box(self.news, Gtk.ScrolledWindow(child=self.list, vexpand=True), vertical=True))
        self.vfiod = Vfiod(bus, self.show_devices, self.show_error, self.show_away)

    def show_devices(self, rows):
        devices = [row for row in rows if row[9]["Endpoint"]]
        if not self.list.get_sensitive():
            self.show_error("", "", "")
            self.list.set_sensitive(True)
        for address in self.rows.keys() - {device[0] for device in devices}:
            self.list.remove(self.rows.pop(address))
        for device in devices:
            row = self.rows.get(device[0]) or Row(self.ask)
            row.show_device(device)
            if device[0] not in self.rows:
                self.rows[device[0]] = row
                self.list.append(row)

    def show_error(self, name, sentence, cure):
        if name not in AWAY:
            self.sentence.set_label(sentence)
            self.cure.set_label(cure)
            self.cure.set_visible(cure != "")
            self.news.set_reveal_child(sentence != "")

    def show_away(self):
        """The devices stay as they are without vfiod."""
        self.list.set_sensitive(False)
        self.show_error("", "vfiod does not run. Jobs continue without it.", "systemctl start vfiod")

    def ask(self, row):
        """Show the plan, and start only what the user has seen."""
        verb, options = row.verb, {"error-details": GLib.Variant("b", True)}
        if verb == "detach":
            options["companions"] = GLib.Variant("as", ["*"])

        def on_plan(*plan):
            addresses = sorted({address for action, address, _, _ in plan[1] if action in ("record", "forget")} - {row.address})
            others = [self.rows[address] for address in addresses if address in self.rows]
            # If anything has changed when the user agrees, the plan has another fingerprint, and vfiod refuses.
            options["plan"] = GLib.Variant("s", plan[3])
            method, arguments = verb.capitalize(), GLib.Variant("(sa{sv})", (row.address, options))
            PlanDialog(self, method, row, others, plan,
                       lambda: self.vfiod.call(method, arguments, lambda _: None, self.show_error)).present()

        self.show_error("", "", "")
        self.vfiod.call("Plan", GLib.Variant("(ssa{sv})", (row.address, verb, options)), on_plan, self.show_error)


def main():
    application = Gtk.Application(application_id="org.vfiod1.Panel")
    application.connect("activate", lambda _: (application.get_active_window() or
                                               Panel(Gio.bus_get_sync(Gio.BusType.SYSTEM), application=application)).present())
    return application.run(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
