# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing polls: a page at which nobody looks, on a host on which nothing happens, sends nothing."""

from people import LOADED
from suite import NIC, test

# What the page has sent since the last question. Cockpit itself asks from time to time whether the connection is there.
COUNT = """(() => {
    const send = WebSocket.prototype.send;
    window.sent = [];
    WebSocket.prototype.send = function (data) {
        if (!/^\\n\\{[^{]*"command": *"(ping|pong|hint|ack)"/.test(data))
            window.sent.push(String(data).slice(0, 300));
        return send.call(this, data);
    };
})();"""
QUIET_S = 15
WINDOWS_MAX = 6
VIEWS = {**LOADED, "rules": "document.querySelector('#rules')", "virtual-functions": "document.querySelector('[data-pf]')",
         "leases": "document.querySelector('#leases')"}


@test
def nothing_polls(tap, here):
    pages = {}
    for name, loaded in VIEWS.items():
        path = {"devices": (), "device": ("device", NIC)}.get(name, (name,))
        pages[name] = here.open(*path, first=COUNT)
        pages[name].until(loaded)
    dialog = here.open("device", NIC, first=COUNT)
    dialog.click("#detach")
    dialog.until("document.querySelector('#change-dialog #trial')")
    pages["dialog"] = dialog
    for name, page in pages.items():
        tap.check(f"what is sent is counted: {name}", page.evaluate("window.sent.length > 0"))
    # On a busy machine, the views may still be loading. What polls is never quiet.
    for _ in range(WINDOWS_MAX):
        for page in pages.values():
            page.evaluate("window.sent = []; true")
        pages["dialog"].evaluate(f"new Promise(resolve => setTimeout(resolve, {QUIET_S * 1000}))")
        sent = {name: found for name, page in pages.items() if (found := page.evaluate("window.sent"))}
        if not sent:
            break
    tap.equal(f"no view sends anything for {QUIET_S} seconds", sent, {})
