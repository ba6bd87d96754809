/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper.h"
#include "expectation.h"
#include "history.h"
#include "model.h"
#include "text-compare.h"

#define VFIO "vfio-pci"
#define MANAGER "org.vfiod1.Manager"
#define PATH "/org/vfiod1"

/* The expected result when vfiod applies the rules to the cards of one group. vfiod runs one job at a time. */
typedef struct Pass {
        World *world;
        bool fresh;             /* they have just been plugged in */
        const TruthDevice *job; /* the card of the running job; NULL for none */
        bool taken;
        GPtrArray *waiting, *refused; /* TruthDevice, ordered by address */
} Pass;

static const Rule *find_rule(const World *world, const char *name) {
        return name ? rulebook_find(world->rulebook, name) : NULL;
}

static const char *match(const World *world, const TruthDevice *device, const char **ret_other) {
        return rulebook_match(world->rulebook, device->address, device->ids, ret_other);
}

static bool takes_along(const Rule *rule, const char *address) {
        return rule && (rule->takes_all || g_strcmp0(rule->companion, address) == 0);
}

static bool has_claim(const World *world, const TruthDevice *device) {
        const Claim *claim = world_claim(world, device);

        return claim && claim->phase == CLAIM_DETACHED;
}

static bool is_released(const World *world, const TruthDevice *device) {
        const Case *entry = case_find(world->cases, device->address);

        return entry && entry->status == CASE_RELEASED;
}

/* The rule that detached another card of the group together with this card. */
static const char *rule_of_group(const World *world, const TruthDevice *device) {
        for (unsigned i = 0; device->group >= 0 && i < n_slots; i++) {
                const TruthDevice *other = world_device(world, slots[i].address);
                const Case *entry = other && other != device && other->group == device->group
                                ? case_find(world->cases, other->address)
                                : NULL;

                if (entry && entry->status == CASE_APPLIED && entry->rule && entry->rule == match(world, other, NULL) &&
                                takes_along(find_rule(world, entry->rule), device->address))
                        return entry->rule;
        }
        return NULL;
}

static bool is_detached(const World *world, const TruthDevice *device) {
        return g_str_equal(model_device_state(device, ledger_find(world->ledger, device->address)), "detached");
}

/* The expected result of a call for this card, with the rule's consent. */
static const char *predict(const World *world, const TruthDevice *device, const Rule *rule) {
        const Target target = {.address = device->address, .group = device->group};
        g_autoptr(GPtrArray) plan = model_plan_detach(world, &target);
        bool consent = true;

        for (unsigned i = 0; i < plan->len; i++) {
                const TruthDevice *member = world_device(world, plan->pdata[i]);

                if (member != device &&
                                (is_released(world, member) ||
                                                (!takes_along(rule, member->address) && !has_claim(world, member) &&
                                                                !match(world, member, NULL))))
                        consent = false;
        }
        return model_predict_detach(world, &target, consent, rule && rule->override);
}

static void refuse(Pass *pass, const TruthDevice *device) {
        Case *entry = case_find(pass->world->cases, device->address);

        g_ptr_array_add(pass->refused, (void *)device);
        if (entry->rule)
                entry->status = CASE_REFUSED;
        else
                case_drop(pass->world->cases, device->address);
}

/* If somebody reattaches a companion, vfiod must notice that too. */
static void note_companions(World *world, const TruthDevice *device, const char *rule, bool taken) {
        for (unsigned i = 0; rule && i < n_slots; i++) {
                const TruthDevice *member = world_device(world, slots[i].address);

                if (!member || slots[i].is_bridge || member->group != device->group ||
                                ((truth_is_on_vfio(member) || !taken) && !is_detached(world, member)))
                        continue;
                if (takes_along(find_rule(world, rule), member->address) && !case_find(world->cases, member->address))
                        case_put(world->cases, member->address, rule, CASE_APPLIED);
        }
}

static void attempt(Pass *pass, const TruthDevice *device) {
        World *world = pass->world;
        Case *entry = case_find(world->cases, device->address);

        if (is_detached(world, device)) {
                entry->status = CASE_APPLIED;
                note_companions(world, device, entry->rule, false);
                return;
        }
        /* A foreign card is refused at once. */
        if (pass->job && !truth_is_on_vfio(device)) {
                g_ptr_array_add(pass->waiting, (void *)device);
                return;
        }
        /* Another program unbound it from vfio-pci. */
        if (!pass->fresh && !*device->driver && world_claim(world, device)) {
                entry->status = CASE_RELEASED;
                return;
        }
        if (!model_is_decided_late(predict(world, device, find_rule(world, entry->rule)))) {
                refuse(pass, device);
                return;
        }
        entry->status = CASE_APPLIED;
        pass->job = device;
}

