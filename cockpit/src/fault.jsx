// SPDX-License-Identifier: GPL-2.0-or-later
// The error of a rule file, with its line.
import { _, format } from "./i18n.js";
import { Said } from "./said.jsx";

export function FaultText({ line, text }) {
    if (!line)
        return <Said text={text} />;
    return <>{format(_("Line $0"), line)}: <Said text={text} /></>;
}
