# SPDX-License-Identifier: GPL-2.0-or-later
"""The page in the web console."""

from chromium import Page


class Framed(Page):
    """The page as the web console shows it: in a frame of its window. The document is that of the frame."""

    FRAME = "iframe[name^='cockpit1:localhost/vfiod']"
    LOADED = f"""new Promise(resolve => {{
        const frame = document.querySelector("{FRAME}");
        const check = () => !frame.contentWindow.before && frame.contentDocument?.querySelector("#app") && resolve(true);
        frame.addEventListener("load", check);
        check();
    }})"""

    def __init__(self, console):
        super().__init__(console.chromium, console.session, console.target)
        self.console = console
        console.until(f'document.querySelector("{self.FRAME}")')
        console.evaluate(self.LOADED)

    def evaluate(self, expression):
        inside = f'document.querySelector("{self.FRAME}").contentWindow'
        return super().evaluate(f"(({{ document, location, navigator }}) => ({expression}))({inside})")

    def corner(self):
        return self.console.evaluate(f'(box => [box.left, box.top])(document.querySelector("{self.FRAME}").getBoundingClientRect())')
