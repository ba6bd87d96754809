/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state-text.h"
#include "planning.h"

#include <sys/sysmacros.h>

static void append_pair(GString *text, const char *key, const char *value) {
        if (value && value[0] != '\0')
                g_string_append_printf(text, " %s=%s", key, value);
}

static void append_flag(GString *text, const char *name, bool value) {
        if (value)
                g_string_append_printf(text, " %s", name);
}

void append_binding(GString *text, const Binding *binding) {
        const VirtualFunctionLink *link = &binding->link;

        append_pair(text, "driver", binding->driver);
        append_pair(text, "override", binding->override);
        append_flag(text, "any-driver", binding->any_driver);
        append_pair(text, "power", binding->power.control);
        if (binding->power.d3cold_known)
                g_string_append_printf(text, " d3cold=%d", binding->power.d3cold_allowed);
        if (link->known)
                g_string_append_printf(text, " link=%02x:%02x:%02x:%02x:%02x:%02x/%u/%u/%x", link->mac[0], link->mac[1],
                                link->mac[2], link->mac[3], link->mac[4], link->mac[5], link->vlan, link->qos,
                                link->vlan_protocol);
        /* The first edition did not store these. */
        if (link->known && (link->spoof_check >= 0 || link->trust >= 0 || link->link_state >= 0))
                g_string_append_printf(text, "/%d/%d/%d", link->spoof_check, link->trust, link->link_state);
}

static void append_ids(GString *text, const PciIds *ids) {
        g_string_append_printf(text, " %04x:%04x/%04x:%04x/%06x/%02x", ids->vendor, ids->device, ids->subsystem_vendor,
                        ids->subsystem_device, ids->class, ids->revision);
}

void append_origin(GString *text, const DeviceOrigin *origin) {
        append_ids(text, &origin->ids);
        append_binding(text, &origin->binding);
        append_pair(text, "module", origin->module);
        for (const HostName *name = origin->names; name; name = name->next)
                append_pair(text, host_name_kind_to_string(name->kind), name->name);
        append_flag(text, "vf", origin->virtual_function);
        append_flag(text, "degraded", origin->degraded);
        if (origin->has_parent)
                append_pair(text, "parent", PCI_ADDRESS_TEXT(origin->parent));
        if (origin->virtual_functions > 0)
                g_string_append_printf(text, " vfs=%u", origin->virtual_functions);
        if (origin->autoprobe_known)
                g_string_append_printf(text, " autoprobe=%d", origin->autoprobe);
}

char *plan_to_text(const Plan *plan) {
        GString *text = g_string_new(NULL);
        g_autofree char *steps = plan_steps_to_text(plan);

        g_string_printf(text, "%s group=%d selected=%s vfs=%u fate=%d", plan_verb_to_string(plan->verb), plan->group,
                        PCI_ADDRESS_TEXT(plan->selected), plan->vf_count, (int)plan->vf_fate);
        append_flag(text, "force", plan->force);
        append_flag(text, "by-rule", plan->by_rule);
        if (plan->caller.text)
                g_string_append_printf(text, " caller=%s", plan->caller.text);
        for (size_t i = 0; i < plan->caller.fields.n_texts; i++)
                g_string_append_printf(text, " %s", plan->caller.fields.texts[i]);
        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];

                g_string_append_printf(text, "\n  %s group=%d parent=%d", PCI_ADDRESS_TEXT(member->address),
                                member->group, member->parent);
                append_ids(text, &member->ids);
                append_flag(text, "recorded", member->recorded);
                append_flag(text, "vf", member->virtual_function);
                append_flag(text, "unknown-origin", member->unknown_origin);
                append_flag(text, "created", member->created);
                if (member->cdev != 0)
                        g_string_append_printf(text, " cdev=%u:%u", major(member->cdev), minor(member->cdev));
                g_string_append(text, " before:");
                append_binding(text, &member->before);
                g_string_append(text, " target:");
                append_binding(text, &member->target);
                if (member->origin) {
                        g_string_append(text, " origin:");
                        append_origin(text, member->origin);
                }
        }
        g_string_append_printf(text, "\n  %s\n  values before:", steps);
        for (size_t i = 0; i < plan->n_steps; i++)
                g_string_append_printf(text, " %u", plan->steps[i].before);
        g_string_append_c(text, '\n');
        return g_string_free(text, FALSE);
}

char *state_to_text(const State *state) {
        GString *text = g_string_new(NULL);

        for (size_t i = 0; i < state->n_devices; i++) {
                g_string_append_printf(text, "%s%s", PCI_ADDRESS_TEXT(state->devices[i].address),
                                state->devices[i].away ? "" : " not-away");
                append_origin(text, state->devices[i].origin);
                g_string_append_c(text, '\n');
        }
        for (size_t i = 0; i < state->n_transactions; i++) {
                g_autofree char *plan = plan_to_text(state->transactions[i].plan);

                g_string_append_printf(text, "%lu: %s", state->transactions[i].number, plan);
        }
        return g_string_free(text, FALSE);
}
