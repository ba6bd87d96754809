/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verb-table.h"
#include "language.h"

#include "dry-run.h"

/* Options of all lists. */
#define LIST_OPTIONS "TCBb"

static const Verb verbs[] = {
                {"list", " [SELECTOR...]", N_("List the devices that can be given to virtual machines"),
                                OPERAND_SELECTORS, LIST_OPTIONS "oSE", verb_list, .local = true},
                {"groups", " [SELECTOR...]", N_("List all IOMMU groups with their members"), OPERAND_SELECTORS,
                                LIST_OPTIONS "o", verb_groups, .local = true},
                {"devices", " [SELECTOR...]", N_("List all PCI functions"), OPERAND_SELECTORS, LIST_OPTIONS "oSE",
                                verb_devices, .local = true},
                {"show", " SELECTOR [--qemu]", N_("Show a device and its group in detail"), OPERAND_SELECTOR, "QI12345",
                                verb_show},
                {"plan", " SELECTOR [--reattach]", N_("Show what detach would do, and which guards refuse"),
                                OPERAND_SELECTOR, DETACH_OPTIONS REATTACH_OPTIONS "rR", verb_plan},
                {"detach", " SELECTOR [--group]", N_("Move a whole group to vfio drivers, for a virtual machine"),
                                OPERAND_SELECTOR, DETACH_OPTIONS "pdPNR", verb_detach, true},
                {"confirm", " [SELECTOR]", N_("Keep detached what detach --revert-after would give back"),
                                OPERAND_MAYBE_SELECTOR, "d", verb_confirm, true, .dry_run = dry_run_confirm},
                {"reattach", " SELECTOR", N_("Return a whole group to the drivers of the host"), OPERAND_SELECTOR,
                                REATTACH_OPTIONS "pd", verb_reattach, true},
                {"reset", " SELECTOR", N_("Reset a detached device, and nothing else"), OPERAND_SELECTOR, "pd",
                                verb_reset, true},
                {"vfs", " SELECTOR [COUNT]", N_("List the virtual functions of a device, or set their number"),
                                OPERAND_VFS, "ODWbd", verb_vfs, true, .dry_run = dry_run_vfs},
                {"lease", " SELECTOR -- COMMAND...", N_("Run a command that may use a device, until it ends"),
                                OPERAND_COMMAND, DETACH_OPTIONS "xmZiKd", verb_lease, true, .dry_run = dry_run_lease},
                {"leases", "", N_("List the leases"), OPERAND_NONE, "", verb_leases},
                {"release", " LEASE|SELECTOR", N_("End a lease"), OPERAND_LEASE, "fd", verb_release, true,
                                .dry_run = dry_run_release},
                {"jobs", " [--all]", N_("List the running jobs, or also the last that have ended"), OPERAND_NONE, "E",
                                verb_jobs},
                {"cancel", " JOB", N_("Cancel a job and undo its changes"), OPERAND_JOB, "d", verb_cancel,
                                .dry_run = dry_run_cancel},
                {"log", " [SELECTOR]", N_("Show who changed what, and what was refused"), OPERAND_MAYBE_SELECTOR, "sn",
                                verb_log, .local = true},
                {"monitor", "", N_("Print changes as they happen"), OPERAND_NONE, "", verb_monitor},
                {"rule list", "", N_("List the rules, and the devices that they detach"), OPERAND_NONE, "",
                                verb_rule_list},
                {"rule add", " SELECTOR [--group]", N_("Detach this device whenever it appears"), OPERAND_SELECTOR,
                                DETACH_OPTIONS "NvYwd", verb_rule_add, true, .dry_run = dry_run_rule_add},
                {"rule show", " NAME", N_("Show a rule, its file, and the devices that it matches"), OPERAND_RULE, "",
                                verb_rule_show},
                {"rule enable", " NAME", N_("Enable a rule"), OPERAND_RULE, "Ywd", verb_rule_enable, true,
                                .dry_run = dry_run_rule_enable},
                {"rule disable", " NAME", N_("Disable a rule, and keep its file"), OPERAND_RULE, "d", verb_rule_disable,
                                true, .dry_run = dry_run_rule_disable},
                {"rule edit", " NAME", N_("Edit a rule, and check it before it is used"), OPERAND_RULE, "Ywd",
                                verb_rule_edit, true},
                {"rule remove", " NAME", N_("Remove a rule"), OPERAND_RULE, "d", verb_rule_remove, true,
                                .dry_run = dry_run_rule_remove},
                {"rule check", " [FILE...]", N_("Check rules for errors"), OPERAND_FILES, "", verb_rule_check,
                                .local = true},
                {"export", "", N_("Print the rules and numbers of virtual functions of this host as one file"),
                                OPERAND_NONE, "", verb_export},
                {"apply", " FILE [--check]", N_("Make the rules and numbers of virtual functions as this file says"),
                                OPERAND_FILES, "XYd", verb_apply, true},
                {"import driverctl", " [FOLDER]", N_("Make rules of the overrides of driverctl"), OPERAND_FILES, "d",
                                verb_import_driverctl, true},
                {"rescan", "", N_("Read all devices and rules again"), OPERAND_NONE, "", verb_rescan, true},
                {"status", "", N_("Show the version, the IOMMU, and the numbers of devices and groups"), OPERAND_NONE,
                                "", verb_status},
                {"metrics", "", N_("Print numbers for a monitoring system, as OpenMetrics text"), OPERAND_NONE, "",
                                verb_metrics},
                {"explain", " SELECTOR", N_("Explain why devices share a group, and what the host would lose"),
                                OPERAND_SELECTOR, "", verb_explain},
                {"doctor", " [SELECTOR]", N_("Tell what keeps virtual machines from using devices, and the cure"),
                                OPERAND_MAYBE_SELECTOR, "", verb_doctor},
                /* the names that they have in virsh */
                {"nodedev-list", " [--cap pci] [--tree]", N_("List all PCI functions by the names of virsh"),
                                OPERAND_NONE, "lt", verb_nodedev_list, .local = true, .foreign = true},
                {"nodedev-detach", " SELECTOR", N_("As 'detach'"), OPERAND_SELECTOR, DETACH_OPTIONS "pdPNR",
                                verb_detach, true, .foreign = true},
                {"nodedev-reattach", " SELECTOR", N_("As 'reattach'"), OPERAND_SELECTOR, REATTACH_OPTIONS "pd",
                                verb_reattach, true, .foreign = true},
                {"nodedev-dumpxml", " SELECTOR", N_("As 'show --xml'"), OPERAND_SELECTOR, "", verb_nodedev_dumpxml,
                                .foreign = true},
                {"nodedev-reset", " SELECTOR", N_("As 'reset'"), OPERAND_SELECTOR, "pd", verb_reset, true,
                                .foreign = true},
};

const Verb *verb_at(size_t i) {
        return i < ELEMENTSOF(verbs) ? &verbs[i] : NULL;
}

const Verb *verb_find(char *const *words, int *ret_n_words) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                const char *second = startswith(verbs[i].name, words[0]);

                if (!second || (*second && (*second != ' ' || !streq_ptr(second + 1, words[1]))))
                        continue;
                *ret_n_words = *second ? 2 : 1;
                return &verbs[i];
        }
        return NULL;
}
