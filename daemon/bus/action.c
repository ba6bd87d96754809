/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/action.h"

static const struct {
        const char *id, *words;
} actions[_ACTION_MAX] = {
                [ACTION_DETACH] = {BUS_NAME ".detach", "to detach devices"},
                [ACTION_REATTACH] = {BUS_NAME ".reattach", "to reattach devices"},
                [ACTION_LEASE] = {BUS_NAME ".lease", "to lease devices"},
                [ACTION_MANAGE_RULES] = {BUS_NAME ".manage-rules", "to add and remove rules"},
                [ACTION_MANAGE_VFS] = {BUS_NAME ".manage-virtual-functions", "to set virtual functions"},
                [ACTION_RESCAN] = {BUS_NAME ".rescan", "to read the devices and rules again"},
                [ACTION_INSPECT] = {BUS_NAME ".inspect", "to see the processes and mounts of other users"},
                [ACTION_OVERRIDE_GUARD] = {BUS_NAME ".override-guard", "to override guards"},
                [ACTION_FORCE] = {BUS_NAME ".force", "to reattach by force"},
};

const char *action_to_string(Action action) {
        return action >= _ACTION_FIRST_OF_POLKIT && action < _ACTION_MAX ? actions[action].id : NULL;
}

const char *action_in_words(Action action) {
        return action >= _ACTION_FIRST_OF_POLKIT && action < _ACTION_MAX ? actions[action].words : NULL;
}

static const OptionAccess no_options[] = {{NULL}};

static const OptionAccess detach_options[] = {
                {"companions", ACTION_NONE},
                {"override", ACTION_OVERRIDE_GUARD},
                {"driver", ACTION_NONE},
                {"plan", ACTION_NONE},
                {"revert-after", ACTION_NONE},
                {"error-details", ACTION_NONE},
                {NULL},
};

/* "adopt" acts against the program that bound the device. */
static const OptionAccess reattach_options[] = {
                {"force", ACTION_FORCE},
                {"adopt", ACTION_FORCE},
                {"plan", ACTION_NONE},
                {"error-details", ACTION_NONE},
                {NULL},
};

static const OptionAccess reset_options[] = {
                {"plan", ACTION_NONE},
                {"error-details", ACTION_NONE},
                {NULL},
};

static const OptionAccess lease_options[] = {
                {"companions", ACTION_NONE},
                {"override", ACTION_OVERRIDE_GUARD},
                {"driver", ACTION_NONE},
                {"plan", ACTION_NONE},
                {"pid", ACTION_NONE},
                {"descriptors", ACTION_NONE},
                {"kill", ACTION_NONE},
                {"dry-run", ACTION_NONE},
                {"error-details", ACTION_NONE},
                {NULL},
};

static const OptionAccess release_options[] = {
                {"force", ACTION_FORCE},
                {NULL},
};

static const OptionAccess vf_options[] = {
                {"override", ACTION_OVERRIDE_GUARD},
                {"detach", ACTION_DETACH},
                {"driverless", ACTION_NONE},
                {"driver", ACTION_NONE},
                {"dry-run", ACTION_NONE},
                {"error-details", ACTION_NONE},
                {NULL},
};

/* A dry run is no job. */
static const OptionAccess start_vf_options[] = {
                {"override", ACTION_OVERRIDE_GUARD},
                {"detach", ACTION_DETACH},
                {"driverless", ACTION_NONE},
                {"driver", ACTION_NONE},
                {"error-details", ACTION_NONE},
                {NULL},
};

/* Nothing is changed, so the options of Detach, Reattach and Reset need nothing here. An option that needs something is of Plan
 * itself. */
static const OptionAccess plan_options[] = {
                {"companions", ACTION_NONE},
                {"override", ACTION_NONE},
                {"driver", ACTION_NONE},
                {"plan", ACTION_NONE},
                {"force", ACTION_NONE},
                {"adopt", ACTION_NONE},
                {"revert-after", ACTION_NONE},
                {"inspect", ACTION_INSPECT},
                {"error-details", ACTION_NONE},
                {NULL},
};

static const OptionAccess holders_options[] = {
                {"inspect", ACTION_INSPECT},
                {NULL},
};

/* The caller tells what it has read itself, and only its own answer depends on that. */
static const OptionAccess diagnose_options[] = {
                {"explain", ACTION_NONE},
                {"config-space", ACTION_NONE},
                {NULL},
};

static const OptionAccess fragment_options[] = {
                {"iommufd", ACTION_NONE},
                {"config-space", ACTION_NONE},
                {NULL},
};

static const OptionAccess rule_options[] = {
                {"name", ACTION_NONE},
                {"companions", ACTION_NONE},
                {"override", ACTION_OVERRIDE_GUARD},
                {"driver", ACTION_NONE},
                {"virtual-functions", ACTION_NONE},
                {"dry-run", ACTION_NONE},
                {"no-apply", ACTION_NONE},
                {"error-details", ACTION_NONE},
                {NULL},
};