static void consider(Pass *pass, const TruthDevice *device) {
        World *world = pass->world;
        const char *other = NULL, *rule = match(world, device, &other);
        const Case *entry = case_find(world->cases, device->address);

        if (!rule)
                rule = rule_of_group(world, device);
        if (!pass->fresh && entry && entry->status == CASE_RELEASED &&
                        (rule ? g_strcmp0(entry->rule, rule) == 0
                              : takes_along(find_rule(world, entry->rule), device->address)))
                return;
        if (rule || (pass->fresh && has_claim(world, device) && !truth_is_on_vfio(device))) {
                case_put(world->cases, device->address, rule, CASE_WAITING);
                attempt(pass, device);
        } else if (other)
                case_put(world->cases, device->address, other, CASE_OTHER_CARD);
        else
                case_drop(world->cases, device->address);
}

/* Waiting cards are tried again, the last card first. */
static void end_job(Pass *pass) {
        World *world = pass->world;
        const TruthDevice *device = g_steal_pointer(&pass->job);
        Case *entry = case_find(world->cases, device->address);

        if (!*predict(world, device, find_rule(world, entry->rule))) {
                pass->taken = true;
                for (unsigned i = 0; i < pass->waiting->len; i++)
                        case_find(world->cases, ((const TruthDevice *)pass->waiting->pdata[i])->address)->status =
                                        CASE_APPLIED;
                expectation_add(world, EXPECT_DETACH, device, pass->fresh);
                note_companions(world, device, entry->rule, true);
                if (!entry->rule)
                        case_drop(world->cases, device->address);
                return;
        }
        refuse(pass, device);
        while (!pass->job && pass->waiting->len > 0)
                attempt(pass, g_ptr_array_steal_index(pass->waiting, pass->waiting->len - 1));
}

/* The rule was refused. vfiod removes an early driver_override that udev may have set for the rule. */
static void note_refused(Pass *pass, const TruthDevice *device) {
        bool early = pass->fresh ? match(pass->world, device, NULL) != NULL : !*device->driver,
             release = early && !world_claim(pass->world, device);

        expectation_add(pass->world, release ? EXPECT_RELEASE : EXPECT_UNCHANGED, device, pass->fresh);
}

/* Applies the rules to these cards, which are all of one group. */
static void apply_rules(World *world, const GPtrArray *devices, bool fresh) {
        g_autoptr(GPtrArray) waiting = g_ptr_array_new(), refused = g_ptr_array_new();
        Pass pass = {.world = world, .fresh = fresh, .waiting = waiting, .refused = refused};

        for (unsigned i = 0; i < devices->len; i++)
                consider(&pass, devices->pdata[i]);
        while (pass.job)
                end_job(&pass);
        for (unsigned i = 0; !pass.taken && i < refused->len; i++)
                note_refused(&pass, refused->pdata[i]);
}

void keeper_expect_arrival(World *world, const char *address) {
        g_autoptr(GPtrArray) devices = g_ptr_array_new();

        world_read(world);
        const TruthDevice *device = world_device(world, address);
        case_drop(world->cases, address);
        if (!device || slot_find(address)->is_bridge)
                return;
        g_ptr_array_add(devices, (void *)device);
        apply_rules(world, devices, true);
}

/* The endpoints of the group of this slot, or the only card if it has no group. Empty if an earlier slot has
 * returned this group. */
static GPtrArray *find_group(const World *world, unsigned slot) {
        const TruthDevice *first = world_device(world, slots[slot].address);
        GPtrArray *devices = g_ptr_array_new();

        for (unsigned i = 0; first && !slots[slot].is_bridge && i < n_slots; i++) {
                const TruthDevice *device = world_device(world, slots[i].address);

                if (!device || slots[i].is_bridge ||
                                (device != first && (first->group < 0 || device->group != first->group)))
                        continue;
                if (i < slot)
                        break;
                g_ptr_array_add(devices, (void *)device);
        }
        return devices;
}

static void apply_all_rules(World *world, int but_group) {
        for (unsigned i = 0; i < n_slots; i++) {
                g_autoptr(GPtrArray) devices = find_group(world, i);

                if (devices->len > 0 && (slots[i].group < 0 || slots[i].group != but_group) &&
                                !world_is_uncertain(world, slots[i].group))
                        apply_rules(world, devices, false);
        }
}

/* The daemon loads the module by itself if there is a valid rule. */
static void load_vfio(World *world) {
        if (!rulebook_has_rules(world->rulebook) || !g_hash_table_remove(world->missing, VFIO))
                return;
        history_note("modprobe " VFIO);
        world_mark_all_changed(world);
        fake_kernel_do(world->kernel, "modprobe " VFIO);
}

