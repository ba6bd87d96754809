/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"
#include "history.h"

#include <string.h>

#define MANAGER_PATH "/org/vfiod1"
#define MANAGER "org.vfiod1.Manager"

static Target choose_target(World *world) {
        const Slot *slot;

        do
                slot = &slots[world_random(world, n_slots)];
        while (slot->group == world->busy_group);
        const TruthDevice *device = world_device(world, slot->address);
        if (slot->group >= 0 && world_chance(world, 4))
                return (Target){.group = slot->group};
        return (Target){.address = slot->address, .group = device ? device->group : -1};
}

/* "pci_0000_03_01_0" */
static char *libvirt_name(const char *address) {
        g_autofree char *text = g_strdup_printf("pci_%s", address);

        return g_strdelimit(g_steal_pointer(&text), ":.", '_');
}

/* A name that the card has, or had when it was detached. */
static char *host_name(World *world, const char *address) {
        const TruthDevice *device = world_device(world, address);
        const Claim *claim = ledger_find(world->ledger, address);
        char names[64] = "";

        if (device)
                world_names(device, names, sizeof(names));
        if (!*names && claim)
                (void)g_strlcpy(names, claim->names, sizeof(names));
        return *names ? g_strndup(names, strcspn(names, ",")) : NULL;
}

static char *choose_selector(World *world, const Target *target) {
        if (!target->address)
                return g_strdup_printf("group:%d", target->group);
        char *name = world_chance(world, 3) ? host_name(world, target->address) : NULL;
        if (name)
                return name;
        return world_chance(world, 8) ? libvirt_name(target->address) : g_strdup(target->address);
}

/* Everything that a plan depends on: the cards, the driver and override of each, those that a reattach would
 * restore, and the expected refusal. */
static char *describe_ground(World *world, const Call *call) {
        g_autoptr(GString) text = g_string_new(call->predicted);

        for (unsigned i = 0; i < call->planned->len; i++) {
                const TruthDevice *device = truth_find(call->before, call->planned->pdata[i]);
                const Claim *claim = call->detach ? NULL : ledger_find(world->ledger, device->address);

                g_string_append_printf(text, " %s %s %s %s %s %s;", device->address, device->ids, device->driver,
                                device->override, claim ? claim->driver : "", claim ? claim->override : "");
        }
        return g_string_free(g_steal_pointer(&text), FALSE);
}

/* A refusal tests little, so most calls should be able to succeed. */
#define TRIES 4

static void choose(World *world, Call *call) {
        for (unsigned i = 0; i == 0 || (i < TRIES && *call->predicted); i++) {
                call->target = choose_target(world);
                call->consent = !world_chance(world, 8);
                /* An unbind of a PF waits for the VMs that use its VFs. */
                call->override = world_chance(world, 8) && g_hash_table_size(world->vms) == 0;
                call->predicted = call->detach
                                ? model_predict_detach(world, &call->target, call->consent, call->override)
                                : model_predict_reattach(world, &call->target, false);
        }
}

/* A reattach of the PF creates as many VFs as it had, even if vfiod has forgotten a VF meanwhile. */
static void mark_forgotten_vfs(World *world, const Call *call) {
        const Claim *pf_claim = ledger_find(world->ledger, SLOT_PF);

        if (call->detach || !pf_claim || !pf_claim->has_vfs || !call_plans(call, SLOT_PF))
                return;
        for (unsigned i = 0; i < n_slots; i++)
                if (!slots[i].card &&
                                !g_ptr_array_find_with_equal_func(call->following, slots[i].address, g_str_equal, NULL))
                        world_mark_changed(world, slots[i].address);
}

void call_predict_again(World *world, Call *call) {
        const TruthDevice *device = call->target.address ? world_device(world, call->target.address) : NULL;

        if (call->target.address)
                call->target.group = device ? device->group : -1;
        g_clear_pointer(&call->planned, g_ptr_array_unref);
        g_clear_pointer(&call->following, g_ptr_array_unref);
        truth_free(call->before);
        ledger_free(call->ledger);
        if (call->detach) {
                call->predicted = model_predict_detach(world, &call->target, call->consent, call->override);
                call->planned = model_plan_detach(world, &call->target);
        } else {
                call->predicted = model_predict_reattach(world, &call->target, call->force);
                call->planned = model_plan_reattach(world, &call->target);
        }
        call->before = truth_read(world->kernel);
        call->ledger = ledger_copy(world->ledger);
        for (unsigned i = 0; i < call->planned->len; i++)
                world_permit(world, call->planned->pdata[i], truth_find(call->before, call->planned->pdata[i])->ids);
        call->following = model_following(world, call->planned, call->detach);
        for (unsigned i = 0; i < call->following->len; i++)
                world_permit(world, call->following->pdata[i], VF_IDS);
        mark_forgotten_vfs(world, call);
        if (call->depended_on) {
                /* The name may not exist any more. */
                g_free(call->selector);
                call->selector = call->target.address ? g_strdup(call->target.address)
                                                      : g_strdup_printf("group:%d", call->target.group);
                g_autofree char *depends_on = describe_ground(world, call);

                if (!g_str_equal(depends_on, call->depended_on) && model_is_decided_late(call->predicted))
                        call->predicted = "PlanStale";
        }
}

Call *call_new(World *world, bool detach) {
        Call *call = g_new0(Call, 1);

        call->detach = detach;
        choose(world, call);
        call->selector = choose_selector(world, &call->target);
        if (!detach)
                call->target = model_find_returning(world, &call->target);
        call_predict_again(world, call);
        return call;
}