static const OptionAccess removal_options[] = {
                {"error-details", ACTION_NONE},
                {NULL},
};

/* A text with Override= needs ACTION_OVERRIDE_GUARD, too: see rule-edit.c. */
static const OptionAccess edit_options[] = {
                {"dry-run", ACTION_NONE},
                {"no-apply", ACTION_NONE},
                {"error-details", ACTION_NONE},
                {NULL},
};

static const OptionAccess edit_one_options[] = {
                {"dry-run", ACTION_NONE},
                {"no-apply", ACTION_NONE},
                {"version-id", ACTION_NONE},
                {"error-details", ACTION_NONE},
                {NULL},
};

const MethodAccess action_table[] = {
                {BUS_INTERFACE_MANAGER, "ListGroups", ACTION_NONE},
                {BUS_INTERFACE_MANAGER, "ListDevices", ACTION_NONE},
                {BUS_INTERFACE_MANAGER, "ListJobs", ACTION_NONE},
                {BUS_INTERFACE_MANAGER, "ListHolders", ACTION_NONE, holders_options},
                {BUS_INTERFACE_MANAGER, "ListRules", ACTION_NONE},
                {BUS_INTERFACE_MANAGER, "ListLeases", ACTION_NONE},
                {BUS_INTERFACE_MANAGER, "GetFragment", ACTION_NONE, fragment_options},
                {BUS_INTERFACE_MANAGER, "GetGroup", ACTION_NONE},
                {BUS_INTERFACE_MANAGER, "GetDevice", ACTION_NONE},
                {BUS_INTERFACE_MANAGER, "CheckRule", ACTION_NONE},
                {BUS_INTERFACE_MANAGER, "Diagnose", ACTION_NONE, diagnose_options},
                {BUS_INTERFACE_MANAGER, "Plan", ACTION_NONE, plan_options},
                {BUS_INTERFACE_MANAGER, "Detach", ACTION_DETACH, detach_options},
                {BUS_INTERFACE_MANAGER, "Reattach", ACTION_REATTACH, reattach_options},
                {BUS_INTERFACE_MANAGER, "Reset", ACTION_DETACH, reset_options},
                {BUS_INTERFACE_MANAGER, "Confirm", ACTION_DETACH, no_options},
                {BUS_INTERFACE_MANAGER, "StartDetach", ACTION_DETACH, detach_options},
                {BUS_INTERFACE_MANAGER, "StartReattach", ACTION_REATTACH, reattach_options},
                {BUS_INTERFACE_MANAGER, "StartReset", ACTION_DETACH, reset_options},
                {BUS_INTERFACE_MANAGER, "StartSetVirtualFunctions", ACTION_MANAGE_VFS, start_vf_options},
                {BUS_INTERFACE_MANAGER, "Lease", ACTION_LEASE, lease_options},
                {BUS_INTERFACE_MANAGER, "SetVirtualFunctions", ACTION_MANAGE_VFS, vf_options},
                {BUS_INTERFACE_MANAGER, "AddRule", ACTION_MANAGE_RULES, rule_options},
                {BUS_INTERFACE_MANAGER, "RemoveRule", ACTION_MANAGE_RULES, removal_options},
                {BUS_INTERFACE_MANAGER, "ChangeRules", ACTION_MANAGE_RULES, edit_options},
                {BUS_INTERFACE_MANAGER, "Rescan", ACTION_RESCAN, no_options},
                {BUS_INTERFACE_GROUP, "Detach", ACTION_DETACH, detach_options},
                {BUS_INTERFACE_GROUP, "Reattach", ACTION_REATTACH, reattach_options},
                {BUS_INTERFACE_DEVICE, "Detach", ACTION_DETACH, detach_options},
                {BUS_INTERFACE_DEVICE, "Reattach", ACTION_REATTACH, reattach_options},
                {BUS_INTERFACE_DEVICE, "Reset", ACTION_DETACH, reset_options},
                {BUS_INTERFACE_DEVICE, "SetVirtualFunctions", ACTION_MANAGE_VFS, vf_options},
                {BUS_INTERFACE_RULE, "SetEnabled", ACTION_MANAGE_RULES, edit_one_options},
                {BUS_INTERFACE_RULE, "Edit", ACTION_MANAGE_RULES, edit_one_options},
                {BUS_INTERFACE_RULE, "Remove", ACTION_MANAGE_RULES, removal_options},
                {BUS_INTERFACE_JOB, "Cancel", ACTION_OWNER, no_options},
                {BUS_INTERFACE_LEASE, "Release", ACTION_OWNER, release_options},
                {NULL},
};

const MethodAccess *action_find(const MethodAccess *table, const char *interface, const char *member) {
        for (; table->interface; table++)
                if (streq_ptr(table->interface, interface) && streq_ptr(table->member, member))
                        return table;
        return NULL;
}

const OptionAccess *action_find_option(const MethodAccess *method, const char *name) {
        for (const OptionAccess *option = method->options; option && option->name; option++)
                if (streq(option->name, name))
                        return option;
        return NULL;
}
