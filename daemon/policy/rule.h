/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"
#include "policy/guard.h"

/* What shall be detached whenever it is there: a file of rules.d, in the manner of systemd's .link files.
 *
 *   # a comment, also with ";": in a line of its own
 *   [Match]                                 all that are given must hold
 *   Address=0000:3b:00.0                    needs Vendor= and Device= beside it: another card may come to sit there
 *   Vendor=8086                             four hexadecimal digits; "0x" may precede each number here
 *   Device=10d3
 *   Subsystem=8086:a01f
 *   Class=0200                              two, four or six hexadecimal digits: the class, also of its subclasses
 *   Path=0000:00:1c.4/00.0                  the address of the root port, and slot.function of each step from there: it
 *                                           stays when buses are renumbered; needs Vendor= and Device= too
 *
 *   [Detach]                                may be left out
 *   Driver=vfio-pci                         the only one so far
 *   Companions=all|none|ADDRESS ...         the others of the group that may go along; those that a rule matches may
 *                                           always. Addresses can be given in several lines
 *   Override=storage network ...            guards that do not keep this rule from it; likewise
 *   VirtualFunctions=8                      of a physical function: so many are made, and they are detached instead
 *
 * Parsing is strict: a rule that says something unknown is no rule at all, since it was meant to say something else. */

#define RULE_NAME_MAX 128
#define RULE_COMPANIONS_MAX 1024
#define RULE_VIRTUAL_FUNCTIONS_MAX 65535

typedef enum RuleCompanions {
        RULE_COMPANIONS_NONE,
        RULE_COMPANIONS_ALL,
        RULE_COMPANIONS_LISTED,
} RuleCompanions;

typedef struct Rule {
        char *name; /* of the file, without ".conf" */
        char *file; /* where it was read */

        char *path; /* NULL for any */
        bool has_address;
        PciAddress address;
        int vendor, device;                     /* -1 for any */
        int subsystem_vendor, subsystem_device; /* -1 for any */
        uint32_t class, class_mask;             /* a mask of 0 for any */

        RuleCompanions companions;
        PciAddress *listed_companions;
        size_t n_listed_companions;
        unsigned overrides;         /* mask of 1 << Guard */
        unsigned virtual_functions; /* 0 for none */
} Rule;

/* Where a file is wrong, and how: a sentence without its end, fit for messages and logs. */
typedef struct RuleFault {
        unsigned line; /* 0 for the file as a whole */
        char message[256];
} RuleFault;

/* Reads a rule. Returns 0; -EINVAL, with the first fault; -ENOMEM. */
int rule_parse(const char *name, const char *file, const char *text, Rule **ret, RuleFault *ret_fault);
Rule *rule_free(Rule *rule);
DEFINE_TRIVIAL_CLEANUP_FUNC(Rule *, rule_free)

/* Whether a name can be that of a rule's file: letters, digits, '-', '_', '.', not beginning with a '.'. */
bool rule_name_is_valid(const char *name);

typedef enum RuleMatch {
        RULE_NO_MATCH,
        RULE_MATCH,
        RULE_OTHER_CARD, /* another card sits where the rule means one */
} RuleMatch;

/* The path is the device's port path; "" matches no rule that has one. */
RuleMatch rule_match(const Rule *rule, const Device *device, const char *path);

/* Whether the rule agrees that this one goes along. */
bool rule_takes_along(const Rule *rule, PciAddress companion);

/* What a rule that vfiod writes says beside the device. */
typedef struct RuleWish {
        RuleCompanions companions;
        const PciAddress *listed_companions;
        size_t n_listed_companions;
        unsigned overrides;
        unsigned virtual_functions;
} RuleWish;

/* The text of a rule for exactly this device, with its address and ids. To be freed. Returns 0 or -ENOMEM. */
int rule_make_text(const Device *device, const RuleWish *wish, char **ret);
