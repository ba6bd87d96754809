/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/job.h"
#include "job/worker-request.h"
#include "rule/rule-book.h"
#include "rule/rule-case.h"

/* Applies the rules. It detaches matching devices at the start of the daemon, when the rules are read again, and when a
 * device is plugged in. It also detaches a device again that a call had detached, when that device is removed and
 * plugged in again. This uses the same plans, guards and jobs as calls on the bus. If somebody reattaches a device, its
 * status is "released", and the keeper does not detach it until it is plugged in again. */

typedef struct RuleKeeper RuleKeeper;

typedef struct RuleKeeperParts {
        sd_event *event;
        const Kernel *kernel;
        Inventory *inventory;
        const State *state;
        JobTable *jobs;
        const char *const *folders; /* directories of rules by precedence, the highest first; ends with NULL */
        WorkerPort *port;           /* to the worker that writes the rules file for udev */
        const char *early_rules;    /* path of that file, see early-rules.h; NULL for none */
        const char *boot_rules;     /* path of the boot file, see boot-list.h; NULL for none */
        const char *network_online; /* path of a file, see network-watch.h; NULL if no rule waits for the network */
        const char *udev_database;  /* directory of the udev database, see kernel/uevents.h; NULL for none */
} RuleKeeperParts;

/* Creates a keeper. Copies the paths. All other parts are borrowed and must outlive the keeper, except the jobs: they
 * call the keeper when they end, so the job table must be freed before the keeper. Reads no rules. The caller frees the
 * result with rule_keeper_free(). Returns 0 or a negative errno. */
int rule_keeper_new(const RuleKeeperParts *parts, RuleKeeper **ret);

/* Frees the keeper, and lets a worker remove the rules file for udev, so that new devices go to the host drivers
 * while vfiod does not run. Returns NULL. */
RuleKeeper *rule_keeper_free(RuleKeeper *keeper);
DEFINE_TRIVIAL_CLEANUP_FUNC(RuleKeeper *, rule_keeper_free)

/* Reads all rules again and applies them to all present devices. deferred: names of rules, a list that ends with NULL, which are
 * not applied to a device before it is plugged in, or vfiod starts; NULL for none. Returns 0 or a negative errno as rule_book_load()
 * does; then the old rules remain active. */
int rule_keeper_reload(RuleKeeper *keeper, const char *const *deferred);

/* Returns the active rules. The keeper owns the book. Pointers into it are valid until the next reload. */
const RuleBook *rule_keeper_book(const RuleKeeper *keeper);

/* Returns the devices that a rule matches, and other cards at the place that a rule names. A case without a rule is not
 * shown to clients. The keeper owns the list, which is valid until the next reload or process. */
const RuleCaseList *rule_keeper_cases(const RuleKeeper *keeper);

/* Tells whether all rules are applied or refused, except those that wait for the network or for a stuck device. */
bool rule_keeper_is_settled(const RuleKeeper *keeper);

/* Tells whether the cases, or the rules by an interrupted change that was ended, have changed since the last call. */
bool rule_keeper_take_changed(RuleKeeper *keeper);

/* Processes the pending changes of the inventory, and tries waiting cases again. The event loop calls this once per
 * iteration, before it takes the changes from the inventory. Starts jobs; does not block. */
void rule_keeper_process(RuleKeeper *keeper);
