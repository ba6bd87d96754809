/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-address.h"

/* The rule cases: the devices that rules apply to, and the status of each. */

typedef enum RuleStatus {
        RULE_STATUS_WAITING,  /* the keeper tries again when the device is free */
        RULE_STATUS_APPLIED,  /* detached, or a job is detaching it */
        RULE_STATUS_REFUSED,  /* a guard or the plan refuses; tried again after a hot-plug or a reload */
        RULE_STATUS_RELEASED, /* somebody reattached it after the rule had detached it; not detached until a hot-plug */
        RULE_STATUS_OTHER_CARD, /* the card at this place is not the card that the rule names */
        _RULE_STATUS_MAX,
} RuleStatus;

/* Returns "waiting", "applied", "refused", "released" or "other-card", a static string. */
const char *rule_status_to_string(RuleStatus status);

typedef struct RuleCase {
        PciAddress address;
        RuleStatus status;
        char *rule; /* name of the rule; NULL for a device that was detached by a call, removed, and plugged in again */
        char *message;        /* NULL for none */
        unsigned n_attempts;  /* number of failed attempts */
        uint64_t incarnation; /* of the device, see PciFacts */
        uint64_t plugged_us; /* when the device was plugged in (CLOCK_MONOTONIC, microseconds); 0 if it existed before */
        uint64_t retry_us;   /* earliest time of the next attempt; 0 for as soon as the device is free */
        bool hotplugged;     /* the device was plugged in, so a refusal may be temporary */
        bool running;        /* a job of this case is running; set by rule_case_set_running() */
        bool changed;        /* status, message or running changed since rule_case_list_take_changed() */
        bool needs_release;  /* the device was refused: the driver_override of the early rule must be cleared */
        bool needs_driver;   /* the rule creates VFs, and is applied when a driver is bound to the PF */
        bool needs_review;   /* the device may have changed while the job of the case ran */
} RuleCase;

typedef struct RuleCaseList {
        RuleCase *cases; /* sorted by address */
        size_t n_cases;
        bool changed; /* a case was removed since rule_case_list_take_changed() */
} RuleCaseList;

/* Frees all cases. */
void rule_case_list_done(RuleCaseList *list);

/* Finds the case of a device. Returns NULL if there is none. The pointer is valid until the next obtain or remove. */
RuleCase *rule_case_find(const RuleCaseList *list, PciAddress address);

/* Returns the case of the device with this rule (copied; NULL for none), which the list owns. Creates the case if
 * necessary. Resets an existing case to waiting, unless its job is running. Returns NULL if there is no memory. */
RuleCase *rule_case_obtain(RuleCaseList *list, PciAddress address, const char *rule);

/* Removes and frees the case of a device, if there is one. */
void rule_case_remove(RuleCaseList *list, PciAddress address);

/* Tells whether a case was added, removed or changed since the last call. */
bool rule_case_list_take_changed(RuleCaseList *list);

/* Sets status and message (copied; NULL for none). If there is no memory, the case has no message. */
void rule_case_set(RuleCase *rule_case, RuleStatus status, const char *message);

/* Says whether a job of the case is running. */
void rule_case_set_running(RuleCase *rule_case, bool running);
