/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/job.h"
#include "rule/rule-book.h"

/* Applies the rules. It detaches matching devices at the start of the daemon, when the rules are read again, and when a device is plugged in. It also detaches a
 * device again that a call had detached, when that device is removed and plugged in again. This uses the same plans, guards and jobs as calls on the bus. If somebody
 * reattaches a device, its status is "released", and the keeper does not detach it until it is plugged in again. */

typedef struct RuleKeeper RuleKeeper;

typedef struct RuleKeeperParts {
        sd_event *event;
        const Kernel *kernel;
        Inventory *inventory;
        const State *state;
        JobTable *jobs;
        const char *const *folders; /* directories of rules by precedence, the highest first; ends with NULL */
        const char *early_rules;    /* path of the rules file for udev, see early-rules.h; NULL for none */
        const char *udev_database;  /* directory of the udev database, see udev-database.h; NULL for none */
} RuleKeeperParts;

/* Creates a keeper. Copies the paths. All other parts are borrowed and must outlive the keeper, except the jobs: they call the keeper when they end, so the job table must
 * be freed before the keeper. Reads no rules. The caller frees the result with rule_keeper_free(). Returns 0 or -ENOMEM. */
int rule_keeper_new(const RuleKeeperParts *parts, RuleKeeper **ret);

/* Frees the keeper and removes the rules file for udev, so that new devices go to the host drivers while vfiod does not run. Returns NULL. */
RuleKeeper *rule_keeper_free(RuleKeeper *keeper);
DEFINE_TRIVIAL_CLEANUP_FUNC(RuleKeeper *, rule_keeper_free)

/* Reads all rules again and applies them to all present devices. Returns 0 or a negative errno as rule_book_load() does; then the old rules remain active. */
int rule_keeper_reload(RuleKeeper *keeper);

/* Returns the active rules. The keeper owns the book. Pointers into it are valid until the next reload. */
const RuleBook *rule_keeper_book(const RuleKeeper *keeper);

/* Processes the pending changes of the inventory, and tries waiting cases again. The event loop calls this once per iteration, before it takes the changes from the
 * inventory. Starts jobs; does not block. */
void rule_keeper_process(RuleKeeper *keeper);

/* Tells whether the result of rule_keeper_for_each() has changed since the last call. */
bool rule_keeper_take_changed(RuleKeeper *keeper);

/* The status of a device that a rule matches. */
typedef enum RuleStatus {
        RULE_STATUS_WAITING, /* the keeper tries again when the device is free */
        RULE_STATUS_APPLIED, /* detached, or a job is detaching it */
        RULE_STATUS_REFUSED, /* a guard or the plan refuses; tried again when it is plugged in again, or the rules are read again */
        RULE_STATUS_RELEASED, /* somebody reattached it after the rule had detached it; not detached until it is plugged in again */
        RULE_STATUS_OTHER_CARD, /* the card at this place is not the card that the rule names */
        _RULE_STATUS_MAX,
} RuleStatus;

/* Returns "waiting", "applied", "refused", "released" or "other-card", a static string. */
const char *rule_status_to_string(RuleStatus status);

typedef struct RuleMatchReport {
        PciAddress address;
        const char *rule; /* name of the rule */
        RuleStatus status;
        const char *message; /* "" for none */
} RuleMatchReport;

/* Calls the callback for each device that a rule matches, and for each other card at the place that a rule names, sorted by address. A return value other than 0
 * stops the iteration. The report is valid during the callback. Returns the value of the last callback, or 0. */
typedef int (*rule_report_visit_t)(const RuleMatchReport *report, void *userdata);
int rule_keeper_for_each(const RuleKeeper *keeper, rule_report_visit_t callback, void *userdata);
