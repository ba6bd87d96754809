#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The page for Cockpit, in Chromium, on a guest with the real Cockpit, vfiod, polkit and sudo.

An ordinary user may not detach a card, and the page says what helps. With administrative access, the same page detaches both ports of the
card after a look at the plan, a virtual machine gets them, and the page gives them back to the host.

The guest has a network card for Cockpit only. It is connected to a loopback interface that only this program has. Screenshots are in
tests/vm/pictures of the build folder. Only the system bookworm has Cockpit.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import byhand
import host
import options
from guest import Guest
from tap import Tap
from view import View, eventually

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "browser"))
from chromium import Chromium  # noqa: E402
from framed import Framed  # noqa: E402
from suite import enabled, submit  # noqa: E402

URL = "http://127.0.0.1:9090"
PASSWORD = "Kb7-quay-Ostrich"
MAC = "52:54:00:00:09:01"
# Nothing but this port leads out of the guest, or into it.
NETWORK = ["-netdev", "user,id=cockpit-net,restrict=on,hostfwd=tcp:127.0.0.1:9090-10.0.2.15:9090",
           "-device", f"virtio-net-pci,id=cockpit,netdev=cockpit-net,mac={MAC},bus=pcie.0,addr=0x8,romfile="]
SETTINGS = f"[WebService]\nAllowUnencrypted = true\nOrigins = {URL}\n[Session]\nIdleTimeout = 0\n"
CERTIFICATE = "/etc/cockpit/ws-certs.d/0-self-signed"
READY = "document.querySelector('[data-phase=ready]')"
WIDTH, HEIGHT = 1400, 900
STATE = "Object.fromEntries([...document.querySelectorAll('[data-address]')].map(e => [e.dataset.address, e.dataset.availability]))"


def certificate_files(folder):
    """A key and a certificate for Cockpit: the emulated processor would need long to make them."""
    key, certificate = pathlib.Path(folder, "key"), pathlib.Path(folder, "certificate")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
                    "-keyout", str(key), "-out", str(certificate)], check=True, stderr=subprocess.DEVNULL)
    return {f"{CERTIFICATE}.key": key.read_text(), f"{CERTIFICATE}.cert": certificate.read_text()}


def prepare(guest):
    """Give the users passwords, alice the right to use sudo, and Cockpit its network."""
    guest.check_run(f"printf 'alice:{PASSWORD}\\nbob:{PASSWORD}\\n' | chpasswd && usermod --append --groups sudo alice")
    guest.check_run(f"interface=$(ip -o link | sed -n 's/^[0-9]*: \\([^:]*\\): .*{MAC}.*/\\1/p') && ip address add 10.0.2.15/24 dev $interface "
                    "&& ip link set $interface up && systemctl start cockpit.socket")


class Console:
    """The web console of one user: a window of the browser. `page` is the page in it."""

    def __init__(self, chromium, pictures):
        self.window = chromium.open(f"{URL}/vfiod", WIDTH, HEIGHT)
        self.pictures = pictures
        self.page = None

    def log_in(self, user):
        self.window.until("document.querySelector('#login-button') && document.querySelector('#login').checkVisibility()")
        # What is tested is not the form.
        for name, text in {"user": user, "password": PASSWORD}.items():
            self.window.evaluate(f"document.querySelector('#login-{name}-input').value = '{text}'")
        self.window.click("#login-button")
        self.window.until("document.querySelector('#super-user-indicator button')")
        self.page = Framed(self.window)
        self.page.until(READY)

    def become_administrator(self):
        """Turn on administrative access, as the console's own dialog does."""
        # The web console loads the page again when the rights have changed.
        self.page.evaluate("document.defaultView.before = true")
        self.window.click("#super-user-indicator button.ct-locked")
        self.window.until("document.querySelector('#switch-to-admin-access-password')")
        self.window.click("#switch-to-admin-access-password")
        self.window.write(PASSWORD)
        self.window.click_text("Authenticate")
        self.window.until("document.querySelector('#super-user-indicator button.ct-unlocked')")
        self.window.evaluate(Framed.LOADED)
        self.page.until(READY)

    def open(self, *path):
        self.page.evaluate(f"location.hash = '#/{'/'.join(path)}'")

    def close(self):
        """Close the window, and forget the user."""
        self.window.send("Network.clearBrowserCookies")
        self.window.close()

    def picture(self, name):
        self.window.screenshot(self.pictures / f"{name}.png")


def detach_dialog(console, left, right):
    """Open the dialog that detaches the first port, and tick the second one."""
    console.open("device", left)
    console.page.click("#detach")
    console.page.click(f"[id='companion-{right}']")
    console.page.until(enabled("#change-submit"))


