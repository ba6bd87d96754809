// SPDX-License-Identifier: GPL-2.0-or-later
// If a view fails, a sentence instead of a page without content. The other views stay.
import { Component } from "react";
import { Alert, AlertActionLink, Content, PageSection } from "@patternfly/react-core";

import { _ } from "./i18n.js";

export class Boundary extends Component {
    constructor(properties) {
        super(properties);
        this.state = { hasFailed: false };
    }

    static getDerivedStateFromError() {
        return { hasFailed: true };
    }

    render() {
        if (!this.state.hasFailed)
            return this.props.children;
        return (
            <PageSection>
                <Alert isInline variant="danger" component="h2" id="page-failed" title={_("The page has an error")}
                    actionLinks={<AlertActionLink onClick={() => window.location.reload()}>{_("Load the page again")}</AlertActionLink>}>
                    <Content component="p">{_("This part of the page cannot be shown. vfiod and the devices are not affected.")}</Content>
                </Alert>
            </PageSection>
        );
    }
}
