// SPDX-License-Identifier: GPL-2.0-or-later
import "@patternfly/patternfly/patternfly-base.css";
import { createRoot } from "react-dom/client";

import { App } from "./app.jsx";
import { Boundary } from "./boundary.jsx";
import { followLanguage } from "./i18n.js";
import { loadSentences } from "./sentence.js";
import { followTheme } from "./theme.js";

followTheme();
followLanguage();
loadSentences().then(() => createRoot(document.getElementById("app")).render(<Boundary><App /></Boundary>));
