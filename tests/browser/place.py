# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the page share: the simulated host, Cockpit, the browser, and an open page."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "bench"), str(HERE.parent / "vm")]

from chromium import PATIENCE_S, Chromium  # noqa: E402
from cockpit import NOBODY, PORT, USER_PORT, address, cockpit  # noqa: E402
from lab import Lab  # noqa: E402
from sim import DEVICES, ROOT, STORY, Simulation  # noqa: E402

WIDE, NARROW = 1400, 360
# Of a step and of the names in the host, in milliseconds. Pictures of a job that stands still may take longer than 30 seconds.
DEADLINES = (600000, 5000)


class Place:
    """The page over one simulated host. `pictures` is the folder of the screenshots."""

    def __init__(self, sim, chromium, pictures, axe):
        self.sim, self.chromium, self.pictures, self.axe = sim, chromium, pictures, axe
        self.root = ROOT
        self.pages = []
        self.complaints = []
        self.kept = set()

    def open(self, *path, **choice):
        """Open a view in a new window, and wait until it has the state of vfiod."""
        page = self.open_raw(*path, **choice)
        page.until("document.querySelector('[data-phase=ready]')")
        return page

    def keep_session(self, port):
        """Cockpit ends a session that no page uses for 15 seconds, and here it does not begin another one. So a connection stays."""
        if port in self.kept:
            return
        self.kept.add(port)
        page = self.chromium.open(address(port).replace("index.html", "manifest.json"), WIDE, 900)
        page.until("document.body.innerText.includes('requires')")
        page.evaluate("new Promise((resolve, reject) => {"
                      " window.kept = new WebSocket(`ws://${location.host}/cockpit/socket`, 'cockpit1');"
                      " window.kept.onopen = resolve; window.kept.onerror = reject; }).then(() => true)")

    def open_raw(self, *path, width=WIDE, height=900, port=PORT, package="vfiod", **media):
        self.keep_session(port)
        page = self.chromium.open(f"{address(port, package)}#/{'/'.join(path)}", width, height, **media)
        self.pages.append(page)
        return page

    def close(self, page):
        """Close a window, and note what it complained about."""
        self.complaints += page.complaints()
        page.close()
        self.pages.remove(page)

    def close_pages(self):
        """Close all windows. Return what they complained about, and those that were closed before."""
        while self.pages:
            self.close(self.pages[-1])
        complaints, self.complaints = self.complaints, []
        return complaints

    def picture(self, page, name):
        page.rest()
        page.screenshot(self.pictures / f"{name}.png")

    def state(self, address):
        """The state and driver of a device, as vfiod tells another client."""
        rows = ask_bus("call", "ListDevices")[0]
        return next(((row[3], row[4]) for row in rows if row[0] == address), None)

    def group(self, address):
        """The number of the group of a device, or -1."""
        return next((row[2] for row in ask_bus("call", "ListDevices")[0] if row[0] == address), -1)

    def restore(self):
        """Give all devices back to the host, after a test has failed."""
        for command in ("clear", "resume"):
            self.sim.kernel(command)
        for address, _, _, state, *_ in self.settled():
            if state == "detached":
                self.sim.run("reattach", address, check=False)
        for path in pathlib.Path(DEVICES).glob("*/sriov_numvfs"):
            if path.read_text().strip() != "0":
                self.sim.run("vfs", path.parent.name, "0", "--override=virtual-functions", check=False)

    def settled(self):
        """The rows of all devices, when no job changes them any more."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            rows = ask_bus("call", "ListDevices")[0]
            if time.monotonic() > deadline or not any(row[3] == "changing" for row in rows):
                return rows
            time.sleep(0.2)

    def reverts(self):
        """The number of groups that go back to the host unless somebody confirms."""
        return ask_bus("get-property", "RevertCount")

    def serious(self, page):
        """What axe-core finds in the page that is serious or critical."""
        page.evaluate(self.axe + "; true")
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(result => result.violations"
                              ".filter(v => v.impact === 'serious' || v.impact === 'critical')"
                              ".map(v => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 200)).join(' | ')}`))")
        return found


def ask_bus(verb, member):
    """Ask the Manager with busctl. Return the answer."""
    done = subprocess.run(["busctl", "--json=short", verb, "org.vfiod1", "/org/vfiod1", "org.vfiod1.Manager", member],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["data"]


def cards(page):
    """{address: availability} of the cards that are shown."""
    return page.evaluate("Object.fromEntries([...document.querySelectorAll('[data-address]')]"
                         ".map(e => [e.dataset.address, e.dataset.availability]))")


def card(address, availability=None):
    """A condition: the card is there."""
    which = f"[data-address='{address}']" + (f"[data-availability='{availability}']" if availability else "")
    return f'document.querySelector("{which}")'


def picture_folder(build):
    return build / "tests/browser/pictures"


@contextlib.contextmanager
def place(build, topology):
    """A host with this topology, Cockpit and a browser, during a with block."""
    # A lab puts a new file system over /run.
    if not LAB:
        LAB.append(Lab(build))
        # The bridge of Cockpit must not see the devices of this machine.
        if os.path.isdir("/sys/bus/pci/devices"):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/sys/bus/pci/devices"], check=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="browser-", dir="/run"))
    # The user's session has its files there.
    folder.chmod(0o755)
    pictures = picture_folder(build)
    pictures.mkdir(parents=True, exist_ok=True)
    axe = (HERE.parents[1] / "cockpit/node_modules/axe-core/axe.min.js").read_text()
    with Simulation(LAB[0], topology, deadlines=DEADLINES) as sim, cockpit(build / "cockpit", folder / "root"), \
            cockpit(build / "cockpit", folder / "user", USER_PORT, NOBODY), Chromium(folder) as chromium:
        yield Place(sim, chromium, pictures, axe)


# There is one for each process.
LAB = []


def story(name="story"):
    """The text of a topology."""
    return STORY.with_name(f"{name}.conf").read_text()
