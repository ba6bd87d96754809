/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"

#include <jansson.h>

/* Changes one value in a JSON text, so that the text stays JSON: random bytes seldom do. The input can be several texts with
 * lines "---" between them. */

#define SEPARATOR "\n---\n"

/* A value in its array or object. */
typedef struct Place {
        json_t *parent;
        const char *key; /* NULL in an array */
        size_t index;
        json_t *value;
} Place;

static void collect(json_t *json, GArray *places) {
        const char *key;
        json_t *value;
        size_t i;

        json_object_foreach(json, key, value) {
                g_array_append_vals(places, &(Place){json, key, 0, value}, 1);
                collect(value, places);
        }
        json_array_foreach(json, i, value) {
                g_array_append_vals(places, &(Place){json, NULL, i, value}, 1);
                collect(value, places);
        }
}

static json_t *make_string(GRand *random) {
        static const char *const strings[] = {"", "0000:03:01.0", "0000:07:00.0", "ffffffff:ff:1f.7", "net", "block",
                        "detach", "reattach", "set-virtual-functions", "reset", "vanish", "appear", "forget",
                        "wait-node", "set-vfs", "override", "vfio-pci", "making", "made", "kept", "done", "detached"};

        if (g_rand_int_range(random, 0, 8) > 0)
                return json_string(strings[g_rand_int_range(random, 0, G_N_ELEMENTS(strings))]);
        g_autofree char *text = g_strnfill((gsize)g_rand_int_range(random, 1, 300), 'x');
        return json_string(text);
}

static json_t *make_value(GRand *random) {
        static const json_int_t numbers[] = {-2, -1, 0, 1, 2, 3, 255, 256, 65535, 65536, 0xffffff, INT32_MAX,
                        UINT32_MAX, 1LL << 32, INT64_MIN, INT64_MAX};

        switch (g_rand_int_range(random, 0, 8)) {
        case 0:
                return json_boolean(g_rand_boolean(random));
        case 1:
                return json_null();
        case 2:
                return json_array();
        case 3:
                return json_object();
        case 4:
                return json_real(0.5);
        case 5:
        case 6:
                return make_string(random);
        default:
                return json_integer(numbers[g_rand_int_range(random, 0, G_N_ELEMENTS(numbers))]);
        }
}

static void replace(const Place *place, json_t *value) {
        (void)(place->key ? json_object_set_new(place->parent, place->key, value)
                          : json_array_set_new(place->parent, place->index, value));
}

static void mutate(GRand *random, const GArray *places) {
        const Place *place = &g_array_index(places, Place, g_rand_int_range(random, 0, (gint32)places->len)),
                    *other = &g_array_index(places, Place, g_rand_int_range(random, 0, (gint32)places->len));

        switch (g_rand_int_range(random, 0, 6)) {
        case 0: /* remove it */
                (void)(place->key ? json_object_del(place->parent, place->key)
                                  : json_array_remove(place->parent, place->index));
                break;
        case 1: /* put a copy of another value there */
                replace(place, json_deep_copy(other->value));
                break;
        case 2: /* add a copy to an array, or to an object under the name of another */
                if (place->key)
                        (void)json_object_set_new(
                                        place->parent, other->key ? other->key : "", json_deep_copy(place->value));
                else
                        (void)json_array_insert_new(place->parent, place->index, json_deep_copy(other->value));
                break;
        case 3: /* a similar number */
                if (json_is_integer(place->value)) {
                        json_int_t number = json_integer_value(place->value);

                        replace(place,
                                        json_integer((json_int_t)((uint64_t)number +
                                                        (g_rand_boolean(random) ? 1 : -1ULL))));
                        break;
                }
                /* fall through */
        default:
                replace(place, make_value(random));
        }
}

/* Returns the text with one change, NULL if it is not JSON. The caller frees it. */
static char *mutate_text(GRand *random, const char *text) {
        json_t *json = json_loads(text, 0, NULL);
        g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(Place));
        char *changed = NULL;

        collect(json, places);
        if (places->len > 0) {
                mutate(random, places);
                changed = json_dumps(json, JSON_COMPACT);
        }
        json_decref(json);
        return changed;
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed) {
        g_autofree char *text = fuzz_text(data, size);
        g_auto(GStrv) parts = g_strsplit(text, SEPARATOR, -1);
        GRand *random = g_rand_new_with_seed(seed);
        guint n = g_strv_length(parts);
        bool changed = false;

        if (n > 0 && g_rand_int_range(random, 0, 8) > 0) {
                guint i = (guint)g_rand_int_range(random, 0, (gint32)n);
                char *part = mutate_text(random, parts[i]);

                changed = part != NULL;
                if (part) {
                        g_free(parts[i]);
                        parts[i] = part;
                }
        }
        g_rand_free(random);
        g_autofree char *whole = g_strjoinv(SEPARATOR, parts);
        if (!changed || strlen(whole) > size_max)
                return LLVMFuzzerMutate(data, size, size_max);
        memcpy(data, whole, strlen(whole));
        return strlen(whole);
}
