/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper.h"
#include "history.h"
#include "model.h"
#include "taking.h"
#include "text-compare.h"

#define VFIO "vfio-pci"
#define MANAGER "org.vfiod1.Manager"
#define PATH "/org/vfiod1"

/* What one look at a group's cards comes to: one job at a time. */
typedef struct Look {
        World *world;
        bool fresh;             /* they were plugged in just now */
        const TruthDevice *job; /* the card that a job is under way for; NULL for none */
        bool taken;
        GPtrArray *waiting, *refused; /* TruthDevice, in the order of the addresses */
} Look;

static const Rule *find_rule(const World *world, const char *name) {
        return name ? rulebook_find(world->rulebook, name) : NULL;
}

static const char *match(const World *world, const TruthDevice *device, const char **ret_other) {
        return rulebook_match(world->rulebook, device->address, device->ids, ret_other);
}

static bool takes_along(const Rule *rule, const char *address) {
        return rule && (rule->takes_all || g_strcmp0(rule->companion, address) == 0);
}

static bool is_kept(const World *world, const TruthDevice *device) {
        const Claim *claim = world_claim(world, device);

        return claim && claim->phase == CLAIM_AWAY;
}

static bool is_given_back(const World *world, const TruthDevice *device) {
        const Case *one = case_find(world->cases, device->address);

        return one && one->status == CASE_RELEASED;
}

/* The rule that took another of the group and this one along. */
static const char *rule_of_group(const World *world, const TruthDevice *device) {
        for (unsigned i = 0; device->group >= 0 && i < n_slots; i++) {
                const TruthDevice *other = world_device(world, slots[i].address);
                const Case *one = other && other != device && other->group == device->group
                                ? case_find(world->cases, other->address)
                                : NULL;

                if (one && one->status == CASE_APPLIED && one->rule && one->rule == match(world, other, NULL) &&
                                takes_along(find_rule(world, one->rule), device->address))
                        return one->rule;
        }
        return NULL;
}

static bool is_detached(const World *world, const TruthDevice *device) {
        return g_str_equal(model_device_state(device, ledger_find(world->ledger, device->address)), "detached");
}

/* As of a call that names the card, with the rule's consent. */
static const char *predict(const World *world, const TruthDevice *device, const Rule *rule) {
        const Target target = {.address = device->address, .group = device->group};
        g_autoptr(GPtrArray) plan = model_plan_detach(world, &target);
        bool consent = true;

        for (unsigned i = 0; i < plan->len; i++) {
                const TruthDevice *member = world_device(world, plan->pdata[i]);

                if (member != device &&
                                (is_given_back(world, member) ||
                                                (!takes_along(rule, member->address) && !is_kept(world, member) &&
                                                                !match(world, member, NULL))))
                        consent = false;
        }
        return model_predict_detach(world, &target, consent, rule && rule->override);
}

static void refuse(Look *look, const TruthDevice *device) {
        Case *one = case_find(look->world->cases, device->address);

        g_ptr_array_add(look->refused, (void *)device);
        if (one->rule)
                one->status = CASE_REFUSED;
        else
                case_drop(look->world->cases, device->address);
}

/* Who gives one of them back is heeded, too. */
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

static void attempt(Look *look, const TruthDevice *device) {
        World *world = look->world;
        Case *one = case_find(world->cases, device->address);

        if (is_detached(world, device)) {
                one->status = CASE_APPLIED;
                note_companions(world, device, one->rule, false);
                return;
        }
        /* One that is another's is refused at once. */
        if (look->job && !truth_is_on_vfio(device)) {
                g_ptr_array_add(look->waiting, (void *)device);
                return;
        }
        /* Somebody took it from vfio-pci. */
        if (!look->fresh && !*device->driver && world_claim(world, device)) {
                one->status = CASE_RELEASED;
                return;
        }
        if (!model_is_decided_late(predict(world, device, find_rule(world, one->rule)))) {
                refuse(look, device);
                return;
        }
        one->status = CASE_APPLIED;
        look->job = device;
}

static void consider(Look *look, const TruthDevice *device) {
        World *world = look->world;
        const char *other = NULL, *rule = match(world, device, &other);
        const Case *one = case_find(world->cases, device->address);

        if (!rule)
                rule = rule_of_group(world, device);
        if (!look->fresh && one && one->status == CASE_RELEASED &&
                        (rule ? g_strcmp0(one->rule, rule) == 0
                              : takes_along(find_rule(world, one->rule), device->address)))
                return;
        if (rule || (look->fresh && is_kept(world, device) && !truth_is_on_vfio(device))) {
                case_put(world->cases, device->address, rule, CASE_WAITING);
                attempt(look, device);
        } else if (other)
                case_put(world->cases, device->address, other, CASE_OTHER_CARD);
        else
                case_drop(world->cases, device->address);
}

/* Those that wait are tried again from the last one. */
static void end_job(Look *look) {
        World *world = look->world;
        const TruthDevice *device = g_steal_pointer(&look->job);
        Case *one = case_find(world->cases, device->address);

        if (!*predict(world, device, find_rule(world, one->rule))) {
                look->taken = true;
                for (unsigned i = 0; i < look->waiting->len; i++)
                        case_find(world->cases, ((const TruthDevice *)look->waiting->pdata[i])->address)->status =
                                        CASE_APPLIED;
                taking_expect(world, TAKING_TAKES, device, look->fresh);
                note_companions(world, device, one->rule, true);
                if (!one->rule)
                        case_drop(world->cases, device->address);
                return;
        }
        refuse(look, device);
        while (!look->job && look->waiting->len > 0)
                attempt(look, g_ptr_array_steal_index(look->waiting, look->waiting->len - 1));
}

