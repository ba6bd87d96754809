# SPDX-License-Identifier: GPL-2.0-or-later
"""A headless Chromium, driven by the DevTools protocol over a pipe.

    with Chromium(folder) as chromium:
        page = chromium.open("http://127.0.0.1:9090/", 1400, 900)
        page.until("document.querySelector('h1')")

No wait polls: the page itself reports when its content changes.
"""

import base64
import fcntl
import json
import os
import pathlib
import re
import select
import subprocess
import time

# Only a failure takes that long. The machine may have much other work.
PATIENCE_S = 300

# Resolves when the expression is true; it is computed again whenever the page changes, or the focus, what is in sight, or a value.
UNTIL = """new Promise((resolve, reject) => {
    const kinds = ["focusin", "focusout", "scroll", "change"];
    const end = () => { watcher.disconnect(); clearTimeout(timer); kinds.forEach(kind => document.removeEventListener(kind, later, true)); };
    const compute = () => { try { return (%s); } catch (error) { return undefined; } };
    const check = () => {
        const value = compute();
        if (value) { end(); resolve(value === true || typeof value !== "object" ? value : true); }
    };
    const watcher = new MutationObserver(check);
    watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    // Not at once: these events come before what they lead to.
    const later = () => setTimeout(check);
    kinds.forEach(kind => document.addEventListener(kind, later, true));
    const timer = setTimeout(() => { end(); reject(new Error("waited too long")); }, %d);
    check();
})"""


# Resolves to the middle of the element, and whether the mouse hits the element itself there, when it has been in the same place, and not covered, for some frames.
STEADY = """new Promise((resolve, reject) => {
    const end = performance.now() + %d;
    let last = "", frames = 0;
    const check = () => {
        const element = document.querySelector(%s);
        if (element) {
            element.scrollIntoView({ block: "center" });
            const box = element.getBoundingClientRect();
            const middle = [box.left + box.width / 2, box.top + box.height / 2];
            const hit = document.elementFromPoint(...middle);
            frames = String(middle) === last && hit && (element.contains(hit) || hit.contains(element)) ? frames + 1 : 0;
            last = String(middle);
            if (frames >= 3)
                return resolve([...middle, element.contains(hit)]);
        }
        if (performance.now() > end)
            return reject(new Error("it moves, or is covered"));
        requestAnimationFrame(check);
    };
    check();
})"""


# A label is as its control.
IS_ENABLED = "(e => e && !(e.control ?? e).disabled)(document.querySelector(%s))"

# What is behind a dialog is hidden from screen readers, and no key reaches it before the dialog has closed.
IS_REACHABLE = "(e => e && !(e.control ?? e).disabled && !e.closest('[aria-hidden=true]'))(document.querySelector(%s))"

OWN_PACKAGES = {"vfiod", "bare", "base1"}

# Notes in the document whether an element has had a click: the element itself if the second value is true, or else one around it.
LISTEN = """(() => {
    document.heard = false;
    document.addEventListener("click", event => {
        const element = document.querySelector(%s), { target } = event;
        document.heard = Boolean(element && !(element.control ?? element).disabled && (element.contains(target) || !%s && target.contains(element)));
        // The element has moved just now, and another one is at its place.
        if (!document.heard) {
            event.preventDefault();
            event.stopImmediatePropagation();
        }
    }, { capture: true, once: true });
    return true;
})()"""


class BrowserError(Exception):
    pass


def is_foreign(content):
    """Whether another page of Cockpit has written to the console: one in the same window, such as the overview of the system."""
    urls = " ".join(frame["url"] for frame in content.get("stackTrace", {}).get("callFrames", []))
    packages = set(re.findall(r"/cockpit/[^/]+/([^/]+)/", urls))
    return bool(packages - OWN_PACKAGES)


def high_pipe():
    """A pipe whose descriptors have numbers from 10 on."""
    low = os.pipe()
    high = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10) for number in low]
    for number in low:
        os.close(number)
    return high


