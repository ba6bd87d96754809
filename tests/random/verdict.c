/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verdict.h"
#include "history.h"

#include <string.h>

#define VFIO "vfio-pci"

static bool is_changed(const World *world, const char *address) {
        return g_hash_table_contains(world->changed, address);
}

static bool has_binding(const TruthDevice *device, const char *driver, const char *override) {
        return g_str_equal(device->driver, driver) && g_str_equal(device->override, override);
}

/* The card before and after, for messages. */
static char *describe(const World *world, const Call *call, const char *address) {
        const TruthDevice *before = truth_find(call->before, address), *after = world_device(world, address);

        g_autofree char *claim = claim_to_text(ledger_find(call->ledger, address));

        return g_strdup_printf("ledger: %s\nbefore: %s\nafter:  %s\nanswer: %s %s", claim,
                        before ? before->all : "none", after ? after->all : "none",
                        call->answer.is_given ? call->answer.error ?: "success" : "none", call->answer.message ?: "");
}

#define MUST_BE(condition, world, call, address, what) \
        do { \
                if (!(condition)) { \
                        g_autofree char *description_ = describe(world, call, address); \
                        g_error("%s: " what "\n%s", address, description_); \
                } \
        } while (false)

static bool is_detached(const TruthDevice *device) {
        return device && has_binding(device, VFIO, VFIO);
}

static bool is_unchanged(const World *world, const Call *call, const char *address) {
        const TruthDevice *before = truth_find(call->before, address), *after = world_device(world, address);

        return after && g_str_equal(before->all, after->all);
}

static bool is_restored(const World *world, const Call *call, const char *address) {
        const Claim *claim = ledger_find(call->ledger, address);
        const TruthDevice *after = world_device(world, address);
        char names[64];

        if (!after || !has_binding(after, claim->any_driver ? after->driver : claim->driver, claim->override) ||
                        !g_str_equal(after->power, claim->power))
                return false;
        world_names(after, names, sizeof(names));
        if (claim->any_driver && truth_is_on_vfio(after))
                return false;
        return claim->any_driver || claim->just_plugged || g_str_equal(names, claim->names);
}

/* VFs that were removed and created again have the same binding as before. */
static bool vf_is_unchanged(const World *world, const Call *call, const char *address) {
        const TruthDevice *before = truth_find(call->before, address), *after = world_device(world, address);

        if (!before || !after)
                return before == after;
        return has_binding(after, before->driver, before->override) && g_str_equal(after->power, before->power);
}

static bool vf_is_restored(const World *world, const Call *call, const char *address) {
        const Claim *claim = ledger_find(call->ledger, address);
        const TruthDevice *after = world_device(world, address);

        return after && (claim->any_driver ? !truth_is_on_vfio(after) : g_str_equal(after->driver, claim->driver)) &&
                        g_str_equal(after->override, claim->override) && g_str_equal(after->power, claim->power);
}

static void must_be_unchanged(const World *world, const Call *call) {
        for (unsigned i = 0; i < call->following->len; i++) {
                const char *address = call->following->pdata[i];

                if (!is_changed(world, address) && !is_changed(world, SLOT_PF))
                        MUST_BE(vf_is_unchanged(world, call, address), world, call, address, "was changed");
        }
        for (unsigned i = 0; i < call->planned->len; i++) {
                const char *address = call->planned->pdata[i];

                if (!is_changed(world, address))
                        MUST_BE(is_unchanged(world, call, address), world, call, address, "was changed");
        }
}

static void put_claim(World *world, const Call *call, const char *address, ClaimPhase phase) {
        Claim original = call_original(call, address);

        original.phase = phase;
        ledger_put(world->ledger, &original);
}

/* "ADDRESS BEFORE AFTER DETAILS" for each card whose driver has changed, ordered by address. There are no details. */
static char *expect_changes(const World *world, const Call *call) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (unsigned i = 0; i < call->planned->len; i++) {
                const char *address = call->planned->pdata[i];
                const TruthDevice *before = truth_find(call->before, address);
                const Claim *claim = ledger_find(call->ledger, address);
                const TruthDevice *after = world_device(world, address);
                const char *driver = call->detach ? VFIO : claim->any_driver && after ? after->driver : claim->driver;

                if (!g_str_equal(before->driver, driver))
                        g_string_append_printf(
                                        text, "%s%s %s %s ", text->len > 0 ? "," : "", address, before->driver, driver);
        }
        for (unsigned i = 0; i < call->following->len; i++) {
                const char *address = call->following->pdata[i];
                const TruthDevice *before = truth_find(call->before, address), *after = world_device(world, address);

                if (before && *before->driver)
                        g_string_append_printf(text, "%s%s %s  ", text->len > 0 ? "," : "", address, before->driver);
                else if (!before && after && *after->driver)
                        g_string_append_printf(text, "%s%s  %s ", text->len > 0 ? "," : "", address, after->driver);
        }
        return g_string_free(g_steal_pointer(&text), FALSE);
}

