/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planned.h"

#include <string.h>

void planned_clear(Planned *planned) {
        g_free(planned->steps);
        g_free(planned->findings);
        g_free(planned->fingerprint);
        g_variant_unref(planned->step_list);
        g_variant_unref(planned->finding_list);
        g_variant_unref(planned->details);
}

/* Prints the findings without their details. */
static char *print_findings(GVariant *findings) {
        g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(sssba{sv})"));
        const char *guard, *address, *evidence;
        GVariantIter iterator;
        gboolean overridden;

        g_variant_iter_init(&iterator, findings);
        while (g_variant_iter_next(&iterator, "(&s&s&sb@a{sv})", &guard, &address, &evidence, &overridden, NULL))
                g_variant_builder_add(&builder, "(sssba{sv})", guard, address, evidence, overridden, NULL);
        g_autoptr(GVariant) plain = g_variant_ref_sink(g_variant_builder_end(&builder));
        return g_variant_n_children(plain) == 0 ? g_strdup("[]") : g_variant_print(plain, false);
}

void planned_expect_details(const Planned *planned, unsigned index, const char *details) {
        g_assert_cmpuint(index, <, g_variant_n_children(planned->finding_list));
        g_autoptr(GVariant) row = g_variant_get_child_value(planned->finding_list, index);
        g_autoptr(GVariant) value = g_variant_get_child_value(row, 4);
        g_autofree char *text = g_variant_print(value, true);

        g_assert_cmpstr(text, ==, details);
}

Planned plan_make(Fixture *fixture, const char *arguments) {
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        Planned planned = {};
        gboolean would_go;

        reply = fixture_call(fixture, BUS_PATH, MANAGER, "Plan", arguments, &error);
        g_assert_no_error(error);
        g_variant_get(reply, "(b@a(sssa{sv})@a(sssba{sv})s@a{sv})", &would_go, &planned.step_list,
                        &planned.finding_list, &planned.fingerprint, &planned.details);
        planned.would_go = would_go;
        planned.steps = g_variant_print(planned.step_list, false);
        planned.findings = print_findings(planned.finding_list);
        if (planned.would_go || g_variant_n_children(planned.step_list) > 0)
                g_assert_cmpuint(strlen(planned.fingerprint), ==, 16);
        else
                g_assert_cmpstr(planned.fingerprint, ==, "");
        return planned;
}

void plan_expect_obstacle(Fixture *fixture, const char *arguments, const char *name) {
        g_auto(Planned) planned = plan_make(fixture, arguments);
        g_autofree char *prefix = g_strdup_printf("[('%s', ", name);

        g_assert_false(planned.would_go);
        if (!g_str_has_prefix(planned.findings, prefix))
                g_error("Plan%s: %s, and not %s", arguments, planned.findings, name);
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
