#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-or-later
// Builds the page: build.js FOLDER. "npm ci" must have run before.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import esbuild from "esbuild";

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

fs.mkdirSync(folder, { recursive: true });
await esbuild.build({
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
    logLevel: "warning",
    plugins: [assets],
});
for (const name of ["index.html", "manifest.json"])
    fs.copyFileSync(path.join(source, name), path.join(folder, name));
