/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"

#include <string.h>

static bool is_bridge(const TruthDevice *device) {
        return slot_find(device->address)->is_bridge;
}

const char *model_device_state(const TruthDevice *device, const Claim *claim) {
        if (!device)
                return "absent";
        if (!*device->driver)
                return "driverless";
        if (!truth_is_on_vfio(device))
                return "host";
        return claim && g_str_equal(claim->ids, device->ids) ? "detached" : "foreign";
}

/* The i-th card of the group, or NULL after the last card. */
static const TruthDevice *member(const World *world, int group, unsigned i) {
        for (unsigned k = 0; k < world->truth->devices->len; k++) {
                const TruthDevice *device = world->truth->devices->pdata[k];

                if (device->group == group && i-- == 0)
                        return device;
        }
        return NULL;
}

bool model_group_is_viable(const World *world, const TruthGroup *group) {
        const TruthDevice *device;

        for (unsigned i = 0; (device = member(world, group->number, i)); i++)
                if (*device->driver && !truth_is_on_vfio(device) && !g_str_equal(device->driver, "pcieport"))
                        return false;
        return true;
}

const char *model_group_state(const World *world, const TruthGroup *group) {
        const TruthDevice *device;
        unsigned n_detached = 0, n_foreign = 0;

        for (unsigned i = 0; (device = member(world, group->number, i)); i++) {
                const char *state = model_device_state(device, world_claim(world, device));

                n_detached += g_str_equal(state, "detached");
                n_foreign += g_str_equal(state, "foreign");
        }
        if (n_detached + n_foreign == 0)
                return "host";
        if (!model_group_is_viable(world, group))
                return "partial";
        return n_detached > 0 ? "detached" : "foreign";
}

GPtrArray *model_plan_detach(const World *world, const Target *target) {
        GPtrArray *plan = g_ptr_array_new();
        const TruthDevice *device;

        for (unsigned i = 0; target->group >= 0 && (device = member(world, target->group, i)); i++)
                if (!is_bridge(device) && !truth_is_on_vfio(device))
                        g_ptr_array_add(plan, (void *)slot_find(device->address)->address);
        return plan;
}

GPtrArray *model_plan_reattach(const World *world, const Target *target) {
        GPtrArray *plan = g_ptr_array_new();
        const TruthDevice *device;

        for (unsigned i = 0; target->group >= 0 && (device = member(world, target->group, i)); i++)
                if (world_claim(world, device))
                        g_ptr_array_add(plan, (void *)slot_find(device->address)->address);
        return plan;
}

Target model_find_returning(const World *world, const Target *target) {
        const Claim *claim = target->address ? ledger_find(world->ledger, target->address) : NULL;
        const TruthDevice *pf = world_device(world, SLOT_PF);
        const Claim *owed = pf ? world_claim(world, pf) : NULL;

        if (!claim || !claim->has_parent || world_device(world, target->address) || !owed || !owed->has_vfs)
                return *target;
        return (Target){.address = slot_find(SLOT_PF)->address, .group = pf->group};
}

GPtrArray *model_following(const World *world, const GPtrArray *plan, bool detach) {
        const Slot *slot = slot_find(SLOT_PF);
        const TruthDevice *pf = world_device(world, SLOT_PF);
        const Claim *pf_claim = ledger_find(world->ledger, SLOT_PF);
        GPtrArray *following = g_ptr_array_new();
        char ids[IDS_MAX];

        if (!pf || !g_str_equal(pf->ids, card_ids(slot->card, ids)) ||
                        !g_ptr_array_find_with_equal_func((GPtrArray *)plan, SLOT_PF, g_str_equal, NULL))
                return following;
        if (!detach && !(pf_claim && pf_claim->has_vfs))
                return following;
        for (unsigned i = 0; i < n_slots; i++) {
                const Claim *claim = ledger_find(world->ledger, slots[i].address);
                bool present = world_device(world, slots[i].address);

                if (!slots[i].card && (detach ? present : !present && claim && claim->has_parent))
                        g_ptr_array_add(following, (void *)slots[i].address);
        }
        return following;
}

static unsigned count_endpoints(const World *world, int group) {
        const TruthDevice *device;
        unsigned n = 0;

        for (unsigned i = 0; (device = member(world, group, i)); i++)
                n += !is_bridge(device);
        return n;
}

