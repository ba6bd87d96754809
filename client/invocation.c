/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "connect.h"
#include "terminal.h"
#include "verbs.h"

ExitCode invocation_connect(Invocation *invocation) {
        int r = connect_to_vfiod(invocation->address, &invocation->bus);

        if (r >= 0)
                return EXIT_DONE;
        terminal_say("vfioctl: cannot connect to %s: %s", invocation->address ?: "the system bus", strerror(-r));
        return exit_code_from_error(r, NULL);
}
