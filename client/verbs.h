/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "connect.h"
#include "exit-code.h"
#include "output.h"
#include "proxy.h"

#include <systemd/sd-bus.h>

/* What list, devices and groups show. The lists end in NULL; NULL means everything. */
typedef struct ListOptions {
        const char *columns; /* --output; NULL for the defaults */
        const char *sort;    /* --sort; NULL for the order of addresses */
        char **states;       /* --state */
        char **classes;      /* --class */
        char **drivers;      /* --driver */
        bool available;      /* --available */
        bool all;            /* --all */
} ListOptions;

/* The parsed command line of vfioctl, the connection to vfiod, and the output. */
typedef struct Invocation {
        sd_bus *bus;
        Output output;
        Place place;          /* --address, --host, --machine */
        const char *selector; /* or the number of a lease; NULL for verbs that take none */
        char **selectors;     /* of a list; the list ends in NULL. NULL for verbs that take at most one */
        ListOptions list;
        pid_t agent;                /* process of agent.h; 0 for none */
        bool no_ask_password;       /* --no-ask-password */
        bool wait;                  /* --wait */
        bool check;                 /* --check */
        bool yes;                   /* --yes */
        bool tree;                  /* --tree */
        uint32_t job;               /* number; 0 for verbs that take none */
        const char *rule;           /* name of a rule, or --name; NULL for none */
        char **files;               /* list that ends in NULL; NULL for verbs that take none */
        const char *fragment;       /* format for GetFragment: --qemu, --libvirt, --xml, ...; NULL for none */
        bool iommufd;               /* --iommufd */
        bool dry_run;               /* --dry-run */
        bool reattach;              /* --reattach */
        bool reset;                 /* what is planned is a reset */
        bool persistent;            /* --persistent */
        uint32_t virtual_functions; /* --virtual-functions; 0 for none */
        bool sets_vfs;              /* vfs: a number was given */
        uint32_t n_vfs;             /* vfs: that number */
        char **command;             /* lease: the command with its arguments; the list ends in NULL */
        uint64_t memory;            /* --memory, in bytes; 0 for none */
        bool force_memlock;         /* --force-memlock */
        bool ignored_sigpipe;       /* vfioctl was started with SIGPIPE ignored */
        uint64_t since_us;          /* --since: microseconds since 1970; 0 for none */
        uint32_t n_lines;           /* --lines; 0 for none */
        CallOptions options; /* --group, --companion, --override, --plan, --force, --adopt, --detach, --driverless */
} Invocation;

/* Connects to vfiod. Returns EXIT_DONE, or the exit code after it has printed what is wrong. */
ExitCode invocation_connect(Invocation *invocation);

/* The verbs. Each prints its result into the output and its errors to stderr, and returns the exit code. */

/* The lists check their options first, so they connect themselves. */
ExitCode verb_list(Invocation *invocation);
ExitCode verb_devices(Invocation *invocation);
ExitCode verb_groups(Invocation *invocation);

/* The names of all devices, as virsh writes them; with --tree, below the bridges. */
ExitCode verb_nodedev_list(Invocation *invocation);

/* The same as show --xml. */
ExitCode verb_nodedev_dumpxml(Invocation *invocation);

ExitCode verb_show(Invocation *invocation);

/* Shows what detach would do; or, with --reattach, what reattach would do. Returns EXIT_REFUSED if it would be
 * refused. */
ExitCode verb_plan(Invocation *invocation);

ExitCode verb_detach(Invocation *invocation);
ExitCode verb_reattach(Invocation *invocation);
ExitCode verb_reset(Invocation *invocation);

/* Ends the revert of the selected group; without a selector, all reverts of the user. */
ExitCode verb_confirm(Invocation *invocation);

/* Lists the virtual functions of a device. If the user gave a number, it first makes that many. */
ExitCode verb_vfs(Invocation *invocation);

/* Leases a group, and becomes the command; returns only if that fails. With --pid, it returns at once. */
ExitCode verb_lease(Invocation *invocation);
ExitCode verb_leases(Invocation *invocation);
ExitCode verb_release(Invocation *invocation);
ExitCode verb_jobs(Invocation *invocation);
ExitCode verb_cancel(Invocation *invocation);

/* Needs no vfiod, unless it must resolve a selector. So it connects itself. */
ExitCode verb_log(Invocation *invocation);

/* Prints directly to stdout while it runs, and not into the output. */
ExitCode verb_monitor(Invocation *invocation);

ExitCode verb_rule_list(Invocation *invocation);
ExitCode verb_rule_add(Invocation *invocation);
ExitCode verb_rule_remove(Invocation *invocation);
ExitCode verb_rule_show(Invocation *invocation);
ExitCode verb_rule_enable(Invocation *invocation);
ExitCode verb_rule_disable(Invocation *invocation);

/* Starts an editor. */
ExitCode verb_rule_edit(Invocation *invocation);

/* Returns EXIT_FAILED if a rule is wrong. Connects to vfiod only if no file is given. */
ExitCode verb_rule_check(Invocation *invocation);

/* Print the rules and the numbers of virtual functions of the host as one file, and make them as such a file says. */
ExitCode verb_export(Invocation *invocation);
ExitCode verb_apply(Invocation *invocation);
ExitCode verb_rescan(Invocation *invocation);

/* Makes rules of the overrides of driverctl. */
ExitCode verb_import_driverctl(Invocation *invocation);
ExitCode verb_status(Invocation *invocation);

/* Prints numbers for a monitoring system, as OpenMetrics text. */
ExitCode verb_metrics(Invocation *invocation);

/* Explains why the selected device shares its group, and what the host would lose. */
ExitCode verb_explain(Invocation *invocation);

/* Returns EXIT_UNSOUND if vfiod found an error. */
ExitCode verb_doctor(Invocation *invocation);
