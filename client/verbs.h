/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "exit-code.h"
#include "output.h"
#include "proxy.h"

#include <systemd/sd-bus.h>

/* What the user asked for. */
typedef struct Invocation {
        sd_bus *bus;
        Output output;
        const char *selector; /* NULL for verbs that take none */
        uint32_t job;         /* number; 0 for verbs that take none */
        bool qemu;            /* --qemu */
        bool dry_run;         /* --dry-run */
        bool reattach;        /* --reattach */
        Consent consent;      /* --group, --companion, --override, --plan, --force, --adopt */
} Invocation;

/* The verbs. Each prints its result into the output and errors to stderr, and returns what to exit with. */
ExitCode verb_groups(Invocation *invocation);
ExitCode verb_devices(Invocation *invocation);
ExitCode verb_show(Invocation *invocation);

/* Shows what detach would do, or reattach where that is asked for. EXIT_REFUSED where it would be refused. */
ExitCode verb_plan(Invocation *invocation);

ExitCode verb_detach(Invocation *invocation);
ExitCode verb_reattach(Invocation *invocation);
ExitCode verb_jobs(Invocation *invocation);
ExitCode verb_cancel(Invocation *invocation);
ExitCode verb_status(Invocation *invocation);
