/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/job.h"
#include "rule/rule-book.h"

/* Sees to it that what shall be detached is: by rule at the start, when rules change, and whenever a matching device appears; and what vfiod had detached
 * by hand, when it returns to its slot. All of it goes through the same plan, guards and jobs as a call does. What somebody gives back is left alone until it
 * appears anew. */

typedef struct RuleKeeper RuleKeeper;

typedef struct RuleKeeperParts {
        sd_event *event;
        const Kernel *kernel;
        Inventory *inventory;
        const Journal *journal;
        JobTable *jobs;
        const char *const *folders; /* of rules, the heaviest first, ended by NULL */
        const char *early_rules;    /* file for udev, see early-rules.h; NULL for none */
        const char *udev_database;  /* udev's folder of devices; NULL for none */
} RuleKeeperParts;

/* The names are copied; what else it borrows outlives it, but for the jobs, which tell it of their end: it is freed after them. Reads nothing yet. Returns 0 or a negative errno. */
int rule_keeper_new(const RuleKeeperParts *parts, RuleKeeper **ret);

/* Also removes the file for udev: what is plugged in while nobody is here goes to the host. */
RuleKeeper *rule_keeper_free(RuleKeeper *keeper);
DEFINE_TRIVIAL_CLEANUP_FUNC(RuleKeeper *, rule_keeper_free)

/* Reads all rules anew and applies them to all that is there. Returns 0 or a negative errno; then the old ones stay in force. */
int rule_keeper_reload(RuleKeeper *keeper);

/* The rules in force. The pointer holds; what is in it, until the next reload. */
const RuleBook *rule_keeper_book(const RuleKeeper *keeper);

/* To be called at the end of each turn, before what changed in it is taken from the inventory: looks at what appeared, and tries again what had to wait. */
void rule_keeper_process(RuleKeeper *keeper);

/* Whether what rule_keeper_for_each() reports became different since this was last asked. */
bool rule_keeper_take_changed(RuleKeeper *keeper);

/* What became of a device that a rule matches. */
typedef enum RuleStatus {
        RULE_STATUS_WAITING, /* it is tried again when the device is free */
        RULE_STATUS_APPLIED, /* it is detached, or on the way */
        RULE_STATUS_REFUSED, /* a guard or the plan refuses; tried again when it appears anew, or rules change */
        RULE_STATUS_RELEASED, /* it was taken by the rule, and somebody gave it back: it is left alone until it appears anew */
        RULE_STATUS_OTHER_CARD, /* another card sits where the rule means one */
        _RULE_STATUS_MAX,
} RuleStatus;

/* "waiting", "applied", "refused", "released", "other-card" */
const char *rule_status_to_string(RuleStatus status);

typedef struct RuleMatchReport {
        PciAddress address;
        const char *rule; /* its name */
        RuleStatus status;
        const char *message; /* "" for none */
} RuleMatchReport;

/* Visits the devices that a rule matches, or is kept from, in the order of the addresses, until the visitor returns other than 0; returns that, or 0. What is
 * reported holds for the time of the call. */
typedef int (*rule_report_visit_t)(const RuleMatchReport *report, void *userdata);
int rule_keeper_for_each(const RuleKeeper *keeper, rule_report_visit_t visit, void *userdata);
