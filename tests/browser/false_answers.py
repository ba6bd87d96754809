# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page does if vfiod answers what it should not: the page has the rights of the administrator, and vfiod does not."""

from suite import test

# Changes the messages from the bridge with a function of the test, and notes what the page sends.
BETWEEN = """(() => {
    const Real = window.WebSocket;
    window.sent = [];
    window.WebSocket = class extends Real {
        set onmessage(receive) {
            super.onmessage = event => receive({ data: typeof event.data === "string" ? (%s)(event.data) : event.data });
        }
        send(data) {
            window.sent.push(String(data));
            super.send(data);
        }
    };
})();"""
# The devices of the explanation have other addresses: one leads out of the folder, one is that of no device.
ELSEWHERE = """text => {
    if (!text.includes('"isolation-') || !text.includes('"reply"'))
        return text;
    document.documentElement.dataset.changed = "";
    return text.replace('"device":{"t":"s","v":"0000:02:00.0"}', '"device":{"t":"s","v":"../../../../etc"}')
        .replace('"device":{"t":"s","v":"0000:00:02.0"}', '"device":{"t":"s","v":"0000:aa:00.0"}');
}"""
READ = "window.sent.filter(text => /config/.test(text) && /sys.bus.pci/.test(text))"


@test
def strange_addresses(tap, here):
    page = here.open_raw("topology", first=BETWEEN % ELSEWHERE)
    page.until("document.documentElement.dataset.changed === ''")
    page.until("document.querySelectorAll('[data-reason]').length === 3")
    read = page.evaluate(READ)
    tap.check("the page reads what devices say", len(read) > 0)
    tap.equal("it reads nothing that is no device of the host", [text for text in read if "etc" in text or "aa:00.0" in text], [])
