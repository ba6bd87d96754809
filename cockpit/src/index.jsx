// SPDX-License-Identifier: GPL-2.0-or-later
import "@patternfly/patternfly/patternfly-base.css";
import { createRoot } from "react-dom/client";

import { App } from "./app.jsx";
import { followTheme } from "./theme.js";

followTheme();
createRoot(document.getElementById("app")).render(<App />);
