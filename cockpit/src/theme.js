// SPDX-License-Identifier: GPL-2.0-or-later
// Follows the style that the user has chosen in Cockpit: "light", "dark" or "auto".

const KEY = "shell:style";
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function apply(style) {
    const isDark = style === "dark" || (style !== "light" && dark.matches);
    document.documentElement.classList.toggle("pf-v6-theme-dark", isDark);
}

export function followTheme() {
    const update = () => apply(localStorage.getItem(KEY) || "auto");
    update();
    window.addEventListener("storage", event => event.key === KEY && update());
    // Cockpit tells its own windows so.
    window.addEventListener("cockpit-style", event => apply(event.detail.style));
    dark.addEventListener("change", update);
}