void keeper_await_rescan(World *world) {
        g_auto(Answer) answer = {};

        vfiod_call(world->vfiod, &answer, PATH, MANAGER, "Rescan", "a{sv}", 0);
        vfiod_await(world->vfiod, &answer);
        g_assert_cmpstr(answer.error, ==, NULL);
}

void keeper_reload(World *world) {
        load_vfio(world);
        vfiod_await_idle(world->vfiod, NO_GROUP);
        world_read(world);
        apply_all_rules(world, NO_GROUP);
        keeper_await_rescan(world);
}

bool keeper_has_degraded(const World *world, int group) {
        for (unsigned i = 0; i < n_slots; i++) {
                const Claim *claim = slots[i].group == group ? ledger_find(world->ledger, slots[i].address) : NULL;

                if (claim && claim->phase != CLAIM_DETACHED)
                        return true;
        }
        return false;
}

/* Cards that another program bound to a host driver while no daemon was running. */
static void forget_rebound(World *world) {
        for (unsigned i = 0; i < n_slots; i++) {
                const TruthDevice *device = world_device(world, slots[i].address);
                const Claim *claim = device ? world_claim(world, device) : NULL;

                if (claim && claim->phase == CLAIM_DETACHED && *device->driver && !truth_is_on_vfio(device))
                        ledger_drop(world->ledger, device->address);
        }
}

void keeper_start_daemon(World *world, int but_group) {
        load_vfio(world);
        world_read(world);
        g_hash_table_remove_all(world->cases);
        for (unsigned i = 0; i < n_slots; i++)
                if (keeper_concerns(world, slots[i].group) &&
                                (slots[i].group == but_group || keeper_has_degraded(world, slots[i].group)))
                        world_make_uncertain(world, slots[i].group);
        if (but_group == NO_GROUP)
                forget_rebound(world);
        apply_all_rules(world, but_group);
        vfiod_start(world->vfiod);
}

static bool means_slot(const Rule *rule, const Slot *slot) {
        char ids[IDS_MAX];

        if (rule->address)
                return g_str_equal(rule->address, slot->address);
        if (!slot->card)
                return g_str_equal(rule->ids, VF_IDS);
        return g_str_equal(rule->ids, card_ids(slot->card, ids)) ||
                        (slot->other_card && g_str_equal(rule->ids, card_ids(slot->other_card, ids)));
}

bool keeper_concerns(const World *world, int group) {
        for (unsigned k = 0; k < n_rule_names; k++) {
                const Rule *rule = find_rule(world, rule_names[k]);

                for (unsigned i = 0; rule && i < n_slots; i++)
                        if (slots[i].group == group && means_slot(rule, &slots[i]))
                                return true;
        }
        return false;
}

static void review(World *world, const Slot *slot) {
        Case *entry = case_find(world->cases, slot->address);
        const TruthDevice *device = world_device(world, slot->address);
        const Claim *claim = ledger_find(world->ledger, slot->address);
        const char *state = model_device_state(device, claim);

        if (!entry)
                return;
        if (!device)
                case_drop(world->cases, slot->address);
        else if (g_str_equal(state, "detached") && entry->status != CASE_OTHER_CARD)
                entry->status = CASE_APPLIED;
        else if (entry->status == CASE_APPLIED &&
                        (g_str_equal(state, "host") || (g_str_equal(state, "driverless") && !claim)))
                entry->status = CASE_RELEASED;
}

static void adopt(World *world, CaseTable *reported) {
        for (unsigned i = 0; i < n_slots; i++) {
                const Case *entry = case_find(reported, slots[i].address);

                if (!world_is_uncertain(world, slots[i].group))
                        continue;
                if (entry)
                        case_put(world->cases, slots[i].address, entry->rule, entry->status);
                else
                        case_drop(world->cases, slots[i].address);
        }
}

void keeper_review(World *world) {
        g_auto(Answer) answer = {};

        for (unsigned i = 0; i < n_slots; i++)
                if (world->busy_group == NO_GROUP || slots[i].group != world->busy_group)
                        review(world, &slots[i]);
        if (world->busy_group != NO_GROUP)
                return;
        vfiod_call(world->vfiod, &answer, PATH, MANAGER, "ListRules", "");
        vfiod_await(world->vfiod, &answer);
        g_assert_cmpstr(answer.error, ==, NULL);
        g_autoptr(GHashTable) reported = case_table_parse(answer.values[0]);
        adopt(world, reported);
        g_autofree char *expected = case_table_to_text(world->cases), *found = case_table_to_text(reported);
        text_compare(expected, found, "the daemon reports wrong rule states");
}