def check_without_rights(tap, guest, chromium, pictures, left, right):
    """An ordinary user sees everything, and is told what is missing for a change."""
    console = Console(chromium, pictures)
    try:
        refuse(tap, guest, console, left, right)
    finally:
        console.close()


def refuse(tap, guest, console, left, right):
    console.log_in("bob")
    console.page.until("document.querySelector('[data-address]')")
    shown = console.page.evaluate(STATE)
    tap.equal("bob sees the state of the ports", (shown.get(left), shown.get(right)), ("available", "available"))
    detach_dialog(console, left, right)
    tap.check("bob sees the plan", "What vfiod will do" in console.page.text())
    submit(console.page)
    console.page.until("document.querySelector('#change-dialog [data-error]')")
    console.picture("guest-refused")
    tap.contains("the page says what helps", console.page.evaluate("document.querySelector('[data-error]').innerText"), "administrative access")
    tap.equal("nothing has changed", host.drivers(guest, left, right), ["e1000", "e1000"])


def check_story(tap, guest, view, console, left, right):
    """alice gets administrative access, and does what the product is for."""
    before = host.snapshot(guest, left, right)
    console.log_in("alice")
    console.become_administrator()
    console.picture("guest-shell")
    detach_dialog(console, left, right)
    console.page.until_text("What vfiod will do", "#change-dialog")
    console.picture("guest-detach")
    submit(console.page)
    console.page.until_text("Detached:", "#news")
    tap.equal("both ports are on vfio-pci", host.drivers(guest, left, right), ["vfio-pci", "vfio-pci"])
    tap.equal("vfiod has detached them", [view.state(left), view.state(right)], ["detached", "detached"])
    console.page.click("#format-qemu")
    console.page.until_text("vfio-pci,host", "#fragment-text")
    arguments = console.page.evaluate("(e => e.value ?? e.innerText)(document.querySelector('#fragment-text'))").strip()
    runs, program = byhand.start_machine(guest, arguments)
    tap.check("QEMU starts with the arguments of the page", runs, program.output)
    tap.equal("the virtual machine has both ports", byhand.machine_devices(program).count("8086:100e"), 2)
    console.page.click_text("Search again")
    console.page.until_text("qemu-system", "#holders")
    tap.check("the page names the virtual machine as the holder", True)
    console.picture("guest-held")
    tap.equal("QEMU ends", byhand.stop_machine(program), 0)
    console.page.click_text("Search again")
    console.page.until_text("None.", "#holders")
    console.page.click("#reattach")
    submit(console.page)
    console.page.until_text("Reattached:", "#news")
    tap.equal("the card is with the host as before", eventually(lambda: host.snapshot(guest, left, right), before, 30), before)
    journal = guest.check_run("journalctl --output=cat --unit=vfiod.service --no-pager")
    tap.note(journal.splitlines()[-1] if journal else "")


def run(tap, destdir, work, pictures):
    with Guest("story", destdir=destdir, files={"/etc/cockpit/cockpit.conf": SETTINGS, **certificate_files(work)},
               qemu_arguments=NETWORK) as guest:
        tap.watch(guest)
        guest.boot()
        tap.note(f"booted in {guest.boot_seconds:.1f} s")
        prepare(guest)
        left, right = guest.address("story-left"), guest.address("story-right")
        with Chromium(work) as chromium:
            tap.note(check_without_rights.__doc__)
            tap.run("check_without_rights", check_without_rights, tap, guest, chromium, pictures, left, right)
            console = Console(chromium, pictures)
            tap.note(check_story.__doc__)
            failures = tap.failures
            tap.run("check_story", check_story, tap, guest, View(guest), console, left, right)
            if tap.failures > failures:
                console.picture("guest-failed")


def main():
    parser = options.parser(__doc__)
    parser.add_argument("--inside", action="store_true", help="in a network namespace of its own")
    choice = parser.parse_args()
    if not choice.inside:
        return subprocess.run(["unshare", "--net", sys.executable, "-B", __file__, "--inside", *sys.argv[1:]], check=False).returncode
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    tap = Tap()
    pictures = pathlib.Path(choice.build_dir or ".").resolve() / "tests/vm/pictures"
    # Each picture is of this run.
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    with options.installed(choice) as destdir, tempfile.TemporaryDirectory(prefix="vfiod-page-") as work:
        tap.run("page", run, tap, destdir, pathlib.Path(work), pictures)
    tap.note(f"the screenshots are in {pictures}")
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
