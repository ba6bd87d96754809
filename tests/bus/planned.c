/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planned.h"

#include <string.h>

void planned_clear(Planned *planned) {
        g_free(planned->steps);
        g_free(planned->findings);
        g_free(planned->fingerprint);
        g_variant_unref(planned->step_list);
}

Planned plan_make(Fixture *fixture, const char *arguments) {
        g_autoptr(GVariant) reply = NULL, findings = NULL, details = NULL;
        g_autoptr(GError) error = NULL;
        Planned planned = {};
        gboolean would_go;

        reply = fixture_call(fixture, BUS_PATH, MANAGER, "Plan", arguments, &error);
        g_assert_no_error(error);
        g_variant_get(reply, "(b@a(sssa{sv})@a(sssba{sv})s@a{sv})", &would_go, &planned.step_list, &findings,
                        &planned.fingerprint, &details);
        planned.would_go = would_go;
        planned.steps = g_variant_print(planned.step_list, false);
        planned.findings = g_variant_print(findings, false);
        g_assert_cmpuint(strlen(planned.fingerprint), ==, 16);
        return planned;
}

char *fingerprint_of(Fixture *fixture, const char *arguments) {
        g_auto(Planned) planned = plan_make(fixture, arguments);

        return g_steal_pointer(&planned.fingerprint);
}

unsigned count_state_files(Fixture *fixture) {
        static const char *const folders[] = {"devices", "transactions"};
        unsigned n = 0;

        for (unsigned i = 0; i < G_N_ELEMENTS(folders); i++) {
                g_autofree char *path = g_build_filename(fixture->state_folder, folders[i], NULL);
                g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);

                g_assert_nonnull(folder);
                while (g_dir_read_name(folder))
                        n++;
        }
        return n;
}
