/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/early-rules.h"
#include "rule/rule-keeper.h"

/* Decisions of the rule keeper: which rule applies to a device, and the plan for it. These functions write nothing to
 * the host and start no jobs. */

typedef struct BootKeeper BootKeeper;
typedef struct NetworkWatch NetworkWatch;

struct RuleKeeper {
        RuleKeeperParts parts;
        RuleBook *book;
        RuleCaseList cases;
        sd_event_source *timer; /* wakes the event loop when a case must be tried again */
        uint64_t wake_us;       /* when the timer elapses; 0 if it is off */
        bool has_early_rules;   /* the rules file for udev was written, or may have been */
        BootKeeper *boot;       /* NULL for none */
        NetworkWatch *network;  /* NULL for none */
        bool started;           /* The rules were applied once. */
        bool recovering;        /* A worker ends an interrupted change of rules. */
        bool needs_reload;      /* It has done so. */
        bool has_reloaded;      /* The rules were read again after that. */
        bool boot_stale;        /* The cases have changed, so the boot file may have to. */
        char *early_rules, *udev_database;
};

/* Returns the rule that matches the device, or NULL. If ret_other is not NULL, *ret_other becomes a rule that names the
 * device's place, but another card; or NULL. The pointers are valid until the next reload. */
const Rule *rule_plan_find(const RuleKeeper *keeper, const Device *device, const Rule **ret_other);

/* Returns the rule of a case; NULL if the case has none, or if the rule no longer exists or is off. */
const Rule *rule_plan_rule_of(const RuleKeeper *keeper, const RuleCase *rule_case);

/* Returns the rule that was applied to another member of the device's group and also agrees to detach this device,
 * which may have been plugged in later. Returns NULL if there is none. */
const Rule *rule_plan_find_in_group(const RuleKeeper *keeper, const Device *device);

/* Tells whether the record says that vfiod has detached this device, and no job is reattaching it. The device need not
 * be on vfio-pci now. */
bool rule_plan_is_detached(const RuleKeeper *keeper, const Device *device);

/* Tells whether the rule of the case must wait until the network of the host is online: the device or another member of
 * its group is a network card of the host or has an interface, which may not have its address yet. */
bool rule_plan_awaits_network(const RuleKeeper *keeper, const Device *device);

/* Tells whether a job works on the device, or on the PF of this VF, which may remove the VF. */
bool rule_plan_is_changing(const RuleKeeper *keeper, const Device *device);

/* Tells whether the network driver is still creating the interface, and until when the rule waits for it. A card without
 * an interface looks as if the interface were in another network namespace. Times are CLOCK_MONOTONIC, microseconds. */
bool rule_plan_awaits_interface(const RuleCase *rule_case, const Device *device, uint64_t now, uint64_t *ret_until);

/* Tells whether udev has evaluated its rules for the device of the case. Before that, an early rule could set
 * driver_override again. */
bool rule_plan_udev_is_done(const RuleKeeper *keeper, const RuleCase *rule_case, uint64_t now);

/* Tells whether a rule that waits for this device may wait long: for the network, for the end of a lease, or for a device that is
 * stuck. */
bool rule_plan_waits_long(const RuleKeeper *keeper, const Device *device);

/* Adds a case for each companion: a member of the group that was detached together with the device. So the keeper
 * notices when somebody reattaches a companion. */
void rule_plan_note_companions(RuleKeeper *keeper, PciAddress address);

/* Makes the plan that applies the rule of the case; or, for a case without a rule, detaches the device again. The
 * caller frees *ret. Returns as plan_detach() and vf_plan_new() do. */
int rule_plan_make(const RuleKeeper *keeper, const RuleCase *rule_case, Device *device, Plan **ret, Problem *problem);
