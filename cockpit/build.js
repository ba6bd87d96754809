#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-or-later
// Builds the page: build.js FOLDER. "npm ci" must have run before.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import esbuild from "esbuild";

import { script, sentences } from "./catalog.js";
import { licenses } from "./licenses.js";

const source = path.dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2];
if (!folder) {
    console.error("build.js: name the folder of the result");
    process.exit(2);
}

// PatternFly names fonts and pictures that this page does not show. The text fonts go into the style sheet.
const assets = {
    name: "assets",
    setup(build) {
        build.onResolve({ filter: /assets\/.*\.(woff2|svg)$/ }, ({ path: name, resolveDir }) =>
            /RedHat(Text|Display|Mono)VF\.woff2$/.test(name)
                ? { path: path.resolve(resolveDir, name) }
                : { path: name, namespace: "unused" });
        build.onLoad({ filter: /./, namespace: "unused" }, () => ({ contents: "", loader: "dataurl" }));
    },
};

// PatternFly's own words, which screen readers speak, are English: these expressions become those of src/library-words.js.
const WORDS = {
    "Alert/Alert.js": [["variantLabel = `${capitalize(variant)} alert:`", "variantLabel = words.alert(variant)"]],
    "Alert/AlertActionCloseButton.js": [["`Close ${variantLabel || alertVariantLabel} alert: ${title}`", "words.close"]],
    "Modal/ModalBoxCloseButton.js": [["ariaLabel = 'Close'", "ariaLabel = words.close"]],
    "Modal/ModalBoxTitle.js": [["`${capitalize(titleIconVariant)} alert:`", "words.alert(titleIconVariant)"]],
    "Nav/NavList.js": [["'Scroll back'", "words.back"], ["'Scroll foward'", "words.forward"]],
    "Spinner/Spinner.js": [["ariaValueText = 'Loading...'", "ariaValueText = words.loading"]],
};
const words = {
    name: "words",
    setup(build) {
        const left = new Set(Object.keys(WORDS));
        build.onLoad({ filter: /react-core\/dist\/esm\/components\/[A-Za-z]+\/[A-Za-z]+\.js$/ }, ({ path: name }) => {
            const file = name.split("/").slice(-2).join("/");
            if (!WORDS[file])
                return undefined;
            let contents = fs.readFileSync(name, "utf8");
            for (const [from, to] of WORDS[file]) {
                if (!contents.includes(from))
                    throw new Error(`${file} does not say ${from}`);
                contents = contents.replaceAll(from, to);
            }
            left.delete(file);
            return { contents: `import { words } from ${JSON.stringify(path.join(source, "src/library-words.js"))};\n${contents}` };
        });
        build.onEnd(() => {
            if (left.size > 0)
                throw new Error(`PatternFly has no ${[...left].join(", ")}`);
        });
    },
};

fs.mkdirSync(folder, { recursive: true });
const { metafile } = await esbuild.build({
    absWorkingDir: source,
    entryPoints: ["src/index.jsx"],
    outdir: path.resolve(folder),
    entryNames: "index",
    bundle: true,
    minify: true,
    format: "iife",
    target: ["es2020"],
    jsx: "automatic",
    loader: { ".woff2": "dataurl" },
    define: { "process.env.NODE_ENV": '"production"' },
    legalComments: "eof",
    metafile: true,
    logLevel: "warning",
    plugins: [assets, words],
});
for (const name of ["index.html", "manifest.json"])
    fs.copyFileSync(path.join(source, name), path.join(folder, name));
fs.writeFileSync(path.join(folder, "licenses.txt"), licenses(source, metafile));

// Cockpit answers "po.js" with the file for the language of the user, and asks for the texts of the menu by the other name.
const manifest = JSON.parse(fs.readFileSync(path.join(source, "manifest.json"), "utf8"));
const labels = Object.values(manifest.menu).map(item => item.label);
const formats = fs.readFileSync(path.join(source, "../po/sentences.h"), "utf8");
for (const name of fs.readdirSync(path.join(source, "po"))) {
    const text = fs.readFileSync(path.join(source, "po", name), "utf8");
    const language = path.basename(name, ".po");
    fs.writeFileSync(path.join(folder, `po.${language}.js`), script(text));
    fs.writeFileSync(path.join(folder, `po.manifest.${language}.js`), script(text, msgid => labels.includes(msgid)));
    // Not in po.js: Cockpit's own window loads that of all packages.
    const said = fs.readFileSync(path.join(source, "../po", name), "utf8");
    fs.writeFileSync(path.join(folder, `sentences.${language}.json`), sentences(formats, said));
}
