/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ledger.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct Ledger {
        GHashTable *claims; /* address -> Claim */
};

Ledger *ledger_new(void) {
        Ledger *ledger = g_new0(Ledger, 1);

        ledger->claims = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
        return ledger;
}

Ledger *ledger_free(Ledger *ledger) {
        if (!ledger)
                return NULL;
        g_hash_table_unref(ledger->claims);
        g_free(ledger);
        return NULL;
}

Claim *ledger_find(const Ledger *ledger, const char *address) {
        return g_hash_table_lookup(ledger->claims, address);
}

void ledger_put(Ledger *ledger, const Claim *claim) {
        Claim *copy = g_memdup2(claim, sizeof(Claim));

        g_hash_table_replace(ledger->claims, copy->address, copy);
}

void ledger_drop(Ledger *ledger, const char *address) {
        g_hash_table_remove(ledger->claims, address);
}

static int compare(const void *a, const void *b) {
        return strcmp(((const Claim *)a)->address, ((const Claim *)b)->address);
}

GList *ledger_list(const Ledger *ledger) {
        return g_list_sort(g_hash_table_get_values(ledger->claims), compare);
}

Ledger *ledger_copy(const Ledger *ledger) {
        g_autoptr(GList) claims = ledger_list(ledger);
        Ledger *copy = ledger_new();

        for (GList *i = claims; i; i = i->next)
                ledger_put(copy, i->data);
        return copy;
}

/* The state files, read without the daemon's own code: a header line, then JSON. */

static void read_binding(json_t *json, Claim *claim) {
        claim->any_driver = json_is_true(json_object_get(json, "any_driver"));
        (void)g_strlcpy(claim->driver, json_string_value(json_object_get(json, "driver")) ?: "", sizeof(claim->driver));
        (void)g_strlcpy(claim->override, json_string_value(json_object_get(json, "override")) ?: "",
                        sizeof(claim->override));
        (void)g_snprintf(claim->power, sizeof(claim->power), "%s %d",
                        json_string_value(json_object_get(json, "power_control")),
                        json_is_true(json_object_get(json, "d3cold_allowed")));
}

static void read_device(const char *address, json_t *json, Ledger *records) {
        json_t *binding, *names, *entry;
        const char *kind, *name;
        int vendor, device, others[4];
        Claim claim = {};
        size_t i;

        g_assert_cmpint(json_unpack(json, "{s:[iiiiii], s:o, s:o}", "ids", &vendor, &device, &others[0], &others[1],
                                        &others[2], &others[3], "binding", &binding, "names", &names),
                        ==, 0);
        /* This test never creates VFs without a driver. */
        g_assert_true(json_is_true(json_object_get(json, "away")));
        (void)g_strlcpy(claim.address, address, sizeof(claim.address));
        (void)g_snprintf(claim.ids, sizeof(claim.ids), "%04x:%04x", (unsigned)vendor, (unsigned)device);
        read_binding(binding, &claim);
        claim.phase = json_is_true(json_object_get(json, "degraded")) ? CLAIM_DEGRADED : CLAIM_DETACHED;
        claim.has_vfs = json_object_get(json, "virtual_functions") != NULL;
        claim.has_parent = json_object_get(json, "parent") != NULL;
        json_array_foreach(names, i, entry) {
                g_assert_cmpint(json_unpack(entry, "[ss]", &kind, &name), ==, 0);
                /* The controller of a disk is not on the bus. */
                if (g_str_equal(kind, "nvme"))
                        continue;
                (void)g_strlcat(claim.names, *claim.names ? "," : "", sizeof(claim.names));
                (void)g_strlcat(claim.names, name, sizeof(claim.names));
        }
        ledger_put(records, &claim);
}

/* The JSON after the header line of this kind. */
static json_t *read_json(const char *path, const char *kind) {
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;

        (void)g_file_get_contents(path, &text, NULL, &error);
        g_assert_no_error(error);
        g_assert_true(g_str_has_prefix(text, kind));
        json_t *json = json_loads(strchr(text, '\n'), 0, NULL);
        g_assert_nonnull(json);
        return json;
}