static void on_vfs_done(World *world, const Call *call) {
        for (unsigned i = 0; i < call->following->len; i++) {
                const char *address = call->following->pdata[i];
                bool changed = is_changed(world, address) || is_changed(world, SLOT_PF);

                if (call->detach) {
                        MUST_BE(changed || !world_device(world, address), world, call, address, "has not disappeared");
                        put_claim(world, call, address, CLAIM_DETACHED);
                        ledger_find(world->ledger, address)->has_parent = true;
                } else {
                        MUST_BE(changed || vf_is_restored(world, call, address), world, call, address,
                                        "is not restored");
                        ledger_drop(world->ledger, address);
                }
        }
}

/* The model does not know the state of the VFs and takes it from the daemon. */
static void doubt_vfs(World *world, const Call *call) {
        for (unsigned i = 0; i < call->following->len; i++) {
                Claim claim = {.phase = CLAIM_UNKNOWN};

                (void)g_strlcpy(claim.address, call->following->pdata[i], sizeof(claim.address));
                ledger_put(world->ledger, &claim);
        }
}

static void on_done(World *world, const Call *call) {
        g_autofree char *changes = expect_changes(world, call);

        for (unsigned i = 0; i < call->planned->len; i++) {
                const char *address = call->planned->pdata[i];

                if (!is_changed(world, address) && call->detach)
                        MUST_BE(is_detached(world_device(world, address)), world, call, address, "is not detached");
                if (!is_changed(world, address) && !call->detach)
                        MUST_BE(is_restored(world, call, address), world, call, address, "is not restored");
                if (call->detach)
                        put_claim(world, call, address, CLAIM_DETACHED);
                else
                        ledger_drop(world->ledger, address);
        }
        on_vfs_done(world, call);
        if (!call->detach && call->target.address && !truth_find(call->before, call->target.address))
                ledger_drop(world->ledger, call->target.address);
        /* If there were two workers, only the second reports changes. */
        if (!call->worker_killed)
                g_assert_cmpstr(call->answer.values[0], ==, changes);
}

/* A card without a new claim. But there is only one state file for a slot: when another card in the slot should be
 * detached, vfiod may forget the claim of the previous card, even if the detach fails. */
static void keep_claim(World *world, const Call *call, const char *address) {
        const TruthDevice *before = truth_find(call->before, address);
        Claim *claim = ledger_find(world->ledger, address);

        if (claim && !g_str_equal(claim->ids, before->ids))
                claim->phase = CLAIM_DOUBTFUL;
}

static void on_rolled_back(World *world, const Call *call) {
        must_be_unchanged(world, call);
        for (unsigned i = 0; i < call->planned->len; i++)
                keep_claim(world, call, call->planned->pdata[i]);
}

/* How the message describes a card that differs from before; NULL if it does not differ. */
static char *describe_remains(const World *world, const Call *call, const char *address) {
        const TruthDevice *before = truth_find(call->before, address), *after = world_device(world, address);

        if (!after || !g_str_equal(before->ids, after->ids))
                return g_strdup_printf("%s is gone from its slot", address);
        if (has_binding(after, before->driver, before->override))
                return NULL;
        return g_strdup_printf("%s has driver '%s' (before: '%s') and driver_override '%s' (before: '%s')", address,
                        after->driver, before->driver, after->override, before->override);
}

/* After a detach: a card that was pulled needs no restoration. A card that had a state file before keeps it
 * unchanged. */
static void note_degraded_detach(World *world, const Call *call, const char *address, bool remains, bool changed) {
        const TruthDevice *before = truth_find(call->before, address), *after = world_device(world, address);
        const Claim *claim = ledger_find(call->ledger, address);
        bool recorded = claim && g_str_equal(claim->ids, before->ids);

        if (changed)
                put_claim(world, call, address, CLAIM_DOUBTFUL);
        else if (recorded)
                return;
        else if (remains && after && g_str_equal(after->ids, before->ids))
                put_claim(world, call, address, CLAIM_DEGRADED);
        else
                keep_claim(world, call, address);
}

/* After a reattach, the state files describe what the cards still lack. */
static void note_degraded_reattach(World *world, const Call *call, const char *address, bool changed) {
        const TruthDevice *before = truth_find(call->before, address), *after = world_device(world, address);
        Claim *claim = ledger_find(world->ledger, address);

        if (changed)
                claim->phase = CLAIM_DOUBTFUL;
        else if (!after || !g_str_equal(after->ids, before->ids) ||
                        (has_binding(after, before->driver, before->override) &&
                                        g_str_equal(after->power, before->power)))
                return;
        else if (is_restored(world, call, address))
                ledger_drop(world->ledger, address);
        else
                claim->phase = CLAIM_DEGRADED;
}

