/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "exit-code.h"
#include "output.h"

#include <systemd/sd-bus.h>

/* What the user asked for. */
typedef struct Invocation {
        sd_bus *bus;
        Output output;
        const char *selector; /* NULL for verbs that take none */
        bool whole_group;     /* --group */
        bool qemu;            /* --qemu */
        char **companions;    /* --companion */
} Invocation;

/* The verbs. Each prints its result into the output and errors to stderr, and returns what to exit with. */
ExitCode verb_groups(Invocation *invocation);
ExitCode verb_devices(Invocation *invocation);
ExitCode verb_show(Invocation *invocation);
ExitCode verb_detach(Invocation *invocation);
ExitCode verb_reattach(Invocation *invocation);
ExitCode verb_status(Invocation *invocation);
