# SPDX-License-Identifier: GPL-2.0-or-later
"""What is tested of each view and dialog: small and wide screens, the dark, and what axe-core finds."""

from place import NARROW, WIDE

FITS = "[document.documentElement, ...document.querySelectorAll('.pf-v6-c-page__main, .pf-v6-c-modal-box, .pf-v6-c-modal-box__body')]" \
       ".filter(e => e.scrollWidth > e.clientWidth).map(e => `${e.tagName} ${e.className}: ${e.scrollWidth} > ${e.clientWidth}`)"

IN_SIGHT = "(box => box.left >= 0 && box.right <= innerWidth)(document.querySelector('nav .pf-m-current').getBoundingClientRect())"


def look(tap, here, name, path, prepare, is_connected=True):
    """Open a view in both widths and in the dark. `prepare` is called with the page, and waits until all is there. The first state of the
    page need not be that of vfiod if it is not connected."""
    for label, choice in (("360", {"width": NARROW, "height": 800}), ("1400", {"width": WIDE}),
                          ("dark", {"width": WIDE, "prefers_color_scheme": "dark"})):
        page = (here.open if is_connected else here.open_raw)(*path, **choice)
        prepare(page)
        here.picture(page, f"{name}-{label}")
        tap.equal(f"{name}, {label}: nothing is wider than the screen", page.evaluate(FITS), [])
        # The page of a device is not in the navigation.
        if is_connected and path[:1] != ("device",):
            tap.check(f"{name}, {label}: the name of the view can be seen", page.evaluate(IN_SIGHT))
        tap.equal(f"{name}, {label}: the page is dark only if it shall be",
                  page.evaluate("document.documentElement.classList.contains('pf-v6-theme-dark')"), label == "dark")
        tap.equal(f"{name}, {label}: axe-core finds nothing serious", here.serious(page), [])
        here.close(page)


def press(page, selector, key="Enter"):
    """Go to the element with Tab, and press a key."""
    page.tab_to(selector, 200)
    page.key(key)


def fill(page, selector, text):
    """Replace the text of a field, as a user does."""
    page.click(selector)
    page.evaluate(f"document.querySelector({selector!r}).select()")
    page.write(text)


def text_of(page, selector):
    return page.evaluate(f"document.querySelector({selector!r}).innerText")