Call *call_new_forced(World *world, int group) {
        Call *call = g_new0(Call, 1);

        call->target = (Target){.group = group};
        call->selector = g_strdup_printf("group:%d", group);
        call->force = true;
        call_predict_again(world, call);
        return call;
}

Call *call_free(Call *call) {
        if (!call)
                return NULL;
        g_free(call->selector);
        g_free(call->fingerprint);
        g_free(call->depended_on);
        g_ptr_array_unref(call->planned);
        g_ptr_array_unref(call->following);
        truth_free(call->before);
        ledger_free(call->ledger);
        answer_clear(&call->answer);
        g_free(call);
        return NULL;
}

#define MUST(call) g_assert_cmpint(call, >=, 0)

static void append_options(sd_bus_message *message, const Call *call) {
        MUST(sd_bus_message_open_container(message, 'a', "{sv}"));
        if (call->detach && call->consent)
                MUST(sd_bus_message_append(message, "{sv}", "companions", "as", 1, "*"));
        if (call->detach && call->override)
                MUST(sd_bus_message_append(
                                message, "{sv}", "override", "as", 3, "storage", "network", "virtual-functions"));
        if (call->force)
                MUST(sd_bus_message_append(message, "{sv}", "force", "b", 1));
        if (call->fingerprint)
                MUST(sd_bus_message_append(message, "{sv}", "plan", "s", call->fingerprint));
        MUST(sd_bus_message_close_container(message));
}

static void note(const Call *call, const char *method) {
        history_note("%s %s%s%s%s%s, expected to end with '%s'", method, call->selector,
                        call->detach && call->consent ? " with companions" : "",
                        call->detach && call->override ? " with override" : "", call->force ? " by force" : "",
                        call->fingerprint ? " as planned" : "", call->predicted);
}

void call_start(World *world, Call *call) {
        const char *method = call->detach ? "Detach" : "Reattach";
        sd_bus_message *message = vfiod_make_call(world->vfiod, MANAGER_PATH, MANAGER, method);

        note(call, method);
        MUST(sd_bus_message_append(message, "s", call->selector));
        append_options(message, call);
        vfiod_send_call(world->vfiod, &call->answer, message);
}

bool call_plans(const Call *call, const char *address) {
        return g_ptr_array_find_with_equal_func(call->planned, address, g_str_equal, NULL);
}

/* The plan has steps for exactly the cards that the model expects it to change. */
static void check_steps(const Call *call, const char *steps) {
        static const char *const actions[] = {"override", "unbind", "probe"};

        for (unsigned i = 0; i < n_slots; i++)
                for (unsigned k = 0; k < G_N_ELEMENTS(actions); k++) {
                        g_autofree char *step = g_strdup_printf("%s %s ", actions[k], slots[i].address);
                        bool planned = call_plans(call, slots[i].address);

                        if ((strstr(steps, step) != NULL) != planned)
                                g_error("the plan of %s %s '%s': %s", call->selector, planned ? "lacks" : "has", step,
                                                steps);
                }
}

/* What a plan tells as a finding although the call fails with it at once. */
static bool is_obstacle(const char *error) {
        static const char *const names[] = {"GroupNeedsConsent", "NotViable", "Foreign", "AlreadyDetached",
                        "NotDetached", "Busy", "IdentityChanged", "Stuck", "Leased"};

        for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
                if (g_str_equal(error, names[i]))
                        return true;
        return false;
}

void call_plan(World *world, Call *call) {
        sd_bus_message *message = vfiod_make_call(world->vfiod, MANAGER_PATH, MANAGER, "Plan");
        bool late = model_is_decided_late(call->predicted);
        g_auto(Answer) answer = {};

        note(call, call->detach ? "Plan detach" : "Plan reattach");
        MUST(sd_bus_message_append(message, "ss", call->selector, call->detach ? "detach" : "reattach"));
        append_options(message, call);
        vfiod_send_call(world->vfiod, &answer, message);
        vfiod_await(world->vfiod, &answer);
        if (is_obstacle(call->predicted)) {
                g_autofree char *error = g_strdup_printf(" org.vfiod1.Error.%s,", call->predicted);

                g_assert_cmpstr(answer.error ?: "", ==, "");
                if (!g_str_equal(answer.values[0], "no") || !strstr(answer.values[2], error))
                        g_error("the plan would succeed: %s; its findings are: %s", answer.values[0], answer.values[2]);
                return;
        }
        g_assert_cmpstr(answer.error ?: "", ==, late ? "" : call->predicted);
        if (!late)
                return;
        if (g_str_equal(answer.values[0], "yes") != (*call->predicted == '\0'))
                g_error("the plan would succeed: %s; its findings are: %s", answer.values[0], answer.values[2]);
        check_steps(call, answer.values[1]);
        call->fingerprint = g_strdup(answer.values[3]);
        call->depended_on = describe_ground(world, call);
}

Claim call_original(const Call *call, const char *address) {
        const TruthDevice *device = truth_find(call->before, address);
        const Claim *claim = ledger_find(call->ledger, address);
        Claim original = {.phase = CLAIM_DETACHED};

        if (claim && g_str_equal(claim->ids, device->ids)) {
                original = *claim;
                original.phase = CLAIM_DETACHED;
                return original;
        }
        (void)g_strlcpy(original.address, address, sizeof(original.address));
        (void)g_strlcpy(original.ids, device->ids, sizeof(original.ids));
        (void)g_strlcpy(original.driver, device->driver, sizeof(original.driver));
        (void)g_strlcpy(original.override, device->override, sizeof(original.override));
        (void)g_strlcpy(original.power, device->power, sizeof(original.power));
        world_names(device, original.names, sizeof(original.names));
        return original;
}
