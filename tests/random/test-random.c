/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "history.h"
#include "operation.h"

/* Random operations on a machine with a running daemon. A model that says what must be true checks each result. */

/* Each seed begins with a new machine and a new daemon, and ends them cleanly. Ten thousand operations
 * (--operations=10000) take minutes. */
#define N_SEEDS 2

static int wanted_seed = -1, n_wanted = 1000;
static gboolean verbose;

static void test_seed(const void *data) {
        guint32 seed = GPOINTER_TO_UINT(data);
        World *world = world_new(seed);
        gint64 begin = g_get_monotonic_time();

        history_begin(seed, (unsigned)n_wanted, world->vfiod->log, verbose);
        while (history_count() < (unsigned)n_wanted)
                operation_run(world);
        g_test_message("seed %u: %u operations in %.1f s", seed, history_count(),
                        (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC);
        world_free(world);
}

int main(int argc, char **argv) {
        const GOptionEntry entries[] = {
                        {"seed", 0, 0, G_OPTION_ARG_INT, &wanted_seed, "Run only this seed", "N"},
                        {"operations", 0, 0, G_OPTION_ARG_INT, &n_wanted, "Number of operations in total", "N"},
                        {"verbose", 0, 0, G_OPTION_ARG_NONE, &verbose, "Print each operation", NULL},
                        {},
        };
        g_autoptr(GOptionContext) context = g_option_context_new(NULL);
        g_autoptr(GError) error = NULL;

        /* GLib has an option --seed too, so parse these options first. */
        g_option_context_set_ignore_unknown_options(context, true);
        g_option_context_set_help_enabled(context, false);
        g_option_context_add_main_entries(context, entries, NULL);
        (void)g_option_context_parse(context, &argc, &argv, &error);
        g_assert_no_error(error);
        g_test_init(&argc, &argv, NULL);
        if (wanted_seed < 0)
                n_wanted /= N_SEEDS;
        for (unsigned seed = 1; seed <= N_SEEDS; seed++) {
                unsigned used = wanted_seed >= 0 ? (unsigned)wanted_seed : seed;
                g_autofree char *name = g_strdup_printf("/random/%u", used);

                g_test_add_data_func(name, GUINT_TO_POINTER(used), test_seed);
                if (wanted_seed >= 0)
                        break;
        }
        return g_test_run();
}