static bool is_network_card(const TruthDevice *device, const Slot *slot) {
        char ids[IDS_MAX];

        if (!slot->card)
                return true;
        return strstr(g_str_equal(device->ids, card_ids(slot->card, ids)) ? slot->card : slot->other_card, "class=02");
}

/* Why the host needs a card: the name of the guard's error, or "". */
static const char *find_use(const World *world, const TruthDevice *device) {
        const Slot *slot = slot_find(device->address);

        /* It may have an interface in a network namespace that vfiod cannot see. */
        if (!device->interfaces && *device->driver && is_network_card(device, slot))
                return "InUseNetwork";
        if (device->disks && g_hash_table_contains(world->used, device->disks))
                return "InUseStorage";
        for (unsigned i = 0; g_str_equal(slot->address, SLOT_PF) && i < n_slots; i++) {
                const TruthDevice *virtual = slots[i].card ? NULL : world_device(world, slots[i].address);

                if (virtual && *virtual->driver)
                        return "VirtualFunctionsInUse";
        }
        if (!slot->card && truth_is_on_vfio(world_device(world, SLOT_PF)))
                return "VirtualFunctionsInUse";
        return "";
}

static const char *find_uses(const World *world, const GPtrArray *plan) {
        for (unsigned i = 0; i < plan->len; i++) {
                const char *use = find_use(world, world_device(world, plan->pdata[i]));

                if (*use)
                        return use;
        }
        return "";
}

const char *model_predict_detach(const World *world, const Target *target, bool with_consent, bool override) {
        const TruthDevice *named = target->address ? world_device(world, target->address) : NULL;
        const Claim *claim = target->address ? ledger_find(world->ledger, target->address) : NULL;
        g_autoptr(GPtrArray) plan = model_plan_detach(world, target);

        if (target->address && !named)
                return claim ? "AlreadyDetached" : "NoSuchDevice";
        if (!target->address && !truth_find_group(world->truth, target->group))
                return "NoSuchGroup";
        if (world->truth->groups->len == 0)
                return "NoIommu";
        if (named && is_bridge(named))
                return "NotEndpoint";
        if (target->group < 0)
                return "NoGroup";
        if (named && g_str_equal(model_device_state(named, claim), "foreign"))
                return "Foreign";
        if (count_endpoints(world, target->group) == 0)
                return "NotEndpoint";
        if (plan->len == 0)
                return g_str_equal(model_group_state(world, truth_find_group(world->truth, target->group)), "foreign")
                                ? "Foreign"
                                : "AlreadyDetached";
        bool others = plan->len > 1 || !named || truth_is_on_vfio(named);
        if (named && others && !with_consent)
                return "GroupNeedsConsent";
        return override ? "" : find_uses(world, plan);
}

const char *model_predict_reattach(const World *world, const Target *target, bool force) {
        const TruthDevice *named = target->address ? world_device(world, target->address) : NULL;
        const Claim *claim = target->address ? ledger_find(world->ledger, target->address) : NULL;
        const TruthGroup *group = truth_find_group(world->truth, target->group);
        g_autoptr(GPtrArray) plan = model_plan_reattach(world, target);

        /* vfiod forgets a card that was pulled. */
        if (target->address && !named)
                return claim ? "" : "NoSuchDevice";
        if (!target->address && !group)
                return "NoSuchGroup";
        if (named && !world_claim(world, named)) {
                if (claim)
                        return "IdentityChanged";
                return truth_is_on_vfio(named) ? "Foreign" : "NotDetached";
        }
        if (plan->len == 0)
                return g_str_equal(model_group_state(world, group), "foreign") ? "Foreign" : "NotDetached";
        return group->is_held && !force ? "Held" : "";
}

const char *model_predict_return(const World *world, const TruthDevice *device) {
        const Target target = {.address = device->address, .group = device->group};
        g_autoptr(GPtrArray) plan = model_plan_detach(world, &target);

        for (unsigned i = 0; i < plan->len; i++) {
                const Claim *claim = world_claim(world, world_device(world, plan->pdata[i]));

                if (!claim || claim->phase != CLAIM_DETACHED)
                        return "GroupNeedsConsent";
        }
        return find_uses(world, plan);
}

bool model_is_decided_late(const char *predicted) {
        static const char *const late[] = {
                        "", "InUseStorage", "InUseNetwork", "VirtualFunctionsInUse", "Held", "PlanStale", NULL};

        return g_strv_contains(late, predicted);
}
