# SPDX-License-Identifier: GPL-2.0-or-later
"""A display in memory for GTK, and what a user does there. Nothing here polls: conditions are computed again after each event.

    with display():
        import gi ...
"""

import contextlib
import os
import pathlib
import struct
import subprocess

DEADLINE_S = 240


@contextlib.contextmanager
def display(folder):
    """A display of its own, during a with block, and an environment in which GTK needs nothing else of the machine. Only then GTK
    may be imported."""
    readable, writable = os.pipe()
    with open("/run/log", "ab") as log:
        server = subprocess.Popen(["Xvfb", "-displayfd", str(writable), "-nolisten", "tcp", "-screen", "0", "800x700x24", "-fbdir", str(folder)],
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[writable])
    os.close(writable)
    try:
        with os.fdopen(readable) as answer:
            number = answer.readline().strip()
        if not number:
            raise RuntimeError(f"Xvfb did not start:\n{pathlib.Path('/run/log').read_text()[-2000:]}")
        os.environ.update(DISPLAY=f":{number}", GDK_BACKEND="x11", GSK_RENDERER="cairo", GTK_A11Y="none", GSETTINGS_BACKEND="memory",
                          GIO_USE_VFS="local", HOME=str(folder), XDG_RUNTIME_DIR=str(folder), NO_AT_BRIDGE="1", LC_ALL="C.UTF-8",
                          DBUS_SESSION_BUS_ADDRESS="disabled:")
        yield
    finally:
        server.terminate()
        server.wait()


def until(what, condition):
    """Handle events until the condition is true. Return its value."""
    from gi.repository import GLib

    expired = []
    deadline = GLib.timeout_add_seconds(DEADLINE_S, lambda: expired.append(True) or GLib.SOURCE_REMOVE)
    while not (value := condition()):
        if expired:
            raise RuntimeError(f"waited too long: {what}")
        GLib.MainContext.default().iteration(True)
    GLib.source_remove(deadline)
    return value


def inside(widget):
    """The widget and all that it contains."""
    yield widget
    child = widget.get_first_child()
    while child:
        yield from inside(child)
        child = child.get_next_sibling()


def text(widget):
    """All that a user can read there, each label in a line."""
    from gi.repository import Gtk

    return "\n".join(one.get_label() for one in inside(widget) if isinstance(one, Gtk.Label) and one.get_mapped() and one.get_label())


def button(widget, label):
    from gi.repository import Gtk

    return next((one for one in inside(widget) if isinstance(one, Gtk.Button) and one.get_label() == label and one.get_mapped()), None)


def click(widget, label):
    """Click a button when a user could."""
    until(f"the button {label}", lambda: (one := button(widget, label)) and one.is_sensitive())
    button(widget, label).emit("clicked")


def picture(window, path):
    """Save the screen with this window in the front."""
    from gi.repository import GdkPixbuf, GLib

    window.present()
    window.get_settings().props.gtk_enable_animations = False
    frames = []
    clock = window.get_frame_clock()
    handler = clock.connect("after-paint", frames.append)
    window.queue_draw()
    until("the window is drawn", lambda: frames)
    clock.disconnect(handler)
    window.get_display().sync()
    # The X Window Dump that Xvfb keeps: numbers of 32 bits, the colours, and four bytes for each pixel.
    dump = pathlib.Path(os.environ["HOME"], "Xvfb_screen0").read_bytes()
    size, _, _, _, width, height = struct.unpack(">6I", dump[:24])
    row_bytes, colours = struct.unpack(">I", dump[48:52])[0], struct.unpack(">I", dump[76:80])[0]
    pixels = dump[size + 12 * colours:][:row_bytes * height]
    red, green, blue = pixels[2::4], pixels[1::4], pixels[0::4]
    data = bytearray(3 * len(red))
    data[0::3], data[1::3], data[2::3] = red, green, blue
    GdkPixbuf.Pixbuf.new_from_bytes(GLib.Bytes.new(bytes(data)), GdkPixbuf.Colorspace.RGB, False, 8, width, height,
                                    width * 3).savev(str(path), "png", [], [])
