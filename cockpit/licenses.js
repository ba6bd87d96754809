// SPDX-License-Identifier: GPL-2.0-or-later
// The text of the licenses of the libraries that the built page contains.
import fs from "node:fs";
import path from "node:path";

// A package without a file of its license, and the package of the same authors whose file has the same license.
const SAME_LICENSE = { "@patternfly/patternfly": "@patternfly/react-core" };

const HEADER = `The page for Cockpit has the license of vfiod, GPL-2.0-or-later. It contains parts of these libraries, and the fonts
Red Hat Text, Red Hat Display and Red Hat Mono (SIL Open Font License 1.1, Copyright The Red Hat Project Authors, https://github.com/RedHatOfficial/RedHatFont).
`;

// The names of the libraries whose files esbuild has put into the page: its "metafile" lists all inputs.
function libraries(metafile) {
    const inputs = Object.values(metafile.outputs).flatMap(output => Object.entries(output.inputs));
    const names = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0)
        .map(([input]) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]);
    return [...new Set(names)].filter(Boolean).sort();
}

function licenseText(source, name) {
    const folder = path.join(source, "node_modules", SAME_LICENSE[name] ?? name);
    const file = fs.readdirSync(folder).sort().find(one => /^licen[cs]e(\.(md|txt))?$/i.test(one));
    if (!file)
        throw new Error(`licenses.js: ${name} has no file of its license`);
    return fs.readFileSync(path.join(folder, file), "utf8").replaceAll("\r\n", "\n").trim();
}

export function licenses(source, metafile) {
    const sections = libraries(metafile).map(name => {
        const { version, license } = JSON.parse(fs.readFileSync(path.join(source, "node_modules", name, "package.json"), "utf8"));
        return `== ${name} ${version} (${license})\n\n${licenseText(source, name)}\n`;
    });
    return [HEADER, ...sections].join("\n");
}
