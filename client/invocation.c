/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "connect.h"
#include "language.h"
#include "verbs.h"

ExitCode invocation_connect(Invocation *invocation) {
        const Place *place = &invocation->place;
        int r = connect_to_vfiod(place, &invocation->bus);

        if (r >= 0)
                return EXIT_DONE;
        return report_failure(exit_code_from_error(r, NULL), SD_BUS_ERROR_NO_SERVER, _("cannot connect to %s: %s"),
                        place->host ?: place->machine ?: place->address ?: _("the system bus"), strerror(-r));
}