class Chromium:
    """The browser. It uses no network but the loopback interface, and keeps its profile in `folder`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.number = 0
        self.events = []
        self.buffer = b""

    def __enter__(self):
        # Chromium expects the pipes as descriptors 3 and 4, so neither may have one of these numbers before.
        to_read, self.to = high_pipe()
        self.back, to_write = high_pipe()
        command = ["/usr/bin/chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
                   f"--user-data-dir={self.folder / 'profile'}", "--remote-debugging-pipe", "about:blank"]
        script = f"exec 3<&{to_read} 4>&{to_write} {to_read}<&- {to_write}>&-; exec \"$@\""
        with open(self.folder / "chromium.log", "wb") as log:
            self.process = subprocess.Popen(["/bin/bash", "-c", script, "chromium", *command], pass_fds=[to_read, to_write],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.close(to_read)
        os.close(to_write)
        return self

    def __exit__(self, *error):
        try:
            self.send("Browser.close")
            self.process.wait(PATIENCE_S)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.back)

    def send(self, method, session=None, patience=PATIENCE_S, **parameters):
        """Call a method of the protocol. Return its result."""
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        self.write_all(message)
        deadline = time.monotonic() + patience
        while True:
            answer = self.receive(deadline, method)
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def write_all(self, message):
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]

    def receive(self, deadline, what):
        while b"\0" not in self.buffer:
            readable, _, _ = select.select([self.back], [], [], max(0, deadline - time.monotonic()))
            part = os.read(self.back, 1 << 16) if readable else b""
            if not part:
                raise BrowserError(f"{what}: {'Chromium has ended' if readable else 'no answer'}")
            self.buffer += part
        line, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(line)

    def open(self, url, width, height, language="en", first="", **media):
        """Open a page in a window of this size, for a user of this language. The script `first` runs in it before its own scripts."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, target)
        for domain in ("Page", "Runtime", "Log"):
            page.send(f"{domain}.enable")
        page.resize(width, height)
        page.send("Network.enable")
        page.send("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        # Nothing moves while it is clicked.
        media = {"prefers_reduced_motion": "reduce", **media}
        page.send("Emulation.setEmulatedMedia", features=[{"name": name.replace("_", "-"), "value": value} for name, value in media.items()])
        page.send("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        if first:
            page.send("Page.addScriptToEvaluateOnNewDocument", source=first)
        page.go(url)
        return page


class Page:
    def __init__(self, chromium, session, target):
        self.chromium, self.session, self.target = chromium, session, target

    def send(self, method, **parameters):
        session = None if method.startswith("Browser.") else self.session
        return self.chromium.send(method, session, **parameters)

    def close(self):
        self.chromium.send("Target.closeTarget", targetId=self.target)

    def resize(self, width, height):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def go(self, url):
        self.send("Page.navigate", url=url)

    def evaluate(self, expression):
        """The value of an expression in the page. A promise is awaited."""
        result = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            raise BrowserError(result["exceptionDetails"].get("exception", {}).get("description", "") + "\nin: " + expression[:300])
        return result["result"].get("value")

    def until(self, condition, patience=PATIENCE_S - 5):
        """Wait until the expression is true in the page. Return its value."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return self.evaluate(UNTIL % (condition, 1000 * max(0, deadline - time.monotonic())))
            except BrowserError as error:
                # The page was just loaded anew.
                if "waited too long" in str(error) or time.monotonic() > deadline or not any(
                        text in str(error) for text in ("context was destroyed", "navigated", "Cannot find")):
                    raise BrowserError(f"waited too long for: {condition}\nthe page shows:\n{self.text()}") from error

    def text(self):
        return self.evaluate("document.body ? document.body.innerText : ''")

    def until_text(self, text, selector="body"):
        return self.until(f"document.querySelector({json.dumps(selector)}).innerText.includes({json.dumps(text)})")

    def until_no_text(self, text, selector="body"):
        return self.until(f"!document.querySelector({json.dumps(selector)}).innerText.includes({json.dumps(text)})")

    def click(self, selector):
        """Click with the mouse in the middle of the element, when it is there and enabled. A button that is disabled just before the
        click does not hear it: then click again, as a user does."""
        where = json.dumps(selector)
        deadline = time.monotonic() + PATIENCE_S
        self.send("Page.bringToFront")
        while True:
            self.until(IS_ENABLED % where)
            *middle, is_itself = self.evaluate(STEADY % (1000 * (PATIENCE_S - 5), where))
            x, y = (place + start for place, start in zip(middle, self.corner()))
            self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
            self.evaluate(LISTEN % (where, json.dumps(is_itself)))
            for kind in ("mousePressed", "mouseReleased"):
                self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
            if self.was_heard():
                return
            if time.monotonic() > deadline:
                raise BrowserError(f"{selector} does not hear a click")

    def was_heard(self):
        """Whether an element has had a click since LISTEN. A click that has loaded another page was heard, too."""
        try:
            return self.evaluate("document.heard") is not False
        except BrowserError:
            return True

    def corner(self):
        """Where in the window the document begins."""
        return 0, 0

    def click_text(self, text, selector="button, a"):
        """Click the first such element whose text is this."""
        self.until(f"[...document.querySelectorAll({json.dumps(selector)})].some(e => e.innerText.trim() === {json.dumps(text)} &&"
                   f" (document.querySelectorAll('[data-test]').forEach(o => o.removeAttribute('data-test')),"
                   f" e.setAttribute('data-test', ''), true))")
        self.click("[data-test]")

    def key(self, name, text="", modifiers=0):
        """Press a key, such as "Tab" or "Enter". The modifier 8 is the shift key."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39,
                 "ArrowDown": 40}
        common = {"modifiers": modifiers, "key": name, "code": "Space" if name == " " else name, "windowsVirtualKeyCode": codes.get(name, 0)}
        text = text or {"Enter": "\r", " ": " "}.get(name, "")
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    def write(self, text):
        self.send("Input.insertText", text=text)

    def tab_to(self, selector, most=80):
        """Press Tab until the element has the focus, when it is there, enabled and not behind a dialog. Return how often."""
        self.until(IS_REACHABLE % json.dumps(selector))
        for count in range(most):
            if self.evaluate(f"document.activeElement && document.activeElement.matches({json.dumps(selector)})"):
                return count
            self.key("Tab")
        raise BrowserError(f"{most} times Tab do not reach {selector}")

    def choose(self, selector, value):
        """Choose an option of a <select> as a user does, when it is there: with an event that React hears."""
        self.until(IS_ENABLED % json.dumps(selector))
        self.evaluate(f"(e => {{ Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value').set.call(e, {json.dumps(value)});"
                      f" e.dispatchEvent(new Event('change', {{bubbles: true}})); }})(document.querySelector({json.dumps(selector)}))")

    def rest(self):
        """Wait until nothing fades any more. What turns without an end does not count."""
        self.send("Page.bringToFront")
        self.evaluate("Promise.allSettled(document.getAnimations().filter(one => one.effect.getTiming().iterations !== Infinity)"
                      ".map(one => one.finished)).then(() => true)")

    def screenshot(self, path):
        self.send("Page.bringToFront")
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def complaints(self):
        """What the page has written to the console as an error, since the last call."""
        found = []
        rest = []
        for event in self.chromium.events:
            if event.get("sessionId") != self.session:
                rest.append(event)
                continue
            content = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(content["exceptionDetails"].get("exception", {}).get("description", "exception"))
            elif event["method"] == "Runtime.consoleAPICalled" and content["type"] in ("error", "warning") and not is_foreign(content):
                found.append(" ".join(str(one.get("value", one.get("description"))) for one in content["args"]))
            elif event["method"] == "Log.entryAdded" and content["entry"]["level"] == "error":
                found.append(content["entry"]["text"] + " " + content["entry"].get("url", ""))
        self.chromium.events = rest
        return found
