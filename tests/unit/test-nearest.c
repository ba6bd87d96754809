/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/nearest.h"

#include <glib.h>

/* The word that somebody probably meant. */

static void test_distance(void) {
        static const struct {
                const char *a, *b;
                size_t distance;
        } cases[] = {
                        {"", "", 0},
                        {"", "list", 4},
                        {"list", "list", 0},
                        {"list", "lists", 1},
                        {"list", "lst", 1},
                        {"list", "lost", 1},
                        {"list", "lits", 1},
                        {"detatch", "detach", 1},
                        {"ca", "abc", 3},
                        {"kitten", "sitting", 3},
                        {"reattach", "detach", 3},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_assert_cmpuint(nearest_distance(cases[i].a, cases[i].b), ==, cases[i].distance);
                g_assert_cmpuint(nearest_distance(cases[i].b, cases[i].a), ==, cases[i].distance);
        }
        g_autofree char *word = g_strnfill(NEAREST_LENGTH_MAX - 1, 'x'), *longer = g_strnfill(NEAREST_LENGTH_MAX, 'x');
        g_assert_cmpuint(nearest_distance(word, word), ==, 0);
        g_assert_cmpuint(nearest_distance(word, ""), ==, NEAREST_LENGTH_MAX - 1);
        g_assert_cmpuint(nearest_distance(longer, longer), ==, NEAREST_LENGTH_MAX);
}

static const char *find(const char *typed) {
        static const char *const words[] = {"list", "leases", "lease", "detach", "reattach", "jobs"};
        Nearest nearest = NEAREST_NONE;

        for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
                nearest_try(&nearest, typed, words[i]);
        return nearest.word;
}

static void test_nearest(void) {
        g_assert_cmpstr(find("lits"), ==, "list");
        g_assert_cmpstr(find("laese"), ==, "lease");
        g_assert_cmpstr(find("leasses"), ==, "leases");
        g_assert_cmpstr(find("jbos"), ==, "jobs");
        g_assert_cmpstr(find("attach"), ==, "reattach");
        g_assert_cmpstr(find("tach"), ==, "detach");
        g_assert_null(find("eas"));
        g_assert_null(find("x"));
        g_assert_null(find(""));
        g_assert_null(find("show"));
        g_assert_null(find("dxxxch"));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/nearest/distance", test_distance);
        g_test_add_func("/nearest/nearest", test_nearest);
        return g_test_run();
}
