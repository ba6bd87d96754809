/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"
#include "policy/guard.h"

/* A rule: which devices vfiod detaches whenever they are present. A file in rules.d contains one rule, in the format of
 * systemd's .link files:
 *
 *   # a comment in a line of its own, also with ";"
 *   [Match]                                 all given keys must match
 *   Address=0000:3b:00.0                    requires Vendor= and Device=: another card may be plugged into the slot
 *   Vendor=8086                             four hexadecimal digits; "0x" may precede each number
 *   Device=10d3
 *   Subsystem=8086:a01f
 *   Class=0200                              two, four or six hexadecimal digits: the class with all its subclasses
 *   Path=0000:00:1c.4/00.0                  address of the root port, then slot.function of each bridge and the device.
 *                                           Stable when buses are renumbered; requires Vendor= and Device=
 *
 *   [Detach]                                optional
 *   Driver=mlx5_vfio_pci                    the vfio driver, or its module; otherwise vfiod chooses it
 *   Companions=all|none|ADDRESS ...         members of the group that may be detached, too; besides those with a rule of
 *                                           their own. Several lines with addresses are added up.
 *   Override=storage network ...            guards to override; several lines are added up
 *   VirtualFunctions=8                      for a PF: create so many VFs and detach them, and not the PF
 *   Enabled=no                              the rule matches nothing
 *
 * Parsing is strict: an unknown key makes the whole rule invalid, because the author wanted something else. */

#define RULE_NAME_MAX 128
#define RULE_COMPANIONS_MAX 1024
#define RULE_VIRTUAL_FUNCTIONS_MAX 65535

typedef struct Rule {
        char *name; /* of the file, without ".conf" */
        char *file; /* path */

        char *path; /* NULL for any */
        bool has_address;
        PciAddress address;
        int vendor, device;                     /* -1 for any */
        int subsystem_vendor, subsystem_device; /* -1 for any */
        uint32_t class, class_mask;             /* a mask of 0 for any */

        char *driver; /* NULL: vfiod chooses the vfio driver */
        bool all_companions;
        PciAddress *companions;
        size_t n_companions;
        unsigned overrides;         /* mask of 1 << Guard */
        unsigned virtual_functions; /* 0 for none */
        bool disabled;              /* Enabled=no */
} Rule;

/* An error in a rule file: a sentence without the full stop, for messages and logs. */
typedef struct RuleFault {
        unsigned line; /* 0 for the whole file */
        char message[256];
} RuleFault;

/* Parses the text of a rule. The caller frees *ret with rule_free(). Returns 0; -EINVAL and the first error in
 * *ret_fault; or -ENOMEM. */
int rule_parse(const char *name, const char *file, const char *text, Rule **ret, RuleFault *ret_fault);
Rule *rule_free(Rule *rule);
DEFINE_TRIVIAL_CLEANUP_FUNC(Rule *, rule_free)

/* Tells whether the name of a rule is valid: letters, digits, '-', '_', '.', with no '.' at the beginning. */
bool rule_name_is_valid(const char *name);

typedef enum RuleMatch {
        RULE_NO_MATCH,
        RULE_MATCH,
        RULE_OTHER_CARD, /* the address or path matches, but there is another card */
} RuleMatch;

/* Compares a rule with a device. path is the port path of the device; "" matches no rule with a path. */
RuleMatch rule_match(const Rule *rule, const Device *device, const char *path);

/* Tells whether the rule agrees that the device at this address is detached as a companion. */
bool rule_takes_along(const Rule *rule, PciAddress companion);

/* Writes the text of a rule that matches only this device, with its address and ids. The [Detach] section is that of
 * wish. The caller frees *ret. Returns 0 or -ENOMEM. */
int rule_make_text(const Device *device, const Rule *wish, char **ret);

/* Writes the text of this rule, in one form: two rules that mean the same have the same text. name and file are not part of it.
 * The caller frees *ret. Returns 0 or -ENOMEM. */
int rule_format(const Rule *rule, char **ret);

/* Writes the values of keys as in a file. The buffers have RULE_IDS_MAX bytes. */
#define RULE_IDS_MAX 16
const char *rule_format_class(const Rule *rule, char buffer[static RULE_IDS_MAX]);
const char *rule_format_subsystem(const Rule *rule, char buffer[static RULE_IDS_MAX]);

/* Makes the text of the same rule with or without the line "Enabled=no". All other lines stay as they are. The text must be
 * that of a valid rule. The caller frees *ret. Returns 0 or -ENOMEM. */
int rule_set_enabled(const char *text, bool enabled, char **ret);