/* The card was refused; what udev may have put on it by our rules is taken from it. */
static void leave(Look *look, const TruthDevice *device) {
        bool early = look->fresh ? match(look->world, device, NULL) != NULL : !*device->driver,
             release = early && !world_claim(look->world, device);

        taking_expect(look->world, release ? TAKING_RELEASES : TAKING_LEAVES, device, look->fresh);
}

/* Of these cards, all of one group. */
static void look_at(World *world, const GPtrArray *devices, bool fresh) {
        g_autoptr(GPtrArray) waiting = g_ptr_array_new(), refused = g_ptr_array_new();
        Look look = {.world = world, .fresh = fresh, .waiting = waiting, .refused = refused};

        for (unsigned i = 0; i < devices->len; i++)
                consider(&look, devices->pdata[i]);
        while (look.job)
                end_job(&look);
        for (unsigned i = 0; !look.taken && i < refused->len; i++)
                leave(&look, refused->pdata[i]);
}

void keeper_expect_arrival(World *world, const char *address) {
        g_autoptr(GPtrArray) devices = g_ptr_array_new();

        world_look(world);
        const TruthDevice *device = world_device(world, address);
        case_drop(world->cases, address);
        if (!device || slot_find(address)->is_bridge)
                return;
        g_ptr_array_add(devices, (void *)device);
        look_at(world, devices, true);
}

/* The group's endpoints, or the one card that has no group, from this slot on; none where they were looked at with another slot. */
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

static void look_at_all(World *world, int but_group) {
        for (unsigned i = 0; i < n_slots; i++) {
                g_autoptr(GPtrArray) devices = find_group(world, i);

                if (devices->len > 0 && (slots[i].group < 0 || slots[i].group != but_group) &&
                                !world_is_uncertain(world, slots[i].group))
                        look_at(world, devices, false);
        }
}

/* With rules in force the daemon loads it by itself. */
static void load_vfio(World *world) {
        if (!rulebook_has_rules(world->rulebook) || !g_hash_table_remove(world->missing, VFIO))
                return;
        history_note("modprobe " VFIO);
        world_move_all(world);
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
        vfiod_settle(world->vfiod, NO_GROUP);
        world_look(world);
        look_at_all(world, NO_GROUP);
        keeper_await_rescan(world);
}

bool keeper_has_degraded(const World *world, int group) {
        for (unsigned i = 0; i < n_slots; i++) {
                const Claim *claim = slots[i].group == group ? ledger_find(world->ledger, slots[i].address) : NULL;

                if (claim && claim->phase != CLAIM_AWAY)
                        return true;
        }
        return false;
}

/* What came to the host while no daemon was there. */
static void forget_rebound(World *world) {
        for (unsigned i = 0; i < n_slots; i++) {
                const TruthDevice *device = world_device(world, slots[i].address);
                const Claim *claim = device ? world_claim(world, device) : NULL;

                if (claim && claim->phase == CLAIM_AWAY && *device->driver && !truth_is_on_vfio(device))
                        ledger_drop(world->ledger, device->address);
        }
}

void keeper_start_daemon(World *world, int but_group) {
        load_vfio(world);
        world_look(world);
        g_hash_table_remove_all(world->cases);
        for (unsigned i = 0; i < n_slots; i++)
                if (keeper_concerns(world, slots[i].group) &&
                                (slots[i].group == but_group || keeper_has_degraded(world, slots[i].group)))
                        world_make_uncertain(world, slots[i].group);
        if (but_group == NO_GROUP)
                forget_rebound(world);
        look_at_all(world, but_group);
        vfiod_start(world->vfiod);
}

static bool means_slot(const Rule *rule, const Slot *slot) {
        char ids[IDS_MAX];

        if (rule->address)
                return g_str_equal(rule->address, slot->address);
        if (!slot->card)
                return g_str_equal(rule->ids, VIRTUAL_IDS);
        return g_str_equal(rule->ids, card_ids(slot->card, ids)) ||
                        (slot->stranger && g_str_equal(rule->ids, card_ids(slot->stranger, ids)));
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
        Case *one = case_find(world->cases, slot->address);
        const TruthDevice *device = world_device(world, slot->address);
        const Claim *claim = ledger_find(world->ledger, slot->address);
        const char *state = model_device_state(device, claim);

        if (!one)
                return;
        if (!device)
                case_drop(world->cases, slot->address);
        else if (g_str_equal(state, "detached") && one->status != CASE_OTHER_CARD)
                one->status = CASE_APPLIED;
        else if (one->status == CASE_APPLIED &&
                        (g_str_equal(state, "host") || (g_str_equal(state, "driverless") && !claim)))
                one->status = CASE_RELEASED;
}

static void adopt(World *world, CaseTable *reported) {
        for (unsigned i = 0; i < n_slots; i++) {
                const Case *one = case_find(reported, slots[i].address);

                if (!world_is_uncertain(world, slots[i].group))
                        continue;
                if (one)
                        case_put(world->cases, slots[i].address, one->rule, one->status);
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
        text_compare(expected, found, "what the daemon says of its rules is not so");
}
