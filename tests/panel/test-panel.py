#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of examples/gtk-panel.py: its window on a display in memory, with vfiod on the fake kernel.

It runs itself again in private namespaces, and changes nothing on this machine. The screenshots are in tests/panel/pictures of the
build folder.
"""

import argparse
import contextlib
import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "bench"), str(HERE.parent / "vm")]

from display import button, click, display, picture, text, until  # noqa: E402
from lab import BUS_ADDRESS, Lab  # noqa: E402
from sim import ROOT, STORY, Simulation  # noqa: E402
from tap import Tap  # noqa: E402

PANEL = HERE.parents[1] / "examples/gtk-panel.py"
PORT_1, PORT_2, NIC, CARD = "0000:03:01.0", "0000:03:02.0", "0000:05:00.0", "0000:08:00.0"
NOBODY = 65534
# Only a failure takes that long.
PATIENCE_MS = 240000
PLUG_NIC = f"plug {NIC} vendor=8086 device=10d3 class=020000 subsystem=8086:0000 group=12 parent=0000:00:04.0 numa=0 link=2.5x1 " \
           "reset=flr,pm net=ens3 mac=52:54:00:00:00:03 driver=e1000e"
AUTHORITY = """<node><interface name="org.freedesktop.PolicyKit1.Authority"><method name="CheckAuthorization">
<arg type="(sa{sv})" direction="in"/><arg type="s" direction="in"/><arg type="a{ss}" direction="in"/><arg type="u" direction="in"/>
<arg type="s" direction="in"/><arg type="(bba{ss})" direction="out"/></method></interface></node>"""


def load():
    spec = importlib.util.spec_from_file_location("gtk_panel", PANEL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Place:
    """A window of the panel over one simulated host."""

    def __init__(self, module, sim, pictures):
        self.module, self.sim, self.pictures = module, sim, pictures

    def connect(self, uid=0):
        """A connection of its own, as this user."""
        from gi.repository import Gio

        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        # The bus asks the kernel who has connected.
        os.seteuid(uid)
        try:
            return Gio.DBusConnection.new_for_address_sync(BUS_ADDRESS, flags, None, None)
        finally:
            os.seteuid(0)

    @contextlib.contextmanager
    def panel(self, uid=0):
        window = self.module.Panel(self.connect(uid))
        window.present()
        try:
            until("the list", lambda: window.rows and window.list.get_mapped())
            yield window
        finally:
            for dialog in self.dialogs():
                dialog.destroy()
            window.destroy()

    def dialogs(self):
        from gi.repository import Gtk

        return [window for window in Gtk.Window.list_toplevels() if isinstance(window, self.module.PlanDialog)]

    def dialog(self):
        return until("the dialog", lambda: next((one for one in self.dialogs() if one.get_mapped() and one.get_width() > 0), None))

    def closed(self):
        until("the dialog is closed", lambda: not any(one.get_visible() for one in self.dialogs()))

    def save(self, window, name):
        picture(window, self.pictures / f"{name}.png")


def row(window, address):
    return text(window.rows[address]) if address in window.rows else ""


def until_row(window, address, words):
    return until(f"{address} shows {words}", lambda: words in row(window, address))


def news(window):
    return text(window.news) if window.news.get_reveal_child() else ""


def list_and_hotplug(tap, here):
    with here.panel() as window:
        tap.equal("the list has the endpoints", len(window.rows), 13)
        for part in ("ens1, 82540EM Gigabit Ethernet Controller", f"{PORT_1} · group 10 · e1000", "With the host"):
            tap.contains(f"the row of a port has {part}", row(window, PORT_1), part)
        tap.check("a bridge is not in the list", "0000:02:00.0" not in window.rows)
        here.save(window, "list")
        here.sim.kernel(f"plug {CARD} vendor=8086 device=10d3 class=020000 subsystem=8086:0000 group=40 reset=flr net=ens9 driver=e1000e")
        until_row(window, CARD, "ens9")
        tap.check("a new card appears", True)
        order = [window.list.get_row_at_index(index).address for index in range(len(window.rows))]
        tap.equal("the list is sorted", order, sorted(order))
        here.sim.kernel(f"unplug {CARD}")
        until("the card is gone", lambda: CARD not in window.rows and window.list.get_row_at_index(13) is None)
        tap.check("it disappears", True)
        here.sim.run("detach", NIC)
        until_row(window, NIC, "Ready for a virtual machine")
        here.sim.run("reattach", NIC)
        until_row(window, NIC, "With the host")
        for verb, driver in (("unbind", "no driver"), ("bind", "e1000e")):
            pathlib.Path(f"{ROOT}/sys/bus/pci/drivers/e1000e/{verb}").write_text(NIC)
            until_row(window, NIC, driver)
        tap.check("what another program does is shown", True)


def detach_and_reattach(tap, here):
    with here.panel() as window:
        click(window.rows[PORT_1], "Detach…")
        dialog = here.dialog()
        tap.contains("the dialog names the companion", text(dialog), f"({PORT_2})")
        tap.contains("the dialog has the plan", text(dialog), "What vfiod will do")
        here.save(dialog, "detach")
        here.sim.kernel("stall 3")
        click(dialog, "Detach")
        here.closed()
        here.sim.kernel("wait-pending 1")
        until_row(window, PORT_1, "Changing")
        tap.check("while the job runs, the device is changing, and no button is there", not button(window.rows[PORT_1], "Detach…"))
        here.save(window, "changing")
        here.sim.kernel("resume")
        for port in (PORT_1, PORT_2):
            until_row(window, port, "Ready for a virtual machine")
            tap.contains("the port is on the vfio driver", row(window, port), "vfio-pci")
        here.save(window, "detached")
        click(window.rows[PORT_2], "Reattach…")
        dialog = here.dialog()
        tap.contains("the other port goes along", text(dialog), f"({PORT_1})")
        click(dialog, "Reattach")
        for port in (PORT_1, PORT_2):
            until_row(window, port, "With the host")
        tap.equal("no error is shown", news(window), "")


def errors(tap, here):
    with here.panel() as window:
        here.sim.kernel("use nvme0n1")
        click(window.rows["0000:04:00.0"], "Detach…")
        dialog = here.dialog()
        tap.contains("the dialog names the disk that is in use", text(dialog), "nvme0n1")
        tap.check("nothing can be started", not button(dialog, "Detach").is_sensitive())
        here.save(dialog, "in-use")
        click(dialog, "Close")
        here.closed()
        here.sim.kernel("unuse nvme0n1")
        here.sim.run("detach", NIC)
        until_row(window, NIC, "Ready for a virtual machine")
        click(window.rows[NIC], "Reattach…")
        dialog = here.dialog()
        with open(f"{ROOT}/dev/vfio/12", "rb"):
            click(dialog, "Reattach")
            until("an error is shown", lambda: news(window))
            tap.contains("vfiod does nothing that the user has not seen", news(window), "have changed since the plan")
            tap.contains("the error has a cure", news(window), f"End process {os.getpid()}")
            here.save(window, "error")
        click(window.news, "Close")
        tap.equal("the error can be closed", news(window), "")
        until_row(window, NIC, "Ready for a virtual machine")
        here.sim.run("reattach", NIC)


def restart(tap, here):
    from gi.repository import GLib

    with here.panel() as window:
        click(window.rows[PORT_1], "Detach…")
        here.sim.kernel("stall 3")
        click(here.dialog(), "Detach")
        here.closed()
        here.sim.kernel("wait-pending 1")
        here.sim.end_vfiod(signal.SIGKILL)
        until("the panel says that vfiod is away", lambda: "does not run" in news(window) and not window.list.is_sensitive())
        # The call has its answer, too.
        window.vfiod.bus.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetId", None, None, 0, PATIENCE_MS, None)
        until("all is handled", lambda: not GLib.MainContext.default().pending())
        tap.equal("the panel says only that vfiod is away", news(window).splitlines()[0], "vfiod does not run. Jobs continue without it.")
        tap.check("nothing can be clicked meanwhile", not button(window.rows[NIC], "Detach…").is_sensitive())
        here.save(window, "away")
        here.sim.kernel(f"unplug {NIC}")
        here.sim.start_vfiod()
        until("the list is new", lambda: NIC not in window.rows)
        tap.equal("the panel says no more that vfiod is away", news(window), "")
        here.sim.kernel("resume")
        until_row(window, PORT_1, "Ready for a virtual machine")
        tap.check("the end of the job is shown", True)
        here.sim.run("reattach", PORT_1)
        here.sim.kernel(PLUG_NIC)
        until_row(window, NIC, "With the host")
        tap.check("signals arrive as before", button(window.rows[NIC], "Detach…").is_sensitive())


def ordinary_user(tap, here):
    from gi.repository import Gio, GLib

    with here.panel(NOBODY) as window:
        click(window.rows[NIC], "Detach…")
        click(here.dialog(), "Detach")
        until("an error is shown", lambda: news(window))
        tap.contains("without polkit, an ordinary user is refused", news(window), "Only root may call Detach")
        until_row(window, NIC, "With the host")

        asked = []

        def decide(_bus, _sender, _path, _interface, _method, arguments, invocation):
            _, action, _, flags, _ = arguments.unpack()
            asked.append((action, flags))
            invocation.return_value(GLib.Variant("((bba{ss}))", ((True, False, {}),)))

        polkit = here.connect()
        interface = Gio.DBusNodeInfo.new_for_xml(AUTHORITY).interfaces[0]
        polkit.register_object("/org/freedesktop/PolicyKit1/Authority", interface, decide, None, None)
        named = []
        Gio.bus_own_name_on_connection(polkit, "org.freedesktop.PolicyKit1", Gio.BusNameOwnerFlags.NONE, lambda *_: named.append(True), None)
        until("polkit is there", lambda: named)
        click(window.rows[NIC], "Detach…")
        click(here.dialog(), "Detach")
        until_row(window, NIC, "Ready for a virtual machine")
        # 1: the user may be asked for a password.
        tap.equal("polkit may ask for a password, and is asked once", asked, [("org.vfiod1.detach", 1)])
        polkit.close_sync()
    here.sim.run("reattach", NIC)


def program(tap, here):
    """The program as it is."""
    from gi.repository import Gio, GLib

    bus = here.connect()
    there = []
    Gio.bus_watch_name_on_connection(bus, "org.vfiod1.Panel", Gio.BusNameWatcherFlags.NONE, lambda *_: there.append(True), None)
    command = subprocess.Popen([PANEL], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": BUS_ADDRESS})
    until("the application is on the bus", lambda: there)
    bus.call_sync("org.vfiod1.Panel", "/org/vfiod1/Panel", "org.freedesktop.Application", "Activate", GLib.Variant("(a{sv})", ({},)), None,
                  Gio.DBusCallFlags.NONE, PATIENCE_MS, None)
    reply = bus.call_sync("org.vfiod1.Panel", "/org/vfiod1/Panel/window/1", "org.gtk.Actions", "List", None, None,
                          Gio.DBusCallFlags.NONE, PATIENCE_MS, None)
    tap.check("the program has its window", reply)
    command.terminate()
    _, complaints = command.communicate()
    tap.equal("the program does not complain", complaints, "")


TESTS = [list_and_hotplug, detach_and_reattach, errors, restart, ordinary_user, program]


def run_inside(choice):
    tap = Tap()
    build = pathlib.Path(choice.build_dir).resolve()
    lab = Lab(build)
    home = pathlib.Path("/run/home")
    home.mkdir()
    pictures = build / "tests/panel/pictures"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    with display(home):
        module = load()
        for function in TESTS:
            if not choice.tests or function.__name__ in choice.tests:
                with Simulation(lab, STORY.read_text()) as sim:
                    tap.run(function.__name__, function, tap, Place(module, sim, pictures))
    return tap.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build-dir", default="build", help="a build folder of meson")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("tests", nargs="*", help="names of tests; all if there are none")
    choice = parser.parse_args()
    if choice.inside:
        return run_inside(choice)
    build = pathlib.Path(choice.build_dir).resolve()
    return subprocess.run([build / "tests/unit/private-processes", "/usr/bin/unshare", "--net", sys.executable, "-B", __file__, "--inside",
                           "--build-dir", build, *choice.tests], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