/* A worker that was killed while it wrote leaves such a file. vfiod ignores it. */
static bool is_unfinished(const char *name) {
        return g_str_has_suffix(name, ".new");
}

static Ledger *read_devices(const char *state_folder) {
        g_autofree char *path = g_build_filename(state_folder, "devices", NULL);
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        Ledger *records = ledger_new();

        for (const char *name; (name = g_dir_read_name(folder));) {
                g_autofree char *file = g_build_filename(path, name, NULL);

                if (is_unfinished(name))
                        continue;
                json_t *json = read_json(file, "vfiod-device 1 ");

                read_device(name, json, records);
                json_decref(json);
        }
        return records;
}

/* Every transaction has ended. */
static void check_transactions(const char *state_folder) {
        g_autofree char *path = g_build_filename(state_folder, "transactions", NULL);
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        for (const char *name; (name = g_dir_read_name(folder));)
                if (!is_unfinished(name))
                        g_error("the transaction %s has not ended", name);
}

char *claim_to_text(const Claim *claim) {
        static const char *const phases[] = {"detached", "degraded", "either", "doubtful", "unknown"};

        if (!claim)
                return g_strdup("nothing");
        return g_strdup_printf("%s driver=%s override=%s names=%s power=%s %s%s", claim->ids,
                        claim->any_driver ? "any" : claim->driver, claim->override, claim->names, claim->power,
                        phases[claim->phase], claim->has_parent ? " with parent" : "");
}

/* Everything in the first ledger is the same in the second ledger. */
static void compare_claims(const Ledger *ledger, const Ledger *other, const char *complaint) {
        g_autoptr(GList) claims = ledger_list(ledger);

        for (GList *i = claims; i; i = i->next) {
                const Claim *claim = i->data;
                g_autofree char *text = claim_to_text(claim),
                                *other_text = claim_to_text(ledger_find(other, claim->address));

                if (!g_str_equal(text, other_text))
                        g_error(complaint, claim->address, text, other_text);
        }
}

/* For a card that was just plugged in and had no driver, a first try of vfiod may fail; its rollback can give the
 * card a driver. */
static void allow_driver(Claim *claim, const Claim *record) {
        if (!claim->just_plugged || !claim->any_driver || record->any_driver)
                return;
        claim->any_driver = false;
        (void)g_strlcpy(claim->driver, record->driver, sizeof(claim->driver));
}

void ledger_check(Ledger *ledger, const char *state_folder) {
        g_autoptr(Ledger) records = read_devices(state_folder);
        g_autoptr(GList) claims = ledger_list(ledger);

        check_transactions(state_folder);
        for (GList *i = claims; i; i = i->next) {
                Claim *claim = i->data, *record = ledger_find(records, claim->address);

                if (record) {
                        claim->has_vfs = record->has_vfs;
                        allow_driver(claim, record);
                }
                if (record && claim->just_plugged && !*record->names)
                        *claim->names = '\0';
                if (claim->phase < CLAIM_EITHER)
                        continue;
                /* In this slot there was another card before, so the claim may be about either card. */
                if (record &&
                                (claim->phase == CLAIM_UNKNOWN ||
                                                (claim->phase == CLAIM_DOUBTFUL &&
                                                                !g_str_equal(claim->ids, record->ids)))) {
                        record->just_plugged = true;
                        ledger_put(ledger, record);
                } else if (record) {
                        claim->phase = record->phase;
                        claim->has_parent = record->has_parent;
                } else if (claim->phase >= CLAIM_DOUBTFUL)
                        ledger_drop(ledger, claim->address);
        }
        compare_claims(ledger, records, "%s: the model expects %s, and the state files say %s");
        compare_claims(records, ledger, "%s: the state files say %s, and the model expects %s");
}