static void on_degraded(World *world, const Call *call) {
        const char *said = strstr(call->answer.message, "vfiod could not undo all changes: ");
        unsigned n_differ = 0;

        g_assert_nonnull(said);
        for (unsigned i = 0; i < call->planned->len; i++) {
                const char *address = call->planned->pdata[i];
                g_autofree char *remains = describe_remains(world, call, address);
                bool changed = is_changed(world, address);

                n_differ += remains || changed;
                if (!changed)
                        MUST_BE(remains ? strstr(said, remains) != NULL : strstr(said, address) == NULL, world, call,
                                        address, "is not as the answer says");
                if (call->detach)
                        note_degraded_detach(world, call, address, remains, changed);
                else
                        note_degraded_reattach(world, call, address, changed);
        }
        doubt_vfs(world, call);
        g_assert_true(n_differ > 0 || call->following->len > 0);
}

/* There was no answer, or no answer about the end. All cards must be detached or all must be attached, and the state
 * files must agree. */
static void on_unknown_end(World *world, const Call *call) {
        bool recovery_failed = call->recovery_failed ||
                        (call->answer.message && strstr(call->answer.message, "could not undo its changes"));
        unsigned n_new = 0, n_old = 0, n = 0;

        for (unsigned i = 0; i < call->planned->len; i++) {
                const char *address = call->planned->pdata[i];

                if (is_changed(world, address) || !world_device(world, address))
                        continue;
                n++;
                n_old += is_unchanged(world, call, address);
                n_new += call->detach ? is_detached(world_device(world, address)) : is_restored(world, call, address);
        }
        doubt_vfs(world, call);
        if (!call->detach && call->target.address && !truth_find(call->before, call->target.address)) {
                Claim *claim = ledger_find(world->ledger, call->target.address);

                if (claim)
                        claim->phase = CLAIM_DOUBTFUL;
        }
        for (unsigned i = 0; i < call->planned->len; i++) {
                const char *address = call->planned->pdata[i];

                MUST_BE(n_new == n || n_old == n || recovery_failed, world, call, address, "was left in a mixed state");
                if (is_changed(world, address) || recovery_failed || (n_old == n && n_new == n)) {
                        put_claim(world, call, address, CLAIM_DOUBTFUL);
                } else if (n_old == n) {
                        Claim *claim = ledger_find(world->ledger, address);

                        if (claim)
                                claim->phase = CLAIM_DOUBTFUL;
                        keep_claim(world, call, address);
                } else if (call->detach) {
                        put_claim(world, call, address, CLAIM_DETACHED);
                } else
                        ledger_drop(world->ledger, address);
        }
}

static bool is_one_of(const char *text, const char *const *list) {
        return g_strv_contains(list, text);
}

static void check_error(const Call *call, const char *error) {
        static const char *const undone[] = {"", "RolledBack", "Degraded", NULL};
        static const char *const ended[] = {"", "RolledBack", "Degraded", "Failed", "Cancelled", NULL};

        if (!call->is_disturbed || (*call->predicted && !call->worker_killed)) {
                if (!g_str_equal(error, call->predicted))
                        g_error("'%s' instead of '%s': %s", error, call->predicted, call->answer.message);
        } else if (!g_str_equal(error, call->predicted) && !g_str_equal(error, "Cancelled"))
                g_assert_true(is_one_of(error, call->worker_killed ? ended : undone));
}

void verdict_on_call(World *world, const Call *call) {
        const char *error = call->answer.error ?: "";

        history_note("ended with '%s'", call->answer.is_given ? error : "no answer");
        if (call->daemon_killed || !call->answer.is_given) {
                g_assert_true(call->daemon_killed);
                on_unknown_end(world, call);
                return;
        }
        /* The caller got the answer that the call takes longer. It has ended by now. */
        if (call->force && g_str_equal(error, "Stuck")) {
                on_unknown_end(world, call);
                return;
        }
        check_error(call, error);
        if (*error == '\0')
                on_done(world, call);
        else if (g_str_equal(error, "RolledBack") || g_str_equal(error, "Cancelled"))
                on_rolled_back(world, call);
        else if (g_str_equal(error, "Degraded"))
                on_degraded(world, call);
        else if (g_str_equal(error, "Failed") && call->worker_killed &&
                        !strstr(call->answer.message, "before it changed anything"))
                on_unknown_end(world, call);
        else {
                /* The call was refused. */
                must_be_unchanged(world, call);
                if (!call->is_disturbed && world->busy_group == NO_GROUP)
                        g_hash_table_remove_all(world->permitted);
        }
}
